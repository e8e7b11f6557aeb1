/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watch.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "map/path.h"
#include "wire/segment.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAG "watch"
/* How long reasons of decisions are not looked at again. */
#define LOOK_PAUSE (10 * CLOCK_MILLISECOND)
/* Between two searches for paths. */
#define SEARCH_PAUSE CLOCK_SECOND
/* A suspicion, which every tick renews while the silence lasts. */
#define SUSPICION (2 * CLOCK_SECOND)
#define NEVER (INT64_MIN / 2)
/* Validity of what is measured of a path: intervals, but at least that. */
#define PATH_LEAST CLOCK_SECOND

enum {
	ARENA = 4 << 20,
	AGE_SHARE = 10,  /* a site that was used t ago is probed every t / AGE_SHARE */
	CLOSE_LEAST = 8, /* a site that only came close, at most every so many times the fastest interval */
	CLOSE_SHARE = 5, /* close: not dearer, or slower, than the best by more than 1/5 */
	PATH_INTERVALS = 10,
	PATH_REPLIES = 8, /* the least delay of fewer may be the host's, and is held against nothing */
	NO_SESSION = -1,
	NO_CANDIDATE = UINT16_MAX,
};

struct way {
	uint32_t hop_count; /* 0: as the kernels route */
	struct gateway_identity hops[PLAN_HOPS];
};

struct candidate {
	struct gateway_identity site;
	int64_t used, close; /* when it last was, monotonic clock; NEVER */
	int session;
	int64_t interval;
	struct way way;
	bool way_failed;            /* nothing came by it: not taken again before a decision does */
	struct probe_target target; /* of the session, whose probes take the way `probed` */
	struct way probed;
	enum probe_state state;
	bool heard; /* ever */
	bool suspected;
	int64_t path_told, load_measured; /* wall clocks: ours, and of the load taken last */
};

struct watch {
	struct watch_settings settings;
	struct view *view;
	struct probe *probe;
	struct arena *arena;
	bool plain; /* routing headers cannot be sent here: all probes go as the kernels route */
	uint32_t count;
	struct candidate candidates[WATCH_SITES];
	uint16_t owners[PROBE_SESSIONS]; /* index of a session's candidate */
	int64_t looked, searched;
	struct watch_statistics statistics;
};

static int64_t last_wanted(const struct candidate *candidate)
{
	return MAXIMUM(candidate->used, candidate->close);
}

static struct candidate *find(struct watch *watch, struct gateway_identity site)
{
	for (uint32_t i = 0; i < watch->count; i++)
		if (gateway_equal(watch->candidates[i].site, site))
			return &watch->candidates[i];
	return NULL;
}

/* The table. */

static void index_session(struct watch *watch, const struct candidate *candidate)
{
	if (candidate->session != NO_SESSION)
		watch->owners[candidate->session] = (uint16_t)(candidate - watch->candidates);
}

static void drop(struct watch *watch, struct candidate *candidate)
{
	if (candidate->session != NO_SESSION) {
		probe_remove(watch->probe, (uint32_t)candidate->session);
		watch->owners[candidate->session] = NO_CANDIDATE;
	}
	*candidate = watch->candidates[--watch->count];
	if (candidate != &watch->candidates[watch->count])
		index_session(watch, candidate);
}

/* Makes room for one more: whoever was wanted least lately goes, unless that was a moment ago. */
static bool make_room(struct watch *watch, int64_t now)
{
	struct candidate *oldest = &watch->candidates[0];

	if (watch->count < watch->settings.sites)
		return true;
	for (uint32_t i = 1; i < watch->count; i++)
		if (last_wanted(&watch->candidates[i]) < last_wanted(oldest))
			oldest = &watch->candidates[i];
	if (now - last_wanted(oldest) < watch->settings.slowest)
		return false;
	drop(watch, oldest);
	return true;
}

static struct candidate *add(struct watch *watch, struct gateway_identity site, int64_t now)
{
	struct candidate *candidate;

	if (!make_room(watch, now)) {
		watch->statistics.passed++;
		return NULL;
	}
	candidate = &watch->candidates[watch->count++];
	*candidate = (struct candidate){.site = site, .used = NEVER, .close = NEVER, .session = NO_SESSION};
	return candidate;
}

static struct candidate *want(struct watch *watch, struct gateway_identity site, int64_t now)
{
	struct candidate *candidate;

	if (gateway_equal(site, watch->settings.identity))
		return NULL;
	candidate = find(watch, site);
	return candidate != NULL ? candidate : add(watch, site, now);
}

/* Decisions. */

static void take_way(struct candidate *candidate, const struct plan_path *path)
{
	candidate->way.hop_count = path->hop_count;
	memcpy(candidate->way.hops, path->hops, sizeof(candidate->way.hops));
	candidate->way_failed = false;
}

/* It lost, but not by much. */
static bool is_close(const struct plan_reason *reason)
{
	return (reason->kind == REASON_PRICE || reason->kind == REASON_LATENCY) && reason->need > 0 &&
	       reason->have - reason->need <= reason->need / CLOSE_SHARE;
}

static void look_at_others(struct watch *watch, const struct plan *plan, int64_t now)
{
	for (uint32_t i = 0; i < plan->reason_count; i++) {
		struct candidate *candidate;

		if (!is_close(&plan->reasons[i]))
			continue;
		candidate = want(watch, plan->reasons[i].site, now);
		if (candidate != NULL)
			candidate->close = now;
	}
}

void watch_decided(struct watch *watch, const struct plan *plan)
{
	int64_t now = clock_monotonic(&watch->settings.clock);

	for (uint32_t i = 0; i < plan->part_count; i++) {
		const struct plan_path *path = &plan->parts[i].path;
		struct candidate *candidate;

		/* What was decided for another ingress is that one's to watch. */
		if (!gateway_equal(path->hops[0], watch->settings.identity))
			return;
		candidate = want(watch, plan->parts[i].site, now);
		if (candidate == NULL)
			continue;
		candidate->used = now;
		take_way(candidate, path);
	}
	if (now - watch->looked < LOOK_PAUSE)
		return;
	watch->looked = now;
	look_at_others(watch, plan, now);
}

/* Ways. */

/* The fastest label of a node; PATH_LABELS for none. */
static uint32_t fastest_label(const struct path_frontier *frontier, uint32_t node)
{
	uint32_t best = PATH_LABELS;

	for (uint32_t label = frontier->first[node]; label != PATH_LABELS;
	     label = frontier->labels[label].next)
		if (best == PATH_LABELS || frontier->labels[label].delay < frontier->labels[best].delay)
			best = label;
	return best;
}

static bool needs_way(const struct candidate *candidate)
{
	return candidate->way.hop_count == 0 && !candidate->way_failed;
}

static void take_found(struct watch *watch, const struct path_request *request,
                       const struct path_frontier *frontier)
{
	for (uint32_t i = 0; i < watch->count; i++) {
		struct candidate *candidate = &watch->candidates[i];
		int node = view_site_index(watch->view, candidate->site);
		uint32_t label;
		struct plan_path path;

		if (!needs_way(candidate) || node < 0)
			continue;
		label = fastest_label(frontier, (uint32_t)node);
		if (label == PATH_LABELS)
			continue;
		path_describe(watch->view, request, frontier, label, &path);
		take_way(candidate, &path);
	}
}

/* One search finds the ways to all. */
static void find_ways(struct watch *watch, int64_t now)
{
	const struct path_request request = {.ingress = watch->settings.identity,
	                                     .parts = 1,
	                                     .now = clock_wall(&watch->settings.clock)};
	struct path_frontier frontier;
	bool wanted = false;

	for (uint32_t i = 0; i < watch->count; i++)
		wanted = wanted || needs_way(&watch->candidates[i]);
	if (!wanted || now - watch->searched < SEARCH_PAUSE)
		return;
	watch->searched = now;
	if (path_search(watch->view, &request, watch->arena, &frontier) == 0)
		take_found(watch, &request, &frontier);
	arena_reset(watch->arena);
}

/* The End segments between the ends of a way; false when probes cannot take it. */
static bool put_segments(const struct watch *watch, const struct way *way, struct probe_target *target)
{
	uint32_t between = way->hop_count > 2 ? way->hop_count - 2 : 0;

	if (watch->plain && between > 0)
		return false;
	for (uint32_t i = 0; i < between; i++) {
		const struct site *site = view_site(watch->view, way->hops[i + 1]);

		if (site == NULL)
			return false;
		segment_make(site->locator, SEGMENT_FUNCTION_END, 0, target->segments[i]);
		memcpy(target->way[between - 1 - i], target->segments[i], 16);
	}
	target->segment_count = target->way_count = between;
	return true;
}

/* Every octet is written: targets are compared as a whole. Returns the way that leads there. */
static struct way put_target(const struct watch *watch, const struct candidate *candidate,
                             const struct site *site, struct probe_target *target)
{
	struct way way = candidate->way_failed ? (struct way){.hop_count = 0} : candidate->way;

	memset(target, 0, sizeof(*target));
	if (!put_segments(watch, &way, target)) {
		memset(target, 0, sizeof(*target));
		way.hop_count = 0;
	}
	target->load = true;
	memcpy(target->local, watch->settings.address, sizeof(target->local));
	segment_gateway_address(site->locator, target->remote);
	return way;
}

/* Sessions. */

static int aim(struct watch *watch, struct candidate *candidate, const struct probe_target *target)
{
	int code;

	if (candidate->session != NO_SESSION)
		return probe_set_target(watch->probe, (uint32_t)candidate->session, target);
	code = probe_add(watch->probe, target, candidate->interval);
	if (code >= 0)
		candidate->session = code;
	return MINIMUM(code, 0);
}

/* What fails is tried again with the next tick. */
static int open_session(struct watch *watch, struct candidate *candidate, const struct probe_target *target)
{
	int code = aim(watch, candidate, target);

	if (code == -ENOTSUP)
		watch->plain = true;
	if (code < 0) {
		watch->statistics.passed += code != -ENOTSUP;
		log_debug(TAG, "event=not-probed cause=\"%s\"", error_text(code));
		return code;
	}
	candidate->target = *target;
	candidate->state = PROBE_PENDING;
	index_session(watch, candidate);
	/* What was measured so far was another way. */
	view_compare_path(watch->view, candidate->site, 0);
	return 0;
}

static void tend_session(struct watch *watch, struct candidate *candidate, const struct site *site)
{
	struct probe_target target;
	struct way way = put_target(watch, candidate, site, &target);

	if (candidate->session != NO_SESSION && memcmp(&target, &candidate->target, sizeof(target)) == 0)
		probe_set_interval(watch->probe, (uint32_t)candidate->session, candidate->interval);
	else if (open_session(watch, candidate, &target) < 0)
		return;
	candidate->probed = way;
}

/* Intervals: doublings of the fastest one, so that they do not change with every look. */
static int64_t interval_of(const struct watch *watch, const struct candidate *candidate, int64_t now)
{
	int64_t fastest = watch->settings.fastest, interval = fastest;
	int64_t by_use = (now - candidate->used) / AGE_SHARE;
	int64_t by_closeness = MAXIMUM((now - candidate->close) / AGE_SHARE, fastest * CLOSE_LEAST);
	int64_t wanted = MINIMUM(by_use, by_closeness);

	while (interval < wanted && interval < watch->settings.slowest)
		interval *= 2;
	return MINIMUM(interval, watch->settings.slowest);
}

static uint32_t sum_rates(const struct watch *watch)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < watch->count; i++)
		sum += (uint64_t)(CLOCK_SECOND / watch->candidates[i].interval);
	return (uint32_t)sum;
}

/* All are stretched alike when they ask for more than the budget. */
static void share_budget(struct watch *watch, int64_t now)
{
	int64_t budget = MAXIMUM((int64_t)watch->settings.budget, INT64_C(1)), sum;

	for (uint32_t i = 0; i < watch->count; i++)
		watch->candidates[i].interval = interval_of(watch, &watch->candidates[i], now);
	sum = sum_rates(watch);
	for (uint32_t i = 0; i < watch->count && sum > budget; i++)
		watch->candidates[i].interval = watch->candidates[i].interval * ((sum + budget - 1) / budget);
}

static void renew_suspicion(struct watch *watch, const struct candidate *candidate)
{
	int64_t now = clock_wall(&watch->settings.clock);

	if (view_suspect(watch->view, candidate->site, BUSBAR_ERROR_NO_ANSWER, now + SUSPICION) < 0)
		log_debug(TAG, "event=not-suspected");
}

/* Who nobody wants any more, and who is gone. */
static void drop_idle(struct watch *watch, int64_t now)
{
	for (uint32_t i = watch->count; i-- > 0;) {
		struct candidate *candidate = &watch->candidates[i];

		if (now - last_wanted(candidate) > watch->settings.idle ||
		    view_site(watch->view, candidate->site) == NULL)
			drop(watch, candidate);
	}
}

void watch_tick(struct watch *watch)
{
	int64_t now = clock_monotonic(&watch->settings.clock);

	drop_idle(watch, now);
	find_ways(watch, now);
	share_budget(watch, now);
	for (uint32_t i = 0; i < watch->count; i++) {
		struct candidate *candidate = &watch->candidates[i];

		tend_session(watch, candidate, view_site(watch->view, candidate->site));
		if (candidate->suspected)
			renew_suspicion(watch, candidate);
	}
}

/* News. */

/* Who has never answered is not held to it: probes may be filtered where programs are not. */
static void fall_silent(struct watch *watch, struct candidate *candidate)
{
	char text[GATEWAY_TEXT];

	candidate->way_failed = true;
	if (candidate->suspected)
		return;
	log_notice(TAG, "event=%s site=%s interval_ms=%lld", candidate->heard ? "silent" : "unheard",
	           gateway_text(candidate->site, text), (long long)(candidate->interval / CLOCK_MILLISECOND));
	if (!candidate->heard)
		return;
	watch->statistics.silences++;
	candidate->suspected = true;
	renew_suspicion(watch, candidate);
}

static void come_back(struct watch *watch, struct candidate *candidate)
{
	char text[GATEWAY_TEXT];

	candidate->heard = true;
	if (!candidate->suspected)
		return;
	log_notice(TAG, "event=heard-again site=%s", gateway_text(candidate->site, text));
	candidate->suspected = false;
	view_heard(watch->view, candidate->site, clock_wall(&watch->settings.clock));
}

static void set_state(struct watch *watch, struct candidate *candidate, enum probe_state state)
{
	if (candidate->state == state)
		return;
	candidate->state = state;
	if (state == PROBE_SILENT)
		fall_silent(watch, candidate);
	else if (state == PROBE_HEARD)
		come_back(watch, candidate);
}

/* What it may be believed for: the next one comes much earlier, unless it is lost. */
static int64_t validity_of(const struct candidate *candidate)
{
	return MAXIMUM(PATH_INTERVALS * candidate->interval, PATH_LEAST);
}

/* What the links of the way that was measured declare, both ways, halved as the measurement is. 0: not known.
 */
static int64_t declared_delay(const struct watch *watch, const struct candidate *candidate)
{
	const struct way *way = &candidate->probed;
	int64_t sum = 0;

	for (uint32_t i = 0; i + 1 < way->hop_count; i++) {
		const struct site *near = view_site(watch->view, way->hops[i]);
		const struct site *far = view_site(watch->view, way->hops[i + 1]);
		const struct link_offer *up = near == NULL ? NULL : path_link(near, way->hops[i + 1]);
		const struct link_offer *down = far == NULL ? NULL : path_link(far, way->hops[i]);

		if (up == NULL || down == NULL)
			return 0;
		sum += up->delay / 2 + down->delay / 2;
	}
	return sum;
}

/* Not with every reply: what it says is a window's. */
static void take_path(struct watch *watch, struct candidate *candidate,
                      const struct probe_measurement *measurement)
{
	int64_t now = clock_wall(&watch->settings.clock);

	if (now - candidate->path_told < WATCH_TICK && now >= candidate->path_told)
		return;
	candidate->path_told = now;
	if (view_put_path(watch->view, candidate->site, measurement->delay, measurement->jitter,
	                  measurement->loss, now, validity_of(candidate)) < 0)
		log_debug(TAG, "event=path-not-taken");
	if (measurement->received >= PATH_REPLIES)
		view_compare_path(watch->view, candidate->site, declared_delay(watch, candidate));
}

static void take_load(struct watch *watch, struct candidate *candidate, const struct site_load *load)
{
	int code = gateway_equal(load->identity, candidate->site) ? 0 : BUSBAR_ERROR_NOT_FOUND;

	/* Replies repeat it until it changes. */
	if (code == 0 && load->measured == candidate->load_measured)
		return;
	if (code == 0)
		code = view_put_load(watch->view, load);
	if (code == 0)
		candidate->load_measured = load->measured;
	/* Routing may have been faster. */
	if (code == 0)
		watch->statistics.loads++;
	else if (code != BUSBAR_ERROR_STALE)
		watch->statistics.refused++;
}

enum watch_effect watch_heard(struct watch *watch, uint32_t session, const struct probe_news *news)
{
	struct candidate *candidate;
	bool suspected;

	if (watch->owners[session] == NO_CANDIDATE)
		return WATCH_NONE;
	candidate = &watch->candidates[watch->owners[session]];
	suspected = candidate->suspected;
	set_state(watch, candidate, news->state);
	if (news->state == PROBE_HEARD && !news->lost)
		take_path(watch, candidate, &news->measurement);
	if (news->has_load)
		take_load(watch, candidate, &news->load);
	return suspected == candidate->suspected ? WATCH_VALUES : WATCH_STATE;
}

/* Life. */

int watch_create(const struct watch_settings *settings, struct view *view, struct probe *probe,
                 struct watch **ret_watch)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		return -ENOMEM;
	watch->settings = *settings;
	watch->settings.sites = MINIMUM(settings->sites, (uint32_t)WATCH_SITES);
	watch->view = view;
	watch->probe = probe;
	watch->looked = watch->searched = NEVER;
	watch->arena = arena_create(ARENA);
	if (watch->arena == NULL) {
		free(watch);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < PROBE_SESSIONS; i++)
		watch->owners[i] = NO_CANDIDATE;
	*ret_watch = watch;
	return 0;
}

struct watch *watch_free(struct watch *watch)
{
	if (watch == NULL)
		return NULL;
	(void)arena_free(watch->arena);
	free(watch);
	return NULL;
}

int64_t watch_interval(const struct watch *watch, struct gateway_identity site)
{
	for (uint32_t i = 0; i < watch->count; i++)
		if (gateway_equal(watch->candidates[i].site, site))
			return watch->candidates[i].interval;
	return 0;
}

void watch_read_statistics(const struct watch *watch, struct watch_statistics *ret_statistics)
{
	*ret_statistics = watch->statistics;
	ret_statistics->sites = watch->count;
	ret_statistics->silent = 0;
	ret_statistics->rate = 0;
	for (uint32_t i = 0; i < watch->count; i++) {
		ret_statistics->silent += watch->candidates[i].suspected;
		if (watch->candidates[i].interval > 0)
			ret_statistics->rate += (uint32_t)(CLOCK_SECOND / watch->candidates[i].interval);
	}
}
