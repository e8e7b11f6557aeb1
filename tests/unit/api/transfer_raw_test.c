/* SPDX-License-Identifier: Apache-2.0 */
/* What is no proper client or server: odd requests, and connections that end on the way. */
#include "api/transfer_http.h"
#include "pair.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

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

static long request(struct pair *pair, const char *method, const char *path, const char *text,
                    const char *header)
{
	char authorization[AUTHORIZATION_TEXT];
	struct call call = {.client = pair_client_of(&pair->a), .method = method, .path = path, .text = text};

	T_OK(authorization_of_tenant(7, pair_secret, method, path, clock_wall(&clock_system), authorization));
	call.authorization = authorization;
	call.extra = header ? curl_slist_append(NULL, header) : NULL;
	(void)pair_run_call(pair, &call, raw_request);
	curl_slist_free_all(call.extra);
	return call.status;
}

static void odd_requests(void **state)
{
	struct pair *pair = *state;
	uint8_t digest[STORE_DIGEST];
	char path[TRANSFER_HTTP_PATH], longer[TRANSFER_HTTP_PATH + 1];

	pair_fill(pair->a.store, 10, 1, digest);
	transfer_http_path(digest, path);
	(void)snprintf(longer, sizeof(longer), "%s0", path);
	T_EQ(request(pair, "GET", path, NULL, NULL), 200);
	T_EQ(request(pair, "GET", longer, NULL, NULL), 404);
	T_EQ(request(pair, "GET", "/", NULL, NULL), 404);
	T_EQ(request(pair, "GET", "/v1/blob/", NULL, NULL), 404);
	T_EQ(request(pair, "GET", "/v1/blob/../../etc/passwd", NULL, NULL),
	     401); /* libcurl squeezes the dots */
	T_EQ(request(pair, "HEAD", path, NULL, NULL), 405);
	T_EQ(request(pair, "DELETE", path, NULL, NULL), 405);
	T_EQ(request(pair, "POST", path, "body", NULL), 405);
	path[20] = path[20] == '0' ? '1' : '0';
	T_EQ(request(pair, "PUT", path, "body", NULL), 409);
	T_EQ(request(pair, "PUT", path, "body", "Transfer-Encoding: chunked"), 411);
	T_TRUE(pair_statistics_of(&pair->a).refused >= 8);
	T_EQ(pair_statistics_of(&pair->a).served, 1);
	T_EQ(store_count(pair->a.store), 1);
	T_EQ(store_used(pair->a.store), 10);
}

/* What names no blob is asked of nobody else. */
static void odd_requests_do_not_go_through(void **state)
{
	struct pair *pair = *state;
	uint8_t digest[STORE_DIGEST];
	char path[TRANSFER_HTTP_PATH], longer[TRANSFER_HTTP_PATH + 1];

	pair_fill(pair->b.store, 10, 1, digest);
	transfer_http_path(digest, path);
	(void)snprintf(longer, sizeof(longer), "%s0", path);
	T_EQ(request(pair, "GET", longer, NULL, NULL), 404);
	T_EQ(request(pair, "GET", "/", NULL, NULL), 404);
	T_EQ(request(pair, "HEAD", path, NULL, NULL), 405);
	T_EQ(pair->through, 0);
	T_EQ(request(pair, "GET", path, NULL, NULL), 200);
	T_EQ(pair->through, 1);
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
	struct pair *pair = *state;
	char path[TRANSFER_HTTP_PATH], authorization[AUTHORIZATION_TEXT], text[512];
	struct call call = {.client = pair_client_of(&pair->a), .text = text, .body = 20000};
	uint8_t digest[STORE_DIGEST] = {0};

	transfer_http_path(digest, path);
	T_OK(authorization_of_tenant(7, pair_secret, "PUT", path, clock_wall(&clock_system), authorization));
	(void)snprintf(text, sizeof(text),
	               "PUT %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 40000\r\n\r\n",
	               path, authorization);
	T_OK(pair_run_call(pair, &call, half_request));
	while (pair_statistics_of(&pair->a).broken == 0)
		uv_run(&pair->loop, UV_RUN_ONCE);
	T_EQ(store_used(pair->a.store), 0);
	T_EQ(pair_statistics_of(&pair->a).stored, 0);
	T_EQ(pair->arrived, 0);
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

/* Takes connections, and never says anything. */
static void set_silent(struct trap *trap)
{
	struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	socklen_t size = sizeof(name);

	trap->listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	T_EQ(bind(trap->listener, (struct sockaddr *)&name, size), 0);
	T_EQ(listen(trap->listener, 4), 0);
	T_EQ(getsockname(trap->listener, (struct sockaddr *)&name, &size), 0);
	trap->port = ntohs(name.sin6_port);
}

static void set_trap(struct trap *trap, const char *answer, size_t zeros)
{
	*trap = (struct trap){.answer = answer, .zeros = zeros};
	set_silent(trap);
	T_OK(uv_thread_create(&trap->thread, answer_once, trap));
}

static void end_trap(struct trap *trap)
{
	T_OK(uv_thread_join(&trap->thread));
	close(trap->listener);
}

/* Clients that wait for what another gateway never gives: one goes away, then the gateway itself. */
static void gone_while_it_waits(void **state)
{
	struct pair *pair = *state;
	char path[TRANSFER_HTTP_PATH], authorization[AUTHORIZATION_TEXT], text[512];
	struct call call = {.client = pair_client_of(&pair->a), .text = text};
	uint8_t digest[STORE_DIGEST] = {0};
	struct trap trap;
	int waits;

	set_trap(&trap, NULL, 0);
	pair->through_port = trap.port;
	transfer_http_path(digest, path);
	T_OK(authorization_of_tenant(7, pair_secret, "GET", path, clock_wall(&clock_system), authorization));
	(void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n", path,
	               authorization);
	/* The trap closes its connection: then the client's end is found out. */
	T_OK(pair_run_call(pair, &call, half_request));
	while (pair_statistics_of(&pair->a).failed == 0)
		uv_run(&pair->loop, UV_RUN_ONCE);
	T_EQ(pair->through, 1);
	end_trap(&trap);
	/* Nobody accepts here. */
	waits = connect_to(pair->a.port);
	T_TRUE(waits >= 0);
	T_EQ(send(waits, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	set_silent(&trap);
	pair->through_port = trap.port;
	while (pair_statistics_of(&pair->a).active == 0)
		uv_run(&pair->loop, UV_RUN_ONCE);
	pair_close_node(pair, &pair->a);
	T_EQ(pair->through, 2);
	close(waits);
	close(trap.listener);
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
	        {"HTTP/1.1 200 OK\r\n\r\n", PAIR_BLOB + 4096, BUSBAR_ERROR_TOO_LARGE},
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
	struct pair *pair = *state;
	uint8_t digest[STORE_DIGEST] = {1}, large[STORE_DIGEST];
	struct trap trap;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int error;

		set_trap(&trap, cases[i].answer, cases[i].zeros);
		error = pair_fetch(pair, digest, 0, trap.port);
		if (error != cases[i].error)
			fail_msg("case %zu: %d (%s)", i, error, error_text(error));
		end_trap(&trap);
		T_EQ(store_used(pair->b.store), 0);
		T_EQ(store_count(pair->b.store), 0);
	}
	pair_fill(pair->b.store, 4 << 20, 1, large);
	set_trap(&trap, "HTTP/1.1 100 Continue\r\n\r\n", 0);
	T_ERROR(pair_put(pair, large, trap.port), BUSBAR_ERROR_PEER);
	end_trap(&trap);
	/* Nobody listens there any more. */
	T_ERROR(pair_fetch(pair, digest, 0, trap.port), BUSBAR_ERROR_NO_ANSWER);
	T_EQ(pair_statistics_of(&pair->b).failed, ARRAY_SIZE(cases) + 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, pair_setup, pair_teardown)
#define THROUGH(function) cmocka_unit_test_setup_teardown(function, pair_setup_through, pair_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(odd_requests), THROUGH(odd_requests_do_not_go_through),
	        TEST(client_gone),  THROUGH(gone_while_it_waits),
	        TEST(server_gone),
	};

	return T_RUN(tests);
}
