/* SPDX-License-Identifier: Apache-2.0 */
#include "server/route.h"

static const struct route routes[] = {
	{"POST", "/", DOOR_SERVES_PUBLIC | DOOR_SERVES_ADMIN, ROUTE_CALL},
	{"GET", "/healthz", DOOR_SERVES_HEALTH, ROUTE_HEALTH},
	{"GET", "/readyz", DOOR_SERVES_HEALTH, ROUTE_READY},
	{"GET", "/metrics", DOOR_SERVES_METRICS, ROUTE_METRICS},
};

enum refusal route_find(unsigned serves, struct view method, struct view path,
			const struct route **out)
{
	enum refusal refusal = REFUSAL_NOT_FOUND;
	*out = NULL;
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		const struct route *row = &routes[i];
		if ((row->doors & serves) == 0 || !view_equal_text(path, row->path))
			continue;
		refusal = REFUSAL_METHOD;
		*out = row;
		if (view_equal_text(method, row->method))
			return REFUSAL_NONE;
	}
	return refusal;
}
