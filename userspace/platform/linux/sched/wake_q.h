/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Wake-ups that are decided in a section and sent after it. The token is given
 * at once; left for later is the system call, for those that sleep.
 */
#ifndef RANGE_LOCK_LINUX_SCHED_WAKE_Q_H
#define RANGE_LOCK_LINUX_SCHED_WAKE_Q_H

#include <linux/sched.h>

struct wake_q_head {
	struct task_struct *first;
};

#define DEFINE_WAKE_Q(name)	struct wake_q_head name = { RANGE_LOCK_WAKE_Q_TAIL }

/* Ends the list; NULL says that a task is on none. */
#define RANGE_LOCK_WAKE_Q_TAIL	((struct task_struct *)1)

void range_lock__wake_up_q(struct wake_q_head *head);
void wake_q_add_safe(struct wake_q_head *head, struct task_struct *task);

static inline void wake_up_q(struct wake_q_head *head)
{
	if (head->first != RANGE_LOCK_WAKE_Q_TAIL)
		range_lock__wake_up_q(head);
}

#endif
