/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doors: HTTP/1.1 listeners that turn bytes into struct call, hand it to the service, and send
 * what comes back. Nothing here knows an operation, a key or a policy.
 */
#ifndef HOLDFAST_SERVER_SERVER_H
#define HOLDFAST_SERVER_SERVER_H

#include "base/clock.h"
#include "base/err.h"
#include "service/service.h"

struct server;

enum server_tls_clients {
	SERVER_TLS_CLIENTS_OFF,
	SERVER_TLS_CLIENTS_OPTIONAL, /* verified when a certificate is shown */
	SERVER_TLS_CLIENTS_REQUIRED
};
enum server_tls_minimum { SERVER_TLS_1_2, SERVER_TLS_1_3 };

/* PEM files, read at the start and at every reload. Copied. */
struct server_tls_options {
	const char *certificate; /* the server's own, then its chain; NULL or "": plain HTTP */
	const char *private_key; /* without a passphrase, and not for others to read */
	const char *client_ca;   /* NULL or "" when clients is OFF */
	enum server_tls_clients clients;
	enum server_tls_minimum minimum;
};

struct server_options {
	struct service *service;    /* borrowed; outlives the server */
	const char *listen;         /* "127.0.0.1:4599", "[::1]:4599"; port 0: any free one */
	const char *health_listen;  /* NULL or "": /healthz and /readyz are on `listen` */
	const char *metrics_listen; /* NULL or "": /metrics is on health_listen; without that as
				       well, it is not served. Never on `listen` */
	const char *admin_socket;   /* path; NULL or "": no admin door */
	const uint32_t *admin_uids; /* users let in besides root and our own; borrowed by start */
	size_t admin_uid_count;
	uint32_t connections_max;             /* 0: 1024 */
	uint32_t connections_per_address_max; /* 0: no bound of its own */
	uint32_t idle_timeout_ms;    /* 0: 60,000; a kept-alive connection between requests */
	uint32_t request_timeout_ms; /* 0: 20,000; first to last byte of a request, and of a reply;
					also a connection that never sends anything */
	uint32_t threads;            /* 0: 1 */
	struct server_tls_options tls; /* of `listen`; the other doors are plain */
	const struct clock *clock;
};

#define SERVER_ADMIN_UIDS_MAX 64
#define SERVER_CONNECTIONS_MAX 65536

/* How much of a body too large is read and thrown away, so that its sender can read the refusal.
 */
#define SERVER_DISCARD_MAX (2 << 20)

/*
 * Opens every door and starts their threads; *out owned by the caller, server_stop(). A failure
 * has been logged with the address or path at fault: E_SYSTEM (errno in detail), E_SETTINGS (an
 * address that cannot be read), E_ALREADY_RUNNING (a live admin socket), E_TLS (a certificate or
 * key). Blocks for name lookup.
 */
NODISCARD struct err server_start(const struct server_options *options, struct server **out);

/* What can change while the server runs; in server_options' terms, without defaults. */
struct server_limits {
	uint32_t connections_max; /* 1..SERVER_CONNECTIONS_MAX; those open above it stay */
	uint32_t idle_timeout_ms, request_timeout_ms; /* for open connections as well */
	const uint32_t *admin_uids;                   /* borrowed during the call */
	size_t admin_uid_count; /* at most SERVER_ADMIN_UIDS_MAX; who is connected stays so */
};
void server_set_limits(struct server *server, const struct server_limits *limits);

/* Stops accepting connections and calls: a request on an open connection is answered 503, calls
 * with the service go on and end their connection. Twice is fine. */
void server_quiesce(struct server *server);

/*
 * Sends what was replied (for two seconds at most), closes every connection and ends the threads;
 * *server becomes NULL. Calls that are still with the service are answered 503; their reply(),
 * should it come later, is dropped. To lose none, call server_quiesce() and service_drain() before.
 */
void server_stop(struct server **server);

/* The port that `listen` got, for a log line and for port 0. */
uint16_t server_port(const struct server *server);
uint16_t server_health_port(const struct server *server);  /* 0: no listener of its own */
uint16_t server_metrics_port(const struct server *server); /* the same */

struct server_figures {
	uint64_t connections; /* open now */
	uint64_t requests;    /* handed to the service */
	uint64_t refusals;    /* answered by the doors themselves */
	uint64_t timeouts;    /* connections dropped for being slow or idle */
};
void server_figures(struct server *server, struct server_figures *out);

/*
 * Reads certificate, key and client CA again: new handshakes use them, open connections live on
 * with what they began. All or nothing: on E_TLS, logged with the file at fault, the old ones stay
 * in force. OK and nothing done without TLS. Thread-safe; blocks for the files.
 */
NODISCARD struct err server_tls_reload(struct server *server);

struct server_tls_status {
	bool enabled; /* false: nothing else is set */
	char subject[CALL_TLS_SUBJECT_MAX + 1];
	char fingerprint[CALL_TLS_FINGERPRINT_LEN + 1]; /* SHA-256, hex */
	int64_t not_before_s, not_after_s;              /* Unix time */
	int64_t days_left;                              /* negative: expired so many days ago */
	uint64_t reloads, reload_failures;
	uint64_t handshakes, handshakes_failed; /* of connections that have ended */
};
void server_tls_status(struct server *server, struct server_tls_status *out);

/* To be called every second or so: tells what was refused, and of a certificate that ends soon. */
void server_tend(struct server *server);

/* The versions of libmicrohttpd and GnuTLS that run; static. */
const char *server_http_library(void);
const char *server_tls_library(void);

#endif
