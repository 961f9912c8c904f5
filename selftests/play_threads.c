// SPDX-License-Identifier: GPL-2.0
/*
 * Plays the histories on the library, with a thread for each task, and each
 * history in a process of its own, so that one that hangs or crashes spoils no
 * other.
 *
 * Nothing here sleeps in order to let something happen. A step is over when
 * its call has returned, or when its request says that it waits; until then
 * the driver looks again and again. HANG_S is for broken locks only.
 *
 * Each history is played in several modes, which must make no difference: as
 * it is; NAME.shards, after the tree was split, into segments of several sizes;
 * and NAME.shuffled, with the tree split or joined at random between the steps,
 * whatever is held or waits then.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/range_lock.h>
#include <linux/sched.h>

#include "histories.h"
#include "ktap.h"

#define HANG_S	20

int range_read_clocklock(struct range_lock_tree *tree, struct range_lock *lock,
			 clockid_t clock, const struct timespec *abstime);
int range_write_clocklock(struct range_lock_tree *tree, struct range_lock *lock,
			  clockid_t clock, const struct timespec *abstime);

enum mode { AS_IT_IS, WITH_SHARDS, SHUFFLED, MODES };

static const char *const mode_names[] = { "", ".shards", ".shuffled" };

/* How often each is played, as the segments are of different sizes. */
static const unsigned int mode_rounds[] = { 1, 4, 24 };

struct actor {
	struct range_lock lock;
	bool waits, writes;		/* as far as the driver knows */

	pthread_t thread;
	struct task_struct *task;
	sem_t go;
	const struct history_step *step;
	bool busy;
	enum history_outcome outcome;

	bool asleep;
	bool stalled, at_gate;
	sem_t resume;
};

static struct range_lock_tree tree;
static struct actor actors[HISTORY_ACTORS];
static __thread struct actor *self;

static const char *const outcome_names[] = {
	"RETURNS", "GRANTED", "WAITS", "BUSY", "GIVES_UP", "YES", "NO",
};

static bool get(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_SEQ_CST);
}

static void set(bool *flag, bool value)
{
	__atomic_store_n(flag, value, __ATOMIC_SEQ_CST);
}

/*
 * The time, as the lock sees it: the linker puts this one in place of libc's.
 * It stands still, so that no waiter gets old by itself; until AGE, from when
 * on between any two looks at the clock there is more than any bound.
 */
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

static long seconds = 1000;
static bool time_flies;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	now->tv_nsec = 0;
	now->tv_sec = get(&time_flies) ?
		      __atomic_add_fetch(&seconds, 1000, __ATOMIC_SEQ_CST) :
		      __atomic_load_n(&seconds, __ATOMIC_SEQ_CST);
	return 0;
}

/* The side of the tasks. */

static void gate(void)
{
	while (self && get(&self->stalled)) {
		set(&self->at_gate, true);
		sem_wait(&self->resume);
	}
}

/* The linker puts this one in place of the platform's. */
void __real_range_lock__task_schedule(void);
void __wrap_range_lock__task_schedule(void);

void __wrap_range_lock__task_schedule(void)
{
	gate();
	if (self)
		set(&self->asleep, true);
	__real_range_lock__task_schedule();
	if (self)
		set(&self->asleep, false);
	gate();
}

static enum history_outcome play(const struct history_step *step)
{
	struct range_lock *lock = &actors[step->actor].lock, probe;
	bool write = step->mode == HISTORY_WRITE;
	struct timespec past = { 0, 0 };
	int err;

	switch (step->op) {
	case HISTORY_LOCK:
		if (step->by != step->actor) {
			if (write)
				range_write_lock(&tree, lock);
			else
				range_read_lock(&tree, lock);
			return GRANTED;
		}
		err = write ? range_write_lock_killable(&tree, lock) :
			      range_read_lock_interruptible(&tree, lock);
		return err ? GIVES_UP : GRANTED;
	case HISTORY_DEADLINE:
		err = write ? range_write_clocklock(&tree, lock, CLOCK_MONOTONIC,
						    &past) :
			      range_read_clocklock(&tree, lock, CLOCK_REALTIME,
						   &past);
		return err == ETIMEDOUT ? GIVES_UP : GRANTED;
	case HISTORY_TRYLOCK:
		return (write ? range_write_trylock(&tree, lock) :
				range_read_trylock(&tree, lock)) ? GRANTED : BUSY;
	case HISTORY_UNLOCK:
		if (actors[step->actor].writes)
			range_write_unlock(&tree, lock);
		else
			range_read_unlock(&tree, lock);
		return RETURNS;
	case HISTORY_DOWNGRADE:
		range_downgrade_write(&tree, lock);
		return RETURNS;
	default:
		range_lock_init(&probe, step->start, step->last);
		return range_is_locked(&tree, &probe) ? YES : NO;
	}
}

static void *run_task(void *arg)
{
	self = arg;
	self->task = range_lock__task_self();
	set(&self->busy, false);
	for (;;) {
		sem_wait(&self->go);
		if (!self->step)
			return NULL;
		self->outcome = play(self->step);
		set(&self->busy, false);
	}
}

/* The side of the driver. */

static const struct history *history;
static const struct history_step *step;
static enum mode mode;
static unsigned int round_number;

static void __attribute__((noreturn, format(printf, 1, 2)))
fail(const char *format, ...)
{
	va_list args;

	printf("# %s%s, round %u, step %d, %c: ", history->name,
	       mode_names[mode], round_number, (int)(step - history->steps) + 1,
	       'A' + step->actor);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

static void look_again(time_t *since)
{
	struct timespec now;

	__real_clock_gettime(CLOCK_MONOTONIC, &now);
	if (!*since)
		*since = now.tv_sec;
	if (now.tv_sec - *since > HANG_S)
		fail("nothing happens");
	sched_yield();
}

static unsigned int state_of(struct actor *actor)
{
	return smp_load_acquire(&actor->lock.state);
}

static bool is_waiting(struct actor *actor)
{
	unsigned int state = state_of(actor);

	return state == RANGE_LOCK_BLOCKED ||
	       (state == RANGE_LOCK_ELIGIBLE && get(&actor->stalled));
}

/* Has @actor, in a call, come to rest: back, asleep, or at the gate? */
static bool is_at_rest(struct actor *actor)
{
	if (!get(&actor->busy))
		return true;
	if (get(&actor->stalled))
		return get(&actor->at_gate);
	return state_of(actor) == RANGE_LOCK_BLOCKED && get(&actor->asleep);
}

static void await(struct actor *actor, enum history_outcome expected)
{
	enum history_outcome outcome;
	time_t since = 0;

	if (expected == WAITS) {
		while (!is_at_rest(actor))
			look_again(&since);
	} else {
		/* To rest is to wait, unless it is about to go on. */
		while (get(&actor->busy) &&
		       (actor->waits || expected == GIVES_UP ||
			!is_at_rest(actor)))
			look_again(&since);
	}
	outcome = get(&actor->busy) ? WAITS : actor->outcome;
	if (outcome != expected)
		fail("expected %s, got %s", outcome_names[expected],
		     outcome_names[outcome]);
	actor->waits = outcome == WAITS;
}

static void start(struct actor *task)
{
	task->step = step;
	set(&task->busy, true);
	sem_post(&task->go);
}

/* @actor, who waited, is held now; it returns, unless it is stalled. */
static void await_grant(struct actor *actor)
{
	if (!actor->waits)
		fail("%c can't go, it does not wait",
		     'A' + (int)(actor - actors));
	if (get(&actor->stalled)) {
		if (is_waiting(actor))
			fail("%c was not granted", 'A' + (int)(actor - actors));
		actor->waits = false;
	} else {
		await(actor, GRANTED);
	}
}

static void play_step(void)
{
	struct actor *actor = &actors[step->actor], *task = &actors[step->by];

	switch (step->op) {
	case HISTORY_AGE:
		set(&time_flies, true);
		return;
	case HISTORY_STALL:
		set(&actor->at_gate, false);
		set(&actor->stalled, true);
		return;
	case HISTORY_RESUME:
		set(&actor->stalled, false);
		sem_post(&actor->resume);
		await(actor, step->outcome);
		break;
	case HISTORY_SIGNAL:
		range_lock__task_signal(actor->task);
		if (step->outcome == GIVES_UP)
			await(actor, GIVES_UP);
		break;
	case HISTORY_LOCK:
	case HISTORY_TRYLOCK:
	case HISTORY_DEADLINE:
		/* It must do to initialise it once for each range. */
		if (actor->lock.start != step->start ||
		    actor->lock.last != step->last)
			range_lock_init(&actor->lock, step->start, step->last);
		actor->writes = step->mode == HISTORY_WRITE;
		/* fall through */
	default:
		start(task);
		await(task, step->outcome);
	}
	if (step->op == HISTORY_DOWNGRADE)
		actor->writes = false;
	/* A signal is for one call. */
	if (!get(&actor->busy))
		WRITE_ONCE(actor->task->signalled, false);
}

/* Split the tree, which works only while somebody is in it, if one can. */
static void split(unsigned int bits)
{
	const u64 elsewhere = 1ULL << 40;
	struct range_lock pilot;

	range_lock_init(&pilot, elsewhere, elsewhere);
	if (range_read_trylock(&tree, &pilot)) {
		range_lock_split(&tree, bits);
		range_read_unlock(&tree, &pilot);
	}
}

static bool is_split(void)
{
	long word = atomic_long_read(&tree.word);

	return (word & 3) == 3;		/* SHARDS, as range_lock.c has it */
}

static bool join(void)
{
	struct range_lock full;

	range_lock_init_full(&full);
	return range_is_locked(&tree, &full);
}

static void shuffle(void)
{
	static unsigned int random;

	random = random * 1103515245 + 12345;
	switch (random >> 24 & 3) {
	case 0:
		join();
		if (is_split())
			fail("the trees were not joined");
		break;
	case 1:
		split(round_number % 6);
		break;
	case 2:
		/* Only what is there already; maybe nothing. */
		range_lock_split(&tree, round_number % 6);
		break;
	}
}

static void play_round(void)
{
	static const unsigned int bits[] = { 0, 3, 4, 12 };
	int i;

	step = history->steps;
	set(&time_flies, false);
	__range_lock_tree_init(&tree, history->tree == STRICT ?
				      0 : RANGE_LOCK_BOUND_NS, NULL, NULL);
	for (i = 0; i < HISTORY_ACTORS; i++)
		memset(&actors[i].lock, 0xa5, sizeof(actors[i].lock));
	if (mode == WITH_SHARDS) {
		split(bits[round_number]);
		if (!is_split())
			fail("the tree was not split");
	}

	for (; step->op != HISTORY_DONE; step++) {
		if (mode == SHUFFLED)
			shuffle();
		play_step();
		for (i = 0; i < HISTORY_ACTORS; i++)
			if (step->lets_go & GO(i))
				await_grant(&actors[i]);
		for (i = 0; i < HISTORY_ACTORS; i++) {
			struct actor *actor = &actors[i];

			if (actor->waits && !is_waiting(actor))
				fail("%c waits no longer", 'A' + i);
		}
		if (!range_lock_validate(&tree))
			fail("an invariant does not hold");
	}

	for (i = 0; i < HISTORY_ACTORS; i++)
		if (actors[i].waits)
			fail("the history leaves %c waiting", 'A' + i);
	/* Shards may stay, but not what is in them. */
	if (join() || atomic_long_read(&tree.word))
		fail("the history leaves something held");
	range_lock_tree_destroy(&tree);
}

static void play_history(const void *arg)
{
	int i;

	alarm(4 * HANG_S);
	history = arg;
	step = history->steps;
	for (i = 0; i < HISTORY_ACTORS; i++) {
		struct actor *actor = &actors[i];
		time_t since = 0;

		sem_init(&actor->go, 0, 0);
		sem_init(&actor->resume, 0, 0);
		actor->busy = true;
		if (pthread_create(&actor->thread, NULL, run_task, actor))
			fail("no thread");
		while (get(&actor->busy))
			look_again(&since);
	}
	for (round_number = 0; round_number < mode_rounds[mode]; round_number++)
		play_round();
	for (i = 0; i < HISTORY_ACTORS; i++) {
		actors[i].step = NULL;
		sem_post(&actors[i].go);
		pthread_join(actors[i].thread, NULL);
	}
}

/*
 * In the word a waiter is passed without a look at its age. Not so when anybody
 * has looked at the tree meanwhile.
 */
static bool suits(const struct history *history)
{
	return mode != SHUFFLED ||
	       strcmp(history->name,
		      "passing_in_the_word_ends_when_the_old_one_runs");
}

static bool is_chosen(const struct history *history, const char *only)
{
	char name[100];

	snprintf(name, sizeof(name), "%s%s", history->name, mode_names[mode]);
	return suits(history) && (!only || !strcmp(only, history->name) ||
				  !strcmp(only, name));
}

int main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : NULL;
	unsigned int i, planned = 0;

	for (mode = 0; mode < MODES; mode++)
		for (i = 0; i < HISTORIES; i++)
			planned += is_chosen(&histories[i], only);
	if (!planned) {
		fprintf(stderr, "%s: no history is called '%s'\n", argv[0], only);
		return 1;
	}
	ktap_plan(planned);
	for (mode = 0; mode < MODES; mode++) {
		for (i = 0; i < HISTORIES; i++) {
			const char *name = histories[i].name;

			if (is_chosen(&histories[i], only))
				ktap_result(ktap_run(name, play_history,
						     &histories[i]), "%s%s",
					    name, mode_names[mode]);
		}
	}
	return ktap_exit();
}
