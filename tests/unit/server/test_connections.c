/* SPDX-License-Identifier: Apache-2.0 */
/* Many connections, slow ones, ones that vanish, and the end of the server. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/server/fixture.h"

#define REQUEST_TIMEOUT_MS 400
#define IDLE_TIMEOUT_MS 1200
#define SLACK_MS 600
#define MANY 600

static struct fixture f;

static void start(enum fake_mode mode)
{
	fixture_start(&f, mode,
		      (struct server_options){.request_timeout_ms = REQUEST_TIMEOUT_MS,
					      .idle_timeout_ms = IDLE_TIMEOUT_MS});
}

static int teardown(void **state)
{
	(void)state;
	fixture_stop(&f);
	return 0;
}

static int at_once(void **state)
{
	(void)state;
	start(FAKE_AT_ONCE);
	return 0;
}

static int on_thread(void **state)
{
	(void)state;
	start(FAKE_THREAD);
	return 0;
}

static int held(void **state)
{
	(void)state;
	start(FAKE_HOLD);
	return 0;
}

static int held_two_threads(void **state)
{
	(void)state;
	fixture_start(&f, FAKE_HOLD, (struct server_options){.threads = 2});
	return 0;
}

static void receive_and_close(int fd, const char *body)
{
	assert_true(raw_receive(fd, &f.reply));
	assert_int_equal(f.reply.status, 200);
	assert_string_equal(f.reply.body, body);
	(void)close(fd);
}

static void many_are_held_and_answered(void **state)
{
	(void)state;
	static int fds[MANY];
	for (int i = 0; i < MANY; i++) {
		char body[16];
		(void)snprintf(body, sizeof body, "%d", i);
		fds[i] = raw_connect(f.port);
		assert_true(fds[i] >= 0);
		assert_true(raw_send_text(fds[i], fixture_post(body)));
	}
	assert_true(fake_service_wait_held(f.service, MANY));
	fake_service_release(f.service);
	for (int i = 0; i < MANY; i++) {
		char body[16];
		(void)snprintf(body, sizeof body, "%d", i);
		receive_and_close(fds[i], body);
	}
	assert_true(fixture_wait_connections(&f, 0));
}

/* The reply of another thread races the suspension a few thousand times. */
static void a_reply_may_come_at_any_moment(void **state)
{
	(void)state;
	int fds[8];
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = raw_connect(f.port);
	for (int round = 0; round < 400; round++) {
		for (size_t i = 0; i < ARRAY_LEN(fds); i++)
			assert_true(raw_send_text(fds[i], fixture_post("race")));
		for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
			assert_true(raw_receive(fds[i], &f.reply));
			assert_string_equal(f.reply.body, "race");
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		(void)close(fds[i]);
	assert_int_equal(fake_service_calls(f.service), 400 * ARRAY_LEN(fds));
}

static void a_client_may_vanish_while_it_waits(void **state)
{
	(void)state;
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	for (int i = 0; i < 40; i++) {
		int fd = raw_connect(f.port);
		assert_true(raw_send_text(fd, fixture_post("gone")));
		assert_true(fake_service_wait_held(f.service, (size_t)i + 1));
		if (i % 2 == 0)
			(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		(void)close(fd);
	}
	fake_service_release(f.service);
	assert_true(fixture_wait_live(0));
	assert_true(fixture_wait_connections(&f, 0));
}

static void a_server_may_stop_with_calls_under_way(void **state)
{
	(void)state;
	int fds[20];
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = raw_connect(f.port);
		assert_true(raw_send_text(fds[i], fixture_post("late")));
	}
	assert_true(fake_service_wait_held(f.service, ARRAY_LEN(fds)));
	server_stop(&f.server);
	assert_int_equal(fake_service_live(), ARRAY_LEN(fds));
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		assert_true(raw_receive(fds[i], &f.reply));
		assert_int_equal(f.reply.status, 503);
		assert_true(raw_closed_within(fds[i], RAW_WAIT_MS));
		(void)close(fds[i]);
	}
	fake_service_release(f.service);
	assert_int_equal(fake_service_live(), 0);
}

static void a_stop_sends_what_was_replied(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		start(FAKE_HOLD);
		int fd = raw_connect(f.port);
		assert_true(raw_send_text(fd, fixture_post("replied")));
		assert_true(fake_service_wait_held(f.service, 1));
		fake_service_release(f.service);
		server_stop(&f.server);
		receive_and_close(fd, "replied");
		fixture_stop(&f);
	}
}

static void quiescing_ends_what_is_under_way(void **state)
{
	(void)state;
	int fd = raw_connect(f.port);
	int idle = fixture_ask(&f, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_true(raw_send_text(fd, fixture_post("last")));
	assert_true(fake_service_wait_held(f.service, 1));
	server_quiesce(f.server);
	int other = raw_connect(f.port);
	assert_int_equal(other, -1);
	assert_true(raw_send_text(idle, fixture_post("too late")));
	assert_true(raw_receive(idle, &f.reply));
	assert_int_equal(f.reply.status, 503);
	assert_true(raw_closed_within(idle, RAW_WAIT_MS));
	(void)close(idle);
	assert_int_equal(fake_service_calls(f.service), 1);
	fake_service_release(f.service);
	receive_and_close(fd, "last");
	assert_string_equal(raw_header(&f.reply, "Connection"), "close");
}

/* ---- time limits ---- */

static void assert_dropped_in_time(int fd, int64_t since, int limit_ms)
{
	assert_true(raw_closed_within(fd, limit_ms + SLACK_MS));
	assert_in_range(raw_now_ms() - since, limit_ms - 50, limit_ms + SLACK_MS);
	(void)close(fd);
}

static void a_silent_connection_is_dropped(void **state)
{
	(void)state;
	int64_t since = raw_now_ms();
	assert_dropped_in_time(raw_connect(f.port), since, REQUEST_TIMEOUT_MS);
	struct server_figures figures;
	server_figures(f.server, &figures);
	assert_int_equal(figures.timeouts, 1);
}

/* A byte every few milliseconds until the other end has had enough. */
static void drip(int fd, const char *text, size_t repeat_from)
{
	size_t at = 0, len = view_of_text(text).len;
	for (int i = 0; i < 200; i++) {
		if (!raw_send(fd, view_of(text + at, 1)))
			return;
		at = at + 1 < len ? at + 1 : repeat_from;
		if (raw_closed_within(fd, 20))
			return;
	}
}

static void a_dripping_head_is_dropped(void **state)
{
	(void)state;
	int64_t since = raw_now_ms();
	int fd = raw_connect(f.port);
	drip(fd, "POST / HTTP/1.1\r\nX: aaaa", 22);
	assert_dropped_in_time(fd, since, REQUEST_TIMEOUT_MS);
	assert_int_equal(fixture_status(&f, fixture_post("others")), 200);
}

static void a_dripping_body_is_dropped(void **state)
{
	(void)state;
	int64_t since = raw_now_ms();
	int fd = raw_connect(f.port);
	assert_true(raw_send_text(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 999\r\n\r\n"));
	drip(fd, "aaaa", 0);
	assert_dropped_in_time(fd, since, REQUEST_TIMEOUT_MS);
	assert_int_equal(fake_service_calls(f.service), 0);
}

static void a_dripping_second_request_is_dropped(void **state)
{
	(void)state;
	int fd = fixture_ask(&f, fixture_post("first"));
	(void)usleep(200000); /* seen waiting */
	int64_t since = raw_now_ms();
	drip(fd, "POST /aaaaaaaaaa", 6);
	assert_true(raw_closed_within(fd, SLACK_MS));
	assert_in_range(raw_now_ms() - since, REQUEST_TIMEOUT_MS - 50, REQUEST_TIMEOUT_MS + 300);
	(void)close(fd);
}

static void an_idle_connection_is_kept_and_then_dropped(void **state)
{
	(void)state;
	int fd = fixture_ask(&f, fixture_post("first"));
	(void)usleep((REQUEST_TIMEOUT_MS + 200) * 1000);
	assert_true(raw_send_text(fd, fixture_post("second")));
	assert_true(raw_receive(fd, &f.reply));
	assert_string_equal(f.reply.body, "second");
	assert_dropped_in_time(fd, raw_now_ms(), IDLE_TIMEOUT_MS);
}

static void a_call_under_way_is_not_dropped(void **state)
{
	(void)state;
	int fd = raw_connect(f.port);
	assert_true(raw_send_text(fd, fixture_post("slow service")));
	assert_true(fake_service_wait_held(f.service, 1));
	(void)usleep((REQUEST_TIMEOUT_MS + 300) * 1000);
	fake_service_release(f.service);
	receive_and_close(fd, "slow service");
}

/* Slow ones in number do not hold up a quick one. */
static void slow_clients_do_not_hold_up_others(void **state)
{
	(void)state;
	int slow[200];
	for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
		slow[i] = raw_connect(f.port);
		(void)raw_send_text(slow[i],
				    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
	}
	int64_t since = raw_now_ms();
	for (int i = 0; i < 20; i++)
		assert_int_equal(fixture_status(&f, fixture_post("quick")), 200);
	assert_true(raw_now_ms() - since < REQUEST_TIMEOUT_MS);
	for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
		assert_true(raw_closed_within(slow[i], REQUEST_TIMEOUT_MS + SLACK_MS));
		(void)close(slow[i]);
	}
}

/* ---- limits ---- */

static void addresses_have_a_limit(void **state)
{
	(void)state;
	fixture_start(&f, FAKE_AT_ONCE, (struct server_options){.connections_per_address_max = 4});
	int fds[4];
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = fixture_ask(&f, fixture_post("in"));
	int fifth = raw_connect(f.port);
	assert_true(raw_closed_within(fifth, RAW_WAIT_MS));
	(void)close(fifth);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		(void)close(fds[i]);
	assert_true(fixture_wait_connections(&f, 0));
	assert_int_equal(fixture_status(&f, fixture_post("again")), 200);
	fixture_stop(&f);
}

static void connections_have_a_limit(void **state)
{
	(void)state;
	fixture_start(&f, FAKE_AT_ONCE, (struct server_options){.connections_max = 8});
	int fds[8];
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = fixture_ask(&f, fixture_post("in"));
	int ninth = raw_connect(f.port);
	assert_true(raw_send_text(ninth, fixture_post("waits")));
	(void)usleep(50000);
	assert_int_equal(fake_service_calls(f.service), ARRAY_LEN(fds));
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		(void)close(fds[i]);
	receive_and_close(ninth, "waits");
	fixture_stop(&f);
}

#define ASK_METRICS "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n"

/* They ask nobody who he is. */
static void metrics_are_never_on_the_public_door(void **state)
{
	(void)state;
	fixture_start(&f, FAKE_AT_ONCE, (struct server_options){0});
	assert_int_equal(fixture_status(&f, ASK_METRICS), 404);
	fixture_stop(&f);
	fixture_start(&f, FAKE_AT_ONCE, (struct server_options){.metrics_listen = "127.0.0.1:0"});
	assert_int_equal(fixture_status(&f, ASK_METRICS), 404);
	fixture_stop(&f);
}

static void metrics_are_beside_health_when_that_is_apart(void **state)
{
	(void)state;
	fixture_start(&f, FAKE_AT_ONCE, (struct server_options){.health_listen = "127.0.0.1:0"});
	assert_int_equal(fixture_status(&f, ASK_METRICS), 404);
	assert_int_equal(server_metrics_port(f.server), 0);
	f.port = server_health_port(f.server);
	assert_int_equal(fixture_status(&f, ASK_METRICS), 200);
	fixture_stop(&f);
}

static void metrics_have_a_listener_of_their_own(void **state)
{
	(void)state;
	fixture_start(&f, FAKE_AT_ONCE,
		      (struct server_options){.health_listen = "127.0.0.1:0",
					      .metrics_listen = "127.0.0.1:0"});
	uint16_t port = server_metrics_port(f.server);
	f.port = server_health_port(f.server);
	assert_int_equal(fixture_status(&f, ASK_METRICS), 404);
	f.port = port;
	assert_int_equal(fixture_status(&f, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), 404);
	assert_int_equal(fixture_status(&f, fixture_post("{}")), 404);
	assert_int_equal(fixture_status(&f, "POST /metrics HTTP/1.1\r\nHost: h\r\n"
					    "Content-Length: 0\r\n\r\n"),
			 405);
	assert_int_equal(fixture_status(&f, ASK_METRICS), 200);
	fixture_stop(&f);
}

static void health_has_a_listener_of_its_own(void **state)
{
	(void)state;
	fixture_start(&f, FAKE_AT_ONCE, (struct server_options){.health_listen = "127.0.0.1:0"});
	assert_int_equal(fixture_status(&f, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), 404);
	f.port = server_health_port(f.server);
	assert_int_equal(fixture_status(&f, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
	assert_int_equal(fixture_status(&f, fixture_post("no")), 404);
	fixture_stop(&f);
}

static void a_listener_may_be_ipv6(void **state)
{
	(void)state;
	fixture_start(&f, FAKE_AT_ONCE, (struct server_options){.listen = "[::1]:0"});
	fixture_stop(&f);
}

static void bad_addresses_are_named(void **state)
{
	(void)state;
	static const char *const bad[] = {"",        ":80",         "127.0.0.1",  "::1:80", "[::1]",
					  "h:99999", "127.0.0.1:x", "127.0.0.1:", "h:-1"};
	f.service = fake_service_new(FAKE_AT_ONCE);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct server_options options = {.service = f.service, .listen = bad[i]};
		assert_int_equal(server_start(&options, &f.server).code, E_SETTINGS);
		assert_null(f.server);
	}
	fake_service_free(&f.service);
}

static void a_taken_port_is_an_error(void **state)
{
	(void)state;
	fixture_start(&f, FAKE_AT_ONCE, (struct server_options){0});
	char listen[32];
	(void)snprintf(listen, sizeof listen, "127.0.0.1:%u", f.port);
	const struct server_options options = {.service = f.service, .listen = listen};
	struct server *second = NULL;
	assert_int_equal(server_start(&options, &second).code, E_SYSTEM);
	assert_null(second);
	fixture_stop(&f);
}

int main(void)
{
#define T(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(many_are_held_and_answered, held),
		T(many_are_held_and_answered, held_two_threads),
		T(a_reply_may_come_at_any_moment, on_thread),
		T(a_client_may_vanish_while_it_waits, held),
		T(a_server_may_stop_with_calls_under_way, held),
		T(quiescing_ends_what_is_under_way, held),
		T(a_silent_connection_is_dropped, at_once),
		T(a_dripping_head_is_dropped, at_once),
		T(a_dripping_body_is_dropped, at_once),
		T(a_dripping_second_request_is_dropped, at_once),
		T(an_idle_connection_is_kept_and_then_dropped, at_once),
		T(a_call_under_way_is_not_dropped, held),
		T(slow_clients_do_not_hold_up_others, at_once),
		cmocka_unit_test(a_stop_sends_what_was_replied),
		cmocka_unit_test(addresses_have_a_limit),
		cmocka_unit_test(connections_have_a_limit),
		cmocka_unit_test(health_has_a_listener_of_its_own),
		cmocka_unit_test(metrics_are_never_on_the_public_door),
		cmocka_unit_test(metrics_are_beside_health_when_that_is_apart),
		cmocka_unit_test(metrics_have_a_listener_of_their_own),
		cmocka_unit_test(a_listener_may_be_ipv6),
		cmocka_unit_test(bad_addresses_are_named),
		cmocka_unit_test(a_taken_port_is_an_error),
	};
	return cmocka_run_group_tests_name("server connections", tests, NULL, NULL);
}
