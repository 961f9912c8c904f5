// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Hand-offs with a queue. Every thread wants a range of its own, and all those
 * ranges have a page in common: one holds, all others wait. Whoever is granted
 * lets the one before it come back into the queue and settle there, looks at
 * the clock and unlocks, and leaves the lock alone until the next one has it.
 * So each hand-off happens with the same number of threads waiting, and goes to
 * one that waits.
 *
 * The first one is another matter: there all have come while the same one held.
 * Its unlock is reported apart.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MIN_TRANSFERS	8U
#define MAX_TRANSFERS	200000U
#define SETTLE_NS	200000U
#define NAP_US		20
#define STACK		65536U
#define HALF		1024U	/* pages on either side of the common one */

static struct {
	const struct contender *c;
	void *lock;
	unsigned int threads;
	const bool *stop;
	bool last;			/* whoever is granted, goes home */
	uint64_t released_at;
	_Alignas(64) uint64_t wanted;	/* threads that went to lock */
	_Alignas(64) uint64_t granted;
	uint32_t transfer_ns[MAX_TRANSFERS];
	uint32_t unlock_ns[MAX_TRANSFERS];
} queue;

struct queuer {
	pthread_t thread;
	pid_t tid;
	unsigned int nr;
};

static bool is_asleep(pid_t tid)
{
	char path[64], text[256] = "", *state;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "r");
	if (!f)
		die(path);
	state = fgets(text, sizeof(text), f) ? strrchr(text, ')') : NULL;
	fclose(f);
	return state && state[1] && state[2] == 'S';
}

/* As wait_for(), but leaves the CPU to whoever was granted. */
static void nap_for(const uint64_t *value, uint64_t wanted)
{
	while (__atomic_load_n(value, __ATOMIC_ACQUIRE) < wanted)
		usleep(NAP_US);
}

/* Let all the others be waiting, not just about to. */
static void settle(uint64_t grant, const struct queuer *all, unsigned int self)
{
	uint64_t until;
	unsigned int i;

	nap_for(&queue.wanted, queue.threads + grant);
	for (i = 0; grant == 0 && i < queue.threads; i++)
		while (i != self && !is_asleep(all[i].tid))
			usleep(NAP_US);
	until = now_ns() + SETTLE_NS;
	while (now_ns() < until)
		cpu_relax();
}

/* Of this thread: whatever takes its CPU away does not count. */
static uint64_t cpu_time_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void *queue_up(void *argument)
{
	struct queuer *self = argument, *all = self - self->nr;
	uint64_t random = 0x9e3779b97f4a7c15ULL * (self->nr + 1);
	const struct contender *c = queue.c;
	_Alignas(64) char request[BENCH_REQUEST];
	uint64_t start, last, grant, took, before;
	bool goes;

	start = random_below(&random, HALF) * BENCH_PAGE;
	last = (HALF + 1 + random_below(&random, HALF)) * BENCH_PAGE - 1;
	__atomic_store_n(&self->tid, gettid(), __ATOMIC_RELAXED);
	prepare(c, request, start, last);
	do {
		__atomic_fetch_add(&queue.wanted, 1, __ATOMIC_RELEASE);
		c->lock(queue.lock, request, start, last, true);
		took = now_ns() - queue.released_at;
		grant = queue.granted;
		goes = queue.last;
		if (grant && !goes)
			queue.transfer_ns[grant - 1] = took;
		__atomic_store_n(&queue.granted, grant + 1, __ATOMIC_RELEASE);
		if (!goes) {
			settle(grant, all, self->nr);
			goes = queue.last = grant + 1 == MAX_TRANSFERS ||
				(grant >= MIN_TRANSFERS &&
				 __atomic_load_n(queue.stop, __ATOMIC_RELAXED));
		}
		before = cpu_time_ns();
		queue.released_at = now_ns();
		c->unlock(queue.lock, request, start, last, true);
		if (!goes) {
			queue.unlock_ns[grant] = cpu_time_ns() - before;
			nap_for(&queue.granted, grant + 2);
		}
	} while (!goes);
	return NULL;
}

void queued_run(const struct contender *c, void *lock, unsigned int queued,
		const bool *stop, struct queued_result *result)
{
	struct queuer *all = alloc_aligned((queued + 1) * sizeof(*all));
	pthread_attr_t attr;
	uint64_t i;

	memset(&queue, 0, sizeof(queue));
	queue.c = c;
	queue.lock = lock;
	queue.threads = queued + 1;
	queue.stop = stop;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	for (i = 0; i <= queued; i++) {
		all[i].nr = i;
		if (pthread_create(&all[i].thread, &attr, queue_up, &all[i]))
			die("pthread_create");
	}
	pthread_attr_destroy(&attr);
	for (i = 0; i <= queued; i++)
		pthread_join(all[i].thread, NULL);
	free(all);

	/* Those who were granted after the end left no time. */
	memset(result, 0, sizeof(*result));
	for (i = 0; i < MAX_TRANSFERS && queue.transfer_ns[i]; i++) {
		result->transfer_ns += queue.transfer_ns[i];
		result->unlock_ns += queue.unlock_ns[i];
	}
	result->transfers = i;
	result->first_unlock_ns = queue.unlock_ns[0];
	qsort(queue.transfer_ns, i, sizeof(queue.transfer_ns[0]), compare_u32);
	result->p50_ns = queue.transfer_ns[i / 2];
	result->p99_ns = queue.transfer_ns[i * 99 / 100];
}
