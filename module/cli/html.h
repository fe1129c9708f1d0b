/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTML out: the few elements that the report is made of. Every text passes through html_text(),
 * whoever wrote it; attributes and elements are ours alone.
 */
#ifndef HOLDFAST_CLI_HTML_H
#define HOLDFAST_CLI_HTML_H

#include "base/writer.h"
#include "codec/json.h"

/*
 * Text that is data: & < > " and ' escaped; what is no UTF-8 and control characters but tab and
 * line end become U+FFFD; marks that turn the direction of text round are told by number
 * (Unicode TR #36), so that what is read is what is there.
 */
void html_text(struct writer *w, struct view text);

/* <p class=...>, <td>, <th>, <h2> ... with text that is data; `class` NULL: none. */
void html_element(struct writer *w, const char *element, const char *class, struct view text);

/* A row of a table of two columns, with a name of ours; nothing when there is no text. */
void html_pair(struct writer *w, const char *name, struct view text);
void html_pair_code(struct writer *w, const char *name, struct view text);

/* A table with a head that repeats on each printed page, in columns of these shares of its width
 * (0: as wide as their content): whatever stands in one, no other becomes too narrow to read. */
struct html_column {
	const char *name; /* NULL: behind the last */
	unsigned percent;
};
void html_table_begin(struct writer *w, const char *class, const struct html_column *columns);
void html_table_end(struct writer *w);
/* The cell that names a row. */
void html_row_name(struct writer *w, struct view text);

/* A member that is a text, number or truth value, as people write it; "" for others. `room` is
 * for numbers. */
#define HTML_NUMBER_TEXT 32
struct view html_value(const struct json *value, char room[HTML_NUMBER_TEXT]);

#endif
