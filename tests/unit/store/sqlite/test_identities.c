/* SPDX-License-Identifier: Apache-2.0 */
/* Identities and the installation row. */
#include "../fixture.h"

#include "base/mem.h"
#include "base/text.h"

static struct err add(struct fixture *f, const struct auth_access_key *key)
{
	return f->identities.access_key_add(f->identities.self, key, NULL);
}

static struct err load(struct fixture *f, const char *id, struct auth_access_key *out)
{
	return f->identities.access_key_load(f->identities.self, view_of_text(id), out);
}

static void test_access_key_is_loaded_with_its_principal(void **state)
{
	struct fixture *f = *state;
	struct auth_access_key given = sample_access_key(1);
	struct auth_access_key key = {0};
	assert_ok(add(f, &given));
	assert_ok(load(f, given.principal.access_key_id, &key));
	assert_string_equal(key.principal.access_key_id, given.principal.access_key_id);
	assert_string_equal(key.principal.arn, given.principal.arn);
	assert_string_equal(key.principal.id, given.principal.id);
	assert_string_equal(key.principal.name, "alice");
	assert_string_equal(key.principal.account, given.principal.account);
	assert_int_equal(key.principal.type, AUTH_USER);
	assert_true(key.principal.administrator);
	assert_int_equal(key.status, AUTH_KEY_ACTIVE);
	assert_int_equal(key.created_ms, given.created_ms);
	assert_int_equal(key.wrapped_len, 77);
	assert_memory_equal(key.wrapped, given.wrapped, 77);
}

static void test_unknown_access_key_is_not_found(void **state)
{
	struct fixture *f = *state;
	struct auth_access_key key;
	static char long_id[AUTH_ACCESS_KEY_ID_MAX + 2];
	for (size_t i = 0; i < sizeof long_id - 1; i++)
		long_id[i] = 'A';
	assert_err(load(f, "AKIAUNKNOWN", &key), E_NOT_FOUND);
	assert_err(load(f, "", &key), E_NOT_FOUND);
	assert_err(load(f, "' OR 1=1 --", &key), E_NOT_FOUND);
	assert_err(load(f, long_id, &key), E_NOT_FOUND);
}

static void test_second_access_key_of_a_principal(void **state)
{
	struct fixture *f = *state;
	struct auth_access_key one = sample_access_key(1);
	struct auth_access_key two = sample_access_key(2);
	struct auth_access_key key;
	assert_ok(add(f, &one));
	assert_ok(add(f, &two));
	assert_ok(load(f, two.principal.access_key_id, &key));
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM principals"), 1);
	assert_err(add(f, &two), E_EXISTS);
}

/* Adding an access key is not a way to become an administrator. */
static void test_access_key_does_not_change_its_principal(void **state)
{
	struct fixture *f = *state;
	struct auth_access_key one = sample_access_key(1);
	struct auth_access_key two = sample_access_key(2);
	struct auth_access_key key;
	one.principal.administrator = false;
	assert_ok(add(f, &one));
	assert_err(add(f, &two), E_EXISTS);
	assert_err(load(f, two.principal.access_key_id, &key), E_NOT_FOUND);
	assert_ok(load(f, one.principal.access_key_id, &key));
	assert_false(key.principal.administrator);
}

static void test_cleared_identities_are_gone(void **state)
{
	struct fixture *f = *state;
	struct auth_access_key given = sample_access_key(1);
	struct auth_access_key key;
	assert_ok(add(f, &given));
	assert_ok(f->identities.clear(f->identities.self));
	assert_err(load(f, given.principal.access_key_id, &key), E_NOT_FOUND);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM principals"), 0);
	assert_ok(add(f, &given));
}

static void test_wrapped_secret_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct auth_access_key key = sample_access_key(1);
	key.wrapped_len = AUTH_WRAPPED_MAX + 1;
	assert_err(add(f, &key), E_BUG);
	key.wrapped_len = AUTH_WRAPPED_MAX;
	assert_ok(add(f, &key));
}

static struct err save(struct fixture *f, const struct kms_installation *installation)
{
	return f->installation.save(f->installation.self, installation);
}

static void test_no_installation_is_not_found(void **state)
{
	struct fixture *f = *state;
	struct kms_installation installation;
	assert_err(f->installation.load(f->installation.self, &installation), E_NOT_FOUND);
	assert_err(f->installation.verify(f->installation.self), E_NOT_FOUND);
}

static void test_installation_is_loaded_as_saved(void **state)
{
	struct fixture *f = *state;
	struct kms_installation given = sample_installation();
	struct kms_installation read = {0};
	assert_ok(save(f, &given));
	assert_ok(f->installation.load(f->installation.self, &read));
	assert_ok(f->installation.verify(f->installation.self));
	assert_string_equal(read.id, given.id);
	assert_true(read.ready);
	assert_string_equal(read.scope.region, given.scope.region);
	assert_string_equal(read.scope.account, given.scope.account);
	assert_string_equal(read.scope.partition, given.scope.partition);
	assert_string_equal(read.token_serial, given.token_serial);
	assert_memory_equal(&read.row_seal, &given.row_seal, sizeof read.row_seal);
	assert_memory_equal(&read.audit_sign, &given.audit_sign, sizeof read.audit_sign);
	assert_memory_equal(&read.secret_wrap, &given.secret_wrap, sizeof read.secret_wrap);
	assert_int_equal(read.secret_wrap_suite, given.secret_wrap_suite);
	assert_int_equal(read.created_ms, given.created_ms);
}

/* Before the sealing key exists there is nobody to ask. */
static void test_unready_installation_is_saved_without_a_seal(void **state)
{
	struct fixture *f = *state;
	struct kms_installation given = sample_installation();
	struct kms_installation read;
	given.ready = false;
	f->seal_failure = ERR(E_HSM_AWAY);
	f->seal_calls = 0;
	assert_ok(save(f, &given));
	assert_ok(f->installation.load(f->installation.self, &read));
	assert_int_equal(f->seal_calls, 0);
	f->seal_failure = OK;
	assert_err(f->installation.verify(f->installation.self), E_STORE_SEAL);
	given.ready = true;
	assert_ok(save(f, &given));
	assert_ok(f->installation.verify(f->installation.self));
}

static void test_interrupted_init_may_start_anew(void **state)
{
	struct fixture *f = *state;
	struct kms_installation given = sample_installation();
	struct kms_installation read;
	given.ready = false;
	assert_ok(save(f, &given));
	given.id[0] = 'f';
	given.ready = true;
	assert_ok(save(f, &given));
	assert_ok(f->installation.load(f->installation.self, &read));
	assert_string_equal(read.id, given.id);
}

static void test_ready_installation_is_never_replaced(void **state)
{
	struct fixture *f = *state;
	struct kms_installation given = sample_installation();
	struct kms_installation read;
	assert_ok(save(f, &given));
	given.id[0] = 'f';
	assert_err(save(f, &given), E_EXISTS);
	assert_ok(f->installation.load(f->installation.self, &read));
	assert_int_equal(read.id[0], '0');
	assert_ok(f->installation.verify(f->installation.self));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_access_key_is_loaded_with_its_principal),
		TEST(test_unknown_access_key_is_not_found),
		TEST(test_second_access_key_of_a_principal),
		TEST(test_access_key_does_not_change_its_principal),
		TEST(test_cleared_identities_are_gone),
		TEST(test_wrapped_secret_is_bounded),
		TEST(test_no_installation_is_not_found),
		TEST(test_installation_is_loaded_as_saved),
		TEST(test_unready_installation_is_saved_without_a_seal),
		TEST(test_interrupted_init_may_start_anew),
		TEST(test_ready_installation_is_never_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
