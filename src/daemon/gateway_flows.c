/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was reserved, in the kernel: queues at the outputs, the paths of flows, the addresses of services.
 *
 * A gateway whose kernel cannot keep queues promises no ceilings, and refuses what would need them.
 */
#include "base/error.h"
#include "base/log.h"
#include "daemon/gateway_internal.h"
#include "wire/segment.h"
#include <errno.h>
#include <string.h>

#define TAG "flows"
/* Of an access line: preamble, check and gap, which the kernel does not see. */
enum { ACCESS_OVERHEAD = 24, ACCESS_BURST = 65536, WHOLE = 1000 };

_Static_assert(STEER_MTU + 14 == LINK_FRAME, "what compile counts is what queues let through");

/* A flow that is in the kernel, by its program. */
struct flow {
	uint8_t pair[32]; /* source, destination */
};

/* The output's queues, so that they hold what waits; 0 where the kernel has none. */
static int add_output(struct gateway *gateway, uint32_t interface, uint64_t rate, uint32_t overhead)
{
	/* All of the rate that admission reckons with. */
	const struct steer_output output = {.interface = interface,
	                                    .share = WHOLE,
	                                    .overhead = overhead,
	                                    .rate = rate,
	                                    .slack = LINK_SLACK};
	int code = steer_output_add(gateway->steer, &output);

	if (code == -ENOTSUP)
		gateway->enforces = false;
	else if (code < 0)
		log_error(TAG, "interface=%u event=no-queues cause=\"%s\"", interface, error_text(code));
	return code == -ENOTSUP ? 0 : code;
}

static int add_access(struct gateway *gateway, const struct settings_access *access)
{
	uint32_t interface;
	int code;

	if (access->interface == NULL || access->rate == 0)
		return 0;
	code = steer_interface(gateway->steer, access->interface, &interface);
	if (code == 0)
		code = add_output(gateway, interface, (uint64_t)access->rate, ACCESS_OVERHEAD);
	/* What goes to clients is reserved where it enters the network: here it only goes first. */
	for (uint32_t class = 0; class < LINK_CLASSES && code == 0 && gateway->enforces; class ++)
		code = steer_output_set(gateway->steer, interface, class, (uint64_t)access->rate / 4,
		                        ACCESS_BURST);
	return code;
}

static int add_services(struct gateway *gateway)
{
	int code = 0;

	for (size_t i = 0; i < gateway->settings->services.count && code == 0; i++) {
		const struct settings_service *service =
		        &((const struct settings_service *)gateway->settings->services.items)[i];

		if (service->listens)
			code = steer_service_put(gateway->steer, service->address.octets, NULL, 0);
	}
	return code;
}

int gateway_open_flows(struct gateway *gateway)
{
	const struct settings_link *links = gateway->settings->links.items;
	const struct settings_access *access = gateway->settings->access.items;
	int code = 0;

	gateway->flow_slab = slab_create(sizeof(struct flow), OWNER_HOLDINGS);
	gateway->flows = hash_create(sizeof(struct identifier), OWNER_HOLDINGS, gateway->seed);
	gateway->flow_pairs = hash_create(sizeof(((struct flow *)0)->pair), OWNER_HOLDINGS, gateway->seed);
	if (gateway->flow_slab == NULL || gateway->flows == NULL || gateway->flow_pairs == NULL)
		return -ENOMEM;
	gateway->enforces = true;
	for (uint32_t i = 0; i < gateway->link_count && code == 0; i++)
		code = add_output(gateway, gateway->links[i].interface, settings_link_output(&links[i]).rate,
		                  (uint32_t)links[i].overhead);
	for (size_t i = 0; i < gateway->settings->access.count && code == 0; i++)
		code = add_access(gateway, &access[i]);
	if (code == 0)
		code = add_services(gateway);
	if (code == 0 && !gateway->enforces)
		log_notice(TAG, "event=no-guarantees cause=\"the kernel has no queues for them\"");
	return code;
}

void gateway_close_flows(struct gateway *gateway)
{
	size_t position = 0;
	const void *key;
	void *value;

	while (gateway->flows != NULL && hash_next(gateway->flows, &position, &key, &value))
		slab_release(gateway->flow_slab, value);
	gateway->flows = hash_free(gateway->flows);
	gateway->flow_pairs = hash_free(gateway->flow_pairs);
	gateway->flow_slab = slab_free(gateway->flow_slab);
}

static struct gateway_link *find_link(struct gateway *gateway, struct gateway_identity toward)
{
	for (uint32_t i = 0; i < gateway->link_count; i++)
		if (gateway_equal(gateway->links[i].toward, toward))
			return &gateway->links[i];
	return NULL;
}

/* What the classes of an output are worth follows what is reserved. */
void gateway_tick_flows(struct gateway *gateway)
{
	struct link_offer offer;
	struct book_load load;

	for (size_t i = 0; gateway->enforces && book_link_at(gateway->book, i, &offer) == 0; i++) {
		struct gateway_link *link = find_link(gateway, offer.toward);

		for (uint32_t class = 0; link != NULL && class < LINK_CLASSES; class ++) {
			if (book_load_at(gateway->book, i, class, &load) < 0 ||
			    (load.rate == link->rates[class] && load.burst == link->bursts[class]))
				continue;
			if (steer_output_set(gateway->steer, link->interface, class, load.rate, load.burst) <
			    0) {
				log_warning(TAG, "interface=%u event=class-not-set", link->interface);
				continue;
			}
			link->rates[class] = load.rate;
			link->bursts[class] = load.burst;
		}
	}
}

int gateway_link_facts(void *context, struct gateway_identity toward, uint32_t class,
                       struct document_link *ret_link)
{
	struct gateway *gateway = context;
	const struct gateway_link *link = find_link(gateway, toward);
	struct link_offer offer;
	struct book_load load;

	for (size_t i = 0; link != NULL && book_link_at(gateway->book, i, &offer) == 0; i++) {
		if (!gateway_equal(offer.toward, toward) || book_load_at(gateway->book, i, class, &load) < 0)
			continue;
		*ret_link = (struct document_link){.load = offer.capacity - offer.free,
		                                   .worst = load.ceiling > 0 ? load.delay : 0,
		                                   .longest = link->longest,
		                                   .probes = link->probes};
		return 0;
	}
	return BUSBAR_ERROR_NOT_FOUND;
}

/* From this end to the other; the last segment decapsulates there. */
static int describe(struct gateway *gateway, const struct owner_flow *flow, struct steer_flow *ret_flow)
{
	const struct gateway_link *link = find_link(gateway, flow->toward);
	const struct seal_key *key = seal_first(&gateway->ring);
	struct steer_flow wanted = {.class = flow->class,
	                            .rate = flow->rate,
	                            .burst = flow->burst,
	                            .segment_count = flow->hop_count,
	                            .key = key == NULL ? 0 : key->identifier};

	if (link == NULL)
		return BUSBAR_ERROR_NOT_FOUND;
	if (flow->hop_count == 0 || flow->hop_count > STEER_SEGMENTS)
		return BUSBAR_ERROR_BAD_VALUE;
	wanted.interface = link->interface;
	memcpy(wanted.source, flow->entry ? flow->client : flow->service, 16);
	memcpy(wanted.destination, flow->entry ? flow->service : flow->client, 16);
	for (uint32_t i = 0; i < flow->hop_count; i++) {
		bool last = i + 1 == flow->hop_count;

		segment_make(flow->hops[i],
		             !last         ? SEGMENT_FUNCTION_END
		             : flow->entry ? SEGMENT_FUNCTION_SERVICES
		                           : SEGMENT_FUNCTION_CLIENTS,
		             0, wanted.segments[i]);
	}
	*ret_flow = wanted;
	return 0;
}

static struct flow *make(struct gateway *gateway, const struct identifier *program)
{
	struct flow *flow = hash_get(gateway->flows, program->octets);

	if (flow != NULL)
		return flow;
	flow = slab_take(gateway->flow_slab);
	if (flow != NULL && hash_put(gateway->flows, program->octets, flow) < 0) {
		slab_release(gateway->flow_slab, flow);
		flow = NULL;
	}
	return flow;
}

/* The newest program of a pair of addresses has it; one before no longer takes it away. */
static int keep(struct gateway *gateway, const struct identifier *program, const struct steer_flow *wanted)
{
	struct flow *flow = make(gateway, program);

	if (flow == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	memcpy(flow->pair, wanted->source, 16);
	memcpy(flow->pair + 16, wanted->destination, 16);
	return hash_put(gateway->flow_pairs, flow->pair, flow);
}

int gateway_attach(void *context, const struct owner_flow *flow)
{
	struct gateway *gateway = context;
	struct steer_flow wanted;
	int code;

	if (gateway->steer == NULL || !gateway->enforces)
		return BUSBAR_ERROR_NOT_SUPPORTED;
	code = describe(gateway, flow, &wanted);
	if (code == 0)
		code = steer_flow_put(gateway->steer, &wanted);
	if (code == 0)
		code = keep(gateway, &flow->program, &wanted);
	return code;
}

void gateway_detach(void *context, const struct identifier *program)
{
	struct gateway *gateway = context;
	struct flow *flow = gateway->flows == NULL ? NULL : hash_remove(gateway->flows, program->octets);

	if (flow == NULL)
		return;
	if (hash_get(gateway->flow_pairs, flow->pair) == flow) {
		(void)hash_remove(gateway->flow_pairs, flow->pair);
		/* The kernel keeps it while the gateway closes: the next life makes its own. */
		if (!gateway->closing && steer_flow_remove(gateway->steer, flow->pair, flow->pair + 16) < 0)
			log_warning(TAG, "event=not-removed");
	}
	slab_release(gateway->flow_slab, flow);
}
