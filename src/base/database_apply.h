/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The background side of writing behind: a thread of low priority that reads the journal's files and
 * applies them to SQLite on a connection of its own, many transactions in one, the position that was
 * reached among them: a transaction is applied once, whenever the process ends.
 *
 * These commits do not wait for the disk: SQLite's log is in order, so that what a power loss takes is the
 * end of it, and the journal has that still. A part of the journal is discarded only when a checkpoint has
 * brought it into the database file.
 *
 * Threads: one mutex (struct applier says for what), never held while something is applied.
 */
#ifndef BASE_DATABASE_APPLY_H
#define BASE_DATABASE_APPLY_H

#include "base/compiler.h"
#include "base/journal.h"
#include <stdbool.h>
#include <stdint.h>

struct applier;

struct applier_settings {
	const char *path;
	struct journal *journal;
	uint64_t applied;               /* position that the database has */
	int64_t delay;                  /* ns */
	uint64_t backlog;               /* octets that the journal may have */
	void (*failing)(void *context); /* on the thread: it cannot apply */
	void *context;
};

/* Applies all that the journal has and then starts the thread. The journal must outlive the thread. */
int applier_open(const struct applier_settings *settings, char ret_problem[256],
                 struct applier **ret_applier) CHECKED;
/* Applies all up to `durable`, unless it fails to, and ends the thread; the journal is not used any more. */
void applier_stop(struct applier *applier, uint64_t durable);
/* When nobody can call it. Accepts NULL, returns NULL. */
struct applier *applier_free(struct applier *applier);

/* More is durable. From any thread. */
void applier_wake(struct applier *applier, uint64_t durable);
uint64_t applier_applied(const struct applier *applier);
/* Waits at most `patience` ns until `position` is applied: 0, NO_ANSWER, or why it cannot be. */
int applier_wait(struct applier *applier, uint64_t position, int64_t patience) CHECKED;
/* 0, or why nothing is applied at present, and its text. */
int applier_failure(struct applier *applier, char ret_problem[256]);
uint64_t applier_batches(struct applier *applier);

#endif
