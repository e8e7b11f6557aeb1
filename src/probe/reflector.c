/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/error.h"
#include "probe/probe_internal.h"

/* Stateless (RFC 8762 4.3): the sequence is the sender's. */
static struct stamp_reply reply_to(struct probe *probe, const struct stamp_probe *asked,
                                   const struct socket_packet *packet)
{
	const struct site_load *newer = mailbox_take(&probe->load);
	struct stamp_reply reply = {.sequence = asked->sequence,
	                            .error = probe->clock,
	                            .session = asked->session,
	                            .received = packet->arrived,
	                            .sender_sequence = asked->sequence,
	                            .sender_sent = asked->sent,
	                            .sender_error = asked->error,
	                            .sender_ttl = packet->hop_limit,
	                            .tlvs = asked->tlvs,
	                            .way_refused = probe->raw < 0};

	if (newer != NULL)
		probe->told = newer;
	reply.has_load = asked->room > 0 && probe->told != NULL;
	if (reply.has_load)
		reply.load = *probe->told;
	return reply;
}

/* What costs least to find out is found out first. */
static int look_at(struct probe *probe, const struct socket_packet *packet, int64_t now,
                   struct stamp_probe *ret_asked)
{
	if (!limit_take(&probe->limit, packet->from.sin6_addr.s6_addr, now))
		return BUSBAR_ERROR_RATE;
	return stamp_decode_probe(packet->bytes, packet->size, probe_key(probe), ret_asked);
}

void reflector_receive(struct probe *probe, const struct outlet *outlet, const struct socket_packet *packet,
                       int64_t now)
{
	struct stamp_probe asked;
	struct stamp_reply reply;
	uint8_t bytes[STAMP_MAXIMUM];
	int code = look_at(probe, packet, now, &asked);

	if (code < 0) {
		counter_add(&probe->counters.refused[error_index(code)]);
		return;
	}
	reply = reply_to(probe, &asked, packet);
	counter_add(&probe->counters.answered);
	reply.sent = clock_wall(&clock_system);
	thread_send(probe, outlet, &packet->from, (const uint8_t(*)[16])asked.way,
	            reply.way_refused ? 0 : asked.way_count, bytes,
	            stamp_encode_reply(&reply, probe_key(probe), bytes, sizeof(bytes)));
}
