// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The C library's own locks: one mutex or one rwlock over the whole space,
 * and 256 rwlocks over stripes of it. All have default attributes.
 */
#include "../bench.h"

#include <pthread.h>
#include <stdlib.h>

#define UNUSED		__attribute__((unused))
#define NR_STRIPES	256
#define WHOLE		"one lock covers everything: nothing else can be held beside it"

static void *create_mutex(void)
{
	pthread_mutex_t *mutex = alloc_aligned(sizeof(*mutex));

	pthread_mutex_init(mutex, NULL);
	return mutex;
}

static void destroy_mutex(void *mutex)
{
	pthread_mutex_destroy(mutex);
	free(mutex);
}

static void lock_mutex(void *mutex, UNUSED void *request, UNUSED uint64_t start,
		       UNUSED uint64_t last, UNUSED bool write)
{
	pthread_mutex_lock(mutex);
}

static void unlock_mutex(void *mutex, UNUSED void *request,
			 UNUSED uint64_t start, UNUSED uint64_t last,
			 UNUSED bool write)
{
	pthread_mutex_unlock(mutex);
}

const struct contender contender_pthread_mutex = {
	.name = "pthread_mutex",
	.what = "one pthread_mutex over everything",
	.max_held_why = WHOLE,
	.exclusive = true,
	.create = create_mutex, .destroy = destroy_mutex,
	.lock = lock_mutex, .unlock = unlock_mutex,
};

static void *create_rwlock(void)
{
	pthread_rwlock_t *rwlock = alloc_aligned(sizeof(*rwlock));

	pthread_rwlock_init(rwlock, NULL);
	return rwlock;
}

static void destroy_rwlock(void *rwlock)
{
	pthread_rwlock_destroy(rwlock);
	free(rwlock);
}

static void lock_rwlock(void *rwlock, UNUSED void *request,
			UNUSED uint64_t start, UNUSED uint64_t last, bool write)
{
	if (write)
		pthread_rwlock_wrlock(rwlock);
	else
		pthread_rwlock_rdlock(rwlock);
}

static void unlock_rwlock(void *rwlock, UNUSED void *request,
			  UNUSED uint64_t start, UNUSED uint64_t last,
			  UNUSED bool write)
{
	pthread_rwlock_unlock(rwlock);
}

const struct contender contender_pthread_rwlock = {
	.name = "pthread_rwlock",
	.what = "one pthread_rwlock over everything",
	.max_held_why = WHOLE,
	.create = create_rwlock, .destroy = destroy_rwlock,
	.lock = lock_rwlock, .unlock = unlock_rwlock,
};

/* A stripe on a cache line of its own; page i belongs to stripe i mod 256. */
struct stripe {
	_Alignas(64) pthread_rwlock_t rwlock;
};

static void *create_striped(void)
{
	struct stripe *stripes = alloc_aligned(NR_STRIPES * sizeof(*stripes));
	int i;

	for (i = 0; i < NR_STRIPES; i++)
		pthread_rwlock_init(&stripes[i].rwlock, NULL);
	return stripes;
}

static void destroy_striped(void *handle)
{
	struct stripe *stripes = handle;
	int i;

	for (i = 0; i < NR_STRIPES; i++)
		pthread_rwlock_destroy(&stripes[i].rwlock);
	free(stripes);
}

/*
 * The stripes of a range are [first, last], or [0, last] and [first, 255] if
 * it wraps round. They are taken in ascending order, so that no two threads
 * wait for each other. True if @i is one of them.
 */
static bool in_stripes(unsigned int i, uint64_t start, uint64_t last)
{
	unsigned int first_stripe = (start / BENCH_PAGE) % NR_STRIPES;
	unsigned int last_stripe = (last / BENCH_PAGE) % NR_STRIPES;

	if (last / BENCH_PAGE - start / BENCH_PAGE >= NR_STRIPES - 1)
		return true;
	if (first_stripe <= last_stripe)
		return first_stripe <= i && i <= last_stripe;
	return i <= last_stripe || first_stripe <= i;
}

static void lock_striped(void *handle, void *request, uint64_t start,
			 uint64_t last, bool write)
{
	struct stripe *stripes = handle;
	unsigned int i;

	if (start / BENCH_PAGE == last / BENCH_PAGE) {
		i = (start / BENCH_PAGE) % NR_STRIPES;
		lock_rwlock(&stripes[i].rwlock, request, start, last, write);
		return;
	}
	for (i = 0; i < NR_STRIPES; i++)
		if (in_stripes(i, start, last))
			lock_rwlock(&stripes[i].rwlock, request, start, last,
				    write);
}

static void unlock_striped(void *handle, void *request, uint64_t start,
			   uint64_t last, bool write)
{
	struct stripe *stripes = handle;
	unsigned int i;

	if (start / BENCH_PAGE == last / BENCH_PAGE) {
		i = (start / BENCH_PAGE) % NR_STRIPES;
		unlock_rwlock(&stripes[i].rwlock, request, start, last, write);
		return;
	}
	for (i = 0; i < NR_STRIPES; i++)
		if (in_stripes(i, start, last))
			unlock_rwlock(&stripes[i].rwlock, request, start, last,
				      write);
}

const struct contender contender_striped = {
	.name = "striped256",
	.what = "256 pthread_rwlocks, page i under lock i mod 256",
	.max_held_why = "holding many ranges takes stripes that others need: "
			"a thread may meet its own",
	.create = create_striped, .destroy = destroy_striped,
	.lock = lock_striped, .unlock = unlock_striped,
};
