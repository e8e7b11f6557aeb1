/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Announce: what this gateway says of itself, from its book, its links, its services and their instances.
 *
 * The gateway's own view is told at once. The network is told what is news (book/news.h): at once when it was
 * quiet, never sooner than the minimum interval otherwise, and the site at its maximum age in any case. A
 * link is announced while its session is established and its delay has been measured, a service with
 * instances of its own while one of them is well; those that come and go often are damped (book/damping.h).
 * The CATS metrics of both are computed here once a second, and with every change (book/metric_agent.h).
 */
#ifndef DAEMON_ANNOUNCE_H
#define DAEMON_ANNOUNCE_H

#include "base/clock.h"
#include "base/compiler.h"
#include "bgp/speaker.h"
#include "book/book.h"
#include "book/metric_agent.h"
#include "book/news.h"
#include "execute/owner.h"
#include "probe/probe.h"
#include "view/view.h"
#include "wire/attribute.h"
#include <stdbool.h>
#include <uv.h>

struct announce;

/* How long what a site says of itself holds: three times its maximum age. */
enum { ANNOUNCE_LIVES = 3 };

struct announce_settings {
	struct site site; /* everything but resources, links, metrics and times */
	struct news_settings news;
	struct metric_agent_settings metrics;
	uint32_t domain_count; /* members of the domain, for the attribute's header */
	uint32_t domain[ATTRIBUTE_DOMAIN];
	const struct seal_ring *ring;
	struct clock clock;
	const struct owner_service *services;
	uint32_t service_count;
};

int announce_create(uv_loop_t *loop, const struct announce_settings *settings, struct view *view,
                    struct book *book, struct announce **ret_announce) CHECKED;
/* The owner tells how many runs of a service there are. */
void announce_set_owner(struct announce *announce, const struct owner *owner);
/* Without one, nothing counts as told. */
void announce_set_speaker(struct announce *announce, struct speaker *speaker);
/* Amounts or prices changed. */
void announce_changed(struct announce *announce);
/* As it happens with every grant: it is told within a millisecond or two, with what else has changed by then.
 */
void announce_amounts_changed(struct announce *announce);
void announce_link_session(struct announce *announce, struct gateway_identity toward, bool established);
void announce_link_measured(struct announce *announce, struct gateway_identity toward,
                            const struct probe_measurement *measurement, bool lost);
/* How the instances of a service are now. Without this call it has none of its own. */
void announce_instances(struct announce *announce, uint32_t service, struct metric_instances instances);
/* What was told, and what was held back and why. */
const struct news_counters *announce_counters(const struct announce *announce);
/* The memory is freed when the loop has run the close callback. Accepts NULL. */
void announce_close(struct announce *announce);

#endif
