/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that one TLS handshake needs, read from the files at one moment: certificate, key,
 * client CA, priorities. A set never changes; a reload makes another, and connections keep the one
 * they began with.
 */
#ifndef HOLDFAST_SERVER_TLS_SET_H
#define HOLDFAST_SERVER_TLS_SET_H

#include <gnutls/gnutls.h>
#include <stdatomic.h>

#include "server/certificate.h"
#include "server/server.h"

struct tls_set {
	atomic_uint holders;
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priority;
	enum server_tls_clients clients;
	struct certificate certificate;
};

/*
 * Reads and checks all of it: the key fits the certificate, the chain is one, the CA is there.
 * *out: held once, tls_set_release(). E_TLS, logged with the file and what to do; E_NOMEM.
 * Whether the certificate is valid at this time is the caller's to judge.
 */
NODISCARD struct err tls_set_load(const struct server_tls_options *options, struct tls_set **out);

struct tls_set *tls_set_acquire(struct tls_set *set);

/* The last one frees. *set may be NULL. */
void tls_set_release(struct tls_set **set);

#endif
