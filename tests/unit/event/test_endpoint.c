/* SPDX-License-Identifier: Apache-2.0 */
/* One request to an endpoint: what is sent, what is made of the answer, which URLs are taken. */
#include "event/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "folder.h"
#include "receiver.h"

#define ID "6a7e8feb-b491-4cf7-a9f1-bf3703467718"

static struct receiver receiver;
static struct endpoint *endpoint;
static struct endpoint_answer answer;
static atomic_bool stop;

static int setup(void **state)
{
	receiver = (struct receiver){0};
	receiver_start(&receiver);
	return folder_setup(state);
}

static int teardown(void **state)
{
	endpoint_close(&endpoint);
	receiver_stop(&receiver);
	return folder_teardown(state);
}

static void open_endpoint(const char *token_file, uint32_t timeout_ms)
{
	const struct endpoint_options options = {.url = receiver.url,
						 .token_file = token_file,
						 .timeout_ms = timeout_ms,
						 .stop = &stop};
	assert_int_equal(endpoint_open(&options, &endpoint).code, E_OK);
}

static bool sent(int request, const char *header)
{
	return strcasestr(receiver.heads[request], header) != NULL;
}

static void a_post_has_the_event_and_its_id(void **state)
{
	(void)state;
	open_endpoint(NULL, 5000);
	endpoint_send(endpoint, ID, "{\"id\":1}", &answer);
	assert_int_equal(answer.verdict, ENDPOINT_TAKEN);
	assert_string_equal(receiver.bodies[0], "{\"id\":1}");
	assert_true(sent(0, "POST /hook HTTP/1.1\r\n"));
	assert_true(sent(0, "\r\nContent-Type: application/json\r\n"));
	assert_true(sent(0, "\r\nUser-Agent: Holdfast/" HOLDFAST_VERSION "\r\n"));
	assert_true(sent(0, "\r\nIdempotency-Key: \"" ID "\"\r\n"));
	assert_false(sent(0, "\r\nAuthorization:"));
	assert_false(sent(0, "\r\nExpect:"));
}

static void the_connection_is_kept(void **state)
{
	(void)state;
	open_endpoint(NULL, 5000);
	for (int i = 0; i < 5; i++)
		endpoint_send(endpoint, ID, "{}", &answer);
	assert_int_equal(receiver_requests(&receiver), 5);
	assert_int_equal(receiver.connections, 1);
}

static void the_token_is_read_for_each_event(void **state)
{
	(void)state;
	folder_write("token", "first\n", 0600);
	open_endpoint(folder_path("token"), 5000);
	endpoint_send(endpoint, ID, "{}", &answer);
	assert_true(sent(0, "\r\nAuthorization: Bearer first\r\n"));
	folder_write("token", "second\n", 0600);
	endpoint_send(endpoint, ID, "{}", &answer);
	assert_true(sent(1, "\r\nAuthorization: Bearer second\r\n"));
	folder_write("token", "bad token\n", 0600);
	endpoint_send(endpoint, ID, "{}", &answer);
	assert_int_equal(answer.verdict, ENDPOINT_AGAIN);
	assert_null(strstr(answer.said, "bad token"));
	assert_int_equal(receiver_requests(&receiver), 2);
}

static void statuses_have_their_verdicts(void **state)
{
	(void)state;
	static const struct {
		long status;
		enum endpoint_verdict verdict;
	} rows[] = {
		{200, ENDPOINT_TAKEN},   {202, ENDPOINT_TAKEN},   {204, ENDPOINT_TAKEN},
		{299, ENDPOINT_TAKEN},   {301, ENDPOINT_AGAIN},   {307, ENDPOINT_AGAIN},
		{400, ENDPOINT_REFUSED}, {401, ENDPOINT_AGAIN},   {403, ENDPOINT_REFUSED},
		{404, ENDPOINT_REFUSED}, {407, ENDPOINT_AGAIN},   {408, ENDPOINT_AGAIN},
		{409, ENDPOINT_AGAIN},   {410, ENDPOINT_REFUSED}, {422, ENDPOINT_REFUSED},
		{425, ENDPOINT_AGAIN},   {429, ENDPOINT_AGAIN},   {500, ENDPOINT_AGAIN},
		{503, ENDPOINT_AGAIN},   {599, ENDPOINT_AGAIN},   {0, ENDPOINT_AGAIN},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(endpoint_verdict_of(rows[i].status), rows[i].verdict);
}

static void redirects_are_not_followed(void **state)
{
	(void)state;
	receiver.statuses[0] = 307;
	receiver.extra = "Location: /elsewhere\r\n";
	open_endpoint(NULL, 5000);
	endpoint_send(endpoint, ID, "{}", &answer);
	assert_int_equal(answer.verdict, ENDPOINT_AGAIN);
	assert_non_null(strstr(answer.said, "redirect"));
	assert_int_equal(receiver_requests(&receiver), 1);
}

static void the_pause_that_is_asked_for_is_bounded(void **state)
{
	(void)state;
	receiver.statuses[0] = receiver.statuses[1] = 503;
	receiver.extra = "Retry-After: 7\r\n";
	open_endpoint(NULL, 5000);
	endpoint_send(endpoint, ID, "{}", &answer);
	assert_int_equal(answer.pause_ms, 7000);
	receiver.extra = "Retry-After: 99999999\r\n";
	endpoint_send(endpoint, ID, "{}", &answer);
	assert_int_equal(answer.pause_ms, 300000);
}

static void one_that_hangs_is_left(void **state)
{
	(void)state;
	receiver.statuses[0] = RECEIVER_HANGS;
	open_endpoint(NULL, 200);
	endpoint_send(endpoint, ID, "{}", &answer);
	assert_int_equal(answer.verdict, ENDPOINT_AGAIN);
	assert_non_null(strstr(answer.said, "timed out"));
}

static void no_proxy_of_the_environment_is_used(void **state)
{
	(void)state;
	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1/", 1), 0);
	assert_int_equal(setenv("all_proxy", "http://127.0.0.1:1/", 1), 0);
	open_endpoint(NULL, 5000);
	endpoint_send(endpoint, ID, "{}", &answer);
	assert_int_equal(answer.verdict, ENDPOINT_TAKEN);
	assert_int_equal(unsetenv("http_proxy"), 0);
	assert_int_equal(unsetenv("all_proxy"), 0);
}

static void urls_are_judged(void **state)
{
	(void)state;
	static const struct {
		const char *url, *token, *word; /* word NULL: it is taken */
	} rows[] = {
		{"https://events.example/hook", NULL, NULL},
		{"https://events.example/hook", "/token", NULL},
		{"http://events.example/hook", NULL, NULL},
		{"http://events.example/hook", "/token", "in the clear"},
		{"http://127.0.0.1.example/hook", "/token", "in the clear"},
		{"http://10.0.0.1/", "/token", "in the clear"},
		{"http://127.0.0.1:8080/hook", "/token", NULL},
		{"http://127.0.0.2/", "/token", NULL},
		{"http://[::1]/", "/token", NULL},
		{"http://localhost/", "/token", NULL},
		{"http://localhost.example/", "/token", "in the clear"},
		{"https://user@events.example/", NULL, "user or password"},
		{"https://user:pass@events.example/", NULL, "user or password"},
		{"ftp://events.example/", NULL, "https://"},
		{"file:///etc/passwd", NULL, "https://"},
		{"events.example", NULL, "not a URL"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *fault = endpoint_fault(rows[i].url, rows[i].token);
		if (rows[i].word == NULL)
			assert_null(fault);
		else
			assert_non_null(strstr(fault, rows[i].word));
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_post_has_the_event_and_its_id),
		TEST(the_connection_is_kept),
		TEST(the_token_is_read_for_each_event),
		TEST(statuses_have_their_verdicts),
		TEST(redirects_are_not_followed),
		TEST(the_pause_that_is_asked_for_is_bounded),
		TEST(one_that_hangs_is_left),
		TEST(no_proxy_of_the_environment_is_used),
		TEST(urls_are_judged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
