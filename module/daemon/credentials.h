/* SPDX-License-Identifier: Apache-2.0 */
/* The file that --init leaves for the administrator: the only place where a secret access key is
 * ever written. */
#ifndef HOLDFAST_DAEMON_CREDENTIALS_H
#define HOLDFAST_DAEMON_CREDENTIALS_H

#include "base/err.h"
#include "base/secret.h"

struct credentials_file;

/*
 * Makes the file (0600; it must not exist) and takes its room on the disk, so that nothing is made
 * whose secret cannot be kept. *out: end with credentials_file_close(), which removes the file
 * unless credentials_file_keep() was called. E_EXISTS, E_SYSTEM with errno.
 */
NODISCARD struct err credentials_file_open(const char *path, struct credentials_file **out);

/* In the form of ~/.aws/credentials; synced, with its folder. E_SYSTEM. */
NODISCARD struct err credentials_file_write(struct credentials_file *file,
					    const char *access_key_id,
					    const struct secret *secret_key);

/* The credentials are valid from now on: the file stays. */
void credentials_file_keep(struct credentials_file *file);

void credentials_file_close(struct credentials_file **file);

#endif
