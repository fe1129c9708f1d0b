/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded: fsync and fdatasync succeed at once and do nothing while the byte that the file of
 * NO_SYNC begins with is '1'; whoever writes the file changes that while the program runs, so that
 * one process is measured with and without. What it writes is then not durable.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const volatile char *off;

__attribute__((constructor)) static void map(void)
{
	const char *path = getenv("NO_SYNC");
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *page = fd >= 0 ? mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
	if (fd >= 0)
		(void)close(fd);
	if (page != MAP_FAILED)
		off = (const volatile char *)page;
}

static int sync_unless_off(long call, int fd)
{
	return off != NULL && *off == '1' ? 0 : (int)syscall(call, fd);
}

int fsync(int fd)
{
	return sync_unless_off(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return sync_unless_off(SYS_fdatasync, fd);
}
