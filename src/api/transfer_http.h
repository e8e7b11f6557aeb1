/* SPDX-License-Identifier: Apache-2.0 */
/* What both clients of blob transfer share: the request's parts and what an answer means. */
#ifndef API_TRANSFER_HTTP_H
#define API_TRANSFER_HTTP_H

#include "api/authorization.h"
#include "base/compiler.h"
#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

/* Uploads above this wait for `100 Continue`; smaller refused ones are read to their end by the server. */
#define TRANSFER_HTTP_EXPECT (64 * 1024)
#define TRANSFER_HTTP_ERROR_HEADER "Busbar-Error"
#define TRANSFER_HTTP_PREFIX "/v1/blob/"

enum {
	TRANSFER_HTTP_DIGEST = 32,
	TRANSFER_HTTP_PATH = sizeof(TRANSFER_HTTP_PREFIX) + 2 * TRANSFER_HTTP_DIGEST
};

/* `/v1/blob/HEX64`; returns path. */
char *transfer_http_path(const uint8_t digest[TRANSFER_HTTP_DIGEST], char path[TRANSFER_HTTP_PATH]);

/*
 * A handle for one request: URL, time limits, no proxy, no signal. `host` is a name or a literal; a bare
 * IPv6 literal gets its brackets here. *ret_headers is to be freed after the handle.
 */
int transfer_http_open(const char *host, uint16_t port, const char *path, const char *authorization,
                       bool expects, CURL **ret_easy, struct curl_slist **ret_headers) CHECKED;

/* True while the answer is the blob and not the text of a refusal. */
bool transfer_http_is_content(CURL *easy);
/* The meaning of a request that has ended: 0, the other side's code, or what the connection met. */
int transfer_http_outcome(CURL *easy, CURLcode result) CHECKED;

#endif
