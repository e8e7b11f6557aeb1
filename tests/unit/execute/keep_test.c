/* SPDX-License-Identifier: Apache-2.0 */
#include "t.h"

#include "execute/keep.h"

static void what_is_kept_is_a_copy(void **state)
{
	struct keep *keep = keep_create(4);
	uint8_t octets[KEEP_LARGEST];
	static const size_t sizes[] = {1, 128, 129, 256, 1000, 1024, 1900, 2048, 2049, KEEP_LARGEST};
	struct kept kept[ARRAY_SIZE(sizes)];

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		T_OK(keep_octets(keep, octets, sizes[i], &kept[i]));
		T_EQ(kept[i].size, sizes[i]);
		T_TRUE(kept[i].octets != octets);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		T_BYTES(kept[i].octets, octets, sizes[i]);
		keep_drop(keep, &kept[i]);
		T_TRUE(kept[i].octets == NULL);
		keep_drop(keep, &kept[i]);
	}
	T_TRUE(keep_bytes(keep) > 0);
	T_TRUE(keep_free(keep) == NULL);
}

static void it_is_bounded(void **state)
{
	struct keep *keep = keep_create(2);
	uint8_t octets[KEEP_LARGEST + 1] = {0};
	struct kept first, second, third = {0};

	T_ERROR(keep_octets(keep, octets, sizeof(octets), &first), BUSBAR_ERROR_TOO_LARGE);
	T_OK(keep_octets(keep, octets, 100, &first));
	T_OK(keep_octets(keep, octets, 90, &second));
	T_ERROR(keep_octets(keep, octets, 80, &third), BUSBAR_ERROR_TABLE_FULL);
	/* Another size has its own room, and nothing takes none. */
	T_OK(keep_octets(keep, octets, 200, &third));
	keep_drop(keep, &third);
	T_OK(keep_octets(keep, octets, 0, &third));
	T_TRUE(third.octets == NULL && third.size == 0);
	keep_drop(keep, &first);
	T_OK(keep_octets(keep, octets, 80, &first));
	keep_drop(keep, &first);
	keep_drop(keep, &second);
	(void)keep_free(keep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_kept_is_a_copy),
	        cmocka_unit_test(it_is_bounded),
	};

	return T_RUN(tests);
}
