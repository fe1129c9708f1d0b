/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of every verb at the limits of hsm.h, for tests of the process protocol. */
#ifndef HOLDFAST_TESTS_TOKEN_SAMPLE_H
#define HOLDFAST_TESTS_TOKEN_SAMPLE_H

#include "hsm/wire.h"

/* What no frame may carry that is not made for a plaintext; fills every sample plaintext. */
#define SAMPLE_PLAINTEXT_BYTE 0xa7

/* The inputs of `verb` as large as they may be; deadline and tag set. sample_cleanup(). */
void sample_request(struct hsm_op *op, enum hsm_verb verb);

/* The outputs that belong to op's inputs, as large as they may be. */
void sample_outputs(struct hsm_op *op);

/* Outputs, and the plaintext of the inputs. */
void sample_cleanup(struct hsm_op *op);

/* A whole frame, appended to `out`. */
void sample_request_frame(const struct hsm_op *op, struct buf *out);
void sample_reply_frame(const struct hsm_op *op, struct err result, struct buf *out);

/* The parts of a whole frame. */
struct err sample_cut(struct view bytes, struct wire_frame *out);

/* Makes the head tell of a frame of `len` bytes, with as much of the plaintext as fits. */
void sample_shorten(struct buf *bytes, size_t plaintext_len, size_t len);

#endif
