/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Histories: who does what, in which order, and what has to come of it.
 *
 * An actor is a request, and unless a step says BY another one, a task of its
 * own. A step is played to its end before the next one begins: until the call
 * has returned, or its request is seen waiting. A step names those waiters
 * that it lets go. All other waiters must be seen to wait still, after every
 * step. At the end of a history everything must have been given back.
 *
 * Most are played on a tree in strict order, where each effect is exact. On a
 * tree of kind PASSING a waiter may be passed; there, AGE makes all that wait,
 * now or later, older than the bound. A waiter that was told to STALL neither
 * goes to sleep nor wakes before it may RESUME: what happens to its request
 * meanwhile, happens while its task is on the way.
 *
 * This file is included by whatever plays them, in userspace, in the kernel
 * and on the model, and needs nothing but U64_MAX.
 */
#ifndef RANGE_LOCK_HISTORIES_H
#define RANGE_LOCK_HISTORIES_H

enum history_actor { A, B, C, D, E, F, HISTORY_ACTORS };

enum history_tree {
	STRICT,
	PASSING,
};

enum history_op {
	HISTORY_DONE,
	HISTORY_LOCK,
	HISTORY_TRYLOCK,
	HISTORY_DEADLINE,	/* lock with a deadline that has passed */
	HISTORY_UNLOCK,
	HISTORY_DOWNGRADE,
	HISTORY_SIGNAL,		/* to the actor's task, which is in lock */
	HISTORY_IS_LOCKED,
	HISTORY_AGE,
	HISTORY_STALL,
	HISTORY_RESUME,
};

enum history_mode { HISTORY_READ, HISTORY_WRITE };

enum history_outcome {
	RETURNS,	/* from a call that has no other way */
	GRANTED,
	WAITS,
	BUSY,		/* trylock */
	GIVES_UP,	/* because of a signal or a deadline; request is free */
	YES,
	NO,
};

struct history_step {
	enum history_op op;
	enum history_actor actor, by;
	enum history_mode mode;
	unsigned long long start, last;
	enum history_outcome outcome;
	unsigned int lets_go;	/* a bit for each actor */
};

#define HISTORY_STEPS	24

struct history {
	const char *name;
	enum history_tree tree;
	struct history_step steps[HISTORY_STEPS];	/* ends with DONE */
};

#define GO(actor)	(1U << (actor))
#define NOBODY		0U

#define WRITE(who, start, last, outcome) \
	{ HISTORY_LOCK, who, who, HISTORY_WRITE, start, last, outcome, NOBODY }
#define READ(who, start, last, outcome) \
	{ HISTORY_LOCK, who, who, HISTORY_READ, start, last, outcome, NOBODY }
#define WRITE_BY(task, who, start, last) \
	{ HISTORY_LOCK, who, task, HISTORY_WRITE, start, last, GRANTED, NOBODY }
#define TRY_WRITE(who, start, last, outcome) \
	{ HISTORY_TRYLOCK, who, who, HISTORY_WRITE, start, last, outcome, NOBODY }
#define TRY_READ(who, start, last, outcome) \
	{ HISTORY_TRYLOCK, who, who, HISTORY_READ, start, last, outcome, NOBODY }
#define LATE_WRITE(who, start, last, outcome) \
	{ HISTORY_DEADLINE, who, who, HISTORY_WRITE, start, last, outcome, NOBODY }
#define LATE_READ(who, start, last, outcome) \
	{ HISTORY_DEADLINE, who, who, HISTORY_READ, start, last, outcome, NOBODY }
#define UNLOCK(who, lets_go) \
	{ HISTORY_UNLOCK, who, who, 0, 0, 0, RETURNS, lets_go }
#define UNLOCK_BY(task, who, lets_go) \
	{ HISTORY_UNLOCK, who, task, 0, 0, 0, RETURNS, lets_go }
#define DOWNGRADE(who, lets_go) \
	{ HISTORY_DOWNGRADE, who, who, 0, 0, 0, RETURNS, lets_go }
/* The waiter gives up, and so lets others go. */
#define CANCEL(who, lets_go) \
	{ HISTORY_SIGNAL, who, who, 0, 0, 0, GIVES_UP, lets_go }
/* The same to one that is stalled: RESUME says what comes of it. */
#define SIGNAL(who) \
	{ HISTORY_SIGNAL, who, who, 0, 0, 0, WAITS, NOBODY }
#define IS_LOCKED(start, last, outcome) \
	{ HISTORY_IS_LOCKED, A, A, 0, start, last, outcome, NOBODY }
#define AGE \
	{ HISTORY_AGE, A, A, 0, 0, 0, RETURNS, NOBODY }
#define STALL(who) \
	{ HISTORY_STALL, who, who, 0, 0, 0, RETURNS, NOBODY }
#define RESUME(who, outcome, lets_go) \
	{ HISTORY_RESUME, who, who, 0, 0, 0, outcome, lets_go }

/* Ranges that share the address 18, for segments of 16 or of 8 addresses. */
#define NARROW	18, 20		/* lies in one of them */
#define ACROSS	10, 25		/* has addresses of two */
#define WIDE	0, 999		/* has many */

/* What conflicts with the one before, in whichever tree that is. */
#define ORDER(name, first, second, third)				\
	{ "order_of_" name, STRICT, {					\
		WRITE(A, first, GRANTED), WRITE(B, second, WAITS),	\
		READ(C, third, WAITS), WRITE(F, 5000, 5003, GRANTED),	\
		UNLOCK(A, GO(B)), TRY_READ(A, third, BUSY),		\
		READ(A, first, WAITS), UNLOCK(B, GO(A) | GO(C)),	\
		WRITE(B, second, WAITS), UNLOCK(A, NOBODY),		\
		UNLOCK(C, GO(B)), UNLOCK(F, NOBODY),			\
		UNLOCK(B, NOBODY) } },					\
	{ "cancel_of_" name, STRICT, {					\
		WRITE(A, first, GRANTED), WRITE(B, second, WAITS),	\
		WRITE(C, third, WAITS), WRITE(D, second, WAITS),	\
		CANCEL(C, NOBODY), READ(C, third, WAITS),		\
		UNLOCK(A, GO(B)), WRITE(A, first, WAITS),		\
		CANCEL(D, NOBODY), UNLOCK(B, GO(C)), CANCEL(A, NOBODY),	\
		TRY_WRITE(A, first, BUSY), UNLOCK(C, NOBODY),		\
		TRY_WRITE(A, first, GRANTED), UNLOCK(A, NOBODY) } },	\
	{ "downgrade_of_" name, STRICT, {				\
		WRITE(A, first, GRANTED), READ(B, second, WAITS),	\
		WRITE(C, third, WAITS), READ(D, second, WAITS),		\
		DOWNGRADE(A, GO(B)), TRY_READ(E, first, BUSY),		\
		CANCEL(C, GO(D)), TRY_READ(E, third, GRANTED),		\
		UNLOCK(A, NOBODY), UNLOCK(E, NOBODY),			\
		WRITE(C, third, WAITS), UNLOCK(B, NOBODY),		\
		UNLOCK(D, GO(C)), UNLOCK(C, NOBODY) } }

static const struct history histories[] = {
	/* Geometry: which ranges overlap. */
	{ "geometry_equal", STRICT, {
		WRITE(A, 10, 19, GRANTED), WRITE(B, 10, 19, WAITS),
		UNLOCK(A, GO(B)), UNLOCK(B, NOBODY) } },
	{ "geometry_nested_inside", STRICT, {
		WRITE(A, 10, 19, GRANTED), WRITE(B, 12, 13, WAITS),
		UNLOCK(A, GO(B)), UNLOCK(B, NOBODY) } },
	{ "geometry_nested_outside", STRICT, {
		WRITE(A, 12, 13, GRANTED), WRITE(B, 10, 19, WAITS),
		UNLOCK(A, GO(B)), UNLOCK(B, NOBODY) } },
	{ "geometry_overlap_by_one_below", STRICT, {
		WRITE(A, 10, 19, GRANTED), WRITE(B, 0, 10, WAITS),
		UNLOCK(A, GO(B)), UNLOCK(B, NOBODY) } },
	{ "geometry_overlap_by_one_above", STRICT, {
		WRITE(A, 10, 19, GRANTED), WRITE(B, 19, 30, WAITS),
		UNLOCK(A, GO(B)), UNLOCK(B, NOBODY) } },
	{ "geometry_adjacent", STRICT, {
		WRITE(A, 10, 19, GRANTED), WRITE(B, 0, 9, GRANTED),
		WRITE(C, 20, 29, GRANTED), UNLOCK(A, NOBODY),
		UNLOCK(B, NOBODY), UNLOCK(C, NOBODY) } },
	{ "geometry_points", STRICT, {
		WRITE(A, 5, 5, GRANTED), WRITE(B, 5, 5, WAITS),
		WRITE(C, 4, 4, GRANTED), WRITE(D, 6, 6, GRANTED),
		UNLOCK(A, GO(B)), UNLOCK(B, NOBODY), UNLOCK(C, NOBODY),
		UNLOCK(D, NOBODY) } },
	{ "geometry_full_range", STRICT, {
		WRITE(A, 0, U64_MAX, GRANTED), WRITE(B, 0, 0, WAITS),
		WRITE(C, U64_MAX, U64_MAX, WAITS), READ(D, 7, 7, WAITS),
		WRITE(E, 0, U64_MAX, WAITS),
		UNLOCK(A, GO(B) | GO(C) | GO(D)), UNLOCK(C, NOBODY),
		UNLOCK(B, NOBODY), UNLOCK(D, GO(E)), UNLOCK(E, NOBODY) } },
	{ "geometry_last_address", STRICT, {
		WRITE(A, U64_MAX - 1, U64_MAX, GRANTED),
		WRITE(B, U64_MAX, U64_MAX, WAITS),
		WRITE(C, U64_MAX - 3, U64_MAX - 2, GRANTED),
		WRITE(D, 0, U64_MAX - 4, GRANTED), UNLOCK(A, GO(B)),
		UNLOCK(B, NOBODY), UNLOCK(C, NOBODY), UNLOCK(D, NOBODY) } },
	{ "geometry_hole_between_two_held", STRICT, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 20, 29, GRANTED),
		TRY_WRITE(C, 10, 19, GRANTED), UNLOCK(C, NOBODY),
		WRITE(C, 10, 19, GRANTED), TRY_WRITE(D, 9, 19, BUSY),
		TRY_WRITE(D, 10, 20, BUSY), UNLOCK(C, NOBODY),
		IS_LOCKED(10, 19, NO), IS_LOCKED(9, 10, YES),
		IS_LOCKED(19, 20, YES), UNLOCK(A, NOBODY),
		UNLOCK(B, NOBODY) } },

	/* Modes. */
	{ "mode_readers_share", STRICT, {
		READ(A, 0, 9, GRANTED), READ(B, 5, 14, GRANTED),
		READ(C, 0, U64_MAX, GRANTED), UNLOCK(B, NOBODY),
		UNLOCK(A, NOBODY), UNLOCK(C, NOBODY) } },
	{ "mode_reader_blocks_writer", STRICT, {
		READ(A, 0, 9, GRANTED), WRITE(B, 5, 14, WAITS),
		UNLOCK(A, GO(B)), UNLOCK(B, NOBODY) } },
	{ "mode_writer_blocks_both", STRICT, {
		WRITE(A, 0, 9, GRANTED), READ(B, 5, 14, WAITS),
		WRITE(C, 0, 3, WAITS), UNLOCK(A, GO(B) | GO(C)),
		UNLOCK(B, NOBODY), UNLOCK(C, NOBODY) } },
	{ "mode_writer_over_union_of_readers", STRICT, {
		READ(A, 0, 9, GRANTED), READ(B, 5, 14, GRANTED),
		READ(C, 15, 19, GRANTED), WRITE(D, 8, 16, WAITS),
		UNLOCK(B, NOBODY), UNLOCK(A, NOBODY), UNLOCK(C, GO(D)),
		UNLOCK(D, NOBODY) } },
	{ "mode_mixed_partial_overlaps", STRICT, {
		WRITE(A, 0, 9, GRANTED), READ(B, 8, 21, WAITS),
		READ(C, 20, 29, GRANTED), WRITE(D, 25, 40, WAITS),
		READ(E, 5, 22, WAITS), UNLOCK(A, GO(B) | GO(E)),
		UNLOCK(C, GO(D)), UNLOCK(B, NOBODY), UNLOCK(E, NOBODY),
		UNLOCK(D, NOBODY) } },
	{ "mode_readers_behind_one_writer_go_together", STRICT, {
		WRITE(A, 0, 99, GRANTED), READ(B, 0, 9, WAITS),
		READ(C, 5, 50, WAITS), READ(D, 0, 99, WAITS),
		UNLOCK(A, GO(B) | GO(C) | GO(D)), UNLOCK(C, NOBODY),
		UNLOCK(B, NOBODY), UNLOCK(D, NOBODY) } },

	/* Order. */
	{ "order_disjoint_never_waits", STRICT, {
		WRITE(A, 0, 9, GRANTED), READ(B, 5, 14, WAITS),
		WRITE(C, 20, 29, GRANTED), UNLOCK(A, GO(B)),
		UNLOCK(C, NOBODY), UNLOCK(B, NOBODY) } },
	{ "order_abc_chain_strict", STRICT, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 5, 14, WAITS),
		WRITE(C, 10, 19, WAITS), UNLOCK(A, GO(B)),
		UNLOCK(B, GO(C)), UNLOCK(C, NOBODY) } },
	{ "order_abc_chain_passing", PASSING, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 5, 14, WAITS),
		WRITE(C, 10, 19, GRANTED), UNLOCK(A, NOBODY),
		UNLOCK(C, GO(B)), UNLOCK(B, NOBODY) } },
	{ "order_of_arrival_on_one_range", STRICT, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 0, 9, WAITS),
		WRITE(C, 0, 9, WAITS), WRITE(D, 0, 9, WAITS),
		UNLOCK(A, GO(B)), WRITE(A, 0, 9, WAITS), UNLOCK(B, GO(C)),
		UNLOCK(C, GO(D)), UNLOCK(D, GO(A)), UNLOCK(A, NOBODY) } },
	{ "order_waiter_not_passed_through_another", STRICT, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 0, 19, WAITS),
		WRITE(C, 10, 29, WAITS), WRITE(D, 20, 39, WAITS),
		WRITE(E, 40, 49, GRANTED), UNLOCK(A, GO(B)),
		UNLOCK(B, GO(C)), UNLOCK(C, GO(D)), UNLOCK(D, NOBODY),
		UNLOCK(E, NOBODY) } },
	{ "order_writer_against_stream_of_readers", STRICT, {
		READ(A, 0, 9, GRANTED), WRITE(B, 0, 9, WAITS),
		READ(C, 0, 9, WAITS), READ(D, 0, 9, WAITS),
		UNLOCK(A, GO(B)), READ(A, 0, 9, WAITS),
		UNLOCK(B, GO(A) | GO(C) | GO(D)), UNLOCK(A, NOBODY),
		UNLOCK(C, NOBODY), UNLOCK(D, NOBODY) } },
	{ "order_two_ahead_of_one", STRICT, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 20, 29, GRANTED),
		WRITE(C, 5, 24, WAITS), UNLOCK(B, NOBODY), UNLOCK(A, GO(C)),
		UNLOCK(C, NOBODY) } },
	{ "order_later_waiters_do_not_count", STRICT, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 0, 9, WAITS),
		WRITE(C, 0, 9, WAITS), WRITE(D, 0, 9, WAITS),
		CANCEL(C, NOBODY), UNLOCK(A, GO(B)), UNLOCK(B, GO(D)),
		UNLOCK(D, NOBODY) } },

	/* Trylock. */
	{ "trylock_free_and_taken", STRICT, {
		TRY_WRITE(A, 0, 9, GRANTED), TRY_WRITE(B, 0, 9, BUSY),
		TRY_READ(B, 9, 9, BUSY), TRY_READ(B, 10, 19, GRANTED),
		TRY_READ(C, 10, 19, GRANTED), TRY_WRITE(D, 15, 15, BUSY),
		UNLOCK(A, NOBODY), UNLOCK(B, NOBODY), UNLOCK(C, NOBODY) } },
	{ "trylock_may_not_overtake", STRICT, {
		READ(A, 0, 9, GRANTED), WRITE(B, 0, 19, WAITS),
		TRY_READ(C, 0, 9, BUSY), TRY_WRITE(C, 10, 19, BUSY),
		TRY_WRITE(C, 20, 29, GRANTED), UNLOCK(A, GO(B)),
		UNLOCK(C, NOBODY), UNLOCK(B, NOBODY) } },
	{ "trylock_passes_the_young", PASSING, {
		READ(A, 0, 9, GRANTED), WRITE(B, 0, 19, WAITS),
		TRY_WRITE(C, 0, 9, BUSY), TRY_WRITE(C, 10, 19, GRANTED),
		UNLOCK(A, NOBODY), UNLOCK(C, GO(B)), UNLOCK(B, NOBODY) } },
	{ "trylock_may_not_pass_the_old", PASSING, {
		READ(A, 0, 9, GRANTED), WRITE(B, 0, 19, WAITS), AGE,
		TRY_WRITE(C, 10, 19, BUSY), TRY_READ(C, 0, 0, BUSY),
		TRY_WRITE(C, 20, 29, GRANTED), UNLOCK(A, GO(B)),
		UNLOCK(B, NOBODY), UNLOCK(C, NOBODY) } },
	{ "trylock_failed_leaves_no_trace", STRICT, {
		WRITE(A, 0, 9, GRANTED), TRY_WRITE(B, 5, 14, BUSY),
		WRITE(C, 10, 19, GRANTED), UNLOCK(A, NOBODY),
		WRITE(B, 0, 9, GRANTED), UNLOCK(B, NOBODY),
		UNLOCK(C, NOBODY) } },

	/* Giving up: H4. */
	{ "cancel_only_waiter", STRICT, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 0, 9, WAITS),
		CANCEL(B, NOBODY), UNLOCK(A, NOBODY),
		WRITE(C, 0, 9, GRANTED), UNLOCK(C, NOBODY) } },
	{ "cancel_head", STRICT, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 5, 14, WAITS),
		WRITE(C, 10, 19, WAITS), WRITE(D, 12, 29, WAITS),
		CANCEL(B, GO(C)), UNLOCK(C, GO(D)), UNLOCK(A, NOBODY),
		UNLOCK(D, NOBODY) } },
	{ "cancel_middle", STRICT, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 0, 9, WAITS),
		WRITE(C, 0, 9, WAITS), WRITE(D, 0, 9, WAITS),
		CANCEL(C, NOBODY), UNLOCK(A, GO(B)), UNLOCK(B, GO(D)),
		UNLOCK(D, NOBODY) } },
	{ "cancel_tail", STRICT, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 0, 9, WAITS),
		WRITE(C, 0, 9, WAITS), CANCEL(C, NOBODY), UNLOCK(A, GO(B)),
		UNLOCK(B, NOBODY) } },
	{ "cancel_reader_between_readers", STRICT, {
		WRITE(A, 0, 9, GRANTED), READ(B, 0, 9, WAITS),
		READ(C, 0, 9, WAITS), READ(D, 0, 9, WAITS),
		CANCEL(C, NOBODY), CANCEL(B, NOBODY), UNLOCK(A, GO(D)),
		UNLOCK(D, NOBODY) } },
	{ "cancel_reader_behind_writer", STRICT, {
		READ(A, 0, 9, GRANTED), WRITE(B, 0, 9, WAITS),
		READ(C, 0, 9, WAITS), READ(D, 0, 9, WAITS),
		CANCEL(C, NOBODY), UNLOCK(A, GO(B)), UNLOCK(B, GO(D)),
		UNLOCK(D, NOBODY) } },
	{ "cancel_writer_lets_readers_in", STRICT, {
		READ(A, 0, 9, GRANTED), WRITE(B, 0, 9, WAITS),
		READ(C, 0, 9, WAITS), READ(D, 5, 19, WAITS),
		CANCEL(B, GO(C) | GO(D)), UNLOCK(A, NOBODY),
		UNLOCK(C, NOBODY), UNLOCK(D, NOBODY) } },
	{ "cancel_reader_between_writers", STRICT, {
		WRITE(A, 0, 9, GRANTED), READ(B, 0, 9, WAITS),
		WRITE(C, 0, 9, WAITS), READ(D, 0, 9, WAITS),
		CANCEL(B, NOBODY), UNLOCK(A, GO(C)), UNLOCK(C, GO(D)),
		UNLOCK(D, NOBODY) } },
	{ "cancel_then_reuse", STRICT, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 0, 9, WAITS),
		CANCEL(B, NOBODY), READ(B, 5, 14, WAITS), CANCEL(B, NOBODY),
		WRITE(B, 20, 29, GRANTED), UNLOCK(B, NOBODY),
		WRITE(B, 0, 0, WAITS), UNLOCK(A, GO(B)),
		UNLOCK(B, NOBODY) } },
	{ "cancel_after_grant_comes_too_late", STRICT, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 0, 9, WAITS), STALL(B),
		UNLOCK(A, GO(B)), SIGNAL(B), RESUME(B, GRANTED, NOBODY),
		WRITE(C, 0, 9, WAITS), UNLOCK(B, GO(C)),
		UNLOCK(C, NOBODY) } },
	{ "cancel_on_the_way_to_sleep", STRICT, {
		WRITE(A, 0, 9, GRANTED), STALL(B), WRITE(B, 0, 9, WAITS),
		WRITE(C, 0, 9, WAITS), SIGNAL(B),
		RESUME(B, GIVES_UP, NOBODY), UNLOCK(A, GO(C)),
		UNLOCK(C, NOBODY) } },
	{ "deadline_passed_gives_up", STRICT, {
		WRITE(A, 0, 9, GRANTED), LATE_WRITE(B, 0, 9, GIVES_UP),
		LATE_READ(C, 5, 5, GIVES_UP), UNLOCK(A, NOBODY),
		WRITE(B, 0, 9, GRANTED), UNLOCK(B, NOBODY) } },
	{ "deadline_passed_but_free", STRICT, {
		LATE_WRITE(A, 0, 9, GRANTED), LATE_READ(B, 10, 19, GRANTED),
		LATE_READ(C, 10, 19, GRANTED), UNLOCK(A, NOBODY),
		UNLOCK(B, NOBODY), UNLOCK(C, NOBODY) } },

	/* Downgrade: H5. */
	{ "downgrade_lets_readers_in", STRICT, {
		WRITE(A, 0, 9, GRANTED), READ(B, 0, 9, WAITS),
		READ(C, 9, 19, WAITS), DOWNGRADE(A, GO(B) | GO(C)),
		UNLOCK(A, NOBODY), UNLOCK(B, NOBODY), UNLOCK(C, NOBODY) } },
	{ "downgrade_leaves_writers_out", STRICT, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 0, 4, WAITS),
		READ(C, 5, 9, WAITS), READ(D, 0, 9, WAITS),
		DOWNGRADE(A, GO(C)), UNLOCK(C, NOBODY), UNLOCK(A, GO(B)),
		UNLOCK(B, GO(D)), UNLOCK(D, NOBODY) } },
	{ "downgrade_is_seen_by_newcomers", STRICT, {
		WRITE(A, 0, 9, GRANTED), DOWNGRADE(A, NOBODY),
		READ(B, 0, 9, GRANTED), TRY_WRITE(C, 0, 9, BUSY),
		WRITE(C, 0, 9, WAITS), UNLOCK(A, NOBODY), UNLOCK(B, GO(C)),
		UNLOCK(C, NOBODY) } },
	{ "downgrade_with_another_ahead", STRICT, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 10, 19, GRANTED),
		READ(C, 5, 14, WAITS), DOWNGRADE(A, NOBODY),
		DOWNGRADE(B, GO(C)), UNLOCK(A, NOBODY), UNLOCK(B, NOBODY),
		UNLOCK(C, NOBODY) } },

	/* Being passed: H6, H11. The waiter stalls, so nobody claims. */
	{ "passing_ends_with_age", PASSING, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 5, 14, WAITS),
		READ(C, 10, 14, GRANTED), AGE, READ(D, 10, 14, WAITS),
		READ(E, 15, 19, GRANTED), UNLOCK(A, NOBODY),
		UNLOCK(C, GO(B)), UNLOCK(B, GO(D)), UNLOCK(D, NOBODY),
		UNLOCK(E, NOBODY) } },
	{ "passing_old_is_granted_at_once", PASSING, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 0, 9, WAITS), AGE,
		STALL(B), UNLOCK(A, GO(B)), TRY_WRITE(C, 0, 9, BUSY),
		RESUME(B, GRANTED, NOBODY), UNLOCK(B, NOBODY) } },
	{ "passing_eligible_is_passed", PASSING, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 0, 9, WAITS), STALL(B),
		UNLOCK(A, NOBODY), IS_LOCKED(0, 9, NO),
		WRITE(C, 0, 9, GRANTED), IS_LOCKED(0, 9, YES),
		RESUME(B, WAITS, NOBODY), UNLOCK(C, GO(B)),
		UNLOCK(B, NOBODY) } },
	{ "passing_woken_in_vain_only_once", PASSING, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 0, 9, WAITS), STALL(B),
		UNLOCK(A, NOBODY), WRITE(C, 0, 9, GRANTED),
		RESUME(B, WAITS, NOBODY), STALL(B), UNLOCK(C, GO(B)),
		TRY_WRITE(D, 0, 9, BUSY), RESUME(B, GRANTED, NOBODY),
		UNLOCK(B, NOBODY) } },
	{ "passing_eligible_finds_it_free", PASSING, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 0, 9, WAITS), STALL(B),
		UNLOCK(A, NOBODY), WRITE(C, 0, 9, GRANTED),
		UNLOCK(C, NOBODY), WRITE(D, 5, 5, GRANTED),
		UNLOCK(D, NOBODY), RESUME(B, GRANTED, NOBODY),
		UNLOCK(B, NOBODY) } },
	{ "passing_on_the_way_to_sleep", PASSING, {
		WRITE(A, 0, 9, GRANTED), STALL(B), WRITE(B, 0, 9, WAITS),
		UNLOCK(A, NOBODY), WRITE(C, 0, 9, GRANTED),
		UNLOCK(C, NOBODY), WRITE(C, 0, 9, GRANTED),
		UNLOCK(C, NOBODY), RESUME(B, GRANTED, NOBODY),
		UNLOCK(B, NOBODY) } },
	{ "passing_eligible_gives_up", PASSING, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 0, 9, WAITS), STALL(B),
		WRITE(C, 5, 14, WAITS), UNLOCK(A, NOBODY),
		WRITE(D, 0, 4, GRANTED), SIGNAL(B),
		RESUME(B, GIVES_UP, GO(C)), UNLOCK(D, NOBODY),
		UNLOCK(C, NOBODY) } },
	{ "passing_in_the_word_ends_when_the_old_one_runs", PASSING, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 0, 9, WAITS), STALL(B),
		WRITE(C, 0, 9, WAITS), UNLOCK(A, NOBODY), AGE,
		WRITE(D, 0, 9, GRANTED), RESUME(B, WAITS, NOBODY),
		WRITE(A, 0, 9, WAITS), UNLOCK(D, GO(B)), WRITE(D, 0, 9, WAITS),
		UNLOCK(B, GO(C)), UNLOCK(C, GO(A)), UNLOCK(A, GO(D)),
		UNLOCK(D, NOBODY) } },
	{ "passing_ends_in_the_word_after_a_look", PASSING, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 0, 9, WAITS), STALL(B),
		UNLOCK(A, NOBODY), AGE, IS_LOCKED(0, 9, NO),
		TRY_WRITE(C, 0, 9, BUSY), RESUME(B, GRANTED, NOBODY),
		UNLOCK(B, NOBODY) } },
	{ "passing_in_the_word_then_a_disjoint_one", PASSING, {
		WRITE(A, 0, 9, GRANTED), WRITE(B, 0, 9, WAITS), STALL(B),
		UNLOCK(A, NOBODY), WRITE(C, 0, 9, GRANTED),
		WRITE(D, 20, 29, GRANTED), UNLOCK(C, NOBODY),
		UNLOCK(D, NOBODY), RESUME(B, GRANTED, NOBODY),
		UNLOCK(B, NOBODY) } },
	{ "passing_in_the_word_and_downgraded", PASSING, {
		WRITE(A, 0, 9, GRANTED), READ(B, 0, 9, WAITS), STALL(B),
		UNLOCK(A, NOBODY), WRITE(C, 0, 9, GRANTED),
		DOWNGRADE(C, NOBODY), RESUME(B, GRANTED, NOBODY),
		UNLOCK(C, NOBODY), UNLOCK(B, NOBODY) } },

	/* Who is asked, and who asks. */
	{ "is_locked_is_exact", STRICT, {
		IS_LOCKED(0, U64_MAX, NO), WRITE(A, 10, 19, GRANTED),
		IS_LOCKED(0, U64_MAX, YES), IS_LOCKED(0, 9, NO),
		IS_LOCKED(19, 19, YES), IS_LOCKED(20, U64_MAX, NO),
		READ(B, 15, 29, WAITS), IS_LOCKED(20, 29, NO),
		UNLOCK(A, GO(B)), IS_LOCKED(10, 14, NO),
		IS_LOCKED(20, 29, YES), UNLOCK(B, NOBODY),
		IS_LOCKED(0, U64_MAX, NO) } },
	{ "is_locked_then_reuse", STRICT, {
		WRITE(A, 0, 9, GRANTED), IS_LOCKED(0, 9, YES),
		UNLOCK(A, NOBODY), WRITE(B, 20, 29, GRANTED),
		WRITE(A, 0, 9, GRANTED), UNLOCK(B, NOBODY),
		UNLOCK(A, NOBODY) } },
	{ "task_unlocks_for_another", STRICT, {
		WRITE(A, 0, 9, GRANTED), UNLOCK_BY(B, A, NOBODY),
		WRITE(A, 0, 9, GRANTED), WRITE(C, 0, 9, WAITS),
		UNLOCK_BY(B, A, GO(C)), UNLOCK_BY(A, C, NOBODY) } },
	{ "task_holds_two_disjoint_ranges", STRICT, {
		WRITE(A, 0, 9, GRANTED), WRITE_BY(A, B, 20, 29),
		WRITE(C, 5, 24, WAITS), UNLOCK(A, NOBODY),
		UNLOCK_BY(A, B, GO(C)), UNLOCK(C, NOBODY) } },

	/* Narrow, across two segments, and wide, in every order: H8, H9. */
	ORDER("narrow_across_wide", NARROW, ACROSS, WIDE),
	ORDER("narrow_wide_across", NARROW, WIDE, ACROSS),
	ORDER("across_narrow_wide", ACROSS, NARROW, WIDE),
	ORDER("across_wide_narrow", ACROSS, WIDE, NARROW),
	ORDER("wide_narrow_across", WIDE, NARROW, ACROSS),
	ORDER("wide_across_narrow", WIDE, ACROSS, NARROW),
	{ "wide_takes_whole_segments", STRICT, {
		READ(A, 8, 12, GRANTED), READ(B, 10, 25, GRANTED),
		WRITE(C, 8, 9, WAITS), TRY_WRITE(D, 13, 13, BUSY),
		WRITE(D, 26, 27, GRANTED), UNLOCK(A, GO(C)),
		UNLOCK(D, NOBODY), UNLOCK(B, NOBODY), UNLOCK(C, NOBODY) } },
	{ "wide_is_met_by_what_reaches_out", STRICT, {
		WRITE(A, 10, 25, GRANTED), WRITE(B, 45, 46, GRANTED),
		READ(F, 2, 2, GRANTED), READ(C, 20, 45, WAITS),
		WRITE(D, 2, 10, WAITS), UNLOCK(A, NOBODY), UNLOCK(B, GO(C)),
		WRITE(A, 2, 45, WAITS), UNLOCK(F, GO(D)), UNLOCK(C, NOBODY),
		UNLOCK(D, GO(A)), UNLOCK(A, NOBODY) } },
	{ "wide_waits_for_many_narrow", STRICT, {
		WRITE(A, 0, 3, GRANTED), WRITE(B, 32, 35, GRANTED),
		READ(C, 64, 67, GRANTED), WRITE(D, 0, 999, WAITS),
		TRY_WRITE(E, 100, 103, BUSY), WRITE(E, 5000, 5003, GRANTED),
		READ(F, 64, 64, WAITS), UNLOCK(C, NOBODY), UNLOCK(A, NOBODY),
		UNLOCK(B, GO(D)), UNLOCK(D, GO(F)), UNLOCK(F, NOBODY),
		UNLOCK(E, NOBODY) } },
	{ "wide_readers_and_narrow_writers", STRICT, {
		READ(A, 0, 999, GRANTED), READ(B, 500, 5000, GRANTED),
		WRITE(C, 16, 17, WAITS), WRITE(D, 4000, 4000, WAITS),
		WRITE(E, 9000, 9000, GRANTED), UNLOCK(A, GO(C)),
		UNLOCK(E, NOBODY), UNLOCK(B, GO(D)), UNLOCK(C, NOBODY),
		UNLOCK(D, NOBODY) } },
	{ "wide_is_passed_by_narrow", PASSING, {
		WRITE(A, 0, 3, GRANTED), WRITE(B, 0, 999, WAITS),
		WRITE(C, 32, 35, GRANTED), TRY_WRITE(D, 64, 67, GRANTED),
		AGE, TRY_WRITE(E, 96, 99, BUSY), READ(E, 96, 99, WAITS),
		UNLOCK(A, NOBODY), UNLOCK(D, NOBODY), UNLOCK(C, GO(B)),
		UNLOCK(B, GO(E)), UNLOCK(E, NOBODY) } },
	{ "wide_eligible_is_passed_by_narrow", PASSING, {
		WRITE(A, 0, 3, GRANTED), WRITE(B, 0, 999, WAITS), STALL(B),
		UNLOCK(A, NOBODY), WRITE(C, 32, 35, GRANTED),
		WRITE(D, 64, 67, GRANTED), RESUME(B, WAITS, NOBODY),
		UNLOCK(C, NOBODY), UNLOCK(D, GO(B)), UNLOCK(B, NOBODY) } },
	{ "narrow_eligible_then_wide", PASSING, {
		WRITE(A, 0, 3, GRANTED), WRITE(B, 0, 3, WAITS), STALL(B),
		UNLOCK(A, NOBODY), WRITE(C, 0, 999, GRANTED),
		TRY_READ(D, 2, 2, BUSY), RESUME(B, WAITS, NOBODY),
		UNLOCK(C, GO(B)), UNLOCK(B, NOBODY) } },
	{ "narrow_eligible_gives_up", PASSING, {
		WRITE(A, 0, 3, GRANTED), WRITE(B, 0, 3, WAITS), STALL(B),
		WRITE(C, 2, 9, WAITS), UNLOCK(A, NOBODY),
		WRITE(D, 0, 1, GRANTED), SIGNAL(B),
		RESUME(B, GIVES_UP, GO(C)), UNLOCK(D, NOBODY),
		UNLOCK(C, NOBODY) } },
	{ "narrow_granted_on_the_way", STRICT, {
		WRITE(A, 0, 3, GRANTED), WRITE(B, 0, 3, WAITS), STALL(B),
		UNLOCK(A, GO(B)), WRITE(C, 0, 999, WAITS), SIGNAL(B),
		RESUME(B, GRANTED, NOBODY), WRITE(D, 0, 3, WAITS),
		UNLOCK(B, GO(C)), UNLOCK(C, GO(D)), UNLOCK(D, NOBODY) } },
};

#define HISTORIES	(sizeof(histories) / sizeof(histories[0]))

#endif
