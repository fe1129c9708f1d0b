/* SPDX-License-Identifier: Apache-2.0 */
#include "service/grant_change.h"

#include "base/mem.h"
#include "base/text.h"
#include "service/core.h"
#include "service/grants.h"
#include "service/keyring.h"
#include "service/trail.h"

#define SHOW(view) (int)(view).len, (const char *)(view).ptr

NODISCARD struct err grant_change_answer(struct call_work *work, const char *id)
{
	if (work->out.grant == NULL)
		TRY(MEM_NEW(&work->out.grant));
	return text_copy(work->out.grant->id, sizeof work->out.grant->id, view_of_text(id));
}

static struct err refuse_missing(struct call_work *work, struct view id)
{
	return work_refuse(work, ERR(E_KMS_NOT_FOUND), "Grant ID %.*s not found", SHOW(id));
}

NODISCARD struct err grant_change_load(struct call_work *work, struct view id,
				       struct kms_grant *out)
{
	const struct kms_grants *grants = &work->service->options.grants;
	const struct kms_key *key = &keyring_key(work->keys[0])->key;
	if (!kms_grant_id_is(id))
		return work_refuse(work, ERR(E_KMS_GRANT_ID), "Invalid grant ID %.*s", SHOW(id));
	struct err e = grants->ops->load(grants->self, &key->scope, &key->id, id, out);
	return err_is(e, E_NOT_FOUND) ? refuse_missing(work, id) : e;
}

NODISCARD struct err grant_change_create(struct call_work *work, const struct kms_grant *grant)
{
	const struct kms_grants *grants = &work->service->options.grants;
	struct kms_outbox_record outbox;
	REQUIRE(!work->in.dry_run, E_KMS_DRY_RUN);
	TRY(trail_outbox(work, &outbox));
	struct err e = grants->ops->create(grants->self, grant, &outbox);
	work->committed = !err_failed(e);
	/* Failed or not: it may be in the store all the same, and be found there when the call is
	 * repeated. */
	if (work->committed)
		grants_added(work->service->grants, grant);
	else
		grants_drop(work->service->grants, &grant->key_id);
	return e;
}

NODISCARD struct err grant_change_remove(struct call_work *work, const struct kms_grant *grant)
{
	const struct kms_grants *grants = &work->service->options.grants;
	struct kms_outbox_record outbox;
	REQUIRE(!work->in.dry_run, E_KMS_DRY_RUN);
	TRY(trail_outbox(work, &outbox));
	struct err e = grants->ops->remove(grants->self, grant, &outbox);
	work->committed = !err_failed(e);
	/* Failed or not: a removal that answers with an error may be in the store all the same, and
	 * what it took away must not live on in memory. */
	if (work->committed)
		grants_removed(work->service->grants, grant);
	else
		grants_drop(work->service->grants, &grant->key_id);
	return err_is(e, E_NOT_FOUND) ? refuse_missing(work, view_of_text(grant->id)) : e;
}

void grant_change_audit(struct call_work *work, struct json_out *out)
{
	char arn[KMS_KEY_ARN_TEXT];
	work_key_arn(work, 0, arn);
	json_out_text(out, "grantId", view_of_text(work->out.grant->id));
	json_out_text(out, "keyId", view_of_text(arn));
}
