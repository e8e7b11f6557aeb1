/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load: sends one demand over and over, each time under a new identifier, and says how it was answered.
 *
 *   load GATEWAY KEY SECRET TYPE DEMAND [option=value ...]
 *
 * GATEWAY is [address]:port, SECRET 64 hexadecimal digits, TYPE run, call or reserve, DEMAND a file.
 *   rate=N         demands a second; 0 (default): as fast as `outstanding` allows
 *   outstanding=N  most demands that wait for their answer (default 64)
 *   sockets=N      client sockets, so that the gateway can spread them (default 4)
 *   seconds=N      how long (default 5); count=N: how many (default: no limit)
 *   log=FILE       a line for every demand that is answered: identifier, wall clock in ns, state, code
 *
 * A demand is answered when a reservation is granted or has failed, a call has its result, a run is taken on.
 * What is not answered is sent again with the same octets, after 250 ms, doubling up to 2 s, as clients do.
 * The last line on standard output is a JSON object; latencies are from the first sending, in microseconds.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/random.h"
#include "grammar/grammar.h"
#include "wire/datagram.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BATCH = 64,
	OUTSTANDING = 65536,
	SOCKETS = 64,
	OCTETS = 2048,
	SAMPLES = 4 << 20,
	TASK_GRANTED = 2, /* docs/wire.md 12 */
	TASK_DONE = 5,
};
#define REPEAT_FIRST (250 * CLOCK_MILLISECOND)
#define REPEAT_MOST (2 * CLOCK_SECOND)
#define GRACE (5 * CLOCK_SECOND)

/* A demand under way. */
struct flight {
	struct identifier identifier;
	int64_t started, sent, patience;
	int socket;
	size_t size;
	uint8_t octets[DATAGRAM_MAXIMUM];
};

struct load {
	/* what was asked for */
	struct sockaddr_in6 gateway;
	uint32_t key;
	uint8_t secret[SEAL_SECRET];
	enum datagram_type type;
	struct demand demand;
	int64_t rate, outstanding, sockets, seconds, count;
	FILE *log;
	/* state */
	struct random random;
	int descriptors[SOCKETS];
	struct flight *flights, **idle;
	size_t idle_count;
	struct hash *by_identifier;
	int64_t begin, checked;
	/* results */
	uint64_t sent, repeated, granted, failed, refused[ERROR_COUNT], strange;
	int64_t last_answer;
	uint32_t *samples; /* microseconds */
	size_t sample_count;
};

static void die(const char *what, int code)
{
	fprintf(stderr, "load: %s: %s\n", what, error_text(code));
	exit(2);
}

static int64_t now(void)
{
	return clock_monotonic(&clock_system);
}

/* Sending. */

/* Messages that leave together by one socket. */
struct batch {
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	unsigned count;
};

static void flush(struct load *load, struct batch *batch, int socket)
{
	unsigned done = 0;

	while (done < batch->count) {
		int sent =
		        sendmmsg(load->descriptors[socket], batch->messages + done, batch->count - done, 0);

		if (sent < 0 && errno != EINTR && errno != EAGAIN && errno != ECONNREFUSED &&
		    errno != ENOBUFS)
			die("sendmmsg", -errno);
		if (sent < 0)
			break; /* as lost on the way: sent again */
		done += (unsigned)sent;
	}
	batch->count = 0;
}

static void add(struct load *load, struct batch *batch, struct flight *flight)
{
	unsigned at = batch->count++;

	batch->vectors[at] = (struct iovec){flight->octets, flight->size};
	batch->messages[at] = (struct mmsghdr){.msg_hdr = {.msg_iov = &batch->vectors[at], .msg_iovlen = 1}};
	if (batch->count == BATCH)
		flush(load, batch, flight->socket);
}

static struct flight *start(struct load *load, int socket)
{
	struct flight *flight = load->idle[--load->idle_count];
	struct datagram datagram = {.type = load->type, .key = load->key, .sent = clock_wall(&clock_system)};
	int size;

	flight->identifier = datagram.identifier = identifier_make(datagram.sent, &load->random);
	size = datagram_encode(&datagram, &load->demand, load->secret, flight->octets,
	                       sizeof(flight->octets));
	if (size < 0)
		die("demand", size);
	flight->size = (size_t)size;
	flight->socket = socket;
	flight->started = flight->sent = now();
	flight->patience = REPEAT_FIRST;
	if (hash_put(load->by_identifier, flight->identifier.octets, flight) < 0)
		die("table", -ENOMEM);
	load->sent++;
	return flight;
}

/* How many demands may be started now. */
static int64_t due(const struct load *load, int64_t elapsed)
{
	int64_t room = MINIMUM((int64_t)load->idle_count, load->count - (int64_t)load->sent);

	if (elapsed >= load->seconds * CLOCK_SECOND)
		return 0;
	if (load->rate == 0)
		return room;
	return MINIMUM(room, elapsed / 1000 * load->rate / 1000000 + 1 - (int64_t)load->sent);
}

static void send_new(struct load *load)
{
	struct batch batch = {.count = 0};
	int64_t left = due(load, now() - load->begin);

	while (left > 0) {
		int socket = (int)(load->sent / BATCH % (uint64_t)load->sockets);

		for (int64_t i = 0; i < BATCH && left > 0; i++, left--)
			add(load, &batch, start(load, socket));
		flush(load, &batch, socket);
	}
}

/* Looks at everything under way, now and then. */
static void send_again(struct load *load)
{
	int64_t at = now();

	if (at - load->checked < 20 * CLOCK_MILLISECOND)
		return;
	load->checked = at;
	for (int64_t i = 0; i < load->outstanding; i++) {
		struct flight *flight = &load->flights[i];
		struct batch batch = {.count = 0};

		if (flight->size == 0 || at - flight->sent < flight->patience)
			continue;
		flight->sent = at;
		flight->patience = MINIMUM(flight->patience * 2, REPEAT_MOST);
		load->repeated++;
		add(load, &batch, flight);
		flush(load, &batch, flight->socket);
	}
}

/* Receiving. */

static void land(struct load *load, struct flight *flight, uint32_t state, int32_t code)
{
	int64_t at = now();
	char text[IDENTIFIER_TEXT];

	if (code != 0)
		load->failed++;
	else
		load->granted++;
	load->last_answer = at;
	if (load->sample_count < SAMPLES)
		load->samples[load->sample_count++] = (uint32_t)((at - flight->started) / 1000);
	if (load->log != NULL)
		fprintf(load->log, "%s %lld %u %d\n", identifier_text(&flight->identifier, text),
		        (long long)clock_wall(&clock_system), state, code);
	(void)hash_remove(load->by_identifier, flight->identifier.octets);
	flight->size = 0;
	load->idle[load->idle_count++] = flight;
}

static const uint8_t *find_secret(void *context, uint32_t key)
{
	const struct load *load = context;

	return key == load->key ? load->secret : NULL;
}

static bool is_final(const struct load *load, const struct datagram *reply)
{
	switch (load->type) {
	case DATAGRAM_CALL:
		return reply->task.state >= TASK_DONE && reply->task.code != 0;
	case DATAGRAM_RESERVE:
		return reply->task.state >= TASK_GRANTED;
	default:
		return true;
	}
}

static void take(struct load *load, const uint8_t *bytes, size_t size)
{
	struct datagram reply = {.type = 0};
	int code = datagram_decode(bytes, size, find_secret, load, NULL, &reply, NULL);
	struct flight *flight = code < 0 ? NULL : hash_get(load->by_identifier, reply.identifier.octets);

	if (flight == NULL) {
		load->strange++;
		return;
	}
	switch (reply.type) {
	case DATAGRAM_ERROR:
		if (load->refused[error_index(reply.error.code)]++ == 0)
			fprintf(stderr, "load: the first of its kind: %s\n", reply.error.text);
		land(load, flight, 0, reply.error.code);
		break;
	case DATAGRAM_TASK:
		if (is_final(load, &reply))
			land(load, flight, reply.task.state, reply.task.code);
		break;
	case DATAGRAM_RESULT:
		land(load, flight, TASK_DONE, reply.result.code);
		break;
	default:
		load->strange++;
	}
}

static bool receive(struct load *load, int socket)
{
	static uint8_t buffers[BATCH][OCTETS];
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	int got;

	for (unsigned i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){buffers[i], OCTETS};
		messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &vectors[i], .msg_iovlen = 1}};
	}
	got = recvmmsg(load->descriptors[socket], messages, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < got; i++)
		take(load, buffers[i], messages[i].msg_len);
	return got > 0;
}

static void wait_for_replies(struct load *load)
{
	struct pollfd polls[SOCKETS];

	for (int64_t i = 0; i < load->sockets; i++)
		polls[i] = (struct pollfd){.fd = load->descriptors[i], .events = POLLIN};
	(void)poll(polls, (nfds_t)load->sockets, 1);
}

static void run(struct load *load)
{
	bool finished = false;

	load->begin = now();
	while (!finished) {
		bool busy = false;
		int64_t elapsed = now() - load->begin;

		send_new(load);
		for (int i = 0; i < load->sockets; i++)
			busy = receive(load, i) || busy;
		send_again(load);
		finished = (int64_t)load->idle_count == load->outstanding &&
		           (elapsed >= load->seconds * CLOCK_SECOND || (int64_t)load->sent >= load->count);
		finished = finished || elapsed > load->seconds * CLOCK_SECOND + GRACE;
		if (!busy && !finished)
			wait_for_replies(load);
	}
}

/* The report. */

static int compare(const void *a, const void *b)
{
	uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;

	return first < second ? -1 : first > second;
}

static uint32_t quantile(const struct load *load, double share)
{
	return load->sample_count == 0 ? 0
	                               : load->samples[(size_t)((double)(load->sample_count - 1) * share)];
}

static void report(struct load *load)
{
	double seconds = (double)(load->last_answer - load->begin) / 1e9;
	uint64_t answered = load->granted + load->failed;

	qsort(load->samples, load->sample_count, sizeof(load->samples[0]), compare);
	printf("{\"sent\": %llu, \"granted\": %llu, \"failed\": %llu, \"unanswered\": %lld, \"repeated\": "
	       "%llu, "
	       "\"strange\": %llu, \"seconds\": %.3f, \"per_second\": %.1f, \"p50_us\": %u, \"p99_us\": %u, "
	       "\"max_us\": %u, \"refused\": {",
	       (unsigned long long)load->sent, (unsigned long long)load->granted,
	       (unsigned long long)load->failed, (long long)(load->sent - answered),
	       (unsigned long long)load->repeated, (unsigned long long)load->strange, seconds,
	       seconds > 0 ? (double)load->granted / seconds : 0, quantile(load, 0.5), quantile(load, 0.99),
	       quantile(load, 1));
	for (unsigned i = 0, some = 0; i < ERROR_COUNT; i++) {
		const char *name = error_name(error_code_at(i));

		if (load->refused[i] == 0)
			continue;
		printf("%s\"%s\": %llu", some++ > 0 ? ", " : "", name == NULL ? "OTHER" : name,
		       (unsigned long long)load->refused[i]);
	}
	printf("}}\n");
}

/* Arguments. */

static void parse_gateway(struct load *load, const char *text)
{
	char address[INET6_ADDRSTRLEN + 1];
	unsigned port;

	load->gateway.sin6_family = AF_INET6;
	if (sscanf(text, "[%46[0-9a-fA-F:.]]:%u", address, &port) != 2 || port > UINT16_MAX ||
	    inet_pton(AF_INET6, address, &load->gateway.sin6_addr) != 1)
		die(text, BUSBAR_ERROR_BAD_VALUE);
	load->gateway.sin6_port = htons((uint16_t)port);
}

static void read_demand(struct load *load, const char *path, struct arena *arena)
{
	char *text = arena_alloc(arena, GRAMMAR_TEXT);
	FILE *file = fopen(path, "re");
	struct grammar_problem problem;
	size_t size;
	int code;

	if (file == NULL || text == NULL)
		die(path, -errno);
	size = fread(text, 1, GRAMMAR_TEXT, file);
	(void)fclose(file);
	code = grammar_parse_demand(text, size, path, arena, &load->demand, &problem);
	if (code < 0)
		die(problem.text, code);
}

static void parse_option(struct load *load, const char *text)
{
	const struct {
		const char *name;
		int64_t *value;
		int64_t least, most;
	} numbers[] = {
	        {"rate=", &load->rate, 0, INT64_MAX},
	        {"outstanding=", &load->outstanding, 1, OUTSTANDING},
	        {"sockets=", &load->sockets, 1, SOCKETS},
	        {"seconds=", &load->seconds, 1, 86400},
	        {"count=", &load->count, 1, INT64_MAX},
	};

	if (strncmp(text, "log=", 4) == 0) {
		load->log = fopen(text + 4, "we");
		if (load->log == NULL)
			die(text, -errno);
		(void)setvbuf(load->log, NULL, _IOLBF, 0);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		size_t length = strlen(numbers[i].name);
		char *end;

		if (strncmp(text, numbers[i].name, length) != 0)
			continue;
		*numbers[i].value = strtoll(text + length, &end, 10);
		if (*end != '\0' || end == text + length || *numbers[i].value < numbers[i].least ||
		    *numbers[i].value > numbers[i].most)
			die(text, BUSBAR_ERROR_BAD_VALUE);
		return;
	}
	die(text, BUSBAR_ERROR_UNKNOWN_FIELD);
}

static void open_sockets(struct load *load)
{
	const int size = 4 << 20;

	for (int64_t i = 0; i < load->sockets; i++) {
		int descriptor = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		if (descriptor < 0)
			die("socket", -errno);
		(void)setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
		if (connect(descriptor, (const struct sockaddr *)&load->gateway, sizeof(load->gateway)) < 0)
			die("connect", -errno);
		load->descriptors[i] = descriptor;
	}
}

static void make_tables(struct load *load)
{
	size_t count = (size_t)load->outstanding;

	load->flights = calloc(count, sizeof(*load->flights));
	load->idle = calloc(count, sizeof(struct flight *));
	load->samples = malloc(SAMPLES * sizeof(*load->samples));
	load->by_identifier = hash_create(sizeof(struct identifier), count, 1);
	if (load->flights == NULL || load->idle == NULL || load->samples == NULL ||
	    load->by_identifier == NULL)
		die("tables", -ENOMEM);
	for (size_t i = 0; i < count; i++)
		load->idle[load->idle_count++] = &load->flights[i];
}

int main(int count, char **words)
{
	static const char *const types[] = {"run", "call", "reserve"};
	static const enum datagram_type type_numbers[] = {DATAGRAM_RUN, DATAGRAM_CALL, DATAGRAM_RESERVE};
	struct load load = {.outstanding = 64, .sockets = 4, .seconds = 5, .count = INT64_MAX};
	struct arena *arena = arena_create(1 << 20);
	uint64_t seed;

	if (count < 6)
		die("GATEWAY KEY SECRET TYPE DEMAND [option=value ...]", BUSBAR_ERROR_MISSING_FIELD);
	if (arena == NULL || random_system(&seed, sizeof(seed)) < 0)
		die("memory", -ENOMEM);
	random_seed(&load.random, seed);
	parse_gateway(&load, words[1]);
	load.key = (uint32_t)strtoul(words[2], NULL, 10);
	if (hex_parse(words[3], load.secret, sizeof(load.secret)) < 0)
		die("secret", BUSBAR_ERROR_BAD_VALUE);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(words[4], types[i]) == 0)
			load.type = type_numbers[i];
	if (load.type == 0)
		die(words[4], BUSBAR_ERROR_BAD_VALUE);
	read_demand(&load, words[5], arena);
	for (int i = 6; i < count; i++)
		parse_option(&load, words[i]);
	open_sockets(&load);
	make_tables(&load);
	run(&load);
	report(&load);
	return load.sent == load.granted + load.failed ? 0 : 1;
}
