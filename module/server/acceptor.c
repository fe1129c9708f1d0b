/* SPDX-License-Identifier: Apache-2.0 */
#include "server/acceptor.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

#define EXHAUSTED_PAUSE_MS 50 /* out of descriptors or memory: connections wait in the backlog */
#define FULL_LOOK_MS 1000     /* at the bound: how often the library's own count is asked */
#define FULL_SAY_MS 10000     /* how often that is told */

void acceptor_init(struct acceptor *acceptor)
{
	*acceptor = (struct acceptor){.listen_fd = -1, .wake_fd = -1};
}

static void wake(struct acceptor *acceptor)
{
	uint64_t one = 1;
	while (write(acceptor->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
		continue;
}

void acceptor_note_end(struct acceptor *acceptor)
{
	if (atomic_fetch_sub(&acceptor->open, 1) == atomic_load(&acceptor->open_max))
		wake(acceptor);
}

void acceptor_set_max(struct acceptor *acceptor, unsigned open_max)
{
	atomic_store(&acceptor->open_max, open_max);
	wake(acceptor);
}

static bool is_full(const struct acceptor *acceptor)
{
	return atomic_load(&acceptor->open) >= atomic_load(&acceptor->open_max);
}

/* A connection that the library gave up for want of memory ends without a word: count anew. */
static void recount(struct acceptor *acceptor)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(acceptor->mhd, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
	if (info != NULL && info->num_connections < atomic_load(&acceptor->open_max))
		atomic_store(&acceptor->open, info->num_connections);
}

/* Where the library has a limit of its own (so many of one address), it closes the socket. */
static void hand_over(struct acceptor *acceptor, int fd, struct sockaddr_storage *peer,
		      socklen_t len)
{
	atomic_fetch_add(&acceptor->open, 1);
	bool taken = MHD_add_connection(acceptor->mhd, fd, (struct sockaddr *)peer, len) == MHD_YES;
	metric_add(taken ? METRIC_CONNECTIONS_ACCEPTED : METRIC_CONNECTIONS_REFUSED, acceptor->door,
		   0, 1);
	if (!taken)
		atomic_fetch_sub(&acceptor->open, 1);
}

/* 0: look again at once; else how many milliseconds to leave the backlog alone; -1: it is empty. */
static int accept_one(struct acceptor *acceptor)
{
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof peer;
	int fd = accept4(acceptor->listen_fd, (struct sockaddr *)&peer, &len,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		hand_over(acceptor, fd, &peer, len);
		return 0;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return -1;
	if (errno == EINTR || errno == ECONNABORTED)
		return 0;
	log_event(LOG_WARNING, "server.accept_failed", LOG_NUMBER("errno", errno),
		  LOG_TEXT("action", "raise LimitNOFILE if this repeats"));
	return EXHAUSTED_PAUSE_MS;
}

static void say_full(struct acceptor *acceptor)
{
	int64_t now = clock_steady_ms(&clock_system);
	if (acceptor->said_ms != 0 && now - acceptor->said_ms < FULL_SAY_MS)
		return;
	acceptor->said_ms = now;
	log_event(LOG_WARNING, "server.connections_full",
		  LOG_NUMBER("open", atomic_load(&acceptor->open_max)),
		  LOG_TEXT("action", "raise connections_max in [server], or bound one client with "
				     "connections_per_address_max"));
}

/* Waits for a client, room, a pause to end or the end; which it was, the caller looks up. */
static void wait_once(struct acceptor *acceptor, int pause_ms)
{
	bool full = is_full(acceptor);
	if (full)
		say_full(acceptor);
	bool deaf = full || pause_ms > 0;
	struct pollfd fds[2] = {{acceptor->wake_fd, POLLIN, 0}, {acceptor->listen_fd, POLLIN, 0}};
	int ready = poll(fds, deaf ? 1 : 2, full ? FULL_LOOK_MS : pause_ms);
	uint64_t wakes = 0;
	while (fds[0].revents != 0 && read(acceptor->wake_fd, &wakes, sizeof wakes) < 0 &&
	       errno == EINTR)
		continue;
	if (full && ready == 0)
		recount(acceptor);
}

static void *run(void *user)
{
	struct acceptor *acceptor = user;
	int pause_ms = -1;
	while (!atomic_load(&acceptor->stopping)) {
		wait_once(acceptor, pause_ms);
		pause_ms = 0;
		while (pause_ms == 0 && !is_full(acceptor) && !atomic_load(&acceptor->stopping))
			pause_ms = accept_one(acceptor);
	}
	return NULL;
}

static struct err start_thread(struct acceptor *acceptor)
{
	sigset_t all, before;
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGSYS); /* the sandbox tells of what it refuses */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&acceptor->thread, NULL, run, acceptor);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	acceptor->started = failed == 0;
	return failed == 0 ? OK : ERR_DETAIL(E_SYSTEM, failed);
}

NODISCARD struct err acceptor_start(struct acceptor *acceptor, int listen_fd, unsigned open_max,
				    struct MHD_Daemon *mhd)
{
	acceptor->listen_fd = listen_fd;
	atomic_store(&acceptor->open_max, open_max);
	acceptor->mhd = mhd;
	acceptor->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (acceptor->wake_fd < 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	return start_thread(acceptor);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void acceptor_stop(struct acceptor *acceptor)
{
	if (acceptor->started) {
		atomic_store(&acceptor->stopping, true);
		wake(acceptor);
		(void)pthread_join(acceptor->thread, NULL);
	}
	acceptor->started = false;
	close_fd(&acceptor->listen_fd);
}

void acceptor_cleanup(struct acceptor *acceptor)
{
	acceptor_stop(acceptor);
	close_fd(&acceptor->wake_fd);
}
