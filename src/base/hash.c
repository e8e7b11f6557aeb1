/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash table: linear probing, at most three quarters full, doubling. An empty slot has a NULL value;
 * removal closes the gap by moving entries back, so there are no tombstones and probes stay short.
 * SipHash-1-3 is SipHash (Aumasson and Bernstein) with one round a word and three at the end.
 */
#include "base/hash.h"
#include "busbar-error.h"
#include <endian.h>
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
	size_t stride;   /* octets of a slot */
	uint8_t *slots;
};

/* All of an entry lies together: to find it costs one line of the cache. */
struct slot {
	void *value;     /* NULL: empty */
	uint64_t hashed; /* the key's hash */
	uint8_t key[];
};

static inline uint64_t rotate(uint64_t value, int by)
{
	return value << by | value >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
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
static inline uint64_t sip_word(const uint8_t *octets, size_t size)
{
	uint64_t word = 0;

	memcpy(&word, octets, size);
	return le64toh(word);
}

static inline void sip_absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

/* Inlined, so that a size known to the caller leaves no loop. */
__attribute__((always_inline)) static inline uint64_t sip_hash(const uint8_t *octets, size_t size,
                                                               uint64_t seed)
{
	/* The 128-bit key: the seed and its complement. */
	const uint64_t key[2] = {seed, ~seed};
	uint64_t v[4] = {
	        key[0] ^ UINT64_C(0x736f6d6570736575),
	        key[1] ^ UINT64_C(0x646f72616e646f6d),
	        key[0] ^ UINT64_C(0x6c7967656e657261),
	        key[1] ^ UINT64_C(0x7465646279746573),
	};
	size_t whole = size / 8 * 8;

	for (size_t i = 0; i < whole; i += 8)
		sip_absorb(v, sip_word(octets + i, 8));
	sip_absorb(v, (uint64_t)size << 56 | sip_word(octets + whole, size - whole));
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_bytes_of(const void *bytes, size_t size, uint64_t seed)
{
	switch (size) {
	case 8: /* addresses */
		return sip_hash(bytes, 8, seed);
	case 16: /* identifiers, the keys of most tables */
		return sip_hash(bytes, 16, seed);
	default:
		return sip_hash(bytes, size, seed);
	}
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
	hash->stride = (offsetof(struct slot, key) + key_size + 7) / 8 * 8;
	hash->maximum = MINIMUM(maximum, (size_t)COUNT_MAXIMUM);
	hash->seed = seed;
	return hash;
}

struct hash *hash_free(struct hash *hash)
{
	if (hash) {
		free(hash->slots);
		free(hash);
	}
	return NULL;
}

static uint64_t hash_of(const struct hash *hash, const void *key)
{
	return hash_bytes_of(key, hash->key_size, hash->seed);
}

static struct slot *slot_at(const struct hash *hash, size_t number)
{
	return (struct slot *)(void *)(hash->slots + number * hash->stride);
}

/* The slot of the key, or the empty slot where it would go. The table has an empty slot. */
static size_t find(const struct hash *hash, const void *key, uint64_t hashed)
{
	size_t mask = hash->capacity - 1;
	size_t number = hashed & mask;
	const struct slot *slot;

	for (; (slot = slot_at(hash, number))->value; number = (number + 1) & mask)
		if (slot->hashed == hashed && memcmp(slot->key, key, hash->key_size) == 0)
			break;
	return number;
}

static void fill(struct hash *hash, size_t number, const void *key, uint64_t hashed, void *value)
{
	struct slot *slot = slot_at(hash, number);

	memcpy(slot->key, key, hash->key_size);
	slot->hashed = hashed;
	slot->value = value;
}

static int grow(struct hash *hash)
{
	struct hash larger = *hash;

	larger.capacity = hash->capacity ? 2 * hash->capacity : FIRST_CAPACITY;
	larger.slots = calloc(larger.capacity, larger.stride);
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < hash->capacity; i++) {
		const struct slot *slot = slot_at(hash, i);

		if (slot->value)
			memcpy(slot_at(&larger, find(&larger, slot->key, slot->hashed)), slot, hash->stride);
	}
	free(hash->slots);
	*hash = larger;
	return 0;
}

void *hash_get(const struct hash *hash, const void *key)
{
	return hash->count ? slot_at(hash, find(hash, key, hash_of(hash, key)))->value : NULL;
}

int hash_put(struct hash *hash, const void *key, void *value)
{
	uint64_t hashed = hash_of(hash, key);
	size_t number = hash->count ? find(hash, key, hashed) : 0;
	int code;

	if (hash->count && slot_at(hash, number)->value) {
		slot_at(hash, number)->value = value;
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
	const struct slot *slot;

	for (size_t number = (hole + 1) & mask; (slot = slot_at(hash, number))->value;
	     number = (number + 1) & mask) {
		size_t displaced = (number - slot->hashed) & mask;

		if (displaced >= ((number - hole) & mask)) {
			memcpy(slot_at(hash, hole), slot, hash->stride);
			hole = number;
		}
	}
	slot_at(hash, hole)->value = NULL;
}

void *hash_remove(struct hash *hash, const void *key)
{
	size_t number;
	void *value;

	if (hash->count == 0)
		return NULL;
	number = find(hash, key, hash_of(hash, key));
	value = slot_at(hash, number)->value;
	if (value) {
		close_gap(hash, number);
		hash->count--;
	}
	return value;
}

void hash_clear(struct hash *hash)
{
	if (hash->count > 0)
		memset(hash->slots, 0, hash->capacity * hash->stride);
	hash->count = 0;
}

size_t hash_count(const struct hash *hash)
{
	return hash->count;
}

size_t hash_bytes(const struct hash *hash)
{
	return sizeof(*hash) + hash->capacity * hash->stride;
}

/*
 * *position holds two slots: in its upper half the empty slot where the walk began (it stays empty, for
 * removal never fills one), in its lower half the last slot visited. 2^32 is never reached.
 */
bool hash_next(const struct hash *hash, size_t *position, const void **ret_key, void **ret_value)
{
	size_t mask = hash->capacity - 1;
	size_t start = *position >> 32;
	size_t number = *position & UINT32_MAX;

	_Static_assert(sizeof(size_t) == 8, "two slot numbers in one position");
	if (hash->count == 0)
		return false;
	if (*position == 0) {
		while (slot_at(hash, start)->value)
			start++;
		number = start;
	}
	for (number = (number - 1) & mask; number != start; number = (number - 1) & mask) {
		const struct slot *slot = slot_at(hash, number);

		if (!slot->value)
			continue;
		*position = start << 32 | number;
		*ret_key = slot->key;
		*ret_value = slot->value;
		return true;
	}
	return false;
}
