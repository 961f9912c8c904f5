/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RANGE_LOCK_MODEL_LINUX_RBTREE_H
#define RANGE_LOCK_MODEL_LINUX_RBTREE_H

#include "plain_begin.h"
#include_next <linux/rbtree.h>
#include "plain_end.h"

#endif
