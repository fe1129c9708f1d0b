/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor does beyond its worker: it starts one, ends it, and makes itself small. */
#include <sched.h>
#include <sys/prctl.h>

#include "hsm/token/calls.h"

#define PRCTL_SET_MDWE 65 /* linux/prctl.h since 6.3 */

const char calls_own_program[] = "/proc/self/exe";

static const struct confine_group groups[] = {
	{"the worker's end", "kill tgkill wait4 waitid"},
	/* rt_sigaction of SIGSYS, too: to the supervisor that is the loss of a log line at most. */
	{"the new worker enters its own sandbox",
	 "capget capset prlimit64 rt_sigaction seccomp setrlimit"},
};

static const struct confine_check checks[] = {
	/* fork(): a process, in no namespace of its own. */
	{"clone", CONFINE_BITS(0, CONFINE_CLONE_NEW, 0), {0}},
	{"execve", {.index = 0, .mask = UINT64_MAX, .pointer = calls_own_program}, {0}},
	{"prctl", CONFINE_INT(0, PR_SET_PDEATHSIG), {0}},
	{"prctl", CONFINE_INT(0, PR_SET_DUMPABLE), CONFINE_INT(1, 0)},
	{"prctl", CONFINE_INT(0, PR_SET_NO_NEW_PRIVS), {0}},
	{"prctl", CONFINE_INT(0, PR_SET_SECCOMP), {0}},
	{"prctl", CONFINE_INT(0, PR_GET_SECCOMP), {0}},
	{"prctl", CONFINE_INT(0, PR_CAPBSET_DROP), {0}},
	{"prctl", CONFINE_INT(0, PR_CAP_AMBIENT), {0}},
	{"prctl", CONFINE_INT(0, PRCTL_SET_MDWE), {0}},
};

const struct confine_table calls_supervisor = {
	.groups = groups,
	.group_count = ARRAY_LEN(groups),
	.checks = checks,
	.check_count = ARRAY_LEN(checks),
};
