/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a record back, and what of it which account sees. */
#include "fixture.h"

#include <string.h>

#include "audit/disclosure.h"

#define CALLER "111122223333"
#define OWNER "444455556666"
#define THIRD "777788889999"
#define ID "7b8a1a39-51c2-4a2f-9a56-0d6c6a2a9a10"
#define KEY(account) "arn:aws:kms:us-east-1:" account ":key/01000000-0000-0000-0000-000000000000"
#define RESOURCE(account) \
	"{\"accountId\":\"" account "\",\"type\":\"AWS::KMS::Key\",\"ARN\":\"" KEY(account) "\"}"
#define WHO                                                                         \
	"\"userIdentity\":{\"type\":\"IAMUser\",\"principalId\":\"AIDA1\",\"arn\":" \
	"\"arn:aws:iam::" CALLER ":user/alice\",\"accountId\":\"" CALLER "\","      \
	"\"accessKeyId\":\"AKIA1\",\"userName\":\"alice\"},"
#define RECORD(identity, outcome, request, resources)                                           \
	"{\"eventVersion\":\"1.11\"," identity "\"eventTime\":\"2026-11-22T08:00:00Z\","        \
	"\"eventSource\":\"kms.amazonaws.com\",\"eventName\":\"ReEncrypt\"," outcome            \
	"\"requestParameters\":{" request "},\"additionalEventData\":{\"decidedBy\":"           \
	"\"key-policy:2 (Partner) + Own:1\",\"keyVersion\":3,\"destinationKeyVersion\":4,"      \
	"\"clientCertificateSubject\":\"CN=alice\"},\"requestID\":\"" ID "\",\"eventID\":\"" ID \
	"\",\"readOnly\":true,\"resources\":[" resources "],\"recipientAccountId\":"            \
	"\"" CALLER "\",\"chain\":{\"sequence\":1}}"
#define DENIED "\"errorCode\":\"AccessDeniedException\","

static struct audit_event event;
static struct audit_copy copies[AUDIT_COPIES_MAX];
static size_t count;
static char shown[8192];

static int teardown(void **state)
{
	(void)state;
	audit_event_cleanup(&event);
	return 0;
}

static void read_record(const char *line)
{
	assert_false(err_failed(audit_event_read(view_of_text(line), &event)));
	assert_false(err_failed(audit_copies(&event, copies, &count)));
}

static const char *show(const char *line, const char *account)
{
	struct audit_copy copy;
	struct writer w;
	bool found = false;
	assert_false(err_failed(audit_copy_of(&event, view_of_text(account), &copy, &found)));
	assert_true(found);
	writer_init(&w, shown, sizeof shown);
	assert_false(err_failed(audit_copy_write(view_of_text(line), &event, &copy, &w)));
	assert_false(err_failed(writer_end_text(&w)));
	return shown;
}

static bool has(const char *text)
{
	return strstr(shown, text) != NULL;
}

static bool matches(size_t copy, enum audit_attribute attribute, const char *value)
{
	return audit_copy_matches(&event, &copies[copy], attribute, view_of_text(value));
}

static void a_record_is_read_back(void **state)
{
	(void)state;
	static const char line[] = RECORD(WHO, "", "", RESOURCE(CALLER));
	read_record(line);
	assert_true(view_equal_text(event.id, ID));
	assert_true(view_equal_text(event.name, "ReEncrypt"));
	assert_true(view_equal_text(event.user_name, "alice"));
	assert_true(view_equal_text(event.resources[0].arn, KEY(CALLER)));
	assert_int_equal(event.resource_count, 1);
	assert_int_equal(event.time_ms, INT64_C(1795334400000));
	assert_true(event.read_only);
}

/* A client chooses its user agent and its context; what looks like a member there is none. */
static void texts_in_a_record_are_not_taken_for_its_members(void **state)
{
	(void)state;
	read_record("{\"userAgent\":\"\\\",\\\"eventID\\\":\\\"x\",\"requestParameters\":{"
		    "\"encryptionContext\":{\"eventName\":\"}{[\",\"recipientAccountId\":\"" OWNER
		    "\"}},\"eventID\":\"" ID "\",\"eventTime\":\"2026-11-22T08:00:00Z\","
		    "\"recipientAccountId\":\"" CALLER "\"}");
	assert_int_equal(event.name.len, 0);
	assert_int_equal(count, 1);
	assert_true(view_equal_text(copies[0].account, CALLER));
}

static void escaped_texts_are_understood(void **state)
{
	(void)state;
	read_record("{\"userIdentity\":{\"type\":\"IAMUser\",\"userName\":\"a\\u00e9\\\"b\"},"
		    "\"eventName\":\"\\u0045ncrypt\",\"eventID\":\"" ID "\"}");
	assert_true(view_equal_text(event.user_name, "a\xc3\xa9\"b"));
	assert_true(view_equal_text(event.name, "Encrypt"));
}

static void what_is_no_record_is_told(void **state)
{
	(void)state;
	static const char *const lines[] = {"",
					    "x",
					    "{",
					    "[]",
					    "{}",
					    "{\"eventID\":\"short\"}",
					    "{\"eventID\":\"" ID "\"} x",
					    "{\"eventID\":\"" ID "\"",
					    "{\"eventID\":\"" ID "\",}",
					    "{\"a\":[[}",
					    "{\"attestation\":{\"time\":\"x\"},\"chain\":{}}",
					    "{\"eventID\":\"" ID "\\\"}",
					    "{\"eventTime\":\"yesterday\",\"eventID\":\"" ID "\"}",
					    "{\"eventID\":\"\\u12\"}"};
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct err e = audit_event_read(view_of_text(lines[i]), &event);
		assert_true(err_is(e, E_FORMAT));
		audit_event_cleanup(&event);
	}
}

static void a_call_in_one_account_has_one_copy_and_is_whole(void **state)
{
	(void)state;
	static const char line[] = RECORD(WHO, "", "\"a\":1", RESOURCE(CALLER));
	read_record(line);
	assert_int_equal(count, 1);
	(void)show(line, CALLER);
	assert_true(has("Partner) + Own:1") && has("AKIA1") && has("\"eventID\":\"" ID "\""));
	assert_false(has("sharedEventID") || has("chain"));
}

static void of_a_call_across_accounts_each_has_a_copy(void **state)
{
	(void)state;
	static const char line[] = RECORD(WHO, "", "", RESOURCE(OWNER));
	read_record(line);
	assert_int_equal(count, 2);
	assert_true(copies[0].caller && copies[0].shared && copies[1].shared);
	assert_false(copies[1].caller);
	assert_string_equal(copies[0].event_id, ID);
	assert_string_not_equal(copies[1].event_id, ID);
	(void)show(line, OWNER);
	assert_true(has("\"type\":\"AWSAccount\"") && has("key-policy:2 (Partner)"));
	assert_true(has("\"recipientAccountId\":\"" OWNER "\"") && has(copies[1].event_id));
	assert_false(has("alice") || has("AKIA1") || has("Own:1") || has("clientCertificate"));
	(void)show(line, CALLER);
	assert_true(has("alice") && has("Own:1") && has(KEY(OWNER)));
	assert_false(has("Partner"));
}

static void a_copy_is_found_by_what_it_shows_alone(void **state)
{
	(void)state;
	static const char line[] = RECORD(WHO, "", "", RESOURCE(OWNER));
	read_record(line);
	assert_true(matches(0, AUDIT_USERNAME, "alice") && matches(0, AUDIT_EVENT_ID, ID));
	assert_true(matches(0, AUDIT_ACCESS_KEY_ID, "AKIA1"));
	assert_false(matches(1, AUDIT_USERNAME, "alice") || matches(1, AUDIT_EVENT_ID, ID));
	assert_false(matches(1, AUDIT_ACCESS_KEY_ID, "AKIA1") || matches(1, AUDIT_USERNAME, ""));
	assert_true(matches(1, AUDIT_RESOURCE_NAME, KEY(OWNER)));
	assert_true(matches(1, AUDIT_RESOURCE_NAME, "01000000-0000-0000-0000-000000000000"));
	assert_true(matches(1, AUDIT_ANY, "") && matches(1, AUDIT_READ_ONLY, "true"));
	assert_false(matches(1, AUDIT_EVENT_NAME, "reencrypt"));
}

/* Neither does the owner learn of the attempt, nor the caller whether the key is there. */
static void what_was_denied_is_the_callers_alone_and_names_no_key(void **state)
{
	(void)state;
	static const char line[] = RECORD(WHO, DENIED, "", RESOURCE(OWNER));
	read_record(line);
	assert_int_equal(count, 1);
	(void)show(line, CALLER);
	assert_false(has(KEY(OWNER)) || has("decidedBy") || has("resources"));
	assert_false(matches(0, AUDIT_RESOURCE_NAME, KEY(OWNER)));
}

static void of_two_keys_each_owner_sees_its_own(void **state)
{
	(void)state;
	static const char line[] =
		RECORD(WHO, "", "\"sourceKeyId\":\"one\",\"destinationKeyId\":\"two\"",
		       RESOURCE(OWNER) "," RESOURCE(THIRD));
	read_record(line);
	assert_int_equal(count, 3);
	(void)show(line, OWNER);
	assert_true(has("\"sourceKeyId\":\"one\"") && has("\"keyVersion\":3"));
	assert_false(has("two") || has(KEY(THIRD)) || has("destinationKeyVersion"));
	assert_false(has("key-policy")); /* that is said of the last key */
	(void)show(line, THIRD);
	assert_true(has("\"destinationKeyId\":\"two\"") && has("\"destinationKeyVersion\":4"));
	assert_false(has("one\"") || has(KEY(OWNER)) || has("\"keyVersion\""));
	assert_false(matches(1, AUDIT_RESOURCE_NAME, KEY(THIRD)));
}

static void a_service_keeps_its_name(void **state)
{
	(void)state;
	static const char line[] = RECORD("\"userIdentity\":{\"type\":\"AWSService\",\"invokedBy\":"
					  "\"rds.amazonaws.com\",\"accountId\":\"" CALLER "\"},",
					  "", "", RESOURCE(OWNER));
	read_record(line);
	(void)show(line, OWNER);
	assert_true(has("rds.amazonaws.com") && has("AWSService"));
	assert_true(matches(1, AUDIT_USERNAME, "rds.amazonaws.com"));
}

static void records_of_nobody_have_no_copy(void **state)
{
	(void)state;
	read_record("{\"eventID\":\"" ID "\",\"eventName\":\"AuthenticationFailure\"}");
	assert_int_equal(count, 0);
	audit_event_cleanup(&event);
	read_record("{\"eventSource\":\"holdfast.admin\",\"eventID\":\"" ID
		    "\",\"recipientAccountId\":\"" CALLER "\"}");
	assert_int_equal(count, 0);
}

#define DISCLOSURE_TEST(test) cmocka_unit_test_teardown(test, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DISCLOSURE_TEST(a_record_is_read_back),
		DISCLOSURE_TEST(texts_in_a_record_are_not_taken_for_its_members),
		DISCLOSURE_TEST(escaped_texts_are_understood),
		DISCLOSURE_TEST(what_is_no_record_is_told),
		DISCLOSURE_TEST(a_call_in_one_account_has_one_copy_and_is_whole),
		DISCLOSURE_TEST(of_a_call_across_accounts_each_has_a_copy),
		DISCLOSURE_TEST(a_copy_is_found_by_what_it_shows_alone),
		DISCLOSURE_TEST(what_was_denied_is_the_callers_alone_and_names_no_key),
		DISCLOSURE_TEST(of_two_keys_each_owner_sees_its_own),
		DISCLOSURE_TEST(a_service_keeps_its_name),
		DISCLOSURE_TEST(records_of_nobody_have_no_copy),
	};
	return cmocka_run_group_tests_name("audit_disclosure", tests, NULL, NULL);
}
