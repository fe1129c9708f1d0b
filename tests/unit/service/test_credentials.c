/* SPDX-License-Identifier: Apache-2.0 */
/* Access keys and temporary credentials in memory, over a port that a test commands. */
#include "service/credentials.h"

#include <string.h>

#include "auth/session_token.h"
#include "auth/sigv4.h"
#include "base/mem.h"
#include "base/text.h"
#include "fixture.h"

#define NOW INT64_C(1763800000000)
#define LONG_LIVED "AKIAAAAAAAAAAAAAAAAA"
#define SESSION "ASIAAAAAAAAAAAAAAAAA"
#define TOKEN "the-session-token"
#define POLICY "{\"Statement\":[]}"
#define SECRET "0123456789012345678901234567890123456789"
#define DATE "20251122"

static struct world world;

/* What the port has, and what was asked of it. */
static struct {
	struct auth_access_key key;
	struct auth_session session;
	bool has_key, has_session;
	unsigned loads;
	struct credentials *drop; /* while a session is being loaded */
} store;

static struct clock_manual manual;

static struct err load_key(UNUSED void *self, struct view id, struct auth_access_key *out)
{
	store.loads++;
	if (!store.has_key || !view_equal_text(id, LONG_LIVED))
		return ERR(E_NOT_FOUND);
	*out = store.key;
	return OK;
}

static struct err load_session(UNUSED void *self, struct view id, struct auth_session *out)
{
	store.loads++;
	if (store.drop != NULL)
		credentials_drop(store.drop);
	if (!store.has_session || !view_equal_text(id, SESSION))
		return ERR(E_NOT_FOUND);
	*out = store.session;
	return OK;
}

static struct credentials_options options(void)
{
	return (struct credentials_options){
		.hsm = world.hsm,
		.identities = {.access_key_load = load_key, .session_load = load_session},
		.installation = world.installation,
		.token_timeout_ms = 5000,
		.clock = &manual.clock,
	};
}

static struct auth_access_key wrapped_for(const char *id)
{
	const struct credentials_options wrapping = options();
	CLEANUP(secret_free) struct secret *secret = NULL;
	struct auth_access_key key = {.status = AUTH_KEY_ACTIVE};
	key.principal = (struct auth_principal){
		.type = AUTH_USER, .account = "111122223333", .id = "AIDAAAAAAAAAAAAAAAAAA"};
	assert_ok(text_copy(key.principal.access_key_id, sizeof key.principal.access_key_id,
			    view_of_text(id)));
	assert_ok(secret_new_from(VIEW_LITERAL(SECRET), &secret));
	assert_ok(credentials_wrap(&wrapping, secret, &key));
	return key;
}

static int fill_store(UNUSED void **state)
{
	mem_zero(&store, sizeof store);
	clock_manual_init(&manual, NOW);
	manual.now_steady_ms = clock_steady_ms(&clock_system); /* the token's deadlines */
	store.key = wrapped_for(LONG_LIVED);
	struct auth_access_key key = wrapped_for(SESSION);
	store.session.principal = key.principal;
	store.session.principal.issued_ms = NOW;
	store.session.principal.expires_ms = NOW + 900000;
	store.session.wrapped_len = key.wrapped_len;
	mem_copy(store.session.wrapped, sizeof store.session.wrapped, key.wrapped, key.wrapped_len);
	assert_ok(
		text_copy(store.session.policy, sizeof store.session.policy, VIEW_LITERAL(POLICY)));
	assert_ok(auth_token_hash(VIEW_LITERAL(TOKEN), store.session.token_hash));
	store.has_key = store.has_session = true;
	return 0;
}

static struct credentials *memory(void)
{
	const struct credentials_options given = options();
	struct credentials *credentials = NULL;
	assert_ok(credentials_new(&given, &credentials));
	return credentials;
}

static struct credentials_query query(const char *id, const char *token)
{
	return (struct credentials_query){.access_key_id = view_of_text(id),
					  .date = VIEW_LITERAL(DATE),
					  .service = VIEW_LITERAL("kms"),
					  .session_token = view_of_text(token),
					  .may_block = true};
}

static struct err find(struct credentials *credentials, const char *id, const char *token)
{
	const struct credentials_query asked = query(id, token);
	CLEANUP(credentials_found_cleanup) struct credentials_found found = {.secret = NULL};
	return credentials_find(credentials, &asked, &found);
}

static void test_a_session_is_found_with_its_policy(UNUSED void **state)
{
	CLEANUP(credentials_free) struct credentials *credentials = memory();
	struct credentials_query asked = query(SESSION, TOKEN);
	asked.date = VIEW_NONE;
	CLEANUP(credentials_found_cleanup) struct credentials_found found = {.secret = NULL};
	assert_ok(credentials_find(credentials, &asked, &found));
	assert_true(view_equal_text(secret_view(found.secret), SECRET));
	assert_string_equal(found.session_policy, POLICY);
	assert_string_equal(found.principal.access_key_id, SESSION);
	assert_int_equal(found.principal.expires_ms, NOW + 900000);
}

static void test_a_long_lived_key_has_no_policy(UNUSED void **state)
{
	CLEANUP(credentials_free) struct credentials *credentials = memory();
	const struct credentials_query asked = query(LONG_LIVED, NULL);
	CLEANUP(credentials_found_cleanup) struct credentials_found found = {.secret = NULL};
	assert_ok(credentials_find(credentials, &asked, &found));
	assert_null(found.session_policy);
	assert_int_equal(found.secret->len, SIGV4_SIGNING_KEY_LEN);
}

static void test_a_session_in_memory_is_not_loaded_again(UNUSED void **state)
{
	CLEANUP(credentials_free) struct credentials *credentials = memory();
	assert_ok(find(credentials, SESSION, TOKEN));
	assert_ok(find(credentials, SESSION, TOKEN));
	assert_int_equal(store.loads, 1);
}

static void test_a_wrong_token_is_refused_before_the_secret_is_opened(UNUSED void **state)
{
	CLEANUP(credentials_free) struct credentials *credentials = memory();
	store.session.wrapped[store.session.wrapped_len - 1] ^= 1;
	assert_err(find(credentials, SESSION, "another-token"), E_AUTH_UNKNOWN_KEY);
	assert_err(find(credentials, SESSION, TOKEN), E_STORE_SEAL); /* opened only now */
}

static void test_a_wrong_token_is_refused_in_memory(UNUSED void **state)
{
	CLEANUP(credentials_free) struct credentials *credentials = memory();
	assert_ok(find(credentials, SESSION, TOKEN));
	assert_err(find(credentials, SESSION, "the-session-tokem"), E_AUTH_UNKNOWN_KEY);
	assert_err(find(credentials, SESSION, "the-session-toke"), E_AUTH_UNKNOWN_KEY);
}

/* Whoever knows the access key id, which is no secret, must not lock its owner out. */
static void test_a_wrong_token_does_not_make_the_session_unknown(UNUSED void **state)
{
	CLEANUP(credentials_free) struct credentials *credentials = memory();
	assert_err(find(credentials, SESSION, "another-token"), E_AUTH_UNKNOWN_KEY);
	assert_ok(find(credentials, SESSION, TOKEN));
}

static void test_a_missing_token_is_refused(UNUSED void **state)
{
	CLEANUP(credentials_free) struct credentials *credentials = memory();
	assert_ok(find(credentials, SESSION, TOKEN));
	assert_err(find(credentials, SESSION, NULL), E_AUTH_UNKNOWN_KEY);
}

static void test_a_token_with_a_long_lived_key_is_refused(UNUSED void **state)
{
	CLEANUP(credentials_free) struct credentials *credentials = memory();
	assert_ok(find(credentials, LONG_LIVED, NULL));
	assert_err(find(credentials, LONG_LIVED, TOKEN), E_AUTH_UNKNOWN_KEY);
}

static void test_a_session_ends_while_it_is_in_memory(UNUSED void **state)
{
	CLEANUP(credentials_free) struct credentials *credentials = memory();
	assert_ok(find(credentials, SESSION, TOKEN));
	clock_manual_advance(&manual, 899999);
	assert_ok(find(credentials, SESSION, TOKEN));
	clock_manual_advance(&manual, 1);
	assert_err(find(credentials, SESSION, TOKEN), E_AUTH_TOKEN_EXPIRED);
	assert_int_equal(store.loads, 1);
}

static void test_a_clock_that_is_set_back_lengthens_no_session(UNUSED void **state)
{
	CLEANUP(credentials_free) struct credentials *credentials = memory();
	store.session.principal.issued_ms = NOW;
	assert_ok(find(credentials, SESSION, TOKEN));
	manual.now_real_ms = NOW - SIGV4_SKEW_MS; /* as far as two machines' clocks may differ */
	assert_ok(find(credentials, SESSION, TOKEN));
	manual.now_real_ms -= 1;
	assert_err(find(credentials, SESSION, TOKEN), E_AUTH_TOKEN_EXPIRED);
}

static void test_a_session_that_has_ended_is_not_opened(UNUSED void **state)
{
	CLEANUP(credentials_free) struct credentials *credentials = memory();
	store.session.wrapped[store.session.wrapped_len - 1] ^= 1;
	clock_manual_advance(&manual, 900000);
	assert_err(find(credentials, SESSION, TOKEN), E_AUTH_TOKEN_EXPIRED);
	assert_err(find(credentials, SESSION, "another-token"), E_AUTH_UNKNOWN_KEY);
}

static void test_a_revoked_session_is_unknown_to_the_next_call(UNUSED void **state)
{
	CLEANUP(credentials_free) struct credentials *credentials = memory();
	assert_ok(find(credentials, SESSION, TOKEN));
	store.has_session = false;
	credentials_drop(credentials);
	assert_err(find(credentials, SESSION, TOKEN), E_AUTH_UNKNOWN_KEY);
}

static void test_what_was_loaded_across_a_drop_is_not_kept(UNUSED void **state)
{
	CLEANUP(credentials_free) struct credentials *credentials = memory();
	store.drop = credentials;
	assert_ok(find(credentials, SESSION, TOKEN)); /* true when it was asked */
	store.drop = NULL;
	store.has_session = false;
	assert_err(find(credentials, SESSION, TOKEN), E_AUTH_UNKNOWN_KEY);
}

/* A key that is made while the store answers that there is none. */
static void test_a_miss_across_a_drop_is_not_remembered(UNUSED void **state)
{
	CLEANUP(credentials_free) struct credentials *credentials = memory();
	store.drop = credentials;
	store.has_session = false;
	assert_err(find(credentials, SESSION, TOKEN), E_AUTH_UNKNOWN_KEY);
	store.has_session = true;
	assert_ok(find(credentials, SESSION, TOKEN));
}

static void test_a_miss_is_remembered_for_a_second(UNUSED void **state)
{
	CLEANUP(credentials_free) struct credentials *credentials = memory();
	store.has_session = false;
	assert_err(find(credentials, SESSION, TOKEN), E_AUTH_UNKNOWN_KEY);
	assert_err(find(credentials, SESSION, TOKEN), E_AUTH_UNKNOWN_KEY);
	assert_int_equal(store.loads, 1);
	clock_manual_advance(&manual, CREDENTIALS_UNKNOWN_MS);
	assert_err(find(credentials, SESSION, TOKEN), E_AUTH_UNKNOWN_KEY);
	assert_int_equal(store.loads, 2);
}

static void test_an_inactive_key_is_unknown(UNUSED void **state)
{
	CLEANUP(credentials_free) struct credentials *credentials = memory();
	store.key.status = AUTH_KEY_INACTIVE;
	assert_err(find(credentials, LONG_LIVED, NULL), E_AUTH_UNKNOWN_KEY);
}

static void test_each_service_has_its_own_signing_key(UNUSED void **state)
{
	CLEANUP(credentials_free) struct credentials *credentials = memory();
	struct credentials_query asked = query(LONG_LIVED, NULL);
	CLEANUP(credentials_found_cleanup) struct credentials_found kms = {.secret = NULL};
	CLEANUP(credentials_found_cleanup) struct credentials_found sts = {.secret = NULL};
	CLEANUP(credentials_found_cleanup) struct credentials_found again = {.secret = NULL};
	assert_ok(credentials_find(credentials, &asked, &kms));
	asked.service = VIEW_LITERAL("sts");
	assert_ok(credentials_find(credentials, &asked, &sts));
	asked.service = VIEW_LITERAL("kms");
	assert_ok(credentials_find(credentials, &asked, &again));
	assert_false(secret_equal(kms.secret, sts.secret));
	assert_true(secret_equal(kms.secret, again.secret));
}

static void test_ids_of_another_form_are_not_looked_for(UNUSED void **state)
{
	static const char *const others[] = {"ASIA", "ABIAAAAAAAAAAAAAAAAA", "ASIAAAAAAAAAAAAAAAA1",
					     "ASIAAAAAAAAAAAAAAAAAA", "asiaaaaaaaaaaaaaaaaa"};
	CLEANUP(credentials_free) struct credentials *credentials = memory();
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_err(find(credentials, others[i], TOKEN), E_AUTH_UNKNOWN_KEY);
	assert_int_equal(store.loads, 0);
}

static void test_blocking_is_left_to_the_pool(UNUSED void **state)
{
	CLEANUP(credentials_free) struct credentials *credentials = memory();
	struct credentials_query asked = query(SESSION, TOKEN);
	CLEANUP(credentials_found_cleanup) struct credentials_found found = {.secret = NULL};
	asked.may_block = false;
	assert_err(credentials_find(credentials, &asked, &found), E_WOULD_BLOCK);
	assert_int_equal(store.loads, 0);
}

static int begin(UNUSED void **state)
{
	world_make(&world);
	return 0;
}

static int end(UNUSED void **state)
{
	world_remove(&world);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, fill_store)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_session_is_found_with_its_policy),
		TEST(test_a_long_lived_key_has_no_policy),
		TEST(test_a_session_in_memory_is_not_loaded_again),
		TEST(test_a_wrong_token_is_refused_before_the_secret_is_opened),
		TEST(test_a_wrong_token_is_refused_in_memory),
		TEST(test_a_wrong_token_does_not_make_the_session_unknown),
		TEST(test_a_missing_token_is_refused),
		TEST(test_a_token_with_a_long_lived_key_is_refused),
		TEST(test_a_session_ends_while_it_is_in_memory),
		TEST(test_a_clock_that_is_set_back_lengthens_no_session),
		TEST(test_a_session_that_has_ended_is_not_opened),
		TEST(test_a_revoked_session_is_unknown_to_the_next_call),
		TEST(test_what_was_loaded_across_a_drop_is_not_kept),
		TEST(test_a_miss_across_a_drop_is_not_remembered),
		TEST(test_a_miss_is_remembered_for_a_second),
		TEST(test_an_inactive_key_is_unknown),
		TEST(test_each_service_has_its_own_signing_key),
		TEST(test_ids_of_another_form_are_not_looked_for),
		TEST(test_blocking_is_left_to_the_pool),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
