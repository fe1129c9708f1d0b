/* SPDX-License-Identifier: Apache-2.0 */
/* Every sealed table with every way to read it, for tests that write the file behind the store. */
#ifndef HOLDFAST_TESTS_STORE_TAMPER_SUBJECTS_H
#define HOLDFAST_TESTS_STORE_TAMPER_SUBJECTS_H

#include "../fixture.h"

#include "store/tables.h"

#define COLUMN(n) (UINT32_C(1) << (n))

struct tamper_subject {
	const struct store_table *table;
	struct err (*read)(struct fixture *f);
	/* What the reader says of a row that was moved to another primary key, and whose row the
	 * log names. */
	enum err_code moved;
	const struct store_table *moved_named;
	uint32_t selecting;   /* by what the reader selects: a row with another value is not read */
	enum err_code unread; /* what the reader says when it has not read it; E_OK for lists */
	/* What it says when the row is deleted from a store that was surveyed. */
	enum err_code deleted;
};

enum tamper_id {
	TAMPER_KEY,
	TAMPER_KEYS,
	TAMPER_VERSIONS,
	TAMPER_INTENTS,
	TAMPER_OUTBOX,
	TAMPER_ACCESS_KEY,
	TAMPER_INSTALLATION,
	TAMPER_ALIAS,
	TAMPER_ALIASES,
	TAMPER_ALIASES_OF_KEY,
	TAMPER_TAGS,
	TAMPER_KEY_BY_ID,
	TAMPER_ACCESS_KEYS,
	TAMPER_IDENTITY,
	TAMPER_IDENTITY_BY_ID,
	TAMPER_IDENTITIES,
	TAMPER_IDENTITY_OF_ACCESS_KEY,
	TAMPER_SESSION,
	TAMPER_SESSIONS,
	TAMPER_GRANT,
	TAMPER_GRANT_BY_LIKENESS,
	TAMPER_GRANTS,
	TAMPER_GRANTS_OF_GRANTEE,
	TAMPER_RETIRABLE,
	TAMPER_EACH_GRANT,
	TAMPER_CLOCK_MARK,
	TAMPER_HEAD,
	TAMPER_HEADS,
	TAMPER_COUNT
};
extern const struct tamper_subject tamper_subjects[TAMPER_COUNT];

/* What the subject's reader answers. */
struct err tamper_read(struct fixture *f, enum tamper_id id);

/* For each(): takes every grant. */
struct err tamper_grant_ignore(void *user, const struct kms_grant *grant);

/* cmocka: an open store in which every subject reads at least two rows of its table, or the only
 * one that it may have. */
int tamper_setup(void **state);

#endif
