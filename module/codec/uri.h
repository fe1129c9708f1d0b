/* SPDX-License-Identifier: Apache-2.0 */
/* Percent-encoding as RFC 3986 and AWS Signature Version 4 use it. */
#ifndef HOLDFAST_CODEC_URI_H
#define HOLDFAST_CODEC_URI_H

#include "base/err.h"
#include "base/writer.h"

/* Encodes every byte but A-Z a-z 0-9 - . _ ~ ; with `keep_slash`, '/' as well. Upper-case digits.
 */
void uri_encode(struct writer *w, struct view text, bool keep_slash);

/* Undoes percent-encoding; '+' stays '+'. E_FORMAT for a broken escape, or what the writer fails
 * with. */
NODISCARD struct err uri_decode(struct writer *w, struct view text);

#endif
