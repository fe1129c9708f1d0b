/* SPDX-License-Identifier: Apache-2.0 */
/* The document: elements, actions, resources, which statement is told, what it needs. */
#include "policy_example.h"

#define DEFAULT_POLICY                                                                           \
	"{\"Version\":\"2012-10-17\",\"Id\":\"key-default-1\",\"Statement\":[{\"Sid\":\"Enable " \
	"IAM User Permissions\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" ROOT_ARN         \
	"\"},\"Action\":\"kms:*\",\"Resource\":\"*\"}]}"

static void the_default_key_policy_delegates_to_the_account(void **state)
{
	CLEANUP(auth_policy_free)
	struct auth_policy *policy = compiled(AUTH_POLICY_KEY, DEFAULT_POLICY);
	(void)state;
	struct auth_answer answer = asked(policy, &alice, NULL);
	assert_false(answer.denied);
	assert_true(answer.allowed[AUTH_NAMED_ACCOUNT]);
	assert_false(answer.allowed[AUTH_NAMED_ITSELF] || answer.allowed[AUTH_NAMED_EVERYBODY] ||
		     answer.allowed[AUTH_NAMED_NOT]);
	assert_int_equal(answer.allow[AUTH_NAMED_ACCOUNT].number, 1);
	assert_true(view_equal_text(answer.allow[AUTH_NAMED_ACCOUNT].sid,
				    "Enable IAM User Permissions"));
	assert_int_equal(auth_policy_needs(policy), 0);
}

static bool action_fits(const char *pattern, const char *action)
{
	char members[512];
	snprintf(members, sizeof members, "\"Action\":%s,\"Resource\":\"*\"", pattern);
	CLEANUP(auth_policy_free) struct auth_policy *policy = with_statement("Allow", members);
	const struct auth_question question = {.principal = &alice,
					       .action = view_of_text(action),
					       .resource = VIEW_LITERAL(KEY_ARN)};
	struct auth_answer answer;
	auth_policy_ask(policy, &question, &answer);
	return answer.allowed[AUTH_NAMED_ITSELF];
}

static void actions_have_wildcards_and_no_case(void **state)
{
	(void)state;
	assert_true(action_fits("\"*\"", "kms:Encrypt"));
	assert_true(action_fits("\"*:*\"", "kms:Encrypt"));
	assert_true(action_fits("\"kms:*\"", "kms:Encrypt"));
	assert_true(action_fits("\"kms:encrypt\"", "kms:Encrypt"));
	assert_true(action_fits("\"KMS:ENCRYPT\"", "kms:Encrypt"));
	assert_true(action_fits("\"kms:Enc*\"", "kms:Encrypt"));
	assert_true(action_fits("\"kms:*crypt\"", "kms:Decrypt"));
	assert_true(action_fits("\"kms:??crypt\"", "kms:Decrypt"));
	assert_true(action_fits("\"kms:GenerateDataKey*\"", "kms:GenerateDataKey"));
	assert_true(action_fits("[\"kms:Decrypt\",\"kms:Encrypt\"]", "kms:Encrypt"));
	assert_false(action_fits("\"kms:Encrypt\"", "kms:Encryptx"));
	assert_false(action_fits("\"kms:Encrypt\"", "kms:Encryp"));
	assert_false(action_fits("\"kms:???crypt\"", "kms:Decrypt"));
	assert_false(action_fits("\"sts:*\"", "kms:Encrypt"));
}

static bool resource_fits(const char *pattern, const char *resource)
{
	char members[512];
	snprintf(members, sizeof members, "\"Action\":\"*\",\"Resource\":%s", pattern);
	CLEANUP(auth_policy_free) struct auth_policy *policy = with_statement("Allow", members);
	const struct auth_question question = {.principal = &alice,
					       .action = VIEW_LITERAL("kms:Encrypt"),
					       .resource = view_of_text(resource)};
	struct auth_answer answer;
	auth_policy_ask(policy, &question, &answer);
	return answer.allowed[AUTH_NAMED_ITSELF];
}

static void resources_have_wildcards_and_case(void **state)
{
	(void)state;
	assert_true(resource_fits("\"*\"", KEY_ARN));
	assert_true(resource_fits("\"*\"", "*"));
	assert_true(resource_fits("\"" KEY_ARN "\"", KEY_ARN));
	assert_true(resource_fits("\"arn:aws:kms:*:111122223333:key/*\"", KEY_ARN));
	assert_true(resource_fits("\"arn:aws:kms:us-east-?:111122223333:*/1234*90ab\"", KEY_ARN));
	assert_false(resource_fits("\"arn:aws:kms:us-east-1:111122223333:key/1234\"", KEY_ARN));
	assert_false(resource_fits("\"arn:aws:kms:us-east-1:111122223333:KEY/*\"", KEY_ARN));
	assert_false(resource_fits("\"arn:aws:kms:*:*:alias/*\"", KEY_ARN));
	assert_false(resource_fits("\"arn:aws:kms:*\"", "*"));
}

/* IAM User Guide, "Resource": an incomplete ARN. */
static void missing_parts_of_an_arn_are_wildcards(void **state)
{
	(void)state;
	assert_true(resource_fits("\"arn:aws:kms\"", KEY_ARN));
	assert_true(resource_fits("\"arn:aws:kms:us-east-1:111122223333\"", KEY_ARN));
	assert_false(resource_fits("\"arn:aws:kms:us-east-2\"", KEY_ARN));
}

static void not_action_and_not_resource_turn_around(void **state)
{
	CLEANUP(auth_policy_free)
	struct auth_policy *action =
		with_statement("Allow", "\"NotAction\":[\"kms:Decrypt\",\"sts:*\"],"
					"\"Resource\":\"*\"");
	CLEANUP(auth_policy_free)
	struct auth_policy *spared =
		with_statement("Allow", "\"NotAction\":\"kms:Enc*\",\"Resource\":\"*\"");
	CLEANUP(auth_policy_free)
	struct auth_policy *resource = with_statement(
		"Allow", "\"Action\":\"*\",\"NotResource\":\"arn:aws:kms:*:*:key/9*\"");
	CLEANUP(auth_policy_free)
	struct auth_policy *other = with_statement(
		"Allow", "\"Action\":\"*\",\"NotResource\":[\"arn:aws:kms:*:*:key/1*\"]");
	(void)state;
	assert_true(asked(action, &alice, NULL).allowed[AUTH_NAMED_ITSELF]);
	assert_false(asked(spared, &alice, NULL).allowed[AUTH_NAMED_ITSELF]);
	assert_true(asked(resource, &alice, NULL).allowed[AUTH_NAMED_ITSELF]);
	assert_false(asked(other, &alice, NULL).allowed[AUTH_NAMED_ITSELF]);
}

static void the_first_statement_that_applies_is_told(void **state)
{
	CLEANUP(auth_policy_free)
	struct auth_policy *policy = compiled(
		AUTH_POLICY_IDENTITY,
		"{\"Statement\":["
		"{\"Sid\":\"A\",\"Effect\":\"Allow\",\"Action\":\"kms:Decrypt\",\"Resource\":\"*\"}"
		","
		"{\"Sid\":\"B\",\"Effect\":\"Allow\",\"Action\":\"kms:*\",\"Resource\":\"*\"},"
		"{\"Sid\":\"C\",\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},"
		"{\"Effect\":\"Deny\",\"Action\":\"kms:Encrypt\",\"Resource\":\"*\"},"
		"{\"Sid\":\"E\",\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}]}");
	(void)state;
	struct auth_answer answer = asked(policy, &alice, NULL);
	assert_true(answer.allowed[AUTH_NAMED_ITSELF]);
	assert_int_equal(answer.allow[AUTH_NAMED_ITSELF].number, 2);
	assert_true(view_equal_text(answer.allow[AUTH_NAMED_ITSELF].sid, "B"));
	assert_true(answer.denied);
	assert_int_equal(answer.deny.number, 4);
	assert_int_equal(answer.deny.sid.len, 0);
}

static void costly_keys_are_told(void **state)
{
	static const struct {
		const char *members;
		uint32_t needs;
	} rows[] = {
		{"\"Action\":\"*\",\"Resource\":\"*\"", 0},
		{"\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\"StringEquals\":"
		 "{\"AWS:resourcetag/Team\":\"x\"}}",
		 AUTH_NEEDS_RESOURCE_TAGS},
		{"\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\"ForAnyValue:StringLike\":"
		 "{\"kms:ResourceAliases\":\"alias/*\"}}",
		 AUTH_NEEDS_RESOURCE_ALIASES},
		{"\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\"StringEquals\":"
		 "{\"aws:username\":\"${aws:ResourceTag/Owner}\"}}",
		 AUTH_NEEDS_RESOURCE_TAGS},
		{"\"Action\":\"*\",\"Resource\":\"arn:aws:kms:*:*:${kms:ResourceAliases}\"",
		 AUTH_NEEDS_RESOURCE_ALIASES},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(auth_policy_free)
		struct auth_policy *policy = with_statement("Allow", rows[i].members);
		assert_int_equal(auth_policy_needs(policy), rows[i].needs);
	}
}

static void the_sid_that_is_told_is_bounded(void **state)
{
	static char document[STATEMENT_MAX];
	char sid[AUTH_SID_MAX + 101];
	(void)state;
	for (size_t i = 0; i < sizeof sid - 1; i++)
		sid[i] = 's';
	sid[sizeof sid - 1] = '\0';
	snprintf(document, sizeof document,
		 "{\"Statement\":{\"Sid\":\"%s\",\"Effect\":\"Allow\",\"Action\":\"*\","
		 "\"Resource\":\"*\"}}",
		 sid);
	CLEANUP(auth_policy_free)
	struct auth_policy *policy = compiled(AUTH_POLICY_IDENTITY, document);
	struct auth_answer answer = asked(policy, &alice, NULL);
	assert_int_equal(answer.allow[AUTH_NAMED_ITSELF].sid.len, AUTH_SID_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_key_policy_delegates_to_the_account),
		cmocka_unit_test(actions_have_wildcards_and_no_case),
		cmocka_unit_test(resources_have_wildcards_and_case),
		cmocka_unit_test(missing_parts_of_an_arn_are_wildcards),
		cmocka_unit_test(not_action_and_not_resource_turn_around),
		cmocka_unit_test(the_first_statement_that_applies_is_told),
		cmocka_unit_test(costly_keys_are_told),
		cmocka_unit_test(the_sid_that_is_told_is_bounded),
	};
	return cmocka_run_group_tests_name("policy", tests, start_json, NULL);
}
