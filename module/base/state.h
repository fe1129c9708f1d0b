/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Declared state machines: a table with one row per state, and in each the states that may follow.
 * A move that the table does not allow is a defect and is refused.
 */
#ifndef HOLDFAST_BASE_STATE_H
#define HOLDFAST_BASE_STATE_H

#include "base/err.h"

struct state_row {
	const char *name;
	uint32_t next; /* bit n: the state with number n may follow */
};

#define STATE_BIT(state) (UINT32_C(1) << (state))

/* Whether `from` may become `to`; both must be rows of the table. */
bool state_may_move(const struct state_row *rows, size_t count, unsigned from, unsigned to);

/* Moves *state, or fails with E_BUG and leaves it. */
NODISCARD struct err state_move(const struct state_row *rows, size_t count, unsigned *state,
				unsigned to);

#endif
