/* SPDX-License-Identifier: Apache-2.0 */
/* The handle: its parts are made and taken down here; it is freed with the last of its uv handles. */
#include "api/transfer_internal.h"

#include "base/error.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int transfer_create(uv_loop_t *loop, const struct transfer_settings *settings, struct transfer **ret_transfer)
{
	struct transfer *transfer = calloc(1, sizeof(*transfer));
	int code;

	if (!transfer)
		return -ENOMEM;
	transfer->loop = loop;
	transfer->settings = *settings;
	transfer->settings.maximum = MINIMUM(settings->maximum, INT64_MAX);
	if (transfer->settings.connections == 0)
		transfer->settings.connections = TRANSFER_CONNECTIONS;
	if (transfer->settings.parallel == 0)
		transfer->settings.parallel = TRANSFER_PARALLEL;
	code = transfer_queue_open(transfer);
	if (code < 0) {
		free(transfer);
		return code;
	}
	*ret_transfer = transfer;
	return 0;
}

int transfer_listen(struct transfer *transfer, const uint8_t address[16], uint16_t port, uint16_t *ret_port)
{
	assert(!transfer->closing);
	return transfer_server_listen(transfer, address, port, ret_port);
}

void transfer_statistics(const struct transfer *transfer, struct transfer_statistics *ret_statistics)
{
	*ret_statistics = transfer->statistics;
}

void transfer_handle_closed(struct transfer *transfer)
{
	assert(transfer->handles > 0);
	transfer->handles--;
	if (transfer->handles > 0 || !transfer->closing)
		return;
	if (transfer->closed)
		transfer->closed(transfer->closed_context);
	free(transfer);
}

void transfer_close(struct transfer *transfer, transfer_closed closed, void *context)
{
	if (!transfer)
		return;
	assert(!transfer->closing);
	transfer->closing = true;
	transfer->closed = closed;
	transfer->closed_context = context;
	/* What waits for an own transfer goes on before its server is stopped. */
	transfer_queue_close(transfer);
	transfer_server_close(transfer);
}
