/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to a real server, over TCP and over the admin socket. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/client.h"
#include "tests/unit/server/fixture.h"

static struct fixture f;
static char folder[64], path[96], endpoint[64], message[CLIENT_MESSAGE_MAX];
static struct client_reply reply;

static int setup(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof folder, "/tmp/holdfast-client-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/admin.sock", folder);
	fixture_start(&f, FAKE_AT_ONCE, (struct server_options){.admin_socket = path});
	(void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", f.port);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	client_reply_cleanup(&reply);
	fixture_stop(&f);
	return rmdir(folder);
}

static struct err call(struct client_options options, const char *body)
{
	struct client *client = NULL;
	client_reply_cleanup(&reply);
	struct err result = client_open(&options, &client);
	if (!err_failed(result))
		result =
			client_call(client, "Holdfast.Status", view_of_text(body), &reply, message);
	client_close(&client);
	return result;
}

static void a_call_goes_over_the_socket(void **state)
{
	(void)state;
	assert_int_equal(call((struct client_options){.socket_path = path}, "{\"a\":1}").code,
			 E_OK);
	assert_int_equal(reply.status, 200);
	assert_true(view_equal_text(buf_view(&reply.body), "{\"a\":1}"));
	assert_string_equal(reply.request_id, FAKE_REQUEST_ID);
	struct fake_seen seen;
	fake_service_seen(f.service, &seen);
	assert_int_equal(seen.door, CALL_DOOR_ADMIN);
	assert_string_equal(seen.target, "Holdfast.Status");
	assert_string_equal(seen.agent, "holdfast/" HOLDFAST_VERSION);
}

static void a_signed_call_goes_over_tcp(void **state)
{
	(void)state;
	struct secret *secret = NULL;
	assert_int_equal(secret_new_from(VIEW_LITERAL("s"), &secret).code, E_OK);
	const struct signer signer = {.access_key_id = VIEW_LITERAL("AKIAX"),
				      .secret_key = secret,
				      .region = VIEW_LITERAL("r"),
				      .service = VIEW_LITERAL("kms")};
	assert_int_equal(
		call((struct client_options){.endpoint = endpoint, .signer = &signer}, "").code,
		E_OK);
	secret_free(&secret);
	struct fake_seen seen;
	fake_service_seen(f.service, &seen);
	assert_int_equal(seen.door, CALL_DOOR_PUBLIC);
	assert_int_equal(seen.body_len, 0);
	/* What libcurl adds, and date and signature. */
	assert_true(seen.header_count >= 6);
}

static void a_refusal_is_an_answer(void **state)
{
	(void)state;
	static char large[CALL_BODY_MAX + 2];
	memset(large, 'x', sizeof large - 1);
	assert_int_equal(call((struct client_options){.socket_path = path}, large).code, E_OK);
	assert_int_equal(reply.status, 413);
}

static void nobody_there_is_told(void **state)
{
	(void)state;
	assert_int_equal(
		call((struct client_options){.socket_path = "/nowhere/admin.sock"}, "").code,
		E_SERVICE_AWAY);
	assert_null(reply.body.ptr);
}

static void one_way_must_be_named(void **state)
{
	(void)state;
	assert_int_equal(call((struct client_options){0}, "").code, E_USAGE);
	assert_int_equal(
		call((struct client_options){.socket_path = path, .endpoint = endpoint}, "").code,
		E_USAGE);
	static const char *const bad[] = {"ftp://h", "http://", "http://h/path", "http://u:p@h",
					  "h:80"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(call((struct client_options){.endpoint = bad[i]}, "").code,
				 E_USAGE);
}

static void a_silent_server_is_not_waited_for(void **state)
{
	(void)state;
	struct fixture held;
	fixture_start(&held, FAKE_HOLD, (struct server_options){0});
	(void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", held.port);
	assert_int_equal(
		call((struct client_options){.endpoint = endpoint, .timeout_ms = 100}, "").code,
		E_SERVICE_AWAY);
	assert_true(strlen(message) > 0);
	fake_service_release(held.service);
	fixture_stop(&held);
}

static void an_environment_does_not_lead_elsewhere(void **state)
{
	(void)state;
	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
	assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
	assert_int_equal(call((struct client_options){.endpoint = endpoint}, "x").code, E_OK);
	assert_int_equal(unsetenv("http_proxy"), 0);
	assert_int_equal(unsetenv("ALL_PROXY"), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_call_goes_over_the_socket),
		T(a_signed_call_goes_over_tcp),
		T(a_refusal_is_an_answer),
		T(nobody_there_is_told),
		T(one_way_must_be_named),
		T(a_silent_server_is_not_waited_for),
		T(an_environment_does_not_lead_elsewhere),
	};
	return cmocka_run_group_tests_name("client calls", tests, NULL, NULL);
}
