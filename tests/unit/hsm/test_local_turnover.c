/* SPDX-License-Identifier: Apache-2.0 */
/* Message keys: turnover, age, the bounded cache, and what garbage must not do to it. */
#include "test_local_token.h"

#include "base/entropy.h"
#include "base/mem.h"

#define MESSAGES 3
#define CACHE 4
#define SEALINGS 20

static struct token token;
static struct clock_manual manual;
static struct hsm_object version;

static int setup(UNUSED void **state)
{
	token_make(&token, TOKEN_SOFTHSM);
	clock_manual_init(&manual, 0);
	manual.now_steady_ms = clock_steady_ms(&clock_system);
	token.options.clock = &manual.clock;
	token.options.message_key_messages = MESSAGES;
	token.options.message_key_age_ms = 1000;
	token.options.message_key_cache = CACHE;
	token_open(&token);
	assert_ok(make_key(token.hsm, 1, HSM_ROLE_VERSION, &version));
	return 0;
}

static int teardown(UNUSED void **state)
{
	token_remove(&token);
	return 0;
}

static uint64_t derivations(void)
{
	return atomic_load(&token.hsm->module.funnel.calls[P11_C_DeriveKey]);
}

static void seal_many(struct buf *out, size_t count)
{
	struct hsm_sealing s = sealing_of(&version);
	for (size_t i = 0; i < count; i++)
		assert_ok(seal_text(token.hsm, &s, "text", &out[i]));
}

static void free_many(struct buf *bufs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_cleanup(&bufs[i]);
}

static size_t nonce_changes(const struct buf *bufs, size_t count)
{
	size_t changes = 0;
	for (size_t i = 1; i < count; i++)
		changes += !mem_equal(bufs[i - 1].ptr, bufs[i].ptr, HSM_NONCE_LEN);
	return changes;
}

static void a_message_key_seals_so_many_and_no_more(UNUSED void **state)
{
	struct buf sealed[SEALINGS] = {{0}};
	struct hsm_sealing s = sealing_of(&version);
	manual.now_steady_ms += 1000; /* whatever key was current is not any more */
	seal_many(sealed, SEALINGS);
	assert_int_equal(nonce_changes(sealed, SEALINGS), (SEALINGS - 1) / MESSAGES);
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < SEALINGS; i++)
			assert_ok(open_text(token.hsm, &s, buf_view(&sealed[i]), "text"));
	free_many(sealed, SEALINGS);
}

static void a_message_key_ages(UNUSED void **state)
{
	struct buf sealed[3] = {{0}};
	struct hsm_sealing s = sealing_of(&version);
	manual.now_steady_ms += 1000;
	assert_ok(seal_text(token.hsm, &s, "text", &sealed[0]));
	manual.now_steady_ms += 999;
	assert_ok(seal_text(token.hsm, &s, "text", &sealed[1]));
	manual.now_steady_ms += 1;
	assert_ok(seal_text(token.hsm, &s, "text", &sealed[2]));
	assert_true(mem_equal(sealed[0].ptr, sealed[1].ptr, HSM_NONCE_LEN));
	assert_false(mem_equal(sealed[1].ptr, sealed[2].ptr, HSM_NONCE_LEN));
	free_many(sealed, 3);
}

static void purposes_have_message_keys_of_their_own(UNUSED void **state)
{
	struct buf sealed[2] = {{0}};
	struct hsm_sealing s = sealing_of(&version);
	assert_ok(seal_text(token.hsm, &s, "text", &sealed[0]));
	s.purpose = HSM_PURPOSE_XKS;
	assert_ok(seal_text(token.hsm, &s, "text", &sealed[1]));
	assert_false(mem_equal(sealed[0].ptr, sealed[1].ptr, HSM_NONCE_LEN));
	assert_ok(open_text(token.hsm, &s, buf_view(&sealed[1]), "text"));
	free_many(sealed, 2);
}

static void the_token_holds_no_more_than_the_cache_and_the_canary(UNUSED void **state)
{
	struct buf sealed[SEALINGS] = {{0}};
	struct hsm_sealing s = sealing_of(&version);
	seal_many(sealed, SEALINGS);
	for (size_t i = 0; i < SEALINGS; i++)
		assert_ok(open_text(token.hsm, &s, buf_view(&sealed[i]), "text"));
	assert_int_equal(token.hsm->keys.count, CACHE);
	assert_int_equal(token_session_objects(&token), CACHE + 1);
	free_many(sealed, SEALINGS);
}

static void garbage_evicts_nothing(UNUSED void **state)
{
	struct buf sealed[1] = {{0}};
	struct hsm_sealing s = sealing_of(&version);
	seal_many(sealed, 1);
	assert_ok(open_text(token.hsm, &s, buf_view(&sealed[0]), "text"));
	for (int i = 0; i < 5 * CACHE; i++) {
		uint8_t garbage[HSM_SEALED_OVERHEAD + 4];
		assert_ok(entropy_fill(garbage, sizeof(garbage)));
		assert_err(open_text(token.hsm, &s, VIEW_ARRAY(garbage), ""), E_HSM_CIPHERTEXT);
	}
	uint64_t before = derivations();
	assert_ok(open_text(token.hsm, &s, buf_view(&sealed[0]), "text"));
	assert_int_equal(derivations(), before);
	assert_true(token_session_objects(&token) <= CACHE + 1);
	free_many(sealed, 1);
}

static void a_verified_key_is_derived_once(UNUSED void **state)
{
	struct buf sealed[1] = {{0}};
	struct hsm_sealing s = sealing_of(&version);
	seal_many(sealed, 1);
	token_close(&token);
	token_open(&token);
	uint64_t before = derivations();
	for (int i = 0; i < 5; i++)
		assert_ok(open_text(token.hsm, &s, buf_view(&sealed[0]), "text"));
	assert_int_equal(derivations(), before + 1);
	free_many(sealed, 1);
}

static void a_destroyed_key_takes_its_message_keys_along(UNUSED void **state)
{
	struct hsm_object o;
	struct buf sealed[1] = {{0}};
	assert_ok(make_key(token.hsm, 2, HSM_ROLE_VERSION, &o));
	struct hsm_sealing s = sealing_of(&o);
	assert_ok(seal_text(token.hsm, &s, "text", &sealed[0]));
	size_t before = token_session_objects(&token);
	struct hsm_op op = op_of(HSM_KEY_DESTROY);
	op.object = o;
	assert_ok(hsm_call(token.hsm, &op));
	assert_int_equal(token_session_objects(&token), before - 1);
	assert_err(open_text(token.hsm, &s, buf_view(&sealed[0]), ""), E_HSM_KEY_UNKNOWN);
	free_many(sealed, 1);
}

static void more_messages_than_the_limit_cannot_be_set(UNUSED void **state)
{
	struct hsm_local_options options = token.options;
	struct hsm *other = NULL;
	options.message_key_messages = (UINT64_C(1) << 28) + 1;
	assert_err(hsm_local_open(&options, &other), E_SETTINGS);
	assert_null(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_key_seals_so_many_and_no_more),
		cmocka_unit_test(a_message_key_ages),
		cmocka_unit_test(purposes_have_message_keys_of_their_own),
		cmocka_unit_test(the_token_holds_no_more_than_the_cache_and_the_canary),
		cmocka_unit_test(garbage_evicts_nothing),
		cmocka_unit_test(a_verified_key_is_derived_once),
		cmocka_unit_test(a_destroyed_key_takes_its_message_keys_along),
		cmocka_unit_test(more_messages_than_the_limit_cannot_be_set),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
