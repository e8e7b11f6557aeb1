/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of entries, oldest first, which are chained by their hash. */
#include "execute/past.h"

#include "base/error.h"
#include "base/hash.h"
#include <stdlib.h>

struct entry {
	struct identifier identifier;
	int64_t until;
	uint32_t next; /* 1-based place of the next of the same chain, 0: none */
};

struct past {
	uint64_t seed;
	uint32_t maximum, first, count;
	uint32_t touched; /* places that were ever used */
	struct identifier youngest;
	uint32_t chain_mask;
	uint32_t *chains; /* 1-based places */
	struct entry *ring;
};

struct past *past_create(uint32_t maximum, uint64_t seed)
{
	struct past *past = calloc(1, sizeof(*past));
	uint32_t chains = 1;

	if (past == NULL)
		return NULL;
	while (chains < maximum && chains <= UINT32_MAX / 2)
		chains *= 2;
	past->seed = seed;
	past->maximum = maximum;
	past->chain_mask = chains - 1;
	past->chains = calloc(chains, sizeof(*past->chains));
	past->ring = calloc(maximum, sizeof(*past->ring));
	return past->chains == NULL || past->ring == NULL ? past_free(past) : past;
}

struct past *past_free(struct past *past)
{
	if (past == NULL)
		return NULL;
	free(past->chains);
	free(past->ring);
	free(past);
	return NULL;
}

static uint32_t *chain_of(const struct past *past, const struct identifier *identifier)
{
	uint64_t hash = hash_bytes_of(identifier->octets, sizeof(identifier->octets), past->seed);

	return &past->chains[hash & past->chain_mask];
}

/* Identifiers sort by age, and most that are asked for are younger than all that is over. */
static struct entry *find(const struct past *past, const struct identifier *identifier)
{
	if (identifier_compare(identifier, &past->youngest) > 0)
		return NULL;
	for (uint32_t place = *chain_of(past, identifier); place != 0; place = past->ring[place - 1].next)
		if (identifier_equal(&past->ring[place - 1].identifier, identifier))
			return &past->ring[place - 1];
	return NULL;
}

static void forget_first(struct past *past)
{
	struct entry *entry = &past->ring[past->first];
	uint32_t *link = chain_of(past, &entry->identifier);

	while (*link != past->first + 1)
		link = &past->ring[*link - 1].next;
	*link = entry->next;
	past->first = (past->first + 1) % past->maximum;
	past->count--;
}

bool past_has_room(struct past *past, int64_t now)
{
	while (past->count > 0 && past->ring[past->first].until < now)
		forget_first(past);
	return past->count < past->maximum;
}

int past_put(struct past *past, const struct identifier *identifier, int64_t until, int64_t now)
{
	struct entry *entry = find(past, identifier);
	uint32_t *chain;
	uint32_t place;

	if (entry != NULL) {
		entry->until = MAXIMUM(entry->until, until);
		return 0;
	}
	if (!past_has_room(past, now))
		return BUSBAR_ERROR_TABLE_FULL;
	chain = chain_of(past, identifier);
	place = (uint32_t)(((uint64_t)past->first + past->count) % past->maximum);
	past->ring[place] = (struct entry){.identifier = *identifier, .until = until, .next = *chain};
	*chain = place + 1;
	past->touched = MAXIMUM(past->touched, place + 1);
	if (identifier_compare(identifier, &past->youngest) > 0)
		past->youngest = *identifier;
	past->count++;
	return 0;
}

bool past_has(const struct past *past, const struct identifier *identifier, int64_t now)
{
	const struct entry *entry = find(past, identifier);

	return entry != NULL && entry->until >= now;
}

uint32_t past_count(const struct past *past)
{
	return past->count;
}

size_t past_bytes(const struct past *past)
{
	return sizeof(*past) + (past->chain_mask + 1) * sizeof(*past->chains) +
	       past->touched * sizeof(*past->ring);
}
