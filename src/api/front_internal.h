/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the front door share.
 *
 * Threads: the loop's thread owns everything but what is marked here. Receivers (receiver.c) read the
 * settings, which do not change, use the tables that lock themselves, and hand requests over by
 * front_hand_over().
 */
#ifndef API_FRONT_INTERNAL_H
#define API_FRONT_INTERNAL_H

#include "api/call.h"
#include "api/front.h"
#include "api/rate.h"
#include "api/receiver.h"
#include "api/recent.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/outbox.h"
#include "base/slab.h"
#include <netinet/in.h>
#include <pthread.h>

/* How far a sender's clock may be off, and so how long identifiers are remembered (twice that). */
#define FRONT_AGE (30 * CLOCK_SECOND)

/* An address that clients send to. */
struct front_place {
	struct sockaddr_in6 local;
	int64_t access_up, access_down;
	int64_t access_ceiling_up, access_ceiling_down;
};

/* A request in hand. */
struct request {
	struct request *next; /* in the queue to the loop, or among the free ones */
	struct receiver *receiver;
	const struct front_place *place;
	int descriptor; /* the socket that the reply leaves by */
	bool at_once;   /* the reply speaks of no state: it waits for no disk */
	struct sockaddr_in6 sender;
	struct gateway_identity via; /* the client is there, and is told by way of it; none: here */
	struct task_place there;     /* of a client elsewhere that asks through its edge */
	size_t size;
	const uint8_t *octets;             /* as received, in the arena; NULL where nobody else is asked */
	const struct front_tenant *tenant; /* NULL before authentication */
	struct datagram datagram;
	struct demand demand;
	struct arena *arena; /* of the demand's stages and the plan's parts */
	bool only_known;     /* a task that exists is told of, but none begun */
	bool mapped;         /* `plan` was made by the receiver */
	struct plan plan;
	char *quote; /* its document; malloc'd */
};

/*
 * A client that waits: a call for its result, a reservation until it is granted or has failed, one that moved
 * until its flow is there or for its result.
 */
struct waiting {
	struct identifier task;
	struct identifier request;
	enum datagram_type type;
	const struct front_tenant *tenant;
	const struct front_place *place;
	int descriptor;
	struct sockaddr_in6 sender;
	struct gateway_identity via;
	bool carrying; /* its output is on the way to `via` */
};

/* A rendered document that is being read in slices, by one client. */
struct kept {
	uint32_t key;
	struct sockaddr_in6 reader;
	struct identifier request; /* that it was rendered for */
	enum datagram_document document;
	struct identifier about;
	char *text;
	size_t size;
	int64_t since;
};

/* Tenants; those before stay, since requests on their way may be theirs. */
struct roster {
	struct roster *before;
	const struct front_tenant *tenants;
	uint32_t count;
};

struct front {
	struct front_settings settings; /* the tenants aside, see roster */
	uv_loop_t *loop;
	struct front_place places[FRONT_PLACES];
	uint32_t place_count;
	struct slab *waiting_slab;
	struct hash *waiting; /* task -> struct waiting */
	struct slab *follower_slab;
	struct hash *followers; /* request -> struct follower */
	int64_t swept;          /* when followers were last looked through */
	struct kept kept[FRONT_DOCUMENTS];
	struct arena *arena;     /* for what the loop maps itself */
	struct arena *ask_arena; /* of a request that came through an edge; NULL: none does */
	struct outbox *outbox;   /* replies of the loop */
	uv_async_t wake;
	bool wake_open, closing;

	/* Of all threads. */
	struct roster *roster; /* atomic: the tenants */
	struct recent *recent;
	struct rate *sources, *strangers, *tenants;
	uint64_t refusals[ERROR_COUNT]; /* relaxed atomics */
	pthread_mutex_t lock;           /* of what follows */
	bool lock_made;
	struct request *first, **last;     /* requests for the loop */
	const struct view *snapshot;       /* a reference of it; NULL: none was published */
	uint64_t late[ALLOWANCE_SERVICES]; /* bits of instances */

	uint32_t receiver_count;
	struct receiver *receivers[FRONT_RECEIVERS];
};

int64_t front_wall(const struct front *front);
const struct front_tenant *front_find_tenant(const struct front *front, uint32_t key);

/* Age, then use of the identifier. 0: new, 1: the same request again, else EXPIRED or REPLAYED. Any thread.
 */
int front_check_fresh(struct front *front, const struct request *request, const uint8_t *octets) CHECKED;

/* Requests that the loop is to serve, newest last; they come back to their receiver afterwards. Any thread.
 */
void front_hand_over(struct front *front, struct request *first, struct request **last);
/* An instance of a resident service takes too long: the loop is told. Any thread. */
void front_instance_late(struct front *front, uint32_t service, uint32_t instance);
/* The present snapshot with a reference of the caller's, or NULL. Any thread. */
const struct view *front_snapshot(struct front *front);

/* reply.c. At once on any thread that has the request in its hand, else on the loop's, by the outbox. */
extern const outbox_send reply_batch; /* for outbox_create() */
void reply_send(struct front *front, const struct request *request, struct datagram *reply);
/* The same with what is a reply already. */
void reply_octets(struct front *front, const struct request *request, const uint8_t *bytes, size_t size);
/* Counts and says why a request is refused. */
void reply_error(struct front *front, const struct request *request, int code);
/* With a text that says more than the code's; for tenants. */
void reply_refusal(struct front *front, const struct request *request, int code, const char *text);

/* serve.c: answers an authenticated, fresh request. */
void serve(struct front *front, struct request *request);
/* What tasks are to know of a request. */
struct task_request serve_task_request(const struct front *front, const struct request *request);
/* The latest to ask for a task waits for it; NULL: no room, the client's repetition finds how it stands. */
struct waiting *serve_wait(struct front *front, const struct request *request, const struct identifier *task);
struct waiting *serve_waiting(struct front *front, const struct identifier *task);
/* As if it had asked just now. */
struct request serve_again(const struct waiting *waiting);
void serve_forget(struct front *front, struct waiting *waiting);
/* For the end: forgets who waits. */
void serve_forget_all(struct front *front);
void serve_task(struct front *front, const struct request *request, const struct task_record *record);
/* Of a task that has ended; what is large goes first to where the client can read it. */
void serve_result(struct front *front, const struct request *request, const struct task_record *record);
/* The same when it is there. */
void serve_carried(struct front *front, const struct request *request, const struct task_record *record);

/* follow.c: clients that moved. */
extern const size_t follow_size; /* of what is kept of a follower */
void follow_serve(struct front *front, struct request *request);
/*
 * Remembers whose replies from `keeper` go to this client. How long it has been asking without one (ns), or
 * TABLE_FULL, or NOT_SUPPORTED where no other gateway can be spoken to.
 */
int64_t follow_remember(struct front *front, const struct request *request, struct gateway_identity keeper);
void follow_forget(struct front *front, const struct identifier *request);
void follow_forget_all(struct front *front);

/* ask.c: edges that do not map, and their controller. */
/* Whether the controller is to serve it; then ask_serve() passes it on. */
bool ask_concerns(const struct front *front, const struct request *request);
void ask_serve(struct front *front, struct request *request);
/* An ASK from an edge. */
int ask_take(struct front *front, const struct answer *answer) CHECKED;

/* slice.c: documents in slices. */
void slice_quote(struct front *front, struct request *request);
void slice_document(struct front *front, struct request *request);
void slice_reload(struct front *front, struct request *request);
void slice_output(struct front *front, struct request *request);
/* Octets of a part's output from the store; the number read. */
int slice_read_output(struct front *front, const struct task_part_record *part, uint64_t offset,
                      uint8_t *bytes, size_t capacity) CHECKED;
void slice_drop_all(struct front *front);

#endif
