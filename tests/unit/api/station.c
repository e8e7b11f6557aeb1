/* SPDX-License-Identifier: Apache-2.0 */
#include "station.h"

#include "base/file.h"
#include "grammar/grammar.h"
#include "tests/t.h"
#include "wire/segment.h"
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define START_OF_TIME (INT64_C(1800000000) * CLOCK_SECOND)
#define STEP (20 * CLOCK_MILLISECOND)
#define PATIENCE_MS 30000

enum { SITES = 64, SETTLE_STEPS = 3000 };

const struct front_tenant station_tenants[STATION_TENANTS] = {
        {.name = "demo", .key = 7, .secret = {1, 7}, .spot = true},
        {.name = "other", .key = 8, .number = 1, .secret = {1, 8}, .spot = true},
        {
                .name = "chief",
                .key = 9,
                .number = 2,
                .secret = {1, 9},
                .operator= true },
        };

const struct gateway_identity station_neighbour = {77, 1};

static int64_t read_wall(void *context)
{
	return START_OF_TIME + ((struct station *)context)->now;
}

static int64_t read_monotonic(void *context)
{
	return CLOCK_SECOND + ((struct station *)context)->now;
}

int64_t station_wall(const struct station *station)
{
	return START_OF_TIME + station->now;
}

static struct station_message *post(struct station *station)
{
	struct station_message *message = &station->messages[station->message_count++];

	T_TRUE(station->message_count <= STATION_QUEUE);
	*message = (struct station_message){.answer = false};
	return message;
}

static void post_packet(struct station *station, const uint8_t *packet, size_t size)
{
	struct station_message *message;

	/* There is no other gateway: what is for one is lost. */
	if (!segment_within(packet + 24, station->locator))
		return;
	message = post(station);
	T_TRUE(size <= sizeof(message->bytes));
	message->size = size;
	memcpy(message->bytes, packet, size);
}

static void take_message(struct station *station, struct station_message *message);

/* What ends at the station is handed over, unless a test wants to see it as octets. */
static void on_send(void *context, const struct packet *packet, uint8_t *bytes, size_t size)
{
	struct station *station = context;
	uint8_t octets[PACKET_MAXIMUM];
	int code;

	if (bytes != NULL) {
		post_packet(station, bytes, size);
	} else if (station->take == take_message) {
		owner_receive(station->owner, packet, NULL, 0);
	} else {
		code = packet_encode(&packet->program, (const uint8_t(*)[16])packet->segments, packet->source,
		                     seal_first(&station->ring), packet->payload, packet->payload_size,
		                     octets, sizeof(octets));
		T_OK(code);
		post_packet(station, octets, (size_t)code);
	}
}

static void on_forward(void *context, const uint8_t *packet, size_t size)
{
	post_packet(context, packet, size);
}

static void post_answer(struct station *station, const struct answer *answer)
{
	struct station_message *message = post(station);

	message->answer = true;
	message->content = *answer;
}

static void on_answer(void *context, const struct answer *answer, const struct owner_return *way)
{
	struct station *station = context;

	T_BYTES(way->address, station->address, 16);
	post_answer(station, answer);
}

static void on_acknowledge(void *context, struct gateway_identity owner, const struct identifier *program,
                           enum answer_type what)
{
	struct station *station = context;
	struct answer answer = {.type = ANSWER_ACKNOWLEDGE,
	                        .program = *program,
	                        .sender = station->identity,
	                        .acknowledged = what};

	T_TRUE(gateway_equal(owner, station->identity));
	post_answer(station, &answer);
}

static void on_fetch(void *context, const struct identifier *program, const struct program_fetch *fetch,
                     const struct owner_transfer *transfer)
{
	struct station *station = context;

	owner_fetched(station->owner, program,
	              store_has(station->store, fetch->digest) ? 0 : BUSBAR_ERROR_NOT_FOUND);
}

static void on_deliver(void *context, const struct identifier *program, const uint8_t digest[32],
                       const struct owner_transfer *transfer)
{
	struct station *station = context;

	owner_delivered(station->owner, program, 0);
}

static void on_changed(void *context)
{
	struct station *station = context;
	struct site site = {.identity = station->identity,
	                    .name = "edge",
	                    .region = "north",
	                    .operator= "power",
	                    .model = SUPPLY_EDGE,
	                    .gflops_per_core = 2500000,
	                    .measured = station_wall(station),
	                    .validity = 3600 * CLOCK_SECOND};
	int code;

	memcpy(site.locator, station->locator, sizeof(site.locator));
	while (book_resource_at(station->book, site.resource_count, &site.resources[site.resource_count]) ==
	       0)
		site.resource_count++;
	code = view_put_site(station->view, &site);
	/* Where the test has set the clock back. */
	T_TRUE(code == 0 || code == BUSBAR_ERROR_STALE);
}

static void on_granted(void *context, const struct identifier *task)
{
	struct station *station = context;

	if (station->front != NULL)
		front_task_granted(station->front, task);
}

static void on_finished(void *context, const struct identifier *task)
{
	struct station *station = context;

	if (station->front != NULL)
		front_task_finished(station->front, task);
}

static void on_moved(void *context, const struct identifier *task, int code)
{
	struct station *station = context;

	if (station->front != NULL)
		front_task_moved(station->front, task, code);
}

static int say(void *context, struct gateway_identity to, const struct answer *answer)
{
	struct station *station = context;

	if (!gateway_equal(to, station_neighbour))
		return BUSBAR_ERROR_NOT_FOUND;
	station->said = *answer;
	station->said_count++;
	return 0;
}

static int carry(void *context, struct gateway_identity to, const struct identifier *task,
                 const uint8_t digest[32])
{
	struct station *station = context;

	T_TRUE(gateway_equal(to, station_neighbour));
	T_TRUE(store_has(station->store, digest));
	station->carried = *task;
	station->carried_count++;
	return 0;
}

static int run(struct driver *driver, const struct driver_run *wanted)
{
	struct station *station = (struct station *)driver;
	uint8_t bytes[8192];

	T_TRUE(station->run_count < STATION_RUNS && station->output_size <= sizeof(bytes));
	for (size_t i = 0; i < station->output_size; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	T_EQ(write(wanted->output, bytes, station->output_size), station->output_size);
	station->runs[station->run_count++] = (struct station_run){.id = wanted->id};
	return 0;
}

static void end_run(struct station *station)
{
	struct station_run ended = station->runs[--station->run_count];
	int error = ended.cancelled ? BUSBAR_ERROR_CANCELLED : station->run_error;
	struct driver_end end = {.id = ended.id,
	                         .error = error,
	                         .exit_status = error == BUSBAR_ERROR_EXECUTION ? 3 : 0,
	                         .usage = {.wall = CLOCK_SECOND, .output = station->output_size}};

	owner_ended(station->owner, &end);
}

static int cancel(struct driver *driver, const struct identifier *id)
{
	struct station *station = (struct station *)driver;

	for (uint32_t i = 0; i < station->run_count; i++) {
		if (!identifier_equal(&station->runs[i].id, id))
			continue;
		station->runs[i].cancelled = true;
		return 0;
	}
	return BUSBAR_ERROR_NOT_FOUND;
}

static int measure(struct driver *driver, const struct identifier *id, struct driver_usage *ret_usage)
{
	*ret_usage = (struct driver_usage){.wall = CLOCK_SECOND / 2};
	return 0;
}

static const struct driver_operations operations = {
        .name = "twin", .run = run, .cancel = cancel, .measure = measure};

static void open_supply(struct station *station)
{
	const struct resource_offer cpu = {.kind = RESOURCE_CPU,
	                                   .capacity = 8000000,
	                                   .free = 8000000,
	                                   .base = 20000,
	                                   .steepness = 32000,
	                                   .tariff = 40000};
	const struct resource_offer memory = {.kind = RESOURCE_MEMORY,
	                                      .capacity = UINT64_C(8) << 30,
	                                      .free = UINT64_C(8) << 30,
	                                      .base = 1000,
	                                      .steepness = 4000,
	                                      .tariff = 2000};

	station->driver.operations = &operations;
	station->book = book_create(256, 1);
	T_TRUE(station->book != NULL);
	T_OK(book_add_resource(station->book, &cpu));
	T_OK(book_add_resource(station->book, &memory));
	station->service.offer = (struct service_offer){
	        .site = station->identity,
	        .name = "work",
	        .version = "1",
	        .address = {0xfd, 1},
	        .score = 9,
	        .metrics = {[METRIC_NORM] = {.score = 9,
	                                     .source = METRIC_MEASURED | METRIC_AGGREGATION,
	                                     .statistic = METRIC_MEAN,
	                                     .window = 10000}},
	        .cpu = 1000000,
	        .memory = 1 << 20,
	        .processes = 4,
	        .time = 2 * CLOCK_SECOND,
	        .price = 100,
	        .tariff = 150};
	station->service.arguments[0] = "/service/work";
}

static void open_owner(struct station *station)
{
	struct owner_settings settings = {.identity = station->identity,
	                                  .clock = station->source.clock,
	                                  .seed = 1,
	                                  .host_cpu_per_core = 1000000,
	                                  .scratch = 1 << 20,
	                                  .output_maximum = 1 << 20,
	                                  .processes = 4,
	                                  .holdings = 1024,
	                                  .folder = station->folder,
	                                  .services = &station->service,
	                                  .service_count = 1};
	const struct owner_rooms rooms = {station->database, station->book, station->usage, station->store,
	                                  &station->driver};
	const struct owner_ports ports = {.context = station,
	                                  .answer = on_answer,
	                                  .forward = on_forward,
	                                  .fetch = on_fetch,
	                                  .deliver = on_deliver,
	                                  .changed = on_changed};

	memcpy(settings.locator, station->locator, sizeof(settings.locator));
	T_OK(owner_create(&settings, &rooms, &ports, &station->owner));
}

static void open_tasks(struct station *station)
{
	struct task_settings settings = {.identity = station->identity,
	                                 .port = 4180,
	                                 .clock = station->source.clock,
	                                 .seed = 2,
	                                 .output_maximum = 1 << 20,
	                                 .tasks = 1024};
	const struct task_rooms rooms = {.database = station->database,
	                                 .view = station->view,
	                                 .ledger = station->ledger,
	                                 .store = station->store,
	                                 .ring = &station->ring};
	const struct task_ports ports = {.context = station,
	                                 .send = on_send,
	                                 .acknowledge = on_acknowledge,
	                                 .granted = on_granted,
	                                 .finished = on_finished,
	                                 .moved = on_moved};

	memcpy(settings.address, station->address, sizeof(settings.address));
	T_OK(tasks_create(&settings, &rooms, &ports, &station->tasks));
}

static void connect_source(struct station *station)
{
	station->source.tasks = station->tasks;
	station->source.ledger = station->ledger;
	station->source.usage = station->usage;
	station->source.owner = station->owner;
	station->source.view = station->view;
}

static char *reload(void *context)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "{\"reload\":%u}", ++((struct station *)context)->reloads);
	return strdup(text);
}

static void open_front(struct station *station)
{
	const struct front_settings settings = {.source = &station->source,
	                                        .database = station->database,
	                                        .store = station->store,
	                                        .seed = 3,
	                                        .tenants = station_tenants,
	                                        .tenant_count = STATION_TENANTS,
	                                        .receivers = 2,
	                                        .rates = {100000, 100000, 100000},
	                                        .answer = say,
	                                        .carry = carry,
	                                        .reload = reload,
	                                        .context = station,
	                                        .controller = station->controller,
	                                        .controls = station->controls};
	struct front_listen listen = {.access_up = CLOCK_MILLISECOND, .access_down = CLOCK_MILLISECOND};
	int port;

	connect_source(station);
	T_OK(front_create(&station->loop, &settings, &station->front));
	station->source.requests_refused = front_refusals(station->front);
	front_publish(station->front, station->view);
	memcpy(listen.address, in6addr_loopback.s6_addr, sizeof(listen.address));
	port = front_listen(station->front, &listen);
	T_OK(port);
	station->port = (uint16_t)port;
}

void station_open(struct station *station)
{
	const struct view_limits limits = {
	        .edges = 8, .sites = SITES, .services = 16, .reservations = 256, .suspects = 8};
	char path[80];

	*station = (struct station){.identity = {4, 1},
	                            .locator = {0xfc, 0, 0, 0, 0, 4},
	                            .controller = station->controller,
	                            .controls = station->controls};
	station->output_size = 100;
	station->take = take_message;
	station->ring = (struct seal_ring){.count = 1, .keys = {{.identifier = 1, .secret = {1, 2, 3}}}};
	station->messages = calloc(STATION_QUEUE, sizeof(*station->messages));
	T_TRUE(station->messages != NULL);
	station->source = (struct document_source){.node = "edge",
	                                           .identity = station->identity,
	                                           .clock = {read_wall, read_monotonic, station},
	                                           .started = START_OF_TIME - CLOCK_SECOND};
	random_seed(&station->random, 41);
	segment_gateway_address(station->locator, station->address);
	(void)snprintf(station->folder, sizeof(station->folder), "/tmp/busbar-station-XXXXXX");
	T_TRUE(mkdtemp(station->folder) != NULL);
	(void)snprintf(path, sizeof(path), "%s/blobs", station->folder);
	T_EQ(uv_loop_init(&station->loop), 0);
	T_OK(database_open(":memory:", &station->database));
	T_OK(usage_open(station->database, &station->usage));
	T_OK(store_open(path, 1 << 24, &station->store));
	T_OK(ledger_open(station->database, 0, &station->ledger));
	T_TRUE(ledger_deposit(station->ledger, "demo", 1000 * MONEY_UNIT, "first", station_wall(station)) >=
	       0);
	station->view = view_create(&limits);
	open_supply(station);
	on_changed(station);
	T_OK(view_put_service(station->view, &station->service.offer));
	open_owner(station);
	open_tasks(station);
	open_front(station);
}

void station_restart(struct station *station)
{
	tasks_free(station->tasks);
	owner_free(station->owner);
	book_free(station->book);
	station->run_count = 0;
	station->message_count = 0;
	open_supply(station);
	on_changed(station);
	open_owner(station);
	open_tasks(station);
	connect_source(station);
}

void station_shut(struct station *station)
{
	struct front *front = station->front;

	station->front = NULL;
	front_close(front);
	T_EQ(uv_run(&station->loop, UV_RUN_DEFAULT), 0);
	T_EQ(uv_loop_close(&station->loop), 0);
	tasks_free(station->tasks);
	owner_free(station->owner);
	view_free(station->view);
	ledger_close(station->ledger);
	usage_close(station->usage);
	database_close(station->database);
	store_close(station->store);
	book_free(station->book);
	free(station->messages);
	T_OK(file_remove_tree(station->folder));
}

void station_add_site(struct station *station, uint32_t number)
{
	struct site site = {.identity = {100 + number, 1},
	                    .locator = {0xfc, 0, 0, 0, 1, (uint8_t)number},
	                    .region = "south",
	                    .operator= "power",
	                    .measured = station_wall(station),
	                    .validity = 3600 * CLOCK_SECOND};

	(void)snprintf(site.name, sizeof(site.name), "transit-%u", number);
	T_OK(view_put_site(station->view, &site));
}

static void take_message(struct station *station, struct station_message *message)
{
	struct packet packet;

	if (message->answer) {
		if (message->content.type == ANSWER_ACKNOWLEDGE)
			owner_acknowledged(station->owner, &message->content.program,
			                   message->content.acknowledged);
		else
			task_answer(station->tasks, &message->content);
		return;
	}
	T_OK(packet_decode(message->bytes, message->size, &station->ring, &packet));
	owner_receive(station->owner, &packet, message->bytes, message->size);
}

void station_turn(struct station *station)
{
	struct station_message message;

	while (station->message_count > 0) {
		message = station->messages[0];
		station->message_count--;
		memmove(&station->messages[0], &station->messages[1],
		        station->message_count * sizeof(message));
		station->take(station, &message);
	}
	(void)owner_tick(station->owner);
	(void)task_tick(station->tasks);
	(void)view_expire(station->view, station_wall(station));
}

static bool is_settled(const struct station *station)
{
	return task_open_attempts(station->tasks) == 0 && owner_holding_count(station->owner) == 0 &&
	       station->run_count == 0 && station->message_count == 0;
}

void station_settle(struct station *station)
{
	for (int i = 0; i < SETTLE_STEPS; i++) {
		station_turn(station);
		while (station->run_count > 0)
			end_run(station);
		if (is_settled(station))
			return;
		station->now += STEP;
	}
	fail_msg("something is left open");
}

uint64_t station_refused_as(const struct station *station, int code)
{
	return front_refusals(station->front)[error_index(code)];
}

uint64_t station_refused(const struct station *station)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < ERROR_COUNT; i++)
		sum += front_refusals(station->front)[i];
	return sum;
}

int station_client(const struct station *station)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6,
	                               .sin6_addr = in6addr_loopback,
	                               .sin6_port = htons(station->port)};
	int client = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	T_TRUE(client >= 0);
	T_EQ(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
	return client;
}

struct datagram station_request(struct station *station, uint32_t tenant, enum datagram_type type)
{
	struct datagram request;

	/* All of the union. */
	memset(&request, 0, sizeof(request));
	request.type = type;
	request.key = tenant < STATION_TENANTS ? station_tenants[tenant].key : STATION_STRANGER;
	request.identifier = identifier_make(station_wall(station), &station->random);
	request.sent = station_wall(station);
	return request;
}

static const uint8_t *secret_of(void *context, uint32_t key)
{
	static const uint8_t stranger[SEAL_SECRET] = {99};

	for (uint32_t i = 0; i < STATION_TENANTS; i++)
		if (station_tenants[i].key == key)
			return station_tenants[i].secret;
	return stranger;
}

size_t station_encode(const struct datagram *request, const char *text, uint8_t bytes[DATAGRAM_MAXIMUM])
{
	struct arena *arena = arena_create(1 << 20);
	struct grammar_problem problem;
	struct demand demand;
	int size;

	if (text != NULL && grammar_parse_demand(text, strlen(text), "test", arena, &demand, &problem) < 0)
		fail_msg("%s", problem.text);
	if (text != NULL)
		demand.identifier = request->identifier;
	size = datagram_encode(request, text == NULL ? NULL : &demand, secret_of(NULL, request->key), bytes,
	                       DATAGRAM_MAXIMUM);
	T_OK(size);
	arena_free(arena);
	return (size_t)size;
}

/* A turn of the loop, then what has come. The loopback may be a moment behind. */
static ssize_t hear_now(struct station *station, int client, uint8_t *bytes, size_t capacity, int wait)
{
	struct pollfd poller = {.fd = client, .events = POLLIN};

	(void)uv_run(&station->loop, UV_RUN_NOWAIT);
	(void)poll(&poller, 1, wait);
	return recv(client, bytes, capacity, 0);
}

size_t station_hear(struct station *station, int client, uint8_t *bytes, size_t capacity)
{
	for (int i = 0; i < PATIENCE_MS; i++) {
		ssize_t size = hear_now(station, client, bytes, capacity, 1);

		if (size > 0)
			return (size_t)size;
	}
	return 0;
}

void station_await(struct station *station, int client, const struct identifier *identifier,
                   struct datagram *ret_reply)
{
	uint8_t bytes[2048];

	for (;;) {
		size_t size = station_hear(station, client, bytes, sizeof(bytes));
		int code;

		if (size == 0)
			fail_msg("no reply came");
		code = datagram_decode(bytes, size, secret_of, NULL, NULL, ret_reply, NULL);
		/* What a stranger before was told may come late. */
		if (!identifier_equal(&ret_reply->identifier, identifier))
			continue;
		T_OK(code);
		T_TRUE(ret_reply->authentic);
		return;
	}
}

void station_ask_octets(struct station *station, int client, const uint8_t *bytes, size_t size,
                        struct datagram *ret_reply)
{
	struct datagram request;
	struct arena *arena = arena_create(1 << 20);
	struct demand demand;

	T_OK(datagram_decode(bytes, size, secret_of, NULL, arena, &request, &demand));
	arena_free(arena);
	T_EQ(send(client, bytes, size, 0), size);
	station_await(station, client, &request.identifier, ret_reply);
	T_EQ(ret_reply->key, request.key);
	T_EQ(ret_reply->sent, station_wall(station));
}

void station_ask(struct station *station, int client, const struct datagram *request, const char *demand,
                 struct datagram *ret_reply)
{
	uint8_t bytes[DATAGRAM_MAXIMUM];
	size_t size = station_encode(request, demand, bytes);

	station_ask_octets(station, client, bytes, size, ret_reply);
}

int station_ask_code(struct station *station, int client, const struct datagram *request, const char *demand)
{
	struct datagram reply;

	station_ask(station, client, request, demand, &reply);
	T_EQ(reply.type, DATAGRAM_ERROR);
	/* A plan that came to nothing says why behind it. */
	T_TRUE(strncmp(reply.error.text, error_text(reply.error.code),
	               strlen(error_text(reply.error.code))) == 0);
	return reply.error.code;
}

void station_expect_refused(struct station *station, int code, uint64_t count)
{
	/* A reply is sent before it is counted, by another thread. */
	for (int i = 0; i < PATIENCE_MS; i++) {
		if ((code == 0 ? station_refused(station) : station_refused_as(station, code)) >= count)
			break;
		(void)poll(NULL, 0, 1);
	}
	T_EQ(code == 0 ? station_refused(station) : station_refused_as(station, code), count);
}

void station_expect_said(struct station *station, uint32_t count)
{
	for (int i = 0; i < PATIENCE_MS && station->said_count < count; i++)
		if (uv_run(&station->loop, UV_RUN_NOWAIT) == 0 || station->said_count < count)
			(void)poll(NULL, 0, 1);
	T_EQ(station->said_count, count);
}

size_t station_tell(struct station *station, int client, const uint8_t *bytes, size_t size, uint8_t *reply,
                    size_t capacity)
{
	uint64_t before = station_refused(station);
	ssize_t got = -1;

	T_EQ(send(client, bytes, size, 0), size);
	/* The reply may be here before it is counted. */
	for (int i = 0; i < PATIENCE_MS && station_refused(station) == before; i++)
		if (got <= 0)
			got = hear_now(station, client, reply, capacity, i == 0 ? 0 : 1);
		else
			(void)poll(NULL, 0, 1);
	T_EQ(station_refused(station), before + 1);
	if (got <= 0)
		got = recv(client, reply, capacity, MSG_DONTWAIT);
	return got > 0 ? (size_t)got : 0;
}
