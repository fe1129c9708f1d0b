/* SPDX-License-Identifier: Apache-2.0 */
/* What scheduler.c (thread, pace, report) and due_work.c (what is done in a round) share. */
#ifndef HOLDFAST_SERVICE_SCHEDULER_LOCAL_H
#define HOLDFAST_SERVICE_SCHEDULER_LOCAL_H

#include <pthread.h>

#include "service/scheduler.h"

#define SCHEDULER_LEASE_MIN_MS INT64_C(60000)

struct scheduler {
	struct service *service;
	struct kms_agenda agenda;
	pthread_t thread;

	pthread_mutex_t lock; /* of what follows, up to the thread's own */
	pthread_cond_t changed;
	bool running, stopping, woken;
	uint32_t interval_ms, share_percent;
	struct scheduler_report report;

	/* The thread's own. */
	struct kms_claim claim;  /* of the act under way; kind 0: none is */
	int64_t claimed_ms;      /* steady */
	int64_t busy_from_ms;    /* steady: the act has been at work since */
	struct kms_due stumbled; /* the act that ended the last round; kind 0: none did */
	unsigned stumbles;       /* rounds in a row that an act ended */
	bool swept;
	int64_t swept_ms;  /* steady */
	int64_t verify_ms; /* steady: when the whole store is verified next */
};

/* Claims last longer than any act between two rests. */
int64_t scheduler_lease_ms(const struct scheduler *scheduler);

bool scheduler_is_stopping(struct scheduler *scheduler);

/* What is due, into the report and the metrics; of an error of the store the report tells. */
void due_work_look(struct scheduler *scheduler);

/* One page of each kind. true: something was done and there is more. */
bool due_work_run(struct scheduler *scheduler);

#endif
