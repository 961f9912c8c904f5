// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What ThreadSanitizer gets to see of the lock, in librangelock_tsan.a: that
 * whoever holds a range has seen what was done under conflicting ones before,
 * and nothing else.
 *
 * A lock that is compiled with -fsanitize=thread has more to show: its word,
 * its spinlock and its shards order disjoint holders too, so that nothing is
 * said about one who writes outside the range held. In this library the lock is
 * compiled without, so that its own accesses are not seen; what it calls, and
 * ThreadSanitizer intercepts, is told to be ignored. Its public functions are
 * renamed, by the Makefile, to range_lock__NAME; those below have their names.
 *
 * The orders that the lock promises are told one by one. ThreadSanitizer keeps
 * a clock for any address: __tsan_release() adds to it what the thread has done
 * and seen, __tsan_acquire() makes the thread see that. So there is a clock for
 * each range that was given back, until somebody who had to see it gives back
 * the same addresses for write:
 *
 * - To take a range is to acquire the clocks of all writes that overlap, for
 *   write also those of the reads. It is done once the range is held.
 * - To give back a range that was held for write, or to downgrade it, cuts its
 *   addresses out of all that is there, and puts one clock in their place. It
 *   is done while the range is still held, so that what is cut out is what was
 *   acquired, by this thread or by one that has passed the request on to it.
 * - To give back a range that was held for read adds a clock, or adds to that
 *   of a read of the very same range.
 *
 * What is cut into two pieces has one clock in two places. A clock in several
 * places gets nothing more: others would acquire that than should.
 *
 * When there is too much to be kept, the next thread that gives back a range
 * acquires all, and puts one clock in the place of all. Then a report may be
 * missed, but no order is.
 *
 * A thread that has waited takes mutexes of liburcu when it exits. They order
 * it with nobody but other exiting threads, and with who joins those.
 */
#include <pthread.h>
#include <stdlib.h>

#include <linux/hash.h>
#include <linux/interval_tree_generic.h>
#include <linux/list.h>
#include <linux/range_lock.h>
#include <linux/spinlock.h>

/* How many pieces are kept for a tree; each may cost 1 or 2 KiB, clock and all. */
#define PIECES_MAX	16384

#define TREES_BITS	10

/* Its address is what ThreadSanitizer knows it by. */
struct clock {
	unsigned int pieces;
};

struct piece {
	struct rb_node	node;
	u64		start;
	u64		last;
	u64		subtree_last;
	struct clock	*clock;
};

/* What was done under the ranges of a tree. */
struct past {
	struct hlist_node	link;
	const struct range_lock_tree *tree;
	struct rb_root_cached	reads;	/* may overlap */
	struct rb_root_cached	writes;	/* do not */
	unsigned int		pieces;
};

#define PIECE_START(piece)	((piece)->start)
#define PIECE_LAST(piece)	((piece)->last)
INTERVAL_TREE_DEFINE(struct piece, node, u64, subtree_last, PIECE_START,
		     PIECE_LAST, static, piece)

/* Protects all below, and is not seen either. */
static spinlock_t pasts_lock = __SPIN_LOCK_UNLOCKED(pasts_lock);
static struct hlist_head pasts[1 << TREES_BITS];

/* ThreadSanitizer's. Not every compiler that can build this has its header. */
void __tsan_acquire(void *address);
void __tsan_release(void *address);
void AnnotateIgnoreSyncBegin(const char *file, int line);
void AnnotateIgnoreSyncEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);

/* No memory may pass from one thread to another visibly: no writes either. */
static void hide(void)
{
	AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
	AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
}

static void show(void)
{
	AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
	AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
}

static void lock_pasts(void)
{
	AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
	spin_lock(&pasts_lock);
}

static void unlock_pasts(void)
{
	spin_unlock(&pasts_lock);
	AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
}

/* ThreadSanitizer ends a process that has no memory left; so does this. */
static void *allocate(size_t size)
{
	void *memory = calloc(1, size);

	if (!memory)
		abort();
	return memory;
}

static struct hlist_head *pasts_of(const struct range_lock_tree *tree)
{
	return &pasts[hash_64((unsigned long)tree, TREES_BITS)];
}

static struct past *find_past(const struct range_lock_tree *tree)
{
	struct past *past;

	hlist_for_each_entry(past, pasts_of(tree), link)
		if (past->tree == tree)
			return past;
	return NULL;
}

static struct past *get_past(const struct range_lock_tree *tree)
{
	struct past *past = find_past(tree);

	if (!past) {
		past = allocate(sizeof(*past));
		past->tree = tree;
		hlist_add_head(&past->link, pasts_of(tree));
	}
	return past;
}

static void add_piece(struct past *past, struct rb_root_cached *root,
		      u64 start, u64 last, struct clock *clock)
{
	struct piece *piece = allocate(sizeof(*piece));

	piece->start = start;
	piece->last = last;
	piece->clock = clock;
	clock->pieces++;
	past->pieces++;
	piece_insert(piece, root);
}

static void remove_piece(struct past *past, struct rb_root_cached *root,
			 struct piece *piece)
{
	piece_remove(piece, root);
	past->pieces--;
	if (!--piece->clock->pieces)
		free(piece->clock);
	free(piece);
}

static void acquire(struct rb_root_cached *root, u64 start, u64 last)
{
	struct piece *piece;

	for (piece = piece_iter_first(root, start, last); piece;
	     piece = piece_iter_next(piece, start, last))
		__tsan_acquire(piece->clock);
}

static void cut_out(struct past *past, struct rb_root_cached *root, u64 start,
		    u64 last)
{
	struct piece *piece;

	while ((piece = piece_iter_first(root, start, last))) {
		if (piece->start < start)
			add_piece(past, root, piece->start, start - 1,
				  piece->clock);
		if (piece->last > last)
			add_piece(past, root, last + 1, piece->last,
				  piece->clock);
		remove_piece(past, root, piece);
	}
}

/* The clock to which a read of [@start, @last] can be added, or NULL. */
static struct clock *find_read(struct past *past, u64 start, u64 last)
{
	struct piece *piece;

	for (piece = piece_iter_first(&past->reads, start, last); piece;
	     piece = piece_iter_next(piece, start, last))
		if (piece->start == start && piece->last == last &&
		    piece->clock->pieces == 1)
			return piece->clock;
	return NULL;
}

/* The range is held. */
static void taken(const struct range_lock_tree *tree,
		  const struct range_lock *lock, enum range_lock_mode mode)
{
	struct past *past;

	lock_pasts();
	past = find_past(tree);
	if (past) {
		acquire(&past->writes, lock->start, lock->last);
		if (mode == RANGE_LOCK_WRITE)
			acquire(&past->reads, lock->start, lock->last);
	}
	unlock_pasts();
}

/* The range will not be held in @mode any more. */
static void giving_back(const struct range_lock_tree *tree,
			const struct range_lock *lock,
			enum range_lock_mode mode)
{
	u64 start = lock->start, last = lock->last;
	struct rb_root_cached *root;
	struct clock *clock = NULL;
	struct past *past;

	lock_pasts();
	past = get_past(tree);
	if (past->pieces >= PIECES_MAX) {
		start = 0;
		last = U64_MAX;
		mode = RANGE_LOCK_WRITE;
		acquire(&past->reads, start, last);
		acquire(&past->writes, start, last);
	}
	if (mode == RANGE_LOCK_WRITE) {
		root = &past->writes;
		cut_out(past, &past->reads, start, last);
		cut_out(past, &past->writes, start, last);
	} else {
		root = &past->reads;
		clock = find_read(past, start, last);
	}
	if (!clock) {
		clock = allocate(sizeof(*clock));
		add_piece(past, root, start, last, clock);
	}
	__tsan_release(clock);
	unlock_pasts();
}

static void forget(const struct range_lock_tree *tree)
{
	struct past *past;

	lock_pasts();
	past = find_past(tree);
	if (past) {
		cut_out(past, &past->reads, 0, U64_MAX);
		cut_out(past, &past->writes, 0, U64_MAX);
		hlist_del(&past->link);
		free(past);
	}
	unlock_pasts();
}

/* The child of a fork may use trees of its own. */
static void before_fork(void)
{
	spin_lock(&pasts_lock);
}

static void after_fork(void)
{
	spin_unlock(&pasts_lock);
}

__attribute__((constructor)) static void prepare_for_forks(void)
{
	pthread_atfork(before_fork, after_fork, after_fork);
}

/* The public functions, and what the Makefile made of the lock's own ones. */

#define HIDDEN(function)	range_lock__##function
#define DECLARE_HIDDEN(function) \
	extern __typeof__(function) HIDDEN(function)

DECLARE_HIDDEN(range_downgrade_write);
DECLARE_HIDDEN(range_is_locked);
DECLARE_HIDDEN(range_lock_tree_destroy);

#define DEFINE_FOR_MODE(rw, mode)					\
int range_##rw##_clocklock(struct range_lock_tree *tree,		\
			   struct range_lock *lock, clockid_t clock,	\
			   const struct timespec *abstime);		\
									\
DECLARE_HIDDEN(range_##rw##_lock);					\
DECLARE_HIDDEN(range_##rw##_clocklock);					\
DECLARE_HIDDEN(range_##rw##_trylock);					\
DECLARE_HIDDEN(range_##rw##_unlock);					\
									\
void range_##rw##_lock(struct range_lock_tree *tree,			\
		       struct range_lock *lock)				\
{									\
	hide();								\
	HIDDEN(range_##rw##_lock)(tree, lock);				\
	show();								\
	taken(tree, lock, mode);					\
}									\
									\
int range_##rw##_clocklock(struct range_lock_tree *tree,		\
			   struct range_lock *lock, clockid_t clock,	\
			   const struct timespec *abstime)		\
{									\
	int ret;							\
									\
	hide();								\
	ret = HIDDEN(range_##rw##_clocklock)(tree, lock, clock, abstime); \
	show();								\
	if (!ret)							\
		taken(tree, lock, mode);				\
	return ret;							\
}									\
									\
bool range_##rw##_trylock(struct range_lock_tree *tree,			\
			  struct range_lock *lock)			\
{									\
	bool held;							\
									\
	hide();								\
	held = HIDDEN(range_##rw##_trylock)(tree, lock);		\
	show();								\
	if (held)							\
		taken(tree, lock, mode);				\
	return held;							\
}									\
									\
void range_##rw##_unlock(struct range_lock_tree *tree,			\
			 struct range_lock *lock)			\
{									\
	giving_back(tree, lock, mode);					\
	hide();								\
	HIDDEN(range_##rw##_unlock)(tree, lock);			\
	show();								\
}

DEFINE_FOR_MODE(read, RANGE_LOCK_READ)
DEFINE_FOR_MODE(write, RANGE_LOCK_WRITE)

void range_downgrade_write(struct range_lock_tree *tree,
			   struct range_lock *lock)
{
	giving_back(tree, lock, RANGE_LOCK_WRITE);
	hide();
	HIDDEN(range_downgrade_write)(tree, lock);
	show();
}

bool range_is_locked(struct range_lock_tree *tree,
		     const struct range_lock *lock)
{
	bool ret;

	hide();
	ret = HIDDEN(range_is_locked)(tree, lock);
	show();
	return ret;
}

void range_lock_tree_destroy(struct range_lock_tree *tree)
{
	hide();
	HIDDEN(range_lock_tree_destroy)(tree);
	show();
	forget(tree);
}
