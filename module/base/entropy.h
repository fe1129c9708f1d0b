/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's DRBG, for IVs, nonces and identifiers. Key material comes from the token, never from
 * here. */
#ifndef HOLDFAST_BASE_ENTROPY_H
#define HOLDFAST_BASE_ENTROPY_H

#include "base/err.h"

/* Fills n bytes (getrandom(2)). E_SYSTEM when the kernel refuses; the bytes are then zero and must
 * not be used. */
NODISCARD struct err entropy_fill(void *dst, size_t n);

#endif
