/* SPDX-License-Identifier: Apache-2.0 */
/* Looking events up in a segment whose end is not where its file says. */
#include "fixture.h"

#include <stdio.h>
#include <unistd.h>

#include "audit/lookup.h"

#define SEGMENT "audit-20261121T180000Z-000001.jsonl"
#define ACCOUNT "111122223333"
#define LINE                                                                             \
	"{\"eventTime\":\"2026-11-22T08:00:00Z\",\"eventName\":\"Encrypt\",\"eventID\":" \
	"\"00000000-0000-4000-8000-000000000001\",\"recipientAccountId\":\"" ACCOUNT "\"}\n"
#define SECONDS 60

static struct err count_found(void *user, const struct audit_found *event)
{
	(void)event;
	++*(size_t *)user;
	return OK;
}

/* In another daemon's folder, whoever writes there. */
static size_t look(void)
{
	CLEANUP(audit_indexes_stop) struct audit_indexes *log = NULL;
	const struct audit_indexes_options options = {
		.directory = fixture_directory, .interval_ms = 5, .others = true};
	struct audit_place place = AUDIT_PLACE_NEWEST;
	size_t found = 0;
	bool more = true;
	assert_false(err_failed(audit_indexes_start(&options, &log)));
	const struct audit_lookup lookup = {
		.logs = &log,
		.count = 1,
		.wanted = {VIEW_LITERAL(ACCOUNT), AUDIT_ANY, VIEW_NONE, 0, INT64_C(1) << 50},
		.events_max = 50,
		.text_max = 1 << 20,
		.found = count_found,
		.user = &found,
	};
	while (more)
		assert_false(err_failed(audit_lookup(&lookup, &place, &more)));
	return found;
}

static void put_with_hole(off_t size)
{
	char path[512];
	fixture_write_file(SEGMENT, LINE LINE, sizeof LINE LINE - 1);
	assert_true(snprintf(path, sizeof path, "%s/" SEGMENT, fixture_directory) > 0);
	/* As far as the file system lets it grow. */
	while (truncate(path, size) != 0 && size > 1 << 20)
		size /= 2;
}

static void zeros_that_were_written_ahead_are_passed_over(void **state)
{
	(void)state;
	for (off_t zeros = 0; zeros < 4; zeros++) {
		put_with_hole((off_t)sizeof LINE LINE - 1 + zeros);
		assert_int_equal(look(), 2);
	}
}

/* Nobody reads through that. */
static void a_segment_that_claims_any_size_holds_nobody_up(void **state)
{
	(void)state;
	put_with_hole((off_t)1 << 62);
	(void)alarm(SECONDS);
	assert_int_equal(look(), 2);
	(void)alarm(0);
}

#define END_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		END_TEST(zeros_that_were_written_ahead_are_passed_over),
		END_TEST(a_segment_that_claims_any_size_holds_nobody_up),
	};
	return cmocka_run_group_tests_name("audit_lookup_end", tests, NULL, NULL);
}
