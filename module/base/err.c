/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

struct err_row {
	const char *name;
	enum err_category category;
	const char *meaning;
	const char *action;
};

static const struct err_row rows[ERR_CODE_COUNT] = {
#define ERR_ROW(code, category, meaning, action) [code] = {#code, category, meaning, action},
#include "base/err.def"
#undef ERR_ROW
};

static const struct err_row *row_of(struct err e)
{
	return &rows[e.code < ERR_CODE_COUNT ? e.code : E_BUG];
}

const char *err_name(struct err e)
{
	return row_of(e)->name;
}

const char *err_meaning(struct err e)
{
	return row_of(e)->meaning;
}

const char *err_action(struct err e)
{
	return row_of(e)->action;
}

enum err_category err_category(struct err e)
{
	return row_of(e)->category;
}
