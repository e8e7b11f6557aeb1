/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmicrohttpd without threads at one listening address: its epoll descriptor and its timeout on our loop.
 */
#ifndef API_HTTP_SERVER_H
#define API_HTTP_SERVER_H

#include "base/compiler.h"
#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct http_server_settings {
	uint8_t address[16];
	uint16_t port; /* 0: the kernel chooses */
	unsigned connections, idle_seconds;
	MHD_AccessHandlerCallback handle;
	MHD_RequestCompletedCallback completed; /* NULL: of no interest */
	void *context;                          /* of both */
};

/* In memory of the owner's, until `closed` has come. */
struct http_server {
	struct MHD_Daemon *daemon;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned handles; /* whose close callback is to come */
	bool closing;
	void (*closed)(void *context);
	void *closed_context;
};

/* Negative errno: it is as if it had not been tried. */
int http_server_open(struct http_server *server, uv_loop_t *loop,
                     const struct http_server_settings *settings) CHECKED;
uint16_t http_server_port(const struct http_server *server);
/* After MHD_resume_connection(): what was resumed goes on. */
void http_server_run(struct http_server *server);
/* Ends all connections; `closed` comes from the loop. */
void http_server_close(struct http_server *server, void (*closed)(void *context), void *context);

#endif
