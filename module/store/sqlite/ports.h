/* SPDX-License-Identifier: Apache-2.0 */
/* The open store, and the functions behind its ports: one file per port or table. Those of
 * identities: identity_ports.h; of grants: grant_ports.h. */
#ifndef HOLDFAST_STORE_SQLITE_PORTS_H
#define HOLDFAST_STORE_SQLITE_PORTS_H

#include <pthread.h>

#include "base/lock.h"
#include "base/map.h"
#include "store/batch.h"
#include "store/sqlite/checking.h"
#include "store/sqlite/manifest.h"
#include "store/sqlite/pool.h"
#include "store/sqlite/sqlite.h"
#include "store/sqlite/statement.h"
#include "store/tables.h"

struct store_sqlite {
	struct kms_sealer sealer;
	const struct clock *clock;

	pthread_mutex_t write_lock; /* guards what follows, down to `manifest` */
	struct sqlite_connection *writer;
	uint8_t owner[sizeof((struct kms_intent *)NULL)->owner]; /* of this process's intents */
	struct map claimed; /* token ids of intents that this process is settling */

	int64_t data_version; /* as the writer saw it last */
	uint64_t changes;     /* how often it was another */

	struct sqlite_manifest manifest;

	struct sqlite_checking checking;

	struct sqlite_pool readers;
};

#define SQLITE_PAGE_LIMIT_MAX 1000 /* KMS API: LimitType */

/* keys.c */
void sqlite_bind_scope(struct sqlite_statement *statement, const struct kms_scope *scope);
void sqlite_bind_key(struct sqlite_statement *statement, const struct kms_scope *scope,
		     const struct kms_key_id *key_id);
/* Notes in the batch, which was read in the same transaction, how many rows hang on the key
 * (SQL_COUNT_OF_KEY...). */
NODISCARD struct err sqlite_key_count(struct sqlite_connection *reader, enum sqlite_statement_id id,
				      const struct kms_scope *scope,
				      const struct kms_key_id *key_id, struct store_batch *batch);
/* In the writer's transaction: E_NOT_FOUND unless the key is there. */
NODISCARD struct err sqlite_key_expect(struct sqlite_connection *writer,
				       const struct kms_scope *scope,
				       const struct kms_key_id *key_id);
/* In the writer's transaction: E_KMS_LIMIT when a count of rows of the key is above `max`. */
NODISCARD struct err sqlite_key_limit(struct sqlite_connection *writer,
				      enum sqlite_statement_id count, const struct kms_scope *scope,
				      const struct kms_key_id *key_id, int64_t max);
NODISCARD struct err sqlite_key_create(void *self, const struct kms_new_key *made,
				       const struct kms_outbox_record *outbox);
NODISCARD struct err sqlite_key_load_lacking(void *self, const struct kms_scope *scope,
					     const struct kms_key_id *id, struct kms_key_full *out);
NODISCARD struct err sqlite_key_load(void *self, const struct kms_scope *scope,
				     const struct kms_key_id *id, struct kms_key_full *out);
NODISCARD struct err sqlite_key_locate(void *self, const struct kms_key_id *id,
				       struct kms_scope *out);
NODISCARD struct err sqlite_key_list(void *self, const struct kms_scope *scope,
				     const struct kms_key_id *after, size_t limit,
				     struct kms_key_page *out);

/* key_changes.c */
NODISCARD struct err sqlite_key_update(void *self, const struct kms_key *key,
				       const struct kms_outbox_record *outbox);
NODISCARD struct err sqlite_key_rotate(void *self, const struct kms_key *key,
				       const struct kms_version *made,
				       const struct kms_outbox_record *outbox);
NODISCARD struct err sqlite_version_adopt(void *self, const struct kms_key *key,
					  const struct kms_version *adopted,
					  const struct kms_outbox_record *outbox);
NODISCARD struct err sqlite_material_update(void *self, const struct kms_key *key,
					    const struct kms_version *version,
					    const struct kms_outbox_record *outbox);
NODISCARD struct err sqlite_key_clear(void *self, const struct kms_key *seen, bool *more);
NODISCARD struct err sqlite_key_delete(void *self, const struct kms_key *seen,
				       const struct kms_outbox_record *outbox);

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

/* aliases.c */
NODISCARD struct err sqlite_alias_create(void *self, const struct kms_alias *alias,
					 const struct kms_outbox_record *outbox);
/* In the writer's transaction, a sealed row; E_KMS_LIMIT as alias_create() says. */
NODISCARD struct err sqlite_alias_insert(struct sqlite_connection *writer,
					 const struct store_batch *batch, size_t at,
					 const struct kms_alias *alias);
NODISCARD struct err sqlite_alias_update(void *self, const struct kms_alias *alias,
					 const struct kms_outbox_record *outbox);
NODISCARD struct err sqlite_alias_delete(void *self, const struct kms_alias *seen,
					 const struct kms_outbox_record *outbox);
NODISCARD struct err sqlite_alias_load(void *self, const struct kms_scope *scope, struct view name,
				       struct kms_alias *out);
NODISCARD struct err sqlite_alias_list(void *self, const struct kms_page_query *query,
				       struct kms_alias_page *out);

/* tags.c */
NODISCARD struct err sqlite_tags_put(void *self, const struct kms_tag_change *change,
				     const struct kms_outbox_record *outbox);
NODISCARD struct err sqlite_tags_remove(void *self, const struct kms_tag_change *change,
					const struct kms_outbox_record *outbox);
NODISCARD struct err sqlite_tags_list(void *self, const struct kms_page_query *query,
				      struct kms_tag_page *out);
/* Adds the rows of a change to the batch; then, from row `first`, into the writer's transaction. */
NODISCARD struct err sqlite_tags_add(const struct kms_tag_change *change,
				     struct store_batch *batch);
NODISCARD struct err sqlite_tags_write(struct sqlite_connection *writer,
				       const struct store_batch *batch, size_t first, size_t count);

/* last_uses.c */
NODISCARD struct err sqlite_last_use_save(void *self, const struct kms_last_use *uses,
					  size_t count);
NODISCARD struct err sqlite_last_use_load(void *self, const struct kms_scope *scope,
					  const struct kms_key_id *key_id,
					  struct kms_last_use *out);
NODISCARD struct err sqlite_last_use_since(void *self, int64_t *since_ms);

/* outbox.c */
NODISCARD struct err sqlite_outbox_list(void *self, struct kms_outbox_record **out, size_t *count);
NODISCARD struct err sqlite_outbox_done(void *self, const char (*event_ids)[KMS_EVENT_ID_LEN + 1],
					size_t count);

/* installation.c */
NODISCARD struct err sqlite_installation_load(void *self, struct kms_installation *out);
NODISCARD struct err sqlite_installation_verify(void *self);
NODISCARD struct err sqlite_installation_save(void *self,
					      const struct kms_installation *installation);

#endif
