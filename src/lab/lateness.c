/* SPDX-License-Identifier: Apache-2.0 */
/* Bucket numbers: units below 16 are their own bucket; above, exponent and the four bits after the first. */
#include "lab/lateness.h"

#include "base/compiler.h"

enum { UNIT_BITS = 8, FRACTION_BITS = 4, FRACTIONS = 1 << FRACTION_BITS };

static uint64_t load(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

static void store(uint64_t *target, uint64_t value)
{
	__atomic_store_n(target, value, __ATOMIC_RELAXED);
}

static unsigned bucket_of(uint64_t nanoseconds)
{
	uint64_t units = nanoseconds >> UNIT_BITS;
	unsigned exponent;

	if (units < FRACTIONS)
		return (unsigned)units;
	exponent = 63 - (unsigned)__builtin_clzll(units);
	if (exponent > 31)
		return LATENESS_BUCKETS - 1;
	return (exponent - FRACTION_BITS + 1) * FRACTIONS +
	       (unsigned)((units >> (exponent - FRACTION_BITS)) & (FRACTIONS - 1));
}

/* The first nanosecond that no longer belongs to the bucket. */
static uint64_t bucket_end(unsigned bucket)
{
	unsigned shift;

	if (bucket < FRACTIONS)
		return (uint64_t)(bucket + 1) << UNIT_BITS;
	shift = bucket / FRACTIONS - 1;
	return (uint64_t)(FRACTIONS + bucket % FRACTIONS + 1) << shift << UNIT_BITS;
}

void lateness_add(struct lateness *lateness, int64_t nanoseconds)
{
	uint64_t value = nanoseconds > 0 ? (uint64_t)nanoseconds : 0;
	uint64_t *bucket = &lateness->buckets[bucket_of(value)];

	store(bucket, load(bucket) + 1);
	store(&lateness->count, load(&lateness->count) + 1);
	if (value > load(&lateness->maximum))
		store(&lateness->maximum, value);
}

int64_t lateness_quantile(const struct lateness *lateness, uint32_t millionths)
{
	uint64_t count = load(&lateness->count);
	uint64_t maximum = load(&lateness->maximum);
	uint64_t wanted = count - count / 1000000 * (1000000 - millionths) -
	                  count % 1000000 * (1000000 - millionths) / 1000000;
	uint64_t seen = 0;

	if (count == 0)
		return 0;
	for (unsigned i = 0; i < LATENESS_BUCKETS; i++) {
		seen += load(&lateness->buckets[i]);
		if (seen >= wanted && seen > 0)
			return (int64_t)MINIMUM(bucket_end(i), maximum);
	}
	return (int64_t)maximum;
}

void lateness_merge(struct lateness *into, const struct lateness *from)
{
	for (unsigned i = 0; i < LATENESS_BUCKETS; i++)
		store(&into->buckets[i], load(&into->buckets[i]) + load(&from->buckets[i]));
	store(&into->count, load(&into->count) + load(&from->count));
	store(&into->maximum, MAXIMUM(load(&into->maximum), load(&from->maximum)));
}
