/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reservation protocol: docs/model.md says what is modelled, what is left out and why.
 *
 * One task with one part. An ingress sends it as a program by way of a transit owner to a site; when an attempt
 * fails, the next one goes to the next site, and both want the transit owner's capacity of 1. Inlines bear the
 * names of the functions of src/execute and src/book that they model.
 *
 * Sizes:        ATTEMPTS programs at most, SITES sites.
 * RESERVATION   the part runs nothing: it is granted, refreshed, and released when its time is over.
 * PROGRESS      the network may heal, for the property `progress`; without, no step ever depends on it.
 * MUTATION_...  one mistake each, which some property must find.
 */
#ifndef ATTEMPTS
#define ATTEMPTS 2
#endif
#ifndef SITES
#define SITES 2
#endif
#define CAPACITY 1

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

/*
 * ---- The network ------------------------------------------------------------------------------------------
 *
 * A message that was sent stays: it may be taken never (loss), late or in any order (reordering), and again
 * and again (duplication). Only a healed network delivers all that it has, and each message once.
 */
#define PROGRAM 0          /* to an owner; the site's copy is passed on by the transit owner */
#define RELEASE_BILL 1     /* release 0: bills what was used */
#define RELEASE_VOID 2     /* release with an error: bills nothing */
#define ACKNOWLEDGE 3      /* of the owner's RECEIPT */
#define TAKEN 4            /* ACKNOWLEDGE of the site's RESULT */
#define GRANTED 5          /* from here on: answers of an owner */
#define ACCEPTED 6         /* and RUNNING */
#define REFUSED 7
#define RESULT_DONE 8
#define RESULT_FAILED 9
#define RECEIPT_VOID 10    /* nothing is charged */
#define RECEIPT_CHARGED 11
#define REFRESH 12         /* to an owner, passed on like a program */
#define NOT_FOUND 13       /* the answer to the refresh of what is not held */

int network[ATTEMPTS];
bool healed;
bool repeated[ATTEMPTS];             /* healed: the program was sent again */

#define MESSAGE(kind, role) (1 << (2 * (kind) + (role)))
#define SENT(kind, role, a) ((network[a] & MESSAGE(kind, role)) != 0)

inline send(kind, role, a)
{
	network[a] = network[a] | MESSAGE(kind, role)
}

inline receive(kind, role, a)
{
	if
	:: healed -> network[a] = network[a] & ~MESSAGE(kind, role)
	:: else
	fi
}

/* ---- What the nodes know: memory dies with the daemon, the journal does not ------------------------------- */

#define NOTHING 0
#define HELD 1
#define RUNNING 2    /* site: the program's run; ingress: accepted or granted */
#define LOST 3       /* site, memory only: the run died with the daemon before this one */
#define ENDED 4
#define DENIED 5     /* refused, and remembered until the program has expired */

typedef holding {
	unsigned state : 3;
	bool executes;              /* the program came; false for one that was only released */
	bool done;                  /* what the result says */
	bool receipt_due, result_due; /* not acknowledged */
}
#ifdef MUTATION_STANDBY_BESIDE_PRIMARY
#define INSTANCES 2
#else
#define INSTANCES 1
#endif
holding memory[INSTANCES * HOLDINGS];
holding journal[HOLDINGS];
byte receipts[HOLDINGS];            /* usage table: NO_RECEIPT or one of the two kinds */
#define NO_RECEIPT 0
byte free[INSTANCES * OWNERS];      /* the book; rebuilt from the journal */
bool serving[INSTANCES * OWNERS];

#define SENDING 1
#define RELEASING 3
#define CLOSED 4

typedef attempt_record {
	unsigned state : 3;      /* NOTHING, SENDING, RUNNING, RELEASING, CLOSED */
	bool bill;               /* what a release says */
	unsigned granted : 2;    /* a bit for each role */
	unsigned settled : 2;
}
attempt_record attempts[ATTEMPTS], attempts_journal[ATTEMPTS];

#define MAPPED 0
#define DONE 1
#define FAILED 2
unsigned part : 2, part_journal : 2;

#define AWAITED 0
#define POSTED 1
#define EXCUSED 2
byte ledger[HOLDINGS];              /* of an attempt's hold: what became of each owner's receipt */

bool expired[ATTEMPTS];             /* the program's time is over */
bool over;                          /* the reservation's time is over */

/* ---- What the properties speak of ------------------------------------------------------------------------- */

unsigned runs : 2;                  /* how often a run of the part was started */
bool taken[HOLDINGS];               /* the owner granted the program once */
byte posted[HOLDINGS];              /* which receipt the ledger has */

hidden byte i, j, had;

#if ATTEMPTS == 1
#define FOR_ALL(condition) condition(0)
#define SUM(number, x, role, a) number(x, role, a, 0)
#elif ATTEMPTS == 2
#define FOR_ALL(condition) (condition(0) && condition(1))
#define SUM(number, x, role, a) (number(x, role, a, 0) + number(x, role, a, 1))
#elif ATTEMPTS == 3
#define FOR_ALL(condition) (condition(0) && condition(1) && condition(2))
#define SUM(number, x, role, a) (number(x, role, a, 0) + number(x, role, a, 1) + number(x, role, a, 2))
#endif

#define LIVE(h) (journal[h].state == HELD || journal[h].state == RUNNING)
#define BIT(role) (1 << (role))
#define HAS(set, role) (((set) & BIT(role)) != 0)

/* ---- An owner's book and holdings (src/book/book.c, src/execute/owner.c, owner_run.c) --------------------- */

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
	:: !healed ->
		owner_create(x, role, a);
		goto next
	:: true
	fi
}

inline answer_refusal(role, a)
{
	send(REFUSED, role, a)
}

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
	:: MEMORY(x, role, a).done -> send(RESULT_DONE, role, a)
	:: else -> send(RESULT_FAILED, role, a)
	fi
}

inline book_reserve(x, role, a)
{
	FREE(x, role, a)--
}

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
		receipts[HOLDING(role, a)] = receipt
	:: else
	fi
}

/* owner_finish(), write_end(): receipt and end are one record; what was held returns to the book. */
inline owner_finish(x, role, a, receipt, success)
{
	owner_may_die(x, role, a);
	usage_put(role, a, receipt);
#ifdef MUTATION_RECEIPT_APART
	owner_may_die(x, role, a);
#endif
	book_release(x, role, a);
	MEMORY(x, role, a).state = ENDED;
	MEMORY(x, role, a).done = success;
	MEMORY(x, role, a).receipt_due = true;
	MEMORY(x, role, a).result_due = MEMORY(x, role, a).executes;
	save_holding(x, role, a);
	check_book(x, role, a);
	owner_answer_receipt(role, a);
	if
	:: MEMORY(x, role, a).executes -> owner_answer_result(x, role, a)
	:: else
	fi
}

/* remember_refusal(): durable like a grant, since a copy of the program may come after a restart. */
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

/* A price may have risen: the owner may refuse what it has. */
inline receive_new(x, role, a)
{
	if
#ifndef MUTATION_ACCEPT_AFTER_EXPIRY
	:: expired[a] -> answer_refusal(role, a)
	:: !expired[a] && FREE(x, role, a) > 0 -> grant(x, role, a)
	:: !expired[a] -> remember_refusal(x, role, a)
#else
	:: FREE(x, role, a) > 0 -> grant(x, role, a)
	:: true -> remember_refusal(x, role, a)
#endif
	fi;
#ifdef MUTATION_PASS_ON_REFUSED
	send_on(PROGRAM, role, a)
#endif
}

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
		send(NOT_FOUND, role, a)
#else
	:: else -> send(NOT_FOUND, role, a)
#endif
	fi
}

inline owner_acknowledged(x, role, a)
{
	if
	:: MEMORY(x, role, a).state == ENDED && MEMORY(x, role, a).receipt_due ->
		MEMORY(x, role, a).receipt_due = false;
		save_holding(x, role, a)
	:: else
	fi
}

inline owner_result_taken(x, role, a)
{
	if
	:: MEMORY(x, role, a).state == ENDED && MEMORY(x, role, a).result_due ->
		MEMORY(x, role, a).result_due = false;
		save_holding(x, role, a)
	:: else
	fi
}

/* owner_forget(): once all is acknowledged, and no copy of the program can be taken for a new one any more. */
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
next:
	do
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

/* ---- The ingress (src/execute/attempt.c, task.c; src/meter/ledger.c) -------------------------------------- */

#define ENDED_PART(state) ((state) >= DONE)
#define ALL_SETTLED(a) (attempts[a].settled == (BIT(TRANSIT) | BIT(SITE)))
#define HOLD_CLOSED(a) (ledger[HOLDING(TRANSIT, a)] != AWAITED && ledger[HOLDING(SITE, a)] != AWAITED)

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
	:: !healed ->
		tasks_create();
		goto next
	:: true
	fi
}

/* A task ends once, and its end is kept. */
inline task_set_part_state(state)
{
	assert(!ENDED_PART(part));
	part = state;
	part_journal = state
}

inline close_when_settled(a)
{
	if
	:: attempts[a].state == RELEASING && ALL_SETTLED(a) ->
		ingress_may_die();
		assert(HOLD_CLOSED(a));
		attempts[a].state = CLOSED;
		save_attempt(a)
	:: else
	fi
}

/* Excused: nothing that costs anything will come from this owner. */
inline excuse(role, a)
{
	if
	:: ledger[HOLDING(role, a)] == AWAITED -> ledger[HOLDING(role, a)] = EXCUSED
	:: else
	fi;
	attempts[a].settled = attempts[a].settled | BIT(role)
}

/*
 * When the program has expired, nobody takes it any more; whether the site did before is asked of the site: the
 * program goes straight to its segment, and is answered ACCEPTED, with the result, or REFUSED.
 */
#define ON_ITS_WAY(state) ((state) == SENDING || (state) == RUNNING)
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
	fi
}

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

inline attempt_release(a, bills)
{
	attempts[a].bill = bills;
	attempts[a].state = RELEASING;
	save_attempt(a);
	repeat_release(a)
}

/* task_begin_attempt(): hold, part and attempt are one record, and then the program leaves. */
inline try_next(a)
{
	if
	:: a + 1 < ATTEMPTS && !ENDED_PART(part) ->
#ifdef MUTATION_SEND_BEFORE_DURABLE
		send(PROGRAM, TRANSIT, a + 1);
#endif
		ingress_may_die();
		part = MAPPED;
		part_journal = MAPPED;
		attempts[a + 1].state = SENDING;
		save_attempt(a + 1);
		attempt_send(a + 1)
	:: a + 1 == ATTEMPTS && !ENDED_PART(part) ->
		ingress_may_die();
		task_set_part_state(FAILED)
	:: else
	fi
}

inline crank_back(a)
{
	attempt_release(a, false);
	try_next(a);
	close_when_settled(a)
}

/* fail_part(), cancel_parts(): the part's end and its attempt's are one record. */
inline fail_part(a)
{
	ingress_may_die();
	task_set_part_state(FAILED);
#ifdef MUTATION_END_APART
	ingress_may_die();
#endif
	attempt_release(a, true)
}

inline grant_all(a)
{
	attempts[a].granted = BIT(TRANSIT) | BIT(SITE)
}

/* What an owner said to have granted is in its journal, or its receipt is. */
inline check_granted(role, a)
{
	assert(journal[HOLDING(role, a)].state != NOTHING || receipts[HOLDING(role, a)] != NO_RECEIPT)
}

inline on_granted(role, a)
{
	check_granted(role, a);
	attempts[a].granted = attempts[a].granted | BIT(role);
#ifndef MUTATION_GRANTED_NOT_SAVED
	save_attempt(a);
#endif
	repeat_release(a)
}

/* The last owner took it: so did every owner before it. */
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

/* A reservation that an owner lost is made again elsewhere. */
inline on_not_found(role, a)
{
	if
	:: attempts[a].state == RUNNING ->
		ingress_may_die();
		crank_back(a)
	:: else
	fi
}

inline on_result(a, outcome)
{
#ifdef MUTATION_TAKEN_BEFORE_DURABLE
	send(TAKEN, SITE, a);
#endif
	if
	:: attempts[a].state == SENDING || attempts[a].state == RUNNING ->
		ingress_may_die();
		grant_all(a);
		task_set_part_state(outcome);
#ifdef MUTATION_END_APART
		ingress_may_die();
#endif
		attempt_release(a, true)
	:: else
	fi;
	send(TAKEN, SITE, a);
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
		attempts[a].settled = attempts[a].settled | BIT(role);
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
next:
	do
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
	:: atomic { attempts[a].state == RUNNING && over -> /* the end of its time */
		ingress_may_die();
		task_set_part_state(DONE);
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
	:: atomic { !healed && ON_ITS_WAY(attempts[a].state) && !ENDED_PART(part) -> fail_part(a) }
	/* repeat_release(), which also gives up on owners */
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
		attempt_send(a) }
#ifdef RESERVATION
	:: atomic { a == 0 && !over && part == MAPPED && attempts[a].state == RUNNING -> over = true }
#endif
	/* An owner dies, and starts again or is taken over by its stand-by: both know the journal alone. */
#ifndef MUTATION_STANDBY_BESIDE_PRIMARY
	:: atomic { !healed && a == 0 -> owner_create(0, TRANSIT, 0) }
	:: atomic { !healed && a < SITES -> owner_create(0, SITE, a) }
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
