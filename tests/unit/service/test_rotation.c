/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations on rotation, with dates that no client could wait for: the row of the key is
 * changed behind the service's back, and its material made older while it is loaded.
 */
#include <math.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/text.h"
#include "fixture.h"
#include "kms/rotation.h"
#include "service/core.h"
#include "service/key_rotation.h"
#include "service/keyring.h"

#define DAY_S 86400.0
#define MATERIAL_TEXT (2 * KMS_MATERIAL_ID_LEN + 1)
#define NONE_YET "{\"Rotations\":[],\"Truncated\":false}"

static void adjust(struct kms_store_ops *ops);

static struct world world = {.adjust = adjust};
static char key[KMS_KEY_ID_TEXT + 1];

/* --- the store, adjusted --- */

static int64_t material_age_ms; /* every version is as much older */
static uint16_t rotate_fault;
static unsigned updates;

static struct kms_store rows(void)
{
	return store_sqlite_keys(world.first.store);
}

static struct err key_load(void *self, const struct kms_scope *scope, const struct kms_key_id *id,
			   struct kms_key_full *out)
{
	struct err e = rows().ops->key_load(self, scope, id, out);
	for (size_t i = 0; !err_failed(e) && i < out->version_count; i++)
		out->versions[i].created_ms -= material_age_ms;
	return e;
}

static struct err key_update(void *self, const struct kms_key *changed,
			     const struct kms_outbox_record *outbox)
{
	updates++;
	return rows().ops->key_update(self, changed, outbox);
}

static struct err key_rotate(void *self, const struct kms_key *changed,
			     const struct kms_version *made, const struct kms_outbox_record *outbox)
{
	if (rotate_fault != E_OK)
		return ERR(rotate_fault);
	return rows().ops->key_rotate(self, changed, made, outbox);
}

static void adjust(struct kms_store_ops *ops)
{
	ops->key_load = key_load;
	ops->key_update = key_update;
	ops->key_rotate = key_rotate;
}

typedef void edit_fn(struct kms_key *key);

static struct kms_key_id key_id(void)
{
	struct kms_key_id id;
	assert_ok(kms_key_id_parse(view_of_text(key), &id));
	return id;
}

static void edit(edit_fn *change)
{
	struct kms_key_id id = key_id();
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	assert_ok(rows().ops->key_load(rows().self, &world.installation.scope, &id, &full));
	change(&full.key);
	full.key.revision++;
	assert_ok(rows().ops->key_update(rows().self, &full.key, NULL));
	keyring_drop(world.first.service->keyring, &id);
}

static void wait_for_import(struct kms_key *row)
{
	row->origin = KMS_ORIGIN_EXTERNAL;
	row->state = KMS_STATE_PENDING_IMPORT;
	row->current_version = 0;
}

static void make_rsa(struct kms_key *row)
{
	row->spec = KMS_SPEC_RSA_2048;
}

static void make_managed(struct kms_key *row)
{
	row->manager = KMS_MANAGER_AWS;
}

/* Rotation on, and the next date so far away. */
static int64_t until_next_ms;

static void set_next(struct kms_key *row)
{
	int64_t now_ms = clock_real_ms(&clock_system);
	row->rotation_enabled = true;
	row->rotation_period_days = 365;
	row->rotation_from_ms = now_ms + until_next_ms - 365 * KMS_DAY_MS;
}

/* --- calls --- */

static int set_up(UNUSED void **state)
{
	world_make(&world);
	world_start(&world, &world.first, "audit");
	return 0;
}

static int tear_down(UNUSED void **state)
{
	world_stop(&world.first);
	world_remove(&world);
	return 0;
}

static int fresh_key(UNUSED void **state)
{
	material_age_ms = 0;
	rotate_fault = E_OK;
	world_create_key(&world, "{}", key);
	updates = 0;
	return 0;
}

static void call(const char *operation, const char *more, struct reply *r)
{
	world_call(&world, r, operation, "{\"KeyId\":\"%s\"%s}", key, more);
}

/* Must succeed with an empty body. */
static void change(const char *operation, const char *more)
{
	CLEANUP(reply_cleanup) struct reply r;
	call(operation, more, &r);
	assert_status(&r, 200);
	assert_string_equal(r.body, "");
}

static void assert_refusal(const char *operation, const char *type, const char *what)
{
	CLEANUP(reply_cleanup) struct reply r;
	char text[256];
	call(operation, "", &r);
	assert_ok(text_format(text, sizeof text, "%s %s", world_arn(key), what));
	assert_refused(&r, type, text);
}

static const char *const settings[] = {"EnableKeyRotation", "DisableKeyRotation",
				       "RotateKeyOnDemand"};

/* UnsupportedOperationException has no text, not even an empty one. */
static void assert_unsupported(const char *operation)
{
	CLEANUP(reply_cleanup) struct reply r;
	call(operation, "", &r);
	assert_status(&r, 400);
	assert_string_equal(r.body, "{\"__type\":\"UnsupportedOperationException\"}");
}

static void assert_all_unsupported(void)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		assert_unsupported(settings[i]);
	assert_int_equal(updates, 0);
}

static double number(const struct reply *r, const char *member)
{
	return json_number_of(json_member(r->json, member));
}

static double now_s(void)
{
	return (double)clock_real_ms(&clock_system) / 1000;
}

/* GetKeyRotationStatus: on, with that period, next in so many seconds. */
static void assert_on(unsigned days, double next_s)
{
	CLEANUP(reply_cleanup) struct reply r;
	call("GetKeyRotationStatus", "", &r);
	assert_status(&r, 200);
	assert_int_equal(json_count(r.json), 4);
	assert_string_equal(reply_text(&r, "KeyId"), key);
	assert_true(json_bool_of(json_member(r.json, "KeyRotationEnabled")));
	assert_int_equal((int)number(&r, "RotationPeriodInDays"), (int)days);
	if (fabs(number(&r, "NextRotationDate") - now_s() - next_s) > 60)
		fail_msg("next %f, now %f", number(&r, "NextRotationDate"), now_s());
}

static void assert_off(void)
{
	CLEANUP(reply_cleanup) struct reply r;
	char text[128];
	call("GetKeyRotationStatus", "", &r);
	assert_ok(text_format(text, sizeof text, "{\"KeyId\":\"%s\",\"KeyRotationEnabled\":false}",
			      key));
	assert_string_equal(r.body, text);
}

static void rotate(void)
{
	CLEANUP(reply_cleanup) struct reply r;
	char text[128];
	call("RotateKeyOnDemand", "", &r);
	assert_ok(text_format(text, sizeof text, "{\"KeyId\":\"%s\"}", key));
	assert_string_equal(r.body, text);
}

/* A member of the entry at `at` of a page of ListKeyRotations. */
static const struct json *entry(const struct reply *r, size_t at, const char *member)
{
	return json_member(json_element(json_member(r->json, "Rotations"), at), member);
}

static bool entry_is(const struct reply *r, size_t at, const char *member, const char *value)
{
	return view_equal_text(json_string_of(entry(r, at, member)), value);
}

static size_t list(const char *more, struct reply *r)
{
	call("ListKeyRotations", more, r);
	assert_status(r, 200);
	return json_count(json_member(r->json, "Rotations"));
}

static size_t count_rotations(void)
{
	CLEANUP(reply_cleanup) struct reply r;
	return list("", &r);
}

static void read_material(char out[MATERIAL_TEXT])
{
	CLEANUP(reply_cleanup) struct reply r;
	call("DescribeKey", "", &r);
	assert_ok(text_copy(out, MATERIAL_TEXT,
			    view_of_text(reply_metadata(&r, "CurrentKeyMaterialId"))));
}

/* --- switching --- */

static void test_a_new_key_does_not_rotate(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	assert_off();
	(void)list("", &r);
	assert_string_equal(r.body, NONE_YET);
}

static void test_a_year_unless_said_otherwise(UNUSED void **state)
{
	change("EnableKeyRotation", "");
	assert_on(365, 365 * DAY_S);
}

static void test_any_period_in_bounds(UNUSED void **state)
{
	change("EnableKeyRotation", ",\"RotationPeriodInDays\":90");
	assert_on(90, 90 * DAY_S);
	change("EnableKeyRotation", ",\"RotationPeriodInDays\":2560");
	assert_on(2560, 2560 * DAY_S);
}

static void test_other_periods_are_refused(UNUSED void **state)
{
	static const char *const rows_[][2] = {
		{",\"RotationPeriodInDays\":89",
		 "1 validation error detected: Value '89' at 'rotationPeriodInDays' failed to "
		 "satisfy constraint: Member must have value greater than or equal to 90"},
		{",\"RotationPeriodInDays\":2561",
		 "1 validation error detected: Value '2561' at 'rotationPeriodInDays' failed to "
		 "satisfy constraint: Member must have value less than or equal to 2560"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows_); i++) {
		CLEANUP(reply_cleanup) struct reply r;
		call("EnableKeyRotation", rows_[i][0], &r);
		assert_refused(&r, "ValidationException", rows_[i][1]);
	}
	assert_off();
}

static void test_the_same_again_puts_nothing_off(UNUSED void **state)
{
	until_next_ms = 100 * KMS_DAY_MS;
	edit(set_next);
	change("EnableKeyRotation", "");
	change("EnableKeyRotation", ",\"RotationPeriodInDays\":365");
	assert_int_equal(updates, 0);
	assert_on(365, 100 * DAY_S);
}

static void test_another_period_counts_from_now(UNUSED void **state)
{
	until_next_ms = 100 * KMS_DAY_MS;
	edit(set_next);
	change("EnableKeyRotation", ",\"RotationPeriodInDays\":200");
	assert_on(200, 200 * DAY_S);
}

static void test_switched_off_and_on_counts_from_now(UNUSED void **state)
{
	until_next_ms = 100 * KMS_DAY_MS;
	edit(set_next);
	change("DisableKeyRotation", "");
	assert_off();
	updates = 0;
	change("DisableKeyRotation", "");
	assert_int_equal(updates, 0);
	change("EnableKeyRotation", "");
	assert_on(365, 365 * DAY_S);
}

/* --- states and kinds of keys --- */

static void test_a_disabled_key_keeps_its_setting(UNUSED void **state)
{
	change("EnableKeyRotation", "");
	change("DisableKey", "");
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		assert_refusal(settings[i], "DisabledException", "is disabled.");
	assert_on(365, 365 * DAY_S);
}

static void test_pending_deletion_reads_off_and_comes_back(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply scheduled, cancelled;
	change("EnableKeyRotation", "");
	call("ScheduleKeyDeletion", "", &scheduled);
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		assert_refusal(settings[i], "KMSInvalidStateException", "is pending deletion.");
	assert_off();
	call("CancelKeyDeletion", "", &cancelled);
	assert_status(&cancelled, 200);
	assert_on(365, 365 * DAY_S);
}

static void test_a_key_that_waits_for_import_cannot_rotate(UNUSED void **state)
{
	edit(wait_for_import);
	assert_all_unsupported();
	assert_off();
}

static void test_the_state_comes_before_the_kind(UNUSED void **state)
{
	edit(make_rsa);
	assert_all_unsupported();
	assert_off();
	assert_unsupported("ListKeyRotations");
	change("DisableKey", "");
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		assert_refusal(settings[i], "DisabledException", "is disabled.");
}

/* Whatever a policy allows: the one of this key allows the account everything. */
static void test_a_services_key_rotates_at_the_services_pace(UNUSED void **state)
{
	edit(make_managed);
	assert_all_unsupported();
	assert_on(1095, 1095 * DAY_S);
}

/* --- enabled again --- */

static void test_old_material_is_rotated_when_the_key_comes_back(UNUSED void **state)
{
	unsigned rotated;
	struct kms_key_id id = key_id();
	until_next_ms = 295 * KMS_DAY_MS;
	edit(set_next);
	change("DisableKey", "");
	material_age_ms = 370 * KMS_DAY_MS;
	change("EnableKey", "");
	assert_ok(key_rotation_run(world.first.service, &world.installation.scope, &id, &rotated));
	assert_int_equal(count_rotations(), 1);
	assert_on(365, 365 * DAY_S);
}

static void test_young_material_keeps_the_dates(UNUSED void **state)
{
	until_next_ms = -35 * KMS_DAY_MS;
	change("DisableKey", "");
	edit(set_next);
	material_age_ms = 100 * KMS_DAY_MS;
	change("EnableKey", "");
	assert_on(365, 330 * DAY_S);
	assert_int_equal(count_rotations(), 0);
}

/* Enabling a key that is enabled is no way to have it rotated, nor to put a rotation off. */
static void test_enabling_an_enabled_key_changes_nothing(UNUSED void **state)
{
	until_next_ms = 295 * KMS_DAY_MS;
	edit(set_next);
	material_age_ms = 370 * KMS_DAY_MS;
	change("EnableKey", "");
	assert_int_equal(updates, 0);
	assert_on(365, 295 * DAY_S);
}

/* --- on demand --- */

static void test_rotated_on_demand_when_the_reply_comes(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	char before[MATERIAL_TEXT], after[MATERIAL_TEXT];
	until_next_ms = 100 * KMS_DAY_MS;
	edit(set_next);
	read_material(before);
	rotate();
	read_material(after);
	assert_string_not_equal(before, after);
	assert_int_equal(list("", &r), 1);
	assert_int_equal(json_count(json_element(json_member(r.json, "Rotations"), 0)), 5);
	assert_true(entry_is(&r, 0, "KeyId", key));
	assert_true(entry_is(&r, 0, "KeyMaterialId", after));
	assert_true(entry_is(&r, 0, "KeyMaterialState", "CURRENT"));
	assert_true(entry_is(&r, 0, "RotationType", "ON_DEMAND"));
	assert_true(fabs(json_number_of(entry(&r, 0, "RotationDate")) - now_s()) < 60);
	assert_on(365, 100 * DAY_S);
}

static void assert_opens(const char *blob, const char *material)
{
	CLEANUP(reply_cleanup) struct reply r;
	world_decrypt(&world, blob, "{}", &r);
	assert_status(&r, 200);
	assert_string_equal(reply_text(&r, "Plaintext"), "aGk=");
	assert_string_equal(reply_text(&r, "KeyMaterialId"), material);
}

static void test_each_ciphertext_opens_with_its_own_material(UNUSED void **state)
{
	struct reply sealed[4];
	char materials[4][MATERIAL_TEXT];
	for (size_t i = 0; i < ARRAY_LEN(sealed); i++) {
		if (i > 0)
			rotate();
		read_material(materials[i]);
		world_encrypt(&world, key, "aGk=", "{}", &sealed[i]);
		assert_status(&sealed[i], 200);
	}
	for (size_t i = 0; i < ARRAY_LEN(sealed); i++) {
		assert_opens(reply_text(&sealed[i], "CiphertextBlob"), materials[i]);
		if (i > 0)
			assert_string_not_equal(materials[i - 1], materials[i]);
	}
	CLEANUP(reply_cleanup) struct reply made, moved;
	call("GenerateDataKey", ",\"KeySpec\":\"AES_256\"", &made);
	assert_string_equal(reply_text(&made, "KeyMaterialId"), materials[3]);
	world_call(&world, &moved, "ReEncrypt",
		   "{\"CiphertextBlob\":\"%s\",\"DestinationKeyId\":\"%s\"}",
		   reply_text(&sealed[1], "CiphertextBlob"), key);
	assert_string_equal(reply_text(&moved, "SourceKeyMaterialId"), materials[1]);
	assert_string_equal(reply_text(&moved, "DestinationKeyMaterialId"), materials[3]);
	for (size_t i = 0; i < ARRAY_LEN(sealed); i++)
		reply_cleanup(&sealed[i]);
}

static void test_the_limit_has_its_words(UNUSED void **state)
{
	world.first.service->options.rotation.on_demand_max = 2;
	rotate();
	rotate();
	CLEANUP(reply_cleanup) struct reply r;
	char text[256];
	call("RotateKeyOnDemand", "", &r);
	world.first.service->options.rotation.on_demand_max = KMS_ROTATION_ON_DEMAND_MAX_DEFAULT;
	assert_ok(text_format(text, sizeof text,
			      "The on-demand rotations limit has been reached for the given keyId. "
			      "No more on-demand rotations can be performed for this key: %s",
			      world_arn(key)));
	assert_refused(&r, "LimitExceededException", text);
	assert_int_equal(count_rotations(), 2);
}

static void test_no_rotation_on_demand_beside_an_automatic_one(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	char text[256];
	until_next_ms = KMS_ROTATION_NEAR_MS - 60000;
	edit(set_next);
	call("RotateKeyOnDemand", "", &r);
	assert_ok(text_format(text, sizeof text,
			      "An automatic rotation of %s is in progress or scheduled to begin "
			      "within the next 20 minutes.",
			      world_arn(key)));
	assert_refused(&r, "ConflictException", text);
	until_next_ms = KMS_ROTATION_NEAR_MS + 60000;
	edit(set_next);
	rotate();
}

/* What the store cannot take now is done later: the call was accepted, and says so. */
static void test_an_accepted_rotation_is_not_lost(UNUSED void **state)
{
	struct kms_key_id id = key_id();
	unsigned rotated;
	rotate_fault = E_STORE_FULL;
	rotate();
	CLEANUP(reply_cleanup) struct reply waiting, again, done;
	char text[256];
	call("GetKeyRotationStatus", "", &waiting);
	assert_true(fabs(number(&waiting, "OnDemandRotationStartDate") - now_s()) < 60);
	assert_false(json_bool_of(json_member(waiting.json, "KeyRotationEnabled")));
	assert_int_equal(count_rotations(), 0);
	call("RotateKeyOnDemand", "", &again);
	assert_ok(text_format(text, sizeof text, "An on-demand rotation of %s is in progress.",
			      world_arn(key)));
	assert_refused(&again, "ConflictException", text);
	rotate_fault = E_OK;
	assert_ok(key_rotation_run(world.first.service, &world.installation.scope, &id, &rotated));
	assert_int_equal(count_rotations(), 1);
	call("GetKeyRotationStatus", "", &done);
	assert_null(json_member(done.json, "OnDemandRotationStartDate"));
}

/* CloudTrail has the call and what the service did. */
static void test_both_are_recorded(UNUSED void **state)
{
	rotate();
	CLEANUP(mem_free_at) char *log = world_audit(&world.first);
	const char *asked = strstr(log, "\"eventName\":\"RotateKeyOnDemand\"");
	assert_non_null(asked);
	assert_non_null(strstr(log, "\"eventName\":\"RotateKey\""));
	while (asked != NULL && strstr(asked, key) == NULL)
		asked = strstr(asked + 1, "\"eventName\":\"RotateKeyOnDemand\"");
	assert_non_null(asked);
}

/* --- the list --- */

static void test_all_material_includes_the_first(UNUSED void **state)
{
	char first[MATERIAL_TEXT];
	read_material(first);
	rotate();
	CLEANUP(reply_cleanup) struct reply r, rotations;
	assert_int_equal(list(",\"IncludeKeyMaterial\":\"ALL_KEY_MATERIAL\"", &r), 2);
	assert_int_equal(json_count(json_element(json_member(r.json, "Rotations"), 0)), 3);
	assert_true(entry_is(&r, 0, "KeyMaterialId", first));
	assert_true(entry_is(&r, 0, "KeyMaterialState", "NON_CURRENT"));
	assert_true(entry_is(&r, 1, "KeyMaterialState", "CURRENT"));
	assert_int_equal(list(",\"IncludeKeyMaterial\":\"ROTATIONS_ONLY\"", &rotations), 1);
}

static void test_other_choices_are_refused(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	call("ListKeyRotations", ",\"IncludeKeyMaterial\":\"SOME\"", &r);
	assert_refused(&r, "ValidationException",
		       "1 validation error detected: Value 'SOME' at 'includeKeyMaterial' failed "
		       "to satisfy constraint: Member must satisfy enum value set: "
		       "[ALL_KEY_MATERIAL, ROTATIONS_ONLY]");
}

static void test_page_by_page_the_oldest_first(UNUSED void **state)
{
	char marker[1024] = "", materials[5][MATERIAL_TEXT];
	read_material(materials[0]);
	for (size_t i = 1; i < ARRAY_LEN(materials); i++) {
		rotate();
		read_material(materials[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(materials); i += 2) {
		CLEANUP(reply_cleanup) struct reply r;
		char more[1200];
		size_t left = ARRAY_LEN(materials) - i;
		assert_ok(text_format(more, sizeof more,
				      ",\"IncludeKeyMaterial\":\"ALL_KEY_MATERIAL\",\"Limit\":2%s",
				      marker));
		assert_int_equal(list(more, &r), MIN_OF(left, 2));
		assert_true(entry_is(&r, 0, "KeyMaterialId", materials[i]));
		assert_int_equal(json_bool_of(json_member(r.json, "Truncated")), left > 2);
		assert_ok(text_format(marker, sizeof marker, ",\"Marker\":\"%s\"",
				      reply_text(&r, "NextMarker")));
		assert_int_equal(*reply_text(&r, "NextMarker") != '\0', left > 2);
	}
}

static void test_a_marker_is_good_for_its_key_alone(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply page, r;
	char more[1200];
	rotate();
	rotate();
	assert_int_equal(list(",\"Limit\":1", &page), 1);
	world_create_key(&world, "{}", key);
	assert_ok(text_format(more, sizeof more, ",\"Marker\":\"%s\"",
			      reply_text(&page, "NextMarker")));
	call("ListKeyRotations", more, &r);
	assert_string_equal(reply_type(&r), "InvalidMarkerException");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, fresh_key)
	const struct CMUnitTest tests[] = {
		TEST(test_a_new_key_does_not_rotate),
		TEST(test_a_year_unless_said_otherwise),
		TEST(test_any_period_in_bounds),
		TEST(test_other_periods_are_refused),
		TEST(test_the_same_again_puts_nothing_off),
		TEST(test_another_period_counts_from_now),
		TEST(test_switched_off_and_on_counts_from_now),
		TEST(test_a_disabled_key_keeps_its_setting),
		TEST(test_pending_deletion_reads_off_and_comes_back),
		TEST(test_a_key_that_waits_for_import_cannot_rotate),
		TEST(test_the_state_comes_before_the_kind),
		TEST(test_a_services_key_rotates_at_the_services_pace),
		TEST(test_old_material_is_rotated_when_the_key_comes_back),
		TEST(test_young_material_keeps_the_dates),
		TEST(test_enabling_an_enabled_key_changes_nothing),
		TEST(test_rotated_on_demand_when_the_reply_comes),
		TEST(test_each_ciphertext_opens_with_its_own_material),
		TEST(test_the_limit_has_its_words),
		TEST(test_no_rotation_on_demand_beside_an_automatic_one),
		TEST(test_an_accepted_rotation_is_not_lost),
		TEST(test_both_are_recorded),
		TEST(test_all_material_includes_the_first),
		TEST(test_other_choices_are_refused),
		TEST(test_page_by_page_the_oldest_first),
		TEST(test_a_marker_is_good_for_its_key_alone),
	};
#undef TEST
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
