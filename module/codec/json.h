/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON in (over jansson, with bounds and with memory that wipes) and JSON out (written straight
 * into a writer, so that a reply with a plaintext can be built in locked memory).
 */
#ifndef HOLDFAST_CODEC_JSON_H
#define HOLDFAST_CODEC_JSON_H

#include "base/err.h"
#include "base/writer.h"

#define JSON_DEPTH_MAX 16
#define JSON_TOKENS_MAX 65536 /* values, names included, in one document */
#define JSON_NUMBER_MAX 64    /* characters of a number */

/* A parsed document or a part of one. Parts are borrowed from the document. */
struct json;

/* Call once, before threads: jansson's allocator becomes one that wipes, its hash seed random. */
NODISCARD struct err json_start(void);

/*
 * One JSON text of RFC 8259, UTF-8 without BOM. Depth and size are checked before anything is
 * built. Numbers: integers in 64 bits, reals in double. *out owned by the caller, json_free().
 * E_FORMAT (with the byte offset in detail), E_UTF8, E_DUPLICATE (a member twice), E_BOUNDS (deep,
 * many, or a long number), E_NOMEM. A NUL character in a string (\u0000) is E_FORMAT.
 */
NODISCARD struct err json_parse(struct view text, struct json **out);

/* The same for documents of one's own making that grow with what they tell of: up to `tokens_max`
 * values and names in place of JSON_TOKENS_MAX. Each may cost some 100 bytes. */
NODISCARD struct err json_parse_long(struct view text, size_t tokens_max, struct json **out);
void json_free(struct json **document);

enum json_type {
	JSON_TYPE_NULL,
	JSON_TYPE_BOOL,
	JSON_TYPE_INTEGER,
	JSON_TYPE_REAL,
	JSON_TYPE_STRING,
	JSON_TYPE_ARRAY,
	JSON_TYPE_OBJECT
};

enum json_type json_type_of(const struct json *value); /* NULL counts as JSON_TYPE_NULL */
const struct json *json_member(const struct json *object,
			       const char *name); /* NULL: absent, or no object */
size_t json_count(const struct json *value);      /* members or elements; else 0 */
const struct json *json_element(const struct json *array, size_t at);

/* Walks the members in the order of the text; start with *at = 0. false at the end. */
bool json_next_member(const struct json *object, size_t *at, struct view *name,
		      const struct json **value);

/* Values of the asked type; zero values for any other type, so check json_type_of() first. */
struct view json_string_of(const struct json *value); /* borrowed */
int64_t json_integer_of(const struct json *value);
double json_number_of(const struct json *value); /* integer or real */
bool json_bool_of(const struct json *value);

/*
 * JSON out. Commas and colons are put by themselves; what cannot be (unbalanced, too deep, a name
 * outside an object) marks the writer with E_BUG. Strings are escaped; invalid UTF-8 becomes
 * U+FFFD.
 */
struct json_out {
	struct writer *w; /* borrowed */
	uint32_t depth;
	uint32_t started; /* bit per depth: something stands there already */
	uint32_t objects; /* bit per depth: an object, where values have names */
};

void json_out_init(struct json_out *out, struct writer *w);
void json_out_begin_object(struct json_out *out,
			   const char *name); /* name NULL: an element, or the root */
void json_out_end_object(struct json_out *out);
void json_out_begin_array(struct json_out *out, const char *name);
void json_out_end_array(struct json_out *out);
void json_out_text(struct json_out *out, const char *name, struct view text);
void json_out_named_text(struct json_out *out, struct view name,
			 struct view text); /* a name that is data */
void json_out_integer(struct json_out *out, const char *name, int64_t value);
void json_out_bool(struct json_out *out, const char *name, bool value);
void json_out_null(struct json_out *out, const char *name);
void json_out_base64(struct json_out *out, const char *name,
		     struct view bytes); /* secrets may pass */
void json_out_hex(struct json_out *out, const char *name, struct view bytes);
void json_out_time(struct json_out *out, const char *name,
		   int64_t unix_ms); /* AWS JSON: seconds, ms fraction */
void json_out_value(struct json_out *out, const char *name,
		    const struct json *value); /* a parsed part, again */
void json_out_written(struct json_out *out, const char *name,
		      struct view json); /* a value that another json_out has written */

/* E_BUG when something is still open. */
NODISCARD struct err json_out_end(const struct json_out *out);

/* The version of jansson that runs; static. */
const char *json_library(void);

#endif
