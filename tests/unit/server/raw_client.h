/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets and bytes, so that tests can send what no HTTP library would. */
#ifndef HOLDFAST_TESTS_UNIT_SERVER_RAW_CLIENT_H
#define HOLDFAST_TESTS_UNIT_SERVER_RAW_CLIENT_H

#include "base/buf.h"

#define RAW_WAIT_MS 10000

int raw_connect(uint16_t port); /* 127.0.0.1; -1 */
int raw_connect_unix(const char *path);
bool raw_send(int fd, struct view bytes);
bool raw_send_text(int fd, const char *text);

struct raw_reply {
	int status;
	char head[4096]; /* status line and headers */
	char body[600000];
	size_t body_len;
};

/* One reply by its Content-Length; false at the end of the stream or after RAW_WAIT_MS. Not for
 * more than one thread. */
bool raw_receive(int fd, struct raw_reply *reply);

/* Value of a header of the reply, "" without. Stays until the next call. */
const char *raw_header(const struct raw_reply *reply, const char *name);

/* Whether the other end closes within wait_ms; what it sends until then is dropped. */
bool raw_closed_within(int fd, int wait_ms);

int64_t raw_now_ms(void);

#endif
