/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of keys and of imported material, two-phase: first it is committed that there is no way
 * back (key.destroying; KMS_MATERIAL_GOING), then the objects on the token are destroyed one by
 * one, then rows and the record that says what was destroyed change in one transaction. A crash in
 * between leaves what is done and goes on from there.
 */
#ifndef HOLDFAST_SERVICE_KEY_DELETION_H
#define HOLDFAST_SERVICE_KEY_DELETION_H

#include "kms/agenda.h"
#include "service/service.h"

/*
 * The key whose window is over. Asks the clock's trust before there is no way back
 * (E_CLOCK_UNTRUSTED; once begun, it is finished whatever the clock says). OK: it is gone, or it is
 * not due (any more). *done: whether this call ended it. Blocks.
 */
NODISCARD struct err key_deletion_run(struct service *service, const struct kms_scope *scope,
				      const struct kms_key_id *key_id, bool *done);

/* Imported material whose time has come: the key is PendingImport from then on (KMS Developer
 * Guide, "Key states"). Otherwise as above. */
NODISCARD struct err key_expiry_run(struct service *service, const struct kms_scope *scope,
				    const struct kms_key_id *key_id, uint32_t number, bool *done);

#endif
