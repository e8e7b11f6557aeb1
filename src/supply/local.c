/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's end of the executor's protocol.
 *
 * A run is known from driver_run() until its ENDED. Requests that the socket does not take at once wait in a
 * list, at most two per run. Live counters are read from the run's control group, which is world-readable,
 * so that measuring costs no message.
 */
#include "supply/local.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "supply/cgroup.h"
#include "supply/executor.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TAG "local"

enum {
	READY_WAIT = 15000,    /* milliseconds: sweeping what was left may take some seconds */
	SEND_BUFFER = 1 << 20, /* bytes */
	SMOOTHING = 8,         /* weight of what was known in the expected start latency */
};
/* Expected before anything was measured. */
#define FIRST_LATENCY (5 * CLOCK_MILLISECOND)

struct local_run {
	struct identifier id;
	int output; /* duplicate, -1: none */
	int64_t asked_at, started_at;
	struct driver_usage usage; /* the last one measured */
};

/* A request that waits for room in the socket. */
struct waiting {
	struct waiting *next;
	size_t size;
	int descriptors[EXECUTOR_DESCRIPTORS]; /* own duplicates, or -1 */
	char bytes[];
};

struct local {
	struct driver driver;
	struct driver_callbacks callbacks;
	struct hash *runs;
	struct cgroup_tree tree;
	uint32_t maximum;
	int64_t latency;
	pid_t executor;
	int socket, executor_pidfd;
	struct waiting *first, **last;
	bool lost;   /* the socket has ended */
	bool exited; /* the executor has been collected */
	bool closing;
	uint32_t open_handles;
	uv_poll_t readable, death;
	void (*closed)(void *context);
	void *closed_context;
};

static struct local *of_driver(const struct driver *driver)
{
	return CONTAINER_OF(driver, struct local, driver);
}

static void free_local(struct local *local)
{
	if (local->socket >= 0)
		close(local->socket);
	if (local->executor_pidfd >= 0)
		close(local->executor_pidfd);
	cgroup_tree_close(&local->tree);
	hash_free(local->runs);
	free(local);
}

static void free_waiting(struct waiting *waiting)
{
	for (size_t i = 0; i < EXECUTOR_DESCRIPTORS; i++) {
		if (waiting->descriptors[i] >= 0)
			close(waiting->descriptors[i]);
	}
	free(waiting);
}

/* 0, -EAGAIN, or 0 with the executor dead: its end is noticed by the loop. */
static int send_request(struct local *local, const void *bytes, size_t size, const int *descriptors)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(EXECUTOR_DESCRIPTORS * sizeof(int))] = {0};
	struct iovec part = {(void *)(uintptr_t)bytes, size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (descriptors[0] >= 0) {
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(EXECUTOR_DESCRIPTORS * sizeof(int));
		memcpy(CMSG_DATA(header), descriptors, EXECUTOR_DESCRIPTORS * sizeof(int));
	}
	if (sendmsg(local->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return 0;
	/* ETOOMANYREFS: too many descriptors are under way. */
	if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS)
		return -EAGAIN;
	return errno == EPIPE || errno == ECONNRESET ? 0 : -errno;
}

static void on_socket(uv_poll_t *handle, int status, int events);

static void watch_socket(struct local *local)
{
	(void)uv_poll_start(&local->readable, UV_READABLE | (local->first != NULL ? UV_WRITABLE : 0),
	                    on_socket);
}

/* Sends at once, or keeps a copy until the socket has room. */
static int post(struct local *local, const void *bytes, size_t size, const int *descriptors)
{
	int code = local->first != NULL ? -EAGAIN : send_request(local, bytes, size, descriptors);
	struct waiting *waiting;

	if (code != -EAGAIN)
		return code;
	waiting = malloc(sizeof(*waiting) + size);
	if (waiting == NULL)
		return -ENOMEM;
	waiting->next = NULL;
	waiting->size = size;
	memcpy(waiting->bytes, bytes, size);
	code = 0;
	for (size_t i = 0; i < EXECUTOR_DESCRIPTORS; i++) {
		waiting->descriptors[i] = descriptors[i] < 0 ? -1 : fcntl(descriptors[i], F_DUPFD_CLOEXEC, 0);
		if (descriptors[i] >= 0 && waiting->descriptors[i] < 0)
			code = -errno;
	}
	if (code < 0) {
		free_waiting(waiting);
		return code;
	}
	*local->last = waiting;
	local->last = &waiting->next;
	watch_socket(local);
	return 0;
}

static void flush(struct local *local)
{
	while (local->first != NULL) {
		struct waiting *waiting = local->first;
		int code = local->lost
		                   ? 0
		                   : send_request(local, waiting->bytes, waiting->size, waiting->descriptors);

		if (code == -EAGAIN)
			return;
		if (code < 0)
			log_error(TAG, "cause=\"cannot ask the executor\" error=\"%s\"", error_text(code));
		local->first = waiting->next;
		free_waiting(waiting);
	}
	local->last = &local->first;
}

static int duplicate_output(int descriptor)
{
	struct stat status;

	if (fstat(descriptor, &status) < 0)
		return -errno;
	return S_ISREG(status.st_mode) ? fcntl(descriptor, F_DUPFD_CLOEXEC, 0) : -1;
}

static void free_run(struct local_run *run)
{
	if (run->output >= 0)
		close(run->output);
	free(run);
}

/* Appends a word with its NUL; false when there is no room. */
static bool append(char *text, uint32_t *size, const char *word)
{
	size_t length = strlen(word) + 1;

	if (length > EXECUTOR_TEXT - *size)
		return false;
	memcpy(text + *size, word, length);
	*size += (uint32_t)length;
	return true;
}

static int append_all(char *text, uint32_t *size, const char *const *words, uint32_t *ret_count)
{
	uint32_t count = 0;

	for (; words != NULL && words[count] != NULL; count++) {
		if (count == EXECUTOR_WORDS || !append(text, size, words[count]))
			return BUSBAR_ERROR_TOO_LARGE;
	}
	*ret_count = count;
	return 0;
}

/* `text` has room for EXECUTOR_TEXT bytes. */
static int encode(const struct driver_run *run, struct executor_request *request, char *text)
{
	int code;

	*request = (struct executor_request){
	        .version = EXECUTOR_VERSION,
	        .type = EXECUTOR_RUN,
	        .folder = run->folder != NULL,
	        .processes = run->processes,
	        .id = run->id,
	        .cpu = run->cpu,
	        .memory = run->memory,
	        .scratch = run->scratch,
	        .output_maximum = run->output_maximum,
	        .time_limit = run->time_limit,
	};
	if (run->arguments == NULL || run->arguments[0] == NULL || run->cpu == 0 || run->memory == 0 ||
	    run->output_maximum == 0 || run->processes == 0 || run->time_limit <= 0)
		return BUSBAR_ERROR_BAD_VALUE;
	code = append_all(text, &request->text, run->arguments, &request->arguments);
	if (code == 0)
		code = append_all(text, &request->text, run->environment, &request->environment);
	if (code == 0 && run->folder != NULL && !append(text, &request->text, run->folder))
		code = BUSBAR_ERROR_TOO_LARGE;
	return code;
}

static int post_run(struct local *local, const struct driver_run *run)
{
	const int descriptors[EXECUTOR_DESCRIPTORS] = {run->input, run->output, run->problems};
	struct executor_request request;
	char *bytes = malloc(sizeof(request) + EXECUTOR_TEXT);
	int code;

	if (bytes == NULL)
		return -ENOMEM;
	code = encode(run, &request, bytes + sizeof(request));
	if (code == 0) {
		memcpy(bytes, &request, sizeof(request));
		code = post(local, bytes, sizeof(request) + request.text, descriptors);
	}
	free(bytes);
	return code;
}

static int local_run(struct driver *driver, const struct driver_run *run)
{
	struct local *local = of_driver(driver);
	struct local_run *entry;
	int code;

	if (local->lost || local->closing)
		return BUSBAR_ERROR_STATE;
	if (run->input < 0 || run->output < 0 || run->problems < 0)
		return BUSBAR_ERROR_BAD_VALUE;
	if (hash_get(local->runs, &run->id) != NULL)
		return BUSBAR_ERROR_DUPLICATE;
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL)
		return -ENOMEM;
	entry->id = run->id;
	entry->asked_at = clock_monotonic(&clock_system);
	entry->output = duplicate_output(run->output);
	code = hash_put(local->runs, &entry->id, entry);
	if (code < 0)
		goto err_entry;
	code = post_run(local, run);
	if (code == 0)
		return 0;
	hash_remove(local->runs, &entry->id);
err_entry:
	free_run(entry);
	return code;
}

static int local_cancel(struct driver *driver, const struct identifier *id)
{
	struct local *local = of_driver(driver);
	const int none[EXECUTOR_DESCRIPTORS] = {-1, -1, -1};
	struct executor_request request = {.version = EXECUTOR_VERSION, .type = EXECUTOR_CANCEL, .id = *id};

	if (hash_get(local->runs, id) == NULL)
		return BUSBAR_ERROR_NOT_FOUND;
	return post(local, &request, sizeof(request), none);
}

static int local_measure(struct driver *driver, const struct identifier *id, struct driver_usage *ret_usage)
{
	struct local *local = of_driver(driver);
	struct local_run *run = hash_get(local->runs, id);
	struct cgroup_usage usage;
	struct cgroup group;
	struct stat status;
	char name[IDENTIFIER_TEXT];
	int code;

	if (run == NULL)
		return BUSBAR_ERROR_NOT_FOUND;
	code = cgroup_name(&local->tree, identifier_text(id, name), &group);
	/* No group: not begun, or ended with its end still on the way. Then the last values stand. */
	if (code == 0 && cgroup_measure(&group, &usage) == 0) {
		run->usage.cpu = usage.cpu;
		run->usage.memory_peak = usage.memory_peak;
		if (run->started_at != 0)
			run->usage.wall = clock_monotonic(&clock_system) - run->started_at;
	}
	if (run->output >= 0 && fstat(run->output, &status) == 0)
		run->usage.output = (uint64_t)status.st_size;
	*ret_usage = run->usage;
	return code;
}

static int64_t local_start_latency(const struct driver *driver)
{
	return of_driver(driver)->latency;
}

static void take_started(struct local *local, struct local_run *run)
{
	int64_t now = clock_monotonic(&clock_system);

	run->started_at = now;
	local->latency += (now - run->asked_at - local->latency) / SMOOTHING;
	local->callbacks.started(local->callbacks.context, &run->id);
}

static void take_ended(struct local *local, struct local_run *run, const struct driver_end *end)
{
	hash_remove(local->runs, &run->id);
	free_run(run);
	local->callbacks.ended(local->callbacks.context, end);
}

static void take_event(struct local *local, const struct executor_event *event)
{
	struct local_run *run = hash_get(local->runs, &event->id);
	struct driver_end end = {event->id, event->error, event->exit_status, event->usage};

	if (run == NULL)
		return;
	if (event->type == EXECUTOR_STARTED)
		take_started(local, run);
	else if (event->type == EXECUTOR_ENDED)
		take_ended(local, run, &end);
}

/* In a close only what had not been sent is left here: the executor itself tells the rest. */
static void lose_everything(struct local *local)
{
	const void *key;
	void *value;
	size_t position = 0;

	while (hash_next(local->runs, &position, &key, &value)) {
		struct local_run *run = value;
		struct driver_end end = {.id = run->id, .usage = run->usage};

		end.error = local->closing ? BUSBAR_ERROR_CANCELLED : BUSBAR_ERROR_LOST;
		take_ended(local, run, &end);
	}
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct local *local = handle->data;
	void (*closed)(void *) = local->closed;
	void *context = local->closed_context;

	if (--local->open_handles > 0)
		return;
	free_local(local);
	if (closed != NULL)
		closed(context);
}

/* The end of a close: both ways of hearing from the executor are over. */
static void finish_close(struct local *local)
{
	if (!local->closing || !local->lost || !local->exited ||
	    uv_is_closing((uv_handle_t *)&local->readable))
		return;
	uv_close((uv_handle_t *)&local->readable, on_handle_closed);
	if (local->open_handles > 1)
		uv_close((uv_handle_t *)&local->death, on_handle_closed);
}

static void on_socket_end(struct local *local)
{
	local->lost = true;
	uv_poll_stop(&local->readable);
	flush(local);
	if (!local->closing)
		log_error(TAG, "executor=%d runs=%zu cause=\"the executor died\"", (int)local->executor,
		          hash_count(local->runs));
	lose_everything(local);
	finish_close(local);
}

static void on_socket(uv_poll_t *handle, int status, int events)
{
	struct local *local = handle->data;
	struct executor_event event;
	ssize_t size;

	while ((size = recv(local->socket, &event, sizeof(event), MSG_DONTWAIT)) == sizeof(event)) {
		if (event.version == EXECUTOR_VERSION)
			take_event(local, &event);
	}
	if (size >= 0 || (errno != EAGAIN && errno != EINTR)) {
		on_socket_end(local);
		return;
	}
	if ((events & UV_WRITABLE) != 0) {
		flush(local);
		watch_socket(local);
	}
}

static void on_death(uv_poll_t *handle, int status, int events)
{
	struct local *local = handle->data;

	if (waitpid(local->executor, NULL, WNOHANG) == 0)
		return;
	local->exited = true;
	uv_poll_stop(handle);
	finish_close(local);
}

static void local_close(struct driver *driver, void (*closed)(void *context), void *context)
{
	struct local *local = of_driver(driver);

	local->closing = true;
	local->closed = closed;
	local->closed_context = context;
	/* What waits has not begun: it ends as cancelled, with everything else, when the socket ends. */
	(void)shutdown(local->socket, SHUT_WR);
	finish_close(local);
}

static const struct driver_operations operations = {
        .name = "local",
        .run = local_run,
        .cancel = local_cancel,
        .measure = local_measure,
        .start_latency = local_start_latency,
        .close = local_close,
};

pid_t local_executor(const struct driver *driver)
{
	return of_driver(driver)->executor;
}

uint32_t local_count(const struct driver *driver)
{
	return (uint32_t)hash_count(of_driver(driver)->runs);
}

/* The executor's first message, or its death. */
static int wait_until_ready(int socket)
{
	struct pollfd readable = {.fd = socket, .events = POLLIN};
	struct executor_event event;

	if (poll(&readable, 1, READY_WAIT) <= 0)
		return -ETIMEDOUT;
	if (recv(socket, &event, sizeof(event), 0) != sizeof(event) || event.type != EXECUTOR_READY)
		return BUSBAR_ERROR_PEER;
	return event.version == EXECUTOR_VERSION ? event.error : BUSBAR_ERROR_VERSION;
}

static int fork_executor(struct local *local, const struct executor_settings *settings)
{
	int size = SEND_BUFFER;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	/* More than the system's maximum where that is allowed; less only means more waiting. */
	for (int i = 0; i < 2; i++) {
		if (setsockopt(ends[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
			(void)setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	local->executor = fork();
	if (local->executor == 0)
		_exit(executor_main(ends[1], settings));
	close(ends[1]);
	local->socket = ends[0];
	if (local->executor < 0)
		return -errno;
	local->executor_pidfd = pidfd_open(local->executor, 0);
	if (local->executor_pidfd < 0)
		return -errno;
	return wait_until_ready(local->socket);
}

/* After a failed start: the end of the socket tells the executor to end, and it always obeys. */
static void dismiss(struct local *local)
{
	if (local->socket >= 0)
		(void)shutdown(local->socket, SHUT_RDWR);
	if (local->executor > 0)
		(void)waitpid(local->executor, NULL, 0);
	local->closing = local->lost = local->exited = true;
	if (local->open_handles > 0)
		finish_close(local);
	else
		free_local(local);
}

static int watch_executor(struct local *local, uv_loop_t *loop)
{
	int code = uv_poll_init(loop, &local->readable, local->socket);

	if (code < 0)
		return code;
	local->readable.data = local;
	local->open_handles++;
	code = uv_poll_init(loop, &local->death, local->executor_pidfd);
	if (code < 0)
		return code;
	local->death.data = local;
	local->open_handles++;
	watch_socket(local);
	return uv_poll_start(&local->death, UV_READABLE, on_death);
}

int local_create(uv_loop_t *loop, const struct local_settings *settings,
                 const struct driver_callbacks *callbacks, struct driver **ret_driver)
{
	struct executor_settings executor = {
	        .root = settings->cgroup_root != NULL ? settings->cgroup_root : CGROUP_ROOT,
	        .base = settings->cgroup_base,
	        .maximum = settings->maximum,
	};
	struct local *local;
	uint64_t seed;
	int code = random_system(&seed, sizeof(seed));

	if (code < 0)
		return code;
	if (settings->maximum == 0 || settings->maximum > EXECUTOR_RUNS)
		return BUSBAR_ERROR_BAD_VALUE;
	local = calloc(1, sizeof(*local));
	if (local == NULL)
		return -ENOMEM;
	local->driver.operations = &operations;
	local->callbacks = *callbacks;
	local->maximum = settings->maximum;
	local->latency = FIRST_LATENCY;
	local->last = &local->first;
	local->socket = local->executor_pidfd = -1;
	local->runs = hash_create(sizeof(struct identifier), settings->maximum, seed);
	code = local->runs == NULL ? -ENOMEM : fork_executor(local, &executor);
	if (code == 0)
		code = cgroup_tree_watch(&local->tree, executor.root, executor.base);
	if (code == 0)
		code = watch_executor(local, loop);
	if (code < 0) {
		dismiss(local);
		return code;
	}
	*ret_driver = &local->driver;
	return 0;
}
