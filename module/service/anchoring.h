/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carries the store's manifest to the token, and the head of the audit log into the store, on a
 * thread of its own: within a second of a commit, and at once where a call waits for it. Design:
 * changes that take rights away are answered only when the token remembers them, so that no older
 * store gives the rights back.
 */
#ifndef HOLDFAST_SERVICE_ANCHORING_H
#define HOLDFAST_SERVICE_ANCHORING_H

#include "base/err.h"
#include "kms/manifest.h"

struct anchoring;
struct service;

/*
 * At every start, before anything of the store is believed: verifies the whole against the token's
 * anchor, and the audit log against the store's head. A store without a manifest, and a token
 * without an anchor, get their first. Logged precisely; E_STORE_MANIFEST, E_STORE_ROLLED_BACK,
 * E_HSM_ANCHOR, E_AUDIT_CHAIN: the service must not start. OK with refused rows: it may. Blocks.
 */
NODISCARD struct err anchoring_check(struct service *service);

/* *out owned by the caller, anchoring_stop(), which anchors what is left. */
NODISCARD struct err anchoring_start(struct service *service, struct anchoring **out);
void anchoring_stop(struct anchoring **anchoring);

/* What this thread committed is anchored when it returns OK. E_HSM_...: it is committed, and will
 * be anchored when the token is back. E_DISTRUSTED: it is committed, and will not be.
 * Blocks until service_deadline_ms() at most. */
NODISCARD struct err anchoring_wait(struct anchoring *anchoring);

struct anchoring_report {
	struct kms_mark committed, anchored;
	int64_t behind_ms; /* how long the oldest commit has waited; 0: none does */
	struct err last;   /* why the last try failed; OK */
	uint64_t refused;  /* rows that did not carry their seal, at the start or since */
	struct err head;   /* why the audit log's head could not be saved; OK */
	/* What the store has as the audit log's head; sequence 0: nothing. */
	struct kms_audit_head stored;
};
void anchoring_report(struct anchoring *anchoring, struct anchoring_report *out);

#endif
