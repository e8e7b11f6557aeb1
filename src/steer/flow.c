/* SPDX-License-Identifier: Apache-2.0 */
#include "steer/flow.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/slab.h"
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct key {
	uint8_t source[16], destination[16];
};

struct entry {
	struct steer_flow flow; /* as the kernel has it */
	uint32_t number;
	struct steer_queue_statistics before; /* of its class, when it took it */
};

struct flow {
	struct flow_ports ports;
	struct hash *entries; /* by struct key */
	struct slab *slab;
	uint32_t fresh; /* numbers from here on were never used */
	/* Numbers that were, the longest unused first: a ring. */
	uint32_t oldest, used_count;
	uint32_t used[QUEUE_FLOWS];
};

static struct key key_of(const uint8_t source[16], const uint8_t destination[16])
{
	struct key key;

	memcpy(key.source, source, 16);
	memcpy(key.destination, destination, 16);
	return key;
}

/* Numbers. */

static uint32_t take_used(struct flow *flow)
{
	uint32_t number = flow->used[flow->oldest];

	flow->oldest = (flow->oldest + 1) % QUEUE_FLOWS;
	flow->used_count--;
	return number;
}

static void give_back(struct flow *flow, uint32_t number)
{
	flow->used[(flow->oldest + flow->used_count++) % QUEUE_FLOWS] = number;
}

/* Whether nothing of a former flow waits in the class. */
static bool is_idle(struct flow *flow, const struct steer_flow *wanted, uint32_t number)
{
	struct steer_queue_statistics statistics;
	int code = queue_read(flow->ports.queue, wanted->interface, queue_flow_minor(wanted->class, number),
	                      &statistics);

	return code < 0 || statistics.backlog == 0;
}

/* One whose class is there already, if possible. The caller has seen that there are numbers left. */
static uint32_t take_number(struct flow *flow, const struct steer_flow *wanted)
{
	bool is_last = flow->fresh == QUEUE_FLOWS;

	if (flow->used_count > 0 && (is_last || is_idle(flow, wanted, flow->used[flow->oldest])))
		return take_used(flow);
	return flow->fresh++;
}

/* The class of a flow on an output, and what it has counted so far. */
static int put_class(struct flow *flow, const struct entry *entry, uint32_t interface, uint32_t class,
                     const struct steer_flow *wanted, struct steer_queue_statistics *ret_before)
{
	struct queue_bucket bucket = {.rate = wanted->rate, .burst = wanted->burst};
	int code = queue_put_flow(flow->ports.queue, interface, class, entry->number, bucket);

	if (code < 0)
		return code;
	return queue_read(flow->ports.queue, interface, queue_flow_minor(class, entry->number), ret_before);
}

/* Adding. */

/* The route first: nothing is marked that does not take the reserved path. */
static int install(struct flow *flow, struct entry *entry)
{
	const struct steer_flow *wanted = &entry->flow;
	const struct flow_ports *ports = &flow->ports;
	int code = put_class(flow, entry, wanted->interface, wanted->class, wanted, &entry->before);

	if (code == 0)
		code = route_put_flow(ports->route, wanted, ports->interface);
	if (code < 0)
		return code;
	code = classify_add(ports->classify, wanted->source, wanted->destination,
	                    queue_flow_minor(wanted->class, entry->number));
	if (code < 0)
		(void)route_remove_flow(ports->route, wanted->source, wanted->destination);
	return code;
}

static int add(struct flow *flow, const struct key *key, const struct steer_flow *wanted)
{
	struct entry *entry = slab_take(flow->slab);
	int code;

	if (entry == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	entry->flow = *wanted;
	entry->number = take_number(flow, wanted);
	code = hash_put(flow->entries, key, entry);
	if (code == 0)
		code = install(flow, entry);
	if (code < 0) {
		(void)hash_remove(flow->entries, key);
		give_back(flow, entry->number);
		slab_release(flow->slab, entry);
	}
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
	struct steer_queue_statistics before = entry->before;
	int code = 0;

	if (wanted->interface != now->interface)
		code = put_class(flow, entry, wanted->interface, now->class, wanted, &before);
	if (code == 0)
		code = route_put_flow(flow->ports.route, wanted, flow->ports.interface);
	if (code < 0)
		return code;
	memcpy(now->segments, wanted->segments, sizeof(now->segments));
	now->segment_count = wanted->segment_count;
	now->key = wanted->key;
	now->interface = wanted->interface;
	entry->before = before;
	return 0;
}

static int change_class(struct flow *flow, struct entry *entry, const struct steer_flow *wanted)
{
	struct steer_flow *now = &entry->flow;
	struct steer_queue_statistics before;
	int code = put_class(flow, entry, now->interface, wanted->class, wanted, &before);

	if (code == 0)
		code = classify_change(flow->ports.classify, now->source, now->destination,
		                       queue_flow_minor(wanted->class, entry->number));
	if (code < 0)
		return code;
	now->class = wanted->class;
	entry->before = before;
	return 0;
}

static int change_bucket(struct flow *flow, struct entry *entry, const struct steer_flow *wanted)
{
	struct steer_flow *now = &entry->flow;
	int code = queue_put_flow(flow->ports.queue, now->interface, now->class, entry->number,
	                          (struct queue_bucket){.rate = wanted->rate, .burst = wanted->burst});

	if (code < 0)
		return code;
	now->rate = wanted->rate;
	now->burst = wanted->burst;
	return 0;
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
	return entry == NULL ? add(flow, &key, wanted) : change(flow, entry, wanted);
}

int flow_remove(struct flow *flow, const uint8_t source[16], const uint8_t destination[16])
{
	struct key key = key_of(source, destination);
	struct entry *entry = hash_remove(flow->entries, &key);
	int code, other;

	if (entry == NULL)
		return 0;
	code = classify_remove(flow->ports.classify, source, destination);
	other = route_remove_flow(flow->ports.route, source, destination);
	give_back(flow, entry->number);
	slab_release(flow->slab, entry);
	return code < 0 ? code : other;
}

/* Reading. */

int flow_read(struct flow *flow, const uint8_t source[16], const uint8_t destination[16],
              struct steer_queue_statistics *ret_statistics)
{
	struct key key = key_of(source, destination);
	const struct entry *entry = hash_get(flow->entries, &key);
	struct steer_queue_statistics statistics;
	int code;

	if (entry == NULL)
		return BUSBAR_ERROR_NOT_FOUND;
	code = queue_read(flow->ports.queue, entry->flow.interface,
	                  queue_flow_minor(entry->flow.class, entry->number), &statistics);
	if (code < 0)
		return code;
	statistics.octets -= entry->before.octets;
	statistics.packets -= entry->before.packets;
	statistics.drops -= entry->before.drops;
	*ret_statistics = statistics;
	return 0;
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
	flow->entries = hash_create(sizeof(struct key), QUEUE_FLOWS, seed);
	flow->slab = slab_create(sizeof(struct entry), QUEUE_FLOWS);
	if (flow->entries == NULL || flow->slab == NULL) {
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
	while (flow->entries != NULL && hash_next(flow->entries, &position, &key, &value))
		slab_release(flow->slab, value);
	hash_free(flow->entries);
	slab_free(flow->slab);
	free(flow);
	return NULL;
}
