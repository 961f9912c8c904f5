// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A benchmark of a lock that does not lock is worth nothing: here each
 * contender runs random ranges and modes under an oracle. Every page of a
 * small space has a count of its owners, -1 for a writer, which whoever holds
 * the page checks. Beside it stands a plain counter that writers increment;
 * its sum tells whether they saw each other's stores. A contender that does
 * nothing comes first and has to be caught.
 */
#include "bench.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PAGES		16
#define THREADS		4
#define BEFORE_CLOCK	64

static struct oracle {
	const struct contender *contender;
	void *lock;
	uint64_t deadline;
	bool expect_failure;
	uint64_t violations;
	uint64_t pairs;
	int owners[PAGES];
	uint64_t writes[PAGES];		/* plain, protected by the lock alone */
	uint64_t writes_total;
} oracle;

static void violation(void)
{
	__atomic_fetch_add(&oracle.violations, 1, __ATOMIC_RELAXED);
}

static void check_write(unsigned int first, unsigned int last, bool yield)
{
	unsigned int i;

	for (i = first; i <= last; i++) {
		if (__atomic_exchange_n(&oracle.owners[i], -1,
					__ATOMIC_RELAXED) != 0)
			violation();
		oracle.writes[i]++;
	}
	if (yield)
		sched_yield();
	for (i = first; i <= last; i++)
		if (__atomic_exchange_n(&oracle.owners[i], 0,
					__ATOMIC_RELAXED) != -1)
			violation();
	__atomic_fetch_add(&oracle.writes_total, last - first + 1,
			   __ATOMIC_RELAXED);
}

static void check_read(unsigned int first, unsigned int last, bool yield)
{
	uint64_t before = 0, after = 0;
	unsigned int i;

	for (i = first; i <= last; i++) {
		if (__atomic_fetch_add(&oracle.owners[i], 1,
				       __ATOMIC_RELAXED) < 0)
			violation();
		before += oracle.writes[i];
	}
	if (yield)
		sched_yield();
	for (i = first; i <= last; i++) {
		if (__atomic_fetch_sub(&oracle.owners[i], 1,
				       __ATOMIC_RELAXED) < 1)
			violation();
		after += *(volatile uint64_t *)&oracle.writes[i];
	}
	if (before != after)
		violation();
}

static void *thread_body(void *arg)
{
	const struct contender *c = oracle.contender;
	uint64_t random = (uintptr_t)arg * 0x9e3779b97f4a7c15ULL;
	_Alignas(64) char request[BENCH_REQUEST];
	unsigned int first, last, kind;
	uint64_t start, end_byte, pairs;
	bool write, yield;

	for (pairs = 0;; pairs++) {
		if (pairs % BEFORE_CLOCK == 0 && now_ns() >= oracle.deadline)
			break;
		/* A caught culprit has nothing more to show. */
		if (oracle.expect_failure &&
		    __atomic_load_n(&oracle.violations, __ATOMIC_RELAXED))
			break;
		kind = random_below(&random, 64);
		first = random_below(&random, PAGES);
		last = first + random_below(&random, kind < 32 ? 4 : PAGES);
		if (last >= PAGES)
			last = PAGES - 1;
		start = first * BENCH_PAGE;
		end_byte = (last + 1) * BENCH_PAGE - 1;
		if (kind == 63) {
			first = 0;
			last = PAGES - 1;
			start = 0;
			end_byte = BENCH_LAST;
		}
		write = random_below(&random, 2);
		yield = random_below(&random, 8) == 0;

		prepare(c, request, start, end_byte);
		c->lock(oracle.lock, request, start, end_byte, write);
		if (write)
			check_write(first, last, yield);
		else
			check_read(first, last, yield);
		c->unlock(oracle.lock, request, start, end_byte, write);
	}
	__atomic_fetch_add(&oracle.pairs, pairs, __ATOMIC_RELAXED);
	return NULL;
}

static bool run_oracle(const struct contender *c, double seconds,
		       bool expect_failure)
{
	pthread_t threads[THREADS];
	uint64_t writes = 0;
	uintptr_t i;

	alarm(60 + seconds);
	oracle = (struct oracle){
		.contender = c,
		.lock = c->create(),
		.deadline = now_ns() + seconds * 1e9,
		.expect_failure = expect_failure,
	};
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, thread_body,
				   (void *)(i + 1)))
			die("pthread_create");
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	alarm(0);
	c->destroy(oracle.lock);

	for (i = 0; i < PAGES; i++)
		writes += oracle.writes[i];
	if (writes != oracle.writes_total)
		violation();
	return oracle.violations == 0;
}

static void *create_nothing(void)
{
	return NULL;
}

static void destroy_nothing(void *lock)
{
	(void)lock;
}

static void do_nothing(void *lock, void *request, uint64_t start,
		       uint64_t last, bool write)
{
	(void)lock;
	(void)request;
	(void)start;
	(void)last;
	(void)write;
}

static const struct contender nothing = {
	.name = "nothing",
	.create = create_nothing, .destroy = destroy_nothing,
	.lock = do_nothing, .unlock = do_nothing,
};

/* A lock that loses a waiter hangs: say which one, and fail. */
static void hangs(int signal)
{
	static const char text[] = ": hangs\n";
	const char *name = oracle.contender->name;

	(void)signal;
	if (write(STDERR_FILENO, name, strlen(name)) < 0 ||
	    write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(2);
	_exit(1);
}

int verify(double seconds)
{
	const struct contender *const *c;
	unsigned int nr = 1, failed = 0;
	bool ok;

	for (c = contenders; *c; c++)
		nr += !(*c)->variant;
	printf("KTAP version 1\n1..%u\n", nr);
	fflush(stdout);
	signal(SIGALRM, hangs);

	/* However slow the machine: until it is caught, or a minute. */
	ok = !run_oracle(&nothing, 60, true);
	printf("%s 1 a lock that does nothing is caught # %llu pairs\n",
	       ok ? "ok" : "not ok", (unsigned long long)oracle.pairs);
	failed += !ok;

	for (c = contenders, nr = 2; *c; c++) {
		if ((*c)->variant)
			continue;
		ok = run_oracle(*c, seconds, false) && oracle.pairs;
		printf("%s %u %s excludes # %llu pairs, %llu violations\n",
		       ok ? "ok" : "not ok", nr++, (*c)->name,
		       (unsigned long long)oracle.pairs,
		       (unsigned long long)oracle.violations);
		fflush(stdout);
		failed += !ok;
	}
	return failed != 0;
}
