/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/token/spawn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "hsm/token/calls.h"
#include "hsm/token/process.h"

#define FD_ASIDE 64 /* above every fixed number */
#define EXIT_EXEC_FAILED 127

static_assert(ORDERS_FD_END <= FD_ASIDE, "descriptors can be moved aside");
static_assert(ORDERS_PIN_MAX <= 4096, "a PIN fits into a pipe without a reader");

/* What concerns the supervisor's relation to the service manager alone. */
static const char *const own_variables[] = {
	"NOTIFY_SOCKET",         "LISTEN_PID",   "LISTEN_FDS",
	"LISTEN_FDNAMES",        "WATCHDOG_PID", "WATCHDOG_USEC",
	"CREDENTIALS_DIRECTORY",
};

static void environment_trim(void)
{
	for (size_t i = 0; i < ARRAY_LEN(own_variables); i++)
		(void)unsetenv(own_variables[i]);
}

/* Puts the descriptors where orders.h says, whatever numbers they have, and closes all others. */
static bool descriptors_place(const int given[])
{
	const int count = ORDERS_FD_END - ORDERS_FD_LISTEN;
	int aside[ORDERS_FD_END - ORDERS_FD_LISTEN];
	for (int i = 0; i < count; i++) {
		aside[i] = fcntl(given[i], F_DUPFD_CLOEXEC, FD_ASIDE);
		if (aside[i] < 0)
			return false;
	}
	for (int i = 0; i < count; i++)
		if (dup2(aside[i], ORDERS_FD_LISTEN + i) < 0)
			return false;
	return close_range(ORDERS_FD_END, ~0U, 0) == 0;
}

static void child(const int given[], pid_t parent)
{
	char name[] = "holdfast-token";
	char mode[] = "--worker";
	char *argv[] = {name, mode, NULL};
	sigset_t none;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	environment_trim();
	if (!err_failed(process_follow(parent)) && descriptors_place(given))
		(void)execv(calls_own_program, argv);
	_exit(EXIT_EXEC_FAILED);
}

/* The reading end of a pipe that holds the PIN and nothing after it. */
static struct err pin_pipe(const struct secret *pin, int *fd)
{
	int ends[2];
	struct view bytes = secret_view(pin);
	if (pipe2(ends, O_CLOEXEC) != 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	CLEANUP(file_close) UNUSED int writing = ends[1];
	*fd = ends[0];
	if (bytes.len > 0 && write(ends[1], bytes.ptr, bytes.len) != (ssize_t)bytes.len)
		return ERR_DETAIL(E_SYSTEM, errno);
	return OK;
}

NODISCARD struct err spawn_worker(const struct spawn_options *options, pid_t *pid)
{
	CLEANUP(file_close) int orders_fd = -1;
	CLEANUP(file_close) int pin_fd = -1;
	TRY(orders_write(options->orders, &orders_fd));
	TRY(pin_pipe(options->pin, &pin_fd));
	const int given[] = {options->listen_fd, orders_fd, pin_fd, options->page_fd,
			     options->lock_fd};
	pid_t parent = getpid();
	pid_t made = fork();
	if (made < 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	if (made == 0)
		child(given, parent);
	*pid = made;
	return OK;
}
