/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tasks: what a thread needs in order to sleep, and others to wake it.
 *
 * A wake-up is a token. schedule() sleeps until there is one, and
 * set_current_state() takes it away; whatever a waker did before its wake-up
 * is seen after that. So, as in the kernel: set_current_state(), look whether
 * there is reason to sleep, schedule(). schedule() may return without reason.
 *
 *	WOKEN ---- set_current_state() ----> RUNNING ---- schedule() ----> ASLEEP
 *	  ^             wake-up                |            wake-up          |
 *	  +------------------------------------+-----------------------------+
 *
 * The token is in the task, never in what the waiter waits for, because the
 * wake-up comes when that may be gone already. The task itself may be gone
 * too, as its thread may exit: hence a waker takes a reference while it knows
 * that the thread still waits. A reference is an RCU read section, so it is
 * given back by the thread that took it, soon.
 */
#ifndef RANGE_LOCK_LINUX_SCHED_H
#define RANGE_LOCK_LINUX_SCHED_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <time.h>

#define TASK_RUNNING		0x0000
#define TASK_INTERRUPTIBLE	0x0001
#define TASK_UNINTERRUPTIBLE	0x0002
#define TASK_KILLABLE		0x0102

enum range_lock_token {
	RANGE_LOCK_TASK_RUNNING,
	RANGE_LOCK_TASK_WOKEN,
	RANGE_LOCK_TASK_ASLEEP,
};

/* What others may touch. Freed after a grace period, when its thread is gone. */
struct task_struct {
	unsigned int		token;
	bool			signalled;
	struct task_struct	*wake_next;	/* see linux/sched/wake_q.h */
};

/* What is the thread's own. */
struct range_lock__thread {
	struct task_struct	*task;
	unsigned int		state;
	const struct timespec	*deadline;	/* of an interruptible sleep */
	clockid_t		clock;
	bool			expired;
};

extern __thread struct range_lock__thread range_lock__thread;

struct task_struct *range_lock__task_create(void);
void range_lock__task_schedule(void);
void range_lock__task_wake(struct task_struct *task);
void range_lock__task_signal(struct task_struct *task);

static inline struct task_struct *range_lock__task_self(void)
{
	struct task_struct *task = range_lock__thread.task;

	return likely(task) ? task : range_lock__task_create();
}

#define current		range_lock__task_self()

static inline void __set_current_state(unsigned int state)
{
	range_lock__thread.state = state;
}

static inline void set_current_state(unsigned int state)
{
	__set_current_state(state);
	/*
	 * An exchange and not a store: if it takes away a token, then it must
	 * see what the waker did before. Matches range_lock__task_wake() and
	 * wake_q_add_safe().
	 */
	__atomic_exchange_n(&current->token, RANGE_LOCK_TASK_RUNNING,
			    __ATOMIC_SEQ_CST);
}

/* A deadline that has passed counts as a signal to the thread itself. */
static inline bool signal_pending_state(unsigned int state,
					struct task_struct *task)
{
	return state != TASK_UNINTERRUPTIBLE &&
	       (range_lock__thread.expired ||
		__atomic_load_n(&task->signalled, __ATOMIC_RELAXED));
}

static inline void schedule(void)
{
	range_lock__task_schedule();
}

/* Whether to give up the CPU is for the system's scheduler to say. */
static inline bool need_resched(void)
{
	return false;
}

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
	__asm__ volatile("yield" ::: "memory");
#else
	barrier();
#endif
}

static inline void might_sleep(void)
{
}

#endif
