/* SPDX-License-Identifier: Apache-2.0 */
/* The exchange: its queue to itself, what it refuses and counts, and its socket (in a network of its own). */
#include "tests/t.h"

#include "daemon/exchange.h"
#include "tests/unit/wire/sample.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SEEN = 2 * EXCHANGE_QUEUE, TURNS = 4 * EXCHANGE_QUEUE, PARTS = 10007 };
enum { BEHIND_PROGRAM_MAC = 40 + 8 }; /* HMAC TLV and UDP header */

/* What came, in order: the part of a program, or minus the type of an answer. */
struct seen {
	struct exchange *exchange;
	size_t count;
	int what[SEEN];
	bool inside;
	uint32_t resend; /* programs that are sent on from within the callback */
};

static uv_loop_t loop;
static struct seen seen;
static const uint8_t locator[16] = {0xfc, 0, 0, 0, 0, 1}; /* of the sample's first segment */

static void note(int what)
{
	T_TRUE(!seen.inside && seen.count < SEEN);
	seen.what[seen.count++] = what;
}

static size_t make_packet(uint32_t part, uint8_t bytes[PACKET_MAXIMUM])
{
	static const uint8_t source[16] = {0xfc, 0, 0, 0, 0, 1, [15] = 1};
	struct program program = sample_program();
	uint8_t segments[PROGRAM_INSTRUCTIONS][16];
	int size;

	program.part = part;
	program.parts = UINT16_MAX;
	sample_segments(&program, segments);
	size = packet_encode(&program, (const uint8_t(*)[16])segments, source, seal_first(&sample_ring), NULL,
	                     0, bytes, PACKET_MAXIMUM);
	T_OK(size);
	return (size_t)size;
}

static void send_part(uint32_t part)
{
	uint8_t bytes[PACKET_MAXIMUM];
	size_t size = make_packet(part, bytes);

	exchange_send(seen.exchange, bytes, size);
}

static void on_program(void *context, uint8_t *bytes, size_t size, const struct packet *packet)
{
	note((int)packet->program.part);
	seen.inside = true;
	if (seen.resend > 0) {
		seen.resend--;
		send_part(packet->program.part + 1);
	}
	seen.inside = false;
}

static void on_answer(void *context, const struct answer *answer)
{
	note(-(int)answer->type);
}

static void open_with(const uint8_t own[16])
{
	struct exchange_settings settings = {
	        .identity = {1, 1}, .ring = &sample_ring, .program = on_program, .answer = on_answer};

	memcpy(settings.locator, own, sizeof(settings.locator));
	T_EQ(uv_loop_init(&loop), 0);
	seen = (struct seen){.count = 0};
	T_OK(exchange_create(&loop, &settings, &seen.exchange));
}

static int set_up(void **state)
{
	open_with(locator);
	return 0;
}

static int tear_down(void **state)
{
	exchange_close(seen.exchange);
	T_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
	T_EQ(uv_loop_close(&loop), 0);
	return 0;
}

/* Turns until the queue is empty: an idle handle keeps the loop alive, a bound socket is not there. */
static void run_queue(void)
{
	for (int i = 0; i < TURNS && uv_run(&loop, UV_RUN_NOWAIT) != 0; i++)
		;
}

static struct owner_return own_way(const uint8_t own[16])
{
	struct owner_return way = {.port = EXCHANGE_PORT};

	memcpy(way.address, own, sizeof(way.address));
	way.address[15] = 1;
	return way;
}

static uint64_t refused(int code)
{
	return exchange_refusals(seen.exchange)[error_index(code)];
}

static void what_is_sent_to_itself_comes_in_order(void **state)
{
	static const int expected[] = {1, -ANSWER_ACCEPTED, 2, -ANSWER_RECEIPT, 3};
	struct answer accepted = sample_answer(ANSWER_ACCEPTED), receipt = sample_answer(ANSWER_RECEIPT);
	struct owner_return way = own_way(locator);

	send_part(1);
	exchange_answer(seen.exchange, &accepted, &way);
	send_part(2);
	exchange_answer(seen.exchange, &receipt, &way);
	send_part(3);
	T_EQ(seen.count, 0); /* never from within */
	run_queue();
	T_EQ(seen.count, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		T_EQ(seen.what[i], expected[i]);
}

static void who_sends_from_within_is_not_entered_again(void **state)
{
	seen.resend = 50;
	send_part(1);
	run_queue();
	T_EQ(seen.count, 51);
	for (int i = 0; i < 51; i++)
		T_EQ(seen.what[i], i + 1);
}

static void the_queue_is_bounded_and_counts_what_it_loses(void **state)
{
	for (uint32_t i = 0; i < EXCHANGE_QUEUE + 10; i++)
		send_part(1 + i % PARTS);
	T_EQ(refused(BUSBAR_ERROR_TABLE_FULL), 10);
	run_queue();
	T_EQ(seen.count, EXCHANGE_QUEUE);
	T_EQ(seen.what[0], 1);
	T_EQ(seen.what[EXCHANGE_QUEUE - 1], 1 + (EXCHANGE_QUEUE - 1) % PARTS);
	/* It has room again. */
	send_part(7);
	run_queue();
	T_EQ(seen.count, EXCHANGE_QUEUE + 1);
}

static void it_says_when_it_is_behind(void **state)
{
	send_part(1);
	uv_update_time(&loop);
	T_TRUE(!exchange_is_behind(seen.exchange));
	for (uint64_t end = uv_now(&loop) + 5000; !exchange_is_behind(seen.exchange); uv_update_time(&loop))
		T_TRUE(uv_now(&loop) < end);
	send_part(2);
	T_TRUE(exchange_is_behind(seen.exchange));
	run_queue();
	T_TRUE(!exchange_is_behind(seen.exchange));
	send_part(3);
	T_TRUE(!exchange_is_behind(seen.exchange));
	run_queue();
	T_EQ(seen.count, 3);
}

static void broken_programs_are_refused(void **state)
{
	uint8_t bytes[PACKET_MAXIMUM];
	size_t size = make_packet(1, bytes);

	for (size_t shorter = 0; shorter < size; shorter++)
		exchange_packet(seen.exchange, bytes, shorter);
	T_EQ(refused(BUSBAR_ERROR_MALFORMED) + refused(BUSBAR_ERROR_TRUNCATED), size);
	bytes[5] ^= 1; /* payload length */
	exchange_packet(seen.exchange, bytes, size);
	T_EQ(refused(BUSBAR_ERROR_MALFORMED) + refused(BUSBAR_ERROR_TRUNCATED), size + 1);
	T_EQ(seen.count, 0);
	bytes[5] ^= 1;
	exchange_packet(seen.exchange, bytes, size);
	T_EQ(seen.count, 1);
}

static void forged_programs_are_refused_by_cause(void **state)
{
	struct seal_ring ring = sample_ring;
	uint8_t bytes[PACKET_MAXIMUM], segments[PROGRAM_INSTRUCTIONS][16];
	struct program program = sample_program();
	int size = (int)make_packet(1, bytes);

	bytes[size - 1 - BEHIND_PROGRAM_MAC] ^= 1;
	exchange_packet(seen.exchange, bytes, (size_t)size);
	T_EQ(refused(BUSBAR_ERROR_BAD_PROGRAM_MAC), 1);
	ring.keys[0].secret[0] ^= 1;
	sample_segments(&program, segments);
	size = packet_encode(&program, (const uint8_t(*)[16])segments, segments[0], seal_first(&ring), NULL,
	                     0, bytes, sizeof(bytes));
	T_OK(size);
	exchange_packet(seen.exchange, bytes, (size_t)size);
	T_EQ(refused(BUSBAR_ERROR_BAD_SEGMENT_MAC), 1);
	ring.keys[0].identifier = 77;
	size = packet_encode(&program, (const uint8_t(*)[16])segments, segments[0], seal_first(&ring), NULL,
	                     0, bytes, sizeof(bytes));
	T_OK(size);
	exchange_packet(seen.exchange, bytes, (size_t)size);
	T_EQ(refused(BUSBAR_ERROR_UNKNOWN_KEY), 1);
	T_EQ(seen.count, 0);
}

/* Its current segment is the second owner's: nothing for the first one. */
static void a_program_for_elsewhere_is_refused(void **state)
{
	uint8_t bytes[PACKET_MAXIMUM];
	size_t size = make_packet(1, bytes);

	T_OK(packet_advance(bytes, size, 1));
	exchange_packet(seen.exchange, bytes, size);
	T_EQ(refused(BUSBAR_ERROR_MALFORMED), 1);
	/* Without a tunnel it goes nowhere; it does not come back here either. */
	exchange_send(seen.exchange, bytes, size);
	exchange_send(seen.exchange, bytes, 39);
	run_queue();
	T_EQ(seen.count, 0);
}

static void what_is_queued_at_the_end_is_dropped(void **state)
{
	struct answer answer = sample_answer(ANSWER_GRANTED);
	struct owner_return way = own_way(locator);

	send_part(1);
	exchange_answer(seen.exchange, &answer, &way);
	exchange_close(seen.exchange);
	run_queue();
	T_EQ(seen.count, 0);
	seen.exchange = NULL; /* closed already */
}

/* A network of its own with ::1 in it, so that the port is nobody else's. */
static bool enter_own_network(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int control, code;

	if (unshare(CLONE_NEWNET) < 0)
		return false;
	control = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	code = ioctl(control, SIOCSIFFLAGS, &request);
	close(control);
	return code == 0;
}

static void send_octets(int client, const uint8_t *bytes, size_t size)
{
	struct sockaddr_in6 gateway = {.sin6_family = AF_INET6,
	                               .sin6_addr = in6addr_loopback,
	                               .sin6_port = htons(EXCHANGE_PORT)};

	T_EQ(sendto(client, bytes, size, 0, (struct sockaddr *)&gateway, sizeof(gateway)), size);
}

static void answers_from_the_network_are_authenticated(void **state)
{
	static const uint8_t nowhere[16] = {0}; /* the gateway ::1 */
	struct answer answer = sample_answer(ANSWER_RESULT);
	uint8_t bytes[3000] = {0};
	int size = answer_encode(&answer, seal_first(&sample_ring), bytes, sizeof(bytes)), client;

	T_OK(size);
	if (!enter_own_network()) {
		print_message("no network namespace of its own can be made here\n");
		skip();
	}
	open_with(nowhere);
	T_OK(exchange_connect(seen.exchange, NULL));
	client = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	send_octets(client, bytes, (size_t)size);
	bytes[size - 1] ^= 1;
	send_octets(client, bytes, (size_t)size);
	send_octets(client, bytes, 10);
	send_octets(client, bytes, sizeof(bytes)); /* longer than any answer */
	bytes[size - 1] ^= 1;
	send_octets(client, bytes, (size_t)size);
	while (seen.count < 2)
		(void)uv_run(&loop, UV_RUN_ONCE);
	T_EQ(seen.what[0], -ANSWER_RESULT);
	T_EQ(refused(BUSBAR_ERROR_BAD_MAC), 1);
	T_EQ(refused(BUSBAR_ERROR_TRUNCATED), 1);
	T_EQ(refused(BUSBAR_ERROR_TOO_LARGE), 1);
	close(client);
	(void)tear_down(state);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        CASE(what_is_sent_to_itself_comes_in_order),
	        CASE(who_sends_from_within_is_not_entered_again),
	        CASE(the_queue_is_bounded_and_counts_what_it_loses),
	        CASE(it_says_when_it_is_behind),
	        CASE(broken_programs_are_refused),
	        CASE(forged_programs_are_refused_by_cause),
	        CASE(a_program_for_elsewhere_is_refused),
	        CASE(what_is_queued_at_the_end_is_dropped),
	        cmocka_unit_test(answers_from_the_network_are_authenticated),
	};

	return T_RUN(tests);
}
