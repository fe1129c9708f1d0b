/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/answer_text.h"

#include "base/text.h"
#include "codec/timestamp.h"

#define NAME_WIDTH 22
#define INDENT 2
#define COLUMN_GAP 2
#define DEPTH_MAX 6
#define COLUMNS_MAX 16
#define CELL_MAX 96 /* bytes of one value in a table */
#define MS 1000.0
#define NOTHING "There is none.\n"

static void put_blanks(struct writer *w, size_t count)
{
	for (size_t i = 0; i < count; i++)
		writer_u8(w, ' ');
}

/* Text that came over the socket is shown on a terminal: nothing that could steer it. */
static void put_text(struct writer *w, struct view text)
{
	for (size_t i = 0; i < text.len; i++)
		writer_u8(w, text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f ? text.ptr[i] : '?');
}

static void put_padded(struct writer *w, struct view text, size_t width)
{
	put_text(w, text);
	put_blanks(w, text.len < width ? width - text.len : 1);
}

/* AWS's names for points in time. */
static bool is_time(struct view name)
{
	static const struct view ends[] = {VIEW_LITERAL("Date"), VIEW_LITERAL("Expiration")};
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (name.len >= ends[i].len &&
		    view_equal(view_part(name, name.len - ends[i].len, SIZE_MAX), ends[i]))
			return true;
	return false;
}

static bool is_number(const struct json *value)
{
	return json_type_of(value) == JSON_TYPE_INTEGER || json_type_of(value) == JSON_TYPE_REAL;
}

static bool is_scalar(const struct json *value)
{
	return json_type_of(value) != JSON_TYPE_ARRAY && json_type_of(value) != JSON_TYPE_OBJECT;
}

static void put_number(struct writer *w, struct view name, const struct json *value)
{
	if (!is_time(name)) {
		writer_format(w, "%lld", (long long)json_integer_of(value));
		return;
	}
	char text[TIMESTAMP_ISO_TEXT];
	timestamp_iso((int64_t)(json_number_of(value) * MS), false, text);
	writer_text(w, text);
}

/* An error by its name, or none. */
static void put_verdict(struct writer *w, struct view code)
{
	if (view_equal_text(code, err_name(OK)))
		writer_text(w, "sound: every row carries its seal");
	else if (view_equal_text(code, err_name(ERR(E_STORE_SEAL))))
		writer_text(w,
			    "rows are refused in it, as in the store: see holdfast store verify");
	else
		put_text(w, code);
}

static void put_scalar(struct writer *w, struct view name, const struct json *value)
{
	if (json_type_of(value) == JSON_TYPE_BOOL)
		writer_text(w, json_bool_of(value) ? "yes" : "no");
	else if (is_number(value))
		put_number(w, name, value);
	else if (view_equal_text(name, "Verdict"))
		put_verdict(w, json_string_of(value));
	else
		put_text(w, json_string_of(value));
}

static void put_name(struct writer *w, struct view name, size_t indent)
{
	put_blanks(w, indent);
	put_padded(w, name, NAME_WIDTH);
}

static void put_heading(struct writer *w, struct view name, size_t indent)
{
	put_blanks(w, indent);
	put_text(w, name);
	writer_text(w, "\n");
}

/* A text of several lines, each indented. */
static void put_lines(struct writer *w, struct view text, size_t indent)
{
	if (text.len > 0 && text.ptr[text.len - 1] == '\n')
		text.len--; /* of the file that it came from */
	while (text.ptr != NULL) {
		struct view line = view_cut(&text, '\n');
		put_blanks(w, indent);
		put_text(w, line);
		writer_text(w, "\n");
	}
}

/* --- tables --- */

struct table {
	struct view names[COLUMNS_MAX];
	size_t widths[COLUMNS_MAX];
	size_t count;
};

static size_t column_of(struct table *table, struct view name)
{
	for (size_t i = 0; i < table->count; i++)
		if (view_equal(table->names[i], name))
			return i;
	if (table->count == COLUMNS_MAX)
		return COLUMNS_MAX;
	table->names[table->count] = name;
	table->widths[table->count] = name.len;
	return table->count++;
}

/* What a cell says, cut to fit. */
static struct view cell_text(struct view name, const struct json *value, char room[CELL_MAX])
{
	struct writer w;
	writer_init(&w, room, CELL_MAX);
	if (json_type_of(value) == JSON_TYPE_STRING)
		return view_part(json_string_of(value), 0, CELL_MAX);
	if (is_scalar(value))
		put_scalar(&w, name, value);
	else
		writer_format(&w, "(%zu)", json_count(value));
	return view_of(room, w.len);
}

static void measure(struct table *table, const struct json *row)
{
	size_t at = 0;
	struct view name;
	const struct json *value = NULL;
	char room[CELL_MAX];
	while (json_next_member(row, &at, &name, &value)) {
		size_t column = column_of(table, name);
		if (column < COLUMNS_MAX)
			table->widths[column] =
				MAX_OF(table->widths[column], cell_text(name, value, room).len);
	}
}

static const struct json *find_member(const struct json *row, struct view wanted)
{
	size_t at = 0;
	struct view name;
	const struct json *value = NULL;
	while (json_next_member(row, &at, &name, &value))
		if (view_equal(name, wanted))
			return value;
	return NULL;
}

static void put_row(struct writer *w, const struct table *table, const struct json *row,
		    size_t indent)
{
	char room[CELL_MAX];
	size_t blanks = indent; /* in front of the next cell that says something */
	for (size_t i = 0; i < table->count; i++) {
		struct view cell = row == NULL ? table->names[i]
					       : cell_text(table->names[i],
							   find_member(row, table->names[i]), room);
		size_t width = table->widths[i] + COLUMN_GAP;
		if (cell.len == 0) {
			blanks += width;
			continue;
		}
		put_blanks(w, blanks);
		put_text(w, cell);
		blanks = width - cell.len;
	}
	writer_text(w, "\n");
}

static void put_rows(struct writer *w, const struct table *table, const struct json *rows,
		     size_t indent)
{
	for (size_t i = 0; i < json_count(rows); i++)
		put_row(w, table, json_element(rows, i), indent);
}

static void measure_rows(struct table *table, const struct json *rows)
{
	for (size_t i = 0; i < json_count(rows); i++)
		measure(table, json_element(rows, i));
}

static void put_table(struct writer *w, const struct json *rows, size_t indent)
{
	struct table table = {.count = 0};
	measure_rows(&table, rows);
	put_row(w, &table, NULL, indent);
	put_rows(w, &table, rows, indent);
}

void answer_text_write_lists(struct writer *w, const struct json *const lists[], size_t count)
{
	struct table table = {.count = 0};
	for (size_t i = 0; i < count; i++)
		measure_rows(&table, lists[i]);
	if (table.count == 0) {
		writer_text(w, NOTHING);
		return;
	}
	put_row(w, &table, NULL, 0);
	for (size_t i = 0; i < count; i++)
		put_rows(w, &table, lists[i], 0);
}

/* --- members --- */

static bool has_documents(const struct json *rows)
{
	for (size_t i = 0; i < json_count(rows); i++)
		if (json_member(json_element(rows, i), "Document") != NULL)
			return true;
	return false;
}

static void put_object(struct writer *w, const struct json *object, size_t indent);

static void put_array(struct writer *w, struct view name, const struct json *array, size_t indent)
{
	if (json_count(array) == 0) {
		put_name(w, name, indent);
		writer_text(w, "-\n");
		return;
	}
	put_heading(w, name, indent);
	for (size_t i = 0; i < json_count(array); i++) {
		const struct json *element = json_element(array, i);
		if (is_scalar(element)) {
			put_blanks(w, indent + INDENT);
			put_scalar(w, VIEW_NONE, element);
			writer_text(w, "\n");
		} else if (has_documents(array)) {
			put_object(w, element, indent + INDENT);
		} else {
			put_table(w, array, indent + INDENT);
			return;
		}
	}
}

static void put_member(struct writer *w, struct view name, const struct json *value, size_t indent)
{
	struct view text = json_string_of(value);
	if (json_type_of(value) == JSON_TYPE_ARRAY) {
		put_array(w, name, value, indent);
	} else if (json_type_of(value) == JSON_TYPE_OBJECT) {
		put_heading(w, name, indent);
		put_object(w, value, indent + INDENT);
	} else if (view_find(text, '\n') < text.len) {
		put_heading(w, name, indent);
		put_lines(w, text, indent + INDENT);
	} else {
		put_name(w, name, indent);
		put_scalar(w, name, value);
		writer_text(w, "\n");
	}
}

static void put_object(struct writer *w, const struct json *object, size_t indent)
{
	size_t at = 0;
	struct view name;
	const struct json *value = NULL;
	if (indent > DEPTH_MAX * INDENT)
		return;
	while (json_next_member(object, &at, &name, &value))
		put_member(w, name, value, indent);
}

/* The one thing that an answer consists of needs no name. */
void answer_text_write(struct writer *w, const struct json *answer)
{
	size_t at = 0;
	struct view name;
	const struct json *value = NULL, *first = NULL, *list = NULL;
	size_t others = 0;
	while (json_next_member(answer, &at, &name, &value)) {
		if (json_type_of(value) == JSON_TYPE_OBJECT && first == NULL)
			first = value;
		else if (json_type_of(value) == JSON_TYPE_ARRAY && list == NULL)
			list = value;
		else if (!view_equal_text(name, "Truncated") &&
			 !view_equal_text(name, "NextMarker"))
			others++;
	}
	if (first != NULL && list == NULL && others == 0)
		put_object(w, first, 0);
	else if (list != NULL && first == NULL && others == 0 && json_count(list) > 0)
		put_table(w, list, 0);
	else if (list != NULL && first == NULL && others == 0)
		writer_text(w, NOTHING);
	else
		put_object(w, answer, 0);
}

/* The only object that an answer has. */
static const struct json *object_of(const struct json *answer)
{
	size_t at = 0;
	struct view name;
	const struct json *value = NULL;
	while (json_next_member(answer, &at, &name, &value))
		if (json_type_of(value) == JSON_TYPE_OBJECT)
			return value;
	return answer;
}

void answer_text_write_next(struct writer *w, struct view rest, const struct json *answer)
{
	const struct json *object = object_of(answer);
	while (rest.ptr != NULL) {
		writer_bytes(w, view_cut(&rest, '{'));
		if (rest.ptr != NULL)
			put_text(w, json_string_of(find_member(object, view_cut(&rest, '}'))));
	}
}
