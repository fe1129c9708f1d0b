/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grants of keys in memory, found by who asks and in which encryption context, so that a lookup
 * does not slow down with their number: all grants of a key are loaded when one is first asked for,
 * and kept current with each commit. Bounded; keys not asked for lately are forgotten.
 */
#ifndef HOLDFAST_SERVICE_GRANTS_H
#define HOLDFAST_SERVICE_GRANTS_H

#include "auth/grant.h"
#include "auth/principal.h"
#include "kms/grants.h"

struct grants;
struct grant_node;

struct grants_options {
	struct kms_grants store;
	size_t grants_max; /* 0: 500,000; in memory, of all keys; a key without any counts as one.
			      The key asked for last stays, however many it has */
};

/* *out owned by the caller, grants_free(). */
NODISCARD struct err grants_new(const struct grants_options *options, struct grants **out);
void grants_free(struct grants **grants);

struct grants_query {
	const struct kms_scope *scope; /* of the key */
	const struct kms_key_id *key_id;
	const struct auth_principal *principal;
	uint32_t operation; /* enum kms_grant_operation */
	bool takes_context;
	const struct auth_pairs *context; /* of the request, in ascending order of names */
	const struct auth_grant *child;   /* CreateGrant: only grants that the new one narrows; or
					     NULL */
	bool may_block;
};

/* At most this many are handed out, each one that permits the operation: one to the principal
 * itself, one to its role, one to its account. */
#define GRANTS_FOUND_MAX 3
struct grants_found {
	struct auth_grant grants[GRANTS_FOUND_MAX]; /* for auth_decide(); only these: */
	size_t count;
	struct grant_node *held[GRANTS_FOUND_MAX];
};
void grants_found_cleanup(struct grants_found *found);

/*
 * Grants that permit this (candidates are chosen by index, and checked with auth_grant_permits()).
 * `found` keeps what it hands out alive. E_WOULD_BLOCK when the key's grants are not in memory and
 * `may_block` is false; what the store answers. Thread-safe.
 */
NODISCARD struct err grants_find(struct grants *grants, const struct grants_query *query,
				 struct grants_found *found);

/* After a commit, before the reply. */
void grants_added(struct grants *grants, const struct kms_grant *grant);
void grants_removed(struct grants *grants, const struct kms_grant *grant);
/* All of one key; of all keys: something may have changed in the store. */
void grants_drop(struct grants *grants, const struct kms_key_id *key_id);
void grants_drop_all(struct grants *grants);

size_t grants_count(struct grants *grants); /* in memory */

#endif
