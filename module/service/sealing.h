/* SPDX-License-Identifier: Apache-2.0 */
/* What Encrypt, Decrypt, GenerateDataKey* and ReEncrypt share: keys to token operations, and their
 * results to ciphertexts. */
#ifndef HOLDFAST_SERVICE_SEALING_H
#define HOLDFAST_SERVICE_SEALING_H

#include "service/operation.h"

/* The state's and usage's step is done before; this one picks versions. */

/* work->op.to: the current version of keys[which], under contexts[which]. E_WOULD_BLOCK,
 * E_KMS_EXHAUSTED (suite 3), E_KMS_KEY_UNAVAILABLE. */
NODISCARD struct err sealing_to(struct call_work *work, size_t which);

/* work->op.from: the version that the ciphertext names. E_KMS_CIPHERTEXT when there is none. */
NODISCARD struct err sealing_from(struct call_work *work, size_t which);

/* work->out.ciphertext: the header of keys[which] and what the token sealed. */
NODISCARD struct err sealing_finish(struct call_work *work, size_t which);

/* Members of replies. */
void sealing_write_key(struct call_work *work, size_t which, const char *member,
		       struct json_out *out);
void sealing_write_material(struct call_work *work, size_t which, const char *member,
			    struct json_out *out);
void sealing_write_algorithm(const char *member, struct json_out *out);

#endif
