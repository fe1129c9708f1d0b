/* SPDX-License-Identifier: Apache-2.0 */
/* While running: what waits for the token's memory, what does not, and what becomes of it when the
 * token is away. */
#include "service/anchoring.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/text.h"
#include "remembered.h"
#include "service/core.h"
#include "the_world.h"

#define WAITERS 4 /* as many as the service has threads that may wait */

struct world world = {.adjust = remembered_commit_keys,
		      .adjust_options = remembered_adjust,
		      .without_due_work = true};
static char key[KMS_KEY_ID_TEXT + 1];

static int make_world(UNUSED void **state)
{
	remembered_begin();
	world_make(&world);
	world_start(&world, &world.first, "audit");
	world_create_key(&world, "{}", key);
	return 0;
}

static int mend(UNUSED void **state)
{
	remembered_set_token(E_OK);
	remembered_hold(false);
	if (distrust_holds(&world.first.service->distrust)) { /* it ends with a restart alone */
		world_stop(&world.first);
		world_start(&world, &world.first, "audit");
	}
	world_switch(&world, "EnableKey", key);
	remembered_await(remembered.mark.epoch);
	return 0;
}

static struct anchoring_report report(void)
{
	struct anchoring_report out;
	anchoring_report(world.first.service->anchoring, &out);
	return out;
}

static void disable(struct reply *out)
{
	world_call(&world, out, "DisableKey", "{\"KeyId\":\"%s\"}", key);
}

static size_t records(const char *part)
{
	CLEANUP(mem_free_at) char *log = world_audit(&world.first);
	size_t count = 0;
	for (const char *at = log; (at = strstr(at, part)) != NULL; at++)
		count++;
	return count;
}

/* ---- what waits ---- */

struct waiter {
	pthread_t thread;
	struct reply reply;
};

static void *call_disable(void *arg)
{
	disable(&((struct waiter *)arg)->reply);
	return NULL;
}

static void start(struct waiter *waiter)
{
	assert_int_equal(pthread_create(&waiter->thread, NULL, call_disable, waiter), 0);
}

static void await_held(void)
{
	for (unsigned i = 0; i < 500 && !remembered_holds(); i++)
		(void)usleep(1000);
	assert_true(remembered_holds());
}

static void test_a_change_that_takes_rights_away_is_answered_when_the_token_knows(
	UNUSED void **state)
{
	struct waiter waiter = {0};
	size_t before = records("\"eventName\":\"DisableKey\"");
	remembered_hold(true);
	start(&waiter);
	await_held();
	(void)usleep(50000);
	/* it stands, and neither record nor answer has left */
	assert_int_equal(records("\"eventName\":\"DisableKey\""), before);
	remembered_hold(false);
	pthread_join(waiter.thread, NULL);
	assert_status(&waiter.reply, 200);
	assert_int_equal(remembered_anchor(), remembered.mark.epoch);
	assert_int_equal(records("\"eventName\":\"DisableKey\""), before + 1);
	reply_cleanup(&waiter.reply);
}

static void test_one_raise_serves_all_that_wait(UNUSED void **state)
{
	struct waiter waiters[WAITERS] = {0};
	remembered_hold(true);
	start(&waiters[0]);
	await_held();
	unsigned before = remembered_raises();
	for (size_t i = 1; i < WAITERS; i++)
		start(&waiters[i]);
	(void)usleep(50000);
	(void)remembered_commit(); /* theirs */
	remembered_hold(false);
	for (size_t i = 0; i < WAITERS; i++) {
		pthread_join(waiters[i].thread, NULL);
		assert_status(&waiters[i].reply, 200);
		reply_cleanup(&waiters[i].reply);
	}
	assert_in_range(remembered_raises() - before, 1, 2);
}

static void test_other_changes_do_not_wait_and_are_anchored_soon(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	disable(&r);
	remembered_hold(true);
	world_switch(&world, "EnableKey", key); /* is answered all the same */
	await_held();
	remembered_hold(false);
	remembered_await(remembered.mark.epoch);
}

static void test_what_is_anchored_already_asks_nothing_of_the_token(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply first;
	CLEANUP(reply_cleanup) struct reply second;
	disable(&first);
	remembered_set_token(E_HSM_AWAY);
	disable(&second); /* it is disabled, and the token knows */
	assert_status(&second, 200);
}

/* ---- the token is away ---- */

static void test_without_the_token_the_change_stands_and_is_not_acknowledged(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply refused;
	CLEANUP(reply_cleanup) struct reply seen;
	size_t before = records("\"eventName\":\"DisableKey\"");
	remembered_set_token(E_HSM_AWAY);
	disable(&refused);
	assert_status(&refused, 500);
	assert_refused(&refused, "KMSInternalException",
		       "An internal error occurred. The request can be sent again.");
	world_call(&world, &seen, "DescribeKey", "{\"KeyId\":\"%s\"}", key);
	assert_string_equal(reply_metadata(&seen, "KeyState"), "Disabled");
	assert_int_equal(records("\"eventName\":\"DisableKey\""), before + 1);
	assert_int_equal(records("\"errorCode\":\"KMSInternalException\""), 0);
	assert_true(err_is(report().last, E_HSM_AWAY));
	assert_true(report().behind_ms > 0);

	remembered_set_token(E_OK);
	remembered_await(remembered.mark.epoch);
	assert_int_equal(report().behind_ms, 0);
}

/* Nothing is left to change, and still an older store would give the right back. */
static void test_a_repeated_change_is_not_acknowledged_either(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply first;
	CLEANUP(reply_cleanup) struct reply again;
	CLEANUP(reply_cleanup) struct reply last;
	remembered_set_token(E_HSM_AWAY);
	disable(&first);
	disable(&again);
	assert_string_equal(reply_type(&again), "KMSInternalException");
	remembered_set_token(E_OK);
	disable(&last);
	assert_status(&last, 200);
	assert_int_equal(remembered_anchor(), remembered.mark.epoch);
}

static void test_a_token_that_comes_back_in_time_is_waited_for(UNUSED void **state)
{
	struct waiter waiter = {0};
	remembered_set_token(E_HSM_AWAY);
	start(&waiter);
	(void)usleep(100000);
	remembered_set_token(E_OK);
	pthread_join(waiter.thread, NULL);
	assert_status(&waiter.reply, 200);
	reply_cleanup(&waiter.reply);
}

/* Another store has gone on with this token: waiting does not change that. */
static void test_an_anchor_of_another_history_is_told_at_once(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply refused;
	remembered_set_token(E_HSM_ANCHOR);
	disable(&refused);
	assert_string_equal(reply_type(&refused), "KMSInternalException");
	assert_true(err_is(report().last, E_HSM_ANCHOR));
}

static void anchor_move(int64_t by)
{
	LOCK_SCOPE(&remembered.lock);
	remembered.anchor.epoch += (uint64_t)by;
}

/* The token remembers a store that was begun from a copy of this one: nothing here is anchored. */
static void test_a_later_anchor_that_the_store_does_not_know_covers_nothing(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply refused;
	anchor_move(1000);
	disable(&refused);
	anchor_move(-1000);
	assert_string_equal(reply_type(&refused), "KMSInternalException");
	assert_true(err_is(report().last, E_HSM_ANCHOR));
	assert_true(report().anchored.epoch <= report().committed.epoch);
}

/* Another daemon on the same store was faster. */
static void test_a_later_anchor_of_the_same_store_is_one(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	remembered_overtake(1000);
	disable(&r);
	assert_status(&r, 200);
	assert_ok(report().last);
}

static void test_an_operator_is_told_why(UNUSED void **state)
{
	static const struct twist operator= {.admin = true};
	CLEANUP(reply_cleanup) struct reply refused = {0};
	char body[128];
	assert_ok(text_format(body, sizeof body, "{\"KeyId\":\"%s\"}", key));
	remembered_set_token(E_HSM_AWAY);
	world_call_twisted(&world, &operator, "ResetKeyPolicy", body, &refused);
	assert_refused(&refused, "KMSInternalException",
		       "the change stands, but the token does not remember it yet: repeat it, or "
		       "look whether it stands; see the row anchor of holdfast status");
}

static void test_a_dry_run_changes_nothing_and_does_not_wait(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply made;
	CLEANUP(reply_cleanup) struct reply dry;
	world_call(&world, &made, "CreateGrant",
		   "{\"KeyId\":\"%s\",\"GranteePrincipal\":\"arn:aws:iam::" WORLD_ACCOUNT
		   ":root\",\"Operations\":[\"Decrypt\"]}",
		   key);
	assert_status(&made, 200);
	(void)remembered_commit();
	remembered_set_token(E_HSM_AWAY);
	world_call(&world, &dry, "RevokeGrant",
		   "{\"KeyId\":\"%s\",\"GrantId\":\"%s\",\"DryRun\":true}", key,
		   reply_text(&made, "GrantId"));
	assert_string_equal(reply_type(&dry), "DryRunOperationException");
}

static void test_failures_and_raises_are_counted(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	uint64_t failures = metric_get(METRIC_ANCHOR_FAILURES, 0, 0);
	uint64_t raised = metric_get(METRIC_ANCHOR_TIME, 0, 0);
	remembered_set_token(E_HSM_TIMEOUT);
	disable(&r);
	assert_true(metric_get(METRIC_ANCHOR_FAILURES, 0, 0) > failures);
	remembered_set_token(E_OK);
	remembered_await(remembered.mark.epoch);
	assert_true(metric_get(METRIC_ANCHOR_TIME, 0, 0) > raised);
}

/* ---- what an operator sees ---- */

static const struct json *check_row(const struct reply *r, const char *name)
{
	const struct json *rows = json_member(r->json, "Checks");
	for (size_t i = 0; i < json_count(rows); i++) {
		const struct json *row = json_element(rows, i);
		if (view_equal_text(json_string_of(json_member(row, "Name")), name))
			return row;
	}
	fail_msg("no row %s", name);
	return NULL;
}

static void assert_level(const char *name, const char *level)
{
	static const struct twist operator= {.admin = true};
	CLEANUP(reply_cleanup) struct reply r = {0};
	world_call_twisted(&world, &operator, "Status", "{}", &r);
	assert_status(&r, 200);
	struct view told = json_string_of(json_member(check_row(&r, name), "Level"));
	if (!view_equal_text(told, level))
		fail_msg("%s is %.*s", name, (int)told.len, (const char *)told.ptr);
}

static void test_the_status_tells_of_manifest_and_anchor(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	assert_level("manifest", "ok");
	assert_level("anchor", "ok");
	assert_level("audit head", "ok");
	remembered_set_token(E_HSM_AWAY);
	disable(&r);
	assert_level("anchor", "warning");
	remembered_set_token(E_HSM_ANCHOR);
	(void)usleep(500000);
	assert_level("anchor", "failure");
}

static void verify(struct reply *out)
{
	static const struct twist operator= {.admin = true};
	world_call_twisted(&world, &operator, "VerifyStore", "{}", out);
	assert_status(out, 200);
}

static void test_an_operator_verifies_the_store(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r = {0};
	verify(&r);
	assert_true(json_bool_of(json_member(r.json, "Ok")));
	assert_null(json_member(r.json, "Error"));
	assert_int_equal(json_count(json_member(r.json, "Findings")), 0);
	assert_false(json_bool_of(json_member(r.json, "Truncated")));
}

static void test_an_operator_is_told_which_rows_differ(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r = {0};
	remembered.verdict = E_STORE_MANIFEST;
	remembered.found = 5;
	remembered.findings[0] = (struct kms_finding){
		.kind = KMS_FINDING_OLDER, .table = "grants", .row = "key/grant"};
	remembered.findings[1] =
		(struct kms_finding){.kind = KMS_FINDING_MISSING, .table = "identities"};
	verify(&r);
	remembered.verdict = E_OK;
	remembered.found = 0;
	assert_false(json_bool_of(json_member(r.json, "Ok")));
	assert_string_equal(reply_text(&r, "Error"), "E_STORE_MANIFEST");
	const struct json *findings = json_member(r.json, "Findings");
	assert_int_equal(json_count(findings), 2);
	assert_true(json_bool_of(json_member(r.json, "Truncated")));
	const struct json *first = json_element(findings, 0);
	assert_true(view_equal_text(json_string_of(json_member(first, "Kind")), "older"));
	assert_true(view_equal_text(json_string_of(json_member(first, "Table")), "grants"));
	assert_true(view_equal_text(json_string_of(json_member(first, "Row")), "key/grant"));
	assert_null(json_member(json_element(findings, 1), "Row"));
	assert_level("manifest", "failure");
	CLEANUP(reply_cleanup) struct reply again = {0};
	verify(&again);
	assert_level("manifest", "ok");
}

static void test_every_kind_of_finding_has_a_name_and_a_remedy(UNUSED void **state)
{
	for (int kind = KMS_FINDING_CHANGED; kind < KMS_FINDING_COUNT; kind++) {
		assert_non_null(kms_finding_name((enum kms_finding_kind)kind));
		assert_true(strlen(survey_remedy((enum kms_finding_kind)kind)) > 0);
	}
}

/* ---- the end ---- */

static void test_the_stop_anchors_what_is_left(UNUSED void **state)
{
	for (unsigned i = 0; i < 3; i++) {
		(void)remembered_commit();
		world_stop(&world.first);
		assert_int_equal(remembered_anchor(), remembered.mark.epoch);
		world_start(&world, &world.first, "audit");
	}
}

#define test(name) cmocka_unit_test_teardown(name, mend)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_a_change_that_takes_rights_away_is_answered_when_the_token_knows),
		test(test_one_raise_serves_all_that_wait),
		test(test_other_changes_do_not_wait_and_are_anchored_soon),
		test(test_what_is_anchored_already_asks_nothing_of_the_token),
		test(test_without_the_token_the_change_stands_and_is_not_acknowledged),
		test(test_a_repeated_change_is_not_acknowledged_either),
		test(test_a_token_that_comes_back_in_time_is_waited_for),
		test(test_an_anchor_of_another_history_is_told_at_once),
		test(test_a_later_anchor_that_the_store_does_not_know_covers_nothing),
		test(test_a_later_anchor_of_the_same_store_is_one),
		test(test_an_operator_is_told_why),
		test(test_a_dry_run_changes_nothing_and_does_not_wait),
		test(test_failures_and_raises_are_counted),
		test(test_the_status_tells_of_manifest_and_anchor),
		test(test_an_operator_verifies_the_store),
		test(test_an_operator_is_told_which_rows_differ),
		test(test_every_kind_of_finding_has_a_name_and_a_remedy),
		test(test_the_stop_anchors_what_is_left),
	};
	return cmocka_run_group_tests(tests, make_world, the_world_tear_down);
}
