/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows as data: a table is a list of columns, and a column says where in a C struct its value
 * lives. One function per direction serves every table of every database.
 *
 *   C struct ──store_row_encode──► canonical bytes ──store_row_values──► values ──► database
 *   C struct ◄──store_row_decode── canonical bytes ◄──store_row_write─── values ◄── database
 *
 * The canonical bytes are what a seal covers. They are the only form that a row has between the
 * two sides, so what is stored is what was sealed, and what is used is what was verified:
 *
 *   domain 16+n │ table name 16+n │ key columns 1 │ columns 1 │ per column: tag 1 │ value 32+n
 *
 * Lengths are big-endian; an integer is 8 bytes, two's complement. Nothing here knows of SQL.
 *
 * Later columns are those that came after their table. While one and all behind it are zero, they
 * are left out, and the number of columns says so: a row that was sealed before they came keeps its
 * seal. A row has one form still, as a last later column that is zero is refused.
 */
#ifndef HOLDFAST_STORE_ROW_H
#define HOLDFAST_STORE_ROW_H

#include "base/buf.h"
#include "base/err.h"
#include "base/writer.h"

#define STORE_COLUMNS_MAX 24
#define STORE_ROW_MAX (160 << 10) /* canonical bytes of one row; the largest is in the outbox */

/* How a value is kept in the struct. */
enum store_kind {
	STORE_BOOL = 1,
	STORE_U32, /* uint32_t, and every enum */
	STORE_I64,
	STORE_U64,        /* at most INT64_MAX */
	STORE_BYTES,      /* an array, all of it */
	STORE_BLOB,       /* an array of bytes, and a size_t elsewhere that says how many count */
	STORE_TEXT,       /* an array of char with its NUL */
	STORE_TEXT_OWNED, /* a char pointer, mem_free() */
	STORE_VIEW,       /* a struct view; borrowed when encoded, mem_free() once decoded */
};

/* What a value is to a database. Part of the canonical bytes: never change a number. */
enum store_tag { STORE_INTEGER = 1, STORE_CHARACTERS = 2, STORE_OCTETS = 3 };

struct store_value {
	enum store_tag tag;
	int64_t integer;
	struct view bytes; /* borrowed */
};

struct store_column {
	const char *name;
	enum store_kind kind;
	size_t offset;        /* of the member */
	size_t size;          /* bytes: of the array; for OWNED and VIEW the most allowed */
	size_t length_offset; /* BLOB: of the length */
	int64_t min, max;     /* integers */
	bool later; /* came after the table: an integer, min is 0, no key; none but later ones
		       follow it */
};

/* The first key_count columns are the primary key. */
struct store_table {
	const char *name;
	const struct store_column *columns;
	size_t column_count;
	size_t key_count;
	bool advisory; /* its rows carry no seal, and no decision may rest on them */
};

enum store_tag store_column_tag(const struct store_column *column);

/*
 * Appends the canonical bytes of `object` to `out`. E_BUG when a member is outside what its column
 * allows; `out` is then as it was.
 */
NODISCARD struct err store_row_encode(const struct store_table *table, const void *object,
				      struct buf *out);

/*
 * The same from values, column_count of them, as a database gave them. E_FORMAT for a value that
 * its column does not allow; `out` is then as it was.
 */
NODISCARD struct err store_row_write(const struct store_table *table,
				     const struct store_value *values, struct buf *out);

/* Takes canonical bytes apart; values are borrowed from them. E_FORMAT for any other bytes. */
NODISCARD struct err store_row_values(const struct store_table *table, struct view canonical,
				      struct store_value values[STORE_COLUMNS_MAX]);

/*
 * Sets the members of *object that the table has; others are left alone. Owned members are the
 * caller's, and must not own anything before. E_FORMAT, E_NOMEM; nothing is owned then.
 */
NODISCARD struct err store_row_decode(const struct store_table *table, struct view canonical,
				      void *object);

/* Frees what store_row_decode() allocated. */
void store_row_cleanup(const struct store_table *table, void *object);

/* The primary key for people: "account=123456789012 region=eu-1 key_id=00af"; with "..." behind
 * what was cut to fit. */
#define STORE_KEY_TEXT 320
void store_row_key(const struct store_table *table, const struct store_value *values,
		   char out[STORE_KEY_TEXT]);
/* The same of the first `count` columns of it, which may not be whole. */
void store_row_key_part(const struct store_table *table, const struct store_value *values,
			size_t count, bool whole, char out[STORE_KEY_TEXT]);

#endif
