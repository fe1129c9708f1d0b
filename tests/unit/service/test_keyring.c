/* SPDX-License-Identifier: Apache-2.0 */
/* The keys in memory, over a store that counts and may change underneath. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/keyring.h"

#define KEYS_MAX 4

static struct {
	atomic_uint loads, asked, told;
	_Atomic uint64_t changes;
	atomic_bool away;
	_Atomic uint64_t revision;
	struct keyring *racing;                /* dropped from while a load is under way */
	const char *account, *region, *policy; /* of every key */
} store;

#define GOOD_POLICY                                                         \
	"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\"," \
	"\"Principal\":\"*\",\"Action\":\"kms:*\",\"Resource\":\"*\"}]}"

static struct err locate(UNUSED void *self, const struct kms_key_id *id, struct kms_scope *out)
{
	REQUIRE(id->bytes[0] != 0xff, E_NOT_FOUND);
	*out = (struct kms_scope){.partition = "aws"};
	TRY(text_copy(out->region, sizeof out->region, view_of_text(store.region)));
	return text_copy(out->account, sizeof out->account, view_of_text(store.account));
}

static struct err load(UNUSED void *self, const struct kms_scope *scope,
		       const struct kms_key_id *id, struct kms_key_full *out)
{
	atomic_fetch_add(&store.loads, 1);
	REQUIRE(id->bytes[0] != 0xff, E_NOT_FOUND);
	CLEANUP(kms_key_full_cleanup)
	struct kms_key_full full = {.key = {.scope = *scope,
					    .id = *id,
					    .state = KMS_STATE_ENABLED,
					    .usage = KMS_USAGE_ENCRYPT_DECRYPT,
					    .spec = KMS_SPEC_SYMMETRIC_DEFAULT,
					    .origin = KMS_ORIGIN_AWS_KMS,
					    .manager = KMS_MANAGER_CUSTOMER,
					    .created_ms = 1,
					    .current_version = 7,
					    .revision = atomic_load(&store.revision)}};
	TRY(text_new(VIEW_LITERAL("d"), &full.key.description));
	TRY(text_new(view_of_text(store.policy), &full.key.policy));
	TRY(MEM_NEW_ARRAY(3, &full.versions));
	for (uint32_t i = 0; i < 3; i++)
		full.versions[i] = (struct kms_version){.key_id = *id, .number = 3 + 2 * i};
	full.version_count = 3;
	if (store.racing != NULL)
		keyring_drop(store.racing, id);
	*out = full;
	full = (struct kms_key_full){0};
	return OK;
}

static struct err change_count(UNUSED void *self, uint64_t *out)
{
	atomic_fetch_add(&store.asked, 1);
	REQUIRE(!atomic_load(&store.away), E_STORE);
	*out = atomic_load(&store.changes);
	return OK;
}

static const struct kms_store_ops ops = {
	.key_load = load, .key_locate = locate, .change_count = change_count};

static struct kms_key_id id_of(uint8_t n)
{
	return (struct kms_key_id){.bytes = {n}};
}

static void note_change(UNUSED void *user)
{
	atomic_fetch_add(&store.told, 1);
}

static int set_up(void **state)
{
	const struct keyring_options options = {.store = {.ops = &ops},
						.scope = {"aws", "us-east-1", "111122223333"},
						.keys_max = KEYS_MAX,
						.changed = note_change};
	atomic_store(&store.loads, 0);
	atomic_store(&store.asked, 0);
	atomic_store(&store.told, 0);
	atomic_store(&store.changes, 3); /* what others did before */
	atomic_store(&store.away, false);
	atomic_store(&store.revision, 1);
	store.racing = NULL;
	store.account = "111122223333";
	store.region = "us-east-1";
	store.policy = GOOD_POLICY;
	return err_failed(keyring_open(&options, (struct keyring **)state)) ? -1 : 0;
}

static int tear_down(void **state)
{
	keyring_close((struct keyring **)state);
	return 0;
}

static void load_key(struct keyring *keyring, uint8_t n)
{
	CLEANUP(keyring_release) struct keyring_entry *entry = NULL;
	struct kms_key_id id = id_of(n);
	assert_int_equal(keyring_acquire(keyring, &id, true, &entry).code, E_OK);
	assert_true(kms_key_id_equal(&keyring_key(entry)->key.id, &id));
}

static bool is_kept(struct keyring *keyring, uint8_t n)
{
	CLEANUP(keyring_release) struct keyring_entry *entry = NULL;
	struct kms_key_id id = id_of(n);
	return !err_failed(keyring_acquire(keyring, &id, false, &entry));
}

static void test_a_key_is_loaded_once_and_only_where_blocking_is_allowed(void **state)
{
	CLEANUP(keyring_release) struct keyring_entry *entry = NULL;
	struct kms_key_id id = id_of(1);
	assert_int_equal(keyring_acquire(*state, &id, false, &entry).code, E_WOULD_BLOCK);
	assert_int_equal(atomic_load(&store.loads), 0);
	load_key(*state, 1);
	load_key(*state, 1);
	assert_int_equal(atomic_load(&store.loads), 1);
	assert_true(is_kept(*state, 1));
}

static void test_versions_are_found_by_number(void **state)
{
	CLEANUP(keyring_release) struct keyring_entry *entry = NULL;
	struct kms_key_id id = id_of(1);
	assert_int_equal(keyring_acquire(*state, &id, true, &entry).code, E_OK);
	for (uint32_t number = 0; number < 10; number++) {
		const struct kms_version *version = keyring_version(entry, number);
		bool there = number == 3 || number == 5 || number == 7;
		assert_int_equal(version != NULL, there);
		assert_true(!there || version->number == number);
	}
}

static void test_a_key_is_found_in_whatever_account_it_lives(void **state)
{
	CLEANUP(keyring_release) struct keyring_entry *entry = NULL;
	struct kms_key_id id = id_of(1);
	store.account = "444455556666";
	assert_int_equal(keyring_acquire(*state, &id, true, &entry).code, E_OK);
	assert_string_equal(keyring_key(entry)->key.scope.account, "444455556666");
}

static void test_a_key_of_another_region_is_not_there(void **state)
{
	struct keyring_entry *entry = NULL;
	struct kms_key_id id = id_of(1);
	store.region = "eu-west-1";
	assert_int_equal(keyring_acquire(*state, &id, true, &entry).code, E_NOT_FOUND);
	assert_int_equal(keyring_count(*state), 0);
}

/* What the policy of a key says of its account's root. */
static struct auth_answer ask_root(const struct keyring_entry *entry)
{
	const struct auth_principal root = {.type = AUTH_ROOT,
					    .account = "111122223333",
					    .arn = "arn:aws:iam::111122223333:root",
					    .id = "111122223333"};
	const struct auth_context context = {0};
	const struct auth_question question = {.principal = &root,
					       .action = VIEW_LITERAL("kms:Encrypt"),
					       .resource = VIEW_LITERAL("*"),
					       .context = &context};
	struct auth_answer answer;
	auth_policy_ask(keyring_policy(entry), &question, &answer);
	return answer;
}

static void test_a_key_has_its_policy_compiled(void **state)
{
	CLEANUP(keyring_release) struct keyring_entry *entry = NULL;
	struct kms_key_id id = id_of(1);
	assert_int_equal(keyring_acquire(*state, &id, true, &entry).code, E_OK);
	struct auth_answer answer = ask_root(entry);
	assert_false(answer.denied);
	assert_true(answer.allowed[AUTH_NAMED_EVERYBODY]);
	assert_int_equal(keyring_malformed(*state), 0);
}

/* P6: not "no policy", under which identity policies would decide alone. */
static void test_a_policy_that_cannot_be_compiled_denies_everything(void **state)
{
	CLEANUP(keyring_release) struct keyring_entry *entry = NULL;
	struct kms_key_id id = id_of(1);
	store.policy = "{\"Statement\":[{\"Effect\":\"Allow\"}]}";
	log_configure(LOG_FORM_TEXT, LOG_ERROR, open("/dev/null", O_WRONLY | O_CLOEXEC));
	assert_int_equal(keyring_acquire(*state, &id, true, &entry).code, E_OK);
	assert_true(ask_root(entry).denied);
	assert_int_equal(keyring_malformed(*state), 1);
	keyring_drop(*state, &id);
	assert_int_equal(keyring_malformed(*state), 0);
	assert_true(ask_root(entry).denied); /* by whoever holds it still */
}

static void test_the_longest_unused_key_goes_first(void **state)
{
	for (uint8_t n = 1; n <= KEYS_MAX; n++)
		load_key(*state, n);
	load_key(*state, 1);
	load_key(*state, 9);
	assert_int_equal(keyring_count(*state), KEYS_MAX);
	assert_true(is_kept(*state, 1));
	assert_false(is_kept(*state, 2));
	assert_true(is_kept(*state, 9));
}

static void test_a_held_snapshot_outlives_its_key(void **state)
{
	CLEANUP(keyring_release) struct keyring_entry *entry = NULL;
	struct kms_key_id id = id_of(1);
	assert_int_equal(keyring_acquire(*state, &id, true, &entry).code, E_OK);
	atomic_store(&store.revision, 2);
	keyring_drop(*state, &id);
	assert_int_equal(keyring_key(entry)->key.revision, 1);
	CLEANUP(keyring_release) struct keyring_entry *fresh = NULL;
	assert_int_equal(keyring_acquire(*state, &id, true, &fresh).code, E_OK);
	assert_int_equal(keyring_key(fresh)->key.revision, 2);
}

/* What was read before a commit must not be kept after it. */
static void test_a_load_that_raced_a_commit_is_not_kept(void **state)
{
	store.racing = *state;
	load_key(*state, 1);
	assert_true(atomic_load(&store.loads) > 1);
	assert_int_equal(keyring_count(*state), 0);
}

static void test_keys_of_the_two_forms_are_apart(void **state)
{
	CLEANUP(keyring_release) struct keyring_entry *entry = NULL;
	struct kms_key_id id = id_of(1);
	load_key(*state, 1);
	id.multi_region = true;
	assert_int_equal(keyring_acquire(*state, &id, false, &entry).code, E_WOULD_BLOCK);
}

static void test_a_missing_key_is_not_kept(void **state)
{
	CLEANUP(keyring_release) struct keyring_entry *entry = NULL;
	struct kms_key_id id = id_of(0xff);
	assert_int_equal(keyring_acquire(*state, &id, true, &entry).code, E_NOT_FOUND);
	assert_null(entry);
	assert_int_equal(keyring_count(*state), 0);
}

static bool becomes_empty(struct keyring *keyring)
{
	for (unsigned i = 0; i < 200 && keyring_count(keyring) > 0; i++)
		(void)usleep(5000);
	return keyring_count(keyring) == 0;
}

static void test_a_commit_of_another_process_is_noticed(void **state)
{
	load_key(*state, 1);
	atomic_fetch_add(&store.changes, 1);
	assert_true(becomes_empty(*state));
	assert_true(atomic_load(&store.told) > 0);
}

/* Or the first calls after a start would find nothing in memory a second time, secrets included. */
static void test_what_changed_before_it_was_opened_is_no_change(void **state)
{
	load_key(*state, 1);
	for (unsigned i = 0; i < 1000 && atomic_load(&store.asked) < 3; i++)
		(void)usleep(5000); /* once at the start, then by the watching thread */
	assert_true(atomic_load(&store.asked) >= 3);
	assert_int_equal(atomic_load(&store.told), 0);
	assert_int_equal(keyring_count(*state), 1);
}

/* At once, and not only when the watching thread has come round. */
static void test_a_snapshot_is_renewed(void **state)
{
	struct keyring *keyring = *state;
	CLEANUP(keyring_release) struct keyring_entry *entry = NULL;
	struct kms_key_id id = id_of(1);
	for (uint64_t revision = 2; revision < 20; revision++) {
		assert_int_equal(keyring_acquire(keyring, &id, true, &entry).code, E_OK);
		atomic_store(&store.revision, revision);
		atomic_fetch_add(&store.changes, 1);
		assert_int_equal(keyring_renew(keyring, &entry).code, E_OK);
		assert_int_equal(keyring_key(entry)->key.revision, revision);
		keyring_release(&entry);
	}
}

/* Who asks for what is nowhere does not make everybody load the key again. */
static void test_a_snapshot_that_is_not_old_is_renewed_without_a_load(void **state)
{
	struct keyring *keyring = *state;
	CLEANUP(keyring_release) struct keyring_entry *entry = NULL;
	struct kms_key_id id = id_of(1);
	assert_int_equal(keyring_acquire(keyring, &id, true, &entry).code, E_OK);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(keyring_renew(keyring, &entry).code, E_OK);
	assert_int_equal(atomic_load(&store.loads), 1);
}

static void test_what_cannot_be_renewed_stays(void **state)
{
	struct keyring *keyring = *state;
	CLEANUP(keyring_release) struct keyring_entry *entry = NULL;
	struct kms_key_id id = id_of(1);
	assert_int_equal(keyring_acquire(keyring, &id, true, &entry).code, E_OK);
	atomic_store(&store.away, true);
	assert_int_equal(keyring_renew(keyring, &entry).code, E_STORE);
	assert_true(kms_key_id_equal(&keyring_key(entry)->key.id, &id));
}

static void test_nothing_is_believed_while_the_store_is_away(void **state)
{
	load_key(*state, 1);
	atomic_store(&store.away, true);
	assert_true(becomes_empty(*state));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_key_is_loaded_once_and_only_where_blocking_is_allowed),
		TEST(test_versions_are_found_by_number),
		TEST(test_a_key_is_found_in_whatever_account_it_lives),
		TEST(test_a_key_of_another_region_is_not_there),
		TEST(test_a_key_has_its_policy_compiled),
		TEST(test_a_policy_that_cannot_be_compiled_denies_everything),
		TEST(test_the_longest_unused_key_goes_first),
		TEST(test_a_held_snapshot_outlives_its_key),
		TEST(test_a_load_that_raced_a_commit_is_not_kept),
		TEST(test_keys_of_the_two_forms_are_apart),
		TEST(test_a_missing_key_is_not_kept),
		TEST(test_a_commit_of_another_process_is_noticed),
		TEST(test_what_changed_before_it_was_opened_is_no_change),
		TEST(test_a_snapshot_is_renewed),
		TEST(test_a_snapshot_that_is_not_old_is_renewed_without_a_load),
		TEST(test_what_cannot_be_renewed_stays),
		TEST(test_nothing_is_believed_while_the_store_is_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
