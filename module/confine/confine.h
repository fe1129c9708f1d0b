/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process gives up: privileges (confine_harden) and system calls (confine_enter). Each
 * process has its own table of calls, kept beside its code; here is only what reads the tables.
 */
#ifndef HOLDFAST_CONFINE_CONFINE_H
#define HOLDFAST_CONFINE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* What happens at a system call that no table names. */
enum confine_mode {
	CONFINE_ENFORCE, /* one line in the log, and the process dies of SIGSYS */
	CONFINE_LOG,     /* the kernel's audit log has it, and it goes on */
	CONFINE_OFF
};

/* System calls that are allowed whatever their arguments. */
struct confine_group {
	const char *why;
	const char *calls; /* names with blanks between them */
};

/*
 * One argument: (argument & mask) == value. With a mask of 0, any. `pointer`: its address is the
 * value; `own_pid`: the process id is.
 */
struct confine_argument {
	unsigned index;
	uint64_t mask;
	uint64_t value;
	const void *pointer;
	bool own_pid;
};

/* The kernel looks at the lower half of an int alone, so a check must do the same. */
#define CONFINE_INT_MASK UINT64_C(0xffffffff)
#define CONFINE_INT(index_, value_)                                                      \
	{                                                                                \
		.index = (index_), .mask = CONFINE_INT_MASK, .value = (uint32_t)(value_) \
	}
#define CONFINE_BITS(index_, mask_, value_)                           \
	{                                                             \
		.index = (index_), .mask = (mask_), .value = (value_) \
	}

/* clone(2): what makes a namespace, or a tracee; for users of <sched.h>. */
#define CONFINE_CLONE_NEW                                                                         \
	((uint64_t)(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
		    CLONE_NEWPID | CLONE_NEWNET | CLONE_PTRACE))

/* A system call that is allowed when both arguments pass; of several rows for a call, one must. */
struct confine_check {
	const char *call;
	struct confine_argument first;
	struct confine_argument second;
};

struct confine_table {
	const struct confine_group *groups;
	size_t group_count;
	const struct confine_check *checks;
	size_t check_count;
};

#define CONFINE_TABLES_MAX 4

struct confine_options {
	const char *process; /* how log lines name it; of static storage, as `action` */
	const char *action;  /* what an operator does about a refused call */
	enum confine_mode mode;
	const struct confine_table *tables[CONFINE_TABLES_MAX]; /* up to the first NULL */
	const char *extra; /* confine_extra_check() has passed; or NULL */
};

/* What every process needs: the C library's memory, threads, time and signals. */
extern const struct confine_table confine_runtime;

/* "enforce", "log" or "off"; anything else is enforce. */
enum confine_mode confine_mode_of(const char *text);

/*
 * Names of further system calls, with blanks between them, from an operator: each must exist and
 * must be none that would undo the sandbox. E_SETTINGS with a line for people.
 */
NODISCARD struct err confine_extra_check(const char *names, char *message, size_t message_cap);

/*
 * The privileges of the process: files for the owner alone, no core dumps, no tracing by the same
 * user, no new privileges, as much locked memory as the limit allows, no capabilities now or later
 * (but CAP_IPC_LOCK, where root may not raise that limit), no memory that becomes executable after
 * it was writable, where the kernel can refuse that (6.3). First thing in main(): before threads
 * and secrets. E_SYSTEM with errno.
 */
NODISCARD struct err confine_harden(void);

/*
 * The system calls of the process, all its threads and all that it will start: for good. The log
 * must be configured. Tells the log what was done. E_SANDBOX with errno: the process must not go
 * on. In a build with sanitizers, which need other calls, nothing is done, and the log says so.
 */
NODISCARD struct err confine_enter(const struct confine_options *options);

#endif
