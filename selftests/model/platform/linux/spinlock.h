/* SPDX-License-Identifier: GPL-2.0 */
/* Whoever waits for one of these does not run until it is free. */
#ifndef RANGE_LOCK_MODEL_LINUX_SPINLOCK_H
#define RANGE_LOCK_MODEL_LINUX_SPINLOCK_H

#include <linux/compiler.h>
#include <linux/types.h>

typedef struct {
	unsigned int state;
} spinlock_t;

#define __SPIN_LOCK_UNLOCKED(name)	{ 0 }

static inline void spin_lock_init(spinlock_t *lock)
{
	lock->state = 0;
}

#define spin_lock(lock) \
	model_spin_lock(&(lock)->state, MODEL_PLACE("spin_lock(" #lock ")"))
#define spin_trylock(lock) \
	model_spin_trylock(&(lock)->state, MODEL_PLACE("spin_trylock(" #lock ")"))
#define spin_unlock(lock) \
	model_spin_unlock(&(lock)->state, MODEL_PLACE("spin_unlock(" #lock ")"))

#define spin_lock_irqsave(lock, flags) \
	do { (flags) = 0; spin_lock(lock); } while (0)
#define spin_trylock_irqsave(lock, flags) \
	({ (flags) = 0; spin_trylock(lock); })
#define spin_unlock_irqrestore(lock, flags) \
	do { (void)(flags); spin_unlock(lock); } while (0)

#endif
