/* SPDX-License-Identifier: Apache-2.0 */
#include "folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], paths[4][160], bytes[1 << 21];

int folder_setup(void **state)
{
	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)snprintf(folder, sizeof folder, "/tmp/holdfast-event-XXXXXX");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

int folder_teardown(void **state)
{
	(void)state;
	folder_limit(-1);
	DIR *d = opendir(folder);
	for (struct dirent *e = NULL; d != NULL && (e = readdir(d)) != NULL;)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		(void)closedir(d);
	return rmdir(folder);
}

const char *folder_path(const char *name)
{
	static unsigned next;
	char *out = paths[next++ % 4];
	(void)snprintf(out, sizeof paths[0], "%s/%s", folder, name);
	return out;
}

const char *folder_read(const char *name)
{
	FILE *f = fopen(folder_path(name), "re");
	if (f == NULL)
		return NULL;
	size_t n = fread(bytes, 1, sizeof bytes - 1, f);
	bytes[n] = '\0';
	assert_int_equal(fclose(f), 0);
	return bytes;
}

void folder_write(const char *name, const char *text, mode_t mode)
{
	int fd = open(folder_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
}

void folder_limit(long limit)
{
	struct rlimit now = {0, 0};
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &now), 0);
	now.rlim_cur = limit < 0 ? now.rlim_max : (rlim_t)limit;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
}
