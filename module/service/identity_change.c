/* SPDX-License-Identifier: Apache-2.0 */
#include "service/identity_change.h"

#include "base/lock.h"
#include "base/mem.h"
#include "service/core.h"
#include "service/credentials.h"
#include "service/subjects.h"
#include "service/trail.h"

#define ATTEMPTS 4 /* when others change the same identity meanwhile */

NODISCARD struct err identity_change(struct call_work *work, identity_attempt_fn *attempt)
{
	struct err e = OK;
	LOCK_SCOPE(&work->service->identity_lock);
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		e = attempt(work);
		if (!err_is(e, E_STORE_CONFLICT))
			return e;
	}
	return e;
}

NODISCARD struct err identity_change_commit(struct call_work *work, identity_write_fn *write)
{
	struct kms_outbox_record outbox;
	TRY(trail_outbox(work, &outbox));
	const struct auth_change_record record = {.event_id = outbox.event_id, .line = outbox.line};
	struct err e = write(work, &record);
	work->committed = !err_failed(e);
	/* Failed or not: a change that answers with an error may be in the store all the same, and
	 * what it took away must not live on in memory. */
	subjects_drop_all(work->service->subjects);
	credentials_drop(work->service->credentials);
	return e;
}

NODISCARD struct err identity_change_write(struct call_work *work)
{
	struct identity_told *told = work->out.identity;
	CLEANUP(mem_free_at) char *document = NULL;
	struct err e = auth_details_write(&told->details, &document);
	if (err_is(e, E_BOUNDS))
		return work_refuse(work, ERR(E_IAM_LIMIT),
				   "All that is said of one identity must not exceed %d bytes.",
				   AUTH_DETAILS_MAX);
	ENSURE(!err_is(e, E_FORMAT));
	TRY(e);
	mem_free(told->identity.document);
	told->identity.document = TAKE(document);
	return OK;
}

static struct err update(struct call_work *work, const struct auth_change_record *record)
{
	const struct auth_identities *identities = &work->service->options.identities;
	return identities->update(identities->self, &work->out.identity->identity, record);
}

NODISCARD struct err identity_change_edit(struct call_work *work, identity_apply_fn *apply)
{
	bool changed = true;
	TRY(identity_told_load(work));
	TRY(apply(work, work->out.identity, &changed));
	if (!changed)
		return OK;
	TRY(identity_change_write(work));
	work->out.identity->identity.revision++;
	return identity_change_commit(work, update);
}
