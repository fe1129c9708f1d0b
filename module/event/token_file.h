/* SPDX-License-Identifier: Apache-2.0 */
/* The folder's own: the bearer token of an endpoint, read from its file. */
#ifndef HOLDFAST_EVENT_TOKEN_FILE_H
#define HOLDFAST_EVENT_TOKEN_FILE_H

#include "base/secret.h"

/*
 * Reads the first line of the file as a header of HTTP, "Authorization: Bearer <token>" and a NUL.
 * *out owned by the caller, secret_free(). E_SETTINGS: *fault (of static storage) says what is
 * wrong with the file, and what to do. E_NOMEM, E_LOCKED_MEMORY; then *fault is NULL.
 */
NODISCARD struct err token_file_read(const char *path, struct secret **out, const char **fault);

#endif
