/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Line: one direction of an emulated link. Pure: no clock, no system call, memory at creation alone.
 *
 * A frame that arrives is lost with the line's probability, or dropped when it would wait for longer than
 * the queue allows, or stored: it leaves when the line has been free for its length over the rate, plus the
 * delay. Order is kept (deadlines never decrease). Lengths are those of the frame without preamble and FCS.
 */
#ifndef LAB_LINE_H
#define LAB_LINE_H

#include "base/compiler.h"
#include <stddef.h>
#include <stdint.h>

struct line;

struct line_terms {
	int64_t delay; /* nanoseconds, one way */
	int64_t rate;  /* bits per second */
	int64_t queue; /* longest wait in nanoseconds before the first bit leaves */
	int64_t loss;  /* parts per million */
};

enum line_verdict { LINE_STORED, LINE_LOST, LINE_DROPPED };

struct line_frame {
	const void *bytes; /* inside the line, until line_pop() */
	size_t size;
	int64_t deadline;
};

/* NULL when memory is short. Frames larger than frame_maximum are dropped. */
struct line *line_create(const struct line_terms *terms, uint64_t seed, size_t frame_maximum);
/* Accepts NULL, returns NULL. */
struct line *line_free(struct line *line);

/* Takes a copy of a frame that arrived at `arrival`. */
enum line_verdict line_push(struct line *line, const void *frame, size_t size, int64_t arrival);
/* When the oldest frame is due; INT64_MAX when there is none. */
int64_t line_deadline(const struct line *line);
/* The frames due at `now`, oldest first, `maximum` at most; they stay until popped. */
size_t line_due(const struct line *line, int64_t now, struct line_frame frames[], size_t maximum);
/* Forgets the `count` oldest frames. */
void line_pop(struct line *line, size_t count);
/* Frames stored now. */
size_t line_count(const struct line *line);

#endif
