/* SPDX-License-Identifier: Apache-2.0 */
#include "stream.h"

#include "base/compiler.h"
#include "namespaces.h"
#include "t.h"
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORT = 9000, LARGEST = 2000, BUFFER = 8 << 20, STREAMS = 8 };

static const int64_t tick = 500000, second = 1000000000, quiet = 150000000, patience = 5000000000;

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return time.tv_sec * second + time.tv_nsec;
}

static struct sockaddr_in6 name_of(const char *address, uint16_t port)
{
	struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	name.sin6_addr = address_of(address);
	return name;
}

static int open_bound(int namespace, const char *address, uint16_t port)
{
	struct sockaddr_in6 name = name_of(address, port);
	int buffer = BUFFER, on = 1;
	int descriptor;

	enter(namespace);
	descriptor = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	T_TRUE(descriptor >= 0);
	T_EQ(bind(descriptor, (struct sockaddr *)&name, sizeof(name)), 0);
	T_EQ(setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)), 0);
	T_EQ(setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer)), 0);
	T_EQ(setsockopt(descriptor, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)), 0);
	T_EQ(setsockopt(descriptor, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on)), 0);
	return descriptor;
}

static uint16_t port_of(int descriptor)
{
	struct sockaddr_in6 name;
	socklen_t size = sizeof(name);

	T_EQ(getsockname(descriptor, (struct sockaddr *)&name, &size), 0);
	return ntohs(name.sin6_port);
}

void stream_open(struct stream *stream, int sender, const char *source, int receiver, const char *destination)
{
	struct sockaddr_in6 name;

	memset(stream, 0, sizeof(*stream));
	stream->size = 1000;
	stream->pieces = 1;
	stream->delays = calloc(STREAM_DELAYS, sizeof(*stream->delays));
	assert_non_null(stream->delays);
	stream->receiver = open_bound(receiver, destination, 0);
	stream->sender = open_bound(sender, source, 0);
	name = name_of(destination, port_of(stream->receiver));
	T_EQ(connect(stream->sender, (struct sockaddr *)&name, sizeof(name)), 0);
}

void stream_close(struct stream *stream)
{
	close(stream->sender);
	close(stream->receiver);
	free(stream->delays);
}

void stream_set_priority(struct stream *stream, uint32_t priority)
{
	T_EQ(setsockopt(stream->sender, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)), 0);
}

void stream_set_traffic_class(struct stream *stream, int traffic_class)
{
	T_EQ(setsockopt(stream->sender, IPPROTO_IPV6, IPV6_TCLASS, &traffic_class, sizeof(traffic_class)), 0);
}

void stream_reset(struct stream *stream)
{
	stream->sent = stream->received = stream->octets = 0;
	stream->first = stream->last = 0;
	stream->delay_count = 0;
}

/* Sends what is due after `elapsed` ns. */
static void send_due(struct stream *stream, int64_t elapsed)
{
	uint64_t frame = 8 * (uint64_t)(stream->size + STREAM_HEADERS) * stream->pieces;
	uint64_t due = stream->rate > 0 ? 1 + (uint64_t)elapsed * (stream->rate / 1000) /
	                                                  (uint64_t)(second / 1000) / frame
	                                : 0;
	uint8_t bytes[LARGEST] = {0};

	for (; stream->sent < due * stream->pieces; stream->sent++) {
		int64_t time = now();

		memcpy(bytes, &time, sizeof(time));
		T_EQ(send(stream->sender, bytes, stream->size, 0), stream->size);
	}
}

static void take_control(struct stream *stream, struct msghdr *message, int64_t *ret_time)
{
	struct cmsghdr *control;

	for (control = CMSG_FIRSTHDR(message); control; control = CMSG_NXTHDR(message, control)) {
		struct timespec time;
		int traffic_class;

		if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS) {
			memcpy(&time, CMSG_DATA(control), sizeof(time));
			*ret_time = time.tv_sec * second + time.tv_nsec;
		}
		if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_TCLASS) {
			memcpy(&traffic_class, CMSG_DATA(control), sizeof(traffic_class));
			stream->traffic_class = (uint8_t)traffic_class;
		}
	}
}

static bool receive(struct stream *stream)
{
	uint8_t bytes[LARGEST];
	char control[256] __attribute__((aligned(8)));
	struct iovec part = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	struct msghdr message = {
	        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t size = recvmsg(stream->receiver, &message, 0);
	int64_t sent, arrived = 0;

	if (size < (ssize_t)sizeof(sent))
		return false;
	take_control(stream, &message, &arrived);
	memcpy(&sent, bytes, sizeof(sent));
	if (stream->received++ == 0)
		stream->first = arrived;
	else
		stream->octets += (uint64_t)size;
	stream->last = arrived;
	if (stream->delay_count < STREAM_DELAYS)
		stream->delays[stream->delay_count++] = arrived - sent;
	return true;
}

/* Waits for at most `time_out` ns; whether anything came. */
static bool receive_all(struct stream *const *streams, uint32_t count, int64_t time_out)
{
	struct pollfd descriptors[STREAMS];
	struct timespec time = {.tv_sec = time_out / second, .tv_nsec = time_out % second};
	bool any = false;

	for (uint32_t i = 0; i < count; i++)
		descriptors[i] = (struct pollfd){.fd = streams[i]->receiver, .events = POLLIN};
	(void)ppoll(descriptors, count, &time, NULL);
	for (uint32_t i = 0; i < count; i++)
		while (receive(streams[i]))
			any = true;
	return any;
}

void stream_run(struct stream *const *streams, uint32_t count, int64_t duration,
                void (*between)(void *context), void *context)
{
	int64_t start = now(), elapsed = 0, called = 0;

	T_TRUE(count <= STREAMS);
	while (elapsed < duration) {
		for (uint32_t i = 0; i < count; i++)
			send_due(streams[i], elapsed);
		if (between && elapsed - called >= 2 * tick) {
			between(context);
			called = elapsed;
		}
		(void)receive_all(streams, count, tick);
		elapsed = now() - start;
	}
	while (receive_all(streams, count, quiet))
		;
}

void stream_settle(struct stream *stream)
{
	int64_t start = now();

	stream_reset(stream);
	while (stream->received == 0) {
		uint64_t bytes[2] = {0};

		T_TRUE(now() - start < patience);
		T_EQ(send(stream->sender, bytes, sizeof(bytes), 0), sizeof(bytes));
		(void)receive_all(&stream, 1, 20 * tick);
	}
	while (receive_all(&stream, 1, 20 * tick))
		;
	stream_reset(stream);
}

int64_t stream_rate(const struct stream *stream, uint32_t headers)
{
	uint64_t octets = stream->octets + (stream->received > 0 ? (stream->received - 1) * headers : 0);
	int64_t time = stream->last - stream->first;

	return time > 0 ? (int64_t)(octets * 8 * (uint64_t)second / (uint64_t)time) : 0;
}

static int by_size(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

int64_t stream_delay(struct stream *stream, uint32_t percent)
{
	T_TRUE(stream->delay_count > 0);
	qsort(stream->delays, stream->delay_count, sizeof(*stream->delays), by_size);
	return stream->delays[(stream->delay_count - 1) * percent / 100];
}
