/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of the benchmark know of each other. A contender is a lock
 * behind one table of operations; a workload says which ranges are taken; a
 * case is a workload, a contender and a number of threads. Every contender is
 * measured by the same loop, through the same two indirect calls.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BENCH_PAGE	4096ULL
#define BENCH_LAST	UINT64_MAX	/* of the full range */
#define BENCH_REQUEST	128		/* bytes that a request may need */

struct contender {
	const char *name;
	const char *what;
	/* Bytes per request, 0 if the lock remembers nothing of it. */
	size_t request_size;
	/* How many disjoint ranges may be held beside another, and why not more. */
	unsigned long max_held;
	const char *max_held_why;
	/* A read excludes other reads too. */
	bool exclusive;
	/* Only in the workloads that name it, such as those about bounds. */
	bool variant;

	void *(*create)(void);
	void (*destroy)(void *lock);
	/*
	 * Optional: make a request ready for a range; it may then be locked
	 * and unlocked with that range any number of times.
	 */
	void (*prepare)(void *request, uint64_t start, uint64_t last);
	/* The request belongs to the contender from lock() until unlock(). */
	void (*lock)(void *lock, void *request, uint64_t start, uint64_t last,
		     bool write);
	void (*unlock)(void *lock, void *request, uint64_t start,
		       uint64_t last, bool write);
	/* Optional: lock() for write without looking for conflicts, of which
	 * there are none; to have many ranges held, which is not measured. */
	void (*hold)(void *lock, void *request, uint64_t start, uint64_t last);
	/*
	 * Optional, while nothing is held: divide the space among shards, in
	 * segments of 2^@bits addresses.
	 */
	void (*split)(void *lock, unsigned int bits);
};

/* All of them, in the order of the report; NULL ends the list. */
extern const struct contender *const contenders[];

enum pattern {
	SAME,		/* every thread takes the same page */
	FULL,		/* every thread takes the full range */
	PRIVATE,	/* each thread takes a page of its own */
	RANDOM,		/* a random page in 1 GiB */
	MIXED,		/* 1 in 100 the full range for write, else RANDOM for read */
	BETWEEN,	/* a random page between the pages that are held */
	HANDOFF,	/* two threads give the full range to each other */
	QUEUED,		/* the same among many threads: see queued.c */
	WIDE,		/* @percent the full range for write, else RANDOM */
	REJOIN,		/* the full range, each time after a split */
	OVERLAP,	/* 1 to 64 pages of 256, @percent of them for write */
	TRANSFER,	/* no lock: a cache line from one CPU to another */
	CHAIN,		/* each thread the page of its own and the next one's */
};

/* Which of the workloads a run is about. */
enum set {
	SET_MAIN,
	SET_OVERSUBSCRIBED,
};

struct workload {
	const char *name;
	const char *what;
	enum pattern pattern;
	bool write;
	bool prepare_each;	/* as if the range were another one each time */
	bool time_waits;	/* record the longest wait of any thread */
	bool all_waits;		/* record all of them, and who got how much */
	bool sharded;		/* begin with shards */
	enum set set;
	const char *only;	/* the contenders in it; NULL: all of them */
	unsigned int threads;	/* 0: as many as asked for, one after the other */
	unsigned int max_threads; /* of those, only up to so many; 0: all */
	unsigned int percent;
	unsigned int busy;	/* rounds of an empty loop in and after each section */
	unsigned int queued;	/* QUEUED: how many wait */
	unsigned long held;	/* ranges that are held meanwhile */
	unsigned int settle_us;	/* HANDOFF: how long the taker may settle down */
};

extern const struct workload workloads[];	/* name == NULL ends the list */

struct bench_case {
	char name[96];		/* workload/contender */
	const struct workload *workload;
	const struct contender *contender;
	unsigned int threads;
};

struct bench_options {
	const char *out;	/* results in Google Benchmark's JSON */
	unsigned int rounds;
	double length;		/* of one measurement, in seconds */
	double budget;		/* seconds for all rounds; at least three run */
};

#define BENCH_COUNTERS	6

/* What a workload tells beside its time. */
struct counter {
	const char *name;
	double value;
};

/* Whether the case is meant to be run at all. */
bool case_wanted(const struct workload *w, const struct contender *c);
/* Why the case cannot be run, or NULL. */
const char *case_skipped(const struct workload *w, const struct contender *c);

/* Rounds of an empty loop inside each critical section, 0 by default. */
extern unsigned int critical_section;

/*
 * One measurement: begin in one thread, body in all, finish in one of them.
 * Only one runs at a time. What came of it is known after all bodies returned:
 * how long it took from the first thread's begin to the last one's end (or
 * how long all the hand-offs took), and the pairs (or hand-offs) of all.
 */
void run_begin(const struct bench_case *bc, double seconds);
void run_body(unsigned int thread);
double run_seconds(void);
uint64_t run_pairs_done(void);
unsigned int run_counters(struct counter counters[BENCH_COUNTERS]); /* how many */
void run_finish(void);

/* What a hand-off with a queue took. In queued.c. */
struct queued_result {
	uint64_t transfers;
	uint64_t transfer_ns;	/* of all: unlock called until lock returned */
	uint64_t unlock_ns;	/* of all: CPU time of unlock */
	uint64_t first_unlock_ns;
	uint32_t p50_ns;	/* of a transfer */
	uint32_t p99_ns;
};

void queued_run(const struct contender *c, void *lock, unsigned int queued,
		const bool *stop, struct queued_result *result);

/* How long a cache line takes from one CPU to another. In transfer.c. */
double line_transfer_ns(void);

/* Google Benchmark, in shim.cc. */
int shim_run(struct bench_case *cases, size_t nr_cases,
	     const struct bench_options *options);
void shim_context(const char *key, const char *value);

/* The exclusion oracle: every contender, and one that must be caught. */
int verify(double seconds);

static inline void prepare(const struct contender *c, void *request,
			   uint64_t start, uint64_t last)
{
	if (c->prepare)
		c->prepare(request, start, last);
}

void die(const char *what) __attribute__((noreturn));
void *alloc_aligned(size_t size);	/* zeroed, on a cache line; or dies */
uint64_t now_ns(void);
void bench_pin(unsigned int nth);	/* to the nth CPU that we may use */
int compare_u32(const void *a, const void *b);	/* for qsort() */
/* Poll until *@value is at least @wanted. */
void wait_for(const uint64_t *value, uint64_t wanted);

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("" ::: "memory");
#endif
}

/* xorshift64*: the upper 32 bits of its state's product. */
static inline uint32_t random_u32(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (*state * 0x2545f4914f6cdd1dULL) >> 32;
}

/* Uniform enough in [0, n). */
static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
	return ((uint64_t)random_u32(state) * n) >> 32;
}

#ifdef __cplusplus
}
#endif
#endif /* BENCH_H */
