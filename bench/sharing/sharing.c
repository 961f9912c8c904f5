// SPDX-License-Identifier: GPL-2.0
/*
 * Do disjoint lockers share a cache line? The lock is compiled with the calls
 * that ThreadSanitizer has at each memory access, and linked with functions of
 * those names that write down, for each thread, the lines it reads and writes.
 * An access of a kind that is not below does not link, so none is overlooked.
 * A cmpxchg that fails counts as a write: it takes the line as well.
 *
 * What the compiler proves to be private to a function, it does not report;
 * neither are the insides of libraries, which a lock that needs not wait calls
 * none of.
 *
 * The threads take pages in different shards. First they take turns, so that
 * in each round all hold before the first one unlocks; then all run at once.
 * Where the lock has no shards, they must be found to share lines: else this
 * program could not fail.
 */
#include <linux/range_lock.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../selftests/ktap.h"

#define MAX_THREADS	64
#define PAGE_BITS	12
#define WARM_UP		10
#define ROUNDS		200
#define LINE_BITS	6
#define MAX_LINES	8192	/* of one thread; a power of 2 */

/* The lines that one thread has touched. */
struct line {
	uintptr_t	line;		/* 0: none */
	unsigned long	reads;
	unsigned long	writes;
};

struct record {
	struct line	lines[MAX_LINES];
};

static __thread struct record *recording;

static struct line *record_line(struct record *record, uintptr_t line)
{
	size_t i = line * 0x9e3779b97f4a7c15ULL >> 40, tries;

	for (tries = 0; tries < MAX_LINES; tries++, i++) {
		struct line *entry = &record->lines[i % MAX_LINES];

		if (entry->line == line || !entry->line) {
			entry->line = line;
			return entry;
		}
	}
	fprintf(stderr, "sharing: a thread touches more than %d lines\n",
		MAX_LINES);
	exit(2);
}

static void touch(const volatile void *memory, size_t size, bool write)
{
	uintptr_t line = (uintptr_t)memory >> LINE_BITS;
	uintptr_t last = ((uintptr_t)memory + size - 1) >> LINE_BITS;

	if (!recording)
		return;
	for (; line <= last; line++) {
		struct line *entry = record_line(recording, line);

		entry->reads += !write;
		entry->writes += write;
	}
}

/* What the compiler calls. Its names are not ours to choose. */

void __tsan_init(void);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);
void __tsan_acquire(void *memory);
void __tsan_release(void *memory);
void __tsan_read_range(void *memory, unsigned long size);
void __tsan_write_range(void *memory, unsigned long size);

void __tsan_init(void) {}
void __tsan_func_entry(void *caller) { (void)caller; }
void __tsan_func_exit(void) {}
void __tsan_acquire(void *memory) { (void)memory; }
void __tsan_release(void *memory) { (void)memory; }

void __tsan_read_range(void *memory, unsigned long size)
{
	touch(memory, size, false);
}

void __tsan_write_range(void *memory, unsigned long size)
{
	touch(memory, size, true);
}

#define PLAIN(size)							\
void __tsan_read##size(void *memory);					\
void __tsan_write##size(void *memory);					\
void __tsan_read##size(void *memory) { touch(memory, size, false); }	\
void __tsan_write##size(void *memory) { touch(memory, size, true); }

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

/* gcc wants to know whether it succeeded, clang what was there. */
#define ATOMIC(bits, type)						\
type __tsan_atomic##bits##_load(const volatile type *memory, int order);\
void __tsan_atomic##bits##_store(volatile type *memory, type value,	\
				 int order);				\
type __tsan_atomic##bits##_exchange(volatile type *memory, type value,	\
				    int order);				\
int __tsan_atomic##bits##_compare_exchange_strong(volatile type *memory,\
		type *expected, type value, int order, int failure);	\
type __tsan_atomic##bits##_compare_exchange_val(volatile type *memory,	\
		type expected, type value, int order, int failure);	\
									\
type __tsan_atomic##bits##_load(const volatile type *memory, int order)	\
{									\
	(void)order;							\
	touch(memory, sizeof(type), false);				\
	return __atomic_load_n(memory, __ATOMIC_SEQ_CST);		\
}									\
									\
void __tsan_atomic##bits##_store(volatile type *memory, type value,	\
				 int order)				\
{									\
	(void)order;							\
	touch(memory, sizeof(type), true);				\
	__atomic_store_n(memory, value, __ATOMIC_SEQ_CST);		\
}									\
									\
type __tsan_atomic##bits##_exchange(volatile type *memory, type value,	\
				    int order)				\
{									\
	(void)order;							\
	touch(memory, sizeof(type), true);				\
	return __atomic_exchange_n(memory, value, __ATOMIC_SEQ_CST);	\
}									\
									\
int __tsan_atomic##bits##_compare_exchange_strong(volatile type *memory,\
		type *expected, type value, int order, int failure)	\
{									\
	(void)order;							\
	(void)failure;							\
	touch(memory, sizeof(type), true);				\
	return __atomic_compare_exchange_n(memory, expected, value, false,\
					   __ATOMIC_SEQ_CST,		\
					   __ATOMIC_SEQ_CST);		\
}									\
									\
type __tsan_atomic##bits##_compare_exchange_val(volatile type *memory,	\
		type expected, type value, int order, int failure)	\
{									\
	(void)order;							\
	(void)failure;							\
	touch(memory, sizeof(type), true);				\
	__atomic_compare_exchange_n(memory, &expected, value, false,	\
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);\
	return expected;						\
}

ATOMIC(8, unsigned char)
ATOMIC(32, unsigned int)
ATOMIC(64, unsigned long)

/* The linker's --wrap: clang has these copy and clear structures. */
void *__real_memcpy(void *to, const void *from, size_t size);
void *__real_memset(void *memory, int byte, size_t size);
void *__wrap_memcpy(void *to, const void *from, size_t size);
void *__wrap_memset(void *memory, int byte, size_t size);

void *__wrap_memcpy(void *to, const void *from, size_t size)
{
	if (size) {
		touch(from, size, false);
		touch(to, size, true);
	}
	return __real_memcpy(to, from, size);
}

void *__wrap_memset(void *memory, int byte, size_t size)
{
	if (size)
		touch(memory, size, true);
	return __real_memset(memory, byte, size);
}

/* The threads. */

enum state {
	WORD,		/* one after the other: nothing else is held */
	TREE,		/* all hold at the same time, without shards */
	SHARDS,		/* the same with shards */
	SHARDS_AT_ONCE,	/* and without taking turns */
};

static const char *const state_names[] = {
	"word", "tree", "shards", "shards at once",
};

static struct experiment {
	struct range_lock_tree	*tree;
	enum state		state;
	unsigned int		threads;
	u64			page[MAX_THREADS];
	struct range_lock	*request[MAX_THREADS];
	struct record		*record[MAX_THREADS];
	bool			elsewhere;	/* somebody was in no own shard */
	pthread_barrier_t	barrier;
	pthread_mutex_t		turn;
} all;

static void *aligned(size_t size)
{
	void *memory = aligned_alloc(64, (size + 63) / 64 * 64);

	if (!memory) {
		fprintf(stderr, "sharing: out of memory\n");
		exit(2);
	}
	return memset(memory, 0, size);
}

static void one_lock(unsigned int self)
{
	range_write_lock(all.tree, all.request[self]);
}

static void one_unlock(unsigned int self)
{
	range_write_unlock(all.tree, all.request[self]);
}

/* The turns are outside of what is recorded. */
static void in_turn(void (*operation)(unsigned int self), unsigned int self,
		    struct record *record)
{
	pthread_mutex_lock(&all.turn);
	recording = record;
	operation(self);
	recording = NULL;
	pthread_mutex_unlock(&all.turn);
}

static void one_pair(unsigned int self)
{
	one_lock(self);
	one_unlock(self);
}

static void *locker(void *argument)
{
	unsigned int self = (uintptr_t)argument, round;
	struct record *record = NULL;

	for (round = 0; round < WARM_UP + ROUNDS; round++) {
		if (round == WARM_UP) {
			pthread_barrier_wait(&all.barrier);
			record = all.record[self];
		}
		switch (all.state) {
		case WORD:
			in_turn(one_pair, self, record);
			break;
		case SHARDS_AT_ONCE:
			recording = record;
			one_pair(self);
			recording = NULL;
			break;
		default:
			in_turn(one_lock, self, record);
			pthread_barrier_wait(&all.barrier);
			in_turn(one_unlock, self, record);
			pthread_barrier_wait(&all.barrier);
		}
		if (all.state >= SHARDS && !all.request[self]->shard)
			__atomic_store_n(&all.elsewhere, true, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void init_request(struct range_lock *lock, u64 page)
{
	range_lock_init(lock, page << PAGE_BITS,
			((page + 1) << PAGE_BITS) - 1);
}

static void split(void)
{
	struct range_lock pilot;

	init_request(&pilot, 0);
	range_write_lock(all.tree, &pilot);
	range_lock_split(all.tree, PAGE_BITS);
	range_write_unlock(all.tree, &pilot);
}

static struct range_lock_shard *shard_of_page(u64 page)
{
	struct range_lock lock;

	init_request(&lock, page);
	range_write_lock(all.tree, &lock);
	range_write_unlock(all.tree, &lock);
	return lock.shard;
}

/* Pages in as many shards. The tree is split; whether it can be done. */
static bool choose_pages(void)
{
	struct range_lock_shard *taken[MAX_THREADS];
	unsigned int i, nr = 0;
	u64 page;

	for (page = 0; nr < all.threads && page < 100000; page++) {
		taken[nr] = shard_of_page(page);
		for (i = 0; i < nr && taken[i] != taken[nr]; i++)
			;
		if (taken[nr] && i == nr)
			all.page[nr++] = page;
	}
	return nr == all.threads;
}

static const char *place(uintptr_t line)
{
	static char text[64];
	uintptr_t start = line << LINE_BITS, last = start + (1 << LINE_BITS) - 1;
	unsigned int i;

	if (start < (uintptr_t)(all.tree + 1) && (uintptr_t)all.tree <= last)
		return "the tree";
	for (i = 0; i < all.threads; i++) {
		if (start < (uintptr_t)(all.request[i] + 1) &&
		    (uintptr_t)all.request[i] <= last) {
			snprintf(text, sizeof(text), "a request of thread %u", i);
			return text;
		}
	}
	return "elsewhere";
}

/* What the records have in common. */
struct sharing {
	unsigned int	writers;	/* lines that several write */
	unsigned int	readers;	/* that one writes and others read */
	unsigned int	read_only;	/* that several read and nobody writes */
	double		written;	/* lines that a thread writes, mean */
	double		writes;		/* of a pair */
	bool		idle;		/* a thread wrote less than it must have */
};

static struct sharing compare(void)
{
	struct sharing sharing = { .writers = 0 };
	unsigned int i, j, k, touching, writing;
	const char *examples[4];
	struct line *line, *other;
	unsigned int nr_examples = 0;
	unsigned long writes;

	for (i = 0; i < all.threads; i++) {
		writes = 0;
		for (j = 0; j < MAX_LINES; j++) {
			line = &all.record[i]->lines[j];
			if (!line->line)
				continue;
			writes += line->writes;
			sharing.written += !!line->writes;
			touching = 1;
			writing = !!line->writes;
			for (k = 0; k < all.threads; k++) {
				if (k == i)
					continue;
				other = record_line(all.record[k], line->line);
				/* Each line once: for the first that has it. */
				if (k < i && (other->reads || other->writes))
					break;
				touching += other->reads || other->writes;
				writing += !!other->writes;
			}
			if (k < all.threads || touching == 1)
				continue;
			sharing.writers += writing > 1;
			sharing.readers += writing == 1;
			sharing.read_only += writing == 0;
			if (writing && nr_examples < 4)
				examples[nr_examples++] = strdup(place(line->line));
		}
		/* A pair takes the lock and gives it back. */
		sharing.idle |= writes < 2 * ROUNDS;
		sharing.writes += (double)writes / ROUNDS / all.threads;
	}
	sharing.written /= all.threads;
	for (i = 0; i < nr_examples; i++)
		printf("# shared: %s\n", examples[i]);
	return sharing;
}

static void experiment(enum state state, unsigned int threads)
{
	pthread_t thread[MAX_THREADS];
	struct sharing sharing;
	unsigned int i;
	bool chosen;

	memset(&all, 0, sizeof(all));
	all.tree = aligned(sizeof(*all.tree));
	all.state = state;
	all.threads = threads;
	range_lock_tree_init(all.tree);
	pthread_barrier_init(&all.barrier, NULL, threads);
	pthread_mutex_init(&all.turn, NULL);
	split();
	chosen = choose_pages();
	if (state < SHARDS) {
		range_lock_tree_destroy(all.tree);
		range_lock_tree_init(all.tree);
	}
	for (i = 0; i < threads; i++) {
		all.request[i] = aligned(sizeof(*all.request[i]));
		all.record[i] = aligned(sizeof(*all.record[i]));
		init_request(all.request[i], all.page[i]);
	}
	for (i = 0; i < threads; i++) {
		if (pthread_create(&thread[i], NULL, locker,
				   (void *)(uintptr_t)i)) {
			fprintf(stderr, "sharing: pthread_create failed\n");
			exit(2);
		}
	}
	for (i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);

	sharing = compare();
	printf("# %u threads, %s: lines written by several: %u; ", threads,
	       state_names[state], sharing.writers);
	printf("written by one, read by others: %u; only read, by several: %u; ",
	       sharing.readers, sharing.read_only);
	printf("of each thread: %.1f lines written, %.1f writes in a pair\n",
	       sharing.written, sharing.writes);
	if (state < SHARDS)
		ktap_result(sharing.writers && !sharing.idle,
			    "%u disjoint lockers, %s: the shared lines are found",
			    threads, state_names[state]);
	else
		ktap_result(!sharing.writers && !sharing.readers &&
			    !sharing.idle && chosen && !all.elsewhere,
			    "%u disjoint lockers, %s: what one writes no other touches",
			    threads, state_names[state]);

	for (i = 0; i < threads; i++) {
		free(all.request[i]);
		free(all.record[i]);
	}
	range_lock_tree_destroy(all.tree);
	free(all.tree);
	pthread_barrier_destroy(&all.barrier);
	pthread_mutex_destroy(&all.turn);
}

/* Pages that nobody has chosen: how many of the threads are alone in a shard? */
static void tell_collisions(unsigned int threads)
{
	struct range_lock_shard *shard[MAX_THREADS];
	unsigned int i, j, together = 0;

	memset(&all, 0, sizeof(all));
	all.tree = aligned(sizeof(*all.tree));
	range_lock_tree_init(all.tree);
	split();
	for (i = 0; i < threads; i++)
		shard[i] = shard_of_page(i);
	for (i = 0; i < threads; i++) {
		for (j = 0; j < threads; j++) {
			if (i != j && shard[i] == shard[j]) {
				together++;
				break;
			}
		}
	}
	printf("# with one page after the other, %u of %u threads are not alone in their shard\n",
	       together, threads);
	range_lock_tree_destroy(all.tree);
	free(all.tree);
}

int main(void)
{
	unsigned int threads, state;

	ktap_plan(4 * 6);
	for (threads = 2; threads <= MAX_THREADS; threads *= 2) {
		for (state = WORD; state <= SHARDS_AT_ONCE; state++)
			experiment(state, threads);
		tell_collisions(threads);
	}
	return ktap_exit();
}
