/* SPDX-License-Identifier: Apache-2.0 */
/* One key with as many grants as a key may have: how many of them a search looks at. */
#include "fixture.h"

#include <stdio.h>

#include "base/text.h"
#include "kms/context.h"
#include "service/grant_index.h"

#define ALICE "arn:aws:iam::" WORLD_ACCOUNT ":user/alice"
#define ALICE_ID "AIDAAAAAAAAAAAAAAAAAA"
#define FEWER 5000      /* where more would prove the same */
#define LOOKED_AT_MAX 4 /* by any one search here */

static struct grant_index *index_;
static struct buf room;
static unsigned next_id;

static int fresh(UNUSED void **state)
{
	buf_init(&room, KMS_GRANT_CONTEXT_MAX);
	next_id = 0;
	assert_ok(grant_index_new(&index_));
	return 0;
}

static int done(UNUSED void **state)
{
	grant_index_free(&index_);
	buf_cleanup(&room);
	return 0;
}

static void id_text(unsigned number, char out[KMS_GRANT_ID_LEN + 1])
{
	assert_ok(text_format(out, KMS_GRANT_ID_LEN + 1, "%064x", number));
}

/* "name=value name=value" into pairs, in order as given. */
static size_t pairs_of(const char *text, struct kms_context_pair pairs[KMS_GRANT_PAIRS_MAX])
{
	size_t count = 0;
	struct view rest = view_of_text(text);
	while (rest.len > 0) {
		struct view value = view_cut(&rest, ' ');
		struct view name = view_cut(&value, '=');
		pairs[count++] = (struct kms_context_pair){name, value};
	}
	return count;
}

static unsigned add_to(const char *grantee, uint32_t operations,
		       enum kms_grant_constraint constraint, const char *context)
{
	struct kms_grant grant = {.issuer = "arn:aws:iam::" WORLD_ACCOUNT ":root",
				  .grantee_id = ALICE_ID,
				  .operations = operations,
				  .constraint = constraint};
	struct kms_context_pair pairs[KMS_GRANT_PAIRS_MAX];
	size_t count = pairs_of(context, pairs);
	buf_clear(&room);
	assert_ok(kms_context_encode(pairs, count, &room));
	grant.context = buf_view(&room);
	assert_ok(text_copy(grant.grantee, sizeof grant.grantee, view_of_text(grantee)));
	id_text(++next_id, grant.id);
	assert_ok(grant_index_add(index_, &grant));
	return next_id;
}

static unsigned add(uint32_t operations, enum kms_grant_constraint constraint, const char *context)
{
	return add_to(ALICE, operations, constraint, context);
}

static void remove_one(unsigned number)
{
	char id[KMS_GRANT_ID_LEN + 1];
	id_text(number, id);
	grant_index_remove(index_, view_of_text(id));
}

/* The number of the grant that is found, 0 for none. */
static unsigned find_with(const struct grant_wanted *wanted)
{
	uint64_t before = grant_index_examined(index_);
	CLEANUP(grant_node_release) struct grant_node *node = grant_index_find(index_, wanted);
	assert_in_range(grant_index_examined(index_) - before, node != NULL, LOOKED_AT_MAX);
	if (node == NULL)
		return 0;
	char id[KMS_GRANT_ID_LEN + 1];
	unsigned number = 0;
	const struct auth_grant grant = grant_node_grant(node);
	assert_ok(text_copy(id, sizeof id, grant.id));
	assert_int_equal(sscanf(id, "%x", &number), 1);
	return number;
}

static unsigned find(uint32_t operation, const char *context)
{
	struct kms_context_pair text[KMS_GRANT_PAIRS_MAX];
	struct auth_pair pairs[KMS_GRANT_PAIRS_MAX];
	size_t count = pairs_of(context, text);
	for (size_t i = 0; i < count; i++)
		pairs[i] = (struct auth_pair){text[i].key, text[i].value};
	const struct auth_pairs all = {pairs, count};
	return find_with(&(struct grant_wanted){.grantee = VIEW_LITERAL(ALICE),
						.grantee_id = VIEW_LITERAL(ALICE_ID),
						.operation = operation,
						.takes_context = true,
						.context = &all});
}

static unsigned find_without_context(uint32_t operation, const struct auth_grant *child)
{
	return find_with(&(struct grant_wanted){.grantee = VIEW_LITERAL(ALICE),
						.grantee_id = VIEW_LITERAL(ALICE_ID),
						.operation = operation,
						.child = child});
}

/* --- few --- */

static void test_subset(UNUSED void **state)
{
	unsigned grant = add(KMS_GRANT_DECRYPT, KMS_GRANT_CONTEXT_SUBSET, "a=1 b=2");
	assert_int_equal(find(KMS_GRANT_DECRYPT, "a=1 b=2"), grant);
	assert_int_equal(find(KMS_GRANT_DECRYPT, "a=1 b=2 c=3"), grant);
	assert_int_equal(find(KMS_GRANT_DECRYPT, "a=1"), 0);
	assert_int_equal(find(KMS_GRANT_DECRYPT, "a=1 b=3"), 0);
	assert_int_equal(find(KMS_GRANT_DECRYPT, "A=1 b=2"), 0);
	assert_int_equal(find(KMS_GRANT_DECRYPT, ""), 0);
}

static void test_equals(UNUSED void **state)
{
	unsigned grant = add(KMS_GRANT_DECRYPT, KMS_GRANT_CONTEXT_EQUALS, "a=1 b=2");
	unsigned empty = add(KMS_GRANT_DECRYPT, KMS_GRANT_CONTEXT_EQUALS, "");
	assert_int_equal(find(KMS_GRANT_DECRYPT, "a=1 b=2"), grant);
	assert_int_equal(find(KMS_GRANT_DECRYPT, "a=1 b=2 c=3"), 0);
	assert_int_equal(find(KMS_GRANT_DECRYPT, "a=1"), 0);
	assert_int_equal(find(KMS_GRANT_DECRYPT, ""), empty);
}

static void test_a_subset_of_nothing_holds_always(UNUSED void **state)
{
	unsigned grant = add(KMS_GRANT_DECRYPT, KMS_GRANT_CONTEXT_SUBSET, "");
	assert_int_equal(find(KMS_GRANT_DECRYPT, ""), grant);
	assert_int_equal(find(KMS_GRANT_DECRYPT, "a=1"), grant);
}

static void test_a_constraint_does_not_bind_what_takes_no_context(UNUSED void **state)
{
	unsigned grant = add(KMS_GRANT_DESCRIBE_KEY, KMS_GRANT_CONTEXT_EQUALS, "a=1");
	assert_int_equal(find_without_context(KMS_GRANT_DESCRIBE_KEY, NULL), grant);
	assert_int_equal(find_without_context(KMS_GRANT_RETIRE_GRANT, NULL), 0);
}

static void test_a_parent_is_one_that_the_child_narrows(UNUSED void **state)
{
	const uint32_t both = KMS_GRANT_CREATE_GRANT | KMS_GRANT_DECRYPT;
	(void)add(both, KMS_GRANT_CONTEXT_EQUALS, "a=2");
	(void)add(KMS_GRANT_CREATE_GRANT, KMS_GRANT_UNCONSTRAINED, "");
	unsigned parent = add(both, KMS_GRANT_CONTEXT_SUBSET, "a=1");
	const struct auth_pair pairs[] = {{VIEW_LITERAL("a"), VIEW_LITERAL("1")},
					  {VIEW_LITERAL("b"), VIEW_LITERAL("2")}};
	struct auth_grant child = {.operations = KMS_GRANT_DECRYPT,
				   .constraint = AUTH_GRANT_SUBSET,
				   .pairs = {pairs, 2}};
	assert_int_equal(find_without_context(KMS_GRANT_CREATE_GRANT, &child), parent);
	child.operations |= KMS_GRANT_ENCRYPT;
	assert_int_equal(find_without_context(KMS_GRANT_CREATE_GRANT, &child), 0);
	child.operations = KMS_GRANT_DECRYPT;
	child.constraint = AUTH_GRANT_ANY_CONTEXT;
	assert_int_equal(find_without_context(KMS_GRANT_CREATE_GRANT, &child), 0);
}

static void test_what_is_removed_is_gone_and_the_rest_is_not(UNUSED void **state)
{
	unsigned grants[6];
	for (unsigned i = 0; i < ARRAY_LEN(grants); i++)
		grants[i] = add(i % 2 ? KMS_GRANT_DECRYPT : KMS_GRANT_ENCRYPT,
				i % 3 ? KMS_GRANT_CONTEXT_SUBSET : KMS_GRANT_CONTEXT_EQUALS, "a=1");
	for (unsigned i = 0; i < 4; i++)
		remove_one(grants[i]);
	assert_int_equal(grant_index_count(index_), 2);
	assert_int_equal(find(KMS_GRANT_ENCRYPT, "a=1"), grants[4]);
	assert_int_equal(find(KMS_GRANT_DECRYPT, "a=1"), grants[5]);
	remove_one(grants[4]);
	remove_one(grants[5]);
	assert_int_equal(grant_index_count(index_), 0);
	assert_int_equal(find(KMS_GRANT_DECRYPT, "a=1"), 0);
	unsigned again = add(KMS_GRANT_DECRYPT, KMS_GRANT_CONTEXT_SUBSET, "a=1");
	assert_int_equal(find(KMS_GRANT_DECRYPT, "a=1"), again);
}

static void test_a_context_too_long_for_a_constraint_is_searched(UNUSED void **state)
{
	char context[8000];
	unsigned grant = add(KMS_GRANT_DECRYPT, KMS_GRANT_CONTEXT_SUBSET, "a=1");
	assert_ok(text_format(context, sizeof context, "a=1 b=%07000d", 0));
	assert_int_equal(find(KMS_GRANT_DECRYPT, context), grant);
}

/* --- many --- */

static void add_many(unsigned count, enum kms_grant_constraint constraint, const char *pattern)
{
	for (unsigned i = 1; i <= count; i++) {
		char context[64] = "";
		struct writer w;
		writer_init(&w, context, sizeof context - 1);
		struct view before = view_of_text(pattern), rest = before;
		before = view_cut(&rest, '#');
		writer_bytes(&w, before);
		if (rest.ptr != NULL)
			writer_format(&w, "%u", i);
		assert_int_equal(add(KMS_GRANT_DECRYPT, constraint, context), i);
	}
	assert_int_equal(grant_index_count(index_), count);
}

static void test_many_that_differ_in_what_must_be_equal(UNUSED void **state)
{
	add_many(KMS_GRANTS_MAX, KMS_GRANT_CONTEXT_EQUALS, "a=x b=#");
	assert_int_equal(find(KMS_GRANT_DECRYPT, "a=x b=49999"), 49999);
	assert_int_equal(find(KMS_GRANT_DECRYPT, "a=x b=50001"), 0);
	assert_int_equal(find(KMS_GRANT_ENCRYPT, "a=x b=1"), 0);
}

static void test_many_that_differ_in_a_part(UNUSED void **state)
{
	add_many(KMS_GRANTS_MAX, KMS_GRANT_CONTEXT_SUBSET, "a=x b=#");
	assert_int_equal(find(KMS_GRANT_DECRYPT, "a=x b=31234 c=y"), 31234);
	assert_int_equal(find(KMS_GRANT_DECRYPT, "a=x c=y"), 0);
	assert_int_equal(find(KMS_GRANT_DECRYPT, "b=31234"), 0);
}

static void test_many_that_are_alike(UNUSED void **state)
{
	add_many(FEWER, KMS_GRANT_UNCONSTRAINED, "");
	unsigned other = add(KMS_GRANT_ENCRYPT, KMS_GRANT_UNCONSTRAINED, "");
	assert_int_not_equal(find(KMS_GRANT_DECRYPT, "a=1"), 0);
	assert_int_equal(find(KMS_GRANT_ENCRYPT, "a=1"), other);
	assert_int_equal(find(KMS_GRANT_SIGN, ""), 0);
	for (unsigned i = 1; i <= FEWER; i++)
		remove_one(i);
	assert_int_equal(find(KMS_GRANT_DECRYPT, "a=1"), 0);
	assert_int_equal(grant_index_count(index_), 1);
}

static void test_many_without_what_takes_no_context(UNUSED void **state)
{
	add_many(FEWER, KMS_GRANT_CONTEXT_EQUALS, "b=#");
	assert_int_equal(find_without_context(KMS_GRANT_DESCRIBE_KEY, NULL), 0);
	unsigned grant = add(KMS_GRANT_DESCRIBE_KEY, KMS_GRANT_CONTEXT_EQUALS, "b=0");
	assert_int_equal(find_without_context(KMS_GRANT_DESCRIBE_KEY, NULL), grant);
}

static void test_many_of_others(UNUSED void **state)
{
	for (unsigned i = 0; i < FEWER; i++) {
		char grantee[64];
		assert_ok(text_format(grantee, sizeof grantee,
				      "arn:aws:iam::" WORLD_ACCOUNT ":user/u%u", i));
		(void)add_to(grantee, KMS_GRANT_DECRYPT, KMS_GRANT_UNCONSTRAINED, "");
	}
	assert_int_equal(find(KMS_GRANT_DECRYPT, ""), 0);
	unsigned mine = add(KMS_GRANT_DECRYPT, KMS_GRANT_UNCONSTRAINED, "");
	assert_int_equal(find(KMS_GRANT_DECRYPT, ""), mine);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_subset),
		TEST(test_equals),
		TEST(test_a_subset_of_nothing_holds_always),
		TEST(test_a_constraint_does_not_bind_what_takes_no_context),
		TEST(test_a_parent_is_one_that_the_child_narrows),
		TEST(test_what_is_removed_is_gone_and_the_rest_is_not),
		TEST(test_a_context_too_long_for_a_constraint_is_searched),
		TEST(test_many_that_differ_in_what_must_be_equal),
		TEST(test_many_that_differ_in_a_part),
		TEST(test_many_that_are_alike),
		TEST(test_many_without_what_takes_no_context),
		TEST(test_many_of_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
