/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames lie one after another in a ring of bytes, each behind its record and never across the ring's end:
 * a record without frame (size 0) fills the rest there. `head` and `tail` count bytes for ever; their
 * difference is what is stored.
 */
#include "lab/line.h"

#include "base/clock.h"
#include "base/random.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16, CAPACITY_MINIMUM = 1 << 18, CAPACITY_MAXIMUM = 1 << 26 };

struct record {
	int64_t deadline;
	uint32_t size; /* of the frame; 0: nothing but filling */
	uint32_t span; /* bytes up to the next record */
};

struct line {
	struct line_terms terms;
	struct random random;
	size_t frame_maximum;
	int64_t free_at; /* when the last bit accepted has left the queue */
	uint64_t head, tail;
	size_t count;
	size_t capacity; /* a power of two */
	uint8_t *bytes;
};

/*
 * Room for everything that can be under way: rate x (delay + queue), and as much again for the records of
 * short frames. Pages are touched only when used.
 */
static size_t capacity_for(const struct line_terms *terms)
{
	double wanted = (double)terms->rate / 8 * (double)(terms->delay + terms->queue) / 1e9 * 2;
	size_t capacity = CAPACITY_MINIMUM;

	while (capacity < CAPACITY_MAXIMUM && (double)capacity < wanted)
		capacity *= 2;
	return capacity;
}

struct line *line_create(const struct line_terms *terms, uint64_t seed, size_t frame_maximum)
{
	struct line *line = calloc(1, sizeof(*line));

	if (!line)
		return NULL;
	line->terms = *terms;
	line->frame_maximum = frame_maximum;
	line->free_at = INT64_MIN;
	line->capacity = capacity_for(terms);
	line->bytes = calloc(1, line->capacity);
	if (!line->bytes)
		return line_free(line);
	random_seed(&line->random, seed);
	return line;
}

struct line *line_free(struct line *line)
{
	if (line)
		free(line->bytes);
	free(line);
	return NULL;
}

static struct record *record_at(const struct line *line, uint64_t position)
{
	return (struct record *)(void *)(line->bytes + (position & (line->capacity - 1)));
}

static size_t span_of(size_t size)
{
	return (sizeof(struct record) + size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* A record for `size` bytes at the tail; NULL when the ring is full. */
static struct record *append(struct line *line, size_t size)
{
	size_t span = span_of(size);
	size_t to_end = line->capacity - (size_t)(line->tail & (line->capacity - 1));
	size_t filling = to_end < span ? to_end : 0;
	struct record *record;

	if ((size_t)(line->tail - line->head) + filling + span > line->capacity)
		return NULL;
	if (filling) {
		*record_at(line, line->tail) = (struct record){.span = (uint32_t)filling};
		line->tail += filling;
	}
	record = record_at(line, line->tail);
	record->size = (uint32_t)size;
	record->span = (uint32_t)span;
	line->tail += span;
	line->count++;
	return record;
}

enum line_verdict line_push(struct line *line, const void *frame, size_t size, int64_t arrival)
{
	int64_t start = line->free_at > arrival ? line->free_at : arrival;
	int64_t finish = start + (int64_t)size * 8 * CLOCK_SECOND / line->terms.rate;
	struct record *record;

	if (line->terms.loss > 0 && random_below(&line->random, 1000000) < (uint64_t)line->terms.loss)
		return LINE_LOST;
	if (size == 0 || size > line->frame_maximum || start - arrival > line->terms.queue)
		return LINE_DROPPED;
	record = append(line, size);
	if (!record)
		return LINE_DROPPED;
	line->free_at = finish;
	record->deadline = finish + line->terms.delay;
	memcpy(record + 1, frame, size);
	return LINE_STORED;
}

/* The first position at or after `position` that holds a frame; only filling lies between. */
static uint64_t skip_filling(const struct line *line, uint64_t position)
{
	if (position < line->tail && record_at(line, position)->size == 0)
		position += record_at(line, position)->span;
	return position;
}

int64_t line_deadline(const struct line *line)
{
	if (line->count == 0)
		return INT64_MAX;
	return record_at(line, skip_filling(line, line->head))->deadline;
}

size_t line_due(const struct line *line, int64_t now, struct line_frame frames[], size_t maximum)
{
	uint64_t position = line->head;
	size_t count = 0;

	while (count < maximum && count < line->count) {
		const struct record *record;

		position = skip_filling(line, position);
		record = record_at(line, position);
		if (record->deadline > now)
			break;
		frames[count++] = (struct line_frame){record + 1, record->size, record->deadline};
		position += record->span;
	}
	return count;
}

void line_pop(struct line *line, size_t count)
{
	for (; count > 0 && line->count > 0; count--) {
		line->head = skip_filling(line, line->head);
		line->head += record_at(line, line->head)->span;
		line->count--;
	}
}

size_t line_count(const struct line *line)
{
	return line->count;
}
