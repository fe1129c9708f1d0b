/* SPDX-License-Identifier: Apache-2.0 */
/* What the doors answer by themselves, before or instead of the service: one row per reason. */
#ifndef HOLDFAST_SERVER_REFUSAL_H
#define HOLDFAST_SERVER_REFUSAL_H

#include "base/buf.h"
#include "base/err.h"

enum refusal {
	REFUSAL_NONE,
	REFUSAL_NOT_FOUND,
	REFUSAL_METHOD,
	REFUSAL_FRAMING_BOTH,
	REFUSAL_FRAMING_LENGTH,
	REFUSAL_FRAMING_ENCODING,
	REFUSAL_HOST,
	REFUSAL_HEADERS,
	REFUSAL_TARGET,
	REFUSAL_TOO_LARGE,
	REFUSAL_PEER,
	REFUSAL_STOPPING,
	REFUSAL_INTERNAL,
	REFUSAL_COUNT
};

struct refusal_row {
	uint16_t status;
	/* Where a request ends is in doubt: answer at once and trust nothing that follows. */
	bool close;
	const char *type;
	const char *message;
};

const struct refusal_row *refusal_row(enum refusal refusal);

/* The body, as the AWS JSON protocol has it. */
NODISCARD struct err refusal_body(enum refusal refusal, struct buf *out);

#endif
