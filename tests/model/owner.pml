/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An owner's book and holdings: src/book/book.c, src/execute/owner.c, owner_program.c, owner_run.c, owner_end.c and
 * refused.c.
 */

#define MEMORY(x, role, a) memory[(x) * HOLDINGS + HOLDING(role, a)]
#define FREE(x, role, a) free[(x) * OWNERS + OWNER(role, a)]
#define TAKES(state) ((state) == HELD || (state) == RUNNING)

/* What the owner of (role, a) holds for another attempt: durably, or in its memory. */
#define HELD_BY(x, role, a, other) (OWNER(role, other) == OWNER(role, a) && LIVE(HOLDING(role, other)) -> 1 : 0)
#define BOOKED_BY(x, role, a, other) \
	(OWNER(role, other) == OWNER(role, a) && TAKES(MEMORY(x, role, other).state) -> 1 : 0)

/* No over-commitment: what the journals of all owners say is held never exceeds what they have. */
inline check_capacity(role, a)
{
	assert(SUM(HELD_BY, 0, role, a) <= CAPACITY)
}

/* The book's invariant: capacity = free + sum of holdings. */
inline check_book(x, role, a)
{
	assert(FREE(x, role, a) + SUM(BOOKED_BY, x, role, a) == CAPACITY)
}

/* holding_insert(), holding_write_run(), holding_write_end(), holding_write_due(), holding_write_refresh() */
inline save_holding(x, role, a)
{
	d_step {
		journal[HOLDING(role, a)].state = MEMORY(x, role, a).state;
		journal[HOLDING(role, a)].executes = MEMORY(x, role, a).executes;
		journal[HOLDING(role, a)].done = MEMORY(x, role, a).done;
		journal[HOLDING(role, a)].receipt_due = MEMORY(x, role, a).receipt_due;
		journal[HOLDING(role, a)].result_due = MEMORY(x, role, a).result_due
	}
}

/* take_up(): a reservation returns to the book; a run died with its daemon. */
inline take_up(x, role, a, other)
{
	if
	:: OWNER(role, other) == OWNER(role, a) -> d_step {
			MEMORY(x, role, other).state = journal[HOLDING(role, other)].state;
			MEMORY(x, role, other).executes = journal[HOLDING(role, other)].executes;
			MEMORY(x, role, other).done = journal[HOLDING(role, other)].done;
			MEMORY(x, role, other).receipt_due = journal[HOLDING(role, other)].receipt_due;
			MEMORY(x, role, other).result_due = journal[HOLDING(role, other)].result_due;
			if
			:: EXECUTES(role) && LIVE(HOLDING(role, other)) -> MEMORY(x, role, other).state = LOST
			:: else
			fi;
#ifdef MUTATION_RESTART_FORGETS_HOLDINGS
			if
			:: LIVE(HOLDING(role, other)) -> MEMORY(x, role, other).state = NOTHING
			:: else
			fi;
#endif
#ifdef MUTATION_RESTART_FORGETS_ENDED
			if
			:: journal[HOLDING(role, other)].state == ENDED && !journal[HOLDING(role, other)].receipt_due &&
			   !journal[HOLDING(role, other)].result_due ->
				MEMORY(x, role, other).state = NOTHING
			:: else
			fi;
#endif
			if
			:: TAKES(MEMORY(x, role, other).state) -> FREE(x, role, a)--
			:: else
			fi
	}
	:: else
	fi
}

/* owner_create(): a new daemon, on this machine or the stand-by's, with nothing but the journal. */
inline owner_create(x, role, a)
{
	FREE(x, role, a) = CAPACITY;
	take_up(x, role, a, 0);
#if ATTEMPTS > 1
	take_up(x, role, a, 1);
#endif
#if ATTEMPTS > 2
	take_up(x, role, a, 2);
#endif
}

/* The daemon may die before what it wrote last is durable: that, and what waits for it, is lost. */
inline owner_may_die(x, role, a)
{
	if
	:: !healed && DEATHS -> goto died
	:: true
	fi
}

/* owner_answer_refusal(): what its ingress has given up it does not heed. */
inline answer_refusal(role, a)
{
	if
	:: ON_ITS_WAY(attempts[a].state) -> send(REFUSED, role, a)
	:: else
	fi
}

/* refuse_stranger() of a refresh */
inline answer_not_found(role, a)
{
	if
	:: ON_ITS_WAY(attempts[a].state) -> send(NOT_FOUND, role, a)
	:: else
	fi
}

/* owner_answer(), owner_answer_grant() */
inline answer_granted(role, a)
{
	if
	:: EXECUTES(role) -> send(ACCEPTED, role, a)
	:: else -> send(GRANTED, role, a)
	fi
}

/* send_on(): the packet travels on to the site. */
inline send_on(kind, role, a)
{
	if
	:: role == TRANSIT -> send(kind, SITE, a)
	:: else
	fi
}

inline owner_answer_receipt(role, a)
{
	if
	:: receipts[HOLDING(role, a)] != NO_RECEIPT -> send(receipts[HOLDING(role, a)], role, a)
	:: else
	fi
}

inline owner_answer_result(x, role, a)
{
	if
	:: RESULT_KNOWN(a)
	:: !RESULT_KNOWN(a) && MEMORY(x, role, a).done -> send(RESULT_DONE, role, a)
	:: else -> send(RESULT_FAILED, role, a)
	fi
}

/* book_reserve(), book_claim() */
inline book_reserve(x, role, a)
{
	FREE(x, role, a)--
}

/* book_release() of what is held: once */
inline book_release(x, role, a)
{
	if
	:: TAKES(MEMORY(x, role, a).state) -> FREE(x, role, a)++
	:: else
#ifdef MUTATION_DOUBLE_RELEASE
		-> if
		:: MEMORY(x, role, a).state == ENDED -> FREE(x, role, a)++
		:: else
		fi
#endif
	fi
}

/* After the receipt all releases are answered alike: with it. */
#define RELEASE_SENT(role, a) (SENT(RELEASE_BILL, role, a) || SENT(RELEASE_VOID, role, a))

inline join_releases(role, a)
{
	if
	:: receipts[HOLDING(role, a)] != NO_RECEIPT && !healed && RELEASE_SENT(role, a) ->
		send(RELEASE_BILL, role, a);
		send(RELEASE_VOID, role, a)
	:: else
	fi
}

/* usage_put(): unique by program; a second receipt changes nothing. */
inline usage_put(role, a, receipt)
{
	if
#ifdef MUTATION_RECEIPT_TWICE
	:: true ->
#else
	:: receipts[HOLDING(role, a)] == NO_RECEIPT ->
#endif
		assert(receipts[HOLDING(role, a)] == NO_RECEIPT); /* at most one receipt a program */
		receipts[HOLDING(role, a)] = receipt;
		join_releases(role, a)
	:: else
	fi
}

/* owner_finish(), write_end(): receipt and end are one record; what was held returns to the book. */
inline owner_finish(x, role, a, receipt, success)
{
	owner_may_die(x, role, a);
#ifndef MUTATION_RECEIPT_APART
	usage_put(role, a, receipt);
#endif
	book_release(x, role, a);
	MEMORY(x, role, a).state = ENDED;
	MEMORY(x, role, a).done = success;
	MEMORY(x, role, a).receipt_due = true;
	MEMORY(x, role, a).result_due = MEMORY(x, role, a).executes;
	save_holding(x, role, a);
#ifdef MUTATION_RECEIPT_APART
	owner_may_die(x, role, a);
	usage_put(role, a, receipt);
#endif
	check_book(x, role, a);
	owner_answer_receipt(role, a);
	if
	:: MEMORY(x, role, a).executes -> owner_answer_result(x, role, a)
	:: else
	fi
}

/*
 * remember_refusal(), refused_note(): durable before it is answered, since a copy of the program may come after a
 * restart. The code has one expiry for all, and refuses more by it.
 */
inline remember_refusal(x, role, a)
{
#ifndef MUTATION_FORGET_REFUSED
	owner_may_die(x, role, a);
	MEMORY(x, role, a).state = DENIED;
#ifndef MUTATION_REFUSAL_NOT_DURABLE
	save_holding(x, role, a);
#endif
#endif
	answer_refusal(role, a)
}

/* owner_stage(), begin_run(): the one step that cannot be taken back. */
inline owner_stage(x, role, a)
{
	MEMORY(x, role, a).state = RUNNING;
	runs++;
	assert(runs <= 1) /* at most one execution of the part */
}

/* grant(), confirm_grant(), and what receive_new() does after it */
inline grant(x, role, a)
{
	assert(attempts_journal[a].state != NOTHING); /* what the ingress sent is in its journal */
	assert(attempts[a].state != CLOSED);          /* nothing is granted once the accounts are closed */
	assert(role == TRANSIT || taken[HOLDING(TRANSIT, a)]); /* a site is reached by a granted path */
	assert(ledger[HOLDING(role, a)] != EXCUSED);  /* who was excused grants nothing */
	assert(!taken[HOLDING(role, a)]);             /* a program is granted once */
	book_reserve(x, role, a);
	MEMORY(x, role, a).state = HELD;
	MEMORY(x, role, a).executes = EXECUTES(role);
#ifdef MUTATION_RUN_BEFORE_DURABLE
	if
	:: EXECUTES(role) -> owner_stage(x, role, a)
	:: else
	fi;
#endif
#ifdef MUTATION_ANSWER_BEFORE_DURABLE
	answer_granted(role, a);
	send_on(PROGRAM, role, a);
#endif
	owner_may_die(x, role, a);
	save_holding(x, role, a);
	taken[HOLDING(role, a)] = true;
	check_capacity(role, a);
	check_book(x, role, a);
	answer_granted(role, a);
	send_on(PROGRAM, role, a)
}

#ifdef MUTATION_ACCEPT_AFTER_EXPIRY
#define MAY_BE_GRANTED(a) true
#else
#define MAY_BE_GRANTED(a) (!expired[a])
#endif

/* A price may have risen: the owner may refuse what it has. */
inline receive_new(x, role, a)
{
	if
	:: !MAY_BE_GRANTED(a) -> answer_refusal(role, a)
	:: MAY_BE_GRANTED(a) && FREE(x, role, a) > 0 -> grant(x, role, a)
	:: MAY_BE_GRANTED(a) -> remember_refusal(x, role, a)
	fi;
#ifdef MUTATION_PASS_ON_REFUSED
	send_on(PROGRAM, role, a)
#endif
}

/* receive_again(), send_on() */
inline receive_again(x, role, a)
{
	if
	:: MEMORY(x, role, a).state == DENIED -> answer_refusal(role, a)
	:: TAKES(MEMORY(x, role, a).state) || MEMORY(x, role, a).state == LOST ->
#ifdef MUTATION_NO_IDEMPOTENCE
		grant(x, role, a)
#else
		answer_granted(role, a);
		send_on(PROGRAM, role, a)
#endif
	:: MEMORY(x, role, a).state == ENDED ->
		if
		:: MEMORY(x, role, a).executes -> owner_answer_result(x, role, a)
		:: else
		fi;
		owner_answer_receipt(role, a)
	fi
}

/* bury(): a release of what never came is remembered as an ended holding with an empty receipt. */
inline bury(x, role, a)
{
#ifdef MUTATION_NO_BURY
	send(RECEIPT_VOID, role, a)
#else
	MEMORY(x, role, a).state = NOTHING;
	MEMORY(x, role, a).executes = false;
	owner_finish(x, role, a, RECEIPT_VOID, false)
#endif
}

inline owner_release(x, role, a, bill)
{
	if
	:: MEMORY(x, role, a).state == NOTHING || MEMORY(x, role, a).state == DENIED -> bury(x, role, a)
	:: MEMORY(x, role, a).state == HELD && bill && !EXECUTES(role) ->
		owner_finish(x, role, a, RECEIPT_CHARGED, false)
	:: MEMORY(x, role, a).state == HELD && !(bill && !EXECUTES(role)) ->
		owner_finish(x, role, a, RECEIPT_VOID, false)
	:: MEMORY(x, role, a).state == RUNNING && bill -> owner_finish(x, role, a, RECEIPT_CHARGED, false)
	:: MEMORY(x, role, a).state == RUNNING && !bill -> owner_finish(x, role, a, RECEIPT_VOID, false)
	:: MEMORY(x, role, a).state == LOST /* owner_tend() ends it */
	:: MEMORY(x, role, a).state == ENDED ->
#ifdef MUTATION_DOUBLE_RELEASE
		book_release(x, role, a);
		check_book(x, role, a);
#endif
		owner_answer_receipt(role, a)
	fi;
#ifdef MUTATION_RELEASE_NOT_REMEMBERED
	if
	:: MEMORY(x, role, a).state == ENDED ->
		MEMORY(x, role, a).state = NOTHING;
		MEMORY(x, role, a).receipt_due = false;
		MEMORY(x, role, a).result_due = false;
		save_holding(x, role, a)
	:: else
	fi
#endif
}

/* receive_refresh(), refresh() */
inline refresh(x, role, a)
{
	if
	:: TAKES(MEMORY(x, role, a).state) ->
		answer_granted(role, a);
		send_on(REFRESH, role, a)
#ifdef MUTATION_REFRESH_RESURRECTS
	:: MEMORY(x, role, a).state == ENDED ->
		book_reserve(x, role, a);
		MEMORY(x, role, a).state = HELD;
		save_holding(x, role, a);
		check_capacity(role, a);
		check_book(x, role, a);
		answer_granted(role, a)
	:: MEMORY(x, role, a).state == NOTHING || MEMORY(x, role, a).state == DENIED ->
		answer_not_found(role, a)
#else
	:: else -> answer_not_found(role, a)
#endif
	fi
}

/* owner_acknowledged() of a RECEIPT, write_acknowledged() */
inline owner_acknowledged(x, role, a)
{
	if
	:: MEMORY(x, role, a).state == ENDED && MEMORY(x, role, a).receipt_due ->
		MEMORY(x, role, a).receipt_due = false;
		save_holding(x, role, a)
	:: else
	fi
}

/* owner_acknowledged() of a RESULT */
inline owner_result_taken(x, role, a)
{
	if
	:: MEMORY(x, role, a).state == ENDED && MEMORY(x, role, a).result_due ->
		MEMORY(x, role, a).result_due = false;
		save_holding(x, role, a)
	:: else
	fi
}

/* owner_retire(), owner_forget(): once all is acknowledged, and no copy of the program can be taken for a new one any more. */
#ifdef MUTATION_FORGET_BEFORE_EXPIRY
#define FORGETTABLE(a) true
#else
#define FORGETTABLE(a) expired[a]
#endif

inline owner_forget(x, role, a)
{
	MEMORY(x, role, a).state = NOTHING;
	MEMORY(x, role, a).executes = false;
	MEMORY(x, role, a).done = false;
	save_holding(x, role, a)
}

/* Nothing is repeated that is on its way; in a healed network environment() says when. */
#define RECEIPT_DUE(x, role, a) (MEMORY(x, role, a).receipt_due && !SENT(receipts[HOLDING(role, a)], role, a))
#define RESULT_DUE(x, role, a) \
	(MEMORY(x, role, a).result_due && !SENT(RESULT_DONE, role, a) && !SENT(RESULT_FAILED, role, a))

/* What one owner does for one program; its steps are those of a single thread, and so atomic. */
proctype owner(byte x; byte role; byte a)
{
end:
	do
	:: atomic { false ->
died:		owner_create(x, role, a) }
	:: atomic { serving[x * OWNERS + OWNER(role, a)] && SENT(PROGRAM, role, a) ->
		receive(PROGRAM, role, a);
		if
		:: MEMORY(x, role, a).state == NOTHING -> receive_new(x, role, a)
		:: else -> receive_again(x, role, a)
		fi }
	:: atomic { serving[x * OWNERS + OWNER(role, a)] && SENT(RELEASE_BILL, role, a) ->
		receive(RELEASE_BILL, role, a);
		owner_release(x, role, a, true) }
	:: atomic { serving[x * OWNERS + OWNER(role, a)] && SENT(RELEASE_VOID, role, a) ->
		receive(RELEASE_VOID, role, a);
		owner_release(x, role, a, false) }
	:: atomic { serving[x * OWNERS + OWNER(role, a)] && SENT(ACKNOWLEDGE, role, a) ->
		receive(ACKNOWLEDGE, role, a);
		owner_acknowledged(x, role, a) }
#ifdef RESERVATION
	:: atomic { serving[x * OWNERS + OWNER(role, a)] && SENT(REFRESH, role, a) ->
		receive(REFRESH, role, a);
		refresh(x, role, a) }
#else
	:: atomic { serving[x * OWNERS + OWNER(role, a)] && SENT(TAKEN, role, a) ->
		receive(TAKEN, role, a);
		owner_result_taken(x, role, a) }
	:: atomic { EXECUTES(role) && MEMORY(x, role, a).state == HELD ->
		owner_stage(x, role, a);
		save_holding(x, role, a) }
	:: atomic { MEMORY(x, role, a).state == RUNNING -> /* owner_ended() */
		owner_finish(x, role, a, RECEIPT_CHARGED, true) }
	/* owner_tend(), what take_up() found: billed up to its last checkpoint, if it had begun at all */
	:: atomic { MEMORY(x, role, a).state == LOST && journal[HOLDING(role, a)].state == RUNNING ->
		owner_finish(x, role, a, RECEIPT_CHARGED, false) }
	:: atomic { MEMORY(x, role, a).state == LOST && journal[HOLDING(role, a)].state == HELD ->
		owner_finish(x, role, a, RECEIPT_VOID, false) }
#endif
#ifndef MUTATION_NO_EXPIRY
	/* expire(): at any time, since a holding's end and its program's have nothing to do with each other. */
	:: atomic { MEMORY(x, role, a).state == HELD -> owner_finish(x, role, a, RECEIPT_VOID, false) }
#endif
	/* owner_tend() of what is over */
	:: atomic { MEMORY(x, role, a).state == ENDED && !MEMORY(x, role, a).receipt_due &&
	            !MEMORY(x, role, a).result_due && FORGETTABLE(a) ->
		owner_forget(x, role, a) }
	:: atomic { MEMORY(x, role, a).state == DENIED && expired[a] -> owner_forget(x, role, a) }
	od
}
