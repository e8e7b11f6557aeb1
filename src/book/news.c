/* SPDX-License-Identifier: Apache-2.0 */
#include "book/news.h"

#include "base/clock.h"
#include <math.h>

const struct news_settings news_defaults = {
        .interval = CLOCK_SECOND,
        .age = 10 * CLOCK_SECOND,
        .thresholds = {[NEWS_PRICE] = {.relative = 0.1},
                       [NEWS_AMOUNT] = {.relative = 0.1, .absolute = 0.015},
                       [NEWS_DELAY] = {.relative = 0.1, .absolute = 200 * CLOCK_MICROSECOND},
                       [NEWS_LOSS] = {.absolute = 20000},
                       [NEWS_COUNT] = {.relative = 0.25, .absolute = 8}},
        .damping = {.half_life = 15 * CLOCK_SECOND,
                    .suppress = 2 * DAMPING_PENALTY,
                    .reuse = 0.75 * DAMPING_PENALTY,
                    .most = 60 * CLOCK_SECOND},
};

/* To which side a value is told at once. */
static const int cautious[NEWS_KINDS] = {
        [NEWS_PRICE] = 1, [NEWS_AMOUNT] = -1, [NEWS_DELAY] = 1,
        [NEWS_LOSS] = 1,  [NEWS_COUNT] = 1,   [NEWS_EXACT] = -1,
};

bool news_passes(const struct news_settings *settings, enum news_kind kind, double from, double to,
                 double capacity)
{
	const struct news_threshold *threshold = &settings->thresholds[kind];
	double change = fabs(to - from);

	if (kind == NEWS_AMOUNT && (from == 0) != (to == 0))
		return true;
	return change > threshold->relative * fabs(from) &&
	       change > threshold->absolute * (kind == NEWS_AMOUNT ? capacity : 1);
}

/* Whether the value turned round. */
static bool follow(struct news_value *value, const struct news_settings *settings, enum news_kind kind,
                   double present, double capacity, int64_t now)
{
	int direction = present > value->level ? 1 : -1;
	bool turned;

	if (!news_passes(settings, kind, value->level, present, capacity))
		return false;
	turned = value->direction == -direction;
	value->level = present;
	value->moved = now;
	value->direction = direction;
	return turned;
}

enum news_change news_value_step(struct news_value *value, const struct news_settings *settings,
                                 enum news_kind kind, double present, double capacity, int64_t now)
{
	bool turned, unsteady;

	if (!value->known)
		*value = (struct news_value){.known = true, .told = present, .level = present, .moved = now};
	turned = follow(value, settings, kind, present, capacity, now);
	unsteady = penalty_step(&value->penalty, &settings->damping, turned, now);
	if (present == value->told)
		return NEWS_SAME;
	if (!news_passes(settings, kind, value->told, present, capacity))
		return NEWS_SMALL;
	if (unsteady && (present > value->told) != (cautious[kind] > 0) &&
	    now - value->moved < settings->interval)
		return NEWS_UNSTEADY;
	return NEWS_MOVED;
}

/* A value with what it is now. */
struct sample {
	struct news_value *value;
	enum news_kind kind;
	double present, capacity;
};

enum { SAMPLES = METRIC_KINDS + RESOURCE_KINDS * NEWS_RESOURCE_VALUES + SITE_LINKS * NEWS_LINK_VALUES };

/* A route being looked at: its values, and what is certain without them. */
struct look {
	enum news_change change;
	int64_t next;
	size_t count;
	struct sample samples[SAMPLES];
};

/* Its samples are filled in as they come: clearing them all would cost more than looking at them. */
static void open_look(struct look *look)
{
	look->change = NEWS_SAME;
	look->next = INT64_MAX;
	look->count = 0;
}

/* `values` is the next of them; they are looked at in the same order each time. */
static void sample(struct look *look, struct news_value **values, enum news_kind kind, double present,
                   double capacity)
{
	look->samples[look->count++] = (struct sample){(*values)++, kind, present, capacity};
}

static void weigh(struct look *look, const struct news_settings *settings, int64_t now)
{
	for (size_t i = 0; i < look->count; i++) {
		const struct sample *one = &look->samples[i];
		enum news_change change =
		        news_value_step(one->value, settings, one->kind, one->present, one->capacity, now);

		if (change == NEWS_UNSTEADY)
			look->next = MINIMUM(look->next, one->value->moved + settings->interval);
		look->change = MAXIMUM(look->change, change);
	}
}

static enum news_verdict tell(struct news_route *route, struct look *look, struct news_counters *counters,
                              int64_t now)
{
	for (size_t i = 0; i < look->count; i++)
		look->samples[i].value->told = look->samples[i].present;
	route->told = route->ever = true;
	route->at = now;
	counters->told++;
	return NEWS_TELL;
}

static void count_held(enum news_change change, struct news_counters *counters)
{
	counters->early += change >= NEWS_MOVED;
	counters->unsteady += change == NEWS_UNSTEADY;
	counters->small += change == NEWS_SMALL;
}

/* The one step of every route. `always`: it is told at its maximum age even when nothing differs. */
static enum news_verdict step(struct news_route *route, const struct news_settings *settings,
                              struct look *look, bool always, int64_t now, struct news_counters *counters)
{
	int64_t allowed = route->ever ? route->at + settings->interval : now;
	int64_t old = route->at + settings->age;

	if (!route->told)
		look->change = NEWS_MOVED;
	if (look->change == NEWS_LOST || (look->change == NEWS_MOVED && now >= allowed))
		return tell(route, look, counters, now);
	if (route->told && now >= old && now >= allowed && (always || look->change != NEWS_SAME)) {
		counters->refreshed++;
		return tell(route, look, counters, now);
	}
	count_held(look->change, counters);
	if (look->change == NEWS_MOVED)
		look->next = MINIMUM(look->next, allowed);
	if (route->told && (always || look->change != NEWS_SAME))
		look->next = MINIMUM(look->next, MAXIMUM(old, allowed));
	return NEWS_WAIT;
}

static enum news_verdict withdraw(struct news_route *route, int64_t now, struct news_counters *counters)
{
	if (!route->told)
		return NEWS_WAIT;
	route->told = false;
	route->at = now;
	counters->withdrawn++;
	return NEWS_WITHDRAW;
}

static void look_at_metrics(struct look *look, struct news_value *values,
                            const struct metric metrics[METRIC_KINDS])
{
	for (int kind = 0; kind < METRIC_KINDS; kind++)
		sample(look, &values, NEWS_EXACT, metrics[kind].source == 0 ? -1 : metrics[kind].score, 0);
}

static void look_at_resource(struct look *look, struct news_value *values, const struct resource_offer *offer)
{
	sample(look, &values, NEWS_PRICE, (double)resource_price(offer, 0), 0);
	sample(look, &values, NEWS_AMOUNT, (double)offer->free, (double)offer->capacity);
	sample(look, &values, NEWS_EXACT, (double)offer->capacity, 0);
	sample(look, &values, NEWS_EXACT, (double)offer->tariff, 0);
}

static void look_at_link(struct look *look, struct news_value *values, const struct link_offer *link)
{
	sample(look, &values, NEWS_PRICE, (double)link_price(link, 0), 0);
	sample(look, &values, NEWS_AMOUNT, (double)link->free, (double)link->capacity);
	sample(look, &values, NEWS_DELAY, (double)link->delay, 0);
	sample(look, &values, NEWS_LOSS, link->loss, 0);
	sample(look, &values, NEWS_EXACT, (double)link->capacity, 0);
	sample(look, &values, NEWS_EXACT, (double)link->tariff, 0);
	for (int class = 0; class < LINK_CLASSES; class ++)
		sample(look, &values, NEWS_EXACT, (double)link->ceilings[class], 0);
}

/* That of a neighbour, or a free one. Links of a gateway are configured: they are never more. */
static struct news_link *find_link(struct news_site *news, struct gateway_identity toward)
{
	for (uint32_t i = 0; i < SITE_LINKS; i++)
		if (gateway_is_none(news->links[i].toward) || gateway_equal(news->links[i].toward, toward))
			return &news->links[i];
	return NULL;
}

static bool has_link(const struct site *site, struct gateway_identity toward)
{
	for (uint32_t i = 0; i < site->link_count; i++)
		if (gateway_equal(site->links[i].toward, toward))
			return true;
	return false;
}

static void look_at_links(struct look *look, struct news_site *news, const struct site *present)
{
	for (uint32_t i = 0; i < SITE_LINKS; i++)
		if (news->links[i].told && !has_link(present, news->links[i].toward))
			look->change = NEWS_LOST;
	for (uint32_t i = 0; i < present->link_count; i++) {
		struct news_link *link = find_link(news, present->links[i].toward);

		if (link == NULL || !link->told)
			look->change = MAXIMUM(look->change, NEWS_MOVED);
		if (link == NULL)
			continue;
		link->toward = present->links[i].toward;
		look_at_link(look, link->values, &present->links[i]);
	}
}

static void look_at_resources(struct look *look, struct news_site *news, const struct site *present)
{
	for (int kind = 0; kind < RESOURCE_KINDS; kind++) {
		const struct resource_offer *offer = site_resource(present, (enum resource_kind)kind);

		if (news->resources[kind].told != (offer != NULL))
			look->change = MAXIMUM(look->change, NEWS_MOVED);
		if (offer != NULL)
			look_at_resource(look, news->resources[kind].values, offer);
	}
}

static void note_told(struct news_site *news, const struct site *present)
{
	for (int kind = 0; kind < RESOURCE_KINDS; kind++)
		news->resources[kind].told = site_resource(present, (enum resource_kind)kind) != NULL;
	for (uint32_t i = 0; i < SITE_LINKS; i++)
		news->links[i].told =
		        !gateway_is_none(news->links[i].toward) && has_link(present, news->links[i].toward);
}

enum news_verdict news_site_step(struct news_site *news, const struct news_settings *settings,
                                 const struct site *present, int64_t now, struct news_counters *counters,
                                 int64_t *ret_next)
{
	struct look look;
	enum news_verdict verdict;

	open_look(&look);
	look_at_metrics(&look, news->metrics, present->metrics);
	look_at_resources(&look, news, present);
	look_at_links(&look, news, present);
	weigh(&look, settings, now);
	verdict = step(&news->route, settings, &look, true, now, counters);
	if (verdict == NEWS_TELL) {
		note_told(news, present);
		look.next = now + settings->age;
	}
	*ret_next = look.next;
	return verdict;
}

static void look_at_service(struct look *look, struct news_value *values, const struct service_offer *service)
{
	sample(look, &values, NEWS_PRICE, (double)service->price, 0);
	sample(look, &values, NEWS_EXACT, (double)service->tariff, 0);
	sample(look, &values, NEWS_DELAY, (double)service->time, 0);
	sample(look, &values, NEWS_DELAY, (double)service->start, 0);
	sample(look, &values, NEWS_COUNT, service->running, 0);
	sample(look, &values, NEWS_EXACT, service->score, 0);
	sample(look, &values, NEWS_EXACT, (double)service->cpu, 0);
	sample(look, &values, NEWS_EXACT, (double)service->memory, 0);
	look_at_metrics(look, values, service->metrics);
}

enum news_verdict news_service_step(struct news_service *news, const struct news_settings *settings,
                                    const struct service_offer *present, bool shown, int64_t now,
                                    struct news_counters *counters, int64_t *ret_next)
{
	struct look look;
	enum news_verdict verdict;

	open_look(&look);
	look_at_service(&look, news->values, present);
	weigh(&look, settings, now);
	verdict = shown ? step(&news->route, settings, &look, false, now, counters)
	                : withdraw(&news->route, now, counters);
	*ret_next = shown && verdict == NEWS_WAIT ? look.next : INT64_MAX;
	return verdict;
}
