/* SPDX-License-Identifier: Apache-2.0 */
/* An alias: a second name of a key (KMS API: AliasListEntry). The value and its rules. */
#ifndef HOLDFAST_KMS_ALIAS_H
#define HOLDFAST_KMS_ALIAS_H

#include "kms/arn.h"

#define KMS_ALIASES_MAX 50 /* of one key */

struct kms_alias {
	struct kms_scope scope;       /* an alias and its key share account and region */
	char name[KMS_ALIAS_MAX + 1]; /* with alias/ */
	struct kms_key_id key_id;
	int64_t created_ms;
	int64_t updated_ms; /* when it was last pointed at another key; at first the same */
	uint64_t revision;  /* grows by one with every stored change */
};

/* E_FORMAT unless it is alias/ and 1 or more of a-z A-Z 0-9 / _ -, KMS_ALIAS_MAX in all. */
NODISCARD struct err kms_alias_name_check(struct view name);

/* alias/aws/...: of keys that services make for the account. */
bool kms_alias_name_is_reserved(struct view name);

/* arn:<partition>:kms:<region>:<account>:alias/... */
#define KMS_ALIAS_ARN_TEXT 384
void kms_alias_arn_format(const struct kms_scope *scope, struct view name,
			  char out[KMS_ALIAS_ARN_TEXT]);

/* KMS API: UpdateAlias. Whether an alias of `from` may be pointed at `to`: both symmetric, both
 * asymmetric or both HMAC, and of the same usage. */
struct kms_key;
bool kms_alias_may_move(const struct kms_key *from, const struct kms_key *to);

/* What is wrong with an alias as a whole, as the store or a defect may hand it out: E_BUG, or OK.
 */
NODISCARD struct err kms_alias_check(const struct kms_alias *alias);

#endif
