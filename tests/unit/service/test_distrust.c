/* SPDX-License-Identifier: Apache-2.0 */
/* A store that turns out to be another's while the service runs: what sets the latch, what does
 * not, and what goes on behind it. */
#include "service/distrust.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/text.h"
#include "remembered.h"
#include "service/anchoring.h"
#include "service/core.h"
#include "the_world.h"

#define INTERNAL "An internal error occurred. The request can be sent again."
#define LOOKS_US 700000 /* more than two looks of the anchoring thread */

struct world world = {.adjust = remembered_commit_keys,
		      .adjust_options = remembered_adjust,
		      .without_due_work = true};
static char key[KMS_KEY_ID_TEXT + 1];
static char sealed[512]; /* a ciphertext under it */
static const struct twist as_operator = {.admin = true};

static int make_world(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	remembered_begin();
	world_make(&world);
	world_start(&world, &world.first, "audit");
	world_create_key(&world, "{}", key);
	world_encrypt(&world, key, "eA==", "{}", &r);
	assert_ok(text_copy(sealed, sizeof sealed, view_of_text(reply_text(&r, "CiphertextBlob"))));
	return 0;
}

static bool is_set(void)
{
	return distrust_holds(&world.first.service->distrust);
}

/* A restart ends it, and nothing else does. */
static int mend(UNUSED void **state)
{
	remembered_set_token(E_OK);
	{
		LOCK_SCOPE(&remembered.lock);
		remembered.verdict = E_OK;
		remembered.doubt = E_OK;
		remembered.frozen = false;
		remembered.others = 0;
		remembered.anchor = remembered.mark;
	}
	world_stop(&world.first);
	world_start(&world, &world.first, "audit");
	assert_false(is_set());
	world_switch(&world, "EnableKey", key);
	remembered_await(remembered.mark.epoch);
	return 0;
}

static void await_set(enum err_code cause)
{
	for (unsigned i = 0; i < 500 && !is_set(); i++)
		(void)usleep(10000);
	assert_true(is_set());
	struct err e = distrust_check(world.first.service);
	assert_true(err_is(e, E_DISTRUSTED));
	assert_int_equal(e.detail, cause);
}

static void assert_not_set(void)
{
	(void)usleep(LOOKS_US);
	assert_false(is_set());
}

static void fork_anchor(void)
{
	LOCK_SCOPE(&remembered.lock);
	remembered.anchor.epoch += 1000;
}

static void set_doubt(enum err_code doubt, enum err_code verdict)
{
	LOCK_SCOPE(&remembered.lock);
	remembered.verdict = verdict;
	remembered.doubt = doubt;
}

static unsigned surveys(void)
{
	LOCK_SCOPE(&remembered.lock);
	return remembered.surveys;
}

static void distrust(void)
{
	distrust_set(world.first.service, ERR(E_HSM_ANCHOR));
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

/* ---- what sets it ---- */

static void test_a_mark_of_the_token_that_the_store_cannot_have_had(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	fork_anchor();
	disable(&r);
	assert_string_equal(reply_type(&r), "KMSInternalException");
	await_set(E_HSM_ANCHOR);
}

static void test_another_store_of_the_same_age(UNUSED void **state)
{
	{
		LOCK_SCOPE(&remembered.lock);
		remembered.anchor.epoch++;
	}
	(void)remembered_commit(); /* the same epoch, another digest */
	await_set(E_HSM_ANCHOR);
}

/* Nothing is committed here meanwhile. */
static void test_a_service_that_changes_nothing_looks_at_the_token_as_well(UNUSED void **state)
{
	fork_anchor();
	for (unsigned i = 0; i < 100 && !is_set(); i++)
		(void)usleep(100000);
	await_set(E_HSM_ANCHOR);
}

/* It was here last, and would be overtaken now. */
static void test_another_store_that_goes_on_in_turn(UNUSED void **state)
{
	{
		LOCK_SCOPE(&remembered.lock);
		remembered.anchor.digest[0] ^= 1;
	}
	(void)remembered_commit();
	await_set(E_HSM_ANCHOR);
}

static void test_a_token_that_forgets(UNUSED void **state)
{
	{
		LOCK_SCOPE(&remembered.lock);
		remembered.forgetful = true;
	}
	(void)remembered_commit();
	await_set(E_HSM_ANCHOR);
	LOCK_SCOPE(&remembered.lock);
	remembered.forgetful = false;
}

static void test_a_doubt_that_a_survey_confirms(UNUSED void **state)
{
	static const enum err_code causes[] = {E_STORE_MANIFEST, E_STORE_ROLLED_BACK, E_HSM_ANCHOR};
	for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
		set_doubt(E_STORE_MANIFEST, causes[i]);
		await_set(causes[i]);
		(void)mend(NULL);
	}
}

static void verify(void)
{
	CLEANUP(reply_cleanup) struct reply r = {0};
	world_call_twisted(&world, &as_operator, "VerifyStore", "{}", &r);
	assert_status(&r, 200);
}

static void test_a_verification_that_finds_another_store(UNUSED void **state)
{
	static const enum err_code causes[] = {E_STORE_ROLLED_BACK, E_HSM_ANCHOR};
	for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
		set_doubt(E_OK, causes[i]);
		verify();
		await_set(causes[i]);
		(void)mend(NULL);
	}
}

static void test_the_first_cause_stays(UNUSED void **state)
{
	distrust_set(world.first.service, ERR(E_STORE_ROLLED_BACK));
	int64_t since_ms = world.first.service->distrust.since_ms;
	world_advance(5000);
	distrust_set(world.first.service, ERR(E_HSM_ANCHOR));
	world_advance(-5000);
	await_set(E_STORE_ROLLED_BACK);
	assert_int_equal(world.first.service->distrust.since_ms, since_ms);
}

/* ---- what does not ---- */

static void test_a_token_that_is_away_or_late(UNUSED void **state)
{
	static const enum err_code passing[] = {E_HSM_AWAY,     E_HSM_TIMEOUT, E_HSM_PIN,
						E_HSM_CAPACITY, E_HSM_REFUSED, E_HSM_PROTOCOL};
	for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
		CLEANUP(reply_cleanup) struct reply r;
		remembered_set_token(passing[i]);
		disable(&r);
		(void)remembered_commit();
	}
	assert_not_set();
}

static void test_another_service_on_the_same_store(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	remembered_overtake(1000);
	disable(&r);
	assert_status(&r, 200);
	assert_not_set();
}

/* The head's row does not carry its seal, so that reading it says nothing of the manifest; the
 * survey sees what another service has committed. */
static const struct kms_manifest_ops *sighted;

static struct err look_at_nothing(UNUSED void *self, UNUSED const char *log,
				  UNUSED struct kms_audit_head *out)
{
	return ERR(E_STORE_SEAL);
}

static struct err survey_with_others(void *self, const struct kms_survey_options *options,
				     struct kms_survey *out)
{
	{
		LOCK_SCOPE(&remembered.lock);
		remembered.mark = remembered.anchor;
		remembered.others = 0;
	}
	return sighted->survey(self, options, out);
}

static void test_a_head_that_is_refused_says_nothing_of_the_store(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	struct kms_manifest *manifest = &world.first.service->options.manifest;
	sighted = manifest->ops;
	struct kms_manifest_ops blind = *sighted;
	blind.head_load = look_at_nothing;
	blind.survey = survey_with_others;
	unsigned before = surveys();
	manifest->ops = &blind;
	remembered_overtake(1000);
	disable(&r);
	assert_not_set();
	manifest->ops = sighted;
	assert_status(&r, 200);
	assert_int_equal(surveys(), before + 1);
	(void)usleep(LOOKS_US); /* nobody is at the other any more */
}

static void test_a_doubt_that_a_survey_does_not_confirm(UNUSED void **state)
{
	unsigned before = surveys();
	set_doubt(E_STORE_MANIFEST, E_OK);
	assert_not_set();
	assert_int_equal(surveys(), before + 1);
}

static void test_rows_that_do_not_carry_their_seal(UNUSED void **state)
{
	set_doubt(E_STORE_ROLLED_BACK, E_STORE_SEAL);
	assert_not_set();
	verify();
	assert_not_set();
}

/* Each row that differs is refused by its name; a start would be refused. */
static void test_a_verification_that_finds_rows_that_differ(UNUSED void **state)
{
	set_doubt(E_OK, E_STORE_MANIFEST);
	verify();
	assert_not_set();
}

static void test_a_doubt_waits_for_a_token_that_is_away(UNUSED void **state)
{
	remembered_set_token(E_HSM_AWAY);
	set_doubt(E_STORE_MANIFEST, E_STORE_MANIFEST);
	assert_not_set();
	remembered_set_token(E_OK);
	world_add_steady(20000); /* surveys are paced */
	await_set(E_STORE_MANIFEST);
}

/* ---- what is refused ---- */

static void test_everything_is_refused_and_recorded(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply encrypted;
	CLEANUP(reply_cleanup) struct reply decrypted;
	CLEANUP(reply_cleanup) struct reply disabled;
	CLEANUP(reply_cleanup) struct reply listed;
	size_t before = records("\"errorCode\":\"KMSInternalException\"");
	distrust();
	world_encrypt(&world, key, "eA==", "{}", &encrypted);
	world_decrypt(&world, sealed, "{}", &decrypted);
	disable(&disabled);
	world_call(&world, &listed, "ListKeys", "{}");
	assert_status(&encrypted, 500);
	assert_refused(&encrypted, "KMSInternalException", INTERNAL);
	assert_refused(&decrypted, "KMSInternalException", INTERNAL);
	assert_refused(&disabled, "KMSInternalException", INTERNAL);
	assert_refused(&listed, "KMSInternalException", INTERNAL);
	assert_int_equal(records("\"errorCode\":\"KMSInternalException\""), before + 4);
}

/* Who is calling would have to be asked of the store: it is counted, not recorded. */
static void test_a_caller_that_is_not_in_memory_is_not_looked_for(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r = {0};
	const struct twist stranger = {.access_key_id = "AKIAIOSFODNN7EXAMPLE"};
	distrust();
	world_call_twisted(&world, &stranger, "ListKeys", "{}", &r);
	assert_refused(&r, "KMSInternalException", INTERNAL);
}

static void test_an_operator_may_look_and_not_change(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply looked = {0};
	CLEANUP(reply_cleanup) struct reply changed = {0};
	char body[128];
	distrust();
	verify();
	world_call_twisted(&world, &as_operator, "DescribeInstallation", "{}", &looked);
	assert_status(&looked, 200);
	assert_ok(text_format(body, sizeof body, "{\"KeyId\":\"%s\"}", key));
	world_call_twisted(&world, &as_operator, "ResetKeyPolicy", body, &changed);
	assert_string_equal(reply_type(&changed), "KMSInternalException");
	assert_non_null(strstr(reply_message(&changed), "find out which store belongs"));
}

static void test_nothing_is_changed_by_itself(UNUSED void **state)
{
	distrust();
	assert_true(remembered.frozen);
	unsigned raises = remembered_raises(), heads = remembered.heads_saved;
	(void)remembered_commit();
	{
		LOCK_SCOPE(&remembered.lock);
		remembered.point.sequence += 100;
	}
	world_add_steady(20000); /* the head would be saved */
	(void)usleep(LOOKS_US);
	world_stop(&world.first); /* nor does the stop anchor it */
	assert_int_equal(remembered_raises(), raises);
	assert_int_equal(remembered.heads_saved, heads);
	world_start(&world, &world.first, "audit");
}

static void test_who_waits_for_the_anchor_is_told(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	remembered_set_token(E_HSM_ANCHOR);
	disable(&r);
	assert_refused(&r, "KMSInternalException", INTERNAL);
	assert_true(is_set());
}

/* ---- what is told ---- */

static void test_readiness_says_so_at_once(UNUSED void **state)
{
	distrust();
	assert_err(service_ready(world.first.service), E_DISTRUSTED);
}

static const struct json *trust_row(const struct reply *r)
{
	const struct json *rows = json_member(r->json, "Checks");
	for (size_t i = 0; i < json_count(rows); i++) {
		const struct json *row = json_element(rows, i);
		if (view_equal_text(json_string_of(json_member(row, "Name")), "trust"))
			return row;
	}
	fail_msg("no row");
	return NULL;
}

static void test_the_status_says_what_to_do(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply well = {0};
	CLEANUP(reply_cleanup) struct reply ill = {0};
	world_call_twisted(&world, &as_operator, "Status", "{}", &well);
	assert_true(view_equal_text(json_string_of(json_member(trust_row(&well), "Level")), "ok"));
	assert_null(json_member(well.json, "Distrust"));
	distrust();
	world_call_twisted(&world, &as_operator, "Status", "{}", &ill);
	const struct json *row = trust_row(&ill);
	assert_true(view_equal_text(json_string_of(json_member(row, "Level")), "failure"));
	assert_true(json_string_of(json_member(row, "Remedy")).len > 0);
	const struct json *member = json_member(ill.json, "Distrust");
	assert_true(view_equal_text(json_string_of(json_member(member, "Cause")), "E_HSM_ANCHOR"));
}

static void test_the_metric(UNUSED void **state)
{
	distrust();
	assert_int_equal(metric_get(METRIC_STORE_DISTRUSTED, 0, 0), 1);
}

#define test(name) cmocka_unit_test_teardown(name, mend)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_a_mark_of_the_token_that_the_store_cannot_have_had),
		test(test_another_store_of_the_same_age),
		test(test_another_store_that_goes_on_in_turn),
		test(test_a_service_that_changes_nothing_looks_at_the_token_as_well),
		test(test_a_token_that_forgets),
		test(test_a_doubt_that_a_survey_confirms),
		test(test_a_verification_that_finds_another_store),
		test(test_the_first_cause_stays),
		test(test_a_token_that_is_away_or_late),
		test(test_another_service_on_the_same_store),
		test(test_a_head_that_is_refused_says_nothing_of_the_store),
		test(test_a_doubt_that_a_survey_does_not_confirm),
		test(test_rows_that_do_not_carry_their_seal),
		test(test_a_verification_that_finds_rows_that_differ),
		test(test_a_doubt_waits_for_a_token_that_is_away),
		test(test_everything_is_refused_and_recorded),
		test(test_a_caller_that_is_not_in_memory_is_not_looked_for),
		test(test_an_operator_may_look_and_not_change),
		test(test_nothing_is_changed_by_itself),
		test(test_who_waits_for_the_anchor_is_told),
		test(test_readiness_says_so_at_once),
		test(test_the_status_says_what_to_do),
		test(test_the_metric),
	};
	return cmocka_run_group_tests(tests, make_world, the_world_tear_down);
}
