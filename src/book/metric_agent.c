/* SPDX-License-Identifier: Apache-2.0 */
#include "book/metric_agent.h"

#include "base/clock.h"
#include "model/metric_window.h"
#include <stdlib.h>

/* What a logarithm takes for nothing: a hundredth of a share, a microsecond, one in a million. */
#define LEAST_SHARE 0.01
#define LEAST_DELAY 1000.0
#define LEAST_LOSS 1.0

const struct metric_agent_settings metric_agent_defaults = {
        .window = 10 * CLOCK_SECOND,
        .statistic = METRIC_MEAN,
        .function = METRIC_MIN_MAX,
        .steepness = 10,
        .aggregations = {[METRIC_COMPUTING] = METRIC_AGGREGATE_LEAST,
                         [METRIC_COMMUNICATION] = METRIC_AGGREGATE_MEAN,
                         [METRIC_SERVICE] = METRIC_AGGREGATE_LEAST,
                         [METRIC_COMPOSED] = METRIC_AGGREGATE_WEIGHTED},
        .weights = {1, 1, 1},
        .link_delay = 100 * CLOCK_MILLISECOND,
        .call_delay = 10 * CLOCK_SECOND,
        .loss = 100000,
        .band = 0.25,
};

/* The scores that were told; a metric that was not told has source 0. */
struct told {
	struct metric metrics[METRIC_KINDS];
};

struct agent_service {
	struct metric_window window;
	struct told told;
};

struct metric_agent {
	struct metric_agent_settings settings;
	struct metric_window windows[METRIC_SERVICE]; /* computing, communication */
	struct told told;
	struct agent_service services[];
};

struct metric_agent *metric_agent_create(const struct metric_agent_settings *settings, size_t services)
{
	struct metric_agent *agent = calloc(1, sizeof(*agent) + services * sizeof(agent->services[0]));

	if (agent == NULL)
		return NULL;
	agent->settings = *settings;
	for (int category = 0; category < METRIC_SERVICE; category++)
		agent->windows[category] = metric_window_open(settings->window);
	for (size_t i = 0; i < services; i++)
		agent->services[i].window = metric_window_open(settings->window);
	return agent;
}

struct metric_agent *metric_agent_free(struct metric_agent *agent)
{
	free(agent);
	return NULL;
}

/* Merit of a raw value of which less is better, or more; `least` stands for 0 where that has no logarithm. */
static double merit_between(const struct metric_agent *agent, double worst, double best, double least,
                            double raw)
{
	const bool logarithmic = agent->settings.function == METRIC_LOGARITHMIC;
	const struct metric_scale scale = {.function = agent->settings.function,
	                                   .worst = logarithmic ? MAXIMUM(worst, least) : worst,
	                                   .best = logarithmic ? MAXIMUM(best, least) : best,
	                                   .steepness = agent->settings.steepness};

	return metric_merit(&scale, logarithmic ? MAXIMUM(raw, least) : raw);
}

static double merit_of_share(const struct metric_agent *agent, uint64_t part, uint64_t whole)
{
	return whole == 0 ? METRIC_ABSENT
	                  : merit_between(agent, 0, 1, LEAST_SHARE, (double)part / (double)whole);
}

static double merit_of_delay(const struct metric_agent *agent, int64_t worst, int64_t delay)
{
	return merit_between(agent, (double)worst, 0, LEAST_DELAY, (double)delay);
}

static double aggregate(const struct metric_agent *agent, enum metric_kind category,
                        const struct metric_part *parts, size_t count)
{
	return metric_aggregate(agent->settings.aggregations[category], parts, count);
}

/* cpu.gflops are the same cores as cpu. */
static double computing(const struct metric_agent *agent, const struct site *site)
{
	struct metric_part parts[RESOURCE_KINDS];
	size_t count = 0;

	for (uint32_t i = 0; i < site->resource_count; i++) {
		const struct resource_offer *offer = &site->resources[i];

		if (offer->kind != RESOURCE_CPU_GFLOPS)
			parts[count++] = (struct metric_part){
			        .merit = merit_of_share(agent, offer->free, offer->capacity), .weight = 1};
	}
	return aggregate(agent, METRIC_COMPUTING, parts, count);
}

static double communication(const struct metric_agent *agent, const struct site *site)
{
	struct metric_part parts[SITE_LINKS];

	for (uint32_t i = 0; i < site->link_count; i++) {
		const struct link_offer *link = &site->links[i];
		const struct metric_part aspects[] = {
		        {.merit = merit_of_share(agent, link->free, link->capacity)},
		        {.merit = merit_of_delay(agent, agent->settings.link_delay, link->delay)},
		        {.merit = merit_between(agent, agent->settings.loss, 0, LEAST_LOSS, link->loss)},
		};

		parts[i] = (struct metric_part){.merit = metric_aggregate(METRIC_AGGREGATE_LEAST, aspects,
		                                                          ARRAY_SIZE(aspects)),
		                                .weight = 1};
	}
	return aggregate(agent, METRIC_COMMUNICATION, parts, site->link_count);
}

/* Of the calls that fit the empty site, the share that fits now. */
static double room(const struct metric_agent *agent, const struct site *site, enum resource_kind kind,
                   uint64_t need)
{
	const struct resource_offer *offer = site_resource(site, kind);

	if (offer == NULL || need == 0)
		return METRIC_ABSENT;
	return merit_of_share(agent, offer->free / need, offer->capacity / need);
}

static double service_room(const struct metric_agent *agent, const struct site *site,
                           const struct service_offer *service)
{
	const struct metric_part parts[] = {
	        {.merit = room(agent, site, RESOURCE_CPU, service->cpu)},
	        {.merit = room(agent, site, RESOURCE_MEMORY, service->memory)},
	};

	return metric_aggregate(METRIC_AGGREGATE_LEAST, parts, ARRAY_SIZE(parts));
}

/* Instances have claimed what they need for good: what is left of the site is not their room. */
static double service(const struct metric_agent *agent, const struct site *site,
                      struct metric_instances instances, const struct service_offer *offer)
{
	const struct metric_part parts[] = {
	        {.merit = instances.configured > 0
	                          ? merit_of_share(agent, instances.well, instances.configured)
	                          : service_room(agent, site, offer),
	         .weight = 1},
	        {.merit = merit_of_delay(agent, agent->settings.call_delay,
	                                 offer->time + (instances.configured > 0 ? 0 : offer->start)),
	         .weight = 1},
	};

	return aggregate(agent, METRIC_SERVICE, parts, ARRAY_SIZE(parts));
}

static void tell(const struct metric_agent *agent, struct told *told, enum metric_kind kind, uint32_t source,
                 double merit)
{
	struct metric *metric = &told->metrics[kind];

	if (merit < 0) {
		*metric = (struct metric){.source = 0};
		return;
	}
	metric->score = (metric->source == 0 ? metric_score(merit)
	                                     : metric_settle(metric->score, merit, agent->settings.band)) &
	                0xf;
	metric->source = (source | METRIC_NORMALIZATION | METRIC_AGGREGATION) & METRIC_SOURCES;
	metric->statistic = agent->settings.statistic & 0x7;
	metric->window = (uint32_t)(agent->settings.window / CLOCK_MILLISECOND) & METRIC_WINDOW_MOST;
}

/* The merit over the window, with the present one in it; absent is no value, and leaves the window as it is.
 */
static double over_time(const struct metric_agent *agent, struct metric_window *window, double merit,
                        int64_t now)
{
	if (merit < 0)
		return merit;
	metric_window_note(window, merit, now);
	return metric_window_read(window, agent->settings.statistic);
}

void metric_agent_site(struct metric_agent *agent, struct site *site, int64_t now)
{
	double merit = over_time(agent, &agent->windows[METRIC_COMPUTING], computing(agent, site), now);

	tell(agent, &agent->told, METRIC_COMPUTING, METRIC_MEASURED, merit);
	merit = over_time(agent, &agent->windows[METRIC_COMMUNICATION], communication(agent, site), now);
	/* Half a round trip is the estimate of a way. */
	tell(agent, &agent->told, METRIC_COMMUNICATION, METRIC_MEASURED | METRIC_ESTIMATION, merit);
	for (int kind = 0; kind < METRIC_KINDS; kind++)
		site->metrics[kind] = agent->told.metrics[kind];
}

static bool fits(const struct site *site, enum resource_kind kind, uint64_t need)
{
	const struct resource_offer *offer = site_resource(site, kind);

	return need == 0 || (offer != NULL && need <= offer->free);
}

/* Shut at once, whatever the window says. */
static double gate(const struct site *site, struct metric_instances instances,
                   const struct service_offer *offer, double merit)
{
	if (instances.configured > 0)
		return instances.well == 0 ? 0 : merit;
	if (fits(site, RESOURCE_CPU, offer->cpu) && fits(site, RESOURCE_MEMORY, offer->memory))
		return merit;
	return MINIMUM(merit, (double)(METRIC_MEDIUM - 1) / METRIC_BEST);
}

static double last(const struct metric_agent *agent, const struct metric_window *window,
                   const struct metric *told)
{
	return told->source == 0 ? METRIC_ABSENT : metric_window_read(window, agent->settings.statistic);
}

void metric_agent_service(struct metric_agent *agent, size_t index, const struct site *site,
                          struct metric_instances instances, struct service_offer *offer, int64_t now)
{
	struct agent_service *own = &agent->services[index];
	double merit = over_time(agent, &own->window, service(agent, site, instances, offer), now);
	const struct metric_part parts[METRIC_COMPOSED] = {
	        {.merit = last(agent, &agent->windows[METRIC_COMPUTING], &site->metrics[METRIC_COMPUTING]),
	         .weight = agent->settings.weights[METRIC_COMPUTING]},
	        {.merit = last(agent, &agent->windows[METRIC_COMMUNICATION],
	                       &site->metrics[METRIC_COMMUNICATION]),
	         .weight = agent->settings.weights[METRIC_COMMUNICATION]},
	        {.merit = merit, .weight = agent->settings.weights[METRIC_SERVICE]},
	};

	/* What a call takes is as configured. */
	tell(agent, &own->told, METRIC_SERVICE, METRIC_MEASURED | METRIC_NOMINAL, merit);
	merit = aggregate(agent, METRIC_COMPOSED, parts, ARRAY_SIZE(parts));
	tell(agent, &own->told, METRIC_COMPOSED, 0, merit);
	tell(agent, &own->told, METRIC_NORM, 0, gate(site, instances, offer, merit));
	for (int kind = 0; kind < METRIC_KINDS; kind++)
		offer->metrics[kind] = own->told.metrics[kind];
	offer->score = (uint8_t)own->told.metrics[METRIC_NORM].score;
}
