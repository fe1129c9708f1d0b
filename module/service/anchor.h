/* SPDX-License-Identifier: Apache-2.0 */
/* The token's memory of how far the store has come (hsm/evidence.h), as marks of the store's
 * manifest. What of it is done when: anchoring.h. */
#ifndef HOLDFAST_SERVICE_ANCHOR_H
#define HOLDFAST_SERVICE_ANCHOR_H

#include "base/clock.h"
#include "hsm/hsm.h"
#include "kms/installation.h"
#include "kms/manifest.h"

struct anchor_place {
	struct hsm *hsm;
	const struct kms_installation *installation;
	int64_t deadline_ms; /* steady, of the one operation */
};

/* *out has epoch 0 when the token has no anchor of this installation. E_HSM_... Blocks. */
NODISCARD struct err anchor_read(const struct anchor_place *place, struct kms_mark *out);

/* Idempotent. *now is the anchor as it is then, durably: `mark`, or a later one. E_HSM_ANCHOR: the
 * token has another of that epoch. E_HSM_... Blocks. */
NODISCARD struct err anchor_raise(const struct anchor_place *place, const struct kms_mark *mark,
				  struct kms_mark *now);

/* Whether `reached` is `mark` or later. */
static inline bool anchor_covers(const struct kms_mark *reached, const struct kms_mark *mark)
{
	return reached->epoch >= mark->epoch;
}

#endif
