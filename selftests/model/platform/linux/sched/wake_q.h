/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Wake-ups that are decided in a section and sent after it. As in the kernel a
 * task is on one queue at most: whoever finds it on another one leaves the
 * wake-up to that queue's owner.
 */
#ifndef RANGE_LOCK_MODEL_LINUX_SCHED_WAKE_Q_H
#define RANGE_LOCK_MODEL_LINUX_SCHED_WAKE_Q_H

#include <linux/sched.h>
#include <linux/sched/task.h>

struct wake_q_head {
	struct task_struct *first, **last;
};

#define DEFINE_WAKE_Q(name)	struct wake_q_head name = { NULL, &name.first }

/* Takes over the caller's reference to @task. */
static inline void wake_q_add_safe(struct wake_q_head *head,
				   struct task_struct *task)
{
	if (model_cmpxchg(&task->wake_next, sizeof(task->wake_next), 0, 1,
			  MODEL_FULL, MODEL_PLACE("wake_q_add_safe()"))) {
		put_task_struct(task);
		return;
	}
	task->wake_link = NULL;
	*head->last = task;
	head->last = &task->wake_link;
}

static inline void wake_q_add(struct wake_q_head *head,
			      struct task_struct *task)
{
	get_task_struct(task);
	wake_q_add_safe(head, task);
}

static inline void wake_up_q(struct wake_q_head *head)
{
	struct task_struct *task = head->first, *next;

	for (; task; task = next) {
		next = task->wake_link;
		model_store(&task->wake_next, sizeof(task->wake_next), 0,
			    MODEL_RELEASE, MODEL_PLACE("wake_up_q(): off"));
		model_wake(task, MODEL_PLACE("wake_up_q(): wake"));
		put_task_struct(task);
	}
}

#endif
