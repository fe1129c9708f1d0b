/* SPDX-License-Identifier: Apache-2.0 */
/* The functions behind the port kms/grants.h, which says what each promises. grants.c */
#ifndef HOLDFAST_STORE_SQLITE_GRANT_PORTS_H
#define HOLDFAST_STORE_SQLITE_GRANT_PORTS_H

#include "store/sqlite/ports.h"

NODISCARD struct err sqlite_grant_create(void *self, const struct kms_grant *grant,
					 const struct kms_outbox_record *outbox);
NODISCARD struct err sqlite_grant_remove(void *self, const struct kms_grant *seen,
					 const struct kms_outbox_record *outbox);
NODISCARD struct err sqlite_grant_load(void *self, const struct kms_scope *scope,
				       const struct kms_key_id *key_id, struct view id,
				       struct kms_grant *out);
NODISCARD struct err sqlite_grant_find(void *self, const struct kms_scope *scope,
				       const struct kms_key_id *key_id,
				       const uint8_t likeness[KMS_GRANT_LIKENESS_LEN],
				       struct kms_grant *out);
NODISCARD struct err sqlite_grant_list(void *self, const struct kms_grant_query *query,
				       struct kms_grant_page *out);
NODISCARD struct err sqlite_grant_list_retirable(void *self,
						 const struct kms_retirable_query *query,
						 struct kms_grant_page *out);
NODISCARD struct err sqlite_grant_each(
	void *self, const struct kms_scope *scope, const struct kms_key_id *key_id,
	struct err (*each)(void *user, const struct kms_grant *grant), void *user);

#endif
