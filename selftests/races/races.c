// SPDX-License-Identifier: GPL-2.0
/*
 * What ThreadSanitizer says about users of the lock. It must report an access
 * outside of the ranges that were held, if librangelock_tsan.a is linked, and
 * never one that the lock orders; with the lock compiled with -fsanitize=thread
 * most of the former are lost, and none of the latter is.
 *
 * A script is a list of steps, each of which ends before the next one begins.
 * The first letter says who does it; each is a thread of its own. Then, for
 * request N and the addresses X to Y:
 *
 *	wN:X-Y  rN:X-Y	take for write, for read, without a wait
 *	WN:X-Y  RN:X-Y	begin to wait for that; "." is when it is held
 *	tN:X-Y		trylock for write, which succeeds
 *	cN:X-Y  CN:X-Y	the same with a deadline in the future; CN has to wait
 *	fN:X-Y		trylock for write, which fails
 *	pN:X-Y		the same with a deadline that has passed
 *	uN  dN		give back, downgrade
 *	=X  ?X		write, read element X of an array
 *	>  <		say that something is done; see that it is
 *	s		split the lock into shards
 *	m		take very many other ranges, one by one
 *	n		destroy the tree and prepare it again
 *
 * Y may be "max". The threads tell each other what to do by READ_ONCE() and
 * WRITE_ONCE(), which order nothing to ThreadSanitizer, so that whatever is
 * ordered was so by the lock. That is known from how it was done, and not from
 * luck: so is what ThreadSanitizer will report.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include <linux/kernel.h>
#include <linux/range_lock.h>

#include "named_tests.h"

#define HANG_SECONDS	120

#define ACTORS		4
#define STEPS		50
#define REQUESTS	10
#define ELEMENTS	64
/* More than userspace/tsan.c keeps; far from all others. */
#define VERY_MANY	17000
#define FAR_AWAY	(1ULL << 32)

int range_read_clocklock(struct range_lock_tree *tree, struct range_lock *lock,
			 clockid_t clock, const struct timespec *abstime);
int range_write_clocklock(struct range_lock_tree *tree, struct range_lock *lock,
			  clockid_t clock, const struct timespec *abstime);

/* What has to come of a script. */
enum outcome {
	SILENT,
	REPORTED,		/* by ranges, and by a TSan that sees all */
	REPORTED_BY_RANGES,	/* and not by a TSan that sees all */
	REPORTED_AT_LEAST,	/* by ranges */
};

static const struct script {
	const char *name;
	enum outcome outcome;
	const char *steps;
} scripts[] = {
	/* Mistakes of users. */
	{ "write_outside", REPORTED_BY_RANGES,
	  "Aw1:0-9 A=20 Au1 Bw1:20-29 B=20 Bu1" },
	{ "write_behind_the_last", REPORTED_BY_RANGES,
	  "Aw1:0-9 A=10 Au1 Bw1:10-19 B=10 Bu1" },
	{ "write_before_the_start", REPORTED_BY_RANGES,
	  "Aw1:10-19 A=9 Au1 Bw1:0-9 B=9 Bu1" },
	{ "read_outside", REPORTED_BY_RANGES,
	  "Aw1:0-9 A=5 Au1 Br1:20-29 B?5 Bu1" },
	{ "write_outside_a_read", REPORTED_BY_RANGES,
	  "Ar1:0-9 A=20 Au1 Br1:20-29 B?20 Bu1" },
	{ "write_under_read", REPORTED_BY_RANGES,
	  "Ar1:0-9 A=5 Au1 Br1:0-9 B=5 Bu1" },
	{ "write_under_read_at_once", REPORTED,
	  "Ar1:0-9 Br2:0-9 A=5 B=5 Au1 Bu2" },
	{ "write_under_read_of_others", REPORTED_BY_RANGES,
	  "Ar1:0-9 A=5 Au1 Br1:4-6 B?5 Bu1" },
	{ "write_after_downgrade", REPORTED_BY_RANGES,
	  "Aw1:0-9 Ad1 A=5 Au1 Br1:0-9 B?5 Bu1" },
	{ "write_after_unlock", REPORTED,
	  "Aw1:0-9 Au1 A=5 Bw1:0-9 B=5 Bu1" },
	{ "write_without_a_range", REPORTED,
	  "A=5 Bw1:0-9 B=5 Bu1" },
	{ "write_in_the_hole_between_two", REPORTED_BY_RANGES,
	  "Aw1:0-3 Aw2:6-9 A=5 Au1 Au2 Bw1:4-5 B=5 Bu1" },
	{ "other_tree_in_the_same_memory", REPORTED_AT_LEAST,
	  "Aw1:0-9 A=5 Au1 Cn Bw1:0-9 B=5 Bu1" },

	/* What looks as if it ordered something. */
	{ "disjoint_in_between", REPORTED_BY_RANGES,
	  "Aw1:0-9 A=20 Au1 Cw1:10-19 Cu1 Bw1:20-29 B=20 Bu1" },
	{ "chain_with_a_gap", REPORTED_BY_RANGES,
	  "Aw1:0-9 A=5 Au1 Cw1:10-19 Cu1 Bw1:10-19 B=5 Bu1" },
	{ "chain_of_readers", REPORTED_BY_RANGES,
	  "A=50 Ar1:0-5 Au1 Cr1:5-9 Cu1 Br1:0-9 B=50 Bu1" },
	{ "readers_before_a_writer", REPORTED_BY_RANGES,
	  "A=50 Ar1:0-5 Au1 Bw1:6-9 B=50 Bu1" },
	{ "readers_cut_apart", REPORTED_BY_RANGES,
	  "Ar1:0-9 Au1 Cw1:4-5 Cu1 A=50 Ar1:0-3 Au1 Bw1:6-9 B=50 Bu1" },
	{ "trylock_that_fails", REPORTED_BY_RANGES,
	  "A=50 Aw1:0-5 Au1 Aw1:0-9 Bf2:0-9 B=50 Au1" },
	{ "deadline_that_passed", REPORTED_BY_RANGES,
	  "A=50 Aw1:0-5 Au1 Aw1:0-9 Bp2:0-9 B=50 Au1" },
	{ "first_waits", REPORTED_BY_RANGES,
	  "Cw1:0-0 Cw2:1-1 A=50 AW3:0-0 Cu1 A. BW4:1-1 Cu2 B. B=50 Au3 Bu4" },
	{ "unlock_by_who_has_not_seen_it", REPORTED,
	  "Aw1:0-9 A=5 Bu1 Cw1:0-9 C=5 Cu1" },
	{ "split_in_between", REPORTED_AT_LEAST,
	  "Cw3:0-0 Cw4:32-32 Aw1:2-3 A=12 Au1 Cs Bw2:12-13 B=12 Bu2 Cu3 Cu4" },
	{ "join_in_between", REPORTED_AT_LEAST,
	  "Cw3:40-40 Cw4:50-50 Cs Aw1:2-3 A=12 Au1 Df2:0-max "
	  "Bw2:12-13 B=12 Bu2 Cu3 Cu4" },

	/* What is right. */
	{ "disjoint_writers", SILENT,
	  "Aw1:0-9 Bw2:10-19 A=0 B=10 A=9 B=19 Au1 Bu2" },
	{ "the_same_range_again", SILENT,
	  "Aw1:0-9 A=5 Au1 Bw1:0-9 B=5 Bu1 Aw1:0-9 A=5 Au1" },
	{ "what_was_done_before_the_lock", SILENT,
	  "A=50 Aw1:0-9 Au1 Bw1:9-9 B=50 Bu1" },
	{ "handed_on_in_a_chain", SILENT,
	  "A=50 Aw1:0-9 Au1 Bw1:9-20 Bu1 Cr1:20-30 Cu1 Dw1:30-30 D=50 Du1" },
	{ "a_wait", SILENT,
	  "Aw1:0-9 A=5 BW2:5-15 Au1 B. B=5 Bu2" },
	{ "a_queue", SILENT,
	  "Aw1:0-9 A=5 BW2:0-9 CR3:5-5 DR4:5-5 A=5 Au1 B. B=5 Bu2 C. "
	  "D. C?5 D?5 Cu3 Du4" },
	{ "readers_then_a_writer", SILENT,
	  "Ar1:0-9 Br2:0-9 A?5 B?5 Bu2 Au1 Cw3:5-5 C=5 Cu3" },
	{ "the_same_read_by_two", SILENT,
	  "Ar1:0-9 A?5 Au1 Br1:0-9 B?5 Bu1 Ar1:0-9 A?6 Au1 Cw1:5-6 "
	  "C=5 C=6 Cu1" },
	{ "a_writer_over_the_union_of_readers", SILENT,
	  "Ar1:0-9 Br2:8-19 Cr3:20-29 A?0 A?8 B?8 B?19 C?20 C?29 Au1 "
	  "Bu2 Cu3 Dw4:0-29 D=0 D=8 D=19 D=20 D=29 Du4" },
	{ "a_part_of_a_read", SILENT,
	  "Ar1:0-5 A?5 Au1 Br1:5-9 B?9 Bu1 Cw1:9-9 C=9 Cu1" },
	{ "readers_after_a_writer", SILENT,
	  "Aw1:0-9 A=0 A=9 Au1 Br1:0-4 Cr2:5-9 B?0 C?9 Bu1 Cu2 "
	  "Dw1:0-9 D=0 D=9 Du1" },
	{ "left_and_right_of_a_later_write", SILENT,
	  "Aw1:0-9 A=0 A=3 A=6 A=9 Au1 Bw1:4-5 Bu1 Cw1:0-3 C=0 C=3 "
	  "Cu1 Dw1:6-9 D=6 D=9 Du1" },
	{ "left_and_right_of_a_read", SILENT,
	  "Ar1:0-9 A?0 A?3 A?6 A?9 Au1 Bw1:4-5 Bu1 Cw1:0-3 C=0 C=3 "
	  "Cu1 Dw1:6-9 D=6 D=9 Du1" },
	{ "read_again_after_a_cut", SILENT,
	  "Ar1:0-9 A?0 Au1 Bw1:5-9 Bu1 Cr1:0-4 C?1 Cu1 Dw1:0-1 D=0 D=1 Du1" },
	{ "points_of_a_wide_write", SILENT,
	  "Aw1:0-max A=0 A=1 A=63 Au1 Bw1:0-0 B=0 Bu1 Cw1:1-1 C=1 Cu1 "
	  "Dw1:2-max D=63 Du1" },
	{ "a_wide_write_after_points", SILENT,
	  "Aw1:0-0 A=0 Au1 Bw1:63-63 B=63 Bu1 Cr1:1-1 C?1 Cu1 "
	  "Dw1:0-max D=0 D=63 D=1 Du1" },
	{ "the_last_address", SILENT,
	  "Aw1:5-max A=5 Au1 Br1:0-max B?5 Bu1 Cw1:5-max C=5 Cu1" },
	{ "downgrade", SILENT,
	  "Aw1:0-9 A=5 Ad1 Br2:0-9 B?5 A?5 Au1 Bu2 Cw1:0-9 C=5 Cu1" },
	{ "downgrade_lets_readers_go", SILENT,
	  "Aw1:0-9 A=5 BR2:0-9 Ad1 B. B?5 A?5 Bu2 Au1 Cw1:0-9 C=5 Cu1" },
	{ "trylock", SILENT,
	  "Aw1:0-9 A=5 Au1 Bt1:0-9 B=5 Bu1 Cw1:0-9 C=5 Cu1" },
	{ "trylock_after_a_reader", SILENT,
	  "Ar1:0-9 A?5 Au1 Bt1:0-9 B=5 Bu1" },
	{ "deadline", SILENT,
	  "Aw1:0-9 A=5 Au1 Bc1:0-9 B=5 CC2:0-9 Bu1 C. C=5 Cu2" },
	{ "given_up_and_taken_again", SILENT,
	  "Aw1:0-9 A=5 Bp2:0-9 Bf2:0-9 Au1 Bt2:0-9 B=5 Bu2" },
	{ "unlock_by_another_thread", SILENT,
	  "Cw1:0-9 C=5 Cu1 Aw1:0-9 A=6 A> B< Bu1 Dw1:0-9 D=5 D=6 Du1" },
	{ "shards", SILENT,
	  "Cw3:0-0 Cw4:32-32 C=0 C=32 Cs Aw1:2-3 A=2 Au1 Bw1:2-2 B=2 "
	  "Bu1 Cu3 Aw1:0-0 A=0 Au1 Cu4 Bw1:31-33 B=32 Bu1 Dw1:0-max "
	  "D=0 D=2 D=32 Du1" },
	{ "split_and_join", SILENT,
	  "Cw3:0-0 Cw4:32-32 Aw1:2-3 A=2 Cs AW2:31-33 Cu4 A. A=32 Au1 "
	  "Au2 Cs Dw1:2-40 D=2 D=32 Du1 Cu3" },
	{ "very_many_ranges", SILENT,
	  "Aw1:0-9 A=5 Au1 Br1:0-5 B?5 Bu1 Cm Dw1:5-5 D=5 Du1 Cm "
	  "Dw1:0-max D=5 Du1 Aw1:5-5 A=5 Au1" },
	/* One more than can be kept, and all before it is ordered. */
	{ "very_many_ranges_are_not_kept", SILENT,
	  "A=50 Am Bw1:0-0 B=50 Bu1" },
};

/* Reports of ThreadSanitizer, which calls this. */

static unsigned int reports;

void __tsan_on_report(void *report);
const char *__tsan_default_options(void);

void __tsan_on_report(void *report)
{
	(void)report;
	__atomic_fetch_add(&reports, 1, __ATOMIC_RELAXED);
}

/* A report is no failure here; the checks say what is. */
const char *__tsan_default_options(void)
{
	return "exitcode=0";
}

/* The actors. */

static struct range_lock_tree tree;
static struct range_lock locks[STEPS];		/* one for each step */
static struct range_lock *requests[REQUESTS];	/* what is request N for now */
static bool for_read[REQUESTS];
static int elements[ELEMENTS];
static bool said;

static struct actor {
	pthread_t thread;
	const char *step;	/* what to do; NULL when it is done */
} actors[ACTORS];

static noinline void write_element(int i)
{
	elements[i] = 1;
}

static noinline void read_element(int i)
{
	/* The compiler must not know that nobody wants it. */
	__asm__ volatile("" : : "r" (elements[i]));
}

static void take_very_many(void)
{
	struct range_lock lock;
	int i;

	for (i = 0; i < VERY_MANY; i++) {
		range_lock_init(&lock, FAR_AWAY + 2 * i, FAR_AWAY + 2 * i);
		range_write_lock(&tree, &lock);
		range_write_unlock(&tree, &lock);
	}
}

static void take(char how, int number)
{
	struct timespec deadline = { 0, 0 };
	struct range_lock *lock = READ_ONCE(requests[number]);

	WRITE_ONCE(for_read[number], tolower(how) == 'r');
	switch (how) {
	case 'w': case 'W':
		range_write_lock(&tree, lock);
		break;
	case 'r': case 'R':
		range_read_lock(&tree, lock);
		break;
	case 't':
		CHECK(range_write_trylock(&tree, lock));
		break;
	case 'f':
		CHECK(!range_write_trylock(&tree, lock));
		break;
	case 'c': case 'C':
		clock_gettime(CLOCK_MONOTONIC, &deadline);
		deadline.tv_sec += 1000;
		CHECK(!range_write_clocklock(&tree, lock, CLOCK_MONOTONIC,
					     &deadline));
		break;
	case 'p':
		CHECK(range_write_clocklock(&tree, lock, CLOCK_MONOTONIC,
					    &deadline) == ETIMEDOUT);
		break;
	default:
		CHECK(!"a known step");
	}
}

static void give_back(int number)
{
	struct range_lock *lock = READ_ONCE(requests[number]);

	if (READ_ONCE(for_read[number]))
		range_read_unlock(&tree, lock);
	else
		range_write_unlock(&tree, lock);
}

static void act(const char *step)
{
	int number = atoi(step + 1);

	switch (*step) {
	case '=':
		write_element(number);
		break;
	case '?':
		read_element(number);
		break;
	case '>':
		__atomic_store_n(&said, true, __ATOMIC_RELEASE);
		break;
	case '<':
		CHECK(__atomic_load_n(&said, __ATOMIC_ACQUIRE));
		break;
	case 'u':
		give_back(number);
		break;
	case 'd':
		range_downgrade_write(&tree, READ_ONCE(requests[number]));
		WRITE_ONCE(for_read[number], true);
		break;
	case 's':
		range_lock_split(&tree, 1);
		break;
	case 'm':
		take_very_many();
		break;
	case 'n':
		range_lock_tree_destroy(&tree);
		__range_lock_tree_init(&tree, 0, NULL, NULL);
		break;
	default:
		take(*step, number);
	}
}

/* A step is at least one letter; this is none. */
static const char quit[] = "";

static void *play(void *arg)
{
	struct actor *actor = arg;
	const char *step;

	for (;;) {
		while (!(step = READ_ONCE(actor->step)))
			sched_yield();
		if (step == quit)
			return NULL;
		act(step);
		WRITE_ONCE(actor->step, NULL);
	}
}

static bool done(const struct actor *actor)
{
	return !READ_ONCE(actor->step);
}

static const char *next_step(const char *step)
{
	step += strcspn(step, " ");
	return step + strspn(step, " ");
}

/* The range that @step asks for, if it does. */
static bool find_range(const char *step, u64 *start, u64 *last)
{
	char text[10];

	if (sscanf(step, "%*c%*c%*d:%llu-%9[^ ]", start, text) != 2)
		return false;
	*last = strcmp(text, "max") ? strtoull(text, NULL, 10) : U64_MAX;
	return true;
}

/* Before there are threads: whoever wrote to a request later would order it. */
static void prepare_locks(const char *step)
{
	struct range_lock *lock = locks;
	u64 start, last;

	for (; *step; step = next_step(step)) {
		if (!find_range(step, &start, &last))
			continue;
		CHECK(lock < locks + STEPS);
		range_lock_init(lock++, start, last);
	}
}

static void play_step(const char *step, struct range_lock **next_lock)
{
	struct actor *actor = &actors[*step++ - 'A'];
	int number = atoi(step + 1);
	u64 start, last;

	if (*step != '.') {
		CHECK(done(actor));
		if (find_range(step - 1, &start, &last))
			WRITE_ONCE(requests[number], (*next_lock)++);
		WRITE_ONCE(actor->step, step);
	}
	if (strchr("WRC", *step))
		AWAIT(READ_ONCE(requests[number]->state) == RANGE_LOCK_BLOCKED);
	else
		AWAIT(done(actor));
}

static void play_script(void)
{
	const struct script *script = scripts;
	struct range_lock *lock = locks;
	const char *step;
	bool reported;
	int i;

	while (strcmp(script->name, test_name))
		script++;
	/* A report that has to come is not worth reading. */
	if (script->outcome != SILENT)
		CHECK(freopen("/dev/null", "w", stderr));
	__range_lock_tree_init(&tree, 0, NULL, NULL);
	prepare_locks(script->steps);
	for (i = 0; i < ACTORS; i++)
		CHECK(!pthread_create(&actors[i].thread, NULL, play, &actors[i]));
	for (step = script->steps; *step; step = next_step(step))
		play_step(step, &lock);
	for (i = 0; i < ACTORS; i++)
		WRITE_ONCE(actors[i].step, quit);
	for (i = 0; i < ACTORS; i++)
		pthread_join(actors[i].thread, NULL);
	reported = READ_ONCE(reports);
	range_lock_tree_destroy(&tree);
#ifndef SEES_RANGES
	if (script->outcome == REPORTED_AT_LEAST)
		return;
	CHECK(reported == (script->outcome == REPORTED));
#else
	CHECK(reported == (script->outcome != SILENT));
#endif
}

/* Threads that do all kinds of things, and nothing wrong. */

#define THREADS		4
#define ROUNDS		4000

static long increments;

static bool take_somehow(struct range_lock *lock, bool write, unsigned int how)
{
	struct timespec soon;

	switch (how % 4) {
	case 0:
		return write ? range_write_trylock(&tree, lock) :
			       range_read_trylock(&tree, lock);
	case 1:
		clock_gettime(CLOCK_MONOTONIC, &soon);
		soon.tv_nsec = min(soon.tv_nsec + 20000, 999999999L);
		return !(write ? range_write_clocklock : range_read_clocklock)
			(&tree, lock, CLOCK_MONOTONIC, &soon);
	default:
		(write ? range_write_lock : range_read_lock)(&tree, lock);
		return true;
	}
}

static void *work(void *arg)
{
	unsigned int seed = (long)arg, start, last, i;
	long done_here = 0, sum = 0;
	struct range_lock lock;
	int round;
	bool write;

	for (round = 0; round < ROUNDS; round++) {
		start = rand_r(&seed) % ELEMENTS;
		last = min(start + rand_r(&seed) % 9, ELEMENTS - 1U);
		write = rand_r(&seed) % 2;
		range_lock_init(&lock, start, round % 100 ? last : U64_MAX);
		if (round % 10 == 0)
			range_lock_split(&tree, rand_r(&seed) % 5);
		if (!take_somehow(&lock, write, rand_r(&seed)))
			continue;
		if (rand_r(&seed) % 4 == 0)
			sched_yield();
		for (i = start; write && i <= last; i++, done_here++)
			elements[i]++;
		if (write && rand_r(&seed) % 4 == 0) {
			range_downgrade_write(&tree, &lock);
			write = false;
		}
		for (i = start; i <= last; i++)
			sum += elements[i];
		if (write)
			range_write_unlock(&tree, &lock);
		else
			range_read_unlock(&tree, &lock);
	}
	__asm__ volatile("" : : "r" (sum));	/* as above */
	__atomic_fetch_add(&increments, done_here, __ATOMIC_RELAXED);
	return NULL;
}

static void random_work(void)
{
	pthread_t threads[THREADS];
	long i, sum = 0;

	__range_lock_tree_init(&tree, RANGE_LOCK_BOUND_NS, NULL, NULL);
	for (i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, work, (void *)(i + 1)));
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < ELEMENTS; i++)
		sum += elements[i];
	CHECK(sum == increments);
	CHECK(sum);
	CHECK(!READ_ONCE(reports));
	range_lock_tree_destroy(&tree);
}

/* A child uses a tree of its own, wherever the others are at the fork. */

#define FORKS	20

static bool may_stop;

static void *lock_and_unlock(void *arg)
{
	struct range_lock lock;

	while (!READ_ONCE(may_stop)) {
		range_lock_init_full(&lock);
		range_write_lock(&tree, &lock);
		range_write_unlock(&tree, &lock);
	}
	return arg;
}

static void lock_own_tree(void)
{
	struct range_lock_tree own;
	struct range_lock lock;

	alarm(HANG_SECONDS / 4);
	__range_lock_tree_init(&own, 0, NULL, NULL);
	range_lock_init_full(&lock);
	range_write_lock(&own, &lock);
	range_write_unlock(&own, &lock);
	range_lock_tree_destroy(&own);
	_exit(0);
}

static void fork_while_others_lock(void)
{
	pthread_t threads[2];
	int i, status;
	pid_t pid;

	__range_lock_tree_init(&tree, 0, NULL, NULL);
	for (i = 0; i < 2; i++)
		CHECK(!pthread_create(&threads[i], NULL, lock_and_unlock, NULL));
	for (i = 0; i < FORKS; i++) {
		pid = fork();
		if (!pid)
			lock_own_tree();
		CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
		CHECK(!status);
	}
	WRITE_ONCE(may_stop, true);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	CHECK(!READ_ONCE(reports));
	range_lock_tree_destroy(&tree);
}

int main(int argc, char **argv)
{
	struct named_test tests[ARRAY_SIZE(scripts) + 2] = {
		TEST(random_work),
		TEST(fork_while_others_lock),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(scripts); i++)
		tests[i + 2] = (struct named_test){
			.name = scripts[i].name, .run = play_script,
		};
	return run_named_tests(argc, argv, tests, ARRAY_SIZE(tests),
			       HANG_SECONDS);
}
