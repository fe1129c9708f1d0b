/* SPDX-License-Identifier: Apache-2.0 */
/* Which object a destruction takes, and when it searches the token for it. */
#include "test_local_token.h"

static struct token token;
static struct hsm_object version;
static struct buf sealed;
static struct hsm_sealing sealing;

static int setup(UNUSED void **state)
{
	token_make(&token, TOKEN_SHIM);
	token_open(&token);
	assert_ok(make_key(token.hsm, 1, HSM_ROLE_VERSION, &version));
	sealing = sealing_of(&version);
	assert_ok(seal_text(token.hsm, &sealing, "text", &sealed));
	return 0;
}

static int teardown(UNUSED void **state)
{
	buf_cleanup(&sealed);
	token_remove(&token);
	return 0;
}

static struct err open_it(void)
{
	return open_text(token.hsm, &sealing, buf_view(&sealed), "text");
}

static uint64_t searches(void)
{
	return atomic_load(&token.hsm->module.funnel.calls[P11_C_FindObjectsInit]);
}

/* Makes a key, has the token do as the script says, destroys the key; how many searches that took.
 */
static uint64_t searches_to_destroy(const char *script, bool doubtful)
{
	struct hsm_op op = op_of(HSM_KEY_DESTROY);
	assert_ok(make_key(token.hsm, 3, HSM_ROLE_VERSION, &op.object));
	struct hsm_op again = op_of(HSM_KEY_FIND);
	again.object.id = op.object.id;
	token.hsm->objects.doubtful = doubtful;
	uint64_t before = searches();
	token_shim(&token, script);
	assert_ok(hsm_call(token.hsm, &op));
	token_shim(&token, "");
	uint64_t took = searches() - before;
	assert_err(hsm_call(token.hsm, &again), E_HSM_KEY_UNKNOWN);
	return took;
}

/* On a full token a search takes longer than all the rest. */
static void a_known_key_is_destroyed_without_a_search(UNUSED void **state)
{
	assert_int_equal(searches_to_destroy("", false), 0);
	assert_ok(open_it());
}

static void a_key_that_may_not_be_alone_is_searched_for(UNUSED void **state)
{
	assert_true(searches_to_destroy("", true) > 0);
}

static void a_key_whose_handle_went_stale_is_searched_for(UNUSED void **state)
{
	assert_true(searches_to_destroy("C_GetAttributeValue ckr=0x82 times=1", false) > 0);
}

static CK_FUNCTION_LIST loose;
static CK_FUNCTION_LIST *strict;

/* A module that does not look at CKA_ID when it searches. */
static CK_RV find_loosely(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR what, CK_ULONG count)
{
	CK_ATTRIBUTE kept[8];
	CK_ULONG n = 0;
	for (CK_ULONG i = 0; i < count && n < ARRAY_LEN(kept); i++)
		if (what[i].type != CKA_ID)
			kept[n++] = what[i];
	return strict->C_FindObjectsInit(session, kept, n);
}

static void only_the_key_that_is_meant_is_destroyed(UNUSED void **state)
{
	struct hsm_object other;
	assert_ok(make_key(token.hsm, 2, HSM_ROLE_VERSION, &other));
	assert_string_equal(other.label, version.label);
	token.hsm->objects.trusted = false; /* else there is no search */
	strict = token.hsm->module.funnel.list;
	loose = *strict;
	loose.C_FindObjectsInit = find_loosely;
	token.hsm->module.funnel.list = &loose;
	struct hsm_op op = op_of(HSM_KEY_DESTROY);
	op.object = other;
	struct err e = hsm_call(token.hsm, &op);
	token.hsm->module.funnel.list = strict;
	assert_ok(e);
	assert_ok(open_it());
	token_close(&token);
	token_open(&token);
	assert_ok(open_it());
	op = op_of(HSM_KEY_FIND);
	op.object.id = other.id;
	assert_err(hsm_call(token.hsm, &op), E_HSM_KEY_UNKNOWN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_known_key_is_destroyed_without_a_search),
		TEST(a_key_that_may_not_be_alone_is_searched_for),
		TEST(a_key_whose_handle_went_stale_is_searched_for),
		TEST(only_the_key_that_is_meant_is_destroyed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
