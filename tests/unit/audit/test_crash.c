/* SPDX-License-Identifier: Apache-2.0 */
/* A process that is killed at any instruction has lost no line that it acknowledged. */
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"

#define ROUNDS 12
#define WRITERS 4
#define ACKNOWLEDGED_MAX 100000

struct child {
	struct audit_log *log;
	int pipe;
	uint32_t round;
};

static struct child child;

/* The number of a line: which round, which thread, which line. */
static void *append_for_ever(void *user)
{
	uint32_t number = child.round << 24 | *(const uint32_t *)user << 20;
	for (;; number++) {
		char text[64];
		(void)snprintf(text, sizeof text, "{%08x}", number);
		if (err_failed(audit_log_append_wait(child.log, view_of_text(text))))
			_exit(2);
		/* Only now does anybody hear of it. */
		if (write(child.pipe, &number, sizeof number) != (ssize_t)sizeof number)
			_exit(3);
	}
	return NULL;
}

static void run_child(void)
{
	static uint32_t names[WRITERS] = {0, 1, 2, 3};
	pthread_t threads[WRITERS];
	const struct audit_log_options options = {
		.directory = fixture_directory, .segment_bytes = 50000, .clock = &clock_system};
	const struct audit_log_tuning tuning = {
		.io = &segment_io_system, .zeros_bytes = 4096, .probe_ms = 1000};
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing behind */
	if (err_failed(audit_log_open_tuned(&options, &tuning, &child.log)))
		_exit(1);
	for (size_t i = 0; i < WRITERS; i++)
		if (pthread_create(&threads[i], NULL, append_for_ever, &names[i]) != 0)
			_exit(4);
	for (;;)
		(void)pause();
}

static uint32_t acknowledged[ACKNOWLEDGED_MAX];
static size_t acknowledged_count;

static void take_acknowledgements(int fd, size_t until)
{
	while (acknowledged_count < until) {
		uint32_t number = 0;
		ssize_t n = read(fd, &number, sizeof number);
		if (n == 0)
			return;
		assert_int_equal(n, sizeof number);
		acknowledged[acknowledged_count++] = number;
	}
}

static void kill_one(uint32_t round)
{
	int pipes[2];
	int status = 0;
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	child = (struct child){.pipe = pipes[1], .round = round};
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		run_child();
	assert_int_equal(close(pipes[1]), 0);
	take_acknowledgements(pipes[0], acknowledged_count + 200 + round * 37);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	take_acknowledgements(pipes[0], ACKNOWLEDGED_MAX);
	assert_int_equal(close(pipes[0]), 0);
}

static void every_acknowledged_line_stands_once(void)
{
	size_t len = 0;
	const char *text = fixture_read_log(&len);
	assert_int_equal(len % 11, 0); /* whole lines of "{xxxxxxxx}\n" and nothing else */
	for (size_t i = 0; i < acknowledged_count; i++) {
		char line[16];
		(void)snprintf(line, sizeof line, "{%08x}\n", acknowledged[i]);
		const char *at = strstr(text, line);
		if (at == NULL)
			fail_msg("line %s was acknowledged and is lost", line);
		assert_null(strstr(at + 1, line));
	}
}

static void a_killed_process_lost_nothing_it_acknowledged(void **state)
{
	(void)state;
	acknowledged_count = 0;
	for (uint32_t round = 0; round < ROUNDS; round++)
		kill_one(round);
	/* The last crash is mended by one more start. */
	struct audit_log *log = NULL;
	const struct audit_log_options options = {.directory = fixture_directory,
						  .clock = &clock_system};
	assert_false(err_failed(audit_log_open(&options, &log)));
	audit_log_close(&log);
	assert_true(acknowledged_count > ROUNDS * 200);
	assert_true(fixture_count_files(".jsonl") > 1);
	every_acknowledged_line_stands_once();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_killed_process_lost_nothing_it_acknowledged),
	};
	return cmocka_run_group_tests_name("audit_crash", tests, NULL, NULL);
}
