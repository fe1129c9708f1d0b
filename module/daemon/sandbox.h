/* SPDX-License-Identifier: Apache-2.0 */
/* What the process gives up: before it touches anything, and before it serves anybody. */
#ifndef HOLDFAST_DAEMON_SANDBOX_H
#define HOLDFAST_DAEMON_SANDBOX_H

#include "base/err.h"
#include "config/settings.h"
#include "confine/confine.h"

/*
 * confine_harden(), no descriptors that were not meant for us, nowhere to write the secrets of TLS
 * to (SSLKEYLOGFILE), SIGPIPE ignored. First thing in main(). E_SYSTEM with errno.
 */
NODISCARD struct err sandbox_enter(void);

/* The system calls that are left to holdfastd (calls.c). */
extern const struct confine_table sandbox_calls;

/* What is needed besides when it looks up names and connects to others: [events] url. */
extern const struct confine_table sandbox_outbound;

/*
 * The filter of system calls, for good: after everything that starts once, before the doors open.
 * As confine_enter().
 */
NODISCARD struct err sandbox_confine(const struct settings *settings);

/*
 * Keeps memory out of swap, where the limits allow it for all that is to come, and makes room for
 * `connections`. What cannot be had is a warning in the log: secrets have locked pages of their
 * own.
 */
void sandbox_limits(uint64_t connections);

/* Room for so many connections and what stands beside them; a warning when it cannot be had. */
void sandbox_descriptors(uint64_t connections);

#endif
