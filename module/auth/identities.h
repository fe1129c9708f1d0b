/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port: identities, their access keys and sessions, with wrapped secrets. store/ implements it;
 * service/ unwraps.
 *
 * All functions block, are thread-safe and are atomic and durable when they return OK. Rows are
 * sealed and verified as kms/store.h says (same errors), and a change takes the audit record of the
 * call that made it into its own transaction (`record` NULL: there is no call).
 */
#ifndef HOLDFAST_AUTH_IDENTITIES_H
#define HOLDFAST_AUTH_IDENTITIES_H

#include "auth/identity.h"
#include "auth/principal.h"
#include "base/buf.h"
#include "base/secret.h"

#define AUTH_WRAPPED_MAX 256 /* bytes of a wrapped secret access key, header included */
#define AUTH_TOKEN_HASH_LEN 32
#define AUTH_SESSION_POLICY_MAX 2048 /* STS API: unrestrictedSessionPolicyDocumentType */
#define AUTH_IDENTITY_PAGE_MAX 1000

enum auth_access_key_status { AUTH_KEY_ACTIVE = 1, AUTH_KEY_INACTIVE = 2 };

/* A finished audit record: kms/store.h has the same for changes of keys. Borrowed. */
struct auth_change_record {
	const char *event_id;
	struct view line;
};

/* One access key, with the identity it belongs to: a user, an account (its root) or a service. */
struct auth_access_key {
	struct auth_principal principal; /* account, id and access_key_id are stored; loading fills
					    in the rest from the identity */
	enum auth_access_key_status status;
	int64_t created_ms;
	uint8_t wrapped[AUTH_WRAPPED_MAX]; /* sealed by the token; AAD account ‖ principal id ‖
					      access key id */
	size_t wrapped_len;
};

/* Temporary credentials: for a role, or for a service acting for somebody. */
struct auth_session {
	struct auth_principal principal; /* as it is when they are used, access_key_id included */
	uint8_t token_hash[AUTH_TOKEN_HASH_LEN];  /* SHA-256 of the session token's text */
	char policy[AUTH_SESSION_POLICY_MAX + 1]; /* session policy; "" without */
	uint8_t wrapped[AUTH_WRAPPED_MAX];
	size_t wrapped_len;
};

struct auth_identity_page {
	struct auth_identity *identities; /* auth_identity_page_cleanup() */
	size_t count;
	bool more;
};
void auth_identity_page_cleanup(struct auth_identity_page *page);

struct auth_identity_query {
	enum auth_identity_kind kind;
	struct view account;
	struct view after; /* a name; empty: from the start */
	size_t limit;      /* 1..AUTH_IDENTITY_PAGE_MAX */
};

/* Sessions of an account behind `after`, an access key id; in ascending order of these. */
struct auth_session_query {
	struct view account;
	struct view after; /* empty: from the start */
	size_t limit; /* 1..AUTH_IDENTITY_PAGE_MAX + 1: one more tells whether there are more */
};

/* IAM API: AccessKeyLastUsed. Advisory, not sealed. */
struct auth_key_use {
	char access_key_id[AUTH_ACCESS_KEY_ID_LEN + 1];
	int64_t time_ms;
	char service[16]; /* "kms", "sts" */
};

struct auth_identities {
	/* E_EXISTS: kind and name in the account, or (services, accounts) anywhere; id or ARN. IAM
	 * API: names "are not distinguished by case". */
	NODISCARD struct err (*create)(void *self, const struct auth_identity *identity,
				       const struct auth_change_record *record);
	/* Stores it where the stored revision is one less; else E_STORE_CONFLICT. */
	NODISCARD struct err (*update)(void *self, const struct auth_identity *identity,
				       const struct auth_change_record *record);
	/* As seen, with its sessions and (services) those in which it acts for others;
	 * E_STORE_CONFLICT when it moved, or still has access keys, or (accounts) other identities
	 * or keys. */
	NODISCARD struct err (*remove)(void *self, const struct auth_identity *seen,
				       const struct auth_change_record *record);
	/* E_NOT_FOUND. A service is found by its name in any account: `account` empty. */
	NODISCARD struct err (*load)(void *self, enum auth_identity_kind kind, struct view account,
				     struct view name, struct auth_identity *out);
	NODISCARD struct err (*load_by_id)(void *self, struct view id, struct auth_identity *out);
	/* Of one kind, in ascending order of names, behind `after`; of one account, or (services,
	 * accounts) of all when `account` is empty. */
	NODISCARD struct err (*list)(void *self, const struct auth_identity_query *query,
				     struct auth_identity_page *out);

	/* E_NOT_FOUND. The principal whole: type, ARN and name from its identity. */
	NODISCARD struct err (*access_key_load)(void *self, struct view access_key_id,
						struct auth_access_key *out);
	/* E_EXISTS; E_NOT_FOUND without the identity, or when it is of a kind without access keys;
	 * E_KMS_LIMIT above AUTH_ACCESS_KEYS_MAX. */
	NODISCARD struct err (*access_key_add)(void *self, const struct auth_access_key *key,
					       const struct auth_change_record *record);
	/* The status alone changes; E_NOT_FOUND when another value is not as it is stored. */
	NODISCARD struct err (*access_key_update)(void *self, const struct auth_access_key *key,
						  const struct auth_change_record *record);
	/* With its uses. E_NOT_FOUND. */
	NODISCARD struct err (*access_key_remove)(void *self, struct view access_key_id,
						  const struct auth_change_record *record);
	/* Of one identity, oldest first; `out` has room for AUTH_ACCESS_KEYS_MAX. E_NOT_FOUND
	 * without the identity. */
	NODISCARD struct err (*access_key_list)(void *self, struct view identity_id,
						struct auth_access_key *out, size_t *count);
	/* Keeps the newest of each; one that is gone is no failure. Loading: E_NOT_FOUND when it
	 * was never used. */
	NODISCARD struct err (*key_use_save)(void *self, const struct auth_key_use *uses,
					     size_t count);
	NODISCARD struct err (*key_use_load)(void *self, struct view access_key_id,
					     struct auth_key_use *out);

	/* E_EXISTS; E_NOT_FOUND without the identity. */
	NODISCARD struct err (*session_add)(void *self, const struct auth_session *session,
					    const struct auth_change_record *record);
	NODISCARD struct err (*session_load)(void *self, struct view access_key_id,
					     struct auth_session *out); /* E_NOT_FOUND */
	/* E_NOT_FOUND. */
	NODISCARD struct err (*session_remove)(void *self, struct view access_key_id,
					       const struct auth_change_record *record);
	/* *out mem_free(). */
	NODISCARD struct err (*session_list)(void *self, const struct auth_session_query *query,
					     struct auth_session **out, size_t *count);
	/* Forgets sessions that ended before now_ms. */
	NODISCARD struct err (*session_sweep)(void *self, int64_t now_ms);

	/*
	 * Rows of stores before schema 3, which knew principals alone: makes the identity of each
	 * that has none, and the account's, in one transaction. Once at a start.
	 */
	NODISCARD struct err (*adopt)(void *self, const char *partition, const char *account,
				      int64_t now_ms);

	/* Removes every identity: only for an --init that repeats an interrupted one. */
	NODISCARD struct err (*clear)(void *self);
	void *self;
};

#endif
