/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lock's own header, whose functions, and nothing else of the library, may
 * be seen from outside.
 */
#ifndef RANGE_LOCK_LINUX_RANGE_LOCK_H
#define RANGE_LOCK_LINUX_RANGE_LOCK_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#pragma GCC visibility push(default)
#include_next <linux/range_lock.h>
#pragma GCC visibility pop

#endif
