/* SPDX-License-Identifier: Apache-2.0 */
/* The functions behind the port auth/identities.h, which says what each promises. */
#ifndef HOLDFAST_STORE_SQLITE_IDENTITY_PORTS_H
#define HOLDFAST_STORE_SQLITE_IDENTITY_PORTS_H

#include "store/sqlite/ports.h"

/* identities.c */
NODISCARD struct err sqlite_identity_create(void *self, const struct auth_identity *identity,
					    const struct auth_change_record *record);
NODISCARD struct err sqlite_identity_update(void *self, const struct auth_identity *identity,
					    const struct auth_change_record *record);
NODISCARD struct err sqlite_identity_remove(void *self, const struct auth_identity *seen,
					    const struct auth_change_record *record);
NODISCARD struct err sqlite_identity_load(void *self, enum auth_identity_kind kind,
					  struct view account, struct view name,
					  struct auth_identity *out);
NODISCARD struct err sqlite_identity_load_by_id(void *self, struct view id,
						struct auth_identity *out);
NODISCARD struct err sqlite_identity_list(void *self, const struct auth_identity_query *query,
					  struct auth_identity_page *out);
NODISCARD struct err sqlite_identities_clear(void *self);
/* Appends the row of that id, not yet verified; none when there is none. */
NODISCARD struct err sqlite_identity_fetch(struct sqlite_connection *connection, struct view id,
					   struct store_batch *batch);
/* Of a verified row. E_STORE_SEAL, logged, when its values contradict another. */
NODISCARD struct err sqlite_identity_decode(const struct store_batch *batch, size_t at,
					    struct auth_identity *out);
/* E_NOT_FOUND unless SQL_IDENTITY_IS_THERE, or _MAY_HAVE_KEYS, counts it in that account. */
NODISCARD struct err sqlite_identity_expect(struct sqlite_connection *connection,
					    enum sqlite_statement_id count_of, const char *account,
					    const char *id);

/* access_keys.c */
NODISCARD struct err sqlite_access_key_load(void *self, struct view access_key_id,
					    struct auth_access_key *out);
NODISCARD struct err sqlite_access_key_add(void *self, const struct auth_access_key *key,
					   const struct auth_change_record *record);
NODISCARD struct err sqlite_access_key_update(void *self, const struct auth_access_key *key,
					      const struct auth_change_record *record);
NODISCARD struct err sqlite_access_key_remove(void *self, struct view access_key_id,
					      const struct auth_change_record *record);
NODISCARD struct err sqlite_access_key_list(void *self, struct view identity_id,
					    struct auth_access_key *out, size_t *count);

/* key_uses.c */
NODISCARD struct err sqlite_key_use_save(void *self, const struct auth_key_use *uses, size_t count);
NODISCARD struct err sqlite_key_use_load(void *self, struct view access_key_id,
					 struct auth_key_use *out);

/* sessions.c */
NODISCARD struct err sqlite_session_add(void *self, const struct auth_session *session,
					const struct auth_change_record *record);
NODISCARD struct err sqlite_session_load(void *self, struct view access_key_id,
					 struct auth_session *out);
NODISCARD struct err sqlite_session_remove(void *self, struct view access_key_id,
					   const struct auth_change_record *record);
NODISCARD struct err sqlite_session_list(void *self, const struct auth_session_query *query,
					 struct auth_session **out, size_t *count);
NODISCARD struct err sqlite_session_sweep(void *self, int64_t now_ms);

/* adoption.c */
NODISCARD struct err sqlite_identities_adopt(void *self, const char *partition, const char *account,
					     int64_t now_ms);

#endif
