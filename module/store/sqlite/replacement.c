/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/replacement.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/file.h"
#include "store/sqlite/sqlite.h"

#define MODE 0600
#define CHUNK (64 << 10)
#define BUSY_TIMEOUT_MS 1000

static const char *const beside[] = {"-wal", "-shm", "-journal"};

static struct err failed(const char *what, const char *path)
{
	struct err e = ERR_DETAIL(errno == ENOSPC ? E_STORE_FULL : E_STORE, errno);
	log_event(LOG_ERROR, "store.replacement", LOG_TEXT("what", what), LOG_TEXT("path", path),
		  LOG_ERR(e));
	return e;
}

static struct err name_beside(const char *path, const char *suffix, char out[SQLITE_PATH_MAX])
{
	return text_format(out, SQLITE_PATH_MAX, "%s%s", path, suffix);
}

/* --- copying --- */

/* Of a file, or of the folder that it would be in. */
static struct err owner_of(const char *path, struct stat *out)
{
	char folder[SQLITE_PATH_MAX];
	if (lstat(path, out) == 0)
		return OK;
	TRY(text_copy(folder, sizeof folder, view_of_text(path)));
	char *slash = strrchr(folder, '/');
	if (slash == NULL)
		TRY(text_copy(folder, sizeof folder, VIEW_LITERAL(".")));
	else
		slash[slash == folder] = '\0';
	return stat(folder, out) == 0 ? OK : failed("stat", folder);
}

static struct err give_to(int fd, const char *copy, const char *owner)
{
	struct stat like;
	if (geteuid() != 0)
		return OK;
	TRY(owner_of(owner, &like));
	return fchown(fd, like.st_uid, like.st_gid) == 0 ? OK : failed("chown", copy);
}

static struct err copy_bytes(int from, int to, const char *source, const char *copy)
{
	static uint8_t chunk[CHUNK];
	for (;;) {
		ssize_t got = read(from, chunk, sizeof chunk);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return failed("read", source);
		if (got == 0)
			break;
		if (err_failed(file_write(to, view_of(chunk, (size_t)got))))
			return failed("write", copy);
	}
	return fsync(to) == 0 ? OK : failed("fsync", copy);
}

/* A regular file by its own name: root may do this where others can write. Not waiting for who
 * would write into a pipe. E_NOT_FOUND. */
static struct err source_open(const char *source, int *out)
{
	struct stat status;
	CLEANUP(file_close) int fd = open(source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return ERR_DETAIL(E_NOT_FOUND, errno);
	if (fd < 0)
		return failed(errno == ELOOP ? "a link, and not the file itself" : "open", source);
	if (fstat(fd, &status) != 0)
		return failed("stat", source);
	if (!S_ISREG(status.st_mode)) {
		errno = EINVAL;
		return failed("not a regular file", source);
	}
	*out = fd;
	fd = -1;
	return OK;
}

/* E_NOT_FOUND. */
static struct err copy_one(const char *source, const char *copy, const char *owner)
{
	CLEANUP(file_close) int from = -1;
	TRY(source_open(source, &from));
	CLEANUP(file_close)
	int to = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
	if (to < 0)
		return failed("create", copy);
	TRY(give_to(to, copy, owner));
	return copy_bytes(from, to, source, copy);
}

NODISCARD struct err store_replacement_copy(const char *source, const char *copy, const char *owner)
{
	char source_log[SQLITE_PATH_MAX], copy_log[SQLITE_PATH_MAX];
	TRY(name_beside(source, "-wal", source_log));
	TRY(name_beside(copy, "-wal", copy_log));
	store_replacement_remove(copy);
	TRY(copy_one(source, copy, owner));
	struct err e = copy_one(source_log, copy_log, owner);
	if (!err_is(e, E_NOT_FOUND))
		TRY(e);
	return sqlite_file_sync_folder(copy);
}

/* One of an older schema was changed, and copied by that change. */
static void remove_migrated(const char *copy)
{
	char name[SQLITE_PATH_MAX];
	for (int64_t i = 1; i <= store_sqlite_schema(); i++)
		if (!err_failed(text_format(name, sizeof name, "%s.before-schema-%lld", copy,
					    (long long)i)))
			(void)unlink(name);
}

void store_replacement_remove(const char *copy)
{
	char name[SQLITE_PATH_MAX];
	remove_migrated(copy);
	(void)unlink(copy);
	for (size_t i = 0; i < ARRAY_LEN(beside); i++)
		if (!err_failed(name_beside(copy, beside[i], name)))
			(void)unlink(name);
}

/* --- taking the place --- */

static bool exists(const char *path)
{
	struct stat status;
	return lstat(path, &status) == 0;
}

/*
 * What the write-ahead log holds goes into the file, and the log away: behind another file of the
 * same name it would be applied to that one. SQLite removes it with the last connection; a file
 * that SQLite cannot read stays as it is.
 */
static struct err fold(const char *path)
{
	CLEANUP(sqlite_connection_close) struct sqlite_connection *connection = NULL;
	TRY(sqlite_connection_open(path, BUSY_TIMEOUT_MS, &connection));
	TRY(sqlite_connection_prepare(connection, SQLITE_ROLE_WRITER));
	return sqlite_connection_run(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
}

/* What SQLite could not fold in is kept beside the file that it belongs to. */
static struct err keep_beside(const char *path, const char *kept)
{
	char from[SQLITE_PATH_MAX], to[SQLITE_PATH_MAX];
	for (size_t i = 0; i < ARRAY_LEN(beside); i++) {
		TRY(name_beside(path, beside[i], from));
		TRY(name_beside(kept, beside[i], to));
		if (exists(from) && rename(from, to) != 0)
			return failed("rename", from);
	}
	return OK;
}

static struct err keep(const char *path, const char *kept)
{
	char log[SQLITE_PATH_MAX];
	if (!exists(path))
		return keep_beside(path, kept);
	TRY(name_beside(path, "-wal", log));
	/* Still there though the last connection is closed: it was not the last. */
	if (!err_failed(fold(path)) && exists(log))
		return ERR(E_ALREADY_RUNNING);
	if (link(path, kept) != 0)
		return errno == EEXIST ? ERR_DETAIL(E_EXISTS, errno) : failed("link", kept);
	TRY(sqlite_file_sync(kept));
	TRY(sqlite_file_sync_folder(kept));
	return keep_beside(path, kept);
}

NODISCARD struct err store_replacement_swap(const char *path, const char *copy, const char *kept)
{
	TRY(fold(copy));
	TRY(sqlite_file_sync(copy));
	TRY(keep(path, kept));
	if (rename(copy, path) != 0)
		return failed("rename", copy);
	store_replacement_remove(copy); /* nothing, or an empty log */
	return sqlite_file_sync_folder(path);
}
