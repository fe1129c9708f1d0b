/* SPDX-License-Identifier: Apache-2.0 */
/* What a token tells for evidence: the attributes of a key, and how far the store has come. */
#ifndef HOLDFAST_HSM_EVIDENCE_H
#define HOLDFAST_HSM_EVIDENCE_H

#include <stdint.h>

#define HSM_KEY_TYPE_MAX 15
#define HSM_ANSWERED_BY_MAX 127
#define HSM_ANCHOR_PREFIX_MAX 64 /* bytes */
#define HSM_ANCHOR_DIGEST_LEN 16

/*
 * What the token itself answers about a key object, asked at this moment: evidence, not a decision.
 * Attributes that the token does not report are not `known`; of a bit that is not known, `set` says
 * nothing.
 */
enum hsm_attribute {
	HSM_ATTRIBUTE_TOKEN, /* CKA_TOKEN, and so on */
	HSM_ATTRIBUTE_PRIVATE,
	HSM_ATTRIBUTE_SENSITIVE,
	HSM_ATTRIBUTE_ALWAYS_SENSITIVE,
	HSM_ATTRIBUTE_EXTRACTABLE,
	HSM_ATTRIBUTE_NEVER_EXTRACTABLE,
	HSM_ATTRIBUTE_MODIFIABLE,
	HSM_ATTRIBUTE_LOCAL,
	HSM_ATTRIBUTE_ENCRYPT,
	HSM_ATTRIBUTE_DECRYPT,
	HSM_ATTRIBUTE_SIGN,
	HSM_ATTRIBUTE_VERIFY,
	HSM_ATTRIBUTE_WRAP,
	HSM_ATTRIBUTE_UNWRAP,
	HSM_ATTRIBUTE_DERIVE,
	HSM_ATTRIBUTE_COUNT
};
struct hsm_attributes {
	uint32_t known, set;                 /* bits by enum hsm_attribute */
	uint32_t bits;                       /* of the key; 0: not reported */
	char key_type[HSM_KEY_TYPE_MAX + 1]; /* "AES", "GENERIC_SECRET", "EC" */
	/* Library and token, with their versions, as both name themselves; "": not known. */
	char answered_by[HSM_ANSWERED_BY_MAX + 1];
};
/* "CKA_TOKEN", ...; NULL for what is none. */
const char *hsm_attribute_name(enum hsm_attribute attribute);

/*
 * A number on the token that only grows: in the label of two data objects (CKO_DATA) that are
 * written in turn, so that an interrupted write leaves the other. Both are named by `prefix`.
 */
struct hsm_anchor {
	char prefix[HSM_ANCHOR_PREFIX_MAX + 1]; /* "holdfast:<installation>" */
	uint64_t epoch;                         /* 0: there is no anchor */
	uint8_t digest[HSM_ANCHOR_DIGEST_LEN];  /* of what had this epoch */
};

#endif
