/* SPDX-License-Identifier: Apache-2.0 */
#include "api/transfer_http.h"

#include "base/error.h"
#include "base/hex.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { URL = 512, CONNECT_MILLISECONDS = 2000, SLOW_OCTETS = 1000, SLOW_SECONDS = 5 };

/* HTTP statuses and transport failures, where the other side did not name a code. */
struct meaning {
	long from;
	int code;
};

static const struct meaning statuses[] = {
        {400, BUSBAR_ERROR_MALFORMED}, {401, BUSBAR_ERROR_BAD_MAC},   {404, BUSBAR_ERROR_NOT_FOUND},
        {409, BUSBAR_ERROR_DIGEST},    {413, BUSBAR_ERROR_TOO_LARGE}, {507, BUSBAR_ERROR_NO_CAPACITY},
};

static const struct meaning failures[] = {
        {CURLE_COULDNT_CONNECT, BUSBAR_ERROR_NO_ANSWER},
        {CURLE_COULDNT_RESOLVE_HOST, BUSBAR_ERROR_NO_ANSWER},
        {CURLE_OPERATION_TIMEDOUT, BUSBAR_ERROR_NO_ANSWER},
        {CURLE_GOT_NOTHING, BUSBAR_ERROR_PEER},
        {CURLE_RECV_ERROR, BUSBAR_ERROR_PEER},
        {CURLE_SEND_ERROR, BUSBAR_ERROR_PEER},
        {CURLE_PARTIAL_FILE, BUSBAR_ERROR_PEER},
        {CURLE_WEIRD_SERVER_REPLY, BUSBAR_ERROR_MALFORMED},
        {CURLE_UNSUPPORTED_PROTOCOL, BUSBAR_ERROR_MALFORMED},
        {CURLE_FILESIZE_EXCEEDED, BUSBAR_ERROR_TOO_LARGE},
        {CURLE_URL_MALFORMAT, BUSBAR_ERROR_BAD_VALUE},
        {CURLE_OUT_OF_MEMORY, -ENOMEM},
        {CURLE_INTERFACE_FAILED, -EADDRNOTAVAIL},
};

static int look_up(const struct meaning *table, size_t count, long from, int otherwise)
{
	for (size_t i = 0; i < count; i++) {
		if (table[i].from == from)
			return table[i].code;
	}
	return otherwise;
}

char *transfer_http_path(const uint8_t digest[TRANSFER_HTTP_DIGEST], char path[TRANSFER_HTTP_PATH])
{
	memcpy(path, TRANSFER_HTTP_PREFIX, sizeof(TRANSFER_HTTP_PREFIX) - 1);
	hex_format(digest, TRANSFER_HTTP_DIGEST, path + sizeof(TRANSFER_HTTP_PREFIX) - 1);
	return path;
}

static int make_url(const char *host, uint16_t port, const char *path, char url[URL])
{
	bool bare = strchr(host, ':') && host[0] != '[';
	int length =
	        snprintf(url, URL, "http://%s%s%s:%u%s", bare ? "[" : "", host, bare ? "]" : "", port, path);

	if (host[0] == '\0' || strpbrk(host, "/@?# "))
		return BUSBAR_ERROR_BAD_VALUE;
	return length < URL ? 0 : BUSBAR_ERROR_TOO_LARGE;
}

static int add_header(struct curl_slist **headers, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*headers, line);

	if (!longer)
		return -ENOMEM;
	*headers = longer;
	return 0;
}

static int make_headers(const char *authorization, bool expects, struct curl_slist **headers)
{
	char line[AUTHORIZATION_TEXT + 32];
	int code;

	(void)snprintf(line, sizeof(line), "Authorization: %s", authorization);
	code = add_header(headers, line);
	if (code == 0) /* without a value libcurl takes its own away */
		code = add_header(headers, expects ? "Expect: 100-continue" : "Expect:");
	return code;
}

static int set_options(CURL *easy, const char *url, struct curl_slist *headers)
{
	bool failed = curl_easy_setopt(easy, CURLOPT_URL, url) ||
	              curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) ||
	              curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ||
	              curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http") ||
	              curl_easy_setopt(easy, CURLOPT_PROXY, "") ||
	              curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) ||
	              curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MILLISECONDS) ||
	              curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_OCTETS) ||
	              curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)SLOW_SECONDS);

	return failed ? -ENOMEM : 0;
}

int transfer_http_open(const char *host, uint16_t port, const char *path, const char *authorization,
                       bool expects, CURL **ret_easy, struct curl_slist **ret_headers)
{
	struct curl_slist *headers = NULL;
	CURL *easy = NULL;
	char url[URL];
	int code = make_url(host, port, path, url);

	if (code == 0)
		code = make_headers(authorization, expects, &headers);
	if (code == 0) {
		easy = curl_easy_init();
		code = easy ? set_options(easy, url, headers) : -ENOMEM;
	}
	if (code < 0) {
		curl_easy_cleanup(easy);
		curl_slist_free_all(headers);
		return code;
	}
	*ret_easy = easy;
	*ret_headers = headers;
	return 0;
}

static long status_of(CURL *easy)
{
	long status = 0;

	return curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK ? status : 0;
}

bool transfer_http_is_content(CURL *easy)
{
	return status_of(easy) == 200;
}

/* The code that a refusal names; 0 when it names none that we know. */
static int named_code(CURL *easy)
{
	struct curl_header *header;
	char *end;
	long code;

	if (curl_easy_header(easy, TRANSFER_HTTP_ERROR_HEADER, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return 0;
	code = strtol(header->value, &end, 10);
	if (end == header->value || *end != '\0' || code > 0 || code < -4095)
		return 0;
	return error_index((int)code) > 0 ? (int)code : 0;
}

int transfer_http_outcome(CURL *easy, CURLcode result)
{
	long status = status_of(easy);

	/* A server that refuses may close before it has read everything: what it said counts. */
	if (status >= 300) {
		int code = named_code(easy);

		return code ? code : look_up(statuses, ARRAY_SIZE(statuses), status, BUSBAR_ERROR_REFUSED);
	}
	if (result != CURLE_OK)
		return look_up(failures, ARRAY_SIZE(failures), (long)result, -EIO);
	return status == 200 || status == 201 ? 0 : BUSBAR_ERROR_MALFORMED;
}
