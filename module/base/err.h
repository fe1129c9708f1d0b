/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one error dialect. A function that can fail returns `struct err`, which cannot be taken for
 * an int and may not be ignored. The rows, with what each means and what to do: err.def.
 */
#ifndef HOLDFAST_BASE_ERR_H
#define HOLDFAST_BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

enum err_code {
#define ERR_ROW(code, category, meaning, action) code,
#include "base/err.def"
#undef ERR_ROW
	ERR_CODE_COUNT
};

enum err_category {
	ERR_NONE,
	ERR_CALLER,      /* the request is at fault: do not repeat it unchanged */
	ERR_DENIED,      /* the caller may not */
	ERR_CAPACITY,    /* full or raced: repeat later */
	ERR_UNAVAILABLE, /* something this depends on is away: repeat later */
	ERR_OPERATOR,    /* somebody must act */
	ERR_INTERNAL,    /* a defect, here or below */
};

/*
 * detail  what the layer below said: errno, CKR_..., SQLITE_..., a line of a file; 0 when nothing.
 * file    where it was noticed first; a string of static storage, never freed.
 */
struct err {
	uint16_t code; /* enum err_code */
	uint16_t line;
	uint32_t detail;
	const char *file;
};

#define OK ((struct err){E_OK, 0, 0, ""})
#define ERR(code_) ERR_DETAIL(code_, 0)
#define ERR_DETAIL(code_, detail_) \
	((struct err){(code_), (uint16_t)__LINE__, (uint32_t)(detail_), __FILE_NAME__})

/* Leaves the function with the error of `call`, if it has one. */
#define TRY(call)                         \
	do {                              \
		struct err try_ = (call); \
		if (err_failed(try_))     \
			return try_;      \
	} while (0)

/* Leaves the function with `code` unless `condition` holds: for what a caller can get wrong. */
#define REQUIRE(condition, code)          \
	do {                              \
		if (!(condition))         \
			return ERR(code); \
	} while (0)

/* As REQUIRE, for what only a defect of ours can break. */
#define ENSURE(condition) REQUIRE(condition, E_BUG)

static inline bool err_failed(struct err e)
{
	return e.code != E_OK;
}

static inline bool err_is(struct err e, enum err_code code)
{
	return e.code == code;
}

/* All answer strings of static storage, for any value whatever. */
const char *err_name(struct err e);    /* "E_HSM_AWAY" */
const char *err_meaning(struct err e); /* "the token cannot be reached" */
const char *err_action(struct err e);  /* what to do about it */
enum err_category err_category(struct err e);

#endif
