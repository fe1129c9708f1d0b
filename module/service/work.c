/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a call and of its work area. */
#include "service/work.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "codec/form.h"
#include "service/core.h"
#include "service/grant_request.h"
#include "service/identity_told.h"
#include "service/keyring.h"
#include "service/sessions.h"
#include "service/subjects.h"

#define REFUSAL_MAX 4096 /* bytes of one text made by work_refuse() */

static void input_cleanup(struct work_input *in)
{
	form_free(&in->form);
	json_free(&in->document);
	buf_cleanup(&in->ciphertext);
	secret_free(&in->plaintext);
	grant_request_free(&in->grant);
	for (size_t i = 0; i < WORK_KEYS_MAX; i++)
		buf_cleanup(&in->contexts[i]);
}

static void output_cleanup(struct work_output *out)
{
	buf_cleanup(&out->ciphertext);
	buf_cleanup(&out->written);
	kms_key_full_cleanup(&out->made);
	mem_free(TAKE(out->list.items));
	mem_free(TAKE(out->list.marker));
	mem_free(TAKE(out->last_use));
	mem_free(TAKE(out->grant));
	call_free(&out->explained);
	if (out->session != NULL)
		session_made_cleanup(out->session);
	mem_free(TAKE(out->session));
	identity_told_free(&out->identity);
	if (out->survey != NULL)
		kms_survey_cleanup(out->survey);
	mem_free(TAKE(out->survey));
	mem_free(TAKE(out->backup));
}

void work_cleanup(struct call_work *work)
{
	input_cleanup(&work->in);
	output_cleanup(&work->out);
	for (size_t i = 0; i < WORK_KEYS_MAX; i++)
		keyring_release(&work->keys[i]);
	mem_free(TAKE(work->alias));
	subject_release(&work->subject);
	mem_free(TAKE(work->session_policy));
	hsm_op_cleanup(&work->op);
	buf_cleanup(&work->message);
	buf_cleanup(&work->line);
}

NODISCARD struct err call_new(struct call **out)
{
	CLEANUP(call_free) struct call *call = NULL;
	TRY(MEM_NEW(&call));
	TRY(MEM_NEW(&call->work));
	struct call_work *work = call->work;
	work->call = call;
	work->failure = OK;
	buf_init(&call->body, WORK_REPLY_MAX);
	buf_init(&work->message, SCHEMA_MESSAGE_MAX);
	buf_init(&work->line, AUDIT_RECORD_MAX);
	buf_init(&work->in.ciphertext, KMS_CIPHERTEXT_MAX);
	buf_init(&work->out.ciphertext, KMS_CIPHERTEXT_MAX);
	for (size_t i = 0; i < WORK_KEYS_MAX; i++)
		buf_init(&work->in.contexts[i], HSM_CONTEXT_MAX);
	*out = TAKE(call);
	return OK;
}

void call_free(struct call **call)
{
	if (*call == NULL)
		return;
	if ((*call)->work != NULL)
		work_cleanup((*call)->work);
	mem_free((*call)->work);
	buf_cleanup(&(*call)->body);
	secret_free(&(*call)->body_secret);
	mem_free(TAKE(*call));
}

NODISCARD struct err work_refuse(struct call_work *work, struct err failure, const char *format,
				 ...)
{
	char text[REFUSAL_MAX];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	buf_clear(&work->message);
	struct err e = buf_append_text(&work->message, text);
	return err_failed(e) ? e : failure;
}

void work_key_arn(const struct call_work *work, size_t which, char out[KMS_KEY_ARN_TEXT])
{
	const struct kms_key *key = &keyring_key(work->keys[which])->key;
	kms_key_arn_format(&key->scope, &key->id, out);
}

int64_t work_deadline_ms(const struct call_work *work)
{
	return service_deadline_ms(work->service);
}
