/* SPDX-License-Identifier: Apache-2.0 */
/* Names of identities: what is one and what is not, and their ARNs both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/identity.h"
#include "base/text.h"

#define ACCOUNT "111122223333"
#define TEN "abcdefghij"
#define SIXTY TEN TEN TEN TEN TEN TEN
#define LABEL_63 SIXTY "abc"
#define NAME_64 SIXTY "abcd"
#define NAME_128 NAME_64 NAME_64

struct name_row {
	enum auth_identity_kind kind;
	const char *name;
};

static const struct name_row good[] = {
	{AUTH_KIND_ACCOUNT, ACCOUNT},
	{AUTH_KIND_ACCOUNT, "000000000000"},
	{AUTH_KIND_USER, "a"},
	{AUTH_KIND_USER, "Alice_B+c=d,e.f@g-h9"},
	{AUTH_KIND_USER, NAME_64},
	{AUTH_KIND_ROLE, "root"},
	{AUTH_KIND_ROLE, NAME_64},
	{AUTH_KIND_GROUP, NAME_128},
	{AUTH_KIND_POLICY, NAME_128},
	{AUTH_KIND_SERVICE, "s3.amazonaws.com"},
	{AUTH_KIND_SERVICE, "a.amazonaws.com"},
	{AUTH_KIND_SERVICE, LABEL_63 ".amazonaws.com"},
	{AUTH_KIND_SERVICE, "rds.us-east-1.amazonaws.com"},
	{AUTH_KIND_SERVICE, "my-logs2.us-gov-west-1.amazonaws.com"},
	{AUTH_KIND_SERVICE, "logs.ap-southeast-12.amazonaws.com"},
	{AUTH_KIND_SERVICE, "logs.cn-north-1.amazonaws.com.cn"},
	{AUTH_KIND_SERVICE, "ec2.amazonaws.com.cn"},
};

static const struct name_row bad[] = {
	{AUTH_KIND_ACCOUNT, ""},
	{AUTH_KIND_ACCOUNT, "11112222333"},
	{AUTH_KIND_ACCOUNT, "1111222233334"},
	{AUTH_KIND_ACCOUNT, "11112222333a"},
	{AUTH_KIND_ACCOUNT, "-11112222333"},
	{AUTH_KIND_USER, ""},
	{AUTH_KIND_USER, NAME_64 "x"},
	{AUTH_KIND_USER, "a/b"},
	{AUTH_KIND_USER, "a b"},
	{AUTH_KIND_USER, "a*"},
	{AUTH_KIND_USER, "a:b"},
	{AUTH_KIND_USER, "a?"},
	{AUTH_KIND_USER, "a\n"},
	{AUTH_KIND_USER, "a$"},
	{AUTH_KIND_USER, "a\xc3\xa9"},
	{AUTH_KIND_ROLE, NAME_64 "x"},
	{AUTH_KIND_ROLE, "a/b"},
	{AUTH_KIND_GROUP, NAME_128 "x"},
	{AUTH_KIND_GROUP, "a#"},
	{AUTH_KIND_POLICY, NAME_128 "x"},
	{AUTH_KIND_POLICY, ""},
	{AUTH_KIND_SERVICE, ""},
	{AUTH_KIND_SERVICE, "s3"},
	{AUTH_KIND_SERVICE, "amazonaws.com"},
	{AUTH_KIND_SERVICE, ".amazonaws.com"},
	{AUTH_KIND_SERVICE, "..amazonaws.com"},
	{AUTH_KIND_SERVICE, "s3.amazonaws.com."},
	{AUTH_KIND_SERVICE, "s3.amazonaws.org"},
	{AUTH_KIND_SERVICE, "s3.amazonaws.com.uk"},
	{AUTH_KIND_SERVICE, "s3amazonaws.com"},
	{AUTH_KIND_SERVICE, "s3.xamazonaws.com"},
	{AUTH_KIND_SERVICE, "s3.amazonaws.com.cn.cn"},
	{AUTH_KIND_SERVICE, "s3.amazonaws.com.amazonaws.com"},
	{AUTH_KIND_SERVICE, "S3.amazonaws.com"},
	{AUTH_KIND_SERVICE, "s3.Amazonaws.com"},
	{AUTH_KIND_SERVICE, "s_3.amazonaws.com"},
	{AUTH_KIND_SERVICE, "s*.amazonaws.com"},
	{AUTH_KIND_SERVICE, "-s3.amazonaws.com"},
	{AUTH_KIND_SERVICE, "s3-.amazonaws.com"},
	{AUTH_KIND_SERVICE, LABEL_63 "d.amazonaws.com"},
	{AUTH_KIND_SERVICE, "rds..amazonaws.com"},
	{AUTH_KIND_SERVICE, "us-east-1.amazonaws.com"},
	{AUTH_KIND_SERVICE, ".us-east-1.amazonaws.com"},
	{AUTH_KIND_SERVICE, "us-east-1.rds.amazonaws.com"},
	{AUTH_KIND_SERVICE, "rds.us-east.amazonaws.com"},
	{AUTH_KIND_SERVICE, "rds.us-east-.amazonaws.com"},
	{AUTH_KIND_SERVICE, "rds.us-east-0.amazonaws.com"},
	{AUTH_KIND_SERVICE, "rds.us-east-01.amazonaws.com"},
	{AUTH_KIND_SERVICE, "rds.us-east-123.amazonaws.com"},
	{AUTH_KIND_SERVICE, "rds.us-east-1a.amazonaws.com"},
	{AUTH_KIND_SERVICE, "rds.us-east-1-2.amazonaws.com"},
	{AUTH_KIND_SERVICE, "rds.usa-east-1.amazonaws.com"},
	{AUTH_KIND_SERVICE, "rds.u-east-1.amazonaws.com"},
	{AUTH_KIND_SERVICE, "rds.us--1.amazonaws.com"},
	{AUTH_KIND_SERVICE, "rds.us-gov-1.amazonaws.com"},
	{AUTH_KIND_SERVICE, "rds.us-gov--1.amazonaws.com"},
	{AUTH_KIND_SERVICE, "rds.us-gov-gov-west-1.amazonaws.com"},
	{AUTH_KIND_SERVICE, "rds.us-abcdefghijklmnopq-1.amazonaws.com"},
	{AUTH_KIND_SERVICE, "rds.us-east-1.us-east-1.amazonaws.com"},
	{AUTH_KIND_SERVICE, "extra.rds.us-east-1.amazonaws.com"},
	{AUTH_KIND_SERVICE, "rds.us-east-1.extra.amazonaws.com"},
	{AUTH_KIND_SERVICE, "https://s3.amazonaws.com"},
	{AUTH_KIND_SERVICE, "s3.amazonaws.com/"},
	{(enum auth_identity_kind)0, "a"},
	{AUTH_KIND_COUNT, "a"},
};

static void good_names_are_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (err_failed(auth_name_check(good[i].kind, view_of_text(good[i].name))))
			fail_msg("%s '%s' was refused", auth_kind_name(good[i].kind), good[i].name);
}

static void bad_names_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (!err_is(auth_name_check(bad[i].kind, view_of_text(bad[i].name)), E_FORMAT))
			fail_msg("%s '%s' was taken", auth_kind_name(bad[i].kind), bad[i].name);
}

static void names_do_not_end_at_a_nul(void **state)
{
	(void)state;
	assert_true(err_is(auth_name_check(AUTH_KIND_USER, VIEW_LITERAL("alice\0bob")), E_FORMAT));
	assert_true(err_is(auth_name_check(AUTH_KIND_SERVICE, VIEW_LITERAL("s3\0.amazonaws.com")),
			   E_FORMAT));
}

static void kinds_are_parsed_as_they_are_named(void **state)
{
	static const char *const names[] = {"", "User", "users", "root", "user "};
	enum auth_identity_kind kind = AUTH_KIND_COUNT;
	(void)state;
	for (unsigned i = AUTH_KIND_ACCOUNT; i < AUTH_KIND_COUNT; i++) {
		const char *name = auth_kind_name((enum auth_identity_kind)i);
		assert_false(err_failed(auth_kind_parse(view_of_text(name), &kind)));
		assert_int_equal(kind, i);
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_true(err_is(auth_kind_parse(view_of_text(names[i]), &kind), E_FORMAT));
	assert_string_equal(auth_kind_name(AUTH_KIND_COUNT), "");
	assert_string_equal(auth_kind_name((enum auth_identity_kind)0), "");
}

static const struct {
	enum auth_identity_kind kind;
	const char *partition, *name, *arn;
} arns[] = {
	{AUTH_KIND_ACCOUNT, "aws", ACCOUNT, "arn:aws:iam::" ACCOUNT ":root"},
	{AUTH_KIND_USER, "aws-cn", "alice", "arn:aws-cn:iam::" ACCOUNT ":user/alice"},
	{AUTH_KIND_GROUP, "aws", "Ops", "arn:aws:iam::" ACCOUNT ":group/Ops"},
	{AUTH_KIND_ROLE, "aws-us-gov", "Deploy", "arn:aws-us-gov:iam::" ACCOUNT ":role/Deploy"},
	{AUTH_KIND_SERVICE, "aws", "s3.amazonaws.com", "s3.amazonaws.com"},
	{AUTH_KIND_POLICY, "aws-us-gov", NAME_128,
	 "arn:aws-us-gov:iam::" ACCOUNT ":policy/" NAME_128},
};

static void every_kind_has_its_arn(void **state)
{
	char arn[AUTH_ARN_MAX + 1];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(arns); i++) {
		assert_false(err_failed(auth_arn_format(arns[i].kind, arns[i].partition, ACCOUNT,
							arns[i].name, arn)));
		assert_string_equal(arn, arns[i].arn);
	}
}

static void no_arn_is_made_of_bad_parts(void **state)
{
	char arn[AUTH_ARN_MAX + 1];
	(void)state;
	assert_true(err_is(auth_arn_format(AUTH_KIND_USER, "aws", ACCOUNT, "a/b", arn), E_FORMAT));
	assert_true(err_is(auth_arn_format(AUTH_KIND_USER, "aws", "1", "a", arn), E_FORMAT));
	assert_true(err_is(auth_arn_format(AUTH_KIND_USER, "aw", ACCOUNT, "a", arn), E_FORMAT));
	assert_true(err_is(auth_arn_format(AUTH_KIND_ACCOUNT, "aws", "", "1", arn), E_FORMAT));
	assert_true(err_is(auth_arn_format(AUTH_KIND_COUNT, "aws", ACCOUNT, "a", arn), E_FORMAT));
}

static const struct {
	const char *text;
	struct auth_name name;
} principals[] = {
	{ACCOUNT, {AUTH_KIND_ACCOUNT, ACCOUNT, ACCOUNT, ""}},
	{"arn:aws:iam::" ACCOUNT ":root", {AUTH_KIND_ACCOUNT, ACCOUNT, ACCOUNT, ""}},
	{"arn:aws-cn:iam::" ACCOUNT ":user/alice", {AUTH_KIND_USER, ACCOUNT, "alice", ""}},
	{"arn:aws:iam::" ACCOUNT ":role/Deploy", {AUTH_KIND_ROLE, ACCOUNT, "Deploy", ""}},
	{"arn:aws:iam::" ACCOUNT ":role/" NAME_64, {AUTH_KIND_ROLE, ACCOUNT, NAME_64, ""}},
	{"arn:aws-us-gov:sts::" ACCOUNT ":assumed-role/Deploy/ci@42",
	 {AUTH_KIND_ROLE, ACCOUNT, "Deploy", "ci@42"}},
	{"arn:aws:sts::" ACCOUNT ":assumed-role/" NAME_64 "/" NAME_64,
	 {AUTH_KIND_ROLE, ACCOUNT, NAME_64, NAME_64}},
	{"rds.us-east-1.amazonaws.com", {AUTH_KIND_SERVICE, "", "rds.us-east-1.amazonaws.com", ""}},
};

static void principals_are_taken_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(principals); i++) {
		struct auth_name name = {.kind = AUTH_KIND_COUNT};
		assert_false(err_failed(auth_name_parse(view_of_text(principals[i].text), &name)));
		assert_int_equal(name.kind, principals[i].name.kind);
		assert_string_equal(name.account, principals[i].name.account);
		assert_string_equal(name.name, principals[i].name.name);
		assert_string_equal(name.session, principals[i].name.session);
	}
}

static const char *const not_principals[] = {
	"",
	"*",
	"alice",
	"11112222333",
	"arn",
	"arn:aws:iam::" ACCOUNT,
	"arn:aws:iam::" ACCOUNT ":",
	"arn:aws:iam::" ACCOUNT ":*",
	"arn:aws:iam::" ACCOUNT ":root/",
	"arn:aws:iam::" ACCOUNT ":root:",
	"arn:aws:iam::" ACCOUNT ":Root",
	"arn:aws:iam::" ACCOUNT ":user/",
	"arn:aws:iam::" ACCOUNT ":user/*",
	"arn:aws:iam::" ACCOUNT ":user/division/alice",
	"arn:aws:iam::" ACCOUNT ":role/service-role/Deploy",
	"arn:aws:iam::" ACCOUNT ":role/" NAME_64 "x",
	"arn:aws:iam::" ACCOUNT ":group/Ops",
	"arn:aws:iam::" ACCOUNT ":policy/Read",
	"arn:aws:iam::" ACCOUNT ":assumed-role/Deploy/ci",
	"arn:aws:iam:us-east-1:" ACCOUNT ":user/alice",
	"arn:aws:iam::aws:user/alice",
	"arn:aws:iam:::user/alice",
	"arn:aws:iam::" ACCOUNT "4:user/alice",
	"arn:aws-iso:iam::" ACCOUNT ":user/alice",
	"arn::iam::" ACCOUNT ":user/alice",
	"ARN:aws:iam::" ACCOUNT ":user/alice",
	" arn:aws:iam::" ACCOUNT ":user/alice",
	"arn:aws:iam::" ACCOUNT ":user/alice ",
	"arn:aws:kms::" ACCOUNT ":user/alice",
	"arn:aws:sts::" ACCOUNT ":user/alice",
	"arn:aws:sts::" ACCOUNT ":root",
	"arn:aws:sts::" ACCOUNT ":assumed-role/Deploy",
	"arn:aws:sts::" ACCOUNT ":assumed-role/Deploy/",
	"arn:aws:sts::" ACCOUNT ":assumed-role/Deploy/x",
	"arn:aws:sts::" ACCOUNT ":assumed-role//ci",
	"arn:aws:sts::" ACCOUNT ":assumed-role/Deploy/ci/more",
	"arn:aws:sts::" ACCOUNT ":assumed-role/Deploy/" NAME_64 "x",
	"arn:aws:sts::" ACCOUNT ":assumed-role/Deploy/c*",
	"us-east-1.amazonaws.com",
};

static void what_is_no_principal_is_refused(void **state)
{
	struct auth_name name = {.kind = AUTH_KIND_COUNT};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(not_principals); i++)
		if (!err_is(auth_name_parse(view_of_text(not_principals[i]), &name), E_FORMAT))
			fail_msg("'%s' was taken", not_principals[i]);
	assert_int_equal(name.kind, AUTH_KIND_COUNT); /* untouched */
}

static void what_is_formatted_can_be_parsed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(arns); i++) {
		struct auth_name name;
		struct view arn = view_of_text(arns[i].arn);
		struct err e = auth_name_parse(arn, &name);
		if (arns[i].kind == AUTH_KIND_POLICY)
			e = auth_policy_arn_parse(arn, &name);
		if (arns[i].kind == AUTH_KIND_GROUP) {
			assert_true(err_is(e, E_FORMAT)); /* a group is no principal */
			continue;
		}
		assert_false(err_failed(e));
		assert_int_equal(name.kind, arns[i].kind);
		assert_string_equal(name.name, arns[i].name);
	}
}

static void policies_are_of_an_account_or_built_in(void **state)
{
	struct auth_name name;
	(void)state;
	assert_false(err_failed(auth_policy_arn_parse(
		VIEW_LITERAL("arn:aws:iam::" ACCOUNT ":policy/Read"), &name)));
	assert_int_equal(name.kind, AUTH_KIND_POLICY);
	assert_string_equal(name.account, ACCOUNT);
	assert_string_equal(name.name, "Read");
	assert_false(err_failed(auth_policy_arn_parse(
		VIEW_LITERAL("arn:aws:iam::aws:policy/AdministratorAccess"), &name)));
	assert_string_equal(name.account, "");
	assert_string_equal(name.name, "AdministratorAccess");
}

static const char *const not_policies[] = {
	"",
	"Read",
	"arn:aws:iam::" ACCOUNT ":policy/",
	"arn:aws:iam::" ACCOUNT ":policy/a/b",
	"arn:aws:iam::" ACCOUNT ":policy",
	"arn:aws:iam::" ACCOUNT ":user/alice",
	"arn:aws:iam:::policy/Read",
	"arn:aws:iam::amazon:policy/Read",
	"arn:aws:iam:us-east-1:" ACCOUNT ":policy/Read",
	"arn:aws:sts::" ACCOUNT ":policy/Read",
};

static void what_is_no_policy_is_refused(void **state)
{
	struct auth_name name;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(not_policies); i++)
		if (!err_is(auth_policy_arn_parse(view_of_text(not_policies[i]), &name), E_FORMAT))
			fail_msg("'%s' was taken", not_policies[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_names_are_taken),
		cmocka_unit_test(bad_names_are_refused),
		cmocka_unit_test(names_do_not_end_at_a_nul),
		cmocka_unit_test(kinds_are_parsed_as_they_are_named),
		cmocka_unit_test(every_kind_has_its_arn),
		cmocka_unit_test(no_arn_is_made_of_bad_parts),
		cmocka_unit_test(principals_are_taken_apart),
		cmocka_unit_test(what_is_no_principal_is_refused),
		cmocka_unit_test(what_is_formatted_can_be_parsed),
		cmocka_unit_test(policies_are_of_an_account_or_built_in),
		cmocka_unit_test(what_is_no_policy_is_refused),
	};
	return cmocka_run_group_tests_name("identity_name", tests, NULL, NULL);
}
