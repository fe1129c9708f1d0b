/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON in: bounds first, then jansson, whose memory is ours and wiped. `struct json` is jansson's
 * json_t under another name; no other file needs to know.
 */
#include "codec/json.h"

#include <jansson.h>

#include "base/entropy.h"
#include "base/mem.h"

/* jansson reports some allocation failures as a syntax error; this tells them apart. */
static _Thread_local bool allocation_failed;

static void *allocate(size_t n)
{
	void *p = NULL;
	if (err_failed(mem_alloc_array(n, 1, &p)))
		allocation_failed = true;
	return p;
}

NODISCARD struct err json_start(void)
{
	size_t seed = 0;
	TRY(entropy_fill(&seed, sizeof seed));
	json_set_alloc_funcs(allocate, mem_free);
	/* jansson takes 0 for "choose one yourself", from the clock if need be. */
	json_object_seed(seed | 1);
	return OK;
}

/*
 * The scanner knows no grammar, only what costs memory and stack: how deep brackets go and how many
 * values and names there are. It never counts less than jansson would build.
 */
struct scan {
	struct view text;
	size_t at;
	size_t depth;
	size_t tokens;
	size_t tokens_max;
};

static NODISCARD struct err scan_count(struct scan *s)
{
	s->tokens++;
	return s->tokens <= s->tokens_max ? OK : ERR_DETAIL(E_BOUNDS, s->at);
}

static void scan_string(struct scan *s)
{
	s->at++;
	while (s->at < s->text.len && s->text.ptr[s->at] != '"')
		s->at += s->text.ptr[s->at] == '\\' ? 2 : 1;
	s->at++;
}

static bool ends_word(uint8_t c)
{
	return view_find(VIEW_LITERAL(" \t\r\n,:[]{}\""), c) < sizeof " \t\r\n,:[]{}\"" - 1;
}

/* A number or a literal: it ends where punctuation or a blank stands. */
static NODISCARD struct err scan_word(struct scan *s)
{
	size_t start = s->at;
	while (s->at < s->text.len && !ends_word(s->text.ptr[s->at]))
		s->at++;
	return s->at - start <= JSON_NUMBER_MAX ? OK : ERR_DETAIL(E_BOUNDS, start);
}

static NODISCARD struct err scan_open(struct scan *s)
{
	s->depth++;
	s->at++;
	return s->depth <= JSON_DEPTH_MAX ? OK : ERR_DETAIL(E_BOUNDS, s->at - 1);
}

static NODISCARD struct err scan_token(struct scan *s)
{
	switch (s->text.ptr[s->at]) {
	case '{':
	case '[':
		TRY(scan_count(s));
		return scan_open(s);
	case '}':
	case ']':
		/* More closed than opened: jansson will say so. */
		s->depth -= s->depth > 0 ? 1 : 0;
		s->at++;
		return OK;
	case '"':
		TRY(scan_count(s));
		scan_string(s);
		return OK;
	case ' ':
	case '\t':
	case '\r':
	case '\n':
	case ',':
	case ':':
		s->at++;
		return OK;
	default:
		TRY(scan_count(s));
		return scan_word(s);
	}
}

static NODISCARD struct err check_bounds(struct view text, size_t tokens_max)
{
	REQUIRE(text.len <= MEM_ALLOC_MAX, E_BOUNDS);
	struct scan s = {.text = text, .tokens_max = tokens_max};
	while (s.at < text.len)
		TRY(scan_token(&s));
	return OK;
}

static struct err err_of_jansson(const json_error_t *error)
{
	static const struct {
		enum json_error_code theirs;
		uint16_t ours; /* enum err_code */
	} rows[] = {
		{json_error_out_of_memory, E_NOMEM},  {json_error_stack_overflow, E_BOUNDS},
		{json_error_invalid_utf8, E_UTF8},    {json_error_duplicate_key, E_DUPLICATE},
		{json_error_invalid_argument, E_BUG},
	};
	uint32_t offset = error->position > 0 ? (uint32_t)error->position : 0;
	if (allocation_failed)
		return ERR(E_NOMEM);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (json_error_code(error) == rows[i].theirs)
			return ERR_DETAIL(rows[i].ours, offset);
	return ERR_DETAIL(E_FORMAT, offset);
}

NODISCARD struct err json_parse(struct view text, struct json **out)
{
	return json_parse_long(text, JSON_TOKENS_MAX, out);
}

NODISCARD struct err json_parse_long(struct view text, size_t tokens_max, struct json **out)
{
	*out = NULL;
	REQUIRE(text.len > 0, E_FORMAT);
	TRY(check_bounds(text, tokens_max));

	json_error_t error = {0};
	allocation_failed = false;
	json_t *root = json_loadb((const char *)text.ptr, text.len,
				  JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	struct err e = root != NULL ? OK : err_of_jansson(&error);
	/* Its text quotes the input, which may carry a plaintext. */
	mem_wipe(&error, sizeof error);
	*out = (struct json *)root;
	return e;
}

void json_free(struct json **document)
{
	json_decref((json_t *)TAKE(*document));
}

static const json_t *theirs(const struct json *value)
{
	return (const json_t *)value;
}

/* jansson's iterators take a json_t that they do not change; parts are never changed through it. */
static json_t *theirs_mutable(const struct json *value)
{
	return (json_t *)(uintptr_t)value;
}

enum json_type json_type_of(const struct json *value)
{
	static const enum json_type types[] = {
		[JSON_OBJECT] = JSON_TYPE_OBJECT, [JSON_ARRAY] = JSON_TYPE_ARRAY,
		[JSON_STRING] = JSON_TYPE_STRING, [JSON_INTEGER] = JSON_TYPE_INTEGER,
		[JSON_REAL] = JSON_TYPE_REAL,     [JSON_TRUE] = JSON_TYPE_BOOL,
		[JSON_FALSE] = JSON_TYPE_BOOL,    [JSON_NULL] = JSON_TYPE_NULL,
	};
	return value != NULL ? types[json_typeof(theirs(value))] : JSON_TYPE_NULL;
}

const struct json *json_member(const struct json *object, const char *name)
{
	return (const struct json *)json_object_get(theirs(object), name);
}

size_t json_count(const struct json *value)
{
	return json_is_object(theirs(value)) ? json_object_size(theirs(value))
					     : json_array_size(theirs(value));
}

const struct json *json_element(const struct json *array, size_t at)
{
	return (const struct json *)json_array_get(theirs(array), at);
}

bool json_next_member(const struct json *object, size_t *at, struct view *name,
		      const struct json **value)
{
	json_t *whole = theirs_mutable(object);
	/* *at is jansson's iterator of the member told last: the walk stays linear. */
	void *member = *at == 0 ? json_object_iter(whole)
				: json_object_iter_next(whole, (void *)(uintptr_t)*at);
	if (member == NULL)
		return false;
	*at = (size_t)(uintptr_t)member;
	*name = view_of(json_object_iter_key(member), json_object_iter_key_len(member));
	*value = (const struct json *)json_object_iter_value(member);
	return true;
}

struct view json_string_of(const struct json *value)
{
	return view_of(json_string_value(theirs(value)), json_string_length(theirs(value)));
}

int64_t json_integer_of(const struct json *value)
{
	return json_integer_value(theirs(value));
}

double json_number_of(const struct json *value)
{
	return json_number_value(theirs(value));
}

bool json_bool_of(const struct json *value)
{
	return json_is_true(theirs(value));
}

const char *json_library(void)
{
	return jansson_version_str();
}
