/* SPDX-License-Identifier: Apache-2.0 */
/* Principals of stores before schema 3: made identities once, all of them or none. */
#include "../fixture.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "schema_1.h"
#include "schema_2.h"

#define NOW_MS INT64_C(1800000000000)
#define ACCOUNT "123456789012"

static int setup_of(void **state, const char *file)
{
	(void)fixture_setup_folder(state);
	fixture_sql(*state, file);
	fixture_open(*state);
	return 0;
}

static int setup_1(void **state)
{
	return setup_of(state, schema_1_file);
}

static int setup_2(void **state)
{
	return setup_of(state, schema_2_file);
}

static struct err adopt(struct fixture *f)
{
	return f->identities.adopt(f->identities.self, "aws", ACCOUNT, NOW_MS);
}

static struct err load(struct fixture *f, enum auth_identity_kind kind, const char *name,
		       struct auth_identity *out)
{
	return f->identities.load(f->identities.self, kind, VIEW_LITERAL(ACCOUNT),
				  view_of_text(name), out);
}

static struct err key_load(struct fixture *f, const char *id, struct auth_access_key *out)
{
	return f->identities.access_key_load(f->identities.self, view_of_text(id), out);
}

static void assert_attached(const struct auth_identity *identity, const char *arn)
{
	CLEANUP(auth_details_cleanup) struct auth_details details = {0};
	assert_ok(auth_details_parse(view_of_text(identity->document), &details));
	assert_int_equal(details.attached_count, arn != NULL);
	if (arn != NULL)
		assert_string_equal(details.attached[0], arn);
	assert_int_equal(details.policy_count, 0);
	assert_null(details.boundary);
}

static void test_nobody_gets_in_before(void **state)
{
	struct fixture *f = *state;
	struct auth_access_key key;
	assert_err(key_load(f, "AKIA0000000000000001", &key), E_STORE_SEAL);
	assert_non_null(strstr(fixture_log(f), "its identity is missing"));
}

static void test_administrator_has_the_policy_attached(void **state)
{
	struct fixture *f = *state;
	CLEANUP(auth_identity_cleanup) struct auth_identity alice = {0};
	assert_ok(adopt(f));
	assert_ok(load(f, AUTH_KIND_USER, "alice", &alice));
	assert_string_equal(alice.id, "AIDAALICEALICEALICE23");
	assert_string_equal(alice.arn, "arn:aws:iam::123456789012:user/alice");
	assert_int_equal(alice.revision, 1);
	assert_int_equal(alice.created_ms, NOW_MS);
	assert_attached(&alice, "arn:aws:iam::aws:policy/AdministratorAccess");
}

static void test_others_have_nothing_attached(void **state)
{
	struct fixture *f = *state;
	CLEANUP(auth_identity_cleanup) struct auth_identity bob = {0};
	assert_ok(adopt(f));
	assert_ok(load(f, AUTH_KIND_USER, "bob", &bob));
	assert_string_equal(bob.id, "AIDABOBBOBBOBBOBBOB23");
	assert_attached(&bob, NULL);
}

static void test_account_is_an_identity(void **state)
{
	struct fixture *f = *state;
	CLEANUP(auth_identity_cleanup) struct auth_identity account = {0};
	assert_ok(adopt(f));
	assert_ok(load(f, AUTH_KIND_ACCOUNT, ACCOUNT, &account));
	assert_string_equal(account.id, ACCOUNT);
	assert_string_equal(account.arn, "arn:aws:iam::123456789012:root");
	assert_attached(&account, NULL);
}

/* Row and seal are those of before; what the identity says is filled in. */
static void test_access_keys_go_on(void **state)
{
	struct fixture *f = *state;
	struct auth_access_key wanted = sample_access_key(1);
	struct auth_access_key key;
	assert_ok(adopt(f));
	assert_ok(key_load(f, "AKIA0000000000000001", &key));
	assert_int_equal(key.principal.type, AUTH_USER);
	assert_string_equal(key.principal.name, "alice");
	assert_string_equal(key.principal.arn, wanted.principal.arn);
	assert_int_equal(key.status, AUTH_KEY_ACTIVE);
	assert_int_equal(key.wrapped_len, wanted.wrapped_len);
	assert_memory_equal(key.wrapped, wanted.wrapped, wanted.wrapped_len);
}

static void test_inactive_access_keys_stay_so(void **state)
{
	struct fixture *f = *state;
	struct auth_access_key key;
	assert_ok(adopt(f));
	assert_ok(key_load(f, "AKIA0000000000000002", &key));
	assert_string_equal(key.principal.name, "bob");
	assert_int_equal(key.status, AUTH_KEY_INACTIVE);
}

static void test_adopted_once(void **state)
{
	struct fixture *f = *state;
	CLEANUP(auth_identity_cleanup) struct auth_identity alice = {0};
	assert_ok(adopt(f));
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM principals"), 0);
	int64_t count = fixture_ask(f, "SELECT count(*) FROM identities");
	assert_non_null(strstr(fixture_log(f), "store.identities_adopted"));
	/* What was changed since stays as it is. */
	assert_ok(load(f, AUTH_KIND_USER, "alice", &alice));
	alice.revision = 2;
	assert_ok(f->identities.update(f->identities.self, &alice, NULL));
	f->seal_failure = ERR(E_HSM_AWAY); /* there is nothing to seal any more */
	assert_ok(adopt(f));
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM identities"), count);
	assert_int_equal(fixture_ask(f, "SELECT max(revision) FROM identities"), 2);
	assert_null(strstr(fixture_log(f), "store.identities_adopted"));
}

/* One that was removed after its adoption does not come back. */
static void test_removed_identity_stays_removed(void **state)
{
	struct fixture *f = *state;
	CLEANUP(auth_identity_cleanup) struct auth_identity alice = {0};
	assert_ok(adopt(f));
	assert_ok(f->identities.access_key_remove(f->identities.self,
						  VIEW_LITERAL("AKIA0000000000000001"), NULL));
	assert_ok(load(f, AUTH_KIND_USER, "alice", &alice));
	assert_ok(f->identities.remove(f->identities.self, &alice, NULL));
	assert_ok(adopt(f));
	CLEANUP(auth_identity_cleanup) struct auth_identity again = {0};
	assert_err(load(f, AUTH_KIND_USER, "alice", &again), E_NOT_FOUND);
}

static void test_nothing_is_adopted_without_the_sealer(void **state)
{
	struct fixture *f = *state;
	int64_t count = fixture_ask(f, "SELECT count(*) FROM principals");
	f->seal_failure = ERR(E_HSM_AWAY);
	assert_err(adopt(f), E_HSM_AWAY);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM principals"), count);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM identities"), 0);
	f->seal_failure = OK;
	assert_ok(adopt(f));
}

/* A name that is taken: everything stays as it was, the account's identity included. */
static void test_all_are_adopted_or_none(void **state)
{
	struct fixture *f = *state;
	struct auth_identity taken = sample_alice();
	taken.id[10] = '9';
	taken.arn[30] = 'x';
	assert_ok(f->identities.create(f->identities.self, &taken, NULL));
	assert_err(adopt(f), E_EXISTS);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM principals"), 2);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM identities"), 1);
}

static const char alice_again[] =
	"INSERT INTO principals SELECT account,'AIDAEVEEVEEVEEVEEVE23',type,arn||'e',name,"
	"administrator,seal FROM principals WHERE name='alice'";

/* Nobody becomes an administrator by writing the file before the first start of this version. */
static void test_changed_principals_are_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const changes[] = {
		"UPDATE principals SET administrator=1 WHERE name='bob'",
		"UPDATE principals SET id='AIDABOBBOBBOBBOBBOB99' WHERE name='bob'",
		"UPDATE principals SET account='000000000001' WHERE name='bob'",
		"UPDATE principals SET type=1 WHERE name='bob'",
		"UPDATE principals SET arn=arn||'x' WHERE name='bob'",
		"UPDATE principals SET name='bub' WHERE name='bob'",
		"UPDATE principals SET seal=zeroblob(32) WHERE name='bob'",
		alice_again};
	fixture_sql(f, "CREATE TABLE kept AS SELECT * FROM principals");
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		assert_int_equal(fixture_changes(f, changes[i]), 1);
		assert_err(adopt(f), E_STORE_SEAL);
		assert_non_null(strstr(fixture_log(f), "table=\"principals\""));
		assert_int_equal(fixture_ask(f, "SELECT count(*) FROM identities"), 0);
		fixture_sql(f, "DELETE FROM principals;"
			       "INSERT INTO principals SELECT * FROM kept");
	}
	assert_ok(adopt(f));
}

/* ---- several at once ---- */

#define STARTS 4

static void *start(void *user)
{
	struct fixture *f = user;
	return err_failed(adopt(f)) ? f : NULL;
}

static void test_starts_at_once_adopt_once(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[STARTS];
	for (size_t i = 0; i < STARTS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, start, f), 0);
	for (size_t i = 0; i < STARTS; i++) {
		void *failed = NULL;
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM identities"), 3);
}

/* A new store: only the account is missing. */
static void test_new_store_gets_its_account(void **state)
{
	struct fixture *f = *state;
	CLEANUP(auth_identity_cleanup) struct auth_identity account = {0};
	assert_ok(adopt(f));
	assert_ok(load(f, AUTH_KIND_ACCOUNT, ACCOUNT, &account));
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM identities"), 1);
}

int main(void)
{
#define IN(name, setup_) cmocka_unit_test_setup_teardown(name, setup_, fixture_teardown)
#define TEST(name) IN(name, setup_1), IN(name, setup_2)
	const struct CMUnitTest tests[] = {
		TEST(test_nobody_gets_in_before),
		TEST(test_administrator_has_the_policy_attached),
		IN(test_others_have_nothing_attached, setup_2),
		TEST(test_account_is_an_identity),
		TEST(test_access_keys_go_on),
		IN(test_inactive_access_keys_stay_so, setup_2),
		TEST(test_adopted_once),
		TEST(test_removed_identity_stays_removed),
		TEST(test_nothing_is_adopted_without_the_sealer),
		IN(test_all_are_adopted_or_none, setup_2),
		IN(test_changed_principals_are_refused, setup_2),
		IN(test_starts_at_once_adopt_once, setup_2),
		IN(test_new_store_gets_its_account, fixture_setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
