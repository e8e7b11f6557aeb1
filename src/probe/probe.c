/* SPDX-License-Identifier: Apache-2.0 */
/* The loop's side: makes sockets and sessions, gives orders, hands on what is reported. */
#include "probe/probe.h"

#include "base/log.h"
#include "probe/probe_internal.h"
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TAG "probe"

enum { PRIORITY = 5 };

/* Reports. */

static void hand_on(struct probe *probe, struct channel *channel)
{
	const struct report *report = mailbox_take(&channel->reports);

	/* One of a former life of the number is of no use to anybody. */
	if (report == NULL || report->life != channel->wanted.life)
		return;
	channel->state = report->news.state;
	probe->heard(probe->context, channel->number, &report->news);
}

static void on_reports(uv_async_t *async)
{
	struct probe *probe = async->data;
	int number;

	/* As many as there can be: who reports again meanwhile has its turn the next time. */
	for (uint32_t i = 0; i < PROBE_SESSIONS && !probe->closing; i++) {
		number = bits_take(&probe->reported);
		if (number < 0)
			return;
		hand_on(probe, probe->channels[number]);
	}
	(void)uv_async_send(async);
}

/* Orders. */

static void wake(struct probe *probe)
{
	uint64_t one = 1;

	if (write(probe->wake, &one, sizeof(one)) < 0)
		log_error(TAG, "event=not-woken cause=\"%s\"", strerror(errno));
}

static void give_order(struct probe *probe, struct channel *channel)
{
	struct order *order = mailbox_slot(&channel->orders);

	*order = channel->wanted;
	(void)mailbox_put(&channel->orders);
	bits_set(&probe->ordered, channel->number);
	wake(probe);
}

/* Opening and closing. */

static void close_descriptor(int descriptor)
{
	if (descriptor >= 0)
		(void)close(descriptor);
}

static void free_channel(struct channel *channel)
{
	mailbox_close(&channel->orders);
	mailbox_close(&channel->reports);
	free(channel);
}

static void release(struct probe *probe)
{
	/* Before what is in it. */
	(void)heap_free(probe->heap);
	for (uint32_t i = 0; i < PROBE_SESSIONS && probe->channels[i] != NULL; i++)
		free_channel(probe->channels[i]);
	for (uint32_t i = 0; i < probe->outlet_count; i++)
		close_descriptor(probe->outlets[i].descriptor);
	close_descriptor(probe->epoll);
	close_descriptor(probe->wake);
	close_descriptor(probe->raw);
	mailbox_close(&probe->load);
	explicit_bzero(probe->key, sizeof(probe->key));
	explicit_bzero(&probe->segment_key, sizeof(probe->segment_key));
	free(probe);
}

static void on_closed(uv_handle_t *handle)
{
	release(handle->data);
}

static int watch(struct probe *probe, int descriptor, uint32_t number)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};

	return epoll_ctl(probe->epoll, EPOLL_CTL_ADD, descriptor, &event) < 0 ? -errno : 0;
}

static int open_tools(struct probe *probe)
{
	probe->epoll = epoll_create1(EPOLL_CLOEXEC);
	probe->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (probe->epoll < 0 || probe->wake < 0)
		return -errno;
	probe->heap = heap_create(NULL, PROBE_SESSIONS);
	if (probe->heap == NULL)
		return -ENOMEM;
	return watch(probe, probe->wake, THREAD_WAKE);
}

static void open_raw(struct probe *probe, const struct seal_key *key)
{
	if (key == NULL)
		return;
	probe->segment_key = *key;
	probe->raw = socket_open_raw();
	if (probe->raw < 0)
		log_warning(TAG, "event=no-segments cause=\"%s\"", error_text(probe->raw));
}

/* Wake-ups are late by milliseconds on a busy host otherwise. Refused privileges are not an error. */
static void take_priority(struct probe *probe)
{
	const struct sched_param parameters = {.sched_priority = PRIORITY};
	int code = pthread_setschedparam(probe->thread, SCHED_FIFO, &parameters);

	(void)pthread_setname_np(probe->thread, "probe");
	probe->real_time = code == 0;
	if (code != 0)
		log_notice(TAG, "scheduling=other cause=\"%s\"", strerror(code));
}

static int start_thread(struct probe *probe)
{
	int code = pthread_create(&probe->thread, NULL, thread_run, probe);

	if (code != 0)
		return -code;
	probe->running = true;
	take_priority(probe);
	return 0;
}

int probe_create(uv_loop_t *loop, const struct probe_settings *settings, struct probe **ret_probe)
{
	struct probe *probe = calloc(1, sizeof(*probe));
	int code;

	if (probe == NULL)
		return -ENOMEM;
	probe->epoll = probe->wake = probe->raw = -1;
	probe->heard = settings->heard;
	probe->context = settings->context;
	probe->bytes = sizeof(*probe);
	probe->authenticated = settings->key != NULL;
	if (settings->key != NULL)
		memcpy(probe->key, settings->key, sizeof(probe->key));
	limit_init(&probe->limit, settings->source_rate, settings->total_rate, settings->seed);
	code = uv_async_init(loop, &probe->async, on_reports);
	if (code < 0) {
		release(probe);
		return code;
	}
	probe->async.data = probe;
	code = mailbox_open(&probe->load, sizeof(struct site_load));
	if (code == 0)
		code = open_tools(probe);
	if (code == 0) {
		open_raw(probe, settings->segment_key);
		code = start_thread(probe);
	}
	if (code < 0) {
		probe_close(probe);
		return code;
	}
	*ret_probe = probe;
	return 0;
}

void probe_close(struct probe *probe)
{
	if (probe == NULL || probe->closing)
		return;
	probe->closing = true;
	atomic_store_explicit(&probe->stopping, true, memory_order_release);
	if (probe->running) {
		wake(probe);
		(void)pthread_join(probe->thread, NULL);
	}
	uv_close((uv_handle_t *)&probe->async, on_closed);
}

/* Sockets. */

static int open_outlet(struct probe *probe, const uint8_t local[16], uint32_t interface, uint16_t port,
                       bool reflects)
{
	struct outlet *outlet = &probe->outlets[probe->outlet_count];
	int code;

	if (probe->outlet_count == PROBE_SOCKETS)
		return BUSBAR_ERROR_TABLE_FULL;
	outlet->reflects = reflects;
	outlet->interface = interface;
	memcpy(outlet->local, local, sizeof(outlet->local));
	outlet->descriptor = socket_open(local, interface, port, &outlet->port);
	if (outlet->descriptor < 0)
		return outlet->descriptor;
	code = watch(probe, outlet->descriptor, probe->outlet_count);
	if (code < 0) {
		close_descriptor(outlet->descriptor);
		return code;
	}
	return (int)probe->outlet_count++;
}

int probe_reflect(struct probe *probe, const uint8_t local[16], uint32_t interface, uint16_t port)
{
	int number = open_outlet(probe, local, interface, port, true);

	return number < 0 ? number : probe->outlets[number].port;
}

/* Sessions of one address share a socket. */
static int find_outlet(struct probe *probe, const struct probe_target *target)
{
	for (uint32_t i = 0; i < probe->outlet_count; i++) {
		const struct outlet *outlet = &probe->outlets[i];

		if (!outlet->reflects && outlet->interface == target->interface &&
		    memcmp(outlet->local, target->local, sizeof(outlet->local)) == 0)
			return (int)i;
	}
	return open_outlet(probe, target->local, target->interface, 0, false);
}

/* Sessions. */

static struct channel *make_channel(struct probe *probe, uint32_t number)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	if (channel == NULL)
		return NULL;
	channel->number = number;
	if (mailbox_open(&channel->orders, sizeof(struct order)) < 0 ||
	    mailbox_open(&channel->reports, sizeof(struct report)) < 0) {
		free_channel(channel);
		return NULL;
	}
	probe->channels[number] = channel;
	probe->bytes += sizeof(*channel) + 3 * (channel->orders.size + channel->reports.size);
	return channel;
}

/* The first number that is not in use; those that ever were have a channel. */
static int find_free(struct probe *probe, struct channel **ret_channel)
{
	for (uint32_t i = 0; i < PROBE_SESSIONS; i++) {
		struct channel *channel = probe->channels[i];

		if (channel != NULL && channel->wanted.life != 0)
			continue;
		if (channel == NULL)
			channel = make_channel(probe, i);
		if (channel == NULL)
			return -ENOMEM;
		*ret_channel = channel;
		return 0;
	}
	return BUSBAR_ERROR_TABLE_FULL;
}

static int aim(struct probe *probe, struct channel *channel, const struct probe_target *target,
               int64_t interval)
{
	bool routed = target->segment_count > 0 || target->way_count > 0;
	int outlet;

	if (target->segment_count > STAMP_SEGMENTS || target->way_count > STAMP_SEGMENTS || interval <= 0)
		return -EINVAL;
	if (routed && probe->raw < 0)
		return -ENOTSUP;
	outlet = find_outlet(probe, target);
	if (outlet < 0)
		return outlet;
	channel->wanted = (struct order){
	        .life = ++probe->lives, .socket = (uint32_t)outlet, .interval = interval, .target = *target};
	channel->state = PROBE_PENDING;
	if (target->port == 0)
		channel->wanted.target.port = STAMP_PORT;
	give_order(probe, channel);
	return 0;
}

int probe_add(struct probe *probe, const struct probe_target *target, int64_t interval)
{
	struct channel *channel;
	int code = find_free(probe, &channel);

	if (code == 0)
		code = aim(probe, channel, target, interval);
	return code < 0 ? code : (int)channel->number;
}

int probe_set_target(struct probe *probe, uint32_t session, const struct probe_target *target)
{
	struct channel *channel = probe->channels[session];

	return aim(probe, channel, target, channel->wanted.interval);
}

void probe_set_interval(struct probe *probe, uint32_t session, int64_t interval)
{
	struct channel *channel = probe->channels[session];

	if (channel->wanted.interval == interval || interval <= 0)
		return;
	channel->wanted.interval = interval;
	give_order(probe, channel);
}

void probe_remove(struct probe *probe, uint32_t session)
{
	struct channel *channel = probe->channels[session];

	channel->wanted = (struct order){.life = 0};
	give_order(probe, channel);
}

/* The rest. */

void probe_publish(struct probe *probe, const struct site_load *load)
{
	struct site_load *slot = mailbox_slot(&probe->load);

	*slot = *load;
	(void)mailbox_put(&probe->load);
}

static uint64_t read_counter(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void probe_read_statistics(const struct probe *probe, struct probe_statistics *ret_statistics)
{
	struct probe_statistics statistics = {.real_time = probe->real_time,
	                                      .sent = read_counter(&probe->counters.sent),
	                                      .unsent = read_counter(&probe->counters.unsent),
	                                      .received = read_counter(&probe->counters.received),
	                                      .answered = read_counter(&probe->counters.answered),
	                                      .bytes = probe->bytes};

	for (unsigned i = 0; i < ERROR_COUNT; i++) {
		statistics.refused[i] = read_counter(&probe->counters.refused[i]);
		statistics.rejected[i] = read_counter(&probe->counters.rejected[i]);
		statistics.extensions[i] = read_counter(&probe->counters.extensions[i]);
	}
	for (uint32_t i = 0; i < PROBE_SESSIONS && probe->channels[i] != NULL; i++) {
		bool used = probe->channels[i]->wanted.life != 0;

		statistics.sessions += used;
		statistics.silent += used && probe->channels[i]->state == PROBE_SILENT;
	}
	*ret_statistics = statistics;
}
