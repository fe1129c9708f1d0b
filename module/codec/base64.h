/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 of RFC 4648 §4, with padding, nothing else accepted: no blanks, no missing or non-zero pad
 * bits. */
#ifndef HOLDFAST_CODEC_BASE64_H
#define HOLDFAST_CODEC_BASE64_H

#include "base/err.h"
#include "base/writer.h"

#define BASE64_ENCODED_LEN(n) (((n) + 2) / 3 * 4)
#define BASE64_DECODED_MAX(n) ((n) / 4 * 3)

/* Table-free and branch-free on the data, so that secrets can pass through. */
void base64_encode(struct writer *w, struct view bytes);

/* E_FORMAT, or what the writer fails with; what was written before the fault stays in the writer's
 * room. Constant time on valid input. */
NODISCARD struct err base64_decode(struct writer *w, struct view text);

#endif
