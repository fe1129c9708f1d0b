/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/text.h"

#define MODE 0640
#define SUFFIX_ROOM 16
#define PATH_ROOM (PATH_MAX - SUFFIX_ROOM)

static struct {
	pthread_mutex_t lock;
	atomic_int fd; /* -1: no file */
	char path[PATH_ROOM];
	uint64_t file_bytes;
	uint32_t files_kept;
	bool torn; /* the last line went in by half: the next begins with a newline */
} file = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static atomic_int failure;

/* A signal handler may ask for it meanwhile: never a number that is closed already. */
static void put_fd(int fd)
{
	int before = file.fd;
	file.fd = fd;
	file.torn = false;
	if (before >= 0)
		(void)close(before);
}

/* 0, or the errno: the one of before stays when the new one cannot be had. */
static int reopen(void)
{
	int fd = -1;
	struct err e = file_open_appended(file.path, O_WRONLY, MODE, &fd);
	if (!err_failed(e))
		put_fd(fd);
	else if (e.detail == 0)
		return EINVAL;
	return (int)e.detail;
}

/* Whether the path still leads to the open file; its size then. */
static bool is_current(uint64_t *size)
{
	struct stat there = {0}, ours = {0};
	if (stat(file.path, &there) != 0 || fstat(file.fd, &ours) != 0 ||
	    there.st_ino != ours.st_ino || there.st_dev != ours.st_dev)
		return false;
	*size = (uint64_t)ours.st_size;
	return true;
}

static void numbered(uint32_t number, char out[PATH_MAX])
{
	if (number == 0)
		(void)!err_failed(text_copy(out, PATH_MAX, view_of_text(file.path)));
	else
		(void)!err_failed(text_format(out, PATH_MAX, "%s.%u", file.path, number));
}

static void shift(void)
{
	char from[PATH_MAX], to[PATH_MAX];
	if (file.files_kept == 0) {
		(void)unlink(file.path);
		return;
	}
	for (uint32_t i = file.files_kept; i > 0; i--) {
		numbered(i - 1, from);
		numbered(i, to);
		(void)rename(from, to);
	}
}

/* Another process with the same file may be at it just now: then it is left to that one. */
static void rotate(void)
{
	uint64_t size = 0;
	if (flock(file.fd, LOCK_EX | LOCK_NB) != 0)
		return;
	if (is_current(&size))
		shift();
	(void)flock(file.fd, LOCK_UN);
	(void)reopen(); /* or by the next line, as the path leads elsewhere now */
}

static bool put(struct view line)
{
	if (file.torn && write(file.fd, "\n", 1) != 1)
		return false;
	file.torn = false;
	ssize_t n = write(file.fd, line.ptr, line.len);
	if (n == (ssize_t)line.len)
		return true;
	file.torn = n > 0;
	if (n >= 0)
		errno = ENOSPC;
	return false;
}

bool log_file_write(struct view line)
{
	uint64_t size = 0;
	LOCK_SCOPE(&file.lock);
	if (file.fd < 0)
		return false;
	/* The file of before takes lines, but may be gone for everybody else: no place to trust. */
	int lost = 0;
	if (!is_current(&size))
		lost = reopen();
	else if (file.file_bytes > 0 && size > 0 && size + line.len > file.file_bytes)
		rotate();
	bool taken = put(line);
	atomic_store(&failure, taken ? lost : errno);
	return taken && lost == 0;
}

/* *fd: -1 without a path. */
static struct err open_options(const struct log_file_options *options, char path[PATH_ROOM],
			       int *fd)
{
	path[0] = '\0';
	if (options->path != NULL)
		TRY(text_copy(path, PATH_ROOM, view_of_text(options->path)));
	return path[0] != '\0' ? file_open_appended(path, O_WRONLY, MODE, fd) : OK;
}

NODISCARD struct err log_file_check(const struct log_file_options *options)
{
	CLEANUP(file_close) int fd = -1;
	char path[PATH_ROOM];
	return open_options(options, path, &fd);
}

/* The lock is held. */
static void limits_set(uint64_t file_bytes, uint32_t files_kept)
{
	file.file_bytes = file_bytes;
	file.files_kept = MIN_OF(files_kept, (uint32_t)LOG_FILES_KEPT_MAX);
}

NODISCARD struct err log_file_open(const struct log_file_options *options)
{
	CLEANUP(file_close) int fd = -1;
	char path[PATH_ROOM];
	TRY(open_options(options, path, &fd));
	LOCK_SCOPE(&file.lock);
	put_fd(fd);
	fd = -1;
	mem_copy(file.path, sizeof file.path, path, sizeof path);
	limits_set(options->file_bytes, options->files_kept);
	atomic_store(&failure, 0);
	return OK;
}

void log_file_set_limits(uint64_t file_bytes, uint32_t files_kept)
{
	LOCK_SCOPE(&file.lock);
	limits_set(file_bytes, files_kept);
}

int log_file_fd(void)
{
	return atomic_load(&file.fd);
}

int log_file_failure(void)
{
	return atomic_load(&failure);
}
