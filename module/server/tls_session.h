/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TLS of one connection: the set it began with, how far its handshake came, and whom the client
 * proved to be. libmicrohttpd drives the session and ends it before it tells that the connection
 * has ended.
 */
#ifndef HOLDFAST_SERVER_TLS_SESSION_H
#define HOLDFAST_SERVER_TLS_SESSION_H

#include <gnutls/gnutls.h>

#include "server/certificate.h"
#include "server/tls_failures.h"

struct tls;
struct tls_set;

struct tls_session {
	struct tls *tls; /* NULL: this connection has no TLS */
	struct tls_set *set;
	gnutls_session_t session;
	unsigned seen;          /* bits of the handshake's messages */
	bool vetted;            /* the client's certificate was checked, or its absence allowed */
	enum tls_failure unfit; /* why the client's certificate was refused; 0: it was not */
	struct certificate client; /* subject and fingerprint ""; without one */
};

/* Before the handshake; `s` may not move until tls_session_end(). E_TLS: end the connection. */
NODISCARD struct err tls_session_begin(struct tls_session *s, struct tls *tls,
				       gnutls_session_t session);

/* Counts how it came out. `received`: whether the client sent anything. */
void tls_session_end(struct tls_session *s, const char *address, bool received);

/* Whether requests may be taken: a client that must show a certificate has shown one. */
bool tls_session_admits(const struct tls_session *s);

/* For the call's record. Only while the connection lives. */
void tls_session_describe(const struct tls_session *s, struct call_tls *out);

/* gnutls_certificate_verify_function: chain, time and purpose of the client's certificate. */
int tls_session_verify(gnutls_session_t session);

#endif
