/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RANGE_LOCK_MODEL_LINUX_TIMEKEEPING_H
#define RANGE_LOCK_MODEL_LINUX_TIMEKEEPING_H

#include <linux/compiler.h>
#include <linux/types.h>

/* Between two readings more than any bound may pass. */
#define ktime_get_mono_fast_ns() \
	model_clock(MODEL_PLACE("ktime_get_mono_fast_ns()"))

#endif
