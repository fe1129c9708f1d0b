/* SPDX-License-Identifier: Apache-2.0 */
/* Lists, the audit log, two services on one token and one store, the end of one. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "codec/base64.h"
#include "fixture.h"
#include "service/core.h"
#include "the_world.h"

struct world world;
static char key[KMS_KEY_ID_TEXT + 1];

static int set_up(UNUSED void **state)
{
	world_make(&world);
	world_start(&world, &world.first, "audit");
	world_create_key(&world, "{}", key);
	return 0;
}

static size_t walk_keys(size_t limit, char ids[][KMS_KEY_ID_TEXT + 1], size_t max)
{
	char marker[256] = "";
	size_t count = 0;
	for (bool more = true; more;) {
		CLEANUP(reply_cleanup) struct reply r;
		world_call(&world, &r, "ListKeys", "{\"Limit\":%zu%s%s%s}", limit,
			   marker[0] ? ",\"Marker\":\"" : "", marker, marker[0] ? "\"" : "");
		assert_status(&r, 200);
		const struct json *keys = json_member(r.json, "Keys");
		for (size_t i = 0; i < json_count(keys); i++) {
			assert_true(count < max);
			assert_ok(text_copy(
				ids[count++], KMS_KEY_ID_TEXT + 1,
				json_string_of(json_member(json_element(keys, i), "KeyId"))));
		}
		more = json_bool_of(json_member(r.json, "Truncated"));
		assert_ok(text_copy(marker, sizeof marker,
				    json_string_of(json_member(r.json, "NextMarker"))));
		assert_int_equal(more, marker[0] != '\0');
	}
	return count;
}

static void test_list_paging(UNUSED void **state)
{
	static char whole[128][KMS_KEY_ID_TEXT + 1], paged[128][KMS_KEY_ID_TEXT + 1];
	char id[KMS_KEY_ID_TEXT + 1];
	for (unsigned i = 0; i < 5; i++)
		world_create_key(&world, "{}", id);
	size_t count = walk_keys(1000, whole, 128);
	assert_true(count >= 6);
	for (size_t limit = 1; limit <= 3; limit++) {
		assert_int_equal(walk_keys(limit, paged, 128), count);
		assert_memory_equal(paged, whole, count * sizeof whole[0]);
	}
}

static void test_made_up_markers(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply first;
	world_call(&world, &first, "ListKeys", "{\"Limit\":1}");
	char marker[256];
	assert_ok(text_copy(marker, sizeof marker, view_of_text(reply_text(&first, "NextMarker"))));
	marker[10] = marker[10] == 'A' ? 'B' : 'A';
	const char *const made_up[] = {"x", "AAAA", marker};
	for (size_t i = 0; i < ARRAY_LEN(made_up); i++) {
		CLEANUP(reply_cleanup) struct reply r;
		world_call(&world, &r, "ListKeys", "{\"Marker\":\"%s\"}", made_up[i]);
		assert_string_equal(reply_type(&r), "InvalidMarkerException");
	}
}

static void test_calls_are_recorded_and_secrets_are_not(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	CLEANUP(reply_cleanup) struct reply refused;
	world_encrypt(&world, key, "c2VjcmV0cGxhaW50ZXh0", "{\"purpose\":\"find me\"}", &r);
	world_encrypt(&world, "not-a-key", "aGk=", "{}", &refused);
	CLEANUP(mem_free_at) char *log = world_audit(&world.first);
	assert_non_null(strstr(log, "\"encryptionContext\":{\"purpose\":\"find me\"}"));
	assert_non_null(strstr(log, "\"eventName\":\"CreateKey\""));
	assert_non_null(strstr(log, "\"errorMessage\":\"Invalid keyId 'not-a-key'\""));
	assert_null(strstr(log, "c2VjcmV0cGxhaW50ZXh0"));
	assert_null(strstr(log, "laintext\":\""));
}

static void test_the_outbox_is_cleared(UNUSED void **state)
{
	const struct kms_store store = store_sqlite_keys(world.first.store);
	size_t count = 1;
	for (unsigned i = 0; i < 100 && count > 0; i++) {
		CLEANUP(mem_free_at) struct kms_outbox_record *records = NULL;
		assert_ok(store.ops->outbox_list(store.self, &records, &count));
		for (size_t j = 0; j < count; j++)
			mem_free((void *)(uintptr_t)records[j].line.ptr);
		(void)usleep(10000);
	}
	assert_int_equal(count, 0);
}

static void test_two_services(UNUSED void **state)
{
	struct world_service second = {0};
	world_start(&world, &second, "audit-second");
	const struct twist there = {.service = second.service};
	char id[KMS_KEY_ID_TEXT + 1], body[256];
	world_create_key(&world, "{}", id);
	CLEANUP(reply_cleanup) struct reply sealed = {0};
	CLEANUP(reply_cleanup) struct reply opened;
	assert_ok(text_format(body, sizeof body, "{\"KeyId\":\"%s\",\"Plaintext\":\"aGk=\"}", id));
	world_call_twisted(&world, &there, "Encrypt", body, &sealed);
	assert_status(&sealed, 200);
	world_decrypt(&world, reply_text(&sealed, "CiphertextBlob"), "{}", &opened);
	assert_status(&opened, 200);

	/* what one disables, the other refuses within two looks at the store */
	world_switch(&world, "DisableKey", id);
	(void)usleep(150000);
	CLEANUP(reply_cleanup) struct reply refused = {0};
	world_call_twisted(&world, &there, "Encrypt", body, &refused);
	assert_string_equal(reply_type(&refused), "DisabledException");
	world_stop(&second);
}

/* A call that nobody signed for, to a service that cannot serve: no error in the operator's log,
 * which goes to standard error. */
static void check_junk_is_not_logged(const struct twist *twist)
{
	char text[4096] = "";
	FILE *log = tmpfile();
	assert_non_null(log);
	int kept = dup(STDERR_FILENO);
	assert_true(kept >= 0 && dup2(fileno(log), STDERR_FILENO) >= 0);
	CLEANUP(reply_cleanup) struct reply r = {0};
	world_call_twisted(&world, twist, "ListKeys", "{}", &r);
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	(void)close(kept);
	rewind(log);
	size_t len = fread(text, 1, sizeof text - 1, log);
	assert_int_equal(len, strlen(text));
	assert_null(strstr(text, " error "));
	(void)fclose(log);
}

static void test_drain(UNUSED void **state)
{
	struct world_service second = {0};
	world_start(&world, &second, "audit-drained");
	const struct twist there = {.service = second.service};
	assert_true(service_drain(second.service, 1000));
	CLEANUP(reply_cleanup) struct reply r = {0};
	world_call_twisted(&world, &there, "ListKeys", "{}", &r);
	assert_int_equal(r.status, 500);
	assert_string_equal(reply_type(&r), "KMSInternalException");
	const struct twist junk = {.service = second.service, .break_signature = true};
	check_junk_is_not_logged(&junk);
	/* Nothing waits for the token longer than the drain may take. */
	assert_true(service_deadline_ms(second.service) <= clock_steady_ms(&clock_system) + 1000);
	world_stop(&second);
}

/* As long as headers may be, each byte six in a record; and the longest error text beside it. */
static void test_no_call_is_too_large_for_its_record(UNUSED void **state)
{
	enum { AGENT = 12 << 10, TAG = 1000, TAGS = 30 };
	char agent[AGENT + 1];
	memset(agent, 1, AGENT);
	agent[AGENT] = '\0';
	CLEANUP(buf_cleanup) struct buf body;
	buf_init(&body, CALL_BODY_MAX);
	assert_ok(buf_append_text(&body, "{\"Tags\":["));
	for (size_t i = 0; i < TAGS; i++) {
		assert_ok(buf_append_text(&body, i ? ",{\"TagKey\":\"" : "{\"TagKey\":\""));
		for (size_t j = 0; j < TAG; j++)
			assert_ok(buf_append_text(&body, "\\u0001"));
		assert_ok(buf_append_text(&body, "\",\"TagValue\":\"\"}"));
	}
	assert_ok(buf_append(&body, VIEW_ARRAY("]}")));
	const struct twist twist = {.user_agent = agent};
	CLEANUP(reply_cleanup) struct reply r = {0};
	world_call_twisted(&world, &twist, "CreateKey", (const char *)body.ptr, &r);
	assert_status(&r, 400);
	assert_string_equal(reply_type(&r), "ValidationException");
}

/* P3: without a record on disk nothing of the result leaves. */
static void test_no_record_no_result(UNUSED void **state)
{
	struct world_service second = {0};
	world_start(&world, &second, "audit-closed");
	const struct twist there = {.service = second.service};
	char body[256];
	assert_ok(
		text_format(body, sizeof body, "{\"KeyId\":\"%s\",\"KeySpec\":\"AES_256\"}", key));
	CLEANUP(reply_cleanup) struct reply good = {0};
	CLEANUP(reply_cleanup) struct reply bad = {0};
	world_call_twisted(&world, &there, "GenerateDataKey", body, &good);
	assert_status(&good, 200);
	world_break_audit(true);
	world_call_twisted(&world, &there, "GenerateDataKey", body, &bad);
	assert_int_equal(bad.status, 500);
	assert_string_equal(reply_type(&bad), "KMSInternalException");
	assert_null(json_member(bad.json, "Plaintext"));
	assert_null(json_member(bad.json, "CiphertextBlob"));
	const struct twist admin = {.service = second.service, .admin = true};
	CLEANUP(reply_cleanup) struct reply status = {0};
	world_call_twisted(&world, &admin, "Status", "{}", &status);
	assert_int_equal(status.status, 500);
	assert_non_null(strstr(reply_message(&status), "the audit log cannot be written"));
	assert_null(strstr(reply_message(&bad), "audit"));
	world_break_audit(false);
	world_stop(&second);
}

/* --- many at once --- */

#define CALLERS 6
#define CALLS_EACH 25

static void *call_often(UNUSED void *arg)
{
	static const struct twist straight;
	static const char *const names[] = {"GenerateDataKey", "Encrypt", "DescribeKey", "ListKeys",
					    "CreateKey"};
	char bodies[ARRAY_LEN(names)][256] = {"", "", "", "{\"Limit\":2}", "{}"};
	uintptr_t good = 0;
	assert_ok(text_format(bodies[0], 256, "{\"KeyId\":\"%s\",\"NumberOfBytes\":32}", key));
	assert_ok(text_format(bodies[1], 256, "{\"KeyId\":\"%s\",\"Plaintext\":\"aGk=\"}", key));
	assert_ok(text_format(bodies[2], 256, "{\"KeyId\":\"%s\"}", key));
	for (size_t i = 0; i < CALLS_EACH; i++) {
		CLEANUP(reply_cleanup) struct reply r = {0};
		size_t which = i % ARRAY_LEN(names);
		world_call_twisted(&world, &straight, names[which], bodies[which], &r);
		good += r.status == 200;
	}
	return (void *)good;
}

/* Commits empty the memory of keys and credentials all the while. */
static void test_many_callers_at_once(UNUSED void **state)
{
	pthread_t callers[CALLERS];
	for (size_t i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_create(&callers[i], NULL, call_often, NULL), 0);
	for (size_t i = 0; i < CALLERS; i++) {
		void *good = NULL;
		assert_int_equal(pthread_join(callers[i], &good), 0);
		assert_int_equal((uintptr_t)good, CALLS_EACH);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list_paging),
		cmocka_unit_test(test_made_up_markers),
		cmocka_unit_test(test_calls_are_recorded_and_secrets_are_not),
		cmocka_unit_test(test_the_outbox_is_cleared),
		cmocka_unit_test(test_many_callers_at_once),
		cmocka_unit_test(test_two_services),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_no_call_is_too_large_for_its_record),
		cmocka_unit_test(test_no_record_no_result),
	};
	return cmocka_run_group_tests(tests, set_up, the_world_tear_down);
}
