/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transfers over ::1: two gateways with a store each on one loop; what blocks (the command's client, raw
 * connections) runs in a thread of the loop's pool.
 */
#include "t.h"
#include "api/transfer.h"
#include "api/transfer_client.h"
#include "api/transfer_http.h"
#include "base/compiler.h"
#include "base/file.h"
#include "base/hex.h"
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAXIMUM_BLOB = 8 << 20, QUOTA = 32 << 20, PATIENCE = 30000, TICK = 5, ANSWER = 1024 };

static const uint8_t secret[SEAL_SECRET] = "a tenant's secret";
static const struct seal_ring ring = {.count = 1, .keys = {{.identifier = 5, .secret = {1, 2, 3}}}};
static const struct seal_ring other_ring = {.count = 1, .keys = {{.identifier = 6, .secret = {1, 2, 3}}}};
static const struct seal_ring forged_ring = {.count = 1, .keys = {{.identifier = 5, .secret = {3, 2, 1}}}};

struct node {
	struct store *store;
	struct transfer *transfer;
	uint16_t port;
	int64_t clock_offset;
};

struct fixture {
	char root[64];
	uv_loop_t loop;
	uv_timer_t tick; /* keeps UV_RUN_ONCE from blocking, and ends a test that hangs */
	unsigned ticks;
	struct node a, b;
	uint8_t localhost[16];
	uint64_t arrived_size;
	unsigned arrived;
	unsigned ended;
	int error; /* of the last that ended */
};

static const uint8_t *find_secret(void *context, uint32_t key)
{
	return key == 7 ? secret : NULL;
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
	struct fixture *fixture = context;

	fixture->arrived++;
	fixture->arrived_size = size;
}

static void on_tick(uv_timer_t *timer)
{
	struct fixture *fixture = timer->data;

	if (++fixture->ticks * TICK > PATIENCE)
		fail_msg("not done after %d ms", PATIENCE);
}

static void open_node(struct fixture *fixture, struct node *node, const char *name, uint16_t gateway,
                      const struct seal_ring *keys)
{
	struct transfer_settings settings = {
	        .keys = {.ring = keys, .secret = find_secret},
	        .identity = {.site = 4, .gateway = gateway},
	        .clock = {.wall = shifted_wall, .monotonic = monotonic, .context = node},
	        .maximum = MAXIMUM_BLOB,
	        .parallel = 4,
	        .arrived = on_arrived,
	        .context = fixture,
	};
	char folder[96];

	(void)snprintf(folder, sizeof(folder), "%s/%s", fixture->root, name);
	T_OK(store_open(folder, QUOTA, &node->store));
	settings.store = node->store;
	T_OK(transfer_create(&fixture->loop, &settings, &node->transfer));
	T_OK(transfer_listen(node->transfer, fixture->localhost, 0, &node->port));
	T_TRUE(node->port != 0);
}

static void on_closed(void *context)
{
	++*(unsigned *)context;
}

static void close_node(struct fixture *fixture, struct node *node)
{
	unsigned closed = 0;

	if (!node->transfer)
		return;
	transfer_close(node->transfer, on_closed, &closed);
	node->transfer = NULL;
	while (closed == 0)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	T_EQ(closed, 1);
	node->store = store_close(node->store);
}

static int setup_with(void **state, const struct seal_ring *ring_of_b)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)snprintf(fixture->root, sizeof(fixture->root), "/tmp/transfer-test-XXXXXX");
	assert_non_null(mkdtemp(fixture->root));
	fixture->localhost[15] = 1;
	T_OK(uv_loop_init(&fixture->loop));
	T_OK(uv_timer_init(&fixture->loop, &fixture->tick));
	fixture->tick.data = fixture;
	T_OK(uv_timer_start(&fixture->tick, on_tick, TICK, TICK));
	open_node(fixture, &fixture->a, "a", 1, &ring);
	open_node(fixture, &fixture->b, "b", 2, ring_of_b);
	*state = fixture;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, &ring);
}

static int setup_other_key(void **state)
{
	return setup_with(state, &other_ring);
}

static int setup_forged_key(void **state)
{
	return setup_with(state, &forged_ring);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	close_node(fixture, &fixture->a);
	close_node(fixture, &fixture->b);
	uv_close((uv_handle_t *)&fixture->tick, NULL);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	T_OK(uv_loop_close(&fixture->loop));
	T_OK(file_remove_tree(fixture->root));
	free(fixture);
	return 0;
}

static uint8_t *make_bytes(size_t size, unsigned seed, uint8_t digest[STORE_DIGEST])
{
	uint8_t *bytes = malloc(size + 1);

	assert_non_null(bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(seed * 131 + i * 7 + (i >> 8) + (i >> 16));
	T_OK(seal_digest(bytes, size, digest));
	return bytes;
}

static void fill(struct store *store, size_t size, unsigned seed, uint8_t digest[STORE_DIGEST])
{
	uint8_t *bytes = make_bytes(size, seed, digest);

	T_OK(store_put(store, bytes, size, digest));
	free(bytes);
}

static void expect_blob(struct store *store, const uint8_t digest[STORE_DIGEST], uint64_t size)
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

static void on_done(void *context, int error)
{
	struct fixture *fixture = context;

	fixture->ended++;
	fixture->error = error;
}

/* Turns the loop until `count` own transfers have ended; the last one's error. */
static int wait_for(struct fixture *fixture, unsigned count)
{
	while (fixture->ended < count)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	T_EQ(fixture->ended, count);
	fixture->ended = 0;
	return fixture->error;
}

static int fetch(struct fixture *fixture, const uint8_t digest[STORE_DIGEST], uint64_t size, uint16_t port)
{
	T_OK(transfer_fetch(fixture->b.transfer, digest, size, fixture->localhost, port, on_done, fixture));
	T_EQ(fixture->ended, 0);
	return wait_for(fixture, 1);
}

static int put(struct fixture *fixture, const uint8_t digest[STORE_DIGEST], uint16_t port)
{
	T_OK(transfer_put(fixture->b.transfer, digest, fixture->localhost, port, on_done, fixture));
	T_EQ(fixture->ended, 0);
	return wait_for(fixture, 1);
}

static struct transfer_statistics statistics_of(const struct node *node)
{
	struct transfer_statistics statistics;

	transfer_statistics(node->transfer, &statistics);
	return statistics;
}

/* A call that blocks, made by another thread while the loop turns. */
struct call {
	uv_work_t work;
	struct transfer_client client;
	uint8_t digest[STORE_DIGEST];
	uint8_t *bytes;
	size_t size, maximum;
	const char *method; /* of a raw request */
	const char *path, *authorization;
	struct curl_slist *extra;
	const char *text; /* of a raw connection */
	size_t body;      /* octets sent after the text */
	char answer[ANSWER];
	long status;
	int code;
	bool done;
};

static void on_call_done(uv_work_t *work, int status)
{
	CONTAINER_OF(work, struct call, work)->done = true;
}

static int run_call(struct fixture *fixture, struct call *call, uv_work_cb function)
{
	call->done = false;
	T_OK(uv_queue_work(&fixture->loop, &call->work, function, on_call_done));
	while (!call->done)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	return call->code;
}

static void client_put(uv_work_t *work)
{
	struct call *call = CONTAINER_OF(work, struct call, work);

	call->code = transfer_client_put(&call->client, call->digest, call->bytes, call->size);
}

static void client_get(uv_work_t *work)
{
	struct call *call = CONTAINER_OF(work, struct call, work);

	call->code =
	        transfer_client_get(&call->client, call->digest, call->maximum, &call->bytes, &call->size);
}

static struct transfer_client client_of(const struct node *node)
{
	return (struct transfer_client){.address = "::1", .port = node->port, .key = 7, .secret = secret};
}

static const size_t sizes[] = {0, 1, 65536, 65537, 1 << 20, MAXIMUM_BLOB};

static void gateways_fetch(void **state)
{
	struct fixture *fixture = *state;
	uint64_t total = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint8_t digest[STORE_DIGEST];

		fill(fixture->a.store, sizes[i], i, digest);
		T_OK(fetch(fixture, digest, i % 2 ? sizes[i] : 0, fixture->a.port));
		expect_blob(fixture->b.store, digest, sizes[i]);
		total += sizes[i];
		/* A second time nobody is asked. */
		T_OK(fetch(fixture, digest, 0, 1));
	}
	while (statistics_of(&fixture->a).served < ARRAY_SIZE(sizes))
		uv_run(&fixture->loop, UV_RUN_ONCE);
	T_EQ(statistics_of(&fixture->a).served_octets, total);
	T_EQ(statistics_of(&fixture->b).fetched, 2 * ARRAY_SIZE(sizes));
	T_EQ(statistics_of(&fixture->b).active, 0);
}

static void gateways_put(void **state)
{
	struct fixture *fixture = *state;
	uint64_t total = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint8_t digest[STORE_DIGEST];

		fill(fixture->b.store, sizes[i], i, digest);
		T_OK(put(fixture, digest, fixture->a.port));
		expect_blob(fixture->a.store, digest, sizes[i]);
		T_EQ(fixture->arrived, i + 1);
		T_EQ(fixture->arrived_size, sizes[i]);
		total += sizes[i];
		T_OK(put(fixture, digest, fixture->a.port));
		T_EQ(fixture->arrived, i + 1);
	}
	while (statistics_of(&fixture->a).stored < ARRAY_SIZE(sizes))
		uv_run(&fixture->loop, UV_RUN_ONCE);
	T_EQ(statistics_of(&fixture->a).stored_octets, total);
	T_EQ(statistics_of(&fixture->b).put, 2 * ARRAY_SIZE(sizes));
}

static void commands(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct call up = {.client = client_of(&fixture->a), .size = sizes[i]};
		struct call down = {.client = client_of(&fixture->a), .maximum = sizes[i]};

		down.client.address = "[::1]";
		up.bytes = make_bytes(sizes[i], i, up.digest);
		memcpy(down.digest, up.digest, STORE_DIGEST);
		T_ERROR(run_call(fixture, &down, client_get), BUSBAR_ERROR_NOT_FOUND);
		T_OK(run_call(fixture, &up, client_put));
		T_OK(run_call(fixture, &up, client_put));
		expect_blob(fixture->a.store, up.digest, sizes[i]);
		T_OK(run_call(fixture, &down, client_get));
		T_EQ(down.size, sizes[i]);
		assert_non_null(down.bytes);
		T_BYTES(down.bytes, up.bytes, sizes[i]);
		free(down.bytes);
		if (sizes[i] > 0) {
			down.bytes = NULL;
			down.maximum = sizes[i] - 1;
			T_ERROR(run_call(fixture, &down, client_get), BUSBAR_ERROR_TOO_LARGE);
			assert_null(down.bytes);
		}
		free(up.bytes);
	}
}

/* Small enough to be read to its end, and large enough to be refused before. */
static const size_t both_ways[] = {100, 1 << 20};

static void wrong_digest(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(both_ways); i++) {
		struct call up = {.client = client_of(&fixture->a), .size = both_ways[i]};

		up.bytes = make_bytes(up.size, 1, up.digest);
		up.bytes[up.size - 1] ^= 1;
		T_ERROR(run_call(fixture, &up, client_put), BUSBAR_ERROR_DIGEST);
		T_TRUE(!store_has(fixture->a.store, up.digest));
		free(up.bytes);
	}
	T_EQ(store_used(fixture->a.store), 0);
	T_EQ(statistics_of(&fixture->a).refused, 2);
	T_EQ(fixture->arrived, 0);
}

static void too_large(void **state)
{
	struct fixture *fixture = *state;
	struct call up = {.client = client_of(&fixture->a), .size = MAXIMUM_BLOB + 1};
	uint8_t digest[STORE_DIGEST];

	up.bytes = make_bytes(up.size, 1, up.digest);
	T_ERROR(run_call(fixture, &up, client_put), BUSBAR_ERROR_TOO_LARGE);
	T_EQ(store_used(fixture->a.store), 0);
	T_ERROR(transfer_fetch(fixture->b.transfer, up.digest, MAXIMUM_BLOB + 1, fixture->localhost,
	                       fixture->a.port, on_done, fixture),
	        BUSBAR_ERROR_TOO_LARGE);
	/* More than was said, and more than is allowed. */
	fill(fixture->a.store, 1000, 2, digest);
	T_ERROR(fetch(fixture, digest, 999, fixture->a.port), BUSBAR_ERROR_TOO_LARGE);
	fill(fixture->a.store, MAXIMUM_BLOB + 1, 1, digest);
	T_ERROR(fetch(fixture, digest, 0, fixture->a.port), BUSBAR_ERROR_TOO_LARGE);
	T_EQ(store_used(fixture->b.store), 0);
	T_EQ(statistics_of(&fixture->b).failed, 2);
	free(up.bytes);
}

static void tenants_refused(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(both_ways); i++) {
		struct call up = {.client = client_of(&fixture->a), .size = both_ways[i]};
		uint8_t wrong[SEAL_SECRET] = {0};

		up.bytes = make_bytes(up.size, 1, up.digest);
		up.client.key = 8;
		T_ERROR(run_call(fixture, &up, client_put), BUSBAR_ERROR_UNKNOWN_TENANT);
		up.client.key = 7;
		up.client.secret = wrong;
		T_ERROR(run_call(fixture, &up, client_put), BUSBAR_ERROR_BAD_MAC);
		up.client.secret = secret;
		fixture->a.clock_offset = 61 * CLOCK_SECOND;
		T_ERROR(run_call(fixture, &up, client_put), BUSBAR_ERROR_STALE);
		fixture->a.clock_offset = -61 * CLOCK_SECOND;
		T_ERROR(run_call(fixture, &up, client_put), BUSBAR_ERROR_STALE);
		T_EQ(store_used(fixture->a.store), 0);
		T_EQ(statistics_of(&fixture->a).unauthorized, 4 * (i + 1));
		fixture->a.clock_offset = 0;
		free(up.bytes);
	}
	T_EQ(statistics_of(&fixture->a).refused, 0);
}

static void unknown_gateway_key(void **state)
{
	struct fixture *fixture = *state;
	uint8_t digest[STORE_DIGEST];

	fill(fixture->a.store, 1000, 1, digest);
	T_ERROR(fetch(fixture, digest, 0, fixture->a.port), BUSBAR_ERROR_UNKNOWN_KEY);
	T_EQ(store_used(fixture->b.store), 0);
	fill(fixture->b.store, 1 << 20, 2, digest);
	T_ERROR(put(fixture, digest, fixture->a.port), BUSBAR_ERROR_UNKNOWN_KEY);
	T_EQ(statistics_of(&fixture->a).unauthorized, 2);
}

static void forged_gateway_key(void **state)
{
	struct fixture *fixture = *state;
	uint8_t digest[STORE_DIGEST];

	fill(fixture->a.store, 1000, 1, digest);
	T_ERROR(fetch(fixture, digest, 0, fixture->a.port), BUSBAR_ERROR_BAD_MAC);
	fixture->b.clock_offset = 61 * CLOCK_SECOND;
	T_ERROR(fetch(fixture, digest, 0, fixture->a.port), BUSBAR_ERROR_BAD_MAC);
	T_EQ(store_used(fixture->b.store), 0);
	T_EQ(statistics_of(&fixture->a).unauthorized, 2);
}

static void not_found(void **state)
{
	struct fixture *fixture = *state;
	uint8_t digest[STORE_DIGEST] = {1};

	T_ERROR(fetch(fixture, digest, 0, fixture->a.port), BUSBAR_ERROR_NOT_FOUND);
	T_ERROR(put(fixture, digest, fixture->a.port), BUSBAR_ERROR_NOT_FOUND);
	T_EQ(statistics_of(&fixture->a).refused, 1);
}

static void quota_full(void **state)
{
	struct fixture *fixture = *state;
	struct call up = {.client = client_of(&fixture->a), .size = 1 << 20};
	uint8_t held[STORE_DIGEST], digest[STORE_DIGEST];

	fill(fixture->a.store, QUOTA - 1000, 1, held);
	T_OK(store_hold(fixture->a.store, held));
	up.bytes = make_bytes(up.size, 2, up.digest);
	T_ERROR(run_call(fixture, &up, client_put), BUSBAR_ERROR_NO_CAPACITY);
	fill(fixture->b.store, 1001, 3, digest);
	T_ERROR(put(fixture, digest, fixture->a.port), BUSBAR_ERROR_NO_CAPACITY);
	T_EQ(store_used(fixture->a.store), QUOTA - 1000);
	/* And the other way round: what is fetched does not fit here. */
	fill(fixture->b.store, QUOTA - 1000, 1, held);
	T_OK(store_hold(fixture->b.store, held));
	store_release(fixture->a.store, held);
	fill(fixture->a.store, 1 << 20, 2, digest);
	T_ERROR(fetch(fixture, digest, 0, fixture->a.port), BUSBAR_ERROR_NO_CAPACITY);
	T_OK(run_call(fixture, &up, client_put));
	free(up.bytes);
}

/* Raw requests with a good or bad header of our making. */

static size_t ignore(char *bytes, size_t size, size_t count, void *context)
{
	return size * count;
}

static void raw_request(uv_work_t *work)
{
	struct call *call = CONTAINER_OF(work, struct call, work);
	struct curl_slist *headers = NULL;
	CURL *easy = NULL;

	call->code = transfer_http_open("::1", call->client.port, call->path, call->authorization, false,
	                                &easy, &headers);
	if (call->code < 0)
		return;
	for (struct curl_slist *extra = call->extra; extra; extra = extra->next)
		headers = curl_slist_append(headers, extra->data);
	if (strcmp(call->method, "HEAD") == 0)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
	if (call->text)
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->text);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
	call->code = transfer_http_outcome(easy, curl_easy_perform(easy));
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &call->status);
	curl_easy_cleanup(easy);
	curl_slist_free_all(headers);
}

static long request(struct fixture *fixture, const char *method, const char *path, const char *text,
                    const char *header)
{
	char authorization[AUTHORIZATION_TEXT];
	struct call call = {.client = client_of(&fixture->a), .method = method, .path = path, .text = text};

	T_OK(authorization_of_tenant(7, secret, method, path, clock_wall(&clock_system), authorization));
	call.authorization = authorization;
	call.extra = header ? curl_slist_append(NULL, header) : NULL;
	(void)run_call(fixture, &call, raw_request);
	curl_slist_free_all(call.extra);
	return call.status;
}

static void odd_requests(void **state)
{
	struct fixture *fixture = *state;
	uint8_t digest[STORE_DIGEST];
	char path[TRANSFER_HTTP_PATH], longer[TRANSFER_HTTP_PATH + 1];

	fill(fixture->a.store, 10, 1, digest);
	transfer_http_path(digest, path);
	(void)snprintf(longer, sizeof(longer), "%s0", path);
	T_EQ(request(fixture, "GET", path, NULL, NULL), 200);
	T_EQ(request(fixture, "GET", longer, NULL, NULL), 404);
	T_EQ(request(fixture, "GET", "/", NULL, NULL), 404);
	T_EQ(request(fixture, "GET", "/v1/blob/", NULL, NULL), 404);
	T_EQ(request(fixture, "GET", "/v1/blob/../../etc/passwd", NULL, NULL),
	     401); /* libcurl squeezes the dots */
	T_EQ(request(fixture, "HEAD", path, NULL, NULL), 405);
	T_EQ(request(fixture, "DELETE", path, NULL, NULL), 405);
	T_EQ(request(fixture, "POST", path, "body", NULL), 405);
	path[20] = path[20] == '0' ? '1' : '0';
	T_EQ(request(fixture, "PUT", path, "body", NULL), 409);
	T_EQ(request(fixture, "PUT", path, "body", "Transfer-Encoding: chunked"), 411);
	T_TRUE(statistics_of(&fixture->a).refused >= 8);
	T_EQ(statistics_of(&fixture->a).served, 1);
	T_EQ(store_count(fixture->a.store), 1);
	T_EQ(store_used(fixture->a.store), 10);
}

/* Raw connections. */

static int connect_to(uint16_t port)
{
	struct sockaddr_in6 name = {.sin6_family = AF_INET6,
	                            .sin6_port = htons(port),
	                            .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int descriptor = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&name, sizeof(name)) < 0)
		return -1;
	return descriptor;
}

/* Sends text and some of the body, then closes. */
static void half_request(uv_work_t *work)
{
	struct call *call = CONTAINER_OF(work, struct call, work);
	int descriptor = connect_to(call->client.port);
	char *body = calloc(1, call->body + 1);

	call->code = -1;
	if (descriptor < 0 || !body)
		goto out;
	if (send(descriptor, call->text, strlen(call->text), MSG_NOSIGNAL) != (ssize_t)strlen(call->text) ||
	    send(descriptor, body, call->body, MSG_NOSIGNAL) != (ssize_t)call->body)
		goto out;
	call->code = 0;
out:
	free(body);
	if (descriptor >= 0)
		close(descriptor);
}

static void client_gone(void **state)
{
	struct fixture *fixture = *state;
	char path[TRANSFER_HTTP_PATH], authorization[AUTHORIZATION_TEXT], text[512];
	struct call call = {.client = client_of(&fixture->a), .text = text, .body = 20000};
	uint8_t digest[STORE_DIGEST] = {0};

	transfer_http_path(digest, path);
	T_OK(authorization_of_tenant(7, secret, "PUT", path, clock_wall(&clock_system), authorization));
	(void)snprintf(text, sizeof(text),
	               "PUT %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 40000\r\n\r\n",
	               path, authorization);
	T_OK(run_call(fixture, &call, half_request));
	while (statistics_of(&fixture->a).broken == 0)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	T_EQ(store_used(fixture->a.store), 0);
	T_EQ(statistics_of(&fixture->a).stored, 0);
	T_EQ(fixture->arrived, 0);
}

/* A server that answers one request with given octets and goes. */
struct trap {
	uv_thread_t thread;
	int listener;
	uint16_t port;
	const char *answer; /* NULL: closes as soon as the request begins */
	size_t zeros;       /* octets of a body after it */
};

static void answer_once(void *context)
{
	struct trap *trap = context;
	int descriptor = accept(trap->listener, NULL, NULL);
	char request[2048], zeros[4096] = {0};
	ssize_t got = recv(descriptor, request, sizeof(request), 0);

	if (got > 0 && trap->answer) {
		(void)send(descriptor, trap->answer, strlen(trap->answer), MSG_NOSIGNAL);
		for (size_t sent = 0; sent < trap->zeros; sent += sizeof(zeros))
			(void)send(descriptor, zeros, sizeof(zeros), MSG_NOSIGNAL);
	}
	close(descriptor);
}

static void set_trap(struct trap *trap, const char *answer, size_t zeros)
{
	struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	socklen_t size = sizeof(name);

	*trap = (struct trap){.answer = answer, .zeros = zeros};
	trap->listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	T_EQ(bind(trap->listener, (struct sockaddr *)&name, size), 0);
	T_EQ(listen(trap->listener, 4), 0);
	T_EQ(getsockname(trap->listener, (struct sockaddr *)&name, &size), 0);
	trap->port = ntohs(name.sin6_port);
	T_OK(uv_thread_create(&trap->thread, answer_once, trap));
}

static void end_trap(struct trap *trap)
{
	T_OK(uv_thread_join(&trap->thread));
	close(trap->listener);
}

static void server_gone(void **state)
{
	static const struct {
		const char *answer;
		size_t zeros;
		int error;
	} cases[] = {
	        {"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", 40960, BUSBAR_ERROR_PEER},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n", 4096, BUSBAR_ERROR_DIGEST},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, BUSBAR_ERROR_DIGEST},
	        {"HTTP/1.1 200 OK\r\n\r\n", MAXIMUM_BLOB + 4096, BUSBAR_ERROR_TOO_LARGE},
	        {"HTTP/1.1 200 OK\r\nContent-Le", 0, BUSBAR_ERROR_DIGEST},
	        {"HTTP/1.1 204 No Content\r\n\r\n", 0, BUSBAR_ERROR_MALFORMED},
	        {"HTTP/1.1 302 Found\r\nLocation: http://[::1]:1/\r\nContent-Length: 0\r\n\r\n", 0,
	         BUSBAR_ERROR_REFUSED},
	        {"HTTP/1.1 404 No\r\nBusbar-Error: -2044x\r\nContent-Length: 0\r\n\r\n", 0,
	         BUSBAR_ERROR_NOT_FOUND},
	        {"HTTP/1.1 404 No\r\nBusbar-Error: 0\r\nContent-Length: 0\r\n\r\n", 0,
	         BUSBAR_ERROR_NOT_FOUND},
	        {"HTTP/1.1 503 No\r\nBusbar-Error: -2019\r\nContent-Length: 0\r\n\r\n", 0,
	         BUSBAR_ERROR_NO_CAPACITY},
	        {"SSH-2.0-x\r\n", 0, BUSBAR_ERROR_MALFORMED},
	        {NULL, 0, BUSBAR_ERROR_PEER},
	};
	struct fixture *fixture = *state;
	uint8_t digest[STORE_DIGEST] = {1}, large[STORE_DIGEST];
	struct trap trap;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int error;

		set_trap(&trap, cases[i].answer, cases[i].zeros);
		error = fetch(fixture, digest, 0, trap.port);
		if (error != cases[i].error)
			fail_msg("case %zu: %d (%s)", i, error, error_text(error));
		end_trap(&trap);
		T_EQ(store_used(fixture->b.store), 0);
		T_EQ(store_count(fixture->b.store), 0);
	}
	fill(fixture->b.store, 4 << 20, 1, large);
	set_trap(&trap, "HTTP/1.1 100 Continue\r\n\r\n", 0);
	T_ERROR(put(fixture, large, trap.port), BUSBAR_ERROR_PEER);
	end_trap(&trap);
	/* Nobody listens there any more. */
	T_ERROR(fetch(fixture, digest, 0, trap.port), BUSBAR_ERROR_NO_ANSWER);
	T_EQ(statistics_of(&fixture->b).failed, ARRAY_SIZE(cases) + 2);
}

static void many_at_once(void **state)
{
	enum { MANY = 120, SIZE = 20000 };
	struct fixture *fixture = *state;
	uint8_t there[MANY][STORE_DIGEST], back[MANY][STORE_DIGEST];

	for (unsigned i = 0; i < MANY; i++) {
		fill(fixture->a.store, SIZE + i, i, there[i]);
		fill(fixture->b.store, SIZE + i, i + 1000, back[i]);
		T_OK(transfer_fetch(fixture->b.transfer, there[i], 0, fixture->localhost, fixture->a.port,
		                    on_done, fixture));
		T_OK(transfer_put(fixture->b.transfer, back[i], fixture->localhost, fixture->a.port, on_done,
		                  fixture));
	}
	T_EQ(statistics_of(&fixture->b).queued, 2 * MANY);
	while (fixture->ended < 2 * MANY) {
		uv_run(&fixture->loop, UV_RUN_ONCE);
		T_TRUE(statistics_of(&fixture->b).active <= 4);
	}
	T_OK(wait_for(fixture, 2 * MANY));
	for (unsigned i = 0; i < MANY; i++) {
		expect_blob(fixture->b.store, there[i], SIZE + i);
		expect_blob(fixture->a.store, back[i], SIZE + i);
	}
	T_EQ(statistics_of(&fixture->b).failed, 0);
	T_EQ(fixture->arrived, MANY);
}

static void queue_is_bounded(void **state)
{
	struct fixture *fixture = *state;
	uint8_t digest[STORE_DIGEST] = {1};

	for (unsigned i = 0; i < TRANSFER_QUEUE; i++)
		T_OK(transfer_fetch(fixture->b.transfer, digest, 0, fixture->localhost, fixture->a.port,
		                    on_done, fixture));
	T_ERROR(transfer_fetch(fixture->b.transfer, digest, 0, fixture->localhost, fixture->a.port, on_done,
	                       fixture),
	        BUSBAR_ERROR_TABLE_FULL);
	T_ERROR(wait_for(fixture, TRANSFER_QUEUE), BUSBAR_ERROR_NOT_FOUND);
	T_ERROR(fetch(fixture, digest, 0, fixture->a.port), BUSBAR_ERROR_NOT_FOUND);
}

static void close_cancels(void **state)
{
	struct fixture *fixture = *state;
	uint8_t digest[STORE_DIGEST];

	fill(fixture->a.store, MAXIMUM_BLOB, 1, digest);
	for (unsigned i = 0; i < 20; i++)
		T_OK(transfer_fetch(fixture->b.transfer, digest, 0, fixture->localhost, fixture->a.port,
		                    on_done, fixture));
	while (store_used(fixture->b.store) == 0)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	T_EQ(fixture->ended, 0);
	T_EQ(statistics_of(&fixture->b).active, 4);
	/* The far end goes first: what it was sending is cut. */
	close_node(fixture, &fixture->a);
	close_node(fixture, &fixture->b);
	T_EQ(fixture->ended, 20);
	T_ERROR(fixture->error, BUSBAR_ERROR_CANCELLED);
	transfer_close(NULL, NULL, NULL);
}

static void on_done_close(void *context, int error)
{
	struct fixture *fixture = context;

	fixture->ended++;
	if (fixture->b.transfer && fixture->ended == 1) {
		struct transfer *transfer = fixture->b.transfer;

		fixture->b.transfer = NULL;
		transfer_close(transfer, on_closed, &fixture->arrived);
	}
}

static void closed_from_done(void **state)
{
	struct fixture *fixture = *state;
	uint8_t digest[STORE_DIGEST];

	fill(fixture->a.store, 1000, 1, digest);
	for (unsigned i = 0; i < 8; i++)
		T_OK(transfer_fetch(fixture->b.transfer, digest, 0, fixture->localhost, fixture->a.port,
		                    on_done_close, fixture));
	while (fixture->arrived == 0)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	T_EQ(fixture->ended, 8);
	fixture->b.store = store_close(fixture->b.store);
}

static void listening(void **state)
{
	struct fixture *fixture = *state;
	uint8_t elsewhere[16] = {0x20, 1, 0xd, 0xb8, [15] = 9};
	uint16_t port = 77;

	T_ERROR(transfer_listen(fixture->a.transfer, fixture->localhost, fixture->b.port, &port),
	        -EADDRINUSE);
	T_ERROR(transfer_listen(fixture->a.transfer, elsewhere, 0, &port), -EADDRNOTAVAIL);
	T_EQ(port, 77);
	for (unsigned i = 1; i < TRANSFER_LISTENERS; i++)
		T_OK(transfer_listen(fixture->a.transfer, fixture->localhost, 0, &port));
	T_ERROR(transfer_listen(fixture->a.transfer, fixture->localhost, 0, &port), BUSBAR_ERROR_TABLE_FULL);
	{
		uint8_t digest[STORE_DIGEST];

		fill(fixture->a.store, 1000, 1, digest);
		T_OK(fetch(fixture, digest, 0, port));
	}
}

static void bad_addresses(void **state)
{
	static const char *const addresses[] = {"", "x/y", "user@host", "a b"};
	struct transfer_client client = {.port = 1, .key = 7, .secret = secret};
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

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(gateways_fetch),
	        TEST(gateways_put),
	        TEST(commands),
	        TEST(wrong_digest),
	        TEST(too_large),
	        TEST(tenants_refused),
	        cmocka_unit_test_setup_teardown(unknown_gateway_key, setup_other_key, teardown),
	        cmocka_unit_test_setup_teardown(forged_gateway_key, setup_forged_key, teardown),
	        TEST(not_found),
	        TEST(quota_full),
	        TEST(odd_requests),
	        TEST(client_gone),
	        TEST(server_gone),
	        TEST(many_at_once),
	        TEST(queue_is_bounded),
	        TEST(close_cancels),
	        TEST(closed_from_done),
	        TEST(listening),
	        cmocka_unit_test(bad_addresses),
	};

	return T_RUN(tests);
}
