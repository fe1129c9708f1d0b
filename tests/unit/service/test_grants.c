/* SPDX-License-Identifier: Apache-2.0 */
/* The grants in memory, over a store that is an array. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "kms/context.h"
#include "service/grants.h"

#define ALICE "arn:aws:iam::" WORLD_ACCOUNT ":user/alice"
#define ALICE_ID "AIDAAAAAAAAAAAAAAAAAA"
#define ROOT "arn:aws:iam::" WORLD_ACCOUNT ":root"
#define ROLE "arn:aws:iam::" WORLD_ACCOUNT ":role/app"
#define SESSION "arn:aws:sts::" WORLD_ACCOUNT ":assumed-role/app/one"
#define ROLE_ID "AROAAAAAAAAAAAAAAAAAA"
#define AIRFLOW "airflow.us-east-1.amazonaws.com"

static const struct kms_scope scope = {
	.partition = "aws", .region = WORLD_REGION, .account = WORLD_ACCOUNT};
static const struct auth_principal alice = {
	.type = AUTH_USER, .account = WORLD_ACCOUNT, .arn = ALICE, .id = ALICE_ID, .name = "alice"};
static const struct auth_principal session = {.type = AUTH_ROLE_SESSION,
					      .account = WORLD_ACCOUNT,
					      .arn = SESSION,
					      .id = ROLE_ID,
					      .role_arn = ROLE,
					      .role_name = "app",
					      .name = "one"};
static const struct auth_principal service = {.type = AUTH_SERVICE,
					      .account = WORLD_ACCOUNT,
					      .arn = AIRFLOW,
					      .id = "AIDASSSSSSSSSSSSSSSSS"};

/* --- grants --- */

static struct kms_key_id key_of(unsigned number)
{
	struct kms_key_id id = {.bytes = {[0] = 1, [14] = (uint8_t)(number >> 8)}};
	id.bytes[15] = (uint8_t)number;
	return id;
}

/* A constraint's context: "name=value" and so on; copied into `room`. */
static struct view context_of(const char *text, struct buf *room)
{
	struct kms_context_pair pairs[KMS_GRANT_PAIRS_MAX];
	size_t count = 0;
	struct view rest = view_of_text(text);
	buf_clear(room);
	while (rest.len > 0) {
		struct view value = view_cut(&rest, ' ');
		struct view name = view_cut(&value, '=');
		pairs[count++] = (struct kms_context_pair){name, value};
	}
	assert_ok(kms_context_encode(pairs, count, room));
	return buf_view(room);
}

static struct kms_grant grant_make(unsigned number, const char *grantee, const char *id,
				   uint32_t operations)
{
	struct kms_grant grant = {.scope = scope,
				  .key_id = key_of(0),
				  .issuer = ROOT,
				  .operations = operations,
				  .created_ms = 1};
	assert_ok(text_format(grant.id, sizeof grant.id, "%064x", number));
	assert_ok(text_copy(grant.grantee, sizeof grant.grantee, view_of_text(grantee)));
	assert_ok(text_copy(grant.grantee_id, sizeof grant.grantee_id, view_of_text(id)));
	return grant;
}

/* --- a store that is an array --- */

#define ROWS_MAX 64
static struct {
	struct kms_grant rows[ROWS_MAX];
	size_t count;
	atomic_uint loads;
	uint16_t fault;
	void (*meanwhile)(void); /* called while a key is being read, once */
} disk;

static struct err each(UNUSED void *self, UNUSED const struct kms_scope *of,
		       const struct kms_key_id *id,
		       struct err (*tell)(void *user, const struct kms_grant *grant), void *user)
{
	atomic_fetch_add(&disk.loads, 1);
	for (size_t i = 0; i < disk.count; i++)
		if (kms_key_id_equal(&disk.rows[i].key_id, id))
			TRY(tell(user, &disk.rows[i]));
	void (*meanwhile)(void) = TAKE(disk.meanwhile);
	if (meanwhile != NULL)
		meanwhile();
	return disk.fault != 0 ? ERR(disk.fault) : OK;
}

static const struct kms_grants_ops ops = {.each = each};
static struct grants *grants;

static void start(size_t grants_max)
{
	const struct grants_options options = {.store = {.ops = &ops}, .grants_max = grants_max};
	assert_ok(grants_new(&options, &grants));
}

static int fresh(UNUSED void **state)
{
	disk.count = 0;
	disk.fault = 0;
	disk.meanwhile = NULL;
	atomic_store(&disk.loads, 0);
	start(0);
	return 0;
}

static int done(UNUSED void **state)
{
	grants_free(&grants);
	return 0;
}

static void store(const struct kms_grant *grant)
{
	assert_true(disk.count < ROWS_MAX);
	disk.rows[disk.count++] = *grant;
}

/* --- questions --- */

static const struct auth_pairs nothing = {NULL, 0};

static struct grants_query question(const struct kms_key_id *key, const struct auth_principal *who,
				    uint32_t operation)
{
	return (struct grants_query){.scope = &scope,
				     .key_id = key,
				     .principal = who,
				     .operation = operation,
				     .takes_context = true,
				     .context = &nothing,
				     .may_block = true};
}

/* How many are found, on the first key. */
static size_t found_for(const struct auth_principal *who, uint32_t operation)
{
	const struct kms_key_id key = key_of(0);
	const struct grants_query query = question(&key, who, operation);
	CLEANUP(grants_found_cleanup) struct grants_found found = {0};
	assert_ok(grants_find(grants, &query, &found));
	return found.count;
}

static void assert_found(const struct grants_found *found, size_t at, const struct kms_grant *grant)
{
	assert_true(at < found->count);
	assert_true(view_equal_text(found->grants[at].id, grant->id));
	assert_int_equal(found->grants[at].operations, grant->operations);
}

/* --- who --- */

static void test_a_user_finds_its_own_and_its_accounts(UNUSED void **state)
{
	const struct kms_grant own = grant_make(1, ALICE, ALICE_ID, KMS_GRANT_DECRYPT);
	const struct kms_grant root = grant_make(2, ROOT, "", KMS_GRANT_DECRYPT);
	store(&root);
	store(&own);
	const struct kms_key_id key = key_of(0);
	const struct grants_query query = question(&key, &alice, KMS_GRANT_DECRYPT);
	CLEANUP(grants_found_cleanup) struct grants_found found = {0};
	assert_ok(grants_find(grants, &query, &found));
	assert_int_equal(found.count, 2);
	assert_found(&found, 0, &own);
	assert_false(found.grants[0].to_account || found.grants[0].to_role);
	assert_found(&found, 1, &root);
	assert_true(found.grants[1].to_account);
}

static void test_a_bare_number_is_the_account(UNUSED void **state)
{
	const struct kms_grant number = grant_make(1, WORLD_ACCOUNT, "", KMS_GRANT_DECRYPT);
	store(&number);
	const struct kms_key_id key = key_of(0);
	const struct grants_query query = question(&key, &alice, KMS_GRANT_DECRYPT);
	CLEANUP(grants_found_cleanup) struct grants_found found = {0};
	assert_ok(grants_find(grants, &query, &found));
	assert_int_equal(found.count, 1);
	assert_true(found.grants[0].to_account);
}

/* One made anew under an old name holds nothing. */
static void test_the_id_must_be_the_same(UNUSED void **state)
{
	const struct kms_grant other =
		grant_make(1, ALICE, "AIDABBBBBBBBBBBBBBBBB", KMS_GRANT_DECRYPT);
	const struct kms_grant none = grant_make(2, ALICE, "", KMS_GRANT_DECRYPT);
	store(&other);
	store(&none);
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 0);
}

static void test_a_session_finds_its_own_and_its_roles(UNUSED void **state)
{
	const struct kms_grant role = grant_make(1, ROLE, ROLE_ID, KMS_GRANT_DECRYPT);
	const struct kms_grant own = grant_make(2, SESSION, ROLE_ID, KMS_GRANT_DECRYPT);
	store(&role);
	store(&own);
	const struct kms_key_id key = key_of(0);
	const struct grants_query query = question(&key, &session, KMS_GRANT_DECRYPT);
	CLEANUP(grants_found_cleanup) struct grants_found found = {0};
	assert_ok(grants_find(grants, &query, &found));
	assert_int_equal(found.count, 2);
	assert_found(&found, 0, &own);
	assert_found(&found, 1, &role);
	assert_true(found.grants[1].to_role && !found.grants[0].to_role);
}

static void test_a_service_is_its_name_and_no_account(UNUSED void **state)
{
	const struct kms_grant own = grant_make(1, AIRFLOW, "", KMS_GRANT_DECRYPT);
	const struct kms_grant root = grant_make(2, ROOT, "", KMS_GRANT_ENCRYPT);
	store(&own);
	store(&root);
	assert_int_equal(found_for(&service, KMS_GRANT_DECRYPT), 1);
	assert_int_equal(found_for(&service, KMS_GRANT_ENCRYPT), 0);
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 0);
}

static void test_only_what_permits_is_found(UNUSED void **state)
{
	const struct kms_grant grant = grant_make(1, ALICE, ALICE_ID, KMS_GRANT_DECRYPT);
	store(&grant);
	assert_int_equal(found_for(&alice, KMS_GRANT_ENCRYPT), 0);
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 1);
}

/* --- in memory --- */

static void test_a_key_is_read_once(UNUSED void **state)
{
	const struct kms_key_id key = key_of(0);
	struct grants_query query = question(&key, &alice, KMS_GRANT_DECRYPT);
	query.may_block = false;
	CLEANUP(grants_found_cleanup) struct grants_found found = {0};
	assert_err(grants_find(grants, &query, &found), E_WOULD_BLOCK);
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 0);
	assert_ok(grants_find(grants, &query, &found)); /* also of a key that has none */
	assert_int_equal(atomic_load(&disk.loads), 1);
	grants_drop(grants, &key);
	assert_err(grants_find(grants, &query, &found), E_WOULD_BLOCK);
}

static void test_changes_are_seen_at_once(UNUSED void **state)
{
	const struct kms_grant grant = grant_make(1, ALICE, ALICE_ID, KMS_GRANT_DECRYPT);
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 0);
	grants_added(grants, &grant);
	grants_added(grants, &grant);
	assert_int_equal(grants_count(grants), 1);
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 1);
	grants_removed(grants, &grant);
	grants_removed(grants, &grant);
	assert_int_equal(grants_count(grants), 0);
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 0);
	assert_int_equal(atomic_load(&disk.loads), 1);
}

static void test_what_was_found_outlives_its_removal(UNUSED void **state)
{
	struct kms_grant grant = grant_make(1, ALICE, ALICE_ID, KMS_GRANT_DECRYPT);
	CLEANUP(buf_cleanup) struct buf room;
	buf_init(&room, KMS_GRANT_CONTEXT_MAX);
	grant.constraint = KMS_GRANT_CONTEXT_SUBSET;
	grant.context = context_of("a=b", &room);
	store(&grant);
	const struct auth_pair pair = {VIEW_LITERAL("a"), VIEW_LITERAL("b")};
	const struct auth_pairs context = {&pair, 1};
	const struct kms_key_id key = key_of(0);
	struct grants_query query = question(&key, &alice, KMS_GRANT_DECRYPT);
	query.context = &context;
	CLEANUP(grants_found_cleanup) struct grants_found found = {0};
	assert_ok(grants_find(grants, &query, &found));
	grants_removed(grants, &grant);
	grants_free(&grants);
	assert_found(&found, 0, &grant);
	assert_int_equal(found.grants[0].pairs.count, 1);
	assert_true(view_equal_text(found.grants[0].pairs.pairs[0].value, "b"));
}

static void test_a_failing_store_is_told_and_nothing_kept(UNUSED void **state)
{
	const struct kms_grant grant = grant_make(1, ALICE, ALICE_ID, KMS_GRANT_DECRYPT);
	store(&grant);
	disk.fault = E_STORE_SEAL;
	const struct kms_key_id key = key_of(0);
	const struct grants_query query = question(&key, &alice, KMS_GRANT_DECRYPT);
	CLEANUP(grants_found_cleanup) struct grants_found found = {0};
	assert_err(grants_find(grants, &query, &found), E_STORE_SEAL);
	assert_int_equal(found.count, 0);
	assert_int_equal(grants_count(grants), 0);
	disk.fault = 0;
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 1);
}

static void test_a_row_that_is_none_is_a_defect(UNUSED void **state)
{
	struct kms_grant grant = grant_make(1, ALICE, ALICE_ID, KMS_GRANT_DECRYPT);
	grant.operations = 0;
	store(&grant);
	const struct kms_key_id key = key_of(0);
	const struct grants_query query = question(&key, &alice, KMS_GRANT_DECRYPT);
	CLEANUP(grants_found_cleanup) struct grants_found found = {0};
	assert_err(grants_find(grants, &query, &found), E_BUG);
}

/* --- while a key is being read --- */

static struct kms_grant late;

static void add_late(void)
{
	grants_added(grants, &late);
}

static void remove_late(void)
{
	grants_removed(grants, &late);
}

static void add_and_remove_late(void)
{
	grants_added(grants, &late);
	grants_removed(grants, &late);
}

static void something_changes(void)
{
	grants_drop_all(grants);
}

static void test_a_grant_that_is_made_meanwhile(UNUSED void **state)
{
	late = grant_make(7, ALICE, ALICE_ID, KMS_GRANT_DECRYPT);
	disk.meanwhile = add_late;
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 1);
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 1);
	assert_int_equal(atomic_load(&disk.loads), 1);
}

static void test_a_grant_that_is_revoked_meanwhile(UNUSED void **state)
{
	late = grant_make(7, ALICE, ALICE_ID, KMS_GRANT_DECRYPT);
	store(&late); /* read before it was removed */
	disk.meanwhile = remove_late;
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 0);
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 0);
	assert_int_equal(atomic_load(&disk.loads), 1);
}

static void test_a_grant_that_comes_and_goes_meanwhile(UNUSED void **state)
{
	late = grant_make(7, ALICE, ALICE_ID, KMS_GRANT_DECRYPT);
	disk.meanwhile = add_and_remove_late;
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 0);
}

static void test_what_was_read_before_a_change_is_read_again(UNUSED void **state)
{
	disk.meanwhile = something_changes;
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 0);
	assert_int_equal(atomic_load(&disk.loads), 2);
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 0);
	assert_int_equal(atomic_load(&disk.loads), 2);
}

static void always_changing(void)
{
	grants_drop_all(grants);
	disk.meanwhile = always_changing;
}

static void test_changes_without_end_do_not_hold_a_call_up(UNUSED void **state)
{
	const struct kms_grant grant = grant_make(1, ALICE, ALICE_ID, KMS_GRANT_DECRYPT);
	store(&grant);
	disk.meanwhile = always_changing;
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 1);
	assert_int_equal(grants_count(grants), 0);
}

static void more_than_are_noted(void)
{
	for (unsigned i = 0; i < 2000; i++) {
		const struct kms_grant grant = grant_make(i, ALICE, ALICE_ID, KMS_GRANT_ENCRYPT);
		grants_added(grants, &grant);
	}
}

static void test_too_many_changes_are_read_again(UNUSED void **state)
{
	disk.meanwhile = more_than_are_noted;
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 0);
	assert_int_equal(atomic_load(&disk.loads), 2);
}

/* --- bounds --- */

static void test_keys_not_asked_for_lately_are_forgotten(UNUSED void **state)
{
	grants_free(&grants);
	start(6); /* three keys with a grant each */
	for (unsigned i = 0; i < 4; i++) {
		struct kms_grant grant = grant_make(i, ALICE, ALICE_ID, KMS_GRANT_DECRYPT);
		grant.key_id = key_of(i);
		store(&grant);
	}
	for (unsigned i = 0; i < 4; i++) {
		const struct kms_key_id key = key_of(i), first = key_of(0);
		struct grants_query query = question(&key, &alice, KMS_GRANT_DECRYPT);
		CLEANUP(grants_found_cleanup) struct grants_found found = {0};
		CLEANUP(grants_found_cleanup) struct grants_found again = {0};
		assert_ok(grants_find(grants, &query, &found));
		query.key_id = &first; /* always in use */
		query.may_block = false;
		assert_ok(grants_find(grants, &query, &again));
	}
	assert_int_equal(grants_count(grants), 3);
	const struct kms_key_id second = key_of(1);
	struct grants_query query = question(&second, &alice, KMS_GRANT_DECRYPT);
	query.may_block = false;
	CLEANUP(grants_found_cleanup) struct grants_found found = {0};
	assert_err(grants_find(grants, &query, &found), E_WOULD_BLOCK);
}

static void test_keys_without_grants_are_bounded_too(UNUSED void **state)
{
	grants_free(&grants);
	start(2);
	for (unsigned i = 0; i < 3; i++) {
		const struct kms_key_id key = key_of(i);
		const struct grants_query query = question(&key, &alice, KMS_GRANT_DECRYPT);
		CLEANUP(grants_found_cleanup) struct grants_found found = {0};
		assert_ok(grants_find(grants, &query, &found));
	}
	const struct kms_key_id key = key_of(0);
	struct grants_query query = question(&key, &alice, KMS_GRANT_DECRYPT);
	query.may_block = false;
	CLEANUP(grants_found_cleanup) struct grants_found found = {0};
	assert_err(grants_find(grants, &query, &found), E_WOULD_BLOCK);
}

static void test_one_large_key_stays(UNUSED void **state)
{
	grants_free(&grants);
	start(2);
	for (unsigned i = 0; i < 8; i++) {
		const struct kms_grant grant = grant_make(i, ALICE, ALICE_ID, KMS_GRANT_DECRYPT);
		store(&grant);
	}
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 1);
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 1);
	assert_int_equal(grants_count(grants), 8);
	assert_int_equal(atomic_load(&disk.loads), 1);
}

/* --- several threads --- */

static void *ask_often(UNUSED void *arg)
{
	for (unsigned i = 0; i < 2000; i++)
		(void)found_for(&alice, KMS_GRANT_DECRYPT);
	return NULL;
}

static void *change_often(UNUSED void *arg)
{
	const struct kms_key_id key = key_of(0);
	for (unsigned i = 0; i < 2000; i++) {
		const struct kms_grant grant = grant_make(i, ALICE, ALICE_ID, KMS_GRANT_DECRYPT);
		grants_added(grants, &grant);
		grants_removed(grants, &grant);
		if (i % 50 == 0)
			grants_drop(grants, &key);
	}
	return NULL;
}

static void test_threads(UNUSED void **state)
{
	const struct kms_grant grant = grant_make(9999, ALICE, ALICE_ID, KMS_GRANT_DECRYPT);
	store(&grant);
	pthread_t threads[3];
	assert_int_equal(pthread_create(&threads[0], NULL, ask_often, NULL), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, ask_often, NULL), 0);
	assert_int_equal(pthread_create(&threads[2], NULL, change_often, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(found_for(&alice, KMS_GRANT_DECRYPT), 1);
	assert_int_equal(grants_count(grants), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_user_finds_its_own_and_its_accounts),
		TEST(test_a_bare_number_is_the_account),
		TEST(test_the_id_must_be_the_same),
		TEST(test_a_session_finds_its_own_and_its_roles),
		TEST(test_a_service_is_its_name_and_no_account),
		TEST(test_only_what_permits_is_found),
		TEST(test_a_key_is_read_once),
		TEST(test_changes_are_seen_at_once),
		TEST(test_what_was_found_outlives_its_removal),
		TEST(test_a_failing_store_is_told_and_nothing_kept),
		TEST(test_a_row_that_is_none_is_a_defect),
		TEST(test_a_grant_that_is_made_meanwhile),
		TEST(test_a_grant_that_is_revoked_meanwhile),
		TEST(test_a_grant_that_comes_and_goes_meanwhile),
		TEST(test_what_was_read_before_a_change_is_read_again),
		TEST(test_changes_without_end_do_not_hold_a_call_up),
		TEST(test_too_many_changes_are_read_again),
		TEST(test_keys_not_asked_for_lately_are_forgotten),
		TEST(test_keys_without_grants_are_bounded_too),
		TEST(test_one_large_key_stays),
		TEST(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
