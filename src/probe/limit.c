/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/limit.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "base/hash.h"

#define BURST (CLOCK_SECOND / 4)

void limit_init(struct limit *limit, uint32_t source_rate, uint32_t total_rate, uint64_t seed)
{
	*limit = (struct limit){.seed = seed,
	                        .source_step = CLOCK_SECOND / source_rate,
	                        .total_step = CLOCK_SECOND / total_rate};
	limit->source_most = MAXIMUM(BURST, limit->source_step);
	limit->total_most = MAXIMUM(BURST, limit->total_step);
}

static bool has_room(int64_t empty_at, int64_t step, int64_t most, int64_t now)
{
	return MAXIMUM(empty_at, now) + step <= now + most;
}

bool limit_take(struct limit *limit, const uint8_t source[16], int64_t now)
{
	int64_t *one = &limit->sources[hash_bytes_of(source, 16, limit->seed) % LIMIT_SOURCES];

	/* Who sends too much takes nothing from the others. */
	if (!has_room(*one, limit->source_step, limit->source_most, now) ||
	    !has_room(limit->total, limit->total_step, limit->total_most, now))
		return false;
	*one = MAXIMUM(*one, now) + limit->source_step;
	limit->total = MAXIMUM(limit->total, now) + limit->total_step;
	return true;
}
