/* SPDX-License-Identifier: Apache-2.0 */
/* Tags in requests: their shape, AWS's rules for them, and their way into the catalog. */
#ifndef HOLDFAST_SERVICE_TAGS_H
#define HOLDFAST_SERVICE_TAGS_H

#include "kms/catalog.h"
#include "service/operation.h"

extern const struct schema_shape shape_tags;     /* KMS API: TagList */
extern const struct schema_shape shape_tag_keys; /* KMS API: TagKeyList */

/* For a member of either shape: E_KMS_TAG for what AWS refuses. OK without tags. */
NODISCARD struct err tags_check(struct call_work *work, const char *member);

/* The tags of a checked member of either shape (keys alone have empty values); none gives NULL and
 * 0. *out: mem_free(). */
NODISCARD struct err tags_new(const struct call_work *work, const char *member,
			      struct kms_tag **out, size_t *count);

/*
 * Changes the tags of keys[0] by what `member` says, in one transaction with the audit record:
 * `put` (of the catalog: tags_put or tags_remove). Without tags nothing is stored. Blocks.
 * E_KMS_LIMIT, E_KMS_NOT_FOUND, what the store answers.
 */
typedef struct err tags_change_fn(void *self, const struct kms_tag_change *change,
				  const struct kms_outbox_record *outbox);
NODISCARD struct err tags_change(struct call_work *work, const char *member, tags_change_fn *put);

#endif
