/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The composition: settings become option structs, options become objects, from the token up to the
 * doors. Nothing is decided here but the order.
 */
#ifndef HOLDFAST_DAEMON_WIRING_H
#define HOLDFAST_DAEMON_WIRING_H

#include <pthread.h>

#include "audit/keeper.h"
#include "audit/log.h"
#include "audit/sink.h"
#include "config/settings.h"
#include "daemon/indexing.h"
#include "event/bus.h"
#include "hsm/hsm.h"
#include "server/server.h"
#include "service/audit_signer.h"
#include "service/service.h"
#include "store/sqlite/sqlite.h"

struct wiring {
	const struct settings *settings;
	int signals;       /* a stop signal ends the wait for the token */
	bool reload_asked; /* SIGHUP came during the start: to be done once it serves */

	void (*more_checks)(void *user, struct service_checks *out); /* as in service_options */
	void *more_checks_user;

	struct hsm *hsm;
	struct service_sealer sealer;
	struct store_sqlite *store;
	struct kms_installation installation;
	struct service_audit_signer audit_signer;
	struct audit_sink *audit_sink;
	struct audit_log *audit;
	struct indexing indexing;
	struct event_bus *events;
	struct service *service;
	pthread_mutex_t parts; /* of the two below: they come and go while calls look at them */
	struct audit_keeper *keeper;
	struct server *server;
};

/* For other threads than the one that starts and stops: what the two tell, while they are there.
 * Either may be NULL. */
void wiring_look(struct wiring *w, struct audit_keeper_report *keeper,
		 struct server_tls_status *tls);

/* The settings that need more than their own line to be judged: users, and the endpoint of events.
 * E_SETTINGS, logged. */
NODISCARD struct err wiring_check(const struct settings *settings);

/* [audit], as the keeper takes it, the log, and its sink (borrowed from the settings). */
struct audit_retention wiring_retention(const struct settings *settings);
struct audit_log_limits wiring_audit_limits(const struct settings *settings);
struct audit_sink_options wiring_audit_sink(const struct settings *settings);

/* Who the token's process is (-1: not said) and who may use the admin socket. E_SETTINGS, logged:
 * there is no such user, or there are too many. */
NODISCARD struct err wiring_users(const struct settings *settings, int64_t *token_uid,
				  uint32_t admin_uids[SERVER_ADMIN_UIDS_MAX], size_t *count);

/*
 * Connects and waits until the token can be used, with a log line now and then. E_HSM_... what
 * keeps it away, after a minute; at once when waiting cannot help. E_CANCELLED: told to stop.
 */
NODISCARD struct err wiring_open_token(struct wiring *w);

/* The same for somebody who waits in front of it: after five seconds, and at once when the socket
 * is served by whom it should not (E_HSM_PEER; detail: uid). */
NODISCARD struct err wiring_open_token_soon(struct wiring *w);

/* path: of [store], or of a copy. create: for --init. */
NODISCARD struct err wiring_open_store(struct wiring *w, const char *path, bool create);

/* All of it, in order; what failed has been logged, and what was opened is for wiring_stop(). */
NODISCARD struct err wiring_start(struct wiring *w);

/* No new connections; waits for calls under way. false: some were not answered in time. */
bool wiring_drain(struct wiring *w);

/* Whatever is there, in the reverse order. */
void wiring_stop(struct wiring *w);

#endif
