/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One listener with its polling threads: connections come and go here, and who may use the admin
 * socket is decided. What happens to a request is exchange.c's.
 */
#ifndef HOLDFAST_SERVER_DOOR_H
#define HOLDFAST_SERVER_DOOR_H

#include <netinet/in.h>
#include <stdatomic.h>

#include "server/acceptor.h"
#include "server/route.h"
#include "server/server.h"
#include "server/tls_session.h"
#include "server/watch.h"

/*
 * libmicrohttpd's memory for one connection: headers of a request and of a reply, and pieces of the
 * body. It bounds a header block. The library zeroes all of it after each request (30 % of a
 * profile's samples at 48 KiB, 12 % at 16), and holdfastd's free() wipes it at the end.
 */
#define DOOR_CONNECTION_MEMORY (16 << 10)

struct MHD_Daemon;
struct MHD_Connection;
struct exchange;

struct door {
	struct service *service;
	unsigned serves; /* bits of door_serves */
	struct tls *tls; /* borrowed; NULL: plain HTTP */
	struct MHD_Daemon *mhd;
	struct acceptor acceptor;
	uint16_t port;
	bool quiesced;
	struct watch watch;
	atomic_uint_least64_t requests, refusals;

	pthread_mutex_t mutex;   /* of what follows */
	pthread_cond_t finished; /* an exchange left the list while stopping */
	bool stopping;           /* no new calls: 503, and connections end with their reply */
	struct exchange *exchanges;
	uint32_t admin_uids[SERVER_ADMIN_UIDS_MAX];
	size_t admin_uid_count;
};

/* One connection, from accept to close. */
struct door_connection {
	struct watch_entry watch; /* first: found by its address */
	char address[INET6_ADDRSTRLEN];
	uint32_t peer_uid;
	int32_t peer_pid;
	bool admitted;
	struct tls_session tls;
};

struct door_options {
	unsigned serves;
	const char *listen; /* host:port, or a path for ADMIN */
	uint32_t connections_max;
	uint32_t threads;
	const struct server_options *server;
	struct tls *tls; /* borrowed; NULL: plain HTTP */
};

NODISCARD struct err door_open(const struct door_options *options, struct door **out);

/* Limits and users of a door that is open. connections_max 0: as it is. Thread-safe. */
void door_set_limits(struct door *door, const struct server_limits *limits,
		     uint32_t connections_max);

void door_quiesce(struct door *door);
void door_close(struct door **door);

/* NULL when there was no memory for it. */
struct door_connection *door_connection_of(struct MHD_Connection *connection);

#endif
