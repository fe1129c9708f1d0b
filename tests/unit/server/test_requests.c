/* SPDX-License-Identifier: Apache-2.0 */
/* What reaches the service, what comes back, and what is refused on the way. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/server/fixture.h"

static struct fixture f;

static int setup(void **state)
{
	(void)state;
	fixture_start(&f, FAKE_AT_ONCE, (struct server_options){0});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_stop(&f);
	return 0;
}

static void assert_refused(const char *request, int status, const char *type)
{
	char wanted[128];
	(void)snprintf(wanted, sizeof wanted, "{\"__type\":\"%s\",\"message\":\"", type);
	assert_int_equal(fixture_status(&f, request), status);
	assert_ptr_equal(strstr(f.reply.body, wanted), f.reply.body);
	assert_string_equal(raw_header(&f.reply, "Content-Type"), "application/x-amz-json-1.1");
	assert_int_equal(strlen(raw_header(&f.reply, "x-amzn-RequestId")), CALL_REQUEST_ID_LEN);
	assert_int_equal(fake_service_calls(f.service), 0);
}

static void a_post_is_answered(void **state)
{
	(void)state;
	assert_int_equal(fixture_status(&f, fixture_post("{\"a\":1}")), 200);
	assert_string_equal(f.reply.body, "{\"a\":1}");
	assert_string_equal(raw_header(&f.reply, "x-amzn-RequestId"), FAKE_REQUEST_ID);
	assert_string_equal(raw_header(&f.reply, "Content-Type"), "application/x-amz-json-1.1");
	assert_string_equal(raw_header(&f.reply, "Server"), "");
}

static void an_empty_body_is_answered(void **state)
{
	(void)state;
	assert_int_equal(fixture_status(&f, fixture_post("")), 200);
	assert_int_equal(f.reply.body_len, 0);
}

static void a_secret_reply_is_sent(void **state)
{
	(void)state;
	fake_service_set_secret(f.service, true);
	assert_int_equal(fixture_status(&f, fixture_post("sesame")), 200);
	assert_string_equal(f.reply.body, "sesame");
	assert_true(fixture_wait_live(0));
	assert_int_equal(secret_usage().live_count, 0);
}

static void the_call_is_what_was_sent(void **state)
{
	(void)state;
	(void)fixture_status(&f, "POST /?a=%41&b HTTP/1.1\r\nHoSt:  h:1 \r\nx-amz-target: T.Op\r\n"
				 "User-Agent: test/1\r\nContent-Length: 2\r\n\r\nhi");
	struct fake_seen seen;
	fake_service_seen(f.service, &seen);
	assert_int_equal(seen.door, CALL_DOOR_PUBLIC);
	assert_string_equal(seen.method, "POST");
	assert_string_equal(seen.path, "/");
	assert_string_equal(seen.query, "a=%41&b");
	assert_string_equal(seen.target, "T.Op");
	assert_string_equal(seen.agent, "test/1");
	assert_string_equal(seen.source, "127.0.0.1");
	assert_string_equal(seen.first_header, "HoSt=h:1");
	assert_int_equal(seen.header_count, 4);
	assert_int_equal(seen.body_len, 2);
}

static void a_chunked_body_is_joined(void **state)
{
	(void)state;
	assert_int_equal(fixture_status(&f, "POST / HTTP/1.1\r\nHost: h\r\n"
					    "Transfer-Encoding: chunked\r\n\r\n"
					    "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"),
			 200);
	assert_string_equal(f.reply.body, "abcdefg");
}

static void a_body_is_waited_for(void **state)
{
	(void)state;
	int fd = raw_connect(f.port);
	assert_true(raw_send_text(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nab"));
	(void)usleep(20000);
	assert_true(raw_send_text(fd, "cd"));
	(void)usleep(20000);
	assert_true(raw_send_text(fd, "ef"));
	assert_true(raw_receive(fd, &f.reply));
	assert_string_equal(f.reply.body, "abcdef");
	(void)close(fd);
}

static void continue_is_sent_when_expected(void **state)
{
	(void)state;
	int fd = raw_connect(f.port);
	assert_true(raw_send_text(fd, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
				      "Content-Length: 2\r\n\r\n"));
	char interim[25] = "";
	assert_int_equal(read(fd, interim, sizeof interim), 25);
	assert_memory_equal(interim, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	assert_true(raw_send_text(fd, "ok"));
	assert_true(raw_receive(fd, &f.reply));
	assert_string_equal(f.reply.body, "ok");
	(void)close(fd);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	(void)state;
	int fd = raw_connect(f.port);
	char body[16];
	for (int i = 0; i < 50; i++) {
		(void)snprintf(body, sizeof body, "number %d", i);
		assert_true(raw_send_text(fd, fixture_post(body)));
	}
	for (int i = 0; i < 50; i++) {
		(void)snprintf(body, sizeof body, "number %d", i);
		assert_true(raw_receive(fd, &f.reply));
		assert_string_equal(f.reply.body, body);
	}
	(void)close(fd);
}

/* ---- what is refused ---- */

static void other_paths_are_unknown(void **state)
{
	(void)state;
	assert_refused("POST /x HTTP/1.1\r\nHost: h\r\n\r\n", 404, "UnknownOperationException");
	assert_refused("POST /%2e HTTP/1.1\r\nHost: h\r\n\r\n", 404, "UnknownOperationException");
	assert_refused("POST // HTTP/1.1\r\nHost: h\r\n\r\n", 404, "UnknownOperationException");
}

static void other_methods_are_refused(void **state)
{
	(void)state;
	assert_refused("GET / HTTP/1.1\r\nHost: h\r\n\r\n", 405, "UnknownOperationException");
	assert_string_equal(raw_header(&f.reply, "Allow"), "POST");
	assert_refused("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", 405,
		       "UnknownOperationException");
	assert_refused("post / HTTP/1.1\r\nHost: h\r\n\r\n", 405, "UnknownOperationException");
}

static void two_framings_are_refused(void **state)
{
	(void)state;
	assert_refused("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n"
		       "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		       400, "MalformedHttpRequestException");
	assert_string_equal(raw_header(&f.reply, "Connection"), "close");
}

static void doubled_lengths_are_refused(void **state)
{
	(void)state;
	assert_refused("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
		       "Content-Length: 2\r\n\r\nab",
		       400, "MalformedHttpRequestException");
	assert_string_equal(raw_header(&f.reply, "Connection"), "close");
}

static void other_encodings_are_refused(void **state)
{
	(void)state;
	assert_refused("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		       400, "MalformedHttpRequestException");
	assert_refused("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
		       "Transfer-Encoding: chunked\r\n\r\n",
		       400, "MalformedHttpRequestException");
}

static void bad_lengths_never_reach_the_service(void **state)
{
	(void)state;
	static const char *const lengths[] = {"-1", "+2", "0x2", "2,2", "99999999999999999999"};
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		char text[256];
		(void)snprintf(text, sizeof text,
			       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %s\r\n\r\nab",
			       lengths[i]);
		int status = fixture_status(&f, text);
		assert_true(status == 400 || status == 413);
		assert_true(f.reply.body_len < 512);
	}
	assert_int_equal(fake_service_calls(f.service), 0);
}

static void a_host_is_needed_once(void **state)
{
	(void)state;
	assert_int_equal(fixture_status(&f, "POST / HTTP/1.1\r\n\r\n"), 400);
	assert_int_equal(fixture_status(&f, "POST / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400);
	assert_int_equal(fixture_status(&f, "POST / HTTP/1.1\r\nHost:\r\n\r\n"), 400);
	assert_int_equal(fixture_status(&f, "POST / HTTP/1.0\r\n\r\n"), 400);
	assert_int_equal(fake_service_calls(f.service), 0);
}

static void a_doubled_target_is_refused(void **state)
{
	(void)state;
	assert_refused("POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: a\r\nx-amz-target: b\r\n\r\n",
		       400, "MalformedHttpRequestException");
}

/* POST / with `count` headers, Host included. */
static const char *with_headers(size_t count)
{
	static char text[8192];
	size_t len = (size_t)snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: h\r\n");
	for (size_t i = 1; i < count; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "X-H%zu: v\r\n", i);
	(void)snprintf(text + len, sizeof text - len, "\r\n");
	return text;
}

static void headers_are_bounded_in_number(void **state)
{
	(void)state;
	assert_refused(with_headers(SIGV4_HEADERS_MAX + 1), 400, "MalformedHttpRequestException");
	assert_int_equal(fixture_status(&f, with_headers(SIGV4_HEADERS_MAX)), 200);
}

static void headers_are_bounded_in_size(void **state)
{
	(void)state;
	static char text[128 << 10];
	size_t len = (size_t)snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: h\r\nX-Big: ");
	memset(text + len, 'a', sizeof text - len - 8);
	(void)snprintf(text + sizeof text - 8, 8, "\r\n\r\n");
	int fd = raw_connect(f.port);
	(void)raw_send_text(fd, text);
	assert_true(raw_closed_within(fd, RAW_WAIT_MS));
	(void)close(fd);
	assert_int_equal(fake_service_calls(f.service), 0);
	assert_int_equal(fixture_status(&f, fixture_post("still here")), 200);
}

/* ---- the bound of a body ---- */

static char large[SERVER_DISCARD_MAX + (64 << 10)];

static void ask_with_body(size_t len)
{
	char head[256];
	(void)snprintf(head, sizeof head,
		       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", len);
	int fd = raw_connect(f.port);
	assert_true(raw_send_text(fd, head));
	memset(large, 'b', len);
	(void)raw_send(fd, view_of(large, len));
	assert_true(raw_receive(fd, &f.reply));
	(void)close(fd);
}

static void a_body_at_the_bound_is_taken(void **state)
{
	(void)state;
	ask_with_body(CALL_BODY_MAX);
	assert_int_equal(f.reply.status, 200);
	assert_int_equal(f.reply.body_len, CALL_BODY_MAX);
}

static void a_body_over_the_bound_is_refused(void **state)
{
	(void)state;
	ask_with_body(CALL_BODY_MAX + 1);
	assert_int_equal(f.reply.status, 413);
	assert_non_null(strstr(f.reply.body, "RequestEntityTooLargeException"));
	assert_int_equal(fake_service_calls(f.service), 0);
}

static void a_huge_body_is_refused_before_it_is_sent(void **state)
{
	(void)state;
	assert_refused("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000000\r\n\r\n", 413,
		       "RequestEntityTooLargeException");
	assert_refused("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
		       "Content-Length: 300000\r\n\r\n",
		       413, "RequestEntityTooLargeException");
}

/* Sends chunks of 4 KiB until `total` bytes are out or the other end has had enough. */
static int send_chunks(size_t total)
{
	int fd = raw_connect(f.port);
	assert_true(raw_send_text(fd, "POST / HTTP/1.1\r\nHost: h\r\n"
				      "Transfer-Encoding: chunked\r\n\r\n"));
	memset(large, 'c', 4096);
	for (size_t sent = 0; sent < total; sent += 4096) {
		if (!raw_send_text(fd, "1000\r\n") || !raw_send(fd, view_of(large, 4096)) ||
		    !raw_send_text(fd, "\r\n"))
			return fd;
	}
	(void)raw_send_text(fd, "0\r\n\r\n");
	return fd;
}

static void a_chunked_body_at_the_bound_is_taken(void **state)
{
	(void)state;
	int fd = send_chunks(CALL_BODY_MAX);
	assert_true(raw_receive(fd, &f.reply));
	assert_int_equal(f.reply.status, 200);
	assert_int_equal(f.reply.body_len, CALL_BODY_MAX);
	(void)close(fd);
}

static void a_chunked_body_over_the_bound_is_refused(void **state)
{
	(void)state;
	int fd = send_chunks(CALL_BODY_MAX + 4096);
	assert_true(raw_receive(fd, &f.reply));
	assert_int_equal(f.reply.status, 413);
	(void)close(fd);
	assert_int_equal(fake_service_calls(f.service), 0);
}

static void an_endless_chunked_body_is_cut_off(void **state)
{
	(void)state;
	int fd = send_chunks((size_t)SERVER_DISCARD_MAX * 16);
	assert_true(raw_closed_within(fd, RAW_WAIT_MS));
	(void)close(fd);
	assert_int_equal(fake_service_calls(f.service), 0);
}

static void junk_is_harmless(void **state)
{
	(void)state;
	static const char *const junk[] = {"\r\n\r\n\r\n",
					   "GET\r\n\r\n",
					   "\x16\x03\x01\x02\r\n\r\n",
					   "POST / HTTP/9.9\r\nHost: h\r\n\r\n",
					   "POST / HTTP/1.1\r\nno colon here\r\n\r\n",
					   ("POST / HTTP/1.1\r\nHost: h\r\n"
					    "Transfer-Encoding: chunked\r\n\r\nzz\r\n")};
	for (size_t i = 0; i < ARRAY_LEN(junk); i++) {
		int fd = raw_connect(f.port);
		assert_true(raw_send_text(fd, junk[i]));
		(void)close(fd);
	}
	assert_int_equal(fixture_status(&f, fixture_post("still here")), 200);
}

/* ---- health ---- */

static void health_is_ok(void **state)
{
	(void)state;
	assert_int_equal(fixture_status(&f, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
	assert_string_equal(f.reply.body, "ok\n");
	assert_refused("POST /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 405,
		       "UnknownOperationException");
}

static void readiness_says_why_not(void **state)
{
	(void)state;
	assert_int_equal(fixture_status(&f, "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
	assert_string_equal(f.reply.body, "{\"ready\":true}");
	fake_service_set_ready(f.service, ERR(E_HSM_AWAY));
	assert_int_equal(fixture_status(&f, "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n"), 503);
	assert_non_null(strstr(f.reply.body, "\"error\":\"E_HSM_AWAY\""));
	assert_non_null(strstr(f.reply.body, "\"action\":\"check holdfast-token"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_post_is_answered),
		T(an_empty_body_is_answered),
		T(a_secret_reply_is_sent),
		T(the_call_is_what_was_sent),
		T(a_chunked_body_is_joined),
		T(a_body_is_waited_for),
		T(continue_is_sent_when_expected),
		T(pipelined_requests_are_answered_in_order),
		T(other_paths_are_unknown),
		T(other_methods_are_refused),
		T(two_framings_are_refused),
		T(doubled_lengths_are_refused),
		T(other_encodings_are_refused),
		T(bad_lengths_never_reach_the_service),
		T(a_host_is_needed_once),
		T(a_doubled_target_is_refused),
		T(headers_are_bounded_in_number),
		T(headers_are_bounded_in_size),
		T(a_body_at_the_bound_is_taken),
		T(a_body_over_the_bound_is_refused),
		T(a_huge_body_is_refused_before_it_is_sent),
		T(a_chunked_body_at_the_bound_is_taken),
		T(a_chunked_body_over_the_bound_is_refused),
		T(an_endless_chunked_body_is_cut_off),
		T(junk_is_harmless),
		T(health_is_ok),
		T(readiness_says_why_not),
	};
	return cmocka_run_group_tests_name("server requests", tests, NULL, NULL);
}
