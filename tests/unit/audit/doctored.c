/* SPDX-License-Identifier: Apache-2.0 */
#include "doctored.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/attestation.h"
#include "base/text.h"

struct signing signer, other_signer;
struct audit_log *log_open;
struct audit_verify_report report;
struct lines made, now;
bool both_keys;

void forget(struct lines *l)
{
	for (size_t i = 0; i < l->lines; i++)
		free(l->text[i]);
	*l = (struct lines){0};
}

void put_line(struct lines *l, size_t at, size_t file, const char *text, size_t len)
{
	assert_true(l->lines < LINES_MAX);
	memmove(&l->text[at + 1], &l->text[at], (l->lines - at) * sizeof *l->text);
	memmove(&l->file[at + 1], &l->file[at], (l->lines - at) * sizeof *l->file);
	l->text[at] = strndup(text, len);
	l->file[at] = file;
	l->lines++;
}

void take_line(struct lines *l, size_t at)
{
	free(l->text[at]);
	l->lines--;
	memmove(&l->text[at], &l->text[at + 1], (l->lines - at) * sizeof *l->text);
	memmove(&l->file[at], &l->file[at + 1], (l->lines - at) * sizeof *l->file);
}

void take_file(struct lines *l, size_t file)
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

void load(struct lines *l)
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

void empty_directory(void)
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

void store(const struct lines *l)
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

void again(void)
{
	forget(&now);
	now = made;
	for (size_t i = 0; i < now.lines; i++)
		now.text[i] = strdup(made.text[i]);
}

void make_log(struct signing *with, uint64_t segment_bytes)
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

int doctored_setup(void **state)
{
	signing_open(&signer);
	signing_open(&other_signer);
	both_keys = false;
	int failed = fixture_setup(state);
	make_log(&signer, 3000);
	load(&made);
	again();
	assert_true(made.files >= 4);
	return failed;
}

int doctored_teardown(void **state)
{
	forget(&made);
	forget(&now);
	signing_close(&signer);
	signing_close(&other_signer);
	return fixture_teardown(state);
}

void verify(const struct audit_point *expected)
{
	uint8_t verify_keys[2 * AUDIT_POINT_LEN];
	const size_t verify_key_count = both_keys ? 2 : 1;
	memcpy(verify_keys, signer.public_key, AUDIT_POINT_LEN);
	memcpy(verify_keys + AUDIT_POINT_LEN, other_signer.public_key, AUDIT_POINT_LEN);
	const struct audit_verify_options options = {.directory = fixture_directory,
						     .public_keys = verify_keys,
						     .key_count = verify_key_count,
						     .expected = expected};
	assert_int_equal(audit_verify(&options, &report).code, E_OK);
}

void is_sound(void)
{
	verify(NULL);
	if (report.problems > 0)
		fail_msg("%s line %llu: %s", report.first.segment,
			 (unsigned long long)report.first.line, report.first.text);
	assert_int_equal(report.first.kind, AUDIT_PROBLEM_NONE);
}

void is_found(enum audit_problem_kind kind)
{
	verify(NULL);
	assert_true(report.problems > 0);
	if (report.first.kind != kind)
		fail_msg("%s instead of %s: %s line %llu: %s",
			 audit_problem_name(report.first.kind), audit_problem_name(kind),
			 report.first.segment, (unsigned long long)report.first.line,
			 report.first.text);
}

size_t line_of(bool attestation, size_t n)
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

bool names(size_t at)
{
	return strcmp(report.first.segment, now.names[now.file[at]]) == 0 &&
	       report.first.line == number_in_file(at);
}

void is_named(size_t at)
{
	if (!names(at))
		fail_msg("%s line %llu is named", report.first.segment,
			 (unsigned long long)report.first.line);
}

void chain_anew(size_t from)
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

void take_signatures(void)
{
	for (size_t i = now.lines; i > 0; i--)
		if (audit_line_attests(view_of_text(now.text[i - 1])))
			take_line(&now, i - 1);
	chain_anew(0);
	store(&now);
}

void spoil_signature(size_t at)
{
	char *signature = strstr(now.text[at], "\"signature\":\"");
	assert_non_null(signature);
	signature += strlen("\"signature\":\"");
	signature[0] = signature[0] == 'A' ? 'B' : 'A';
	chain_anew(at);
	store(&now);
}

void sign_line(struct signing *with, size_t at, size_t of)
{
	struct attestation a;
	struct audit_link link;
	struct audit_point point;
	char line[ATTESTATION_MAX + AUDIT_CHAIN_ROOM];
	uint8_t digest[AUDIT_HASH_LEN];
	struct writer w;
	assert_true(audit_link_parse(view_of_text(now.text[at]), &link));
	assert_false(err_failed(attestation_parse(link.record, &a)));
	assert_false(err_failed(audit_point_of(view_of_text(now.text[of]), &point)));
	a.sequence = point.sequence;
	assert_false(err_failed(attestation_digest(&point, a.time, digest)));
	signing_sign(with, digest, a.signature);
	writer_init(&w, line, sizeof line);
	assert_false(err_failed(attestation_write(&a, &w)));
	(void)snprintf(line + w.len - 1, sizeof line - w.len + 1, "%s",
		       now.text[at] + link.record.len);
	free(now.text[at]);
	now.text[at] = strdup(line);
}
