/* SPDX-License-Identifier: Apache-2.0 */
/* Temporary credentials: given back whole, revoked, listed, swept away. */
#include "../fixture.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define IDS(f) (&(f)->identities)

static const struct auth_change_record record = {"00000000-0000-4000-8000-0000000000a1",
						 VIEW_LITERAL("{\"eventName\":\"AssumeRole\"}")};

static int setup(void **state)
{
	(void)fixture_setup(state);
	assert_ok(sample_identity_create(*state, AUTH_KIND_ROLE, 1));
	return 0;
}

static struct err add(struct fixture *f, const struct auth_session *session)
{
	return IDS(f)->session_add(IDS(f)->self, session, NULL);
}

static struct err load(struct fixture *f, uint32_t n, struct auth_session *out)
{
	struct auth_session wanted = sample_session(n);
	return IDS(f)->session_load(IDS(f)->self, view_of_text(wanted.principal.access_key_id),
				    out);
}

static void assert_same_principal(const struct auth_principal *a, const struct auth_principal *b)
{
	assert_int_equal(a->type, b->type);
	assert_string_equal(a->account, b->account);
	assert_string_equal(a->arn, b->arn);
	assert_string_equal(a->id, b->id);
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->access_key_id, b->access_key_id);
	assert_string_equal(a->role_arn, b->role_arn);
	assert_string_equal(a->role_name, b->role_name);
	assert_int_equal(a->issued_ms, b->issued_ms);
	assert_int_equal(a->expires_ms, b->expires_ms);
	assert_string_equal(a->via_service, b->via_service);
	assert_string_equal(a->source_arn, b->source_arn);
	assert_string_equal(a->source_account, b->source_account);
}

static void test_session_is_loaded_as_added(void **state)
{
	struct fixture *f = *state;
	struct auth_session given = sample_session(1);
	struct auth_session read = {0};
	assert_err(load(f, 1, &read), E_NOT_FOUND);
	assert_ok(IDS(f)->session_add(IDS(f)->self, &given, &record));
	assert_ok(load(f, 1, &read));
	assert_same_principal(&read.principal, &given.principal);
	assert_memory_equal(read.token_hash, given.token_hash, sizeof read.token_hash);
	assert_string_equal(read.policy, given.policy);
	assert_int_equal(read.wrapped_len, given.wrapped_len);
	assert_memory_equal(read.wrapped, given.wrapped, given.wrapped_len);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 1);
	assert_err(add(f, &given), E_EXISTS);
}

static void test_session_wants_its_identity(void **state)
{
	struct fixture *f = *state;
	struct auth_session session = sample_session(1);
	session.principal.id[10] = '9';
	assert_err(IDS(f)->session_add(IDS(f)->self, &session, &record), E_NOT_FOUND);
	session = sample_session(1);
	session.principal.account[0] = '9';
	assert_err(IDS(f)->session_add(IDS(f)->self, &session, &record), E_NOT_FOUND);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 0);
}

/* An operator has no credentials. */
static void test_session_of_an_operator_is_not_stored(void **state)
{
	struct fixture *f = *state;
	struct auth_session session = sample_session(1);
	session.principal.type = AUTH_OPERATOR;
	assert_err(add(f, &session), E_BUG);
}

static void test_removed_session_is_gone(void **state)
{
	struct fixture *f = *state;
	struct auth_session session = sample_session(1);
	struct view id = view_of_text(session.principal.access_key_id);
	assert_ok(add(f, &session));
	assert_ok(IDS(f)->session_remove(IDS(f)->self, id, &record));
	assert_err(load(f, 1, &session), E_NOT_FOUND);
	assert_err(IDS(f)->session_remove(IDS(f)->self, id, NULL), E_NOT_FOUND);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 1);
}

/* Else a service that is made anew under the name would find them. */
static void test_a_deleted_service_acts_for_nobody(void **state)
{
	struct fixture *f = *state;
	struct auth_identity service = sample_identity(AUTH_KIND_SERVICE, 1);
	struct auth_session via = sample_session(1), other = sample_session(2);
	assert_ok(sample_identity_create(f, AUTH_KIND_SERVICE, 1));
	assert_ok(text_copy(via.principal.via_service, sizeof via.principal.via_service,
			    view_of_text(service.name)));
	assert_ok(add(f, &via));
	assert_ok(add(f, &other));
	assert_ok(IDS(f)->remove(IDS(f)->self, &service, NULL));
	assert_err(load(f, 1, &via), E_NOT_FOUND);
	assert_ok(load(f, 2, &other));
}

static struct err list(struct fixture *f, const struct auth_session_query *query,
		       struct auth_session **out, size_t *count)
{
	return IDS(f)->session_list(IDS(f)->self, query, out, count);
}

static size_t walk(struct fixture *f, const char *account, size_t limit)
{
	char last[AUTH_ACCESS_KEY_ID_MAX + 1] = "";
	size_t all = 0;
	for (size_t count = limit; count == limit; all += count) {
		CLEANUP(mem_free_at) struct auth_session *sessions = NULL;
		const struct auth_session_query query = {view_of_text(account), view_of_text(last),
							 limit};
		assert_ok(list(f, &query, &sessions, &count));
		for (size_t i = 0; i < count; i++) {
			assert_true(strcmp(last, sessions[i].principal.access_key_id) < 0);
			assert_ok(text_copy(last, sizeof last,
					    view_of_text(sessions[i].principal.access_key_id)));
		}
	}
	return all;
}

static void test_sessions_of_an_account_are_listed(void **state)
{
	struct fixture *f = *state;
	struct auth_session *none = NULL;
	size_t count = 0;
	for (uint32_t n = 0; n < 12; n++) {
		struct auth_session session = sample_session(n);
		assert_ok(add(f, &session));
	}
	assert_int_equal(walk(f, "123456789012", 1), 12);
	assert_int_equal(walk(f, "123456789012", 5), 12);
	assert_int_equal(walk(f, "123456789012", AUTH_IDENTITY_PAGE_MAX + 1), 12);
	assert_int_equal(walk(f, "000000000001", 5), 0);
	struct auth_session_query query = {.limit = 0};
	assert_err(list(f, &query, &none, &count), E_BOUNDS);
	query.limit = AUTH_IDENTITY_PAGE_MAX + 2;
	assert_err(list(f, &query, &none, &count), E_BOUNDS);
}

/* The largest that there may be, a page of them. */
static void test_large_sessions_are_listed(void **state)
{
	struct fixture *f = *state;
	CLEANUP(mem_free_at) struct auth_session *sessions = NULL;
	size_t count = 0;
	for (uint32_t n = 0; n <= AUTH_IDENTITY_PAGE_MAX; n++) {
		struct auth_session session = sample_session(n);
		for (size_t i = 0; i < AUTH_SESSION_POLICY_MAX; i++)
			session.policy[i] = 'x';
		for (size_t i = 0; i < AUTH_ARN_MAX; i++)
			session.principal.arn[i] = session.principal.source_arn[i] = 'x';
		session.wrapped_len = AUTH_WRAPPED_MAX;
		assert_ok(add(f, &session));
	}
	const struct auth_session_query query = {VIEW_LITERAL("123456789012"), VIEW_NONE,
						 AUTH_IDENTITY_PAGE_MAX + 1};
	assert_ok(list(f, &query, &sessions, &count));
	assert_int_equal(count, AUTH_IDENTITY_PAGE_MAX + 1);
}

static void test_ended_sessions_are_swept(void **state)
{
	struct fixture *f = *state;
	struct auth_session session;
	int64_t end = sample_session(0).principal.expires_ms;
	for (uint32_t n = 0; n < 5; n++) {
		session = sample_session(n);
		session.principal.expires_ms += n;
		assert_ok(add(f, &session));
	}
	assert_ok(IDS(f)->session_sweep(IDS(f)->self, end));
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM sessions"), 5);
	assert_ok(IDS(f)->session_sweep(IDS(f)->self, end + 2));
	assert_err(load(f, 1, &session), E_NOT_FOUND);
	assert_ok(load(f, 2, &session));
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM sessions"), 3);
}

/* More than one transaction takes. */
static void test_many_ended_sessions_are_swept(void **state)
{
	struct fixture *f = *state;
	struct auth_session session = sample_session(1);
	assert_ok(add(f, &session));
	fixture_sql(f,
		    "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i+1 FROM n WHERE i<2500)"
		    "INSERT INTO sessions SELECT printf('ASIA%016d',n.i),account,principal_id,type,"
		    "arn,name,role_arn,role_name,issued_ms,expires_ms,via_service,source_arn,"
		    "source_account,token_hash,policy,wrapped,seal FROM sessions,n");
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM sessions"), 2500);
	assert_ok(IDS(f)->session_sweep(IDS(f)->self, INT64_MAX));
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM sessions"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_session_is_loaded_as_added),
		TEST(test_session_wants_its_identity),
		TEST(test_session_of_an_operator_is_not_stored),
		TEST(test_removed_session_is_gone),
		TEST(test_a_deleted_service_acts_for_nobody),
		TEST(test_sessions_of_an_account_are_listed),
		TEST(test_large_sessions_are_listed),
		TEST(test_ended_sessions_are_swept),
		TEST(test_many_ended_sessions_are_swept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
