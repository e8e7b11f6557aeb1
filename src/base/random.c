/* SPDX-License-Identifier: Apache-2.0 */
/* xoshiro256** (Blackman and Vigna), its state filled by SplitMix64. */
#include "base/random.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>

static uint64_t rotate(uint64_t value, int by)
{
	return value << by | value >> (64 - by);
}

/* SplitMix64 visits every value once, so that four steps never give an all-zero state. */
static uint64_t split_mix(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

void random_seed(struct random *random, uint64_t seed)
{
	for (size_t i = 0; i < 4; i++)
		random->state[i] = split_mix(&seed);
}

uint64_t random_u64(struct random *random)
{
	uint64_t *s = random->state;
	uint64_t result = rotate(s[1] * 5, 7) * 9;
	uint64_t shifted = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= shifted;
	s[3] = rotate(s[3], 45);
	return result;
}

/* The high half of draw x bound is uniform once the low halves below 2^64 mod bound are thrown away. */
uint64_t random_below(struct random *random, uint64_t bound)
{
	uint64_t unfair = (0 - bound) % bound;
	unsigned __int128 product;

	do {
		product = (unsigned __int128)random_u64(random) * bound;
	} while ((uint64_t)product < unfair);
	return (uint64_t)(product >> 64);
}

double random_unit(struct random *random)
{
	return (double)(random_u64(random) >> 11) * 0x1p-53;
}

/* Little-endian octets of the sequence, on every machine. */
void random_fill(struct random *random, void *bytes, size_t size)
{
	uint8_t *octets = bytes;
	uint64_t word = 0;

	for (size_t i = 0; i < size; i++, word >>= 8) {
		if (i % 8 == 0)
			word = random_u64(random);
		octets[i] = (uint8_t)word;
	}
}

int random_system(void *bytes, size_t size)
{
	uint8_t *octets = bytes;

	while (size > 0) {
		ssize_t got = getrandom(octets, size, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		octets += got;
		size -= (size_t)got;
	}
	return 0;
}
