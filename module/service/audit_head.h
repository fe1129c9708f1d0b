/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far this daemon's audit log has come, as a sealed row of the store: whoever cuts the log
 * short has to change the store as well, and whoever puts an older store back is told by the token.
 */
#ifndef HOLDFAST_SERVICE_AUDIT_HEAD_H
#define HOLDFAST_SERVICE_AUDIT_HEAD_H

#include "kms/manifest.h"

struct service;

/*
 * Before the log is opened, which begins a new one where there is none: the log in the folder must
 * contain the head that the store has, as far as that can be read. What it says is not more than
 * its own seal proves: audit_head_check() looks again. E_AUDIT_CHAIN, logged. Blocks.
 */
NODISCARD struct err audit_head_expect(const struct kms_manifest *manifest, const char *directory,
				       const char *log);

/* At the start: the log must contain the head that the store has. E_AUDIT_CHAIN, logged. Blocks. */
NODISCARD struct err audit_head_check(struct service *service);

/* Reads what the store has, and so learns what others have committed: kms_manifest_ops.mark is of
 * the store's file then, as it was no earlier than the call. Blocks. */
NODISCARD struct err audit_head_look(struct service *service);

/* Stores the head where it has moved. E_STORE_CONFLICT: another daemon keeps its log under this
 * name. Blocks; one thread. */
NODISCARD struct err audit_head_save(struct service *service);

#endif
