/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"

#define DESCRIPTORS_BESIDE_CONNECTIONS 256
#define DESCRIPTORS_KEPT 3 /* standard input, output and error */

NODISCARD struct err sandbox_enter(void)
{
	(void)umask(077);
	const struct rlimit none = {0, 0};
	if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	/* Sockets that systemd hands over come first, by its protocol. */
	int passed = sd_listen_fds(0);
	unsigned first = DESCRIPTORS_KEPT + (unsigned)(passed > 0 ? passed : 0);
	if (close_range(first, ~0U, 0) != 0 && errno != ENOSYS)
		return ERR_DETAIL(E_SYSTEM, errno);
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	if (sigaction(SIGPIPE, &ignore, NULL) != 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	return OK;
}

/* Under a finite limit, locking all that is to come would make later allocations fail. */
static void lock_memory(void)
{
	struct rlimit limit = {0};
	bool unbounded = geteuid() == 0 || (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 &&
					    limit.rlim_cur == RLIM_INFINITY);
	if (unbounded && mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0)
		return;
	log_event(
		LOG_WARNING, "daemon.memory_not_locked",
		LOG_TEXT("effect", "parts of requests may reach swap; keys and plaintexts do not"),
		LOG_TEXT("action", "set LimitMEMLOCK=infinity, or turn swap off or encrypt it"));
}

void sandbox_descriptors(uint64_t connections)
{
	uint64_t wanted = connections + DESCRIPTORS_BESIDE_CONNECTIONS;
	struct rlimit limit = {0};
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_cur < wanted) {
		limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur < wanted)
		log_event(LOG_WARNING, "daemon.few_descriptors", LOG_NUMBER("have", limit.rlim_cur),
			  LOG_NUMBER("wanted", wanted),
			  LOG_TEXT("action",
				   "raise LimitNOFILE=, or lower connections_max in [server]"));
}

void sandbox_limits(uint64_t connections)
{
	sandbox_descriptors(connections);
	lock_memory();
}
