/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Teller: a gateway's telling side alone, book, announce and speaker, as a process that changes its price.
 *
 *   teller LOCAL REMOTE PORT AS SECRET
 *
 * Peers with a route reflector as the site 9998.1, which has one kind of resource; prints "up". Each time a
 * line comes on standard input the price rises by a tenth and a little, CHANGES times, 20 to 90 ms apart:
 *
 *   changed PRICE TIME   the price at zero utilisation; of the monotonic clock, ns
 *   done
 *
 * The end of standard input is the end.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/random.h"
#include "bgp/speaker.h"
#include "daemon/announce.h"
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { SITE = 9998, ATTRIBUTE_CODE = 255, IDENTIFIER = 0x0a0f0002, LINE = 64, CHANGES = 80, FIRST = 100 };

struct teller {
	struct view *view;
	struct book *book;
	struct announce *announce;
	struct speaker *speaker;
	struct seal_ring ring;
	struct random random;
	uint32_t changes, energy;
	uv_timer_t timer;
	uv_pipe_t input;
	char line[LINE];
};

_Noreturn static void die(const char *what, int code)
{
	fprintf(stderr, "teller: %s: %s\n", what, error_text(code));
	exit(1);
}

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

	teller->energy += teller->energy / 9;
	if (book_set_prices(teller->book, &(struct book_prices){.energy = teller->energy, .carbon = 1000}) <
	    0)
		die("price", BUSBAR_ERROR_BAD_VALUE);
	now = clock_monotonic(&clock_system);
	announce_changed(teller->announce);
	if (book_resource_at(teller->book, 0, &offer) < 0)
		die("resource", BUSBAR_ERROR_NOT_FOUND);
	printf("changed %lld %lld\n", (long long)offer.base, (long long)now);
	if (++teller->changes % CHANGES != 0)
		change_later(teller);
	else
		printf("done\n");
}

static void on_peer(void *context, uint32_t peer, bool established)
{
	(void)context;
	(void)peer;
	printf("%s\n", established ? "up" : "down");
}

static void open_announce(struct teller *teller, uv_loop_t *loop)
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
	                                     .ring = &teller->ring,
	                                     .clock = clock_system};
	int code;

	settings.news.interval = 10 * CLOCK_MILLISECOND;
	teller->view = view_create(&limits);
	teller->book = book_create(16, 1);
	if (teller->view == NULL || teller->book == NULL)
		die("rooms", -ENOMEM);
	code = book_add_resource(teller->book, &cpu);
	if (code == 0)
		code = announce_create(loop, &settings, teller->view, teller->book, &teller->announce);
	if (code < 0)
		die("announce", code);
}

static void open_speaker(struct teller *teller, uv_loop_t *loop, char **argv)
{
	const struct speaker_callbacks callbacks = {.context = teller, .peer = on_peer};
	struct speaker_peer peer = {.name = "reflector",
	                            .as = (uint32_t)strtoul(argv[4], NULL, 10),
	                            .port = (uint16_t)strtoul(argv[3], NULL, 10)};
	struct speaker_settings settings = {.as = peer.as,
	                                    .identifier = IDENTIFIER,
	                                    .hold = 240 * CLOCK_SECOND,
	                                    .attribute = ATTRIBUTE_CODE,
	                                    .peer_count = 1,
	                                    .peers = &peer,
	                                    .seed = 2};
	int code;

	if (inet_pton(AF_INET6, argv[1], peer.local) != 1 || inet_pton(AF_INET6, argv[2], peer.remote) != 1)
		die("address", BUSBAR_ERROR_BAD_VALUE);
	code = speaker_create(loop, &settings, &callbacks, &teller->speaker);
	if (code < 0)
		die("speaker", code);
	announce_set_speaker(teller->announce, teller->speaker);
}

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct teller *teller = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(teller->line, LINE);
}

static void on_input(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
	struct teller *teller = stream->data;

	(void)buffer;
	if (size > 0) {
		teller->energy = FIRST;
		change_later(teller);
		return;
	}
	uv_close((uv_handle_t *)stream, NULL);
	uv_close((uv_handle_t *)&teller->timer, NULL);
	announce_close(teller->announce);
	speaker_close(teller->speaker, NULL, NULL);
}

int main(int argc, char **argv)
{
	struct teller teller = {.ring = {.count = 1, .keys = {{.identifier = 1}}}};
	uv_loop_t loop;

	if (argc != 6 || hex_parse(argv[5], teller.ring.keys[0].secret, SEAL_SECRET) < 0) {
		fprintf(stderr, "usage: teller LOCAL REMOTE PORT AS SECRET\n");
		return 2;
	}
	log_set_level(LOG_WARNING);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	random_seed(&teller.random, 9);
	if (uv_loop_init(&loop) < 0 || uv_pipe_init(&loop, &teller.input, 0) < 0 ||
	    uv_pipe_open(&teller.input, 0) < 0 || uv_timer_init(&loop, &teller.timer) < 0)
		die("loop", BUSBAR_ERROR_BAD_VALUE);
	teller.input.data = teller.timer.data = &teller;
	open_announce(&teller, &loop);
	open_speaker(&teller, &loop, argv);
	(void)uv_read_start((uv_stream_t *)&teller.input, on_buffer, on_input);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&loop);
	book_free(teller.book);
	view_free(teller.view);
	return 0;
}
