/* SPDX-License-Identifier: Apache-2.0 */
/* Transfers between two gateways and with the command: content, refusals, limits, many at once, closing. */
#include "pair.h"
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static const size_t sizes[] = {0, 1, 65536, 65537, 1 << 20, PAIR_BLOB};

static void gateways_fetch(void **state)
{
	struct pair *pair = *state;
	uint64_t total = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint8_t digest[STORE_DIGEST];

		pair_fill(pair->a.store, sizes[i], i, digest);
		T_OK(pair_fetch(pair, digest, i % 2 ? sizes[i] : 0, pair->a.port));
		pair_expect_blob(pair->b.store, digest, sizes[i]);
		total += sizes[i];
		/* A second time nobody is asked. */
		T_OK(pair_fetch(pair, digest, 0, 1));
	}
	while (pair_statistics_of(&pair->a).served < ARRAY_SIZE(sizes))
		uv_run(&pair->loop, UV_RUN_ONCE);
	T_EQ(pair_statistics_of(&pair->a).served_octets, total);
	T_EQ(pair_statistics_of(&pair->b).fetched, 2 * ARRAY_SIZE(sizes));
	T_EQ(pair_statistics_of(&pair->b).active, 0);
}

static void gateways_put(void **state)
{
	struct pair *pair = *state;
	uint64_t total = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint8_t digest[STORE_DIGEST];

		pair_fill(pair->b.store, sizes[i], i, digest);
		T_OK(pair_put(pair, digest, pair->a.port));
		pair_expect_blob(pair->a.store, digest, sizes[i]);
		T_EQ(pair->arrived, i + 1);
		T_EQ(pair->arrived_size, sizes[i]);
		total += sizes[i];
		T_OK(pair_put(pair, digest, pair->a.port));
		T_EQ(pair->arrived, i + 1);
	}
	while (pair_statistics_of(&pair->a).stored < ARRAY_SIZE(sizes))
		uv_run(&pair->loop, UV_RUN_ONCE);
	T_EQ(pair_statistics_of(&pair->a).stored_octets, total);
	T_EQ(pair_statistics_of(&pair->b).put, 2 * ARRAY_SIZE(sizes));
}

static void commands(void **state)
{
	struct pair *pair = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct call up = {.client = pair_client_of(&pair->a), .size = sizes[i]};
		struct call down = {.client = pair_client_of(&pair->a), .maximum = sizes[i]};

		down.client.address = "[::1]";
		up.bytes = pair_make_bytes(sizes[i], i, up.digest);
		memcpy(down.digest, up.digest, STORE_DIGEST);
		T_ERROR(pair_run_call(pair, &down, pair_client_get), BUSBAR_ERROR_NOT_FOUND);
		T_OK(pair_run_call(pair, &up, pair_client_put));
		T_OK(pair_run_call(pair, &up, pair_client_put));
		pair_expect_blob(pair->a.store, up.digest, sizes[i]);
		T_OK(pair_run_call(pair, &down, pair_client_get));
		T_EQ(down.size, sizes[i]);
		assert_non_null(down.bytes);
		T_BYTES(down.bytes, up.bytes, sizes[i]);
		free(down.bytes);
		if (sizes[i] > 0) {
			down.bytes = NULL;
			down.maximum = sizes[i] - 1;
			T_ERROR(pair_run_call(pair, &down, pair_client_get), BUSBAR_ERROR_TOO_LARGE);
			assert_null(down.bytes);
		}
		free(up.bytes);
	}
}

/* Small enough to be read to its end, and large enough to be refused before. */
static const size_t both_ways[] = {100, 1 << 20};

static void wrong_digest(void **state)
{
	struct pair *pair = *state;

	for (size_t i = 0; i < ARRAY_SIZE(both_ways); i++) {
		struct call up = {.client = pair_client_of(&pair->a), .size = both_ways[i]};

		up.bytes = pair_make_bytes(up.size, 1, up.digest);
		up.bytes[up.size - 1] ^= 1;
		T_ERROR(pair_run_call(pair, &up, pair_client_put), BUSBAR_ERROR_DIGEST);
		T_TRUE(!store_has(pair->a.store, up.digest));
		free(up.bytes);
	}
	T_EQ(store_used(pair->a.store), 0);
	T_EQ(pair_statistics_of(&pair->a).refused, 2);
	T_EQ(pair->arrived, 0);
}

static void too_large(void **state)
{
	struct pair *pair = *state;
	const struct transfer_way way = pair_way(pair, pair->a.port);
	struct call up = {.client = pair_client_of(&pair->a), .size = PAIR_BLOB + 1};
	uint8_t digest[STORE_DIGEST];

	up.bytes = pair_make_bytes(up.size, 1, up.digest);
	T_ERROR(pair_run_call(pair, &up, pair_client_put), BUSBAR_ERROR_TOO_LARGE);
	T_EQ(store_used(pair->a.store), 0);
	T_ERROR(transfer_fetch(pair->b.transfer, up.digest, PAIR_BLOB + 1, &way, pair_on_done, pair),
	        BUSBAR_ERROR_TOO_LARGE);
	/* More than was said, and more than is allowed. */
	pair_fill(pair->a.store, 1000, 2, digest);
	T_ERROR(pair_fetch(pair, digest, 999, pair->a.port), BUSBAR_ERROR_TOO_LARGE);
	pair_fill(pair->a.store, PAIR_BLOB + 1, 1, digest);
	T_ERROR(pair_fetch(pair, digest, 0, pair->a.port), BUSBAR_ERROR_TOO_LARGE);
	T_EQ(store_used(pair->b.store), 0);
	T_EQ(pair_statistics_of(&pair->b).failed, 2);
	free(up.bytes);
}

/* A's blobs are to be at B as well. */
static void what_is_put_goes_through(void **state)
{
	struct pair *pair = *state;

	for (size_t i = 0; i < ARRAY_SIZE(both_ways); i++) {
		struct call up = {.client = pair_client_of(&pair->a), .size = both_ways[i]};

		up.bytes = pair_make_bytes(up.size, 1, up.digest);
		pair->through_error = BUSBAR_ERROR_NO_ANSWER;
		T_ERROR(pair_run_call(pair, &up, pair_client_put), BUSBAR_ERROR_NO_ANSWER);
		T_TRUE(store_has(pair->a.store, up.digest) && !store_has(pair->b.store, up.digest));
		/* It is here by now, and goes there nevertheless. */
		pair->through_error = 0;
		pair->through_port = 1;
		T_ERROR(pair_run_call(pair, &up, pair_client_put), BUSBAR_ERROR_NO_ANSWER);
		pair->through_port = pair->b.port;
		T_OK(pair_run_call(pair, &up, pair_client_put));
		pair_expect_blob(pair->b.store, up.digest, up.size);
		free(up.bytes);
	}
	T_EQ(pair_statistics_of(&pair->a).refused, 2 * ARRAY_SIZE(both_ways));
	T_EQ(pair_statistics_of(&pair->b).stored, ARRAY_SIZE(both_ways));
	T_EQ(pair->through, 3 * ARRAY_SIZE(both_ways));
}

static void what_is_not_here_is_got_through(void **state)
{
	struct pair *pair = *state;
	const struct transfer_way way = pair_way(pair, pair->a.port);
	uint8_t digest[STORE_DIGEST];
	struct call down = {.client = pair_client_of(&pair->a), .maximum = 1 << 20, .digest = {1}};

	T_ERROR(pair_run_call(pair, &down, pair_client_get), BUSBAR_ERROR_NOT_FOUND);
	T_EQ(pair_statistics_of(&pair->a).refused, 1);
	pair_fill(pair->b.store, 1 << 20, 1, down.digest);
	for (unsigned i = 0; i < 2; i++) {
		T_OK(pair_run_call(pair, &down, pair_client_get));
		T_EQ(down.size, 1 << 20);
		free(down.bytes);
		down.bytes = NULL;
	}
	pair_expect_blob(pair->a.store, down.digest, 1 << 20);
	/* It was fetched once, and is no refusal for that. */
	T_EQ(pair->through, 2);
	T_EQ(pair_statistics_of(&pair->a).fetched, 1);
	T_EQ(pair_statistics_of(&pair->a).served, 2);
	T_EQ(pair_statistics_of(&pair->a).refused, 1);
	/* Gateways ask where they mean to. */
	pair_fill(pair->b.store, 1000, 2, digest);
	T_OK(transfer_put(pair->b.transfer, digest, &way, pair_on_done, pair));
	T_OK(pair_wait_for(pair, 1));
	T_EQ(pair->through, 2);
}

static void tenants_refused(void **state)
{
	struct pair *pair = *state;

	for (size_t i = 0; i < ARRAY_SIZE(both_ways); i++) {
		struct call up = {.client = pair_client_of(&pair->a), .size = both_ways[i]};
		uint8_t wrong[SEAL_SECRET] = {0};

		up.bytes = pair_make_bytes(up.size, 1, up.digest);
		up.client.key = 8;
		T_ERROR(pair_run_call(pair, &up, pair_client_put), BUSBAR_ERROR_UNKNOWN_TENANT);
		up.client.key = 7;
		up.client.secret = wrong;
		T_ERROR(pair_run_call(pair, &up, pair_client_put), BUSBAR_ERROR_BAD_MAC);
		up.client.secret = pair_secret;
		pair->a.clock_offset = 61 * CLOCK_SECOND;
		T_ERROR(pair_run_call(pair, &up, pair_client_put), BUSBAR_ERROR_STALE);
		pair->a.clock_offset = -61 * CLOCK_SECOND;
		T_ERROR(pair_run_call(pair, &up, pair_client_put), BUSBAR_ERROR_STALE);
		T_EQ(store_used(pair->a.store), 0);
		T_EQ(pair_statistics_of(&pair->a).unauthorized, 4 * (i + 1));
		pair->a.clock_offset = 0;
		free(up.bytes);
	}
	T_EQ(pair_statistics_of(&pair->a).refused, 0);
}

static void unknown_gateway_key(void **state)
{
	struct pair *pair = *state;
	uint8_t digest[STORE_DIGEST];

	pair_fill(pair->a.store, 1000, 1, digest);
	T_ERROR(pair_fetch(pair, digest, 0, pair->a.port), BUSBAR_ERROR_UNKNOWN_KEY);
	T_EQ(store_used(pair->b.store), 0);
	pair_fill(pair->b.store, 1 << 20, 2, digest);
	T_ERROR(pair_put(pair, digest, pair->a.port), BUSBAR_ERROR_UNKNOWN_KEY);
	T_EQ(pair_statistics_of(&pair->a).unauthorized, 2);
}

static void forged_gateway_key(void **state)
{
	struct pair *pair = *state;
	uint8_t digest[STORE_DIGEST];

	pair_fill(pair->a.store, 1000, 1, digest);
	T_ERROR(pair_fetch(pair, digest, 0, pair->a.port), BUSBAR_ERROR_BAD_MAC);
	pair->b.clock_offset = 61 * CLOCK_SECOND;
	T_ERROR(pair_fetch(pair, digest, 0, pair->a.port), BUSBAR_ERROR_BAD_MAC);
	T_EQ(store_used(pair->b.store), 0);
	T_EQ(pair_statistics_of(&pair->a).unauthorized, 2);
}

static void not_found(void **state)
{
	struct pair *pair = *state;
	uint8_t digest[STORE_DIGEST] = {1};

	T_ERROR(pair_fetch(pair, digest, 0, pair->a.port), BUSBAR_ERROR_NOT_FOUND);
	T_ERROR(pair_put(pair, digest, pair->a.port), BUSBAR_ERROR_NOT_FOUND);
	T_EQ(pair_statistics_of(&pair->a).refused, 1);
}

static void quota_full(void **state)
{
	struct pair *pair = *state;
	struct call up = {.client = pair_client_of(&pair->a), .size = 1 << 20};
	uint8_t held[STORE_DIGEST], digest[STORE_DIGEST];

	pair_fill(pair->a.store, PAIR_QUOTA - 1000, 1, held);
	T_OK(store_hold(pair->a.store, held));
	up.bytes = pair_make_bytes(up.size, 2, up.digest);
	T_ERROR(pair_run_call(pair, &up, pair_client_put), BUSBAR_ERROR_NO_CAPACITY);
	pair_fill(pair->b.store, 1001, 3, digest);
	T_ERROR(pair_put(pair, digest, pair->a.port), BUSBAR_ERROR_NO_CAPACITY);
	T_EQ(store_used(pair->a.store), PAIR_QUOTA - 1000);
	/* And the other way round: what is fetched does not fit here. */
	pair_fill(pair->b.store, PAIR_QUOTA - 1000, 1, held);
	T_OK(store_hold(pair->b.store, held));
	store_release(pair->a.store, held);
	pair_fill(pair->a.store, 1 << 20, 2, digest);
	T_ERROR(pair_fetch(pair, digest, 0, pair->a.port), BUSBAR_ERROR_NO_CAPACITY);
	T_OK(pair_run_call(pair, &up, pair_client_put));
	free(up.bytes);
}

static void many_at_once(void **state)
{
	enum { MANY = 120, SIZE = 20000 };
	struct pair *pair = *state;
	const struct transfer_way way = pair_way(pair, pair->a.port);
	uint8_t there[MANY][STORE_DIGEST], back[MANY][STORE_DIGEST];

	for (unsigned i = 0; i < MANY; i++) {
		pair_fill(pair->a.store, SIZE + i, i, there[i]);
		pair_fill(pair->b.store, SIZE + i, i + 1000, back[i]);
		T_OK(transfer_fetch(pair->b.transfer, there[i], 0, &way, pair_on_done, pair));
		T_OK(transfer_put(pair->b.transfer, back[i], &way, pair_on_done, pair));
	}
	T_EQ(pair_statistics_of(&pair->b).queued, 2 * MANY);
	while (pair->ended < 2 * MANY) {
		uv_run(&pair->loop, UV_RUN_ONCE);
		T_TRUE(pair_statistics_of(&pair->b).active <= 4);
	}
	T_OK(pair_wait_for(pair, 2 * MANY));
	for (unsigned i = 0; i < MANY; i++) {
		pair_expect_blob(pair->b.store, there[i], SIZE + i);
		pair_expect_blob(pair->a.store, back[i], SIZE + i);
	}
	T_EQ(pair_statistics_of(&pair->b).failed, 0);
	T_EQ(pair->arrived, MANY);
}

static void queue_is_bounded(void **state)
{
	struct pair *pair = *state;
	const struct transfer_way way = pair_way(pair, pair->a.port);
	uint8_t digest[STORE_DIGEST] = {1};

	for (unsigned i = 0; i < TRANSFER_QUEUE; i++)
		T_OK(transfer_fetch(pair->b.transfer, digest, 0, &way, pair_on_done, pair));
	T_ERROR(transfer_fetch(pair->b.transfer, digest, 0, &way, pair_on_done, pair),
	        BUSBAR_ERROR_TABLE_FULL);
	T_ERROR(pair_wait_for(pair, TRANSFER_QUEUE), BUSBAR_ERROR_NOT_FOUND);
	T_ERROR(pair_fetch(pair, digest, 0, pair->a.port), BUSBAR_ERROR_NOT_FOUND);
}

/* A socket of ::1 that is connected to, and never says anything. */
static int open_silent(uint16_t *ret_port)
{
	struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	socklen_t size = sizeof(name);
	int silent = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	T_OK(silent);
	T_OK(bind(silent, (const struct sockaddr *)&name, sizeof(name)));
	T_OK(listen(silent, 16));
	T_OK(getsockname(silent, (struct sockaddr *)&name, &size));
	*ret_port = ntohs(name.sin6_port);
	return silent;
}

static void reserved_ones_do_not_wait(void **state)
{
	enum { WAITING = 6, RESERVED = 3 };
	struct pair *pair = *state;
	struct transfer_way way = pair_way(pair, pair->a.port), silent_way = way;
	uint8_t digests[RESERVED][STORE_DIGEST], absent[STORE_DIGEST] = {1};
	int silent = open_silent(&silent_way.port);

	for (unsigned i = 0; i < WAITING; i++)
		T_OK(transfer_fetch(pair->b.transfer, absent, 0, &silent_way, pair_on_done, pair));
	memcpy(way.source, pair->localhost, sizeof(way.source));
	for (unsigned i = 0; i < RESERVED; i++) {
		pair_fill(pair->a.store, 1000 + i, i, digests[i]);
		T_OK(transfer_fetch(pair->b.transfer, digests[i], 0, &way, pair_on_done, pair));
	}
	T_OK(pair_wait_for(pair, RESERVED));
	for (unsigned i = 0; i < RESERVED; i++)
		pair_expect_blob(pair->b.store, digests[i], 1000 + i);
	T_EQ(pair_statistics_of(&pair->b).active, 4);
	T_EQ(pair_statistics_of(&pair->b).queued, WAITING - 4);
	close(silent);
}

static void close_cancels(void **state)
{
	struct pair *pair = *state;
	const struct transfer_way way = pair_way(pair, pair->a.port);
	uint8_t digest[STORE_DIGEST];

	pair_fill(pair->a.store, PAIR_BLOB, 1, digest);
	for (unsigned i = 0; i < 20; i++)
		T_OK(transfer_fetch(pair->b.transfer, digest, 0, &way, pair_on_done, pair));
	while (store_used(pair->b.store) == 0)
		uv_run(&pair->loop, UV_RUN_ONCE);
	T_EQ(pair->ended, 0);
	T_EQ(pair_statistics_of(&pair->b).active, 4);
	/* The far end goes first: what it was sending is cut. */
	pair_close_node(pair, &pair->a);
	pair_close_node(pair, &pair->b);
	T_EQ(pair->ended, 20);
	T_ERROR(pair->error, BUSBAR_ERROR_CANCELLED);
	transfer_close(NULL, NULL, NULL);
}

static void on_done_close(void *context, int error)
{
	struct pair *pair = context;

	pair->ended++;
	if (pair->b.transfer && pair->ended == 1) {
		struct transfer *transfer = pair->b.transfer;

		pair->b.transfer = NULL;
		transfer_close(transfer, pair_on_closed, &pair->arrived);
	}
}

static void closed_from_done(void **state)
{
	struct pair *pair = *state;
	const struct transfer_way way = pair_way(pair, pair->a.port);
	uint8_t digest[STORE_DIGEST];

	pair_fill(pair->a.store, 1000, 1, digest);
	for (unsigned i = 0; i < 8; i++)
		T_OK(transfer_fetch(pair->b.transfer, digest, 0, &way, on_done_close, pair));
	while (pair->arrived == 0)
		uv_run(&pair->loop, UV_RUN_ONCE);
	T_EQ(pair->ended, 8);
	pair->b.store = store_close(pair->b.store);
}

static void listening(void **state)
{
	struct pair *pair = *state;
	uint8_t elsewhere[16] = {0x20, 1, 0xd, 0xb8, [15] = 9};
	uint16_t port = 77;

	T_ERROR(transfer_listen(pair->a.transfer, pair->localhost, pair->b.port, &port), -EADDRINUSE);
	T_ERROR(transfer_listen(pair->a.transfer, elsewhere, 0, &port), -EADDRNOTAVAIL);
	T_EQ(port, 77);
	for (unsigned i = 1; i < TRANSFER_LISTENERS; i++)
		T_OK(transfer_listen(pair->a.transfer, pair->localhost, 0, &port));
	T_ERROR(transfer_listen(pair->a.transfer, pair->localhost, 0, &port), BUSBAR_ERROR_TABLE_FULL);
	{
		uint8_t digest[STORE_DIGEST];

		pair_fill(pair->a.store, 1000, 1, digest);
		T_OK(pair_fetch(pair, digest, 0, port));
	}
}

static void bad_addresses(void **state)
{
	static const char *const addresses[] = {"", "x/y", "user@host", "a b"};
	struct transfer_client client = {.port = 1, .key = 7, .secret = pair_secret};
	uint8_t digest[STORE_DIGEST] = {0}, *bytes = NULL;
	size_t size = 0;

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		client.address = addresses[i];
		T_ERROR(transfer_client_get(&client, digest, 10, &bytes, &size), BUSBAR_ERROR_BAD_VALUE);
	}
	client.address = "::1";
	T_ERROR(transfer_client_put(&client, digest, "x", 1), BUSBAR_ERROR_NO_ANSWER);
	assert_null(bytes);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, pair_setup, pair_teardown)
#define THROUGH(function) cmocka_unit_test_setup_teardown(function, pair_setup_through, pair_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(gateways_fetch),
	        TEST(gateways_put),
	        TEST(commands),
	        TEST(wrong_digest),
	        TEST(too_large),
	        THROUGH(what_is_put_goes_through),
	        THROUGH(what_is_not_here_is_got_through),
	        TEST(tenants_refused),
	        cmocka_unit_test_setup_teardown(unknown_gateway_key, pair_setup_other_key, pair_teardown),
	        cmocka_unit_test_setup_teardown(forged_gateway_key, pair_setup_forged_key, pair_teardown),
	        TEST(not_found),
	        TEST(quota_full),
	        TEST(many_at_once),
	        TEST(queue_is_bounded),
	        TEST(reserved_ones_do_not_wait),
	        TEST(close_cancels),
	        TEST(closed_from_done),
	        TEST(listening),
	        cmocka_unit_test(bad_addresses),
	};

	return T_RUN(tests);
}
