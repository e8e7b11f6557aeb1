/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Teller: a gateway's telling side alone, book, announce and speaker, as a process that changes its price.
 *
 *   teller LOCAL REMOTE PORT AS SECRET
 *
 * Peers with a route reflector as the site 9998.1, which has one kind of resource; prints "up". Each time a
 * line comes on standard input the price rises by a fiftieth or so, CHANGES times, 20 to 90 ms apart:
 *
 *   changed PRICE TIME   the price at zero utilisation; of the monotonic clock, ns
 *   done
 *
 * The end of standard input is the end.
 */
#include "bench/peer.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "daemon/announce.h"
#include <errno.h>
#include <stdio.h>

enum { SITE = 9998, IDENTIFIER = 0x0a0f0002, CHANGES = 80, FIRST = 100 };

struct teller {
	struct peer peer;
	struct view *view;
	struct book *book;
	struct announce *announce;
	struct random random;
	uint32_t changes, energy;
	uv_timer_t timer;
};

static void on_timer(uv_timer_t *timer);

static void change_later(struct teller *teller)
{
	(void)uv_timer_start(&teller->timer, on_timer, 20 + random_below(&teller->random, 70), 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct teller *teller = timer->data;
	struct resource_offer offer;
	int64_t now;
	int code;

	teller->energy += teller->energy / 45;
	code = book_set_prices(teller->book, &(struct book_prices){.energy = teller->energy, .carbon = 1000});
	now = clock_monotonic(&clock_system);
	announce_changed(teller->announce);
	if (code == 0)
		code = book_resource_at(teller->book, 0, &offer);
	if (code < 0)
		peer_die("price", code);
	printf("changed %lld %lld\n", (long long)offer.base, (long long)now);
	if (++teller->changes % CHANGES != 0)
		change_later(teller);
	else
		printf("done\n");
}

static void open_announce(struct teller *teller)
{
	const struct view_limits limits = {.sites = 4, .services = 4, .reservations = 4, .suspects = 4};
	const struct resource_offer cpu = {.kind = RESOURCE_CPU,
	                                   .capacity = 64000000,
	                                   .free = 64000000,
	                                   .base = 1000000,
	                                   .steepness = 8000,
	                                   .tariff = 1000000};
	struct announce_settings settings = {.site = {.identity = {SITE, 1},
	                                              .locator = {0xfc, 0xbb, 0, 0, SITE >> 8, SITE & 0xff},
	                                              .name = "teller"},
	                                     .news = news_defaults,
	                                     .metrics = metric_agent_defaults,
	                                     .ring = &teller->peer.ring,
	                                     .clock = clock_system};
	int code = -ENOMEM;

	settings.news.interval = 10 * CLOCK_MILLISECOND;
	settings.news.thresholds[NEWS_PRICE].relative = 0.01;
	teller->view = view_create(&limits);
	teller->book = book_create(16, 1);
	if (teller->view != NULL && teller->book != NULL)
		code = book_add_resource(teller->book, &cpu);
	if (code == 0)
		code = announce_create(&teller->peer.loop, &settings, teller->view, teller->book,
		                       &teller->announce);
	if (code < 0)
		peer_die("rooms", code);
	announce_set_speaker(teller->announce, teller->peer.speaker);
}

static void on_told(void *context, bool goes_on)
{
	struct teller *teller = context;

	if (goes_on) {
		change_later(teller);
		return;
	}
	uv_close((uv_handle_t *)&teller->timer, NULL);
	announce_close(teller->announce);
}

int main(int argc, char **argv)
{
	struct teller teller = {.peer = {.told = on_told, .context = &teller}, .energy = FIRST};
	const struct speaker_callbacks callbacks = {.context = &teller};

	if (argc != 1 + PEER_ARGUMENTS) {
		fprintf(stderr, "usage: teller LOCAL REMOTE PORT AS SECRET\n");
		return 2;
	}
	random_seed(&teller.random, 9);
	peer_open(&teller.peer, argv + 1);
	(void)uv_timer_init(&teller.peer.loop, &teller.timer); /* it only fills the handle in */
	teller.timer.data = &teller;
	peer_connect(&teller.peer, argv + 1, IDENTIFIER, &callbacks);
	open_announce(&teller);
	peer_run(&teller.peer);
	book_free(teller.book);
	view_free(teller.view);
	return 0;
}
