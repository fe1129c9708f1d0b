/* SPDX-License-Identifier: Apache-2.0 */
/* What people and records are told of a certificate: its subject, fingerprint and time. */
#ifndef HOLDFAST_SERVER_CERTIFICATE_H
#define HOLDFAST_SERVER_CERTIFICATE_H

#include <gnutls/x509.h>

#include "base/err.h"
#include "service/call.h"

struct certificate {
	char subject[CALL_TLS_SUBJECT_MAX + 1]; /* RFC 4514, valid UTF-8; longer ones are cut */
	char fingerprint[CALL_TLS_FINGERPRINT_LEN + 1]; /* SHA-256 of its DER, in hex */
	int64_t not_before_s, not_after_s;              /* Unix time */
};

/* E_TLS when the library cannot read it. */
NODISCARD struct err certificate_describe(gnutls_x509_crt_t from, struct certificate *out);

#endif
