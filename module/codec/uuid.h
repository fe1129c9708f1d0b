/* SPDX-License-Identifier: Apache-2.0 */
/* Random identifiers as text: requests, events. */
#ifndef HOLDFAST_CODEC_UUID_H
#define HOLDFAST_CODEC_UUID_H

#include "base/err.h"

#define UUID_TEXT_LEN 36

/* RFC 9562 §5.4: a version 4 UUID, lower case, with dashes and a NUL. E_SYSTEM without randomness.
 */
NODISCARD struct err uuid_make(char out[UUID_TEXT_LEN + 1]);

#endif
