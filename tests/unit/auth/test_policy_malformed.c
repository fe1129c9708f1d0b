/* SPDX-License-Identifier: Apache-2.0 */
/* Documents that are refused, each with the words that say what is wrong and where. */
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "policy_example.h"

struct row {
	const char *document;
	const char *message;
};

static void check(enum auth_policy_kind kind, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_string_equal(refusal(kind, rows[i].document), rows[i].message);
}

/* A statement that is whole but for `part`. */
#define IDENTITY(part) "{\"Version\":\"2012-10-17\",\"Statement\":[{" part "}]}"
#define REST "\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\""

static void documents_are_objects(void **state)
{
	static const struct row rows[] = {
		{"", "the document is not valid JSON (at byte 0)"},
		{"{", "the document is not valid JSON (at byte 1)"},
		{"{} x", "the document is not valid JSON (at byte 4)"},
		{"{\"Id\":\"\xff\"}", "the document is not valid UTF-8 (at byte 7)"},
		{"[]", "the document is not a JSON object"},
		{"\"*\"", "the document is not a JSON object"},
		{"{}", "the document has no Statement"},
		{"{\"Id\":\"a\",\"Id\":\"a\"}", "the document has an element twice (at byte 14)"},
		{"{\"Id\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}",
		 "the document is too deep, or has too many or too long values (at byte 21)"},
		{"{\"Statements\":[]}", "\"Statements\" is no element of a policy"},
		{"{\"Id\":1}", "Id: must be a string"},
		{"{\"Version\":\"2012-10-18\"}",
		 "Version: must be \"2012-10-17\" or \"2008-10-17\""},
		{"{\"Version\":2012}", "Version: must be \"2012-10-17\" or \"2008-10-17\""},
		{"{\"Statement\":[]}", "Statement: the list is empty"},
		{"{\"Statement\":\"x\"}", "Statement: must be a statement or a list of them"},
		{"{\"Statement\":["
		 "1]}",
		 "Statement 1: is not a JSON object"},
	};
	(void)state;
	for (enum auth_policy_kind kind = AUTH_POLICY_KEY; kind <= AUTH_POLICY_TRUST; kind++)
		check(kind, rows, ARRAY_LEN(rows));
}

static void statements_have_their_elements(void **state)
{
	static const struct row rows[] = {
		{IDENTITY("\"Action\":\"*\",\"Resource\":\"*\""), "Statement 1: has no Effect"},
		{IDENTITY("\"Effect\":\"allow\",\"Action\":\"*\",\"Resource\":\"*\""),
		 "Statement 1, Effect: must be \"Allow\" or \"Deny\""},
		{IDENTITY("\"Effect\":\"Allow\",\"Resource\":\"*\""), "Statement 1: has no Action"},
		{IDENTITY("\"Effect\":\"Allow\",\"Action\":\"*\""), "Statement 1: has no Resource"},
		{IDENTITY(REST ",\"NotAction\":\"*\""),
		 "Statement 1: has both Action and NotAction"},
		{IDENTITY(REST ",\"NotResource\":\"*\""),
		 "Statement 1: has both Resource and NotResource"},
		{IDENTITY(REST ",\"Principal\":\"*\""),
		 "Statement 1: a policy of an identity must not have a Principal"},
		{IDENTITY(REST ",\"NotPrincipal\":\"*\""),
		 "Statement 1: a policy of an identity must not have a Principal"},
		{IDENTITY(REST ",\"Actions\":\"*\""),
		 "Statement 1: \"Actions\" is no element of a statement; did you mean Action?"},
		{IDENTITY(REST "},{" REST ",\"Sid\":\"Second\",\"x\":1"),
		 "Statement 2 (Sid Second): \"x\" is no element of a statement"},
		{IDENTITY(REST ",\"Effect\":\"Deny\""),
		 "the document has an element twice (at byte 91)"},
	};
	(void)state;
	check(AUTH_POLICY_IDENTITY, rows, ARRAY_LEN(rows));
}

static void kinds_differ_in_their_elements(void **state)
{
	(void)state;
	assert_string_equal(refusal(AUTH_POLICY_KEY, IDENTITY(REST)),
			    "Statement 1: has no Principal");
	assert_string_equal(refusal(AUTH_POLICY_KEY,
				    IDENTITY(REST ",\"Principal\":\"*\",\"NotPrincipal\":\"*\"")),
			    "Statement 1: has both Principal and NotPrincipal");
	assert_string_equal(
		refusal(AUTH_POLICY_KEY,
			IDENTITY("\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\"")),
		"Statement 1: has no Resource");
	assert_string_equal(refusal(AUTH_POLICY_TRUST, IDENTITY(REST ",\"Principal\":\"*\"")),
			    "Statement 1: a trust policy must not have a Resource");
	assert_string_equal(
		refusal(AUTH_POLICY_TRUST, IDENTITY("\"Effect\":\"Allow\",\"Action\":\"*\"")),
		"Statement 1: has no Principal");
}

static void sids_are_names_and_unique(void **state)
{
	static const struct row rows[] = {
		{IDENTITY(REST ",\"Sid\":1"), "Statement 1, Sid: must be a string"},
		{IDENTITY(REST ",\"Sid\":\"a b\""),
		 "Statement 1, Sid: \"a b\" has other than letters and digits"},
		{IDENTITY(REST ",\"Sid\":\"a\"},{" REST ",\"Sid\":\"a\""),
		 "Statement 2 (Sid a): another statement has the same Sid"},
	};
	(void)state;
	check(AUTH_POLICY_IDENTITY, rows, ARRAY_LEN(rows));
	assert_string_equal(refusal(AUTH_POLICY_KEY,
				    IDENTITY(REST ",\"Principal\":\"*\",\"Sid\":\"\xc3\xa9\"")),
			    "Statement 1, Sid: \"\xc3\xa9\" has characters other than ASCII's");
	CLEANUP(auth_policy_free)
	struct auth_policy *empty = compiled(
		AUTH_POLICY_IDENTITY, IDENTITY(REST ",\"Sid\":\"\"},{" REST ",\"Sid\":\"\""));
	assert_non_null(empty);
}

#define ACTION(value) "\"Effect\":\"Deny\",\"Resource\":\"*\",\"Action\":" value
#define RESOURCE(value) "\"Effect\":\"Deny\",\"NotAction\":\"a:b\",\"Resource\":" value

static void actions_and_resources_are_checked(void **state)
{
	static const struct row rows[] = {
		{IDENTITY(ACTION("[]")), "Statement 1, Action: the list is empty"},
		{IDENTITY(ACTION("1")), "Statement 1, Action: must be strings"},
		{IDENTITY(ACTION("[\"a:b\",[\"a:b\"]]")), "Statement 1, Action: must be strings"},
		{IDENTITY(ACTION("null")), "Statement 1, Action: must be strings"},
		{IDENTITY(ACTION("\"\"")),
		 "Statement 1, Action: \"\" is neither service:Action nor \"*\""},
		{IDENTITY(ACTION("\"Encrypt\"")),
		 "Statement 1, Action: \"Encrypt\" is neither service:Action nor \"*\""},
		{IDENTITY(ACTION("\"kms:\"")),
		 "Statement 1, Action: \"kms:\" is neither service:Action nor \"*\""},
		{IDENTITY(ACTION("\":Encrypt\"")),
		 "Statement 1, Action: \":Encrypt\" is neither service:Action nor \"*\""},
		{IDENTITY(ACTION("\"kms:En crypt\"")),
		 "Statement 1, Action: \"kms:En crypt\" is neither service:Action nor \"*\""},
		{IDENTITY(ACTION("\"a:b:c\"")),
		 "Statement 1, Action: \"a:b:c\" is neither service:Action nor \"*\""},
		{IDENTITY(RESOURCE("[]")), "Statement 1, Resource: the list is empty"},
		{IDENTITY(RESOURCE("{}")), "Statement 1, Resource: must be strings"},
		{IDENTITY(RESOURCE("\"key/1\"")),
		 "Statement 1, Resource: \"key/1\" is neither an ARN nor \"*\""},
		{IDENTITY(RESOURCE("\"**\"")),
		 "Statement 1, Resource: \"**\" is neither an ARN nor \"*\""},
		{IDENTITY(RESOURCE("\"arn:aws:x:::${aws:username\"")),
		 "Statement 1, Resource: \"arn:aws:x:::${aws:username\" has a variable that is not "
		 "closed"},
		{IDENTITY(RESOURCE("\"arn:aws:x:::${username}\"")),
		 "Statement 1, Resource: \"arn:aws:x:::${username}\" has a variable that is no "
		 "condition key"},
		{IDENTITY(RESOURCE("\"arn:aws:x:::${}\"")),
		 "Statement 1, Resource: \"arn:aws:x:::${}\" has a variable that is no condition "
		 "key"},
		{IDENTITY(RESOURCE("\"arn:aws:x:::${a:b, x}\"")),
		 "Statement 1, Resource: \"arn:aws:x:::${a:b, x}\" has a variable whose default "
		 "value is not in single quotes"},
		{IDENTITY(RESOURCE("\"arn:aws:x:::${a:b, 'x}\"")),
		 "Statement 1, Resource: \"arn:aws:x:::${a:b, 'x}\" has a variable whose default "
		 "value is not in single quotes"},
		{IDENTITY(RESOURCE("\"arn:aws:x:::${a:b, 'x' y}\"")),
		 "Statement 1, Resource: \"arn:aws:x:::${a:b, 'x' y}\" has a variable that is not "
		 "closed"},
	};
	(void)state;
	check(AUTH_POLICY_IDENTITY, rows, ARRAY_LEN(rows));
}

static void check_principal(const char *principal, const char *message)
{
	char document[512], expected[512];
	snprintf(document, sizeof document,
		 "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\","
		 "\"Principal\":%s}}",
		 principal);
	snprintf(expected, sizeof expected, "Statement 1, Principal: %s", message);
	assert_string_equal(refusal(AUTH_POLICY_KEY, document), expected);
}

static void principals_have_a_form(void **state)
{
	static const char form[] = "must be \"*\" or an object such as {\"AWS\": ...}";
	(void)state;
	check_principal("\"" ACCOUNT "\"", form);
	check_principal("[\"*\"]", form);
	check_principal("1", form);
	check_principal("{}", "names nobody");
	check_principal("{\"AWS\":[]}", "the list is empty");
	check_principal("{\"AWS\":1}", "must name strings");
	check_principal("{\"aws\":\"*\"}", "\"aws\" is no type of principal");
	check_principal("{\"Federated\":\"cognito\"}",
			"\"cognito\" cannot be a principal: there are no identity providers");
	check_principal("{\"CanonicalUser\":\"79a5\"}",
			"\"79a5\" cannot be a principal: there are no canonical users");
}

static void principals_are_named_whole(void **state)
{
	static const char *const wildcards[] = {"arn:aws:iam::111122223333:*",
						"arn:aws:iam::111122223333:user/*",
						"arn:aws:iam::*:root", "AIDA*", "11112222333?"};
	static const char *const others[] = {"",
					     "alice",
					     "1111222233334",
					     "11112222333",
					     "AGPAABCDEFGHIJKLMNOPQ",
					     "AIDAabcdefghijklmnopq",
					     "AIDA",
					     "arn:aws:iam::111122223333:group/admins",
					     "arn:aws:iam::111122223333:user/",
					     "arn:aws:iam::111122223333:user",
					     "arn:aws:iam::111122223333:user//a",
					     "arn:aws:iam::111122223333:user/a b",
					     "arn:aws:iam::1111:root",
					     "arn:aws:iam:us-east-1:111122223333:root",
					     "arn:aws:sts::111122223333:root",
					     "arn:aws:sts::111122223333:assumed-role/Writer",
					     "arn:aws:sts::111122223333:assumed-role/a/b/c",
					     "arn:aws:iam::111122223333:assumed-role/a/b",
					     "arn::iam::111122223333:root",
					     "arn:aws:iam::111122223333",
					     "arn:aws:iam::111122223333:root:x",
					     "logs.us-east-1.amazonaws.com"};
	char principal[128], message[256];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wildcards); i++) {
		snprintf(principal, sizeof principal, "{\"AWS\":\"%s\"}", wildcards[i]);
		snprintf(message, sizeof message,
			 "\"%s\" has a wildcard: a principal is named whole, or is \"*\"",
			 wildcards[i]);
		check_principal(principal, message);
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		snprintf(principal, sizeof principal, "{\"AWS\":[\"*\",\"%s\"]}", others[i]);
		snprintf(message, sizeof message,
			 "\"%s\" is no principal: not an ARN of an account's root, a user, a role "
			 "or a session, and neither an account nor \"*\"",
			 others[i]);
		check_principal(principal, message);
	}
}

static void services_are_named_whole(void **state)
{
	static const char *const names[] = {"*",
					    "logs",
					    "amazonaws.com",
					    "logs.*.amazonaws.com",
					    "logs..amazonaws.com",
					    "logs.amazonaws.org",
					    "logs.amazonaws.com.",
					    "logs.evil.com.cn",
					    ".amazonaws.com",
					    "amazonaws.com.cn",
					    ""};
	char principal[128], message[256];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(principal, sizeof principal, "{\"Service\":\"%s\"}", names[i]);
		snprintf(message, sizeof message,
			 "\"%s\" is no service's name, as logs.us-east-1.amazonaws.com is",
			 names[i]);
		check_principal(principal, message);
	}
}

static void check_condition(const char *condition, const char *message)
{
	char document[512], expected[512];
	snprintf(document, sizeof document,
		 "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\","
		 "\"Resource\":\"*\",\"Condition\":%s}}",
		 condition);
	snprintf(expected, sizeof expected, "Statement 1, Condition%s", message);
	assert_string_equal(refusal(AUTH_POLICY_IDENTITY, document), expected);
}

static void condition_blocks_have_a_form(void **state)
{
	(void)state;
	check_condition("[]", ": must be an object of operators");
	check_condition("\"x\"", ": must be an object of operators");
	check_condition("{\"Bool\":[]}", " Bool: must be an object of condition keys and values");
	check_condition("{\"Bool\":{}}", " Bool: must be an object of condition keys and values");
	check_condition("{\"StringLik\":{\"a:b\":\"c\"}}",
			" StringLik: unknown operator; did you mean StringLike?");
	check_condition("{\"boolIfExists\":{\"a:b\":\"c\"}}",
			" boolIfExists: unknown operator; did you mean Bool?");
	check_condition("{\"IfExists\":{\"a:b\":\"c\"}}", " IfExists: unknown operator");
	check_condition("{\"ForSomeValue:StringLike\":{\"a:b\":\"c\"}}",
			" ForSomeValue:StringLike: unknown operator");
	check_condition(
		"{\"NullIfExists\":{\"a:b\":true}}",
		" NullIfExists: Null stands without IfExists, ForAnyValue and ForAllValues");
	check_condition("{\"ForAnyValue:Null\":{\"a:b\":true}}",
			" ForAnyValue:Null: Null stands without IfExists, ForAnyValue and "
			"ForAllValues");
	check_condition("{\"StringLike\":{\"username\":\"c\"}}",
			" StringLike username: this is no condition key");
	check_condition("{\"StringLike\":{\"a:b\":[]}}", " StringLike a:b: the list is empty");
	check_condition("{\"StringLike\":{\"a:b\":[\"c\",{}]}}",
			" StringLike a:b: has a value that is no string, number or boolean");
	check_condition("{\"StringLike\":{\"a:b\":null}}",
			" StringLike a:b: has a value that is no string, number or boolean");
}

/* Each operator with values that are none of its kind. */
static const struct {
	const char *operator, * message;
	const char *values[16];
} bad_values[] = {
	{"NumericLessThan",
	 "is not a number",
	 {"", "x", "1.", ".5", "1e3", "0x10", "1,5", " 1", "--1", "+-1", "9223372036854775808",
	  "1.0000000000000000001"}},
	{"DateLessThan",
	 "is neither a date of ISO 8601 nor seconds since 1970",
	 {"", "2026", "-1", "2026-13-01", "2026-02-29", "2026-11-22T25:00:00Z", "2026-11-22T10:00",
	  "2026-11-22T10Z", "2026-11T10:00Z", "2026-11-22T10:00:00+25:00", "1969-12-31",
	  "22.11.2026", "2026-11-22T10:00:00+1", "2026-11-22T10:00.5Z", "2026-11-22T"}},
	{"Bool", "is neither true nor false", {"", "yes", "1", "truefalse"}},
	{"Null", "is neither true nor false", {"", "null"}},
	{"IpAddress",
	 "is not an IP address or network",
	 {"", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.256", "2001:db8::/129",
	  "2001::db8::1", "10.0.0.0/8/8", "*", "010.0.0.1", "10.0.0.0/+8"}},
	{"BinaryEquals", "is not Base64", {"x", "YQ", "YR==", "Y Q="}},
	{"ArnLike",
	 "is not an ARN: it has fewer than six parts",
	 {"", "x", "arn:*", "arn:aws:iam::root"}},
};

static void values_fit_their_operator(void **state)
{
	char condition[256], message[256];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_values); i++)
		for (size_t k = 0; k < 16 && bad_values[i].values[k] != NULL; k++) {
			snprintf(condition, sizeof condition, "{\"%s\":{\"a:b\":\"%s\"}}",
				 bad_values[i].operator, bad_values[i].values[k]);
			snprintf(message, sizeof message, " %s a:b: \"%s\" %s",
				 bad_values[i].operator, bad_values[i].values[k],
				 bad_values[i].message);
			check_condition(condition, message);
		}
}

static void append(struct buf *b, const char *text)
{
	assert_false(err_failed(buf_append_text(b, text)));
}

static const char *refusal_of_many(const char *start, const char *one, size_t count,
				   const char *end)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	append(&b, start);
	for (size_t i = 0; i < count; i++)
		append(&b, one);
	append(&b, end);
	assert_false(err_failed(buf_append(&b, view_of("", 1))));
	const char *message = refusal(AUTH_POLICY_IDENTITY, (const char *)b.ptr);
	buf_cleanup(&b);
	return message;
}

static void everything_is_bounded(void **state)
{
	(void)state;
	assert_string_equal(
		refusal_of_many("{\"Statement\":{\"Effect\":\"Allow\",\"Resource\":\"*\","
				"\"Action\":[",
				"\"*\",", AUTH_POLICY_VALUES_MAX, "\"*\"]}}"),
		"Statement 1, Action: the policy has more than 4096 values");
	assert_string_equal(
		refusal_of_many("{\"Statement\":[", "{},", AUTH_POLICY_STATEMENTS_MAX, "{}]}"),
		"Statement: there are more than 1024");
	assert_string_equal(refusal_of_many("{\"Statement\":[", "          ", 3277, "]}"),
			    "the document is longer than 32768 bytes");
	assert_string_equal(
		refusal_of_many("{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\","
				"\"Action\":\"*\",\"Resource\":\"",
				"${a:b}", 17, "\"}}"),
		"Statement 1, Resource: \"${a:b}${a:b}${a:b}${a:b}${a:b}${a:b}${a:b}${a:b}${a:b}"
		"${a:b}${a:...\" has more than 16 variables");
	assert_string_equal(
		refusal_of_many("{\"Statement\":{\"Effect\":\"Allow\",\"Resource\":\"*\","
				"\"Action\":\"a:",
				"?", 513, "\"}}"),
		"Statement 1, Action: the policy has more than 512 question marks and variables");
}

/* Whatever the document says, the message fits, and is UTF-8 without control characters. */
static void messages_are_short_and_clean(void **state)
{
	const char *message = refusal_of_many(
		"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\","
		"\"Sid\":\"s\",\"Condition\":{\"ArnLike\":{\"a:b\":\"",
		"\xe2\x82\xac", 4000, "\"}}}}");
	(void)state;
	assert_true(text_is_utf8(view_of_text(message)));
	assert_non_null(strstr(message, "\xe2\x82\xac...\" is not an ARN"));
	assert_string_equal(refusal(AUTH_POLICY_IDENTITY, "{\"a\\nb\\u007f\":1}"),
			    "\"a?b?\" is no element of a policy");
	message = refusal_of_many("{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"",
				  "0123456789", 100,
				  "\",\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"x\"}]}");
	assert_in_range(view_of_text(message).len, 64, AUTH_POLICY_MESSAGE_MAX - 1);
	assert_non_null(strstr(message, "...), Resource: \"x\" is neither"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_are_objects),
		cmocka_unit_test(statements_have_their_elements),
		cmocka_unit_test(kinds_differ_in_their_elements),
		cmocka_unit_test(sids_are_names_and_unique),
		cmocka_unit_test(actions_and_resources_are_checked),
		cmocka_unit_test(principals_have_a_form),
		cmocka_unit_test(principals_are_named_whole),
		cmocka_unit_test(services_are_named_whole),
		cmocka_unit_test(condition_blocks_have_a_form),
		cmocka_unit_test(values_fit_their_operator),
		cmocka_unit_test(everything_is_bounded),
		cmocka_unit_test(messages_are_short_and_clean),
	};
	return cmocka_run_group_tests_name("policy refusals", tests, start_json, NULL);
}
