/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port: what is due. Implemented by store/sqlite (and store/postgres).
 *
 * Nothing is written down beforehand: what is due is asked of the keys themselves, by indexes over
 * their sealed columns, so that no list can differ from them. The answer is a hint all the same:
 * whoever acts loads the key, verified, and asks kms/rotation.h again; and what the act commits is
 * guarded by the key's revision, so that of two daemons one succeeds. Claims spare the other the
 * work and keep what failed from being tried all the time; they are advisory.
 *
 * All functions block and are thread-safe. Errors: as kms/store.h.
 */
#ifndef HOLDFAST_KMS_AGENDA_H
#define HOLDFAST_KMS_AGENDA_H

#include "kms/rotation.h"
#include "kms/store.h"

/* Stored in claims: never change a number. */
enum kms_due_kind {
	KMS_DUE_ROTATION = 1, /* automatic, on demand, or because of the message budget */
	KMS_DUE_DELETION = 2, /* the window is over, or the deletion has begun */
	KMS_DUE_EXPIRY = 3,   /* imported material: valid_to_ms has come, or it is GOING */
	KMS_DUE_COUNT
};

/* "rotation", "deletion", "expiry". */
const char *kms_due_name(enum kms_due_kind kind);

struct kms_due {
	enum kms_due_kind kind;
	struct kms_scope scope;
	struct kms_key_id key_id;
	uint32_t number; /* EXPIRY: the version; else 0 */
	int64_t due_ms;  /* since when */
};

struct kms_due_query {
	enum kms_due_kind kind;
	int64_t now_ms;
	struct kms_rotation_rules rules;
	uint8_t owner[16]; /* of this process: others' claims are left out */
	size_t limit;      /* 1..1000 */
};

struct kms_due_count {
	uint64_t due;     /* claimed and waiting ones included */
	int64_t since_ms; /* of the one that is due longest; 0: none */
	uint64_t failed;  /* of those, acts that have failed and are to be tried again */
};

/*
 * An act that a process is at. Leases and waits (retry_ms) are KMS_CLAIM_MAX_MS at most: one that
 * ends later than that from now was written under a clock that was wrong, and holds nothing.
 */
#define KMS_CLAIM_MAX_MS KMS_DAY_MS
struct kms_claim {
	enum kms_due_kind kind;
	struct kms_scope scope;
	struct kms_key_id key_id;
	uint32_t number;   /* as kms_due */
	uint8_t owner[16]; /* random id of the process */
	int64_t lease_ms;  /* Unix time until which it alone acts */
};

/* What keeps an act from being done, for the operator. */
#define KMS_DUE_ERROR_MAX 63
struct kms_due_failure {
	struct kms_due due; /* due_ms: when it is tried again */
	uint32_t attempts;
	char error[KMS_DUE_ERROR_MAX + 1]; /* err_name() */
};

/*
 * How far the clock is known to be right (DESIGN: Time): one row, sealed.
 */
struct kms_clock_mark {
	uint64_t revision;
	int64_t trusted_ms; /* Unix time: no trusted clock has shown more */
	bool held;       /* destruction waits for the operator: the clock ran away while running */
	int64_t held_ms; /* since (by the trusted count); 0 */
};

struct kms_agenda_ops {
	/* Acts that are due and that nobody else is at, nor wait for another attempt; those due
	 * longest first. *out mem_free(). */
	NODISCARD struct err (*due_list)(void *self, const struct kms_due_query *query,
					 struct kms_due **out, size_t *count);
	NODISCARD struct err (*due_count)(void *self, const struct kms_due_query *query,
					  struct kms_due_count *out);

	/* E_STORE_CONFLICT while another process has a lease that has not ended at now_ms. An own
	 * claim is renewed; attempts are kept. E_NOT_FOUND: there is no such key. */
	NODISCARD struct err (*claim_take)(void *self, const struct kms_claim *claim,
					   int64_t now_ms);
	/* Done: the claim goes. No failure when it is not there, or another's by now. */
	NODISCARD struct err (*claim_end)(void *self, const struct kms_claim *claim);
	/* Not done: counted, and not listed before retry_ms. The lease ends. No failure when the
	 * key is gone, or the claim another's by now. */
	NODISCARD struct err (*claim_fail)(void *self, const struct kms_claim *claim,
					   int64_t retry_ms, const char *error);
	/* The claim as it is stored, to know how often it failed; E_NOT_FOUND. */
	NODISCARD struct err (*claim_attempts)(void *self, const struct kms_claim *claim,
					       uint32_t *attempts);
	/* Failures of acts that are due or may become so, those tried again soonest first, at most
	 * `limit` (1..1000). *out mem_free(). */
	NODISCARD struct err (*failures)(void *self, size_t limit, struct kms_due_failure **out,
					 size_t *count);

	/* E_NOT_FOUND: none was ever stored. */
	NODISCARD struct err (*mark_load)(void *self, struct kms_clock_mark *out);
	/* Stores it where the stored revision is mark->revision - 1 (1: where there is none), else
	 * E_STORE_CONFLICT. `outbox` may be NULL. */
	NODISCARD struct err (*mark_save)(void *self, const struct kms_clock_mark *mark,
					  const struct kms_outbox_record *outbox);
};

struct kms_agenda {
	const struct kms_agenda_ops *ops;
	void *self;
};

#endif
