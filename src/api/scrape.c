/* SPDX-License-Identifier: Apache-2.0 */
#include "api/scrape.h"

#include "api/http_server.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FRESH (100 * CLOCK_MILLISECOND)
#define CONTENT "application/openmetrics-text; version=1.0.0; charset=utf-8"

enum { CONNECTIONS = 8, IDLE_SECONDS = 5 };

struct scrape {
	struct scrape_settings settings;
	struct http_server server;
	char *text;
	int64_t rendered; /* monotonic clock */
};

static enum MHD_Result send_and_free(struct MHD_Connection *connection, unsigned status,
                                     struct MHD_Response *response, const char *content)
{
	enum MHD_Result result;

	if (response == NULL)
		return MHD_NO;
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *text)
{
	struct MHD_Response *response =
	        MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);

	return send_and_free(connection, status, response, "text/plain");
}

static void refresh(struct scrape *scrape)
{
	int64_t now = clock_monotonic(&scrape->settings.clock);
	char *text;

	if (scrape->text != NULL && now - scrape->rendered < FRESH)
		return;
	text = scrape->settings.render(scrape->settings.context);
	free(scrape->text);
	scrape->text = text;
	scrape->rendered = now;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *bytes, size_t *size,
                              void **state)
{
	struct scrape *scrape = context;

	if (strcmp(url, "/metrics") != 0)
		return refuse(connection, MHD_HTTP_NOT_FOUND, "/metrics is all there is\n");
	if (strcmp(method, "GET") != 0)
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET alone\n");
	refresh(scrape);
	if (scrape->text == NULL)
		return MHD_NO;
	return send_and_free(connection, MHD_HTTP_OK,
	                     MHD_create_response_from_buffer(strlen(scrape->text), scrape->text,
	                                                     MHD_RESPMEM_MUST_COPY),
	                     CONTENT);
}

int scrape_open(uv_loop_t *loop, const struct scrape_settings *settings, struct scrape **ret_scrape)
{
	struct scrape *scrape = calloc(1, sizeof(*scrape));
	struct http_server_settings server = {.port = settings->port,
	                                      .connections = CONNECTIONS,
	                                      .idle_seconds = IDLE_SECONDS,
	                                      .handle = handle,
	                                      .context = scrape};
	int code;

	if (scrape == NULL)
		return -ENOMEM;
	scrape->settings = *settings;
	memcpy(server.address, settings->address, sizeof(server.address));
	code = http_server_open(&scrape->server, loop, &server);
	if (code < 0) {
		free(scrape);
		return code;
	}
	*ret_scrape = scrape;
	return 0;
}

uint16_t scrape_port(const struct scrape *scrape)
{
	return http_server_port(&scrape->server);
}

static void on_closed(void *context)
{
	struct scrape *scrape = context;

	free(scrape->text);
	free(scrape);
}

void scrape_close(struct scrape *scrape)
{
	if (scrape != NULL)
		http_server_close(&scrape->server, on_closed, scrape);
}
