// SPDX-License-Identifier: LGPL-2.1-or-later
/* What it costs that a cache line goes from one CPU to another. */
#define _GNU_SOURCE
#include "bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define SAMPLES		2000
#define EXCHANGES	100U

/* The two threads take turns in adding 1. Alone on its line. */
static struct {
	_Alignas(64) uint64_t turn;
} line;

static void *add_odd(void *unused)
{
	uint64_t i, expected;

	(void)unused;
	bench_pin(1);
	for (i = 0; i < (uint64_t)SAMPLES * EXCHANGES; i++) {
		do {
			expected = 2 * i + 1;
		} while (!__atomic_compare_exchange_n(&line.turn, &expected,
						      2 * i + 2, false,
						      __ATOMIC_SEQ_CST,
						      __ATOMIC_RELAXED));
	}
	return NULL;
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * Each exchange takes the line there and back, with an atomic operation on both
 * sides, as a lock has it. The 10th percentile: whatever disturbs only adds.
 */
double line_transfer_ns(void)
{
	static double sample[SAMPLES];
	uint64_t i, expected, before;
	cpu_set_t allowed;
	pthread_t other;
	unsigned int s;

	sched_getaffinity(0, sizeof(allowed), &allowed);
	line.turn = 0;
	if (pthread_create(&other, NULL, add_odd, NULL))
		die("pthread_create");
	bench_pin(0);
	for (s = 0, i = 0; s < SAMPLES; s++) {
		before = now_ns();
		for (; i < (s + 1ULL) * EXCHANGES; i++) {
			do {
				expected = 2 * i;
			} while (!__atomic_compare_exchange_n(&line.turn,
							      &expected,
							      2 * i + 1, false,
							      __ATOMIC_SEQ_CST,
							      __ATOMIC_RELAXED));
		}
		sample[s] = (double)(now_ns() - before) / EXCHANGES / 2;
	}
	pthread_join(other, NULL);
	sched_setaffinity(0, sizeof(allowed), &allowed);
	qsort(sample, SAMPLES, sizeof(sample[0]), compare_double);
	return sample[SAMPLES / 10];
}

static void *create(void)
{
	return NULL;
}

static void destroy(void *lock)
{
	(void)lock;
}

const struct contender contender_none = {
	.name = "none",
	.what = "no lock at all",
	.variant = true,
	.create = create, .destroy = destroy,
};
