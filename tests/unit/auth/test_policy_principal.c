/* SPDX-License-Identifier: Apache-2.0 */
/* Who a statement names, and how closely: Principal, NotPrincipal, Allow and Deny. */
#include "policy_example.h"

static const struct auth_principal uid_0 UNUSED = {
	.type = AUTH_OPERATOR, .account = ACCOUNT, .arn = "holdfast:uid:0", .id = "uid:0"};
static const struct auth_principal stranger = {.type = AUTH_USER,
					       .account = OTHER_ACCOUNT,
					       .arn = "arn:aws:iam::444455556666:user/alice",
					       .id = "AIDAZZZZZZZZZZZZZZZZZ"};
static const struct auth_principal other_job = {
	.type = AUTH_ROLE_SESSION,
	.account = ACCOUNT,
	.arn = "arn:aws:sts::111122223333:assumed-role/Writer/job-8",
	.id = ROLE_ID,
	.role_arn = ROLE_ARN};

static struct auth_policy *naming(const char *effect, const char *element, const char *principal)
{
	static char document[STATEMENT_MAX];
	int n = snprintf(document, sizeof document,
			 "{\"Statement\":[{\"Effect\":\"%s\",\"%s\":%s,\"Action\":\"kms:*\","
			 "\"Resource\":\"*\"}]}",
			 effect, element, principal);
	assert_in_range(n, 1, sizeof document - 1);
	return compiled(AUTH_POLICY_KEY, document);
}

/* The one way in which it is allowed; AUTH_NAMED_NOT when in none. */
static enum auth_naming only_naming(const struct auth_answer *answer)
{
	enum auth_naming found = AUTH_NAMED_NOT;
	assert_false(answer->allowed[AUTH_NAMED_NOT]);
	for (enum auth_naming i = AUTH_NAMED_ACCOUNT; i <= AUTH_NAMED_ITSELF; i++) {
		if (!answer->allowed[i])
			continue;
		assert_int_equal(found, AUTH_NAMED_NOT);
		found = i;
	}
	return found;
}

static const struct naming_row {
	const char *principal;
	enum auth_naming alice, job, root, logs, stranger, uid_0;
} naming_rows[] = {
	{"\"*\"", AUTH_NAMED_EVERYBODY, AUTH_NAMED_EVERYBODY, AUTH_NAMED_EVERYBODY,
	 AUTH_NAMED_EVERYBODY, AUTH_NAMED_EVERYBODY, AUTH_NAMED_EVERYBODY},
	{"{\"AWS\":\"*\"}", AUTH_NAMED_EVERYBODY, AUTH_NAMED_EVERYBODY, AUTH_NAMED_EVERYBODY,
	 AUTH_NAMED_EVERYBODY, AUTH_NAMED_EVERYBODY, AUTH_NAMED_EVERYBODY},
	{"{\"AWS\":\"" ROOT_ARN "\"}", AUTH_NAMED_ACCOUNT, AUTH_NAMED_ACCOUNT, AUTH_NAMED_ACCOUNT,
	 0, 0, 0},
	{"{\"AWS\":[\"" ACCOUNT "\"]}", AUTH_NAMED_ACCOUNT, AUTH_NAMED_ACCOUNT, AUTH_NAMED_ACCOUNT,
	 0, 0, 0},
	{"{\"AWS\":\"" OTHER_ACCOUNT "\"}", 0, 0, 0, 0, AUTH_NAMED_ACCOUNT, 0},
	{"{\"AWS\":\"arn:aws-cn:iam::111122223333:root\"}", 0, 0, 0, 0, 0, 0},
	{"{\"AWS\":\"" ALICE_ARN "\"}", AUTH_NAMED_ITSELF, 0, 0, 0, 0, 0},
	{"{\"AWS\":\"" ALICE_ID "\"}", AUTH_NAMED_ITSELF, 0, 0, 0, 0, 0},
	{"{\"AWS\":\"arn:aws:iam::111122223333:user/Alice\"}", 0, 0, 0, 0, 0, 0},
	{"{\"AWS\":\"" ROLE_ARN "\"}", 0, AUTH_NAMED_ROLE, 0, 0, 0, 0},
	{"{\"AWS\":\"" ROLE_ID "\"}", 0, AUTH_NAMED_ROLE, 0, 0, 0, 0},
	{"{\"AWS\":\"" SESSION_ARN "\"}", 0, AUTH_NAMED_ITSELF, 0, 0, 0, 0},
	{"{\"AWS\":\"arn:aws:iam::111122223333:role/Writer\"}", 0, 0, 0, 0, 0, 0},
	{"{\"Service\":\"" LOGS "\"}", 0, 0, 0, AUTH_NAMED_ITSELF, 0, 0},
	{"{\"Service\":[\"rds.us-east-1.amazonaws.com\"]}", 0, 0, 0, 0, 0, 0},
	{"{\"AWS\":[\"" ROOT_ARN "\",\"" ROLE_ARN "\",\"" ALICE_ARN "\"],\"Service\":\"" LOGS "\"}",
	 AUTH_NAMED_ITSELF, AUTH_NAMED_ROLE, AUTH_NAMED_ACCOUNT, AUTH_NAMED_ITSELF, 0, 0},
	{"{\"AWS\":[\"" ROOT_ARN "\",\"*\"]}", AUTH_NAMED_EVERYBODY, AUTH_NAMED_EVERYBODY,
	 AUTH_NAMED_EVERYBODY, AUTH_NAMED_EVERYBODY, AUTH_NAMED_EVERYBODY, AUTH_NAMED_EVERYBODY},
};

/* A row's expectations, with whom they are about. */
static size_t askers_of(const struct naming_row *row, const struct auth_principal *principals[6],
			enum auth_naming expected[6])
{
	const struct auth_principal *const all[] = {&alice, &job, &root, &logs, &stranger, &uid_0};
	const enum auth_naming namings[] = {row->alice, row->job,      row->root,
					    row->logs,  row->stranger, row->uid_0};
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		principals[i] = all[i];
		expected[i] = namings[i];
	}
	return ARRAY_LEN(all);
}

/* By NotPrincipal: whom it names by itself, its role or its account. A Deny spares none but the
 * root by the account. */
static bool is_spared(bool deny, enum auth_naming naming, const struct auth_principal *principal)
{
	if (deny && naming == AUTH_NAMED_ACCOUNT)
		return principal == &root;
	return naming != AUTH_NAMED_NOT;
}

static void check_row(const char *effect, const char *element, const struct naming_row *row)
{
	const struct auth_principal *principals[6];
	enum auth_naming expected[6];
	bool turned = element[0] == 'N', deny = effect[0] == 'D';
	CLEANUP(auth_policy_free)
	struct auth_policy *policy = naming(effect, element, row->principal);
	size_t count = askers_of(row, principals, expected);
	for (size_t i = 0; i < count; i++) {
		struct auth_answer answer = asked(policy, principals[i], NULL);
		if (turned)
			expected[i] = is_spared(deny, expected[i], principals[i])
					      ? AUTH_NAMED_NOT
					      : AUTH_NAMED_EVERYBODY;
		enum auth_naming found = only_naming(&answer);
		if (answer.denied != (deny && expected[i] != AUTH_NAMED_NOT) ||
		    found != (deny ? AUTH_NAMED_NOT : expected[i]))
			fail_msg("%s %s %s: %s", effect, element, row->principal,
				 principals[i]->arn);
	}
}

static void principals_are_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(naming_rows); i++) {
		check_row("Allow", "Principal", &naming_rows[i]);
		check_row("Deny", "Principal", &naming_rows[i]);
	}
}

static void everybody_else_is_named_by_not_principal(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(naming_rows); i++) {
		check_row("Allow", "NotPrincipal", &naming_rows[i]);
		check_row("Deny", "NotPrincipal", &naming_rows[i]);
	}
}

static void another_session_is_named_by_its_role_alone(void **state)
{
	CLEANUP(auth_policy_free)
	struct auth_policy *session = naming("Allow", "Principal", "{\"AWS\":\"" SESSION_ARN "\"}");
	CLEANUP(auth_policy_free)
	struct auth_policy *role = naming("Allow", "Principal", "{\"AWS\":\"" ROLE_ARN "\"}");
	(void)state;
	struct auth_answer answer = asked(session, &other_job, NULL);
	assert_int_equal(only_naming(&answer), AUTH_NAMED_NOT);
	answer = asked(role, &other_job, NULL);
	assert_int_equal(only_naming(&answer), AUTH_NAMED_ROLE);
}

/* A principal without an id or a role is not named by an empty one. */
static void nobody_is_named_by_nothing(void **state)
{
	static const struct auth_principal bare = {.type = AUTH_ROLE_SESSION};
	(void)state;
	for (size_t i = 2; i < ARRAY_LEN(naming_rows) - 1; i++) {
		CLEANUP(auth_policy_free)
		struct auth_policy *policy = naming("Allow", "Principal", naming_rows[i].principal);
		struct auth_answer answer = asked(policy, &bare, NULL);
		assert_int_equal(only_naming(&answer), AUTH_NAMED_NOT);
	}
}

static void each_way_of_naming_has_its_statement(void **state)
{
	CLEANUP(auth_policy_free)
	struct auth_policy *policy = compiled(
		AUTH_POLICY_KEY,
		"{\"Statement\":["
		"{\"Sid\":\"account\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" ROOT_ARN
		"\"},\"Action\":\"*\",\"Resource\":\"*\"},"
		"{\"Sid\":\"all\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\","
		"\"Resource\":\"*\"},"
		"{\"Sid\":\"role\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" ROLE_ARN
		"\"},\"Action\":\"*\",\"Resource\":\"*\"},"
		"{\"Sid\":\"session\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" SESSION_ARN
		"\"},\"Action\":\"*\",\"Resource\":\"*\"}]}");
	static const char *const sids[] = {"", "account", "all", "role", "session"};
	(void)state;
	struct auth_answer answer = asked(policy, &job, NULL);
	for (enum auth_naming i = AUTH_NAMED_ACCOUNT; i <= AUTH_NAMED_ITSELF; i++) {
		assert_true(answer.allowed[i]);
		assert_int_equal(answer.allow[i].number, i);
		assert_true(view_equal_text(answer.allow[i].sid, sids[i]));
	}
}

static void trust_policies_have_no_resource(void **state)
{
	CLEANUP(auth_policy_free)
	struct auth_policy *policy = compiled(
		AUTH_POLICY_TRUST,
		"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\","
		"\"Principal\":{\"AWS\":\"" ALICE_ARN "\"},\"Action\":\"sts:AssumeRole\"}}");
	const struct auth_question question = {.principal = &alice,
					       .action = VIEW_LITERAL("sts:AssumeRole"),
					       .resource = VIEW_LITERAL(ROLE_ARN)};
	struct auth_answer answer;
	(void)state;
	auth_policy_ask(policy, &question, &answer);
	assert_int_equal(only_naming(&answer), AUTH_NAMED_ITSELF);
	answer = asked(policy, &alice, NULL);
	assert_int_equal(only_naming(&answer), AUTH_NAMED_NOT);
}

static void named_principals_are_told_in_order(void **state)
{
	CLEANUP(auth_policy_free)
	struct auth_policy *policy = compiled(
		AUTH_POLICY_KEY,
		"{\"Statement\":["
		"{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":[\"" ALICE_ARN "\",\"" ACCOUNT
		"\"],\"Service\":\"" LOGS "\"},\"Action\":\"*\",\"Resource\":\"*\"},"
		"{\"Effect\":\"Deny\",\"NotPrincipal\":{\"AWS\":\"" ROLE_ID
		"\"},\"Action\":\"*\",\"Resource\":\"*\"},"
		"{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"}]}");
	static const struct {
		int kind;
		const char *text;
		size_t statement;
	} rows[] = {
		{AUTH_NAMES_AWS, ALICE_ARN, 0}, {AUTH_NAMES_AWS, ACCOUNT, 0},
		{AUTH_NAMES_SERVICE, LOGS, 0},  {AUTH_NAMES_AWS, ROLE_ID, 1},
		{AUTH_NAMES_EVERYBODY, "*", 2},
	};
	struct auth_policy_principal named;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(auth_policy_principal_at(policy, i, &named));
		assert_int_equal(named.kind, rows[i].kind);
		assert_true(view_equal_text(named.text, rows[i].text));
		assert_int_equal(named.statement, rows[i].statement);
	}
	assert_false(auth_policy_principal_at(policy, ARRAY_LEN(rows), &named));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(principals_are_named),
		cmocka_unit_test(everybody_else_is_named_by_not_principal),
		cmocka_unit_test(another_session_is_named_by_its_role_alone),
		cmocka_unit_test(nobody_is_named_by_nothing),
		cmocka_unit_test(each_way_of_naming_has_its_statement),
		cmocka_unit_test(trust_policies_have_no_resource),
		cmocka_unit_test(named_principals_are_told_in_order),
	};
	return cmocka_run_group_tests_name("policy principals", tests, start_json, NULL);
}
