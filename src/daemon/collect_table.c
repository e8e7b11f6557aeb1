/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/collect_table.h"

#include "base/hash.h"
#include "base/slab.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

/* What is hashed and compared; without padding. */
struct names {
	uint32_t words[7];
};

typedef struct names naming(const struct brought *brought);

struct index {
	naming *name;
	struct brought **slots;
	size_t capacity; /* 0 or a power of two */
	size_t count;
};

struct collect_table {
	struct index routes, things;
	struct slab *slab;
	uint64_t seed;
};

struct gateway_identity collect_table_sender(const struct brought *brought)
{
	return (struct gateway_identity){.site = brought->site, .gateway = brought->gateway};
}

static struct names names_of(const uint8_t prefix[16], uint32_t a, uint32_t b, uint32_t c)
{
	struct names names = {.words = {[4] = a, b, c}};

	memcpy(names.words, prefix, 16);
	return names;
}

static struct names route_names(const struct brought *brought)
{
	return names_of(brought->prefix, brought->as, brought->originator, brought->length);
}

/* A site is the same wherever it is announced. */
static struct names thing_of(struct gateway_identity sender, uint8_t content, const uint8_t prefix[16],
                             uint8_t length)
{
	static const uint8_t nowhere[16];
	bool site = content == ATTRIBUTE_SITE;

	return names_of(site ? nowhere : prefix, sender.site, sender.gateway,
	                (uint32_t)content << 8 | (site ? 0 : length));
}

static struct names thing_names(const struct brought *brought)
{
	return thing_of(collect_table_sender(brought), brought->content, brought->prefix, brought->length);
}

static size_t first_slot(const struct collect_table *table, const struct index *index,
                         const struct names *names)
{
	return hash_bytes_of(names, sizeof(*names), table->seed) & (index->capacity - 1);
}

/* The slot of the names, or the empty one where they would go. The index has an empty slot. */
static size_t find(const struct collect_table *table, const struct index *index, const struct names *names)
{
	size_t slot = first_slot(table, index, names);

	while (index->slots[slot] != NULL) {
		struct names here = index->name(index->slots[slot]);

		if (memcmp(&here, names, sizeof(here)) == 0)
			break;
		slot = (slot + 1) & (index->capacity - 1);
	}
	return slot;
}

static struct brought *get(const struct collect_table *table, const struct index *index,
                           const struct names *names)
{
	return index->capacity == 0 ? NULL : index->slots[find(table, index, names)];
}

static int grow(const struct collect_table *table, struct index *index)
{
	struct index larger = {.name = index->name,
	                       .capacity = index->capacity == 0 ? FIRST_CAPACITY : 2 * index->capacity,
	                       .count = index->count};

	larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
	if (larger.slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < index->capacity; i++) {
		if (index->slots[i] != NULL) {
			struct names names = index->name(index->slots[i]);

			larger.slots[find(table, &larger, &names)] = index->slots[i];
		}
	}
	free(index->slots);
	*index = larger;
	return 0;
}

/* At most three quarters of the slots are taken. */
static int put(const struct collect_table *table, struct index *index, struct brought *brought)
{
	struct names names = index->name(brought);
	int code = index->count >= index->capacity / 4 * 3 ? grow(table, index) : 0;

	if (code < 0)
		return code;
	index->slots[find(table, index, &names)] = brought;
	index->count++;
	return 0;
}

/* Entries further on in the run move back unless that puts them before their own first slot. */
static void take_out(const struct collect_table *table, struct index *index, const struct names *names)
{
	size_t hole = find(table, index, names), mask = index->capacity - 1;

	for (size_t slot = (hole + 1) & mask; index->slots[slot] != NULL; slot = (slot + 1) & mask) {
		struct names here = index->name(index->slots[slot]);

		if (((slot - first_slot(table, index, &here)) & mask) < ((slot - hole) & mask))
			continue;
		index->slots[hole] = index->slots[slot];
		hole = slot;
	}
	index->slots[hole] = NULL;
	index->count--;
}

struct collect_table *collect_table_create(size_t maximum, uint64_t seed)
{
	struct collect_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->routes.name = route_names;
	table->things.name = thing_names;
	table->seed = seed;
	table->slab = slab_create(sizeof(struct brought), maximum);
	return table->slab == NULL ? collect_table_free(table) : table;
}

struct collect_table *collect_table_free(struct collect_table *table)
{
	if (table == NULL)
		return NULL;
	for (size_t i = 0; i < table->routes.capacity; i++)
		slab_release(table->slab, table->routes.slots[i]);
	free(table->routes.slots);
	free(table->things.slots);
	slab_free(table->slab);
	free(table);
	return NULL;
}

struct brought *collect_table_find(const struct collect_table *table, const struct route_key *key)
{
	struct names names = names_of(key->prefix, key->as, key->originator, key->length);

	return get(table, &table->routes, &names);
}

struct brought *collect_table_first(const struct collect_table *table, const struct attribute_header *header,
                                    const uint8_t prefix[16], uint8_t length)
{
	struct names names = thing_of(header->sender, (uint8_t)header->content, prefix, length);

	return get(table, &table->things, &names);
}

struct brought *collect_table_add(struct collect_table *table, const struct route_key *key)
{
	struct brought *brought = slab_take(table->slab);

	if (brought == NULL)
		return NULL;
	memcpy(brought->prefix, key->prefix, sizeof(brought->prefix));
	brought->as = key->as;
	brought->originator = key->originator;
	brought->length = (uint8_t)key->length;
	if (put(table, &table->routes, brought) == 0)
		return brought;
	slab_release(table->slab, brought);
	return NULL;
}

int collect_table_bring(struct collect_table *table, struct brought *brought,
                        const struct attribute_header *header)
{
	struct brought *first = collect_table_first(table, header, brought->prefix, brought->length);
	int code = 0;

	brought->site = header->sender.site;
	brought->gateway = header->sender.gateway;
	brought->content = header->content & 3;
	brought->sequence = header->sequence;
	brought->next = NULL;
	if (first == NULL)
		code = put(table, &table->things, brought);
	if (code < 0) {
		brought->site = 0;
		return code;
	}
	if (first != NULL) {
		brought->next = first->next;
		first->next = brought;
	}
	return 0;
}

bool collect_table_leave(struct collect_table *table, struct brought *brought)
{
	struct names names = thing_names(brought);
	struct brought **place = &table->things.slots[find(table, &table->things, &names)];
	bool last = *place == brought && brought->next == NULL;

	if (last) {
		take_out(table, &table->things, &names);
	} else {
		while (*place != brought)
			place = &(*place)->next;
		*place = brought->next;
	}
	brought->next = NULL;
	brought->site = 0;
	return last;
}

void collect_table_remove(struct collect_table *table, struct brought *brought)
{
	struct names names = route_names(brought);

	take_out(table, &table->routes, &names);
	slab_release(table->slab, brought);
}

size_t collect_table_count(const struct collect_table *table)
{
	return table->routes.count;
}

size_t collect_table_bytes(const struct collect_table *table)
{
	return sizeof(*table) + slab_bytes(table->slab) +
	       (table->routes.capacity + table->things.capacity) * sizeof(struct brought *);
}
