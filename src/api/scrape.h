/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `GET /metrics` over HTTP/1.1, for whoever can reach the address: numbers, no names of tenants or users.
 *
 * The text is made anew at most ten times a second, whoever asks how often.
 */
#ifndef API_SCRAPE_H
#define API_SCRAPE_H

#include "base/clock.h"
#include "base/compiler.h"
#include <stdint.h>
#include <uv.h>

struct scrape;

struct scrape_settings {
	uint8_t address[16];
	uint16_t port; /* 0: the kernel chooses */
	struct clock clock;
	char *(*render)(void *context); /* the text, malloc'd; NULL: memory is short */
	void *context;
};

/* Negative errno. */
int scrape_open(uv_loop_t *loop, const struct scrape_settings *settings, struct scrape **ret_scrape) CHECKED;
uint16_t scrape_port(const struct scrape *scrape);
/* Nothing is rendered any more; the memory is freed when the loop has turned. Accepts NULL. */
void scrape_close(struct scrape *scrape);

#endif
