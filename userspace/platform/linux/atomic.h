/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's atomics by compiler builtins, which ThreadSanitizer knows. Each
 * is at least as strong as the kernel documents it: there, what changes a value
 * and returns one is ordered before a later read of anything. C11 has that order
 * only among operations that are all SEQ_CST, so reads are.
 */
#ifndef RANGE_LOCK_LINUX_ATOMIC_H
#define RANGE_LOCK_LINUX_ATOMIC_H

#include <linux/compiler.h>
#include <linux/types.h>

typedef struct {
	long counter;
} atomic_long_t;

#define ATOMIC_LONG_INIT(i)	{ (i) }

#define smp_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)

static inline long atomic_long_read(const atomic_long_t *v)
{
	return __atomic_load_n(&v->counter, __ATOMIC_SEQ_CST);
}

static inline long atomic_long_read_acquire(const atomic_long_t *v)
{
	return __atomic_load_n(&v->counter, __ATOMIC_SEQ_CST);
}

static inline void atomic_long_set(atomic_long_t *v, long i)
{
	__atomic_store_n(&v->counter, i, __ATOMIC_RELAXED);
}

static inline void atomic_long_set_release(atomic_long_t *v, long i)
{
	__atomic_store_n(&v->counter, i, __ATOMIC_RELEASE);
}

static inline long atomic_long_xchg(atomic_long_t *v, long i)
{
	return __atomic_exchange_n(&v->counter, i, __ATOMIC_SEQ_CST);
}

static inline bool atomic_long_try_cmpxchg(atomic_long_t *v, long *old, long i)
{
	return __atomic_compare_exchange_n(&v->counter, old, i, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

#endif
