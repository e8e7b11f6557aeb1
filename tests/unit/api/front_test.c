/* SPDX-License-Identifier: Apache-2.0 */
/* The front door over ::1: what it answers, what it refuses and counts, and what it never does. */
#include "tests/t.h"

#include "station.h"
#include <jansson.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORK "demand d { service \"work\"; budget 1; }"

enum { FLIPS = 1000, HEADER = 34, BUFFER = 4096 };

static struct station *station;
static int demo, other, chief; /* clients */

static int set_up(void **state)
{
	station = calloc(1, sizeof(*station));
	if (station == NULL)
		return -1;
	station_open(station);
	demo = station_client(station);
	other = station_client(station);
	chief = station_client(station);
	return 0;
}

static int tear_down(void **state)
{
	struct ledger_check check;

	T_OK(ledger_check(station->ledger, &check));
	T_EQ(check.entries_sum, 0);
	close(demo);
	close(other);
	close(chief);
	station_shut(station);
	free(station);
	return 0;
}

static struct datagram document_request(uint32_t tenant, enum datagram_document document,
                                        const struct identifier *task, uint64_t offset)
{
	struct datagram request = station_request(station, tenant, DATAGRAM_DOCUMENT);

	request.ask.document = document;
	request.ask.offset = offset;
	if (task != NULL)
		request.ask.task = *task;
	return request;
}

static struct datagram task_request(uint32_t tenant, enum datagram_type type, const struct identifier *task)
{
	struct datagram request = station_request(station, tenant, type);

	request.ask.task = *task;
	request.ask.part = type == DATAGRAM_OUTPUT ? 1 : 0;
	return request;
}

/* What the ledger and the journal hold, as a number that any entry changes. */
static uint64_t count_entries(void)
{
	struct identifier tasks[8];
	struct ledger_check check;
	int count = task_list(station->tasks, NULL, tasks, ARRAY_SIZE(tasks));

	T_OK(ledger_check(station->ledger, &check));
	T_OK(count);
	return check.entries * 1000 + check.transactions * 10 + (uint64_t)count;
}

/* Takes the slice after `text`'s `have` octets out of a reply. */
static size_t append_slice(const struct datagram *reply, char *text, size_t capacity, size_t have)
{
	T_EQ(reply->type, DATAGRAM_SLICE_OF);
	T_EQ(reply->slice.offset, have);
	T_TRUE(reply->slice.total < capacity);
	memcpy(text + have, reply->slice.bytes, reply->slice.size);
	text[have + reply->slice.size] = '\0';
	return have + reply->slice.size;
}

/* A whole document, whose first slice is in `reply`. */
static json_t *read_rest(uint32_t tenant, int client, enum datagram_document document,
                         const struct identifier *about, struct datagram *reply)
{
	static char text[65536];
	size_t have = append_slice(reply, text, sizeof(text), 0);
	uint64_t total = reply->slice.total;
	json_t *object;

	while (have < total) {
		struct datagram request = document_request(tenant, document, about, have);

		T_EQ(reply->slice.size, DATAGRAM_SLICE);
		station_ask(station, client, &request, NULL, reply);
		T_EQ(reply->slice.total, total);
		have = append_slice(reply, text, sizeof(text), have);
	}
	object = json_loads(text, 0, NULL);
	T_TRUE(json_is_object(object));
	return object;
}

static json_t *read_document(uint32_t tenant, int client, enum datagram_document document,
                             const struct identifier *task)
{
	struct datagram request = document_request(tenant, document, task, 0), reply;

	station_ask(station, client, &request, NULL, &reply);
	return read_rest(tenant, client, document, task, &reply);
}

static struct identifier submit(void)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_RUN), reply;

	station_ask(station, demo, &request, WORK, &reply);
	T_EQ(reply.type, DATAGRAM_TASK);
	T_TRUE(identifier_equal(&reply.task.task, &request.identifier));
	return reply.task.task;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	T_TRUE(text != NULL);
	return text;
}

static void a_quote_changes_nothing(void **state)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_QUOTE), reply;
	uint64_t before = count_entries();
	json_t *quote, *part;

	station_ask(station, demo, &request, WORK, &reply);
	quote = read_rest(STATION_DEMO, demo, DOCUMENT_QUOTE, &request.identifier, &reply);
	T_TRUE(json_is_null(json_object_get(quote, "error")));
	part = json_array_get(json_object_get(quote, "parts"), 0);
	T_TEXT(text_of(part, "site"), "edge");
	T_TRUE(strcmp(text_of(quote, "hold"), "0") != 0);
	json_decref(quote);
	T_EQ(count_entries(), before);
	T_EQ(station->message_count, 0);
}

static void a_quote_says_why_not(void **state)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_QUOTE), reply;
	json_t *quote, *error;

	station_ask(station, demo, &request, "demand d { service \"nothing\"; }", &reply);
	quote = read_rest(STATION_DEMO, demo, DOCUMENT_QUOTE, &request.identifier, &reply);
	error = json_object_get(quote, "error");
	T_EQ(json_integer_value(json_object_get(error, "code")), BUSBAR_ERROR_UNKNOWN_SERVICE);
	T_TEXT(text_of(error, "name"), "UNKNOWN_SERVICE");
	json_decref(quote);
}

static void a_run_is_served_and_its_output_read_in_slices(void **state)
{
	struct datagram request, reply;
	struct identifier task;
	size_t have = 0;

	station->output_size = 3000;
	task = submit();
	station_settle(station);
	while (have < 3000) {
		request = task_request(STATION_DEMO, DATAGRAM_OUTPUT, &task);
		request.ask.offset = have;
		station_ask(station, demo, &request, NULL, &reply);
		T_EQ(reply.type, DATAGRAM_SLICE_OF);
		T_EQ(reply.slice.total, 3000);
		T_EQ(reply.slice.offset, have);
		T_TRUE(reply.slice.size > 0);
		for (size_t i = 0; i < reply.slice.size; i++)
			T_EQ(reply.slice.bytes[i], (uint8_t)((have + i) * 7 + (have + i) / 256));
		have += reply.slice.size;
	}
	request.identifier = identifier_make(station_wall(station), &station->random);
	request.ask.offset = 5000; /* past the end there is nothing */
	station_ask(station, demo, &request, NULL, &reply);
	T_EQ(reply.slice.size, 0);
	for (uint32_t part = 0; part <= 2; part += 2) {
		request = task_request(STATION_DEMO, DATAGRAM_OUTPUT, &task);
		request.ask.part = part;
		T_ERROR(station_ask_code(station, demo, &request, NULL), BUSBAR_ERROR_NOT_FOUND);
	}
}

static void a_call_waits_for_its_result(void **state)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_CALL), reply;
	uint8_t bytes[DATAGRAM_MAXIMUM];
	size_t size = station_encode(&request, WORK, bytes);

	station_ask_octets(station, demo, bytes, size, &reply);
	T_EQ(reply.type, DATAGRAM_TASK);
	station_turn(station);
	station_settle(station);
	station_await(station, demo, &request.identifier, &reply);
	T_EQ(reply.type, DATAGRAM_RESULT);
	T_EQ(reply.result.code, 0);
	T_EQ(reply.result.size, 100);
	T_EQ(reply.result.inline_size, 100);
	T_TRUE(identifier_equal(&reply.result.task, &request.identifier));
	T_EQ(reply.result.output[99], (uint8_t)(99 * 7));
	/* The reply may have been lost: the same octets bring it again, and nothing else happens. */
	station_ask_octets(station, demo, bytes, size, &reply);
	T_EQ(reply.type, DATAGRAM_RESULT);
	T_EQ(reply.result.inline_size, 100);
	T_EQ(station->message_count, 0);
	T_EQ(station_refused(station), 0);
}

static void a_large_result_is_named_by_its_digest(void **state)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_CALL), reply;
	uint8_t zero[32] = {0};

	station->output_size = DATAGRAM_SLICE + 1;
	station_ask(station, demo, &request, WORK, &reply);
	station_settle(station);
	station_await(station, demo, &request.identifier, &reply);
	T_EQ(reply.type, DATAGRAM_RESULT);
	T_EQ(reply.result.size, DATAGRAM_SLICE + 1);
	T_EQ(reply.result.inline_size, 0);
	T_TRUE(memcmp(reply.result.digest, zero, 32) != 0);
	T_TRUE(store_has(station->store, reply.result.digest));
}

static void a_call_hears_of_failure(void **state)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_CALL), reply;

	station->run_error = BUSBAR_ERROR_EXECUTION;
	station_ask(station, demo, &request, WORK, &reply);
	T_EQ(reply.type, DATAGRAM_TASK);
	station_settle(station);
	station_await(station, demo, &request.identifier, &reply);
	T_EQ(reply.type, DATAGRAM_RESULT);
	T_ERROR(reply.result.code, BUSBAR_ERROR_EXECUTION);
	T_EQ(reply.result.inline_size, 0);
}

static void what_is_cancelled_ends_for_who_waits(void **state)
{
	struct datagram call = station_request(station, STATION_DEMO, DATAGRAM_CALL), request, reply;

	station_ask(station, demo, &call, WORK, &reply);
	station_turn(station);
	T_EQ(station->run_count, 1);
	request = task_request(STATION_DEMO, DATAGRAM_CANCEL, &call.identifier);
	station_ask(station, demo, &request, NULL, &reply);
	T_EQ(reply.type, DATAGRAM_TASK);
	T_EQ(reply.task.state, TASK_CANCELLED);
	station_ask(station, demo, &call, WORK, &reply);
	T_EQ(reply.type, DATAGRAM_RESULT);
	T_ERROR(reply.result.code, BUSBAR_ERROR_CANCELLED);
	station_settle(station);
	/* Cancelled twice is cancelled. */
	request = task_request(STATION_DEMO, DATAGRAM_CANCEL, &call.identifier);
	station_ask(station, demo, &request, NULL, &reply);
	T_EQ(reply.type, DATAGRAM_TASK);
	T_TRUE(reply.task.state >= TASK_CANCELLED);
}

/* The unauthenticated refusal of `code` that strangers get. */
static void check_refused_plainly(int client, const uint8_t *bytes, size_t size, int code)
{
	uint64_t counted = station_refused_as(station, code);
	uint8_t reply[BUFFER];
	size_t got;
	uint32_t echoed;

	T_EQ(send(client, bytes, size, 0), size);
	got = station_hear(station, client, reply, sizeof(reply));
	T_TRUE(got > HEADER && got <= size);
	T_EQ(reply[5], DATAGRAM_ERROR);
	memcpy(&echoed, bytes + 6, sizeof(echoed));
	T_BYTES(reply + 6, &echoed, 4);      /* key */
	T_BYTES(reply + 10, bytes + 10, 16); /* identifier */
	T_TRUE(got < HEADER + SEAL_MAC);     /* no MAC: no oracle */
	T_EQ((int32_t)((uint32_t)reply[34] << 24 | (uint32_t)reply[35] << 16 | (uint32_t)reply[36] << 8 |
	               reply[37]),
	     code);
	station_expect_refused(station, code, counted + 1);
}

static void strangers_learn_nothing(void **state)
{
	struct datagram request = station_request(station, STATION_STRANGER, DATAGRAM_RUN);
	uint8_t bytes[DATAGRAM_MAXIMUM];
	size_t size = station_encode(&request, WORK, bytes);
	uint64_t before = count_entries();

	check_refused_plainly(demo, bytes, size, BUSBAR_ERROR_UNKNOWN_TENANT);
	request = station_request(station, STATION_DEMO, DATAGRAM_RUN);
	size = station_encode(&request, WORK, bytes);
	bytes[size - 1] ^= 1;
	check_refused_plainly(demo, bytes, size, BUSBAR_ERROR_BAD_MAC);
	T_EQ(count_entries(), before);
	/* The forgery has not used up the identifier. */
	bytes[size - 1] ^= 1;
	station_ask_octets(station, demo, bytes, size, &request);
	T_EQ(request.type, DATAGRAM_TASK);
}

static void small_strangers_get_no_answer(void **state)
{
	struct datagram request = station_request(station, STATION_STRANGER, DATAGRAM_CANCEL);
	uint8_t bytes[DATAGRAM_MAXIMUM], reply[BUFFER];

	(void)station_encode(&request, NULL, bytes);
	for (size_t size = 0; size <= HEADER; size++)
		T_EQ(station_tell(station, demo, bytes, size, reply, sizeof(reply)), 0);
	station_expect_refused(station, BUSBAR_ERROR_TRUNCATED, HEADER);
	station_expect_refused(station, BUSBAR_ERROR_UNKNOWN_TENANT, 1);
}

static void identifiers_are_used_once(void **state)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_RUN), reply;
	uint8_t bytes[DATAGRAM_MAXIMUM];
	size_t size = station_encode(&request, WORK, bytes);
	uint64_t after;

	station_ask_octets(station, demo, bytes, size, &reply);
	T_EQ(reply.type, DATAGRAM_TASK);
	after = count_entries();
	/* The same octets: the same answer. */
	station_ask_octets(station, demo, bytes, size, &reply);
	T_EQ(reply.type, DATAGRAM_TASK);
	T_TRUE(identifier_equal(&reply.task.task, &request.identifier));
	/* From elsewhere, or with anything changed, they are a replay. */
	station_ask_octets(station, other, bytes, size, &reply);
	T_EQ(reply.type, DATAGRAM_ERROR);
	T_ERROR(reply.error.code, BUSBAR_ERROR_REPLAYED);
	T_ERROR(station_ask_code(station, demo, &request, "demand d { service \"work\"; budget 2; }"),
	        BUSBAR_ERROR_REPLAYED);
	request.sent++;
	T_ERROR(station_ask_code(station, demo, &request, WORK), BUSBAR_ERROR_REPLAYED);
	request.type = DATAGRAM_QUOTE;
	T_ERROR(station_ask_code(station, demo, &request, WORK), BUSBAR_ERROR_REPLAYED);
	station_expect_refused(station, BUSBAR_ERROR_REPLAYED, 4);
	T_EQ(count_entries(), after);
}

static void a_name_stays_its_owners_after_the_window(void **state)
{
	struct datagram request, reply;
	struct identifier task = submit();

	station->now += 61 * CLOCK_SECOND;
	request = station_request(station, STATION_OTHER, DATAGRAM_RUN);
	request.identifier = task;
	T_ERROR(station_ask_code(station, other, &request, WORK), BUSBAR_ERROR_REPLAYED);
	/* Its owner is told how it stands. */
	station->now += 61 * CLOCK_SECOND;
	request = station_request(station, STATION_DEMO, DATAGRAM_RUN);
	request.identifier = task;
	station_ask(station, demo, &request, WORK, &reply);
	T_EQ(reply.type, DATAGRAM_TASK);
}

static void old_and_future_requests_have_expired(void **state)
{
	static const struct {
		int64_t sent, made;
		int code;
	} cases[] = {
	        {-30 * CLOCK_SECOND, -30 * CLOCK_SECOND, 0},
	        {-30 * CLOCK_SECOND - 1, 0, BUSBAR_ERROR_EXPIRED},
	        {30 * CLOCK_SECOND, 0, 0},
	        {30 * CLOCK_SECOND + 1, 0, BUSBAR_ERROR_EXPIRED},
	        {-3600 * CLOCK_SECOND, -3600 * CLOCK_SECOND, BUSBAR_ERROR_EXPIRED},
	        {0, 30 * CLOCK_SECOND, 0},
	        {0, 30 * CLOCK_SECOND + CLOCK_MILLISECOND, BUSBAR_ERROR_EXPIRED},
	        {INT64_MAX, 0, BUSBAR_ERROR_EXPIRED},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_QUOTE), reply;
		int64_t now = station_wall(station);

		request.sent = cases[i].sent == INT64_MAX ? INT64_MAX : now + cases[i].sent;
		request.identifier = identifier_make(now + cases[i].made, &station->random);
		station_ask(station, demo, &request, WORK, &reply);
		T_EQ(reply.type, cases[i].code == 0 ? DATAGRAM_SLICE_OF : DATAGRAM_ERROR);
		if (cases[i].code != 0)
			T_ERROR(reply.error.code, cases[i].code);
	}
	station_expect_refused(station, BUSBAR_ERROR_EXPIRED, 5);
}

static void demands_are_refused_with_their_cause(void **state)
{
	static const struct {
		uint32_t tenant;
		const char *demand;
		int code;
	} cases[] = {
	        {STATION_DEMO, "demand d { service \"nothing\"; }", BUSBAR_ERROR_UNKNOWN_SERVICE},
	        {STATION_DEMO, "demand d { service \"work\"; budget 0.000001; }", BUSBAR_ERROR_BUDGET},
	        {STATION_DEMO, "demand d { service \"work\"; need cpu 64; }", BUSBAR_ERROR_INFEASIBLE},
	        {STATION_DEMO, "demand d { service \"work\"; region \"south\"; }", BUSBAR_ERROR_INFEASIBLE},
	        {STATION_OTHER, WORK, BUSBAR_ERROR_NO_FUNDS},
	};
	uint64_t before = count_entries();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct datagram request = station_request(station, cases[i].tenant, DATAGRAM_RUN);

		T_ERROR(station_ask_code(station, demo, &request, cases[i].demand), cases[i].code);
		request = station_request(station, cases[i].tenant, DATAGRAM_CALL);
		T_ERROR(station_ask_code(station, demo, &request, cases[i].demand), cases[i].code);
	}
	station_expect_refused(station, BUSBAR_ERROR_INFEASIBLE, 4);
	T_EQ(count_entries(), before);
}

static void others_tasks_do_not_exist(void **state)
{
	struct identifier task = submit();
	struct datagram request;

	request = document_request(STATION_OTHER, DOCUMENT_TASK, &task, 0);
	T_ERROR(station_ask_code(station, other, &request, NULL), BUSBAR_ERROR_NOT_FOUND);
	request = document_request(STATION_OTHER, DOCUMENT_PROGRAM, &task, 0);
	T_ERROR(station_ask_code(station, other, &request, NULL), BUSBAR_ERROR_NOT_FOUND);
	request = task_request(STATION_OTHER, DATAGRAM_CANCEL, &task);
	T_ERROR(station_ask_code(station, other, &request, NULL), BUSBAR_ERROR_NOT_FOUND);
	request = task_request(STATION_OTHER, DATAGRAM_RUN, &task);
	request.identifier = task;
	T_ERROR(station_ask_code(station, other, &request, WORK), BUSBAR_ERROR_REPLAYED);
	station_settle(station);
	request = task_request(STATION_OTHER, DATAGRAM_OUTPUT, &task);
	T_ERROR(station_ask_code(station, other, &request, NULL), BUSBAR_ERROR_NOT_FOUND);
	json_decref(read_document(STATION_DEMO, demo, DOCUMENT_TASK, &task));
	json_decref(read_document(STATION_CHIEF, chief, DOCUMENT_TASK, &task));
}

static void an_operator_may_cancel(void **state)
{
	struct identifier task = submit();
	struct datagram request = task_request(STATION_CHIEF, DATAGRAM_CANCEL, &task), reply;

	station_ask(station, chief, &request, NULL, &reply);
	T_EQ(reply.type, DATAGRAM_TASK);
	T_EQ(reply.task.state, TASK_CANCELLED);
	station_settle(station);
}

static void operators_documents_are_for_operators(void **state)
{
	static const enum datagram_document documents[] = {DOCUMENT_LEDGER, DOCUMENT_STATUS};

	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		struct datagram request = document_request(STATION_DEMO, documents[i], NULL, 0);
		json_t *object;

		T_ERROR(station_ask_code(station, demo, &request, NULL), BUSBAR_ERROR_REFUSED);
		object = read_document(STATION_CHIEF, chief, documents[i], NULL);
		T_TEXT(text_of(object, "node"), "edge");
		json_decref(object);
		/* What the operator reads is not kept for others. */
		request = document_request(STATION_DEMO, documents[i], NULL, 1);
		T_ERROR(station_ask_code(station, demo, &request, NULL), BUSBAR_ERROR_NOT_FOUND);
	}
	station_expect_refused(station, BUSBAR_ERROR_REFUSED, 2);
}

static void unknown_things_are_not_found(void **state)
{
	struct identifier nothing = {{1}};
	struct datagram request = document_request(STATION_DEMO, DOCUMENT_TASK, &nothing, 0);

	T_ERROR(station_ask_code(station, demo, &request, NULL), BUSBAR_ERROR_NOT_FOUND);
	request = document_request(STATION_DEMO, DOCUMENT_QUOTE, &nothing, 0);
	T_ERROR(station_ask_code(station, demo, &request, NULL), BUSBAR_ERROR_NOT_FOUND);
	request = task_request(STATION_DEMO, DATAGRAM_CANCEL, &nothing);
	T_ERROR(station_ask_code(station, demo, &request, NULL), BUSBAR_ERROR_NOT_FOUND);
	request = task_request(STATION_DEMO, DATAGRAM_OUTPUT, &nothing);
	T_ERROR(station_ask_code(station, demo, &request, NULL), BUSBAR_ERROR_NOT_FOUND);
}

/* Between two slices of one reader, another reads the same document, and the view has changed meanwhile. */
static void slices_fit_together(void **state)
{
	static char text[65536];
	struct datagram first = document_request(STATION_DEMO, DOCUMENT_VIEW, NULL, 0), request, reply;
	uint8_t bytes[DATAGRAM_MAXIMUM];
	size_t size = station_encode(&first, NULL, bytes), have;
	uint64_t total;
	json_t *view;

	for (uint32_t i = 0; i < 20; i++)
		station_add_site(station, i);
	station_ask_octets(station, demo, bytes, size, &reply);
	total = reply.slice.total;
	T_TRUE(total > 3 * DATAGRAM_SLICE);
	have = append_slice(&reply, text, sizeof(text), 0);
	for (uint32_t more = 20; have < total; more++) {
		station_add_site(station, more);
		station->now += CLOCK_MILLISECOND;
		/* A repetition of the first request that was late. */
		station_ask_octets(station, demo, bytes, size, &reply);
		T_EQ(reply.slice.total, total);
		T_BYTES(reply.slice.bytes, text, reply.slice.size);
		view = read_document(STATION_DEMO, other, DOCUMENT_VIEW, NULL);
		T_EQ(json_array_size(json_object_get(view, "sites")), more + 2);
		json_decref(view);
		request = document_request(STATION_DEMO, DOCUMENT_VIEW, NULL, have);
		station_ask(station, demo, &request, NULL, &reply);
		T_EQ(reply.slice.total, total);
		have = append_slice(&reply, text, sizeof(text), have);
	}
	view = json_loads(text, 0, NULL);
	T_EQ(json_array_size(json_object_get(view, "sites")), 21);
	json_decref(view);
}

static void what_was_rendered_is_kept_for_a_while(void **state)
{
	struct datagram request, reply;
	uint64_t total;

	request = document_request(STATION_DEMO, DOCUMENT_VIEW, NULL, 1);
	T_ERROR(station_ask_code(station, demo, &request, NULL), BUSBAR_ERROR_NOT_FOUND);
	request = document_request(STATION_DEMO, DOCUMENT_VIEW, NULL, 0);
	station_ask(station, demo, &request, NULL, &reply);
	total = reply.slice.total;
	station->now += 20 * CLOCK_SECOND;
	request = document_request(STATION_DEMO, DOCUMENT_VIEW, NULL, total);
	station_ask(station, demo, &request, NULL, &reply);
	T_EQ(reply.slice.size, 0);
	request = document_request(STATION_DEMO, DOCUMENT_VIEW, NULL, total + 1);
	T_ERROR(station_ask_code(station, demo, &request, NULL), BUSBAR_ERROR_BAD_VALUE);
	station->now++;
	request = document_request(STATION_DEMO, DOCUMENT_VIEW, NULL, 1);
	T_ERROR(station_ask_code(station, demo, &request, NULL), BUSBAR_ERROR_NOT_FOUND);
}

/* More documents than are kept: the oldest go. */
static void kept_documents_are_bounded(void **state)
{
	struct datagram first = station_request(station, STATION_DEMO, DATAGRAM_QUOTE), last, request, reply;

	station_ask(station, demo, &first, WORK, &reply);
	for (int i = 0; i < FRONT_DOCUMENTS; i++) {
		station->now++;
		last = station_request(station, STATION_DEMO, DATAGRAM_QUOTE);
		station_ask(station, demo, &last, WORK, &reply);
		T_EQ(reply.type, DATAGRAM_SLICE_OF);
	}
	request = document_request(STATION_DEMO, DOCUMENT_QUOTE, &last.identifier, 1);
	station_ask(station, demo, &request, NULL, &reply);
	T_EQ(reply.type, DATAGRAM_SLICE_OF);
	request = document_request(STATION_DEMO, DOCUMENT_QUOTE, &first.identifier, 1);
	T_ERROR(station_ask_code(station, demo, &request, NULL), BUSBAR_ERROR_NOT_FOUND);
}

static void oversize_is_counted(void **state)
{
	uint8_t bytes[3000] = {'B', 'u', 's', 'b', 1, DATAGRAM_RUN}, reply[BUFFER];

	/* More than a buffer holds is not looked at; less is told, without a MAC. */
	T_EQ(station_tell(station, demo, bytes, sizeof(bytes), reply, sizeof(reply)), 0);
	station_expect_refused(station, BUSBAR_ERROR_TOO_LARGE, 1);
	check_refused_plainly(demo, bytes, DATAGRAM_MAXIMUM + 1, BUSBAR_ERROR_TOO_LARGE);
}

/* Two gateways must not answer each other for ever, though both know the tenant. */
static void replies_are_never_answered(void **state)
{
	static const enum datagram_type types[] = {DATAGRAM_ERROR, DATAGRAM_TASK, DATAGRAM_RESULT,
	                                           DATAGRAM_SLICE_OF};
	uint8_t bytes[DATAGRAM_MAXIMUM], reply[BUFFER];

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct datagram sent = station_request(station, STATION_DEMO, types[i]);
		size_t size = station_encode(&sent, NULL, bytes);

		T_EQ(station_tell(station, demo, bytes, size, reply, sizeof(reply)), 0);
		bytes[size - 1] ^= 1;
		T_EQ(station_tell(station, demo, bytes, size, reply, sizeof(reply)), 0);
	}
	station_expect_refused(station, BUSBAR_ERROR_MALFORMED, 2 * ARRAY_SIZE(types));
}

/* Bodies that are broken behind a right MAC: a tenant is told as a tenant. */
static void tenants_hear_of_broken_bodies(void **state)
{
	struct datagram request = document_request(STATION_DEMO, DOCUMENT_VIEW, NULL, 0), reply;
	uint8_t bytes[DATAGRAM_MAXIMUM], answer[BUFFER];
	size_t size = station_encode(&request, NULL, bytes);

	for (size_t body = HEADER; body < size - SEAL_MAC; body++) {
		const struct seal_bytes part = {bytes, body};
		uint8_t copy[DATAGRAM_MAXIMUM];
		size_t got;

		memcpy(copy, bytes, body);
		T_OK(seal_mac(station_tenants[STATION_DEMO].secret, &part, 1, copy + body));
		T_EQ(send(demo, copy, body + SEAL_MAC, 0), body + SEAL_MAC);
		got = station_hear(station, demo, answer, sizeof(answer));
		T_OK(datagram_decode(answer, got, front_secret, station->front, NULL, &reply, NULL));
		T_TRUE(reply.authentic);
		T_ERROR(reply.error.code, BUSBAR_ERROR_TRUNCATED);
	}
	station_expect_refused(station, BUSBAR_ERROR_TRUNCATED, size - SEAL_MAC - HEADER);
}

static void no_octets_but_the_tenants_own_change_anything(void **state)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_RUN), reply;
	uint8_t bytes[DATAGRAM_MAXIMUM], answer[BUFFER];
	size_t size = station_encode(&request, WORK, bytes);
	uint64_t before = count_entries();
	struct random random;

	random_seed(&random, 77);
	for (size_t shorter = 0; shorter < size; shorter++)
		T_TRUE(station_tell(station, other, bytes, shorter, answer, sizeof(answer)) <= shorter);
	bytes[size] = 0;
	T_TRUE(station_tell(station, other, bytes, size + 1, answer, sizeof(answer)) <= size + 1);
	for (int i = 0; i < FLIPS; i++) {
		size_t bit = (size_t)random_below(&random, 8 * size);

		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		T_TRUE(station_tell(station, other, bytes, size, answer, sizeof(answer)) <= size);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	station_expect_refused(station, 0, size + 1 + FLIPS);
	T_EQ(count_entries(), before);
	T_EQ(station->message_count, 0);
	/* After all that the request itself is as good as new. */
	station_ask_octets(station, demo, bytes, size, &reply);
	T_EQ(reply.type, DATAGRAM_TASK);
	station_settle(station);
}

static void a_gateway_without_accounts_says_so(void **state)
{
	struct identifier task = {{1}};
	struct datagram request, reply;
	json_t *view;

	station->source.tasks = NULL;
	station->source.ledger = NULL;
	request = station_request(station, STATION_DEMO, DATAGRAM_QUOTE);
	T_ERROR(station_ask_code(station, demo, &request, WORK), BUSBAR_ERROR_NOT_SUPPORTED);
	request = station_request(station, STATION_DEMO, DATAGRAM_RUN);
	T_ERROR(station_ask_code(station, demo, &request, WORK), BUSBAR_ERROR_NOT_SUPPORTED);
	request = task_request(STATION_DEMO, DATAGRAM_CANCEL, &task);
	T_ERROR(station_ask_code(station, demo, &request, NULL), BUSBAR_ERROR_NOT_SUPPORTED);
	request = task_request(STATION_DEMO, DATAGRAM_OUTPUT, &task);
	T_ERROR(station_ask_code(station, demo, &request, NULL), BUSBAR_ERROR_NOT_SUPPORTED);
	request = document_request(STATION_DEMO, DOCUMENT_BILL, NULL, 0);
	T_ERROR(station_ask_code(station, demo, &request, NULL), BUSBAR_ERROR_NOT_SUPPORTED);
	request = document_request(STATION_DEMO, DOCUMENT_VIEW, NULL, 0);
	station_ask(station, demo, &request, NULL, &reply);
	view = read_rest(STATION_DEMO, demo, DOCUMENT_VIEW, NULL, &reply);
	json_decref(view);
}

static void places_are_bounded(void **state)
{
	const struct front_listen foreign = {.address = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};
	struct front_listen listen = {.port = 0};

	memcpy(listen.address, in6addr_loopback.s6_addr, sizeof(listen.address));
	T_TRUE(front_listen(station->front, &foreign) < 0);
	for (int i = 2; i < FRONT_PLACES; i++)
		T_OK(front_listen(station->front, &listen));
	T_ERROR(front_listen(station->front, &listen), BUSBAR_ERROR_TABLE_FULL);
}

static void secrets_are_found_by_number(void **state)
{
	T_BYTES(front_secret(station->front, station_tenants[STATION_OTHER].key),
	        station_tenants[STATION_OTHER].secret, SEAL_SECRET);
	T_TRUE(front_secret(station->front, 12345) == NULL);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        CASE(a_quote_changes_nothing),
	        CASE(a_quote_says_why_not),
	        CASE(a_run_is_served_and_its_output_read_in_slices),
	        CASE(a_call_waits_for_its_result),
	        CASE(a_large_result_is_named_by_its_digest),
	        CASE(a_call_hears_of_failure),
	        CASE(what_is_cancelled_ends_for_who_waits),
	        CASE(strangers_learn_nothing),
	        CASE(small_strangers_get_no_answer),
	        CASE(identifiers_are_used_once),
	        CASE(a_name_stays_its_owners_after_the_window),
	        CASE(old_and_future_requests_have_expired),
	        CASE(demands_are_refused_with_their_cause),
	        CASE(others_tasks_do_not_exist),
	        CASE(an_operator_may_cancel),
	        CASE(operators_documents_are_for_operators),
	        CASE(unknown_things_are_not_found),
	        CASE(slices_fit_together),
	        CASE(what_was_rendered_is_kept_for_a_while),
	        CASE(kept_documents_are_bounded),
	        CASE(oversize_is_counted),
	        CASE(replies_are_never_answered),
	        CASE(tenants_hear_of_broken_bodies),
	        CASE(no_octets_but_the_tenants_own_change_anything),
	        CASE(a_gateway_without_accounts_says_so),
	        CASE(places_are_bounded),
	        CASE(secrets_are_found_by_number),
	};

	return T_RUN(tests);
}
