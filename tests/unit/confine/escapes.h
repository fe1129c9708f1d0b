/* SPDX-License-Identifier: Apache-2.0 */
/* System calls with which a process would leave its sandbox; none of ours may make one. */
#ifndef HOLDFAST_TESTS_ESCAPES_H
#define HOLDFAST_TESTS_ESCAPES_H

#include <stddef.h>

#include "confined.h"

extern const struct confined_call escapes[];
extern const size_t escapes_count;

/* Those that the supervisor alone may make: it starts a worker, which enters its own sandbox. */
extern const struct confined_call escapes_from_worker[];
extern const size_t escapes_from_worker_count;

#endif
