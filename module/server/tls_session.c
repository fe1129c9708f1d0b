/* SPDX-License-Identifier: Apache-2.0 */
#include "server/tls_session.h"

#include "base/mem.h"
#include "server/tls.h"
#include "server/tls_set.h"

enum seen {
	SEEN_HELLO = 1 << 0,  /* the client's */
	SEEN_ANSWER = 1 << 1, /* our hello */
	SEEN_CLIENT_FINISHED = 1 << 2,
	SEEN_SERVER_FINISHED = 1 << 3,
	SEEN_ALL = (1 << 4) - 1
};

static const struct {
	unsigned message;
	bool incoming;
	enum seen seen;
} messages[] = {
	{GNUTLS_HANDSHAKE_CLIENT_HELLO, true, SEEN_HELLO},
	{GNUTLS_HANDSHAKE_SERVER_HELLO, false, SEEN_ANSWER},
	{GNUTLS_HANDSHAKE_FINISHED, true, SEEN_CLIENT_FINISHED},
	{GNUTLS_HANDSHAKE_FINISHED, false, SEEN_SERVER_FINISHED},
};

/* CloudTrail's names. */
static const struct {
	gnutls_protocol_t version;
	const char *name;
} versions[] = {
	{GNUTLS_TLS1_2, "TLSv1.2"},
	{GNUTLS_TLS1_3, "TLSv1.3"},
};

/*
 * Asked for in both cases, so that it is our own function that refuses, knows why and tells the
 * client; with REQUIRE the library does, in silence. Should it ever not call our function, then
 * tls_session_admits() has the last word.
 */
static const gnutls_certificate_request_t requests[] = {
	[SERVER_TLS_CLIENTS_OFF] = GNUTLS_CERT_IGNORE,
	[SERVER_TLS_CLIENTS_OPTIONAL] = GNUTLS_CERT_REQUEST,
	[SERVER_TLS_CLIENTS_REQUIRED] = GNUTLS_CERT_REQUEST,
};

/* gnutls_certificate_status_t to a reason and the alert that says so: the first that holds. */
static const struct {
	unsigned status;
	enum tls_failure failure;
	gnutls_alert_description_t alert;
} verdicts[] = {
	{GNUTLS_CERT_SIGNER_NOT_FOUND, TLS_FAILURE_CLIENT_UNKNOWN_CA, GNUTLS_A_UNKNOWN_CA},
	{GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED, TLS_FAILURE_CLIENT_TIME,
	 GNUTLS_A_CERTIFICATE_EXPIRED},
	{GNUTLS_CERT_PURPOSE_MISMATCH, TLS_FAILURE_CLIENT_PURPOSE,
	 GNUTLS_A_UNSUPPORTED_CERTIFICATE},
	{~0U, TLS_FAILURE_CLIENT_UNFIT, GNUTLS_A_BAD_CERTIFICATE},
};

static int on_message(gnutls_session_t session, unsigned message, unsigned when, unsigned incoming,
		      const gnutls_datum_t *data)
{
	(void)when;
	(void)data;
	struct tls_session *s = gnutls_session_get_ptr(session);
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		if (messages[i].message == message && messages[i].incoming == (incoming != 0))
			s->seen |= messages[i].seen;
	}
	return 0;
}

NODISCARD struct err tls_session_begin(struct tls_session *s, struct tls *tls,
				       gnutls_session_t session)
{
	*s = (struct tls_session){.tls = tls, .set = tls_acquire(tls), .session = session};
	int code = gnutls_priority_set(session, s->set->priority);
	if (code < 0)
		return ERR_DETAIL(E_TLS, code);
	/* In place of the library's own, which have no certificate. */
	code = gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, s->set->credentials);
	if (code < 0)
		return ERR_DETAIL(E_TLS, code);
	gnutls_session_set_ptr(session, s);
	gnutls_certificate_server_set_request(session, requests[s->set->clients]);
	gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_BOTH,
					   on_message);
	return OK;
}

static enum tls_failure reason_of(const struct tls_session *s, bool received)
{
	if (s->unfit != 0)
		return s->unfit;
	if ((s->seen & SEEN_ANSWER) != 0)
		return TLS_FAILURE_BROKEN_OFF;
	if ((s->seen & SEEN_HELLO) != 0)
		return TLS_FAILURE_NOTHING_IN_COMMON;
	return received ? TLS_FAILURE_NO_HELLO : TLS_FAILURE_SILENT;
}

void tls_session_end(struct tls_session *s, const char *address, bool received)
{
	if (s->tls == NULL)
		return;
	if (s->seen == SEEN_ALL && s->unfit == 0)
		atomic_fetch_add_explicit(&s->tls->handshakes, 1, memory_order_relaxed);
	else
		tls_failures_count(&s->tls->failures, reason_of(s, received), address);
	tls_set_release(&s->set);
	s->tls = NULL;
}

bool tls_session_admits(const struct tls_session *s)
{
	return s->tls == NULL || s->set->clients == SERVER_TLS_CLIENTS_OFF ||
	       (s->vetted && s->unfit == 0);
}

void tls_session_describe(const struct tls_session *s, struct call_tls *out)
{
	if (s->tls == NULL)
		return;
	gnutls_protocol_t version = gnutls_protocol_get_version(s->session);
	out->version = "TLS";
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		if (versions[i].version == version)
			out->version = versions[i].name;
	}
	const char *suite = gnutls_ciphersuite_get(s->session);
	out->suite = suite ? suite : "";
	_Static_assert(sizeof out->client_subject == sizeof s->client.subject, "one size");
	mem_copy(out->client_subject, sizeof out->client_subject, s->client.subject,
		 sizeof s->client.subject);
	mem_copy(out->client_fingerprint, sizeof out->client_fingerprint, s->client.fingerprint,
		 sizeof s->client.fingerprint);
}

/* ---- the client's certificate ---- */

static void crt_cleanup(gnutls_x509_crt_t *crt)
{
	if (*crt != NULL)
		gnutls_x509_crt_deinit(*crt);
}

/* libmicrohttpd closes without a word; the client should learn why. It may not arrive. */
static int refuse(struct tls_session *s, enum tls_failure why, gnutls_alert_description_t alert)
{
	s->unfit = why;
	(void)gnutls_alert_send(s->session, GNUTLS_AL_FATAL, alert);
	return GNUTLS_E_CERTIFICATE_ERROR;
}

static int refuse_status(struct tls_session *s, unsigned status)
{
	size_t i = 0;
	while ((status & verdicts[i].status) == 0)
		i++;
	return refuse(s, verdicts[i].failure, verdicts[i].alert);
}

static struct err identify(struct tls_session *s, const gnutls_datum_t *der)
{
	CLEANUP(crt_cleanup) gnutls_x509_crt_t crt = NULL;
	int code = gnutls_x509_crt_init(&crt);
	if (code == 0)
		code = gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER);
	if (code < 0)
		return ERR_DETAIL(E_TLS, code);
	return certificate_describe(crt, &s->client);
}

static int verify_none(struct tls_session *s)
{
	/* RFC 8446 §6.2; RFC 5246 §7.4.6 for the version before. */
	bool current = gnutls_protocol_get_version(s->session) == GNUTLS_TLS1_3;
	if (s->set->clients == SERVER_TLS_CLIENTS_REQUIRED)
		return refuse(s, TLS_FAILURE_CLIENT_MISSING,
			      current ? GNUTLS_A_CERTIFICATE_REQUIRED : GNUTLS_A_HANDSHAKE_FAILURE);
	s->vetted = true;
	return 0;
}

int tls_session_verify(gnutls_session_t session)
{
	struct tls_session *s = gnutls_session_get_ptr(session);
	unsigned count = 0;
	const gnutls_datum_t *peers = gnutls_certificate_get_peers(session, &count);
	if (peers == NULL || count == 0)
		return verify_none(s);
	/* RFC 5280 §4.2.1.12: a certificate that names purposes must name this one. */
	gnutls_typed_vdata_st wanted = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
	unsigned status = ~0U;
	int code = gnutls_certificate_verify_peers(session, &wanted, 1, &status);
	if (code < 0)
		return refuse(s, TLS_FAILURE_CLIENT_UNFIT, GNUTLS_A_BAD_CERTIFICATE);
	if (status != 0)
		return refuse_status(s, status);
	if (err_failed(identify(s, &peers[0])))
		return refuse(s, TLS_FAILURE_CLIENT_UNFIT, GNUTLS_A_BAD_CERTIFICATE);
	s->vetted = true;
	return 0;
}
