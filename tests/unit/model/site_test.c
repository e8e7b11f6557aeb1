/* SPDX-License-Identifier: Apache-2.0 */
/* Sites: offers by kind, names of supply models. */
#include "model/site.h"
#include "t.h"

static void test_resource(void **state)
{
	struct site site = {.resource_count = 3};

	site.resources[0].kind = RESOURCE_MEMORY;
	site.resources[1].kind = RESOURCE_CPU;
	site.resources[2].kind = RESOURCE_GPU_TFLOPS;
	site.resources[3].kind = RESOURCE_STORAGE; /* past the count */
	T_TRUE(site_resource(&site, RESOURCE_MEMORY) == &site.resources[0]);
	T_TRUE(site_resource(&site, RESOURCE_CPU) == &site.resources[1]);
	T_TRUE(site_resource(&site, RESOURCE_GPU_TFLOPS) == &site.resources[2]);
	T_TRUE(site_resource(&site, RESOURCE_STORAGE) == NULL);
	T_TRUE(site_resource(&site, RESOURCE_GPU) == NULL);
}

static void test_transit_has_none(void **state)
{
	const struct site site = {.model = SUPPLY_TRANSIT};

	for (int kind = 0; kind < RESOURCE_KINDS; kind++)
		T_TRUE(site_resource(&site, (enum resource_kind)kind) == NULL);
}

static void test_model_names(void **state)
{
	T_TEXT(supply_model_names[SUPPLY_TRANSIT], "transit");
	T_TEXT(supply_model_names[SUPPLY_EDGE], "edge");
	T_TEXT(supply_model_names[SUPPLY_CLOUD], "cloud");
	T_TEXT(supply_model_names[SUPPLY_SUPERCOMPUTING], "supercomputing");
	T_TEXT(supply_model_names[SUPPLY_GRID], "grid");
	T_TEXT(supply_model_names[SUPPLY_DEVICE], "device");
	T_TRUE(supply_model_names[SUPPLY_MODELS] == NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_resource),
	        cmocka_unit_test(test_transit_has_none),
	        cmocka_unit_test(test_model_names),
	};

	return T_RUN(tests);
}
