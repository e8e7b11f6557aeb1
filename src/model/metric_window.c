/* SPDX-License-Identifier: Apache-2.0 */
#include "model/metric_window.h"

#include <math.h>

struct metric_window metric_window_open(int64_t length)
{
	return (struct metric_window){.step = length / METRIC_BUCKETS};
}

/* The present bucket begins, with the value that holds. */
static void begin(struct metric_window *window, int64_t now)
{
	struct metric_bucket *bucket = &window->buckets[window->bucket];

	bucket->least = bucket->most = window->current;
	bucket->sum = 0;
	bucket->time = 0;
	window->started = window->noted = now;
}

/* The current value holds until then in the present bucket. */
static void hold(struct metric_window *window, int64_t until)
{
	struct metric_bucket *bucket = &window->buckets[window->bucket];

	bucket->sum += window->current * (double)(until - window->noted);
	bucket->time += until - window->noted;
	window->noted = until;
}

static void pass(struct metric_window *window, int64_t now)
{
	if (now - window->noted > METRIC_BUCKETS * window->step)
		begin(window, now - METRIC_BUCKETS * window->step);
	while (now - window->started >= window->step) {
		int64_t end = window->started + window->step;

		hold(window, end);
		window->bucket = (window->bucket + 1) % METRIC_BUCKETS;
		begin(window, end);
	}
	hold(window, now);
}

void metric_window_note(struct metric_window *window, double value, int64_t now)
{
	struct metric_bucket *bucket;
	bool first = !window->any;

	if (!first && window->step > 0 && now > window->noted)
		pass(window, now);
	window->any = true;
	window->current = value;
	if (first || window->step == 0)
		begin(window, now);
	bucket = &window->buckets[window->bucket];
	bucket->least = fmin(bucket->least, value);
	bucket->most = fmax(bucket->most, value);
}

/* Buckets that were never begun have no time and are not asked for extremes. */
double metric_window_read(const struct metric_window *window, enum metric_statistic statistic)
{
	const struct metric_bucket *now = &window->buckets[window->bucket];
	double least = now->least, most = now->most, sum = 0;
	int64_t time = 0;

	if (!window->any)
		return METRIC_ABSENT;
	for (size_t i = 0; i < METRIC_BUCKETS; i++) {
		if (window->buckets[i].time == 0)
			continue;
		least = fmin(least, window->buckets[i].least);
		most = fmax(most, window->buckets[i].most);
		sum += window->buckets[i].sum;
		time += window->buckets[i].time;
	}
	if (statistic == METRIC_LEAST || statistic == METRIC_MOST)
		return statistic == METRIC_LEAST ? least : most;
	return statistic == METRIC_CURRENT || time == 0 ? window->current : sum / (double)time;
}
