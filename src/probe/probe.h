/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network metric agent (C-NMA of RFC 10053): STAMP sender and reflector, in a thread of their own.
 *
 * A session sends a probe every interval, straight to its target or through segments on the way; the reply
 * comes back by the segments that the probe names, if it names any. Round trip = (reply arrival - probe sent)
 * - (reflector sent - reflector received), by the kernel's time stamps of what arrives. Where both sides say
 * that their clocks are synchronised the delay is that towards the target, else half of the round trip, and
 * marked so. Delay is the least of the last window (queues in hosts only add), jitter the mean difference of
 * consecutive delays (RFC 3550 6.4.1 smoothing), loss is counted over the window. A reply is taken only from
 * the address that was probed, for a probe of the window, with that probe's time, once; everything else
 * counts as rejected.
 *
 * A session is silent when PROBE_SILENCE probes running went unanswered, each for as long as a round trip
 * takes at worst as known; it is heard again with the first answer.
 *
 * The reflectors answer in the same thread, from the load that was published last. What they look at is
 * limited, for each source and in all.
 *
 * Threads: everything here belongs to the thread of the loop, and so do the callbacks. The thread of the
 * probes is real-time (SCHED_FIFO) where that is allowed. Nothing that the two share is locked (mailbox.h):
 * of what comes faster than the loop looks at it, it sees the newest.
 */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include "base/compiler.h"
#include "base/error.h"
#include "model/load.h"
#include "wire/seal.h"
#include "wire/stamp.h"
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct probe;

enum {
	PROBE_SESSIONS = 512,
	PROBE_SOCKETS = 128, /* one for each address that is probed from, and each that reflects */
	PROBE_WINDOW = 32,
	PROBE_SILENCE = 3,
};

struct probe_target {
	uint8_t local[16], remote[16];
	uint32_t interface; /* for link-local addresses, else 0 */
	uint16_t port;      /* 0: STAMP_PORT */
	bool load;          /* ask for the load of its site */
	/* To be passed there and back, in order of travel; needs CAP_NET_RAW and settings.segment_key. */
	uint32_t segment_count, way_count;
	uint8_t segments[STAMP_SEGMENTS][16], way[STAMP_SEGMENTS][16];
};

struct probe_measurement {
	int64_t delay, jitter; /* ns, one way */
	int64_t round_trip;    /* least of the window */
	int64_t longest;       /* delay since the session began */
	uint32_t loss;         /* parts per million of the window */
	bool synchronised;     /* the delay is measured; else it is half of the round trip */
	uint64_t sent, received, rejected;
};

enum probe_state { PROBE_PENDING, PROBE_HEARD, PROBE_SILENT };

struct probe_news {
	enum probe_state state;
	bool lost; /* a whole window went unanswered: there is no measurement but its counts */
	struct probe_measurement measurement;
	bool has_load; /* the last reply had one */
	struct site_load load;
};

/* After replies, and when state or loss change; the newest where there was more than one since the last. */
typedef void (*probe_heard)(void *context, uint32_t session, const struct probe_news *news);

struct probe_settings {
	const uint8_t *key;                 /* STAMP_KEY octets; NULL: unauthenticated mode */
	const struct seal_key *segment_key; /* of routing headers' HMAC; NULL: no segments */
	uint32_t source_rate, total_rate;   /* probes a second that the reflectors look at */
	uint64_t seed;
	probe_heard heard;
	void *context;
};

struct probe_statistics {
	uint32_t sessions, silent;
	bool real_time; /* the thread has real-time priority */
	uint64_t sent, unsent, received;
	uint64_t answered;
	uint64_t refused[ERROR_COUNT];  /* probes that were not answered, by error_index(): RATE, BAD_MAC, ...
	                                 */
	uint64_t rejected[ERROR_COUNT]; /* replies: BAD_MAC, NOT_FOUND (of no session), REPLAYED, ... */
	uint64_t extensions[ERROR_COUNT]; /* of replies that were taken: BAD_MAC, UNKNOWN_FIELD, ... */
	size_t bytes;
};

/* Copies what the settings point to. Starts the thread. */
int probe_create(uv_loop_t *loop, const struct probe_settings *settings, struct probe **ret_probe) CHECKED;
/* A reflector on an address; port 0 in tests takes any. Returns the port. TABLE_FULL, negative errno. */
int probe_reflect(struct probe *probe, const uint8_t local[16], uint32_t interface, uint16_t port) CHECKED;
/* What the reflectors tell of this site from now on. */
void probe_publish(struct probe *probe, const struct site_load *load);
/* A session that probes every `interval` ns. Returns its number. TABLE_FULL, -EINVAL, negative errno. */
int probe_add(struct probe *probe, const struct probe_target *target, int64_t interval) CHECKED;
/* Another interval: what is known stays. Another target: a new session under the same number. */
void probe_set_interval(struct probe *probe, uint32_t session, int64_t interval);
int probe_set_target(struct probe *probe, uint32_t session, const struct probe_target *target) CHECKED;
/* Nothing is heard of it any more; the number may be given to another. */
void probe_remove(struct probe *probe, uint32_t session);
void probe_read_statistics(const struct probe *probe, struct probe_statistics *ret_statistics);
/* Ends the thread; the memory is freed when the loop has run its close callback. Accepts NULL. */
void probe_close(struct probe *probe);

#endif
