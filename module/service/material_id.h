/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The material id of a version (KMS API: KeyMaterialId): a MAC by the token over what names the
 * version there, so that one which only the token still knows is given the id that the replies to
 * its ciphertexts had. Versions made by programs before this rule have random ids, which stay.
 */
#ifndef HOLDFAST_SERVICE_MATERIAL_ID_H
#define HOLDFAST_SERVICE_MATERIAL_ID_H

#include "kms/key.h"
#include "kms/sealer.h"

/* Fills version->material_id from its key id, number and token id. What the sealer answers. */
NODISCARD struct err material_id_make(const struct kms_sealer *sealer, struct kms_version *version);

#endif
