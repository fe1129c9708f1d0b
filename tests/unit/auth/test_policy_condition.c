/* SPDX-License-Identifier: Apache-2.0 */
/* Condition blocks: several operators and keys, absent keys, keys with several values, families. */
#include "policy_context.h"
#include "policy_example.h"

#define EC "kms:EncryptionContext:"

struct row {
	bool holds;
	const char *condition;
};

static void check(const struct row *rows, size_t count, const struct auth_context *context)
{
	for (size_t i = 0; i < count; i++)
		if (holds(rows[i].condition, context) != rows[i].holds)
			fail_msg("%s is expected to be %s", rows[i].condition,
				 rows[i].holds ? "true" : "false");
}

static void all_operators_and_keys_must_hold(void **state)
{
	static const struct row rows[] = {
		{true, "{}"},
		{true, "{\"StringEquals\":{\"aws:username\":\"alice\"},"
		       "\"Bool\":{\"kms:MultiRegion\":\"true\"}}"},
		{false, "{\"StringEquals\":{\"aws:username\":\"alice\"},"
			"\"Bool\":{\"kms:MultiRegion\":\"false\"}}"},
		{true, "{\"StringEquals\":{\"aws:username\":\"alice\",\"" EC
		       "Department\":\"Finance\"}}"},
		{false,
		 "{\"StringEquals\":{\"aws:username\":\"alice\",\"" EC "Department\":\"Sales\"}}"},
		{false,
		 "{\"StringEquals\":{\"aws:username\":\"bob\",\"" EC "Department\":\"Finance\"}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows), &full_context);
}

/* One row for each operator: what it says of a key that is absent, plain and with IfExists. */
static void absent_keys_fit_nothing(void **state)
{
	static const struct {
		const char *operator;
		const char *value;
		bool holds;
	} rows[] = {
		{"StringEquals", "\"x\"", false},
		{"StringNotEquals", "\"x\"", true},
		{"StringEqualsIgnoreCase", "\"x\"", false},
		{"StringNotEqualsIgnoreCase", "\"x\"", true},
		{"StringLike", "\"*\"", false},
		{"StringNotLike", "\"*\"", true},
		{"ArnEquals", "\"*\"", false},
		{"ArnNotEquals", "\"*\"", true},
		{"ArnLike", "\"*\"", false},
		{"ArnNotLike", "\"*\"", true},
		{"NumericEquals", "0", false},
		{"NumericNotEquals", "0", true},
		{"NumericLessThan", "1", false},
		{"NumericLessThanEquals", "1", false},
		{"NumericGreaterThan", "-1", false},
		{"NumericGreaterThanEquals", "-1", false},
		{"DateEquals", "0", false},
		{"DateNotEquals", "0", true},
		{"DateLessThan", "1", false},
		{"DateLessThanEquals", "1", false},
		{"DateGreaterThan", "0", false},
		{"DateGreaterThanEquals", "0", false},
		{"Bool", "false", false},
		{"IpAddress", "\"0.0.0.0/0\"", false},
		{"NotIpAddress", "\"0.0.0.0/0\"", true},
		{"BinaryEquals", "\"\"", false},
	};
	static const char *const keys[] = {"kms:ViaService", "aws:RequestTag/x", "no:SuchKey"};
	char condition[256];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(keys); i++) {
		size_t row = i / ARRAY_LEN(keys), key = i % ARRAY_LEN(keys);
		snprintf(condition, sizeof condition, "{\"%s\":{\"%s\":%s}}", rows[row].operator,
			 keys[key], rows[row].value);
		if (holds(condition, &full_context) != rows[row].holds)
			fail_msg("%s", condition);
		snprintf(condition, sizeof condition, "{\"%sIfExists\":{\"%s\":%s}}",
			 rows[row].operator, keys[key], rows[row].value);
		if (!holds(condition, &full_context))
			fail_msg("%s", condition);
	}
}

static void if_exists_asks_what_exists(void **state)
{
	static const struct row rows[] = {
		{true, "{\"StringEqualsIfExists\":{\"aws:username\":\"alice\"}}"},
		{false, "{\"StringEqualsIfExists\":{\"aws:username\":\"bob\"}}"},
		{false, "{\"StringNotEqualsIfExists\":{\"aws:username\":\"alice\"}}"},
		{false, "{\"BoolIfExists\":{\"kms:MultiRegion\":\"false\"}}"},
		{false,
		 "{\"ForAnyValue:StringEqualsIfExists\":{\"kms:GrantOperations\":\"Sign\"}}"},
		{true, "{\"ForAnyValue:StringEqualsIfExists\":{\"kms:ViaService\":\"Sign\"}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows), &full_context);
}

static void null_asks_for_presence(void **state)
{
	static const struct row rows[] = {
		{true, "{\"Null\":{\"kms:ViaService\":\"true\"}}"},
		{false, "{\"Null\":{\"kms:ViaService\":\"false\"}}"},
		{false, "{\"Null\":{\"aws:username\":\"true\"}}"},
		{true, "{\"Null\":{\"aws:username\":false}}"},
		{true, "{\"Null\":{\"aws:username\":[\"true\",\"false\"]}}"},
		{false, "{\"Null\":{\"" EC "Department\":true}}"},
		{true, "{\"Null\":{\"" EC "department2\":true}}"},
		{true, "{\"Null\":{\"no:SuchKey\":true}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows), &full_context);
}

/* kms:GrantOperations is Encrypt and Decrypt. */
static void sets_are_asked_value_by_value(void **state)
{
	static const struct row rows[] = {
		{true, "{\"ForAnyValue:StringEquals\":{\"kms:GrantOperations\":\"Encrypt\"}}"},
		{false, "{\"ForAnyValue:StringEquals\":{\"kms:GrantOperations\":\"Sign\"}}"},
		{true, "{\"ForAnyValue:StringNotEquals\":{\"kms:GrantOperations\":\"Encrypt\"}}"},
		{false, "{\"ForAnyValue:StringNotEquals\":{\"kms:GrantOperations\":"
			"[\"Encrypt\",\"Decrypt\"]}}"},
		{true, "{\"ForAllValues:StringEquals\":{\"kms:GrantOperations\":"
		       "[\"Encrypt\",\"Decrypt\",\"Sign\"]}}"},
		{false, "{\"ForAllValues:StringEquals\":{\"kms:GrantOperations\":"
			"[\"Encrypt\",\"Sign\"]}}"},
		{true, "{\"ForAllValues:StringLike\":{\"kms:GrantOperations\":\"*crypt\"}}"},
		{true, "{\"ForAllValues:StringNotEquals\":{\"kms:GrantOperations\":\"Sign\"}}"},
		{false, "{\"ForAllValues:StringNotEquals\":{\"kms:GrantOperations\":\"Encrypt\"}}"},
		{true, "{\"ForAllValues:StringEquals\":{\"aws:username\":\"alice\"}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows), &full_context);
}

static void sets_of_nothing(void **state)
{
	static const struct row rows[] = {
		{true, "{\"ForAllValues:StringEquals\":{\"kms:GrantOperations\":\"Encrypt\"}}"},
		{true, "{\"ForAllValues:StringNotEquals\":{\"kms:GrantOperations\":\"Encrypt\"}}"},
		{false, "{\"ForAnyValue:StringEquals\":{\"kms:GrantOperations\":\"Encrypt\"}}"},
		{false, "{\"ForAnyValue:StringNotEquals\":{\"kms:GrantOperations\":\"Encrypt\"}}"},
	};
	static const struct auth_context empty;
	(void)state;
	check(rows, ARRAY_LEN(rows), &empty);
	check(rows, ARRAY_LEN(rows), NULL);
}

static void plain_operators_on_several_values(void **state)
{
	static const struct row rows[] = {
		{true, "{\"StringEquals\":{\"kms:GrantOperations\":\"Decrypt\"}}"},
		{false, "{\"StringEquals\":{\"kms:GrantOperations\":\"Sign\"}}"},
		{false, "{\"StringNotEquals\":{\"kms:GrantOperations\":\"Decrypt\"}}"},
		{true, "{\"StringNotEquals\":{\"kms:GrantOperations\":\"Sign\"}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows), &full_context);
}

/* The context has "case": "x" and "CASE": "y". */
static void members_are_found_in_any_case(void **state)
{
	static const struct row rows[] = {
		{true, "{\"StringEquals\":{\"KMS:encryptioncontext:DEPARTMENT\":\"Finance\"}}"},
		{false, "{\"StringEquals\":{\"" EC "Department\":\"finance\"}}"},
		{true, "{\"StringEquals\":{\"" EC "Case\":\"x\"}}"},
		{true, "{\"StringEquals\":{\"" EC "Case\":\"y\"}}"},
		{false, "{\"StringEquals\":{\"" EC "Case\":\"z\"}}"},
		{false, "{\"StringNotEquals\":{\"" EC "case\":\"y\"}}"},
		{false, "{\"ForAllValues:StringEquals\":{\"" EC "case\":\"x\"}}"},
		{true, "{\"StringEquals\":{\"aws:PrincipalTag/TEAM\":\"red\"}}"},
		{false, "{\"StringEquals\":{\"aws:RequestTag/team\":\"red\"}}"},
		{false, "{\"StringLike\":{\"" EC "Depart\":\"*\"}}"},
		{false, "{\"StringLike\":{\"" EC "*\":\"*\"}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows), &full_context);
}

static void every_key_is_found_in_any_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < AUTH_CONDITION_KEY_COUNT; i++) {
		enum auth_condition_key found;
		char upper[128] = {0};
		const char *name = auth_condition_name_of((enum auth_condition_key)i);
		for (size_t k = 0; name[k] != '\0'; k++)
			upper[k] =
				name[k] >= 'a' && name[k] <= 'z' ? (char)(name[k] - 32) : name[k];
		assert_true(auth_condition_find(view_of_text(upper), &found));
		assert_int_equal(found, i);
		assert_in_range(auth_condition_type_of(found), AUTH_TYPE_TEXT, AUTH_TYPE_TIME);
	}
}

static void names_that_nobody_knows_are_not_found(void **state)
{
	static const char *const names[] = {"",
					    "kms:",
					    "kms:ViaServic",
					    "kms:ViaServices",
					    "kms:EncryptionContext:",
					    "aws:PrincipalTag/"};
	enum auth_condition_key key;
	enum auth_condition_family family;
	struct view member;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_false(auth_condition_find(view_of_text(names[i]), &key));
		assert_false(auth_condition_find_family(view_of_text(names[i]), &family, &member));
	}
	assert_true(
		auth_condition_find_family(VIEW_LITERAL("AWS:resourcetag/a/b"), &family, &member));
	assert_int_equal(family, AUTH_FAMILY_AWS_RESOURCE_TAG);
	assert_true(view_equal_text(member, "a/b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_operators_and_keys_must_hold),
		cmocka_unit_test(absent_keys_fit_nothing),
		cmocka_unit_test(if_exists_asks_what_exists),
		cmocka_unit_test(null_asks_for_presence),
		cmocka_unit_test(sets_are_asked_value_by_value),
		cmocka_unit_test(sets_of_nothing),
		cmocka_unit_test(plain_operators_on_several_values),
		cmocka_unit_test(members_are_found_in_any_case),
		cmocka_unit_test(every_key_is_found_in_any_case),
		cmocka_unit_test(names_that_nobody_knows_are_not_found),
	};
	return cmocka_run_group_tests_name("policy conditions", tests, start_json, NULL);
}
