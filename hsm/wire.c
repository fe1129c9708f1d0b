/* SPDX-License-Identifier: Apache-2.0 */
/* Frames, and the two tables: which fields the request and the reply of each verb are made of. */
#include "hsm/wire.h"

#include <assert.h>

#include "base/mem.h"
#include "base/reader.h"
#include "base/text.h"
#include "hsm/wire_field.h"

#define LENGTH_LEN 4 /* the length field itself, which it does not count */
#define HELLO_MAGIC UINT32_C(0x48464b54)
#define RESULT_LEN 5 /* error number and detail in front of every reply */

static_assert(WIRE_BODY_MAX <= MEM_ALLOC_MAX, "a frame can be held");
static_assert(HSM_PLAINTEXT_MAX <= UINT16_MAX, "a plaintext's length fits its field");

/*
 * What crosses for each verb. A verb without plaintext_in (plaintext_out) never has a plaintext in
 * its request (reply); with one, the function tells how long it must be.
 */
struct shape {
	const struct wire_field *request[4];
	const struct wire_field *reply[3];
	size_t (*plaintext_in)(const struct hsm_op *op);
	size_t (*plaintext_out)(const struct hsm_op *op);
};

static size_t plaintext_len(const struct hsm_op *op)
{
	return secret_view(op->plaintext).len;
}

static size_t opened_len(const struct hsm_op *op)
{
	return op->sealed_in.len - HSM_SEALED_OVERHEAD;
}

static size_t drawn_len(const struct hsm_op *op)
{
	return op->length;
}

static size_t wanted_len(const struct hsm_op *op)
{
	return op->want_plaintext ? op->length : 0;
}

static const struct shape shapes[HSM_VERB_COUNT] = {
	[HSM_SEAL] = {{&wire_field_to}, {&wire_field_sealed}, plaintext_len, NULL},
	[HSM_OPEN] = {{&wire_field_from, &wire_field_sealed_in}, {NULL}, NULL, opened_len},
	[HSM_RESEAL] = {{&wire_field_from, &wire_field_sealed_in, &wire_field_to},
			{&wire_field_sealed},
			NULL,
			NULL},
	[HSM_GENERATE_SEALED] = {{&wire_field_to, &wire_field_length, &wire_field_want},
				 {&wire_field_sealed},
				 NULL,
				 wanted_len},
	[HSM_RANDOM] = {{&wire_field_length}, {NULL}, NULL, drawn_len},
	[HSM_MAC] = {{&wire_field_key, &wire_field_messages}, {&wire_field_macs}, NULL, NULL},
	[HSM_KEY_GENERATE] = {{&wire_field_object}, {&wire_field_object}, NULL, NULL},
	[HSM_KEY_FIND] = {{&wire_field_object}, {&wire_field_object}, NULL, NULL},
	[HSM_KEY_DESTROY] = {{&wire_field_object}, {NULL}, NULL, NULL},
	[HSM_ENUMERATE] = {{&wire_field_cursor},
			   {&wire_field_objects, &wire_field_cursor},
			   NULL,
			   NULL},
	[HSM_PROBE] = {{NULL}, {NULL}, NULL, NULL},
	[HSM_SIGN] = {{&wire_field_key, &wire_field_digest}, {&wire_field_signature}, NULL, NULL},
	[HSM_PUBLIC_KEY] = {{&wire_field_key}, {&wire_field_point}, NULL, NULL},
	[HSM_DESCRIBE] = {{&wire_field_object},
			  {&wire_field_object, &wire_field_attributes},
			  NULL,
			  NULL},
	[HSM_ANCHOR_READ] = {{&wire_field_prefix}, {&wire_field_anchor}, NULL, NULL},
	[HSM_ANCHOR_RAISE] = {{&wire_field_prefix, &wire_field_anchor},
			      {&wire_field_anchor},
			      NULL,
			      NULL},
};

/* Errors that cross, by their number on the wire; new ones are added at the end. */
static const enum err_code crossing[] = {
	E_OK,
	E_BUG,
	E_NOMEM,
	E_LOCKED_MEMORY,
	E_SYSTEM,
	E_BUSY,
	E_CANCELLED,
	E_BOUNDS,
	E_FORMAT,
	E_SETTINGS,
	E_HSM_AWAY,
	E_HSM_TIMEOUT,
	E_HSM_CAPACITY,
	E_HSM_PIN,
	E_HSM_UNSAFE,
	E_HSM_ATTRIBUTES,
	E_HSM_UNSUPPORTED,
	E_HSM_KEY_UNKNOWN,
	E_HSM_KEY_EXISTS,
	E_HSM_KEY_ROLE,
	E_HSM_CIPHERTEXT,
	E_HSM_REFUSED,
	E_HSM_TOKEN_CHANGED,
	E_HSM_ANCHOR,
};

uint8_t wire_code_number(enum err_code code)
{
	uint8_t number = 0;
	while (number < ARRAY_LEN(crossing) && crossing[number] != code)
		number++;
	return number < ARRAY_LEN(crossing) ? number : 1; /* E_BUG: it should not be here */
}

bool wire_code_of(uint8_t number, enum err_code *out)
{
	if (number >= ARRAY_LEN(crossing))
		return false;
	*out = crossing[number];
	return true;
}

static void put_err(struct writer *w, struct err e)
{
	writer_u8(w, wire_code_number((enum err_code)e.code));
	writer_u32(w, e.detail);
}

static struct err get_err(struct reader *r)
{
	uint8_t number = reader_u8(r);
	uint32_t detail = reader_u32(r);
	if (number >= ARRAY_LEN(crossing) || (number == 0 && detail != 0)) {
		reader_fail(r);
		return OK;
	}
	return number == 0 ? OK : ERR_DETAIL((uint16_t)crossing[number], detail);
}

/* Frames. */

void wire_head_write(struct writer *w, const struct wire_head *head)
{
	size_t length = WIRE_HEAD_LEN - LENGTH_LEN + head->plaintext_len + head->body_len;
	writer_u32(w, (uint32_t)length);
	writer_u8(w, WIRE_VERSION);
	writer_u8(w, (uint8_t)head->kind);
	writer_u8(w, head->verb);
	writer_u8(w, head->flags);
	writer_u64(w, head->tag);
	writer_u64(w, (uint64_t)head->deadline_ms);
	writer_u16(w, (uint16_t)head->plaintext_len);
}

NODISCARD struct err wire_head_read(struct view bytes, struct wire_head *out)
{
	struct reader r;
	reader_init(&r, view_part(bytes, 0, WIRE_HEAD_LEN));
	size_t length = (size_t)reader_u32(&r) + LENGTH_LEN;
	uint8_t version = reader_u8(&r);
	if (version != WIRE_VERSION)
		return ERR_DETAIL(E_HSM_PROTOCOL, version);
	struct wire_head head = {0};
	uint8_t kind = reader_u8(&r);
	head.verb = reader_u8(&r);
	head.flags = reader_u8(&r);
	head.tag = reader_u64(&r);
	head.deadline_ms = (int64_t)reader_u64(&r);
	head.plaintext_len = reader_u16(&r);
	REQUIRE(!err_failed(reader_end(&r)), E_HSM_PROTOCOL);
	REQUIRE(kind >= WIRE_HELLO && kind < WIRE_KIND_COUNT, E_HSM_PROTOCOL);
	REQUIRE(head.flags == 0 || (kind == WIRE_REQUEST && head.flags == WIRE_FLAG_NAMED),
		E_HSM_PROTOCOL);
	REQUIRE(head.plaintext_len <= HSM_PLAINTEXT_MAX, E_HSM_PROTOCOL);
	REQUIRE(length >= WIRE_HEAD_LEN + head.plaintext_len, E_HSM_PROTOCOL);
	head.body_len = length - WIRE_HEAD_LEN - head.plaintext_len;
	REQUIRE(head.body_len <= WIRE_BODY_MAX, E_HSM_PROTOCOL);
	head.kind = (enum wire_kind)kind;
	*out = head;
	return OK;
}

/* HELLO and STATUS. */

struct wire_size wire_hello_size(void)
{
	return (struct wire_size){0, 4};
}

void wire_hello_write(const struct wire_room *room)
{
	wire_head_write(
		room->front,
		&(struct wire_head){.kind = WIRE_HELLO, .tag = WIRE_FEATURES, .body_len = 4});
	writer_u32(room->body, HELLO_MAGIC);
}

bool wire_is_plain(const struct wire_frame *frame, enum wire_kind kind)
{
	return frame->head.kind == kind && frame->head.verb == 0 && frame->plaintext.len == 0;
}

NODISCARD struct err wire_hello_read(const struct wire_frame *frame)
{
	REQUIRE(wire_is_plain(frame, WIRE_HELLO), E_HSM_PROTOCOL);
	struct reader r;
	reader_init(&r, frame->body);
	uint32_t magic = reader_u32(&r);
	REQUIRE(!err_failed(reader_end(&r)) && magic == HELLO_MAGIC, E_HSM_PROTOCOL);
	return OK;
}

struct wire_size wire_status_size(const struct hsm_status *status)
{
	size_t names = view_of_text(status->manufacturer).len + view_of_text(status->model).len +
		       view_of_text(status->serial).len + view_of_text(status->token_label).len;
	return (struct wire_size){0, 1 + RESULT_LEN + 1 + 4 + 3 * 8 + 4 * 2 + names};
}

void wire_status_write(const struct hsm_status *status, const struct wire_room *room)
{
	struct wire_size size = wire_status_size(status);
	wire_head_write(room->front,
			&(struct wire_head){.kind = WIRE_STATUS, .body_len = size.body});
	struct writer *w = room->body;
	writer_u8(w, (uint8_t)status->condition);
	put_err(w, status->last_error);
	writer_u8(w, (uint8_t)status->suite);
	writer_u32(w, status->lanes);
	writer_u64(w, status->generation);
	writer_u64(w, status->operations);
	writer_u64(w, status->failures);
	writer_block16(w, view_of_text(status->manufacturer));
	writer_block16(w, view_of_text(status->model));
	writer_block16(w, view_of_text(status->serial));
	writer_block16(w, view_of_text(status->token_label));
}

static void get_name(struct reader *r, char *dst, size_t cap)
{
	if (err_failed(wire_text_get(r, dst, cap)))
		reader_fail(r);
}

NODISCARD struct err wire_status_read(const struct wire_frame *frame, struct hsm_status *out)
{
	REQUIRE(wire_is_plain(frame, WIRE_STATUS), E_HSM_PROTOCOL);
	struct reader r;
	struct hsm_status status = {0};
	reader_init(&r, frame->body);
	uint8_t condition = reader_u8(&r);
	status.last_error = get_err(&r);
	uint8_t suite = reader_u8(&r);
	status.lanes = reader_u32(&r);
	status.generation = reader_u64(&r);
	status.operations = reader_u64(&r);
	status.failures = reader_u64(&r);
	get_name(&r, status.manufacturer, sizeof status.manufacturer);
	get_name(&r, status.model, sizeof status.model);
	get_name(&r, status.serial, sizeof status.serial);
	get_name(&r, status.token_label, sizeof status.token_label);
	REQUIRE(!err_failed(reader_end(&r)), E_HSM_PROTOCOL);
	REQUIRE(condition >= HSM_UP && condition <= HSM_REFUSED_UNSAFE, E_HSM_PROTOCOL);
	REQUIRE(suite <= HSM_SUITE_DIRECT, E_HSM_PROTOCOL);
	status.condition = (enum hsm_condition)condition;
	status.suite = (enum hsm_suite)suite;
	*out = status;
	return OK;
}

/* Requests. */

static bool verb_known(unsigned verb)
{
	return verb >= HSM_SEAL && verb < HSM_VERB_COUNT;
}

uint64_t wire_verb_feature(enum hsm_verb verb)
{
	return verb >= HSM_SIGN && verb <= HSM_ANCHOR_RAISE ? WIRE_FEATURE_EVIDENCE : 0;
}

static size_t fields_size(const struct wire_field *const *fields, size_t max,
			  const struct hsm_op *op)
{
	size_t size = 0;
	for (size_t i = 0; i < max && fields[i] != NULL; i++)
		size += fields[i]->size(op);
	return size;
}

static void fields_put(const struct wire_field *const *fields, size_t max, const struct hsm_op *op,
		       struct writer *w)
{
	for (size_t i = 0; i < max && fields[i] != NULL; i++)
		fields[i]->put(op, w);
}

static struct err fields_get(const struct wire_field *const *fields, size_t max, struct reader *r,
			     struct wire_target *to)
{
	for (size_t i = 0; i < max && fields[i] != NULL; i++) {
		TRY(fields[i]->get(r, to));
		REQUIRE(fields[i]->holds(to->op), E_HSM_PROTOCOL);
	}
	REQUIRE(!err_failed(reader_end(r)), E_HSM_PROTOCOL);
	return OK;
}

NODISCARD struct err wire_request_check(const struct hsm_op *op)
{
	REQUIRE(verb_known(op->verb) && op->deadline_ms > 0, E_BOUNDS);
	const struct shape *shape = &shapes[op->verb];
	for (size_t i = 0; i < ARRAY_LEN(shape->request) && shape->request[i] != NULL; i++)
		REQUIRE(shape->request[i]->holds(op), E_BOUNDS);
	REQUIRE(shape->plaintext_in == NULL || op->plaintext != NULL, E_BOUNDS);
	REQUIRE(shape->plaintext_in == NULL || plaintext_len(op) <= HSM_PLAINTEXT_MAX, E_BOUNDS);
	return OK;
}

struct wire_size wire_request_size(const struct hsm_op *op)
{
	const struct shape *shape = &shapes[op->verb];
	return (struct wire_size){
		shape->plaintext_in ? shape->plaintext_in(op) : 0,
		(op->tells_request ? LOG_REQUEST_LEN : 0) +
			fields_size(shape->request, ARRAY_LEN(shape->request), op)};
}

void wire_request_write(const struct hsm_op *op, uint64_t tag, const struct wire_room *room)
{
	const struct shape *shape = &shapes[op->verb];
	struct wire_size size = wire_request_size(op);
	wire_head_write(room->front,
			&(struct wire_head){.kind = WIRE_REQUEST,
					    .verb = (uint8_t)op->verb,
					    .flags = op->tells_request ? WIRE_FLAG_NAMED : 0,
					    .tag = tag,
					    .deadline_ms = op->deadline_ms,
					    .plaintext_len = size.plaintext,
					    .body_len = size.body});
	if (shape->plaintext_in != NULL)
		writer_bytes(room->front, secret_view(op->plaintext));
	if (op->tells_request)
		writer_bytes(room->body, view_of(op->request, LOG_REQUEST_LEN));
	fields_put(shape->request, ARRAY_LEN(shape->request), op, room->body);
}

void wire_request_cleanup(struct wire_request *request)
{
	hsm_op_cleanup(&request->op);
	secret_free(&request->plaintext);
	mem_free(TAKE(request->messages));
}

/* Only for logs, which escape what they are given. */
static struct err name_read(const struct wire_frame *frame, struct reader *r, struct hsm_op *op)
{
	op->tells_request = (frame->head.flags & WIRE_FLAG_NAMED) != 0;
	if (!op->tells_request)
		return OK;
	struct view name = reader_bytes(r, LOG_REQUEST_LEN);
	REQUIRE(!err_failed(text_copy(op->request, sizeof op->request, name)) &&
			name.len == LOG_REQUEST_LEN,
		E_HSM_PROTOCOL);
	return OK;
}

static struct err request_read(const struct wire_frame *frame, int64_t now_ms,
			       struct wire_request *out)
{
	REQUIRE(frame->head.kind == WIRE_REQUEST && verb_known(frame->head.verb), E_HSM_PROTOCOL);
	REQUIRE(frame->head.deadline_ms > 0, E_HSM_PROTOCOL);
	const struct shape *shape = &shapes[frame->head.verb];
	REQUIRE(shape->plaintext_in != NULL || frame->plaintext.len == 0, E_HSM_PROTOCOL);
	out->op.verb = (enum hsm_verb)frame->head.verb;
	out->op.deadline_ms = MIN_OF(frame->head.deadline_ms, now_ms + WIRE_DEADLINE_MAX_MS);
	struct reader r;
	reader_init(&r, frame->body);
	TRY(name_read(frame, &r, &out->op));
	struct wire_target to = {&out->op, &out->messages};
	TRY(fields_get(shape->request, ARRAY_LEN(shape->request), &r, &to));
	if (shape->plaintext_in != NULL)
		TRY(secret_new_from(frame->plaintext, &out->plaintext));
	out->op.plaintext = out->plaintext;
	return OK;
}

NODISCARD struct err wire_request_read(const struct wire_frame *frame, int64_t now_ms,
				       struct wire_request *out)
{
	*out = (struct wire_request){0};
	struct err e = request_read(frame, now_ms, out);
	if (err_failed(e))
		wire_request_cleanup(out);
	return e;
}

/* Replies. */

static struct view plaintext_of(const struct hsm_op *op, struct err result)
{
	const struct shape *shape = &shapes[op->verb];
	if (err_failed(result) || shape->plaintext_out == NULL || shape->plaintext_out(op) == 0)
		return VIEW_NONE;
	return secret_view(op->plaintext_out);
}

NODISCARD struct err wire_reply_check(const struct hsm_op *op)
{
	const struct shape *shape = &shapes[op->verb];
	for (size_t i = 0; i < ARRAY_LEN(shape->reply) && shape->reply[i] != NULL; i++)
		ENSURE(shape->reply[i]->holds(op));
	ENSURE(shape->plaintext_out == NULL ||
	       plaintext_of(op, OK).len == shape->plaintext_out(op));
	return OK;
}

struct wire_size wire_reply_size(const struct hsm_op *op, struct err result)
{
	const struct shape *shape = &shapes[op->verb];
	size_t fields =
		err_failed(result) ? 0 : fields_size(shape->reply, ARRAY_LEN(shape->reply), op);
	return (struct wire_size){plaintext_of(op, result).len, RESULT_LEN + fields};
}

void wire_reply_write(const struct hsm_op *op, struct err result, const struct wire_room *room)
{
	const struct shape *shape = &shapes[op->verb];
	struct wire_size size = wire_reply_size(op, result);
	wire_head_write(room->front, &(struct wire_head){.kind = WIRE_REPLY,
							 .verb = (uint8_t)op->verb,
							 .tag = op->tag,
							 .plaintext_len = size.plaintext,
							 .body_len = size.body});
	writer_bytes(room->front, plaintext_of(op, result));
	put_err(room->body, result);
	if (!err_failed(result))
		fields_put(shape->reply, ARRAY_LEN(shape->reply), op, room->body);
}

static struct err outputs_read(const struct wire_frame *frame, struct reader *r, struct hsm_op *op)
{
	const struct shape *shape = &shapes[op->verb];
	size_t expected = shape->plaintext_out ? shape->plaintext_out(op) : 0;
	REQUIRE(frame->plaintext.len == expected, E_HSM_PROTOCOL);
	struct wire_target to = {op, NULL};
	TRY(fields_get(shape->reply, ARRAY_LEN(shape->reply), r, &to));
	if (shape->plaintext_out != NULL && (expected > 0 || op->verb == HSM_OPEN))
		TRY(secret_new_from(frame->plaintext, &op->plaintext_out));
	return OK;
}

NODISCARD struct err wire_reply_read(const struct wire_frame *frame, struct hsm_op *op,
				     struct err *result)
{
	REQUIRE(frame->head.kind == WIRE_REPLY && frame->head.verb == op->verb, E_HSM_PROTOCOL);
	struct reader r;
	reader_init(&r, frame->body);
	struct err answer = get_err(&r);
	if (err_failed(answer)) {
		REQUIRE(!err_failed(reader_end(&r)) && frame->plaintext.len == 0, E_HSM_PROTOCOL);
		*result = answer;
		return OK;
	}
	struct err e = outputs_read(frame, &r, op);
	if (err_failed(e))
		hsm_op_cleanup(op);
	else
		*result = OK;
	return e;
}
