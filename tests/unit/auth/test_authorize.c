/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict, its reason, and AWS's words for a denial. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "auth/authorize.h"

#define ACCOUNT "111122223333"
#define KEY_ARN "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

static const struct auth_principal administrator = {
	.type = AUTH_USER,
	.account = ACCOUNT,
	.arn = "arn:aws:iam::111122223333:user/admin",
	.administrator = true,
};
static const struct auth_principal user = {
	.type = AUTH_USER,
	.account = ACCOUNT,
	.arn = "arn:aws:iam::111122223333:user/alice",
};

static struct auth_verdict decide(const struct auth_principal *principal, struct view account)
{
	const struct auth_subject subject = {.principal = principal};
	const struct auth_request request = {
		.subject = &subject,
		.action = VIEW_LITERAL("kms:Encrypt"),
		.resource = VIEW_LITERAL(KEY_ARN),
		.resource_account = account,
	};
	struct auth_verdict verdict = {.allowed = true};
	auth_decide(&request, &verdict);
	return verdict;
}

static void administrator_may_do_everything_in_the_account(void **state)
{
	(void)state;
	struct auth_verdict v = decide(&administrator, VIEW_LITERAL(ACCOUNT));
	assert_true(v.allowed);
	assert_string_equal(v.decided_by, "identity:administrator");
	assert_string_equal(v.message, "");
}

static void administrator_may_nothing_in_another_account(void **state)
{
	static const char *const accounts[] = {"444455556666", "", "11112222333", "1111222233330"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(accounts); i++) {
		struct auth_verdict v = decide(&administrator, view_of_text(accounts[i]));
		assert_false(v.allowed);
		assert_string_equal(v.decided_by, "default-deny");
		assert_string_equal(v.message,
				    "User: arn:aws:iam::111122223333:user/admin is not authorized "
				    "to perform: kms:Encrypt on resource: " KEY_ARN
				    " because no resource-based policy allows the kms:Encrypt "
				    "action");
	}
}

static void others_may_nothing(void **state)
{
	(void)state;
	struct auth_verdict v = decide(&user, VIEW_LITERAL(ACCOUNT));
	assert_false(v.allowed);
	assert_string_equal(v.decided_by, "default-deny");
	assert_string_equal(v.message, "User: arn:aws:iam::111122223333:user/alice is not "
				       "authorized to perform: kms:Encrypt on resource: " KEY_ARN
				       " because no identity-based policy allows the kms:Encrypt "
				       "action");
}

static void nobody_without_an_account_matches_nothing(void **state)
{
	const struct auth_principal empty = {.administrator = true};
	(void)state;
	assert_false(decide(&empty, VIEW_NONE).allowed);
	assert_false(decide(&empty, VIEW_LITERAL(ACCOUNT)).allowed);
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
					     .resource_account = VIEW_LITERAL(ACCOUNT)};
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
					     .resource_account = VIEW_LITERAL(ACCOUNT)};
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
					     .resource_account = VIEW_LITERAL(ACCOUNT)};
	auth_decide(&request, &v);
	assert_false(v.allowed);
	assert_string_equal(v.message, "User is not authorized to perform this action");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(administrator_may_do_everything_in_the_account),
		cmocka_unit_test(administrator_may_nothing_in_another_account),
		cmocka_unit_test(others_may_nothing),
		cmocka_unit_test(nobody_without_an_account_matches_nothing),
		cmocka_unit_test(long_resources_are_cut),
		cmocka_unit_test(the_longest_alias_is_named_whole),
		cmocka_unit_test(absurdly_long_actions_are_denied_with_fewer_words),
	};
	return cmocka_run_group_tests_name("authorize", tests, NULL, NULL);
}
