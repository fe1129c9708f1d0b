/* SPDX-License-Identifier: Apache-2.0 */
#include "service/identity_document.h"

#include "auth/managed.h"
#include "auth/policy.h"
#include "base/text.h"
#include "service/core.h"
#include "service/identity_told.h"
#include "service/input.h"
#include "service/subjects.h"

size_t identity_document_size(struct view document)
{
	size_t size = 0;
	for (size_t i = 0; i < document.len; i++) {
		uint8_t c = document.ptr[i];
		size += c != ' ' && c != '\t' && c != '\n' && c != '\r';
	}
	return size;
}

static struct err compile(struct call_work *work, const char *member, enum auth_policy_kind kind,
			  struct auth_policy **out)
{
	char message[AUTH_POLICY_MESSAGE_MAX] = "";
	struct view document = input_text(work, member);
	if (document.len > AUTH_POLICY_BYTES_MAX) /* nearly all of it white space */
		return work_refuse(work, ERR(E_IAM_LIMIT),
				   "%s must not exceed %d bytes, white space included.", member,
				   AUTH_POLICY_BYTES_MAX);
	struct err e = auth_policy_compile(kind, document, out, message);
	if (err_is(e, E_KMS_MALFORMED_POLICY))
		return work_refuse(work, ERR(E_IAM_MALFORMED_POLICY), "%s: %s", member, message);
	return e;
}

NODISCARD struct err identity_document_check_inline(struct call_work *work, const char *member)
{
	CLEANUP(auth_policy_free) struct auth_policy *policy = NULL;
	return compile(work, member, AUTH_POLICY_IDENTITY, &policy);
}

/* --- an identity's own document --- */

static const struct own {
	enum auth_policy_kind kind;
	size_t size_max;
	const char *quota;
} owns[AUTH_KIND_COUNT] = {
	[AUTH_KIND_ROLE] = {AUTH_POLICY_TRUST, AUTH_TRUST_POLICY_MAX, "ACLSizePerRole"},
	[AUTH_KIND_POLICY] = {AUTH_POLICY_IDENTITY, AUTH_MANAGED_POLICY_MAX, "PolicySize"},
};

NODISCARD struct err identity_document_check(struct call_work *work, const char *member,
					     enum auth_identity_kind whose)
{
	if (input_member(work, member) == NULL)
		return OK;
	const struct own *own = &owns[whose];
	CLEANUP(auth_policy_free) struct auth_policy *policy = NULL;
	ENSURE(own->size_max > 0);
	if (identity_document_size(input_text(work, member)) > own->size_max)
		return work_refuse(work, ERR(E_IAM_LIMIT), "Cannot exceed quota for %s: %zu",
				   own->quota, own->size_max);
	return compile(work, member, own->kind, &policy);
}

/* --- whom a role trusts --- */

static struct err refuse_principal(struct call_work *work,
				   const struct auth_policy_principal *principal)
{
	const char *type = principal->kind == AUTH_NAMES_SERVICE ? "SERVICE" : "AWS";
	return work_refuse(work, ERR(E_IAM_MALFORMED_POLICY),
			   "Invalid principal in policy: \"%s\":\"%.*s\" (Statement %zu)", type,
			   (int)principal->text.len, (const char *)principal->text.ptr,
			   principal->statement + 1);
}

/* IAM User Guide, "AWS JSON policy elements: Principal". A service is somebody's elsewhere, so its
 * name need only be one; everybody is nobody in particular. */
static struct err check_principal(struct call_work *work,
				  const struct auth_policy_principal *principal)
{
	struct auth_principal found;
	struct err e = OK;
	if (principal->kind == AUTH_NAMES_SERVICE)
		e = auth_name_check(AUTH_KIND_SERVICE, principal->text);
	else if (principal->kind == AUTH_NAMES_AWS)
		e = subjects_find(work->service->subjects, principal->text, &found);
	if (err_is(e, E_FORMAT) || err_is(e, E_NOT_FOUND))
		return refuse_principal(work, principal);
	return e;
}

NODISCARD struct err identity_document_check_principals(struct call_work *work, const char *member,
							enum auth_identity_kind whose)
{
	if (owns[whose].kind != AUTH_POLICY_TRUST || input_member(work, member) == NULL)
		return OK;
	CLEANUP(auth_policy_free) struct auth_policy *policy = NULL;
	struct auth_policy_principal principal;
	TRY(compile(work, member, AUTH_POLICY_TRUST, &policy));
	for (size_t at = 0; auth_policy_principal_at(policy, at, &principal); at++)
		TRY(check_principal(work, &principal));
	return OK;
}

/* --- ARNs --- */

static bool is_built_in(const struct call_work *work, const struct auth_name *name, struct view arn)
{
	struct view rest = arn;
	(void)view_cut(&rest, ':');
	return name->account[0] == '\0' &&
	       auth_managed_document(view_of_text(name->name)) != NULL &&
	       view_equal_text(view_cut(&rest, ':'),
			       work->service->options.installation.scope.partition);
}

static struct err refuse_arn(struct call_work *work, struct view arn)
{
	return work_refuse(work, ERR(E_IAM_NO_SUCH_ENTITY),
			   "Policy %.*s does not exist or is not attachable.", (int)arn.len,
			   (const char *)arn.ptr);
}

NODISCARD struct err identity_document_check_arn(struct call_work *work, const char *member,
						 const char *account)
{
	struct view arn = input_text(work, member);
	const char *partition = work->service->options.installation.scope.partition;
	struct auth_name name;
	char own[AUTH_ARN_MAX + 1];
	if (err_failed(auth_policy_arn_parse(arn, &name)))
		return refuse_arn(work, arn);
	if (is_built_in(work, &name, arn))
		return OK;
	struct work_identity which = {.kind = AUTH_KIND_POLICY};
	TRY(text_copy(which.account, sizeof which.account, view_of_text(account)));
	TRY(text_copy(which.name, sizeof which.name, view_of_text(name.name)));
	TRY(auth_arn_format(AUTH_KIND_POLICY, partition, account, name.name, own));
	if (!view_equal_text(arn, own)) /* another account's, or another partition's */
		return refuse_arn(work, arn);
	struct err e = identity_told_check(work, &which);
	return err_is(e, E_IAM_NO_SUCH_ENTITY) ? refuse_arn(work, arn) : e;
}
