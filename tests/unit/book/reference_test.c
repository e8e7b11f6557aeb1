/* SPDX-License-Identifier: Apache-2.0 */
/* Random operations on the book against a model of a few lines. */
#include "tests/t.h"

#include "base/random.h"
#include "book/book.h"

enum { SEEDS = 300, OPERATIONS_PER_SEED = 3000, PROGRAMS = 24, HOLDINGS = 16, LINKS = 3 };

__extension__ typedef unsigned __int128 wide;

/* cpu and memory are all that the model has; links by their number. */
struct held {
	bool reserved, claimed;
	int64_t expires;
	uint64_t cores, memory;
	uint32_t class;
	uint64_t rates[LINKS], bursts[LINKS];
	int64_t jitters[LINKS];
};

/* Base prices: of cpu, memory and the links. */
enum { CPU_PRICE, MEMORY_PRICE, LINK_PRICE, PRICES = LINK_PRICE + LINKS };

struct model {
	uint64_t cores, memory, rates[LINKS]; /* capacities */
	uint64_t gflops_per_core;
	struct held held[PROGRAMS];
	struct resource_offer cpu_offer, memory_offer;
	struct link_offer link_offers[LINKS];
	struct book_output outputs[LINKS];
	uint32_t tides[PRICES][BOOK_HOURS];
	struct book_prices prices;
	int64_t ticked;
};

struct game {
	struct random random;
	struct book *book;
	struct model model;
	int64_t now;
	uint32_t grants[LINK_CLASSES], refusals[LINK_CLASSES]; /* of links, refusals for ceilings */
};

static uint64_t below(struct game *game, uint64_t bound)
{
	return random_below(&game->random, bound);
}

static struct identifier program(uint32_t number)
{
	return (struct identifier){.octets = {1, 2, 3, (uint8_t)number}};
}

static struct gateway_identity neighbour(uint32_t link)
{
	return (struct gateway_identity){.site = 10 + link, .gateway = 1};
}

static uint64_t used_cores(const struct model *model)
{
	uint64_t used = 0;

	for (uint32_t i = 0; i < PROGRAMS; i++)
		used += model->held[i].cores;
	return used;
}

static uint64_t used_memory(const struct model *model)
{
	uint64_t used = 0;

	for (uint32_t i = 0; i < PROGRAMS; i++)
		used += model->held[i].memory;
	return used;
}

static uint64_t used_rate(const struct model *model, uint32_t link)
{
	uint64_t used = 0;

	for (uint32_t i = 0; i < PROGRAMS; i++)
		used += model->held[i].rates[link];
	return used;
}

/* The book's formula, over all that is held and what is asked for. INT64_MAX: there is no bound. */
static int64_t bound(const struct model *model, uint32_t link, const struct held *more, uint32_t class)
{
	const struct book_output *output = &model->outputs[link];
	wide bits = (wide)output->largest_packet * 8000000000, delay;
	uint64_t rate = output->rate;

	for (uint32_t i = 0; i <= PROGRAMS; i++) {
		const struct held *held = i < PROGRAMS ? &model->held[i] : more;

		if (held == NULL || held->rates[link] == 0)
			continue;
		if (held->class <= class)
			bits += (wide)held->bursts[link] * 8000000000 +
			        (wide)held->rates[link] * (uint64_t)held->jitters[link];
		if (held->class < class)
			rate -= held->rates[link];
	}
	if (rate == 0)
		return INT64_MAX;
	delay = (bits + rate - 1) / rate + (uint64_t)output->latency;
	return delay > INT64_MAX ? INT64_MAX : (int64_t)delay;
}

static uint32_t flows_of(const struct model *model, uint32_t link, uint32_t class)
{
	uint32_t flows = 0;

	for (uint32_t i = 0; i < PROGRAMS; i++)
		flows += model->held[i].rates[link] > 0 && model->held[i].class == class;
	return flows;
}

/* The base price at the last tick. */
static money base_of(const struct model *model, uint32_t price, money base)
{
	const uint64_t hour = 3600 * (uint64_t)CLOCK_SECOND;
	uint64_t within = (uint64_t)model->ticked % hour, now = (uint64_t)model->ticked / hour % BOOK_HOURS;
	uint64_t tide = model->tides[price][now] * (hour - within) +
	                model->tides[price][(now + 1) % BOOK_HOURS] * within;
	wide thousandths = ((wide)(uint64_t)base * tide + hour / 2) / hour;

	return (money)((thousandths * model->prices.energy * model->prices.carbon + 500000000) / 1000000000);
}

static bool is_held(const struct held *held)
{
	return held->reserved || held->claimed;
}

static uint32_t count_held(const struct model *model)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < PROGRAMS; i++)
		count += is_held(&model->held[i]);
	return count;
}

static uint64_t to_cores(const struct model *model, uint64_t gflops)
{
	return (uint64_t)(((wide)gflops * 1000000 + model->gflops_per_core - 1) / model->gflops_per_core);
}

static void open_link(struct game *game, uint32_t link)
{
	struct model *model = &game->model;
	struct link_offer *offer = &model->link_offers[link];

	model->rates[link] = 1 + below(game, 100000000);
	model->outputs[link] = (struct book_output){.rate = model->rates[link] + below(game, 3) * 1000000,
	                                            .largest_packet = below(game, 9000),
	                                            .latency = (int64_t)below(game, 5000000)};
	*offer = (struct link_offer){.toward = neighbour(link),
	                             .capacity = model->rates[link],
	                             .free = model->rates[link],
	                             .base = (money)below(game, 500),
	                             .steepness = 1000 + (uint32_t)below(game, 9000)};
	for (uint32_t level = 0; level < LINK_CLASSES; level++)
		if (below(game, 4) > 0)
			offer->ceilings[level] = (level == 0 ? 0 : offer->ceilings[level - 1]) +
			                         bound(model, link, NULL, level) +
			                         (int64_t)below(game, 20000000);
	T_OK(book_add_link(game->book, offer, &model->outputs[link]));
}

static void set_tides(struct game *game)
{
	struct model *model = &game->model;

	for (uint32_t price = 0; price < PRICES; price++)
		for (uint32_t hour = 0; hour < BOOK_HOURS; hour++)
			model->tides[price][hour] = below(game, 3) == 0 ? 1000 : (uint32_t)below(game, 3000);
	T_OK(book_set_resource_tide(game->book, RESOURCE_CPU, model->tides[CPU_PRICE]));
	T_OK(book_set_resource_tide(game->book, RESOURCE_MEMORY, model->tides[MEMORY_PRICE]));
	for (uint32_t i = 0; i < LINKS; i++)
		T_OK(book_set_link_tide(game->book, neighbour(i), model->tides[LINK_PRICE + i]));
}

static void open_game(struct game *game, uint64_t seed)
{
	struct model *model = &game->model;

	*game = (struct game){.now = INT64_C(1700000000000000000)};
	random_seed(&game->random, seed);
	game->book = book_create(HOLDINGS, seed);
	assert_non_null(game->book);
	model->cores = 1 + below(game, 16000000);
	model->memory = 1 + below(game, UINT64_C(1) << 34);
	model->gflops_per_core = 1 + below(game, 90000000);
	model->cpu_offer = (struct resource_offer){.kind = RESOURCE_CPU,
	                                           .capacity = model->cores,
	                                           .free = model->cores,
	                                           .base = (money)below(game, 5000),
	                                           .steepness = 1000 + (uint32_t)below(game, 20000)};
	model->memory_offer = (struct resource_offer){.kind = RESOURCE_MEMORY,
	                                              .capacity = model->memory,
	                                              .free = model->memory,
	                                              .base = (money)below(game, 5000),
	                                              .steepness = 1000};
	T_OK(book_add_resource(game->book, &model->cpu_offer));
	T_OK(book_add_resource(game->book, &model->memory_offer));
	book_set_calibration(game->book, model->gflops_per_core);
	for (uint32_t i = 0; i < LINKS; i++)
		open_link(game, i);
	model->prices = (struct book_prices){.energy = 1000, .carbon = 1000};
	set_tides(game);
}

/* The model's own offer, with what is free at this moment. */
static struct resource_offer offer_now(const struct model *model, enum resource_kind kind)
{
	struct resource_offer offer = kind == RESOURCE_CPU ? model->cpu_offer : model->memory_offer;

	offer.free -= kind == RESOURCE_CPU ? used_cores(model) : used_memory(model);
	offer.base = base_of(model, kind == RESOURCE_CPU ? CPU_PRICE : MEMORY_PRICE, offer.base);
	return offer;
}

static int expected_claim(const struct game *game, uint32_t number, const struct program_claim *claim)
{
	const struct model *model = &game->model;

	if (model->held[number].claimed)
		return 0;
	for (uint32_t i = 0; i < claim->resource_count; i++) {
		const struct program_claim_resource *wanted = &claim->resources[i];
		bool gflops = wanted->kind == RESOURCE_CPU_GFLOPS;
		struct resource_offer offer = offer_now(model, gflops ? RESOURCE_CPU : wanted->kind);
		uint64_t amount = gflops ? to_cores(model, wanted->amount) : wanted->amount;
		money price = resource_price(&offer, amount);

		if (gflops)
			price = (money)(((wide)price * 1000000 + model->gflops_per_core / 2) /
			                model->gflops_per_core);
		if (amount > offer.free)
			return BUSBAR_ERROR_NO_CAPACITY;
		if (price > wanted->limit)
			return BUSBAR_ERROR_PRICE_ROSE;
	}
	return !is_held(&model->held[number]) && count_held(model) == HOLDINGS ? BUSBAR_ERROR_TABLE_FULL : 0;
}

static void note_claim(struct model *model, struct held *held, const struct program_claim *claim)
{
	for (uint32_t i = 0; i < claim->resource_count; i++) {
		const struct program_claim_resource *wanted = &claim->resources[i];

		if (wanted->kind == RESOURCE_MEMORY)
			held->memory = wanted->amount;
		else if (wanted->kind == RESOURCE_CPU)
			held->cores = MAXIMUM(held->cores, wanted->amount);
		else
			held->cores = MAXIMUM(held->cores, to_cores(model, wanted->amount));
	}
	held->claimed = true;
}

/* A third of all or less, and now and then far too much. */
static uint64_t some_of(struct game *game, uint64_t capacity)
{
	return 1 + below(game, below(game, 8) == 0 ? capacity * 2 : capacity / 3 + 1);
}

static struct program_claim some_claim(struct game *game)
{
	const struct model *model = &game->model;
	struct program_claim claim = {.time = (int64_t)below(game, 1000)};
	uint64_t gflops = (uint64_t)((wide)model->cores * model->gflops_per_core / 1000000);
	uint64_t which = 1 + below(game, 7);
	const struct {
		enum resource_kind kind;
		uint64_t capacity;
	} kinds[] = {{RESOURCE_CPU, model->cores},
	             {RESOURCE_MEMORY, model->memory},
	             {RESOURCE_CPU_GFLOPS, gflops}};

	for (uint32_t i = 0; i < 3; i++)
		if (which & 1U << i)
			claim.resources[claim.resource_count++] = (struct program_claim_resource){
			        .kind = kinds[i].kind,
			        .amount = some_of(game, kinds[i].capacity),
			        .limit = below(game, 3) == 0 ? (money)below(game, 20000) : INT64_MAX};
	return claim;
}

static void try_claim(struct game *game)
{
	uint32_t number = (uint32_t)below(game, PROGRAMS);
	struct held *held = &game->model.held[number];
	struct program_claim claim = some_claim(game);
	struct identifier identifier = program(number);
	struct book_refusal refusal = {.error = 1};
	int expected = expected_claim(game, number, &claim);
	bool held_before = held->claimed;

	T_ERROR(book_claim(game->book, &identifier, neighbour(9), &claim, game->now, &refusal), expected);
	T_EQ(refusal.error, expected < 0 ? expected : 1);
	if (expected == BUSBAR_ERROR_NO_CAPACITY)
		T_TRUE(refusal.have < refusal.need);
	if (expected == BUSBAR_ERROR_PRICE_ROSE)
		T_TRUE(refusal.have > refusal.need && refusal.have == refusal.price);
	if (expected < 0 || held_before)
		return;
	held->expires = MAXIMUM(is_held(held) ? held->expires : game->now, game->now + claim.time);
	note_claim(&game->model, held, &claim);
}

static int expected_link(const struct model *model, uint32_t link, const struct held *more, money limit,
                         struct book_refusal *refusal)
{
	struct link_offer offer = model->link_offers[link];
	uint64_t rate = more->rates[link];

	offer.free -= used_rate(model, link);
	offer.base = base_of(model, LINK_PRICE + link, offer.base);
	*refusal = (struct book_refusal){.toward = neighbour(link), .price = link_price(&offer, rate)};
	if (rate > offer.free) {
		refusal->have = (int64_t)offer.free;
		refusal->need = (int64_t)rate;
		return BUSBAR_ERROR_NO_CAPACITY;
	}
	for (uint32_t level = 0; level < LINK_CLASSES && rate > 0; level++) {
		refusal->have = bound(model, link, more, level);
		refusal->need = offer.ceilings[level];
		if (refusal->need > 0 && (more->class == level || flows_of(model, link, level) > 0) &&
		    refusal->have > refusal->need)
			return BUSBAR_ERROR_CEILING;
	}
	refusal->have = refusal->price;
	refusal->need = limit;
	return rate > 0 && refusal->price > limit ? BUSBAR_ERROR_PRICE_ROSE : 0;
}

/* What a program would hold, from what it asks for. */
static struct held wanted_flows(const struct program_reserve *reserve, uint32_t up, uint32_t down)
{
	struct held held = {.class = reserve->class};

	held.rates[up] = reserve->rate;
	held.bursts[up] = reserve->burst;
	held.jitters[up] = reserve->jitter;
	held.rates[down] = reserve->back_rate;
	held.bursts[down] = reserve->back_burst;
	held.jitters[down] = reserve->back_jitter;
	return held;
}

static struct program_reserve some_reserve(struct game *game, uint32_t up, uint32_t down)
{
	const struct model *model = &game->model;

	return (struct program_reserve){
	        .toward = neighbour(up),
	        .back = neighbour(down),
	        .class = (uint32_t)below(game, LINK_CLASSES),
	        .rate = below(game, 4) == 0 ? 0 : some_of(game, model->rates[up]),
	        .back_rate = some_of(game, model->rates[down]),
	        .burst = below(game, 20000),
	        .back_burst = below(game, 20000),
	        .jitter = (int64_t)below(game, 2000000),
	        .back_jitter = (int64_t)below(game, 2000000),
	        .time = (int64_t)below(game, 1000),
	        .limit = below(game, 3) == 0 ? (money)below(game, 2000) : INT64_MAX,
	};
}

static void check_refusal(const struct book_refusal *refusal, const struct book_refusal *expected)
{
	T_TRUE(gateway_equal(refusal->toward, expected->toward));
	T_EQ(refusal->have, expected->have);
	T_EQ(refusal->need, expected->need);
	T_EQ(refusal->price, expected->price);
}

static void try_reserve(struct game *game)
{
	struct model *model = &game->model;
	uint32_t number = (uint32_t)below(game, PROGRAMS), up = (uint32_t)below(game, LINKS);
	uint32_t down = (up + 1 + (uint32_t)below(game, LINKS - 1)) % LINKS;
	struct held *held = &model->held[number];
	struct program_reserve reserve = some_reserve(game, up, down);
	struct held wanted = wanted_flows(&reserve, up, down);
	struct identifier identifier = program(number);
	struct book_refusal refusal, why = {.error = 0};
	int expected = 0;

	if (!held->reserved) {
		expected = expected_link(model, up, &wanted, reserve.limit, &why);
		if (expected == 0)
			expected = expected_link(model, down, &wanted, reserve.limit, &why);
		if (expected == 0 && !is_held(held) && count_held(model) == HOLDINGS)
			expected = BUSBAR_ERROR_TABLE_FULL;
	}
	T_ERROR(book_reserve(game->book, &identifier, neighbour(9), &reserve, game->now, &refusal), expected);
	game->refusals[reserve.class] += expected == BUSBAR_ERROR_CEILING;
	if (expected < 0 && expected != BUSBAR_ERROR_TABLE_FULL)
		check_refusal(&refusal, &why);
	if (expected < 0 || held->reserved)
		return;
	wanted.reserved = true;
	wanted.claimed = held->claimed;
	wanted.cores = held->cores;
	wanted.memory = held->memory;
	wanted.expires = MAXIMUM(is_held(held) ? held->expires : game->now, game->now + reserve.time);
	*held = wanted;
	game->grants[wanted.class]++;
}

static void try_refresh(struct game *game)
{
	uint32_t number = (uint32_t)below(game, PROGRAMS);
	struct held *held = &game->model.held[number];
	struct identifier identifier = program(number);
	int64_t time = (int64_t)below(game, 800);
	bool known = is_held(held) && held->expires > game->now;

	T_ERROR(book_refresh(game->book, &identifier, time, game->now), known ? 0 : BUSBAR_ERROR_NOT_FOUND);
	if (known)
		held->expires = MAXIMUM(held->expires, game->now + time);
}

/* The hour turns, or what energy costs. */
static void change_prices(struct game *game)
{
	struct model *model = &game->model;

	if (below(game, 4) == 0) {
		model->prices.energy = (uint32_t)below(game, 3000);
		model->prices.carbon = (uint32_t)below(game, 3000);
		T_OK(book_set_prices(game->book, &model->prices));
		return;
	}
	model->ticked = game->now + (int64_t)below(game, 86400) * CLOCK_SECOND;
	book_tick(game->book, model->ticked);
}

static void try_release(struct game *game)
{
	uint32_t number = (uint32_t)below(game, PROGRAMS);
	struct identifier identifier = program(number);
	struct book_holding holding;
	bool known = is_held(&game->model.held[number]);

	T_ERROR(book_release(game->book, &identifier, &holding), known ? 0 : BUSBAR_ERROR_NOT_FOUND);
	if (known)
		T_TRUE(identifier_equal(&holding.program, &identifier));
	game->model.held[number] = (struct held){.expires = 0};
}

/* A restart of one: what was released is put back from its own record, unless others took the room. */
static void try_restore(struct game *game)
{
	uint32_t number = (uint32_t)below(game, PROGRAMS);
	struct identifier identifier = program(number);
	struct held held = game->model.held[number];
	struct book_holding holding;

	if (!is_held(&held))
		return;
	T_OK(book_release(game->book, &identifier, &holding));
	/* At another calibration GFLOPS would be other cores: that is a case of its own. */
	for (uint32_t i = 0; i < holding.claim.resource_count && holding.claimed; i++) {
		if (holding.claim.resources[i].kind == RESOURCE_CPU_GFLOPS) {
			game->model.held[number] = (struct held){.expires = 0};
			return;
		}
	}
	T_OK(book_restore(game->book, &holding));
	T_ERROR(book_restore(game->book, &holding), BUSBAR_ERROR_DUPLICATE);
}

static void pass_time(struct game *game)
{
	const struct book_holding *expired;
	int64_t last = INT64_MIN;

	game->now += (int64_t)below(game, 400);
	while ((expired = book_expired(game->book, game->now)) != NULL) {
		struct identifier identifier = expired->program;
		struct held *held = &game->model.held[identifier.octets[3]];

		T_TRUE(expired->expires >= last && expired->expires <= game->now);
		T_EQ(expired->expires, held->expires);
		last = expired->expires;
		T_OK(book_release(game->book, &identifier, NULL));
		*held = (struct held){.expires = 0};
	}
	for (uint32_t i = 0; i < PROGRAMS; i++)
		T_TRUE(!is_held(&game->model.held[i]) || game->model.held[i].expires > game->now);
}

/* What classes carry, and the promise: no class with flows is above its ceiling. */
static void compare_load(const struct game *game, uint32_t link)
{
	const struct model *model = &game->model;
	uint64_t rates = 0;

	for (uint32_t level = 0; level < LINK_CLASSES; level++) {
		struct book_load load;

		T_OK(book_load_at(game->book, link, level, &load));
		T_EQ(load.flows, flows_of(model, link, level));
		T_EQ(load.delay, bound(model, link, NULL, level));
		T_EQ(load.ceiling, model->link_offers[link].ceilings[level]);
		T_TRUE(load.ceiling == 0 || load.flows == 0 || load.delay <= load.ceiling);
		rates += load.rate;
	}
	T_EQ(rates, used_rate(model, link));
}

/* Everything that can be seen of the book. */
static void compare(const struct game *game)
{
	const struct model *model = &game->model;
	struct resource_offer offer;
	struct link_offer link;
	int64_t next = INT64_MAX;

	T_EQ(book_count(game->book), count_held(model));
	T_OK(book_resource_at(game->book, 0, &offer));
	T_EQ(offer.free, model->cores - used_cores(model));
	T_EQ(offer.capacity, model->cores);
	T_OK(book_resource_at(game->book, 1, &offer));
	T_EQ(offer.kind, RESOURCE_CPU_GFLOPS);
	T_EQ(offer.free, (wide)(model->cores - used_cores(model)) * model->gflops_per_core / 1000000);
	T_OK(book_resource_at(game->book, 2, &offer));
	T_EQ(offer.free, model->memory - used_memory(model));
	for (uint32_t i = 0; i < LINKS; i++) {
		T_OK(book_link_at(game->book, i, &link));
		T_EQ(link.free, model->rates[i] - used_rate(model, i));
		T_EQ(link.base, base_of(model, LINK_PRICE + i, model->link_offers[i].base));
		compare_load(game, i);
	}
	for (uint32_t i = 0; i < PROGRAMS; i++) {
		struct identifier identifier = program(i);
		const struct book_holding *holding = book_find(game->book, &identifier);

		T_EQ(holding != NULL, is_held(&model->held[i]));
		if (holding == NULL)
			continue;
		T_EQ(holding->reserved, model->held[i].reserved);
		T_EQ(holding->claimed, model->held[i].claimed);
		T_EQ(holding->expires, model->held[i].expires);
		next = MINIMUM(next, holding->expires);
	}
	T_EQ(book_next_expiry(game->book), next);
}

static void step(struct game *game)
{
	switch (below(game, 14)) {
	case 0:
	case 1:
	case 2:
	case 3:
		try_claim(game);
		break;
	case 4:
	case 5:
	case 6:
		try_reserve(game);
		break;
	case 7:
	case 8:
		try_release(game);
		break;
	case 9:
		try_restore(game);
		break;
	case 10:
		if (below(game, 10) == 0) {
			game->model.gflops_per_core = 1 + below(game, 90000000);
			book_set_calibration(game->book, game->model.gflops_per_core);
		}
		break;
	case 11:
		try_refresh(game);
		break;
	case 12:
		if (below(game, 5) == 0)
			change_prices(game);
		break;
	default:
		pass_time(game);
		break;
	}
}

static void test_random_operations(void **state)
{
	uint32_t grants[LINK_CLASSES] = {0}, refusals[LINK_CLASSES] = {0};

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct game game;

		open_game(&game, seed);
		for (int i = 0; i < OPERATIONS_PER_SEED; i++) {
			step(&game);
			compare(&game);
		}
		for (uint32_t level = 0; level < LINK_CLASSES; level++) {
			grants[level] += game.grants[level];
			refusals[level] += game.refusals[level];
		}
		book_free(game.book);
	}
	for (uint32_t level = 0; level < LINK_CLASSES; level++)
		T_TRUE(grants[level] > 1000 && refusals[level] > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_random_operations),
	};

	return T_RUN(tests);
}
