/* SPDX-License-Identifier: Apache-2.0 */
#include "api/rate.h"

#include "base/clock.h"
#include "base/hash.h"
#include <stdlib.h>

struct rate {
	uint64_t seed;
	size_t mask;
	int64_t interval;  /* ns between two messages */
	int64_t tolerance; /* ns that the burst lasts */
	int64_t due[];     /* relaxed atomics */
};

struct rate *rate_create(size_t meters, uint64_t per_second, uint64_t burst, uint64_t seed)
{
	struct rate *rate;
	size_t count = 1;

	if (meters == 0 || per_second == 0 || burst == 0 || meters > SIZE_MAX / 4 / sizeof(rate->due[0]))
		return NULL;
	while (count < meters)
		count *= 2;
	rate = calloc(1, sizeof(*rate) + count * sizeof(rate->due[0]));
	if (rate == NULL)
		return NULL;
	rate->seed = seed;
	rate->mask = count - 1;
	rate->interval = per_second > (uint64_t)CLOCK_SECOND ? 1 : CLOCK_SECOND / (int64_t)per_second;
	rate->tolerance = burst - 1 > (uint64_t)(INT64_MAX / 4 / rate->interval)
	                          ? INT64_MAX / 4
	                          : (int64_t)(burst - 1) * rate->interval;
	return rate;
}

struct rate *rate_free(struct rate *rate)
{
	free(rate);
	return NULL;
}

static size_t meter_of(const struct rate *rate, const void *key, size_t size)
{
	return hash_bytes_of(key, size, rate->seed) & rate->mask;
}

bool rate_take(struct rate *rate, const void *key, size_t size, int64_t now)
{
	int64_t *meter = &rate->due[meter_of(rate, key, size)];
	int64_t due = __atomic_load_n(meter, __ATOMIC_RELAXED);

	for (;;) {
		if (due > now && due - now > rate->tolerance)
			return false;
		if (__atomic_compare_exchange_n(meter, &due, MAXIMUM(due, now) + rate->interval, true,
		                                __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return true;
	}
}

bool rate_allows(const struct rate *rate, const void *key, size_t size, int64_t now)
{
	int64_t due = __atomic_load_n(&rate->due[meter_of(rate, key, size)], __ATOMIC_RELAXED);

	return due <= now || due - now <= rate->tolerance;
}
