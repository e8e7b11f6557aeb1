/* SPDX-License-Identifier: Apache-2.0 */
/* Views of many sites and services, whose tables have several levels: against plain arrays, with snapshots.
 */
#include "tests/t.h"

#include "base/random.h"
#include "view/view.h"
#include <stdio.h>
#include <stdlib.h>

enum { SITES = 6000, ADDRESSES = 2, STEPS = 60000, HELD = 3, TITLES = 8 };

static const struct view_limits limits = {
        .sites = SITES, .services = SITES * ADDRESSES, .reservations = 4, .suspects = 4};

/* What there is at each place; 0: nothing, else one more than the title's number. */
struct model {
	uint32_t site_count, service_count;
	uint8_t links[SITES]; /* one more than the site has */
	uint8_t titles[SITES][ADDRESSES];
	uint32_t running[SITES][ADDRESSES];
};

struct game {
	struct random random;
	struct view *view;
	struct model model;
	struct held {
		const struct view *snapshot;
		struct model model;
	} held[HELD];
};

static struct gateway_identity id(uint32_t place)
{
	return (struct gateway_identity){.site = 1 + place / 3, .gateway = (uint16_t)(1 + place % 3)};
}

static void name_title(uint32_t number, char name[SERVICE_NAME], char version[SERVICE_VERSION])
{
	(void)snprintf(name, SERVICE_NAME, "service-%u", number / 2);
	(void)snprintf(version, SERVICE_VERSION, "%u", 9 + number % 2);
}

static void put_site(struct game *game, uint32_t place)
{
	struct site site = {.identity = id(place),
	                    .link_count = (uint32_t)random_below(&game->random, SITE_LINKS + 1)};

	T_OK(view_put_site(game->view, &site));
	game->model.site_count += game->model.links[place] == 0;
	game->model.links[place] = (uint8_t)(site.link_count + 1);
}

static void remove_site(struct game *game, uint32_t place)
{
	struct model *model = &game->model;

	T_ERROR(view_remove_site(game->view, id(place)),
	        model->links[place] > 0 ? 0 : BUSBAR_ERROR_NOT_FOUND);
	if (model->links[place] == 0)
		return;
	model->links[place] = 0;
	model->site_count--;
	for (uint32_t i = 0; i < ADDRESSES; i++) {
		model->service_count -= model->titles[place][i] > 0;
		model->titles[place][i] = 0;
	}
}

static void put_service(struct game *game, uint32_t place, uint32_t address)
{
	uint32_t title = (uint32_t)random_below(&game->random, TITLES);
	struct model *model = &game->model;
	struct service_offer offer = {.site = id(place),
	                              .address = {(uint8_t)address},
	                              .running = (uint32_t)random_below(&game->random, 1000)};

	name_title(title, offer.name, offer.version);
	T_OK(view_put_service(game->view, &offer));
	model->service_count += model->titles[place][address] == 0;
	model->titles[place][address] = (uint8_t)(title + 1);
	model->running[place][address] = offer.running;
}

static void remove_service(struct game *game, uint32_t place, uint32_t address)
{
	struct model *model = &game->model;

	T_ERROR(view_remove_service(game->view, id(place), (const uint8_t[16]){(uint8_t)address}),
	        model->titles[place][address] > 0 ? 0 : BUSBAR_ERROR_NOT_FOUND);
	model->service_count -= model->titles[place][address] > 0;
	model->titles[place][address] = 0;
}

static void compare_sites(const struct view *view, const struct model *model)
{
	size_t index = 0;

	T_EQ(view_site_count(view), model->site_count);
	for (uint32_t place = 0; place < SITES; place++) {
		const struct site *site = view_site_at(view, index);

		if (model->links[place] == 0) {
			T_TRUE(view_site(view, id(place)) == NULL);
			T_ERROR(view_site_index(view, id(place)), BUSBAR_ERROR_NOT_FOUND);
			continue;
		}
		T_TRUE(site != NULL && gateway_equal(site->identity, id(place)));
		T_TRUE(view_site(view, id(place)) == site);
		T_EQ(view_site_index(view, id(place)), index);
		T_EQ(site->link_count + 1, model->links[place]);
		index++;
	}
	T_TRUE(view_site_at(view, index) == NULL);
}

/* Of a title, all that is offered, from `index` on; returns the index behind. */
static size_t compare_title(const struct view *view, const struct model *model, uint32_t title, size_t index)
{
	char name[SERVICE_NAME], version[SERVICE_VERSION];

	name_title(title, name, version);
	for (uint32_t at = 0; at < SITES * ADDRESSES; at++) {
		uint32_t place = at / ADDRESSES, address = at % ADDRESSES;
		const struct view_service *service;

		if (model->titles[place][address] != title + 1)
			continue;
		service = view_service_at(view, index++);
		T_TRUE(service != NULL && gateway_equal(service->site, id(place)));
		T_TEXT(service->title->name, name);
		T_TEXT(service->title->version, version);
		T_EQ(service->address[0], address);
		T_EQ(service->running, model->running[place][address]);
	}
	return index;
}

/* The number of the newest title of a name at a place, one more; 0: none. */
static uint8_t newest_of(const struct model *model, uint32_t place, uint32_t name)
{
	uint8_t newest = 0;

	for (uint32_t i = 0; i < ADDRESSES; i++)
		if (model->titles[place][i] > 0 && (uint32_t)(model->titles[place][i] - 1) / 2 == name)
			newest = MAXIMUM(newest, model->titles[place][i]);
	return newest;
}

static void compare_services(const struct view *view, const struct model *model)
{
	size_t index = 0;

	T_EQ(view_service_count(view), model->service_count);
	for (uint32_t title = 0; title < TITLES; title += 2) {
		char name[SERVICE_NAME], version[SERVICE_VERSION];
		size_t first = index;

		/* "10" sorts before "9", and is the newer one. */
		index = compare_title(view, model, title + 1, index);
		index = compare_title(view, model, title, index);
		name_title(title, name, version);
		T_EQ(view_service_first(view, name), index > first ? (int)first : BUSBAR_ERROR_NOT_FOUND);
		for (uint32_t place = 0; place < SITES; place++) {
			const struct view_service *service = view_service_of(view, name, "", id(place));
			uint8_t newest = newest_of(model, place, title / 2);

			T_EQ(service != NULL, newest > 0);
			if (service != NULL)
				T_TEXT(service->title->version, newest == title + 1 ? "9" : "10");
		}
	}
	T_TRUE(view_service_at(view, index) == NULL);
}

static void compare(const struct view *view, const struct model *model)
{
	compare_sites(view, model);
	compare_services(view, model);
}

static void step(struct game *game, uint32_t place, uint64_t growth)
{
	uint32_t address = (uint32_t)random_below(&game->random, ADDRESSES);
	bool grows = random_below(&game->random, 100) < growth;

	if (random_below(&game->random, 3) == 0)
		(grows ? put_site : remove_site)(game, place);
	else
		(grows ? put_service : remove_service)(game, place, address);
}

static void hold(struct game *game)
{
	struct held *held = &game->held[random_below(&game->random, HELD)];

	if (held->snapshot != NULL)
		compare(held->snapshot, &held->model);
	(void)view_release_snapshot(held->snapshot);
	held->snapshot = view_snapshot(game->view);
	assert_non_null(held->snapshot);
	held->model = game->model;
}

static void play(struct game *game, uint64_t growth)
{
	for (uint32_t i = 1; i <= STEPS; i++) {
		step(game, (uint32_t)random_below(&game->random, SITES), growth);
		if (i % (STEPS / 16) == 0)
			hold(game);
	}
	compare(game->view, &game->model);
}

static void open_game(struct game *game)
{
	game->view = view_create(&limits);
	assert_non_null(game->view);
	random_seed(&game->random, 7);
}

static void close_game(struct game *game)
{
	for (uint32_t i = 0; i < HELD; i++)
		(void)view_release_snapshot(game->held[i].snapshot);
	view_free(game->view);
	free(game);
}

static void test_random_places(void **state)
{
	struct game *game = calloc(1, sizeof(*game));

	assert_non_null(game);
	open_game(game);
	play(game, 75); /* grows, */
	play(game, 12); /* shrinks, */
	play(game, 60); /* and grows again */
	close_game(game);
}

/* In order, forwards and backwards, as routes of one peer come and go. */
static void test_ordered_places(void **state)
{
	struct game *game = calloc(1, sizeof(*game));

	assert_non_null(game);
	open_game(game);
	for (uint32_t round = 0; round < 4; round++) {
		for (uint32_t i = 0; i < SITES; i++)
			put_site(game, round % 2 == 0 ? i : SITES - 1 - i);
		for (uint32_t i = 0; i < SITES; i++)
			put_service(game, round % 2 == 0 ? i : SITES - 1 - i, round % ADDRESSES);
		hold(game);
		for (uint32_t i = 0; i < SITES; i++)
			remove_site(game, round < 2 ? i : SITES - 1 - i);
		hold(game);
	}
	T_EQ(view_site_count(game->view) + view_service_count(game->view), 0);
	close_game(game);
}

/* A hundred services at each of a thousand sites: what a service takes of all tables together. */
static void test_octets_of_a_service(void **state)
{
	const struct view_limits large = {
	        .sites = 1024, .services = 1 << 17, .reservations = 1, .suspects = 1};
	struct view *view = view_create(&large);

	assert_non_null(view);
	for (uint32_t number = 0; number < 1000; number++) {
		struct site site = {.identity = id(number), .resource_count = 3, .link_count = 4};

		T_OK(view_put_site(view, &site));
		for (uint32_t i = 0; i < 100; i++) {
			struct service_offer offer = {.site = id(number), .address = {(uint8_t)i}};

			name_title(i, offer.name, offer.version);
			T_OK(view_put_service(view, &offer));
		}
	}
	T_EQ(view_service_count(view), 100000);
	T_TRUE(view_bytes(view) <= 300 * 100000);
	view_free(view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_random_places),
	        cmocka_unit_test(test_ordered_places),
	        cmocka_unit_test(test_octets_of_a_service),
	};

	return T_RUN(tests);
}
