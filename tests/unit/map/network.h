/* SPDX-License-Identifier: Apache-2.0 */
/* Seeded random small networks with a demand, and the parts that hand-made ones are built of. */
#ifndef TESTS_NETWORK_H
#define TESTS_NETWORK_H

#include "map/map.h"

#define NETWORK_NOW INT64_C(1700000000000000000)
#define MEGABIT UINT64_C(1000000)
#define CORE UINT64_C(1000000)
#define MEBIBYTE (UINT64_C(1) << 20)

struct network {
	struct view *view;
	struct demand demand;
	struct random random; /* given to the request of some seeds */
	struct map_request request;
};

/* How hard the network is to map, by what it has much of. */
enum network_kind {
	NETWORK_ANY,
	NETWORK_SCARCE, /* bandwidth that parts must share, so that links couple them */
	NETWORK_POOR,   /* budgets near what the plan costs */
	NETWORK_EQUAL,  /* few different figures, so that there are many draws */
	NETWORK_KINDS,
};

/* The same seed gives the same network. Never fails: memory must do. */
void network_open(struct network *network, enum network_kind kind, uint64_t seed);
void network_close(struct network *network);

/* An empty view of a test's size. */
struct view *network_view(void);
/* Gateway number.1 named so, fresh, without resources and links. */
struct site network_site(uint32_t number, const char *name);
void network_add_resource(struct site *site, enum resource_kind kind, uint64_t capacity, uint64_t free,
                          money base, money tariff);
/* One direction, all of it free. */
struct link_offer *network_add_link(struct site *site, uint32_t toward, int64_t delay, uint64_t capacity,
                                    money base);
void network_put(struct view *view, const struct site *site);
struct gateway_identity network_identity(uint32_t number);

#endif
