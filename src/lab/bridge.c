/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop: wait for frames or for the earliest deadline, take what arrived, send what is due. Frames are
 * taken and sent up to BATCH at a time and port, so that no wire starves another.
 */
#include "lab/bridge.h"

#include "base/clock.h"
#include "base/log.h"
#include "lab/line.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
	BATCH = 64,
	PRIORITY = 20,
	FRAME_OVERHEAD = 14 + 8, /* Ethernet header and two VLAN tags */
	STAMP_SPACE = CMSG_SPACE(sizeof(struct timespec)),
	PORTS = 2 * TOPOLOGY_WIRES,
};
#define TRUSTED_AGE (100 * CLOCK_MILLISECOND)
#define SAMPLE_INTERVAL CLOCK_SECOND
#define SPELL_GAP CLOCK_MILLISECOND

/* Where frames enter one direction: received on `input`, sent on `output`. */
struct port {
	int input, output;
	struct line *line;
	struct bridge_direction *counters;
	uint32_t wire, end;
	uint64_t spell; /* the latest one's number, from 1; 0: none yet */
};

struct bridge {
	struct port ports[PORTS];
	size_t count;
	int epoll, timer;
	size_t frame_maximum;
	int64_t started, next_sample, slack;
	struct bridge_state *state;
	uint8_t *frames; /* BATCH x frame_maximum */
	uint8_t stamps[BATCH][STAMP_SPACE] __attribute__((aligned(16)));
	struct iovec vectors[BATCH];
	struct mmsghdr messages[BATCH];
};

struct bridge_state *bridge_state_create(void)
{
	void *memory = mmap(NULL, sizeof(struct bridge_state), PROT_READ | PROT_WRITE,
	                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

struct bridge_state *bridge_state_free(struct bridge_state *state)
{
	if (state)
		munmap(state, sizeof(*state));
	return NULL;
}

static void count(uint64_t *counter, uint64_t amount)
{
	__atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + amount, __ATOMIC_RELAXED);
}

static int64_t now(void)
{
	return clock_monotonic(&clock_system);
}

/*
 * The time of arrival on the monotonic clock. The kernel's stamp is on the wall clock; one that is
 * missing, in the future or old (the clock was stepped) is replaced by the time of reading.
 */
static int64_t arrival_of(struct msghdr *message, int64_t wall, int64_t monotonic)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);
	struct timespec stamp;
	int64_t age;

	if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_TIMESTAMPNS)
		return monotonic;
	memcpy(&stamp, CMSG_DATA(control), sizeof(stamp));
	age = wall - (stamp.tv_sec * CLOCK_SECOND + stamp.tv_nsec);
	return age < 0 || age > TRUSTED_AGE ? monotonic : monotonic - age;
}

static void take(struct bridge *bridge, struct port *port, size_t frames)
{
	int64_t wall = clock_wall(&clock_system);
	int64_t monotonic = now();

	for (size_t i = 0; i < frames; i++) {
		struct msghdr *message = &bridge->messages[i].msg_hdr;
		size_t size = bridge->messages[i].msg_len;
		enum line_verdict verdict;
		int64_t arrival;

		if (message->msg_flags & MSG_TRUNC)
			size = bridge->frame_maximum + 1; /* the line drops it */
		arrival = arrival_of(message, wall, monotonic);
		verdict = line_push(port->line, message->msg_iov->iov_base, size,
		                    MAXIMUM(arrival, bridge->started));
		if (verdict == LINE_LOST)
			count(&port->counters->lost, 1);
		else if (verdict == LINE_DROPPED)
			count(&port->counters->dropped, 1);
	}
}

static void receive(struct bridge *bridge, struct port *port)
{
	int frames;

	for (size_t i = 0; i < BATCH; i++) {
		bridge->vectors[i] =
		        (struct iovec){bridge->frames + i * bridge->frame_maximum, bridge->frame_maximum};
		bridge->messages[i].msg_hdr = (struct msghdr){
		        .msg_iov = &bridge->vectors[i],
		        .msg_iovlen = 1,
		        .msg_control = bridge->stamps[i],
		        .msg_controllen = STAMP_SPACE,
		};
	}
	frames = recvmmsg(port->input, bridge->messages, BATCH, MSG_DONTWAIT, NULL);
	if (frames > 0)
		take(bridge, port, (size_t)frames);
}

/* How many of the first `frames` messages the kernel took; 0 says that the first was refused. */
static size_t send_batch(struct bridge *bridge, int fd, const struct line_frame frames[], size_t amount)
{
	int sent;

	for (size_t i = 0; i < amount; i++) {
		bridge->vectors[i] = (struct iovec){(void *)frames[i].bytes, frames[i].size};
		bridge->messages[i].msg_hdr =
		        (struct msghdr){.msg_iov = &bridge->vectors[i], .msg_iovlen = 1};
	}
	sent = sendmmsg(fd, bridge->messages, (unsigned)amount, MSG_DONTWAIT);
	return sent > 0 ? (size_t)sent : 0;
}

/* The port's latest spell while it goes on, else a new one. */
static struct bridge_spell *find_spell(struct bridge *bridge, struct port *port, int64_t deadline)
{
	struct bridge_state *state = bridge->state;
	struct bridge_spell *spell = &state->spells[(port->spell - 1) % BRIDGE_SPELLS];

	if (port->spell > 0 && port->spell + BRIDGE_SPELLS > state->spell_count &&
	    deadline <= spell->over + SPELL_GAP)
		return spell;
	spell = &state->spells[state->spell_count % BRIDGE_SPELLS];
	*spell = (struct bridge_spell){.wire = port->wire, .end = port->end, .begin = deadline};
	count(&state->spell_count, 1);
	port->spell = state->spell_count;
	return spell;
}

static void note_late(struct bridge *bridge, struct port *port, int64_t deadline, int64_t after)
{
	struct bridge_spell *spell;

	if (after - deadline <= bridge->slack)
		return;
	spell = find_spell(bridge, port, deadline);
	spell->over = after;
	spell->worst = MAXIMUM(spell->worst, after - deadline);
	spell->frames++;
}

static void deliver(struct bridge *bridge, struct port *port, int64_t time)
{
	struct line_frame frames[BATCH];
	size_t amount = line_due(port->line, time, frames, BATCH);
	size_t sent;
	int64_t after;

	if (amount == 0)
		return;
	sent = send_batch(bridge, port->output, frames, amount);
	after = now();
	for (size_t i = 0; i < sent; i++) {
		lateness_add(&port->counters->lateness, after - frames[i].deadline);
		note_late(bridge, port, frames[i].deadline, after);
		count(&port->counters->bytes, frames[i].size);
	}
	count(&port->counters->frames, sent);
	if (sent == 0)
		count(&port->counters->failed, 1);
	line_pop(port->line, sent > 0 ? sent : 1);
}

/* The kernel's own losses on the receiving sockets; reading them resets them. */
static void sample(struct bridge *bridge, int64_t time)
{
	if (time < bridge->next_sample)
		return;
	bridge->next_sample = time + SAMPLE_INTERVAL;
	for (size_t i = 0; i < bridge->count; i++) {
		struct tpacket_stats statistics;
		socklen_t size = sizeof(statistics);

		if (getsockopt(bridge->ports[i].input, SOL_PACKET, PACKET_STATISTICS, &statistics, &size) ==
		    0)
			count(&bridge->ports[i].counters->missed, statistics.tp_drops);
	}
}

static int64_t earliest(struct bridge *bridge)
{
	int64_t deadline = bridge->next_sample;

	for (size_t i = 0; i < bridge->count; i++)
		deadline = MINIMUM(deadline, line_deadline(bridge->ports[i].line));
	return deadline;
}

static int set_timer(const struct bridge *bridge, int64_t deadline)
{
	struct itimerspec value = {.it_value = {deadline / CLOCK_SECOND, deadline % CLOCK_SECOND}};

	return timerfd_settime(bridge->timer, TFD_TIMER_ABSTIME, &value, NULL) < 0 ? -errno : 0;
}

static int step(struct bridge *bridge)
{
	struct epoll_event events[PORTS + 1];
	int ready = epoll_wait(bridge->epoll, events, PORTS + 1, -1);
	int64_t time;

	if (ready < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < ready; i++)
		if (events[i].data.ptr)
			receive(bridge, events[i].data.ptr);
	time = now();
	for (size_t i = 0; i < bridge->count; i++) {
		struct port *port = &bridge->ports[i];

		deliver(bridge, port, time);
		__atomic_store_n(&port->counters->waiting, line_count(port->line), __ATOMIC_RELAXED);
	}
	sample(bridge, time);
	return set_timer(bridge, earliest(bridge));
}

static int watch(struct bridge *bridge, int fd, void *owner)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = owner};

	return epoll_ctl(bridge->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int add_port(struct bridge *bridge, const struct line_terms *terms, uint64_t seed,
                    const struct port *wanted)
{
	struct port *port = &bridge->ports[bridge->count];

	*port = *wanted;
	port->line = line_create(terms, seed, bridge->frame_maximum);
	if (!port->line)
		return -ENOMEM;
	bridge->count++;
	return watch(bridge, port->input, port);
}

static int add_ports(struct bridge *bridge, const struct topology *topology, const struct network *network,
                     struct bridge_state *state)
{
	int code = 0;

	for (size_t i = 0; code >= 0 && i < topology_wires(topology); i++) {
		struct topology_wire wire;
		struct line_terms terms;

		topology_wire(topology, i, &wire);
		terms = (struct line_terms){wire.quality.delay, wire.quality.rate, wire.quality.queue,
		                            wire.quality.loss};
		for (uint32_t end = 0; code >= 0 && end < 2; end++) {
			const struct port port = {.input = network->ports[i][end],
			                          .output = network->ports[i][1 - end],
			                          .counters = &state->directions[i][end],
			                          .wire = (uint32_t)i,
			                          .end = end};

			code = add_port(bridge, &terms, (uint64_t)topology->seed + 2 * i + end, &port);
		}
	}
	return code;
}

static size_t largest_frame(const struct topology *topology)
{
	int64_t mtu = 0;

	for (size_t i = 0; i < topology_wires(topology); i++) {
		struct topology_wire wire;

		topology_wire(topology, i, &wire);
		mtu = MAXIMUM(mtu, wire.quality.mtu);
	}
	return (size_t)mtu + FRAME_OVERHEAD;
}

/* Wake-ups are late by milliseconds on a busy host otherwise. Refused privileges are not an error. */
static void take_priority(struct bridge_state *state)
{
	struct sched_param parameters = {.sched_priority = PRIORITY};

	prctl(PR_SET_NAME, "lab-bridge");
	prctl(PR_SET_TIMERSLACK, 1UL);
	state->is_real_time = sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters) == 0;
	if (!state->is_real_time)
		log_warning("bridge", "scheduling=other cause=\"%s\"", strerror(errno));
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		log_notice("bridge", "memory=unlocked cause=\"%s\"", strerror(errno));
}

static void close_bridge(struct bridge *bridge)
{
	for (size_t i = 0; i < bridge->count; i++)
		line_free(bridge->ports[i].line);
	if (bridge->timer >= 0)
		close(bridge->timer);
	if (bridge->epoll >= 0)
		close(bridge->epoll);
	free(bridge->frames);
	free(bridge);
}

int bridge_run(const struct topology *topology, const struct network *network, struct bridge_state *state)
{
	struct bridge *bridge = calloc(1, sizeof(*bridge));
	int code;

	if (!bridge)
		return -ENOMEM;
	bridge->frame_maximum = largest_frame(topology);
	bridge->slack = topology->core.slack;
	bridge->state = state;
	bridge->frames = calloc(BATCH, bridge->frame_maximum);
	bridge->epoll = epoll_create1(EPOLL_CLOEXEC);
	bridge->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	code = bridge->frames && bridge->epoll >= 0 && bridge->timer >= 0 ? 0 : -ENOMEM;
	if (code >= 0)
		code = watch(bridge, bridge->timer, NULL);
	if (code >= 0)
		code = add_ports(bridge, topology, network, state);
	take_priority(state);
	bridge->started = now(); /* what came before counts as coming now */
	if (code >= 0)
		code = set_timer(bridge, earliest(bridge) + 1);
	while (code >= 0)
		code = step(bridge);
	close_bridge(bridge);
	return code;
}
