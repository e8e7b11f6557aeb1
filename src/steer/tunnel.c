/* SPDX-License-Identifier: Apache-2.0 */
/* The device is opened non-blocking; a poll handle says when packets wait. */
#include "steer/tunnel.h"

#include "base/error.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TAG "tunnel"

struct tunnel {
	int descriptor; /* -1 once closed */
	uv_poll_t poll;
	tunnel_packet packet;
	void *context;
	tunnel_closed closed;
	void *closed_context;
	struct tunnel_statistics statistics;
	uint8_t bytes[TUNNEL_PACKET];
};

/* One packet; false when none waits. */
static bool read_one(struct tunnel *tunnel)
{
	ssize_t size = read(tunnel->descriptor, tunnel->bytes, sizeof(tunnel->bytes));

	if (size < 0) {
		if (errno != EAGAIN && errno != EINTR)
			log_warning(TAG, "error=\"cannot read: %s\"", strerror(errno));
		return false;
	}
	tunnel->statistics.received++;
	tunnel->packet(tunnel->context, tunnel->bytes, (size_t)size);
	return true;
}

/* The callback may close the tunnel. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct tunnel *tunnel = poll->data;

	for (int left = TUNNEL_BATCH; left > 0 && tunnel->descriptor >= 0; left--) {
		if (!read_one(tunnel))
			return;
	}
}

static int open_device(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	size_t length = strlen(name);
	int descriptor, code;

	/* A % would make the kernel choose the name. */
	if (length == 0 || length >= sizeof(request.ifr_name) || strpbrk(name, "%/ "))
		return -EINVAL;
	memcpy(request.ifr_name, name, length);
	descriptor = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (descriptor < 0)
		return -errno;
	if (ioctl(descriptor, TUNSETIFF, &request) < 0) {
		code = -errno;
		close(descriptor);
		return code;
	}
	return descriptor;
}

int tunnel_open(uv_loop_t *loop, const char *name, tunnel_packet packet, void *context,
                struct tunnel **ret_tunnel)
{
	struct tunnel *tunnel = calloc(1, sizeof(*tunnel));
	int code;

	if (!tunnel)
		return -ENOMEM;
	tunnel->packet = packet;
	tunnel->context = context;
	tunnel->poll.data = tunnel;
	code = tunnel->descriptor = open_device(name);
	if (code >= 0)
		code = uv_poll_init(loop, &tunnel->poll, tunnel->descriptor);
	if (code < 0) {
		if (tunnel->descriptor >= 0)
			close(tunnel->descriptor);
		free(tunnel);
		return code;
	}
	code = uv_poll_start(&tunnel->poll, UV_READABLE, on_poll);
	if (code < 0) {
		tunnel_close(tunnel, NULL, NULL);
		return code;
	}
	*ret_tunnel = tunnel;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct tunnel *tunnel = handle->data;

	if (tunnel->closed)
		tunnel->closed(tunnel->closed_context);
	free(tunnel);
}

void tunnel_close(struct tunnel *tunnel, tunnel_closed closed, void *context)
{
	if (!tunnel)
		return;
	tunnel->closed = closed;
	tunnel->closed_context = context;
	uv_close((uv_handle_t *)&tunnel->poll, on_closed);
	close(tunnel->descriptor);
	tunnel->descriptor = -1;
}

int tunnel_send(struct tunnel *tunnel, const uint8_t *bytes, size_t size)
{
	ssize_t written;

	do {
		written = write(tunnel->descriptor, bytes, size);
	} while (written < 0 && errno == EINTR);
	if (written < 0) {
		tunnel->statistics.dropped++;
		return -errno;
	}
	tunnel->statistics.sent++;
	return 0;
}

void tunnel_statistics(const struct tunnel *tunnel, struct tunnel_statistics *ret_statistics)
{
	*ret_statistics = tunnel->statistics;
}
