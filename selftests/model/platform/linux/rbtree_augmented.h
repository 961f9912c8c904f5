/* SPDX-License-Identifier: GPL-2.0 */
/* See list.h. */
#ifndef RANGE_LOCK_MODEL_LINUX_RBTREE_AUGMENTED_H
#define RANGE_LOCK_MODEL_LINUX_RBTREE_AUGMENTED_H

#include <linux/compiler.h>

#pragma push_macro("READ_ONCE")
#pragma push_macro("WRITE_ONCE")
#undef READ_ONCE
#undef WRITE_ONCE
#define READ_ONCE(x)		(x)
#define WRITE_ONCE(x, value)	((x) = (value))
#include_next <linux/rbtree_augmented.h>
#pragma pop_macro("WRITE_ONCE")
#pragma pop_macro("READ_ONCE")

#endif
