/* SPDX-License-Identifier: Apache-2.0 */
/* Every sealed row of the file, verified, whatever it looks like: nothing here refuses one. */
#ifndef HOLDFAST_STORE_SQLITE_SCAN_H
#define HOLDFAST_STORE_SQLITE_SCAN_H

#include "store/batch.h"
#include "store/manifest.h"
#include "store/sqlite/connection.h"

struct sqlite_scanned {
	size_t table;                     /* store_sealed_number() */
	const struct store_value *values; /* borrowed during the call */
	bool sound;                       /* it carries its seal */
	bool sealed;                      /* it has one, right or wrong: the imprint is of it */
	struct store_imprint imprint;
	struct store_name name; /* as the imprint */
};

struct sqlite_scan {
	struct sqlite_connection *connection; /* in a transaction: all is of one moment */
	const struct kms_sealer *sealer;      /* NULL: no seal is verified, every one is `sound` */
	NODISCARD struct err (*row)(void *user, const struct sqlite_scanned *row);
	void *user;
};

/* What `row` answers, the first failure; what the sealer answers. */
NODISCARD struct err sqlite_scan_run(const struct sqlite_scan *scan);

#endif
