/* SPDX-License-Identifier: Apache-2.0 */
#include "service/access_key_change.h"

#include "service/core.h"
#include "service/input.h"

NODISCARD struct err access_key_explain(struct call_work *work, struct err failure)
{
	struct view id = input_text(work, "AccessKeyId");
	if (!err_is(failure, E_NOT_FOUND))
		return failure;
	return work_refuse(work, ERR(E_IAM_NO_SUCH_ENTITY),
			   "The Access Key with id %.*s cannot be found.", (int)id.len,
			   (const char *)id.ptr);
}

NODISCARD struct err access_key_load(struct call_work *work, struct auth_access_key *out)
{
	const struct auth_identities *identities = &work->service->options.identities;
	return access_key_explain(work, identities->access_key_load(identities->self,
								    input_text(work, "AccessKeyId"),
								    out));
}
