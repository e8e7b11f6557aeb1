/* SPDX-License-Identifier: Apache-2.0 */
/* Times are integers of nanoseconds in JSON and microseconds in tables. */
#include "lab/report.h"

#include "base/error.h"
#include "base/unit.h"
#include "lab/lab.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/wait.h>

static const char *const state_names[LAB_STATES] = {"starting", "ready", "stopping"};

static json_int_t load(const uint64_t *counter)
{
	return (json_int_t)__atomic_load_n(counter, __ATOMIC_RELAXED);
}

static json_t *gateway_json(const struct gateway *gateway)
{
	json_t *object = json_pack("{s:s}", "state", gateway_state_name(gateway->state));

	if (gateway_is_alive(gateway))
		json_object_set_new(object, "pid", json_integer(gateway->pid));
	else if (gateway->has_ended && WIFSIGNALED(gateway->wait_status))
		json_object_set_new(object, "signal", json_integer(WTERMSIG(gateway->wait_status)));
	else if (gateway->has_ended)
		json_object_set_new(object, "exit", json_integer(WEXITSTATUS(gateway->wait_status)));
	return object;
}

static json_t *nodes_json(const struct lab *lab)
{
	json_t *nodes = json_array();

	for (size_t i = 0; i < topology_nodes(lab->topology); i++) {
		bool is_gateway = topology_node_is_gateway(lab->topology, i);
		json_t *node = json_pack("{s:s, s:s}", "name", topology_node_name(lab->topology, i), "role",
		                         is_gateway ? "gateway" : "client");

		if (is_gateway)
			json_object_set_new(node, "daemon", gateway_json(&lab->gateways[i]));
		json_array_append_new(nodes, node);
	}
	return nodes;
}

static json_t *lateness_json(const struct lateness *lateness)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "count", load(&lateness->count), "p50_ns",
	                 (json_int_t)lateness_quantile(lateness, 500000), "p99_ns",
	                 (json_int_t)lateness_quantile(lateness, 990000), "max_ns", load(&lateness->maximum));
}

static json_t *direction_json(const struct lab *lab, const struct topology_wire *wire, int end,
                              const struct bridge_direction *direction)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "from",
	                 topology_node_name(lab->topology, wire->ends[end].node), "to",
	                 topology_node_name(lab->topology, wire->ends[1 - end].node), "frames",
	                 load(&direction->frames), "bytes", load(&direction->bytes), "lost",
	                 load(&direction->lost), "dropped", load(&direction->dropped), "missed",
	                 load(&direction->missed), "failed", load(&direction->failed), "waiting",
	                 load(&direction->waiting), "lateness", lateness_json(&direction->lateness));
}

static json_t *links_json(const struct lab *lab)
{
	json_t *links = json_array();

	for (size_t i = 0; i < topology_wires(lab->topology); i++) {
		const struct bridge_direction *directions = lab->bridge->directions[i];
		struct topology_wire wire;

		topology_wire(lab->topology, i, &wire);
		json_array_append_new(links, json_pack("{s:I, s:I, s:I, s:I, s:[o, o]}", "delay_ns",
		                                       (json_int_t)wire.quality.delay, "rate_bits",
		                                       (json_int_t)wire.quality.rate, "mtu",
		                                       (json_int_t)wire.quality.mtu, "loss_millionths",
		                                       (json_int_t)wire.quality.loss, "directions",
		                                       direction_json(lab, &wire, 0, &directions[0]),
		                                       direction_json(lab, &wire, 1, &directions[1])));
	}
	return links;
}

static json_t *spell_json(const struct lab *lab, const struct bridge_spell *spell)
{
	struct topology_wire wire;

	topology_wire(lab->topology, spell->wire, &wire);
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "from",
	                 topology_node_name(lab->topology, wire.ends[spell->end].node), "to",
	                 topology_node_name(lab->topology, wire.ends[1 - spell->end].node), "begin_ns",
	                 (json_int_t)spell->begin, "end_ns", (json_int_t)spell->over, "worst_ns",
	                 (json_int_t)spell->worst, "frames", (json_int_t)spell->frames);
}

/* The newest, oldest first. The bridge may be at work on the last one. */
static json_t *spells_json(const struct lab *lab)
{
	const struct bridge_state *bridge = lab->bridge;
	uint64_t count = (uint64_t)load(&bridge->spell_count);
	json_t *spells = json_array();

	for (uint64_t i = count > BRIDGE_SPELLS ? count - BRIDGE_SPELLS : 0; i < count; i++)
		json_array_append_new(spells, spell_json(lab, &bridge->spells[i % BRIDGE_SPELLS]));
	return spells;
}

static json_t *bridge_json(const struct lab *lab)
{
	struct lateness all = {0};

	for (size_t i = 0; i < topology_wires(lab->topology); i++)
		for (int end = 0; end < 2; end++)
			lateness_merge(&all, &lab->bridge->directions[i][end].lateness);
	return json_pack("{s:b, s:s, s:I, s:I, s:o, s:o}", "running", lab->bridge_pid > 0, "scheduling",
	                 lab->bridge->is_real_time ? "real-time" : "ordinary", "slack_ns",
	                 (json_int_t)lab->topology->core.slack, "late_spells",
	                 load(&lab->bridge->spell_count), "late", spells_json(lab), "lateness",
	                 lateness_json(&all));
}

char *report_json(const struct lab *lab)
{
	json_t *report = json_pack("{s:s, s:s, s:o, s:o, s:o}", "lab", lab->options.name, "state",
	                           state_names[lab->state], "bridge", bridge_json(lab), "nodes",
	                           nodes_json(lab), "links", links_json(lab));
	char *text = report ? json_dumps(report, JSON_COMPACT) : NULL;

	json_decref(report);
	return text;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static int64_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void print_end(FILE *stream, const json_t *daemon)
{
	if (json_object_get(daemon, "signal"))
		fprintf(stream, " (signal %" PRId64 ")", number_of(daemon, "signal"));
	else if (json_object_get(daemon, "exit"))
		fprintf(stream, " (exit status %" PRId64 ")", number_of(daemon, "exit"));
}

static void print_nodes(FILE *stream, const json_t *nodes)
{
	const json_t *node;
	size_t index;

	fprintf(stream, "%-15s  %-7s  %s\n", "NODE", "ROLE", "DAEMON");
	json_array_foreach((json_t *)(uintptr_t)nodes, index, node)
	{
		const json_t *daemon = json_object_get(node, "daemon");

		fprintf(stream, "%-15s  %-7s  %s", text_of(node, "name"), text_of(node, "role"),
		        daemon ? text_of(daemon, "state") : "-");
		print_end(stream, daemon);
		fputc('\n', stream);
	}
}

static void print_direction(FILE *stream, const json_t *link, const json_t *direction)
{
	const json_t *lateness = json_object_get(direction, "lateness");
	char delay[UNIT_TEXT], name[2 * TOPOLOGY_NAME + 8];

	snprintf(name, sizeof(name), "%s > %s", text_of(direction, "from"), text_of(direction, "to"));
	fprintf(stream, "%-33s  %8s  %10" PRId64 "  %6" PRId64 "  %7" PRId64 "  %6" PRId64, name,
	        unit_format_duration(number_of(link, "delay_ns"), delay), number_of(direction, "frames"),
	        number_of(direction, "lost"), number_of(direction, "dropped"),
	        number_of(direction, "missed") + number_of(direction, "failed"));
	fprintf(stream, "  %8.1f %8.1f %8.1f\n", (double)number_of(lateness, "p50_ns") / 1e3,
	        (double)number_of(lateness, "p99_ns") / 1e3, (double)number_of(lateness, "max_ns") / 1e3);
}

static void print_links(FILE *stream, const json_t *links)
{
	const json_t *link, *direction;
	size_t index, end;

	fprintf(stream, "\n%-33s  %8s  %10s  %6s  %7s  %6s  %s\n", "LINK", "DELAY", "FRAMES", "LOST",
	        "DROPPED", "MISSED", "LATE us: p50      p99      max");
	json_array_foreach((json_t *)(uintptr_t)links, index, link)
	{
		json_array_foreach(json_object_get(link, "directions"), end, direction)
		{
			print_direction(stream, link, direction);
		}
	}
}

static void print_text(FILE *stream, const json_t *report)
{
	const json_t *bridge = json_object_get(report, "bridge");

	fprintf(stream, "lab %s: %s, supervisor %" PRId64 ", bridge %s with %s scheduling\n\n",
	        text_of(report, "lab"), text_of(report, "state"), number_of(report, "pid"),
	        json_is_true(json_object_get(bridge, "running")) ? "running" : "ENDED",
	        text_of(bridge, "scheduling"));
	print_nodes(stream, json_object_get(report, "nodes"));
	print_links(stream, json_object_get(report, "links"));
}

int report_print(FILE *stream, const char *json, pid_t supervisor, int as_json)
{
	json_t *report = json_loads(json, 0, NULL);
	int code = 0;

	if (!report)
		return BUSBAR_ERROR_MALFORMED;
	json_object_set_new(report, "pid", json_integer(supervisor));
	if (as_json && json_dumpf(report, stream, JSON_INDENT(2)) == 0)
		fputc('\n', stream);
	else if (as_json)
		code = -EIO;
	else
		print_text(stream, report);
	json_decref(report);
	return code;
}
