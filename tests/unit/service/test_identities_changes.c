/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of identities where no client can reach: somebody else changes the same one, the store
 * commits and says that it failed, two changes that exclude each other come at once; and the record
 * of each in the change's own transaction.
 */
#include "identities.h"
#include "the_world.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/operation.h"

static void adjust(struct auth_identities *identities);

struct world world = {.adjust_identities = adjust};
static struct auth_identities rows; /* of the store */

/* --- the port in between --- */

static unsigned rivals; /* how often a rival changes the identity first; it describes it */
static bool rival_removes;
static uint16_t fault; /* a change is committed, and answers this */
static unsigned writes;
static char event_id[64], line[KMS_RECORD_MAX]; /* the record of the last change */
static bool in_outbox;                          /* it was there right after the commit */

static void act_as_rival(const struct auth_identity *wanted)
{
	if (rivals == 0)
		return;
	rivals--;
	CLEANUP(auth_identity_cleanup) struct auth_identity row = {0};
	assert_ok(rows.load(rows.self, wanted->kind, view_of_text(wanted->account),
			    view_of_text(wanted->name), &row));
	if (rival_removes) {
		assert_ok(rows.remove(rows.self, &row, NULL));
		return;
	}
	CLEANUP(auth_details_cleanup) struct auth_details details = {0};
	assert_ok(auth_details_parse(view_of_text(row.document), &details));
	mem_free(TAKE(details.description));
	assert_ok(text_new(VIEW_LITERAL("a rival's"), &details.description));
	mem_free(TAKE(row.document));
	assert_ok(auth_details_write(&details, &row.document));
	row.revision++;
	assert_ok(rows.update(rows.self, &row, NULL));
}

static bool outbox_has(const char *id)
{
	const struct kms_store keys = store_sqlite_keys(world.first.store);
	struct kms_outbox_record *records = NULL;
	size_t count = 0;
	bool found = false;
	assert_ok(keys.ops->outbox_list(keys.self, &records, &count));
	for (size_t i = 0; i < count; i++) {
		found |= text_equal(records[i].event_id, id);
		mem_free((void *)(uintptr_t)records[i].line.ptr);
	}
	mem_free(records);
	return found;
}

static struct err note(const struct auth_change_record *record, struct err result)
{
	writes++;
	TRY(result);
	assert_ok(text_copy(event_id, sizeof event_id, view_of_text(record->event_id)));
	assert_ok(text_copy(line, sizeof line, record->line));
	in_outbox = outbox_has(event_id);
	return fault != 0 ? ERR(fault) : OK;
}

static struct err create(void *self, const struct auth_identity *identity,
			 const struct auth_change_record *record)
{
	return note(record, rows.create(self, identity, record));
}

static struct err update(void *self, const struct auth_identity *identity,
			 const struct auth_change_record *record)
{
	act_as_rival(identity);
	return note(record, rows.update(self, identity, record));
}

static struct err remove_row(void *self, const struct auth_identity *seen,
			     const struct auth_change_record *record)
{
	act_as_rival(seen);
	return note(record, rows.remove(self, seen, record));
}

static struct err key_add(void *self, const struct auth_access_key *key,
			  const struct auth_change_record *record)
{
	return note(record, rows.access_key_add(self, key, record));
}

static struct err key_update(void *self, const struct auth_access_key *key,
			     const struct auth_change_record *record)
{
	return note(record, rows.access_key_update(self, key, record));
}

static struct err key_remove(void *self, struct view id, const struct auth_change_record *record)
{
	return note(record, rows.access_key_remove(self, id, record));
}

static void adjust(struct auth_identities *identities)
{
	rows = *identities;
	identities->create = create;
	identities->update = update;
	identities->remove = remove_row;
	identities->access_key_add = key_add;
	identities->access_key_update = key_update;
	identities->access_key_remove = key_remove;
}

static int fresh(UNUSED void **state)
{
	rivals = writes = 0;
	rival_removes = false;
	fault = 0;
	return 0;
}

/* --- rivals --- */

static void a_change_is_made_on_what_a_rival_left(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	must(&world, "CreateIdentity", "{'Kind':'user','Name':'shared'}");
	writes = 0;
	rivals = 2;
	must(&world, "TagIdentity",
	     "{'Kind':'user','Name':'shared','Tags':[{'Key':'a','Value':'1'}]}");
	assert_int_equal(writes, 3);
	const struct json *user = get_identity(&world, &r, "user", "shared");
	assert_text(user, "Description", "a rival's");
	assert_int_equal(json_count(json_member(user, "Tags")), 1);
}

static void a_change_is_given_up_when_rivals_do_not_end(UNUSED void **state)
{
	must(&world, "CreateIdentity", "{'Kind':'user','Name':'beset'}");
	writes = 0;
	rivals = 100;
	must_not(&world, REFUSED("ThrottlingException", "Rate exceeded"), "TagIdentity",
		 "{'Kind':'user','Name':'beset','Tags':[{'Key':'a','Value':'1'}]}");
	assert_int_equal(writes, 4);
}

static void a_rival_may_have_removed_it(UNUSED void **state)
{
	must(&world, "CreateIdentity", "{'Kind':'group','Name':'gone'}");
	rivals = 1;
	rival_removes = true;
	must_not(&world, REFUSED("NoSuchEntity", "The group with name gone cannot be found."),
		 "UpdateIdentity", "{'Kind':'group','Name':'gone','Description':'x'}");
}

/* It is deleted as it is, not as it was. */
static void what_a_rival_changed_is_looked_at_again(UNUSED void **state)
{
	must(&world, "CreateIdentity", "{'Kind':'group','Name':'moved'}");
	writes = 0;
	rivals = 1;
	must(&world, "DeleteIdentity", "{'Kind':'group','Name':'moved'}");
	assert_int_equal(writes, 2);
}

static void nothing_is_stored_when_all_is_as_wanted(UNUSED void **state)
{
	must(&world, "CreateIdentity", "{'Kind':'user','Name':'content'}");
	must(&world, "AttachIdentityPolicy",
	     "{'Kind':'user','Name':'content','PolicyArn':'" ADMINISTRATOR_ACCESS "'}");
	writes = 0;
	must(&world, "AttachIdentityPolicy",
	     "{'Kind':'user','Name':'content','PolicyArn':'" ADMINISTRATOR_ACCESS "'}");
	must(&world, "UntagIdentity", "{'Kind':'user','Name':'content','TagKeys':['none']}");
	must(&world, "UpdateIdentity", "{'Kind':'user','Name':'content'}");
	assert_int_equal(writes, 0);
}

/* --- faults --- */

/* The store took the right away and answered with an error: memory must not give it back. */
static void a_right_that_may_be_gone_is_gone(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply made;
	CLEANUP(reply_cleanup) struct reply before;
	CLEANUP(reply_cleanup) struct reply failed;
	CLEANUP(reply_cleanup) struct reply after;
	CLEANUP(secret_free) struct secret *secret = NULL;
	must(&world, "CreateIdentity", "{'Kind':'user','Name':'fired'}");
	must(&world, "AttachIdentityPolicy",
	     "{'Kind':'user','Name':'fired','PolicyArn':'" ADMINISTRATOR_ACCESS "'}");
	ask(&world, &made, "CreateAccessKey", "{'Kind':'user','Name':'fired'}");
	const struct json *key = json_member(made.json, "AccessKey");
	struct world theirs = world;
	assert_ok(text_copy(theirs.access_key_id, sizeof theirs.access_key_id,
			    json_string_of(json_member(key, "AccessKeyId"))));
	assert_ok(secret_new_from(json_string_of(json_member(key, "SecretAccessKey")), &secret));
	theirs.secret_key = secret;
	world_call(&theirs, &before, "ListKeys", "{}");
	assert_status(&before, 200);
	fault = E_STORE;
	ask(&world, &failed, "DetachIdentityPolicy",
	    "{'Kind':'user','Name':'fired','PolicyArn':'" ADMINISTRATOR_ACCESS "'}");
	assert_status(&failed, 500);
	world_call(&theirs, &after, "ListKeys", "{}");
	assert_string_equal(reply_type(&after), "AccessDeniedException");
}

static void a_secret_that_is_not_stored_is_not_told(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	must(&world, "CreateIdentity", "{'Kind':'user','Name':'unlucky'}");
	fault = E_STORE_FULL;
	ask(&world, &r, "CreateAccessKey", "{'Kind':'user','Name':'unlucky'}");
	assert_status(&r, 500);
	assert_null(strstr(r.body, "SecretAccessKey"));
	assert_false(r.secret);
}

/* --- records --- */

static size_t occurrences(const char *text, const char *part)
{
	size_t count = 0;
	for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
		count++;
	return count;
}

static const char *const changes[][2] = {
	{"CreateIdentity", "{'Kind':'user','Name':'told'}"},
	{"UpdateIdentity", "{'Kind':'user','Name':'told','Description':'x'}"},
	{"PutIdentityPolicy",
	 "{'Kind':'user','Name':'told','PolicyName':'p','Document':'" READS "'}"},
	{"DeleteIdentityPolicy", "{'Kind':'user','Name':'told','PolicyName':'p'}"},
	{"AttachIdentityPolicy",
	 "{'Kind':'user','Name':'told','PolicyArn':'" ADMINISTRATOR_ACCESS "'}"},
	{"DetachIdentityPolicy",
	 "{'Kind':'user','Name':'told','PolicyArn':'" ADMINISTRATOR_ACCESS "'}"},
	{"PutPermissionsBoundary",
	 "{'Kind':'user','Name':'told','PolicyArn':'" ADMINISTRATOR_ACCESS "'}"},
	{"DeletePermissionsBoundary", "{'Kind':'user','Name':'told'}"},
	{"TagIdentity", "{'Kind':'user','Name':'told','Tags':[{'Key':'a','Value':''}]}"},
	{"UntagIdentity", "{'Kind':'user','Name':'told','TagKeys':['a']}"},
	{"AddUserToGroup", "{'Name':'told','Group':'heard'}"},
	{"RemoveUserFromGroup", "{'Name':'told','Group':'heard'}"},
	{"DeleteIdentity", "{'Kind':'user','Name':'told'}"},
};

/* Each change, once, under the id that its own transaction has. */
static void every_change_has_its_record_in_its_transaction(UNUSED void **state)
{
	must(&world, "CreateIdentity", "{'Kind':'group','Name':'heard'}");
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		char name[64];
		in_outbox = false;
		must(&world, changes[i][0], "%s", changes[i][1]);
		assert_true(in_outbox);
		assert_ok(text_format(name, sizeof name, "\"eventName\":\"%s\"", changes[i][0]));
		assert_non_null(strstr(line, name));
		assert_non_null(strstr(line, "\"eventSource\":\"holdfast.admin\""));
		assert_non_null(strstr(line, "\"readOnly\":false"));
		assert_non_null(
			strstr(line, "\"ARN\":\"arn:aws:iam::" WORLD_ACCOUNT ":user/told\""));
		CLEANUP(mem_free_at) char *log = world_audit(&world.first);
		assert_int_equal(occurrences(log, event_id), 1);
	}
}

static bool is_among(const char *name, const char *const *names, size_t count, size_t step)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal(name, names[i * step]))
			return true;
	return false;
}

/* A change that is built later needs a row above, or a test of its own. */
static void no_change_of_the_table_is_left_out(UNUSED void **state)
{
	static const char *const elsewhere[] = {
		"CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey", /* below */
		"CreateSession",   "DeleteSession",                      /* conformance/sts.py */
		"ResetKeyPolicy", /* conformance/policies.py */
		"AcceptClock",    /* scenarios/clock.py */
		"BackupStore",    /* faults/recovery.py */
	};
	for (size_t i = 0; operation_at(i) != NULL; i++) {
		const struct operation *row = operation_at(i);
		if (row->door != CALL_DOOR_ADMIN || row->read_only)
			continue;
		if (!is_among(row->name, &changes[0][0], ARRAY_LEN(changes), 2) &&
		    !is_among(row->name, elsewhere, ARRAY_LEN(elsewhere), 1))
			fail_msg("no test asks for the record of %s", row->name);
	}
}

static void access_keys_have_theirs_without_secrets(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	must(&world, "CreateIdentity", "{'Kind':'user','Name':'holder'}");
	ask(&world, &r, "CreateAccessKey", "{'Kind':'user','Name':'holder'}");
	const struct json *key = json_member(r.json, "AccessKey");
	char response[128];
	assert_ok(text_format(response, sizeof response,
			      "\"responseElements\":{\"accessKey\":{\"accessKeyId\":\"%s\"}}",
			      text_in(key, "AccessKeyId")));
	assert_true(in_outbox);
	assert_non_null(strstr(line, response));
	assert_null(strstr(line, text_in(key, "SecretAccessKey")));
	in_outbox = false;
	must(&world, "UpdateAccessKey", "{'AccessKeyId':'%s','Status':'Inactive'}",
	     text_in(key, "AccessKeyId"));
	assert_true(in_outbox);
	assert_non_null(strstr(line, "\"status\":\"Inactive\""));
	in_outbox = false;
	must(&world, "DeleteAccessKey", "{'AccessKeyId':'%s'}", text_in(key, "AccessKeyId"));
	assert_true(in_outbox);
	assert_non_null(strstr(line, text_in(key, "AccessKeyId")));
	/* and whose it was */
	assert_non_null(strstr(line, "\"ARN\":\"arn:aws:iam::" WORLD_ACCOUNT ":user/holder\""));
}

static void documents_and_refusals_are_recorded(UNUSED void **state)
{
	must(&world, "CreateIdentity", "{'Kind':'policy','Name':'Kept','Document':'" READS "'}");
	assert_non_null(strstr(line, "\"document\":\"{\\\"Statement\\\""));
	must(&world, "CreateIdentity",
	     "{'Kind':'user','Name':'kept','PermissionsBoundary':'" POLICY_ARN("Kept") "'}");
	must_not(&world, REFUSED("DeleteConflict", "Cannot delete a policy attached to entities."),
		 "DeleteIdentity", "{'Kind':'policy','Name':'Kept'}");
	CLEANUP(mem_free_at) char *log = world_audit(&world.first);
	const char *refusal = strstr(log, "\"errorCode\":\"DeleteConflict\"");
	assert_non_null(refusal);
	assert_non_null(strstr(refusal, "\"kind\":\"policy\""));
}

/* What does not fit into one record is left out of it, and said. */
static void large_documents_do_not_stop_the_record(UNUSED void **state)
{
	static char lines[2 * 70000 + 1];
	for (size_t i = 0; i + 1 < sizeof lines; i += 2)
		mem_copy(lines + i, 2, "\\n", 2);
	must(&world, "CreateIdentity",
	     "{'Kind':'policy','Name':'Wide','Document':'%30000s" READS "'}", "");
	assert_non_null(strstr(line, "\"name\":\"Wide\""));
	must_not(&world,
		 REFUSED("LimitExceeded",
			 "Document must not exceed 32768 bytes, white space included."),
		 "CreateIdentity", "{'Kind':'policy','Name':'Wider','Document':'%s" READS "'}",
		 lines);
	CLEANUP(mem_free_at) char *log = world_audit(&world.first);
	assert_non_null(strstr(log, "\"requestParameters\":{\"omitted\":"));
}

/* --- at once --- */

#define ROUNDS 15

static void *attach(UNUSED void *arg)
{
	CLEANUP(reply_cleanup) struct reply r;
	ask(&world, &r, "AttachIdentityPolicy",
	    "{'Kind':'group','Name':'race','PolicyArn':'" POLICY_ARN("Race") "'}");
	return NULL;
}

static void *drop(UNUSED void *arg)
{
	CLEANUP(reply_cleanup) struct reply r;
	ask(&world, &r, "DeleteIdentity", "{'Kind':'policy','Name':'Race'}");
	return NULL;
}

static bool is_there(const char *kind, const char *name)
{
	CLEANUP(reply_cleanup) struct reply r;
	ask(&world, &r, "GetIdentity", "{'Kind':'%s','Name':'%s'}", kind, name);
	return r.status == 200;
}

/* A policy is attached or deleted, never both. */
static void no_policy_is_attached_that_is_not_there(UNUSED void **state)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		CLEANUP(reply_cleanup) struct reply r;
		pthread_t threads[2];
		must(&world, "CreateIdentity", "{'Kind':'group','Name':'race'}");
		must(&world, "CreateIdentity",
		     "{'Kind':'policy','Name':'Race','Document':'" READS "'}");
		assert_int_equal(pthread_create(&threads[0], NULL, i % 2 ? attach : drop, NULL), 0);
		assert_int_equal(pthread_create(&threads[1], NULL, i % 2 ? drop : attach, NULL), 0);
		(void)pthread_join(threads[0], NULL);
		(void)pthread_join(threads[1], NULL);
		bool attached = json_member(get_identity(&world, &r, "group", "race"),
					    "AttachedPolicies") != NULL;
		assert_int_equal(attached, is_there("policy", "Race"));
		if (attached) {
			must(&world, "DetachIdentityPolicy",
			     "{'Kind':'group','Name':'race','PolicyArn':'" POLICY_ARN("Race") "'}");
			must(&world, "DeleteIdentity", "{'Kind':'policy','Name':'Race'}");
		}
		must(&world, "DeleteIdentity", "{'Kind':'group','Name':'race'}");
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh)
	const struct CMUnitTest tests[] = {
		TEST(a_change_is_made_on_what_a_rival_left),
		TEST(a_change_is_given_up_when_rivals_do_not_end),
		TEST(a_rival_may_have_removed_it),
		TEST(what_a_rival_changed_is_looked_at_again),
		TEST(nothing_is_stored_when_all_is_as_wanted),
		TEST(a_right_that_may_be_gone_is_gone),
		TEST(a_secret_that_is_not_stored_is_not_told),
		TEST(every_change_has_its_record_in_its_transaction),
		TEST(no_change_of_the_table_is_left_out),
		TEST(access_keys_have_theirs_without_secrets),
		TEST(documents_and_refusals_are_recorded),
		TEST(large_documents_do_not_stop_the_record),
		TEST(no_policy_is_attached_that_is_not_there),
	};
	return cmocka_run_group_tests(tests, the_world_set_up, the_world_tear_down);
}
