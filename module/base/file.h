/* SPDX-License-Identifier: Apache-2.0 */
/* Open files: bytes to one, and its end. Which file, with which rights, and when it is synced is
 * its caller's. */
#ifndef HOLDFAST_BASE_FILE_H
#define HOLDFAST_BASE_FILE_H

#include "base/err.h"
#include "base/view.h"

/* Writes all of it, whatever interrupts; blocks as the descriptor does. E_SYSTEM with errno: some
 * of it may have been written. */
NODISCARD struct err file_write(int fd, struct view bytes);

/* For CLEANUP(): closes the descriptor unless it is negative. The number stays as it is, and what
 * close(2) says is dropped: who needs to know has synced before. */
void file_close(const int *fd);

#endif
