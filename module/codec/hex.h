/* SPDX-License-Identifier: Apache-2.0 */
/* Hex digits, lower case when written, both cases when read. */
#ifndef HOLDFAST_CODEC_HEX_H
#define HOLDFAST_CODEC_HEX_H

#include "base/err.h"
#include "base/writer.h"

void hex_encode(struct writer *w, struct view bytes);

/* Exactly 2n digits into n bytes. E_FORMAT. Constant time on valid input. */
NODISCARD struct err hex_decode(struct view text, uint8_t *out, size_t n);

#endif
