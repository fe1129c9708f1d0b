/* SPDX-License-Identifier: Apache-2.0 */
/* From a post to the sinks: order, waiting, giving up, and what is told about it. */
#include "event/bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "folder.h"
#include "receiver.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define WAIT_MS 10000

/* The system's, moved on. */
static _Atomic int64_t ahead_ms;

static int64_t real_ms(const struct clock *self)
{
	(void)self;
	return clock_real_ms(&clock_system) + ahead_ms;
}

static int64_t steady_ms(const struct clock *self)
{
	(void)self;
	return clock_steady_ms(&clock_system);
}

static const struct clock test_clock = {real_ms, steady_ms, steady_ms};

static struct receiver receiver;
static struct event_bus *bus;
static struct event_bus_options options;
static struct event_bus_report report;
static char file_path[160], spool_path[160];

static int setup(void **state)
{
	int result = folder_setup(state);
	ahead_ms = 0;
	receiver = (struct receiver){0};
	options = (struct event_bus_options){.queue_max = 5, .retry_ms = 5, .clock = &test_clock};
	(void)snprintf(file_path, sizeof file_path, "%s", folder_path("events.jsonl"));
	(void)snprintf(spool_path, sizeof spool_path, "%s", folder_path("events.spool"));
	options.spool = spool_path;
	return result;
}

static int teardown(void **state)
{
	event_bus_close(&bus);
	if (receiver.port != 0)
		receiver_stop(&receiver);
	return folder_teardown(state);
}

static void open_bus(void)
{
	assert_int_equal(event_bus_open(&options, &bus).code, E_OK);
}

static void with_endpoint(void)
{
	receiver_start(&receiver);
	options.url = receiver.url;
}

static void post(int number)
{
	struct event event = {.kind = EVENT_DELETION,
			      .account = "111122223333",
			      .region = "us-east-1",
			      .key_arn = "arn",
			      .key_id = "key"};
	(void)snprintf(event.id, sizeof event.id, "00000000-0000-4000-8000-%012d", number);
	event_bus_post(bus, &event);
}

static void post_all(int from, int to)
{
	for (int i = from; i <= to; i++)
		post(i);
}

static int number_in(const char *line)
{
	int number = -1;
	const char *id = strstr(line, "\"id\":\"00000000-0000-4000-8000-");
	assert_non_null(id);
	assert_int_equal(sscanf(id + 30, "%12d", &number), 1);
	return number;
}

/* The file's lines are the events from..to. */
static void assert_file(const char *name, int from, int to)
{
	const char *at = folder_read(name);
	assert_non_null(at);
	for (int i = from; i <= to; i++) {
		assert_int_equal(number_in(at), i);
		at = strchr(at, '\n');
		assert_non_null(at);
		at++;
	}
	assert_string_equal(at, "");
}

static const struct event_sink_report *look(enum event_sink sink)
{
	event_bus_report(bus, &report);
	return &report.sinks[sink];
}

/* Until so many events are settled, delivered or dropped. */
static const struct event_sink_report *await(enum event_sink sink, uint64_t settled)
{
	for (int waited = 0; waited < WAIT_MS; waited += 5) {
		const struct event_sink_report *r = look(sink);
		if (r->delivered + r->dropped >= settled && r->waiting == 0)
			return r;
		(void)usleep(5000);
	}
	fail_msg("events were not settled");
	return NULL;
}

static const struct event_sink_report *await_failing(enum event_sink sink)
{
	for (int waited = 0; waited < WAIT_MS; waited += 5) {
		if (look(sink)->failing_since_ms != 0)
			return &report.sinks[sink];
		(void)usleep(5000);
	}
	fail_msg("nothing has failed");
	return NULL;
}

static void without_sinks_events_are_counted(void **state)
{
	(void)state;
	open_bus();
	post_all(1, 2);
	assert_false(look(EVENT_SINK_FILE)->present);
	assert_int_equal(report.posted, 2);
	event_bus_post(NULL, &(struct event){.kind = EVENT_DELETION});
}

static void the_file_has_an_event_when_post_returns(void **state)
{
	(void)state;
	options.file = file_path;
	open_bus();
	post_all(1, 3);
	assert_file("events.jsonl", 1, 3);
	assert_int_equal(look(EVENT_SINK_FILE)->delivered, 3);
}

static void a_full_disk_is_waited_for_in_order(void **state)
{
	(void)state;
	options.file = file_path;
	open_bus();
	post(1);
	folder_limit((long)strlen(folder_read("events.jsonl")) + 10);
	post_all(2, 4);
	assert_int_equal(look(EVENT_SINK_FILE)->waiting, 3);
	assert_int_not_equal(report.sinks[EVENT_SINK_FILE].failing_since_ms, 0);
	assert_string_equal(report.sinks[EVENT_SINK_FILE].last_error, "File too large");
	folder_limit(-1);
	assert_int_equal(await(EVENT_SINK_FILE, 4)->dropped, 0);
	assert_int_equal(report.sinks[EVENT_SINK_FILE].failing_since_ms, 0);
	assert_file("events.jsonl", 1, 4);
}

static void what_waits_for_the_file_is_bounded(void **state)
{
	(void)state;
	options.file = file_path;
	open_bus();
	folder_limit(10);
	post_all(1, 8);
	assert_int_equal(look(EVENT_SINK_FILE)->dropped, 3);
	folder_limit(-1);
	event_bus_close(&bus); /* writes what the file lacks */
	assert_file("events.jsonl", 4, 8);
}

static void the_endpoint_gets_all_in_order(void **state)
{
	(void)state;
	with_endpoint();
	receiver.statuses[0] = receiver.statuses[1] = 500;
	receiver.statuses[3] = 429;
	options.queue_max = 0;
	open_bus();
	post_all(1, 3);
	assert_int_equal(await(EVENT_SINK_ENDPOINT, 3)->delivered, 3);
	static const int order[] = {1, 1, 1, 2, 2, 3};
	assert_int_equal(receiver_requests(&receiver), 6);
	for (int i = 0; i < 6; i++)
		assert_int_equal(number_in(receiver.bodies[i]), order[i]);
	assert_string_equal(folder_read("events.spool"), "");
}

static void one_that_is_refused_does_not_block_the_others(void **state)
{
	(void)state;
	with_endpoint();
	receiver.statuses[0] = 422;
	open_bus();
	post_all(1, 2);
	assert_int_equal(await(EVENT_SINK_ENDPOINT, 2)->delivered, 1);
	assert_int_equal(report.sinks[EVENT_SINK_ENDPOINT].dropped, 1);
	assert_non_null(strstr(report.sinks[EVENT_SINK_ENDPOINT].last_error, "422"));
	assert_int_equal(report.sinks[EVENT_SINK_ENDPOINT].failing_since_ms, 0);
	assert_int_equal(number_in(receiver.bodies[1]), 2);
}

static void an_endpoint_that_is_away_is_waited_for_across_a_restart(void **state)
{
	(void)state;
	char url[64];
	uint16_t port = receiver_free_port();
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/hook", port);
	options.url = url;
	open_bus();
	post_all(1, 3);
	(void)await_failing(EVENT_SINK_ENDPOINT);
	event_bus_close(&bus);
	receiver_start_at(&receiver, port);
	open_bus();
	assert_int_equal(await(EVENT_SINK_ENDPOINT, 3)->delivered, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(number_in(receiver.bodies[i]), i + 1);
}

static void beyond_the_bound_the_oldest_go(void **state)
{
	(void)state;
	with_endpoint();
	receiver.statuses[0] = RECEIVER_HANGS;
	options.timeout_ms = 300;
	open_bus();
	post(1);
	receiver_await(&receiver, 1);
	post_all(2, 8); /* 1 to 3 go, though 1 is on its way */
	const struct event_sink_report *r = await(EVENT_SINK_ENDPOINT, 8);
	assert_int_equal(r->dropped, 3);
	assert_int_equal(r->delivered, 5);
	for (int i = 1; i < 6; i++)
		assert_int_equal(number_in(receiver.bodies[i]), i + 3);
}

/* The one that it has taken is not there any more: the oldest by now is another. */
static void an_answer_for_one_that_made_room_is_no_others(void **state)
{
	(void)state;
	with_endpoint();
	receiver.statuses[0] = RECEIVER_SLOW;
	open_bus();
	post(1);
	receiver_await(&receiver, 1);
	post_all(2, 6);
	const struct event_sink_report *r = await(EVENT_SINK_ENDPOINT, 7);
	assert_int_equal(r->dropped, 1);
	assert_int_equal(r->delivered, 6);
	for (int i = 0; i < 6; i++)
		assert_int_equal(number_in(receiver.bodies[i]), i + 1);
}

static void after_a_day_an_event_is_given_up(void **state)
{
	(void)state;
	with_endpoint();
	for (int i = 0; i < RECEIVER_REQUESTS_MAX; i++)
		receiver.statuses[i] = 500;
	options.retry_ms = 50;
	open_bus();
	post(1);
	(void)await_failing(EVENT_SINK_ENDPOINT);
	assert_int_equal(look(EVENT_SINK_ENDPOINT)->dropped, 0);
	ahead_ms = DAY_MS;
	assert_int_equal(await(EVENT_SINK_ENDPOINT, 1)->dropped, 1);
	assert_non_null(strstr(report.sinks[EVENT_SINK_ENDPOINT].last_error, "24 hours"));
}

static void one_of_yesterday_is_tried_before_it_is_given_up(void **state)
{
	(void)state;
	with_endpoint();
	folder_write("events.spool", "+ 1000 {\"id\":\"00000000-0000-4000-8000-000000000001\"}\n",
		     0600);
	open_bus();
	assert_int_equal(await(EVENT_SINK_ENDPOINT, 1)->delivered, 1);
}

static void an_endpoint_that_asks_for_a_pause_gets_it(void **state)
{
	(void)state;
	with_endpoint();
	receiver.statuses[0] = 503;
	receiver.extra = "Retry-After: 1\r\n";
	open_bus();
	int64_t begun_ms = clock_steady_ms(&clock_system);
	post(1);
	assert_int_equal(await(EVENT_SINK_ENDPOINT, 1)->delivered, 1);
	assert_true(clock_steady_ms(&clock_system) - begun_ms >= 1000); /* of its own: 5 ms */
}

static void a_reopen_tries_at_once(void **state)
{
	(void)state;
	with_endpoint();
	receiver.statuses[0] = 503;
	options.retry_ms = 250000;
	open_bus();
	post(1);
	(void)await_failing(EVENT_SINK_ENDPOINT);
	event_bus_reopen(bus);
	assert_int_equal(await(EVENT_SINK_ENDPOINT, 1)->delivered, 1);
}

static void an_end_does_not_wait_for_one_that_hangs(void **state)
{
	(void)state;
	with_endpoint();
	receiver.statuses[0] = RECEIVER_HANGS;
	options.timeout_ms = 60000;
	open_bus();
	post(1);
	receiver_await(&receiver, 1);
	int64_t begin = clock_steady_ms(&clock_system);
	event_bus_close(&bus);
	assert_true(clock_steady_ms(&clock_system) - begin < 5000);
	assert_int_equal(number_in(folder_read("events.spool")), 1);
}

static void both_sinks_get_all(void **state)
{
	(void)state;
	with_endpoint();
	options.file = file_path;
	open_bus();
	post_all(1, 3);
	assert_file("events.jsonl", 1, 3);
	assert_int_equal(await(EVENT_SINK_ENDPOINT, 3)->delivered, 3);
}

static void wrong_options_are_refused(void **state)
{
	(void)state;
	options.url = "http://events.example/";
	options.token_file = "/token";
	assert_non_null(event_bus_fault(&options));
	assert_int_equal(event_bus_open(&options, &bus).code, E_SETTINGS);
	options.token_file = NULL;
	options.spool = "";
	assert_int_equal(event_bus_open(&options, &bus).code, E_SETTINGS);
	assert_null(bus);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_sinks_events_are_counted),
		TEST(the_file_has_an_event_when_post_returns),
		TEST(a_full_disk_is_waited_for_in_order),
		TEST(what_waits_for_the_file_is_bounded),
		TEST(the_endpoint_gets_all_in_order),
		TEST(one_that_is_refused_does_not_block_the_others),
		TEST(an_endpoint_that_is_away_is_waited_for_across_a_restart),
		TEST(beyond_the_bound_the_oldest_go),
		TEST(an_answer_for_one_that_made_room_is_no_others),
		TEST(after_a_day_an_event_is_given_up),
		TEST(one_of_yesterday_is_tried_before_it_is_given_up),
		TEST(an_endpoint_that_asks_for_a_pause_gets_it),
		TEST(a_reopen_tries_at_once),
		TEST(an_end_does_not_wait_for_one_that_hangs),
		TEST(both_sinks_get_all),
		TEST(wrong_options_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
