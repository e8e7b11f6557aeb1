/* SPDX-License-Identifier: Apache-2.0 */
#include "model/site.h"

const char *const supply_model_names[SUPPLY_MODELS + 1] = {
        "transit", "edge", "cloud", "supercomputing", "grid", "device", NULL,
};

const struct resource_offer *site_resource(const struct site *site, enum resource_kind kind)
{
	for (uint32_t i = 0; i < site->resource_count; i++)
		if (site->resources[i].kind == kind)
			return &site->resources[i];
	return NULL;
}
