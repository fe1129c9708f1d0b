/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one clock, injected wherever time matters. `real` is Unix time, for what people and policies
 * see; `steady` never jumps and is shared by all processes of one boot, for deadlines and
 * intervals; `boot` is as steady and goes on while the machine sleeps, to judge `real` by.
 */
#ifndef HOLDFAST_BASE_CLOCK_H
#define HOLDFAST_BASE_CLOCK_H

#include <stdint.h>

struct clock {
	int64_t (*real_ms)(const struct clock *self);
	int64_t (*steady_ms)(const struct clock *self);
	int64_t (*boot_ms)(const struct clock *self);
};

/* CLOCK_REALTIME, CLOCK_MONOTONIC and CLOCK_BOOTTIME. */
extern const struct clock clock_system;

static inline int64_t clock_real_ms(const struct clock *clock)
{
	return clock->real_ms(clock);
}

static inline int64_t clock_steady_ms(const struct clock *clock)
{
	return clock->steady_ms(clock);
}

static inline int64_t clock_boot_ms(const struct clock *clock)
{
	return clock->boot_ms(clock);
}

/* A clock that stands where a test puts it: pass &manual.clock. */
struct clock_manual {
	struct clock clock;
	int64_t now_real_ms;
	int64_t now_steady_ms; /* boot time, too */
};
void clock_manual_init(struct clock_manual *manual, int64_t real_ms);
void clock_manual_advance(struct clock_manual *manual, int64_t ms);

#endif
