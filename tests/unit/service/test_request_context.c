/* SPDX-License-Identifier: Apache-2.0 */
/* What condition keys are in a call, by principal, connection, key, members and assumptions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"
#include "kms/context.h"
#include "service/request_context.h"

#define REGION "us-east-1"
#define ACCOUNT "111122223333"
#define NOW_MS INT64_C(1700000000123)

/* One call and what is known of it; each test changes what it is about. */
static struct {
	struct call call;
	struct call_work work;
	struct operation operation;
	struct kms_key key;
	struct request_context_query query;
	struct request_context request;
	struct json *document, *assumed;
	struct buf canonical;
} at;

static int set_up(UNUSED void **state)
{
	mem_zero(&at, sizeof at);
	at.call = (struct call){.door = CALL_DOOR_PUBLIC,
				.source_address = VIEW_LITERAL("192.0.2.7"),
				.user_agent = VIEW_LITERAL("aws-cli/2")};
	at.key = (struct kms_key){.scope = {"aws", REGION, ACCOUNT},
				  .usage = KMS_USAGE_ENCRYPT_DECRYPT,
				  .spec = KMS_SPEC_SYMMETRIC_DEFAULT,
				  .origin = KMS_ORIGIN_AWS_KMS};
	at.work.call = &at.call;
	at.work.operation = &at.operation;
	at.work.home = at.key.scope;
	at.work.time_ms = NOW_MS;
	at.work.principal = (struct auth_principal){.type = AUTH_USER,
						    .account = ACCOUNT,
						    .arn = "arn:aws:iam::" ACCOUNT ":user/alice",
						    .id = "AIDAALICE",
						    .name = "alice"};
	at.query.row = at.operation.keys;
	at.query.key = &at.key;
	buf_init(&at.canonical, 1 << 20);
	return 0;
}

static int tear_down(UNUSED void **state)
{
	request_context_cleanup(&at.request);
	json_free(&at.document);
	json_free(&at.assumed);
	buf_cleanup(&at.canonical);
	return 0;
}

static void body(const char *text)
{
	assert_int_equal(json_parse(view_of_text(text), &at.document).code, E_OK);
	at.work.in.document = at.document;
}

static void fill(void)
{
	at.query.canonical = buf_view(&at.canonical);
	assert_int_equal(request_context_init(&at.request, &at.work, &at.query).code, E_OK);
}

static const struct auth_value *value(enum auth_condition_key key)
{
	return &at.request.context.values[key];
}

/* One text; NULL: the key is absent. */
static void expect(enum auth_condition_key key, const char *wanted)
{
	if (wanted == NULL) {
		assert_int_equal(value(key)->count, 0);
		return;
	}
	assert_int_equal(value(key)->count, 1);
	if (!view_equal_text(value(key)->texts[0], wanted))
		fail_msg("%s is %.*s, not %s", auth_condition_name_of(key),
			 (int)value(key)->texts[0].len, (const char *)value(key)->texts[0].ptr,
			 wanted);
}

static void expect_number(enum auth_condition_key key, int64_t wanted)
{
	assert_int_equal(value(key)->count, 1);
	assert_int_equal(value(key)->number, wanted);
}

static void expect_pair(enum auth_condition_family family, size_t which, const char *name,
			const char *text)
{
	const struct auth_pairs *pairs = &at.request.context.families[family];
	assert_true(which < pairs->count);
	assert_true(view_equal_text(pairs->pairs[which].name, name));
	assert_true(view_equal_text(pairs->pairs[which].value, text));
}

/* --- who --- */

static void test_a_user(UNUSED void **state)
{
	fill();
	expect(AUTH_KMS_CALLER_ACCOUNT, ACCOUNT);
	expect(AUTH_AWS_PRINCIPAL_ACCOUNT, ACCOUNT);
	expect(AUTH_AWS_PRINCIPAL_ARN, "arn:aws:iam::" ACCOUNT ":user/alice");
	expect(AUTH_AWS_PRINCIPAL_TYPE, "User");
	expect(AUTH_AWS_USER_ID, "AIDAALICE");
	expect(AUTH_AWS_USER_NAME, "alice");
	expect_number(AUTH_AWS_PRINCIPAL_IS_AWS_SERVICE, 0);
	expect_number(AUTH_AWS_VIA_AWS_SERVICE, 0);
	expect(AUTH_AWS_PRINCIPAL_SERVICE_NAME, NULL);
	expect(AUTH_AWS_TOKEN_ISSUE_TIME, NULL);
	expect(AUTH_AWS_MULTI_FACTOR_AUTH_PRESENT, NULL);
	expect(AUTH_KMS_VIA_SERVICE, NULL);
	expect(AUTH_AWS_CALLED_VIA, NULL);
}

static void test_a_role_session(UNUSED void **state)
{
	at.work.principal =
		(struct auth_principal){.type = AUTH_ROLE_SESSION,
					.account = ACCOUNT,
					.arn = "arn:aws:sts::" ACCOUNT ":assumed-role/ops/night",
					.id = "AROAOPS",
					.name = "night",
					.role_arn = "arn:aws:iam::" ACCOUNT ":role/ops",
					.issued_ms = 5000};
	fill();
	expect(AUTH_AWS_PRINCIPAL_ARN, "arn:aws:iam::" ACCOUNT ":role/ops");
	expect(AUTH_AWS_PRINCIPAL_TYPE, "AssumedRole");
	expect(AUTH_AWS_USER_ID, "AROAOPS:night");
	expect(AUTH_AWS_USER_NAME, NULL);
	expect_number(AUTH_AWS_TOKEN_ISSUE_TIME, 5000);
	expect_number(AUTH_AWS_MULTI_FACTOR_AUTH_PRESENT, 0);
}

static void test_the_root_of_an_account(UNUSED void **state)
{
	at.work.principal = (struct auth_principal){.type = AUTH_ROOT,
						    .account = ACCOUNT,
						    .arn = "arn:aws:iam::" ACCOUNT ":root",
						    .id = ACCOUNT};
	fill();
	expect(AUTH_AWS_PRINCIPAL_TYPE, "Account");
	expect(AUTH_AWS_USER_ID, ACCOUNT);
	expect(AUTH_AWS_USER_NAME, NULL);
}

static void test_a_service(UNUSED void **state)
{
	at.work.principal = (struct auth_principal){.type = AUTH_SERVICE,
						    .account = "444455556666",
						    .arn = "logs." REGION ".amazonaws.com",
						    .id = "AIDALOGS",
						    .name = "logs." REGION ".amazonaws.com",
						    .source_arn = "arn:aws:logs:::x",
						    .source_account = ACCOUNT};
	fill();
	expect_number(AUTH_AWS_PRINCIPAL_IS_AWS_SERVICE, 1);
	expect(AUTH_AWS_PRINCIPAL_SERVICE_NAME, "logs." REGION ".amazonaws.com");
	const struct auth_value *names = value(AUTH_AWS_PRINCIPAL_SERVICE_NAMES_LIST);
	assert_int_equal(names->count, 2);
	assert_true(view_equal_text(names->texts[1], "logs.amazonaws.com"));
	expect(AUTH_AWS_SOURCE_ARN, "arn:aws:logs:::x");
	expect(AUTH_AWS_SOURCE_ACCOUNT, ACCOUNT);
	expect(AUTH_KMS_CALLER_ACCOUNT, NULL);
	expect(AUTH_AWS_PRINCIPAL_ACCOUNT, NULL);
	expect(AUTH_AWS_PRINCIPAL_ARN, NULL);
	expect(AUTH_AWS_PRINCIPAL_TYPE, NULL);
}

/* A user's own session may not speak of a source. */
static void test_only_a_service_has_a_source(UNUSED void **state)
{
	assert_int_equal(text_copy(at.work.principal.source_arn,
				   sizeof at.work.principal.source_arn, VIEW_LITERAL("arn:a"))
				 .code,
			 E_OK);
	fill();
	expect(AUTH_AWS_SOURCE_ARN, NULL);
}

static void test_a_service_acts_for_somebody(UNUSED void **state)
{
	assert_int_equal(text_copy(at.work.principal.via_service,
				   sizeof at.work.principal.via_service,
				   VIEW_LITERAL("rds." REGION ".amazonaws.com"))
				 .code,
			 E_OK);
	fill();
	expect(AUTH_KMS_VIA_SERVICE, "rds." REGION ".amazonaws.com");
	expect_number(AUTH_AWS_VIA_AWS_SERVICE, 1);
	expect(AUTH_AWS_CALLED_VIA, "rds.amazonaws.com");
	expect(AUTH_AWS_CALLED_VIA_FIRST, "rds.amazonaws.com");
	expect(AUTH_AWS_CALLED_VIA_LAST, "rds.amazonaws.com");
	expect_number(AUTH_AWS_PRINCIPAL_IS_AWS_SERVICE, 0);
}

static void test_tags_of_the_principal_and_the_key(UNUSED void **state)
{
	const struct auth_pair team = {VIEW_LITERAL("team"), VIEW_LITERAL("red")};
	const struct auth_pair cost = {VIEW_LITERAL("cost"), VIEW_LITERAL("7")};
	const struct view aliases[] = {VIEW_LITERAL("alias/a"), VIEW_LITERAL("alias/b")};
	at.query.principal_tags = (struct auth_pairs){&team, 1};
	at.query.resource_tags = (struct auth_pairs){&cost, 1};
	at.query.resource_aliases = aliases;
	at.query.resource_alias_count = 2;
	fill();
	expect_pair(AUTH_FAMILY_AWS_PRINCIPAL_TAG, 0, "team", "red");
	expect_pair(AUTH_FAMILY_AWS_RESOURCE_TAG, 0, "cost", "7");
	assert_int_equal(value(AUTH_KMS_RESOURCE_ALIASES)->count, 2);
}

/* --- how it came --- */

static void test_the_connection(UNUSED void **state)
{
	const struct http_header headers[] = {
		{VIEW_LITERAL("referer"), VIEW_LITERAL("https://example.com/")}};
	at.call.http.headers = headers;
	at.call.http.header_count = 1;
	at.call.secure = true;
	fill();
	expect(AUTH_AWS_SOURCE_IP, "192.0.2.7");
	expect(AUTH_AWS_USER_AGENT, "aws-cli/2");
	expect(AUTH_AWS_REFERER, "https://example.com/");
	expect(AUTH_AWS_REQUESTED_REGION, REGION);
	expect_number(AUTH_AWS_SECURE_TRANSPORT, 1);
	expect_number(AUTH_AWS_CURRENT_TIME, NOW_MS);
	expect_number(AUTH_AWS_EPOCH_TIME, NOW_MS);
}

static void test_the_admin_socket_has_no_address(UNUSED void **state)
{
	at.call.door = CALL_DOOR_ADMIN;
	fill();
	expect(AUTH_AWS_SOURCE_IP, NULL);
}

/* --- the key --- */

static void test_a_key(UNUSED void **state)
{
	assert_int_equal(text_copy(at.key.scope.account, sizeof at.key.scope.account,
				   VIEW_LITERAL("444455556666"))
				 .code,
			 E_OK);
	fill();
	expect(AUTH_KMS_KEY_SPEC, "SYMMETRIC_DEFAULT");
	expect(AUTH_KMS_CUSTOMER_MASTER_KEY_SPEC, "SYMMETRIC_DEFAULT");
	expect(AUTH_KMS_KEY_USAGE, "ENCRYPT_DECRYPT");
	expect(AUTH_KMS_KEY_ORIGIN, "AWS_KMS");
	expect_number(AUTH_KMS_MULTI_REGION, 0);
	expect(AUTH_KMS_MULTI_REGION_KEY_TYPE, NULL);
	expect(AUTH_AWS_RESOURCE_ACCOUNT, "444455556666");
	expect(AUTH_KMS_CALLER_ACCOUNT, ACCOUNT);
}

static void test_no_key(UNUSED void **state)
{
	at.query.key = NULL;
	fill();
	expect(AUTH_KMS_KEY_SPEC, NULL);
	expect(AUTH_KMS_MULTI_REGION, NULL);
	expect(AUTH_AWS_RESOURCE_ACCOUNT, ACCOUNT);
}

/* The role of another account, whose policies say whom else one may reach. */
static void test_no_key_but_a_resource_of_another_account(UNUSED void **state)
{
	at.query.key = NULL;
	at.query.account = VIEW_LITERAL("444455556666");
	fill();
	expect(AUTH_AWS_RESOURCE_ACCOUNT, "444455556666");
}

/* --- encryption contexts --- */

static void make_context(size_t count)
{
	CLEANUP(mem_free_at) struct kms_context_pair *pairs = NULL;
	CLEANUP(mem_free_at) char(*names)[32] = NULL;
	assert_int_equal(MEM_NEW_ARRAY(count, &pairs).code, E_OK);
	assert_int_equal(MEM_NEW_ARRAY(count, &names).code, E_OK);
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(names[i], sizeof names[i], "k%04zu", i);
		pairs[i] = (struct kms_context_pair){view_of_text(names[i]), VIEW_LITERAL("v")};
	}
	assert_int_equal(kms_context_encode(pairs, count, &at.canonical).code, E_OK);
	at.operation.keys[0].context = "EncryptionContext";
}

static void test_the_encryption_context(UNUSED void **state)
{
	make_context(2);
	fill();
	assert_int_equal(value(AUTH_KMS_ENCRYPTION_CONTEXT_KEYS)->count, 2);
	assert_true(view_equal_text(value(AUTH_KMS_ENCRYPTION_CONTEXT_KEYS)->texts[1], "k0001"));
	expect_pair(AUTH_FAMILY_KMS_ENCRYPTION_CONTEXT, 1, "k0001", "v");
	expect(AUTH_KMS_ENCRYPTION_ALGORITHM, "SYMMETRIC_DEFAULT");
}

static void test_no_encryption_context(UNUSED void **state)
{
	fill();
	expect(AUTH_KMS_ENCRYPTION_CONTEXT_KEYS, NULL);
	expect(AUTH_KMS_ENCRYPTION_ALGORITHM, NULL);
	assert_int_equal(at.request.context.families[AUTH_FAMILY_KMS_ENCRYPTION_CONTEXT].count, 0);
}

/* More than there is room for without memory of its own; the order stays. */
static void test_a_large_encryption_context(UNUSED void **state)
{
	make_context(1000);
	fill();
	assert_int_equal(value(AUTH_KMS_ENCRYPTION_CONTEXT_KEYS)->count, 1000);
	expect_pair(AUTH_FAMILY_KMS_ENCRYPTION_CONTEXT, 999, "k0999", "v");
}

static void test_constraints_of_a_grant_are_an_encryption_context(UNUSED void **state)
{
	at.operation.keys[0].constraints = "Constraints";
	body("{\"Constraints\":{\"EncryptionContextSubset\":{\"aws:rds:db-id\":\"db-1\"}}}");
	fill();
	expect(AUTH_KMS_ENCRYPTION_CONTEXT_KEYS, "aws:rds:db-id");
	expect_pair(AUTH_FAMILY_KMS_ENCRYPTION_CONTEXT, 0, "aws:rds:db-id", "db-1");
}

/* --- members --- */

static const struct operation_condition conditions[] = {
	{AUTH_KMS_KEY_SPEC, "CustomerMasterKeySpec", NULL},
	{AUTH_KMS_KEY_SPEC, "KeySpec", "SYMMETRIC_DEFAULT"},
	{AUTH_KMS_MULTI_REGION, "MultiRegion", "false"},
	{AUTH_KMS_SCHEDULE_KEY_DELETION_PENDING_WINDOW_IN_DAYS, "PendingWindowInDays", "30"},
	{AUTH_KMS_VALID_TO, "ValidTo", NULL},
	{AUTH_KMS_GRANT_OPERATIONS, "Operations", NULL},
	{AUTH_KMS_GRANT_CONSTRAINT_TYPE, "Constraints", NULL},
	{AUTH_AWS_TAG_KEYS, "Tags", NULL},
	{0, NULL, NULL},
};

static void test_members_of_each_type(UNUSED void **state)
{
	at.operation.conditions = conditions;
	at.query.key = NULL;
	body("{\"KeySpec\":\"RSA_4096\",\"MultiRegion\":true,\"PendingWindowInDays\":7,"
	     "\"ValidTo\":12.5,\"Operations\":[\"Encrypt\",\"Decrypt\"],"
	     "\"Constraints\":{\"EncryptionContextEquals\":{}},"
	     "\"Tags\":[{\"TagKey\":\"a\",\"TagValue\":\"1\"},{\"TagKey\":\"b\",\"TagValue\":"
	     "\"2\"}]}");
	fill();
	expect(AUTH_KMS_KEY_SPEC, "RSA_4096");
	expect_number(AUTH_KMS_MULTI_REGION, 1);
	expect_number(AUTH_KMS_SCHEDULE_KEY_DELETION_PENDING_WINDOW_IN_DAYS, 7);
	expect_number(AUTH_KMS_VALID_TO, 12500);
	assert_int_equal(value(AUTH_KMS_GRANT_OPERATIONS)->count, 2);
	expect(AUTH_KMS_GRANT_CONSTRAINT_TYPE, "EncryptionContextEquals");
	assert_int_equal(value(AUTH_AWS_TAG_KEYS)->count, 2);
	assert_true(view_equal_text(value(AUTH_AWS_TAG_KEYS)->texts[1], "b"));
	expect_pair(AUTH_FAMILY_AWS_REQUEST_TAG, 1, "b", "2");
}

static void test_an_account_is_its_root_to_conditions_on_grants(UNUSED void **state)
{
	static const struct operation_condition principals[] = {
		{AUTH_KMS_GRANTEE_PRINCIPAL, "GranteePrincipal", NULL},
		{AUTH_KMS_RETIRING_PRINCIPAL, "RetiringPrincipal", NULL},
		{0, NULL, NULL},
	};
	at.operation.conditions = principals;
	at.query.key = NULL;
	body("{\"GranteePrincipal\":\"444455556666\",\"RetiringPrincipal\":\"rds.amazonaws.com\"}");
	fill();
	expect(AUTH_KMS_GRANTEE_PRINCIPAL, "arn:aws:iam::444455556666:root");
	expect(AUTH_KMS_RETIRING_PRINCIPAL, "rds.amazonaws.com");
}

/* What is no constraint must not pass for one. */
static void test_a_constraint_that_constrains_nothing(UNUSED void **state)
{
	at.operation.conditions = conditions;
	at.query.key = NULL;
	body("{\"Constraints\":{\"EncryptionContextEquals\":null,\"EncryptionContextSubset\":{}}}");
	fill();
	expect(AUTH_KMS_GRANT_CONSTRAINT_TYPE, NULL);
}

/* KMS Developer Guide: "This type of condition works even when the parameter doesn't appear". */
static void test_members_that_are_not_there(UNUSED void **state)
{
	at.operation.conditions = conditions;
	at.query.key = NULL;
	body("{}");
	fill();
	expect(AUTH_KMS_KEY_SPEC, "SYMMETRIC_DEFAULT");
	expect_number(AUTH_KMS_MULTI_REGION, 0);
	expect_number(AUTH_KMS_SCHEDULE_KEY_DELETION_PENDING_WINDOW_IN_DAYS, 30);
	expect(AUTH_KMS_VALID_TO, NULL);
	expect(AUTH_AWS_TAG_KEYS, NULL);
	expect(AUTH_KMS_GRANT_CONSTRAINT_TYPE, NULL);
}

/* A member that the operation does not declare is ignored by it, and so answers no condition. */
static void test_members_that_no_row_names_answer_nothing(UNUSED void **state)
{
	body("{\"Tags\":[{\"TagKey\":\"a\",\"TagValue\":\"1\"}],\"TagKeys\":[\"a\"],"
	     "\"EncryptionContext\":{\"a\":\"b\"},\"Constraints\":{\"EncryptionContextEquals\":"
	     "{\"a\":\"b\"}},\"KeyId\":\"alias/a\",\"BypassPolicyLockoutSafetyCheck\":true}");
	fill();
	expect(AUTH_AWS_TAG_KEYS, NULL);
	expect(AUTH_KMS_ENCRYPTION_CONTEXT_KEYS, NULL);
	expect(AUTH_KMS_REQUEST_ALIAS, NULL);
	expect(AUTH_KMS_BYPASS_POLICY_LOCKOUT_SAFETY_CHECK, NULL);
	assert_int_equal(at.request.context.families[AUTH_FAMILY_AWS_REQUEST_TAG].count, 0);
}

static void test_an_alias_that_names_the_key(UNUSED void **state)
{
	static const char *const names[] = {"alias/a/b",
					    "arn:aws:kms:" REGION ":" ACCOUNT ":alias/a/b"};
	at.operation.flags = OPERATION_ALIASES;
	at.operation.keys[0].member = "KeyId";
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char text[128];
		(void)snprintf(text, sizeof text, "{\"KeyId\":\"%s\"}", names[i]);
		json_free(&at.document);
		body(text);
		fill();
		expect(AUTH_KMS_REQUEST_ALIAS, "alias/a/b");
	}
	json_free(&at.document);
	body("{\"KeyId\":\"00000000-0000-4000-8000-000000000000\"}");
	fill();
	expect(AUTH_KMS_REQUEST_ALIAS, NULL);
}

/* --- assumptions --- */

static struct err assume(const char *text)
{
	json_free(&at.assumed);
	request_context_cleanup(&at.request);
	assert_int_equal(json_parse(view_of_text(text), &at.assumed).code, E_OK);
	at.work.in.assumed = at.assumed;
	return request_context_init(&at.request, &at.work, &at.query);
}

static void test_assumptions_come_last(UNUSED void **state)
{
	assert_int_equal(assume("{\"AWS:SourceIp\":[\"203.0.113.9\"],\"aws:SecureTransport\":"
				"[\"true\"],\"aws:CurrentTime\":[\"2026-01-02T03:04:05Z\"],"
				"\"kms:KeySpec\":[],\"kms:RotationPeriodInDays\":[\"90\"],"
				"\"aws:RequestTag/Team\":[\"red\"],\"aws:TagKeys\":[\"a\",\"b\"]}")
				 .code,
			 E_OK);
	expect(AUTH_AWS_SOURCE_IP, "203.0.113.9");
	expect_number(AUTH_AWS_SECURE_TRANSPORT, 1);
	expect_number(AUTH_AWS_CURRENT_TIME, INT64_C(1767323045000));
	expect(AUTH_KMS_KEY_SPEC, NULL);
	expect_number(AUTH_KMS_ROTATION_PERIOD_IN_DAYS, 90);
	expect_pair(AUTH_FAMILY_AWS_REQUEST_TAG, 0, "Team", "red");
	assert_int_equal(value(AUTH_AWS_TAG_KEYS)->count, 2);
}

static void test_what_nobody_knows_cannot_be_assumed(UNUSED void **state)
{
	static const char *const wrong[] = {
		"{\"kms:NoSuchKey\":[\"a\"]}",
		"{\"aws:SecureTransport\":[\"perhaps\"]}",
		"{\"aws:SecureTransport\":[\"true\",\"false\"]}",
		"{\"kms:RotationPeriodInDays\":[\"many\"]}",
		"{\"aws:CurrentTime\":[\"tomorrow\"]}",
		"{\"aws:RequestTag/a\":[]}",
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(assume(wrong[i]).code, E_VALIDATION);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_user),
		TEST(test_a_role_session),
		TEST(test_the_root_of_an_account),
		TEST(test_a_service),
		TEST(test_only_a_service_has_a_source),
		TEST(test_a_service_acts_for_somebody),
		TEST(test_tags_of_the_principal_and_the_key),
		TEST(test_the_connection),
		TEST(test_the_admin_socket_has_no_address),
		TEST(test_a_key),
		TEST(test_no_key),
		TEST(test_no_key_but_a_resource_of_another_account),
		TEST(test_the_encryption_context),
		TEST(test_no_encryption_context),
		TEST(test_a_large_encryption_context),
		TEST(test_constraints_of_a_grant_are_an_encryption_context),
		TEST(test_members_of_each_type),
		TEST(test_an_account_is_its_root_to_conditions_on_grants),
		TEST(test_a_constraint_that_constrains_nothing),
		TEST(test_members_that_are_not_there),
		TEST(test_members_that_no_row_names_answer_nothing),
		TEST(test_an_alias_that_names_the_key),
		TEST(test_assumptions_come_last),
		TEST(test_what_nobody_knows_cannot_be_assumed),
	};
	if (err_failed(json_start()))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
