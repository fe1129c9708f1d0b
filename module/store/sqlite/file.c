/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#define MODE 0600

static struct err failed(const char *what, const char *path)
{
	struct err e = ERR_DETAIL(errno == ENOSPC ? E_STORE_FULL : E_STORE, errno);
	log_event(LOG_ERROR, "store.file", LOG_TEXT("what", what), LOG_TEXT("path", path),
		  LOG_ERR(e));
	return e;
}

/* The last name of the path may be a link only where a folder is meant. */
static struct err sync_opened(const char *path, int flags)
{
	CLEANUP(file_close) int fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return failed("open", path);
	return fsync(fd) == 0 ? OK : failed("fsync", path);
}

NODISCARD struct err sqlite_file_sync(const char *path)
{
	return sync_opened(path, O_RDONLY | O_NOFOLLOW);
}

NODISCARD struct err sqlite_file_sync_folder(const char *path)
{
	char folder[SQLITE_PATH_MAX];
	TRY(text_copy(folder, sizeof folder, view_of_text(path)));
	char *slash = strrchr(folder, '/');
	if (slash == NULL)
		TRY(text_copy(folder, sizeof folder, VIEW_LITERAL(".")));
	else
		slash[slash == folder] = '\0';
	return sync_opened(folder, O_RDONLY | O_DIRECTORY);
}

NODISCARD struct err sqlite_file_create(const char *path)
{
	CLEANUP(file_close) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, MODE);
	if (fd < 0 && errno == EEXIST)
		return ERR_DETAIL(E_EXISTS, errno);
	if (fd < 0)
		return failed("create", path);
	if (fchmod(fd, MODE) != 0 || fsync(fd) != 0)
		return failed("create", path);
	return sqlite_file_sync_folder(path);
}

/* proc(5): a name that leads to the open file itself, whatever its own name leads to by now. */
static int chmod_opened(int fd)
{
	char opened[64];
	if (err_failed(text_format(opened, sizeof opened, "/proc/self/fd/%d", fd)))
		return -1;
	return chmod(opened, MODE);
}

/*
 * What was looked at is what is changed, and a link leads nowhere: the folder may be another user's
 * while root recovers. O_PATH, for closing any other descriptor of the file would drop the locks
 * that other connections of this process hold on it (fcntl(2), "record locks").
 */
NODISCARD struct err sqlite_file_check(const char *path, bool *exists)
{
	struct stat status;
	*exists = false;
	CLEANUP(file_close) int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? OK : failed("open", path);
	if (fstat(fd, &status) != 0)
		return failed("stat", path);
	if (!S_ISREG(status.st_mode)) {
		errno = S_ISLNK(status.st_mode) ? ELOOP : EINVAL;
		return failed(S_ISLNK(status.st_mode) ? "a link, and not the file itself"
						      : "not a regular file",
			      path);
	}
	*exists = true;
	if ((status.st_mode & (S_IRWXG | S_IRWXO)) == 0)
		return OK;
	log_event(LOG_WARNING, "store.file_was_open_to_others", LOG_TEXT("path", path));
	return chmod_opened(fd) == 0 ? OK : failed("chmod", path);
}
