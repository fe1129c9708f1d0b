/* SPDX-License-Identifier: Apache-2.0 */
/* Looking events up: what the index passes over, what it must not, and one answer whatever it is.
 */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit/lookup.h"
#include "base/text.h"

#define SEGMENT(number) "audit-20261121T180000Z-00000" number ".jsonl"
#define ACCOUNT "111122223333"
#define SECOND INT64_C(1000)
#define BEGAN_MS INT64_C(1795334400000) /* 2026-11-22T08:00:00Z */
#define FOUND_MAX 4096
#define FOREVER (INT64_C(1) << 50)

static struct audit_indexes *logs[2];
static int found[FOUND_MAX]; /* numbers of events, in the order in which they came */
static size_t count;
static char text[CONTENT_MAX];
static size_t text_len;

/* --- Records: event n is of second n, by user-<n % 7>, with the key n % 3. --- */

static void put(int n)
{
	text_len += (size_t)snprintf(
		text + text_len, sizeof text - text_len,
		"{\"userIdentity\":{\"type\":\"IAMUser\",\"userName\":\"user-%d\"},\"eventTime\":"
		"\"2026-11-22T%02d:%02d:%02dZ\",\"eventName\":\"Encrypt\",\"pad\":\"%0400d\","
		"\"eventID\":\"00000000-0000-4000-8000-%012d\",\"resources\":[{\"accountId\":"
		"\"" ACCOUNT "\",\"type\":\"AWS::KMS::Key\",\"ARN\":\"arn:aws:kms:us-east-1:"
		"" ACCOUNT ":key/%d\"}],\"recipientAccountId\":\"" ACCOUNT "\"}\n",
		n % 7, 8 + n / 3600, n / 60 % 60, n % 60, 0, n, n % 3);
}

static void write_segment(const char *name, int from, int to)
{
	text_len = 0;
	for (int n = from; n < to; n++)
		put(n);
	fixture_write_file(name, text, text_len);
}

/* --- Indexes. --- */

static void start_at(const char *folder, size_t which, bool others)
{
	const struct audit_indexes_options options = {
		.directory = folder, .interval_ms = 5, .others = others};
	assert_false(err_failed(audit_indexes_start(&options, &logs[which])));
}

static void start(const char *folder, size_t which)
{
	start_at(folder, which, false);
}

static void pause_ms(long ms)
{
	const struct timespec pause = {.tv_nsec = ms * 1000000};
	(void)nanosleep(&pause, NULL);
}

static void await_made(uint64_t made)
{
	struct audit_indexes_figures figures = {0};
	for (int i = 0; i < 2000 && figures.made < made; i++) {
		pause_ms(5);
		audit_indexes_figures(logs[0], &figures);
	}
	assert_true(figures.made >= made);
}

static int setup(void **state)
{
	count = 0;
	return fixture_setup(state);
}

static int teardown(void **state)
{
	audit_indexes_stop(&logs[0]);
	audit_indexes_stop(&logs[1]);
	return fixture_teardown(state);
}

/* --- Questions. --- */

static struct err note(void *user, const struct audit_found *event)
{
	(void)user;
	assert_true(count < FOUND_MAX);
	found[count++] = atoi((const char *)event->copy->event_id + 24);
	return OK;
}

static struct audit_lookup question(enum audit_attribute attribute, const char *value)
{
	return (struct audit_lookup){
		.logs = logs,
		.count = 1,
		.wanted = {view_of_text(ACCOUNT), attribute, view_of_text(value), 0, FOREVER},
		.events_max = 50,
		.text_max = 1 << 20,
		.found = note,
	};
}

/* All pages; how many there were. */
static int ask(const struct audit_lookup *lookup)
{
	struct audit_place places[2] = {AUDIT_PLACE_NEWEST, AUDIT_PLACE_NEWEST};
	bool more = true;
	int pages = 0;
	for (count = 0; more; pages++)
		assert_false(err_failed(audit_lookup(lookup, places, &more)));
	return pages;
}

static void expect_user(int user, int from, int to)
{
	char name[32];
	assert_true(snprintf(name, sizeof name, "user-%d", user) > 0);
	const struct audit_lookup lookup = question(AUDIT_USERNAME, name);
	(void)ask(&lookup);
	size_t at = 0;
	for (int n = to - 1; n >= from; n--)
		if (n % 7 == user)
			assert_int_equal(found[at++], n);
	assert_int_equal(count, at);
}

/* --- Without an index, with one, with a wrong one. --- */

static void without_segments_nothing_is_found(void **state)
{
	(void)state;
	start(fixture_directory, 0);
	const struct audit_lookup lookup = question(AUDIT_ANY, "");
	assert_int_equal(ask(&lookup), 1);
	assert_int_equal(count, 0);
}

static void events_are_found_newest_first_across_blocks_and_segments(void **state)
{
	(void)state;
	write_segment(SEGMENT("1"), 0, 1500); /* four blocks */
	write_segment(SEGMENT("2"), 1500, 3000);
	start(fixture_directory, 0);
	expect_user(3, 0, 3000); /* whatever of it is indexed by now */
	await_made(1);
	expect_user(3, 0, 3000);
	expect_user(0, 0, 3000);
}

static void every_event_is_found_by_its_id(void **state)
{
	(void)state;
	write_segment(SEGMENT("1"), 0, 1500);
	write_segment(SEGMENT("2"), 1500, 1600);
	start(fixture_directory, 0);
	await_made(1);
	for (int n = 0; n < 1600; n += 97) {
		char id[AUDIT_EVENT_ID_LEN + 1];
		(void)snprintf(id, sizeof id, "00000000-0000-4000-8000-%012d", n);
		const struct audit_lookup lookup = question(AUDIT_EVENT_ID, id);
		(void)ask(&lookup);
		assert_int_equal(count, 1);
		assert_int_equal(found[0], n);
	}
}

/* A filter may say yes to what is not there; the log is asked again. */
static void what_is_not_there_is_not_found_whatever_the_filters_say(void **state)
{
	(void)state;
	write_segment(SEGMENT("1"), 0, 1500);
	write_segment(SEGMENT("2"), 1500, 1501);
	start(fixture_directory, 0);
	await_made(1);
	for (int n = 0; n < 300; n++) {
		char value[32];
		(void)snprintf(value, sizeof value, "nobody-%d", n);
		const struct audit_lookup lookup = question(AUDIT_USERNAME, value);
		(void)ask(&lookup);
		assert_int_equal(count, 0);
	}
	struct audit_lookup other = question(AUDIT_ANY, "");
	other.wanted.account = view_of_text("999999999999");
	(void)ask(&other);
	assert_int_equal(count, 0);
}

static void the_time_range_is_kept_and_blocks_outside_it_are_not_read(void **state)
{
	(void)state;
	write_segment(SEGMENT("1"), 0, 3000);
	write_segment(SEGMENT("2"), 3000, 3001);
	start(fixture_directory, 0);
	await_made(1);
	struct audit_lookup lookup = question(AUDIT_ANY, "");
	lookup.wanted.since_ms = BEGAN_MS + 100 * SECOND;
	lookup.wanted.until_ms = BEGAN_MS + 104 * SECOND;
	lookup.read_max = 600 << 10; /* the tail and one block, of two megabytes */
	assert_int_equal(ask(&lookup), 1);
	assert_int_equal(count, 5);
	assert_int_equal(found[0], 104);
	assert_int_equal(found[4], 100);
}

static void write_index(const void *content, size_t len)
{
	fixture_write_file(SEGMENT("1") AUDIT_INDEX_SUFFIX, content, len);
}

/* Whatever stands in the file: the same is found. */
static void a_wrong_index_file_hides_nothing(void **state)
{
	(void)state;
	struct audit_index index;
	CLEANUP(buf_cleanup) struct buf file;
	buf_init(&file, 1 << 20);
	write_segment(SEGMENT("1"), 0, 700);
	write_segment(SEGMENT("2"), 700, 701);
	/* an index of no blocks, whole and with its check sum, that would hide everything */
	audit_index_init(&index);
	assert_false(err_failed(audit_index_encode(&index, SEGMENT("1"), NULL, &file)));
	write_index(file.ptr, file.len);
	start(fixture_directory, 0);
	expect_user(5, 0, 701);
	audit_indexes_stop(&logs[0]);
	for (size_t cut = 0; cut < file.len; cut += 9) {
		write_index(file.ptr, cut);
		start(fixture_directory, 0);
		expect_user(5, 0, 701);
		audit_indexes_stop(&logs[0]);
	}
}

/* --- The thread beside a log. --- */

static void append(struct audit_log *log, int from, int to)
{
	for (int n = from; n < to; n++) {
		text_len = 0;
		put(n);
		assert_false(err_failed(audit_log_append_wait(log, view_of(text, text_len - 1))));
	}
}

static void what_is_appended_is_found_at_once_and_indexed_later(void **state)
{
	(void)state;
	struct audit_log *log = NULL;
	struct audit_indexes_options options = {.directory = fixture_directory, .interval_ms = 5};
	const struct audit_log_options log_options = {
		.directory = fixture_directory, .segment_bytes = 100000, .clock = &clock_system};
	assert_false(err_failed(audit_log_open(&log_options, &log)));
	options.log = log;
	assert_false(err_failed(audit_indexes_start(&options, &logs[0])));
	append(log, 0, 100);
	expect_user(2, 0, 100);
	append(log, 100, 300); /* into the second segment */
	expect_user(2, 0, 300);
	await_made(1);
	expect_user(2, 0, 300);
	assert_true(fixture_count_files(AUDIT_INDEX_SUFFIX) >= 1);
	audit_indexes_stop(&logs[0]);
	audit_log_close(&log);
	start(fixture_directory, 0);
	expect_user(2, 0, 300);
}

/* Lines that the disk refused were seen by the thread and are gone; others stand there. */
static void what_the_disk_refused_is_forgotten(void **state)
{
	(void)state;
	struct audit_log *log = NULL;
	struct audit_indexes_options options = {.directory = fixture_directory, .interval_ms = 1};
	const struct audit_log_options log_options = {.directory = fixture_directory,
						      .clock = &clock_system};
	const struct audit_log_tuning tuning = {.io = &faulty_io, .probe_ms = 1};
	assert_false(err_failed(audit_log_open_tuned(&log_options, &tuning, &log)));
	options.log = log;
	assert_false(err_failed(audit_indexes_start(&options, &logs[0])));
	append(log, 0, 50);
	pause_ms(20);
	atomic_store(&faults.sync_errno, 5);
	text_len = 0;
	put(50);
	assert_true(err_failed(audit_log_append_wait(log, view_of(text, text_len - 1))));
	atomic_store(&faults.sync_errno, 0);
	for (int i = 0; i < 1000 && !audit_log_healthy(log); i++)
		pause_ms(2);
	append(log, 51, 400);
	pause_ms(20);
	const struct audit_lookup lookup =
		question(AUDIT_EVENT_ID, "00000000-0000-4000-8000-000000000050");
	(void)ask(&lookup);
	assert_int_equal(count, 0);
	struct audit_lookup all = question(AUDIT_ANY, "");
	(void)ask(&all);
	assert_int_equal(count, 399);
	audit_indexes_stop(&logs[0]);
	audit_log_close(&log);
}

static struct err seal(void *self, struct view digest, uint8_t out[AUDIT_INDEX_SEAL_LEN])
{
	for (size_t i = 0; i < AUDIT_INDEX_SEAL_LEN; i++)
		out[i] = digest.ptr[i] ^ *(const uint8_t *)self;
	return OK;
}

/* An index that somebody else has made could hide what it likes. */
static void an_index_without_the_seal_is_made_anew(void **state)
{
	(void)state;
	uint8_t secret = 0x5a;
	struct audit_index index, read;
	CLEANUP(buf_cleanup) struct buf file;
	buf_init(&file, 1 << 20);
	write_segment(SEGMENT("1"), 0, 700);
	write_segment(SEGMENT("2"), 700, 701);
	audit_index_init(&index);
	index.covered = text_len;
	index.count = 1;
	index.blocks = &(struct audit_index_block){.bytes = (uint32_t)text_len};
	assert_false(err_failed(audit_index_encode(&index, SEGMENT("2"), NULL, &file)));
	assert_false(err_failed(audit_index_decode(buf_view(&file), SEGMENT("2"), NULL, &read)));
	audit_index_cleanup(&read);
	const struct audit_index_sealer sealer = {.seal = seal, .self = &secret};
	assert_true(err_is(audit_index_decode(buf_view(&file), SEGMENT("2"), &sealer, &read),
			   E_FORMAT));
	assert_true(
		err_is(audit_index_decode(buf_view(&file), SEGMENT("1"), NULL, &read), E_FORMAT));
	buf_clear(&file);
	assert_false(err_failed(audit_index_encode(&index, SEGMENT("2"), &sealer, &file)));
	assert_false(err_failed(audit_index_decode(buf_view(&file), SEGMENT("2"), &sealer, &read)));
	audit_index_cleanup(&read);
	for (size_t i = 0; i < file.len; i++) {
		file.ptr[i] ^= 1;
		assert_true(err_failed(
			audit_index_decode(buf_view(&file), SEGMENT("2"), &sealer, &read)));
		file.ptr[i] ^= 1;
	}
}

/* --- Pages and logs. --- */

static void a_call_reads_so_much_and_no_more(void **state)
{
	(void)state;
	write_segment(SEGMENT("1"), 0, 3000);
	start(fixture_directory, 0);
	struct audit_lookup lookup =
		question(AUDIT_EVENT_ID, "00000000-0000-4000-8000-000000000003");
	lookup.read_max = 1;
	assert_true(ask(&lookup) > 3); /* a block at a time, and found in the end */
	assert_int_equal(count, 1);
	struct audit_lookup few = question(AUDIT_ANY, "");
	few.text_max = 1500; /* two records */
	assert_true(ask(&few) >= 1500);
	assert_int_equal(count, 3000);
}

static void pages_follow_on_whatever_is_appended(void **state)
{
	(void)state;
	struct audit_place place = AUDIT_PLACE_NEWEST;
	bool more = true;
	write_segment(SEGMENT("1"), 0, 400);
	start(fixture_directory, 0);
	struct audit_lookup lookup = question(AUDIT_ANY, "");
	lookup.events_max = 7;
	for (int to = 400; more; to += 10) {
		write_segment(SEGMENT("1"), 0, to);
		assert_false(err_failed(audit_lookup(&lookup, &place, &more)));
	}
	assert_int_equal(count, 400);
	for (int n = 0; n < 400; n++)
		assert_int_equal(found[n], 399 - n);
}

/* Retention may take a segment away between two pages. */
static void a_segment_that_has_gone_is_passed_over(void **state)
{
	(void)state;
	char path[512];
	struct audit_place place = AUDIT_PLACE_NEWEST;
	bool more = false;
	write_segment(SEGMENT("1"), 0, 30);
	write_segment(SEGMENT("2"), 30, 60);
	write_segment(SEGMENT("3"), 60, 90);
	start(fixture_directory, 0);
	struct audit_lookup lookup = question(AUDIT_ANY, "");
	assert_false(err_failed(audit_lookup(&lookup, &place, &more)));
	assert_true(more);
	assert_int_equal(found[49], 40);
	assert_false(err_failed(
		text_format(path, sizeof path, "%s/%s", fixture_directory, SEGMENT("2"))));
	assert_int_equal(unlink(path), 0);
	assert_false(err_failed(audit_lookup(&lookup, &place, &more)));
	assert_false(more);
	assert_int_equal(count, 80);
	assert_int_equal(found[50], 29);
}

static void several_logs_are_merged_by_time(void **state)
{
	(void)state;
	char other[] = "/tmp/holdfast-audit-other-XXXXXX", path[512];
	assert_non_null(mkdtemp(other));
	text_len = 0;
	for (int n = 1; n < 600; n += 2)
		put(n);
	fixture_write_file(SEGMENT("1"), text, text_len);
	assert_false(err_failed(text_format(path, sizeof path, "%s/" SEGMENT("1"), other)));
	text_len = 0;
	for (int n = 0; n < 600; n += 2)
		put(n);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, text_len, file), text_len);
	assert_int_equal(fclose(file), 0);
	start(fixture_directory, 0);
	start(other, 1);
	struct audit_lookup lookup = question(AUDIT_ANY, "");
	lookup.count = 2;
	(void)ask(&lookup);
	assert_int_equal(count, 600);
	for (int n = 0; n < 600; n++)
		assert_int_equal(found[n], 599 - n);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(other), 0);
}

/* Looking at a segment and passing it over is work, too: who asks for what is in none of thousands
 * must not have them all looked at in one call. */
static void a_call_looks_at_so_many_segments_and_no_more(void **state)
{
	(void)state;
	char name[SEGMENT_NAME_MAX];
	for (int n = 1; n <= 20; n++) {
		(void)snprintf(name, sizeof name, "audit-20261121T180000Z-%06d.jsonl", n);
		write_segment(name, n, n + 1);
	}
	start(fixture_directory, 0);
	struct audit_lookup lookup = question(AUDIT_ANY, "");
	lookup.wanted.since_ms = FOREVER - 1; /* all are too old */
	lookup.read_max = 256 << 10;
	assert_in_range(ask(&lookup), 5, 7);
	assert_int_equal(count, 0);
	lookup.wanted.since_ms = 0;
	lookup.events_max = 1;
	assert_int_equal(ask(&lookup), 20);
	assert_int_equal(count, 20);
}

static void put_fifo(const char *name)
{
	char path[512];
	(void)snprintf(path, sizeof path, "%s/%s", fixture_directory, name);
	assert_int_equal(mkfifo(path, 0600), 0);
}

/* Opening a FIFO waits for its other end: whoever writes the folder could hold up every thread. */
static void a_fifo_in_the_folder_holds_nobody_up(void **state)
{
	(void)state;
	(void)alarm(60);
	write_segment(SEGMENT("1"), 0, 3);
	write_segment(SEGMENT("2"), 3, 6);
	put_fifo(SEGMENT("1") AUDIT_INDEX_SUFFIX);
	put_fifo(SEGMENT("1") AUDIT_INDEX_SUFFIX ".new");
	start(fixture_directory, 0);
	expect_user(1, 0, 6);
	await_made(1);
	put_fifo(SEGMENT("3"));
	struct audit_place place = AUDIT_PLACE_NEWEST;
	bool more = false;
	const struct audit_lookup lookup = question(AUDIT_ANY, "");
	assert_int_equal(audit_lookup(&lookup, &place, &more).code, E_AUDIT);
	audit_indexes_stop(&logs[0]);
	(void)alarm(0);
}

/* --- The logs of others. --- */

static const char *path_in(char room[512], const char *name)
{
	(void)snprintf(room, 512, "%s/%s", fixture_directory, name);
	return room;
}

static void expect_away(int why)
{
	struct audit_place place = {7, 11};
	bool more = false;
	const struct audit_lookup lookup = question(AUDIT_ANY, "");
	struct err e = audit_lookup(&lookup, &place, &more);
	assert_int_equal(e.code, E_LOOKUP_AWAY);
	assert_int_equal(e.detail, why);
	assert_true(place.sequence == 7 && place.offset == 11);
}

static void remove_folder(const char *name)
{
	char path[512];
	(void)snprintf(path, sizeof path, "%s/%s/" SEGMENT("1"), fixture_directory, name);
	(void)unlink(path);
	(void)snprintf(path, sizeof path, "%s/%s/" SEGMENT("2"), fixture_directory, name);
	(void)unlink(path);
	assert_int_equal(rmdir(path_in(path, name)), 0);
}

static void a_folder_that_is_away_is_no_empty_log(void **state)
{
	(void)state;
	char folder[512];
	start_at(path_in(folder, "other"), 0, true);
	expect_away(ENOENT);
	assert_int_equal(mkdir(folder, 0700), 0);
	expect_away(0);
	write_segment("other/" SEGMENT("1"), 0, 30);
	expect_user(1, 0, 30);
	audit_indexes_stop(&logs[0]);
	remove_folder("other");
}

static void another_folder_in_its_place_is_read_anew(void **state)
{
	(void)state;
	char folder[512], aside[512];
	assert_int_equal(mkdir(path_in(folder, "other"), 0700), 0);
	write_segment("other/" SEGMENT("1"), 0, 300);
	write_segment("other/" SEGMENT("2"), 300, 400);
	start_at(folder, 0, true);
	await_made(1);
	expect_user(1, 0, 400);
	assert_int_equal(rename(folder, path_in(aside, "aside")), 0);
	assert_int_equal(mkdir(folder, 0700), 0);
	expect_away(0);
	write_segment("other/" SEGMENT("1"), 1000, 1300);
	write_segment("other/" SEGMENT("2"), 1300, 1400);
	expect_user(1, 1000, 1400);
	await_made(2);
	expect_user(1, 1000, 1400);
	audit_indexes_stop(&logs[0]);
	remove_folder("other");
	remove_folder("aside");
}

static void a_segment_of_another_that_cannot_be_read_is_told(void **state)
{
	(void)state;
	struct audit_place place = AUDIT_PLACE_NEWEST;
	const struct audit_lookup lookup = question(AUDIT_ANY, "");
	bool more = false;
	write_segment(SEGMENT("1"), 0, 3);
	put_fifo(SEGMENT("2"));
	start_at(fixture_directory, 0, true);
	assert_int_equal(audit_lookup(&lookup, &place, &more).code, E_LOOKUP_AWAY);
	audit_indexes_stop(&logs[0]);
}

#define LOOKUP_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOKUP_TEST(without_segments_nothing_is_found),
		LOOKUP_TEST(events_are_found_newest_first_across_blocks_and_segments),
		LOOKUP_TEST(every_event_is_found_by_its_id),
		LOOKUP_TEST(what_is_not_there_is_not_found_whatever_the_filters_say),
		LOOKUP_TEST(the_time_range_is_kept_and_blocks_outside_it_are_not_read),
		LOOKUP_TEST(a_wrong_index_file_hides_nothing),
		LOOKUP_TEST(what_is_appended_is_found_at_once_and_indexed_later),
		LOOKUP_TEST(what_the_disk_refused_is_forgotten),
		LOOKUP_TEST(an_index_without_the_seal_is_made_anew),
		LOOKUP_TEST(a_call_reads_so_much_and_no_more),
		LOOKUP_TEST(pages_follow_on_whatever_is_appended),
		LOOKUP_TEST(a_segment_that_has_gone_is_passed_over),
		LOOKUP_TEST(a_call_looks_at_so_many_segments_and_no_more),
		LOOKUP_TEST(a_fifo_in_the_folder_holds_nobody_up),
		LOOKUP_TEST(several_logs_are_merged_by_time),
		LOOKUP_TEST(a_folder_that_is_away_is_no_empty_log),
		LOOKUP_TEST(another_folder_in_its_place_is_read_anew),
		LOOKUP_TEST(a_segment_of_another_that_cannot_be_read_is_told),
	};
	return cmocka_run_group_tests_name("audit_lookup", tests, NULL, NULL);
}
