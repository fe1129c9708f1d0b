/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <unistd.h>

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
