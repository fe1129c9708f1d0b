/* SPDX-License-Identifier: Apache-2.0 */
/* What is written into the directories of tokens is told, each file once, or said not to be. */
#include "test_local_token.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "hsm/p11/softhsm_watch.h"

static char root[64];
static struct p11_softhsm_watch watch;
static struct p11_softhsm_written written;

static const char *path_of(const char *name)
{
	static char path[256];
	assert_ok(text_format(path, sizeof path, "%s/%s", root, name));
	return path;
}

static int setup(UNUSED void **state)
{
	assert_ok(text_format(root, sizeof root, "/tmp/holdfast-watch-XXXXXX"));
	assert_non_null(mkdtemp(root));
	assert_int_equal(mkdir(path_of("one"), S_IRWXU), 0);
	assert_int_equal(mkdir(path_of("two"), S_IRWXU), 0);
	assert_ok(p11_softhsm_watch_begin(&watch, root));
	return 0;
}

static int remove_one(const char *path, UNUSED const struct stat *st, UNUSED int type,
		      UNUSED struct FTW *at)
{
	return remove(path);
}

static int teardown(UNUSED void **state)
{
	p11_softhsm_watch_end(&watch);
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void write_to(const char *name)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
	assert_true(fd >= 0 && write(fd, "x", 1) == 1);
	assert_int_equal(close(fd), 0);
}

static bool told(const char *dir, const char *name)
{
	for (size_t i = 0; i < written.count; i++)
		if (text_equal(watch.dirs[written.files[i].dir].name, dir) &&
		    text_equal(written.files[i].name, name))
			return true;
	return false;
}

static void a_file_is_told_once_however_often_it_is_written(UNUSED void **state)
{
	for (int i = 0; i < 40; i++) {
		write_to("one/a.object");
		write_to("one/generation");
	}
	assert_ok(p11_softhsm_watch_read(&watch, &written));
	assert_int_equal(written.count, 2);
	assert_true(told("one", "a.object") && told("one", "generation"));
	assert_err(p11_softhsm_watch_read(&watch, &written), E_NOT_FOUND);
	assert_true(watch.whole);
}

static void each_directory_is_told_by_its_name(UNUSED void **state)
{
	write_to("one/a.object");
	write_to("two/a.object");
	assert_ok(p11_softhsm_watch_read(&watch, &written));
	assert_int_equal(written.count, 2);
	assert_true(told("one", "a.object") && told("two", "a.object"));
}

static void what_is_removed_or_replaced_is_told(UNUSED void **state)
{
	char new_name[256];
	write_to("one/a.object");
	write_to("one/b.object");
	assert_ok(p11_softhsm_watch_read(&watch, &written));
	assert_int_equal(unlink(path_of("one/a.object")), 0);
	assert_ok(text_format(new_name, sizeof new_name, "%s/two/c.object", root));
	assert_int_equal(rename(path_of("one/b.object"), new_name), 0);
	assert_ok(p11_softhsm_watch_read(&watch, &written));
	assert_int_equal(written.count, 3);
	assert_true(told("one", "a.object") && told("one", "b.object") && told("two", "c.object"));
}

static void what_is_only_read_is_not_told(UNUSED void **state)
{
	char byte = 0;
	write_to("one/a.object");
	assert_ok(p11_softhsm_watch_read(&watch, &written));
	int fd = open(path_of("one/a.object"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && read(fd, &byte, 1) == 1);
	assert_int_equal(close(fd), 0);
	assert_err(p11_softhsm_watch_read(&watch, &written), E_NOT_FOUND);
	assert_true(watch.whole);
}

static void more_files_than_it_tells_end_it(UNUSED void **state)
{
	char name[32];
	for (int i = 0; i <= P11_SOFTHSM_WATCH_FILES; i++) {
		assert_ok(text_format(name, sizeof name, "one/%d.object", i));
		write_to(name);
	}
	assert_err(p11_softhsm_watch_read(&watch, &written), E_NOT_FOUND);
	assert_false(watch.whole);
	assert_ok(p11_softhsm_watch_begin(&watch, root));
	write_to("one/a.object");
	assert_ok(p11_softhsm_watch_read(&watch, &written));
	assert_int_equal(written.count, 1);
}

static long events_kept(void)
{
	char text[32] = "";
	FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof text, file));
	assert_int_equal(fclose(file), 0);
	int64_t value = 0;
	struct view rest = view_of_text(text);
	assert_ok(text_parse_integer(view_cut(&rest, '\n'), 1, INT32_MAX, &value));
	return (long)value;
}

/* Two files in turn: the kernel makes one event of equal ones that follow each other. */
static void events_that_the_kernel_dropped_end_it(UNUSED void **state)
{
	int files[2];
	write_to("one/a.object");
	write_to("one/b.object");
	files[0] = open(path_of("one/a.object"), O_WRONLY | O_CLOEXEC);
	files[1] = open(path_of("one/b.object"), O_WRONLY | O_CLOEXEC);
	for (long i = events_kept(); i >= 0; i--)
		assert_int_equal(pwrite(files[i % 2], "x", 1, 0), 1);
	assert_int_equal(close(files[0]), 0);
	assert_int_equal(close(files[1]), 0);
	assert_err(p11_softhsm_watch_read(&watch, &written), E_NOT_FOUND);
	assert_false(watch.whole);
}

static void a_directory_that_is_moved_away_ends_it(UNUSED void **state)
{
	char aside[256];
	assert_ok(text_format(aside, sizeof aside, "%s/aside", root));
	write_to("one/a.object");
	assert_int_equal(rename(path_of("one"), aside), 0);
	assert_err(p11_softhsm_watch_read(&watch, &written), E_NOT_FOUND);
	assert_false(watch.whole);
}

static void a_directory_that_is_removed_ends_it(UNUSED void **state)
{
	assert_int_equal(rmdir(path_of("two")), 0);
	assert_err(p11_softhsm_watch_read(&watch, &written), E_NOT_FOUND);
	assert_false(watch.whole);
}

static void a_file_beside_the_tokens_does_not_matter(UNUSED void **state)
{
	write_to("notes");
	assert_ok(p11_softhsm_watch_begin(&watch, root));
	assert_int_equal(watch.dir_count, 2);
}

static void too_many_tokens_are_not_watched(UNUSED void **state)
{
	char name[32];
	for (int i = 0; i < P11_SOFTHSM_WATCH_DIRS; i++) {
		assert_ok(text_format(name, sizeof name, "more-%d", i));
		assert_int_equal(mkdir(path_of(name), S_IRWXU), 0);
	}
	assert_err(p11_softhsm_watch_begin(&watch, root), E_BOUNDS);
	assert_false(watch.whole);
	assert_err(p11_softhsm_watch_read(&watch, &written), E_NOT_FOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_told_once_however_often_it_is_written),
		TEST(each_directory_is_told_by_its_name),
		TEST(what_is_removed_or_replaced_is_told),
		TEST(what_is_only_read_is_not_told),
		TEST(more_files_than_it_tells_end_it),
		TEST(events_that_the_kernel_dropped_end_it),
		TEST(a_directory_that_is_moved_away_ends_it),
		TEST(a_directory_that_is_removed_ends_it),
		TEST(a_file_beside_the_tokens_does_not_matter),
		TEST(too_many_tokens_are_not_watched),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
