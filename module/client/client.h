/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to a running holdfastd: over its admin socket, or signed over HTTP(S). One at a time. */
#ifndef HOLDFAST_CLIENT_CLIENT_H
#define HOLDFAST_CLIENT_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include "client/signer.h"

#define CLIENT_REPLY_MAX ((size_t)4 << 20)
#define CLIENT_REQUEST_ID_MAX 64
#define CLIENT_MESSAGE_MAX 256

struct client;

struct client_options {
	const char *socket_path;     /* the admin socket; or NULL, and then: */
	const char *endpoint;        /* "http://127.0.0.1:4599", "https://host:port" */
	const struct signer *signer; /* with an endpoint; borrowed, outlives the client */
	uint32_t timeout_ms;         /* 0: 10,000; for one call, connecting included */
};

/* *out owned by the caller, client_close(). E_USAGE for neither or both ways; E_NOMEM. */
NODISCARD struct err client_open(const struct client_options *options, struct client **out);
void client_close(struct client **client);

struct client_reply {
	uint16_t status; /* HTTP */
	char request_id[CLIENT_REQUEST_ID_MAX];
	struct buf body; /* buf_cleanup() through client_reply_cleanup() */
};
void client_reply_cleanup(struct client_reply *reply);

/*
 * POST / with this X-Amz-Target. OK says that an answer came, whatever it says. E_SERVICE_AWAY:
 * nobody answers, or not in time; E_ACCESS_DENIED: this user may not reach the socket; E_BOUNDS: an
 * answer above CLIENT_REPLY_MAX. `message`: what libcurl has to add, for people; "" without.
 */
NODISCARD struct err client_call(struct client *client, const char *target, struct view body,
				 struct client_reply *reply, char message[CLIENT_MESSAGE_MAX]);

#endif
