/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/token/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#define RECEIVES_MAX 4 /* in a row; then it is another connection's turn */

static int64_t now_ms(const struct connection *c)
{
	return clock_steady_ms(c->host->clock);
}

static struct err say_hello(struct connection *c)
{
	struct channel_room room;
	TRY(channel_room(&c->channel, wire_hello_size(), &room));
	wire_hello_write(&room.wire);
	return channel_commit(&c->channel, &room);
}

NODISCARD struct err connection_tell_status(struct connection *c)
{
	struct channel_room room;
	TRY(channel_room(&c->channel, wire_status_size(&c->host->status), &room));
	wire_status_write(&c->host->status, &room.wire);
	return channel_commit(&c->channel, &room);
}

NODISCARD struct err connection_tell_figures(struct connection *c)
{
	struct channel_room room;
	if ((c->features & WIRE_FEATURE_FIGURES) == 0)
		return OK;
	TRY(channel_room(&c->channel, wire_figures_size(&c->host->figures), &room));
	wire_figures_write(&c->host->figures, &room.wire);
	return channel_commit(&c->channel, &room);
}

void connection_free(struct connection **c)
{
	struct connection *gone = TAKE(*c);
	if (gone == NULL)
		return;
	channel_close(&gone->channel);
	mem_free(gone);
}

static void peer_note(struct connection *c, int fd)
{
	struct ucred peer = {0};
	socklen_t len = sizeof peer;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return;
	c->uid = peer.uid;
	c->pid = peer.pid;
}

NODISCARD struct err connection_open(struct connection_host *host, int fd, struct connection **out)
{
	*out = NULL;
	struct connection *raw = NULL;
	struct err e = MEM_NEW(&raw);
	if (err_failed(e)) {
		(void)close(fd);
		return e;
	}
	CLEANUP(connection_free) struct connection *c = raw;
	c->host = host;
	TRY(channel_open(&c->channel, fd));
	peer_note(c, fd);
	c->opened_ms = c->in_moved_ms = c->out_moved_ms = now_ms(c);
	TRY(say_hello(c));
	TRY(connection_tell_status(c));
	*out = TAKE(c);
	return OK;
}

/* In. */

bool connection_may_read(const struct connection *c)
{
	const struct connection_host *host = c->host;
	if (!c->greeted)
		return !host->draining;
	return !host->draining && host->status.condition != HSM_CONNECTING &&
	       c->in_flight < host->in_flight_max &&
	       c->in_flight_bytes < CONNECTION_IN_FLIGHT_BYTES_MAX &&
	       c->channel.out_bytes < CONNECTION_OUT_BYTES_MAX;
}

static struct err answer(struct connection *c, const struct hsm_op *op, struct err result)
{
	struct channel_room room;
	TRY(channel_room(&c->channel, wire_reply_size(op, result), &room));
	wire_reply_write(op, result, &room.wire);
	return channel_commit(&c->channel, &room);
}

static bool is_ours(struct err e)
{
	return err_is(e, E_NOMEM) || err_is(e, E_LOCKED_MEMORY);
}

static struct err request_take(struct connection *c, const struct wire_frame *frame)
{
	struct connection_host *host = c->host;
	CLEANUP(job_free) struct job *job = NULL;
	struct hsm_op refused = {.verb = (enum hsm_verb)frame->head.verb, .tag = frame->head.tag};
	struct err e = job_new(frame, now_ms(c), &job);
	if (is_ours(e))
		return answer(c, &refused, e);
	TRY(e);
	if (host->hsm == NULL)
		return answer(c, &refused,
			      err_failed(host->status.last_error) ? host->status.last_error
								  : ERR(E_HSM_AWAY));
	job->connection = c;
	c->in_flight++;
	c->in_flight_bytes += job->weight;
	host->in_flight++;
	job_submit(TAKE(job), host->hsm, &host->outbox);
	return OK;
}

static struct err frame_take(struct connection *c, const struct wire_frame *frame)
{
	if (c->greeted)
		return request_take(c, frame);
	TRY(wire_hello_read(frame));
	c->greeted = true;
	c->features = frame->head.tag;
	return connection_tell_figures(c);
}

NODISCARD struct err connection_resume(struct connection *c)
{
	struct wire_frame frame;
	bool got = true;
	while (connection_may_read(c)) {
		TRY(channel_next(&c->channel, &frame, &got));
		if (!got)
			break;
		TRY(frame_take(c, &frame));
		c->in_moved_ms = now_ms(c);
	}
	if (got || !channel_in_frame(&c->channel))
		c->in_moved_ms = now_ms(c);
	return OK;
}

NODISCARD struct err connection_read(struct connection *c)
{
	for (int i = 0; i < RECEIVES_MAX && connection_may_read(c); i++) {
		struct err e = channel_receive(&c->channel);
		if (err_is(e, E_WOULD_BLOCK))
			return OK;
		TRY(e);
		TRY(connection_resume(c));
	}
	return OK;
}

/* Out. */

NODISCARD struct err connection_reply(struct connection *c, struct job **job)
{
	CLEANUP(job_free) struct job *ended = TAKE(*job);
	c->in_flight--;
	c->in_flight_bytes -= ended->weight;
	c->host->in_flight--;
	if (!connection_is_open(c))
		return OK;
	struct err result = ended->result;
	if (!err_failed(result))
		result = wire_reply_check(&ended->request.op);
	ended->request.op.tag = ended->tag;
	return answer(c, &ended->request.op, result);
}

NODISCARD struct err connection_flush(struct connection *c)
{
	size_t before = c->channel.out_bytes;
	TRY(channel_flush(&c->channel));
	if (c->channel.out_bytes < before || c->channel.out_bytes == 0)
		c->out_moved_ms = now_ms(c);
	return OK;
}

NODISCARD struct err connection_check(const struct connection *c)
{
	int64_t now = now_ms(c);
	REQUIRE(c->greeted || now - c->opened_ms <= CONNECTION_GREETING_MAX_MS, E_HSM_TIMEOUT);
	REQUIRE(c->channel.out_bytes == 0 || now - c->out_moved_ms <= CONNECTION_STALL_MAX_MS,
		E_HSM_TIMEOUT);
	REQUIRE(!connection_may_read(c) || !channel_in_frame(&c->channel) ||
			now - c->in_moved_ms <= CONNECTION_STALL_MAX_MS,
		E_HSM_TIMEOUT);
	return OK;
}

/* The end of the stream is how connections end; only the rest needs somebody's attention. */
void connection_close(struct connection *c, struct err why)
{
	if (err_is(why, E_HSM_AWAY) || err_is(why, E_CANCELLED))
		log_event(LOG_INFO, "connection.closed", LOG_NUMBER("pid", c->pid),
			  LOG_NUMBER("uid", c->uid), LOG_NUMBER("in_flight", c->in_flight),
			  LOG_TEXT("by", err_is(why, E_CANCELLED) ? "us" : "the peer"));
	else
		log_event(LOG_WARNING, "connection.closed", LOG_NUMBER("pid", c->pid),
			  LOG_NUMBER("uid", c->uid), LOG_NUMBER("in_flight", c->in_flight),
			  LOG_ERR(why));
	channel_close(&c->channel);
}
