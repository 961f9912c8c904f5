// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * No lock over ranges, but the least of one that is divided into 64: a word on
 * a cache line of its own for each, one atomic operation to take it and a plain
 * store to give it back. A range is the word of its first page. What two threads
 * lose here by moving lines to and fro, no lock whose state has a place gets back.
 */
#include "../bench.h"

#include <sched.h>
#include <stdlib.h>

#define NR_WORDS	64

struct word {
	_Alignas(64) uint32_t taken;
};

static void *create(void)
{
	return alloc_aligned(NR_WORDS * sizeof(struct word));
}

static uint32_t *word_of(struct word *words, uint64_t start)
{
	return &words[start / BENCH_PAGE % NR_WORDS].taken;
}

static void lock(void *words, void *request, uint64_t start, uint64_t last,
		 bool write)
{
	uint32_t *word = word_of(words, start);
	unsigned int spins = 0;

	(void)request;
	(void)last;
	(void)write;
	while (__atomic_exchange_n(word, 1, __ATOMIC_ACQUIRE))
		if (++spins % 1024 == 0)
			sched_yield();
}

static void unlock(void *words, void *request, uint64_t start, uint64_t last,
		   bool write)
{
	(void)request;
	(void)last;
	(void)write;
	__atomic_store_n(word_of(words, start), 0, __ATOMIC_RELEASE);
}

const struct contender contender_words = {
	.name = "words64",
	.what = "no lock over ranges, but 64 spinlocks, page i under lock i mod 64",
	.variant = true,
	.create = create, .destroy = free,
	.lock = lock, .unlock = unlock,
};
