/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's atomics, with the order that the kernel documents. */
#ifndef RANGE_LOCK_MODEL_LINUX_ATOMIC_H
#define RANGE_LOCK_MODEL_LINUX_ATOMIC_H

#include <linux/compiler.h>
#include <linux/types.h>

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	long counter;
} atomic_long_t;

#define ATOMIC_INIT(i)		{ (i) }
#define ATOMIC_LONG_INIT(i)	{ (i) }

#define model_atomic_load(v, order, name)				\
	((__typeof__((v)->counter))model_load(&(v)->counter,		\
		sizeof((v)->counter), order, MODEL_PLACE(name "(" #v ")")))
#define model_atomic_store(v, i, order, name)				\
	model_store(&(v)->counter, sizeof((v)->counter),		\
		    (unsigned long)(i), order, MODEL_PLACE(name "(" #v ")"))
#define model_atomic_rmw(v, rmw, i, order, name)			\
	((__typeof__((v)->counter))model_rmw(&(v)->counter,		\
		sizeof((v)->counter), rmw, (unsigned long)(i), order,	\
		MODEL_PLACE(name "(" #v ")")))
#define model_atomic_cmpxchg(v, old, i, order, name)			\
	((__typeof__((v)->counter))model_cmpxchg(&(v)->counter,		\
		sizeof((v)->counter), (unsigned long)(old),		\
		(unsigned long)(i), order,				\
		MODEL_PLACE(name "(" #v ", " #old ", " #i ")")))
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
#define atomic_long_cmpxchg(v, old, i) \
	model_atomic_cmpxchg(v, old, i, MODEL_FULL, "atomic_long_cmpxchg")
#define atomic_long_cmpxchg_acquire(v, old, i) \
	model_atomic_cmpxchg(v, old, i, MODEL_ACQUIRE, \
			     "atomic_long_cmpxchg_acquire")
#define atomic_long_cmpxchg_release(v, old, i) \
	model_atomic_cmpxchg(v, old, i, MODEL_RELEASE, \
			     "atomic_long_cmpxchg_release")
#define atomic_long_xchg(v, i) \
	model_atomic_rmw(v, MODEL_XCHG, i, MODEL_FULL, "atomic_long_xchg")
#define atomic_long_fetch_add(i, v) \
	model_atomic_rmw(v, MODEL_ADD, i, MODEL_FULL, "atomic_long_fetch_add")
#define atomic_long_add_return(i, v)	(atomic_long_fetch_add(i, v) + (i))
#define atomic_long_inc_return(v)	atomic_long_add_return(1L, v)
#define atomic_long_dec_return(v)	atomic_long_add_return(-1L, v)
#define atomic_long_inc(v) \
	((void)model_atomic_rmw(v, MODEL_ADD, 1L, MODEL_RELAXED, \
				"atomic_long_inc"))
#define atomic_long_dec(v) \
	((void)model_atomic_rmw(v, MODEL_ADD, -1L, MODEL_RELAXED, \
				"atomic_long_dec"))
#define atomic_long_or(i, v) \
	((void)model_atomic_rmw(v, MODEL_OR, i, MODEL_RELAXED, \
				"atomic_long_or"))
#define atomic_long_andnot(i, v) \
	((void)model_atomic_rmw(v, MODEL_AND, ~(i), MODEL_RELAXED, \
				"atomic_long_andnot"))

#define atomic_read(v)		model_atomic_load(v, MODEL_RELAXED, "atomic_read")
#define atomic_read_acquire(v) \
	model_atomic_load(v, MODEL_ACQUIRE, "atomic_read_acquire")
#define atomic_set(v, i) \
	model_atomic_store(v, i, MODEL_RELAXED, "atomic_set")
#define atomic_set_release(v, i) \
	model_atomic_store(v, i, MODEL_RELEASE, "atomic_set_release")
#define atomic_try_cmpxchg(v, old, i) \
	model_atomic_try_cmpxchg(v, old, i, MODEL_FULL, "atomic_try_cmpxchg")
#define atomic_cmpxchg(v, old, i) \
	model_atomic_cmpxchg(v, old, i, MODEL_FULL, "atomic_cmpxchg")
#define atomic_xchg(v, i) \
	model_atomic_rmw(v, MODEL_XCHG, i, MODEL_FULL, "atomic_xchg")
#define atomic_fetch_add(i, v) \
	model_atomic_rmw(v, MODEL_ADD, i, MODEL_FULL, "atomic_fetch_add")
#define atomic_add_return(i, v)	(atomic_fetch_add(i, v) + (i))
#define atomic_inc_return(v)	atomic_add_return(1, v)
#define atomic_dec_return(v)	atomic_add_return(-1, v)
#define atomic_dec_and_test(v)	(atomic_dec_return(v) == 0)
#define atomic_inc(v) \
	((void)model_atomic_rmw(v, MODEL_ADD, 1, MODEL_RELAXED, "atomic_inc"))
#define atomic_dec(v) \
	((void)model_atomic_rmw(v, MODEL_ADD, -1, MODEL_RELAXED, "atomic_dec"))

#define cmpxchg(p, old, value)						\
	((__typeof__(*(p)))model_cmpxchg((p), sizeof(*(p)),		\
		(unsigned long)(old), (unsigned long)(value), MODEL_FULL, \
		MODEL_PLACE("cmpxchg(" #p ")")))
#define xchg(p, value)							\
	((__typeof__(*(p)))model_rmw((p), sizeof(*(p)), MODEL_XCHG,	\
		(unsigned long)(value), MODEL_FULL,			\
		MODEL_PLACE("xchg(" #p ")")))

#endif
