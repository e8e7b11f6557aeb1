/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics as OpenMetrics text (openmetrics.io 1.0): families with type, unit and help, samples with labels.
 *
 * The order is the text's own: a family, then all its samples. What would make another text than OpenMetrics
 * is an error of the program (asserted): a unit that does not end the name, a sample without a family.
 */
#ifndef API_METRICS_H
#define API_METRICS_H

#include <stdint.h>
#include <stdio.h>

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE };

struct metrics {
	FILE *stream;
	enum metrics_type type;
	const char *name; /* of the family; NULL: none yet */
};

/* Errors show in ferror(stream). */
void metrics_begin(struct metrics *metrics, FILE *stream);
/* `unit` NULL: none. Names without the _total of counters. */
void metrics_family(struct metrics *metrics, enum metrics_type type, const char *name, const char *unit,
                    const char *help);
/* Of a counter. Labels: pairs of texts (name, value), ended by NULL. */
void metrics_count(struct metrics *metrics, uint64_t value, ...) __attribute__((sentinel));
/* Of a gauge. */
void metrics_value(struct metrics *metrics, double value, ...) __attribute__((sentinel));
void metrics_end(struct metrics *metrics);

#endif
