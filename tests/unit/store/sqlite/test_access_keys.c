/* SPDX-License-Identifier: Apache-2.0 */
/* Access keys: of which identity, how many, and when they were used last. */
#include "../fixture.h"

#include "base/mem.h"
#include "base/text.h"

#define IDS(f) (&(f)->identities)

static const struct auth_change_record record = {"00000000-0000-4000-8000-0000000000a1",
						 VIEW_LITERAL("{\"eventName\":\"AccessKey\"}")};

static struct err add(struct fixture *f, const struct auth_access_key *key)
{
	return IDS(f)->access_key_add(IDS(f)->self, key, NULL);
}

static struct err load(struct fixture *f, const char *id, struct auth_access_key *out)
{
	return IDS(f)->access_key_load(IDS(f)->self, view_of_text(id), out);
}

static struct err remove_key(struct fixture *f, const char *id,
			     const struct auth_change_record *of_call)
{
	return IDS(f)->access_key_remove(IDS(f)->self, view_of_text(id), of_call);
}

/* An access key of this identity. */
static struct auth_access_key key_of(const struct auth_identity *identity, uint32_t n)
{
	struct auth_access_key key = sample_access_key(n);
	key.principal.arn[0] = key.principal.name[0] = '\0'; /* the identity's matter */
	assert_ok(text_copy(key.principal.account, sizeof key.principal.account,
			    view_of_text(identity->account)));
	assert_ok(text_copy(key.principal.id, sizeof key.principal.id, view_of_text(identity->id)));
	return key;
}

static void test_access_key_is_loaded_with_its_principal(void **state)
{
	struct fixture *f = *state;
	struct auth_access_key given = sample_access_key(1);
	struct auth_access_key key = {0};
	assert_ok(sample_alice_create(f));
	assert_ok(load(f, given.principal.access_key_id, &key));
	assert_string_equal(key.principal.access_key_id, given.principal.access_key_id);
	assert_string_equal(key.principal.arn, given.principal.arn);
	assert_string_equal(key.principal.id, given.principal.id);
	assert_string_equal(key.principal.name, "alice");
	assert_string_equal(key.principal.account, given.principal.account);
	assert_int_equal(key.principal.type, AUTH_USER);
	assert_int_equal(key.principal.expires_ms, 0);
	assert_int_equal(key.status, AUTH_KEY_ACTIVE);
	assert_int_equal(key.created_ms, given.created_ms);
	assert_int_equal(key.wrapped_len, 77);
	assert_memory_equal(key.wrapped, given.wrapped, 77);
}

/* As auth/principal.h has it. */
static void test_root_and_services_are_principals_of_their_own(void **state)
{
	struct fixture *f = *state;
	struct auth_identity account = sample_identity(AUTH_KIND_ACCOUNT, 1);
	struct auth_identity service = sample_identity(AUTH_KIND_SERVICE, 1);
	struct auth_access_key of_root = key_of(&account, 1);
	struct auth_access_key of_service = key_of(&service, 2);
	struct auth_access_key key;
	assert_ok(IDS(f)->create(IDS(f)->self, &account, NULL));
	assert_ok(IDS(f)->create(IDS(f)->self, &service, NULL));
	assert_ok(add(f, &of_root));
	assert_ok(add(f, &of_service));
	assert_ok(load(f, of_root.principal.access_key_id, &key));
	assert_int_equal(key.principal.type, AUTH_ROOT);
	assert_string_equal(key.principal.arn, "arn:aws:iam::000000000001:root");
	assert_string_equal(key.principal.id, "000000000001");
	assert_string_equal(key.principal.name, "");
	assert_ok(load(f, of_service.principal.access_key_id, &key));
	assert_int_equal(key.principal.type, AUTH_SERVICE);
	assert_string_equal(key.principal.arn, "service-1.eu-test-1.amazonaws.com");
	assert_string_equal(key.principal.name, "service-1.eu-test-1.amazonaws.com");
}

/* A role has sessions, and a group nothing. */
static void test_access_key_of_a_role_is_refused(void **state)
{
	struct fixture *f = *state;
	struct auth_identity role = sample_identity(AUTH_KIND_ROLE, 1);
	struct auth_access_key of_role = key_of(&role, 1);
	assert_ok(IDS(f)->create(IDS(f)->self, &role, NULL));
	assert_err(add(f, &of_role), E_NOT_FOUND);
}

static void test_unknown_access_key_is_not_found(void **state)
{
	struct fixture *f = *state;
	struct auth_access_key key;
	static char long_id[AUTH_ACCESS_KEY_ID_MAX + 2];
	for (size_t i = 0; i < sizeof long_id - 1; i++)
		long_id[i] = 'A';
	assert_ok(sample_alice_create(f));
	assert_err(load(f, "AKIAUNKNOWN", &key), E_NOT_FOUND);
	assert_err(load(f, "", &key), E_NOT_FOUND);
	assert_err(load(f, "' OR 1=1 --", &key), E_NOT_FOUND);
	assert_err(load(f, long_id, &key), E_NOT_FOUND);
}

static void test_access_key_wants_its_identity(void **state)
{
	struct fixture *f = *state;
	struct auth_access_key key = sample_access_key(1);
	struct auth_identity alice = sample_alice();
	assert_err(add(f, &key), E_NOT_FOUND);
	assert_ok(IDS(f)->create(IDS(f)->self, &alice, NULL));
	assert_ok(text_copy(key.principal.account, sizeof key.principal.account,
			    VIEW_LITERAL("000000000001")));
	assert_err(add(f, &key), E_NOT_FOUND);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM access_keys"), 0);
}

static void test_access_keys_are_counted(void **state)
{
	struct fixture *f = *state;
	struct auth_access_key two = sample_access_key(2);
	struct auth_access_key three = sample_access_key(3);
	assert_ok(sample_alice_create(f));
	assert_ok(add(f, &two));
	assert_err(add(f, &two), E_EXISTS);
	assert_err(IDS(f)->access_key_add(IDS(f)->self, &three, &record), E_KMS_LIMIT);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM access_keys"), 2);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 0);
	assert_ok(remove_key(f, "AKIA0000000000000001", NULL));
	assert_ok(IDS(f)->access_key_add(IDS(f)->self, &three, &record));
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 1);
}

static void test_access_keys_are_listed_oldest_first(void **state)
{
	struct fixture *f = *state;
	struct auth_access_key two = sample_access_key(2);
	struct auth_access_key keys[AUTH_ACCESS_KEYS_MAX];
	struct view alice = VIEW_LITERAL("AIDAALICEALICEALICE23");
	size_t count = 9;
	assert_err(IDS(f)->access_key_list(IDS(f)->self, alice, keys, &count), E_NOT_FOUND);
	assert_ok(sample_alice_create(f));
	two.created_ms--;
	assert_ok(add(f, &two));
	assert_ok(IDS(f)->access_key_list(IDS(f)->self, alice, keys, &count));
	assert_int_equal(count, 2);
	assert_string_equal(keys[0].principal.access_key_id, "AKIA0000000000000002");
	assert_string_equal(keys[1].principal.access_key_id, "AKIA0000000000000001");
	assert_string_equal(keys[1].principal.name, "alice");
}

static void test_status_is_what_changes(void **state)
{
	struct fixture *f = *state;
	struct auth_access_key key = sample_access_key(1);
	struct auth_access_key read;
	assert_ok(sample_alice_create(f));
	key.status = AUTH_KEY_INACTIVE;
	assert_ok(IDS(f)->access_key_update(IDS(f)->self, &key, &record));
	assert_ok(load(f, key.principal.access_key_id, &read));
	assert_int_equal(read.status, AUTH_KEY_INACTIVE);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 1);
	/* Another secret is another access key. */
	key.status = AUTH_KEY_ACTIVE;
	key.wrapped[0] ^= 1;
	assert_err(IDS(f)->access_key_update(IDS(f)->self, &key, NULL), E_NOT_FOUND);
	key = sample_access_key(2);
	assert_err(IDS(f)->access_key_update(IDS(f)->self, &key, NULL), E_NOT_FOUND);
	assert_ok(load(f, "AKIA0000000000000001", &read));
	assert_int_equal(read.status, AUTH_KEY_INACTIVE);
}

static void test_removed_access_key_is_gone(void **state)
{
	struct fixture *f = *state;
	struct auth_access_key key;
	assert_ok(sample_alice_create(f));
	assert_ok(remove_key(f, "AKIA0000000000000001", &record));
	assert_err(load(f, "AKIA0000000000000001", &key), E_NOT_FOUND);
	assert_err(remove_key(f, "AKIA0000000000000001", NULL), E_NOT_FOUND);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 1);
}

static void test_wrapped_secret_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct auth_access_key key = sample_access_key(2);
	assert_ok(sample_alice_create(f));
	key.wrapped_len = AUTH_WRAPPED_MAX + 1;
	assert_err(add(f, &key), E_BUG);
	key.wrapped_len = AUTH_WRAPPED_MAX;
	assert_ok(add(f, &key));
}

/* ---- last use ---- */

static struct err use_load(struct fixture *f, struct auth_key_use *out)
{
	return IDS(f)->key_use_load(IDS(f)->self, VIEW_LITERAL("AKIA0000000000000001"), out);
}

static void test_newest_use_is_kept(void **state)
{
	struct fixture *f = *state;
	struct auth_key_use use = {0};
	const struct auth_key_use uses[] = {{"AKIA0000000000000001", 2000, "kms"},
					    {"AKIA0000000000000001", 3000, "sts"},
					    {"AKIA0000000000000001", 1000, "kms"},
					    {"AKIA9999999999999999", 1000, "kms"}};
	assert_ok(sample_alice_create(f));
	assert_err(use_load(f, &use), E_NOT_FOUND);
	/* One that is not there, or no longer, is no failure. */
	assert_ok(IDS(f)->key_use_save(IDS(f)->self, uses, ARRAY_LEN(uses)));
	assert_ok(use_load(f, &use));
	assert_int_equal(use.time_ms, 3000);
	assert_string_equal(use.service, "sts");
	assert_string_equal(use.access_key_id, "AKIA0000000000000001");
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM key_uses"), 1);
}

static void test_uses_go_with_their_access_key(void **state)
{
	struct fixture *f = *state;
	struct auth_key_use use = {"AKIA0000000000000001", 2000, "kms"};
	assert_ok(sample_alice_create(f));
	assert_ok(IDS(f)->key_use_save(IDS(f)->self, &use, 1));
	assert_ok(remove_key(f, "AKIA0000000000000001", NULL));
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM key_uses"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_access_key_is_loaded_with_its_principal),
		TEST(test_root_and_services_are_principals_of_their_own),
		TEST(test_access_key_of_a_role_is_refused),
		TEST(test_unknown_access_key_is_not_found),
		TEST(test_access_key_wants_its_identity),
		TEST(test_access_keys_are_counted),
		TEST(test_access_keys_are_listed_oldest_first),
		TEST(test_status_is_what_changes),
		TEST(test_removed_access_key_is_gone),
		TEST(test_wrapped_secret_is_bounded),
		TEST(test_newest_use_is_kept),
		TEST(test_uses_go_with_their_access_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
