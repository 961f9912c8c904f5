/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tasks as the kernel has them: a wake-up makes a task RUNNING, schedule()
 * does not return before it is.
 */
#ifndef RANGE_LOCK_MODEL_LINUX_SCHED_H
#define RANGE_LOCK_MODEL_LINUX_SCHED_H

#include <linux/compiler.h>
#include <linux/types.h>

#define TASK_RUNNING		0x0000
#define TASK_INTERRUPTIBLE	0x0001
#define TASK_UNINTERRUPTIBLE	0x0002
#define TASK_KILLABLE		0x0102

struct task_struct {
	unsigned int		state;
	unsigned int		usage;		/* references, and EXITED */
	unsigned long		signal;		/* see model.c */
	struct task_struct	*wake_next;	/* see linux/sched/wake_q.h */
	struct task_struct	*wake_link;
};

#define current		model_current()

#define set_current_state(value) \
	model_set_current_state(value, true, \
				MODEL_PLACE("set_current_state(" #value ")"))
#define __set_current_state(value) \
	model_set_current_state(value, false, \
				MODEL_PLACE("__set_current_state(" #value ")"))
#define signal_pending_state(state, task) \
	((void)(task), \
	 model_signal_pending(state, MODEL_PLACE("signal_pending_state()")))
#define schedule()		model_schedule(MODEL_PLACE("schedule()"))
#define need_resched()		model_need_resched()
#define cpu_relax()		model_cpu_relax()
#define might_sleep()		((void)0)

#endif
