/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGHUP: the settings file is read again and judged whole. A wrong file changes nothing; a right
 * one is applied as far as a running process can, and the log names what waits for a restart.
 *
 * What holds something that a setting names (certificates, a log file) is a row of reload.c's
 * table: prepare() opens the new one and may refuse the whole reload, commit() swaps it in and
 * cannot fail.
 */
#ifndef HOLDFAST_DAEMON_RELOAD_H
#define HOLDFAST_DAEMON_RELOAD_H

#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>

#include "config/changes.h"
#include "daemon/wiring.h"

/* Which state of the file was read. */
struct reload_stamp {
	struct timespec modified;
	ino_t inode;
	off_t size;
};

struct reload {
	char path[PATH_MAX];       /* absolute */
	struct settings *in_force; /* the caller's; what the process runs with */
	struct settings read;      /* the file as it was read last, without fault */
	struct reload_stamp stamp; /* of that file, or of the faulty one that was refused since */
	bool refused;              /* the file was read since and was wrong */
	pthread_mutex_t lock;      /* of in_force and what follows it, for other threads */
};

/*
 * Reads the settings for the start, into *in_force (borrowed for as long as `reload` is used). A
 * fault is told on standard error. E_SETTINGS.
 */
NODISCARD struct err reload_begin(struct reload *reload, const char *path,
				  struct settings *in_force);

/* The log goes where the settings say, from now on. E_SYSTEM, E_SETTINGS: logged. */
NODISCARD struct err reload_start_log(const struct reload *reload);

/* Once more, for a running process. E_SETTINGS, logged: nothing has changed. Main thread. */
NODISCARD struct err reload_again(struct reload *reload, struct wiring *w);

/* For status; thread-safe, asks the disk. */
struct reload_state {
	bool due;     /* the file differs from what was read last: it waits for a SIGHUP */
	bool refused; /* what was read last was wrong */
	size_t waiting;
	struct changes_setting first; /* one of those that wait for a restart, if any */
};
void reload_look(struct reload *reload, struct reload_state *out);

/* A copy of what is in force. Thread-safe. */
void reload_copy_settings(struct reload *reload, struct settings *out);

#endif
