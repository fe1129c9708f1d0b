/* SPDX-License-Identifier: Apache-2.0 */
/* One record as one line of JSON. */
#include "fixture.h"

#include <string.h>

#include "audit/record.h"
#include "base/text.h"
#include "codec/json.h"

static char line[AUDIT_RECORD_MAX * 2];

static struct err write_line(const struct audit_record *record)
{
	struct writer w;
	writer_init(&w, line, sizeof line - 1);
	memset(line, 0, sizeof line);
	return audit_record_write(record, &w);
}

static struct audit_record full(void)
{
	return (struct audit_record){
		.event_id = "7b8a1a39-51c2-4a2f-9a56-0d6c6a2a9a10",
		.request_id = "0d2f3f9e-aaaa-4bbb-8ccc-123456789abc",
		.time_ms = INT64_C(1795287600999),
		.event_source = "kms.amazonaws.com",
		.event_name = VIEW_LITERAL("ReEncrypt"),
		.event_type = "AwsApiCall",
		.region = VIEW_LITERAL("eu-central-1"),
		.recipient_account = VIEW_LITERAL("111122223333"),
		.source_address = VIEW_LITERAL("192.0.2.7"),
		.user_agent = VIEW_LITERAL("aws-cli/2.15"),
		.read_only = true,
		.identity_type = "IAMUser",
		.principal_id = VIEW_LITERAL("AIDA1"),
		.principal_arn = VIEW_LITERAL("arn:aws:iam::111122223333:user/alice"),
		.account = VIEW_LITERAL("111122223333"),
		.access_key_id = VIEW_LITERAL("AKIA1"),
		.user_name = VIEW_LITERAL("alice"),
		.error_code = VIEW_LITERAL("AccessDeniedException"),
		.error_message = VIEW_LITERAL("User: x is not \"authorized\""),
		.request_members =
			VIEW_LITERAL("\"keyId\":\"k\",\"encryptionContext\":{\"a\":\"b\"}"),
		.response_members = VIEW_LITERAL("\"n\":1"),
		.decided_by = VIEW_LITERAL("key policy"),
		.additional_members = VIEW_LITERAL("\"keyVersion\":3"),
		.resources = {{"111122223333", "arn:aws:kms:eu-central-1:111122223333:key/1",
			       AUDIT_TYPE_KEY},
			      {"444455556666", "arn:aws:kms:eu-central-1:444455556666:key/2",
			       AUDIT_TYPE_KEY}},
		.resource_count = 2,
	};
}

static void a_full_record_is_written_as_cloudtrail_writes_it(void **state)
{
	(void)state;
	struct audit_record record = full();
	assert_false(err_failed(write_line(&record)));
	assert_string_equal(
		line,
		"{\"eventVersion\":\"1.11\",\"userIdentity\":{\"type\":\"IAMUser\","
		"\"principalId\":\"AIDA1\",\"arn\":\"arn:aws:iam::111122223333:user/alice\","
		"\"accountId\":\"111122223333\",\"accessKeyId\":\"AKIA1\",\"userName\":\"alice\"},"
		"\"eventTime\":\"2026-11-21T19:00:00Z\",\"eventSource\":\"kms.amazonaws.com\","
		"\"eventName\":\"ReEncrypt\",\"awsRegion\":\"eu-central-1\","
		"\"sourceIPAddress\":\"192.0.2.7\",\"userAgent\":\"aws-cli/2.15\","
		"\"errorCode\":\"AccessDeniedException\","
		"\"errorMessage\":\"User: x is not \\\"authorized\\\"\","
		"\"requestParameters\":{\"keyId\":\"k\",\"encryptionContext\":{\"a\":\"b\"}},"
		"\"responseElements\":{\"n\":1},"
		"\"additionalEventData\":{\"decidedBy\":\"key policy\",\"keyVersion\":3},"
		"\"requestID\":\"0d2f3f9e-aaaa-4bbb-8ccc-123456789abc\","
		"\"eventID\":\"7b8a1a39-51c2-4a2f-9a56-0d6c6a2a9a10\",\"readOnly\":true,"
		"\"resources\":[{\"accountId\":\"111122223333\",\"type\":\"AWS::KMS::Key\","
		"\"ARN\":\"arn:aws:kms:eu-central-1:111122223333:key/1\"},"
		"{\"accountId\":\"444455556666\",\"type\":\"AWS::KMS::Key\","
		"\"ARN\":\"arn:aws:kms:eu-central-1:444455556666:key/2\"}],"
		"\"eventType\":\"AwsApiCall\",\"managementEvent\":true,"
		"\"recipientAccountId\":\"111122223333\",\"eventCategory\":\"Management\"}");
}

static void expect_identity(const struct audit_record *record, const char *identity)
{
	assert_false(err_failed(write_line(record)));
	assert_non_null(strstr(line, identity));
}

/* CloudTrail userIdentity element: "IAM role ... temporary credentials". */
static void a_session_of_a_role_has_its_issuer(void **state)
{
	(void)state;
	struct audit_record record = full();
	record.identity_type = "AssumedRole";
	record.principal_id = VIEW_LITERAL("AROA1:s");
	record.principal_arn = VIEW_LITERAL("arn:aws:sts::111122223333:assumed-role/r/s");
	record.access_key_id = VIEW_LITERAL("ASIA1");
	record.user_name = VIEW_NONE;
	record.session_issued_ms = INT64_C(1795287600999);
	record.issuer = (struct audit_issuer){VIEW_LITERAL("AROA1"),
					      VIEW_LITERAL("arn:aws:iam::111122223333:role/r"),
					      VIEW_LITERAL("111122223333"), VIEW_LITERAL("r")};
	expect_identity(&record,
			"\"userIdentity\":{\"type\":\"AssumedRole\",\"principalId\":\"AROA1:s\","
			"\"arn\":\"arn:aws:sts::111122223333:assumed-role/r/s\","
			"\"accountId\":\"111122223333\",\"accessKeyId\":\"ASIA1\","
			"\"sessionContext\":{\"sessionIssuer\":{\"type\":\"Role\","
			"\"principalId\":\"AROA1\",\"arn\":\"arn:aws:iam::111122223333:role/r\","
			"\"accountId\":\"111122223333\",\"userName\":\"r\"},"
			"\"attributes\":{\"creationDate\":\"2026-11-21T19:00:00Z\","
			"\"mfaAuthenticated\":\"false\"}}},\"eventTime\"");
}

static void who_a_service_acts_for_is_told_with_the_service(void **state)
{
	(void)state;
	struct audit_record record = full();
	record.session_issued_ms = INT64_C(1795287600999);
	record.invoked_by = VIEW_LITERAL("rds.us-east-1.amazonaws.com");
	expect_identity(&record, "\"userName\":\"alice\",\"sessionContext\":{\"attributes\":"
				 "{\"creationDate\":\"2026-11-21T19:00:00Z\","
				 "\"mfaAuthenticated\":\"false\"}},"
				 "\"invokedBy\":\"rds.us-east-1.amazonaws.com\"},\"eventTime\"");
}

static void what_is_empty_is_left_out(void **state)
{
	(void)state;
	struct audit_record record = {.event_id = "7b8a1a39-51c2-4a2f-9a56-0d6c6a2a9a10",
				      .event_source = "holdfast.admin",
				      .event_type = "AwsServiceEvent",
				      .identity_type = "Unknown"};
	assert_false(err_failed(write_line(&record)));
	assert_string_equal(
		line, "{\"eventVersion\":\"1.11\",\"userIdentity\":{\"type\":\"Unknown\"},"
		      "\"eventTime\":\"1970-01-01T00:00:00Z\",\"eventSource\":\"holdfast.admin\","
		      "\"requestParameters\":null,\"responseElements\":null,"
		      "\"eventID\":\"7b8a1a39-51c2-4a2f-9a56-0d6c6a2a9a10\",\"readOnly\":false,"
		      "\"eventType\":\"AwsServiceEvent\",\"managementEvent\":true,"
		      "\"eventCategory\":\"Management\"}");
}

static void what_decided_and_the_rest_stand_with_and_without_each_other(void **state)
{
	(void)state;
	struct audit_record record = full();
	record.decided_by = VIEW_NONE;
	assert_false(err_failed(write_line(&record)));
	assert_non_null(strstr(line, "\"additionalEventData\":{\"keyVersion\":3},"));
	record = full();
	record.additional_members = VIEW_NONE;
	assert_false(err_failed(write_line(&record)));
	assert_non_null(strstr(line, "\"additionalEventData\":{\"decidedBy\":\"key policy\"},"));
}

/* Whatever a client sends, the record stays one line and its text comes back as it was. */
static void hostile_text_neither_ends_the_line_nor_adds_members(void **state)
{
	(void)state;
	struct audit_record record = full();
	record.user_agent =
		VIEW_LITERAL("x\",\"readOnly\":false}\n{\"forged\":true}\r\t\\\x7f\x01");
	record.user_name = VIEW_LITERAL("a\xff\xc0\x80z");
	assert_false(err_failed(write_line(&record)));
	for (const char *at = line; *at != '\0'; at++)
		assert_true((unsigned char)*at >= 0x20);
	CLEANUP(json_free) struct json *parsed = NULL;
	assert_false(err_failed(json_parse(view_of_text(line), &parsed)));
	assert_true(json_bool_of(json_member(parsed, "readOnly")));
	assert_true(
		view_equal(json_string_of(json_member(parsed, "userAgent")), record.user_agent));
	assert_null(json_member(parsed, "forged"));
	assert_true(text_is_utf8(view_of_text(line)));
}

static void raw_members_with_a_line_end_are_a_defect(void **state)
{
	(void)state;
	struct audit_record record = full();
	record.request_members = VIEW_LITERAL("\"a\":\n1");
	assert_true(err_is(write_line(&record), E_BUG));
	record = full();
	record.response_members = VIEW_LITERAL("\"a\":\t1");
	assert_true(err_is(write_line(&record), E_BUG));
	record = full();
	record.resource_count = AUDIT_RESOURCES_MAX + 1;
	assert_true(err_is(write_line(&record), E_BUG));
}

static void a_record_that_is_too_long_is_refused(void **state)
{
	(void)state;
	static char long_text[AUDIT_RECORD_MAX];
	memset(long_text, 'x', sizeof long_text);
	struct audit_record record = full();
	record.user_agent = view_of(long_text, sizeof long_text);
	assert_true(err_is(write_line(&record), E_BOUNDS));
	record.user_agent = view_of(long_text, sizeof long_text - 2048);
	assert_false(err_failed(write_line(&record)));
	char small[64];
	struct writer w;
	writer_init(&w, small, sizeof small);
	assert_true(err_is(audit_record_write(&record, &w), E_BOUNDS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_record_is_written_as_cloudtrail_writes_it),
		cmocka_unit_test(a_session_of_a_role_has_its_issuer),
		cmocka_unit_test(who_a_service_acts_for_is_told_with_the_service),
		cmocka_unit_test(what_is_empty_is_left_out),
		cmocka_unit_test(what_decided_and_the_rest_stand_with_and_without_each_other),
		cmocka_unit_test(hostile_text_neither_ends_the_line_nor_adds_members),
		cmocka_unit_test(raw_members_with_a_line_end_are_a_defect),
		cmocka_unit_test(a_record_that_is_too_long_is_refused),
	};
	return cmocka_run_group_tests_name("audit_record", tests, NULL, NULL);
}
