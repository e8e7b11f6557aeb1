/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BGP messages as they come from a peer. The first octet is the session: 1 external, 2 with ADD-PATH, 4
 * extended messages. What is accepted encodes to a message that is accepted; a refusal names its
 * NOTIFICATION.
 */
#include "bgp/message.h"
#include "bgp/update.h"
#include <stdlib.h>
#include <string.h>

enum { EXTERNAL = 1, ADD_PATH = 2, EXTENDED = 4, OPAQUE = 255 };

static void check_refused(const struct message_error *error)
{
	if (error->code == 0 || message_error_name(error)[0] == '\0')
		abort();
}

static void check_open(const struct message_frame *frame)
{
	uint8_t bytes[MESSAGE_MAXIMUM];
	struct message_error error = {0};
	struct message_open open, again;
	int size;

	if (message_open_decode(frame->body, frame->body_size, &open, &error) < 0) {
		check_refused(&error);
		return;
	}
	size = message_open_encode(&open, bytes, sizeof(bytes));
	if (size < 0 ||
	    message_open_decode(bytes + MESSAGE_HEADER, (size_t)size - MESSAGE_HEADER, &again, &error) < 0)
		abort();
	if (again.as != open.as || again.identifier != open.identifier || again.hold_time != open.hold_time ||
	    again.graceful_restart != open.graceful_restart ||
	    again.restart_ipv6_unicast != open.restart_ipv6_unicast ||
	    again.route_refresh != open.route_refresh)
		abort();
}

static size_t count(struct update_nlri nlri)
{
	struct update_prefix prefix;
	size_t number = 0;

	while (update_next(&nlri, &prefix))
		number++;
	return number;
}

static void check_update(const struct message_frame *frame, unsigned session)
{
	static uint8_t bytes[MESSAGE_EXTENDED];
	static struct update update, again;
	const struct update_form form = {.add_path = (session & ADD_PATH) != 0,
	                                 .external = (session & EXTERNAL) != 0,
	                                 .opaque_code = OPAQUE};
	struct message_error error = {0};
	int size;

	if (update_decode(&form, frame->body, frame->body_size, &update, &error) < 0) {
		check_refused(&error);
		return;
	}
	if (update.treat_as_withdraw)
		return;
	size = update_encode(&form, &update, bytes, sizeof(bytes));
	if (size < 0)
		return;
	if (update_decode(&form, bytes + MESSAGE_HEADER, (size_t)size - MESSAGE_HEADER, &again, &error) < 0 ||
	    again.treat_as_withdraw || count(again.announced) != count(update.announced) ||
	    count(again.withdrawn) != count(update.withdrawn))
		abort();
}

static void check_notification(const struct message_frame *frame)
{
	struct message_error error = {0};
	char text[64];

	if (message_notification_decode(frame->body, frame->body_size, &error) < 0)
		return;
	message_error_describe(&error, text, sizeof(text));
	if (message_error_name(&error) == NULL || text[0] == '\0' || memchr(text, '\0', sizeof(text)) == NULL)
		abort();
	error = message_hard_reset(&error);
	message_error_describe(&error, text, sizeof(text));
}

static void check_refresh(const struct message_frame *frame)
{
	uint8_t bytes[MESSAGE_HEADER + 4];
	struct message_error error = {0};
	struct message_refresh refresh;

	if (message_refresh_decode(frame->body, frame->body_size, &refresh, &error) < 0) {
		check_refused(&error);
		return;
	}
	if (message_refresh_encode(&refresh, bytes, sizeof(bytes)) != sizeof(bytes) ||
	    memcmp(bytes + MESSAGE_HEADER, frame->body, 4) != 0)
		abort();
}

static void check_message(const struct message_frame *frame, unsigned session)
{
	if (frame->type == MESSAGE_OPEN)
		check_open(frame);
	if (frame->type == MESSAGE_UPDATE)
		check_update(frame, session);
	if (frame->type == MESSAGE_NOTIFICATION)
		check_notification(frame);
	if (frame->type == MESSAGE_ROUTE_REFRESH)
		check_refresh(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message_frame frame;
	struct message_error error = {0};
	unsigned session = size > 0 ? data[0] : 0;
	int code = 1;

	for (size_t at = 1; at < size && code > 0; at += code > 0 ? (size_t)code : 0) {
		code = message_frame(data + at, size - at,
		                     session & EXTENDED ? MESSAGE_EXTENDED : MESSAGE_MAXIMUM, &frame, &error);
		if (code < 0)
			check_refused(&error);
		if (code > 0)
			check_message(&frame, session);
	}
	return 0;
}
