/* SPDX-License-Identifier: Apache-2.0 */
/* A log as it was written is sound; lines and segments that were doctored are told by name and
 * place. */
#include "doctored.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Sound. --- */

static void a_log_as_it_was_written_is_sound(void **state)
{
	(void)state;
	is_sound();
	assert_int_equal(report.records, RECORDS);
	assert_int_equal(report.segments, made.files);
	assert_int_equal(report.lines, made.lines);
	assert_int_equal(report.attestations, made.lines - RECORDS);
	assert_int_equal(report.begin.sequence, 1);
	assert_int_equal(report.head.sequence, made.lines);
	assert_int_equal(report.unattested, 0);
	assert_int_equal(report.unchained, 0);
	assert_int_equal(report.first_ms, INT64_C(1795287601000));
	assert_int_equal(report.last_ms, INT64_C(1795287640000));
	assert_true(report.attested_ms > INT64_C(1700000000000));
}

static void a_log_of_an_older_version_is_sound_behind_its_lines(void **state)
{
	(void)state;
	again();
	empty_directory();
	static const char old[] = "{\"eventTime\":\"2026-11-21T17:00:00Z\"}\n{\"b\":2}\n";
	fixture_write_file("audit-20261121T170000Z-000001.jsonl", old, sizeof old - 1);
	make_log(&signer, 3000);
	is_sound();
	assert_int_equal(report.unchained, 2);
	assert_int_equal(report.records, RECORDS + 2);
	assert_int_equal(report.unattested, 0);
	/* But such lines may not stand anywhere else, */
	load(&now);
	put_line(&now, 10, now.file[9], "{\"b\":2}", 7);
	store(&now);
	is_found(AUDIT_PROBLEM_LINE);
	is_named(10);
	/* nor hide that lines of the chain are missing. */
	take_line(&now, 10);
	take_line(&now, 2);
	store(&now);
	is_found(AUDIT_PROBLEM_GAP);
}

static void what_does_not_belong_to_the_log_is_left_alone(void **state)
{
	(void)state;
	char name[SEGMENT_NAME_MAX + 16];
	(void)snprintf(name, sizeof name, "%s.torn", made.names[1]);
	fixture_write_file(name, "{\"a\"", 4);
	(void)snprintf(name, sizeof name, "%s.index", made.names[1]);
	fixture_write_file(name, "\0\1\2", 3);
	fixture_write_file("notes.txt", "hello\n", 6);
	is_sound();
}

static void a_log_that_is_being_written_is_sound(void **state)
{
	(void)state;
	const struct audit_log_options options = {.directory = fixture_directory,
						  .clock = &clock_system};
	assert_false(err_failed(audit_log_open(&options, &log_open)));
	assert_false(err_failed(audit_log_append_wait(log_open, VIEW_LITERAL("{\"a\":1}"))));
	is_sound(); /* with zeros behind it */
	assert_int_equal(report.unattested, 1);
	audit_log_close(&log_open);
}

/* --- Lines. --- */

/* No change goes unseen, and none is misplaced by more than a line: the hash of a line stands in
 * the next one, and a first line without a place may be one of before there was a chain. */
static void a_changed_byte_is_found(size_t at, size_t byte)
{
	again();
	now.text[at][byte] = (char)(now.text[at][byte] ^ (byte % 2 ? 1 : 4));
	store(&now);
	verify(NULL);
	if (report.problems == 0)
		fail_msg("line %zu, byte %zu: not found", at, byte);
	if (!names(at) && (at > 0 ? !names(at - 1) : !names(1)))
		fail_msg("line %zu, byte %zu: %s line %llu: %s", at, byte, report.first.segment,
			 (unsigned long long)report.first.line, report.first.text);
}

static void any_changed_byte_is_found(void **state)
{
	(void)state;
	for (size_t at = 0; at + 1 < made.lines; at += at % 10 == 3 ? 1 : 3) {
		size_t len = strlen(made.text[at]);
		for (size_t byte = at % 17; byte < len; byte += 17)
			a_changed_byte_is_found(at, byte);
	}
}

static void a_changed_record_is_named_with_its_event(void **state)
{
	(void)state;
	size_t at = line_of(false, 16);
	char *time = strstr(now.text[at], "19:00");
	time[1] = '8';
	store(&now);
	is_found(AUDIT_PROBLEM_CHANGED);
	is_named(at);
	assert_string_equal(report.first.event, "00000000-0000-4000-8000-000000000017");
}

/* An event's id that is none could write on the terminal of who verifies. */
static void what_is_no_event_id_is_not_told(void **state)
{
	(void)state;
	char line[4096];
	size_t at = line_of(false, 16);
	char *id = strstr(now.text[at], "\"eventID\":\"") + strlen("\"eventID\":\"");
	(void)snprintf(line, sizeof line, "%.*s\\u001b[2J%032d%s", (int)(id - now.text[at]),
		       now.text[at], 0, id + AUDIT_EVENT_ID_LEN);
	free(now.text[at]);
	now.text[at] = strdup(line);
	store(&now);
	is_found(AUDIT_PROBLEM_CHANGED);
	is_named(at);
	assert_string_equal(report.first.event, "");
}

static void a_deleted_line_is_found(void **state)
{
	(void)state;
	for (size_t at = 1; at + 1 < made.lines; at++) {
		again();
		take_line(&now, at);
		store(&now);
		is_found(AUDIT_PROBLEM_GAP);
		is_named(at); /* the one that follows */
	}
}

static void two_swapped_lines_are_found(void **state)
{
	(void)state;
	for (size_t at = 1; at + 3 < made.lines; at += 3) {
		again();
		char *text = now.text[at];
		now.text[at] = now.text[at + 2];
		now.text[at + 2] = text;
		store(&now);
		is_found(AUDIT_PROBLEM_REORDERED);
	}
}

static void a_line_that_stands_twice_is_found(void **state)
{
	(void)state;
	put_line(&now, 11, now.file[10], now.text[10], strlen(now.text[10]));
	store(&now);
	is_found(AUDIT_PROBLEM_REORDERED);
	is_named(11);
}

static void an_invented_line_is_found(void **state)
{
	(void)state;
	struct audit_point here;
	char ending[AUDIT_CHAIN_ROOM], line[512];
	size_t len = 0;
	assert_false(err_failed(audit_point_of(view_of_text(now.text[10]), &here)));
	assert_false(err_failed(audit_link_write(&here, ending, &len)));
	(void)snprintf(line, sizeof line, "{\"invented\":1%.*s", (int)len - 1, ending);
	put_line(&now, 11, now.file[10], line, strlen(line));
	store(&now);
	is_found(AUDIT_PROBLEM_REORDERED); /* two lines have its sequence */
}

static void a_line_that_is_no_record_is_found(void **state)
{
	(void)state;
	put_line(&now, 5, now.file[4], "garbage", 7);
	store(&now);
	is_found(AUDIT_PROBLEM_LINE);
	is_named(5);
}

static void a_torn_line_is_found_in_a_complete_segment(void **state)
{
	(void)state;
	size_t len = 0;
	const char *text = fixture_read_file(made.names[1], &len);
	char *copy = strndup(text, len);
	fixture_write_file(made.names[1], copy, len - 1);
	free(copy);
	is_found(AUDIT_PROBLEM_LINE);
}

/* --- Segments. --- */

static void a_missing_segment_is_found(void **state)
{
	(void)state;
	for (size_t file = 1; file + 1 < made.files; file++) {
		again();
		take_file(&now, file);
		store(&now);
		is_found(AUDIT_PROBLEM_SEGMENT);
		assert_string_equal(report.first.segment, made.names[file + 1]);
		assert_int_equal(report.first.line, 1);
	}
}

static void a_missing_beginning_is_found(void **state)
{
	(void)state;
	take_file(&now, 0);
	store(&now);
	is_found(AUDIT_PROBLEM_SEGMENT);
	assert_string_equal(report.first.segment, made.names[1]);
	/* And of a part of it. */
	again();
	take_line(&now, 0);
	store(&now);
	is_found(AUDIT_PROBLEM_SEGMENT);
}

static void a_missing_end_is_found_by_whoever_remembers_the_head(void **state)
{
	(void)state;
	verify(NULL);
	struct audit_point head = report.head;
	verify(&head);
	assert_int_equal(report.problems, 0);
	take_file(&now, made.files - 1);
	store(&now);
	is_sound(); /* by itself */
	verify(&head);
	assert_int_equal(report.first.kind, AUDIT_PROBLEM_SHORT);
	again();
	take_line(&now, now.lines - 1);
	store(&now);
	verify(&head);
	assert_int_equal(report.first.kind, AUDIT_PROBLEM_SHORT);
	/* No chain named: a head from paper. */
	store(&made);
	head.chain[0] = '\0';
	verify(&head);
	assert_int_equal(report.problems, 0);
	head.hash[0] ^= 1;
	verify(&head);
	assert_int_equal(report.first.kind, AUDIT_PROBLEM_CHANGED);
}

static void segments_in_another_order_are_found(void **state)
{
	(void)state;
	char name[SEGMENT_NAME_MAX];
	memcpy(name, now.names[1], sizeof name);
	memcpy(now.names[1], now.names[2], sizeof name);
	memcpy(now.names[2], name, sizeof name);
	store(&now);
	is_found(AUDIT_PROBLEM_REORDERED);
}

static void two_segments_of_one_number_are_found(void **state)
{
	(void)state;
	fixture_write_file("audit-20200101T000000Z-000002.jsonl", "{\"a\":1}\n", 8);
	is_found(AUDIT_PROBLEM_REORDERED);
}

static void an_older_copy_of_a_segment_is_found(void **state)
{
	(void)state;
	size_t last = 0;
	for (size_t i = 0; i < now.lines; i++)
		if (now.file[i] == 1)
			last = i;
	take_line(&now, last);
	take_line(&now, last - 1);
	store(&now);
	is_found(AUDIT_PROBLEM_GAP);
	assert_string_equal(report.first.segment, made.names[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VERIFY_TEST(a_log_as_it_was_written_is_sound),
		VERIFY_TEST(a_log_of_an_older_version_is_sound_behind_its_lines),
		VERIFY_TEST(what_does_not_belong_to_the_log_is_left_alone),
		VERIFY_TEST(a_log_that_is_being_written_is_sound),
		VERIFY_TEST(any_changed_byte_is_found),
		VERIFY_TEST(a_changed_record_is_named_with_its_event),
		VERIFY_TEST(what_is_no_event_id_is_not_told),
		VERIFY_TEST(a_deleted_line_is_found),
		VERIFY_TEST(two_swapped_lines_are_found),
		VERIFY_TEST(a_line_that_stands_twice_is_found),
		VERIFY_TEST(an_invented_line_is_found),
		VERIFY_TEST(a_line_that_is_no_record_is_found),
		VERIFY_TEST(a_torn_line_is_found_in_a_complete_segment),
		VERIFY_TEST(a_missing_segment_is_found),
		VERIFY_TEST(a_missing_beginning_is_found),
		VERIFY_TEST(a_missing_end_is_found_by_whoever_remembers_the_head),
		VERIFY_TEST(segments_in_another_order_are_found),
		VERIFY_TEST(two_segments_of_one_number_are_found),
		VERIFY_TEST(an_older_copy_of_a_segment_is_found),
	};
	return cmocka_run_group_tests_name("audit_verify", tests, NULL, NULL);
}
