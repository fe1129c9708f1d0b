/* SPDX-License-Identifier: Apache-2.0 */
/* Signals as something to wait for: blocked in every thread, read from a descriptor. */
#ifndef HOLDFAST_DAEMON_SIGNALS_H
#define HOLDFAST_DAEMON_SIGNALS_H

#include "base/err.h"

enum signals_event { SIGNALS_NONE, SIGNALS_STOP, SIGNALS_RELOAD };

/* Before the first thread. *fd owned by the caller. */
NODISCARD struct err signals_open(int *fd);

/* Waits up to timeout_ms; NONE when nothing came. */
enum signals_event signals_wait(int fd, int timeout_ms);

#endif
