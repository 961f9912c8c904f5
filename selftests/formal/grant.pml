/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The grant protocol of one tree, as kernel/locking/range_lock.c has it: the
 * word, the section, BLOCKED, ELIGIBLE and HELD, newcomers that pass, the
 * bound, the wake-up, and cancel. ./run says with which of these parameters:
 *
 *	N		how many tasks, each with one request, over and over
 *	RANGES		the range of task i: which of four pages, as 4 bits from
 *			bit 4 * i
 *	READERS		bit i: task i locks for read
 *	BOUND		0: no waiter is passed; 1: until it is old, which it
 *			gets at any time
 *	CANCEL		whether a waiter may give up at any time
 *	FROM_ABOVE	of several blockers, take the last one, not the first
 *
 * A step is what the others can see at once: one access to the word, the work
 * on the tree under its lock, one look at a state, one wake-up. Memory is
 * sequentially consistent; the litmus tests are about what is not. A task may
 * stop for good when it holds nothing and waits for nothing, so one that is
 * forgotten shows as an invalid end state.
 *
 * Left out: downgrade, whole addresses (two requests conflict or not), shards
 * (see shards.pml), and the spinning: a waiter looks once and sleeps.
 */
#ifndef N
#define N 2
#endif
#ifndef RANGES
#define RANGES 273	/* 0x111: all the same */
#endif
#ifndef READERS
#define READERS 0
#endif
#ifndef BOUND
#define BOUND 1
#endif
#ifndef CANCEL
#define CANCEL 1
#endif

/* The word: one of these, or HOLDER(i), with WAITERS or not. */
#define IDLE		0
#define TREE		1
#define WAITERS		2
#define HOLDER(i)	(4 * ((i) + 1))
#define HAS_HOLDER(w)	((w) >= 4)
#define HOLDER_OF(w)	((w) / 4 - 1)

#define CONFLICT(a, b)	((((RANGES >> (4 * (a))) & (RANGES >> (4 * (b)))) & 15) && \
			 !(((READERS >> (a)) & (READERS >> (b))) & 1))

#define OUTSIDE		0
#define BLOCKED		1
#define ELIGIBLE	2
#define HELD		3

#define NOBODY		N

byte word = IDLE;
byte state[N];
byte arrival[N];	/* 0 for holders; no gaps among the waiters */
byte blocker[N];	/* whose list a BLOCKED request is on */
bool old[N];		/* has waited for longer than the bound */
bool eager[N];
bool asleep[N];		/* the state of the task */

/* For the properties: who is between lock and unlock, and who was granted. */
bool inside[N];
bool granted[N];

/* tree->lock, as fair as the kernel's. */
chan section = [N] of { byte };

/* Within a step only. */
hidden byte k, w, found, holders, waiters, any_old, gone;

#define IN_TREE(i)	(state[i] != OUTSIDE)

#ifdef FROM_ABOVE
#define TAKE(j)		found = j
#else
#define TAKE(j)		found = (found == NOBODY -> j : found)
#endif

/* range_lock_find(): who conflicts, and is held or arrived before i? */
inline find(i)
{
	found = NOBODY;
	for (k : 0 .. N - 1) {
		if
		:: k != i && IN_TREE(k) && CONFLICT(k, i) &&
		   arrival[k] < arrival[i] -> TAKE(k)
		:: else
		fi
	}
}

/* range_lock_ahead() */
inline find_ahead(i)
{
	found = NOBODY;
	for (k : 0 .. N - 1) {
		if
		:: k != i && IN_TREE(k) && CONFLICT(k, i) &&
#ifdef PASSES_THE_OLD
		   arrival[k] == 0 -> TAKE(k)
#else
		   (arrival[k] == 0 || !BOUND || old[k]) -> TAKE(k)
#endif
		:: else
		fi
	}
}

/* i waits no more; close the gap that its arrival leaves. */
inline stop_waiting(i)
{
	gone = arrival[i];
	for (k : 0 .. N - 1) {
		if
		:: gone != 0 && arrival[k] > gone -> arrival[k]--
		:: else
		fi
	}
	arrival[i] = 0;
	old[i] = false;
	blocker[i] = 0;
	eager[i] = false
}

inline hold(i)
{
	stop_waiting(i);
	granted[i] = true;
	state[i] = HELD
}

inline block(i, by)
{
	eager[i] = true;
	blocker[i] = by;
	state[i] = BLOCKED
}

/* range_lock_remove(), range_lock_unblock_all(): sets wake, of the caller. */
inline remove(i)
{
	stop_waiting(i);
	state[i] = OUTSIDE;
	for (w : 0 .. N - 1) {
		if
		:: state[w] == BLOCKED && blocker[w] == i ->
			find(w);
#ifdef HAND_OFF_WITHOUT_A_LOOK
			found = NOBODY;
#endif
			if
			:: found != NOBODY -> blocker[w] = found
			:: else ->
				if
				:: !BOUND || old[w] || eager[w] -> hold(w)
				:: else ->
					blocker[w] = 0;
					state[w] = ELIGIBLE
				fi;
#ifndef WAKE_UP_FORGOTTEN
				wake = wake | (1 << w)
#endif
			fi
		:: else
		fi
	}
}

inline begin_section(i)
{
	section ! i;
	d_step {
		section ? < eval(i) > ->
		/* range_lock_pin() */
		if
		:: HAS_HOLDER(word) ->
			state[HOLDER_OF(word)] = HELD;
			arrival[HOLDER_OF(word)] = 0
		:: else
		fi;
		word = TREE
	}
}

inline end_section(i)
{
	/* range_lock_settle() */
	d_step {
		holders = 0;
		waiters = 0;
		any_old = 0;
		for (k : 0 .. N - 1) {
			if
			:: state[k] == HELD ->
				holders++;
				found = k
			:: IN_TREE(k) && state[k] != HELD ->
				waiters++;
				any_old = any_old || !BOUND || old[k]
			:: else
			fi
		}
		if
		:: holders + waiters == 0 -> word = IDLE
		:: holders == 0 && waiters > 0 && !any_old -> word = WAITERS
#ifdef SETTLES_AMONG_WAITERS
		:: holders == 1 ->
#else
		:: holders == 1 && waiters == 0 ->
#endif
			state[found] = OUTSIDE;
			word = HOLDER(found)
		:: else
		fi
	}
	section ? eval(i)
}

/* wake_up_q(), after the section, task by task */
inline wake_up()
{
	do
	:: wake != 0 ->
		d_step {
			w = 0;
			do
			:: wake & (1 << w) -> break
			:: else -> w++
			od;
			asleep[w] = false;
			wake = wake & ~(1 << w)
		}
	:: else -> break
	od
}

proctype task(byte i)
{
	byte wake;
	bool claimed;

idle:
	if
	:: true
	:: true -> goto done
	fi;

	/* range_lock_word_acquire() */
	atomic {
		granted[i] = false;
		if
		:: word == IDLE -> word = HOLDER(i); goto held
		:: word == WAITERS -> word = HOLDER(i) + WAITERS; goto held
		:: else
		fi
	}

	/* range_lock_enqueue() */
	begin_section(i);
	d_step {
		find_ahead(i);
		if
		:: found == NOBODY -> state[i] = HELD
		:: else ->
			for (k : 0 .. N - 1) {
				if
				:: arrival[k] >= arrival[i] ->
					arrival[i] = arrival[k] + (k != i)
				:: else
				fi
			}
			block(i, found)
		fi
	}
	end_section(i);

	/* range_lock_wait() */
	claimed = false;
	do
	:: state[i] == ELIGIBLE ->
		/* range_lock_claim() */
		begin_section(i);
		d_step {
			find(i);
#ifdef CLAIM_WITHOUT_A_LOOK
			found = NOBODY;
#endif
			if
			:: found == NOBODY -> hold(i)
			:: else -> block(i, found)
			fi
		}
		end_section(i);
		claimed = true
	:: state[i] == HELD || state[i] == OUTSIDE -> break
	:: state[i] == BLOCKED ->
		if
		:: !claimed -> eager[i] = false
		:: else
		fi;
#ifdef LOOKS_BEFORE_IT_IS_ASLEEP
		if
		:: state[i] != BLOCKED
		:: else ->
			asleep[i] = true;
			!asleep[i]
		fi;
#else
		asleep[i] = true;
		if
		:: CANCEL -> asleep[i] = false; goto cancel
		:: state[i] != BLOCKED -> asleep[i] = false
		:: state[i] == BLOCKED -> !asleep[i]
		fi
#endif
	od;
	goto held;

cancel:
	/* range_lock_cancel() */
	begin_section(i);
	d_step {
		if
#ifdef CANCEL_IGNORES_A_GRANT
		:: true ->
#else
		:: state[i] == BLOCKED || state[i] == ELIGIBLE ->
#endif
			/* Exactly one of cancel and grant wins. */
			assert(!granted[i]);
#ifdef CANCEL_FORGETS_THOSE_BEHIND
			stop_waiting(i);
			state[i] = OUTSIDE;
#else
			remove(i);
#endif
			claimed = false
		:: else ->
			assert(granted[i] && state[i] == HELD);
			claimed = true
		fi
	}
	end_section(i);
	wake_up();
	if
	:: claimed -> goto held
	:: else -> goto idle
	fi;

held:
	claimed = false;
	d_step {
		for (k : 0 .. N - 1) {
			assert(k == i || !inside[k] || !CONFLICT(k, i))
		}
		inside[i] = true
	}
	inside[i] = false;

	/* range_lock_word_release() */
	atomic {
		if
		:: word == HOLDER(i) -> word = IDLE; goto idle
		:: word == HOLDER(i) + WAITERS ->
			word = WAITERS;
			goto idle
		:: else
		fi
	}

	/* range_lock_release_slow() */
	begin_section(i);
#ifdef WAKE_UP_BEFORE_THE_STATE
	d_step {
		for (k : 0 .. N - 1) {
			if
			:: state[k] == BLOCKED && blocker[k] == i ->
				asleep[k] = false
			:: else
			fi
		}
	}
	d_step {
		assert(state[i] == HELD);
		remove(i);
		wake = 0
	}
#else
	d_step {
		assert(state[i] == HELD);
		remove(i)
	}
#endif
	end_section(i);
	wake_up();
	goto idle;

done:
	skip
}

/* Time: a waiter gets old, but none before one that arrived earlier. */
#define GETS_OLD(i) \
	d_step { \
		arrival[i] != 0 && !old[i] -> \
		for (k : 0 .. N - 1) { \
			if \
			:: arrival[k] != 0 && arrival[k] <= arrival[i] -> \
				old[k] = true \
			:: else \
			fi \
		} \
	}

active [BOUND] proctype clock()
{
end:
	do
	:: GETS_OLD(0)
	:: GETS_OLD(1)
#if N > 2
	:: GETS_OLD(2)
#endif
	od
}

init {
	atomic {
		byte i;

		for (i : 0 .. N - 1) {
			run task(i)
		}
	}
}

/*
 * A waiter that is old gets the lock, or gives up. With BOUND 0 all are old. By
 * symmetry, or by other RANGES, that of task 0 stands for each.
 */
#if CANCEL
#define SERVED		(arrival[0] == 0)
#else
#define SERVED		inside[0]
#endif
ltl no_starvation {
	[] ((arrival[0] != 0 && (!BOUND || old[0])) -> <> SERVED)
}
