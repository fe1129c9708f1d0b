/* SPDX-License-Identifier: Apache-2.0 */
#include "server/certificate.h"

#include "base/text.h"
#include "codec/hex.h"

#define SHA256_BYTES 32

static void free_datum(gnutls_datum_t *datum)
{
	gnutls_free(datum->data);
}

/* A character is not cut in two. */
static struct view cut(struct view text)
{
	struct view part = view_part(text, 0, CALL_TLS_SUBJECT_MAX);
	while (part.len > 0 && !text_is_utf8(part))
		part.len--;
	return part;
}

static struct err read_subject(gnutls_x509_crt_t from, struct certificate *out)
{
	CLEANUP(free_datum) gnutls_datum_t name = {NULL, 0};
	int code = gnutls_x509_crt_get_dn3(from, &name, 0);
	if (code == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
		return OK; /* RFC 5280 §4.1.2.6: names may stand in subjectAltName alone */
	if (code < 0)
		return ERR_DETAIL(E_TLS, code);
	struct err e =
		text_copy(out->subject, sizeof out->subject, cut(view_of(name.data, name.size)));
	return err_failed(e) ? ERR(E_TLS) : OK;
}

NODISCARD struct err certificate_describe(gnutls_x509_crt_t from, struct certificate *out)
{
	struct certificate found = {.not_before_s = gnutls_x509_crt_get_activation_time(from),
				    .not_after_s = gnutls_x509_crt_get_expiration_time(from)};
	REQUIRE(found.not_before_s != -1 && found.not_after_s != -1, E_TLS);
	TRY(read_subject(from, &found));
	uint8_t digest[SHA256_BYTES];
	size_t size = sizeof digest;
	int code = gnutls_x509_crt_get_fingerprint(from, GNUTLS_DIG_SHA256, digest, &size);
	if (code < 0 || size != sizeof digest)
		return ERR_DETAIL(E_TLS, code);
	struct writer w;
	writer_init(&w, found.fingerprint, sizeof found.fingerprint);
	hex_encode(&w, VIEW_ARRAY(digest));
	TRY(writer_end_text(&w));
	*out = found;
	return OK;
}
