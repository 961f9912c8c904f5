/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RANGE_LOCK_MODEL_LINUX_LIST_H
#define RANGE_LOCK_MODEL_LINUX_LIST_H

#include "plain_begin.h"
#include_next <linux/list.h>
#include "plain_end.h"

#endif
