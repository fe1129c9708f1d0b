/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker: the process that loads the vendor's module and serves the daemons. Started by the
 * supervisor alone, with the descriptors of orders.h.
 */
#ifndef HOLDFAST_HSM_TOKEN_WORKER_H
#define HOLDFAST_HSM_TOKEN_WORKER_H

/* After SIGTERM operations under way may take so long; then they are cancelled. */
#define WORKER_DRAIN_MAX_MS (10 * 1000)

/* The process's exit status: 0 after SIGTERM. */
int worker_main(void);

#endif
