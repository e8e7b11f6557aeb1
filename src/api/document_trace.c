/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace of a reservation (docs/wire.md 4): what the hops of its path promise, and how they keep it. The
 * path is that of the plan, what is reserved on it that of the program, ceilings are as the owners announce
 * them.
 */
#include "api/document_internal.h"
#include "base/error.h"
#include "map/path.h"

/* One task's path, and where its hops are collected. */
struct trace {
	const struct document_source *source;
	const struct plan_path *path;
	const struct program *program;
	json_t *hops;
	int64_t ceilings; /* of the links of one direction so far */
};

static json_t *number_or_null(bool known, uint64_t number)
{
	return known ? json_integer((json_int_t)number) : json_null();
}

static json_t *milliseconds_or_null(int64_t nanoseconds)
{
	return nanoseconds > 0 ? document_milliseconds(nanoseconds) : json_null();
}

static const struct link_offer *find_link(const struct trace *trace, struct gateway_identity from,
                                          struct gateway_identity toward)
{
	const struct site *site = view_site(trace->source->view, from);

	return site == NULL ? NULL : path_link(site, toward);
}

/* What the program reserves at an owner towards a neighbour. */
static void find_bucket(const struct trace *trace, struct gateway_identity from,
                        struct gateway_identity toward, uint64_t *ret_rate, uint64_t *ret_burst)
{
	*ret_rate = 0;
	*ret_burst = 0;
	for (uint32_t i = 0; i < trace->program->instruction_count; i++) {
		const struct instruction *instruction = &trace->program->instructions[i];
		const struct program_reserve *reserve = &instruction->reserve;

		if (instruction->operation != OPERATION_RESERVE || !gateway_equal(instruction->at, from))
			continue;
		if (gateway_equal(reserve->toward, toward)) {
			*ret_rate = reserve->rate;
			*ret_burst = reserve->burst;
		} else if (gateway_equal(reserve->back, toward)) {
			*ret_rate = reserve->back_rate;
			*ret_burst = reserve->back_burst;
		}
	}
}

/* What only the owner of a link can know of it. */
static void add_own(const struct trace *trace, struct gateway_identity from, struct gateway_identity toward,
                    json_t *hop)
{
	const struct document_source *source = trace->source;
	struct document_link link;

	if (source->link == NULL || !gateway_equal(from, source->identity) ||
	    source->link(source->context, toward, trace->path->class, &link) < 0)
		return;
	json_object_set_new(hop, "load_bps", json_integer((json_int_t)link.load));
	json_object_set_new(hop, "worst_ms", milliseconds_or_null(link.worst));
	json_object_set_new(hop, "measured_max_ms", milliseconds_or_null(link.longest));
	json_object_set_new(hop, "measured_count", json_integer((json_int_t)link.probes));
}

static json_t *hop_object(json_t *from, json_t *toward, const char *direction)
{
	return json_pack("{s:o, s:o, s:s, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n}", "from", from,
	                 "toward", toward, "direction", direction, "class", "ceiling_ms", "least_ms",
	                 "rate_bps", "burst_octets", "load_bps", "capacity_bps", "worst_ms",
	                 "measured_max_ms", "measured_count");
}

static void add_link(struct trace *trace, struct gateway_identity from, struct gateway_identity toward,
                     const char *direction)
{
	const struct link_offer *link = find_link(trace, from, toward);
	json_t *hop = hop_object(document_gateway(trace->source, from),
	                         document_gateway(trace->source, toward), direction);
	uint64_t rate, burst;

	find_bucket(trace, from, toward, &rate, &burst);
	if (rate > 0)
		json_object_set_new(hop, "class", json_integer(trace->path->class));
	json_object_set_new(hop, "rate_bps", number_or_null(rate > 0, rate));
	json_object_set_new(hop, "burst_octets", number_or_null(rate > 0, burst));
	if (link != NULL) {
		int64_t ceiling = link->ceilings[trace->path->class];

		trace->ceilings += ceiling;
		json_object_set_new(hop, "ceiling_ms", milliseconds_or_null(ceiling));
		json_object_set_new(hop, "least_ms", milliseconds_or_null(link->least));
		json_object_set_new(hop, "load_bps", json_integer((json_int_t)(link->capacity - link->free)));
		json_object_set_new(hop, "capacity_bps", json_integer((json_int_t)link->capacity));
	}
	add_own(trace, from, toward, hop);
	json_array_append_new(trace->hops, hop);
}

/* The client's own link: what the bound has beyond the ceilings of the others. */
static void add_access(struct trace *trace, bool up, int64_t bound)
{
	json_t *ingress = document_gateway(trace->source, trace->path->hops[0]);
	json_t *hop = up ? hop_object(json_string("client"), ingress, "up")
	                 : hop_object(ingress, json_string("client"), "down");

	if (!trace->path->measured)
		json_object_set_new(hop, "ceiling_ms", milliseconds_or_null(bound - trace->ceilings));
	if (up)
		json_array_insert_new(trace->hops, 0, hop);
	else
		json_array_append_new(trace->hops, hop);
	trace->ceilings = 0;
}

static json_t *hops_object(const struct document_source *source, const struct plan_path *path,
                           const struct program *program)
{
	struct trace trace = {.source = source, .path = path, .program = program, .hops = json_array()};

	for (uint32_t i = 0; i + 1 < path->hop_count; i++)
		add_link(&trace, path->hops[i], path->hops[i + 1], "up");
	add_access(&trace, true, path->bound_up);
	for (uint32_t i = path->hop_count; i-- > 1;)
		add_link(&trace, path->hops[i], path->hops[i - 1], "down");
	add_access(&trace, false, path->bound_down);
	return trace.hops;
}

/* Something is reserved on the way: without, there is no path to speak of. */
static bool has_path(const struct plan_path *path, const struct program *program)
{
	for (uint32_t i = 0; i < program->instruction_count; i++)
		if (program->instructions[i].operation == OPERATION_RESERVE)
			return path->hop_count > 1;
	return false;
}

static json_t *trace_object(const struct document_source *source, const struct task_record *record)
{
	struct plan_record plan = {0};
	struct program program = {0};
	const struct plan_path *path = &plan.part.path;
	int64_t limit = 0;
	bool guaranteed = false, known;

	known = task_plan(source->tasks, &record->identifier, 1, &plan) == 0 &&
	        task_program(source->tasks, &record->identifier, 1, &program) == 0 &&
	        has_path(path, &program);
	if (task_limit(source->tasks, &record->identifier, &limit, &guaranteed) < 0)
		limit = 0; /* a task that is over says nothing of it */
	return json_pack("{s:o, s:s, s:i, s:b, s:o, s:o, s:o, s:o, s:b, s:o}", "task",
	                 document_identifier(&record->identifier), "state", task_state_names[record->state],
	                 "class", (int)path->class, "hard", known && !path->measured, "bound_ms",
	                 milliseconds_or_null(known ? path->bound_up + path->bound_down : 0), "bound_up_ms",
	                 milliseconds_or_null(known ? path->bound_up : 0), "bound_down_ms",
	                 milliseconds_or_null(known ? path->bound_down : 0), "limit_ms",
	                 milliseconds_or_null(limit), "guaranteed", guaranteed, "hops",
	                 known ? hops_object(source, path, &program) : json_array());
}

int document_trace_object(const struct document_source *source, const struct identifier *task,
                          const char *tenant, json_t **ret_object)
{
	struct task_record record;
	int code = document_read_visible(source, task, tenant, &record);

	if (code < 0)
		return code;
	*ret_object = trace_object(source, &record);
	task_record_clear(&record);
	return 0;
}
