/* SPDX-License-Identifier: Apache-2.0 */
#include "service/errors_cloudtrail.h"

#define SPEAKS(type_, text)                                                         \
	{                                                                           \
		.type = (type_), .status = 400, .message = (text), .own_text = true \
	}

/* CloudTrail API: LookupEvents, Errors. */
static const struct error_kms rows[] = {
	[E_LOOKUP_ATTRIBUTES] =
		SPEAKS("InvalidLookupAttributesException", "The lookup attribute is not valid."),
	[E_LOOKUP_TIME_RANGE] = SPEAKS("InvalidTimeRangeException", "The time range is not valid."),
	[E_LOOKUP_MAX_RESULTS] =
		SPEAKS("InvalidMaxResultsException", "The number of results is not valid."),
	[E_LOOKUP_CATEGORY] =
		SPEAKS("InvalidEventCategoryException", "The event category is not valid."),
	/* "ServiceUnavailable: The request has failed due to a temporary failure of the server." */
	[E_LOOKUP_AWAY] = {.type = "ServiceUnavailable",
			   .status = 503,
			   .message = "Part of the event history cannot be read at present. The "
				      "request can be sent again."},
	[E_KMS_INVALID_MARKER] = SPEAKS("InvalidNextTokenException", "The token is not valid."),
};

static const struct error_kms internal = {.type = "InternalFailure",
					  .status = 500,
					  .message = "The request processing has failed because of "
						     "an unknown error, exception or failure."};

/* Errors that all services have; the others of KMS mean nothing here. */
static bool is_common(struct err failure)
{
	switch (err_category(failure)) {
	case ERR_DENIED:
	case ERR_CAPACITY:
		return true;
	case ERR_CALLER:
		return err_is(failure, E_UNKNOWN_OPERATION) ||
		       err_is(failure, E_UNSUPPORTED_OPERATION) ||
		       err_is(failure, E_SERIALIZATION) || err_is(failure, E_VALIDATION) ||
		       err_is(failure, E_TOO_LARGE);
	case ERR_NONE:
	case ERR_UNAVAILABLE:
	case ERR_OPERATOR:
	case ERR_INTERNAL:
		break;
	}
	return false;
}

const struct error_kms *error_cloudtrail_of(struct err failure)
{
	if (failure.code < ARRAY_LEN(rows) && rows[failure.code].type != NULL)
		return &rows[failure.code];
	return is_common(failure) ? error_kms_of(failure) : &internal;
}
