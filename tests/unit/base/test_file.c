/* SPDX-License-Identifier: Apache-2.0 */
/* Writing to a descriptor: all of it, in as many pieces as the kernel takes, or an errno; its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

#define LARGE ((size_t)1 << 20) /* a pipe holds 64 KiB */

static size_t drained;

static void *drain(void *fd)
{
	char part[1000];
	for (ssize_t n; (n = read(*(int *)fd, part, sizeof part)) > 0;)
		drained += (size_t)n;
	return NULL;
}

static void all_is_written_whatever_a_write_takes(void **state)
{
	(void)state;
	static uint8_t bytes[LARGE];
	int ends[2];
	pthread_t reader;
	drained = 0;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pthread_create(&reader, NULL, drain, &ends[0]), 0);
	assert_false(err_failed(file_write(ends[1], view_of(bytes, sizeof bytes))));
	close(ends[1]);
	pthread_join(reader, NULL);
	close(ends[0]);
	assert_int_equal(drained, LARGE);
}

static void nothing_is_no_write(void **state)
{
	(void)state;
	assert_false(err_failed(file_write(-1, VIEW_NONE)));
}

static void a_failure_carries_its_errno(void **state)
{
	(void)state;
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct err e = file_write(full, VIEW_LITERAL("x"));
	assert_true(err_is(e, E_SYSTEM));
	assert_int_equal(e.detail, ENOSPC);
	close(full);
	e = file_write(-1, VIEW_LITERAL("x"));
	assert_int_equal(e.detail, EBADF);
}

static mode_t mode_of(const char *path)
{
	struct stat st = {0};
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void a_file_that_is_appended_to_is_made_once(void **state)
{
	(void)state;
	char path[] = "/tmp/holdfast-file-XXXXXX";
	int made = mkstemp(path), fd = -1;
	file_close(&made);
	assert_int_equal(unlink(path), 0);
	mode_t mask = umask(0777);
	for (unsigned i = 0; i < 2; i++) {
		assert_false(err_failed(file_open_appended(path, O_WRONLY, 0640, &fd)));
		assert_false(err_failed(file_write(fd, VIEW_LITERAL("line\n"))));
		assert_int_equal(lseek(fd, 0, SEEK_END), 5 * (i + 1));
		file_close(&fd);
	}
	(void)umask(mask);
	assert_int_equal(mode_of(path), 0640);
	assert_int_equal(unlink(path), 0);
}

static void only_a_regular_file_is_appended_to(void **state)
{
	(void)state;
	char folder[] = "/tmp/holdfast-file-XXXXXX", path[64];
	int fd = -1;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/at", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_true(err_is(file_open_appended(path, O_RDWR, 0640, &fd), E_SETTINGS));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/null", path), 0);
	struct err e = file_open_appended(path, O_WRONLY, 0640, &fd);
	assert_true(err_is(e, E_SYSTEM));
	assert_int_equal(e.detail, ELOOP);
	assert_int_equal(fd, -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void a_descriptor_is_closed_and_none_is_left_alone(void **state)
{
	(void)state;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), none = -1;
	assert_true(fd >= 0);
	file_close(&fd);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
	errno = 0;
	file_close(&none);
	assert_int_equal(errno, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_written_whatever_a_write_takes),
		cmocka_unit_test(nothing_is_no_write),
		cmocka_unit_test(a_failure_carries_its_errno),
		cmocka_unit_test(a_file_that_is_appended_to_is_made_once),
		cmocka_unit_test(only_a_regular_file_is_appended_to),
		cmocka_unit_test(a_descriptor_is_closed_and_none_is_left_alone),
	};
	return cmocka_run_group_tests_name("base_file", tests, NULL, NULL);
}
