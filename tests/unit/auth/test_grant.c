/* SPDX-License-Identifier: Apache-2.0 */
/* What a grant permits, and when one is no wider than another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/grant.h"
#include "base/macros.h"

#define DECRYPT 1U
#define ENCRYPT 2U
#define DESCRIBE 4U

#define PAIR(name, value)                               \
	{                                               \
		VIEW_LITERAL(name), VIEW_LITERAL(value) \
	}
#define PAIRS(array) ((struct auth_pairs){array, ARRAY_LEN(array)})

/* In ascending order of names, as everybody hands them over. */
static const struct auth_pair one[] = {PAIR("db", "1")};
static const struct auth_pair other_value[] = {PAIR("db", "2")};
static const struct auth_pair other_case[] = {PAIR("DB", "1")};
static const struct auth_pair value_case[] = {PAIR("db", "1x"), PAIR("host", "A")};
static const struct auth_pair two[] = {PAIR("db", "1"), PAIR("host", "a")};
static const struct auth_pair three[] = {PAIR("app", "z"), PAIR("db", "1"), PAIR("host", "a")};
static const struct auth_pairs none;

static struct auth_grant grant_of(enum auth_grant_constraint constraint, struct auth_pairs pairs)
{
	return (struct auth_grant){.id = VIEW_LITERAL("g"),
				   .operations = DECRYPT | DESCRIBE,
				   .constraint = constraint,
				   .pairs = pairs};
}

static bool decrypts(const struct auth_grant *grant, struct auth_pairs context)
{
	return auth_grant_permits(grant, DECRYPT, true, &context);
}

static void only_its_operations_are_permitted(void **state)
{
	const struct auth_grant grant = grant_of(AUTH_GRANT_ANY_CONTEXT, none);
	(void)state;
	assert_true(auth_grant_permits(&grant, DECRYPT, true, &none));
	assert_true(auth_grant_permits(&grant, DESCRIBE, false, &none));
	assert_false(auth_grant_permits(&grant, ENCRYPT, true, &none));
	assert_false(auth_grant_permits(&grant, DECRYPT | ENCRYPT, true, &none));
}

static void no_operation_is_never_permitted(void **state)
{
	const struct auth_grant grant = grant_of(AUTH_GRANT_ANY_CONTEXT, none);
	(void)state;
	assert_false(auth_grant_permits(&grant, 0, true, &none));
	assert_false(auth_grant_permits(&grant, 0, false, &none));
}

static void without_a_constraint_any_context_will_do(void **state)
{
	const struct auth_grant grant = grant_of(AUTH_GRANT_ANY_CONTEXT, none);
	(void)state;
	assert_true(decrypts(&grant, none));
	assert_true(decrypts(&grant, PAIRS(three)));
}

static void a_subset_wants_its_pairs_and_allows_more(void **state)
{
	const struct auth_grant grant = grant_of(AUTH_GRANT_SUBSET, PAIRS(two));
	(void)state;
	assert_true(decrypts(&grant, PAIRS(two)));
	assert_true(decrypts(&grant, PAIRS(three)));
	assert_false(decrypts(&grant, PAIRS(one)));
	assert_false(decrypts(&grant, none));
	assert_false(decrypts(&grant, PAIRS(value_case)));
}

static void equals_wants_its_pairs_and_no_more(void **state)
{
	const struct auth_grant grant = grant_of(AUTH_GRANT_EQUALS, PAIRS(two));
	(void)state;
	assert_true(decrypts(&grant, PAIRS(two)));
	assert_false(decrypts(&grant, PAIRS(three)));
	assert_false(decrypts(&grant, PAIRS(one)));
	assert_false(decrypts(&grant, none));
	assert_false(decrypts(&grant, PAIRS(value_case)));
}

static void case_of_names_and_values_counts(void **state)
{
	static const enum auth_grant_constraint both[] = {AUTH_GRANT_SUBSET, AUTH_GRANT_EQUALS};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		const struct auth_grant grant = grant_of(both[i], PAIRS(one));
		assert_true(decrypts(&grant, PAIRS(one)));
		assert_false(decrypts(&grant, PAIRS(other_case)));
		assert_false(decrypts(&grant, PAIRS(other_value)));
	}
}

/* KMS Developer Guide: constraints do not hold for DescribeKey and RetireGrant. */
static void operations_without_a_context_are_not_constrained(void **state)
{
	static const enum auth_grant_constraint both[] = {AUTH_GRANT_SUBSET, AUTH_GRANT_EQUALS};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		const struct auth_grant grant = grant_of(both[i], PAIRS(two));
		assert_true(auth_grant_permits(&grant, DESCRIBE, false, &none));
		assert_false(auth_grant_permits(&grant, DESCRIBE, true, &none));
	}
}

static void an_unknown_constraint_permits_nothing(void **state)
{
	const struct auth_grant grant = grant_of((enum auth_grant_constraint)7, none);
	(void)state;
	assert_false(decrypts(&grant, none));
	assert_false(decrypts(&grant, PAIRS(two)));
	assert_false(auth_grant_narrows(&grant, &grant));
}

static void a_child_has_no_more_operations(void **state)
{
	const struct auth_grant parent = grant_of(AUTH_GRANT_ANY_CONTEXT, none);
	struct auth_grant child = parent;
	(void)state;
	assert_true(auth_grant_narrows(&parent, &child));
	child.operations = DECRYPT;
	assert_true(auth_grant_narrows(&parent, &child));
	child.operations = ENCRYPT;
	assert_false(auth_grant_narrows(&parent, &child));
	child.operations = DECRYPT | ENCRYPT | DESCRIBE;
	assert_false(auth_grant_narrows(&parent, &child));
}

/* Every pair of constraints: rows are parents, columns are children. */
static void a_childs_constraint_is_as_strict(void **state)
{
	const struct auth_grant grants[] = {
		grant_of(AUTH_GRANT_ANY_CONTEXT, none),
		grant_of(AUTH_GRANT_SUBSET, PAIRS(one)),
		grant_of(AUTH_GRANT_SUBSET, PAIRS(two)),
		grant_of(AUTH_GRANT_SUBSET, PAIRS(other_value)),
		grant_of(AUTH_GRANT_EQUALS, PAIRS(one)),
		grant_of(AUTH_GRANT_EQUALS, PAIRS(two)),
		grant_of(AUTH_GRANT_EQUALS, PAIRS(other_case)),
	};
	static const char *const narrows[] = {
		"yyyyyyy", /* any context */
		"nyynyyn", /* subset of one: more pairs are stricter, and so is equality */
		"nnynnyn", /* subset of two */
		"nnnynnn", /* subset of another value */
		"nnnnynn", /* equals one: nothing but itself */
		"nnnnnyn", /* equals two */
		"nnnnnny", /* equals another case */
	};
	(void)state;
	for (size_t parent = 0; parent < ARRAY_LEN(grants); parent++) {
		char row[ARRAY_LEN(grants) + 1] = "";
		for (size_t child = 0; child < ARRAY_LEN(grants); child++)
			row[child] =
				auth_grant_narrows(&grants[parent], &grants[child]) ? 'y' : 'n';
		assert_string_equal(row, narrows[parent]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_its_operations_are_permitted),
		cmocka_unit_test(no_operation_is_never_permitted),
		cmocka_unit_test(without_a_constraint_any_context_will_do),
		cmocka_unit_test(a_subset_wants_its_pairs_and_allows_more),
		cmocka_unit_test(equals_wants_its_pairs_and_no_more),
		cmocka_unit_test(case_of_names_and_values_counts),
		cmocka_unit_test(operations_without_a_context_are_not_constrained),
		cmocka_unit_test(an_unknown_constraint_permits_nothing),
		cmocka_unit_test(a_child_has_no_more_operations),
		cmocka_unit_test(a_childs_constraint_is_as_strict),
	};
	return cmocka_run_group_tests_name("grant", tests, NULL, NULL);
}
