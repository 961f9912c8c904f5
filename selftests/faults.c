// SPDX-License-Identifier: GPL-2.0
/*
 * The lock while the system around it misbehaves: futexes that return without
 * reason, memory that runs out, clocks that jump, threads that are gone, a fork
 * while others are at it. The linker puts the __wrap functions below in place of
 * the system's. A test whose fault did not happen has failed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>
#include <urcu-bp.h>

#include <linux/kernel.h>
#include <linux/range_lock.h>
#include <linux/sched.h>

#include "named_tests.h"

#define HANG		60
#define THREADS		4
#define ROUNDS		300

int range_write_clocklock(struct range_lock_tree *tree, struct range_lock *lock,
			  clockid_t clock, const struct timespec *abstime);

static struct range_lock_tree tree;
static unsigned long faults, sleeps, counter;

static void happened(void)
{
	__atomic_fetch_add(&faults, 1, __ATOMIC_RELAXED);
}

/* The system. */

enum futex_fault { NO_FAULT, AGAIN, INTERRUPTED, NO_REASON };
static enum futex_fault futex_fault;
static int fail_allocation;		/* the so manieth, from 1 */
static bool fail_all, only_tasks, only_realtime;
static int tasks_asked_for;
static s64 jump_seconds;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

/* Every other sleep goes wrong. The platform passes six arguments. */
long __wrap_syscall(long number, ...)
{
	long argument[6];
	va_list args;
	int i;

	va_start(args, number);
	for (i = 0; i < 6; i++)
		argument[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_futex &&
	    (argument[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET &&
	    __atomic_fetch_add(&sleeps, 1, __ATOMIC_RELAXED) % 2 == 0 &&
	    futex_fault) {
		happened();
		sched_yield();
		errno = futex_fault == AGAIN ? EAGAIN : EINTR;
		return futex_fault == NO_REASON ? 0 : -1;
	}
	return __real_syscall(number, argument[0], argument[1], argument[2],
			      argument[3], argument[4], argument[5]);
}

static bool allocation_fails(void)
{
	if (!fail_all &&
	    (!fail_allocation ||
	     __atomic_sub_fetch(&fail_allocation, 1, __ATOMIC_RELAXED)))
		return false;
	happened();
	return true;
}

void *__wrap_calloc(size_t n, size_t size)
{
	__atomic_fetch_add(&tasks_asked_for, 1, __ATOMIC_RELAXED);
	return allocation_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return !only_tasks && allocation_fails() ?
	       NULL : __real_aligned_alloc(alignment, size);
}

/* A second forward, a second back, at every look. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	int ret = __real_clock_gettime(clock, time);

	if (jump_seconds && (clock == CLOCK_REALTIME || !only_realtime)) {
		happened();
		time->tv_sec += __atomic_fetch_xor(&sleeps, 1, __ATOMIC_RELAXED) & 1 ?
				jump_seconds : -jump_seconds;
	}
	return ret;
}

/* What all of them do meanwhile: count, one at a time. */

static void *count(void *arg)
{
	struct range_lock lock;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		range_lock_init(&lock, i % 3, 5);
		range_write_lock(&tree, &lock);
		counter++;
		if (i % 8 == 0)
			sched_yield();
		range_write_unlock(&tree, &lock);
	}
	return arg;
}

static void count_with_threads(void)
{
	pthread_t threads[THREADS];
	struct range_lock pilot;
	int i;

	counter = 0;
	/* Nobody gets by without a sleep. */
	range_lock_init(&pilot, 5, 5);
	range_write_lock(&tree, &pilot);
	for (i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, count, NULL));
	for (i = 0; i < 1000; i++)
		sched_yield();
	range_write_unlock(&tree, &pilot);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK(counter == THREADS * ROUNDS);
	CHECK(range_lock_validate(&tree));
	range_lock_tree_destroy(&tree);
}

static void set_up(void)
{
	__range_lock_tree_init(&tree, 0, NULL, NULL);
}

static void check_futex(enum futex_fault fault)
{
	set_up();
	futex_fault = fault;
	count_with_threads();
	CHECK(faults);
}

static void futex_says_eagain(void)
{
	check_futex(AGAIN);
}

static void futex_says_eintr(void)
{
	check_futex(INTERRUPTED);
}

static void futex_returns_without_wake_up(void)
{
	check_futex(NO_REASON);
}

/* Each allocation in turn, until there is none left to fail. */
static void *wait_for_one(void *arg)
{
	struct range_lock lock;

	range_lock_init(&lock, 5, 5);
	range_write_lock(&tree, &lock);
	counter++;
	range_write_unlock(&tree, &lock);
	return arg;
}

static void play_with_shards(void)
{
	struct range_lock near, far;
	pthread_t thread;
	int asked;

	set_up();
	counter = 0;
	range_lock_init(&near, 5, 5);
	range_lock_init(&far, 1ULL << 40, 1ULL << 40);
	range_write_lock(&tree, &near);
	range_write_lock(&tree, &far);
	range_lock_split(&tree, 0);
	CHECK(range_lock_validate(&tree));
	asked = READ_ONCE(tasks_asked_for);
	CHECK(!pthread_create(&thread, NULL, wait_for_one, NULL));
	/* It does so when it has to wait. */
	while (READ_ONCE(tasks_asked_for) == asked)
		sched_yield();
	range_write_unlock(&tree, &near);
	pthread_join(thread, NULL);
	range_write_unlock(&tree, &far);
	CHECK(counter == 1);
	range_lock_tree_destroy(&tree);
}

static void each_allocation_fails(void)
{
	int i, failed = 0;

	play_with_shards();
	for (i = 1; i <= 8; i++) {
		faults = 0;
		/* Not those of pthread_create(): they are the C library's own. */
		fail_allocation = i;
		play_with_shards();
		failed += faults;
		if (!faults)
			break;
	}
	fail_allocation = 0;
	CHECK(failed >= 2);
	CHECK(!faults);
}

static void no_allocation_succeeds_for_tasks(void)
{
	set_up();
	only_tasks = true;
	fail_all = true;
	count_with_threads();
	CHECK(faults >= THREADS);
}

static void clock_jumps(void)
{
	__range_lock_tree_init(&tree, RANGE_LOCK_BOUND_NS, NULL, NULL);
	jump_seconds = 1000;
	count_with_threads();
	CHECK(faults);
}

/* Where the platform itself looks at the clock of a deadline. */
static void realtime_jumps_past_a_deadline(void)
{
	struct range_lock holder, lock;
	struct timespec deadline;

	set_up();
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += 500;
	fail_all = true;
	only_realtime = true;
	jump_seconds = 1000;
	range_lock_init(&holder, 5, 5);
	range_lock_init(&lock, 5, 5);
	range_write_lock(&tree, &holder);
	CHECK(range_write_clocklock(&tree, &lock, CLOCK_REALTIME, &deadline) ==
	      ETIMEDOUT);
	CHECK(faults >= 2);
	range_write_unlock(&tree, &holder);
	CHECK(range_write_trylock(&tree, &lock));
	range_write_unlock(&tree, &lock);
	range_lock_tree_destroy(&tree);
}

/* The thread exits as soon as it is granted; its waker is still at it. */
static void *exit_after_grant(void *arg)
{
	struct range_lock *lock = arg;

	range_write_lock(&tree, lock);
	__atomic_store_n(&counter, counter + 1, __ATOMIC_RELAXED);
	happened();
	return NULL;
}

static void threads_exit_after_grant(void)
{
	struct range_lock holder, lock;
	pthread_t thread;
	int i;

	set_up();
	range_lock_init(&holder, 5, 5);
	for (i = 0; i < ROUNDS; i++) {
		range_lock_init(&lock, 5, 5);
		range_write_lock(&tree, &holder);
		CHECK(!pthread_create(&thread, NULL, exit_after_grant, &lock));
		if (i % 2)
			sched_yield();
		range_write_unlock(&tree, &holder);
		pthread_join(thread, NULL);
		range_write_unlock(&tree, &lock);
	}
	CHECK(faults == ROUNDS);
	range_lock_tree_destroy(&tree);
}

/* A fork while a waker is between its grant and its wake-up. */
static int in_read_section, may_leave;

static void *stay_in_read_section(void *arg)
{
	urcu_bp_read_lock();
	WRITE_ONCE(in_read_section, 1);
	while (!READ_ONCE(may_leave))
		sched_yield();
	urcu_bp_read_unlock();
	return arg;
}

/* A tree of its own, initialised in the child: threads wait, and exit. */
static void fork_while_a_waker_is_at_it(void)
{
	pthread_t thread;
	int status;
	pid_t pid;

	set_up();
	count_with_threads();
	CHECK(!pthread_create(&thread, NULL, stay_in_read_section, NULL));
	while (!READ_ONCE(in_read_section))
		sched_yield();
	happened();
	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		alarm(10);
		set_up();
		count_with_threads();
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(!status);
	WRITE_ONCE(may_leave, 1);
	pthread_join(thread, NULL);
	set_up();
	count_with_threads();
	CHECK(faults);
}

#ifdef __has_feature
# if __has_feature(thread_sanitizer)
#  define NO_FORK "ThreadSanitizer allows no threads after fork()"
# endif
#endif
#ifndef NO_FORK
# define NO_FORK NULL
#endif

static const struct named_test tests[] = {
	TEST(futex_says_eagain),
	TEST(futex_says_eintr),
	TEST(futex_returns_without_wake_up),
	TEST(each_allocation_fails),
	TEST(no_allocation_succeeds_for_tasks),
	TEST(clock_jumps),
	TEST(realtime_jumps_past_a_deadline),
	TEST(threads_exit_after_grant),
	{ .name = "fork_while_a_waker_is_at_it", .skip = NO_FORK,
	  .run = fork_while_a_waker_is_at_it },
};

int main(int argc, char **argv)
{
	return run_named_tests(argc, argv, tests, ARRAY_SIZE(tests), HANG);
}
