/* SPDX-License-Identifier: Apache-2.0 */
/* RotateKeyOnDemand, what is seen of a rotation afterwards, and ListKeyRotations. */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "rotation_world.h"
#include "service/core.h"

/* --- on demand --- */

static void test_rotated_on_demand_when_the_reply_comes(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	char before[MATERIAL_TEXT], after[MATERIAL_TEXT];
	edit_next(100 * KMS_DAY_MS);
	read_material(before);
	rotate();
	read_material(after);
	assert_string_not_equal(before, after);
	assert_int_equal(list("", &r), 1);
	assert_int_equal(json_count(json_element(json_member(r.json, "Rotations"), 0)), 5);
	assert_true(entry_is(&r, 0, "KeyId", the_key));
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
		world_encrypt(&world, the_key, "aGk=", "{}", &sealed[i]);
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
		   reply_text(&sealed[1], "CiphertextBlob"), the_key);
	assert_string_equal(reply_text(&moved, "SourceKeyMaterialId"), materials[1]);
	assert_string_equal(reply_text(&moved, "DestinationKeyMaterialId"), materials[3]);
	for (size_t i = 0; i < ARRAY_LEN(sealed); i++)
		reply_cleanup(&sealed[i]);
}

static void test_the_limit_has_its_words(UNUSED void **state)
{
	for (unsigned i = 0; i < KMS_ROTATION_ON_DEMAND_MAX_DEFAULT; i++)
		rotate();
	CLEANUP(reply_cleanup) struct reply r;
	char text[256];
	call("RotateKeyOnDemand", "", &r);
	assert_ok(text_format(text, sizeof text,
			      "The on-demand rotations limit has been reached for the given keyId. "
			      "No more on-demand rotations can be performed for this key: %s",
			      world_arn(the_key)));
	assert_refused(&r, "LimitExceededException", text);
	assert_int_equal(count_rotations(), KMS_ROTATION_ON_DEMAND_MAX_DEFAULT);
}

#define CALLERS 8

static void *ask(void *arg)
{
	CLEANUP(reply_cleanup) struct reply r;
	call("RotateKeyOnDemand", "", &r);
	*(bool *)arg = r.status == 200;
	return NULL;
}

/* One is left, and many ask for it at the same moment. */
static void test_the_limit_holds_for_all_together(UNUSED void **state)
{
	pthread_t threads[CALLERS];
	bool taken[CALLERS] = {false};
	unsigned total = 0;
	for (unsigned i = 1; i < KMS_ROTATION_ON_DEMAND_MAX_DEFAULT; i++)
		rotate();
	for (size_t i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask, &taken[i]), 0);
	for (size_t i = 0; i < CALLERS; i++) {
		(void)pthread_join(threads[i], NULL);
		total += taken[i];
	}
	assert_int_equal(total, 1);
	assert_int_equal(count_rotations(), KMS_ROTATION_ON_DEMAND_MAX_DEFAULT);
}

static void test_no_rotation_on_demand_beside_an_automatic_one(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	char text[256];
	edit_next(KMS_ROTATION_NEAR_MS - 60000);
	call("RotateKeyOnDemand", "", &r);
	assert_ok(text_format(text, sizeof text,
			      "An automatic rotation of %s is in progress or scheduled to begin "
			      "within the next 20 minutes.",
			      world_arn(the_key)));
	assert_refused(&r, "ConflictException", text);
	edit_next(KMS_ROTATION_NEAR_MS + 60000);
	rotate();
}

/* What the store cannot take now is done later: the call was accepted, and says so. */
static void test_an_accepted_rotation_is_not_lost(UNUSED void **state)
{
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
			      world_arn(the_key)));
	assert_refused(&again, "ConflictException", text);
	rotate_fault = E_OK;
	do_due_work();
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
	while (asked != NULL && strstr(asked, the_key) == NULL)
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
	world_create_key(&world, "{}", the_key);
	assert_ok(text_format(more, sizeof more, ",\"Marker\":\"%s\"",
			      reply_text(&page, "NextMarker")));
	call("ListKeyRotations", more, &r);
	assert_string_equal(reply_type(&r), "InvalidMarkerException");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, rotation_fresh_key)
	const struct CMUnitTest tests[] = {
		TEST(test_rotated_on_demand_when_the_reply_comes),
		TEST(test_each_ciphertext_opens_with_its_own_material),
		TEST(test_the_limit_has_its_words),
		TEST(test_the_limit_holds_for_all_together),
		TEST(test_no_rotation_on_demand_beside_an_automatic_one),
		TEST(test_an_accepted_rotation_is_not_lost),
		TEST(test_both_are_recorded),
		TEST(test_all_material_includes_the_first),
		TEST(test_other_choices_are_refused),
		TEST(test_page_by_page_the_oldest_first),
		TEST(test_a_marker_is_good_for_its_key_alone),
	};
#undef TEST
	return cmocka_run_group_tests(tests, the_world_set_up, the_world_tear_down);
}
