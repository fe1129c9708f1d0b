/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a worker: fork and exec of this very program, with the descriptors of orders.h. */
#ifndef HOLDFAST_HSM_TOKEN_SPAWN_H
#define HOLDFAST_HSM_TOKEN_SPAWN_H

#include "base/secret.h"
#include "hsm/token/orders.h"

/* The supervisor's own descriptors that a worker gets copies of. All borrowed. */
struct spawn_options {
	const struct orders *orders;
	const struct secret *pin; /* or NULL */
	int listen_fd;
	int page_fd;
	int lock_fd;
};

/* *pid: the worker. E_SYSTEM, E_NOMEM. The caller must be single-threaded. */
NODISCARD struct err spawn_worker(const struct spawn_options *options, pid_t *pid);

#endif
