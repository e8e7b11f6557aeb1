/* SPDX-License-Identifier: Apache-2.0 */
/* Filters as they come. What is accepted encodes, decodes and encodes the same. */
#include "wire/view_filter.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct identifier argument, first, second;
	struct view_filter filter, again;

	if (size < sizeof(argument.octets))
		return 0;
	memcpy(argument.octets, data, sizeof(argument.octets));
	if (view_filter_decode(&argument, &filter) < 0)
		return 0;
	view_filter_encode(&filter, &first);
	if (view_filter_decode(&first, &again) < 0 || again.price != filter.price ||
	    again.latency != filter.latency)
		abort();
	view_filter_encode(&again, &second);
	if (!identifier_equal(&first, &second))
		abort();
	return 0;
}
