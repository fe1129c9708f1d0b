/* SPDX-License-Identifier: Apache-2.0 */
/* The admin socket: who is let in, and the file itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/server/fixture.h"

#define NOBODY 65534
#define STRANGER 65533

static struct fixture f;
static char folder[64], path[96];

static int setup(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof folder, "/tmp/holdfast-admin-XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chmod(folder, 0755), 0);
	(void)snprintf(path, sizeof path, "%s/admin.sock", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(folder);
}

static void start(void)
{
	static const uint32_t admitted[] = {NOBODY};
	fixture_start(&f, FAKE_AT_ONCE,
		      (struct server_options){
			      .admin_socket = path, .admin_uids = admitted, .admin_uid_count = 1});
}

/* The status that a process of this user gets. */
static int status_as(uid_t uid)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = setuid(uid) == 0 ? raw_connect_unix(path) : -1;
		bool answered = fd >= 0 && raw_send_text(fd, fixture_post("hello")) &&
				raw_receive(fd, &f.reply);
		_exit(answered ? f.reply.status - 200 : 255);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return 200 + WEXITSTATUS(status);
}

static void our_own_user_is_let_in(void **state)
{
	(void)state;
	start();
	int fd = raw_connect_unix(path);
	assert_true(raw_send_text(fd, fixture_post("hello")));
	assert_true(raw_receive(fd, &f.reply));
	assert_int_equal(f.reply.status, 200);
	struct fake_seen seen;
	fake_service_seen(f.service, &seen);
	assert_int_equal(seen.door, CALL_DOOR_ADMIN);
	assert_int_equal(seen.peer_uid, getuid());
	assert_int_equal(seen.peer_pid, getpid());
	assert_string_equal(seen.source, "local");
	(void)close(fd);
	fixture_stop(&f);
}

static void named_users_are_let_in_and_others_are_not(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	start();
	assert_int_equal(status_as(NOBODY), 200);
	assert_int_equal(fake_service_calls(f.service), 1);
	assert_int_equal(status_as(STRANGER), 403);
	assert_int_equal(fake_service_calls(f.service), 1);
	fixture_stop(&f);
}

static void the_public_door_is_not_the_admin_door(void **state)
{
	(void)state;
	start();
	assert_int_equal(fixture_status(&f, fixture_post("hello")), 200);
	struct fake_seen seen;
	fake_service_seen(f.service, &seen);
	assert_int_equal(seen.door, CALL_DOOR_PUBLIC);
	fixture_stop(&f);
}

static void the_file_goes_with_the_server(void **state)
{
	(void)state;
	start();
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	fixture_stop(&f);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_file_left_behind_is_replaced(void **state)
{
	(void)state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
	(void)close(fd);
	start();
	fixture_stop(&f);
}

static struct err second_server(void)
{
	struct server *second = NULL;
	const struct server_options options = {
		.service = f.service, .listen = "127.0.0.1:0", .admin_socket = path};
	struct err result = server_start(&options, &second);
	server_stop(&second);
	return result;
}

static void a_live_socket_is_left_alone(void **state)
{
	(void)state;
	start();
	assert_int_equal(second_server().code, E_ALREADY_RUNNING);
	assert_int_equal(access(path, F_OK), 0);
	fixture_stop(&f);
}

static void another_file_is_left_alone(void **state)
{
	(void)state;
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	(void)fclose(file);
	f.service = fake_service_new(FAKE_AT_ONCE);
	assert_int_equal(second_server().code, E_SETTINGS);
	assert_int_equal(access(path, F_OK), 0);
	fake_service_free(&f.service);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(our_own_user_is_let_in),
		T(named_users_are_let_in_and_others_are_not),
		T(the_public_door_is_not_the_admin_door),
		T(the_file_goes_with_the_server),
		T(a_file_left_behind_is_replaced),
		T(a_live_socket_is_left_alone),
		T(another_file_is_left_alone),
	};
	return cmocka_run_group_tests_name("server admin", tests, NULL, NULL);
}
