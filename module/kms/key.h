/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A KMS key and its versions (backing keys): the values, their enumerations and the state machine.
 * Nothing here touches the token or a store.
 */
#ifndef HOLDFAST_KMS_KEY_H
#define HOLDFAST_KMS_KEY_H

#include "base/err.h"
#include "base/state.h"
#include "hsm/hsm.h"
#include "kms/arn.h"

#define KMS_DESCRIPTION_MAX 8192 /* characters */
#define KMS_POLICY_MAX 32768     /* bytes */
#define KMS_MATERIAL_ID_LEN 32
#define KMS_VERSIONS_MAX 1024 /* versions of one key that are kept in memory */

/* KMS API: KeyState. Numbers are stored: never change one. */
enum kms_key_state {
	KMS_STATE_CREATING = 1,
	KMS_STATE_ENABLED = 2,
	KMS_STATE_DISABLED = 3,
	KMS_STATE_PENDING_DELETION = 4,
	KMS_STATE_PENDING_IMPORT = 5,
	KMS_STATE_UNAVAILABLE = 6,
	KMS_STATE_COUNT
};

/* KMS API: KeyUsageType. Bits, so that an operation row can name several. Stored. */
enum kms_key_usage {
	KMS_USAGE_ENCRYPT_DECRYPT = 1,
	KMS_USAGE_SIGN_VERIFY = 2,
	KMS_USAGE_GENERATE_VERIFY_MAC = 4,
	KMS_USAGE_KEY_AGREEMENT = 8,
};

/* KMS API: KeySpec. Stored. */
enum kms_key_spec {
	KMS_SPEC_SYMMETRIC_DEFAULT = 1,
	KMS_SPEC_RSA_2048,
	KMS_SPEC_RSA_3072,
	KMS_SPEC_RSA_4096,
	KMS_SPEC_ECC_NIST_P256,
	KMS_SPEC_ECC_NIST_P384,
	KMS_SPEC_ECC_NIST_P521,
	KMS_SPEC_ECC_SECG_P256K1,
	KMS_SPEC_ECC_NIST_EDWARDS25519,
	KMS_SPEC_HMAC_224,
	KMS_SPEC_HMAC_256,
	KMS_SPEC_HMAC_384,
	KMS_SPEC_HMAC_512,
	KMS_SPEC_ML_DSA_44,
	KMS_SPEC_ML_DSA_65,
	KMS_SPEC_ML_DSA_87,
	KMS_SPEC_SM2,
	KMS_SPEC_COUNT
};

enum kms_key_origin {
	KMS_ORIGIN_AWS_KMS = 1,
	KMS_ORIGIN_EXTERNAL,
	KMS_ORIGIN_AWS_CLOUDHSM,
	KMS_ORIGIN_EXTERNAL_KEY_STORE
};
enum kms_key_manager { KMS_MANAGER_CUSTOMER = 1, KMS_MANAGER_AWS };

/* What made a version (KMS API: RotationType). Stored. */
enum kms_rotation_type {
	KMS_ROTATION_NONE = 0, /* the first of its key */
	KMS_ROTATION_AUTOMATIC = 1,
	KMS_ROTATION_ON_DEMAND = 2,
	KMS_ROTATION_BUDGET = 3, /* suite 3: before the message budget was used up. Told as
				    ON_DEMAND, and not counted against the limit of those */
	KMS_ROTATION_COUNT
};

/* Where the object of a version is. Stored. */
enum kms_material_state {
	KMS_MATERIAL_PRESENT = 0,
	KMS_MATERIAL_GOING = 1, /* being destroyed on the token: no use, no way back */
	KMS_MATERIAL_GONE = 2,  /* imported material that expired or was deleted; the row stays */
	KMS_MATERIAL_COUNT
};

/* Names as the API writes them ("Enabled", "ENCRYPT_DECRYPT", ...); never NULL ("" for no such
 * value). */
const char *kms_state_name(enum kms_key_state state);
const char *kms_usage_name(enum kms_key_usage usage);
const char *kms_spec_name(enum kms_key_spec spec);
const char *kms_origin_name(enum kms_key_origin origin);
const char *kms_manager_name(enum kms_key_manager manager);
const char *kms_rotation_name(enum kms_rotation_type type); /* BUDGET: "ON_DEMAND" */

/* E_FORMAT for a name that is none. */
NODISCARD struct err kms_spec_parse(struct view name, enum kms_key_spec *out);
NODISCARD struct err kms_usage_parse(struct view name, enum kms_key_usage *out);

/* One version of a key: one object on the token. */
struct kms_version {
	struct kms_key_id key_id;
	uint32_t number; /* 1 and up, never used again */
	struct hsm_key_id token_id;
	enum hsm_suite suite;
	int64_t created_ms;
	uint8_t material_id[KMS_MATERIAL_ID_LEN]; /* KeyMaterialId, shown as 64 hex digits:
						     service/material_id.h */
	uint64_t messages_reserved; /* suite 3: messages of its budget handed out so far; else 0 */
	enum kms_rotation_type rotation;
	int64_t valid_to_ms; /* imported material that expires: when; else 0 */
	enum kms_material_state material;
};

/* One key. Heap fields are owned; kms_key_cleanup(). */
struct kms_key {
	struct kms_scope scope;
	struct kms_key_id id;
	enum kms_key_state state;
	enum kms_key_usage usage;
	enum kms_key_spec spec;
	enum kms_key_origin origin;
	enum kms_key_manager manager;
	bool multi_region;
	int64_t created_ms;
	int64_t deletion_ms;      /* PENDING_DELETION: when; else 0 */
	uint32_t current_version; /* 0 while CREATING */
	uint64_t revision;        /* grows by one with every stored change */

	/* Automatic rotation: kms/rotation.h reads and sets these four. */
	bool rotation_enabled;
	uint32_t rotation_period_days; /* 0 while it is off */
	int64_t rotation_from_ms;      /* the next is due one period after this; 0: never set */
	int64_t on_demand_ms; /* RotateKeyOnDemand was accepted then and is not done; else 0 */

	bool destroying;   /* PENDING_DELETION: the window is over and its versions are being
			      destroyed; CancelKeyDeletion comes too late */
	char *description; /* never NULL */
	char *policy;      /* the document named "default"; never NULL */
};

void kms_key_cleanup(struct kms_key *key);
NODISCARD struct err kms_key_copy(const struct kms_key *from, struct kms_key *to);

/*
 * The life of a key (KMS API: "Key states of AWS KMS keys"):
 *
 *   Creating         → Enabled, PendingImport
 *   Enabled          → Disabled, PendingImport (imported material expired), PendingDeletion
 *   Disabled         → Enabled, PendingImport (likewise), PendingDeletion
 *   PendingImport    → PendingDeletion
 *   PendingDeletion  → Disabled or PendingImport (cancelled), gone
 *
 * Cancelled, a key whose material is not there (never imported, or expired) is PendingImport again.
 * To PendingDeletion: set deletion_ms as well; it is cleared on the way back.
 *
 * E_KMS_INVALID_STATE for a move that is not drawn, and for any of a key that is being destroyed;
 * the key is then unchanged.
 */
NODISCARD struct err kms_key_move(struct kms_key *key, enum kms_key_state to);

/* What is wrong with a key as a whole, as the store or a defect may hand it out: E_BUG, or OK. The
 * same of one of its versions. */
NODISCARD struct err kms_key_check(const struct kms_key *key);
NODISCARD struct err kms_version_check(const struct kms_key *key,
				       const struct kms_version *version);

/* The label of a version's token object: holdfast:<installation>:<key id>:<version>. */
#define KMS_INSTALLATION_LEN 32 /* hex digits */
NODISCARD struct err kms_version_label(const char *installation, const struct kms_key_id *key_id,
				       uint32_t number, char out[HSM_LABEL_MAX + 1]);
/* E_FORMAT when the label is not one of this installation's versions. */
NODISCARD struct err kms_version_label_parse(const char *installation, const char *label,
					     struct kms_key_id *key_id, uint32_t *number);

#endif
