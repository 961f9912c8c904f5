/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lock for short sections. A thread can lose its CPU within one, so that
 * whoever spins for long goes to sleep on a futex. There are no interrupts to
 * keep out: the flags are not used.
 */
#ifndef RANGE_LOCK_LINUX_SPINLOCK_H
#define RANGE_LOCK_LINUX_SPINLOCK_H

#include <linux/compiler.h>
#include <linux/types.h>


enum range_lock_spinlock_state {
	RANGE_LOCK_SPIN_FREE,
	RANGE_LOCK_SPIN_TAKEN,
	RANGE_LOCK_SPIN_SLEEPERS,	/* taken, and maybe somebody sleeps */
};

typedef struct {
	unsigned int state;
} spinlock_t;

#define __SPIN_LOCK_UNLOCKED(name)	{ RANGE_LOCK_SPIN_FREE }

void range_lock__spin_lock_slow(spinlock_t *lock);
void range_lock__spin_wake(spinlock_t *lock);

static inline void spin_lock_init(spinlock_t *lock)
{
	lock->state = RANGE_LOCK_SPIN_FREE;
}

static inline bool spin_trylock(spinlock_t *lock)
{
	unsigned int state = RANGE_LOCK_SPIN_FREE;

	/* Matches spin_unlock(). */
	return __atomic_compare_exchange_n(&lock->state, &state,
					   RANGE_LOCK_SPIN_TAKEN, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void spin_lock(spinlock_t *lock)
{
	if (unlikely(!spin_trylock(lock)))
		range_lock__spin_lock_slow(lock);
}

static inline void spin_unlock(spinlock_t *lock)
{
	/*
	 * Matches spin_lock() and range_lock__spin_lock_slow(). It is the last
	 * access to the lock: a wake-up that comes after it names an address
	 * and reads nothing there.
	 */
	if (unlikely(__atomic_exchange_n(&lock->state, RANGE_LOCK_SPIN_FREE,
					 __ATOMIC_RELEASE) ==
		     RANGE_LOCK_SPIN_SLEEPERS))
		range_lock__spin_wake(lock);
}

#define spin_lock_irqsave(lock, flags) \
	do { (flags) = 0; spin_lock(lock); } while (0)
#define spin_trylock_irqsave(lock, flags) \
	({ (flags) = 0; spin_trylock(lock); })
#define spin_unlock_irqrestore(lock, flags) \
	do { (void)(flags); spin_unlock(lock); } while (0)

#endif
