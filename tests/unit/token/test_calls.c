/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of holdfast-token's two processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "escapes.h"
#include "hsm/token/calls.h"
#include "hsm/token/process.h"

#define SUPERVISOR "holdfast-token supervisor"
#define WORKER "holdfast-token worker"
#define STARTED_AS_WORKER 7

static struct err enter_supervisor(void)
{
	return process_confine_supervisor(CONFINE_ENFORCE, "");
}

static struct err enter_worker(void)
{
	return process_confine_worker(CONFINE_ENFORCE, "");
}

static void escapes_end_the_supervisor(void **state)
{
	(void)state;
	for (size_t i = 0; i < escapes_count; i++)
		confined_assert_refused(enter_supervisor, SUPERVISOR, &escapes[i]);
}

static void escapes_end_the_worker(void **state)
{
	(void)state;
	for (size_t i = 0; i < escapes_count; i++)
		confined_assert_refused(enter_worker, WORKER, &escapes[i]);
	for (size_t i = 0; i < escapes_from_worker_count; i++)
		confined_assert_refused(enter_worker, WORKER, &escapes_from_worker[i]);
}

static int own_program(void)
{
	char name[] = "test_calls";
	char mode[] = "--worker";
	char *argv[] = {name, mode, NULL};
	return execv(calls_own_program, argv);
}

static int the_same_path_elsewhere(void)
{
	char path[] = "/proc/self/exe";
	char *argv[] = {path, NULL};
	return execv(path, argv) * 0;
}

static void the_supervisor_may_start_its_worker_alone(void **state)
{
	(void)state;
	struct confined result = confined_run(LOG_FORM_TEXT, enter_supervisor, own_program);
	assert_true(WIFEXITED(result.status));
	assert_int_equal(WEXITSTATUS(result.status), STARTED_AS_WORKER);
	confined_assert_refused(enter_supervisor, SUPERVISOR,
				&(struct confined_call){"execve", the_same_path_elsewhere});
}

static void the_worker_may_not(void **state)
{
	(void)state;
	confined_assert_refused(enter_worker, WORKER,
				&(struct confined_call){"execve", own_program});
}

static int worker_beneath(void)
{
	return err_failed(confine_harden()) || err_failed(enter_worker());
}

static void a_worker_enters_beneath_its_supervisor(void **state)
{
	(void)state;
	confined_assert_passes(enter_supervisor, worker_beneath);
}

static int module_life(void)
{
	int semaphores = semget(IPC_PRIVATE, 1, 0600);
	int failed = semaphores < 0 || semctl(semaphores, 0, IPC_RMID) != 0;
	failed += socket(AF_INET, SOCK_STREAM, 0) < 0 || socket(AF_INET6, SOCK_DGRAM, 0) < 0;
	failed += socket(AF_NETLINK, SOCK_RAW, 0) < 0;
	return failed;
}

static void modules_have_room(void **state)
{
	(void)state;
	confined_assert_passes(enter_worker, module_life);
}

static int netlink_to_the_firewall(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 12) * 0;
}

static void of_netlink_only_routes(void **state)
{
	(void)state;
	confined_assert_refused(enter_worker, WORKER,
				&(struct confined_call){"socket", netlink_to_the_firewall});
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc == 2)
		return STARTED_AS_WORKER;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_end_the_supervisor),
		cmocka_unit_test(escapes_end_the_worker),
		cmocka_unit_test(the_supervisor_may_start_its_worker_alone),
		cmocka_unit_test(the_worker_may_not),
		cmocka_unit_test(a_worker_enters_beneath_its_supervisor),
		cmocka_unit_test(modules_have_room),
		cmocka_unit_test(of_netlink_only_routes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
