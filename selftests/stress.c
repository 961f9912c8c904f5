// SPDX-License-Identifier: GPL-2.0
/*
 * Seeded random operations of several threads on one tree: every call there
 * is, with signals and deadlines that end waits, requests on the stack, on the
 * heap and reused, unlock by another thread, and threads that exit as soon as
 * they have been granted a range. Each test point is a process of its own, so
 * that a crash in one is a result like any other.
 *
 * What must be true meanwhile, and what looks at it:
 *
 * Exclusion and memory order. The space is cut into slots. Whoever holds a
 * range enters all slots of it, and leaves them before the unlock; who is in a
 * slot is kept by relaxed atomics, which order nothing. Beside them each slot
 * has a plain word, which only the lock protects: a holder for write changes
 * it, every holder reads it when it enters and when it leaves, and compares it
 * with a relaxed count of the changes. So a missing order shows as a wrong
 * value where the machine lets it, and always as a race to ThreadSanitizer.
 *
 * The order of arrival, on a strict tree: see struct line.
 *
 * Nobody waits for ever. The one wait that cannot be a deadlock of this program
 * is that for the lock: a thread waits only while it holds nothing, and what is
 * left for others to unlock is taken by main(), which never waits. So when no
 * thread has come any further for HANG_SECONDS, a wake-up was lost. That is no
 * timed assertion: no correct lock on any machine takes seconds for one
 * operation, and a lost wake-up lasts for ever. A signal would make up for one;
 * hence they are not sent when nothing goes on, rarely to those that do not
 * look for them, and in some test points not at all.
 *
 * No access to a request that its owner has back. Its memory is freed, or
 * filled with a pattern that must be there when it is used again.
 *
 * The invariants, by range_lock_validate(), now and then. And one thread alone
 * compares each call with what a list of all that is held says, exactly.
 *
 * Not here: how often a waiter is passed. That is for the histories.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/kernel.h>
#include <linux/range_lock.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

#include "ktap.h"

#define MAX_THREADS	64
#define MIN_SLOTS	16
#define MAX_SLOTS	64

/* Requests of a thread that are used again and again. */
#define OWN_REQUESTS	4

#define HANG_SECONDS	20

/* What the memory of a request is filled with while nobody may touch it. */
#define POISON		0x5a

/* How often, in 16ths, a granted range is left for somebody else to unlock. */
#define SOMETIMES	1
#define MOSTLY		12

enum layout {
	POINTS,		/* each slot is one address; the last one all the rest */
	ENDS,		/* addresses at both ends of the space, and all between */
	UNEVEN,		/* random places to cut */
};

/* The bound of a tree, as far as no -b says it. */
enum bound_kind {
	DEFAULT_BOUND,
	STRICT_ORDER,
	TINY_BOUND,	/* from 1 ns to 64 us */
};

struct point {
	const char		*name;
	void			(*run)(const struct point *point);
	enum bound_kind		bound;
	enum layout		layout;
	unsigned int		threads;	/* if not what -t says */
	unsigned int		hand_over;	/* in 16ths */
	unsigned int		exit;		/* in 16ths */
	bool			undisturbed;	/* no signals, no deadlines */
	bool			shards;		/* come and go all the time */
};

/* Where holders meet. All but @payload is accessed by relaxed atomics. */
struct slot {
	unsigned int	readers;
	unsigned int	writer;		/* the holder's thread, from 1 */
	u64		changes;	/* of @payload */
	u64		payload;
};

struct request {
	struct range_lock	lock;
	unsigned int		first, last;	/* slots */
	bool			write;
	unsigned int		owner;
	u64			seen;		/* sum of all payloads */
};

/*
 * On a strict tree a request must not be granted before one that it conflicts
 * with, and that arrived earlier. Threads cannot know when they arrive; but
 * when A's request is seen in state "blocked" before B calls the lock, then A
 * has arrived before B. From that moment on A's call, if it has not returned
 * when B's has been granted, must be on its way out with nothing: cancelled.
 * If A were granted by then, it would have to hold its range still, as only a
 * call that has returned is followed by an unlock; so it is wrong as well, and
 * A's request must be outside of the tree.
 *
 * Each thread publishes its call here before it makes it, and takes it back
 * after that has returned, both under line_mutex. So a request that is looked
 * at is valid, initialised, and the one of the call with that number.
 *
 * The mutex orders what the lock alone should order, so what ThreadSanitizer
 * can find in the lock, it finds in test points that do without.
 */
struct line {
	bool			called;
	u64			number;
	const struct request	*request;
	u64			ahead[MAX_THREADS];	/* whose call, or 0 */
};

struct worker {
	unsigned int		id;		/* from 1 */
	pthread_t		thread;
	bool			running;	/* for main() alone */
	struct line		line;
	struct request		own[OWN_REQUESTS];
	bool			poisoned[OWN_REQUESTS];

	/* For others to look at. */
	struct task_struct	*task;
	struct request		*mailbox;	/* held, for @id to unlock */
	struct request		*wanted;	/* what it waits for */
	bool			cancellable;
	u64			next;		/* operation */
};

enum how {
	LOCK,
	TRYLOCK,
	KILLABLE,
	INTERRUPTIBLE,
	DEADLINE,
};

/* These are the library's own; the kernel's header has none of them. */
int range_read_clocklock(struct range_lock_tree *tree, struct range_lock *lock,
			 clockid_t clock, const struct timespec *abstime);
int range_write_clocklock(struct range_lock_tree *tree, struct range_lock *lock,
			  clockid_t clock, const struct timespec *abstime);

/* From the command line. */
static u64 seed;
static unsigned int default_threads = 4;
static u64 operations = 8000;
static bool have_bound, strict;
static u32 chosen_bound;

/* One test point has a process for itself, so it may use all of these. */
static const struct point *this_point;
static struct range_lock_tree tree;
static u64 slot_start[MAX_SLOTS + 1];
static struct slot slots[MAX_SLOTS];
static unsigned int nr_slots;
static struct worker workers[MAX_THREADS];
static unsigned int nr_workers;

static pthread_mutex_t line_mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned int state_outside, state_blocked;

#define load(p)		__atomic_load_n(p, __ATOMIC_RELAXED)
#define store(p, v)	__atomic_store_n(p, v, __ATOMIC_RELAXED)
#define add(p, v)	__atomic_add_fetch(p, v, __ATOMIC_RELAXED)

/* splitmix64: any seed is a good one. */
static u64 next_random(u64 *random)
{
	u64 z = *random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Each test point draws the same numbers whether others run or not. */
static u64 point_seed(void)
{
	const char *name = this_point->name;
	u64 random = seed;

	while (*name)
		random = next_random(&random) + *name++;
	return random;
}

static unsigned int below(u64 *random, unsigned int limit)
{
	return next_random(random) % limit;
}

static bool one_in(u64 *random, unsigned int chances)
{
	return !below(random, chances);
}

static u64 monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* Others may be in the middle of anything: say it, and end the process. */
__attribute__((noreturn, format(printf, 2, 3)))
static void fail(const struct worker *worker, const char *format, ...)
{
	static bool failing;
	va_list args;

	if (__atomic_exchange_n(&failing, true, __ATOMIC_RELAXED))
		for (;;)
			pause();
	printf("# %s: ", this_point->name);
	if (worker)
		printf("thread %u, operation %llu: ", worker->id,
		       (unsigned long long)load(&worker->next));
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

/* Slots. */

static void make_slots(enum layout layout, u64 *random)
{
	unsigned int i, j;

	nr_slots = MIN_SLOTS + below(random, MAX_SLOTS - MIN_SLOTS + 1);
	for (i = 0; i < nr_slots; i++) {
		switch (layout) {
		case POINTS:
			slot_start[i] = i;
			break;
		case ENDS:
			slot_start[i] = i <= nr_slots / 2 ? i :
					U64_MAX - (nr_slots - 1 - i);
			break;
		case UNEVEN:
			/* Some close together, all different, the first 0. */
			slot_start[i] = (u64)i << (64 - 6);
			if (i && one_in(random, 2))
				slot_start[i] = slot_start[i - 1] + 1;
			else if (i)
				slot_start[i] -= next_random(random) >> 8;
			break;
		}
	}
	for (i = 0, j = 1; j < nr_slots; i++, j++)
		if (slot_start[i] >= slot_start[j])
			fail(NULL, "slots %u and %u are not in order", i, j);
}

static u64 slot_last(unsigned int slot)
{
	return slot + 1 < nr_slots ? slot_start[slot + 1] - 1 : U64_MAX;
}

static bool overlap(const struct request *a, const struct request *b)
{
	return !(a->last < b->first || b->last < a->first);
}

static bool conflict(const struct request *a, const struct request *b)
{
	return overlap(a, b) && (a->write || b->write);
}

static const char *mode_name(const struct request *request)
{
	return request->write ? "write" : "read";
}

static void expect_payload(const struct worker *worker, const struct slot *slot)
{
	u64 changes = load(&slot->changes), payload = slot->payload;

	if (payload != changes)
		fail(worker, "slot %td was changed %llu times, but its payload is %llu",
		     slot - slots, (unsigned long long)changes,
		     (unsigned long long)payload);
}

static void change_payload(const struct worker *worker, struct slot *slot)
{
	expect_payload(worker, slot);
	slot->payload++;
	add(&slot->changes, 1);
}

static u64 sum_payloads(const struct request *request)
{
	unsigned int i;
	u64 sum = 0;

	for (i = request->first; i <= request->last; i++)
		sum += slots[i].payload;
	return sum;
}

static void enter_slots(struct worker *worker, struct request *request)
{
	unsigned int i, other;

	for (i = request->first; i <= request->last; i++) {
		struct slot *slot = &slots[i];

		if (request->write) {
			other = __atomic_exchange_n(&slot->writer,
						    request->owner,
						    __ATOMIC_RELAXED);
			if (other || load(&slot->readers))
				fail(worker, "granted slot %u for write, which has writer %u and %u readers",
				     i, other, load(&slot->readers));
			change_payload(worker, slot);
		} else {
			add(&slot->readers, 1);
			other = load(&slot->writer);
			if (other)
				fail(worker, "granted slot %u for read, which has writer %u",
				     i, other);
			expect_payload(worker, slot);
		}
	}
	request->seen = sum_payloads(request);
	/* What is read later is to be read from memory. */
	barrier();
}

static void expect_alone(struct worker *worker, const struct request *request,
			 unsigned int i)
{
	if (load(&slots[i].writer) != request->owner || load(&slots[i].readers))
		fail(worker, "slot %u of writer %u has writer %u and %u readers",
		     i, request->owner, load(&slots[i].writer),
		     load(&slots[i].readers));
}

static void leave_slots(struct worker *worker, struct request *request)
{
	unsigned int i;

	barrier();
	if (sum_payloads(request) != request->seen)
		fail(worker, "slots %u to %u have changed while held for %s",
		     request->first, request->last, mode_name(request));
	for (i = request->first; i <= request->last; i++) {
		struct slot *slot = &slots[i];

		if (request->write) {
			expect_alone(worker, request, i);
			change_payload(worker, slot);
			store(&slot->writer, 0);
		} else {
			if (load(&slot->writer))
				fail(worker, "slot %u of a reader has writer %u",
				     i, load(&slot->writer));
			expect_payload(worker, slot);
			add(&slot->readers, -1);
		}
	}
}

static void downgrade_slots(struct worker *worker, struct request *request)
{
	unsigned int i;

	for (i = request->first; i <= request->last; i++) {
		expect_alone(worker, request, i);
		change_payload(worker, &slots[i]);
		add(&slots[i].readers, 1);
		store(&slots[i].writer, 0);
	}
	request->seen = sum_payloads(request);
	request->write = false;
}

/* The line: see struct line. */

static bool is_strict(void)
{
	return strict;
}

static void line_join(struct worker *worker, const struct request *request)
{
	struct line *line = &worker->line, *other;
	unsigned int i;

	if (!is_strict())
		return;
	pthread_mutex_lock(&line_mutex);
	for (i = 0; i < nr_workers; i++) {
		other = &workers[i].line;
		line->ahead[i] = 0;
		if (other->called && conflict(other->request, request) &&
		    load(&other->request->lock.state) == state_blocked)
			line->ahead[i] = other->number;
	}
	line->number++;
	line->request = request;
	line->called = true;
	pthread_mutex_unlock(&line_mutex);
}

static void line_leave(struct worker *worker, bool granted)
{
	struct line *line = &worker->line, *other;
	unsigned int i, state;

	if (!is_strict())
		return;
	pthread_mutex_lock(&line_mutex);
	for (i = 0; granted && i < nr_workers; i++) {
		other = &workers[i].line;
		if (!line->ahead[i] || !other->called ||
		    other->number != line->ahead[i])
			continue;
		state = load(&other->request->lock.state);
		if (state != state_outside)
			fail(worker, "granted slots %u to %u for %s before thread %u, which came earlier: slots %u to %u for %s, state %u",
			     line->request->first, line->request->last,
			     mode_name(line->request), workers[i].id,
			     other->request->first, other->request->last,
			     mode_name(other->request), state);
	}
	line->called = false;
	pthread_mutex_unlock(&line_mutex);
}

static void *block(void *lock)
{
	range_write_lock(&tree, lock);
	range_write_unlock(&tree, lock);
	return NULL;
}

/* The states have no public names: see which number a waiter has. */
static void learn_states(void)
{
	struct range_lock holder, waiter;
	u64 start = monotonic_ns();
	pthread_t thread;

	range_lock_init_full(&holder);
	range_lock_init_full(&waiter);
	state_outside = load(&waiter.state);
	if (!range_write_trylock(&tree, &holder))
		fail(NULL, "trylock has failed on an idle tree");
	if (pthread_create(&thread, NULL, block, &waiter))
		fail(NULL, "no thread");
	while ((state_blocked = load(&waiter.state)) == state_outside) {
		if (monotonic_ns() - start > HANG_SECONDS * 1000000000ULL)
			fail(NULL, "a second writer was not seen waiting");
		sched_yield();
	}
	range_write_unlock(&tree, &holder);
	pthread_join(thread, NULL);
}

/* Signals. */

static void signal_worker(struct worker *worker)
{
	struct task_struct *task;

	if (this_point->undisturbed || !load(&worker->cancellable))
		return;
	/*
	 * A reference is an RCU read section (see linux/sched.h), so it holds
	 * for whatever task is found after it was taken.
	 */
	get_task_struct(NULL);
	task = __atomic_load_n(&worker->task, __ATOMIC_ACQUIRE);
	if (task)
		range_lock__task_signal(task);
	put_task_struct(task);
}

static bool signalled(void)
{
	return load(&current->signalled);
}

/* Calls. */

static void choose_extent(struct request *request, u64 *random,
			  unsigned int first, unsigned int last)
{
	unsigned int length = last - first + 1;

	switch (below(random, 16)) {
	case 0:		/* all */
		break;
	case 1:		/* to the end */
	case 2:
		first += below(random, length);
		break;
	case 3:		/* from the start */
		last = first + below(random, length);
		break;
	case 4:		/* a few */
	case 5:
	case 6:
	case 7:
		first += below(random, length);
		last = min(first + below(random, 5), last);
		break;
	case 8:		/* one of those that are much used */
	case 9:
	case 10:
	case 11:
		first += below(random, min(length, 4U));
		last = first;
		break;
	default:	/* one */
		first += below(random, length);
		last = first;
		break;
	}
	request->first = first;
	request->last = last;
}

static void init_request(struct worker *worker, struct request *request)
{
	request->owner = worker->id;
	range_lock_init(&request->lock, slot_start[request->first],
			slot_last(request->last));
}

static int lock_by_deadline(struct worker *worker, struct request *request,
			    u64 *random)
{
	clockid_t clock = one_in(random, 2) ? CLOCK_MONOTONIC : CLOCK_REALTIME;
	struct timespec deadline, now;
	bool wrong = one_in(random, 32);
	int ret;

	clock_gettime(clock, &deadline);
	switch (below(random, 4)) {
	case 0:		/* past */
		deadline.tv_sec -= min((time_t)below(random, 2),
				       deadline.tv_sec);
		break;
	case 1:		/* far */
		deadline.tv_sec += 3600;
		break;
	default:	/* soon */
		deadline.tv_nsec += below(random, 200000);
		if (deadline.tv_nsec >= 1000000000) {
			deadline.tv_nsec -= 1000000000;
			deadline.tv_sec++;
		}
		break;
	}
	if (wrong)
		deadline.tv_nsec = one_in(random, 2) ? -1 : 1000000000;

	if (request->write)
		ret = range_write_clocklock(&tree, &request->lock, clock,
					    &deadline);
	else
		ret = range_read_clocklock(&tree, &request->lock, clock,
					   &deadline);

	if (wrong != (ret == EINVAL))
		fail(worker, "clocklock with %s deadline has returned %d",
		     wrong ? "an invalid" : "a valid", ret);
	/* Another clock than this one may have been set meanwhile. */
	if (ret == ETIMEDOUT && clock == CLOCK_MONOTONIC && !signalled()) {
		clock_gettime(clock, &now);
		if (now.tv_sec < deadline.tv_sec ||
		    (now.tv_sec == deadline.tv_sec &&
		     now.tv_nsec < deadline.tv_nsec))
			fail(worker, "clocklock has given up before its deadline");
	}
	return ret;
}

static bool acquire(struct worker *worker, struct request *request,
		    enum how how, u64 *random)
{
	struct range_lock *lock = &request->lock;
	bool write = request->write;
	int ret = 0;

	line_join(worker, request);
	store(&worker->wanted, request);
	store(&current->signalled, false);
	store(&worker->cancellable, how > TRYLOCK);
	switch (how) {
	case LOCK:
		if (write)
			range_write_lock(&tree, lock);
		else
			range_read_lock(&tree, lock);
		break;
	case TRYLOCK:
		if (!(write ? range_write_trylock(&tree, lock) :
			      range_read_trylock(&tree, lock)))
			ret = EBUSY;
		break;
	case KILLABLE:
		ret = write ? range_write_lock_killable(&tree, lock) :
			      range_read_lock_killable(&tree, lock);
		break;
	case INTERRUPTIBLE:
		ret = write ? range_write_lock_interruptible(&tree, lock) :
			      range_read_lock_interruptible(&tree, lock);
		break;
	case DEADLINE:
		ret = lock_by_deadline(worker, request, random);
		break;
	}
	store(&worker->cancellable, false);
	store(&worker->wanted, NULL);
	line_leave(worker, !ret);

	if ((how == KILLABLE || how == INTERRUPTIBLE) && ret &&
	    (ret != -EINTR || !signalled()))
		fail(worker, "a lock that can be interrupted has returned %d, %s",
		     ret, signalled() ? "signalled" : "without a signal");
	if (!ret)
		enter_slots(worker, request);
	return !ret;
}

static void release(struct worker *worker, struct request *request)
{
	leave_slots(worker, request);
	if (request->write)
		range_write_unlock(&tree, &request->lock);
	else
		range_read_unlock(&tree, &request->lock);
}

static void check_tree(const struct worker *worker)
{
	if (!range_lock_validate(&tree))
		fail(worker, "the tree is not valid");
}

/* Leave a held request to another thread. Returns whether there was room. */
static bool hand_over(struct worker *worker, struct request *request,
		      u64 *random)
{
	struct worker *other = &workers[below(random, nr_workers)];
	struct request *none = NULL;

	if (other == worker)
		return false;
	return __atomic_compare_exchange_n(&other->mailbox, &none, request,
					   false, __ATOMIC_RELEASE,
					   __ATOMIC_RELAXED);
}

/* Unlock what somebody has left to @worker, as @by. */
static bool pick_up(struct worker *worker, struct worker *by)
{
	struct request *request;

	if (!load(&worker->mailbox))
		return false;
	request = __atomic_exchange_n(&worker->mailbox, NULL, __ATOMIC_ACQUIRE);
	if (!request)
		return false;
	release(by, request);
	free(request);
	return true;
}

/* Operations. */

static void linger(u64 *random)
{
	unsigned int i;

	switch (below(random, 8)) {
	case 0:
	case 1:
		for (i = below(random, 1000); i; i--)
			cpu_relax();
		break;
	case 2:
	case 3:
		for (i = 1 + below(random, 3); i; i--)
			sched_yield();
		break;
	}
}

/*
 * What a range that is held already makes certain, and a second one that does
 * not overlap it. Waiting for that could be a deadlock, trying cannot.
 */
static void nest(struct worker *worker, const struct request *outer,
		 struct request *inner, u64 *random)
{
	bool below_it = one_in(random, 2);

	if (!range_is_locked(&tree, &outer->lock))
		fail(worker, "what this thread holds is said not to be locked");

	choose_extent(inner, random, 0, nr_slots - 1);
	inner->write = one_in(random, 2);
	init_request(worker, inner);
	if (overlap(inner, outer) && !range_is_locked(&tree, &inner->lock))
		fail(worker, "what this thread holds part of is said not to be locked");
	if (conflict(inner, outer) && acquire(worker, inner, TRYLOCK, random))
		fail(worker, "trylock of what this thread holds has succeeded");

	if (below_it ? !outer->first : outer->last == nr_slots - 1)
		return;
	if (below_it)
		choose_extent(inner, random, 0, outer->first - 1);
	else
		choose_extent(inner, random, outer->last + 1, nr_slots - 1);
	init_request(worker, inner);
	if (!acquire(worker, inner, TRYLOCK, random))
		return;
	linger(random);
	release(worker, inner);
}

static void work(struct worker *worker, struct request *request, u64 *random)
{
	struct request inner;

	linger(random);
	if (one_in(random, 8))
		nest(worker, request, &inner, random);
	if (request->write && one_in(random, 4)) {
		downgrade_slots(worker, request);
		range_downgrade_write(&tree, &request->lock);
		linger(random);
	}
}

static enum how choose_how(u64 *random)
{
	enum how how = below(random, DEADLINE + 1);

	return this_point->undisturbed && how > TRYLOCK ? LOCK : how;
}

static void choose_request(struct worker *worker, struct request *request,
			   u64 *random)
{
	choose_extent(request, random, 0, nr_slots - 1);
	request->write = one_in(random, 2);
	init_request(worker, request);
}

static void lock_and_unlock(struct worker *worker, struct request *request,
			    u64 *random)
{
	if (!acquire(worker, request, choose_how(random), random))
		return;
	work(worker, request, random);
	release(worker, request);
}

static noinline void operate_on_stack(struct worker *worker, u64 *random)
{
	struct request request;

	choose_request(worker, &request, random);
	lock_and_unlock(worker, &request, random);
}

/* Use the memory that operate_on_stack() has left. */
static noinline void scribble(void)
{
	char junk[2 * sizeof(struct request)];

	memset(junk, POISON, sizeof(junk));
	/* The compiler has to believe that somebody reads it. */
	__asm__ volatile("" : : "r"(junk) : "memory");
}

static void operate_on_heap(struct worker *worker, u64 *random)
{
	struct request *request = malloc(sizeof(*request));

	if (!request)
		fail(worker, "out of memory");
	/* The lock may not count on anything but what range_lock_init() did. */
	memset(&request->lock, POISON, sizeof(request->lock));
	choose_request(worker, request, random);
	lock_and_unlock(worker, request, random);
	memset(&request->lock, POISON, sizeof(request->lock));
	free(request);
}

static void operate_on_own(struct worker *worker, u64 *random)
{
	unsigned int i = below(random, OWN_REQUESTS), byte;
	struct request *request = &worker->own[i];
	const unsigned char *memory = (void *)&request->lock;

	for (byte = 0; worker->poisoned[i] && byte < sizeof(request->lock);
	     byte++)
		if (memory[byte] != POISON)
			fail(worker, "byte %u of a request was changed after it was given back",
			     byte);
	choose_request(worker, request, random);
	lock_and_unlock(worker, request, random);
	/* Again at once, as it was left. */
	while (one_in(random, 4)) {
		request->write = one_in(random, 2);
		lock_and_unlock(worker, request, random);
	}
	worker->poisoned[i] = one_in(random, 2);
	if (worker->poisoned[i])
		memset(&request->lock, POISON, sizeof(request->lock));
}

/* Returns whether the range, if it was granted, is for another to unlock. */
static bool operate_for_another(struct worker *worker, u64 *random)
{
	struct request *request = malloc(sizeof(*request));

	if (!request)
		fail(worker, "out of memory");
	choose_request(worker, request, random);
	if (acquire(worker, request, choose_how(random), random)) {
		if (hand_over(worker, request, random))
			return true;
		release(worker, request);
	}
	free(request);
	return false;
}

/*
 * The random numbers of an operation depend on its number and nothing else, so
 * a seed repeats the operations whatever became of those before them. Returns
 * whether the thread is to exit.
 */
static bool operate(struct worker *worker, u64 number)
{
	u64 random = point_seed() + worker->id * 0x100000000ULL + number;
	unsigned int fate;

	random = next_random(&random);
	pick_up(worker, worker);
	if (one_in(&random, 16))
		signal_worker(&workers[below(&random, nr_workers)]);
	if (one_in(&random, 64))
		check_tree(worker);

	fate = below(&random, 16);
	if (fate < this_point->exit)
		return operate_for_another(worker, &random);
	if (fate < this_point->exit + this_point->hand_over) {
		operate_for_another(worker, &random);
		return false;
	}
	switch (below(&random, 3)) {
	case 0:
		operate_on_stack(worker, &random);
		scribble();
		break;
	case 1:
		operate_on_heap(worker, &random);
		break;
	default:
		operate_on_own(worker, &random);
		break;
	}
	return false;
}

static void *worker_thread(void *arg)
{
	struct worker *worker = arg;
	u64 number = load(&worker->next);
	bool leave = false;

	__atomic_store_n(&worker->task, current, __ATOMIC_RELEASE);
	while (!leave && number < operations) {
		leave = operate(worker, number);
		store(&worker->next, ++number);
	}
	/* The task is freed a grace period after this. */
	store(&worker->task, NULL);
	return NULL;
}

/* main()'s part, while the workers work. */

static void start_worker(struct worker *worker)
{
	int error = pthread_create(&worker->thread, NULL, worker_thread,
				   worker);

	if (error)
		fail(worker, "pthread_create: %s", strerror(error));
	worker->running = true;
}

/* Nothing moves any more, so it can be read without any lock. */
__attribute__((noreturn))
static void report_hang(void)
{
	const struct request *request;
	struct worker *worker;

	printf("# %s: no progress for %u s; the word of the tree is %#lx\n",
	       this_point->name, HANG_SECONDS, atomic_long_read(&tree.word));
	for (worker = workers; worker < workers + nr_workers; worker++) {
		printf("# thread %u, operation %llu of %llu", worker->id,
		       (unsigned long long)load(&worker->next),
		       (unsigned long long)operations);
		request = load(&worker->wanted);
		if (request)
			printf(": %p wants slots %u to %u for %s, state %u, arrival %llu, task's token %u",
			       (const void *)&request->lock, request->first,
			       request->last, mode_name(request),
			       load(&request->lock.state),
			       (unsigned long long)request->lock.arrival,
			       load(&worker->task->token));
		printf("\n");
	}
	fail(NULL, "a wake-up was lost");
}

/* Returns whether any worker is left. */
static bool attend_to_workers(u64 *progress)
{
	struct worker *worker;
	bool working = false;

	*progress = 0;
	for (worker = workers; worker < workers + nr_workers; worker++) {
		*progress += load(&worker->next);
		while (pick_up(worker, NULL))
			working = true;
		if (worker->running &&
		    !pthread_tryjoin_np(worker->thread, NULL)) {
			worker->running = false;
			if (load(&worker->next) < operations)
				start_worker(worker);
			/* It may have left something behind. */
			working = true;
		}
		working |= worker->running;
	}
	return working;
}

/* For how long has nothing gone on? A time when main() did not run is nothing. */
static u64 add_look(u64 idle_ns, u64 *looked_at)
{
	u64 now = monotonic_ns(), since = now - *looked_at;

	*looked_at = now;
	return idle_ns + min(since, 100000000ULL);
}

static void attend(u64 *random)
{
	/* Not to wait for anything: only not to use up a CPU. */
	const struct timespec breath = { .tv_nsec = 20000 };
	u64 progress, seen = 0, idle_ns = 0, looked_at = monotonic_ns();

	while (attend_to_workers(&progress)) {
		idle_ns = add_look(idle_ns, &looked_at);
		if (progress != seen) {
			seen = progress;
			idle_ns = 0;
			signal_worker(&workers[below(random, nr_workers)]);
			if (one_in(random, 16))
				check_tree(NULL);
		} else if (idle_ns > HANG_SECONDS * 1000000000ULL) {
			report_hang();
		}
		nanosleep(&breath, NULL);
	}
}

static void make_tree(enum bound_kind kind, u64 *random)
{
	if (kind == STRICT_ORDER)
		range_lock_tree_init_fifo(&tree);
	else
		range_lock_tree_init(&tree);
	if (have_bound)
		tree.bound_ns = chosen_bound;
	else if (kind == TINY_BOUND)
		tree.bound_ns = 1 + below(random, 1U << below(random, 17));
	strict = !tree.bound_ns;
	printf("# %s: bound %u ns, %u slots, %u threads\n", this_point->name,
	       tree.bound_ns, nr_slots, nr_workers);
}

static void check_idle(void)
{
	struct range_lock full;
	unsigned int i;

	check_tree(NULL);
	range_lock_init_full(&full);
	if (range_is_locked(&tree, &full))
		fail(NULL, "a range is still locked at the end");
	if (!range_write_trylock(&tree, &full))
		fail(NULL, "the full range is not free at the end");
	for (i = 0; i < nr_slots; i++) {
		expect_payload(NULL, &slots[i]);
		if (load(&slots[i].writer) || load(&slots[i].readers))
			fail(NULL, "somebody is in slot %u at the end", i);
	}
	range_write_unlock(&tree, &full);
	range_lock_tree_destroy(&tree);
}

/* Shards of whatever size, or none. */
static void shuffle(u64 *random)
{
	struct range_lock full;

	range_lock_init_full(&full);
	if (one_in(random, 4))
		(void)range_is_locked(&tree, &full);
	else
		range_lock_split(&tree, below(random, one_in(random, 4) ? 64 : 3));
}

static bool shuffled;

static void *keep_shuffling(void *seed)
{
	u64 random = (unsigned long)seed, pause;

	while (!__atomic_load_n(&shuffled, __ATOMIC_RELAXED)) {
		shuffle(&random);
		for (pause = 1U << below(&random, 14); pause; pause--)
			cpu_relax();
		if (one_in(&random, 8))
			sched_yield();
	}
	return NULL;
}

static void run_threads(const struct point *point)
{
	pthread_t shuffler;
	u64 random = point_seed();
	unsigned int i;

	nr_workers = point->threads ? point->threads : default_threads;
	make_slots(point->layout, &random);
	make_tree(point->bound, &random);
	if (is_strict())
		learn_states();
	for (i = 0; i < nr_workers; i++)
		workers[i].id = i + 1;
	for (i = 0; i < nr_workers; i++)
		start_worker(&workers[i]);
	shuffled = false;
	if (point->shards &&
	    pthread_create(&shuffler, NULL, keep_shuffling,
			   (void *)(unsigned long)next_random(&random)))
		fail(NULL, "no thread for shuffling");
	attend(&random);
	if (point->shards) {
		__atomic_store_n(&shuffled, true, __ATOMIC_RELAXED);
		pthread_join(shuffler, NULL);
	}
	check_idle();
}

/* One thread, which knows all. */

#define SOLO_REQUESTS	12

static u64 any_address(u64 *random)
{
	switch (below(random, 4)) {
	case 0:
		return U64_MAX - below(random, 16);
	case 1:
		return (1ULL << below(random, 64)) - one_in(random, 2);
	case 2:
		return next_random(random);
	default:
		return below(random, 16);
	}
}

static void choose_range(u64 *random, u64 *start, u64 *last)
{
	u64 a = any_address(random), b = any_address(random);

	if (one_in(random, 4))
		b = a;
	*start = min(a, b);
	*last = max(a, b);
}

/* Is a range in the way of [start, last] held, for read or for write? */
static bool solo_finds(const struct request *requests, const bool *held,
		       u64 start, u64 last, bool write)
{
	unsigned int i;

	for (i = 0; i < SOLO_REQUESTS; i++)
		if (held[i] && (write || requests[i].write) &&
		    !(last < requests[i].lock.start ||
		      requests[i].lock.last < start))
			return true;
	return false;
}

static int solo_acquire(struct request *request, enum how how, bool busy)
{
	const struct timespec past = { .tv_nsec = 1 };
	struct range_lock *lock = &request->lock;
	bool write = request->write;

	/* Where it would wait, it is to find that it has been signalled. */
	store(&current->signalled, true);
	switch (how) {
	case LOCK:
		if (!busy && write)
			range_write_lock(&tree, lock);
		else if (!busy)
			range_read_lock(&tree, lock);
		return busy;
	case TRYLOCK:
		return !(write ? range_write_trylock(&tree, lock) :
				 range_read_trylock(&tree, lock));
	case KILLABLE:
		return write ? range_write_lock_killable(&tree, lock) :
			       range_read_lock_killable(&tree, lock);
	case INTERRUPTIBLE:
		return write ? range_write_lock_interruptible(&tree, lock) :
			       range_read_lock_interruptible(&tree, lock);
	default:
		/* Here the deadline must do it alone. */
		store(&current->signalled, false);
		return write ? range_write_clocklock(&tree, lock,
						     CLOCK_REALTIME, &past) :
			       range_read_clocklock(&tree, lock,
						    CLOCK_MONOTONIC, &past);
	}
}

static void solo_operation(struct request *requests, bool *held, u64 *random)
{
	unsigned int i = below(random, SOLO_REQUESTS);
	struct request *request = &requests[i];
	enum how how = below(random, DEADLINE + 1);
	struct range_lock probe;
	u64 start, last;
	bool busy;

	choose_range(random, &start, &last);
	range_lock_init(&probe, start, last);
	if (range_is_locked(&tree, &probe) !=
	    solo_finds(requests, held, start, last, true))
		fail(NULL, "is_locked of [%#llx, %#llx] is wrong",
		     (unsigned long long)start, (unsigned long long)last);

	if (!held[i]) {
		request->write = one_in(random, 2);
		busy = solo_finds(requests, held, start, last, request->write);
		range_lock_init(&request->lock, start, last);
		held[i] = !solo_acquire(request, how, busy);
		if (held[i] == busy)
			fail(NULL, "[%#llx, %#llx] for %s, which is %s, was %s",
			     (unsigned long long)start,
			     (unsigned long long)last,
			     mode_name(request),
			     busy ? "not free" : "free",
			     held[i] ? "granted" : "refused");
	} else if (request->write && one_in(random, 3)) {
		range_downgrade_write(&tree, &request->lock);
		request->write = false;
	} else {
		if (request->write)
			range_write_unlock(&tree, &request->lock);
		else
			range_read_unlock(&tree, &request->lock);
		held[i] = false;
	}
	check_tree(NULL);
}

static void run_solo(const struct point *point)
{
	static struct request requests[SOLO_REQUESTS];
	bool held[SOLO_REQUESTS] = { false };
	u64 number, random = point_seed();
	unsigned int i;

	nr_workers = 1;
	make_tree(point->bound, &random);
	for (number = 0; number < operations; number++) {
		solo_operation(requests, held, &random);
		if (point->shards && one_in(&random, 4))
			shuffle(&random);
	}
	for (i = 0; i < SOLO_REQUESTS; i++) {
		if (held[i] && requests[i].write)
			range_write_unlock(&tree, &requests[i].lock);
		else if (held[i])
			range_read_unlock(&tree, &requests[i].lock);
	}
	check_idle();
}

/* As it is, and with shards that come and go. */
#define BOTH(what, ...)							\
	{ .name = "stress-" what, __VA_ARGS__ },			\
	{ .name = "stress-shards-" what, .shards = true, __VA_ARGS__ }

static const struct point points[] = {
	BOTH("solo", .run = run_solo,
	     .bound = DEFAULT_BOUND),
	BOTH("default-small", .run = run_threads,
	     .bound = DEFAULT_BOUND, .layout = POINTS,
	     .hand_over = SOMETIMES),
	BOTH("default-ends", .run = run_threads,
	     .bound = DEFAULT_BOUND, .layout = ENDS,
	     .hand_over = SOMETIMES),
	BOTH("default-uneven", .run = run_threads,
	     .bound = DEFAULT_BOUND, .layout = UNEVEN,
	     .hand_over = SOMETIMES),
	{ .name = "stress-fifo-small", .run = run_threads,
	  .bound = STRICT_ORDER, .layout = POINTS },
	BOTH("fifo-ends", .run = run_threads,
	     .bound = STRICT_ORDER, .layout = ENDS,
	     .hand_over = SOMETIMES),
	BOTH("tiny-bound", .run = run_threads,
	     .bound = TINY_BOUND, .layout = POINTS,
	     .hand_over = SOMETIMES),
	{ .name = "stress-undisturbed", .run = run_threads,
	  .bound = DEFAULT_BOUND, .layout = POINTS,
	  .undisturbed = true },
	BOTH("oversubscribed", .run = run_threads,
	     .bound = DEFAULT_BOUND, .layout = POINTS,
	     .threads = 8, .hand_over = SOMETIMES),
	{ .name = "stress-fifo-oversubscribed", .run = run_threads,
	  .bound = STRICT_ORDER, .layout = ENDS,
	  .threads = 8, .undisturbed = true },
	BOTH("exit-after-grant", .run = run_threads,
	     .bound = TINY_BOUND, .layout = POINTS,
	     .hand_over = SOMETIMES, .exit = SOMETIMES),
	BOTH("unlock-elsewhere", .run = run_threads,
	     .bound = DEFAULT_BOUND, .layout = ENDS,
	     .hand_over = MOSTLY),
};

static void run_point(const void *arg)
{
	this_point = arg;
	this_point->run(this_point);
}

static int usage(const char *name, bool asked)
{
	size_t i;

	fprintf(asked ? stdout : stderr,
		"usage: %s [-s SEED] [-t THREADS] [-n OPERATIONS] [-b BOUND] [TEST...]\n"
		"  -s  the seed: each thread repeats the same operations, but how they\n"
		"      interleave is up to the system; default: from the clock\n"
		"  -t  how many threads, where the test does not say it, 2 to %u; default %u\n"
		"  -n  operations of each thread; default %llu\n"
		"  -b  the bound of all trees, in ns; 0 is strict order; default: as the\n"
		"      test says\n"
		"Tests, all by default:\n",
		name, MAX_THREADS, default_threads,
		(unsigned long long)operations);
	for (i = 0; i < ARRAY_SIZE(points); i++)
		fprintf(asked ? stdout : stderr, "  %s\n", points[i].name);
	return asked ? 0 : 1;
}

static bool parse(const char *text, u64 least, u64 most, u64 *value)
{
	char *rest;

	errno = 0;
	*value = strtoull(text, &rest, 0);
	return !errno && rest != text && !*rest && *text != '-' &&
	       *value >= least && *value <= most;
}

static bool chosen(const struct point *point, char **names)
{
	bool all = !*names;

	for (; *names; names++)
		if (!strcmp(*names, point->name))
			return true;
	return all;
}

static bool all_known(char **names)
{
	char *one[2] = { NULL, NULL };
	bool known;
	size_t i;

	for (; *names; names++) {
		one[0] = *names;
		known = false;
		for (i = 0; i < ARRAY_SIZE(points); i++)
			known |= chosen(&points[i], one);
		if (!known) {
			fprintf(stderr, "%s: no such test\n", *names);
			return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	unsigned int planned = 0;
	struct timespec now;
	int option;
	u64 value;
	size_t i;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = (u64)now.tv_sec * 1000000000 + now.tv_nsec;
	while ((option = getopt(argc, argv, "s:t:n:b:h")) != -1) {
		if (option == 's' && parse(optarg, 0, U64_MAX, &value)) {
			seed = value;
		} else if (option == 't' &&
			   parse(optarg, 2, MAX_THREADS, &value)) {
			default_threads = value;
		} else if (option == 'n' && parse(optarg, 1, 1ULL << 32, &value)) {
			operations = value;
		} else if (option == 'b' && parse(optarg, 0, U32_MAX, &value)) {
			have_bound = true;
			chosen_bound = value;
		} else {
			return usage(argv[0], option == 'h');
		}
	}
	if (!all_known(argv + optind))
		return usage(argv[0], false);

	for (i = 0; i < ARRAY_SIZE(points); i++)
		planned += chosen(&points[i], argv + optind);
	ktap_plan(planned);
	printf("# seed %llu\n", (unsigned long long)seed);
	for (i = 0; i < ARRAY_SIZE(points); i++)
		if (chosen(&points[i], argv + optind))
			ktap_result(ktap_run(points[i].name, run_point,
					     &points[i]), "%s", points[i].name);
	return ktap_exit();
}
