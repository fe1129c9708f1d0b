/* SPDX-License-Identifier: Apache-2.0 */
#include "service/access_key_change.h"

#include "base/mem.h"
#include "service/core.h"
#include "service/input.h"

static struct err explain(struct call_work *work, struct err failure)
{
	struct view id = input_text(work, "AccessKeyId");
	if (!err_is(failure, E_NOT_FOUND))
		return failure;
	return work_refuse(work, ERR(E_IAM_NO_SUCH_ENTITY),
			   "The Access Key with id %.*s cannot be found.", (int)id.len,
			   (const char *)id.ptr);
}

/* With its owner, for the record: once it is deleted, nobody knows whose it was. */
static struct err load(struct call_work *work)
{
	const struct auth_identities *identities = &work->service->options.identities;
	CLEANUP(identity_told_free) struct identity_told *told = NULL;
	identity_told_free(&work->out.identity);
	TRY(MEM_NEW(&told));
	struct auth_access_key *key = &told->keys[0].key;
	TRY(identities->access_key_load(identities->self, input_text(work, "AccessKeyId"), key));
	TRY(identities->load_by_id(identities->self, view_of_text(key->principal.id),
				   &told->identity));
	told->key_count = 1;
	work->out.identity = TAKE(told);
	return OK;
}

NODISCARD struct err access_key_change(struct call_work *work, identity_write_fn *write)
{
	TRY(explain(work, load(work)));
	return explain(work, identity_change_commit(work, write));
}
