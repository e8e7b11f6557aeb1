/* SPDX-License-Identifier: Apache-2.0 */
#include "book/book.h"

#include "base/error.h"
#include "base/slab.h"
#include "book/book_internal.h"
#include <stdlib.h>

#define MAXIMUM_HOLDINGS ((size_t)1 << 24)

/* Of two that end together the same one goes first in every process. */
static bool ends_before(const struct heap_node *a, const struct heap_node *b)
{
	return identifier_compare(&CONTAINER_OF(a, const struct entry, expiry)->holding.program,
	                          &CONTAINER_OF(b, const struct entry, expiry)->holding.program) < 0;
}

struct book *book_create(size_t maximum_holdings, uint64_t seed)
{
	struct book *book = calloc(1, sizeof(*book));

	if (book == NULL)
		return NULL;
	maximum_holdings = MINIMUM(maximum_holdings, MAXIMUM_HOLDINGS);
	book->prices = book_prices_plain;
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

static struct resource_offer *offer_of(struct book *book, enum resource_kind kind)
{
	struct book_resource *resource = book_resource_of(book, kind);

	return resource == NULL ? NULL : &resource->offer;
}

/* Kind and amount as the book keeps them: GFLOPS are cores. */
static struct resource_offer *resolve(struct book *book, enum resource_kind kind, uint64_t amount,
                                      uint64_t *ret_amount)
{
	if (kind != RESOURCE_CPU_GFLOPS) {
		*ret_amount = amount;
		return offer_of(book, kind);
	}
	if (book->gflops_per_core == 0)
		return NULL;
	*ret_amount = book_cores_of(book, amount);
	return offer_of(book, RESOURCE_CPU);
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

	return kind == RESOURCE_CPU_GFLOPS ? book_per_gflops(book, price) : price;
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
		why.have = (int64_t)(wanted->kind == RESOURCE_CPU_GFLOPS ? book_gflops_of(book, offer->free)
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
			cores = MAXIMUM(cores, book_cores_of(book, resource->amount));
	}
	return cores;
}

/* Takes (or gives back) what a claim holds. The amounts were checked before. */
static void move_claim(struct book *book, const struct entry *entry, bool take)
{
	const struct program_claim *claim = &entry->holding.claim;
	struct resource_offer *cpu = offer_of(book, RESOURCE_CPU);

	if (entry->cores > 0 && cpu != NULL)
		cpu->free = take ? cpu->free - entry->cores : cpu->free + entry->cores;
	for (uint32_t i = 0; i < claim->resource_count; i++) {
		struct resource_offer *offer = offer_of(book, claim->resources[i].kind);

		if (offer == NULL || offer == cpu)
			continue;
		offer->free = take ? offer->free - claim->resources[i].amount
		                   : offer->free + claim->resources[i].amount;
	}
}

static void take_claim(struct book *book, struct entry *entry, const struct program_claim *claim,
                       uint64_t cores)
{
	entry->holding.claimed = true;
	entry->holding.claim = *claim;
	entry->cores = cores;
	move_claim(book, entry, true);
}

static struct admission_flow flow_toward(const struct program_reserve *reserve)
{
	return (struct admission_flow){.class = reserve->class,
	                               .rate = reserve->rate,
	                               .burst = reserve->burst,
	                               .jitter = reserve->jitter};
}

static struct admission_flow flow_back(const struct program_reserve *reserve)
{
	return (struct admission_flow){.class = reserve->class,
	                               .rate = reserve->back_rate,
	                               .burst = reserve->back_burst,
	                               .jitter = reserve->back_jitter};
}

/* Takes (or gives back) a flow on an output. It was checked before; a rate of 0 is none. */
static void move_flow(struct book *book, struct gateway_identity toward, const struct admission_flow *flow,
                      bool take)
{
	struct book_link *link = flow->rate == 0 ? NULL : book_link_of(book, toward);

	if (link == NULL)
		return;
	if (take) {
		link->offer.free -= flow->rate;
		admission_add(&link->admission, flow);
	} else {
		link->offer.free += flow->rate;
		admission_remove(&link->admission, flow);
	}
}

static void move_reserve(struct book *book, const struct program_reserve *reserve, bool take)
{
	struct admission_flow toward = flow_toward(reserve), back = flow_back(reserve);

	move_flow(book, reserve->toward, &toward, take);
	move_flow(book, reserve->back, &back, take);
}

/* An entry for a program that has none; NULL when the table is full. */
static struct entry *add_entry(struct book *book, const struct identifier *program,
                               struct gateway_identity ingress, int64_t now)
{
	struct entry *entry = slab_take(book->slab);

	if (entry == NULL)
		return NULL;
	entry->holding.program = *program;
	entry->holding.ingress = ingress;
	entry->holding.granted = now;
	entry->holding.expires = now;
	if (hash_put(book->holdings, program->octets, entry) < 0)
		goto fail;
	if (heap_push(book->expiries, &entry->expiry, now) == 0)
		return entry;
	(void)hash_remove(book->holdings, program->octets);
fail:
	slab_release(book->slab, entry);
	return NULL;
}

void book_extend(struct book *book, struct entry *entry, int64_t end)
{
	entry->holding.expires = MAXIMUM(entry->holding.expires, end);
	heap_update(book->expiries, &entry->expiry, entry->holding.expires);
}

static int64_t end_of(int64_t now, int64_t time)
{
	return time > INT64_MAX - now ? INT64_MAX : now + time;
}

static int check_flow(struct book *book, struct gateway_identity toward, const struct admission_flow *flow,
                      money limit, struct book_refusal *refusal)
{
	struct book_refusal why = {.toward = toward, .need = (int64_t)flow->rate};
	const struct book_link *link;

	if (flow->rate == 0)
		return 0;
	why.error = admission_check_flow(flow);
	if (why.error < 0)
		return refuse(refusal, why);
	link = book_link_of(book, toward);
	if (link == NULL) {
		why.error = BUSBAR_ERROR_NOT_FOUND;
		return refuse(refusal, why);
	}
	why.price = link_price(&link->offer, flow->rate);
	if (flow->rate > link->offer.free) {
		why.error = BUSBAR_ERROR_NO_CAPACITY;
		why.have = (int64_t)link->offer.free;
		return refuse(refusal, why);
	}
	if (!admission_keeps(&link->admission, flow, &why.have, &why.need)) {
		why.error = BUSBAR_ERROR_CEILING;
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
	struct admission_flow toward = flow_toward(reserve), back = flow_back(reserve);
	int code;

	if (reserve->rate == 0 && reserve->back_rate == 0)
		return refuse(refusal, (struct book_refusal){.error = BUSBAR_ERROR_AMOUNT_ZERO});
	/* Both directions on one output would be checked against the same free rate twice. */
	if (reserve->rate != 0 && reserve->back_rate != 0 && gateway_equal(reserve->toward, reserve->back))
		return refuse(refusal, (struct book_refusal){.error = BUSBAR_ERROR_BAD_VALUE});
	code = check_flow(book, reserve->toward, &toward, reserve->limit, refusal);
	return code < 0 ? code : check_flow(book, reserve->back, &back, reserve->limit, refusal);
}

static void take_reserve(struct book *book, struct entry *entry, const struct program_reserve *reserve)
{
	entry->holding.reserved = true;
	entry->holding.reserve = *reserve;
	move_reserve(book, reserve, true);
}

static int check_time(int64_t time, struct book_refusal *refusal)
{
	return time >= 0 ? 0 : refuse(refusal, (struct book_refusal){.error = BUSBAR_ERROR_BAD_VALUE});
}

int book_reserve(struct book *book, const struct identifier *program, struct gateway_identity ingress,
                 const struct program_reserve *reserve, int64_t now, struct book_refusal *ret_refusal)
{
	struct entry *entry = hash_get(book->holdings, program->octets);
	int code;

	if (entry != NULL && entry->holding.reserved)
		return 0;
	code = check_time(reserve->time, ret_refusal);
	if (code == 0)
		code = check_reserve(book, reserve, ret_refusal);
	if (code < 0)
		return code;
	if (entry == NULL)
		entry = add_entry(book, program, ingress, now);
	if (entry == NULL)
		return refuse(ret_refusal, (struct book_refusal){.error = BUSBAR_ERROR_TABLE_FULL});
	take_reserve(book, entry, reserve);
	book_extend(book, entry, end_of(now, reserve->time));
	book_note(book, BOOK_RESERVED, entry);
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
	code = check_time(claim->time, ret_refusal);
	if (code == 0)
		code = check_claim(book, claim, ret_refusal);
	if (code < 0)
		return code;
	if (entry == NULL)
		entry = add_entry(book, program, ingress, now);
	if (entry == NULL)
		return refuse(ret_refusal, (struct book_refusal){.error = BUSBAR_ERROR_TABLE_FULL});
	take_claim(book, entry, claim, claimed_cores(book, claim));
	book_extend(book, entry, end_of(now, claim->time));
	book_note(book, BOOK_CLAIMED, entry);
	return 0;
}

int book_refresh(struct book *book, const struct identifier *program, int64_t time, int64_t now)
{
	struct entry *entry = hash_get(book->holdings, program->octets);
	int64_t before;

	if (time < 0 || time > BOOK_REFRESH_MAXIMUM)
		return BUSBAR_ERROR_BAD_VALUE;
	if (entry == NULL || entry->holding.expires <= now)
		return BUSBAR_ERROR_NOT_FOUND;
	before = entry->holding.expires;
	book_extend(book, entry, end_of(now, time));
	if (entry->holding.expires != before)
		book_note(book, BOOK_REFRESHED, entry);
	return 0;
}

/* What a claim took before is there again, at the cores that it took then. */
static int check_amounts_free(struct book *book, const struct program_claim *claim, uint64_t cores)
{
	const struct resource_offer *cpu = offer_of(book, RESOURCE_CPU);
	int code = check_amounts(claim);
	bool computes = false;

	for (uint32_t i = 0; i < claim->resource_count && code == 0; i++) {
		enum resource_kind kind = claim->resources[i].kind;
		uint64_t amount = claim->resources[i].amount;
		const struct resource_offer *offer = kind == RESOURCE_CPU_GFLOPS ? cpu : offer_of(book, kind);

		computes = computes || (offer == cpu && cpu != NULL);
		if (offer == NULL)
			code = BUSBAR_ERROR_NOT_FOUND;
		else if (kind == RESOURCE_CPU && amount > cores)
			code = BUSBAR_ERROR_BAD_VALUE;
		else if (offer != cpu && amount > offer->free)
			code = BUSBAR_ERROR_NO_CAPACITY;
	}
	if (code == 0 && computes != (cores > 0))
		code = BUSBAR_ERROR_BAD_VALUE;
	if (code == 0 && computes && cores > cpu->free)
		code = BUSBAR_ERROR_NO_CAPACITY;
	return code;
}

static int check_put_back(struct book *book, const struct entry *entry, const struct book_holding *holding,
                          uint64_t cores)
{
	struct program_reserve reserve = holding->reserve;
	int code = holding->reserved || holding->claimed ? 0 : BUSBAR_ERROR_AMOUNT_ZERO;

	if (entry != NULL &&
	    ((entry->holding.reserved && holding->reserved) || (entry->holding.claimed && holding->claimed)))
		return BUSBAR_ERROR_DUPLICATE;
	/* Prices do not matter for what was granted in a former life. */
	reserve.limit = INT64_MAX;
	if (code == 0 && holding->reserved)
		code = check_reserve(book, &reserve, NULL);
	if (code == 0 && holding->claimed)
		code = check_amounts_free(book, &holding->claim, cores);
	return code;
}

int book_put_back(struct book *book, const struct book_holding *holding, uint64_t cores)
{
	struct entry *entry = hash_get(book->holdings, holding->program.octets);
	int code = check_put_back(book, entry, holding, cores);

	if (code < 0)
		return code;
	if (entry == NULL)
		entry = add_entry(book, &holding->program, holding->ingress, holding->granted);
	if (entry == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	if (holding->reserved)
		take_reserve(book, entry, &holding->reserve);
	if (holding->claimed)
		take_claim(book, entry, &holding->claim, cores);
	entry->holding.expires = holding->expires;
	heap_update(book->expiries, &entry->expiry, entry->holding.expires);
	return 0;
}

int book_restore(struct book *book, const struct book_holding *holding)
{
	const struct entry *entry;
	int code;

	if (hash_get(book->holdings, holding->program.octets) != NULL)
		return BUSBAR_ERROR_DUPLICATE;
	code = book_put_back(book, holding, holding->claimed ? claimed_cores(book, &holding->claim) : 0);
	if (code < 0)
		return code;
	entry = hash_get(book->holdings, holding->program.octets);
	if (holding->reserved)
		book_note(book, BOOK_RESERVED, entry);
	if (holding->claimed)
		book_note(book, BOOK_CLAIMED, entry);
	return 0;
}

void book_forget(struct book *book, struct entry *entry)
{
	(void)hash_remove(book->holdings, entry->holding.program.octets);
	heap_remove(book->expiries, &entry->expiry);
	if (entry->holding.reserved)
		move_reserve(book, &entry->holding.reserve, false);
	if (entry->holding.claimed)
		move_claim(book, entry, false);
	slab_release(book->slab, entry);
}

int book_release(struct book *book, const struct identifier *program, struct book_holding *ret_holding)
{
	struct entry *entry = hash_get(book->holdings, program->octets);

	if (entry == NULL)
		return BUSBAR_ERROR_NOT_FOUND;
	if (ret_holding != NULL)
		*ret_holding = entry->holding;
	book_note(book, BOOK_RELEASED, entry);
	book_forget(book, entry);
	return 0;
}

const struct book_holding *book_find(const struct book *book, const struct identifier *program)
{
	const struct entry *entry = hash_get(book->holdings, program->octets);

	return entry == NULL ? NULL : &entry->holding;
}

const struct book_holding *book_expired(const struct book *book, int64_t now)
{
	const struct heap_node *first = heap_peek(book->expiries);

	return heap_least(book->expiries) > now || first == NULL
	               ? NULL
	               : &CONTAINER_OF(first, const struct entry, expiry)->holding;
}

int64_t book_next_expiry(const struct book *book)
{
	return heap_least(book->expiries);
}

size_t book_count(const struct book *book)
{
	return hash_count(book->holdings);
}
