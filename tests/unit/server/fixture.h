/* SPDX-License-Identifier: Apache-2.0 */
/* A real server on a free port of 127.0.0.1, before the echoing service. */
#ifndef HOLDFAST_TESTS_UNIT_SERVER_FIXTURE_H
#define HOLDFAST_TESTS_UNIT_SERVER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/server.h"
#include "tests/unit/server/fake_service.h"
#include "tests/unit/server/raw_client.h"

struct fixture {
	struct service *service;
	struct server *server;
	uint16_t port;
	struct raw_reply reply;
};

/* `options` with what is not set: any port, this service. Fails the test when it does not start. */
void fixture_start(struct fixture *f, enum fake_mode mode, struct server_options options);

/* Everything is closed, and every call was freed. */
void fixture_stop(struct fixture *f);

/* Sends the text on a connection of its own and receives one reply; the connection, or fails. */
int fixture_ask(struct fixture *f, const char *text);

/* As fixture_ask() and closes; the status. */
int fixture_status(struct fixture *f, const char *text);

/* Waits until the condition of the server holds; false after some seconds. */
bool fixture_wait_connections(struct fixture *f, uint64_t count);
bool fixture_wait_live(size_t calls);

/* A whole POST / with this body; the text stays until the next call. */
const char *fixture_post(const char *body);

#endif
