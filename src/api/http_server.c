/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http_server.h"

#include "base/log.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define TAG "http"

enum { CONNECTION_MEMORY = 64 * 1024 };

static void on_timer(uv_timer_t *timer);

void http_server_run(struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG milliseconds;

	(void)MHD_run(server->daemon);
	if (server->closing)
		return;
	if (MHD_get_timeout(server->daemon, &milliseconds) == MHD_YES)
		(void)uv_timer_start(&server->timer, on_timer, milliseconds, 0);
	else
		(void)uv_timer_stop(&server->timer);
}

static void on_timer(uv_timer_t *timer)
{
	http_server_run(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	http_server_run(poll->data);
}

static void log_library(void *context, const char *format, va_list arguments)
{
	char text[200];

	(void)vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = '\0';
	log_debug(TAG, "library=\"%s\"", text);
}

static struct MHD_Daemon *start(const struct http_server_settings *settings)
{
	struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons(settings->port)};

	memcpy(&name.sin6_addr, settings->address, sizeof(name.sin6_addr));
	errno = 0;
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_IPv6 | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME,
	                        0, NULL, NULL, settings->handle, settings->context,
	                        MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL, MHD_OPTION_SOCK_ADDR,
	                        (const struct sockaddr *)&name, MHD_OPTION_CONNECTION_LIMIT,
	                        settings->connections, MHD_OPTION_CONNECTION_TIMEOUT, settings->idle_seconds,
	                        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
	                        MHD_OPTION_NOTIFY_COMPLETED, settings->completed, settings->context,
	                        MHD_OPTION_END);
}

int http_server_open(struct http_server *server, uv_loop_t *loop, const struct http_server_settings *settings)
{
	struct MHD_Daemon *daemon = start(settings);
	const union MHD_DaemonInfo *information;
	int code;

	if (daemon == NULL)
		return errno != 0 ? -errno : -EIO;
	memset(server, 0, sizeof(*server));
	server->daemon = daemon;
	information = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
	code = information == NULL ? -EIO : uv_poll_init(loop, &server->poll, information->epoll_fd);
	if (code < 0) {
		MHD_stop_daemon(daemon);
		server->daemon = NULL;
		return code;
	}
	(void)uv_timer_init(loop, &server->timer);
	server->poll.data = server->timer.data = server;
	server->handles = 2;
	(void)uv_poll_start(&server->poll, UV_READABLE, on_poll); /* fails for handles that close only */
	return 0;
}

uint16_t http_server_port(const struct http_server *server)
{
	const union MHD_DaemonInfo *information =
	        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);

	return information == NULL ? 0 : information->port;
}

static void on_closed(uv_handle_t *handle)
{
	struct http_server *server = handle->data;

	if (--server->handles == 0)
		server->closed(server->closed_context);
}

void http_server_close(struct http_server *server, void (*closed)(void *context), void *context)
{
	server->closing = true;
	server->closed = closed;
	server->closed_context = context;
	uv_close((uv_handle_t *)&server->poll, on_closed);
	uv_close((uv_handle_t *)&server->timer, on_closed);
	MHD_stop_daemon(server->daemon);
}
