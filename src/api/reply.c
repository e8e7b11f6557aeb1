/* SPDX-License-Identifier: Apache-2.0 */
/* Replies to clients: authenticated for tenants, and never more than was sent for strangers. */
#include "api/front_internal.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define TAG "front"

/* Where a reply goes: the first part of a message in the outbox. */
struct place {
	int descriptor;
	struct sockaddr_in6 to;
};

/* A full socket buffer loses replies, as the network may; the client asks again. */
static void send_run(struct mmsghdr *messages, size_t count, int descriptor)
{
	if (sendmmsg(descriptor, messages, (unsigned)count, MSG_DONTWAIT) != (int)count)
		log_debug(TAG, "event=replies-lost cause=\"%s\"", error_text(-errno));
}

/* Neighbours that leave by the same socket leave together. */
static void send_batch(void *context, const struct iovec *octets, size_t count)
{
	struct mmsghdr messages[OUTBOX_BATCH];
	struct iovec vectors[OUTBOX_BATCH];
	struct place places[OUTBOX_BATCH];
	size_t first = 0;

	for (size_t i = 0; i < count; i++) {
		memcpy(&places[i], octets[i].iov_base, sizeof(places[i]));
		vectors[i] = (struct iovec){(uint8_t *)octets[i].iov_base + sizeof(places[i]),
		                            octets[i].iov_len - sizeof(places[i])};
		messages[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &places[i].to,
		                                           .msg_namelen = sizeof(places[i].to),
		                                           .msg_iov = &vectors[i],
		                                           .msg_iovlen = 1}};
		if (places[i].descriptor == places[first].descriptor)
			continue;
		send_run(&messages[first], i - first, places[first].descriptor);
		first = i;
	}
	send_run(&messages[first], count - first, places[first].descriptor);
}

const outbox_send reply_batch = send_batch;

/* By way of the gateway where the client is: it has the socket that the client listens to. */
static void relay(struct front *front, const struct request *request, const uint8_t *bytes, size_t size)
{
	const struct datagram *datagram = &request->datagram;
	struct answer answer = {
	        .type = ANSWER_RELAY,
	        .program = datagram->type == DATAGRAM_FOLLOW ? datagram->follow.task : datagram->identifier,
	        .relay = {.client.port = ntohs(request->sender.sin6_port), .size = (uint32_t)size}};
	int code;

	memcpy(answer.relay.client.address, &request->sender.sin6_addr, 16);
	memcpy(answer.relay.datagram, bytes, size);
	code = front->settings.answer(front->settings.context, request->via, &answer);
	if (code < 0)
		log_debug(TAG, "event=not-relayed cause=\"%s\"", error_text(code));
}

void reply_octets(struct front *front, const struct request *request, const uint8_t *bytes, size_t size)
{
	struct place place = {.descriptor = request->descriptor, .to = request->sender};
	const struct iovec parts[] = {{&place, sizeof(place)}, {(void *)(uintptr_t)bytes, size}};

	if (!gateway_is_none(request->via)) {
		relay(front, request, bytes, size);
		return;
	}
	if (request->at_once) {
		if (sendto(request->descriptor, bytes, size, MSG_DONTWAIT,
		           (const struct sockaddr *)&request->sender, sizeof(request->sender)) < 0)
			log_debug(TAG, "event=reply-lost cause=\"%s\"", error_text(-errno));
		return;
	}
	if (outbox_put(front->outbox, database_position(front->settings.database), parts, ARRAY_SIZE(parts)) <
	    0)
		log_debug(TAG, "event=reply-dropped");
}

void reply_send(struct front *front, const struct request *request, struct datagram *reply)
{
	uint8_t bytes[DATAGRAM_MAXIMUM];
	const uint8_t *secret = request->tenant == NULL ? NULL : request->tenant->secret;
	int size;

	reply->key = request->datagram.key;
	reply->identifier = request->datagram.identifier;
	reply->sent = front_wall(front);
	size = datagram_encode(reply, NULL, secret, bytes, sizeof(bytes));
	if (size < 0) {
		log_error(TAG, "event=reply-not-encoded cause=\"%s\"", error_text(size));
		return;
	}
	/* Towards strangers this is no amplifier. */
	if (secret == NULL && (size_t)size > request->size)
		return;
	reply_octets(front, request, bytes, (size_t)size);
}

void reply_refusal(struct front *front, const struct request *request, int code, const char *text)
{
	struct datagram reply = {.type = DATAGRAM_ERROR};
	char address[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(AF_INET6, &request->sender.sin6_addr, address, sizeof(address));
	log_notice(TAG, "event=refused from=%s type=%d error=%d cause=\"%s\"", address,
	           request->datagram.type, code, text);
	reply.error.code = code;
	/* A stranger's request may be short: the code alone must do for it. */
	if (request->tenant != NULL)
		text_copy(reply.error.text, sizeof(reply.error.text), text);
	reply_send(front, request, &reply);
	/* Last, so that who sees it counted finds it answered. */
	(void)__atomic_fetch_add(&front->refusals[error_index(code)], 1, __ATOMIC_RELEASE);
}

void reply_error(struct front *front, const struct request *request, int code)
{
	reply_refusal(front, request, code, error_text(code));
}
