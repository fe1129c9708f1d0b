/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Markers of lists: where a page ended, authenticated by the token under the row-seal key and
 * bound to operation, account and region, so that a made-up or moved one is refused. Opaque to
 * clients. Both functions block.
 */
#ifndef HOLDFAST_SERVICE_MARKER_H
#define HOLDFAST_SERVICE_MARKER_H

#include "kms/installation.h"

#define MARKER_TEXT 128 /* with its NUL */

struct marker_place {
	const char *operation; /* ListKeys */
	const struct kms_scope *scope;
	struct kms_key_id last; /* the last key of the page */
};

NODISCARD struct err marker_make(const struct kms_sealer *sealer, const struct marker_place *place,
				 char out[MARKER_TEXT]);

/* Fills place->last; the rest of it is given. E_KMS_INVALID_MARKER. */
NODISCARD struct err marker_read(const struct kms_sealer *sealer, struct view text,
				 struct marker_place *place);

#endif
