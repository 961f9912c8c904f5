// SPDX-License-Identifier: GPL-2.0
/*
 * A user of an installed librangelock, in the common part of C and C++: calls
 * every function once, so that it links, and sees that it does something.
 */
#include <range_lock.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static DEFINE_RANGE_LOCK_TREE(defined);
static struct range_lock_tree tree;
static struct range_lock low, high, full;
static int failures;

#define CHECK(condition)						\
	do {								\
		if (!(condition)) {					\
			printf("line %d: not true: %s\n", __LINE__,	\
			       #condition);				\
			failures++;					\
		}							\
	} while (0)

/* Both kinds of initialisation leave the same bytes, whatever was there. */
static void use_tree(void)
{
	memset(&tree, 0xff, sizeof(tree));
	range_lock_tree_init(&tree);
	CHECK(!memcmp(&tree, &defined, sizeof(tree)));
	range_lock_tree_destroy(&tree);
	range_lock_tree_init_fifo(&tree);
	CHECK(memcmp(&tree, &defined, sizeof(tree)));
}

static void use_locks(void)
{
	struct timespec past = { 0, 0 };

	range_lock_init(&low, 0, 4095);
	range_lock_init(&high, 4096, RANGE_LOCK_FULL);
	range_lock_init_full(&full);

	range_read_lock(&tree, &low);
	range_write_lock(&tree, &high);
	CHECK(range_is_locked(&tree, &full));
	CHECK(!range_read_trylock(&tree, &full));
	CHECK(range_read_clocklock(&tree, &full, CLOCK_MONOTONIC, &past) ==
	      ETIMEDOUT);
	range_downgrade_write(&tree, &high);
	CHECK(range_read_trylock(&tree, &full));
	range_read_unlock(&tree, &full);
	CHECK(!range_write_trylock(&tree, &full));
	CHECK(range_write_clocklock(&tree, &full, CLOCK_REALTIME, &past) ==
	      ETIMEDOUT);
	range_read_unlock(&tree, &low);
	range_read_unlock(&tree, &high);

	CHECK(!range_is_locked(&tree, &full));
	range_write_lock(&tree, &full);
	range_write_unlock(&tree, &full);
	range_lock_tree_destroy(&tree);
}

int main(void)
{
	use_tree();
	use_locks();
	return failures != 0;
}
