/* SPDX-License-Identifier: Apache-2.0 */
/* One page of LookupEvents: what is asked for, from where on, and the reply's Events. */
#ifndef HOLDFAST_SERVICE_LOOKUP_PAGE_H
#define HOLDFAST_SERVICE_LOOKUP_PAGE_H

#include "audit/lookup.h"
#include "service/operation.h"

#define LOOKUP_EVENTS_MAX 50

struct lookup_question {
	struct audit_wanted wanted;
	size_t events_max;
};

/* Looks, and keeps Events and NextToken for the encoder in work->out.list. E_KMS_INVALID_MARKER,
 * E_AUDIT, ... Blocks. */
NODISCARD struct err lookup_page_find(struct call_work *work,
				      const struct lookup_question *question);

/* A page without events. */
NODISCARD struct err lookup_page_none(struct call_work *work);

/* Events and NextToken. */
void lookup_page_encode(struct call_work *work, struct json_out *out);

#endif
