/* SPDX-License-Identifier: Apache-2.0 */
/* Making and ending grants when others are faster, and when the store does not say what it did. */
#include "fixture.h"

#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "people.h"
#include "service/core.h"
#include "service/grant_principal.h"
#include "service/grants.h"
#include "store/sqlite/sqlite.h"
#include "the_world.h"

struct world world;
static char key[KMS_KEY_ID_TEXT + 1];

/* --- the store --- */

static struct {
	uint16_t create, remove; /* done, and this is answered */
	uint16_t refuse;         /* create: not done, and this is answered */
	bool blind;              /* find: sees nothing the first time */
	atomic_uint loads;
} fault;

static struct kms_grants real(void)
{
	return store_sqlite_grants(world.first.store);
}

static struct err create(void *self, const struct kms_grant *grant,
			 const struct kms_outbox_record *outbox)
{
	if (fault.refuse != 0)
		return ERR(fault.refuse);
	TRY(real().ops->create(self, grant, outbox));
	return fault.create != 0 ? ERR(fault.create) : OK;
}

static struct err remove_grant(void *self, const struct kms_grant *seen,
			       const struct kms_outbox_record *outbox)
{
	TRY(real().ops->remove(self, seen, outbox));
	return fault.remove != 0 ? ERR(fault.remove) : OK;
}

static struct err find(void *self, const struct kms_scope *scope, const struct kms_key_id *id,
		       const uint8_t likeness[KMS_GRANT_LIKENESS_LEN], struct kms_grant *out)
{
	bool blind = fault.blind;
	fault.blind = false;
	return blind ? ERR(E_NOT_FOUND) : real().ops->find(self, scope, id, likeness, out);
}

static struct err each(void *self, const struct kms_scope *scope, const struct kms_key_id *id,
		       struct err (*tell)(void *user, const struct kms_grant *grant), void *user)
{
	atomic_fetch_add(&fault.loads, 1);
	return real().ops->each(self, scope, id, tell, user);
}

static void adjust(struct kms_grants_ops *ops)
{
	ops->create = create;
	ops->remove = remove_grant;
	ops->find = find;
	ops->each = each;
}

static int set_up(UNUSED void **state)
{
	world.adjust_grants = adjust;
	world_make(&world);
	world_start(&world, &world.first, "audit");
	return 0;
}

static int fresh(UNUSED void **state)
{
	fault.create = fault.remove = fault.refuse = 0;
	fault.blind = false;
	world_create_key(&world, "{}", key);
	return 0;
}

/* --- calls --- */

#define GRANT                                                                         \
	"{\"KeyId\":\"%s\",\"GranteePrincipal\":\"" WORLD_ACCOUNT "\",\"Operations\"" \
	":[\"Decrypt\"],\"Name\":\"n\"}"

/* A new grant's id, or "" */
static void make(char id[KMS_GRANT_ID_LEN + 1], struct reply *r)
{
	world_call(&world, r, "CreateGrant", GRANT, key);
	assert_ok(text_copy(id, KMS_GRANT_ID_LEN + 1, view_of_text(reply_text(r, "GrantId"))));
}

static size_t count(void)
{
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, "ListGrants", "{\"KeyId\":\"%s\"}", key);
	assert_status(&r, 200);
	return json_count(json_member(r.json, "Grants"));
}

static const struct auth_principal root = {.type = AUTH_ROOT,
					   .account = WORLD_ACCOUNT,
					   .arn = PEOPLE_ARN("root"),
					   .id = WORLD_ACCOUNT};

/* In memory, as permission sees it. */
static size_t found(void)
{
	struct kms_key_id id;
	const struct auth_pairs nothing = {NULL, 0};
	assert_ok(kms_key_id_parse(view_of_text(key), &id));
	const struct grants_query query = {.scope = &world.installation.scope,
					   .key_id = &id,
					   .principal = &root,
					   .operation = KMS_GRANT_DECRYPT,
					   .takes_context = true,
					   .context = &nothing,
					   .may_block = true};
	CLEANUP(grants_found_cleanup) struct grants_found out = {0};
	assert_ok(grants_find(world.first.service->grants, &query, &out));
	return out.count;
}

/* --- others are faster --- */

static void test_a_rival_makes_the_same_grant(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply first;
	CLEANUP(reply_cleanup) struct reply second;
	char one[KMS_GRANT_ID_LEN + 1], two[KMS_GRANT_ID_LEN + 1];
	make(one, &first);
	fault.blind = true;
	make(two, &second);
	assert_status(&second, 200);
	assert_string_equal(one, two);
	assert_int_equal(count(), 1);
}

static void test_a_rival_ends_the_grant(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply made;
	CLEANUP(reply_cleanup) struct reply ended;
	char id[KMS_GRANT_ID_LEN + 1], text[128];
	make(id, &made);
	fault.remove = E_NOT_FOUND; /* gone between the look and the removal */
	world_call(&world, &ended, "RevokeGrant", "{\"KeyId\":\"%s\",\"GrantId\":\"%s\"}", key, id);
	assert_ok(text_format(text, sizeof text, "Grant ID %s not found", id));
	assert_refused(&ended, "NotFoundException", text);
	assert_int_equal(found(), 0);
}

/* --- the store fails --- */

static void test_a_quota(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	char id[KMS_GRANT_ID_LEN + 1];
	fault.refuse = E_KMS_LIMIT;
	make(id, &r);
	assert_refused(&r, "LimitExceededException",
		       "Grants per KMS key quota for this account in this region is 50000, current "
		       "usage is 50000.");
	assert_int_equal(count(), 0);
}

static void test_a_key_that_goes_meanwhile(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	char id[KMS_GRANT_ID_LEN + 1];
	fault.refuse = E_NOT_FOUND;
	make(id, &r);
	assert_string_equal(reply_type(&r), "NotFoundException");
	assert_non_null(strstr(reply_message(&r), world_arn(key)));
}

/* What the store may have taken away does not live on in memory. */
static void test_an_unclear_end_is_an_end(UNUSED void **state)
{
	static const char *const operations[] = {"RevokeGrant", "RetireGrant"};
	for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
		CLEANUP(reply_cleanup) struct reply made;
		CLEANUP(reply_cleanup) struct reply ended;
		char id[KMS_GRANT_ID_LEN + 1];
		fault.remove = 0;
		make(id, &made);
		assert_int_equal(found(), 1);
		fault.remove = E_STORE;
		world_call(&world, &ended, operations[i], "{\"KeyId\":\"%s\",\"GrantId\":\"%s\"}",
			   key, id);
		assert_string_equal(reply_type(&ended), "DependencyTimeoutException");
		assert_int_equal(found(), 0);
	}
}

/* A grant that was made and not told: asked for again under its name, it is there once. */
static void test_an_unclear_beginning_can_be_repeated(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply lost;
	CLEANUP(reply_cleanup) struct reply again;
	char id[KMS_GRANT_ID_LEN + 1];
	assert_int_equal(found(), 0);
	fault.create = E_STORE;
	make(id, &lost);
	assert_string_equal(reply_type(&lost), "DependencyTimeoutException");
	fault.create = 0;
	make(id, &again);
	assert_status(&again, 200);
	assert_int_equal(count(), 1);
	assert_int_equal(found(), 1);
}

static void test_a_dry_run_leaves_everything(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply made;
	CLEANUP(reply_cleanup) struct reply tried;
	char id[KMS_GRANT_ID_LEN + 1];
	make(id, &made);
	world_call(&world, &tried, "RevokeGrant",
		   "{\"KeyId\":\"%s\",\"GrantId\":\"%s\",\"DryRun\":true}", key, id);
	assert_string_equal(reply_type(&tried), "DryRunOperationException");
	assert_int_equal(count(), 1);
	assert_int_equal(found(), 1);
}

/* --- the hot path --- */

static void test_the_store_is_read_once(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply made;
	char id[KMS_GRANT_ID_LEN + 1];
	(void)found();
	unsigned before = atomic_load(&fault.loads);
	make(id, &made);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(found(), 1);
	assert_int_equal(atomic_load(&fault.loads), before);
}

/* --- who a name is --- */

static void test_relations(UNUSED void **state)
{
	static const struct auth_principal user = {.type = AUTH_USER,
						   .account = WORLD_ACCOUNT,
						   .arn = PEOPLE_ARN("user/a"),
						   .id = "AIDA1"};
	static const struct auth_principal session = {.type = AUTH_ROLE_SESSION,
						      .account = WORLD_ACCOUNT,
						      .arn = "arn:aws:sts::" WORLD_ACCOUNT
							     ":assumed-role/r/s1",
						      .id = "AROA1",
						      .role_arn = PEOPLE_ARN("role/r")};
	static const struct auth_principal service = {.type = AUTH_SERVICE,
						      .account = WORLD_ACCOUNT,
						      .arn = "rds.us-east-1.amazonaws.com",
						      .id = "AIDA2"};
	static const struct auth_principal operator_ = {
		.type = AUTH_OPERATOR, .account = WORLD_ACCOUNT, .arn = "holdfast:uid:0"};
	static const struct {
		const char *name, *id;
		const struct auth_principal *who;
		enum grant_relation relation;
	} rows[] = {
		{PEOPLE_ARN("user/a"), "AIDA1", &user, GRANT_TO_PRINCIPAL},
		{PEOPLE_ARN("user/a"), "AIDA9", &user, GRANT_TO_NOBODY},
		{PEOPLE_ARN("user/a"), "", &user, GRANT_TO_NOBODY},
		{PEOPLE_ARN("user/b"), "AIDA1", &user, GRANT_TO_NOBODY},
		{PEOPLE_ARN("root"), "", &user, GRANT_TO_ACCOUNT},
		{WORLD_ACCOUNT, "", &user, GRANT_TO_ACCOUNT},
		{"arn:aws:iam::444455556666:root", "", &user, GRANT_TO_NOBODY},
		{"", "", &user, GRANT_TO_NOBODY},
		{PEOPLE_ARN("role/r"), "AROA1", &session, GRANT_TO_ROLE},
		{"arn:aws:sts::" WORLD_ACCOUNT ":assumed-role/r/s1", "AROA1", &session,
		 GRANT_TO_PRINCIPAL},
		{"arn:aws:sts::" WORLD_ACCOUNT ":assumed-role/r/s2", "AROA1", &session,
		 GRANT_TO_NOBODY},
		{PEOPLE_ARN("root"), "", &root, GRANT_TO_ACCOUNT},
		{"rds.us-east-1.amazonaws.com", "", &service, GRANT_TO_PRINCIPAL},
		{PEOPLE_ARN("root"), "", &service, GRANT_TO_NOBODY},
		{PEOPLE_ARN("root"), "", &operator_, GRANT_TO_NOBODY},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(grant_relation_of(rows[i].name, rows[i].id, rows[i].who),
				 rows[i].relation);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_rival_makes_the_same_grant),
		TEST(test_a_rival_ends_the_grant),
		TEST(test_a_quota),
		TEST(test_a_key_that_goes_meanwhile),
		TEST(test_an_unclear_end_is_an_end),
		TEST(test_an_unclear_beginning_can_be_repeated),
		TEST(test_a_dry_run_leaves_everything),
		TEST(test_the_store_is_read_once),
		cmocka_unit_test(test_relations),
	};
	return cmocka_run_group_tests(tests, set_up, the_world_tear_down);
}
