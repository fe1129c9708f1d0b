/* SPDX-License-Identifier: Apache-2.0 */
/* Both clocks: the system's, and the one that stands where a test puts it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

static void the_system_clock_is_the_kernels(void **state)
{
	(void)state;
	int64_t before = (int64_t)time(NULL) * 1000;
	int64_t now = clock_real_ms(&clock_system);
	assert_true(now >= before && now <= ((int64_t)time(NULL) + 1) * 1000);
}

static void steady_time_does_not_go_back_and_goes_on(void **state)
{
	(void)state;
	int64_t start = clock_steady_ms(&clock_system);
	int64_t last = start;
	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_steady_ms(&clock_system);
		assert_true(now >= last);
		last = now;
	}
	(void)usleep(3000);
	assert_true(clock_steady_ms(&clock_system) >= start + 3);
}

static void a_manual_clock_moves_when_told(void **state)
{
	(void)state;
	struct clock_manual manual;
	clock_manual_init(&manual, 5000);
	assert_int_equal(clock_real_ms(&manual.clock), 5000);
	assert_int_equal(clock_steady_ms(&manual.clock), 0);
	clock_manual_advance(&manual, 250);
	assert_int_equal(clock_real_ms(&manual.clock), 5250);
	assert_int_equal(clock_steady_ms(&manual.clock), 250);
	manual.now_real_ms = 1; /* real time may jump, steady time does not follow */
	assert_int_equal(clock_real_ms(&manual.clock), 1);
	assert_int_equal(clock_steady_ms(&manual.clock), 250);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_system_clock_is_the_kernels),
		cmocka_unit_test(steady_time_does_not_go_back_and_goes_on),
		cmocka_unit_test(a_manual_clock_moves_when_told),
	};
	return cmocka_run_group_tests_name("base_clock", tests, NULL, NULL);
}
