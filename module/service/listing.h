/* SPDX-License-Identifier: Apache-2.0 */
/* What all lists share: Marker in the request; NextMarker and Truncated in the reply. */
#ifndef HOLDFAST_SERVICE_LISTING_H
#define HOLDFAST_SERVICE_LISTING_H

#include "service/marker.h"
#include "service/operation.h"

/*
 * Where the page begins that the call asks for: behind marker_last(place), or at the start when
 * that is empty. `about` is what the list is of (an id's bytes; empty: everything), borrowed by
 * *place. E_KMS_INVALID_MARKER. Blocks.
 */
NODISCARD struct err listing_begin(struct call_work *work, struct view about,
				   struct marker_place *place);

/*
 * Keeps a page for the encoder: `items` (its memory is the work's from here on, whatever the
 * answer), `count` of them. When there are more, `last` says where this page ends. Blocks.
 */
struct listing_page {
	void *items; /* mem_free() frees all of it */
	size_t count;
	bool more;
	struct view last; /* name of the last item, borrowed from `items` */
};
NODISCARD struct err listing_end(struct call_work *work, struct marker_place *place,
				 const struct listing_page *page);

/* NextMarker (when there is one) and Truncated. */
void listing_encode(const struct call_work *work, struct json_out *out);

#endif
