// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The algorithm of the interval tree range lock that Davidlohr Bueso posted
 * for the kernel from 2017 to 2019: one spinlock, one interval tree of all
 * requests, and in each request the number of conflicting ones ahead of it.
 * Whoever leaves decrements those that remain; at 0 a request is granted.
 * Order is strict, and a waiter sleeps at once, as the posted one did. Where
 * the posted code had defects this does not: the count is read with acquire
 * and written with release.
 */
#include "../bench.h"

#include <limits.h>
#include <linux/futex.h>
#include <linux/interval_tree_generic.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ASLEEP		(1U << 31)	/* in blockers: the owner needs a wake-up */
#define WAKE_BATCH	16

struct request {
	struct rb_node node;
	uint64_t start;
	uint64_t last;
	uint64_t subtree_last;
	uint32_t blockers;
	bool write;
};

_Static_assert(sizeof(struct request) <= BENCH_REQUEST, "request too large");

struct posted {
	struct rb_root_cached root;
	int spinlock;
};

#define START(r)	((r)->start)
#define LAST(r)		((r)->last)

INTERVAL_TREE_DEFINE(struct request, node, uint64_t, subtree_last, START, LAST,
		     static inline, request_tree)

/* The kernel's is never preempted; a preempted one here is worth a yield. */
static void spin_lock(int *spinlock)
{
	unsigned int spins = 0;

	while (__atomic_exchange_n(spinlock, 1, __ATOMIC_ACQUIRE)) {
		while (__atomic_load_n(spinlock, __ATOMIC_RELAXED)) {
			cpu_relax();
			if (++spins % 256 == 0)
				sched_yield();
		}
	}
}

static void spin_unlock(int *spinlock)
{
	__atomic_store_n(spinlock, 0, __ATOMIC_RELEASE);
}

static void *create(void)
{
	struct posted *lock = alloc_aligned(sizeof(*lock));

	lock->root = RB_ROOT_CACHED;
	return lock;
}

static void wait_for_grant(struct request *req)
{
	uint32_t blockers;

	for (;;) {
		blockers = __atomic_load_n(&req->blockers, __ATOMIC_ACQUIRE);
		if (!(blockers & ~ASLEEP))
			return;
		if (!(blockers & ASLEEP) &&
		    !__atomic_compare_exchange_n(&req->blockers, &blockers,
						 blockers | ASLEEP, false,
						 __ATOMIC_RELAXED,
						 __ATOMIC_RELAXED))
			continue;
		syscall(SYS_futex, &req->blockers, FUTEX_WAIT_PRIVATE,
			blockers | ASLEEP, NULL, NULL, 0);
	}
}

static void lock(void *handle, void *request, uint64_t start, uint64_t last,
		 bool write)
{
	struct posted *posted = handle;
	struct request *req = request, *other;
	uint32_t blockers = 0;

	req->start = start;
	req->last = last;
	req->write = write;

	spin_lock(&posted->spinlock);
	for (other = request_tree_iter_first(&posted->root, start, last); other;
	     other = request_tree_iter_next(other, start, last))
		blockers += write || other->write;
	req->blockers = blockers;
	request_tree_insert(req, &posted->root);
	spin_unlock(&posted->spinlock);

	if (blockers)
		wait_for_grant(req);
}

/*
 * Whatever conflicts with a held request came after it and counts it. The
 * decrement that grants is the last access to the other's request: only its
 * address is kept, and a wake-up of an address reads nothing there.
 */
static void unlock(void *handle, void *request, uint64_t start, uint64_t last,
		   bool write)
{
	struct posted *posted = handle;
	struct request *req = request, *other, *next;
	uint32_t *asleep[WAKE_BATCH], left;
	unsigned int nr = 0;

	spin_lock(&posted->spinlock);
	request_tree_remove(req, &posted->root);
	for (other = request_tree_iter_first(&posted->root, start, last); other;
	     other = next) {
		next = request_tree_iter_next(other, start, last);
		if (!write && !other->write)
			continue;
		left = __atomic_sub_fetch(&other->blockers, 1,
					  __ATOMIC_RELEASE);
		if (left != ASLEEP)
			continue;
		if (nr == WAKE_BATCH)
			syscall(SYS_futex, asleep[--nr], FUTEX_WAKE_PRIVATE, 1,
				NULL, NULL, 0);
		asleep[nr++] = &other->blockers;
	}
	spin_unlock(&posted->spinlock);

	while (nr)
		syscall(SYS_futex, asleep[--nr], FUTEX_WAKE_PRIVATE, 1, NULL,
			NULL, 0);
}

const struct contender contender_posted = {
	.name = "posted",
	.what = "spinlock + interval tree with counts (Bueso, posted for Linux)",
	.request_size = sizeof(struct request),
	.max_held = ULONG_MAX,
	.create = create, .destroy = free, .lock = lock, .unlock = unlock,
};
