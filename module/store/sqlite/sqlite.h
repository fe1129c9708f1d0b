/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded store: SQLite 3, WAL, synchronous=FULL. Implements the ports of kms and auth. */
#ifndef HOLDFAST_STORE_SQLITE_SQLITE_H
#define HOLDFAST_STORE_SQLITE_SQLITE_H

#include "auth/identities.h"
#include "base/clock.h"
#include "kms/agenda.h"
#include "kms/catalog.h"
#include "kms/grants.h"
#include "kms/installation.h"
#include "kms/manifest.h"
#include "kms/store.h"

struct store_sqlite;

struct store_sqlite_options {
	const char *path; /* borrowed during the call; its folder must exist, 0700 */
	bool create;      /* --init: make the file when it is not there; else E_NOT_INITIALISED */
	struct kms_sealer sealer; /* called only after the installation row was loaded */
	uint32_t busy_timeout_ms; /* 0: 5,000 */
	const struct clock *clock;
};

/*
 * Opens, checks (application_id, schema version, quick_check) and migrates, with a copy of the file
 * kept beside it before a migration. *out owned by the caller, store_sqlite_close(). E_STORE_NEWER,
 * E_STORE, E_NOT_INITIALISED.
 */
NODISCARD struct err store_sqlite_open(const struct store_sqlite_options *options,
				       struct store_sqlite **out);
void store_sqlite_close(struct store_sqlite **store);

/* The schema of an open store: the newest that this program knows. */
int64_t store_sqlite_schema(void);

/* The ports; valid until the store is closed. */
struct kms_store store_sqlite_keys(struct store_sqlite *store);
struct kms_catalog store_sqlite_catalog(struct store_sqlite *store);
struct kms_grants store_sqlite_grants(struct store_sqlite *store);
struct kms_agenda store_sqlite_agenda(struct store_sqlite *store);
struct kms_manifest store_sqlite_manifest(struct store_sqlite *store);
struct auth_identities store_sqlite_identities(struct store_sqlite *store);
struct kms_installation_store store_sqlite_installation(struct store_sqlite *store);

/* The version of SQLite that runs; static. */
const char *store_sqlite_library(void);

#endif
