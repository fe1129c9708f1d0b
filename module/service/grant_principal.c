/* SPDX-License-Identifier: Apache-2.0 */
#include "service/grant_principal.h"

#include "auth/identity.h"
#include "base/text.h"
#include "service/core.h"
#include "service/subjects.h"

#define SHOW(view) (int)(view).len, (const char *)(view).ptr

NODISCARD struct err grant_principal_find(struct call_work *work, struct view name,
					  struct auth_principal *out)
{
	struct err e = subjects_find(work->service->subjects, name, out);
	if (err_is(e, E_FORMAT))
		return work_refuse(work, ERR(E_KMS_INVALID_ARN), "Invalid arn %.*s", SHOW(name));
	if (err_is(e, E_NOT_FOUND))
		return work_refuse(work, ERR(E_KMS_INVALID_ARN),
				   "ARN does not refer to a valid principal: %.*s", SHOW(name));
	return e;
}

const char *grant_principal_id(const struct auth_principal *principal)
{
	bool lasting = principal->type == AUTH_USER || principal->type == AUTH_ROLE_SESSION;
	return lasting ? principal->id : "";
}

/* ARN of its root, in whatever partition, or the bare number. */
static bool is_account(const char *name, const char *account)
{
	struct auth_name parsed;
	return !err_failed(auth_name_parse(view_of_text(name), &parsed)) &&
	       parsed.kind == AUTH_KIND_ACCOUNT && text_equal(parsed.account, account);
}

enum grant_relation grant_relation_of(const char *name, const char *id,
				      const struct auth_principal *principal)
{
	bool same = text_equal(id, grant_principal_id(principal));
	switch (principal->type) {
	case AUTH_SERVICE:
		return same && text_equal(name, principal->arn) ? GRANT_TO_PRINCIPAL
								: GRANT_TO_NOBODY;
	case AUTH_USER:
	case AUTH_ROLE_SESSION:
		if (same && text_equal(name, principal->arn))
			return GRANT_TO_PRINCIPAL;
		if (same && principal->type == AUTH_ROLE_SESSION &&
		    text_equal(name, principal->role_arn))
			return GRANT_TO_ROLE;
		break;
	case AUTH_ROOT:
		break;
	case AUTH_OPERATOR:
		return GRANT_TO_NOBODY;
	}
	return id[0] == '\0' && is_account(name, principal->account) ? GRANT_TO_ACCOUNT
								     : GRANT_TO_NOBODY;
}

bool grant_principal_is_service(const char *name)
{
	return !err_failed(auth_name_check(AUTH_KIND_SERVICE, view_of_text(name)));
}
