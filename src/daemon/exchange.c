/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/exchange.h"

#include "base/error.h"
#include "base/log.h"
#include "base/outbox.h"
#include "wire/segment.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAG "exchange"

enum { IPV6_HEADER = 40, IPV6_DESTINATION_AT = 24, QUIET = 1000 };

/* ms that what this gateway has sent to itself may wait while it keeps up. */
enum { BEHIND = 200 };

enum item_kind { ITEM_PROGRAM, ITEM_ANSWER };

enum { ROUND = 64 /* items that are taken before the loop looks at anything else */ };

/* What this gateway has sent to itself. */
struct item {
	struct item *next;
	enum item_kind kind;
	uint64_t since; /* of the loop's clock, ms */
	size_t size;
	_Alignas(struct answer) uint8_t bytes[]; /* a packet's octets, or an answer as it is */
};

struct exchange {
	struct exchange_settings settings;
	uint8_t address[16];
	uv_loop_t *loop;
	uv_idle_t idle;
	uv_udp_t socket;
	bool connected, closing;
	uint32_t open_handles;
	struct steer *steer;
	struct outbox *outbox; /* packets for the network */
	struct item *first, **last;
	size_t queued;
	uint64_t refusals[ERROR_COUNT];
	uint64_t quiet_until[ERROR_COUNT]; /* of the loop's clock, ms */
	uint8_t buffer[2048];
};

/* Counts all, tells one of each cause a second: a flood must not fill the log. */
static void refuse(struct exchange *exchange, const char *what, int code)
{
	unsigned index = error_index(code);
	uint64_t now = uv_now(exchange->loop);

	exchange->refusals[index]++;
	if (now < exchange->quiet_until[index])
		return;
	exchange->quiet_until[index] = now + QUIET;
	log_notice(TAG, "event=refused what=%s error=%d cause=\"%s\" count=%llu", what, code,
	           error_text(code), (unsigned long long)exchange->refusals[index]);
}

/* None of an owner's instructions can be passed over: nothing authenticates Segments Left. */
static bool is_at_first(const struct packet *packet)
{
	const struct instruction *instructions = packet->program.instructions;
	uint32_t index = packet->segment_count - 1 - packet->segments_left;

	return index == 0 || !gateway_equal(instructions[index - 1].at, instructions[index].at);
}

void exchange_packet(struct exchange *exchange, uint8_t *bytes, size_t size)
{
	struct packet packet;
	int code;

	/* What is not for us is not worth a MAC. */
	if (size >= IPV6_HEADER && !segment_within(bytes + IPV6_DESTINATION_AT, exchange->settings.locator))
		code = BUSBAR_ERROR_MALFORMED;
	else
		code = packet_decode(bytes, size, exchange->settings.ring, &packet);
	if (code == 0 && !is_at_first(&packet))
		code = BUSBAR_ERROR_MALFORMED;
	if (code == 0 && latest_is_over(exchange->settings.latest, packet.program.expires))
		code = BUSBAR_ERROR_EXPIRED;
	if (code < 0) {
		refuse(exchange, "program", code);
		return;
	}
	exchange->settings.program(exchange->settings.context, bytes, size, &packet);
}

void exchange_datagram(struct exchange *exchange, const uint8_t *bytes, size_t size)
{
	struct answer answer;
	int code = answer_decode(bytes, size, exchange->settings.ring, &answer);

	if (code < 0)
		refuse(exchange, "answer", code);
	else
		exchange->settings.answer(exchange->settings.context, &answer);
}

static struct item *take_item(struct exchange *exchange)
{
	struct item *item = exchange->first;

	if (item == NULL)
		return NULL;
	exchange->first = item->next;
	if (exchange->first == NULL)
		exchange->last = &exchange->first;
	exchange->queued--;
	return item;
}

static void on_idle(uv_idle_t *idle)
{
	struct exchange *exchange = idle->data;
	struct item *item;

	for (unsigned i = 0; i < ROUND && (item = take_item(exchange)) != NULL; i++) {
		if (item->kind == ITEM_PROGRAM)
			exchange_packet(exchange, item->bytes, item->size);
		else
			exchange->settings.answer(exchange->settings.context,
			                          (const struct answer *)item->bytes);
		free(item);
	}
	if (exchange->first == NULL)
		(void)uv_idle_stop(idle);
}

static void put(struct exchange *exchange, enum item_kind kind, const void *bytes, size_t size)
{
	struct item *item = exchange->queued == EXCHANGE_QUEUE ? NULL : malloc(sizeof(*item) + size);

	/* As on the network: it is asked for again. */
	if (item == NULL) {
		refuse(exchange, "own",
		       exchange->queued == EXCHANGE_QUEUE ? BUSBAR_ERROR_TABLE_FULL : -ENOMEM);
		return;
	}
	*item = (struct item){.kind = kind, .since = uv_now(exchange->loop), .size = size};
	memcpy(item->bytes, bytes, size);
	*exchange->last = item;
	exchange->last = &item->next;
	exchange->queued++;
	(void)uv_idle_start(&exchange->idle, on_idle);
}

bool exchange_is_behind(const struct exchange *exchange)
{
	return exchange->first != NULL && uv_now(exchange->loop) - exchange->first->since > BEHIND;
}

static void send_batch(void *context, const struct iovec *packets, size_t count)
{
	struct exchange *exchange = context;

	for (size_t i = 0; i < count && !exchange->closing; i++) {
		int code = steer_send(exchange->steer, packets[i].iov_base, packets[i].iov_len);

		if (code < 0)
			log_notice(TAG, "event=not-sent cause=\"%s\"", error_text(code));
	}
}

/* When everything that was decided before is durable. */
static int send_later(struct exchange *exchange, const uint8_t *bytes, size_t size)
{
	const struct database *database = exchange->settings.database;
	const struct iovec packet = {(void *)(uintptr_t)bytes, size};

	return outbox_put(exchange->outbox, database == NULL ? 0 : database_position(database), &packet, 1);
}

void exchange_durable(struct exchange *exchange)
{
	outbox_flush(exchange->outbox, database_durable(exchange->settings.database));
}

void exchange_send(struct exchange *exchange, const uint8_t *bytes, size_t size)
{
	const uint8_t *destination = bytes + IPV6_DESTINATION_AT;
	int code;

	if (size < IPV6_HEADER)
		return;
	if (segment_within(destination, exchange->settings.locator) &&
	    segment_function(destination) >= SEGMENT_FUNCTION_BASE) {
		put(exchange, ITEM_PROGRAM, bytes, size);
		return;
	}
	code = exchange->steer == NULL ? BUSBAR_ERROR_STATE : send_later(exchange, bytes, size);
	if (code < 0)
		log_notice(TAG, "event=not-sent cause=\"%s\"", error_text(code));
}

static void send_along(struct exchange *exchange, const uint8_t *bytes, size_t size,
                       const struct owner_return *way)
{
	uint8_t segments[PLAN_HOPS][16];
	uint8_t packet[STEER_MTU];
	int code;

	for (uint32_t i = 0; i < way->hop_count; i++)
		segment_make(way->hops[i], SEGMENT_FUNCTION_END, 0, segments[i]);
	code = packet_encode_plain(exchange->address, way->address, EXCHANGE_PORT, way->port,
	                           (const uint8_t(*)[16])segments, way->hop_count,
	                           seal_first(exchange->settings.ring), bytes, size, packet, sizeof(packet));
	if (code > 0)
		code = send_later(exchange, packet, (size_t)code);
	if (code < 0)
		log_notice(TAG, "event=answer-not-sent cause=\"%s\"", error_text(code));
}

void exchange_answer(struct exchange *exchange, const struct answer *answer, const struct owner_return *way)
{
	uint8_t bytes[ANSWER_MAXIMUM];
	int size;

	if (memcmp(way->address, exchange->address, 16) == 0) {
		put(exchange, ITEM_ANSWER, answer, sizeof(*answer));
		return;
	}
	if (exchange->steer == NULL)
		return;
	size = answer_encode(answer, seal_first(exchange->settings.ring), bytes, sizeof(bytes));
	if (size < 0)
		log_error(TAG, "event=answer-not-encoded cause=\"%s\"", error_text(size));
	else
		send_along(exchange, bytes, (size_t)size, way);
}

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct exchange *exchange = handle->data;

	(void)suggested;
	*buffer = uv_buf_init((char *)exchange->buffer, sizeof(exchange->buffer));
}

static void on_datagram(uv_udp_t *handle, ssize_t size, const uv_buf_t *buffer, const struct sockaddr *sender,
                        unsigned flags)
{
	if (size < 0 || sender == NULL)
		return;
	if ((flags & UV_UDP_PARTIAL) != 0)
		refuse(handle->data, "answer", BUSBAR_ERROR_TOO_LARGE);
	else
		exchange_datagram(handle->data, (const uint8_t *)buffer->base, (size_t)size);
}

int exchange_create(uv_loop_t *loop, const struct exchange_settings *settings, struct exchange **ret_exchange)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));
	int code;

	if (exchange == NULL)
		return -ENOMEM;
	exchange->settings = *settings;
	exchange->loop = loop;
	exchange->last = &exchange->first;
	segment_gateway_address(settings->locator, exchange->address);
	exchange->outbox = outbox_create(send_batch, exchange, EXCHANGE_WAITING,
	                                 (size_t)EXCHANGE_WAITING * STEER_MTU / 2);
	if (exchange->outbox == NULL) {
		free(exchange);
		return -ENOMEM;
	}
	code = uv_idle_init(loop, &exchange->idle);
	if (code < 0) {
		outbox_free(exchange->outbox);
		free(exchange);
		return code;
	}
	exchange->idle.data = exchange;
	exchange->open_handles = 1;
	*ret_exchange = exchange;
	return 0;
}

int exchange_connect(struct exchange *exchange, struct steer *steer)
{
	struct sockaddr_in6 local = {.sin6_family = AF_INET6, .sin6_port = htons(EXCHANGE_PORT)};
	int code = uv_udp_init(exchange->loop, &exchange->socket);

	if (code < 0)
		return code;
	exchange->socket.data = exchange;
	exchange->connected = true;
	exchange->open_handles++;
	exchange->steer = steer;
	memcpy(&local.sin6_addr, exchange->address, sizeof(local.sin6_addr));
	code = uv_udp_bind(&exchange->socket, (const struct sockaddr *)&local, UV_UDP_IPV6ONLY);
	return code < 0 ? code : uv_udp_recv_start(&exchange->socket, on_buffer, on_datagram);
}

const uint64_t *exchange_refusals(const struct exchange *exchange)
{
	return exchange->refusals;
}

static void on_closed(uv_handle_t *handle)
{
	struct exchange *exchange = handle->data;

	if (--exchange->open_handles > 0)
		return;
	while (exchange->first != NULL) {
		struct item *item = exchange->first;

		exchange->first = item->next;
		free(item);
	}
	outbox_free(exchange->outbox);
	free(exchange);
}

void exchange_close(struct exchange *exchange)
{
	if (exchange == NULL || exchange->closing)
		return;
	exchange->closing = true;
	uv_close((uv_handle_t *)&exchange->idle, on_closed);
	if (exchange->connected)
		uv_close((uv_handle_t *)&exchange->socket, on_closed);
}
