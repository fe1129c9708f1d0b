/* SPDX-License-Identifier: Apache-2.0 */

#include "base/mem.h"
#include "base/text.h"
#include "kms/key.h"
#include "kms/store.h"
#include "tests/support/assert_err.h"

static struct kms_key sample(enum kms_key_state state)
{
	static char text[] = "text";
	bool creating = state == KMS_STATE_CREATING || state == KMS_STATE_PENDING_IMPORT;
	return (struct kms_key){
		.scope = {"aws", "eu-test-1", "123456789012"},
		.state = state,
		.usage = KMS_USAGE_ENCRYPT_DECRYPT,
		.spec = KMS_SPEC_SYMMETRIC_DEFAULT,
		.origin = KMS_ORIGIN_AWS_KMS,
		.manager = KMS_MANAGER_CUSTOMER,
		.deletion_ms = state == KMS_STATE_PENDING_DELETION ? 1 : 0,
		.current_version = creating ? 0 : 1,
		.revision = 1,
		.description = text,
		.policy = text,
	};
}

/* The drawing in kms/key.h, once more and independently. */
static bool drawn(enum kms_key_state from, enum kms_key_state to)
{
	static const enum kms_key_state arrows[][2] = {
		{KMS_STATE_CREATING, KMS_STATE_ENABLED},
		{KMS_STATE_CREATING, KMS_STATE_PENDING_IMPORT},
		{KMS_STATE_ENABLED, KMS_STATE_DISABLED},
		{KMS_STATE_DISABLED, KMS_STATE_ENABLED},
		{KMS_STATE_ENABLED, KMS_STATE_PENDING_IMPORT},
		{KMS_STATE_DISABLED, KMS_STATE_PENDING_IMPORT},
		{KMS_STATE_ENABLED, KMS_STATE_PENDING_DELETION},
		{KMS_STATE_DISABLED, KMS_STATE_PENDING_DELETION},
		{KMS_STATE_PENDING_IMPORT, KMS_STATE_PENDING_DELETION},
		{KMS_STATE_PENDING_DELETION, KMS_STATE_DISABLED},
		{KMS_STATE_PENDING_DELETION, KMS_STATE_PENDING_IMPORT},
	};
	for (size_t i = 0; i < ARRAY_LEN(arrows); i++)
		if (arrows[i][0] == from && arrows[i][1] == to)
			return true;
	return false;
}

static void test_only_drawn_moves_are_made(void **state)
{
	(void)state;
	for (unsigned from = 0; from <= KMS_STATE_COUNT; from++) {
		for (unsigned to = 0; to <= KMS_STATE_COUNT; to++) {
			struct kms_key key = sample((enum kms_key_state)from);
			bool may = drawn((enum kms_key_state)from, (enum kms_key_state)to);
			assert_err(kms_key_move(&key, (enum kms_key_state)to),
				   may ? E_OK : E_KMS_INVALID_STATE);
			assert_int_equal(key.state, may ? to : from);
		}
	}
}

static void test_nothing_comes_back_once_it_is_being_destroyed(void **state)
{
	(void)state;
	struct kms_key key = sample(KMS_STATE_PENDING_DELETION);
	key.destroying = true;
	assert_ok(kms_key_check(&key));
	assert_err(kms_key_move(&key, KMS_STATE_DISABLED), E_KMS_INVALID_STATE);
	assert_err(kms_key_move(&key, KMS_STATE_PENDING_IMPORT), E_KMS_INVALID_STATE);
	assert_int_equal(key.state, KMS_STATE_PENDING_DELETION);
	struct kms_key enabled = sample(KMS_STATE_ENABLED);
	enabled.destroying = true;
	assert_err(kms_key_check(&enabled), E_BUG);
}

static void test_cancelled_deletion_forgets_its_date(void **state)
{
	(void)state;
	struct kms_key key = sample(KMS_STATE_PENDING_DELETION);
	assert_ok(kms_key_check(&key));
	assert_ok(kms_key_move(&key, KMS_STATE_DISABLED));
	assert_int_equal(key.deletion_ms, 0);
	assert_ok(kms_key_check(&key));
}

/* ---- keys in time ---- */

static void test_destroying_is_a_step_of_deletion(void **state)
{
	(void)state;
	for (unsigned i = KMS_STATE_CREATING; i < KMS_STATE_COUNT; i++) {
		struct kms_key key = sample((enum kms_key_state)i);
		key.destroying = true;
		assert_err(kms_key_check(&key), i == KMS_STATE_PENDING_DELETION ? E_OK : E_BUG);
	}
}

static void test_periods_have_bounds(void **state)
{
	(void)state;
	static const struct {
		uint32_t days;
		bool enabled;
		bool customer, service; /* may have it */
	} rows[] = {
		{0, false, true, true},   {89, false, false, true},  {90, false, true, true},
		{2560, true, true, true}, {2561, true, false, true}, {0, true, false, false},
		{1095, true, true, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct kms_key key = sample(KMS_STATE_ENABLED);
		key.rotation_period_days = rows[i].days;
		key.rotation_enabled = rows[i].enabled;
		assert_err(kms_key_check(&key), rows[i].customer ? E_OK : E_BUG);
		key.manager = KMS_MANAGER_AWS;
		assert_err(kms_key_check(&key), rows[i].service ? E_OK : E_BUG);
	}
}

static void test_only_what_kms_made_rotates_by_itself(void **state)
{
	(void)state;
	struct kms_key key = sample(KMS_STATE_ENABLED);
	key.rotation_period_days = 365;
	key.rotation_enabled = true;
	assert_ok(kms_key_check(&key));
	key.origin = KMS_ORIGIN_EXTERNAL;
	assert_err(kms_key_check(&key), E_BUG);
	key.origin = KMS_ORIGIN_AWS_KMS;
	key.spec = KMS_SPEC_HMAC_256;
	key.usage = KMS_USAGE_GENERATE_VERIFY_MAC;
	assert_err(kms_key_check(&key), E_BUG);
}

static void test_times_are_not_negative(void **state)
{
	(void)state;
	struct kms_key key = sample(KMS_STATE_ENABLED);
	key.on_demand_ms = -1;
	assert_err(kms_key_check(&key), E_BUG);
	key.on_demand_ms = 0;
	key.rotation_from_ms = -1;
	assert_err(kms_key_check(&key), E_BUG);
}

/* ---- versions ---- */

static void test_sound_versions_pass(void **state)
{
	(void)state;
	struct kms_key key = sample(KMS_STATE_ENABLED);
	struct kms_version version = {.number = 1, .rotation = KMS_ROTATION_BUDGET};
	assert_ok(kms_version_check(&key, &version));
	key.origin = KMS_ORIGIN_EXTERNAL;
	version.valid_to_ms = 5;
	assert_ok(kms_version_check(&key, &version));
	version.number = 2; /* not the current one */
	version.material = KMS_MATERIAL_GONE;
	assert_ok(kms_version_check(&key, &version));
}

static void test_contradictory_versions_are_refused(void **state)
{
	(void)state;
	const struct kms_key key = sample(KMS_STATE_ENABLED);
	struct kms_version bad[6];
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		bad[i] = (struct kms_version){.number = 1};
	bad[0].number = 0;
	bad[1].key_id.bytes[3] = 1;
	bad[2].rotation = KMS_ROTATION_COUNT;
	bad[3].material = KMS_MATERIAL_COUNT;
	bad[4].material = KMS_MATERIAL_GONE; /* the token made it */
	bad[5].valid_to_ms = 5;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_err(kms_version_check(&key, &bad[i]), E_BUG);
}

static void test_a_key_in_use_has_its_material(void **state)
{
	(void)state;
	static const enum kms_key_state states[] = {KMS_STATE_ENABLED, KMS_STATE_DISABLED,
						    KMS_STATE_PENDING_IMPORT,
						    KMS_STATE_PENDING_DELETION};
	const struct kms_version version = {.number = 1, .material = KMS_MATERIAL_GOING};
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		struct kms_key key = sample(states[i]);
		key.origin = KMS_ORIGIN_EXTERNAL;
		key.current_version = 1;
		assert_err(kms_version_check(&key, &version), i < 2 ? E_BUG : E_OK);
	}
}

static void test_a_key_as_a_whole_has_its_versions_in_order(void **state)
{
	(void)state;
	struct kms_version versions[] = {{.number = 1}, {.number = 2}};
	struct kms_key_full full = {sample(KMS_STATE_ENABLED), versions, 2};
	assert_ok(kms_key_full_check(&full));
	full.key.current_version = 2;
	assert_ok(kms_key_full_check(&full));
	full.key.current_version = 3;
	assert_err(kms_key_full_check(&full), E_BUG);
	full.key.current_version = 1;
	versions[1].number = 1;
	assert_err(kms_key_full_check(&full), E_BUG);
	versions[1] = (struct kms_version){.number = 2, .valid_to_ms = 1};
	assert_err(kms_key_full_check(&full), E_BUG);
}

static void test_a_version_is_found_by_its_number(void **state)
{
	(void)state;
	struct kms_version versions[] = {{.number = 1}, {.number = 3}};
	const struct kms_key_full full = {sample(KMS_STATE_ENABLED), versions, 2}, none = {0};
	assert_ptr_equal(kms_key_full_version(&full, 1), &versions[0]);
	assert_ptr_equal(kms_key_full_version(&full, 3), &versions[1]);
	assert_null(kms_key_full_version(&full, 2));
	assert_null(kms_key_full_version(&full, 0));
	assert_null(kms_key_full_version(&none, 1));
}

static void test_sound_keys_pass(void **state)
{
	(void)state;
	for (unsigned i = KMS_STATE_CREATING; i < KMS_STATE_COUNT; i++) {
		struct kms_key key = sample((enum kms_key_state)i);
		assert_ok(kms_key_check(&key));
	}
}

#define BREAK(statement)                                        \
	do {                                                    \
		struct kms_key key = sample(KMS_STATE_ENABLED); \
		statement;                                      \
		assert_err(kms_key_check(&key), E_BUG);         \
	} while (0)

static void test_unsound_keys_are_found(void **state)
{
	(void)state;
	char not_utf8[] = "\xff";
	BREAK(key.state = (enum kms_key_state)0);
	BREAK(key.state = KMS_STATE_COUNT);
	BREAK(key.spec = (enum kms_key_spec)0);
	BREAK(key.spec = KMS_SPEC_COUNT);
	BREAK(key.usage = (enum kms_key_usage)0);
	BREAK(key.usage = (enum kms_key_usage)3);
	BREAK(key.usage = KMS_USAGE_SIGN_VERIFY); /* not with SYMMETRIC_DEFAULT */
	BREAK(key.origin = (enum kms_key_origin)9);
	BREAK(key.manager = (enum kms_key_manager)9);
	BREAK(key.multi_region = true);
	BREAK(key.current_version = 0);
	BREAK(key.deletion_ms = 5);
	BREAK(key.state = KMS_STATE_PENDING_DELETION);
	BREAK(key.scope.account[3] = '\0');
	BREAK(key.scope.region[0] = '\0');
	BREAK(key.description = NULL);
	BREAK(key.policy = NULL);
	BREAK(key.description = not_utf8);
}

static void test_description_is_counted_in_characters(void **state)
{
	(void)state;
	static char text[2 * (KMS_DESCRIPTION_MAX + 1) + 1];
	struct kms_key key = sample(KMS_STATE_ENABLED);
	for (size_t i = 0; i < (size_t)2 * KMS_DESCRIPTION_MAX; i++)
		text[i] = "\xc3\xa9"[i % 2];
	key.description = text;
	assert_ok(kms_key_check(&key));
	text[2 * KMS_DESCRIPTION_MAX] = 'x';
	assert_err(kms_key_check(&key), E_BUG);
}

static void test_copy_owns_its_texts(void **state)
{
	(void)state;
	struct kms_key key = sample(KMS_STATE_ENABLED);
	CLEANUP(kms_key_cleanup) struct kms_key copy = {0};
	assert_ok(kms_key_copy(&key, &copy));
	assert_ptr_not_equal(copy.description, key.description);
	assert_string_equal(copy.description, key.description);
	assert_string_equal(copy.policy, key.policy);
	assert_int_equal(copy.revision, key.revision);
}

static void test_cleanup_may_be_repeated(void **state)
{
	(void)state;
	struct kms_key key = sample(KMS_STATE_ENABLED);
	struct kms_key_full full = {.version_count = 2};
	assert_ok(kms_key_copy(&key, &full.key));
	assert_ok(MEM_NEW_ARRAY(2, &full.versions));
	kms_key_full_cleanup(&full);
	assert_null(full.versions);
	assert_null(full.key.policy);
	assert_int_equal(full.version_count, 0);
	kms_key_full_cleanup(&full);
}

static void test_names_are_those_of_the_api(void **state)
{
	(void)state;
	assert_string_equal(kms_state_name(KMS_STATE_PENDING_DELETION), "PendingDeletion");
	assert_string_equal(kms_usage_name(KMS_USAGE_GENERATE_VERIFY_MAC), "GENERATE_VERIFY_MAC");
	assert_string_equal(kms_spec_name(KMS_SPEC_ECC_NIST_EDWARDS25519), "ECC_NIST_EDWARDS25519");
	assert_string_equal(kms_origin_name(KMS_ORIGIN_EXTERNAL_KEY_STORE), "EXTERNAL_KEY_STORE");
	assert_string_equal(kms_manager_name(KMS_MANAGER_AWS), "AWS");
}

static void test_no_value_has_an_empty_name(void **state)
{
	(void)state;
	assert_string_equal(kms_state_name((enum kms_key_state)0), "");
	assert_string_equal(kms_state_name(KMS_STATE_COUNT), "");
	assert_string_equal(kms_usage_name((enum kms_key_usage)3), "");
	assert_string_equal(kms_spec_name(KMS_SPEC_COUNT), "");
	assert_string_equal(kms_origin_name((enum kms_key_origin)0), "");
	assert_string_equal(kms_manager_name((enum kms_key_manager)0), "");
}

static void test_names_are_parsed(void **state)
{
	(void)state;
	enum kms_key_spec spec = KMS_SPEC_COUNT;
	enum kms_key_usage usage = (enum kms_key_usage)0;
	for (unsigned i = KMS_SPEC_SYMMETRIC_DEFAULT; i < KMS_SPEC_COUNT; i++) {
		assert_ok(kms_spec_parse(view_of_text(kms_spec_name((enum kms_key_spec)i)), &spec));
		assert_int_equal(spec, i);
	}
	assert_ok(kms_usage_parse(VIEW_LITERAL("KEY_AGREEMENT"), &usage));
	assert_int_equal(usage, KMS_USAGE_KEY_AGREEMENT);
	assert_err(kms_spec_parse(VIEW_LITERAL("symmetric_default"), &spec), E_FORMAT);
	assert_err(kms_spec_parse(VIEW_NONE, &spec), E_FORMAT);
	assert_err(kms_usage_parse(VIEW_LITERAL("ENCRYPT"), &usage), E_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_drawn_moves_are_made),
		cmocka_unit_test(test_nothing_comes_back_once_it_is_being_destroyed),
		cmocka_unit_test(test_cancelled_deletion_forgets_its_date),
		cmocka_unit_test(test_a_version_is_found_by_its_number),
		cmocka_unit_test(test_sound_keys_pass),
		cmocka_unit_test(test_destroying_is_a_step_of_deletion),
		cmocka_unit_test(test_periods_have_bounds),
		cmocka_unit_test(test_only_what_kms_made_rotates_by_itself),
		cmocka_unit_test(test_times_are_not_negative),
		cmocka_unit_test(test_sound_versions_pass),
		cmocka_unit_test(test_contradictory_versions_are_refused),
		cmocka_unit_test(test_a_key_in_use_has_its_material),
		cmocka_unit_test(test_a_key_as_a_whole_has_its_versions_in_order),
		cmocka_unit_test(test_unsound_keys_are_found),
		cmocka_unit_test(test_description_is_counted_in_characters),
		cmocka_unit_test(test_copy_owns_its_texts),
		cmocka_unit_test(test_cleanup_may_be_repeated),
		cmocka_unit_test(test_names_are_those_of_the_api),
		cmocka_unit_test(test_no_value_has_an_empty_name),
		cmocka_unit_test(test_names_are_parsed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
