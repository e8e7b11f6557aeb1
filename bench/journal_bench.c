/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durable transactions per second of one writer. Usage: journal_bench behind|immediate FOLDER SECONDS
 * OUTSTANDING STATEMENTS
 *
 * A transaction is so many inserts of a row of a number and 100 octets. `behind` goes through the journal
 * with at most so many transactions that are not yet durable; `immediate` is SQLite's own commit, one at a
 * time. Prints one line: `name value` pairs.
 */
#include "base/clock.h"
#include "base/database.h"
#include "base/error.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

enum { OCTETS = 100, OUTSTANDING_MAXIMUM = 4096, LATENCIES = 1 << 22 };

struct bench {
	struct database *database;
	uv_loop_t loop;
	uv_timer_t timer;
	int64_t end, row;
	uint64_t outstanding_maximum;
	int statements;
	uint64_t transactions, told;          /* committed; known to be durable */
	int64_t started[OUTSTANDING_MAXIMUM]; /* of the transaction with this number, in turn */
	int64_t *latencies;                   /* ns */
	bool over;
};

static void must(int code, const char *what)
{
	if (code >= 0)
		return;
	(void)fprintf(stderr, "journal_bench: %s: %s\n", what, error_text(code));
	exit(1);
}

static int64_t now(void)
{
	return clock_monotonic(&clock_system);
}

static int64_t thread_time(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * CLOCK_SECOND + time.tv_nsec;
}

static int transaction(struct bench *bench)
{
	static const uint8_t octets[OCTETS];
	int code = database_begin(bench->database);

	for (int i = 0; i < bench->statements && code == 0; i++)
		code = database_write(bench->database, "INSERT INTO item VALUES (?, ?)",
		                      DATABASE_VALUES(DATABASE_NUMBER(bench->row + i),
		                                      DATABASE_ARRAY(octets)));
	if (code == 0)
		code = database_commit(bench->database);
	if (code < 0) {
		database_rollback(bench->database);
		return code;
	}
	bench->row += bench->statements;
	return 0;
}

static void note(struct bench *bench, uint64_t number, int64_t time)
{
	if (number < LATENCIES)
		bench->latencies[number] = time - bench->started[number % OUTSTANDING_MAXIMUM];
}

/* Commits until so many await the disk. */
static void fill(struct bench *bench)
{
	while (!bench->over && bench->transactions - bench->told < bench->outstanding_maximum) {
		int64_t time = now();
		int code = time < bench->end ? transaction(bench) : -ETIME;

		if (code == -ETIME || code == BUSBAR_ERROR_TABLE_FULL) {
			bench->over = code == -ETIME;
			return;
		}
		must(code, "transaction");
		bench->started[bench->transactions % OUTSTANDING_MAXIMUM] = time;
		bench->transactions++;
	}
}

static void on_durable(void *context)
{
	struct bench *bench = context;
	uint64_t durable = database_durable(bench->database);
	int64_t time = now();

	for (; bench->told < durable; bench->told++)
		note(bench, bench->told, time);
	fill(bench);
	if (bench->over && bench->told == bench->transactions)
		uv_stop(&bench->loop);
}

static void on_tick(uv_timer_t *timer)
{
	on_durable(timer->data);
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return left < right ? -1 : left > right;
}

/* wall: until the last was durable; settled: until the last could be read; ns. */
static void report(struct bench *bench, int64_t wall, int64_t settled, int64_t cpu)
{
	size_t count = (size_t)MINIMUM(bench->transactions, (uint64_t)LATENCIES);
	double transactions = (double)bench->transactions;

	qsort(bench->latencies, count, sizeof(*bench->latencies), compare);
	printf("transactions %.0f per_s %.1f applied_per_s %.1f p50_us %.1f p99_us %.1f cpu_us %.3f\n",
	       transactions, transactions * 1e9 / (double)wall, transactions * 1e9 / (double)settled,
	       (double)bench->latencies[count / 2] / 1e3, (double)bench->latencies[count * 99 / 100] / 1e3,
	       (double)cpu / transactions / 1e3);
}

static void run_behind(struct bench *bench, const char *folder, int64_t seconds)
{
	const struct database_settings settings = {.durable = on_durable, .context = bench};
	char path[512], journal[512];
	int64_t start, cpu, wall;

	(void)snprintf(path, sizeof(path), "%s/behind.db", folder);
	(void)snprintf(journal, sizeof(journal), "%s/journal", folder);
	must(uv_loop_init(&bench->loop), "loop");
	must(uv_timer_init(&bench->loop, &bench->timer), "timer");
	bench->timer.data = bench;
	must(uv_timer_start(&bench->timer, on_tick, 1, 1), "timer");
	must(database_open_behind(&bench->loop, path, journal, &settings, &bench->database), "open");
	must(database_execute(bench->database, "CREATE TABLE item (id INTEGER PRIMARY KEY, octets BLOB)"),
	     "create");
	start = now();
	cpu = thread_time();
	bench->end = start + seconds * CLOCK_SECOND;
	(void)uv_run(&bench->loop, UV_RUN_DEFAULT);
	cpu = thread_time() - cpu;
	wall = now() - start;
	must(database_settle(bench->database, 600 * CLOCK_SECOND), "settle");
	report(bench, wall, now() - start, cpu);
	(void)database_close(bench->database);
	uv_close((uv_handle_t *)&bench->timer, NULL);
	(void)uv_run(&bench->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&bench->loop);
}

static void run_immediate(struct bench *bench, const char *folder, int64_t seconds)
{
	int64_t start, cpu, time;
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/immediate.db", folder);
	must(database_open(path, &bench->database), "open");
	must(database_execute(bench->database, "CREATE TABLE item (id INTEGER PRIMARY KEY, octets BLOB)"),
	     "create");
	start = now();
	cpu = thread_time();
	for (time = start; time < start + seconds * CLOCK_SECOND; time = now()) {
		bench->started[bench->transactions % OUTSTANDING_MAXIMUM] = time;
		must(transaction(bench), "transaction");
		note(bench, bench->transactions++, now());
	}
	report(bench, time - start, time - start, thread_time() - cpu);
	(void)database_close(bench->database);
}

int main(int count, char **arguments)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	int64_t seconds;

	if (count != 6 || bench == NULL) {
		(void)fputs("usage: journal_bench behind|immediate FOLDER SECONDS OUTSTANDING STATEMENTS\n",
		            stderr);
		return 2;
	}
	bench->latencies = calloc(LATENCIES, sizeof(*bench->latencies));
	must(bench->latencies == NULL ? -ENOMEM : 0, "memory");
	seconds = strtol(arguments[3], NULL, 10);
	bench->outstanding_maximum =
	        MINIMUM(strtoul(arguments[4], NULL, 10), (unsigned long)OUTSTANDING_MAXIMUM);
	bench->statements = (int)strtol(arguments[5], NULL, 10);
	if (strcmp(arguments[1], "behind") == 0)
		run_behind(bench, arguments[2], seconds);
	else
		run_immediate(bench, arguments[2], seconds);
	free(bench->latencies);
	free(bench);
	return 0;
}
