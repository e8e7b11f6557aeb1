/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its reply: addresses, repetition, and what is not believed. */
#include "tests/t.h"

#include "base/clock.h"
#include "gateway_twin.h"
#include "lib/exchange_datagram.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

static void addresses_are_parsed(void **state)
{
	static const struct {
		const char *text, *address;
		uint16_t port;
	} cases[] = {
	        {"[::1]:4179", "::1", 4179},
	        {"[2001:db8::1]:1", "2001:db8::1", 1},
	        {"[::]:65535", "::", 65535},
	        {"192.0.2.1:4179", "::ffff:192.0.2.1", 4179},
	        {"[::ffff:192.0.2.1]:4179", "::ffff:192.0.2.1", 4179},
	        {"[2001:0db8:0000:0000:0000:ffff:192.168.100.200]:80", "2001:db8::ffff:c0a8:64c8", 80},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sockaddr_in6 address;
		struct in6_addr expected;

		T_OK(exchange_parse_address(cases[i].text, &address));
		T_EQ(inet_pton(AF_INET6, cases[i].address, &expected), 1);
		T_EQ(address.sin6_family, AF_INET6);
		T_BYTES(&address.sin6_addr, &expected, sizeof(expected));
		T_EQ(ntohs(address.sin6_port), cases[i].port);
		T_EQ(address.sin6_scope_id, 0);
	}
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const texts[] = {
	        "",
	        ":",
	        ":4179",
	        "::1",
	        "::1:4179",
	        "2001:db8::1:4179",
	        "[::1]",
	        "[::1]4179",
	        "[::1]:",
	        "[::1]:0",
	        "[::1]:65536",
	        "[::1]:99999999999999999999",
	        "[::1]:-1",
	        "[::1]:+80",
	        "[::1]: 80",
	        "[::1]:80 ",
	        "[::1]:0x50",
	        "[]:80",
	        "[:80",
	        "]:80",
	        "[::1:80",
	        "::1]:80",
	        "[[::1]]:80",
	        "[192.0.2.1]:80",
	        "[fe80::1%eth0]:80",
	        "192.0.2.1",
	        "192.0.2:80",
	        "192.0.2.256:80",
	        "localhost:80",
	        /* These look like the end of an IPv6 address. */
	        "cafe:80",
	        "1:2:3:80",
	        "0123456789012345678901234567890123456789012345678901234567890123456789:80",
	        "[0000000000000000000000000000000000000000000000000000000000000000000::1]:80",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct sockaddr_in6 address = {.sin6_port = 4242};

		if (exchange_parse_address(texts[i], &address) != BUSBAR_ERROR_BAD_VALUE)
			fail_msg("\"%s\" is taken", texts[i]);
		T_EQ(address.sin6_port, 4242);
	}
}

/* Asks the twin to cancel something, with this patience. */
static int exchange_with(const char *address, unsigned patience_ms, bool (*is_final)(const struct datagram *),
                         struct datagram *ret_reply)
{
	struct sockaddr_in6 there;
	struct random random;
	struct exchange_peer peer = {.key = GATEWAY_TWIN_KEY,
	                             .secret = gateway_twin_secret,
	                             .patience = patience_ms * CLOCK_MILLISECOND};
	struct datagram request = {.type = DATAGRAM_CANCEL, .key = GATEWAY_TWIN_KEY};
	int code;

	random_seed(&random, 5);
	request.sent = clock_wall(&clock_system);
	request.identifier = identifier_make(request.sent, &random);
	T_OK(exchange_parse_address(address, &there));
	peer.socket = exchange_open_socket(&there);
	T_OK(peer.socket);
	code = exchange_datagram(&peer, &request, NULL, is_final, ret_reply);
	close(peer.socket);
	return code;
}

static struct datagram task_reply(uint32_t state)
{
	struct datagram reply = {.type = DATAGRAM_TASK};

	reply.task.state = state;
	return reply;
}

static void serve_second(struct gateway_twin *twin, const struct datagram *request, unsigned number)
{
	if (number == 1)
		gateway_twin_reply(twin, request, task_reply(7), gateway_twin_secret);
}

static void what_is_lost_is_repeated_octet_by_octet(void **state)
{
	struct gateway_twin twin;
	struct datagram reply;

	gateway_twin_start(&twin, serve_second);
	T_OK(exchange_with(twin.address, 5000, NULL, &reply));
	gateway_twin_stop(&twin);
	T_EQ(reply.type, DATAGRAM_TASK);
	T_EQ(reply.task.state, 7);
	T_EQ(twin.requests, 1);
	T_TRUE(twin.repeated >= 1);
	T_EQ(twin.strange, 0);
}

static void serve_nothing(struct gateway_twin *twin, const struct datagram *request, unsigned number)
{
}

static void patience_ends(void **state)
{
	struct gateway_twin twin;
	struct datagram reply = {.key = 4242};
	int64_t before = clock_monotonic(&clock_system), took;

	gateway_twin_start(&twin, serve_nothing);
	T_ERROR(exchange_with(twin.address, 400, NULL, &reply), BUSBAR_ERROR_NO_ANSWER);
	took = clock_monotonic(&clock_system) - before;
	gateway_twin_stop(&twin);
	T_TRUE(took >= 400 * CLOCK_MILLISECOND);
	T_EQ(twin.requests, 1);
	T_TRUE(twin.repeated <= 1); /* at 250 ms, and not before 750 ms again */
	T_EQ(reply.key, 4242);
}

static void nobody_there_is_no_answer(void **state)
{
	struct gateway_twin twin;
	struct datagram reply;

	gateway_twin_start(&twin, serve_nothing);
	gateway_twin_stop(&twin); /* its port is free now */
	T_ERROR(exchange_with(twin.address, 100, NULL, &reply), BUSBAR_ERROR_NO_ANSWER);
}

/* Everything that must not be believed, and then the truth. */
static void serve_lies(struct gateway_twin *twin, const struct datagram *request, unsigned number)
{
	static const uint8_t wrong[SEAL_SECRET] = {1};
	struct datagram other = *request, refusal = {.type = DATAGRAM_ERROR};
	static const uint8_t noise[] = {0, 1, 2};

	gateway_twin_reply(twin, request, task_reply(1), wrong);
	other.identifier.octets[15] ^= 1;
	gateway_twin_reply(twin, &other, task_reply(2), gateway_twin_secret);
	other = *request;
	other.key++;
	gateway_twin_reply(twin, &other, task_reply(3), gateway_twin_secret);
	other = *request;
	other.identifier.octets[0] ^= 1;
	refusal.error.code = BUSBAR_ERROR_UNKNOWN_TENANT;
	gateway_twin_reply(twin, &other, refusal, NULL);
	(void)sendto(twin->socket, noise, sizeof(noise), 0, (struct sockaddr *)&twin->client,
	             sizeof(twin->client));
	(void)sendto(twin->socket, noise, 0, 0, (struct sockaddr *)&twin->client, sizeof(twin->client));
	gateway_twin_reply(twin, request, task_reply(4), gateway_twin_secret);
}

static void forgeries_are_ignored(void **state)
{
	struct gateway_twin twin;
	struct datagram reply;

	gateway_twin_start(&twin, serve_lies);
	T_OK(exchange_with(twin.address, 5000, NULL, &reply));
	gateway_twin_stop(&twin);
	T_EQ(reply.type, DATAGRAM_TASK);
	T_EQ(reply.task.state, 4);
	T_TRUE(reply.authentic);
}

static void serve_plain_refusal(struct gateway_twin *twin, const struct datagram *request, unsigned number)
{
	struct datagram reply = {.type = DATAGRAM_ERROR};

	reply.error.code = BUSBAR_ERROR_UNKNOWN_TENANT;
	gateway_twin_reply(twin, request, reply, NULL);
}

/* A gateway that does not know the key cannot prove itself. */
static void a_refusal_of_the_key_needs_no_proof(void **state)
{
	struct gateway_twin twin;
	struct datagram reply;

	gateway_twin_start(&twin, serve_plain_refusal);
	T_OK(exchange_with(twin.address, 5000, NULL, &reply));
	gateway_twin_stop(&twin);
	T_EQ(reply.type, DATAGRAM_ERROR);
	T_EQ(reply.error.code, BUSBAR_ERROR_UNKNOWN_TENANT);
	T_TRUE(!reply.authentic);
}

static bool is_state_nine(const struct datagram *reply)
{
	return reply->type == DATAGRAM_TASK && reply->task.state == 9;
}

static void serve_progress(struct gateway_twin *twin, const struct datagram *request, unsigned number)
{
	gateway_twin_reply(twin, request, task_reply(3), gateway_twin_secret);
	gateway_twin_reply(twin, request, task_reply(4), gateway_twin_secret);
	gateway_twin_reply(twin, request, task_reply(9), gateway_twin_secret);
}

static void a_sign_of_life_is_not_the_end(void **state)
{
	struct gateway_twin twin;
	struct datagram reply;

	gateway_twin_start(&twin, serve_progress);
	T_OK(exchange_with(twin.address, 5000, is_state_nine, &reply));
	gateway_twin_stop(&twin);
	T_EQ(reply.task.state, 9);
	T_EQ(twin.requests, 1);
}

static void serve_life(struct gateway_twin *twin, const struct datagram *request, unsigned number)
{
	gateway_twin_reply(twin, request, task_reply(3), gateway_twin_secret);
}

/* Who has heard that it is at work asks rarely; who waits in vain gives up all the same. */
static void after_a_sign_of_life_repetitions_are_rare(void **state)
{
	struct gateway_twin twin;
	struct datagram reply;

	gateway_twin_start(&twin, serve_life);
	T_ERROR(exchange_with(twin.address, 900, is_state_nine, &reply), BUSBAR_ERROR_NO_ANSWER);
	gateway_twin_stop(&twin);
	T_EQ(twin.requests, 1);
	T_TRUE(twin.repeated <= 1); /* in this time it would have been two */
}

static void serve_error(struct gateway_twin *twin, const struct datagram *request, unsigned number)
{
	gateway_twin_reply_error(twin, request, BUSBAR_ERROR_NO_FUNDS, "nothing left");
}

static void an_error_is_always_final(void **state)
{
	struct gateway_twin twin;
	struct datagram reply;

	gateway_twin_start(&twin, serve_error);
	T_OK(exchange_with(twin.address, 5000, is_state_nine, &reply));
	gateway_twin_stop(&twin);
	T_EQ(reply.type, DATAGRAM_ERROR);
	T_EQ(reply.error.code, BUSBAR_ERROR_NO_FUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(addresses_are_parsed),
	        cmocka_unit_test(what_is_no_address_is_refused),
	        cmocka_unit_test(what_is_lost_is_repeated_octet_by_octet),
	        cmocka_unit_test(patience_ends),
	        cmocka_unit_test(nobody_there_is_no_answer),
	        cmocka_unit_test(forgeries_are_ignored),
	        cmocka_unit_test(a_refusal_of_the_key_needs_no_proof),
	        cmocka_unit_test(a_sign_of_life_is_not_the_end),
	        cmocka_unit_test(after_a_sign_of_life_repetitions_are_rare),
	        cmocka_unit_test(an_error_is_always_final),
	};

	return T_RUN(tests);
}
