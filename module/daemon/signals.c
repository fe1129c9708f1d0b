/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

NODISCARD struct err signals_open(int *fd)
{
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *fd >= 0 ? OK : ERR_DETAIL(E_SYSTEM, errno);
}

enum signals_event signals_wait(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct signalfd_siginfo info = {0};
	if (poll(&p, 1, timeout_ms) != 1 || read(fd, &info, sizeof info) != sizeof info)
		return SIGNALS_NONE;
	return info.ssi_signo == SIGHUP ? SIGNALS_RELOAD : SIGNALS_STOP;
}
