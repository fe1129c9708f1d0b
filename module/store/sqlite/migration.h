/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema, as numbered steps. A step is SQL; the file's user_version tells how many were taken.
 * The columns of a sealed table are part of every seal in it: a step that changes them must come
 * with a pass that seals the rows again.
 */
#ifndef HOLDFAST_STORE_SQLITE_MIGRATION_H
#define HOLDFAST_STORE_SQLITE_MIGRATION_H

#include "base/clock.h"
#include "store/sqlite/connection.h"

/* Step n (from 0) leads to schema n + 1. */
struct sqlite_migrations {
	const char *const *steps;
	size_t count;
};
extern const struct sqlite_migrations sqlite_migrations;

/* What a file is, asked without changing it. */
struct sqlite_schema {
	bool empty; /* no table, no application_id: never used by anybody */
	int64_t version;
};

/* E_STORE, logged, when the file belongs to another application; E_STORE_NEWER when to a newer
 * schema than `migrations` knows. */
NODISCARD struct err sqlite_schema_inspect(struct sqlite_connection *connection,
					   const struct sqlite_migrations *migrations,
					   struct sqlite_schema *out);

/*
 * Takes the steps that are missing, in one transaction. Before a file that has a schema is changed,
 * a consistent copy is kept as <path>.before-schema-<new version>.
 */
NODISCARD struct err sqlite_schema_migrate(struct sqlite_connection *connection, const char *path,
					   const struct sqlite_migrations *migrations,
					   const struct clock *clock);

/* A copy of the file at `path`, as of one moment, in a new file of mode 0600, which is synced;
 * there is none when it fails. E_EXISTS. E_STORE, E_STORE_FULL, E_SETTINGS for an apostrophe. */
NODISCARD struct err sqlite_copy_write(const char *path, const char *copy);

/* E_STORE, logged, when tables and indexes are not exactly those that the steps make. */
NODISCARD struct err sqlite_schema_check(struct sqlite_connection *connection,
					 const struct sqlite_migrations *migrations);

#endif
