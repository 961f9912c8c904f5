/* SPDX-License-Identifier: GPL-2.0 */
/* Whatever the lock warns of is a failure, but for misuse in a history. */
#ifndef RANGE_LOCK_MODEL_LINUX_BUG_H
#define RANGE_LOCK_MODEL_LINUX_BUG_H

#include <linux/compiler.h>
#include <linux/types.h>

#define WARN_ONCE(condition, ...) ({					\
	bool condition_ = (condition);					\
									\
	if (unlikely(condition_))					\
		model_warn(__VA_ARGS__);				\
	unlikely(condition_);						\
})
#define WARN_ON_ONCE(condition) \
	WARN_ONCE(condition, "range_lock: line %d: %s", __LINE__, #condition)
#define WARN_ON(condition)	WARN_ON_ONCE(condition)
#define BUG_ON(condition)	((void)WARN_ON_ONCE(condition))

#endif
