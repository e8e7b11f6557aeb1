/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one output has admitted in its guaranteed classes, and how late that can make a packet at most.
 *
 * The output serves its classes in order, all other traffic after them, and finishes the packet that it has
 * begun: static priority, non-preemptive. A flow that obeys a token bucket (rate r, burst b) where it enters,
 * and may be held up on its way here by up to j more than at least, obeys (r, b + r j) here. Against such
 * flows every class sees a rate-latency server: tighter classes take their rates for good and their bursts
 * once, and one packet may have been begun just before. So no packet of class k needs longer than
 *
 *   latency + (bursts of classes <= k + largest packet) / (output rate - rates of classes < k)
 *
 * as long as all rates together are at most the output's (Le Boudec and Thiran, Network Calculus, Springer
 * LNCS 2050, sections 1.3 and 1.4; RFC 9320 applies it to networks).
 *
 * Everything is an integer: bursts are kept in bits x 10^9, where a rate in bit/s times nanoseconds is exact,
 * and a bound in nanoseconds is one division, rounded up. So sums neither drift nor depend on their order.
 */
#ifndef BOOK_ADMISSION_H
#define BOOK_ADMISSION_H

#include "book/book.h"

/* 2^24 flows of 2^63 bit/s with 2^40 ns of jitter stay below 2^128. */
#define ADMISSION_BURST (UINT64_C(1) << 40)
#define ADMISSION_TIME (INT64_C(1) << 40)

__extension__ typedef unsigned __int128 admission_bits; /* x 10^9 */

struct admission_flow {
	uint32_t class;
	uint64_t rate, burst; /* bit/s, octets */
	int64_t jitter;
};

struct admission_class {
	uint64_t rate;
	admission_bits burst; /* grown by jitter */
	uint32_t flows;
};

struct admission {
	struct book_output output;
	int64_t ceilings[LINK_CLASSES];
	struct admission_class classes[LINK_CLASSES];
};

/*
 * 0, or BAD_VALUE: rates, ceilings or sizes out of range, ceilings that descend, or one that the empty output
 * cannot keep. `capacity` is what may be reserved of the output's rate.
 */
int admission_open(const struct book_output *output, const int64_t ceilings[LINK_CLASSES], uint64_t capacity,
                   struct admission *ret_admission) CHECKED;
/* 0; BAD_VALUE (class, jitter) or AMOUNT_OVERFLOW (rate, burst or jitter beyond all sense). */
int admission_check_flow(const struct admission_flow *flow) CHECKED;
/* How long a packet of the class can take at most; INT64_MAX when tighter classes may take the whole output.
 */
int64_t admission_delay(const struct admission *admission, uint32_t class);
/*
 * Whether every class with flows keeps its ceiling when `flow` is let in; if not, the first delay that would
 * be too long, and its ceiling.
 */
bool admission_keeps(const struct admission *admission, const struct admission_flow *flow, int64_t *ret_delay,
                     int64_t *ret_ceiling);
/* The bursts of a class in octets, rounded up; UINT64_MAX when they are more. */
uint64_t admission_octets(const struct admission_class *class);
void admission_add(struct admission *admission, const struct admission_flow *flow);
void admission_remove(struct admission *admission, const struct admission_flow *flow);

#endif
