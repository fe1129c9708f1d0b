/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/server/raw_client.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

int64_t raw_now_ms(void)
{
	return clock_steady_ms(&clock_system);
}

static int connected(int fd, const void *address, socklen_t len)
{
	if (fd >= 0 && connect(fd, address, len) == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

int raw_connect(uint16_t port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_port = htons(port),
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return connected(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), &address, sizeof address);
}

int raw_connect_unix(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (err_failed(text_copy(address.sun_path, sizeof address.sun_path, view_of_text(path))))
		return -1;
	return connected(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), &address, sizeof address);
}

bool raw_send(int fd, struct view bytes)
{
	while (bytes.len > 0) {
		ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		bytes = view_part(bytes, (size_t)n, bytes.len);
	}
	return true;
}

bool raw_send_text(int fd, const char *text)
{
	return raw_send(fd, view_of_text(text));
}

static ssize_t receive_some(int fd, void *room, size_t n)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	if (poll(&p, 1, RAW_WAIT_MS) != 1)
		return -1;
	return recv(fd, room, n, 0);
}

static bool receive_head(int fd, struct raw_reply *reply)
{
	size_t len = 0;
	reply->head[0] = '\0';
	while (strstr(reply->head, "\r\n\r\n") == NULL) {
		if (len + 1 >= sizeof reply->head || receive_some(fd, reply->head + len, 1) != 1)
			return false;
		reply->head[++len] = '\0';
	}
	return sscanf(reply->head, "HTTP/1.1 %d", &reply->status) == 1;
}

bool raw_receive(int fd, struct raw_reply *reply)
{
	reply->status = 0;
	reply->body_len = 0;
	int64_t length = 0;
	if (!receive_head(fd, reply) ||
	    err_failed(text_parse_integer(view_of_text(raw_header(reply, "Content-Length")), 0,
					  sizeof reply->body - 1, &length)))
		return false;
	while (reply->body_len < (size_t)length) {
		ssize_t n = receive_some(fd, reply->body + reply->body_len,
					 (size_t)length - reply->body_len);
		if (n <= 0)
			return false;
		reply->body_len += (size_t)n;
	}
	reply->body[reply->body_len] = '\0';
	return true;
}

const char *raw_header(const struct raw_reply *reply, const char *name)
{
	static char value[512];
	struct view rest = view_of_text(reply->head);
	value[0] = '\0';
	while (rest.ptr != NULL) {
		struct view line = view_cut(&rest, '\n');
		struct view found = view_cut(&line, ':');
		if (line.ptr == NULL || !view_equal_ignore_case(found, view_of_text(name)))
			continue;
		line = view_part(line, 0, view_find(line, '\r'));
		return err_failed(text_copy(value, sizeof value, view_trim(line))) ? "" : value;
	}
	return value;
}

bool raw_closed_within(int fd, int wait_ms)
{
	int64_t until = raw_now_ms() + wait_ms;
	char dropped[4096];
	for (;;) {
		int64_t left = until - raw_now_ms();
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (left <= 0 || poll(&p, 1, (int)left) < 0)
			return false;
		ssize_t n = p.revents ? recv(fd, dropped, sizeof dropped, MSG_DONTWAIT) : 1;
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return true;
	}
}
