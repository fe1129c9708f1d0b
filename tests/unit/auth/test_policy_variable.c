/* SPDX-License-Identifier: Apache-2.0 */
/* Policy variables: what they stand for, where, and that their values are text and nothing else. */
#include "policy_row.h"

#define TAG "aws:PrincipalTag/"

static bool decides(const char *effect, const char *members, const char *resource)
{
	CLEANUP(auth_policy_free) struct auth_policy *policy = with_statement(effect, members);
	const struct auth_question question = {.principal = &alice,
					       .action = VIEW_LITERAL("kms:Encrypt"),
					       .resource = view_of_text(resource),
					       .context = &full_context};
	struct auth_answer answer;
	auth_policy_ask(policy, &question, &answer);
	return answer.denied || answer.allowed[AUTH_NAMED_ITSELF];
}

static void variables_stand_for_values(void **state)
{
	static const struct row rows[] = {
		{true, "{\"StringEquals\":{\"aws:username\":\"${aws:username}\"}}"},
		{true, "{\"StringEquals\":{\"aws:username\":\"${ AWS:UserName }\"}}"},
		{true, "{\"StringEquals\":{\"" TAG "team\":\"${aws:PrincipalTag/Team}\"}}"},
		{false, "{\"StringEquals\":{\"" TAG "team\":\"${aws:username}\"}}"},
		{true, "{\"StringLike\":{\"aws:PrincipalArn\":\"*:user/${aws:username}\"}}"},
		{true, "{\"StringLike\":{\"aws:PrincipalArn\":\"*${aws:username}*\"}}"},
		{false, "{\"StringLike\":{\"aws:PrincipalArn\":\"*/${aws:username}?\"}}"},
		{true, "{\"StringEqualsIgnoreCase\":{\"aws:username\":\"${aws:username}\"}}"},
		{true, "{\"StringEquals\":{\"kms:RotationPeriodInDays\":"
		       "\"${kms:RotationPeriodInDays}\"}}"},
		{true, "{\"ArnLike\":{\"aws:PrincipalArn\":"
		       "\"arn:aws:iam::111122223333:user/${aws:username}\"}}"},
		{true, "{\"ArnEquals\":{\"aws:PrincipalArn\":\"${aws:PrincipalArn}\"}}"},
		{false, "{\"StringNotEquals\":{\"aws:username\":\"${aws:username}\"}}"},
		{true, "{\"StringEquals\":{\"aws:username\":"
		       "\"${kms:EncryptionContext:name, 'alice'}\"}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows));
}

/* A `*` in a tag's value must not become a wildcard: whoever sets tags would write policies. */
static void wildcards_in_values_do_not_act(void **state)
{
	static const struct row rows[] = {
		{false, "{\"StringLike\":{\"aws:username\":\"${aws:PrincipalTag/star}\"}}"},
		{false, "{\"StringLike\":{\"aws:username\":\"${aws:PrincipalTag/half}\"}}"},
		{false, "{\"StringLike\":{\"aws:username\":\"${aws:PrincipalTag/question}\"}}"},
		{false, "{\"StringLike\":{\"aws:username\":\"al${aws:PrincipalTag/star}\"}}"},
		{true, "{\"StringLike\":{\"" TAG "star\":\"${aws:PrincipalTag/star}\"}}"},
		{false, "{\"ArnLike\":{\"aws:PrincipalArn\":"
			"\"arn:aws:iam::111122223333:user/${aws:PrincipalTag/star}\"}}"},
		{false, "{\"ArnLike\":{\"aws:PrincipalArn\":"
			"\"arn:aws:iam::${aws:PrincipalTag/star}:user/alice\"}}"},
		{true, "{\"StringNotLike\":{\"aws:username\":\"${aws:PrincipalTag/star}\"}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows));
	assert_false(decides("Allow",
			     "\"Action\":\"*\",\"Resource\":"
			     "\"arn:aws:kms:us-east-1:111122223333:key/${aws:PrincipalTag/star}\"",
			     KEY_ARN));
	assert_true(decides("Allow",
			    "\"Action\":\"*\",\"Resource\":"
			    "\"arn:aws:kms:us-east-1:111122223333:key/${aws:PrincipalTag/star}\"",
			    "arn:aws:kms:us-east-1:111122223333:key/*"));
}

static void signs_stand_for_themselves(void **state)
{
	static const struct row rows[] = {
		{true, "{\"StringLike\":{\"" TAG "star\":\"${*}\"}}"},
		{true, "{\"StringEquals\":{\"" TAG "star\":\"${*}\"}}"},
		{true, "{\"StringLike\":{\"" TAG "half\":\"al${*}\"}}"},
		{true, "{\"StringLike\":{\"" TAG "question\":\"*${?}\"}}"},
		{false, "{\"StringLike\":{\"aws:username\":\"${*}\"}}"},
		{false, "{\"StringLike\":{\"aws:username\":\"alic${?}\"}}"},
		{false, "{\"StringEquals\":{\"aws:username\":\"${$}\"}}"},
		{true, "{\"StringNotLike\":{\"aws:username\":\"${$}{aws:username}\"}}"},
		{true, "{\"StringNotEquals\":{\"aws:username\":\"$alice\"}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void absent_variables_have_their_default_value(void **state)
{
	static const struct row rows[] = {
		{true, "{\"StringEquals\":{\"aws:username\":\"${kms:ViaService, 'alice'}\"}}"},
		{true, "{\"StringEquals\":{\"aws:username\":\"${kms:ViaService,'alice'}\"}}"},
		{true, "{\"StringLike\":{\"" TAG "star\":\"${kms:ViaService, '*'}\"}}"},
		{false, "{\"StringLike\":{\"aws:username\":\"${kms:ViaService, '*'}\"}}"},
		{true, "{\"StringEquals\":{\"aws:username\":\"alice${kms:ViaService, ''}\"}}"},
		{false,
		 "{\"StringEquals\":{\"aws:username\":\"${aws:PrincipalTag/team, 'alice'}\"}}"},
		{true, "{\"StringEquals\":{\"aws:username\":\"${no:SuchKey, 'alice'}\"}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows));
}

/* IAM User Guide, "Policy variables with no value". kms:GrantOperations has two values,
 * kms:EncryptionContext:case two members: neither can be a variable. */
static void nothing_is_equal_to_or_like_no_value(void **state)
{
	static const char *const variables[] = {"kms:ViaService", "kms:GrantOperations",
						"kms:EncryptionContext:case", "no:SuchKey",
						"kms:GrantOperations, 'alice'"};
	static const struct {
		const char *operator;
		bool holds;
	} operators[] = {
		{"StringEquals", false},
		{"StringNotEquals", true},
		{"StringEqualsIgnoreCase", false},
		{"StringLike", false},
		{"StringNotLike", true},
		{"StringEqualsIfExists", false},
		{"ForAnyValue:StringEquals", false},
		{"ForAllValues:StringLike", false},
		{"ForAllValues:StringNotEquals", true},
		{"ForAnyValue:StringNotEquals", true},
	};
	char condition[256];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(variables) * ARRAY_LEN(operators); i++) {
		size_t row = i % ARRAY_LEN(operators);
		snprintf(condition, sizeof condition, "{\"%s\":{\"aws:username\":\"${%s}\"}}",
			 operators[row].operator, variables[i / ARRAY_LEN(operators)]);
		if (holds(condition, &full_context) != operators[row].holds)
			fail_msg("%s", condition);
	}
	assert_false(
		holds("{\"StringEquals\":{\"kms:GrantOperations\":\"${kms:GrantOperations}\"}}",
		      &full_context));
	assert_true(holds("{\"StringEquals\":{\"aws:username\":[\"${kms:ViaService}\",\"alice\"]}}",
			  &full_context));
	assert_false(
		holds("{\"StringNotEquals\":{\"aws:username\":[\"${kms:ViaService}\",\"alice\"]}}",
		      &full_context));
}

/* The example of that chapter: who has no team is denied. */
static void denials_hold_for_want_of_a_value(void **state)
{
	(void)state;
	assert_true(
		decides("Deny",
			"\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\"StringNotEquals\":"
			"{\"aws:username\":\"${aws:PrincipalTag/none}\"}}",
			KEY_ARN));
	assert_false(decides("Deny",
			     "\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\"StringEquals\":"
			     "{\"aws:username\":\"${aws:PrincipalTag/none}\"}}",
			     KEY_ARN));
	assert_true(
		decides("Deny", "\"Action\":\"*\",\"NotResource\":\"${kms:ViaService}\"", KEY_ARN));
}

static void resources_have_variables(void **state)
{
	(void)state;
	assert_true(decides("Allow",
			    "\"Action\":\"*\",\"Resource\":\"arn:aws:x:::${aws:username}/*\"",
			    "arn:aws:x:::alice/1"));
	assert_false(decides("Allow",
			     "\"Action\":\"*\",\"Resource\":\"arn:aws:x:::${aws:username}/*\"",
			     "arn:aws:x:::bob/1"));
	assert_true(decides("Allow", "\"Action\":\"*\",\"Resource\":\"${aws:PrincipalArn}\"",
			    ALICE_ARN));
	assert_false(decides("Allow",
			     "\"Action\":\"*\",\"Resource\":\"arn:aws:x:::${kms:ViaService}*\"",
			     "arn:aws:x:::"));
	assert_false(decides("Allow",
			     "\"Action\":\"*\",\"NotResource\":\"arn:aws:x:::${kms:ViaService}\"",
			     KEY_ARN));
	assert_true(decides("Allow",
			    "\"Action\":\"*\",\"NotResource\":\"arn:aws:x:::${aws:username}\"",
			    KEY_ARN));
}

static bool old_version_holds(const char *resource, const char *condition)
{
	char document[512];
	snprintf(document, sizeof document,
		 "{\"Version\":\"2008-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\","
		 "\"Resource\":\"%s\",\"Condition\":%s}}",
		 resource, condition);
	CLEANUP(auth_policy_free)
	struct auth_policy *policy = compiled(AUTH_POLICY_IDENTITY, document);
	return asked(policy, &alice, &full_context).allowed[AUTH_NAMED_ITSELF];
}

static void variables_are_text_in_the_old_version(void **state)
{
	(void)state;
	assert_true(old_version_holds("*", "{}"));
	assert_false(old_version_holds(
		"arn:aws:kms:us-east-1:${aws:PrincipalAccount, '" ACCOUNT "'}:key/*", "{}"));
	assert_false(old_version_holds("*", "{\"StringEquals\":{\"aws:username\":"
					    "\"${aws:username}\"}}"));
	assert_true(old_version_holds("*", "{\"StringEquals\":{\"kms:EncryptionContext:template\":"
					   "\"${aws:username}\"}}"));
}

/* With a variable, the parts of an ARN are not counted before its value is known. */
static void parts_of_arns_come_from_values(void **state)
{
	static const struct row rows[] = {
		{true, "{\"ArnLike\":{\"aws:PrincipalArn\":\"${aws:PrincipalArn}*\"}}"},
		{true, "{\"ArnLike\":{\"aws:PrincipalArn\":\"arn:aws:iam::${no:Key, '" ACCOUNT
		       ":user/al'}*\"}}"},
		{false, "{\"ArnLike\":{\"aws:PrincipalArn\":\"arn:aws:iam${no:Key, ''}*\"}}"},
		{false, "{\"ArnLike\":{\"aws:PrincipalArn\":\"${no:Key, ''}*\"}}"},
		{false, "{\"ArnLike\":{\"aws:username\":\"${aws:username}\"}}"},
	};
	(void)state;
	check(rows, ARRAY_LEN(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables_stand_for_values),
		cmocka_unit_test(wildcards_in_values_do_not_act),
		cmocka_unit_test(signs_stand_for_themselves),
		cmocka_unit_test(absent_variables_have_their_default_value),
		cmocka_unit_test(nothing_is_equal_to_or_like_no_value),
		cmocka_unit_test(denials_hold_for_want_of_a_value),
		cmocka_unit_test(resources_have_variables),
		cmocka_unit_test(variables_are_text_in_the_old_version),
		cmocka_unit_test(parts_of_arns_come_from_values),
	};
	return cmocka_run_group_tests_name("policy variables", tests, start_json, NULL);
}
