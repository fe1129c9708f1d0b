/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of a key where no client can reach: somebody else changes the same row at the same time,
 * the catalog fails, the key is in a state that nothing brings about yet.
 */
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "fixture.h"
#include "service/core.h"
#include "service/keyring.h"
#include "the_world.h"

static void adjust(struct kms_store_ops *ops);
static void adjust_catalog(struct kms_catalog_ops *ops);

struct world world = {.adjust = adjust, .adjust_catalog = adjust_catalog, .without_due_work = true};
static char key[KMS_KEY_ID_TEXT + 1];

static struct kms_store rows(void)
{
	return store_sqlite_keys(world.first.store);
}

/* --- the row, behind the service's back --- */

typedef void edit_fn(struct kms_key *key);

static void edit(edit_fn *change)
{
	struct kms_key_id id;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	assert_ok(kms_key_id_parse(view_of_text(key), &id));
	assert_ok(rows().ops->key_load(rows().self, &world.installation.scope, &id, &full));
	change(&full.key);
	full.key.revision++;
	const struct kms_outbox_record none = {.event_id = "00000000-0000-4000-8000-000000000000",
					       .line = VIEW_LITERAL("{}")};
	assert_ok(rows().ops->key_update(rows().self, &full.key, &none));
	assert_ok(rows().ops->outbox_done(rows().self, &none.event_id, 1));
	keyring_drop(world.first.service->keyring, &id);
}

static void disable(struct kms_key *row)
{
	assert_ok(kms_key_move(row, KMS_STATE_DISABLED));
}

static void schedule(struct kms_key *row)
{
	assert_ok(kms_key_move(row, KMS_STATE_PENDING_DELETION));
	row->deletion_ms = 1;
}

static void rename_it(struct kms_key *row)
{
	mem_free(row->description);
	assert_ok(text_new(VIEW_LITERAL("a rival's"), &row->description));
}

/* As a key that was made for imported material and has none yet. */
static void empty(struct kms_key *row)
{
	row->origin = KMS_ORIGIN_EXTERNAL;
	row->state = KMS_STATE_PENDING_IMPORT;
	row->current_version = 0;
}

/* --- rivals and faults --- */

static edit_fn *rival;  /* commits just before the next change of the service */
static unsigned rivals; /* how often */
static uint16_t catalog_fault;

static struct err key_update(void *self, const struct kms_key *changed,
			     const struct kms_outbox_record *outbox)
{
	if (rivals > 0) {
		rivals--;
		edit(rival);
	}
	return rows().ops->key_update(self, changed, outbox);
}

static void adjust(struct kms_store_ops *ops)
{
	ops->key_update = key_update;
}

static struct err tags_put(void *self, const struct kms_tag_change *change,
			   const struct kms_outbox_record *outbox)
{
	if (catalog_fault != E_OK)
		return ERR(catalog_fault);
	return store_sqlite_catalog(world.first.store).ops->tags_put(self, change, outbox);
}

static void adjust_catalog(struct kms_catalog_ops *ops)
{
	ops->tags_put = tags_put;
}

static int fresh_key(UNUSED void **state)
{
	rivals = 0;
	catalog_fault = E_OK;
	world_create_key(&world, "{\"Description\":\"as made\"}", key);
	return 0;
}

/* A call about the key that takes nothing else. */
static uint16_t call(const char *operation)
{
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, operation, "{\"KeyId\":\"%s\"}", key);
	return r.status;
}

static void assert_metadata(const char *member, const char *wanted)
{
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, "DescribeKey", "{\"KeyId\":\"%s\"}", key);
	assert_string_equal(reply_metadata(&r, member), wanted);
}

static void describe_as(const char *text, struct reply *r)
{
	world_call(&world, r, "UpdateKeyDescription", "{\"KeyId\":\"%s\",\"Description\":\"%s\"}",
		   key, text);
}

static void test_a_rivals_change_is_kept(UNUSED void **state)
{
	rival = rename_it;
	rivals = 3;
	assert_int_equal(call("ScheduleKeyDeletion"), 200);
	assert_int_equal(rivals, 0);
	assert_metadata("KeyState", "PendingDeletion");
	assert_metadata("Description", "a rival's");
}

static void test_the_state_is_looked_at_again_after_a_rival(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	char text[256];
	rival = schedule;
	rivals = 1;
	describe_as("mine", &r);
	assert_ok(text_format(text, sizeof text, "%s is pending deletion.", world_arn(key)));
	assert_refused(&r, "KMSInvalidStateException", text);
	assert_metadata("Description", "as made");
}

static void test_a_rival_that_was_there_first_leaves_nothing_to_do(UNUSED void **state)
{
	rival = disable;
	rivals = 1;
	assert_int_equal(call("DisableKey"), 200);
	assert_metadata("KeyState", "Disabled");
}

static void test_rivals_without_end_are_told(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	rival = rename_it;
	rivals = 1000;
	describe_as("mine", &r);
	assert_true(rivals > 900);
	rivals = 0;
	assert_refused(&r, "ThrottlingException", "Rate exceeded");
	assert_metadata("Description", "a rival's");
}

static void test_a_change_that_changes_nothing_is_not_stored(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	rival = rename_it; /* would run with the next store */
	rivals = 1;
	describe_as("as made", &r);
	assert_status(&r, 200);
	assert_int_equal(rivals, 1);
}

static void test_a_key_without_material_waits_for_import_before_and_after(UNUSED void **state)
{
	edit(empty);
	assert_metadata("KeyState", "PendingImport");
	assert_int_equal(call("ScheduleKeyDeletion"), 200);
	assert_metadata("KeyState", "PendingDeletion");
	assert_int_equal(call("CancelKeyDeletion"), 200);
	assert_metadata("KeyState", "PendingImport");
}

/* KMS Developer Guide, "Key states": the column Pending import. */
static void test_what_a_key_without_material_can_do(UNUSED void **state)
{
	static const struct {
		const char *operation, *more;
		bool works;
	} table[] = {
		{"Encrypt", ",\"Plaintext\":\"aGk=\"", false},
		{"GenerateDataKey", ",\"KeySpec\":\"AES_256\"", false},
		{"GenerateDataKeyWithoutPlaintext", ",\"KeySpec\":\"AES_256\"", false},
		{"EnableKey", "", false},
		{"DisableKey", "", false},
		{"CancelKeyDeletion", "", false},
		{"DescribeKey", "", true},
		{"GetKeyPolicy", "", true},
		{"PutKeyPolicy",
		 ",\"Policy\":\"{\\\"Statement\\\":{\\\"Effect\\\":\\\"Allow\\\",\\\"Principal\\\":"
		 "\\\"*\\\",\\\"Action\\\":\\\"kms:*\\\",\\\"Resource\\\":\\\"*\\\"}}\"",
		 true},
		{"ListKeyPolicies", "", true},
		{"ListResourceTags", "", true},
		{"TagResource", ",\"Tags\":[{\"TagKey\":\"a\",\"TagValue\":\"b\"}]", true},
		{"UntagResource", ",\"TagKeys\":[\"a\"]", true},
		{"UpdateKeyDescription", ",\"Description\":\"d\"", true},
		{"ScheduleKeyDeletion", "", true},
	};
	edit(empty);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		CLEANUP(reply_cleanup) struct reply r;
		world_call(&world, &r, table[i].operation, "{\"KeyId\":\"%s\"%s}", key,
			   table[i].more);
		assert_status(&r, table[i].works ? 200 : 400);
		if (table[i].works)
			continue;
		char text[256];
		bool cancel = strcmp(table[i].operation, "CancelKeyDeletion") == 0;
		assert_ok(text_format(text, sizeof text, "%s is %s.", world_arn(key),
				      cancel ? "not pending deletion" : "pending import"));
		assert_refused(&r, "KMSInvalidStateException", text);
	}
}

static void tag(struct reply *r)
{
	world_call(&world, r, "TagResource",
		   "{\"KeyId\":\"%s\",\"Tags\":[{\"TagKey\":\"a\",\"TagValue\":\"b\"}]}", key);
}

static void test_faults_of_the_catalog_as_clients_see_them(UNUSED void **state)
{
	char missing[256];
	assert_ok(text_format(missing, sizeof missing, "Key '%s' does not exist", world_arn(key)));
	const struct {
		enum err_code code;
		uint16_t status;
		const char *type, *text;
	} table[] = {
		{E_STORE_FULL, 500, "DependencyTimeoutException", NULL},
		{E_STORE_BUSY, 400, "ThrottlingException", "Rate exceeded"},
		{E_STORE_SEAL, 500, "KMSInternalException", NULL},
		{E_NOT_FOUND, 400, "NotFoundException", missing},
		{E_KMS_LIMIT, 400, "LimitExceededException", "Too many tags"},
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		CLEANUP(reply_cleanup) struct reply r;
		catalog_fault = (uint16_t)table[i].code;
		tag(&r);
		assert_int_equal(r.status, table[i].status);
		assert_string_equal(reply_type(&r), table[i].type);
		if (table[i].text != NULL)
			assert_string_equal(reply_message(&r), table[i].text);
	}
	CLEANUP(reply_cleanup) struct reply listed;
	world_call(&world, &listed, "ListResourceTags", "{\"KeyId\":\"%s\"}", key);
	assert_string_equal(listed.body, "{\"Tags\":[],\"Truncated\":false}");
}

/* The record of what was refused says so: it is not the one that the change would have stored. */
static void test_a_refused_change_is_recorded_as_refused(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	catalog_fault = E_STORE_FULL;
	tag(&r);
	CLEANUP(mem_free_at) char *log = world_audit(&world.first);
	const char *record = NULL;
	for (const char *at = log; (at = strstr(at, "\"TagResource\"")) != NULL; at++)
		record = at;
	assert_non_null(record);
	assert_non_null(strstr(record, "\"errorCode\":\"DependencyTimeoutException\""));
	assert_null(strstr(record, "\"responseElements\":{"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_rivals_change_is_kept, fresh_key),
		cmocka_unit_test_setup(test_the_state_is_looked_at_again_after_a_rival, fresh_key),
		cmocka_unit_test_setup(test_a_rival_that_was_there_first_leaves_nothing_to_do,
				       fresh_key),
		cmocka_unit_test_setup(test_rivals_without_end_are_told, fresh_key),
		cmocka_unit_test_setup(test_a_change_that_changes_nothing_is_not_stored, fresh_key),
		cmocka_unit_test_setup(
			test_a_key_without_material_waits_for_import_before_and_after, fresh_key),
		cmocka_unit_test_setup(test_what_a_key_without_material_can_do, fresh_key),
		cmocka_unit_test_setup(test_faults_of_the_catalog_as_clients_see_them, fresh_key),
		cmocka_unit_test_setup(test_a_refused_change_is_recorded_as_refused, fresh_key),
	};
	return cmocka_run_group_tests(tests, the_world_set_up, the_world_tear_down);
}
