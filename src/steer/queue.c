/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel serves classes that are within their rate first, in the order of their priority; then those that
 * borrow from the class above. So the order of 1:10, 1:11, 1:5, 1:20 holds at both levels.
 *
 * A bucket holds `slack` of its rate beyond its burst: a class that waits for a timer would else lose what
 * the timer is late by, which is most of its rate when the burst is a packet or two.
 */
#include "steer/queue.h"

#include "base/error.h"
#include "steer/netlink.h"
#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	TICK = 64, /* ns; the unit of buckets (PSCHED_SHIFT) */
	FRAME = STEER_MTU + 14,
	DEPTH = 16,        /* frames that a queue holds at least */
	FLOOR = 1000,      /* octets/s of a class that has nothing: 0 is no rate */
	CONTROL_PART = 50, /* of the line that is control's own */
	BEST_EFFORT_PART = 100,
	NOT_JOINED = 1,
	JOINED_SEGMENTS = 65535, /* the kernel's defaults */
	JOINED_OCTETS = 65536,
};

static const int64_t second = 1000000000, default_queue = 50000000, default_slack = 1000000;
static const uint32_t default_share = 980;

enum { PRIORITY_GUARANTEED, PRIORITY_CONTROL = STEER_CLASSES, PRIORITY_BEST_EFFORT };

struct output {
	uint32_t interface;
	uint32_t overhead;
	uint64_t rate; /* octets/s */
	int64_t queue, slack;
};

struct queue {
	struct netlink *netlink;
	struct output outputs[STEER_INTERFACES];
	uint32_t count;
};

/* A class as the kernel has it. */
struct class
{
	uint32_t minor, parent;
	uint32_t priority;              /* of a leaf */
	uint64_t rate, ceiling;         /* octets/s */
	int64_t buffer, ceiling_buffer; /* ns */
};

/* Arithmetic. */

static uint64_t octets_in(uint64_t rate, int64_t time)
{
	return (uint64_t)((unsigned __int128)rate * (uint64_t)time / (uint64_t)second);
}

static int64_t time_of(uint64_t octets, uint64_t rate)
{
	unsigned __int128 time = (unsigned __int128)octets * (uint64_t)second / rate;

	return time > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)time;
}

static uint32_t ticks(int64_t time)
{
	return (uint32_t)MINIMUM(time / TICK, (int64_t)UINT32_MAX);
}

static uint32_t minimum_u32(uint64_t value)
{
	return (uint32_t)MINIMUM(value, (uint64_t)UINT32_MAX);
}

static struct output *find(struct queue *queue, uint32_t interface)
{
	for (uint32_t i = 0; i < queue->count; i++)
		if (queue->outputs[i].interface == interface)
			return &queue->outputs[i];
	return NULL;
}

/* Requests. */

static void open_request(struct queue *queue, struct netlink_request *request, uint16_t type, uint16_t flags,
                         uint32_t interface, uint32_t handle, uint32_t parent)
{
	struct tcmsg *body =
	        netlink_begin(queue->netlink, request, type, (uint16_t)(flags | NLM_F_ACK), sizeof(*body));

	body->tcm_family = AF_UNSPEC;
	body->tcm_ifindex = (int)interface;
	body->tcm_handle = handle;
	body->tcm_parent = parent;
}

static int request_send(struct queue *queue, struct netlink_request *request, const char *what)
{
	return netlink_ask(queue->netlink, request, what, NULL, NULL);
}

static uint32_t handle_of(uint32_t minor)
{
	return TC_H_MAKE(1U << 16, minor);
}

static struct tc_ratespec rate_of(const struct output *output, uint64_t rate)
{
	return (struct tc_ratespec){.linklayer = TC_LINKLAYER_ETHERNET,
	                            .overhead = (unsigned short)output->overhead,
	                            .rate = minimum_u32(rate)};
}

static int put_class(struct queue *queue, const struct output *output, const struct class *class)
{
	struct tc_htb_opt option = {.rate = rate_of(output, class->rate),
	                            .ceil = rate_of(output, class->ceiling),
	                            .buffer = ticks(class->buffer),
	                            .cbuffer = ticks(class->ceiling_buffer),
	                            .quantum = FRAME,
	                            .prio = class->priority};
	struct netlink_request request;
	struct nlattr *nest;

	open_request(queue, &request, RTM_NEWTCLASS, NLM_F_CREATE | NLM_F_REPLACE, output->interface,
	             handle_of(class->minor), handle_of(class->parent));
	mnl_attr_put_strz(request.header, TCA_KIND, "htb");
	nest = mnl_attr_nest_start(request.header, TCA_OPTIONS);
	mnl_attr_put(request.header, TCA_HTB_PARMS, sizeof(option), &option);
	if (class->rate > UINT32_MAX)
		mnl_attr_put_u64(request.header, TCA_HTB_RATE64, class->rate);
	if (class->ceiling > UINT32_MAX)
		mnl_attr_put_u64(request.header, TCA_HTB_CEIL64, class->ceiling);
	mnl_attr_nest_end(request.header, nest);
	return request_send(queue, &request, "put-class");
}

/* The queue of a leaf: first in, first out, of so many octets. One that is there only gets the limit. */
static int put_limit(struct queue *queue, const struct output *output, uint32_t minor, uint64_t octets)
{
	struct tc_fifo_qopt option = {.limit = minimum_u32(octets)};
	struct netlink_request request;

	open_request(queue, &request, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, output->interface, 0,
	             handle_of(minor));
	mnl_attr_put_strz(request.header, TCA_KIND, "bfifo");
	mnl_attr_put(request.header, TCA_OPTIONS, sizeof(option), &option);
	return request_send(queue, &request, "put-limit");
}

static int put_leaf(struct queue *queue, const struct output *output, const struct class *class,
                    uint64_t octets)
{
	int code = put_class(queue, output, class);

	return code == 0 ? put_limit(queue, output, class->minor, octets) : code;
}

static int remove_root(struct queue *queue, uint32_t interface)
{
	struct netlink_request request;

	open_request(queue, &request, RTM_DELQDISC, 0, interface, 0, TC_H_ROOT);
	return request_send(queue, &request, "remove-queues");
}

static int put_root(struct queue *queue, uint32_t interface)
{
	struct tc_htb_glob option = {.version = TC_HTB_PROTOVER,
	                             .rate2quantum = 10,
	                             .defcls = QUEUE_BEST_EFFORT};
	struct netlink_request request;
	struct nlattr *nest;

	open_request(queue, &request, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, interface, handle_of(0),
	             TC_H_ROOT);
	mnl_attr_put_strz(request.header, TCA_KIND, "htb");
	nest = mnl_attr_nest_start(request.header, TCA_OPTIONS);
	mnl_attr_put(request.header, TCA_HTB_INIT, sizeof(option), &option);
	mnl_attr_nest_end(request.header, nest);
	return request_send(queue, &request, "put-queues");
}

/* Instead of what a former life, or somebody else, has put there. */
static int replace_root(struct queue *queue, uint32_t interface)
{
	int code = put_root(queue, interface);

	if (code != -EEXIST)
		return code;
	code = remove_root(queue, interface);
	return code == 0 ? put_root(queue, interface) : code;
}

int queue_set_single(struct queue *queue, uint32_t interface, bool single)
{
	struct netlink_request request;
	struct ifinfomsg *body =
	        netlink_begin(queue->netlink, &request, RTM_NEWLINK, NLM_F_ACK, sizeof(*body));

	body->ifi_index = (int)interface;
	mnl_attr_put_u32(request.header, IFLA_GSO_MAX_SEGS, single ? NOT_JOINED : JOINED_SEGMENTS);
	mnl_attr_put_u32(request.header, IFLA_GRO_MAX_SIZE, single ? NOT_JOINED : JOINED_OCTETS);
	return request_send(queue, &request, "set-single");
}

/* Outputs. */

static uint64_t depth_of(const struct output *output)
{
	return MAXIMUM(octets_in(output->rate, output->queue), (uint64_t)DEPTH * FRAME);
}

/* What may use the whole line when nobody else does. */
static struct class class_of(const struct output *output, uint32_t minor, uint32_t parent, uint32_t priority,
                             struct queue_bucket bucket)
{
	uint64_t rate = MAXIMUM(bucket.rate / 8, (uint64_t)FLOOR);

	return (struct class){.minor = minor,
	                      .parent = parent,
	                      .priority = priority,
	                      .rate = rate,
	                      .ceiling = MAXIMUM(output->rate, rate),
	                      .buffer = time_of(MAXIMUM(bucket.burst, (uint64_t)FRAME), rate) + output->slack,
	                      .ceiling_buffer = time_of(FRAME, output->rate) + output->slack};
}

static int set_class(struct queue *queue, const struct output *output, uint32_t class,
                     struct queue_bucket bucket)
{
	struct class whole = class_of(output, QUEUE_GUARANTEED + class, QUEUE_ALL, 0, bucket);
	struct class through =
	        class_of(output, QUEUE_THROUGH + class, whole.minor, PRIORITY_GUARANTEED + class, bucket);
	int code = put_class(queue, output, &whole);

	/* A burst that was admitted must not be dropped. */
	return code == 0 ? put_leaf(queue, output, &through, depth_of(output) + bucket.burst) : code;
}

static int put_classes(struct queue *queue, const struct output *output)
{
	uint64_t line = output->rate * 8;
	struct class all = class_of(output, QUEUE_ALL, 0, 0, (struct queue_bucket){.rate = line});
	struct class control = class_of(output, QUEUE_CONTROL, QUEUE_ALL, PRIORITY_CONTROL,
	                                (struct queue_bucket){.rate = line / CONTROL_PART});
	struct class best_effort = class_of(output, QUEUE_BEST_EFFORT, QUEUE_ALL, PRIORITY_BEST_EFFORT,
	                                    (struct queue_bucket){.rate = line / BEST_EFFORT_PART});
	int code = put_class(queue, output, &all);

	for (uint32_t class = 0; class < STEER_CLASSES && code == 0; class ++)
		code = set_class(queue, output, class, (struct queue_bucket){.rate = 0});
	if (code == 0)
		code = put_leaf(queue, output, &control, depth_of(output));
	return code == 0 ? put_leaf(queue, output, &best_effort, depth_of(output)) : code;
}

int queue_add(struct queue *queue, const struct steer_output *output)
{
	uint32_t share = output->share > 0 ? output->share : default_share;
	struct output added = {.interface = output->interface,
	                       .overhead = output->overhead,
	                       .rate = output->rate / 8000 * share,
	                       .queue = output->queue > 0 ? output->queue : default_queue,
	                       .slack = output->slack > 0 ? output->slack : default_slack};
	int code;

	if (added.rate < FLOOR || share > 1000 || output->overhead > UINT16_MAX)
		return -EINVAL;
	if (find(queue, output->interface) != NULL)
		return -EEXIST;
	if (queue->count == STEER_INTERFACES)
		return BUSBAR_ERROR_TABLE_FULL;
	code = queue_set_single(queue, added.interface, true);
	if (code == 0)
		code = replace_root(queue, added.interface);
	if (code == 0)
		code = put_classes(queue, &added);
	if (code == 0)
		queue->outputs[queue->count++] = added;
	else
		(void)remove_root(queue, added.interface); /* as it was, when nothing was put there */
	return code;
}

int queue_set(struct queue *queue, uint32_t interface, uint32_t class, struct queue_bucket bucket)
{
	const struct output *output = find(queue, interface);

	if (output == NULL)
		return -ENODEV;
	return class < STEER_CLASSES ? set_class(queue, output, class, bucket) : -EINVAL;
}

/* Flows. */

uint32_t queue_flow_minor(uint32_t class, uint32_t number)
{
	return QUEUE_FLOW * (class + 1) + number;
}

int queue_put_flow(struct queue *queue, uint32_t interface, uint32_t class, uint32_t number,
                   struct queue_bucket bucket)
{
	const struct output *output = find(queue, interface);
	uint64_t rate = bucket.rate / 8;
	struct class leaf = {.minor = queue_flow_minor(class, number),
	                     .parent = QUEUE_GUARANTEED + class,
	                     .priority = PRIORITY_GUARANTEED + class,
	                     .rate = rate,
	                     .ceiling = rate};

	if (output == NULL)
		return -ENODEV;
	if (class >= STEER_CLASSES || number >= QUEUE_FLOWS || rate == 0)
		return -EINVAL;
	/* The kernel lets a packet go while any token is left: one frame more than the bucket holds. */
	leaf.buffer = bucket.burst > FRAME ? time_of(bucket.burst - FRAME, rate) : 0;
	leaf.buffer = MAXIMUM(leaf.buffer, output->slack);
	leaf.ceiling_buffer = leaf.buffer;
	return put_leaf(queue, output, &leaf,
	                MAXIMUM(octets_in(rate, output->queue), bucket.burst) + (uint64_t)DEPTH * FRAME);
}

/* Statistics. */

static int take_part(const struct nlattr *attribute, void *context)
{
	struct steer_queue_statistics *statistics = context;
	struct gnet_stats_basic basic;
	struct gnet_stats_queue waiting;
	size_t size = mnl_attr_get_payload_len(attribute);
	uint16_t type = mnl_attr_get_type(attribute);

	if (type == TCA_STATS_BASIC &&
	    size >= offsetof(struct gnet_stats_basic, packets) + sizeof(uint32_t)) {
		memset(&basic, 0, sizeof(basic));
		memcpy(&basic, mnl_attr_get_payload(attribute), MINIMUM(size, sizeof(basic)));
		statistics->octets = basic.bytes;
		statistics->packets = basic.packets;
	}
	if (type == TCA_STATS_QUEUE && size >= sizeof(waiting)) {
		memcpy(&waiting, mnl_attr_get_payload(attribute), sizeof(waiting));
		statistics->drops = waiting.drops;
		statistics->backlog = waiting.backlog;
	}
	return MNL_CB_OK;
}

static int take_statistics(const struct nlattr *attribute, void *context)
{
	if (mnl_attr_get_type(attribute) == TCA_STATS2 && mnl_attr_validate(attribute, MNL_TYPE_NESTED) >= 0)
		(void)mnl_attr_parse_nested(attribute, take_part, context);
	return MNL_CB_OK;
}

static void take_class(void *context, const struct nlmsghdr *header)
{
	if (header->nlmsg_type == RTM_NEWTCLASS && mnl_nlmsg_get_payload_len(header) >= sizeof(struct tcmsg))
		(void)mnl_attr_parse(header, sizeof(struct tcmsg), take_statistics, context);
}

int queue_read(struct queue *queue, uint32_t interface, uint32_t minor,
               struct steer_queue_statistics *ret_statistics)
{
	struct steer_queue_statistics statistics = {0};
	struct netlink_request request;
	int code;

	if (find(queue, interface) == NULL)
		return -ENODEV;
	/* Without NLM_F_ECHO the answer goes to those who watch, and not to who asked. */
	open_request(queue, &request, RTM_GETTCLASS, NLM_F_ECHO, interface, handle_of(minor), 0);
	code = netlink_ask(queue->netlink, &request, "read", take_class, &statistics);
	if (code == 0)
		*ret_statistics = statistics;
	return code;
}

/* Opening and closing. */

int queue_open(struct queue **ret_queue)
{
	struct queue *queue = calloc(1, sizeof(*queue));
	int code = queue != NULL ? netlink_open(NETLINK_ROUTE, &queue->netlink) : -ENOMEM;

	if (code < 0) {
		free(queue);
		return code;
	}
	*ret_queue = queue;
	return 0;
}

struct queue *queue_close(struct queue *queue)
{
	if (queue == NULL)
		return NULL;
	for (uint32_t i = 0; i < queue->count; i++) {
		(void)remove_root(queue, queue->outputs[i].interface);
		(void)queue_set_single(queue, queue->outputs[i].interface, false);
	}
	netlink_close(queue->netlink);
	free(queue);
	return NULL;
}
