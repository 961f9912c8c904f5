// SPDX-License-Identifier: GPL-2.0
/*
 * What clang -Wthread-safety says of users of the public header: nothing, of
 * the functions here as they are. Each of these makes a mistake in one of them,
 * and has to be warned of. Compiled only, by thread_safety.sh, which reads:
 *
 * NO_UNLOCK: 'lock' is still held at the end of function
 * UNLOCK_TWICE: releasing range 'lock' that was not held
 * LOCK_TWICE: acquiring range 'lock' that is already held
 * OTHER_MODE: releasing range 'lock' using shared access, expected exclusive
 * OTHER_REQUEST: requires holding range 'one' exclusively
 * NOT_CHECKED: releasing range 'lock' that was not held
 * TIMEOUT_NOT_CHECKED: releasing range 'lock' that was not held
 * STILL_WRITE: releasing range 'lock' using exclusive access, expected shared
 * RETURN_EARLY: 'lock' is not held on every path
 */
#include <errno.h>
#include <range_lock.h>

void writer(struct range_lock_tree *tree, int early);
void two_ranges(struct range_lock_tree *tree);
void reader(struct range_lock_tree *tree);
void without_waiting(struct range_lock_tree *tree);
int until(struct range_lock_tree *tree, const struct timespec *deadline);
void downgraded(struct range_lock_tree *tree);
void take(struct range_lock_tree *tree, struct range_lock *lock)
	__attribute__((acquire_capability(lock)));
void give_back(struct range_lock_tree *tree, struct range_lock *lock)
	__attribute__((release_capability(lock)));
void change(struct range_lock *lock) __attribute__((requires_capability(lock)));

void writer(struct range_lock_tree *tree, int early)
{
	struct range_lock lock;

	range_lock_init(&lock, 0, 9);
	range_write_lock(tree, &lock);
#ifdef RETURN_EARLY
	if (early)
		return;
#endif
	(void)early;
	change(&lock);
#ifdef LOCK_TWICE
	range_write_lock(tree, &lock);
#endif
#ifdef OTHER_MODE
	range_read_unlock(tree, &lock);
#elif !defined(NO_UNLOCK)
	range_write_unlock(tree, &lock);
#endif
#ifdef UNLOCK_TWICE
	range_write_unlock(tree, &lock);
#endif
}

/* Two ranges of one tree are two things that are held. */
void two_ranges(struct range_lock_tree *tree)
{
	struct range_lock one, two;

	range_lock_init(&one, 0, 9);
	range_lock_init(&two, 20, 29);
	range_write_lock(tree, &one);
	range_write_lock(tree, &two);
	change(&two);
	range_write_unlock(tree, &one);
#ifdef OTHER_REQUEST
	change(&one);
#endif
	range_write_unlock(tree, &two);
}

void reader(struct range_lock_tree *tree)
{
	struct range_lock lock;

	range_lock_init_full(&lock);
	range_read_lock(tree, &lock);
	range_read_unlock(tree, &lock);
}

void without_waiting(struct range_lock_tree *tree)
{
	struct range_lock lock;

	range_lock_init_full(&lock);
#ifdef NOT_CHECKED
	range_write_trylock(tree, &lock);
#else
	if (!range_write_trylock(tree, &lock))
		return;
#endif
	change(&lock);
	range_write_unlock(tree, &lock);
	if (range_read_trylock(tree, &lock))
		range_read_unlock(tree, &lock);
}

int until(struct range_lock_tree *tree, const struct timespec *deadline)
{
	struct range_lock lock;
	int error;

	range_lock_init_full(&lock);
	error = range_write_clocklock(tree, &lock, CLOCK_MONOTONIC, deadline);
#ifndef TIMEOUT_NOT_CHECKED
	if (error)
		return error;
#endif
	range_write_unlock(tree, &lock);
	if (range_read_clocklock(tree, &lock, CLOCK_MONOTONIC, deadline))
		return ETIMEDOUT;
	range_read_unlock(tree, &lock);
	return error;
}

void downgraded(struct range_lock_tree *tree)
{
	struct range_lock lock;

	range_lock_init_full(&lock);
	range_write_lock(tree, &lock);
	range_downgrade_write(tree, &lock);
#ifdef STILL_WRITE
	range_write_unlock(tree, &lock);
#else
	range_read_unlock(tree, &lock);
#endif
}

/* What is taken in one function and given back in another. */
void take(struct range_lock_tree *tree, struct range_lock *lock)
{
	range_write_lock(tree, lock);
}

void give_back(struct range_lock_tree *tree, struct range_lock *lock)
{
	range_write_unlock(tree, lock);
}
