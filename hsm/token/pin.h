/* SPDX-License-Identifier: Apache-2.0 */
/* Where the PIN comes from, and the making of one. A PIN is in a struct secret or in its source. */
#ifndef HOLDFAST_HSM_TOKEN_PIN_H
#define HOLDFAST_HSM_TOKEN_PIN_H

#include "base/secret.h"
#include "config/settings.h"

#define PIN_MAX 256
#define PIN_MADE_LEN 32

/*
 * pin_source as settings have it: file:PATH, fd:N, credential:NAME; empty is no PIN. E_SETTINGS
 * with a line for people when it has another form. Opens nothing.
 */
NODISCARD struct err pin_source_check(const char *source, char message[SETTINGS_MESSAGE_MAX]);

/* The path behind file:PATH, or NULL. Points into `source`. */
const char *pin_source_path(const char *source);

/*
 * Reads the PIN; one newline at its end is no part of it. *out: owned by the caller, secret_free();
 * NULL without a source. A descriptor is read to its end and closed. E_SETTINGS with a line for
 * people: no such file, not a regular one, open to others, empty, longer than PIN_MAX; E_NOMEM,
 * E_LOCKED_MEMORY. Blocks for as long as a descriptor does.
 */
NODISCARD struct err pin_read(const char *source, struct secret **out,
			      char message[SETTINGS_MESSAGE_MAX]);

/*
 * The PIN in the file, or a random one in a new file (0600, synced) when there is none: then *made.
 * Errors as of pin_read().
 */
NODISCARD struct err pin_read_or_make(const char *path, struct secret **out, bool *made,
				      char message[SETTINGS_MESSAGE_MAX]);

/* A random PIN of `len` characters, 1..PIN_MAX. */
NODISCARD struct err pin_make(size_t len, struct secret **out);

/* Syncs the directory that `path` lies in. E_SYSTEM. */
NODISCARD struct err pin_directory_sync(const char *path);

#endif
