/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RANGE_LOCK_LINUX_SCHED_DEBUG_H
#define RANGE_LOCK_LINUX_SCHED_DEBUG_H

#define __sched

#endif
