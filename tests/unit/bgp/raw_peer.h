/* SPDX-License-Identifier: Apache-2.0 */
/* A peer made by hand: a socket that says exactly what a test wants and shows what comes back. */
#ifndef TESTS_BGP_RAW_PEER_H
#define TESTS_BGP_RAW_PEER_H

#include "bgp/update.h"
#include "tests/unit/bgp/speaker_harness.h"

struct raw_peer {
	int descriptor;
	struct harness *harness;
	size_t used, taken; /* of bytes: received, and given to the test */
	uint8_t bytes[2 * MESSAGE_EXTENDED];
};

/* Connects to a speaker's port on ::1. */
void raw_open(struct raw_peer *peer, struct harness *harness, uint16_t port);
void raw_close(struct raw_peer *peer);
void raw_send(struct raw_peer *peer, const void *bytes, size_t size);
void raw_send_open(struct raw_peer *peer, uint32_t as, bool add_path, bool extended);
/* An OPEN as given; whatever is 0 of identifier, hold time and the two needed capabilities is filled in. */
void raw_send_this_open(struct raw_peer *peer, struct message_open open);
/* Announces or withdraws 2001:db8:0:N::/64 with our attribute 255 of one octet. */
void raw_announce(struct raw_peer *peer, uint32_t as, uint16_t number, uint8_t value);
void raw_withdraw(struct raw_peer *peer, uint16_t number);
void raw_send_end_of_rib(struct raw_peer *peer);
void raw_send_refresh(struct raw_peer *peer, enum message_refresh_kind kind);
void raw_send_keepalive(struct raw_peer *peer);
/* An UPDATE whose attribute list is given in hexadecimal, or in octets. */
void raw_send_update(struct raw_peer *peer, const char *attributes);
void raw_send_list(struct raw_peer *peer, const uint8_t *attributes, size_t size);
/*
 * The next message, while the loop turns; fails the test after ten seconds. False: the connection ended.
 * The frame is valid until the next call.
 */
bool raw_receive(struct raw_peer *peer, struct message_frame *ret_frame);
/* The next message that is no KEEPALIVE, which must be of that type. */
struct message_frame raw_expect(struct raw_peer *peer, enum message_type type);
/* That NOTIFICATION and then the end. */
void raw_expect_refusal(struct raw_peer *peer, uint8_t code, uint8_t subcode);
/* OPENs and KEEPALIVEs both ways. */
void raw_establish(struct raw_peer *peer, struct harness *harness, uint16_t port, uint32_t as, bool add_path);

#endif
