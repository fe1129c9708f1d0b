/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of identities: kinds, the rules for each kind's names, ARNs both ways. Pure; whether such
 * an identity exists is not known here. Strict: one written form of each, and nothing besides.
 */
#include "auth/identity.h"

#include "base/ascii.h"
#include "base/text.h"

#define LABEL_MAX 63       /* RFC 1035 §2.3.4 */
#define REGION_WORD_MAX 16 /* "northeast" is the longest today */
#define REGION_NUMBER_MAX 2
#define SESSION_NAME_MIN 2 /* STS API: roleSessionNameType */
#define ROLE_NAME_MAX 64   /* IAM API: roleNameType */
#define USER_NAME_MAX 64   /* IAM API: userNameType */
#define SERVICE_DOMAIN VIEW_LITERAL(".amazonaws.com")
#define SERVICE_DOMAIN_CHINA VIEW_LITERAL(".amazonaws.com.cn")
#define BUILT_IN_ACCOUNT "aws" /* of the ARNs of policies that are there without being made */

static bool consists_of(struct view text, unsigned classes, size_t min, size_t max)
{
	return text.len >= min && text.len <= max && ascii_consists_of(text, classes, VIEW_NONE);
}

/* IAM API: names are [\w+=,.@-]+ */
static bool is_name(struct view text, size_t min, size_t max)
{
	return text.len >= min && text.len <= max &&
	       ascii_consists_of(text, ASCII_ALPHANUMERIC, VIEW_LITERAL("_+=,.@-"));
}

static bool ends_with(struct view text, struct view end)
{
	return text.len >= end.len && view_equal(view_part(text, text.len - end.len, end.len), end);
}

/* --- services --- */

static bool is_label(struct view text)
{
	return text.len <= LABEL_MAX &&
	       ascii_consists_of(text, ASCII_LOWER | ASCII_DIGIT, VIEW_LITERAL("-")) &&
	       text.ptr[0] != '-' && text.ptr[text.len - 1] != '-';
}

/* us-east-1, us-gov-west-1: two letters, perhaps "gov", a word, a number. */
static bool is_region(struct view text)
{
	struct view country = view_cut(&text, '-');
	struct view word = view_cut(&text, '-');
	if (view_equal_text(word, "gov"))
		word = view_cut(&text, '-');
	return consists_of(country, ASCII_LOWER, 2, 2) &&
	       consists_of(word, ASCII_LOWER, 1, REGION_WORD_MAX) &&
	       consists_of(text, ASCII_DIGIT, 1, REGION_NUMBER_MAX) && text.ptr[0] != '0';
}

static bool is_service(struct view text)
{
	bool china = ends_with(text, SERVICE_DOMAIN_CHINA);
	struct view domain = china ? SERVICE_DOMAIN_CHINA : SERVICE_DOMAIN;
	if (text.len > AUTH_NAME_MAX || !ends_with(text, domain))
		return false;
	struct view rest = view_part(text, 0, text.len - domain.len);
	struct view service = view_cut(&rest, '.');
	/* A Region by itself is a name that lacks its service. */
	return is_label(service) && !is_region(service) && (rest.ptr == NULL || is_region(rest));
}

/* --- kinds --- */

static bool is_account(struct view text)
{
	return consists_of(text, ASCII_DIGIT, AUTH_ACCOUNT_LEN, AUTH_ACCOUNT_LEN);
}

static bool is_user(struct view text)
{
	return is_name(text, 1, USER_NAME_MAX);
}

static bool is_role(struct view text)
{
	return is_name(text, 1, ROLE_NAME_MAX);
}

static bool is_group_or_policy(struct view text)
{
	return is_name(text, 1, AUTH_NAME_MAX);
}

static bool is_session(struct view text)
{
	return is_name(text, SESSION_NAME_MIN, AUTH_SESSION_NAME_MAX);
}

static const struct kind_row {
	const char *name;
	const char *resource; /* in its ARN, before its name */
	bool (*is_name)(struct view text);
} kinds[AUTH_KIND_COUNT] = {
	[AUTH_KIND_ACCOUNT] = {"account", "root", is_account},
	[AUTH_KIND_USER] = {"user", "user/", is_user},
	[AUTH_KIND_GROUP] = {"group", "group/", is_group_or_policy},
	[AUTH_KIND_ROLE] = {"role", "role/", is_role},
	[AUTH_KIND_SERVICE] = {"service", "", is_service},
	[AUTH_KIND_POLICY] = {"policy", "policy/", is_group_or_policy},
};

static const char *const partitions[] = {"aws", "aws-cn", "aws-us-gov"};

static bool is_kind(enum auth_identity_kind kind)
{
	return kind > 0 && kind < AUTH_KIND_COUNT;
}

const char *auth_kind_name(enum auth_identity_kind kind)
{
	return is_kind(kind) ? kinds[kind].name : "";
}

NODISCARD struct err auth_kind_parse(struct view name, enum auth_identity_kind *out)
{
	for (unsigned kind = AUTH_KIND_ACCOUNT; kind < AUTH_KIND_COUNT; kind++) {
		if (view_equal_text(name, kinds[kind].name)) {
			*out = (enum auth_identity_kind)kind;
			return OK;
		}
	}
	return ERR(E_FORMAT);
}

NODISCARD struct err auth_name_check(enum auth_identity_kind kind, struct view name)
{
	REQUIRE(is_kind(kind) && kinds[kind].is_name(name), E_FORMAT);
	return OK;
}

/* --- ARNs --- */

static bool is_partition(struct view text)
{
	for (size_t i = 0; i < ARRAY_LEN(partitions); i++)
		if (view_equal_text(text, partitions[i]))
			return true;
	return false;
}

NODISCARD struct err auth_arn_format(enum auth_identity_kind kind, const char *partition,
				     const char *account, const char *name,
				     char out[AUTH_ARN_MAX + 1])
{
	TRY(auth_name_check(kind, view_of_text(name)));
	if (kind == AUTH_KIND_SERVICE)
		return text_copy(out, AUTH_ARN_MAX + 1, view_of_text(name));
	bool whole = kind == AUTH_KIND_ACCOUNT;
	const char *owner = whole ? name : account;
	REQUIRE(is_partition(view_of_text(partition)), E_FORMAT);
	REQUIRE(is_account(view_of_text(owner)), E_FORMAT);
	return text_format(out, AUTH_ARN_MAX + 1, "arn:%s:iam::%s:%s%s", partition, owner,
			   kinds[kind].resource, whole ? "" : name);
}

/* An ARN of IAM or STS, taken apart; neither has a Region. */
struct arn {
	struct view service;
	struct view account;
	struct view resource;
};

static struct err arn_parse(struct view text, struct arn *out)
{
	REQUIRE(text.len <= AUTH_ARN_MAX, E_FORMAT);
	REQUIRE(view_equal_text(view_cut(&text, ':'), "arn"), E_FORMAT);
	REQUIRE(is_partition(view_cut(&text, ':')), E_FORMAT);
	out->service = view_cut(&text, ':');
	struct view region = view_cut(&text, ':');
	out->account = view_cut(&text, ':');
	REQUIRE(region.len == 0 && text.ptr != NULL, E_FORMAT);
	out->resource = text;
	return OK;
}

static struct err put_name(enum auth_identity_kind kind, struct view name, struct auth_name *out)
{
	TRY(auth_name_check(kind, name));
	out->kind = kind;
	return text_copy(out->name, sizeof out->name, name);
}

/* assumed-role/<role>/<session> */
static struct err session_parse(const struct arn *arn, struct auth_name *out)
{
	struct view rest = arn->resource;
	REQUIRE(view_equal_text(view_cut(&rest, '/'), "assumed-role"), E_FORMAT);
	struct view role = view_cut(&rest, '/');
	REQUIRE(is_session(rest), E_FORMAT);
	TRY(text_copy(out->session, sizeof out->session, rest));
	return put_name(AUTH_KIND_ROLE, role, out);
}

/* root, user/<name>, role/<name>. Names have no paths here, and a name has no '/'. */
static struct err identity_parse(const struct arn *arn, struct auth_name *out)
{
	static const enum auth_identity_kind named[] = {AUTH_KIND_USER, AUTH_KIND_ROLE};
	if (view_equal_text(arn->resource, kinds[AUTH_KIND_ACCOUNT].resource))
		return put_name(AUTH_KIND_ACCOUNT, arn->account, out);
	for (size_t i = 0; i < ARRAY_LEN(named); i++) {
		struct view prefix = view_of_text(kinds[named[i]].resource);
		if (view_starts_with(arn->resource, prefix))
			return put_name(named[i],
					view_part(arn->resource, prefix.len, arn->resource.len),
					out);
	}
	return ERR(E_FORMAT);
}

static struct err principal_parse(struct view text, struct auth_name *out)
{
	struct arn arn;
	TRY(arn_parse(text, &arn));
	REQUIRE(is_account(arn.account), E_FORMAT);
	TRY(text_copy(out->account, sizeof out->account, arn.account));
	if (view_equal_text(arn.service, "iam"))
		return identity_parse(&arn, out);
	REQUIRE(view_equal_text(arn.service, "sts"), E_FORMAT);
	return session_parse(&arn, out);
}

NODISCARD struct err auth_name_parse(struct view text, struct auth_name *out)
{
	struct auth_name name = {.account = ""};
	if (is_service(text)) {
		TRY(put_name(AUTH_KIND_SERVICE, text, &name));
	} else if (is_account(text)) {
		TRY(text_copy(name.account, sizeof name.account, text));
		TRY(put_name(AUTH_KIND_ACCOUNT, text, &name));
	} else {
		TRY(principal_parse(text, &name));
	}
	*out = name;
	return OK;
}

NODISCARD struct err auth_policy_arn_parse(struct view text, struct auth_name *out)
{
	struct arn arn;
	struct auth_name name = {.account = ""};
	struct view prefix = view_of_text(kinds[AUTH_KIND_POLICY].resource);
	TRY(arn_parse(text, &arn));
	REQUIRE(view_equal_text(arn.service, "iam"), E_FORMAT);
	if (!view_equal_text(arn.account, BUILT_IN_ACCOUNT)) {
		REQUIRE(is_account(arn.account), E_FORMAT);
		TRY(text_copy(name.account, sizeof name.account, arn.account));
	}
	REQUIRE(view_starts_with(arn.resource, prefix), E_FORMAT);
	TRY(put_name(AUTH_KIND_POLICY, view_part(arn.resource, prefix.len, arn.resource.len),
		     &name));
	*out = name;
	return OK;
}
