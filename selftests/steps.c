// SPDX-License-Identifier: GPL-2.0
/*
 * Races of which each step is made to happen: the lock is compiled into this
 * file, and calls a hook of ours before each look at a word, each cmpxchg, and
 * before it takes and before it gives back a spinlock. What somebody else does
 * at that moment is done there, by the same thread where it may. Each test is a
 * process of its own, named as in tests.c; the hang limit is for broken locks
 * only.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/atomic.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>

#include "named_tests.h"

enum step { READ, ACQUIRE, CMPXCHG, LOCK, UNLOCK };

/* What to do instead at a step; while it is done, steps go on as usual. */
static __thread void (*at_step)(enum step step, const void *where);
static __thread bool no_memory, no_luck;
static __thread int sections, entered;
static int shards_in_use, allocations;
static u64 the_time;

static void take_step(enum step step, const void *where)
{
	void (*do_it)(enum step step, const void *where) = at_step;

	if (!do_it)
		return;
	at_step = NULL;
	do_it(step, where);
	if (!at_step)
		at_step = do_it;
}

static bool trylock(spinlock_t *lock)
{
	take_step(LOCK, lock);
	sections++;
	entered++;
	return !no_luck && spin_trylock(lock);
}

static void *allocate(size_t n, size_t size)
{
	void *memory = no_memory ? NULL : kcalloc(n, size, 0);

	__atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&shards_in_use, !!memory, __ATOMIC_RELAXED);
	return memory;
}

static void give_back(const void *memory)
{
	__atomic_fetch_sub(&shards_in_use, !!memory, __ATOMIC_RELAXED);
	kfree(memory);
}

#define atomic_long_read(v)						\
	({								\
		take_step(READ, v);					\
		(atomic_long_read)(v);					\
	})
#define atomic_long_read_acquire(v)					\
	({								\
		take_step(ACQUIRE, v);					\
		(atomic_long_read_acquire)(v);				\
	})
#define atomic_long_try_cmpxchg(v, old, i)				\
	({								\
		take_step(CMPXCHG, v);					\
		(atomic_long_try_cmpxchg)(v, old, i);			\
	})
/* For locks that are broken by too weak a one. */
#define __atomic_compare_exchange_n(v, ...)				\
	({								\
		take_step(CMPXCHG, v);					\
		__atomic_compare_exchange_n(v, __VA_ARGS__);		\
	})
#undef spin_trylock_irqsave
#define spin_trylock_irqsave(lock, flags)	({ (flags) = 0; trylock(lock); })
#undef spin_unlock_irqrestore
#define spin_unlock_irqrestore(lock, flags)				\
	do {								\
		(void)(flags);						\
		take_step(UNLOCK, lock);				\
		sections--;						\
		spin_unlock(lock);					\
	} while (0)
#define ktime_get_mono_fast_ns()	the_time
#define kcalloc(n, size, flags)	allocate(n, size)
#define kfree(memory)		give_back(memory)

/* The lock, or one that is broken on purpose. */
#include "range_lock.c"

/* In seconds. */
#define HANG	60

static struct range_lock_tree tree;
/* In segment 0 of any size, and what lies in shards of its own mostly. */
static struct range_lock first, pilot, wide, neighbour;
static const u64 far = 1ULL << 40;

static void set_up(u32 bound_ns)
{
	memset(&tree, 0x5a, sizeof(tree));
	__range_lock_tree_init(&tree, bound_ns, NULL, NULL);
	range_lock_init(&first, 0, 0);
	range_lock_init(&pilot, far, far);
	range_lock_init(&wide, 0, 99999);
	range_lock_init(&neighbour, 0, 0);
}

static bool is_split(void)
{
	return range_lock_is_split(atomic_long_read(&tree.word));
}

static bool is_locked(u64 start, u64 last)
{
	struct range_lock probe;

	range_lock_init(&probe, start, last);
	return range_is_locked(&tree, &probe);
}

static void join_all(void)
{
	is_locked(0, RANGE_LOCK_FULL);
	CHECK(!is_split());
}

/* The pilot is there while the tree is split, so that it is. */
static void split_for(unsigned int bits)
{
	CHECK(range_write_trylock(&tree, &pilot));
	range_lock_split(&tree, bits);
	CHECK(is_split());
	range_write_unlock(&tree, &pilot);
	CHECK(is_split());
}

static struct range_lock_shard *home_of(const struct range_lock *lock)
{
	long word = atomic_long_read(&tree.word);

	CHECK(range_lock_is_split(word));
	return range_lock_shard_of(&tree, lock, word);
}

static bool is_idle(const struct range_lock_shard *shard)
{
	long word = atomic_long_read(&tree.word);

	return READ_ONCE(shard->idle) == word &&
	       atomic_long_read(&shard->tree.word) == word;
}

/* A range that is not that of @lock, but in the same shard, outside the hull. */
static void find_neighbour(const struct range_lock_shard *shard, u64 from)
{
	do
		range_lock_init(&neighbour, from, from);
	while (from++, home_of(&neighbour) != shard);
}

/* Have the shard of @lock opened, and idle. */
static void open_for(const struct range_lock *lock)
{
	is_locked(lock->start, lock->last);
	CHECK(is_idle(home_of(lock)));
}

static struct range_lock_shard *looked_up;

/* Split, with the shard of @first open and idle, and looked up. */
static void set_up_split(u32 bound_ns)
{
	set_up(bound_ns);
	split_for(0);
	open_for(&first);
	looked_up = home_of(&first);
}

/* Split with @wide held: the shard that was looked up has other segments. */
static void split_around_wide(void)
{
	split_for(0);
	CHECK(!home_of(&first));
	find_neighbour(looked_up, far + 1);
}

static void check_done(void)
{
	CHECK(range_lock_validate(&tree));
	CHECK(!is_locked(0, RANGE_LOCK_FULL));
	CHECK(!atomic_long_read(&tree.word));
	CHECK(range_lock_validate(&tree));
	range_lock_tree_destroy(&tree);
	CHECK(!shards_in_use);
	CHECK(!sections);
}

/* One who looked up a shard comes late. */

static void never(enum step step, const void *where)
{
}

static void check_step_was_taken(void)
{
	CHECK(at_step == never);
	at_step = NULL;
}

/* The segment of @first has left its shard, which is open and idle. */
static void widen_meanwhile(enum step step, const void *where)
{
	if (step != CMPXCHG || where != &looked_up->tree.word)
		return;
	join_all();
	CHECK(range_write_trylock(&tree, &wide));
	split_around_wide();
	open_for(&neighbour);
	at_step = never;
}

static void stale_lookup_of_an_idle_shard(void)
{
	set_up_split(0);
	at_step = widen_meanwhile;
	CHECK(!range_write_trylock(&tree, &first));
	check_step_was_taken();
	CHECK(range_lock_validate(&tree));
	range_write_unlock(&tree, &wide);
	CHECK(range_write_trylock(&tree, &first));
	range_write_unlock(&tree, &first);
	check_done();
}

/* Let a waiter of another thread stall on its way to sleep. */
static bool is_stalled, may_go_on;

void __real_range_lock__task_schedule(void);
void __wrap_range_lock__task_schedule(void);

void __wrap_range_lock__task_schedule(void)
{
	WRITE_ONCE(is_stalled, true);
	AWAIT(READ_ONCE(may_go_on));
}

static void *wait_for_neighbour(void *arg)
{
	struct range_lock lock;

	range_lock_init(&lock, neighbour.start, neighbour.last);
	range_write_lock(&tree, &lock);
	range_write_unlock(&tree, &lock);
	return arg;
}

static pthread_t waiter;

/* The same, with nobody but an eligible waiter in that shard. */
static void let_one_wait_meanwhile(enum step step, const void *where)
{
	if (step != CMPXCHG || where != &looked_up->tree.word)
		return;
	join_all();
	CHECK(range_write_trylock(&tree, &wide));
	split_around_wide();
	CHECK(range_write_trylock(&tree, &neighbour));
	CHECK(!pthread_create(&waiter, NULL, wait_for_neighbour, NULL));
	AWAIT(READ_ONCE(is_stalled));
	range_write_unlock(&tree, &neighbour);
	at_step = never;
}

static void stale_lookup_of_a_shard_with_waiters(void)
{
	bool got_it;

	set_up_split(RANGE_LOCK_BOUND_MAX);
	at_step = let_one_wait_meanwhile;
	got_it = range_write_trylock(&tree, &first);
	check_step_was_taken();
	CHECK(!got_it);
	WRITE_ONCE(may_go_on, true);
	pthread_join(waiter, NULL);
	range_write_unlock(&tree, &wide);
	check_done();
}

/* An eligible waiter is passed in the word, as long as it is on its way. */
static void passing_takes_no_section(void)
{
	set_up(RANGE_LOCK_BOUND_MAX);
	CHECK(range_write_trylock(&tree, &neighbour));
	CHECK(!pthread_create(&waiter, NULL, wait_for_neighbour, NULL));
	AWAIT(READ_ONCE(is_stalled));
	range_write_unlock(&tree, &neighbour);
	CHECK(atomic_long_read(&tree.word) == RANGE_LOCK_WAITERS);
	entered = 0;
	CHECK(range_write_trylock(&tree, &first));
	CHECK(atomic_long_read(&tree.word) ==
	      ((long)&first | RANGE_LOCK_WRITE | RANGE_LOCK_WAITERS));
	range_write_unlock(&tree, &first);
	CHECK(atomic_long_read(&tree.word) == RANGE_LOCK_WAITERS);
	CHECK(!entered);
	WRITE_ONCE(may_go_on, true);
	pthread_join(waiter, NULL);
	check_done();
}

/* In a section, now: the shard was closed since, or belongs to others. */
static bool splits_again;

static void close_meanwhile(enum step step, const void *where)
{
	if (step != LOCK || where != &looked_up->tree.lock)
		return;
	join_all();
	CHECK(range_write_trylock(&tree, &wide));
	if (splits_again) {
		split_around_wide();
		open_for(&neighbour);
	}
	at_step = never;
}

static void check_stale_section(void)
{
	set_up_split(0);
	at_step = close_meanwhile;
	CHECK(is_locked(0, 0));
	check_step_was_taken();
	CHECK(range_lock_validate(&tree));
	CHECK(!range_write_trylock(&tree, &first));
	range_write_unlock(&tree, &wide);
	check_done();
}

static void section_in_a_closed_shard(void)
{
	check_stale_section();
}

static void section_in_a_shard_of_others(void)
{
	splits_again = true;
	check_stale_section();
}

/*
 * A request gets into the word of its shard, which was closed before that, or
 * closed after that, and perhaps opened again for others.
 */
static bool joins_first, is_in_word;

static void before_it_looks_again(enum step step, const void *where)
{
	if (step != READ || where != &tree.word)
		return;
	if (!joins_first)
		join_all();
	if (splits_again) {
		split_around_wide();
		open_for(&neighbour);
	}
	if (is_in_word) {
		WRITE_ONCE(is_in_word, false);
		AWAIT(READ_ONCE(may_go_on));
	}
	at_step = never;
}

static void before_it_is_in_the_word(enum step step, const void *where)
{
	if (step != CMPXCHG || where != &looked_up->tree.word)
		return;
	if (joins_first) {
		join_all();
		CHECK(range_write_trylock(&tree, &wide));
	}
	at_step = before_it_looks_again;
}

static void check_late_request(void)
{
	joins_first = true;
	set_up_split(0);
	at_step = before_it_is_in_the_word;
	CHECK(!range_write_trylock(&tree, &first));
	check_step_was_taken();
	CHECK(!range_lock_in_word(atomic_long_read(&looked_up->tree.word)));
	CHECK(range_lock_validate(&tree));
	range_write_unlock(&tree, &wide);
	CHECK(range_write_trylock(&tree, &first));
	range_write_unlock(&tree, &first);
	check_done();
}

static void request_in_a_closed_shard(void)
{
	check_late_request();
}

static void request_in_a_shard_of_others(void)
{
	splits_again = true;
	check_late_request();
}

static void request_is_moved_at_once(void)
{
	set_up_split(0);
	at_step = before_it_is_in_the_word;
	CHECK(range_write_trylock(&tree, &first));
	check_step_was_taken();
	CHECK(range_lock_validate(&tree));
	CHECK(is_locked(0, 0));
	CHECK(!range_write_trylock(&tree, &wide));
	range_write_unlock(&tree, &first);
	check_done();
}

/* Both a section and a request come to a shard that was closed. */

static void *come_late(void *arg)
{
	at_step = before_it_is_in_the_word;
	CHECK(!range_write_trylock(&tree, &first));
	check_step_was_taken();
	return arg;
}

static void let_one_be_late(enum step step, const void *where)
{
	if (step != LOCK || where != &looked_up->tree.lock)
		return;
	is_in_word = true;
	CHECK(!pthread_create(&waiter, NULL, come_late, NULL));
	AWAIT(!READ_ONCE(is_in_word));
	at_step = never;
}

static void section_does_not_take_in_who_is_late(void)
{
	joins_first = true;
	set_up_split(0);
	at_step = let_one_be_late;
	CHECK(is_locked(0, 0));
	check_step_was_taken();
	WRITE_ONCE(may_go_on, true);
	pthread_join(waiter, NULL);
	CHECK(range_lock_validate(&tree));
	range_write_unlock(&tree, &wide);
	check_done();
}

/* A request that its owner is about to give back is moved. */

static void (*mover)(void);

static void move_meanwhile(enum step step, const void *where)
{
	if (step != CMPXCHG)
		return;
	mover();
	at_step = never;
}

static void check_moved_release(void (*move)(void))
{
	mover = move;
	at_step = move_meanwhile;
	range_write_unlock(&tree, &first);
	check_step_was_taken();
	CHECK(range_lock_validate(&tree));
	check_done();
}

static void join_and_split(void)
{
	join_all();
	split_for(0);
	CHECK(home_of(&first));
	/* A section settles. */
	CHECK(is_locked(0, 0));
	CHECK(range_lock_validate(&tree));
}

static void release_of_what_was_moved_to_the_same_shard(void)
{
	set_up_split(0);
	CHECK(range_write_trylock(&tree, &first));
	CHECK(first.shard == home_of(&first));
	check_moved_release(join_and_split);
}

static void release_of_what_was_moved_to_the_tree(void)
{
	set_up_split(0);
	CHECK(range_write_trylock(&tree, &first));
	check_moved_release(join_all);
}

static void split_now(void)
{
	range_lock_split(&tree, 0);
	CHECK(is_split());
	CHECK(is_locked(0, 0));
}

static void release_of_what_was_moved_to_a_shard(void)
{
	set_up(0);
	CHECK(range_write_trylock(&tree, &first));
	check_moved_release(split_now);
}

static void release_moved_there_and_back(void)
{
	set_up(0);
	CHECK(range_write_trylock(&tree, &first));
	mover = split_now;
	split_now();
	join_all();
	check_moved_release(join_and_split);
}

/* One section at a time, even if it began before the trees were joined. */

static bool is_in_section, may_leave, is_joined;
static bool is_spinning, is_waiting_for_tree;

void __real_range_lock__spin_lock_slow(spinlock_t *lock);
void __wrap_range_lock__spin_lock_slow(spinlock_t *lock);

void __wrap_range_lock__spin_lock_slow(spinlock_t *lock)
{
	if (lock == &looked_up->tree.lock)
		WRITE_ONCE(is_spinning, true);
	if (lock == &tree.lock)
		WRITE_ONCE(is_waiting_for_tree, true);
	__real_range_lock__spin_lock_slow(lock);
}

static void stay_in_section(enum step step, const void *where)
{
	if (step != UNLOCK || where != &looked_up->tree.lock)
		return;
	WRITE_ONCE(is_in_section, true);
	AWAIT(READ_ONCE(may_leave));
	at_step = never;
}

static void *hold_three(void *arg)
{
	range_write_lock(&tree, &first);
	range_write_lock(&tree, &neighbour);
	/* Two are held now, so it stays as it is until one has left. */
	at_step = stay_in_section;
	CHECK(is_locked(0, 0));
	at_step = NULL;
	range_write_unlock(&tree, &neighbour);
	range_write_unlock(&tree, &first);
	return arg;
}

static void *join_them(void *arg)
{
	is_locked(0, RANGE_LOCK_FULL);
	WRITE_ONCE(is_joined, true);
	return arg;
}

static void join_waits_for_a_section(void)
{
	pthread_t holder, joiner;

	set_up_split(0);
	find_neighbour(looked_up, 1);
	CHECK(!pthread_create(&holder, NULL, hold_three, NULL));
	AWAIT(READ_ONCE(is_in_section));
	CHECK(!pthread_create(&joiner, NULL, join_them, NULL));
	AWAIT(READ_ONCE(is_spinning) || READ_ONCE(is_joined));
	CHECK(!READ_ONCE(is_joined));
	WRITE_ONCE(may_leave, true);
	pthread_join(joiner, NULL);
	pthread_join(holder, NULL);
	check_done();
}

/*
 * Whoever comes while the trees are being joined, when one shard is closed and
 * the next one is not yet, waits until they are.
 */
static bool has_come;

static void *come(void *arg)
{
	CHECK(range_write_trylock(&tree, &first));
	WRITE_ONCE(has_come, true);
	return arg;
}

static pthread_t comer;

static void let_one_come(enum step step, const void *where)
{
	if (step != ACQUIRE || where != &looked_up->tree.word)
		return;
	CHECK(!pthread_create(&comer, NULL, come, NULL));
	AWAIT(READ_ONCE(has_come) || READ_ONCE(is_waiting_for_tree));
	at_step = never;
}

static void section_while_joining(void)
{
	set_up_split(0);
	open_for(&pilot);
	looked_up = home_of(&pilot);
	CHECK(home_of(&first) < looked_up);
	at_step = let_one_come;
	join_all();
	check_step_was_taken();
	pthread_join(comer, NULL);
	CHECK(is_locked(0, 0));
	range_write_unlock(&tree, &first);
	check_done();
}

/* The last section has given the range to somebody, but not yet its lock. */
static void *unlock_first(void *arg)
{
	CHECK(is_locked(0, 0));
	at_step = stay_in_section;
	join_all();
	split_for(0);
	range_write_unlock(&tree, &first);
	at_step = NULL;
	return arg;
}

static void *destroy_it(void *arg)
{
	range_lock_tree_destroy(&tree);
	WRITE_ONCE(is_joined, true);
	return arg;
}

static void destroy_waits_for_a_section(void)
{
	pthread_t holder, destroyer;

	set_up(0);
	split_for(0);
	looked_up = home_of(&first);
	CHECK(range_write_trylock(&tree, &first));
	CHECK(!pthread_create(&holder, NULL, unlock_first, NULL));
	AWAIT(READ_ONCE(is_in_section));
	AWAIT(is_idle(looked_up));
	CHECK(!pthread_create(&destroyer, NULL, destroy_it, NULL));
	AWAIT(READ_ONCE(is_spinning) || READ_ONCE(is_joined));
	CHECK(!READ_ONCE(is_joined));
	WRITE_ONCE(may_leave, true);
	pthread_join(holder, NULL);
	pthread_join(destroyer, NULL);
	CHECK(!shards_in_use);
}

/* Where shards come from. */

static void no_memory_for_shards(void)
{
	set_up(0);
	CHECK(range_write_trylock(&tree, &first));
	no_memory = true;
	range_lock_split(&tree, 0);
	no_memory = false;
	CHECK(!is_split());
	CHECK(!tree.shards);
	CHECK(atomic_long_read(&tree.word) == ((long)&first | RANGE_LOCK_WRITE));
	CHECK(range_lock_validate(&tree));
	range_lock_split(&tree, 0);
	CHECK(is_split());
	CHECK(shards_in_use == 1);
	range_lock_split(&tree, 0);
	CHECK(shards_in_use == 1);
	range_write_unlock(&tree, &first);
	check_done();
}

/* Another one splits the tree, after the shards have been allocated. */
static void split_meanwhile(enum step step, const void *where)
{
	if (step != LOCK)
		return;
	range_lock_split(&tree, 0);
	CHECK(is_split());
	at_step = never;
}

static void split_by_two_at_once(void)
{
	struct range_lock_shard *shards;

	set_up(0);
	CHECK(range_write_trylock(&tree, &first));
	at_step = split_meanwhile;
	range_lock_split(&tree, 0);
	check_step_was_taken();
	CHECK(is_split());
	CHECK(allocations == 2);
	CHECK(shards_in_use == 1);
	CHECK(range_lock_validate(&tree));
	shards = tree.shards;
	range_lock_split(&tree, 0);
	CHECK(tree.shards == shards);
	CHECK(allocations == 2);
	range_write_unlock(&tree, &first);
	check_done();
}

static void nothing_fits_into_a_shard(void)
{
	set_up(0);
	CHECK(range_write_trylock(&tree, &wide));
	range_lock_split(&tree, 3);
	CHECK(!is_split());
	CHECK(atomic_long_read(&tree.word) == ((long)&wide | RANGE_LOCK_WRITE));
	CHECK(range_lock_validate(&tree));
	range_write_unlock(&tree, &wide);
	range_lock_split(&tree, 3);
	CHECK(!is_split());
	CHECK(!atomic_long_read(&tree.word));
	check_done();
}

/* Requests that keep meeting, as far as the spinlock says. */
static void meet(u64 start, u64 last, unsigned int times)
{
	struct range_lock lock;

	range_lock_init(&lock, start, last);
	no_luck = true;
	while (times--) {
		if (range_write_trylock(&tree, &lock))
			range_write_unlock(&tree, &lock);
	}
	no_luck = false;
}

static void shards_come_by_contention(void)
{
	set_up(0);
	CHECK(range_write_trylock(&tree, &first));
	/* Where they conflict it would not help. */
	meet(0, 0, 1000);
	CHECK(!tree.shards);
	no_memory = true;
	allocations = 0;
	meet(far + 1, far + 1, RANGE_LOCK_CONTENDED - 1);
	CHECK(!allocations);
	meet(far + 1, far + 1, 1);
	CHECK(allocations == 1);
	/* Which is not tried again before it is contended as much again. */
	meet(far + 1, far + 1, 30 * RANGE_LOCK_CONTENDED);
	CHECK(allocations == 31);
	CHECK(!is_split());
	CHECK(range_lock_validate(&tree));
	no_memory = false;
	meet(far + 1, far + 1, RANGE_LOCK_CONTENDED);
	CHECK(is_split());
	CHECK(range_lock_validate(&tree));
	range_write_unlock(&tree, &first);
	check_done();
}

/* All requests are such that they lie across two segments of their size. */
static void shards_come_where_nothing_is_aligned(void)
{
	struct range_lock held;

	set_up(0);
	range_lock_init(&held, 8, 23);
	CHECK(range_write_trylock(&tree, &held));
	meet(far + 8, far + 23, 1000);
	CHECK(is_split());
	CHECK(range_lock_validate(&tree));
	range_write_unlock(&tree, &held);
	check_done();
}

/* How large segments are, as a power of 2. */

static unsigned int shift_of_split(unsigned int bits)
{
	unsigned int shift;

	split_for(bits);
	shift = range_lock_shift(atomic_long_read(&tree.word));
	CHECK(range_lock_validate(&tree));
	return shift;
}

/* By somebody who has addresses of two trees; and again for others. */
static unsigned int shift_after_join(u64 start, u64 last, unsigned int bits)
{
	is_locked(start, last);
	CHECK(!is_split());
	return shift_of_split(bits);
}

static void segments_are_as_large_as_they_need_be(void)
{
	set_up(0);
	CHECK(range_write_trylock(&tree, &first));
	CHECK(shift_of_split(3) == 3);
	/* Larger ones stay, unless they are much too large. */
	CHECK(shift_after_join(0, U64_MAX, 1) == 3);
	CHECK(shift_after_join(0, U64_MAX, 20) == 20);
	CHECK(shift_after_join(0, U64_MAX, 12) == 20);
	CHECK(shift_after_join(0, U64_MAX, 0) == RANGE_LOCK_SPARE_BITS);
	/* Somebody stood across two of them. */
	CHECK(shift_after_join(511, 512, 5) == 11);
	/* Somebody was too large for one; then much too large. */
	CHECK(shift_after_join(0, (1 << 15) - 1, 10) == 15);
	CHECK(shift_after_join(0, (1 << 24) - 1, 20) == 24);
	CHECK(shift_after_join(0, (1ULL << 34) - 1, 20) == 24);
	range_write_unlock(&tree, &first);
	check_done();
}

static void segments_are_at_most_half_of_all(void)
{
	const u64 half = 1ULL << 63;
	struct range_lock in_both;

	set_up(0);
	CHECK(range_write_trylock(&tree, &first));
	CHECK(shift_of_split(64) == RANGE_LOCK_SHIFT_MAX);
	is_locked(0, half - 1);
	CHECK(is_split());
	CHECK(shift_after_join(half - 1, half, 60) == RANGE_LOCK_SHIFT_MAX);
	range_write_unlock(&tree, &first);
	join_all();

	range_lock_init(&in_both, half - 1, half);
	CHECK(range_write_trylock(&tree, &in_both));
	range_lock_split(&tree, 64);
	range_lock_split(&tree, 64);
	CHECK(!is_split());
	CHECK(range_lock_shift(tree.shards->idle) == RANGE_LOCK_SHIFT_MAX);
	range_write_unlock(&tree, &in_both);
	check_done();
}

/* Until the one that is there fits: 17 bits of it differ. */
static void segments_grow_when_nothing_fits(void)
{
	int i;

	set_up(0);
	CHECK(range_write_trylock(&tree, &wide));
	for (i = 10; i < 17; i += 2) {
		range_lock_split(&tree, 10);
		CHECK(!is_split());
	}
	range_lock_split(&tree, 10);
	CHECK(is_split());
	CHECK(range_lock_shift(atomic_long_read(&tree.word)) == 18);
	range_write_unlock(&tree, &wide);
	check_done();
}

/* Whoever has addresses of one tree only does not join them. */
static void what_is_wide_is_left_alone(void)
{
	set_up(0);
	CHECK(range_write_trylock(&tree, &wide));
	split_for(0);
	CHECK(is_locked(0, 0));
	CHECK(is_locked(99999, 99999));
	CHECK(is_locked(0, 99999));
	CHECK(!is_locked(100000, 100000));
	CHECK(is_split());
	CHECK(is_locked(99999, 100000));
	CHECK(!is_split());
	range_write_unlock(&tree, &wide);
	check_done();
}

/* Who has waited for longer than the bound; nobody since before the clock. */
static void age_by_the_clock(void)
{
	set_up(1000);
	the_time = 0;
	CHECK(range_lock_old(&tree) == RANGE_LOCK_HOLDERS);
	the_time = 1000;
	CHECK(range_lock_old(&tree) == RANGE_LOCK_HOLDERS);
	the_time = 1005;
	CHECK(range_lock_old(&tree) == 5);
	set_up(0);
	CHECK(range_lock_old(&tree) == RANGE_LOCK_ALL);
	set_up(RANGE_LOCK_BOUND_MAX);
	the_time = U64_MAX;
	CHECK(range_lock_old(&tree) == RANGE_LOCK_HOLDERS);
}

static void shards_are_used_by_the_word_alone(void)
{
	struct range_lock_tree before;

	set_up_split(0);
	memcpy(&before, &tree, sizeof(tree));
	/* As if it had been moved, when it was used before. */
	first.moved = true;
	entered = 0;
	CHECK(range_write_trylock(&tree, &first));
	CHECK(!entered);
	CHECK(!memcmp(&before, &tree, sizeof(tree)));
	CHECK(atomic_long_read(&home_of(&first)->tree.word) ==
	      ((long)&first | RANGE_LOCK_WRITE));
	/* A section leaves it in the word. */
	CHECK(is_locked(0, 0));
	CHECK(atomic_long_read(&home_of(&first)->tree.word) ==
	      ((long)&first | RANGE_LOCK_WRITE));
	CHECK(!memcmp(&before, &tree, sizeof(tree)));
	entered = 0;
	range_write_unlock(&tree, &first);
	CHECK(!entered);
	CHECK(is_idle(home_of(&first)));
	CHECK(!memcmp(&before, &tree, sizeof(tree)));
	check_done();
}

/* Of two in one shard the one that is left is put into its word. */
static void the_last_of_a_shard_is_in_the_word(void)
{
	set_up_split(0);
	find_neighbour(looked_up, 1);
	neighbour.moved = true;
	CHECK(range_write_trylock(&tree, &first));
	CHECK(range_write_trylock(&tree, &neighbour));
	CHECK(atomic_long_read(&looked_up->tree.word) == RANGE_LOCK_TREE);
	range_write_unlock(&tree, &first);
	CHECK(atomic_long_read(&looked_up->tree.word) ==
	      ((long)&neighbour | RANGE_LOCK_WRITE));
	entered = 0;
	range_write_unlock(&tree, &neighbour);
	CHECK(!entered);
	CHECK(is_idle(looked_up));
	check_done();
}

/* Shards may be gone when a request is used again, with another tree say. */
static void shards_are_forgotten(void)
{
	set_up_split(0);
	CHECK(range_write_trylock(&tree, &first));
	CHECK(first.shard == looked_up);
	range_write_unlock(&tree, &first);
	check_done();
	set_up(0);
	memset(&first, 0x5a, sizeof(first));
	range_lock_init(&first, 0, 0);
	CHECK(!first.shard);
	first.shard = looked_up;
	CHECK(range_write_trylock(&tree, &first));
	CHECK(!first.shard);
	entered = 0;
	range_write_unlock(&tree, &first);
	CHECK(!entered);
	check_done();
}

/*
 * F: what the splitting thread has written is seen, though nothing else tells
 * of it. For ThreadSanitizer.
 */
static int turn;

static void *use_them(void *arg)
{
	struct range_lock lock;

	range_lock_init(&lock, 7, 7);
	AWAIT(READ_ONCE(turn) == 1);
	if (arg) {
		range_write_lock(&tree, &lock);
		range_write_unlock(&tree, &lock);
	} else {
		range_is_locked(&tree, &lock);
	}
	return arg;
}

static void check_order_of_split(void *locks)
{
	pthread_t thread;

	set_up(0);
	CHECK(!pthread_create(&thread, NULL, use_them, locks));
	/* The word is TREE by now: no pin publishes the shards. */
	CHECK(range_write_trylock(&tree, &pilot));
	CHECK(range_write_trylock(&tree, &first));
	range_lock_split(&tree, 0);
	WRITE_ONCE(turn, 1);
	pthread_join(thread, NULL);
	range_write_unlock(&tree, &first);
	range_write_unlock(&tree, &pilot);
	check_done();
}

static void memory_order_split_to_lookup(void)
{
	check_order_of_split(&tree);
}

static void memory_order_split_to_section(void)
{
	check_order_of_split(NULL);
}

static const struct named_test tests[] = {
	TEST(shards_are_used_by_the_word_alone),
	TEST(the_last_of_a_shard_is_in_the_word),
	TEST(shards_are_forgotten),
	TEST(stale_lookup_of_an_idle_shard),
	TEST(stale_lookup_of_a_shard_with_waiters),
	TEST(passing_takes_no_section),
	TEST(section_in_a_closed_shard),
	TEST(section_in_a_shard_of_others),
	TEST(request_in_a_closed_shard),
	TEST(request_in_a_shard_of_others),
	TEST(request_is_moved_at_once),
	TEST(section_does_not_take_in_who_is_late),
	TEST(release_of_what_was_moved_to_the_same_shard),
	TEST(release_of_what_was_moved_to_the_tree),
	TEST(release_of_what_was_moved_to_a_shard),
	TEST(release_moved_there_and_back),
	TEST(section_while_joining),
	TEST(join_waits_for_a_section),
	TEST(destroy_waits_for_a_section),
	TEST(no_memory_for_shards),
	TEST(split_by_two_at_once),
	TEST(segments_are_as_large_as_they_need_be),
	TEST(segments_are_at_most_half_of_all),
	TEST(segments_grow_when_nothing_fits),
	TEST(what_is_wide_is_left_alone),
	TEST(age_by_the_clock),
	TEST(nothing_fits_into_a_shard),
	TEST(shards_come_by_contention),
	TEST(shards_come_where_nothing_is_aligned),
	TEST(memory_order_split_to_lookup),
	TEST(memory_order_split_to_section),
};

int main(int argc, char **argv)
{
	return run_named_tests(argc, argv, tests, ARRAY_SIZE(tests), HANG);
}
