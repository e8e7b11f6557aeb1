/* SPDX-License-Identifier: Apache-2.0 */
/* Speakers among themselves: chains, anycast, loss, domains, rate limit, collisions. */
#include "base/random.h"
#include "busbar-error.h"
#include "tests/unit/bgp/speaker_harness.h"
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { A, B, C };
enum { AS_A = 65001, AS_C = 65003 };

static const uint32_t as_b = UINT32_C(4200000002); /* needs four octets */
static const uint8_t anycast[16] = {0x20, 0x01, 0x0d, 0xb8, 0xca, 0x75, [15] = 1};
static const uint8_t locators[][16] = {{0x20, 0x01, 0x0d, 0xb8, 0, 1},
                                       {0x20, 0x01, 0x0d, 0xb8, 0, 2},
                                       {0x20, 0x01, 0x0d, 0xb8, 0, 3}};

struct fixture {
	struct harness harness;
	struct random random;
	uint8_t attribute_a[SPEAKER_ATTRIBUTE_MAXIMUM], attribute_c[57];
	int64_t interval;
};

static struct fixture *open_fixture(void)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	T_TRUE(fixture != NULL);
	harness_open(&fixture->harness);
	random_seed(&fixture->random, 4711);
	random_fill(&fixture->random, fixture->attribute_a, sizeof(fixture->attribute_a));
	random_fill(&fixture->random, fixture->attribute_c, sizeof(fixture->attribute_c));
	return fixture;
}

static void shut_fixture(struct fixture *fixture)
{
	harness_shut(&fixture->harness);
	free(fixture);
}

/* B waits, the others connect to it. An end's domain is its own; a count of 0 means all three. */
static void start_middle(struct fixture *fixture, const uint32_t *domain, uint32_t count, uint16_t port)
{
	const struct speaker_peer peers[] = {harness_peer("a", AS_A, 0, true),
	                                     harness_peer("c", AS_C, 0, true)};
	struct speaker_settings settings = {
	        .peer_count = 2, .peers = peers, .hold = 9000000000, .port = port};

	settings.minimum_interval = fixture->interval;
	settings.domain = domain;
	settings.domain_count = count;
	harness_start(&fixture->harness, B, as_b, settings);
}

static void start_end(struct fixture *fixture, size_t index, const uint32_t *domain, uint32_t count,
                      uint16_t port)
{
	const struct speaker_peer peer = harness_peer("b", as_b, port, false);
	struct speaker_settings settings = {.peer_count = 1, .peers = &peer, .hold = 9000000000};

	settings.minimum_interval = fixture->interval;
	settings.domain = domain;
	settings.domain_count = count;
	harness_start(&fixture->harness, index, index == A ? AS_A : AS_C, settings);
}

static void start_chain(struct fixture *fixture)
{
	const uint32_t domain[] = {AS_A, as_b, AS_C};
	uint16_t port;

	start_middle(fixture, domain, 3, 0);
	port = speaker_port(fixture->harness.nodes[B].speaker);
	T_TRUE(port != 0);
	start_end(fixture, A, domain, 3, port);
	start_end(fixture, C, domain, 3, port);
}

static struct speaker *speaker(struct fixture *fixture, size_t index)
{
	return fixture->harness.nodes[index].speaker;
}

static bool is_up(struct harness *harness)
{
	return harness->nodes[A].established[0] && harness->nodes[C].established[0] &&
	       harness->nodes[B].established[0] && harness->nodes[B].established[1];
}

static void announce_anycast(struct fixture *fixture)
{
	T_OK(speaker_announce(speaker(fixture, A), anycast, 128, fixture->attribute_a,
	                      sizeof(fixture->attribute_a)));
	T_OK(speaker_announce(speaker(fixture, C), anycast, 128, fixture->attribute_c,
	                      sizeof(fixture->attribute_c)));
}

static bool has(const struct harness *harness, size_t index, const uint8_t prefix[16], uint32_t origin_as)
{
	return harness_find(&harness->nodes[index], prefix, origin_as) != NULL;
}

static bool anycast_everywhere(struct harness *harness)
{
	return has(harness, A, anycast, AS_C) && has(harness, B, anycast, AS_A) &&
	       has(harness, B, anycast, AS_C) && has(harness, C, anycast, AS_A);
}

static void expect(const struct fixture *fixture, size_t index, uint32_t origin_as, const uint8_t *attribute,
                   size_t size, uint32_t hops)
{
	static const uint8_t loopback[16] = {[15] = 1};
	const struct harness_route *route = harness_find(&fixture->harness.nodes[index], anycast, origin_as);

	T_TRUE(route != NULL);
	T_EQ(route->length, 128);
	T_EQ(route->attribute_size, size);
	T_BYTES(route->attribute, attribute, size);
	T_EQ(route->as_path_count, hops);
	T_EQ(route->as_path[hops - 1], origin_as);
	if (hops == 2)
		T_EQ(route->as_path[0], as_b);
	T_BYTES(route->next_hop, loopback, 16);
}

static void test_chain_sees_both_of_an_anycast(void **state)
{
	struct fixture *fixture = open_fixture();
	struct harness *harness = &fixture->harness;

	start_chain(fixture);
	harness_until(harness, is_up);
	announce_anycast(fixture);
	harness_until(harness, anycast_everywhere);
	expect(fixture, A, AS_C, fixture->attribute_c, sizeof(fixture->attribute_c), 2);
	expect(fixture, B, AS_A, fixture->attribute_a, sizeof(fixture->attribute_a), 1);
	expect(fixture, B, AS_C, fixture->attribute_c, sizeof(fixture->attribute_c), 1);
	expect(fixture, C, AS_A, fixture->attribute_a, sizeof(fixture->attribute_a), 2);
	harness_run(harness, 100);
	T_EQ(harness_count(&harness->nodes[A]), 1); /* never its own */
	T_EQ(harness_count(&harness->nodes[B]), 2);
	T_EQ(harness_count(&harness->nodes[C]), 1);
	T_TRUE(harness->nodes[B].has_best);
	T_EQ(harness->nodes[A].best_reports, 0); /* its own is the best there */
	shut_fixture(fixture);
}

/* What was announced before there were sessions comes all the same. */
static void test_announced_before_sessions(void **state)
{
	struct fixture *fixture = open_fixture();

	start_chain(fixture);
	announce_anycast(fixture);
	T_OK(speaker_announce(speaker(fixture, B), locators[B], 48, NULL, 0));
	harness_until(&fixture->harness, anycast_everywhere);
	T_EQ(harness_count(&fixture->harness.nodes[B]), 2);
	shut_fixture(fixture);
}

static bool a_is_forgotten(struct harness *harness)
{
	return !harness->nodes[B].established[0] && !has(harness, B, anycast, AS_A) &&
	       !has(harness, C, anycast, AS_A);
}

static bool is_up_with_routes(struct harness *harness)
{
	return is_up(harness) && anycast_everywhere(harness) && has(harness, B, locators[A], AS_A) &&
	       has(harness, C, locators[A], AS_A) && has(harness, A, locators[C], AS_C) &&
	       has(harness, B, locators[C], AS_C) && has(harness, A, locators[B], as_b) &&
	       has(harness, C, locators[B], as_b);
}

static void announce_all(struct fixture *fixture)
{
	announce_anycast(fixture);
	for (size_t i = A; i <= C; i++)
		T_OK(speaker_announce(speaker(fixture, i), locators[i], 48, locators[i], 16));
}

static void test_loss_withdraws_exactly_that_peers(void **state)
{
	struct fixture *fixture = open_fixture();
	struct harness *harness = &fixture->harness;
	uint16_t port;

	start_chain(fixture);
	announce_all(fixture);
	harness_until(harness, is_up_with_routes);
	port = speaker_port(speaker(fixture, B));
	harness_stop(harness, A);
	harness_until(harness, a_is_forgotten);
	harness_run(harness, 50);
	T_TRUE(!has(harness, B, locators[A], AS_A) && !has(harness, C, locators[A], AS_A));
	T_EQ(harness_count(&harness->nodes[B]), 2);
	T_EQ(harness_count(&harness->nodes[C]), 1);
	T_TRUE(has(harness, B, anycast, AS_C) && has(harness, B, locators[C], AS_C));
	T_TRUE(has(harness, C, locators[B], as_b));
	T_TRUE(harness->nodes[B].established[1]);

	free(harness->nodes[A].routes); /* and it comes back */
	start_end(fixture, A, (const uint32_t[]){AS_A, as_b, AS_C}, 3, port);
	T_OK(speaker_announce(speaker(fixture, A), anycast, 128, fixture->attribute_a,
	                      sizeof(fixture->attribute_a)));
	T_OK(speaker_announce(speaker(fixture, A), locators[A], 48, NULL, 0));
	harness_until(harness, is_up_with_routes);
	T_EQ(harness_find(&harness->nodes[C], locators[A], AS_A)->attribute_size, 0);
	shut_fixture(fixture);
}

static bool ends_are_down(struct harness *harness)
{
	return harness->nodes[B].speaker == NULL && !harness->nodes[A].established[0] &&
	       !harness->nodes[C].established[0];
}

static void test_ends_connect_again(void **state)
{
	struct fixture *fixture = open_fixture();
	struct harness *harness = &fixture->harness;
	uint16_t port;

	start_chain(fixture);
	announce_all(fixture);
	harness_until(harness, is_up_with_routes);
	port = speaker_port(speaker(fixture, B));
	harness_stop(harness, B);
	harness_until(harness, ends_are_down);
	harness_run(harness, 300);
	T_EQ(harness_count(&harness->nodes[A]), 0);
	T_EQ(harness_count(&harness->nodes[C]), 0);

	free(harness->nodes[B].routes);
	start_middle(fixture, (const uint32_t[]){AS_A, as_b, AS_C}, 3, port);
	T_OK(speaker_announce(speaker(fixture, B), locators[B], 48, NULL, 0));
	harness_until(harness, is_up_with_routes);
	shut_fixture(fixture);
}

static bool anycast_of_a_is_gone(struct harness *harness)
{
	return !has(harness, B, anycast, AS_A) && !has(harness, C, anycast, AS_A);
}

static void test_withdraw(void **state)
{
	struct fixture *fixture = open_fixture();
	struct harness *harness = &fixture->harness;

	start_chain(fixture);
	announce_all(fixture);
	harness_until(harness, is_up_with_routes);
	T_OK(speaker_withdraw(speaker(fixture, A), anycast, 128));
	T_ERROR(speaker_withdraw(speaker(fixture, A), anycast, 128), BUSBAR_ERROR_NOT_FOUND);
	harness_until(harness, anycast_of_a_is_gone);
	T_TRUE(has(harness, B, anycast, AS_C) && has(harness, A, anycast, AS_C));
	T_TRUE(has(harness, C, locators[A], AS_A));
	T_TRUE(harness->nodes[A].has_best); /* now C's, as its own is gone */
	shut_fixture(fixture);
}

static bool has_best_from_peer(struct harness *harness)
{
	return harness->nodes[B].has_best;
}

static bool has_no_best(struct harness *harness)
{
	return !harness->nodes[B].has_best;
}

/* Our own announcement takes the place of a peer's: for the kernel that route is gone, and comes back. */
static void test_own_announcement_hides_the_best(void **state)
{
	struct fixture *fixture = open_fixture();
	struct harness *harness = &fixture->harness;
	const struct harness_node *b = &harness->nodes[B];

	start_chain(fixture);
	harness_until(harness, is_up);
	T_OK(speaker_announce(speaker(fixture, A), anycast, 128, NULL, 0));
	harness_until(harness, has_best_from_peer);
	T_EQ(b->best.origin_as, AS_A);
	T_OK(speaker_announce(speaker(fixture, B), anycast, 128, NULL, 0));
	harness_until(harness, has_no_best);
	T_EQ(b->gone_reports, 1);
	T_EQ(harness_count(b), 1); /* A's is still known */
	T_OK(speaker_announce(speaker(fixture, B), anycast, 128, (const uint8_t *)"x", 1));
	harness_run(harness, 50);
	T_EQ(b->best_reports, 2);
	T_OK(speaker_withdraw(speaker(fixture, B), anycast, 128));
	harness_until(harness, has_best_from_peer);
	T_EQ(b->best_reports, 3);
	shut_fixture(fixture);
}

static bool newest_is_there(struct harness *harness)
{
	const struct harness_route *route = harness_find(&harness->nodes[C], locators[A], AS_A);

	return route != NULL && route->attribute_size == 4 && memcmp(route->attribute, "last", 4) == 0;
}

static bool first_is_there(struct harness *harness)
{
	return has(harness, C, locators[A], AS_A);
}

static void test_interval_coalesces_to_the_newest(void **state)
{
	struct fixture *fixture = open_fixture();
	struct harness *harness = &fixture->harness;
	uint64_t start;

	fixture->interval = 300000000;
	start_chain(fixture);
	harness_until(harness, is_up);
	T_OK(speaker_announce(speaker(fixture, A), locators[A], 48, (const uint8_t *)"first", 5));
	harness_until(harness, first_is_there);
	start = uv_hrtime();
	for (uint8_t i = 0; i < 100; i++) {
		T_OK(speaker_announce(speaker(fixture, A), locators[A], 48, &i, 1));
		(void)uv_run(&harness->loop, UV_RUN_NOWAIT);
	}
	T_OK(speaker_announce(speaker(fixture, A), locators[A], 48, (const uint8_t *)"last", 4));
	harness_until(harness, newest_is_there);
	T_TRUE(uv_hrtime() - start > 150000000);
	T_TRUE(harness->nodes[C].route_reports <= 4);
	shut_fixture(fixture);
}

/* A's domain is itself: B gets the route without the attribute and may not pass it on. */
static void test_domain_of_one_as(void **state)
{
	struct fixture *fixture = open_fixture();
	struct harness *harness = &fixture->harness;
	const uint32_t all[] = {AS_A, as_b, AS_C};
	uint16_t port;

	start_middle(fixture, all, 3, 0);
	port = speaker_port(speaker(fixture, B));
	start_end(fixture, A, all, 1, port);
	start_end(fixture, C, all, 3, port);
	harness_until(harness, is_up);
	announce_anycast(fixture);
	while (!has(harness, A, anycast, AS_C) || !has(harness, B, anycast, AS_A))
		harness_run(harness, 20);
	expect(fixture, B, AS_A, NULL, 0, 1);
	harness_run(harness, 150);
	T_TRUE(!has(harness, C, anycast, AS_A));
	shut_fixture(fixture);
}

/* B knows that C is outside: the route passes, the attribute does not. */
static void test_attribute_stays_inside_the_domain(void **state)
{
	struct fixture *fixture = open_fixture();
	struct harness *harness = &fixture->harness;
	const uint32_t inside[] = {as_b, AS_A};
	uint16_t port;

	start_middle(fixture, inside, 2, 0);
	port = speaker_port(speaker(fixture, B));
	start_end(fixture, A, inside, 2, port);
	start_end(fixture, C, inside, 2, port);
	announce_anycast(fixture);
	harness_until(harness, anycast_everywhere);
	expect(fixture, B, AS_A, fixture->attribute_a, sizeof(fixture->attribute_a), 1);
	expect(fixture, A, AS_C, fixture->attribute_c, sizeof(fixture->attribute_c), 2);
	expect(fixture, C, AS_A, NULL, 0, 2);
	shut_fixture(fixture);
}

enum { MANY = 2000 };

static void number_prefix(uint8_t prefix[16], unsigned number)
{
	memcpy(prefix, locators[A], 16);
	prefix[6] = (uint8_t)(number >> 8);
	prefix[7] = (uint8_t)number;
}

static bool many_are_there(struct harness *harness)
{
	return harness_count(&harness->nodes[C]) == MANY;
}

static bool none_is_there(struct harness *harness)
{
	return harness_count(&harness->nodes[C]) == 0;
}

static void test_many_routes(void **state)
{
	struct fixture *fixture = open_fixture();
	struct harness *harness = &fixture->harness;
	struct speaker_statistics before, after;
	uint8_t prefix[16];

	start_chain(fixture);
	for (unsigned i = 0; i < MANY; i++) {
		number_prefix(prefix, i);
		T_OK(speaker_announce(speaker(fixture, A), prefix, 64, fixture->attribute_a, 1 + i));
	}
	harness_until(harness, many_are_there);
	for (unsigned i = 0; i < MANY; i += 97) {
		const struct harness_route *route;

		number_prefix(prefix, i);
		route = harness_find(&harness->nodes[C], prefix, AS_A);
		T_TRUE(route != NULL);
		T_EQ(route->attribute_size, 1 + i);
		T_BYTES(route->attribute, fixture->attribute_a, 1 + i);
	}
	speaker_statistics(speaker(fixture, B), &before);
	T_EQ(before.prefixes, MANY);
	T_EQ(before.established, 2);
	T_EQ(before.advertised, MANY);
	harness_stop(harness, A);
	harness_until(harness, none_is_there);
	speaker_statistics(speaker(fixture, B), &after);
	T_EQ(after.prefixes, 0);
	T_EQ(after.advertised, 0);
	T_EQ(after.sessions_lost, 1);
	T_TRUE(after.updates_sent - before.updates_sent < 20); /* many withdrawals to a message */
	shut_fixture(fixture);
}

static uint16_t free_port(void)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	socklen_t size = sizeof(address);
	int descriptor = socket(AF_INET6, SOCK_STREAM, 0);

	T_TRUE(descriptor >= 0);
	T_OK(bind(descriptor, (const struct sockaddr *)&address, size));
	T_OK(getsockname(descriptor, (struct sockaddr *)&address, &size));
	close(descriptor);
	return ntohs(address.sin6_port);
}

static bool two_are_up(struct harness *harness)
{
	return harness->nodes[A].established[0] && harness->nodes[B].established[0];
}

/* Both connect at once: one connection survives, and it stays. */
static void test_collision(void **state)
{
	for (unsigned round = 0; round < 8; round++) {
		struct fixture *fixture = open_fixture();
		struct harness *harness = &fixture->harness;
		const uint32_t domain[] = {AS_A, AS_C};
		const uint16_t ports[] = {free_port(), free_port()};
		struct speaker_statistics statistics;

		for (size_t i = A; i <= B; i++) {
			const struct speaker_peer peer =
			        harness_peer("twin", domain[1 - i], ports[1 - i], false);

			harness_start(harness, i, domain[i],
			              (struct speaker_settings){.peer_count = 1,
			                                        .peers = &peer,
			                                        .hold = 9000000000,
			                                        .port = ports[i],
			                                        .domain = domain,
			                                        .domain_count = 2,
			                                        .identifier = round % 2 ? 9 : 0,
			                                        .seed = 1000 * round + i + 1});
		}
		harness_until(harness, two_are_up);
		harness_run(harness, 30);
		T_TRUE(two_are_up(harness));
		T_OK(speaker_announce(speaker(fixture, A), locators[A], 48, NULL, 0));
		while (!has(harness, B, locators[A], AS_A))
			harness_run(harness, 5);
		speaker_statistics(speaker(fixture, B), &statistics);
		T_EQ(statistics.established, 1);
		shut_fixture(fixture);
	}
}

static bool middle_has_both(struct harness *harness)
{
	return has(harness, B, locators[A], AS_A) && has(harness, B, locators[C], AS_A);
}

/* One AS: the middle is no reflector, but its own routes reach both, and several routers stay apart. */
static void test_internal_peers(void **state)
{
	struct fixture *fixture = open_fixture();
	struct harness *harness = &fixture->harness;
	const struct speaker_peer ends[] = {harness_peer("a", AS_A, 0, true),
	                                    harness_peer("c", AS_A, 0, true)};
	struct speaker_peer middle;

	harness_start(harness, B, AS_A,
	              (struct speaker_settings){.peer_count = 2, .peers = ends, .hold = 9000000000});
	middle = harness_peer("b", AS_A, speaker_port(speaker(fixture, B)), false);
	harness_start(harness, A, AS_A, (struct speaker_settings){.peer_count = 1, .peers = &middle});
	harness_start(harness, C, AS_A, (struct speaker_settings){.peer_count = 1, .peers = &middle});
	T_OK(speaker_announce(speaker(fixture, A), locators[A], 48, fixture->attribute_a, 100));
	T_OK(speaker_announce(speaker(fixture, C), locators[C], 48, fixture->attribute_c, 20));
	T_OK(speaker_announce(speaker(fixture, B), locators[B], 48, fixture->attribute_a, 7));
	harness_until(harness, middle_has_both);
	while (!has(harness, A, locators[B], AS_A) || !has(harness, C, locators[B], AS_A))
		harness_run(harness, 5);
	harness_run(harness, 100);
	T_EQ(harness_count(&harness->nodes[A]), 1);
	T_EQ(harness_count(&harness->nodes[C]), 1);
	T_EQ(harness_find(&harness->nodes[A], locators[B], AS_A)->as_path_count, 0);
	T_EQ(harness_find(&harness->nodes[A], locators[B], AS_A)->attribute_size, 7);
	shut_fixture(fixture);
}

static void test_limits(void **state)
{
	struct fixture *fixture = open_fixture();
	struct harness *harness = &fixture->harness;
	uint8_t large[SPEAKER_ATTRIBUTE_MAXIMUM + 1] = {0};
	const struct speaker_callbacks silent = {0};
	struct speaker_settings settings = {.as = 1, .identifier = 1, .peer_count = 1};
	const struct speaker_peer peer = harness_peer("nobody", 2, 1, false);
	struct speaker *second = NULL;

	start_chain(fixture);
	T_ERROR(speaker_announce(speaker(fixture, A), anycast, 129, NULL, 0), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(speaker_withdraw(speaker(fixture, A), anycast, 129), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(speaker_announce(speaker(fixture, A), anycast, 128, large, sizeof(large)),
	        BUSBAR_ERROR_TOO_LARGE);
	T_OK(speaker_announce(speaker(fixture, A), anycast, 128, large, sizeof(large) - 1));
	settings.peers = &peer;
	settings.port = speaker_port(speaker(fixture, B));
	T_ERROR(speaker_create(&harness->loop, &settings, &silent, &second), -EADDRINUSE);
	T_TRUE(second == NULL);
	settings.port = 0;
	settings.peer_count = 0; /* talks to nobody, but lives and can be closed */
	T_OK(speaker_create(&harness->loop, &settings, &silent, &second));
	T_EQ(speaker_port(second), 0);
	T_OK(speaker_announce(second, anycast, 128, NULL, 0));
	harness_run(harness, 10);
	speaker_close(second, NULL, NULL);
	speaker_close(second, NULL, NULL); /* twice before the loop turns is harmless */
	shut_fixture(fixture);
}

static void note(void *context)
{
	*(bool *)context = true;
}

static void test_close_of_nothing(void **state)
{
	bool closed = false;

	speaker_close(NULL, NULL, NULL);
	speaker_close(NULL, note, &closed);
	T_TRUE(closed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_chain_sees_both_of_an_anycast),
	        cmocka_unit_test(test_announced_before_sessions),
	        cmocka_unit_test(test_loss_withdraws_exactly_that_peers),
	        cmocka_unit_test(test_ends_connect_again),
	        cmocka_unit_test(test_withdraw),
	        cmocka_unit_test(test_own_announcement_hides_the_best),
	        cmocka_unit_test(test_interval_coalesces_to_the_newest),
	        cmocka_unit_test(test_domain_of_one_as),
	        cmocka_unit_test(test_attribute_stays_inside_the_domain),
	        cmocka_unit_test(test_many_routes),
	        cmocka_unit_test(test_collision),
	        cmocka_unit_test(test_internal_peers),
	        cmocka_unit_test(test_limits),
	        cmocka_unit_test(test_close_of_nothing),
	};

	return T_RUN(tests);
}
