/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process protocol between hsm/remote.c and holdfast-token, as bytes: frames, and in them the
 * requests and replies of hsm.h. Pure: no socket, no clock, no thread. Moving them: channel.h.
 *
 *   length 4 | version 1 | kind 1 | verb 1 | flags 1 | tag 8 | deadline 8 | plaintext length 2
 *   | plaintext | body
 *
 * Big-endian. `length` counts what follows it. The plaintext stands first and alone, so that every
 * byte of it can be kept in locked memory while a long body is not; a frame has one only where
 * hsm.h says so (SEAL's request, the replies of OPEN and RANDOM, and of GENERATE_SEALED when it was
 * wanted), and with another one it is refused. Each side opens with HELLO; the token's side goes on
 * with STATUS, and sends STATUS again whenever it changes.
 *
 * What came after the first edition of version 1 is a feature: the tag of HELLO has the bits of
 * those that its sender knows (the first edition sent 0 there and does not look), and nobody is
 * sent what he does not know.
 */
#ifndef HOLDFAST_HSM_WIRE_H
#define HOLDFAST_HSM_WIRE_H

#include "base/writer.h"
#include "hsm/figures.h"

#define WIRE_VERSION 1
#define WIRE_HEAD_LEN 26
#define WIRE_FRONT_MAX (WIRE_HEAD_LEN + HSM_PLAINTEXT_MAX) /* head and plaintext */

/* The longest body: HSM_MAC's request, a key and a full batch, each message behind its length; in
 * front of it the request's name. */
#define WIRE_BODY_MAX \
	(LOG_REQUEST_LEN + HSM_KEY_ID_LEN + 2 + 4 * HSM_MAC_BATCH_MAX + HSM_MAC_BYTES_MAX)
#define WIRE_FRAME_MAX (WIRE_FRONT_MAX + WIRE_BODY_MAX)

/* No operation may ask for more time than this from now on. */
#define WIRE_DEADLINE_MAX_MS (600 * 1000)

enum wire_kind {
	WIRE_HELLO = 1,
	WIRE_STATUS,
	WIRE_REQUEST,
	WIRE_REPLY,
	WIRE_FIGURES, /* a feature; from the token's side, now and then */
	WIRE_KIND_COUNT
};

/* FIGURES: takes frames of that kind. NAMES: takes requests with WIRE_FLAG_NAMED. EVIDENCE: knows
 * the verbs from HSM_SIGN to HSM_ANCHOR_RAISE. */
enum wire_feature { WIRE_FEATURE_FIGURES = 1, WIRE_FEATURE_NAMES = 2, WIRE_FEATURE_EVIDENCE = 4 };
#define WIRE_FEATURES (WIRE_FEATURE_FIGURES | WIRE_FEATURE_NAMES | WIRE_FEATURE_EVIDENCE)

/* Of requests: LOG_REQUEST_LEN bytes in front of the body name what the operation is for. */
#define WIRE_FLAG_NAMED 1

/* tag, deadline_ms and verb are of requests and replies (deadline: requests); else 0. The tag of
 * HELLO: its sender's features. */
struct wire_head {
	enum wire_kind kind;
	uint8_t verb;
	uint8_t flags;
	uint64_t tag;
	int64_t deadline_ms; /* on clock_steady_ms() */
	size_t plaintext_len;
	size_t body_len;
};

/* A frame that was received; the views are borrowed from whoever received it. */
struct wire_frame {
	struct wire_head head;
	struct view plaintext;
	struct view body;
};

/* Where a frame is written: head and plaintext to `front`, which must be locked memory when there
 * is a plaintext, the rest to `body`, which may be the same writer. */
struct wire_room {
	struct writer *front;
	struct writer *body;
};

/* How much room a frame needs behind its head. */
struct wire_size {
	size_t plaintext;
	size_t body;
};

/*
 * The head of a frame from its first WIRE_HEAD_LEN bytes (there must be as many). Every length is
 * checked here, before anybody allocates: E_HSM_PROTOCOL; its detail is the version of the peer
 * when that is not ours.
 */
NODISCARD struct err wire_head_read(struct view bytes, struct wire_head *out);

/* HELLO and STATUS. Reading fails with E_HSM_PROTOCOL. */
struct wire_size wire_hello_size(void);
void wire_hello_write(const struct wire_room *room);
NODISCARD struct err wire_hello_read(const struct wire_frame *frame);
struct wire_size wire_status_size(const struct hsm_status *status);
void wire_status_write(const struct hsm_status *status, const struct wire_room *room);
NODISCARD struct err wire_status_read(const struct wire_frame *frame, struct hsm_status *out);

/* FIGURES. Verbs, results and CKRs that the reader does not know are left out. */
struct wire_size wire_figures_size(const struct hsm_figures *figures);
void wire_figures_write(const struct hsm_figures *figures, const struct wire_room *room);
NODISCARD struct err wire_figures_read(const struct wire_frame *frame, struct hsm_figures *out);

/*
 * Requests. wire_request_check() tells whether the operation's inputs keep to hsm.h (E_BOUNDS);
 * size and write are only for those that do.
 */
NODISCARD struct err wire_request_check(const struct hsm_op *op);
uint64_t wire_verb_feature(enum hsm_verb verb); /* what a peer must know for it; 0: nothing */
struct wire_size wire_request_size(const struct hsm_op *op);
void wire_request_write(const struct hsm_op *op, uint64_t tag, const struct wire_room *room);

/*
 * A request as received: an operation ready to submit but for `done` and `user`. Its views borrow
 * from the frame's body, which must outlive it; the plaintext is a copy.
 */
struct wire_request {
	struct hsm_op op;
	struct secret *plaintext;
	struct view *messages;
};

/*
 * E_HSM_PROTOCOL when the bytes are not a request that hsm.h allows, E_NOMEM, E_LOCKED_MEMORY.
 * The deadline is cut to now_ms + WIRE_DEADLINE_MAX_MS. On failure there is nothing to clean up.
 */
NODISCARD struct err wire_request_read(const struct wire_frame *frame, int64_t now_ms,
				       struct wire_request *out);

/* Frees what the request owns, outputs of the operation included; safe twice. */
void wire_request_cleanup(struct wire_request *request);

/* Whether an operation that succeeded has the outputs that hsm.h promises: E_BUG when not; it is
 * then answered with that. */
NODISCARD struct err wire_reply_check(const struct hsm_op *op);

/* Replies: the operation's outputs when `result` is OK, else the error's code and detail alone. */
struct wire_size wire_reply_size(const struct hsm_op *op, struct err result);
void wire_reply_write(const struct hsm_op *op, struct err result, const struct wire_room *room);

/*
 * Fills the outputs of the operation that asked. *result is the operation's result. Fails with
 * E_HSM_PROTOCOL when the bytes are no answer to this operation, E_NOMEM, E_LOCKED_MEMORY; the
 * operation then has no outputs.
 */
NODISCARD struct err wire_reply_read(const struct wire_frame *frame, struct hsm_op *op,
				     struct err *result);

#endif
