/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/announce.h"

#include "base/error.h"
#include "base/log.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAG "announce"
/* How often is looked at what moves by itself: prices over the day, means, ages. */
#define PERIOD CLOCK_SECOND

struct link_state {
	struct gateway_identity toward;
	bool established, measured;
	struct damping damping;
	double told_delay, told_loss; /* to our own view */
};

struct service_state {
	struct metric_instances instances;
	struct damping damping;
	struct news_service news;
};

struct announce {
	struct announce_settings settings;
	struct view *view;
	struct book *book;
	const struct owner *owner;
	struct speaker *speaker;
	uv_timer_t timer;
	uv_timer_t soon; /* runs while a change of amounts is to be told */
	uint32_t open_handles;
	uint64_t sequence;
	int64_t ticked; /* the book, monotonic clock */
	bool closing;
	struct metric_agent *agent;
	struct news_site news;
	struct news_counters counters;
	struct service_state *services;
	uint32_t link_count;
	struct link_state links[SITE_LINKS];
};

static struct link_state *find_link(struct announce *announce, struct gateway_identity toward)
{
	for (uint32_t i = 0; i < announce->link_count; i++)
		if (gateway_equal(announce->links[i].toward, toward))
			return &announce->links[i];
	if (announce->link_count == SITE_LINKS)
		return NULL;
	announce->links[announce->link_count].toward = toward;
	return &announce->links[announce->link_count++];
}

/* What is there and damped away is looked at again when it may be shown. */
static bool is_shown(struct announce *announce, struct damping *damping, bool present, int64_t now,
                     int64_t *next)
{
	const struct damping_settings *settings = &announce->settings.news.damping;
	bool shown = damping_step(damping, settings, present, now);

	announce->counters.suppressed += present && !shown;
	*next = MINIMUM(*next, damping_next(damping, settings));
	return shown;
}

static void fill_links(struct announce *announce, struct site *site, int64_t now, int64_t *next)
{
	for (size_t i = 0; i < book_link_count(announce->book) && site->link_count < SITE_LINKS; i++) {
		struct link_offer offer;
		struct link_state *state;

		if (book_link_at(announce->book, i, &offer) < 0)
			continue;
		state = find_link(announce, offer.toward);
		if (state == NULL ||
		    !is_shown(announce, &state->damping, state->established && state->measured, now, next))
			continue;
		state->told_delay = (double)offer.delay;
		state->told_loss = offer.loss;
		site->links[site->link_count++] = offer;
	}
}

static struct site present_site(struct announce *announce, int64_t now, int64_t *next)
{
	struct site site = announce->settings.site;

	site.measured = clock_wall(&announce->settings.clock);
	site.validity = ANNOUNCE_LIVES * announce->settings.news.age;
	for (size_t i = 0; i < book_resource_count(announce->book) && site.resource_count < RESOURCE_KINDS;
	     i++)
		if (book_resource_at(announce->book, i, &site.resources[site.resource_count]) == 0)
			site.resource_count++;
	fill_links(announce, &site, now, next);
	metric_agent_site(announce->agent, &site, now);
	return site;
}

static struct service_offer present_service(struct announce *announce, uint32_t index,
                                            const struct site *site, int64_t now)
{
	struct service_offer offer = announce->settings.services[index].offer;

	if (announce->owner != NULL)
		offer.running = owner_running(announce->owner, index);
	metric_agent_service(announce->agent, index, site, announce->services[index].instances, &offer, now);
	return offer;
}

/* Grows, also over restarts, as long as the clock does. */
static uint64_t next_sequence(struct announce *announce)
{
	uint64_t now = (uint64_t)clock_wall(&announce->settings.clock);

	announce->sequence = MAXIMUM(announce->sequence + 1, now);
	return announce->sequence;
}

static struct attribute_header header_of(struct announce *announce, enum attribute_content content)
{
	struct attribute_header header = {.content = content,
	                                  .sender = announce->settings.site.identity,
	                                  .sequence = next_sequence(announce),
	                                  .domain_count = announce->settings.domain_count};

	memcpy(header.domain, announce->settings.domain, sizeof(header.domain));
	return header;
}

static void say(struct announce *announce, const uint8_t prefix[16], uint8_t length, const uint8_t *bytes,
                int size)
{
	int code = size < 0 ? size : speaker_announce(announce->speaker, prefix, length, bytes, (size_t)size);

	if (code < 0)
		log_warning(TAG, "event=not-announced cause=\"%s\"", error_text(code));
}

static void say_site(struct announce *announce, const struct site *site)
{
	const struct seal_key *key = seal_first(announce->settings.ring);
	struct attribute_header header = header_of(announce, ATTRIBUTE_SITE);
	uint8_t bytes[ATTRIBUTE_MAXIMUM];

	say(announce, site->locator, GATEWAY_LOCATOR_BITS, bytes,
	    attribute_encode_site(&header, site, site->locator, GATEWAY_LOCATOR_BITS, key, bytes,
	                          sizeof(bytes)));
}

static void say_service(struct announce *announce, const struct service_offer *offer)
{
	const struct seal_key *key = seal_first(announce->settings.ring);
	struct attribute_header header = header_of(announce, ATTRIBUTE_SERVICE);
	uint8_t bytes[ATTRIBUTE_MAXIMUM];

	say(announce, offer->address, 128, bytes,
	    attribute_encode_service(&header, offer, offer->address, 128, key, bytes, sizeof(bytes)));
}

static void take_back(struct announce *announce, const struct service_offer *offer)
{
	log_info(TAG, "service=%s event=withdrawn", offer->name);
	(void)speaker_withdraw(announce->speaker, offer->address, 128);
}

static void tell_service(struct announce *announce, uint32_t index, const struct service_offer *offer,
                         int64_t now, int64_t *next)
{
	struct service_state *state = &announce->services[index];
	bool well = state->instances.configured == 0 || state->instances.well > 0;
	bool shown = is_shown(announce, &state->damping, well, now, next);
	enum news_verdict verdict;
	int64_t wanted;

	if (announce->speaker == NULL)
		return;
	verdict = news_service_step(&state->news, &announce->settings.news, offer, shown, now,
	                            &announce->counters, &wanted);
	*next = MINIMUM(*next, wanted);
	if (verdict == NEWS_TELL)
		say_service(announce, offer);
	else if (verdict == NEWS_WITHDRAW)
		take_back(announce, offer);
}

static void tell_site(struct announce *announce, const struct site *site, int64_t now, int64_t *next)
{
	int64_t wanted;

	if (announce->speaker == NULL)
		return;
	if (news_site_step(&announce->news, &announce->settings.news, site, now, &announce->counters,
	                   &wanted) == NEWS_TELL)
		say_site(announce, site);
	*next = MINIMUM(*next, wanted);
}

static void on_timer(uv_timer_t *timer);

static void schedule(struct announce *announce, int64_t now, int64_t next)
{
	int64_t wait = next > now ? (next - now + CLOCK_MILLISECOND - 1) / CLOCK_MILLISECOND : 0;

	if (!announce->closing)
		(void)uv_timer_start(&announce->timer, on_timer, (uint64_t)wait, 0);
}

void announce_changed(struct announce *announce)
{
	int64_t now = clock_monotonic(&announce->settings.clock), next = now + PERIOD;
	struct site site = present_site(announce, now, &next);
	int code = view_put_site(announce->view, &site);

	tell_site(announce, &site, now, &next);
	for (uint32_t i = 0; i < announce->settings.service_count; i++) {
		struct service_offer offer = present_service(announce, i, &site, now);

		if (code == 0)
			code = view_put_service(announce->view, &offer);
		tell_service(announce, i, &offer, now, &next);
	}
	if (code < 0)
		log_warning(TAG, "event=own-view cause=\"%s\"", error_text(code));
	schedule(announce, now, next);
}

static void on_timer(uv_timer_t *timer)
{
	struct announce *announce = timer->data;
	int64_t now = clock_monotonic(&announce->settings.clock);

	if (now - announce->ticked >= PERIOD) {
		announce->ticked = now;
		book_tick(announce->book, clock_wall(&announce->settings.clock));
	}
	announce_changed(announce);
}

static void on_soon(uv_timer_t *soon)
{
	announce_changed(soon->data);
}

void announce_amounts_changed(struct announce *announce)
{
	if (!announce->closing && !uv_is_active((uv_handle_t *)&announce->soon))
		(void)uv_timer_start(&announce->soon, on_soon, 1, 0);
}

static const char *link_state_name(const struct link_state *state)
{
	if (state->established)
		return state->measured ? "up" : "unmeasured";
	return state->measured ? "unconnected" : "down";
}

static void set_link(struct link_state *state, bool established, bool measured, const char *event)
{
	const char *old = link_state_name(state);
	char text[GATEWAY_TEXT];

	state->established = established;
	state->measured = measured;
	log_info(TAG, "link=%s old=%s event=%s new=%s", gateway_text(state->toward, text), old, event,
	         link_state_name(state));
}

void announce_link_session(struct announce *announce, struct gateway_identity toward, bool established)
{
	struct link_state *state = find_link(announce, toward);

	if (state == NULL || state->established == established)
		return;
	set_link(state, established, state->measured, established ? "session-up" : "session-down");
	announce_changed(announce);
}

static bool is_news(const struct announce *announce, const struct link_state *state,
                    const struct probe_measurement *measurement)
{
	const struct news_settings *settings = &announce->settings.news;

	return news_passes(settings, NEWS_LOSS, state->told_loss, measurement->loss, 0) ||
	       news_passes(settings, NEWS_DELAY, state->told_delay, (double)measurement->delay, 0);
}

void announce_link_measured(struct announce *announce, struct gateway_identity toward,
                            const struct probe_measurement *measurement, bool lost)
{
	struct link_state *state = find_link(announce, toward);
	bool known;

	if (state == NULL)
		return;
	known = state->measured;
	if (known == lost)
		set_link(state, state->established, !lost, lost ? "lost" : "measured");
	if (!lost)
		book_set_link_delay(announce->book, toward, measurement->delay, measurement->jitter,
		                    measurement->loss);
	if (known == lost || (!lost && is_news(announce, state, measurement)))
		announce_changed(announce);
}

void announce_instances(struct announce *announce, uint32_t service, struct metric_instances instances)
{
	struct metric_instances *known = &announce->services[service].instances;

	if (known->configured == instances.configured && known->well == instances.well)
		return;
	*known = instances;
	announce_changed(announce);
}

const struct news_counters *announce_counters(const struct announce *announce)
{
	return &announce->counters;
}

static void free_announce(struct announce *announce)
{
	(void)metric_agent_free(announce->agent);
	free(announce->services);
	free(announce);
}

int announce_create(uv_loop_t *loop, const struct announce_settings *settings, struct view *view,
                    struct book *book, struct announce **ret_announce)
{
	struct announce *announce = calloc(1, sizeof(*announce));
	int code = -ENOMEM;

	if (announce == NULL)
		return -ENOMEM;
	announce->settings = *settings;
	announce->view = view;
	announce->book = book;
	announce->agent = metric_agent_create(&settings->metrics, settings->service_count);
	announce->services = calloc((size_t)settings->service_count + 1, sizeof(*announce->services));
	if (announce->agent != NULL && announce->services != NULL)
		code = uv_timer_init(loop, &announce->timer);
	if (code < 0) {
		free_announce(announce);
		return code;
	}
	(void)uv_timer_init(loop, &announce->soon); /* as the other one: it only fills the handle in */
	announce->open_handles = 2;
	announce->timer.data = announce->soon.data = announce;
	announce_changed(announce);
	*ret_announce = announce;
	return 0;
}

void announce_set_owner(struct announce *announce, const struct owner *owner)
{
	announce->owner = owner;
}

void announce_set_speaker(struct announce *announce, struct speaker *speaker)
{
	announce->speaker = speaker;
}

static void on_closed(uv_handle_t *handle)
{
	struct announce *announce = handle->data;

	if (--announce->open_handles == 0)
		free_announce(announce);
}

void announce_close(struct announce *announce)
{
	if (announce == NULL || announce->closing)
		return;
	announce->closing = true;
	announce->speaker = NULL;
	uv_close((uv_handle_t *)&announce->timer, on_closed);
	uv_close((uv_handle_t *)&announce->soon, on_closed);
}
