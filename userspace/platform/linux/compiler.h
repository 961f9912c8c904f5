/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Compiler annotations and single accesses, spelt as kernel code spells them.
 */
#ifndef RANGE_LOCK_PLATFORM_LINUX_COMPILER_H
#define RANGE_LOCK_PLATFORM_LINUX_COMPILER_H

#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)

/* The C library defines this one too, with the same meaning. */
#undef __always_inline
#define __always_inline		inline __attribute__((__always_inline__))
#define noinline		__attribute__((__noinline__))
#define __must_check		__attribute__((__warn_unused_result__))
#define __maybe_unused		__attribute__((__unused__))
#define __aligned(bytes)	__attribute__((__aligned__(bytes)))

/* For sparse, which does not come here. */
#define __acquires(lock)
#define __releases(lock)
#define __release(lock)		((void)0)
#define __cond_lock(lock, condition)	(condition)

/* Memory accesses do not move across this in the compiler's output. */
#define barrier()		__asm__ __volatile__("" : : : "memory")

/*
 * One access, neither torn nor repeated nor left out, without any order
 * towards other accesses. Relaxed atomics rather than volatile, so that
 * ThreadSanitizer knows that a race on such an access is meant.
 */
#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, value)						\
	__atomic_store_n(&(x), (value), __ATOMIC_RELAXED)

#endif
