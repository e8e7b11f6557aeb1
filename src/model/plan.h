/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan: the choice of site and path for every part of a demand, what it costs, what is promised, and
 * for every site that lost the first constraint that it broke, with the number.
 *
 * `price` figures are scarcity prices and decide; `tariff` figures are what the tenant pays.
 */
#ifndef MODEL_PLAN_H
#define MODEL_PLAN_H

#include "model/demand.h"
#include "model/gateway.h"
#include "model/money.h"
#include "model/resource.h"
#include <stdbool.h>
#include <stdint.h>

enum { PLAN_HOPS = 12, PLAN_CLAIMS = 4, PLAN_REASONS = 64 };

/* A run may take this many times its expected duration before its claim ends; the escrow covers it. */
enum { PLAN_TIME_MARGIN = 3 };

/* An owner may have grown dearer than the plan by 1/PLAN_PRICE_SLACK before it refuses. */
enum { PLAN_PRICE_SLACK = 4 };

/* What links are reserved for beyond a claim's time, for the result and the release, ns. */
#define PLAN_RESERVE_GRACE INT64_C(5000000000)

/* What an owner holds for a reservation ends after this unless it is refreshed, ns. */
#define PLAN_RESERVATION_LIFETIME INT64_C(30000000000)

/*
 * One link of a path, in both directions: prices and tariffs per Mbit/s and second, delay as measured, least
 * delay that is certain (0: unknown), and ceiling of the path's class (0: none is promised).
 */
struct plan_link {
	money price, tariff;
	money back_price, back_tariff;
	int64_t delay, least, ceiling;
	int64_t back_delay, back_least, back_ceiling;
};

struct plan_path {
	uint32_t hop_count; /* gateways from the ingress to the site, both included; 1: ingress itself */
	struct gateway_identity hops[PLAN_HOPS];
	struct plan_link links[PLAN_HOPS]; /* links[i] joins hops[i] and hops[i + 1] */
	int64_t delay_up;                  /* client to site, access link included */
	int64_t delay_down;                /* site to client */
	uint64_t rate_up, rate_down;       /* what a part reserves on every link; 0: nothing */
	money price;                       /* per second, of that bandwidth, all links, both directions */
	uint32_t class;                    /* guaranteed class of what is reserved */
	bool measured;                /* a hop or the access link promises or reserves nothing: not hard */
	int64_t bound_up, bound_down; /* sums of ceilings, access link included; 0 when measured */
};

struct plan_claim {
	enum resource_kind kind;
	uint64_t amount;
	money price; /* per price_scale and second, at the utilisation that this plan causes */
	money tariff;
};

struct plan_part {
	struct gateway_identity site;
	struct plan_path path;
	uint32_t claim_count;
	struct plan_claim claims[PLAN_CLAIMS];
	int64_t start;                     /* expected: driver start-up */
	int64_t time;                      /* expected: run; of a reservation: all of it */
	int64_t limit;                     /* the claim ends after this: staging, start and run */
	int64_t reserve;                   /* what is reserved on links ends after this */
	int64_t transfer_in, transfer_out; /* expected: data movement */
	money call_price, call_tariff;
	money price;                      /* expected cost of the part at scarcity prices */
	money tariff;                     /* expected charge */
	money hold;                       /* most that can be charged: what escrow takes */
	int64_t network, respond, finish; /* expected latencies in the demand's three senses */
	uint64_t carbon;                  /* micrograms CO2e; 0 unknown */
};

enum plan_reason_kind {
	REASON_NONE,    /* chosen */
	REASON_PRICE,   /* have: its price; need: the winner's */
	REASON_LATENCY, /* prefer latency: have its latency; need the winner's */
	REASON_CARBON,
	REASON_NETWORK, /* have: network latency; need: network within */
	REASON_RESPOND,
	REASON_FINISH,
	REASON_GUARANTEE, /* have: least bound, 0: no path promises one, and link names who does not; need */
	REASON_RESOURCE,  /* have: free; need: wanted; resource */
	REASON_SERVICE,   /* does not offer it */
	REASON_BANDWIDTH, /* have: widest free on the way; need; link names the narrowest owner */
	REASON_UNREACHABLE, /* no path */
	REASON_BUDGET,      /* have: least hold; need: budget */
	REASON_REGION,
	REASON_OPERATOR,
	REASON_MODEL,
	REASON_TRUST,   /* have, need */
	REASON_SUSPECT, /* it, or a gateway that every path needs, refused or did not answer lately */
	REASON_SITE,    /* what is there already stays where it is */
	REASON_KINDS,
};

struct plan_reason {
	struct gateway_identity site;
	enum plan_reason_kind kind;
	enum resource_kind resource;
	struct gateway_identity link; /* where it applies: the owner that binds */
	int64_t have;
	int64_t need;
	int error; /* REASON_SUSPECT: the code that the owner gave */
};

struct plan {
	int status; /* 0, or INFEASIBLE, UNKNOWN_SERVICE, BUDGET, NOT_SUPPORTED */
	uint32_t part_count;
	struct plan_part *parts; /* caller's arena */
	uint32_t reason_count;
	struct plan_reason reasons[PLAN_REASONS];
	uint32_t reasons_dropped;
	money price, tariff, hold;        /* sums over parts */
	int64_t network, respond, finish; /* worst over parts */
	bool exact;                       /* the search was complete: no cheaper plan exists in this view */
	bool stale;                       /* it rests on values that are older than their validity */
};

#endif
