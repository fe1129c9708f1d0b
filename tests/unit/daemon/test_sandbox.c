/* SPDX-License-Identifier: Apache-2.0 */
/* holdfastd's own list: what it keeps, and what ends it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "config/settings.h"
#include "daemon/sandbox.h"
#include "escapes.h"

static struct err enter(void)
{
	static struct settings settings;
	settings_defaults(&settings);
	return sandbox_confine(&settings);
}

static void escapes_end_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < escapes_count; i++)
		confined_assert_refused(enter, "holdfastd", &escapes[i]);
}

static void what_only_the_supervisor_may_ends_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < escapes_from_worker_count; i++)
		confined_assert_refused(enter, "holdfastd", &escapes_from_worker[i]);
}

static int netlink_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0) * 0;
}

static void netlink_ends_it(void **state)
{
	(void)state;
	confined_assert_refused(enter, "holdfastd",
				&(struct confined_call){"socket", netlink_socket});
}

/* GnuTLS and libcurl would write the secrets of every session there. In a process of its own:
 * descriptors are closed. */
static void the_environment_takes_no_secrets_of_tls(void **state)
{
	int status = -1;
	(void)state;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		bool well = setenv("SSLKEYLOGFILE", "/dev/null", 1) == 0 &&
			    !err_failed(sandbox_enter()) && getenv("SSLKEYLOGFILE") == NULL;
		_exit(well ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* With an endpoint for events, names are looked up. */
static struct err enter_with_url(void)
{
	static struct settings settings;
	settings_defaults(&settings);
	TRY(text_copy(settings.events.url, sizeof settings.events.url,
		      VIEW_LITERAL("https://events.example/")));
	return sandbox_confine(&settings);
}

static int route_socket(void)
{
	return close(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0 /* NETLINK_ROUTE */));
}

static int audit_socket(void)
{
	return close(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 9 /* NETLINK_AUDIT */)) * 0;
}

static void an_endpoint_opens_one_kind_of_netlink(void **state)
{
	(void)state;
	confined_assert_passes(enter_with_url, route_socket);
	confined_assert_refused(enter_with_url, "holdfastd",
				&(struct confined_call){"socket", audit_socket});
}

/* A segment's or a backup's life. */
static int file_life(void)
{
	char from[] = "/tmp/holdfast-sandbox-XXXXXX";
	char to[64];
	struct statvfs space;
	int fd = mkstemp(from);
	if (fd < 0 || err_failed(text_format(to, sizeof to, "%s.new", from)))
		return 1;
	int failed = fallocate(fd, 0, 0, 8192) != 0;
	failed += pwrite(fd, "x", 1, 4096) != 1;
	failed += fdatasync(fd) != 0 || fsync(fd) != 0 || ftruncate(fd, 1) != 0;
	failed += statvfs("/tmp", &space) != 0;
	failed += fchmod(fd, 0600) != 0 || fchown(fd, geteuid(), getegid()) != 0;
	failed += rename(from, to) != 0 || access(to, R_OK) != 0 || unlink(to) != 0;
	return failed + (close(fd) != 0);
}

static void files_are_kept(void **state)
{
	(void)state;
	confined_assert_passes(enter, file_life);
}

static int network_life(void)
{
	int ends[2];
	char byte = 'x';
	struct iovec vector = {&byte, 1};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
	struct ucred peer;
	socklen_t len = sizeof peer;
	int failed = socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0;
	failed += sendmsg(ends[0], &message, 0) != 1 || recvmsg(ends[1], &message, 0) != 1;
	failed += getsockopt(ends[0], SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0;
	failed += epoll_create1(EPOLL_CLOEXEC) < 0 || socket(AF_INET6, SOCK_STREAM, 0) < 0;
	return failed;
}

static void sockets_are_kept(void **state)
{
	(void)state;
	confined_assert_passes(enter, network_life);
}

static int counters(void)
{
	struct rusage usage;
	struct rlimit limit;
	char bytes[16];
	return getrusage(RUSAGE_SELF, &usage) != 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
	       getrandom(bytes, sizeof bytes, 0) != sizeof bytes;
}

static void counters_are_kept(void **state)
{
	(void)state;
	confined_assert_passes(enter, counters);
}

/* A reload reads users' names anew, and may raise the limit on descriptors. */
static int reload_life(void)
{
	int64_t uid = -1;
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 1;
	limit.rlim_cur = limit.rlim_max;
	return err_failed(settings_user("daemon", &uid)) ||
	       !err_failed(settings_user("nobody-of-this-name", &uid)) ||
	       setrlimit(RLIMIT_NOFILE, &limit) != 0;
}

static void reloads_are_kept(void **state)
{
	(void)state;
	confined_assert_passes(enter, reload_life);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_end_it),
		cmocka_unit_test(what_only_the_supervisor_may_ends_it),
		cmocka_unit_test(netlink_ends_it),
		cmocka_unit_test(the_environment_takes_no_secrets_of_tls),
		cmocka_unit_test(an_endpoint_opens_one_kind_of_netlink),
		cmocka_unit_test(files_are_kept),
		cmocka_unit_test(sockets_are_kept),
		cmocka_unit_test(counters_are_kept),
		cmocka_unit_test(reloads_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
