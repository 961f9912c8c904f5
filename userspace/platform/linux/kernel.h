/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The system has a header of the same name, which <sys/sysinfo.h> includes:
 * it is included first.
 */
#ifndef RANGE_LOCK_PLATFORM_LINUX_KERNEL_H
#define RANGE_LOCK_PLATFORM_LINUX_KERNEL_H

#include_next <linux/kernel.h>

#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/limits.h>
#include <linux/types.h>

/* A pointer in place of the array does not compile. */
#define ARRAY_SIZE(array)						\
	(sizeof(array) / sizeof((array)[0]) +				\
	 0 * sizeof(struct {						\
		int _ : !__builtin_types_compatible_p(			\
			__typeof__(array), __typeof__(&(array)[0]));	\
	 }))

/*
 * Each argument is evaluated once. Arguments of different types are refused:
 * of -1 and 1U the smaller one is 1U, which is rarely what was meant.
 */
#define __pick(x, op, y) ({						\
	__typeof__(x) __x = (x);					\
	__typeof__(y) __y = (y);					\
									\
	_Static_assert(__builtin_types_compatible_p(__typeof__(__x),	\
						    __typeof__(__y)),	\
		       "min() and max() take two of the same type");	\
	__x op __y ? __x : __y;						\
})
#define min(x, y)	__pick(x, <, y)
#define max(x, y)	__pick(x, >, y)

#endif
