/* SPDX-License-Identifier: Apache-2.0 */
/* The edge of the domain, seen on the wire by peers made by hand: one inside it, one of a foreign AS. */
#include "base/clock.h"
#include "tests/unit/bgp/raw_peer.h"

enum { OWN_AS = 65001, INSIDE_AS = 65002, FOREIGN_AS = 65003, INSIDE = 0, FOREIGN = 1 };

struct fixture {
	struct harness harness;
	struct raw_peer peers[2];
};

static const uint32_t domain_of_two[] = {OWN_AS, INSIDE_AS};
static const uint8_t prefix[16] = {0xfd, 1};
static const struct update_form form = {.external = true, .opaque_code = HARNESS_ATTRIBUTE};

static struct speaker *speaker(struct fixture *fixture)
{
	return fixture->harness.nodes[0].speaker;
}

static bool both_up(struct harness *harness)
{
	return harness->nodes[0].established[INSIDE] && harness->nodes[0].established[FOREIGN];
}

static void establish(struct fixture *fixture, int peer, uint16_t port)
{
	struct raw_peer *raw = &fixture->peers[peer];

	raw_open(raw, &fixture->harness, port);
	raw_send_this_open(raw, (struct message_open){.as = peer == INSIDE ? INSIDE_AS : FOREIGN_AS});
	(void)raw_expect(raw, MESSAGE_OPEN);
	raw_send_keepalive(raw);
}

/* Two octets are an AS; whatever is longer limits nothing. */
static bool scope_of(const uint8_t *bytes, size_t size, uint32_t *ret_as)
{
	if (size != 2)
		return false;
	*ret_as = (uint32_t)bytes[0] << 8 | bytes[1];
	return true;
}

/* Both peers are up and have seen our End-of-RIB. */
static struct fixture *open_fixture(const uint32_t *domain, uint32_t count)
{
	const struct speaker_peer peers[] = {harness_peer("inside", INSIDE_AS, 0, true),
	                                     harness_peer("foreign", FOREIGN_AS, 0, true)};
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	T_TRUE(fixture != NULL);
	harness_open(&fixture->harness);
	harness_start(&fixture->harness, 0, OWN_AS,
	              (struct speaker_settings){.peer_count = 2,
	                                        .peers = peers,
	                                        .hold = 90 * CLOCK_SECOND,
	                                        .domain = domain,
	                                        .domain_count = count,
	                                        .scope = scope_of});
	for (int i = 0; i < 2; i++)
		establish(fixture, i, speaker_port(speaker(fixture)));
	harness_until(&fixture->harness, both_up);
	for (int i = 0; i < 2; i++)
		(void)raw_expect(&fixture->peers[i], MESSAGE_UPDATE);
	return fixture;
}

static void shut_fixture(struct fixture *fixture)
{
	for (int i = 0; i < 2; i++)
		raw_close(&fixture->peers[i]);
	harness_shut(&fixture->harness);
	free(fixture);
}

/* What the peer is told next; every message of ours is small enough for all reflectors. */
static struct update *next_update(struct fixture *fixture, int peer)
{
	static struct update update;
	struct message_frame frame = raw_expect(&fixture->peers[peer], MESSAGE_UPDATE);
	struct message_error error;

	T_TRUE(frame.size < 3500);
	T_OK(update_decode(&form, frame.body, frame.body_size, &update, &error));
	T_TRUE(!update.treat_as_withdraw && update.discarded == 0);
	return &update;
}

static void test_attribute_is_stripped(void **state)
{
	static uint8_t value[SPEAKER_ATTRIBUTE_MAXIMUM];
	struct fixture *fixture = open_fixture(domain_of_two, 2);
	struct update *update;

	memset(value, 0xa5, sizeof(value));
	T_OK(speaker_announce(speaker(fixture), prefix, 48, value, sizeof(value)));
	update = next_update(fixture, INSIDE);
	T_EQ(update->attributes.opaque_size, sizeof(value));
	T_BYTES(update->attributes.opaque, value, sizeof(value));
	T_EQ(update->attributes.community_count, 0);
	update = next_update(fixture, FOREIGN);
	T_TRUE(!update->attributes.has_opaque);
	T_EQ(update->attributes.kept_count, 0);
	shut_fixture(fixture);
}

static void test_domain_of_one_as(void **state)
{
	struct fixture *fixture = open_fixture(NULL, 0);

	T_OK(speaker_announce(speaker(fixture), prefix, 48, prefix, 2));
	for (int peer = INSIDE; peer <= FOREIGN; peer++) {
		struct update *update = next_update(fixture, peer);

		T_TRUE(!update->attributes.has_opaque);
		T_EQ(update->attributes.community_count, 1);
		T_EQ(update->attributes.communities[0], UPDATE_NO_EXPORT);
	}
	shut_fixture(fixture);
}

static bool knows_one(struct harness *harness)
{
	return harness_count(&harness->nodes[0]) == 1;
}

#define LIST                     \
	"800e1a"                 \
	"000201"                 \
	"10fd000000000000000000" \
	"000000000009"           \
	"00"                     \
	"20fd0a0000"             \
	"40010100"               \
	"40020602010000fdea"

/* Well-known communities of others are heeded; a route without any follows, to see that nothing came. */
static void expect_kept_back(const char *list)
{
	struct fixture *fixture = open_fixture(domain_of_two, 2);
	struct update_prefix first;
	struct update *update;

	raw_send_update(&fixture->peers[INSIDE], list);
	harness_until(&fixture->harness, knows_one);
	T_OK(speaker_announce(speaker(fixture), prefix, 48, NULL, 0));
	update = next_update(fixture, FOREIGN);
	T_TRUE(update_next(&update->announced, &first));
	T_EQ(first.length, 48);
	shut_fixture(fixture);
}

static void test_communities_are_heeded(void **state)
{
	expect_kept_back(LIST "c00804ffffff01");
	expect_kept_back(LIST "c00804ffffff02");
	expect_kept_back(LIST "c00804ffffff03");
}

static void note_edge(void *context, const struct speaker_path *path)
{
	*(size_t *)context = path->route.edge_metadata_size;
}

/* Attribute 42 is not sealed: what a foreign AS says there counts for nothing. */
static void test_edge_metadata_from_outside(void **state)
{
	static const char *const lists[] = {LIST "802a050001020304", "800e1a000201"
	                                                             "10fd000000000000000000000000000009"
	                                                             "00"
	                                                             "20fd0a0000"
	                                                             "40010100"
	                                                             "40020602010000fdeb"
	                                                             "802a050001020304"};

	for (int peer = INSIDE; peer <= FOREIGN; peer++) {
		struct fixture *fixture = open_fixture(domain_of_two, 2);
		size_t position = 0, size = 99;

		raw_send_update(&fixture->peers[peer], lists[peer]);
		harness_until(&fixture->harness, knows_one);
		(void)speaker_each_route(speaker(fixture), &position, 10, note_edge, &size);
		T_EQ(size, peer == INSIDE ? 5 : 0);
		shut_fixture(fixture);
	}
}

/* A route that attribute 42 leaves to an AS of another domain counts as withdrawn, and nobody is told of it.
 */
static void test_scope(void **state)
{
	struct fixture *fixture = open_fixture(domain_of_two, 2);
	struct speaker_statistics statistics;
	struct update_prefix first;
	struct update *update;

	raw_send_update(&fixture->peers[INSIDE], LIST "802a050001020304");
	update = next_update(fixture, FOREIGN);
	T_TRUE(update_next(&update->announced, &first));
	raw_send_update(&fixture->peers[INSIDE], LIST "802a02fdea"); /* 65002 */
	raw_send_update(&fixture->peers[INSIDE], LIST "802a02fdeb");
	update = next_update(fixture, FOREIGN);
	while (update->withdrawn.size == 0)
		update = next_update(fixture, FOREIGN);
	T_TRUE(update_next(&update->withdrawn, &first));
	T_EQ(first.length, 32);
	T_EQ(harness_count(&fixture->harness.nodes[0]), 0);
	speaker_statistics(speaker(fixture), &statistics);
	T_EQ(statistics.refused_routes, 1);
	T_EQ(statistics.paths, 0);
	shut_fixture(fixture);
}

static void test_without_communities_it_passes(void **state)
{
	struct fixture *fixture = open_fixture(domain_of_two, 2);
	struct update_prefix first;
	struct update *update;

	raw_send_update(&fixture->peers[INSIDE], LIST "e0ff020102");
	update = next_update(fixture, FOREIGN);
	T_TRUE(update_next(&update->announced, &first));
	T_EQ(first.length, 32);
	T_EQ(update->attributes.as_count, 2);
	T_TRUE(!update->attributes.has_opaque);
	T_EQ(fixture->harness.nodes[0].routes[0].attribute_size, 2); /* Partial is no matter */
	shut_fixture(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_attribute_is_stripped),
	        cmocka_unit_test(test_domain_of_one_as),
	        cmocka_unit_test(test_edge_metadata_from_outside),
	        cmocka_unit_test(test_scope),
	        cmocka_unit_test(test_communities_are_heeded),
	        cmocka_unit_test(test_without_communities_it_passes),
	};

	return T_RUN(tests);
}
