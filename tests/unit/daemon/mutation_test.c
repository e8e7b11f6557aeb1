/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ten thousand things that nobody should send, at a gateway with everything in it: programs, answers and
 * datagrams with bits flipped, cut, extended, spliced, sealed with other keys, expired, moved along their
 * segments, in others' names, and sent again. After each one nothing of the gateway's state has changed (not
 * a row, not a unit of the book, not a holding, not a balance), and exactly one counter of refusals has gone
 * up by one; none for what is the same octets again, which a network may always deliver twice. Between them
 * honest tasks run to their end.
 *
 * The seed is printed; it and what came before decide everything.
 */
#include "tests/t.h"

#include "daemon/exchange.h"
#include "tests/unit/api/station.h"
#include <sqlite3.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORK "demand d { service \"work\"; budget 1; }"
#define OTHER_WORK "demand d { service \"work\"; budget 2; }"

enum { SEED = 20260, MUTATIONS = 10000, ROUND = 250, BUFFER = 2048, EXTENSION = 64, UNKNOWN = 77 };
enum { IPV6 = 40, LEFT_AT = 43, LAST_AT = 44, LIST_AT = 48, HOP_AT = 7, DESTINATION_AT = 24, SEGMENT = 16 };

struct octets {
	size_t size;
	uint8_t bytes[BUFFER];
};

enum door { PACKET, ANSWER, DATAGRAM, DOORS };

/*
 * Of one round: what is on its way and never arrives as it is, what has arrived and is at work, and a program
 * whose task is over.
 */
struct bench {
	struct station station;
	struct exchange *exchange;
	struct random random;
	int client, elsewhere; /* sockets of the tenant's */
	struct octets fresh[DOORS], used[DOORS], past;
	struct datagram request; /* which `used` has the octets of */
	uint64_t counted[ERROR_COUNT];
	int64_t writes; /* to the database, ever, when `rows` was its digest */
	uint64_t rows;
};

static struct bench *bench;

/* The gateway. */

static void on_program(void *context, uint8_t *bytes, size_t size, const struct packet *packet)
{
	owner_receive(bench->station.owner, packet, bytes, size);
}

static void on_answer(void *context, const struct answer *answer)
{
	if (answer->type == ANSWER_ACKNOWLEDGE)
		owner_acknowledged(bench->station.owner, &answer->program, answer->acknowledged);
	else
		task_answer(bench->station.tasks, answer);
}

static size_t seal_answer(const struct answer *answer, const struct seal_key *key, uint8_t bytes[BUFFER])
{
	int size = answer_encode(answer, key, bytes, BUFFER);

	T_OK(size);
	return (size_t)size;
}

/* As the network has it: through the exchange, as octets. */
static void take(struct station *station, struct station_message *message)
{
	struct octets *used = &bench->used[message->answer ? ANSWER : PACKET];

	if (message->answer) {
		used->size = seal_answer(&message->content, seal_first(&station->ring), used->bytes);
		exchange_datagram(bench->exchange, used->bytes, used->size);
		return;
	}
	used->size = message->size;
	memcpy(used->bytes, message->bytes, message->size);
	exchange_packet(bench->exchange, message->bytes, message->size);
}

static int set_up(void **state)
{
	struct exchange_settings settings = {.program = on_program, .answer = on_answer};

	bench = calloc(1, sizeof(*bench));
	assert_non_null(bench);
	station_open(&bench->station);
	bench->station.take = take;
	settings.identity = bench->station.identity;
	settings.ring = &bench->station.ring;
	memcpy(settings.locator, bench->station.locator, sizeof(settings.locator));
	T_OK(exchange_create(&bench->station.loop, &settings, &bench->exchange));
	bench->client = station_client(&bench->station);
	bench->elsewhere = station_client(&bench->station);
	random_seed(&bench->random, SEED);
	return 0;
}

static int tear_down(void **state)
{
	close(bench->client);
	close(bench->elsewhere);
	exchange_close(bench->exchange);
	station_shut(&bench->station);
	free(bench);
	return 0;
}

/* What must not change, and what must. */

struct picture {
	uint64_t rows; /* a digest of all */
	uint64_t free[RESOURCE_KINDS];
	size_t holdings;
	uint32_t attempts, runs;
	money balance;
};

/* FNV-1a. */
static uint64_t digest(uint64_t sum, const void *octets, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum = (sum ^ ((const uint8_t *)octets)[i]) * UINT64_C(0x100000001b3);
	return sum;
}

/* What a query gives. */
static uint64_t digest_rows(struct sqlite3 *database, const char *sql, uint64_t sum)
{
	struct sqlite3_stmt *rows;

	T_EQ(sqlite3_prepare_v2(database, sql, -1, &rows, NULL), SQLITE_OK);
	while (sqlite3_step(rows) == SQLITE_ROW)
		for (int i = 0; i < sqlite3_column_count(rows); i++) {
			int type = sqlite3_column_type(rows, i), size = sqlite3_column_bytes(rows, i);

			sum = digest(digest(sum, &type, sizeof(type)), &size, sizeof(size));
			if (size > 0)
				sum = digest(sum, sqlite3_column_blob(rows, i), (size_t)size);
		}
	sqlite3_finalize(rows);
	return sum;
}

static uint64_t digest_tables(struct sqlite3 *database)
{
	struct sqlite3_stmt *tables;
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	char sql[128];

	T_EQ(sqlite3_prepare_v2(database, "SELECT name FROM sqlite_schema WHERE type = 'table'", -1, &tables,
	                        NULL),
	     SQLITE_OK);
	while (sqlite3_step(tables) == SQLITE_ROW) {
		(void)snprintf(sql, sizeof(sql), "SELECT * FROM %s",
		               (const char *)sqlite3_column_text(tables, 0));
		sum = digest_rows(database, sql, digest(sum, sql, strlen(sql)));
	}
	sqlite3_finalize(tables);
	return sum;
}

/* Of all rows; looked at again only when something was written, be it the same as before. */
static uint64_t rows_now(void)
{
	struct sqlite3_stmt *statement;
	struct sqlite3 *database;
	int64_t writes;

	T_OK(database_prepare(bench->station.database, "SELECT 1", &statement));
	database = sqlite3_db_handle(statement);
	writes = sqlite3_total_changes64(database);
	if (writes != bench->writes)
		bench->rows = digest_tables(database);
	bench->writes = writes;
	return bench->rows;
}

static struct picture picture_now(void)
{
	struct station *station = &bench->station;
	struct picture picture = {.rows = rows_now(),
	                          .holdings = owner_holding_count(station->owner),
	                          .attempts = (uint32_t)task_open_attempts(station->tasks),
	                          .runs = station->run_count};
	struct resource_offer offer;
	for (size_t i = 0; book_resource_at(station->book, i, &offer) == 0; i++)
		picture.free[i] = offer.free;
	T_OK(ledger_balance(station->ledger, "demo", &picture.balance));
	return picture;
}

static bool same_picture(const struct picture *a, const struct picture *b)
{
	return a->rows == b->rows && memcmp(a->free, b->free, sizeof(a->free)) == 0 &&
	       a->holdings == b->holdings && a->attempts == b->attempts && a->runs == b->runs &&
	       a->balance == b->balance;
}

/* All counters of all doors, by cause. */
static void read_counters(uint64_t counters[ERROR_COUNT])
{
	const uint64_t *doors[] = {exchange_refusals(bench->exchange), owner_refusals(bench->station.owner),
	                           front_refusals(bench->station.front)};

	memset(counters, 0, ERROR_COUNT * sizeof(counters[0]));
	for (size_t i = 0; i < ARRAY_SIZE(doors); i++)
		for (unsigned cause = 0; cause < ERROR_COUNT; cause++)
			counters[cause] += doors[i][cause];
}

/* Honest tasks. */

static void make_datagram(const struct datagram *request, const char *demand, struct octets *octets)
{
	octets->size = station_encode(request, demand, octets->bytes);
}

static const struct station_message *program_on_its_way(void)
{
	for (uint32_t i = 0; i < bench->station.message_count; i++)
		if (!bench->station.messages[i].answer)
			return &bench->station.messages[i];
	fail_msg("no program is on its way");
	return NULL;
}

static struct packet decode_fresh(void)
{
	struct packet packet;

	T_OK(packet_decode(bench->fresh[PACKET].bytes, bench->fresh[PACKET].size, &bench->station.ring,
	                   &packet));
	return packet;
}

/* An answer that the tasks would believe, of the program on its way. */
static struct answer fresh_answer(void)
{
	static const enum answer_type types[] = {ANSWER_ACCEPTED, ANSWER_RUNNING, ANSWER_RESULT,
	                                         ANSWER_REFUSED};
	struct packet packet = decode_fresh();
	struct answer answer = {.type = types[random_below(&bench->random, ARRAY_SIZE(types))],
	                        .program = packet.program.identifier,
	                        .sender = bench->station.identity};

	if (answer.type == ANSWER_REFUSED)
		answer.refusal.error = BUSBAR_ERROR_NO_CAPACITY;
	return answer;
}

static void begin_task(void)
{
	struct octets *octets = &bench->used[DATAGRAM];
	struct datagram reply;

	bench->request = station_request(&bench->station, STATION_DEMO, DATAGRAM_RUN);
	make_datagram(&bench->request, WORK, octets);
	station_ask_octets(&bench->station, bench->client, octets->bytes, octets->size, &reply);
	T_EQ(reply.type, DATAGRAM_TASK);
}

/* A task runs; the program of another one is on its way, and its tenant has been told. */
static void begin_round(void)
{
	struct station *station = &bench->station;
	const struct station_message *message;
	struct datagram further;
	struct answer answer;

	begin_task();
	station_turn(station);
	T_EQ(station->run_count, 1);
	begin_task();
	further = station_request(station, STATION_DEMO, DATAGRAM_RUN);
	make_datagram(&further, WORK, &bench->fresh[DATAGRAM]);
	message = program_on_its_way();
	bench->fresh[PACKET].size = message->size;
	memcpy(bench->fresh[PACKET].bytes, message->bytes, message->size);
	answer = fresh_answer();
	bench->fresh[ANSWER].size =
	        seal_answer(&answer, seal_first(&station->ring), bench->fresh[ANSWER].bytes);
}

/* In spite of all that was sent meanwhile, it comes to its end. */
static void end_round(void)
{
	struct task_record task;

	bench->past = bench->used[PACKET];
	station_settle(&bench->station);
	T_OK(task_read(bench->station.tasks, &bench->request.identifier, &task));
	T_EQ(task.state, TASK_SETTLED);
	T_EQ(task.code, 0);
	task_record_clear(&task);
}

/* Mutations: each writes what is to be sent. */

static const struct octets *either(enum door door)
{
	return random_below(&bench->random, 2) != 0 ? &bench->fresh[door] : &bench->used[door];
}

/* Networks may change traffic class, flow label and hop limit: these have no MAC, and do nothing. */
static bool is_free(enum door door, size_t bit)
{
	size_t octet = bit / 8;

	return door == PACKET &&
	       ((octet == 0 && bit % 8 < 4) || (octet >= 1 && octet <= 3) || octet == HOP_AT);
}

static void flip(enum door door, struct octets *octets)
{
	size_t bit;

	*octets = *either(door);
	do {
		bit = random_below(&bench->random, 8 * octets->size);
	} while (is_free(door, bit));
	octets->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static void cut(enum door door, struct octets *octets)
{
	*octets = *either(door);
	octets->size = 1 + random_below(&bench->random, octets->size - 1);
}

static void extend(enum door door, struct octets *octets)
{
	size_t more = 1 + random_below(&bench->random, EXTENSION);

	*octets = *either(door);
	random_fill(&bench->random, octets->bytes + octets->size, more);
	octets->size += more;
}

/* The beginning of one and the end of another, of any kind. */
static void join(enum door door, struct octets *octets)
{
	const struct octets *end;
	size_t from, at;

	do {
		*octets = *either(door);
		end = either((enum door)random_below(&bench->random, DOORS));
		at = 1 + random_below(&bench->random, octets->size - 1);
		from = random_below(&bench->random, end->size);
		octets->size = MINIMUM(at + end->size - from, (size_t)BUFFER);
		memcpy(octets->bytes + at, end->bytes + from, octets->size - at);
	} while ((octets->size == bench->fresh[door].size &&
	          memcmp(octets->bytes, bench->fresh[door].bytes, octets->size) == 0) ||
	         (octets->size == bench->used[door].size &&
	          memcmp(octets->bytes, bench->used[door].bytes, octets->size) == 0));
}

static void again(enum door door, struct octets *octets)
{
	*octets = bench->used[door];
}

static struct seal_key false_key(void)
{
	struct seal_key key = *seal_first(&bench->station.ring);

	key.secret[random_below(&bench->random, SEAL_SECRET)] ^= 1;
	return key;
}

static struct seal_key unknown_key(void)
{
	struct seal_key key = *seal_first(&bench->station.ring);

	key.identifier = UNKNOWN;
	return key;
}

/* The program on its way or one that came, changed by who has the key. */
static void seal_packet(const struct packet *packet, const struct seal_key *key, struct octets *octets)
{
	int size = packet_encode(&packet->program, (const uint8_t(*)[16])packet->segments, packet->source,
	                         key, packet->payload, packet->payload_size, octets->bytes, BUFFER);

	T_OK(size);
	octets->size = (size_t)size;
}

static void packet_of_false_key(enum door door, struct octets *octets)
{
	const struct packet packet = decode_fresh();
	const struct seal_key key = false_key();

	seal_packet(&packet, &key, octets);
}

static void packet_of_unknown_key(enum door door, struct octets *octets)
{
	const struct packet packet = decode_fresh();
	const struct seal_key key = unknown_key();

	seal_packet(&packet, &key, octets);
}

/* Two segments change places; the destination follows. */
static void swap_segments(enum door door, struct octets *octets)
{
	uint8_t *list, kept[SEGMENT];
	size_t count, first, second;

	*octets = *either(PACKET);
	list = octets->bytes + LIST_AT;
	count = octets->bytes[LAST_AT] + 1u;
	first = random_below(&bench->random, count);
	second = (first + 1 + random_below(&bench->random, count - 1)) % count;
	memcpy(kept, list + first * SEGMENT, SEGMENT);
	memcpy(list + first * SEGMENT, list + second * SEGMENT, SEGMENT);
	memcpy(list + second * SEGMENT, kept, SEGMENT);
	memcpy(octets->bytes + DESTINATION_AT, list + octets->bytes[LEFT_AT] * SEGMENT, SEGMENT);
}

/* Past the first instruction: authentic, for Segments Left has no MAC. */
static void pass_over(enum door door, struct octets *octets)
{
	*octets = *either(PACKET);
	octets->bytes[LEFT_AT] = (uint8_t)random_below(&bench->random, octets->bytes[LAST_AT]);
	memcpy(octets->bytes + DESTINATION_AT, octets->bytes + LIST_AT + octets->bytes[LEFT_AT] * SEGMENT,
	       SEGMENT);
}

static void expired_packet(enum door door, struct octets *octets)
{
	struct packet packet = decode_fresh();

	packet.program.identifier = identifier_make(station_wall(&bench->station), &bench->random);
	packet.program.expires =
	        station_wall(&bench->station) - 1 - (int64_t)random_below(&bench->random, 10 * CLOCK_SECOND);
	seal_packet(&packet, seal_first(&bench->station.ring), octets);
}

static struct packet decode_used(void)
{
	struct packet packet;

	T_OK(packet_decode(bench->used[PACKET].bytes, bench->used[PACKET].size, &bench->station.ring,
	                   &packet));
	return packet;
}

/* Another gateway of the domain under the identifier of a program that came. */
static void packet_in_anothers_name(enum door door, struct octets *octets)
{
	struct packet packet = decode_used();

	packet.program.ingress.site += 1 + (uint32_t)random_below(&bench->random, 100);
	seal_packet(&packet, seal_first(&bench->station.ring), octets);
}

static void packet_of_the_past(enum door door, struct octets *octets)
{
	*octets = bench->past;
}

static void answer_of_false_key(enum door door, struct octets *octets)
{
	const struct answer answer = fresh_answer();
	const struct seal_key key = false_key();

	octets->size = seal_answer(&answer, &key, octets->bytes);
}

static void answer_of_unknown_key(enum door door, struct octets *octets)
{
	const struct answer answer = fresh_answer();
	const struct seal_key key = unknown_key();

	octets->size = seal_answer(&answer, &key, octets->bytes);
}

/* From a gateway that the program asks nothing of. */
static void answer_of_a_stranger(enum door door, struct octets *octets)
{
	struct answer answer = fresh_answer();

	answer.sender.site += 1 + (uint32_t)random_below(&bench->random, 100);
	octets->size = seal_answer(&answer, seal_first(&bench->station.ring), octets->bytes);
}

/* Sealed by somebody else who says to be the tenant. */
static void datagram_of_false_secret(enum door door, struct octets *octets)
{
	struct datagram request = station_request(&bench->station, STATION_OTHER, DATAGRAM_RUN);

	make_datagram(&request, WORK, octets);
	octets->bytes[9] = (uint8_t)station_tenants[STATION_DEMO].key;
}

static void datagram_of_nobody(enum door door, struct octets *octets)
{
	struct datagram request = station_request(&bench->station, STATION_STRANGER, DATAGRAM_RUN);

	make_datagram(&request, WORK, octets);
}

static void stale_datagram(enum door door, struct octets *octets)
{
	struct datagram request = station_request(&bench->station, STATION_DEMO, DATAGRAM_RUN);

	request.sent -= 31 * CLOCK_SECOND + (int64_t)random_below(&bench->random, 3600 * CLOCK_SECOND);
	make_datagram(&request, WORK, octets);
}

static void other_demand_of_that_name(enum door door, struct octets *octets)
{
	make_datagram(&bench->request, OTHER_WORK, octets);
}

static const struct mutation {
	const char *name;
	enum door door;
	void (*make)(enum door door, struct octets *octets);
	int code; /* the only one there can be; 0: several */
	bool elsewhere, silent;
} mutations[] = {
        {"a program, bits flipped", PACKET, flip, 0},
        {"a program, cut", PACKET, cut, 0},
        {"a program, extended", PACKET, extend, 0},
        {"a program, spliced", PACKET, join, 0},
        {"a program of a false key", PACKET, packet_of_false_key, BUSBAR_ERROR_BAD_SEGMENT_MAC},
        {"a program of an unknown key", PACKET, packet_of_unknown_key, BUSBAR_ERROR_UNKNOWN_KEY},
        {"a program, segments swapped", PACKET, swap_segments, 0},
        {"a program past its first instruction", PACKET, pass_over, BUSBAR_ERROR_MALFORMED},
        {"a program, expired", PACKET, expired_packet, BUSBAR_ERROR_EXPIRED},
        {"a program in another's name", PACKET, packet_in_anothers_name, BUSBAR_ERROR_REPLAYED},
        {"a program again", PACKET, again, .silent = true},
        {"a program of the past", PACKET, packet_of_the_past, .silent = true},
        {"an answer, bits flipped", ANSWER, flip, 0},
        {"an answer, cut", ANSWER, cut, 0},
        {"an answer, extended", ANSWER, extend, 0},
        {"an answer, spliced", ANSWER, join, 0},
        {"an answer of a false key", ANSWER, answer_of_false_key, BUSBAR_ERROR_BAD_MAC},
        {"an answer of an unknown key", ANSWER, answer_of_unknown_key, BUSBAR_ERROR_UNKNOWN_KEY},
        {"an answer of a stranger", ANSWER, answer_of_a_stranger, .silent = true},
        {"an answer again", ANSWER, again, .silent = true},
        {"a datagram, bits flipped", DATAGRAM, flip, 0},
        {"a datagram, cut", DATAGRAM, cut, 0},
        {"a datagram, extended", DATAGRAM, extend, 0},
        {"a datagram, spliced", DATAGRAM, join, 0},
        {"a datagram of a false secret", DATAGRAM, datagram_of_false_secret, BUSBAR_ERROR_BAD_MAC},
        {"a datagram of nobody", DATAGRAM, datagram_of_nobody, BUSBAR_ERROR_UNKNOWN_TENANT},
        {"a datagram, stale", DATAGRAM, stale_datagram, BUSBAR_ERROR_EXPIRED},
        {"another demand of that name", DATAGRAM, other_demand_of_that_name, BUSBAR_ERROR_REPLAYED},
        {"a datagram again, from elsewhere", DATAGRAM, again, BUSBAR_ERROR_REPLAYED, .elsewhere = true},
        {"a datagram again", DATAGRAM, again, .silent = true},
};

/* Sending. */

static void send_datagram(const struct mutation *mutation, struct octets *octets)
{
	int client = mutation->elsewhere ? bench->elsewhere : bench->client;
	uint8_t reply[BUFFER];
	size_t size;

	if (!mutation->silent) {
		size = station_tell(&bench->station, client, octets->bytes, octets->size, reply,
		                    sizeof(reply));
		T_TRUE(size <= octets->size);
		return;
	}
	/* It is answered as before. */
	T_EQ(send(client, octets->bytes, octets->size, 0), octets->size);
	T_TRUE(station_hear(&bench->station, client, reply, sizeof(reply)) > 0);
}

static void send_to(const struct mutation *mutation, struct octets *octets)
{
	if (mutation->door == PACKET)
		exchange_packet(bench->exchange, octets->bytes, octets->size);
	else if (mutation->door == ANSWER)
		exchange_datagram(bench->exchange, octets->bytes, octets->size);
	else
		send_datagram(mutation, octets);
}

/* The causes that went up, in words; what it says is for who has to find out. */
static void check_counters(const struct mutation *mutation, int number, const uint64_t before[ERROR_COUNT])
{
	uint64_t after[ERROR_COUNT], rises = 0;
	int code = 0;

	read_counters(after);
	for (unsigned cause = 0; cause < ERROR_COUNT; cause++) {
		rises += after[cause] - before[cause];
		bench->counted[cause] += after[cause] - before[cause];
		code = after[cause] != before[cause] ? error_code_at(cause) : code;
	}
	if (rises != (mutation->silent ? 0 : 1) || (mutation->code != 0 && code != mutation->code))
		fail_msg("%d, %s: %d counts, the last one %d (%s)", number, mutation->name, (int)rises, code,
		         error_text(code));
}

static void send_one(const struct mutation *mutation, int number)
{
	static struct octets octets;
	const struct picture before = picture_now();
	uint32_t messages = bench->station.message_count;
	uint64_t counters[ERROR_COUNT];
	struct picture after;

	read_counters(counters);
	mutation->make(mutation->door, &octets);
	send_to(mutation, &octets);
	after = picture_now();
	if (!same_picture(&before, &after))
		fail_msg("%d, %s: something has changed", number, mutation->name);
	check_counters(mutation, number, counters);
	/* What it was answered with is lost on the way. */
	bench->station.message_count = messages;
}

static void nothing_changes_and_all_is_counted(void **state)
{
	printf("# seed %d\n", SEED);
	begin_round();
	end_round();
	for (int i = 0; i < MUTATIONS; i++) {
		if (i % ROUND == 0)
			begin_round();
		send_one(&mutations[random_below(&bench->random, ARRAY_SIZE(mutations))], i);
		if (i % ROUND == ROUND - 1)
			end_round();
	}
	for (unsigned cause = 0; cause < ERROR_COUNT; cause++)
		if (bench->counted[cause] > 0)
			printf("# %s: %llu\n", cause == 0 ? "OTHER" : error_name(error_code_at(cause)),
			       (unsigned long long)bench->counted[cause]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(nothing_changes_and_all_is_counted, set_up, tear_down),
	};

	return T_RUN(tests);
}
