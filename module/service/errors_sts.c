/* SPDX-License-Identifier: Apache-2.0 */
#include "service/errors_sts.h"

#include "codec/xml_out.h"

#define ROW(type_, status_, text)                                                         \
	{                                                                                 \
		.type = (type_), .status = (status_), .message = (text), .own_text = true \
	}
#define FIXED(type_, status_, text)                                     \
	{                                                               \
		.type = (type_), .status = (status_), .message = (text) \
	}
#define THROTTLING FIXED("Throttling", 400, "Rate exceeded")

/* STS API Reference, "Common Errors", and the errors of AssumeRole. */
static const struct error_kms rows[ERR_CODE_COUNT] = {
	[E_AUTH_MISSING] =
		ROW("MissingAuthenticationToken", 403, "Request is missing Authentication Token"),
	[E_AUTH_INCOMPLETE] = ROW("IncompleteSignature", 400, "The signature is incomplete."),
	[E_AUTH_UNKNOWN_KEY] = FIXED("InvalidClientTokenId", 403,
				     "The security token included in the request is invalid."),
	[E_AUTH_SIGNATURE] = ROW("SignatureDoesNotMatch", 403,
				 "The request signature we calculated does not match the "
				 "signature you provided. Check your AWS Secret Access Key and "
				 "signing method. Consult the service documentation for details."),
	[E_AUTH_EXPIRED] = ROW("SignatureDoesNotMatch", 403, "Signature expired."),
	[E_AUTH_SCOPE] =
		ROW("SignatureDoesNotMatch", 403, "Credential should be scoped to a valid region."),
	[E_AUTH_TOKEN_EXPIRED] =
		FIXED("ExpiredToken", 403, "The security token included in the request is expired"),
	[E_ACCESS_DENIED] = ROW("AccessDenied", 403, "Access denied"),

	[E_UNKNOWN_OPERATION] = ROW("InvalidAction", 400, "Could not find the operation."),
	[E_SERIALIZATION] = ROW("MalformedInput", 400, "The request body is not a valid form."),
	[E_VALIDATION] = ROW("ValidationError", 400, "A parameter is not valid."),
	[E_TOO_LARGE] = FIXED("RequestEntityTooLarge", 413, "The request is too large."),
	[E_KMS_MALFORMED_POLICY] =
		ROW("MalformedPolicyDocument", 400, "The policy is not in the valid JSON format."),

	[E_BUSY] = THROTTLING,
	[E_NOMEM] = THROTTLING,
	[E_LOCKED_MEMORY] = THROTTLING,
	[E_WOULD_BLOCK] = THROTTLING,
	[E_HSM_CAPACITY] = THROTTLING,
	[E_STORE_BUSY] = THROTTLING,
	[E_STORE_CONFLICT] = THROTTLING,
};

static const struct error_kms internal = FIXED(
	"InternalFailure", 500,
	"The request processing has failed because of an unknown error, exception or failure.");

const struct error_kms *error_sts_of(struct err failure)
{
	if (failure.code >= ERR_CODE_COUNT || rows[failure.code].type == NULL)
		return &internal;
	return &rows[failure.code];
}

NODISCARD struct err error_sts_write(struct err failure, const struct buf *own,
				     const char *request_id, struct buf *body)
{
	const struct error_kms *row = error_sts_of(failure);
	struct writer w;
	struct xml_out out;
	writer_init_buf(&w, body);
	xml_out_init(&out, &w);
	xml_out_begin(&out, "ErrorResponse", STS_NAMESPACE);
	xml_out_begin(&out, "Error", NULL);
	xml_out_text(&out, "Type", view_of_text(row->status < 500 ? "Sender" : "Receiver"));
	xml_out_text(&out, "Code", view_of_text(row->type));
	xml_out_text(&out, "Message", error_row_text(row, own));
	xml_out_end(&out);
	xml_out_text(&out, "RequestId", view_of_text(request_id));
	xml_out_end(&out);
	return xml_out_finish(&out);
}
