/* SPDX-License-Identifier: Apache-2.0 */
#include "api/transfer_client.h"

#include "api/transfer_http.h"
#include "base/clock.h"
#include "base/error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 * 1024 };

/* The octets on their way: read from `given`, or gathered in `bytes`. */
struct body {
	CURL *easy;
	const uint8_t *given;
	uint8_t *bytes;
	size_t size, capacity, maximum, done;
	int error;
};

static int open_request(const struct transfer_client *client, const char *method, const uint8_t digest[32],
                        bool expects, CURL **ret_easy, struct curl_slist **ret_headers)
{
	char path[TRANSFER_HTTP_PATH], authorization[AUTHORIZATION_TEXT];
	int code =
	        authorization_of_tenant(client->key, client->secret, method, transfer_http_path(digest, path),
	                                clock_wall(&clock_system), authorization);

	if (code < 0)
		return code;
	return transfer_http_open(client->address, client->port, path, authorization, expects, ret_easy,
	                          ret_headers);
}

static size_t give(char *target, size_t size, size_t count, void *context)
{
	struct body *body = context;
	size_t part = MINIMUM(size * count, body->size - body->done);

	if (part > 0)
		memcpy(target, body->given + body->done, part);
	body->done += part;
	return part;
}

/* A kept connection may turn out closed: the request is then sent again from the start. */
static int rewind_body(void *context, curl_off_t offset, int origin)
{
	struct body *body = context;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > body->size)
		return CURL_SEEKFUNC_CANTSEEK;
	body->done = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

static size_t ignore(char *bytes, size_t size, size_t count, void *context)
{
	return size * count;
}

static int grow(struct body *body, size_t size)
{
	size_t capacity = MAXIMUM(body->capacity, MINIMUM(body->maximum, FIRST_CAPACITY));
	uint8_t *bytes;

	if (size > body->maximum - body->size)
		return BUSBAR_ERROR_TOO_LARGE;
	while (capacity - body->size < size)
		capacity = capacity > body->maximum / 2 ? body->maximum : 2 * capacity;
	if (capacity == body->capacity)
		return 0;
	bytes = realloc(body->bytes, capacity);
	if (!bytes)
		return -ENOMEM;
	body->bytes = bytes;
	body->capacity = capacity;
	return 0;
}

static size_t take(char *bytes, size_t size, size_t count, void *context)
{
	struct body *body = context;
	size_t part = size * count;

	if (!transfer_http_is_content(body->easy))
		return part;
	body->error = grow(body, part);
	if (body->error < 0)
		return 0;
	memcpy(body->bytes + body->size, bytes, part);
	body->size += part;
	return part;
}

static int perform(CURL *easy)
{
	return transfer_http_outcome(easy, curl_easy_perform(easy));
}

int transfer_client_put(const struct transfer_client *client, const uint8_t digest[32], const void *bytes,
                        size_t size)
{
	struct body body = {.given = bytes, .size = size};
	struct curl_slist *headers;
	CURL *easy;
	int code = open_request(client, "PUT", digest, size > TRANSFER_HTTP_EXPECT, &easy, &headers);

	if (code < 0)
		return code;
	if (curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) ||
	    curl_easy_setopt(easy, CURLOPT_READFUNCTION, give) ||
	    curl_easy_setopt(easy, CURLOPT_READDATA, &body) ||
	    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, rewind_body) ||
	    curl_easy_setopt(easy, CURLOPT_SEEKDATA, &body) ||
	    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore) ||
	    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size))
		code = -ENOMEM;
	if (code == 0)
		code = perform(easy);
	curl_easy_cleanup(easy);
	curl_slist_free_all(headers);
	return code;
}

static int check_content(const struct body *body, const uint8_t digest[32])
{
	uint8_t actual[32];
	int code = seal_digest(body->bytes, body->size, actual);

	if (code < 0)
		return code;
	return memcmp(actual, digest, sizeof(actual)) == 0 ? 0 : BUSBAR_ERROR_DIGEST;
}

static int get_body(CURL *easy, struct body *body)
{
	int code;

	if (curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take) ||
	    curl_easy_setopt(easy, CURLOPT_WRITEDATA, body))
		return -ENOMEM;
	code = perform(easy);
	return body->error < 0 ? body->error : code;
}

int transfer_client_get(const struct transfer_client *client, const uint8_t digest[32], size_t maximum,
                        uint8_t **ret_bytes, size_t *ret_size)
{
	struct body body = {.maximum = maximum};
	struct curl_slist *headers;
	int code = open_request(client, "GET", digest, false, &body.easy, &headers);

	if (code < 0)
		return code;
	code = get_body(body.easy, &body);
	if (code == 0)
		code = check_content(&body, digest);
	if (code == 0 && !body.bytes) {
		body.bytes = malloc(1);
		code = body.bytes ? 0 : -ENOMEM;
	}
	curl_easy_cleanup(body.easy);
	curl_slist_free_all(headers);
	if (code < 0) {
		free(body.bytes);
		return code;
	}
	*ret_bytes = body.bytes;
	*ret_size = body.size;
	return 0;
}
