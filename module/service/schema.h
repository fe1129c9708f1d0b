/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input schemas as tables, and the one validator over them, which words its errors as AWS does.
 * Shapes that several operations share: shapes.h. What a member means is not known here.
 */
#ifndef HOLDFAST_SERVICE_SCHEMA_H
#define HOLDFAST_SERVICE_SCHEMA_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/json.h"

#define SCHEMA_MESSAGE_MAX (16 << 10) /* bytes of one error text */
#define SCHEMA_VALUE_MAX 1024         /* bytes of a value that an error text repeats */
#define SCHEMA_DEPTH_MAX 5            /* of a schema, not of the input */

enum schema_type {
	SCHEMA_STRING,
	SCHEMA_BLOB, /* standard Base64; lengths count decoded bytes; its value is never printed */
	SCHEMA_INTEGER,
	SCHEMA_BOOLEAN,
	SCHEMA_TIMESTAMP, /* AWS JSON: seconds since 1970, with a fraction or without */
	SCHEMA_LIST,
	SCHEMA_MAP, /* string to `element` */
	SCHEMA_STRUCTURE,
};

/* A pattern: as the error text prints it, and as a function. */
struct schema_pattern {
	const char *text;
	bool (*matches)(struct view value);
};

/* One shape of the model. min and max: characters, bytes, elements or the value itself. */
struct schema_shape {
	enum schema_type type;
	bool has_min, has_max;
	int64_t min, max;
	const struct schema_pattern *pattern;
	const char *const *values; /* of an enumeration, NULL at the end */
	const struct schema_shape *element;
	const struct schema_member *members; /* of a structure, a row without name at the end */
};

struct schema_member {
	const char *name; /* as in the model: KeyId */
	const struct schema_shape *shape;
	bool required;
};

/*
 * Checks a parsed body against a structure. Members that the schema does not know are ignored, as
 * AWS ignores them; null is absence. Fails with E_SERIALIZATION (a wrong JSON type) or E_VALIDATION
 * (constraints, all of them at once), with the text for the client appended to `message`; E_NOMEM.
 */
NODISCARD struct err schema_validate(const struct schema_shape *shape, const struct json *input,
				     struct buf *message);

/* A member's name as errors and audit records write it: the first letter in lower case. */
void schema_name(struct writer *w, const char *member);

/* Bytes that a Base64 text of this form stands for; the text itself is checked when decoded. */
size_t schema_blob_length(struct view text);

#endif
