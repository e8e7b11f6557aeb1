/* SPDX-License-Identifier: Apache-2.0 */
#include "t.h"

#include "api/rate.h"
#include "base/clock.h"
#include <pthread.h>

static uint32_t take_all(struct rate *rate, uint64_t key, int64_t now)
{
	uint32_t count = 0;

	while (rate_take(rate, &key, sizeof(key), now))
		count++;
	return count;
}

static void a_burst_then_the_rate(void **state)
{
	struct rate *rate = rate_create(16, 100, 10, 1);
	uint64_t key = 7;

	T_EQ(take_all(rate, key, CLOCK_SECOND), 10);
	T_TRUE(!rate_allows(rate, &key, sizeof(key), CLOCK_SECOND));
	/* Ten milliseconds are worth one more, a second no more than the burst. */
	T_TRUE(rate_allows(rate, &key, sizeof(key), CLOCK_SECOND + 10 * CLOCK_MILLISECOND));
	T_EQ(take_all(rate, key, CLOCK_SECOND + 10 * CLOCK_MILLISECOND), 1);
	T_EQ(take_all(rate, key, CLOCK_SECOND + 60 * CLOCK_MILLISECOND), 5);
	T_EQ(take_all(rate, key, 100 * CLOCK_SECOND), 10);
	rate_free(rate);
}

static void over_time_the_rate_holds(void **state)
{
	struct rate *rate = rate_create(16, 1000, 50, 1);
	uint64_t key = 7;
	uint32_t count = 0;

	for (int64_t now = 0; now < 10 * CLOCK_SECOND; now += 100 * CLOCK_MICROSECOND)
		count += rate_take(rate, &key, sizeof(key), now);
	T_TRUE(count >= 10000 && count <= 10050);
	rate_free(rate);
}

static void senders_are_apart(void **state)
{
	struct rate *rate = rate_create(65536, 10, 3, 1);
	uint32_t shared = 0;

	for (uint64_t key = 0; key < 1000; key++)
		shared += take_all(rate, key, CLOCK_SECOND) < 3;
	/* Of a thousand senders over 65,536 meters some eight meet another one. */
	T_TRUE(shared < 40);
	rate_free(rate);
}

static void bad_numbers_are_refused(void **state)
{
	T_TRUE(rate_create(0, 1, 1, 1) == NULL);
	T_TRUE(rate_create(1, 0, 1, 1) == NULL);
	T_TRUE(rate_create(1, 1, 0, 1) == NULL);
	T_TRUE(rate_create(SIZE_MAX / 2, 1, 1, 1) == NULL);
	T_TRUE(rate_free(NULL) == NULL);
}

static void *take_many(void *context)
{
	struct rate *rate = context;
	uint64_t key = 7, count = 0;

	for (uint32_t i = 0; i < 100000; i++)
		count += rate_take(rate, &key, sizeof(key), CLOCK_SECOND);
	return (void *)(uintptr_t)count;
}

static void threads_count_together(void **state)
{
	struct rate *rate = rate_create(16, 1000000, 5000, 1);
	pthread_t threads[4];
	uint64_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		T_EQ(pthread_create(&threads[i], NULL, take_many, rate), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		void *taken;

		T_EQ(pthread_join(threads[i], &taken), 0);
		count += (uintptr_t)taken;
	}
	T_EQ(count, 5000);
	rate_free(rate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_burst_then_the_rate),  cmocka_unit_test(over_time_the_rate_holds),
	        cmocka_unit_test(senders_are_apart),      cmocka_unit_test(bad_numbers_are_refused),
	        cmocka_unit_test(threads_count_together),
	};

	return T_RUN(tests);
}
