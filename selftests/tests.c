// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the lock that histories can't express: races of real threads, the
 * lifetime of requests, tasks and trees, memory order, large numbers, what the
 * lock leaves alone, and misuse. Each test is a process of its own.
 *
 * None of them sleeps in order to let something happen, and none looks at how
 * long something takes: the hang limit is for broken locks only. Where an
 * interleaving matters that hardly ever comes about, the platform's functions
 * are stretched: the linker puts the __wrap functions below in their place.
 *
 * Plain variables that several threads use are meant to be plain: the lock
 * has to order the accesses, and ThreadSanitizer says if it does not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/kernel.h>
#include <linux/range_lock.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/sched/wake_q.h>
#include <linux/timekeeping.h>

#include "named_tests.h"

/* A test that takes longer hangs; -t says otherwise. */
#define HANG_SECONDS	120

/* What memory is filled with that belongs to nobody's lock any more. */
#define POISON		0x5a

#ifdef __has_feature
# if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#  define SANITIZED 1
# endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
# define SANITIZED 1
#endif

/* A sanitizer sees in one round what others may see in many. */
#ifdef SANITIZED
# define SCALED(rounds)		((rounds) / 10)
# define SMALL_STACK		(512 * 1024)
#else
# define SCALED(rounds)		(rounds)
# define SMALL_STACK		(PTHREAD_STACK_MIN + 16 * 1024)
#endif

/* Not in the headers that the lock sees. */
int range_read_clocklock(struct range_lock_tree *tree, struct range_lock *lock,
			 clockid_t clock, const struct timespec *abstime);
int range_write_clocklock(struct range_lock_tree *tree, struct range_lock *lock,
			  clockid_t clock, const struct timespec *abstime);

/* The platform, stretched. */

/*
 * What a thread does at a place where it would otherwise go on at once. A
 * thread with @in_schedule does not go to sleep: its schedule() returns
 * without reason when that has returned, as it may.
 */
static __thread void (*in_schedule)(void);
static __thread void (*before_spinning)(void);
static __thread void (*before_task_get)(void);
static __thread void (*before_wake)(void);
static __thread unsigned int callocs_that_fail;

/* Stands in for the thread's own task, so that each use of that is seen. */
static __thread struct task_struct *hidden_task;
static __thread void (*at_current)(void);

/* Set while the thread is in schedule(). */
static __thread bool *asleep;

void __real_range_lock__task_schedule(void);
void __wrap_range_lock__task_schedule(void);
void __real_range_lock__spin_lock_slow(spinlock_t *lock);
void __wrap_range_lock__spin_lock_slow(spinlock_t *lock);
void __real_range_lock__task_get(struct task_struct *task);
void __wrap_range_lock__task_get(struct task_struct *task);
void __real_wake_q_add_safe(struct wake_q_head *head, struct task_struct *task);
void __wrap_wake_q_add_safe(struct wake_q_head *head, struct task_struct *task);
struct task_struct *__real_range_lock__task_create(void);
struct task_struct *__wrap_range_lock__task_create(void);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void __wrap_range_lock__task_schedule(void)
{
	if (asleep)
		WRITE_ONCE(*asleep, true);
	if (in_schedule)
		in_schedule();
	else
		__real_range_lock__task_schedule();
	if (asleep)
		WRITE_ONCE(*asleep, false);
}

void __wrap_range_lock__spin_lock_slow(spinlock_t *lock)
{
	if (before_spinning)
		before_spinning();
	__real_range_lock__spin_lock_slow(lock);
}

void __wrap_range_lock__task_get(struct task_struct *task)
{
	if (before_task_get)
		before_task_get();
	__real_range_lock__task_get(task);
}

void __wrap_wake_q_add_safe(struct wake_q_head *head, struct task_struct *task)
{
	if (before_wake)
		before_wake();
	__real_wake_q_add_safe(head, task);
}

struct task_struct *__wrap_range_lock__task_create(void)
{
	if (!hidden_task)
		return __real_range_lock__task_create();
	at_current();
	return hidden_task;
}

void *__wrap_calloc(size_t n, size_t size)
{
	if (callocs_that_fail) {
		callocs_that_fail--;
		errno = ENOMEM;
		return NULL;
	}
	return __real_calloc(n, size);
}

/* A gate in schedule(). By relaxed accesses, so that it orders nothing. */
static bool gate_is_closed, is_at_gate;

static void wait_at_gate(void)
{
	WRITE_ONCE(is_at_gate, true);
	while (READ_ONCE(gate_is_closed))
		sched_yield();
}

/* What most tests need. */

static void strict(struct range_lock_tree *tree)
{
	__range_lock_tree_init(tree, 0, NULL, NULL);
}

/* Here no waiter ever gets old. */
static void passing(struct range_lock_tree *tree)
{
	__range_lock_tree_init(tree, U32_MAX, NULL, NULL);
}

static void with_default_bound(struct range_lock_tree *tree)
{
	__range_lock_tree_init(tree, RANGE_LOCK_BOUND_NS, NULL, NULL);
}

static void spawn(pthread_t *thread, void *(*run)(void *), void *arg)
{
	CHECK(!pthread_create(thread, NULL, run, arg));
}

static void join(pthread_t thread)
{
	CHECK(!pthread_join(thread, NULL));
}

/* As range_lock.c has it: somebody waits, nothing is held; look in the shards. */
#define WORD_WAITERS	2L
#define WORD_SHARDS	3L

static long word_of(struct range_lock_tree *tree)
{
	return atomic_long_read(&tree->word);
}

/* What the word says of a holder that is in it. */
static long in_word(struct range_lock *lock, enum range_lock_mode mode)
{
	return (long)lock | mode;
}

static bool is_blocked(struct range_lock *lock)
{
	return READ_ONCE(lock->state) == RANGE_LOCK_BLOCKED;
}

static void write_lock(struct range_lock_tree *tree, struct range_lock *lock,
		       u64 start, u64 last)
{
	range_lock_init(lock, start, last);
	range_write_lock(tree, lock);
}

static bool is_locked(struct range_lock_tree *tree, u64 start, u64 last)
{
	struct range_lock probe;

	range_lock_init(&probe, start, last);
	return range_is_locked(tree, &probe);
}

/* Is @tree idle? Shards may have come, where threads met; they go. */
static void check_idle(struct range_lock_tree *tree)
{
	if ((word_of(tree) & WORD_SHARDS) == WORD_SHARDS)
		CHECK(!is_locked(tree, 0, RANGE_LOCK_FULL));
	CHECK(!word_of(tree));
	CHECK(!tree->root.rb_node);
}

/* Is @tree idle, and does it still work? */
static void check_usable(struct range_lock_tree *tree)
{
	struct range_lock full, point;

	check_idle(tree);
	range_lock_init_full(&full);
	range_lock_init(&point, 5, 5);
	CHECK(range_write_trylock(tree, &full));
	CHECK(!range_read_trylock(tree, &point));
	range_write_unlock(tree, &full);
	CHECK(range_read_trylock(tree, &point));
	range_read_unlock(tree, &point);
	CHECK(!word_of(tree));
	CHECK(range_lock_validate(tree));
}

/* xorshift64: any state but 0 is a good one. */
static u64 next_random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void relax(unsigned int times)
{
	while (times--)
		cpu_relax();
}

/* A thread that waits for one range, and says when it has it. */
struct waiter {
	struct range_lock_tree *tree;
	struct range_lock lock;
	void (*in_schedule)(void);
	void (*holding)(struct waiter *waiter);
	bool exits;			/* who unlocks it is somebody else */
	bool asleep, granted;
	pthread_t thread;
};

static bool is_asleep(struct waiter *waiter)
{
	return is_blocked(&waiter->lock) && READ_ONCE(waiter->asleep);
}

static void *run_waiter(void *arg)
{
	struct waiter *waiter = arg;

	asleep = &waiter->asleep;
	in_schedule = waiter->in_schedule;
	range_write_lock(waiter->tree, &waiter->lock);
	if (waiter->holding)
		waiter->holding(waiter);
	WRITE_ONCE(waiter->granted, true);
	if (!waiter->exits)
		range_write_unlock(waiter->tree, &waiter->lock);
	return NULL;
}

/* Returns when it is blocked. */
static void spawn_waiter(struct waiter *waiter, struct range_lock_tree *tree,
			 u64 start, u64 last)
{
	waiter->tree = tree;
	range_lock_init(&waiter->lock, start, last);
	spawn(&waiter->thread, run_waiter, waiter);
	AWAIT(is_blocked(&waiter->lock));
}

/* Lifetime: H1, H2. */

/* What a holder for write sees of other holders: nothing. */
static long owners[8];

static void own(u64 start, u64 last, long who)
{
	for (; start <= last; start++) {
		CHECK(!owners[start]);
		owners[start] = who;
	}
}

static void disown(u64 start, u64 last, long who)
{
	for (; start <= last; start++) {
		CHECK(owners[start] == who);
		owners[start] = 0;
	}
}

static void check_poison(const void *memory, size_t size)
{
	const unsigned char *byte = memory;

	while (size--)
		CHECK(*byte++ == POISON);
}

/* Not inlined, so that each request of a thread is at the same address. */
static noinline void hold_on_stack(struct range_lock_tree *tree, long who,
				   u64 start, u64 last)
{
	struct range_lock lock;

	write_lock(tree, &lock, start, last);
	own(start, last, who);
	disown(start, last, who);
	range_write_unlock(tree, &lock);
	memset(&lock, POISON, sizeof(lock));
	/* The compiler must not know what the memory has in it. */
	__asm__ volatile("" : : "r"(&lock) : "memory");
	relax(who * 10);
	check_poison(&lock, sizeof(lock));
}

static struct range_lock_tree shared_tree;
static bool stop;

static void *come_and_go(void *arg)
{
	long i, who = (long)arg;

	for (i = 0; i < SCALED(100000); i++) {
		u64 start = (i * who) % 5;

		hold_on_stack(&shared_tree, who, start, start + i % 4);
	}
	return NULL;
}

static void *pin(void *arg)
{
	u64 random = 1;

	while (!READ_ONCE(stop)) {
		struct range_lock lock;
		u64 start = next_random(&random) % 8;

		range_lock_init(&lock, start, start);
		switch (next_random(&random) % 4) {
		case 0:
			if (!range_write_trylock(&shared_tree, &lock))
				break;
			own(start, start, 9);
			disown(start, start, 9);
			range_write_unlock(&shared_tree, &lock);
			break;
		case 1:
			range_read_lock(&shared_tree, &lock);
			CHECK(!owners[start]);
			range_read_unlock(&shared_tree, &lock);
			break;
		default:
			range_is_locked(&shared_tree, &lock);
		}
	}
	return arg;
}

static void pin_while_holder_comes_and_goes(void)
{
	pthread_t holders[2], pinner;
	long i;

	with_default_bound(&shared_tree);
	spawn(&pinner, pin, NULL);
	for (i = 0; i < 2; i++)
		spawn(&holders[i], come_and_go, (void *)(i + 1));
	for (i = 0; i < 2; i++)
		join(holders[i]);
	WRITE_ONCE(stop, true);
	join(pinner);
	check_usable(&shared_tree);
}

static struct waiter leaver;
static bool has_left;

/* To a lock that has taken its reference too late the leaver's task is lost. */
static void let_it_leave(void)
{
	int i;

	for (i = 0; i < 300 && !has_left; i++) {
		has_left = !pthread_tryjoin_np(leaver.thread, NULL);
		sched_yield();
	}
}

static void look_again(void)
{
	sched_yield();
}

static void thread_exits_right_after_grant(void)
{
	static struct range_lock_tree tree;
	struct range_lock lock;
	int i;

	strict(&tree);
	for (i = 0; i < SCALED(3000); i++) {
		bool stretched = i < 20;

		write_lock(&tree, &lock, 0, 9);
		memset(&leaver, 0, sizeof(leaver));
		has_left = false;
		/* It notices the grant without a wake-up, then or sometimes. */
		leaver.in_schedule = stretched || i % 2 ? look_again : NULL;
		leaver.exits = stretched || i % 4;
		spawn_waiter(&leaver, &tree, 5, 14);
		if (i % 3)
			AWAIT(is_asleep(&leaver));
		before_task_get = stretched ? let_it_leave : NULL;
		range_write_unlock(&tree, &lock);
		before_task_get = NULL;
		if (!has_left)
			join(leaver.thread);
		if (leaver.exits)
			range_write_unlock(&tree, &leaver.lock);
	}
	check_usable(&tree);
}

static void *use_heap(void *arg)
{
	u64 random = (long)arg;
	long i, who = (long)arg;

	for (i = 0; i < SCALED(100000); i++) {
		struct range_lock *lock = malloc(sizeof(*lock));
		u64 start = next_random(&random) % 5;
		u64 last = start + next_random(&random) % 4;

		CHECK(lock);
		range_lock_init(lock, start, last);
		if (next_random(&random) % 4) {
			range_write_lock(&shared_tree, lock);
			own(start, last, who);
			disown(start, last, who);
			range_write_unlock(&shared_tree, lock);
		} else {
			range_read_lock(&shared_tree, lock);
			CHECK(!owners[start]);
			range_read_unlock(&shared_tree, lock);
		}
		memset(lock, POISON, sizeof(*lock));
		free(lock);
	}
	return NULL;
}

static void request_freed_right_after_last_unlock(void)
{
	pthread_t threads[3];
	long i;

	with_default_bound(&shared_tree);
	for (i = 0; i < 3; i++)
		spawn(&threads[i], use_heap, (void *)(i + 1));
	for (i = 0; i < 3; i++)
		join(threads[i]);
	check_usable(&shared_tree);
}

/* Of the second of two that lock a tree, who then knows to be the last. */
static struct range_lock_tree *doomed;
static struct range_lock last_lock;
static long doomed_round;

static void *destroy_it(void *arg)
{
	long i;

	for (i = 1; i <= SCALED(20000); i++) {
		struct range_lock_tree *tree;

		AWAIT(smp_load_acquire(&doomed_round) == i);
		tree = doomed;
		range_write_lock(tree, &last_lock);
		range_write_unlock(tree, &last_lock);
		range_lock_tree_destroy(tree);
		memset(tree, POISON, sizeof(*tree));
		free(tree);
		smp_store_release(&doomed_round, -i);
	}
	return arg;
}

static void tree_freed_after_destroy(void)
{
	struct range_lock lock;
	pthread_t destroyer;
	long i;

	spawn(&destroyer, destroy_it, NULL);
	for (i = 1; i <= SCALED(20000); i++) {
		doomed = malloc(sizeof(*doomed));
		CHECK(doomed);
		strict(doomed);
		write_lock(doomed, &lock, 0, 9);
		range_lock_init(&last_lock, 0, 9);
		smp_store_release(&doomed_round, i);
		AWAIT(is_blocked(&last_lock));
		range_write_unlock(doomed, &lock);
		AWAIT(smp_load_acquire(&doomed_round) == -i);
	}
	join(destroyer);
}

static void *unlock_it(void *arg)
{
	range_write_unlock(&shared_tree, arg);
	return NULL;
}

static void unlock_by_another_thread_while_waited_for(void)
{
	struct range_lock lock, beside;
	pthread_t thread;
	int i;

	strict(&shared_tree);
	for (i = 0; i < SCALED(500); i++) {
		struct waiter waiter = { 0 };

		if (i % 2)
			write_lock(&shared_tree, &beside, 20, 29);
		write_lock(&shared_tree, &lock, 0, 9);
		if (i % 3)
			spawn_waiter(&waiter, &shared_tree, 5, 14);
		CHECK(!READ_ONCE(waiter.granted));
		spawn(&thread, unlock_it, &lock);
		join(thread);
		if (i % 3) {
			join(waiter.thread);
			CHECK(waiter.granted);
		}
		CHECK(!is_locked(&shared_tree, 0, 14));
		if (i % 2)
			range_write_unlock(&shared_tree, &beside);
	}
	check_usable(&shared_tree);
}

/*
 * What others did to a request in the word must not show when it is used again,
 * which needs no initialising, nor when it is unlocked once too often.
 */
static void request_used_again_after_pin(void)
{
	struct range_lock lock, beside;
	struct waiter waiter = { 0 };

	strict(&shared_tree);
	write_lock(&shared_tree, &lock, 0, 9);
	CHECK(is_locked(&shared_tree, 0, 9));
	range_write_unlock(&shared_tree, &lock);

	write_lock(&shared_tree, &beside, 20, 29);
	CHECK(range_write_trylock(&shared_tree, &lock));
	range_write_unlock(&shared_tree, &beside);
	range_write_unlock(&shared_tree, &lock);

	range_read_lock(&shared_tree, &lock);
	spawn_waiter(&waiter, &shared_tree, 0, 9);
	range_read_unlock(&shared_tree, &lock);
	join(waiter.thread);
	CHECK(waiter.granted);
	check_usable(&shared_tree);
}

/*
 * A wake-up at each moment between a waiter's look at its request and its
 * sleep, as far as it asks for its task there. It must not sleep on.
 */
static int moments_left;
static bool is_moment, is_unlocked;

static void have_it_unlocked_now(void)
{
	if (!is_blocked(&leaver.lock) || --moments_left)
		return;
	WRITE_ONCE(is_moment, true);
	AWAIT(READ_ONCE(is_unlocked));
}

static void sleep_with_own_task(void)
{
	range_lock__thread.task = hidden_task;
	__real_range_lock__task_schedule();
	range_lock__thread.task = NULL;
}

static void *wait_with_hidden_task(void *arg)
{
	hidden_task = range_lock__task_self();
	range_lock__thread.task = NULL;
	at_current = have_it_unlocked_now;
	in_schedule = sleep_with_own_task;
	range_write_lock(&shared_tree, &leaver.lock);
	range_write_unlock(&shared_tree, &leaver.lock);
	range_lock__thread.task = hidden_task;
	hidden_task = NULL;
	return arg;
}

static void wake_up_between_look_and_sleep(void)
{
	struct range_lock lock;
	pthread_t thread;
	int i;

	for (i = 0; i < 4; i++) {
		if (i < 2)
			strict(&shared_tree);
		else
			passing(&shared_tree);
		moments_left = i % 2 + 1;
		is_moment = false;
		is_unlocked = false;
		write_lock(&shared_tree, &lock, 0, 9);
		range_lock_init(&leaver.lock, 0, 9);
		spawn(&thread, wait_with_hidden_task, NULL);
		AWAIT(READ_ONCE(is_moment));
		range_write_unlock(&shared_tree, &lock);
		WRITE_ONCE(is_unlocked, true);
		join(thread);
		check_usable(&shared_tree);
	}
}

/* Giving up against being granted: H4. */

enum race_kind { BY_SIGNAL, BY_MONOTONIC, BY_REALTIME };

static struct race {
	enum race_kind kind;
	struct range_lock_tree *tree;
	struct range_lock lock;
	struct task_struct *task;
	struct timespec deadline;
	bool asleep;
	long payload;			/* of the range */
	int ret;
	/* Each set to the number of the round by one and awaited by the other. */
	long started, returned, checked, finished;
} race;

/* Between the look that says to give up and the section that does. */
static void *give_up_late(void *arg)
{
	struct race *waiter = arg;

	smp_store_release(&waiter->task, range_lock__task_self());
	before_spinning = wait_at_gate;
	in_schedule = look_again;
	waiter->ret = range_write_lock_killable(waiter->tree, &waiter->lock);
	before_spinning = NULL;
	return NULL;
}

static void cancel_finds_itself_granted(void)
{
	struct range_lock lock;
	pthread_t thread;

	strict(&shared_tree);
	race.tree = &shared_tree;
	write_lock(&shared_tree, &lock, 0, 9);
	range_lock_init(&race.lock, 0, 9);
	spawn(&thread, give_up_late, &race);
	AWAIT(is_blocked(&race.lock));

	WRITE_ONCE(gate_is_closed, true);
	spin_lock(&shared_tree.lock);
	range_lock__task_signal(race.task);
	AWAIT(READ_ONCE(is_at_gate));
	spin_unlock(&shared_tree.lock);
	range_write_unlock(&shared_tree, &lock);
	WRITE_ONCE(gate_is_closed, false);
	join(thread);
	CHECK(!race.ret);
	CHECK(is_locked(&shared_tree, 0, 9));
	range_write_unlock(&shared_tree, &race.lock);
	check_usable(&shared_tree);
}

static int race_lock(long round)
{
	switch (race.kind) {
	case BY_SIGNAL:
		return round % 2 ?
			range_write_lock_killable(race.tree, &race.lock) :
			range_write_lock_interruptible(race.tree, &race.lock);
	case BY_MONOTONIC:
		return range_write_clocklock(race.tree, &race.lock,
					     CLOCK_MONOTONIC, &race.deadline);
	default:
		return range_write_clocklock(race.tree, &race.lock,
					     CLOCK_REALTIME, &race.deadline);
	}
}

static void *race_waiter(void *arg)
{
	long round;

	asleep = &race.asleep;
	smp_store_release(&race.task, range_lock__task_self());
	for (round = 1;; round++) {
		AWAIT(smp_load_acquire(&race.started) == round ||
		      smp_load_acquire(&stop));
		if (smp_load_acquire(&stop))
			return arg;
		race.ret = race_lock(round);
		if (!race.ret)
			race.payload++;
		smp_store_release(&race.returned, round);
		if (race.ret) {
			/* The request is free: used for something else. */
			memset(&race.lock, POISON, sizeof(race.lock));
			range_lock_init(&race.lock, 100, 109);
			CHECK(range_write_trylock(race.tree, &race.lock));
		}
		AWAIT(smp_load_acquire(&race.checked) == round);
		range_write_unlock(race.tree, &race.lock);
		smp_store_release(&race.finished, round);
	}
}

static u64 nanoseconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* Play one round; returns whether the waiter was granted. */
static bool race_once(struct range_lock_tree *tree, long round, u64 *random)
{
	clockid_t clock = race.kind == BY_REALTIME ? CLOCK_REALTIME :
						     CLOCK_MONOTONIC;
	unsigned int delay = next_random(random) % 400;
	struct range_lock lock, again;
	u64 deadline;

	race.tree = tree;
	range_lock_init(&race.lock, 0, 9);
	write_lock(tree, &lock, 0, 9);
	race.payload++;
	deadline = nanoseconds(clock) + next_random(random) % 100000;
	race.deadline.tv_sec = deadline / 1000000000;
	race.deadline.tv_nsec = deadline % 1000000000;
	smp_store_release(&race.started, round);

	if (race.kind == BY_SIGNAL) {
		AWAIT(is_blocked(&race.lock));
		if (next_random(random) % 2)
			AWAIT(!is_blocked(&race.lock) ||
			      READ_ONCE(race.asleep));
		/* Every second time the grant is ahead. */
		if (round % 2)
			range_lock__task_signal(race.task);
		relax(delay);
		range_write_unlock(tree, &lock);
		if (round % 2 == 0)
			range_lock__task_signal(race.task);
	} else {
		/* Around the deadline, 50 us before it to 50 us after it. */
		deadline += next_random(random) % 100000;
		AWAIT(nanoseconds(clock) + 50000 >= deadline);
		range_write_unlock(tree, &lock);
	}

	AWAIT(smp_load_acquire(&race.returned) == round);
	CHECK(!race.ret ||
	      race.ret == (race.kind == BY_SIGNAL ? -EINTR : ETIMEDOUT));
	range_lock_init(&again, 0, 9);
	CHECK(is_locked(tree, 0, 9) == !race.ret);
	CHECK(range_write_trylock(tree, &again) == !!race.ret);
	if (race.ret) {
		race.payload++;
		range_write_unlock(tree, &again);
	}
	smp_store_release(&race.checked, round);
	AWAIT(smp_load_acquire(&race.finished) == round);
	WRITE_ONCE(race.task->signalled, false);
	CHECK(!word_of(tree));
	return !race.ret;
}

static void race_for_grant(enum race_kind kind)
{
	static struct range_lock_tree trees[2];
	unsigned int granted = 0, given_up = 0;
	u64 random = 88172645463325252ULL;
	pthread_t waiter;
	long round = 0;

	race.kind = kind;
	strict(&trees[0]);
	with_default_bound(&trees[1]);
	spawn(&waiter, race_waiter, NULL);
	AWAIT(smp_load_acquire(&race.task));
	while (round < SCALED(3000) ||
	       ((!granted || !given_up) && round < 100000)) {
		round++;
		if (race_once(&trees[round / 2 % 2], round, &random))
			granted++;
		else
			given_up++;
	}
	smp_store_release(&stop, true);
	join(waiter);
	printf("# %s: %u granted, %u gave up\n", test_name, granted, given_up);
	CHECK(granted);
	CHECK(given_up);
	CHECK(race.payload == 2 * round);
}

static void signal_races_with_grant(void)
{
	race_for_grant(BY_SIGNAL);
}

static void deadline_races_with_grant_monotonic(void)
{
	race_for_grant(BY_MONOTONIC);
}

static void deadline_races_with_grant_realtime(void)
{
	race_for_grant(BY_REALTIME);
}

/* Deadlines that are no deadlines. */

static void deadline_on_no_clock(void)
{
	static struct range_lock_tree tree;
	struct timespec soon = { 0, 0 };
	struct range_lock lock;

	strict(&tree);
	range_lock_init(&lock, 0, 9);
	CHECK(range_read_clocklock(&tree, &lock, CLOCK_PROCESS_CPUTIME_ID,
				   &soon) == EINVAL);
	CHECK(range_write_clocklock(&tree, &lock, -1, &soon) == EINVAL);
	CHECK(range_write_clocklock(&tree, &lock, 12345, &soon) == EINVAL);
	check_usable(&tree);
}

static void deadline_with_bad_nanoseconds(void)
{
	static const long bad[] = { -1, 1000000000, LONG_MAX, LONG_MIN };
	static struct range_lock_tree tree;
	struct range_lock lock;
	struct timespec at;
	size_t i;

	strict(&tree);
	range_lock_init(&lock, 0, 9);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		at.tv_sec = 0;
		at.tv_nsec = bad[i];
		CHECK(range_read_clocklock(&tree, &lock, CLOCK_MONOTONIC,
					   &at) == EINVAL);
		CHECK(range_write_clocklock(&tree, &lock, CLOCK_REALTIME,
					    &at) == EINVAL);
	}
	at.tv_nsec = 999999999;
	CHECK(!range_write_clocklock(&tree, &lock, CLOCK_REALTIME, &at));
	range_write_unlock(&tree, &lock);
	check_usable(&tree);
}

/* A time that has passed, if ever there was one. */
static void deadline_before_the_epoch(void)
{
	static const time_t seconds[] = { -1, -1000000000, LONG_MIN };
	static struct range_lock_tree tree;
	struct range_lock held, lock;
	struct timespec at = { 0, 0 };
	size_t i;

	strict(&tree);
	write_lock(&tree, &held, 0, 9);
	range_lock_init(&lock, 0, 9);
	for (i = 0; i < ARRAY_SIZE(seconds); i++) {
		at.tv_sec = seconds[i];
		CHECK(range_read_clocklock(&tree, &lock, CLOCK_MONOTONIC,
					   &at) == ETIMEDOUT);
		CHECK(range_write_clocklock(&tree, &lock, CLOCK_REALTIME,
					    &at) == ETIMEDOUT);
	}
	range_write_unlock(&tree, &held);
	check_usable(&tree);
}

/* Large numbers, and order. */

#define CROWD	1000

static struct {
	struct range_lock_tree tree;
	struct range_lock locks[CROWD];
	int order[CROWD], granted;	/* protected by the range */
} crowd;

static void *join_crowd(void *arg)
{
	struct range_lock *lock = arg;

	range_write_lock(&crowd.tree, lock);
	crowd.order[crowd.granted++] = lock - crowd.locks;
	range_write_unlock(&crowd.tree, lock);
	return NULL;
}

static void thousand_waiters_in_order(void)
{
	static pthread_t threads[CROWD];
	struct range_lock lock;
	pthread_attr_t attr;
	int i;

	strict(&crowd.tree);
	pthread_attr_init(&attr);
	CHECK(!pthread_attr_setstacksize(&attr, SMALL_STACK));
	write_lock(&crowd.tree, &lock, 0, 9);
	for (i = 0; i < CROWD; i++) {
		range_lock_init(&crowd.locks[i], 0, 9);
		CHECK(!pthread_create(&threads[i], &attr, join_crowd,
				      &crowd.locks[i]));
		AWAIT(is_blocked(&crowd.locks[i]));
	}
	CHECK(!crowd.granted);
	CHECK(range_lock_validate(&crowd.tree));
	range_write_unlock(&crowd.tree, &lock);
	for (i = 0; i < CROWD; i++)
		join(threads[i]);
	for (i = 0; i < CROWD; i++)
		CHECK(crowd.order[i] == i);
	check_usable(&crowd.tree);
}

/* Ranges [4i + 1, 4i + 2], so that there are holes between them. */
static void many_ranges_held(void)
{
	const unsigned long ranges = SCALED(1000000);
	static struct range_lock_tree tree;
	struct range_lock *locks;
	unsigned long i, k;

	with_default_bound(&tree);
	locks = malloc(ranges * sizeof(*locks));
	CHECK(locks);
	for (i = 0; i < ranges; i++) {
		/* The primes divide neither number: each range comes once. */
		k = i * 7919 % ranges;
		range_lock_init(&locks[k], 4 * k + 1, 4 * k + 2);
		CHECK(k % 2 ? range_write_trylock(&tree, &locks[k]) :
			      range_read_trylock(&tree, &locks[k]));
	}
	for (k = 0; k < ranges; k += 7) {
		CHECK(!is_locked(&tree, 4 * k + 3, 4 * k + 4));
		CHECK(is_locked(&tree, 4 * k + 2, 4 * k + 3));
		CHECK(is_locked(&tree, 4 * k, 4 * k + 1));
	}
	for (i = 0; i < ranges; i++) {
		k = i * 104729 % ranges;
		CHECK(is_locked(&tree, 4 * k + 1, 4 * k + 1));
		if (k % 2)
			range_write_unlock(&tree, &locks[k]);
		else
			range_read_unlock(&tree, &locks[k]);
		CHECK(!is_locked(&tree, 4 * k, 4 * k + 3));
	}
	free(locks);
	check_usable(&tree);
}

/* In ascending order, which takes for ever in a tree that is not balanced. */
static void many_ranges_in_order(void)
{
	const unsigned long ranges = SCALED(300000);
	static struct range_lock_tree tree;
	struct range_lock *locks;
	unsigned long i;

	strict(&tree);
	locks = malloc(ranges * sizeof(*locks));
	CHECK(locks);
	for (i = 0; i < ranges; i++) {
		range_lock_init(&locks[i], i, i);
		CHECK(range_write_trylock(&tree, &locks[i]));
	}
	for (i = 0; i < ranges; i++)
		range_write_unlock(&tree, &locks[i]);
	free(locks);
	check_usable(&tree);
}

static void *lock_elsewhere(void *arg)
{
	u64 random = (long)arg, base = (long)arg * 10000;
	struct range_lock lock;
	int i;

	for (i = 0; i < SCALED(100000); i++) {
		u64 start = base + next_random(&random) % 1000;

		range_lock_init(&lock, start, start + i % 100);
		if (i % 2) {
			range_write_lock(&shared_tree, &lock);
			range_write_unlock(&shared_tree, &lock);
		} else {
			range_read_lock(&shared_tree, &lock);
			range_read_unlock(&shared_tree, &lock);
		}
	}
	return NULL;
}

/* If one of them did, that would be for ever: the holder waits for them. */
static void disjoint_never_wait(void)
{
	struct waiter waiter = { 0 };
	struct range_lock lock;
	pthread_t threads[3];
	long i;

	strict(&shared_tree);
	write_lock(&shared_tree, &lock, 1000, 1999);
	spawn_waiter(&waiter, &shared_tree, 0, 1500);
	for (i = 0; i < 3; i++)
		spawn(&threads[i], lock_elsewhere, (void *)(i + 1));
	for (i = 0; i < 3; i++)
		join(threads[i]);
	CHECK(!READ_ONCE(waiter.granted));
	range_write_unlock(&shared_tree, &lock);
	join(waiter.thread);
	check_usable(&shared_tree);
}

/* The scale goes down again: one holder is in the word, nobody is 0. */

static void check_in_word(struct range_lock_tree *tree, struct range_lock *lock,
			  enum range_lock_mode mode)
{
	CHECK(word_of(tree) == in_word(lock, mode));
	CHECK(!tree->root.rb_node);
	CHECK(range_lock_validate(tree));
}

static void word_comes_back(void)
{
	struct timespec past = { 0, 0 };
	struct range_lock a, b, c;
	struct waiter waiter = { 0 };
	pthread_t threads[3];
	long i;

	with_default_bound(&shared_tree);
	for (i = 0; i < 3; i++)
		spawn(&threads[i], use_heap, (void *)(i + 1));
	for (i = 0; i < 3; i++)
		join(threads[i]);
	check_idle(&shared_tree);
	range_lock_tree_destroy(&shared_tree);

	strict(&shared_tree);
	write_lock(&shared_tree, &a, 0, 9);
	check_in_word(&shared_tree, &a, RANGE_LOCK_WRITE);
	CHECK(is_locked(&shared_tree, 0, 9));
	check_in_word(&shared_tree, &a, RANGE_LOCK_WRITE);

	write_lock(&shared_tree, &b, 10, 19);
	CHECK(shared_tree.root.rb_node);
	range_write_unlock(&shared_tree, &a);
	check_in_word(&shared_tree, &b, RANGE_LOCK_WRITE);

	range_lock_init(&c, 10, 19);
	CHECK(range_read_clocklock(&shared_tree, &c, CLOCK_MONOTONIC,
				   &past) == ETIMEDOUT);
	check_in_word(&shared_tree, &b, RANGE_LOCK_WRITE);
	CHECK(!range_read_trylock(&shared_tree, &c));
	check_in_word(&shared_tree, &b, RANGE_LOCK_WRITE);
	range_downgrade_write(&shared_tree, &b);
	check_in_word(&shared_tree, &b, RANGE_LOCK_READ);
	CHECK(range_read_trylock(&shared_tree, &c));
	range_read_unlock(&shared_tree, &b);
	check_in_word(&shared_tree, &c, RANGE_LOCK_READ);
	range_read_unlock(&shared_tree, &c);
	CHECK(!word_of(&shared_tree));

	/* After a hand-off, and then a wait in the tree. */
	write_lock(&shared_tree, &a, 0, 9);
	spawn_waiter(&waiter, &shared_tree, 0, 9);
	range_write_unlock(&shared_tree, &a);
	join(waiter.thread);
	CHECK(!word_of(&shared_tree));
	CHECK(!shared_tree.root.rb_node);
}

static void fast_path_writes_only_the_word(void)
{
	struct range_lock_tree tree, before;
	struct range_lock lock;
	int i;

	memset(&tree, POISON, sizeof(tree));
	with_default_bound(&tree);
	tree.clock = 12345;
	memcpy(&before, &tree, sizeof(tree));
	for (i = 0; i < 4; i++) {
		bool write = i < 2;

		if (i % 2)
			range_lock_init_full(&lock);
		else
			range_lock_init(&lock, 5, 5);
		if (write)
			range_write_lock(&tree, &lock);
		else
			range_read_lock(&tree, &lock);
		atomic_long_set(&before.word,
				in_word(&lock, write ? RANGE_LOCK_WRITE :
						       RANGE_LOCK_READ));
		CHECK(!memcmp(&before, &tree, sizeof(tree)));
		if (write)
			range_write_unlock(&tree, &lock);
		else
			range_read_unlock(&tree, &lock);
		atomic_long_set(&before.word, 0);
		CHECK(!memcmp(&before, &tree, sizeof(tree)));
	}
}

/* Who waits, and for how long. */

#define HAMMERS	3

static struct {
	struct range_lock_tree tree;
	struct range_lock locks[HAMMERS];
	unsigned long grants;	/* written by the holder */
	unsigned long grants_before_waiter;
} hammered;

static void *hammer(void *arg)
{
	struct range_lock *lock = arg;

	while (!READ_ONCE(stop)) {
		range_write_lock(&hammered.tree, lock);
		WRITE_ONCE(hammered.grants, hammered.grants + 1);
		relax(50);
		range_write_unlock(&hammered.tree, lock);
	}
	return NULL;
}

static void note_grants(struct waiter *waiter)
{
	hammered.grants_before_waiter = hammered.grants;
}

static bool all_hammers_blocked(void)
{
	int i;

	for (i = 0; i < HAMMERS; i++)
		if (!is_blocked(&hammered.locks[i]))
			return false;
	return true;
}

/* Let @waiter be eligible; false if by then it was granted, being old. */
static bool make_it_eligible(struct waiter *waiter)
{
	struct range_lock lock;

	write_lock(&hammered.tree, &lock, 0, 9);
	memset(waiter, 0, sizeof(*waiter));
	waiter->in_schedule = wait_at_gate;
	waiter->holding = note_grants;
	is_at_gate = false;
	gate_is_closed = true;
	spawn_waiter(waiter, &hammered.tree, 0, 9);
	AWAIT(READ_ONCE(is_at_gate));
	range_write_unlock(&hammered.tree, &lock);
	return READ_ONCE(waiter->lock.state) == RANGE_LOCK_ELIGIBLE;
}

/*
 * The waiter stays off the CPU until it is older than the bound, and longer.
 * From the first look at the lock after that on, it may be passed no more: of
 * each other thread there is at most one grant, if it held or was ahead.
 */
static void old_waiter_is_not_starved(void)
{
	const u32 bound_ns = 20 * 1000 * 1000;
	pthread_t threads[HAMMERS];
	unsigned long grants;
	struct waiter waiter;
	int i, attempts = 0;
	u64 old_at;

	__range_lock_tree_init(&hammered.tree, bound_ns, NULL, NULL);
	while (!make_it_eligible(&waiter)) {
		WRITE_ONCE(gate_is_closed, false);
		join(waiter.thread);
		CHECK(++attempts < 1000);
	}
	for (i = 0; i < HAMMERS; i++) {
		range_lock_init(&hammered.locks[i], 0, 9);
		spawn(&threads[i], hammer, &hammered.locks[i]);
	}

	/* Nobody changes it before the waiter runs. */
	old_at = READ_ONCE(waiter.lock.arrival) + bound_ns;
	AWAIT(ktime_get_mono_fast_ns() > old_at);
	is_locked(&hammered.tree, 0, 9);
	grants = READ_ONCE(hammered.grants);
	AWAIT(all_hammers_blocked());
	CHECK(READ_ONCE(hammered.grants) - grants <= HAMMERS);
	CHECK(!READ_ONCE(waiter.granted));

	WRITE_ONCE(gate_is_closed, false);
	join(waiter.thread);
	printf("# %s: passed %lu times, then %lu others were granted\n",
	       test_name, grants, hammered.grants_before_waiter - grants);
	CHECK(hammered.grants_before_waiter - grants <= HAMMERS);
	WRITE_ONCE(stop, true);
	for (i = 0; i < HAMMERS; i++)
		join(threads[i]);
	check_usable(&hammered.tree);
}

/* Two trees. Taken in both orders, on disjoint ranges: nobody ever waits. */

static struct range_lock_tree pair[2];

static void *use_both_trees(void *arg)
{
	long i, who = (long)arg;
	struct range_lock outer, inner;

	for (i = 0; i < SCALED(100000); i++) {
		write_lock(&pair[who], &outer, 0, 9);
		write_lock(&pair[!who], &inner, 20, 29);
		range_write_unlock(&pair[!who], &inner);
		range_write_unlock(&pair[who], &outer);
	}
	return NULL;
}

static void two_trees_both_orders_of_use(void)
{
	struct range_lock full, other;
	pthread_t threads[2];
	long i;

	strict(&pair[0]);
	with_default_bound(&pair[1]);
	range_lock_init_full(&full);
	range_write_lock(&pair[0], &full);
	range_lock_init_full(&other);
	CHECK(range_write_trylock(&pair[1], &other));
	CHECK(!is_locked(&shared_tree, 0, 9));
	range_write_unlock(&pair[0], &full);
	CHECK(is_locked(&pair[1], 0, 9));
	range_write_unlock(&pair[1], &other);

	for (i = 0; i < 2; i++)
		spawn(&threads[i], use_both_trees, (void *)i);
	for (i = 0; i < 2; i++)
		join(threads[i]);
	check_usable(&pair[0]);
	check_usable(&pair[1]);
}

/*
 * Memory order: H10. Each test has one of the pairs at the top of range_lock.c
 * order two accesses to a plain variable, and nothing else: what the threads
 * do one after another, they do by turns that order nothing.
 */
static int turn;
static long payload;

static void await_turn(int mine)
{
	AWAIT(READ_ONCE(turn) == mine);
}

static void next_turn(int whose)
{
	WRITE_ONCE(turn, whose);
}

#define ORDER_ROUNDS	200

/* A: the word alone, for write and for read. */
static void *word_to_word(void *arg)
{
	long i, mine = (long)arg;
	struct range_lock lock;

	range_lock_init(&lock, 0, 9);
	for (i = 0; i < ORDER_ROUNDS; i++) {
		await_turn(mine);
		range_write_lock(&shared_tree, &lock);
		CHECK(payload == 2 * i + mine);
		payload++;
		range_write_unlock(&shared_tree, &lock);
		next_turn(!mine);
		await_turn(mine);
		range_read_lock(&shared_tree, &lock);
		CHECK(payload == 2 * i + 2);
		range_read_unlock(&shared_tree, &lock);
		next_turn(!mine);
	}
	return NULL;
}

static void memory_order_word_to_word(void)
{
	pthread_t threads[2];
	long i;

	strict(&shared_tree);
	for (i = 0; i < 2; i++)
		spawn(&threads[i], word_to_word, (void *)i);
	for (i = 0; i < 2; i++)
		join(threads[i]);
}

static void count_payload(struct waiter *waiter)
{
	payload++;
}

/*
 * A: the holder in the word has released it, which passed an eligible waiter;
 * and that finds it free.
 */
static void memory_order_word_to_pin(void)
{
	struct waiter waiter = {
		.in_schedule = wait_at_gate,
		.holding = count_payload,
	};
	struct range_lock lock;

	passing(&shared_tree);
	gate_is_closed = true;
	write_lock(&shared_tree, &lock, 0, 9);
	spawn_waiter(&waiter, &shared_tree, 0, 9);
	AWAIT(READ_ONCE(is_at_gate));
	range_write_unlock(&shared_tree, &lock);
	CHECK(word_of(&shared_tree) == WORD_WAITERS);

	range_write_lock(&shared_tree, &lock);
	payload++;
	range_write_unlock(&shared_tree, &lock);
	CHECK(word_of(&shared_tree) == WORD_WAITERS);
	WRITE_ONCE(gate_is_closed, false);
	join(waiter.thread);
	CHECK(payload == 2);
}

/*
 * B: a section in which one of two holders leaves gives the word to the other,
 * whose release and acquire then pass on what the first one did.
 */
static struct range_lock first, second;

static void *leave_second_alone(void *arg)
{
	await_turn(1);
	write_lock(&shared_tree, &first, 0, 9);
	payload++;
	range_write_unlock(&shared_tree, &first);
	next_turn(2);
	return arg;
}

static void memory_order_settle_to_word(void)
{
	struct range_lock lock;
	pthread_t thread;

	strict(&shared_tree);
	spawn(&thread, leave_second_alone, NULL);
	write_lock(&shared_tree, &second, 100, 109);
	next_turn(1);
	await_turn(2);
	CHECK(word_of(&shared_tree) == in_word(&second, RANGE_LOCK_WRITE));
	range_write_unlock(&shared_tree, &second);
	write_lock(&shared_tree, &lock, 0, 9);
	CHECK(payload == 1);
	payload++;
	range_write_unlock(&shared_tree, &lock);
	join(thread);
}

/* B: a section that makes a waiter eligible, and then a newcomer passes it. */
static void *pass(void *arg)
{
	struct range_lock lock;

	await_turn(1);
	write_lock(&shared_tree, &lock, 0, 9);
	CHECK(payload == 1);
	payload++;
	range_write_unlock(&shared_tree, &lock);
	next_turn(2);
	return arg;
}

static void memory_order_settle_to_waiters(void)
{
	struct waiter waiter = {
		.in_schedule = wait_at_gate,
		.holding = count_payload,
	};
	struct range_lock lock;
	pthread_t thread;

	passing(&shared_tree);
	gate_is_closed = true;
	spawn(&thread, pass, NULL);
	write_lock(&shared_tree, &lock, 0, 9);
	spawn_waiter(&waiter, &shared_tree, 0, 9);
	AWAIT(READ_ONCE(is_at_gate));
	payload++;
	range_write_unlock(&shared_tree, &lock);
	CHECK(word_of(&shared_tree) == WORD_WAITERS);
	next_turn(1);
	await_turn(2);
	WRITE_ONCE(gate_is_closed, false);
	join(waiter.thread);
	join(thread);
	CHECK(payload == 3);
}

/* C: both in sections, because two others are held all the time. */
static void *section_to_section(void *arg)
{
	long i, mine = (long)arg;
	struct range_lock lock;

	range_lock_init(&lock, 0, 9);
	for (i = 0; i < ORDER_ROUNDS; i++) {
		await_turn(mine);
		range_write_lock(&shared_tree, &lock);
		CHECK(payload == 2 * i + mine);
		payload++;
		if (i % 2) {
			range_downgrade_write(&shared_tree, &lock);
			range_read_unlock(&shared_tree, &lock);
		} else {
			range_write_unlock(&shared_tree, &lock);
		}
		next_turn(!mine);
	}
	return NULL;
}

static void memory_order_sections(void)
{
	pthread_t threads[2];
	long i;

	strict(&shared_tree);
	write_lock(&shared_tree, &first, 100, 109);
	write_lock(&shared_tree, &second, 200, 209);
	for (i = 0; i < 2; i++)
		spawn(&threads[i], section_to_section, (void *)i);
	for (i = 0; i < 2; i++)
		join(threads[i]);
}

/* D: the waiter is granted and gone on before its wake-up is sent. */
static void say_that_we_go_on(struct waiter *waiter)
{
	payload++;
	next_turn(1);
}

static void await_turn_1(void)
{
	await_turn(1);
}

static void memory_order_grant(void)
{
	struct waiter waiter = {
		.in_schedule = look_again,
		.holding = say_that_we_go_on,
	};
	struct range_lock lock;

	strict(&shared_tree);
	write_lock(&shared_tree, &lock, 0, 9);
	spawn_waiter(&waiter, &shared_tree, 0, 9);
	payload++;
	before_wake = await_turn_1;
	range_write_unlock(&shared_tree, &lock);
	before_wake = NULL;
	join(waiter.thread);
	CHECK(payload == 2);
}

/* A request in the word, and what it says, is seen by whoever pins it. */
static void *look_at_it(void *arg)
{
	long i;

	for (i = 0; i < ORDER_ROUNDS; i++) {
		await_turn(1);
		CHECK(is_locked(&shared_tree, i, i));
		CHECK(!is_locked(&shared_tree, i + 1, i + 1));
		next_turn(0);
	}
	return arg;
}

static void memory_order_request_to_pin(void)
{
	struct range_lock locks[ORDER_ROUNDS];
	pthread_t thread;
	long i;

	strict(&shared_tree);
	spawn(&thread, look_at_it, NULL);
	for (i = 0; i < ORDER_ROUNDS; i++) {
		write_lock(&shared_tree, &locks[i], i, i);
		next_turn(1);
		await_turn(0);
		range_write_unlock(&shared_tree, &locks[i]);
	}
	join(thread);
}

/* The reverse: who pinned it has done with it when its owner has it back. */
static void memory_order_pin_to_reuse(void)
{
	struct range_lock lock;
	pthread_t thread;
	long i;

	strict(&shared_tree);
	spawn(&thread, look_at_it, NULL);
	for (i = 0; i < ORDER_ROUNDS; i++) {
		write_lock(&shared_tree, &lock, i, i);
		next_turn(1);
		await_turn(0);
		CHECK(word_of(&shared_tree) ==
		      in_word(&lock, RANGE_LOCK_WRITE));
		range_write_unlock(&shared_tree, &lock);
		memset(&lock, POISON, sizeof(lock));
	}
	join(thread);
}

/* Memory that is not there, and errno. */

struct sleeper {
	struct waiter waiter;
	unsigned int callocs_that_fail;
	bool with_deadline;
	int ret;
	bool errno_is_kept;
	pid_t tid;
};

static void *run_sleeper(void *arg)
{
	struct sleeper *sleeper = arg;
	struct waiter *waiter = &sleeper->waiter;
	struct timespec soon;

	asleep = &waiter->asleep;
	callocs_that_fail = sleeper->callocs_that_fail;
	WRITE_ONCE(sleeper->tid, syscall(SYS_gettid));
	clock_gettime(CLOCK_MONOTONIC, &soon);
	/* Any error that nothing here gives. */
	errno = EDOM;
	if (sleeper->with_deadline) {
		sleeper->ret = range_write_clocklock(waiter->tree,
						     &waiter->lock,
						     CLOCK_MONOTONIC, &soon);
	} else {
		range_write_lock(waiter->tree, &waiter->lock);
		range_write_unlock(waiter->tree, &waiter->lock);
	}
	sleeper->errno_is_kept = errno == EDOM;
	callocs_that_fail = 0;
	return NULL;
}

static void spawn_sleeper(struct sleeper *sleeper)
{
	sleeper->waiter.tree = &shared_tree;
	range_lock_init(&sleeper->waiter.lock, 0, 9);
	spawn(&sleeper->waiter.thread, run_sleeper, sleeper);
}

static void wait_with_failing_callocs(unsigned int callocs)
{
	struct sleeper sleeper = { .callocs_that_fail = callocs };
	struct sleeper late = {
		.callocs_that_fail = callocs,
		.with_deadline = true,
	};
	struct range_lock lock;

	strict(&shared_tree);
	write_lock(&shared_tree, &lock, 0, 9);
	spawn_sleeper(&sleeper);
	AWAIT(is_asleep(&sleeper.waiter));
	spawn_sleeper(&late);
	join(late.waiter.thread);
	CHECK(late.ret == ETIMEDOUT);
	range_write_unlock(&shared_tree, &lock);
	join(sleeper.waiter.thread);
	check_usable(&shared_tree);
}

static void no_memory_for_a_task(void)
{
	wait_with_failing_callocs(UINT_MAX);
}

/* There is memory again while the thread waits already. */
static void no_memory_for_a_moment(void)
{
	unsigned int callocs;

	for (callocs = 1; callocs <= 8; callocs++)
		wait_with_failing_callocs(callocs);
}

/* Does the system say that the thread sleeps? */
static bool sleeps(pid_t tid)
{
	char path[64], state = 0;
	FILE *stat;

	if (!tid)
		return false;
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	stat = fopen(path, "r");
	CHECK(stat);
	CHECK(fscanf(stat, "%*d (%*[^)]) %c", &state) == 1);
	fclose(stat);
	return state == 'S';
}

static unsigned int signals;

static void count_signal(int signal)
{
	__atomic_fetch_add(&signals, 1, __ATOMIC_RELAXED);
}

/* Interrupt the system call that @sleeper sleeps in, so that it sets errno. */
static void interrupt(struct sleeper *sleeper)
{
	struct sigaction action = { .sa_handler = count_signal };
	unsigned int i;

	CHECK(!sigaction(SIGUSR1, &action, NULL));
	for (i = 0; i < 20; i++) {
		unsigned int before = READ_ONCE(signals);

		AWAIT(sleeps(READ_ONCE(sleeper->tid)));
		CHECK(!pthread_kill(sleeper->waiter.thread, SIGUSR1));
		AWAIT(READ_ONCE(signals) != before);
	}
}

static void errno_is_kept_without_memory(void)
{
	struct sleeper sleeper = { .callocs_that_fail = UINT_MAX };
	struct range_lock lock;

	strict(&shared_tree);
	write_lock(&shared_tree, &lock, 0, 9);
	spawn_sleeper(&sleeper);
	AWAIT(is_asleep(&sleeper.waiter));
	range_write_unlock(&shared_tree, &lock);
	join(sleeper.waiter.thread);
	CHECK(sleeper.errno_is_kept);
}

static void errno_is_kept_by_a_wait(void)
{
	struct sleeper sleeper = { 0 };
	struct range_lock lock;

	strict(&shared_tree);
	write_lock(&shared_tree, &lock, 0, 9);
	spawn_sleeper(&sleeper);
	AWAIT(is_asleep(&sleeper.waiter));
	interrupt(&sleeper);
	errno = EDOM;
	range_write_unlock(&shared_tree, &lock);
	CHECK(errno == EDOM);
	join(sleeper.waiter.thread);
	CHECK(sleeper.errno_is_kept);
}

static void errno_is_kept_by_the_spinlock(void)
{
	struct sleeper sleeper = { 0 };
	struct range_lock lock;

	strict(&shared_tree);
	write_lock(&shared_tree, &lock, 100, 109);
	spin_lock(&shared_tree.lock);
	spawn_sleeper(&sleeper);
	AWAIT(READ_ONCE(shared_tree.lock.state) == RANGE_LOCK_SPIN_SLEEPERS);
	interrupt(&sleeper);
	errno = EDOM;
	spin_unlock(&shared_tree.lock);
	CHECK(errno == EDOM);
	join(sleeper.waiter.thread);
	CHECK(sleeper.errno_is_kept);
	range_write_unlock(&shared_tree, &lock);
}

/*
 * Misuse: each is named on stderr. A debug build then aborts; in any other one
 * nothing is lost, which each function goes on to check.
 */
#ifdef CONFIG_DEBUG_RANGE_LOCK
# define DEBUG 1
#else
# define DEBUG 0
#endif

/* Reads until @file ends; @text is then a string. */
static void read_all(int file, char *text, size_t size)
{
	size_t length = 0;
	ssize_t more;

	while (length < size - 1 &&
	       (more = read(file, text + length, size - 1 - length)) > 0)
		length += more;
	text[length] = 0;
}

/* @report is what stderr has to say of it. */
static void check_misuse(void (*misuse)(void), const char *report)
{
	const struct rlimit none = { 0, 0 };
	char text[4096];
	int ends[2], status;
	bool as_expected;
	pid_t pid;

	CHECK(!pipe(ends));
	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		strict(&shared_tree);
		misuse();
		check_usable(&shared_tree);
		exit(0);
	}
	close(ends[1]);
	read_all(ends[0], text, sizeof(text));
	close(ends[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	as_expected = strstr(text, report) &&
		      (DEBUG ? WIFSIGNALED(status) &&
			       WTERMSIG(status) == SIGABRT : !status);
	if (!as_expected)
		printf("# status %#x, stderr: %s\n", status, text);
	CHECK(as_expected);
}

/* A test, the body of which follows: it is done to a tree of strict order. */
#define MISUSE(name, report)					\
	static void name##_done(void);				\
	static void name(void)					\
	{							\
		check_misuse(name##_done, report);		\
	}							\
	static void name##_done(void)

MISUSE(misuse_start_above_last, "start 10 > last 9")
{
	struct range_lock wrong, point;

	write_lock(&shared_tree, &wrong, 10, 9);
	range_lock_init(&point, 0, 0);
	CHECK(!range_read_trylock(&shared_tree, &point));
	range_lock_init(&point, RANGE_LOCK_FULL, RANGE_LOCK_FULL);
	CHECK(!range_read_trylock(&shared_tree, &point));
	range_write_unlock(&shared_tree, &wrong);
}

MISUSE(misuse_unlock_of_what_is_not_held, "unlock of [5, 6], which is not held")
{
	struct range_lock held, lock;

	write_lock(&shared_tree, &held, 0, 9);
	range_lock_init(&lock, 5, 6);
	range_write_unlock(&shared_tree, &lock);
	CHECK(is_locked(&shared_tree, 0, 0));
	range_write_unlock(&shared_tree, &held);
}

MISUSE(misuse_unlock_of_what_waits, "unlock of [5, 6], which is not held")
{
	struct waiter waiter = { 0 };
	struct range_lock held;

	write_lock(&shared_tree, &held, 0, 9);
	spawn_waiter(&waiter, &shared_tree, 5, 6);
	range_write_unlock(&shared_tree, &waiter.lock);
	CHECK(!READ_ONCE(waiter.granted));
	range_write_unlock(&shared_tree, &held);
	join(waiter.thread);
}

MISUSE(misuse_unlock_twice, "unlock of [5, 6], which is not held")
{
	struct range_lock lock, other;

	write_lock(&shared_tree, &lock, 5, 6);
	range_write_unlock(&shared_tree, &lock);
	write_lock(&shared_tree, &other, 5, 6);
	range_write_unlock(&shared_tree, &lock);
	CHECK(is_locked(&shared_tree, 5, 5));
	range_write_unlock(&shared_tree, &other);
}

MISUSE(misuse_unlock_twice_in_the_tree, "unlock of [5, 6], which is not held")
{
	struct range_lock lock, others[2];

	write_lock(&shared_tree, &others[0], 10, 19);
	write_lock(&shared_tree, &others[1], 20, 29);
	write_lock(&shared_tree, &lock, 5, 6);
	range_write_unlock(&shared_tree, &lock);
	range_write_unlock(&shared_tree, &lock);
	CHECK(is_locked(&shared_tree, 10, 10));
	CHECK(is_locked(&shared_tree, 20, 20));
	range_write_unlock(&shared_tree, &others[0]);
	range_write_unlock(&shared_tree, &others[1]);
}

MISUSE(misuse_unlock_in_another_mode,
       "unlock of [5, 6], which is not held for read")
{
	struct range_lock lock;

	write_lock(&shared_tree, &lock, 5, 6);
	range_read_unlock(&shared_tree, &lock);
	CHECK(is_locked(&shared_tree, 5, 5));
	range_write_unlock(&shared_tree, &lock);
}

MISUSE(misuse_unlock_in_another_mode_in_the_tree,
       "unlock of [5, 6], which is not held for write")
{
	struct range_lock lock, beside;

	write_lock(&shared_tree, &beside, 10, 19);
	range_lock_init(&lock, 5, 6);
	range_read_lock(&shared_tree, &lock);
	range_write_unlock(&shared_tree, &lock);
	CHECK(is_locked(&shared_tree, 5, 5));
	range_read_unlock(&shared_tree, &lock);
	range_write_unlock(&shared_tree, &beside);
}

MISUSE(misuse_unlock_via_another_tree, "unlock of [5, 6], which is not held")
{
	struct range_lock lock;

	strict(&pair[0]);
	strict(&pair[1]);
	write_lock(&pair[0], &lock, 5, 6);
	range_write_unlock(&pair[1], &lock);
	CHECK(is_locked(&pair[0], 5, 5));
	range_write_unlock(&pair[0], &lock);
	check_usable(&pair[0]);
	check_usable(&pair[1]);
}

MISUSE(misuse_lock_of_a_request_in_use, "lock of [5, 6], which is in use")
{
	struct range_lock lock;

	write_lock(&shared_tree, &lock, 5, 6);
	CHECK(!range_write_trylock(&shared_tree, &lock));
	range_write_lock(&shared_tree, &lock);
	CHECK(is_locked(&shared_tree, 5, 5));
	range_write_unlock(&shared_tree, &lock);
}

MISUSE(misuse_destroy_while_held, "destroy of a tree of which a range is held")
{
	struct range_lock lock;

	write_lock(&shared_tree, &lock, 5, 6);
	range_lock_tree_destroy(&shared_tree);
	CHECK(is_locked(&shared_tree, 5, 5));
	range_write_unlock(&shared_tree, &lock);
}

/* Nothing is held; the waiter is on its way. */
MISUSE(misuse_destroy_while_waited_for, "destroy of a tree")
{
	struct waiter waiter = { .in_schedule = wait_at_gate };
	struct range_lock lock;

	passing(&shared_tree);
	gate_is_closed = true;
	write_lock(&shared_tree, &lock, 5, 6);
	spawn_waiter(&waiter, &shared_tree, 0, 9);
	AWAIT(READ_ONCE(is_at_gate));
	range_write_unlock(&shared_tree, &lock);
	range_lock_tree_destroy(&shared_tree);
	WRITE_ONCE(gate_is_closed, false);
	join(waiter.thread);
}

MISUSE(misuse_downgrade_of_what_is_held_for_read,
       "downgrade of [5, 6], which is not held for write")
{
	struct range_lock lock, other;

	range_lock_init(&lock, 5, 6);
	range_read_lock(&shared_tree, &lock);
	range_downgrade_write(&shared_tree, &lock);
	range_lock_init(&other, 6, 6);
	CHECK(!range_write_trylock(&shared_tree, &other));
	range_read_unlock(&shared_tree, &lock);
}

/* Each function that takes a range takes it as its name says. */

static int lock_read(struct range_lock_tree *tree, struct range_lock *lock)
{
	range_read_lock(tree, lock);
	return 0;
}

static int lock_write(struct range_lock_tree *tree, struct range_lock *lock)
{
	range_write_lock(tree, lock);
	return 0;
}

static int try_read(struct range_lock_tree *tree, struct range_lock *lock)
{
	return range_read_trylock(tree, lock) ? 0 : -EBUSY;
}

static int try_write(struct range_lock_tree *tree, struct range_lock *lock)
{
	return range_write_trylock(tree, lock) ? 0 : -EBUSY;
}

/* In some thousand years. */
static const struct timespec far_off = { .tv_sec = 1LL << 40 };

static int clocklock_read(struct range_lock_tree *tree, struct range_lock *lock)
{
	return range_read_clocklock(tree, lock, CLOCK_MONOTONIC, &far_off);
}

static int clocklock_write(struct range_lock_tree *tree,
			   struct range_lock *lock)
{
	return range_write_clocklock(tree, lock, CLOCK_MONOTONIC, &far_off);
}

static const struct way {
	const char *name;
	int (*take)(struct range_lock_tree *tree, struct range_lock *lock);
	bool write, waits, heeds_signals;
} ways[] = {
	{ "range_read_lock", lock_read, false, true, false },
	{ "range_write_lock", lock_write, true, true, false },
	{ "range_read_lock_killable", range_read_lock_killable, false, true,
	  true },
	{ "range_write_lock_killable", range_write_lock_killable, true, true,
	  true },
	{ "range_read_lock_interruptible", range_read_lock_interruptible,
	  false, true, true },
	{ "range_write_lock_interruptible", range_write_lock_interruptible,
	  true, true, true },
	{ "range_read_clocklock", clocklock_read, false, true, true },
	{ "range_write_clocklock", clocklock_write, true, true, true },
	{ "range_read_trylock", try_read, false, false, false },
	{ "range_write_trylock", try_write, true, false, false },
};

static void unlock_as(const struct way *way, struct range_lock_tree *tree,
		      struct range_lock *lock)
{
	if (way->write)
		range_write_unlock(tree, lock);
	else
		range_read_unlock(tree, lock);
}

/* Is [0, 9] held, in the mode of @way? */
static void check_held_as(const struct way *way, struct range_lock_tree *tree)
{
	struct range_lock lock;

	range_lock_init(&lock, 9, 9);
	CHECK(!range_write_trylock(tree, &lock));
	CHECK(range_read_trylock(tree, &lock) == !way->write);
	if (!way->write)
		range_read_unlock(tree, &lock);
}

/* In the word, or in a tree that holds another one too; then the word again. */
static void every_way_to_take_what_is_free(void)
{
	struct range_lock lock, other;
	const struct way *way;
	int i;

	for (i = 0; i < 2 * (int)ARRAY_SIZE(ways); i++) {
		way = &ways[i / 2];
		test_name = way->name;
		strict(&shared_tree);
		range_lock_init(&lock, 0, 9);
		if (i % 2)
			write_lock(&shared_tree, &other, 20, 29);
		CHECK(!way->take(&shared_tree, &lock));
		check_held_as(way, &shared_tree);
		unlock_as(way, &shared_tree, &lock);
		if (i % 2)
			range_write_unlock(&shared_tree, &other);
		check_usable(&shared_tree);
	}
}

static struct in_the_way {
	const struct way *way;
	struct range_lock lock;
	struct task_struct *task;
	int ret;
	unsigned long naps;
	bool returned;
} in_the_way;

/* Its task never sleeps for long: it looks for a signal again and again. */
static void nap(void)
{
	WRITE_ONCE(in_the_way.naps, in_the_way.naps + 1);
	sched_yield();
}

static void *take_in_its_way(void *arg)
{
	struct in_the_way *waiter = arg;

	smp_store_release(&waiter->task, range_lock__task_self());
	in_schedule = nap;
	waiter->ret = waiter->way->take(&shared_tree, &waiter->lock);
	in_schedule = NULL;
	smp_store_release(&waiter->returned, true);
	return NULL;
}

static bool has_napped(unsigned long times)
{
	return READ_ONCE(in_the_way.naps) >= times;
}

/* Behind a holder of the other mode, and with or without a signal. */
static void check_wait(const struct way *way, bool signalled)
{
	struct range_lock holder;
	unsigned long naps;
	pthread_t thread;

	strict(&shared_tree);
	range_lock_init(&holder, 5, 5);
	if (way->write)
		range_read_lock(&shared_tree, &holder);
	else
		range_write_lock(&shared_tree, &holder);
	memset(&in_the_way, 0, sizeof(in_the_way));
	in_the_way.way = way;
	range_lock_init(&in_the_way.lock, 0, 9);
	spawn(&thread, take_in_its_way, &in_the_way);
	AWAIT(has_napped(2) || smp_load_acquire(&in_the_way.returned));
	CHECK(!smp_load_acquire(&in_the_way.returned));
	if (signalled) {
		range_lock__task_signal(smp_load_acquire(&in_the_way.task));
		naps = READ_ONCE(in_the_way.naps);
		AWAIT((!way->heeds_signals && has_napped(naps + 3)) ||
		      smp_load_acquire(&in_the_way.returned));
	}
	if (way->write)
		range_read_unlock(&shared_tree, &holder);
	else
		range_write_unlock(&shared_tree, &holder);
	join(thread);
	CHECK(!in_the_way.ret == !(signalled && way->heeds_signals));
	if (!in_the_way.ret) {
		check_held_as(way, &shared_tree);
		unlock_as(way, &shared_tree, &in_the_way.lock);
	}
	check_usable(&shared_tree);
}

static void every_way_to_wait(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		test_name = ways[i].name;
		if (!ways[i].waits)
			continue;
		check_wait(&ways[i], false);
		check_wait(&ways[i], true);
	}
}

/* The tests. */

static const struct named_test tests[] = {
	TEST(every_way_to_take_what_is_free),
	TEST(every_way_to_wait),
	TEST(fast_path_writes_only_the_word),
	TEST(memory_order_request_to_pin),
	TEST(memory_order_word_to_word),
	TEST(memory_order_word_to_pin),
	TEST(memory_order_settle_to_word),
	TEST(memory_order_settle_to_waiters),
	TEST(memory_order_sections),
	TEST(memory_order_grant),
	TEST(memory_order_pin_to_reuse),
	TEST(request_used_again_after_pin),
	TEST(cancel_finds_itself_granted),
	TEST(pin_while_holder_comes_and_goes),
	TEST(thread_exits_right_after_grant),
	TEST(wake_up_between_look_and_sleep),
	TEST(tree_freed_after_destroy),
	TEST(word_comes_back),
	TEST(request_freed_right_after_last_unlock),
	TEST(unlock_by_another_thread_while_waited_for),
	TEST(signal_races_with_grant),
	TEST(deadline_races_with_grant_monotonic),
	TEST(deadline_races_with_grant_realtime),
	TEST(deadline_on_no_clock),
	TEST(deadline_with_bad_nanoseconds),
	TEST(deadline_before_the_epoch),
	TEST(thousand_waiters_in_order),
	TEST(many_ranges_held),
	TEST(many_ranges_in_order),
	TEST(disjoint_never_wait),
	TEST(old_waiter_is_not_starved),
	TEST(two_trees_both_orders_of_use),
	TEST(no_memory_for_a_task),
	TEST(no_memory_for_a_moment),
	TEST(errno_is_kept_without_memory),
	TEST(errno_is_kept_by_a_wait),
	TEST(errno_is_kept_by_the_spinlock),
	TEST(misuse_start_above_last),
	TEST(misuse_unlock_of_what_is_not_held),
	TEST(misuse_unlock_of_what_waits),
	TEST(misuse_unlock_twice),
	TEST(misuse_unlock_twice_in_the_tree),
	TEST(misuse_unlock_in_another_mode),
	TEST(misuse_unlock_in_another_mode_in_the_tree),
	TEST(misuse_unlock_via_another_tree),
	TEST(misuse_lock_of_a_request_in_use),
	TEST(misuse_destroy_while_held),
	TEST(misuse_destroy_while_waited_for),
	TEST(misuse_downgrade_of_what_is_held_for_read),
};

int main(int argc, char **argv)
{
	return run_named_tests(argc, argv, tests, ARRAY_SIZE(tests),
			       HANG_SECONDS);
}
