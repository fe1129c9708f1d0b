/* SPDX-License-Identifier: Apache-2.0 */
/* What the verification of an audit log has found, for people and for programs. */
#ifndef HOLDFAST_CLI_AUDIT_TEXT_H
#define HOLDFAST_CLI_AUDIT_TEXT_H

#include "audit/verify.h"
#include "base/exit.h"
#include "base/writer.h"

/* All borrowed. */
struct audit_text {
	const char *directory;      /* of the log */
	const uint8_t *public_keys; /* as it was verified with */
	const struct audit_verify_report *report;
};

struct json_out;
/* Members Keys and FoundAtStarts: which keys signed for which lines, and what nothing spoke for. */
void audit_text_history(const struct audit_text *told, struct json_out *out);

/* One JSON object, on a line of its own. */
void audit_text_json(const struct audit_text *told, struct writer *w);

/* Lines. */
void audit_text_write(const struct audit_text *told, struct writer *w);

/* EXIT_DONE; EXIT_WARNING: sound, but nothing, or nothing of the last minutes, is attested, or
 * there is what a stolen token would do, or lines behind a stop in good order; EXIT_REFUSED: it is
 * not sound. */
enum exit_status audit_text_exit(const struct audit_verify_report *report);

#endif
