/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a request to an operation's input: parse, validate, decode. What comes first picks
 * the operation, the rest is the body. Whatever comes in, the answer is one of a few codes, the
 * same when it is decoded again, and what is decoded keeps the bounds that the later steps rely on.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/text.h"
#include "codec/form.h"
#include "codec/json.h"
#include "service/errors_kms.h"
#include "service/input.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return err_failed(json_start()) ? -1 : 0;
}

static void insist(bool condition)
{
	if (!condition)
		abort();
}

/* "CreateKey\n{}", or one byte that counts the rows; *body is what comes after it. */
static const struct operation *pick(struct view input, struct view *body)
{
	size_t count = 0;
	struct view rest = input, name = view_cut(&rest, '\n');
	for (; operation_at(count) != NULL; count++) {
		if (rest.ptr == NULL || !view_equal_text(name, operation_at(count)->name))
			continue;
		*body = rest;
		return operation_at(count);
	}
	*body = view_part(input, 1, input.len);
	return operation_at(input.ptr[0] % count);
}

static bool is_refusal(struct err e)
{
	static const enum err_code codes[] = {
		E_SERIALIZATION,         E_VALIDATION, E_KMS_TAG,
		E_UNSUPPORTED_OPERATION, E_KMS_LIMIT,  E_KMS_MALFORMED_POLICY,
		E_KMS_GRANT_ID,          E_IAM_LIMIT,  E_IAM_MALFORMED_POLICY};
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (err_is(e, codes[i]))
			return true;
	return false;
}

static void check_input(const struct work_input *in)
{
	insist(in->ciphertext.len <= KMS_CIPHERTEXT_MAX);
	insist(secret_view(in->plaintext).len <= HSM_PLAINTEXT_MAX);
	insist(in->length <= HSM_RANDOM_MAX);
	for (size_t i = 0; i < WORK_KEYS_MAX; i++)
		insist(in->contexts[i].len <= HSM_CONTEXT_MAX);
}

/* A refusal makes a body that is JSON again. */
static void check_refusal(struct call_work *work, struct err e)
{
	insist(is_refusal(e));
	insist(work->message.len > 0);
	buf_clear(&work->call->body);
	insist(!err_failed(error_kms_write(e, &work->message, &work->call->body)));
	CLEANUP(json_free) struct json *body = NULL;
	insist(!err_failed(json_parse(buf_view(&work->call->body), &body)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > CALL_BODY_MAX)
		return 0;
	CLEANUP(call_free) struct call *call = NULL;
	insist(!err_failed(call_new(&call)));
	struct call_work *work = call->work;
	work->operation = pick(view_of(data, size), &call->http.body);
	call->door = work->operation->door;
	call->protocol = work->operation->protocol;
	insist(!err_failed(
		text_copy(work->home.partition, sizeof work->home.partition, VIEW_LITERAL("aws"))));
	if (call->protocol == CALL_PROTOCOL_QUERY &&
	    err_failed(form_parse(call->http.body, &work->in.form)))
		return 0; /* fuzz_form.c */
	struct err first = input_decode(work);
	if (err_failed(first))
		check_refusal(work, first);
	else
		check_input(&work->in);
	struct err second = input_decode(work);
	insist(second.code == first.code);
	return 0;
}
