/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lists and trees as in userspace, but what these headers access once is taken
 * for a plain access here: lists and trees are for sections under a lock, so
 * that a scheduling point each would cost much and show nothing. An access
 * outside of a section would be reported as a data race.
 */
#ifndef RANGE_LOCK_MODEL_LINUX_LIST_H
#define RANGE_LOCK_MODEL_LINUX_LIST_H

#include <linux/compiler.h>

#pragma push_macro("READ_ONCE")
#pragma push_macro("WRITE_ONCE")
#undef READ_ONCE
#undef WRITE_ONCE
#define READ_ONCE(x)		(x)
#define WRITE_ONCE(x, value)	((x) = (value))
#include_next <linux/list.h>
#pragma pop_macro("WRITE_ONCE")
#pragma pop_macro("READ_ONCE")

#endif
