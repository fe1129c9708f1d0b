/* SPDX-License-Identifier: Apache-2.0 */
/* Starts: what a survey's verdict, the token's anchor and the audit log's head let the service do.
 */
#include <string.h>

#include "base/text.h"
#include "remembered.h"
#include "service/anchoring.h"
#include "service/core.h"
#include "the_world.h"

struct world world = {.adjust_options = remembered_adjust, .without_due_work = true};

static int make_world(UNUSED void **state)
{
	world_make(&world);
	return 0;
}

static int remove_world(UNUSED void **state)
{
	world_remove(&world);
	return 0;
}

static int begin_life(UNUSED void **state)
{
	remembered_begin();
	return 0;
}

static void start_and_stop(void)
{
	world_start(&world, &world.first, "audit");
	world_stop(&world.first);
}

static void refuse(enum err_code code)
{
	struct err e = world_try_start(&world, &world.first, "audit");
	if (!err_is(e, code))
		fail_msg("%s", err_name(e));
}

static void test_a_store_as_it_was_sealed_is_served(UNUSED void **state)
{
	world_start(&world, &world.first, "audit");
	struct anchoring_report report;
	anchoring_report(world.first.service->anchoring, &report);
	assert_int_equal(report.anchored.epoch, 7);
	assert_int_equal(report.refused, 0);
	assert_int_equal(remembered.progressed, 21);
	world_stop(&world.first);
	assert_int_equal(remembered.begun, 0);
}

static void test_verdicts_that_forbid_the_start(UNUSED void **state)
{
	static const enum err_code forbidding[] = {E_STORE_MANIFEST, E_STORE_ROLLED_BACK,
						   E_HSM_ANCHOR};
	for (size_t i = 0; i < ARRAY_LEN(forbidding); i++) {
		remembered_begin();
		remembered.verdict = forbidding[i];
		remembered.found = 1;
		remembered.findings[0] =
			(struct kms_finding){.kind = KMS_FINDING_MISSING, .table = "grants"};
		refuse(forbidding[i]);
		assert_int_equal(remembered.begun, 0);
		assert_int_equal(remembered.raises, 0);
	}
}

static void test_rows_without_their_seal_are_counted_and_the_rest_is_served(UNUSED void **state)
{
	remembered.verdict = E_STORE_SEAL;
	remembered.found = 3;
	remembered.findings[0] =
		(struct kms_finding){.kind = KMS_FINDING_CHANGED, .table = "keys", .row = "a/b"};
	remembered.findings[1] = remembered.findings[0];
	world_start(&world, &world.first, "audit");
	struct anchoring_report report;
	anchoring_report(world.first.service->anchoring, &report);
	assert_int_equal(report.refused, 3);
	world_stop(&world.first);
}

/* ---- the first manifest, the first anchor ---- */

/* Its verdict without an anchor: that of the rows. */
static void has_no_manifest(void)
{
	remembered.mark.epoch = 0;
	remembered.anchor.epoch = 0;
}

static void has_lost_its_manifest(void)
{
	remembered.mark.epoch = 0;
	remembered.verdict = E_STORE_MANIFEST;
	remembered.found = 1;
	remembered.findings[0] = (struct kms_finding){.kind = KMS_FINDING_MANIFEST};
}

static void test_a_store_of_an_older_version_gets_manifest_and_anchor(UNUSED void **state)
{
	has_no_manifest();
	start_and_stop();
	assert_int_equal(remembered.begun, 1);
	assert_int_equal(remembered.surveys, 2);
	assert_true(remembered_anchor() >= 1);
}

static void test_a_manifest_that_was_taken_away_is_not_made_again(UNUSED void **state)
{
	has_lost_its_manifest();
	refuse(E_STORE_MANIFEST);
	assert_int_equal(remembered.begun, 0);
}

static void test_a_broken_manifest_is_not_made_again(UNUSED void **state)
{
	has_lost_its_manifest();
	remembered.anchor.epoch = 0;
	remembered.begin = E_EXISTS;
	refuse(E_STORE_MANIFEST);
	assert_int_equal(remembered.raises, 0);
}

static void test_an_older_store_with_a_broken_row_is_not_taken_over(UNUSED void **state)
{
	has_no_manifest();
	remembered.verdict = E_STORE_SEAL;
	remembered.begin = E_STORE_SEAL;
	refuse(E_STORE_SEAL);
	assert_int_equal(remembered.raises, 0);
}

static void test_a_store_that_gets_no_manifest_is_not_served(UNUSED void **state)
{
	has_no_manifest();
	remembered.begin = E_EXISTS;
	refuse(E_STORE_MANIFEST);
}

static void test_a_first_manifest_gets_its_anchor_before_anything_is_done(UNUSED void **state)
{
	remembered.mark.epoch = 1;
	remembered.anchor.epoch = 0;
	world_start(&world, &world.first, "audit");
	assert_int_equal(world.first.service->anchored.epoch, 1);
	world_stop(&world.first);
}

static void test_what_was_left_behind_is_anchored_at_the_start(UNUSED void **state)
{
	struct kms_mark mark = remembered_commit();
	world_start(&world, &world.first, "audit");
	assert_int_equal(world.first.service->anchored.epoch, mark.epoch);
	assert_int_equal(remembered_anchor(), mark.epoch);
	world_stop(&world.first);
}

static void test_a_token_that_says_it_has_raised_and_has_not(UNUSED void **state)
{
	(void)remembered_commit();
	remembered.forgetful = true;
	refuse(E_HSM_ANCHOR);
}

static void test_without_the_token_nothing_is_believed(UNUSED void **state)
{
	remembered_set_token(E_HSM_AWAY);
	refuse(E_HSM_AWAY);
	assert_int_equal(remembered.surveys, 0);
}

/* ---- the audit log's head ---- */

static void set_point(uint64_t sequence)
{
	remembered.point.sequence = sequence;
	assert_ok(text_copy(remembered.point.chain, sizeof remembered.point.chain,
			    VIEW_LITERAL("11111111-2222-4333-8444-555555555555")));
	memset(remembered.point.hash, (int)sequence, sizeof remembered.point.hash);
}

static void test_the_head_is_stored_at_the_end_and_anchored(UNUSED void **state)
{
	set_point(9);
	start_and_stop();
	assert_true(remembered.has_head);
	assert_int_equal(remembered.head.revision, 1);
	assert_int_equal(remembered.head.sequence, 9);
	assert_memory_equal(remembered.head.hash, remembered.point.hash, 32);
	assert_int_equal(remembered_anchor(), remembered.mark.epoch);
}

static void test_the_next_start_goes_on_from_the_stored_head(UNUSED void **state)
{
	set_point(9);
	start_and_stop();
	start_and_stop(); /* it has not moved */
	assert_int_equal(remembered.head.revision, 1);
	set_point(12);
	start_and_stop();
	assert_int_equal(remembered.head.revision, 2);
	assert_int_equal(remembered.head.sequence, 12);
}

static void test_a_log_without_the_stored_head_is_refused(UNUSED void **state)
{
	set_point(9);
	start_and_stop();
	remembered.lacks_point = true;
	refuse(E_AUDIT_CHAIN);
}

static void test_an_empty_log_has_no_head(UNUSED void **state)
{
	start_and_stop();
	assert_false(remembered.has_head);
}

/* What was saved although the answer said otherwise is taken over. */
static void test_a_head_of_our_own_that_we_do_not_know_of(UNUSED void **state)
{
	world_start(&world, &world.first, "audit");
	set_point(5);
	remembered.has_head = true;
	remembered.head.revision = 4;
	remembered.head.sequence = 3;
	assert_ok(text_copy(remembered.head.chain, sizeof remembered.head.chain,
			    view_of_text(remembered.point.chain)));
	world_stop(&world.first);
	assert_int_equal(remembered.head.revision, 5);
	assert_int_equal(remembered.head.sequence, 5);
}

static void test_two_daemons_that_name_their_logs_alike(UNUSED void **state)
{
	world_start(&world, &world.first, "audit");
	set_point(5);
	remembered.has_head = true;
	remembered.head.revision = 4;
	remembered.head.sequence = 3;
	assert_ok(text_copy(remembered.head.chain, sizeof remembered.head.chain,
			    VIEW_LITERAL("99999999-2222-4333-8444-555555555555")));
	world_stop(&world.first);
	assert_int_equal(remembered.head.revision, 4);
}

#define test(name) cmocka_unit_test_setup(name, begin_life)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_a_store_as_it_was_sealed_is_served),
		test(test_verdicts_that_forbid_the_start),
		test(test_rows_without_their_seal_are_counted_and_the_rest_is_served),
		test(test_a_store_of_an_older_version_gets_manifest_and_anchor),
		test(test_a_manifest_that_was_taken_away_is_not_made_again),
		test(test_a_broken_manifest_is_not_made_again),
		test(test_an_older_store_with_a_broken_row_is_not_taken_over),
		test(test_a_store_that_gets_no_manifest_is_not_served),
		test(test_a_first_manifest_gets_its_anchor_before_anything_is_done),
		test(test_what_was_left_behind_is_anchored_at_the_start),
		test(test_a_token_that_says_it_has_raised_and_has_not),
		test(test_without_the_token_nothing_is_believed),
		test(test_the_head_is_stored_at_the_end_and_anchored),
		test(test_the_next_start_goes_on_from_the_stored_head),
		test(test_a_log_without_the_stored_head_is_refused),
		test(test_an_empty_log_has_no_head),
		test(test_a_head_of_our_own_that_we_do_not_know_of),
		test(test_two_daemons_that_name_their_logs_alike),
	};
	return cmocka_run_group_tests(tests, make_world, remove_world);
}
