/* SPDX-License-Identifier: Apache-2.0 */
/* Damping: what flaps is suppressed, what is lost never is, and what is steady again comes back in time. */
#include "book/damping.h"

#include "base/clock.h"
#include "base/random.h"
#include "book/news.h"
#include "tests/t.h"

static const struct damping_settings settings = {
        .half_life = 10 * CLOCK_SECOND, .suppress = 2000, .reuse = 750, .most = 40 * CLOCK_SECOND};

static void what_stays_is_shown(void **state)
{
	struct damping damping = {0};

	T_TRUE(!damping_step(&damping, &settings, false, 5));
	T_TRUE(damping_step(&damping, &settings, true, 6));
	T_TRUE(damping_step(&damping, &settings, true, CLOCK_SECOND));
	T_EQ(damping_next(&damping, &settings), INT64_MAX);
}

static void one_loss_costs_nothing(void **state)
{
	struct damping damping = {0};

	T_TRUE(damping_step(&damping, &settings, true, 0));
	T_TRUE(!damping_step(&damping, &settings, false, CLOCK_SECOND));
	T_TRUE(damping_step(&damping, &settings, true, CLOCK_SECOND + 1));
}

/* Lost so many times, a millisecond apart. */
static int64_t flap(struct damping *damping, int times, int64_t now)
{
	for (int i = 0; i < times; i++) {
		(void)damping_step(damping, &settings, true, now);
		now += CLOCK_MILLISECOND;
		T_TRUE(!damping_step(damping, &settings, false, now));
		now += CLOCK_MILLISECOND;
	}
	return now;
}

static void what_flaps_is_suppressed_until_it_is_steady(void **state)
{
	struct damping damping = {0};
	int64_t now = flap(&damping, 3, 0), back;

	T_TRUE(!damping_step(&damping, &settings, true, now));
	back = damping_next(&damping, &settings);
	/* 3000 fall to 750 in two half-lives. */
	T_TRUE(back > 19 * CLOCK_SECOND && back < 21 * CLOCK_SECOND);
	T_TRUE(!damping_step(&damping, &settings, true, back - CLOCK_SECOND));
	T_TRUE(damping_step(&damping, &settings, true, back));
	T_EQ(damping_next(&damping, &settings), INT64_MAX);
}

static void twice_is_not_often(void **state)
{
	struct damping damping = {0};
	int64_t now = flap(&damping, 2, 0);

	T_TRUE(damping_step(&damping, &settings, true, now));
}

/* However long it flapped. */
static void it_comes_back_in_time(void **state)
{
	struct damping damping = {0};
	int64_t now = flap(&damping, 5000, 0);

	T_TRUE(!damping_step(&damping, &settings, true, now));
	T_TRUE(damping_next(&damping, &settings) <= now + settings.most + 2);
	T_TRUE(!damping_step(&damping, &settings, true, now + settings.most - CLOCK_SECOND));
	T_TRUE(damping_step(&damping, &settings, true, now + settings.most + 2));
}

static void what_is_absent_is_not_waited_for(void **state)
{
	struct damping damping = {0};

	(void)flap(&damping, 10, 0);
	T_EQ(damping_next(&damping, &settings), INT64_MAX);
}

static void without_a_half_life_nothing_is_damped(void **state)
{
	const struct damping_settings none = {.half_life = 0};
	struct damping damping = {0};

	for (int i = 0; i < 100; i++)
		T_EQ(damping_step(&damping, &none, i % 2 == 0, i), i % 2 == 0);
}

/* Whatever happens when: never shown while absent, and shown when it is due. */
static void what_is_due_is_shown(void **state)
{
	struct random random;

	random_seed(&random, 17);
	for (int round = 0; round < 500; round++) {
		struct damping damping = {0};
		int64_t now = 0;

		for (int i = 0; i < 40; i++) {
			bool present = random_below(&random, 2) == 0;

			now += (int64_t)random_below(&random, 2 * CLOCK_SECOND) - CLOCK_SECOND / 10;
			T_TRUE(!damping_step(&damping, &news_defaults.damping, present, now) || present);
		}
		(void)damping_step(&damping, &news_defaults.damping, true, now);
		now = damping_next(&damping, &news_defaults.damping);
		T_TRUE(now == INT64_MAX || damping_step(&damping, &news_defaults.damping, true, now));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_stays_is_shown),
	        cmocka_unit_test(one_loss_costs_nothing),
	        cmocka_unit_test(what_flaps_is_suppressed_until_it_is_steady),
	        cmocka_unit_test(twice_is_not_often),
	        cmocka_unit_test(it_comes_back_in_time),
	        cmocka_unit_test(what_is_absent_is_not_waited_for),
	        cmocka_unit_test(without_a_half_life_nothing_is_damped),
	        cmocka_unit_test(what_is_due_is_shown),
	};

	return T_RUN(tests);
}
