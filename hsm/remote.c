/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hsm.h over the socket of holdfast-token. One thread owns the connection: it connects, receives,
 * ends operations and keeps their deadlines. Whoever submits encodes and sends at once, unless
 * another thread is sending, which then sends both. The wire: wire.h and channel.h; the table of
 * what is under way: remote_slots.h.
 *
 *   OFFLINE --connect--> GREETING --HELLO, STATUS--> ONLINE --loss--> OFFLINE
 */
#include "hsm/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "hsm/remote_connect.h"
#include "hsm/remote_slots.h"

#define IN_FLIGHT_DEFAULT 1024
#define RECONNECT_MIN_DEFAULT_MS 20
#define RECONNECT_MAX_DEFAULT_MS 1000
#define BREAKER_MS 1000              /* away for so long: operations fail at once */
#define SLEEP_MAX_MS 1000            /* of the connection thread */
#define SENDS_MAX 3                  /* the first time and twice again */
#define QUEUED_BYTES_MAX (256 << 10) /* encoded and not sent; the rest waits unencoded */
#define ROUNDS_MAX 4                 /* sends by a submitter before it hands over */
#define RECEIVES_MAX 16              /* before deadlines are looked at again */

enum phase { PHASE_OFFLINE, PHASE_GREETING, PHASE_ONLINE };

struct hsm {
	struct sockaddr_un address;
	int64_t expected_uid;
	int64_t reconnect_min_ms;
	int64_t reconnect_max_ms;
	const struct clock *clock;
	int wake_fd;
	pthread_t thread;

	/* of the connection thread alone */
	int64_t attempt_at_ms;
	int64_t backoff_ms;
	bool greeted;              /* HELLO came */
	enum err_code last_logged; /* why the last attempt failed, so that it is said once */
	struct hsm_figures figures;

	/* under the lock */
	pthread_mutex_t lock;
	pthread_cond_t written;
	struct remote_slots slots;
	struct channel channel; /* its input half: of the connection thread */
	enum phase phase;
	bool stopping;
	bool writing;      /* a thread is in sendmsg() */
	bool blocked;      /* the socket takes no more */
	bool broken;       /* sending failed */
	bool met;          /* there has been a handshake */
	bool refused;      /* the peer is not who it should be */
	uint64_t features; /* that the peer knows */
	int64_t lost_at_ms;
	int64_t sleep_until_ms;
	struct hsm_op *ended; /* to be ended by the connection thread; linked by `next` */
	struct hsm_status status;
	uint64_t operations;
	uint64_t failures;
};

/* The handle whose connection thread this is: what it submits is sent after its batch. */
static _Thread_local const struct hsm *own_thread_of;

static int64_t now_ms(const struct hsm *hsm)
{
	return clock_steady_ms(hsm->clock);
}

static void wake(struct hsm *hsm)
{
	uint64_t one = 1;
	/* Fails only when the counter is full, and then it wakes, too. */
	ssize_t written = write(hsm->wake_fd, &one, sizeof one);
	(void)written;
}

/* Sending. All of it under the lock but the system call. */

static void end_later(struct hsm *hsm, struct remote_slot *slot, struct err result)
{
	struct hsm_op *op = remote_slots_release(&hsm->slots, slot);
	op->result = result;
	op->next = hsm->ended;
	hsm->ended = op;
}

/* A peer that does not know the verb would take it for a breach of the protocol. */
static struct err encode(struct hsm *hsm, const struct hsm_op *op)
{
	struct channel_room room;
	uint64_t needed = wire_verb_feature(op->verb);
	REQUIRE((hsm->features & needed) == needed, E_HSM_UNSUPPORTED);
	TRY(channel_room(&hsm->channel, wire_request_size(op), &room));
	wire_request_write(op, op->tag, &room.wire);
	return channel_commit(&hsm->channel, &room);
}

/* Encodes what waits, as far as there is somebody to send it to and room to keep it. */
static void pump(struct hsm *hsm)
{
	if (hsm->phase != PHASE_ONLINE || hsm->status.condition == HSM_CONNECTING)
		return;
	struct remote_slot *slot = remote_slots_waiting(&hsm->slots);
	while (slot != NULL && hsm->channel.out_bytes < QUEUED_BYTES_MAX) {
		slot->op->tells_request =
			(hsm->features & WIRE_FEATURE_NAMES) != 0 && slot->op->request[0] != '\0';
		struct err e = encode(hsm, slot->op);
		if (err_failed(e))
			end_later(hsm, slot, e);
		else
			remote_slots_send(&hsm->slots, slot);
		slot = remote_slots_waiting(&hsm->slots);
	}
}

static void written(struct hsm *hsm, struct err e, size_t sent)
{
	channel_sent(&hsm->channel, sent);
	hsm->blocked = err_is(e, E_WOULD_BLOCK);
	hsm->broken = hsm->broken || (err_failed(e) && !hsm->blocked);
	pump(hsm);
}

/* Sends what is queued, unless another thread is at it. Lets go of the lock while sending. */
static void transmit(struct hsm *hsm)
{
	if (hsm->writing || hsm->phase == PHASE_OFFLINE)
		return;
	hsm->writing = true;
	struct iovec iov[CHANNEL_IOV_MAX];
	size_t count = channel_pending(&hsm->channel, iov);
	for (int round = 0; count > 0 && round < ROUNDS_MAX; round++) {
		if (hsm->blocked || hsm->broken)
			break;
		size_t sent = 0;
		int fd = hsm->channel.fd;
		(void)pthread_mutex_unlock(&hsm->lock);
		struct err e = channel_write(fd, iov, count, &sent);
		(void)pthread_mutex_lock(&hsm->lock);
		written(hsm, e, sent);
		count = channel_pending(&hsm->channel, iov);
	}
	hsm->writing = false;
	(void)pthread_cond_broadcast(&hsm->written);
	if ((count > 0 || hsm->ended != NULL) && own_thread_of != hsm)
		wake(hsm);
}

/* Submitting. */

static struct err availability(const struct hsm *hsm, int64_t now)
{
	REQUIRE(!hsm->stopping, E_CANCELLED);
	if (hsm->phase == PHASE_ONLINE)
		return OK;
	REQUIRE(!hsm->refused, E_HSM_PEER);
	REQUIRE(!hsm->met || now - hsm->lost_at_ms <= BREAKER_MS, E_HSM_AWAY);
	return OK;
}

static struct err submit(struct hsm *hsm, struct hsm_op *op)
{
	TRY(wire_request_check(op));
	int64_t now = now_ms(hsm);
	REQUIRE(op->deadline_ms > now, E_HSM_TIMEOUT);
	/* From here on the operation may end on the other thread and be gone. */
	int64_t deadline_ms = op->deadline_ms;
	LOCK_SCOPE(&hsm->lock);
	TRY(availability(hsm, now));
	TRY(remote_slots_take(&hsm->slots, op));
	pump(hsm);
	if (own_thread_of == hsm)
		return OK;
	if (deadline_ms < hsm->sleep_until_ms || hsm->ended != NULL)
		wake(hsm);
	transmit(hsm);
	return OK;
}

static void count(struct hsm *hsm, struct err result)
{
	LOCK_SCOPE(&hsm->lock);
	hsm->operations++;
	hsm->failures += err_failed(result) ? 1 : 0;
}

static void end(struct hsm *hsm, struct hsm_op *op, struct err result)
{
	count(hsm, result);
	op->done(op, result);
}

void hsm_submit(struct hsm *hsm, struct hsm_op *op)
{
	if (op->request[0] == '\0')
		log_request_copy(op->request);
	struct err e = submit(hsm, op);
	if (err_failed(e))
		end(hsm, op, e);
}

/* Ending. */

static void end_list(struct hsm *hsm)
{
	struct hsm_op *op = NULL;
	{
		LOCK_SCOPE(&hsm->lock);
		op = TAKE(hsm->ended);
	}
	while (op != NULL) {
		struct hsm_op *next = op->next;
		end(hsm, op, op->result);
		op = next;
	}
}

static void expire(struct hsm *hsm)
{
	int64_t now = now_ms(hsm);
	LOCK_SCOPE(&hsm->lock);
	struct remote_slot *slot = remote_slots_earliest(&hsm->slots);
	while (slot != NULL && slot->op->deadline_ms <= now) {
		end_later(hsm, slot, ERR(E_HSM_TIMEOUT));
		slot = remote_slots_earliest(&hsm->slots);
	}
	struct err e = availability(hsm, now);
	for (slot = remote_slots_waiting(&hsm->slots); slot != NULL && err_failed(e);
	     slot = remote_slots_waiting(&hsm->slots))
		end_later(hsm, slot, e);
}

/* These change the token: an answer that was lost must not be asked for a second time. */
static bool is_repeatable(enum hsm_verb verb)
{
	return verb != HSM_KEY_GENERATE && verb != HSM_KEY_DESTROY;
}

/* The answer will not come: once more, or over. Under the lock. */
static void send_again(struct hsm *hsm, struct remote_slot *slot)
{
	if (is_repeatable(slot->op->verb) && slot->sends < SENDS_MAX)
		remote_slots_requeue(&hsm->slots, slot);
	else
		end_later(hsm, slot, ERR(E_HSM_AWAY));
}

/* The connection. */

static void complain(struct hsm *hsm, struct err why)
{
	if (hsm->last_logged == why.code)
		return;
	hsm->last_logged = (enum err_code)why.code;
	log_event(LOG_WARNING, "token.connection_lost", LOG_TEXT("socket", hsm->address.sun_path),
		  LOG_ERR(why));
}

static void go_offline(struct hsm *hsm, struct err why)
{
	complain(hsm, why);
	int64_t now = now_ms(hsm);
	LOCK_SCOPE(&hsm->lock);
	bool was_online = hsm->phase == PHASE_ONLINE;
	metric_add(METRIC_TOKEN_CONNECTIONS_LOST, 0, 0, was_online);
	hsm->phase = PHASE_OFFLINE;
	if (hsm->channel.fd >= 0)
		(void)shutdown(hsm->channel.fd, SHUT_RDWR);
	while (hsm->writing)
		(void)pthread_cond_wait(&hsm->written, &hsm->lock);
	channel_close(&hsm->channel);
	hsm->blocked = hsm->broken = false;
	hsm->refused = err_is(why, E_HSM_PEER);
	hsm->lost_at_ms = was_online ? now : hsm->lost_at_ms;
	hsm->status.condition =
		hsm->met && now - hsm->lost_at_ms <= BREAKER_MS ? HSM_CONNECTING : HSM_AWAY;
	hsm->status.last_error = err_is(why, E_HSM_PEER) ? why : ERR_DETAIL(E_HSM_AWAY, why.detail);
	for (uint32_t i = 0; i < hsm->slots.max; i++)
		if (hsm->slots.slots[i].op != NULL && !hsm->slots.slots[i].waiting)
			send_again(hsm, &hsm->slots.slots[i]);
	hsm->attempt_at_ms = now + hsm->backoff_ms;
	hsm->backoff_ms = MIN_OF(hsm->backoff_ms * 2, hsm->reconnect_max_ms);
}

static void go_online_soon(struct hsm *hsm)
{
	struct channel fresh = {.fd = -1};
	struct err e = remote_connect(&hsm->address, hsm->expected_uid, &fresh);
	if (err_failed(e)) {
		channel_close(&fresh);
		go_offline(hsm, e);
		return;
	}
	hsm->greeted = false;
	LOCK_SCOPE(&hsm->lock);
	hsm->channel = fresh;
	hsm->phase = PHASE_GREETING;
	hsm->refused = false;
	transmit(hsm);
}

static void status_take(struct hsm *hsm, const struct hsm_status *status)
{
	bool fresh = false;
	{
		LOCK_SCOPE(&hsm->lock);
		fresh = hsm->phase != PHASE_ONLINE;
		hsm->status = *status;
		hsm->phase = PHASE_ONLINE;
		hsm->met = true;
		pump(hsm);
	}
	hsm->backoff_ms = hsm->reconnect_min_ms;
	hsm->last_logged = E_OK;
	if (fresh)
		log_event(LOG_INFO, "token.connected", LOG_TEXT("socket", hsm->address.sun_path),
			  LOG_TEXT("token", status->token_label));
}

/* Who sent the request of this tag; NULL when that operation has ended before. Only this thread
 * ends what was sent, so the slot stays. */
static struct err asker_find(struct hsm *hsm, uint64_t tag, struct remote_slot **out)
{
	LOCK_SCOPE(&hsm->lock);
	struct remote_slot *slot = remote_slots_find(&hsm->slots, tag);
	REQUIRE(slot == NULL || !slot->waiting, E_HSM_PROTOCOL);
	*out = slot;
	return OK;
}

/* The operation to end; NULL when it is sent again, because the worker that had it is stopping. */
static struct hsm_op *asker_settle(struct hsm *hsm, struct remote_slot *slot, struct err result)
{
	LOCK_SCOPE(&hsm->lock);
	if (!err_is(result, E_CANCELLED))
		return remote_slots_release(&hsm->slots, slot);
	send_again(hsm, slot);
	return NULL;
}

static struct err reply_take(struct hsm *hsm, const struct wire_frame *frame)
{
	struct remote_slot *slot = NULL;
	struct err result = OK;
	TRY(asker_find(hsm, frame->head.tag, &slot));
	if (slot == NULL)
		return OK;
	struct err e = wire_reply_read(frame, slot->op, &result);
	result = err_failed(e) ? e : result;
	struct hsm_op *op = asker_settle(hsm, slot, result);
	if (op != NULL)
		end(hsm, op, result);
	return err_is(e, E_HSM_PROTOCOL) ? e : OK;
}

static struct err frame_take(struct hsm *hsm, const struct wire_frame *frame)
{
	if (!hsm->greeted) {
		TRY(wire_hello_read(frame));
		hsm->greeted = true;
		LOCK_SCOPE(&hsm->lock);
		hsm->features = frame->head.tag;
		return OK;
	}
	if (frame->head.kind == WIRE_FIGURES) {
		TRY(wire_figures_read(frame, &hsm->figures));
		hsm_figures_show(&hsm->figures);
		return OK;
	}
	if (frame->head.kind == WIRE_STATUS) {
		struct hsm_status status;
		TRY(wire_status_read(frame, &status));
		status_take(hsm, &status);
		return OK;
	}
	REQUIRE(frame->head.kind == WIRE_REPLY, E_HSM_PROTOCOL);
	return reply_take(hsm, frame);
}

static struct err receive(struct hsm *hsm)
{
	for (int i = 0; i < RECEIVES_MAX; i++) {
		struct err e = channel_receive(&hsm->channel);
		if (err_is(e, E_WOULD_BLOCK))
			return OK;
		TRY(e);
		struct wire_frame frame;
		bool got = false;
		TRY(channel_next(&hsm->channel, &frame, &got));
		while (got) {
			TRY(frame_take(hsm, &frame));
			TRY(channel_next(&hsm->channel, &frame, &got));
		}
		LOCK_SCOPE(&hsm->lock);
		pump(hsm);
		transmit(hsm);
	}
	return OK;
}

/* The connection thread. */

/* How long there is nothing to do but wait for descriptors; tells submitters until when. */
static int sleep_ms(struct hsm *hsm)
{
	int64_t now = now_ms(hsm);
	int64_t until = now + SLEEP_MAX_MS;
	LOCK_SCOPE(&hsm->lock);
	struct remote_slot *slot = remote_slots_earliest(&hsm->slots);
	if (slot != NULL)
		until = MIN_OF(until, slot->op->deadline_ms);
	if (hsm->phase == PHASE_OFFLINE)
		until = MIN_OF(until, hsm->attempt_at_ms);
	if (hsm->phase != PHASE_ONLINE && hsm->met && slot != NULL)
		until = MIN_OF(until, MAX_OF(hsm->lost_at_ms + BREAKER_MS + 1, now + 1));
	if (hsm->ended != NULL || hsm->broken || hsm->stopping)
		until = now;
	hsm->sleep_until_ms = until;
	return (int)MAX_OF(until - now, 0);
}

static short wanted_events(struct hsm *hsm)
{
	LOCK_SCOPE(&hsm->lock);
	return hsm->blocked ? POLLIN | POLLOUT : POLLIN;
}

static void serve_connection(struct hsm *hsm, short events)
{
	struct err e = OK;
	if ((events & (POLLIN | POLLHUP | POLLERR)) != 0)
		e = receive(hsm);
	{
		LOCK_SCOPE(&hsm->lock);
		if ((events & POLLOUT) != 0)
			hsm->blocked = false;
		if (hsm->broken && !err_failed(e))
			e = ERR(E_HSM_AWAY);
	}
	if (err_failed(e))
		go_offline(hsm, e);
}

static void wait_and_serve(struct hsm *hsm)
{
	int timeout = sleep_ms(hsm);
	struct pollfd fds[2] = {{hsm->wake_fd, POLLIN, 0},
				{hsm->channel.fd, wanted_events(hsm), 0}};
	int ready = poll(fds, hsm->phase == PHASE_OFFLINE ? 1 : 2, timeout);
	uint64_t wakes = 0;
	if (ready > 0 && fds[0].revents != 0 && read(hsm->wake_fd, &wakes, sizeof wakes) < 0 &&
	    errno != EAGAIN)
		log_event(LOG_ERROR, "token.wake_failed", LOG_NUMBER("errno", errno));
	if (hsm->phase == PHASE_OFFLINE && now_ms(hsm) >= hsm->attempt_at_ms)
		go_online_soon(hsm);
	else if (hsm->phase != PHASE_OFFLINE)
		serve_connection(hsm, ready > 0 ? fds[1].revents : 0);
}

static void settle(struct hsm *hsm)
{
	expire(hsm);
	end_list(hsm);
	LOCK_SCOPE(&hsm->lock);
	pump(hsm);
	transmit(hsm);
}

static bool is_stopping(struct hsm *hsm)
{
	LOCK_SCOPE(&hsm->lock);
	return hsm->stopping;
}

static void *run(void *context)
{
	struct hsm *hsm = (struct hsm *)context;
	own_thread_of = hsm;
	while (!is_stopping(hsm)) {
		wait_and_serve(hsm);
		settle(hsm);
	}
	return NULL;
}

/* Life. */

static void release(struct hsm **hsm)
{
	struct hsm *gone = TAKE(*hsm);
	if (gone == NULL)
		return;
	channel_close(&gone->channel);
	remote_slots_cleanup(&gone->slots);
	if (gone->wake_fd >= 0)
		(void)close(gone->wake_fd);
	(void)pthread_cond_destroy(&gone->written);
	(void)pthread_mutex_destroy(&gone->lock);
	mem_free(gone);
}

static struct err prepare(struct hsm *hsm, const struct hsm_remote_options *options)
{
	*hsm = (struct hsm){
		.address = {.sun_family = AF_UNIX},
		.expected_uid = options->expected_uid,
		.clock = options->clock,
		.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.channel = {.fd = -1},
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.written = PTHREAD_COND_INITIALIZER,
		.status = {.condition = HSM_CONNECTING, .last_error = ERR(E_HSM_AWAY)},
	};
	hsm->reconnect_min_ms =
		options->reconnect_min_ms ? options->reconnect_min_ms : RECONNECT_MIN_DEFAULT_MS;
	hsm->reconnect_max_ms =
		options->reconnect_max_ms ? options->reconnect_max_ms : RECONNECT_MAX_DEFAULT_MS;
	hsm->backoff_ms = hsm->reconnect_min_ms;
	hsm->lost_at_ms = now_ms(hsm);
	if (hsm->wake_fd < 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	uint32_t max = options->in_flight_max ? options->in_flight_max : IN_FLIGHT_DEFAULT;
	REQUIRE(max <= HSM_REMOTE_IN_FLIGHT_MAX, E_BOUNDS);
	TRY(text_copy(hsm->address.sun_path, sizeof hsm->address.sun_path,
		      view_of_text(options->socket_path)));
	return remote_slots_init(&hsm->slots, max);
}

NODISCARD struct err hsm_remote_open(const struct hsm_remote_options *options, struct hsm **out)
{
	*out = NULL;
	struct hsm *raw = NULL;
	TRY(MEM_NEW(&raw));
	CLEANUP(release) struct hsm *hsm = raw;
	TRY(prepare(hsm, options));
	hsm_figures_name();
	int failed = pthread_create(&hsm->thread, NULL, run, hsm);
	if (failed != 0)
		return ERR_DETAIL(E_SYSTEM, failed);
	*out = TAKE(hsm);
	return OK;
}

void hsm_status(struct hsm *hsm, struct hsm_status *out)
{
	LOCK_SCOPE(&hsm->lock);
	*out = hsm->status;
	out->operations = hsm->operations;
	out->failures = hsm->failures;
	bool away = hsm->phase != PHASE_ONLINE && hsm->met &&
		    now_ms(hsm) - hsm->lost_at_ms > BREAKER_MS;
	out->condition = away ? HSM_AWAY : out->condition;
}

void hsm_close(struct hsm **hsm)
{
	if (*hsm == NULL)
		return;
	{
		LOCK_SCOPE(&(*hsm)->lock);
		(*hsm)->stopping = true;
		wake(*hsm);
	}
	(void)pthread_join((*hsm)->thread, NULL);
	for (uint32_t i = 0; i < (*hsm)->slots.max; i++)
		if ((*hsm)->slots.slots[i].op != NULL)
			end_later(*hsm, &(*hsm)->slots.slots[i], ERR(E_CANCELLED));
	end_list(*hsm);
	release(hsm);
}
