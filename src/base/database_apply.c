/* SPDX-License-Identifier: Apache-2.0 */
#include "base/database_apply.h"

#include "base/clock.h"
#include "base/cursor.h"
#include "base/database_internal.h"
#include "base/database_register.h"
#include "base/journal_format.h"
#include "busbar-error.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
	BATCH_RECORDS = 2048,
	BATCH_OCTETS = 1 << 20,
	LOG_PAGES = 4096, /* of SQLite's log, after which a checkpoint is made */
	CACHE = 32 << 10, /* KiB */
	PRIORITY = 10,
};
#define RETRY CLOCK_SECOND
#define BUSY 0.4              /* share of its time that a busy thread works */
#define LEAST_SHARE (1. / 16) /* share that this one works beside it */
/* What was applied since the last checkpoint is applied again after a loss of power: little, at any rate. */
#define CHECKPOINT_EVERY CLOCK_SECOND

/* Of the thread among others: in the idle class; of a low priority; as any. */
enum urgency { URGENCY_NONE, URGENCY_LITTLE, URGENCY_FULL };

struct applier {
	struct applier_settings settings;
	pthread_t thread;

	/* The thread's own. */
	struct database *database;
	struct journal_reader *reader;
	uint64_t reached;                 /* position in the database */
	uint32_t segment, checkpointed;   /* of the record at `reached`; at the last checkpoint */
	int log_pages;                    /* in SQLite's log */
	int64_t checkpoint_at;            /* monotonic: the next one */
	uint64_t octets;                  /* of the records applied by the thread */
	clockid_t opener;                 /* processor time of the thread that opened the database */
	int64_t looked, used;             /* at the last look: monotonic, and the opener's time */
	enum urgency urgency;             /* how it runs */
	bool may_change;                  /* it can run with less urgency and come back */
	char *texts[DATABASE_STATEMENTS]; /* of all statements so far; the first `text_count` */
	size_t text_count;
	/* By the number that the journal gives at present. */
	struct numbered {
		struct sqlite3_stmt *statement;
		uint8_t keys;
	} numbered[DATABASE_STATEMENTS];
	struct registers *registers; /* of the batch in hand */

	/* Everything below is guarded by the mutex; applier_applied() reads without it. */
	pthread_mutex_t mutex;
	pthread_cond_t work;   /* for the thread: more is durable, somebody waits, or the end */
	pthread_cond_t change; /* for applier_wait(): more is applied, or it failed */
	uint64_t durable, applied;
	uint64_t urgent;     /* somebody waits for this position */
	int64_t rest_until;  /* monotonic */
	enum urgency wanted; /* of the next batch */
	uint64_t batches;
	bool closing;
	int failure;
	char problem[256];
};

/* Statements. */

/* The text, kept for the life of the applier: the statement is prepared by its address. */
static int keep_text(struct applier *applier, const char *text, const char **ret_text)
{
	char *copy;

	for (size_t i = 0; i < applier->text_count; i++) {
		if (strcmp(applier->texts[i], text) == 0) {
			*ret_text = applier->texts[i];
			return 0;
		}
	}
	if (applier->text_count == DATABASE_STATEMENTS)
		return database_refuse(applier->database, BUSBAR_ERROR_TABLE_FULL, "too many statements");
	copy = strdup(text);
	if (copy == NULL)
		return -ENOMEM;
	applier->texts[applier->text_count++] = copy;
	*ret_text = copy;
	return 0;
}

static int define(struct applier *applier, const struct database_item *item)
{
	struct numbered *numbered = &applier->numbered[item->number];
	const char *text = NULL;
	int code = keep_text(applier, item->text, &text);

	if (code == 0)
		code = database_prepare(applier->database, text, &numbered->statement);
	numbered->keys = item->keys;
	return code;
}

static int run(struct applier *applier, const struct database_item *item)
{
	return database_write_prepared(applier->database, applier->numbered[item->number].statement,
	                               item->values, item->count);
}

static int run_registers(struct applier *applier)
{
	struct database_item item;
	int code = 0;

	for (size_t i = 0; code == 0 && registers_at(applier->registers, i, &item); i++)
		code = run(applier, &item);
	registers_clear(applier->registers);
	return code;
}

static int apply_register(struct applier *applier, const struct database_item *item, uint8_t keys)
{
	int code = registers_put(applier->registers, item, keys);

	if (code == BUSBAR_ERROR_TABLE_FULL) {
		code = run_registers(applier);
		if (code == 0)
			code = registers_put(applier->registers, item, keys);
	}
	return code == BUSBAR_ERROR_TOO_LARGE ? run(applier, item) : code;
}

/* Of what was applied before, the definitions may still be needed. */
static int apply_item(struct applier *applier, const struct database_item *item, bool applied)
{
	const struct numbered *numbered = &applier->numbered[item->number];

	if (item->text != NULL)
		return define(applier, item);
	if (applied)
		return 0;
	if (numbered->statement == NULL ||
	    sqlite3_bind_parameter_count(numbered->statement) != (int)item->count ||
	    numbered->keys > item->count)
		return database_refuse(applier->database, BUSBAR_ERROR_MALFORMED, "statement not defined");
	return numbered->keys > 0 ? apply_register(applier, item, numbered->keys) : run(applier, item);
}

static int apply_record(struct applier *applier, const struct journal_record *record)
{
	struct cursor cursor = cursor_open(record->octets, record->size);
	struct database_item item;
	int code;

	while ((code = database_record_next(&cursor, &item)) > 0) {
		code = apply_item(applier, &item, record->position <= applier->reached);
		if (code < 0)
			break;
	}
	return code;
}

/* Batches. */

/* Applies what is durable, as far as a batch goes; the position that was reached. */
static int apply_records(struct applier *applier, uint64_t *position, uint32_t *segment, size_t *octets)
{
	struct journal_record record;
	size_t records = 0;
	int code = 0;

	while (records < BATCH_RECORDS && *octets < BATCH_OCTETS) {
		code = journal_read(applier->reader, &record);
		if (code < 0)
			return database_refuse(applier->database, code, "the journal cannot be read");
		if (code == 0)
			return 0;
		code = apply_record(applier, &record);
		if (code < 0)
			return code;
		*position = MAXIMUM(*position, record.position);
		*segment = record.segment;
		records++;
		*octets += JOURNAL_FRAME + record.size;
	}
	return code;
}

/* The reader goes back to where the database is. */
static int read_again(struct applier *applier)
{
	applier->reader = journal_reader_close(applier->reader);
	return journal_reader_open(applier->settings.journal, applier->reached, &applier->reader);
}

static int apply_batch(struct applier *applier)
{
	struct database *database = applier->database;
	uint64_t position = applier->reached;
	uint32_t segment = applier->segment;
	size_t octets = 0;
	int code = applier->reader == NULL ? read_again(applier) : 0;

	if (code == 0)
		code = database_begin(database);
	if (code == 0)
		code = apply_records(applier, &position, &segment, &octets);
	if (code == 0)
		code = run_registers(applier);
	if (code == 0)
		code = database_write(database, "UPDATE journal_applied SET position = ?",
		                      DATABASE_VALUES(DATABASE_NUMBER((int64_t)position)));
	if (code == 0)
		code = database_commit(database);
	if (code < 0) {
		database_rollback(database);
		registers_clear(applier->registers);
		applier->reader = journal_reader_close(applier->reader);
		return code;
	}
	applier->reached = position;
	applier->segment = segment;
	applier->octets += octets;
	return 0;
}

static int on_commit(void *context, sqlite3 *handle, const char *name, int pages)
{
	struct applier *applier = context;

	(void)handle;
	(void)name;
	applier->log_pages = pages;
	return SQLITE_OK;
}

/* All of SQLite's log into the database file; the journal up to there is not needed any more then. */
static int checkpoint(struct applier *applier)
{
	uint64_t position = applier->reached;
	int64_t start = clock_monotonic(&clock_system);
	int pages = 0, done = 0;
	int result = sqlite3_wal_checkpoint_v2(applier->database->handle, NULL, SQLITE_CHECKPOINT_PASSIVE,
	                                       &pages, &done);

	/* Somebody reads what is in the log, or checkpoints it: another time. */
	if (result == SQLITE_BUSY || (result == SQLITE_OK && done < pages))
		return 0;
	if (result != SQLITE_OK)
		return database_refuse(applier->database, BUSBAR_ERROR_DATABASE,
		                       sqlite3_errmsg(applier->database->handle));
	applier->log_pages = 0;
	applier->checkpointed = applier->segment;
	/* A slow disk is not kept busy with them. */
	applier->checkpoint_at =
	        start + MAXIMUM(CHECKPOINT_EVERY, 8 * (clock_monotonic(&clock_system) - start));
	if (journal_discard(applier->settings.journal, position) < 0)
		return database_refuse(applier->database, BUSBAR_ERROR_DATABASE,
		                       "a part of the journal cannot be discarded");
	return 0;
}

static int apply_some(struct applier *applier)
{
	int code = apply_batch(applier);

	if (code == 0 && (applier->log_pages > LOG_PAGES || applier->checkpointed != applier->segment ||
	                  clock_monotonic(&clock_system) >= applier->checkpoint_at))
		code = checkpoint(applier);
	return code;
}

/* The thread. */

/* Waits on a condition until a time of the monotonic clock; false when it has come. With the mutex. */
static bool wait_until(struct applier *applier, pthread_cond_t *condition, int64_t end)
{
	struct timespec until = {.tv_sec = end / CLOCK_SECOND, .tv_nsec = end % CLOCK_SECOND};

	return pthread_cond_timedwait(condition, &applier->mutex, &until) == 0;
}

/* Whether somebody waits. With the mutex. */
static bool is_urgent(const struct applier *applier)
{
	return applier->urgent > applier->applied;
}

/* Whether there is a whole batch, or a part of one will do. With the mutex. */
static bool is_pressing(const struct applier *applier)
{
	return is_urgent(applier) || applier->durable >= applier->applied + BATCH_RECORDS;
}

/* Rests, and lets transactions gather. With the mutex. */
static void gather(struct applier *applier)
{
	int64_t end = MAXIMUM(applier->rest_until, clock_monotonic(&clock_system) + applier->settings.delay);

	while (!applier->closing && (applier->failure < 0 || !is_urgent(applier)))
		if (!wait_until(applier, &applier->work, applier->rest_until))
			break;
	while (!applier->closing && !is_pressing(applier))
		if (!wait_until(applier, &applier->work, end))
			break;
}

/* Whether the thread that opened the database has been busy since the last look. */
static bool is_busy(struct applier *applier)
{
	int64_t now = clock_monotonic(&clock_system), passed = now - applier->looked, used;
	struct timespec time = {0};

	(void)clock_gettime(applier->opener, &time);
	used = time.tv_sec * CLOCK_SECOND + time.tv_nsec - applier->used;
	applier->looked = now;
	applier->used += used;
	return (double)used > BUSY * (double)passed;
}

/*
 * A gateway that is busy has better use for the processor than to fill tables, as long as what waits is far
 * from the limit: the more waits, the harder the thread works. At a quarter of the limit, half-way to where
 * new work is refused, it does not rest, and is as urgent as others.
 */
static double share_of_time(struct applier *applier)
{
	struct journal_statistics statistics;
	double share;

	applier->wanted = URGENCY_LITTLE;
	if (!is_busy(applier))
		return 1;
	journal_statistics(applier->settings.journal, &statistics);
	share = (double)(statistics.octets - MINIMUM(applier->octets, statistics.octets)) /
	        ((double)applier->settings.backlog / 4);
	applier->wanted = share < 1 ? URGENCY_NONE : URGENCY_FULL;
	return MINIMUM(MAXIMUM(share, LEAST_SHARE), 1);
}

/* False at the end, when all is applied or cannot be. With the mutex. */
static bool wait_for_work(struct applier *applier)
{
	while (applier->durable <= applier->applied && !applier->closing)
		(void)pthread_cond_wait(&applier->work, &applier->mutex);
	gather(applier);
	return applier->durable > applier->applied && !(applier->closing && applier->failure < 0);
}

/* A batch took `worked` ns. With the mutex. */
static void note_batch(struct applier *applier, int code, int64_t worked)
{
	double share = share_of_time(applier);
	int64_t rest = code < 0 ? RETRY : (int64_t)((double)worked * (1 - share) / share);

	applier->rest_until = clock_monotonic(&clock_system) + rest;
	__atomic_store_n(&applier->applied, applier->reached, __ATOMIC_RELEASE);
	applier->batches += code == 0;
	applier->failure = code;
	if (code < 0)
		(void)snprintf(applier->problem, sizeof(applier->problem), "%s",
		               database_problem(applier->database));
	(void)pthread_cond_broadcast(&applier->change);
}

/*
 * Of this thread alone; without it the work is done as well. Who may not raise a priority would not come back
 * from the idle class either, and then whoever waits for the tables would wait for an idle processor.
 */
static void begin_urgency(struct applier *applier)
{
	id_t thread = (id_t)gettid();

	applier->urgency = URGENCY_LITTLE;
	applier->may_change = setpriority(PRIO_PROCESS, thread, PRIORITY + 1) == 0 &&
	                      setpriority(PRIO_PROCESS, thread, PRIORITY) == 0;
}

/* In the idle class any other thread that wakes up runs at once. */
static void set_urgency(struct applier *applier, enum urgency urgency)
{
	const struct sched_param none = {.sched_priority = 0};

	if (!applier->may_change || urgency == applier->urgency)
		return;
	applier->urgency = urgency;
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), urgency == URGENCY_FULL ? 0 : PRIORITY);
	(void)sched_setscheduler(0, urgency == URGENCY_NONE ? SCHED_IDLE : SCHED_OTHER, &none);
}

static void *apply_on(void *context)
{
	struct applier *applier = context;

	begin_urgency(applier);
	(void)pthread_mutex_lock(&applier->mutex);
	while (wait_for_work(applier)) {
		enum urgency urgency = is_urgent(applier) ? URGENCY_FULL : applier->wanted;
		int64_t start;
		int code;

		(void)pthread_mutex_unlock(&applier->mutex);
		set_urgency(applier, urgency);
		start = clock_monotonic(&clock_system);
		code = apply_some(applier);
		/* Nobody is to wait for a lock that an idle thread holds. */
		if (urgency == URGENCY_NONE)
			set_urgency(applier, URGENCY_LITTLE);
		(void)pthread_mutex_lock(&applier->mutex);
		note_batch(applier, code, clock_monotonic(&clock_system) - start);
		if (code < 0) {
			(void)pthread_mutex_unlock(&applier->mutex);
			applier->settings.failing(applier->settings.context);
			(void)pthread_mutex_lock(&applier->mutex);
		}
	}
	(void)pthread_mutex_unlock(&applier->mutex);
	return NULL;
}

static int start_thread(struct applier *applier)
{
	sigset_t all, before;
	int error;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&applier->thread, NULL, apply_on, applier);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}

/* Opening and closing. */

static int make_lock(struct applier *applier)
{
	pthread_condattr_t attributes;

	if (pthread_mutex_init(&applier->mutex, NULL) != 0)
		return -ENOMEM;
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&applier->work, &attributes);
	(void)pthread_cond_init(&applier->change, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	return 0;
}

static int open_database(struct applier *applier)
{
	char sql[192];
	int code = database_open(applier->settings.path, &applier->database);

	(void)snprintf(sql, sizeof(sql),
	               "PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-%d;"
	               /* What was decided is written down; `ledger check` looks for what is not whole. */
	               "PRAGMA foreign_keys=OFF",
	               CACHE);
	if (code == 0)
		code = database_execute(applier->database, sql);
	/* Takes the place of SQLite's own checkpoints. */
	if (code == 0)
		(void)sqlite3_wal_hook(applier->database->handle, on_commit, applier);
	return code;
}

/* What an earlier life left in the journal. */
static int catch_up(struct applier *applier)
{
	int code = 0;

	while (code == 0 && applier->reached < applier->durable)
		code = apply_some(applier);
	applier->applied = applier->reached;
	return code == 0 ? checkpoint(applier) : code;
}

int applier_open(const struct applier_settings *settings, char ret_problem[256], struct applier **ret_applier)
{
	struct applier *applier = calloc(1, sizeof(*applier));
	int code = applier == NULL ? -ENOMEM : make_lock(applier);

	if (code < 0) {
		free(applier);
		return code;
	}
	applier->settings = *settings;
	applier->reached = settings->applied;
	applier->durable = journal_durable(settings->journal);
	applier->registers = registers_create();
	if (pthread_getcpuclockid(pthread_self(), &applier->opener) != 0)
		applier->opener = CLOCK_PROCESS_CPUTIME_ID;
	code = applier->registers == NULL ? -ENOMEM : open_database(applier);
	if (code == 0)
		code = catch_up(applier);
	if (code == 0)
		code = start_thread(applier);
	if (code < 0) {
		(void)snprintf(ret_problem, 256, "%s",
		               applier->database == NULL ? "" : database_problem(applier->database));
		(void)applier_free(applier);
		return code;
	}
	*ret_applier = applier;
	return 0;
}

void applier_stop(struct applier *applier, uint64_t durable)
{
	(void)pthread_mutex_lock(&applier->mutex);
	applier->durable = durable;
	applier->closing = true;
	(void)pthread_cond_signal(&applier->work);
	(void)pthread_mutex_unlock(&applier->mutex);
	(void)pthread_join(applier->thread, NULL);
	/* Spares the next life some work. */
	(void)checkpoint(applier);
	applier->reader = journal_reader_close(applier->reader);
}

struct applier *applier_free(struct applier *applier)
{
	if (applier == NULL)
		return NULL;
	(void)journal_reader_close(applier->reader);
	(void)database_close(applier->database);
	(void)registers_free(applier->registers);
	for (size_t i = 0; i < applier->text_count; i++)
		free(applier->texts[i]);
	(void)pthread_cond_destroy(&applier->change);
	(void)pthread_cond_destroy(&applier->work);
	(void)pthread_mutex_destroy(&applier->mutex);
	free(applier);
	return NULL;
}

/* From other threads. */

void applier_wake(struct applier *applier, uint64_t durable)
{
	bool idle;

	(void)pthread_mutex_lock(&applier->mutex);
	idle = applier->durable <= applier->applied;
	applier->durable = durable;
	if (idle || is_pressing(applier))
		(void)pthread_cond_signal(&applier->work);
	(void)pthread_mutex_unlock(&applier->mutex);
}

uint64_t applier_applied(const struct applier *applier)
{
	return __atomic_load_n(&applier->applied, __ATOMIC_ACQUIRE);
}

int applier_wait(struct applier *applier, uint64_t position, int64_t patience)
{
	int64_t end = clock_monotonic(&clock_system) + patience;
	int code = 0;

	(void)pthread_mutex_lock(&applier->mutex);
	applier->urgent = MAXIMUM(applier->urgent, position);
	(void)pthread_cond_signal(&applier->work);
	while (code == 0 && applier->applied < position) {
		if (applier->failure < 0)
			code = applier->failure;
		else if (!wait_until(applier, &applier->change, end))
			code = BUSBAR_ERROR_NO_ANSWER;
	}
	(void)pthread_mutex_unlock(&applier->mutex);
	return code;
}

int applier_failure(struct applier *applier, char ret_problem[256])
{
	int failure;

	(void)pthread_mutex_lock(&applier->mutex);
	failure = applier->failure;
	(void)snprintf(ret_problem, 256, "%s", applier->problem);
	(void)pthread_mutex_unlock(&applier->mutex);
	return failure;
}

uint64_t applier_batches(struct applier *applier)
{
	uint64_t batches;

	(void)pthread_mutex_lock(&applier->mutex);
	batches = applier->batches;
	(void)pthread_mutex_unlock(&applier->mutex);
	return batches;
}
