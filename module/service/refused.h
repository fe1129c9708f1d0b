/* SPDX-License-Identifier: Apache-2.0 */
/* Key versions whose token object is missing or unsound (P1): found at the start, never used. */
#ifndef HOLDFAST_SERVICE_REFUSED_H
#define HOLDFAST_SERVICE_REFUSED_H

#include "hsm/hsm.h"

struct refused;

NODISCARD struct err refused_new(struct refused **out); /* refused_free() */
void refused_free(struct refused **refused);

NODISCARD struct err refused_add(struct refused *refused, const struct hsm_key_id *token_id);
bool refused_holds(struct refused *refused, const struct hsm_key_id *token_id);
size_t refused_count(struct refused *refused);

#endif
