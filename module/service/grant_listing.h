/* SPDX-License-Identifier: Apache-2.0 */
/* What ListGrants and ListRetirableGrants share (KMS API: ListGrantsResponse). */
#ifndef HOLDFAST_SERVICE_GRANT_LISTING_H
#define HOLDFAST_SERVICE_GRANT_LISTING_H

#include "kms/grants.h"
#include "service/listing.h"

/* KMS API: LimitType; "between 1 and 100, inclusive. If you do not include a value, it defaults to
 * 50". */
size_t grant_listing_limit(const struct call_work *work);

/* Keeps the page for the encoder, in a copy; `last` says where it ends, if there is more. Blocks.
 */
NODISCARD struct err grant_listing_end(struct call_work *work, struct marker_place *place,
				       const struct kms_grant_page *page, struct view last);

void grant_listing_encode(struct call_work *work, struct json_out *out);

/* "Operations": [...] */
void grant_listing_write_operations(uint32_t operations, struct json_out *out);
/* "EncryptionContextSubset" or "EncryptionContextEquals": {...}; nothing when there is none. */
void grant_listing_write_constraint(const struct kms_grant *grant, struct json_out *out);

#endif
