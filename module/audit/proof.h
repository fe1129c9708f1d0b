/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder's own header: whether the token has signed for a segment, before it is said of it, in
 * a record that the token signs as well, that the rules removed it. Without that, whoever can write
 * to the folder would have a signature for any place by putting a segment there that ends with it.
 */
#ifndef HOLDFAST_AUDIT_PROOF_H
#define HOLDFAST_AUDIT_PROOF_H

#include "audit/chain.h"

/*
 * `end` is the last line before the segment with this number: the lines from there on follow from
 * it, up to a signature by this key of itself or of a later line. *ends: another chain begins there
 * instead, and nothing proves this one. E_AUDIT_CHAIN: the lines do not follow, or none is signed
 * for (yet). E_AUDIT, E_NOMEM.
 */
NODISCARD struct err proof_of_end(int directory, uint64_t next, const struct audit_point *end,
				  const uint8_t *public_key, bool *ends);

#endif
