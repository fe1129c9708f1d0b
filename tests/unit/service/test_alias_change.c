/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alias operations where no client can reach: what is asked of the authoriser, a rival's change of
 * the same alias, a store that fails, keys of other kinds, and how often the store is read.
 */
#include <stdatomic.h>
#include <string.h>

#include "auth/authorize.h"
#include "base/mem.h"
#include "base/text.h"
#include "fixture.h"
#include "service/aliases.h"
#include "service/core.h"
#include "the_world.h"

static void adjust(struct kms_store_ops *ops);
static void adjust_catalog(struct kms_catalog_ops *ops);

struct world world = {.adjust = adjust, .adjust_catalog = adjust_catalog};
static char first[KMS_KEY_ID_TEXT + 1], second[KMS_KEY_ID_TEXT + 1], third[KMS_KEY_ID_TEXT + 1];

static struct kms_catalog catalog(void)
{
	return store_sqlite_catalog(world.first.store);
}

/* --- the authoriser --- */

#define ASKED_MAX 8
static struct {
	char action[32];
	char resource[KMS_ALIAS_ARN_TEXT];
} asked[ASKED_MAX];
static size_t asked_count;
static size_t denied_at = SIZE_MAX; /* the question that is answered with no */

void __real_auth_decide(const struct auth_request *request, struct auth_verdict *out);
void __wrap_auth_decide(const struct auth_request *request, struct auth_verdict *out);

void __wrap_auth_decide(const struct auth_request *request, struct auth_verdict *out)
{
	struct auth_request changed = *request;
	const struct auth_subject powerless = {.principal = request->subject->principal};
	if (asked_count == denied_at)
		changed.subject = &powerless;
	if (asked_count < ASKED_MAX) {
		assert_ok(text_copy(asked[asked_count].action, sizeof asked[0].action,
				    request->action));
		assert_ok(text_copy(asked[asked_count].resource, sizeof asked[0].resource,
				    request->resource));
	}
	asked_count++;
	__real_auth_decide(&changed, out);
}

/* --- the store --- */

static atomic_uint alias_loads;
static unsigned rivals;       /* how often a rival is faster */
static const char *rival_to;  /* where the rival points the alias; NULL: it removes it */
static uint16_t fault;        /* alias_update() and alias_delete() commit, and answer this */
static const char *disguised; /* id of a key that is loaded as an RSA key */
static const char *gone;      /* id of a key that is not there any more */

static struct kms_key_id id_of(const char *text)
{
	struct kms_key_id id;
	assert_ok(kms_key_id_parse(view_of_text(text), &id));
	return id;
}

static bool is_key(const struct kms_key_id *id, const char *text)
{
	if (text == NULL)
		return false;
	struct kms_key_id named = id_of(text);
	return kms_key_id_equal(id, &named);
}

static struct err key_load(void *self, const struct kms_scope *scope, const struct kms_key_id *id,
			   struct kms_key_full *out)
{
	REQUIRE(!is_key(id, gone), E_NOT_FOUND);
	TRY(store_sqlite_keys(world.first.store).ops->key_load(self, scope, id, out));
	if (is_key(id, disguised)) {
		out->key.spec = KMS_SPEC_RSA_2048;
		out->key.usage = KMS_USAGE_SIGN_VERIFY;
	}
	return OK;
}

static void adjust(struct kms_store_ops *ops)
{
	ops->key_load = key_load;
}

static struct err alias_load(void *self, const struct kms_scope *scope, struct view name,
			     struct kms_alias *out)
{
	atomic_fetch_add(&alias_loads, 1);
	return catalog().ops->alias_load(self, scope, name, out);
}

static void act_as_rival(void *self, const char *name)
{
	if (rivals == 0)
		return;
	rivals--;
	const struct kms_outbox_record none = {.event_id = "00000000-0000-4000-8000-000000000000",
					       .line = VIEW_LITERAL("{}")};
	struct kms_alias row;
	assert_ok(catalog().ops->alias_load(self, &world.installation.scope, view_of_text(name),
					    &row));
	if (rival_to == NULL) {
		assert_ok(catalog().ops->alias_delete(self, &row, &none));
	} else {
		row.key_id = id_of(rival_to);
		row.revision++;
		assert_ok(catalog().ops->alias_update(self, &row, &none));
	}
	const struct kms_store keys = store_sqlite_keys(world.first.store);
	assert_ok(keys.ops->outbox_done(keys.self, &none.event_id, 1));
}

static struct err alias_update(void *self, const struct kms_alias *alias,
			       const struct kms_outbox_record *outbox)
{
	act_as_rival(self, alias->name);
	TRY(catalog().ops->alias_update(self, alias, outbox));
	return fault != 0 ? ERR(fault) : OK;
}

static struct err alias_delete(void *self, const struct kms_alias *seen,
			       const struct kms_outbox_record *outbox)
{
	act_as_rival(self, seen->name);
	TRY(catalog().ops->alias_delete(self, seen, outbox));
	return fault != 0 ? ERR(fault) : OK;
}

static void adjust_catalog(struct kms_catalog_ops *ops)
{
	ops->alias_load = alias_load;
	ops->alias_update = alias_update;
	ops->alias_delete = alias_delete;
}

/* --- calls --- */

static int set_up(UNUSED void **state)
{
	world_make(&world);
	world_start(&world, &world.first, "audit");
	world_create_key(&world, "{}", first);
	world_create_key(&world, "{}", second);
	world_create_key(&world, "{}", third);
	return 0;
}

static void forget_questions(void)
{
	asked_count = 0;
	denied_at = SIZE_MAX;
}

static int fresh(UNUSED void **state)
{
	rivals = 0;
	rival_to = disguised = gone = NULL;
	fault = 0;
	CLEANUP(reply_cleanup) struct reply old;
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &old, "DeleteAlias", "{\"AliasName\":\"alias/a\"}");
	world_call(&world, &r, "CreateAlias", "{\"AliasName\":\"alias/a\",\"TargetKeyId\":\"%s\"}",
		   first);
	assert_status(&r, 200);
	forget_questions();
	return 0;
}

static void update_to(const char *key, struct reply *out)
{
	world_call(&world, out, "UpdateAlias", "{\"AliasName\":\"alias/a\",\"TargetKeyId\":\"%s\"}",
		   key);
}

/* The id of the key that the alias stands for, as the service sees it; "" when for none. */
static const char *target(void)
{
	static char id[KMS_KEY_ID_TEXT + 1];
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, "DescribeKey", "{\"KeyId\":\"alias/a\"}");
	assert_ok(text_copy(id, sizeof id, view_of_text(reply_metadata(&r, "KeyId"))));
	return id;
}

static void assert_asked(size_t at, const char *action, const char *resource)
{
	assert_true(at < asked_count);
	assert_string_equal(asked[at].action, action);
	assert_string_equal(asked[at].resource, resource);
}

#define ALIAS_ARN "arn:aws:kms:" WORLD_REGION ":" WORLD_ACCOUNT ":alias/"

/* --- authorisation: on the alias and on every key --- */

static void test_create_asks_for_alias_and_key(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, "CreateAlias", "{\"AliasName\":\"alias/a\",\"TargetKeyId\":\"%s\"}",
		   second);
	assert_string_equal(reply_type(&r), "AlreadyExistsException");
	assert_int_equal(asked_count, 2);
	assert_asked(0, "kms:CreateAlias", ALIAS_ARN "a");
	assert_asked(1, "kms:CreateAlias", world_arn(second));
}

static void test_update_asks_for_alias_and_both_keys(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	update_to(second, &r);
	assert_status(&r, 200);
	assert_int_equal(asked_count, 3);
	assert_asked(0, "kms:UpdateAlias", ALIAS_ARN "a");
	assert_asked(1, "kms:UpdateAlias", world_arn(first));
	assert_asked(2, "kms:UpdateAlias", world_arn(second));
}

static void test_delete_asks_for_alias_and_its_key(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, "DeleteAlias", "{\"AliasName\":\"alias/a\"}");
	assert_status(&r, 200);
	assert_int_equal(asked_count, 2);
	assert_asked(0, "kms:DeleteAlias", ALIAS_ARN "a");
	assert_asked(1, "kms:DeleteAlias", world_arn(first));
}

static void test_lists_ask_for_no_key(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, "ListAliases", "{\"KeyId\":\"%s\"}", first);
	assert_status(&r, 200);
	assert_int_equal(asked_count, 1);
	assert_asked(0, "kms:ListAliases", "*");
}

static void test_each_no_is_a_no(UNUSED void **state)
{
	for (size_t at = 0; at < 3; at++) {
		CLEANUP(reply_cleanup) struct reply r;
		forget_questions();
		denied_at = at;
		update_to(second, &r);
		assert_string_equal(reply_type(&r), "AccessDeniedException");
		assert_non_null(strstr(reply_message(&r), asked[at].resource));
	}
	for (size_t at = 0; at < 2; at++) {
		CLEANUP(reply_cleanup) struct reply r;
		forget_questions();
		denied_at = at;
		world_call(&world, &r, "DeleteAlias", "{\"AliasName\":\"alias/a\"}");
		assert_string_equal(reply_type(&r), "AccessDeniedException");
		CLEANUP(reply_cleanup) struct reply made;
		forget_questions();
		denied_at = at;
		world_call(&world, &made, "CreateAlias",
			   "{\"AliasName\":\"alias/new\",\"TargetKeyId\":\"%s\"}", second);
		assert_string_equal(reply_type(&made), "AccessDeniedException");
	}
	forget_questions();
	assert_string_equal(target(), first);
	CLEANUP(reply_cleanup) struct reply none;
	world_call(&world, &none, "DescribeKey", "{\"KeyId\":\"alias/new\"}");
	assert_string_equal(reply_type(&none), "NotFoundException");
}

/* --- rivals --- */

/* The rights that were asked for were those on the first key: they are asked for again. */
static void test_after_a_rival_everything_is_asked_again(UNUSED void **state)
{
	rivals = 1;
	rival_to = third;
	CLEANUP(reply_cleanup) struct reply r;
	update_to(second, &r);
	assert_status(&r, 200);
	assert_int_equal(asked_count, 6);
	assert_asked(1, "kms:UpdateAlias", world_arn(first));
	assert_asked(4, "kms:UpdateAlias", world_arn(third));
	assert_string_equal(target(), second);
}

static void test_after_a_rival_a_no_is_a_no(UNUSED void **state)
{
	rivals = 1;
	rival_to = third;
	denied_at = 4; /* on the key that the rival put there */
	CLEANUP(reply_cleanup) struct reply r;
	update_to(second, &r);
	assert_string_equal(reply_type(&r), "AccessDeniedException");
	assert_non_null(strstr(reply_message(&r), world_arn(third)));
	aliases_drop_all(world.first.service->aliases); /* what the rival did is news to it */
	assert_string_equal(target(), third);
}

static void test_a_rival_that_removes_the_alias(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply updated;
	rivals = 1;
	update_to(second, &updated);
	assert_refused(&updated, "NotFoundException", "Alias " ALIAS_ARN "a is not found.");
	assert_int_equal(fresh(NULL), 0);
	CLEANUP(reply_cleanup) struct reply deleted;
	rivals = 1;
	world_call(&world, &deleted, "DeleteAlias", "{\"AliasName\":\"alias/a\"}");
	assert_refused(&deleted, "NotFoundException", "Alias " ALIAS_ARN "a is not found.");
}

static void test_rivals_without_end(UNUSED void **state)
{
	rivals = 1000;
	rival_to = third;
	CLEANUP(reply_cleanup) struct reply r;
	update_to(second, &r);
	assert_refused(&r, "ThrottlingException", "Rate exceeded");
	assert_true(rivals > 900);
}

/* --- faults --- */

static void test_an_unclear_change_does_not_leave_the_old_key_in_memory(UNUSED void **state)
{
	assert_string_equal(target(), first);
	fault = E_STORE;
	CLEANUP(reply_cleanup) struct reply r;
	update_to(second, &r);
	assert_string_equal(reply_type(&r), "DependencyTimeoutException");
	assert_string_equal(target(), second);
	CLEANUP(reply_cleanup) struct reply removed;
	world_call(&world, &removed, "DeleteAlias", "{\"AliasName\":\"alias/a\"}");
	assert_string_equal(reply_type(&removed), "DependencyTimeoutException");
	assert_string_equal(target(), "");
}

/* --- keys --- */

static void test_a_key_of_another_kind_is_no_target(UNUSED void **state)
{
	char other[KMS_KEY_ID_TEXT + 1], text[512];
	world_create_key(&world, "{}", other);
	disguised = other;
	CLEANUP(reply_cleanup) struct reply r;
	update_to(other, &r);
	assert_ok(text_format(text, sizeof text,
			      "Alias %sa cannot be updated: the current KMS key "
			      "(SYMMETRIC_DEFAULT, ENCRYPT_DECRYPT) and the new KMS key "
			      "(RSA_2048, SIGN_VERIFY) must be the same type and have the same key "
			      "usage.",
			      ALIAS_ARN));
	assert_refused(&r, "ValidationException", text);
	assert_string_equal(target(), first);
}

static void test_a_key_that_leaves_may_be_in_any_state(UNUSED void **state)
{
	char going[KMS_KEY_ID_TEXT + 1], text[256];
	world_create_key(&world, "{}", going);
	CLEANUP(reply_cleanup) struct reply moved;
	CLEANUP(reply_cleanup) struct reply scheduled;
	CLEANUP(reply_cleanup) struct reply left;
	CLEANUP(reply_cleanup) struct reply back;
	update_to(going, &moved);
	assert_status(&moved, 200);
	world_call(&world, &scheduled, "ScheduleKeyDeletion", "{\"KeyId\":\"%s\"}", going);
	assert_status(&scheduled, 200);
	update_to(second, &left);
	assert_status(&left, 200);
	update_to(going, &back);
	assert_ok(text_format(text, sizeof text, "%s is pending deletion.", world_arn(going)));
	assert_refused(&back, "KMSInvalidStateException", text);
	assert_string_equal(target(), second);
}

static void test_an_alias_of_a_key_that_is_gone(UNUSED void **state)
{
	char last[KMS_KEY_ID_TEXT + 1];
	world_create_key(&world, "{}", last);
	CLEANUP(reply_cleanup) struct reply r;
	gone = last; /* never loaded before: it is not in memory */
	world_call(&world, &r, "CreateAlias",
		   "{\"AliasName\":\"alias/gone\",\"TargetKeyId\":\"%s\"}", last);
	assert_string_equal(reply_type(&r), "NotFoundException");
}

/* --- the hot path --- */

static void test_the_store_is_read_once(UNUSED void **state)
{
	assert_string_equal(target(), first);
	unsigned before = atomic_load(&alias_loads);
	for (unsigned i = 0; i < 20; i++) {
		CLEANUP(reply_cleanup) struct reply r;
		world_encrypt(&world, i % 2 ? "alias/a" : ALIAS_ARN "a", "aGk=", "{}", &r);
		assert_status(&r, 200);
		assert_string_equal(reply_text(&r, "KeyId"), world_arn(first));
	}
	assert_int_equal(atomic_load(&alias_loads), before);
}

static void test_names_that_nobody_has_fill_no_memory(UNUSED void **state)
{
	(void)target();
	size_t before = aliases_count(world.first.service->aliases);
	for (unsigned i = 0; i < 20; i++) {
		CLEANUP(reply_cleanup) struct reply r;
		world_call(&world, &r, "DescribeKey", "{\"KeyId\":\"alias/nobody/%u\"}", i);
		assert_string_equal(reply_type(&r), "NotFoundException");
	}
	assert_int_equal(aliases_count(world.first.service->aliases), before);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_create_asks_for_alias_and_key),
		TEST(test_update_asks_for_alias_and_both_keys),
		TEST(test_delete_asks_for_alias_and_its_key),
		TEST(test_lists_ask_for_no_key),
		TEST(test_each_no_is_a_no),
		TEST(test_after_a_rival_everything_is_asked_again),
		TEST(test_after_a_rival_a_no_is_a_no),
		TEST(test_a_rival_that_removes_the_alias),
		TEST(test_rivals_without_end),
		TEST(test_an_unclear_change_does_not_leave_the_old_key_in_memory),
		TEST(test_a_key_of_another_kind_is_no_target),
		TEST(test_a_key_that_leaves_may_be_in_any_state),
		TEST(test_an_alias_of_a_key_that_is_gone),
		TEST(test_the_store_is_read_once),
		TEST(test_names_that_nobody_has_fill_no_memory),
	};
	return cmocka_run_group_tests(tests, set_up, the_world_tear_down);
}
