/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RANGE_LOCK_LINUX_BITOPS_H
#define RANGE_LOCK_LINUX_BITOPS_H

#include <linux/types.h>

/* The number of the highest bit that is set, from 1; 0 if there is none. */
static inline int fls64(u64 value)
{
	return value ? 64 - __builtin_clzll(value) : 0;
}

#endif
