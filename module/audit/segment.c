/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing segments: append, sync, rotate, and what to do when the disk says no. How a segment is
 * found and cut at start: recovery.c.
 *
 *      READY ── write fails ──► DIRTY ────┐ restore: cut to the last durable line and sync;
 *        │ ▲───────────────────────────────┤ from SUSPECT also leave the file for another one.
 *        └───── sync fails ───► SUSPECT ───┘ Then write zeros and sync, to prove the disk.
 *
 * After a failed fdatasync(2) the kernel may drop the pages and report success the next time, so
 * that such a file is cut and left.
 */
#include "audit/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/recovery.h"
#include "base/mem.h"
#include "base/state.h"
#include "base/text.h"
#include "codec/timestamp.h"

#define PARTS_MAX 512 /* of one pwritev(2); IOV_MAX is 1,024 */
#define ZEROS_PART ((size_t)64 << 10)
#define PROBE_BYTES_MIN ((uint32_t)4 << 10)
#define PROBE_BYTES_MAX ((uint32_t)256 << 10) /* room for two records of the largest size */
#define SEGMENT_MODE 0640
#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

static ssize_t system_write(int fd, const struct iovec *parts, int count, off_t at)
{
	return pwritev(fd, parts, count, at);
}

static int system_create(int directory, const char *name, int flags, mode_t mode)
{
	return openat(directory, name, flags, mode);
}

const struct segment_io segment_io_system = {
	.write = system_write,
	.sync = fdatasync,
	.truncate = ftruncate,
	.create = system_create,
	.sync_directory = fsync,
};

static const struct state_row states[] = {
	[SEGMENTS_READY] = {"ready", STATE_BIT(SEGMENTS_DIRTY) | STATE_BIT(SEGMENTS_SUSPECT)},
	[SEGMENTS_DIRTY] = {"dirty", STATE_BIT(SEGMENTS_READY) | STATE_BIT(SEGMENTS_SUSPECT)},
	[SEGMENTS_SUSPECT] = {"suspect", STATE_BIT(SEGMENTS_READY)},
};

static struct err move(struct segments *s, enum segments_state to)
{
	if (s->state == to)
		return OK;
	return state_move(states, ARRAY_LEN(states), &s->state, to);
}

/* Moves to `to` and yields E_AUDIT with the errno that made it so. */
static struct err failed(struct segments *s, enum segments_state to, uint32_t cause)
{
	TRY(move(s, to));
	return ERR_DETAIL(E_AUDIT, cause);
}

static void forget(struct segments *s)
{
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
	s->durable = s->written = 0;
}

/* --- Writing. --- */

/* Takes n written bytes off the front; the number of parts that are gone. */
static int parts_advance(struct iovec *parts, int count, size_t n)
{
	int gone = 0;
	while (gone < count && n >= parts[gone].iov_len)
		n -= parts[gone++].iov_len;
	if (gone < count) {
		parts[gone].iov_base = (uint8_t *)parts[gone].iov_base + n;
		parts[gone].iov_len -= n;
	}
	return gone;
}

static struct err write_parts(const struct segments *s, struct iovec *parts, int count,
			      uint64_t *at)
{
	while (count > 0) {
		ssize_t n = s->options.io->write(s->fd, parts, count, (off_t)*at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ERR_DETAIL(E_AUDIT, n < 0 ? errno : EIO);
		*at += (uint64_t)n;
		int gone = parts_advance(parts, count, (size_t)n);
		parts += gone;
		count -= gone;
	}
	return OK;
}

/* iovec has no const; pwritev(2) only reads. */
static struct iovec part_of(const void *ptr, size_t len)
{
	struct iovec part = {.iov_len = len};
	mem_copy(&part.iov_base, sizeof part.iov_base, &ptr, sizeof ptr);
	return part;
}

static const uint8_t newline = '\n';

/* What ends a line may take the place of its last byte. */
static size_t text_of(const struct audit_entry *entry)
{
	return entry->ending.len > 0 ? entry->line.len - 1 : entry->line.len;
}

static struct err write_lines(const struct segments *s, const struct audit_entry *entry,
			      size_t count, uint64_t *at)
{
	struct iovec parts[PARTS_MAX];
	while (count > 0) {
		int n = 0;
		for (; count > 0 && n + 2 <= PARTS_MAX; entry = entry->next, count--) {
			struct view ending = entry->ending;
			if (ending.len == 0)
				ending = view_of(&newline, 1);
			parts[n++] = part_of(entry->line.ptr, text_of(entry));
			parts[n++] = part_of(ending.ptr, ending.len);
		}
		TRY(write_parts(s, parts, n, at));
	}
	return OK;
}

static struct err write_zeros(const struct segments *s, uint64_t *at, uint64_t end)
{
	static const uint8_t zeros[ZEROS_PART];
	struct iovec parts[SEGMENT_ZEROS_MAX / ZEROS_PART];
	while (*at < end) {
		uint64_t left = end - *at;
		int n = 0;
		for (; left > 0 && n < (int)ARRAY_LEN(parts); left -= parts[n++].iov_len)
			parts[n] = part_of(zeros, MIN_OF(left, (uint64_t)ZEROS_PART));
		TRY(write_parts(s, parts, n, at));
	}
	return OK;
}

/* Room for more lines, covered by the sync that follows. Doing without is slower, not wrong. */
static void write_ahead(struct segments *s, uint64_t end, uint64_t bytes)
{
	uint64_t target = MIN_OF(end + s->options.zeros_bytes, s->options.segment_bytes);
	if (s->options.zeros_bytes == 0 || end + bytes <= s->written || target <= s->written)
		return;
	uint64_t at = s->written;
	(void)!err_failed(write_zeros(s, &at, target));
	s->written = at;
}

/* --- Files. --- */

static struct err create(struct segments *s)
{
	char stamp[TIMESTAMP_BASIC_TEXT];
	timestamp_basic(clock_real_ms(s->options.clock), stamp);
	TRY(text_format(s->name, sizeof s->name, "audit-%s-%06llu.jsonl", stamp,
			(unsigned long long)s->sequence + 1));
	const struct segment_io *io = s->options.io;
	s->fd = io->create(s->directory, s->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
			   SEGMENT_MODE);
	if (s->fd < 0)
		return ERR_DETAIL(E_AUDIT, errno);
	s->sequence++;
	s->durable = s->written = 0;
	/* The umask has no say, and the name must outlast a crash before a line in it counts. */
	if (fchmod(s->fd, SEGMENT_MODE) == 0 && io->sync_directory(s->directory) == 0)
		return OK;
	struct err e = ERR_DETAIL(E_AUDIT, errno);
	(void)unlinkat(s->directory, s->name, 0);
	forget(s);
	return e;
}

/* Leaves nothing behind the last durable line, on disk too. */
static struct err cut(struct segments *s)
{
	if (s->options.io->truncate(s->fd, (off_t)s->durable) != 0)
		return ERR_DETAIL(E_AUDIT, errno);
	s->written = s->durable;
	if (s->options.io->sync(s->fd) != 0)
		return failed(s, SEGMENTS_SUSPECT, (uint32_t)errno);
	return OK;
}

static struct err rotate(struct segments *s)
{
	TRY(cut(s));
	forget(s);
	return OK;
}

size_t segments_bytes(const struct audit_entry *entry, size_t count)
{
	size_t bytes = 0;
	for (; count > 0; entry = entry->next, count--)
		bytes += text_of(entry) + MAX_OF(entry->ending.len, (size_t)1);
	return bytes;
}

/* Days end at midnight UTC: the day a segment's name tells counts whole. */
static bool is_of_past(const struct segments *s)
{
	int64_t begun_ms = 0;
	if (s->options.segment_days == 0 || err_failed(segment_begun(s->name, &begun_ms)))
		return false;
	int64_t day = clock_real_ms(s->options.clock) / DAY_MS;
	return day - begun_ms / DAY_MS >= s->options.segment_days;
}

size_t segments_fit(const struct segments *s, const struct audit_entry *first, size_t count)
{
	uint64_t room = s->options.segment_bytes;
	uint64_t need = first->line.len + s->options.ending_bytes + 1;
	if (s->durable + need <= room)
		room -= s->durable; /* else it begins a new segment */
	size_t fit = 1;
	for (const struct audit_entry *entry = first->next; fit < count; entry = entry->next) {
		need += entry->line.len + s->options.ending_bytes + 1;
		if (need > room)
			break;
		fit++;
	}
	return fit;
}

/* Writes and syncs behind the last durable line. */
static struct err put(struct segments *s, const struct audit_entry *first, size_t count,
		      size_t bytes)
{
	uint64_t at = s->durable;
	struct err e = write_lines(s, first, count, &at);
	if (err_failed(e))
		return failed(s, SEGMENTS_DIRTY, e.detail);
	s->written = MAX_OF(s->written, at);
	write_ahead(s, at, bytes);
	if (s->options.io->sync(s->fd) != 0)
		return failed(s, SEGMENTS_SUSPECT, (uint32_t)errno);
	s->durable = at;
	return OK;
}

NODISCARD struct err segments_append(struct segments *s, const struct audit_entry *first,
				     size_t count)
{
	if (s->state != SEGMENTS_READY)
		return ERR(E_AUDIT);
	size_t bytes = segments_bytes(first, count);
	if (s->fd >= 0 && s->durable > 0 &&
	    (s->durable + bytes > s->options.segment_bytes || is_of_past(s)))
		TRY(rotate(s));
	if (s->fd < 0)
		TRY(create(s));
	struct err e = put(s, first, count, bytes);
	/* At once, so that a crash between here and the next probe finds no refused line. */
	if (err_failed(e))
		(void)!err_failed(cut(s));
	return e;
}

/* Leaves a file whose sync failed, and removes it when no line in it counts. */
static void leave(struct segments *s)
{
	if (s->durable == 0)
		(void)unlinkat(s->directory, s->name, 0);
	forget(s);
}

NODISCARD struct err segments_restore(struct segments *s)
{
	if (s->fd >= 0)
		TRY(cut(s));
	if (s->state == SEGMENTS_SUSPECT)
		leave(s);
	TRY(move(s, SEGMENTS_READY));
	if (s->fd < 0)
		TRY(create(s));
	uint64_t at = s->durable;
	uint32_t bytes = MIN_OF(s->options.zeros_bytes, PROBE_BYTES_MAX);
	struct err e = write_zeros(s, &at, at + MAX_OF(bytes, PROBE_BYTES_MIN));
	if (err_failed(e)) {
		e = failed(s, SEGMENTS_DIRTY, e.detail);
		/* The last of a full disk belongs to others until the next probe: the store. */
		(void)!err_failed(cut(s));
		return e;
	}
	s->written = at;
	if (s->options.io->sync(s->fd) != 0)
		return failed(s, SEGMENTS_SUSPECT, (uint32_t)errno);
	return OK;
}

NODISCARD struct err segments_open(struct segments *s, const char *directory,
				   const struct segments_options *options)
{
	*s = (struct segments){.options = *options, .directory = -1, .lock = -1, .fd = -1};
	ENSURE(options->zeros_bytes <= SEGMENT_ZEROS_MAX && options->segment_bytes > 0);
	TRY(recovery_lock(directory, &s->directory, &s->lock));
	struct err e = segment_find(s->directory, UINT64_MAX, s->name, &s->sequence);
	if (err_is(e, E_NOT_FOUND))
		return create(s);
	TRY(e);
	TRY(recovery_open(s->directory, s->name, &s->fd, &s->durable));
	s->written = s->durable;
	return OK;
}

void segments_close(struct segments *s)
{
	/* Zeros that cannot be cut are cut at the next start. */
	if (s->fd >= 0)
		(void)!err_failed(cut(s));
	forget(s);
	if (s->lock >= 0)
		(void)close(s->lock);
	if (s->directory >= 0)
		(void)close(s->directory);
	s->directory = s->lock = -1;
}
