// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * librangelock: with the default bound, in strict order of arrival, and with
 * other bounds, to see what the default one is worth.
 */
#include "../bench.h"

#include <limits.h>
#include <range_lock.h>
#include <stdlib.h>

_Static_assert(sizeof(struct range_lock) <= BENCH_REQUEST, "request too large");

/* Not part of the library's interface, but the static library has them. */
void range_lock_split(struct range_lock_tree *tree, unsigned int bits);
void __range_lock_tree_init(struct range_lock_tree *tree, uint32_t bound_ns,
			    const char *name, void *key);

static void *create(void)
{
	struct range_lock_tree *tree = alloc_aligned(sizeof(*tree));

	range_lock_tree_init(tree);
	return tree;
}

static void *create_fifo(void)
{
	struct range_lock_tree *tree = alloc_aligned(sizeof(*tree));

	range_lock_tree_init_fifo(tree);
	return tree;
}

#define CREATE_WITH_BOUND(n)						\
static void *create_##n##ms(void)					\
{									\
	struct range_lock_tree *tree = alloc_aligned(sizeof(*tree));	\
									\
	__range_lock_tree_init(tree, (n) * 1000000U, NULL, NULL);	\
	return tree;							\
}

CREATE_WITH_BOUND(1)
CREATE_WITH_BOUND(2)
CREATE_WITH_BOUND(8)
CREATE_WITH_BOUND(16)

static void destroy(void *tree)
{
	range_lock_tree_destroy(tree);
	free(tree);
}

static void prepare_request(void *request, uint64_t start, uint64_t last)
{
	range_lock_init(request, start, last);
}

static void lock(void *tree, void *request, uint64_t start, uint64_t last,
		 bool write)
{
	(void)start;
	(void)last;
	if (write)
		range_write_lock(tree, request);
	else
		range_read_lock(tree, request);
}

static void unlock(void *tree, void *request, uint64_t start, uint64_t last,
		   bool write)
{
	(void)start;
	(void)last;
	if (write)
		range_write_unlock(tree, request);
	else
		range_read_unlock(tree, request);
}

/* A split needs something to move into a shard. */
static void split(void *tree, unsigned int bits)
{
	struct range_lock pilot;

	range_lock_init(&pilot, 0, 0);
	range_write_lock(tree, &pilot);
	range_lock_split(tree, bits);
	range_write_unlock(tree, &pilot);
}

const struct contender contender_rangelock = {
	.name = "rangelock",
	.what = "librangelock, default bound",
	.request_size = sizeof(struct range_lock),
	.max_held = ULONG_MAX,
	.create = create, .destroy = destroy, .prepare = prepare_request,
	.lock = lock, .unlock = unlock, .split = split,
};

const struct contender contender_rangelock_fifo = {
	.name = "rangelock-fifo",
	.what = "librangelock, strict order of arrival",
	.request_size = sizeof(struct range_lock),
	.max_held = ULONG_MAX,
	.create = create_fifo, .destroy = destroy, .prepare = prepare_request,
	.lock = lock, .unlock = unlock, .split = split,
};

#define CONTENDER_WITH_BOUND(n)					\
const struct contender contender_rangelock_##n##ms = {			\
	.name = "rangelock-" #n "ms",					\
	.what = "librangelock, bound " #n " ms",			\
	.variant = true,						\
	.request_size = sizeof(struct range_lock),			\
	.max_held = ULONG_MAX,						\
	.create = create_##n##ms, .destroy = destroy,			\
	.prepare = prepare_request, .lock = lock, .unlock = unlock,	\
	.split = split,							\
}

CONTENDER_WITH_BOUND(1);
CONTENDER_WITH_BOUND(2);
CONTENDER_WITH_BOUND(8);
CONTENDER_WITH_BOUND(16);
