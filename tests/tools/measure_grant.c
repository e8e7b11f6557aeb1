/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reservation costs a gateway that is its ingress and its owner: submitted and granted, refreshed,
 * ended and settled, on one thread, with maps, books, money and journal, without datagrams. The clock is
 * turned by hand. Usage: measure_grant COUNT [FOLDER]; with a folder the database is written behind a journal
 * there, else it is SQLite in memory, whose statements run at once and are most of what is measured then.
 */
#include "base/clock.h"
#include "base/log.h"
#include "book/book.h"
#include "execute/owner.h"
#include "execute/task.h"
#include "meter/ledger.h"
#include "meter/usage.h"
#include "wire/segment.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ANSWERS = 1 << 17 };

#define RESERVED (20 * CLOCK_SECOND)

struct gateway {
	int64_t now;
	struct gateway_identity identity;
	uint8_t locator[16], address[16];
	struct seal_ring ring;
	struct database *database;
	struct usage *usage;
	struct ledger *ledger;
	struct book *book;
	struct view *view;
	struct owner *owner;
	struct tasks *tasks;
	uint64_t granted, finished;
	uint32_t first, count;
	struct answer answers[ANSWERS];
};

static void must(int code, const char *what)
{
	if (code >= 0)
		return;
	(void)fprintf(stderr, "measure_grant: %s: error %d\n", what, code);
	exit(EXIT_FAILURE);
}

static int64_t read_clock(void *context)
{
	return INT64_C(1800000000) * CLOCK_SECOND + ((struct gateway *)context)->now;
}

static void queue(struct gateway *gateway, const struct answer *answer)
{
	if (gateway->count == ANSWERS)
		must(-1, "queue");
	gateway->answers[(gateway->first + gateway->count++) % ANSWERS] = *answer;
}

static void on_answer(void *context, const struct answer *answer, const struct owner_return *way)
{
	queue(context, answer);
}

static void on_acknowledge(void *context, struct gateway_identity owner, const struct identifier *program,
                           enum answer_type what)
{
	const struct answer answer = {
	        .type = ANSWER_ACKNOWLEDGE, .program = *program, .sender = owner, .acknowledged = what};

	queue(context, &answer);
}

static void on_send(void *context, const struct packet *packet, uint8_t *bytes, size_t size)
{
	owner_receive(((struct gateway *)context)->owner, packet, bytes, size);
}

static void on_granted(void *context, const struct identifier *task)
{
	((struct gateway *)context)->granted++;
}

static void on_finished(void *context, const struct identifier *task)
{
	((struct gateway *)context)->finished++;
}

static void on_changed(void *context)
{
}

static void open_rooms(struct gateway *gateway, const char *folder)
{
	const struct resource_offer cpu = {.kind = RESOURCE_CPU,
	                                   .capacity = UINT64_C(1) << 50,
	                                   .free = UINT64_C(1) << 50,
	                                   .base = 20000,
	                                   .steepness = 32000,
	                                   .tariff = 40000};
	const struct view_limits limits = {
	        .sites = 16, .services = 16, .reservations = 65536, .suspects = 64};
	const struct database_settings behind = {.buffer = 256 << 20, .backlog = UINT64_C(1) << 40};
	struct site site = {.identity = gateway->identity,
	                    .name = "edge",
	                    .measured = read_clock(gateway),
	                    .validity = INT64_C(3600) * CLOCK_SECOND};
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/state.db", folder == NULL ? "" : folder);
	must(folder == NULL ? database_open(":memory:", &gateway->database)
	                    : database_open_behind(NULL, path, folder, &behind, &gateway->database),
	     "database");
	must(usage_open(gateway->database, &gateway->usage), "usage");
	must(ledger_open(gateway->database, 0, &gateway->ledger), "ledger");
	must(ledger_deposit(gateway->ledger, "demo", INT64_MAX / 4, "first", 1), "deposit");
	gateway->book = book_create(OWNER_HOLDINGS, 1);
	must(book_add_resource(gateway->book, &cpu), "book");
	gateway->view = view_create(&limits);
	memcpy(site.locator, gateway->locator, sizeof(site.locator));
	must(book_resource_at(gateway->book, site.resource_count++, &site.resources[0]), "offer");
	must(view_put_site(gateway->view, &site), "view");
}

static void open_gateway(struct gateway *gateway, const char *folder)
{
	const struct clock clock = {read_clock, read_clock, gateway};
	struct owner_settings owner = {.identity = gateway->identity, .clock = clock, .seed = 1};
	struct task_settings tasks = {.identity = gateway->identity, .clock = clock, .seed = 2};
	const struct owner_ports owner_ports = {.context = gateway,
	                                        .answer = on_answer,
	                                        .changed = on_changed};
	const struct task_ports task_ports = {.context = gateway,
	                                      .send = on_send,
	                                      .acknowledge = on_acknowledge,
	                                      .granted = on_granted,
	                                      .finished = on_finished};

	gateway->identity = (struct gateway_identity){1, 1};
	owner.identity = tasks.identity = gateway->identity;
	gateway->locator[0] = 0xfc;
	segment_gateway_address(gateway->locator, gateway->address);
	memcpy(owner.locator, gateway->locator, sizeof(owner.locator));
	memcpy(tasks.address, gateway->address, sizeof(tasks.address));
	gateway->ring = (struct seal_ring){.count = 1, .keys = {{.identifier = 1, .secret = {1}}}};
	open_rooms(gateway, folder);
	const struct owner_rooms owner_rooms = {.database = gateway->database,
	                                        .book = gateway->book,
	                                        .usage = gateway->usage};
	const struct task_rooms task_rooms = {.database = gateway->database,
	                                      .view = gateway->view,
	                                      .ledger = gateway->ledger,
	                                      .ring = &gateway->ring};
	must(owner_create(&owner, &owner_rooms, &owner_ports, &gateway->owner), "owner");
	must(tasks_create(&tasks, &task_rooms, &task_ports, &gateway->tasks), "tasks");
}

/* What the gateway has sent to itself. */
static void take_answers(struct gateway *gateway)
{
	while (gateway->count > 0) {
		const struct answer *answer = &gateway->answers[gateway->first];

		gateway->first = (gateway->first + 1) % ANSWERS;
		gateway->count--;
		if (answer->type == ANSWER_ACKNOWLEDGE)
			owner_acknowledged(gateway->owner, &answer->program, answer->acknowledged);
		else
			task_answer(gateway->tasks, answer);
	}
}

static void submit(struct gateway *gateway, uint32_t count)
{
	struct demand demand = {.name = "d",
	                        .body = {.need_count = 1,
	                                 .needs = {{.kind = RESOURCE_CPU, .amount = 1000000}},
	                                 .reserve_time = RESERVED}};
	const struct task_request request = {.demand = &demand, .tenant = "demo"};
	struct random random;

	random_seed(&random, 7);
	for (uint32_t i = 0; i < count; i++) {
		gateway->now += CLOCK_MICROSECOND;
		demand.identifier = identifier_make(read_clock(gateway), &random);
		must(task_submit(gateway->tasks, &request), "submit");
		take_answers(gateway);
	}
	(void)view_expire(gateway->view, read_clock(gateway));
}

/* Turns the clock to a moment after the start of the last one, and does what is due. */
static void pass(struct gateway *gateway, int64_t time)
{
	gateway->now += time;
	while (owner_tick(gateway->owner) <= read_clock(gateway) ||
	       task_tick(gateway->tasks) <= read_clock(gateway) || gateway->count > 0)
		take_answers(gateway);
}

/* Of this thread's processor time: what else the machine does does not count. */
static int64_t since(int64_t *start)
{
	struct timespec time;
	int64_t now, passed;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	now = time.tv_sec * CLOCK_SECOND + time.tv_nsec;
	passed = now - *start;
	*start = now;
	return passed;
}

int main(int count, char **arguments)
{
	uint32_t grants = count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 20000;
	struct gateway *gateway = calloc(1, sizeof(*gateway));
	int64_t start = 0, granted, refreshed, ended;

	if (gateway == NULL)
		return EXIT_FAILURE;
	log_set_level(LOG_WARNING);
	open_gateway(gateway, count > 2 ? arguments[2] : NULL);
	(void)since(&start);
	submit(gateway, grants);
	granted = since(&start);
	(void)printf("%u reservations: tables %zu octets\n", grants,
	             task_bytes(gateway->tasks) + owner_bytes(gateway->owner));
	pass(gateway, 2 * CLOCK_SECOND);
	refreshed = since(&start);
	pass(gateway, RESERVED);
	ended = since(&start);
	(void)printf("granted %lld, refreshed %lld, ended and settled %lld ns each; %llu granted, %llu done, "
	             "%zu open\n",
	             (long long)(granted / grants), (long long)(refreshed / grants),
	             (long long)(ended / grants), (unsigned long long)gateway->granted,
	             (unsigned long long)gateway->finished, task_open_attempts(gateway->tasks));
	(void)tasks_free(gateway->tasks);
	(void)owner_free(gateway->owner);
	(void)ledger_close(gateway->ledger);
	(void)usage_close(gateway->usage);
	(void)database_close(gateway->database);
	(void)view_free(gateway->view);
	(void)book_free(gateway->book);
	free(gateway);
	return EXIT_SUCCESS;
}
