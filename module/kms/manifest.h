/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port: what the sealed rows are together. Implemented by store/sqlite (and store/postgres).
 *
 * A seal proves that a row was written by us; the manifest proves which rows there are. It is one
 * sealed row: epoch, number of rows, an LtHash over all seals, and what it takes to name rows that
 * differ. It changes with every sealed row, in the same transaction. The service carries its mark
 * to the token (hsm/evidence.h: struct hsm_anchor), so that a whole older store is noticed, too.
 * Advisory tables are no part of it.
 *
 * All functions block and are thread-safe. Errors: as kms/store.h, and those named here.
 */
#ifndef HOLDFAST_KMS_MANIFEST_H
#define HOLDFAST_KMS_MANIFEST_H

#include "kms/store.h"

#define KMS_MARK_DIGEST_LEN 16
#define KMS_FINDINGS_MAX 1000
#define KMS_FINDING_TABLE_MAX 31
#define KMS_FINDING_ROW_MAX 320
#define KMS_AUDIT_LOG_NAME_MAX 64

/* The manifest at one moment; the digest is the beginning of its seal. Epoch 0: there is none. */
struct kms_mark {
	uint64_t epoch;
	uint8_t digest[KMS_MARK_DIGEST_LEN];
};

enum kms_finding_kind {
	KMS_FINDING_CHANGED = 1, /* the row does not carry its seal, or is not in its place */
	KMS_FINDING_ADDED,       /* sealed by us once, but the manifest has no such row */
	KMS_FINDING_MISSING,     /* the manifest has a row that is not there */
	KMS_FINDING_OLDER,       /* sealed by us once, but the manifest has another state of it */
	KMS_FINDING_MANIFEST,    /* the manifest is missing, or does not carry its seal */
	KMS_FINDING_ROLLED_BACK, /* the manifest's epoch is below the token's */
	KMS_FINDING_FORKED,      /* it has the token's epoch and is another */
	KMS_FINDING_UNKNOWN,     /* rows differ that cannot be named: too many do */
	KMS_FINDING_INDEX,       /* an index has not what its table has: look-ups miss rows */
	KMS_FINDING_COUNT
};

/* "changed", "added", ...; NULL for what is none. */
const char *kms_finding_name(enum kms_finding_kind kind);

struct kms_finding {
	enum kms_finding_kind kind;
	char table[KMS_FINDING_TABLE_MAX + 1];
	char row[KMS_FINDING_ROW_MAX]; /* its primary key for people; "" when it is not known */
};

/*
 * verdict  OK: all is as it was sealed. E_STORE_SEAL: some rows do not carry their seal; they are
 *          refused when they are read, and the rest may serve. E_STORE_MANIFEST,
 *          E_STORE_ROLLED_BACK, E_HSM_ANCHOR: nothing may be served.
 * digest   of the verdict, the marks and all findings: what an operator repeats to accept them.
 */
struct kms_survey {
	struct err verdict;
	struct kms_mark mark, anchor;
	uint64_t rows;                /* sealed ones that there are */
	struct kms_finding *findings; /* at most KMS_FINDINGS_MAX */
	size_t finding_count;
	uint64_t found; /* all of them */
	uint8_t digest[16];
};
void kms_survey_cleanup(struct kms_survey *survey);

struct kms_survey_options {
	struct kms_mark anchor; /* as the token has it */
	/* Now and then while it goes on, in rows; NULL: nobody is told. */
	void (*progress)(void *user, uint64_t done, uint64_t all);
	void *user;
};

/* The head of a daemon's audit log, as far as it is known to the store: sealed as any row. */
struct kms_audit_head {
	char log[KMS_AUDIT_LOG_NAME_MAX + 1]; /* the log's name: a setting of its daemon */
	char chain[KMS_EVENT_ID_LEN + 1];     /* audit/chain.h */
	uint64_t revision;
	uint64_t sequence; /* of the last line that was durable then */
	uint8_t hash[32];  /* of that line */
};

struct kms_manifest_ops {
	/*
	 * Verifies all there is, as of one moment: every row's seal, the manifest's, the sum, and
	 * the epoch against the anchor. OK whatever it finds. What it finds sound becomes what this
	 * process expects of each row from now on. *out: kms_survey_cleanup().
	 */
	NODISCARD struct err (*survey)(void *self, const struct kms_survey_options *options,
				       struct kms_survey *out);
	/* The mark of the last commit that this process saw. Does not wait for the disk. */
	NODISCARD struct err (*mark)(void *self, struct kms_mark *out);
	/* Whether the store had another mark at that epoch, as far as this process remembers it:
	 * true is certain, false is not. Does not wait for the disk. */
	bool (*denies)(void *self, const struct kms_mark *mark);
	/*
	 * What made readers and writers of this process refuse the store as a whole, for the first
	 * time since the last call: E_STORE_MANIFEST, E_STORE_ROLLED_BACK; OK: nothing did. A row
	 * that alone is refused is no doubt. Does not wait for the disk.
	 */
	NODISCARD struct err (*doubt)(void *self);
	/* From now on nothing is committed through this store: E_DISTRUSTED. There is no way back.
	 * A commit that is past its checks may still end well. */
	void (*freeze)(void *self);
	/* The first manifest, of a store that was made before there were manifests, or by --init.
	 * E_EXISTS. E_STORE_SEAL, logged: a row does not carry its seal. */
	NODISCARD struct err (*begin)(void *self);
	/*
	 * The operator accepts the store as `survey` describes it: the manifest is made anew over
	 * the rows that carry their seal, with an epoch above both marks and no less than the time
	 * in milliseconds, which no older life of the store has come to; the others stay, refused.
	 * Indexes that were found to lie are made anew.
	 * E_STORE_CONFLICT: the store has changed since.
	 */
	NODISCARD struct err (*accept)(void *self, const struct kms_survey *survey,
				       const struct kms_outbox_record *outbox);

	/*
	 * Removes the rows that do not carry their seal, and logs the name of each; *left: those
	 * that stay, as sound ones hang on them, or as nothing else can be verified without (the
	 * installation). The manifest does not follow: accept() comes next, over another survey.
	 */
	NODISCARD struct err (*discard)(void *self, uint64_t *removed, uint64_t *left);

	/* E_NOT_FOUND. */
	NODISCARD struct err (*head_load)(void *self, const char *log, struct kms_audit_head *out);
	/* Where the stored revision is head->revision - 1 (1: where there is none), else
	 * E_STORE_CONFLICT. */
	NODISCARD struct err (*head_save)(void *self, const struct kms_audit_head *head);
	/* All, by name; *out mem_free(). */
	NODISCARD struct err (*head_list)(void *self, struct kms_audit_head **out, size_t *count);

	/* Writes a copy of the store as of one moment to a new file, mode 0600, synced; others go
	 * on reading and writing meanwhile. E_EXISTS. E_STORE, E_STORE_FULL. */
	NODISCARD struct err (*copy)(void *self, const char *path);
};

struct kms_manifest {
	const struct kms_manifest_ops *ops;
	void *self;
};

#endif
