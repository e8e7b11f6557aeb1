/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash table: linear probing, at most three quarters full, doubling. An empty slot has a NULL value;
 * removal closes the gap by moving entries back, so there are no tombstones and probes stay short.
 * SipHash-1-3 is SipHash (Aumasson and Bernstein) with one round a word and three at the end.
 */
#include "base/hash.h"
#include "busbar-error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAXIMUM = 64, FIRST_CAPACITY = 16, COUNT_MAXIMUM = 1 << 30 };

struct hash {
	size_t key_size;
	size_t maximum;
	uint64_t seed;
	size_t count;
	size_t capacity; /* 0 or a power of two */
	void **values;
	uint32_t *hashes; /* low halves of the keys' hashes */
	uint8_t *keys;
};

static uint64_t rotate(uint64_t value, int by)
{
	return value << by | value >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

/* Up to eight octets, little-endian. */
static uint64_t sip_word(const uint8_t *octets, size_t size)
{
	uint64_t word = 0;

	while (size-- > 0)
		word = word << 8 | octets[size];
	return word;
}

static void sip_absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

uint64_t hash_bytes_of(const void *bytes, size_t size, uint64_t seed)
{
	/* The 128-bit key: the seed and its complement. */
	const uint64_t key[2] = {seed, ~seed};
	uint64_t v[4] = {
	        key[0] ^ UINT64_C(0x736f6d6570736575),
	        key[1] ^ UINT64_C(0x646f72616e646f6d),
	        key[0] ^ UINT64_C(0x6c7967656e657261),
	        key[1] ^ UINT64_C(0x7465646279746573),
	};
	const uint8_t *octets = bytes;
	size_t whole = size / 8 * 8;

	for (size_t i = 0; i < whole; i += 8)
		sip_absorb(v, sip_word(octets + i, 8));
	sip_absorb(v, (uint64_t)size << 56 | (size > whole ? sip_word(octets + whole, size - whole) : 0));
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct hash *hash_create(size_t key_size, size_t maximum, uint64_t seed)
{
	struct hash *hash;

	if (key_size == 0 || key_size > KEY_MAXIMUM)
		return NULL;
	hash = calloc(1, sizeof(*hash));
	if (!hash)
		return NULL;
	hash->key_size = key_size;
	hash->maximum = MINIMUM(maximum, (size_t)COUNT_MAXIMUM);
	hash->seed = seed;
	return hash;
}

static void free_slots(struct hash *hash)
{
	free(hash->values);
	free(hash->hashes);
	free(hash->keys);
}

struct hash *hash_free(struct hash *hash)
{
	if (hash) {
		free_slots(hash);
		free(hash);
	}
	return NULL;
}

static uint32_t hash_of(const struct hash *hash, const void *key)
{
	return (uint32_t)hash_bytes_of(key, hash->key_size, hash->seed);
}

static uint8_t *key_at(const struct hash *hash, size_t slot)
{
	return hash->keys + slot * hash->key_size;
}

/* The slot of the key, or the empty slot where it would go. The table has an empty slot. */
static size_t find(const struct hash *hash, const void *key, uint32_t hashed)
{
	size_t mask = hash->capacity - 1;
	size_t slot = hashed & mask;

	while (hash->values[slot]) {
		if (hash->hashes[slot] == hashed && memcmp(key_at(hash, slot), key, hash->key_size) == 0)
			break;
		slot = (slot + 1) & mask;
	}
	return slot;
}

static void fill(struct hash *hash, size_t slot, const void *key, uint32_t hashed, void *value)
{
	memcpy(key_at(hash, slot), key, hash->key_size);
	hash->hashes[slot] = hashed;
	hash->values[slot] = value;
}

static int grow(struct hash *hash)
{
	struct hash larger = *hash;

	larger.capacity = hash->capacity ? 2 * hash->capacity : FIRST_CAPACITY;
	larger.values = calloc(larger.capacity, sizeof(*larger.values));
	larger.hashes = calloc(larger.capacity, sizeof(*larger.hashes));
	larger.keys = calloc(larger.capacity, larger.key_size);
	if (!larger.values || !larger.hashes || !larger.keys) {
		free_slots(&larger);
		return -ENOMEM;
	}
	for (size_t i = 0; i < hash->capacity; i++) {
		const void *key = key_at(hash, i);
		uint32_t hashed = hash->hashes[i];

		if (hash->values[i])
			fill(&larger, find(&larger, key, hashed), key, hashed, hash->values[i]);
	}
	free_slots(hash);
	*hash = larger;
	return 0;
}

void *hash_get(const struct hash *hash, const void *key)
{
	return hash->count ? hash->values[find(hash, key, hash_of(hash, key))] : NULL;
}

int hash_put(struct hash *hash, const void *key, void *value)
{
	uint32_t hashed = hash_of(hash, key);
	size_t slot = hash->count ? find(hash, key, hashed) : 0;
	int code;

	if (hash->count && hash->values[slot]) {
		hash->values[slot] = value;
		return 0;
	}
	if (hash->count >= hash->maximum)
		return BUSBAR_ERROR_TABLE_FULL;
	if (hash->count >= hash->capacity / 4 * 3) {
		code = grow(hash);
		if (code < 0)
			return code;
	}
	fill(hash, find(hash, key, hashed), key, hashed, value);
	hash->count++;
	return 0;
}

/*
 * Closes the gap at `hole`: an entry further on in the run moves back unless that would put it before
 * its own first slot.
 */
static void close_gap(struct hash *hash, size_t hole)
{
	size_t mask = hash->capacity - 1;

	for (size_t slot = (hole + 1) & mask; hash->values[slot]; slot = (slot + 1) & mask) {
		size_t displaced = (slot - hash->hashes[slot]) & mask;

		if (displaced >= ((slot - hole) & mask)) {
			fill(hash, hole, key_at(hash, slot), hash->hashes[slot], hash->values[slot]);
			hole = slot;
		}
	}
	hash->values[hole] = NULL;
}

void *hash_remove(struct hash *hash, const void *key)
{
	size_t slot;
	void *value;

	if (hash->count == 0)
		return NULL;
	slot = find(hash, key, hash_of(hash, key));
	value = hash->values[slot];
	if (value) {
		close_gap(hash, slot);
		hash->count--;
	}
	return value;
}

size_t hash_count(const struct hash *hash)
{
	return hash->count;
}

size_t hash_bytes(const struct hash *hash)
{
	size_t slot = sizeof(*hash->values) + sizeof(*hash->hashes) + hash->key_size;

	return sizeof(*hash) + hash->capacity * slot;
}

/*
 * *position holds two slots: in its upper half the empty slot where the walk began (it stays empty, for
 * removal never fills one), in its lower half the last slot visited. 2^32 is never reached.
 */
bool hash_next(const struct hash *hash, size_t *position, const void **ret_key, void **ret_value)
{
	size_t mask = hash->capacity - 1;
	size_t start = *position >> 32;
	size_t slot = *position & UINT32_MAX;

	_Static_assert(sizeof(size_t) == 8, "two slot numbers in one position");
	if (hash->count == 0)
		return false;
	if (*position == 0) {
		while (hash->values[start])
			start++;
		slot = start;
	}
	for (slot = (slot - 1) & mask; slot != start; slot = (slot - 1) & mask) {
		if (!hash->values[slot])
			continue;
		*position = start << 32 | slot;
		*ret_key = key_at(hash, slot);
		*ret_value = hash->values[slot];
		return true;
	}
	return false;
}
