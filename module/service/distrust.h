/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A running service that finds its store, or the token's memory of it, to be another's stops
 * serving (P6): what it holds in memory may be older than what has been decided since. Set once,
 * by what was found first, and ended by a restart alone, whose survey decides.
 *
 * Then: public calls are refused before they are executed, and recorded as any failed call; the
 * admin door goes on for what changes nothing; the store takes no commit; due work, the anchor and
 * the audit log's head stay as they are. What is under way on the token may end.
 *
 * What sets it is never a part that is away or busy, nor a row that alone is refused:
 * - the anchoring thread, when the token has a mark that this store cannot have had;
 * - a survey made because readers or writers refused the store as a whole (kms_manifest_ops.doubt):
 *   their word alone does not count. A survey that cannot be made leaves the doubt, and is tried
 *   again;
 * - VerifyStore, when it finds that the store was rolled back or is another than the token's. Rows
 *   that differ do not count there: the service knows of each which it expects, and refuses them by
 *   name.
 */
#ifndef HOLDFAST_SERVICE_DISTRUST_H
#define HOLDFAST_SERVICE_DISTRUST_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"
#include "codec/json.h"
#include "kms/manifest.h"
#include "service/checks.h"

struct service;

struct distrust {
	_Atomic uint16_t cause; /* enum err_code; E_OK: all is well. Set last */
	int64_t since_ms;       /* Unix time */

	/* The anchoring thread's. */
	struct err doubt; /* that no survey has settled yet; OK */
	int64_t tried_ms; /* steady: when one was tried last; 0: none was */
};

/* For the hot path: one load. */
static inline bool distrust_holds(const struct distrust *distrust)
{
	return atomic_load_explicit(&distrust->cause, memory_order_acquire) != E_OK;
}

/* OK; E_DISTRUSTED, whose detail is the code of the cause. Never blocks. */
NODISCARD struct err distrust_check(const struct service *service);

/* From now on. Does nothing where it holds already. Thread-safe, does not block. */
void distrust_set(struct service *service, struct err cause);

/* Of a survey that was made while the service runs: sets it where the verdict says that the store
 * is another, as VerifyStore does. */
void distrust_consider(struct service *service, struct err verdict);

/* For the anchoring thread, now and then: a doubt of the store is settled by a survey. Blocks. */
void distrust_settle(struct service *service);

/* A row for people; the member "Distrust" for programs, while it holds. */
void distrust_row_add(const struct service *service, struct service_checks *out);
void distrust_row_write(const struct service *service, struct json_out *out);

#endif
