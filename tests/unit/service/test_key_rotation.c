/* SPDX-License-Identifier: Apache-2.0 */
/* One rotation, step by step, with a fault or a death at each: done once, told once, nothing left
 * over. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "breakage.h"
#include "lives.h"
#include "service/core.h"
#include "service/key_rotation.h"
#include "service/reconcile.h"
#include "the_world.h"

#define PERIOD_DAYS 365
#define PERIOD_MS (PERIOD_DAYS * WORLD_DAY_MS)
#define AFTER_LEASE_MS 120000

struct world world = {.adjust = breakage_adjust, .without_due_work = true};

static int mend(UNUSED void **state)
{
	break_nothing();
	world_break_audit(false);
	return 0;
}

static struct err run(const struct kms_key_id *id, unsigned *rotated)
{
	return key_rotation_run(world.first.service, &world.installation.scope, id, rotated);
}

static void assert_rotated(const struct kms_key_id *id, unsigned wanted)
{
	unsigned rotated = 0;
	assert_ok(run(id, &rotated));
	assert_int_equal(rotated, wanted);
}

/* --- as it should be --- */

static void test_a_key_is_rotated_on_its_day_and_once(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	world_advance(PERIOD_MS - 60000);
	assert_rotated(&key, 0);
	world_advance(60000);
	assert_rotated(&key, 1);
	assert_rotated(&key, 0);
	life_assert_whole(&world, &key, 2);
	assert_int_equal(life_intents(&world), 0);
	assert_int_equal(life_records(&world, "RotateKey", id), 1);
}

static void test_what_was_encrypted_before_is_decrypted(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	CLEANUP(reply_cleanup) struct reply before;
	CLEANUP(reply_cleanup) struct reply after;
	CLEANUP(reply_cleanup) struct reply opened;
	CLEANUP(reply_cleanup) struct reply opened_after;
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	world_encrypt(&world, id, "aGk=", "{}", &before);
	world_advance(PERIOD_MS);
	assert_rotated(&key, 1);
	world_encrypt(&world, id, "aGk=", "{}", &after);
	world_decrypt(&world, reply_text(&before, "CiphertextBlob"), "{}", &opened);
	world_decrypt(&world, reply_text(&after, "CiphertextBlob"), "{}", &opened_after);
	assert_string_equal(reply_text(&opened, "Plaintext"), "aGk=");
	assert_string_equal(reply_text(&opened_after, "Plaintext"), "aGk=");
	assert_string_not_equal(reply_text(&opened, "KeyMaterialId"),
				reply_text(&opened_after, "KeyMaterialId"));
}

static void read_key(const char *id, struct reply *metadata, struct reply *policy)
{
	world_call(&world, metadata, "DescribeKey", "{\"KeyId\":\"%s\"}", id);
	world_call(&world, policy, "GetKeyPolicy", "{\"KeyId\":\"%s\"}", id);
	assert_status(metadata, 200);
	assert_status(policy, 200);
}

/* KMS Developer Guide: "The properties of the KMS key do not change". */
static void test_nothing_else_of_the_key_changes(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	CLEANUP(reply_cleanup) struct reply described;
	CLEANUP(reply_cleanup) struct reply policy;
	CLEANUP(reply_cleanup) struct reply described_after;
	CLEANUP(reply_cleanup) struct reply policy_after;
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	read_key(id, &described, &policy);
	CLEANUP(mem_free_at) char *expected = NULL;
	const char *was = reply_metadata(&described, "CurrentKeyMaterialId");
	char material[2 * KMS_MATERIAL_ID_LEN + 1];
	assert_ok(text_copy(material, sizeof material, view_of_text(was)));
	world_advance(PERIOD_MS);
	assert_rotated(&key, 1);
	read_key(id, &described_after, &policy_after);
	was = reply_metadata(&described_after, "CurrentKeyMaterialId");
	assert_string_not_equal(was, material);
	/* But for the material, byte for byte. */
	assert_ok(text_new(view_of_text(described.body), &expected));
	char *at = strstr(expected, material);
	assert_non_null(at);
	mem_copy(at, strlen(material), was, strlen(material));
	assert_string_equal(described_after.body, expected);
	assert_string_equal(policy_after.body, policy.body);
}

static void test_the_record_says_what_was_done(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1], expected[256];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	CLEANUP(reply_cleanup) struct reply before;
	CLEANUP(reply_cleanup) struct reply after;
	world_call(&world, &before, "DescribeKey", "{\"KeyId\":\"%s\"}", id);
	world_advance(PERIOD_MS);
	assert_rotated(&key, 1);
	world_call(&world, &after, "DescribeKey", "{\"KeyId\":\"%s\"}", id);
	CLEANUP(mem_free_at) char *log = world_audit(&world.first);
	assert_ok(text_format(expected, sizeof expected,
			      "\"rotationType\":\"AUTOMATIC\",\"keyId\":\"%s\",\"keyOrigin\":"
			      "\"AWS_KMS\",\"previousKeyMaterialId\":\"%.64s\"",
			      id, reply_metadata(&before, "CurrentKeyMaterialId")));
	assert_non_null(strstr(log, expected));
	assert_ok(text_format(expected, sizeof expected, "\"currentKeyMaterialId\":\"%.64s\"",
			      reply_metadata(&after, "CurrentKeyMaterialId")));
	assert_non_null(strstr(log, expected));
}

static void test_automatic_and_on_demand_are_two_rotations(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	world_advance(PERIOD_MS);
	life_change(&world, &key, life_ask_for_rotation);
	assert_rotated(&key, 2);
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	life_load(&world, &key, &full);
	assert_int_equal(full.version_count, 3);
	assert_int_equal(full.versions[1].rotation, KMS_ROTATION_AUTOMATIC);
	assert_int_equal(full.versions[2].rotation, KMS_ROTATION_ON_DEMAND);
	assert_int_equal(full.key.on_demand_ms, 0);
	assert_int_equal(life_records(&world, "RotateKey", id), 2);
}

static void test_a_key_that_is_gone_needs_nothing(UNUSED void **state)
{
	struct kms_key_id key;
	assert_ok(kms_key_id_make(false, &key));
	assert_rotated(&key, 0);
}

/* --- what fails --- */

/* The rotation comes with the next attempt, once, and nothing is left of the first. */
static void assert_recovers(const struct kms_key_id *key, const char *id, size_t objects)
{
	break_nothing();
	world_advance(AFTER_LEASE_MS);
	reconcile_intents(world.first.service);
	unsigned rotated = 0;
	assert_ok(run(key, &rotated));
	assert_rotated(key, 0);
	life_assert_whole(&world, key, 2);
	assert_int_equal(life_intents(&world), 0);
	assert_int_equal(life_objects(&world), objects + 1);
	assert_int_equal(life_records(&world, "RotateKey", id), 1);
}

static void test_each_fault_of_the_token_leaves_nothing(UNUSED void **state)
{
	static const struct {
		enum hsm_verb verb;
		enum fault fault;
		enum err_code code;
	} rows[] = {
		{HSM_KEY_GENERATE, FAULT_NOT_DONE, E_HSM_REFUSED},
		{HSM_KEY_GENERATE, FAULT_NOT_DONE, E_HSM_AWAY},
		{HSM_KEY_GENERATE, FAULT_LOST, E_HSM_REFUSED},
		{HSM_GENERATE_SEALED, FAULT_NOT_DONE, E_HSM_TIMEOUT},
		{HSM_OPEN, FAULT_NOT_DONE, E_HSM_REFUSED},
		{HSM_OPEN, FAULT_LOST, E_HSM_AWAY},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char id[KMS_KEY_ID_TEXT + 1];
		unsigned rotated = 0;
		struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
		size_t objects = life_objects(&world);
		world_advance(PERIOD_MS);
		break_token(rows[i].verb, rows[i].fault, rows[i].code);
		assert_true(err_failed(run(&key, &rotated)));
		assert_int_equal(rotated, 0);
		assert_int_equal(life_versions(&world, &key), 1);
		assert_recovers(&key, id, objects);
	}
}

static void test_a_lost_answer_is_asked_for(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	world_advance(PERIOD_MS);
	break_token(HSM_KEY_GENERATE, FAULT_LOST, E_HSM_TIMEOUT);
	assert_rotated(&key, 1);
	life_assert_whole(&world, &key, 2);
}

static void test_each_fault_of_the_store_leaves_nothing(UNUSED void **state)
{
	static const struct {
		enum store_call call;
		enum fault fault;
		enum err_code code;
	} rows[] = {
		{STORE_INTENT_ADD, FAULT_NOT_DONE, E_STORE_FULL},
		{STORE_INTENT_ADD, FAULT_LOST, E_STORE},
		{STORE_KEY_ROTATE, FAULT_NOT_DONE, E_STORE_FULL},
		{STORE_KEY_ROTATE, FAULT_NOT_DONE, E_STORE_BUSY},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char id[KMS_KEY_ID_TEXT + 1];
		unsigned rotated = 0;
		struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
		size_t objects = life_objects(&world);
		world_advance(PERIOD_MS);
		break_store(rows[i].call, rows[i].fault, rows[i].code);
		assert_err(run(&key, &rotated), rows[i].code);
		assert_int_equal(life_objects(&world), objects);
		assert_recovers(&key, id, objects);
	}
}

/* Committed, and answered with an error: looked up, told once, not done again. */
static void test_an_unclear_commit_is_found_out(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	world_advance(PERIOD_MS);
	break_store(STORE_KEY_ROTATE, FAULT_LOST, E_STORE);
	assert_rotated(&key, 1);
	assert_rotated(&key, 0);
	life_assert_whole(&world, &key, 2);
	assert_int_equal(life_intents(&world), 0);
	assert_int_equal(life_records(&world, "RotateKey", id), 1);
}

static struct kms_key_id raced;

static void disable(struct kms_key *key)
{
	assert_ok(kms_key_move(key, KMS_STATE_DISABLED));
}

static void enable(struct kms_key *key)
{
	assert_ok(kms_key_move(key, KMS_STATE_ENABLED));
}

static void disable_raced(void)
{
	life_change(&world, &raced, disable);
}

static void touch_raced(void)
{
	life_change(&world, &raced, disable);
	life_change(&world, &raced, enable);
}

/* Disabled between the question and the commit: it is not rotated, and no object is left. */
static void test_a_key_that_was_disabled_meanwhile_is_not_rotated(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	raced = life_begin(&world, PERIOD_DAYS, id);
	size_t objects = life_objects(&world);
	world_advance(PERIOD_MS);
	break_in_before_rotate(disable_raced);
	assert_rotated(&raced, 0);
	assert_int_equal(life_versions(&world, &raced), 1);
	assert_int_equal(life_objects(&world), objects);
	assert_int_equal(life_intents(&world), 0);
	assert_int_equal(life_records(&world, "RotateKey", id), 0);
}

static void test_a_key_that_was_changed_meanwhile_is_asked_again(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	raced = life_begin(&world, PERIOD_DAYS, id);
	size_t objects = life_objects(&world);
	world_advance(PERIOD_MS);
	break_in_before_rotate(touch_raced);
	assert_rotated(&raced, 1);
	life_assert_whole(&world, &raced, 2);
	assert_int_equal(life_objects(&world), objects + 1);
	assert_int_equal(life_intents(&world), 0);
}

#define QUARRELS 20
static unsigned quarrels;

static void quarrel(void)
{
	touch_raced();
	if (++quarrels < QUARRELS)
		break_in_before_rotate(quarrel);
}

/* Who may change a key's description must not be able to put its rotation off. */
static void test_a_key_that_is_changed_all_the_time_is_rotated(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	raced = life_begin(&world, PERIOD_DAYS, id);
	size_t objects = life_objects(&world);
	world_advance(PERIOD_MS);
	quarrels = 0;
	break_in_before_rotate(quarrel);
	assert_rotated(&raced, 1);
	assert_int_equal(quarrels, QUARRELS);
	life_assert_whole(&world, &raced, 2);
	assert_int_equal(life_objects(&world), objects + 1);
	assert_int_equal(life_intents(&world), 0);
	assert_int_equal(life_records(&world, "RotateKey", id), 1);
}

/* P6: an act that could not be told is not begun. */
static void test_nothing_is_begun_while_the_audit_log_fails(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	unsigned rotated = 0;
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	size_t objects = life_objects(&world);
	world_advance(PERIOD_MS);
	CLEANUP(reply_cleanup) struct reply refused;
	world_break_audit(true);
	world_call(&world, &refused, "DescribeKey", "{\"KeyId\":\"%s\"}", id);
	assert_int_equal(refused.status, 500);
	assert_err(run(&key, &rotated), E_AUDIT);
	assert_int_equal(life_objects(&world), objects);
	assert_int_equal(life_intents(&world), 0);
	world_break_audit(false);
	for (unsigned i = 0; i < 200 && !audit_log_healthy(world.first.audit); i++)
		(void)usleep(20000);
	assert_rotated(&key, 1);
}

static void let_the_audit_log_fail(void)
{
	world_break_audit(true);
}

/* Committed while the log stood and told when it did not: its record comes by itself. */
static void test_a_record_that_the_log_refused_follows(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	world_advance(PERIOD_MS);
	break_in_before_rotate(let_the_audit_log_fail);
	assert_rotated(&key, 1);
	assert_int_equal(life_records(&world, "RotateKey", id), 0);
	world_break_audit(false);
	for (unsigned i = 0; i < 500 && life_records(&world, "RotateKey", id) == 0; i++)
		(void)usleep(20000);
	assert_int_equal(life_records(&world, "RotateKey", id), 1);
}

/* --- deaths --- */

static void test_a_death_at_any_step_is_survived(UNUSED void **state)
{
	static const struct {
		bool store;
		int what; /* enum store_call, enum hsm_verb */
		enum fault fault;
		bool committed;
	} rows[] = {
		{true, STORE_INTENT_ADD, FAULT_DEAD_BEFORE, false},
		{true, STORE_INTENT_ADD, FAULT_DEAD_AFTER, false},
		{false, HSM_KEY_GENERATE, FAULT_DEAD_BEFORE, false},
		{false, HSM_KEY_GENERATE, FAULT_DEAD_AFTER, false},
		{false, HSM_OPEN, FAULT_DEAD_AFTER, false},
		{true, STORE_KEY_ROTATE, FAULT_DEAD_BEFORE, false},
		{true, STORE_KEY_ROTATE, FAULT_DEAD_AFTER, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char id[KMS_KEY_ID_TEXT + 1];
		unsigned rotated = 0;
		struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
		size_t objects = life_objects(&world);
		world_advance(PERIOD_MS);
		if (rows[i].store)
			break_store((enum store_call)rows[i].what, rows[i].fault, E_STORE);
		else
			break_token((enum hsm_verb)rows[i].what, rows[i].fault, E_HSM_AWAY);
		assert_true(err_failed(run(&key, &rotated)));
		life_restart(&world, AFTER_LEASE_MS);
		assert_rotated(&key, rows[i].committed ? 0 : 1);
		life_assert_whole(&world, &key, 2);
		assert_int_equal(life_intents(&world), 0);
		assert_int_equal(life_objects(&world), objects + 1);
		assert_int_equal(life_records(&world, "RotateKey", id), 1);
	}
}

/* --- several --- */

static struct world_service second;
static struct kms_key_id contested;

static void *run_on(void *service)
{
	unsigned rotated = 0;
	struct err e = key_rotation_run(service, &world.installation.scope, &contested, &rotated);
	return (void *)(uintptr_t)(err_failed(e) ? 100 : rotated);
}

static void test_two_services_rotate_once(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	contested = life_begin(&world, PERIOD_DAYS, id);
	world_start(&world, &second, "audit-second");
	size_t objects = life_objects(&world);
	world_advance(PERIOD_MS);
	pthread_t threads[2];
	struct service *const services[] = {world.first.service, second.service};
	uintptr_t total = 0;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_on, services[i]), 0);
	for (size_t i = 0; i < 2; i++) {
		void *rotated = NULL;
		(void)pthread_join(threads[i], &rotated);
		total += (uintptr_t)rotated;
	}
	world_stop(&second);
	assert_int_equal(total, 1);
	life_assert_whole(&world, &contested, 2);
	assert_int_equal(life_objects(&world), objects + 1);
	assert_int_equal(life_intents(&world), 0);
}

/* Before its watching thread has noticed that another one committed. */
static void decrypt_on_the_second(const char *blob)
{
	CLEANUP(reply_cleanup) struct reply opened;
	char body[600];
	const struct twist twist = {.service = second.service};
	assert_ok(text_format(body, sizeof body, "{\"CiphertextBlob\":\"%s\"}", blob));
	opened = (struct reply){0};
	world_call_twisted(&world, &twist, "Decrypt", body, &opened);
	assert_status(&opened, 200);
	assert_string_equal(reply_text(&opened, "Plaintext"), "aGk=");
}

static struct reply before_commit;

static void keep_on_the_second(void)
{
	decrypt_on_the_second(reply_text(&before_commit, "CiphertextBlob"));
}

static void test_what_one_encrypts_the_other_decrypts_at_once(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	world_start(&world, &second, "audit-second");
	for (unsigned i = 0; i < 8; i++) {
		CLEANUP(reply_cleanup) struct reply after;
		world_encrypt(&world, id, "aGk=", "{}", &before_commit);
		life_change(&world, &key, life_ask_for_rotation);
		break_in_before_rotate(keep_on_the_second);
		assert_rotated(&key, 1);
		reply_cleanup(&before_commit);
		world_encrypt(&world, id, "aGk=", "{}", &after);
		decrypt_on_the_second(reply_text(&after, "CiphertextBlob"));
	}
	world_stop(&second);
}

/* --- numbers --- */

/* An object that a version used to name, of a store that was restored from before it was made. */
static void make_unknown(const struct kms_key_id *key_id, uint32_t number)
{
	struct kms_key_id random;
	struct hsm_status token;
	assert_ok(kms_key_id_make(false, &random));
	hsm_status(world.hsm, &token);
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_KEY_GENERATE,
			    .deadline_ms = clock_steady_ms(&clock_system) + 5000,
			    .object = {.role = HSM_ROLE_VERSION, .suite = token.suite}};
	mem_copy(op.object.id.bytes, sizeof op.object.id.bytes, random.bytes, sizeof random.bytes);
	assert_ok(kms_version_label(world.installation.id, key_id, number, op.object.label));
	assert_ok(hsm_call(world.hsm, &op));
}

static void test_a_number_that_the_token_knows_is_not_used_again(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	make_unknown(&key, 7);
	make_unknown(&key, 5);
	assert_ok(service_reconcile(world.first.service));
	world_advance(PERIOD_MS);
	assert_rotated(&key, 1);
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	life_load(&world, &key, &full);
	assert_int_equal(full.version_count, 4); /* the two were adopted */
	assert_int_equal(full.key.current_version, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_a_key_is_rotated_on_its_day_and_once, mend),
		cmocka_unit_test_teardown(test_what_was_encrypted_before_is_decrypted, mend),
		cmocka_unit_test_teardown(test_nothing_else_of_the_key_changes, mend),
		cmocka_unit_test_teardown(test_the_record_says_what_was_done, mend),
		cmocka_unit_test_teardown(test_automatic_and_on_demand_are_two_rotations, mend),
		cmocka_unit_test_teardown(test_a_key_that_is_gone_needs_nothing, mend),
		cmocka_unit_test_teardown(test_each_fault_of_the_token_leaves_nothing, mend),
		cmocka_unit_test_teardown(test_a_lost_answer_is_asked_for, mend),
		cmocka_unit_test_teardown(test_each_fault_of_the_store_leaves_nothing, mend),
		cmocka_unit_test_teardown(test_an_unclear_commit_is_found_out, mend),
		cmocka_unit_test_teardown(test_a_key_that_was_disabled_meanwhile_is_not_rotated,
					  mend),
		cmocka_unit_test_teardown(test_a_key_that_was_changed_meanwhile_is_asked_again,
					  mend),
		cmocka_unit_test_teardown(test_a_key_that_is_changed_all_the_time_is_rotated, mend),
		cmocka_unit_test_teardown(test_nothing_is_begun_while_the_audit_log_fails, mend),
		cmocka_unit_test_teardown(test_a_record_that_the_log_refused_follows, mend),
		cmocka_unit_test_teardown(test_a_death_at_any_step_is_survived, mend),
		cmocka_unit_test_teardown(test_two_services_rotate_once, mend),
		cmocka_unit_test_teardown(test_what_one_encrypts_the_other_decrypts_at_once, mend),
		cmocka_unit_test_teardown(test_a_number_that_the_token_knows_is_not_used_again,
					  mend),
	};
	return cmocka_run_group_tests(tests, the_world_set_up, the_world_tear_down);
}
