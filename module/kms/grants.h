/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port: where grants live. Implemented by store/sqlite (and store/postgres). As with kms/store.h:
 * all functions block, are thread-safe, atomic and durable; rows are sealed and verified; a change
 * takes the audit record of its call into its own transaction. A key's grants go with it.
 */
#ifndef HOLDFAST_KMS_GRANTS_H
#define HOLDFAST_KMS_GRANTS_H

#include "kms/grant.h"
#include "kms/store.h"

#define KMS_GRANT_PAGE_MAX 1000

struct kms_grant_page {
	struct kms_grant *grants; /* kms_grant_page_cleanup() */
	size_t count;
	bool more;
};
void kms_grant_page_cleanup(struct kms_grant_page *page);

/* Which page. In ascending order of grant ids (of retirable ones: of key id, then grant id). */
struct kms_grant_query {
	const struct kms_scope *scope;
	const struct kms_key_id *key_id;
	struct view grantee; /* only grants to this one; empty: to anybody */
	struct view after;   /* a grant id; empty: from the start */
	size_t limit;        /* 1..KMS_GRANT_PAGE_MAX */
};

/* Grants that name this retiring principal, on keys of any account in the Region. */
struct kms_retirable_query {
	struct view region;
	struct view retiring;
	const struct kms_key_id *after_key; /* NULL: from the start */
	struct view after;
	size_t limit;
};

struct kms_grants_ops {
	/* E_EXISTS: a grant of that likeness; E_NOT_FOUND without the key; E_KMS_LIMIT when the key
	 * has KMS_GRANTS_MAX. */
	NODISCARD struct err (*create)(void *self, const struct kms_grant *grant,
				       const struct kms_outbox_record *outbox);
	/* E_NOT_FOUND. */
	NODISCARD struct err (*remove)(void *self, const struct kms_grant *seen,
				       const struct kms_outbox_record *outbox);
	/* E_NOT_FOUND. *out: kms_grant_cleanup(). */
	NODISCARD struct err (*load)(void *self, const struct kms_scope *scope,
				     const struct kms_key_id *key_id, struct view id,
				     struct kms_grant *out);
	NODISCARD struct err (*find)(void *self, const struct kms_scope *scope,
				     const struct kms_key_id *key_id,
				     const uint8_t likeness[KMS_GRANT_LIKENESS_LEN],
				     struct kms_grant *out);
	NODISCARD struct err (*list)(void *self, const struct kms_grant_query *query,
				     struct kms_grant_page *out);
	NODISCARD struct err (*list_retirable)(void *self, const struct kms_retirable_query *query,
					       struct kms_grant_page *out);
	/* All of one key, in no particular order, verified in batches, and of one moment. Calls
	 * `each` (the grant is borrowed) until it fails. `each` must not read the store: a
	 * connection is kept from others meanwhile. 50,000 take a second or two of the token's. */
	NODISCARD struct err (*each)(void *self, const struct kms_scope *scope,
				     const struct kms_key_id *key_id,
				     struct err (*each)(void *user, const struct kms_grant *grant),
				     void *user);
};

struct kms_grants {
	const struct kms_grants_ops *ops;
	void *self;
};

#endif
