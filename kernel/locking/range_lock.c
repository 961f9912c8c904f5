// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * Range lock: a sleeping reader/writer lock over ranges of a 64-bit space.
 *
 * The contract. A request waits only for conflicting requests that arrived
 * before it and are still held or waiting. On arrival it may pass those that
 * wait, if it conflicts with no holder and none of them has waited longer than
 * the tree's bound. So disjoint requests never wait for each other, readers
 * share, and nobody starves. With a bound of 0 that is the order of arrival.
 *
 * The word. While one range is held and nobody waits, tree->word is all there
 * is: one cmpxchg takes the lock, one gives it back. Its values, of which all
 * changes to and from TREE are made under tree->lock:
 *
 *	0		nothing is held, nobody waits
 *	R		request R is held, nobody waits; R is not in the tree
 *	TREE		whatever is held or waits is in the tree
 *	WAITERS		nothing is held; the tree has waiters, none of them old
 *	R + WAITERS	the same, and R, not in the tree, is held
 *
 * where R is the address of a request, and a bit that says whether for write.
 *
 *	    lock           pin                       lock
 *	0 --------> R ------------> TREE <------ R + WAITERS <------ WAITERS
 *	  <--------   <------------   |    pin               ------>    ^  |
 *	   unlock       settle        |                      unlock     |  |
 *	  <---------------------------+---------------------------------+  |
 *	            settle            ^             settle                 |
 *	                              +------------------------------------+
 *	                                             pin
 *
 * Every other operation is a section under tree->lock: it first pins the word,
 * which puts an R into the tree; then works on the tree alone; and at last
 * settles the word to the least of these states that is true.
 *
 * The tree. A waiter is blocked by one conflicting request in the tree, or it
 * is eligible: its blocker has left, nothing else stood ahead of it, and its
 * task has been woken to look again. A request ->state:
 *
 *	  newcomer --------> HELD <-----------------+
 *	     |                ^  grant              | claim
 *	     v                |                     |
 *	  BLOCKED ------------+---------------> ELIGIBLE
 *	     ^               make eligible          |
 *	     +--------------------------------------+ claim (it was passed)
 *
 * and OUTSIDE for a request that is not in the tree: in the word, or idle.
 * Only its own task takes a request out of ELIGIBLE. So the wake-up that goes
 * with ELIGIBLE is sent once, however often the waiter is passed meanwhile,
 * and cannot be lost on it.
 *
 * Invariants, outside of the sections under tree->lock; range_lock_validate()
 * checks all but I4:
 *
 * I1 The word says what is true, as in the table above.
 * I2 No two held requests conflict.
 * I3 A BLOCKED request is on the list of one request in the tree, which it
 *    conflicts with, and which is held or arrived earlier.
 * I4 An ELIGIBLE request has a wake-up under way, or its task is running.
 * I5 Held requests have ->arrival 0; waiters have different ones, none of
 *    them later than tree->clock.
 * I6 The tree is ordered by start, and ->subtree is what it says.
 *
 * Why nobody waits for ever: from a waiter, follow the blockers. By I3 and I5
 * that goes back in the order of arrival, so it ends at a request that is held
 * (its owner will release it, which looks at all that it blocks), or that is
 * eligible (its task will run, and look). Once a waiter is older than the
 * bound, nothing that conflicts with it is granted on arrival, so what stands
 * ahead of it only shrinks. The one exception is the word: in state WAITERS it
 * is taken without a look at anyone's age, but the eligible waiter that there
 * is then (I1, I3) ends that state as soon as its task runs.
 *
 * Memory order. Whoever acquires a range has seen all that was done under a
 * conflicting one by one of these pairs, each a release with its acquire:
 *
 * A  range_lock_word_release()'s cmpxchg with that of range_lock_word_acquire()
 *    or range_lock_pin()
 * B  range_lock_settle()'s store to the word with the same two; and with
 *    range_lock_word_release(), as it may have put the request into the word:
 *    whoever looked at the request in the tree is done when its owner has it
 *    back
 * C  tree->lock, among sections
 * D  range_lock_set_state(HELD) with the load in range_lock_spin()
 *
 * The cmpxchg in range_lock_word_acquire() also publishes the request itself
 * to range_lock_pin(), hence it is fully ordered.
 *
 * Lifetime. A request in the tree stays valid in a section, since its owner
 * must enter one to take it out. A request in the word may vanish at any time,
 * so it is looked at only when the cmpxchg of a pin has made sure that its
 * owner has to come by tree->lock. A task may exit as soon as it is granted,
 * hence the reference before the grant.
 */
#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/range_lock.h>
#include <linux/rbtree_augmented.h>
#include <linux/sched.h>
#include <linux/sched/debug.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/wake_q.h>
#include <linux/timekeeping.h>

#if defined(CONFIG_64BIT) && !defined(CONFIG_DEBUG_LOCK_ALLOC) && \
	!defined(CONFIG_DEBUG_SPINLOCK)
static_assert(sizeof(struct range_lock_tree) <= 40);
static_assert(sizeof(struct range_lock) <= 128);
#endif

/* range_lock_tree::word; a request is aligned well enough to leave the bits. */
#define RANGE_LOCK_IDLE		0L
#define RANGE_LOCK_TREE		1L
#define RANGE_LOCK_WAITERS	2L
#define RANGE_LOCK_FLAGS	(RANGE_LOCK_TREE | RANGE_LOCK_WAITERS | \
				 RANGE_LOCK_WRITE)

/* How often a waiter looks at its request before it goes to sleep. */
#define RANGE_LOCK_SPINS	200

/* Later than every arrival: all that wait are old. */
#define RANGE_LOCK_ALL		U64_MAX
/* Earlier than every arrival of a waiter, later than that of a holder. */
#define RANGE_LOCK_HOLDERS	1

static inline bool range_lock_conflicts(const struct range_lock *a,
					const struct range_lock *b)
{
	return a->start <= b->last && b->start <= a->last &&
	       (a->mode == RANGE_LOCK_WRITE || b->mode == RANGE_LOCK_WRITE);
}

static inline struct range_lock *range_lock_of(struct rb_node *node)
{
	return rb_entry(node, struct range_lock, node);
}

static inline void range_lock_set_state(struct range_lock *lock,
					enum range_lock_state state)
{
	/* D: matches the load in range_lock_spin(). */
	smp_store_release(&lock->state, state);
}

/* The interval tree. */

static inline void range_lock_widen(struct range_lock_subtree *sub,
				    const struct range_lock_subtree *by)
{
	sub->last = max(sub->last, by->last);
	sub->arrival = min(sub->arrival, by->arrival);
	sub->write_arrival = min(sub->write_arrival, by->write_arrival);
}

static inline struct range_lock_subtree
range_lock_alone(const struct range_lock *lock)
{
	return (struct range_lock_subtree) {
		.last = lock->last,
		.arrival = lock->arrival,
		.write_arrival = lock->mode == RANGE_LOCK_WRITE ?
				 lock->arrival : RANGE_LOCK_ALL,
	};
}

static inline bool range_lock_same(const struct range_lock_subtree *a,
				   const struct range_lock_subtree *b)
{
	return a->last == b->last && a->arrival == b->arrival &&
	       a->write_arrival == b->write_arrival;
}

static inline struct range_lock_subtree
range_lock_sum(const struct range_lock *lock)
{
	struct range_lock_subtree sub = range_lock_alone(lock);

	if (lock->node.rb_left)
		range_lock_widen(&sub, &range_lock_of(lock->node.rb_left)->subtree);
	if (lock->node.rb_right)
		range_lock_widen(&sub, &range_lock_of(lock->node.rb_right)->subtree);
	return sub;
}

static inline bool range_lock_compute(struct range_lock *lock, bool exit)
{
	struct range_lock_subtree sub = range_lock_sum(lock);

	if (exit && range_lock_same(&sub, &lock->subtree))
		return true;
	lock->subtree = sub;
	return false;
}

RB_DECLARE_CALLBACKS(static, range_lock_augment, struct range_lock, node,
		     subtree, range_lock_compute)

static void range_lock_insert(struct range_lock_tree *tree,
			      struct range_lock *lock)
{
	struct rb_node **link = &tree->root.rb_node, *parent = NULL;

	INIT_HLIST_HEAD(&lock->blocked);
	lock->subtree = range_lock_alone(lock);
	while (*link) {
		struct range_lock *above = range_lock_of(*link);

		range_lock_widen(&above->subtree, &lock->subtree);
		parent = *link;
		link = lock->start < above->start ? &parent->rb_left :
						    &parent->rb_right;
	}
	rb_link_node(&lock->node, parent, link);
	rb_insert_augmented(&lock->node, &tree->root, &range_lock_augment);
}

static void range_lock_erase(struct range_lock_tree *tree,
			     struct range_lock *lock)
{
	rb_erase_augmented(&lock->node, &tree->root, &range_lock_augment);
}

/* Tell the tree of another mode or arrival of a request that is in it. */
static void range_lock_update(struct range_lock *lock)
{
	range_lock_augment_propagate(&lock->node, NULL);
}

/* Could there be, by @node's summary, what range_lock_find() looks for? */
static inline bool range_lock_may_have(struct rb_node *node,
				       const struct range_lock *lock,
				       u64 before)
{
	const struct range_lock_subtree *sub;

	if (!node)
		return false;
	sub = &range_lock_of(node)->subtree;
	return sub->last >= lock->start &&
	       (lock->mode == RANGE_LOCK_WRITE ? sub->arrival :
						 sub->write_arrival) < before;
}

/*
 * Find a request that conflicts with @lock and arrived before @before, or that
 * conflicts and is held. A parent is taken before its children: where many
 * waiters overlap, that spreads them over many blockers, since which of them
 * is high in the tree has little to do with when it arrived.
 */
static struct range_lock *range_lock_find(struct range_lock_tree *tree,
					  const struct range_lock *lock,
					  u64 before)
{
	struct rb_node *node = tree->root.rb_node, *parent;
	struct range_lock *found;

	if (!range_lock_may_have(node, lock, before))
		return NULL;

	for (;;) {
		found = range_lock_of(node);
		if (found->arrival < before && range_lock_conflicts(found, lock))
			return found;

		if (range_lock_may_have(node->rb_left, lock, before)) {
			node = node->rb_left;
			continue;
		}
		/* Right, here or at the first ancestor where that is left over. */
		while (range_lock_of(node)->start > lock->last ||
		       !range_lock_may_have(node->rb_right, lock, before)) {
			while ((parent = rb_parent(node)) &&
			       node == parent->rb_right)
				node = parent;
			if (!parent)
				return NULL;
			node = parent;
		}
		node = node->rb_right;
	}
}

/* The word. */

static inline bool range_lock_word_acquire(struct range_lock_tree *tree,
					   struct range_lock *lock,
					   enum range_lock_mode mode)
{
	long word = RANGE_LOCK_IDLE, held = (long)lock | mode;

	/* A, B: matches range_lock_word_release() and range_lock_settle(). */
	if (likely(atomic_long_try_cmpxchg(&tree->word, &word, held)))
		return true;
	return word == RANGE_LOCK_WAITERS &&
	       atomic_long_try_cmpxchg(&tree->word, &word,
				       held | RANGE_LOCK_WAITERS);
}

static inline bool range_lock_word_release(struct range_lock_tree *tree,
					   struct range_lock *lock,
					   enum range_lock_mode mode)
{
	long held = (long)lock | mode, word = held;

	/*
	 * A: matches range_lock_word_acquire() and range_lock_pin().
	 * B: an acquire as well, matches range_lock_settle().
	 */
	if (likely(atomic_long_try_cmpxchg(&tree->word, &word,
					   RANGE_LOCK_IDLE)))
		return true;
	return word == (held | RANGE_LOCK_WAITERS) &&
	       atomic_long_try_cmpxchg(&tree->word, &word, RANGE_LOCK_WAITERS);
}

/*
 * From here on the word is ours and what it held is in the tree. The holder
 * is looked at only after the cmpxchg, which has made its owner's next
 * range_lock_word_release() fail and wait for tree->lock:
 *
 *	range_lock_pin()			owner of R
 *
 *	word = R				unlock: word = 0
 *						R is freed, or locked again
 *	cmpxchg(word, R, TREE)
 *	  fails: R is not looked at, or
 *	  succeeds: R is held, now
 *	insert R				unlock: cmpxchg(word, R, 0) fails,
 *						  waits for tree->lock
 */
static void range_lock_pin(struct range_lock_tree *tree)
{
	long word = atomic_long_read(&tree->word);
	struct range_lock *holder;

	do {
		if (word == RANGE_LOCK_TREE)
			return;
		/* A, B; and sees the request that the word publishes. */
	} while (!atomic_long_try_cmpxchg(&tree->word, &word, RANGE_LOCK_TREE));

	holder = (struct range_lock *)(word & ~RANGE_LOCK_FLAGS);
	if (holder) {
		holder->mode = word & RANGE_LOCK_WRITE;
		holder->arrival = 0;
		range_lock_set_state(holder, RANGE_LOCK_HELD);
		range_lock_insert(tree, holder);
	}
}

/* The arrivals before which a waiter has waited for longer than the bound. */
static u64 range_lock_old(struct range_lock_tree *tree)
{
	u64 now;

	if (!tree->bound_ns)
		return RANGE_LOCK_ALL;
	now = ktime_get_mono_fast_ns();
	return now > tree->bound_ns ? now - tree->bound_ns : RANGE_LOCK_HOLDERS;
}

/* The reverse of range_lock_pin(). */
static void range_lock_settle(struct range_lock_tree *tree)
{
	struct rb_node *root = tree->root.rb_node;
	struct range_lock *top;
	long word;

	if (!root) {
		word = RANGE_LOCK_IDLE;
	} else if (range_lock_of(root)->subtree.arrival) {
		/* Only waiters. While one of them is old, nobody may pass. */
		if (range_lock_of(root)->subtree.arrival < range_lock_old(tree))
			return;
		word = RANGE_LOCK_WAITERS;
	} else if (!root->rb_left && !root->rb_right) {
		/* One holder. It can't leave before the word says so, below. */
		top = range_lock_of(root);
		range_lock_erase(tree, top);
		range_lock_set_state(top, RANGE_LOCK_OUTSIDE);
		word = (long)top | top->mode;
	} else {
		return;
	}
	/* B: matches range_lock_word_acquire(), _release() and _pin(). */
	atomic_long_set_release(&tree->word, word);
}

static unsigned long range_lock_enter(struct range_lock_tree *tree)
{
	unsigned long flags;

	spin_lock_irqsave(&tree->lock, flags);
	range_lock_pin(tree);
	return flags;
}

static void range_lock_leave(struct range_lock_tree *tree, unsigned long flags)
{
	range_lock_settle(tree);
	spin_unlock_irqrestore(&tree->lock, flags);
}

/* In a section: who is held, who is blocked, who may go. */

static void range_lock_block(struct range_lock *lock,
			     struct range_lock *blocker)
{
	lock->eager = true;
	hlist_add_head(&lock->blocked_link, &blocker->blocked);
	range_lock_set_state(lock, RANGE_LOCK_BLOCKED);
}

static void range_lock_hold(struct range_lock *lock)
{
	lock->arrival = 0;
	range_lock_update(lock);
	range_lock_set_state(lock, RANGE_LOCK_HELD);
}

/* Whom does a newcomer have to wait for, if it may pass all but the old? */
static struct range_lock *range_lock_ahead(struct range_lock_tree *tree,
					   const struct range_lock *lock)
{
	struct range_lock *blocker;

	blocker = range_lock_find(tree, lock, RANGE_LOCK_ALL);
	/* If it is a waiter that may be young, look for a holder, or an old one. */
	if (blocker && blocker->arrival && tree->bound_ns)
		blocker = range_lock_find(tree, lock, range_lock_old(tree));
	return blocker;
}

/* A newcomer comes into the tree, held or blocked. */
static void range_lock_arrive(struct range_lock_tree *tree,
			      struct range_lock *lock,
			      struct range_lock *blocker)
{
	u64 now;

	if (blocker) {
		now = tree->bound_ns ? ktime_get_mono_fast_ns() : 0;
		tree->clock = max(tree->clock + 1, now);
		lock->arrival = tree->clock;
		lock->task = current;
		range_lock_block(lock, blocker);
	} else {
		lock->arrival = 0;
		range_lock_set_state(lock, RANGE_LOCK_HELD);
	}
	range_lock_insert(tree, lock);
}

/*
 * The blocker of @waiter has left it. Does another one stand ahead of it? If
 * not, grant it when it is old; or eager: then its task watches from a CPU, or
 * was woken in vain before. Else leave the lock to those that run, until its
 * task does.
 */
static void range_lock_unblock(struct range_lock_tree *tree,
			       struct range_lock *waiter, u64 old,
			       struct wake_q_head *wake_q)
{
	struct range_lock *blocker;
	struct task_struct *task;

	hlist_del(&waiter->blocked_link);
	blocker = range_lock_find(tree, waiter, waiter->arrival);
	if (blocker) {
		hlist_add_head(&waiter->blocked_link, &blocker->blocked);
		return;
	}

	/*
	 * As soon as the state says so, the waiter may return from its call,
	 * and its task may exit. Here the task is still waiting.
	 */
	task = waiter->task;
	get_task_struct(task);
	if (waiter->arrival < old || READ_ONCE(waiter->eager))
		range_lock_hold(waiter);
	else
		range_lock_set_state(waiter, RANGE_LOCK_ELIGIBLE);
	wake_q_add_safe(wake_q, task);
}

/* Look at each waiter that @lock blocks and, by now, does not conflict with. */
static void range_lock_unblock_all(struct range_lock_tree *tree,
				   struct range_lock *lock, bool left,
				   struct wake_q_head *wake_q)
{
	struct range_lock *waiter;
	struct hlist_node *next;
	u64 old;

	if (hlist_empty(&lock->blocked))
		return;
	old = range_lock_old(tree);
	hlist_for_each_entry_safe(waiter, next, &lock->blocked, blocked_link) {
		if (left || !range_lock_conflicts(waiter, lock))
			range_lock_unblock(tree, waiter, old, wake_q);
	}
}

static void range_lock_remove(struct range_lock_tree *tree,
			      struct range_lock *lock,
			      struct wake_q_head *wake_q)
{
	range_lock_erase(tree, lock);
	range_lock_set_state(lock, RANGE_LOCK_OUTSIDE);
	range_lock_unblock_all(tree, lock, true, wake_q);
}

/* Waiting. */

/* The task of an eligible request looks for itself. */
static void range_lock_claim(struct range_lock_tree *tree,
			     struct range_lock *lock)
{
	unsigned long flags = range_lock_enter(tree);
	struct range_lock *blocker;

	blocker = range_lock_find(tree, lock, lock->arrival);
	if (blocker)
		range_lock_block(lock, blocker);
	else
		range_lock_hold(lock);
	range_lock_leave(tree, flags);
}

/* Stop waiting, unless @lock was granted meanwhile: then keep it, return 0. */
static int range_lock_cancel(struct range_lock_tree *tree,
			     struct range_lock *lock)
{
	DEFINE_WAKE_Q(wake_q);
	unsigned long flags = range_lock_enter(tree);
	int ret = 0;

	if (lock->state == RANGE_LOCK_BLOCKED ||
	    lock->state == RANGE_LOCK_ELIGIBLE) {
		if (lock->state == RANGE_LOCK_BLOCKED)
			hlist_del(&lock->blocked_link);
		range_lock_remove(tree, lock, &wake_q);
		ret = -EINTR;
	}
	range_lock_leave(tree, flags);
	wake_up_q(&wake_q);
	return ret;
}

static enum range_lock_state range_lock_spin(const struct range_lock *lock)
{
	enum range_lock_state state;
	int i;

	for (i = 0; i < RANGE_LOCK_SPINS && !need_resched(); i++) {
		/* D: matches range_lock_set_state(). */
		state = smp_load_acquire(&lock->state);
		if (state != RANGE_LOCK_BLOCKED)
			return state;
		cpu_relax();
	}
	return RANGE_LOCK_BLOCKED;
}

/*
 * A waiter looks at nothing but its own request. set_current_state() comes
 * before the look at ->state, and whoever changes that wakes us afterwards:
 * either we see the change, or schedule() does not sleep.
 */
static int range_lock_wait(struct range_lock_tree *tree,
			   struct range_lock *lock, unsigned int task_state)
{
	bool claimed = false;

	for (;;) {
		switch (range_lock_spin(lock)) {
		case RANGE_LOCK_BLOCKED:
			break;
		case RANGE_LOCK_ELIGIBLE:
			range_lock_claim(tree, lock);
			claimed = true;
			continue;
		default:
			return 0;
		}

		/* Too late for one who grants it just now? It does no harm. */
		if (!claimed)
			WRITE_ONCE(lock->eager, false);
		set_current_state(task_state);
		if (signal_pending_state(task_state, current)) {
			__set_current_state(TASK_RUNNING);
			return range_lock_cancel(tree, lock);
		}
		if (READ_ONCE(lock->state) == RANGE_LOCK_BLOCKED)
			schedule();
		__set_current_state(TASK_RUNNING);
	}
}

/* Returns whether @lock has arrived: held, or blocked if it may wait. */
static bool range_lock_enqueue(struct range_lock_tree *tree,
			       struct range_lock *lock,
			       enum range_lock_mode mode, bool may_wait)
{
	unsigned long flags = range_lock_enter(tree);
	bool idle = lock->state == RANGE_LOCK_OUTSIDE;
	struct range_lock *blocker = NULL;

	if (idle) {
		lock->mode = mode;
		blocker = range_lock_ahead(tree, lock);
		if (!blocker || may_wait)
			range_lock_arrive(tree, lock, blocker);
	}
	range_lock_leave(tree, flags);
	WARN_ONCE(!idle, "range_lock: lock of [%llu, %llu], which is in use or was not initialised\n",
		  lock->start, lock->last);
	return idle && (!blocker || may_wait);
}

static noinline int __sched range_lock_slow(struct range_lock_tree *tree,
					    struct range_lock *lock,
					    enum range_lock_mode mode,
					    unsigned int task_state)
{
	if (!range_lock_enqueue(tree, lock, mode, true))
		return 0;
	return range_lock_wait(tree, lock, task_state);
}

static noinline void range_lock_release_slow(struct range_lock_tree *tree,
					     struct range_lock *lock,
					     enum range_lock_mode mode)
{
	DEFINE_WAKE_Q(wake_q);
	unsigned long flags = range_lock_enter(tree);
	bool held = lock->state == RANGE_LOCK_HELD && lock->mode == mode;

	if (held)
		range_lock_remove(tree, lock, &wake_q);
	range_lock_leave(tree, flags);
	wake_up_q(&wake_q);
	WARN_ONCE(!held, "range_lock: unlock of [%llu, %llu], which is not held for %s\n",
		  lock->start, lock->last,
		  mode == RANGE_LOCK_WRITE ? "write" : "read");
}

/* For lockdep every range is the full range. */
static __always_inline void range_lock_dep_acquire(struct range_lock_tree *tree,
						   enum range_lock_mode mode,
						   int subclass, int try)
{
	if (mode == RANGE_LOCK_WRITE)
		rwsem_acquire(&tree->dep_map, subclass, try, _RET_IP_);
	else
		rwsem_acquire_read(&tree->dep_map, subclass, try, _RET_IP_);
}

static __always_inline int range_lock_acquire(struct range_lock_tree *tree,
					      struct range_lock *lock,
					      enum range_lock_mode mode,
					      int subclass,
					      unsigned int task_state)
{
	int ret = 0;

	might_sleep();
	range_lock_dep_acquire(tree, mode, subclass, 0);
	if (unlikely(!range_lock_word_acquire(tree, lock, mode))) {
		ret = range_lock_slow(tree, lock, mode, task_state);
		if (ret)
			rwsem_release(&tree->dep_map, _RET_IP_);
	}
	return ret;
}

static __always_inline bool range_lock_try(struct range_lock_tree *tree,
					   struct range_lock *lock,
					   enum range_lock_mode mode)
{
	if (unlikely(!range_lock_word_acquire(tree, lock, mode)) &&
	    !range_lock_enqueue(tree, lock, mode, false))
		return false;
	range_lock_dep_acquire(tree, mode, 0, 1);
	return true;
}

static __always_inline void range_lock_release(struct range_lock_tree *tree,
					       struct range_lock *lock,
					       enum range_lock_mode mode)
{
	rwsem_release(&tree->dep_map, _RET_IP_);
	if (unlikely(!range_lock_word_release(tree, lock, mode)))
		range_lock_release_slow(tree, lock, mode);
}

/* The interface. */

void __range_lock_tree_init(struct range_lock_tree *tree, u32 bound_ns,
			    const char *name, struct lock_class_key *key)
{
	atomic_long_set(&tree->word, RANGE_LOCK_IDLE);
	tree->root = RB_ROOT;
	tree->clock = 0;
	tree->bound_ns = bound_ns;
	spin_lock_init(&tree->lock);
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	debug_check_no_locks_freed((void *)tree, sizeof(*tree));
	lockdep_init_map(&tree->dep_map, name, key, 0);
#endif
}
EXPORT_SYMBOL_GPL(__range_lock_tree_init);

/**
 * range_lock_tree_destroy() - say that a tree is not used any more
 * @tree: the tree, of which no range is held or waited for
 *
 * Must be called before the memory of @tree is used for anything else: an
 * unlock may give the lock to somebody else shortly before its own last access
 * to @tree, for which this call waits. A range that is still held is reported
 * by a warning. Does not sleep.
 */
void range_lock_tree_destroy(struct range_lock_tree *tree)
{
	unsigned long flags = range_lock_enter(tree);
	struct rb_node *root = tree->root.rb_node;

	range_lock_leave(tree, flags);
	WARN_ONCE(root, "range_lock: destroy of a tree of which a range is held\n");
}
EXPORT_SYMBOL_GPL(range_lock_tree_destroy);

/**
 * range_lock_init() - prepare a request
 * @lock: the request, neither held nor waiting
 * @start: first address of the range
 * @last: last address of the range, which belongs to it; not below @start
 *
 * With @start > @last it warns, and the request is for the full range: that
 * excludes all that its caller may have meant. Does not sleep.
 */
void range_lock_init(struct range_lock *lock, u64 start, u64 last)
{
	if (WARN_ONCE(start > last, "range_lock: start %llu > last %llu, taken as the full range\n",
		      start, last)) {
		start = 0;
		last = RANGE_LOCK_FULL;
	}
	lock->start = start;
	lock->last = last;
	lock->state = RANGE_LOCK_OUTSIDE;
}
EXPORT_SYMBOL_GPL(range_lock_init);

/**
 * range_lock_init_full() - prepare a request for the full range
 * @lock: the request, neither held nor waiting
 *
 * Does not sleep.
 */
void range_lock_init_full(struct range_lock *lock)
{
	range_lock_init(lock, 0, RANGE_LOCK_FULL);
}
EXPORT_SYMBOL_GPL(range_lock_init_full);

/**
 * range_read_lock() - take a range for read
 * @tree: the tree
 * @lock: the request, initialised, neither held nor waiting
 *
 * Returns when the range is held: no range that overlaps it is held for write
 * until range_read_unlock(). Sleeps.
 */
void __sched range_read_lock(struct range_lock_tree *tree,
			     struct range_lock *lock)
{
	range_lock_acquire(tree, lock, RANGE_LOCK_READ, 0,
			   TASK_UNINTERRUPTIBLE);
}
EXPORT_SYMBOL_GPL(range_read_lock);

/**
 * range_write_lock() - take a range for write
 * @tree: the tree
 * @lock: the request, initialised, neither held nor waiting
 *
 * Returns when the range is held: no other range that overlaps it is held
 * until range_write_unlock(). Sleeps.
 */
void __sched range_write_lock(struct range_lock_tree *tree,
			      struct range_lock *lock)
{
	range_lock_acquire(tree, lock, RANGE_LOCK_WRITE, 0,
			   TASK_UNINTERRUPTIBLE);
}
EXPORT_SYMBOL_GPL(range_write_lock);

#ifdef CONFIG_DEBUG_LOCK_ALLOC
/**
 * range_read_lock_nested() - range_read_lock() with a lockdep subclass
 * @tree: the tree
 * @lock: the request, initialised, neither held nor waiting
 * @subclass: which of the trees of one class that this task locks; from 0
 *
 * Sleeps.
 */
void __sched range_read_lock_nested(struct range_lock_tree *tree,
				    struct range_lock *lock, int subclass)
{
	range_lock_acquire(tree, lock, RANGE_LOCK_READ, subclass,
			   TASK_UNINTERRUPTIBLE);
}
EXPORT_SYMBOL_GPL(range_read_lock_nested);

/**
 * range_write_lock_nested() - range_write_lock() with a lockdep subclass
 * @tree: the tree
 * @lock: the request, initialised, neither held nor waiting
 * @subclass: which of the trees of one class that this task locks; from 0
 *
 * Sleeps.
 */
void __sched range_write_lock_nested(struct range_lock_tree *tree,
				     struct range_lock *lock, int subclass)
{
	range_lock_acquire(tree, lock, RANGE_LOCK_WRITE, subclass,
			   TASK_UNINTERRUPTIBLE);
}
EXPORT_SYMBOL_GPL(range_write_lock_nested);
#endif

/**
 * range_read_lock_killable() - range_read_lock() that a fatal signal ends
 * @tree: the tree
 * @lock: the request, initialised, neither held nor waiting
 *
 * Sleeps.
 *
 * Return: 0 when the range is held; -EINTR when it is not, @lock can be used
 * again.
 */
int __sched range_read_lock_killable(struct range_lock_tree *tree,
				     struct range_lock *lock)
{
	return range_lock_acquire(tree, lock, RANGE_LOCK_READ, 0,
				  TASK_KILLABLE);
}
EXPORT_SYMBOL_GPL(range_read_lock_killable);

/**
 * range_write_lock_killable() - range_write_lock() that a fatal signal ends
 * @tree: the tree
 * @lock: the request, initialised, neither held nor waiting
 *
 * Sleeps.
 *
 * Return: 0 when the range is held; -EINTR when it is not, @lock can be used
 * again.
 */
int __sched range_write_lock_killable(struct range_lock_tree *tree,
				      struct range_lock *lock)
{
	return range_lock_acquire(tree, lock, RANGE_LOCK_WRITE, 0,
				  TASK_KILLABLE);
}
EXPORT_SYMBOL_GPL(range_write_lock_killable);

/**
 * range_read_lock_interruptible() - range_read_lock() that a signal ends
 * @tree: the tree
 * @lock: the request, initialised, neither held nor waiting
 *
 * Sleeps.
 *
 * Return: 0 when the range is held; -EINTR when it is not, @lock can be used
 * again.
 */
int __sched range_read_lock_interruptible(struct range_lock_tree *tree,
					  struct range_lock *lock)
{
	return range_lock_acquire(tree, lock, RANGE_LOCK_READ, 0,
				  TASK_INTERRUPTIBLE);
}
EXPORT_SYMBOL_GPL(range_read_lock_interruptible);

/**
 * range_write_lock_interruptible() - range_write_lock() that a signal ends
 * @tree: the tree
 * @lock: the request, initialised, neither held nor waiting
 *
 * Sleeps.
 *
 * Return: 0 when the range is held; -EINTR when it is not, @lock can be used
 * again.
 */
int __sched range_write_lock_interruptible(struct range_lock_tree *tree,
					   struct range_lock *lock)
{
	return range_lock_acquire(tree, lock, RANGE_LOCK_WRITE, 0,
				  TASK_INTERRUPTIBLE);
}
EXPORT_SYMBOL_GPL(range_write_lock_interruptible);

/**
 * range_read_trylock() - take a range for read, if that needs no waiting
 * @tree: the tree
 * @lock: the request, initialised, neither held nor waiting
 *
 * Passes waiters as range_read_lock() may on arrival, and no others. Does not
 * sleep.
 *
 * Return: whether the range is held.
 */
bool range_read_trylock(struct range_lock_tree *tree, struct range_lock *lock)
{
	return range_lock_try(tree, lock, RANGE_LOCK_READ);
}
EXPORT_SYMBOL_GPL(range_read_trylock);

/**
 * range_write_trylock() - take a range for write, if that needs no waiting
 * @tree: the tree
 * @lock: the request, initialised, neither held nor waiting
 *
 * Passes waiters as range_write_lock() may on arrival, and no others. Does not
 * sleep.
 *
 * Return: whether the range is held.
 */
bool range_write_trylock(struct range_lock_tree *tree, struct range_lock *lock)
{
	return range_lock_try(tree, lock, RANGE_LOCK_WRITE);
}
EXPORT_SYMBOL_GPL(range_write_trylock);

/**
 * range_read_unlock() - give back a range that was taken for read
 * @tree: the tree
 * @lock: the request, held for read, or for write and then downgraded
 *
 * The request may be used again, or its memory for something else. Any task
 * may call it. Does not sleep.
 */
void range_read_unlock(struct range_lock_tree *tree, struct range_lock *lock)
{
	range_lock_release(tree, lock, RANGE_LOCK_READ);
}
EXPORT_SYMBOL_GPL(range_read_unlock);

/**
 * range_write_unlock() - give back a range that was taken for write
 * @tree: the tree
 * @lock: the request, held for write
 *
 * The request may be used again, or its memory for something else. Any task
 * may call it. Does not sleep.
 */
void range_write_unlock(struct range_lock_tree *tree, struct range_lock *lock)
{
	range_lock_release(tree, lock, RANGE_LOCK_WRITE);
}
EXPORT_SYMBOL_GPL(range_write_unlock);

/**
 * range_downgrade_write() - make a range that is held for write one for read
 * @tree: the tree
 * @lock: the request, held for write
 *
 * The range is held all the while. Readers that wait for this request alone
 * are granted. Does not sleep.
 */
void range_downgrade_write(struct range_lock_tree *tree,
			   struct range_lock *lock)
{
	DEFINE_WAKE_Q(wake_q);
	unsigned long flags;
	bool held;

	lock_downgrade(&tree->dep_map, _RET_IP_);

	flags = range_lock_enter(tree);
	held = lock->state == RANGE_LOCK_HELD && lock->mode == RANGE_LOCK_WRITE;
	if (held) {
		lock->mode = RANGE_LOCK_READ;
		range_lock_update(lock);
		range_lock_unblock_all(tree, lock, false, &wake_q);
	}
	range_lock_leave(tree, flags);
	wake_up_q(&wake_q);
	WARN_ONCE(!held, "range_lock: downgrade of [%llu, %llu], which is not held for write\n",
		  lock->start, lock->last);
}
EXPORT_SYMBOL_GPL(range_downgrade_write);

/**
 * range_is_locked() - is any part of a range held?
 * @tree: the tree
 * @lock: a request, initialised; only its range matters
 *
 * Exact at some moment during the call. A range that @lock itself holds is
 * held. Does not sleep.
 *
 * Return: whether a held range, in whatever mode, overlaps that of @lock.
 */
bool range_is_locked(struct range_lock_tree *tree,
		     const struct range_lock *lock)
{
	const struct range_lock probe = {
		.start = lock->start,
		.last = lock->last,
		.mode = RANGE_LOCK_WRITE,
	};
	unsigned long flags = range_lock_enter(tree);
	bool locked = range_lock_find(tree, &probe, RANGE_LOCK_HOLDERS);

	range_lock_leave(tree, flags);
	return locked;
}
EXPORT_SYMBOL_GPL(range_is_locked);

#ifdef CONFIG_DEBUG_RANGE_LOCK
/* I5 and I2, for two requests of a tree of which @a stands before @b. */
static bool range_lock_valid_pair(const struct range_lock *a,
				  const struct range_lock *b)
{
	if (a->arrival || b->arrival)
		return a->start <= b->start && a->arrival != b->arrival;
	return a->start <= b->start && !range_lock_conflicts(a, b);
}

/* I3 and I5, for a waiter on the list of @blocker. */
static bool range_lock_valid_waiter(const struct range_lock *waiter,
				    const struct range_lock *blocker)
{
	return waiter->state == RANGE_LOCK_BLOCKED &&
	       range_lock_conflicts(waiter, blocker) &&
	       blocker->arrival < waiter->arrival;
}

/* I5 and I6, for a request of a tree. */
static bool range_lock_valid_request(const struct range_lock_tree *tree,
				     const struct range_lock *lock)
{
	struct range_lock_subtree sub = range_lock_sum(lock);

	return range_lock_same(&sub, &lock->subtree) &&
	       lock->start <= lock->last &&
	       lock->state != RANGE_LOCK_OUTSIDE &&
	       (lock->state == RANGE_LOCK_HELD) == !lock->arrival &&
	       lock->arrival <= tree->clock;
}

/* I1: @holders of the @requests of a tree are held. */
static bool range_lock_valid_word(long word, unsigned long requests,
				  unsigned long holders)
{
	if (word == RANGE_LOCK_TREE)
		return requests;
	if (word & RANGE_LOCK_TREE || holders)
		return false;
	return !(word & RANGE_LOCK_WAITERS) == !requests;
}

/**
 * range_lock_validate() - check the invariants of a tree
 * @tree: the tree
 *
 * For tests: it warns of the first thing that is wrong, and takes time
 * quadratic in the number of requests. Does not sleep.
 *
 * Return: whether all is well.
 */
bool range_lock_validate(struct range_lock_tree *tree)
{
	unsigned long flags, requests = 0, holders = 0, blocked = 0, listed = 0;
	struct range_lock *lock, *waiter;
	struct rb_node *node, *other;
	bool valid = true;

	spin_lock_irqsave(&tree->lock, flags);
	for (node = rb_first(&tree->root); node; node = rb_next(node)) {
		lock = range_lock_of(node);
		requests++;
		holders += lock->state == RANGE_LOCK_HELD;
		blocked += lock->state == RANGE_LOCK_BLOCKED;
		valid &= !WARN_ON_ONCE(!range_lock_valid_request(tree, lock));
		hlist_for_each_entry(waiter, &lock->blocked, blocked_link) {
			listed++;
			valid &= !WARN_ON_ONCE(!range_lock_valid_waiter(waiter,
									lock));
		}
		for (other = rb_next(node); other; other = rb_next(other))
			valid &= !WARN_ON_ONCE(!range_lock_valid_pair(lock,
						range_lock_of(other)));
	}
	valid &= !WARN_ON_ONCE(listed != blocked);
	valid &= !WARN_ON_ONCE(!range_lock_valid_word(atomic_long_read(&tree->word),
						      requests, holders));
	spin_unlock_irqrestore(&tree->lock, flags);
	return valid;
}
EXPORT_SYMBOL_GPL(range_lock_validate);
#endif
