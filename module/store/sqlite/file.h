/* SPDX-License-Identifier: Apache-2.0 */
/* The store's file as a file: its mode, and that its name survives a power loss. */
#ifndef HOLDFAST_STORE_SQLITE_FILE_H
#define HOLDFAST_STORE_SQLITE_FILE_H

#include "base/err.h"

#define SQLITE_PATH_MAX 4096

/* A new, empty file of mode 0600, synced with its folder. E_EXISTS, E_STORE (detail: errno). */
NODISCARD struct err sqlite_file_create(const char *path);

/*
 * *exists: whether there is one. An existing one that others may read or write is closed to them,
 * with a warning. E_STORE when it is no regular file; a link to one is none.
 */
NODISCARD struct err sqlite_file_check(const char *path, bool *exists);

NODISCARD struct err sqlite_file_sync(const char *path);
NODISCARD struct err sqlite_file_sync_folder(const char *path);

#endif
