/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Warnings go to stderr, once for each place. In a debug build the process
 * then aborts, so that a debugger or a core dump shows who did it.
 */
#ifndef RANGE_LOCK_LINUX_BUG_H
#define RANGE_LOCK_LINUX_BUG_H

#include <linux/compiler.h>
#include <linux/types.h>

void range_lock__warn(bool *warned, const char *format, ...)
	__attribute__((cold, format(printf, 2, 3)));

#define WARN_ONCE(condition, ...) ({					\
	static bool warned_;						\
	bool condition_ = (condition);					\
									\
	if (unlikely(condition_))					\
		range_lock__warn(&warned_, __VA_ARGS__);			\
	unlikely(condition_);						\
})
#define WARN_ON_ONCE(condition) \
	WARN_ONCE(condition, "range_lock: %s:%d: %s\n", __FILE__, __LINE__, \
		  #condition)

#endif
