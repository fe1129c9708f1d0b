/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service for the tests of the doors: it echoes bodies, at once, on a thread of its own, or when
 * the test says so. It stands in for module/service at link time.
 */
#ifndef HOLDFAST_TESTS_UNIT_SERVER_FAKE_SERVICE_H
#define HOLDFAST_TESTS_UNIT_SERVER_FAKE_SERVICE_H

#include "service/service.h"

#define FAKE_REQUEST_ID "11111111-2222-4333-8444-555555555555"
#define FAKE_HELD_MAX 4096

enum fake_mode { FAKE_AT_ONCE, FAKE_THREAD, FAKE_HOLD };

struct service *fake_service_new(enum fake_mode mode);
void fake_service_free(struct service **service);

void fake_service_set_ready(struct service *service, struct err state);
void fake_service_set_secret(struct service *service, bool secret); /* replies in a struct secret */

/* What the last call looked like; the texts stay until the next call. */
struct fake_seen {
	enum call_door door;
	char method[16], path[256], query[256], target[128], agent[128], source[64];
	char first_header[256]; /* name=value */
	size_t header_count, body_len;
	uint32_t peer_uid;
	int32_t peer_pid;
	bool secure;
	char tls_version[16];
};
void fake_service_seen(struct service *service, struct fake_seen *out);

size_t fake_service_calls(struct service *service);
size_t fake_service_live(void);                                     /* calls made and not freed */
bool fake_service_wait_held(struct service *service, size_t count); /* HOLD; within seconds */
void fake_service_release(struct service *service); /* replies to all that are held */

#endif
