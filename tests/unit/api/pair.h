/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pair of gateways over ::1, with a store each, on one loop; what blocks (the command's client, raw
 * connections) runs in a thread of the loop's pool.
 */
#ifndef TESTS_API_PAIR_H
#define TESTS_API_PAIR_H

#include "api/transfer.h"
#include "api/transfer_client.h"
#include "base/compiler.h"
#include "t.h"
#include <curl/curl.h>
#include <uv.h>

enum { PAIR_BLOB = 8 << 20, PAIR_QUOTA = 32 << 20 };

/* Of the tenant with key 7. */
extern const uint8_t pair_secret[SEAL_SECRET];

struct node {
	struct store *store;
	struct transfer *transfer;
	uint16_t port;
	int64_t clock_offset;
};

struct pair {
	char root[64];
	uv_loop_t loop;
	uv_timer_t tick; /* keeps UV_RUN_ONCE from blocking, and ends a test that hangs */
	unsigned ticks;
	struct node a, b;
	uint8_t localhost[16];
	uint64_t arrived_size;
	unsigned arrived;
	unsigned ended;
	int error; /* of the last that ended */
	/* Where A's blobs have to be as well, or why they cannot. */
	uint16_t through_port;
	int through_error;
	unsigned through; /* how often that was asked */
};

/* Both with the same key; A's blobs have to be at B; B with a key of another number; B with another key of
 * the same number. */
int pair_setup(void **state);
int pair_setup_through(void **state);
int pair_setup_other_key(void **state);
int pair_setup_forged_key(void **state);
int pair_teardown(void **state);
/* Closes the transfer, then the store. */
void pair_close_node(struct pair *pair, struct node *node);

/* Octets that depend on `seed`, the caller's to free, and their digest. */
uint8_t *pair_make_bytes(size_t size, unsigned seed, uint8_t digest[STORE_DIGEST]);
/* Puts such octets into a store. */
void pair_fill(struct store *store, size_t size, unsigned seed, uint8_t digest[STORE_DIGEST]);
/* The store has the blob, and it is what its name says. */
void pair_expect_blob(struct store *store, const uint8_t digest[STORE_DIGEST], uint64_t size);
struct transfer_statistics pair_statistics_of(const struct node *node);

/* Counts in `ended`; for a struct pair. */
void pair_on_done(void *context, int error);
/* Counts in an unsigned. */
void pair_on_closed(void *context);
/* Turns the loop until `count` own transfers have ended; the last one's error. */
int pair_wait_for(struct pair *pair, unsigned count);
/* To a port of ::1. */
struct transfer_way pair_way(const struct pair *pair, uint16_t port);
/* B fetches from, or puts to, a port of ::1. */
int pair_fetch(struct pair *pair, const uint8_t digest[STORE_DIGEST], uint64_t size, uint16_t port);
int pair_put(struct pair *pair, const uint8_t digest[STORE_DIGEST], uint16_t port);

/* A call that blocks, made by another thread while the loop turns. */
struct call {
	uv_work_t work;
	struct transfer_client client;
	uint8_t digest[STORE_DIGEST];
	uint8_t *bytes;
	size_t size, maximum;
	const char *method; /* of a raw request */
	const char *path, *authorization;
	struct curl_slist *extra;
	const char *text; /* of a raw connection */
	size_t body;      /* octets sent after the text */
	long status;
	int code;
	bool done;
};

/* The call's code. */
int pair_run_call(struct pair *pair, struct call *call, uv_work_cb function);
void pair_client_put(uv_work_t *work);
void pair_client_get(uv_work_t *work);
struct transfer_client pair_client_of(const struct node *node);

#endif
