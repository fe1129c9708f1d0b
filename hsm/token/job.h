/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One operation under way in the worker, from the frame that asked to the reply; and the outbox
 * through which lanes hand finished ones back to the thread that owns the connections.
 */
#ifndef HOLDFAST_HSM_TOKEN_JOB_H
#define HOLDFAST_HSM_TOKEN_JOB_H

#include <pthread.h>

#include "hsm/wire.h"

struct connection;

struct job {
	struct wire_request request;
	struct connection *connection; /* who asked; outlives the job */
	uint64_t tag;                  /* of the request, for the reply */
	struct err result;
	struct job *next;
	size_t weight; /* bytes that it keeps: the body, and the plaintext in locked memory */
	size_t body_len;
	uint8_t body[]; /* a copy of the request's body, which the operation's views borrow from */
};

struct job_outbox {
	pthread_mutex_t lock;
	struct job *first;
	struct job *last;
	int event_fd; /* readable when there is something inside */
};

NODISCARD struct err job_outbox_init(struct job_outbox *outbox);

/* Takes out everything, in the order of ending; linked by `next`. */
struct job *job_outbox_take(struct job_outbox *outbox);

/*
 * *out: owned by the caller, job_free(). E_HSM_PROTOCOL when the frame is no request, E_NOMEM,
 * E_LOCKED_MEMORY.
 */
NODISCARD struct err job_new(const struct wire_frame *frame, int64_t now_ms, struct job **out);
void job_free(struct job **job);

/* Submits; the job comes back through the outbox. Thread-safe. */
void job_submit(struct job *job, struct hsm *hsm, struct job_outbox *outbox);

#endif
