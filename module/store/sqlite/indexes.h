/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the indexes have what their tables have. Whoever writes the file can make one anew over
 * no rows at all and put the text of the schema back: what is looked up by it is then not there,
 * though no row is missing.
 */
#ifndef HOLDFAST_STORE_SQLITE_INDEXES_H
#define HOLDFAST_STORE_SQLITE_INDEXES_H

#include "store/sqlite/connection.h"

#define SQLITE_INDEX_NAME_MAX 63

struct sqlite_index_check {
	struct sqlite_connection *connection;
	/* An index that differs from its table; "": which one is not known. Each is told once. */
	NODISCARD struct err (*found)(void *user, const char *table, const char *index);
	void (*tick)(void *user); /* now and then */
	void *user;
};

/* What `found` answers. E_STORE, logged: the file is damaged beyond its indexes. */
NODISCARD struct err sqlite_indexes_check(const struct sqlite_index_check *check);

/* All are made anew from their tables, in the transaction that is open. */
NODISCARD struct err sqlite_indexes_rebuild(struct sqlite_connection *connection);

#endif
