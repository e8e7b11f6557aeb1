/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of an owner's present state is worth telling the network, and when (R7, R10, RFC 10053 section 6).
 * Pure.
 *
 * A *route* is what one announcement tells: a site, or a service of it. It is told when a value has moved
 * past its threshold since it was told last, no sooner than the minimum interval after that, and at once when
 * it was quiet for longer; whatever differs is told when what was told has reached the maximum age. What is
 * gone (a service, a link of a site) is told at once. What comes and goes often is damped before:
 * book/damping.h.
 *
 * A value that swings back and forth past its threshold is *unsteady*, by the same penalty that damping
 * counts for losses. Unsteady, it is told when it moves to its cautious side (dearer, less, later); a move to
 * the other side counts once it has stood still for the minimum interval. So a real step is never held back
 * for longer than that, and a swing that is faster is told as its cautious end.
 */
#ifndef BOOK_NEWS_H
#define BOOK_NEWS_H

#include "base/compiler.h"
#include "book/damping.h"
#include "model/service.h"
#include "model/site.h"

enum news_kind {
	NEWS_PRICE,
	NEWS_AMOUNT, /* that is free: running out, and being there again, is always news */
	NEWS_DELAY,
	NEWS_LOSS,
	NEWS_COUNT,
	NEWS_EXACT, /* scores, which have a hysteresis of their own; capacities, tariffs */
	NEWS_KINDS,
};

/* Both have to be passed. */
struct news_threshold {
	double relative; /* of what was told */
	double absolute; /* in the value's unit; of amounts: of the capacity */
};

struct news_settings {
	int64_t interval; /* minimum, ns */
	int64_t age;      /* maximum, ns */
	struct news_threshold thresholds[NEWS_KINDS];
	struct damping_settings damping;
};

/* The defaults of docs/wire.md. */
extern const struct news_settings news_defaults;

struct news_counters {
	uint64_t told, withdrawn; /* announcements, and withdrawals */
	uint64_t refreshed;       /* of what was told: for its age alone */
	/* Routes that were not told when they were looked at, although they differed, by cause. */
	uint64_t small, early, unsteady;
	uint64_t suppressed; /* looks at what is there and damped away */
};

/* Whether a value that was `from` is news when it is `to`. `capacity` counts for amounts. */
bool news_passes(const struct news_settings *settings, enum news_kind kind, double from, double to,
                 double capacity);

/* In order of weight. */
enum news_change { NEWS_SAME, NEWS_SMALL, NEWS_UNSTEADY, NEWS_MOVED, NEWS_LOST };

/* A value of a route. Zero at first. */
struct news_value {
	double told;
	double level;  /* that it has moved to last, past its threshold */
	int64_t moved; /* when */
	int direction;
	bool known;
	struct penalty penalty; /* for turning round */
};

/* What a value is now: how it differs from what was told. The first one counts as told. */
enum news_change news_value_step(struct news_value *value, const struct news_settings *settings,
                                 enum news_kind kind, double present, double capacity, int64_t now);

enum {
	NEWS_RESOURCE_VALUES = 4,
	NEWS_LINK_VALUES = 6 + LINK_CLASSES,
	NEWS_SERVICE_VALUES = 8 + METRIC_KINDS
};

/* Zero at first. */
struct news_route {
	bool told;  /* the network knows it */
	bool ever;  /* it did once */
	int64_t at; /* when it was told or withdrawn last */
};

/* Zero at first. */
struct news_site {
	struct news_route route;
	struct news_value metrics[METRIC_KINDS];
	struct news_resource {
		bool told;
		struct news_value values[NEWS_RESOURCE_VALUES];
	} resources[RESOURCE_KINDS];
	struct news_link {
		struct gateway_identity toward; /* nobody: free */
		bool told;
		struct news_value values[NEWS_LINK_VALUES];
	} links[SITE_LINKS];
};

/* Zero at first. */
struct news_service {
	struct news_route route;
	struct news_value values[NEWS_SERVICE_VALUES];
};

enum news_verdict { NEWS_WAIT, NEWS_TELL, NEWS_WITHDRAW };

/*
 * What to do now with what there is; after NEWS_TELL it counts as told. `*ret_next`: when to ask again if
 * nothing happens before. A site is always there, and is told at its maximum age even when nothing differs,
 * since what is told of it is valid for a time only.
 */
enum news_verdict news_site_step(struct news_site *news, const struct news_settings *settings,
                                 const struct site *present, int64_t now, struct news_counters *counters,
                                 int64_t *ret_next);
enum news_verdict news_service_step(struct news_service *news, const struct news_settings *settings,
                                    const struct service_offer *present, bool shown, int64_t now,
                                    struct news_counters *counters, int64_t *ret_next);

#endif
