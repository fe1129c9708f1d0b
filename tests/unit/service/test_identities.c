/* SPDX-License-Identifier: Apache-2.0 */
/* Identities in a running service: what init and the start make, and how changes arrive. */
#include "people.h"

#include <unistd.h>

#include "auth/managed.h"
#include "base/text.h"
#include "service/core.h"
#include "service/credentials.h"
#include "service/subjects.h"

#define ARN PEOPLE_ARN
#define WAIT_MS 5
#define WAITS 600

static struct world world;
static struct world_service *const second = &(struct world_service){0}; /* another process */

static struct auth_identities identities(void)
{
	return store_sqlite_identities(world.first.store);
}

static struct subjects *subjects(void)
{
	return world.first.service->subjects;
}

static size_t count_of(enum auth_identity_kind kind)
{
	CLEANUP(auth_identity_page_cleanup) struct auth_identity_page page = {0};
	const struct auth_identities port = identities();
	const struct auth_identity_query query = {
		.kind = kind, .account = VIEW_LITERAL(WORLD_ACCOUNT), .limit = 10};
	assert_ok(port.list(port.self, &query, &page));
	return page.count;
}

static void acquire(const char *name, struct subject **out)
{
	struct auth_principal principal;
	assert_ok(subjects_find(subjects(), view_of_text(name), &principal));
	assert_ok(subjects_acquire(subjects(), &principal, VIEW_NONE, true, out));
}

/* The world's init was interrupted once, after its identities were made. */
static void test_init_makes_one_account_and_one_administrator(void **state)
{
	CLEANUP(subject_release) struct subject *subject = NULL;
	(void)state;
	assert_int_equal(count_of(AUTH_KIND_ACCOUNT), 1);
	assert_int_equal(count_of(AUTH_KIND_USER), 1);
	acquire(WORLD_ACCOUNT, &subject);
	subject_release(&subject);
	acquire(ARN("user/admin"), &subject);
	assert_int_equal(subject_of(subject)->policy_count, 1);
	assert_string_equal(subject_of(subject)->policies[0].name,
			    "aws:policy/" AUTH_MANAGED_ADMINISTRATOR);
}

static void test_the_first_access_key_is_the_administrators(void **state)
{
	struct auth_access_key key;
	const struct auth_identities port = identities();
	struct auth_principal principal;
	(void)state;
	assert_ok(port.access_key_load(port.self, view_of_text(world.access_key_id), &key));
	assert_ok(subjects_find(subjects(), VIEW_LITERAL(ARN("user/admin")), &principal));
	assert_int_equal(key.principal.type, AUTH_USER);
	assert_string_equal(key.principal.arn, principal.arn);
	assert_string_equal(key.principal.id, principal.id);
	assert_string_equal(key.principal.account, principal.account);
}

static void call(uint16_t status)
{
	CLEANUP(reply_cleanup) struct reply r = {0};
	world_call(&world, &r, "ListKeys", "{}");
	assert_status(&r, status);
}

static bool is_forgotten(void)
{
	for (unsigned i = 0; i < WAITS && subjects_count(subjects()) > 0; i++)
		(void)usleep(WAIT_MS * 1000);
	return subjects_count(subjects()) == 0;
}

static void test_a_change_of_another_process_is_noticed(void **state)
{
	CLEANUP(subject_release) struct subject *bob = NULL;
	const struct auth_identities others = store_sqlite_identities(second->store);
	(void)state;
	people_make(&others, AUTH_KIND_USER, "bob", ATTACHED(PEOPLE_ADMINISTRATOR));
	acquire(ARN("user/bob"), &bob);
	assert_int_equal(subject_of(bob)->policy_count, 1);
	subject_release(&bob);
	people_change(&others, AUTH_KIND_USER, "bob", NOTHING);
	assert_true(is_forgotten());
	acquire(ARN("user/bob"), &bob);
	assert_int_equal(subject_of(bob)->policy_count, 0);
}

/* Access is lost with the policy that gave it, and comes back with it. */
static void test_the_administrator_may_what_its_policy_says(void **state)
{
	const struct auth_identities port = identities();
	(void)state;
	call(200);
	people_change(&port, AUTH_KIND_USER, "admin", NOTHING);
	subjects_drop_all(subjects());
	call(400);
	people_change(&port, AUTH_KIND_USER, "admin", ATTACHED(PEOPLE_ADMINISTRATOR));
	subjects_drop_all(subjects());
	call(200);
}

static void test_who_is_deleted_is_not_known_any_more(void **state)
{
	CLEANUP(reply_cleanup) struct reply r = {0};
	const struct auth_identities port = identities();
	(void)state;
	assert_ok(port.clear(port.self));
	subjects_drop_all(subjects());
	world_call(&world, &r, "ListKeys", "{}"); /* the access key is still in memory */
	assert_string_equal(reply_type(&r), "UnrecognizedClientException");
}

/* Runs after everything was cleared: an older store knows no accounts. */
static void test_a_start_makes_the_account_that_is_missing(void **state)
{
	(void)state;
	assert_int_equal(count_of(AUTH_KIND_ACCOUNT), 0);
	assert_ok(service_reconcile(world.first.service));
	assert_int_equal(count_of(AUTH_KIND_ACCOUNT), 1);
	assert_ok(service_reconcile(world.first.service));
	assert_int_equal(count_of(AUTH_KIND_ACCOUNT), 1);
}

static int set_up(void **state)
{
	(void)state;
	world_make(&world);
	world_start(&world, &world.first, "audit");
	world_start(&world, second, "audit-2");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	world_stop(second);
	world_stop(&world.first);
	world_remove(&world);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init_makes_one_account_and_one_administrator),
		cmocka_unit_test(test_the_first_access_key_is_the_administrators),
		cmocka_unit_test(test_a_change_of_another_process_is_noticed),
		cmocka_unit_test(test_the_administrator_may_what_its_policy_says),
		cmocka_unit_test(test_who_is_deleted_is_not_known_any_more),
		cmocka_unit_test(test_a_start_makes_the_account_that_is_missing),
	};
	return cmocka_run_group_tests_name("identities", tests, set_up, tear_down);
}
