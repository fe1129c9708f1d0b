/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames in and out over one non-blocking stream socket: bounded input, coalesced output. Head and
 * plaintext of every frame stay in struct secret on both ways; a body too long for a chunk has a
 * buffer of its own. What the bytes mean: wire.h.
 *
 * The input half and the output half share nothing but `fd`. Within the output half, bytes that
 * channel_pending() showed may be sent without a lock while others append; channel_sent() and
 * everything else needs the owner's lock.
 */
#ifndef HOLDFAST_HSM_CHANNEL_H
#define HOLDFAST_HSM_CHANNEL_H

#include <sys/uio.h>

#include "hsm/wire.h"

#define CHANNEL_CHUNK SECRET_MAX
#define CHANNEL_IOV_MAX 16

struct channel_block;

struct channel {
	int fd; /* owned */

	/* in */
	struct secret *in;
	size_t at;
	size_t end;
	struct wire_head large; /* of the frame whose body is in large_body */
	struct buf large_body;
	enum {
		CHANNEL_LARGE_NONE,
		CHANNEL_LARGE_FILLING,
		CHANNEL_LARGE_SHOWN, /* handed out by the last channel_next() */
	} large_state;

	/* out */
	struct channel_block *first;
	struct channel_block *last;
	struct channel_block *spare;
	size_t out_bytes;
};

/* Takes the descriptor in any case. E_NOMEM, E_LOCKED_MEMORY. */
NODISCARD struct err channel_open(struct channel *ch, int fd);

/* Wipes and frees everything, closes the descriptor. Safe on a zeroed channel with fd -1. */
void channel_close(struct channel *ch);

/*
 * Reads once. E_WOULD_BLOCK when there is nothing, E_HSM_AWAY at the end of the stream or when the
 * connection is broken (detail: errno, 0 for the end), E_NOMEM.
 */
NODISCARD struct err channel_receive(struct channel *ch);

/*
 * The next whole frame of what was received; *got false when there is none. Its views hold until
 * the next call on this channel's input. E_HSM_PROTOCOL: close the connection; E_NOMEM.
 */
NODISCARD struct err channel_next(struct channel *ch, struct wire_frame *frame, bool *got);

/* Whether a frame has begun and not ended. */
bool channel_in_frame(const struct channel *ch);

/* Room for one frame; write through `wire`, then channel_commit(). Not to be copied. */
struct channel_room {
	struct wire_room wire;
	struct writer front;
	struct writer rest;
	struct channel_block *front_block;
	struct channel_block *rest_block; /* NULL: the body follows in front_block */
};

/* E_NOMEM, E_LOCKED_MEMORY; then nothing is to be committed. */
NODISCARD struct err channel_room(struct channel *ch, struct wire_size size,
				  struct channel_room *room);

/* Queues what was written, or drops it and fails with E_BUG when it is not what was announced. */
NODISCARD struct err channel_commit(struct channel *ch, struct channel_room *room);

/* Bytes queued, as at most CHANNEL_IOV_MAX parts; returns the number of parts. */
size_t channel_pending(const struct channel *ch, struct iovec iov[CHANNEL_IOV_MAX]);

/* Forgets (and wipes) the first n bytes queued. */
void channel_sent(struct channel *ch, size_t n);

/* One sendmsg(2) of parts: bytes sent; E_WOULD_BLOCK, E_HSM_AWAY. */
NODISCARD struct err channel_write(int fd, struct iovec *iov, size_t count, size_t *sent);

/* Sends what is queued until the socket takes no more (which is no failure). E_HSM_AWAY. */
NODISCARD struct err channel_flush(struct channel *ch);

#endif
