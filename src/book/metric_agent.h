/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metric agents of RFC 10053 (C-SMA and C-NMA): what this gateway's book, probes and instances say
 * becomes CATS metrics of levels 1 and 2 (model/metric.h). Pure; what is put in is level 0 and stays here.
 *
 *   computing      per resource: its free share
 *   communication  per link: the least merit of its delay, its loss and its free share
 *   service        how many calls still fit of those that would fit the empty site; delay of a call; share of
 *                  the instances that are well
 *   composed       the three of them
 *   level 2        composed, unless the gate is shut: a service without an instance that is well has 0, one
 *                  that no call fits any more has at most a low score
 *
 * Each category is aggregated over what it has, then over the window of time. Scores have hysteresis.
 */
#ifndef BOOK_METRIC_AGENT_H
#define BOOK_METRIC_AGENT_H

#include "base/compiler.h"
#include "model/metric.h"
#include "model/service.h"
#include "model/site.h"

struct metric_agent;

enum { METRIC_CATEGORIES = METRIC_COMPOSED + 1 };

struct metric_agent_settings {
	int64_t window; /* ns, at most METRIC_WINDOW_MOST ms; 0: only what is now */
	enum metric_statistic statistic;
	enum metric_function function; /* of every normalisation */
	double steepness;              /* of the sigmoid */
	enum metric_aggregation aggregations[METRIC_CATEGORIES];
	double weights[METRIC_COMPOSED]; /* of the categories, where composed is weighted */
	int64_t link_delay, call_delay;  /* ns: worst; the best is none */
	uint32_t loss;                   /* parts per million: worst */
	double band;                     /* of the hysteresis, of a score */
};

/* The defaults of docs/wire.md. */
extern const struct metric_agent_settings metric_agent_defaults;

/* Of a service; configured 0: it has no instances of its own, calls start one each. */
struct metric_instances {
	uint32_t configured, well;
};

/* NULL when memory is short. */
struct metric_agent *metric_agent_create(const struct metric_agent_settings *settings, size_t services);
/* Accepts NULL, returns NULL. */
struct metric_agent *metric_agent_free(struct metric_agent *agent);
/* From the site's resources and links as they are at `now` (ns, never steps back) its metrics. */
void metric_agent_site(struct metric_agent *agent, struct site *site, int64_t now);
/* Then those of service `index` on that site, and its score. */
void metric_agent_service(struct metric_agent *agent, size_t index, const struct site *site,
                          struct metric_instances instances, struct service_offer *service, int64_t now);

#endif
