/* SPDX-License-Identifier: Apache-2.0 */
#include "model/resource.h"

#include "base/error.h"
#include "base/unit.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MICRO UINT64_C(1000000)
#define GIBIBYTE (UINT64_C(1) << 30)

const struct resource_description resource_descriptions[RESOURCE_KINDS] = {
        [RESOURCE_CPU] = {"cpu", "cores", "core s", MICRO, MICRO},
        [RESOURCE_CPU_GFLOPS] = {"cpu.gflops", "GFLOPS", "GFLOP", MICRO, MICRO},
        [RESOURCE_GPU] = {"gpu", "GPUs", "GPU s", MICRO, MICRO},
        [RESOURCE_GPU_TFLOPS] = {"gpu.tflops", "TFLOPS", "TFLOP", MICRO, MICRO},
        [RESOURCE_NPU_TOPS] = {"npu.tops", "TOPS", "TOP", MICRO, MICRO},
        [RESOURCE_MEMORY] = {"memory", "B", "B s", 1, GIBIBYTE},
        [RESOURCE_STORAGE] = {"storage", "B", "B s", 1, GIBIBYTE},
};

int resource_kind_parse(const char *name)
{
	for (int kind = 0; kind < RESOURCE_KINDS; kind++)
		if (strcmp(resource_descriptions[kind].name, name) == 0)
			return kind;
	return BUSBAR_ERROR_UNKNOWN_KIND;
}

int resource_amount_parse(enum resource_kind kind, const char *text, uint64_t *ret_amount)
{
	const struct resource_description *description = &resource_descriptions[kind];
	int64_t amount;
	int code;

	if (description->scale == 1)
		code = unit_parse_bytes(text, &amount);
	else
		code = unit_parse_decimal(text, (int64_t)description->scale, &amount);
	if (code < 0)
		return code;
	if (amount == 0)
		return BUSBAR_ERROR_AMOUNT_ZERO;
	*ret_amount = (uint64_t)amount;
	return 0;
}

char *resource_amount_text(enum resource_kind kind, uint64_t amount, char text[RESOURCE_TEXT])
{
	const struct resource_description *description = &resource_descriptions[kind];
	int64_t value = amount > INT64_MAX ? INT64_MAX : (int64_t)amount;
	char digits[UNIT_TEXT];

	if (description->scale == 1)
		(void)snprintf(text, RESOURCE_TEXT, "%s", unit_format_bytes(value, digits));
	else
		(void)snprintf(text, RESOURCE_TEXT, "%s %s",
		               unit_format_decimal(value, (int64_t)description->scale, digits),
		               description->unit);
	return text;
}

money resource_price_at(money base, uint32_t steepness, uint64_t used, uint64_t capacity)
{
	double utilisation = capacity == 0 || used >= capacity ? 1.0 : (double)used / (double)capacity;
	double price = (double)base * pow((double)steepness / 1000.0, utilisation);

	if (price >= (double)INT64_MAX)
		return INT64_MAX;
	return (money)llround(price);
}

money resource_price(const struct resource_offer *offer, uint64_t extra)
{
	uint64_t used = offer->capacity - offer->free;

	if (extra > offer->free)
		used = offer->capacity;
	else
		used += extra;
	return resource_price_at(offer->base, offer->steepness, used, offer->capacity);
}
