/* SPDX-License-Identifier: Apache-2.0 */
#include "book/book.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/slab.h"
#include <stdlib.h>
#include <string.h>

enum { BOOK_LINKS = 64 };

__extension__ typedef unsigned __int128 wide;

struct entry {
	struct book_holding holding;
	uint64_t cores; /* taken by the claim, at the calibration of that moment */
	struct heap_node expiry;
};

struct book {
	struct resource_offer resources[RESOURCE_KINDS];
	size_t resource_count;
	uint64_t gflops_per_core;
	struct link_offer links[BOOK_LINKS];
	size_t link_count;
	struct slab *slab;
	struct hash *holdings; /* program -> struct entry */
	struct heap *expiries;
};

static bool ends_before(const struct heap_node *a, const struct heap_node *b)
{
	return CONTAINER_OF(a, const struct entry, expiry)->holding.expires <
	       CONTAINER_OF(b, const struct entry, expiry)->holding.expires;
}

struct book *book_create(size_t maximum_holdings, uint64_t seed)
{
	struct book *book = calloc(1, sizeof(*book));

	if (book == NULL)
		return NULL;
	book->slab = slab_create(sizeof(struct entry), maximum_holdings);
	book->holdings = hash_create(sizeof(struct identifier), maximum_holdings, seed);
	book->expiries = heap_create(ends_before, maximum_holdings);
	if (book->slab == NULL || book->holdings == NULL || book->expiries == NULL)
		return book_free(book);
	return book;
}

struct book *book_free(struct book *book)
{
	size_t position = 0;
	const void *key;
	void *value;

	if (book == NULL)
		return NULL;
	while (book->holdings != NULL && hash_next(book->holdings, &position, &key, &value)) {
		struct entry *entry = value;

		heap_remove(book->expiries, &entry->expiry);
		slab_release(book->slab, entry);
	}
	heap_free(book->expiries);
	hash_free(book->holdings);
	slab_free(book->slab);
	free(book);
	return NULL;
}

static struct resource_offer *find_resource(struct book *book, enum resource_kind kind)
{
	for (size_t i = 0; i < book->resource_count; i++)
		if (book->resources[i].kind == kind)
			return &book->resources[i];
	return NULL;
}

static struct link_offer *find_link(struct book *book, struct gateway_identity toward)
{
	for (size_t i = 0; i < book->link_count; i++)
		if (gateway_equal(book->links[i].toward, toward))
			return &book->links[i];
	return NULL;
}

int book_add_resource(struct book *book, const struct resource_offer *offer)
{
	if (find_resource(book, offer->kind) != NULL)
		return BUSBAR_ERROR_DUPLICATE;
	if (book->resource_count == RESOURCE_KINDS)
		return BUSBAR_ERROR_TABLE_FULL;
	if (offer->kind == RESOURCE_CPU_GFLOPS || offer->free != offer->capacity || offer->steepness < 1000)
		return BUSBAR_ERROR_BAD_VALUE;
	book->resources[book->resource_count++] = *offer;
	return 0;
}

void book_set_calibration(struct book *book, uint64_t gflops_per_core)
{
	book->gflops_per_core = gflops_per_core;
}

int book_add_link(struct book *book, const struct link_offer *offer)
{
	if (find_link(book, offer->toward) != NULL)
		return BUSBAR_ERROR_DUPLICATE;
	if (book->link_count == BOOK_LINKS)
		return BUSBAR_ERROR_TABLE_FULL;
	if (offer->free != offer->capacity || offer->steepness < 1000)
		return BUSBAR_ERROR_BAD_VALUE;
	book->links[book->link_count++] = *offer;
	return 0;
}

void book_set_link_delay(struct book *book, struct gateway_identity toward, int64_t delay, int64_t jitter,
                         uint32_t loss)
{
	struct link_offer *link = find_link(book, toward);

	if (link == NULL)
		return;
	link->delay = delay;
	link->jitter = jitter;
	link->loss = loss;
}

/* Base units of cores behind GFLOPS, rounded up, and back, rounded down. */
static uint64_t cores_of(const struct book *book, uint64_t gflops)
{
	wide cores = ((wide)gflops * resource_descriptions[RESOURCE_CPU].scale + book->gflops_per_core - 1) /
	             book->gflops_per_core;

	return cores > UINT64_MAX ? UINT64_MAX : (uint64_t)cores;
}

static uint64_t gflops_of(const struct book *book, uint64_t cores)
{
	wide gflops = (wide)cores * book->gflops_per_core / resource_descriptions[RESOURCE_CPU].scale;

	return gflops > UINT64_MAX ? UINT64_MAX : (uint64_t)gflops;
}

static money per_gflops(const struct book *book, money per_core)
{
	wide price = (wide)(uint64_t)per_core * resource_descriptions[RESOURCE_CPU].scale;

	/* Rounded to nearest: a price is a statement, not a charge. */
	return (money)((price + book->gflops_per_core / 2) / book->gflops_per_core);
}

static struct resource_offer gflops_offer(const struct book *book, const struct resource_offer *cpu)
{
	return (struct resource_offer){
	        .kind = RESOURCE_CPU_GFLOPS,
	        .capacity = gflops_of(book, cpu->capacity),
	        .free = gflops_of(book, cpu->free),
	        .base = per_gflops(book, cpu->base),
	        .steepness = cpu->steepness,
	        .tariff = per_gflops(book, cpu->tariff),
	};
}

/* Kind and amount as the book keeps them: GFLOPS are cores. */
static struct resource_offer *resolve(struct book *book, enum resource_kind kind, uint64_t amount,
                                      uint64_t *ret_amount)
{
	if (kind != RESOURCE_CPU_GFLOPS) {
		*ret_amount = amount;
		return find_resource(book, kind);
	}
	if (book->gflops_per_core == 0)
		return NULL;
	*ret_amount = cores_of(book, amount);
	return find_resource(book, RESOURCE_CPU);
}

static int refuse(struct book_refusal *refusal, struct book_refusal why)
{
	if (refusal != NULL)
		*refusal = why;
	return why.error;
}

/* The price of an offer in the words of the one who asked. */
static money price_in(const struct book *book, enum resource_kind kind, const struct resource_offer *offer,
                      uint64_t amount)
{
	money price = resource_price(offer, amount);

	return kind == RESOURCE_CPU_GFLOPS ? per_gflops(book, price) : price;
}

static int check_resource(struct book *book, const struct program_claim_resource *wanted,
                          struct book_refusal *refusal)
{
	struct book_refusal why = {.resource = wanted->kind};
	uint64_t amount;
	const struct resource_offer *offer = resolve(book, wanted->kind, wanted->amount, &amount);

	if (offer == NULL) {
		why.error = BUSBAR_ERROR_NOT_FOUND;
		why.need = (int64_t)wanted->amount;
		return refuse(refusal, why);
	}
	why.price = price_in(book, wanted->kind, offer, amount);
	if (amount > offer->free) {
		why.error = BUSBAR_ERROR_NO_CAPACITY;
		why.have = (int64_t)(wanted->kind == RESOURCE_CPU_GFLOPS ? gflops_of(book, offer->free)
		                                                         : offer->free);
		why.need = (int64_t)wanted->amount;
		return refuse(refusal, why);
	}
	if (why.price > wanted->limit) {
		why.error = BUSBAR_ERROR_PRICE_ROSE;
		why.have = why.price;
		why.need = wanted->limit;
		return refuse(refusal, why);
	}
	return 0;
}

/* cpu and cpu.gflops in one claim are the same cores: the larger counts. */
static uint64_t claimed_cores(const struct book *book, const struct program_claim *claim)
{
	uint64_t cores = 0;

	for (uint32_t i = 0; i < claim->resource_count; i++) {
		const struct program_claim_resource *resource = &claim->resources[i];

		if (resource->kind == RESOURCE_CPU)
			cores = MAXIMUM(cores, resource->amount);
		else if (resource->kind == RESOURCE_CPU_GFLOPS && book->gflops_per_core != 0)
			cores = MAXIMUM(cores, cores_of(book, resource->amount));
	}
	return cores;
}

/* Takes (or gives back) what a claim holds. The amounts were checked before. */
static void move_claim(struct book *book, const struct entry *entry, bool take)
{
	const struct program_claim *claim = &entry->holding.claim;
	struct resource_offer *cpu = find_resource(book, RESOURCE_CPU);

	if (entry->cores > 0 && cpu != NULL)
		cpu->free = take ? cpu->free - entry->cores : cpu->free + entry->cores;
	for (uint32_t i = 0; i < claim->resource_count; i++) {
		struct resource_offer *offer = find_resource(book, claim->resources[i].kind);

		if (offer == NULL || offer == cpu)
			continue;
		offer->free = take ? offer->free - claim->resources[i].amount
		                   : offer->free + claim->resources[i].amount;
	}
}

static void take_claim(struct book *book, struct entry *entry, const struct program_claim *claim)
{
	entry->holding.claimed = true;
	entry->holding.claim = *claim;
	entry->cores = claimed_cores(book, claim);
	move_claim(book, entry, true);
}

static void move_reserve(struct book *book, const struct program_reserve *reserve, bool take)
{
	struct link_offer *toward = reserve->rate == 0 ? NULL : find_link(book, reserve->toward);
	struct link_offer *back = reserve->back_rate == 0 ? NULL : find_link(book, reserve->back);

	if (toward != NULL)
		toward->free = take ? toward->free - reserve->rate : toward->free + reserve->rate;
	if (back != NULL)
		back->free = take ? back->free - reserve->back_rate : back->free + reserve->back_rate;
}

/* The program's entry, made when it is new; NULL when the table is full. */
static struct entry *open_entry(struct book *book, const struct identifier *program,
                                struct gateway_identity ingress, int64_t now)
{
	struct entry *entry = hash_get(book->holdings, program->octets);

	if (entry != NULL)
		return entry;
	entry = slab_take(book->slab);
	if (entry == NULL)
		return NULL;
	entry->holding.program = *program;
	entry->holding.ingress = ingress;
	entry->holding.granted = now;
	entry->holding.expires = now;
	if (hash_put(book->holdings, program->octets, entry) < 0)
		goto fail;
	if (heap_push(book->expiries, &entry->expiry) == 0)
		return entry;
	(void)hash_remove(book->holdings, program->octets);
fail:
	slab_release(book->slab, entry);
	return NULL;
}

static void extend(struct book *book, struct entry *entry, int64_t end)
{
	entry->holding.expires = MAXIMUM(entry->holding.expires, end);
	heap_update(book->expiries, &entry->expiry);
}

static int64_t end_of(int64_t now, int64_t time)
{
	return time > INT64_MAX - now ? INT64_MAX : now + time;
}

static int check_link(struct book *book, struct gateway_identity toward, uint64_t rate, money limit,
                      struct book_refusal *refusal)
{
	struct book_refusal why = {.toward = toward, .need = (int64_t)rate};
	const struct link_offer *link;

	if (rate == 0)
		return 0;
	link = find_link(book, toward);
	if (link == NULL) {
		why.error = BUSBAR_ERROR_NOT_FOUND;
		return refuse(refusal, why);
	}
	why.price = link_price(link, rate);
	if (rate > link->free) {
		why.error = BUSBAR_ERROR_NO_CAPACITY;
		why.have = (int64_t)link->free;
		return refuse(refusal, why);
	}
	if (why.price > limit) {
		why.error = BUSBAR_ERROR_PRICE_ROSE;
		why.have = why.price;
		why.need = limit;
		return refuse(refusal, why);
	}
	return 0;
}

static int check_reserve(struct book *book, const struct program_reserve *reserve,
                         struct book_refusal *refusal)
{
	int code;

	if (reserve->rate == 0 && reserve->back_rate == 0)
		return refuse(refusal, (struct book_refusal){.error = BUSBAR_ERROR_AMOUNT_ZERO});
	/* Both directions on one output would be checked against the same free rate twice. */
	if (reserve->rate != 0 && reserve->back_rate != 0 && gateway_equal(reserve->toward, reserve->back))
		return refuse(refusal, (struct book_refusal){.error = BUSBAR_ERROR_BAD_VALUE});
	code = check_link(book, reserve->toward, reserve->rate, reserve->limit, refusal);
	return code < 0 ? code : check_link(book, reserve->back, reserve->back_rate, reserve->limit, refusal);
}

static void take_reserve(struct book *book, struct entry *entry, const struct program_reserve *reserve)
{
	entry->holding.reserved = true;
	entry->holding.reserve = *reserve;
	move_reserve(book, reserve, true);
}

int book_reserve(struct book *book, const struct identifier *program, struct gateway_identity ingress,
                 const struct program_reserve *reserve, int64_t now, struct book_refusal *ret_refusal)
{
	struct entry *entry = hash_get(book->holdings, program->octets);
	int code;

	if (entry != NULL && entry->holding.reserved)
		return 0;
	code = check_reserve(book, reserve, ret_refusal);
	if (code < 0)
		return code;
	entry = open_entry(book, program, ingress, now);
	if (entry == NULL)
		return refuse(ret_refusal, (struct book_refusal){.error = BUSBAR_ERROR_TABLE_FULL});
	take_reserve(book, entry, reserve);
	extend(book, entry, end_of(now, reserve->time));
	return 0;
}

/* What the book relies on, whatever came before: every kind once, and something of each. */
static int check_amounts(const struct program_claim *claim)
{
	if (claim->resource_count == 0)
		return BUSBAR_ERROR_AMOUNT_ZERO;
	if (claim->resource_count > PLAN_CLAIMS)
		return BUSBAR_ERROR_TOO_LARGE;
	for (uint32_t i = 0; i < claim->resource_count; i++) {
		if (claim->resources[i].amount == 0)
			return BUSBAR_ERROR_AMOUNT_ZERO;
		for (uint32_t before = 0; before < i; before++)
			if (claim->resources[before].kind == claim->resources[i].kind)
				return BUSBAR_ERROR_DUPLICATE;
	}
	return 0;
}

static int check_claim(struct book *book, const struct program_claim *claim, struct book_refusal *refusal)
{
	int code = check_amounts(claim);

	if (code < 0)
		return refuse(refusal, (struct book_refusal){.error = code});
	for (uint32_t i = 0; i < claim->resource_count && code == 0; i++)
		code = check_resource(book, &claim->resources[i], refusal);
	return code;
}

int book_claim(struct book *book, const struct identifier *program, struct gateway_identity ingress,
               const struct program_claim *claim, int64_t now, struct book_refusal *ret_refusal)
{
	struct entry *entry = hash_get(book->holdings, program->octets);
	int code;

	if (entry != NULL && entry->holding.claimed)
		return 0;
	code = check_claim(book, claim, ret_refusal);
	if (code < 0)
		return code;
	entry = open_entry(book, program, ingress, now);
	if (entry == NULL)
		return refuse(ret_refusal, (struct book_refusal){.error = BUSBAR_ERROR_TABLE_FULL});
	take_claim(book, entry, claim);
	extend(book, entry, end_of(now, claim->time));
	return 0;
}

/* Prices do not matter for what was granted in a former life. */
static int check_restored(struct book *book, const struct book_holding *holding)
{
	struct program_reserve reserve = holding->reserve;
	struct program_claim claim = holding->claim;
	int code = holding->reserved || holding->claimed ? 0 : BUSBAR_ERROR_AMOUNT_ZERO;

	reserve.limit = INT64_MAX;
	for (uint32_t i = 0; i < PLAN_CLAIMS; i++)
		claim.resources[i].limit = INT64_MAX;
	if (code == 0 && holding->reserved)
		code = check_reserve(book, &reserve, NULL);
	if (code == 0 && holding->claimed)
		code = check_claim(book, &claim, NULL);
	return code;
}

int book_restore(struct book *book, const struct book_holding *holding)
{
	struct entry *entry;
	int code;

	if (hash_get(book->holdings, holding->program.octets) != NULL)
		return BUSBAR_ERROR_DUPLICATE;
	code = check_restored(book, holding);
	if (code < 0)
		return code;
	entry = open_entry(book, &holding->program, holding->ingress, holding->granted);
	if (entry == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	if (holding->reserved)
		take_reserve(book, entry, &holding->reserve);
	if (holding->claimed)
		take_claim(book, entry, &holding->claim);
	entry->holding.expires = holding->expires;
	heap_update(book->expiries, &entry->expiry);
	return 0;
}

int book_release(struct book *book, const struct identifier *program, struct book_holding *ret_holding)
{
	struct entry *entry = hash_remove(book->holdings, program->octets);

	if (entry == NULL)
		return BUSBAR_ERROR_NOT_FOUND;
	heap_remove(book->expiries, &entry->expiry);
	if (entry->holding.reserved)
		move_reserve(book, &entry->holding.reserve, false);
	if (entry->holding.claimed)
		move_claim(book, entry, false);
	if (ret_holding != NULL)
		*ret_holding = entry->holding;
	slab_release(book->slab, entry);
	return 0;
}

const struct book_holding *book_find(const struct book *book, const struct identifier *program)
{
	const struct entry *entry = hash_get(book->holdings, program->octets);

	return entry == NULL ? NULL : &entry->holding;
}

static const struct entry *first_expiry(const struct book *book)
{
	struct heap_node *node = heap_peek(book->expiries);

	return node == NULL ? NULL : CONTAINER_OF(node, struct entry, expiry);
}

const struct book_holding *book_expired(const struct book *book, int64_t now)
{
	const struct entry *entry = first_expiry(book);

	return entry == NULL || entry->holding.expires > now ? NULL : &entry->holding;
}

int64_t book_next_expiry(const struct book *book)
{
	const struct entry *entry = first_expiry(book);

	return entry == NULL ? INT64_MAX : entry->holding.expires;
}

size_t book_count(const struct book *book)
{
	return hash_count(book->holdings);
}

/* Index of cpu when its derived cpu.gflops is shown behind it; resource_count otherwise. */
static size_t derived_after(const struct book *book)
{
	size_t index = 0;

	while (index < book->resource_count && book->resources[index].kind != RESOURCE_CPU)
		index++;
	return book->gflops_per_core == 0 ? book->resource_count : index;
}

size_t book_resource_count(const struct book *book)
{
	return book->resource_count + (derived_after(book) < book->resource_count ? 1 : 0);
}

int book_resource_at(const struct book *book, size_t index, struct resource_offer *ret_offer)
{
	size_t cpu = derived_after(book);

	if (index >= book_resource_count(book))
		return BUSBAR_ERROR_NOT_FOUND;
	if (cpu < book->resource_count && index == cpu + 1)
		*ret_offer = gflops_offer(book, &book->resources[cpu]);
	else
		*ret_offer = book->resources[index > cpu ? index - 1 : index];
	return 0;
}

size_t book_link_count(const struct book *book)
{
	return book->link_count;
}

int book_link_at(const struct book *book, size_t index, struct link_offer *ret_offer)
{
	if (index >= book->link_count)
		return BUSBAR_ERROR_NOT_FOUND;
	*ret_offer = book->links[index];
	return 0;
}
