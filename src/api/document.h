/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents: what a gateway tells people, as JSON. Money is decimal text, so that it stays exact; times are
 * in milliseconds where the name says so. A tenant sees what is its own, an operator everything.
 */
#ifndef API_DOCUMENT_H
#define API_DOCUMENT_H

#include "base/clock.h"
#include "base/compiler.h"
#include "bgp/speaker.h"
#include "execute/owner.h"
#include "execute/task.h"
#include "meter/ledger.h"
#include "meter/usage.h"
#include "model/plan.h"
#include "view/sight.h"
#include "view/view.h"
#include "wire/datagram.h"

enum {
	DOCUMENT_TASKS_MAXIMUM = 100,
	DOCUMENT_BILL_LINES = 2000,
	DOCUMENT_VIEW_MOST = 5000,
	DOCUMENT_EDGE = 8
};

struct document_count {
	const char *name;
	uint64_t count;
};

/* What the owner of a link knows of one of its classes. */
struct document_link {
	uint64_t load;   /* sum of all that is reserved on it, bit/s */
	int64_t worst;   /* delay at worst with that, ns */
	int64_t longest; /* that was measured, ns; 0: nothing was */
	uint64_t probes;
};

/* Where documents come from. tasks and ledger are NULL at gateways without tenants. */
struct document_source {
	const char *node;
	struct gateway_identity identity;
	struct clock clock;
	int64_t started; /* wall clock */
	const struct view *view;
	struct tasks *tasks;
	struct ledger *ledger;
	struct usage *usage;
	const struct owner *owner;
	const struct speaker *speaker; /* NULL: no BGP */
	/* Refused requests and packets by error_index(); ERROR_COUNT numbers each. */
	const uint64_t *requests_refused, *packets_refused;
	/* What the domain's edge dropped here, by cause: fills in, and returns how many. NULL: no edge. */
	uint32_t (*edge)(void *context, struct document_count counts[DOCUMENT_EDGE]);
	/* Of a link of this gateway's own: 0 or NOT_FOUND. NULL: it has none. */
	int (*link)(void *context, struct gateway_identity toward, uint32_t class,
	            struct document_link *ret_link);
	void *context;
};

struct document_request {
	enum datagram_document document;
	struct identifier task; /* or zero; of the view what is asked for, wire/view_filter.h */
	const char *tenant;
	bool operator;
	const struct view_sight *sight; /* the tenant's; NULL: it sees everything */
};

/*
 * The text, malloc'd. NOT_FOUND (also for other tenants' tasks), REFUSED for documents of operators,
 * NOT_SUPPORTED where this gateway keeps no such accounts, -ENOMEM.
 */
int document_render(const struct document_source *source, const struct document_request *request,
                    char **ret_text) CHECKED;
/* What a reload came to: the keys that changed, or why nothing did. NULL when memory is short. */
char *document_reload(const struct document_source *source, const char *const *keys, uint32_t count,
                      int error, const char *problem);
/* A plan with its reasons; NULL when memory is short. */
char *document_plan(const struct document_source *source, const struct plan *plan);

#endif
