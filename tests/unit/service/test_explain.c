/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation Explain: that it says what a call would meet. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "callers.h"

#define ARN_OF_BOB "arn:aws:iam::" WORLD_ACCOUNT ":user/bob"
#define ARN_OF_EVE "arn:aws:iam::" OTHER_ACCOUNT ":user/eve"
#define MISSING "00000000-0000-4000-8000-000000000000"

static struct world world;
static char key[KMS_KEY_ID_TEXT + 1];

static struct caller bob = {.name = "bob", .account = WORLD_ACCOUNT};
static struct caller eve = {.name = "eve", .account = OTHER_ACCOUNT};

#define hire(who) caller_hire(&world, (who))
#define allow(who, document) caller_allow(&world, (who), (document))
#define allow_nothing(who) caller_allow_nothing(&world, (who))
#define call_as(who, ...) caller_call(&(const struct callers_call){&world, (who)}, __VA_ARGS__)

static int set_up(UNUSED void **state)
{
	world_make(&world);
	world_start(&world, &world.first, "audit");
	world_create_key(&world, "{}", key);
	must(&world, "CreateIdentity", "{'Kind':'account','Name':'" OTHER_ACCOUNT "'}");
	hire(&bob);
	hire(&eve);
	return 0;
}

static int tear_down(UNUSED void **state)
{
	secret_free(&bob.secret);
	secret_free(&eve.secret);
	world_stop(&world.first);
	world_remove(&world);
	return 0;
}

static void explain(struct reply *out, const char *members)
{
	ask(&world, out, "Explain", "{%s}", members);
	assert_status(out, 200);
}

static bool explained(const struct reply *r)
{
	return json_bool_of(json_member(r->json, "Allowed"));
}

static void test_explain_says_what_a_call_would_meet(UNUSED void **state)
{
	char members[512];
	(void)snprintf(members, sizeof members,
		       "'Principal':'" ARN_OF_BOB "','Action':'kms:Encrypt','KeyId':'%s',"
		       "'EncryptionContext':{'app':'a'}",
		       key);
	CLEANUP(reply_cleanup) struct reply denied;
	CLEANUP(reply_cleanup) struct reply allowed;
	CLEANUP(reply_cleanup) struct reply real;
	explain(&denied, members);
	assert_false(explained(&denied));
	call_as(&bob, &real, "Encrypt", "{\"KeyId\":\"%s\",\"Plaintext\":\"aGk=\"}", key);
	assert_string_equal(reply_text(&denied, "Message"), reply_message(&real));
	allow(&bob, "{`Statement`:{`Sid`:`App`,`Effect`:`Allow`,`Action`:`kms:Encrypt`,`Resource`:"
		    "`*`,`Condition`:{`StringEquals`:{`kms:EncryptionContext:app`:`a`}}}}");
	explain(&allowed, members);
	assert_true(explained(&allowed));
	assert_string_equal(reply_text(&allowed, "Reason"), "identity-policy");
	assert_non_null(strstr(reply_text(&allowed, "DecidedBy"), "App"));
	assert_string_equal(reply_text(&allowed, "KeyArn"), world_arn(key));
	allow_nothing(&bob);
}

static void test_explain_takes_what_the_operator_assumes(UNUSED void **state)
{
	static const struct {
		const char *more;
		bool allowed;
	} rows[] = {
		{"", false},
		{",'ViaService':'rds.us-east-1.amazonaws.com'", false},
		{",'ViaService':'rds.us-east-1.amazonaws.com','SourceIp':'10.1.2.3'", true},
		{",'SourceIp':'10.1.2.3'", false},
		{",'SourceIp':'10.1.2.3','Conditions':{'kms:ViaService':["
		 "'rds.us-east-1.amazonaws.com']}",
		 true},
	};
	allow(&bob, "{`Statement`:{`Effect`:`Allow`,`Action`:`kms:Decrypt`,`Resource`:`*`,"
		    "`Condition`:{`IpAddress`:{`aws:SourceIp`:`10.0.0.0/8`},`StringEquals`:{"
		    "`kms:ViaService`:`rds.us-east-1.amazonaws.com`}}}}");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char members[512];
		CLEANUP(reply_cleanup) struct reply r;
		(void)snprintf(members, sizeof members,
			       "'Principal':'" ARN_OF_BOB "','Action':'kms:Decrypt','KeyId':"
			       "'%s'%s",
			       key, rows[i].more);
		explain(&r, members);
		assert_int_equal(explained(&r), rows[i].allowed);
	}
	allow_nothing(&bob);
}

static void test_explain_without_a_key_and_of_other_accounts(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply random;
	CLEANUP(reply_cleanup) struct reply foreign;
	char members[512];
	allow(&eve, STATEMENTS(ALLOW("`kms:*`")));
	explain(&random, "'Principal':'" ARN_OF_EVE "','Action':'kms:GenerateRandom'");
	assert_true(explained(&random));
	(void)snprintf(members, sizeof members,
		       "'Principal':'" ARN_OF_EVE "','Action':'kms:Decrypt','KeyId':'%s'",
		       world_arn(key));
	explain(&foreign, members);
	assert_false(explained(&foreign));
	assert_non_null(strstr(reply_text(&foreign, "DecidedBy"), "default-deny"));
	assert_non_null(strstr(reply_text(&foreign, "Message"), "does not exist in this Region"));
}

static void test_explain_refuses_what_it_cannot_know(UNUSED void **state)
{
	static const struct {
		const char *body, *type;
	} rows[] = {
		{"{'Principal':'arn:aws:iam::111122223333:user/nobody','Action':'kms:Encrypt',"
		 "'KeyId':'" MISSING "'}",
		 "NoSuchEntity"},
		{"{'Principal':'nobody','Action':'kms:ListKeys'}", "ValidationException"},
		{"{'Principal':'" ARN_OF_BOB "','Action':'s3:GetObject'}", "ValidationException"},
		{"{'Principal':'" ARN_OF_BOB "','Action':'kms:Decrpyt'}", "ValidationException"},
		{"{'Principal':'" ARN_OF_BOB "','Action':'kms:ListKeys','SourceIp':'here'}",
		 "ValidationException"},
		{"{'Principal':'" ARN_OF_BOB "','Action':'kms:Encrypt'}", "ValidationException"},
		{"{'Principal':'" ARN_OF_BOB "','Action':'kms:Encrypt','KeyId':'" MISSING "'}",
		 "NotFoundException"},
		{"{'Principal':'" ARN_OF_BOB "','Action':'kms:ListKeys','Conditions':{'a:b':["
		 "'c']}}",
		 "ValidationException"},
		/* which depends on the grant */
		{"{'Principal':'" ARN_OF_BOB "','Action':'kms:RetireGrant','KeyId':'" MISSING "'}",
		 "ValidationException"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(reply_cleanup) struct reply r;
		ask(&world, &r, "Explain", "%s", rows[i].body);
		assert_string_equal(reply_type(&r), rows[i].type);
	}
}

/* alias/aws/rds is made by the first use of the service, not by the question whether it might. */
static void test_explain_makes_no_key(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	CLEANUP(reply_cleanup) struct reply aliases;
	ask(&world, &r, "Explain",
	    "{'Principal':'" ARN_OF_BOB "','Action':'kms:Encrypt','KeyId':'alias/aws/rds',"
	    "'ViaService':'rds.us-east-1.amazonaws.com'}");
	assert_string_equal(reply_type(&r), "NotFoundException");
	world_call(&world, &aliases, "ListAliases", "{}");
	assert_status(&aliases, 200);
	assert_null(strstr(aliases.body, "alias/aws/rds"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_explain_says_what_a_call_would_meet),
		cmocka_unit_test(test_explain_takes_what_the_operator_assumes),
		cmocka_unit_test(test_explain_without_a_key_and_of_other_accounts),
		cmocka_unit_test(test_explain_refuses_what_it_cannot_know),
		cmocka_unit_test(test_explain_makes_no_key),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
