/* SPDX-License-Identifier: Apache-2.0 */
#include "service/errors.h"

#include "service/errors_cloudtrail.h"
#include "service/errors_sts.h"

const struct error_kms *error_of(const struct call_work *work)
{
	static const struct error_kms *(*const of[])(struct err failure) = {
		[CALL_PROTOCOL_JSON] = error_kms_of,
		[CALL_PROTOCOL_QUERY] = error_sts_of,
		[CALL_PROTOCOL_CLOUDTRAIL] = error_cloudtrail_of,
	};
	return of[work->call->protocol](work->failure);
}

struct view error_text(const struct call_work *work)
{
	return error_row_text(error_of(work), &work->message);
}

NODISCARD struct err error_write(struct call_work *work)
{
	struct call *call = work->call;
	if (call->protocol == CALL_PROTOCOL_QUERY)
		return error_sts_write(work->failure, &work->message, call->request_id,
				       &call->body);
	return error_row_write(error_of(work), &work->message, &call->body);
}
