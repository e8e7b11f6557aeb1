/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway in numbers: what /metrics shows, room by room. No label is a tenant, a user or a task. */
#include "api/metrics.h"
#include "base/error.h"
#include "base/log.h"
#include "daemon/gateway_internal.h"
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define TAG "gateway"

static void put_gauge(struct metrics *metrics, const char *name, const char *unit, const char *help,
                      double value)
{
	metrics_family(metrics, METRICS_GAUGE, name, unit, help);
	metrics_value(metrics, value, NULL);
}

/* ERROR_COUNT counters by error_index(); what never happened has no sample. */
static void put_causes(struct metrics *metrics, const char *name, const char *help, const uint64_t *counters)
{
	metrics_family(metrics, METRICS_COUNTER, name, NULL, help);
	for (unsigned i = 0; counters != NULL && i < ERROR_COUNT; i++)
		if (counters[i] > 0)
			metrics_count(metrics, __atomic_load_n(&counters[i], __ATOMIC_RELAXED), "cause",
			              i == 0 ? "OTHER" : error_name(error_code_at(i)), NULL);
}

/* ---- clients and programs ---- */

static void put_front(struct gateway *gateway, struct metrics *metrics)
{
	put_causes(metrics, "busbar_requests_refused", "Requests of clients that were refused.",
	           front_refusals(gateway->front));
	put_causes(metrics, "busbar_packets_refused", "Programs and answers of gateways that were refused.",
	           exchange_refusals(gateway->exchange));
	put_causes(metrics, "busbar_programs_refused", "Programs that this owner did not grant.",
	           owner_refusals(gateway->owner));
	put_gauge(metrics, "busbar_holdings", NULL, "Reservations and claims that are held.",
	          (double)owner_holding_count(gateway->owner));
	put_gauge(metrics, "busbar_open_attempts", NULL, "Parts of tasks that are under way.",
	          gateway->tasks == NULL ? 0 : (double)task_open_attempts(gateway->tasks));
}

static void put_transfer(struct gateway *gateway, struct metrics *metrics)
{
	struct transfer_statistics statistics;

	transfer_statistics(gateway->transfer, &statistics);
	metrics_family(metrics, METRICS_COUNTER, "busbar_transfer_requests", NULL,
	               "Blobs asked for and given.");
	metrics_count(metrics, statistics.served, "outcome", "served", NULL);
	metrics_count(metrics, statistics.stored, "outcome", "stored", NULL);
	metrics_count(metrics, statistics.unauthorized, "outcome", "unauthorized", NULL);
	metrics_count(metrics, statistics.refused, "outcome", "refused", NULL);
	metrics_count(metrics, statistics.broken, "outcome", "broken", NULL);
	metrics_family(metrics, METRICS_COUNTER, "busbar_transfer_bytes", "bytes",
	               "Of blobs served and stored.");
	metrics_count(metrics, statistics.served_octets, "direction", "out", NULL);
	metrics_count(metrics, statistics.stored_octets, "direction", "in", NULL);
}

static void put_edge(struct gateway *gateway, struct metrics *metrics)
{
	struct document_count counts[DOCUMENT_EDGE];
	uint32_t count = gateway_edge(gateway, counts);

	metrics_family(metrics, METRICS_COUNTER, "busbar_edge_dropped_packets", "packets",
	               "Dropped at the domain's edge.");
	for (uint32_t i = 0; i < count; i++)
		metrics_count(metrics, counts[i].count, "cause", counts[i].name, NULL);
}

/* ---- the view and what is our own ---- */

static void put_tables(struct gateway *gateway, struct metrics *metrics)
{
	struct view_table tables[VIEW_TABLES];

	view_tables(gateway->view, tables);
	metrics_family(metrics, METRICS_GAUGE, "busbar_view_table_entries", NULL,
	               "Of each table of the view.");
	for (size_t i = 0; i < VIEW_TABLES; i++)
		metrics_value(metrics, (double)tables[i].entries, "table", tables[i].name, NULL);
	metrics_family(metrics, METRICS_GAUGE, "busbar_view_table_bytes", "bytes", "Memory of each.");
	for (size_t i = 0; i < VIEW_TABLES; i++)
		metrics_value(metrics, (double)tables[i].bytes, "table", tables[i].name, NULL);
}

static void put_view(struct gateway *gateway, struct metrics *metrics)
{
	put_gauge(metrics, "busbar_view_sites", NULL, "Sites that are known.",
	          (double)view_site_count(gateway->view));
	put_gauge(metrics, "busbar_view_services", NULL, "Services of sites that are known.",
	          (double)view_service_count(gateway->view));
	put_gauge(metrics, "busbar_view_bytes", "bytes", "Memory of the view.",
	          (double)view_bytes(gateway->view));
	put_tables(gateway, metrics);
	put_causes(metrics, "busbar_attributes_refused", "Attributes of routes that were not believed.",
	           gateway->collect == NULL ? NULL : collect_refusals(gateway->collect));
}

static void put_announcements(struct gateway *gateway, struct metrics *metrics)
{
	const struct news_counters *counters = announce_counters(gateway->announce);

	metrics_family(metrics, METRICS_COUNTER, "busbar_announcements", NULL,
	               "Routes of ours, by what became of them.");
	metrics_count(metrics, counters->told - counters->refreshed, "outcome", "news", NULL);
	metrics_count(metrics, counters->refreshed, "outcome", "refreshed", NULL);
	metrics_count(metrics, counters->withdrawn, "outcome", "withdrawn", NULL);
	metrics_family(metrics, METRICS_COUNTER, "busbar_announcements_held", NULL,
	               "Looks at a route that differed and was not told.");
	metrics_count(metrics, counters->small, "cause", "small", NULL);
	metrics_count(metrics, counters->early, "cause", "early", NULL);
	metrics_count(metrics, counters->unsteady, "cause", "unsteady", NULL);
	metrics_count(metrics, counters->suppressed, "cause", "suppressed", NULL);
}

static double in_units(const struct resource_offer *offer, uint64_t amount)
{
	return (double)amount / (double)resource_descriptions[offer->kind].scale;
}

static void put_resource(struct gateway *gateway, struct metrics *metrics, const char *name, const char *help,
                         double (*value)(const struct resource_offer *offer))
{
	metrics_family(metrics, METRICS_GAUGE, name, NULL, help);
	for (size_t i = 0; i < book_resource_count(gateway->book); i++) {
		struct resource_offer offer;

		if (book_resource_at(gateway->book, i, &offer) == 0)
			metrics_value(metrics, value(&offer), "kind", resource_descriptions[offer.kind].name,
			              NULL);
	}
}

static double resource_capacity(const struct resource_offer *offer)
{
	return in_units(offer, offer->capacity);
}

static double resource_free(const struct resource_offer *offer)
{
	return in_units(offer, offer->free);
}

static double resource_money(const struct resource_offer *offer)
{
	return (double)resource_price(offer, 0) / MONEY_UNIT;
}

static void put_resources(struct gateway *gateway, struct metrics *metrics)
{
	put_resource(gateway, metrics, "busbar_resource_capacity",
	             "What is offered, in the kind's unit (cores, bytes).", resource_capacity);
	put_resource(gateway, metrics, "busbar_resource_free", "What of it is free.", resource_free);
	put_resource(gateway, metrics, "busbar_resource_price",
	             "Price of scarcity, per unit of price and second.", resource_money);
}

/* ---- links ---- */

static double link_delay(const struct link_offer *link)
{
	return (double)link->delay / (double)CLOCK_SECOND;
}

static double link_jitter(const struct link_offer *link)
{
	return (double)link->jitter / (double)CLOCK_SECOND;
}

static double link_loss(const struct link_offer *link)
{
	return (double)link->loss / 1e6;
}

static double link_capacity(const struct link_offer *link)
{
	return (double)link->capacity;
}

static double link_free(const struct link_offer *link)
{
	return (double)link->free;
}

static double link_money(const struct link_offer *link)
{
	return (double)link_price(link, 0) / MONEY_UNIT;
}

static const struct link_family {
	const char *name, *unit, *help;
	double (*value)(const struct link_offer *link);
} link_families[] = {
        {"busbar_link_delay_seconds", "seconds", "One way, measured.", link_delay},
        {"busbar_link_jitter_seconds", "seconds", "Of the delay.", link_jitter},
        {"busbar_link_loss_ratio", "ratio", "Of probes in the window.", link_loss},
        {"busbar_link_capacity_bits_per_second", "bits_per_second", "That may be reserved.", link_capacity},
        {"busbar_link_free_bits_per_second", "bits_per_second", "What of it is free.", link_free},
        {"busbar_link_price", NULL, "Price of scarcity, per Mbit/s and second.", link_money},
};

static void put_links(struct gateway *gateway, struct metrics *metrics)
{
	const struct settings_link *links = gateway->settings->links.items;

	for (size_t family = 0; family < ARRAY_SIZE(link_families); family++) {
		metrics_family(metrics, METRICS_GAUGE, link_families[family].name, link_families[family].unit,
		               link_families[family].help);
		for (size_t i = 0; i < book_link_count(gateway->book); i++) {
			struct link_offer link;

			if (book_link_at(gateway->book, i, &link) == 0)
				metrics_value(metrics, link_families[family].value(&link), "link",
				              links[i].name, NULL);
		}
	}
}

static void put_count(struct metrics *metrics, const char *name, const char *help, uint64_t value)
{
	metrics_family(metrics, METRICS_COUNTER, name, NULL, help);
	metrics_count(metrics, value, NULL);
}

static void put_watch(const struct watch *watch, struct metrics *metrics)
{
	struct watch_statistics statistics;

	if (watch == NULL)
		return;
	watch_read_statistics(watch, &statistics);
	put_gauge(metrics, "busbar_watch_sites", NULL, "Sites that are probed.", statistics.sites);
	put_gauge(metrics, "busbar_watch_rate", NULL, "Probes of them a second.", statistics.rate);
	put_gauge(metrics, "busbar_watch_silent", NULL, "Of these, those that are avoided for their silence.",
	          statistics.silent);
	put_count(metrics, "busbar_watch_silences", "Sites that fell silent.", statistics.silences);
	put_count(metrics, "busbar_watch_passed", "Sites not probed for want of room.", statistics.passed);
	put_count(metrics, "busbar_watch_loads", "Loads that the view took.", statistics.loads);
	put_count(metrics, "busbar_watch_loads_refused", "Loads that it did not take.", statistics.refused);
}

static void put_probes(struct gateway *gateway, struct metrics *metrics)
{
	const struct settings_link *links = gateway->settings->links.items;
	struct probe_statistics statistics;

	if (gateway->probe == NULL)
		return;
	probe_read_statistics(gateway->probe, &statistics);
	metrics_family(metrics, METRICS_COUNTER, "busbar_probe_link_replies", NULL,
	               "Probes of links that were answered.");
	for (uint32_t i = 0; i < gateway->link_count; i++)
		metrics_count(metrics, gateway->links[i].probes, "link", links[i].name, NULL);
	put_gauge(metrics, "busbar_probe_sessions", NULL, "Links and sites that are probed.",
	          statistics.sessions);
	put_gauge(metrics, "busbar_probe_silent", NULL, "Of these, those that do not answer.",
	          statistics.silent);
	put_count(metrics, "busbar_probes_sent", "Probes that left.", statistics.sent);
	put_count(metrics, "busbar_probes_unsent", "Probes that the kernel did not take.", statistics.unsent);
	put_count(metrics, "busbar_probe_replies", "Replies that were taken.", statistics.received);
	put_count(metrics, "busbar_probes_answered", "Probes of others that were answered.",
	          statistics.answered);
	put_causes(metrics, "busbar_probes_refused", "Probes of others that were not answered.",
	           statistics.refused);
	put_causes(metrics, "busbar_probe_replies_rejected", "Replies that were not taken.",
	           statistics.rejected);
	put_causes(metrics, "busbar_probe_extensions_refused",
	           "Of replies that were taken, loads that were not.", statistics.extensions);
	put_watch(gateway->watch, metrics);
}

/* ---- BGP ---- */

#define OF(member) offsetof(struct speaker_statistics, member)

static const struct speaker_family {
	size_t offset;
	const char *name, *help;
} speaker_families[] = {
        {OF(updates_received), "busbar_bgp_updates_received", "UPDATE messages that came."},
        {OF(updates_sent), "busbar_bgp_updates_sent", "UPDATE messages that went."},
        {OF(withdrawn_for_error), "busbar_bgp_updates_withdrawn", "Treated as withdraw (RFC 7606)."},
        {OF(discarded_attributes), "busbar_bgp_attributes_discarded", "Path attributes left out (RFC 7606)."},
        {OF(refused_routes), "busbar_bgp_routes_refused", "Loops, and what cannot be used."},
        {OF(oversized), "busbar_bgp_routes_oversized", "Not passed on, as no message can hold them."},
        {OF(refused_connections), "busbar_bgp_connections_refused", "From no peer, or too many."},
        {OF(sessions_lost), "busbar_bgp_sessions_lost", "Sessions that had been established."},
};

static void put_speaker(const struct speaker *speaker, struct metrics *metrics)
{
	struct speaker_statistics statistics;

	speaker_statistics(speaker, &statistics);
	put_gauge(metrics, "busbar_bgp_prefixes", NULL, "Prefixes with a path.", (double)statistics.prefixes);
	put_gauge(metrics, "busbar_bgp_paths", NULL, "Paths of all peers.", (double)statistics.paths);
	put_gauge(metrics, "busbar_bgp_table_bytes", "bytes", "Memory of the routing table.",
	          (double)statistics.bytes);
	for (size_t i = 0; i < ARRAY_SIZE(speaker_families); i++) {
		uint64_t value = *(const uint64_t *)((const char *)&statistics + speaker_families[i].offset);

		metrics_family(metrics, METRICS_COUNTER, speaker_families[i].name, NULL,
		               speaker_families[i].help);
		metrics_count(metrics, value, NULL);
	}
}

static uint64_t peer_established(const struct speaker_peer_status *status)
{
	return status->established;
}

static uint64_t peer_paths(const struct speaker_peer_status *status)
{
	return status->paths;
}

static uint64_t peer_stale(const struct speaker_peer_status *status)
{
	return status->stale_paths;
}

static uint64_t peer_advertised(const struct speaker_peer_status *status)
{
	return status->advertised;
}

static uint64_t peer_flaps(const struct speaker_peer_status *status)
{
	return status->flaps;
}

static uint64_t peer_refused(const struct speaker_peer_status *status)
{
	return status->refused_in;
}

static const struct peer_family {
	enum metrics_type type;
	const char *name, *help;
	uint64_t (*value)(const struct speaker_peer_status *status);
} peer_families[] = {
        {METRICS_GAUGE, "busbar_bgp_peer_established", "1: the session is up.", peer_established},
        {METRICS_GAUGE, "busbar_bgp_peer_paths", "Paths that the peer told.", peer_paths},
        {METRICS_GAUGE, "busbar_bgp_peer_stale_paths", "Kept for a peer that restarts.", peer_stale},
        {METRICS_GAUGE, "busbar_bgp_peer_advertised", "Routes that the peer was told.", peer_advertised},
        {METRICS_COUNTER, "busbar_bgp_peer_flaps", "Sessions lost.", peer_flaps},
        {METRICS_COUNTER, "busbar_bgp_peer_refused", "Prefixes that were not taken.", peer_refused},
};

static void put_peers(const struct speaker *speaker, struct metrics *metrics)
{
	for (size_t family = 0; family < ARRAY_SIZE(peer_families); family++) {
		const struct peer_family *of = &peer_families[family];

		metrics_family(metrics, of->type, of->name, NULL, of->help);
		for (uint32_t slot = 0; slot < speaker_peer_slots(speaker); slot++) {
			struct speaker_peer_status status;

			if (speaker_peer_status(speaker, slot, &status) < 0)
				continue;
			if (of->type == METRICS_COUNTER)
				metrics_count(metrics, of->value(&status), "peer", status.name, NULL);
			else
				metrics_value(metrics, (double)of->value(&status), "peer", status.name, NULL);
		}
	}
}

/* ---- all of it ---- */

static void put_all(struct gateway *gateway, struct metrics *metrics)
{
	metrics_family(metrics, METRICS_GAUGE, "busbar_start_time_seconds", "seconds",
	               "When this gateway started, since 1970.");
	metrics_value(metrics, (double)gateway->source.started / (double)CLOCK_SECOND, "node",
	              gateway->settings->node, NULL);
	put_front(gateway, metrics);
	put_transfer(gateway, metrics);
	put_edge(gateway, metrics);
	put_view(gateway, metrics);
	put_announcements(gateway, metrics);
	put_resources(gateway, metrics);
	put_links(gateway, metrics);
	put_probes(gateway, metrics);
	if (gateway->speaker != NULL) {
		put_speaker(gateway->speaker, metrics);
		put_peers(gateway->speaker, metrics);
	}
	metrics_end(metrics);
}

static char *render(void *context)
{
	struct gateway *gateway = context;
	struct metrics metrics;
	char *text = NULL;
	size_t size = 0;
	FILE *stream;
	bool failed;

	if (gateway->closing)
		return NULL;
	stream = open_memstream(&text, &size);
	if (stream == NULL)
		return NULL;
	metrics_begin(&metrics, stream);
	put_all(gateway, &metrics);
	failed = ferror(stream) != 0;
	if (fclose(stream) == 0 && !failed)
		return text;
	free(text);
	return NULL;
}

int gateway_open_metrics(struct gateway *gateway)
{
	const struct config_address *listen = &gateway->settings->openmetrics.listen;
	struct scrape_settings settings = {.port = (uint16_t)listen->port,
	                                   .clock = gateway->clock,
	                                   .render = render,
	                                   .context = gateway};
	int code;

	if (!listen->present || listen->port == 0)
		return 0;
	memcpy(settings.address, listen->octets, sizeof(settings.address));
	code = scrape_open(gateway->loop, &settings, &gateway->scrape);
	/* Two gateways of one host have one default; neither may keep the other from its work. */
	if (code == -EADDRINUSE) {
		log_warning(TAG, "event=no-metrics port=%d cause=\"%s\"", listen->port, error_text(code));
		return 0;
	}
	return code;
}
