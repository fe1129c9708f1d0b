/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A grant: lets its grantee do some operations with one key (KMS API: CreateGrant, GrantListEntry).
 * The value and its rules; whether it permits a request is auth/grant.h's.
 */
#ifndef HOLDFAST_KMS_GRANT_H
#define HOLDFAST_KMS_GRANT_H

#include "kms/key.h"

#define KMS_GRANTS_MAX 50000 /* of one key */
#define KMS_GRANT_ID_LEN 64  /* hex digits */
#define KMS_GRANT_NAME_MAX 256
#define KMS_GRANT_PRINCIPAL_MAX 256
#define KMS_GRANT_PRINCIPAL_ID_MAX 21
#define KMS_GRANT_LIKENESS_LEN 32

/* Of a constraint (KMS API: GrantConstraints, "up to 8 encryption context pairs ... cannot exceed
 * 384 characters"): pairs, and characters of each key and of each value. */
#define KMS_GRANT_PAIRS_MAX 8
#define KMS_GRANT_PAIR_CHARACTERS_MAX 384
#define KMS_GRANT_CONTEXT_MAX /* bytes of the canonical form */ \
	(2 + KMS_GRANT_PAIRS_MAX * 2 * (2 + 4 * KMS_GRANT_PAIR_CHARACTERS_MAX))

/* KMS API: GrantOperation. Bits; stored: never change a number. */
enum kms_grant_operation {
	KMS_GRANT_NONE = 0,
	KMS_GRANT_DECRYPT = 1 << 0,
	KMS_GRANT_ENCRYPT = 1 << 1,
	KMS_GRANT_GENERATE_DATA_KEY = 1 << 2,
	KMS_GRANT_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT = 1 << 3,
	KMS_GRANT_RE_ENCRYPT_FROM = 1 << 4,
	KMS_GRANT_RE_ENCRYPT_TO = 1 << 5,
	KMS_GRANT_CREATE_GRANT = 1 << 6,
	KMS_GRANT_RETIRE_GRANT = 1 << 7,
	KMS_GRANT_GET_PUBLIC_KEY = 1 << 8,
	KMS_GRANT_DESCRIBE_KEY = 1 << 9,
	KMS_GRANT_SIGN = 1 << 10,
	KMS_GRANT_VERIFY = 1 << 11,
	KMS_GRANT_GENERATE_DATA_KEY_PAIR = 1 << 12,
	KMS_GRANT_GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT = 1 << 13,
	KMS_GRANT_GENERATE_MAC = 1 << 14,
	KMS_GRANT_VERIFY_MAC = 1 << 15,
	KMS_GRANT_DERIVE_SHARED_SECRET = 1 << 16,
	KMS_GRANT_ALL = (1 << 17) - 1
};
const char *kms_grant_operation_name(enum kms_grant_operation operation); /* "" for none */
NODISCARD struct err kms_grant_operation_parse(struct view name,
					       enum kms_grant_operation *out); /* E_FORMAT */
/* In the order of the API's model; KMS_GRANT_NONE behind the last. */
enum kms_grant_operation kms_grant_operation_at(size_t index);

/* Which operations fit keys of this kind, as bits. */
uint32_t kms_grant_operations_of(enum kms_key_spec spec, enum kms_key_usage usage);

/* Stored. */
enum kms_grant_constraint {
	KMS_GRANT_UNCONSTRAINED = 0,
	KMS_GRANT_CONTEXT_SUBSET = 1,
	KMS_GRANT_CONTEXT_EQUALS = 2
};

struct kms_grant {
	struct kms_scope scope; /* of the key */
	struct kms_key_id key_id;
	char id[KMS_GRANT_ID_LEN + 1];
	char name[KMS_GRANT_NAME_MAX + 1]; /* "" without */
	/* As given: ARN of a user, role, session or account, or the name of a service. The ids are
	 * those that the identities have for ever, so that one made anew under an old name holds
	 * nothing; "" for accounts and services. */
	char grantee[KMS_GRANT_PRINCIPAL_MAX + 1];
	char grantee_id[KMS_GRANT_PRINCIPAL_ID_MAX + 1];
	char retiring[KMS_GRANT_PRINCIPAL_MAX + 1]; /* "" without */
	char retiring_id[KMS_GRANT_PRINCIPAL_ID_MAX + 1];
	char issuer[KMS_GRANT_PRINCIPAL_MAX + 1]; /* IssuingAccount: ARN of the account's root */
	uint32_t operations;                      /* enum kms_grant_operation */
	enum kms_grant_constraint constraint;
	struct view
		context; /* of the constraint, canonical (kms/context.h); mem_free() when loaded */
	int64_t created_ms;
	/* Digest of everything that CreateGrant was given, when the grant has a name; else random.
	 * One key has no two grants of the same. */
	uint8_t likeness[KMS_GRANT_LIKENESS_LEN];
};
void kms_grant_cleanup(struct kms_grant *grant);

/* A new random id. E_SYSTEM. */
NODISCARD struct err kms_grant_id_make(char out[KMS_GRANT_ID_LEN + 1]);
bool kms_grant_id_is(struct view text); /* as those that are made */

/* What is wrong with a grant as a whole, as the store or a defect may hand it out: E_BUG, or OK. */
NODISCARD struct err kms_grant_check(const struct kms_grant *grant);

#endif
