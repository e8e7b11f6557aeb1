/* SPDX-License-Identifier: Apache-2.0 */
#include "t.h"

#include "base/clock.h"
#include "execute/plan_record.h"

static struct plan_part sample_part(void)
{
	return (struct plan_part){
	        .site = {7, 2},
	        .path = {.hop_count = 3,
	                 .hops = {{1, 1}, {3, 1}, {7, 2}},
	                 .class = 1,
	                 .bound_up = 11 * CLOCK_MILLISECOND,
	                 .bound_down = 13 * CLOCK_MILLISECOND},
	        .claim_count = 2,
	        .claims = {{RESOURCE_CPU, 2000000, 500, 600}, {RESOURCE_MEMORY, 1 << 30, 7, 8}},
	        .start = 1,
	        .time = 2,
	        .limit = 3,
	        .reserve = 4,
	        .network = 5,
	        .respond = 6,
	        .finish = 7,
	        .price = 8,
	        .tariff = 9,
	        .hold = 10,
	};
}

static void what_people_see_comes_back(void **state)
{
	struct plan_part parts[2] = {sample_part(), sample_part()};
	struct plan plan = {.part_count = 2, .parts = parts, .reason_count = PLAN_REASONS};
	uint8_t octets[PLAN_RECORD_OCTETS];
	struct plan_record record;
	int size;

	for (uint32_t i = 0; i < PLAN_REASONS; i++)
		plan.reasons[i] = (struct plan_reason){.site = {i + 1, 1},
		                                       .kind = REASON_SUSPECT,
		                                       .resource = RESOURCE_MEMORY,
		                                       .link = {i + 2, 1},
		                                       .have = -1,
		                                       .need = (int64_t)i,
		                                       .error = BUSBAR_ERROR_NO_ANSWER};
	size = plan_record_encode(&plan, &parts[0], octets, sizeof(octets));
	T_OK(size);
	T_OK(plan_record_decode(octets, (size_t)size, &record));
	T_TRUE(record.plan.parts == &record.part);
	T_BYTES(&record.part, &parts[0], sizeof(parts[0]));
	T_EQ(record.plan.reason_count, PLAN_REASONS);
	T_BYTES(record.plan.reasons, plan.reasons, sizeof(plan.reasons));
	/* The reasons are the plan's, and kept once. */
	size = plan_record_encode(&plan, &parts[1], octets, sizeof(octets));
	T_OK(size);
	T_OK(plan_record_decode(octets, (size_t)size, &record));
	T_EQ(record.plan.reason_count, 0);
}

static void what_is_cut_or_broken_is_refused(void **state)
{
	struct plan_part part = sample_part();
	struct plan plan = {.part_count = 1, .parts = &part, .reason_count = 1};
	uint8_t octets[PLAN_RECORD_OCTETS], broken[PLAN_RECORD_OCTETS];
	struct plan_record record;
	int size = plan_record_encode(&plan, &part, octets, sizeof(octets));

	T_OK(size);
	T_ERROR(plan_record_encode(&plan, &part, broken, (size_t)size - 1), BUSBAR_ERROR_TOO_LARGE);
	for (int i = 0; i < size; i++)
		T_TRUE(plan_record_decode(octets, (size_t)i, &record) < 0);
	memcpy(broken, octets, (size_t)size);
	broken[0]++;
	T_ERROR(plan_record_decode(broken, (size_t)size, &record), BUSBAR_ERROR_VERSION);
	memcpy(broken, octets, (size_t)size);
	broken[9] = PLAN_HOPS + 1; /* hops, behind version, site, measured and class */
	T_ERROR(plan_record_decode(broken, (size_t)size, &record), BUSBAR_ERROR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_people_see_comes_back),
	        cmocka_unit_test(what_is_cut_or_broken_is_refused),
	};

	return T_RUN(tests);
}
