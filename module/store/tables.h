/* SPDX-License-Identifier: Apache-2.0 */
/* The tables: their columns, and the struct that each row becomes. All but three are sealed. */
#ifndef HOLDFAST_STORE_TABLES_H
#define HOLDFAST_STORE_TABLES_H

#include "auth/identities.h"
#include "kms/agenda.h"
#include "kms/catalog.h"
#include "kms/grants.h"
#include "kms/installation.h"
#include "kms/manifest.h"
#include "kms/store.h"
#include "store/row.h"

/* A version with the scope of its key. */
struct store_version {
	struct kms_scope scope;
	struct kms_version version;
};

/* A tag with the key that bears it. */
struct store_key_tag {
	struct kms_scope scope;
	struct kms_key_id key_id;
	struct kms_tag tag;
};

/* Who there was before schema 3, to be adopted as an identity. */
struct store_principal {
	struct auth_principal principal;
	bool administrator; /* AdministratorAccess is to be attached */
};

/* A claim, and how the act has failed so far. */
struct store_claim {
	struct kms_claim claim; /* lease_ms 0: nobody is at it */
	uint32_t attempts;
	int64_t retry_ms;
	char error[KMS_DUE_ERROR_MAX + 1];
};

/* The one row of its table. */
#define STORE_CLOCK_MARK_ID 1
struct store_clock_mark {
	uint32_t id;
	struct kms_clock_mark mark;
};

extern const struct store_table store_table_installation; /* struct kms_installation */
/* struct kms_key; multi_region is id.multi_region, and set from it by the reader */
extern const struct store_table store_table_keys;
extern const struct store_table store_table_versions;    /* struct store_version */
extern const struct store_table store_table_intents;     /* struct kms_intent */
extern const struct store_table store_table_outbox;      /* struct kms_outbox_record */
extern const struct store_table store_table_principals;  /* struct store_principal */
extern const struct store_table store_table_identities;  /* struct auth_identity */
extern const struct store_table store_table_access_keys; /* struct auth_access_key */
extern const struct store_table store_table_key_uses;    /* struct auth_key_use; advisory */
extern const struct store_table store_table_sessions;    /* struct auth_session */
extern const struct store_table store_table_grants;      /* struct kms_grant */
extern const struct store_table store_table_aliases;     /* struct kms_alias */
extern const struct store_table store_table_tags;        /* struct store_key_tag */
extern const struct store_table store_table_last_uses;   /* struct kms_last_use; advisory */
extern const struct store_table store_table_claims;      /* struct store_claim; advisory */
extern const struct store_table store_table_clock_marks; /* struct store_clock_mark */
extern const struct store_table store_table_manifest;    /* struct store_manifest (manifest.h) */
extern const struct store_table store_table_audit_heads; /* struct kms_audit_head */

/* No tables of a file: what the questions of store/sqlite/due.h answer. */
extern const struct store_table store_table_dues;       /* struct kms_due */
extern const struct store_table store_table_due_counts; /* struct kms_due_count */

#endif
