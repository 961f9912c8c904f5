/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RANGE_LOCK_LINUX_SCHED_TASK_H
#define RANGE_LOCK_LINUX_SCHED_TASK_H

#include <linux/sched.h>

/* See linux/sched.h: to be given back by the same thread. */
void range_lock__task_get(struct task_struct *task);
void range_lock__task_put(struct task_struct *task);

static inline void get_task_struct(struct task_struct *task)
{
	range_lock__task_get(task);
}

static inline void put_task_struct(struct task_struct *task)
{
	range_lock__task_put(task);
}

#endif
