/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told what, and what changes on the way out. */
#include "bgp/advertise.h"
#include "busbar-error.h"
#include "tests/t.h"

enum { OWN_AS = 65000, PEER_AS = 65001 };

static const uint32_t as_path[] = {65002, 65003};
static const uint8_t value[UPDATE_OPAQUE_MAXIMUM] = {1, 2, 3};

struct sample {
	struct update_attributes content;
	struct attributes *attributes;
	struct table_choice choice;
};

static const struct advertise outward = {
        .as = OWN_AS,
        .remote_as = PEER_AS,
        .peer = 1,
        .external = true,
        .add_path = true,
        .inside = true,
        .opaque_code = 255,
        .next_hop = {0x20, 1, [15] = 9},
};
static const struct advertise inward = {
        .as = OWN_AS,
        .remote_as = OWN_AS,
        .peer = 1,
        .inside = true,
        .opaque_code = 255,
        .next_hop = {0x20, 1, [15] = 9},
};

/* A route of another peer over 65002 with everything that a route can have. */
static void make(struct sample *sample)
{
	static const uint32_t communities[] = {0xfde80001}, clusters[] = {5};
	static const struct update_attribute kept = {0xe0, 250, 3, value};

	memset(sample, 0, sizeof(*sample));
	sample->content = (struct update_attributes){
	        .next_hop = {0x20, 1, [15] = 1},
	        .has_med = true,
	        .med = 4,
	        .has_local_preference = true,
	        .local_preference = 200,
	        .has_originator = true,
	        .originator = 6,
	        .as_path = as_path,
	        .as_count = 2,
	        .communities = communities,
	        .community_count = 1,
	        .clusters = clusters,
	        .cluster_count = 1,
	        .has_opaque = true,
	        .opaque = value,
	        .opaque_size = 3,
	        .kept = &kept,
	        .kept_count = 1,
	};
	sample->choice =
	        (struct table_choice){.address = {0x20, 1, 2}, .length = 64, .peer = 0, .number = 65003};
}

static const struct table_choice *choose(struct sample *sample)
{
	sample->choice.attributes = attributes_release(sample->attributes);
	sample->attributes = attributes_create(&sample->content);
	T_TRUE(sample->attributes != NULL);
	sample->choice.attributes = sample->attributes;
	return &sample->choice;
}

/* Decodes what the peer would get; the update points into a buffer of this function. */
static int announce(const struct advertise *advertise, struct sample *sample, struct update *ret_update)
{
	static uint8_t bytes[UPDATE_SIZE_MAXIMUM];
	const struct update_form form = {.add_path = advertise->add_path,
	                                 .external = advertise->external,
	                                 .remote_as = advertise->as,
	                                 .opaque_code = 255};
	struct message_error error;
	struct message_frame frame;
	int size = advertise_announce(advertise, choose(sample), bytes);

	if (size < 0)
		return size;
	T_TRUE(size < 3500);
	T_EQ(message_frame(bytes, (size_t)size, MESSAGE_MAXIMUM, &frame, &error), size);
	T_OK(update_decode(&form, frame.body, frame.body_size, ret_update, &error));
	T_TRUE(!ret_update->treat_as_withdraw);
	T_EQ(ret_update->discarded, 0);
	return size;
}

static void drop(struct sample *sample)
{
	attributes_release(sample->attributes);
}

static void test_to_another_as(void **state)
{
	struct update_prefix prefix;
	struct sample sample;
	struct update update;

	make(&sample);
	T_OK(announce(&outward, &sample, &update));
	T_EQ(update.attributes.as_count, 3);
	T_EQ(update.attributes.as_path[0], OWN_AS);
	T_EQ(update.attributes.as_path[2], 65003);
	T_BYTES(update.attributes.next_hop, outward.next_hop, 16);
	T_TRUE(!update.attributes.has_med && !update.attributes.has_local_preference);
	T_TRUE(!update.attributes.has_originator && update.attributes.cluster_count == 0);
	T_EQ(update.attributes.community_count, 1);
	T_EQ(update.attributes.kept_count, 1);
	T_EQ(update.attributes.opaque_size, 3);
	T_BYTES(update.attributes.opaque, value, 3);
	T_TRUE(update_next(&update.announced, &prefix));
	T_EQ(prefix.path_id, 65003);
	T_EQ(prefix.length, 64);
	drop(&sample);
}

static void test_inside_our_as(void **state)
{
	struct sample sample;
	struct update update;

	make(&sample);
	T_OK(announce(&inward, &sample, &update));
	T_EQ(update.attributes.as_count, 2);
	T_TRUE(update.attributes.has_med && update.attributes.has_local_preference);
	T_EQ(update.attributes.local_preference, 200);
	T_TRUE(!update.attributes.has_originator);
	T_BYTES(update.attributes.next_hop, inward.next_hop, 16);
	sample.content.has_local_preference = false;
	T_OK(announce(&inward, &sample, &update));
	T_EQ(update.attributes.local_preference, DECISION_DEFAULT_PREFERENCE);
	drop(&sample);
}

static void test_outside_the_domain(void **state)
{
	struct advertise stranger = outward;
	struct sample sample;
	struct update update;

	make(&sample);
	stranger.inside = false;
	T_OK(announce(&stranger, &sample, &update));
	T_TRUE(!update.attributes.has_opaque);
	T_EQ(update.attributes.kept_count, 1); /* others' attributes are not ours to take away */
	drop(&sample);
}

static void test_domain_of_one_as(void **state)
{
	struct advertise confined = outward;
	struct sample sample;
	struct update update;

	make(&sample);
	confined.confined = true;
	T_OK(announce(&confined, &sample, &update)); /* somebody else's: as it is */
	T_EQ(update.attributes.communities[0], 0xfde80001);
	memset(&sample.content, 0, sizeof(sample.content));
	sample.choice.peer = TABLE_LOCAL;
	T_OK(announce(&confined, &sample, &update));
	T_EQ(update.attributes.community_count, 1);
	T_EQ(update.attributes.communities[0], UPDATE_NO_EXPORT);
	T_EQ(update.attributes.as_count, 1);
	confined.confined = false;
	T_OK(announce(&confined, &sample, &update));
	T_EQ(update.attributes.community_count, 0);
	drop(&sample);
}

static void test_permission(void **state)
{
	static const uint32_t no_export[] = {1, UPDATE_NO_EXPORT}, no_advertise[] = {UPDATE_NO_ADVERTISE};
	static const uint32_t no_subconfed[] = {UPDATE_NO_EXPORT_SUBCONFED};
	static const uint32_t seen[] = {65002, PEER_AS, 65003};
	struct sample sample;

	make(&sample);
	T_TRUE(advertise_permitted(&outward, choose(&sample), false));
	T_TRUE(advertise_permitted(&outward, choose(&sample), true));
	T_TRUE(advertise_permitted(&inward, choose(&sample), false));
	T_TRUE(!advertise_permitted(&inward, choose(&sample), true)); /* no reflector */
	sample.choice.peer = 1;
	T_TRUE(!advertise_permitted(&outward, choose(&sample), false));
	T_TRUE(!advertise_permitted(&inward, choose(&sample), false));
	sample.choice.peer = 0;
	sample.content.communities = no_export;
	sample.content.community_count = 2;
	T_TRUE(!advertise_permitted(&outward, choose(&sample), false));
	T_TRUE(advertise_permitted(&inward, choose(&sample), false));
	sample.content.communities = no_subconfed;
	sample.content.community_count = 1;
	T_TRUE(!advertise_permitted(&outward, choose(&sample), false));
	T_TRUE(advertise_permitted(&inward, choose(&sample), false));
	sample.content.communities = no_advertise;
	sample.content.community_count = 1;
	T_TRUE(!advertise_permitted(&outward, choose(&sample), false));
	T_TRUE(!advertise_permitted(&inward, choose(&sample), false));
	sample.content.community_count = 0;
	sample.content.as_path = seen;
	sample.content.as_count = 3;
	T_TRUE(!advertise_permitted(&outward, choose(&sample), false));
	T_TRUE(advertise_permitted(&inward, choose(&sample), false));
	drop(&sample);
}

static void test_too_large(void **state)
{
	static uint32_t numbers[UPDATE_AS_MAXIMUM];
	struct sample sample;
	struct update update;

	for (uint32_t i = 0; i < UPDATE_AS_MAXIMUM; i++)
		numbers[i] = 70000 + i;
	make(&sample);
	sample.content.as_path = numbers;
	sample.content.as_count = UPDATE_AS_MAXIMUM - 1;
	T_OK(announce(&outward, &sample, &update));
	T_EQ(update.attributes.as_count, UPDATE_AS_MAXIMUM);
	sample.content.as_count = UPDATE_AS_MAXIMUM; /* no room for one's own */
	T_ERROR(announce(&outward, &sample, &update), BUSBAR_ERROR_TOO_LARGE);
	T_OK(announce(&inward, &sample, &update));
	sample.content.opaque_size = UPDATE_OPAQUE_MAXIMUM;
	T_ERROR(announce(&inward, &sample, &update), BUSBAR_ERROR_TOO_LARGE);
	sample.content.as_count = 20;
	T_OK(announce(&outward, &sample, &update));
	T_EQ(update.attributes.opaque_size, UPDATE_OPAQUE_MAXIMUM);
	drop(&sample);
}

static void test_withdraw_and_end(void **state)
{
	static const uint8_t prefixes[] = {0, 0, 0xfd, 0xe9, 16, 0x20, 1, 0, 0, 0, 1, 0};
	const struct update_form form = {.add_path = true, .external = true, .opaque_code = 255};
	uint8_t bytes[UPDATE_SIZE_MAXIMUM];
	struct message_error error;
	struct update_prefix prefix;
	struct update update;
	int size = advertise_withdraw(&outward, prefixes, sizeof(prefixes), bytes);

	T_OK(size);
	T_OK(update_decode(&form, bytes + MESSAGE_HEADER, (size_t)size - MESSAGE_HEADER, &update, &error));
	T_TRUE(!update.end_of_rib);
	T_TRUE(update_next(&update.withdrawn, &prefix));
	T_EQ(prefix.path_id, 65001);
	T_TRUE(update_next(&update.withdrawn, &prefix));
	T_EQ(prefix.length, 0);
	size = advertise_withdraw(&outward, NULL, 0, bytes);
	T_EQ(size, 29);
	T_OK(update_decode(&form, bytes + MESSAGE_HEADER, (size_t)size - MESSAGE_HEADER, &update, &error));
	T_TRUE(update.end_of_rib);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_to_another_as),      cmocka_unit_test(test_inside_our_as),
	        cmocka_unit_test(test_outside_the_domain), cmocka_unit_test(test_domain_of_one_as),
	        cmocka_unit_test(test_permission),         cmocka_unit_test(test_too_large),
	        cmocka_unit_test(test_withdraw_and_end),
	};

	return T_RUN(tests);
}
