/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow: UDP traffic that measures, or disturbs, what links promise.
 *
 *   flow exchange BIND PEER PORT RATE BURST OVERHEAD SIZE SECONDS FILE
 *   flow flood BIND PEER PORT RATE SIZE SECONDS
 *   flow sink BIND PORT
 *
 * RATE in bit/s, BURST and the payload's SIZE in octets. An exchange sends to its peer, which does the same,
 * and writes a line for every packet that comes: number, when it was sent, when it came (monotonic clock, ns:
 * both ends are on one machine). What it sends keeps to the token bucket of RATE and BURST and uses all of
 * it: a whole burst at once, then nothing until the bucket is full again. A packet counts SIZE + OVERHEAD
 * octets. The last line on standard output is how many packets were sent.
 *
 * BIND need not be an address of the host: a service's is none (IPV6_FREEBIND).
 */
#include "base/clock.h"
#include "base/compiler.h"
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

enum { SIZE_MOST = 1452, BATCH = 16, BUFFER = 1 << 20, PRIORITY = 10 };
#define GRACE CLOCK_SECOND
#define PATIENCE (20 * CLOCK_SECOND)
#define HELLO UINT64_MAX
#define PACE CLOCK_MILLISECOND

/* What stands in the payload. */
struct mark {
	uint64_t number;
	int64_t sent;
};

struct flow {
	int socket;
	struct sockaddr_in6 peer;
	int64_t rate, burst, overhead, size;
	int64_t begin, end;
	FILE *file;
	uint64_t sent;
	bool heard; /* of the peer */
	uint8_t payload[SIZE_MOST];
};

static void die(const char *what)
{
	(void)fprintf(stderr, "flow: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now(void)
{
	return clock_monotonic(&clock_system);
}

static struct sockaddr_in6 address_of(const char *text, const char *port)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6,
	                               .sin6_port = htons((uint16_t)strtoul(port, NULL, 10))};

	if (inet_pton(AF_INET6, text, &address.sin6_addr) != 1) {
		(void)fprintf(stderr, "flow: %s: not an address\n", text);
		exit(2);
	}
	return address;
}

static int open_socket(const char *bind_to, const char *port)
{
	struct sockaddr_in6 address = address_of(bind_to, port);
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, buffer = BUFFER;

	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die(bind_to);
	return fd;
}

static int64_t number_of(const char *text)
{
	char *end;
	long long number = strtoll(text, &end, 10);

	if (*end != '\0' || number <= 0) {
		(void)fprintf(stderr, "flow: %s: not a number\n", text);
		exit(2);
	}
	return number;
}

static bool send_mark(struct flow *flow, uint64_t number)
{
	struct mark mark = {.number = number, .sent = now()};

	memcpy(flow->payload, &mark, sizeof(mark));
	return sendto(flow->socket, flow->payload, (size_t)flow->size, 0, (struct sockaddr *)&flow->peer,
	              sizeof(flow->peer)) >= 0;
}

static bool send_one(struct flow *flow)
{
	bool sent = send_mark(flow, flow->sent);

	flow->sent += sent;
	return sent;
}

/* When the kernel took it in, by its own stamp: how late this program reads is not the network's doing. */
static int64_t arrival_of(struct msghdr *message)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);
	int64_t monotonic = now(), wall = clock_wall(&clock_system);
	struct timespec stamp;

	if (control == NULL || control->cmsg_type != SCM_TIMESTAMPNS)
		return monotonic;
	memcpy(&stamp, CMSG_DATA(control), sizeof(stamp));
	return monotonic - (wall - (stamp.tv_sec * CLOCK_SECOND + stamp.tv_nsec));
}

static void receive(struct flow *flow)
{
	for (;;) {
		struct mark mark;
		char control[CMSG_SPACE(sizeof(struct timespec))];
		struct iovec vector = {&mark, sizeof(mark)};
		struct msghdr message = {.msg_iov = &vector,
		                         .msg_iovlen = 1,
		                         .msg_control = control,
		                         .msg_controllen = sizeof(control)};
		ssize_t size = recvmsg(flow->socket, &message, 0);

		if (size < 0 && errno == EAGAIN)
			return;
		flow->heard = true;
		if (size == (ssize_t)sizeof(mark) && mark.number != HELLO)
			(void)fprintf(flow->file, "%" PRIu64 " %" PRId64 " %" PRId64 "\n", mark.number,
			              mark.sent, arrival_of(&message));
	}
}

/* Takes in what comes until `time`. */
static void wait_until(struct flow *flow, int64_t time)
{
	for (int64_t left = time - now(); left > 0; left = time - now()) {
		struct pollfd descriptor = {.fd = flow->socket, .events = POLLIN};
		struct timespec wait = {left / CLOCK_SECOND, left % CLOCK_SECOND};

		if (ppoll(&descriptor, 1, &wait, NULL) > 0)
			receive(flow);
	}
}

/* Until the peer is there: what is sent to nobody would count as lost. */
static void meet(struct flow *flow, int64_t pause)
{
	for (int64_t end = now() + PATIENCE; !flow->heard;) {
		if (now() > end) {
			(void)fputs("flow: nothing is heard of the peer\n", stderr);
			exit(1);
		}
		(void)send_mark(flow, HELLO);
		wait_until(flow, now() + pause);
	}
	(void)send_mark(flow, HELLO);
	wait_until(flow, now() + pause);
}

/* A late wake-up lets no more through than the bucket has: the next time is counted from the sending. */
static void exchange(struct flow *flow)
{
	int64_t frame = flow->size + flow->overhead, packets = MAXIMUM(flow->burst / frame, INT64_C(1));
	int64_t refill = packets * frame * 8 * CLOCK_SECOND / flow->rate;

	meet(flow, refill);
	for (flow->end += now(); now() < flow->end;) {
		int64_t start;

		for (int64_t i = 0; i < packets; i++)
			(void)send_one(flow);
		start = now();
		wait_until(flow, start + refill);
	}
	wait_until(flow, now() + GRACE);
	(void)printf("%" PRIu64 "\n", flow->sent);
}

/* As much as the rate has made room for since the begin, every millisecond. */
static void flood(struct flow *flow)
{
	while (now() < flow->end) {
		struct timespec pace = {0, PACE};
		int64_t due = (now() - flow->begin) / 1000 * (flow->rate / 8) / 1000000 / flow->size;

		for (int i = 0; i < BATCH * BATCH && (int64_t)flow->sent < due; i++)
			if (!send_one(flow))
				break;
		(void)nanosleep(&pace, NULL);
	}
}

/* The measuring end should be on time even on a busy machine; refused privileges only blur the figures. */
static void take_priority(void)
{
	struct sched_param parameters = {.sched_priority = PRIORITY};

	(void)prctl(PR_SET_TIMERSLACK, 1UL);
	(void)sched_setscheduler(0, SCHED_FIFO, &parameters);
}

static int run_exchange(char **words)
{
	struct flow flow = {.peer = address_of(words[1], words[2]),
	                    .rate = number_of(words[3]),
	                    .burst = number_of(words[4]),
	                    .overhead = number_of(words[5]),
	                    .size = MINIMUM(number_of(words[6]), (int64_t)SIZE_MOST)};

	flow.size = MAXIMUM(flow.size, (int64_t)sizeof(struct mark));
	flow.socket = open_socket(words[0], words[2]);
	flow.file = fopen(words[8], "we");
	if (flow.file == NULL)
		die(words[8]);
	take_priority();
	flow.end = number_of(words[7]) * CLOCK_SECOND; /* from when the peer is there */
	exchange(&flow);
	if (fclose(flow.file) != 0)
		die(words[8]);
	return 0;
}

static int run_flood(char **words)
{
	struct flow flow = {.peer = address_of(words[1], words[2]),
	                    .rate = number_of(words[3]),
	                    .size = MINIMUM(number_of(words[4]), (int64_t)SIZE_MOST)};

	flow.socket = open_socket(words[0], "0");
	flow.begin = now();
	flow.end = flow.begin + number_of(words[5]) * CLOCK_SECOND;
	flood(&flow);
	return 0;
}

/* What comes is dropped by the kernel once the socket's buffer is full. */
static int run_sink(char **words)
{
	(void)open_socket(words[0], words[1]);
	(void)puts("ready");
	(void)fflush(stdout);
	while (pause() < 0)
		continue;
	return 0;
}

int main(int count, char **words)
{
	if (count == 11 && strcmp(words[1], "exchange") == 0)
		return run_exchange(words + 2);
	if (count == 8 && strcmp(words[1], "flood") == 0)
		return run_flood(words + 2);
	if (count == 4 && strcmp(words[1], "sink") == 0)
		return run_sink(words + 2);
	(void)fputs("usage: flow exchange BIND PEER PORT RATE BURST OVERHEAD SIZE SECONDS FILE\n"
	            "       flow flood BIND PEER PORT RATE SIZE SECONDS\n"
	            "       flow sink BIND PORT\n",
	            stderr);
	return 2;
}
