/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BGP-4 messages: framing, OPEN, NOTIFICATION, KEEPALIVE and ROUTE-REFRESH (UPDATE has its own file).
 *
 * Standards: RFC 4271 section 4 and 6; RFC 5492 and RFC 9072 (capabilities), RFC 4760 (multiprotocol), RFC
 * 6793 (4-octet AS), RFC 7911 (ADD-PATH), RFC 8654 (extended messages), RFC 2918 and RFC 7313 (route
 * refresh), RFC 4724 and RFC 8538 (graceful restart), RFC 9003 (shutdown communication), RFC 9687 (send hold
 * timer). Nothing here allocates. A decoder that refuses a message fills a struct message_error: the
 * NOTIFICATION that the peer is to get.
 */
#ifndef BGP_MESSAGE_H
#define BGP_MESSAGE_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum message_type {
	MESSAGE_OPEN = 1,
	MESSAGE_UPDATE = 2,
	MESSAGE_NOTIFICATION = 3,
	MESSAGE_KEEPALIVE = 4,
	MESSAGE_ROUTE_REFRESH = 5,
};

enum {
	MESSAGE_HEADER = 19,         /* marker, length, type */
	MESSAGE_MAXIMUM = 4096,      /* whole message, RFC 4271 */
	MESSAGE_EXTENDED = 65535,    /* whole message where both sides said so, RFC 8654 */
	MESSAGE_ERROR_DATA = 255,    /* octets of diagnostic data that are kept and sent */
	MESSAGE_RESTART_TIME = 4095, /* s; the longest that can be said, RFC 4724 */
	MESSAGE_AS_TRANS = 23456,    /* RFC 6793: stands for an AS number above 65535 */
	MESSAGE_AFI_IPV6 = 2,
	MESSAGE_SAFI_UNICAST = 1,
};

/* RFC 4271 section 4.5 with RFC 4486, RFC 6608, RFC 7313, RFC 8538 and RFC 9687. */
enum message_code {
	MESSAGE_HEADER_ERROR = 1,
	MESSAGE_OPEN_ERROR = 2,
	MESSAGE_UPDATE_ERROR = 3,
	MESSAGE_HOLD_EXPIRED = 4,
	MESSAGE_FSM_ERROR = 5,
	MESSAGE_CEASE = 6,
	MESSAGE_REFRESH_ERROR = 7,
	MESSAGE_SEND_HOLD_EXPIRED = 8,
};
enum message_header_subcode { HEADER_NOT_SYNCHRONISED = 1, HEADER_BAD_LENGTH = 2, HEADER_BAD_TYPE = 3 };
enum message_open_subcode {
	OPEN_UNSPECIFIC = 0,
	OPEN_UNSUPPORTED_VERSION = 1,
	OPEN_BAD_PEER_AS = 2,
	OPEN_BAD_IDENTIFIER = 3,
	OPEN_UNSUPPORTED_PARAMETER = 4,
	OPEN_BAD_HOLD_TIME = 6,
	OPEN_UNSUPPORTED_CAPABILITY = 7,
};
enum message_update_subcode {
	UPDATE_MALFORMED_LIST = 1,
	UPDATE_UNKNOWN_WELL_KNOWN = 2,
	UPDATE_OPTIONAL_ERROR = 9,
	UPDATE_BAD_NETWORK = 10,
};
enum message_fsm_subcode { FSM_IN_OPEN_SENT = 1, FSM_IN_OPEN_CONFIRM = 2, FSM_IN_ESTABLISHED = 3 };
enum message_cease_subcode {
	CEASE_MAXIMUM_PREFIXES = 1,
	CEASE_SHUTDOWN = 2,
	CEASE_DECONFIGURED = 3,
	CEASE_RESET = 4,
	CEASE_REJECTED = 5,
	CEASE_CHANGED = 6,
	CEASE_COLLISION = 7,
	CEASE_RESOURCES = 8,
	CEASE_HARD_RESET = 9,
};
enum message_refresh_subcode { REFRESH_BAD_LENGTH = 1 };

/* What a NOTIFICATION says; data beyond MESSAGE_ERROR_DATA octets is left out. code 0: nothing. */
struct message_error {
	uint8_t code;
	uint8_t subcode;
	uint8_t size;
	uint8_t data[MESSAGE_ERROR_DATA];
};

/* One whole message; body points into the bytes that were framed. */
struct message_frame {
	uint8_t type;
	size_t size; /* header included */
	const uint8_t *body;
	size_t body_size;
};

struct message_open {
	uint32_t as;
	uint32_t identifier;
	uint16_t hold_time; /* seconds */
	bool ipv6_unicast;
	bool four_octet_as;
	bool extended_messages;
	bool add_path_receive; /* for IPv6 unicast, as the sender of the OPEN says */
	bool add_path_send;
	bool route_refresh, enhanced_refresh;
	bool graceful_restart;      /* the capability is there, and for IPv6 unicast where the next says so */
	bool restart_ipv6_unicast;  /* its routes may be kept */
	bool forwarding_kept;       /* F bit: what they lead to still forwards */
	bool restarting;            /* R bit */
	bool graceful_notification; /* N bit */
	uint16_t restart_time;      /* seconds */
};

enum message_refresh_kind { REFRESH_REQUEST = 0, REFRESH_BEGIN = 1, REFRESH_END = 2 };

struct message_refresh {
	uint16_t afi;
	uint8_t safi;
	uint8_t kind; /* enum message_refresh_kind, or one not known here: to be ignored */
};

/*
 * The first message in `bytes`. `maximum` is MESSAGE_MAXIMUM or MESSAGE_EXTENDED. Returns the message's
 * size, 0 when more bytes are needed, or MALFORMED with *ret_error filled.
 */
int message_frame(const void *bytes, size_t size, size_t maximum, struct message_frame *ret_frame,
                  struct message_error *ret_error) CHECKED;

/* These return the size of the whole message, or TOO_LARGE. */
int message_open_encode(const struct message_open *open, void *bytes, size_t capacity) CHECKED;
int message_notification_encode(const struct message_error *error, void *bytes, size_t capacity) CHECKED;
int message_keepalive_encode(void *bytes, size_t capacity) CHECKED;
int message_refresh_encode(const struct message_refresh *refresh, void *bytes, size_t capacity) CHECKED;

/* Bodies as framed. On failure MALFORMED; *ret_open is untouched and *ret_error filled. */
int message_open_decode(const void *body, size_t size, struct message_open *ret_open,
                        struct message_error *ret_error) CHECKED;
/* A NOTIFICATION that is too short gives MALFORMED: it is not answered (RFC 4271 section 6.4). */
int message_notification_decode(const void *body, size_t size, struct message_error *ret_error) CHECKED;

int message_refresh_decode(const void *body, size_t size, struct message_refresh *ret_refresh,
                           struct message_error *ret_error) CHECKED;

/* An error made of its parts; data may be NULL. */
struct message_error message_error_make(uint8_t code, uint8_t subcode, const void *data, size_t size);
/* The error's name in plain words, never NULL. */
const char *message_error_name(const struct message_error *error);
/*
 * The whole of it: numbers, name, what a hard reset (RFC 8538) wraps, what a shutdown communication (RFC
 * 9003) says. Cut short to fit `capacity`; whatever is not printable ASCII becomes a question mark.
 */
void message_error_describe(const struct message_error *error, char *text, size_t capacity);
/* A CEASE that says why in words; they are cut short where they are too long. */
struct message_error message_cease(uint8_t subcode, const char *words);
/* The same error as a hard reset: routes are not to be kept (RFC 8538 section 3). */
struct message_error message_hard_reset(const struct message_error *error);

#endif
