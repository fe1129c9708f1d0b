/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grants of one key, found by grantee, operation and encryption context in a time that does not
 * grow with their number. Not thread-safe: the owner locks. What was found may be kept and released
 * without the lock.
 *
 * A grantee's grants of one and the same constraint are one class. A class is found
 *   without a constraint     by the grantee alone;
 *   EncryptionContextEquals  by the whole context, hashed;
 *   EncryptionContextSubset  by one of its pairs: the one that the fewest other classes of the
 *                            grantee were found by when it was added.
 * Within a class, and for operations that take no context within a grantee, grants with the same
 * operations are one group, and the first of a group stands for all.
 */
#ifndef HOLDFAST_SERVICE_GRANT_INDEX_H
#define HOLDFAST_SERVICE_GRANT_INDEX_H

#include "auth/grant.h"
#include "kms/grant.h"

struct grant_index;
struct grant_node;

/* *out owned by the caller, grant_index_free(). */
NODISCARD struct err grant_index_new(struct grant_index **out);
void grant_index_free(struct grant_index **index);

/* A grant that is there already stays as it is. After a failure (E_NOMEM, E_BUG for a grant that is
 * none) the index is good for grant_index_free() alone. */
NODISCARD struct err grant_index_add(struct grant_index *index, const struct kms_grant *grant);
void grant_index_remove(struct grant_index *index, struct view id); /* may be gone already */

struct grant_wanted {
	struct view grantee;    /* as in struct kms_grant */
	struct view grantee_id; /* likewise */
	uint32_t operation;
	bool takes_context;
	const struct auth_pairs *context;
	const struct auth_grant *child; /* only a grant that this one narrows; NULL: any */
};

/* One that permits, or NULL. grant_node_release(). */
struct grant_node *grant_index_find(struct grant_index *index, const struct grant_wanted *wanted);
void grant_node_release(struct grant_node **node); /* *node may be NULL */

/* Borrowed from the node; to_account and to_role are not its business. */
struct auth_grant grant_node_grant(const struct grant_node *node);

size_t grant_index_count(const struct grant_index *index);

/* How many grants have been looked at by all searches so far: for tests. */
uint64_t grant_index_examined(const struct grant_index *index);

#endif
