/* SPDX-License-Identifier: Apache-2.0 */
/* STAMP packets of both kinds in both modes, with their MAC put right: what is accepted decodes the same
 * again. */
#include "wire/seal.h"
#include "wire/stamp.h"
#include <stdlib.h>
#include <string.h>

enum { COVERED = 96, CODE = 16 };

static const uint8_t key[STAMP_KEY] = "secret";

/* What must be zero is ignored and sent as zero: the second encoding is the one to compare. */
#define CHECK(kind)                                                                             \
	static void check_##kind(const uint8_t *bytes, size_t size, const uint8_t *used)        \
	{                                                                                       \
		uint8_t first[STAMP_SIZE_AUTHENTICATED], second[STAMP_SIZE_AUTHENTICATED];      \
		struct stamp_##kind message;                                                    \
                                                                                                \
		if (stamp_decode_##kind(bytes, size, used, &message) < 0)                       \
			return;                                                                 \
		if (stamp_encode_##kind(&message, used, first, sizeof(first)) != (int)size ||   \
		    stamp_decode_##kind(first, size, used, &message) < 0 ||                     \
		    stamp_encode_##kind(&message, used, second, sizeof(second)) != (int)size || \
		    memcmp(first, second, size) != 0)                                           \
			abort();                                                                \
	}
CHECK(probe)
CHECK(reply)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bytes[STAMP_SIZE_AUTHENTICATED], mac[SEAL_MAC];
	const struct seal_bytes part = {bytes, COVERED};

	check_probe(data, size, NULL);
	check_reply(data, size, NULL);
	check_probe(data, size, key);
	check_reply(data, size, key);
	if (size != sizeof(bytes))
		return 0;
	memcpy(bytes, data, size);
	if (seal_mac(key, &part, 1, mac) < 0)
		abort();
	memcpy(bytes + COVERED, mac, CODE);
	check_probe(bytes, size, key);
	check_reply(bytes, size, key);
	return 0;
}
