/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front door: datagrams of clients, one socket per access address.
 *
 * Order of checks: version, key, MAC, content, age (30 s), identifier used before. Each failure has its
 * own code, a counter, and an error reply that is no larger than the request. Requests are idempotent by
 * identifier: the same octets from the same address get the same answer, anything else under a used
 * identifier is REPLAYED. Nothing is stored for a sender that failed authentication.
 *
 * Documents are rendered once for each reader (a tenant's key at an address and port), kept for a while and
 * read in slices, so that slices fit together.
 */
#ifndef API_FRONT_H
#define API_FRONT_H

#include "api/document.h"
#include "base/compiler.h"
#include "execute/store.h"
#include "execute/task.h"
#include <uv.h>

struct front;

enum {
	FRONT_TENANTS = 256,
	FRONT_SOCKETS = 64,
	FRONT_RECENT = 65536,
	FRONT_DOCUMENTS = 128,
	FRONT_WAITING = 4096
};

struct front_tenant {
	char name[32];
	uint32_t key;
	uint8_t secret[SEAL_SECRET];
	bool spot;
	bool operator;
};

struct front_settings {
	const struct document_source *source; /* outlives the front door */
	struct store *store;
	uint64_t seed;
	const struct front_tenant *tenants; /* outlive the front door */
	uint32_t tenant_count;
};

int front_create(uv_loop_t *loop, const struct front_settings *settings, struct front **ret_front) CHECKED;
/* A socket for clients whose access link has these one-way delays. Port 0 takes any; returned. */
int front_listen(struct front *front, const uint8_t address[16], uint16_t port, int64_t access_up,
                 int64_t access_down) CHECKED;
/* A task has ended: calls that wait for it are answered. */
void front_task_finished(struct front *front, const struct identifier *task);
/* ERROR_COUNT counters of refused requests by error_index(). */
const uint64_t *front_refusals(const struct front *front);
/* Secret of a tenant's key number, for bulk transfer; NULL when unknown. */
const uint8_t *front_secret(void *context, uint32_t key);
/* Closes the sockets; the memory is freed when the loop has run their close callbacks. Accepts NULL. */
void front_close(struct front *front);

#endif
