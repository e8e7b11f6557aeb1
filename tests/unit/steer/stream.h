/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of UDP datagrams between namespaces: sent at a rate, and what of them arrives, and when. */
#ifndef TESTS_STREAM_H
#define TESTS_STREAM_H

#include <stdint.h>

enum { STREAM_DELAYS = 65536, STREAM_HEADERS = 14 + 40 + 8 };

struct stream {
	int sender, receiver;
	uint64_t rate;   /* bit/s of frames */
	uint32_t size;   /* of a datagram's payload */
	uint32_t pieces; /* datagrams sent at once */
	uint64_t sent, received;
	uint64_t octets;     /* of payload, received after the first datagram */
	int64_t first, last; /* arrivals, by the kernel's clock */
	uint32_t delay_count;
	int64_t *delays;
	uint8_t traffic_class; /* of the last one that arrived */
};

/* Sockets in their namespaces, bound to source and destination; the sender's is connected. */
void stream_open(struct stream *stream, int sender, const char *source, int receiver,
                 const char *destination);
void stream_close(struct stream *stream);
/* The queue that a sender's packets go to by themselves. */
void stream_set_priority(struct stream *stream, uint32_t priority);
void stream_set_traffic_class(struct stream *stream, int traffic_class);
/* Sends single datagrams until one has arrived: neighbours know each other then. Begins to count again. */
void stream_settle(struct stream *stream);
/* Begins to count again. */
void stream_reset(struct stream *stream);
/* Sends for `duration` ns, calling between (may be NULL) about every millisecond, and waits for the last to
 * arrive. */
void stream_run(struct stream *const *streams, uint32_t count, int64_t duration,
                void (*between)(void *context), void *context);
/* bit/s of frames with so many octets of headers, as they arrived. */
int64_t stream_rate(const struct stream *stream, uint32_t headers);
/* The delay that so many percent of the datagrams stayed within. Sorts. */
int64_t stream_delay(struct stream *stream, uint32_t percent);

#endif
