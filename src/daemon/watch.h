/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watch: which sites this gateway probes, how often, and what becomes of what it hears.
 *
 * Only sites that are worth it: those that its decisions used, and those that came close. A site is probed
 * along the path that it was used by, there and back, through the End segments of the gateways between; one
 * that came close along the fastest path there is; where no path is known, or none of it answers, as the
 * kernels route. A site that was used a moment ago is probed most often, others the more seldom the longer
 * ago that is, and after a while not at all. All together keep to a budget of probes a second.
 *
 * A site that falls silent (probe.h) is suspected, so that this gateway's decisions avoid it, until it is
 * heard again. What its replies bring is the view's.
 *
 * Timers: watch_tick() does it all, every WATCH_TICK.
 */
#ifndef DAEMON_WATCH_H
#define DAEMON_WATCH_H

#include "base/clock.h"
#include "base/compiler.h"
#include "model/plan.h"
#include "probe/probe.h"
#include "view/view.h"

struct watch;

enum { WATCH_SITES = 256 };
#define WATCH_TICK (50 * CLOCK_MILLISECOND)

struct watch_settings {
	struct gateway_identity identity;
	uint8_t address[16];      /* own, where probes leave from */
	int64_t fastest, slowest; /* intervals, ns; neither 0 */
	int64_t idle;             /* ns after which a site that nobody wants is dropped */
	uint32_t sites;           /* most at a time, WATCH_SITES at most */
	uint32_t budget;          /* probes a second */
	struct clock clock;
};

struct watch_statistics {
	uint32_t sites, silent;
	uint32_t rate;     /* probes a second */
	uint64_t passed;   /* sites that were worth it, but there was no room */
	uint64_t loads;    /* taken into the view */
	uint64_t refused;  /* loads of another site than was asked, or that the view did not take */
	uint64_t silences; /* sites that fell silent */
};

/* View and probe outlive the watch. */
int watch_create(const struct watch_settings *settings, struct view *view, struct probe *probe,
                 struct watch **ret_watch) CHECKED;
/* Accepts NULL, returns NULL. */
struct watch *watch_free(struct watch *watch);
/* A decision of this gateway. Cheap: it happens with every task. */
void watch_decided(struct watch *watch, const struct plan *plan);
/* What the probe says of a session, and what it means for the view. */
enum watch_effect {
	WATCH_NONE,   /* it is not one of the watch's */
	WATCH_VALUES, /* newer values */
	WATCH_STATE,  /* a site is to be avoided from now on, or not any more */
};
enum watch_effect watch_heard(struct watch *watch, uint32_t session, const struct probe_news *news);
void watch_tick(struct watch *watch);
/* Interval at which a site is probed, ns; 0: it is not. */
int64_t watch_interval(const struct watch *watch, struct gateway_identity site);
void watch_read_statistics(const struct watch *watch, struct watch_statistics *ret_statistics);

#endif
