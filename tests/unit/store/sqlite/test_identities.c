/* SPDX-License-Identifier: Apache-2.0 */
/* Identities: made once, changed under their revision, removed as they were seen, listed. */
#include "../fixture.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define IDS(f) (&(f)->identities)

static const struct auth_change_record record_1 = {"00000000-0000-4000-8000-0000000000a1",
						   VIEW_LITERAL("{\"eventName\":\"CreateUser\"}")};
static const struct auth_change_record record_2 = {"00000000-0000-4000-8000-0000000000a2",
						   VIEW_LITERAL("{\"eventName\":\"UpdateUser\"}")};

static struct err create(struct fixture *f, const struct auth_identity *identity)
{
	return IDS(f)->create(IDS(f)->self, identity, NULL);
}

static struct err load(struct fixture *f, enum auth_identity_kind kind, const char *account,
		       const char *name, struct auth_identity *out)
{
	return IDS(f)->load(IDS(f)->self, kind, view_of_text(account), view_of_text(name), out);
}

/* Whether it can be loaded. */
static struct err look(struct fixture *f, const struct auth_identity *of)
{
	CLEANUP(auth_identity_cleanup) struct auth_identity identity = {0};
	return load(f, of->kind, of->account, of->name, &identity);
}

static void assert_same(const struct auth_identity *a, const struct auth_identity *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_string_equal(a->account, b->account);
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->id, b->id);
	assert_string_equal(a->arn, b->arn);
	assert_int_equal(a->created_ms, b->created_ms);
	assert_int_equal(a->revision, b->revision);
	assert_string_equal(a->document, b->document);
}

static void test_every_kind_is_loaded_as_made(void **state)
{
	struct fixture *f = *state;
	for (unsigned kind = AUTH_KIND_ACCOUNT; kind < AUTH_KIND_COUNT; kind++) {
		struct auth_identity given = sample_identity(kind, 3);
		CLEANUP(auth_identity_cleanup) struct auth_identity by_name = {0};
		CLEANUP(auth_identity_cleanup) struct auth_identity by_id = {0};
		assert_err(look(f, &given), E_NOT_FOUND);
		assert_ok(create(f, &given));
		assert_ok(load(f, given.kind, given.account, given.name, &by_name));
		assert_ok(IDS(f)->load_by_id(IDS(f)->self, view_of_text(given.id), &by_id));
		assert_same(&by_name, &given);
		assert_same(&by_id, &given);
	}
}

static void test_services_and_accounts_are_found_without_an_account(void **state)
{
	struct fixture *f = *state;
	for (unsigned kind = AUTH_KIND_ACCOUNT; kind < AUTH_KIND_COUNT; kind++) {
		struct auth_identity given = sample_identity(kind, 3);
		struct auth_identity read = {0};
		bool anywhere = kind == AUTH_KIND_ACCOUNT || kind == AUTH_KIND_SERVICE;
		assert_ok(create(f, &given));
		assert_err(load(f, kind, "", given.name, &read), anywhere ? E_OK : E_NOT_FOUND);
		assert_err(load(f, kind, "999999999999", given.name, &read), E_NOT_FOUND);
		if (anywhere)
			auth_identity_cleanup(&read);
	}
}

static void test_name_is_taken_once_in_its_account(void **state)
{
	struct fixture *f = *state;
	struct auth_identity one = sample_identity(AUTH_KIND_USER, 1);
	struct auth_identity other = sample_identity(AUTH_KIND_USER, 2);
	assert_ok(create(f, &one));
	assert_err(create(f, &one), E_EXISTS);
	assert_ok(text_copy(other.name, sizeof other.name, view_of_text(one.name)));
	assert_err(create(f, &other), E_EXISTS);
	/* IAM API: "names are not distinguished by case". */
	other.name[0] = 'U';
	assert_err(create(f, &other), E_EXISTS);
	/* Another account is another place. */
	assert_ok(text_copy(other.account, sizeof other.account, VIEW_LITERAL("000000000002")));
	assert_ok(create(f, &other));
	/* As is another kind. */
	other = sample_identity(AUTH_KIND_GROUP, 1);
	assert_ok(text_copy(other.name, sizeof other.name, view_of_text(one.name)));
	assert_ok(create(f, &other));
}

static void test_id_and_arn_are_taken_once(void **state)
{
	struct fixture *f = *state;
	struct auth_identity one = sample_identity(AUTH_KIND_USER, 1);
	struct auth_identity id = sample_identity(AUTH_KIND_USER, 2);
	struct auth_identity arn = sample_identity(AUTH_KIND_USER, 3);
	assert_ok(create(f, &one));
	assert_ok(text_copy(id.id, sizeof id.id, view_of_text(one.id)));
	assert_err(create(f, &id), E_EXISTS);
	assert_ok(text_copy(arn.arn, sizeof arn.arn, view_of_text(one.arn)));
	assert_err(create(f, &arn), E_EXISTS);
}

static void test_service_is_taken_once_anywhere(void **state)
{
	struct fixture *f = *state;
	struct auth_identity one = sample_identity(AUTH_KIND_SERVICE, 1);
	struct auth_identity other = sample_identity(AUTH_KIND_SERVICE, 1);
	assert_ok(create(f, &one));
	assert_ok(text_copy(other.account, sizeof other.account, VIEW_LITERAL("000000000002")));
	other.id[10] = '9';
	assert_err(create(f, &other), E_EXISTS);
}

static void test_what_is_no_identity_is_not_stored(void **state)
{
	struct fixture *f = *state;
	struct auth_identity bad = sample_identity(AUTH_KIND_USER, 1);
	bad.revision = 0;
	assert_err(create(f, &bad), E_BUG);
	bad = sample_identity(AUTH_KIND_USER, 1);
	bad.document = NULL;
	assert_err(create(f, &bad), E_BUG);
	bad = sample_identity(AUTH_KIND_ACCOUNT, 1);
	bad.name[0] = '9';
	assert_err(create(f, &bad), E_BUG);
	bad = sample_identity(AUTH_KIND_SERVICE, 1);
	bad.arn[0] = 'x';
	assert_err(create(f, &bad), E_BUG);
	bad = sample_identity(AUTH_KIND_USER, 1);
	bad.kind = AUTH_KIND_COUNT;
	assert_err(create(f, &bad), E_BUG);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM identities"), 0);
}

static void test_update_wants_the_revision_before(void **state)
{
	struct fixture *f = *state;
	struct auth_identity identity = sample_identity(AUTH_KIND_USER, 1);
	CLEANUP(auth_identity_cleanup) struct auth_identity read = {0};
	char changed[] = "{\"Description\":\"other\"}";
	assert_err(IDS(f)->update(IDS(f)->self, &identity, NULL), E_STORE_CONFLICT);
	assert_ok(create(f, &identity));
	identity.document = changed;
	assert_err(IDS(f)->update(IDS(f)->self, &identity, NULL), E_STORE_CONFLICT);
	identity.revision = 3;
	assert_err(IDS(f)->update(IDS(f)->self, &identity, NULL), E_STORE_CONFLICT);
	identity.revision = 2;
	assert_ok(IDS(f)->update(IDS(f)->self, &identity, NULL));
	assert_err(IDS(f)->update(IDS(f)->self, &identity, NULL), E_STORE_CONFLICT);
	assert_ok(load(f, identity.kind, identity.account, identity.name, &read));
	assert_same(&read, &identity);
}

/* Removed and made again, it is another: its id says so. */
static void test_update_does_not_meet_one_made_anew(void **state)
{
	struct fixture *f = *state;
	struct auth_identity first = sample_identity(AUTH_KIND_USER, 1);
	struct auth_identity again = first;
	again.id[10] = '9';
	assert_ok(create(f, &first));
	assert_ok(IDS(f)->remove(IDS(f)->self, &first, NULL));
	assert_ok(create(f, &again));
	first.revision = 2;
	assert_err(IDS(f)->update(IDS(f)->self, &first, NULL), E_STORE_CONFLICT);
	first.revision = 1;
	assert_err(IDS(f)->remove(IDS(f)->self, &first, NULL), E_STORE_CONFLICT);
	assert_ok(look(f, &again));
}

static void test_remove_wants_it_as_it_was_seen(void **state)
{
	struct fixture *f = *state;
	struct auth_identity seen = sample_identity(AUTH_KIND_USER, 1);
	struct auth_identity moved = seen;
	moved.revision = 2;
	assert_ok(create(f, &seen));
	assert_ok(IDS(f)->update(IDS(f)->self, &moved, NULL));
	assert_err(IDS(f)->remove(IDS(f)->self, &seen, NULL), E_STORE_CONFLICT);
	assert_ok(look(f, &seen));
	assert_ok(IDS(f)->remove(IDS(f)->self, &moved, NULL));
	assert_err(look(f, &seen), E_NOT_FOUND);
	assert_err(IDS(f)->remove(IDS(f)->self, &moved, NULL), E_STORE_CONFLICT);
}

static void test_remove_refuses_while_access_keys_are_there(void **state)
{
	struct fixture *f = *state;
	struct auth_identity alice = sample_alice();
	struct auth_access_key key = sample_access_key(1);
	assert_ok(sample_alice_create(f));
	assert_err(IDS(f)->remove(IDS(f)->self, &alice, NULL), E_STORE_CONFLICT);
	assert_ok(look(f, &alice));
	assert_ok(IDS(f)->access_key_remove(IDS(f)->self, view_of_text(key.principal.access_key_id),
					    NULL));
	assert_ok(IDS(f)->remove(IDS(f)->self, &alice, NULL));
}

static void test_remove_takes_the_sessions_along(void **state)
{
	struct fixture *f = *state;
	struct auth_identity role = sample_identity(AUTH_KIND_ROLE, 1);
	struct auth_session session = sample_session(1);
	assert_ok(create(f, &role));
	assert_ok(IDS(f)->session_add(IDS(f)->self, &session, NULL));
	assert_ok(IDS(f)->remove(IDS(f)->self, &role, NULL));
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM sessions"), 0);
}

/* A removal that is refused leaves everything, sessions included. */
static void test_refused_removal_leaves_the_sessions(void **state)
{
	struct fixture *f = *state;
	struct auth_identity role = sample_identity(AUTH_KIND_ROLE, 1);
	struct auth_session session = sample_session(1);
	assert_ok(create(f, &role));
	assert_ok(IDS(f)->session_add(IDS(f)->self, &session, NULL));
	role.created_ms++;
	assert_err(IDS(f)->remove(IDS(f)->self, &role, &record_1), E_STORE_CONFLICT);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM sessions"), 1);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 0);
}

static void test_account_with_anything_in_it_stays(void **state)
{
	struct fixture *f = *state;
	struct auth_identity account = sample_identity(AUTH_KIND_ACCOUNT, 1);
	struct auth_identity user = sample_identity(AUTH_KIND_USER, 1);
	assert_ok(create(f, &account));
	assert_ok(text_copy(user.account, sizeof user.account, view_of_text(account.account)));
	assert_ok(create(f, &user));
	assert_err(IDS(f)->remove(IDS(f)->self, &account, NULL), E_STORE_CONFLICT);
	assert_ok(IDS(f)->remove(IDS(f)->self, &user, NULL));
	/* What others have does not matter. */
	assert_ok(sample_create(f, 1));
	assert_ok(sample_identity_create(f, AUTH_KIND_USER, 1));
	assert_ok(IDS(f)->remove(IDS(f)->self, &account, NULL));
}

static void test_account_with_a_key_stays(void **state)
{
	struct fixture *f = *state;
	struct auth_identity account = sample_identity(AUTH_KIND_ACCOUNT, 1);
	struct view number = view_of_text(sample_scope.account);
	assert_ok(text_copy(account.account, sizeof account.account, number));
	assert_ok(text_copy(account.name, sizeof account.name, number));
	assert_ok(text_copy(account.id, sizeof account.id, number));
	assert_ok(create(f, &account));
	assert_ok(sample_create(f, 1));
	assert_err(IDS(f)->remove(IDS(f)->self, &account, NULL), E_STORE_CONFLICT);
}

/* The record of a call is there exactly when its change is. */
static void test_record_goes_with_the_change(void **state)
{
	struct fixture *f = *state;
	struct auth_identity identity = sample_identity(AUTH_KIND_USER, 1);
	assert_ok(IDS(f)->create(IDS(f)->self, &identity, &record_1));
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox WHERE event_id="
					"'00000000-0000-4000-8000-0000000000a1'"),
			 1);
	assert_err(IDS(f)->create(IDS(f)->self, &identity, &record_2), E_EXISTS);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 1);
	/* The record of another call cannot stand for it. */
	identity.revision = 2;
	assert_err(IDS(f)->update(IDS(f)->self, &identity, &record_1), E_EXISTS);
	assert_int_equal(fixture_ask(f, "SELECT revision FROM identities"), 1);
	assert_ok(IDS(f)->update(IDS(f)->self, &identity, &record_2));
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 2);
}

static void test_nothing_is_stored_without_the_sealer(void **state)
{
	struct fixture *f = *state;
	struct auth_identity identity = sample_identity(AUTH_KIND_USER, 1);
	f->seal_failure = ERR(E_HSM_AWAY);
	assert_err(create(f, &identity), E_HSM_AWAY);
	f->seal_failure = OK;
	assert_err(look(f, &identity), E_NOT_FOUND);
	assert_ok(create(f, &identity));
	f->seal_failure = ERR(E_HSM_AWAY);
	assert_err(look(f, &identity), E_HSM_AWAY);
}

/* ---- lists ---- */

/* Walks all pages of `limit`; answers how many there were. */
static size_t walk(struct fixture *f, struct auth_identity_query query)
{
	char last[AUTH_NAME_MAX + 1] = "";
	size_t count = 0;
	for (bool more = true; more;) {
		CLEANUP(auth_identity_page_cleanup) struct auth_identity_page page = {0};
		query.after = view_of_text(last);
		assert_ok(IDS(f)->list(IDS(f)->self, &query, &page));
		assert_true(page.count <= query.limit);
		assert_true(page.count == query.limit || !page.more);
		for (size_t i = 0; i < page.count; i++) {
			assert_int_equal(page.identities[i].kind, query.kind);
			assert_true(strcmp(last, page.identities[i].name) < 0);
			assert_ok(text_copy(last, sizeof last,
					    view_of_text(page.identities[i].name)));
		}
		count += page.count;
		more = page.more;
	}
	return count;
}

static void test_lists_are_in_order_and_whole(void **state)
{
	struct fixture *f = *state;
	struct auth_identity_query query = {.kind = AUTH_KIND_USER,
					    .account = VIEW_LITERAL("123456789012")};
	for (uint32_t n = 0; n < 25; n++) {
		assert_ok(sample_identity_create(f, AUTH_KIND_USER, n));
		assert_ok(sample_identity_create(f, AUTH_KIND_ROLE, n));
	}
	static const size_t limits[] = {1, 7, 24, 25, 26, AUTH_IDENTITY_PAGE_MAX};
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		query.limit = limits[i];
		assert_int_equal(walk(f, query), 25);
	}
	query.account = VIEW_LITERAL("000000000001");
	assert_int_equal(walk(f, query), 0);
}

static void test_services_of_all_accounts_are_listed(void **state)
{
	struct fixture *f = *state;
	struct auth_identity_query query = {.kind = AUTH_KIND_SERVICE, .limit = 2};
	for (uint32_t n = 0; n < 5; n++) {
		struct auth_identity service = sample_identity(AUTH_KIND_SERVICE, n);
		assert_ok(text_format(service.account, sizeof service.account, "%012u", n % 2));
		assert_ok(create(f, &service));
	}
	assert_int_equal(walk(f, query), 5);
	query.account = VIEW_LITERAL("000000000001");
	assert_int_equal(walk(f, query), 2);
}

static void test_limits_of_a_page_are_kept(void **state)
{
	struct fixture *f = *state;
	struct auth_identity_page page;
	struct auth_identity_query query = {.kind = AUTH_KIND_ACCOUNT, .limit = 0};
	assert_err(IDS(f)->list(IDS(f)->self, &query, &page), E_BOUNDS);
	query.limit = AUTH_IDENTITY_PAGE_MAX + 1;
	assert_err(IDS(f)->list(IDS(f)->self, &query, &page), E_BOUNDS);
	query.limit = 1;
	query.kind = AUTH_KIND_USER; /* of an account, always */
	assert_err(IDS(f)->list(IDS(f)->self, &query, &page), E_BUG);
}

/* More than one batch of the store can hold: documents of the largest size. */
static void test_large_documents_are_listed(void **state)
{
	struct fixture *f = *state;
	enum { COUNT = 200 };
	struct auth_identity_query query = {.kind = AUTH_KIND_USER,
					    .account = VIEW_LITERAL("123456789012"),
					    .limit = COUNT - 1};
	CLEANUP(auth_identity_page_cleanup) struct auth_identity_page page = {0};
	static char document[AUTH_DETAILS_MAX + 1];
	for (size_t i = 0; i < AUTH_DETAILS_MAX; i++)
		document[i] = 'x';
	for (uint32_t n = 0; n < COUNT; n++) {
		struct auth_identity user = sample_identity(AUTH_KIND_USER, n);
		user.document = document;
		assert_ok(create(f, &user));
	}
	assert_ok(IDS(f)->list(IDS(f)->self, &query, &page));
	assert_int_equal(page.count, COUNT - 1);
	assert_true(page.more);
	assert_int_equal(strlen(page.identities[COUNT - 2].document), AUTH_DETAILS_MAX);
}

static void test_cleared_identities_are_gone(void **state)
{
	struct fixture *f = *state;
	struct auth_session session = sample_session(1);
	struct auth_access_key key;
	assert_ok(sample_alice_create(f));
	assert_ok(sample_identity_create(f, AUTH_KIND_ROLE, 1));
	assert_ok(sample_identity_create(f, AUTH_KIND_ACCOUNT, 1));
	assert_ok(IDS(f)->session_add(IDS(f)->self, &session, NULL));
	assert_ok(IDS(f)->clear(IDS(f)->self));
	assert_err(
		IDS(f)->access_key_load(IDS(f)->self, VIEW_LITERAL("AKIA0000000000000001"), &key),
		E_NOT_FOUND);
	assert_int_equal(fixture_ask(f, "SELECT (SELECT count(*) FROM identities)+"
					"(SELECT count(*) FROM access_keys)+"
					"(SELECT count(*) FROM sessions)"),
			 0);
	assert_ok(sample_alice_create(f));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_every_kind_is_loaded_as_made),
		TEST(test_services_and_accounts_are_found_without_an_account),
		TEST(test_name_is_taken_once_in_its_account),
		TEST(test_id_and_arn_are_taken_once),
		TEST(test_service_is_taken_once_anywhere),
		TEST(test_what_is_no_identity_is_not_stored),
		TEST(test_update_wants_the_revision_before),
		TEST(test_update_does_not_meet_one_made_anew),
		TEST(test_remove_wants_it_as_it_was_seen),
		TEST(test_remove_refuses_while_access_keys_are_there),
		TEST(test_remove_takes_the_sessions_along),
		TEST(test_refused_removal_leaves_the_sessions),
		TEST(test_account_with_anything_in_it_stays),
		TEST(test_account_with_a_key_stays),
		TEST(test_record_goes_with_the_change),
		TEST(test_nothing_is_stored_without_the_sealer),
		TEST(test_lists_are_in_order_and_whole),
		TEST(test_services_of_all_accounts_are_listed),
		TEST(test_limits_of_a_page_are_kept),
		TEST(test_large_documents_are_listed),
		TEST(test_cleared_identities_are_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
