/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting identities, and what is in the way. */
#include "identities.h"
#include "the_world.h"

#include <string.h>

#include "base/text.h"

struct world world;

static int set_up(UNUSED void **state)
{
	world_make(&world);
	world_start(&world, &world.first, "audit");
	must(&world, "CreateIdentity", "{'Kind':'account','Name':'" OTHER_ACCOUNT "'}");
	return 0;
}

static void make(const char *kind, const char *name)
{
	const char *document = "";
	if (strcmp(kind, "role") == 0)
		document = ",'Document':'" TRUSTS_ADMIN "'";
	if (strcmp(kind, "policy") == 0)
		document = ",'Document':'" READS "'";
	must(&world, "CreateIdentity", "{'Kind':'%s','Name':'%s'%s}", kind, name, document);
}

static void remove_it(const char *kind, const char *name)
{
	must(&world, "DeleteIdentity", "{'Kind':'%s','Name':'%s'}", kind, name);
}

static void must_keep(const char *kind, const char *name, const char *message)
{
	must_not(&world, REFUSED("DeleteConflict", message), "DeleteIdentity",
		 "{'Kind':'%s','Name':'%s'}", kind, name);
}

static void each_kind_is_deleted(UNUSED void **state)
{
	static const char *const names[][2] = {{"user", "u"},
					       {"group", "g"},
					       {"role", "r"},
					       {"policy", "p"},
					       {"service", "s3.amazonaws.com"},
					       {"account", "123412341234"}};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		make(names[i][0], names[i][1]);
		remove_it(names[i][0], names[i][1]);
		must_not(&world, REFUSED("NoSuchEntity", NULL), "GetIdentity",
			 "{'Kind':'%s','Name':'%s'}", names[i][0], names[i][1]);
		must_not(&world, REFUSED("NoSuchEntity", NULL), "DeleteIdentity",
			 "{'Kind':'%s','Name':'%s'}", names[i][0], names[i][1]);
	}
}

static void one_made_anew_has_another_id(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply before;
	CLEANUP(reply_cleanup) struct reply after;
	make("user", "phoenix");
	const struct json *old = get_identity(&world, &before, "user", "phoenix");
	remove_it("user", "phoenix");
	make("user", "phoenix");
	assert_string_not_equal(text_in(old, "Id"),
				text_in(get_identity(&world, &after, "user", "phoenix"), "Id"));
}

static void policies_are_in_the_way(UNUSED void **state)
{
	static const char *const kinds[] = {"user", "group", "role"};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		make(kinds[i], "laden");
		must(&world, "PutIdentityPolicy",
		     "{'Kind':'%s','Name':'laden','PolicyName':'p','Document':'" READS "'}",
		     kinds[i]);
		must(&world, "AttachIdentityPolicy",
		     "{'Kind':'%s','Name':'laden','PolicyArn':'" ADMINISTRATOR_ACCESS "'}",
		     kinds[i]);
		must_keep(kinds[i], "laden", "Cannot delete entity, must delete policies first.");
		must(&world, "DeleteIdentityPolicy",
		     "{'Kind':'%s','Name':'laden','PolicyName':'p'}", kinds[i]);
		must_keep(kinds[i], "laden",
			  "Cannot delete entity, must detach all policies first.");
		must(&world, "DetachIdentityPolicy",
		     "{'Kind':'%s','Name':'laden','PolicyArn':'" ADMINISTRATOR_ACCESS "'}",
		     kinds[i]);
		remove_it(kinds[i], "laden");
	}
}

static void access_keys_are_in_the_way(UNUSED void **state)
{
	static const char *const names[][2] = {
		{"user", "keyed"}, {"service", "keyed.amazonaws.com"}, {"account", "123412341235"}};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP(reply_cleanup) struct reply r;
		make(names[i][0], names[i][1]);
		ask(&world, &r, "CreateAccessKey", "{'Kind':'%s','Name':'%s'}", names[i][0],
		    names[i][1]);
		assert_status(&r, 200);
		must_keep(names[i][0], names[i][1],
			  "Cannot delete entity, must delete access keys first.");
		must(&world, "DeleteAccessKey", "{'AccessKeyId':'%s'}",
		     text_in(json_member(r.json, "AccessKey"), "AccessKeyId"));
		remove_it(names[i][0], names[i][1]);
	}
}

static void membership_is_in_the_way(UNUSED void **state)
{
	make("user", "member");
	make("group", "full");
	must(&world, "AddUserToGroup", "{'Name':'member','Group':'full'}");
	must_keep("user", "member", "Cannot delete entity, must remove it from its groups first.");
	must_keep("group", "full", "Cannot delete entity, must remove users from group first.");
	must(&world, "RemoveUserFromGroup", "{'Name':'member','Group':'full'}");
	remove_it("group", "full");
	remove_it("user", "member");
}

static void uses_of_a_policy_are_in_its_way(UNUSED void **state)
{
	static const char *const kinds[] = {"user", "group", "role"};
	static const char used[] = "Cannot delete a policy attached to entities.";
	make("policy", "used");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		make(kinds[i], "user-of-it");
		must(&world, "AttachIdentityPolicy",
		     "{'Kind':'%s','Name':'user-of-it','PolicyArn':'" POLICY_ARN("used") "'}",
		     kinds[i]);
		must_keep("policy", "used", used);
		must(&world, "DetachIdentityPolicy",
		     "{'Kind':'%s','Name':'user-of-it','PolicyArn':'" POLICY_ARN("used") "'}",
		     kinds[i]);
	}
	must(&world, "PutPermissionsBoundary",
	     "{'Kind':'role','Name':'user-of-it','PolicyArn':'" POLICY_ARN("used") "'}");
	must_keep("policy", "used", used);
	must(&world, "DeletePermissionsBoundary", "{'Kind':'role','Name':'user-of-it'}");
	remove_it("policy", "used");
}

/* More users than are looked at in one page, and the member is the last. */
static void every_page_is_looked_at(UNUSED void **state)
{
	make("group", "crowd");
	make("policy", "rare");
	for (unsigned i = 0; i < 101; i++)
		must(&world, "CreateIdentity", "{'Kind':'user','Name':'crowd-%03u'}", i);
	must(&world, "CreateIdentity",
	     "{'Kind':'user','Name':'zoe','PermissionsBoundary':'" POLICY_ARN("rare") "'}");
	must(&world, "AddUserToGroup", "{'Name':'zoe','Group':'crowd'}");
	must_keep("group", "crowd", "Cannot delete entity, must remove users from group first.");
	must_keep("policy", "rare", "Cannot delete a policy attached to entities.");
	CLEANUP(reply_cleanup) struct reply r;
	assert_int_equal(
		json_count(json_member(get_identity(&world, &r, "group", "crowd"), "Members")), 1);
}

static void what_lives_in_an_account_is_in_its_way(UNUSED void **state)
{
	static const struct {
		const char *kind, *name, *document;
	} rows[] = {{"user", "u", ""},
		    {"group", "g", ""},
		    {"role", "r", ",'Document':'" TRUSTS_ADMIN "'"},
		    {"service", "x.amazonaws.com", ""},
		    {"policy", "p", ",'Document':'" READS "'"}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char message[128];
		assert_ok(text_format(message, sizeof message,
				      "Cannot delete entity, must delete the account's %s %s "
				      "first.",
				      rows[i].kind, rows[i].name));
		must(&world, "CreateIdentity",
		     "{'Kind':'%s','Account':'" OTHER_ACCOUNT "','Name':'%s'%s}", rows[i].kind,
		     rows[i].name, rows[i].document);
		must_keep("account", OTHER_ACCOUNT, message);
		must(&world, "DeleteIdentity",
		     "{'Kind':'%s','Account':'" OTHER_ACCOUNT "','Name':'%s'}", rows[i].kind,
		     rows[i].name);
	}
}

static void keys_of_an_account_are_in_its_way(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	CLEANUP(reply_cleanup) struct reply made;
	CLEANUP(secret_free) struct secret *secret = NULL;
	make("account", "123412341236");
	ask(&world, &r, "CreateAccessKey", "{'Kind':'account','Name':'123412341236'}");
	assert_status(&r, 200);
	const struct json *key = json_member(r.json, "AccessKey");
	struct world root = world;
	assert_ok(text_copy(root.access_key_id, sizeof root.access_key_id,
			    json_string_of(json_member(key, "AccessKeyId"))));
	assert_ok(secret_new_from(json_string_of(json_member(key, "SecretAccessKey")), &secret));
	root.secret_key = secret;
	world_call(&root, &made, "CreateKey", "{}");
	assert_status(&made, 200);
	must(&world, "DeleteAccessKey", "{'AccessKeyId':'%s'}", root.access_key_id);
	must_keep("account", "123412341236", "Cannot delete entity, the account has KMS keys.");
}

static void the_installations_account_stays(UNUSED void **state)
{
	must_keep("account", WORLD_ACCOUNT,
		  "Cannot delete entity, it is the installation's own account.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_is_deleted),
		cmocka_unit_test(one_made_anew_has_another_id),
		cmocka_unit_test(policies_are_in_the_way),
		cmocka_unit_test(access_keys_are_in_the_way),
		cmocka_unit_test(membership_is_in_the_way),
		cmocka_unit_test(uses_of_a_policy_are_in_its_way),
		cmocka_unit_test(every_page_is_looked_at),
		cmocka_unit_test(what_lives_in_an_account_is_in_its_way),
		cmocka_unit_test(keys_of_an_account_are_in_its_way),
		cmocka_unit_test(the_installations_account_stays),
	};
	return cmocka_run_group_tests(tests, set_up, the_world_tear_down);
}
