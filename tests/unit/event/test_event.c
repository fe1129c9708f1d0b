/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of events, against the examples of the KMS Developer Guide, "Monitor KMS keys with
 * Amazon EventBridge". */
#include "event/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

#define KEY "1234abcd-12ab-34cd-56ef-1234567890ab"
#define ARN "arn:aws:kms:us-west-2:111122223333:key/" KEY
#define HEAD(type)                                                                            \
	"{\"version\":\"0\",\"id\":\"6a7e8feb-b491-4cf7-a9f1-bf3703467718\",\"detail-type\":" \
	"\"" type "\",\"source\":\"aws.kms\",\"account\":\"111122223333\","                   \
	"\"time\":\"2025-05-23T03:11:54Z\",\"region\":\"us-west-2\",\"resources\":[\"" ARN    \
	"\"],\"detail\":{\"key-id\":\"" KEY "\""

static struct event example(enum event_kind kind)
{
	return (struct event){.id = "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
			      .kind = kind,
			      .time_ms = INT64_C(1747969914999),
			      .account = "111122223333",
			      .region = "us-west-2",
			      .key_arn = ARN,
			      .key_id = KEY};
}

static const char *written(const struct event *event)
{
	static char line[EVENT_LINE_MAX + 1];
	struct writer w;
	writer_init(&w, line, sizeof line);
	assert_int_equal(event_write(event, &w).code, E_OK);
	assert_int_equal(writer_end_text(&w).code, E_OK);
	return line;
}

static void a_rotation_is_as_aws_has_it(void **state)
{
	(void)state;
	struct event event = example(EVENT_ROTATION);
	event.key_origin = "AWS_KMS";
	event.rotation_type = "ON_DEMAND";
	event.previous_material_id = "1234";
	event.current_material_id = "9608";
	assert_string_equal(
		written(&event),
		HEAD("KMS CMK Rotation") ",\"key-origin\":\"AWS_KMS\",\"rotation-type\":"
					 "\"ON_DEMAND\",\"previous-key-material-id\":\"1234\","
					 "\"current-key-material-id\":\"9608\"}}");
}

static void a_deletion_names_the_key_alone(void **state)
{
	(void)state;
	struct event event = example(EVENT_DELETION);
	assert_string_equal(written(&event), HEAD("KMS CMK Deletion") "}}");
}

static void an_expiration_names_the_key_alone(void **state)
{
	(void)state;
	struct event event = example(EVENT_EXPIRATION);
	assert_string_equal(written(&event), HEAD("KMS Imported Key Material Expiration") "}}");
}

static void one_that_is_too_long_is_refused(void **state)
{
	(void)state;
	static char long_text[EVENT_LINE_MAX + 1], room[2 * EVENT_LINE_MAX];
	struct event event = example(EVENT_DELETION);
	struct writer w;
	memset(long_text, 'a', EVENT_LINE_MAX);
	event.region = long_text;
	writer_init(&w, room, sizeof room);
	assert_int_equal(event_write(&event, &w).code, E_BOUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rotation_is_as_aws_has_it),
		cmocka_unit_test(a_deletion_names_the_key_alone),
		cmocka_unit_test(an_expiration_names_the_key_alone),
		cmocka_unit_test(one_that_is_too_long_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
