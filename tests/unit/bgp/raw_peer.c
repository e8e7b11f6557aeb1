/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/bgp/raw_peer.h"
#include "base/hex.h"
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

void raw_open(struct raw_peer *peer, struct harness *harness, uint16_t port)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6,
	                               .sin6_addr = in6addr_loopback,
	                               .sin6_port = htons(port)};

	*peer = (struct raw_peer){.harness = harness,
	                          .descriptor = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	T_TRUE(peer->descriptor >= 0);
	T_OK(connect(peer->descriptor, (const struct sockaddr *)&address, sizeof(address)));
}

void raw_close(struct raw_peer *peer)
{
	T_OK(close(peer->descriptor));
	peer->descriptor = -1;
}

void raw_send(struct raw_peer *peer, const void *bytes, size_t size)
{
	T_EQ(send(peer->descriptor, bytes, size, MSG_NOSIGNAL), size);
}

void raw_send_open(struct raw_peer *peer, uint32_t as, bool add_path, bool extended)
{
	const struct message_open open = {.as = as,
	                                  .identifier = as,
	                                  .hold_time = 90,
	                                  .ipv6_unicast = true,
	                                  .four_octet_as = true,
	                                  .extended_messages = extended,
	                                  .add_path_receive = add_path,
	                                  .add_path_send = add_path};
	uint8_t bytes[128];
	int size = message_open_encode(&open, bytes, sizeof(bytes));

	T_OK(size);
	raw_send(peer, bytes, (size_t)size);
}

void raw_send_this_open(struct raw_peer *peer, struct message_open open)
{
	uint8_t bytes[128];
	int size;

	open.identifier = open.identifier != 0 ? open.identifier : open.as;
	open.hold_time = open.hold_time != 0 ? open.hold_time : 90;
	open.ipv6_unicast = true;
	open.four_octet_as = true;
	size = message_open_encode(&open, bytes, sizeof(bytes));
	T_OK(size);
	raw_send(peer, bytes, (size_t)size);
}

static void send_update(struct raw_peer *peer, struct update *update)
{
	const struct update_form form = {.external = true, .opaque_code = HARNESS_ATTRIBUTE};
	uint8_t bytes[512];
	int size = update_encode(&form, update, bytes, sizeof(bytes));

	T_OK(size);
	raw_send(peer, bytes, (size_t)size);
}

static size_t put_number(uint8_t nlri[UPDATE_PREFIX_MAXIMUM], uint16_t number)
{
	const struct update_prefix prefix = {.address = {0x20, 0x01, 0x0d, 0xb8, 0, 0, (uint8_t)(number >> 8),
	                                                 (uint8_t)number},
	                                     .length = 64};
	struct writer writer = writer_open(nlri, UPDATE_PREFIX_MAXIMUM);

	update_put_prefix(&writer, &prefix, false);
	return writer_size(&writer);
}

void raw_announce(struct raw_peer *peer, uint32_t as, uint16_t number, uint8_t value)
{
	uint8_t nlri[UPDATE_PREFIX_MAXIMUM];
	struct update update = {.attributes = {.next_hop = {[15] = 1},
	                                       .as_path = &as,
	                                       .as_count = 1,
	                                       .has_opaque = true,
	                                       .opaque = &value,
	                                       .opaque_size = 1}};

	update.announced = (struct update_nlri){nlri, put_number(nlri, number), false};
	send_update(peer, &update);
}

void raw_withdraw(struct raw_peer *peer, uint16_t number)
{
	uint8_t nlri[UPDATE_PREFIX_MAXIMUM];
	struct update update = {.withdrawn = {nlri, put_number(nlri, number), false}};

	send_update(peer, &update);
}

void raw_send_end_of_rib(struct raw_peer *peer)
{
	struct update update = {.end_of_rib = true};

	send_update(peer, &update);
}

void raw_send_refresh(struct raw_peer *peer, enum message_refresh_kind kind)
{
	const struct message_refresh refresh = {MESSAGE_AFI_IPV6, MESSAGE_SAFI_UNICAST, (uint8_t)kind};
	uint8_t bytes[32];
	int size = message_refresh_encode(&refresh, bytes, sizeof(bytes));

	T_OK(size);
	raw_send(peer, bytes, (size_t)size);
}

void raw_send_keepalive(struct raw_peer *peer)
{
	uint8_t bytes[MESSAGE_HEADER];

	T_EQ(message_keepalive_encode(bytes, sizeof(bytes)), sizeof(bytes));
	raw_send(peer, bytes, sizeof(bytes));
}

void raw_send_list(struct raw_peer *peer, const uint8_t *attributes, size_t size)
{
	uint8_t header[MESSAGE_HEADER + 4];
	struct writer writer = writer_open(header, sizeof(header));

	memset(writer_reserve(&writer, 16), 0xff, 16);
	writer_u16(&writer, (uint16_t)(sizeof(header) + size));
	writer_u8(&writer, MESSAGE_UPDATE);
	writer_u16(&writer, 0);
	writer_u16(&writer, (uint16_t)size);
	T_EQ(writer.error, 0);
	raw_send(peer, header, sizeof(header));
	raw_send(peer, attributes, size);
}

void raw_send_update(struct raw_peer *peer, const char *attributes)
{
	uint8_t bytes[512];
	size_t size = strlen(attributes) / 2;

	T_TRUE(size <= sizeof(bytes));
	T_OK(hex_parse(attributes, bytes, size));
	raw_send_list(peer, bytes, size);
}

/* Turns the loop until the socket has something; false when too much time went by. */
static bool wait_for_bytes(struct raw_peer *peer)
{
	struct harness *harness = peer->harness;
	uint64_t end = uv_hrtime() + UINT64_C(10000000000);

	while (uv_hrtime() < end) {
		struct pollfd files[] = {{peer->descriptor, POLLIN, 0},
		                         {uv_backend_fd(&harness->loop), POLLIN, 0}};
		int timeout;

		(void)uv_run(&harness->loop, UV_RUN_NOWAIT);
		timeout = uv_backend_timeout(&harness->loop);
		T_TRUE(poll(files, 2, timeout < 0 || timeout > 100 ? 100 : timeout) >= 0);
		if (files[0].revents != 0)
			return true;
	}
	return false;
}

bool raw_receive(struct raw_peer *peer, struct message_frame *ret_frame)
{
	memmove(peer->bytes, peer->bytes + peer->taken, peer->used - peer->taken);
	peer->used -= peer->taken;
	peer->taken = 0;
	for (;;) {
		struct message_error error;
		ssize_t count;
		int size = message_frame(peer->bytes, peer->used, MESSAGE_EXTENDED, ret_frame, &error);

		T_OK(size);
		peer->taken = (size_t)size;
		if (size > 0)
			return true;
		T_TRUE(wait_for_bytes(peer));
		count = recv(peer->descriptor, peer->bytes + peer->used, sizeof(peer->bytes) - peer->used, 0);
		if (count <= 0) {
			T_TRUE(count == 0 || errno == ECONNRESET);
			return false;
		}
		peer->used += (size_t)count;
	}
}

struct message_frame raw_expect(struct raw_peer *peer, enum message_type type)
{
	struct message_frame frame;

	do {
		T_TRUE(raw_receive(peer, &frame));
	} while (frame.type == MESSAGE_KEEPALIVE && type != MESSAGE_KEEPALIVE);
	T_EQ(frame.type, type);
	return frame;
}

void raw_expect_refusal(struct raw_peer *peer, uint8_t code, uint8_t subcode)
{
	struct message_frame frame = raw_expect(peer, MESSAGE_NOTIFICATION);
	struct message_error error;

	T_OK(message_notification_decode(frame.body, frame.body_size, &error));
	T_EQ(error.code, code);
	T_EQ(error.subcode, subcode);
	T_TRUE(!raw_receive(peer, &frame));
}

void raw_establish(struct raw_peer *peer, struct harness *harness, uint16_t port, uint32_t as, bool add_path)
{
	raw_open(peer, harness, port);
	raw_send_open(peer, as, add_path, true);
	(void)raw_expect(peer, MESSAGE_OPEN);
	raw_send_keepalive(peer);
	(void)raw_expect(peer, MESSAGE_KEEPALIVE);
}
