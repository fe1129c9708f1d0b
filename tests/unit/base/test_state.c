/* SPDX-License-Identifier: Apache-2.0 */
/* State machines: the moves that the table allows, and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/state.h"

enum { IDLE, BUSY, GONE, STATES };

static const struct state_row rows[STATES] = {
	[IDLE] = {"idle", STATE_BIT(BUSY) | STATE_BIT(GONE)},
	[BUSY] = {"busy", STATE_BIT(IDLE)},
	[GONE] = {"gone", 0},
};

static void exactly_the_moves_of_the_table_are_allowed(void **state)
{
	(void)state;
	for (unsigned from = 0; from < 40; from++)
		for (unsigned to = 0; to < 40; to++) {
			bool listed = (from == IDLE && (to == BUSY || to == GONE)) ||
				      (from == BUSY && to == IDLE);
			unsigned at = from;
			assert_int_equal(state_may_move(rows, STATES, from, to), listed);
			assert_int_equal(err_is(state_move(rows, STATES, &at, to), E_BUG), !listed);
			assert_int_equal(at, listed ? to : from);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exactly_the_moves_of_the_table_are_allowed),
	};
	return cmocka_run_group_tests_name("base_state", tests, NULL, NULL);
}
