/* SPDX-License-Identifier: Apache-2.0 */
#include "service/key_change.h"

#include "service/core.h"
#include "service/keyring.h"
#include "service/permission.h"
#include "service/trail.h"

#define ATTEMPTS 4 /* when others change the same key meanwhile */

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

static struct err change_once(struct call_work *work, key_change_fn *apply)
{
	const struct kms_store *store = &work->service->options.store;
	const struct kms_key *seen = &keyring_key(work->keys[0])->key;
	struct kms_key_full *full = &work->out.made;
	kms_key_full_cleanup(full);
	*full = (struct kms_key_full){0};
	TRY(store->ops->key_load(store->self, &seen->scope, &seen->id, full));
	TRY(permission_check_state(work, &full->key));
	bool changed = true;
	TRY(apply(work, &full->key, &changed));
	if (!changed)
		return OK;
	full->key.revision++;
	return commit(work, &full->key);
}

NODISCARD struct err key_change(struct call_work *work, key_change_fn *apply)
{
	struct err e = OK;
	for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
		e = change_once(work, apply);
		if (!err_is(e, E_STORE_CONFLICT))
			return e;
	}
	return e;
}

void key_change_audit(struct call_work *work, struct json_out *out)
{
	char arn[KMS_KEY_ARN_TEXT];
	work_key_arn(work, 0, arn);
	json_out_text(out, "keyId", view_of_text(arn));
}
