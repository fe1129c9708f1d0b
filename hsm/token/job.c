/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/token/job.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/mem.h"

NODISCARD struct err job_outbox_init(struct job_outbox *outbox)
{
	*outbox = (struct job_outbox){.lock = PTHREAD_MUTEX_INITIALIZER};
	outbox->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return outbox->event_fd >= 0 ? OK : ERR_DETAIL(E_SYSTEM, errno);
}

struct job *job_outbox_take(struct job_outbox *outbox)
{
	uint64_t count = 0;
	ssize_t got = read(outbox->event_fd, &count, sizeof count);
	(void)got; /* nothing to read: somebody emptied it before */
	LOCK_SCOPE(&outbox->lock);
	outbox->last = NULL;
	return TAKE(outbox->first);
}

/* Whether it was empty: whoever reads it must then be woken. */
static bool outbox_put(struct job_outbox *outbox, struct job *job)
{
	LOCK_SCOPE(&outbox->lock);
	bool was_empty = outbox->first == NULL;
	if (was_empty)
		outbox->first = job;
	else
		outbox->last->next = job;
	outbox->last = job;
	return was_empty;
}

NODISCARD struct err job_new(const struct wire_frame *frame, int64_t now_ms, struct job **out)
{
	*out = NULL;
	void *room = NULL;
	TRY(mem_alloc_array(1, sizeof(struct job) + frame->body.len, &room));
	CLEANUP(job_free) struct job *job = (struct job *)room;
	job->tag = frame->head.tag;
	job->body_len = frame->body.len;
	job->weight = frame->body.len + frame->plaintext.len;
	mem_copy(job->body, job->body_len, frame->body.ptr, frame->body.len);
	struct wire_frame own = *frame;
	own.body = view_of(job->body, job->body_len);
	TRY(wire_request_read(&own, now_ms, &job->request));
	*out = TAKE(job);
	return OK;
}

void job_free(struct job **job)
{
	struct job *gone = TAKE(*job);
	if (gone == NULL)
		return;
	wire_request_cleanup(&gone->request);
	mem_free(gone);
}

static void submitted_done(struct hsm_op *op, struct err result)
{
	struct job *job = (struct job *)(void *)((char *)op - offsetof(struct job, request.op));
	struct job_outbox *outbox = (struct job_outbox *)op->user;
	job->result = result;
	int fd = outbox->event_fd;
	if (!outbox_put(outbox, job))
		return;
	uint64_t one = 1;
	/* Fails only when the counter is full, and then the reader wakes, too. */
	ssize_t written = write(fd, &one, sizeof one);
	(void)written;
}

void job_submit(struct job *job, struct hsm *hsm, struct job_outbox *outbox)
{
	job->next = NULL;
	job->request.op.user = outbox;
	job->request.op.done = submitted_done;
	hsm_submit(hsm, &job->request.op);
}
