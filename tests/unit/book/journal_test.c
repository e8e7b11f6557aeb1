/* SPDX-License-Identifier: Apache-2.0 */
/* Journal and snapshot: a book that restarts, and a standby that goes on where another one died. */
#include "tests/t.h"

#include "base/random.h"
#include "book/book.h"

#define CORE UINT64_C(1000000)
#define MEGABIT UINT64_C(1000000)
#define START INT64_C(1700000000000000000)

enum { SEEDS = 200, ACTIONS = 300, AFTER = 60, PROGRAMS = 24, HOLDINGS = 16, LINKS = 3, ENTRIES = 700 };

static const struct gateway_identity self = {1, 1};

static struct gateway_identity neighbour(uint64_t link)
{
	return (struct gateway_identity){.site = 10 + (uint32_t)link, .gateway = 1};
}

static struct identifier program(uint64_t number)
{
	return (struct identifier){.octets = {1, 2, 3, (uint8_t)number}};
}

/* What was written, entry behind entry. */
struct log {
	uint8_t entries[ENTRIES][BOOK_ENTRY];
	size_t sizes[ENTRIES], count;
};

static void write_entry(void *context, const void *entry, size_t size)
{
	struct log *log = context;

	T_TRUE(size <= BOOK_ENTRY && log->count < ENTRIES);
	memcpy(log->entries[log->count], entry, size);
	log->sizes[log->count++] = size;
}

/* Books of one owner: configured alike, each in a process of its own, with a hash seed of its own. */
static struct book *open_book(uint64_t seed)
{
	struct book *book = book_create(HOLDINGS, seed);
	uint32_t tide[BOOK_HOURS];

	assert_non_null(book);
	for (uint32_t hour = 0; hour < BOOK_HOURS; hour++)
		tide[hour] = 500 + 50 * hour;
	for (int kind = RESOURCE_CPU; kind < RESOURCE_KINDS; kind++) {
		struct resource_offer offer = {.kind = (enum resource_kind)kind,
		                               .capacity = 16 * CORE,
		                               .free = 16 * CORE,
		                               .base = 1000 * (1 + kind),
		                               .steepness = 8000};

		if (kind != RESOURCE_CPU_GFLOPS)
			T_OK(book_add_resource(book, &offer));
	}
	for (uint64_t i = 0; i < LINKS; i++) {
		struct link_offer link = {.from = self,
		                          .toward = neighbour(i),
		                          .ceilings = {3 * CLOCK_MILLISECOND, 12 * CLOCK_MILLISECOND},
		                          .capacity = 90 * MEGABIT,
		                          .free = 90 * MEGABIT,
		                          .base = 100,
		                          .steepness = 4000};
		const struct book_output output = {.rate = 100 * MEGABIT,
		                                   .largest_packet = 1500,
		                                   .latency = CLOCK_MILLISECOND};

		T_OK(book_add_link(book, &link, &output));
	}
	T_OK(book_set_resource_tide(book, RESOURCE_CPU, tide));
	T_OK(book_set_link_tide(book, neighbour(0), tide));
	return book;
}

/* One life of a book: what happens is drawn, what comes of it is the book's. */
struct life {
	struct random random;
	struct book *book;
	int64_t now;
	struct book_refusal refusal;
};

static uint64_t below(struct life *life, uint64_t bound)
{
	return random_below(&life->random, bound);
}

static money some_limit(struct life *life)
{
	return below(life, 3) == 0 ? (money)below(life, 20000) : INT64_MAX;
}

static int reserve(struct life *life, const struct identifier *program)
{
	uint64_t up = below(life, LINKS), down = (up + 1 + below(life, LINKS - 1)) % LINKS;
	const struct program_reserve reserve = {.toward = neighbour(up),
	                                        .back = neighbour(down),
	                                        .class = (uint32_t)below(life, LINK_CLASSES),
	                                        .rate = below(life, 4) == 0 ? 0 : below(life, 20 * MEGABIT),
	                                        .back_rate = 1 + below(life, 20 * MEGABIT),
	                                        .burst = below(life, 9000),
	                                        .back_burst = below(life, 9000),
	                                        .jitter = (int64_t)below(life, CLOCK_MILLISECOND),
	                                        .back_jitter = (int64_t)below(life, CLOCK_MILLISECOND),
	                                        .time = (int64_t)below(life, 30) * CLOCK_SECOND,
	                                        .tariff = 7,
	                                        .back_tariff = 8,
	                                        .limit = some_limit(life)};

	return book_reserve(life->book, program, self, &reserve, life->now, &life->refusal);
}

static int claim(struct life *life, const struct identifier *program)
{
	struct program_claim claim = {.time = (int64_t)below(life, 30) * CLOCK_SECOND};
	uint64_t first = below(life, RESOURCE_KINDS), count = 1 + below(life, PLAN_CLAIMS);

	for (uint64_t i = 0; i < count; i++)
		claim.resources[claim.resource_count++] = (struct program_claim_resource){
		        .kind = (enum resource_kind)((first + i) % RESOURCE_KINDS),
		        .amount = 1 + below(life, 4 * CORE),
		        .tariff = (money)i,
		        .limit = some_limit(life)};
	return book_claim(life->book, program, self, &claim, life->now, &life->refusal);
}

static int restore(struct life *life, const struct identifier *program)
{
	struct book_holding holding;
	int code = book_release(life->book, program, &holding);

	return code < 0 ? code : book_restore(life->book, &holding);
}

static int set_prices(struct life *life)
{
	const struct book_prices prices = {.energy = (uint32_t)below(life, 3000),
	                                   .carbon = (uint32_t)below(life, 3000),
	                                   .half_life = (int64_t)below(life, 20 * CLOCK_SECOND)};

	return book_set_prices(life->book, &prices);
}

static int expire(struct life *life)
{
	const struct book_holding *expired;
	int count = 0;

	while ((expired = book_expired(life->book, life->now)) != NULL) {
		struct identifier program = expired->program;

		T_OK(book_release(life->book, &program, NULL));
		count++;
	}
	return count;
}

static int act(struct life *life)
{
	struct identifier some = program(below(life, PROGRAMS));

	memset(&life->refusal, 0, sizeof(life->refusal));
	/* In steps, so that some holdings end together. */
	life->now += (int64_t)below(life, 4) * CLOCK_SECOND / 4;
	switch (below(life, 12)) {
	case 0:
	case 1:
	case 2:
		return claim(life, &some);
	case 3:
	case 4:
	case 5:
		return reserve(life, &some);
	case 6:
		return book_release(life->book, &some, NULL);
	case 7:
		return book_refresh(life->book, &some, (int64_t)below(life, 30) * CLOCK_SECOND, life->now);
	case 8:
		return restore(life, &some);
	case 9:
		book_tick(life->book, life->now);
		return 0;
	case 10:
		if (below(life, 4) == 0)
			return set_prices(life);
		book_set_calibration(life->book, below(life, 40 * CORE));
		return 0;
	default:
		return expire(life);
	}
}

static struct life open_life(uint64_t seed, struct log *log)
{
	struct life life = {.book = open_book(seed), .now = START};

	random_seed(&life.random, seed);
	book_set_journal(life.book, write_entry, log);
	return life;
}

static void replay(struct book *book, const struct log *log, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		T_OK(book_replay(book, log->entries[i], log->sizes[i]));
}

/* Both lives go on with the same events: the same answers, the same journal, the same books. */
static void check_same_future(struct life *first, struct life *second)
{
	static struct log logs[2];

	logs[0].count = logs[1].count = 0;
	book_set_journal(first->book, write_entry, &logs[0]);
	book_set_journal(second->book, write_entry, &logs[1]);
	for (int i = 0; i < AFTER; i++) {
		T_EQ(act(first), act(second));
		T_BYTES(&first->refusal, &second->refusal, sizeof(first->refusal));
		T_EQ(book_digest(first->book), book_digest(second->book));
		T_EQ(book_next_expiry(first->book), book_next_expiry(second->book));
	}
	T_EQ(logs[0].count, logs[1].count);
	for (size_t i = 0; i < logs[0].count; i++) {
		T_EQ(logs[0].sizes[i], logs[1].sizes[i]);
		T_BYTES(logs[0].entries[i], logs[1].entries[i], logs[0].sizes[i]);
	}
}

/* A standby that applied every entry as it came takes over, wherever the primary died. */
static void test_standby_takes_over(void **state)
{
	static struct log log;
	uint64_t refusals = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		uint64_t death = seed * ACTIONS / SEEDS;
		struct life primary, standby;
		size_t applied = 0;

		log.count = 0;
		primary = open_life(seed, &log);
		standby = (struct life){.book = open_book(seed + 1000)};
		for (uint64_t i = 0; i < death; i++) {
			refusals += act(&primary) < 0;
			replay(standby.book, &log, applied, log.count);
			applied = log.count;
			T_EQ(book_digest(standby.book), book_digest(primary.book));
			T_EQ(book_sequence(standby.book), log.count);
		}
		standby.random = primary.random;
		standby.now = primary.now;
		check_same_future(&primary, &standby);
		book_free(primary.book);
		book_free(standby.book);
	}
	T_TRUE(refusals > SEEDS);
}

/* A snapshot of any moment and the entries after it, of which it may have some already. */
static void test_restart(void **state)
{
	static struct log log;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct life first, second = {.book = open_book(seed + 1000)};
		size_t size, before = 0;
		uint64_t digest;
		uint8_t *snapshot;
		int written;

		log.count = 0;
		first = open_life(seed, &log);
		for (uint64_t i = 0; i < seed; i++)
			(void)act(&first);
		size = book_snapshot_size(first.book);
		snapshot = malloc(size);
		assert_non_null(snapshot);
		written = book_snapshot(first.book, snapshot, size);
		T_OK(written);
		T_ERROR(book_snapshot(first.book, snapshot, (size_t)written - 1), BUSBAR_ERROR_TOO_LARGE);
		T_EQ(book_snapshot(first.book, snapshot, size), written);
		before = log.count;
		digest = book_digest(first.book);
		for (int i = 0; i < ACTIONS / 3; i++)
			(void)act(&first);
		T_OK(book_resume(second.book, snapshot, (size_t)written));
		T_EQ(book_sequence(second.book), before);
		T_EQ(book_digest(second.book), digest);
		for (size_t i = before < 5 ? 0 : before - 5; i < before; i++)
			T_ERROR(book_replay(second.book, log.entries[i], log.sizes[i]), BUSBAR_ERROR_STALE);
		replay(second.book, &log, before, log.count);
		T_EQ(book_digest(second.book), book_digest(first.book));
		second.random = first.random;
		second.now = first.now;
		check_same_future(&first, &second);
		T_ERROR(book_resume(second.book, snapshot, (size_t)written), BUSBAR_ERROR_STATE);
		free(snapshot);
		book_free(first.book);
		book_free(second.book);
	}
}

/* Entries that are missing, cut, longer, unknown or of another book change nothing. */
static void test_bad_entries(void **state)
{
	static struct log log;
	struct life life;
	struct book *standby = open_book(2);
	uint64_t empty = book_digest(standby);

	log.count = 0;
	life = open_life(3, &log);
	while (log.count < 100)
		(void)act(&life);
	T_ERROR(book_replay(standby, log.entries[1], log.sizes[1]), BUSBAR_ERROR_STATE);
	for (size_t i = 0; i < log.count; i++) {
		uint8_t entry[BOOK_ENTRY + 1] = {0};
		uint64_t before = book_digest(standby);

		memcpy(entry, log.entries[i], log.sizes[i]);
		for (size_t size = 0; size < log.sizes[i]; size++)
			T_TRUE(book_replay(standby, entry, size) < 0);
		T_ERROR(book_replay(standby, entry, log.sizes[i] + 1), BUSBAR_ERROR_MALFORMED);
		entry[0]++;
		T_ERROR(book_replay(standby, entry, log.sizes[i]), BUSBAR_ERROR_VERSION);
		entry[0]--;
		entry[1] = 99;
		T_ERROR(book_replay(standby, entry, log.sizes[i]), BUSBAR_ERROR_MALFORMED);
		T_EQ(book_digest(standby), before);
		replay(standby, &log, i, i + 1);
		T_ERROR(book_replay(standby, log.entries[i], log.sizes[i]), BUSBAR_ERROR_STALE);
		T_TRUE(book_digest(standby) != before);
	}
	T_EQ(book_digest(standby), book_digest(life.book));
	T_TRUE(book_digest(standby) != empty);
	book_free(standby);
	book_free(life.book);
}

/* A snapshot that is cut or changed gives a book or nothing, and one for more than there is gives nothing. */
static void test_bad_snapshots(void **state)
{
	static struct log log;
	static uint8_t snapshot[HOLDINGS * BOOK_ENTRY + 1024];
	struct life life;
	struct book *book = open_book(2), *small = book_create(HOLDINGS, 2);
	uint64_t empty = book_digest(book);
	int size;

	log.count = 0;
	life = open_life(4, &log);
	while (book_count(life.book) < HOLDINGS / 2)
		(void)act(&life);
	size = book_snapshot(life.book, snapshot, sizeof(snapshot));
	T_OK(size);
	for (int cut = 0; cut < size; cut++) {
		T_TRUE(book_resume(book, snapshot, (size_t)cut) < 0);
		T_EQ(book_digest(book), empty);
	}
	T_ERROR(book_resume(book, snapshot, (size_t)size + 1), BUSBAR_ERROR_MALFORMED);
	T_ERROR(book_resume(small, snapshot, (size_t)size), BUSBAR_ERROR_NOT_FOUND);
	T_EQ(book_count(small), 0);
	snapshot[0]++;
	T_ERROR(book_resume(book, snapshot, (size_t)size), BUSBAR_ERROR_VERSION);
	snapshot[0]--;
	snapshot[1]++;
	T_ERROR(book_resume(book, snapshot, (size_t)size), BUSBAR_ERROR_MALFORMED);
	snapshot[1]--;
	T_EQ(book_digest(book), empty);
	T_OK(book_resume(book, snapshot, (size_t)size));
	T_EQ(book_digest(book), book_digest(life.book));
	book_free(book);
	book_free(small);
	book_free(life.book);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_standby_takes_over),
	        cmocka_unit_test(test_restart),
	        cmocka_unit_test(test_bad_entries),
	        cmocka_unit_test(test_bad_snapshots),
	};

	return T_RUN(tests);
}
