// SPDX-License-Identifier: GPL-2.0
/*
 * A user who takes one page and clears one byte too many, which belongs to
 * another thread. The second thread runs after the first one, which only the
 * system knows: so nothing but the lock could order them.
 */
#include <range_lock.h>

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>

#define PAGE 4096

static DEFINE_RANGE_LOCK_TREE(file_lock);
static char file[4 * PAGE];
static int first_is_done;

static void write_page(uint64_t page, size_t bytes)
{
	struct range_lock range;

	range_lock_init(&range, page * PAGE, page * PAGE + PAGE - 1);
	range_write_lock(&file_lock, &range);
	memset(file + page * PAGE, 0, bytes);
	range_write_unlock(&file_lock, &range);
}

static void *first(void *arg)
{
	write_page(0, PAGE + 1);
	__atomic_store_n(&first_is_done, 1, __ATOMIC_RELAXED);
	return arg;
}

static void *second(void *arg)
{
	while (!__atomic_load_n(&first_is_done, __ATOMIC_RELAXED))
		sched_yield();
	write_page(1, PAGE);
	return arg;
}

int main(void)
{
	pthread_t threads[2];

	pthread_create(&threads[0], NULL, first, NULL);
	pthread_create(&threads[1], NULL, second, NULL);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	return 0;
}
