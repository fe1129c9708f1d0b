/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stddef.h>
#include <time.h>

#define MS_PER_S 1000
#define NS_PER_MS 1000000

static int64_t read_ms(clockid_t id)
{
	struct timespec now = {0};
	(void)clock_gettime(id, &now);
	return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

static int64_t system_real_ms(const struct clock *self)
{
	(void)self;
	return read_ms(CLOCK_REALTIME);
}

static int64_t system_steady_ms(const struct clock *self)
{
	(void)self;
	return read_ms(CLOCK_MONOTONIC);
}

static int64_t system_boot_ms(const struct clock *self)
{
	(void)self;
	return read_ms(CLOCK_BOOTTIME);
}

const struct clock clock_system = {system_real_ms, system_steady_ms, system_boot_ms};

static const struct clock_manual *manual_of(const struct clock *self)
{
	return (const struct clock_manual *)(const void *)((const char *)self -
							   offsetof(struct clock_manual, clock));
}

static int64_t manual_real_ms(const struct clock *self)
{
	return manual_of(self)->now_real_ms;
}

static int64_t manual_steady_ms(const struct clock *self)
{
	return manual_of(self)->now_steady_ms;
}

void clock_manual_init(struct clock_manual *manual, int64_t real_ms)
{
	*manual = (struct clock_manual){
		{manual_real_ms, manual_steady_ms, manual_steady_ms}, real_ms, 0};
}

void clock_manual_advance(struct clock_manual *manual, int64_t ms)
{
	manual->now_real_ms += ms;
	manual->now_steady_ms += ms;
}
