/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"

#define DESCRIPTORS_BESIDE_CONNECTIONS 256
#define DESCRIPTORS_KEPT 3 /* standard input, output and error */

NODISCARD struct err sandbox_enter(void)
{
	TRY(confine_harden());
	/* GnuTLS and libcurl write the secrets of their sessions to the file that it names. */
	if (unsetenv("SSLKEYLOGFILE") != 0)
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

static void root_warn(void)
{
	if (geteuid() != 0)
		return;
	log_event(LOG_WARNING, "daemon.runs_as_root",
		  LOG_TEXT("effect", "without capabilities, but the owner of root's files"),
		  LOG_TEXT("action", "start it as a user of its own, as holdfastd.service does"));
}

NODISCARD struct err sandbox_confine(const struct settings *settings)
{
	root_warn();
	return confine_enter(&(struct confine_options){
		.process = "holdfastd",
		.action = "report this with the line; until it is mended, seccomp = log in "
			  "[sandbox] lets such calls pass",
		.mode = confine_mode_of(settings->sandbox.seccomp),
		.tables = {&confine_runtime, &sandbox_calls,
			   settings->events.url[0] != '\0' ? &sandbox_outbound : NULL}});
}

void sandbox_limits(uint64_t connections)
{
	sandbox_descriptors(connections);
	lock_memory();
}
