/* SPDX-License-Identifier: Apache-2.0 */
/* Finding an event in the log again, wherever it stands and whatever stands around it. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/record.h"
#include "base/text.h"

#define WANTED "7b8a1a39-51c2-4a2f-9a56-0d6c6a2a9a10"
#define OTHER "00000000-51c2-4a2f-9a56-0d6c6a2a9a10"
#define LINE(id) "{\"eventVersion\":\"1.11\",\"eventID\":\"" id "\",\"readOnly\":true}\n"
#define SEGMENT(number) "audit-20261121T180000Z-00000" number ".jsonl"

static bool contains(void)
{
	bool found = true;
	assert_false(err_failed(audit_log_contains(fixture_directory, WANTED, &found)));
	return found;
}

static void put(const char *name, const char *text)
{
	fixture_write_file(name, text, strlen(text));
}

static void an_empty_directory_contains_nothing(void **state)
{
	(void)state;
	assert_false(contains());
}

static void an_event_is_found_in_any_segment(void **state)
{
	(void)state;
	put(SEGMENT("1"), LINE(OTHER) LINE(WANTED) LINE(OTHER));
	put(SEGMENT("2"), LINE(OTHER));
	put(SEGMENT("3"), "");
	assert_true(contains());
	put(SEGMENT("1"), LINE(OTHER));
	assert_false(contains());
}

/* A client could put the text into its encryption context. */
static void the_same_text_deeper_in_a_record_does_not_count(void **state)
{
	(void)state;
	static const char nested[] =
		"{\"requestParameters\":{\"encryptionContext\":{\"eventID\":\"" WANTED
		"\"}},\"eventID\":\"" OTHER "\"}\n";
	put(SEGMENT("1"), nested);
	assert_false(contains());
	put(SEGMENT("1"), "{\"requestParameters\":{\"encryptionContext\":{\"eventID\":\"" WANTED
			  "\"}},\"eventID\":\"" OTHER "\"}\n" LINE(WANTED));
	assert_true(contains());
	put(SEGMENT("1"),
	    "{\"requestParameters\":{\"eventID\":\"" WANTED "\"},\"eventID\":\"" WANTED "\"}\n");
	assert_true(contains());
}

static void a_torn_line_does_not_count(void **state)
{
	(void)state;
	put(SEGMENT("1"),
	    LINE(OTHER) "{\"eventVersion\":\"1.11\",\"eventID\":\"" WANTED "\",\"readOnly\":true}");
	assert_false(contains());
}

static void lines_behind_zeros_do_not_count(void **state)
{
	(void)state;
	char text[512] = LINE(OTHER);
	memcpy(text + 200, LINE(WANTED), sizeof LINE(WANTED) - 1);
	fixture_write_file(SEGMENT("1"), text, sizeof text);
	assert_false(contains());
	static char more[600 << 10] = LINE(OTHER);
	memcpy(more + (512 << 10), LINE(WANTED), sizeof LINE(WANTED) - 1); /* the next window */
	fixture_write_file(SEGMENT("1"), more, sizeof more);
	assert_false(contains());
	memcpy(text + sizeof LINE(OTHER) - 1, LINE(WANTED), sizeof LINE(WANTED) - 1);
	fixture_write_file(SEGMENT("1"), text, sizeof text);
	assert_true(contains());
}

/* The window is 512 KiB: the event stands at every kind of place relative to its end. */
static void an_event_is_found_across_windows(void **state)
{
	(void)state;
	static char text[2 << 20];
	static const char wanted[] = LINE(WANTED);
	const size_t len = sizeof wanted - 1;
	for (size_t start = (512 << 10) - len - 3; start < (512 << 10) + 4; start += 7) {
		memset(text, 'x', sizeof text);
		for (size_t at = 0; at < sizeof text; at += 100000)
			text[at] = '\n';
		text[start - 1] = '\n';
		memcpy(text + start, wanted, len);
		text[sizeof text - 1] = '\n';
		fixture_write_file(SEGMENT("1"), text, sizeof text);
		assert_true(contains());
	}
}

static void what_is_no_event_id_is_refused(void **state)
{
	(void)state;
	bool found = true;
	assert_true(err_is(audit_log_contains(fixture_directory, "", &found), E_FORMAT));
	assert_false(found);
	assert_true(err_is(audit_log_contains(fixture_directory, WANTED "0", &found), E_FORMAT));
	assert_true(err_is(audit_log_contains("/nonexistent", WANTED, &found), E_AUDIT));
}

/* The log's own records are found by their own ids while the log is open. */
static void what_the_log_wrote_is_found(void **state)
{
	(void)state;
	struct audit_log *log = NULL;
	const struct audit_log_options options = {.directory = fixture_directory,
						  .clock = &clock_system};
	struct audit_record record = {.event_id = WANTED, .identity_type = "Root"};
	char line[4096];
	struct writer w;
	writer_init(&w, line, sizeof line);
	assert_false(err_failed(audit_record_write(&record, &w)));
	assert_false(err_failed(audit_log_open(&options, &log)));
	assert_false(contains());
	assert_false(err_failed(audit_log_append_wait(log, view_of(line, w.len))));
	assert_true(contains());
	audit_log_close(&log);
	assert_true(contains());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(an_empty_directory_contains_nothing),
		FIXTURE_TEST(an_event_is_found_in_any_segment),
		FIXTURE_TEST(the_same_text_deeper_in_a_record_does_not_count),
		FIXTURE_TEST(a_torn_line_does_not_count),
		FIXTURE_TEST(lines_behind_zeros_do_not_count),
		FIXTURE_TEST(an_event_is_found_across_windows),
		FIXTURE_TEST(what_is_no_event_id_is_refused),
		FIXTURE_TEST(what_the_log_wrote_is_found),
	};
	return cmocka_run_group_tests_name("audit_search", tests, NULL, NULL);
}
