/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/token/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hsm/token/calls.h"

static struct err check(int result)
{
	return result == 0 ? OK : ERR_DETAIL(E_SYSTEM, errno);
}

/* Whoever starts us with these closed would have the log written into the lock or the page. */
static struct err standard_descriptors_fill(void)
{
	int fd = STDIN_FILENO;
	while (fd >= 0 && fd <= STDERR_FILENO)
		fd = open("/dev/null", O_RDWR);
	return fd >= 0 ? check(close(fd)) : ERR_DETAIL(E_SYSTEM, errno);
}

NODISCARD struct err process_harden(void)
{
	TRY(standard_descriptors_fill());
	TRY(confine_harden());
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? ERR_DETAIL(E_SYSTEM, errno) : OK;
}

void process_complain(const char *message, struct err e)
{
	const char *why =
		err_is(e, E_SYSTEM) && e.detail != 0 ? strerrordesc_np((int)e.detail) : NULL;
	if (message[0] != '\0')
		(void)fprintf(stderr, "holdfast-token: %s\n", message);
	else if (why != NULL)
		(void)fprintf(stderr, "holdfast-token: %s: %s\n", err_meaning(e), why);
	else
		(void)fprintf(stderr, "holdfast-token: %s; %s\n", err_meaning(e), err_action(e));
}

NODISCARD struct err process_harden_root(void)
{
	const struct rlimit none = {0, 0}, unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	TRY(standard_descriptors_fill());
	TRY(check(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)));
	TRY(check(setrlimit(RLIMIT_CORE, &none)));
	TRY(check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)));
	/* A container's root may be held to the limit that it has. */
	(void)setrlimit(RLIMIT_MEMLOCK, &unlimited);
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? ERR_DETAIL(E_SYSTEM, errno) : OK;
}

NODISCARD struct err process_follow(pid_t parent)
{
	TRY(check(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)));
	/* The signal is sent at the parent's death alone: it may have died just before. */
	return getppid() == parent ? OK : ERR(E_CANCELLED);
}

NODISCARD struct err process_confine_supervisor(enum confine_mode mode, const char *extra)
{
	return confine_enter(&(struct confine_options){
		.process = "holdfast-token supervisor",
		.action = "report this with the line; until it is mended, seccomp = log in "
			  "[sandbox] lets such calls pass",
		.mode = mode,
		.tables = {&calls_supervisor, &confine_runtime, &calls_worker},
		.extra = extra});
}

NODISCARD struct err process_confine_worker(enum confine_mode mode, const char *extra)
{
	return confine_enter(&(struct confine_options){
		.process = "holdfast-token worker",
		.action = "ask the maker of the token's module why it makes this call; to allow "
			  "it, name it in extra_syscalls in [token] and restart holdfast-token",
		.mode = mode,
		.tables = {&confine_runtime, &calls_worker},
		.extra = extra});
}
