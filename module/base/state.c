/* SPDX-License-Identifier: Apache-2.0 */
#include "base/state.h"

bool state_may_move(const struct state_row *rows, size_t count, unsigned from, unsigned to)
{
	return from < count && to < count && (rows[from].next & STATE_BIT(to)) != 0;
}

NODISCARD struct err state_move(const struct state_row *rows, size_t count, unsigned *state,
				unsigned to)
{
	ENSURE(state_may_move(rows, count, *state, to));
	*state = to;
	return OK;
}
