/* SPDX-License-Identifier: Apache-2.0 */
/* The thread of the probes: waits for packets, orders and the next time that a session names. */
#include "base/clock.h"
#include "base/error.h"
#include "probe/probe_internal.h"
#include "wire/packet.h"
#include <sys/epoll.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 16, ROUTED_MAXIMUM = STAMP_MAXIMUM + 512 };
enum { UNKNOWN_SCALE = 32, FRACTION_BITS = 32, MICROSECONDS = 1000000 };

void bits_set(struct bits *bits, uint32_t number)
{
	(void)atomic_fetch_or_explicit(&bits->words[number / WORD_BITS], UINT64_C(1) << number % WORD_BITS,
	                               memory_order_acq_rel);
}

int bits_take(struct bits *bits)
{
	for (uint32_t word = 0; word < WORDS; word++) {
		uint64_t set = atomic_load_explicit(&bits->words[word], memory_order_acquire);
		int bit;

		if (set == 0)
			continue;
		bit = __builtin_ctzll(set);
		(void)atomic_fetch_and_explicit(&bits->words[word], ~(UINT64_C(1) << bit),
		                                memory_order_acq_rel);
		return (int)word * WORD_BITS + bit;
	}
	return -1;
}

void counter_add(_Atomic uint64_t *counter)
{
	uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, value + 1, memory_order_relaxed);
}

void thread_send(struct probe *probe, const struct outlet *from, const struct sockaddr_in6 *to,
                 const uint8_t segments[][16], uint32_t segment_count, const uint8_t *bytes, int size)
{
	uint8_t packet[ROUTED_MAXIMUM];
	int code = size;

	if (size > 0 && segment_count > 0)
		code = size =
		        packet_encode_plain(from->local, to->sin6_addr.s6_addr, from->port,
		                            ntohs(to->sin6_port), segments, segment_count,
		                            &probe->segment_key, bytes, (size_t)size, packet, sizeof(packet));
	if (size > 0 && segment_count > 0)
		code = socket_send_raw(probe->raw, packet, (size_t)size);
	else if (size > 0)
		code = socket_send(from->descriptor, to, bytes, (size_t)size);
	/* What the socket does not take is lost, and counted as such by the window. */
	if (code < 0)
		counter_add(&probe->counters.unsent);
}

/* RFC 4656 4.1.2: multiplier x 2^-32 x 2^scale seconds. */
static struct stamp_error error_of(int64_t microseconds)
{
	uint64_t units = ((uint64_t)microseconds << FRACTION_BITS) / MICROSECONDS;
	struct stamp_error error = {.synchronised = true};

	while (units > UINT8_MAX) {
		units = (units + 1) / 2;
		error.scale++;
	}
	error.multiplier = (uint8_t)MAXIMUM(units, UINT64_C(1));
	return error;
}

/* What the kernel thinks of its clock, once a second. */
static void look_at_clock(struct probe *probe, int64_t now)
{
	struct timex state = {.modes = 0};

	if (now < probe->clock_until)
		return;
	probe->clock_until = now + CLOCK_SECOND;
	if (adjtimex(&state) == TIME_ERROR || (state.status & STA_UNSYNC) != 0)
		probe->clock =
		        (struct stamp_error){.synchronised = false, .scale = UNKNOWN_SCALE, .multiplier = 1};
	else
		probe->clock = error_of(state.maxerror);
}

static void read_outlet(struct probe *probe, uint32_t number)
{
	const struct outlet *outlet = &probe->outlets[number];
	int count = socket_receive(outlet->descriptor, probe->packets);
	int64_t now = clock_monotonic(&clock_system);

	for (int i = 0; i < count; i++) {
		if (outlet->reflects)
			reflector_receive(probe, outlet, &probe->packets[i], now);
		else
			sender_receive(probe, number, &probe->packets[i], now);
	}
}

static void take_orders(struct probe *probe)
{
	int64_t now = clock_monotonic(&clock_system);
	uint64_t times;
	int number;

	if (read(probe->wake, &times, sizeof(times)) < 0)
		return;
	while ((number = bits_take(&probe->ordered)) >= 0)
		sender_take_order(probe, probe->channels[number], now);
}

static int wait_for(const struct probe *probe, struct epoll_event events[EVENTS])
{
	int64_t wait = heap_least(probe->heap) - clock_monotonic(&clock_system);
	struct timespec timeout;

	if (heap_count(probe->heap) == 0)
		return epoll_wait(probe->epoll, events, EVENTS, -1);
	wait = MAXIMUM(wait, INT64_C(0));
	timeout = (struct timespec){.tv_sec = wait / CLOCK_SECOND, .tv_nsec = wait % CLOCK_SECOND};
	return epoll_pwait2(probe->epoll, events, EVENTS, &timeout, NULL);
}

void *thread_run(void *context)
{
	struct probe *probe = context;
	struct epoll_event events[EVENTS];

	while (!atomic_load_explicit(&probe->stopping, memory_order_acquire)) {
		int count = wait_for(probe, events);

		look_at_clock(probe, clock_monotonic(&clock_system));
		/* Answers that are here come before the question who has not answered. */
		for (int i = 0; i < count; i++) {
			if (events[i].data.u32 == THREAD_WAKE)
				take_orders(probe);
			else
				read_outlet(probe, events[i].data.u32);
		}
		sender_run(probe, clock_monotonic(&clock_system));
	}
	return NULL;
}
