/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two threads of a probe have. probe.c is the loop's side, thread.c, sender.c and reflector.c are
 * the other one; what either may touch is said here. The loop's thread makes things, the other one uses them;
 * what was made is taken apart when the thread has ended.
 */
#ifndef PROBE_INTERNAL_H
#define PROBE_INTERNAL_H

#include "base/heap.h"
#include "probe/limit.h"
#include "probe/mailbox.h"
#include "probe/probe.h"
#include "probe/probe_session.h"
#include "probe/socket.h"
#include <pthread.h>

enum { WORD_BITS = 64, WORDS = PROBE_SESSIONS / WORD_BITS };

/* A set of sessions, from one thread to the other. */
struct bits {
	_Atomic uint64_t words[WORDS];
};

/* What a session is to do. */
struct order {
	uint64_t life;   /* of the session under this number; 0: nothing */
	uint32_t socket; /* index */
	int64_t interval;
	struct probe_target target;
};

/* What became of it. */
struct report {
	uint64_t life;
	struct probe_news news;
};

/* A session, as both threads see it. Made once for a number, and kept. */
struct channel {
	struct heap_node node; /* by probe_session_next() */
	uint32_t number;
	struct mailbox orders, reports;
	struct order wanted;    /* the loop's thread, as `state` */
	enum probe_state state; /* reported last */
	struct order current;   /* the other thread, as `session` */
	struct probe_session session;
};

/* Does not change once it is in the table. */
struct outlet {
	int descriptor;
	bool reflects;
	uint8_t local[16];
	uint32_t interface;
	uint16_t port;
};

/* Written by the thread of the probes alone. */
struct counters {
	_Atomic uint64_t sent, unsent, received, answered;
	_Atomic uint64_t refused[ERROR_COUNT], rejected[ERROR_COUNT], extensions[ERROR_COUNT];
};

struct probe {
	/* Constant while the thread runs. */
	uint8_t key[STAMP_KEY];
	bool authenticated;
	struct seal_key segment_key;
	int epoll, wake, raw; /* raw: -1 without segments */
	/* Both. */
	struct bits ordered, reported;
	struct mailbox load;
	struct counters counters;
	uv_async_t async;
	_Atomic bool stopping;
	struct outlet outlets[PROBE_SOCKETS]; /* of the thread once epoll knows them */
	/* The loop's thread. */
	probe_heard heard;
	void *context;
	pthread_t thread;
	bool running, closing, real_time;
	uint32_t outlet_count;
	uint64_t lives;
	size_t bytes;
	struct channel *channels[PROBE_SESSIONS];
	/* The thread of the probes. */
	struct heap *heap;
	struct channel *active[PROBE_SESSIONS]; /* those with something to do */
	struct limit limit;
	const struct site_load *told; /* inside the mailbox; NULL: none yet */
	struct stamp_error clock;
	int64_t clock_until;
	struct socket_packet packets[SOCKET_BATCH];
};

enum { THREAD_WAKE = PROBE_SOCKETS }; /* epoll's name for `wake`; below are outlets */

static inline const uint8_t *probe_key(const struct probe *probe)
{
	return probe->authenticated ? probe->key : NULL;
}

/* thread.c */
void *thread_run(void *probe);
/* The other thread is told in any case; true when the bit was not set. */
void bits_set(struct bits *bits, uint32_t number);
/* Takes one number out; -1 for none. */
int bits_take(struct bits *bits);
void counter_add(_Atomic uint64_t *counter);
/* Through segments, or straight. */
void thread_send(struct probe *probe, const struct outlet *from, const struct sockaddr_in6 *to,
                 const uint8_t segments[][16], uint32_t segment_count, const uint8_t *bytes, int size);

/* sender.c */
void sender_take_order(struct probe *probe, struct channel *channel, int64_t now);
void sender_run(struct probe *probe, int64_t now);
void sender_receive(struct probe *probe, uint32_t outlet, const struct socket_packet *packet, int64_t now);

/* reflector.c */
void reflector_receive(struct probe *probe, const struct outlet *outlet, const struct socket_packet *packet,
                       int64_t now);

#endif
