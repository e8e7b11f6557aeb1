/* SPDX-License-Identifier: Apache-2.0 */
/*
 * echo ADDRESS COUNT SIZE INTERVAL-us: sends ICMPv6 echo requests on a schedule and says what came back:
 * "sent N refused N received N min_ns N p50_ns N p99_ns N max_ns N span_ns N". SIZE is that of the IPv6
 * packet, which is never fragmented. The kernel stamps the arrivals, so that the reader's own delay does not
 * count. It ends a second after the last arrival, or when all have come.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/icmp6.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEADERS = 40 + 8, COUNT_MAXIMUM = 4000000, SIZE_MAXIMUM = 9000, BUFFER = 1 << 23 };
#define SECOND INT64_C(1000000000)

struct echo {
	int fd;
	struct sockaddr_in6 peer;
	size_t count, size;
	int64_t interval;
	int64_t *sent_at; /* wall clock; 0: answered */
	int64_t *times;   /* of those that came back */
	size_t sent, refused, received;
	int64_t first, last;
};

static int64_t now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * SECOND + time.tv_nsec;
}

static int open_socket(struct echo *echo)
{
	struct icmp6_filter filter;
	int on = 1, discover = IPV6_PMTUDISC_DO, buffer = BUFFER;

	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
	echo->fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
	if (echo->fd < 0 || setsockopt(echo->fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)) < 0 ||
	    setsockopt(echo->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
	    setsockopt(echo->fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) < 0 ||
	    setsockopt(echo->fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer)) < 0 ||
	    setsockopt(echo->fd, IPPROTO_IPV6, IPV6_DONTFRAG, &on, sizeof(on)) < 0 ||
	    setsockopt(echo->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &discover, sizeof(discover)) < 0)
		return -errno;
	return 0;
}

/* The request's number lies behind the header: identifiers have but 32 bits. */
static void send_one(struct echo *echo)
{
	uint8_t packet[SIZE_MAXIMUM] = {0};
	struct icmp6_hdr header = {.icmp6_type = ICMP6_ECHO_REQUEST};
	uint32_t number = (uint32_t)echo->sent;

	header.icmp6_id = htons((uint16_t)getpid());
	memcpy(packet, &header, sizeof(header));
	memcpy(packet + sizeof(header), &number, sizeof(number));
	echo->sent_at[echo->sent++] = now(CLOCK_REALTIME);
	if (sendto(echo->fd, packet, echo->size - 40, 0, (struct sockaddr *)&echo->peer, sizeof(echo->peer)) <
	    0)
		echo->refused++;
}

static int64_t stamp_of(struct msghdr *message)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);
	struct timespec time;

	if (!control || control->cmsg_type != SCM_TIMESTAMPNS)
		return now(CLOCK_REALTIME);
	memcpy(&time, CMSG_DATA(control), sizeof(time));
	return time.tv_sec * SECOND + time.tv_nsec;
}

static void note(struct echo *echo, const uint8_t *packet, int64_t stamp)
{
	struct icmp6_hdr header;
	uint32_t number;

	memcpy(&header, packet, sizeof(header));
	memcpy(&number, packet + sizeof(header), sizeof(number));
	if (header.icmp6_id != htons((uint16_t)getpid()) || number >= echo->sent ||
	    echo->sent_at[number] == 0)
		return;
	echo->times[echo->received] = stamp - echo->sent_at[number];
	echo->sent_at[number] = 0;
	echo->first = echo->received == 0 ? stamp : echo->first;
	echo->last = stamp;
	echo->received++;
}

static void receive(struct echo *echo)
{
	for (;;) {
		uint8_t packet[SIZE_MAXIMUM];
		union {
			struct cmsghdr header;
			uint8_t bytes[CMSG_SPACE(sizeof(struct timespec))];
		} space;
		struct iovec vector = {packet, sizeof(packet)};
		struct msghdr message = {.msg_iov = &vector,
		                         .msg_iovlen = 1,
		                         .msg_control = &space,
		                         .msg_controllen = sizeof(space)};
		ssize_t size = recvmsg(echo->fd, &message, 0);

		if (size < 0)
			return;
		if ((size_t)size >= HEADERS - 40 + sizeof(uint32_t))
			note(echo, packet, stamp_of(&message));
	}
}

static void wait_until(struct echo *echo, int64_t deadline)
{
	int64_t left = deadline - now(CLOCK_MONOTONIC);
	struct timespec time = {left / SECOND, left % SECOND};
	struct pollfd readable = {.fd = echo->fd, .events = POLLIN};

	if (left > 0 && ppoll(&readable, 1, &time, NULL) < 0 && errno != EINTR)
		exit(EXIT_FAILURE);
}

static void exchange(struct echo *echo)
{
	int64_t start = now(CLOCK_MONOTONIC);
	int64_t quiet = start;
	size_t before = 0;

	while (echo->sent < echo->count || now(CLOCK_MONOTONIC) < quiet + SECOND) {
		int64_t due = start + (int64_t)echo->sent * echo->interval;

		if (echo->sent < echo->count && now(CLOCK_MONOTONIC) >= due)
			send_one(echo);
		else
			wait_until(echo, echo->sent < echo->count ? due : quiet + SECOND);
		receive(echo);
		if (echo->received != before || echo->sent < echo->count)
			quiet = now(CLOCK_MONOTONIC);
		before = echo->received;
		if (echo->received + echo->refused == echo->count)
			break;
	}
}

static int compare(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static void report(struct echo *echo)
{
	size_t last = echo->received ? echo->received - 1 : 0;

	qsort(echo->times, echo->received, sizeof(*echo->times), compare);
	printf("sent %zu refused %zu received %zu", echo->sent, echo->refused, echo->received);
	printf(" min_ns %" PRId64 " p50_ns %" PRId64 " p99_ns %" PRId64 " max_ns %" PRId64 " span_ns %" PRId64
	       "\n",
	       echo->times[0], echo->times[last / 2], echo->times[last * 99 / 100], echo->times[last],
	       echo->last - echo->first);
}

int main(int count, char *words[])
{
	struct echo echo = {.peer = {.sin6_family = AF_INET6}};

	if (count != 5 || inet_pton(AF_INET6, words[1], &echo.peer.sin6_addr) != 1)
		return 2;
	echo.count = strtoul(words[2], NULL, 10);
	echo.size = strtoul(words[3], NULL, 10);
	echo.interval = (int64_t)strtoul(words[4], NULL, 10) * 1000;
	if (echo.count == 0 || echo.count > COUNT_MAXIMUM || echo.size < HEADERS + 4 ||
	    echo.size > SIZE_MAXIMUM)
		return 2;
	echo.sent_at = calloc(echo.count, sizeof(*echo.sent_at));
	echo.times = calloc(echo.count, sizeof(*echo.times));
	if (!echo.sent_at || !echo.times || open_socket(&echo) < 0) {
		fprintf(stderr, "echo: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	exchange(&echo);
	report(&echo);
	free(echo.sent_at);
	free(echo.times);
	return EXIT_SUCCESS;
}
