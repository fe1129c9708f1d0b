/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does what is due: rotations, deletions, the expiry of imported material, and the end of sessions.
 * One thread. Each round it asks the store for what is due (kms/agenda.h), claims an act, does it,
 * and then rests in proportion to what the act took, so that a backlog of whatever size leaves the
 * token to the callers for most of the time. What fails is tried again, later each time; a token
 * that is away delays the round and fails nothing.
 */
#ifndef HOLDFAST_SERVICE_SCHEDULER_H
#define HOLDFAST_SERVICE_SCHEDULER_H

#include "kms/agenda.h"

struct scheduler;
struct service;

NODISCARD struct err scheduler_start(struct service *service, struct scheduler **out);
void scheduler_stop(struct scheduler **scheduler);

/* Something may have become due just now: the next round begins at once. Never blocks. */
void scheduler_wake(struct scheduler *scheduler);

/*
 * Called by an act between two of its steps on the token that each create or destroy an object:
 * rests in proportion to the time since the last rest. E_CANCELLED: the service stops; leave the
 * act where it is. On other threads than the scheduler's it returns at once.
 */
NODISCARD struct err scheduler_rest(struct scheduler *scheduler);

/* As of the last round. Never blocks. */
struct scheduler_report {
	struct kms_due_count kinds[KMS_DUE_COUNT];
	uint64_t done[KMS_DUE_COUNT];   /* since the start */
	uint64_t failed[KMS_DUE_COUNT]; /* attempts, since the start */
	struct err store;               /* why the agenda could not be read; OK */
	struct kms_due_failure worst;   /* the one with the most attempts; attempts 0: none */
};
void scheduler_report(struct scheduler *scheduler, struct scheduler_report *out);

#endif
