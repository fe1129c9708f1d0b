/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's file put in the place of another, for --recover and --restore: what shall be is made
 * ready in a working copy beside the store, and takes its place with one rename(2). Whatever ends
 * the process in between leaves the store that was, or the store that shall be.
 *
 * Nobody may have the store open meanwhile: the caller holds what keeps a daemon from starting.
 * Errors: E_STORE, E_STORE_FULL (logged, with the path).
 */
#ifndef HOLDFAST_STORE_SQLITE_REPLACEMENT_H
#define HOLDFAST_STORE_SQLITE_REPLACEMENT_H

#include "base/err.h"

#define REPLACEMENT_SUFFIX ".recovering"
#define REPLACEMENT_KEPT_SUFFIX ".before-recovery-"

/*
 * Copies a store's file, and the write-ahead log beside it when there is one, to `copy`, which
 * replaces what an interrupted run left there. Mode 0600; made by root, it belongs to the owner of
 * `owner` (a path; the folder of `copy` where that is not there). Synced. The source is only read;
 * E_STORE when it is no regular file, or a link. E_NOT_FOUND: there is no source.
 */
NODISCARD struct err store_replacement_copy(const char *source, const char *copy,
					    const char *owner);

/* The copy and what SQLite made beside it, wherever they are left. Never fails. */
void store_replacement_remove(const char *copy);

/*
 * The copy, closed by now, takes the place of `path`. What was there is kept as `kept` (a path in
 * the same folder, which must not exist), its write-ahead log folded in where SQLite can still
 * read it. E_EXISTS: `kept`. E_ALREADY_RUNNING: another process has the store open.
 */
NODISCARD struct err store_replacement_swap(const char *path, const char *copy, const char *kept);

#endif
