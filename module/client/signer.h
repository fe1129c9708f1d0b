/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Signature Version 4 from the client's side: makes the headers that a request needs. Written
 * apart from the verifying side (auth/sigv4), so that one cannot hide a fault of the other.
 */
#ifndef HOLDFAST_CLIENT_SIGNER_H
#define HOLDFAST_CLIENT_SIGNER_H

#include "base/err.h"
#include "base/secret.h"
#include "base/view.h"

#define SIGNER_AUTHORIZATION_MAX 512
#define SIGNER_DATE_TEXT 17

/* All borrowed. */
struct signer {
	struct view access_key_id;
	const struct secret *secret_key;
	struct view region;
	struct view service; /* "kms" */
};

/* What is signed: POST to `path`, with exactly host, content-type, x-amz-date and x-amz-target. */
struct signer_request {
	struct view host;
	struct view path;
	struct view content_type;
	struct view target;
	struct view body;
	int64_t now_ms;
};

struct signer_headers {
	char date[SIGNER_DATE_TEXT];                  /* X-Amz-Date */
	char authorization[SIGNER_AUTHORIZATION_MAX]; /* Authorization */
};

/* E_BOUNDS for names too long; E_SYSTEM from the digests. */
NODISCARD struct err signer_sign(const struct signer *signer, const struct signer_request *request,
				 struct signer_headers *out);

#endif
