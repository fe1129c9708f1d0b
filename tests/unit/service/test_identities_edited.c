/* SPDX-License-Identifier: Apache-2.0 */
/* Changing what an identity has: policies, boundary, groups, tags, document. */
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
	must(&world, "CreateIdentity", "{'Kind':'group','Name':'readers'}");
	must(&world, "CreateIdentity", "{'Kind':'policy','Name':'Read','Document':'" READS "'}");
	must(&world, "CreateIdentity",
	     "{'Kind':'policy','Account':'" OTHER_ACCOUNT "','Name':'Theirs','Document':'" READS
	     "'}");
	return 0;
}

/* A user, group or role of its own for each test. */
static void make(const char *kind, const char *name)
{
	must(&world, "CreateIdentity", "{'Kind':'%s','Name':'%s'%s}", kind, name,
	     strcmp(kind, "role") == 0 ? ",'Document':'" TRUSTS_ADMIN "'" : "");
}

/* --- inline policies --- */

static void inline_policies_are_put_replaced_and_deleted(UNUSED void **state)
{
	static const char *const kinds[] = {"user", "group", "role"};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		CLEANUP(reply_cleanup) struct reply one;
		CLEANUP(reply_cleanup) struct reply none;
		make(kinds[i], "inline");
		must(&world, "PutIdentityPolicy",
		     "{'Kind':'%s','Name':'inline','PolicyName':'b','Document':'" READS "'}",
		     kinds[i]);
		must(&world, "PutIdentityPolicy",
		     "{'Kind':'%s','Name':'inline','PolicyName':'a','Document':'" READS "'}",
		     kinds[i]);
		must(&world, "PutIdentityPolicy",
		     "{'Kind':'%s','Name':'inline','PolicyName':'b','Document':' " READS "'}",
		     kinds[i]);
		const struct json *policies =
			json_member(get_identity(&world, &one, kinds[i], "inline"), "Policies");
		assert_int_equal(json_count(policies), 2);
		assert_text(json_element(policies, 0), "PolicyName", "a");
		assert_text(json_element(policies, 1), "PolicyName", "b");
		assert_int_equal(text_in(json_element(policies, 0), "Document")[0], '{');
		assert_int_equal(text_in(json_element(policies, 1), "Document")[0], ' ');
		must(&world, "DeleteIdentityPolicy",
		     "{'Kind':'%s','Name':'inline','PolicyName':'a'}", kinds[i]);
		must(&world, "DeleteIdentityPolicy",
		     "{'Kind':'%s','Name':'inline','PolicyName':'b'}", kinds[i]);
		assert_null(
			json_member(get_identity(&world, &none, kinds[i], "inline"), "Policies"));
	}
}

static void inline_policies_must_compile(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	make("user", "strict");
	ask(&world, &r, "PutIdentityPolicy",
	    "{'Kind':'user','Name':'strict','PolicyName':'p','Document':'{`Statement`:{`Effect`:"
	    "`Allow`,`Action`:`kms:ListKeys`,`Resource`:`*`,`Condition`:{`StringLik`:{`a`:`b`}}}}'"
	    "}");
	assert_string_equal(reply_type(&r), "MalformedPolicyDocument");
	assert_non_null(strstr(reply_message(&r), "StringLik"));   /* what */
	assert_non_null(strstr(reply_message(&r), "Statement 1")); /* and where */
}

static void a_policy_that_is_not_there_is_not_deleted(UNUSED void **state)
{
	make("role", "bare");
	must_not(&world, REFUSED("NoSuchEntity", "The role policy with name p cannot be found."),
		 "DeleteIdentityPolicy", "{'Kind':'role','Name':'bare','PolicyName':'p'}");
}

/* One statement of a given size. */
static void put_sized(const char *kind, const char *policy, size_t size,
		      const struct refusal *refusal)
{
	static const char frame[] =
		"{`Id`:``,`Statement`:{`Effect`:`Allow`,`Action`:`kms:ListKeys`,`Resource`:`*`}}";
	static char filler[AUTH_INLINE_ROLE_MAX + 1];
	memset(filler, 'x', sizeof filler);
	filler[size - (sizeof frame - 1)] = '\0';
	static const char body[] =
		"{'Kind':'%s','Name':'sized','PolicyName':'%s','Document':'{`Id`:`%s`,`Statement`:"
		"{`Effect`:`Allow`,`Action`:`kms:ListKeys`,`Resource`:`*`}}'}";
	if (refusal == NULL)
		must(&world, "PutIdentityPolicy", body, kind, policy, filler);
	else
		must_not(&world, refusal, "PutIdentityPolicy", body, kind, policy, filler);
}

static void inline_policies_have_a_quota_in_all(UNUSED void **state)
{
	static const struct {
		const char *kind;
		size_t max;
		struct refusal refusal;
	} rows[] = {
		{"user",
		 AUTH_INLINE_USER_MAX,
		 {"LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user sized"}},
		{"group",
		 AUTH_INLINE_GROUP_MAX,
		 {"LimitExceeded", "Maximum policy size of 5120 bytes exceeded for group sized"}},
		{"role",
		 AUTH_INLINE_ROLE_MAX,
		 {"LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role sized"}},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		make(rows[i].kind, "sized");
		put_sized(rows[i].kind, "a", 1000, NULL);
		put_sized(rows[i].kind, "b", rows[i].max - 1000, NULL);
		put_sized(rows[i].kind, "b", rows[i].max - 999, &rows[i].refusal);
		put_sized(rows[i].kind, "c", 100, &rows[i].refusal);
	}
}

/* --- attached policies --- */

static void policies_are_attached_in_order_and_once(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	CLEANUP(reply_cleanup) struct reply none;
	make("user", "holder");
	for (unsigned i = 0; i < 2; i++) {
		must(&world, "AttachIdentityPolicy",
		     "{'Kind':'user','Name':'holder','PolicyArn':'" ADMINISTRATOR_ACCESS "'}");
		must(&world, "AttachIdentityPolicy",
		     "{'Kind':'user','Name':'holder','PolicyArn':'" POLICY_ARN("Read") "'}");
	}
	const struct json *arns =
		json_member(get_identity(&world, &r, "user", "holder"), "AttachedPolicies");
	assert_int_equal(json_count(arns), 2);
	assert_string_equal((const char *)json_string_of(json_element(arns, 0)).ptr,
			    POLICY_ARN("Read"));
	assert_string_equal((const char *)json_string_of(json_element(arns, 1)).ptr,
			    ADMINISTRATOR_ACCESS);
	must(&world, "DetachIdentityPolicy",
	     "{'Kind':'user','Name':'holder','PolicyArn':'" POLICY_ARN("Read") "'}");
	must(&world, "DetachIdentityPolicy",
	     "{'Kind':'user','Name':'holder','PolicyArn':'" ADMINISTRATOR_ACCESS "'}");
	assert_null(json_member(get_identity(&world, &none, "user", "holder"), "AttachedPolicies"));
}

static void only_policies_of_the_account_are_attached(UNUSED void **state)
{
	static const char *const arns[] = {
		POLICY_ARN("none"),
		"arn:aws:iam::" OTHER_ACCOUNT ":policy/Theirs",
		"arn:aws:iam::aws:policy/PowerUserAccess",
		"arn:aws-cn:iam::aws:policy/AdministratorAccess",
		"arn:aws-cn:iam::" WORLD_ACCOUNT ":policy/Read",
		"arn:aws:iam::" WORLD_ACCOUNT ":user/admin",
	};
	make("role", "picky");
	for (size_t i = 0; i < ARRAY_LEN(arns); i++) {
		char message[256];
		assert_ok(text_format(message, sizeof message,
				      "Policy %s does not exist or is not attachable.", arns[i]));
		must_not(&world, REFUSED("NoSuchEntity", message), "AttachIdentityPolicy",
			 "{'Kind':'role','Name':'picky','PolicyArn':'%s'}", arns[i]);
		must_not(&world, REFUSED("NoSuchEntity", message), "PutPermissionsBoundary",
			 "{'Kind':'role','Name':'picky','PolicyArn':'%s'}", arns[i]);
	}
}

static void ten_policies_are_attached_at_most(UNUSED void **state)
{
	make("group", "many");
	for (unsigned i = 0; i <= AUTH_ATTACHED_MAX; i++)
		must(&world, "CreateIdentity",
		     "{'Kind':'policy','Name':'many-%u','Document':'" READS "'}", i);
	for (unsigned i = 0; i < AUTH_ATTACHED_MAX; i++)
		must(&world, "AttachIdentityPolicy",
		     "{'Kind':'group','Name':'many','PolicyArn':'" POLICY_ARN("many-%u") "'}", i);
	must_not(&world, REFUSED("LimitExceeded", "Cannot exceed quota for PoliciesPerGroup: 10"),
		 "AttachIdentityPolicy",
		 "{'Kind':'group','Name':'many','PolicyArn':'" POLICY_ARN("many-10") "'}");
}

static void what_is_not_attached_is_not_detached(UNUSED void **state)
{
	make("user", "loose");
	must_not(&world, REFUSED("NoSuchEntity", "Policy " POLICY_ARN("Read") " was not found."),
		 "DetachIdentityPolicy",
		 "{'Kind':'user','Name':'loose','PolicyArn':'" POLICY_ARN("Read") "'}");
}

/* --- boundaries --- */

static void a_boundary_is_put_replaced_and_deleted(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	CLEANUP(reply_cleanup) struct reply none;
	make("user", "bound");
	must(&world, "PutPermissionsBoundary",
	     "{'Kind':'user','Name':'bound','PolicyArn':'" ADMINISTRATOR_ACCESS "'}");
	must(&world, "PutPermissionsBoundary",
	     "{'Kind':'user','Name':'bound','PolicyArn':'" POLICY_ARN("Read") "'}");
	assert_text(get_identity(&world, &r, "user", "bound"), "PermissionsBoundary",
		    POLICY_ARN("Read"));
	must(&world, "DeletePermissionsBoundary", "{'Kind':'user','Name':'bound'}");
	assert_null(
		json_member(get_identity(&world, &none, "user", "bound"), "PermissionsBoundary"));
	must_not(&world,
		 REFUSED("NoSuchEntity", "The user with name bound has no permissions boundary."),
		 "DeletePermissionsBoundary", "{'Kind':'user','Name':'bound'}");
}

/* --- groups --- */

static void users_join_and_leave_groups(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply user;
	CLEANUP(reply_cleanup) struct reply group;
	CLEANUP(reply_cleanup) struct reply left;
	make("user", "joiner");
	make("user", "another");
	make("group", "club");
	for (unsigned i = 0; i < 2; i++)
		must(&world, "AddUserToGroup", "{'Name':'joiner','Group':'club'}");
	must(&world, "AddUserToGroup", "{'Name':'another','Group':'club'}");
	assert_int_equal(
		json_count(json_member(get_identity(&world, &user, "user", "joiner"), "Groups")),
		1);
	const struct json *members =
		json_member(get_identity(&world, &group, "group", "club"), "Members");
	assert_int_equal(json_count(members), 2);
	assert_string_equal((const char *)json_string_of(json_element(members, 0)).ptr, "another");
	must(&world, "RemoveUserFromGroup", "{'Name':'joiner','Group':'club'}");
	members = json_member(get_identity(&world, &left, "group", "club"), "Members");
	assert_int_equal(json_count(members), 1);
	must_not(&world,
		 REFUSED("NoSuchEntity",
			 "The user with name joiner is not in a group with name club."),
		 "RemoveUserFromGroup", "{'Name':'joiner','Group':'club'}");
}

static void both_must_be_there_to_join(UNUSED void **state)
{
	make("user", "lonely");
	must_not(&world, REFUSED("NoSuchEntity", "The group with name nowhere cannot be found."),
		 "AddUserToGroup", "{'Name':'lonely','Group':'nowhere'}");
	must_not(&world, REFUSED("NoSuchEntity", "The user with name nobody cannot be found."),
		 "AddUserToGroup", "{'Name':'nobody','Group':'readers'}");
	must(&world, "CreateIdentity",
	     "{'Kind':'user','Account':'" OTHER_ACCOUNT "','Name':'theirs'}");
	must_not(&world, REFUSED("NoSuchEntity", "The group with name readers cannot be found."),
		 "AddUserToGroup",
		 "{'Account':'" OTHER_ACCOUNT "','Name':'theirs','Group':'readers'}");
}

static void a_user_is_in_ten_groups_at_most(UNUSED void **state)
{
	make("user", "sociable");
	for (unsigned i = 0; i <= AUTH_GROUPS_MAX; i++)
		must(&world, "CreateIdentity", "{'Kind':'group','Name':'circle-%u'}", i);
	for (unsigned i = 0; i < AUTH_GROUPS_MAX; i++)
		must(&world, "AddUserToGroup", "{'Name':'sociable','Group':'circle-%u'}", i);
	must_not(&world, REFUSED("LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10"),
		 "AddUserToGroup", "{'Name':'sociable','Group':'circle-10'}");
}

/* --- tags --- */

static void tags_are_put_replaced_and_removed(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	CLEANUP(reply_cleanup) struct reply none;
	make("user", "tagged");
	must(&world, "TagIdentity",
	     "{'Kind':'user','Name':'tagged','Tags':[{'Key':'b','Value':'1'},{'Key':'team',"
	     "'Value':'red'}]}");
	/* the same key, whatever its case */
	must(&world, "TagIdentity",
	     "{'Kind':'user','Name':'tagged','Tags':[{'Key':'Team','Value':'blue'}]}");
	const struct json *tags = json_member(get_identity(&world, &r, "user", "tagged"), "Tags");
	assert_int_equal(json_count(tags), 2);
	assert_text(json_element(tags, 0), "Key", "Team");
	assert_text(json_element(tags, 0), "Value", "blue");
	must(&world, "UntagIdentity",
	     "{'Kind':'user','Name':'tagged','TagKeys':['TEAM','b','none']}");
	assert_null(json_member(get_identity(&world, &none, "user", "tagged"), "Tags"));
}

static void fifty_tags_are_kept_at_most(UNUSED void **state)
{
	make("role", "labelled");
	for (unsigned i = 0; i < AUTH_TAGS_MAX; i += 10) {
		char list[512] = "";
		for (unsigned j = i; j < i + 10; j++)
			assert_ok(text_format(list + strlen(list), sizeof list - strlen(list),
					      "%s{'Key':'k%u','Value':''}", j > i ? "," : "", j));
		must(&world, "TagIdentity", "{'Kind':'role','Name':'labelled','Tags':[%s]}", list);
	}
	must_not(&world,
		 REFUSED("LimitExceeded", "The number of tags has reached the maximum limit."),
		 "TagIdentity",
		 "{'Kind':'role','Name':'labelled','Tags':[{'Key':'one-more','Value':''}]}");
	must(&world, "TagIdentity",
	     "{'Kind':'role','Name':'labelled','Tags':[{'Key':'k7','Value':'new'}]}");
}

static void tag_texts_are_checked(UNUSED void **state)
{
	static const char *const tags[] = {"{'Key':'','Value':''}", "{'Key':'a<','Value':''}",
					   "{'Key':'a'}", "{'Key':'a','Value':'%%'}"};
	CLEANUP(reply_cleanup) struct reply good;
	make("user", "odd");
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		CLEANUP(reply_cleanup) struct reply r;
		ask(&world, &r, "TagIdentity", "{'Kind':'user','Name':'odd','Tags':[%s]}", tags[i]);
		assert_string_equal(reply_type(&r), "ValidationException");
	}
	ask(&world, &good, "TagIdentity",
	    "{'Kind':'user','Name':'odd','Tags':[{'Key':'a b_.:/=+-@\u00e9','Value':'9'}]}");
	assert_status(&good, 200);
}

/* --- updates --- */

static void what_is_given_replaces_what_was(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	CLEANUP(reply_cleanup) struct reply same;
	make("role", "changed");
	must(&world, "UpdateIdentity",
	     "{'Kind':'role','Name':'changed','Document':'" TRUSTS(
		     "`AWS`:`*`") "','Description':'new','MaxSessionDuration':43200}");
	const struct json *role = get_identity(&world, &r, "role", "changed");
	assert_text(role, "Description", "new");
	assert_non_null(strstr(text_in(role, "Document"), "\"AWS\":\"*\""));
	assert_int_equal(json_integer_of(json_member(role, "MaxSessionDuration")), 43200);
	must(&world, "UpdateIdentity", "{'Kind':'role','Name':'changed','Description':''}");
	role = get_identity(&world, &same, "role", "changed");
	assert_null(json_member(role, "Description"));
	assert_int_equal(json_integer_of(json_member(role, "MaxSessionDuration")), 43200);
}

static void updates_are_checked_as_what_is_made(UNUSED void **state)
{
	must_not(&world, REFUSED("ValidationException", "Document does not apply to kind group."),
		 "UpdateIdentity", "{'Kind':'group','Name':'readers','Document':'" READS "'}");
	must_not(&world,
		 REFUSED("ValidationException", "MaxSessionDuration does not apply to kind group."),
		 "UpdateIdentity", "{'Kind':'group','Name':'readers','MaxSessionDuration':3600}");
	make("role", "steady");
	must_not(&world,
		 REFUSED("MalformedPolicyDocument",
			 "Invalid principal in policy: \"AWS\":\"arn:aws:iam::" WORLD_ACCOUNT
			 ":role/none\" (Statement 1)"),
		 "UpdateIdentity",
		 "{'Kind':'role','Name':'steady','Document':'" TRUSTS(
			 "`AWS`:`arn:aws:iam::" WORLD_ACCOUNT ":role/none`") "'}");
	must_not(&world, REFUSED("MalformedPolicyDocument", NULL), "UpdateIdentity",
		 "{'Kind':'policy','Name':'Read','Document':'{`Statement`:7}'}");
	must_not(&world, REFUSED("ValidationException", NULL), "UpdateIdentity",
		 "{'Kind':'role','Name':'steady','MaxSessionDuration':3599}");
}

/* Kinds that an operation does not take. */
static void kinds_are_checked(UNUSED void **state)
{
	static const struct {
		const char *operation, *kind, *more;
	} rows[] = {
		{"PutIdentityPolicy", "service", ",'PolicyName':'p','Document':'{}'"},
		{"AttachIdentityPolicy", "policy", ",'PolicyArn':'" ADMINISTRATOR_ACCESS "'"},
		{"PutPermissionsBoundary", "group", ",'PolicyArn':'" ADMINISTRATOR_ACCESS "'"},
		{"TagIdentity", "group", ",'Tags':[]"},
		{"CreateAccessKey", "role", ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(reply_cleanup) struct reply r;
		ask(&world, &r, rows[i].operation, "{'Kind':'%s','Name':'a'%s}", rows[i].kind,
		    rows[i].more);
		assert_string_equal(reply_type(&r), "ValidationException");
		assert_non_null(strstr(reply_message(&r), "at 'kind' failed"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inline_policies_are_put_replaced_and_deleted),
		cmocka_unit_test(inline_policies_must_compile),
		cmocka_unit_test(a_policy_that_is_not_there_is_not_deleted),
		cmocka_unit_test(inline_policies_have_a_quota_in_all),
		cmocka_unit_test(policies_are_attached_in_order_and_once),
		cmocka_unit_test(only_policies_of_the_account_are_attached),
		cmocka_unit_test(ten_policies_are_attached_at_most),
		cmocka_unit_test(what_is_not_attached_is_not_detached),
		cmocka_unit_test(a_boundary_is_put_replaced_and_deleted),
		cmocka_unit_test(users_join_and_leave_groups),
		cmocka_unit_test(both_must_be_there_to_join),
		cmocka_unit_test(a_user_is_in_ten_groups_at_most),
		cmocka_unit_test(tags_are_put_replaced_and_removed),
		cmocka_unit_test(fifty_tags_are_kept_at_most),
		cmocka_unit_test(tag_texts_are_checked),
		cmocka_unit_test(what_is_given_replaces_what_was),
		cmocka_unit_test(updates_are_checked_as_what_is_made),
		cmocka_unit_test(kinds_are_checked),
	};
	return cmocka_run_group_tests(tests, set_up, the_world_tear_down);
}
