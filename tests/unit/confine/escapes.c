/* SPDX-License-Identifier: Apache-2.0 */
#include "escapes.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/macros.h"

#define CALL0(name)                                                    \
	static int call_##name(void)                                   \
	{                                                              \
		return (int)syscall(SYS_##name, 0, 0, 0, 0, 0, 0) * 0; \
	}

CALL0(ptrace)
CALL0(execveat)
CALL0(unshare)
CALL0(setns)
CALL0(mount)
CALL0(umount2)
CALL0(pivot_root)
CALL0(chroot)
CALL0(bpf)
CALL0(perf_event_open)
CALL0(keyctl)
CALL0(add_key)
CALL0(request_key)
CALL0(io_uring_setup)
CALL0(process_vm_readv)
CALL0(process_vm_writev)
CALL0(pidfd_getfd)
CALL0(userfaultfd)
CALL0(open_by_handle_at)
CALL0(setuid)
CALL0(setgid)
CALL0(init_module)
CALL0(kexec_load)
CALL0(reboot)
CALL0(swapon)
CALL0(settimeofday)
CALL0(clock_settime)
CALL0(mknod)
CALL0(sethostname)
CALL0(syslog)

static int packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) * 0;
}

static int kernel_crypto_socket(void)
{
	return socket(AF_ALG, SOCK_SEQPACKET, 0) * 0;
}

static int writable_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) == NULL;
}

static int code_from_data(void)
{
	static _Alignas(4096) char page[4096];
	return mprotect(page, sizeof page, PROT_READ | PROT_EXEC) * 0;
}

static int user_namespace(void)
{
	return (int)syscall(SYS_clone, (unsigned long)CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) * 0;
}

static int terminal_input(void)
{
	return ioctl(STDIN_FILENO, TIOCSTI, "x") * 0;
}

static int other_program(void)
{
	char path[] = "/bin/true";
	char *argv[] = {path, NULL};
	return execv(path, argv) * 0;
}

static int dumpable_again(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) * 0;
}

const struct confined_call escapes[] = {
	{"ptrace", call_ptrace},
	{"execveat", call_execveat},
	{"unshare", call_unshare},
	{"setns", call_setns},
	{"mount", call_mount},
	{"umount2", call_umount2},
	{"pivot_root", call_pivot_root},
	{"chroot", call_chroot},
	{"bpf", call_bpf},
	{"perf_event_open", call_perf_event_open},
	{"keyctl", call_keyctl},
	{"add_key", call_add_key},
	{"request_key", call_request_key},
	{"io_uring_setup", call_io_uring_setup},
	{"process_vm_readv", call_process_vm_readv},
	{"process_vm_writev", call_process_vm_writev},
	{"pidfd_getfd", call_pidfd_getfd},
	{"userfaultfd", call_userfaultfd},
	{"open_by_handle_at", call_open_by_handle_at},
	{"setuid", call_setuid},
	{"setgid", call_setgid},
	{"init_module", call_init_module},
	{"kexec_load", call_kexec_load},
	{"reboot", call_reboot},
	{"swapon", call_swapon},
	{"settimeofday", call_settimeofday},
	{"clock_settime", call_clock_settime},
	{"mknod", call_mknod},
	{"sethostname", call_sethostname},
	{"syslog", call_syslog},
	{"socket", packet_socket},
	{"socket", kernel_crypto_socket},
	{"mmap", writable_code},
	{"mprotect", code_from_data},
	{"clone", user_namespace},
	{"ioctl", terminal_input},
	{"execve", other_program},
	{"prctl", dumpable_again},
};
const size_t escapes_count = ARRAY_LEN(escapes);

/* From here on what the supervisor may. */

static int handler_of_refusals(void)
{
	return sigaction(SIGSYS, &(struct sigaction){.sa_handler = SIG_IGN}, NULL) * 0;
}

/* The kernel looks at 32 bits of the number: this is SIGSYS, too. */
static int handler_of_refusals_in_disguise(void)
{
	return (int)syscall(SYS_rt_sigaction, (UINT64_C(1) << 32) | SIGSYS, NULL, NULL, 8) * 0;
}

static int process(void)
{
	return (int)syscall(SYS_clone, (unsigned long)SIGCHLD, 0, 0, 0, 0) * 0;
}

static int process_the_old_way(void)
{
	return (int)syscall(SYS_fork) * 0;
}

static int signal_to_another(void)
{
	return kill(getppid(), 0) * 0;
}

static int signal_to_a_thread_of_another(void)
{
	return (int)syscall(SYS_tgkill, getppid(), getppid(), 0) * 0;
}

static int raised_limit(void)
{
	return setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) * 0;
}

static int tracing_filter(void)
{
	return (int)syscall(SYS_seccomp, 1, 8, NULL) * 0;
}

CALL0(capset)

const struct confined_call escapes_from_worker[] = {
	{"rt_sigaction", handler_of_refusals},
	{"rt_sigaction", handler_of_refusals_in_disguise},
	{"clone", process},
	{"fork", process_the_old_way},
	{"kill", signal_to_another},
	{"tgkill", signal_to_a_thread_of_another},
	{"prlimit64", raised_limit},
	{"seccomp", tracing_filter},
	{"capset", call_capset},
};
const size_t escapes_from_worker_count = ARRAY_LEN(escapes_from_worker);
