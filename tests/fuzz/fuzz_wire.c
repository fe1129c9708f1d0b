/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process protocol against a hostile peer. First byte: what the rest is taken for (a request, a
 * reply to a verb, a greeting, a stream in pieces). What is accepted must encode to the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "hsm/channel.h"

#define NOW_MS 1000000
#define HEAD_COMPARED 16 /* behind it stands the deadline, which the receiver may cut */
#define PIECES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool cut(struct view bytes, struct wire_frame *out)
{
	if (bytes.len < WIRE_HEAD_LEN || err_failed(wire_head_read(bytes, &out->head)))
		return false;
	size_t front = WIRE_HEAD_LEN + out->head.plaintext_len;
	if (bytes.len != front + out->head.body_len)
		return false;
	out->plaintext = view_part(bytes, WIRE_HEAD_LEN, out->head.plaintext_len);
	out->body = view_part(bytes, front, out->head.body_len);
	return true;
}

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static void same(const struct wire_frame *frame, const struct buf *again)
{
	size_t front = WIRE_HEAD_LEN + frame->plaintext.len;
	demand(again->len == front + frame->body.len);
	demand(view_equal(view_part(buf_view(again), WIRE_HEAD_LEN, frame->plaintext.len),
			  frame->plaintext));
	demand(view_equal(view_part(buf_view(again), front, frame->body.len), frame->body));
}

static void try_request(struct view bytes)
{
	struct wire_frame frame;
	struct wire_request request;
	struct buf again;
	struct writer w;
	if (!cut(bytes, &frame) || err_failed(wire_request_read(&frame, NOW_MS, &request)))
		return;
	demand(!err_failed(wire_request_check(&request.op)));
	buf_init(&again, WIRE_FRAME_MAX);
	writer_init_buf(&w, &again);
	wire_request_write(&request.op, frame.head.tag, &(struct wire_room){&w, &w});
	demand(!err_failed(writer_end(&w)));
	same(&frame, &again);
	demand(view_equal(view_part(bytes, 0, HEAD_COMPARED),
			  view_part(buf_view(&again), 0, HEAD_COMPARED)));
	buf_cleanup(&again);
	wire_request_cleanup(&request);
}

/* An operation that could have asked for this, as far as the frame tells. */
static void asker(const struct wire_frame *frame, struct hsm_op *op, struct secret *plaintext)
{
	static uint8_t room[HSM_PLAINTEXT_MAX + HSM_SEALED_OVERHEAD];
	*op = (struct hsm_op){.verb = (enum hsm_verb)frame->head.verb, .plaintext = plaintext};
	op->sealed_in = view_of(room, HSM_SEALED_OVERHEAD + frame->head.plaintext_len);
	op->length = frame->head.plaintext_len;
	op->want_plaintext = frame->head.plaintext_len > 0;
	op->message_count = frame->head.body_len / HSM_MAC_LEN;
	plaintext->len = 4;
}

static void try_reply(struct view bytes)
{
	struct wire_frame frame;
	struct hsm_op op;
	struct err result = OK;
	struct secret *plaintext = NULL;
	if (!cut(bytes, &frame) || frame.head.verb == 0 || frame.head.verb >= HSM_VERB_COUNT ||
	    err_failed(secret_new(4, &plaintext)))
		return;
	asker(&frame, &op, plaintext);
	if (!err_failed(wire_reply_read(&frame, &op, &result)) && !err_failed(result)) {
		struct buf again;
		struct writer w;
		demand(!err_failed(wire_reply_check(&op)));
		buf_init(&again, WIRE_FRAME_MAX);
		writer_init_buf(&w, &again);
		wire_reply_write(&op, OK, &(struct wire_room){&w, &w});
		same(&frame, &again);
		buf_cleanup(&again);
	}
	hsm_op_cleanup(&op);
	secret_free(&plaintext);
}

static void try_greeting(struct view bytes)
{
	struct wire_frame frame;
	struct hsm_status status;
	static struct hsm_figures figures;
	if (!cut(bytes, &frame))
		return;
	struct err e = wire_hello_read(&frame);
	if (err_failed(e))
		e = wire_status_read(&frame, &status);
	if (err_failed(e))
		e = wire_figures_read(&frame, &figures);
	demand(!err_failed(e) || err_is(e, E_HSM_PROTOCOL));
}

static void take_frames(struct channel *channel, bool *open)
{
	struct wire_frame frame;
	struct wire_request request;
	bool got = true;
	while (got && *open) {
		*open = !err_failed(channel_next(channel, &frame, &got));
		if (got && *open && !err_failed(wire_request_read(&frame, NOW_MS, &request)))
			wire_request_cleanup(&request);
	}
}

static void try_stream(struct view bytes)
{
	int fds[2];
	struct channel channel;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
		return;
	struct channel peer = {.fd = fds[1]};
	bool open = !err_failed(channel_open(&channel, fds[0]));
	size_t piece = 1 + bytes.len / (bytes.len > 0 ? 1 + bytes.ptr[0] % PIECES_MAX : 1);
	for (size_t at = 0; at < bytes.len && open; at += piece) {
		struct view part = view_part(bytes, at, piece);
		demand(send(fds[1], part.ptr, part.len, 0) == (ssize_t)part.len);
		while (open && !err_failed(channel_receive(&channel)))
			take_frames(&channel, &open);
	}
	channel_close(&channel);
	channel_close(&peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const ways[])(struct view bytes) = {try_request, try_reply, try_greeting,
							  try_stream};
	if (size > 0)
		ways[data[0] % ARRAY_LEN(ways)](view_of(data + 1, size - 1));
	return 0;
}
