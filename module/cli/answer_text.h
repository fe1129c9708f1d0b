/* SPDX-License-Identifier: Apache-2.0 */
/* An answer of the admin operations for people: lines of names and values, lists as tables. */
#ifndef HOLDFAST_CLI_ANSWER_TEXT_H
#define HOLDFAST_CLI_ANSWER_TEXT_H

#include "base/writer.h"
#include "codec/json.h"

/*
 * Members in their order. An object in an object, and a document of several lines, stand indented
 * below their name; a list of objects is a table. What a terminal would not print is shown as '?'.
 */
void answer_text_write(struct writer *w, const struct json *answer);

/* The elements of lists, one behind the other, as one table. */
void answer_text_write_lists(struct writer *w, const struct json *const lists[], size_t count);

/* `next`, where {Name} is the text of member Name of the answer's first object. */
void answer_text_write_next(struct writer *w, struct view next, const struct json *answer);

#endif
