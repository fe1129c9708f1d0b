/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotating the material of a key, two-phase: intent, object on the token, then key and version with
 * the RotateKey record in one transaction. Whoever calls it, a due rotation is done once.
 */
#ifndef HOLDFAST_SERVICE_KEY_ROTATION_H
#define HOLDFAST_SERVICE_KEY_ROTATION_H

#include "kms/agenda.h"
#include "service/service.h"

/*
 * Loads the key, asks kms_rotation_due(), and does what it says; again while something is due
 * (an automatic rotation and one on demand). *rotated: how many were done. OK with 0: nothing is
 * due (any more), the key is gone, or somebody else was faster. Errors of token, store and audit
 * log; what was begun is settled by reconciliation. Blocks.
 */
NODISCARD struct err key_rotation_run(struct service *service, const struct kms_scope *scope,
				      const struct kms_key_id *key_id, unsigned *rotated);

#endif
