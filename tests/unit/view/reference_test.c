/* SPDX-License-Identifier: Apache-2.0 */
/* Random operations on the view against plain arrays in which everything is looked up and added up. */
#include "tests/t.h"

#include "base/random.h"
#include "view/view.h"
#include <stdio.h>

enum { SEEDS = 200, STEPS = 1500, PLACES = 12, SITES = 9, SERVICES = 14, RESERVATIONS = 10, SUSPECTS = 4 };

__extension__ typedef unsigned __int128 wide;

struct noted {
	uint32_t owner;
	bool link;
	enum resource_kind kind;
	uint32_t toward;
	uint64_t amount;
	int64_t decided, until;
};

struct suspicion {
	int error;
	int64_t until;
	bool present;
};

struct model {
	bool present[PLACES];
	struct site sites[PLACES];   /* as announced */
	int64_t delay_until[PLACES]; /* of our own measurement of the first link; 0: none */
	int64_t delays[PLACES];
	struct service_offer services[SERVICES];
	uint32_t service_count;
	struct noted noted[RESERVATIONS];
	uint32_t noted_count;
	struct suspicion suspicions[PLACES];
};

struct game {
	struct random random;
	struct view *view;
	struct model model;
	int64_t now;
};

static uint64_t below(struct game *game, uint64_t bound)
{
	return random_below(&game->random, bound);
}

static uint32_t some_place(struct game *game)
{
	return (uint32_t)below(game, PLACES);
}

/* Identities are not in the order of the places. */
static struct gateway_identity identity(uint32_t place)
{
	return (struct gateway_identity){.site = 1 + place * 7 % PLACES / 2,
	                                 .gateway = (uint16_t)(1 + place * 7 % PLACES % 2)};
}

static uint32_t count_sites(const struct model *model)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < PLACES; i++)
		count += model->present[i];
	return count;
}

static void put_site(struct game *game)
{
	uint32_t place = some_place(game);
	struct model *model = &game->model;
	struct site site = {.identity = identity(place),
	                    .measured = game->now - (int64_t)below(game, 30),
	                    .gflops_per_core = below(game, 4) == 0 ? 0 : 1 + below(game, 50000000),
	                    .resource_count = 3,
	                    .link_count = (uint32_t)below(game, 4)};
	int expected = 0;

	(void)snprintf(site.name, sizeof(site.name), "site-%u", place);
	for (uint32_t i = 0; i < 3; i++) {
		static const enum resource_kind kinds[] = {RESOURCE_CPU, RESOURCE_CPU_GFLOPS,
		                                           RESOURCE_MEMORY};

		site.resources[i] = (struct resource_offer){.kind = kinds[i],
		                                            .capacity = 20000000,
		                                            .free = below(game, 20000000)};
	}
	for (uint32_t i = 0; i < site.link_count; i++)
		site.links[i] = (struct link_offer){.toward = identity((place + 1 + i) % PLACES),
		                                    .delay = (int64_t)below(game, 100),
		                                    .capacity = 1000,
		                                    .free = below(game, 1000)};
	if (model->present[place] && site.measured < model->sites[place].measured)
		expected = BUSBAR_ERROR_STALE;
	else if (!model->present[place] && count_sites(model) == SITES)
		expected = BUSBAR_ERROR_TABLE_FULL;
	T_ERROR(view_put_site(game->view, &site), expected);
	if (expected < 0)
		return;
	model->present[place] = true;
	model->sites[place] = site;
}

static void remove_site(struct game *game)
{
	uint32_t place = some_place(game), kept = 0;
	struct model *model = &game->model;

	T_ERROR(view_remove_site(game->view, identity(place)),
	        model->present[place] ? 0 : BUSBAR_ERROR_NOT_FOUND);
	if (!model->present[place])
		return;
	model->present[place] = false;
	model->delay_until[place] = 0;
	for (uint32_t i = 0; i < model->service_count; i++)
		if (!gateway_equal(model->services[i].site, identity(place)))
			model->services[kept++] = model->services[i];
	model->service_count = kept;
}

static uint32_t find_service(const struct model *model, struct gateway_identity site,
                             const uint8_t address[16])
{
	uint32_t at = 0;

	while (at < model->service_count && !(gateway_equal(model->services[at].site, site) &&
	                                      memcmp(model->services[at].address, address, 16) == 0))
		at++;
	return at;
}

static struct service_offer some_service(struct game *game)
{
	struct service_offer service = {.site = identity(some_place(game)),
	                                .address = {(uint8_t)below(game, 3)},
	                                .running = (uint32_t)below(game, 1000)};

	(void)snprintf(service.name, sizeof(service.name), "%c", (char)('a' + below(game, 3)));
	(void)snprintf(service.version, sizeof(service.version), "%u", (uint32_t)below(game, 12));
	return service;
}

static void put_service(struct game *game)
{
	struct model *model = &game->model;
	struct service_offer service = some_service(game);
	uint32_t at = find_service(model, service.site, service.address);

	if (at == SERVICES) {
		T_ERROR(view_put_service(game->view, &service), BUSBAR_ERROR_TABLE_FULL);
		return;
	}
	T_OK(view_put_service(game->view, &service));
	model->services[at] = service;
	if (at == model->service_count)
		model->service_count++;
}

static void remove_service(struct game *game)
{
	struct model *model = &game->model;
	struct service_offer service = some_service(game);
	uint32_t at = find_service(model, service.site, service.address);
	bool known = at < model->service_count;

	T_ERROR(view_remove_service(game->view, service.site, service.address),
	        known ? 0 : BUSBAR_ERROR_NOT_FOUND);
	if (known)
		model->services[at] = model->services[--model->service_count];
}

static void put_delay(struct game *game)
{
	struct model *model = &game->model;
	uint32_t place = some_place(game);
	struct gateway_identity toward = identity((place + 1) % PLACES);
	bool known = model->present[place] && model->sites[place].link_count > 0;
	int64_t validity = (int64_t)below(game, 40);

	T_ERROR(view_put_link_delay(game->view, identity(place), toward, game->now, 2, 3, game->now,
	                            validity),
	        known ? 0 : BUSBAR_ERROR_NOT_FOUND);
	if (!known)
		return;
	model->delays[place] = game->now;
	model->delay_until[place] = validity == 0 ? INT64_MAX : game->now + validity;
}

static void note(struct game *game)
{
	struct model *model = &game->model;
	struct noted noted = {.owner = some_place(game),
	                      .link = below(game, 2) == 0,
	                      .kind = below(game, 2) == 0 ? RESOURCE_CPU : RESOURCE_CPU_GFLOPS,
	                      .amount = below(game, 9000000),
	                      .decided = game->now,
	                      .until = game->now + (int64_t)below(game, 60)};
	int expected = model->noted_count == RESERVATIONS ? BUSBAR_ERROR_TABLE_FULL : 0;

	if (below(game, 4) == 0)
		noted.kind = RESOURCE_MEMORY;
	if (noted.link) {
		noted.toward = (noted.owner + 1 + (uint32_t)below(game, 3)) % PLACES;
		noted.amount = below(game, 500);
		T_ERROR(view_reserve_link(game->view, identity(noted.owner), identity(noted.toward),
		                          noted.amount, noted.decided, noted.until),
		        expected);
	} else {
		T_ERROR(view_reserve(game->view, identity(noted.owner), noted.kind, noted.amount,
		                     noted.decided, noted.until),
		        expected);
	}
	if (expected == 0)
		model->noted[model->noted_count++] = noted;
}

static void drop_note(struct model *model, uint32_t index)
{
	model->noted_count--;
	memmove(model->noted + index, model->noted + index + 1,
	        (model->noted_count - index) * sizeof(*model->noted));
}

static void take_back(struct game *game)
{
	struct model *model = &game->model;
	int64_t decided = game->now - (int64_t)below(game, 10);

	view_unreserve(game->view, decided);
	for (uint32_t i = model->noted_count; i-- > 0;)
		if (model->noted[i].decided == decided)
			drop_note(model, i);
}

static void suspect(struct game *game)
{
	struct model *model = &game->model;
	uint32_t place = some_place(game), count = 0;
	int error = -2000 - (int)below(game, 40);
	int64_t until = game->now + (int64_t)below(game, 60);
	struct suspicion *suspicion = &model->suspicions[place];

	for (uint32_t i = 0; i < PLACES; i++)
		count += model->suspicions[i].present;
	if (!suspicion->present && count == SUSPECTS) {
		T_ERROR(view_suspect(game->view, identity(place), error, until), BUSBAR_ERROR_TABLE_FULL);
		return;
	}
	T_OK(view_suspect(game->view, identity(place), error, until));
	*suspicion =
	        (struct suspicion){.error = error,
	                           .until = suspicion->present ? MAXIMUM(suspicion->until, until) : until,
	                           .present = true};
}

static bool is_known_to_owner(const struct model *model, const struct noted *noted)
{
	return model->present[noted->owner] && model->sites[noted->owner].measured > noted->decided;
}

static void expire(struct game *game)
{
	struct model *model = &game->model;
	size_t dropped = 0;

	game->now += (int64_t)below(game, 20);
	if (below(game, 2) == 0)
		return;
	for (uint32_t i = model->noted_count; i-- > 0;) {
		if (model->noted[i].until > game->now && !is_known_to_owner(model, &model->noted[i]))
			continue;
		drop_note(model, i);
		dropped++;
	}
	for (uint32_t i = 0; i < PLACES; i++) {
		struct suspicion *suspicion = &model->suspicions[i];

		if (suspicion->present && suspicion->until <= game->now) {
			suspicion->present = false;
			dropped++;
		}
	}
	for (uint32_t i = 0; i < PLACES; i++)
		if (model->delay_until[i] < game->now)
			model->delay_until[i] = 0;
	T_EQ(view_expire(game->view, game->now), dropped);
}

/* What is left of cores and GFLOPS, which are the same, and of memory. */
struct left {
	uint64_t cores, gflops, memory;
};

static uint64_t minus(uint64_t amount, wide taken)
{
	return taken > amount ? 0 : amount - (uint64_t)taken;
}

static struct left left_of(const struct model *model, uint32_t place)
{
	const struct site *site = &model->sites[place];
	wide speed = site->gflops_per_core;
	struct left left = {site->resources[0].free, site->resources[1].free, site->resources[2].free};

	for (uint32_t i = 0; i < model->noted_count; i++) {
		const struct noted *noted = &model->noted[i];

		if (noted->owner != place || noted->link || is_known_to_owner(model, noted))
			continue;
		if (noted->kind == RESOURCE_MEMORY) {
			left.memory = minus(left.memory, noted->amount);
			continue;
		}
		if (noted->kind == RESOURCE_CPU)
			left.cores = minus(left.cores, noted->amount);
		else
			left.gflops = minus(left.gflops, noted->amount);
		if (noted->kind == RESOURCE_CPU_GFLOPS && speed > 0)
			left.cores = minus(left.cores, ((wide)noted->amount * 1000000 + speed - 1) / speed);
		if (speed > 0 && left.cores * speed / 1000000 < left.gflops)
			left.gflops = (uint64_t)(left.cores * speed / 1000000);
	}
	return left;
}

static uint64_t noted_rate(const struct model *model, uint32_t place, struct gateway_identity toward)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < model->noted_count; i++) {
		const struct noted *noted = &model->noted[i];

		if (noted->owner == place && noted->link && gateway_equal(identity(noted->toward), toward) &&
		    !is_known_to_owner(model, noted))
			sum += noted->amount;
	}
	return sum;
}

static void compare_site(const struct game *game, uint32_t place)
{
	const struct model *model = &game->model;
	const struct site *announced = &model->sites[place], *shown = view_site(game->view, identity(place));
	int index = view_site_index(game->view, identity(place));
	struct left left = left_of(model, place);

	T_EQ(shown != NULL, model->present[place]);
	T_EQ(view_suspected(game->view, identity(place), game->now),
	     model->suspicions[place].present && model->suspicions[place].until > game->now
	             ? model->suspicions[place].error
	             : 0);
	if (shown == NULL) {
		T_ERROR(index, BUSBAR_ERROR_NOT_FOUND);
		return;
	}
	T_TRUE(view_site_at(game->view, (size_t)index) == shown);
	T_TRUE(view_site_by_name(game->view, announced->name) == shown);
	T_EQ(shown->measured, announced->measured);
	for (uint32_t i = 0; i < 3; i++)
		T_EQ(shown->resources[i].capacity, announced->resources[i].capacity);
	T_EQ(shown->resources[0].free, left.cores);
	T_EQ(shown->resources[1].free, left.gflops);
	T_EQ(shown->resources[2].free, left.memory);
	for (uint32_t i = 0; i < announced->link_count; i++) {
		uint64_t sum = noted_rate(model, place, announced->links[i].toward);
		uint64_t free = announced->links[i].free;
		bool own;

		T_EQ(shown->links[i].free, free > sum ? free - sum : 0);
		own = i == 0 && model->delay_until[place] > 0;
		T_EQ(shown->links[i].delay, own ? model->delays[place] : announced->links[i].delay);
		T_EQ(shown->links[i].jitter, own ? 2 : announced->links[i].jitter);
	}
}

static void compare_services(const struct game *game)
{
	const struct model *model = &game->model;
	const struct view_service *before = NULL;

	T_EQ(view_service_count(game->view), model->service_count);
	for (size_t i = 0; i < model->service_count; i++) {
		const struct view_service *service = view_service_at(game->view, i);
		uint32_t at = find_service(model, service->site, service->address);

		T_TRUE(at < model->service_count);
		T_TEXT(service->title->name, model->services[at].name);
		T_TEXT(service->title->version, model->services[at].version);
		T_EQ(service->running, model->services[at].running);
		if (before == NULL || strcmp(before->title->name, service->title->name) != 0) {
			T_EQ(view_service_first(game->view, service->title->name), i);
			T_TRUE(before == NULL || strcmp(before->title->name, service->title->name) < 0);
		} else {
			int order = strcmp(before->title->version, service->title->version);

			T_TRUE(order < 0 ||
			       (order == 0 && gateway_compare(before->site, service->site) <= 0));
		}
		before = service;
	}
}

static void compare(const struct game *game)
{
	T_EQ(view_site_count(game->view), count_sites(&game->model));
	for (size_t i = 1; i < view_site_count(game->view); i++)
		T_TRUE(gateway_compare(view_site_at(game->view, i - 1)->identity,
		                       view_site_at(game->view, i)->identity) < 0);
	for (uint32_t place = 0; place < PLACES; place++)
		compare_site(game, place);
	compare_services(game);
}

static void step(struct game *game)
{
	static void (*const moves[])(struct game *) = {
	        put_site, put_site, put_site, remove_site, put_service, put_service, remove_service,
	        note,     note,     note,     take_back,   put_delay,   suspect,     expire,
	};

	moves[below(game, ARRAY_SIZE(moves))](game);
}

static void test_random_operations(void **state)
{
	const struct view_limits limits = {
	        .sites = SITES, .services = SERVICES, .reservations = RESERVATIONS, .suspects = SUSPECTS};

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct game game = {.view = view_create(&limits), .now = 1000};

		assert_non_null(game.view);
		random_seed(&game.random, seed);
		for (int i = 0; i < STEPS; i++) {
			step(&game);
			compare(&game);
		}
		view_free(game.view);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_random_operations),
	};

	return T_RUN(tests);
}
