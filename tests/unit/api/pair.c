/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"

#include "base/file.h"
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { PATIENCE = 30000, TICK = 5 };

const uint8_t pair_secret[SEAL_SECRET] = "a tenant's secret";
static const struct seal_ring ring = {.count = 1, .keys = {{.identifier = 5, .secret = {1, 2, 3}}}};
static const struct seal_ring other_ring = {.count = 1, .keys = {{.identifier = 6, .secret = {1, 2, 3}}}};
static const struct seal_ring forged_ring = {.count = 1, .keys = {{.identifier = 5, .secret = {3, 2, 1}}}};

static const uint8_t *find_secret(void *context, uint32_t key)
{
	return key == 7 ? pair_secret : NULL;
}

static int64_t shifted_wall(void *context)
{
	return clock_wall(&clock_system) + ((struct node *)context)->clock_offset;
}

static int64_t monotonic(void *context)
{
	return clock_monotonic(&clock_system);
}

static void on_arrived(void *context, const uint8_t digest[STORE_DIGEST], uint64_t size)
{
	struct pair *pair = context;

	pair->arrived++;
	pair->arrived_size = size;
}

static int way_through(void *context, struct transfer_way *ret_way)
{
	struct pair *pair = context;

	pair->through++;
	*ret_way = pair_way(pair, pair->through_port);
	return pair->through_error;
}

static void on_tick(uv_timer_t *timer)
{
	struct pair *pair = timer->data;

	if (++pair->ticks * TICK > PATIENCE)
		fail_msg("not done after %d ms", PATIENCE);
}

static void open_node(struct pair *pair, struct node *node, const char *name, uint16_t gateway,
                      const struct seal_ring *keys,
                      int (*through)(void *context, struct transfer_way *ret_way))
{
	struct transfer_settings settings = {
	        .keys = {.ring = keys, .secret = find_secret},
	        .identity = {.site = 4, .gateway = gateway},
	        .clock = {.wall = shifted_wall, .monotonic = monotonic, .context = node},
	        .maximum = PAIR_BLOB,
	        .parallel = 4,
	        .arrived = on_arrived,
	        .through = through,
	        .context = pair,
	};
	char folder[96];

	(void)snprintf(folder, sizeof(folder), "%s/%s", pair->root, name);
	T_OK(store_open(folder, PAIR_QUOTA, &node->store));
	settings.store = node->store;
	T_OK(transfer_create(&pair->loop, &settings, &node->transfer));
	T_OK(transfer_listen(node->transfer, pair->localhost, 0, &node->port));
	T_TRUE(node->port != 0);
}

void pair_on_closed(void *context)
{
	++*(unsigned *)context;
}

void pair_close_node(struct pair *pair, struct node *node)
{
	unsigned closed = 0;

	if (!node->transfer)
		return;
	transfer_close(node->transfer, pair_on_closed, &closed);
	node->transfer = NULL;
	while (closed == 0)
		uv_run(&pair->loop, UV_RUN_ONCE);
	T_EQ(closed, 1);
	node->store = store_close(node->store);
}

static int setup_with(void **state, const struct seal_ring *ring_of_b, bool through)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	assert_non_null(pair);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)snprintf(pair->root, sizeof(pair->root), "/tmp/transfer-test-XXXXXX");
	assert_non_null(mkdtemp(pair->root));
	pair->localhost[15] = 1;
	T_OK(uv_loop_init(&pair->loop));
	T_OK(uv_timer_init(&pair->loop, &pair->tick));
	pair->tick.data = pair;
	T_OK(uv_timer_start(&pair->tick, on_tick, TICK, TICK));
	open_node(pair, &pair->a, "a", 1, &ring, through ? way_through : NULL);
	open_node(pair, &pair->b, "b", 2, ring_of_b, NULL);
	pair->through_port = pair->b.port;
	*state = pair;
	return 0;
}

int pair_setup(void **state)
{
	return setup_with(state, &ring, false);
}

int pair_setup_through(void **state)
{
	return setup_with(state, &ring, true);
}

int pair_setup_other_key(void **state)
{
	return setup_with(state, &other_ring, false);
}

int pair_setup_forged_key(void **state)
{
	return setup_with(state, &forged_ring, false);
}

int pair_teardown(void **state)
{
	struct pair *pair = *state;

	pair_close_node(pair, &pair->a);
	pair_close_node(pair, &pair->b);
	uv_close((uv_handle_t *)&pair->tick, NULL);
	uv_run(&pair->loop, UV_RUN_DEFAULT);
	T_OK(uv_loop_close(&pair->loop));
	T_OK(file_remove_tree(pair->root));
	free(pair);
	return 0;
}

uint8_t *pair_make_bytes(size_t size, unsigned seed, uint8_t digest[STORE_DIGEST])
{
	uint8_t *bytes = malloc(size + 1);

	assert_non_null(bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(seed * 131 + i * 7 + (i >> 8) + (i >> 16));
	T_OK(seal_digest(bytes, size, digest));
	return bytes;
}

void pair_fill(struct store *store, size_t size, unsigned seed, uint8_t digest[STORE_DIGEST])
{
	uint8_t *bytes = pair_make_bytes(size, seed, digest);

	T_OK(store_put(store, bytes, size, digest));
	free(bytes);
}

void pair_expect_blob(struct store *store, const uint8_t digest[STORE_DIGEST], uint64_t size)
{
	uint8_t actual[STORE_DIGEST];
	uint64_t stored = 0, hashed = 0;
	int descriptor = store_read(store, digest, &stored);

	T_OK(descriptor);
	T_OK(seal_digest_file(descriptor, actual, &hashed));
	close(descriptor);
	T_EQ(stored, size);
	T_EQ(hashed, size);
	T_BYTES(actual, digest, STORE_DIGEST);
}

void pair_on_done(void *context, int error)
{
	struct pair *pair = context;

	pair->ended++;
	pair->error = error;
}

int pair_wait_for(struct pair *pair, unsigned count)
{
	while (pair->ended < count)
		uv_run(&pair->loop, UV_RUN_ONCE);
	T_EQ(pair->ended, count);
	pair->ended = 0;
	return pair->error;
}

struct transfer_way pair_way(const struct pair *pair, uint16_t port)
{
	struct transfer_way way = {.port = port};

	memcpy(way.address, pair->localhost, sizeof(way.address));
	return way;
}

int pair_fetch(struct pair *pair, const uint8_t digest[STORE_DIGEST], uint64_t size, uint16_t port)
{
	const struct transfer_way way = pair_way(pair, port);

	T_OK(transfer_fetch(pair->b.transfer, digest, size, &way, pair_on_done, pair));
	T_EQ(pair->ended, 0);
	return pair_wait_for(pair, 1);
}

int pair_put(struct pair *pair, const uint8_t digest[STORE_DIGEST], uint16_t port)
{
	const struct transfer_way way = pair_way(pair, port);

	T_OK(transfer_put(pair->b.transfer, digest, &way, pair_on_done, pair));
	T_EQ(pair->ended, 0);
	return pair_wait_for(pair, 1);
}

struct transfer_statistics pair_statistics_of(const struct node *node)
{
	struct transfer_statistics statistics;

	transfer_statistics(node->transfer, &statistics);
	return statistics;
}

static void on_call_done(uv_work_t *work, int status)
{
	CONTAINER_OF(work, struct call, work)->done = true;
}

int pair_run_call(struct pair *pair, struct call *call, uv_work_cb function)
{
	call->done = false;
	T_OK(uv_queue_work(&pair->loop, &call->work, function, on_call_done));
	while (!call->done)
		uv_run(&pair->loop, UV_RUN_ONCE);
	return call->code;
}

void pair_client_put(uv_work_t *work)
{
	struct call *call = CONTAINER_OF(work, struct call, work);

	call->code = transfer_client_put(&call->client, call->digest, call->bytes, call->size);
}

void pair_client_get(uv_work_t *work)
{
	struct call *call = CONTAINER_OF(work, struct call, work);

	call->code =
	        transfer_client_get(&call->client, call->digest, call->maximum, &call->bytes, &call->size);
}

struct transfer_client pair_client_of(const struct node *node)
{
	return (struct transfer_client){
	        .address = "::1", .port = node->port, .key = 7, .secret = pair_secret};
}
