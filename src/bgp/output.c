/* SPDX-License-Identifier: Apache-2.0 */
/* Adj-RIB-Out: see output.h. A heap by due time holds the entries that wait. */
#include "bgp/output.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/slab.h"
#include "busbar-error.h"
#include <errno.h>
#include <stdlib.h>

_Static_assert(sizeof(struct output_name) == 24, "hashed as bytes");

struct output_entry {
	struct heap_node node;
	struct output_name name;
	int64_t due;
	int64_t ready; /* earliest time of the next announcement */
	bool advertised;
};

struct output {
	struct hash *names;
	struct heap *waiting;
	struct slab *slab;
	int64_t interval;
	size_t maximum;
	size_t advertised;
};

static struct output_entry *entry_of(const struct heap_node *node)
{
	return CONTAINER_OF(node, struct output_entry, node);
}

struct output *output_create(size_t maximum, int64_t interval, uint64_t seed)
{
	struct output *output = calloc(1, sizeof(*output));

	if (output == NULL)
		return NULL;
	output->interval = interval;
	output->maximum = maximum;
	output->names = hash_create(sizeof(struct output_name), maximum, seed);
	output->waiting = heap_create(NULL, maximum);
	output->slab = slab_create(sizeof(struct output_entry), maximum);
	if (output->names != NULL && output->waiting != NULL && output->slab != NULL)
		return output;
	return output_free(output);
}

void output_clear(struct output *output)
{
	const void *key;
	void *value;
	size_t position = 0;

	heap_clear(output->waiting);
	while (hash_next(output->names, &position, &key, &value)) {
		struct output_entry *entry = value;

		(void)hash_remove(output->names, &entry->name);
		slab_release(output->slab, entry);
	}
	output->advertised = 0;
}

struct output *output_free(struct output *output)
{
	if (output == NULL)
		return NULL;
	if (output->names != NULL && output->waiting != NULL)
		output_clear(output);
	hash_free(output->names);
	heap_free(output->waiting);
	slab_free(output->slab);
	free(output);
	return NULL;
}

static int add_entry(struct output *output, const struct output_name *name, struct output_entry **ret_entry)
{
	struct output_entry *entry;
	int code;

	if (hash_count(output->names) >= output->maximum)
		return BUSBAR_ERROR_TABLE_FULL;
	entry = slab_take(output->slab);
	if (entry == NULL)
		return -ENOMEM;
	entry->name = *name;
	entry->ready = INT64_MIN;
	code = hash_put(output->names, name, entry);
	if (code < 0)
		slab_release(output->slab, entry);
	else
		*ret_entry = entry;
	return code;
}

static void remove_entry(struct output *output, struct output_entry *entry)
{
	(void)hash_remove(output->names, &entry->name);
	slab_release(output->slab, entry);
}

int output_mark(struct output *output, const struct output_name *name, int64_t now)
{
	struct output_entry *entry = hash_get(output->names, name);
	int code = entry == NULL ? add_entry(output, name, &entry) : 0;

	if (code < 0)
		return code;
	if (entry->node.position != 0 && entry->due <= now)
		return 0;
	entry->due = now;
	if (entry->node.position != 0)
		heap_update(output->waiting, &entry->node, now);
	else
		code = heap_push(output->waiting, &entry->node, now);
	if (code < 0 && !entry->advertised)
		remove_entry(output, entry);
	return code;
}

bool output_knows(const struct output *output, const struct output_name *name)
{
	return hash_get(output->names, name) != NULL;
}

int64_t output_due(const struct output *output)
{
	const struct heap_node *node = heap_peek(output->waiting);

	return node != NULL ? entry_of(node)->due : OUTPUT_NEVER;
}

struct output_entry *output_take(struct output *output, int64_t now)
{
	return output_due(output) <= now ? entry_of(heap_pop(output->waiting)) : NULL;
}

const struct output_name *output_entry_name(const struct output_entry *entry)
{
	return &entry->name;
}

bool output_entry_advertised(const struct output_entry *entry)
{
	return entry->advertised;
}

bool output_entry_ready(const struct output_entry *entry, int64_t now)
{
	return entry->ready <= now;
}

void output_announced(struct output *output, struct output_entry *entry, int64_t now)
{
	output->advertised += !entry->advertised;
	entry->advertised = true;
	entry->ready = now + output->interval;
}

/* The node was in the heap a moment ago, so there is room for it. */
void output_postponed(struct output *output, struct output_entry *entry)
{
	entry->due = entry->ready;
	if (heap_push(output->waiting, &entry->node, entry->due) < 0 && !entry->advertised)
		remove_entry(output, entry);
}

/* A name that may not be announced yet is remembered until it may, so that flapping does not beat the limit.
 */
void output_withdrawn(struct output *output, struct output_entry *entry, int64_t now)
{
	output->advertised -= entry->advertised;
	entry->advertised = false;
	if (entry->ready > now)
		output_postponed(output, entry);
	else
		remove_entry(output, entry);
}

size_t output_advertised(const struct output *output)
{
	return output->advertised;
}

size_t output_waiting(const struct output *output)
{
	return heap_count(output->waiting);
}
