/* SPDX-License-Identifier: Apache-2.0 */
/* Port: authenticates rows of the store with a key on the token. Implemented in service/ over
 * hsm.h. */
#ifndef HOLDFAST_KMS_SEALER_H
#define HOLDFAST_KMS_SEALER_H

#include "base/err.h"
#include "base/view.h"

#define KMS_SEAL_LEN 32

struct kms_sealer {
	/*
	 * MACs of `count` messages (any number; the implementation batches), in order. Blocks until
	 * the token has answered. E_HSM_AWAY, E_HSM_TIMEOUT, ...: nothing may be stored or believed
	 * then.
	 */
	NODISCARD struct err (*seal)(void *self, const struct view *messages, size_t count,
				     uint8_t (*seals)[KMS_SEAL_LEN]);
	/* The same within timeout_ms: while others wait for a lock of the caller's. NULL: seal()
	 * never takes long. */
	NODISCARD struct err (*seal_within)(void *self, const struct view *messages, size_t count,
					    uint32_t timeout_ms, uint8_t (*seals)[KMS_SEAL_LEN]);
	void *self;
};

#endif
