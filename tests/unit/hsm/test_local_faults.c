/* SPDX-License-Identifier: Apache-2.0 */
/* What the token may do to us: every class of CKR, away and back, wrong PIN, unsafe answers. */
#include "test_local_token.h"

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

#define UP_WITHIN_MS 5000

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

static struct hsm_status status(void)
{
	struct hsm_status s;
	hsm_status(token.hsm, &s);
	return s;
}

static void a_general_error_is_the_ciphertext_when_the_canary_sings(UNUSED void **state)
{
	token_shim(&token, "C_Decrypt ckr=0x5 times=1");
	assert_err(open_it(), E_HSM_CIPHERTEXT);
	token_shim(&token, "C_Decrypt ckr=0x6 late=1 times=1");
	assert_err(open_it(), E_HSM_CIPHERTEXT);
	assert_int_equal(status().generation, 1);
	assert_ok(open_it());
}

static void a_general_error_is_the_token_when_the_canary_is_dead(UNUSED void **state)
{
	token_shim(&token, "C_Decrypt ckr=0x5");
	assert_err(open_it(), E_HSM_AWAY);
	assert_int_equal(status().condition, HSM_AWAY);
	token_shim(&token, "");
	token_await_up(&token);
	assert_ok(open_it());
	assert_true(status().generation > 1);
}

static void an_unclear_error_outside_decryption_is_refused_when_the_canary_sings(
	UNUSED void **state)
{
	token_shim(&token, "C_GenerateRandom ckr=0x5 times=1");
	struct hsm_op op = op_of(HSM_RANDOM);
	op.length = 8;
	assert_err(hsm_call(token.hsm, &op), E_HSM_REFUSED);
	assert_int_equal(status().generation, 1);
}

static void a_vendor_error_is_unclear(UNUSED void **state)
{
	token_shim(&token, "C_Encrypt ckr=0x80001234 times=1");
	assert_err(seal_text(token.hsm, &sealing, "text", &(struct buf){0}), E_HSM_REFUSED);
	assert_int_equal(status().generation, 1);
}

/* Faults that heal within the operation: function, CKR, whether a recovery is part of it. */
static const struct healing {
	const char *script;
	bool recovers;
} healings[] = {
	{"C_DecryptInit ckr=0xb3 times=1", false}, /* SESSION_HANDLE_INVALID */
	{"C_Decrypt ckr=0xb0 times=1", false},     /* SESSION_CLOSED */
	{"C_DecryptInit ckr=0x90 times=1", false}, /* OPERATION_ACTIVE */
	{"C_Decrypt ckr=0x91 times=1", false},     /* OPERATION_NOT_INITIALIZED */
	{"C_Decrypt ckr=0x150 times=1", false},    /* BUFFER_TOO_SMALL */
	{"C_DecryptInit ckr=0x60 times=1", false}, /* KEY_HANDLE_INVALID */
	{"C_DecryptInit ckr=0x82 times=1", false}, /* OBJECT_HANDLE_INVALID */
	{"C_DecryptInit ckr=0x101 times=1", true}, /* USER_NOT_LOGGED_IN */
	{"C_Decrypt ckr=0x30 times=1", true},      /* DEVICE_ERROR */
	{"C_Decrypt ckr=0x32 times=1", true},      /* DEVICE_REMOVED */
	{"C_DecryptInit ckr=0xe0 times=1", true},  /* TOKEN_NOT_PRESENT */
	{"C_DecryptInit ckr=0x190 times=1", true}, /* CRYPTOKI_NOT_INITIALIZED */
};

static void faults_that_can_be_healed_are(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(healings); i++) {
		uint64_t before = status().generation;
		token_shim(&token, healings[i].script);
		struct err e = open_it();
		if (err_failed(e))
			fail_msg("%s: %s", healings[i].script, err_name(e));
		assert_int_equal(status().generation, before + (healings[i].recovers ? 1 : 0));
	}
}

static void a_fault_that_lasts_is_tried_once_more_and_no_oftener(UNUSED void **state)
{
	token_shim(&token, "C_DecryptInit ckr=0xb3 times=2");
	assert_err(open_it(), E_HSM_AWAY);
	token_shim(&token, "C_DecryptInit ckr=0x82 times=2");
	assert_err(open_it(), E_HSM_KEY_UNKNOWN);
	token_shim(&token, "");
	assert_ok(open_it());
}

static void capacity_is_passed_on(UNUSED void **state)
{
	token_shim(&token, "C_DecryptInit ckr=0x31 times=1");
	assert_err(open_it(), E_HSM_CAPACITY);
	assert_int_equal(status().generation, 1);
}

static void a_dead_holder_session_recovers(UNUSED void **state)
{
	assert_int_equal(token_raw(&token, NULL)->C_CloseSession(token.hsm->keys.holder), CKR_OK);
	CLEANUP(buf_cleanup) struct buf other = {0};
	assert_ok(seal_text(token.hsm, &sealing, "other", &other));
	assert_ok(open_text(token.hsm, &sealing, buf_view(&other), "other"));
	assert_ok(open_it());
}

static void all_sessions_closed_recovers(UNUSED void **state)
{
	CK_FUNCTION_LIST *raw = token_raw(&token, NULL);
	assert_int_equal(raw->C_CloseAllSessions(token.hsm->module.slot), CKR_OK);
	assert_ok(open_it());
	assert_int_equal(status().generation, 2);
}

static void a_logout_recovers(UNUSED void **state)
{
	CK_FUNCTION_LIST *raw = token_raw(&token, NULL);
	assert_int_equal(raw->C_Logout(token.hsm->login.session), CKR_OK);
	assert_ok(open_it());
}

static void the_breaker_answers_at_once(UNUSED void **state)
{
	token_shim(&token, "C_Decrypt ckr=0x30 times=1\nC_GetSlotList ckr=0x30");
	assert_err(open_it(), E_HSM_AWAY);
	int64_t before = clock_steady_ms(&clock_system);
	for (int i = 0; i < 100; i++)
		assert_err(open_it(), E_HSM_AWAY);
	assert_true(clock_steady_ms(&clock_system) - before < 1000);
	token_shim(&token, "");
	token_await_up(&token);
	assert_ok(open_it());
}

static void a_lost_answer_to_a_creation_is_found(UNUSED void **state)
{
	struct hsm_object o;
	token_shim(&token, "C_GenerateKey ckr=0x30 late=1 times=1");
	assert_err(make_key(token.hsm, 9, HSM_ROLE_VERSION, &o), E_HSM_AWAY);
	token_await_up(&token);
	struct hsm_op op = op_of(HSM_KEY_FIND);
	op.object.id = id_of(9);
	assert_ok(hsm_call(token.hsm, &op));
	assert_true(op.object.sound);
}

/* SoftHSM looks at every object in a search, and the cache knows all keys. */
static void a_creation_needs_no_search(UNUSED void **state)
{
	struct hsm_object o;
	token_shim(&token, "C_FindObjectsInit ckr=0x5");
	struct err e = make_key(token.hsm, 10, HSM_ROLE_VERSION, &o);
	struct err again = make_key(token.hsm, 10, HSM_ROLE_VERSION, &o);
	token_shim(&token, "");
	assert_ok(e);
	assert_err(again, E_HSM_KEY_EXISTS);
}

/* But for what a failed creation may have left, which the cache does not know. */
static void a_creation_searches_while_in_doubt(UNUSED void **state)
{
	struct hsm_object o;
	token_shim(&token, "C_GenerateKey ckr=0xb3 late=1 times=1");
	assert_true(err_failed(make_key(token.hsm, 11, HSM_ROLE_VERSION, &o)));
	token_await_up(&token);
	assert_err(make_key(token.hsm, 11, HSM_ROLE_VERSION, &o), E_HSM_KEY_EXISTS);
}

static void a_lost_token_directory_is_noticed_and_comes_back(UNUSED void **state)
{
	char dir[128];
	char away[140];
	token_directory(&token, dir, sizeof(dir));
	assert_ok(text_format(away, sizeof(away), "%s/away", token.dir));
	assert_int_equal(rename(dir, away), 0);
	struct hsm_op op = op_of(HSM_PROBE);
	assert_err(hsm_call(token.hsm, &op), E_HSM_AWAY);
	assert_int_equal(rename(away, dir), 0);
	token_await_up(&token);
	assert_ok(hsm_call(token.hsm, &op));
	assert_ok(open_it());
}

static void another_token_in_its_place_is_refused(UNUSED void **state)
{
	char mine[140];
	char dir[128];
	token_close(&token);
	token_directory(&token, dir, sizeof(dir));
	assert_ok(text_format(mine, sizeof(mine), "%s/mine", token.dir));
	assert_int_equal(rename(dir, mine), 0);
	CLEANUP(secret_free) struct secret *so_pin = NULL;
	assert_ok(secret_new_from(VIEW_LITERAL("so-pin-1234"), &so_pin));
	assert_ok(hsm_local_init_token(token.options.module_path, "test", so_pin, token.pin));
	char other[128];
	char other_away[140];
	token_directory(&token, other, sizeof(other));
	assert_ok(text_format(other_away, sizeof(other_away), "%s/other", token.dir));
	assert_int_equal(rename(other, other_away), 0);
	assert_int_equal(rename(mine, dir), 0);
	token_open(&token);
	assert_int_equal(rename(dir, mine), 0);
	assert_int_equal(rename(other_away, other), 0);
	struct hsm_op op = op_of(HSM_PROBE);
	assert_err(hsm_call(token.hsm, &op), E_HSM_AWAY);
	assert_int_equal(status().condition, HSM_AWAY);
	assert_int_equal(status().last_error.code, E_HSM_TOKEN_CHANGED);
	assert_int_equal(rename(other, other_away), 0);
	assert_int_equal(rename(mine, dir), 0);
	token_await_up(&token);
	assert_ok(open_it());
}

static struct err reopen(struct view pin)
{
	CLEANUP(secret_free) struct secret *secret = NULL;
	token_close(&token);
	TRY(secret_new_from(pin, &secret));
	token.options.pin = secret;
	struct err e = hsm_local_open(&token.options, &token.hsm);
	token_close(&token); /* the PIN is borrowed while open */
	token.options.pin = token.pin;
	return e;
}

static void a_wrong_pin_is_tried_once(UNUSED void **state)
{
	assert_err(reopen(VIEW_LITERAL("4321")), E_HSM_PIN);
	assert_int_equal(atomic_load(&token.watch.pin_refused), 1);
	/* Another login would end this process. */
	token_shim(&token, "C_Login kill=1");
	assert_err(reopen(VIEW_LITERAL("1234")), E_HSM_PIN);
	token_shim(&token, "");
	atomic_store(&token.watch.pin_refused, 0);
	assert_ok(reopen(VIEW_LITERAL("1234")));
}

static void a_pin_refused_in_recovery_is_not_tried_again(UNUSED void **state)
{
	token_shim(&token, "C_Decrypt ckr=0x30 times=1\nC_Login ckr=0xa0 times=1\nC_Login kill=1 "
			   "from=2");
	assert_err(open_it(), E_HSM_PIN);
	assert_int_equal(status().condition, HSM_PIN_REFUSED);
	assert_err(open_it(), E_HSM_PIN);
}

static void the_last_try_is_left_to_the_operator(UNUSED void **state)
{
	token_shim(&token, "C_GetTokenInfo flags=0x20000\nC_Login kill=1"); /* FINAL_TRY */
	assert_err(reopen(VIEW_LITERAL("1234")), E_HSM_PIN);
	atomic_store(&token.watch.pin_refused, 0);
	token_shim(&token, "C_GetTokenInfo flags=0x40000\nC_Login kill=1"); /* LOCKED */
	assert_err(reopen(VIEW_LITERAL("1234")), E_HSM_PIN);
}

static void an_unsafe_token_is_not_opened(UNUSED void **state)
{
	static const char *const scripts[] = {
		"C_Decrypt lie=1",        /* nothing is checked */
		"C_Encrypt lie=1",        /* nothing is encrypted */
		"C_GenerateRandom lie=1", /* nothing is random */
		"C_Sign lie=1",           /* MACs do not depend on the message */
		"C_DeriveKey ckr=0x70\nC_EncryptInit ckr=0x70", /* no suite at all */
	};
	token_close(&token);
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		token_shim(&token, scripts[i]);
		struct err e = hsm_local_open(&token.options, &token.hsm);
		if (!err_is(e, E_HSM_UNSAFE))
			fail_msg("%s: %s", scripts[i], err_name(e));
		assert_null(token.hsm);
	}
}

/* Once more when the recovery took longer than an operation waits for it. */
static struct err call_or_call_again(struct hsm_op *op)
{
	struct err e = hsm_call(token.hsm, op);
	if (!err_is(e, E_HSM_AWAY))
		return e;
	token_await_up(&token);
	return hsm_call(token.hsm, op);
}

static void randomness_that_is_none_is_not_handed_out(UNUSED void **state)
{
	token_shim(&token, "C_GenerateRandom lie=1");
	CLEANUP(hsm_op_cleanup) struct hsm_op drawn = op_of(HSM_RANDOM);
	drawn.length = 1;
	struct err first = hsm_call(token.hsm, &drawn);
	assert_true(err_is(first, E_HSM_UNSAFE) || err_is(first, E_HSM_AWAY));
	assert_null(drawn.plaintext_out);
	CLEANUP(hsm_op_cleanup) struct hsm_op data_key = op_of(HSM_GENERATE_SEALED);
	data_key.to = sealing;
	data_key.length = 32;
	data_key.want_plaintext = true;
	struct err second = hsm_call(token.hsm, &data_key);
	assert_true(err_is(second, E_HSM_UNSAFE) || err_is(second, E_HSM_AWAY));
	assert_null(data_key.plaintext_out);
	int64_t until = clock_steady_ms(&clock_system) + UP_WITHIN_MS;
	while (status().condition == HSM_AWAY && clock_steady_ms(&clock_system) < until)
		(void)usleep(5000);
	assert_int_equal(status().condition, HSM_REFUSED_UNSAFE);
}

static void an_unsafe_answer_has_the_token_probed_again(UNUSED void **state)
{
	token_shim(&token, "C_GenerateRandom lie=1 times=1");
	CLEANUP(hsm_op_cleanup) struct hsm_op drawn = op_of(HSM_RANDOM);
	drawn.length = 1;
	assert_ok(call_or_call_again(&drawn));
	assert_int_equal(drawn.plaintext_out->len, 1);
	assert_int_equal(status().generation, 2);
}

static void a_ciphertext_or_mac_of_nothing_is_not_handed_out(UNUSED void **state)
{
	struct hsm_object row_seal;
	assert_ok(make_key(token.hsm, 3, HSM_ROLE_ROW_SEAL, &row_seal));
	CLEANUP(buf_cleanup) struct buf other = {0};
	token_shim(&token, "C_Encrypt lie=1 times=1");
	struct err e = seal_text(token.hsm, &sealing, "other", &other);
	token_await_up(&token);
	if (err_is(e, E_HSM_AWAY))
		e = seal_text(token.hsm, &sealing, "other", &other);
	assert_ok(e);
	assert_ok(open_text(token.hsm, &sealing, buf_view(&other), "other"));
	static const uint8_t nothing[HSM_MAC_LEN] = {0};
	const struct view message = VIEW_LITERAL("row");
	CLEANUP(hsm_op_cleanup) struct hsm_op mac = op_of(HSM_MAC);
	mac.from.key = row_seal.id;
	mac.messages = &message;
	mac.message_count = 1;
	token_shim(&token, "C_Sign lie=1 times=1");
	assert_ok(call_or_call_again(&mac));
	assert_memory_not_equal(mac.macs[0], nothing, HSM_MAC_LEN);
}

/* The token may have given its number to another object: a key, perhaps. */
static void a_handle_that_went_stale_is_not_destroyed(UNUSED void **state)
{
	struct p11_funnel *funnel = &token.hsm->module.funnel;
	uint64_t before = atomic_load(&funnel->calls[P11_C_DestroyObject]);
	token_shim(&token, "C_DecryptInit ckr=0x82 times=1");
	assert_ok(open_it());
	assert_int_equal(atomic_load(&funnel->calls[P11_C_DestroyObject]), before);
}

/* It may be another lane's by now. */
static void a_session_that_is_gone_is_not_closed(UNUSED void **state)
{
	static const char *const scripts[] = {"C_DecryptInit ckr=0xb3 times=1",
					      "C_Decrypt ckr=0xb0 times=1"};
	struct p11_funnel *funnel = &token.hsm->module.funnel;
	uint64_t before = atomic_load(&funnel->calls[P11_C_CloseSession]);
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		token_shim(&token, scripts[i]);
		assert_ok(open_it());
	}
	/* The canary finds out. */
	token_shim(&token, "C_Decrypt ckr=0x5 times=1\nC_EncryptInit ckr=0xb3 times=1");
	assert_err(open_it(), E_HSM_CIPHERTEXT);
	assert_int_equal(atomic_load(&funnel->calls[P11_C_CloseSession]), before);
	token_shim(&token, "C_DecryptInit ckr=0x90 times=1"); /* OPERATION_ACTIVE: this one is */
	assert_ok(open_it());
	assert_int_equal(atomic_load(&funnel->calls[P11_C_CloseSession]), before + 1);
}

/* What a client can send for nothing must cost nothing that others share. */
static void a_bad_ciphertext_costs_no_session(UNUSED void **state)
{
	static const enum p11_function shared[] = {P11_C_OpenSession, P11_C_CloseSession,
						   P11_C_Login, P11_C_Initialize};
	struct p11_funnel *funnel = &token.hsm->module.funnel;
	uint64_t before[ARRAY_LEN(shared)];
	for (size_t i = 0; i < ARRAY_LEN(shared); i++)
		before[i] = atomic_load(&funnel->calls[shared[i]]);
	uint64_t generation = status().generation;
	for (size_t at = 0; at < sealed.len; at++) {
		sealed.ptr[at] ^= 0xff;
		assert_err(open_it(), E_HSM_CIPHERTEXT);
		sealed.ptr[at] ^= 0xff;
	}
	for (size_t i = 0; i < ARRAY_LEN(shared); i++)
		assert_int_equal(atomic_load(&funnel->calls[shared[i]]), before[i]);
	assert_int_equal(status().generation, generation);
	assert_ok(open_it());
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
	strict = token.hsm->module.funnel.list;
	loose = *strict;
	loose.C_FindObjectsInit = find_loosely;
	token.hsm->module.funnel.list = &loose;
	token.hsm->objects.trusted = false; /* so that it is searched for */
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

static void a_module_that_cannot_end_recovers(UNUSED void **state)
{
	token_shim(&token, "C_Decrypt ckr=0x30 times=1\nC_Finalize ckr=0x30 times=1");
	struct err e = open_it();
	assert_true(!err_failed(e) || err_is(e, E_HSM_AWAY));
	token_await_up(&token);
	assert_ok(open_it());
	assert_int_equal(status().generation, 2);
}

static void an_ambiguous_uri_is_refused(UNUSED void **state)
{
	token_close(&token);
	CLEANUP(secret_free) struct secret *so_pin = NULL;
	assert_ok(secret_new_from(VIEW_LITERAL("so-pin-1234"), &so_pin));
	assert_ok(hsm_local_init_token(token.options.module_path, "second", so_pin, token.pin));
	token.options.uri = "pkcs11:manufacturer=SoftHSM%20project";
	assert_err(hsm_local_open(&token.options, &token.hsm), E_HSM_AWAY);
	token.options.uri = "pkcs11:token=third";
	assert_err(hsm_local_open(&token.options, &token.hsm), E_HSM_AWAY);
	token.options.uri = "pkcs11:token=second;model=SoftHSM%20v2";
	assert_ok(hsm_local_open(&token.options, &token.hsm));
}

static void a_label_is_initialised_once(UNUSED void **state)
{
	token_close(&token);
	CLEANUP(secret_free) struct secret *so_pin = NULL;
	assert_ok(secret_new_from(VIEW_LITERAL("so-pin-1234"), &so_pin));
	assert_err(hsm_local_init_token(token.options.module_path, "test", so_pin, token.pin),
		   E_ALREADY_INITIALISED);
}

static void a_uri_names_a_token_and_nothing_else(UNUSED void **state)
{
	static const char *const uris[] = {
		"pkcs11:token=test?module-path=/tmp/evil.so",
		"pkcs11:token=test?module-name=evil",
		"pkcs11:token=test?pin-value=1234",
		"pkcs11:token=test?pin-source=/tmp/pin",
		"pkcs11:token=test;object=key",
		"pkcs11:token=test;slot-id=3",
		"pkcs11:token=test;unheard-of=1",
		"http://test",
		"",
	};
	token_close(&token);
	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		token.options.uri = uris[i];
		assert_err(hsm_local_open(&token.options, &token.hsm), E_SETTINGS);
	}
}

static void a_module_path_is_absolute_and_loads(UNUSED void **state)
{
	token_close(&token);
	token.options.module_path = "libsofthsm2.so";
	assert_err(hsm_local_open(&token.options, &token.hsm), E_SETTINGS);
	token.options.module_path = "/nonexistent/module.so";
	assert_err(hsm_local_open(&token.options, &token.hsm), E_SETTINGS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_general_error_is_the_ciphertext_when_the_canary_sings),
		TEST(a_general_error_is_the_token_when_the_canary_is_dead),
		TEST(an_unclear_error_outside_decryption_is_refused_when_the_canary_sings),
		TEST(a_vendor_error_is_unclear),
		TEST(a_bad_ciphertext_costs_no_session),
		TEST(faults_that_can_be_healed_are),
		TEST(a_fault_that_lasts_is_tried_once_more_and_no_oftener),
		TEST(capacity_is_passed_on),
		TEST(a_dead_holder_session_recovers),
		TEST(all_sessions_closed_recovers),
		TEST(a_logout_recovers),
		TEST(the_breaker_answers_at_once),
		TEST(a_lost_answer_to_a_creation_is_found),
		TEST(a_creation_needs_no_search),
		TEST(a_creation_searches_while_in_doubt),
		TEST(a_lost_token_directory_is_noticed_and_comes_back),
		TEST(another_token_in_its_place_is_refused),
		TEST(a_wrong_pin_is_tried_once),
		TEST(a_pin_refused_in_recovery_is_not_tried_again),
		TEST(the_last_try_is_left_to_the_operator),
		TEST(an_unsafe_token_is_not_opened),
		TEST(randomness_that_is_none_is_not_handed_out),
		TEST(an_unsafe_answer_has_the_token_probed_again),
		TEST(a_ciphertext_or_mac_of_nothing_is_not_handed_out),
		TEST(a_handle_that_went_stale_is_not_destroyed),
		TEST(a_session_that_is_gone_is_not_closed),
		TEST(only_the_key_that_is_meant_is_destroyed),
		TEST(a_module_that_cannot_end_recovers),
		TEST(an_ambiguous_uri_is_refused),
		TEST(a_label_is_initialised_once),
		TEST(a_uri_names_a_token_and_nothing_else),
		TEST(a_module_path_is_absolute_and_loads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
