/* SPDX-License-Identifier: Apache-2.0 */
#include "api/front.h"

#include "api/front_internal.h"
#include "base/error.h"
#include "base/log.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAG "front"

enum { MAP_ARENA = 64 << 20, ASK_ARENA = 1 << 20, SERVED_A_TURN = 32 };

int64_t front_wall(const struct front *front)
{
	return clock_wall(&front->settings.source->clock);
}

const struct front_tenant *front_find_tenant(const struct front *front, uint32_t key)
{
	const struct roster *roster = __atomic_load_n(&front->roster, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < roster->count; i++)
		if (roster->tenants[i].key == key)
			return &roster->tenants[i];
	return NULL;
}

int front_set_tenants(struct front *front, const struct front_tenant *tenants, uint32_t count)
{
	struct roster *roster = calloc(1, sizeof(*roster));

	if (roster == NULL)
		return -ENOMEM;
	*roster = (struct roster){.before = front->roster, .tenants = tenants, .count = count};
	__atomic_store_n(&front->roster, roster, __ATOMIC_RELEASE);
	return 0;
}

static void free_rosters(struct roster *roster)
{
	while (roster != NULL) {
		struct roster *before = roster->before;

		free(roster);
		roster = before;
	}
}

const uint8_t *front_secret(void *context, uint32_t key)
{
	const struct front_tenant *tenant = front_find_tenant(context, key);

	return tenant == NULL ? NULL : tenant->secret;
}

const uint64_t *front_refusals(const struct front *front)
{
	return front->refusals;
}

/* Between the threads. */

void front_hand_over(struct front *front, struct request *first, struct request **last)
{
	bool was_empty;

	if (first == NULL)
		return;
	(void)pthread_mutex_lock(&front->lock);
	was_empty = front->first == NULL;
	*front->last = first;
	front->last = last;
	(void)pthread_mutex_unlock(&front->lock);
	if (was_empty)
		(void)uv_async_send(&front->wake);
}

/* At most `most` requests, oldest first; what is left wakes the loop again. */
static struct request *take_requests(struct front *front, uint32_t most)
{
	struct request *first, **last = &front->first;
	bool more;

	(void)pthread_mutex_lock(&front->lock);
	first = front->first;
	for (uint32_t i = 0; i < most && *last != NULL; i++)
		last = &(*last)->next;
	front->first = *last;
	*last = NULL;
	more = front->first != NULL;
	if (!more)
		front->last = &front->first;
	(void)pthread_mutex_unlock(&front->lock);
	if (more)
		(void)uv_async_send(&front->wake);
	return first;
}

void front_instance_late(struct front *front, uint32_t service, uint32_t instance)
{
	(void)pthread_mutex_lock(&front->lock);
	front->late[service] |= UINT64_C(1) << instance;
	(void)pthread_mutex_unlock(&front->lock);
	(void)uv_async_send(&front->wake);
}

static void report_late(struct front *front)
{
	uint64_t late[ALLOWANCE_SERVICES];

	(void)pthread_mutex_lock(&front->lock);
	memcpy(late, front->late, sizeof(late));
	memset(front->late, 0, sizeof(front->late));
	(void)pthread_mutex_unlock(&front->lock);
	for (uint32_t service = 0; service < front->settings.resident_count; service++)
		for (uint32_t instance = 0; instance < FRONT_INSTANCES; instance++)
			if ((late[service] >> instance & 1) != 0)
				front->settings.late(front->settings.context, service, instance);
}

/* An instance stays with one receiver in all its lives: requests wait for it there. */
void front_add_instance(struct front *front, uint32_t service, uint32_t instance, int descriptor)
{
	if (receiver_add_instance(front->receivers[instance % front->receiver_count], service, instance,
	                          descriptor) < 0)
		close(descriptor);
}

static void on_wake(uv_async_t *wake)
{
	struct front *front = wake->data;
	struct request *request = take_requests(front, SERVED_A_TURN);

	if (!front->closing)
		report_late(front);
	while (request != NULL) {
		struct request *next = request->next;

		if (!front->closing)
			serve(front, request);
		receiver_return(request->receiver, request);
		request = next;
	}
}

void front_publish(struct front *front, struct view *view)
{
	const struct view *snapshot = view_snapshot(view), *before;

	if (snapshot == NULL) {
		log_warning(TAG, "event=no-snapshot");
		return;
	}
	(void)pthread_mutex_lock(&front->lock);
	before = front->snapshot;
	front->snapshot = snapshot;
	(void)pthread_mutex_unlock(&front->lock);
	(void)view_release_snapshot(before);
}

const struct view *front_snapshot(struct front *front)
{
	const struct view *snapshot;

	(void)pthread_mutex_lock(&front->lock);
	snapshot = view_share_snapshot(front->snapshot);
	(void)pthread_mutex_unlock(&front->lock);
	return snapshot;
}

void front_durable(struct front *front)
{
	outbox_flush(front->outbox, database_durable(front->settings.database));
}

/* Life. */

static struct rate *make_rate(uint64_t per_second, uint64_t seed)
{
	return rate_create(FRONT_METERS, per_second, per_second / 10 + 1, seed);
}

static int make_tables(struct front *front)
{
	const struct front_settings *settings = &front->settings;

	front->arena = arena_create(MAP_ARENA);
	front->ask_arena = settings->controls ? arena_create(ASK_ARENA) : NULL;
	front->recent = recent_create(FRONT_RECENT, 2 * FRONT_AGE, settings->seed);
	front->waiting_slab = slab_create(sizeof(struct waiting), FRONT_WAITING);
	front->waiting = hash_create(sizeof(struct identifier), FRONT_WAITING, settings->seed);
	front->follower_slab = slab_create(follow_size, FRONT_FOLLOWERS);
	front->followers = hash_create(sizeof(struct identifier), FRONT_FOLLOWERS, settings->seed);
	front->sources = make_rate(settings->rates.source, settings->seed);
	front->strangers = make_rate(settings->rates.stranger, settings->seed);
	front->tenants = make_rate(settings->rates.tenant, settings->seed);
	front->outbox = outbox_create(reply_batch, front, FRONT_REPLIES, FRONT_REPLIES * (size_t)512);
	if (front->outbox == NULL || front->arena == NULL || front->recent == NULL ||
	    front->waiting_slab == NULL || front->waiting == NULL || front->follower_slab == NULL ||
	    front->followers == NULL || front->sources == NULL || front->strangers == NULL ||
	    front->tenants == NULL || (settings->controls && front->ask_arena == NULL))
		return -ENOMEM;
	return 0;
}

static int start_receivers(struct front *front)
{
	int code = 0;

	while (front->receiver_count < front->settings.receivers && code == 0) {
		code = receiver_create(front, &front->receivers[front->receiver_count]);
		front->receiver_count += code == 0 ? 1 : 0;
	}
	return code;
}

int front_create(uv_loop_t *loop, const struct front_settings *settings, struct front **ret_front)
{
	struct front *front;
	int code;

	if (settings->receivers == 0 || settings->receivers > FRONT_RECEIVERS)
		return BUSBAR_ERROR_BAD_VALUE;
	front = calloc(1, sizeof(*front));
	if (front == NULL)
		return -ENOMEM;
	front->settings = *settings;
	front->loop = loop;
	front->last = &front->first;
	front->lock_made = pthread_mutex_init(&front->lock, NULL) == 0;
	code = front->lock_made ? make_tables(front) : -ENOMEM;
	if (code == 0)
		code = front_set_tenants(front, settings->tenants, settings->tenant_count);
	if (code == 0)
		code = uv_async_init(loop, &front->wake, on_wake);
	front->wake_open = code == 0;
	front->wake.data = front;
	if (code == 0)
		code = start_receivers(front);
	if (code < 0) {
		front_close(front);
		return code;
	}
	*ret_front = front;
	return 0;
}

int front_listen(struct front *front, const struct front_listen *listen)
{
	struct front_place *place = &front->places[front->place_count];

	if (front->place_count == FRONT_PLACES)
		return BUSBAR_ERROR_TABLE_FULL;
	*place = (struct front_place){
	        .local = {.sin6_family = AF_INET6, .sin6_port = htons(listen->port)},
	        .access_up = listen->access_up,
	        .access_down = listen->access_down,
	        .access_ceiling_up = listen->access_ceiling_up,
	        .access_ceiling_down = listen->access_ceiling_down,
	};
	memcpy(&place->local.sin6_addr, listen->address, sizeof(place->local.sin6_addr));
	front->place_count++;
	for (uint32_t i = 0; i < front->receiver_count; i++) {
		int code = receiver_listen(front->receivers[i], place);

		if (code < 0)
			return code;
	}
	return ntohs(place->local.sin6_port);
}

static void free_front(struct front *front)
{
	serve_forget_all(front);
	follow_forget_all(front);
	slice_drop_all(front);
	for (uint32_t i = 0; i < front->receiver_count; i++)
		(void)receiver_free(front->receivers[i]);
	(void)view_release_snapshot(front->snapshot);
	hash_free(front->waiting);
	slab_free(front->waiting_slab);
	hash_free(front->followers);
	slab_free(front->follower_slab);
	recent_free(front->recent);
	rate_free(front->sources);
	rate_free(front->strangers);
	rate_free(front->tenants);
	outbox_free(front->outbox);
	arena_free(front->arena);
	free_rosters(front->roster);
	arena_free(front->ask_arena);
	if (front->lock_made)
		(void)pthread_mutex_destroy(&front->lock);
	free(front);
}

static void on_closed(uv_handle_t *handle)
{
	free_front(handle->data);
}

void front_close(struct front *front)
{
	if (front == NULL || front->closing)
		return;
	front->closing = true;
	for (uint32_t i = 0; i < front->receiver_count; i++)
		receiver_stop(front->receivers[i]);
	if (front->wake_open)
		uv_close((uv_handle_t *)&front->wake, on_closed);
	else
		free_front(front);
}
