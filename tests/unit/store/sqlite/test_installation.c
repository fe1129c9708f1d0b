/* SPDX-License-Identifier: Apache-2.0 */
/* The installation row: unsealed until it is ready, then never replaced. */
#include "../fixture.h"

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
		TEST(test_no_installation_is_not_found),
		TEST(test_installation_is_loaded_as_saved),
		TEST(test_unready_installation_is_saved_without_a_seal),
		TEST(test_interrupted_init_may_start_anew),
		TEST(test_ready_installation_is_never_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
