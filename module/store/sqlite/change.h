/* SPDX-License-Identifier: Apache-2.0 */
/* A change of one row with the audit record of its call: sealed, then made in one transaction. */
#ifndef HOLDFAST_STORE_SQLITE_CHANGE_H
#define HOLDFAST_STORE_SQLITE_CHANGE_H

#include "store/sqlite/ports.h"

/* What a change does to the rows, in the writer's transaction. With a table, row 0 of the batch is
 * the object. */
typedef struct err sqlite_change_step(struct store_sqlite *store, const struct store_batch *batch,
				      const void *object);

struct sqlite_change {
	const struct store_table *table; /* of the object; NULL: the step writes no row of it */
	const void *object;
	sqlite_change_step *step;
};

/* What the sealer and the step answer; the change and the record are stored, or neither is. */
NODISCARD struct err sqlite_change_make(struct store_sqlite *store,
					const struct sqlite_change *change,
					const struct kms_outbox_record *outbox);

/* The same with the record as auth/identities.h has it; NULL: there is no call to record. */
NODISCARD struct err sqlite_change_of_auth(struct store_sqlite *store,
					   const struct sqlite_change *change,
					   const struct auth_change_record *record);

/* Runs an UPDATE or DELETE with row 0 bound to it: `missing` unless it touched one row. */
NODISCARD struct err sqlite_change_row(struct sqlite_connection *writer,
				       enum sqlite_statement_id id, const struct store_batch *batch,
				       enum err_code missing);

/* Runs a statement with one text parameter; *changed is the number of rows it touched. */
NODISCARD struct err sqlite_change_named(struct sqlite_connection *writer,
					 enum sqlite_statement_id id, const char *name,
					 struct view text, int *changed);

/* The one integer of a query with one text parameter. */
NODISCARD struct err sqlite_ask_named(struct sqlite_connection *connection,
				      enum sqlite_statement_id id, const char *name,
				      struct view text, int64_t *out);

#endif
