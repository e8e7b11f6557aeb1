/* SPDX-License-Identifier: Apache-2.0 */
#include "steer/flow.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "base/slab.h"
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TAG "flow"

enum { SWEEP = 4 /* old classes looked at per call */ };

struct key {
	uint8_t source[16], destination[16];
};

struct entry {
	struct steer_flow flow; /* as the kernel has it */
	uint32_t number;
	uint32_t old_leaves;
	bool removed; /* waits for its old leaves */
};

/* A class that no packet is put in any more. */
struct leaf {
	struct leaf *next;
	struct entry *entry;
	uint32_t interface, class;
};

struct flow {
	struct flow_ports ports;
	struct hash *entries; /* by struct key */
	struct slab *entry_slab, *leaf_slab;
	struct leaf *oldest, **youngest;
	uint32_t old_leaves;
	uint32_t free_count;
	uint32_t free_numbers[QUEUE_FLOWS];
};

static struct key key_of(const uint8_t source[16], const uint8_t destination[16])
{
	struct key key;

	memcpy(key.source, source, 16);
	memcpy(key.destination, destination, 16);
	return key;
}

static struct queue_bucket bucket_of(const struct steer_flow *flow)
{
	return (struct queue_bucket){.rate = flow->rate, .burst = flow->burst};
}

static void release_entry(struct flow *flow, struct entry *entry)
{
	flow->free_numbers[flow->free_count++] = entry->number;
	slab_release(flow->entry_slab, entry);
}

/* Old classes. */

static void append(struct flow *flow, struct leaf *leaf)
{
	leaf->next = NULL;
	*flow->youngest = leaf;
	flow->youngest = &leaf->next;
	flow->old_leaves++;
}

static struct leaf *take_oldest(struct flow *flow)
{
	struct leaf *leaf = flow->oldest;

	flow->oldest = leaf->next;
	if (flow->oldest == NULL)
		flow->youngest = &flow->oldest;
	flow->old_leaves--;
	return leaf;
}

static void remove_class(struct flow *flow, const struct entry *entry, uint32_t interface, uint32_t class)
{
	int code = queue_remove_flow(flow->ports.queue, interface, class, entry->number);

	if (code < 0)
		log_warning(TAG, "number=%u error=\"cannot take its class out: %s\"", entry->number,
		            error_text(code));
}

/* The flow may have come back to the output and class that it had left. */
static bool is_in_use(const struct leaf *leaf)
{
	return !leaf->entry->removed && leaf->entry->flow.interface == leaf->interface &&
	       leaf->entry->flow.class == leaf->class;
}

static void end_leaf(struct flow *flow, struct leaf *leaf)
{
	struct entry *entry = leaf->entry;

	if (!is_in_use(leaf))
		remove_class(flow, entry, leaf->interface, leaf->class);
	slab_release(flow->leaf_slab, leaf);
	if (--entry->old_leaves == 0 && entry->removed)
		release_entry(flow, entry);
}

static bool is_empty(struct flow *flow, const struct leaf *leaf)
{
	struct steer_queue_statistics statistics;
	int code = queue_read(flow->ports.queue, leaf->interface,
	                      queue_flow_minor(leaf->class, leaf->entry->number), &statistics);

	return code < 0 || statistics.backlog == 0;
}

/* Called before a change, so that what a packet was given by the one before has reached its queue. */
static void sweep(struct flow *flow)
{
	uint32_t count = MINIMUM(flow->old_leaves, (uint32_t)SWEEP);

	for (uint32_t i = 0; i < count; i++) {
		struct leaf *leaf = take_oldest(flow);

		if (is_in_use(leaf) || is_empty(flow, leaf))
			end_leaf(flow, leaf);
		else
			append(flow, leaf);
	}
}

static void retire(struct flow *flow, struct entry *entry, uint32_t interface, uint32_t class)
{
	struct leaf *leaf = slab_take(flow->leaf_slab);

	if (leaf == NULL) {
		remove_class(flow, entry, interface, class);
		return;
	}
	leaf->entry = entry;
	leaf->interface = interface;
	leaf->class = class;
	entry->old_leaves++;
	append(flow, leaf);
}

/* Adding. */

static int take_entry(struct flow *flow, const struct steer_flow *wanted, struct entry **ret_entry)
{
	struct entry *entry;

	while (flow->free_count == 0 && flow->old_leaves > 0)
		end_leaf(flow, take_oldest(flow));
	if (flow->free_count == 0)
		return BUSBAR_ERROR_TABLE_FULL;
	entry = slab_take(flow->entry_slab);
	if (entry == NULL)
		return -ENOMEM;
	entry->flow = *wanted;
	entry->number = flow->free_numbers[--flow->free_count];
	*ret_entry = entry;
	return 0;
}

/* The route first: nothing is marked that does not take the reserved path. */
static int install(struct flow *flow, const struct entry *entry)
{
	const struct steer_flow *wanted = &entry->flow;
	const struct flow_ports *ports = &flow->ports;
	int code = queue_put_flow(ports->queue, wanted->interface, wanted->class, entry->number,
	                          bucket_of(wanted));

	if (code == 0)
		code = route_put_flow(ports->route, wanted, ports->interface);
	if (code == 0)
		code = classify_add(ports->classify, wanted->source, wanted->destination,
		                    queue_flow_minor(wanted->class, entry->number));
	if (code < 0) {
		(void)route_remove_flow(ports->route, wanted->source, wanted->destination);
		(void)queue_remove_flow(ports->queue, wanted->interface, wanted->class, entry->number);
	}
	return code;
}

static int add(struct flow *flow, const struct key *key, const struct steer_flow *wanted)
{
	struct entry *entry;
	int code = take_entry(flow, wanted, &entry);

	if (code < 0)
		return code;
	code = hash_put(flow->entries, key, entry);
	if (code == 0) {
		code = install(flow, entry);
		if (code < 0)
			(void)hash_remove(flow->entries, key);
	}
	if (code < 0)
		release_entry(flow, entry);
	return code;
}

/* Changing. */

static bool is_same_path(const struct steer_flow *a, const struct steer_flow *b)
{
	return a->interface == b->interface && a->key == b->key && a->segment_count == b->segment_count &&
	       memcmp(a->segments, b->segments, 16 * (size_t)a->segment_count) == 0;
}

static int change_path(struct flow *flow, struct entry *entry, const struct steer_flow *wanted)
{
	struct steer_flow *now = &entry->flow;
	uint32_t old = now->interface;
	bool moves = wanted->interface != old;
	int code = 0;

	if (moves)
		code = queue_put_flow(flow->ports.queue, wanted->interface, now->class, entry->number,
		                      bucket_of(wanted));
	if (code == 0) {
		code = route_put_flow(flow->ports.route, wanted, flow->ports.interface);
		if (code < 0 && moves)
			retire(flow, entry, wanted->interface, now->class);
	}
	if (code < 0)
		return code;
	memcpy(now->segments, wanted->segments, sizeof(now->segments));
	now->segment_count = wanted->segment_count;
	now->key = wanted->key;
	now->interface = wanted->interface;
	if (moves)
		retire(flow, entry, old, now->class);
	return 0;
}

static int change_class(struct flow *flow, struct entry *entry, const struct steer_flow *wanted)
{
	struct steer_flow *now = &entry->flow;
	uint32_t old = now->class;
	int code = queue_put_flow(flow->ports.queue, now->interface, wanted->class, entry->number,
	                          bucket_of(wanted));

	if (code == 0) {
		code = classify_change(flow->ports.classify, now->source, now->destination,
		                       queue_flow_minor(wanted->class, entry->number));
		if (code < 0)
			retire(flow, entry, now->interface, wanted->class);
	}
	if (code < 0)
		return code;
	now->class = wanted->class;
	retire(flow, entry, now->interface, old);
	return 0;
}

static int change_bucket(struct flow *flow, struct entry *entry, const struct steer_flow *wanted)
{
	int code = queue_put_flow(flow->ports.queue, entry->flow.interface, entry->flow.class, entry->number,
	                          bucket_of(wanted));

	if (code == 0) {
		entry->flow.rate = wanted->rate;
		entry->flow.burst = wanted->burst;
	}
	return code;
}

/* Path before class: between the two the packets' class is there on either output. */
static int change(struct flow *flow, struct entry *entry, const struct steer_flow *wanted)
{
	const struct steer_flow *now = &entry->flow;
	int code = 0;

	if (!is_same_path(now, wanted))
		code = change_path(flow, entry, wanted);
	if (code == 0 && now->class != wanted->class)
		code = change_class(flow, entry, wanted);
	if (code == 0 && (now->rate != wanted->rate || now->burst != wanted->burst))
		code = change_bucket(flow, entry, wanted);
	return code;
}

int flow_put(struct flow *flow, const struct steer_flow *wanted)
{
	struct key key = key_of(wanted->source, wanted->destination);
	struct entry *entry = hash_get(flow->entries, &key);

	if (wanted->segment_count == 0 || wanted->segment_count > STEER_SEGMENTS ||
	    wanted->class >= STEER_CLASSES)
		return -EINVAL;
	sweep(flow);
	return entry == NULL ? add(flow, &key, wanted) : change(flow, entry, wanted);
}

int flow_remove(struct flow *flow, const uint8_t source[16], const uint8_t destination[16])
{
	struct key key = key_of(source, destination);
	struct entry *entry;
	int code, other;

	sweep(flow);
	entry = hash_remove(flow->entries, &key);
	if (entry == NULL)
		return 0;
	code = classify_remove(flow->ports.classify, source, destination);
	other = route_remove_flow(flow->ports.route, source, destination);
	entry->removed = true;
	retire(flow, entry, entry->flow.interface, entry->flow.class);
	if (entry->old_leaves == 0)
		release_entry(flow, entry);
	return code < 0 ? code : other;
}

/* Reading. */

int flow_read(struct flow *flow, const uint8_t source[16], const uint8_t destination[16],
              struct steer_queue_statistics *ret_statistics)
{
	struct key key = key_of(source, destination);
	const struct entry *entry = hash_get(flow->entries, &key);

	if (entry == NULL)
		return BUSBAR_ERROR_NOT_FOUND;
	return queue_read(flow->ports.queue, entry->flow.interface,
	                  queue_flow_minor(entry->flow.class, entry->number), ret_statistics);
}

uint32_t flow_count(const struct flow *flow)
{
	return (uint32_t)hash_count(flow->entries);
}

/* Opening and closing. */

int flow_open(const struct flow_ports *ports, struct flow **ret_flow)
{
	struct flow *flow = calloc(1, sizeof(*flow));
	uint64_t seed = 0;
	int code = flow == NULL ? -ENOMEM : random_system(&seed, sizeof(seed));

	if (code < 0) {
		free(flow);
		return code;
	}
	flow->ports = *ports;
	flow->youngest = &flow->oldest;
	flow->entries = hash_create(sizeof(struct key), QUEUE_FLOWS, seed);
	flow->entry_slab = slab_create(sizeof(struct entry), QUEUE_FLOWS);
	flow->leaf_slab = slab_create(sizeof(struct leaf), QUEUE_FLOWS);
	while (flow->free_count < QUEUE_FLOWS) {
		flow->free_numbers[flow->free_count] = QUEUE_FLOWS - 1 - flow->free_count;
		flow->free_count++;
	}
	if (flow->entries == NULL || flow->entry_slab == NULL || flow->leaf_slab == NULL) {
		flow_close(flow);
		return -ENOMEM;
	}
	*ret_flow = flow;
	return 0;
}

struct flow *flow_close(struct flow *flow)
{
	size_t position = 0;
	const void *key;
	void *value;

	if (flow == NULL)
		return NULL;
	while (flow->old_leaves > 0) {
		struct leaf *leaf = take_oldest(flow);

		if (--leaf->entry->old_leaves == 0 && leaf->entry->removed)
			slab_release(flow->entry_slab, leaf->entry);
		slab_release(flow->leaf_slab, leaf);
	}
	while (flow->entries != NULL && hash_next(flow->entries, &position, &key, &value))
		slab_release(flow->entry_slab, value);
	hash_free(flow->entries);
	slab_free(flow->entry_slab);
	slab_free(flow->leaf_slab);
	free(flow);
	return NULL;
}
