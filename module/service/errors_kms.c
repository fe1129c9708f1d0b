/* SPDX-License-Identifier: Apache-2.0 */
#include "service/errors_kms.h"

#include "codec/json.h"

#define INTERNAL "An internal error occurred. The request can be sent again."
#define TIMED_OUT "The key's token or store did not answer in time. The request can be sent again."
#define UNAVAILABLE "The key is not available at present. The request can be sent again."
#define BUSY "Rate exceeded"

#define SILENT(type_)                          \
	{                                      \
		.type = (type_), .status = 400 \
	}
#define SPEAKS(type_, text)                                                         \
	{                                                                           \
		.type = (type_), .status = 400, .message = (text), .own_text = true \
	}
#define FIXED(type_, status_, text)                                     \
	{                                                               \
		.type = (type_), .status = (status_), .message = (text) \
	}

/*
 * 400 for everything but the three faults of ours. A row without a text has no
 * `message` member when the call has no text of its own.
 */
static const struct error_kms rows[ERR_CODE_COUNT] = {
	[E_AUTH_MISSING] =
		SPEAKS("MissingAuthenticationTokenException", "Missing Authentication Token"),
	[E_AUTH_INCOMPLETE] =
		SPEAKS("IncompleteSignatureException", "The signature is incomplete."),
	[E_AUTH_UNKNOWN_KEY] = FIXED("UnrecognizedClientException", 400,
				     "The security token included in the request is invalid."),
	[E_AUTH_SIGNATURE] = SPEAKS("InvalidSignatureException",
				    "The request signature we calculated does not match the "
				    "signature you provided. Check your AWS Secret Access Key and "
				    "signing method. Consult the service documentation for "
				    "details."),
	[E_AUTH_EXPIRED] = SPEAKS("InvalidSignatureException", "Signature expired."),
	[E_AUTH_TOKEN_EXPIRED] = FIXED("ExpiredTokenException", 400,
				       "The security token included in the request is expired"),
	[E_AUTH_SCOPE] = SPEAKS("InvalidSignatureException",
				"Credential should be scoped to a valid region."),
	[E_ACCESS_DENIED] = SPEAKS("AccessDeniedException", NULL),

	[E_UNKNOWN_OPERATION] = SILENT("UnknownOperationException"),
	[E_UNSUPPORTED_OPERATION] = SPEAKS("UnsupportedOperationException", NULL),
	[E_SERIALIZATION] = SPEAKS("SerializationException", NULL),
	[E_VALIDATION] = SPEAKS("ValidationException", NULL),
	[E_TOO_LARGE] = FIXED("RequestEntityTooLargeException", 413, "The request is too large."),

	[E_KMS_NOT_FOUND] = SPEAKS("NotFoundException", NULL),
	[E_KMS_INVALID_ARN] = SPEAKS("InvalidArnException", NULL),
	[E_KMS_DISABLED] = SPEAKS("DisabledException", NULL),
	[E_KMS_INVALID_STATE] = SPEAKS("KMSInvalidStateException", NULL),
	[E_KMS_EXHAUSTED] = SPEAKS("KMSInvalidStateException", NULL),
	[E_KMS_KEY_USAGE] = SPEAKS("InvalidKeyUsageException", NULL),
	[E_KMS_CIPHERTEXT] = SILENT("InvalidCiphertextException"),
	[E_HSM_CIPHERTEXT] = SILENT("InvalidCiphertextException"),
	[E_KMS_INCORRECT_KEY] = FIXED("IncorrectKeyException", 400,
				      "The key ID in the request does not identify a CMK that can "
				      "perform this operation."),
	[E_KMS_INVALID_MARKER] = SPEAKS("InvalidMarkerException", "The marker is not valid."),
	[E_KMS_ALIAS_NAME] = SPEAKS("InvalidAliasNameException", NULL),
	[E_KMS_ALIAS_RESERVED] = SILENT("NotAuthorizedException"),
	[E_KMS_EXISTS] = SPEAKS("AlreadyExistsException", NULL),
	[E_KMS_LIMIT] = SPEAKS("LimitExceededException", NULL),
	[E_KMS_MALFORMED_POLICY] = SPEAKS("MalformedPolicyDocumentException", NULL),
	[E_KMS_TAG] = SPEAKS("TagException", NULL),
	[E_KMS_GRANT_TOKEN] = SPEAKS("InvalidGrantTokenException", "The grant token is not valid."),
	[E_KMS_GRANT_ID] = SPEAKS("InvalidGrantIdException", NULL),
	[E_KMS_KEY_STORE] = SPEAKS("CustomKeyStoreNotFoundException", NULL),
	[E_KMS_CONFLICT] = SPEAKS("ConflictException", NULL),
	[E_KMS_DRY_RUN] = FIXED("DryRunOperationException", 400,
				"The request would have succeeded, but the DryRun option is set."),

	/* of the admin operations on identities, as IAM names them */
	[E_IAM_NO_SUCH_ENTITY] = SPEAKS("NoSuchEntity", NULL),
	[E_IAM_EXISTS] = SPEAKS("EntityAlreadyExists", NULL),
	[E_IAM_DELETE_CONFLICT] = SPEAKS("DeleteConflict", NULL),
	[E_IAM_LIMIT] = SPEAKS("LimitExceeded", NULL),
	[E_IAM_MALFORMED_POLICY] = SPEAKS("MalformedPolicyDocument", NULL),

	[E_BUSY] = FIXED("ThrottlingException", 400, BUSY),
	[E_NOMEM] = FIXED("ThrottlingException", 400, BUSY),
	[E_LOCKED_MEMORY] = FIXED("ThrottlingException", 400, BUSY),
	[E_WOULD_BLOCK] = FIXED("ThrottlingException", 400, BUSY),
	[E_HSM_CAPACITY] = FIXED("ThrottlingException", 400, BUSY),
	[E_STORE_BUSY] = FIXED("ThrottlingException", 400, BUSY),
	[E_STORE_CONFLICT] = FIXED("ThrottlingException", 400, BUSY),

	[E_HSM_AWAY] = FIXED("DependencyTimeoutException", 500, TIMED_OUT),
	[E_HSM_TIMEOUT] = FIXED("DependencyTimeoutException", 500, TIMED_OUT),
	[E_HSM_PIN] = FIXED("DependencyTimeoutException", 500, TIMED_OUT),
	[E_STORE] = FIXED("DependencyTimeoutException", 500, TIMED_OUT),
	[E_STORE_FULL] = FIXED("DependencyTimeoutException", 500, TIMED_OUT),
	[E_HSM_KEY_UNKNOWN] = FIXED("KeyUnavailableException", 500, UNAVAILABLE),
	[E_HSM_ATTRIBUTES] = FIXED("KeyUnavailableException", 500, UNAVAILABLE),
	[E_HSM_KEY_ROLE] = FIXED("KeyUnavailableException", 500, UNAVAILABLE),
	[E_KMS_KEY_UNAVAILABLE] = FIXED("KeyUnavailableException", 500, UNAVAILABLE),
	[E_AUDIT] = {.type = "KMSInternalException",
		     .status = 500,
		     .message = INTERNAL,
		     .own_text = true}, /* for an operator */
	[E_NOT_ANCHORED] = {.type = "KMSInternalException",
			    .status = 500,
			    .message = INTERNAL,
			    .own_text = true}, /* for an operator */
	[E_DISTRUSTED] = {.type = "KMSInternalException",
			  .status = 500,
			  .message = INTERNAL,
			  .own_text = true}, /* for an operator */
	[E_CANCELLED] = FIXED("KMSInternalException", 500, "The service is stopping."),
};

static const struct error_kms internal = FIXED("KMSInternalException", 500, INTERNAL);

const struct error_kms *error_kms_of(struct err failure)
{
	if (failure.code >= ERR_CODE_COUNT || rows[failure.code].type == NULL)
		return &internal;
	return &rows[failure.code];
}

struct view error_row_text(const struct error_kms *row, const struct buf *own)
{
	if (row->own_text && own->len > 0)
		return buf_view(own);
	return view_of_text(row->message);
}

struct view error_kms_text(struct err failure, const struct buf *own)
{
	return error_row_text(error_kms_of(failure), own);
}

NODISCARD struct err error_row_write(const struct error_kms *row, const struct buf *own,
				     struct buf *body)
{
	struct view text = error_row_text(row, own);
	struct writer w;
	struct json_out out;
	writer_init_buf(&w, body);
	json_out_init(&out, &w);
	json_out_begin_object(&out, NULL);
	json_out_text(&out, "__type", view_of_text(row->type));
	if (text.len > 0)
		json_out_text(&out, "message", text);
	json_out_end_object(&out);
	return json_out_end(&out);
}

NODISCARD struct err error_kms_write(struct err failure, const struct buf *own, struct buf *body)
{
	return error_row_write(error_kms_of(failure), own, body);
}
