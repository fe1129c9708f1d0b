/* SPDX-License-Identifier: Apache-2.0 */
/* The table of operations, from operations.def. */
#include "service/operation.h"

#include "base/macros.h"

#define OPERATION_ROW(row) extern const struct operation row;
#define OPERATION_NAME(name)
#include "service/operations.def"
#undef OPERATION_ROW
#undef OPERATION_NAME

static const struct operation *const rows[] = {
#define OPERATION_ROW(row) &row,
#define OPERATION_NAME(name)
#include "service/operations.def"
#undef OPERATION_ROW
#undef OPERATION_NAME
};

static const char *const not_built[] = {
#define OPERATION_ROW(row)
#define OPERATION_NAME(name) #name,
#include "service/operations.def"
#undef OPERATION_ROW
#undef OPERATION_NAME
};

NODISCARD struct err operation_find(enum call_door door, enum call_protocol protocol,
				    struct view name, const struct operation **out)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i]->door != door || rows[i]->protocol != protocol ||
		    !view_equal_text(name, rows[i]->name))
			continue;
		*out = rows[i];
		return OK;
	}
	bool kms = door == CALL_DOOR_PUBLIC && protocol == CALL_PROTOCOL_JSON;
	for (size_t i = 0; i < ARRAY_LEN(not_built); i++)
		if (kms && view_equal_text(name, not_built[i]))
			return ERR(E_UNSUPPORTED_OPERATION);
	return ERR(E_UNKNOWN_OPERATION);
}

const struct operation *operation_at(size_t index)
{
	return index < ARRAY_LEN(rows) ? rows[index] : NULL;
}
