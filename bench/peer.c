/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peer.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/log.h"
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { ATTRIBUTE_CODE = 255 };

enum { LOCAL, REMOTE, PORT, AS, SECRET };

_Noreturn void peer_die(const char *what, int code)
{
	fprintf(stderr, "bench: %s: %s\n", what, error_text(code));
	exit(1);
}

void peer_open(struct peer *peer, char **arguments)
{
	int code;

	log_set_level(LOG_WARNING);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	peer->ring = (struct seal_ring){.count = 1, .keys = {{.identifier = 1}}};
	code = hex_parse(arguments[SECRET], peer->ring.keys[0].secret, SEAL_SECRET);
	if (code == 0)
		code = uv_loop_init(&peer->loop);
	if (code == 0)
		code = uv_pipe_init(&peer->loop, &peer->input, 0);
	if (code == 0)
		code = uv_pipe_open(&peer->input, 0);
	if (code < 0)
		peer_die("start", code);
	peer->input.data = peer;
}

static void on_peer(void *context, uint32_t peer, bool established)
{
	(void)context;
	(void)peer;
	printf("%s\n", established ? "up" : "down");
}

void peer_connect(struct peer *peer, char **arguments, uint32_t identifier,
                  const struct speaker_callbacks *callbacks)
{
	struct speaker_peer reflector = {.name = "reflector",
	                                 .as = (uint32_t)strtoul(arguments[AS], NULL, 10),
	                                 .port = (uint16_t)strtoul(arguments[PORT], NULL, 10)};
	const struct speaker_settings settings = {.as = reflector.as,
	                                          .identifier = identifier,
	                                          .hold = 240 * CLOCK_SECOND,
	                                          .attribute = ATTRIBUTE_CODE,
	                                          .peer_count = 1,
	                                          .peers = &reflector,
	                                          .seed = 2};
	struct speaker_callbacks ours = *callbacks;
	int code;

	ours.peer = on_peer;
	if (inet_pton(AF_INET6, arguments[LOCAL], reflector.local) != 1 ||
	    inet_pton(AF_INET6, arguments[REMOTE], reflector.remote) != 1)
		peer_die("address", BUSBAR_ERROR_BAD_VALUE);
	code = speaker_create(&peer->loop, &settings, &ours, &peer->speaker);
	if (code < 0)
		peer_die("speaker", code);
}

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct peer *peer = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(peer->line, sizeof(peer->line));
}

static void on_input(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
	struct peer *peer = stream->data;

	(void)buffer;
	if (size != 0 && peer->told != NULL)
		peer->told(peer->context, size > 0);
	if (size >= 0)
		return;
	uv_close((uv_handle_t *)stream, NULL);
	speaker_close(peer->speaker, NULL, NULL);
}

void peer_run(struct peer *peer)
{
	(void)uv_read_start((uv_stream_t *)&peer->input, on_buffer, on_input);
	(void)uv_run(&peer->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&peer->loop);
}
