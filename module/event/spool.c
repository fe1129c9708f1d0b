/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file is a log of what came and went. It is emptied when nothing waits, and written anew, in
 * another file that takes its place, when most of it is past or when a write has failed: `stale`
 * means that the file does not say what memory has.
 */
#include "event/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "event/spool_text.h"

#define MODE 0600
#define SUFFIX_ROOM 16
#define PATH_ROOM (PATH_MAX - SUFFIX_ROOM)
#define SLACK_BYTES ((uint64_t)1 << 20) /* past lines that are left standing in any case */
#define PART_BYTES ((size_t)64 << 10)   /* written at a time */
/* What we would let it grow to: live lines, as much again, the slack. */
#define FILE_BYTES_MAX(events) (2 * (uint64_t)(events)*SPOOL_LINE_MAX + 2 * SLACK_BYTES)

struct spool {
	char path[PATH_ROOM];
	int fd;
	uint64_t bytes;      /* of the file */
	uint64_t live_bytes; /* of lines that wait */
	bool stale;
	struct queue queue;
};

static struct err system_failed(void)
{
	return ERR_DETAIL(E_SYSTEM, errno);
}

static uint64_t size_of(const struct queue_entry *entry)
{
	return view_of_text(entry->line).len + 24;
}

/* ---- writing ---- */

/* A name that was made or changed is safe once its folder is. */
static struct err sync_folder(const char *path)
{
	char folder[PATH_MAX] = "";
	struct view all = view_of_text(path);
	while (all.len > 1 && all.ptr[all.len - 1] != '/')
		all.len--;
	TRY(text_copy(folder, sizeof folder, all));
	CLEANUP(file_close) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		return system_failed();
	return OK;
}

static struct err flush(int fd, struct buf *part)
{
	TRY(file_write(fd, buf_view(part)));
	buf_clear(part);
	return OK;
}

static struct err write_all(const struct spool *spool, int fd)
{
	CLEANUP(buf_cleanup) struct buf part;
	buf_init(&part, PART_BYTES + SPOOL_LINE_MAX);
	for (size_t i = 0; i < spool->queue.count; i++) {
		struct writer w;
		writer_init_buf(&w, &part);
		spool_text_put(&w, queue_at(&spool->queue, i));
		TRY(writer_end(&w));
		if (part.len >= PART_BYTES)
			TRY(flush(fd, &part));
	}
	TRY(flush(fd, &part));
	if (fdatasync(fd) != 0)
		return system_failed();
	return OK;
}

/* As a whole: the old file stands until the new one is complete. */
static struct err write_anew(struct spool *spool)
{
	char fresh[PATH_MAX];
	struct stat st = {0};
	TRY(text_format(fresh, sizeof fresh, "%s.new", spool->path));
	if (unlink(fresh) != 0 && errno != ENOENT)
		return system_failed();
	CLEANUP(file_close)
	int fd = open(fresh, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0)
		return system_failed();
	struct err e = write_all(spool, fd);
	if (!err_failed(e) && (fstat(fd, &st) != 0 || rename(fresh, spool->path) != 0))
		e = system_failed();
	if (err_failed(e)) {
		(void)unlink(fresh);
		return e;
	}
	int before = spool->fd;
	spool->fd = fd;
	fd = before; /* closed, and its lock gone */
	spool->bytes = (uint64_t)st.st_size;
	spool->stale = false;
	return sync_folder(spool->path);
}

/* What went in by half is taken out again; if that fails, the file is stale. */
static struct err append(struct spool *spool, struct view line, bool sync)
{
	struct err e = file_write(spool->fd, line);
	if (!err_failed(e) && sync && fdatasync(spool->fd) != 0)
		e = system_failed();
	if (!err_failed(e)) {
		spool->bytes += line.len;
		return OK;
	}
	spool->stale = true;
	return e;
}

NODISCARD struct err spool_mend(struct spool *spool)
{
	return spool->stale ? write_anew(spool) : OK;
}

static void tidy(struct spool *spool)
{
	if (spool->queue.count == 0 && ftruncate(spool->fd, 0) == 0) {
		spool->bytes = spool->live_bytes = 0;
		spool->stale = false;
	} else if (spool->bytes > 2 * spool->live_bytes + SLACK_BYTES) {
		spool->stale = true;
	}
}

/* ---- reading ---- */

static struct err open_file(const char *path, int *out)
{
	const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct stat st = {0};
	CLEANUP(file_close) int fd = open(path, flags | O_CREAT, MODE);
	if (fd < 0 && errno == ELOOP)
		return ERR_DETAIL(E_SETTINGS, ELOOP);
	if (fd < 0 || fstat(fd, &st) != 0)
		return system_failed();
	REQUIRE(S_ISREG(st.st_mode), E_SETTINGS);
	/* Somebody else's, or one that others could write: not what we left. */
	if (st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return ERR_DETAIL(E_SETTINGS, EPERM);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return ERR_DETAIL(E_SETTINGS, errno);
	*out = fd;
	fd = -1;
	return OK;
}

static struct err read_file(struct spool *spool, uint8_t *room, size_t size)
{
	size_t done = 0;
	while (done < size) {
		ssize_t n = pread(spool->fd, room + done, size - done, (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ERR_DETAIL(E_SYSTEM, n < 0 ? errno : EIO);
		done += (size_t)n;
	}
	return OK;
}

/* E_FORMAT: the file is not ours to read. */
static struct err load(struct spool *spool, struct spool_found *found)
{
	CLEANUP(mem_free_at) uint8_t *room = NULL;
	struct stat st = {0};
	struct spool_text_result result;
	if (fstat(spool->fd, &st) != 0)
		return system_failed();
	REQUIRE((uint64_t)st.st_size <= FILE_BYTES_MAX(SPOOL_EVENTS_MAX), E_FORMAT);
	size_t size = (size_t)st.st_size;
	TRY(MEM_NEW_ARRAY(size + 1, &room));
	TRY(read_file(spool, room, size));
	TRY(spool_text_read(view_of(room, size), &spool->queue, &result));
	found->lost = result.lost;
	spool->bytes = size;
	spool->stale = result.whole < size || result.lost > 0;
	for (size_t i = 0; i < spool->queue.count; i++)
		spool->live_bytes += size_of(queue_at(&spool->queue, i));
	return OK;
}

static struct err set_aside(struct spool *spool)
{
	char aside[PATH_MAX];
	TRY(text_format(aside, sizeof aside, "%s.corrupt", spool->path));
	if (rename(spool->path, aside) != 0)
		return system_failed();
	log_event(LOG_ERROR, "events.spool_corrupt", LOG_TEXT("file", spool->path),
		  LOG_TEXT("kept_as", aside),
		  LOG_TEXT("effect", "events in it may never reach the endpoint; the audit log has "
				     "the acts themselves"));
	while (spool->queue.count > 0)
		queue_pop(&spool->queue);
	(void)close(spool->fd);
	spool->fd = -1;
	TRY(open_file(spool->path, &spool->fd));
	return sync_folder(spool->path);
}

NODISCARD struct err spool_open(const char *path, uint32_t queue_max, struct spool **out,
				struct spool_found *found)
{
	CLEANUP(spool_close) struct spool *spool = NULL;
	*found = (struct spool_found){0};
	REQUIRE(queue_max > 0 && queue_max <= SPOOL_EVENTS_MAX, E_SETTINGS);
	TRY(MEM_NEW(&spool));
	spool->fd = -1;
	TRY(text_copy(spool->path, sizeof spool->path, view_of_text(path)));
	TRY(queue_init(&spool->queue, queue_max));
	TRY(open_file(path, &spool->fd));
	struct err e = load(spool, found);
	found->damaged = err_is(e, E_FORMAT);
	if (found->damaged)
		TRY(set_aside(spool));
	else
		TRY(e);
	TRY(spool_mend(spool));
	TRY(sync_folder(path));
	tidy(spool);
	*out = TAKE(spool);
	return OK;
}

void spool_close(struct spool **spool)
{
	if (*spool == NULL)
		return;
	if ((*spool)->fd >= 0 && err_failed(spool_mend(*spool)))
		log_event(LOG_ERROR, "events.spool_not_written", LOG_TEXT("file", (*spool)->path),
			  LOG_NUMBER("events", (*spool)->queue.count));
	file_close(&(*spool)->fd);
	queue_cleanup(&(*spool)->queue);
	mem_free(TAKE(*spool));
}

/* ---- events ---- */

static void forget_oldest(struct spool *spool)
{
	spool->live_bytes -= size_of(queue_at(&spool->queue, 0));
	queue_pop(&spool->queue);
}

static struct err note_gone(struct spool *spool, const char *id)
{
	char line[EVENT_ID_LEN + 8];
	struct writer w;
	if (spool->stale)
		return OK; /* it will be written without the event */
	writer_init(&w, line, sizeof line);
	spool_text_gone(&w, id);
	TRY(writer_end(&w));
	return append(spool, view_of(line, w.len), false);
}

static void remove_oldest(struct spool *spool)
{
	/* A failure has made the file stale. */
	(void)!err_failed(note_gone(spool, queue_at(&spool->queue, 0)->id));
	forget_oldest(spool);
}

NODISCARD struct err spool_put(struct spool *spool, const struct queue_entry *entry,
			       size_t *dropped)
{
	uint8_t line[SPOOL_LINE_MAX];
	struct writer w;
	*dropped = 0;
	writer_init(&w, line, sizeof line);
	spool_text_put(&w, entry);
	TRY(writer_end(&w));
	if (spool->queue.count == spool->queue.cap) {
		remove_oldest(spool);
		*dropped = 1;
	}
	TRY(queue_put(&spool->queue, view_of_text(entry->id), entry->posted_ms,
		      view_of_text(entry->line)));
	spool->live_bytes += size_of(entry);
	tidy(spool);
	return spool->stale ? write_anew(spool) : append(spool, view_of(line, w.len), true);
}

const struct queue_entry *spool_oldest(const struct spool *spool)
{
	return queue_at(&spool->queue, 0);
}

size_t spool_count(const struct spool *spool)
{
	return spool->queue.count;
}

void spool_pop(struct spool *spool)
{
	if (spool->queue.count == 0)
		return;
	if (spool->queue.count > 1)
		remove_oldest(spool);
	else
		forget_oldest(spool);
	tidy(spool);
}
