/* SPDX-License-Identifier: Apache-2.0 */
/* The state of the model: the network, what the nodes know, and what the properties speak of. */

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

/* What nobody would heed any more is as good as lost, and the states with and without it are one. */
inline drop(kind, a)
{
	network[a] = network[a] & ~(MESSAGE(kind, TRANSIT) | MESSAGE(kind, SITE))
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

#define ON_ITS_WAY(state) ((state) == SENDING || (state) == RUNNING)
#define RESULT_KNOWN(a) (!ON_ITS_WAY(attempts[a].state) && SENT(TAKEN, SITE, a))

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

hidden byte i, j, next;

/* The number of the attempt that comes next. */
#if ATTEMPTS == 1
#define NEXT 1
#elif ATTEMPTS == 2
#define NEXT (attempts[1].state == NOTHING -> 1 : 2)
#elif ATTEMPTS == 3
#define NEXT (attempts[1].state == NOTHING -> 1 : (attempts[2].state == NOTHING -> 2 : 3))
#endif

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
