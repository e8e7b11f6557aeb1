/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/error.h"
#include "probe/probe_internal.h"
#include <string.h>

static void schedule(struct probe *probe, struct channel *channel)
{
	heap_update(probe->heap, &channel->node, probe_session_next(&channel->session));
}

static void report(struct probe *probe, struct channel *channel, const struct stamp_reply *reply)
{
	struct report *report = mailbox_slot(&channel->reports);
	struct probe_session *session = &channel->session;

	report->life = channel->current.life;
	report->news.state = session->state;
	report->news.lost = !probe_session_measure(session, &report->news.measurement);
	report->news.has_load = reply != NULL && reply->has_load;
	if (report->news.has_load)
		report->news.load = reply->load;
	if (!mailbox_put(&channel->reports))
		return;
	bits_set(&probe->reported, channel->number);
	(void)uv_async_send(&probe->async);
}

static void begin(struct probe *probe, struct channel *channel, const struct order *order, int64_t now)
{
	probe_session_begin(&channel->session, &order->target, order->interval, now);
	probe->active[channel->number] = channel;
	/* There is room: the heap is as large as the table. */
	if (channel->node.position == 0)
		(void)!heap_push(probe->heap, &channel->node, now);
}

void sender_take_order(struct probe *probe, struct channel *channel, int64_t now)
{
	const struct order *order = mailbox_take(&channel->orders);
	bool again;

	if (order == NULL)
		return;
	again = order->life == channel->current.life;
	channel->current = *order;
	if (order->life == 0) {
		probe->active[channel->number] = NULL;
		heap_remove(probe->heap, &channel->node);
		return;
	}
	if (again)
		probe_session_set_interval(&channel->session, order->interval, now);
	else
		begin(probe, channel, order, now);
	schedule(probe, channel);
}

static struct sockaddr_in6 address_of(const struct probe_target *target)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6,
	                               .sin6_port = htons(target->port),
	                               .sin6_scope_id = target->interface};

	memcpy(&address.sin6_addr, target->remote, sizeof(address.sin6_addr));
	return address;
}

static void send_probe(struct probe *probe, struct channel *channel, int64_t now)
{
	const struct probe_target *target = &channel->session.target;
	struct sockaddr_in6 to = address_of(target);
	struct stamp_probe message = {.error = probe->clock,
	                              .session = (uint16_t)(channel->number + 1),
	                              .room = target->load ? LOAD_CODEC_ROOM : 0,
	                              .way_count = target->way_count};
	uint8_t bytes[STAMP_MAXIMUM];

	memcpy(message.way, target->way, sizeof(message.way));
	message.sent = clock_wall(&clock_system);
	message.sequence = probe_session_send(&channel->session, message.sent, now);
	counter_add(&probe->counters.sent);
	thread_send(probe, &probe->outlets[channel->current.socket], &to,
	            (const uint8_t(*)[16])target->segments, target->segment_count, bytes,
	            stamp_encode_probe(&message, probe_key(probe), bytes, sizeof(bytes)));
}

void sender_run(struct probe *probe, int64_t now)
{
	while (heap_least(probe->heap) <= now) {
		struct channel *channel = CONTAINER_OF(heap_peek(probe->heap), struct channel, node);
		bool news = probe_session_step(&channel->session, PROBE_SESSION_WAITED, now);

		if (channel->session.due <= now) {
			send_probe(probe, channel, now);
			news = probe_session_loses(&channel->session) || news;
		}
		schedule(probe, channel);
		if (news)
			report(probe, channel, NULL);
	}
}

static bool is_from(const struct channel *channel, uint32_t outlet, const struct sockaddr_in6 *sender)
{
	return channel != NULL && channel->current.socket == outlet &&
	       memcmp(&sender->sin6_addr, channel->session.target.remote, sizeof(sender->sin6_addr)) == 0 &&
	       ntohs(sender->sin6_port) == channel->session.target.port;
}

/* By the session's number, or (a reflector that knows RFC 8762 alone) by its address. */
static struct channel *find(const struct probe *probe, uint32_t outlet, const struct sockaddr_in6 *sender,
                            uint16_t number)
{
	if (number > PROBE_SESSIONS)
		return NULL;
	if (number > 0)
		return is_from(probe->active[number - 1], outlet, sender) ? probe->active[number - 1] : NULL;
	for (uint32_t i = 0; i < PROBE_SESSIONS; i++)
		if (is_from(probe->active[i], outlet, sender))
			return probe->active[i];
	return NULL;
}

void sender_receive(struct probe *probe, uint32_t outlet, const struct socket_packet *packet, int64_t now)
{
	struct stamp_reply reply;
	struct channel *channel = NULL;
	int code = stamp_decode_reply(packet->bytes, packet->size, probe_key(probe), &reply);

	if (code == 0) {
		channel = find(probe, outlet, &packet->from, reply.session);
		code = channel == NULL ? BUSBAR_ERROR_NOT_FOUND
		                       : probe_session_receive(&channel->session, &reply, packet->arrived);
	}
	if (code < 0) {
		counter_add(&probe->counters.rejected[error_index(code)]);
		return;
	}
	counter_add(&probe->counters.received);
	if (reply.tlvs.error < 0)
		counter_add(&probe->counters.extensions[error_index(reply.tlvs.error)]);
	(void)probe_session_step(&channel->session, PROBE_SESSION_ANSWERED, now);
	schedule(probe, channel);
	report(probe, channel, &reply);
}
