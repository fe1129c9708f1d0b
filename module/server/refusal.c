/* SPDX-License-Identifier: Apache-2.0 */
#include "server/refusal.h"

#include "base/writer.h"
#include "codec/json.h"

#define MALFORMED "MalformedHttpRequestException" /* AWS KMS API Reference, Common Errors */

static const struct refusal_row rows[REFUSAL_COUNT] = {
	[REFUSAL_NONE] = {500, true, "InternalFailure", "no reason was given"},
	[REFUSAL_NOT_FOUND] = {404, false, "UnknownOperationException",
			       "There is nothing at this path: send POST / with X-Amz-Target."},
	[REFUSAL_METHOD] = {405, false, "UnknownOperationException",
			    "This path does not take this method: send POST / with X-Amz-Target."},
	[REFUSAL_FRAMING_BOTH] = {400, true, MALFORMED,
				  "Content-Length and Transfer-Encoding exclude each other."},
	[REFUSAL_FRAMING_LENGTH] = {400, true, MALFORMED,
				    "Content-Length must stand once and be a decimal number."},
	[REFUSAL_FRAMING_ENCODING] = {400, true, MALFORMED,
				      "Transfer-Encoding must stand once and be chunked, in "
				      "HTTP/1.1."},
	[REFUSAL_HOST] = {400, true, MALFORMED, "The Host header must stand once."},
	[REFUSAL_HEADERS] = {400, true, MALFORMED, "The request has too many headers."},
	[REFUSAL_TARGET] = {400, false, MALFORMED, "X-Amz-Target may stand only once."},
	[REFUSAL_TOO_LARGE] = {413, false, "RequestEntityTooLargeException",
			       "The request body is larger than 262144 bytes."},
	[REFUSAL_PEER] = {403, false, "AccessDeniedException",
			  "Your user may not use the admin socket: use root or the service's own "
			  "user, or have allowed_users in section [admin] name yours."},
	[REFUSAL_STOPPING] = {503, true, "ServiceUnavailableException",
			      "The service is stopping. Try again."},
	[REFUSAL_INTERNAL] = {500, true, "InternalFailure",
			      "The service has no memory left for this request. Try again."},
};

const struct refusal_row *refusal_row(enum refusal refusal)
{
	return &rows[refusal < REFUSAL_COUNT ? refusal : REFUSAL_NONE];
}

NODISCARD struct err refusal_body(enum refusal refusal, struct buf *out)
{
	const struct refusal_row *row = refusal_row(refusal);
	struct writer w;
	writer_init_buf(&w, out);
	struct json_out json;
	json_out_init(&json, &w);
	json_out_begin_object(&json, NULL);
	json_out_text(&json, "__type", view_of_text(row->type));
	json_out_text(&json, "message", view_of_text(row->message));
	json_out_end_object(&json);
	TRY(json_out_end(&json));
	return writer_end(&w);
}
