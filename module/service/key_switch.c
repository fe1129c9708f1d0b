/* SPDX-License-Identifier: Apache-2.0 */
#include "service/key_switch.h"

#include "service/core.h"
#include "service/keyring.h"
#include "service/permission.h"
#include "service/shapes.h"
#include "service/trail.h"

#define ATTEMPTS 4 /* when others change the same key meanwhile */

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{NULL, NULL, false},
};
const struct schema_shape key_switch_input = {.type = SCHEMA_STRUCTURE, .members = members};
const char *const key_switch_audited[] = {"KeyId", NULL};

static struct err commit(struct call_work *work, const struct kms_key *key)
{
	const struct kms_store *store = &work->service->options.store;
	struct kms_outbox_record outbox;
	TRY(trail_outbox(work, &outbox));
	struct err e = store->ops->key_update(store->self, key, &outbox);
	work->committed = !err_failed(e);
	/* Failed or not: an update that answers with an error may be in the store all the same, and
	 * what it took away must not live on in memory. */
	keyring_drop(work->service->keyring, &key->id);
	return e;
}

/* On the row as it stands now, not on what memory says. */
static struct err switch_once(struct call_work *work, enum kms_key_state to)
{
	const struct kms_store *store = &work->service->options.store;
	const struct kms_key *seen = &keyring_key(work->keys[0])->key;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	TRY(store->ops->key_load(store->self, &seen->scope, &seen->id, &full));
	TRY(permission_check_state(work, &full.key));
	if (full.key.state == to)
		return OK;
	TRY(kms_key_move(&full.key, to));
	full.key.revision++;
	return commit(work, &full.key);
}

NODISCARD struct err key_switch(struct call_work *work, enum kms_key_state to)
{
	struct err e = OK;
	for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
		e = switch_once(work, to);
		if (!err_is(e, E_STORE_CONFLICT))
			return e;
	}
	return e;
}
