/* SPDX-License-Identifier: Apache-2.0 */
/* A version that only the token knows, as after the store was put back from an older copy: adopted
 * when all of it is sound, else left alone and its number kept free. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "breakage.h"
#include "codec/base64.h"
#include "codec/hex.h"
#include "kms/ciphertext.h"
#include "lives.h"
#include "service/core.h"
#include "service/key_adoption.h"
#include "service/key_making.h"
#include "service/key_rotation.h"
#include "the_world.h"

#define PERIOD_DAYS 365
#define PERIOD_MS (PERIOD_DAYS * WORLD_DAY_MS)
#define TEXT_MAX 512

static void adjust(struct kms_store_ops *ops);

struct world world = {.adjust = adjust, .without_due_work = true};

/* --- the store, between us and it --- */

static void (*before_adoption)(void); /* once */
static enum err_code adoption_fault;  /* answered once, not done */

static struct err version_adopt(void *self, const struct kms_key *key,
				const struct kms_version *adopted,
				const struct kms_outbox_record *outbox)
{
	void (*what)(void) = TAKE(before_adoption);
	enum err_code fault = adoption_fault;
	adoption_fault = E_OK;
	if (what != NULL)
		what();
	if (fault != E_OK)
		return ERR((uint16_t)fault);
	const struct kms_store rows = store_sqlite_keys(world.first.store);
	return rows.ops->version_adopt(self, key, adopted, outbox);
}

static void adjust(struct kms_store_ops *ops)
{
	breakage_adjust(ops);
	ops->version_adopt = version_adopt;
}

static int mend(UNUSED void **state)
{
	break_nothing();
	before_adoption = NULL;
	adoption_fault = E_OK;
	return 0;
}

/* --- versions that the store forgot --- */

static const struct kms_scope *home(void)
{
	return &world.installation.scope;
}

static struct kms_version made(const struct kms_key_id *key, uint32_t number)
{
	struct kms_version version = {.key_id = *key, .number = number};
	assert_ok(key_making_begin(world.first.service, home(), &version));
	return version;
}

static void forget_intent(const struct kms_version *version)
{
	const struct kms_store rows = store_sqlite_keys(world.first.store);
	assert_ok(rows.ops->intent_remove(rows.self, &version->token_id));
}

static struct kms_version made_and_forgotten(const struct kms_key_id *key, uint32_t number)
{
	struct kms_version version = made(key, number);
	forget_intent(&version);
	return version;
}

/* What Encrypt made under it while it was current. */
static void encrypt_under(const struct kms_version *version, char out[TEXT_MAX])
{
	uint8_t header[KMS_CIPHERTEXT_HEADER_LEN], blob[TEXT_MAX];
	CLEANUP(secret_free) struct secret *plaintext = NULL;
	assert_ok(secret_new(2, &plaintext));
	struct writer w;
	writer_init_secret(&w, plaintext);
	writer_text(&w, "hi");
	assert_ok(writer_end_secret(&w, plaintext));
	kms_ciphertext_header(version, header);
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_SEAL,
			    .deadline_ms = clock_steady_ms(&clock_system) + 5000,
			    .to = {.key = version->token_id,
				   .suite = version->suite,
				   .header = VIEW_ARRAY(header)},
			    .plaintext = plaintext};
	assert_ok(hsm_call(world.hsm, &op));
	writer_init(&w, blob, sizeof blob);
	writer_bytes(&w, VIEW_ARRAY(header));
	writer_bytes(&w, buf_view(&op.sealed));
	assert_ok(writer_end(&w));
	const struct view all = view_of(blob, w.len);
	writer_init(&w, out, TEXT_MAX);
	base64_encode(&w, all);
	assert_ok(writer_end_text(&w));
}

static void material_text(const struct kms_version *version, char out[TEXT_MAX])
{
	struct writer w;
	writer_init(&w, out, TEXT_MAX);
	hex_encode(&w, VIEW_ARRAY(version->material_id));
	assert_ok(writer_end_text(&w));
}

static struct hsm_object object_of(const struct kms_version *version)
{
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_KEY_FIND,
			    .deadline_ms = clock_steady_ms(&clock_system) + 5000,
			    .object = {.id = version->token_id}};
	assert_ok(hsm_call(world.hsm, &op));
	return op.object;
}

static void reconcile(void)
{
	assert_ok(service_reconcile(world.first.service));
}

/* --- adopted --- */

static void test_what_it_encrypted_is_decrypted_under_the_same_material_id(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1], blob[TEXT_MAX], material[TEXT_MAX];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	const struct kms_version lost = made_and_forgotten(&key, 2);
	encrypt_under(&lost, blob);
	material_text(&lost, material);
	CLEANUP(reply_cleanup) struct reply before;
	CLEANUP(reply_cleanup) struct reply after;
	world_decrypt(&world, blob, "{}", &before);
	assert_int_not_equal(before.status, 200);
	reconcile();
	world_decrypt(&world, blob, "{}", &after);
	assert_status(&after, 200);
	assert_string_equal(reply_text(&after, "Plaintext"), "aGk=");
	assert_string_equal(reply_text(&after, "KeyMaterialId"), material);
}

static void test_what_is_current_stays_current(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	CLEANUP(kms_key_full_cleanup) struct kms_key_full before = {0};
	CLEANUP(kms_key_full_cleanup) struct kms_key_full after = {0};
	(void)made_and_forgotten(&key, 2);
	(void)made_and_forgotten(&key, 5);
	life_load(&world, &key, &before);
	reconcile();
	life_load(&world, &key, &after);
	assert_int_equal(after.version_count, 3);
	assert_int_equal(after.versions[1].number, 2);
	assert_int_equal(after.versions[2].number, 5);
	assert_int_equal(after.key.current_version, 1);
	assert_int_equal(after.key.rotation_from_ms, before.key.rotation_from_ms);
	assert_int_equal(after.key.revision, before.key.revision + 2);
}

static void test_it_is_told_once(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1], material[TEXT_MAX], expected[TEXT_MAX];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	const struct kms_version lost = made_and_forgotten(&key, 2);
	reconcile();
	reconcile();
	life_restart(&world, 0);
	assert_int_equal(life_versions(&world, &key), 2);
	assert_int_equal(life_records(&world, "AdoptKeyVersion", id), 1);
	material_text(&lost, material);
	assert_ok(text_format(expected, sizeof expected,
			      "\"version\":2,\"keyMaterialId\":\"%s\",\"currentVersion\":1",
			      material));
	CLEANUP(mem_free_at) char *log = world_audit(&world.first);
	assert_non_null(strstr(log, expected));
}

static void test_the_next_version_is_numbered_after_it(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	unsigned rotated = 0;
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	(void)made_and_forgotten(&key, 4);
	reconcile();
	world_advance(PERIOD_MS);
	assert_ok(key_rotation_run(world.first.service, home(), &key, &rotated));
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	life_load(&world, &key, &full);
	assert_int_equal(full.key.current_version, 5);
}

/* Its messages were not counted: it must never seal again, and need not. */
static void test_of_suite_3_the_budget_counts_as_used_up(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	const char *why = NULL;
	bool adopted = false;
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id), random;
	assert_ok(kms_key_id_make(false, &random));
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_KEY_GENERATE,
			    .deadline_ms = clock_steady_ms(&clock_system) + 5000,
			    .object = {.role = HSM_ROLE_VERSION, .suite = HSM_SUITE_DIRECT}};
	mem_copy(op.object.id.bytes, sizeof op.object.id.bytes, random.bytes, sizeof random.bytes);
	assert_ok(kms_version_label(world.installation.id, &key, 2, op.object.label));
	assert_ok(hsm_call(world.hsm, &op));
	assert_ok(key_adoption_run(world.first.service, &op.object, &adopted, &why));
	assert_true(adopted);
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	life_load(&world, &key, &full);
	assert_int_equal(full.versions[1].suite, HSM_SUITE_DIRECT);
	assert_int_equal(full.versions[1].messages_reserved,
			 world.first.service->options.direct_messages_max);
}

/* --- left alone --- */

static struct kms_key_id the_key;
static char the_id[KMS_KEY_ID_TEXT + 1];

static void assert_left_alone(const struct hsm_object *object, const char *reason)
{
	const char *why = NULL;
	bool adopted = true;
	size_t versions = life_versions(&world, &the_key), objects = life_objects(&world);
	assert_ok(key_adoption_run(world.first.service, object, &adopted, &why));
	assert_false(adopted);
	assert_non_null(why);
	assert_string_equal(why, reason);
	assert_int_equal(life_versions(&world, &the_key), versions);
	assert_int_equal(life_objects(&world), objects);
	assert_int_equal(life_records(&world, "AdoptKeyVersion", the_id), 0);
}

static void test_a_number_that_another_object_has(UNUSED void **state)
{
	the_key = life_begin(&world, PERIOD_DAYS, the_id);
	const struct kms_version lost = made_and_forgotten(&the_key, 1);
	struct hsm_object object = object_of(&lost);
	assert_left_alone(&object, "another object of the token is this version");
}

static void test_an_object_that_is_not_sound(UNUSED void **state)
{
	the_key = life_begin(&world, PERIOD_DAYS, the_id);
	const struct kms_version lost = made_and_forgotten(&the_key, 2);
	struct hsm_object object = object_of(&lost);
	object.sound = false;
	assert_left_alone(&object, "it lacks an attribute that a version must have");
	object.sound = true;
	object.role = HSM_ROLE_SECRET_WRAP;
	assert_left_alone(&object, "the object is not made for a version");
}

static void test_an_object_that_fails_its_trial(UNUSED void **state)
{
	the_key = life_begin(&world, PERIOD_DAYS, the_id);
	const struct kms_version lost = made_and_forgotten(&the_key, 2);
	struct hsm_object object = object_of(&lost);
	break_token(HSM_OPEN, FAULT_NOT_DONE, E_HSM_CIPHERTEXT);
	assert_left_alone(&object, "it does not seal and open");
}

static void test_an_object_of_a_key_that_nobody_knows(UNUSED void **state)
{
	struct kms_key_id other;
	the_key = life_begin(&world, PERIOD_DAYS, the_id);
	assert_ok(kms_key_id_make(false, &other));
	const struct kms_version lost = made_and_forgotten(&other, 2);
	struct hsm_object object = object_of(&lost);
	assert_left_alone(&object, "the store does not know the key");
}

static void make_imported(struct kms_key *key)
{
	key->origin = KMS_ORIGIN_EXTERNAL;
	key->rotation_enabled = false;
	key->rotation_period_days = 0;
}

static void test_a_version_of_a_key_with_imported_material(UNUSED void **state)
{
	the_key = life_begin(&world, PERIOD_DAYS, the_id);
	const struct kms_version lost = made_and_forgotten(&the_key, 2);
	struct hsm_object object = object_of(&lost);
	life_change(&world, &the_key, make_imported);
	assert_left_alone(&object, "keys of this kind have no versions that the token makes");
}

/* Another daemon may be at it. Its number is not given to another version either. */
static void test_a_version_that_an_intent_names(UNUSED void **state)
{
	unsigned rotated = 0;
	the_key = life_begin(&world, PERIOD_DAYS, the_id);
	const struct kms_version lost = made(&the_key, 6);
	struct hsm_object object = object_of(&lost);
	assert_left_alone(&object, "a version that is being made or destroyed");
	reconcile();
	assert_int_equal(life_versions(&world, &the_key), 1);
	forget_intent(&lost);
	world_advance(PERIOD_MS);
	assert_ok(key_rotation_run(world.first.service, home(), &the_key, &rotated));
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	life_load(&world, &the_key, &full);
	assert_int_equal(full.key.current_version, 7);
}

/* --- what may pass --- */

static void test_a_token_that_is_away_refuses_nothing_for_good(UNUSED void **state)
{
	the_key = life_begin(&world, PERIOD_DAYS, the_id);
	const struct kms_version lost = made_and_forgotten(&the_key, 2);
	struct hsm_object object = object_of(&lost);
	const char *why = NULL;
	bool adopted = true;
	break_token(HSM_OPEN, FAULT_LOST, E_HSM_AWAY);
	assert_err(key_adoption_run(world.first.service, &object, &adopted, &why), E_HSM_AWAY);
	assert_false(adopted);
	assert_int_equal(life_versions(&world, &the_key), 1);
	assert_ok(key_adoption_run(world.first.service, &object, &adopted, &why));
	assert_true(adopted);
}

static void describe_it(struct kms_key *key)
{
	key->rotation_from_ms++;
}

static void change_the_key(void)
{
	life_change(&world, &the_key, describe_it);
}

static void test_a_key_that_is_changed_meanwhile_keeps_the_change(UNUSED void **state)
{
	CLEANUP(kms_key_full_cleanup) struct kms_key_full before = {0};
	CLEANUP(kms_key_full_cleanup) struct kms_key_full after = {0};
	the_key = life_begin(&world, PERIOD_DAYS, the_id);
	(void)made_and_forgotten(&the_key, 2);
	life_load(&world, &the_key, &before);
	before_adoption = change_the_key;
	reconcile();
	life_load(&world, &the_key, &after);
	assert_int_equal(after.version_count, 2);
	assert_int_equal(after.key.rotation_from_ms, before.key.rotation_from_ms + 1);
	assert_int_equal(life_records(&world, "AdoptKeyVersion", the_id), 1);
}

static void test_a_store_that_fails_is_tried_at_the_next_start(UNUSED void **state)
{
	the_key = life_begin(&world, PERIOD_DAYS, the_id);
	(void)made_and_forgotten(&the_key, 2);
	adoption_fault = E_STORE_FULL;
	assert_err(service_reconcile(world.first.service), E_STORE_FULL);
	assert_int_equal(life_versions(&world, &the_key), 1);
	assert_int_equal(life_records(&world, "AdoptKeyVersion", the_id), 0);
	reconcile();
	assert_int_equal(life_versions(&world, &the_key), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, mend)
	const struct CMUnitTest tests[] = {
		TEST(test_what_it_encrypted_is_decrypted_under_the_same_material_id),
		TEST(test_what_is_current_stays_current),
		TEST(test_it_is_told_once),
		TEST(test_the_next_version_is_numbered_after_it),
		TEST(test_of_suite_3_the_budget_counts_as_used_up),
		TEST(test_a_number_that_another_object_has),
		TEST(test_an_object_that_is_not_sound),
		TEST(test_an_object_that_fails_its_trial),
		TEST(test_an_object_of_a_key_that_nobody_knows),
		TEST(test_a_version_of_a_key_with_imported_material),
		TEST(test_a_version_that_an_intent_names),
		TEST(test_a_token_that_is_away_refuses_nothing_for_good),
		TEST(test_a_key_that_is_changed_meanwhile_keeps_the_change),
		TEST(test_a_store_that_fails_is_tried_at_the_next_start),
	};
	return cmocka_run_group_tests(tests, the_world_set_up, the_world_tear_down);
}
