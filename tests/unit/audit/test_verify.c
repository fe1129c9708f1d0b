/* SPDX-License-Identifier: Apache-2.0 */
/* A log as it was written is sound; every way to doctor it is told by its name and place. */
#include "fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/attestation.h"
#include "audit/keeper.h"
#include "audit/verify.h"
#include "base/text.h"
#include "signing.h"

#define FILES_MAX 32
#define LINES_MAX 512
#define RECORDS 40

static struct signing signer, other_signer;
static struct audit_log *log_open;
static struct audit_verify_report report;

/* The log as it was made, and as it is being doctored. */
struct lines {
	char names[FILES_MAX][SEGMENT_NAME_MAX];
	size_t files, lines;
	char *text[LINES_MAX]; /* without newlines */
	size_t file[LINES_MAX];
};
static struct lines made, now;

static void forget(struct lines *l)
{
	for (size_t i = 0; i < l->lines; i++)
		free(l->text[i]);
	*l = (struct lines){0};
}

static void put_line(struct lines *l, size_t at, size_t file, const char *text, size_t len)
{
	assert_true(l->lines < LINES_MAX);
	memmove(&l->text[at + 1], &l->text[at], (l->lines - at) * sizeof *l->text);
	memmove(&l->file[at + 1], &l->file[at], (l->lines - at) * sizeof *l->file);
	l->text[at] = strndup(text, len);
	l->file[at] = file;
	l->lines++;
}

static void take_line(struct lines *l, size_t at)
{
	free(l->text[at]);
	l->lines--;
	memmove(&l->text[at], &l->text[at + 1], (l->lines - at) * sizeof *l->text);
	memmove(&l->file[at], &l->file[at + 1], (l->lines - at) * sizeof *l->file);
}

static void take_file(struct lines *l, size_t file)
{
	for (size_t i = l->lines; i > 0; i--)
		if (l->file[i - 1] == file)
			take_line(l, i - 1);
	l->names[file][0] = '\0';
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void load(struct lines *l)
{
	size_t len = 0;
	forget(l);
	DIR *d = opendir(fixture_directory);
	assert_non_null(d);
	for (struct dirent *entry = readdir(d); entry != NULL; entry = readdir(d))
		if (strstr(entry->d_name, ".jsonl") != NULL)
			strcpy(l->names[l->files++], entry->d_name);
	(void)closedir(d);
	qsort(l->names, l->files, sizeof l->names[0], by_name);
	for (size_t file = 0; file < l->files; file++) {
		const char *text = fixture_read_file(l->names[file], &len);
		for (size_t at = 0; at < len;) {
			size_t line = strcspn(text + at, "\n");
			put_line(l, l->lines, file, text + at, line);
			at += line + 1;
		}
	}
}

static void empty_directory(void)
{
	struct lines there = {0};
	load(&there);
	for (size_t file = 0; file < there.files; file++) {
		char path[256];
		(void)snprintf(path, sizeof path, "%s/%s", fixture_directory, there.names[file]);
		assert_int_equal(unlink(path), 0);
	}
	forget(&there);
}

static void store(const struct lines *l)
{
	static char content[1 << 20];
	empty_directory();
	for (size_t file = 0; file < l->files; file++) {
		size_t len = 0;
		for (size_t i = 0; i < l->lines; i++)
			if (l->file[i] == file)
				len += (size_t)snprintf(content + len, sizeof content - len, "%s\n",
							l->text[i]);
		if (l->names[file][0] != '\0')
			fixture_write_file(l->names[file], content, len);
	}
}

/* Doctoring begins anew with the log as it was made. */
static void again(void)
{
	forget(&now);
	now = made;
	for (size_t i = 0; i < now.lines; i++)
		now.text[i] = strdup(made.text[i]);
}

static void make_log(struct signing *with, uint64_t segment_bytes)
{
	const struct audit_log_options options = {.directory = fixture_directory,
						  .clock = &clock_system,
						  .segment_bytes = segment_bytes,
						  .signer = with ? &with->port : NULL,
						  .sign_every_records = 3};
	assert_false(err_failed(audit_log_open(&options, &log_open)));
	for (int i = 1; i <= RECORDS; i++) {
		char line[256];
		(void)snprintf(
			line, sizeof line,
			"{\"eventVersion\":\"1.11\",\"eventTime\":\"2026-11-21T19:00:%02dZ\","
			"\"eventID\":\"00000000-0000-4000-8000-0000000000%02d\"}",
			i, i);
		assert_false(err_failed(audit_log_append_wait(log_open, view_of_text(line))));
	}
	audit_log_close(&log_open);
}

static int setup(void **state)
{
	signing_open(&signer);
	signing_open(&other_signer);
	int failed = fixture_setup(state);
	make_log(&signer, 3000);
	load(&made);
	again();
	assert_true(made.files >= 4);
	return failed;
}

static int teardown(void **state)
{
	forget(&made);
	forget(&now);
	signing_close(&signer);
	signing_close(&other_signer);
	return fixture_teardown(state);
}

#define VERIFY_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static void verify(const struct audit_point *expected)
{
	const struct audit_verify_options options = {.directory = fixture_directory,
						     .public_key = signer.public_key,
						     .expected = expected};
	assert_int_equal(audit_verify(&options, &report).code, E_OK);
}

static void is_sound(void)
{
	verify(NULL);
	if (report.problems > 0)
		fail_msg("%s line %llu: %s", report.first.segment,
			 (unsigned long long)report.first.line, report.first.text);
	assert_int_equal(report.first.kind, AUDIT_PROBLEM_NONE);
}

static void is_found(enum audit_problem_kind kind)
{
	verify(NULL);
	assert_true(report.problems > 0);
	if (report.first.kind != kind)
		fail_msg("%s instead of %s: %s line %llu: %s",
			 audit_problem_name(report.first.kind), audit_problem_name(kind),
			 report.first.segment, (unsigned long long)report.first.line,
			 report.first.text);
}

/* The index of the n-th record, or of the n-th attestation: 0.. */
static size_t line_of(bool attestation, size_t n)
{
	for (size_t i = 0; i < now.lines; i++)
		if (audit_line_attests(view_of_text(now.text[i])) == attestation && n-- == 0)
			return i;
	fail();
	return 0;
}

static size_t number_in_file(size_t at)
{
	size_t number = 1;
	for (size_t i = 0; i < at; i++)
		number += now.file[i] == now.file[at];
	return number;
}

static void is_named(size_t at)
{
	assert_string_equal(report.first.segment, now.names[now.file[at]]);
	assert_int_equal(report.first.line, number_in_file(at));
}

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
	fixture_write_file("audit-20261121T170000Z-000001.jsonl",
			   "{\"eventTime\":\"2026-11-21T17:00:00Z\"}\n{\"b\":2}\n", 48);
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

static bool names(size_t at)
{
	return strcmp(report.first.segment, now.names[now.file[at]]) == 0 &&
	       report.first.line == number_in_file(at);
}

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
		for (size_t byte = at % 5; byte < len; byte += 5)
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

/* --- Whole logs. --- */

/* What anybody can do who can write to the log: everything but to sign. */
static void chain_anew(size_t from)
{
	struct audit_point point;
	struct audit_link link;
	assert_true(audit_link_parse(view_of_text(now.text[from]), &link));
	audit_point_begin(&point, link.chain);
	if (from > 0)
		assert_false(err_failed(audit_point_of(view_of_text(now.text[from - 1]), &point)));
	for (size_t i = from; i < now.lines; i++) {
		char ending[AUDIT_CHAIN_ROOM], line[4096];
		size_t len = 0;
		assert_true(audit_link_parse(view_of_text(now.text[i]), &link));
		assert_false(err_failed(audit_link_write(&point, ending, &len)));
		assert_false(
			err_failed(audit_point_move(&point, link.record, view_of(ending, len))));
		(void)snprintf(line, sizeof line, "%.*s%.*s", (int)link.record.len,
			       (const char *)link.record.ptr, (int)len - 1, ending);
		free(now.text[i]);
		now.text[i] = strdup(line);
	}
}

static void a_log_that_was_chained_anew_is_found_by_its_signatures(void **state)
{
	(void)state;
	size_t at = line_of(false, 10);
	chain_anew(0);
	store(&now);
	is_sound(); /* the same lines make the same chain */
	strstr(now.text[at], "19:00")[1] = '8';
	chain_anew(at);
	store(&now);
	is_found(AUDIT_PROBLEM_SIGNATURE);
	/* The first attestation of what is not so any more. */
	size_t first = at;
	struct attestation a;
	struct audit_link link, changed;
	assert_true(audit_link_parse(view_of_text(now.text[at]), &changed));
	for (bool found = false; !found; first += !found) {
		assert_true(audit_link_parse(view_of_text(now.text[first]), &link));
		found = !err_failed(attestation_parse(link.record, &a)) &&
			a.sequence >= changed.sequence;
	}
	is_named(first);
}

static void a_log_without_its_signatures_is_all_tail(void **state)
{
	(void)state;
	for (size_t i = now.lines; i > 0; i--)
		if (audit_line_attests(view_of_text(now.text[i - 1])))
			take_line(&now, i - 1);
	chain_anew(0);
	store(&now);
	is_sound();
	assert_int_equal(report.attested.sequence, 0);
	assert_int_equal(report.unattested, RECORDS);
	assert_int_equal(report.unattested_ms, INT64_C(1795287601000));
}

static void two_logs_in_one_are_found(void **state)
{
	(void)state;
	struct lines first = now;
	now = (struct lines){0};
	empty_directory();
	make_log(&signer, 3000);
	load(&now);
	for (size_t i = 0; i < now.lines; i++)
		if (now.file[i] == 2)
			put_line(&first, first.lines, 2, now.text[i], strlen(now.text[i]));
	for (size_t i = first.lines; i > 0; i--)
		if (first.file[i - 1] > 2)
			take_line(&first, i - 1);
	store(&first);
	forget(&first);
	is_found(AUDIT_PROBLEM_CHAIN);
}

/* --- Signatures. --- */

static void another_key_is_found(void **state)
{
	(void)state;
	empty_directory();
	make_log(&other_signer, 3000);
	is_found(AUDIT_PROBLEM_SIGNATURE);
}

static void a_forged_signature_is_found(void **state)
{
	(void)state;
	/* Another key's, under our key's name, in the newest attestation. */
	struct attestation a;
	struct audit_link link;
	struct audit_point point;
	uint8_t digest[AUDIT_HASH_LEN];
	char line[ATTESTATION_MAX + AUDIT_CHAIN_ROOM];
	struct writer w;
	size_t at = now.lines - 1;
	assert_true(audit_link_parse(view_of_text(now.text[at]), &link));
	assert_false(err_failed(attestation_parse(link.record, &a)));
	assert_false(err_failed(audit_point_of(view_of_text(now.text[at - 1]), &point)));
	assert_int_equal(point.sequence, a.sequence);
	assert_false(err_failed(attestation_digest(&point, a.time, digest)));
	signing_sign(&other_signer, digest, a.signature);
	writer_init(&w, line, sizeof line);
	assert_false(err_failed(attestation_write(&a, &w)));
	(void)snprintf(line + w.len - 1, sizeof line - w.len + 1, "%s",
		       now.text[at] + link.record.len);
	free(now.text[at]);
	now.text[at] = strdup(line);
	store(&now);
	is_found(AUDIT_PROBLEM_SIGNATURE);
	is_named(at);
	/* By the right key it is right: the test itself is. */
	signing_sign(&signer, digest, a.signature);
	writer_init(&w, line, sizeof line);
	assert_false(err_failed(attestation_write(&a, &w)));
	(void)snprintf(line + w.len - 1, sizeof line - w.len + 1, "%s",
		       now.text[at] + link.record.len);
	free(now.text[at]);
	now.text[at] = strdup(line);
	store(&now);
	is_sound();
}

static void an_attestation_of_another_line_or_chain_is_found(void **state)
{
	(void)state;
	size_t last = now.lines - 1, before = line_of(true, 3);
	struct audit_link link, older;
	char line[1024];
	/* The newest replaced by an older one, which attests another line. */
	assert_true(audit_link_parse(view_of_text(now.text[last]), &link));
	assert_true(audit_link_parse(view_of_text(now.text[before]), &older));
	struct attestation a;
	assert_false(err_failed(attestation_parse(older.record, &a)));
	a.sequence = link.sequence - 1;
	struct writer w;
	writer_init(&w, line, sizeof line);
	assert_false(err_failed(attestation_write(&a, &w)));
	(void)snprintf(line + w.len - 1, sizeof line - w.len + 1, "%s",
		       now.text[last] + link.record.len);
	free(now.text[last]);
	now.text[last] = strdup(line);
	store(&now);
	is_found(AUDIT_PROBLEM_SIGNATURE);
	/* The whole log under another chain's name. */
	again();
	for (size_t i = 0; i < now.lines; i++) {
		char *id = strstr(now.text[i], "\"chain\":{\"id\":\"") + 15;
		id[0] = id[0] == 'a' ? 'b' : 'a';
	}
	chain_anew(0);
	store(&now);
	is_found(AUDIT_PROBLEM_SIGNATURE);
}

/* --- Retention. --- */

static struct err nothing_needed(void *user, int64_t *ms)
{
	(void)user;
	*ms = AUDIT_NOTHING_NEEDED;
	return OK;
}

/* The keeper removes what is above 5,000 bytes. */
static void keep_little(struct signing *with)
{
	struct audit_keeper *keeper = NULL;
	struct audit_keeper_report kept = {0};
	const struct audit_log_options options = {.directory = fixture_directory,
						  .clock = &clock_system,
						  .segment_bytes = 3000,
						  .signer = &signer.port};
	assert_false(err_failed(audit_log_open(&options, &log_open)));
	const struct audit_keeper_options keeping = {.log = log_open,
						     .directory = fixture_directory,
						     .region = "eu-x-1",
						     .account = "000000000007",
						     .retention = {.keep_bytes = 7000},
						     .signer = with ? &with->port : NULL,
						     .interval_ms = 5,
						     .needed_since = nothing_needed,
						     .clock = &clock_system};
	assert_false(err_failed(audit_keeper_start(&keeping, &keeper)));
	for (int ms = 0; kept.removed < 2; ms++) {
		assert_true(ms < 20000);
		(void)usleep(1000);
		audit_keeper_report(keeper, &kept);
	}
	audit_keeper_stop(&keeper);
	audit_log_close(&log_open);
}

static void a_beginning_that_retention_removed_is_explained(void **state)
{
	(void)state;
	keep_little(&signer);
	is_sound();
	assert_true(report.begin.sequence > 1);
	assert_true(report.removed_segments >= 2);
	/* But not when more is gone than it says. */
	load(&now);
	take_line(&now, 0);
	store(&now);
	is_found(AUDIT_PROBLEM_SEGMENT);
}

static void a_removal_that_nobody_signed_explains_nothing(void **state)
{
	(void)state;
	keep_little(&other_signer);
	is_found(AUDIT_PROBLEM_SEGMENT);
}

static void nothing_is_removed_while_the_token_is_away(void **state)
{
	(void)state;
	struct audit_keeper *keeper = NULL;
	struct audit_keeper_report kept = {0};
	const struct audit_log_options options = {.directory = fixture_directory,
						  .clock = &clock_system};
	atomic_store(&signer.fail_with, E_HSM_AWAY);
	assert_false(err_failed(audit_log_open(&options, &log_open)));
	const struct audit_keeper_options keeping = {.log = log_open,
						     .directory = fixture_directory,
						     .region = "eu-x-1",
						     .account = "000000000007",
						     .retention = {.keep_bytes = 5000},
						     .signer = &signer.port,
						     .interval_ms = 5,
						     .needed_since = nothing_needed,
						     .clock = &clock_system};
	assert_false(err_failed(audit_keeper_start(&keeping, &keeper)));
	for (int ms = 0; !err_failed(kept.last); ms++) {
		assert_true(ms < 20000);
		(void)usleep(1000);
		audit_keeper_report(keeper, &kept);
	}
	assert_true(err_is(kept.last, E_HSM_AWAY));
	assert_int_equal(kept.removed, 0);
	audit_keeper_stop(&keeper);
	audit_log_close(&log_open);
	assert_int_equal(fixture_count_files(".jsonl"), made.files);
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
		VERIFY_TEST(a_log_that_was_chained_anew_is_found_by_its_signatures),
		VERIFY_TEST(a_log_without_its_signatures_is_all_tail),
		VERIFY_TEST(two_logs_in_one_are_found),
		VERIFY_TEST(another_key_is_found),
		VERIFY_TEST(a_forged_signature_is_found),
		VERIFY_TEST(an_attestation_of_another_line_or_chain_is_found),
		VERIFY_TEST(a_beginning_that_retention_removed_is_explained),
		VERIFY_TEST(a_removal_that_nobody_signed_explains_nothing),
		VERIFY_TEST(nothing_is_removed_while_the_token_is_away),
	};
	return cmocka_run_group_tests_name("audit_verify", tests, NULL, NULL);
}
