/* SPDX-License-Identifier: Apache-2.0 */
/* What Decrypt and ReEncrypt share of their input: the ciphertext, which a dry run may leave out.
 */
#ifndef HOLDFAST_SERVICE_DRY_RUN_H
#define HOLDFAST_SERVICE_DRY_RUN_H

#include "service/operation.h"

/*
 * Decodes CiphertextBlob and DryRunModifiers. Without a ciphertext, which only a dry run with
 * IGNORE_CIPHERTEXT allows, `key_member` must name the key. E_VALIDATION, E_SERIALIZATION.
 */
NODISCARD struct err dry_run_decode(struct call_work *work, const char *key_member);

#endif
