/* SPDX-License-Identifier: Apache-2.0 */
/* The engine, on a table of the test's own. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "confine/confine.h"
#include "confined.h"

static const struct confine_group groups[] = {{"the log", "read write close"}};
static const struct confine_check checks[] = {{"socket", CONFINE_INT(0, AF_UNIX), {0}}};
static const struct confine_table table = {groups, ARRAY_LEN(groups), checks, ARRAY_LEN(checks)};

static struct err enter_as(enum confine_mode mode, const char *extra)
{
	return confine_enter(&(struct confine_options){.process = "tester",
						       .action = "nothing",
						       .mode = mode,
						       .tables = {&confine_runtime, &table},
						       .extra = extra});
}

static struct err enter(void)
{
	return enter_as(CONFINE_ENFORCE, NULL);
}

static struct err enter_with_extra(void)
{
	return enter_as(CONFINE_ENFORCE, "sethostname no_such_call");
}

static struct err enter_with_real_extra(void)
{
	return enter_as(CONFINE_ENFORCE, "  chroot  socket ");
}

static struct err enter_to_log(void)
{
	return enter_as(CONFINE_LOG, NULL);
}

static struct err enter_not(void)
{
	return enter_as(CONFINE_OFF, NULL);
}

/* Fails with EFAULT, or EPERM: when it may be made. */
static int chroot_call(void)
{
	return syscall(SYS_chroot, NULL) == -1 && (errno == EFAULT || errno == EPERM) ? 0 : 1;
}

static int netlink_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0) >= 0 ? 0 : 1;
}

static int unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : 1;
}

static void assert_tells(enum log_form form, const char *begin, const char *rest)
{
	struct confined result = confined_run(form, enter, chroot_call);
	assert_true(WIFSIGNALED(result.status));
	assert_int_equal(WTERMSIG(result.status), SIGSYS);
	const char *line = strstr(result.log, "sandbox.refused");
	assert_non_null(line);
	while (line > result.log && line[-1] != '\n')
		line--;
	if (strncmp(line, begin, strlen(begin)) != 0 || strstr(line, rest) == NULL)
		fail_msg("%s", line);
	assert_int_equal(line[strlen(line) - 1], '\n');
}

static void tells_as_text(void **state)
{
	(void)state;
	char day[16];
	time_t now = time(NULL);
	struct tm utc;
	(void)gmtime_r(&now, &utc);
	assert_true(strftime(day, sizeof day, "%Y-%m-%dT", &utc) > 0);
	assert_tells(LOG_FORM_TEXT, day, " error   sandbox.refused process=\"tester\" pid=");
	assert_tells(LOG_FORM_TEXT, day, " syscall=\"chroot\" number==\"");
}

static void tells_as_json(void **state)
{
	(void)state;
	assert_tells(LOG_FORM_JSON, "{\"time\":\"",
		     "\",\"level\":\"error\",\"event\":\"sandbox.refused\",\"process\":\"tester\","
		     "\"pid\":");
	assert_tells(LOG_FORM_JSON, "{", ",\"action\":\"nothing\"}\n");
}

static void tells_the_journal(void **state)
{
	(void)state;
	assert_tells(LOG_FORM_JOURNAL, "<3>sandbox.refused process=\"tester\" pid=", "chroot");
}

static void arguments_decide(void **state)
{
	(void)state;
	confined_assert_passes(enter, unix_socket);
	confined_assert_refused(enter, "tester", &(struct confined_call){"socket", netlink_socket});
}

static void extras_pass(void **state)
{
	(void)state;
	confined_assert_passes(enter_with_real_extra, chroot_call);
	confined_assert_passes(enter_with_real_extra, netlink_socket);
}

static void an_unknown_name_enters_nothing(void **state)
{
	(void)state;
	struct confined result = confined_run(LOG_FORM_TEXT, enter_with_extra, chroot_call);
	assert_true(WIFEXITED(result.status));
	assert_int_equal(WEXITSTATUS(result.status), CONFINED_NOT_ENTERED);
}

static void log_lets_pass(void **state)
{
	(void)state;
	confined_assert_passes(enter_to_log, chroot_call);
	confined_assert_passes(enter_to_log, netlink_socket);
}

static void off_lets_pass(void **state)
{
	(void)state;
	confined_assert_passes(enter_not, chroot_call);
}

static int clone3_call(void)
{
	return syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS ? 0 : 1;
}

static void clone3_is_not_there(void **state)
{
	(void)state;
	confined_assert_passes(enter, clone3_call);
}

static void *nothing(void *context)
{
	return context;
}

static int thread_lives(void)
{
	pthread_t thread;
	return pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0;
}

static void threads_can_be_made(void **state)
{
	(void)state;
	confined_assert_passes(enter, thread_lives);
}

static pthread_barrier_t barrier;

static void *chroot_later(void *context)
{
	(void)pthread_barrier_wait(&barrier);
	(void)chroot_call();
	return context;
}

static struct err enter_beside_a_thread(void)
{
	pthread_t thread;
	(void)pthread_barrier_init(&barrier, NULL, 2);
	REQUIRE(pthread_create(&thread, NULL, chroot_later, NULL) == 0, E_SYSTEM);
	return enter();
}

static int let_the_thread_go(void)
{
	(void)pthread_barrier_wait(&barrier);
	(void)nanosleep(&(struct timespec){10, 0}, NULL);
	return 1;
}

static void threads_that_were_there_are_confined(void **state)
{
	(void)state;
	confined_assert_refused(enter_beside_a_thread, "tester",
				&(struct confined_call){"chroot", let_the_thread_go});
}

/* ---- names from an operator ---- */

static void assert_extra(const char *names, enum err_code code, const char *told)
{
	char message[256] = "";
	assert_int_equal(confine_extra_check(names, message, sizeof message).code, code);
	if (strstr(message, told) == NULL)
		fail_msg("%s", message);
}

static void extra_names_are_checked(void **state)
{
	(void)state;
	assert_extra("", E_OK, "");
	assert_extra(" mknod   shmget ", E_OK, "");
	assert_extra("shmget no_such_call", E_SETTINGS, "'no_such_call' is no system call");
	assert_extra("shmget execve", E_SETTINGS, "'execve' would undo the sandbox");
	static const char *const never[] = {"ptrace",       "clone3", "seccomp",
					    "rt_sigaction", "prctl",  "io_uring_setup",
					    "unshare",      "mount",  "bpf"};
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		assert_extra(never[i], E_SETTINGS, "would undo the sandbox");
}

/* ---- privileges ---- */

static struct err enter_nothing(void)
{
	return OK;
}

static int hardened(void)
{
	int failed = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0;
	failed += prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
	failed += umask(077) != 077;
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		failed += geteuid() == 0 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 0;
	return failed;
}

static void privileges_are_gone(void **state)
{
	(void)state;
	confined_assert_passes(enter_nothing, hardened);
}

static int memory_never_becomes_code(void)
{
	/* linux/prctl.h since 6.3: PR_GET_MDWE. */
	if (prctl(66, 0, 0, 0, 0) < 0)
		return 0;
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return mprotect(page, 4096, PROT_READ | PROT_EXEC) == -1 && errno == EACCES ? 0 : 1;
}

static void memory_stays_data(void **state)
{
	(void)state;
	confined_assert_passes(enter_nothing, memory_never_becomes_code);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_as_text),
		cmocka_unit_test(tells_as_json),
		cmocka_unit_test(tells_the_journal),
		cmocka_unit_test(arguments_decide),
		cmocka_unit_test(extras_pass),
		cmocka_unit_test(an_unknown_name_enters_nothing),
		cmocka_unit_test(log_lets_pass),
		cmocka_unit_test(off_lets_pass),
		cmocka_unit_test(clone3_is_not_there),
		cmocka_unit_test(threads_can_be_made),
		cmocka_unit_test(threads_that_were_there_are_confined),
		cmocka_unit_test(extra_names_are_checked),
		cmocka_unit_test(privileges_are_gone),
		cmocka_unit_test(memory_stays_data),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
