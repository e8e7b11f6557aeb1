/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/settings_announce.h"

#define ANNOUNCE(member) .offset = offsetof(struct settings_announce, member)
#define METRICS(member) .offset = offsetof(struct settings_metrics, member)
#define MILLION 1000000
#define THOUSAND 1000

const struct config_field settings_announce_fields[] = {
        {"refresh", CONFIG_DURATION, ANNOUNCE(refresh), .fallback = "10 s", .minimum = CLOCK_SECOND,
         .maximum = 3600 * CLOCK_SECOND,
         .help = "a site is told again; what it says holds three times as long"},
        {"price", CONFIG_RATIO, ANNOUNCE(price), .fallback = "10 %", .maximum = MILLION,
         .help = "change of a price that is news"},
        {"amount", CONFIG_RATIO, ANNOUNCE(amount), .fallback = "10 %", .maximum = MILLION,
         .help = "change of what is free that is news"},
        {"delay", CONFIG_RATIO, ANNOUNCE(delay), .fallback = "10 %", .maximum = MILLION,
         .help = "change of a delay that is news"},
        {"least-delay", CONFIG_DURATION, ANNOUNCE(least_delay), .fallback = "200 us",
         .maximum = 60 * CLOCK_SECOND, .help = "no smaller change of a delay is news"},
        {"loss", CONFIG_RATIO, ANNOUNCE(loss), .fallback = "2 %", .maximum = MILLION,
         .help = "change of a link's loss that is news, of all packets"},
        {"half-life", CONFIG_DURATION, ANNOUNCE(half_life), .fallback = "15 s",
         .maximum = 3600 * CLOCK_SECOND, .help = "of the penalty for what comes and goes; 0: no damping"},
        {"suppress", CONFIG_DECIMAL, ANNOUNCE(suppress), .fallback = "2", .scale = THOUSAND, .minimum = 1,
         .maximum = MILLION, .help = "above so many losses a thing is no longer shown"},
        {"reuse", CONFIG_DECIMAL, ANNOUNCE(reuse), .fallback = "0.75", .scale = THOUSAND, .minimum = 1,
         .maximum = MILLION, .help = "until so many are left of them"},
        {"longest", CONFIG_DURATION, ANNOUNCE(longest), .fallback = "60 s", .minimum = CLOCK_SECOND,
         .maximum = 86400 * CLOCK_SECOND, .help = "at most, after the last loss"},
        {NULL, CONFIG_TEXT, 0},
};

#define FUNCTION(key, category, otherwise, text)                                                         \
	{                                                                                                \
		key, CONFIG_CHOICE, METRICS(category), .fallback = otherwise,                            \
		                                       .choices = metric_aggregation_names, .help = text \
	}

const struct config_field settings_metrics_fields[] = {
        {"window", CONFIG_DURATION, METRICS(window), .fallback = "10 s",
         .maximum = METRIC_WINDOW_MOST * CLOCK_MILLISECOND, .help = "of measurement; 0: what is now"},
        {"statistic", CONFIG_CHOICE, METRICS(statistic), .fallback = "mean",
         .choices = metric_statistic_names, .help = "over the window"},
        {"normalization", CONFIG_CHOICE, METRICS(function), .fallback = "min-max",
         .choices = metric_function_names, .help = "of raw values; the same throughout a domain"},
        {"steepness", CONFIG_DECIMAL, METRICS(steepness), .fallback = "10", .scale = THOUSAND, .minimum = 1,
         .maximum = MILLION, .help = "of the sigmoid"},
        FUNCTION("computing", computing, "least", "aggregation of resources' free shares"),
        FUNCTION("communication", communication, "mean", "aggregation of links"),
        FUNCTION("service", service, "least", "aggregation of room or instances, and delay"),
        FUNCTION("composed", composed, "weighted", "aggregation of these three"),
        {"weights", CONFIG_LIST, METRICS(weights), .element = CONFIG_DECIMAL, .element_size = sizeof(int64_t),
         .list_maximum = METRIC_COMPOSED, .scale = THOUSAND, .maximum = MILLION,
         .help = "of computing, communication and service; 1 each unless given"},
        {"link-delay", CONFIG_DURATION, METRICS(link_delay), .fallback = "100 ms",
         .minimum = 100 * CLOCK_MICROSECOND, .maximum = 60 * CLOCK_SECOND,
         .help = "that is the worst, of a link"},
        {"call-delay", CONFIG_DURATION, METRICS(call_delay), .fallback = "10 s",
         .minimum = 100 * CLOCK_MICROSECOND, .maximum = 86400 * CLOCK_SECOND,
         .help = "that is the worst, of a call with its start"},
        {"loss", CONFIG_RATIO, METRICS(loss), .fallback = "10 %", .minimum = 100, .maximum = MILLION,
         .help = "that is the worst"},
        {"band", CONFIG_DECIMAL, METRICS(band), .fallback = "0.25", .scale = THOUSAND,
         .maximum = THOUSAND / 2, .help = "of a score, by which the value has to pass half a score"},
        {NULL, CONFIG_TEXT, 0},
};

static bool weighs_nothing(const struct config_list *weights)
{
	const int64_t *items = weights->items;
	int64_t sum = 0;

	for (size_t i = 0; i < weights->count; i++)
		sum += items[i];
	return weights->count > 0 && sum == 0;
}

const char *settings_check_announce(const struct settings *settings)
{
	const struct news_settings news = settings_news(settings);

	if (settings->announce.reuse >= settings->announce.suppress)
		return "announce.reuse: must be below suppress";
	if (settings->announce.half_life > 0 && !damping_can_suppress(&news.damping))
		return "announce.longest: with this half-life too short for suppress ever to be reached";
	if (settings->metrics.weights.count % METRIC_COMPOSED != 0)
		return "metrics.weights: computing, communication and service";
	if (weighs_nothing(&settings->metrics.weights))
		return "metrics.weights: one must be above 0";
	return NULL;
}

static double part(int64_t ratio)
{
	return (double)ratio / MILLION;
}

struct news_settings settings_news(const struct settings *settings)
{
	const struct settings_announce *given = &settings->announce;
	struct news_settings news = news_defaults;

	news.interval = settings->bgp.minimum_interval;
	news.age = given->refresh;
	news.thresholds[NEWS_PRICE].relative = part(given->price);
	news.thresholds[NEWS_AMOUNT].relative = part(given->amount);
	news.thresholds[NEWS_DELAY].relative = part(given->delay);
	news.thresholds[NEWS_DELAY].absolute = (double)given->least_delay;
	news.thresholds[NEWS_LOSS].absolute = (double)given->loss;
	news.damping =
	        (struct damping_settings){.half_life = given->half_life,
	                                  .suppress = (double)given->suppress * DAMPING_PENALTY / THOUSAND,
	                                  .reuse = (double)given->reuse * DAMPING_PENALTY / THOUSAND,
	                                  .most = given->longest};
	return news;
}

struct metric_agent_settings settings_metrics(const struct settings *settings)
{
	const struct settings_metrics *given = &settings->metrics;
	const int64_t *weights = given->weights.items;
	struct metric_agent_settings metrics = {
	        .window = given->window,
	        .statistic = (enum metric_statistic)given->statistic,
	        .function = (enum metric_function)given->function,
	        .steepness = (double)given->steepness / THOUSAND,
	        .aggregations = {(enum metric_aggregation)given->computing,
	                         (enum metric_aggregation)given->communication,
	                         (enum metric_aggregation)given->service,
	                         (enum metric_aggregation)given->composed},
	        .link_delay = given->link_delay,
	        .call_delay = given->call_delay,
	        .loss = (uint32_t)given->loss,
	        .band = (double)given->band / THOUSAND,
	};

	for (size_t i = 0; i < METRIC_COMPOSED; i++)
		metrics.weights[i] = i < given->weights.count ? (double)weights[i] / THOUSAND : 1;
	return metrics;
}
