/* SPDX-License-Identifier: Apache-2.0 */
#include "people.h"

#include "base/text.h"

const char *people_id(enum auth_identity_kind kind, const char *name)
{
	static const char *const prefixes[AUTH_KIND_COUNT] = {"",     "",     "AIDA", "AGPA",
							      "AROA", "AIDA", "ANPA"};
	static char id[AUTH_PRINCIPAL_ID_LEN + 1];
	assert_ok(text_format(id, sizeof id, "%s-%.16s", prefixes[kind], name));
	return kind == AUTH_KIND_ACCOUNT ? name : id;
}

void people_make_in(const struct auth_identities *identities, const char *account,
		    enum auth_identity_kind kind, const char *name,
		    const struct auth_details *given)
{
	struct auth_details details = *given;
	CLEANUP(auth_identity_cleanup)
	struct auth_identity identity = {.kind = kind, .revision = 1};
	details.description = (char[]){""};
	assert_ok(text_copy(identity.account, sizeof identity.account, view_of_text(account)));
	assert_ok(text_copy(identity.name, sizeof identity.name, view_of_text(name)));
	assert_ok(text_copy(identity.id, sizeof identity.id, view_of_text(people_id(kind, name))));
	assert_ok(auth_arn_format(kind, "aws", account, name, identity.arn));
	assert_ok(auth_details_write(&details, &identity.document));
	assert_ok(identities->create(identities->self, &identity, NULL));
}

void people_change_to(const struct auth_identities *identities, enum auth_identity_kind kind,
		      const char *name, const struct auth_details *given)
{
	CLEANUP(auth_identity_cleanup) struct auth_identity identity = {0};
	CLEANUP(auth_identity_cleanup) struct auth_identity changed = {0};
	struct auth_details details = *given;
	details.description = (char[]){""};
	assert_ok(identities->load(identities->self, kind, VIEW_LITERAL(WORLD_ACCOUNT),
				   view_of_text(name), &identity));
	changed = identity;
	changed.document = NULL;
	changed.revision++;
	assert_ok(auth_details_write(&details, &changed.document));
	assert_ok(identities->update(identities->self, &changed, NULL));
}

void people_delete(const struct auth_identities *identities, enum auth_identity_kind kind,
		   const char *name)
{
	CLEANUP(auth_identity_cleanup) struct auth_identity identity = {0};
	assert_ok(identities->load(identities->self, kind, VIEW_LITERAL(WORLD_ACCOUNT),
				   view_of_text(name), &identity));
	assert_ok(identities->remove(identities->self, &identity, NULL));
}

struct auth_principal people_principal(enum auth_principal_type type, const char *name)
{
	static const enum auth_identity_kind kinds[] = {
		[AUTH_ROOT] = AUTH_KIND_ACCOUNT,
		[AUTH_USER] = AUTH_KIND_USER,
		[AUTH_ROLE_SESSION] = AUTH_KIND_ROLE,
		[AUTH_SERVICE] = AUTH_KIND_SERVICE,
	};
	struct auth_principal principal = {.type = type, .account = WORLD_ACCOUNT};
	assert_ok(text_copy(principal.id, sizeof principal.id,
			    view_of_text(people_id(kinds[type], name))));
	assert_ok(text_copy(principal.name, sizeof principal.name, view_of_text(name)));
	return principal;
}
