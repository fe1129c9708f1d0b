/* SPDX-License-Identifier: Apache-2.0 */
/* A key whose window is over: what goes with it, and what must not. */
#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "ending.h"
#include "service/core.h"
#include "service/key_deletion.h"
#include "service/key_unmaking.h"
#include "service/refused.h"

#define GRANTS 120
#define VERSIONS 3
#define GRANTEE WORLD_ACCOUNT
#define RETIRER "arn:aws:iam::" WORLD_ACCOUNT ":root"

static struct world world;
static char bystander[KMS_KEY_ID_TEXT + 1]; /* a key that nothing happens to */
static char bystander_blob[512];

static int set_up(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply sealed;
	CLEANUP(reply_cleanup) struct reply r;
	ending_make(&world);
	world_create_key(&world, "{\"Tags\":[{\"TagKey\":\"a\",\"TagValue\":\"b\"}]}", bystander);
	world_encrypt(&world, bystander, "aGk=", "{}", &sealed);
	assert_ok(text_copy(bystander_blob, sizeof bystander_blob,
			    view_of_text(reply_text(&sealed, "CiphertextBlob"))));
	world_call(&world, &r, "CreateGrant",
		   "{\"KeyId\":\"%s\",\"GranteePrincipal\":\"" GRANTEE
		   "\",\"RetiringPrincipal\":\"" RETIRER "\",\"Operations\":[\"Decrypt\"]}",
		   bystander);
	assert_status(&r, 200);
	return 0;
}

static int tear_down(UNUSED void **state)
{
	ending_remove();
	return 0;
}

static struct err run(const char *id, bool *done)
{
	const struct kms_key_id key_id = ending_id(id);
	struct service *service = world.first.service;
	return key_deletion_run(service, &service->options.installation.scope, &key_id, done);
}

static void must(const char *operation, const char *body)
{
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, operation, "%s", body);
	assert_status(&r, 200);
}

static void cancel_deletion(const char *id)
{
	char body[96];
	assert_ok(text_format(body, sizeof body, "{\"KeyId\":\"%s\"}", id));
	must("CancelKeyDeletion", body);
}

static size_t count_of(const char *operation, const char *body, const char *list)
{
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, operation, "%s", body);
	assert_status(&r, 200);
	return json_count(json_member(r.json, list));
}

static void expect(const char *operation, const char *id, const char *rest, const char *type)
{
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, operation, "{\"KeyId\":\"%s\"%s}", id, rest);
	if (strcmp(reply_type(&r), type) != 0)
		fail_msg("%s: %s, not %s", operation, r.body, type);
}

static void assert_bystander_is_well(void)
{
	CLEANUP(reply_cleanup) struct reply opened;
	char body[128];
	world_decrypt(&world, bystander_blob, "{}", &opened);
	assert_status(&opened, 200);
	assert_ok(text_format(body, sizeof body, "{\"KeyId\":\"%s\"}", bystander));
	assert_int_equal(count_of("ListResourceTags", body, "Tags"), 1);
	assert_int_equal(count_of("ListGrants", body, "Grants"), 1);
}

static void assert_gone(const char *id)
{
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	assert_err(ending_load(id, &full), E_NOT_FOUND);
	expect("DescribeKey", id, "", "NotFoundException");
	assert_int_equal(ending_records("DeleteKey", id), 1);
	assert_bystander_is_well();
}

static void assert_kept(const char *id, const char *state)
{
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, "DescribeKey", "{\"KeyId\":\"%s\"}", id);
	assert_string_equal(reply_metadata(&r, "KeyState"), state);
	assert_int_equal(ending_records("DeleteKey", id), 0);
}

/* A key with versions, and how many objects were on the token before it. */
static size_t make_key(char id[KMS_KEY_ID_TEXT + 1])
{
	size_t objects = ending_objects();
	world_create_key(&world, "{}", id);
	for (int i = 1; i < VERSIONS; i++)
		ending_add_version(id);
	assert_int_equal(ending_objects(), objects + VERSIONS);
	return objects;
}

/* --- what goes --- */

static void add_everything(const char *id)
{
	char body[400];
	for (int i = 0; i < GRANTS; i++) {
		assert_ok(text_format(body, sizeof body,
				      "{\"KeyId\":\"%s\",\"GranteePrincipal\":\"" GRANTEE
				      "\",\"RetiringPrincipal\":\"" RETIRER
				      "\",\"Operations\":[\"Encrypt\"],\"Name\":\"%d\"}",
				      id, i));
		must("CreateGrant", body);
	}
	assert_ok(text_format(body, sizeof body,
			      "{\"KeyId\":\"%s\",\"Tags\":[{\"TagKey\":\"x\",\"TagValue\":\"y\"}]}",
			      id));
	must("TagResource", body);
	for (int i = 0; i < 2; i++) {
		assert_ok(text_format(body, sizeof body,
				      "{\"AliasName\":\"alias/its-%d\",\"TargetKeyId\":\"%s\"}", i,
				      id));
		must("CreateAlias", body);
	}
}

static const struct {
	const char *operation, *rest, *type;
} asked[] = {
	{"DescribeKey", "", "NotFoundException"},
	{"Encrypt", ",\"Plaintext\":\"aGk=\"", "NotFoundException"},
	{"GenerateDataKey", ",\"KeySpec\":\"AES_256\"", "NotFoundException"},
	{"GetKeyPolicy", "", "NotFoundException"},
	{"GetKeyLastUsage", "", "NotFoundException"},
	{"ListGrants", "", "NotFoundException"},
	{"ListAliases", "", "NotFoundException"},
	{"ListResourceTags", "", "NotFoundException"},
	{"CancelKeyDeletion", "", "NotFoundException"},
	{"ScheduleKeyDeletion", "", "NotFoundException"},
	{"EnableKey", "", "NotFoundException"},
};

static void test_everything_about_it_goes(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1], body[160];
	CLEANUP(reply_cleanup) struct reply sealed;
	CLEANUP(reply_cleanup) struct reply opened;
	CLEANUP(reply_cleanup) struct reply by_alias;
	size_t objects = make_key(id);
	bool done = false;
	add_everything(id);
	world_encrypt(&world, "alias/its-0", "aGk=", "{}", &sealed);
	assert_status(&sealed, 200);
	ending_make_due(id);
	assert_ok(run(id, &done));
	assert_true(done);
	assert_gone(id);
	assert_int_equal(ending_objects(), objects);
	for (size_t i = 0; i < ARRAY_LEN(asked); i++)
		expect(asked[i].operation, id, asked[i].rest, asked[i].type);
	world_call(&world, &by_alias, "DescribeKey", "{\"KeyId\":\"alias/its-0\"}");
	assert_refused(&by_alias, "NotFoundException",
		       "Alias arn:aws:kms:" WORLD_REGION ":" WORLD_ACCOUNT
		       ":alias/its-0 is not found.");
	world_decrypt(&world, reply_text(&sealed, "CiphertextBlob"), "{}", &opened);
	assert_string_equal(reply_type(&opened), "InvalidCiphertextException");
	assert_int_equal(count_of("ListRetirableGrants", "{\"RetiringPrincipal\":\"" RETIRER "\"}",
				  "Grants"),
			 1);
	/* The names of its aliases are free. */
	assert_ok(text_format(body, sizeof body,
			      "{\"AliasName\":\"alias/its-0\",\"TargetKeyId\":\"%s\"}", bystander));
	must("CreateAlias", body);
	must("DeleteAlias", "{\"AliasName\":\"alias/its-0\"}");
}

static void test_the_record_says_what_was_destroyed(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	bool done = false;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	(void)make_key(id);
	ending_make_due(id);
	assert_ok(ending_load(id, &full));
	assert_ok(run(id, &done));
	CLEANUP(mem_free_at) char *line = ending_record("DeleteKey", id);
	CLEANUP(json_free) struct json *record = NULL;
	assert_ok(json_parse(view_of_text(line), &record));
	const struct json *details = json_member(record, "serviceEventDetails");
	const struct json *materials = json_member(details, "keyMaterials");
	assert_string_equal(json_string_of(json_member(record, "eventType")).ptr,
			    "AwsServiceEvent");
	assert_string_equal(json_string_of(json_member(details, "keyId")).ptr, id);
	assert_int_equal(json_integer_of(json_member(details, "keyMaterialCount")), VERSIONS);
	assert_int_equal(json_count(materials), VERSIONS);
	assert_null(json_member(details, "furtherKeyMaterials"));
	for (size_t i = 0; i < VERSIONS; i++) {
		const struct json *one = json_element(materials, i);
		assert_int_equal(json_integer_of(json_member(one, "version")), i + 1);
		assert_int_equal(json_string_of(json_member(one, "keyMaterialId")).len,
				 2 * KMS_MATERIAL_ID_LEN);
	}
	const struct json *response = json_member(record, "responseElements");
	assert_string_equal(json_string_of(json_member(response, "keyId")).ptr, world_arn(id));
	const struct json *more = json_member(record, "additionalEventData");
	assert_non_null(strstr((const char *)json_string_of(json_member(more, "decidedBy")).ptr,
			       "schedule: deletion date "));
}

/* The largest key that there may be: named as far as the record goes, and counted. */
static void test_no_key_is_too_large_for_its_record(UNUSED void **state)
{
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	CLEANUP(mem_free_at) struct kms_version *versions = NULL;
	CLEANUP(key_unmaking_record_cleanup)
	struct key_unmaking_record record = {.event = {.name = "DeleteKey"}};
	CLEANUP(json_free) struct json *json = NULL;
	assert_ok(ending_load(bystander, &full));
	assert_ok(MEM_NEW_ARRAY(KMS_VERSIONS_MAX, &versions));
	for (uint32_t i = 0; i < KMS_VERSIONS_MAX; i++)
		versions[i] = (struct kms_version){.number = UINT32_MAX - KMS_VERSIONS_MAX + i};
	versions[0].material = KMS_MATERIAL_GONE; /* destroyed before, and told then */
	assert_ok(key_unmaking_write(&full.key, versions, KMS_VERSIONS_MAX, &record));
	assert_ok(json_parse(record.line.outbox.line, &json));
	const struct json *details = json_member(json, "serviceEventDetails");
	const struct json *further = json_member(details, "furtherKeyMaterials");
	size_t named = json_count(json_member(details, "keyMaterials"));
	assert_int_equal(json_integer_of(json_member(details, "keyMaterialCount")),
			 KMS_VERSIONS_MAX - 1);
	assert_int_equal(json_integer_of(json_member(further, "count")),
			 KMS_VERSIONS_MAX - 1 - (int)named);
	assert_int_equal(json_integer_of(json_member(further, "firstVersion")),
			 versions[named + 1].number);
	assert_int_equal(json_integer_of(json_member(further, "lastVersion")), UINT32_MAX - 1);
}

/* --- what stays --- */

static void test_nothing_is_destroyed_early(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1], body[96];
	bool done = true;
	size_t objects = make_key(id);
	assert_ok(run(id, &done));
	assert_false(done);
	assert_kept(id, "Enabled");
	assert_ok(
		text_format(body, sizeof body, "{\"KeyId\":\"%s\",\"PendingWindowInDays\":7}", id));
	must("ScheduleKeyDeletion", body);
	assert_ok(run(id, &done));
	assert_false(done);
	assert_kept(id, "PendingDeletion");
	assert_int_equal(ending_objects(), objects + VERSIONS);
	cancel_deletion(id);
}

/* KMS API: ScheduleKeyDeletion, seven days at least: also while the clock is slow by ten. */
static void test_the_window_counts_from_trusted_time(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	CLEANUP(reply_cleanup) struct reply scheduled;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	(void)make_key(id);
	int64_t now_ms = clock_real_ms(&world_clock);
	world_advance(-10 * WORLD_DAY_MS);
	world_call(&world, &scheduled, "ScheduleKeyDeletion",
		   "{\"KeyId\":\"%s\",\"PendingWindowInDays\":7}", id);
	world_advance(10 * WORLD_DAY_MS);
	assert_status(&scheduled, 200);
	assert_ok(ending_load(id, &full));
	assert_true(full.key.deletion_ms >= now_ms + 7 * WORLD_DAY_MS);
	assert_true(full.key.deletion_ms < now_ms + 8 * WORLD_DAY_MS);
	cancel_deletion(id);
}

static void test_a_key_that_is_not_there_is_no_failure(UNUSED void **state)
{
	bool done = true;
	assert_ok(run("00000000-0000-4000-8000-000000000000", &done));
	assert_false(done);
}

static void test_a_clock_that_is_not_trusted_holds_it(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	bool done = true;
	size_t objects = make_key(id);
	ending_make_due(id);
	ending_distrust(E_CLOCK_UNTRUSTED);
	assert_err(run(id, &done), E_CLOCK_UNTRUSTED);
	assert_false(done);
	assert_kept(id, "PendingDeletion");
	assert_int_equal(ending_objects(), objects + VERSIONS);
	/* Begun while it was trusted: finished whatever it says. */
	ending_distrust(E_OK);
	ending_plan(&(struct ending_fault){STEP_DESTROY, 1, false, E_HSM_AWAY});
	assert_err(run(id, &done), E_HSM_AWAY);
	ending_distrust(E_CLOCK_UNTRUSTED);
	struct err e = run(id, &done);
	ending_distrust(E_OK);
	assert_ok(e);
	assert_true(done);
	assert_gone(id);
}

/* The clock is set forward and back again, between the looks of the scheduler. */
static void test_only_the_reading_that_is_trusted_counts(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	bool done = true;
	(void)make_key(id);
	ending_make_due(id);
	ending_set_back(2000);
	assert_ok(run(id, &done));
	ending_set_back(0);
	assert_false(done);
	assert_kept(id, "PendingDeletion");
	cancel_deletion(id);
	assert_kept(id, "Disabled");
}

static void test_it_is_not_begun_while_the_log_fails(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	bool done = true;
	CLEANUP(reply_cleanup) struct reply r;
	size_t objects = make_key(id);
	ending_make_due(id);
	world_break_audit(true);
	world_call(&world, &r, "ListKeys", "{}"); /* the log finds out */
	struct err e = run(id, &done);
	world_break_audit(false);
	assert_err(e, E_AUDIT);
	assert_int_equal(ending_objects(), objects + VERSIONS);
	ending_restart();
	assert_kept(id, "PendingDeletion");
	cancel_deletion(id);
}

/* --- and others meanwhile --- */

static char racing[KMS_KEY_ID_TEXT + 1];

static void cancel(void)
{
	cancel_deletion(racing);
}

static void test_a_cancellation_that_comes_first_wins(UNUSED void **state)
{
	bool done = true;
	size_t objects = make_key(racing);
	ending_make_due(racing);
	ending_meanwhile(STEP_BEGIN, cancel);
	assert_ok(run(racing, &done));
	assert_false(done);
	assert_kept(racing, "Disabled");
	assert_int_equal(ending_objects(), objects + VERSIONS);
	world_switch(&world, "EnableKey", racing);
}

static void test_a_cancellation_that_comes_later_is_refused(UNUSED void **state)
{
	char text[300];
	bool done = true;
	CLEANUP(reply_cleanup) struct reply r;
	CLEANUP(reply_cleanup) struct reply described;
	(void)make_key(racing);
	ending_make_due(racing);
	ending_plan(&(struct ending_fault){STEP_REST, 0, false, E_CANCELLED});
	assert_err(run(racing, &done), E_CANCELLED);
	assert_ok(text_format(text, sizeof text, "%s is being deleted.", world_arn(racing)));
	world_call(&world, &r, "CancelKeyDeletion", "{\"KeyId\":\"%s\"}", racing);
	assert_refused(&r, "KMSInvalidStateException", text);
	world_call(&world, &described, "DescribeKey", "{\"KeyId\":\"%s\"}", racing);
	assert_string_equal(reply_metadata(&described, "KeyState"), "PendingDeletion");
	assert_non_null(json_member(json_member(described.json, "KeyMetadata"), "DeletionDate"));
	assert_ok(run(racing, &done));
	assert_true(done);
	assert_gone(racing);
}

static void put_policy(void)
{
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, "PutKeyPolicy",
		   "{\"KeyId\":\"%s\",\"Policy\":\"{\\\"Version\\\":\\\"2012-10-17\\\","
		   "\\\"Statement\\\":[{\\\"Effect\\\":\\\"Allow\\\",\\\"Principal\\\":"
		   "{\\\"AWS\\\":\\\"arn:aws:iam::" WORLD_ACCOUNT ":root\\\"},\\\"Action\\\":"
		   "\\\"kms:*\\\",\\\"Resource\\\":\\\"*\\\"}]}\"}",
		   racing);
	assert_status(&r, 200);
}

static void test_a_change_meanwhile_does_not_stop_it(UNUSED void **state)
{
	bool done = false;
	(void)make_key(racing);
	ending_make_due(racing);
	ending_meanwhile(STEP_END, put_policy);
	assert_ok(run(racing, &done));
	assert_true(done);
	assert_gone(racing);
}

/* Its row says that it was cancelled before; the rotation setting was nobody's business. */
static void switch_rotation_on(struct kms_key *key)
{
	key->rotation_enabled = true;
	key->rotation_period_days = 400;
	key->rotation_from_ms = 5;
}

static void test_a_cancelled_deletion_keeps_the_rotation(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	world_create_key(&world, "{}", id);
	ending_change(id, switch_rotation_on);
	ending_make_due(id);
	cancel_deletion(id);
	assert_ok(ending_load(id, &full));
	assert_true(full.key.rotation_enabled);
	assert_int_equal(full.key.rotation_period_days, 400);
	assert_int_equal(full.key.rotation_from_ms, 5);
	assert_int_equal(full.key.deletion_ms, 0);
}

/* --- two daemons --- */

struct runner {
	struct service *service;
	struct kms_key_id key_id;
	struct err result;
	bool done;
};

static void *run_it(void *arg)
{
	struct runner *runner = arg;
	runner->result =
		key_deletion_run(runner->service, &world.first.service->options.installation.scope,
				 &runner->key_id, &runner->done);
	return NULL;
}

static void test_two_services_do_it_once(UNUSED void **state)
{
	static struct world_service second;
	char id[KMS_KEY_ID_TEXT + 1];
	pthread_t threads[2];
	world_start(&world, &second, "audit-2");
	for (int round = 0; round < 5; round++) {
		size_t objects = make_key(id);
		ending_make_due(id);
		struct runner runners[2] = {{.service = world.first.service},
					    {.service = second.service}};
		for (size_t i = 0; i < 2; i++) {
			runners[i].key_id = ending_id(id);
			assert_int_equal(pthread_create(&threads[i], NULL, run_it, &runners[i]), 0);
		}
		for (size_t i = 0; i < 2; i++)
			assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_ok(runners[0].result);
		assert_ok(runners[1].result);
		assert_true(runners[0].done != runners[1].done);
		assert_int_equal(ending_records("DeleteKey", id), runners[0].done);
		assert_int_equal(ending_objects(), objects);
	}
	world_stop(&second);
	assert_bystander_is_well();
}

/* --- a start in the middle --- */

static void test_a_start_in_the_middle_refuses_nothing(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	bool done = false;
	(void)make_key(id);
	ending_make_due(id);
	ending_plan(&(struct ending_fault){STEP_DESTROY, 2, false, E_HSM_AWAY});
	assert_err(run(id, &done), E_HSM_AWAY);
	ending_restart();
	assert_int_equal(refused_count(world.first.service->refused), 0);
	assert_ok(run(id, &done));
	assert_true(done);
	assert_gone(id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_about_it_goes),
		cmocka_unit_test(test_the_record_says_what_was_destroyed),
		cmocka_unit_test(test_no_key_is_too_large_for_its_record),
		cmocka_unit_test(test_nothing_is_destroyed_early),
		cmocka_unit_test(test_the_window_counts_from_trusted_time),
		cmocka_unit_test(test_a_key_that_is_not_there_is_no_failure),
		cmocka_unit_test(test_a_clock_that_is_not_trusted_holds_it),
		cmocka_unit_test(test_only_the_reading_that_is_trusted_counts),
		cmocka_unit_test(test_it_is_not_begun_while_the_log_fails),
		cmocka_unit_test(test_a_cancellation_that_comes_first_wins),
		cmocka_unit_test(test_a_cancellation_that_comes_later_is_refused),
		cmocka_unit_test(test_a_change_meanwhile_does_not_stop_it),
		cmocka_unit_test(test_a_cancelled_deletion_keeps_the_rotation),
		cmocka_unit_test(test_two_services_do_it_once),
		cmocka_unit_test(test_a_start_in_the_middle_refuses_nothing),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
