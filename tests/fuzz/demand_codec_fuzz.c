/* SPDX-License-Identifier: Apache-2.0 */
/* Binary demands: what is accepted encodes, decodes and encodes the same, and is no longer than it was. */
#include "wire/demand_codec.h"
#include <stdlib.h>
#include <string.h>

enum { ARENA = 1 << 20, BINARY = 65536 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t first[BINARY], second[BINARY];
	struct arena *arena = arena_create(ARENA);
	struct demand demand;
	int length;

	if (!arena || size > BINARY)
		size = 0;
	if (demand_codec_decode(data, size, arena, &demand) == 0) {
		length = demand_codec_encode(&demand, first, size);
		if (length < 0 || demand_codec_decode(first, (size_t)length, arena, &demand) < 0)
			abort();
		if (demand_codec_encode(&demand, second, size) != length ||
		    memcmp(first, second, (size_t)length) != 0)
			abort();
	}
	arena_free(arena);
	return 0;
}
