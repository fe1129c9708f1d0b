/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of the cryptography that everything here rests on, run when they are asked for: answers
 * that are known from the standards, and what the token must do and must refuse. They change
 * nothing and use no key of a customer.
 */
#ifndef HOLDFAST_SERVICE_SELF_TEST_H
#define HOLDFAST_SERVICE_SELF_TEST_H

#include "base/err.h"

struct service;

#define SELF_TEST_NAME_MAX 40

struct self_test {
	const char *name;   /* static: "SHA-256" */
	const char *method; /* static: what is done and what must come of it, with its source */
	NODISCARD struct err (*run)(struct service *service);
};

/* NULL behind the last. `run` blocks for the token's deadline at most. Failures: E_BUG for a wrong
 * answer of our own, E_HSM_UNSAFE for one of the token's; E_HSM_...: it could not be asked. */
const struct self_test *self_test_at(size_t index);

#endif
