/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls of holdfast-token's two processes; how a table is read: confine/confine.h. */
#ifndef HOLDFAST_HSM_TOKEN_CALLS_H
#define HOLDFAST_HSM_TOKEN_CALLS_H

#include "confine/confine.h"

/* The worker's, wide enough for a vendor's module. */
extern const struct confine_table calls_worker;

/*
 * What the supervisor needs beyond it. A filter is inherited over fork(2) and execve(2), and each
 * later one can only take away: so the supervisor's list holds the worker's, and what the worker
 * needs before it enters its own.
 */
extern const struct confine_table calls_supervisor;

/* The program that the supervisor may execute, and nothing else: the filter knows its address. */
extern const char calls_own_program[];

#endif
