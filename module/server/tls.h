/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TLS of a listener: which set of credentials is in force, its reload, what is told of it.
 * Thread-safe.
 */
#ifndef HOLDFAST_SERVER_TLS_H
#define HOLDFAST_SERVER_TLS_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "server/server.h"
#include "server/tls_failures.h"

#define TLS_EXPIRY_WARNING_DAYS 30

struct tls_set;

struct tls {
	struct server_tls_options options; /* the texts are its own */
	char *texts[3];
	const struct clock *clock;
	struct tls_failures failures;
	atomic_uint_least64_t handshakes;

	pthread_mutex_t loading; /* one reload at a time; held while it reads its files */

	pthread_mutex_t mutex; /* of what follows; every new connection waits for it */
	struct tls_set *set;
	uint64_t reloads, reload_failures;
	int64_t warned_ms; /* steady; when the certificate's end was last told */
};

/* Loads. E_TLS, E_NOMEM; logged. *out: tls_free(). */
NODISCARD struct err tls_new(const struct server_tls_options *options, const struct clock *clock,
			     struct tls **out);

/* After the last connection has ended. */
void tls_free(struct tls **tls);

/* As server_tls_reload(). */
NODISCARD struct err tls_reload(struct tls *tls);

/* Held for the caller: tls_set_release(). */
struct tls_set *tls_acquire(struct tls *tls);

void tls_status(struct tls *tls, struct server_tls_status *out);

/* As server_tend(). */
void tls_tend(struct tls *tls);

#endif
