/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feed: a BGP peer that says what many sites would say, or only listens and tells when what came.
 *
 *   feed LOCAL REMOTE PORT AS SITES SERVICES SECRET [anycast]
 *
 * Connects from address LOCAL to a route reflector at [REMOTE]:PORT. Site i of SITES (from 1) is gateway i.1;
 * it has a locator and SERVICES services, all sealed with the domain key 1 of SECRET (64 hexadecimal digits).
 * Each service has an address of its own, or with `anycast` the one of its name, and then ADD-PATH and an
 * originator for each site tell the routes apart. Prints "up" when the session is established.
 *
 * Commands on standard input, each with a line on standard output when it is done:
 *
 *   all               announces everything: all ROUTES STARTED
 *   pace RATE COUNT   announces COUNT services again, RATE a second, each with another price: paced COUNT
 *   price COUNT       changes one price COUNT times, 20 to 90 ms apart: price SEQUENCE SENT, each time,
 *                     and priced COUNT
 *   listen            from now on, for every service: came SEQUENCE RECEIVED; listening
 *   withdraw SITE     withdraws what the site has announced: withdrawn ROUTES STARTED
 *
 * Times are of the monotonic clock, ns; a SEQUENCE is the attribute's. The end of standard input is the end.
 */
#include "base/clock.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/random.h"
#include "bgp/message.h"
#include "bgp/update.h"
#include "wire/attribute.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HOLD = 240, INPUT = 1 << 18, ATTRIBUTE_CODE = 255, IDENTIFIER = 0x0a000000, NAME = 64 };

struct feed {
	struct sockaddr_in6 local, remote;
	uint32_t as, sites, services;
	bool anycast, listens;
	struct seal_key key;
	int socket;
	size_t maximum; /* octets of a message */
	struct update_form form;
	uint64_t sequence;
	int64_t price;
	struct random random;
	size_t input_size;
	uint8_t input[INPUT];
};

_Noreturn static void die(const char *what, int code)
{
	fprintf(stderr, "feed: %s: %s\n", what, code < 0 ? error_text(code) : strerror(errno));
	exit(1);
}

static void send_all(struct feed *feed, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t sent = send(feed->socket, bytes, size, MSG_NOSIGNAL);

		if (sent < 0)
			die("send", 0);
		bytes += sent;
		size -= (size_t)sent;
	}
}

static void locator_of(uint32_t site, uint8_t prefix[16])
{
	memset(prefix, 0, 16);
	prefix[0] = 0xfc;
	prefix[1] = 0xbb;
	prefix[2] = (uint8_t)(site >> 24);
	prefix[3] = (uint8_t)(site >> 16);
	prefix[4] = (uint8_t)(site >> 8);
	prefix[5] = (uint8_t)site;
}

static void service_address(const struct feed *feed, uint32_t site, uint32_t service, uint8_t address[16])
{
	const uint32_t place = feed->anycast ? 0 : htonl(site), number = htonl(service);

	memset(address, 0, 16);
	address[0] = 0xfd;
	address[3] = 0x5e;
	memcpy(address + 4, &number, 4);
	memcpy(address + 8, &place, 4);
	address[15] = 1;
}

static struct attribute_header header_of(struct feed *feed, enum attribute_content content, uint32_t site)
{
	const uint64_t now = (uint64_t)clock_wall(&clock_system);

	feed->sequence = MAXIMUM(feed->sequence + 1, now);
	return (struct attribute_header){.content = content,
	                                 .sender = {.site = site, .gateway = 1},
	                                 .sequence = feed->sequence,
	                                 .domain_count = 1,
	                                 .domain = {feed->as}};
}

static int encode_site(struct feed *feed, uint32_t index, const uint8_t prefix[16], uint8_t *bytes,
                       size_t size)
{
	const struct attribute_header header = header_of(feed, ATTRIBUTE_SITE, index);
	struct site site = {.identity = header.sender,
	                    .operator= "bench",
	                    .region = "bench",
	                    .model = SUPPLY_CLOUD,
	                    .gflops_per_core = 10000000,
	                    .measured = clock_wall(&clock_system),
	                    .validity = 3600 * CLOCK_SECOND,
	                    .resource_count = 3};
	static const enum resource_kind kinds[] = {RESOURCE_CPU, RESOURCE_MEMORY, RESOURCE_STORAGE};

	memcpy(site.locator, prefix, 16);
	(void)snprintf(site.name, sizeof(site.name), "site-%u", index);
	for (uint32_t i = 0; i < site.resource_count; i++)
		site.resources[i] =
		        (struct resource_offer){.kind = kinds[i],
		                                .capacity = UINT64_C(64000000) << (10 * i),
		                                .free = UINT64_C(32000000) << (10 * i),
		                                .base = (money)(1000 + random_below(&feed->random, 1000)),
		                                .steepness = 8000,
		                                .tariff = 2000};
	return attribute_encode_site(&header, &site, prefix, GATEWAY_LOCATOR_BITS, &feed->key, bytes, size);
}

static int encode_service(struct feed *feed, uint32_t site, uint32_t index, const uint8_t prefix[16],
                          uint8_t *bytes, size_t size)
{
	const struct attribute_header header = header_of(feed, ATTRIBUTE_SERVICE, site);
	struct service_offer offer = {.site = header.sender,
	                              .version = "1",
	                              .score = (uint8_t)(1 + random_below(&feed->random, 10)),
	                              .cpu = 1000000,
	                              .memory = 1 << 28,
	                              .processes = 64,
	                              .time = (int64_t)(1 + random_below(&feed->random, 1000)) *
	                                      CLOCK_MILLISECOND,
	                              .running = (uint32_t)random_below(&feed->random, 100),
	                              .price = ++feed->price,
	                              .tariff = 1000000};

	memcpy(offer.address, prefix, 16);
	(void)snprintf(offer.name, sizeof(offer.name), "service-%u", index);
	return attribute_encode_service(&header, &offer, prefix, 128, &feed->key, bytes, size);
}

/* A whole UPDATE for one route; attribute NULL: a withdrawal. */
static size_t encode_update(const struct feed *feed, uint32_t site, const struct update_prefix *prefix,
                            const uint8_t *attribute, size_t attribute_size, uint8_t *message,
                            size_t capacity)
{
	struct update update = {.attributes = {.origin = UPDATE_ORIGIN_IGP,
	                                       .has_local_preference = true,
	                                       .local_preference = 100,
	                                       .has_opaque = true,
	                                       .opaque = attribute,
	                                       .opaque_size = attribute_size}};
	uint8_t wire[UPDATE_PREFIX_MAXIMUM];
	struct writer writer = writer_open(wire, sizeof(wire));
	uint32_t cluster = IDENTIFIER;
	struct update_nlri nlri;
	int size;

	update_put_prefix(&writer, prefix, feed->form.add_path);
	nlri = (struct update_nlri){wire, writer_size(&writer), feed->form.add_path};
	memcpy(update.attributes.next_hop, &feed->local.sin6_addr, 16);
	if (feed->anycast) { /* as a reflector that sites are clients of */
		update.attributes.has_originator = true;
		update.attributes.originator = IDENTIFIER + site;
		update.attributes.cluster_count = 1;
		update.attributes.clusters = &cluster;
	}
	if (attribute == NULL)
		update.withdrawn = nlri;
	else
		update.announced = nlri;
	size = update_encode(&feed->form, &update, message, capacity);
	if (size < 0)
		die("update", size);
	return (size_t)size;
}

/* Route 0 of a site is its locator, the others its services. */
static size_t encode_route(struct feed *feed, uint32_t site, uint32_t route, bool withdrawn, uint8_t *message)
{
	struct update_prefix prefix = {.length = route == 0 ? GATEWAY_LOCATOR_BITS : 128, .path_id = site};
	uint8_t attribute[ATTRIBUTE_MAXIMUM];
	int size = 0;

	if (route == 0)
		locator_of(site, prefix.address);
	else
		service_address(feed, site, route, prefix.address);
	if (!withdrawn)
		size = route == 0 ? encode_site(feed, site, prefix.address, attribute, sizeof(attribute))
		                  : encode_service(feed, site, route, prefix.address, attribute,
		                                   sizeof(attribute));
	if (size < 0)
		die("attribute", size);
	return encode_update(feed, site, &prefix, withdrawn ? NULL : attribute, (size_t)size, message,
	                     UPDATE_SIZE_MAXIMUM);
}

static uint64_t count_routes(const struct feed *feed)
{
	return (uint64_t)feed->sites * (feed->services + 1);
}

/* ---- the peer's side ---- */

static void send_keepalive(struct feed *feed)
{
	uint8_t bytes[MESSAGE_HEADER];
	int size = message_keepalive_encode(bytes, sizeof(bytes));

	if (size < 0)
		die("keepalive", size);
	send_all(feed, bytes, (size_t)size);
}

static void send_open(struct feed *feed)
{
	const struct message_open open = {.as = feed->as,
	                                  .identifier = IDENTIFIER + 0xffff - (uint32_t)feed->listens,
	                                  .hold_time = HOLD,
	                                  .ipv6_unicast = true,
	                                  .four_octet_as = true,
	                                  .extended_messages = true,
	                                  .add_path_receive = true,
	                                  .add_path_send = true};
	uint8_t bytes[MESSAGE_MAXIMUM];
	int size = message_open_encode(&open, bytes, sizeof(bytes));

	if (size < 0)
		die("open", size);
	send_all(feed, bytes, (size_t)size);
}

static void on_open(struct feed *feed, const struct message_frame *frame)
{
	struct message_error error;
	struct message_open open;

	if (message_open_decode(frame->body, frame->body_size, &open, &error) < 0)
		die("peer's OPEN", BUSBAR_ERROR_MALFORMED);
	feed->form.add_path = open.add_path_receive && open.add_path_send;
	if (feed->anycast && !feed->form.add_path)
		die("peer without ADD-PATH", BUSBAR_ERROR_BAD_VALUE);
	feed->maximum = open.extended_messages ? MESSAGE_EXTENDED : MESSAGE_MAXIMUM;
	send_keepalive(feed);
}

static void on_update(struct feed *feed, const struct message_frame *frame)
{
	struct attribute_header header;
	struct message_error error;
	struct update update;

	if (!feed->listens)
		return;
	if (update_decode(&feed->form, frame->body, frame->body_size, &update, &error) < 0)
		die("peer's UPDATE", BUSBAR_ERROR_MALFORMED);
	if (update.announced.size > 0 && update.attributes.has_opaque &&
	    attribute_peek(update.attributes.opaque, update.attributes.opaque_size, &header) == 0 &&
	    header.content == ATTRIBUTE_SERVICE)
		printf("came %llu %lld\n", (unsigned long long)header.sequence,
		       (long long)clock_monotonic(&clock_system));
}

/* Returns the type of message. */
static int on_message(struct feed *feed, const struct message_frame *frame)
{
	switch (frame->type) {
	case MESSAGE_OPEN:
		on_open(feed, frame);
		break;
	case MESSAGE_UPDATE:
		on_update(feed, frame);
		break;
	case MESSAGE_NOTIFICATION:
		fprintf(stderr, "feed: NOTIFICATION %u/%u\n", frame->body[0], frame->body[1]);
		exit(1);
	default:
		break;
	}
	return frame->type;
}

/* Reads what is there; true when a KEEPALIVE was among it. */
static bool receive(struct feed *feed)
{
	ssize_t size = recv(feed->socket, feed->input + feed->input_size, INPUT - feed->input_size, 0);
	struct message_frame frame;
	struct message_error error;
	size_t used = 0;
	bool alive = false;
	int taken;

	if (size <= 0)
		die("session ended", 0);
	feed->input_size += (size_t)size;
	while ((taken = message_frame(feed->input + used, feed->input_size - used, feed->maximum, &frame,
	                              &error)) > 0) {
		alive |= on_message(feed, &frame) == MESSAGE_KEEPALIVE;
		used += (size_t)taken;
	}
	if (taken < 0)
		die("frame", taken);
	memmove(feed->input, feed->input + used, feed->input_size - used);
	feed->input_size -= used;
	if (feed->listens)
		fflush(stdout);
	return alive;
}

/* Serves the session until `until`; with standard input, also until there is something on it (true). */
static bool serve(struct feed *feed, int64_t until, bool input)
{
	int64_t now;

	while ((now = clock_monotonic(&clock_system)) < until) {
		struct pollfd polled[] = {{.fd = feed->socket, .events = POLLIN},
		                          {.fd = 0, .events = POLLIN}};
		const struct timespec wait = {.tv_sec = (until - now) / CLOCK_SECOND,
		                              .tv_nsec = (until - now) % CLOCK_SECOND};

		if (ppoll(polled, input ? 2 : 1, &wait, NULL) < 0)
			die("poll", 0);
		if (polled[0].revents != 0)
			(void)receive(feed);
		if (input && polled[1].revents != 0)
			return true;
	}
	return false;
}

/* ---- commands ---- */

static void announce_all(struct feed *feed, const char *arguments)
{
	size_t capacity = (size_t)count_routes(feed) * 640, size = 0;
	uint8_t *bytes = malloc(capacity + UPDATE_SIZE_MAXIMUM);
	int64_t started;

	(void)arguments;
	if (bytes == NULL)
		die("memory", -ENOMEM);
	for (uint32_t site = 1; site <= feed->sites; site++)
		for (uint32_t route = 0; route <= feed->services && size < capacity; route++)
			size += encode_route(feed, site, route, false, bytes + size);
	if (size >= capacity)
		die("memory", BUSBAR_ERROR_TOO_LARGE);
	started = clock_monotonic(&clock_system);
	send_all(feed, bytes, size);
	free(bytes);
	printf("all %llu %lld\n", (unsigned long long)count_routes(feed), (long long)started);
}

static void announce_again(struct feed *feed, uint32_t site, uint32_t service)
{
	uint8_t message[UPDATE_SIZE_MAXIMUM];

	send_all(feed, message, encode_route(feed, site, service, false, message));
}

static void pace(struct feed *feed, const char *arguments)
{
	unsigned long rate = 0, count = 0;
	int64_t started = clock_monotonic(&clock_system);

	if (sscanf(arguments, "%lu %lu", &rate, &count) != 2 || rate == 0)
		die("pace", BUSBAR_ERROR_BAD_VALUE);
	for (unsigned long i = 0; i < count; i++) {
		(void)serve(feed, started + (int64_t)(i * (unsigned long)CLOCK_SECOND / rate), false);
		announce_again(feed, 1 + (uint32_t)random_below(&feed->random, feed->sites),
		               1 + (uint32_t)random_below(&feed->random, feed->services));
	}
	printf("paced %lu\n", count);
}

static void change_price(struct feed *feed, const char *arguments)
{
	unsigned long count = 0;

	if (sscanf(arguments, "%lu", &count) != 1)
		die("price", BUSBAR_ERROR_BAD_VALUE);
	for (unsigned long i = 0; i < count; i++) {
		int64_t now;

		(void)serve(feed,
		            clock_monotonic(&clock_system) + 20 * CLOCK_MILLISECOND +
		                    (int64_t)random_below(&feed->random, 70 * CLOCK_MILLISECOND),
		            false);
		now = clock_monotonic(&clock_system);
		announce_again(feed, 1, 1);
		printf("price %llu %lld\n", (unsigned long long)feed->sequence, (long long)now);
	}
	printf("priced %lu\n", count);
}

static void listen_from_now(struct feed *feed, const char *arguments)
{
	(void)arguments;
	feed->listens = true;
	printf("listening\n");
}

static void withdraw(struct feed *feed, const char *arguments)
{
	unsigned long site = 0;
	int64_t started = clock_monotonic(&clock_system);

	if (sscanf(arguments, "%lu", &site) != 1 || site < 1 || site > feed->sites)
		die("withdraw", BUSBAR_ERROR_BAD_VALUE);
	for (uint32_t route = 0; route <= feed->services; route++) {
		uint8_t message[UPDATE_SIZE_MAXIMUM];

		send_all(feed, message, encode_route(feed, (uint32_t)site, route, true, message));
	}
	printf("withdrawn %u %lld\n", feed->services + 1, (long long)started);
}

static const struct {
	const char *name;
	void (*run)(struct feed *feed, const char *arguments);
} commands[] = {
        {"all", announce_all},       {"pace", pace},         {"price", change_price},
        {"listen", listen_from_now}, {"withdraw", withdraw},
};

static void run_command(struct feed *feed, char *line)
{
	size_t length = strcspn(line, " \n");

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strlen(commands[i].name) == length && strncmp(commands[i].name, line, length) == 0) {
			commands[i].run(feed, line + length);
			return;
		}
	die(line, BUSBAR_ERROR_BAD_VALUE);
}

static struct sockaddr_in6 address_of(const char *text, uint16_t port)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	if (inet_pton(AF_INET6, text, &address.sin6_addr) != 1)
		die(text, BUSBAR_ERROR_BAD_VALUE);
	return address;
}

static void connect_peer(struct feed *feed)
{
	feed->socket = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (feed->socket < 0 ||
	    bind(feed->socket, (struct sockaddr *)&feed->local, sizeof(feed->local)) < 0 ||
	    connect(feed->socket, (struct sockaddr *)&feed->remote, sizeof(feed->remote)) < 0)
		die("connect", 0);
	send_open(feed);
	while (!receive(feed))
		;
	printf("up\n");
}

static void read_arguments(struct feed *feed, char **argv)
{
	feed->local = address_of(argv[1], 0);
	feed->remote = address_of(argv[2], (uint16_t)strtoul(argv[3], NULL, 10));
	feed->as = (uint32_t)strtoul(argv[4], NULL, 10);
	feed->sites = (uint32_t)strtoul(argv[5], NULL, 10);
	feed->services = (uint32_t)strtoul(argv[6], NULL, 10);
	feed->key.identifier = 1;
	if (hex_parse(argv[7], feed->key.secret, SEAL_SECRET) < 0)
		die("secret", BUSBAR_ERROR_BAD_VALUE);
	feed->form.opaque_code = ATTRIBUTE_CODE;
	feed->maximum = MESSAGE_MAXIMUM;
	random_seed(&feed->random, 4);
}

int main(int argc, char **argv)
{
	struct feed *feed = calloc(1, sizeof(*feed));
	char line[NAME];

	if (feed == NULL || argc < 8) {
		fprintf(stderr, "usage: feed LOCAL REMOTE PORT AS SITES SERVICES SECRET [anycast]\n");
		return 2;
	}
	read_arguments(feed, argv);
	feed->anycast = argc > 8 && strcmp(argv[8], "anycast") == 0;
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)setvbuf(stdin, NULL, _IONBF, 0);
	connect_peer(feed);
	while (!serve(feed, INT64_MAX, true) || fgets(line, sizeof(line), stdin) != NULL)
		run_command(feed, line);
	free(feed);
	return 0;
}
