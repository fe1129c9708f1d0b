/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"

#define SEALED_MAX (HSM_PLAINTEXT_MAX + HSM_SEALED_OVERHEAD)
#define MESSAGE_LEN (HSM_MAC_BYTES_MAX / HSM_MAC_BATCH_MAX)

static uint8_t header[HSM_HEADER_MAX];
static uint8_t context[HSM_CONTEXT_MAX];
static uint8_t sealed[SEALED_MAX];
static uint8_t message[MESSAGE_LEN];
static struct view messages[HSM_MAC_BATCH_MAX];

static void number(uint8_t *dst, size_t n, uint8_t start)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = (uint8_t)((start + i) & 0x7f);
}

static struct hsm_sealing sealing(uint8_t start)
{
	struct hsm_sealing s = {.suite = HSM_SUITE_DIRECT, .purpose = HSM_PURPOSE_XKS};
	number(s.key.bytes, sizeof s.key.bytes, start);
	number(header, sizeof header, 3);
	number(context, sizeof context, 5);
	s.header = VIEW_ARRAY(header);
	s.context = VIEW_ARRAY(context);
	return s;
}

static struct secret *plaintext_new(size_t len)
{
	struct secret *s = NULL;
	assert_false(err_failed(secret_new(len, &s)));
	for (size_t i = 0; i < len; i++)
		s->ptr[i] = SAMPLE_PLAINTEXT_BYTE;
	s->len = len;
	return s;
}

static void object_fill(struct hsm_object *object, uint8_t start)
{
	*object = (struct hsm_object){.role = HSM_ROLE_SECRET_WRAP, .suite = HSM_SUITE_DIRECT};
	object->sound = true;
	number(object->id.bytes, sizeof object->id.bytes, start);
	for (size_t i = 0; i < HSM_LABEL_MAX; i++)
		object->label[i] = (char)('a' + (char)(i % 26));
}

void sample_request(struct hsm_op *op, enum hsm_verb verb)
{
	*op = (struct hsm_op){.verb = verb, .deadline_ms = 1234567, .tag = 0x0102030405060708};
	number(sealed, sizeof sealed, 9);
	number(message, sizeof message, 11);
	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		messages[i] = VIEW_ARRAY(message);
	op->from = sealing(1);
	op->to = sealing(2);
	op->sealed_in = VIEW_ARRAY(sealed);
	op->plaintext = verb == HSM_SEAL ? plaintext_new(HSM_PLAINTEXT_MAX) : NULL;
	op->length = HSM_RANDOM_MAX;
	op->messages = messages;
	op->message_count = ARRAY_LEN(messages);
	number(op->cursor.bytes, sizeof op->cursor.bytes, 7);
	object_fill(&op->object, 8);
	number(op->digest, sizeof op->digest, 15);
	for (size_t i = 0; i < HSM_ANCHOR_PREFIX_MAX; i++)
		op->anchor.prefix[i] = (char)('a' + (char)(i % 26));
	op->anchor.epoch = 0x0203040506070809;
	number(op->anchor.digest, sizeof op->anchor.digest, 17);
}

static void evidence_fill(struct hsm_op *op)
{
	struct hsm_attributes *a = &op->attributes;
	number(op->signature, sizeof op->signature, 19);
	number(op->point, sizeof op->point, 4);
	op->anchor.epoch += op->verb == HSM_ANCHOR_RAISE ? 3 : 1;
	number(op->anchor.digest, sizeof op->anchor.digest, 23);
	*a = (struct hsm_attributes){.bits = 0x01020304};
	a->known = (1U << HSM_ATTRIBUTE_COUNT) - 1;
	a->set = 1U << (HSM_ATTRIBUTE_COUNT - 1);
	for (size_t i = 0; i < HSM_KEY_TYPE_MAX; i++)
		a->key_type[i] = (char)('A' + (char)i);
}

static void sealed_fill(struct hsm_op *op, size_t len)
{
	buf_init(&op->sealed, SEALED_MAX);
	assert_false(err_failed(buf_append(&op->sealed, view_of(sealed, len))));
}

static void objects_fill(struct hsm_op *op)
{
	assert_false(err_failed(MEM_NEW_ARRAY(HSM_ENUMERATE_MAX, &op->objects)));
	op->object_count = HSM_ENUMERATE_MAX;
	for (size_t i = 0; i < op->object_count; i++)
		object_fill(&op->objects[i], (uint8_t)(i & 0x7f));
}

void sample_outputs(struct hsm_op *op)
{
	if (op->verb == HSM_SEAL || op->verb == HSM_RESEAL)
		sealed_fill(op, SEALED_MAX);
	if (op->verb == HSM_GENERATE_SEALED)
		sealed_fill(op, op->length + HSM_SEALED_OVERHEAD);
	if (op->verb == HSM_OPEN)
		op->plaintext_out = plaintext_new(HSM_PLAINTEXT_MAX);
	/* RESEAL and GENERATE_SEALED have it beside the token whether wanted or not: it must not
	 * cross just because it is there. */
	if (op->verb == HSM_RANDOM || op->verb == HSM_GENERATE_SEALED || op->verb == HSM_RESEAL)
		op->plaintext_out = plaintext_new(op->length);
	if (op->verb == HSM_MAC)
		assert_false(err_failed(MEM_NEW_ARRAY(op->message_count, &op->macs)));
	if (op->verb == HSM_MAC)
		number(op->macs[0], op->message_count * HSM_MAC_LEN, 13);
	if (op->verb == HSM_ENUMERATE)
		objects_fill(op);
	if (op->verb >= HSM_SIGN)
		evidence_fill(op);
}

void sample_cleanup(struct hsm_op *op)
{
	struct secret *plaintext = NULL;
	mem_copy(&plaintext, sizeof plaintext, &op->plaintext, sizeof op->plaintext);
	secret_free(&plaintext);
	op->plaintext = NULL;
	hsm_op_cleanup(op);
}

void sample_request_frame(const struct hsm_op *op, struct buf *out)
{
	struct writer w;
	writer_init_buf(&w, out);
	wire_request_write(op, op->tag, &(struct wire_room){&w, &w});
	assert_false(err_failed(writer_end(&w)));
}

void sample_reply_frame(const struct hsm_op *op, struct err result, struct buf *out)
{
	struct writer w;
	writer_init_buf(&w, out);
	wire_reply_write(op, result, &(struct wire_room){&w, &w});
	assert_false(err_failed(writer_end(&w)));
}

struct err sample_cut(struct view bytes, struct wire_frame *out)
{
	REQUIRE(bytes.len >= WIRE_HEAD_LEN, E_HSM_PROTOCOL);
	TRY(wire_head_read(bytes, &out->head));
	size_t whole = WIRE_HEAD_LEN + out->head.plaintext_len + out->head.body_len;
	REQUIRE(whole == bytes.len, E_HSM_PROTOCOL);
	out->plaintext = view_part(bytes, WIRE_HEAD_LEN, out->head.plaintext_len);
	out->body = view_part(bytes, WIRE_HEAD_LEN + out->head.plaintext_len, out->head.body_len);
	return OK;
}

void sample_shorten(struct buf *bytes, size_t plaintext_len, size_t len)
{
	struct writer w;
	uint32_t length = (uint32_t)(len - 4);
	writer_init(&w, bytes->ptr, 4);
	writer_u32(&w, length);
	writer_init(&w, bytes->ptr + WIRE_HEAD_LEN - 2, 2);
	writer_u16(&w, (uint16_t)MIN_OF(plaintext_len, len - WIRE_HEAD_LEN));
}
