/* SPDX-License-Identifier: Apache-2.0 */
/* Where two sources say different things: what counts as different, and the trace of it. */
#include "view/view_internal.h"

#include "base/clock.h"
#include "view/age.h"

const char *const view_value_names[] = {"link-delay",   "path-delay", "free", "price",
                                        "service-time", "content",    NULL};

/* No difference of delays below it counts. */
#define LEAST_DELAY (500 * CLOCK_MICROSECOND)
/* Values of one owner are of the same moment when their times differ by no more. */
#define AT_ONCE CLOCK_MILLISECOND

__extension__ typedef unsigned __int128 wide;

static uint64_t distance(int64_t a, int64_t b)
{
	return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

/* Further apart than the tolerated share of `whole`. */
static bool is_apart(const struct view *view, int64_t a, int64_t b, uint64_t whole)
{
	return (wide)distance(a, b) * VIEW_AGE_WHOLE > (wide)whole * view->limits.tolerance;
}

bool view_delays_differ(const struct view *view, int64_t a, int64_t b)
{
	return distance(a, b) > LEAST_DELAY && is_apart(view, a, b, (uint64_t)MAXIMUM(MAXIMUM(a, b), 0));
}

bool view_is_same_time(const struct view *view, int64_t a, int64_t b)
{
	return distance(a, b) <= (uint64_t)view->limits.window;
}

bool view_is_at_once(int64_t a, int64_t b)
{
	return distance(a, b) <= AT_ONCE;
}

bool view_amounts_differ(const struct view *view, uint64_t a, uint64_t b, uint64_t capacity)
{
	return is_apart(view, (int64_t)MINIMUM(a, (uint64_t)INT64_MAX),
	                (int64_t)MINIMUM(b, (uint64_t)INT64_MAX), capacity);
}

bool view_prices_differ(const struct view *view, money a, money b)
{
	return is_apart(view, a, b, (uint64_t)MAXIMUM(MAXIMUM(a, b), 0));
}

static int compare_trace(const void *key, const struct entry *entry)
{
	uint64_t number = *(const uint64_t *)key;
	uint64_t here = ((const struct trace *)(const void *)entry)->what.number;

	return (number > here) - (number < here);
}

int view_open_trace(struct view *view)
{
	view->trace = (struct tree){.compare = compare_trace};
	view->trace_slab = slab_create(sizeof(struct trace), VIEW_TRACE * (VIEW_SNAPSHOTS + 1));
	return view->trace_slab == NULL ? -1 : 0;
}

void view_close_trace(struct view *view)
{
	struct entry *entry;

	for (size_t i = 0; (entry = tree_at(&view->trace, i)) != NULL; i++)
		view_release_entry(view, ENTRY_TRACE, entry);
	tree_clear(view, &view->trace);
	view->trace_slab = slab_free(view->trace_slab);
}

static void forget(struct view *view, struct trace *trace)
{
	uint64_t number = trace->what.number;

	if (tree_remove(view, &view->trace, &number) == 0)
		view_drop_entry(view, ENTRY_TRACE, &trace->entry);
}

/* The oldest goes: of the site's own when it has many, else of all. */
static void make_room(struct view *view, struct gateway_identity site)
{
	struct trace *oldest = NULL;
	uint32_t own = 0;

	for (size_t i = view->trace.count; i-- > 0;) {
		struct trace *trace = (struct trace *)(void *)tree_at(&view->trace, i);

		if (!gateway_equal(trace->what.site, site))
			continue;
		oldest = trace;
		own++;
	}
	if (own >= VIEW_TRACE_EACH)
		forget(view, oldest);
	else if (view->trace.count == VIEW_TRACE)
		forget(view, (struct trace *)(void *)tree_at(&view->trace, 0));
}

void view_note_contradiction(struct view *view, struct local *local, const struct view_contradiction *what)
{
	uint64_t number = view->contradictions + 1;
	struct trace *trace;

	view->contradictions = number; /* all are counted */
	if (local->noted && view->now - local->noted_at < VIEW_TRACE_INTERVAL)
		return;
	make_room(view, what->site);
	trace = view->trace.count < VIEW_TRACE ? view_new_entry(view, ENTRY_TRACE) : NULL;
	if (trace == NULL)
		return;
	trace->what = *what;
	trace->what.number = number;
	trace->what.noted = view->now;
	if (tree_insert(view, &view->trace, &number, &trace->entry) < 0) {
		view_release_entry(view, ENTRY_TRACE, &trace->entry);
		return;
	}
	local->noted = true;
	local->noted_at = view->now;
	view->changed = true;
}

size_t view_contradiction_count(const struct view *view)
{
	return view->trace.count;
}

const struct view_contradiction *view_contradiction_at(const struct view *view, size_t index)
{
	const struct trace *trace = (const struct trace *)(void *)tree_at(&view->trace, index);

	return trace == NULL ? NULL : &trace->what;
}
