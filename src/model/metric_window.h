/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics of a value over a sliding window of time: mean (weighted by time), least, most, current.
 *
 * A value holds from when it is noted until the next one is. The window slides in steps of a tenth of its
 * length: what is read covers between nine and ten tenths of it.
 */
#ifndef MODEL_METRIC_WINDOW_H
#define MODEL_METRIC_WINDOW_H

#include "model/metric.h"

enum { METRIC_BUCKETS = 10 };

struct metric_bucket {
	double least, most;
	double sum; /* value x time */
	int64_t time;
};

struct metric_window {
	int64_t step;    /* of a bucket, ns; 0: no window, only the current value */
	int64_t started; /* of the present bucket */
	int64_t noted;   /* how far time has been counted */
	bool any;
	double current;
	uint32_t bucket; /* the present one */
	struct metric_bucket buckets[METRIC_BUCKETS];
};

/* `length` ns, at least 0. */
struct metric_window metric_window_open(int64_t length);
/* Time never steps back: an earlier `now` is no time. */
void metric_window_note(struct metric_window *window, double value, int64_t now);
/* As of what was noted last; METRIC_ABSENT before anything was. */
double metric_window_read(const struct metric_window *window, enum metric_statistic statistic);

#endif
