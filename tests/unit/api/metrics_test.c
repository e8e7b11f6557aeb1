/* SPDX-License-Identifier: Apache-2.0 */
/* OpenMetrics text, and the door that shows it. */
#include "t.h"

#include "api/metrics.h"
#include "api/scrape.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void a_text_is_open_metrics(void **state)
{
	struct metrics metrics;
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	metrics_begin(&metrics, stream);
	metrics_family(&metrics, METRICS_COUNTER, "busbar_things", NULL, "Things that happened.");
	metrics_count(&metrics, UINT64_MAX, NULL);
	metrics_count(&metrics, 0, "cause", "a \"b\"\\c\nd", "other", "", NULL);
	metrics_family(&metrics, METRICS_GAUGE, "busbar_delay_seconds", "seconds", "One way.");
	metrics_value(&metrics, 0.0125, "link", "core-1", NULL);
	metrics_family(&metrics, METRICS_GAUGE, "busbar_none", NULL, "Without a sample.");
	metrics_end(&metrics);
	T_EQ(fclose(stream), 0);
	T_TEXT(text, "# TYPE busbar_things counter\n"
	             "# HELP busbar_things Things that happened.\n"
	             "busbar_things_total 18446744073709551615\n"
	             "busbar_things_total{cause=\"a \\\"b\\\"\\\\c\\nd\",other=\"\"} 0\n"
	             "# TYPE busbar_delay_seconds gauge\n"
	             "# UNIT busbar_delay_seconds seconds\n"
	             "# HELP busbar_delay_seconds One way.\n"
	             "busbar_delay_seconds{link=\"core-1\"} 0.0125\n"
	             "# TYPE busbar_none gauge\n"
	             "# HELP busbar_none Without a sample.\n"
	             "# EOF\n");
	free(text);
}

struct door {
	uv_loop_t loop;
	struct scrape *scrape;
	unsigned rendered;
	int64_t now;
};

static int64_t read_clock(void *context)
{
	return ((struct door *)context)->now;
}

static char *render(void *context)
{
	struct door *door = context;
	char text[32];

	(void)snprintf(text, sizeof(text), "number %u\n", ++door->rendered);
	return strdup(text);
}

/* Sends a request and turns the loop until the connection has ended; the whole answer. */
static void ask(struct door *door, const char *request, char answer[1024])
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6,
	                               .sin6_addr = IN6ADDR_LOOPBACK_INIT,
	                               .sin6_port = htons(scrape_port(door->scrape))};
	int socket_ = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t have = 0;
	ssize_t got = -1;

	T_TRUE(socket_ >= 0);
	T_EQ(connect(socket_, (struct sockaddr *)&address, sizeof(address)), 0);
	T_TRUE(write(socket_, request, strlen(request)) == (ssize_t)strlen(request));
	while (got != 0) {
		(void)uv_run(&door->loop, UV_RUN_NOWAIT);
		got = recv(socket_, answer + have, 1023 - have, MSG_DONTWAIT);
		have += got > 0 ? (size_t)got : 0;
		if (got < 0)
			(void)usleep(1000);
	}
	answer[have] = '\0';
	(void)close(socket_);
}

static void the_door_shows_it(void **state)
{
	struct door door = {.now = CLOCK_SECOND};
	struct scrape_settings settings = {.clock = {read_clock, read_clock, &door},
	                                   .render = render,
	                                   .context = &door};
	char answer[1024];

	settings.address[15] = 1;
	T_EQ(uv_loop_init(&door.loop), 0);
	T_OK(scrape_open(&door.loop, &settings, &door.scrape));
	ask(&door, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", answer);
	T_TRUE(strncmp(answer, "HTTP/1.1 200", 12) == 0);
	T_TRUE(strstr(answer, "application/openmetrics-text; version=1.0.0; charset=utf-8") != NULL);
	T_TRUE(strstr(answer, "\r\n\r\nnumber 1\n") != NULL);
	/* Made once for all who ask within a tenth of a second. */
	ask(&door, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", answer);
	T_TRUE(strstr(answer, "number 1\n") != NULL);
	door.now += CLOCK_SECOND;
	ask(&door, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", answer);
	T_TRUE(strstr(answer, "number 2\n") != NULL);
	ask(&door, "GET /v1/blob/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", answer);
	T_TRUE(strncmp(answer, "HTTP/1.1 404", 12) == 0);
	ask(&door, "DELETE /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", answer);
	T_TRUE(strncmp(answer, "HTTP/1.1 405", 12) == 0);
	T_EQ(door.rendered, 2);
	scrape_close(door.scrape);
	(void)uv_run(&door.loop, UV_RUN_DEFAULT);
	T_EQ(uv_loop_close(&door.loop), 0);
}

static void a_port_in_use_is_said(void **state)
{
	struct door door = {.now = CLOCK_SECOND};
	struct scrape_settings settings = {.clock = {read_clock, read_clock, &door},
	                                   .render = render,
	                                   .context = &door};
	struct scrape *other;

	settings.address[15] = 1;
	T_EQ(uv_loop_init(&door.loop), 0);
	T_OK(scrape_open(&door.loop, &settings, &door.scrape));
	settings.port = scrape_port(door.scrape);
	T_ERROR(scrape_open(&door.loop, &settings, &other), -EADDRINUSE);
	scrape_close(door.scrape);
	(void)uv_run(&door.loop, UV_RUN_DEFAULT);
	T_EQ(uv_loop_close(&door.loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_text_is_open_metrics),
	        cmocka_unit_test(the_door_shows_it),
	        cmocka_unit_test(a_port_in_use_is_said),
	};

	return T_RUN(tests);
}
