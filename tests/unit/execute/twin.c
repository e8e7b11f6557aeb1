/* SPDX-License-Identifier: Apache-2.0 */
#include "twin.h"

#include "base/file.h"
#include "grammar/grammar.h"
#include "t.h"
#include "wire/segment.h"
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_OF_TIME (INT64_C(1800000000) * CLOCK_SECOND)
#define STEP (4 * CLOCK_MILLISECOND)

/* The longest that what was written is not on the disk yet. */
#define SYNC_MOST (30 * CLOCK_MILLISECOND)

enum { MESSAGES = 1024, RUNS = 256, EVER_RUN = 16384, PROMISES = 256, FLOWS = 64, PATH = 256 };

struct message {
	int64_t at; /* 0: free */
	bool kept;  /* the sender's disk does not have yet what it speaks of; `at` is its way's time */
	uint32_t from;
	bool answer;
	uint32_t node;
	size_t size;
	uint8_t bytes[PACKET_MAXIMUM + 8];
	struct answer content;
};

/* What the twin of a driver runs. */
struct run {
	struct identifier id;
	int64_t ends; /* 0: free */
	int64_t started;
	int error;
};

/* A program that was ever run. */
struct start {
	struct identifier program;
	uint32_t node;
	bool kept; /* its grant is not on the disk: outside the twin the run begins only then */
};

/* What the tenant was told of a task. */
struct promise {
	struct identifier task;
	int64_t time;       /* of the reservation; 0: a run */
	int64_t ends;       /* when a grant is over; 0: not granted */
	uint32_t grants;    /* ... and how often it was granted */
	bool told, granted; /* acknowledged: the task, its grant */
	uint32_t moves;     /* that have ended */
	int move_code;
};

/* An output on its way. */
struct parcel {
	struct identifier program;
	uint8_t digest[32], ingress[16];
	bool waits;
};

struct node {
	struct driver driver; /* first: the owner has a pointer to it */
	struct twin *twin;
	uint32_t number;
	bool alive, isolated, mute, hushed, behind, stalled;
	struct gateway_identity identity;
	uint8_t locator[16], address[16];
	char folder[PATH];
	uint32_t life;  /* number of the present copy of the database */
	size_t durable; /* octets of its log that are on the disk */
	int64_t sync_at;
	uint32_t flow_count;
	struct owner_flow flows[FLOWS];
	bool holds_outputs;
	struct parcel parcel;
	struct database *database;
	struct usage *usage;
	struct ledger *ledger;
	struct store *store;
	struct book *book;
	struct view *view;
	struct owner *owner;
	struct tasks *tasks;
	struct run runs[RUNS];
};

struct twin {
	struct random random;
	struct twin_weather weather;
	int64_t now;
	struct seal_ring ring;
	struct owner_service service;
	uint32_t node_count;
	struct node nodes[TWIN_WIDE_NODES];
	struct message *messages;
	struct start *ever;
	uint32_t ever_count;
	struct promise promises[PROMISES];
	uint32_t promise_count;
	int64_t said; /* when a client said last that it had moved */
	char folder[PATH];
};

/* Who has a link with whom; one-way delays in ms. */
static const struct {
	uint32_t a, b;
	int delay;
} links[] = {
        {TWIN_EDGE, TWIN_CORE, 2},       {TWIN_EDGE, TWIN_OTHER_CORE, 4},
        {TWIN_CORE, TWIN_SITE, 5},       {TWIN_OTHER_CORE, TWIN_SITE, 6},
        {TWIN_CORE, TWIN_FAR_SITE, 12},  {TWIN_OTHER_CORE, TWIN_FAR_SITE, 10},
        {TWIN_OTHER_EDGE, TWIN_CORE, 4}, {TWIN_OTHER_EDGE, TWIN_OTHER_CORE, 2},
};
static const uint32_t cores[TWIN_WIDE_NODES] = {2, 0, 0, 8, 16};
static const money core_prices[TWIN_WIDE_NODES] = {20000, 0, 0, 10000, 6000};
static const char *const names[TWIN_WIDE_NODES] = {"edge", "core",     "other-core",
                                                   "site", "far-site", "other-edge"};

static int64_t read_wall(void *context)
{
	return START_OF_TIME + ((struct twin *)context)->now;
}

static int64_t read_monotonic(void *context)
{
	return CLOCK_SECOND + ((struct twin *)context)->now;
}

static bool happens(struct twin *twin, uint32_t percent)
{
	return random_below(&twin->random, 100) < percent;
}

static struct node *node_of(struct twin *twin, const uint8_t address[16])
{
	for (uint32_t i = 0; i < twin->node_count; i++)
		if (segment_within(address, twin->nodes[i].locator))
			return &twin->nodes[i];
	return NULL;
}

static void post(struct twin *twin, struct node *from, struct node *to, const struct message *message)
{
	bool local = from == to;

	if (to == NULL || (!local && (from->isolated || to->isolated || happens(twin, twin->weather.loss))))
		return;
	for (uint32_t copies = !local && happens(twin, twin->weather.doubling) ? 2 : 1, i = 0; i < MESSAGES;
	     i++) {
		if (twin->messages[i].at != 0)
			continue;
		twin->messages[i] = *message;
		twin->messages[i].from = from->number;
		twin->messages[i].node = to->number;
		twin->messages[i].kept = !local;
		twin->messages[i].at =
		        1 +
		        (local ? twin->now : (int64_t)random_below(&twin->random, 20 * CLOCK_MILLISECOND));
		if (--copies == 0)
			return;
	}
	fail_msg("the twin's network is full");
}

static void send_packet(struct node *from, const uint8_t *bytes, size_t size)
{
	struct message message = {.size = size};

	T_TRUE(size <= sizeof(message.bytes));
	memcpy(message.bytes, bytes, size);
	post(from->twin, from, node_of(from->twin, bytes + 24), &message);
}

/* What ends at the node itself is handed over, as in a daemon. */
static void on_send(void *context, const struct packet *packet, uint8_t *bytes, size_t size)
{
	struct node *node = context;

	if (segment_within(packet->destination, node->locator))
		owner_receive(node->owner, packet, bytes, size);
	else
		send_packet(node, bytes, size);
}

static void on_forward(void *context, const uint8_t *packet, size_t size)
{
	send_packet(context, packet, size);
}

static void on_answer(void *context, const struct answer *answer, const struct owner_return *way)
{
	struct node *node = context;
	struct message message = {.answer = true, .content = *answer};

	if (node->hushed)
		return;
	post(node->twin, node, node_of(node->twin, way->address), &message);
}

static void on_acknowledge(void *context, struct gateway_identity owner, const struct identifier *program,
                           enum answer_type what)
{
	struct node *node = context;
	struct message message = {.answer = true,
	                          .content = {.type = ANSWER_ACKNOWLEDGE,
	                                      .program = *program,
	                                      .sender = node->identity,
	                                      .acknowledged = what}};

	for (uint32_t i = 0; i < node->twin->node_count; i++)
		if (gateway_equal(node->twin->nodes[i].identity, owner))
			post(node->twin, node, &node->twin->nodes[i], &message);
}

static bool is_behind(void *context)
{
	const struct node *node = context;

	return node->behind;
}

/* Copies a blob from one store to another. */
static int carry(struct store *from, struct store *to, const uint8_t digest[32])
{
	uint8_t bytes[65536], put[32];
	uint64_t size;
	int descriptor = store_read(from, digest, &size);
	ssize_t got;

	if (descriptor < 0)
		return descriptor;
	got = read(descriptor, bytes, sizeof(bytes));
	close(descriptor);
	return got < 0 ? BUSBAR_ERROR_NOT_FOUND : store_put(to, bytes, (size_t)got, put);
}

static bool is_reachable(struct node *a, struct node *b)
{
	return b != NULL && b->alive && !a->isolated && !b->isolated &&
	       !happens(a->twin, a->twin->weather.loss);
}

/* A blob travels as the flow that its path was reserved for, if there is one. */
static void check_transfer(const struct node *node, const struct identifier *program,
                           const struct owner_transfer *transfer)
{
	for (uint32_t i = 0; i < node->flow_count; i++) {
		const struct owner_flow *flow = &node->flows[i];

		if (!identifier_equal(&flow->program, program))
			continue;
		T_BYTES(flow->client, transfer->ingress, 16);
		T_BYTES(flow->service, transfer->source, 16);
	}
}

static void on_fetch(void *context, const struct identifier *program, const struct program_fetch *fetch,
                     const struct owner_transfer *transfer)
{
	struct node *node = context, *from = node_of(node->twin, transfer->ingress);

	check_transfer(node, program, transfer);
	owner_fetched(node->owner, program,
	              is_reachable(node, from) ? carry(from->store, node->store, fetch->digest)
	                                       : BUSBAR_ERROR_NO_ANSWER);
}

static void hand_over(struct node *node, const struct parcel *parcel)
{
	struct node *to = node_of(node->twin, parcel->ingress);

	owner_delivered(node->owner, &parcel->program,
	                is_reachable(node, to) ? carry(node->store, to->store, parcel->digest)
	                                       : BUSBAR_ERROR_NO_ANSWER);
}

static void on_deliver(void *context, const struct identifier *program, const uint8_t digest[32],
                       const struct owner_transfer *transfer)
{
	struct node *node = context;
	struct parcel parcel = {.program = *program};

	check_transfer(node, program, transfer);
	memcpy(parcel.digest, digest, sizeof(parcel.digest));
	memcpy(parcel.ingress, transfer->ingress, sizeof(parcel.ingress));
	if (node->holds_outputs) {
		T_TRUE(!node->parcel.waits);
		node->parcel = parcel;
		node->parcel.waits = true;
	} else {
		hand_over(node, &parcel);
	}
}

static struct site site_of(struct node *node)
{
	struct site site = {.identity = node->identity,
	                    .model = SUPPLY_EDGE,
	                    .measured = read_wall(node->twin),
	                    .validity = 3600 * CLOCK_SECOND};
	struct link_offer link;

	memcpy(site.locator, node->locator, sizeof(site.locator));
	(void)snprintf(site.name, sizeof(site.name), "%s", names[node->number]);
	(void)snprintf(site.region, sizeof(site.region), "%s", names[node->number]);
	while (book_resource_at(node->book, site.resource_count, &site.resources[site.resource_count]) == 0)
		site.resource_count++;
	while (book_link_at(node->book, site.link_count, &link) == 0)
		site.links[site.link_count++] = link;
	return site;
}

/* Everybody's values reach the edge at once: what is tested is not the routing. */
static void on_changed(void *context)
{
	struct node *node = context, *edge = &node->twin->nodes[TWIN_EDGE];
	struct site site = site_of(node);

	if (edge->view != NULL && !node->isolated)
		T_OK(view_put_site(edge->view, &site));
}

static int on_attach(void *context, const struct owner_flow *flow)
{
	struct node *node = context;

	T_TRUE(flow->rate > 0 && flow->hop_count > 0 && node->flow_count < FLOWS);
	for (uint32_t i = 0; i < node->flow_count; i++)
		T_TRUE(!identifier_equal(&node->flows[i].program, &flow->program));
	node->flows[node->flow_count++] = *flow;
	return 0;
}

static void on_detach(void *context, const struct identifier *program)
{
	struct node *node = context;

	for (uint32_t i = 0; i < node->flow_count; i++)
		if (identifier_equal(&node->flows[i].program, program)) {
			node->flows[i] = node->flows[--node->flow_count];
			return;
		}
	fail_msg("a flow that was never there is taken away");
}

static struct promise *find_promise(struct twin *twin, const struct identifier *task)
{
	for (uint32_t i = 0; i < twin->promise_count; i++)
		if (identifier_equal(&twin->promises[i].task, task))
			return &twin->promises[i];
	return NULL;
}

static void on_granted(void *context, const struct identifier *task)
{
	struct node *node = context;
	struct promise *promise = find_promise(node->twin, task);

	if (promise == NULL)
		return;
	T_TRUE(promise->time > 0);
	if (promise->grants++ == 0)
		promise->ends = node->twin->now + promise->time;
}

static void on_moved(void *context, const struct identifier *task, int code)
{
	struct node *node = context;
	struct promise *promise = find_promise(node->twin, task);

	if (promise == NULL)
		return;
	promise->moves++;
	promise->move_code = code;
}

static void on_finished(void *context, const struct identifier *task)
{
}

static int run(struct driver *driver, const struct driver_run *wanted)
{
	struct node *node = (struct node *)driver;
	struct twin *twin = node->twin;
	char text[2000];

	for (uint32_t i = 0; i < twin->ever_count; i++)
		T_TRUE(!identifier_equal(&twin->ever[i].program, &wanted->id)); /* at most one of a program */
	T_TRUE(twin->ever_count < EVER_RUN);
	twin->ever[twin->ever_count++] = (struct start){wanted->id, node->number, true};
	memset(text, 'x', sizeof(text));
	T_TRUE(write(wanted->output, text, 1 + random_below(&twin->random, sizeof(text))) > 0);
	for (uint32_t i = 0; i < RUNS; i++) {
		if (node->runs[i].ends != 0)
			continue;
		node->runs[i] = (struct run){
		        .id = wanted->id,
		        .started = twin->now,
		        .ends = twin->now + 1 + (int64_t)random_below(&twin->random, 3 * CLOCK_SECOND),
		        .error = happens(twin, twin->weather.run_failures) ? BUSBAR_ERROR_EXECUTION : 0};
		return 0;
	}
	return BUSBAR_ERROR_TABLE_FULL;
}

static struct run *find_run(struct node *node, const struct identifier *id)
{
	for (uint32_t i = 0; i < RUNS; i++)
		if (node->runs[i].ends != 0 && identifier_equal(&node->runs[i].id, id))
			return &node->runs[i];
	return NULL;
}

static int cancel(struct driver *driver, const struct identifier *id)
{
	struct node *node = (struct node *)driver;
	struct run *found = find_run(node, id);

	if (found == NULL)
		return BUSBAR_ERROR_NOT_FOUND;
	found->ends = node->twin->now + 1;
	found->error = BUSBAR_ERROR_CANCELLED;
	return 0;
}

static int measure(struct driver *driver, const struct identifier *id, struct driver_usage *ret_usage)
{
	struct node *node = (struct node *)driver;
	const struct run *found = find_run(node, id);

	if (found == NULL)
		return BUSBAR_ERROR_NOT_FOUND;
	*ret_usage = (struct driver_usage){.wall = node->twin->now - found->started};
	return 0;
}

static const struct driver_operations operations = {
        .name = "twin", .run = run, .cancel = cancel, .measure = measure};

static void end_runs(struct node *node)
{
	for (uint32_t i = 0; i < RUNS; i++) {
		struct run ended = node->runs[i];
		struct driver_end end;

		if (ended.ends == 0 || ended.ends > node->twin->now)
			continue;
		node->runs[i].ends = 0;
		end = (struct driver_end){.id = ended.id,
		                          .error = ended.error,
		                          .usage = {.wall = node->twin->now - ended.started}};
		owner_ended(node->owner, &end);
	}
}

static void open_book(struct node *node)
{
	const struct resource_offer cpu = {.kind = RESOURCE_CPU,
	                                   .capacity = cores[node->number] * UINT64_C(1000000),
	                                   .free = cores[node->number] * UINT64_C(1000000),
	                                   .base = core_prices[node->number],
	                                   .steepness = 32000};
	const struct resource_offer memory = {.kind = RESOURCE_MEMORY,
	                                      .capacity = UINT64_C(8) << 30,
	                                      .free = UINT64_C(8) << 30,
	                                      .base = 1000,
	                                      .steepness = 4000};

	node->book = book_create(4096, 1);
	if (cores[node->number] > 0) {
		T_OK(book_add_resource(node->book, &cpu));
		T_OK(book_add_resource(node->book, &memory));
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		bool first = links[i].a == node->number;
		struct link_offer link = {.from = node->identity,
		                          .delay = links[i].delay * CLOCK_MILLISECOND,
		                          .capacity = 100000000,
		                          .free = 100000000,
		                          .base = 100,
		                          .steepness = 32000};

		if ((!first && links[i].b != node->number) ||
		    MAXIMUM(links[i].a, links[i].b) >= node->twin->node_count)
			continue;
		link.toward = node->twin->nodes[first ? links[i].b : links[i].a].identity;
		T_OK(book_add_link(node->book, &link, &(struct book_output){.rate = link.capacity}));
	}
}

static void open_owner(struct node *node)
{
	struct twin *twin = node->twin;
	struct owner_settings settings = {.identity = node->identity,
	                                  .clock = {read_wall, read_monotonic, twin},
	                                  .seed = 1,
	                                  .host_cpu_per_core = 1000000,
	                                  .scratch = 1 << 20,
	                                  .output_maximum = 1 << 20,
	                                  .processes = 4,
	                                  .holdings = 512,
	                                  .folder = node->folder,
	                                  .services = &twin->service,
	                                  .service_count = 1};
	const struct owner_rooms rooms = {node->database, node->book, node->usage, node->store,
	                                  cores[node->number] > 0 ? &node->driver : NULL};
	const struct owner_ports ports = {.context = node,
	                                  .answer = on_answer,
	                                  .forward = on_forward,
	                                  .fetch = on_fetch,
	                                  .deliver = on_deliver,
	                                  .attach = on_attach,
	                                  .detach = on_detach,
	                                  .behind = is_behind,
	                                  .changed = on_changed};

	memcpy(settings.locator, node->locator, sizeof(settings.locator));
	T_OK(owner_create(&settings, &rooms, &ports, &node->owner));
}

static void open_tasks(struct node *node)
{
	struct twin *twin = node->twin;
	const struct view_limits limits = {.sites = 16, .services = 64, .reservations = 4096, .suspects = 64};
	struct task_settings settings = {.identity = node->identity,
	                                 .port = 4180,
	                                 .clock = {read_wall, read_monotonic, twin},
	                                 .seed = 2,
	                                 .output_maximum = 1 << 20,
	                                 .tasks = TWIN_TASKS,
	                                 .decisions = true};
	struct task_rooms rooms = {.database = node->database, .store = node->store, .ring = &twin->ring};
	const struct task_ports ports = {.context = node,
	                                 .send = on_send,
	                                 .acknowledge = on_acknowledge,
	                                 .behind = is_behind,
	                                 .granted = on_granted,
	                                 .finished = on_finished,
	                                 .moved = on_moved};

	if (node->number != TWIN_EDGE)
		return;
	memcpy(settings.address, node->address, sizeof(settings.address));
	node->view = view_create(&limits);
	T_OK(ledger_open(node->database, 0, &node->ledger));
	T_TRUE(ledger_deposit(node->ledger, "demo", 1000 * MONEY_UNIT, "first", read_wall(twin)) >= 0);
	rooms.view = node->view;
	rooms.ledger = node->ledger;
	for (uint32_t i = 0; i < twin->node_count; i++) {
		struct service_offer offer = twin->service.offer;

		if (twin->nodes[i].book != NULL)
			on_changed(&twin->nodes[i]);
		offer.site = twin->nodes[i].identity;
		if (cores[i] > 0)
			T_OK(view_put_service(node->view, &offer));
	}
	T_OK(tasks_create(&settings, &rooms, &ports, &node->tasks));
}

static char *database_path(const struct node *node, uint32_t life, const char *suffix, char path[PATH + 32])
{
	(void)snprintf(path, PATH + 32, "%s/state-%u.db%s", node->folder, life, suffix);
	return path;
}

/* Octets of the database's log. */
static size_t log_size(const struct node *node)
{
	char path[PATH + 32];
	struct stat status;

	return stat(database_path(node, node->life, "-wal", path), &status) < 0 ? 0 : (size_t)status.st_size;
}

/* What was written is on the disk: messages leave, and the tenant is told. */
static void sync_node(struct twin *twin, struct node *node)
{
	node->durable = log_size(node);
	node->sync_at = twin->now + (int64_t)random_below(&twin->random, SYNC_MOST);
	for (uint32_t i = 0; i < MESSAGES; i++) {
		struct message *message = &twin->messages[i];

		if (message->at == 0 || !message->kept || message->from != node->number)
			continue;
		message->kept = false;
		message->at += twin->now;
	}
	for (uint32_t i = 0; i < twin->ever_count; i++)
		twin->ever[i].kept = twin->ever[i].kept && twin->ever[i].node != node->number;
	for (uint32_t i = 0; node->number == TWIN_EDGE && i < twin->promise_count; i++) {
		twin->promises[i].told = true;
		twin->promises[i].granted = twin->promises[i].grants > 0;
	}
}

void twin_start(struct twin *twin, uint32_t number)
{
	struct node *node = &twin->nodes[number];
	char path[PATH + 32];

	if (node->alive)
		return;
	T_OK(database_open(database_path(node, node->life, "", path), &node->database));
	/* What is on the disk is the twin's own affair: the log is the journal, and only grows. */
	T_OK(database_execute(node->database, "PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0"));
	T_OK(usage_open(node->database, &node->usage));
	(void)snprintf(path, sizeof(path), "%s/blobs", node->folder);
	T_OK(store_open(path, 1 << 30, &node->store));
	open_book(node);
	open_owner(node);
	open_tasks(node);
	node->alive = true;
	sync_node(twin, node);
	on_changed(node);
}

static void copy_file(const char *from, const char *to, size_t size)
{
	uint8_t bytes[65536];
	FILE *source = fopen(from, "re"), *target = fopen(to, "we");

	T_TRUE(source != NULL && target != NULL);
	while (size > 0) {
		size_t got = fread(bytes, 1, MINIMUM(size, sizeof(bytes)), source);

		if (got == 0)
			break;
		T_EQ(fwrite(bytes, 1, got, target), got);
		size -= got;
	}
	(void)fclose(source);
	T_EQ(fclose(target), 0);
}

/* Takes what is on the disk to a new place. */
static void copy_database(struct node *node)
{
	char from[PATH + 32], to[PATH + 32];

	copy_file(database_path(node, node->life, "", from), database_path(node, node->life + 1, "", to),
	          SIZE_MAX);
	if (node->durable > 0)
		copy_file(database_path(node, node->life, "-wal", from),
		          database_path(node, node->life + 1, "-wal", to), node->durable);
}

static void drop_starts(struct twin *twin, const struct node *node)
{
	for (uint32_t i = 0; i < twin->ever_count;)
		if (twin->ever[i].kept && twin->ever[i].node == node->number)
			twin->ever[i] = twin->ever[--twin->ever_count];
		else
			i++;
}

/* What has not left the node, or was for itself alone, is gone; the tenant never heard the rest. */
static void drop_unsaid(struct twin *twin, struct node *node)
{
	for (uint32_t i = 0; i < MESSAGES; i++) {
		struct message *message = &twin->messages[i];

		if (message->from == node->number && (message->kept || message->node == node->number))
			message->at = 0;
	}
	for (uint32_t i = 0; node->number == TWIN_EDGE && i < twin->promise_count;)
		if (twin->promises[i].told) {
			if (!twin->promises[i].granted)
				twin->promises[i].grants = 0;
			i++;
		} else {
			twin->promises[i] = twin->promises[--twin->promise_count];
		}
}

void twin_kill(struct twin *twin, uint32_t number)
{
	struct node *node = &twin->nodes[number];
	char path[PATH + 32];

	if (!node->alive)
		return;
	node->alive = false;
	copy_database(node);
	drop_starts(twin, node);
	drop_unsaid(twin, node);
	memset(node->runs, 0, sizeof(node->runs));
	node->flow_count = 0;
	node->parcel.waits = false;
	node->tasks = tasks_free(node->tasks);
	node->owner = owner_free(node->owner);
	node->view = view_free(node->view);
	node->ledger = ledger_close(node->ledger);
	node->usage = usage_close(node->usage);
	node->database = database_close(node->database);
	node->store = store_close(node->store);
	node->book = book_free(node->book);
	(void)unlink(database_path(node, node->life, "", path));
	(void)unlink(database_path(node, node->life, "-wal", path));
	node->life++;
}

void twin_isolate(struct twin *twin, uint32_t node, bool isolated)
{
	twin->nodes[node].isolated = isolated;
}

void twin_mute(struct twin *twin, uint32_t node, bool mute)
{
	twin->nodes[node].mute = mute;
}

void twin_hush(struct twin *twin, uint32_t node, bool hushed)
{
	twin->nodes[node].hushed = hushed;
}

void twin_delay(struct twin *twin, uint32_t node, bool behind)
{
	twin->nodes[node].behind = behind;
}

void twin_stall(struct twin *twin, uint32_t node, bool stalled)
{
	twin->nodes[node].stalled = stalled;
}

void twin_clear_up(struct twin *twin)
{
	twin->weather = (struct twin_weather){0};
}

static void make_node(struct twin *twin, uint32_t number)
{
	struct node *node = &twin->nodes[number];

	node->driver.operations = &operations;
	node->twin = twin;
	node->number = number;
	node->identity = (struct gateway_identity){number + 1, 1};
	node->locator[0] = 0xfc;
	node->locator[5] = (uint8_t)(number + 1);
	segment_gateway_address(node->locator, node->address);
	(void)snprintf(node->folder, sizeof(node->folder), "%.200s/%s", twin->folder, names[number]);
	T_OK(file_make_folder(node->folder, 0700));
}

static struct twin *create(uint64_t seed, const struct twin_weather *weather, uint32_t nodes)
{
	struct twin *twin = calloc(1, sizeof(*twin));

	T_TRUE(twin != NULL);
	twin->node_count = nodes;
	random_seed(&twin->random, seed);
	twin->weather = *weather;
	twin->messages = calloc(MESSAGES, sizeof(*twin->messages));
	twin->ever = calloc(EVER_RUN, sizeof(*twin->ever));
	twin->ring = (struct seal_ring){.count = 1, .keys = {{.identifier = 1, .secret = {1, 2, 3}}}};
	twin->service.offer = (struct service_offer){.name = "work",
	                                             .version = "1",
	                                             .address = {0xfd, 1},
	                                             .cpu = 1000000,
	                                             .memory = 1 << 20,
	                                             .processes = 4,
	                                             .time = 3 * CLOCK_SECOND,
	                                             .price = 100,
	                                             .tariff = 150};
	twin->service.arguments[0] = "/service/work";
	/* In memory where there is such a place: the twin decides what a disk has. */
	(void)snprintf(twin->folder, sizeof(twin->folder), "%s/busbar-twin-XXXXXX",
	               access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	T_TRUE(mkdtemp(twin->folder) != NULL);
	for (uint32_t i = 0; i < twin->node_count; i++)
		make_node(twin, i);
	for (uint32_t i = twin->node_count; i-- > 0;)
		twin_start(twin, i);
	return twin;
}

struct twin *twin_create(uint64_t seed, const struct twin_weather *weather)
{
	return create(seed, weather, TWIN_NODES);
}

struct twin *twin_create_wide(uint64_t seed, const struct twin_weather *weather)
{
	return create(seed, weather, TWIN_WIDE_NODES);
}

void twin_free(struct twin *twin)
{
	for (uint32_t i = 0; i < twin->node_count; i++)
		twin_kill(twin, i);
	T_OK(file_remove_tree(twin->folder));
	free(twin->messages);
	free(twin->ever);
	free(twin);
}

/* Submits what was planned while the view had what it has no more. */
static int submit_late(struct node *edge, struct node *gone, struct task_request *request)
{
	struct arena *arena = arena_create(1 << 20);
	struct plan plan;
	int code = task_quote(edge->tasks, request, arena, &plan);

	T_TRUE(code == 0 && plan.status == 0);
	T_OK(view_remove_site(edge->view, gone->identity));
	request->plan = &plan;
	code = task_submit(edge->tasks, request);
	arena_free(arena);
	return code;
}

int twin_demand(struct twin *twin, const char *text, struct identifier *ret_task)
{
	return twin_demand_late(twin, text, TWIN_NODES, ret_task);
}

int twin_demand_late(struct twin *twin, const char *text, uint32_t gone, struct identifier *ret_task)
{
	struct node *edge = &twin->nodes[TWIN_EDGE];
	struct arena *arena = arena_create(1 << 20);
	struct grammar_problem problem;
	struct task_request request = {
	        .tenant = "demo",
	        .spot = true,
	        .place = {.client = {0xfd, 9}, .access_up = 1000, .access_down = 1000}};
	struct demand demand;
	int code = grammar_parse_demand(text, strlen(text), "twin", arena, &demand, &problem);

	if (code < 0)
		fail_msg("%s", problem.text);
	demand.identifier = identifier_make(read_wall(twin), &twin->random);
	request.demand = &demand;
	T_TRUE(twin->promise_count < PROMISES);
	twin->promises[twin->promise_count++] =
	        (struct promise){.task = demand.identifier, .time = demand.body.reserve_time};
	code = gone < TWIN_NODES ? submit_late(edge, &twin->nodes[gone], &request)
	                         : task_submit(edge->tasks, &request);
	if (code < 0)
		twin->promise_count--;
	if (code == 0 && ret_task != NULL)
		*ret_task = demand.identifier;
	arena_free(arena);
	return code;
}

int twin_follow(struct twin *twin, const struct identifier *task, uint32_t node, bool again)
{
	const struct task_place place = {.edge = twin->nodes[node].identity,
	                                 .client = {0xfd, 9, [15] = (uint8_t)(node + 1)},
	                                 .access_up = 2000,
	                                 .access_down = 2000};

	if (!again)
		twin->said = read_wall(twin);
	return task_follow(twin->nodes[TWIN_EDGE].tasks, task, &place, twin->said);
}

uint32_t twin_moves(struct twin *twin, const struct identifier *task, int *ret_code)
{
	const struct promise *promise = find_promise(twin, task);

	*ret_code = promise->move_code;
	return promise->moves;
}

/* A packet at a node: End is the kernel's, functions are the owner's. */
static void take_packet(struct node *node, struct message *message)
{
	struct packet packet;

	if (segment_function(message->bytes + 24) == SEGMENT_FUNCTION_END) {
		T_OK(packet_advance(message->bytes, message->size, 1));
		send_packet(node, message->bytes, message->size);
		return;
	}
	if (node->mute)
		return;
	T_OK(packet_decode(message->bytes, message->size, &node->twin->ring, &packet));
	owner_receive(node->owner, &packet, message->bytes, message->size);
}

static void take_answer(struct node *node, const struct answer *answer)
{
	if (answer->type == ANSWER_ACKNOWLEDGE)
		owner_acknowledged(node->owner, &answer->program, answer->acknowledged);
	else if (node->tasks != NULL)
		task_answer(node->tasks, answer);
}

static void take_messages(struct twin *twin)
{
	for (uint32_t i = 0; i < MESSAGES; i++) {
		struct message message;
		struct node *node;

		if (twin->messages[i].at == 0 || twin->messages[i].kept || twin->messages[i].at > twin->now ||
		    twin->nodes[twin->messages[i].node].stalled)
			continue;
		message = twin->messages[i];
		node = &twin->nodes[message.node];
		twin->messages[i].at = 0;
		if (!node->alive)
			continue;
		if (message.answer)
			take_answer(node, &message.content);
		else
			take_packet(node, &message);
	}
}

void twin_run(struct twin *twin, int64_t time)
{
	for (int64_t end = twin->now + time; twin->now < end; twin->now += STEP) {
		take_messages(twin);
		for (uint32_t i = 0; i < twin->node_count; i++) {
			struct node *node = &twin->nodes[i];

			if (!node->alive)
				continue;
			end_runs(node);
			(void)owner_tick(node->owner);
			if (node->tasks != NULL)
				(void)task_tick(node->tasks);
			if (node->view != NULL)
				(void)view_expire(node->view, read_wall(twin));
			if (twin->now >= node->sync_at)
				sync_node(twin, node);
		}
	}
}

static bool is_settled(struct twin *twin)
{
	if (task_open_attempts(twin->nodes[TWIN_EDGE].tasks) > 0)
		return false;
	for (uint32_t i = 0; i < twin->node_count; i++)
		if (owner_holding_count(twin->nodes[i].owner) > 0)
			return false;
	return true;
}

bool twin_settle(struct twin *twin, int64_t time)
{
	for (int64_t end = twin->now + time; twin->now < end;) {
		twin_run(twin, 100 * CLOCK_MILLISECOND);
		if (is_settled(twin)) {
			twin_run(twin, 10 * CLOCK_SECOND); /* the last acknowledgements */
			return true;
		}
	}
	return false;
}

void twin_check_book(struct twin *twin, uint32_t number)
{
	struct node *node = &twin->nodes[number];
	struct resource_offer offer;
	struct link_offer link;

	for (size_t i = 0; book_resource_at(node->book, i, &offer) == 0; i++)
		T_EQ(offer.free, offer.capacity);
	for (size_t i = 0; book_link_at(node->book, i, &link) == 0; i++)
		T_EQ(link.free, link.capacity);
	T_EQ(book_count(node->book), 0);
}

/* What the node metered for the edge against what the edge billed for it. */
static void check_owner(struct node *node, const struct ledger_check *check)
{
	struct ledger_summary metered[8] = {{.count = 0}}, billed = {.count = 0};
	int count = usage_summary(node->usage, metered, ARRAY_SIZE(metered));

	T_TRUE(count >= 0 && count <= 1);
	for (uint32_t i = 0; i < check->summary_count; i++)
		if (gateway_equal(check->summaries[i].owner, node->identity))
			billed = check->summaries[i];
	T_EQ(billed.count, metered[0].count);
	T_EQ(billed.total, metered[0].total);
	T_BYTES(billed.digest, metered[0].digest, sizeof(billed.digest));
}

static bool was_run(const struct twin *twin, const struct identifier *program)
{
	for (uint32_t i = 0; i < twin->ever_count; i++)
		if (identifier_equal(&twin->ever[i].program, program))
			return true;
	return false;
}

/* How many of the attempts at a part have run. */
static uint32_t count_runs(const struct twin *twin, const struct task_record *record, uint32_t part)
{
	uint32_t count = 0;

	for (uint32_t number = 1; number <= record->parts[part].attempts; number++) {
		struct identifier program = identifier_derive(&record->identifier, part << 8 | number);

		count += was_run(twin, &program);
	}
	return count;
}

uint32_t twin_runs(struct twin *twin, const struct identifier *task)
{
	struct task_record record;
	uint32_t count = 0;

	twin_read(twin, task, &record);
	for (uint32_t i = 0; i < record.part_count; i++)
		count += count_runs(twin, &record, i);
	task_record_clear(&record);
	return count;
}

/* At most one execution of a part, whatever its programs were. */
static void check_runs(struct twin *twin)
{
	for (uint32_t i = 0; i < twin->promise_count; i++) {
		struct task_record record;

		twin_read(twin, &twin->promises[i].task, &record);
		for (uint32_t part = 0; part < record.part_count; part++)
			T_TRUE(count_runs(twin, &record, part) <= 1);
		task_record_clear(&record);
	}
}

void twin_check(struct twin *twin)
{
	struct ledger_check check;

	check_runs(twin);

	T_OK(ledger_check(twin->nodes[TWIN_EDGE].ledger, &check));
	T_EQ(check.entries_sum, 0);
	T_EQ(check.escrow, 0);
	T_EQ(check.open_programs, 0);
	T_EQ(check.disputes, 0);
	for (uint32_t i = 0; i < twin->node_count; i++) {
		twin_check_book(twin, i);
		check_owner(&twin->nodes[i], &check);
		T_EQ(twin->nodes[i].flow_count, 0);
		for (uint32_t j = 0; j < RUNS; j++)
			T_EQ(twin->nodes[i].runs[j].ends, 0);
	}
}

/* Nothing is held past its end (a step may not have looked yet), and flows are those of what is held. */
static void check_held(struct twin *twin, const struct node *node)
{
	if (!node->alive)
		return;
	T_TRUE(book_next_expiry(node->book) > read_wall(twin) - 2 * STEP);
	for (uint32_t i = 0; i < node->flow_count; i++)
		T_TRUE(book_find(node->book, &node->flows[i].program) != NULL);
}

static void check_owners(struct twin *twin, const struct program *program)
{
	for (uint32_t i = 0; i < program->instruction_count; i++)
		for (uint32_t j = 0; j < twin->node_count; j++) {
			struct node *node = &twin->nodes[j];

			if (!node->alive || !gateway_equal(program->instructions[i].at, node->identity) ||
			    program->instructions[i].operation == OPERATION_FORWARD)
				continue;
			if (book_find(node->book, &program->identifier) == NULL)
				fail_msg("a granted reservation is not at %s", names[j]);
		}
}

void twin_check_grants(struct twin *twin)
{
	struct node *edge = &twin->nodes[TWIN_EDGE];

	for (uint32_t i = 0; i < twin->node_count; i++)
		check_held(twin, &twin->nodes[i]);
	for (uint32_t i = 0; edge->alive && i < twin->promise_count; i++) {
		const struct promise *promise = &twin->promises[i];
		struct task_record record;
		struct program program;

		if (!promise->told)
			continue;
		T_OK(task_read(edge->tasks, &promise->task, &record));
		if (promise->granted && record.state == TASK_GRANTED &&
		    promise->ends > twin->now + CLOCK_SECOND) {
			T_OK(task_program(edge->tasks, &promise->task, 1, &program));
			check_owners(twin, &program);
		}
		task_record_clear(&record);
	}
}

bool twin_hold_output(struct twin *twin, uint32_t number, bool hold)
{
	struct node *node = &twin->nodes[number];
	bool waits = node->parcel.waits;

	node->holds_outputs = hold;
	if (!hold && waits) {
		node->parcel.waits = false;
		hand_over(node, &node->parcel);
	}
	return waits;
}

uint32_t twin_grants(struct twin *twin, const struct identifier *task)
{
	return find_promise(twin, task)->grants;
}

uint32_t twin_flows(struct twin *twin, uint32_t node)
{
	return twin->nodes[node].flow_count;
}

const struct owner_flow *twin_flow(struct twin *twin, uint32_t node)
{
	return &twin->nodes[node].flows[0];
}

uint64_t twin_free_rate(struct twin *twin, uint32_t node, uint32_t toward)
{
	struct link_offer link;

	for (size_t i = 0; book_link_at(twin->nodes[node].book, i, &link) == 0; i++)
		if (gateway_equal(link.toward, twin->nodes[toward].identity))
			return link.free;
	return 0;
}

void twin_cancel(struct twin *twin, const struct identifier *task)
{
	T_OK(task_cancel(twin->nodes[TWIN_EDGE].tasks, task));
}

void twin_read(struct twin *twin, const struct identifier *task, struct task_record *ret_record)
{
	T_OK(task_read(twin->nodes[TWIN_EDGE].tasks, task, ret_record));
}

struct random *twin_random(struct twin *twin)
{
	return &twin->random;
}

uint64_t twin_free_cores(struct twin *twin, uint32_t node)
{
	struct resource_offer offer;

	return book_resource_at(twin->nodes[node].book, 0, &offer) < 0 ? 0 : offer.free;
}

money twin_balance(struct twin *twin, const char *account)
{
	money balance;

	T_OK(ledger_balance(twin->nodes[TWIN_EDGE].ledger, account, &balance));
	return balance;
}
