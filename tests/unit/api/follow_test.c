/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that moved, at both front doors: the one where they are now, and the one that keeps their task. */
#include "tests/t.h"

#include "base/log.h"
#include "station.h"
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORK "demand d { service \"work\"; budget 1; }"
#define HOLD "demand d { service \"work\"; need cpu 1; bandwidth up 1 Mbit/s; reserve for 60 s; }"

static struct station *station;
static int demo, other; /* clients */

static int set_up(void **state)
{
	station = calloc(1, sizeof(*station));
	if (station == NULL)
		return -1;
	station_open(station);
	demo = station_client(station);
	other = station_client(station);
	return 0;
}

static int tear_down(void **state)
{
	struct ledger_check check;

	T_OK(ledger_check(station->ledger, &check));
	T_EQ(check.entries_sum, 0);
	close(demo);
	close(other);
	station_shut(station);
	free(station);
	return 0;
}

static struct identifier submit(void)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_RUN), reply;

	station_ask(station, demo, &request, WORK, &reply);
	T_EQ(reply.type, DATAGRAM_TASK);
	T_TRUE(gateway_equal(reply.task.anchor, station->identity));
	station_turn(station);
	return reply.task.task;
}

static struct identifier reserve(void)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_RESERVE), reply;
	uint8_t bytes[DATAGRAM_MAXIMUM];
	size_t size = station_encode(&request, HOLD, bytes);
	struct task_record record;

	T_EQ(send(demo, bytes, size, 0), size);
	while (task_read(station->tasks, &request.identifier, &record) < 0)
		(void)uv_run(&station->loop, UV_RUN_ONCE);
	task_record_clear(&record);
	station_turn(station);
	station_await(station, demo, &request.identifier, &reply);
	T_EQ(reply.type, DATAGRAM_TASK);
	T_EQ(reply.task.state, TASK_GRANTED);
	return request.identifier;
}

static struct datagram follow_request(uint32_t tenant, const struct identifier *task,
                                      struct gateway_identity anchor)
{
	struct datagram request;

	/* A client says one word at a time. */
	station->now += CLOCK_MILLISECOND;
	request = station_request(station, tenant, DATAGRAM_FOLLOW);
	request.follow.task = *task;
	request.follow.anchor = anchor;
	return request;
}

static struct answer_client address_of(int client)
{
	struct sockaddr_in6 address;
	socklen_t length = sizeof(address);
	struct answer_client found;

	T_EQ(getsockname(client, (struct sockaddr *)&address, &length), 0);
	memcpy(found.address, &address.sin6_addr, sizeof(found.address));
	found.port = ntohs(address.sin6_port);
	return found;
}

/* At the anchor. */

/* The word of a client at the neighbour. */
static struct answer word_of(uint32_t tenant, const struct identifier *task)
{
	struct answer word = {.type = ANSWER_FOLLOW, .program = *task, .sender = station_neighbour};

	station->now += CLOCK_MILLISECOND;
	word.follow =
	        (struct answer_follow){.client = {.address = {0xfd, 5}, .port = 4000},
	                               .key = station_tenants[tenant].key,
	                               .request = identifier_make(station_wall(station), &station->random),
	                               .sent = station_wall(station)};
	return word;
}

/* What the station said last to the neighbour, for the client that `word` is of. */
static struct datagram told(const struct answer *word)
{
	struct datagram reply;

	T_EQ(station->said.type, ANSWER_RELAY);
	T_TRUE(identifier_equal(&station->said.program, &word->program));
	T_BYTES(station->said.relay.client.address, word->follow.client.address, 16);
	T_EQ(station->said.relay.client.port, word->follow.client.port);
	T_OK(datagram_decode(station->said.relay.datagram, station->said.relay.size, front_secret,
	                     station->front, NULL, &reply, NULL));
	T_TRUE(reply.authentic);
	T_TRUE(identifier_equal(&reply.identifier, &word->follow.request));
	return reply;
}

static void a_result_follows(void **state)
{
	struct identifier task = submit();
	struct answer word = word_of(STATION_DEMO, &task);
	struct datagram reply;

	station->output_size = 100;
	front_answer(station->front, &word);
	T_EQ(station->said_count, 1);
	reply = told(&word);
	T_EQ(reply.type, DATAGRAM_TASK);
	T_TRUE(reply.task.state < TASK_DONE);
	T_TRUE(gateway_equal(reply.task.anchor, station->identity));
	station_settle(station);
	T_EQ(station->said_count, 2);
	reply = told(&word);
	T_EQ(reply.type, DATAGRAM_RESULT);
	T_EQ(reply.result.code, 0);
	/* Asked again it is told again, also when all is settled. */
	front_answer(station->front, &word);
	T_EQ(station->said_count, 3);
	T_EQ(told(&word).type, DATAGRAM_RESULT);
}

static void a_large_result_goes_first(void **state)
{
	struct answer word;
	struct datagram reply;
	struct identifier task;

	station->output_size = DATAGRAM_SLICE + 1;
	task = submit();
	word = word_of(STATION_DEMO, &task);
	front_answer(station->front, &word);
	station_settle(station);
	T_EQ(station->said_count, 1);
	T_EQ(station->carried_count, 1);
	T_TRUE(identifier_equal(&station->carried, &task));
	/* Once is enough, however often it is asked for. */
	front_answer(station->front, &word);
	T_EQ(station->carried_count, 1);
	front_carried(station->front, (struct gateway_identity){78, 1}, &task, 0);
	T_EQ(station->said_count, 1);
	front_carried(station->front, station_neighbour, &task, 0);
	T_EQ(station->said_count, 2);
	reply = told(&word);
	T_EQ(reply.type, DATAGRAM_RESULT);
	T_EQ(reply.result.size, DATAGRAM_SLICE + 1);
	T_EQ(reply.result.inline_size, 0);
	front_carried(station->front, station_neighbour, &task, 0);
	T_EQ(station->said_count, 2);
	/* What cannot be carried is said, and tried again when it is asked for again. */
	front_answer(station->front, &word);
	T_EQ(station->carried_count, 2);
	front_carried(station->front, station_neighbour, &task, BUSBAR_ERROR_NO_CAPACITY);
	reply = told(&word);
	T_EQ(reply.type, DATAGRAM_ERROR);
	T_ERROR(reply.error.code, BUSBAR_ERROR_NO_CAPACITY);
}

static void whose_it_is_not_gets_nothing(void **state)
{
	struct identifier task = submit(), unknown = task;
	struct answer word = word_of(STATION_OTHER, &task);
	struct datagram reply;

	front_answer(station->front, &word);
	reply = told(&word);
	T_EQ(reply.type, DATAGRAM_ERROR);
	T_ERROR(reply.error.code, BUSBAR_ERROR_NOT_FOUND);
	unknown.octets[15]++;
	word = word_of(STATION_DEMO, &unknown);
	front_answer(station->front, &word);
	T_ERROR(told(&word).error.code, BUSBAR_ERROR_NOT_FOUND);
	/* Nobody could check what is said to a key that is not known. */
	word = word_of(STATION_DEMO, &task);
	word.follow.key = 12345;
	front_answer(station->front, &word);
	T_EQ(station->said_count, 2);
	T_EQ(station_refused_as(station, BUSBAR_ERROR_UNKNOWN_TENANT), 1);
	station_settle(station);
	T_EQ(station->said_count, 2);
}

static void the_latest_word_holds(void **state)
{
	struct identifier task = submit();
	struct answer first = word_of(STATION_DEMO, &task), later = word_of(STATION_DEMO, &task), stolen;

	stolen = later;
	stolen.follow.client.address[15] = 1;
	front_answer(station->front, &later);
	T_EQ(told(&later).type, DATAGRAM_TASK);
	front_answer(station->front, &first);
	T_ERROR(told(&first).error.code, BUSBAR_ERROR_REPLAYED);
	front_answer(station->front, &stolen);
	T_ERROR(told(&stolen).error.code, BUSBAR_ERROR_REPLAYED);
	station_settle(station);
	T_EQ(told(&later).type, DATAGRAM_RESULT);
}

static void it_comes_back_to_its_anchor(void **state)
{
	struct identifier task = submit();
	struct answer word = word_of(STATION_DEMO, &task);
	struct datagram request, reply;

	station->output_size = 7;
	front_answer(station->front, &word);
	request = follow_request(STATION_DEMO, &task, station->identity);
	station_ask(station, demo, &request, NULL, &reply);
	T_EQ(reply.type, DATAGRAM_TASK);
	station_settle(station);
	station_await(station, demo, &request.identifier, &reply);
	T_EQ(reply.type, DATAGRAM_RESULT);
	T_EQ(station->said_count, 1);
	request = follow_request(STATION_OTHER, &task, station->identity);
	T_ERROR(station_ask_code(station, other, &request, NULL), BUSBAR_ERROR_NOT_FOUND);
}

static void a_reservation_that_cannot_move_stays(void **state)
{
	struct datagram request, reply;
	struct identifier task = reserve();
	struct answer word;

	/* The view has no such edge. */
	word = word_of(STATION_DEMO, &task);
	front_answer(station->front, &word);
	reply = told(&word);
	T_EQ(reply.type, DATAGRAM_ERROR);
	T_ERROR(reply.error.code, BUSBAR_ERROR_NOT_FOUND);
	request = follow_request(STATION_DEMO, &task, station->identity);
	station_ask(station, demo, &request, NULL, &reply);
	T_EQ(reply.type, DATAGRAM_TASK);
	T_EQ(reply.task.state, TASK_GRANTED);
	request = station_request(station, STATION_DEMO, DATAGRAM_CANCEL);
	request.ask.task = task;
	station_ask(station, demo, &request, NULL, &reply);
	T_EQ(reply.task.state, TASK_CANCELLED);
	station_settle(station);
}

/* At the new edge. */

static struct answer relay_of(int client, const struct datagram *request, struct datagram reply)
{
	struct answer relay = {.type = ANSWER_RELAY,
	                       .program = request->follow.task,
	                       .sender = station_neighbour};
	int size;

	reply.key = request->key;
	reply.identifier = request->identifier;
	reply.sent = station_wall(station);
	size = datagram_encode(&reply, NULL, front_secret(station->front, request->key), relay.relay.datagram,
	                       sizeof(relay.relay.datagram));
	T_OK(size);
	relay.relay.size = (uint32_t)size;
	relay.relay.client = address_of(client);
	return relay;
}

/* Sends, and waits until it was passed on. */
static void pass_on(int client, const struct datagram *request)
{
	uint8_t bytes[DATAGRAM_MAXIMUM];
	size_t size = station_encode(request, NULL, bytes);
	uint32_t before = station->said_count;

	T_EQ(send(client, bytes, size, 0), size);
	station_expect_said(station, before + 1);
	T_EQ(station->said.type, ANSWER_FOLLOW);
}

static void a_word_is_passed_on_and_the_reply_back(void **state)
{
	struct identifier task = identifier_make(station_wall(station), &station->random);
	struct datagram request = follow_request(STATION_DEMO, &task, station_neighbour), reply;
	struct answer_client here = address_of(demo);
	struct answer relay;

	for (int again = 0; again < 2; again++) {
		pass_on(demo, &request);
		T_TRUE(identifier_equal(&station->said.program, &task));
		T_TRUE(identifier_equal(&station->said.follow.request, &request.identifier));
		T_BYTES(station->said.follow.client.address, here.address, 16);
		T_EQ(station->said.follow.client.port, here.port);
		T_EQ(station->said.follow.key, request.key);
		T_EQ(station->said.follow.sent, request.sent);
		T_EQ(station->said.follow.access.up, CLOCK_MILLISECOND);
	}
	relay = relay_of(demo, &request,
	                 (struct datagram){.type = DATAGRAM_TASK, .task = {.task = task, .state = 2}});
	front_answer(station->front, &relay);
	station_await(station, demo, &request.identifier, &reply);
	T_EQ(reply.type, DATAGRAM_TASK);
	T_EQ(reply.task.state, 2);
	relay = relay_of(demo, &request, (struct datagram){.type = DATAGRAM_RESULT, .result.task = task});
	front_answer(station->front, &relay);
	station_await(station, demo, &request.identifier, &reply);
	T_EQ(reply.type, DATAGRAM_RESULT);
}

static void nothing_else_is_passed_back(void **state)
{
	struct identifier task = identifier_make(station_wall(station), &station->random);
	struct datagram request = follow_request(STATION_DEMO, &task, station_neighbour), never = request;
	const struct datagram reply = {.type = DATAGRAM_TASK, .task = {.task = task, .state = 2}};
	struct answer relay;
	uint8_t bytes[DATAGRAM_MAXIMUM];

	pass_on(demo, &request);
	relay = relay_of(demo, &request, reply);
	relay.sender.site++; /* not the anchor */
	front_answer(station->front, &relay);
	relay = relay_of(other, &request, reply); /* who did not ask */
	front_answer(station->front, &relay);
	never.identifier.octets[15]++; /* what nobody asked */
	relay = relay_of(demo, &never, reply);
	front_answer(station->front, &relay);
	T_EQ(station_refused_as(station, BUSBAR_ERROR_NOT_FOUND), 3);
	relay = relay_of(demo, &request, reply); /* broken */
	relay.relay.datagram[40] ^= 1;
	front_answer(station->front, &relay);
	T_EQ(station_refused_as(station, BUSBAR_ERROR_BAD_MAC), 1);
	relay = relay_of(demo, &request, reply); /* cut */
	relay.relay.size = 20;
	front_answer(station->front, &relay);
	T_EQ(station_refused(station), 5);
	T_TRUE(recv(demo, bytes, sizeof(bytes), MSG_DONTWAIT) < 0);
	T_TRUE(recv(other, bytes, sizeof(bytes), MSG_DONTWAIT) < 0);
}

static void a_request_is_not_passed_back_as_a_reply(void **state)
{
	struct identifier task = identifier_make(station_wall(station), &station->random);
	struct datagram request = follow_request(STATION_DEMO, &task, station_neighbour);
	struct answer relay;

	pass_on(demo, &request);
	relay = relay_of(demo, &request, request);
	front_answer(station->front, &relay);
	T_EQ(station_refused_as(station, BUSBAR_ERROR_MALFORMED), 1);
}

static void an_unknown_anchor_is_not_found(void **state)
{
	struct identifier task = submit();
	struct datagram request = follow_request(STATION_DEMO, &task, (struct gateway_identity){99, 1});

	T_ERROR(station_ask_code(station, demo, &request, NULL), BUSBAR_ERROR_NOT_FOUND);
	T_EQ(station->said_count, 0);
	station_settle(station);
}

static void followers_are_bounded_and_forgotten(void **state)
{
	struct identifier task = identifier_make(station_wall(station), &station->random);
	struct datagram request;

	for (uint32_t i = 0; i < FRONT_FOLLOWERS; i++) {
		request = follow_request(STATION_DEMO, &task, station_neighbour);
		pass_on(demo, &request);
	}
	request = follow_request(STATION_DEMO, &task, station_neighbour);
	T_ERROR(station_ask_code(station, demo, &request, NULL), BUSBAR_ERROR_TABLE_FULL);
	/* Those that have gone away make room. */
	station->now += 61 * CLOCK_SECOND;
	request = follow_request(STATION_DEMO, &task, station_neighbour);
	pass_on(demo, &request);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        CASE(a_result_follows),
	        CASE(a_large_result_goes_first),
	        CASE(whose_it_is_not_gets_nothing),
	        CASE(the_latest_word_holds),
	        CASE(it_comes_back_to_its_anchor),
	        CASE(a_reservation_that_cannot_move_stays),
	        CASE(a_word_is_passed_on_and_the_reply_back),
	        CASE(nothing_else_is_passed_back),
	        CASE(a_request_is_not_passed_back_as_a_reply),
	        CASE(an_unknown_anchor_is_not_found),
	        CASE(followers_are_bounded_and_forgotten),
	};

	log_set_level(LOG_ERROR);
	return T_RUN(tests);
}
