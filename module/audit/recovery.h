/* SPDX-License-Identifier: Apache-2.0 */
/* The folder's own header, but for recovery_hold(): finding and mending segments when the log is
 * opened. */
#ifndef HOLDFAST_AUDIT_RECOVERY_H
#define HOLDFAST_AUDIT_RECOVERY_H

#include "base/err.h"

/* Opens the directory and takes its lock, which lives as long as the descriptor *lock. Both are the
 * caller's on success. E_ALREADY_RUNNING, E_AUDIT. */
NODISCARD struct err recovery_lock(const char *path, int *directory, int *lock);

/* The same lock for who looks alone, and makes nothing: *lock is -1 where there is none to take,
 * and so no log that anybody writes. */
NODISCARD struct err recovery_hold(const char *path, int *lock);

/* The sequence in a segment's name; false: it is none. */
bool recovery_parse_name(const char *name, uint64_t *sequence);

/*
 * Opens a segment for writing and cuts it to its last whole line before the first NUL; what is
 * thrown away and is not zeros goes to <name>.torn first. The rest is on disk when this returns,
 * so that a line found here cannot be lost any more. *fd is the caller's. E_AUDIT.
 */
NODISCARD struct err recovery_open(int directory, const char *name, int *fd, uint64_t *durable);

#endif
