/* SPDX-License-Identifier: Apache-2.0 */
/* An edge that does not map, and a controller: the front door as the one and as the other. */
#include "tests/t.h"

#include "base/log.h"
#include "station.h"
#include <arpa/inet.h>
#include <unistd.h>

#define WORK "demand d { service \"work\"; budget 1; }"

static struct station *station;
static int demo;

static int set_up(struct gateway_identity controller)
{
	station = calloc(1, sizeof(*station));
	if (station == NULL)
		return -1;
	station->controller = controller;
	station->controls = gateway_is_none(controller);
	station_open(station);
	demo = station_client(station);
	return 0;
}

static int set_up_controller(void **state)
{
	return set_up((struct gateway_identity){0});
}

static int set_up_edge(void **state)
{
	return set_up(station_neighbour);
}

static int tear_down(void **state)
{
	close(demo);
	station_shut(station);
	free(station);
	return 0;
}

/* At the controller. */

/* What an edge passes on for a client there. */
static struct answer ask_of(const struct datagram *request, const char *demand)
{
	struct answer answer = {.type = ANSWER_ASK,
	                        .program = request->identifier,
	                        .sender = station_neighbour};

	answer.ask.client = (struct answer_client){{0xfd, 5}, 4000};
	answer.ask.access = (struct answer_access){.up = CLOCK_MILLISECOND, .down = CLOCK_MILLISECOND};
	answer.ask.size = (uint32_t)station_encode(request, demand, answer.ask.datagram);
	return answer;
}

/* What the station said last, for the client of that request. */
static struct datagram told(const struct answer *answer)
{
	struct datagram reply;

	T_EQ(station->said.type, ANSWER_RELAY);
	T_BYTES(station->said.relay.client.address, answer->ask.client.address, 16);
	T_EQ(station->said.relay.client.port, answer->ask.client.port);
	T_OK(datagram_decode(station->said.relay.datagram, station->said.relay.size, front_secret,
	                     station->front, NULL, &reply, NULL));
	T_TRUE(reply.authentic);
	T_TRUE(identifier_equal(&reply.identifier, &answer->program));
	return reply;
}

static void documents_come_back(void **state)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_DOCUMENT), reply;
	struct answer answer;

	request.ask.document = DOCUMENT_TASKS;
	answer = ask_of(&request, NULL);
	front_answer(station->front, &answer);
	T_EQ(station->said_count, 1);
	reply = told(&answer);
	T_EQ(reply.type, DATAGRAM_SLICE_OF);
	T_TRUE(reply.slice.total > 0);
}

static void what_is_about_a_gateway_is_not_its_business(void **state)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_DOCUMENT);
	struct answer answer;

	request.ask.document = DOCUMENT_VIEW;
	answer = ask_of(&request, NULL);
	front_answer(station->front, &answer);
	T_ERROR(told(&answer).error.code, BUSBAR_ERROR_NOT_SUPPORTED);
	request = station_request(station, STATION_CHIEF, DATAGRAM_RELOAD);
	answer = ask_of(&request, NULL);
	front_answer(station->front, &answer);
	T_ERROR(told(&answer).error.code, BUSBAR_ERROR_NOT_SUPPORTED);
	T_EQ(station->reloads, 0);
}

/* The paths of a client start where it is: the view knows no gateway of that name, so that there is none. */
static void paths_start_at_the_edge(void **state)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_RUN), reply;
	struct answer answer = ask_of(&request, WORK);

	front_answer(station->front, &answer);
	reply = told(&answer);
	T_EQ(reply.type, DATAGRAM_ERROR);
	T_ERROR(reply.error.code, BUSBAR_ERROR_NOT_FOUND);
	/* The very same from here finds its place. */
	request = station_request(station, STATION_DEMO, DATAGRAM_RUN);
	station_ask(station, demo, &request, WORK, &reply);
	T_EQ(reply.type, DATAGRAM_TASK);
	station_settle(station);
}

static void an_edge_cannot_speak_for_a_tenant(void **state)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_CANCEL);
	struct answer answer = ask_of(&request, NULL);

	answer.ask.datagram[40] ^= 1;
	front_answer(station->front, &answer);
	T_EQ(station->said_count, 0);
	T_EQ(station_refused_as(station, BUSBAR_ERROR_BAD_MAC), 1);
	/* Nor is a reply a request. */
	request.type = DATAGRAM_TASK;
	answer = ask_of(&request, NULL);
	front_answer(station->front, &answer);
	T_EQ(station->said_count, 0);
}

static void a_copy_from_elsewhere_is_replayed(void **state)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_DOCUMENT);
	struct answer answer, copy;

	request.ask.document = DOCUMENT_TASKS;
	answer = ask_of(&request, NULL);
	front_answer(station->front, &answer);
	T_EQ(told(&answer).type, DATAGRAM_SLICE_OF);
	copy = answer;
	copy.ask.client.port++;
	front_answer(station->front, &copy);
	T_ERROR(told(&copy).error.code, BUSBAR_ERROR_REPLAYED);
	front_answer(station->front, &answer);
	T_EQ(told(&answer).type, DATAGRAM_SLICE_OF);
	/* Old ones are of no use either. */
	station->now += 3600 * CLOCK_SECOND;
	copy = ask_of(&request, NULL);
	front_answer(station->front, &copy);
	T_ERROR(told(&copy).error.code, BUSBAR_ERROR_EXPIRED);
}

/* At the edge. */

static void send_on(const struct datagram *request, const char *demand)
{
	uint8_t bytes[DATAGRAM_MAXIMUM];
	size_t size = station_encode(request, demand, bytes);
	uint32_t before = station->said_count;

	T_EQ(send(demo, bytes, size, 0), size);
	station_expect_said(station, before + 1);
	T_EQ(station->said.type, ANSWER_ASK);
	T_EQ(station->said.ask.size, size);
	T_BYTES(station->said.ask.datagram, bytes, size);
	T_EQ(station->said.ask.access.up, CLOCK_MILLISECOND);
}

static void requests_are_passed_on_whole_and_the_reply_back(void **state)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_QUOTE), reply;
	struct answer relay = {.type = ANSWER_RELAY, .sender = station_neighbour};
	int size;

	send_on(&request, WORK);
	reply = (struct datagram){.type = DATAGRAM_SLICE_OF,
	                          .key = request.key,
	                          .identifier = request.identifier,
	                          .sent = station_wall(station),
	                          .slice = {.total = 2, .size = 2, .bytes = "{}"}};
	size = datagram_encode(&reply, NULL, front_secret(station->front, request.key), relay.relay.datagram,
	                       sizeof(relay.relay.datagram));
	T_OK(size);
	relay.relay.size = (uint32_t)size;
	relay.relay.client = station->said.ask.client;
	front_answer(station->front, &relay);
	station_await(station, demo, &request.identifier, &reply);
	T_EQ(reply.type, DATAGRAM_SLICE_OF);
	T_EQ(reply.slice.total, 2);
	/* Not from anybody else. */
	relay.sender.site++;
	front_answer(station->front, &relay);
	T_EQ(station_refused_as(station, BUSBAR_ERROR_NOT_FOUND), 1);
}

static void what_is_about_the_edge_is_answered_there(void **state)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_DOCUMENT), reply;

	request.ask.document = DOCUMENT_VIEW;
	station_ask(station, demo, &request, NULL, &reply);
	T_EQ(reply.type, DATAGRAM_SLICE_OF);
	request = station_request(station, STATION_CHIEF, DATAGRAM_RELOAD);
	station_ask(station, demo, &request, NULL, &reply);
	T_EQ(reply.type, DATAGRAM_SLICE_OF);
	T_EQ(station->reloads, 1);
	T_EQ(station->said_count, 0);
}

static void a_silent_controller_is_told_of(void **state)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_RUN);

	send_on(&request, WORK);
	station->now += 4 * CLOCK_SECOND;
	send_on(&request, WORK);
	station->now += 2 * CLOCK_SECOND;
	T_ERROR(station_ask_code(station, demo, &request, WORK), BUSBAR_ERROR_NO_ANSWER);
	/* Who asks again after that is given the same patience. */
	send_on(&request, WORK);
}

int main(void)
{
#define AT(who, name) cmocka_unit_test_setup_teardown(name, set_up_##who, tear_down)
	const struct CMUnitTest tests[] = {
	        AT(controller, documents_come_back),
	        AT(controller, what_is_about_a_gateway_is_not_its_business),
	        AT(controller, paths_start_at_the_edge),
	        AT(controller, an_edge_cannot_speak_for_a_tenant),
	        AT(controller, a_copy_from_elsewhere_is_replayed),
	        AT(edge, requests_are_passed_on_whole_and_the_reply_back),
	        AT(edge, what_is_about_the_edge_is_answered_there),
	        AT(edge, a_silent_controller_is_told_of),
	};

	log_set_level(LOG_ERROR);
	return T_RUN(tests);
}
