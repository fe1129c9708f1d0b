/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/wire_field.h"

#include "base/mem.h"
#include "base/text.h"

#define SEALED_MAX (HSM_PLAINTEXT_MAX + HSM_SEALED_OVERHEAD)
#define OBJECT_LEN_MIN (HSM_KEY_ID_LEN + 3 + 2)

static void put_key(const struct hsm_key_id *id, struct writer *w)
{
	writer_bytes(w, VIEW_ARRAY(id->bytes));
}

static void get_key(struct reader *r, struct hsm_key_id *id)
{
	reader_copy(r, id->bytes, sizeof id->bytes);
}

NODISCARD struct err wire_text_get(struct reader *r, char *dst, size_t cap)
{
	struct view text = reader_block16(r, cap - 1);
	REQUIRE(!err_failed(text_copy(dst, cap, text)), E_HSM_PROTOCOL);
	return OK;
}

/* Sealings: from and to. */

static bool sealing_holds(const struct hsm_sealing *s)
{
	return s->suite >= HSM_SUITE_SP800_108 && s->suite <= HSM_SUITE_DIRECT &&
	       s->purpose <= HSM_PURPOSE_XKS && s->header.len >= 1 &&
	       s->header.len <= HSM_HEADER_MAX && s->context.len <= HSM_CONTEXT_MAX;
}

static size_t sealing_size(const struct hsm_sealing *s)
{
	return HSM_KEY_ID_LEN + 2 + 2 + s->header.len + 4 + s->context.len;
}

static void sealing_put(const struct hsm_sealing *s, struct writer *w)
{
	put_key(&s->key, w);
	writer_u8(w, (uint8_t)s->suite);
	writer_u8(w, (uint8_t)s->purpose);
	writer_block16(w, s->header);
	writer_block32(w, s->context);
}

static struct err sealing_get(struct reader *r, struct hsm_sealing *s)
{
	get_key(r, &s->key);
	s->suite = (enum hsm_suite)reader_u8(r);
	s->purpose = (enum hsm_purpose)reader_u8(r);
	s->header = reader_block16(r, HSM_HEADER_MAX);
	s->context = reader_block32(r, HSM_CONTEXT_MAX);
	return OK;
}

static bool from_holds(const struct hsm_op *op)
{
	return sealing_holds(&op->from);
}

static size_t from_size(const struct hsm_op *op)
{
	return sealing_size(&op->from);
}

static void from_put(const struct hsm_op *op, struct writer *w)
{
	sealing_put(&op->from, w);
}

static struct err from_get(struct reader *r, struct wire_target *to)
{
	return sealing_get(r, &to->op->from);
}

const struct wire_field wire_field_from = {from_holds, from_size, from_put, from_get};

static bool to_holds(const struct hsm_op *op)
{
	return sealing_holds(&op->to);
}

static size_t to_size(const struct hsm_op *op)
{
	return sealing_size(&op->to);
}

static void to_put(const struct hsm_op *op, struct writer *w)
{
	sealing_put(&op->to, w);
}

static struct err to_get(struct reader *r, struct wire_target *to)
{
	return sealing_get(r, &to->op->to);
}

const struct wire_field wire_field_to = {to_holds, to_size, to_put, to_get};

static bool any_holds(const struct hsm_op *op)
{
	(void)op;
	return true;
}

static size_t key_size(const struct hsm_op *op)
{
	(void)op;
	return HSM_KEY_ID_LEN;
}

static void key_put(const struct hsm_op *op, struct writer *w)
{
	put_key(&op->from.key, w);
}

static struct err key_get(struct reader *r, struct wire_target *to)
{
	get_key(r, &to->op->from.key);
	return OK;
}

const struct wire_field wire_field_key = {any_holds, key_size, key_put, key_get};

/* Sealed bytes, in and out. */

static bool sealed_in_holds(const struct hsm_op *op)
{
	return op->sealed_in.len >= HSM_SEALED_OVERHEAD && op->sealed_in.len <= SEALED_MAX;
}

static size_t sealed_in_size(const struct hsm_op *op)
{
	return 2 + op->sealed_in.len;
}

static void sealed_in_put(const struct hsm_op *op, struct writer *w)
{
	writer_block16(w, op->sealed_in);
}

static struct err sealed_in_get(struct reader *r, struct wire_target *to)
{
	to->op->sealed_in = reader_block16(r, SEALED_MAX);
	return OK;
}

const struct wire_field wire_field_sealed_in = {sealed_in_holds, sealed_in_size, sealed_in_put,
						sealed_in_get};

/* What the sealed answer to the operation must measure. */
static size_t sealed_expected(const struct hsm_op *op)
{
	if (op->verb == HSM_RESEAL)
		return op->sealed_in.len;
	if (op->verb == HSM_GENERATE_SEALED)
		return op->length + HSM_SEALED_OVERHEAD;
	return secret_view(op->plaintext).len + HSM_SEALED_OVERHEAD;
}

static bool sealed_holds(const struct hsm_op *op)
{
	return op->sealed.len == sealed_expected(op);
}

static size_t sealed_size(const struct hsm_op *op)
{
	return 2 + op->sealed.len;
}

static void sealed_put(const struct hsm_op *op, struct writer *w)
{
	writer_block16(w, buf_view(&op->sealed));
}

static struct err sealed_get(struct reader *r, struct wire_target *to)
{
	struct view sealed = reader_block16(r, SEALED_MAX);
	buf_init(&to->op->sealed, SEALED_MAX);
	return buf_append(&to->op->sealed, sealed);
}

const struct wire_field wire_field_sealed = {sealed_holds, sealed_size, sealed_put, sealed_get};

/* Numbers. */

static bool length_holds(const struct hsm_op *op)
{
	return op->length >= 1 && op->length <= HSM_RANDOM_MAX;
}

static size_t length_size(const struct hsm_op *op)
{
	(void)op;
	return 2;
}

static void length_put(const struct hsm_op *op, struct writer *w)
{
	writer_u16(w, (uint16_t)op->length);
}

static struct err length_get(struct reader *r, struct wire_target *to)
{
	to->op->length = reader_u16(r);
	return OK;
}

const struct wire_field wire_field_length = {length_holds, length_size, length_put, length_get};

static size_t want_size(const struct hsm_op *op)
{
	(void)op;
	return 1;
}

static void want_put(const struct hsm_op *op, struct writer *w)
{
	writer_u8(w, op->want_plaintext ? 1 : 0);
}

static struct err want_get(struct reader *r, struct wire_target *to)
{
	uint8_t want = reader_u8(r);
	REQUIRE(want <= 1, E_HSM_PROTOCOL);
	to->op->want_plaintext = want == 1;
	return OK;
}

const struct wire_field wire_field_want = {any_holds, want_size, want_put, want_get};

static void cursor_put(const struct hsm_op *op, struct writer *w)
{
	put_key(&op->cursor, w);
}

static struct err cursor_get(struct reader *r, struct wire_target *to)
{
	get_key(r, &to->op->cursor);
	return OK;
}

const struct wire_field wire_field_cursor = {any_holds, key_size, cursor_put, cursor_get};

/* Messages and their MACs. */

static bool messages_holds(const struct hsm_op *op)
{
	if (op->message_count < 1 || op->message_count > HSM_MAC_BATCH_MAX)
		return false;
	size_t total = 0;
	for (size_t i = 0; i < op->message_count; i++) {
		if (op->messages[i].len > HSM_MAC_MESSAGE_MAX)
			return false;
		total += op->messages[i].len;
	}
	return total <= HSM_MAC_BYTES_MAX;
}

static size_t messages_size(const struct hsm_op *op)
{
	size_t size = 2;
	for (size_t i = 0; i < op->message_count; i++)
		size += 4 + op->messages[i].len;
	return size;
}

static void messages_put(const struct hsm_op *op, struct writer *w)
{
	writer_u16(w, (uint16_t)op->message_count);
	for (size_t i = 0; i < op->message_count; i++)
		writer_block32(w, op->messages[i]);
}

static struct err messages_get(struct reader *r, struct wire_target *to)
{
	size_t count = reader_u16(r);
	REQUIRE(to->messages != NULL && count >= 1 && count <= HSM_MAC_BATCH_MAX, E_HSM_PROTOCOL);
	TRY(MEM_NEW_ARRAY(count, to->messages));
	for (size_t i = 0; i < count; i++)
		(*to->messages)[i] = reader_block32(r, HSM_MAC_MESSAGE_MAX);
	to->op->messages = *to->messages;
	to->op->message_count = count;
	return OK;
}

const struct wire_field wire_field_messages = {messages_holds, messages_size, messages_put,
					       messages_get};

static bool macs_holds(const struct hsm_op *op)
{
	return op->macs != NULL;
}

static size_t macs_size(const struct hsm_op *op)
{
	return op->message_count * HSM_MAC_LEN;
}

static void macs_put(const struct hsm_op *op, struct writer *w)
{
	writer_bytes(w, view_of(op->macs, macs_size(op)));
}

/* The asker knows how many it asked for. */
static struct err macs_get(struct reader *r, struct wire_target *to)
{
	size_t size = macs_size(to->op);
	REQUIRE(r->rest.len == size, E_HSM_PROTOCOL);
	TRY(MEM_NEW_ARRAY(to->op->message_count, &to->op->macs));
	reader_copy(r, to->op->macs, size);
	return OK;
}

const struct wire_field wire_field_macs = {macs_holds, macs_size, macs_put, macs_get};

/* Objects. */

static bool one_holds(const struct hsm_object *object)
{
	return object->role <= HSM_ROLE_SECRET_WRAP && object->suite <= HSM_SUITE_DIRECT &&
	       view_find(VIEW_ARRAY(object->label), 0) < sizeof object->label;
}

static size_t one_size(const struct hsm_object *object)
{
	return OBJECT_LEN_MIN + view_of_text(object->label).len;
}

static void one_put(const struct hsm_object *object, struct writer *w)
{
	put_key(&object->id, w);
	writer_u8(w, (uint8_t)object->role);
	writer_u8(w, (uint8_t)object->suite);
	writer_u8(w, object->sound ? 1 : 0);
	writer_block16(w, view_of_text(object->label));
}

static struct err one_get(struct reader *r, struct hsm_object *object)
{
	get_key(r, &object->id);
	uint8_t role = reader_u8(r);
	uint8_t suite = reader_u8(r);
	uint8_t sound = reader_u8(r);
	REQUIRE(role <= HSM_ROLE_SECRET_WRAP && suite <= HSM_SUITE_DIRECT && sound <= 1,
		E_HSM_PROTOCOL);
	object->role = (enum hsm_role)role;
	object->suite = (enum hsm_suite)suite;
	object->sound = sound == 1;
	return wire_text_get(r, object->label, sizeof object->label);
}

static bool object_holds(const struct hsm_op *op)
{
	return one_holds(&op->object);
}

static size_t object_size(const struct hsm_op *op)
{
	return one_size(&op->object);
}

static void object_put(const struct hsm_op *op, struct writer *w)
{
	one_put(&op->object, w);
}

static struct err object_get(struct reader *r, struct wire_target *to)
{
	struct hsm_object object = {0};
	TRY(one_get(r, &object));
	REQUIRE(!r->failed, E_HSM_PROTOCOL);
	to->op->object = object;
	return OK;
}

const struct wire_field wire_field_object = {object_holds, object_size, object_put, object_get};

static bool objects_holds(const struct hsm_op *op)
{
	return op->object_count <= HSM_ENUMERATE_MAX;
}

static size_t objects_size(const struct hsm_op *op)
{
	size_t size = 2;
	for (size_t i = 0; i < op->object_count; i++)
		size += one_size(&op->objects[i]);
	return size;
}

static void objects_put(const struct hsm_op *op, struct writer *w)
{
	writer_u16(w, (uint16_t)op->object_count);
	for (size_t i = 0; i < op->object_count; i++)
		one_put(&op->objects[i], w);
}

static struct err objects_get(struct reader *r, struct wire_target *to)
{
	size_t count = reader_u16(r);
	REQUIRE(count <= HSM_ENUMERATE_MAX && count * OBJECT_LEN_MIN <= r->rest.len,
		E_HSM_PROTOCOL);
	CLEANUP(mem_free_at) struct hsm_object *objects = NULL;
	TRY(MEM_NEW_ARRAY(count, &objects));
	for (size_t i = 0; i < count; i++)
		TRY(one_get(r, &objects[i]));
	to->op->objects = TAKE(objects);
	to->op->object_count = count;
	return OK;
}

const struct wire_field wire_field_objects = {objects_holds, objects_size, objects_put,
					      objects_get};
