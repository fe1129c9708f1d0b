/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/token/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define BACKLOG 128
#define LOCK_PAUSE_MS 20
#define ANSWERS_MAX 15 /* looks at a socket, LOCK_PAUSE_MS apart, before it is somebody else's */

static int take_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

static struct err complain(char message[SETTINGS_MESSAGE_MAX], struct err e, const char *path,
			   const char *what)
{
	struct err formatted =
		e.detail != 0 ? text_format(message, SETTINGS_MESSAGE_MAX, "%s: %s (%s)", path,
					    what, strerrordesc_np((int)e.detail))
			      : text_format(message, SETTINGS_MESSAGE_MAX, "%s: %s", path, what);
	(void)formatted; /* the code is told in any case */
	return e;
}

static bool lock_wait(int fd)
{
	struct timespec pause = {0, LOCK_PAUSE_MS * 1000000L};
	for (int waited = 0; waited <= PLACE_LOCK_WAIT_MS; waited += LOCK_PAUSE_MS) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return false;
		(void)nanosleep(&pause, NULL);
	}
	errno = 0;
	return false;
}

NODISCARD struct err place_lock(const char *directory, int *fd, char message[SETTINGS_MESSAGE_MAX])
{
	if (mkdir(directory, 0700) != 0 && errno != EEXIST)
		return complain(message, ERR_DETAIL(E_SYSTEM, errno), directory,
				"state_directory cannot be made; make it, owned by the user that "
				"runs holdfast-token");
	char path[PATH_MAX];
	TRY(text_format(path, sizeof path, "%s/lock", directory));
	CLEANUP(file_close) int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0)
		return complain(message, ERR_DETAIL(E_SYSTEM, errno), path,
				"the lock cannot be opened; check the owner of state_directory");
	if (!lock_wait(lock))
		return errno == 0
			       ? complain(message, ERR(E_ALREADY_RUNNING), path,
					  "another holdfast-token holds this state directory; stop "
					  "it first, or set another state_directory")
			       : complain(message, ERR_DETAIL(E_SYSTEM, errno), path,
					  "the lock cannot be taken");
	*fd = take_fd(&lock);
	return OK;
}

/* The socket. */

static struct err inherited(int *fd, char message[SETTINGS_MESSAGE_MAX])
{
	int given = SD_LISTEN_FDS_START;
	if (sd_is_socket_unix(given, SOCK_STREAM, 1, NULL, 0) <= 0)
		return complain(message, ERR(E_SETTINGS), "LISTEN_FDS",
				"the service manager handed over something else than a listening "
				"Unix stream socket; correct the socket unit");
	/* Out of the way of the worker's fixed numbers. */
	int moved = fcntl(given, F_DUPFD_CLOEXEC, 64);
	(void)close(given);
	/* unix(7): peers see the credentials of whoever called listen() last. */
	if (moved < 0 || fcntl(moved, F_SETFL, O_NONBLOCK) != 0 || listen(moved, BACKLOG) != 0)
		return complain(message, ERR_DETAIL(E_SYSTEM, errno), "LISTEN_FDS",
				"the socket of the service manager cannot be used");
	*fd = moved;
	return OK;
}

static bool somebody_answers(const struct sockaddr_un *address)
{
	CLEANUP(file_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd >= 0 && (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ||
			   errno == EAGAIN);
}

/* A worker whose supervisor was killed may end with the lock given back and the socket not yet. */
static bool keeps_answering(const struct sockaddr_un *address)
{
	struct timespec pause = {0, LOCK_PAUSE_MS * 1000000L};
	for (int looks = 1; somebody_answers(address); looks++) {
		if (looks == ANSWERS_MAX)
			return true;
		(void)nanosleep(&pause, NULL);
	}
	return false;
}

static struct err stale_remove(const struct sockaddr_un *address,
			       char message[SETTINGS_MESSAGE_MAX])
{
	const char *path = address->sun_path;
	struct stat st;
	if (lstat(path, &st) != 0)
		return OK;
	if (!S_ISSOCK(st.st_mode))
		return complain(message, ERR(E_SETTINGS), path,
				"something else than a socket is in the way; remove it, or set "
				"another socket");
	if (keeps_answering(address))
		return complain(message, ERR(E_ALREADY_RUNNING), path,
				"another process answers at this socket; stop it first, or set "
				"another socket");
	if (unlink(path) != 0)
		return complain(message, ERR_DETAIL(E_SYSTEM, errno), path,
				"a socket left over cannot be removed");
	return OK;
}

static struct err bind_at(const char *path, int *fd, char message[SETTINGS_MESSAGE_MAX])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (err_failed(text_copy(address.sun_path, sizeof address.sun_path, view_of_text(path))))
		return complain(message, ERR(E_SETTINGS), path,
				"a socket's path may have at most 107 bytes");
	TRY(stale_remove(&address, message));
	CLEANUP(file_close)
	int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (made < 0 || bind(made, (const struct sockaddr *)&address, sizeof address) != 0)
		return complain(message, ERR_DETAIL(E_SYSTEM, errno), path,
				"the socket cannot be made; make its directory, owned by the user "
				"that runs holdfast-token");
	if (chmod(path, 0666) != 0 || listen(made, BACKLOG) != 0)
		return complain(message, ERR_DETAIL(E_SYSTEM, errno), path,
				"the socket cannot be opened to daemons");
	*fd = take_fd(&made);
	return OK;
}

NODISCARD struct err place_listen(const char *path, int *fd, bool *bound,
				  char message[SETTINGS_MESSAGE_MAX])
{
	int given = sd_listen_fds(1);
	*bound = false;
	if (given == 1)
		return inherited(fd, message);
	if (given > 1)
		return complain(message, ERR(E_SETTINGS), "LISTEN_FDS",
				"the service manager handed over more than one socket; correct the "
				"socket unit");
	TRY(bind_at(path, fd, message));
	*bound = true;
	return OK;
}
