/* SPDX-License-Identifier: Apache-2.0 */
/* What the C library does in every process of ours, whatever the process is for. */
#include <assert.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "confine/confine.h"

/* linux/prctl.h since 5.17: names for anonymous memory, which newer C libraries set. */
#define PRCTL_SET_VMA 0x53564d41

static_assert(SIGSYS == 31, "the rows for rt_sigaction leave out exactly this number");

static const struct confine_group groups[] = {
	{"memory", "brk madvise membarrier mincore mlock mlock2 mremap munlock munmap"},
	{"threads and their end",
	 "exit exit_group futex get_robust_list getcpu gettid rseq sched_get_priority_max "
	 "sched_get_priority_min sched_getaffinity sched_getparam sched_getscheduler "
	 "sched_yield set_robust_list set_tid_address"},
	{"signals", "pause restart_syscall rt_sigpending rt_sigprocmask rt_sigreturn "
		    "rt_sigsuspend rt_sigtimedwait sigaltstack"},
	{"time", "clock_getres clock_gettime clock_nanosleep gettimeofday nanosleep time times"},
	{"random bytes", "getrandom"},
	{"who am I, and on what",
	 "arch_prctl getegid geteuid getgid getgroups getpgrp getpid getppid getpriority "
	 "getresgid getresuid getrlimit getrusage getsid getuid sysinfo uname"},
};

static const struct confine_check checks[] = {
	/* No memory is writable and executable, and none that exists becomes executable: as
	 * PR_SET_MDWE, for kernels without it. Files can be mapped to be executed, for the loader
	 * maps libraries in one step. */
	{"mmap", CONFINE_BITS(2, PROT_EXEC, 0), {0}},
	{"mmap", CONFINE_BITS(2, PROT_WRITE, 0), {0}},
	{"mprotect", CONFINE_BITS(2, PROT_EXEC, 0), {0}},
	{"pkey_mprotect", CONFINE_BITS(2, PROT_EXEC, 0), {0}},
	/* Threads, no processes and no namespaces. */
	{"clone", CONFINE_BITS(0, CONFINE_CLONE_NEW | CLONE_THREAD, CLONE_THREAD), {0}},
	/* Any signal's action but that of SIGSYS, 31: one of its bits differs. */
	{"rt_sigaction", CONFINE_BITS(0, 1, 0), {0}},
	{"rt_sigaction", CONFINE_BITS(0, 2, 0), {0}},
	{"rt_sigaction", CONFINE_BITS(0, 4, 0), {0}},
	{"rt_sigaction", CONFINE_BITS(0, 8, 0), {0}},
	{"rt_sigaction", CONFINE_BITS(0, 16, 0), {0}},
	{"rt_sigaction", CONFINE_BITS(0, 32, 32), {0}},
	{"rt_sigaction", CONFINE_BITS(0, 64, 64), {0}},
	/* To itself: abort(), raise(), and the end of a refused call. */
	{"tgkill", {.index = 0, .mask = CONFINE_INT_MASK, .own_pid = true}, {0}},
	/* Limits are read, its own ones, and not set. */
	{"prlimit64", CONFINE_INT(0, 0), CONFINE_BITS(2, UINT64_MAX, 0)},
	{"prctl", CONFINE_INT(0, PR_SET_NAME), {0}},
	{"prctl", CONFINE_INT(0, PR_GET_NAME), {0}},
	{"prctl", CONFINE_INT(0, PR_GET_DUMPABLE), {0}},
	{"prctl", CONFINE_INT(0, PR_CAPBSET_READ), {0}},
	{"prctl", CONFINE_INT(0, PRCTL_SET_VMA), {0}},
	/* isatty(), and what any descriptor answers. */
	{"ioctl", CONFINE_INT(1, TCGETS), {0}},
	{"ioctl", CONFINE_INT(1, TIOCGWINSZ), {0}},
	{"ioctl", CONFINE_INT(1, FIONREAD), {0}},
	{"ioctl", CONFINE_INT(1, FIONBIO), {0}},
	{"ioctl", CONFINE_INT(1, FIOCLEX), {0}},
};

const struct confine_table confine_runtime = {
	.groups = groups,
	.group_count = ARRAY_LEN(groups),
	.checks = checks,
	.check_count = ARRAY_LEN(checks),
};
