/* SPDX-License-Identifier: Apache-2.0 */
/* Drawing what identifies and what authenticates: ids of principals and access keys, and secrets.
 */
#ifndef HOLDFAST_SERVICE_DRAWING_H
#define HOLDFAST_SERVICE_DRAWING_H

#include "hsm/hsm.h"

/* `prefix` and letters of A-Z2-7, `len` in all; room for len + 1. E_SYSTEM, E_BOUNDS. */
NODISCARD struct err drawing_id(const char *prefix, size_t len, char *out);

/* `bytes` bytes of the token's generator as Base64: nothing in this process ever makes a secret.
 * *out: secret_free(). Blocks. What the token answers. */
NODISCARD struct err drawing_secret(struct hsm *hsm, int64_t deadline_ms, size_t bytes,
				    struct secret **out);

#endif
