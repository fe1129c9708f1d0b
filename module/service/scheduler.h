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

/* Its first round comes once service->reconciled is set. *out owned by the caller. */
NODISCARD struct err scheduler_start(struct service *service, struct scheduler **out);
/* An act under way ends after its step. */
void scheduler_stop(struct scheduler **scheduler);

/* Another pause between two rounds and another share of the time from now on. Thread-safe. */
void scheduler_set_pace(struct scheduler *scheduler, uint32_t interval_ms, uint32_t share_percent);

/* Something may have become due just now: the next round begins at once. Never blocks for long.
 * `scheduler` may be NULL. Thread-safe. */
void scheduler_wake(struct scheduler *scheduler);

/*
 * Called by an act between two of its steps on the token that each create or destroy an object:
 * rests in proportion to the time since the last rest. E_CANCELLED: the service stops, or trusts
 * its store no more; leave the act where it is. On other threads than the scheduler's it returns at
 * once. Keeps the act's claim.
 */
NODISCARD struct err scheduler_rest(struct scheduler *scheduler);

#define SCHEDULER_LATE_MS (INT64_C(60) * 60 * 1000)

/* By kind; 0 stands for the removal of sessions that ended. As of the last round. Never blocks for
 * long. Thread-safe. */
struct scheduler_report {
	struct kms_due_count kinds[KMS_DUE_COUNT];
	uint64_t late[KMS_DUE_COUNT];   /* of those, due for longer than SCHEDULER_LATE_MS */
	uint64_t done[KMS_DUE_COUNT];   /* since the start */
	uint64_t failed[KMS_DUE_COUNT]; /* attempts, since the start */
	struct err held[KMS_DUE_COUNT]; /* why acts were put off that did not fail; OK */
	struct err store;               /* why the agenda could not be read; OK */
	struct kms_due_failure worst;   /* the one with the most attempts; attempts 0: none */
	int64_t busy_ms, rested_ms;     /* since the start: at acts, and resting from them */
};
void scheduler_report(struct scheduler *scheduler, struct scheduler_report *out);

#endif
