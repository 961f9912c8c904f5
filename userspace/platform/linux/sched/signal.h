/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RANGE_LOCK_LINUX_SCHED_SIGNAL_H
#define RANGE_LOCK_LINUX_SCHED_SIGNAL_H

#include <linux/sched.h>

#endif
