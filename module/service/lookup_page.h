/* SPDX-License-Identifier: Apache-2.0 */
/* One page of LookupEvents: what is asked for, from where on, and the reply's Events. */
#ifndef HOLDFAST_SERVICE_LOOKUP_PAGE_H
#define HOLDFAST_SERVICE_LOOKUP_PAGE_H

#include <stdatomic.h>

#include "audit/lookup.h"
#include "service/operation.h"

#define LOOKUP_EVENTS_MAX 50

struct lookup_question {
	struct audit_wanted wanted;
	size_t events_max;
};

/* A look reads much and takes a thread that other calls wait for, too: half of them, and at least
 * one, may be at it. E_BUSY when they are; else lookup_leave(). Thread-safe. */
NODISCARD struct err lookup_enter(_Atomic uint32_t *under_way, uint32_t threads);
void lookup_leave(_Atomic uint32_t *under_way);

/* Looks, and keeps Events and NextToken for the encoder in work->out.list. E_KMS_INVALID_MARKER,
 * E_BUSY, E_AUDIT, ... Blocks. */
NODISCARD struct err lookup_page_find(struct call_work *work,
				      const struct lookup_question *question);

/* A page without events. */
NODISCARD struct err lookup_page_none(struct call_work *work);

/* Events and NextToken. */
void lookup_page_encode(struct call_work *work, struct json_out *out);

#endif
