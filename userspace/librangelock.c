// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the library has beyond kernel/locking/range_lock.c: functions for what
 * the kernel has as macros, and deadlines.
 */
#include <errno.h>
#include <linux/range_lock.h>
#include <linux/sched.h>

#define EXPORTED __attribute__((visibility("default")))

#undef range_lock_tree_init
#undef range_lock_tree_init_fifo

EXPORTED void range_lock_tree_init(struct range_lock_tree *tree);
EXPORTED void range_lock_tree_init_fifo(struct range_lock_tree *tree);
EXPORTED int range_read_clocklock(struct range_lock_tree *tree,
				  struct range_lock *lock, clockid_t clock,
				  const struct timespec *abstime);
EXPORTED int range_write_clocklock(struct range_lock_tree *tree,
				   struct range_lock *lock, clockid_t clock,
				   const struct timespec *abstime);

void range_lock_tree_init(struct range_lock_tree *tree)
{
	__range_lock_tree_init(tree, RANGE_LOCK_BOUND_NS, NULL, NULL);
}

void range_lock_tree_init_fifo(struct range_lock_tree *tree)
{
	__range_lock_tree_init(tree, 0, NULL, NULL);
}

/* To the lock a deadline is a signal that the thread sends to itself. */
static int clocklock(int (*lock_interruptible)(struct range_lock_tree *tree,
					       struct range_lock *lock),
		     struct range_lock_tree *tree, struct range_lock *lock,
		     clockid_t clock, const struct timespec *abstime)
{
	static const struct timespec long_ago;
	struct range_lock__thread *thread = &range_lock__thread;
	int ret;

	if ((clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME) ||
	    abstime->tv_nsec < 0 || abstime->tv_nsec >= 1000000000)
		return EINVAL;

	thread->clock = clock;
	/* The system takes no time before the epoch. */
	thread->deadline = abstime->tv_sec < 0 ? &long_ago : abstime;
	thread->expired = false;
	ret = lock_interruptible(tree, lock);
	thread->deadline = NULL;
	thread->expired = false;
	return ret ? ETIMEDOUT : 0;
}

int range_read_clocklock(struct range_lock_tree *tree, struct range_lock *lock,
			 clockid_t clock, const struct timespec *abstime)
{
	return clocklock(range_read_lock_interruptible, tree, lock, clock,
			 abstime);
}

int range_write_clocklock(struct range_lock_tree *tree, struct range_lock *lock,
			  clockid_t clock, const struct timespec *abstime)
{
	return clocklock(range_write_lock_interruptible, tree, lock, clock,
			 abstime);
}
