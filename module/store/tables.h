/* SPDX-License-Identifier: Apache-2.0 */
/* The sealed tables: their columns, and the struct that each row becomes. */
#ifndef HOLDFAST_STORE_TABLES_H
#define HOLDFAST_STORE_TABLES_H

#include "auth/identities.h"
#include "kms/installation.h"
#include "kms/store.h"
#include "store/row.h"

/* A version with the scope of its key. */
struct store_version {
	struct kms_scope scope;
	struct kms_version version;
};

extern const struct store_table store_table_installation; /* struct kms_installation */
/* struct kms_key; multi_region is id.multi_region, and set from it by the reader */
extern const struct store_table store_table_keys;
extern const struct store_table store_table_versions;    /* struct store_version */
extern const struct store_table store_table_intents;     /* struct kms_intent */
extern const struct store_table store_table_outbox;      /* struct kms_outbox_record */
extern const struct store_table store_table_principals;  /* struct auth_principal */
extern const struct store_table store_table_access_keys; /* struct auth_access_key */

#endif
