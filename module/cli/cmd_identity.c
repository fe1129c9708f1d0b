/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast account, user, group, role, policy, service: who there is, and what may they do. */
#include "cli/command.h"

#define NAME ARGUMENT_WORD("Name", "NAME", "which one")
#define POLICY_ARN ARGUMENT_WORD("PolicyArn", "POLICY-ARN", "arn:aws:iam::ACCOUNT:policy/NAME")
#define POLICY_NAME ARGUMENT_WORD("PolicyName", "POLICY", "name of the inline policy")
#define ACCOUNT                                                         \
	ARGUMENT_OPTION("account", "Account", "ACCOUNT", ARGUMENT_TEXT, \
			"12 digits; else the installation's")
#define DESCRIPTION \
	ARGUMENT_OPTION("description", "Description", "TEXT", ARGUMENT_TEXT, "for people")
#define TAGS                                                       \
	ARGUMENT_OPTION("tag", "Tags", "KEY=VALUE", ARGUMENT_TAGS, \
			"aws:PrincipalTag/KEY in conditions")
#define BOUNDARY                                                                 \
	ARGUMENT_OPTION("boundary", "PermissionsBoundary", "ARN", ARGUMENT_TEXT, \
			"policy that bounds what others may allow")
#define DURATION                                                                          \
	ARGUMENT_OPTION("max-session", "MaxSessionDuration", "SECONDS", ARGUMENT_INTEGER, \
			"longest session, 3600 to 43200; 3600")
#define TRUST(row)                                      \
	row("trust", "Document", "FILE", ARGUMENT_FILE, \
	    "trust policy: who may assume it; - is stdin")
#define DOCUMENT(row) row("document", "Document", "FILE", ARGUMENT_FILE, "the policy; - is stdin")

static const struct argument only_name[] = {NAME, ACCOUNT, ARGUMENTS_END};
static const struct argument only_self[] = {NAME, ARGUMENTS_END};
static const struct argument listed[] = {
	ACCOUNT,
	ARGUMENT_OPTION("limit", "Limit", "COUNT", ARGUMENT_INTEGER,
			"one page of so many; else all"),
	ARGUMENT_OPTION("marker", "Marker", "MARKER", ARGUMENT_TEXT,
			"the page behind: NextMarker of the one before"),
	ARGUMENTS_END};

static const struct argument account_create[] = {ARGUMENT_WORD("Name", "ACCOUNT", "12 digits"),
						 DESCRIPTION, TAGS, ARGUMENTS_END};
static const struct argument user_create[] = {NAME, ACCOUNT,  DESCRIPTION,
					      TAGS, BOUNDARY, ARGUMENTS_END};
static const struct argument group_create[] = {NAME, ACCOUNT, DESCRIPTION, ARGUMENTS_END};
static const struct argument role_create[] = {
	NAME,     TRUST(ARGUMENT_NEEDED), ACCOUNT, DESCRIPTION, TAGS, BOUNDARY,
	DURATION, ARGUMENTS_END};
static const struct argument policy_create[] = {NAME, DOCUMENT(ARGUMENT_NEEDED), ACCOUNT,
						DESCRIPTION, ARGUMENTS_END};
static const struct argument service_create[] = {
	ARGUMENT_WORD("Name", "SERVICE", "rds.us-east-1.amazonaws.com"), ACCOUNT, DESCRIPTION,
	ARGUMENTS_END};

static const struct argument described[] = {NAME, ACCOUNT, DESCRIPTION, ARGUMENTS_END};
static const struct argument role_update[] = {
	NAME, TRUST(ARGUMENT_OPTION), ACCOUNT, DESCRIPTION, DURATION, ARGUMENTS_END};
static const struct argument policy_update[] = {NAME, DOCUMENT(ARGUMENT_OPTION), ACCOUNT,
						DESCRIPTION, ARGUMENTS_END};

static const struct argument inline_put[] = {NAME, POLICY_NAME, DOCUMENT(ARGUMENT_NEEDED), ACCOUNT,
					     ARGUMENTS_END};
static const struct argument inline_delete[] = {NAME, POLICY_NAME, ACCOUNT, ARGUMENTS_END};
static const struct argument attached[] = {NAME, POLICY_ARN, ACCOUNT, ARGUMENTS_END};
static const struct argument membership[] = {ARGUMENT_WORD("Group", "GROUP", "which group"),
					     ARGUMENT_WORD("Name", "USER", "which user"), ACCOUNT,
					     ARGUMENTS_END};
static const struct argument tagged[] = {
	NAME, ARGUMENT_NEEDED(NULL, "Tags", "KEY=VALUE", ARGUMENT_TAGS, "tags, added or changed"),
	ACCOUNT, ARGUMENTS_END};
static const struct argument untagged[] = {
	NAME, ARGUMENT_NEEDED(NULL, "TagKeys", "KEY", ARGUMENT_LIST, "tags to remove"), ACCOUNT,
	ARGUMENTS_END};

#define VERB(name_, operation_, summary_, arguments_)                              \
	{                                                                          \
		.name = (name_), .operation = (operation_), .summary = (summary_), \
		.arguments = (arguments_),                                         \
	}
#define CREATE(arguments_, next_)                                                       \
	{                                                                               \
		.name = "create", .operation = "CreateIdentity", .summary = "make one", \
		.arguments = (arguments_), .next = (next_),                             \
	}
#define LIST                                                                             \
	{                                                                                \
		.name = "list", .operation = "ListIdentities", .summary = "all of them", \
		.arguments = listed, .list = "Identities",                               \
	}
#define SHOW(arguments) VERB("show", "GetIdentity", "one, with everything that is known", arguments)
#define UPDATE(arguments) VERB("update", "UpdateIdentity", "change what it says", arguments)
#define DELETE(arguments) VERB("delete", "DeleteIdentity", "remove it", arguments)
#define INLINE_POLICIES                                                                         \
	VERB("put-policy", "PutIdentityPolicy", "add or replace an inline policy", inline_put), \
		VERB("delete-policy", "DeleteIdentityPolicy", "remove an inline policy",        \
		     inline_delete),                                                            \
		VERB("attach", "AttachIdentityPolicy", "attach a policy", attached),            \
		VERB("detach", "DetachIdentityPolicy", "detach a policy", attached)
#define BOUNDARIES                                                                               \
	VERB("set-boundary", "PutPermissionsBoundary", "bound what others may allow", attached), \
		VERB("delete-boundary", "DeletePermissionsBoundary", "lift the boundary",        \
		     only_name)
#define TAGGING                                                   \
	VERB("tag", "TagIdentity", "add or change tags", tagged), \
		VERB("untag", "UntagIdentity", "remove tags", untagged)

static const struct verb account_verbs[] = {CREATE(account_create,
						   "holdfast user create NAME --account {Name}\n"
						   "holdfast access-key create --root {Name}"),
					    LIST, SHOW(only_self), DELETE(only_self), VERBS_END};

static const struct verb user_verbs[] = {
	CREATE(user_create, "holdfast user put-policy {Name} POLICY --document FILE\n"
			    "holdfast access-key create --user {Name} --profile {Name}"),
	LIST,
	SHOW(only_name),
	UPDATE(described),
	INLINE_POLICIES,
	BOUNDARIES,
	TAGGING,
	DELETE(only_name),
	VERBS_END};

static const struct verb group_verbs[] = {
	CREATE(group_create, "holdfast group add-user {Name} USER"),
	LIST,
	SHOW(only_name),
	UPDATE(described),
	VERB("add-user", "AddUserToGroup", "let a user have what the group may", membership),
	VERB("remove-user", "RemoveUserFromGroup", "take it away again", membership),
	INLINE_POLICIES,
	DELETE(only_name),
	VERBS_END};

static const struct verb role_verbs[] = {
	CREATE(role_create, "holdfast role put-policy {Name} POLICY --document FILE"),
	LIST,
	SHOW(only_name),
	UPDATE(role_update),
	INLINE_POLICIES,
	BOUNDARIES,
	TAGGING,
	DELETE(only_name),
	VERBS_END};

static const struct verb policy_verbs[] = {CREATE(policy_create, "holdfast user attach USER {Arn}"),
					   LIST,
					   SHOW(only_name),
					   UPDATE(policy_update),
					   TAGGING,
					   DELETE(only_name),
					   VERBS_END};

static const struct verb service_verbs[] = {
	CREATE(service_create, "holdfast access-key create --service {Name}"),
	LIST,
	SHOW(only_self),
	UPDATE(described),
	TAGGING,
	DELETE(only_self),
	VERBS_END};

const struct command cmd_account = {
	.name = "account",
	.summary = "accounts: each has keys and identities of its own",
	.kind = "account",
	.verbs = account_verbs,
};
const struct command cmd_user = {
	.name = "user",
	.summary = "users, their policies, boundaries and tags",
	.kind = "user",
	.verbs = user_verbs,
};
const struct command cmd_group = {
	.name = "group",
	.summary = "groups of users, and their policies",
	.kind = "group",
	.verbs = group_verbs,
};
const struct command cmd_role = {
	.name = "role",
	.summary = "roles, who may assume them and what they may then",
	.kind = "role",
	.verbs = role_verbs,
};
const struct command cmd_policy = {
	.name = "policy",
	.summary = "policies to attach to users, groups and roles",
	.kind = "policy",
	.verbs = policy_verbs,
};
const struct command cmd_service = {
	.name = "service",
	.summary = "services that use keys for others: rds.us-east-1.amazonaws.com",
	.kind = "service",
	.verbs = service_verbs,
};
