/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Included first of all into each file of the flavour "valgrind": it tells
 * helgrind and DRD what atomics are, which to them are loads and stores like
 * any other.
 *
 * Both take an instruction with a lock prefix for a load. So a store becomes an
 * exchange, and then no two atomics race, but an atomic still races with a
 * plain store. And each release and acquire is said to be one, of the address.
 * That is more than C says: an acquire has seen all releases of its address so
 * far, not only that of the value that it has read. So a race may go unseen,
 * which is ThreadSanitizer's to find, but none is seen that is not there.
 */
#ifndef RANGE_LOCK_SELFTESTS_VALGRIND_H
#define RANGE_LOCK_SELFTESTS_VALGRIND_H

#define _GNU_SOURCE
#include <stdarg.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <urcu-bp.h>
#include <valgrind/drd.h>
#include <valgrind/helgrind.h>

/* On a stack DRD's own mutexes may be next to live at an even address. */
#define VALGRIND_NAME(address)	((const volatile char *)(address) + 1)

static inline void valgrind_release(const volatile void *address)
{
	VALGRIND_DO_CLIENT_REQUEST_STMT(_VG_USERREQ__HG_USERSO_SEND_PRE,
					VALGRIND_NAME(address), 0, 0, 0, 0);
	VALGRIND_DO_CLIENT_REQUEST_STMT(VG_USERREQ__DRD_ANNOTATE_HAPPENS_BEFORE,
					VALGRIND_NAME(address), 0, 0, 0, 0);
}

static inline void valgrind_acquire(const volatile void *address)
{
	VALGRIND_DO_CLIENT_REQUEST_STMT(_VG_USERREQ__HG_USERSO_RECV_POST,
					VALGRIND_NAME(address), 0, 0, 0, 0);
	VALGRIND_DO_CLIENT_REQUEST_STMT(VG_USERREQ__DRD_ANNOTATE_HAPPENS_AFTER,
					VALGRIND_NAME(address), 0, 0, 0, 0);
}

#define valgrind_acquires(order)					\
	((order) != __ATOMIC_RELAXED && (order) != __ATOMIC_RELEASE)
#define valgrind_releases(order)					\
	((order) >= __ATOMIC_RELEASE)

/* @operation on *@address, which has its operand, if it has one, in _operand. */
#define valgrind_atomic(address, operand, order, operation)		\
({									\
	const volatile void *_at = (address);				\
	/* What is said to be done before must be done before. */	\
	__typeof__(*(address)) _operand = (operand);			\
									\
	(void)_operand;							\
	if (valgrind_releases(order))					\
		valgrind_release(_at);					\
	__auto_type _value = (operation);				\
	if (valgrind_acquires(order))					\
		valgrind_acquire(_at);					\
	_value;								\
})

/* A macro is not replaced in its own replacement: there it is the builtin. */
#define __atomic_load_n(p, order)					\
	valgrind_atomic(p, 0, (order) == __ATOMIC_SEQ_CST ?		\
			      __ATOMIC_ACQUIRE : (order),		\
			__atomic_load_n(p, order))
#define __atomic_exchange_n(p, v, order)				\
	valgrind_atomic(p, v, order, __atomic_exchange_n(p, _operand, order))
#define __atomic_store_n(p, v, order)					\
	((void)__atomic_exchange_n(p, v, order))
#define __atomic_fetch_add(p, v, order)					\
	valgrind_atomic(p, v, order, __atomic_fetch_add(p, _operand, order))
#define __atomic_fetch_sub(p, v, order)					\
	valgrind_atomic(p, v, order, __atomic_fetch_sub(p, _operand, order))
#define __atomic_fetch_xor(p, v, order)					\
	valgrind_atomic(p, v, order, __atomic_fetch_xor(p, _operand, order))
#define __atomic_add_fetch(p, v, order)					\
	valgrind_atomic(p, v, order, __atomic_add_fetch(p, _operand, order))
#define __atomic_sub_fetch(p, v, order)					\
	valgrind_atomic(p, v, order, __atomic_sub_fetch(p, _operand, order))
#define __atomic_compare_exchange_n(p, old, v, weak, order, failure)	\
({									\
	const volatile void *_at = (p);					\
	__typeof__(*(p)) _operand = (v);				\
	bool _done;							\
									\
	if (valgrind_releases(order))					\
		valgrind_release(_at);					\
	_done = __atomic_compare_exchange_n(p, old, _operand, weak,	\
					    order, failure);		\
	if (_done ? valgrind_acquires(order) : valgrind_acquires(failure)) \
		valgrind_acquire(_at);					\
	_done;								\
})

/* What a grace period promises: the readers before it are done. */
static inline void valgrind_read_unlock(void)
{
	valgrind_release((void *)urcu_bp_synchronize_rcu);
	urcu_bp_read_unlock();
}

static inline void valgrind_synchronize_rcu(void)
{
	urcu_bp_synchronize_rcu();
	valgrind_acquire((void *)urcu_bp_synchronize_rcu);
}

#define urcu_bp_read_unlock	valgrind_read_unlock
#define urcu_bp_synchronize_rcu	valgrind_synchronize_rcu

/*
 * To valgrind, futex(2) writes to its word, even if it only wakes. All other
 * accesses to these words are atomics.
 */
static inline void valgrind_futex(long number, ...)
{
	const void *word;
	va_list args;

	if (number != SYS_futex)
		return;
	va_start(args, number);
	word = va_arg(args, const void *);
	va_end(args);
	VALGRIND_HG_DISABLE_CHECKING(word, sizeof(int));
	VALGRIND_DO_CLIENT_REQUEST_STMT(VG_USERREQ__DRD_START_SUPPRESSION,
					word, sizeof(int), 0, 0, 0);
}

#define syscall(...) (valgrind_futex(__VA_ARGS__), syscall(__VA_ARGS__))

#endif
