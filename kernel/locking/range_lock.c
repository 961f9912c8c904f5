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
 *	SHARDS		see below
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
 * The shards. Where disjoint requests keep meeting on tree->lock, the tree is
 * split: the space falls into segments, and each segment belongs to one shard,
 * which has a word, a tree and a lock of its own, in a cache line of its own.
 * Segments that held something too wide for one segment stay with the tree.
 * So every address belongs to one tree, and a request goes to the one that has
 * all its addresses, where it meets all that it could conflict with: what is
 * said above is true of each tree by itself. A request that has addresses of
 * two trees first joins them all into one, from which they may be split again.
 * Between a split and the next join nobody writes to what all have in common.
 *
 * Invariants, outside of the sections under tree->lock; range_lock_validate()
 * checks all but I4:
 *
 * I1 The word says what is true, as in the table above.
 * I2 No two held requests conflict.
 * I3 A BLOCKED request is on the list of one request in the tree, which it
 *    conflicts with, and which is held or arrived earlier.
 * I4 An ELIGIBLE request has a wake-up under way, or its task is running.
 * I5 Held requests have ->arrival 0; waiters that conflict have different
 *    ones, none of them later than tree->clock.
 * I6 The tree is ordered by start, and ->subtree is what it says.
 * I7 With the word SHARDS, each request is in the shard that
 *    range_lock_shard_of() says, or in the tree if that says none. A shard is
 *    open while its ->idle is that word. The tree of one that is not open is
 *    empty, and in its word there is nobody but who came too late.
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
 * E  is the exception, where one of two must see the other: range_lock_join()
 *    changes the word of the tree, then looks at those of the shards;
 *    range_lock_word_acquire() and range_lock_enter_shard() change that of a
 *    shard, then look at that of the tree. All these changes are fully ordered
 * F  range_lock_divide()'s store of the word SHARDS with the loads in
 *    range_lock_word_acquire() and range_lock_enter_shard()
 *
 * The cmpxchg in range_lock_word_acquire() also publishes the request itself
 * to range_lock_pin(), hence it is fully ordered.
 *
 * Lifetime. A request in the tree stays valid in a section, since its owner
 * must enter one to take it out. A request in the word may vanish at any time,
 * so it is looked at only when the cmpxchg of a pin has made sure that its
 * owner has to come by tree->lock. A task may exit as soon as it is granted,
 * hence the reference before the grant. Shards stay until the tree is
 * destroyed, so that nobody has to say that it looks at one.
 */
#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/cache.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/range_lock.h>
#include <linux/rbtree_augmented.h>
#include <linux/sched.h>
#include <linux/sched/debug.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/wake_q.h>
#include <linux/slab.h>
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
/*
 * Both bits: SHARDS. Then the rest is the shift (a segment has 2^shift
 * addresses), a bit that says WAITERS in the word of a shard, and a generation,
 * of which no two are alike.
 */
#define RANGE_LOCK_SHARDS	(RANGE_LOCK_TREE | RANGE_LOCK_WAITERS)
#define RANGE_LOCK_SHIFT_BIT	2
#define RANGE_LOCK_SHIFT_MAX	63U
#define RANGE_LOCK_SHARD_WAITERS	0x100L
#define RANGE_LOCK_GENERATION	0x200L

#define RANGE_LOCK_SHARD_BITS	6
#define RANGE_LOCK_NR_SHARDS	64
/* A segment is at most so many powers of 2 larger than a request there. */
#define RANGE_LOCK_SPARE_BITS	9U
/* How often disjoint requests meet on tree->lock before it is split. */
#define RANGE_LOCK_CONTENDED	16

/* How often a waiter looks at its request before it goes to sleep. */
#define RANGE_LOCK_SPINS	200
/* How often a newcomer looks whether the word gets free. */
#define RANGE_LOCK_WORD_SPINS	5

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

/* The shards. */

/**
 * struct range_lock_shard - a tree for the segments that hash to it
 * @tree:	the tree
 * @idle:	the word of an idle shard, the same as that of the whole
 * @wide_start:	with @wide_last, the segments that are in no shard
 * @wide_last:	their last address
 *
 * An idle shard has the word of the whole lock in its own, and so, but for one
 * bit, has one with WAITERS. So whoever looked up a shard before it was closed,
 * and comes when it is open again, for other segments perhaps, does not get in:
 *
 *	range_lock_word_acquire()		join, then split
 *
 *	word = tree->word
 *	look up the shard, by word
 *						tree->word = next generation
 *						shard->word = the same
 *	cmpxchg(shard->word, word, R) fails
 *
 * For one that comes while the shard is closed see range_lock_join().
 */
struct range_lock_shard {
	struct range_lock_tree	tree;
	long			idle;
	u64			wide_start;
	u64			wide_last;
} ____cacheline_aligned;

static inline bool range_lock_is_split(long word)
{
	return (word & RANGE_LOCK_SHARDS) == RANGE_LOCK_SHARDS;
}

static inline unsigned int range_lock_shift(long word)
{
	return word >> RANGE_LOCK_SHIFT_BIT & RANGE_LOCK_SHIFT_MAX;
}

static inline long range_lock_next_generation(long word, unsigned int shift)
{
	return ((word | (RANGE_LOCK_GENERATION - 1)) + 1UL) |
	       shift << RANGE_LOCK_SHIFT_BIT | RANGE_LOCK_SHARDS;
}

/* What WAITERS is for a tree whose word is @idle when it is idle. */
static inline long range_lock_waiters(long idle)
{
	return idle ? idle | RANGE_LOCK_SHARD_WAITERS : RANGE_LOCK_WAITERS;
}

static inline bool range_lock_fits(const struct range_lock *lock,
				   unsigned int shift)
{
	return !((lock->start ^ lock->last) >> shift);
}

/* The shard that has all of @lock, by @word, which was tree->word; or NULL. */
static inline struct range_lock_shard *
range_lock_shard_of(const struct range_lock_tree *tree,
		    const struct range_lock *lock, long word)
{
	unsigned int shift = range_lock_shift(word);
	struct range_lock_shard *shard;

	if (!range_lock_fits(lock, shift))
		return NULL;
	shard = &tree->shards[hash_64(lock->start >> shift,
				      RANGE_LOCK_SHARD_BITS)];
	if (lock->last >= READ_ONCE(shard->wide_start) &&
	    lock->start <= READ_ONCE(shard->wide_last))
		return NULL;
	return shard;
}

/* The word. */

static inline bool range_lock_put_into_word(struct range_lock_tree *tree,
					    long held, long idle)
{
	long word = idle;

	/* A, B: matches range_lock_word_release() and range_lock_settle(). */
	if (likely(atomic_long_try_cmpxchg(&tree->word, &word, held)))
		return true;
	return word == range_lock_waiters(idle) &&
	       atomic_long_try_cmpxchg(&tree->word, &word,
				       held | RANGE_LOCK_WAITERS);
}

static inline bool range_lock_word_acquire(struct range_lock_tree *tree,
					   struct range_lock *lock,
					   enum range_lock_mode mode)
{
	long held = (long)lock | mode, word;
	struct range_lock_shard *shard;

	lock->shard = NULL;
	word = atomic_long_read_acquire(&tree->word);
	if (likely(!range_lock_is_split(word)))
		return range_lock_put_into_word(tree, held, RANGE_LOCK_IDLE);
	shard = range_lock_shard_of(tree, lock, word);
	if (!shard)
		return false;
	lock->shard = shard;
	if (likely(range_lock_put_into_word(&shard->tree, held, word)))
		/* E: matches range_lock_join(). */
		return likely(atomic_long_read(&tree->word) == word);
	lock->shard = NULL;
	return false;
}

static inline bool range_lock_word_release(struct range_lock_tree *tree,
					   struct range_lock *lock,
					   enum range_lock_mode mode)
{
	long held = (long)lock | mode, word = held, idle = RANGE_LOCK_IDLE;

	if (unlikely(lock->shard)) {
		tree = &lock->shard->tree;
		idle = READ_ONCE(lock->shard->idle);
	}
	/*
	 * A: matches range_lock_word_acquire() and range_lock_pin().
	 * B: an acquire as well, matches range_lock_settle().
	 */
	if (likely(atomic_long_try_cmpxchg(&tree->word, &word, idle)))
		return true;
	return word == (held | RANGE_LOCK_WAITERS) &&
	       atomic_long_try_cmpxchg(&tree->word, &word,
				       range_lock_waiters(idle));
}

static inline struct range_lock *range_lock_in_word(long word)
{
	if (range_lock_is_split(word))
		return NULL;
	return (struct range_lock *)(word & ~RANGE_LOCK_FLAGS);
}

/* Put into the tree whom @word held. */
static void range_lock_take_in(struct range_lock_tree *tree, long word)
{
	struct range_lock *holder = range_lock_in_word(word);

	if (holder) {
		holder->mode = word & RANGE_LOCK_WRITE;
		holder->moved = false;
		holder->arrival = 0;
		INIT_HLIST_HEAD(&holder->blocked);
		range_lock_set_state(holder, RANGE_LOCK_HELD);
		range_lock_insert(tree, holder);
	}
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

	/* A, B; and sees the request that the word publishes. */
	while (word != RANGE_LOCK_TREE &&
	       !atomic_long_try_cmpxchg(&tree->word, &word, RANGE_LOCK_TREE))
		;
	range_lock_take_in(tree, word);
}

/* The arrivals before which a waiter has waited for longer than the bound. */
static u64 range_lock_old(struct range_lock_tree *tree)
{
	u64 now;

	if (!tree->bound_ns)
		return RANGE_LOCK_ALL;
	if (tree->bound_ns == RANGE_LOCK_BOUND_MAX)
		return RANGE_LOCK_HOLDERS;
	now = ktime_get_mono_fast_ns();
	return now > tree->bound_ns ? now - tree->bound_ns : RANGE_LOCK_HOLDERS;
}

/*
 * The reverse of range_lock_pin(). A request that was moved is not put into the
 * word of a shard: its owner may have read ->idle before that.
 */
static void range_lock_settle(struct range_lock_tree *tree, long idle)
{
	struct rb_node *root = tree->root.rb_node;
	struct range_lock *top;
	long word;

	if (!root) {
		word = idle;
	} else if (range_lock_of(root)->subtree.arrival) {
		/* Only waiters. While one of them is old, nobody may pass. */
		if (range_lock_of(root)->subtree.arrival < range_lock_old(tree))
			return;
		word = range_lock_waiters(idle);
	} else if (!root->rb_left && !root->rb_right) {
		top = range_lock_of(root);
		if (idle && top->moved)
			return;
		/* One holder. It can't leave before the word says so, below. */
		range_lock_erase(tree, top);
		range_lock_set_state(top, RANGE_LOCK_OUTSIDE);
		word = (long)top | top->mode;
	} else {
		return;
	}
	/* B: matches range_lock_word_acquire(), _release() and _pin(). */
	atomic_long_set_release(&tree->word, word);
}

/* Sections. */

struct range_lock_section {
	struct range_lock_tree	*tree;		/* what it works on, locked */
	unsigned long		flags;
	long			idle;		/* the word of that when idle */
	bool			contended;
};

static void range_lock_move(struct range_lock *lock,
			    struct range_lock_tree *from,
			    struct range_lock_tree *to)
{
	range_lock_erase(from, lock);
	lock->moved = true;
	range_lock_insert(to, lock);
}

/* How many bits at the end of an address differ within a range, at least. */
static inline unsigned int range_lock_bits(const struct range_lock *lock)
{
	return fls64(lock->last - lock->start);
}

/*
 * Make the trees one again. Next time a segment shall have 2^@shift addresses.
 * A shard that is idle is closed without a write to it, so that its line need
 * not come over for that. No request gets into it behind our back:
 *
 *	range_lock_word_acquire()		range_lock_join()
 *
 *	word = tree->word, SHARDS
 *	cmpxchg(shard->word, word, R)		tree->word = TREE
 *	tree->word is still the same: then	shard->word is not idle: lock the
 *	  R will be seen			  shard, pin, move what is there
 *	it is not: then R is held if it was	shard->word is idle: then R is too
 *	  moved, and else too late		  late
 *
 * Who is too late takes R out of the word again. range_lock_enter_shard() does
 * the same with TREE in the place of R.
 */
static void range_lock_join(struct range_lock_tree *tree, unsigned int shift)
{
	/* E: matches range_lock_word_acquire() and range_lock_enter_shard(). */
	const long idle = atomic_long_xchg(&tree->word, RANGE_LOCK_TREE);
	struct range_lock_shard *shard = tree->shards;
	struct rb_node *root;
	int i;

	for (i = 0; i < RANGE_LOCK_NR_SHARDS; i++, shard++) {
		if (shard->idle != idle)
			continue;
		/* A, B: matches range_lock_word_release(), range_lock_settle(). */
		if (atomic_long_read_acquire(&shard->tree.word) == idle)
			continue;
		spin_lock(&shard->tree.lock);
		range_lock_pin(&shard->tree);
		while ((root = shard->tree.root.rb_node))
			range_lock_move(range_lock_of(root), &shard->tree,
					tree);
		tree->clock = max(tree->clock, shard->tree.clock);
		spin_unlock(&shard->tree.lock);
	}
	shift = min(shift, RANGE_LOCK_SHIFT_MAX);
	WRITE_ONCE(tree->shards->idle, range_lock_next_generation(idle, shift));
}

/*
 * For @lock, which has addresses of two trees: next time segments are such that
 * it would fit, unless it is far too wide. If it is no larger than one, but
 * stands across two, they shall be larger, so that few of its like do.
 */
static void range_lock_join_for(struct range_lock_tree *tree,
				const struct range_lock *lock)
{
	unsigned int shift = range_lock_shift(atomic_long_read(&tree->word));
	unsigned int bits = range_lock_bits(lock);

	if (bits <= shift + RANGE_LOCK_SPARE_BITS)
		shift = max(shift + 2, bits);
	range_lock_join(tree, shift);
}

static void range_lock_lock(struct range_lock_section *section,
			    struct range_lock_tree *tree, long idle)
	__acquires(section)
{
	section->tree = tree;
	section->idle = idle;
	section->contended = false;
	if (!spin_trylock_irqsave(&tree->lock, section->flags)) {
		section->contended = true;
		spin_lock_irqsave(&tree->lock, section->flags);
	}
}

static void range_lock_unlock(struct range_lock_section *section)
	__releases(section)
{
	spin_unlock_irqrestore(&section->tree->lock, section->flags);
}

/* Does @lock lie where no shard is? */
static inline bool range_lock_is_wide(const struct range_lock_tree *tree,
				      const struct range_lock *lock)
{
	return lock->start >= tree->shards->wide_start &&
	       lock->last <= tree->shards->wide_last;
}

/* Begin a section on the shard of @lock, if it belongs to one that is open. */
static bool range_lock_enter_shard(struct range_lock_tree *tree,
				   const struct range_lock *lock,
				   struct range_lock_section *section)
{
	struct range_lock_shard *shard;
	long word, was;

	for (;;) {
		/* F: matches range_lock_divide(). */
		word = atomic_long_read_acquire(&tree->word);
		if (likely(!range_lock_is_split(word)))
			return false;
		shard = range_lock_shard_of(tree, lock, word);
		if (!shard || READ_ONCE(shard->idle) != word)
			return false;
		range_lock_lock(section, &shard->tree, word);
		/* E: matches range_lock_join(). And A, B. */
		was = atomic_long_xchg(&shard->tree.word, RANGE_LOCK_TREE);
		if (likely(atomic_long_read(&tree->word) == word)) {
			range_lock_take_in(&shard->tree, was);
			__release(section); /* its caller says __cond_lock() */
			return true;
		}
		/* Too late. It is as if we had not been here. */
		if (was != RANGE_LOCK_TREE)
			atomic_long_set_release(&shard->tree.word, was);
		range_lock_unlock(section);
	}
}

/* For the first request in @shard since the tree was split. */
static void range_lock_open(struct range_lock_tree *tree,
			    struct range_lock_shard *shard, long word)
{
	struct range_lock *late;

	spin_lock(&shard->tree.lock);
	late = range_lock_in_word(atomic_long_xchg(&shard->tree.word,
						   RANGE_LOCK_TREE));
	/* It is still there, as its task will come by range_lock_joined(). */
	if (late) {
		/* Our last access: who sees it there may use it again. */
		smp_store_release(&late->shard, NULL);
	}
	shard->tree.clock = tree->clock;
	shard->tree.bound_ns = tree->bound_ns;
	/* The first section settles. */
	WRITE_ONCE(shard->idle, word);
	spin_unlock(&shard->tree.lock);
}

/*
 * Is @lock held, though range_lock_word_acquire() does not know? It was in the
 * word of its shard, but then the trees were joined. If it was moved, it is. If
 * it is still in the word, or range_lock_open() has thrown it out, it was late.
 */
static bool range_lock_joined(struct range_lock *lock,
			      enum range_lock_mode mode)
{
	/* Matches range_lock_open(). */
	struct range_lock_shard *shard = smp_load_acquire(&lock->shard);
	struct range_lock_section section;
	long word = (long)lock | mode;

	if (likely(!shard))
		return false;
	range_lock_lock(&section, &shard->tree, RANGE_LOCK_IDLE);
	if (atomic_long_try_cmpxchg(&shard->tree.word, &word, RANGE_LOCK_TREE))
		lock->shard = NULL;
	range_lock_unlock(&section);
	return lock->shard;
}

/* Begin a section on the tree that @lock belongs to. */
static void range_lock_enter(struct range_lock_tree *tree,
			     const struct range_lock *lock,
			     struct range_lock_section *section)
	__acquires(section)
{
	struct range_lock_shard *shard;
	long word;

	while (!__cond_lock(section,
			    range_lock_enter_shard(tree, lock, section))) {
		range_lock_lock(section, tree, RANGE_LOCK_IDLE);
		word = atomic_long_read(&tree->word);
		if (likely(!range_lock_is_split(word))) {
			range_lock_pin(tree);
			return;
		}
		shard = range_lock_shard_of(tree, lock, word);
		if (!shard) {
			if (!range_lock_is_wide(tree, lock))
				range_lock_join_for(tree, lock);
			return;
		}
		if (shard->idle != word)
			range_lock_open(tree, shard, word);
		range_lock_unlock(section);
	}
}

static inline struct range_lock_shard *
range_lock_shard_in(const struct range_lock_section *section,
		    const struct range_lock_tree *tree)
{
	if (section->tree == tree)
		return NULL;
	return container_of(section->tree, struct range_lock_shard, tree);
}

static void range_lock_leave(struct range_lock_section *section)
	__releases(section)
{
	if (likely(atomic_long_read(&section->tree->word) == RANGE_LOCK_TREE))
		range_lock_settle(section->tree, section->idle);
	range_lock_unlock(section);
}

/* Splitting. */

/*
 * Move what fits into a segment to its shard; if nothing does, do not split.
 * Until F nobody but us looks into a shard that is open, however long ago it
 * looked it up: the shard's word is TREE, and range_lock_enter_shard(), which
 * is too late, leaves it at that.
 */
static void range_lock_divide(struct range_lock_tree *tree, unsigned int bits)
{
	struct range_lock_shard *shard, *shards = tree->shards;
	unsigned int shift = range_lock_shift(shards->idle);
	u64 segment, wide_start = U64_MAX, wide_last = 0;
	struct rb_node *node, *next;
	struct range_lock *lock;
	bool moved = false;
	long word;
	int i;

	shift = min(max(shift, bits), bits + RANGE_LOCK_SPARE_BITS);
	shift = min(shift, RANGE_LOCK_SHIFT_MAX);
	segment = (1ULL << shift) - 1;
	for (node = rb_first(&tree->root); node; node = rb_next(node)) {
		lock = range_lock_of(node);
		if (!range_lock_fits(lock, shift)) {
			wide_start = min(wide_start, lock->start & ~segment);
			wide_last = max(wide_last, lock->last | segment);
		}
	}

	for (i = 0; i < RANGE_LOCK_NR_SHARDS; i++) {
		WRITE_ONCE(shards[i].wide_start, wide_start);
		WRITE_ONCE(shards[i].wide_last, wide_last);
	}
	word = range_lock_next_generation(shards->idle, shift);
	for (node = rb_first(&tree->root); node; node = next) {
		next = rb_next(node);
		lock = range_lock_of(node);
		shard = range_lock_shard_of(tree, lock, word);
		if (shard) {
			range_lock_open(tree, shard, word);
			range_lock_move(lock, tree, &shard->tree);
			moved = true;
		}
	}
	if (!moved) {
		/* Next time segments are larger. */
		word = range_lock_next_generation(word, min(shift + 2,
							    RANGE_LOCK_SHIFT_MAX));
		WRITE_ONCE(shards->idle, word);
		return;
	}
	/* F: matches range_lock_word_acquire() and range_lock_enter_shard(). */
	atomic_long_set_release(&tree->word, word);
}

static struct range_lock_shard *range_lock_alloc_shards(void)
{
	struct range_lock_shard *shards;
	int i;

	shards = kcalloc(RANGE_LOCK_NR_SHARDS, sizeof(*shards),
			 GFP_NOWAIT | __GFP_NOWARN);
	for (i = 0; shards && i < RANGE_LOCK_NR_SHARDS; i++) {
		atomic_long_set(&shards[i].tree.word, RANGE_LOCK_TREE);
		spin_lock_init(&shards[i].tree.lock);
	}
	return shards;
}

/*
 * Split the tree for requests of up to 2^@bits addresses. Without memory, or
 * without a request that would fit into a shard, it stays in one piece.
 */
void range_lock_split(struct range_lock_tree *tree, unsigned int bits)
{
	struct range_lock_shard *shards = NULL;
	struct range_lock_section section;
	long word;

	if (!READ_ONCE(tree->shards))
		shards = range_lock_alloc_shards();
	range_lock_lock(&section, tree, RANGE_LOCK_IDLE);
	tree->contended = 0;
	if (!tree->shards) {
		WRITE_ONCE(tree->shards, shards);
		shards = NULL;
	}
	word = atomic_long_read(&tree->word);
	if (range_lock_is_split(word))
		range_lock_join(tree, range_lock_shift(word));
	else
		range_lock_pin(tree);
	if (tree->shards)
		range_lock_divide(tree, bits);
	range_lock_leave(&section);
	kfree(shards);
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

	lock->moved = false;
	INIT_HLIST_HEAD(&lock->blocked);
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
	struct range_lock_section section;
	struct range_lock *blocker;

	range_lock_enter(tree, lock, &section);
	blocker = range_lock_find(section.tree, lock, lock->arrival);
	if (blocker)
		range_lock_block(lock, blocker);
	else
		range_lock_hold(lock);
	range_lock_leave(&section);
}

/* Stop waiting, unless @lock was granted meanwhile: then keep it, return 0. */
static int range_lock_cancel(struct range_lock_tree *tree,
			     struct range_lock *lock)
{
	DEFINE_WAKE_Q(wake_q);
	struct range_lock_section section;
	int ret = 0;

	range_lock_enter(tree, lock, &section);
	if (lock->state == RANGE_LOCK_BLOCKED ||
	    lock->state == RANGE_LOCK_ELIGIBLE) {
		if (lock->state == RANGE_LOCK_BLOCKED)
			hlist_del(&lock->blocked_link);
		range_lock_remove(section.tree, lock, &wake_q);
		ret = -EINTR;
	}
	range_lock_leave(&section);
	wake_up_q(&wake_q);
	return ret;
}

static enum range_lock_state range_lock_spin(const struct range_lock *lock)
{
	enum range_lock_state state;
	int i;

	for (i = 0; ; i++) {
		/*
		 * At least one look: who never looks while need_resched() may
		 * not sleep either once the state has changed.
		 * D: matches range_lock_set_state().
		 */
		state = smp_load_acquire(&lock->state);
		if (state != RANGE_LOCK_BLOCKED || i == RANGE_LOCK_SPINS ||
		    need_resched())
			return state;
		cpu_relax();
	}
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
	struct range_lock_section section;
	struct range_lock *blocker = NULL;
	bool idle, crowded = false;

	range_lock_enter(tree, lock, &section);
	idle = lock->state == RANGE_LOCK_OUTSIDE;
	if (idle) {
		lock->mode = mode;
		lock->shard = range_lock_shard_in(&section, tree);
		blocker = range_lock_ahead(section.tree, lock);
		if (!blocker || may_wait)
			range_lock_arrive(section.tree, lock, blocker);
		/* Whoever was there did not concern it. */
		if (section.contended && !blocker && section.tree == tree)
			crowded = ++tree->contended >= RANGE_LOCK_CONTENDED;
	}
	range_lock_leave(&section);
	if (unlikely(crowded))
		range_lock_split(tree, range_lock_bits(lock));
	WARN_ONCE(!idle, "range_lock: lock of [%llu, %llu], which is in use or was not initialised\n",
		  lock->start, lock->last);
	return idle && (!blocker || may_wait);
}

/*
 * Whoever holds the range in the word may be about to give it back; and as long
 * as the word is all there is, it does so by one cmpxchg.
 */
static bool range_lock_word_spin(struct range_lock_tree *tree,
				 struct range_lock *lock,
				 enum range_lock_mode mode)
{
	struct range_lock_shard *shard;
	long word;
	int i;

	for (i = 0; i < RANGE_LOCK_WORD_SPINS; i++) {
		word = atomic_long_read_acquire(&tree->word);
		if (range_lock_is_split(word)) {
			shard = range_lock_shard_of(tree, lock, word);
			if (!shard)
				break;
			word = atomic_long_read(&shard->tree.word);
		}
		if (word == RANGE_LOCK_TREE)
			break;
		if ((range_lock_is_split(word) || !(word & ~RANGE_LOCK_FLAGS)) &&
		    (range_lock_word_acquire(tree, lock, mode) ||
		     range_lock_joined(lock, mode)))
			return true;
		cpu_relax();
	}
	return false;
}

static noinline int __sched range_lock_slow(struct range_lock_tree *tree,
					    struct range_lock *lock,
					    enum range_lock_mode mode,
					    unsigned int task_state)
{
	if (range_lock_joined(lock, mode) ||
	    range_lock_word_spin(tree, lock, mode))
		return 0;
	if (!range_lock_enqueue(tree, lock, mode, true))
		return 0;
	return range_lock_wait(tree, lock, task_state);
}

static noinline void range_lock_release_slow(struct range_lock_tree *tree,
					     struct range_lock *lock,
					     enum range_lock_mode mode)
{
	DEFINE_WAKE_Q(wake_q);
	struct range_lock_section section;
	bool held;

	range_lock_enter(tree, lock, &section);
	held = lock->state == RANGE_LOCK_HELD && lock->mode == mode;
	if (held)
		range_lock_remove(section.tree, lock, &wake_q);
	range_lock_leave(&section);
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
	    !range_lock_joined(lock, mode) &&
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
	tree->shards = NULL;
	tree->clock = 0;
	tree->bound_ns = min(bound_ns, RANGE_LOCK_BOUND_MAX);
	tree->contended = 0;
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
	const struct range_lock all = { .start = 0, .last = RANGE_LOCK_FULL };
	struct range_lock_section section;
	struct range_lock_shard *shards;
	struct rb_node *root;
	int i;

	/* It has addresses of all the trees there are. */
	range_lock_enter(tree, &all, &section);
	root = tree->root.rb_node;
	/* Those who still hold a range will look at theirs once more. */
	shards = root ? NULL : tree->shards;
	if (shards)
		tree->shards = NULL;
	range_lock_leave(&section);
	for (i = 0; shards && i < RANGE_LOCK_NR_SHARDS; i++) {
		range_lock_lock(&section, &shards[i].tree, 0);
		range_lock_unlock(&section);
	}
	kfree(shards);
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
	lock->shard = NULL;
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
	struct range_lock_section section;
	bool held;

	lock_downgrade(&tree->dep_map, _RET_IP_);

	range_lock_enter(tree, lock, &section);
	held = lock->state == RANGE_LOCK_HELD && lock->mode == RANGE_LOCK_WRITE;
	if (held) {
		lock->mode = RANGE_LOCK_READ;
		range_lock_update(lock);
		range_lock_unblock_all(section.tree, lock, false, &wake_q);
	}
	range_lock_leave(&section);
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
	struct range_lock_section section;
	bool locked;

	range_lock_enter(tree, &probe, &section);
	locked = range_lock_find(section.tree, &probe, RANGE_LOCK_HOLDERS);
	range_lock_leave(&section);
	return locked;
}
EXPORT_SYMBOL_GPL(range_is_locked);

#ifdef CONFIG_DEBUG_RANGE_LOCK
/* I5 and I2, for two requests of a tree of which @a stands before @b. */
static bool range_lock_valid_pair(const struct range_lock *a,
				  const struct range_lock *b)
{
	/* Both are held, or both wait and came by different shards. */
	return a->start <= b->start &&
	       (a->arrival != b->arrival || !range_lock_conflicts(a, b));
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
static bool range_lock_valid_word(const struct range_lock_tree *tree,
				  unsigned long requests,
				  unsigned long holders, long idle)
{
	long word = atomic_long_read(&tree->word);

	if (word == RANGE_LOCK_TREE)
		return requests || idle;
	if (range_lock_is_split(word) && !idle)
		return true;
	if (word == idle)
		return !requests;
	if (word == range_lock_waiters(idle))
		return requests && !holders;
	if (word & RANGE_LOCK_TREE || holders)
		return false;
	return !(word & RANGE_LOCK_WAITERS) == !requests;
}

/* All of a tree, or of a shard with the word @idle. Its lock is held. */
static bool range_lock_valid_tree(struct range_lock_tree *tree, long idle)
{
	unsigned long requests = 0, holders = 0, blocked = 0, listed = 0;
	struct range_lock *lock, *waiter;
	struct rb_node *node, *other;
	bool valid = true;

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
	return valid && !WARN_ON_ONCE(!range_lock_valid_word(tree, requests,
							     holders, idle));
}

/* I7: each request is in the tree that it belongs to. */
static bool range_lock_valid_place(struct range_lock_tree *tree, long word,
				   struct range_lock_shard *shard)
{
	struct rb_node *node = rb_first(shard ? &shard->tree.root : &tree->root);

	for (; node; node = rb_next(node))
		if (range_lock_shard_of(tree, range_lock_of(node),
					word) != shard)
			return false;
	return true;
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
	struct range_lock_section section, part;
	struct range_lock_shard *shard;
	bool valid;
	long word;
	int i;

	range_lock_lock(&section, tree, RANGE_LOCK_IDLE);
	word = atomic_long_read(&tree->word);
	valid = range_lock_valid_tree(tree, RANGE_LOCK_IDLE);
	if (range_lock_is_split(word)) {
		valid &= !WARN_ON_ONCE(!range_lock_valid_place(tree, word, NULL));
		for (i = 0; i < RANGE_LOCK_NR_SHARDS; i++) {
			shard = &tree->shards[i];
			range_lock_lock(&part, &shard->tree, word);
			if (shard->idle == word)
				valid &= range_lock_valid_tree(&shard->tree,
							       word);
			else
				valid &= !WARN_ON_ONCE(shard->tree.root.rb_node);
			valid &= !WARN_ON_ONCE(!range_lock_valid_place(tree, word,
								       shard));
			range_lock_unlock(&part);
		}
	}
	range_lock_unlock(&section);
	return valid;
}
EXPORT_SYMBOL_GPL(range_lock_validate);
#endif
