/* SPDX-License-Identifier: Apache-2.0 */
/* A client that moves: src/execute/follow.c, and load_move() of task_journal.c. */

#ifdef MOVES
#define NOBODY 0 /* the first attempt never takes another's place */
byte current;    /* the attempt that serves the part */
byte moving;     /* that is to take its place */
#define SERVES(a) ((a) == current)
#define IS_MOVING(a) (moving == (a) && moving != NOBODY)

/* Nothing is held that nobody lets go: what is on its way serves the part, or is to. */
#define SERVED(a) (!ON_ITS_WAY(attempts[a].state) || (!ENDED_PART(part) && (SERVES(a) || IS_MOVING(a))))

inline check_served()
{
	assert(FOR_ALL(SERVED))
}

/* What was to take the place is void; what serves goes on. */
inline follow_abandon()
{
	if
	:: moving != NOBODY ->
#ifndef MUTATION_MOVE_NOT_ABANDONED
		attempt_release(moving, false);
#endif
		moving = NOBODY
	:: else
	fi
}

/* follow_held(), take_over(): make before break, in one record. */
inline follow_held(a)
{
	check_granted(TRANSIT, a);
	check_granted(SITE, a);
	if
	:: ON_ITS_WAY(attempts[current].state) -> attempt_release(current, true)
	:: else
	fi;
	current = a;
	moving = NOBODY
}

/* begin(), attempt_next() */
inline begin_move()
{
	next = NEXT;
	if
	:: next < ATTEMPTS ->
		ingress_may_die();
		moving = next;
		begin_attempt(next)
	:: else
	fi
}

/* task_follow(): a later word ends the move before it. */
inline task_follow()
{
	ingress_may_die();
	follow_abandon();
	begin_move()
}

inline follow_failed()
{
	moving = NOBODY;
	begin_move()
}

/* load_attempt(), load_move(): the journal has no move. What is held serves, and a newer attempt was to. */
inline load_move()
{
	d_step {
		current = 0;
		moving = NOBODY;
		for (i : 1 .. ATTEMPTS - 1) {
			if
			:: attempts[i].state == NOTHING || attempts[i].state == CLOSED
#ifndef MUTATION_RESTART_FORGETS_MOVE
			:: ON_ITS_WAY(attempts[i].state) && attempts[current].state == RUNNING -> moving = i
			:: attempts[i].state == RELEASING && attempts[current].state == RUNNING
#endif
			:: else -> current = i
			fi
		}
	}
}
#else
#define SERVES(a) true
#define IS_MOVING(a) false
#endif
