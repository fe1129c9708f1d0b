/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls of holdfastd from just before its doors open until its end. */
#include <linux/netlink.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "daemon/sandbox.h"

static const struct confine_group groups[] = {
	{"files: the store, the audit log, settings and certificates read again",
	 "access close close_range copy_file_range faccessat faccessat2 fadvise64 fallocate fcntl "
	 "fdatasync flock fstat fstatfs fsync ftruncate getcwd getdents64 lseek lstat newfstatat "
	 "open openat pread64 preadv pwrite64 pwritev read readlink readlinkat readv stat statfs "
	 "statx sync_file_range write writev"},
	{"files made, renamed and removed: segments, journals, backups, sockets",
	 "link linkat mkdir mkdirat rename renameat renameat2 rmdir unlink unlinkat"},
	{"owners and modes of its own files: SQLite gives a journal those of its database",
	 "chmod fchmod fchmodat fchown umask utimensat"},
	{"descriptors", "dup dup2 dup3 memfd_create pipe pipe2"},
	{"waiting", "epoll_create1 epoll_ctl epoll_pwait epoll_wait eventfd2 inotify_add_watch "
		    "inotify_init1 inotify_rm_watch poll ppoll pselect6 select signalfd4 "
		    "timerfd_create timerfd_gettime timerfd_settime"},
	{"sockets: the doors, holdfast-token, the service manager",
	 "accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg "
	 "recvmsg sendfile sendmmsg sendmsg sendto setsockopt shutdown"},
};

static const struct confine_check checks[] = {
	{"socket", CONFINE_INT(0, AF_UNIX), {0}},
	{"socket", CONFINE_INT(0, AF_INET), {0}},
	{"socket", CONFINE_INT(0, AF_INET6), {0}},
	{"socketpair", CONFINE_INT(0, AF_UNIX), {0}},
	/* A reload may raise connections_max. */
	{"prlimit64", CONFINE_INT(0, 0), CONFINE_INT(1, RLIMIT_NOFILE)},
};

const struct confine_table sandbox_calls = {
	.groups = groups,
	.group_count = ARRAY_LEN(groups),
	.checks = checks,
	.check_count = ARRAY_LEN(checks),
};

/* getaddrinfo(3) asks the kernel which addresses this machine has. */
static const struct confine_check outbound_checks[] = {
	{"socket", CONFINE_INT(0, AF_NETLINK), CONFINE_INT(2, NETLINK_ROUTE)},
};

const struct confine_table sandbox_outbound = {
	.checks = outbound_checks,
	.check_count = ARRAY_LEN(outbound_checks),
};
