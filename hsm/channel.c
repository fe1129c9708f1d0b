/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/channel.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

static_assert(WIRE_FRONT_MAX <= CHANNEL_CHUNK, "head and plaintext fit one chunk");

/* A piece of the output: a locked chunk of many frames, or one long body. */
struct channel_block {
	struct channel_block *next;
	struct secret *chunk; /* or NULL */
	uint8_t *body;        /* or NULL */
	size_t cap;
	size_t len;  /* committed */
	size_t sent; /* of them */
};

static uint8_t *block_ptr(const struct channel_block *b)
{
	return b->chunk != NULL ? b->chunk->ptr : b->body;
}

static void block_free(struct channel_block **b)
{
	struct channel_block *gone = TAKE(*b);
	if (gone == NULL)
		return;
	secret_free(&gone->chunk);
	mem_free(gone->body);
	mem_free(gone);
}

static struct err chunk_new(struct channel *ch, struct channel_block **out)
{
	*out = TAKE(ch->spare);
	if (*out != NULL)
		return OK;
	CLEANUP(block_free) struct channel_block *b = NULL;
	TRY(MEM_NEW(&b));
	TRY(secret_new(CHANNEL_CHUNK, &b->chunk));
	b->cap = CHANNEL_CHUNK;
	*out = TAKE(b);
	return OK;
}

static struct err body_new(size_t cap, struct channel_block **out)
{
	CLEANUP(block_free) struct channel_block *b = NULL;
	TRY(MEM_NEW(&b));
	TRY(MEM_NEW_ARRAY(cap, &b->body));
	b->cap = cap;
	*out = TAKE(b);
	return OK;
}

NODISCARD struct err channel_open(struct channel *ch, int fd)
{
	*ch = (struct channel){.fd = fd};
	buf_init(&ch->large_body, WIRE_BODY_MAX);
	struct err e = secret_new(CHANNEL_CHUNK, &ch->in);
	if (err_failed(e))
		channel_close(ch);
	return e;
}

void channel_close(struct channel *ch)
{
	while (ch->first != NULL) {
		struct channel_block *b = ch->first;
		ch->first = b->next;
		block_free(&b);
	}
	ch->last = NULL;
	block_free(&ch->spare);
	secret_free(&ch->in);
	buf_cleanup(&ch->large_body);
	if (ch->fd >= 0)
		(void)close(ch->fd);
	*ch = (struct channel){.fd = -1};
}

/* In. */

static struct err receive_into(int fd, uint8_t *dst, size_t cap, size_t *n)
{
	*n = 0;
	ssize_t got = recv(fd, dst, cap, MSG_DONTWAIT);
	if (got > 0) {
		*n = (size_t)got;
		return OK;
	}
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return ERR(E_WOULD_BLOCK);
	return ERR_DETAIL(E_HSM_AWAY, got < 0 ? errno : 0);
}

NODISCARD struct err channel_receive(struct channel *ch)
{
	size_t n = 0;
	struct buf *body = &ch->large_body;
	if (ch->large_state == CHANNEL_LARGE_FILLING) {
		TRY(receive_into(ch->fd, body->ptr + body->len, ch->large.body_len - body->len,
				 &n));
		body->len += n;
		return OK;
	}
	ENSURE(ch->end < ch->in->cap);
	TRY(receive_into(ch->fd, ch->in->ptr + ch->end, ch->in->cap - ch->end, &n));
	ch->end += n;
	return OK;
}

/* Moves what is left to the start and wipes what was consumed. */
static void compact(struct channel *ch)
{
	if (ch->at == 0)
		return;
	size_t left = ch->end - ch->at;
	mem_move(ch->in->ptr, ch->in->cap, ch->in->ptr + ch->at, left);
	mem_wipe(ch->in->ptr + left, ch->end - left);
	ch->at = 0;
	ch->end = left;
}

/* The plaintext stays where it is, in the locked chunk; the body gets a buffer. */
static struct err large_begin(struct channel *ch, const struct wire_head *head)
{
	size_t front = WIRE_HEAD_LEN + head->plaintext_len;
	if (ch->end - ch->at < front) {
		compact(ch);
		return OK;
	}
	size_t begun = ch->end - ch->at - front;
	TRY(buf_reserve(&ch->large_body, head->body_len));
	TRY(buf_append(&ch->large_body, view_of(ch->in->ptr + ch->at + front, begun)));
	mem_wipe(ch->in->ptr + ch->at + front, begun);
	ch->end -= begun;
	ch->large = *head;
	ch->large_state = CHANNEL_LARGE_FILLING;
	return OK;
}

static void large_show(struct channel *ch, struct wire_frame *frame, bool *got)
{
	if (ch->large_body.len < ch->large.body_len)
		return;
	frame->head = ch->large;
	frame->plaintext = view_of(ch->in->ptr + ch->at + WIRE_HEAD_LEN, ch->large.plaintext_len);
	frame->body = buf_view(&ch->large_body);
	ch->large_state = CHANNEL_LARGE_SHOWN;
	*got = true;
}

static void large_end(struct channel *ch)
{
	ch->at += WIRE_HEAD_LEN + ch->large.plaintext_len;
	ch->large_state = CHANNEL_LARGE_NONE;
	buf_cleanup(&ch->large_body);
}

static struct err small_next(struct channel *ch, struct wire_frame *frame, bool *got)
{
	struct view rest = view_of(ch->in->ptr + ch->at, ch->end - ch->at);
	if (rest.len < WIRE_HEAD_LEN) {
		compact(ch);
		return OK;
	}
	struct wire_head head;
	TRY(wire_head_read(rest, &head));
	size_t whole = WIRE_HEAD_LEN + head.plaintext_len + head.body_len;
	if (whole > ch->in->cap)
		return large_begin(ch, &head);
	if (rest.len < whole) {
		compact(ch);
		return OK;
	}
	frame->head = head;
	frame->plaintext = view_part(rest, WIRE_HEAD_LEN, head.plaintext_len);
	frame->body = view_part(rest, WIRE_HEAD_LEN + head.plaintext_len, head.body_len);
	ch->at += whole;
	*got = true;
	return OK;
}

NODISCARD struct err channel_next(struct channel *ch, struct wire_frame *frame, bool *got)
{
	*got = false;
	if (ch->large_state == CHANNEL_LARGE_SHOWN)
		large_end(ch);
	if (ch->large_state == CHANNEL_LARGE_NONE)
		return small_next(ch, frame, got);
	large_show(ch, frame, got);
	return OK;
}

bool channel_in_frame(const struct channel *ch)
{
	return ch->large_state == CHANNEL_LARGE_FILLING || ch->end > ch->at;
}

/* Out. */

static void writers_begin(struct channel_room *room)
{
	struct channel_block *front = room->front_block;
	struct channel_block *rest = room->rest_block;
	writer_init(&room->front, front->chunk->ptr + front->len, front->cap - front->len);
	room->wire.front = &room->front;
	room->wire.body = &room->front;
	if (rest == NULL)
		return;
	writer_init(&room->rest, rest->body, rest->cap);
	room->wire.body = &room->rest;
}

NODISCARD struct err channel_room(struct channel *ch, struct wire_size size,
				  struct channel_room *room)
{
	*room = (struct channel_room){0};
	ENSURE(size.plaintext <= HSM_PLAINTEXT_MAX && size.body <= WIRE_BODY_MAX);
	size_t front = WIRE_HEAD_LEN + size.plaintext;
	bool split = front + size.body > CHANNEL_CHUNK;
	size_t need = split ? front : front + size.body;
	CLEANUP(block_free) struct channel_block *rest = NULL;
	if (split)
		TRY(body_new(size.body, &rest));
	struct channel_block *last = ch->last;
	bool fits = last != NULL && last->chunk != NULL && last->cap - last->len >= need;
	if (fits)
		room->front_block = last;
	else
		TRY(chunk_new(ch, &room->front_block));
	room->rest_block = TAKE(rest);
	writers_begin(room);
	return OK;
}

static void queue(struct channel *ch, struct channel_block *b)
{
	if (ch->last != NULL)
		ch->last->next = b;
	else
		ch->first = b;
	ch->last = b;
}

static void room_drop(struct channel *ch, struct channel_room *room)
{
	if (room->front_block != ch->last)
		block_free(&room->front_block);
	block_free(&room->rest_block);
}

NODISCARD struct err channel_commit(struct channel *ch, struct channel_room *room)
{
	struct channel_block *rest = room->rest_block;
	struct err front_end = writer_end(&room->front);
	struct err rest_end = rest ? writer_end(&room->rest) : OK;
	if (err_failed(front_end) || err_failed(rest_end) ||
	    (rest != NULL && room->rest.len != rest->cap)) {
		mem_wipe(room->front.ptr, room->front.len);
		room_drop(ch, room);
		return ERR(E_BUG);
	}
	room->front_block->len += room->front.len;
	ch->out_bytes += room->front.len;
	if (room->front_block != ch->last)
		queue(ch, room->front_block);
	if (rest != NULL) {
		rest->len = room->rest.len;
		ch->out_bytes += rest->len;
		queue(ch, rest);
	}
	return OK;
}

size_t channel_pending(const struct channel *ch, struct iovec iov[CHANNEL_IOV_MAX])
{
	size_t count = 0;
	for (struct channel_block *b = ch->first; b != NULL && count < CHANNEL_IOV_MAX; b = b->next)
		if (b->len > b->sent)
			iov[count++] = (struct iovec){block_ptr(b) + b->sent, b->len - b->sent};
	return count;
}

/* Takes the first block off the queue; one chunk is kept for the next frame. */
static void first_end(struct channel *ch)
{
	struct channel_block *b = ch->first;
	ch->first = b->next;
	if (ch->first == NULL)
		ch->last = NULL;
	if (b->chunk == NULL || ch->spare != NULL) {
		block_free(&b);
		return;
	}
	mem_wipe(b->chunk->ptr, b->len);
	b->next = NULL;
	b->len = b->sent = 0;
	ch->spare = b;
}

void channel_sent(struct channel *ch, size_t n)
{
	ch->out_bytes -= n;
	while (ch->first != NULL) {
		struct channel_block *b = ch->first;
		size_t part = MIN_OF(n, b->len - b->sent);
		b->sent += part;
		n -= part;
		if (b->sent < b->len)
			return;
		first_end(ch);
	}
}

NODISCARD struct err channel_write(int fd, struct iovec *iov, size_t count, size_t *sent)
{
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = count};
	*sent = 0;
	ssize_t n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n >= 0) {
		*sent = (size_t)n;
		return OK;
	}
	if (errno == EAGAIN || errno == EINTR)
		return ERR(E_WOULD_BLOCK);
	return ERR_DETAIL(E_HSM_AWAY, errno);
}

NODISCARD struct err channel_flush(struct channel *ch)
{
	struct iovec iov[CHANNEL_IOV_MAX];
	for (size_t count = channel_pending(ch, iov); count > 0; count = channel_pending(ch, iov)) {
		size_t sent = 0;
		struct err e = channel_write(ch->fd, iov, count, &sent);
		if (err_is(e, E_WOULD_BLOCK))
			return OK;
		TRY(e);
		channel_sent(ch, sent);
	}
	return OK;
}
