/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: they stay as they were, cost only what changed, and are read while the view goes on changing. */
#include "tests/t.h"

#include "base/random.h"
#include "view/view.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>

enum { SITES = 12, SERVICES = 20, RESERVATIONS = 10, SUSPECTS = 4 };

static struct gateway_identity id(uint32_t site)
{
	return (struct gateway_identity){.site = site, .gateway = 1};
}

static struct view *open_view(void)
{
	struct view *view = view_create(&(struct view_limits){
	        .sites = SITES, .services = SERVICES, .reservations = RESERVATIONS, .suspects = SUSPECTS});

	assert_non_null(view);
	return view;
}

static struct site site_of(uint32_t number, int64_t measured, uint64_t free)
{
	struct site site = {.identity = id(number),
	                    .measured = measured,
	                    .resource_count = 1,
	                    .resources = {{.kind = RESOURCE_MEMORY, .capacity = 1000000, .free = free}},
	                    .link_count = 1,
	                    .links = {{.toward = id(number + 1), .capacity = 1000, .free = 1000}}};

	(void)snprintf(site.name, sizeof(site.name), "site-%u", number);
	return site;
}

static void put(struct view *view, uint32_t number, int64_t measured, uint64_t free)
{
	struct site site = site_of(number, measured, free);

	T_OK(view_put_site(view, &site));
}

static void put_service(struct view *view, uint32_t site, uint8_t address, uint32_t running)
{
	struct service_offer offer = {.site = id(site), .address = {address}, .running = running};

	(void)snprintf(offer.name, sizeof(offer.name), "service-%u", address);
	T_OK(view_put_service(view, &offer));
}

static uint64_t free_of(const struct view *view, uint32_t number)
{
	return view_site(view, id(number))->resources[0].free;
}

static void test_stays_as_it_was(void **state)
{
	struct view *view = open_view();
	const struct view *before;

	put(view, 1, 10, 500);
	put(view, 2, 10, 600);
	put_service(view, 1, 7, 1);
	put_service(view, 2, 8, 2);
	T_OK(view_reserve(view, id(1), RESOURCE_MEMORY, 100, 20, 100));
	T_OK(view_suspect(view, id(2), BUSBAR_ERROR_REFUSED, 100));
	before = view_snapshot(view);
	assert_non_null(before);
	T_EQ(free_of(before, 1), 400);
	put(view, 2, 11, 50);
	put(view, 3, 10, 700);
	T_OK(view_reserve_link(view, id(1), id(2), 300, 20, 100));
	T_OK(view_put_link_delay(view, id(2), id(3), 77, 1, 1, 20, 0));
	view_unreserve(view, 20);
	put_service(view, 1, 7, 9);
	T_OK(view_remove_service(view, id(2), (const uint8_t[16]){8}));
	T_OK(view_suspect(view, id(1), BUSBAR_ERROR_NO_CAPACITY, 100));
	T_OK(view_remove_site(view, id(1)));
	T_EQ(view_expire(view, 200), 2);
	T_EQ(view_site_count(before), 2);
	T_EQ(free_of(before, 1), 400);
	T_EQ(free_of(before, 2), 600);
	T_EQ(view_site(before, id(1))->links[0].free, 1000);
	T_EQ(view_site(before, id(2))->links[0].delay, 0);
	T_TRUE(view_site_by_name(before, "site-3") == NULL);
	T_EQ(view_service_count(before), 2);
	T_EQ(view_service_at(before, (size_t)view_service_first(before, "service-7"))->running, 1);
	T_EQ(view_suspected(before, id(2), 99), BUSBAR_ERROR_REFUSED);
	T_EQ(view_suspected(before, id(1), 99), 0);
	T_EQ(view_site_count(view), 2);
	T_EQ(free_of(view, 2), 50);
	T_EQ(view_service_count(view), 0); /* one removed, one gone with its site */
	before = view_release_snapshot(before);
	T_TRUE(before == NULL && view_release_snapshot(NULL) == NULL);
	view_free(view);
}

static void test_same_when_nothing_changed(void **state)
{
	struct view *view = open_view();
	const struct view *first, *second, *third;

	put(view, 1, 10, 500);
	first = view_snapshot(view);
	second = view_snapshot(view);
	T_TRUE(first == second && first != NULL);
	view_release_snapshot(first);
	view_release_snapshot(second);
	third = view_snapshot(view); /* nobody held it any more, but it is still good */
	T_TRUE(third == first);
	T_EQ(view_expire(view, 0), 0);
	T_TRUE(view_snapshot(view) == third);
	view_release_snapshot(third);
	put(view, 1, 10, 400);
	second = view_snapshot(view);
	T_TRUE(second != third);
	T_EQ(free_of(third, 1), 500);
	T_EQ(free_of(second, 1), 400);
	/* What did not change is the same memory. */
	put(view, 2, 10, 300);
	first = view_snapshot(view);
	T_TRUE(view_site(first, id(1)) == view_site(second, id(1)));
	T_TRUE(view_site(first, id(1)) != view_site(third, id(1)));
	view_release_snapshot(second); /* in another order than they were taken */
	view_release_snapshot(first);
	view_release_snapshot(third);
	view_free(view);
}

/* The newest one goes while an older one is held: what is taken next must show the changes in between. */
static void test_newest_goes_first(void **state)
{
	struct view *view = open_view();
	const struct view *old, *next;

	put(view, 1, 10, 500);
	put_service(view, 1, 7, 1);
	old = view_snapshot(view);
	put(view, 1, 10, 400);
	put_service(view, 1, 7, 2);
	view_release_snapshot(view_snapshot(view));
	T_EQ(view_expire(view, 0), 0); /* frees it */
	next = view_snapshot(view);
	T_EQ(free_of(next, 1), 400);
	T_EQ(view_service_at(next, 0)->running, 2);
	T_EQ(free_of(old, 1), 500);
	T_EQ(view_service_at(old, 0)->running, 1);
	view_release_snapshot(old);
	view_release_snapshot(next);
	view_free(view);
}

static void test_bounded(void **state)
{
	const struct view *held[VIEW_SNAPSHOTS];
	struct view *view = open_view();
	size_t bytes;

	for (uint32_t i = 0; i < VIEW_SNAPSHOTS; i++) {
		for (uint32_t number = 1; number <= SITES; number++)
			put(view, number, 10, i);
		held[i] = view_snapshot(view);
		assert_non_null(held[i]);
	}
	T_TRUE(view_snapshot(view) == held[VIEW_SNAPSHOTS - 1]); /* once more the same */
	view_release_snapshot(held[VIEW_SNAPSHOTS - 1]);
	for (uint32_t number = 1; number <= SITES; number++)
		put(view, number, 10, 999); /* there is room for a view of its own beside them all */
	T_TRUE(view_snapshot(view) == NULL);
	view_release_snapshot(held[30]);
	held[30] = view_snapshot(view);
	assert_non_null(held[30]);
	T_EQ(free_of(held[30], 1), 999);
	for (uint32_t i = 0; i < VIEW_SNAPSHOTS; i++) {
		T_EQ(free_of(held[i], SITES), i == 30 ? 999 : i);
		view_release_snapshot(held[i]);
	}
	T_EQ(view_expire(view, 0), 0);
	bytes = view_bytes(view);
	for (uint32_t i = 0; i < 1000; i++) {
		put(view, 1 + i % SITES, 10, i);
		view_release_snapshot(view_snapshot(view));
		T_EQ(view_expire(view, 0), 0);
		T_TRUE(view_bytes(view) <= bytes + sizeof(struct site) * 4); /* nothing stays behind */
	}
	view_free(view);
}

/* ---- Random changes, with copies of everything that each snapshot showed ---- */

struct copy {
	const struct view *snapshot;
	size_t site_count, service_count;
	struct site sites[SITES];
	struct view_service services[SERVICES];
};

static void take_copy(struct copy *copy, struct view *view)
{
	copy->snapshot = view_snapshot(view);
	assert_non_null(copy->snapshot);
	copy->site_count = view_site_count(view);
	copy->service_count = view_service_count(view);
	for (size_t i = 0; i < copy->site_count; i++)
		view_copy_site(view_site_at(view, i), &copy->sites[i]);
	for (size_t i = 0; i < copy->service_count; i++)
		copy->services[i] = *view_service_at(view, i);
}

static void compare_sites(const struct site *shown, const struct site *copied)
{
	struct site site;

	view_copy_site(shown, &site);
	T_BYTES(&site, copied, sizeof(site));
}

static void compare(const struct copy *copy)
{
	T_EQ(view_site_count(copy->snapshot), copy->site_count);
	T_EQ(view_service_count(copy->snapshot), copy->service_count);
	for (size_t i = 0; i < copy->site_count; i++)
		compare_sites(view_site_at(copy->snapshot, i), &copy->sites[i]);
	for (size_t i = 0; i < copy->service_count; i++)
		T_BYTES(view_service_at(copy->snapshot, i), &copy->services[i], sizeof(struct view_service));
}

static void change(struct view *view, struct random *random, int64_t now)
{
	uint32_t number = 1 + (uint32_t)random_below(random, SITES);

	switch (random_below(random, 8)) {
	case 0:
	case 1:
		put(view, number, now, random_below(random, 1000000));
		break;
	case 2:
		(void)view_remove_site(view, id(number));
		break;
	case 3:
		if (view_service_count(view) < SERVICES)
			put_service(view, number, (uint8_t)random_below(random, 3), (uint32_t)now);
		break;
	case 4:
		(void)view_remove_service(view, id(number),
		                          (const uint8_t[16]){(uint8_t)random_below(random, 3)});
		break;
	case 5:
		(void)!view_reserve(view, id(number), RESOURCE_MEMORY, random_below(random, 5000), now,
		                    now + 20);
		break;
	case 6:
		view_unreserve(view, now - 3);
		break;
	default:
		(void)view_expire(view, now);
	}
}

static void test_random_changes(void **state)
{
	enum { SEEDS = 60, STEPS = 600, COPIES = 6 };
	struct copy *copies = calloc(COPIES, sizeof(*copies));

	assert_non_null(copies);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct view *view = open_view();
		struct random random;

		random_seed(&random, seed);
		for (int64_t now = 1; now <= STEPS; now++) {
			struct copy *copy = &copies[random_below(&random, COPIES)];

			change(view, &random, now);
			if (random_below(&random, 4) != 0)
				continue;
			if (copy->snapshot == NULL) {
				take_copy(copy, view);
			} else {
				compare(copy);
				copy->snapshot = view_release_snapshot(copy->snapshot);
			}
		}
		for (uint32_t i = 0; i < COPIES; i++) {
			if (copies[i].snapshot != NULL)
				compare(&copies[i]);
			copies[i].snapshot = view_release_snapshot(copies[i].snapshot);
		}
		view_free(view);
	}
	free(copies);
}

/* ---- Threads ---- */

enum { READERS = 4, ROUNDS = 4000, TOTAL = 12000 };

/* A snapshot on its way to a reader: whoever takes it out has its reference. */
struct reader {
	pthread_t thread;
	_Atomic(const struct view *) next;
	sem_t news;
	_Atomic bool over;
	uint64_t reads, faults;
};

/* All sites together always have the same: what one has less another has more. */
static uint64_t total_of(const struct view *view)
{
	uint64_t total = 0;

	for (size_t i = 0; i < view_site_count(view); i++)
		total += view_site_at(view, i)->resources[0].free;
	return total;
}

static bool is_whole(const struct view *view)
{
	const struct view_service *service = view_service_at(view, 0);

	/* What the sites measured last is what the service runs. */
	return total_of(view) == TOTAL && view_site_count(view) == SITES && view_service_count(view) == 1 &&
	       view_site(view, id(1))->measured == service->running &&
	       view_suspected(view, id(2), service->running) != 0;
}

static void *read_on(void *context)
{
	struct reader *reader = context;
	const struct view *mine = NULL;

	do {
		const struct view *next;

		(void)sem_wait(&reader->news);
		next = atomic_exchange(&reader->next, NULL);
		if (next != NULL) {
			view_release_snapshot(mine);
			mine = next;
		}
		reader->reads++;
		reader->faults += !is_whole(mine); /* something came before the news */
	} while (!atomic_load(&reader->over));
	view_release_snapshot(mine);
	return NULL;
}

static void publish(struct view *view, struct reader *readers)
{
	for (uint32_t i = 0; i < READERS; i++) {
		const struct view *snapshot = view_snapshot(view);

		assert_non_null(snapshot);
		view_release_snapshot(atomic_exchange(&readers[i].next, snapshot));
		(void)sem_post(&readers[i].news);
	}
}

/* Moves some of what is free from one site to another, and says so everywhere. */
static void move(struct view *view, struct random *random, int64_t now)
{
	uint32_t from = 1 + (uint32_t)random_below(random, SITES), to = 1 + (from + 3) % SITES;
	uint64_t here = free_of(view, from), there = free_of(view, to);
	uint64_t amount = random_below(random, here + 1);

	put(view, from, now, here - amount);
	put(view, to, now, there + amount);
	put(view, 1, now, free_of(view, 1));
	put_service(view, 1, 7, (uint32_t)now);
	T_OK(view_suspect(view, id(2), BUSBAR_ERROR_REFUSED, now + 1));
}

static void test_threads(void **state)
{
	struct reader readers[READERS] = {{.reads = 0}};
	struct view *view = open_view();
	struct random random;

	random_seed(&random, 5);
	for (uint32_t number = 1; number <= SITES; number++)
		put(view, number, 0, TOTAL / SITES);
	for (uint32_t i = 0; i < READERS; i++) {
		T_EQ(sem_init(&readers[i].news, 0, 0), 0);
		T_EQ(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
	}
	for (int64_t now = 1; now <= ROUNDS; now++) {
		move(view, &random, now);
		publish(view, readers);
		T_TRUE(view_expire(view, now) <= 1);
	}
	for (uint32_t i = 0; i < READERS; i++) {
		atomic_store(&readers[i].over, true);
		(void)sem_post(&readers[i].news);
		T_EQ(pthread_join(readers[i].thread, NULL), 0);
		view_release_snapshot(atomic_exchange(&readers[i].next, NULL));
		T_EQ(sem_destroy(&readers[i].news), 0);
		T_EQ(readers[i].faults, 0);
	}
	T_EQ(total_of(view), TOTAL);
	view_free(view); /* asserts that nothing is held and nothing left */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_stays_as_it_was),   cmocka_unit_test(test_same_when_nothing_changed),
	        cmocka_unit_test(test_newest_goes_first), cmocka_unit_test(test_bounded),
	        cmocka_unit_test(test_random_changes),    cmocka_unit_test(test_threads),
	};

	return T_RUN(tests);
}
