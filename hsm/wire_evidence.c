/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of the verbs for evidence: digests and signatures, points, attributes, anchors. */
#include "base/mem.h"
#include "base/text.h"
#include "hsm/wire_field.h"

#define ATTRIBUTES_ALL ((1U << HSM_ATTRIBUTE_COUNT) - 1)
#define ANCHOR_LEN (8 + HSM_ANCHOR_DIGEST_LEN)

_Static_assert(HSM_ATTRIBUTE_COUNT < 32, "attributes are bits of 32");

static bool any_holds(const struct hsm_op *op)
{
	(void)op;
	return true;
}

/* Bytes of a fixed number. */

static size_t digest_size(const struct hsm_op *op)
{
	return sizeof op->digest;
}

static void digest_put(const struct hsm_op *op, struct writer *w)
{
	writer_bytes(w, VIEW_ARRAY(op->digest));
}

static struct err digest_get(struct reader *r, struct wire_target *to)
{
	reader_copy(r, to->op->digest, sizeof to->op->digest);
	return OK;
}

const struct wire_field wire_field_digest = {any_holds, digest_size, digest_put, digest_get};

static size_t signature_size(const struct hsm_op *op)
{
	return sizeof op->signature;
}

static void signature_put(const struct hsm_op *op, struct writer *w)
{
	writer_bytes(w, VIEW_ARRAY(op->signature));
}

static struct err signature_get(struct reader *r, struct wire_target *to)
{
	reader_copy(r, to->op->signature, sizeof to->op->signature);
	return OK;
}

const struct wire_field wire_field_signature = {any_holds, signature_size, signature_put,
						signature_get};

/* SEC 1 §2.3.3: 4 stands in front of an uncompressed point. */
static bool point_holds(const struct hsm_op *op)
{
	return op->point[0] == 4;
}

static size_t point_size(const struct hsm_op *op)
{
	return sizeof op->point;
}

static void point_put(const struct hsm_op *op, struct writer *w)
{
	writer_bytes(w, VIEW_ARRAY(op->point));
}

static struct err point_get(struct reader *r, struct wire_target *to)
{
	reader_copy(r, to->op->point, sizeof to->op->point);
	return OK;
}

const struct wire_field wire_field_point = {point_holds, point_size, point_put, point_get};

/* Attributes. */

static bool attributes_holds(const struct hsm_op *op)
{
	const struct hsm_attributes *a = &op->attributes;
	return (a->known & ~ATTRIBUTES_ALL) == 0 && (a->set & ~a->known) == 0 &&
	       view_find(VIEW_ARRAY(a->key_type), 0) < sizeof a->key_type &&
	       view_find(VIEW_ARRAY(a->answered_by), 0) < sizeof a->answered_by;
}

static size_t attributes_size(const struct hsm_op *op)
{
	return 3 * 4 + 2 + view_of_text(op->attributes.key_type).len + 2 +
	       view_of_text(op->attributes.answered_by).len;
}

static void attributes_put(const struct hsm_op *op, struct writer *w)
{
	writer_u32(w, op->attributes.known);
	writer_u32(w, op->attributes.set);
	writer_u32(w, op->attributes.bits);
	writer_block16(w, view_of_text(op->attributes.key_type));
	writer_block16(w, view_of_text(op->attributes.answered_by));
}

static struct err attributes_get(struct reader *r, struct wire_target *to)
{
	struct hsm_attributes a = {.known = reader_u32(r)};
	a.set = reader_u32(r);
	a.bits = reader_u32(r);
	TRY(wire_text_get(r, a.key_type, sizeof a.key_type));
	TRY(wire_text_get(r, a.answered_by, sizeof a.answered_by));
	to->op->attributes = a;
	return OK;
}

const struct wire_field wire_field_attributes = {attributes_holds, attributes_size, attributes_put,
						 attributes_get};

/* Anchors: the prefix is of requests alone, so that an answer cannot be another installation's. */

static bool prefix_holds(const struct hsm_op *op)
{
	size_t len = view_find(VIEW_ARRAY(op->anchor.prefix), 0);
	return len >= 1 && len < sizeof op->anchor.prefix;
}

static size_t prefix_size(const struct hsm_op *op)
{
	return 2 + view_of_text(op->anchor.prefix).len;
}

static void prefix_put(const struct hsm_op *op, struct writer *w)
{
	writer_block16(w, view_of_text(op->anchor.prefix));
}

static struct err prefix_get(struct reader *r, struct wire_target *to)
{
	return wire_text_get(r, to->op->anchor.prefix, sizeof to->op->anchor.prefix);
}

const struct wire_field wire_field_prefix = {prefix_holds, prefix_size, prefix_put, prefix_get};

static bool anchor_holds(const struct hsm_op *op)
{
	return op->verb != HSM_ANCHOR_RAISE || op->anchor.epoch >= 1;
}

static size_t anchor_size(const struct hsm_op *op)
{
	(void)op;
	return ANCHOR_LEN;
}

static void anchor_put(const struct hsm_op *op, struct writer *w)
{
	writer_u64(w, op->anchor.epoch);
	writer_bytes(w, VIEW_ARRAY(op->anchor.digest));
}

/* An anchor that is lower than the one that was asked for is no answer. */
static struct err anchor_get(struct reader *r, struct wire_target *to)
{
	struct hsm_anchor *anchor = &to->op->anchor;
	bool is_reply = to->messages == NULL;
	uint64_t asked = anchor->epoch;
	uint64_t epoch = reader_u64(r);
	uint8_t digest[HSM_ANCHOR_DIGEST_LEN];
	reader_copy(r, digest, sizeof digest);
	REQUIRE(!r->failed, E_HSM_PROTOCOL);
	REQUIRE(!is_reply || to->op->verb != HSM_ANCHOR_RAISE || epoch >= asked, E_HSM_PROTOCOL);
	anchor->epoch = epoch;
	mem_copy(anchor->digest, sizeof anchor->digest, digest, sizeof digest);
	return OK;
}

const struct wire_field wire_field_anchor = {anchor_holds, anchor_size, anchor_put, anchor_get};
