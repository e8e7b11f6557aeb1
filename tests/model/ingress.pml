/* SPDX-License-Identifier: Apache-2.0 */
/* The ingress: src/execute/attempt.c, attempt_held.c, task.c and patience.c, src/meter/ledger.c. */

#define ENDED_PART(state) ((state) >= DONE)
#define ALL_SETTLED(a) (attempts[a].settled == (BIT(TRANSIT) | BIT(SITE)))
#define HOLD_CLOSED(a) (ledger[HOLDING(TRANSIT, a)] != AWAITED && ledger[HOLDING(SITE, a)] != AWAITED)

/* attempt_save(), task_journal_insert_attempt() */
inline save_attempt(a)
{
	d_step {
		attempts_journal[a].state = attempts[a].state;
		attempts_journal[a].bill = attempts[a].bill;
		attempts_journal[a].granted = attempts[a].granted;
		attempts_journal[a].settled = attempts[a].settled
	}
}

/* attempt_resume(), tasks_create(), end_orphans(): a part that nothing drives any more has failed. */
#define DRIVES(a) (attempts_journal[a].state == SENDING || attempts_journal[a].state == RUNNING)
#define DOES_NOT_DRIVE(a) (!DRIVES(a))

inline attempt_resume(a)
{
	attempts[a].state = attempts_journal[a].state;
	attempts[a].bill = attempts_journal[a].bill;
	attempts[a].granted = attempts_journal[a].granted;
	attempts[a].settled = attempts_journal[a].settled
}

inline tasks_create()
{
	d_step {
		attempt_resume(0);
#if ATTEMPTS > 1
		attempt_resume(1);
#endif
#if ATTEMPTS > 2
		attempt_resume(2);
#endif
		part = part_journal;
		if
		:: FOR_ALL(DOES_NOT_DRIVE) && !ENDED_PART(part) -> part = FAILED; part_journal = FAILED
		:: else
		fi
	}
}

/* The daemon may die between two records of its journal: what comes after is lost, and was not sent. */
inline ingress_may_die()
{
	if
	:: !healed && DEATHS -> goto died
	:: true
	fi
}

/* A task ends once, and its end is kept. */
inline task_set_part_state(state)
{
	assert(!ENDED_PART(part));
	part = state;
	part_journal = state;
	over = true
}

inline close_when_settled(a)
{
	if
	:: attempts[a].state == RELEASING && ALL_SETTLED(a) ->
		ingress_may_die();
		assert(HOLD_CLOSED(a));
		attempts[a].state = CLOSED;
		attempts[a].bill = false;
		save_attempt(a)
	:: else
	fi
}

/* An owner that is settled is asked for nothing more: whether it granted is forgotten. */
inline settle(role, a)
{
	attempts[a].settled = attempts[a].settled | BIT(role);
	attempts[a].granted = attempts[a].granted | BIT(role)
}

/* Excused: nothing that costs anything will come from this owner. */
inline excuse(role, a)
{
	if
	:: ledger[HOLDING(role, a)] == AWAITED -> ledger[HOLDING(role, a)] = EXCUSED
	:: else
	fi;
	settle(role, a)
}

/*
 * When the program has expired, nobody takes it any more; whether the site did before is asked of the site: the
 * program goes straight to its segment, and is answered ACCEPTED, with the result, or REFUSED.
 */
#ifdef RESERVATION
#define PROGRAM_DUE(a) (attempts[a].state == SENDING && !SENT(PROGRAM, TRANSIT, a))
#define QUESTION_DUE(a) false
#define ENDS_IN_TIME(a) (attempts[a].state == RUNNING)
#define REFRESH_DUE(a) (!healed && attempts[a].state == RUNNING && !SENT(REFRESH, TRANSIT, a))
#else
#define PROGRAM_DUE(a) (ON_ITS_WAY(attempts[a].state) && !SENT(PROGRAM, TRANSIT, a))
#define QUESTION_DUE(a) (ON_ITS_WAY(attempts[a].state) && expired[a] && !SENT(PROGRAM, SITE, a))
#define REFRESH_DUE(a) false
#define ENDS_IN_TIME(a) false
#endif

/* Only who is known to have granted is asked to bill; what nobody confirmed is void. */
#ifdef MUTATION_BILL_UNCONFIRMED
#define BILLS(role, a) attempts[a].bill
#else
#define BILLS(role, a) (attempts[a].bill && HAS(attempts[a].granted, role))
#endif
#define RELEASE_DUE(role, a) (attempts[a].state == RELEASING && !HAS(attempts[a].settled, role) && \
	(BILLS(role, a) -> !SENT(RELEASE_BILL, role, a) : !SENT(RELEASE_VOID, role, a)))

inline send_release(role, a)
{
	if
	:: BILLS(role, a) -> send(RELEASE_BILL, role, a)
	:: else -> send(RELEASE_VOID, role, a)
	fi;
	join_releases(role, a)
}

/* attempt_tend(), send_program() */
inline attempt_send(a)
{
	d_step {
		if
		:: PROGRAM_DUE(a) -> send(PROGRAM, TRANSIT, a)
		:: else
		fi;
		if
		:: QUESTION_DUE(a) -> send(PROGRAM, SITE, a)
		:: else
		fi
	}
}

/* send_releases() */
inline repeat_release(a)
{
	d_step {
		if
		:: RELEASE_DUE(TRANSIT, a) -> send_release(TRANSIT, a)
		:: else
		fi;
		if
		:: RELEASE_DUE(SITE, a) -> send_release(SITE, a)
		:: else
		fi
	}
}

/* An expired program is refused, and its ingress heeds that no more. */
inline drop_expired(a)
{
	if
	:: !MAY_BE_GRANTED(a) && !ON_ITS_WAY(attempts[a].state) -> drop(PROGRAM, a)
	:: else
	fi
}

inline attempt_release(a, bills)
{
	attempts[a].bill = bills;
	attempts[a].state = RELEASING;
	save_attempt(a);
	drop(REFUSED, a);
	drop(NOT_FOUND, a);
#ifndef MUTATION_REFRESH_RESURRECTS
	drop(REFRESH, a); /* which would be answered in vain */
#endif
	drop_expired(a);
	repeat_release(a)
}

/* task_begin_attempt(): hold, part and attempt are one record, and then the program leaves. */
inline begin_attempt(a)
{
	attempts[a].state = SENDING;
	save_attempt(a);
	attempt_send(a)
}

/* What an owner said to have granted is in its journal, or its receipt is. */
inline check_granted(role, a)
{
	assert(journal[HOLDING(role, a)].state != NOTHING || receipts[HOLDING(role, a)] != NO_RECEIPT)
}

#include "follow.pml"

/* task_review(): nobody follows what has ended. */
inline end_part(state)
{
	task_set_part_state(state);
#ifdef MOVES
	follow_abandon()
#endif
}

/* patience_next(), attempt_next(), task_begin_attempt(); nothing waits for a candidate here. */
inline attempt_next()
{
	next = NEXT;
	if
	:: next < ATTEMPTS && !ENDED_PART(part) ->
#ifdef MUTATION_SEND_BEFORE_DURABLE
		send(PROGRAM, TRANSIT, next);
#endif
		ingress_may_die();
#ifdef MOVES
		current = next;
#endif
		begin_attempt(next)
	:: next == ATTEMPTS && !ENDED_PART(part) ->
		ingress_may_die();
		end_part(FAILED)
	:: else
	fi
}

/* attempt_crank_back() */
inline crank_back(a)
{
	attempt_release(a, false);
#ifdef MOVES
	if
	:: IS_MOVING(a) -> follow_failed()
	:: else -> attempt_next()
	fi;
#else
	attempt_next();
#endif
	close_when_settled(a)
}

/* fail_part(), cancel_parts(): the part's end and its attempt's are one record. */
inline fail_part(a)
{
	ingress_may_die();
	end_part(FAILED);
#ifdef MUTATION_END_APART
	ingress_may_die();
#endif
	attempt_release(a, true)
}

inline grant_all(a)
{
	attempts[a].granted = BIT(TRANSIT) | BIT(SITE)
}

/* on_granted() of an owner before the last */
inline on_granted(role, a)
{
	check_granted(role, a);
	attempts[a].granted = attempts[a].granted | BIT(role);
#ifndef MUTATION_GRANTED_NOT_SAVED
	save_attempt(a);
#endif
#ifdef MUTATION_MOVE_BEFORE_HELD
	if
	:: IS_MOVING(a) -> follow_held(a)
	:: else
	fi;
#endif
	repeat_release(a)
}

/* on_accepted(), attempt_hold(): the last owner took it, and so did every owner before it. */
inline on_accepted(role, a)
{
	check_granted(TRANSIT, a);
	check_granted(SITE, a);
	grant_all(a);
	if
	:: attempts[a].state == SENDING ->
		ingress_may_die();
		attempts[a].state = RUNNING
	:: else
	fi;
	save_attempt(a);
#ifdef MOVES
	check_served();
	if
	:: IS_MOVING(a) -> follow_held(a)
	:: else
	fi;
#endif
	repeat_release(a);
	if
	:: REFRESH_DUE(a) -> send(REFRESH, TRANSIT, a)
	:: else
	fi
}

/*
 * A refusal moves the part on only when its owner never took the program: one that granted it and has
 * forgotten it since says EXPIRED to a late copy.
 */
#ifdef MUTATION_HEED_SETTLED
#define HEEDED(role, a) true
#else
#define HEEDED(role, a) (!HAS(attempts[a].granted | attempts[a].settled, role))
#endif

inline on_refused(role, a)
{
	if
	:: attempts[a].state == SENDING && HEEDED(role, a) ->
		ingress_may_die();
		excuse(role, a);
		ingress_may_die();
		crank_back(a)
	:: else -> assert(!(attempts[a].state == RUNNING && EXECUTES(role))) /* what was accepted is known */
	fi
}

/* on_refused(), attempt_held_lost(): a reservation that an owner lost is made again elsewhere. */
inline on_not_found(role, a)
{
	if
	:: attempts[a].state == RUNNING ->
		ingress_may_die();
		crank_back(a)
	:: else
	fi
}

/* on_result(), take_output() */
inline on_result(a, outcome)
{
#ifdef MUTATION_TAKEN_BEFORE_DURABLE
	send(TAKEN, SITE, a);
#endif
	if
	:: attempts[a].state == SENDING || attempts[a].state == RUNNING ->
		ingress_may_die();
		grant_all(a);
		end_part(outcome);
#ifdef MUTATION_END_APART
		ingress_may_die();
#endif
		attempt_release(a, true)
	:: else
	fi;
	send(TAKEN, SITE, a);
	drop(RESULT_DONE, a);
	drop(RESULT_FAILED, a);
	close_when_settled(a)
}

/*
 * ledger_post(): a hold is charged once for each owner, and never after it is closed; the ledger's record is
 * one, the attempt's another.
 */
inline on_receipt(role, a, receipt)
{
	assert(posted[HOLDING(role, a)] == NO_RECEIPT || posted[HOLDING(role, a)] == receipt);
	if
	:: ledger[HOLDING(role, a)] != POSTED ->
		ingress_may_die();
		assert(receipt == RECEIPT_VOID || ledger[HOLDING(role, a)] == AWAITED);
		ledger[HOLDING(role, a)] = POSTED;
		posted[HOLDING(role, a)] = receipt
	:: else
	fi;
	if
	:: !HAS(attempts[a].settled, role) ->
		ingress_may_die();
		settle(role, a);
		save_attempt(a)
	:: else
	fi;
	send(ACKNOWLEDGE, role, a);
	close_when_settled(a)
}

/* An owner that never answered cannot be waited for for ever. One that runs something is. */
#ifdef MUTATION_EXCUSE_GRANTED
#define EXCUSABLE(role, a) (attempts[a].state == RELEASING && !HAS(attempts[a].settled, role) && expired[a])
#else
#define EXCUSABLE(role, a) (attempts[a].state == RELEASING && !HAS(attempts[a].settled, role) && expired[a] && \
	!HAS(attempts[a].granted, role) && !EXECUTES(role))
#endif

/* Silence alone moves a part on that runs nothing; else the site is asked. */
#ifdef MUTATION_NEXT_BEFORE_EXPIRED
#define GIVEN_UP(a) (attempts[a].state == SENDING)
#elif defined(RESERVATION) || defined(MUTATION_NEXT_ON_SILENCE)
#define GIVEN_UP(a) (attempts[a].state == SENDING && expired[a])
#else
#define GIVEN_UP(a) false
#endif

/* Pre-heal, a message that would change nothing need not be taken again. */
#define NEWS(kind, role, a, changes) (SENT(kind, role, a) && (healed || (changes)))
#define OPEN(role, a, receipt) \
	(posted[HOLDING(role, a)] != receipt || !HAS(attempts[a].settled, role) || !SENT(ACKNOWLEDGE, role, a))
#define UNKNOWN(a) (attempts[a].state == SENDING || attempts[a].granted != (BIT(TRANSIT) | BIT(SITE)))

/* What the ingress does for one attempt. */
proctype attempt(byte a)
{
end:
	do
	:: atomic { false ->
died:		tasks_create();
#ifdef MOVES
		load_move();
		follow_abandon();
		check_served()
#endif
		}
	/* task_answer() */
	:: atomic { NEWS(GRANTED, TRANSIT, a, !HAS(attempts[a].granted, TRANSIT)) ->
		receive(GRANTED, TRANSIT, a); on_granted(TRANSIT, a) }
	:: atomic { NEWS(REFUSED, TRANSIT, a, ON_ITS_WAY(attempts[a].state)) ->
		receive(REFUSED, TRANSIT, a); on_refused(TRANSIT, a) }
	:: atomic { NEWS(REFUSED, SITE, a, ON_ITS_WAY(attempts[a].state)) ->
		receive(REFUSED, SITE, a); on_refused(SITE, a) }
	:: atomic { NEWS(RECEIPT_VOID, TRANSIT, a, OPEN(TRANSIT, a, RECEIPT_VOID)) ->
		receive(RECEIPT_VOID, TRANSIT, a);
		on_receipt(TRANSIT, a, RECEIPT_VOID) }
	:: atomic { NEWS(RECEIPT_VOID, SITE, a, OPEN(SITE, a, RECEIPT_VOID)) ->
		receive(RECEIPT_VOID, SITE, a);
		on_receipt(SITE, a, RECEIPT_VOID) }
	:: atomic { NEWS(RECEIPT_CHARGED, TRANSIT, a, OPEN(TRANSIT, a, RECEIPT_CHARGED)) ->
		receive(RECEIPT_CHARGED, TRANSIT, a);
		on_receipt(TRANSIT, a, RECEIPT_CHARGED) }
	:: atomic { NEWS(RECEIPT_CHARGED, SITE, a, OPEN(SITE, a, RECEIPT_CHARGED)) ->
		receive(RECEIPT_CHARGED, SITE, a);
		on_receipt(SITE, a, RECEIPT_CHARGED) }
#ifdef RESERVATION
	:: atomic { NEWS(GRANTED, SITE, a, UNKNOWN(a)) ->
		receive(GRANTED, SITE, a); on_accepted(SITE, a) }
	:: atomic { NEWS(NOT_FOUND, TRANSIT, a, attempts[a].state == RUNNING) ->
		receive(NOT_FOUND, TRANSIT, a); on_not_found(TRANSIT, a) }
	:: atomic { NEWS(NOT_FOUND, SITE, a, attempts[a].state == RUNNING) ->
		receive(NOT_FOUND, SITE, a); on_not_found(SITE, a) }
	:: atomic { attempts[a].state == RUNNING && over -> /* end_of_time() */
		ingress_may_die();
		end_part(DONE);
		attempt_release(a, true) }
#else
	:: atomic { NEWS(ACCEPTED, SITE, a, UNKNOWN(a)) ->
		receive(ACCEPTED, SITE, a); on_accepted(SITE, a) }
	:: atomic { NEWS(RESULT_DONE, SITE, a, ON_ITS_WAY(attempts[a].state) || !SENT(TAKEN, SITE, a)) ->
		receive(RESULT_DONE, SITE, a); on_result(a, DONE) }
	:: atomic { NEWS(RESULT_FAILED, SITE, a, ON_ITS_WAY(attempts[a].state) || !SENT(TAKEN, SITE, a)) ->
		receive(RESULT_FAILED, SITE, a); on_result(a, FAILED) }
#endif
	/* on_silence() */
	:: atomic { GIVEN_UP(a) -> ingress_may_die(); crank_back(a) }
	/* task_cancel(), or the deadline of what the site does not answer for: at any time. */
	:: atomic { !healed && ON_ITS_WAY(attempts[a].state) && SERVES(a) && !ENDED_PART(part) -> fail_part(a) }
#ifdef MOVES
	:: atomic { !healed && NEXT < ATTEMPTS && SERVES(a) && attempts[a].state == RUNNING -> task_follow() }
#endif
	/* excuse_silent() */
	:: atomic { EXCUSABLE(TRANSIT, a) ->
		ingress_may_die();
		excuse(TRANSIT, a);
		save_attempt(a);
		close_when_settled(a) }
	:: atomic { EXCUSABLE(SITE, a) ->
		ingress_may_die();
		excuse(SITE, a);
		save_attempt(a);
		close_when_settled(a) }
	:: atomic { attempts[a].state == RELEASING && ALL_SETTLED(a) -> close_when_settled(a) }
	od
}
