/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of a log that lookups read. Another daemon's may be missing, or be mounted later, or
 * be made anew: then nobody may take what is there for the whole history, and it is found by itself
 * once it is there.
 */
#ifndef HOLDFAST_AUDIT_FOLDER_H
#define HOLDFAST_AUDIT_FOLDER_H

#include <pthread.h>
#include <stdint.h>

#include "base/err.h"

#define AUDIT_FOLDER_PATH_MAX 4096

struct audit_folder {
	char path[AUDIT_FOLDER_PATH_MAX];
	int fd; /* open from _open to _close; an empty place while the folder is away */
	bool others;
	pthread_mutex_t lock;
	struct err state;
	bool told;         /* what `state` is, in the log */
	uint64_t renewals; /* how often another folder has come in its place */
};

/* One's own must be there: E_AUDIT. `others`: another daemon's, which is looked for. E_SYSTEM,
 * E_BOUNDS. audit_folder_close() in any case. */
NODISCARD struct err audit_folder_open(struct audit_folder *folder, const char *path, bool others);
void audit_folder_close(struct audit_folder *folder);

/* Whether another's log can be looked into now: E_LOOKUP_AWAY, with an errno or 0 where the folder
 * is there and no log is in it. The log says so when that changes. Thread-safe. */
NODISCARD struct err audit_folder_look(struct audit_folder *folder, uint64_t *renewals);

/* Why it cannot, for people. */
const char *audit_folder_why(struct err away);

#endif
