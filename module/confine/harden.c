/* SPDX-License-Identifier: Apache-2.0 */
/* Privileges: all are given up, root's included, which is then a user like any other. */
#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/confine.h"

/* Newer than Debian 12's headers: linux/prctl.h of 6.3. */
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN (1UL << 0)
#endif

static struct err check(long result)
{
	return result == 0 ? OK : ERR_DETAIL(E_SYSTEM, errno);
}

/*
 * While it is still allowed to: without CAP_IPC_LOCK the limit is all that there is. A root that
 * may lock memory and may not raise the limit, as in containers, keeps that one capability.
 */
static struct err locked_memory_raise(bool *unlimited_now)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	struct rlimit limit = {0, 0};
	*unlimited_now = setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0;
	if (*unlimited_now)
		return OK;
	TRY(check(getrlimit(RLIMIT_MEMLOCK, &limit)));
	limit.rlim_cur = limit.rlim_max;
	return check(setrlimit(RLIMIT_MEMLOCK, &limit));
}

/* capabilities(7): the bounding set, or an exec as root would bring them back. */
static struct err bounding_set_empty(void)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 0)
			continue;
		/* EPERM without CAP_SETPCAP: then there are none to lose, and no_new_privs keeps
		 * others from coming. */
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0 && errno != EPERM)
			return ERR_DETAIL(E_SYSTEM, errno);
	}
	return OK;
}

static struct err capabilities_drop(bool keep_lock)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}};
	TRY(bounding_set_empty());
	TRY(check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)));
	TRY(check(syscall(SYS_capget, &header, sets)));
	uint32_t had = 0;
	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		had |= sets[i].permitted | sets[i].inheritable;
		uint32_t kept = keep_lock && i == 0 ? sets[i].permitted & (1U << CAP_IPC_LOCK) : 0;
		sets[i] = (struct __user_cap_data_struct){kept, kept, 0};
	}
	/* Who has none may be forbidden to call it, as our units do. */
	return had == 0 ? OK : check(syscall(SYS_capset, &header, sets));
}

NODISCARD struct err confine_harden(void)
{
	const struct rlimit none = {0, 0};
	(void)umask(077);
	TRY(check(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)));
	TRY(check(setrlimit(RLIMIT_CORE, &none)));
	TRY(check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)));
	bool unlimited = false;
	TRY(locked_memory_raise(&unlimited));
	TRY(capabilities_drop(!unlimited));
	/* An older kernel does not know it; the filter then refuses the same calls. */
	(void)prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0);
	return OK;
}
