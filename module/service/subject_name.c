/* SPDX-License-Identifier: Apache-2.0 */
/* From a principal's name, in a policy, a grant or a command, to the principal. */
#include "base/text.h"
#include "service/subject_snapshot.h"

/* What all kinds have from their row. */
static struct err put_identity(const struct auth_identity *identity, struct auth_principal *out)
{
	TRY(text_copy(out->account, sizeof out->account, view_of_text(identity->account)));
	TRY(text_copy(out->arn, sizeof out->arn, view_of_text(identity->arn)));
	TRY(text_copy(out->id, sizeof out->id, view_of_text(identity->id)));
	return text_copy(out->name, sizeof out->name, view_of_text(identity->name));
}

/* arn:<partition>:sts::<account>:assumed-role/<role>/<session>, when there is a session. */
static struct err put_session(const struct subjects_options *options,
			      const struct auth_identity *role, const char *session,
			      struct auth_principal *out)
{
	TRY(text_copy(out->role_arn, sizeof out->role_arn, view_of_text(role->arn)));
	TRY(text_copy(out->role_name, sizeof out->role_name, view_of_text(role->name)));
	TRY(text_copy(out->name, sizeof out->name, view_of_text(session)));
	if (session[0] == '\0')
		return OK;
	return text_format(out->arn, sizeof out->arn, "arn:%s:sts::%s:assumed-role/%s/%s",
			   options->partition, role->account, role->name, session);
}

static struct err put_principal(const struct subjects_options *options,
				const struct auth_identity *identity, const char *session,
				struct auth_principal *out)
{
	static const enum auth_principal_type types[AUTH_KIND_COUNT] = {
		[AUTH_KIND_ACCOUNT] = AUTH_ROOT,
		[AUTH_KIND_USER] = AUTH_USER,
		[AUTH_KIND_ROLE] = AUTH_ROLE_SESSION,
		[AUTH_KIND_SERVICE] = AUTH_SERVICE,
	};
	*out = (struct auth_principal){.type = types[identity->kind]};
	TRY(put_identity(identity, out));
	if (out->type == AUTH_ROOT)
		out->name[0] = '\0';
	return out->type == AUTH_ROLE_SESSION ? put_session(options, identity, session, out) : OK;
}

NODISCARD struct err subject_name_find(const struct subjects_options *options, struct view text,
				       struct auth_principal *out)
{
	const struct auth_identities *identities = &options->identities;
	CLEANUP(auth_identity_cleanup) struct auth_identity identity = {0};
	struct auth_principal principal;
	struct auth_name name;
	TRY(auth_name_parse(text, &name));
	TRY(identities->load(identities->self, name.kind, view_of_text(name.account),
			     view_of_text(name.name), &identity));
	ENSURE(identity.kind == name.kind);
	TRY(put_principal(options, &identity, name.session, &principal));
	/* An ARN of another partition names nobody here. */
	REQUIRE(view_equal_text(text, principal.arn) || view_equal_text(text, principal.account),
		E_NOT_FOUND);
	*out = principal;
	return OK;
}
