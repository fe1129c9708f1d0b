/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The primary key of a row in a fixed number of bytes, which the manifest's table can mix and give
 * back: so that a row that is gone can be named.
 *
 *   per key column: tag 1 │ length 1 │ value      zeros up to the end      check sum 4
 *
 * A text of pairs of lower-case hexadecimal digits (an account, the id of a grant) takes half its
 * length. What does not fit is cut, and shown as such. Names only tell; nothing is decided by them.
 */
#ifndef HOLDFAST_STORE_NAME_H
#define HOLDFAST_STORE_NAME_H

#include "store/row.h"

#define STORE_PLACE_LEN 16
#define STORE_NAME_LEN 96

struct store_name {
	uint8_t bytes[STORE_NAME_LEN];
};

/* Of the row in this place (store_place_make()), whose primary key begins `values`. */
NODISCARD struct err store_name_make(const struct store_table *table,
				     const struct store_value *values,
				     const uint8_t place[STORE_PLACE_LEN], struct store_name *out);

/* As store_row_key() shows it, with "..." behind what was cut; "" when these bytes are not the name
 * of the row in this place. */
NODISCARD struct err store_name_show(const struct store_table *table, const struct store_name *name,
				     const uint8_t place[STORE_PLACE_LEN],
				     char out[STORE_KEY_TEXT]);

#endif
