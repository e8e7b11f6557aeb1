/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a transfer: listeners (transfer_server.c) and own transfers (transfer_queue.c). */
#ifndef API_TRANSFER_INTERNAL_H
#define API_TRANSFER_INTERNAL_H

#include "api/http_server.h"
#include "api/transfer.h"
#include <curl/curl.h>

struct transfer_job;

/* One listening address. */
struct transfer_listener {
	struct transfer *transfer;
	struct http_server server;
};

struct transfer_list {
	struct transfer_job *first, *last;
};

struct transfer {
	uv_loop_t *loop;
	struct transfer_settings settings;
	struct transfer_statistics statistics;
	struct transfer_listener listeners[TRANSFER_LISTENERS];
	uint32_t listener_count;
	CURLM *multi;
	uv_timer_t multi_timer; /* libcurl's */
	uv_timer_t pump;        /* starts queued transfers from the loop, never from the caller */
	struct transfer_list active, queued;
	uint32_t reserved; /* of the active ones */
	uint32_t handles;  /* uv handles and servers whose close callback is to come */
	bool closing;
	transfer_closed closed;
	void *closed_context;
};

/* Every uv handle and server of a transfer is counted from its start to its close callback. */
void transfer_handle_closed(struct transfer *transfer);

int transfer_queue_open(struct transfer *transfer) CHECKED;
void transfer_queue_close(struct transfer *transfer);

int transfer_server_listen(struct transfer *transfer, const uint8_t address[16], uint16_t port,
                           uint16_t *ret_port) CHECKED;
void transfer_server_close(struct transfer *transfer);

#endif
