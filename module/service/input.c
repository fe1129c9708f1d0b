/* SPDX-License-Identifier: Apache-2.0 */
#include "service/input.h"

#include "base/mem.h"
#include "base/text.h"
#include "codec/base64.h"
#include "kms/context.h"
#include "service/query.h"

const struct json *input_member(const struct call_work *work, const char *name)
{
	const struct json *value = json_member(work->in.document, name);
	return json_type_of(value) == JSON_TYPE_NULL ? NULL : value;
}

struct view input_text(const struct call_work *work, const char *name)
{
	return json_string_of(json_member(work->in.document, name));
}

int64_t input_integer(const struct call_work *work, const char *name, int64_t otherwise)
{
	const struct json *value = input_member(work, name);
	return value != NULL ? json_integer_of(value) : otherwise;
}

bool input_bool(const struct call_work *work, const char *name)
{
	return json_bool_of(json_member(work->in.document, name));
}

/* Which member it was may be said; what stood in it may not. */
static struct err not_base64(struct call_work *work, const char *name)
{
	return work_refuse(work, ERR(E_SERIALIZATION), "%s is not valid Base64.", name);
}

NODISCARD struct err input_blob(struct call_work *work, const char *name, struct buf *out)
{
	struct writer w;
	buf_clear(out);
	writer_init_buf(&w, out);
	struct err e = base64_decode(&w, input_text(work, name));
	if (err_is(e, E_FORMAT))
		return not_base64(work, name);
	return e;
}

NODISCARD struct err input_secret(struct call_work *work, const char *name, struct secret **out)
{
	struct view text = input_text(work, name);
	CLEANUP(secret_free) struct secret *secret = NULL;
	TRY(secret_new(MAX_OF(BASE64_DECODED_MAX(text.len), (size_t)1), &secret));
	struct writer w;
	writer_init_secret(&w, secret);
	struct err e = base64_decode(&w, text);
	if (err_is(e, E_FORMAT))
		return not_base64(work, name);
	TRY(e);
	TRY(writer_end_secret(&w, secret));
	*out = TAKE(secret);
	return OK;
}

NODISCARD struct err input_refuse_member(struct call_work *work, const char *name)
{
	if (input_member(work, name) == NULL)
		return OK;
	return work_refuse(work, ERR(E_UNSUPPORTED_OPERATION), "%s is not supported.", name);
}

static struct err parse(struct call_work *work)
{
	json_free(&work->in.document);
	buf_clear(&work->message);
	if (work->call->protocol == CALL_PROTOCOL_QUERY)
		return query_document(work, &work->in.document);
	struct view body = work->call->http.body;
	if (work->call->door == CALL_DOOR_ADMIN && body.len == 0)
		body = VIEW_LITERAL("{}");
	struct err e = json_parse(body, &work->in.document);
	if (err_category(e) == ERR_CALLER)
		return work_refuse(work, ERR_DETAIL(E_SERIALIZATION, e.detail),
				   "The request body is not valid JSON.");
	return e;
}

static struct err list_pairs(const struct json *map, struct kms_context_pair **out)
{
	CLEANUP(mem_free_at) struct kms_context_pair *pairs = NULL;
	TRY(MEM_NEW_ARRAY(json_count(map), &pairs));
	const struct json *value;
	struct view name;
	size_t count = 0;
	for (size_t at = 0; json_next_member(map, &at, &name, &value); count++)
		pairs[count] = (struct kms_context_pair){name, json_string_of(value)};
	*out = TAKE(pairs);
	return OK;
}

/* KMS API: EncryptionContextType; an empty map is as good as none. */
static struct err decode_context(struct call_work *work, const char *name, struct buf *out)
{
	buf_clear(out);
	const struct json *map = name != NULL ? input_member(work, name) : NULL;
	if (json_count(map) == 0)
		return OK;
	CLEANUP(mem_free_at) struct kms_context_pair *pairs = NULL;
	REQUIRE(json_count(map) <= KMS_CONTEXT_PAIRS_MAX, E_VALIDATION);
	TRY(list_pairs(map, &pairs));
	struct err e = kms_context_encode(pairs, json_count(map), out);
	if (err_is(e, E_BOUNDS))
		return work_refuse(work, ERR(E_VALIDATION),
				   "%s must not exceed %d characters in all.", name,
				   KMS_CONTEXT_CHARACTERS_MAX);
	return e;
}

static struct err decode_contexts(struct call_work *work)
{
	for (size_t i = 0; i < WORK_KEYS_MAX; i++)
		TRY(decode_context(work, work->operation->keys[i].context, &work->in.contexts[i]));
	return OK;
}

/* Members that an operation does not have are ignored, as AWS ignores them: a DryRun that is sent
 * with CreateKey must not let it be done and then denied. */
bool input_declares(const struct call_work *work, const char *name)
{
	const struct schema_shape *input = work->operation->input;
	for (const struct schema_member *m = input->members; m->name != NULL; m++)
		if (text_equal(m->name, name))
			return true;
	return false;
}

NODISCARD struct err input_decode(struct call_work *work)
{
	TRY(parse(work));
	TRY(schema_validate(work->operation->input, work->in.document, &work->message));
	TRY(decode_contexts(work));
	work->in.dry_run = input_declares(work, "DryRun") && input_bool(work, "DryRun");
	return work->operation->decode != NULL ? work->operation->decode(work) : OK;
}
