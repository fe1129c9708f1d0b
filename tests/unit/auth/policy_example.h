/* SPDX-License-Identifier: Apache-2.0 */
/* Policies and requests for the tests of auth/policy.h. */
#ifndef HOLDFAST_TESTS_POLICY_EXAMPLE_H
#define HOLDFAST_TESTS_POLICY_EXAMPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "auth/policy.h"
#include "codec/json.h"

#define ACCOUNT "111122223333"
#define OTHER_ACCOUNT "444455556666"
#define KEY_ARN "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
#define ALICE_ARN "arn:aws:iam::111122223333:user/alice"
#define ROLE_ARN "arn:aws:iam::111122223333:role/app/Writer"
#define SESSION_ARN "arn:aws:sts::111122223333:assumed-role/Writer/job-7"
#define ROOT_ARN "arn:aws:iam::111122223333:root"
#define LOGS "logs.us-east-1.amazonaws.com"
#define ALICE_ID "AIDAABCDEFGHIJKLMNOPQ"
#define ROLE_ID "AROAABCDEFGHIJKLMNOPQ"

static const struct auth_principal alice UNUSED = {
	.type = AUTH_USER, .account = ACCOUNT, .arn = ALICE_ARN, .id = ALICE_ID, .name = "alice"};
static const struct auth_principal job UNUSED = {.type = AUTH_ROLE_SESSION,
						 .account = ACCOUNT,
						 .arn = SESSION_ARN,
						 .id = ROLE_ID,
						 .name = "job-7",
						 .role_arn = ROLE_ARN,
						 .role_name = "Writer"};
static const struct auth_principal root UNUSED = {
	.type = AUTH_ROOT, .account = ACCOUNT, .arn = ROOT_ARN, .id = ACCOUNT};
static const struct auth_principal logs UNUSED = {
	.type = AUTH_SERVICE, .account = ACCOUNT, .arn = LOGS, .name = LOGS};

static UNUSED int start_json(void **state)
{
	(void)state;
	return err_failed(json_start()) ? -1 : 0;
}

/* One that must compile. */
static UNUSED struct auth_policy *compiled(enum auth_policy_kind kind, const char *document)
{
	struct auth_policy *policy;
	char message[AUTH_POLICY_MESSAGE_MAX];
	struct err e = auth_policy_compile(kind, view_of_text(document), &policy, message);
	if (err_failed(e))
		fail_msg("%s: %s\n%s", err_name(e), message, document);
	assert_string_equal(message, "");
	return policy;
}

static UNUSED struct auth_answer asked(const struct auth_policy *policy,
				       const struct auth_principal *principal,
				       const struct auth_context *context)
{
	const struct auth_question question = {.principal = principal,
					       .action = VIEW_LITERAL("kms:Encrypt"),
					       .resource = VIEW_LITERAL(KEY_ARN),
					       .context = context};
	struct auth_answer answer;
	auth_policy_ask(policy, &question, &answer);
	return answer;
}

#define STATEMENT_MAX 8192
/* An identity policy of version 2012-10-17 with one statement: effect and what stands behind. */
static UNUSED struct auth_policy *with_statement(const char *effect, const char *members)
{
	static char document[STATEMENT_MAX];
	int n = snprintf(document, sizeof document,
			 "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"%s\",%s}}",
			 effect, members);
	assert_in_range(n, 1, sizeof document - 1);
	return compiled(AUTH_POLICY_IDENTITY, document);
}

/* Whether an Allow of everything under this condition allows, which is whether the condition holds.
 */
static UNUSED bool holds(const char *condition, const struct auth_context *context)
{
	static char members[STATEMENT_MAX];
	int n = snprintf(members, sizeof members,
			 "\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":%s", condition);
	assert_in_range(n, 1, sizeof members - 1);
	CLEANUP(auth_policy_free) struct auth_policy *policy = with_statement("Allow", members);
	return asked(policy, &alice, context).allowed[AUTH_NAMED_ITSELF];
}

/* The words for a document that must not compile. */
static UNUSED const char *refusal(enum auth_policy_kind kind, const char *document)
{
	static char message[AUTH_POLICY_MESSAGE_MAX];
	struct auth_policy *policy;
	struct err e = auth_policy_compile(kind, view_of_text(document), &policy, message);
	assert_string_equal(err_name(e), "E_KMS_MALFORMED_POLICY");
	assert_null(policy);
	return message;
}

#endif
