/* SPDX-License-Identifier: Apache-2.0 */
#include "server/server.h"

#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "server/door.h"
#include "server/metrics.h"
#include "server/tls.h"

#define CONNECTIONS_MAX 1024
#define SMALL_DOOR_CONNECTIONS_MAX 64
#define IDLE_TIMEOUT_MS 60000
#define REQUEST_TIMEOUT_MS 20000

enum { DOOR_PUBLIC, DOOR_HEALTH, DOOR_METRICS, DOOR_ADMIN, DOOR_COUNT };

struct server {
	struct door *doors[DOOR_COUNT]; /* NULL: not asked for */
	char *admin_socket;
	struct tls *tls; /* NULL: plain HTTP */
};

static bool given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

static struct server_options with_defaults(const struct server_options *options)
{
	struct server_options o = *options;
	o.connections_max = o.connections_max ? o.connections_max : CONNECTIONS_MAX;
	o.idle_timeout_ms = o.idle_timeout_ms ? o.idle_timeout_ms : IDLE_TIMEOUT_MS;
	o.request_timeout_ms = o.request_timeout_ms ? o.request_timeout_ms : REQUEST_TIMEOUT_MS;
	o.threads = o.threads ? o.threads : 1;
	o.clock = o.clock ? o.clock : &clock_system;
	return o;
}

static struct err load_tls(struct server *server, const struct server_options *o)
{
	return given(o->tls.certificate) ? tls_new(&o->tls, o->clock, &server->tls) : OK;
}

static struct err open_public(struct server *server, const struct server_options *o)
{
	const unsigned health = given(o->health_listen) ? 0 : DOOR_SERVES_HEALTH;
	return door_open(&(struct door_options){.serves = DOOR_SERVES_PUBLIC | health,
						.listen = o->listen,
						.connections_max = o->connections_max,
						.threads = o->threads,
						.server = o,
						.tls = server->tls},
			 &server->doors[DOOR_PUBLIC]);
}

static struct err open_health(struct server *server, const struct server_options *o)
{
	if (!given(o->health_listen))
		return OK;
	const unsigned metrics = given(o->metrics_listen) ? 0 : DOOR_SERVES_METRICS;
	return door_open(&(struct door_options){.serves = DOOR_SERVES_HEALTH | metrics,
						.listen = o->health_listen,
						.connections_max = SMALL_DOOR_CONNECTIONS_MAX,
						.threads = 1,
						.server = o},
			 &server->doors[DOOR_HEALTH]);
}

/* Whoever reaches it reads them, so that they are never on the public door. */
static struct err open_metrics(struct server *server, const struct server_options *o)
{
	if (!given(o->metrics_listen))
		return OK;
	return door_open(&(struct door_options){.serves = DOOR_SERVES_METRICS,
						.listen = o->metrics_listen,
						.connections_max = SMALL_DOOR_CONNECTIONS_MAX,
						.threads = 1,
						.server = o},
			 &server->doors[DOOR_METRICS]);
}

static struct err open_admin(struct server *server, const struct server_options *o)
{
	if (!given(o->admin_socket))
		return OK;
	CLEANUP(mem_free_at) char *path = NULL;
	TRY(text_new(view_of_text(o->admin_socket), &path));
	TRY(door_open(&(struct door_options){.serves = DOOR_SERVES_ADMIN | DOOR_SERVES_HEALTH,
					     .listen = path,
					     .connections_max = SMALL_DOOR_CONNECTIONS_MAX,
					     .threads = 1,
					     .server = o},
		      &server->doors[DOOR_ADMIN]));
	server->admin_socket = TAKE(path);
	return OK;
}

NODISCARD struct err server_start(const struct server_options *options, struct server **out)
{
	*out = NULL;
	REQUIRE(given(options->listen) && options->service != NULL, E_SETTINGS);
	struct server_options o = with_defaults(options);
	CLEANUP(server_stop) struct server *server = NULL;
	TRY(MEM_NEW(&server));
	TRY(load_tls(server, &o));
	TRY(open_admin(server, &o));
	metrics_name();
	TRY(open_public(server, &o));
	/* Last, since whoever hears from it that the service is ready comes at once. */
	TRY(open_health(server, &o));
	TRY(open_metrics(server, &o));
	*out = TAKE(server);
	return OK;
}

void server_set_limits(struct server *server, const struct server_limits *limits)
{
	for (size_t i = 0; i < DOOR_COUNT; i++) {
		/* The small doors have a bound of their own. */
		uint32_t connections = i == DOOR_PUBLIC ? limits->connections_max : 0;
		if (server->doors[i] != NULL)
			door_set_limits(server->doors[i], limits, connections);
	}
}

void server_quiesce(struct server *server)
{
	for (size_t i = 0; i < DOOR_COUNT; i++) {
		if (server->doors[i] != NULL)
			door_quiesce(server->doors[i]);
	}
	if (server->admin_socket != NULL)
		(void)unlink(server->admin_socket);
	mem_free(TAKE(server->admin_socket));
}

void server_stop(struct server **at)
{
	if (*at == NULL)
		return;
	server_quiesce(*at);
	for (size_t i = 0; i < DOOR_COUNT; i++)
		door_close(&(*at)->doors[i]);
	tls_free(&(*at)->tls);
	mem_free(TAKE(*at));
}

uint16_t server_port(const struct server *server)
{
	return server->doors[DOOR_PUBLIC]->port;
}

uint16_t server_health_port(const struct server *server)
{
	return server->doors[DOOR_HEALTH] ? server->doors[DOOR_HEALTH]->port : 0;
}

uint16_t server_metrics_port(const struct server *server)
{
	return server->doors[DOOR_METRICS] ? server->doors[DOOR_METRICS]->port : 0;
}

void server_figures(struct server *server, struct server_figures *out)
{
	*out = (struct server_figures){0};
	for (size_t i = 0; i < DOOR_COUNT; i++) {
		struct door *door = server->doors[i];
		if (door == NULL)
			continue;
		uint64_t connections = 0, timeouts = 0;
		watch_counts(&door->watch, &connections, &timeouts);
		out->connections += connections;
		out->timeouts += timeouts;
		out->requests += atomic_load_explicit(&door->requests, memory_order_relaxed);
		out->refusals += atomic_load_explicit(&door->refusals, memory_order_relaxed);
	}
}

NODISCARD struct err server_tls_reload(struct server *server)
{
	return server->tls != NULL ? tls_reload(server->tls) : OK;
}

void server_tls_status(struct server *server, struct server_tls_status *out)
{
	*out = (struct server_tls_status){0};
	if (server->tls != NULL)
		tls_status(server->tls, out);
}

void server_tend(struct server *server)
{
	if (server->tls != NULL)
		tls_tend(server->tls);
}

const char *server_http_library(void)
{
	return MHD_get_version();
}

const char *server_tls_library(void)
{
	return gnutls_check_version(NULL);
}
