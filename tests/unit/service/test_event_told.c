/* SPDX-License-Identifier: Apache-2.0 */
/* Which audit records become events, and with what in them. */
#include "service/event_told.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"

#define KEY "1234abcd-12ab-34cd-56ef-1234567890ab"
#define ARN "arn:aws:kms:us-east-1:111122223333:key/" KEY
#define ID "cfa932fd-0d3a-4a76-a8b8-616863a2b547"

static char path[64], bytes[1 << 14];
static struct event_bus *bus;

static int setup(void **state)
{
	(void)state;
	(void)snprintf(path, sizeof path, "/tmp/holdfast-told-XXXXXX");
	(void)close(mkstemp(path));
	const struct event_bus_options options = {.file = path, .clock = &clock_system};
	return err_failed(event_bus_open(&options, &bus)) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	event_bus_close(&bus);
	return unlink(path);
}

static struct view record(const char *name, const char *type, const char *arn, const char *details)
{
	static char text[4096];
	assert_int_equal(
		text_format(text, sizeof text,
			    "{\"eventTime\":\"2025-05-22T19:55:11Z\",\"eventName\":\"%s\","
			    "\"awsRegion\":\"us-east-1\",\"eventID\":\"" ID "\",\"resources\":"
			    "[{\"accountId\":\"111122223333\",\"type\":\"AWS::KMS::Key\",\"ARN\":"
			    "\"%s\"}],\"eventType\":\"%s\",\"serviceEventDetails\":{%s}}\n",
			    name, arn, type, details)
			.code,
		E_OK);
	return view_of_text(text);
}

static const char *told(void)
{
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	size_t n = fread(bytes, 1, sizeof bytes - 1, f);
	bytes[n] = '\0';
	assert_int_equal(fclose(f), 0);
	return bytes;
}

#define TOLD(type, more)                                                          \
	"{\"version\":\"0\",\"id\":\"" ID "\",\"detail-type\":\"" type            \
	"\",\"source\":\"aws.kms\",\"account\":\"111122223333\",\"time\":"        \
	"\"2025-05-22T19:55:11Z\",\"region\":\"us-east-1\",\"resources\":[\"" ARN \
	"\"],\"detail\":{\"key-id\":\"" KEY "\"" more "}}\n"

static void a_rotation_is_told_with_its_materials(void **state)
{
	(void)state;
	event_told_post(bus, record("RotateKey", "AwsServiceEvent", ARN,
				    "\"rotationType\":\"AUTOMATIC\",\"keyId\":\"" KEY
				    "\",\"keyOrigin\":\"AWS_KMS\",\"previousKeyMaterialId\":"
				    "\"aa\",\"currentKeyMaterialId\":\"bb\""));
	assert_string_equal(told(), TOLD("KMS CMK Rotation",
					 ",\"key-origin\":\"AWS_KMS\",\"rotation-type\":"
					 "\"AUTOMATIC\",\"previous-key-material-id\":\"aa\","
					 "\"current-key-material-id\":\"bb\""));
}

static void a_deletion_and_an_expiration_are_told_by_the_key_alone(void **state)
{
	(void)state;
	event_told_post(bus, record("DeleteKey", "AwsServiceEvent", ARN, "\"keyId\":\"" KEY "\""));
	event_told_post(bus, record("DeleteExpiredKeyMaterial", "AwsServiceEvent", ARN,
				    "\"keyMaterialId\":\"aa\""));
	assert_string_equal(told(), TOLD("KMS CMK Deletion", "")
					    TOLD("KMS Imported Key Material Expiration", ""));
}

static void calls_and_other_acts_are_not_told(void **state)
{
	(void)state;
	event_told_post(bus, record("RotateKey", "AwsApiCall", ARN, ""));
	event_told_post(bus, record("CreateKey", "AwsServiceEvent", ARN, ""));
	event_told_post(NULL, record("DeleteKey", "AwsServiceEvent", ARN, ""));
	assert_string_equal(told(), "");
}

static void what_cannot_be_read_does_no_harm(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "{", "[]", "{\"eventName\":7}", "null"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		event_told_post(bus, view_of_text(texts[i]));
	event_told_post(bus, record("DeleteKey", "AwsServiceEvent", "arn:aws:kms:none", ""));
	event_told_post(bus, record("DeleteKey", "AwsServiceEvent",
				    "arn:aws:kms:us-east-1:111122223333:alias/a", ""));
	assert_string_equal(told(), "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_rotation_is_told_with_its_materials),
		TEST(a_deletion_and_an_expiration_are_told_by_the_key_alone),
		TEST(calls_and_other_acts_are_not_told),
		TEST(what_cannot_be_read_does_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
