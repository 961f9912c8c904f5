// SPDX-License-Identifier: GPL-2.0
/*
 * Plays a string of bytes as a sequence of operations on one tree, and compares
 * what comes of each with an oracle that knows nothing of trees, words and
 * shards: a list of who holds and who waits, since when.
 *
 * There is one thread. The lock is compiled into this file, with a schedule()
 * and a need_resched() of ours, so that each request that has to wait does so on
 * a stack of its own, as the task of its own that it is for the lock; and an
 * operation of the string says which of them goes on, and when. So the real
 * range_lock_wait(), with real wake-ups, runs through real claims and cancels.
 * The clock is ours too.
 *
 * What is checked, after every operation:
 *
 *	- no two held requests conflict;
 *	- a newcomer gets its range exactly when the contract says so;
 *	- a waiter is blocked exactly as long as it conflicts with a holder or
 *	  with a waiter that arrived before it; and when it no longer does, it is
 *	  woken, and granted at once if it is old, or has been passed, or spins;
 *	- whoever is granted, or gives up, returns as soon as it runs;
 *	- range_is_locked() is exact; range_lock_validate() finds nothing;
 *
 * and at the end, when all is unlocked, that those who were woken are all that
 * there are, that the word is 0, and that the shards are freed. The memory of a
 * request is freed as soon as its owner may.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>

#include "fuzz.h"

#ifdef __has_feature
# if __has_feature(address_sanitizer)
#  define FIBERS_FOR_ASAN 1
# endif
#endif
#ifdef __SANITIZE_ADDRESS__
# define FIBERS_FOR_ASAN 1
#endif
#ifdef FIBERS_FOR_ASAN
#include <sanitizer/common_interface_defs.h>
#else
# define __sanitizer_start_switch_fiber(save, bottom, size)		\
	((void)(save), (void)(bottom), (void)(size))
# define __sanitizer_finish_switch_fiber(save, bottom, size)		\
	((void)(save), (void)(bottom), (void)(size))
#endif

#define REQUESTS	8
#define STACK_SIZE	(128 * 1024)

/* What the lock's surroundings are made to say. */
static u64 the_time;
static bool no_memory, no_luck;
static int shards_in_use;

static void fuzz_schedule(void);
static bool fuzz_need_resched(void);
static bool fuzz_signal_pending(unsigned int state, struct task_struct *task);

unsigned long fuzz_seen[NR_EVENTS];

/* libFuzzer keeps a string, too, that brings about another one of them. */
static uint8_t seen_now[NR_EVENTS]
	__attribute__((used, section("__libfuzzer_extra_counters")));

static void note(enum event event, bool happened)
{
	if (happened) {
		fuzz_seen[event]++;
		seen_now[event] = 1;
	}
}

static void *allocate(size_t n, size_t size)
{
	void *memory = no_memory ? NULL : kcalloc(n, size, 0);

	note(NO_MEMORY, no_memory);
	no_memory = false;
	shards_in_use += !!memory;
	return memory;
}

static void give_back(const void *memory)
{
	shards_in_use -= !!memory;
	kfree(memory);
}

static bool trylock(spinlock_t *lock)
{
	return !no_luck && spin_trylock(lock);
}

#define ktime_get_mono_fast_ns()	the_time
#define schedule()			fuzz_schedule()
#define need_resched()			fuzz_need_resched()
#define signal_pending_state(state, task) fuzz_signal_pending(state, task)
#define cpu_relax()			barrier()
#define kcalloc(n, size, flags)		allocate(n, size)
#define kfree(memory)			give_back(memory)
#undef spin_trylock_irqsave
#define spin_trylock_irqsave(lock, flags) ({ (flags) = 0; trylock(lock); })

/* The lock, or one that is broken on purpose. */
#include "range_lock.c"

#undef kfree

/* Not in the headers that the lock sees. */
int range_read_clocklock(struct range_lock_tree *tree, struct range_lock *lock,
			 clockid_t clock, const struct timespec *abstime);
int range_write_clocklock(struct range_lock_tree *tree, struct range_lock *lock,
			  clockid_t clock, const struct timespec *abstime);

const char *const fuzz_event_names[NR_EVENTS] = {
	[GRANTED_AT_ONCE]	= "granted at once",
	[PASSED]		= "granted at once, past one who waits",
	[PASSED_THE_OLD]	= "granted by the word, past an old one",
	[TRY_FAILED]		= "trylock failed",
	[WAITED]		= "had to wait",
	[GRANTED]		= "granted by another one",
	[MADE_ELIGIBLE]		= "made eligible",
	[CLAIMED]		= "claimed",
	[CLAIMED_IN_VAIN]	= "claimed in vain",
	[GAVE_UP]		= "gave up, blocked",
	[GAVE_UP_ELIGIBLE]	= "gave up, eligible",
	[TOO_LATE_TO_GIVE_UP]	= "too late to give up",
	[DOWNGRADED]		= "downgraded",
	[DOWNGRADE_GRANTED]	= "a downgrade let somebody go",
	[SPLIT]			= "split",
	[SPLIT_WITH_WAITERS]	= "split, with waiters",
	[SPLIT_BY_CONTENTION]	= "split by contention",
	[JOINED]		= "joined",
	[JOINED_WITH_WAITERS]	= "joined, with waiters",
	[NO_MEMORY]		= "no memory for shards",
};

enum life { IDLE, WAITING, HELD };
enum how { LOCK, INTERRUPTIBLE, CLOCKLOCK };
enum bound { STRICT, DEFAULT, NEVER };

/* A request, its task, and what the oracle knows of it. */
struct request {
	struct range_lock	*lock;
	enum life		life;
	u64			start, last;
	bool			write;
	/* While it waits. */
	u64			number;		/* order of arrival */
	u64			arrived;
	bool			granted;	/* but its task has yet to run */
	bool			eligible;
	bool			claimed;
	bool			eager;		/* granted as soon as possible */
	/* Its task. */
	enum how		how;
	int			ret;
	bool			on_cpu;		/* spins, as long as it may */
	bool			resched;	/* is asked to give up the CPU */
	unsigned int		refusals;
	struct task_struct	task;
	struct range_lock__thread thread;
	ucontext_t		context;
	void			*fake_stack;
};

static struct request requests[REQUESTS];
static char stacks[REQUESTS][STACK_SIZE] __attribute__((aligned(64)));
static struct request *running;
static struct range_lock_tree *tree;
static enum bound bound;
static u64 arrivals;

static ucontext_t main_context;
static struct range_lock__thread main_thread;
static const void *main_stack;
static size_t main_stack_size;

/* The string, for the report of a failure; and what is left of it. */
static const uint8_t *next_byte, *last_byte;
static unsigned long operation;
static unsigned int code;

static bool is_split(void)
{
	return range_lock_is_split(atomic_long_read(&tree->word));
}

static void show(const struct request *request)
{
	static const char *const lives[] = { "idle", "waits", "held" };

	if (request->life == IDLE)
		return;
	fprintf(stderr, "# request %d: [%#llx, %#llx] for %s, %s%s%s, number %llu, since %llu ns\n",
		(int)(request - requests), (unsigned long long)request->start,
		(unsigned long long)request->last,
		request->write ? "write" : "read", lives[request->life],
		request->granted ? ", granted" : "",
		request->eligible ? ", eligible" : "",
		(unsigned long long)request->number,
		(unsigned long long)(the_time - request->arrived));
}

__attribute__((noreturn, format(printf, 1, 2)))
static void fail(const char *format, ...)
{
	va_list args;
	int i;

	fprintf(stderr, "# operation %lu, byte %#x%s%s: ", operation, code,
		bound == STRICT ? ", strict order" : "",
		is_split() ? ", split" : "");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	for (i = 0; i < REQUESTS; i++)
		show(&requests[i]);
	abort();
}

/* The oracle. */

static bool conflict(const struct request *a, const struct request *b)
{
	return !(a->last < b->start || b->last < a->start) &&
	       (a->write || b->write);
}

static bool holds(const struct request *request)
{
	return request->life == HELD || request->granted;
}

static bool waits(const struct request *request)
{
	return request->life == WAITING && !request->granted;
}

static bool is_old(const struct request *request)
{
	return bound == STRICT ||
	       (bound == DEFAULT &&
		the_time - request->arrived > RANGE_LOCK_BOUND_NS);
}

static bool conflicts_with_holder(const struct request *request)
{
	int i;

	for (i = 0; i < REQUESTS; i++)
		if (&requests[i] != request && holds(&requests[i]) &&
		    conflict(&requests[i], request))
			return true;
	return false;
}

/* Does nothing stand ahead of a request that waits? */
static bool is_free(const struct request *request)
{
	int i;

	for (i = 0; i < REQUESTS; i++)
		if (waits(&requests[i]) && conflict(&requests[i], request) &&
		    requests[i].number < request->number)
			return false;
	return !conflicts_with_holder(request);
}

static bool somebody(bool (*is)(const struct request *))
{
	int i;

	for (i = 0; i < REQUESTS; i++)
		if (is(&requests[i]))
			return true;
	return false;
}

static bool is_eligible(const struct request *request)
{
	return waits(request) && request->eligible;
}

/* The last three: it may, must, or must and conflicts with no waiter. */
enum verdict { MUST_WAIT, MAY_PASS, MUST_PASS, MUST_GET };

static enum verdict judge(const struct request *request)
{
	enum verdict verdict = MUST_GET;
	int i;

	if (conflicts_with_holder(request))
		return MUST_WAIT;
	for (i = 0; i < REQUESTS; i++) {
		if (!waits(&requests[i]) || !conflict(&requests[i], request))
			continue;
		verdict = MUST_PASS;
		/* The exception: see the top of the lock's source. */
		if (is_old(&requests[i]))
			return bound != STRICT && somebody(is_eligible) ?
			       MAY_PASS : MUST_WAIT;
	}
	return verdict;
}

static void judge_newcomer(const struct request *request, enum verdict verdict,
			   bool got_it)
{
	if (verdict != MAY_PASS && got_it != (verdict != MUST_WAIT))
		fail("request %d for [%#llx, %#llx], %s, %s",
		     (int)(request - requests),
		     (unsigned long long)request->start,
		     (unsigned long long)request->last,
		     request->write ? "write" : "read",
		     got_it ? "was granted at once, and should have to wait" :
			      "has to wait, and should have been granted");
	if (!got_it)
		return;
	note(GRANTED_AT_ONCE, true);
	note(PASSED, verdict == MUST_PASS);
	note(PASSED_THE_OLD, verdict == MAY_PASS);
}

/* What happened to those that wait while @ran, or none of them, was running. */
static void look_at_waiters(const struct request *ran)
{
	bool was_eligible[REQUESTS], was_granted[REQUESTS];
	struct request *request;
	unsigned int state;
	int i;

	for (i = 0; i < REQUESTS; i++) {
		request = &requests[i];
		was_granted[i] = request->granted;
		was_eligible[i] = request->eligible;
		if (request->life != WAITING || request->granted)
			continue;
		state = request->lock->state;
		request->granted = state == RANGE_LOCK_HELD ||
				   state == RANGE_LOCK_OUTSIDE;
		request->eligible = state == RANGE_LOCK_ELIGIBLE;
	}
	for (i = 0; i < REQUESTS; i++) {
		request = &requests[i];
		if (request->life != WAITING || was_granted[i])
			continue;
		if (!request->granted && !request->eligible) {
			if (is_free(request))
				fail("request %d is blocked by nothing", i);
			if (was_eligible[i] && request != ran)
				fail("request %d is no longer eligible", i);
			continue;
		}
		if (was_eligible[i] && request->eligible)
			continue;
		if (!is_free(request))
			fail("request %d may go, and should not", i);
		/* By itself, from eligible: that is seen when it returns. */
		if (request == ran && was_eligible[i])
			continue;
		if (request->task.token != RANGE_LOCK_TASK_WOKEN)
			fail("request %d may go, and was not woken", i);
		if (request->granted != (request->eager || is_old(request)))
			fail("request %d, %s, %s was %s", i,
			     request->eager ? "eager" : "not eager",
			     is_old(request) ? "old" : "young",
			     request->granted ? "granted" : "made eligible");
		note(request->granted ? GRANTED : MADE_ELIGIBLE, true);
	}
	for (i = 0; i < REQUESTS; i++)
		if (holds(&requests[i]) && conflicts_with_holder(&requests[i]))
			fail("request %d is held, and conflicts with another", i);
}

/* The tasks. */

static void back_to_main(void **fake_stack)
{
	__sanitizer_start_switch_fiber(fake_stack, main_stack, main_stack_size);
	swapcontext(&running->context, &main_context);
	__sanitizer_finish_switch_fiber(running->fake_stack, NULL, NULL);
}

static bool fuzz_need_resched(void)
{
	if (!running)
		return false;
	if (running->on_cpu)
		back_to_main(&running->fake_stack);
	/* Only schedule() ends that: without preemption nobody else runs. */
	if (running->resched && ++running->refusals > 1000)
		fail("request %d never gives up the CPU",
		     (int)(running - requests));
	return running->resched;
}

/* From here on it is about to sleep, unless something happens just now. */
static bool fuzz_signal_pending(unsigned int state, struct task_struct *task)
{
	running->eager = running->claimed;
	if (running->on_cpu)
		back_to_main(&running->fake_stack);
	return (signal_pending_state)(state, task);
}

/* Returns without a wake-up, too. */
static void fuzz_schedule(void)
{
	unsigned int token = RANGE_LOCK_TASK_RUNNING;

	running->resched = false;
	running->refusals = 0;
	if (__atomic_compare_exchange_n(&running->task.token, &token,
					RANGE_LOCK_TASK_ASLEEP, false,
					__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		back_to_main(&running->fake_stack);
}

static int lock_somehow(struct request *request)
{
	static const struct timespec past = { .tv_nsec = 1 };
	struct range_lock *lock = request->lock;

	switch (request->how) {
	case INTERRUPTIBLE:
		return request->write ?
		       range_write_lock_interruptible(tree, lock) :
		       range_read_lock_interruptible(tree, lock);
	case CLOCKLOCK:
		return request->write ?
		       range_write_clocklock(tree, lock, CLOCK_MONOTONIC, &past) :
		       range_read_clocklock(tree, lock, CLOCK_MONOTONIC, &past);
	default:
		if (request->write)
			range_write_lock(tree, lock);
		else
			range_read_lock(tree, lock);
		return 0;
	}
}

static void run_task(void)
{
	struct request *request = running;

	__sanitizer_finish_switch_fiber(NULL, &main_stack, &main_stack_size);
	request->ret = lock_somehow(request);
	request->how = -1;
	back_to_main(NULL);
}

/* Returns whether the task's call has returned. */
static bool go_on(struct request *request)
{
	void *fake_stack = NULL;

	main_thread = range_lock__thread;
	range_lock__thread = request->thread;
	running = request;
	__sanitizer_start_switch_fiber(&fake_stack,
				       stacks[request - requests], STACK_SIZE);
	swapcontext(&main_context, &request->context);
	__sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
	running = NULL;
	request->thread = range_lock__thread;
	range_lock__thread = main_thread;
	return request->how == (enum how)-1;
}

static void start(struct request *request, enum how how)
{
	request->how = how;
	memset(&request->task, 0, sizeof(request->task));
	memset(&request->thread, 0, sizeof(request->thread));
	request->refusals = 0;
	request->thread.task = &request->task;
	getcontext(&request->context);
	request->context.uc_stack.ss_sp = stacks[request - requests];
	request->context.uc_stack.ss_size = STACK_SIZE;
	request->context.uc_link = NULL;
	makecontext(&request->context, run_task, 0);
}

/* Nobody may look at it any more. */
static void forget(struct request *request)
{
	memset(request->lock, 0x5a, sizeof(*request->lock));
	free(request->lock);
	request->lock = NULL;
	request->life = IDLE;
	request->granted = false;
	request->eligible = false;
}

/* What must be true of a task that waited and has run, and what it did. */
static void has_run(struct request *request, bool returned)
{
	bool was_granted = request->granted, was_eligible = request->eligible;
	bool has_reason = request->thread.expired || request->task.signalled;
	int i = request - requests;

	if (returned && request->ret) {
		if (was_granted)
			fail("request %d was granted and gives up", i);
		if (!has_reason)
			fail("request %d gives up without reason", i);
		note(was_eligible ? GAVE_UP_ELIGIBLE : GAVE_UP, true);
		forget(request);
		look_at_waiters(NULL);
		return;
	}
	look_at_waiters(request);
	if (was_eligible && !request->eligible) {
		request->claimed = true;
		request->eager = true;
		note(request->granted ? CLAIMED : CLAIMED_IN_VAIN, true);
	}
	if (returned) {
		if (!request->granted)
			fail("request %d returns and is not held", i);
		note(TOO_LATE_TO_GIVE_UP, has_reason);
		request->life = HELD;
		request->granted = false;
		return;
	}
	if (request->on_cpu)
		return;
	if (request->granted || request->eligible)
		fail("request %d may go, and waits", i);
	if (has_reason)
		fail("request %d should give up, and waits", i);
}

static void resume(struct request *request)
{
	bool has_reason = request->thread.expired;
	bool returned;

	returned = go_on(request);
	/* clocklock() has forgotten it when it returns. */
	request->thread.expired |= has_reason;
	has_run(request, returned);
}

/* The operations. */

static unsigned int byte(void)
{
	return next_byte < last_byte ? *next_byte++ : 0;
}

/* Mostly small, or in one of few places, or at the other end. */
static void choose_range(struct request *request)
{
	static const unsigned char shifts[] = { 0, 0, 6, 58 };
	unsigned int where = byte(), size = byte();
	unsigned int shift = shifts[where >> 4 & 3];
	u64 first = (u64)(where & 15) << shift, more;

	more = (u64)(size & 15) << (size >> 4 & 1 ? shift : 0);
	if (where & 0x40)
		first = RANGE_LOCK_FULL - first;
	if (size & 0x20)
		more = size & 0x40 ? RANGE_LOCK_FULL : more * 31;
	request->start = first;
	request->last = more > RANGE_LOCK_FULL - first ? RANGE_LOCK_FULL :
							 first + more;
}

static void arrive(struct request *request, bool write)
{
	choose_range(request);
	request->write = write;
	request->lock = malloc(sizeof(*request->lock));
	memset(request->lock, 0x5a, sizeof(*request->lock));
	range_lock_init(request->lock, request->start, request->last);
}

static void do_trylock(struct request *request, bool write)
{
	enum verdict verdict;
	bool got_it;

	arrive(request, write);
	verdict = judge(request);
	got_it = write ? range_write_trylock(tree, request->lock) :
			 range_read_trylock(tree, request->lock);
	judge_newcomer(request, verdict, got_it);
	note(TRY_FAILED, !got_it);
	request->life = HELD;
	if (!got_it)
		forget(request);
}

static void do_lock(struct request *request, bool write, enum how how)
{
	enum verdict verdict;
	bool returned;

	arrive(request, write);
	verdict = judge(request);
	request->eager = true;
	request->claimed = false;
	start(request, how);
	returned = go_on(request);
	judge_newcomer(request, verdict, returned);
	if (returned && request->ret)
		fail("request %d gives up without reason",
		     (int)(request - requests));
	request->life = returned ? HELD : WAITING;
	request->number = ++arrivals;
	request->arrived = the_time;
	note(WAITED, !returned);
}

static void do_unlock(struct request *request)
{
	if (request->write)
		range_write_unlock(tree, request->lock);
	else
		range_read_unlock(tree, request->lock);
	forget(request);
}

static void do_downgrade(struct request *request)
{
	unsigned long let_go = fuzz_seen[GRANTED] + fuzz_seen[MADE_ELIGIBLE];

	if (!request->write)
		return;
	range_downgrade_write(tree, request->lock);
	request->write = false;
	note(DOWNGRADED, true);
	look_at_waiters(NULL);
	note(DOWNGRADE_GRANTED,
	     fuzz_seen[GRANTED] + fuzz_seen[MADE_ELIGIBLE] != let_go);
}

static void do_is_locked(struct request *probe)
{
	bool was_split = is_split(), locked;
	struct range_lock lock;

	range_lock_init(&lock, probe->start, probe->last);
	locked = range_is_locked(tree, &lock);
	probe->write = true;
	if (locked != conflicts_with_holder(probe))
		fail("range_is_locked() of [%#llx, %#llx] is wrong",
		     (unsigned long long)probe->start,
		     (unsigned long long)probe->last);
	if (was_split && !is_split())
		note(somebody(waits) ? JOINED_WITH_WAITERS : JOINED, true);
}

static void do_split(unsigned int bits)
{
	range_lock_split(tree, bits);
	if (is_split())
		note(somebody(waits) ? SPLIT_WITH_WAITERS : SPLIT, true);
}

static void operate(void)
{
	static const u64 jumps[] = { 1, 1000, 1000 * 1000, RANGE_LOCK_BOUND_NS };
	bool was_split = is_split(), flag;
	struct request *request, probe = { };

	code = byte();
	request = &requests[code >> 4 & 7];
	flag = code >> 7;
	the_time++;
	switch (code & 15) {
	case 0:
	case 1:
	case 2:
	case 3:
		if (request->life == IDLE && !(code & 15))
			do_trylock(request, flag);
		else if (request->life == IDLE)
			do_lock(request, flag, (code & 15) - 1);
		break;
	case 4:
	case 5:
		if (request->life == HELD)
			do_unlock(request);
		else if (request->life == WAITING)
			resume(request);
		break;
	case 6:
		if (request->life == HELD)
			do_downgrade(request);
		break;
	case 7:
		choose_range(&probe);
		do_is_locked(&probe);
		break;
	case 8:
		do_split(code >> 4);
		break;
	case 9:
		if (request->life == WAITING)
			resume(request);
		break;
	case 10:
		if (request->life == WAITING && request->how == INTERRUPTIBLE) {
			request->task.signalled = true;
			if (flag)
				resume(request);
		}
		break;
	case 11:
		if (request->life == WAITING && request->thread.deadline) {
			request->thread.expired = true;
			if (flag)
				resume(request);
		}
		break;
	case 12:
		the_time += jumps[code >> 4 & 3] << (flag ? 2 : 0);
		break;
	case 13:
		no_memory = flag;
		no_luck = code >> 4 & 1;
		break;
	case 14:
		request->on_cpu = flag;
		break;
	case 15:
		request->resched = flag;
		break;
	}
	note(SPLIT_BY_CONTENTION,
	     !was_split && is_split() && (code & 15) < 4);
}

/* All unlock. Whoever waits must have been woken by then. */
static void drain(void)
{
	struct request *request, all = { .last = RANGE_LOCK_FULL };
	bool progress;
	int i;

	no_luck = false;
	do {
		progress = false;
		for (i = 0; i < REQUESTS; i++) {
			request = &requests[i];
			the_time++;
			if (request->life == HELD) {
				do_unlock(request);
				look_at_waiters(NULL);
				progress = true;
			} else if (request->life == WAITING &&
				   request->task.token !=
				   RANGE_LOCK_TASK_ASLEEP) {
				request->on_cpu = false;
				resume(request);
				progress = true;
			}
			range_lock_validate(tree);
		}
	} while (progress);
	if (somebody(waits))
		fail("somebody waits for ever");
	do_is_locked(&all);
	if (atomic_long_read(&tree->word))
		fail("the word is %#lx at the end",
		     atomic_long_read(&tree->word));
}

/* Aborts if anything is wrong. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const u32 bounds[] = { 0, RANGE_LOCK_BOUND_NS, ~0 };
	static struct task_struct main_task;

	next_byte = bytes;
	last_byte = bytes + size;
	operation = 0;
	arrivals = 0;
	the_time = 1ULL << 40;
	no_memory = false;
	no_luck = false;
	memset(requests, 0, sizeof(requests));
	range_lock__thread.task = &main_task;
	bound = byte() % 3;
	tree = malloc(sizeof(*tree));
	__range_lock_tree_init(tree, bounds[bound], NULL, NULL);

	while (next_byte < last_byte) {
		operation++;
		operate();
		look_at_waiters(NULL);
		range_lock_validate(tree);
	}
	drain();
	range_lock_tree_destroy(tree);
	if (shards_in_use)
		fail("shards are not freed");
	memset(tree, 0x5a, sizeof(*tree));
	free(tree);
	return 0;
}
