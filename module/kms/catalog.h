/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port: what is known of keys beside the keys themselves - aliases, tags, last use. Implemented by
 * store/sqlite (and store/postgres).
 *
 * As with kms/store.h: all functions block, are thread-safe and are atomic and durable when they
 * return OK; rows are sealed when written and verified when read (E_STORE_SEAL); a change takes the
 * audit record of the call that made it into its own transaction. Other errors: E_STORE,
 * E_STORE_BUSY, E_STORE_FULL (try again), and what the sealer answers.
 *
 * Lists are in ascending order of the bytes of what they list, so that a page behind `after` is
 * right whatever was added or removed meanwhile: nothing that stays is left out or told twice.
 */
#ifndef HOLDFAST_KMS_CATALOG_H
#define HOLDFAST_KMS_CATALOG_H

#include "kms/alias.h"
#include "kms/store.h"
#include "kms/tag.h"

/* Which page of a list. */
struct kms_page_query {
	const struct kms_scope *scope;
	const struct kms_key_id *key_id; /* aliases: NULL lists those of every key */
	struct view after;               /* name of an alias, key of a tag; empty: from the start */
	size_t limit;                    /* 1..1000 */
};

struct kms_alias_page {
	struct kms_alias *aliases; /* mem_free() */
	size_t count;
	bool more;
};

struct kms_tag_page {
	struct kms_tag *tags; /* mem_free() */
	size_t count;
	bool more;
};

/* Tags of one key to be put or removed (by their keys). Borrowed. */
struct kms_tag_change {
	const struct kms_scope *scope;
	const struct kms_key_id *key_id;
	const struct kms_tag *tags; /* up to KMS_TAGS_MAX, each key once */
	size_t count;
};

/* KMS API: KeyLastUsageData. */
#define KMS_USED_OPERATION_MAX 40
struct kms_last_use {
	struct kms_scope scope;
	struct kms_key_id key_id;
	char operation[KMS_USED_OPERATION_MAX + 1]; /* as in KeyLastUsageTrackingOperation */
	int64_t time_ms;
	char event_id[KMS_EVENT_ID_LEN + 1];
	char request_id[KMS_EVENT_ID_LEN + 1];
};

struct kms_catalog_ops {
	/* A new alias. E_EXISTS; E_NOT_FOUND without the key; E_KMS_LIMIT when the key has
	 * KMS_ALIASES_MAX. */
	NODISCARD struct err (*alias_create)(void *self, const struct kms_alias *alias,
					     const struct kms_outbox_record *outbox);
	/* Stores `alias` where the stored revision is alias->revision - 1, else E_STORE_CONFLICT.
	 * E_NOT_FOUND without the key; E_KMS_LIMIT when the new key is full. */
	NODISCARD struct err (*alias_update)(void *self, const struct kms_alias *alias,
					     const struct kms_outbox_record *outbox);
	/* Removes it where it is as `seen`, else E_STORE_CONFLICT. */
	NODISCARD struct err (*alias_delete)(void *self, const struct kms_alias *seen,
					     const struct kms_outbox_record *outbox);
	/* E_NOT_FOUND. */
	NODISCARD struct err (*alias_load)(void *self, const struct kms_scope *scope,
					   struct view name, struct kms_alias *out);
	NODISCARD struct err (*alias_list)(void *self, const struct kms_page_query *query,
					   struct kms_alias_page *out);

	/* Adds tags, and gives those that are there already a new value. E_NOT_FOUND without the
	 * key; E_KMS_LIMIT when the key would have more than KMS_TAGS_MAX. */
	NODISCARD struct err (*tags_put)(void *self, const struct kms_tag_change *change,
					 const struct kms_outbox_record *outbox);
	/* Removes the tags with these keys; one that is not there is no failure. E_NOT_FOUND
	 * without the key. */
	NODISCARD struct err (*tags_remove)(void *self, const struct kms_tag_change *change,
					    const struct kms_outbox_record *outbox);
	NODISCARD struct err (*tags_list)(void *self, const struct kms_page_query *query,
					  struct kms_tag_page *out);

	/*
	 * Advisory: not sealed, and no decision rests on it (it changes with every use). Saving
	 * keeps the newest of each key. Loading: E_NOT_FOUND. *since_ms: when this store began to
	 * keep it.
	 */
	NODISCARD struct err (*last_use_save)(void *self, const struct kms_last_use *uses,
					      size_t count);
	NODISCARD struct err (*last_use_load)(void *self, const struct kms_scope *scope,
					      const struct kms_key_id *key_id,
					      struct kms_last_use *out);
	NODISCARD struct err (*last_use_since)(void *self, int64_t *since_ms);
};

struct kms_catalog {
	const struct kms_catalog_ops *ops;
	void *self;
};

#endif
