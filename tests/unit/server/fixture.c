/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/server/fixture.h"

#include <unistd.h>

#include "base/text.h"

#define POLL_US 2000
#define POLL_COUNT 5000

void fixture_start(struct fixture *f, enum fake_mode mode, struct server_options options)
{
	f->service = fake_service_new(mode);
	assert_non_null(f->service);
	options.service = f->service;
	if (options.listen == NULL)
		options.listen = "127.0.0.1:0";
	assert_int_equal(server_start(&options, &f->server).code, E_OK);
	f->port = server_port(f->server);
	assert_int_not_equal(f->port, 0);
}

void fixture_stop(struct fixture *f)
{
	fake_service_release(f->service);
	server_stop(&f->server);
	fake_service_free(&f->service);
	assert_int_equal(fake_service_live(), 0);
}

int fixture_ask(struct fixture *f, const char *text)
{
	int fd = raw_connect(f->port);
	assert_true(fd >= 0);
	assert_true(raw_send_text(fd, text));
	assert_true(raw_receive(fd, &f->reply));
	return fd;
}

int fixture_status(struct fixture *f, const char *text)
{
	(void)close(fixture_ask(f, text));
	return f->reply.status;
}

bool fixture_wait_connections(struct fixture *f, uint64_t count)
{
	struct server_figures figures = {0};
	for (int i = 0; i < POLL_COUNT; i++) {
		server_figures(f->server, &figures);
		if (figures.connections == count)
			return true;
		(void)usleep(POLL_US);
	}
	return false;
}

bool fixture_wait_live(size_t calls)
{
	for (int i = 0; i < POLL_COUNT; i++) {
		if (fake_service_live() == calls)
			return true;
		(void)usleep(POLL_US);
	}
	return false;
}

const char *fixture_post(const char *body)
{
	static char text[4096];
	assert_int_equal(
		text_format(text, sizeof text,
			    "POST / HTTP/1.1\r\nHost: localhost\r\n"
			    "X-Amz-Target: TrentService.Echo\r\nContent-Length: %zu\r\n\r\n"
			    "%s",
			    view_of_text(body).len, body)
			.code,
		E_OK);
	return text;
}
