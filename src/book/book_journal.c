/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Journal and snapshot: the book's state as bytes, and back. Numbers are big-endian.
 *
 * entry:    version, change, sequence (8), then by change
 *           RESERVED holding, reserve · CLAIMED holding, claim · REFRESHED program, end · RELEASED program
 *           TICKED time · PRICED prices · CALIBRATED GFLOPS per core
 * snapshot: version, "BOOK", sequence (8), time, prices, GFLOPS per core,
 *           count (1) and of each resource: kind, average · count (1) and of each link: toward, average
 *           count (4) and of each holding: holding, what it holds (1: reserve, 2: claim, 3: both), reserve,
 * claim
 *
 * What is read is believed only as far as it fits the book: amounts are checked against what is free.
 */
#include "base/cursor.h"
#include "base/error.h"
#include "book/book_internal.h"
#include <string.h>

enum {
	VERSION = 1,
	HOLDS_RESERVE = 1,
	HOLDS_CLAIM = 2,
	/* Octets at most: what comes before the holdings without its rows, and a row of a resource or link.
	 */
	SNAPSHOT_HEAD = 64,
	SNAPSHOT_ROW = 16
};

static const uint8_t magic[4] = {'B', 'O', 'O', 'K'};

static void put_signed(struct writer *writer, int64_t value)
{
	writer_u64(writer, (uint64_t)value);
}

static int64_t get_signed(struct cursor *cursor)
{
	return (int64_t)cursor_u64(cursor);
}

static void put_gateway(struct writer *writer, struct gateway_identity identity)
{
	writer_u32(writer, identity.site);
	writer_u16(writer, identity.gateway);
}

static struct gateway_identity get_gateway(struct cursor *cursor)
{
	struct gateway_identity identity = {.site = cursor_u32(cursor)};

	identity.gateway = cursor_u16(cursor);
	return identity;
}

static void put_average(struct writer *writer, double average)
{
	uint64_t bits;

	memcpy(&bits, &average, sizeof(bits));
	writer_u64(writer, bits);
}

static double get_average(struct cursor *cursor)
{
	uint64_t bits = cursor_u64(cursor);
	double average;

	memcpy(&average, &bits, sizeof(average));
	if (!(average >= 0 && average <= 1)) /* nor a number at all */
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	return average;
}

static void put_holding(struct writer *writer, const struct book_holding *holding)
{
	writer_bytes(writer, holding->program.octets, sizeof(holding->program.octets));
	put_gateway(writer, holding->ingress);
	put_signed(writer, holding->granted);
	put_signed(writer, holding->expires);
}

static void get_holding(struct cursor *cursor, struct book_holding *holding)
{
	cursor_copy(cursor, holding->program.octets, sizeof(holding->program.octets));
	holding->ingress = get_gateway(cursor);
	holding->granted = get_signed(cursor);
	holding->expires = get_signed(cursor);
}

static void put_reserve(struct writer *writer, const struct program_reserve *reserve)
{
	put_gateway(writer, reserve->toward);
	put_gateway(writer, reserve->back);
	writer_u8(writer, (uint8_t)reserve->class);
	writer_u64(writer, reserve->rate);
	writer_u64(writer, reserve->burst);
	writer_u64(writer, reserve->back_rate);
	writer_u64(writer, reserve->back_burst);
	put_signed(writer, reserve->jitter);
	put_signed(writer, reserve->back_jitter);
	put_signed(writer, reserve->time);
	put_signed(writer, reserve->tariff);
	put_signed(writer, reserve->back_tariff);
	put_signed(writer, reserve->limit);
}

static void get_reserve(struct cursor *cursor, struct program_reserve *reserve)
{
	reserve->toward = get_gateway(cursor);
	reserve->back = get_gateway(cursor);
	reserve->class = cursor_u8(cursor);
	reserve->rate = cursor_u64(cursor);
	reserve->burst = cursor_u64(cursor);
	reserve->back_rate = cursor_u64(cursor);
	reserve->back_burst = cursor_u64(cursor);
	reserve->jitter = get_signed(cursor);
	reserve->back_jitter = get_signed(cursor);
	reserve->time = get_signed(cursor);
	reserve->tariff = get_signed(cursor);
	reserve->back_tariff = get_signed(cursor);
	reserve->limit = get_signed(cursor);
}

static void put_claim(struct writer *writer, const struct entry *entry)
{
	const struct program_claim *claim = &entry->holding.claim;

	writer_u8(writer, (uint8_t)claim->resource_count);
	for (uint32_t i = 0; i < claim->resource_count; i++) {
		writer_u8(writer, (uint8_t)claim->resources[i].kind);
		writer_u64(writer, claim->resources[i].amount);
		put_signed(writer, claim->resources[i].tariff);
		put_signed(writer, claim->resources[i].limit);
	}
	put_signed(writer, claim->time);
	writer_u64(writer, entry->cores);
}

static enum resource_kind get_kind(struct cursor *cursor)
{
	uint8_t kind = cursor_u8(cursor);

	if (kind >= RESOURCE_KINDS)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	return kind < RESOURCE_KINDS ? (enum resource_kind)kind : RESOURCE_CPU;
}

static void get_claim(struct cursor *cursor, struct program_claim *claim, uint64_t *cores)
{
	uint8_t count = cursor_u8(cursor);

	if (count > PLAN_CLAIMS) {
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
		return;
	}
	claim->resource_count = count;
	for (uint32_t i = 0; i < count; i++) {
		claim->resources[i].kind = get_kind(cursor);
		claim->resources[i].amount = cursor_u64(cursor);
		claim->resources[i].tariff = get_signed(cursor);
		claim->resources[i].limit = get_signed(cursor);
	}
	claim->time = get_signed(cursor);
	*cores = cursor_u64(cursor);
}

static void put_prices(struct writer *writer, const struct book_prices *prices)
{
	writer_u32(writer, prices->energy);
	writer_u32(writer, prices->carbon);
	put_signed(writer, prices->half_life);
}

static void get_prices(struct cursor *cursor, struct book_prices *prices)
{
	prices->energy = cursor_u32(cursor);
	prices->carbon = cursor_u32(cursor);
	prices->half_life = get_signed(cursor);
	if (book_check_prices(prices) < 0)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
}

/* A whole holding, as a snapshot has it. */
static void put_whole(struct writer *writer, const struct entry *entry)
{
	const struct book_holding *holding = &entry->holding;

	put_holding(writer, holding);
	writer_u8(writer,
	          (uint8_t)((holding->reserved ? HOLDS_RESERVE : 0) | (holding->claimed ? HOLDS_CLAIM : 0)));
	if (holding->reserved)
		put_reserve(writer, &holding->reserve);
	if (holding->claimed)
		put_claim(writer, entry);
}

static void get_whole(struct cursor *cursor, struct book_holding *holding, uint64_t *cores)
{
	uint8_t holds;

	get_holding(cursor, holding);
	holds = cursor_u8(cursor);
	if (holds == 0 || holds > (HOLDS_RESERVE | HOLDS_CLAIM))
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	holding->reserved = (holds & HOLDS_RESERVE) != 0;
	holding->claimed = (holds & HOLDS_CLAIM) != 0;
	if (holding->reserved)
		get_reserve(cursor, &holding->reserve);
	if (holding->claimed)
		get_claim(cursor, &holding->claim, cores);
}

void book_set_journal(struct book *book, book_write write, void *context)
{
	book->write = write;
	book->context = context;
}

uint64_t book_sequence(const struct book *book)
{
	return book->sequence;
}

static void put_change(struct writer *writer, const struct book *book, enum book_change change,
                       const struct entry *entry)
{
	switch (change) {
	case BOOK_RESERVED:
		put_holding(writer, &entry->holding);
		put_reserve(writer, &entry->holding.reserve);
		break;
	case BOOK_CLAIMED:
		put_holding(writer, &entry->holding);
		put_claim(writer, entry);
		break;
	case BOOK_REFRESHED:
		writer_bytes(writer, entry->holding.program.octets, sizeof(entry->holding.program.octets));
		put_signed(writer, entry->holding.expires);
		break;
	case BOOK_RELEASED:
		writer_bytes(writer, entry->holding.program.octets, sizeof(entry->holding.program.octets));
		break;
	case BOOK_TICKED:
		put_signed(writer, book->ticked);
		break;
	case BOOK_PRICED:
		put_prices(writer, &book->prices);
		break;
	case BOOK_CALIBRATED:
		writer_u64(writer, book->gflops_per_core);
		break;
	case BOOK_CHANGES:
		break;
	}
}

void book_note(struct book *book, enum book_change change, const struct entry *entry)
{
	uint8_t bytes[BOOK_ENTRY];
	struct writer writer = writer_open(bytes, sizeof(bytes));

	book->sequence++;
	if (book->write == NULL)
		return;
	writer_u8(&writer, VERSION);
	writer_u8(&writer, (uint8_t)change);
	writer_u64(&writer, book->sequence);
	put_change(&writer, book, change, entry);
	book->write(book->context, bytes, writer_size(&writer));
}

static int replay_part(struct book *book, struct cursor *cursor, enum book_change change)
{
	struct book_holding holding = {.reserved = change == BOOK_RESERVED,
	                               .claimed = change == BOOK_CLAIMED};
	uint64_t cores = 0;
	int code;

	get_holding(cursor, &holding);
	if (holding.reserved)
		get_reserve(cursor, &holding.reserve);
	else
		get_claim(cursor, &holding.claim, &cores);
	code = cursor_finish(cursor);
	return code < 0 ? code : book_put_back(book, &holding, cores);
}

static int replay_refreshed(struct book *book, struct cursor *cursor)
{
	struct identifier program;
	struct entry *entry;
	int64_t end;
	int code;

	cursor_copy(cursor, program.octets, sizeof(program.octets));
	end = get_signed(cursor);
	code = cursor_finish(cursor);
	if (code < 0)
		return code;
	entry = hash_get(book->holdings, program.octets);
	if (entry == NULL)
		return BUSBAR_ERROR_NOT_FOUND;
	book_extend(book, entry, end);
	return 0;
}

static int replay_released(struct book *book, struct cursor *cursor)
{
	struct identifier program;
	struct entry *entry;
	int code;

	cursor_copy(cursor, program.octets, sizeof(program.octets));
	code = cursor_finish(cursor);
	if (code < 0)
		return code;
	entry = hash_get(book->holdings, program.octets);
	if (entry == NULL)
		return BUSBAR_ERROR_NOT_FOUND;
	book_forget(book, entry);
	return 0;
}

static int replay_ticked(struct book *book, struct cursor *cursor)
{
	int64_t now = get_signed(cursor);
	int code = cursor_finish(cursor);

	if (code == 0)
		book_move_prices(book, now);
	return code;
}

static int replay_priced(struct book *book, struct cursor *cursor)
{
	struct book_prices prices;
	int code;

	get_prices(cursor, &prices);
	code = cursor_finish(cursor);
	if (code < 0)
		return code;
	book->prices = prices;
	book_move_prices(book, book->ticked);
	return 0;
}

static int replay_calibrated(struct book *book, struct cursor *cursor)
{
	uint64_t gflops_per_core = cursor_u64(cursor);
	int code = cursor_finish(cursor);

	if (code == 0)
		book->gflops_per_core = gflops_per_core;
	return code;
}

static int replay_change(struct book *book, struct cursor *cursor, enum book_change change)
{
	switch (change) {
	case BOOK_RESERVED:
	case BOOK_CLAIMED:
		return replay_part(book, cursor, change);
	case BOOK_REFRESHED:
		return replay_refreshed(book, cursor);
	case BOOK_RELEASED:
		return replay_released(book, cursor);
	case BOOK_TICKED:
		return replay_ticked(book, cursor);
	case BOOK_PRICED:
		return replay_priced(book, cursor);
	case BOOK_CALIBRATED:
		return replay_calibrated(book, cursor);
	case BOOK_CHANGES:
		break;
	}
	return BUSBAR_ERROR_MALFORMED;
}

int book_replay(struct book *book, const void *entry, size_t size)
{
	struct cursor cursor = cursor_open(entry, size);
	uint8_t version = cursor_u8(&cursor), change = cursor_u8(&cursor);
	uint64_t sequence = cursor_u64(&cursor);
	int code;

	if (cursor.error < 0)
		return cursor.error;
	if (version != VERSION)
		return BUSBAR_ERROR_VERSION;
	if (sequence <= book->sequence)
		return BUSBAR_ERROR_STALE;
	if (sequence != book->sequence + 1)
		return BUSBAR_ERROR_STATE;
	if (change == 0 || change >= BOOK_CHANGES)
		return BUSBAR_ERROR_MALFORMED;
	code = replay_change(book, &cursor, (enum book_change)change);
	if (code == 0)
		book->sequence = sequence;
	return code;
}

size_t book_snapshot_size(const struct book *book)
{
	return SNAPSHOT_HEAD + SNAPSHOT_ROW * (book->resource_count + book->link_count) +
	       (size_t)BOOK_ENTRY * book_count(book);
}

int book_snapshot(const struct book *book, void *bytes, size_t capacity)
{
	struct writer writer = writer_open(bytes, MINIMUM(capacity, (size_t)INT32_MAX));
	size_t position = 0;
	const void *key;
	void *value;

	writer_u8(&writer, VERSION);
	writer_bytes(&writer, magic, sizeof(magic));
	writer_u64(&writer, book->sequence);
	put_signed(&writer, book->ticked);
	put_prices(&writer, &book->prices);
	writer_u64(&writer, book->gflops_per_core);
	writer_u8(&writer, (uint8_t)book->resource_count);
	for (size_t i = 0; i < book->resource_count; i++) {
		writer_u8(&writer, (uint8_t)book->resources[i].offer.kind);
		put_average(&writer, book->resources[i].price.average);
	}
	writer_u8(&writer, (uint8_t)book->link_count);
	for (size_t i = 0; i < book->link_count; i++) {
		put_gateway(&writer, book->links[i].offer.toward);
		put_average(&writer, book->links[i].price.average);
	}
	writer_u32(&writer, (uint32_t)book_count(book));
	while (hash_next(book->holdings, &position, &key, &value))
		put_whole(&writer, value);
	return writer.error < 0 ? writer.error : (int)writer_size(&writer);
}

/* The averages of what this book has too; the others are passed over. */
static void get_averages(struct cursor *cursor, struct book *book)
{
	uint8_t count = cursor_u8(cursor);

	for (uint8_t i = 0; i < count && cursor->error == 0; i++) {
		struct book_resource *resource = book_resource_of(book, get_kind(cursor));
		double average = get_average(cursor);

		if (resource != NULL && cursor->error == 0)
			resource->price.average = average;
	}
	count = cursor_u8(cursor);
	for (uint8_t i = 0; i < count && cursor->error == 0; i++) {
		struct book_link *link = book_link_of(book, get_gateway(cursor));
		double average = get_average(cursor);

		if (link != NULL && cursor->error == 0)
			link->price.average = average;
	}
}

static int get_all(struct cursor *cursor, struct book *book)
{
	uint32_t count;
	int code = 0;

	book->ticked = get_signed(cursor);
	if (book->ticked < 0)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	get_prices(cursor, &book->prices);
	book->gflops_per_core = cursor_u64(cursor);
	get_averages(cursor, book);
	count = cursor_u32(cursor);
	for (uint32_t i = 0; i < count && cursor->error == 0 && code == 0; i++) {
		struct book_holding holding = {.granted = 0};
		uint64_t cores = 0;

		get_whole(cursor, &holding, &cores);
		if (cursor->error == 0)
			code = book_put_back(book, &holding, cores);
	}
	return code < 0 ? code : cursor_finish(cursor);
}

/* As it was before anything changed. */
static void clear(struct book *book)
{
	const void *key;
	void *value;
	size_t position = 0;

	while (hash_next(book->holdings, &position, &key, &value))
		book_forget(book, value);
	for (size_t i = 0; i < book->resource_count; i++)
		book->resources[i].price.average = 0;
	for (size_t i = 0; i < book->link_count; i++)
		book->links[i].price.average = 0;
	book->gflops_per_core = 0;
	book->prices = book_prices_plain;
	book->ticked = 0;
	book_set_bases(book);
}

int book_resume(struct book *book, const void *snapshot, size_t size)
{
	struct cursor cursor = cursor_open(snapshot, size);
	uint8_t version = cursor_u8(&cursor), name[sizeof(magic)];
	uint64_t sequence;
	int code;

	if (book->sequence != 0)
		return BUSBAR_ERROR_STATE;
	cursor_copy(&cursor, name, sizeof(name));
	sequence = cursor_u64(&cursor);
	if (cursor.error < 0)
		return cursor.error;
	if (version != VERSION)
		return BUSBAR_ERROR_VERSION;
	if (memcmp(name, magic, sizeof(magic)) != 0)
		return BUSBAR_ERROR_MALFORMED;
	code = get_all(&cursor, book);
	if (code < 0) {
		clear(book);
		return code;
	}
	book_set_bases(book);
	book->sequence = sequence;
	return 0;
}

static void digest_row(uint64_t *digest, struct writer *writer)
{
	*digest = *digest * UINT64_C(0x9e3779b97f4a7c15) +
	          hash_bytes_of(writer->start, writer_size(writer), VERSION);
	*writer = writer_open(writer->start, (size_t)(writer->end - writer->start));
}

static void digest_links(const struct book *book, uint64_t *digest, struct writer *writer)
{
	for (size_t i = 0; i < book->link_count; i++) {
		const struct book_link *link = &book->links[i];

		put_gateway(writer, link->offer.toward);
		writer_u64(writer, link->offer.free);
		put_signed(writer, link->offer.base);
		put_average(writer, link->price.average);
		for (uint32_t level = 0; level < LINK_CLASSES; level++) {
			const struct admission_class *class = &link->admission.classes[level];

			writer_u64(writer, class->rate);
			writer_u64(writer, (uint64_t)(class->burst >> 64));
			writer_u64(writer, (uint64_t) class->burst);
			writer_u32(writer, class->flows);
		}
		digest_row(digest, writer);
	}
}

uint64_t book_digest(const struct book *book)
{
	uint8_t bytes[BOOK_ENTRY];
	struct writer writer = writer_open(bytes, sizeof(bytes));
	uint64_t digest = 0, holdings = 0;
	size_t position = 0;
	const void *key;
	void *value;

	writer_u64(&writer, book->sequence);
	put_signed(&writer, book->ticked);
	put_prices(&writer, &book->prices);
	writer_u64(&writer, book->gflops_per_core);
	digest_row(&digest, &writer);
	for (size_t i = 0; i < book->resource_count; i++) {
		writer_u8(&writer, (uint8_t)book->resources[i].offer.kind);
		writer_u64(&writer, book->resources[i].offer.free);
		put_signed(&writer, book->resources[i].offer.base);
		put_average(&writer, book->resources[i].price.average);
		digest_row(&digest, &writer);
	}
	digest_links(book, &digest, &writer);
	/* A sum, for tables of different seeds are walked in different orders. */
	while (hash_next(book->holdings, &position, &key, &value)) {
		uint64_t holding = 0;

		put_whole(&writer, value);
		digest_row(&holding, &writer);
		holdings += holding;
	}
	return digest ^ holdings;
}
