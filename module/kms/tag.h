/* SPDX-License-Identifier: Apache-2.0 */
/* A tag of a key (KMS API: Tag). Tags of a key are told apart by their key, case-sensitively. */
#ifndef HOLDFAST_KMS_TAG_H
#define HOLDFAST_KMS_TAG_H

#define KMS_TAGS_MAX 50       /* of one key */
#define KMS_TAG_KEY_MAX 128   /* characters */
#define KMS_TAG_VALUE_MAX 256 /* characters */

/* UTF-8 of up to four bytes a character. */
struct kms_tag {
	char key[4 * KMS_TAG_KEY_MAX + 1]; /* at least one character */
	char value[4 * KMS_TAG_VALUE_MAX + 1];
};

#endif
