/* SPDX-License-Identifier: Apache-2.0 */
/* Port: copies of the store for later, made while it serves. Implemented by the daemon. */
#ifndef HOLDFAST_SERVICE_BACKUPS_H
#define HOLDFAST_SERVICE_BACKUPS_H

#include "kms/manifest.h"

#define BACKUP_NAME_MAX 128
#define BACKUP_PATH_MAX 1024
#define BACKUP_HASH_TEXT 65

struct backup {
	char path[BACKUP_PATH_MAX];
	uint64_t bytes;
	int64_t made_ms, took_ms;
	struct kms_mark mark; /* of the copy */
	uint64_t rows;
	struct err verdict; /* of the copy, verified as a start would: OK, or E_STORE_SEAL */
	char sha256[BACKUP_HASH_TEXT]; /* of the file */
};

struct service_backups {
	/*
	 * Writes a copy of the store as of one moment, verifies it, and gives it its name: `name`,
	 * or one of time and epoch ("", with .db). Synced. Beside it a text for people, with .json
	 * behind the name. E_EXISTS: the name. E_STORE, E_STORE_FULL, E_STORE_MANIFEST; E_BUSY:
	 * another is being made. Blocks, long.
	 */
	NODISCARD struct err (*make)(void *self, const char *name, struct backup *out);
	void *self;
};

#endif
