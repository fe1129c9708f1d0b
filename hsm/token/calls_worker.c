/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker, from before it loads the vendor's module. Modules of HSMs in the network open
 * sockets, those in the machine keep shared memory, all of them have files and threads. What a
 * module needs beyond it is named by the operator: extra_syscalls in [token].
 */
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "hsm/token/calls.h"

#define PERSONALITY_QUERY 0xffffffff
#define NETLINK_ROUTE_ONLY 0 /* linux/netlink.h: NETLINK_ROUTE */

static const struct confine_group groups[] = {
	{"files: the module itself, its settings, and a token that is a directory",
	 "access chdir close close_range copy_file_range faccessat faccessat2 fadvise64 fallocate "
	 "fcntl fdatasync flock fstat fstatfs fsync ftruncate getcwd getdents64 lseek lstat msync "
	 "newfstatat open openat pread64 preadv pwrite64 pwritev read readlink readlinkat readv "
	 "stat statfs statx sync_file_range truncate write writev"},
	{"files made, renamed and removed",
	 "link linkat mkdir mkdirat rename renameat renameat2 rmdir symlink symlinkat unlink "
	 "unlinkat"},
	{"owners and modes of its own files: SQLite in a module, the copy of token.object",
	 "chmod fchmod fchmodat fchown umask utime utimensat"},
	{"descriptors", "dup dup2 dup3 memfd_create pipe pipe2"},
	{"waiting", "epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait "
		    "eventfd eventfd2 inotify_add_watch inotify_init inotify_init1 "
		    "inotify_rm_watch poll ppoll pselect6 select signalfd4"},
	{"timers", "alarm getitimer setitimer timer_create timer_delete timer_getoverrun "
		   "timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime"},
	{"sockets: daemons, and an HSM in the network",
	 "accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg "
	 "recvmsg sendfile sendmmsg sendmsg sendto setsockopt shutdown"},
	{"memory and semaphores shared with a vendor's own service",
	 "semctl semget semop semtimedop shmctl shmdt shmget"},
	{"threads of a module at their own pace",
	 "sched_setaffinity sched_setparam sched_setscheduler setpriority"},
};

static const struct confine_check checks[] = {
	{"socket", CONFINE_INT(0, AF_UNIX), {0}},
	{"socket", CONFINE_INT(0, AF_INET), {0}},
	{"socket", CONFINE_INT(0, AF_INET6), {0}},
	/* getaddrinfo(3) asks which addresses there are. */
	{"socket", CONFINE_INT(0, AF_NETLINK), CONFINE_INT(2, NETLINK_ROUTE_ONLY)},
	{"socketpair", CONFINE_INT(0, AF_UNIX), {0}},
	/* Not SHM_EXEC, 0100000 of linux/shm.h. */
	{"shmat", CONFINE_BITS(2, 0100000, 0), {0}},
	{"kill", {.index = 0, .mask = CONFINE_INT_MASK, .own_pid = true}, {0}},
	{"personality", CONFINE_INT(0, PERSONALITY_QUERY), {0}},
	/* By these a module knows its machine, and a socket what it has to send. */
	{"ioctl", CONFINE_INT(1, SIOCGIFCONF), {0}},
	{"ioctl", CONFINE_INT(1, SIOCGIFFLAGS), {0}},
	{"ioctl", CONFINE_INT(1, SIOCGIFADDR), {0}},
	{"ioctl", CONFINE_INT(1, SIOCGIFHWADDR), {0}},
	{"ioctl", CONFINE_INT(1, SIOCGIFINDEX), {0}},
	{"ioctl", CONFINE_INT(1, SIOCOUTQ), {0}},
};

const struct confine_table calls_worker = {
	.groups = groups,
	.group_count = ARRAY_LEN(groups),
	.checks = checks,
	.check_count = ARRAY_LEN(checks),
};
