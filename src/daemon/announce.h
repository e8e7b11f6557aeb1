/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Announce: what this gateway says of itself, from its book, its links and its services.
 *
 * The gateway's own view is told at once; the network at most once per minimum interval, and at least
 * every third of the validity. A link is announced while its session is established and its delay has been
 * measured.
 */
#ifndef DAEMON_ANNOUNCE_H
#define DAEMON_ANNOUNCE_H

#include "base/clock.h"
#include "base/compiler.h"
#include "bgp/speaker.h"
#include "book/book.h"
#include "execute/owner.h"
#include "probe/probe.h"
#include "view/view.h"
#include "wire/attribute.h"
#include <stdbool.h>
#include <uv.h>

struct announce;

struct announce_settings {
	struct site site;      /* everything but resources, links and times */
	int64_t interval;      /* least time between announcements, ns */
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
void announce_set_speaker(struct announce *announce, struct speaker *speaker);
/* Amounts or prices changed: our own view is told at once. */
void announce_changed(struct announce *announce);
/* As it happens with every grant: it is told within a millisecond or two, with what else has changed by then.
 */
void announce_amounts_changed(struct announce *announce);
void announce_link_session(struct announce *announce, struct gateway_identity toward, bool established);
void announce_link_measured(struct announce *announce, struct gateway_identity toward,
                            const struct probe_measurement *measurement, bool lost);
/* The memory is freed when the loop has run the close callback. Accepts NULL. */
void announce_close(struct announce *announce);

#endif
