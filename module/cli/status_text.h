/* SPDX-License-Identifier: Apache-2.0 */
/* The answer of the admin operation Status, for people. */
#ifndef HOLDFAST_CLI_STATUS_TEXT_H
#define HOLDFAST_CLI_STATUS_TEXT_H

#include "base/writer.h"
#include "codec/json.h"

/* Parts in aligned lines, what is wrong marked; then each trouble with what to do about it. */
void status_text_write(struct writer *w, const struct json *status);

bool status_text_is_well(const struct json *status);

#endif
