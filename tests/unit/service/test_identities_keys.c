/* SPDX-License-Identifier: Apache-2.0 */
/* Access keys: made, told once, used, switched off, deleted; and where their secrets are not. */
#include "identities.h"
#include "the_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

struct world world;

/* The world as one who has this access key sees it; bearer_cleanup(). */
struct bearer {
	struct world world;
	struct secret *secret;
};

static void bearer_cleanup(struct bearer *bearer)
{
	secret_free(&bearer->secret);
}

static void take_key(const struct reply *made, struct bearer *out)
{
	const struct json *key = json_member(made->json, "AccessKey");
	assert_status(made, 200);
	out->world = world;
	assert_ok(text_copy(out->world.access_key_id, sizeof out->world.access_key_id,
			    json_string_of(json_member(key, "AccessKeyId"))));
	assert_ok(
		secret_new_from(json_string_of(json_member(key, "SecretAccessKey")), &out->secret));
	out->world.secret_key = out->secret;
}

static void make_user(const char *name, struct bearer *out)
{
	CLEANUP(reply_cleanup) struct reply r;
	must(&world, "CreateIdentity", "{'Kind':'user','Name':'%s'}", name);
	ask(&world, &r, "CreateAccessKey", "{'Kind':'user','Name':'%s'}", name);
	take_key(&r, out);
}

/* What ListKeys answers them: "" when it is done. */
static const char *answer(struct bearer *bearer)
{
	static char type[64];
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&bearer->world, &r, "ListKeys", "{}");
	assert_ok(text_copy(type, sizeof type, view_of_text(reply_type(&r))));
	return type;
}

#define UNKNOWN "UnrecognizedClientException"
#define DENIED "AccessDeniedException"

/* --- use --- */

static void a_new_key_is_told_whole(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	must(&world, "CreateIdentity", "{'Kind':'user','Name':'whole'}");
	ask(&world, &r, "CreateAccessKey", "{'Kind':'user','Name':'whole'}");
	assert_status(&r, 200);
	assert_true(r.secret); /* it came in locked memory */
	const struct json *key = json_member(r.json, "AccessKey");
	const char *id = text_in(key, "AccessKeyId");
	assert_int_equal(strlen(id), AUTH_ACCESS_KEY_ID_LEN);
	assert_int_equal(strncmp(id, "AKIA", 4), 0);
	assert_int_equal(strlen(text_in(key, "SecretAccessKey")), AUTH_SECRET_KEY_LEN);
	assert_text(key, "Status", "Active");
	assert_int_not_equal(json_type_of(json_member(key, "CreateDate")), JSON_TYPE_NULL);
}

static void a_key_is_good_until_it_is_switched_off_or_deleted(UNUSED void **state)
{
	CLEANUP(bearer_cleanup) struct bearer user = {0};
	make_user("switched", &user);
	const char *id = user.world.access_key_id;
	assert_string_equal(answer(&user), DENIED); /* known, and without any right */
	must(&world, "UpdateAccessKey", "{'AccessKeyId':'%s','Status':'Inactive'}", id);
	assert_string_equal(answer(&user), UNKNOWN);
	must(&world, "UpdateAccessKey", "{'AccessKeyId':'%s','Status':'Active'}", id);
	assert_string_equal(answer(&user), DENIED);
	must(&world, "DeleteAccessKey", "{'AccessKeyId':'%s'}", id);
	assert_string_equal(answer(&user), UNKNOWN);
}

/* The issue: "Revocation takes effect for the next request." */
static void rights_come_and_go_with_the_next_request(UNUSED void **state)
{
	static const struct {
		const char *give, *take, *more, *put;
	} ways[] = {
		{"AttachIdentityPolicy", "DetachIdentityPolicy",
		 ",'PolicyArn':'" ADMINISTRATOR_ACCESS "'", ""},
		{"PutIdentityPolicy", "DeleteIdentityPolicy", ",'PolicyName':'p'",
		 ",'Document':'" READS "'"},
	};
	CLEANUP(bearer_cleanup) struct bearer user = {0};
	make_user("changing", &user);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		assert_string_equal(answer(&user), DENIED);
		must(&world, ways[i].give, "{'Kind':'user','Name':'changing'%s%s}", ways[i].more,
		     ways[i].put);
		assert_string_equal(answer(&user), "");
		must(&world, ways[i].take, "{'Kind':'user','Name':'changing'%s}", ways[i].more);
	}
	assert_string_equal(answer(&user), DENIED);
}

static void rights_of_a_group_and_a_policy_change_with_them(UNUSED void **state)
{
	CLEANUP(bearer_cleanup) struct bearer user = {0};
	make_user("follower", &user);
	must(&world, "CreateIdentity", "{'Kind':'group','Name':'leaders'}");
	must(&world, "CreateIdentity", "{'Kind':'policy','Name':'Lead','Document':'" READS "'}");
	must(&world, "AttachIdentityPolicy",
	     "{'Kind':'group','Name':'leaders','PolicyArn':'" POLICY_ARN("Lead") "'}");
	assert_string_equal(answer(&user), DENIED);
	must(&world, "AddUserToGroup", "{'Name':'follower','Group':'leaders'}");
	assert_string_equal(answer(&user), "");
	must(&world, "UpdateIdentity",
	     "{'Kind':'policy','Name':'Lead','Document':'{`Statement`:{`Effect`:`Deny`,`Action`:"
	     "`*`,`Resource`:`*`}}'}");
	assert_string_equal(answer(&user), DENIED);
	must(&world, "UpdateIdentity", "{'Kind':'policy','Name':'Lead','Document':'" READS "'}");
	assert_string_equal(answer(&user), "");
	must(&world, "RemoveUserFromGroup", "{'Name':'follower','Group':'leaders'}");
	assert_string_equal(answer(&user), DENIED);
}

static void a_boundary_binds_the_next_request(UNUSED void **state)
{
	CLEANUP(bearer_cleanup) struct bearer user = {0};
	make_user("fenced", &user);
	must(&world, "CreateIdentity",
	     "{'Kind':'policy','Name':'Fence','Document':'{`Statement`:{`Effect`:`Allow`,`Action`:"
	     "`kms:CreateKey`,`Resource`:`*`}}'}");
	must(&world, "AttachIdentityPolicy",
	     "{'Kind':'user','Name':'fenced','PolicyArn':'" ADMINISTRATOR_ACCESS "'}");
	assert_string_equal(answer(&user), "");
	must(&world, "PutPermissionsBoundary",
	     "{'Kind':'user','Name':'fenced','PolicyArn':'" POLICY_ARN("Fence") "'}");
	assert_string_equal(answer(&user), DENIED);
	must(&world, "DeletePermissionsBoundary", "{'Kind':'user','Name':'fenced'}");
	assert_string_equal(answer(&user), "");
}

static void accounts_and_services_have_keys(UNUSED void **state)
{
	static const struct {
		const char *kind, *name, *answer;
	} rows[] = {
		{"account", "222233334444", ""}, /* root may do everything in its account */
		{"service", "keys.amazonaws.com", DENIED},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(bearer_cleanup) struct bearer bearer = {0};
		CLEANUP(reply_cleanup) struct reply r;
		must(&world, "CreateIdentity", "{'Kind':'%s','Name':'%s'}", rows[i].kind,
		     rows[i].name);
		ask(&world, &r, "CreateAccessKey", "{'Kind':'%s','Name':'%s'}", rows[i].kind,
		    rows[i].name);
		take_key(&r, &bearer);
		assert_string_equal(answer(&bearer), rows[i].answer);
	}
}

/* --- lists --- */

static void keys_are_listed_with_their_use(UNUSED void **state)
{
	CLEANUP(bearer_cleanup) struct bearer user = {0};
	CLEANUP(reply_cleanup) struct reply before;
	CLEANUP(reply_cleanup) struct reply after;
	make_user("listed", &user);
	ask(&world, &before, "ListAccessKeys", "{'Kind':'user','Name':'listed'}");
	const struct json *key = json_element(json_member(before.json, "AccessKeys"), 0);
	assert_text(key, "AccessKeyId", user.world.access_key_id);
	assert_text(key, "Status", "Active");
	assert_null(json_member(key, "LastUsedDate"));
	must(&world, "AttachIdentityPolicy",
	     "{'Kind':'user','Name':'listed','PolicyArn':'" ADMINISTRATOR_ACCESS "'}");
	assert_string_equal(answer(&user), "");
	world_stop(&world.first); /* which saves what is known of uses */
	world_start(&world, &world.first, "audit");
	ask(&world, &after, "GetIdentity", "{'Kind':'user','Name':'listed'}");
	key = json_element(json_member(json_member(after.json, "Identity"), "AccessKeys"), 0);
	assert_text(key, "LastUsedService", "kms");
	assert_int_not_equal(json_type_of(json_member(key, "LastUsedDate")), JSON_TYPE_NULL);
}

static void two_keys_are_the_most(UNUSED void **state)
{
	CLEANUP(bearer_cleanup) struct bearer user = {0};
	CLEANUP(reply_cleanup) struct reply r;
	make_user("two", &user);
	must(&world, "CreateAccessKey", "{'Kind':'user','Name':'two'}");
	must_not(&world, REFUSED("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2"),
		 "CreateAccessKey", "{'Kind':'user','Name':'two'}");
	ask(&world, &r, "ListAccessKeys", "{'Kind':'user','Name':'two'}");
	assert_int_equal(json_count(json_member(r.json, "AccessKeys")), 2);
	must(&world, "DeleteAccessKey", "{'AccessKeyId':'%s'}", user.world.access_key_id);
	must(&world, "CreateAccessKey", "{'Kind':'user','Name':'two'}");
}

static void unknown_keys_and_owners_are_refused(UNUSED void **state)
{
	static const struct refusal gone = {
		"NoSuchEntity", "The Access Key with id AKIAAAAAAAAAAAAAAAAA cannot be found."};
	must_not(&world, &gone, "DeleteAccessKey", "{'AccessKeyId':'AKIAAAAAAAAAAAAAAAAA'}");
	must_not(&world, &gone, "UpdateAccessKey",
		 "{'AccessKeyId':'AKIAAAAAAAAAAAAAAAAA','Status':'Active'}");
	must_not(&world, REFUSED("NoSuchEntity", "The user with name none cannot be found."),
		 "CreateAccessKey", "{'Kind':'user','Name':'none'}");
	must_not(&world, REFUSED("NoSuchEntity", "The user with name none cannot be found."),
		 "ListAccessKeys", "{'Kind':'user','Name':'none'}");
	CLEANUP(reply_cleanup) struct reply r;
	ask(&world, &r, "UpdateAccessKey", "{'AccessKeyId':'AKIAAAAAAAAAAAAAAAAA','Status':'Off'}");
	assert_string_equal(reply_type(&r), "ValidationException");
}

/* --- secrets --- */

static bool file_holds(const char *path, struct view wanted)
{
	CLEANUP(buf_cleanup) struct buf all;
	char chunk[4096];
	buf_init(&all, 64 << 20);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
		assert_ok(buf_append(&all, view_of(chunk, n)));
	(void)fclose(f);
	return memmem(all.ptr, all.len, wanted.ptr, wanted.len) != NULL;
}

/* Neither in the store, nor in the audit log, nor in the operator's log at its most talkative. */
static void the_secret_is_nowhere_else(UNUSED void **state)
{
	static const char *const files[] = {"holdfast.db", "holdfast.db-wal", "log"};
	char path[96];
	world_path(&world, "log", path);
	FILE *log = fopen(path, "w");
	assert_non_null(log);
	log_configure(LOG_FORM_TEXT, LOG_DEBUG, fileno(log));
	CLEANUP(bearer_cleanup) struct bearer user = {0};
	make_user("secretive", &user);
	assert_string_equal(answer(&user), DENIED);
	log_configure(LOG_FORM_TEXT, LOG_ERROR, 2);
	(void)fclose(log);
	CLEANUP(mem_free_at) char *audit = world_audit(&world.first);
	struct view secret = secret_view(user.secret);
	assert_null(memmem(audit, strlen(audit), secret.ptr, secret.len));
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		world_path(&world, files[i], path);
		assert_false(file_holds(path, secret));
	}
	/* The search would find what is there. */
	world_path(&world, "log", path);
	assert_true(file_holds(path, VIEW_LITERAL("CreateAccessKey")));
	assert_non_null(strstr(audit, "\"responseElements\":{\"accessKey\":{\"accessKeyId\":\""));
	assert_non_null(strstr(audit, user.world.access_key_id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_key_is_told_whole),
		cmocka_unit_test(a_key_is_good_until_it_is_switched_off_or_deleted),
		cmocka_unit_test(rights_come_and_go_with_the_next_request),
		cmocka_unit_test(rights_of_a_group_and_a_policy_change_with_them),
		cmocka_unit_test(a_boundary_binds_the_next_request),
		cmocka_unit_test(accounts_and_services_have_keys),
		cmocka_unit_test(keys_are_listed_with_their_use),
		cmocka_unit_test(two_keys_are_the_most),
		cmocka_unit_test(unknown_keys_and_owners_are_refused),
		cmocka_unit_test(the_secret_is_nowhere_else),
	};
	return cmocka_run_group_tests(tests, the_world_set_up, the_world_tear_down);
}
