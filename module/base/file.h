/* SPDX-License-Identifier: Apache-2.0 */
/* Files and descriptors: one that grows by lines is opened, bytes are written to any, any is
 * closed. When something is synced is the caller's business. */
#ifndef HOLDFAST_BASE_FILE_H
#define HOLDFAST_BASE_FILE_H

#include <sys/types.h>

#include "base/err.h"
#include "base/view.h"

/*
 * Opens the regular file at `path` for appending (access: O_WRONLY or O_RDWR), made with `mode`,
 * whatever the umask is, when there is none. No link is followed and nothing waits for a FIFO.
 * *out owned by the caller. E_SYSTEM with errno; E_SETTINGS: it is something else than a regular
 * file.
 */
NODISCARD struct err file_open_appended(const char *path, int access, mode_t mode, int *out);

/* Writes all of it, whatever interrupts; blocks as the descriptor does. E_SYSTEM with errno: some
 * of it may have been written. */
NODISCARD struct err file_write(int fd, struct view bytes);

/* For CLEANUP(): closes the descriptor unless it is negative. The number stays as it is, and what
 * close(2) says is dropped: who needs to know has synced before. */
void file_close(const int *fd);

#endif
