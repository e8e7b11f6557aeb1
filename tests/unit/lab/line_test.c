/* SPDX-License-Identifier: Apache-2.0 */
/* Lines: exact times, order, bounds, losses; and a long run against a simple model. */
#include "../../t.h"

#include "base/clock.h"
#include "base/random.h"
#include "lab/line.h"

enum { FRAME = 2022 };

static const struct line_terms megabit = {
        .delay = 10 * CLOCK_MILLISECOND,
        .rate = 1000000,
        .queue = 20 * CLOCK_MILLISECOND,
};

static void delay_and_rate(void **state)
{
	struct line *line = line_create(&megabit, 1, FRAME);
	struct line_frame frames[4];
	const uint8_t bytes[125] = {1, 2, 3};

	T_EQ(line_deadline(line), INT64_MAX);
	T_EQ(line_push(line, bytes, sizeof(bytes), 1000), LINE_STORED);
	/* 125 octets take 1 ms at 1 Mbit/s. */
	T_EQ(line_deadline(line), 1000 + 11 * CLOCK_MILLISECOND);
	T_EQ(line_push(line, bytes, sizeof(bytes), 2000), LINE_STORED);
	T_EQ(line_count(line), 2);
	T_EQ(line_due(line, 1000 + 11 * CLOCK_MILLISECOND - 1, frames, 4), 0);
	T_EQ(line_due(line, 1000 + 12 * CLOCK_MILLISECOND, frames, 4), 2);
	T_EQ(frames[0].size, 125);
	T_BYTES(frames[0].bytes, bytes, 125);
	T_EQ(frames[1].deadline, 1000 + 12 * CLOCK_MILLISECOND);
	T_EQ(line_due(line, INT64_MAX - 1, frames, 1), 1);
	line_pop(line, 1);
	T_EQ(line_deadline(line), 1000 + 12 * CLOCK_MILLISECOND);
	line_pop(line, 5);
	T_EQ(line_count(line), 0);
	T_EQ(line_deadline(line), INT64_MAX);
	/* An idle line starts at once. */
	T_EQ(line_push(line, bytes, sizeof(bytes), CLOCK_SECOND), LINE_STORED);
	T_EQ(line_deadline(line), CLOCK_SECOND + 11 * CLOCK_MILLISECOND);
	line_free(line);
}

static void queue_is_bounded(void **state)
{
	struct line *line = line_create(&megabit, 1, FRAME);
	const uint8_t bytes[125] = {0};
	int stored = 0;

	for (int i = 0; i < 100; i++)
		stored += line_push(line, bytes, sizeof(bytes), 0) == LINE_STORED;
	/* One at every millisecond of waiting from 0 to 20. */
	T_EQ(stored, 21);
	T_EQ(line_push(line, bytes, sizeof(bytes), CLOCK_MILLISECOND), LINE_STORED);
	T_EQ(line_push(line, bytes, sizeof(bytes), CLOCK_MILLISECOND), LINE_DROPPED);
	line_free(line);
}

static void odd_sizes(void **state)
{
	struct line *line = line_create(&megabit, 1, 64);
	uint8_t bytes[65] = {0};

	T_EQ(line_push(line, bytes, 65, 0), LINE_DROPPED);
	T_EQ(line_push(line, bytes, 0, 0), LINE_DROPPED);
	T_EQ(line_push(line, bytes, 64, 0), LINE_STORED);
	T_EQ(line_push(line, bytes, 1, 0), LINE_STORED);
	T_EQ(line_count(line), 2);
	line_free(line);
	T_TRUE(line_free(NULL) == NULL);
}

static size_t losses(uint64_t seed, int64_t millionths, uint8_t pattern[1000])
{
	struct line_terms terms = {.delay = 0, .rate = 1000000000, .queue = CLOCK_SECOND, .loss = millionths};
	struct line *line = line_create(&terms, seed, FRAME);
	const uint8_t byte = 0;
	size_t lost = 0;

	for (int i = 0; i < 1000; i++) {
		pattern[i] = line_push(line, &byte, 1, i * 1000) == LINE_LOST;
		lost += pattern[i];
		line_pop(line, line_count(line));
	}
	line_free(line);
	return lost;
}

static void loss_is_seeded(void **state)
{
	uint8_t first[1000], again[1000], other[1000];
	size_t lost = losses(7, 100000, first);

	T_TRUE(lost > 60 && lost < 140);
	T_EQ(losses(7, 100000, again), lost);
	T_BYTES(first, again, sizeof(first));
	losses(8, 100000, other);
	T_TRUE(memcmp(first, other, sizeof(first)) != 0);
	T_EQ(losses(7, 0, first), 0);
	T_EQ(losses(7, 1000000, first), 1000);
}

static void full_memory_drops(void **state)
{
	/* Short frames on a fast, long line: their records outgrow the ring. */
	struct line_terms terms = {.delay = 10 * CLOCK_SECOND,
	                           .rate = INT64_C(100000000000),
	                           .queue = CLOCK_SECOND};
	struct line *line = line_create(&terms, 1, FRAME);
	const uint8_t byte = 9;
	size_t stored = 0;

	while (line_push(line, &byte, 1, 0) == LINE_STORED)
		stored++;
	T_EQ(stored, (1 << 26) / 32);
	line_pop(line, 1);
	T_EQ(line_push(line, &byte, 1, 0), LINE_STORED);
	line_free(line);
}

enum { ROUNDS = 200000, MODEL = 1 << 12 };

struct model {
	uint32_t sizes[MODEL];
	uint8_t marks[MODEL];
	size_t first, last;
};

static void model_push(struct model *model, struct line *line, struct random *random, int64_t now)
{
	uint8_t frame[FRAME];
	size_t size = 1 + random_below(random, FRAME);
	uint8_t mark = (uint8_t)random_u64(random);

	memset(frame, mark, size);
	if (line_push(line, frame, size, now) != LINE_STORED)
		return;
	model->sizes[model->last % MODEL] = (uint32_t)size;
	model->marks[model->last % MODEL] = mark;
	model->last++;
	T_TRUE(model->last - model->first < MODEL);
}

static void model_take(struct model *model, struct line *line, int64_t now, int64_t *last_deadline)
{
	struct line_frame frames[8];
	size_t count = line_due(line, now, frames, ARRAY_SIZE(frames));

	for (size_t i = 0; i < count; i++) {
		const uint8_t *bytes = frames[i].bytes;
		size_t at = (model->first + i) % MODEL;

		T_EQ(frames[i].size, model->sizes[at]);
		T_EQ(bytes[0], model->marks[at]);
		T_EQ(bytes[frames[i].size - 1], model->marks[at]);
		T_TRUE(frames[i].deadline >= *last_deadline && frames[i].deadline <= now);
		*last_deadline = frames[i].deadline;
	}
	line_pop(line, count);
	model->first += count;
	T_EQ(line_count(line), model->last - model->first);
}

static void order_over_many_rounds(void **state)
{
	struct line_terms terms = {.delay = 3 * CLOCK_MILLISECOND,
	                           .rate = 100000000,
	                           .queue = 5 * CLOCK_MILLISECOND};
	struct line *line = line_create(&terms, 1, FRAME);
	struct model *model = calloc(1, sizeof(*model));
	struct random random;
	int64_t now = 0, last_deadline = 0;

	random_seed(&random, 42);
	for (int round = 0; round < ROUNDS; round++) {
		now += (int64_t)random_below(&random, 200 * CLOCK_MICROSECOND);
		if (random_below(&random, 3) > 0)
			model_push(model, line, &random, now);
		else
			model_take(model, line, now, &last_deadline);
	}
	T_TRUE(model->first > 10000);
	free(model);
	line_free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(delay_and_rate),    cmocka_unit_test(queue_is_bounded),
	        cmocka_unit_test(odd_sizes),         cmocka_unit_test(loss_is_seeded),
	        cmocka_unit_test(full_memory_drops), cmocka_unit_test(order_over_many_rounds),
	};

	return T_RUN(tests);
}
