/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reservation protocol: docs/model.md says what is modelled, what is left out and why.
 *
 * One task with one part. An ingress sends it as a program by way of a transit owner to a site; when an attempt
 * fails, the next one goes to the next site, and both want the transit owner's CAPACITY. Inlines bear the
 * names of the functions of src/execute and src/book that they model.
 *
 * Sizes:        ATTEMPTS programs at most, SITES sites.
 * RESERVATION   the part runs nothing: it is granted, refreshed, and released when its time is over.
 * MOVES         a reservation whose client moves: it is reserved again, and only then let go where it was.
 * PROGRESS      the network may heal, for the property `progress`; without, no step ever depends on it.
 * NO_DEATHS     no daemon dies.
 * MUTATION_...  one mistake each, which some property must find.
 */
#ifndef ATTEMPTS
#define ATTEMPTS 2
#endif
#ifndef SITES
#define SITES 2
#endif
#ifdef NO_DEATHS
#define DEATHS false
#else
#define DEATHS true
#endif
#ifdef MOVES
#define RESERVATION
#define CAPACITY 2 /* for both, on what they share */
#else
#define CAPACITY 1
#endif

/* Both owners of a path, by their role; a site has a holding for each of the attempts that go there. */
#define TRANSIT 0
#define SITE 1
#define OWNERS (1 + SITES)
#define OWNER(role, a) ((role) == TRANSIT -> 0 : 1 + (a) % SITES)
#define HOLDING(role, a) ((role) * ATTEMPTS + (a))
#define HOLDINGS (2 * ATTEMPTS)

#ifdef RESERVATION
#define EXECUTES(role) false
#else
#define EXECUTES(role) ((role) == SITE)
#endif

#include "state.pml"
#include "owner.pml"
#include "ingress.pml"

/* ---- Time, deaths and the network's healing --------------------------------------------------------------- */

/* What is at rest moves by timers alone: nothing is on its way, runs, or waits for its turn. */
#define AT_REST(a) (network[a] == 0 && !OWNER_MOVES(a) && !INGRESS_MOVES(a))
#define OWNER_MOVES(a) (memory[HOLDING(SITE, a)].state == LOST || \
	(EXECUTES(SITE) && TAKES(memory[HOLDING(SITE, a)].state)))
#define INGRESS_MOVES(a) ((attempts[a].state == RELEASING && ALL_SETTLED(a)) || \
	EXCUSABLE(TRANSIT, a) || EXCUSABLE(SITE, a) || GIVEN_UP(a) || ENDS_IN_TIME(a))

#define NOTHING_DUE(a) (!PROGRAM_DUE(a) && !QUESTION_DUE(a) && !RELEASE_DUE(TRANSIT, a) && \
	!RELEASE_DUE(SITE, a) && !RECEIPT_DUE(0, TRANSIT, a) && !RECEIPT_DUE(0, SITE, a) && !RESULT_DUE(0, SITE, a))

#define OVER(h) (!LIVE(h) && memory[h].state != LOST && (!taken[h] || receipts[h] != NO_RECEIPT))
#define FINISHED(a) (OVER(HOLDING(TRANSIT, a)) && OVER(HOLDING(SITE, a)) && \
	(attempts[a].state == NOTHING || (attempts[a].state == CLOSED && HOLD_CLOSED(a))))
#define ALL_FINISHED (ENDED_PART(part) && FOR_ALL(FINISHED))

/* In a healed network timers are slower than messages: they go off when all is at rest, and then all do. */
inline all_timers()
{
	for (i : 0 .. ATTEMPTS - 1) {
		if
		:: attempts[i].state == SENDING && repeated[i] -> expired[i] = true
		:: else
		fi;
		repeated[i] = attempts[i].state == SENDING;
		attempt_send(i);
		repeat_release(i);
#ifndef MUTATION_NO_REPEAT
		if
		:: RECEIPT_DUE(0, TRANSIT, i) -> owner_answer_receipt(TRANSIT, i)
		:: else
		fi;
		if
		:: RECEIPT_DUE(0, SITE, i) -> owner_answer_receipt(SITE, i)
		:: else
		fi;
		if
		:: RESULT_DUE(0, SITE, i) -> owner_answer_result(0, SITE, i)
		:: else
		fi;
#endif
	}
}



proctype environment(byte a)
{
end:
	do
	/* The clocks of all nodes agree, to less than the time that is waited after an expiry. */
	:: atomic { !expired[a] && attempts_journal[a].state != NOTHING && (a == 0 || expired[a - 1]) ->
		expired[a] = true;
		attempt_send(a);
		drop_expired(a) }
#ifdef RESERVATION
	:: atomic { !over && part == MAPPED && attempts[a].state == RUNNING -> over = true }
#endif
	/* An owner dies, and starts again or is taken over by its stand-by: both know the journal alone. */
#ifndef MUTATION_STANDBY_BESIDE_PRIMARY
	:: atomic { !healed && DEATHS && a == 0 -> owner_create(0, TRANSIT, 0) }
	:: atomic { !healed && DEATHS && a < SITES -> owner_create(0, SITE, a) }
#else
	:: atomic { a == 0 && !serving[OWNERS] -> serving[OWNERS] = true; owner_create(1, TRANSIT, 0) }
#endif
#ifdef PROGRESS
	/* What was on its way has arrived, or is lost: every state that the nodes can be in is left to itself. */
	:: atomic { a == 0 && !healed ->
		network[0] = 0;
#if ATTEMPTS > 1
		network[1] = 0;
#endif
#if ATTEMPTS > 2
		network[2] = 0;
#endif
		healed = true }
	:: atomic { a == 0 && healed && FOR_ALL(AT_REST) && !FOR_ALL(NOTHING_DUE) -> all_timers() }
#endif
	od
}

init {
	atomic {
		for (i : 0 .. INSTANCES * OWNERS - 1) {
			free[i] = CAPACITY;
			serving[i] = i < OWNERS
		}
		attempts[0].state = SENDING;
		save_attempt(0);
		attempt_send(0);
		for (i : 0 .. ATTEMPTS - 1) {
			run attempt(i);
			run environment(i)
		}
		for (i : 0 .. INSTANCES - 1) {
			for (j : 0 .. HOLDINGS - 1) {
				run owner(i, j / ATTEMPTS, j % ATTEMPTS)
			}
		}
	}
}

#ifdef PROGRESS
/* When the network heals, the task ends, nothing is held, every holding has its receipt, the money is settled. */
ltl progress { [] (healed -> <> (ALL_FINISHED)) }
#endif
