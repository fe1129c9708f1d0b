/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of report.html that have a file of their own. Pure. */
#ifndef HOLDFAST_CLI_EVIDENCE_REPORT_H
#define HOLDFAST_CLI_EVIDENCE_REPORT_H

#include "base/writer.h"
#include "codec/json.h"

/* Who and when, the verdict over all, and what was checked for it. */
void report_front_write(struct writer *w, const struct json *evidence);

/* The plot of rotations, the list of keys, and a section for each. */
void report_keys_write(struct writer *w, const struct json *evidence);

/* The attributes of one token object in a table of their own: value, required, as required. */
struct judge_subject;
void report_attributes_write(struct writer *w, const struct judge_subject *subject,
			     const struct json *token);

/* "yes", "no", ... in the colour that it deserves; other words plain. */
void report_verdict_write(struct writer *w, struct view verdict);

/* The text of a member, or VIEW_NONE. */
struct view report_text(const struct json *object, const char *member);
/* A row "name: member" of a table of pairs, where there is such a member. */
void report_pair(struct writer *w, const char *name, const struct json *object, const char *member);

#endif
