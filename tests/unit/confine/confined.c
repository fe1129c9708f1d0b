/* SPDX-License-Identifier: Apache-2.0 */
#include "confined.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "confine/confine.h"

static void child(enum log_form form, int fd, struct err (*enter)(void), int (*act)(void))
{
	log_configure(form, LOG_INFO, fd);
	if (err_failed(confine_harden()) || err_failed(enter()))
		_exit(CONFINED_NOT_ENTERED);
	_exit(act());
}

struct confined confined_run(enum log_form form, struct err (*enter)(void), int (*act)(void))
{
	struct confined result = {0};
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(form, ends[1], enter, act);
	(void)close(ends[1]);
	size_t len = 0;
	ssize_t n = 0;
	do {
		n = read(ends[0], result.log + len, sizeof result.log - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	(void)close(ends[0]);
	assert_int_equal(waitpid(pid, &result.status, 0), pid);
	return result;
}

void confined_assert_refused(struct err (*enter)(void), const char *process,
			     const struct confined_call *call)
{
	struct confined result = confined_run(LOG_FORM_TEXT, enter, call->act);
	char head[256];
	char name[128];
	assert_int_equal(
		text_format(head, sizeof head, "error   sandbox.refused process=\"%s\"", process)
			.code,
		E_OK);
	assert_int_equal(text_format(name, sizeof name, "syscall=\"%s\"", call->name).code, E_OK);
	if (!WIFSIGNALED(result.status) || WTERMSIG(result.status) != SIGSYS)
		fail_msg("%s: status 0x%x, log: %s", call->name, (unsigned)result.status,
			 result.log);
	assert_false(WCOREDUMP(result.status));
	if (strstr(result.log, head) == NULL || strstr(result.log, name) == NULL)
		fail_msg("%s: the log does not tell: %s", call->name, result.log);
}

void confined_assert_passes(struct err (*enter)(void), int (*act)(void))
{
	struct confined result = confined_run(LOG_FORM_TEXT, enter, act);
	if (!WIFEXITED(result.status) || WEXITSTATUS(result.status) != 0)
		fail_msg("status 0x%x, log: %s", (unsigned)result.status, result.log);
}
