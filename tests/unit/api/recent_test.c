/* SPDX-License-Identifier: Apache-2.0 */
#include "t.h"

#include "api/recent.h"
#include "base/clock.h"

static struct identifier numbered(uint32_t number)
{
	struct identifier identifier = {{0}};

	memcpy(identifier.octets, &number, sizeof(number));
	return identifier;
}

static void tells_repetition_from_replay(void **state)
{
	struct recent *recent = recent_create(16, CLOCK_SECOND, 1);
	struct identifier one = numbered(1);
	struct recent_use use = {.mac = {1}, .sender = {2}}, other_mac = {.mac = {9}, .sender = {2}};
	struct recent_use other_sender = {.mac = {1}, .sender = {3}};

	T_EQ(recent_note(recent, &one, &use, 0), 0);
	T_EQ(recent_note(recent, &one, &use, 10), 1);
	T_ERROR(recent_note(recent, &one, &other_mac, 20), BUSBAR_ERROR_REPLAYED);
	T_ERROR(recent_note(recent, &one, &other_sender, 30), BUSBAR_ERROR_REPLAYED);
	T_EQ(recent_count(recent), 1);
	recent_free(recent);
}

static void forgets_after_its_lifetime(void **state)
{
	struct recent *recent = recent_create(16, CLOCK_SECOND, 1);
	struct identifier one = numbered(1), two = numbered(2);
	struct recent_use use = {.mac = {1}};

	T_EQ(recent_note(recent, &one, &use, 0), 0);
	T_EQ(recent_note(recent, &one, &use, CLOCK_SECOND), 1);
	T_EQ(recent_note(recent, &two, &use, CLOCK_SECOND + 1), 0);
	T_EQ(recent_note(recent, &one, &use, CLOCK_SECOND + 2), 0);
	recent_free(recent);
}

static void the_oldest_make_room(void **state)
{
	struct recent *recent = recent_create(1600, CLOCK_SECOND, 1);
	struct recent_use use = {.mac = {1}};

	for (uint32_t i = 0; i < 16000; i++) {
		struct identifier identifier = numbered(i);

		T_EQ(recent_note(recent, &identifier, &use, i), 0);
		T_TRUE(recent_count(recent) <= 1600);
	}
	T_TRUE(recent_count(recent) > 1500);
	/* Tables fill unevenly, but not so much. */
	for (uint32_t i = 15000; i < 16000; i++) {
		struct identifier identifier = numbered(i);

		T_EQ(recent_note(recent, &identifier, &use, 16000), 1);
	}
	recent_free(recent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(tells_repetition_from_replay),
	        cmocka_unit_test(forgets_after_its_lifetime),
	        cmocka_unit_test(the_oldest_make_room),
	};

	return T_RUN(tests);
}
