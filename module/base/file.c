/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_TRIES 3

/* A new one, or the one that is there; -1 and errno. */
static int open_either(const char *path, int flags, mode_t mode)
{
	int fd = open(path, flags | O_CREAT | O_EXCL, mode);
	if (fd < 0)
		return errno == EEXIST ? open(path, flags) : -1;
	if (fchmod(fd, mode) == 0) /* whatever the umask is */
		return fd;
	int saved = errno;
	(void)close(fd);
	errno = saved;
	return -1;
}

NODISCARD struct err file_open_appended(const char *path, int access, mode_t mode, int *out)
{
	const int flags = access | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	struct stat st = {0};
	CLEANUP(file_close) int fd = open_either(path, flags, mode);
	/* Set aside in between by another process: then there is room for a new one. */
	for (unsigned tries = 1; fd < 0 && errno == ENOENT && tries < OPEN_TRIES; tries++)
		fd = open_either(path, flags, mode);
	if (fd < 0 || fstat(fd, &st) != 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	REQUIRE(S_ISREG(st.st_mode), E_SETTINGS);
	*out = fd;
	fd = -1;
	return OK;
}

NODISCARD struct err file_write(int fd, struct view bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.ptr, bytes.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ERR_DETAIL(E_SYSTEM, n < 0 ? errno : EIO);
		bytes = view_part(bytes, (size_t)n, bytes.len);
	}
	return OK;
}

void file_close(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}
