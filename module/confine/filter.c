/* SPDX-License-Identifier: Apache-2.0 */
/* From tables to a seccomp filter of the kernel. */
#include <errno.h>
#include <seccomp.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "confine/confine.h"
#include "confine/trap.h"

#define NAME_MAX_BYTES 64

/* Each of these would lead out of the sandbox, or is no business of any token's module. */
static const char *const refused_extras[] = {
	"acct",
	"add_key",
	"bpf",
	"chroot",
	"clone",
	"clone3",
	"delete_module",
	"execve",
	"execveat",
	"fanotify_init",
	"finit_module",
	"fork",
	"init_module",
	"io_uring_enter",
	"io_uring_register",
	"io_uring_setup",
	"ioperm",
	"iopl",
	"kexec_file_load",
	"kexec_load",
	"keyctl",
	"modify_ldt",
	"mount",
	"mount_setattr",
	"move_mount",
	"name_to_handle_at",
	"open_by_handle_at",
	"open_tree",
	"perf_event_open",
	"personality",
	"pidfd_getfd",
	"pivot_root",
	"prctl",
	"process_madvise",
	"process_vm_readv",
	"process_vm_writev",
	"ptrace",
	"reboot",
	"request_key",
	"rt_sigaction",
	"seccomp",
	"setns",
	"sigaction",
	"signal",
	"swapoff",
	"swapon",
	"syslog",
	"umount",
	"umount2",
	"unshare",
	"userfaultfd",
	"vfork",
};

enum confine_mode confine_mode_of(const char *text)
{
	if (text_equal(text, "log"))
		return CONFINE_LOG;
	return text_equal(text, "off") ? CONFINE_OFF : CONFINE_ENFORCE;
}

/* The next name of *rest, "" at its end. E_BOUNDS for one that no system call can have. */
static struct err name_next(struct view *rest, char name[NAME_MAX_BYTES])
{
	struct view word = VIEW_NONE;
	while (word.len == 0 && rest->ptr != NULL)
		word = view_trim(view_cut(rest, ' '));
	return text_copy(name, NAME_MAX_BYTES, word);
}

/* ---- what an operator adds ---- */

static bool is_refused(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(refused_extras); i++)
		if (text_equal(refused_extras[i], name))
			return true;
	return false;
}

static struct err complain(char *message, size_t cap, const char *name, const char *what)
{
	struct err e = text_format(message, cap, "extra_syscalls: '%s' %s", name, what);
	(void)e;
	return ERR(E_SETTINGS);
}

NODISCARD struct err confine_extra_check(const char *names, char *message, size_t message_cap)
{
	struct view rest = view_of_text(names);
	char name[NAME_MAX_BYTES];
	for (;;) {
		if (err_failed(name_next(&rest, name)))
			return complain(message, message_cap, names, "has too long a name in it");
		if (name[0] == '\0')
			return OK;
		if (is_refused(name))
			return complain(message, message_cap, name,
					"would undo the sandbox and cannot be added; take it out");
		if (seccomp_syscall_resolve_name(name) == __NR_SCMP_ERROR)
			return complain(message, message_cap, name,
					"is no system call; write names as syscalls(2) has them, "
					"with blanks between them");
	}
}

/* ---- tables ---- */

static struct err checked(int result)
{
	/* EEXIST: an earlier row allows as much or more. */
	return result >= 0 || result == -EEXIST ? OK : ERR_DETAIL(E_SANDBOX, -result);
}

static struct err names_allow(scmp_filter_ctx filter, const char *names)
{
	struct view rest = view_of_text(names);
	char name[NAME_MAX_BYTES];
	for (;;) {
		TRY(name_next(&rest, name));
		if (name[0] == '\0')
			return OK;
		int number = seccomp_syscall_resolve_name(name);
		ENSURE(number != __NR_SCMP_ERROR);
		/* Negative: a call that this architecture does not have. */
		if (number >= 0)
			TRY(checked(seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0)));
	}
}

static unsigned comparison(const struct confine_argument *argument, struct scmp_arg_cmp *out)
{
	if (argument->mask == 0)
		return 0;
	uint64_t value = argument->value;
	if (argument->pointer != NULL)
		value = (uintptr_t)argument->pointer;
	if (argument->own_pid)
		value = (uint64_t)getpid();
	*out = SCMP_CMP64(argument->index, SCMP_CMP_MASKED_EQ, argument->mask, value);
	return 1;
}

static struct err check_allow(scmp_filter_ctx filter, const struct confine_check *check)
{
	struct scmp_arg_cmp comparisons[2];
	int number = seccomp_syscall_resolve_name(check->call);
	ENSURE(number != __NR_SCMP_ERROR);
	if (number < 0)
		return OK;
	unsigned count = comparison(&check->first, &comparisons[0]);
	count += comparison(&check->second, &comparisons[count]);
	return checked(seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, count, comparisons));
}

static struct err table_allow(scmp_filter_ctx filter, const struct confine_table *table)
{
	for (size_t i = 0; i < table->group_count; i++)
		TRY(names_allow(filter, table->groups[i].calls));
	for (size_t i = 0; i < table->check_count; i++)
		TRY(check_allow(filter, &table->checks[i]));
	return OK;
}

/* ---- the filter ---- */

static struct err attributes_set(scmp_filter_ctx filter, uint32_t otherwise)
{
	/* Every thread there is; a binary search instead of a walk through all rules. */
	TRY(checked(seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1)));
	TRY(checked(seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2)));
	return checked(seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, otherwise));
}

static struct err filter_fill(scmp_filter_ctx filter, const struct confine_options *options)
{
	for (size_t i = 0; i < CONFINE_TABLES_MAX && options->tables[i] != NULL; i++)
		TRY(table_allow(filter, options->tables[i]));
	if (options->extra != NULL)
		TRY(names_allow(filter, options->extra));
	/* Its arguments lie in memory, where a filter cannot look; the C library takes clone(2)
	 * when it is told that there is none. */
	return checked(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0));
}

static void filter_free(scmp_filter_ctx *filter)
{
	if (*filter != NULL)
		seccomp_release(*filter);
}

static void said(const struct confine_options *options, const char *how)
{
	log_event(options->mode == CONFINE_ENFORCE ? LOG_INFO : LOG_WARNING, "sandbox.entered",
		  LOG_TEXT("process", options->process), LOG_TEXT("seccomp", how));
}

NODISCARD struct err confine_enter(const struct confine_options *options)
{
#ifdef HOLDFAST_SANITIZED
	said(options, "off: a build with sanitizers");
	return OK;
#endif
	static const char *const modes[] = {
		[CONFINE_ENFORCE] = "enforce", [CONFINE_LOG] = "log", [CONFINE_OFF] = "off"};
	if (options->mode == CONFINE_OFF) {
		said(options, modes[CONFINE_OFF]);
		return OK;
	}
	uint32_t otherwise = options->mode == CONFINE_LOG ? SCMP_ACT_LOG : SCMP_ACT_TRAP;
	CLEANUP(filter_free) scmp_filter_ctx filter = seccomp_init(otherwise);
	if (filter == NULL)
		return ERR(E_NOMEM);
	TRY(attributes_set(filter, otherwise));
	TRY(filter_fill(filter, options));
	TRY(trap_install(options->process, options->action));
	TRY(checked(seccomp_load(filter)));
	said(options, modes[options->mode]);
	return OK;
}
