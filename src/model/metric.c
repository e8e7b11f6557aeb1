/* SPDX-License-Identifier: Apache-2.0 */
#include "model/metric.h"

#include <math.h>

const struct metric_description metric_descriptions[METRIC_KINDS] = {
        [METRIC_COMPUTING] = {"computing_comb", 1},
        [METRIC_COMMUNICATION] = {"communication_comb", 1},
        [METRIC_SERVICE] = {"service_comb", 1},
        [METRIC_COMPOSED] = {"composed_comb", 1},
        [METRIC_NORM] = {"norm_fi", 2},
};

const char *const metric_source_names[] = {
        "nominal", "estimation", "directly-measured", "normalization", "aggregation", NULL,
};
const char *const metric_statistic_names[METRIC_STATISTICS + 1] = {"current", "mean", "least", "most", NULL};
const char *const metric_function_names[METRIC_FUNCTIONS + 1] = {"min-max", "sigmoid", "logarithmic", NULL};
const char *const metric_aggregation_names[METRIC_AGGREGATIONS + 1] = {"mean", "least", "most", "weighted",
                                                                       NULL};

/* Not a number becomes 0. */
static double clamp(double merit)
{
	return merit > 0 ? fmin(merit, 1) : 0;
}

static double straight(const struct metric_scale *scale, double raw)
{
	return (raw - scale->worst) / (scale->best - scale->worst);
}

static double min_max(const struct metric_scale *scale, double raw)
{
	return straight(scale, raw);
}

static double sigmoid(const struct metric_scale *scale, double raw)
{
	return 1 / (1 + exp(scale->steepness * (0.5 - straight(scale, raw))));
}

static double logarithmic(const struct metric_scale *scale, double raw)
{
	return log(raw / scale->worst) / log(scale->best / scale->worst);
}

double metric_merit(const struct metric_scale *scale, double raw)
{
	static double (*const functions[METRIC_FUNCTIONS])(const struct metric_scale *scale, double raw) = {
	        [METRIC_MIN_MAX] = min_max,
	        [METRIC_SIGMOID] = sigmoid,
	        [METRIC_LOGARITHMIC] = logarithmic,
	};

	return clamp(functions[scale->function](scale, raw));
}

static double mean(const struct metric_part *parts, size_t count, bool weighted)
{
	double sum = 0, weights = 0;

	for (size_t i = 0; i < count; i++) {
		double weight = weighted ? parts[i].weight : 1;

		if (parts[i].merit < 0)
			continue;
		sum += weight * parts[i].merit;
		weights += weight;
	}
	return weights > 0 ? sum / weights : METRIC_ABSENT;
}

static double extreme(const struct metric_part *parts, size_t count, bool most)
{
	double found = METRIC_ABSENT;

	for (size_t i = 0; i < count; i++) {
		if (parts[i].merit < 0)
			continue;
		if (found < 0 || (most ? parts[i].merit > found : parts[i].merit < found))
			found = parts[i].merit;
	}
	return found;
}

double metric_aggregate(enum metric_aggregation function, const struct metric_part *parts, size_t count)
{
	if (function == METRIC_AGGREGATE_LEAST || function == METRIC_AGGREGATE_MOST)
		return extreme(parts, count, function == METRIC_AGGREGATE_MOST);
	return mean(parts, count, function == METRIC_AGGREGATE_WEIGHTED);
}

uint32_t metric_score(double merit)
{
	return (uint32_t)lround(clamp(merit) * METRIC_BEST);
}

uint32_t metric_settle(uint32_t told, double merit, double band)
{
	return fabs(clamp(merit) * METRIC_BEST - told) <= 0.5 + band ? told : metric_score(merit);
}
