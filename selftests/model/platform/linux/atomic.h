/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's atomics, with the order that the kernel documents. */
#ifndef RANGE_LOCK_MODEL_LINUX_ATOMIC_H
#define RANGE_LOCK_MODEL_LINUX_ATOMIC_H

#include <linux/compiler.h>
#include <linux/types.h>

typedef struct {
	long counter;
} atomic_long_t;

#define ATOMIC_LONG_INIT(i)	{ (i) }

#define model_atomic_load(v, order, name)				\
	((__typeof__((v)->counter))model_load(&(v)->counter,		\
		sizeof((v)->counter), order, MODEL_PLACE(name "(" #v ")")))
#define model_atomic_store(v, i, order, name)				\
	model_store(&(v)->counter, sizeof((v)->counter),		\
		    (unsigned long)(i), order, MODEL_PLACE(name "(" #v ")"))
#define model_atomic_try_cmpxchg(v, old, i, order, name) ({		\
	__typeof__((v)->counter) *old_ = (old), expected_ = *old_;	\
									\
	*old_ = (__typeof__(*old_))model_cmpxchg(&(v)->counter,		\
		sizeof((v)->counter), (unsigned long)expected_,		\
		(unsigned long)(i), order,				\
		MODEL_PLACE(name "(" #v ", " #old ", " #i ")"));	\
	*old_ == expected_;						\
})

#define atomic_long_read(v) \
	model_atomic_load(v, MODEL_RELAXED, "atomic_long_read")
#define atomic_long_read_acquire(v) \
	model_atomic_load(v, MODEL_ACQUIRE, "atomic_long_read_acquire")
#define atomic_long_set(v, i) \
	model_atomic_store(v, i, MODEL_RELAXED, "atomic_long_set")
#define atomic_long_set_release(v, i) \
	model_atomic_store(v, i, MODEL_RELEASE, "atomic_long_set_release")
#define atomic_long_xchg(v, i)						\
	((__typeof__((v)->counter))model_xchg(&(v)->counter,		\
		sizeof((v)->counter), (unsigned long)(i), MODEL_FULL,	\
		MODEL_PLACE("atomic_long_xchg(" #v ", " #i ")")))
#define atomic_long_try_cmpxchg(v, old, i) \
	model_atomic_try_cmpxchg(v, old, i, MODEL_FULL, "atomic_long_try_cmpxchg")
#define atomic_long_try_cmpxchg_acquire(v, old, i) \
	model_atomic_try_cmpxchg(v, old, i, MODEL_ACQUIRE, \
				 "atomic_long_try_cmpxchg_acquire")
#define atomic_long_try_cmpxchg_release(v, old, i) \
	model_atomic_try_cmpxchg(v, old, i, MODEL_RELEASE, \
				 "atomic_long_try_cmpxchg_release")
#define atomic_long_try_cmpxchg_relaxed(v, old, i) \
	model_atomic_try_cmpxchg(v, old, i, MODEL_RELAXED, \
				 "atomic_long_try_cmpxchg_relaxed")

#endif
