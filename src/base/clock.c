/* SPDX-License-Identifier: Apache-2.0 */
/* The host's clocks. CLOCK_REALTIME and CLOCK_MONOTONIC always exist, so that reading cannot fail. */
#include "base/clock.h"
#include <stddef.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec time = {0};

	(void)clock_gettime(id, &time);
	return (int64_t)time.tv_sec * CLOCK_SECOND + time.tv_nsec;
}

static int64_t system_wall(void *context)
{
	return read_clock(CLOCK_REALTIME);
}

static int64_t system_monotonic(void *context)
{
	return read_clock(CLOCK_MONOTONIC);
}

const struct clock clock_system = {.wall = system_wall, .monotonic = system_monotonic, .context = NULL};

int64_t clock_wall(const struct clock *clock)
{
	return clock->wall(clock->context);
}

int64_t clock_monotonic(const struct clock *clock)
{
	return clock->monotonic(clock->context);
}
