/* SPDX-License-Identifier: Apache-2.0 */
/* What waits outlives the process, whatever became of the file. */
#include "event/spool.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "event/spool_text.h"
#include "folder.h"

#define NAME "events.spool"

static struct spool *spool;
static struct spool_found found;
static int padding; /* bytes that make lines longer */

static void open_spool(uint32_t queue_max)
{
	assert_int_equal(spool_open(folder_path(NAME), queue_max, &spool, &found).code, E_OK);
}

static struct err put(int number)
{
	static char line[EVENT_LINE_MAX + 1];
	struct queue_entry entry = {.posted_ms = 1000 + number, .line = line};
	size_t dropped = 0;
	(void)snprintf(entry.id, sizeof entry.id, "00000000-0000-4000-8000-%012d", number);
	(void)snprintf(line, sizeof line, "{\"id\":\"%s\",\"pad\":\"%0*d\"}", entry.id, padding + 1,
		       0);
	return spool_put(spool, &entry, &dropped);
}

static void put_all(int from, int to)
{
	for (int i = from; i <= to; i++)
		assert_int_equal(put(i).code, E_OK);
}

/* The events from..to wait, in this order. */
static void assert_waiting(int from, int to)
{
	assert_int_equal(spool_count(spool), to - from + 1);
	for (int i = from; i <= to; i++) {
		char id[EVENT_ID_LEN + 1];
		(void)snprintf(id, sizeof id, "00000000-0000-4000-8000-%012d", i);
		assert_string_equal(spool_oldest(spool)->id, id);
		assert_int_equal(spool_oldest(spool)->posted_ms, 1000 + i);
		spool_pop(spool);
	}
}

/* As kill -9 leaves it: nothing is written at the end. */
static void crash(void)
{
	static char saved[1 << 21];
	(void)snprintf(saved, sizeof saved, "%s", folder_read(NAME));
	spool_close(&spool);
	folder_write(NAME, saved, 0600);
}

static void what_was_put_is_there_after_a_crash(void **state)
{
	(void)state;
	struct stat st;
	open_spool(10);
	put_all(1, 3);
	assert_int_equal(stat(folder_path(NAME), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	crash();
	open_spool(10);
	assert_waiting(1, 3);
	spool_close(&spool);
}

static void what_was_taken_is_not(void **state)
{
	(void)state;
	open_spool(10);
	put_all(1, 3);
	spool_pop(spool);
	crash();
	open_spool(10);
	assert_waiting(2, 3);
	assert_string_equal(folder_read(NAME), ""); /* nothing waits: nothing stands there */
	spool_close(&spool);
}

static void a_torn_last_line_is_cut(void **state)
{
	(void)state;
	open_spool(10);
	put_all(1, 2);
	spool_close(&spool);
	assert_int_equal(truncate(folder_path(NAME), (off_t)strlen(folder_read(NAME)) - 5), 0);
	open_spool(10);
	assert_false(found.damaged);
	put_all(2, 2);
	crash();
	open_spool(10);
	assert_waiting(1, 2);
	spool_close(&spool);
}

static void a_damaged_one_is_set_aside(void **state)
{
	(void)state;
	folder_write(NAME, "+ 1 {\"id\":\"short\"}\n+ 2 {}\n", 0600);
	open_spool(10);
	assert_true(found.damaged);
	assert_int_equal(spool_count(spool), 0);
	put_all(1, 1);
	assert_string_equal(folder_read(NAME ".corrupt"), "+ 1 {\"id\":\"short\"}\n+ 2 {}\n");
	crash();
	open_spool(10);
	assert_false(found.damaged);
	assert_waiting(1, 1);
	spool_close(&spool);
}

static void zeros_of_a_lost_block_are_damage(void **state)
{
	(void)state;
	folder_write(NAME, "", 0600);
	assert_int_equal(truncate(folder_path(NAME), 4096), 0);
	int fd = open(folder_path(NAME), O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, "\n", 1), 1);
	(void)close(fd);
	open_spool(10);
	assert_true(found.damaged);
	spool_close(&spool);
}

static void beyond_its_bound_the_oldest_go(void **state)
{
	(void)state;
	open_spool(3);
	put_all(1, 5);
	crash();
	open_spool(3);
	assert_int_equal(found.lost, 0);
	assert_waiting(3, 5);
	spool_close(&spool);
}

static void a_smaller_bound_takes_the_newest(void **state)
{
	(void)state;
	open_spool(5);
	put_all(1, 5);
	spool_pop(spool);
	crash();
	open_spool(2);
	assert_int_equal(found.lost, 2);
	assert_waiting(4, 5);
	spool_close(&spool);
}

static void on_a_full_disk_events_wait_in_memory(void **state)
{
	(void)state;
	open_spool(10);
	put_all(1, 1);
	folder_limit((long)strlen(folder_read(NAME)) + 20);
	assert_int_equal(put(2).code, E_SYSTEM);
	assert_int_equal(put(3).code, E_SYSTEM);
	assert_int_equal(spool_mend(spool).code, E_SYSTEM);
	folder_limit(-1);
	assert_int_equal(spool_mend(spool).code, E_OK);
	crash();
	open_spool(10);
	assert_waiting(1, 3);
	spool_close(&spool);
}

static void the_file_does_not_grow_with_what_is_past(void **state)
{
	(void)state;
	struct stat st;
	open_spool(100);
	put_all(0, 1);
	padding = 1900;
	for (int i = 2; i < 700; i++) {
		put_all(i, i);
		spool_pop(spool);
	}
	assert_int_equal(stat(folder_path(NAME), &st), 0);
	assert_true(st.st_size < (1 << 20) + (1 << 16));
	crash();
	open_spool(100);
	assert_waiting(698, 699);
	padding = 0;
	spool_close(&spool);
}

static void no_link_and_no_file_of_others_is_used(void **state)
{
	(void)state;
	folder_write("elsewhere", "", 0600);
	assert_int_equal(symlink(folder_path("elsewhere"), folder_path(NAME)), 0);
	assert_int_equal(spool_open(folder_path(NAME), 10, &spool, &found).code, E_SETTINGS);
	assert_int_equal(unlink(folder_path(NAME)), 0);
	folder_write(NAME, "", 0620);
	assert_int_equal(spool_open(folder_path(NAME), 10, &spool, &found).code, E_SETTINGS);
}

static void two_processes_do_not_share_one(void **state)
{
	(void)state;
	struct spool *second = NULL;
	open_spool(10);
	assert_int_equal(spool_open(folder_path(NAME), 10, &second, &found).code, E_SETTINGS);
	spool_close(&spool);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_put_is_there_after_a_crash),
		TEST(what_was_taken_is_not),
		TEST(a_torn_last_line_is_cut),
		TEST(a_damaged_one_is_set_aside),
		TEST(zeros_of_a_lost_block_are_damage),
		TEST(beyond_its_bound_the_oldest_go),
		TEST(a_smaller_bound_takes_the_newest),
		TEST(on_a_full_disk_events_wait_in_memory),
		TEST(the_file_does_not_grow_with_what_is_past),
		TEST(no_link_and_no_file_of_others_is_used),
		TEST(two_processes_do_not_share_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
