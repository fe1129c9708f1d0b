/* SPDX-License-Identifier: Apache-2.0 */
/* A child process that is killed at one of SQLite's writes, which is done by half. */
#ifndef HOLDFAST_TESTS_STORE_DYING_H
#define HOLDFAST_TESTS_STORE_DYING_H

#include "fixture.h"

/*
 * Forks a child that does `work` and dies at its `at_write`th write (from 1). Whether it came to
 * the end before; its work must not fail then. Only sound while this process has no store open.
 */
bool dying_child_ended(struct fixture *f, struct err (*work)(struct fixture *f), unsigned at_write);

#endif
