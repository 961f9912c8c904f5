// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * No lock over ranges, but what is left of one when it takes no time: a ring in
 * which each comer takes the next place, waits there on a futex of its own, and
 * wakes the one in the place after it. What a hand-off out of a queue costs here
 * is the system's part of it. Strict order, everything excludes everything.
 */
#define _GNU_SOURCE
#include "../bench.h"

#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PLACES	4096U		/* more than there are threads */

enum place_state {
	EMPTY,
	ASLEEP,
	GRANTED,
};

struct place {
	_Alignas(64) uint32_t state;
};

struct baton {
	uint32_t next;		/* place to take */
	uint32_t holder;	/* whose turn it is; the holder's own */
	struct place places[PLACES];
};

static void *create(void)
{
	struct baton *baton = alloc_aligned(sizeof(*baton));

	baton->places[0].state = GRANTED;
	return baton;
}

static void lock(void *lock, void *request, uint64_t start, uint64_t last,
		 bool write)
{
	struct baton *baton = lock;
	uint32_t place, empty = EMPTY, *state;

	(void)request;
	(void)start;
	(void)last;
	(void)write;
	place = __atomic_fetch_add(&baton->next, 1, __ATOMIC_RELAXED);
	state = &baton->places[place % PLACES].state;
	if (__atomic_compare_exchange_n(state, &empty, ASLEEP, false,
					__ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(state, __ATOMIC_ACQUIRE) == ASLEEP)
			syscall(SYS_futex, state, FUTEX_WAIT_PRIVATE, ASLEEP,
				NULL, NULL, 0);
	__atomic_store_n(state, EMPTY, __ATOMIC_RELAXED);
	baton->holder = place;
}

static void unlock(void *lock, void *request, uint64_t start, uint64_t last,
		   bool write)
{
	struct baton *baton = lock;
	uint32_t *state = &baton->places[(baton->holder + 1) % PLACES].state;

	(void)request;
	(void)start;
	(void)last;
	(void)write;
	if (__atomic_exchange_n(state, GRANTED, __ATOMIC_RELEASE) == ASLEEP)
		syscall(SYS_futex, state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

const struct contender contender_baton = {
	.name = "baton",
	.what = "no lock: each waits on a futex of its own for the one before it",
	.variant = true,
	.exclusive = true,
	.create = create, .destroy = free, .lock = lock, .unlock = unlock,
};
