/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a request to an operation's input: parse, validate, decode. The first byte picks the
 * operation, the rest is the body. Whatever comes in, the answer is one of a few codes, the same
 * when it is decoded again, and what is decoded keeps the bounds that the later steps rely on.
 */
#include <stdint.h>
#include <stdlib.h>

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

static const struct operation *pick(uint8_t byte)
{
	size_t count = 0;
	while (operation_at(count) != NULL)
		count++;
	return operation_at(byte % count);
}

static bool is_refusal(struct err e)
{
	static const enum err_code codes[] = {
		E_SERIALIZATION, E_VALIDATION,           E_KMS_TAG,     E_UNSUPPORTED_OPERATION,
		E_KMS_LIMIT,     E_KMS_MALFORMED_POLICY, E_KMS_GRANT_ID};
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
	work->operation = pick(data[0]);
	call->door = work->operation->door;
	call->protocol = work->operation->protocol;
	call->http.body = view_of(data + 1, size - 1);
	struct err first = input_decode(work);
	if (err_failed(first))
		check_refusal(work, first);
	else
		check_input(&work->in);
	struct err second = input_decode(work);
	insist(second.code == first.code);
	return 0;
}
