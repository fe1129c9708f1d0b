/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a crash can leave in the newest segment: whole lines that nobody was promised, a part of a
 * line, zeros that were written ahead, and, when the disk stored the pages of one group out of
 * order, zeros with lines behind them. Everything up to the last newline before the first zero is
 * kept. What is promised is always before that.
 */
#include "audit/recovery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/segment.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "codec/timestamp.h"

#define LOCK_NAME "lock"
#define LOCK_MODE 0640
#define TORN_MODE 0640
#define DIGITS_MIN 6
#define WINDOW ((size_t)64 << 10)

/* Hands a descriptor over to its next owner. */
static int take_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

static void close_directory(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d);
}

NODISCARD struct err recovery_lock(const char *path, int *directory, int *lock)
{
	CLEANUP(file_close) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return ERR_DETAIL(E_AUDIT, errno);
	CLEANUP(file_close)
	int held = openat(dir, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, LOCK_MODE);
	if (held < 0)
		return ERR_DETAIL(E_AUDIT, errno);
	if (flock(held, LOCK_EX | LOCK_NB) != 0)
		return ERR_DETAIL(errno == EWOULDBLOCK ? E_ALREADY_RUNNING : E_AUDIT, errno);
	*directory = take_fd(&dir);
	*lock = take_fd(&held);
	return OK;
}

NODISCARD struct err recovery_hold(const char *path, int *lock)
{
	*lock = -1;
	CLEANUP(file_close) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT ? OK : ERR_DETAIL(E_AUDIT, errno);
	CLEANUP(file_close) int held = openat(dir, LOCK_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (held < 0)
		return errno == ENOENT ? OK : ERR_DETAIL(E_AUDIT, errno);
	if (flock(held, LOCK_EX | LOCK_NB) != 0)
		return ERR_DETAIL(errno == EWOULDBLOCK ? E_ALREADY_RUNNING : E_AUDIT, errno);
	*lock = take_fd(&held);
	return OK;
}

/* --- Names. --- */

/* audit-YYYYMMDDThhmmssZ-NNNNNN.jsonl: the number counts, the time is for people. */
bool recovery_parse_name(const char *name, uint64_t *sequence)
{
	static const char shape[] = "audit-########T######Z-";
	struct view text = view_of_text(name);
	struct view digits = view_part(text, sizeof shape - 1, text.len);
	if (digits.len < DIGITS_MIN + sizeof ".jsonl" - 1 ||
	    digits.len >= SEGMENT_NAME_MAX - sizeof shape)
		return false;
	for (size_t i = 0; i < sizeof shape - 1; i++) {
		bool digit = name[i] >= '0' && name[i] <= '9';
		if (shape[i] == '#' ? !digit : name[i] != shape[i])
			return false;
	}
	struct view ending = view_part(digits, digits.len - 6, 6);
	digits.len -= 6;
	int64_t number = 0;
	if (!view_equal_text(ending, ".jsonl") ||
	    err_failed(text_parse_integer(digits, 0, INT64_MAX - 1, &number)))
		return false;
	*sequence = (uint64_t)number;
	return true;
}

NODISCARD struct err segment_begun(const char *name, int64_t *ms)
{
	uint64_t sequence = 0;
	REQUIRE(recovery_parse_name(name, &sequence), E_FORMAT);
	return timestamp_parse_basic(
		view_part(view_of_text(name), sizeof "audit-" - 1, TIMESTAMP_BASIC_TEXT - 1), ms);
}

NODISCARD struct err segment_find(int directory, uint64_t below, char name[SEGMENT_NAME_MAX],
				  uint64_t *sequence)
{
	name[0] = '\0';
	*sequence = 0;
	CLEANUP(file_close) int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(close_directory) DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	if (d == NULL)
		return ERR_DETAIL(E_AUDIT, errno);
	(void)take_fd(&fd); /* closedir() closes it */
	errno = 0;
	for (const struct dirent *entry = readdir(d); entry != NULL; entry = readdir(d)) {
		uint64_t number = 0;
		if (!recovery_parse_name(entry->d_name, &number) || number >= below ||
		    (name[0] != '\0' && number <= *sequence))
			continue;
		TRY(text_copy(name, SEGMENT_NAME_MAX, view_of_text(entry->d_name)));
		*sequence = number;
	}
	if (errno != 0)
		return ERR_DETAIL(E_AUDIT, errno);
	return name[0] != '\0' ? OK : ERR(E_NOT_FOUND);
}

/* --- Mending. --- */

/* What a walk through a segment sees. */
struct scan {
	uint64_t keep; /* behind the last newline before the first NUL */
	uint64_t used; /* behind the last byte that is not NUL */
	uint64_t size; /* of the file */
	bool ended;    /* a NUL was seen */
};

static void scan_window(struct scan *scan, struct view window)
{
	size_t used = window.len;
	while (used > 0 && window.ptr[used - 1] == 0)
		used--;
	if (used > 0)
		scan->used = scan->size + used;
	size_t zero = scan->ended ? 0 : view_find(window, 0);
	size_t line = zero;
	while (line > 0 && window.ptr[line - 1] != '\n')
		line--;
	if (line > 0)
		scan->keep = scan->size + line;
	scan->ended = scan->ended || zero < window.len;
	scan->size += window.len;
}

static struct err read_at(int fd, uint64_t at, uint8_t *room, size_t cap, size_t *n)
{
	ssize_t got = -1;
	do
		got = pread(fd, room, cap, (off_t)at);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return ERR_DETAIL(E_AUDIT, errno);
	*n = (size_t)got;
	return OK;
}

/* Where something was written, at or behind `at`: what never was reads as zeros, of which a file
 * may claim more than anybody can read. */
static uint64_t data_behind(int fd, uint64_t at, uint64_t size)
{
	off_t data = lseek(fd, (off_t)at, SEEK_DATA);
	if (data < 0)
		return errno == ENXIO ? size : at;
	return MIN_OF((uint64_t)data, size);
}

static struct err scan_file(int fd, uint64_t size, uint8_t *room, struct scan *scan)
{
	*scan = (struct scan){0};
	for (size_t n = 1; n > 0;) {
		uint64_t data = data_behind(fd, scan->size, size);
		scan->ended = scan->ended || data > scan->size;
		scan->size = MAX_OF(scan->size, data);
		TRY(read_at(fd, scan->size, room, WINDOW, &n));
		scan_window(scan, view_of(room, n));
	}
	return OK;
}

/* Nothing that was in an audit log is destroyed, a torn end neither: it may be evidence. */
static struct err save_torn(int directory, const char *name, int from, const struct scan *scan,
			    uint8_t *room)
{
	char torn[SEGMENT_NAME_MAX + 8];
	TRY(text_format(torn, sizeof torn, "%s.torn", name));
	CLEANUP(file_close)
	int fd = openat(directory, torn,
			O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
			TORN_MODE);
	if (fd < 0)
		return ERR_DETAIL(E_AUDIT, errno);
	for (uint64_t at = scan->keep; at < scan->used;) {
		size_t n = 0;
		at = data_behind(from, at, scan->used);
		TRY(read_at(from, at, room, MIN_OF(scan->used - at, (uint64_t)WINDOW), &n));
		if (n == 0)
			break;
		struct err e = file_write(fd, view_of(room, n));
		if (err_failed(e))
			return ERR_DETAIL(E_AUDIT, e.detail);
		at += n;
	}
	if (fsync(fd) != 0 || fsync(directory) != 0)
		return ERR_DETAIL(E_AUDIT, errno);
	log_event(LOG_WARNING, "audit.torn_end", LOG_TEXT("segment", name),
		  LOG_NUMBER("bytes", scan->used - scan->keep), LOG_TEXT("saved_as", torn));
	return OK;
}

NODISCARD struct err recovery_open(int directory, const char *name, int *fd, uint64_t *durable)
{
	struct stat st = {0};
	struct scan scan;
	CLEANUP(mem_free_at) uint8_t *room = NULL;
	TRY(MEM_NEW_ARRAY(WINDOW, &room));
	CLEANUP(file_close)
	int segment = openat(directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (segment < 0 || fstat(segment, &st) != 0)
		return ERR_DETAIL(E_AUDIT, errno);
	if (!S_ISREG(st.st_mode))
		return ERR(E_AUDIT);
	TRY(scan_file(segment, (uint64_t)st.st_size, room, &scan));
	if (scan.used > scan.keep)
		TRY(save_torn(directory, name, segment, &scan, room));
	if (scan.keep < scan.size && ftruncate(segment, (off_t)scan.keep) != 0)
		return ERR_DETAIL(E_AUDIT, errno);
	/* Lines that a killed process wrote may be in the page cache alone. */
	if (fdatasync(segment) != 0 || fsync(directory) != 0)
		return ERR_DETAIL(E_AUDIT, errno);
	*fd = take_fd(&segment);
	*durable = scan.keep;
	return OK;
}
