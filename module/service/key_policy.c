/* SPDX-License-Identifier: Apache-2.0 */
#include "service/key_policy.h"

#include "base/ascii.h"
#include "base/text.h"
#include "service/core.h"
#include "service/input.h"
#include "service/permission.h"
#include "service/shapes.h"
#include "service/subjects.h"

#define DEFAULT_POLICY_MAX 1024

static bool is_policy_text(struct view value)
{
	return shape_is_latin(value, true);
}

static const struct schema_pattern pattern = {"[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+",
					      is_policy_text};
const struct schema_shape shape_policy = {.type = SCHEMA_STRING,
					  .has_min = true,
					  .min = 1,
					  .has_max = true,
					  .max = 131072,
					  .pattern = &pattern};

static bool is_policy_name(struct view value)
{
	return ascii_consists_of(value, ASCII_ALPHANUMERIC, VIEW_LITERAL("_"));
}

static const struct schema_pattern name_pattern = {"[\\w]+", is_policy_name};
const struct schema_shape shape_policy_name = {.type = SCHEMA_STRING,
					       .has_min = true,
					       .min = 1,
					       .has_max = true,
					       .max = 128,
					       .pattern = &name_pattern};

NODISCARD struct err key_policy_check_name(struct call_work *work)
{
	if (input_member(work, "PolicyName") == NULL ||
	    view_equal_text(input_text(work, "PolicyName"), KEY_POLICY_NAME))
		return OK;
	return work_refuse(work, ERR(E_KMS_NOT_FOUND), "No such policy exists");
}

static struct err refuse(struct call_work *work, const char *why)
{
	return work_refuse(work, ERR(E_KMS_MALFORMED_POLICY), "%s", why);
}

static struct err compile(struct call_work *work, struct view document, struct auth_policy **out)
{
	char message[AUTH_POLICY_MESSAGE_MAX];
	if (document.len > KMS_POLICY_MAX)
		return work_refuse(work, ERR(E_KMS_LIMIT),
				   "The policy document must not exceed %d bytes.", KMS_POLICY_MAX);
	struct err e = auth_policy_compile(AUTH_POLICY_KEY, document, out, message);
	return err_is(e, E_KMS_MALFORMED_POLICY) ? refuse(work, message) : e;
}

/* What AWS shows for a principal that was there once: kept unique ids, never used again. */
static struct err find_by_id(const struct service *service, struct view id)
{
	const struct auth_identities *identities = &service->options.identities;
	REQUIRE(id.len == AUTH_PRINCIPAL_ID_LEN, E_NOT_FOUND);
	struct auth_identity found = {0};
	TRY(identities->load_by_id(identities->self, id, &found));
	enum auth_identity_kind kind = found.kind;
	auth_identity_cleanup(&found);
	REQUIRE(kind == AUTH_KIND_USER || kind == AUTH_KIND_ROLE, E_NOT_FOUND);
	return OK;
}

/* E_NOT_FOUND, E_FORMAT: there is none of that name. */
static struct err find_principal(const struct service *service,
				 const struct auth_policy_principal *named)
{
	struct auth_principal found;
	if (named->kind == AUTH_NAMES_EVERYBODY)
		return OK;
	if (named->kind == AUTH_NAMES_SERVICE)
		return auth_name_check(AUTH_KIND_SERVICE, named->text);
	struct err e = subjects_find(service->subjects, named->text, &found);
	return err_is(e, E_FORMAT) ? find_by_id(service, named->text) : e;
}

static struct err check_principals(struct call_work *work, const struct auth_policy *policy)
{
	struct auth_policy_principal named;
	for (size_t at = 0; auth_policy_principal_at(policy, at, &named); at++) {
		struct err e = find_principal(work->service, &named);
		if (err_is(e, E_NOT_FOUND) || err_is(e, E_FORMAT) || err_is(e, E_BOUNDS))
			return refuse(work, "Policy contains a statement with one or more invalid "
					    "principals.");
		TRY(e);
	}
	return OK;
}

/* KMS API: BypassPolicyLockoutSafetyCheck. */
static struct err check_lockout(struct call_work *work, const struct permission_case *wanted)
{
	bool allowed = false;
	if (input_bool(work, "BypassPolicyLockoutSafetyCheck"))
		return OK;
	TRY(permission_foresee(work, wanted, &allowed));
	if (allowed)
		return OK;
	return refuse(work, "The new key policy will not allow you to update the key policy in the "
			    "future.");
}

NODISCARD struct err key_policy_check(struct call_work *work, const char *member,
				      const struct kms_key *key)
{
	if (input_member(work, member) == NULL)
		return OK;
	CLEANUP(auth_policy_free) struct auth_policy *policy = NULL;
	TRY(compile(work, input_text(work, member), &policy));
	TRY(check_principals(work, policy));
	return check_lockout(work, &(const struct permission_case){key, policy});
}

static struct err write_default(const struct kms_scope *scope, char out[DEFAULT_POLICY_MAX])
{
	return text_format(out, DEFAULT_POLICY_MAX,
			   "{\n  \"Version\" : \"2012-10-17\",\n  \"Id\" : \"key-default-1\",\n"
			   "  \"Statement\" : [ {\n    \"Sid\" : \"Enable IAM User Permissions\",\n"
			   "    \"Effect\" : \"Allow\",\n    \"Principal\" : {\n"
			   "      \"AWS\" : \"arn:%s:iam::%s:root\"\n    },\n"
			   "    \"Action\" : \"kms:*\",\n    \"Resource\" : \"*\"\n  } ]\n}",
			   scope->partition, scope->account);
}

NODISCARD struct err key_policy_default(const struct kms_scope *scope, char **out)
{
	char policy[DEFAULT_POLICY_MAX];
	TRY(write_default(scope, policy));
	return text_new(view_of_text(policy), out);
}

NODISCARD struct err key_policy_new(const struct call_work *work, const char *member, char **out)
{
	if (input_member(work, member) != NULL)
		return text_new(input_text(work, member), out);
	return key_policy_default(&work->home, out);
}
