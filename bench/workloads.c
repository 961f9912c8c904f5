// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is measured, and the one loop that measures it. */
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAGES		262144U		/* in 1 GiB */
#define PAGE_BITS	12
#define MAX_TRANSFERS	1000000U

/* Who is in the workloads that are about one question. */
#define OURS		"rangelock"
#define RIVALS		"rangelock posted pthread_rwlock"
#define QUEUERS		"rangelock rangelock-fifo posted pthread_rwlock baton"
#define BOUNDS		"rangelock rangelock-1ms rangelock-2ms rangelock-8ms " \
			"rangelock-16ms rangelock-fifo pthread_rwlock"

/* More threads than CPUs; about 1 us in a section and as much outside. */
#define OVERSUBSCRIBED	.set = SET_OVERSUBSCRIBED, .all_waits = true, \
			.busy = 3000, .only = BOUNDS

const struct workload workloads[] = {
	{ .name = "pair_write", .what = "uncontended lock and unlock, one page, write",
	  .pattern = SAME, .write = true, .threads = 1 },
	{ .name = "pair_read", .what = "uncontended lock and unlock, one page, read",
	  .pattern = SAME, .threads = 1 },
	{ .name = "pair_full", .what = "uncontended lock and unlock, full range, write",
	  .pattern = FULL, .write = true, .threads = 1 },
	{ .name = "pair_init", .what = "as pair_write, the request initialised each time",
	  .pattern = SAME, .write = true, .prepare_each = true, .threads = 1 },
	{ .name = "disjoint", .what = "each thread writes a page of its own",
	  .pattern = PRIVATE, .write = true },
	{ .name = "random4k", .what = "random 4 KiB in 1 GiB, write",
	  .pattern = RANDOM, .write = true },
	{ .name = "readers", .what = "all threads read one page",
	  .pattern = SAME },
	{ .name = "mixed", .what = "random 4 KiB in 1 GiB, read; 1% full range, write",
	  .pattern = MIXED },
	{ .name = "full_writers", .what = "all threads write the full range",
	  .pattern = FULL, .write = true },
	{ .name = "full_writers_wait", .what = "the same again with every wait timed",
	  .pattern = FULL, .write = true, .time_waits = true, .threads = 8 },
	{ .name = "held_0", .what = "one more page, write, with nothing held",
	  .pattern = BETWEEN, .write = true, .threads = 1 },
	{ .name = "held_10", .what = "one more page, write, between 10 held",
	  .pattern = BETWEEN, .write = true, .threads = 1, .held = 10 },
	{ .name = "held_1k", .what = "one more page, write, between 1,000 held",
	  .pattern = BETWEEN, .write = true, .threads = 1, .held = 1000 },
	{ .name = "held_100k", .what = "one more page, write, between 100,000 held",
	  .pattern = BETWEEN, .write = true, .threads = 1, .held = 100000 },
	{ .name = "handoff", .what = "unlock until the other thread holds; it began to wait 2 us ago",
	  .pattern = HANDOFF, .write = true, .threads = 2, .settle_us = 2 },
	{ .name = "handoff_asleep", .what = "unlock until the other thread holds; it began to wait 200 us ago",
	  .pattern = HANDOFF, .write = true, .threads = 2, .settle_us = 200 },
	{ .name = "handoff_queued_10", .what = "unlock until the next of 10 holds that wait for overlapping ranges",
	  .pattern = QUEUED, .write = true, .threads = 1, .queued = 10, .only = QUEUERS },
	{ .name = "handoff_queued_1k", .what = "unlock until the next of 1,000 holds that wait for overlapping ranges",
	  .pattern = QUEUED, .write = true, .threads = 1, .queued = 1000, .only = QUEUERS },
	{ .name = "disjoint_sharded", .what = "as disjoint, with shards from the beginning",
	  .pattern = PRIVATE, .write = true, .sharded = true, .max_threads = 2, .only = OURS },
	{ .name = "random4k_sharded", .what = "as random4k, with shards from the beginning",
	  .pattern = RANDOM, .write = true, .sharded = true, .max_threads = 2, .only = OURS " words64" },
	{ .name = "wide_sharded", .what = "full range, write, each time with 64 shards in use before",
	  .pattern = REJOIN, .write = true, .sharded = true, .threads = 1, .only = OURS },
	{ .name = "wide_sustained", .what = "full range, write, over and over; 64 shards in use before the first",
	  .pattern = FULL, .write = true, .sharded = true, .threads = 1, .only = OURS },
	{ .name = "wide_1", .what = "random 4 KiB in 1 GiB, write; 1% full range",
	  .pattern = WIDE, .write = true, .percent = 1, .threads = 2, .only = RIVALS },
	{ .name = "wide_10", .what = "random 4 KiB in 1 GiB, write; 10% full range",
	  .pattern = WIDE, .write = true, .percent = 10, .threads = 2, .only = RIVALS },
	{ .name = "wide_50", .what = "random 4 KiB in 1 GiB, write; 50% full range",
	  .pattern = WIDE, .write = true, .percent = 50, .threads = 2, .only = RIVALS },
	{ .name = "wide_90", .what = "random 4 KiB in 1 GiB, write; 90% full range",
	  .pattern = WIDE, .write = true, .percent = 90, .threads = 2, .only = RIVALS },
	{ .name = "line_transfer", .what = "no lock: a cache line from one CPU to another",
	  .pattern = TRANSFER, .threads = 1, .only = "none" },

	{ .name = "over_one", .what = "all write one page",
	  .pattern = SAME, .write = true, OVERSUBSCRIBED },
	{ .name = "over_overlap", .what = "1 to 64 pages of 256, write",
	  .pattern = OVERLAP, .percent = 100, OVERSUBSCRIBED },
	{ .name = "over_mixed", .what = "1 to 64 pages of 256, read; 20% write",
	  .pattern = OVERLAP, .percent = 20, OVERSUBSCRIBED },
	{ .name = "over_chain", .what = "each its own page and the next one's, write",
	  .pattern = CHAIN, .write = true, OVERSUBSCRIBED },
	{ .name = NULL }
};

extern const struct contender contender_rangelock, contender_rangelock_fifo,
	contender_baton, contender_none, contender_rangelock_1ms, contender_rangelock_2ms,
	contender_rangelock_8ms, contender_rangelock_16ms,
	contender_posted, contender_kogan, contender_listcond,
	contender_pthread_mutex, contender_pthread_rwlock, contender_striped,
	contender_words, contender_ofd;

const struct contender *const contenders[] = {
	&contender_rangelock,
	&contender_rangelock_fifo,
	&contender_rangelock_1ms,
	&contender_rangelock_2ms,
	&contender_rangelock_8ms,
	&contender_rangelock_16ms,
	&contender_posted,
	&contender_kogan,
	&contender_listcond,
	&contender_pthread_mutex,
	&contender_pthread_rwlock,
	&contender_striped,
	&contender_ofd,
	&contender_baton,
	&contender_words,
	&contender_none,
	NULL
};

unsigned int critical_section;

/*
 * How many waits took how long, by the clock, and less the time without a CPU;
 * 16 buckets for each power of 2, so that a bucket is right to 6%.
 */
#define BUCKET_BITS	4
#define BUCKETS		((64 - BUCKET_BITS + 1) << BUCKET_BITS)

struct waits {
	uint64_t nr;
	uint32_t elapsed[BUCKETS];
	uint32_t waited[BUCKETS];
};

/* The measurement that runs, each busy part on cache lines of its own. */
static struct run {
	const struct bench_case *bc;
	void *lock;
	char *held;

	bool stop;			/* written once */
	double seconds;
	pthread_t timer;

	_Alignas(64) uint64_t began;	/* by the first thread */
	uint64_t finished;		/* by the last thread */
	uint64_t pairs;
	uint64_t max_wait;
	uint64_t max_elapsed;

	pthread_mutex_t merging;	/* protects the three below */
	struct waits waits;
	double shares;			/* sum of the pairs of each thread, */
	double squares;			/* and of their squares */

	struct queued_result queued;
	uint64_t clock_ns;		/* what looking at the clock takes */

	/* HANDOFF: numbers of the transfers that are asked for and done. */
	_Alignas(64) uint64_t wanted;
	_Alignas(64) uint64_t done;
	uint64_t released_at;
	uint64_t transfer_time;
	bool last;
	uint32_t transfer_ns[MAX_TRANSFERS];
} run;

struct range {
	uint64_t start;
	uint64_t last;
	bool write;
};

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void *alloc_aligned(size_t size)
{
	void *p = aligned_alloc(64, (size + 63) / 64 * 64);

	if (!p)
		die("out of memory");
	memset(p, 0, size);
	return p;
}

static void set_page(struct range *range, uint64_t page)
{
	range->start = page * BENCH_PAGE;
	range->last = range->start + BENCH_PAGE - 1;
}

/* The range of a thread in those workloads in which it stays the same. */
static void first_range(struct range *range, const struct workload *w,
			unsigned int thread)
{
	range->write = w->write;
	if (w->pattern == FULL || w->pattern == HANDOFF ||
	    w->pattern == REJOIN) {
		range->start = 0;
		range->last = BENCH_LAST;
	} else if (w->pattern == PRIVATE) {
		/* 1 GiB apart, and in different stripes. */
		set_page(range, thread * (PAGES + 1ULL));
	} else if (w->pattern == CHAIN) {
		set_page(range, thread);
		range->last += BENCH_PAGE;
	} else {
		set_page(range, 1);
	}
}

/* Returns whether it is another range. */
static inline bool next_range(struct range *range, const struct workload *w,
			      uint64_t *random)
{
	switch (w->pattern) {
	case RANDOM:
		set_page(range, random_below(random, PAGES));
		break;
	case MIXED:
		range->write = random_below(random, 100) == 0;
		if (range->write) {
			range->start = 0;
			range->last = BENCH_LAST;
		} else {
			set_page(range, random_below(random, PAGES));
		}
		break;
	case WIDE:
		if (random_below(random, 100) < w->percent) {
			range->start = 0;
			range->last = BENCH_LAST;
		} else {
			set_page(range, random_below(random, PAGES));
		}
		break;
	case OVERLAP:
		set_page(range, random_below(random, 256));
		range->last += random_below(random, 64) * BENCH_PAGE;
		range->write = random_below(random, 100) < w->percent;
		break;
	case BETWEEN:
		set_page(range, 2 * random_below(random, w->held + 1) + 1);
		break;
	default:
		return w->prepare_each;
	}
	return true;
}

static void update_min(uint64_t *min, uint64_t value)
{
	uint64_t old = __atomic_load_n(min, __ATOMIC_RELAXED);

	while (value < old &&
	       !__atomic_compare_exchange_n(min, &old, value, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static void update_max(uint64_t *max, uint64_t value)
{
	uint64_t old = __atomic_load_n(max, __ATOMIC_RELAXED);

	while (value > old &&
	       !__atomic_compare_exchange_n(max, &old, value, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* How long this thread has been ready to run so far, but without a CPU. */
static uint64_t run_delay_ns(int schedstat)
{
	unsigned long long delay = 0;
	char text[64] = "";

	if (pread(schedstat, text, sizeof(text) - 1, 0) > 0)
		sscanf(text, "%*u %llu", &delay);
	return delay;
}

/*
 * How long the longest wait of a thread was. With more threads than CPUs a
 * thread that is ready to run may have to wait for a CPU for longer than for
 * any lock, so that time is taken off: of two readings of what the kernel
 * counts, the later one is made right after the wait, and the earlier one at
 * most READING pairs before it.
 */
struct longest {
	int schedstat;
	uint64_t delay;
	uint64_t wait;
	uint64_t elapsed;
};

#define READING	256

static void longest_update(struct longest *longest, uint64_t elapsed,
			   uint64_t pairs)
{
	uint64_t before = longest->delay, delay;

	if (elapsed > longest->wait) {
		longest->delay = run_delay_ns(longest->schedstat);
		delay = longest->delay - before;
		if (delay < elapsed && elapsed - delay > longest->wait)
			longest->wait = elapsed - delay;
	} else if (pairs % READING == 0) {
		longest->delay = run_delay_ns(longest->schedstat);
	}
	if (elapsed > longest->elapsed)
		longest->elapsed = elapsed;
}

static unsigned int bucket_of(uint64_t ns)
{
	unsigned int shift;

	if (ns < 1U << BUCKET_BITS)
		return ns;
	shift = 63 - __builtin_clzll(ns) - BUCKET_BITS;
	return (shift << BUCKET_BITS) + (ns >> shift);
}

/* The largest time in a bucket. */
static double bucket_ns(unsigned int bucket)
{
	unsigned int shift;

	if (bucket < 2U << BUCKET_BITS)
		return bucket;
	shift = (bucket >> BUCKET_BITS) - 1;
	return (double)(((bucket & ((1U << BUCKET_BITS) - 1)) +
			 (1U << BUCKET_BITS) + 1ULL) << shift) - 1;
}

static double waits_quantile_us(const uint32_t *buckets, uint64_t nr,
				double quantile)
{
	uint64_t seen = 0;
	unsigned int i;

	for (i = 0; i < BUCKETS - 1; i++) {
		seen += buckets[i];
		if (seen && seen >= quantile * nr)
			break;
	}
	return bucket_ns(i) / 1e3;
}

/*
 * The wait that half of all the waiting time went into waits at least as long
 * as. Quantiles count waits, and where a lock lets one thread take it a
 * thousand times while another waits once, they see the thousand.
 */
static double waits_half_us(const uint32_t *buckets)
{
	double total = 0, seen = 0;
	unsigned int i;

	for (i = 0; i < BUCKETS; i++)
		total += buckets[i] * bucket_ns(i);
	for (i = 0; i < BUCKETS - 1; i++) {
		seen += buckets[i] * bucket_ns(i);
		if (seen && seen >= total / 2)
			break;
	}
	return bucket_ns(i) / 1e3;
}

/* Reading what the kernel counts costs 1 us, so only after long waits. */
#define LONG_NS		50000

static void waits_update(struct waits *waits, struct longest *longest,
			 uint64_t elapsed)
{
	uint64_t before = longest->delay, waited = elapsed, delay;

	if (elapsed > LONG_NS || waits->nr % READING == 0) {
		longest->delay = run_delay_ns(longest->schedstat);
		delay = longest->delay - before;
		waited -= delay < elapsed ? delay : elapsed;
	}
	waits->nr++;
	waits->elapsed[bucket_of(elapsed)]++;
	waits->waited[bucket_of(waited)]++;
}

static void waits_merge(const struct waits *waits)
{
	unsigned int i;

	pthread_mutex_lock(&run.merging);
	run.waits.nr += waits->nr;
	for (i = 0; i < BUCKETS; i++) {
		run.waits.elapsed[i] += waits->elapsed[i];
		run.waits.waited[i] += waits->waited[i];
	}
	run.shares += waits->nr;
	run.squares += (double)waits->nr * waits->nr;
	pthread_mutex_unlock(&run.merging);
}

static void stay_busy(unsigned int rounds)
{
	while (rounds--)
		__asm__ volatile("" ::: "memory");
}

/*
 * Where the range stays the same and nothing else is to be done in between, a
 * few pairs at a time, so that the loop costs less beside a pair of 12 ns.
 */
#define BATCH	16

static uint64_t run_batch(const struct contender *c, void *request,
			  const struct range *range)
{
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		c->lock(run.lock, request, range->start, range->last,
			range->write);
		c->unlock(run.lock, request, range->start, range->last,
			  range->write);
	}
	return BATCH;
}

/*
 * All threads go on until they are told to stop, so that they compete until
 * the end however unfair the lock is, and a slow lock takes no longer than a
 * fast one.
 */
static void run_pairs(unsigned int thread)
{
	const struct contender *c = run.bc->contender;
	const struct workload *w = run.bc->workload;
	const unsigned int busy = w->busy + critical_section;
	const bool timed = w->time_waits || w->all_waits;
	uint64_t random = 0x9e3779b97f4a7c15ULL * (thread + 1);
	struct longest longest = { .schedstat = -1 };
	uint64_t pairs = 0, before, elapsed;
	_Alignas(64) char request[BENCH_REQUEST];
	struct waits waits;
	struct range range;

	first_range(&range, w, thread);
	if (timed) {
		memset(&waits, 0, sizeof(waits));
		longest.schedstat = open("/proc/thread-self/schedstat",
					 O_RDONLY | O_CLOEXEC);
		longest.delay = run_delay_ns(longest.schedstat);
	}
	prepare(c, request, range.start, range.last);
	do {
		if (next_range(&range, w, &random)) {
			prepare(c, request, range.start, range.last);
		} else if (!timed && !busy) {
			pairs += run_batch(c, request, &range);
			continue;
		}
		before = timed ? now_ns() : 0;
		c->lock(run.lock, request, range.start, range.last,
			range.write);
		elapsed = timed ? now_ns() - before : 0;
		stay_busy(busy);
		c->unlock(run.lock, request, range.start, range.last,
			  range.write);
		if (w->time_waits)
			longest_update(&longest, elapsed, pairs);
		if (w->all_waits)
			waits_update(&waits, &longest, elapsed);
		stay_busy(w->busy);
		pairs++;
	} while (!__atomic_load_n(&run.stop, __ATOMIC_RELAXED));
	__atomic_fetch_add(&run.pairs, pairs, __ATOMIC_RELAXED);
	if (longest.schedstat >= 0)
		close(longest.schedstat);
	update_max(&run.max_wait, longest.wait);
	update_max(&run.max_elapsed, longest.elapsed);
	if (w->all_waits)
		waits_merge(&waits);
}

/* Have shards, all of which have been used. */
static void split(void)
{
	const struct contender *c = run.bc->contender;
	_Alignas(64) char request[BENCH_REQUEST];
	struct range range;
	unsigned int i;

	c->split(run.lock, PAGE_BITS);
	/* Each shard has 4 of these pages, more or less. */
	for (i = 0; i < 256; i++) {
		set_page(&range, i);
		prepare(c, request, range.start, range.last);
		c->lock(run.lock, request, range.start, range.last, true);
		c->unlock(run.lock, request, range.start, range.last, true);
	}
}

/* The clock is looked at for each pair: what that takes is taken off. */
static void run_rejoins(void)
{
	const struct contender *c = run.bc->contender;
	_Alignas(64) char request[BENCH_REQUEST];
	uint64_t before, took;
	struct range range;

	first_range(&range, run.bc->workload, 0);
	prepare(c, request, range.start, range.last);
	do {
		split();
		before = now_ns();
		c->lock(run.lock, request, range.start, range.last, true);
		c->unlock(run.lock, request, range.start, range.last, true);
		took = now_ns() - before;
		run.transfer_time += took > run.clock_ns ? took - run.clock_ns : 0;
		run.pairs++;
	} while (!__atomic_load_n(&run.stop, __ATOMIC_RELAXED));
}

static void *stop_after(void *seconds)
{
	double length = *(double *)seconds;
	struct timespec ts = {
		.tv_sec = length,
		.tv_nsec = (length - (time_t)length) * 1e9,
	};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
	__atomic_store_n(&run.stop, true, __ATOMIC_RELAXED);
	return NULL;
}

void wait_for(const uint64_t *value, uint64_t wanted)
{
	unsigned int spins = 0;

	while (__atomic_load_n(value, __ATOMIC_ACQUIRE) < wanted) {
		cpu_relax();
		if (++spins % 65536 == 0)
			sched_yield();
	}
}

/*
 * Thread 0 holds first; transfer 1 is from thread 0 to thread 1, transfer 2
 * back, and so on. The taker says that it is about to lock. The giver then
 * keeps the lock for the settling time, so that the taker is waiting as its
 * lock has it wait, notes the time and unlocks; it does not touch the lock
 * again until the taker holds it. So every iteration is one transfer to a
 * thread that waits, and no lock can avoid it by letting one thread go on.
 * Only the time from just before unlock until lock has returned counts. When
 * time is up the giver says that this transfer is the last.
 */
static void run_handoffs(unsigned int thread)
{
	const struct contender *c = run.bc->contender;
	_Alignas(64) char request[BENCH_REQUEST];
	uint64_t i, until, took;
	struct range r;
	bool giver;

	first_range(&r, run.bc->workload, thread);
	prepare(c, request, r.start, r.last);
	if (thread == 0) {
		c->lock(run.lock, request, r.start, r.last, true);
		__atomic_store_n(&run.done, 1, __ATOMIC_RELEASE);
	}
	for (i = 1;; i++) {
		giver = i % 2 != thread;
		if (giver) {
			wait_for(&run.wanted, i);
			until = now_ns() + run.bc->workload->settle_us * 1000;
			do {
				run.released_at = now_ns();
			} while (run.released_at < until);
			run.last = i == MAX_TRANSFERS ||
				__atomic_load_n(&run.stop, __ATOMIC_RELAXED);
			c->unlock(run.lock, request, r.start, r.last, true);
			wait_for(&run.done, i + 1);
		} else {
			wait_for(&run.done, i);
			__atomic_store_n(&run.wanted, i, __ATOMIC_RELEASE);
			c->lock(run.lock, request, r.start, r.last, true);
			took = now_ns() - run.released_at;
			run.transfer_time += took;
			run.transfer_ns[i - 1] = took;
			run.pairs = i;
			__atomic_store_n(&run.done, i + 1, __ATOMIC_RELEASE);
		}
		if (run.last)
			break;
	}
	if (!giver)
		c->unlock(run.lock, request, r.start, r.last, true);
}

int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void bench_pin(unsigned int nth)
{
	cpu_set_t allowed, one;
	int cpu;

	sched_getaffinity(0, sizeof(allowed), &allowed);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed) || nth-- != 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

static uint64_t clock_cost_ns(void)
{
	uint32_t sample[101];
	uint64_t before;
	size_t i;

	for (i = 0; i < 101; i++) {
		before = now_ns();
		sample[i] = now_ns() - before;
	}
	qsort(sample, 101, sizeof(sample[0]), compare_u32);
	return sample[50];
}

void run_begin(const struct bench_case *bc, double seconds)
{
	const struct contender *c = bc->contender;
	size_t i, held = bc->workload->held;
	struct range range;

	memset(&run, 0, offsetof(struct run, transfer_ns));
	run.bc = bc;
	run.began = UINT64_MAX;
	pthread_mutex_init(&run.merging, NULL);
	run.clock_ns = clock_cost_ns();
	run.lock = c->create();
	/* From the top: a sorted list then finds each place at its head. */
	run.held = held ? alloc_aligned(held * BENCH_REQUEST) : NULL;
	for (i = held; i--;) {
		set_page(&range, 2 * i);
		prepare(c, run.held + i * BENCH_REQUEST, range.start,
			range.last);
		if (c->hold)
			c->hold(run.lock, run.held + i * BENCH_REQUEST,
				range.start, range.last);
		else
			c->lock(run.lock, run.held + i * BENCH_REQUEST,
				range.start, range.last, true);
	}
	if (bc->workload->sharded && c->split)
		split();
	run.seconds = seconds;
	if (pthread_create(&run.timer, NULL, stop_after, &run.seconds))
		die("pthread_create");
}

void run_body(unsigned int thread)
{
	cpu_set_t allowed;

	if (run.bc->workload->pattern == HANDOFF) {
		sched_getaffinity(0, sizeof(allowed), &allowed);
		bench_pin(thread);
		run_handoffs(thread);
		sched_setaffinity(0, sizeof(allowed), &allowed);
		return;
	}
	if (run.bc->workload->pattern == QUEUED) {
		queued_run(run.bc->contender, run.lock,
			   run.bc->workload->queued, &run.stop, &run.queued);
		run.transfer_time = run.queued.transfer_ns;
		run.pairs = run.queued.transfers;
		return;
	}
	if (run.bc->workload->pattern == TRANSFER) {
		run.pairs = 1000000;
		run.transfer_time = run.pairs * line_transfer_ns();
		return;
	}
	if (run.bc->workload->pattern == REJOIN) {
		run_rejoins();
		return;
	}
	update_min(&run.began, now_ns());
	run_pairs(thread);
	update_max(&run.finished, now_ns());
}

double run_seconds(void)
{
	if (run.transfer_time)
		return run.transfer_time / 1e9;
	return (run.finished - run.began) / 1e9;
}

uint64_t run_pairs_done(void)
{
	return run.pairs;
}

unsigned int run_counters(struct counter counters[BENCH_COUNTERS])
{
	const struct workload *w = run.bc->workload;
	struct counter *counter = counters;
	double nr = run.waits.nr;

	if (w->time_waits) {
		*counter++ = (struct counter){ "max_wait_us", run.max_wait / 1e3 };
		*counter++ = (struct counter){
			"max_elapsed_us", run.max_elapsed / 1e3 };
	}
	if (w->all_waits) {
		*counter++ = (struct counter){ "elapsed_half_us",
			waits_half_us(run.waits.elapsed) };
		*counter++ = (struct counter){ "elapsed_p999_us",
			waits_quantile_us(run.waits.elapsed, nr, 0.999) };
		*counter++ = (struct counter){ "wait_p999_us",
			waits_quantile_us(run.waits.waited, nr, 0.999) };
		*counter++ = (struct counter){ "elapsed_max_us",
			waits_quantile_us(run.waits.elapsed, nr, 1) };
		*counter++ = (struct counter){ "jain",
			run.shares * run.shares / run.squares / run.bc->threads };
	}
	if (w->pattern == QUEUED) {
		*counter++ = (struct counter){ "p50_us", run.queued.p50_ns / 1e3 };
		*counter++ = (struct counter){ "p99_us", run.queued.p99_ns / 1e3 };
		*counter++ = (struct counter){ "unlock_us",
			run.queued.unlock_ns / 1e3 / run.queued.transfers };
		*counter++ = (struct counter){ "first_unlock_us",
			run.queued.first_unlock_ns / 1e3 };
	}
	if (w->pattern == HANDOFF) {
		qsort(run.transfer_ns, run.pairs, sizeof(run.transfer_ns[0]),
		      compare_u32);
		*counter++ = (struct counter){
			"p50_us", run.transfer_ns[run.pairs / 2] / 1e3 };
		*counter++ = (struct counter){
			"p99_us", run.transfer_ns[run.pairs * 99 / 100] / 1e3 };
	}
	return counter - counters;
}

void run_finish(void)
{
	const struct contender *c = run.bc->contender;
	struct range range;
	size_t i;

	pthread_join(run.timer, NULL);
	for (i = 0; i < run.bc->workload->held; i++) {
		set_page(&range, 2 * i);
		c->unlock(run.lock, run.held + i * BENCH_REQUEST, range.start,
			  range.last, true);
	}
	free(run.held);
	c->destroy(run.lock);
}

bool case_wanted(const struct workload *w, const struct contender *c)
{
	size_t length = strlen(c->name);
	const char *found;

	if (!w->only)
		return !c->variant;
	for (found = strstr(w->only, c->name); found;
	     found = strstr(found + 1, c->name))
		if ((found == w->only || found[-1] == ' ') &&
		    (!found[length] || found[length] == ' '))
			return true;
	return false;
}

const char *case_skipped(const struct workload *w, const struct contender *c)
{
	cpu_set_t allowed;

	sched_getaffinity(0, sizeof(allowed), &allowed);
	if (w->pattern == TRANSFER && CPU_COUNT(&allowed) < 2)
		return "that takes two CPUs";
	/* Without ranges there is nothing to learn from held_0 either. */
	if (w->pattern == BETWEEN && c->max_held < (w->held ? w->held : 1))
		return c->max_held_why;
	return NULL;
}
