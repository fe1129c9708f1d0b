/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handshakes that came to nothing, counted by reason. The log gets one line per reason and window,
 * so that no amount of junk fills it.
 */
#ifndef HOLDFAST_SERVER_TLS_FAILURES_H
#define HOLDFAST_SERVER_TLS_FAILURES_H

#include <netinet/in.h>
#include <pthread.h>

#include "base/err.h"

#define TLS_FAILURES_WINDOW_MS 10000

enum tls_failure {
	TLS_FAILURE_SILENT, /* not a byte came: looks of load balancers, and slow ones */
	TLS_FAILURE_NO_HELLO,
	TLS_FAILURE_NOTHING_IN_COMMON,
	TLS_FAILURE_BROKEN_OFF,
	TLS_FAILURE_CLIENT_MISSING,
	TLS_FAILURE_CLIENT_UNKNOWN_CA,
	TLS_FAILURE_CLIENT_TIME,
	TLS_FAILURE_CLIENT_PURPOSE,
	TLS_FAILURE_CLIENT_UNFIT,
	TLS_FAILURE_COUNT
};

struct tls_failures {
	pthread_mutex_t mutex;
	struct {
		uint64_t count, told;
		char address[INET6_ADDRSTRLEN]; /* of the last one */
	} rows[TLS_FAILURE_COUNT];
	int64_t told_ms; /* steady; 0: never */
};

void tls_failures_init(struct tls_failures *f);
void tls_failures_cleanup(struct tls_failures *f);

void tls_failures_count(struct tls_failures *f, enum tls_failure reason, const char *address);

/* Tells what has been counted since, if a window has gone by. */
void tls_failures_tell(struct tls_failures *f, int64_t now_ms);

/* All of them, the silent ones left out. */
uint64_t tls_failures_total(struct tls_failures *f);

#endif
