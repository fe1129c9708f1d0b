/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a policy document of each kind: refused with words that can be shown, or compiled,
 * and then it answers any request, the same twice, with statements that it has.
 */
#include "auth/policy.h"
#include "base/mem.h"
#include "base/text.h"
#include "codec/json.h"
#include "target.h"

#define PAIR(name, value)                               \
	{                                               \
		VIEW_LITERAL(name), VIEW_LITERAL(value) \
	}
#define TEXTS(array)                                        \
	{                                                   \
		.texts = (array), .count = ARRAY_LEN(array) \
	}
#define NUMBER(n)                         \
	{                                 \
		.count = 1, .number = (n) \
	}
#define PAIRS(array)                                        \
	{                                                   \
		.pairs = (array), .count = ARRAY_LEN(array) \
	}
#define KEY "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

static const struct view user_name[] = {VIEW_LITERAL("alice")};
static const struct view user_arn[] = {VIEW_LITERAL("arn:aws:iam::111122223333:user/alice")};
static const struct view source_ip[] = {VIEW_LITERAL("2001:db8::7")};
static const struct view operations[] = {VIEW_LITERAL("Encrypt"), VIEW_LITERAL("Decrypt")};
static const struct auth_pair pairs[] = {
	PAIR("aws:logs:arn", "arn:aws:logs:us-east-1:111122223333:log-group:app"), PAIR("a", "*"),
	PAIR("A", "2026-11-22"), PAIR("n", "-10.5"), PAIR("", "")};

static const struct auth_context context = {
	.values = {[AUTH_AWS_USER_NAME] = TEXTS(user_name),
		   [AUTH_AWS_PRINCIPAL_ARN] = TEXTS(user_arn),
		   [AUTH_AWS_SOURCE_IP] = TEXTS(source_ip),
		   [AUTH_KMS_GRANT_OPERATIONS] = TEXTS(operations),
		   [AUTH_KMS_ROTATION_PERIOD_IN_DAYS] = NUMBER(INT64_MIN),
		   [AUTH_KMS_MULTI_REGION] = NUMBER(1),
		   [AUTH_AWS_CURRENT_TIME] = NUMBER(INT64_MAX),
		   [AUTH_AWS_EPOCH_TIME] = NUMBER(INT64_C(1795311218000))},
	.families = {[AUTH_FAMILY_KMS_ENCRYPTION_CONTEXT] = PAIRS(pairs),
		     [AUTH_FAMILY_AWS_PRINCIPAL_TAG] = PAIRS(pairs),
		     [AUTH_FAMILY_AWS_RESOURCE_TAG] = PAIRS(pairs)},
};

static const struct auth_principal principals[] = {
	{.type = AUTH_USER,
	 .account = "111122223333",
	 .arn = "arn:aws:iam::111122223333:user/alice",
	 .id = "AIDAABCDEFGHIJKLMNOPQ"},
	{.type = AUTH_ROLE_SESSION,
	 .account = "111122223333",
	 .arn = "arn:aws:sts::111122223333:assumed-role/Writer/job",
	 .id = "AROAABCDEFGHIJKLMNOPQ",
	 .role_arn = "arn:aws:iam::111122223333:role/Writer"},
	{.type = AUTH_SERVICE, .account = "111122223333", .arn = "logs.us-east-1.amazonaws.com"},
};

static bool is_sound(const struct auth_statement *statement)
{
	return statement->number >= 1 && statement->number <= AUTH_POLICY_STATEMENTS_MAX &&
	       statement->sid.len <= AUTH_SID_MAX;
}

static void ask(const struct auth_policy *policy, const struct auth_question *question)
{
	struct auth_answer answer, again;
	auth_policy_ask(policy, question, &answer);
	auth_policy_ask(policy, question, &again);
	must(!answer.allowed[AUTH_NAMED_NOT]);
	must(answer.denied == again.denied && (!answer.denied || is_sound(&answer.deny)));
	for (size_t i = 0; i <= AUTH_NAMED_ITSELF; i++) {
		must(answer.allowed[i] == again.allowed[i]);
		must(!answer.allowed[i] || is_sound(&answer.allow[i]));
	}
}

static void ask_all(const struct auth_policy *policy)
{
	const struct auth_context *contexts[] = {NULL, &context};
	const struct view resources[] = {VIEW_LITERAL(KEY), VIEW_LITERAL("*"), VIEW_NONE};
	for (size_t i = 0; i < ARRAY_LEN(principals) * 2 * ARRAY_LEN(resources); i++) {
		const struct auth_question question = {
			.principal = &principals[i % ARRAY_LEN(principals)],
			.action = VIEW_LITERAL("kms:Encrypt"),
			.resource = resources[i / ARRAY_LEN(principals) % ARRAY_LEN(resources)],
			.context = contexts[i / (ARRAY_LEN(principals) * ARRAY_LEN(resources))]};
		ask(policy, &question);
	}
}

static void check_principals(const struct auth_policy *policy, enum auth_policy_kind kind)
{
	struct auth_policy_principal named;
	size_t count = 0;
	for (; auth_policy_principal_at(policy, count, &named); count++)
		must(named.text.len > 0 && text_is_utf8(named.text));
	must((count == 0) == (kind == AUTH_POLICY_IDENTITY));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (enum auth_policy_kind kind = AUTH_POLICY_KEY; kind <= AUTH_POLICY_TRUST; kind++) {
		CLEANUP(auth_policy_free) struct auth_policy *policy = NULL;
		char message[AUTH_POLICY_MESSAGE_MAX];
		struct err e = auth_policy_compile(kind, view_of(data, size), &policy, message);
		must(err_failed(e) == (policy == NULL));
		must(err_failed(e) == (message[0] != '\0'));
		must(!err_failed(e) || err_is(e, E_KMS_MALFORMED_POLICY));
		must(text_is_utf8(view_of_text(message)));
		if (policy == NULL)
			continue;
		check_principals(policy, kind);
		ask_all(policy);
	}
	return 0;
}
