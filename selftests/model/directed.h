/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Histories for the model alone: short ones, directed at what needs a split, a
 * join or a meeting at a particular moment. Those of ../histories.h are too long
 * for their every interleaving to be played.
 *
 * What stands before START is done when the tasks begin, one step after the
 * other. From there on they run freely, as those of the other histories do.
 */
#ifndef RANGE_LOCK_MODEL_DIRECTED_H
#define RANGE_LOCK_MODEL_DIRECTED_H

#include "histories.h"

/* Steps that only the model has. */
enum directed_op {
	DIRECTED_START = HISTORY_RESUME + 1,
	DIRECTED_SPLIT,
	DIRECTED_MEETINGS,
	DIRECTED_MISUSE,
};

#define START \
	{ (enum history_op)DIRECTED_START, A, A, 0, 0, 0, RETURNS, NOBODY }
/*
 * range_lock_split() for requests of 2^bits addresses. Before START the outcome
 * says whether it has to come of it.
 */
#define SPLIT(task, bits, outcome) \
	{ (enum history_op)DIRECTED_SPLIT, task, task, 0, bits, 0, outcome, NOBODY }
/*
 * Disjoint requests have met so often that the tree is split the next time:
 * which has to happen in some execution (YES), or may in none (NO).
 */
#define MEETINGS(outcome) \
	{ (enum history_op)DIRECTED_MEETINGS, A, A, 0, 0, 0, outcome, NOBODY }
/* Unlock in the other mode, which is reported and without effect. */
#define MISUSE(who) \
	{ (enum history_op)DIRECTED_MISUSE, who, who, 0, 0, 0, RETURNS, NOBODY }

/*
 * A tree that is split into segments of 16 addresses, where nothing is held. Of
 * the two shards that with 32 to 47 is open, that with 0 to 31 is not.
 */
#define SPLIT_AND_IDLE \
	WRITE(F, 32, 35, GRANTED), SPLIT(F, 4, YES), UNLOCK(F, NOBODY)

static const struct history directed[] = {
	/* The split. */
	{ "split_among_waiters", STRICT, {
		WRITE(A, 18, 20, GRANTED), START, UNLOCK(A, GO(B)),
		WRITE(B, 18, 20, WAITS), UNLOCK(B, NOBODY),
		SPLIT(C, 4, RETURNS) } },
	{ "split_while_what_is_wide_waits", STRICT, {
		WRITE(A, 18, 20, GRANTED), START, UNLOCK(A, GO(B)),
		WRITE(B, 10, 25, WAITS), UNLOCK(B, NOBODY),
		SPLIT(C, 4, RETURNS) } },
	{ "split_while_what_is_wide_is_held", STRICT, {
		READ(A, 10, 25, GRANTED), READ(B, 20, 30, GRANTED),
		WRITE(C, 40, 41, GRANTED), SPLIT(A, 4, YES), START,
		UNLOCK(A, NOBODY), UNLOCK_BY(A, B, NOBODY),
		UNLOCK_BY(A, C, NOBODY), TRY_WRITE(D, 28, 28, BUSY),
		TRY_WRITE(D, 16, 16, BUSY), TRY_READ(D, 20, 45, BUSY) } },
	{ "split_before_the_first_look", STRICT, {
		WRITE(A, 18, 20, GRANTED), START, UNLOCK(A, NOBODY),
		TRY_WRITE(B, 32, 35, GRANTED), UNLOCK(B, NOBODY),
		SPLIT(C, 4, RETURNS) } },
	{ "split_where_nothing_is_aligned", STRICT, {
		WRITE(A, 8, 23, GRANTED), SPLIT(A, 4, NO), SPLIT(A, 4, YES),
		START, UNLOCK(A, NOBODY), TRY_WRITE(B, 23, 38, BUSY),
		UNLOCK(B, NOBODY) } },
	{ "split_by_two_that_meet", STRICT, {
		WRITE(A, 18, 20, GRANTED), WRITE(B, 1000, 1003, GRANTED),
		MEETINGS(YES), START, UNLOCK(A, NOBODY),
		TRY_WRITE(C, 64, 67, GRANTED), UNLOCK(C, NOBODY),
		UNLOCK_BY(A, B, NOBODY) } },
	{ "split_by_no_conflict", STRICT, {
		WRITE(A, 16, 19, GRANTED), MEETINGS(NO), START,
		LATE_WRITE(B, 16, 19, GIVES_UP),
		LATE_WRITE(C, 16, 19, GIVES_UP) } },

	/* A shard is opened. */
	{ "open_and_meet_there", STRICT, {
		SPLIT_AND_IDLE, START, IS_LOCKED(18, 20, YES),
		WRITE(B, 18, 20, GRANTED),
		{ HISTORY_DEADLINE, C, B, HISTORY_WRITE, 18, 20, GIVES_UP,
		  NOBODY },
		UNLOCK(B, NOBODY) } },
	{ "open_and_pass_there", PASSING, {
		SPLIT_AND_IDLE, WRITE(A, 16, 19, GRANTED), START,
		UNLOCK(A, GO(B)), WRITE(B, 18, 25, WAITS), UNLOCK(B, NOBODY),
		TRY_WRITE(C, 24, 25, GRANTED), UNLOCK(C, NOBODY) } },
	{ "open_and_use_by_the_word", STRICT, {
		SPLIT_AND_IDLE, START, WRITE(A, 18, 20, GRANTED),
		UNLOCK(A, NOBODY), WRITE(A, 18, 20, GRANTED),
		UNLOCK(A, NOBODY), TRY_WRITE(B, 32, 35, GRANTED),
		UNLOCK(B, NOBODY) } },

	/* The join. */
	{ "join_among_waiters", STRICT, {
		SPLIT_AND_IDLE, WRITE(A, 18, 20, GRANTED), START,
		UNLOCK(A, GO(B)), WRITE(B, 18, 20, WAITS), UNLOCK(B, NOBODY),
		TRY_WRITE(C, 10, 25, BUSY) } },
	{ "join_and_split_during_a_release", STRICT, {
		SPLIT_AND_IDLE, WRITE(A, 18, 20, GRANTED),
		WRITE(E, 32, 35, GRANTED), START, UNLOCK(A, NOBODY),
		SPLIT(B, 4, RETURNS), TRY_WRITE(B, 18, 20, BUSY) } },
	{ "join_and_split_during_a_lookup", PASSING, {
		SPLIT_AND_IDLE, WRITE(A, 64, 65, GRANTED), START,
		WRITE(B, 64, 65, WAITS), UNLOCK(B, NOBODY), SPLIT(A, 5, RETURNS),
		UNLOCK(A, NOBODY), TRY_WRITE(C, 32, 33, GRANTED),
		UNLOCK(C, NOBODY),
		{ HISTORY_TRYLOCK, D, A, HISTORY_WRITE, 32, 32, GRANTED,
		  NOBODY } } },

	{ "join_during_a_lock", STRICT, {
		SPLIT_AND_IDLE, WRITE(A, 18, 20, GRANTED), UNLOCK(A, NOBODY),
		START, WRITE(A, 18, 20, GRANTED), UNLOCK(A, NOBODY),
		TRY_WRITE(B, 10, 25, BUSY), UNLOCK(B, NOBODY) } },
	{ "join_and_open_during_a_lock", STRICT, {
		SPLIT_AND_IDLE, WRITE(A, 18, 20, GRANTED), UNLOCK(A, NOBODY),
		WRITE(E, 32, 35, GRANTED), START, WRITE(A, 18, 20, GRANTED),
		UNLOCK(A, NOBODY), SPLIT(B, 4, RETURNS),
		TRY_WRITE(B, 18, 20, BUSY), UNLOCK(B, NOBODY) } },
	{ "join_during_a_section", STRICT, {
		SPLIT_AND_IDLE, WRITE(C, 18, 20, GRANTED), UNLOCK(C, NOBODY),
		START, IS_LOCKED(20, 20, NO), TRY_WRITE(B, 10, 25, GRANTED),
		TRY_WRITE(C, 18, 19, BUSY) } },
	{ "join_while_one_is_passed", PASSING, {
		SPLIT_AND_IDLE, WRITE(A, 18, 20, GRANTED), START,
		WRITE(B, 18, 20, WAITS), UNLOCK(B, NOBODY), UNLOCK(A, NOBODY),
		{ HISTORY_TRYLOCK, D, A, HISTORY_WRITE, 10, 25, BUSY, NOBODY },
		TRY_WRITE(C, 18, 20, GRANTED), UNLOCK(C, NOBODY) } },

	/* In one tree. */
	{ "word_taken_at_the_second_attempt", PASSING, {
		WRITE(A, 18, 20, GRANTED), START, WRITE(B, 18, 20, WAITS),
		UNLOCK(B, NOBODY), UNLOCK(A, NOBODY),
		TRY_WRITE(C, 18, 20, GRANTED), UNLOCK(C, NOBODY) } },
	{ "misuse_during_a_lock", STRICT, {
		WRITE(A, 18, 20, GRANTED), START, MISUSE(A),
		UNLOCK(A, GO(B)), WRITE(B, 18, 20, WAITS),
		UNLOCK(B, NOBODY) } },
	{ "trylock_at_the_start_of_others", STRICT, {
		READ(A, 18, 20, GRANTED), START, WRITE(B, 18, 20, WAITS),
		UNLOCK(B, NOBODY), TRY_READ(C, 18, 18, BUSY),
		UNLOCK(C, NOBODY), UNLOCK(A, GO(B)) } },
	{ "split_by_nobody_alone", STRICT, {
		WRITE(A, 16, 19, GRANTED), MEETINGS(NO), START,
		TRY_WRITE(B, 64, 67, GRANTED), UNLOCK(B, NOBODY),
		UNLOCK_BY(B, A, NOBODY) } },
};

#define DIRECTED	(sizeof(directed) / sizeof(directed[0]))

#endif
