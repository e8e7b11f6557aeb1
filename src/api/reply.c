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

static void send_octets(const struct request *request, const uint8_t *bytes, size_t size)
{
	/* A full socket buffer loses the reply, as the network may; the client asks again. */
	if (sendto(request->descriptor, bytes, size, MSG_DONTWAIT, (const struct sockaddr *)&request->sender,
	           sizeof(request->sender)) < 0)
		log_debug(TAG, "event=reply-lost cause=\"%s\"", error_text(-errno));
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
	send_octets(request, bytes, (size_t)size);
}

void reply_error(struct front *front, const struct request *request, int code)
{
	struct datagram reply = {.type = DATAGRAM_ERROR};
	char address[INET6_ADDRSTRLEN] = "";

	(void)__atomic_fetch_add(&front->refusals[error_index(code)], 1, __ATOMIC_RELAXED);
	(void)inet_ntop(AF_INET6, &request->sender.sin6_addr, address, sizeof(address));
	log_notice(TAG, "event=refused from=%s type=%d error=%d cause=\"%s\"", address,
	           request->datagram.type, code, error_text(code));
	reply.error.code = code;
	/* A stranger's request may be short: the code alone must do for it. */
	if (request->tenant != NULL)
		text_copy(reply.error.text, sizeof(reply.error.text), error_text(code));
	reply_send(front, request, &reply);
}
