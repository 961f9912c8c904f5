/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RANGE_LOCK_LINUX_TIMEKEEPING_H
#define RANGE_LOCK_LINUX_TIMEKEEPING_H

#include <linux/types.h>
#include <time.h>

/* Nanoseconds of a clock that nobody sets. */
static inline u64 ktime_get_mono_fast_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

#endif
