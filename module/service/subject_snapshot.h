/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading what an account says of one identity, and compiling it. Nothing is remembered here:
 * subjects.c keeps snapshots, counts who holds them and decides how long they are believed.
 */
#ifndef HOLDFAST_SERVICE_SUBJECT_SNAPSHOT_H
#define HOLDFAST_SERVICE_SUBJECT_SNAPSHOT_H

#include "service/subjects.h"

/* Identity id, NUL, session policy: what a snapshot is of. */
#define SUBJECT_NAME_MAX (AUTH_PRINCIPAL_ID_LEN + 1 + AUTH_SESSION_POLICY_MAX)

struct subject_snapshot {
	struct subject_snapshot *newer, *older; /* of the keeper, as is `references` */
	uint32_t references;
	struct err failure; /* E_KMS_MALFORMED_POLICY: nobody may use what is here; OK */

	struct auth_named_policy *policies; /* their names and policies are owned */
	size_t policy_count, policy_room;
	struct auth_named_policy boundary, session; /* likewise */

	struct auth_named_text *tags; /* owned, with their texts */
	struct auth_pair *pairs;      /* owned; of `tags` */
	size_t tag_count;

	uint8_t *name; /* owned; the keeper's key */
	size_t name_len;
};

/*
 * *out owned by the caller, subject_snapshot_free(). A policy that is missing or malformed makes
 * OK with `failure` set, and is logged. E_AUTH_UNKNOWN_KEY when there is no such identity; E_NOMEM;
 * what the store answers. Blocks.
 */
NODISCARD struct err subject_snapshot_load(const struct subjects_options *options,
					   const struct auth_principal *principal,
					   struct view session_policy,
					   struct subject_snapshot **out);
void subject_snapshot_free(struct subject_snapshot **snapshot);

/* The name of the snapshot for a principal; E_BOUNDS. *len bytes of `out`. */
NODISCARD struct err subject_snapshot_name(const struct auth_principal *principal,
					   struct view session_policy,
					   uint8_t out[SUBJECT_NAME_MAX], size_t *len);

/* subjects_find() of subjects.h. */
NODISCARD struct err subject_name_find(const struct subjects_options *options, struct view text,
				       struct auth_principal *out);

#endif
