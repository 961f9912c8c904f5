// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The list-based range lock of Kogan, Dice and Issa (EuroSys 2020), the
 * reader-writer variant with the fast path for an empty list. Written from
 * the paper's description.
 *
 * Held ranges are a lock-free list sorted by start. Whoever meets a range that
 * conflicts waits until it is released; release sets the mark, bit 0 of the
 * node's next, by one atomic operation, and whoever passes a marked node
 * unlinks it. Readers may overlap in the list, so a place in the list is not
 * yet the lock: once its node is in, a reader walks on and waits for writers
 * further on that overlap; a writer walks to its node from the head and, if a
 * reader came in before it, withdraws and tries again.
 *
 * While a node is alone in the list the head points to it with bit 0 set, and
 * it is released by emptying the head. Whoever comes meanwhile clears the bit
 * first, which pins the node, and only then looks at it.
 *
 * Nodes are read under RCU. A thread keeps the nodes that it unlinked and has
 * them again after a grace period, paid for once in POOL nodes.
 */
#define _LGPL_SOURCE
#include "../bench.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <urcu/urcu-bp.h>

#define MARK		1UL	/* of a node: released; of the head: alone */
#define POOL		4096
#define SLAB		64
#define SPINS		200

struct node {
	_Alignas(64) uintptr_t next;
	uint64_t start;
	uint64_t last;
	bool write;
	struct node *pool_next;
};

struct kogan {
	uintptr_t head;
};

struct pool {
	struct node *free, *retired;
	unsigned long nr_retired;
	bool registered;
};

static _Thread_local struct pool pool;

/* What threads have too much of, and what those that exited had. */
static struct node *spare;
static pthread_mutex_t spare_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t pool_key;
static pthread_once_t pool_once = PTHREAD_ONCE_INIT;

static struct node *pop(struct node **stack)
{
	struct node *node = *stack;

	if (node)
		*stack = node->pool_next;
	return node;
}

static void push(struct node **stack, struct node *node)
{
	node->pool_next = *stack;
	*stack = node;
}

static void spare_push_all(struct node **stack)
{
	struct node *node;

	pthread_mutex_lock(&spare_mutex);
	while ((node = pop(stack)))
		push(&spare, node);
	pthread_mutex_unlock(&spare_mutex);
}

static void pool_thread_exit(void *unused)
{
	(void)unused;
	urcu_bp_synchronize_rcu();
	spare_push_all(&pool.free);
	spare_push_all(&pool.retired);
	pool.nr_retired = 0;
}

static void pool_key_create(void)
{
	if (pthread_key_create(&pool_key, pool_thread_exit))
		die("pthread_key_create");
}

static void node_retire(struct node *node)
{
	push(&pool.retired, node);
	pool.nr_retired++;
}

/* Fill an empty pool. Waits for readers, so not inside an RCU section. */
static void pool_refill(void)
{
	struct node *node;
	int i;

	if (!pool.registered) {
		pthread_once(&pool_once, pool_key_create);
		pthread_setspecific(pool_key, &pool);
		pool.registered = true;
	}
	if (pool.nr_retired >= POOL) {
		urcu_bp_synchronize_rcu();
		for (i = 0; i < POOL; i++)
			push(&pool.free, pop(&pool.retired));
		/* A thread may unlink more nodes than it inserts. */
		spare_push_all(&pool.retired);
		pool.nr_retired = 0;
		return;
	}
	pthread_mutex_lock(&spare_mutex);
	for (i = 0; i < SLAB && (node = pop(&spare)); i++)
		push(&pool.free, node);
	pthread_mutex_unlock(&spare_mutex);
	if (pool.free)
		return;
	node = alloc_aligned(SLAB * sizeof(*node));
	for (i = 0; i < SLAB; i++)
		push(&pool.free, &node[i]);
}

static struct node *node_alloc(uint64_t start, uint64_t last, bool write)
{
	struct node *node;

	if (!pool.free)
		pool_refill();
	node = pop(&pool.free);
	node->next = 0;
	node->start = start;
	node->last = last;
	node->write = write;
	return node;
}

static struct node *to_node(uintptr_t link)
{
	return (struct node *)(link & ~MARK);
}

static uintptr_t load(uintptr_t *link)
{
	return __atomic_load_n(link, __ATOMIC_SEQ_CST);
}

static bool cas(uintptr_t *link, uintptr_t *old, uintptr_t link_to)
{
	return __atomic_compare_exchange_n(link, old, link_to, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void mark(struct node *node)
{
	__atomic_fetch_or(&node->next, MARK, __ATOMIC_SEQ_CST);
}

/* Below 0: @other belongs before @node; above: after it; 0: they conflict. */
static int compare(const struct node *other, const struct node *node)
{
	if (other->last < node->start)
		return -1;
	if (node->last < other->start)
		return 1;
	if (other->write || node->write)
		return 0;
	return other->start <= node->start ? -1 : 1;
}

/*
 * Wait for @node to be released. The spinning is bounded, because nodes in
 * threads' hands hold up the grace periods of all: false if it was in vain.
 */
static bool spin_on(struct node *node)
{
	int i;

	for (i = 0; i < SPINS; i++) {
		if (load(&node->next) & MARK)
			return true;
		cpu_relax();
	}
	return false;
}

/*
 * The node that *@link points to, with marked ones unlinked from there; NULL
 * at the end of the list. False if the owner of @link was released itself: the
 * walk has lost its place. The caller has dealt with bit 0 of the head.
 */
static bool walk(uintptr_t *link, uintptr_t *cur)
{
	uintptr_t next;

	*cur = load(link);
	while (!(*cur & MARK)) {
		if (!*cur)
			return true;
		next = load(&to_node(*cur)->next);
		if (!(next & MARK))
			return true;
		if (cas(link, cur, next & ~MARK)) {
			node_retire(to_node(*cur));
			*cur = next & ~MARK;
		}
	}
	return false;
}

/* Put @node in its place. True if it is alone, and thereby held. */
static bool insert(struct kogan *kogan, struct node *node)
{
	uintptr_t *link, cur;
	struct node *other;
	bool alone;
	int order;

restart:
	urcu_bp_read_lock();
	link = &kogan->head;
	for (;;) {
		if (!walk(link, &cur)) {
			if (link == &kogan->head) {
				cas(link, &cur, cur & ~MARK);
				continue;
			}
			urcu_bp_read_unlock();
			goto restart;
		}
		other = to_node(cur);
		order = other ? compare(other, node) : 1;
		if (order < 0) {
			link = &other->next;
		} else if (order > 0) {
			alone = !other && link == &kogan->head;
			node->next = cur;
			if (cas(link, &cur, (uintptr_t)node | (alone ? MARK : 0)))
				break;
		} else if (!spin_on(other)) {
			urcu_bp_read_unlock();
			sched_yield();
			goto restart;
		}
	}
	urcu_bp_read_unlock();
	return alone;
}

/* Wait for the writers that came in behind the reader @node. */
static void reader_validate(struct node *node)
{
	uintptr_t *link, cur;
	struct node *other;

restart:
	urcu_bp_read_lock();
	link = &node->next;
	for (;;) {
		if (!walk(link, &cur)) {
			urcu_bp_read_unlock();
			goto restart;
		}
		other = to_node(cur);
		if (!other || other->start > node->last)
			break;
		if (compare(other, node) || spin_on(other)) {
			link = &other->next;
			continue;
		}
		urcu_bp_read_unlock();
		sched_yield();
		goto restart;
	}
	urcu_bp_read_unlock();
}

/* False if a reader came in before the writer @node, which has withdrawn. */
static bool writer_validate(struct kogan *kogan, struct node *node)
{
	uintptr_t *link, cur;
	struct node *other;

restart:
	urcu_bp_read_lock();
	link = &kogan->head;
	for (;;) {
		if (!walk(link, &cur)) {
			urcu_bp_read_unlock();
			goto restart;
		}
		other = to_node(cur);
		if (other == node)
			break;
		if (compare(other, node) == 0) {
			mark(node);
			urcu_bp_read_unlock();
			return false;
		}
		link = &other->next;
	}
	urcu_bp_read_unlock();
	return true;
}

static void lock(void *handle, void *request, uint64_t start, uint64_t last,
		 bool write)
{
	struct kogan *kogan = handle;
	struct node *node;
	uintptr_t empty;

	for (;;) {
		node = node_alloc(start, last, write);
		empty = 0;
		if (!load(&kogan->head) &&
		    cas(&kogan->head, &empty, (uintptr_t)node | MARK))
			break;
		if (insert(kogan, node))
			break;
		if (!write)
			reader_validate(node);
		else if (!writer_validate(kogan, node))
			continue;
		break;
	}
	*(struct node **)request = node;
}

/* Nobody has looked at a node that was alone until the end: no grace period. */
static void unlock(void *handle, void *request, uint64_t start, uint64_t last,
		   bool write)
{
	struct node *node = *(struct node **)request;
	uintptr_t alone = (uintptr_t)node | MARK;
	struct kogan *kogan = handle;

	(void)start;
	(void)last;
	(void)write;
	if (load(&kogan->head) == alone && cas(&kogan->head, &alone, 0))
		push(&pool.free, node);
	else
		mark(node);
}

static void *create(void)
{
	return alloc_aligned(sizeof(struct kogan));
}

static void destroy(void *handle)
{
	struct kogan *kogan = handle;
	uintptr_t cur;

	if (!walk(&kogan->head, &cur) || cur)
		die("kogan: destroyed while held");
	free(kogan);
}

const struct contender contender_kogan = {
	.name = "kogan",
	.what = "lock-free sorted list (Kogan, Dice, Issa 2020), liburcu; waits by polling",
	.request_size = sizeof(struct node *) + sizeof(struct node),
	.max_held = ULONG_MAX,
	.create = create, .destroy = destroy, .lock = lock, .unlock = unlock,
};
