/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * librangelock: a sleeping reader/writer lock over ranges of a 64-bit space.
 *
 * A request is an inclusive interval [start, last] and a mode. Two requests
 * conflict when they overlap and at least one of them is a write. A request
 * waits only for conflicting requests that arrived before it and are still
 * held or waiting; on arrival it may pass those that wait, if it conflicts
 * with no holder and none of them has waited longer than the tree's bound.
 *
 * The caller provides the memory, of trees and of requests alike. No call
 * fails for lack of it, sets errno, or is a cancellation point. None may be
 * made from a signal handler. A process that forks while other threads use a
 * tree must not use that tree in the child, as with pthread_mutex_t.
 */
#ifndef RANGE_LOCK_H
#define RANGE_LOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/*
 * For clang -Wthread-safety, off unless asked for: that each function gives
 * back what it takes. What is held is a request, not a tree, of which a thread
 * may hold several ranges. So GUARDED_BY() of a tree makes no sense, and a
 * function that gives back what another one took has to say so, by
 * __attribute__((release_capability(...))) of the request.
 */
#if defined(__clang__) && !defined(RANGE_LOCK_NO_THREAD_SAFETY)
# define RANGE_LOCK__ATTRIBUTE(...)	__attribute__((__VA_ARGS__))
#else
# define RANGE_LOCK__ATTRIBUTE(...)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The last address of the full range, [0, RANGE_LOCK_FULL]. */
#define RANGE_LOCK_FULL UINT64_MAX

/* The default bound, in nanoseconds. */
#define RANGE_LOCK_BOUND_NS 4000000U

/* The lock. Its members are not for use. */
struct range_lock_tree {
	void		*opaque_pointers[3];
	uint64_t	opaque_clock;
	uint32_t	opaque_bound_ns : 27;
	uint32_t	opaque_contended : 5;
	uint32_t	opaque_lock;
};

/*
 * A request for one range. Its members are not for use. It lives wherever its
 * owner puts it, usually on the stack; while it is held or waits it must stay
 * where it is. It may be locked again after it was unlocked.
 */
struct range_lock {
	uint64_t	opaque_range[2];
	uint64_t	opaque_state[7];
	void		*opaque_pointers[7];
} RANGE_LOCK__ATTRIBUTE(capability("range"));

/* Define a tree with the default bound, ready for use. */
#define DEFINE_RANGE_LOCK_TREE(name) \
	struct range_lock_tree name = \
		{ { 0, 0, 0 }, 0, RANGE_LOCK_BOUND_NS, 0, 0 }

/**
 * range_lock_tree_init() - prepare a tree, with the default bound
 * @tree: the tree
 *
 * On arrival a request may pass waiters that have waited for less than a few
 * milliseconds. That costs them little, and spares a context switch at each
 * hand-off. Does not sleep.
 */
void range_lock_tree_init(struct range_lock_tree *tree);

/**
 * range_lock_tree_init_fifo() - prepare a tree with strict order of arrival
 * @tree: the tree
 *
 * No request passes a conflicting one that waits. Does not sleep.
 */
void range_lock_tree_init_fifo(struct range_lock_tree *tree);

/**
 * range_lock_tree_destroy() - say that a tree is not used any more
 * @tree: the tree, of which no range is held or waited for
 *
 * Must be called before the memory of @tree is used for anything else: an
 * unlock may give the lock to somebody else shortly before its own last access
 * to @tree, for which this call waits. A range that is still held is reported
 * on stderr.
 */
void range_lock_tree_destroy(struct range_lock_tree *tree);

/**
 * range_lock_init() - prepare a request
 * @lock: the request, neither held nor waiting
 * @start: first address of the range
 * @last: last address of the range, which belongs to it; not below @start
 *
 * @start > @last is reported on stderr, and the request is for the full range:
 * that excludes all that its caller may have meant. Does not sleep.
 */
void range_lock_init(struct range_lock *lock, uint64_t start, uint64_t last);

/**
 * range_lock_init_full() - prepare a request for the full range
 * @lock: the request, neither held nor waiting
 *
 * Does not sleep.
 */
void range_lock_init_full(struct range_lock *lock);

/**
 * range_read_lock() - take a range for read
 * @tree: the tree
 * @lock: the request, initialised, neither held nor waiting
 *
 * Returns when the range is held: no range that overlaps it is held for write
 * until range_read_unlock(). Sleeps.
 */
void range_read_lock(struct range_lock_tree *tree, struct range_lock *lock)
	RANGE_LOCK__ATTRIBUTE(acquire_shared_capability(lock));

/**
 * range_write_lock() - take a range for write
 * @tree: the tree
 * @lock: the request, initialised, neither held nor waiting
 *
 * Returns when the range is held: no other range that overlaps it is held
 * until range_write_unlock(). Sleeps.
 */
void range_write_lock(struct range_lock_tree *tree, struct range_lock *lock)
	RANGE_LOCK__ATTRIBUTE(acquire_capability(lock));

/**
 * range_read_clocklock() - range_read_lock() with a deadline
 * @tree: the tree
 * @lock: the request, initialised, neither held nor waiting
 * @clock: CLOCK_MONOTONIC or CLOCK_REALTIME
 * @abstime: the deadline, absolute on @clock
 *
 * A range that needs no waiting is taken even when the deadline has passed.
 * Sleeps.
 *
 * Return: 0 when the range is held; else it is not, and @lock can be used
 * again: ETIMEDOUT, or EINVAL for another clock, or nanoseconds that are not
 * in 0..999999999.
 */
int range_read_clocklock(struct range_lock_tree *tree, struct range_lock *lock,
			 clockid_t clock, const struct timespec *abstime)
	RANGE_LOCK__ATTRIBUTE(try_acquire_shared_capability(0, lock));

/**
 * range_write_clocklock() - range_write_lock() with a deadline
 * @tree: the tree
 * @lock: the request, initialised, neither held nor waiting
 * @clock: CLOCK_MONOTONIC or CLOCK_REALTIME
 * @abstime: the deadline, absolute on @clock
 *
 * A range that needs no waiting is taken even when the deadline has passed.
 * Sleeps.
 *
 * Return: 0 when the range is held; else it is not, and @lock can be used
 * again: ETIMEDOUT, or EINVAL for another clock, or nanoseconds that are not
 * in 0..999999999.
 */
int range_write_clocklock(struct range_lock_tree *tree, struct range_lock *lock,
			  clockid_t clock, const struct timespec *abstime)
	RANGE_LOCK__ATTRIBUTE(try_acquire_capability(0, lock));

/**
 * range_read_trylock() - take a range for read, if that needs no waiting
 * @tree: the tree
 * @lock: the request, initialised, neither held nor waiting
 *
 * Passes waiters as range_read_lock() may on arrival, and no others. Does not
 * sleep.
 *
 * Return: whether the range is held.
 */
bool range_read_trylock(struct range_lock_tree *tree, struct range_lock *lock)
	RANGE_LOCK__ATTRIBUTE(try_acquire_shared_capability(1, lock));

/**
 * range_write_trylock() - take a range for write, if that needs no waiting
 * @tree: the tree
 * @lock: the request, initialised, neither held nor waiting
 *
 * Passes waiters as range_write_lock() may on arrival, and no others. Does not
 * sleep.
 *
 * Return: whether the range is held.
 */
bool range_write_trylock(struct range_lock_tree *tree, struct range_lock *lock)
	RANGE_LOCK__ATTRIBUTE(try_acquire_capability(1, lock));

/**
 * range_read_unlock() - give back a range that was taken for read
 * @tree: the tree
 * @lock: the request, held for read, or for write and then downgraded
 *
 * The request may be used again, or its memory for something else. Any thread
 * may call it. A range that is not held is reported on stderr. Does not sleep.
 */
void range_read_unlock(struct range_lock_tree *tree, struct range_lock *lock)
	RANGE_LOCK__ATTRIBUTE(release_shared_capability(lock));

/**
 * range_write_unlock() - give back a range that was taken for write
 * @tree: the tree
 * @lock: the request, held for write
 *
 * The request may be used again, or its memory for something else. Any thread
 * may call it. A range that is not held is reported on stderr. Does not sleep.
 */
void range_write_unlock(struct range_lock_tree *tree, struct range_lock *lock)
	RANGE_LOCK__ATTRIBUTE(release_capability(lock));

/**
 * range_downgrade_write() - make a range that is held for write one for read
 * @tree: the tree
 * @lock: the request, held for write
 *
 * The range is held all the while. Readers that wait for this request alone
 * are granted. Does not sleep.
 */
void range_downgrade_write(struct range_lock_tree *tree,
			   struct range_lock *lock)
	RANGE_LOCK__ATTRIBUTE(release_capability(lock), acquire_shared_capability(lock));

/**
 * range_is_locked() - is any part of a range held?
 * @tree: the tree
 * @lock: a request, initialised; only its range matters
 *
 * Exact at some moment during the call. A range that @lock itself holds is
 * held. Does not sleep.
 *
 * Return: whether a held range, in whatever mode, overlaps that of @lock.
 */
bool range_is_locked(struct range_lock_tree *tree,
		     const struct range_lock *lock);

#ifdef __cplusplus
}
#endif

#endif /* RANGE_LOCK_H */
