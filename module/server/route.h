/* SPDX-License-Identifier: Apache-2.0 */
/* Which path and method is what, on which door: one table. */
#ifndef HOLDFAST_SERVER_ROUTE_H
#define HOLDFAST_SERVER_ROUTE_H

#include "base/view.h"
#include "server/refusal.h"

/* What a listener serves; one listener may serve several. */
enum door_serves {
	DOOR_SERVES_PUBLIC = 1 << 0,
	DOOR_SERVES_ADMIN = 1 << 1,
	DOOR_SERVES_HEALTH = 1 << 2,
	DOOR_SERVES_METRICS = 1 << 3
};

enum route_kind { ROUTE_CALL, ROUTE_HEALTH, ROUTE_READY, ROUTE_METRICS };

struct route {
	const char *method;
	const char *path;
	unsigned doors; /* bits of door_serves */
	enum route_kind kind;
};

/* *out is a row of the table; with REFUSAL_METHOD one that has the path, with others NULL. */
enum refusal route_find(unsigned serves, struct view method, struct view path,
			const struct route **out);

#endif
