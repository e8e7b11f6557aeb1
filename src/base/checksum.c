/* SPDX-License-Identifier: Apache-2.0 */
#include "base/checksum.h"

#include <stdbool.h>
#include <string.h>

/*
 * The checksum of a single octet. It is linear: every entry is the sum of those of its bits, which are
 * the reflected polynomial 0x82f63b78 divided down bit by bit.
 */
#define BIT(i, bit, value) (((i) & (bit)) != 0 ? (value) : 0U)
#define ENTRY(i)                                                                         \
	(BIT(i, 1U, 0xf26b8303U) ^ BIT(i, 2U, 0xe13b70f7U) ^ BIT(i, 4U, 0xc79a971fU) ^   \
	 BIT(i, 8U, 0x8ad958cfU) ^ BIT(i, 16U, 0x105ec76fU) ^ BIT(i, 32U, 0x20bd8edeU) ^ \
	 BIT(i, 64U, 0x417b1dbcU) ^ BIT(i, 128U, 0x82f63b78U))
#define FOUR(i) ENTRY(i), ENTRY((i) + 1U), ENTRY((i) + 2U), ENTRY((i) + 3U)
#define SIXTEEN(i) FOUR(i), FOUR((i) + 4U), FOUR((i) + 8U), FOUR((i) + 12U)
#define SIXTY_FOUR(i) SIXTEEN(i), SIXTEEN((i) + 16U), SIXTEEN((i) + 32U), SIXTEEN((i) + 48U)

static const uint32_t table[256] = {SIXTY_FOUR(0U), SIXTY_FOUR(64U), SIXTY_FOUR(128U), SIXTY_FOUR(192U)};

uint32_t checksum_portable(uint32_t before, const void *bytes, size_t size)
{
	const uint8_t *octets = bytes;
	uint32_t sum = ~before;

	for (size_t i = 0; i < size; i++)
		sum = table[(sum ^ octets[i]) & 0xff] ^ sum >> 8;
	return ~sum;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t checksum_instruction(uint32_t before, const void *bytes,
                                                                       size_t size)
{
	const uint8_t *octets = bytes;
	uint64_t sum = ~before, word;

	for (; size >= sizeof(word); octets += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, octets, sizeof(word));
		sum = __builtin_ia32_crc32di(sum, word);
	}
	for (; size > 0; octets++, size--)
		sum = __builtin_ia32_crc32qi((uint32_t)sum, *octets);
	return ~(uint32_t)sum;
}

uint32_t checksum(uint32_t before, const void *bytes, size_t size)
{
	if (__builtin_cpu_supports("sse4.2"))
		return checksum_instruction(before, bytes, size);
	return checksum_portable(before, bytes, size);
}

#else

uint32_t checksum(uint32_t before, const void *bytes, size_t size)
{
	return checksum_portable(before, bytes, size);
}

#endif
