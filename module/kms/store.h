/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port: where keys and versions live. Implemented by store/sqlite (and store/postgres).
 *
 * All functions block, are thread-safe and are atomic and durable when they return OK. Rows are
 * sealed by the implementation through kms/sealer.h when written and verified when read:
 * E_STORE_SEAL, and the log names table and primary key. Other errors: E_STORE, E_STORE_BUSY,
 * E_STORE_FULL (try again), E_NOT_FOUND, E_EXISTS, E_STORE_CONFLICT (load again and repeat), and
 * what the sealer answers. Once the whole was surveyed (kms/manifest.h), E_STORE_SEAL also says
 * that a row is another than it was, or missing; E_STORE_MANIFEST and E_STORE_ROLLED_BACK, that
 * nothing of the store can be believed any more.
 *
 * A change takes the audit record of the call that made it: `outbox` is written in the same
 * transaction, under its event id, and stays until outbox_done(). NULL, where a function allows it:
 * a step of an act whose end is recorded.
 */
#ifndef HOLDFAST_KMS_STORE_H
#define HOLDFAST_KMS_STORE_H

#include "base/buf.h"
#include "kms/alias.h"
#include "kms/key.h"
#include "kms/sealer.h"
#include "kms/tag.h"

#define KMS_EVENT_ID_LEN 36        /* a UUID as text */
#define KMS_RECORD_MAX (128 << 10) /* bytes of one audit record */
#define KMS_OUTBOX_PAGE_MAX 64
#define KMS_CLEARED_MAX 1000

struct kms_outbox_record {
	char event_id[KMS_EVENT_ID_LEN + 1];
	struct view line; /* the finished record without its newline; borrowed when given, owned by
			     the page when listed */
};

/*
 * A version in the making (two-phase with the token): committed before the object is generated,
 * gone with the commit of the version. Whoever holds the lease may act on it; after the lease
 * anybody may.
 */
struct kms_intent {
	struct hsm_key_id token_id;
	struct kms_scope scope;
	struct kms_key_id key_id;
	uint32_t number;
	enum { KMS_INTENT_MAKE = 1, KMS_INTENT_DESTROY = 2 } kind;
	uint8_t owner[16]; /* random id of the process that made it */
	int64_t lease_ms;  /* Unix time until which the owner may act */
};

/* A key with its versions, the current one included, in ascending order. Owned;
 * kms_key_full_cleanup(). */
struct kms_key_full {
	struct kms_key key;
	struct kms_version *versions;
	size_t version_count;
};
void kms_key_full_cleanup(struct kms_key_full *full);
/* The version of that number, NULL: there is none. The key's own, to be changed as the key may. */
struct kms_version *kms_key_full_version(const struct kms_key_full *full, uint32_t number);
/* kms_key_check() and kms_version_check() of each; numbers ascend, the current one is there. */
NODISCARD struct err kms_key_full_check(const struct kms_key_full *full);

/* What key_create() stores. Borrowed. */
struct kms_new_key {
	const struct kms_key *key;
	const struct kms_version *version;
	const struct kms_tag *tags; /* up to KMS_TAGS_MAX, each key once */
	size_t tag_count;
	const struct kms_alias *alias; /* made with the key, in the same transaction; or NULL */
};

/* One page of key ids, in ascending order of id bytes. */
struct kms_key_page {
	struct kms_key_id *ids; /* mem_free() */
	size_t count;
	bool more;
};

struct kms_store_ops {
	/* A MAKE intent; E_EXISTS for its token id. All intents of a process name one owner. */
	NODISCARD struct err (*intent_add)(void *self, const struct kms_intent *intent);
	/* E_NOT_FOUND when it is gone already. */
	NODISCARD struct err (*intent_remove)(void *self, const struct hsm_key_id *token_id);
	/* All intents whose lease ended before now_ms (INT64_MAX: all); *out mem_free(). */
	NODISCARD struct err (*intent_list)(void *self, int64_t now_ms, struct kms_intent **out,
					    size_t *count);
	/* Takes over an intent whose lease ended, to settle it: key_create() refuses it from then
	 * on. The owner may also renew a lease that has not ended. E_STORE_CONFLICT when somebody
	 * else was faster, or when another's lease has not ended. */
	NODISCARD struct err (*intent_claim)(void *self, const struct kms_intent *seen,
					     const uint8_t owner[16], int64_t lease_ms);

	/*
	 * Key, first version, tags and alias, the intent removed, outbox written: one transaction.
	 * E_EXISTS: the key, or the alias.
	 * E_STORE_CONFLICT when the intent is not as this process added it: somebody, this process
	 * included, claimed it after its lease and may be destroying the object. Leave it to them.
	 */
	NODISCARD struct err (*key_create)(void *self, const struct kms_new_key *made,
					   const struct kms_outbox_record *outbox);
	/* Stores `key` where the stored revision is key->revision - 1; else E_STORE_CONFLICT.
	 * `outbox` may be NULL. */
	NODISCARD struct err (*key_update)(void *self, const struct kms_key *key,
					   const struct kms_outbox_record *outbox);
	/* A rotation: as key_update(), and the new version `made` is added, whose number is
	 * key->current_version; its intent is removed. E_STORE_CONFLICT also when the intent is not
	 * as this process added it (key_create()); E_EXISTS: a version of that number. */
	NODISCARD struct err (*key_rotate)(void *self, const struct kms_key *key,
					   const struct kms_version *made,
					   const struct kms_outbox_record *outbox);
	/* As key_update(), and adds `adopted`, which the token had and the store had not: what is
	 * current stays. E_EXISTS: a version of that number, or of that object. */
	NODISCARD struct err (*version_adopt)(void *self, const struct kms_key *key,
					      const struct kms_version *adopted,
					      const struct kms_outbox_record *outbox);
	/* As key_update(), and stores `version`, which is there already, as it is now: its material
	 * state and validity; nothing else of it may have changed. `outbox` may be NULL. */
	NODISCARD struct err (*material_update)(void *self, const struct kms_key *key,
						const struct kms_version *version,
						const struct kms_outbox_record *outbox);
	/* Of a key that is being destroyed: some of its grants go, at most KMS_CLEARED_MAX, so that
	 * the end of a key with many does not keep others from writing. *more: there may be others.
	 * Where the stored revision is seen->revision; else E_STORE_CONFLICT. E_NOT_FOUND; E_BUG
	 * unless seen->destroying. */
	NODISCARD struct err (*key_clear)(void *self, const struct kms_key *seen, bool *more);
	/* The end of a key: its row and all that hangs on it - versions, grants, aliases, tags,
	 * last use, claims - in one transaction. Where the stored revision is seen->revision; else
	 * E_STORE_CONFLICT. E_NOT_FOUND. The objects on the token are gone before: E_BUG unless
	 * seen->destroying. */
	NODISCARD struct err (*key_delete)(void *self, const struct kms_key *seen,
					   const struct kms_outbox_record *outbox);
	/* Key and all its versions. E_NOT_FOUND. */
	NODISCARD struct err (*key_load)(void *self, const struct kms_scope *scope,
					 const struct kms_key_id *id, struct kms_key_full *out);
	/* As key_load(), and also a key whose current version is not among its versions, as after
	 * an operator has discarded its row: only for adopting that from the token. */
	NODISCARD struct err (*key_load_lacking)(void *self, const struct kms_scope *scope,
						 const struct kms_key_id *id,
						 struct kms_key_full *out);
	/* The scope of the key with this id, in whatever account: ids are unique. E_NOT_FOUND. */
	NODISCARD struct err (*key_locate)(void *self, const struct kms_key_id *id,
					   struct kms_scope *out);
	/* Ids behind `after` (NULL: from the start), at most `limit`; account and region of the
	 * scope. */
	NODISCARD struct err (*key_list)(void *self, const struct kms_scope *scope,
					 const struct kms_key_id *after, size_t limit,
					 struct kms_key_page *out);
	/* Suite 3: raises messages_reserved from what `version` says by `more`; E_STORE_CONFLICT
	 * when it moved. */
	NODISCARD struct err (*version_reserve)(void *self, const struct kms_scope *scope,
						const struct kms_version *version, uint64_t more);
	/* Every version the store knows, by token id: for reconciliation. Calls `each` until it
	 * fails. A row that is refused is logged and passed over. */
	NODISCARD struct err (*version_each)(void *self,
					     struct err (*each)(void *user,
								const struct kms_scope *scope,
								const struct kms_version *version),
					     void *user);

	/* Oldest records still in the outbox, at most KMS_OUTBOX_PAGE_MAX; lines mem_free() each,
	 * then the array. */
	NODISCARD struct err (*outbox_list)(void *self, struct kms_outbox_record **out,
					    size_t *count);
	NODISCARD struct err (*outbox_done)(void *self,
					    const char (*event_ids)[KMS_EVENT_ID_LEN + 1],
					    size_t count);

	/* Grows whenever another process committed: what was loaded before may be old. What this
	 * process commits, it knows. */
	NODISCARD struct err (*change_count)(void *self, uint64_t *out);
};

struct kms_store {
	const struct kms_store_ops *ops;
	void *self;
};

#endif
