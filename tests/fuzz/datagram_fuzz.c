/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams as they come and with their MAC put right: what is accepted encodes, decodes and encodes the
 * same. */
#include "wire/datagram.h"
#include <stdlib.h>
#include <string.h>

enum { ARENA = 1 << 20 };

static const uint8_t *find_secret(void *context, uint32_t key)
{
	static const uint8_t secret[SEAL_SECRET] = "secret";

	return key % 4 == 3 ? NULL : secret;
}

/* The size of what was decoded, encoded again; negative when it is refused. */
static int again(const uint8_t *bytes, size_t size, struct arena *arena, uint8_t ret_bytes[DATAGRAM_MAXIMUM])
{
	struct datagram datagram;
	struct demand demand;
	int code = datagram_decode(bytes, size, find_secret, NULL, arena, &datagram, &demand);

	if (code < 0)
		return code;
	if (!datagram.authentic)
		abort();
	code = datagram_encode(&datagram, &demand, find_secret(NULL, datagram.key), ret_bytes,
	                       DATAGRAM_MAXIMUM);
	if (code < 0)
		abort();
	return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bytes[DATAGRAM_MAXIMUM], first[DATAGRAM_MAXIMUM], second[DATAGRAM_MAXIMUM];
	struct arena *arena = arena_create(ARENA);
	const struct seal_bytes part = {bytes, size - SEAL_MAC};
	int length;

	if (!arena)
		abort();
	(void)again(data, size, arena, first);
	if (size >= SEAL_MAC && size <= sizeof(bytes)) {
		memcpy(bytes, data, size);
		if (seal_mac(find_secret(NULL, 0), &part, 1, bytes + size - SEAL_MAC) < 0)
			abort();
		length = again(bytes, size, arena, first);
		if (length >= 0 && (again(first, (size_t)length, arena, second) != length ||
		                    memcmp(first, second, (size_t)length) != 0))
			abort();
	}
	arena_free(arena);
	return 0;
}
