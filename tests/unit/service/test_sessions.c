/* SPDX-License-Identifier: Apache-2.0 */
/* Temporary credentials from their making to their end, and when access keys were used. */
#include "service/sessions.h"

#include <string.h>
#include <unistd.h>

#include "auth/session_token.h"
#include "base/mem.h"
#include "base/text.h"
#include "people.h"
#include "service/core.h"
#include "service/credentials.h"
#include "service/key_uses.h"
#include "the_world.h"

#define HOUR_MS INT64_C(3600000)

struct world world;

static struct service *service(void)
{
	return world.first.service;
}

static const struct auth_identities *identities(void)
{
	return &service()->options.identities;
}

static int64_t now_ms(void)
{
	return clock_real_ms(&clock_system);
}

/* A service acting for a user, until then. */
static struct auth_principal principal(int64_t expires_ms)
{
	struct auth_principal alice = people_principal(AUTH_USER, "alice");
	alice.issued_ms = expires_ms - HOUR_MS;
	alice.expires_ms = expires_ms;
	assert_ok(text_copy(alice.via_service, sizeof alice.via_service,
			    VIEW_LITERAL("rds.us-east-1.amazonaws.com")));
	return alice;
}

static void make(int64_t expires_ms, struct session_made *out)
{
	const struct auth_principal wanted = principal(expires_ms);
	assert_ok(session_make(service(), &wanted, VIEW_LITERAL("{}"), out));
}

static void store_one(int64_t expires_ms, char id[AUTH_ACCESS_KEY_ID_LEN + 1])
{
	CLEANUP(session_made_cleanup) struct session_made made;
	make(expires_ms, &made);
	assert_ok(identities()->session_add(identities()->self, &made.session, NULL));
	assert_ok(text_copy(id, AUTH_ACCESS_KEY_ID_LEN + 1,
			    view_of_text(made.session.principal.access_key_id)));
}

static bool is_stored(const char *id)
{
	CLEANUP(mem_free_at) struct auth_session *found = NULL;
	assert_ok(MEM_NEW(&found));
	struct err e = identities()->session_load(identities()->self, view_of_text(id), found);
	assert_true(!err_failed(e) || err_is(e, E_NOT_FOUND));
	return !err_failed(e);
}

static void test_what_is_made(UNUSED void **state)
{
	CLEANUP(session_made_cleanup) struct session_made made;
	uint8_t hash[AUTH_TOKEN_HASH_LEN];
	make(now_ms() + HOUR_MS, &made);
	assert_memory_equal(made.session.principal.access_key_id, "ASIA", 4);
	assert_int_equal(strlen(made.session.principal.access_key_id), AUTH_ACCESS_KEY_ID_LEN);
	assert_int_equal(made.secret_key->len, AUTH_SECRET_KEY_LEN);
	assert_int_equal(made.token->len, SESSION_TOKEN_TEXT - 1);
	assert_ok(auth_token_hash(secret_view(made.token), hash));
	assert_memory_equal(made.session.token_hash, hash, sizeof hash);
	assert_string_equal(made.session.policy, "{}");
}

static void test_nothing_is_made_twice(UNUSED void **state)
{
	CLEANUP(session_made_cleanup) struct session_made a;
	CLEANUP(session_made_cleanup) struct session_made b;
	make(now_ms() + HOUR_MS, &a);
	make(now_ms() + HOUR_MS, &b);
	assert_string_not_equal(a.session.principal.access_key_id,
				b.session.principal.access_key_id);
	assert_false(secret_equal(a.secret_key, b.secret_key));
	assert_false(secret_equal(a.token, b.token));
}

/* Neither secret nor token lies in the row; the secret comes back from the token alone. */
static void test_the_row_holds_no_secret(UNUSED void **state)
{
	CLEANUP(session_made_cleanup) struct session_made made;
	make(now_ms() + HOUR_MS, &made);
	const struct view row = view_of(&made.session, sizeof made.session);
	assert_null(memmem(row.ptr, row.len, made.secret_key->ptr, made.secret_key->len));
	assert_null(memmem(row.ptr, row.len, made.token->ptr, made.token->len));
}

static void test_a_stored_session_authenticates(UNUSED void **state)
{
	CLEANUP(session_made_cleanup) struct session_made made;
	CLEANUP(credentials_found_cleanup) struct credentials_found found = {.secret = NULL};
	make(now_ms() + HOUR_MS, &made);
	assert_ok(identities()->session_add(identities()->self, &made.session, NULL));
	const struct credentials_query query = {
		.access_key_id = view_of_text(made.session.principal.access_key_id),
		.session_token = secret_view(made.token),
		.may_block = true};
	assert_ok(credentials_find(service()->credentials, &query, &found));
	assert_true(secret_equal(found.secret, made.secret_key));
	assert_string_equal(found.principal.via_service, "rds.us-east-1.amazonaws.com");
	assert_string_equal(found.session_policy, "{}");
}

static void test_a_session_that_has_not_begun_is_a_defect(UNUSED void **state)
{
	struct session_made made;
	struct auth_principal wanted = principal(now_ms());
	wanted.expires_ms = wanted.issued_ms;
	assert_err(session_make(service(), &wanted, VIEW_NONE, &made), E_BUG);
}

static void test_a_policy_that_is_too_long_is_refused(UNUSED void **state)
{
	static char policy[AUTH_SESSION_POLICY_MAX + 1];
	struct session_made made;
	const struct auth_principal wanted = principal(now_ms() + HOUR_MS);
	memset(policy, ' ', sizeof policy);
	assert_err(session_make(service(), &wanted, VIEW_ARRAY(policy), &made), E_BOUNDS);
}

/* For a day after their end, whoever shows their token is told that they have expired. */
static void test_sessions_are_forgotten_a_day_after_their_end(UNUSED void **state)
{
	char live[AUTH_ACCESS_KEY_ID_LEN + 1], ended[AUTH_ACCESS_KEY_ID_LEN + 1],
		gone[AUTH_ACCESS_KEY_ID_LEN + 1];
	store_one(now_ms() + HOUR_MS, live);
	store_one(now_ms() - 23 * HOUR_MS, ended);
	store_one(now_ms() - 25 * HOUR_MS, gone);
	assert_ok(sessions_sweep(service()));
	assert_true(is_stored(live));
	assert_true(is_stored(ended));
	assert_false(is_stored(gone));
}

static void test_a_start_forgets_them(UNUSED void **state)
{
	char gone[AUTH_ACCESS_KEY_ID_LEN + 1];
	store_one(now_ms() - 25 * HOUR_MS, gone);
	world_stop(&world.first);
	world_start(&world, &world.first, "audit");
	for (unsigned i = 0; i < 500 && is_stored(gone); i++)
		(void)usleep(10000);
	assert_false(is_stored(gone));
}

/* --- use of access keys --- */

static void test_a_call_is_a_use_of_its_key(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r = {0};
	struct auth_key_use use;
	int64_t before_ms = now_ms();
	world_call(&world, &r, "ListKeys", "{}");
	assert_status(&r, 200);
	assert_ok(key_uses_find(service()->key_uses, view_of_text(world.access_key_id), &use));
	assert_string_equal(use.service, "kms");
	assert_true(use.time_ms >= before_ms && use.time_ms <= now_ms());
}

static void test_a_call_that_is_not_authenticated_is_none(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r = {0};
	struct auth_key_use before, after;
	const struct twist twist = {.break_signature = true};
	struct view id = view_of_text(world.access_key_id);
	assert_ok(key_uses_find(service()->key_uses, id, &before));
	world_call_twisted(&world, &twist, "ListKeys", "{}", &r);
	assert_status(&r, 400);
	assert_ok(key_uses_find(service()->key_uses, id, &after));
	assert_int_equal(after.time_ms, before.time_ms);
}

static void test_a_key_that_was_never_used(UNUSED void **state)
{
	struct auth_key_use use;
	assert_err(key_uses_find(service()->key_uses, VIEW_LITERAL("AKIAAAAAAAAAAAAAAAAA"), &use),
		   E_NOT_FOUND);
}

/* What was noted is in the store once the recorder has ended, and the newest wins. */
static void test_uses_are_written_down(UNUSED void **state)
{
	const struct key_uses_options options = {.identities = *identities()};
	struct key_uses *uses = NULL;
	struct auth_key_use use = {.time_ms = now_ms() + HOUR_MS, .service = "sts"}, found;
	struct view id = view_of_text(world.access_key_id);
	assert_ok(text_copy(use.access_key_id, sizeof use.access_key_id, id));
	assert_ok(key_uses_start(&options, &uses));
	key_uses_note(uses, &use);
	use.time_ms -= 1;
	assert_ok(text_copy(use.service, sizeof use.service, VIEW_LITERAL("kms")));
	key_uses_note(uses, &use); /* an earlier one comes late */
	key_uses_stop(&uses);
	assert_ok(identities()->key_use_load(identities()->self, id, &found));
	assert_string_equal(found.service, "sts");
	assert_int_equal(found.time_ms, use.time_ms + 1);
}

static int begin(UNUSED void **state)
{
	world_make(&world);
	world_start(&world, &world.first, "audit");
	people_make(identities(), AUTH_KIND_USER, "alice", NOTHING);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_made),
		cmocka_unit_test(test_nothing_is_made_twice),
		cmocka_unit_test(test_the_row_holds_no_secret),
		cmocka_unit_test(test_a_stored_session_authenticates),
		cmocka_unit_test(test_a_session_that_has_not_begun_is_a_defect),
		cmocka_unit_test(test_a_policy_that_is_too_long_is_refused),
		cmocka_unit_test(test_sessions_are_forgotten_a_day_after_their_end),
		cmocka_unit_test(test_a_start_forgets_them),
		cmocka_unit_test(test_a_call_is_a_use_of_its_key),
		cmocka_unit_test(test_a_call_that_is_not_authenticated_is_none),
		cmocka_unit_test(test_a_key_that_was_never_used),
		cmocka_unit_test(test_uses_are_written_down),
	};
	return cmocka_run_group_tests(tests, begin, the_world_tear_down);
}
