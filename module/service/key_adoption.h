/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A version that only the token knows, of a key that the store does: what is left of a rotation
 * after the store was put back from an older copy. Its ciphertexts are out there; so the version is
 * taken into the store again, beside those that it has. What is current stays current.
 */
#ifndef HOLDFAST_SERVICE_KEY_ADOPTION_H
#define HOLDFAST_SERVICE_KEY_ADOPTION_H

#include "hsm/hsm.h"
#include "service/service.h"

/*
 * `object` is on the token, and no version of the store has it. *adopted: it is a version now, in
 * one transaction with the record of it (AdoptKeyVersion); its material id is the one it had.
 * Otherwise *why says, for people, why it was left alone: of static storage. Blocks.
 *
 * Failures are those that may pass: of the token, the store, the audit log.
 */
NODISCARD struct err key_adoption_run(struct service *service, const struct hsm_object *object,
				      bool *adopted, const char **why);

#endif
