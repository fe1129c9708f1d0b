/* SPDX-License-Identifier: Apache-2.0 */
/* Two walks over schema and input: JSON types first (SerializationException), then constraints. */
#include "service/schema.h"

#include <inttypes.h>

#include "base/text.h"
#include "base/writer.h"

/* Where in the input a value stands: a chain from the leaf up to the root. */
struct place {
	const struct place *up;
	const char *name; /* of a member; NULL: element `index` of the list above */
	size_t index;     /* from 1 */
};

struct report {
	struct buf texts; /* joined with "; " */
	size_t count;
	bool full; /* texts holds all that it may */
};

void schema_name(struct writer *w, const char *member)
{
	char first = member[0];
	if (first >= 'A' && first <= 'Z')
		first = (char)(first - 'A' + 'a');
	writer_u8(w, (uint8_t)first);
	if (first != '\0')
		writer_text(w, member + 1);
}

size_t schema_blob_length(struct view text)
{
	size_t padding = 0;
	while (padding < 2 && padding < text.len && text.ptr[text.len - 1 - padding] == '=')
		padding++;
	size_t whole = text.len / 4 * 3;
	return whole > padding ? whole - padding : 0;
}

/* --- types --- */

static const char *const type_names[] = {
	[SCHEMA_STRING] = "a String",          [SCHEMA_BLOB] = "a Blob",
	[SCHEMA_INTEGER] = "an Integer",       [SCHEMA_BOOLEAN] = "a Boolean",
	[SCHEMA_TIMESTAMP] = "a Timestamp",    [SCHEMA_LIST] = "Expected list or null",
	[SCHEMA_MAP] = "Expected map or null", [SCHEMA_STRUCTURE] = "Expected map or null",
};

static const enum json_type json_types[] = {
	[SCHEMA_STRING] = JSON_TYPE_STRING,   [SCHEMA_BLOB] = JSON_TYPE_STRING,
	[SCHEMA_INTEGER] = JSON_TYPE_INTEGER, [SCHEMA_BOOLEAN] = JSON_TYPE_BOOL,
	[SCHEMA_TIMESTAMP] = JSON_TYPE_REAL,  [SCHEMA_LIST] = JSON_TYPE_ARRAY,
	[SCHEMA_MAP] = JSON_TYPE_OBJECT,      [SCHEMA_STRUCTURE] = JSON_TYPE_OBJECT,
};

static const char *value_name(const struct json *value)
{
	switch (json_type_of(value)) {
	case JSON_TYPE_BOOL:
		return json_bool_of(value) ? "TRUE_VALUE" : "FALSE_VALUE";
	case JSON_TYPE_INTEGER:
	case JSON_TYPE_REAL:
		return "NUMBER_VALUE";
	case JSON_TYPE_STRING:
		return "STRING_VALUE";
	case JSON_TYPE_NULL:
		return "NULL_VALUE";
	case JSON_TYPE_ARRAY:
	case JSON_TYPE_OBJECT:
		break;
	}
	return "";
}

static struct err wrong_type(enum schema_type wanted, const struct json *value, struct buf *message)
{
	struct writer w;
	writer_init_buf(&w, message);
	enum json_type got = json_type_of(value);
	if (wanted >= SCHEMA_LIST)
		writer_text(&w, type_names[wanted]);
	else if (got == JSON_TYPE_ARRAY)
		writer_text(&w, "Start of list found where not expected");
	else if (got == JSON_TYPE_OBJECT)
		writer_text(&w, "Start of structure or map found where not expected.");
	else
		writer_format(&w, "%s can not be converted to %s", value_name(value),
			      type_names[wanted]);
	TRY(writer_end(&w));
	return ERR(E_SERIALIZATION);
}

static struct err check_type(const struct schema_shape *shape, const struct json *value,
			     unsigned depth, struct buf *message);

static struct err check_member_types(const struct schema_shape *shape, const struct json *value,
				     unsigned depth, struct buf *message)
{
	for (const struct schema_member *m = shape->members; m->name != NULL; m++) {
		const struct json *member = json_member(value, m->name);
		if (json_type_of(member) != JSON_TYPE_NULL)
			TRY(check_type(m->shape, member, depth, message));
	}
	return OK;
}

static struct err check_element_types(const struct schema_shape *shape, const struct json *value,
				      unsigned depth, struct buf *message)
{
	for (size_t i = 0; i < json_count(value); i++)
		TRY(check_type(shape->element, json_element(value, i), depth, message));
	return OK;
}

static struct err check_value_types(const struct schema_shape *shape, const struct json *value,
				    unsigned depth, struct buf *message)
{
	struct view name;
	const struct json *element;
	for (size_t at = 0; json_next_member(value, &at, &name, &element);)
		TRY(check_type(shape->element, element, depth, message));
	return OK;
}

/* Base64 comes in groups of four; what is in them is checked where they are decoded. */
static struct err check_blob(const struct json *value, struct buf *message)
{
	if (json_string_of(value).len % 4 == 0)
		return OK;
	TRY(buf_append_text(message, "The value is not valid Base64."));
	return ERR(E_SERIALIZATION);
}

static bool has_type(const struct schema_shape *shape, const struct json *value)
{
	enum json_type type = json_type_of(value);
	if (shape->type == SCHEMA_TIMESTAMP && type == JSON_TYPE_INTEGER)
		return true;
	return type == json_types[shape->type];
}

static struct err check_type(const struct schema_shape *shape, const struct json *value,
			     unsigned depth, struct buf *message)
{
	ENSURE(depth < SCHEMA_DEPTH_MAX);
	if (!has_type(shape, value))
		return wrong_type(shape->type, value, message);
	if (shape->type == SCHEMA_BLOB)
		return check_blob(value, message);
	if (shape->type == SCHEMA_STRUCTURE)
		return check_member_types(shape, value, depth + 1, message);
	if (shape->type == SCHEMA_LIST)
		return check_element_types(shape, value, depth + 1, message);
	if (shape->type == SCHEMA_MAP)
		return check_value_types(shape, value, depth + 1, message);
	return OK;
}

/* --- constraints --- */

static void write_place(struct writer *w, const struct place *place)
{
	if (place->up != NULL) {
		write_place(w, place->up);
		writer_text(w, ".");
	}
	if (place->name != NULL)
		schema_name(w, place->name);
	else
		writer_format(w, "%zu.member", place->index);
}

/* At most SCHEMA_VALUE_MAX bytes of the text, and no half character. */
static void write_text(struct writer *w, struct view text)
{
	size_t end = MIN_OF(text.len, (size_t)SCHEMA_VALUE_MAX);
	while (end < text.len && end > 0 && (text.ptr[end] & 0xc0) == 0x80)
		end--;
	writer_bytes(w, view_part(text, 0, end));
}

static void write_value(struct writer *w, const struct schema_shape *shape,
			const struct json *value)
{
	if (shape->type == SCHEMA_INTEGER)
		writer_format(w, "%" PRId64, json_integer_of(value));
	else
		write_text(w, json_string_of(value));
}

static void write_list(struct writer *w, const struct schema_shape *shape, const struct json *value)
{
	writer_text(w, "[");
	for (size_t i = 0; i < json_count(value); i++) {
		writer_text(w, i ? ", " : "");
		if (shape->element->type <= SCHEMA_INTEGER)
			write_value(w, shape->element, json_element(value, i));
	}
	writer_text(w, "]");
}

/* "Value '<v>' at '<path>' failed to satisfy constraint: " */
static void write_subject(struct writer *w, const struct schema_shape *shape,
			  const struct json *value, const struct place *place)
{
	writer_text(w, "Value ");
	if (value == NULL) {
		writer_text(w, "null ");
	} else if (shape->type != SCHEMA_BLOB) {
		writer_text(w, "'");
		if (shape->type == SCHEMA_LIST)
			write_list(w, shape, value);
		else
			write_value(w, shape, value);
		writer_text(w, "' ");
	}
	writer_text(w, "at '");
	write_place(w, place);
	writer_text(w, "' failed to satisfy constraint: ");
}

static void write_values(struct writer *w, const char *const *values)
{
	writer_text(w, "Member must satisfy enum value set: [");
	for (size_t i = 0; values[i] != NULL; i++) {
		writer_text(w, i ? ", " : "");
		writer_text(w, values[i]);
	}
	writer_text(w, "]");
}

static bool is_one_of(struct view text, const char *const *values)
{
	for (size_t i = 0; values[i] != NULL; i++)
		if (view_equal_text(text, values[i]))
			return true;
	return false;
}

static int64_t measure(const struct schema_shape *shape, const struct json *value)
{
	switch (shape->type) {
	case SCHEMA_STRING:
		return (int64_t)text_length(json_string_of(value));
	case SCHEMA_BLOB:
		return (int64_t)schema_blob_length(json_string_of(value));
	case SCHEMA_INTEGER:
		return json_integer_of(value);
	case SCHEMA_LIST:
	case SCHEMA_MAP:
	case SCHEMA_STRUCTURE:
		return (int64_t)json_count(value);
	case SCHEMA_BOOLEAN:
	case SCHEMA_TIMESTAMP:
		break;
	}
	return 0;
}

/* The constraints that one value may break, in the order in which they are reported. */
enum constraint { ENUMERATED, AT_MOST, AT_LEAST, PATTERN, CONSTRAINT_COUNT };

static bool is_broken(enum constraint which, const struct schema_shape *shape,
		      const struct json *value)
{
	switch (which) {
	case ENUMERATED:
		return shape->values != NULL && !is_one_of(json_string_of(value), shape->values);
	case AT_MOST:
		return shape->has_max && measure(shape, value) > shape->max;
	case AT_LEAST:
		return shape->has_min && measure(shape, value) < shape->min;
	case PATTERN:
		return shape->pattern != NULL && !shape->pattern->matches(json_string_of(value));
	case CONSTRAINT_COUNT:
		break;
	}
	return false;
}

static void write_constraint(struct writer *w, enum constraint which,
			     const struct schema_shape *shape)
{
	const char *what = shape->type == SCHEMA_INTEGER ? "value" : "length";
	if (which == ENUMERATED)
		write_values(w, shape->values);
	else if (which == AT_MOST)
		writer_format(w, "Member must have %s less than or equal to %" PRId64, what,
			      shape->max);
	else if (which == AT_LEAST)
		writer_format(w, "Member must have %s greater than or equal to %" PRId64, what,
			      shape->min);
	else
		writer_format(w, "Member must satisfy regular expression pattern: %s",
			      shape->pattern->text);
}

/* Counts an error and hands out a writer for its text; what does not fit is counted only. */
static void begin_error(struct report *report, struct writer *w)
{
	writer_init_buf(w, &report->texts);
	if (report->count++ > 0)
		writer_text(w, "; ");
}

static void end_error(struct report *report, struct writer *w, size_t length_before)
{
	if (!err_failed(writer_end(w)))
		return;
	report->full = true;
	report->texts.len = length_before;
}

static void check_simple(const struct schema_shape *shape, const struct json *value,
			 const struct place *place, struct report *report)
{
	for (enum constraint which = 0; which < CONSTRAINT_COUNT; which++) {
		if (!is_broken(which, shape, value))
			continue;
		size_t before = report->texts.len;
		struct writer w;
		begin_error(report, &w);
		write_subject(&w, shape, value, place);
		write_constraint(&w, which, shape);
		end_error(report, &w, before);
	}
}

static bool breaks_any(const struct schema_shape *shape, const struct json *value)
{
	for (enum constraint which = 0; which < CONSTRAINT_COUNT; which++)
		if (is_broken(which, shape, value))
			return true;
	return false;
}

/* Elements without members are reported once, for the whole list, with all that binds them. */
static void check_simple_elements(const struct schema_shape *shape, const struct json *value,
				  const struct place *place, struct report *report)
{
	const struct schema_shape *element = shape->element;
	bool broken = false;
	for (size_t i = 0; i < json_count(value) && !broken; i++)
		broken = breaks_any(element, json_element(value, i));
	if (!broken)
		return;
	const bool bound[CONSTRAINT_COUNT] = {element->values != NULL, element->has_max,
					      element->has_min, element->pattern != NULL};
	size_t before = report->texts.len;
	struct writer w;
	begin_error(report, &w);
	write_subject(&w, shape, value, place);
	writer_text(&w, "Member must satisfy constraint: [");
	const char *between = "";
	for (enum constraint which = 0; which < CONSTRAINT_COUNT; which++) {
		if (!bound[which])
			continue;
		writer_text(&w, between);
		write_constraint(&w, which, element);
		between = ", ";
	}
	writer_text(&w, "]");
	end_error(report, &w, before);
}

static void check_members(const struct schema_shape *shape, const struct json *value,
			  const struct place *up, struct report *report);

static void check_list(const struct schema_shape *shape, const struct json *value,
		       const struct place *place, struct report *report)
{
	if (shape->element->type != SCHEMA_STRUCTURE) {
		check_simple_elements(shape, value, place, report);
		return;
	}
	for (size_t i = 0; i < json_count(value); i++) {
		struct place element = {place, NULL, i + 1};
		check_members(shape->element, json_element(value, i), &element, report);
	}
}

static void check_member(const struct schema_member *member, const struct json *value,
			 const struct place *place, struct report *report)
{
	if (json_type_of(value) == JSON_TYPE_NULL) {
		if (!member->required)
			return;
		size_t before = report->texts.len;
		struct writer w;
		begin_error(report, &w);
		write_subject(&w, member->shape, NULL, place);
		writer_text(&w, "Member must not be null");
		end_error(report, &w, before);
		return;
	}
	check_simple(member->shape, value, place, report);
	if (member->shape->type == SCHEMA_LIST)
		check_list(member->shape, value, place, report);
	if (member->shape->type == SCHEMA_STRUCTURE)
		check_members(member->shape, value, place, report);
}

static void check_members(const struct schema_shape *shape, const struct json *value,
			  const struct place *up, struct report *report)
{
	for (const struct schema_member *m = shape->members; m->name != NULL; m++) {
		struct place place = {up, m->name, 0};
		check_member(m, json_member(value, m->name), &place, report);
	}
}

static struct err conclude(const struct report *report, struct buf *message)
{
	if (report->count == 0)
		return OK;
	struct writer w;
	writer_init_buf(&w, message);
	writer_format(&w, "%zu validation error%s detected: ", report->count,
		      report->count == 1 ? "" : "s");
	writer_bytes(&w, buf_view(&report->texts));
	TRY(writer_end(&w));
	return ERR(E_VALIDATION);
}

NODISCARD struct err schema_validate(const struct schema_shape *shape, const struct json *input,
				     struct buf *message)
{
	ENSURE(shape->type == SCHEMA_STRUCTURE);
	TRY(check_type(shape, input, 0, message));
	CLEANUP(buf_cleanup) struct buf texts;
	buf_init(&texts, SCHEMA_MESSAGE_MAX - 64);
	struct report report = {.texts = texts};
	check_members(shape, input, NULL, &report);
	texts = report.texts;
	return conclude(&report, message);
}
