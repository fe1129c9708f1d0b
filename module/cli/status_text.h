/* SPDX-License-Identifier: Apache-2.0 */
/* A status - the answer of the admin operation, or what was seen from outside - for people. */
#ifndef HOLDFAST_CLI_STATUS_TEXT_H
#define HOLDFAST_CLI_STATUS_TEXT_H

#include "base/exit.h"
#include "base/writer.h"
#include "codec/json.h"

/*
 * The verdict, then a line per check, and under each that is not well what to do. colour: levels in
 * the terminal's colours (ECMA-48).
 */
void status_text_write(struct writer *w, const struct json *status, bool colour);

/* Whether standard output is a terminal that shows colours to somebody who wants them. */
bool status_text_wants_colour(void);

/* EXIT_DONE, EXIT_WARNING, EXIT_UNWELL; EXIT_DEFECT when it is no status. */
enum exit_status status_text_exit(const struct json *status);

#endif
