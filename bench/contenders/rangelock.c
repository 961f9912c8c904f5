// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * librangelock, twice: with the default bound and in strict order of arrival.
 * A request is initialised for each pair, as a caller with one on its stack
 * would do it.
 */
#include "../bench.h"

#include <limits.h>
#include <range_lock.h>
#include <stdlib.h>

_Static_assert(sizeof(struct range_lock) <= BENCH_REQUEST, "request too large");

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

const struct contender contender_rangelock = {
	.name = "rangelock",
	.what = "librangelock, default bound",
	.request_size = sizeof(struct range_lock),
	.max_held = ULONG_MAX,
	.create = create, .destroy = destroy, .prepare = prepare_request,
	.lock = lock, .unlock = unlock,
};

const struct contender contender_rangelock_fifo = {
	.name = "rangelock-fifo",
	.what = "librangelock, strict order of arrival",
	.request_size = sizeof(struct range_lock),
	.max_held = ULONG_MAX,
	.create = create_fifo, .destroy = destroy, .prepare = prepare_request,
	.lock = lock, .unlock = unlock,
};
