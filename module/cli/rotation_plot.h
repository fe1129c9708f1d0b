/* SPDX-License-Identifier: Apache-2.0 */
/* The rotations of keys over time, as SVG inside HTML: one row per key, a mark per version. */
#ifndef HOLDFAST_CLI_ROTATION_PLOT_H
#define HOLDFAST_CLI_ROTATION_PLOT_H

#include "base/writer.h"
#include "codec/json.h"

#define ROTATION_PLOT_KEYS_MAX 400 /* rows; more are not drawn, and it says so */

/* `keys`: the array of evidence.json. `now_ms`: where today is. */
void rotation_plot_write(struct writer *w, const struct json *keys, int64_t now_ms);

#endif
