/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CATS metrics (draft-ietf-cats-metric-definition): how good a site or a service is, as a score of 0..10.
 *
 * Level 0 are raw values with units of their own; they stay where they are measured. Level 1 is one score per
 * category, level 2 a single one. Raw values become *merits*, numbers of 0 (worst) to 1 (best), by a
 * normalisation function; merits become one by an aggregation function; a merit becomes a score. The
 * functions are chosen by configuration, and have to be the same throughout a domain.
 *
 * Scores of 0..3 are low (better not used), 4..7 medium, 8..10 high.
 */
#ifndef MODEL_METRIC_H
#define MODEL_METRIC_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { METRIC_BEST = 10, METRIC_MEDIUM = 4, METRIC_HIGH = 8, METRIC_WINDOW_MOST = (1 << 20) - 1 };

enum metric_kind {
	METRIC_COMPUTING,     /* level 1: computing_comb */
	METRIC_COMMUNICATION, /* communication_comb */
	METRIC_SERVICE,       /* service_comb */
	METRIC_COMPOSED,      /* composed_comb, of the three */
	METRIC_NORM,          /* level 2: norm_fi */
	METRIC_KINDS,
};

struct metric_description {
	const char *name; /* "computing_comb" */
	uint32_t level;
};
extern const struct metric_description metric_descriptions[METRIC_KINDS];

/* Where a value comes from; several together. */
enum metric_source {
	METRIC_NOMINAL = 1 << 0,
	METRIC_ESTIMATION = 1 << 1,
	METRIC_MEASURED = 1 << 2,
	METRIC_NORMALIZATION = 1 << 3,
	METRIC_AGGREGATION = 1 << 4,
	METRIC_SOURCES = (1 << 5) - 1,
};
extern const char *const metric_source_names[]; /* by bit, NULL-terminated */

enum metric_statistic {
	METRIC_CURRENT,
	METRIC_MEAN,
	METRIC_LEAST,
	METRIC_MOST,
	METRIC_STATISTICS,
};
extern const char *const metric_statistic_names[METRIC_STATISTICS + 1]; /* NULL-terminated */

/* Small, since a view has many. */
struct metric {
	uint32_t score : 4;     /* 0 .. METRIC_BEST */
	uint32_t source : 5;    /* METRIC_SOURCES; 0: there is no such metric */
	uint32_t statistic : 3; /* over the window */
	uint32_t window : 20;   /* ms; 0: of this moment */
};

enum metric_function { METRIC_MIN_MAX, METRIC_SIGMOID, METRIC_LOGARITHMIC, METRIC_FUNCTIONS };
extern const char *const metric_function_names[METRIC_FUNCTIONS + 1];

/* How a raw value becomes a merit. */
struct metric_scale {
	enum metric_function function;
	double worst, best; /* raw values; worst > best where less is better; never equal */
	double steepness;   /* of the sigmoid, > 0 */
};

/*
 * With p = (raw - worst) / (best - worst):
 *   min-max      p, clamped to 0..1: a straight line between the two
 *   sigmoid      1 / (1 + e^(steepness x (1/2 - p))): steps softly half way between the two
 *   logarithmic  log(raw / worst) / log(best / worst), clamped: for what spans orders of magnitude; both ends
 *                above 0
 * What is not a number is worst: 0.
 */
double metric_merit(const struct metric_scale *scale, double raw);

enum metric_aggregation {
	METRIC_AGGREGATE_MEAN,
	METRIC_AGGREGATE_LEAST,
	METRIC_AGGREGATE_MOST,
	METRIC_AGGREGATE_WEIGHTED,
	METRIC_AGGREGATIONS,
};
extern const char *const metric_aggregation_names[METRIC_AGGREGATIONS + 1];

/* What is aggregated. A merit below 0 is absent. Weights count where the mean is weighted. */
struct metric_part {
	double merit, weight;
};
/* A merit, or METRIC_ABSENT when no part is present, or all that are have the weight 0. */
#define METRIC_ABSENT (-1.0)
double metric_aggregate(enum metric_aggregation function, const struct metric_part *parts, size_t count);

/*
 * The score of a merit. The score that was told stays while ten times the merit is no further than half a
 * score and `band` (of a score, 0 to 1/2) from it, so that a merit between two scores does not swing.
 */
uint32_t metric_score(double merit);
uint32_t metric_settle(uint32_t told, double merit, double band);

#endif
