/* SPDX-License-Identifier: Apache-2.0 */
/* The open store, and the functions behind its ports: one file per port or table. */
#ifndef HOLDFAST_STORE_SQLITE_PORTS_H
#define HOLDFAST_STORE_SQLITE_PORTS_H

#include <pthread.h>

#include "base/lock.h"
#include "base/map.h"
#include "store/batch.h"
#include "store/sqlite/pool.h"
#include "store/sqlite/sqlite.h"
#include "store/sqlite/statement.h"
#include "store/tables.h"

struct store_sqlite {
	struct kms_sealer sealer;
	const struct clock *clock;

	pthread_mutex_t write_lock; /* guards what follows, down to `changes` */
	struct sqlite_connection *writer;
	uint8_t owner[sizeof((struct kms_intent *)NULL)->owner]; /* of this process's intents */
	struct map claimed; /* token ids of intents that this process is settling */

	int64_t data_version; /* as the writer saw it last */
	uint64_t changes;     /* how often it was another */

	struct sqlite_pool readers;
};

/* keys.c */
NODISCARD struct err sqlite_key_create(void *self, const struct kms_new_key *made,
				       const struct kms_outbox_record *outbox);
NODISCARD struct err sqlite_key_update(void *self, const struct kms_key *key,
				       const struct kms_outbox_record *outbox);
NODISCARD struct err sqlite_key_load(void *self, const struct kms_scope *scope,
				     const struct kms_key_id *id, struct kms_key_full *out);
NODISCARD struct err sqlite_key_list(void *self, const struct kms_scope *scope,
				     const struct kms_key_id *after, size_t limit,
				     struct kms_key_page *out);

/* versions.c */
NODISCARD struct err sqlite_version_reserve(void *self, const struct kms_scope *scope,
					    const struct kms_version *version, uint64_t more);
NODISCARD struct err sqlite_version_each(void *self,
					 struct err (*each)(void *user,
							    const struct kms_scope *scope,
							    const struct kms_version *version),
					 void *user);

/* intents.c */
void sqlite_intents_forget(struct store_sqlite *store);
NODISCARD struct err sqlite_intent_add(void *self, const struct kms_intent *intent);
NODISCARD struct err sqlite_intent_remove(void *self, const struct hsm_key_id *token_id);
NODISCARD struct err sqlite_intent_list(void *self, int64_t now_ms, struct kms_intent **out,
					size_t *count);
NODISCARD struct err sqlite_intent_claim(void *self, const struct kms_intent *seen,
					 const uint8_t owner[16], int64_t lease_ms);
/* In the writer's transaction: takes the MAKE intent of `version`, if it is as this process added
 * it; else E_STORE_CONFLICT. */
NODISCARD struct err sqlite_intent_take(struct store_sqlite *store,
					const struct kms_version *version);

/* outbox.c */
NODISCARD struct err sqlite_outbox_list(void *self, struct kms_outbox_record **out, size_t *count);
NODISCARD struct err sqlite_outbox_done(void *self, const char (*event_ids)[KMS_EVENT_ID_LEN + 1],
					size_t count);

/* identities.c */
NODISCARD struct err sqlite_access_key_load(void *self, struct view access_key_id,
					    struct auth_access_key *out);
NODISCARD struct err sqlite_access_key_add(void *self, const struct auth_access_key *key);
NODISCARD struct err sqlite_identities_clear(void *self);

/* installation.c */
NODISCARD struct err sqlite_installation_load(void *self, struct kms_installation *out);
NODISCARD struct err sqlite_installation_verify(void *self);
NODISCARD struct err sqlite_installation_save(void *self,
					      const struct kms_installation *installation);

#endif
