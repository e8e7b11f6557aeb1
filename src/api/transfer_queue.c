/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Own transfers: libcurl's multi interface, its sockets and its timeout on our loop.
 *
 * A job is queued, then active, then ended once; `pump` starts and ends jobs so that nobody is called back
 * from within a call of his own. libcurl is never entered from its own callbacks.
 */
#include "api/transfer_http.h"
#include "api/transfer_internal.h"
#include "base/error.h"
#include "base/log.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAG "transfer"

enum { HOST = INET6_ADDRSTRLEN, SOURCE = HOST + 8, BUFFER = 128 * 1024 };

struct transfer_job {
	struct transfer *transfer;
	bool is_put;
	uint8_t digest[STORE_DIGEST];
	uint64_t size; /* most octets of a fetch; octets of a put */
	struct transfer_way way;
	transfer_done done;
	void *context;
	CURL *easy;
	struct curl_slist *headers;
	struct store_writer *writer; /* of a fetch, until it is finished */
	int descriptor;              /* of a put */
	uint64_t offset;             /* octets of it that were read */
	int error;                   /* our own, which libcurl only sees as an abort */
	struct transfer_job *next, *previous;
};

/* A socket of libcurl's. */
struct watcher {
	struct transfer *transfer;
	uv_poll_t poll;
	curl_socket_t socket;
};

/* Lists. */

static void list_append(struct transfer_list *list, struct transfer_job *job)
{
	job->next = NULL;
	job->previous = list->last;
	*(list->last ? &list->last->next : &list->first) = job;
	list->last = job;
}

static void list_remove(struct transfer_list *list, struct transfer_job *job)
{
	*(job->previous ? &job->previous->next : &list->first) = job->next;
	*(job->next ? &job->next->previous : &list->last) = job->previous;
}

/* The octets of a job. */

static size_t receive(char *bytes, size_t size, size_t count, void *context)
{
	struct transfer_job *job = context;

	if (!transfer_http_is_content(job->easy))
		return size * count;
	job->error = store_append(job->writer, bytes, size * count);
	return job->error < 0 ? 0 : size * count;
}

static size_t discard(char *bytes, size_t size, size_t count, void *context)
{
	return size * count;
}

static size_t give(char *target, size_t size, size_t count, void *context)
{
	struct transfer_job *job = context;
	ssize_t got;

	do {
		got = pread(job->descriptor, target, size * count, (off_t)job->offset);
	} while (got < 0 && errno == EINTR);
	if (got < 0) {
		job->error = -errno;
		return CURL_READFUNC_ABORT;
	}
	job->offset += (uint64_t)got;
	return (size_t)got;
}

static int rewind_job(void *context, curl_off_t offset, int origin)
{
	struct transfer_job *job = context;

	if (origin != SEEK_SET || offset < 0)
		return CURL_SEEKFUNC_CANTSEEK;
	job->offset = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* From start to end. */

static int open_request(struct transfer_job *job)
{
	const struct transfer_settings *settings = &job->transfer->settings;
	const struct seal_key *key = settings->keys.ring ? seal_first(settings->keys.ring) : NULL;
	char path[TRANSFER_HTTP_PATH], authorization[AUTHORIZATION_TEXT], host[HOST];
	const char *method = job->is_put ? "PUT" : "GET";
	int code;

	if (!key)
		return BUSBAR_ERROR_UNKNOWN_KEY;
	if (!inet_ntop(AF_INET6, job->way.address, host, sizeof(host)))
		return -errno;
	code = authorization_of_gateway(key, settings->identity, method,
	                                transfer_http_path(job->digest, path), clock_wall(&settings->clock),
	                                authorization);
	if (code < 0)
		return code;
	return transfer_http_open(host, job->way.port, path, authorization,
	                          job->is_put && job->size > TRANSFER_HTTP_EXPECT, &job->easy, &job->headers);
}

static bool is_any(const uint8_t address[16])
{
	static const uint8_t any[16];

	return memcmp(address, any, sizeof(any)) == 0;
}

static bool is_reserved(const struct transfer_job *job)
{
	return !is_any(job->way.source);
}

static int set_source(CURL *easy, const uint8_t source[16])
{
	char text[SOURCE] = "host!";

	if (is_any(source))
		return 0;
	if (!inet_ntop(AF_INET6, source, text + strlen(text), HOST))
		return -errno;
	return curl_easy_setopt(easy, CURLOPT_INTERFACE, text) ? -ENOMEM : 0;
}

static int allow_any_source(void *context, curl_socket_t socket, curlsocktype purpose)
{
	int on = 1;

	return setsockopt(socket, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)) < 0 ? CURL_SOCKOPT_ERROR
	                                                                            : CURL_SOCKOPT_OK;
}

/* The address is another transfer's afterwards, or nobody's: the connection ends with this one. */
static int set_own_source(struct transfer_job *job)
{
	if (!is_reserved(job))
		return set_source(job->easy, job->transfer->settings.source);
	if (curl_easy_setopt(job->easy, CURLOPT_SOCKOPTFUNCTION, allow_any_source) ||
	    curl_easy_setopt(job->easy, CURLOPT_FORBID_REUSE, 1L))
		return -ENOMEM;
	return set_source(job->easy, job->way.source);
}

static int open_fetch(struct transfer_job *job)
{
	int code = store_begin(job->transfer->settings.store, job->digest, job->size, &job->writer);

	if (code < 0)
		return code;
	if (curl_easy_setopt(job->easy, CURLOPT_WRITEFUNCTION, receive) ||
	    curl_easy_setopt(job->easy, CURLOPT_WRITEDATA, job) ||
	    curl_easy_setopt(job->easy, CURLOPT_BUFFERSIZE, (long)BUFFER) ||
	    curl_easy_setopt(job->easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)job->size))
		return -ENOMEM;
	return 0;
}

static int open_put(struct transfer_job *job)
{
	if (curl_easy_setopt(job->easy, CURLOPT_UPLOAD, 1L) ||
	    curl_easy_setopt(job->easy, CURLOPT_WRITEFUNCTION, discard) ||
	    curl_easy_setopt(job->easy, CURLOPT_READFUNCTION, give) ||
	    curl_easy_setopt(job->easy, CURLOPT_READDATA, job) ||
	    curl_easy_setopt(job->easy, CURLOPT_SEEKFUNCTION, rewind_job) ||
	    curl_easy_setopt(job->easy, CURLOPT_SEEKDATA, job) ||
	    curl_easy_setopt(job->easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER) ||
	    curl_easy_setopt(job->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)job->size))
		return -ENOMEM;
	return 0;
}

/* 1 when the job is under way, 0 when there is nothing to do, or why it cannot be done. */
static int start(struct transfer_job *job)
{
	struct store *store = job->transfer->settings.store;
	int code;

	if (job->is_put) {
		job->descriptor = store_read(store, job->digest, &job->size);
		if (job->descriptor < 0)
			return job->descriptor;
	} else if (store_has(store, job->digest)) {
		return 0;
	}
	code = open_request(job);
	if (code == 0)
		code = set_own_source(job);
	if (code == 0)
		code = job->is_put ? open_put(job) : open_fetch(job);
	if (code < 0)
		return code;
	if (curl_easy_setopt(job->easy, CURLOPT_PRIVATE, job) ||
	    curl_multi_add_handle(job->transfer->multi, job->easy))
		return -ENOMEM;
	return 1;
}

/* Frees the job; whatever it had written is gone. */
static void free_job(struct transfer_job *job)
{
	if (job->easy) {
		(void)curl_multi_remove_handle(job->transfer->multi, job->easy);
		curl_easy_cleanup(job->easy);
	}
	curl_slist_free_all(job->headers);
	store_abandon(job->writer);
	if (job->descriptor >= 0)
		close(job->descriptor);
	free(job);
}

static void count_end(struct transfer_statistics *statistics, bool is_put, int error)
{
	if (error < 0)
		statistics->failed++;
	else if (is_put)
		statistics->put++;
	else
		statistics->fetched++;
}

/* The job is in no list any more. */
static void end(struct transfer_job *job, int error)
{
	transfer_done done = job->done;
	void *context = job->context;

	if (error < 0 && error != BUSBAR_ERROR_CANCELLED) {
		char host[HOST] = "";

		(void)inet_ntop(AF_INET6, job->way.address, host, sizeof(host));
		log_info(TAG, "%s=failed peer=%s port=%u error=\"%s\"", job->is_put ? "put" : "fetch", host,
		         job->way.port, error_text(error));
	}
	count_end(&job->transfer->statistics, job->is_put, error);
	free_job(job);
	done(context, error);
}

static void end_active(struct transfer_job *job, CURLcode result)
{
	struct transfer *transfer = job->transfer;
	int code = transfer_http_outcome(job->easy, result);

	if (job->error < 0)
		code = job->error;
	if (code == 0 && job->writer) {
		code = store_finish(job->writer);
		job->writer = NULL;
	}
	list_remove(&transfer->active, job);
	transfer->statistics.active--;
	transfer->reserved -= is_reserved(job);
	end(job, code);
}

static bool may_start(const struct transfer_job *job)
{
	const struct transfer *transfer = job->transfer;

	if (is_reserved(job))
		return transfer->reserved < TRANSFER_RESERVED;
	return transfer->statistics.active - transfer->reserved < transfer->settings.parallel;
}

/* The first in the queue that need not wait. */
static struct transfer_job *find_next(const struct transfer *transfer)
{
	struct transfer_job *job = transfer->queued.first;

	while (job && !may_start(job))
		job = job->next;
	return job;
}

static void start_job(struct transfer *transfer, struct transfer_job *job)
{
	int code;

	list_remove(&transfer->queued, job);
	transfer->statistics.queued--;
	code = start(job);
	if (code <= 0) {
		end(job, code);
		return;
	}
	list_append(&transfer->active, job);
	transfer->statistics.active++;
	transfer->reserved += is_reserved(job);
}

/*
 * done() may close the transfer: then the lists are empty, and the handle is freed later, by the loop. It may
 * also queue more, which waits for the next turn.
 */
static void on_pump(uv_timer_t *timer)
{
	struct transfer *transfer = timer->data;

	for (uint32_t left = transfer->statistics.queued; left > 0 && !transfer->closing; left--) {
		struct transfer_job *job = find_next(transfer);

		if (!job)
			return;
		start_job(transfer, job);
	}
}

static void wake(struct transfer *transfer)
{
	if (!transfer->closing && transfer->queued.first)
		(void)uv_timer_start(&transfer->pump, on_pump, 0, 0);
}

static void end_finished(struct transfer *transfer)
{
	CURLMsg *message;
	int left;

	while (!transfer->closing && (message = curl_multi_info_read(transfer->multi, &left))) {
		char *job = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &job);
		end_active((struct transfer_job *)(void *)job, message->data.result);
	}
	wake(transfer);
}

/* libcurl and the loop. */

static void on_multi_timer(uv_timer_t *timer)
{
	struct transfer *transfer = timer->data;
	int running;

	(void)curl_multi_socket_action(transfer->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	end_finished(transfer);
}

static int set_timer(CURLM *multi, long milliseconds, void *context)
{
	struct transfer *transfer = context;

	if (transfer->closing)
		return 0;
	if (milliseconds < 0)
		(void)uv_timer_stop(&transfer->multi_timer);
	else
		(void)uv_timer_start(&transfer->multi_timer, on_multi_timer, (uint64_t)milliseconds, 0);
	return 0;
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct watcher *watcher = poll->data;
	struct transfer *transfer = watcher->transfer;
	int flags =
	        (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
	int running;

	if (status < 0)
		flags |= CURL_CSELECT_ERR;
	(void)curl_multi_socket_action(transfer->multi, watcher->socket, flags, &running);
	end_finished(transfer);
}

static void on_watcher_closed(uv_handle_t *handle)
{
	struct watcher *watcher = handle->data;
	struct transfer *transfer = watcher->transfer;

	free(watcher);
	transfer_handle_closed(transfer);
}

static struct watcher *add_watcher(struct transfer *transfer, curl_socket_t socket)
{
	struct watcher *watcher = calloc(1, sizeof(*watcher));

	if (!watcher)
		return NULL;
	watcher->transfer = transfer;
	watcher->socket = socket;
	watcher->poll.data = watcher;
	if (uv_poll_init(transfer->loop, &watcher->poll, socket) < 0) {
		free(watcher);
		return NULL;
	}
	transfer->handles++;
	(void)curl_multi_assign(transfer->multi, socket, watcher);
	return watcher;
}

static int watch(CURL *easy, curl_socket_t socket, int what, void *context, void *socket_context)
{
	struct transfer *transfer = context;
	struct watcher *watcher = socket_context;
	int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

	if (what == CURL_POLL_REMOVE) {
		if (watcher) {
			(void)curl_multi_assign(transfer->multi, socket, NULL);
			uv_close((uv_handle_t *)&watcher->poll, on_watcher_closed);
		}
		return 0;
	}
	if (!watcher)
		watcher = add_watcher(transfer, socket);
	if (!watcher)
		return -1;
	return uv_poll_start(&watcher->poll, events, on_socket) < 0 ? -1 : 0;
}

int transfer_queue_open(struct transfer *transfer)
{
	int code;

	transfer->multi = curl_multi_init();
	if (!transfer->multi)
		return -ENOMEM;
	if (curl_multi_setopt(transfer->multi, CURLMOPT_SOCKETFUNCTION, watch) ||
	    curl_multi_setopt(transfer->multi, CURLMOPT_SOCKETDATA, transfer) ||
	    curl_multi_setopt(transfer->multi, CURLMOPT_TIMERFUNCTION, set_timer) ||
	    curl_multi_setopt(transfer->multi, CURLMOPT_TIMERDATA, transfer) ||
	    curl_multi_setopt(transfer->multi, CURLMOPT_MAXCONNECTS, (long)transfer->settings.parallel)) {
		code = -ENOMEM;
		(void)curl_multi_cleanup(transfer->multi);
		return code;
	}
	/* Neither can fail. */
	(void)uv_timer_init(transfer->loop, &transfer->multi_timer);
	(void)uv_timer_init(transfer->loop, &transfer->pump);
	transfer->multi_timer.data = transfer;
	transfer->pump.data = transfer;
	transfer->handles += 2;
	return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
	transfer_handle_closed(handle->data);
}

static void cancel_all(struct transfer_list *list, uint32_t *count)
{
	while (list->first) {
		struct transfer_job *job = list->first;

		list_remove(list, job);
		(*count)--;
		end(job, BUSBAR_ERROR_CANCELLED);
	}
}

void transfer_queue_close(struct transfer *transfer)
{
	cancel_all(&transfer->active, &transfer->statistics.active);
	cancel_all(&transfer->queued, &transfer->statistics.queued);
	/* Closes kept connections, and with them the last watchers. */
	(void)curl_multi_cleanup(transfer->multi);
	uv_close((uv_handle_t *)&transfer->multi_timer, on_timer_closed);
	uv_close((uv_handle_t *)&transfer->pump, on_timer_closed);
}

static int enqueue(struct transfer *transfer, const struct transfer_job *model)
{
	struct transfer_job *job;

	if (transfer->closing)
		return BUSBAR_ERROR_STATE;
	if (transfer->statistics.queued >= TRANSFER_QUEUE)
		return BUSBAR_ERROR_TABLE_FULL;
	job = malloc(sizeof(*job));
	if (!job)
		return -ENOMEM;
	*job = *model;
	list_append(&transfer->queued, job);
	transfer->statistics.queued++;
	(void)uv_timer_start(&transfer->pump, on_pump, 0, 0);
	return 0;
}

static struct transfer_job model_job(struct transfer *transfer, const uint8_t digest[STORE_DIGEST],
                                     const struct transfer_way *way, transfer_done done, void *context)
{
	struct transfer_job job = {
	        .transfer = transfer, .way = *way, .done = done, .context = context, .descriptor = -1};

	memcpy(job.digest, digest, sizeof(job.digest));
	return job;
}

int transfer_fetch(struct transfer *transfer, const uint8_t digest[STORE_DIGEST], uint64_t size,
                   const struct transfer_way *way, transfer_done done, void *context)
{
	struct transfer_job job = model_job(transfer, digest, way, done, context);
	uint64_t maximum = transfer->settings.maximum;

	if (size > maximum)
		return BUSBAR_ERROR_TOO_LARGE;
	job.size = size ? size : maximum;
	return enqueue(transfer, &job);
}

int transfer_put(struct transfer *transfer, const uint8_t digest[STORE_DIGEST],
                 const struct transfer_way *way, transfer_done done, void *context)
{
	struct transfer_job job = model_job(transfer, digest, way, done, context);

	job.is_put = true;
	return enqueue(transfer, &job);
}
