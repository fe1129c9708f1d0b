/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields that requests and replies are made of: one row each, with its bounds, its size and
 * both directions. Internal to the process protocol; verbs choose their fields in wire.c.
 */
#ifndef HOLDFAST_HSM_WIRE_FIELD_H
#define HOLDFAST_HSM_WIRE_FIELD_H

#include "base/reader.h"
#include "base/writer.h"
#include "hsm/wire.h"

/* Where a field is read to; `messages` becomes the owner of the array behind op->messages, and is
 * NULL for replies. */
struct wire_target {
	struct hsm_op *op;
	struct view **messages;
};

/*
 * holds  whether the field's value in the operation keeps to the bounds of hsm.h
 * get    reads and allocates within those bounds; the caller ends with holds() and reader_end()
 */
struct wire_field {
	bool (*holds)(const struct hsm_op *op);
	size_t (*size)(const struct hsm_op *op);
	void (*put)(const struct hsm_op *op, struct writer *w);
	struct err (*get)(struct reader *r, struct wire_target *to);
};

extern const struct wire_field wire_field_from;
extern const struct wire_field wire_field_to;
extern const struct wire_field wire_field_key; /* from.key alone */
extern const struct wire_field wire_field_sealed_in;
extern const struct wire_field wire_field_length;
extern const struct wire_field wire_field_want;
extern const struct wire_field wire_field_messages;
extern const struct wire_field wire_field_cursor;
extern const struct wire_field wire_field_object;
extern const struct wire_field wire_field_sealed;
extern const struct wire_field wire_field_macs;
extern const struct wire_field wire_field_objects;
/* wire_evidence.c */
extern const struct wire_field wire_field_digest;
extern const struct wire_field wire_field_signature;
extern const struct wire_field wire_field_point;
extern const struct wire_field wire_field_attributes;
extern const struct wire_field wire_field_prefix; /* of the anchor */
extern const struct wire_field wire_field_anchor; /* its epoch and digest */

/* A text behind its 16-bit length. E_HSM_PROTOCOL when it does not fit or has a NUL. */
NODISCARD struct err wire_text_get(struct reader *r, char *dst, size_t cap);

/* What wire.c shares: heads, and errors as numbers. An error that does not cross is E_BUG's. */
void wire_head_write(struct writer *w, const struct wire_head *head);
bool wire_is_plain(const struct wire_frame *frame, enum wire_kind kind);
uint8_t wire_code_number(enum err_code code);
bool wire_code_of(uint8_t number, enum err_code *out); /* false: there is no such number */

#endif
