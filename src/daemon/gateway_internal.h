/* SPDX-License-Identifier: Apache-2.0 */
/* What gateway.c (making and closing), gateway_ports.c (joints) and gateway_network.c share. */
#ifndef DAEMON_GATEWAY_INTERNAL_H
#define DAEMON_GATEWAY_INTERNAL_H

#include "api/document.h"
#include "api/front.h"
#include "api/scrape.h"
#include "api/transfer.h"
#include "base/arena.h"
#include "base/database.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/slab.h"
#include "bgp/speaker.h"
#include "book/book.h"
#include "daemon/announce.h"
#include "daemon/collect.h"
#include "daemon/exchange.h"
#include "daemon/gateway.h"
#include "daemon/watch.h"
#include "execute/owner.h"
#include "execute/store.h"
#include "execute/task.h"
#include "meter/ledger.h"
#include "meter/usage.h"
#include "probe/probe.h"
#include "steer/steer.h"
#include "supply/driver.h"
#include "view/view.h"

enum { GATEWAY_PORT = 4179 }; /* of operators, on the gateway's own address */

/* Removed peers keep their slots for a moment beside the new ones. */
enum { GATEWAY_SLOTS = 4 * SETTINGS_SESSIONS };

/* A link with what the kernel and the protocols call it. */
struct gateway_link {
	struct gateway_identity toward;
	uint32_t interface;
	uint64_t rates[LINK_CLASSES], bursts[LINK_CLASSES]; /* of its queues */
	int64_t longest;                                    /* delay that was measured */
	uint64_t probes;                                    /* that were answered */
};

/* Where settings that were read while the gateway runs live, in that memory itself. */
struct gateway_past {
	struct gateway_past *before;
	struct arena *arena;
};

struct gateway {
	const struct settings *settings;
	struct gateway_past *past;
	struct gateway_identity identity;
	uint8_t locator[16], address[16];
	struct clock clock;
	uint64_t seed;
	uv_loop_t *loop;
	struct random random;
	struct arena *arena; /* life of the gateway */
	struct seal_ring ring;
	struct front_tenant *tenants;
	struct owner_service *services;
	uint64_t gflops_per_core, host_cpu_per_core;

	struct database *database;
	struct usage *usage;
	struct ledger *ledger;
	struct store *store;
	struct book *book;
	struct view *view;
	struct driver *driver;
	struct owner *owner;
	struct tasks *tasks;
	struct latest *latest;
	struct allowances *allowances;
	struct allowance_tenant *allowance_tenants;
	uint32_t resident_count;
	struct front_resident residents[ALLOWANCE_SERVICES]; /* as the front door numbers them */
	struct resident_settings resident_settings[ALLOWANCE_SERVICES];
	struct gateway_resident {
		struct gateway *gateway;
		struct resident *resident;
		uint32_t service, instances; /* number, and how many are kept */
	} resident_rooms[ALLOWANCE_SERVICES];
	struct exchange *exchange;
	struct announce *announce;
	struct front *front;
	struct transfer *transfer;
	struct scrape *scrape;
	struct steer *steer;
	bool enforces; /* the kernel keeps what is reserved */
	struct slab *flow_slab;
	struct hash *flows;      /* program -> struct flow */
	struct hash *flow_pairs; /* source and destination -> the newest struct flow of them */
	struct collect *collect;
	struct settings_speaker *made; /* what the speaker was made with */
	struct speaker *speaker;
	int slot_links[GATEWAY_SLOTS]; /* by the speaker's slots: the link whose other end it is; -1: none */
	struct probe *probe;
	struct watch *watch;
	uv_prepare_t prepare; /* these two tell what has changed */
	uv_timer_t turn;
	bool prepare_open, load_changed;
	uint64_t load_told;             /* the loop's time */
	enum watch_effect watch_effect; /* since the view was published, */
	int64_t view_published;         /* monotonic clock */
	uint32_t link_count;
	struct gateway_link links[SITE_LINKS];

	struct document_source source;
	uv_timer_t timer;
	bool timer_open, closing;
	bool returns; /* closing to be started again: peers keep our routes */
};

/* gateway_ports.c: what the rooms call; `context` is the gateway. */
void gateway_on_program(void *context, uint8_t *bytes, size_t size, const struct packet *packet);
void gateway_on_answer(void *context, const struct answer *answer);
int gateway_front_answer(void *context, struct gateway_identity to, const struct answer *answer);
/* What clients put here for their tasks is to be where these are kept. */
int gateway_way_to_controller(void *context, struct transfer_way *ret_way);
int gateway_front_carry(void *context, struct gateway_identity to, const struct identifier *task,
                        const uint8_t digest[32]);
extern const struct owner_ports gateway_owner_ports;
extern const struct task_ports gateway_task_ports;
extern const struct driver_callbacks gateway_driver_callbacks;

/* gateway_bgp.c: after steer, announce and collect. */
int gateway_open_speaker(struct gateway *gateway) CHECKED;
/* These settings' peers from now on, or an error and all is as it was. Nothing to do without a speaker. */
int gateway_change_peers(struct gateway *gateway, const struct settings *settings) CHECKED;
void gateway_close_speaker(struct gateway *gateway);

/* gateway.c: the first deposit of each tenant, once in the life of the database. */
int gateway_deposit(struct gateway *gateway) CHECKED;

/* gateway_metrics.c: the last of the doors. */
int gateway_open_metrics(struct gateway *gateway) CHECKED;

/* gateway_reload.c: `context` is the gateway; what came of it as a document, malloc'd. NULL: no memory. */
char *gateway_reload(void *context);
void gateway_free_past(struct gateway *gateway);

/* gateway_network.c: steer, BGP and STAMP; nothing to do for a gateway without links and peers. */
int gateway_open_steer(struct gateway *gateway) CHECKED;
int gateway_open_network(struct gateway *gateway) CHECKED;
void gateway_close_network(struct gateway *gateway);
/* What the edge dropped, for documents. */
uint32_t gateway_edge(void *context, struct document_count counts[DOCUMENT_EDGE]);

/* gateway_probe.c: STAMP, of links and of sites. */
int gateway_open_probe(struct gateway *gateway) CHECKED;
void gateway_close_probe(struct gateway *gateway);
void gateway_tick_probe(struct gateway *gateway);
/* Free amounts, prices or runs changed: whoever probes is told. */
void gateway_load_changed(struct gateway *gateway);
/* `context` is the gateway. */
void gateway_on_decided(void *context, const struct plan *plan);

/* gateway_flows.c: reservations in the kernel; after steer, before the book. */
int gateway_open_flows(struct gateway *gateway) CHECKED;
void gateway_close_flows(struct gateway *gateway);
void gateway_tick_flows(struct gateway *gateway);
/* Of a link of our own, for documents. */
int gateway_link_facts(void *context, struct gateway_identity toward, uint32_t class,
                       struct document_link *ret_link);
int gateway_attach(void *context, const struct owner_flow *flow);
void gateway_detach(void *context, const struct identifier *program);

/* gateway_calls.c: resident services and allowances; nothing to do for a gateway without them. */
int gateway_open_calls(struct gateway *gateway) CHECKED;
void gateway_close_calls(struct gateway *gateway);
int64_t gateway_tick_calls(struct gateway *gateway);
/* False when the run is no resident instance. */
bool gateway_resident_started(struct gateway *gateway, const struct identifier *id);
bool gateway_resident_ended(struct gateway *gateway, const struct driver_end *end);
/* An instance does not answer. */
void gateway_on_late(void *context, uint32_t service, uint32_t instance);

#endif
