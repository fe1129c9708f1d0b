/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict's edges: bounds, names that are missing, accounts that are none. What is decided and
 * why: test_decisions.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "auth/authorize.h"
#include "auth/managed.h"
#include "base/text.h"
#include "codec/json.h"

#define ACCOUNT "111122223333"
#define KEY_ARN "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

static const struct auth_principal administrator = {
	.type = AUTH_USER,
	.account = ACCOUNT,
	.arn = "arn:aws:iam::111122223333:user/admin",
};
static const struct auth_principal user = {
	.type = AUTH_USER,
	.account = ACCOUNT,
	.arn = "arn:aws:iam::111122223333:user/alice",
};

static const struct auth_principal operator_ = {
	.type = AUTH_OPERATOR,
	.arn = "holdfast:uid:0",
};
static const struct auth_context context;
static struct auth_policy *everything; /* AdministratorAccess */

static struct auth_request request_of(const struct auth_subject *subject, struct view account)
{
	return (struct auth_request){
		.subject = subject,
		.action = VIEW_LITERAL("kms:Encrypt"),
		.resource = VIEW_LITERAL(KEY_ARN),
		.resource_account = account,
		.context = &context,
	};
}

static struct auth_verdict decide(const struct auth_principal *principal, struct view account)
{
	const struct auth_named_policy attached = {"aws:policy/" AUTH_MANAGED_ADMINISTRATOR,
						   everything};
	const struct auth_subject subject = {.principal = principal,
					     .policies = &attached,
					     .policy_count = principal == &user ? 0 : 1};
	const struct auth_request request = request_of(&subject, account);
	struct auth_verdict verdict = {.allowed = true};
	auth_decide(&request, &verdict);
	return verdict;
}

static struct auth_policy *compile(enum auth_policy_kind kind, const char *document)
{
	char message[AUTH_POLICY_MESSAGE_MAX];
	struct auth_policy *policy = NULL;
	struct err e = auth_policy_compile(kind, view_of_text(document), &policy, message);
	if (err_failed(e))
		print_error("%s\n", message);
	assert_false(err_failed(e));
	return policy;
}

static int start(void **state)
{
	(void)state;
	if (err_failed(json_start()))
		return -1;
	struct view name = VIEW_LITERAL(AUTH_MANAGED_ADMINISTRATOR);
	everything = compile(AUTH_POLICY_IDENTITY, auth_managed_document(name));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	auth_policy_free(&everything);
	return 0;
}

static void administrator_access_allows_everything(void **state)
{
	(void)state;
	struct auth_verdict v = decide(&administrator, VIEW_LITERAL(ACCOUNT));
	assert_true(v.allowed);
	assert_int_equal(v.outcome, AUTH_ALLOWED);
	assert_int_equal(v.reason, AUTH_BY_IDENTITY_POLICY);
	assert_string_equal(v.decided_by, "aws:policy/AdministratorAccess:1");
	assert_string_equal(v.message, "");
}

static void another_account_is_none_that_looks_like_the_own(void **state)
{
	static const char *const accounts[] = {"444455556666", "", "11112222333", "1111222233330"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(accounts); i++) {
		struct auth_verdict v = decide(&administrator, view_of_text(accounts[i]));
		assert_false(v.allowed);
		assert_int_equal(v.outcome, AUTH_DENIED);
		assert_non_null(strstr(v.message, "because the resource does not exist in this "
						  "Region, no resource-based policies"));
	}
}

static void nobody_without_an_account_matches_nothing(void **state)
{
	const struct auth_principal empty = {.type = AUTH_USER};
	(void)state;
	assert_false(decide(&empty, VIEW_NONE).allowed);
	assert_false(decide(&empty, VIEW_LITERAL(ACCOUNT)).allowed);
}

static void an_operator_needs_no_policy(void **state)
{
	(void)state;
	struct auth_verdict v = decide(&operator_, VIEW_LITERAL(ACCOUNT));
	assert_true(v.allowed);
	assert_int_equal(v.reason, AUTH_BY_OPERATOR);
	assert_string_equal(v.decided_by, "operator");
}

/* A deny that cannot be named is one all the same. */
static void policies_without_a_name_decide_as_well(void **state)
{
	CLEANUP(auth_policy_free)
	struct auth_policy *policy = compile(
		AUTH_POLICY_IDENTITY,
		"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\","
		"\"Resource\":\"*\"},{\"Effect\":\"Deny\",\"Action\":\"kms:Encrypt\","
		"\"Resource\":\"*\"}]}");
	const struct auth_named_policy nameless = {.name = NULL, .policy = policy};
	const struct auth_subject subject = {
		.principal = &user, .policies = &nameless, .policy_count = 1};
	struct auth_request request = request_of(&subject, VIEW_LITERAL(ACCOUNT));
	struct auth_verdict v;
	(void)state;
	auth_decide(&request, &v);
	assert_false(v.allowed);
	assert_true(v.explicit_deny);
	request.action = VIEW_LITERAL("kms:Decrypt");
	auth_decide(&request, &v);
	assert_true(v.allowed);
}

#define OPERANDS 3000
#define KEYS 1000

/* Allows what has none of many names in its encryption context. */
static char *write_costly_policy(void)
{
	static const char start[] =
		"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":"
		"{\"AWS\":\"arn:aws:iam::111122223333:user/alice\"},\"Action\":\"*\","
		"\"Resource\":\"*\",\"Condition\":{\"ForAllValues:StringNotEquals\":"
		"{\"kms:EncryptionContextKeys\":[\"x\"";
	size_t size = sizeof start + (size_t)OPERANDS * 8 + 8;
	char *text = test_malloc(size);
	size_t len = (size_t)snprintf(text, size, "%s", start);
	for (int i = 0; i < OPERANDS; i++)
		len += (size_t)snprintf(text + len, size - len, ",\"%d\"", i);
	(void)snprintf(text + len, size - len, "]}}}]}");
	return text;
}

/* Whoever writes policies and calls to fit them must not keep everybody else waiting. */
static void what_costs_too_much_to_decide_is_denied(void **state)
{
	static struct view names[KEYS];
	struct auth_context many = {.steps_left = NULL};
	char *text = write_costly_policy();
	CLEANUP(auth_policy_free) struct auth_policy *policy = compile(AUTH_POLICY_KEY, text);
	const struct auth_subject subject = {.principal = &user};
	struct auth_request request = request_of(&subject, VIEW_LITERAL(ACCOUNT));
	struct auth_verdict v;
	(void)state;
	for (size_t i = 0; i < KEYS; i++)
		names[i] = VIEW_LITERAL("y");
	many.values[AUTH_KMS_ENCRYPTION_CONTEXT_KEYS] =
		(struct auth_value){.texts = names, .count = 50};
	request.context = &many;
	request.key_policy = policy;
	request.grant_operation = 1;
	auth_decide(&request, &v);
	assert_true(v.allowed);
	many.values[AUTH_KMS_ENCRYPTION_CONTEXT_KEYS].count = KEYS;
	auth_decide(&request, &v);
	assert_int_equal(v.outcome, AUTH_DENIED);
	assert_non_null(strstr(v.decided_by, "costs more than a decision may"));
	test_free(text);
}

static char *long_text(char fill, size_t len)
{
	char *text = test_malloc(len + 1);
	memset(text, fill, len);
	text[len] = '\0';
	return text;
}

/* 256 characters of Sid on one side, a policy's name beyond all bounds on the other. */
static void both_sides_are_told_however_long_their_names_are(void **state)
{
	char *sid = long_text('S', AUTH_SID_MAX);
	char *name = long_text('n', 2000);
	char document[1024];
	(void)state;
	(void)snprintf(document, sizeof document,
		       "{\"Version\":\"2012-10-17\",\"Statement\":{\"Sid\":\"%s\",\"Effect\":"
		       "\"Allow\",\"Principal\":{\"AWS\":\"" ACCOUNT
		       "\"},\"Action\":\"*\",\"Resource\":\"*\"}}",
		       sid);
	CLEANUP(auth_policy_free)
	struct auth_policy *key_policy = compile(AUTH_POLICY_KEY, document);
	CLEANUP(auth_policy_free)
	struct auth_policy *policy =
		compile(AUTH_POLICY_IDENTITY, "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":"
					      "\"*\",\"Resource\":\"*\"}}");
	const struct auth_named_policy named = {.name = name, .policy = policy};
	const struct auth_subject subject = {
		.principal = &user, .policies = &named, .policy_count = 1};
	struct auth_request request = request_of(&subject, VIEW_LITERAL(ACCOUNT));
	request.key_policy = key_policy;
	struct auth_verdict v;
	auth_decide(&request, &v);
	assert_true(v.allowed);
	assert_memory_equal(v.decided_by, "key-policy:1 (SSSS", 18);
	assert_non_null(strstr(v.decided_by, "S) + nnnn"));
	assert_string_equal(v.decided_by + strlen(v.decided_by) - 3, "n:1");
	test_free(sid);
	test_free(name);
}

static void unseen_words_are_the_same_for_what_is_there_and_what_is_not(void **state)
{
	struct auth_verdict hidden = decide(&user, VIEW_LITERAL("444455556666"));
	struct auth_verdict missing = {.allowed = true};
	(void)state;
	auth_deny_unseen(&user, VIEW_LITERAL("kms:Encrypt"), VIEW_LITERAL(KEY_ARN), &missing);
	assert_false(missing.allowed);
	assert_int_equal(missing.outcome, AUTH_DENIED);
	assert_false(missing.explicit_deny);
	assert_string_equal(missing.message, hidden.message);
	assert_string_equal(
		missing.message,
		"User: arn:aws:iam::111122223333:user/alice is not authorized to "
		"perform: kms:Encrypt on resource: " KEY_ARN
		" because the resource does not exist in this Region, no resource-based "
		"policies allow access, or a resource-based policy explicitly denies "
		"access");
}

static void cut_resources_end_with_a_whole_character(void **state)
{
	static char resource[1000];
	struct auth_verdict v;
	(void)state;
	for (size_t i = 0; i + 2 < sizeof resource; i += 2)
		memcpy(&resource[i + 1], "\xc3\xa9", 2);
	resource[0] = 'r';
	auth_deny_unseen(&user, VIEW_LITERAL("kms:Encrypt"), view_of_text(resource), &v);
	assert_non_null(strstr(v.message, "because the resource"));
	assert_true(text_is_utf8(view_of_text(v.message)));
}

static void reasons_have_names(void **state)
{
	(void)state;
	for (int i = 0; i <= AUTH_BY_SESSION_POLICY; i++)
		assert_string_not_equal(auth_reason_name((enum auth_reason)i), "");
	assert_string_equal(auth_reason_name((enum auth_reason)99), "");
}

static void long_resources_are_cut(void **state)
{
	static uint8_t resource[4096];
	struct auth_verdict v;
	(void)state;
	for (size_t i = 0; i < sizeof resource; i++)
		resource[i] = 'r';
	const struct auth_request request = {.subject = &(struct auth_subject){.principal = &user},
					     .action = VIEW_LITERAL("kms:Encrypt"),
					     .resource = VIEW_ARRAY(resource),
					     .resource_account = VIEW_LITERAL(ACCOUNT),
					     .context = &context};
	auth_decide(&request, &v);
	assert_false(v.allowed);
	assert_in_range(view_of_text(v.message).len, 300, AUTH_REASON_MAX - 1);
}

static void the_longest_alias_is_named_whole(void **state)
{
	char arn[384] = "arn:aws-us-gov:kms:us-gov-west-1:" ACCOUNT ":alias/";
	struct auth_verdict v;
	(void)state;
	memset(arn + strlen(arn), 'a', 250);
	const struct auth_request request = {.subject = &(struct auth_subject){.principal = &user},
					     .action = VIEW_LITERAL("kms:CreateAlias"),
					     .resource = view_of_text(arn),
					     .resource_account = VIEW_LITERAL(ACCOUNT),
					     .context = &context};
	auth_decide(&request, &v);
	assert_false(v.allowed);
	const char *named = strstr(v.message, arn);
	assert_non_null(named);
	assert_int_equal(named[strlen(arn)], ' ');
}

static void absurdly_long_actions_are_denied_with_fewer_words(void **state)
{
	static char action[2000];
	struct auth_verdict v;
	(void)state;
	for (size_t i = 0; i < sizeof action - 1; i++)
		action[i] = 'a';
	const struct auth_request request = {.subject = &(struct auth_subject){.principal = &user},
					     .action = view_of_text(action),
					     .resource = VIEW_LITERAL(KEY_ARN),
					     .resource_account = VIEW_LITERAL(ACCOUNT),
					     .context = &context};
	auth_decide(&request, &v);
	assert_false(v.allowed);
	assert_string_equal(v.message, "User is not authorized to perform this action");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(administrator_access_allows_everything),
		cmocka_unit_test(another_account_is_none_that_looks_like_the_own),
		cmocka_unit_test(nobody_without_an_account_matches_nothing),
		cmocka_unit_test(an_operator_needs_no_policy),
		cmocka_unit_test(policies_without_a_name_decide_as_well),
		cmocka_unit_test(what_costs_too_much_to_decide_is_denied),
		cmocka_unit_test(both_sides_are_told_however_long_their_names_are),
		cmocka_unit_test(unseen_words_are_the_same_for_what_is_there_and_what_is_not),
		cmocka_unit_test(cut_resources_end_with_a_whole_character),
		cmocka_unit_test(reasons_have_names),
		cmocka_unit_test(long_resources_are_cut),
		cmocka_unit_test(the_longest_alias_is_named_whole),
		cmocka_unit_test(absurdly_long_actions_are_denied_with_fewer_words),
	};
	return cmocka_run_group_tests_name("authorize", tests, start, stop);
}
