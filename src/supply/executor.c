/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The executor's loop: one epoll over the socket, one timer, and two descriptors per run.
 *
 * Nothing is queued: an event that the socket does not take at once stays a flag of its run, and runs are a
 * fixed table. The timer is set to the earliest `wake` of all runs.
 */
#include "supply/executor.h"

#include "base/error.h"
#include "base/log.h"
#include "supply/run.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define TAG "executor"
#define SWEEP_PATIENCE (5 * CLOCK_SECOND)
/* For the executor of a daemon that was killed: it ends the runs first. */
#define OWN_PATIENCE (5 * CLOCK_SECOND)

enum { EVENTS = 64, SOCKET = 3, BUFFER = sizeof(struct executor_request) + EXECUTOR_TEXT };

/* What an epoll event is about: kind and, for the last two, the run's index. */
enum source { SOURCE_SOCKET, SOURCE_TIMER, SOURCE_REPORTS, SOURCE_DEATH };

struct executor {
	struct cgroup_tree tree;
	int socket;
	int poll;
	int timer;
	int64_t timer_at;
	uint32_t watched; /* events of the socket */
	bool closing;     /* the daemon shut down or died */
	bool blocked;     /* the socket took no more: wait until it does */
	uint32_t maximum;
	uint32_t count; /* runs that are not FREE */
	struct run *runs;
	struct run_text text;
	char buffer[BUFFER];
};

static int watch(struct executor *executor, int operation, int descriptor, uint32_t events,
                 enum source source, uint32_t index)
{
	struct epoll_event event = {.events = events, .data.u64 = (uint64_t)index << 2 | source};
	return epoll_ctl(executor->poll, operation, descriptor, &event) < 0 ? -errno : 0;
}

static void watch_socket(struct executor *executor)
{
	uint32_t events = (executor->closing ? 0 : EPOLLIN) | (executor->blocked ? EPOLLOUT : 0);

	if (events == executor->watched)
		return;
	executor->watched = events;
	/* A dead peer is always reported (EPOLLHUP), so an idle socket must not be watched at all. */
	(void)epoll_ctl(executor->poll, EPOLL_CTL_DEL, executor->socket, NULL);
	if (events != 0 && watch(executor, EPOLL_CTL_ADD, executor->socket, events, SOURCE_SOCKET, 0) < 0)
		log_error(TAG, "cause=\"cannot watch the socket\"");
}

/* True when the event was delivered or nobody is there to take it. */
static bool send_event(struct executor *executor, const struct executor_event *event)
{
	if (send(executor->socket, event, sizeof(*event), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return true;
	if (errno != EAGAIN && errno != ENOBUFS)
		return true;
	executor->blocked = true;
	return false;
}

static struct executor_event make_event(enum executor_type type, const struct identifier *id)
{
	return (struct executor_event){.version = EXECUTOR_VERSION, .type = (uint16_t)type, .id = *id};
}

/* Sends what the run has to say; frees it after its end. */
static void tell(struct executor *executor, struct run *run)
{
	struct executor_event event;

	if (run->started && !executor->blocked) {
		event = make_event(EXECUTOR_STARTED, &run->id);
		run->started = !send_event(executor, &event);
	}
	if (run->state != RUN_ENDED || run->started || executor->blocked)
		return;
	event = make_event(EXECUTOR_ENDED, &run->id);
	event.error = run->end.error;
	event.exit_status = run->end.exit_status;
	event.usage = run->end.usage;
	if (send_event(executor, &event)) {
		run_release(run);
		executor->count--;
	}
}

/* The end of a run that never was one. */
static void tell_refusal(struct executor *executor, const struct identifier *id, int error)
{
	struct executor_event event = make_event(EXECUTOR_ENDED, id);
	char text[IDENTIFIER_TEXT];

	event.error = error;
	log_warning(TAG, "run=%s refused=\"%s\"", identifier_text(id, text), error_text(error));
	/* Blocking: there is no run to keep the message in, and the daemon always reads. */
	(void)send(executor->socket, &event, sizeof(event), MSG_NOSIGNAL);
}

static struct run *find_run(struct executor *executor, const struct identifier *id)
{
	for (uint32_t i = 0; i < executor->maximum; i++) {
		struct run *run = &executor->runs[i];
		if (run->state != RUN_FREE && identifier_equal(&run->id, id))
			return run;
	}
	return NULL;
}

static struct run *find_free(struct executor *executor)
{
	for (uint32_t i = 0; i < executor->maximum; i++) {
		if (executor->runs[i].state == RUN_FREE)
			return &executor->runs[i];
	}
	return NULL;
}

static void unwatch(struct executor *executor, const struct run *run)
{
	(void)epoll_ctl(executor->poll, EPOLL_CTL_DEL, run->process.process, NULL);
	(void)epoll_ctl(executor->poll, EPOLL_CTL_DEL, run->process.reports, NULL);
}

/* The kernel has no room to watch a new run: it ends at once, and its end is told like any other. */
static void end_unwatched(struct executor *executor, struct run *run, int error)
{
	struct pollfd death = {.fd = run->process.process, .events = POLLIN};

	run_stop(run, error);
	while (poll(&death, 1, -1) < 0 && errno == EINTR)
		;
	unwatch(executor, run);
	run_died(run, clock_monotonic(&clock_system));
}

static int start_run(struct executor *executor, const struct executor_request *request, size_t text_size,
                     const int descriptors[EXECUTOR_DESCRIPTORS])
{
	const char *text = executor->buffer + sizeof(*request);
	struct run *run = find_free(executor);
	uint32_t index = run == NULL ? 0 : (uint32_t)(run - executor->runs);
	int code = run_parse(request, text, text_size, &executor->text);

	if (code < 0)
		return code;
	if (run == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	if (find_run(executor, &request->id) != NULL)
		return BUSBAR_ERROR_DUPLICATE;
	code = run_start(run, &executor->tree, request, &executor->text, descriptors,
	                 SANDBOX_FIRST_USER + index);
	if (code < 0)
		return code;
	executor->count++;
	code = watch(executor, EPOLL_CTL_ADD, run->process.process, EPOLLIN, SOURCE_DEATH, index);
	if (code == 0)
		code = watch(executor, EPOLL_CTL_ADD, run->process.reports, EPOLLIN, SOURCE_REPORTS, index);
	if (code < 0)
		end_unwatched(executor, run, code);
	return 0;
}

/* The attached descriptors; all closed again unless there are exactly as many as there have to be. */
static int take_attached(struct msghdr *message, int descriptors[EXECUTOR_DESCRIPTORS])
{
	size_t count = 0;

	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL; part = CMSG_NXTHDR(message, part)) {
		size_t size = part->cmsg_len - CMSG_LEN(0);
		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		count = MINIMUM(size / sizeof(int), (size_t)EXECUTOR_DESCRIPTORS);
		memcpy(descriptors, CMSG_DATA(part), count * sizeof(int));
	}
	if (count == EXECUTOR_DESCRIPTORS)
		return 0;
	for (size_t i = 0; i < count; i++)
		close(descriptors[i]);
	for (size_t i = 0; i < EXECUTOR_DESCRIPTORS; i++)
		descriptors[i] = -1;
	return BUSBAR_ERROR_MALFORMED;
}

static void take_request(struct executor *executor, size_t size, struct msghdr *message)
{
	int descriptors[EXECUTOR_DESCRIPTORS] = {-1, -1, -1};
	int attached = take_attached(message, descriptors);
	struct executor_request request;
	struct run *run;
	int code;

	if (size < sizeof(request))
		goto out;
	memcpy(&request, executor->buffer, sizeof(request));
	if (request.version != EXECUTOR_VERSION)
		goto out;
	switch (request.type) {
	case EXECUTOR_RUN:
		code = attached < 0 ? attached
		                    : start_run(executor, &request, size - sizeof(request), descriptors);
		if (code < 0)
			tell_refusal(executor, &request.id, code);
		break;
	case EXECUTOR_CANCEL:
		run = find_run(executor, &request.id);
		if (run != NULL)
			run_stop(run, BUSBAR_ERROR_CANCELLED);
		break;
	default:
		log_error(TAG, "cause=\"unknown request\" type=%u", request.type);
	}
out:
	for (size_t i = 0; i < EXECUTOR_DESCRIPTORS; i++) {
		if (descriptors[i] >= 0)
			close(descriptors[i]);
	}
}

static void stop_everything(struct executor *executor)
{
	executor->closing = true;
	for (uint32_t i = 0; i < executor->maximum; i++)
		run_stop(&executor->runs[i], BUSBAR_ERROR_CANCELLED);
}

/* One request per call, so that deaths and deadlines get their turn in between. */
static void receive(struct executor *executor)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(EXECUTOR_DESCRIPTORS * sizeof(int))];
	struct iovec part = {executor->buffer, sizeof(executor->buffer)};
	struct msghdr message = {
	        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t size = recvmsg(executor->socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (size > 0)
		take_request(executor, (size_t)size, &message);
	else if (size == 0 || (errno != EAGAIN && errno != EINTR && errno != ENOBUFS))
		stop_everything(executor);
}

static void take_event(struct executor *executor, const struct epoll_event *event, int64_t now)
{
	enum source source = (enum source)(event->data.u64 & 3);
	struct run *run = &executor->runs[event->data.u64 >> 2];
	uint64_t expirations;
	ssize_t size;

	switch (source) {
	case SOURCE_SOCKET:
		executor->blocked =
		        executor->blocked && (event->events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0;
		if (!executor->closing && (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
			receive(executor);
		break;
	case SOURCE_TIMER:
		size = read(executor->timer, &expirations, sizeof(expirations));
		(void)size; /* the runs are looked at after every round */
		executor->timer_at = INT64_MAX;
		break;
	case SOURCE_REPORTS:
		run_read_reports(run);
		/* The init closed it: only its death is still to come. */
		if ((event->events & EPOLLHUP) != 0)
			(void)epoll_ctl(executor->poll, EPOLL_CTL_DEL, run->process.reports, NULL);
		break;
	case SOURCE_DEATH:
		unwatch(executor, run);
		run_died(run, now);
		break;
	}
}

/* After every round: what is due, what is to be told, when to look again. */
static void settle(struct executor *executor)
{
	int64_t now = clock_monotonic(&clock_system);
	int64_t next = INT64_MAX;

	for (uint32_t i = 0; i < executor->maximum && executor->count > 0; i++) {
		struct run *run = &executor->runs[i];
		if (run->state == RUN_FREE)
			continue;
		if (run->wake <= now)
			run_wake(run, now);
		tell(executor, run);
		if (run->state != RUN_FREE)
			next = MINIMUM(next, run->wake);
	}
	watch_socket(executor);
	if (next != executor->timer_at && next != INT64_MAX) {
		struct itimerspec at = {.it_value = {next / CLOCK_SECOND, next % CLOCK_SECOND}};
		(void)timerfd_settime(executor->timer, TFD_TIMER_ABSTIME, &at, NULL);
		executor->timer_at = next;
	}
}

static int compare_sources(const void *a, const void *b)
{
	uint64_t first = ((const struct epoll_event *)a)->data.u64 & 3;
	uint64_t second = ((const struct epoll_event *)b)->data.u64 & 3;
	return (first > second) - (first < second);
}

static void loop(struct executor *executor)
{
	struct epoll_event events[EVENTS];

	while (!executor->closing || executor->count > 0) {
		int count = epoll_wait(executor->poll, events, EVENTS, -1);
		int64_t now = clock_monotonic(&clock_system);

		/* Deaths last: they free what an earlier event of the same round may be about. */
		if (count > 1)
			qsort(events, (size_t)count, sizeof(events[0]), compare_sources);
		for (int i = 0; i < count; i++)
			take_event(executor, &events[i], now);
		settle(executor);
	}
}

/* Only the socket and standard error are left, and no signal but SIGKILL ends this process. */
static int settle_in(int socket)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2};
	struct rlimit files;
	sigset_t none;
	int null;

	(void)setsid();
	(void)prctl(PR_SET_NAME, "busbar-executor", 0, 0, 0);
	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || chdir("/") < 0)
		return -errno;
	if (socket != SOCKET && dup2(socket, SOCKET) < 0)
		return -errno;
	if (fcntl(SOCKET, F_SETFD, FD_CLOEXEC) < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
		return -errno;
	/* A daemon without standard error: the number must not be given to something else. */
	if (fcntl(2, F_GETFD) < 0 && dup2(null, 2) < 0)
		return -errno;
	return close_range(SOCKET + 1, ~0U, 0) < 0 ? -errno : 0;
}

static int open_descriptors(struct executor *executor)
{
	executor->poll = epoll_create1(EPOLL_CLOEXEC);
	executor->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (executor->poll < 0 || executor->timer < 0)
		return -errno;
	watch_socket(executor);
	return watch(executor, EPOLL_CTL_ADD, executor->timer, EPOLLIN, SOURCE_TIMER, 0);
}

static int prepare(struct executor *executor, const struct executor_settings *settings)
{
	int code;

	if (settings->maximum == 0 || settings->maximum > EXECUTOR_RUNS)
		return BUSBAR_ERROR_BAD_VALUE;
	executor->maximum = settings->maximum;
	executor->timer_at = INT64_MAX;
	executor->runs = calloc(settings->maximum, sizeof(*executor->runs));
	if (executor->runs == NULL)
		return -ENOMEM;
	code = cgroup_tree_own(&executor->tree, settings->root, settings->base, OWN_PATIENCE);
	if (code < 0)
		return code;
	code = cgroup_tree_sweep(&executor->tree, SWEEP_PATIENCE);
	if (code > 0)
		log_warning(TAG, "base=%s left_behind=%d cause=\"removed groups of an earlier executor\"",
		            settings->base, code);
	if (code >= 0)
		code = sandbox_prepare();
	if (code >= 0)
		code = open_descriptors(executor);
	return code;
}

int executor_main(int socket, const struct executor_settings *settings)
{
	struct executor *executor = calloc(1, sizeof(*executor));
	struct executor_event ready = {.version = EXECUTOR_VERSION, .type = EXECUTOR_READY};
	int code = executor == NULL ? -ENOMEM : settle_in(socket);

	if (code == 0) {
		executor->socket = SOCKET;
		code = prepare(executor, settings);
		ready.error = MINIMUM(code, 0);
		(void)send(SOCKET, &ready, sizeof(ready), MSG_NOSIGNAL);
	}
	if (code >= 0)
		loop(executor);
	if (executor != NULL) {
		cgroup_tree_remove(&executor->tree);
		cgroup_tree_close(&executor->tree);
		free(executor->runs);
	}
	free(executor);
	return code < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
