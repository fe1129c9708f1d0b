/* SPDX-License-Identifier: Apache-2.0 */
/* The log as its callers see it: groups, order, bounds, failing disks, aggregated failures. */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/record.h"
#include "base/text.h"

#define DEADLINE_MS 20000
#define MANY 300

static struct audit_log *log_open;
static sem_t entered, leave; /* of a sync that waits for the test */
static atomic_int syncs_to_hold;

static void hold_sync(int fd)
{
	(void)fd;
	if (atomic_fetch_sub(&syncs_to_hold, 1) <= 0)
		return;
	(void)sem_post(&entered);
	while (sem_wait(&leave) != 0)
		;
}

static void opened_with(struct audit_log_options options, uint32_t probe_ms)
{
	const struct audit_log_tuning tuning = {
		.io = &faulty_io, .zeros_bytes = 8192, .probe_ms = probe_ms};
	options.directory = fixture_directory;
	options.clock = &clock_system;
	(void)sem_init(&entered, 0, 0);
	(void)sem_init(&leave, 0, 0);
	atomic_store(&syncs_to_hold, 0);
	assert_false(err_failed(audit_log_open_tuned(&options, &tuning, &log_open)));
}

static void opened(void)
{
	opened_with((struct audit_log_options){0}, 60000);
}

/* The log does not look what is in the braces. */
static struct err append_text(const char *text)
{
	char line[64];
	(void)snprintf(line, sizeof line, "{%s}", text);
	return audit_log_append_wait(log_open, view_of_text(line));
}

/* Entries whose results are noted. */
static struct noted {
	struct audit_entry entry;
	char text[32];
	atomic_int times;
	struct err result;
	pthread_t told_by;
} noted[MANY];
static atomic_int told;

static void note(struct audit_entry *entry, struct err result)
{
	struct noted *n = (struct noted *)entry->user;
	n->result = result;
	n->told_by = pthread_self();
	atomic_fetch_add(&n->times, 1);
	atomic_fetch_add(&told, 1);
}

static void append_noted(int first, int count)
{
	for (int i = first; i < first + count; i++) {
		struct noted *n = &noted[i];
		*n = (struct noted){.entry = {.done = note, .user = n}};
		(void)snprintf(n->text, sizeof n->text, "{line %d}", i);
		n->entry.line = view_of_text(n->text);
		audit_log_append(log_open, &n->entry);
	}
}

static void until(bool (*holds)(void))
{
	for (int ms = 0; !holds(); ms++) {
		assert_true(ms < DEADLINE_MS);
		(void)usleep(1000);
	}
}

static int wanted_told;

static bool all_told(void)
{
	return atomic_load(&told) >= wanted_told;
}

static void wait_told(int count)
{
	wanted_told = count;
	until(all_told);
}

static bool is_healthy(void)
{
	return audit_log_healthy(log_open);
}

static struct audit_log_figures figures(void)
{
	struct audit_log_figures out;
	audit_log_figures(log_open, &out);
	return out;
}

/* Starts a group of the one line number 0 and returns while its sync is under way. */
static void begin_held_group(void)
{
	atomic_store(&told, 0);
	fixture_before_sync = hold_sync;
	atomic_store(&syncs_to_hold, 1);
	append_noted(0, 1);
	assert_int_equal(sem_wait(&entered), 0);
}

/* --- Durability. --- */

static void a_line_that_was_waited_for_is_in_the_file(void **state)
{
	(void)state;
	size_t len = 0;
	opened();
	assert_false(err_failed(append_text("one")));
	assert_string_equal(fixture_read_log(&len), "{one}\n");
	assert_int_equal(figures().lines, 1);
	assert_int_equal(figures().bytes, strlen(fixture_read_chained(&len)));
	assert_int_equal(figures().syncs, 1);
	audit_log_close(&log_open);
	assert_null(log_open);
}

static void lines_that_wait_share_one_sync(void **state)
{
	(void)state;
	opened();
	begin_held_group();
	append_noted(1, MANY - 1);
	/* Nobody hears anything before the sync is over. */
	assert_int_equal(atomic_load(&told), 0);
	(void)sem_post(&leave);
	wait_told(MANY);
	assert_int_equal(figures().syncs, 2);
	assert_int_equal(figures().lines, MANY);
	assert_int_equal(atomic_load(&faults.syncs), 2);
	for (int i = 0; i < MANY; i++) {
		assert_false(err_failed(noted[i].result));
		assert_int_equal(atomic_load(&noted[i].times), 1);
		assert_true(pthread_equal(noted[i].told_by, noted[0].told_by));
		assert_false(pthread_equal(noted[i].told_by, pthread_self()));
	}
	audit_log_close(&log_open);
}

/* What a sync has made durable: the file as it was when the sync began. */
static char image[CONTENT_MAX], pending[CONTENT_MAX];
static atomic_int premature;

static void take_image(int fd)
{
	ssize_t n = pread(fd, pending, sizeof pending - 1, 0);
	pending[n < 0 ? 0 : n] = '\0';
}

static void keep_image(int fd)
{
	(void)fd;
	memcpy(image, pending, sizeof image);
}

static void check_image(struct audit_entry *entry, struct err result)
{
	char line[64];
	(void)snprintf(line, sizeof line, "%.*s,\"chain\"", (int)entry->line.len - 1,
		       (const char *)entry->line.ptr);
	if (err_failed(result) || strstr(image, line) == NULL)
		atomic_fetch_add(&premature, 1);
	atomic_fetch_add(&told, 1);
}

static void done_comes_after_the_sync_that_covers_the_line(void **state)
{
	(void)state;
	opened();
	atomic_store(&told, 0);
	atomic_store(&premature, 0);
	memset(image, 0, sizeof image);
	fixture_before_sync = take_image;
	fixture_after_sync = keep_image;
	for (int i = 0; i < MANY; i++) {
		struct noted *n = &noted[i];
		*n = (struct noted){.entry = {.done = check_image}};
		(void)snprintf(n->text, sizeof n->text, "{%d}", i);
		n->entry.line = view_of_text(n->text);
		audit_log_append(log_open, &n->entry);
		if (i % 16 == 0)
			wait_told(i / 2); /* groups of many sizes */
	}
	wait_told(MANY);
	assert_int_equal(atomic_load(&premature), 0);
	audit_log_close(&log_open);
}

static void *append_ten(void *user)
{
	const char *name = (const char *)user;
	for (int i = 0; i < 10; i++) {
		char text[32];
		(void)snprintf(text, sizeof text, "thread %s line %d;", name, i);
		if (err_failed(append_text(text)))
			return user;
	}
	return NULL;
}

static void threads_share_syncs_and_keep_their_order(void **state)
{
	(void)state;
	static char names[32][4];
	pthread_t threads[ARRAY_LEN(names)];
	opened();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(names[i], sizeof names[i], "%zu", i);
		assert_int_equal(pthread_create(&threads[i], NULL, append_ten, names[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		void *failed = NULL;
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_int_equal(figures().lines, 320);
	assert_true(figures().syncs < 320);
	size_t len = 0;
	const char *text = fixture_read_log(&len);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *at = text;
		for (int k = 0; k < 10; k++) {
			char line[160];
			(void)snprintf(line, sizeof line, "{thread %s line %d;}\n", names[i], k);
			at = strstr(at, line);
			assert_non_null(at);
		}
	}
	audit_log_close(&log_open);
}

static void closing_writes_what_is_queued(void **state)
{
	(void)state;
	size_t len = 0;
	opened();
	atomic_store(&told, 0);
	append_noted(0, 100);
	audit_log_close(&log_open);
	assert_int_equal(atomic_load(&told), 100);
	assert_non_null(strstr(fixture_read_log(&len), "line 99}\n"));
	size_t bytes = strlen(fixture_read_chained(&len));
	char name[SEGMENT_NAME_MAX];
	uint64_t sequence = 0;
	fixture_newest(name, &sequence);
	(void)fixture_read_file(name, &len);
	assert_int_equal(len, bytes); /* no zeros are left */
}

static void segments_rotate_below_the_log(void **state)
{
	(void)state;
	static char expected[32 << 10];
	size_t at = 0;
	size_t len = 0;
	opened_with((struct audit_log_options){.segment_bytes = 2000}, 60000);
	atomic_store(&told, 0);
	append_noted(0, MANY);
	wait_told(MANY);
	for (int i = 0; i < MANY; i++) {
		assert_false(err_failed(noted[i].result));
		at += (size_t)snprintf(expected + at, sizeof expected - at, "{line %d}\n", i);
	}
	assert_string_equal(fixture_read_log(&len), expected);
	(void)fixture_read_chained(&len);
	assert_true(fixture_count_files(".jsonl") >= len / 2000);
	audit_log_close(&log_open);
}

static void a_directory_has_one_log(void **state)
{
	(void)state;
	struct audit_log *second = NULL;
	const struct audit_log_options options = {.directory = fixture_directory,
						  .clock = &clock_system};
	const struct audit_log_options nowhere = {.directory = "/nonexistent",
						  .clock = &clock_system};
	opened();
	assert_true(err_is(audit_log_open(&options, &second), E_ALREADY_RUNNING));
	assert_null(second);
	audit_log_close(&log_open);
	assert_false(err_failed(audit_log_open(&options, &second)));
	audit_log_close(&second);
	assert_true(err_is(audit_log_open(&nowhere, &second), E_AUDIT));
}

/* --- The queue. --- */

static void a_full_queue_refuses_and_keeps_what_it_has(void **state)
{
	(void)state;
	opened_with((struct audit_log_options){.queue_max = 4}, 60000);
	begin_held_group();
	append_noted(1, 10);
	(void)sem_post(&leave);
	wait_told(11);
	for (int i = 0; i < 11; i++) {
		assert_int_equal(noted[i].result.code, i < 5 ? E_OK : E_BUSY);
		assert_int_equal(atomic_load(&noted[i].times), 1);
	}
	size_t len = 0;
	assert_string_equal(fixture_read_log(&len),
			    "{line 0}\n{line 1}\n{line 2}\n{line 3}\n{line 4}\n");
	/* There is room again. */
	assert_false(err_failed(append_text("more")));
	audit_log_close(&log_open);
}

static void *close_log(void *user)
{
	struct audit_log *log = (struct audit_log *)user;
	audit_log_close(&log);
	return NULL;
}

static void lines_that_come_while_it_stops_are_cancelled(void **state)
{
	(void)state;
	pthread_t closer;
	int cancelled = 0;
	opened();
	begin_held_group(); /* the log lives at least until this is let go */
	assert_int_equal(pthread_create(&closer, NULL, close_log, log_open), 0);
	for (int i = 1; i < 200; i++) {
		append_noted(i, 1);
		(void)usleep(500);
	}
	(void)sem_post(&leave);
	assert_int_equal(pthread_join(closer, NULL), 0);
	assert_int_equal(atomic_load(&told), 200);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(atomic_load(&noted[i].times), 1);
		assert_true(!err_failed(noted[i].result) || err_is(noted[i].result, E_CANCELLED));
		cancelled += err_is(noted[i].result, E_CANCELLED);
	}
	assert_in_range(cancelled, 1, 199);
}

static void malformed_lines_are_refused_alone(void **state)
{
	(void)state;
	static const struct view malformed[] = {
		{NULL, 0},
		VIEW_LITERAL("{}"),
		VIEW_LITERAL("{a\nb}"),
		VIEW_LITERAL("{a}\n"),
		VIEW_LITERAL("{a\0b}"),
		VIEW_LITERAL("[a]"),
		VIEW_LITERAL("{ab"),
	};
	static char text[AUDIT_RECORD_MAX + 1];
	memset(text, 'x', sizeof text);
	text[0] = '{';
	text[AUDIT_RECORD_MAX] = text[AUDIT_RECORD_MAX - 1] = '}';
	opened();
	for (size_t i = 0; i < ARRAY_LEN(malformed); i++)
		assert_true(err_is(audit_log_append_wait(log_open, malformed[i]), E_BUG));
	assert_true(err_is(audit_log_append_wait(log_open, view_of(text, sizeof text)), E_BUG));
	assert_false(err_failed(audit_log_append_wait(log_open, view_of(text, sizeof text - 1))));
	assert_int_equal(figures().lines, 1);
	assert_true(audit_log_healthy(log_open));
	audit_log_close(&log_open);
}

/* A done that appends again would wait for itself if the log held its lock. */
static void append_next(struct audit_entry *entry, struct err result)
{
	struct noted *n = (struct noted *)entry->user;
	n->result = result;
	atomic_fetch_add(&told, 1);
	if (n < &noted[20])
		audit_log_append(log_open, &n[1].entry);
}

static void done_holds_no_lock(void **state)
{
	(void)state;
	opened();
	atomic_store(&told, 0);
	for (int i = 0; i <= 20; i++)
		noted[i] = (struct noted){.entry = {.line = VIEW_LITERAL("{x}"),
						    .done = append_next,
						    .user = &noted[i]}};
	audit_log_append(log_open, &noted[0].entry);
	wait_told(21);
	audit_log_close(&log_open);
}

static void free_entry(struct audit_entry *entry, struct err result)
{
	(void)result;
	free(entry);
	atomic_fetch_add(&told, 1);
}

static void done_may_give_the_entry_back(void **state)
{
	(void)state;
	opened_with((struct audit_log_options){.queue_max = 8}, 60000);
	atomic_store(&told, 0);
	for (int i = 0; i < 100; i++) {
		struct audit_entry *entry = (struct audit_entry *)calloc(1, sizeof *entry);
		assert_non_null(entry);
		*entry = (struct audit_entry){.line = VIEW_LITERAL("{x}"), .done = free_entry};
		audit_log_append(log_open, entry);
	}
	wait_told(100);
	audit_log_close(&log_open);
}

/* --- Disks that say no. --- */

static void a_full_disk_fails_the_whole_group(void **state)
{
	(void)state;
	size_t len = 0;
	opened();
	begin_held_group();
	append_noted(1, 9);
	atomic_store(&faults.write_errno, ENOSPC);
	(void)sem_post(&leave);
	wait_told(10);
	assert_false(err_failed(noted[0].result));
	for (int i = 1; i < 10; i++) {
		assert_true(err_is(noted[i].result, E_AUDIT));
		assert_int_equal(noted[i].result.detail, ENOSPC);
	}
	assert_false(audit_log_healthy(log_open));
	assert_int_equal(figures().failures, 9);
	/* Until the disk has been asked again, the next ones fail without asking it. */
	int writes = atomic_load(&faults.writes);
	assert_true(err_is(append_text("more"), E_AUDIT));
	assert_int_equal(atomic_load(&faults.writes), writes);
	assert_string_equal(fixture_read_log(&len), "{line 0}\n");
	audit_log_close(&log_open);
}

static void the_log_recovers_by_itself(void **state)
{
	(void)state;
	size_t len = 0;
	atomic_int *const kinds[] = {&faults.write_errno, &faults.sync_errno};
	opened_with((struct audit_log_options){0}, 5);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		assert_false(err_failed(append_text("before")));
		atomic_store(kinds[i], EIO);
		assert_true(err_is(append_text("refused"), E_AUDIT));
		assert_false(audit_log_healthy(log_open));
		atomic_store(kinds[i], 0);
		until(is_healthy); /* nobody appends meanwhile */
		assert_false(err_failed(append_text("after")));
	}
	audit_log_close(&log_open);
	assert_string_equal(fixture_read_log(&len), "{before}\n{after}\n{before}\n{after}\n");
}

static void faults_come_and_go_and_the_log_tells_the_truth(void **state)
{
	(void)state;
	static char expected[64 << 10];
	size_t at = 0;
	size_t len = 0;
	opened_with((struct audit_log_options){.segment_bytes = 1500}, 1);
	for (int i = 0; i < 400; i++) {
		char text[32];
		atomic_int *const kinds[] = {&faults.write_errno, &faults.sync_errno,
					     &faults.truncate_errno, &faults.create_errno};
		atomic_store(kinds[(size_t)i / 7 % ARRAY_LEN(kinds)], i % 7 < 3 ? EIO : 0);
		(void)snprintf(text, sizeof text, "line %d", i);
		if (!err_failed(append_text(text)))
			at += (size_t)snprintf(expected + at, sizeof expected - at, "{%s}\n", text);
		if (i % 7 == 5)
			until(is_healthy);
	}
	audit_log_close(&log_open);
	assert_string_equal(fixture_read_log(&len), expected);
	assert_true(at > 1000);
	assert_int_equal(fixture_count_files(".torn"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_line_that_was_waited_for_is_in_the_file),
		FIXTURE_TEST(lines_that_wait_share_one_sync),
		FIXTURE_TEST(done_comes_after_the_sync_that_covers_the_line),
		FIXTURE_TEST(threads_share_syncs_and_keep_their_order),
		FIXTURE_TEST(closing_writes_what_is_queued),
		FIXTURE_TEST(segments_rotate_below_the_log),
		FIXTURE_TEST(a_directory_has_one_log),
		FIXTURE_TEST(a_full_queue_refuses_and_keeps_what_it_has),
		FIXTURE_TEST(lines_that_come_while_it_stops_are_cancelled),
		FIXTURE_TEST(malformed_lines_are_refused_alone),
		FIXTURE_TEST(done_holds_no_lock),
		FIXTURE_TEST(done_may_give_the_entry_back),
		FIXTURE_TEST(a_full_disk_fails_the_whole_group),
		FIXTURE_TEST(the_log_recovers_by_itself),
		FIXTURE_TEST(faults_come_and_go_and_the_log_tells_the_truth),
	};
	return cmocka_run_group_tests_name("audit_log", tests, NULL, NULL);
}
