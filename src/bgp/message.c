/* SPDX-License-Identifier: Apache-2.0 */
/* BGP-4 messages: see message.h. */
#include "bgp/message.h"
#include "base/cursor.h"
#include "busbar-error.h"
#include <stdio.h>
#include <string.h>

enum {
	MARKER = 16,
	VERSION = 4,
	OPEN_MINIMUM = 29,
	UPDATE_MINIMUM = 23,
	NOTIFICATION_MINIMUM = 21,
	REFRESH_MINIMUM = 23,
	PARAMETER_CAPABILITIES = 2,
	PARAMETER_EXTENDED = 255, /* RFC 9072: in the place of the first type */
	CAPABILITY_MULTIPROTOCOL = 1,
	CAPABILITY_ROUTE_REFRESH = 2,
	CAPABILITY_EXTENDED_MESSAGE = 6,
	CAPABILITY_GRACEFUL_RESTART = 64,
	CAPABILITY_FOUR_OCTET_AS = 65,
	CAPABILITY_ADD_PATH = 69,
	CAPABILITY_ENHANCED_REFRESH = 70,
	RESTARTING = 0x8000,
	GRACEFUL_NOTIFICATION = 0x4000,
	FORWARDING_KEPT = 0x80,
	ADD_PATH_RECEIVE = 1,
	ADD_PATH_SEND = 2,
	MINIMUM_HOLD_TIME = 3,
};

/* Lengths that a message of each type may have, header included. */
static const struct {
	size_t minimum, maximum;
} limits[] = {
        [MESSAGE_OPEN] = {OPEN_MINIMUM, MESSAGE_MAXIMUM},
        [MESSAGE_UPDATE] = {UPDATE_MINIMUM, MESSAGE_EXTENDED},
        [MESSAGE_NOTIFICATION] = {NOTIFICATION_MINIMUM, MESSAGE_EXTENDED},
        [MESSAGE_KEEPALIVE] = {MESSAGE_HEADER, MESSAGE_HEADER},
        [MESSAGE_ROUTE_REFRESH] = {REFRESH_MINIMUM, MESSAGE_EXTENDED},
};

struct message_error message_error_make(uint8_t code, uint8_t subcode, const void *data, size_t size)
{
	struct message_error error = {.code = code, .subcode = subcode};

	if (data != NULL) {
		error.size = (uint8_t)MINIMUM(size, (size_t)MESSAGE_ERROR_DATA);
		memcpy(error.data, data, error.size);
	}
	return error;
}

static int refuse(struct message_error *ret_error, uint8_t code, uint8_t subcode, const void *data,
                  size_t size)
{
	*ret_error = message_error_make(code, subcode, data, size);
	return BUSBAR_ERROR_MALFORMED;
}

int message_frame(const void *bytes, size_t size, size_t maximum, struct message_frame *ret_frame,
                  struct message_error *ret_error)
{
	static const uint8_t ones[MARKER] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct cursor cursor = cursor_open(bytes, size);
	const uint8_t *marker, *length_field, *body;
	size_t length;
	uint8_t type;

	if (size < MESSAGE_HEADER)
		return 0;
	marker = cursor_bytes(&cursor, MARKER);
	length_field = marker + MARKER;
	length = cursor_u16(&cursor);
	type = cursor_u8(&cursor);
	if (memcmp(marker, ones, MARKER) != 0)
		return refuse(ret_error, MESSAGE_HEADER_ERROR, HEADER_NOT_SYNCHRONISED, NULL, 0);
	if (length < MESSAGE_HEADER || length > maximum)
		return refuse(ret_error, MESSAGE_HEADER_ERROR, HEADER_BAD_LENGTH, length_field, 2);
	if (type < MESSAGE_OPEN || type > MESSAGE_ROUTE_REFRESH)
		return refuse(ret_error, MESSAGE_HEADER_ERROR, HEADER_BAD_TYPE, &type, 1);
	if (length < limits[type].minimum || length > limits[type].maximum)
		return refuse(ret_error, MESSAGE_HEADER_ERROR, HEADER_BAD_LENGTH, length_field, 2);
	if (size < length)
		return 0;
	body = cursor_bytes(&cursor, length - MESSAGE_HEADER);
	*ret_frame = (struct message_frame){
	        .type = type, .size = length, .body = body, .body_size = length - MESSAGE_HEADER};
	return (int)length;
}

static struct writer begin(void *bytes, size_t capacity, enum message_type type)
{
	struct writer writer = writer_open(bytes, capacity);
	uint8_t *marker = writer_reserve(&writer, MARKER);

	if (marker != NULL)
		memset(marker, 0xff, MARKER);
	writer_u16(&writer, 0);
	writer_u8(&writer, (uint8_t)type);
	return writer;
}

static int finish(struct writer *writer)
{
	if (writer->error != 0)
		return writer->error;
	writer_patch_u16(writer, MARKER, (uint16_t)writer_size(writer));
	return (int)writer_size(writer);
}

static void put_restart(struct writer *writer, const struct message_open *open)
{
	writer_u8(writer, CAPABILITY_GRACEFUL_RESTART);
	writer_u8(writer, open->restart_ipv6_unicast ? 6 : 2);
	writer_u16(writer, (uint16_t)((open->restarting ? RESTARTING : 0) |
	                              (open->graceful_notification ? GRACEFUL_NOTIFICATION : 0) |
	                              (open->restart_time & MESSAGE_RESTART_TIME)));
	if (!open->restart_ipv6_unicast)
		return;
	writer_u16(writer, MESSAGE_AFI_IPV6);
	writer_u8(writer, MESSAGE_SAFI_UNICAST);
	writer_u8(writer, open->forwarding_kept ? FORWARDING_KEPT : 0);
}

static void put_empty(struct writer *writer, bool present, uint8_t code)
{
	if (!present)
		return;
	writer_u8(writer, code);
	writer_u8(writer, 0);
}

static void put_capabilities(struct writer *writer, const struct message_open *open)
{
	if (open->ipv6_unicast) {
		writer_u8(writer, CAPABILITY_MULTIPROTOCOL);
		writer_u8(writer, 4);
		writer_u16(writer, MESSAGE_AFI_IPV6);
		writer_u8(writer, 0);
		writer_u8(writer, MESSAGE_SAFI_UNICAST);
	}
	put_empty(writer, open->route_refresh, CAPABILITY_ROUTE_REFRESH);
	put_empty(writer, open->enhanced_refresh, CAPABILITY_ENHANCED_REFRESH);
	put_empty(writer, open->extended_messages, CAPABILITY_EXTENDED_MESSAGE);
	if (open->graceful_restart)
		put_restart(writer, open);
	if (open->four_octet_as) {
		writer_u8(writer, CAPABILITY_FOUR_OCTET_AS);
		writer_u8(writer, 4);
		writer_u32(writer, open->as);
	}
	if (open->add_path_receive || open->add_path_send) {
		writer_u8(writer, CAPABILITY_ADD_PATH);
		writer_u8(writer, 4);
		writer_u16(writer, MESSAGE_AFI_IPV6);
		writer_u8(writer, MESSAGE_SAFI_UNICAST);
		writer_u8(writer, (open->add_path_receive ? ADD_PATH_RECEIVE : 0) |
		                          (open->add_path_send ? ADD_PATH_SEND : 0));
	}
}

int message_open_encode(const struct message_open *open, void *bytes, size_t capacity)
{
	struct writer writer = begin(bytes, capacity, MESSAGE_OPEN);
	size_t parameters, capabilities;

	writer_u8(&writer, VERSION);
	writer_u16(&writer, open->as > UINT16_MAX ? MESSAGE_AS_TRANS : (uint16_t)open->as);
	writer_u16(&writer, open->hold_time);
	writer_u32(&writer, open->identifier);
	parameters = writer_size(&writer);
	writer_u8(&writer, 0);
	writer_u8(&writer, PARAMETER_CAPABILITIES);
	capabilities = writer_size(&writer);
	writer_u8(&writer, 0);
	put_capabilities(&writer, open);
	if (writer.error == 0) {
		writer_patch_u8(&writer, parameters, (uint8_t)(writer_size(&writer) - parameters - 1));
		writer_patch_u8(&writer, capabilities, (uint8_t)(writer_size(&writer) - capabilities - 1));
	}
	return finish(&writer);
}

int message_notification_encode(const struct message_error *error, void *bytes, size_t capacity)
{
	struct writer writer = begin(bytes, capacity, MESSAGE_NOTIFICATION);

	writer_u8(&writer, error->code);
	writer_u8(&writer, error->subcode);
	writer_bytes(&writer, error->data, error->size);
	return finish(&writer);
}

int message_keepalive_encode(void *bytes, size_t capacity)
{
	struct writer writer = begin(bytes, capacity, MESSAGE_KEEPALIVE);

	return finish(&writer);
}

int message_refresh_encode(const struct message_refresh *refresh, void *bytes, size_t capacity)
{
	struct writer writer = begin(bytes, capacity, MESSAGE_ROUTE_REFRESH);

	writer_u16(&writer, refresh->afi);
	writer_u8(&writer, refresh->kind);
	writer_u8(&writer, refresh->safi);
	return finish(&writer);
}

static void take_restart(struct cursor *value, struct message_open *open)
{
	uint16_t head = cursor_u16(value);

	open->graceful_restart = true;
	open->restarting = (head & RESTARTING) != 0;
	open->graceful_notification = (head & GRACEFUL_NOTIFICATION) != 0;
	open->restart_time = head & MESSAGE_RESTART_TIME;
	while (value->error == 0 && cursor_left(value) > 0) {
		uint16_t afi = cursor_u16(value);
		uint8_t safi = cursor_u8(value);
		uint8_t flags = cursor_u8(value);

		if (afi != MESSAGE_AFI_IPV6 || safi != MESSAGE_SAFI_UNICAST)
			continue;
		open->restart_ipv6_unicast = true;
		open->forwarding_kept = (flags & FORWARDING_KEPT) != 0;
	}
}

static void take_add_path(struct cursor *value, struct message_open *open)
{
	while (value->error == 0 && cursor_left(value) > 0) {
		uint16_t afi = cursor_u16(value);
		uint8_t safi = cursor_u8(value);
		uint8_t mode = cursor_u8(value);

		if (afi != MESSAGE_AFI_IPV6 || safi != MESSAGE_SAFI_UNICAST || mode > 3)
			continue;
		open->add_path_receive = (mode & ADD_PATH_RECEIVE) != 0;
		open->add_path_send = (mode & ADD_PATH_SEND) != 0;
	}
}

static void take_multiprotocol(struct cursor *value, struct message_open *open)
{
	uint16_t afi = cursor_u16(value);
	uint8_t safi;

	(void)cursor_u8(value);
	safi = cursor_u8(value);
	if (afi == MESSAGE_AFI_IPV6 && safi == MESSAGE_SAFI_UNICAST)
		open->ipv6_unicast = true;
}

/* Unknown capabilities are ignored (RFC 5492); a known one of a wrong size spoils the OPEN. */
static int take_capability(struct cursor *list, struct message_open *open)
{
	uint8_t code = cursor_u8(list);
	struct cursor value = cursor_part(list, cursor_u8(list));

	switch (code) {
	case CAPABILITY_MULTIPROTOCOL:
		take_multiprotocol(&value, open);
		break;
	case CAPABILITY_ROUTE_REFRESH:
		open->route_refresh = true;
		break;
	case CAPABILITY_ENHANCED_REFRESH:
		open->enhanced_refresh = true;
		break;
	case CAPABILITY_EXTENDED_MESSAGE:
		open->extended_messages = true;
		break;
	case CAPABILITY_GRACEFUL_RESTART:
		take_restart(&value, open);
		break;
	case CAPABILITY_FOUR_OCTET_AS:
		open->four_octet_as = true;
		open->as = cursor_u32(&value);
		break;
	case CAPABILITY_ADD_PATH:
		take_add_path(&value, open);
		break;
	default:
		(void)cursor_bytes(&value, cursor_left(&value));
		break;
	}
	return cursor_finish(&value);
}

/* Returns 0, or the OPEN error's subcode + 1. Lengths are of two octets in the extended form. */
static int take_parameters(struct cursor *parameters, bool extended, struct message_open *open)
{
	while (parameters->error == 0 && cursor_left(parameters) > 0) {
		uint8_t type = cursor_u8(parameters);
		size_t size = extended ? cursor_u16(parameters) : cursor_u8(parameters);
		struct cursor list = cursor_part(parameters, size);

		if (parameters->error == 0 && type != PARAMETER_CAPABILITIES)
			return OPEN_UNSUPPORTED_PARAMETER + 1;
		while (list.error == 0 && cursor_left(&list) > 0)
			if (take_capability(&list, open) < 0)
				return OPEN_UNSPECIFIC + 1;
		if (list.error != 0)
			return OPEN_UNSPECIFIC + 1;
	}
	return parameters->error == 0 ? 0 : OPEN_UNSPECIFIC + 1;
}

int message_open_decode(const void *body, size_t size, struct message_open *ret_open,
                        struct message_error *ret_error)
{
	static const uint8_t version[2] = {0, VERSION};
	struct cursor cursor = cursor_open(body, size);
	struct cursor parameters;
	struct message_open open = {0};
	uint8_t length;
	bool extended;
	int wrong;

	if (cursor_u8(&cursor) != VERSION)
		return refuse(ret_error, MESSAGE_OPEN_ERROR, OPEN_UNSUPPORTED_VERSION, version, 2);
	open.as = cursor_u16(&cursor);
	open.hold_time = cursor_u16(&cursor);
	open.identifier = cursor_u32(&cursor);
	length = cursor_u8(&cursor);
	extended = length > 0 && cursor_left(&cursor) > 0 && *cursor.next == PARAMETER_EXTENDED;
	if (extended)
		(void)cursor_u8(&cursor);
	parameters = cursor_part(&cursor, extended ? cursor_u16(&cursor) : length);
	if (cursor_finish(&cursor) < 0)
		return refuse(ret_error, MESSAGE_OPEN_ERROR, OPEN_UNSPECIFIC, NULL, 0);
	wrong = take_parameters(&parameters, extended, &open);
	if (wrong != 0)
		return refuse(ret_error, MESSAGE_OPEN_ERROR, (uint8_t)(wrong - 1), NULL, 0);
	if (open.as == 0)
		return refuse(ret_error, MESSAGE_OPEN_ERROR, OPEN_BAD_PEER_AS, NULL, 0);
	if (open.identifier == 0)
		return refuse(ret_error, MESSAGE_OPEN_ERROR, OPEN_BAD_IDENTIFIER, NULL, 0);
	if (open.hold_time != 0 && open.hold_time < MINIMUM_HOLD_TIME)
		return refuse(ret_error, MESSAGE_OPEN_ERROR, OPEN_BAD_HOLD_TIME, NULL, 0);
	*ret_open = open;
	return 0;
}

int message_notification_decode(const void *body, size_t size, struct message_error *ret_error)
{
	struct cursor cursor = cursor_open(body, size);
	uint8_t code = cursor_u8(&cursor);
	uint8_t subcode = cursor_u8(&cursor);
	size_t left = cursor_left(&cursor);
	const uint8_t *data = cursor_bytes(&cursor, left);

	if (cursor_finish(&cursor) < 0)
		return BUSBAR_ERROR_MALFORMED;
	*ret_error = message_error_make(code, subcode, left > 0 ? data : NULL, left);
	return 0;
}

/* RFC 7313 section 5: whatever is not four octets is answered with the message itself. */
int message_refresh_decode(const void *body, size_t size, struct message_refresh *ret_refresh,
                           struct message_error *ret_error)
{
	struct cursor cursor = cursor_open(body, size);
	struct message_refresh refresh = {.afi = cursor_u16(&cursor)};

	refresh.kind = cursor_u8(&cursor);
	refresh.safi = cursor_u8(&cursor);
	if (cursor_finish(&cursor) < 0)
		return refuse(ret_error, MESSAGE_REFRESH_ERROR, REFRESH_BAD_LENGTH, body, size);
	*ret_refresh = refresh;
	return 0;
}

static const struct {
	uint8_t code, subcode;
	const char *name;
} names[] = {
        {MESSAGE_HEADER_ERROR, HEADER_NOT_SYNCHRONISED, "connection not synchronised"},
        {MESSAGE_HEADER_ERROR, HEADER_BAD_LENGTH, "bad message length"},
        {MESSAGE_HEADER_ERROR, HEADER_BAD_TYPE, "bad message type"},
        {MESSAGE_OPEN_ERROR, OPEN_UNSUPPORTED_VERSION, "unsupported version"},
        {MESSAGE_OPEN_ERROR, OPEN_BAD_PEER_AS, "bad peer AS"},
        {MESSAGE_OPEN_ERROR, OPEN_BAD_IDENTIFIER, "bad BGP identifier"},
        {MESSAGE_OPEN_ERROR, OPEN_UNSUPPORTED_PARAMETER, "unsupported optional parameter"},
        {MESSAGE_OPEN_ERROR, OPEN_BAD_HOLD_TIME, "unacceptable hold time"},
        {MESSAGE_OPEN_ERROR, OPEN_UNSUPPORTED_CAPABILITY, "a needed capability is missing"},
        {MESSAGE_OPEN_ERROR, OPEN_UNSPECIFIC, "malformed OPEN"},
        {MESSAGE_UPDATE_ERROR, UPDATE_MALFORMED_LIST, "malformed attribute list"},
        {MESSAGE_UPDATE_ERROR, UPDATE_UNKNOWN_WELL_KNOWN, "unrecognised well-known attribute"},
        {MESSAGE_UPDATE_ERROR, UPDATE_OPTIONAL_ERROR, "optional attribute error"},
        {MESSAGE_UPDATE_ERROR, UPDATE_BAD_NETWORK, "invalid network field"},
        {MESSAGE_HOLD_EXPIRED, 0, "hold timer expired"},
        {MESSAGE_FSM_ERROR, FSM_IN_OPEN_SENT, "unexpected message in OpenSent"},
        {MESSAGE_FSM_ERROR, FSM_IN_OPEN_CONFIRM, "unexpected message in OpenConfirm"},
        {MESSAGE_FSM_ERROR, FSM_IN_ESTABLISHED, "unexpected message in Established"},
        {MESSAGE_CEASE, CEASE_MAXIMUM_PREFIXES, "maximum number of prefixes reached"},
        {MESSAGE_CEASE, CEASE_SHUTDOWN, "administrative shutdown"},
        {MESSAGE_CEASE, CEASE_DECONFIGURED, "peer de-configured"},
        {MESSAGE_CEASE, CEASE_RESET, "administrative reset"},
        {MESSAGE_CEASE, CEASE_REJECTED, "connection rejected"},
        {MESSAGE_CEASE, CEASE_CHANGED, "other configuration change"},
        {MESSAGE_CEASE, CEASE_COLLISION, "connection collision"},
        {MESSAGE_CEASE, CEASE_RESOURCES, "out of resources"},
        {MESSAGE_CEASE, CEASE_HARD_RESET, "hard reset"},
        {MESSAGE_REFRESH_ERROR, REFRESH_BAD_LENGTH, "bad length of a ROUTE-REFRESH"},
        {MESSAGE_SEND_HOLD_EXPIRED, 0, "send hold timer expired"},
};

const char *message_error_name(const struct message_error *error)
{
	static const char *const codes[] = {
	        "none",         "message header error", "OPEN error",
	        "UPDATE error", "hold timer expired",   "state machine error",
	        "cease",        "ROUTE-REFRESH error",  "send hold timer expired",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].code == error->code && names[i].subcode == error->subcode)
			return names[i].name;
	return error->code < ARRAY_SIZE(codes) ? codes[error->code] : "unknown error";
}

struct message_error message_cease(uint8_t subcode, const char *words)
{
	struct message_error error = message_error_make(MESSAGE_CEASE, subcode, NULL, 0);
	size_t size = MINIMUM(strlen(words), (size_t)MESSAGE_ERROR_DATA - 1);

	error.data[0] = (uint8_t)size;
	memcpy(&error.data[1], words, size);
	error.size = (uint8_t)(1 + size);
	return error;
}

struct message_error message_hard_reset(const struct message_error *error)
{
	struct message_error reset = message_error_make(MESSAGE_CEASE, CEASE_HARD_RESET, NULL, 0);
	size_t size = MINIMUM((size_t)error->size, (size_t)MESSAGE_ERROR_DATA - 2);

	reset.data[0] = error->code;
	reset.data[1] = error->subcode;
	memcpy(&reset.data[2], error->data, size);
	reset.size = (uint8_t)(2 + size);
	return reset;
}

/* Appends to `text`, which ends in NUL and stays so. */
static void append(char *text, size_t capacity, const char *more, size_t size)
{
	size_t used = strlen(text);

	for (size_t i = 0; i < size && used + 1 < capacity; i++)
		text[used++] = more[i] >= ' ' && more[i] <= '~' ? more[i] : '?';
	text[used] = '\0';
}

static void append_name(char *text, size_t capacity, const struct message_error *error)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%u/%u %s", error->code, error->subcode,
	               message_error_name(error));
	append(text, capacity, name, strlen(name));
}

void message_error_describe(const struct message_error *error, char *text, size_t capacity)
{
	struct message_error inner = *error;

	text[0] = '\0';
	append_name(text, capacity, error);
	if (error->code == MESSAGE_CEASE && error->subcode == CEASE_HARD_RESET && error->size >= 2) {
		inner = message_error_make(error->data[0], error->data[1], &error->data[2], error->size - 2u);
		append(text, capacity, ": ", 2);
		append_name(text, capacity, &inner);
	}
	if (inner.code != MESSAGE_CEASE ||
	    (inner.subcode != CEASE_SHUTDOWN && inner.subcode != CEASE_RESET) || inner.size < 2)
		return;
	append(text, capacity, ": ", 2);
	append(text, capacity, (const char *)&inner.data[1], MINIMUM(inner.data[0], inner.size - 1u));
}
