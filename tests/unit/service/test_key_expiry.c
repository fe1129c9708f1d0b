/* SPDX-License-Identifier: Apache-2.0 */
/* Imported material whose time has come, and what becomes of its key. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "ending.h"
#include "service/core.h"
#include "service/key_deletion.h"
#include "service/refused.h"

static struct world world;

static int set_up(UNUSED void **state)
{
	ending_make(&world);
	return 0;
}

static int tear_down(UNUSED void **state)
{
	ending_remove();
	return 0;
}

static struct err run(const char *id, bool *done)
{
	const struct kms_key_id key_id = ending_id(id);
	struct service *service = world.first.service;
	return key_expiry_run(service, &service->options.installation.scope, &key_id, 1, done);
}

static int64_t past(void)
{
	return clock_real_ms(&clock_system) - 1000;
}

static void assert_state(const char *id, enum kms_key_state key_state,
			 enum kms_material_state material)
{
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	assert_ok(ending_load(id, &full));
	assert_int_equal(full.key.state, key_state);
	assert_int_equal(full.version_count, 1);
	assert_int_equal(full.versions[0].material, material);
}

static void assert_expired(const char *id, enum kms_key_state key_state, size_t objects)
{
	assert_state(id, key_state, KMS_MATERIAL_GONE);
	assert_int_equal(ending_objects(), objects);
	assert_int_equal(ending_records("DeleteExpiredKeyMaterial", id), 1);
	assert_int_equal(refused_count(world.first.service->refused), 0);
}

/* An imported key, and how many objects there are without its own. */
static size_t import(int64_t valid_to_ms, char id[KMS_KEY_ID_TEXT + 1])
{
	ending_import(valid_to_ms, id);
	return ending_objects() - 1;
}

static void test_the_key_waits_for_an_import(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1], material[65], text[300];
	bool done = false;
	CLEANUP(reply_cleanup) struct reply before;
	CLEANUP(reply_cleanup) struct reply after;
	CLEANUP(reply_cleanup) struct reply sealed;
	CLEANUP(reply_cleanup) struct reply opened;
	CLEANUP(reply_cleanup) struct reply refused;
	size_t objects = import(past(), id);
	world_call(&world, &before, "DescribeKey", "{\"KeyId\":\"%s\"}", id);
	assert_ok(text_copy(material, sizeof material,
			    view_of_text(reply_metadata(&before, "CurrentKeyMaterialId"))));
	world_encrypt(&world, id, "aGk=", "{}", &sealed);
	assert_status(&sealed, 200);
	assert_ok(run(id, &done));
	assert_true(done);
	assert_expired(id, KMS_STATE_PENDING_IMPORT, objects);
	world_call(&world, &after, "DescribeKey", "{\"KeyId\":\"%s\"}", id);
	assert_string_equal(reply_metadata(&after, "KeyState"), "PendingImport");
	assert_string_equal(reply_metadata(&after, "CurrentKeyMaterialId"), material);
	assert_false(json_bool_of(json_member(json_member(after.json, "KeyMetadata"), "Enabled")));
	assert_ok(text_format(text, sizeof text, "%s is pending import.", world_arn(id)));
	world_encrypt(&world, id, "aGk=", "{}", &refused);
	assert_refused(&refused, "KMSInvalidStateException", text);
	world_decrypt(&world, reply_text(&sealed, "CiphertextBlob"), "{}", &opened);
	assert_refused(&opened, "KMSInvalidStateException", text);
	CLEANUP(mem_free_at) char *record = ending_record("DeleteExpiredKeyMaterial", id);
	assert_non_null(strstr(record, material));
	assert_non_null(strstr(record, "\"eventType\":\"AwsServiceEvent\""));
	/* It is done, and stays done over a start. */
	ending_restart();
	assert_ok(run(id, &done));
	assert_false(done);
	assert_expired(id, KMS_STATE_PENDING_IMPORT, objects);
}

static void test_nothing_expires_early(UNUSED void **state)
{
	static const int64_t times[] = {0, INT64_C(60000)}; /* for ever, and in a minute */
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		char id[KMS_KEY_ID_TEXT + 1];
		bool done = true;
		int64_t now_ms = clock_real_ms(&clock_system);
		size_t objects = import(times[i] != 0 ? now_ms + times[i] : 0, id);
		assert_ok(run(id, &done));
		assert_false(done);
		assert_state(id, KMS_STATE_ENABLED, KMS_MATERIAL_PRESENT);
		assert_int_equal(ending_objects(), objects + 1);
	}
}

static void test_a_clock_that_is_not_trusted_holds_it(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	bool done = true;
	size_t objects = import(past(), id);
	ending_distrust(E_CLOCK_UNTRUSTED);
	struct err e = run(id, &done);
	ending_distrust(E_OK);
	assert_err(e, E_CLOCK_UNTRUSTED);
	assert_false(done);
	assert_state(id, KMS_STATE_ENABLED, KMS_MATERIAL_PRESENT);
	assert_int_equal(ending_objects(), objects + 1);
}

static const struct ending_fault faults[] = {
	{STEP_LOAD, 0, false, E_STORE},         {STEP_CLOCK, 0, false, E_CLOCK_UNTRUSTED},
	{STEP_BEGIN, 0, false, E_STORE_FULL},   {STEP_BEGIN, 0, true, E_STORE},
	{STEP_REST, 0, false, E_CANCELLED},     {STEP_DESTROY, 0, false, E_HSM_AWAY},
	{STEP_DESTROY, 0, true, E_HSM_TIMEOUT}, {STEP_END, 0, false, E_STORE_FULL},
	{STEP_END, 0, true, E_STORE},
};

/* The clock is set forward and back again, between the looks of the scheduler. */
static void test_only_the_reading_that_is_trusted_counts(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	bool done = true;
	(void)import(past(), id);
	ending_set_back(2000);
	assert_ok(run(id, &done));
	ending_set_back(0);
	assert_false(done);
	assert_state(id, KMS_STATE_ENABLED, KMS_MATERIAL_PRESENT);
}

static void test_it_may_be_interrupted_at_each_step(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		char id[KMS_KEY_ID_TEXT + 1];
		bool done = true;
		size_t objects = import(past(), id);
		bool committed = faults[i].step == STEP_END && faults[i].done;
		ending_plan(&faults[i]);
		assert_err(run(id, &done), faults[i].code);
		assert_true(ending_fault_happened());
		assert_false(done);
		ending_restart();
		assert_int_equal(refused_count(world.first.service->refused), 0);
		assert_ok(run(id, &done));
		assert_true(done != committed);
		assert_expired(id, KMS_STATE_PENDING_IMPORT, objects);
	}
}

static void test_material_on_its_way_out_seals_nothing(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	bool done = true;
	CLEANUP(reply_cleanup) struct reply r;
	(void)import(past(), id);
	ending_plan(&(struct ending_fault){STEP_DESTROY, 0, false, E_HSM_AWAY});
	assert_err(run(id, &done), E_HSM_AWAY);
	assert_state(id, KMS_STATE_PENDING_IMPORT, KMS_MATERIAL_GOING);
	world_encrypt(&world, id, "aGk=", "{}", &r);
	assert_string_equal(reply_type(&r), "KMSInvalidStateException");
	assert_ok(run(id, &done));
	assert_true(done);
}

/* An older version, whose loss leaves the key enabled: the version says so itself. */
static void test_a_version_without_material_opens_nothing(UNUSED void **state)
{
	static const enum kms_material_state states[] = {KMS_MATERIAL_GOING, KMS_MATERIAL_GONE};
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		char id[KMS_KEY_ID_TEXT + 1];
		CLEANUP(reply_cleanup) struct reply old;
		CLEANUP(reply_cleanup) struct reply opened;
		CLEANUP(reply_cleanup) struct reply sealed;
		(void)import(0, id);
		world_encrypt(&world, id, "aGk=", "{}", &old);
		assert_status(&old, 200);
		ending_add_version(id);
		ending_set_material(id, 1, states[i]);
		world_decrypt(&world, reply_text(&old, "CiphertextBlob"), "{}", &opened);
		assert_string_equal(reply_type(&opened), "KeyUnavailableException");
		world_encrypt(&world, id, "aGk=", "{}", &sealed);
		assert_status(&sealed, 200);
	}
}

/* A token that was restored from a copy: told, and left to the operator. */
static void test_an_object_that_came_back_is_left_alone(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	(void)import(0, id);
	ending_add_version(id);
	ending_set_material(id, 1, KMS_MATERIAL_GONE);
	size_t objects = ending_objects();
	ending_restart();
	assert_int_equal(ending_objects(), objects);
	assert_int_equal(refused_count(world.first.service->refused), 0);
}

static void ask(const char *operation, const char *id)
{
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, operation, "{\"KeyId\":\"%s\"}", id);
	assert_status(&r, 200);
}

static void test_a_key_that_waits_for_its_deletion_goes_on_waiting(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	bool done = false;
	size_t objects = import(past(), id);
	ask("ScheduleKeyDeletion", id);
	assert_ok(run(id, &done));
	assert_true(done);
	assert_expired(id, KMS_STATE_PENDING_DELETION, objects);
	ask("CancelKeyDeletion", id);
	assert_state(id, KMS_STATE_PENDING_IMPORT, KMS_MATERIAL_GONE);
}

/* Its deletion destroys nothing and tells of nothing twice. */
static void test_the_deletion_of_an_expired_key(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	bool done = false;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	const struct kms_scope *scope = &world.first.service->options.installation.scope;
	(void)import(past(), id);
	const struct kms_key_id key_id = ending_id(id);
	assert_ok(run(id, &done));
	ending_make_due(id);
	ending_plan(NULL);
	assert_ok(key_deletion_run(world.first.service, scope, &key_id, &done));
	assert_true(done);
	assert_int_equal(ending_steps(STEP_DESTROY), 0);
	assert_err(ending_load(id, &full), E_NOT_FOUND);
	CLEANUP(mem_free_at) char *record = ending_record("DeleteKey", id);
	assert_non_null(strstr(record, "\"keyMaterialCount\":0"));
}

/* A deletion that has begun takes the material along. */
static void test_a_key_that_is_being_deleted_does_not_expire(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	bool done = true;
	const struct kms_scope *scope = &world.first.service->options.installation.scope;
	(void)import(past(), id);
	const struct kms_key_id key_id = ending_id(id);
	ending_make_due(id);
	ending_plan(&(struct ending_fault){STEP_REST, 0, false, E_CANCELLED});
	assert_err(key_deletion_run(world.first.service, scope, &key_id, &done), E_CANCELLED);
	assert_ok(run(id, &done));
	assert_false(done);
	assert_int_equal(ending_records("DeleteExpiredKeyMaterial", id), 0);
	assert_ok(key_deletion_run(world.first.service, scope, &key_id, &done));
	assert_true(done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_key_waits_for_an_import),
		cmocka_unit_test(test_nothing_expires_early),
		cmocka_unit_test(test_a_clock_that_is_not_trusted_holds_it),
		cmocka_unit_test(test_only_the_reading_that_is_trusted_counts),
		cmocka_unit_test(test_it_may_be_interrupted_at_each_step),
		cmocka_unit_test(test_material_on_its_way_out_seals_nothing),
		cmocka_unit_test(test_a_version_without_material_opens_nothing),
		cmocka_unit_test(test_an_object_that_came_back_is_left_alone),
		cmocka_unit_test(test_a_key_that_waits_for_its_deletion_goes_on_waiting),
		cmocka_unit_test(test_the_deletion_of_an_expired_key),
		cmocka_unit_test(test_a_key_that_is_being_deleted_does_not_expire),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
