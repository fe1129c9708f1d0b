/* SPDX-License-Identifier: Apache-2.0 */
#include "service/reply.h"

#include "base/log.h"
#include "base/text.h"
#include "codec/base64.h"
#include "service/errors.h"
#include "service/errors_sts.h"
#include "service/operation.h"

#define JSON_TYPE "application/x-amz-json-1.1"
#define XML_TYPE "text/xml"
#define ELEMENT_NAME_MAX 64
#define REPLY_USUAL 1024        /* bytes of most replies: one allocation */
#define SECRET_REPLY_ROOM 1024  /* bytes of a reply besides its two blobs */
#define SESSION_REPLY_ROOM 4096 /* of one with temporary credentials: ids, ARNs, secret, token */

static struct err encode_json(struct call_work *work, struct writer *w)
{
	struct json_out out;
	ENSURE(work->operation->encode != NULL);
	json_out_init(&out, w);
	json_out_begin_object(&out, NULL);
	work->operation->encode(work, &out);
	json_out_end_object(&out);
	TRY(json_out_end(&out));
	return writer_end(w);
}

/* <NameResponse><NameResult>...</NameResult><ResponseMetadata>...</NameResponse> */
static struct err encode_query(struct call_work *work, struct writer *w)
{
	char response[ELEMENT_NAME_MAX], result[ELEMENT_NAME_MAX];
	struct xml_out out;
	ENSURE(work->operation->encode_xml != NULL);
	TRY(text_format(response, sizeof response, "%sResponse", work->operation->name));
	TRY(text_format(result, sizeof result, "%sResult", work->operation->name));
	xml_out_init(&out, w);
	xml_out_begin(&out, response, STS_NAMESPACE);
	xml_out_begin(&out, result, NULL);
	work->operation->encode_xml(work, &out);
	xml_out_end(&out);
	xml_out_begin(&out, "ResponseMetadata", NULL);
	xml_out_text(&out, "RequestId", view_of_text(work->call->request_id));
	xml_out_end(&out);
	xml_out_end(&out);
	return xml_out_finish(&out);
}

static struct err encode(struct call_work *work, struct writer *w)
{
	return work->call->protocol == CALL_PROTOCOL_QUERY ? encode_query(work, w)
							   : encode_json(work, w);
}

static struct err encode_secret(struct call_work *work)
{
	size_t plaintext = secret_view(work->op.plaintext_out).len;
	size_t room = (work->out.session ? SESSION_REPLY_ROOM : SECRET_REPLY_ROOM) +
		      BASE64_ENCODED_LEN(plaintext) + BASE64_ENCODED_LEN(work->out.ciphertext.len);
	CLEANUP(secret_free) struct secret *body = NULL;
	TRY(secret_new(room, &body));
	struct writer w;
	writer_init_secret(&w, body);
	TRY(encode(work, &w));
	TRY(writer_end_secret(&w, body));
	work->call->body_secret = TAKE(body);
	secret_free(&work->op.plaintext_out);
	return OK;
}

static struct err encode_plain(struct call_work *work)
{
	struct writer w;
	TRY(buf_reserve(&work->call->body, REPLY_USUAL));
	writer_init_buf(&w, &work->call->body);
	return encode(work, &w);
}

/* What is away is told by readiness. A line for each call that nobody has signed for would let junk
 * fill the operator's log. That nothing is served any more is said once: distrust.c. */
static enum log_level level_of(const struct call_work *work)
{
	bool away = err_category(work->failure) == ERR_UNAVAILABLE;
	bool told = err_is(work->failure, E_DISTRUSTED) || (away && !work->authenticated);
	return told ? LOG_DEBUG : LOG_ERROR;
}

static const char *content_type_of(const struct call *call)
{
	return call->protocol == CALL_PROTOCOL_QUERY ? XML_TYPE : JSON_TYPE;
}

static bool has_body(const struct call_work *work)
{
	const struct operation *operation = work->operation;
	return work->call->protocol == CALL_PROTOCOL_QUERY ? operation->encode_xml != NULL
							   : operation->encode != NULL;
}

NODISCARD struct err reply_encode(struct call_work *work)
{
	work->call->status = 200;
	work->call->content_type = content_type_of(work->call);
	if (!has_body(work))
		return OK;
	return work->operation->flags & OPERATION_SECRET_REPLY ? encode_secret(work)
							       : encode_plain(work);
}

void reply_refuse(struct call_work *work)
{
	struct call *call = work->call;
	secret_free(&call->body_secret);
	buf_clear(&call->body);
	call->status = error_of(work)->status;
	call->content_type = content_type_of(call);
	if (err_category(work->failure) > ERR_CAPACITY)
		log_event(level_of(work), "call.failed",
			  LOG_TEXT("operation", work->operation ? work->operation->name : ""),
			  LOG_ERR(work->failure));
	if (err_failed(error_write(work)))
		buf_clear(&call->body);
}
