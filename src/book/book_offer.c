/* SPDX-License-Identifier: Apache-2.0 */
/* What the owner has and at what price: the part of the book that does not speak of holdings. */
#include "base/error.h"
#include "book/book_internal.h"
#include <string.h>

__extension__ typedef unsigned __int128 wide;

const struct book_prices book_prices_plain = {.energy = 1000, .carbon = 1000};

struct book_resource *book_resource_of(struct book *book, enum resource_kind kind)
{
	for (size_t i = 0; i < book->resource_count; i++)
		if (book->resources[i].offer.kind == kind)
			return &book->resources[i];
	return NULL;
}

struct book_link *book_link_of(struct book *book, struct gateway_identity toward)
{
	for (size_t i = 0; i < book->link_count; i++)
		if (gateway_equal(book->links[i].offer.toward, toward))
			return &book->links[i];
	return NULL;
}

int book_add_resource(struct book *book, const struct resource_offer *offer)
{
	struct book_resource resource = {.offer = *offer, .price = price_open(offer->base, offer->steepness)};

	if (book_resource_of(book, offer->kind) != NULL)
		return BUSBAR_ERROR_DUPLICATE;
	if (book->resource_count == RESOURCE_KINDS)
		return BUSBAR_ERROR_TABLE_FULL;
	if (offer->kind == RESOURCE_CPU_GFLOPS || offer->free != offer->capacity || offer->base < 0 ||
	    offer->steepness < 1000)
		return BUSBAR_ERROR_BAD_VALUE;
	book->resources[book->resource_count++] = resource;
	book_set_bases(book);
	return 0;
}

void book_set_calibration(struct book *book, uint64_t gflops_per_core)
{
	if (book->gflops_per_core == gflops_per_core)
		return;
	book->gflops_per_core = gflops_per_core;
	book_note(book, BOOK_CALIBRATED, NULL);
}

static int open_link(const struct link_offer *offer, const struct book_output *output,
                     struct book_link *ret_link)
{
	struct book_link link = {.offer = *offer, .price = price_open(offer->base, offer->steepness)};
	int code;

	if (offer->free != offer->capacity || offer->base < 0 || offer->steepness < 1000)
		return BUSBAR_ERROR_BAD_VALUE;
	code = admission_open(output, offer->ceilings, offer->capacity, &link.admission);
	if (code == 0)
		*ret_link = link;
	return code;
}

int book_check_link(const struct link_offer *offer, const struct book_output *output)
{
	struct book_link link;

	return open_link(offer, output, &link);
}

int book_add_link(struct book *book, const struct link_offer *offer, const struct book_output *output)
{
	struct book_link link;
	int code = open_link(offer, output, &link);

	if (book_link_of(book, offer->toward) != NULL)
		return BUSBAR_ERROR_DUPLICATE;
	if (book->link_count == BOOK_LINKS)
		return BUSBAR_ERROR_TABLE_FULL;
	if (code < 0)
		return code;
	book->links[book->link_count++] = link;
	book_set_bases(book);
	return 0;
}

void book_set_link_delay(struct book *book, struct gateway_identity toward, int64_t delay, int64_t jitter,
                         uint32_t loss)
{
	struct book_link *link = book_link_of(book, toward);

	if (link == NULL)
		return;
	link->offer.delay = delay;
	link->offer.least = MINIMUM(link->offer.least, MAXIMUM(delay, 0));
	link->offer.jitter = jitter;
	link->offer.loss = loss;
}

void book_set_bases(struct book *book)
{
	for (size_t i = 0; i < book->resource_count; i++)
		book->resources[i].offer.base =
		        price_base(&book->resources[i].price, &book->prices, book->ticked);
	for (size_t i = 0; i < book->link_count; i++)
		book->links[i].offer.base = price_base(&book->links[i].price, &book->prices, book->ticked);
}

static void settle(struct price *price, uint64_t free, uint64_t capacity, int64_t time, int64_t half_life)
{
	price_settle(price, price_utilisation(free, capacity), time, half_life);
}

void book_move_prices(struct book *book, int64_t now)
{
	int64_t half_life = book->prices.half_life;
	int64_t time = book->ticked == 0 || now <= book->ticked ? 0 : now - book->ticked;

	for (size_t i = 0; i < book->resource_count; i++) {
		struct book_resource *resource = &book->resources[i];

		settle(&resource->price, resource->offer.free, resource->offer.capacity, time, half_life);
	}
	for (size_t i = 0; i < book->link_count; i++) {
		struct book_link *link = &book->links[i];

		settle(&link->price, link->offer.free, link->offer.capacity, time, half_life);
	}
	book->ticked = MAXIMUM(now, 0);
	book_set_bases(book);
}

void book_tick(struct book *book, int64_t now)
{
	book_move_prices(book, now);
	book_note(book, BOOK_TICKED, NULL);
}

int book_check_prices(const struct book_prices *prices)
{
	if (prices->energy > BOOK_FACTOR || prices->carbon > BOOK_FACTOR || prices->half_life < 0)
		return BUSBAR_ERROR_BAD_VALUE;
	return 0;
}

int book_set_prices(struct book *book, const struct book_prices *prices)
{
	int code = book_check_prices(prices);

	if (code < 0)
		return code;
	book->prices = *prices;
	book_move_prices(book, book->ticked);
	book_note(book, BOOK_PRICED, NULL);
	return 0;
}

static int set_tide(struct book *book, struct price *price, const uint32_t tide[BOOK_HOURS])
{
	for (uint32_t hour = 0; hour < BOOK_HOURS; hour++)
		if (tide[hour] > BOOK_FACTOR)
			return BUSBAR_ERROR_BAD_VALUE;
	memcpy(price->tide, tide, sizeof(price->tide));
	book_set_bases(book);
	return 0;
}

int book_set_resource_tide(struct book *book, enum resource_kind kind, const uint32_t tide[BOOK_HOURS])
{
	struct book_resource *resource = book_resource_of(book, kind);

	return resource == NULL ? BUSBAR_ERROR_NOT_FOUND : set_tide(book, &resource->price, tide);
}

int book_set_link_tide(struct book *book, struct gateway_identity toward, const uint32_t tide[BOOK_HOURS])
{
	struct book_link *link = book_link_of(book, toward);

	return link == NULL ? BUSBAR_ERROR_NOT_FOUND : set_tide(book, &link->price, tide);
}

uint64_t book_cores_of(const struct book *book, uint64_t gflops)
{
	wide cores = ((wide)gflops * resource_descriptions[RESOURCE_CPU].scale + book->gflops_per_core - 1) /
	             book->gflops_per_core;

	return cores > UINT64_MAX ? UINT64_MAX : (uint64_t)cores;
}

uint64_t book_gflops_of(const struct book *book, uint64_t cores)
{
	wide gflops = (wide)cores * book->gflops_per_core / resource_descriptions[RESOURCE_CPU].scale;

	return gflops > UINT64_MAX ? UINT64_MAX : (uint64_t)gflops;
}

money book_per_gflops(const struct book *book, money per_core)
{
	wide price = (wide)(uint64_t)per_core * resource_descriptions[RESOURCE_CPU].scale;

	/* Rounded to nearest: a price is a statement, not a charge. */
	return (money)((price + book->gflops_per_core / 2) / book->gflops_per_core);
}

static struct resource_offer gflops_offer(const struct book *book, const struct resource_offer *cpu)
{
	return (struct resource_offer){
	        .kind = RESOURCE_CPU_GFLOPS,
	        .capacity = book_gflops_of(book, cpu->capacity),
	        .free = book_gflops_of(book, cpu->free),
	        .base = book_per_gflops(book, cpu->base),
	        .steepness = cpu->steepness,
	        .tariff = book_per_gflops(book, cpu->tariff),
	};
}

/* Index of cpu when its derived cpu.gflops is shown behind it; resource_count otherwise. */
static size_t derived_after(const struct book *book)
{
	size_t index = 0;

	while (index < book->resource_count && book->resources[index].offer.kind != RESOURCE_CPU)
		index++;
	return book->gflops_per_core == 0 ? book->resource_count : index;
}

size_t book_resource_count(const struct book *book)
{
	return book->resource_count + (derived_after(book) < book->resource_count ? 1 : 0);
}

static struct resource_offer told_offer(const struct book_resource *resource)
{
	struct resource_offer offer = resource->offer;

	price_tell(&resource->price, price_utilisation(offer.free, offer.capacity), &offer.base,
	           &offer.steepness);
	return offer;
}

int book_resource_at(const struct book *book, size_t index, struct resource_offer *ret_offer)
{
	size_t cpu = derived_after(book);
	struct resource_offer offer;

	if (index >= book_resource_count(book))
		return BUSBAR_ERROR_NOT_FOUND;
	offer = told_offer(&book->resources[index > cpu ? index - 1 : index]);
	*ret_offer = index == cpu + 1 ? gflops_offer(book, &offer) : offer;
	return 0;
}

size_t book_link_count(const struct book *book)
{
	return book->link_count;
}

int book_link_at(const struct book *book, size_t index, struct link_offer *ret_offer)
{
	const struct book_link *link = &book->links[index];

	if (index >= book->link_count)
		return BUSBAR_ERROR_NOT_FOUND;
	*ret_offer = link->offer;
	price_tell(&link->price, price_utilisation(link->offer.free, link->offer.capacity), &ret_offer->base,
	           &ret_offer->steepness);
	return 0;
}

int book_load_at(const struct book *book, size_t link, uint32_t class, struct book_load *ret_load)
{
	const struct admission *admission;

	if (link >= book->link_count || class >= LINK_CLASSES)
		return BUSBAR_ERROR_NOT_FOUND;
	admission = &book->links[link].admission;
	ret_load->rate = admission->classes[class].rate;
	ret_load->burst = admission_octets(&admission->classes[class]);
	ret_load->flows = admission->classes[class].flows;
	ret_load->delay = admission_delay(admission, class);
	ret_load->ceiling = admission->ceilings[class];
	return 0;
}
