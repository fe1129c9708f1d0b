/* SPDX-License-Identifier: Apache-2.0 */
/* Names of keys: key ids, key ARNs, alias names and alias ARNs. Text in, values out, and back. */
#ifndef HOLDFAST_KMS_ARN_H
#define HOLDFAST_KMS_ARN_H

#include "base/err.h"
#include "base/view.h"

#define KMS_ACCOUNT_LEN 12
#define KMS_REGION_MAX 32
#define KMS_PARTITION_MAX 16
#define KMS_KEY_ID_TEXT 36 /* a UUID with dashes, or mrk- and 32 hex digits: both are 36 long */
#define KMS_ALIAS_MAX 256  /* with the prefix alias/ */
#define KMS_ARN_MAX 2048   /* KMS API: KeyIdType */

/* Where a key lives. Every lookup carries it. */
struct kms_scope {
	char partition[KMS_PARTITION_MAX + 1]; /* aws, aws-cn, aws-us-gov */
	char region[KMS_REGION_MAX + 1];
	char account[KMS_ACCOUNT_LEN + 1];
};

/* A key id. A multi-Region id is written mrk- and 32 hex digits, any other as a UUID. */
struct kms_key_id {
	uint8_t bytes[16];
	bool multi_region;
};

bool kms_key_id_equal(const struct kms_key_id *a, const struct kms_key_id *b);

/* The id as the key of a map: the same bytes for the same id, others for any other. In memory only.
 */
#define KMS_KEY_ID_NAME (sizeof((struct kms_key_id *)0)->bytes + 1)
void kms_key_id_name(const struct kms_key_id *id, uint8_t out[KMS_KEY_ID_NAME]);

/* A random (version 4) UUID, or a multi-Region id. E_SYSTEM without randomness. */
NODISCARD struct err kms_key_id_make(bool multi_region, struct kms_key_id *out);

/* E_FORMAT for anything but the two written forms; hex digits in lower case only. */
NODISCARD struct err kms_key_id_parse(struct view text, struct kms_key_id *out);
void kms_key_id_format(const struct kms_key_id *id, char out[KMS_KEY_ID_TEXT + 1]);

/* arn:<partition>:kms:<region>:<account>:key/<id> */
#define KMS_KEY_ARN_TEXT 160
void kms_key_arn_format(const struct kms_scope *scope, const struct kms_key_id *id,
			char out[KMS_KEY_ARN_TEXT]);

/* What a KeyId member names. */
enum kms_name_kind { KMS_NAME_KEY_ID, KMS_NAME_KEY_ARN, KMS_NAME_ALIAS, KMS_NAME_ALIAS_ARN };

struct kms_name {
	enum kms_name_kind kind;
	struct kms_scope scope; /* of the ARN; for a bare id or alias the caller's, as given */
	struct kms_key_id id;   /* KEY_ID, KEY_ARN */
	struct view alias;      /* ALIAS, ALIAS_ARN: borrowed from the text, with alias/ */
};

/*
 * Takes a KeyId member apart. `home` is the scope of the caller.
 * E_FORMAT: neither an id, an alias nor an ARN ("Invalid keyId '...'"); E_KMS_INVALID_ARN: an ARN
 * that is not one of a key or alias ("Invalid arn ...").
 */
NODISCARD struct err kms_name_parse(struct view text, const struct kms_scope *home,
				    struct kms_name *out);

#endif
