/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/announce.h"

#include "base/error.h"
#include "base/log.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAG "announce"
#define VALIDITY (30 * CLOCK_SECOND)
#define REFRESH (VALIDITY / 3)
/* A delay that moved less than a tenth and less than this is no news. */
#define DELAY_NEWS (200 * CLOCK_MICROSECOND)
/* Parts per million. */
#define LOSS_NEWS 20000

struct link_state {
	struct gateway_identity toward;
	bool established, measured;
	int64_t announced_delay;
	uint32_t announced_loss;
};

struct announce {
	struct announce_settings settings;
	struct view *view;
	struct book *book;
	const struct owner *owner;
	struct speaker *speaker;
	uv_timer_t timer;
	uv_timer_t soon; /* runs while our own view is to be told */
	uint32_t open_handles;
	uint64_t sequence;
	int64_t last; /* monotonic clock */
	bool due, closing;
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

static void fill_links(struct announce *announce, struct site *site)
{
	for (size_t i = 0; i < book_link_count(announce->book) && site->link_count < SITE_LINKS; i++) {
		struct link_offer offer;
		struct link_state *state;

		if (book_link_at(announce->book, i, &offer) < 0)
			continue;
		state = find_link(announce, offer.toward);
		if (state == NULL || !state->established || !state->measured)
			continue;
		state->announced_delay = offer.delay;
		state->announced_loss = offer.loss;
		site->links[site->link_count++] = offer;
	}
}

static struct site present_site(struct announce *announce)
{
	struct site site = announce->settings.site;

	site.measured = clock_wall(&announce->settings.clock);
	site.validity = VALIDITY;
	for (size_t i = 0; i < book_resource_count(announce->book) && site.resource_count < RESOURCE_KINDS;
	     i++)
		if (book_resource_at(announce->book, i, &site.resources[site.resource_count]) == 0)
			site.resource_count++;
	fill_links(announce, &site);
	return site;
}

static struct service_offer present_service(const struct announce *announce, uint32_t index)
{
	struct service_offer offer = announce->settings.services[index].offer;

	if (announce->owner != NULL)
		offer.running = owner_running(announce->owner, index);
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

static void tell_network(struct announce *announce, const struct site *site)
{
	const struct seal_key *key = seal_first(announce->settings.ring);
	struct attribute_header header = header_of(announce, ATTRIBUTE_SITE);
	uint8_t bytes[ATTRIBUTE_MAXIMUM];

	if (announce->speaker == NULL || key == NULL)
		return;
	say(announce, site->locator, GATEWAY_LOCATOR_BITS, bytes,
	    attribute_encode_site(&header, site, site->locator, GATEWAY_LOCATOR_BITS, key, bytes,
	                          sizeof(bytes)));
	for (uint32_t i = 0; i < announce->settings.service_count; i++) {
		struct service_offer offer = present_service(announce, i);

		header = header_of(announce, ATTRIBUTE_SERVICE);
		say(announce, offer.address, 128, bytes,
		    attribute_encode_service(&header, &offer, offer.address, 128, key, bytes, sizeof(bytes)));
	}
}

static void tell_view(struct announce *announce, const struct site *site)
{
	int code = view_put_site(announce->view, site);

	for (uint32_t i = 0; i < announce->settings.service_count && code == 0; i++) {
		struct service_offer offer = present_service(announce, i);

		code = view_put_service(announce->view, &offer);
	}
	if (code < 0)
		log_warning(TAG, "event=own-view cause=\"%s\"", error_text(code));
}

static void on_timer(uv_timer_t *timer);

static void schedule(struct announce *announce)
{
	int64_t now = clock_monotonic(&announce->settings.clock);
	int64_t at = announce->last + (announce->due ? announce->settings.interval : REFRESH);
	int64_t wait = at > now ? (at - now + CLOCK_MILLISECOND - 1) / CLOCK_MILLISECOND : 0;

	if (!announce->closing)
		(void)uv_timer_start(&announce->timer, on_timer, (uint64_t)wait, 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct announce *announce = timer->data;
	struct site site;

	book_tick(announce->book, clock_wall(&announce->settings.clock));
	site = present_site(announce);
	announce->due = false;
	announce->last = clock_monotonic(&announce->settings.clock);
	tell_view(announce, &site);
	tell_network(announce, &site);
	schedule(announce);
}

void announce_changed(struct announce *announce)
{
	struct site site = present_site(announce);

	tell_view(announce, &site);
	if (!announce->due) {
		announce->due = true;
		schedule(announce);
	}
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

void announce_link_session(struct announce *announce, struct gateway_identity toward, bool established)
{
	struct link_state *state = find_link(announce, toward);

	if (state == NULL || state->established == established)
		return;
	state->established = established;
	announce_changed(announce);
}

static bool is_news(const struct link_state *state, const struct probe_measurement *measurement)
{
	int64_t change = llabs(measurement->delay - state->announced_delay);
	int64_t loss = llabs((int64_t)measurement->loss - (int64_t)state->announced_loss);

	return loss > LOSS_NEWS || (change > DELAY_NEWS && change > state->announced_delay / 10);
}

void announce_link_measured(struct announce *announce, struct gateway_identity toward,
                            const struct probe_measurement *measurement, bool lost)
{
	struct link_state *state = find_link(announce, toward);
	char text[GATEWAY_TEXT];
	bool known;

	if (state == NULL)
		return;
	known = state->measured;
	state->measured = !lost;
	if (known == lost)
		log_info(TAG, "link=%s event=%s delay=%lld", gateway_text(toward, text),
		         lost ? "lost" : "measured", (long long)measurement->delay);
	if (!lost)
		book_set_link_delay(announce->book, toward, measurement->delay, measurement->jitter,
		                    measurement->loss);
	if (known == lost || (!lost && is_news(state, measurement)))
		announce_changed(announce);
}

int announce_create(uv_loop_t *loop, const struct announce_settings *settings, struct view *view,
                    struct book *book, struct announce **ret_announce)
{
	struct announce *announce = calloc(1, sizeof(*announce));
	int code;

	if (announce == NULL)
		return -ENOMEM;
	announce->settings = *settings;
	announce->view = view;
	announce->book = book;
	code = uv_timer_init(loop, &announce->timer);
	if (code < 0) {
		free(announce);
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
		free(announce);
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
