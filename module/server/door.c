/* SPDX-License-Identifier: Apache-2.0 */
#include "server/door.h"

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "server/exchange.h"
#include "server/listener.h"

#define MESSAGE_MAX 256
#define MEMORY_INCREMENT 4096
#define FLUSH_S 2
#define FIN_COUNTS 1    /* the kernel counts the end of the stream as a byte */
#define LIMIT_SLACK 256 /* the bound is the acceptor's; the library's must never be met */
#define DOOR_FLAGS                                                                     \
	(MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | \
	 MHD_USE_NO_LISTEN_SOCKET)

/* ---- connections ---- */

struct door_connection *door_connection_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

static int descriptor_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	return info ? info->connect_fd : -1;
}

static bool uid_admitted(struct door *door, uint32_t uid)
{
	if (uid == 0 || uid == geteuid())
		return true;
	LOCK_SCOPE(&door->mutex);
	for (size_t i = 0; i < door->admin_uid_count; i++) {
		if (door->admin_uids[i] == uid)
			return true;
	}
	return false;
}

static void identify_user(struct door *door, struct door_connection *connection, int fd)
{
	struct ucred peer = {0};
	socklen_t len = sizeof peer;
	if (err_failed(text_copy(connection->address, sizeof connection->address,
				 VIEW_LITERAL("local"))))
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return;
	connection->peer_uid = peer.uid;
	connection->peer_pid = peer.pid;
	connection->admitted = uid_admitted(door, peer.uid);
	if (!connection->admitted)
		log_event(LOG_WARNING, "server.admin_refused", LOG_NUMBER("uid", peer.uid),
			  LOG_NUMBER("pid", peer.pid));
}

static void identify_address(struct door_connection *connection, int fd)
{
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof peer;
	connection->admitted = true;
	if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0)
		return;
	const void *address = &((const struct sockaddr_in *)&peer)->sin_addr;
	if (peer.ss_family == AF_INET6)
		address = &((const struct sockaddr_in6 *)&peer)->sin6_addr;
	(void)inet_ntop(peer.ss_family, address, connection->address, sizeof connection->address);
}

static struct err begin_tls(struct door *door, struct door_connection *connection,
			    struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	REQUIRE(info != NULL && info->tls_session != NULL, E_TLS);
	return tls_session_begin(&connection->tls, door->tls, info->tls_session);
}

static void connection_begin(struct door *door, struct MHD_Connection *mhd, void **context)
{
	int fd = descriptor_of(mhd);
	struct door_connection *connection = NULL;
	*context = NULL;
	if (err_failed(MEM_NEW(&connection))) {
		/* Without a record there are no time limits: let it end at once. */
		(void)shutdown(fd, SHUT_RDWR);
		return;
	}
	if ((door->serves & DOOR_SERVES_ADMIN) != 0)
		identify_user(door, connection, fd);
	else
		identify_address(connection, fd);
	watch_add(&door->watch, &connection->watch, fd);
	*context = connection;
	if (door->tls != NULL && err_failed(begin_tls(door, connection, mhd)))
		(void)shutdown(fd, SHUT_RDWR);
}

static void on_connection(void *user, struct MHD_Connection *mhd, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct door *door = user;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		connection_begin(door, mhd, context);
		return;
	}
	acceptor_note_end(&door->acceptor);
	struct door_connection *connection = *context;
	if (connection == NULL)
		return;
	tls_session_end(&connection->tls, connection->address,
			watch_bytes_received(connection->watch.fd) > FIN_COUNTS);
	watch_remove(&door->watch, &connection->watch);
	*context = NULL;
	mem_free(connection);
}

/* ---- requests ---- */

static void *on_uri(void *user, const char *uri, struct MHD_Connection *mhd)
{
	return exchange_new(user, mhd, uri);
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *mhd, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **context)
{
	(void)user;
	(void)mhd;
	(void)url;
	if (*context == NULL)
		return MHD_NO;
	struct view piece = view_of(data, *size);
	*size = 0;
	return exchange_advance(*context, method, version, piece);
}

static void on_completed(void *user, struct MHD_Connection *mhd, void **context,
			 enum MHD_RequestTerminationCode why)
{
	(void)user;
	(void)mhd;
	(void)why;
	if (*context != NULL)
		exchange_finish(*context);
	*context = NULL;
}

/* Nothing is decoded: what was signed is what was sent. */
static size_t keep_escapes(void *user, struct MHD_Connection *mhd, char *text)
{
	(void)user;
	(void)mhd;
	return view_of_text(text).len;
}

static void PRINTF_LIKE(2, 0) on_message(void *user, const char *format, va_list args)
{
	(void)user;
	char text[MESSAGE_MAX];
	if (vsnprintf(text, sizeof text, format, args) < 0)
		return;
	struct view rest = view_of_text(text);
	log_event(LOG_DEBUG, "server.http", LOG_VIEW("text", view_cut(&rest, '\n')));
}

/* ---- life ---- */

/* *fd: the listening socket, the caller's. */
static struct err listen_at(struct door *door, const char *listen, int *fd)
{
	bool admin = (door->serves & DOOR_SERVES_ADMIN) != 0;
	struct err result =
		admin ? listener_open_unix(listen, fd) : listener_open_tcp(listen, fd, &door->port);
	if (err_failed(result))
		log_event(LOG_ERROR, "server.listen_failed", LOG_TEXT("listen", listen),
			  LOG_TEXT("expected", admin ? "a path that is free, or a socket that "
						       "nobody serves"
						     : "a free host:port of this machine"),
			  LOG_ERR(result));
	return result;
}

/*
 * The library wants to know at the start where certificates come from; each connection is given its
 * own credentials before its handshake (tls_session_begin()), so that it never asks. If it did:
 * none.
 */
static int no_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
			  gnutls_pcert_st **certificates, unsigned *certificate_count,
			  gnutls_ocsp_data_st **ocsp, unsigned *ocsp_count, gnutls_privkey_t *key,
			  unsigned *flags)
{
	(void)session;
	(void)info;
	(void)certificates;
	(void)certificate_count;
	(void)ocsp;
	(void)ocsp_count;
	(void)key;
	(void)flags;
	return -1;
}

static void warn_plain(const struct door_options *options, int fd)
{
	if ((options->serves & DOOR_SERVES_PUBLIC) == 0 || options->tls != NULL ||
	    listener_is_loopback(fd))
		return;
	log_event(LOG_WARNING, "server.plain_http", LOG_TEXT("listen", options->listen),
		  LOG_TEXT("effect", "plaintexts, data keys and session tokens cross the network "
				     "in the open"),
		  LOG_TEXT("action", "set certificate and private_key in [tls], or listen on "
				     "127.0.0.1 behind a TLS proxy"));
}

static struct err start_polling(struct door *door, const struct door_options *options)
{
	struct MHD_OptionItem items[16];
	size_t n = 0;
	/* Numbers travel as intptr_t and are taken as unsigned int or size_t, as each option has
	 * it. */
	items[n++] = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_LIMIT,
					     SERVER_CONNECTIONS_MAX + LIMIT_SLACK, NULL};
	items[n++] = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_MEMORY_LIMIT,
					     DOOR_CONNECTION_MEMORY, NULL};
	items[n++] = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_MEMORY_INCREMENT,
					     MEMORY_INCREMENT, NULL};
	items[n++] = (struct MHD_OptionItem){MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL};
	if (options->threads > 1)
		items[n++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, options->threads,
						     NULL};
	uint32_t per_address = options->server->connections_per_address_max;
	if (per_address > 0 && (door->serves & DOOR_SERVES_ADMIN) == 0)
		items[n++] = (struct MHD_OptionItem){MHD_OPTION_PER_IP_CONNECTION_LIMIT,
						     per_address, NULL};
	if (door->tls != NULL)
		items[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_CERT_CALLBACK2, 0,
						     (void *)(uintptr_t)no_certificate};
	items[n++] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
	unsigned flags = DOOR_FLAGS | (door->tls != NULL ? MHD_USE_TLS : 0);
	door->mhd = MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, door, MHD_OPTION_EXTERNAL_LOGGER, on_message,
		NULL, MHD_OPTION_URI_LOG_CALLBACK, on_uri, door, MHD_OPTION_UNESCAPE_CALLBACK,
		keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, door,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, door, MHD_OPTION_ARRAY, items,
		MHD_OPTION_END);
	REQUIRE(door->mhd != NULL, E_SYSTEM);
	return OK;
}

static void discard(struct door **at)
{
	struct door *door = *at;
	if (door == NULL)
		return;
	acceptor_stop(&door->acceptor);
	if (door->mhd != NULL)
		MHD_stop_daemon(door->mhd);
	acceptor_cleanup(&door->acceptor);
	watch_stop(&door->watch);
	watch_cleanup(&door->watch);
	(void)pthread_cond_destroy(&door->finished);
	(void)pthread_mutex_destroy(&door->mutex);
	mem_free(TAKE(*at));
}

static void take_users(struct door *door, const uint32_t *uids, size_t count)
{
	LOCK_SCOPE(&door->mutex);
	door->admin_uid_count = MIN_OF(count, (size_t)SERVER_ADMIN_UIDS_MAX);
	for (size_t i = 0; i < door->admin_uid_count; i++)
		door->admin_uids[i] = uids[i];
}

void door_set_limits(struct door *door, const struct server_limits *limits,
		     uint32_t connections_max)
{
	take_users(door, limits->admin_uids, limits->admin_uid_count);
	watch_set_limits(&door->watch, limits->idle_timeout_ms, limits->request_timeout_ms);
	if (connections_max > 0)
		acceptor_set_max(&door->acceptor, connections_max);
}

static enum metric_door metric_door(unsigned serves)
{
	if ((serves & DOOR_SERVES_PUBLIC) != 0)
		return METRIC_DOOR_PUBLIC;
	if ((serves & DOOR_SERVES_ADMIN) != 0)
		return METRIC_DOOR_ADMIN;
	return (serves & DOOR_SERVES_HEALTH) != 0 ? METRIC_DOOR_HEALTH : METRIC_DOOR_METRICS;
}

NODISCARD struct err door_open(const struct door_options *options, struct door **out)
{
	const struct server_options *server = options->server;
	REQUIRE(server->admin_uid_count <= SERVER_ADMIN_UIDS_MAX, E_BOUNDS);
	struct door *fresh = NULL;
	TRY(MEM_NEW(&fresh));
	acceptor_init(&fresh->acceptor);
	(void)pthread_mutex_init(&fresh->mutex, NULL);
	pthread_condattr_t attributes;
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&fresh->finished, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	struct err watching = watch_start(&fresh->watch, server->clock, server->idle_timeout_ms,
					  server->request_timeout_ms);
	if (err_failed(watching)) {
		mem_free(fresh);
		return watching;
	}
	CLEANUP(discard) struct door *door = fresh;
	door->service = server->service;
	door->serves = options->serves;
	door->tls = options->tls;
	take_users(door, server->admin_uids, server->admin_uid_count);
	door->acceptor.door = metric_door(options->serves);
	watch_name(&door->watch, door->acceptor.door);
	TRY(start_polling(door, options));
	int fd = -1;
	TRY(listen_at(door, options->listen, &fd));
	warn_plain(options, fd);
	TRY(acceptor_start(&door->acceptor, fd, options->connections_max, door->mhd));
	*out = TAKE(door);
	return OK;
}

void door_quiesce(struct door *door)
{
	if (door->quiesced)
		return;
	door->quiesced = true;
	(void)pthread_mutex_lock(&door->mutex);
	door->stopping = true;
	(void)pthread_mutex_unlock(&door->mutex);
	acceptor_stop(&door->acceptor);
}

/*
 * What was replied is sent, if its receiver takes it in time. The library ends the process when it
 * is stopped with a suspended connection, so none is left with the service.
 */
static void flush(struct door *door)
{
	struct timespec until = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += FLUSH_S;
	LOCK_SCOPE(&door->mutex);
	exchange_abandon_all(door);
	while (exchange_count_owed(door) > 0) {
		if (pthread_cond_timedwait(&door->finished, &door->mutex, &until) != 0)
			return;
	}
}

void door_close(struct door **door)
{
	if (*door == NULL)
		return;
	door_quiesce(*door);
	flush(*door);
	discard(door);
}
