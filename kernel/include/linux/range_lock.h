/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Range lock: a sleeping reader/writer lock over ranges of a 64-bit space.
 *
 * A request is an inclusive interval [start, last] and a mode. Two requests
 * conflict when they overlap and at least one of them is a write. A request
 * waits only for conflicting requests that arrived before it and are still
 * held or waiting; on arrival it may pass those that wait, if it conflicts
 * with no holder and none of them has waited longer than the tree's bound.
 *
 * What is public: the functions and macros that have a comment here or in
 * kernel/locking/range_lock.c. The members of both structures are not.
 */
#ifndef _LINUX_RANGE_LOCK_H
#define _LINUX_RANGE_LOCK_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct range_lock_shard;
struct task_struct;

/* The last address of the full range, [0, RANGE_LOCK_FULL]. */
#define RANGE_LOCK_FULL		U64_MAX

/* The greatest bound, which no waiter reaches. */
#define RANGE_LOCK_BOUND_MAX	((1U << 27) - 1)

/* The default bound, in nanoseconds: what a writer of an rwsem waits too. */
#define RANGE_LOCK_BOUND_NS	(4U * 1000 * 1000)

/**
 * struct range_lock_tree - the lock: all requests for ranges of one space
 * @word:	idle, the only holder, "look in the tree", or "look in the
 *		shards": see range_lock.c
 * @root:	every request that is not in @word or in a shard
 * @shards:	NULL until they are needed; then an array of them
 * @clock:	the latest arrival
 * @bound_ns:	how long a waiter may be passed; 0 means never, the greatest
 *		value always
 * @contended:	how often disjoint requests have met on @lock
 * @lock:	protects all but @word
 * @dep_map:	for lockdep
 */
struct range_lock_tree {
	atomic_long_t		word;
	struct rb_root		root;
	struct range_lock_shard	*shards;
	u64			clock;
	u32			bound_ns : 27;
	u32			contended : 5;
	spinlock_t		lock;	/* all but word */
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	struct lockdep_map	dep_map;
#endif
};

/* For range_lock.c, which explains the states, and for its tests. */
enum range_lock_mode {
	RANGE_LOCK_READ = 0,
	RANGE_LOCK_WRITE = 4,		/* a bit of the word */
};

enum range_lock_state {
	RANGE_LOCK_OUTSIDE,
	RANGE_LOCK_HELD,
	RANGE_LOCK_BLOCKED,
	RANGE_LOCK_ELIGIBLE,
};

/* What a search has to know about a whole subtree in order to pass it by. */
struct range_lock_subtree {
	u64	last;			/* the greatest last */
	u64	arrival;		/* the least arrival */
	u64	write_arrival;		/* the least arrival among the writes */
};

/**
 * struct range_lock - a request for one range
 * @start:	first address of the range
 * @last:	last address of the range
 * @state:	where the request stands: see range_lock.c
 * @mode:	read or write; while it is not in the tree, the word says that
 * @eager:	grant it as soon as possible; a hint
 * @moved:	it has been moved from one tree to another
 * @arrival:	0 if held, else the place in the order of arrival
 * @node:	in the tree
 * @subtree:	what is known of all requests below @node
 * @blocked:	the waiters that wait for this request
 * @blocked_link: in the @blocked of the one that this request waits for
 * @task:	who waits
 * @shard:	the shard whose word it was put into, or NULL
 *
 * It lives wherever its owner puts it, usually on the stack, and may be
 * locked again after it was unlocked.
 */
struct range_lock {
	u64			start;
	u64			last;
	unsigned int		state;
	u8			mode;
	u8			eager;
	bool			moved;
	u64			arrival;
	struct rb_node		node;
	struct range_lock_subtree subtree;
	struct hlist_head	blocked;
	struct hlist_node	blocked_link;
	struct task_struct	*task;
	struct range_lock_shard	*shard;
} __aligned(8);

#define __RANGE_LOCK_TREE_INIT						\
	.word = ATOMIC_LONG_INIT(0),					\
	.root = RB_ROOT,						\
	.bound_ns = RANGE_LOCK_BOUND_NS,				\
	.lock = __SPIN_LOCK_UNLOCKED(range_lock_tree)

/* Define a tree with the default bound, ready for use. */
#ifdef CONFIG_DEBUG_LOCK_ALLOC
# define DEFINE_RANGE_LOCK_TREE(tree)					\
	struct range_lock_tree tree = {					\
		__RANGE_LOCK_TREE_INIT,					\
		.dep_map = { .name = #tree },				\
	}
#else
# define DEFINE_RANGE_LOCK_TREE(tree)					\
	struct range_lock_tree tree = { __RANGE_LOCK_TREE_INIT }
#endif

void __range_lock_tree_init(struct range_lock_tree *tree, u32 bound_ns,
			    const char *name, struct lock_class_key *key);

/**
 * range_lock_tree_init() - prepare a tree, with the default bound
 * @tree: the tree
 *
 * On arrival a request may pass waiters that have waited for less than a few
 * milliseconds. That costs them little, and spares a context switch at each
 * hand-off. Does not sleep.
 */
#define range_lock_tree_init(tree)					\
do {									\
	static struct lock_class_key __key;				\
									\
	__range_lock_tree_init((tree), RANGE_LOCK_BOUND_NS, #tree, &__key); \
} while (0)

/**
 * range_lock_tree_init_fifo() - prepare a tree with strict order of arrival
 * @tree: the tree
 *
 * No request passes a conflicting one that waits. Does not sleep.
 */
#define range_lock_tree_init_fifo(tree)					\
do {									\
	static struct lock_class_key __key;				\
									\
	__range_lock_tree_init((tree), 0, #tree, &__key);		\
} while (0)

void range_lock_tree_destroy(struct range_lock_tree *tree);

void range_lock_init(struct range_lock *lock, u64 start, u64 last);
void range_lock_init_full(struct range_lock *lock);

void range_read_lock(struct range_lock_tree *tree, struct range_lock *lock);
void range_write_lock(struct range_lock_tree *tree, struct range_lock *lock);

int __must_check range_read_lock_killable(struct range_lock_tree *tree,
					  struct range_lock *lock);
int __must_check range_write_lock_killable(struct range_lock_tree *tree,
					   struct range_lock *lock);
int __must_check range_read_lock_interruptible(struct range_lock_tree *tree,
					       struct range_lock *lock);
int __must_check range_write_lock_interruptible(struct range_lock_tree *tree,
						struct range_lock *lock);

bool __must_check range_read_trylock(struct range_lock_tree *tree,
				     struct range_lock *lock);
bool __must_check range_write_trylock(struct range_lock_tree *tree,
				      struct range_lock *lock);

void range_read_unlock(struct range_lock_tree *tree, struct range_lock *lock);
void range_write_unlock(struct range_lock_tree *tree, struct range_lock *lock);

void range_downgrade_write(struct range_lock_tree *tree,
			   struct range_lock *lock);
bool range_is_locked(struct range_lock_tree *tree,
		     const struct range_lock *lock);

/*
 * For a task that holds ranges of two trees of one lockdep class, as
 * down_write_nested() is for rwsems. @subclass says which of the two.
 */
#ifdef CONFIG_DEBUG_LOCK_ALLOC
void range_read_lock_nested(struct range_lock_tree *tree,
			    struct range_lock *lock, int subclass);
void range_write_lock_nested(struct range_lock_tree *tree,
			     struct range_lock *lock, int subclass);
#else
static inline void range_read_lock_nested(struct range_lock_tree *tree,
					  struct range_lock *lock, int subclass)
{
	range_read_lock(tree, lock);
}

static inline void range_write_lock_nested(struct range_lock_tree *tree,
					   struct range_lock *lock,
					   int subclass)
{
	range_write_lock(tree, lock);
}
#endif

/*
 * For lockdep a range of a tree is the whole tree: these check that this task
 * holds some range of it, or some range for write.
 */
#define lockdep_assert_range_held(tree)		lockdep_assert_held(tree)
#define lockdep_assert_range_held_write(tree)	lockdep_assert_held_write(tree)

#ifdef DEFINE_CLASS /* since linux/cleanup.h */
/*
 * CLASS(range_write, guard)(tree, lock) takes the range of @lock, which its
 * caller has initialised, and gives it back where the scope ends.
 */
struct range_lock_guard {
	struct range_lock_tree	*tree;
	struct range_lock	*lock;
};

DEFINE_CLASS(range_read, struct range_lock_guard,
	     range_read_unlock(_T.tree, _T.lock),
	     ({ range_read_lock(tree, lock);
		(struct range_lock_guard){ tree, lock }; }),
	     struct range_lock_tree *tree, struct range_lock *lock)
DEFINE_CLASS(range_write, struct range_lock_guard,
	     range_write_unlock(_T.tree, _T.lock),
	     ({ range_write_lock(tree, lock);
		(struct range_lock_guard){ tree, lock }; }),
	     struct range_lock_tree *tree, struct range_lock *lock)
#endif

/* For tests. */
void range_lock_split(struct range_lock_tree *tree, unsigned int bits);

#ifdef CONFIG_DEBUG_RANGE_LOCK
bool range_lock_validate(struct range_lock_tree *tree);
#else
static inline bool range_lock_validate(struct range_lock_tree *tree)
{
	return true;
}
#endif

#endif /* _LINUX_RANGE_LOCK_H */
