/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/lock.h"

#define WAIT_MS 10000

#define SLOW_US 300000

/* Header and body of one request; false at the end of the stream. */
static bool receive(int client, char head[1024], char body[4096])
{
	char bytes[8192];
	size_t len = 0;
	for (;;) {
		ssize_t n = recv(client, bytes + len, sizeof bytes - 1 - len, 0);
		if (n <= 0)
			return false;
		len += (size_t)n;
		bytes[len] = '\0';
		char *end = strstr(bytes, "\r\n\r\n");
		const char *length = strstr(bytes, "Content-Length: ");
		if (end == NULL || length == NULL)
			continue;
		if (strlen(end + 4) < (size_t)atoi(length + 16))
			continue;
		(void)snprintf(body, 4096, "%.4000s", end + 4);
		end[2] = '\0';
		(void)snprintf(head, 1024, "%.1000s", bytes);
		return true;
	}
}

static int note(struct receiver *r, const char *head, const char *body, const char **extra)
{
	LOCK_SCOPE(&r->lock);
	int at = r->requests % RECEIVER_REQUESTS_MAX;
	(void)snprintf(r->heads[at], sizeof r->heads[0], "%s", head);
	(void)snprintf(r->bodies[at], sizeof r->bodies[0], "%s", body);
	r->requests++;
	*extra = r->extra != NULL ? r->extra : "";
	return r->statuses[at] != 0 ? r->statuses[at] : 200;
}

static void serve(struct receiver *r, int client)
{
	char head[1024], body[4096], reply[256];
	const char *extra = "";
	while (receive(client, head, body)) {
		int status = note(r, head, body, &extra);
		if (status == RECEIVER_HANGS)
			continue; /* until the client gives up */
		if (status == RECEIVER_SLOW) {
			(void)usleep(SLOW_US);
			status = 200;
		}
		int n = snprintf(reply, sizeof reply,
				 "HTTP/1.1 %d Test\r\n%sContent-Length: 4\r\n\r\nbody", status,
				 extra);
		if (send(client, reply, (size_t)n, MSG_NOSIGNAL) != n)
			return;
	}
}

static void *run(void *user)
{
	struct receiver *r = user;
	for (;;) {
		int client = accept(r->listener, NULL, NULL);
		if (client < 0)
			return NULL;
		{
			LOCK_SCOPE(&r->lock);
			r->client = client;
			r->connections++;
			if (r->stop)
				(void)shutdown(client, SHUT_RDWR);
		}
		serve(r, client);
		LOCK_SCOPE(&r->lock);
		r->client = -1;
		(void)close(client);
	}
}

static uint16_t bound(int *fd, uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	socklen_t len = sizeof address;
	const int on = 1;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
	assert_int_equal(bind(*fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(getsockname(*fd, (struct sockaddr *)&address, &len), 0);
	return ntohs(address.sin_port);
}

uint16_t receiver_free_port(void)
{
	int fd = -1;
	uint16_t port = bound(&fd, 0);
	(void)close(fd);
	return port;
}

void receiver_start_at(struct receiver *r, uint16_t port)
{
	(void)pthread_mutex_init(&r->lock, NULL);
	r->client = -1;
	r->port = bound(&r->listener, port);
	(void)snprintf(r->url, sizeof r->url, "http://127.0.0.1:%u/hook", r->port);
	assert_int_equal(listen(r->listener, 8), 0);
	assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
}

void receiver_start(struct receiver *r)
{
	receiver_start_at(r, 0);
}

void receiver_stop(struct receiver *r)
{
	{
		LOCK_SCOPE(&r->lock);
		r->stop = true;
		(void)shutdown(r->listener, SHUT_RDWR);
		if (r->client >= 0)
			(void)shutdown(r->client, SHUT_RDWR);
	}
	assert_int_equal(pthread_join(r->thread, NULL), 0);
	(void)close(r->listener);
	(void)pthread_mutex_destroy(&r->lock);
}

int receiver_requests(struct receiver *r)
{
	LOCK_SCOPE(&r->lock);
	return r->requests;
}

void receiver_await(struct receiver *r, int requests)
{
	for (int waited = 0; waited < WAIT_MS && receiver_requests(r) < requests; waited += 5)
		(void)usleep(5000);
	assert_true(receiver_requests(r) >= requests);
}
