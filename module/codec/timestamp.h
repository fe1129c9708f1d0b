/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time as text. Unix milliseconds on our side; no leap seconds, no local time. */
#ifndef HOLDFAST_CODEC_TIMESTAMP_H
#define HOLDFAST_CODEC_TIMESTAMP_H

#include "base/err.h"
#include "base/view.h"

#define TIMESTAMP_ISO_TEXT 25   /* 2026-11-21T18:42:51.123Z and a NUL */
#define TIMESTAMP_BASIC_TEXT 17 /* 20261121T184251Z and a NUL */

/* With milliseconds when `with_ms`, else whole seconds (rounded down). Years 1970 to 9999; outside
 * them clamped. */
void timestamp_iso(int64_t unix_ms, bool with_ms, char out[TIMESTAMP_ISO_TEXT]);
/* SigV4: YYYYMMDD'T'HHMMSS'Z'; its first eight characters are the scope's date. */
void timestamp_basic(int64_t unix_ms, char out[TIMESTAMP_BASIC_TEXT]);

/* The same forms back. E_FORMAT for anything else, dates that do not exist included. */
NODISCARD struct err timestamp_parse_basic(struct view text, int64_t *unix_ms);
NODISCARD struct err timestamp_parse_iso(struct view text, int64_t *unix_ms);

#endif
