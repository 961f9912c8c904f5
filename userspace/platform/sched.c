// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Tasks, wake-ups, the slow side of the spinlock, and warnings: everything in
 * the platform that talks to the system.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <urcu-bp.h>

#include <linux/bug.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/sched/wake_q.h>
#include <linux/spinlock.h>

/* How often to look at a spinlock, which is held for a fraction of 1 us. */
#define SPINLOCK_SPINS	100

/* How long a thread sleeps that has no task of its own. */
#define NO_TASK_SLEEP_NS	1000000

__thread struct range_lock__thread range_lock__thread;

/*
 * For threads that got no memory for a task of their own when they first had
 * to wait. They share the token, so none of them may rely on it: they sleep
 * for a short time and look again. So lack of memory makes the lock slow, and
 * nothing else. A thread does not ask again: between two looks at a request it
 * must not become another task than the one that the request names.
 */
static struct task_struct no_task;
static unsigned int nobody_wakes;

static pthread_key_t task_key;
static pthread_once_t task_once = PTHREAD_ONCE_INIT;
static bool task_key_valid;

#ifdef __SANITIZE_THREAD__
# define TSAN 1
#elif defined(__has_feature)
# if __has_feature(thread_sanitizer)
#  define TSAN 1
# endif
#endif

/* Tell ThreadSanitizer what a grace period promises; liburcu is opaque to it. */
#ifdef TSAN
#include <sanitizer/tsan_interface.h>
static char grace_period;
# define rcu_reader_done()	__tsan_release(&grace_period)
# define rcu_readers_awaited()	__tsan_acquire(&grace_period)
#else
# define rcu_reader_done()	((void)0)
# define rcu_readers_awaited()	((void)0)
#endif

/* Sleep while *@word is @value; absolute @deadline on @clock. Returns errno. */
static int futex_wait(unsigned int *word, unsigned int value, clockid_t clock,
		      const struct timespec *deadline)
{
	int op = FUTEX_WAIT_BITSET_PRIVATE;
	long ret;

	if (clock == CLOCK_REALTIME)
		op |= FUTEX_CLOCK_REALTIME;
	ret = syscall(SYS_futex, word, op, value, deadline, NULL,
		      FUTEX_BITSET_MATCH_ANY);
	return ret ? errno : 0;
}

/* One thread: any of those that want a spinlock; on a token only its own sleeps. */
static void futex_wake(unsigned int *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* The spinlock. */

void range_lock__spin_lock_slow(spinlock_t *lock)
{
	int i, saved_errno = errno;
	unsigned int state;

	for (i = 0; i < SPINLOCK_SPINS; i++) {
		state = RANGE_LOCK_SPIN_FREE;
		if (__atomic_load_n(&lock->state, __ATOMIC_RELAXED) == state &&
		    __atomic_compare_exchange_n(&lock->state, &state,
						RANGE_LOCK_SPIN_TAKEN, false,
						__ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return;
		cpu_relax();
	}
	/* Whoever has slept can't know whether others do: so says the state. */
	while (__atomic_exchange_n(&lock->state, RANGE_LOCK_SPIN_SLEEPERS,
				   __ATOMIC_ACQUIRE) != RANGE_LOCK_SPIN_FREE)
		futex_wait(&lock->state, RANGE_LOCK_SPIN_SLEEPERS,
			   CLOCK_MONOTONIC, NULL);
	errno = saved_errno;
}

void range_lock__spin_wake(spinlock_t *lock)
{
	int saved_errno = errno;

	futex_wake(&lock->state);
	errno = saved_errno;
}

/* Tasks. */

static void task_exit(void *task)
{
	/* Destructors that still run may lock: they would get another task. */
	range_lock__thread.task = NULL;
	/* Wakers that found the task while its thread waited are done by then. */
	urcu_bp_synchronize_rcu();
	rcu_readers_awaited();
	free(task);
}

static void task_init_key(void)
{
	task_key_valid = !pthread_key_create(&task_key, task_exit);
	/*
	 * A thread that was in an RCU read section does not exist in the child
	 * of a fork: nobody there may wait for it, as task_exit() would.
	 */
	if (pthread_atfork(urcu_bp_before_fork, urcu_bp_after_fork_parent,
			   urcu_bp_after_fork_child))
		task_key_valid = false;
}

struct task_struct *range_lock__task_create(void)
{
	struct task_struct *task = NULL;
	int saved_errno = errno;

	pthread_once(&task_once, task_init_key);
	if (task_key_valid)
		task = calloc(1, sizeof(*task));
	if (task && pthread_setspecific(task_key, task)) {
		free(task);
		task = NULL;
	}
	errno = saved_errno;
	range_lock__thread.task = task ? task : &no_task;
	return range_lock__thread.task;
}

void range_lock__task_get(struct task_struct *task)
{
	(void)task;
	urcu_bp_read_lock();
}

void range_lock__task_put(struct task_struct *task)
{
	(void)task;
	rcu_reader_done();
	urcu_bp_read_unlock();
}

void range_lock__task_schedule(void)
{
	struct range_lock__thread *thread = &range_lock__thread;
	struct task_struct *task = current;
	unsigned int token = RANGE_LOCK_TASK_RUNNING;
	const struct timespec *deadline = NULL;
	clockid_t clock = CLOCK_MONOTONIC;
	int saved_errno = errno;
	struct timespec soon;

	if (thread->state != TASK_UNINTERRUPTIBLE && thread->deadline) {
		deadline = thread->deadline;
		clock = thread->clock;
	}
	if (task == &no_task) {
		/*
		 * A deadline is kept to within that sleep, which is on a word
		 * that nobody wakes: no cancellation point, as a sleep would be.
		 */
		clock_gettime(CLOCK_MONOTONIC, &soon);
		soon.tv_nsec += NO_TASK_SLEEP_NS;
		soon.tv_sec += soon.tv_nsec / 1000000000;
		soon.tv_nsec %= 1000000000;
		futex_wait(&nobody_wakes, 0, CLOCK_MONOTONIC, &soon);
		if (deadline && !clock_gettime(clock, &soon))
			thread->expired = soon.tv_sec > deadline->tv_sec ||
					  (soon.tv_sec == deadline->tv_sec &&
					   soon.tv_nsec >= deadline->tv_nsec);
	} else if (__atomic_compare_exchange_n(&task->token, &token,
					       RANGE_LOCK_TASK_ASLEEP, false,
					       __ATOMIC_SEQ_CST,
					       __ATOMIC_SEQ_CST)) {
		if (futex_wait(&task->token, RANGE_LOCK_TASK_ASLEEP, clock,
			       deadline) == ETIMEDOUT)
			thread->expired = true;
	}
	errno = saved_errno;
}

/* Give the token; returns whether @task has to be woken for it. */
static bool task_give_token(struct task_struct *task)
{
	/* Matches set_current_state(). */
	return __atomic_exchange_n(&task->token, RANGE_LOCK_TASK_WOKEN,
				   __ATOMIC_SEQ_CST) == RANGE_LOCK_TASK_ASLEEP;
}

void range_lock__task_wake(struct task_struct *task)
{
	int saved_errno = errno;

	if (task_give_token(task))
		futex_wake(&task->token);
	errno = saved_errno;
}

void range_lock__task_signal(struct task_struct *task)
{
	__atomic_store_n(&task->signalled, true, __ATOMIC_RELAXED);
	range_lock__task_wake(task);
}

/* Takes over the caller's reference to @task. */
void wake_q_add_safe(struct wake_q_head *head, struct task_struct *task)
{
	struct task_struct *none = NULL;

	if (!task_give_token(task)) {
		/* It is not asleep, and won't be before it has looked again. */
		put_task_struct(task);
		return;
	}
	if (__atomic_compare_exchange_n(&task->wake_next, &none, head->first,
					false, __ATOMIC_SEQ_CST,
					__ATOMIC_RELAXED)) {
		head->first = task;
		return;
	}
	/*
	 * It woke without our help, went to sleep again, and is still on the
	 * list of an earlier waker. That is rare: do it here and now.
	 */
	futex_wake(&task->token);
	put_task_struct(task);
}

void range_lock__wake_up_q(struct wake_q_head *head)
{
	struct task_struct *task, *next;
	int saved_errno = errno;

	for (task = head->first; task != RANGE_LOCK_WAKE_Q_TAIL; task = next) {
		next = __atomic_exchange_n(&task->wake_next, NULL,
					   __ATOMIC_SEQ_CST);
		futex_wake(&task->token);
		put_task_struct(task);
	}
	errno = saved_errno;
}

/* Warnings. */

void range_lock__warn(bool *warned, const char *format, ...)
{
	int saved_errno = errno;
	va_list args;

	if (__atomic_exchange_n(warned, true, __ATOMIC_RELAXED))
		return;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	errno = saved_errno;
#ifdef CONFIG_DEBUG_RANGE_LOCK
	abort();
#endif
}
