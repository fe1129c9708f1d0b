/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts and what lives in them: users, groups, roles, services, policies. One identity is one
 * stored row: its name, and a document with everything that may change.
 */
#ifndef HOLDFAST_AUTH_IDENTITY_H
#define HOLDFAST_AUTH_IDENTITY_H

#include "auth/principal.h"
#include "base/buf.h"

/* Stored: never change a number. */
enum auth_identity_kind {
	AUTH_KIND_ACCOUNT = 1, /* name: the account's number. Its access keys are root's */
	AUTH_KIND_USER = 2,
	AUTH_KIND_GROUP = 3,
	AUTH_KIND_ROLE = 4,
	AUTH_KIND_SERVICE = 5, /* name: rds.us-east-1.amazonaws.com; unique among all accounts */
	AUTH_KIND_POLICY = 6,
	AUTH_KIND_COUNT
};
const char *auth_kind_name(enum auth_identity_kind kind); /* "user"; "" for no such kind */
NODISCARD struct err auth_kind_parse(struct view name, enum auth_identity_kind *out); /* E_FORMAT */

#define AUTH_DETAILS_MAX (96 << 10) /* bytes of the stored document */

/* IAM quotas. */
#define AUTH_INLINE_USER_MAX 2048 /* bytes of all inline policies, white space not counted */
#define AUTH_INLINE_GROUP_MAX 5120
#define AUTH_INLINE_ROLE_MAX 10240
#define AUTH_MANAGED_POLICY_MAX 6144
#define AUTH_TRUST_POLICY_MAX 2048
#define AUTH_ATTACHED_MAX 10
#define AUTH_GROUPS_MAX 10 /* of one user */
#define AUTH_TAGS_MAX 50
#define AUTH_ACCESS_KEYS_MAX 2 /* of one user */
#define AUTH_SESSION_SECONDS_MIN 900
#define AUTH_SESSION_SECONDS_DEFAULT 3600
#define AUTH_SESSION_SECONDS_MAX 43200

struct auth_identity {
	enum auth_identity_kind kind;
	char account[AUTH_ACCOUNT_LEN + 1];
	char name[AUTH_NAME_MAX + 1];
	char id[AUTH_PRINCIPAL_ID_LEN + 1]; /* unique for ever: AIDA, AGPA, AROA, ANPA and 17; of an
					       account its number */
	char arn[AUTH_ARN_MAX + 1];         /* of a service its name */
	int64_t created_ms;
	uint64_t revision; /* grows by one with every stored change */
	char *document;    /* struct auth_details as JSON; owned, never NULL */
};
void auth_identity_cleanup(struct auth_identity *identity);

struct auth_named_text {
	char *name;
	char *text;
};

/* What the document says. Everything owned; auth_details_cleanup(). */
struct auth_details {
	char *description; /* never NULL */
	char *document;    /* ROLE: its trust policy; POLICY: what it says; else NULL */
	char *boundary;    /* USER, ROLE: ARN of a policy; or NULL */
	struct auth_named_text *policies; /* inline; in order of names */
	size_t policy_count;
	struct auth_named_text *tags; /* in order of names */
	size_t tag_count;
	char **attached; /* ARNs of policies, in order */
	size_t attached_count;
	char **groups; /* USER: names, in order */
	size_t group_count;
	uint32_t session_seconds_max; /* ROLE */
};
void auth_details_cleanup(struct auth_details *details);

/* E_FORMAT, E_BOUNDS, E_NOMEM; nothing is owned then. */
NODISCARD struct err auth_details_parse(struct view document, struct auth_details *out);
NODISCARD struct err auth_details_write(const struct auth_details *details, char **out);

/* Every member of the name is checked: the rules of IAM for names, the parts of a service
 * principal's (service, Region, amazonaws.com). E_FORMAT. */
NODISCARD struct err auth_name_check(enum auth_identity_kind kind, struct view name);

/* The ARN that an identity of that name has; an account's is that of its root. Of accounts and
 * services `account` is not looked at. E_FORMAT when any part is not well formed. */
NODISCARD struct err auth_arn_format(enum auth_identity_kind kind, const char *partition,
				     const char *account, const char *name,
				     char out[AUTH_ARN_MAX + 1]);

/* What a principal's name in a policy, a grant or a command means: an identity, a session of a
 * role, or a whole account (ARN of root, or the bare number). */
struct auth_name {
	enum auth_identity_kind kind;            /* ACCOUNT, USER, ROLE, SERVICE */
	char account[AUTH_ACCOUNT_LEN + 1];      /* "" of a service */
	char name[AUTH_NAME_MAX + 1];            /* user, role, service; the number of an account */
	char session[AUTH_SESSION_NAME_MAX + 1]; /* ROLE: of arn:aws:sts::...:assumed-role; or "" */
};
NODISCARD struct err auth_name_parse(struct view text, struct auth_name *out); /* E_FORMAT */

/* The ARN of a managed policy: kind POLICY; account "" of a built-in one, whose ARN has "aws"
 * there. E_FORMAT. */
NODISCARD struct err auth_policy_arn_parse(struct view text, struct auth_name *out);

#endif
