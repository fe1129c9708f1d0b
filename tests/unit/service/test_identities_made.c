/* SPDX-License-Identifier: Apache-2.0 */
/* Making, showing and listing identities. */
#include "identities.h"
#include "the_world.h"

#include <string.h>

#include "base/text.h"
#include "service/marker.h"

struct world world;

static int set_up(UNUSED void **state)
{
	world_make(&world);
	world_start(&world, &world.first, "audit");
	must(&world, "CreateIdentity", "{'Kind':'account','Name':'" OTHER_ACCOUNT "'}");
	return 0;
}

static bool is_id(const char *id, const char *prefix)
{
	return strlen(id) == AUTH_PRINCIPAL_ID_LEN && strncmp(id, prefix, strlen(prefix)) == 0 &&
	       strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == AUTH_PRINCIPAL_ID_LEN;
}

/* --- good --- */

static void each_kind_is_made_with_its_arn_and_id(UNUSED void **state)
{
	static const struct {
		const char *kind, *name, *more, *arn, *prefix;
	} rows[] = {
		{"user", "u-1", "", "arn:aws:iam::" WORLD_ACCOUNT ":user/u-1", "AIDA"},
		{"group", "g-1", "", "arn:aws:iam::" WORLD_ACCOUNT ":group/g-1", "AGPA"},
		{"role", "r-1", ",'Document':'" TRUSTS_ADMIN "'",
		 "arn:aws:iam::" WORLD_ACCOUNT ":role/r-1", "AROA"},
		{"policy", "p-1", ",'Document':'" READS "'", POLICY_ARN("p-1"), "ANPA"},
		{"service", "rds.amazonaws.com", "", "rds.amazonaws.com", "AIDA"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(reply_cleanup) struct reply r;
		ask(&world, &r, "CreateIdentity", "{'Kind':'%s','Name':'%s'%s}", rows[i].kind,
		    rows[i].name, rows[i].more);
		assert_status(&r, 200);
		const struct json *made = json_member(r.json, "Identity");
		assert_text(made, "Kind", rows[i].kind);
		assert_text(made, "Name", rows[i].name);
		assert_text(made, "Account", WORLD_ACCOUNT);
		assert_text(made, "Arn", rows[i].arn);
		assert_true(is_id(text_in(made, "Id"), rows[i].prefix));
		assert_int_not_equal(json_type_of(json_member(made, "CreateDate")), JSON_TYPE_NULL);
	}
}

static void an_account_is_its_number(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	const struct json *account = get_identity(&world, &r, "account", OTHER_ACCOUNT);
	assert_text(account, "Id", OTHER_ACCOUNT);
	assert_text(account, "Account", OTHER_ACCOUNT);
	assert_text(account, "Arn", "arn:aws:iam::" OTHER_ACCOUNT ":root");
}

static void what_is_given_is_told(UNUSED void **state)
{
	must(&world, "CreateIdentity", "{'Kind':'policy','Name':'edge','Document':'" READS "'}");
	must(&world, "CreateIdentity",
	     "{'Kind':'role','Name':'all','Document':'" TRUSTS_ADMIN
	     "','Description':'does it','PermissionsBoundary':'" POLICY_ARN(
		     "edge") "','MaxSessionDuration':7200,'Tags':[{'Key':'z','Value':''},{'Key':'a'"
			     ","
			     "'Value':'1'}]}");
	CLEANUP(reply_cleanup) struct reply r;
	const struct json *role = get_identity(&world, &r, "role", "all");
	assert_text(role, "Description", "does it");
	assert_text(role, "PermissionsBoundary", POLICY_ARN("edge"));
	assert_int_equal(json_integer_of(json_member(role, "MaxSessionDuration")), 7200);
	assert_non_null(strstr(text_in(role, "Document"), "\"sts:AssumeRole\""));
	const struct json *tags = json_member(role, "Tags");
	assert_int_equal(json_count(tags), 2);
	assert_text(json_element(tags, 0), "Key", "a");
	assert_text(json_element(tags, 0), "Value", "1");
	assert_text(json_element(tags, 1), "Key", "z");
	assert_null(json_member(role, "Policies"));
	assert_null(json_member(role, "AccessKeys"));
}

static void a_role_lasts_an_hour_unless_told(UNUSED void **state)
{
	must(&world, "CreateIdentity",
	     "{'Kind':'role','Name':'hour','Document':'" TRUSTS_ADMIN "'}");
	CLEANUP(reply_cleanup) struct reply r;
	const struct json *role = get_identity(&world, &r, "role", "hour");
	assert_int_equal(json_integer_of(json_member(role, "MaxSessionDuration")), 3600);
}

static void accounts_do_not_share_names(UNUSED void **state)
{
	must(&world, "CreateIdentity", "{'Kind':'user','Name':'twin'}");
	must(&world, "CreateIdentity",
	     "{'Kind':'user','Account':'" OTHER_ACCOUNT "','Name':'twin'}");
	CLEANUP(reply_cleanup) struct reply r;
	ask(&world, &r, "GetIdentity",
	    "{'Kind':'user','Account':'" OTHER_ACCOUNT "','Name':'twin'}");
	assert_status(&r, 200);
	assert_text(json_member(r.json, "Identity"), "Arn",
		    "arn:aws:iam::" OTHER_ACCOUNT ":user/twin");
}

static void a_service_is_found_wherever_it_is(UNUSED void **state)
{
	must(&world, "CreateIdentity",
	     "{'Kind':'service','Account':'" OTHER_ACCOUNT
	     "','Name':'logs.us-east-1.amazonaws.com'}");
	CLEANUP(reply_cleanup) struct reply r;
	const struct json *service =
		get_identity(&world, &r, "service", "logs.us-east-1.amazonaws.com");
	assert_text(service, "Account", OTHER_ACCOUNT);
	must_not(&world,
		 REFUSED("EntityAlreadyExists",
			 "The service with name logs.us-east-1.amazonaws.com already exists."),
		 "CreateIdentity", "{'Kind':'service','Name':'logs.us-east-1.amazonaws.com'}");
}

static void trust_may_be_in_roles_services_accounts_and_everybody(UNUSED void **state)
{
	static const char *const principals[] = {
		"`AWS`:`*`", "`AWS`:`" OTHER_ACCOUNT "`",
		"`AWS`:`arn:aws:iam::" OTHER_ACCOUNT ":root`",
		"`Service`:`ec2.amazonaws.com`", /* which nobody has made */
		"`AWS`:`arn:aws:iam::" WORLD_ACCOUNT ":role/trusted`"};
	must(&world, "CreateIdentity",
	     "{'Kind':'role','Name':'trusted','Document':'" TRUSTS_ADMIN "'}");
	for (size_t i = 0; i < ARRAY_LEN(principals); i++)
		must(&world, "CreateIdentity",
		     "{'Kind':'role','Name':'t%zu','Document':'{`Statement`:{`Effect`:`Allow`,"
		     "`Action`:`sts:AssumeRole`,`Principal`:{%s}}}'}",
		     i, principals[i]);
}

/* --- refused --- */

static void names_are_checked(UNUSED void **state)
{
	static const struct {
		const char *kind, *name, *rule;
	} rows[] = {
		{"account", "12345", "an account's number, 12 digits"},
		{"user", "0123456789012345678901234567890123456789012345678901234567890123x",
		 "1 to 64 alphanumeric characters and/or the following: +=,.@_-"},
		{"service", "rds", "a service principal: <service>[.<Region>].amazonaws.com"},
		{"service", "rds.nowhere.amazonaws.com",
		 "a service principal: <service>[.<Region>].amazonaws.com"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char message[256];
		assert_ok(text_format(message, sizeof message,
				      "The specified value for Name is invalid. It must contain "
				      "only %s",
				      rows[i].rule));
		must_not(&world, REFUSED("ValidationException", message), "CreateIdentity",
			 "{'Kind':'%s','Name':'%s'}", rows[i].kind, rows[i].name);
	}
	must_not(&world,
		 REFUSED("ValidationException",
			 "1 validation error detected: Value 'a/b' at 'name' failed to satisfy "
			 "constraint: Member must satisfy regular expression pattern: "
			 "[\\w+=,.@-]+"),
		 "CreateIdentity", "{'Kind':'user','Name':'a/b'}");
	must_not(&world,
		 REFUSED("ValidationException",
			 "1 validation error detected: Value 'owner' at 'kind' failed to satisfy "
			 "constraint: Member must satisfy enum value set: [account, user, group, "
			 "role, service, policy]"),
		 "CreateIdentity", "{'Kind':'owner','Name':'a'}");
}

static void accounts_are_checked(UNUSED void **state)
{
	must_not(&world,
		 REFUSED("NoSuchEntity", "The account with name 999999999999 cannot be found."),
		 "CreateIdentity", "{'Kind':'user','Account':'999999999999','Name':'a'}");
	must_not(&world,
		 REFUSED("ValidationException", "Account and Name of an account must be the same."),
		 "CreateIdentity",
		 "{'Kind':'account','Account':'999999999999','Name':'999999999998'}");
}

static void a_name_is_taken_once(UNUSED void **state)
{
	must(&world, "CreateIdentity", "{'Kind':'user','Name':'once'}");
	must_not(&world, REFUSED("EntityAlreadyExists", "The user with name once already exists."),
		 "CreateIdentity", "{'Kind':'user','Name':'once'}");
	must(&world, "CreateIdentity", "{'Kind':'policy','Name':'once','Document':'" READS "'}");
	must_not(&world,
		 REFUSED("EntityAlreadyExists", "A policy called once already exists. Duplicate "
						"names are not allowed."),
		 "CreateIdentity", "{'Kind':'policy','Name':'once','Document':'" READS "'}");
	must_not(&world,
		 REFUSED("EntityAlreadyExists",
			 "The account with name " WORLD_ACCOUNT " already exists."),
		 "CreateIdentity", "{'Kind':'account','Name':'" WORLD_ACCOUNT "'}");
}

static void members_go_with_kinds(UNUSED void **state)
{
	static const struct {
		const char *kind, *member, *value, *more;
	} rows[] = {
		{"user", "Document", "'" READS "'", ""},
		{"group", "PermissionsBoundary", "'" ADMINISTRATOR_ACCESS "'", ""},
		{"policy", "MaxSessionDuration", "3600", ",'Document':'" READS "'"},
		{"group", "Tags", "[]", ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char message[128];
		assert_ok(text_format(message, sizeof message, "%s does not apply to kind %s.",
				      rows[i].member, rows[i].kind));
		must_not(&world, REFUSED("ValidationException", message), "CreateIdentity",
			 "{'Kind':'%s','Name':'misfit','%s':%s%s}", rows[i].kind, rows[i].member,
			 rows[i].value, rows[i].more);
	}
}

static void roles_and_policies_need_documents(UNUSED void **state)
{
	must_not(&world, REFUSED("ValidationException", "Document is required for kind role."),
		 "CreateIdentity", "{'Kind':'role','Name':'a'}");
	must_not(&world, REFUSED("ValidationException", "Document is required for kind policy."),
		 "CreateIdentity", "{'Kind':'policy','Name':'a'}");
}

static void documents_must_compile(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	CLEANUP(reply_cleanup) struct reply trust;
	/* A trust policy is no policy of an identity, nor the other way round. */
	ask(&world, &r, "CreateIdentity",
	    "{'Kind':'policy','Name':'bad','Document':'" TRUSTS_ADMIN "'}");
	assert_string_equal(reply_type(&r), "MalformedPolicyDocument");
	assert_non_null(strstr(reply_message(&r), "Document: "));
	ask(&world, &trust, "CreateIdentity",
	    "{'Kind':'role','Name':'bad','Document':'" READS "'}");
	assert_string_equal(reply_type(&trust), "MalformedPolicyDocument");
}

static void principals_of_trust_must_exist(UNUSED void **state)
{
	must_not(&world,
		 REFUSED("MalformedPolicyDocument",
			 "Invalid principal in policy: \"AWS\":\"arn:aws:iam::" WORLD_ACCOUNT
			 ":user/nobody\" (Statement 1)"),
		 "CreateIdentity",
		 "{'Kind':'role','Name':'bad','Document':'" TRUSTS(
			 "`AWS`:`arn:aws:iam::" WORLD_ACCOUNT ":user/nobody`") "'}");
	must_not(&world,
		 REFUSED("MalformedPolicyDocument",
			 "Invalid principal in policy: \"AWS\":\"999999999999\" (Statement 1)"),
		 "CreateIdentity",
		 "{'Kind':'role','Name':'bad','Document':'" TRUSTS("`AWS`:`999999999999`") "'}");
}

static void large_documents_are_refused(UNUSED void **state)
{
	static char filler[AUTH_MANAGED_POLICY_MAX + 1];
	memset(filler, 'x', sizeof filler - 1);
	must_not(&world, REFUSED("LimitExceeded", "Cannot exceed quota for PolicySize: 6144"),
		 "CreateIdentity",
		 "{'Kind':'policy','Name':'large','Document':'{`Id`:`%s`,`Statement`:[]}'}",
		 filler);
	filler[AUTH_TRUST_POLICY_MAX] = '\0';
	must_not(&world, REFUSED("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"),
		 "CreateIdentity",
		 "{'Kind':'role','Name':'large','Document':'{`Id`:`%s`,`Statement`:[]}'}", filler);
}

/* IAM User Guide: "IAM doesn't count white space when calculating the size of a policy". */
static void white_space_is_not_counted(UNUSED void **state)
{
	must(&world, "CreateIdentity",
	     "{'Kind':'policy','Name':'wide','Document':'%20000s" READS "'}", "");
	must_not(&world,
		 REFUSED("LimitExceeded",
			 "Document must not exceed 32768 bytes, white space included."),
		 "CreateIdentity", "{'Kind':'policy','Name':'wider','Document':'%40000s" READS "'}",
		 "");
}

static void boundaries_must_exist(UNUSED void **state)
{
	must_not(&world,
		 REFUSED("NoSuchEntity", "Policy " POLICY_ARN("none") " does not exist or is not "
								      "attachable."),
		 "CreateIdentity",
		 "{'Kind':'user','Name':'free','PermissionsBoundary':'" POLICY_ARN("none") "'}");
}

static void tags_are_checked(UNUSED void **state)
{
	must_not(&world,
		 REFUSED("ValidationException", "Duplicate tag keys found. Please note that Tag "
						"keys are case insensitive."),
		 "CreateIdentity",
		 "{'Kind':'user','Name':'tagged','Tags':[{'Key':'Team','Value':'a'},{'Key':'team',"
		 "'Value':'b'}]}");
	must_not(&world,
		 REFUSED("ValidationException", "Tag keys beginning with aws: are reserved."),
		 "CreateIdentity",
		 "{'Kind':'user','Name':'tagged','Tags':[{'Key':'AWS:x','Value':'a'}]}");
}

static void what_is_not_there_is_not_shown(UNUSED void **state)
{
	static const char *const kinds[] = {"user", "group", "role"};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		char message[128];
		assert_ok(text_format(message, sizeof message,
				      "The %s with name none cannot be found.", kinds[i]));
		must_not(&world, REFUSED("NoSuchEntity", message), "GetIdentity",
			 "{'Kind':'%s','Name':'none'}", kinds[i]);
	}
	must_not(&world, REFUSED("NoSuchEntity", "Policy " POLICY_ARN("none") " was not found."),
		 "GetIdentity", "{'Kind':'policy','Name':'none'}");
}

/* --- lists --- */

static void lists_are_told_in_pages(UNUSED void **state)
{
	must(&world, "CreateIdentity", "{'Kind':'account','Name':'777788889999'}");
	for (unsigned i = 0; i < 5; i++)
		must(&world, "CreateIdentity",
		     "{'Kind':'group','Account':'777788889999','Name':'page-%u'}", i);
	char marker[MARKER_TEXT] = "";
	unsigned told = 0;
	for (unsigned page = 0; page < 3; page++) {
		CLEANUP(reply_cleanup) struct reply r;
		ask(&world, &r, "ListIdentities",
		    "{'Kind':'group','Account':'777788889999','Limit':2%s%s%s}",
		    page ? ",'Marker':'" : "", marker, page ? "'" : "");
		assert_status(&r, 200);
		const struct json *rows = json_member(r.json, "Identities");
		for (size_t i = 0; i < json_count(rows); i++, told++) {
			char name[16];
			assert_ok(text_format(name, sizeof name, "page-%u", told));
			assert_text(json_element(rows, i), "Name", name);
			assert_text(json_element(rows, i), "Account", "777788889999");
		}
		assert_int_equal(json_bool_of(json_member(r.json, "Truncated")), page < 2);
		assert_ok(text_copy(marker, sizeof marker,
				    view_of_text(reply_text(&r, "NextMarker"))));
	}
	assert_int_equal(told, 5);
}

static void a_marker_is_of_its_list(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	CLEANUP(reply_cleanup) struct reply wrong;
	must(&world, "CreateIdentity", "{'Kind':'user','Name':'m-1'}");
	must(&world, "CreateIdentity", "{'Kind':'user','Name':'m-2'}");
	ask(&world, &r, "ListIdentities", "{'Kind':'user','Limit':1}");
	assert_status(&r, 200);
	ask(&world, &wrong, "ListIdentities", "{'Kind':'role','Limit':1,'Marker':'%s'}",
	    reply_text(&r, "NextMarker"));
	assert_string_equal(reply_type(&wrong), "InvalidMarkerException");
}

static bool lists(const struct reply *r, const char *name)
{
	const struct json *rows = json_member(r->json, "Identities");
	for (size_t i = 0; i < json_count(rows); i++)
		if (strcmp(text_in(json_element(rows, i), "Name"), name) == 0)
			return true;
	return false;
}

static void accounts_and_services_are_listed_everywhere(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply accounts;
	CLEANUP(reply_cleanup) struct reply services;
	CLEANUP(reply_cleanup) struct reply here;
	must(&world, "CreateIdentity",
	     "{'Kind':'service','Account':'" OTHER_ACCOUNT "','Name':'far.amazonaws.com'}");
	ask(&world, &accounts, "ListIdentities", "{'Kind':'account'}");
	assert_true(lists(&accounts, WORLD_ACCOUNT));
	assert_true(lists(&accounts, OTHER_ACCOUNT));
	ask(&world, &services, "ListIdentities", "{'Kind':'service'}");
	assert_true(lists(&services, "far.amazonaws.com"));
	ask(&world, &here, "ListIdentities", "{'Kind':'service','Account':'" WORLD_ACCOUNT "'}");
	assert_status(&here, 200);
	assert_false(lists(&here, "far.amazonaws.com"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_is_made_with_its_arn_and_id),
		cmocka_unit_test(an_account_is_its_number),
		cmocka_unit_test(what_is_given_is_told),
		cmocka_unit_test(a_role_lasts_an_hour_unless_told),
		cmocka_unit_test(accounts_do_not_share_names),
		cmocka_unit_test(a_service_is_found_wherever_it_is),
		cmocka_unit_test(trust_may_be_in_roles_services_accounts_and_everybody),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(accounts_are_checked),
		cmocka_unit_test(a_name_is_taken_once),
		cmocka_unit_test(members_go_with_kinds),
		cmocka_unit_test(roles_and_policies_need_documents),
		cmocka_unit_test(documents_must_compile),
		cmocka_unit_test(principals_of_trust_must_exist),
		cmocka_unit_test(large_documents_are_refused),
		cmocka_unit_test(white_space_is_not_counted),
		cmocka_unit_test(boundaries_must_exist),
		cmocka_unit_test(tags_are_checked),
		cmocka_unit_test(what_is_not_there_is_not_shown),
		cmocka_unit_test(lists_are_told_in_pages),
		cmocka_unit_test(a_marker_is_of_its_list),
		cmocka_unit_test(accounts_and_services_are_listed_everywhere),
	};
	return cmocka_run_group_tests(tests, set_up, the_world_tear_down);
}
