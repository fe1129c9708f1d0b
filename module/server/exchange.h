/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its reply. Two hold it: the connection (until libmicrohttpd reports it complete)
 * and, from service_handle() to reply(), the service; while the reply is sent, its response too.
 * The last one frees.
 *
 *   HEAD ─► BODY ─► SERVICE ─► REPLIED ─► ANSWERED
 *     └───► DISCARD ──┴─► ABANDONED ───────────┘
 *
 * The connection is suspended before the call is handed over, so that a reply cannot be early.
 */
#ifndef HOLDFAST_SERVER_EXCHANGE_H
#define HOLDFAST_SERVER_EXCHANGE_H

#include <microhttpd.h>

#include "server/door.h"

/* At the request line; NULL without memory. */
struct exchange *exchange_new(struct door *door, struct MHD_Connection *connection,
			      const char *uri);

/* Every call that libmicrohttpd makes for the request. */
enum MHD_Result exchange_advance(struct exchange *exchange, const char *method, const char *version,
				 struct view data);

/* The connection is done with it, however that came about. */
void exchange_finish(struct exchange *exchange);

/* Stopping, under door->mutex: all that are with the service are answered without it. */
void exchange_abandon_all(struct door *door);

/* Under door->mutex: how many replies have not left yet. */
size_t exchange_count_owed(struct door *door);

#endif
