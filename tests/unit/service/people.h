/* SPDX-License-Identifier: Apache-2.0 */
/* Identities that tests make in a store, under ids made of their names. */
#ifndef HOLDFAST_TESTS_UNIT_SERVICE_PEOPLE_H
#define HOLDFAST_TESTS_UNIT_SERVICE_PEOPLE_H

#include "fixture.h"

#define PEOPLE_ARN(rest) "arn:aws:iam::" WORLD_ACCOUNT ":" rest
#define PEOPLE_ADMINISTRATOR "arn:aws:iam::aws:policy/AdministratorAccess"
#define PEOPLE_ALLOW(action)                                                                    \
	"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"" action \
	"\",\"Resource\":\"*\"}]}"

/* Members of struct auth_details; of literals. */
#define INLINE(name_, text_)                                                        \
	.policies = (struct auth_named_text[]){{(char[]){name_}, (char[]){text_}}}, \
	.policy_count = 1
#define ATTACHED(arn) .attached = (char *[]){(char[]){arn}}, .attached_count = 1
#define GROUP(name) .groups = (char *[]){(char[]){name}}, .group_count = 1
#define DOCUMENT(text) .document = people_text((char[sizeof(text)]){text})
#define NOTHING .description = NULL

static inline char *people_text(char *text)
{
	return text;
}

/* In WORLD_ACCOUNT. */
#define people_make(identities, kind, name, ...)                    \
	people_make_in((identities), WORLD_ACCOUNT, (kind), (name), \
		       &(const struct auth_details){__VA_ARGS__})
#define people_change(identities, kind, name, ...) \
	people_change_to((identities), (kind), (name), &(const struct auth_details){__VA_ARGS__})

void people_make_in(const struct auth_identities *identities, const char *account,
		    enum auth_identity_kind kind, const char *name,
		    const struct auth_details *given);
void people_change_to(const struct auth_identities *identities, enum auth_identity_kind kind,
		      const char *name, const struct auth_details *given);
void people_delete(const struct auth_identities *identities, enum auth_identity_kind kind,
		   const char *name);

/* Good until the next call. */
const char *people_id(enum auth_identity_kind kind, const char *name);

/* Of WORLD_ACCOUNT, with account, id and name. */
struct auth_principal people_principal(enum auth_principal_type type, const char *name);

#endif
