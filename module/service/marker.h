/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Markers of lists: where a page ended, authenticated by the token under the row-seal key and
 * bound to operation, account, region and what the list is of, so that a made-up or moved one is
 * refused. Opaque to clients. Both functions block.
 */
#ifndef HOLDFAST_SERVICE_MARKER_H
#define HOLDFAST_SERVICE_MARKER_H

#include "kms/installation.h"

#define MARKER_LAST_MAX 640 /* bytes that say where a page ended; the longest is a tag's key */
#define MARKER_TEXT 1024    /* with its NUL. KMS API: MarkerType allows 1,024 characters */

struct marker_place {
	const char *operation; /* ListKeys */
	const struct kms_scope *scope;
	struct view about; /* the id of the one key that the list is of; empty without */
	uint8_t last[MARKER_LAST_MAX];
	size_t last_len; /* of the last thing told: id of a key, name of an alias, key of a tag */
};

/* Where a page ends. E_BUG for what is longer than MARKER_LAST_MAX. */
NODISCARD struct err marker_set_last(struct marker_place *place, struct view last);
struct view marker_last(const struct marker_place *place);

NODISCARD struct err marker_make(const struct kms_sealer *sealer, const struct marker_place *place,
				 char out[MARKER_TEXT]);

/* Fills place->last; the rest of it is given. E_KMS_INVALID_MARKER. */
NODISCARD struct err marker_read(const struct kms_sealer *sealer, struct view text,
				 struct marker_place *place);

#endif
