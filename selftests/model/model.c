// SPDX-License-Identifier: GPL-2.0
/*
 * The model: every history, in every interleaving.
 *
 * The canonical source is compiled against platform/linux/, in which each
 * atomic operation, spinlock operation, sleep, wake-up, signal and reading of
 * the clock is a scheduling point. The steps of a history are dealt out to
 * their tasks, which run freely: what the history says about who waits does
 * not apply, and a range is given back only if it was taken. explore.c plays
 * all schedules that differ in the order of any two steps that depend on each
 * other, or says that it stopped at a limit.
 *
 * What else is left to chance, and so is tried both ways:
 * - A signal (CANCEL, SIGNAL) comes at any moment of its call, or too late.
 * - A deadline passes at any moment at which the task sleeps.
 * - The time that passes between two readings of the clock is next to none, or,
 *   once in an execution (-j), more than any bound. That stands for AGE. To
 *   STALL is what any task may do at any time.
 * - A waiter looks at its request once, at any moment, before it goes to sleep.
 *   From then on need_resched() is true, until it sleeps or enters a section.
 * - An allocation that may not sleep fails, or does not.
 *
 * What is looked for, in each execution:
 * - Exclusion. What a range protects is accessed without atomics, and by way of
 *   happens-before: a holder that does not see what the last one did has failed
 *   too. Also, no call returns with a range that another one surely holds.
 * - Lost wake-ups. When no task can go on, whoever sleeps must have a holder to
 *   blame, or somebody that has one and did not come later.
 * - Use after the grant, or after a call that gave up: the owner then writes to
 *   all of its request. Whoever accesses it at another time, without a
 *   happens-before, races with that. The same for a task that has exited and of
 *   which there is no reference.
 * - Data races of any kind. gcc -fsanitize=thread calls us for each plain access
 *   of the source, so none is missed, in or out of a section.
 * - Order. A request is not passed by one that arrived later and conflicts with
 *   it: not on a strict tree, not if it is past the bound, and not by one that
 *   had to wait. Arrivals are compared by the order of dependent steps.
 * - Too much of it. A call that nobody's step came between, while all others
 *   were at rest, does exactly what the contract says. Nobody waits, no trylock
 *   fails, without a rival during the call. is_locked is right at some moment.
 * - The invariants: range_lock_validate() after each section, and each warning
 *   but for those that misuse has to give, which must come.
 * - What the lock promises beyond its contract. A waiter that is old is granted,
 *   not only woken, on a strict tree; so is one that was woken in vain before.
 *   Who gives back what is in the word, alone, takes no spinlock; nor does who
 *   then takes the same range again. Where disjoint requests meet often enough,
 *   some execution splits the tree; where they conflict with the holder, or do
 *   not meet, none does.
 * - Livelock: executions are finite, and the longest one is bounded (PATH).
 * - At the end the lock is free, and says so; or the last task has destroyed the
 *   tree and freed its memory, while others may still be leaving their unlock.
 *   (Who is the last depends on steps that do not depend on each other, so not
 *   every way of it is tried.) What the lock has allocated is freed by then.
 *
 * Shards. A lock that has range_lock_split() is also played on a tree that was
 * split before, and with a task more that splits it, twice. Its constants are
 * made small for that, see the Makefile. What needs a split, a join, a first look
 * at a shard or the last of 16 meetings at a particular moment has histories of
 * its own, see directed.h: these are short enough for most to be exhausted.
 *
 * Weak memory. -t gives each task a store buffer (TSO): stores, and with them
 * the release of a spinlock, reach the others later, in order, at any moment
 * until an operation that implies a full barrier. Acquire, release and relaxed
 * are told apart by the happens-before of C11, so that an order which is too
 * weak to protect plain data is found in either mode, on any machine. It is not
 * covered that relaxed atomics of different variables are seen in another order
 * than TSO allows, where no plain access depends on it; nor loads that come
 * true early, nor what only a compiler does. Lists and trees of the platform
 * count as plain data.
 *
 * Bounds. Without -b any number of preemptions, with partial-order reduction;
 * with -b N all schedules with at most N of them. An exploration that stops
 * after a number of executions (-e) says so. Histories with more than three
 * tasks are also played with each three of their actors, where that is no other
 * history again.
 *
 * When something fails, all schedules with 0, 1, 2 and 3 preemptions are tried
 * for a shorter one, which is listed, a column for each task; -s plays it again.
 *
 * It is for machines of 64 bits, x86 or ARM, and gcc.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/range_lock.h>
#include <linux/sched.h>

#include "directed.h"
#include "explore.h"
#include "ktap.h"

/* What is played: the steps of a history, each by its task. */

struct call {
	const struct history_step *step;
	int after;		/* a call of another task on the same request */
	bool awaited, signalled;
	unsigned long number;	/* of its task, from 1 */
};

static const struct history *history;
static struct call calls[HISTORY_STEPS];
static int nr_calls, nr_tasks, actors, last_of[HISTORY_ACTORS];
/* What is done before the tasks begin; may meetings split the tree after that? */
static const struct history_step *before[HISTORY_STEPS];
static int nr_before;
static enum history_outcome meetings;
static int task_of[HISTORY_ACTORS];
static enum history_actor actor_of[HISTORY_ACTORS];
static struct explore_program program;

/*
 * A lock that has shards has this too, for its tests: split the tree, into
 * segments of 2^bits addresses. Then each history is also played on a tree that
 * was split before, and with a task more, which splits it at any moment.
 */
void range_lock_split(struct range_lock_tree *tree, unsigned int bits)
	__attribute__((weak));
#define SPLIT_BITS	4
/* What the word of a tree that is split has, see the lock. */
#define SHARDS		3L
/* How often disjoint requests meet before they split it. */
#define MEETINGS_TO_SPLIT	16

enum split { WHOLE, SPLIT, SPLITTER };
static enum split split;

/* What is known of each request during an execution, and each task. */
struct request {
	struct range_lock *lock;
	enum { FREE, TAKING, HELD, GIVING } phase;
	bool writes, initialised, downgrading;
	int task;		/* which gives it back, or downgrades it */
	u64 start, last;
	/* Steps of others when it was given back without a section, plus 1. */
	unsigned long by_the_word;
};

struct in_call {
	const struct call *call;	/* NULL: in none */
	unsigned long steps, own_steps;	/* at its beginning */
	bool first_known, slept, rest, rivalled;
	struct explore_clock first;	/* after its first step */
	struct explore_epoch arrival;
	bool saw_free, saw_held;	/* for is_locked */
	bool eligible, in_vain;		/* was, and was passed then */
	bool misuses, warned;
	bool last;			/* the task makes no more calls */
};

/* Calls that took a range. */
struct grant {
	enum history_actor actor;
	bool writes, slept;
	u64 start, last;
	struct explore_clock first;
	int by;
	unsigned long granted;		/* at which step */
};

static struct range_lock_tree *tree;
static struct request requests[HISTORY_ACTORS];
static struct in_call tasks[HISTORY_ACTORS];
static struct grant grants[HISTORY_STEPS];
static int nr_grants;
static unsigned long *marks;
static unsigned long *cells;
static u64 bounds[4 * HISTORY_STEPS];
static int nr_bounds;
static bool destroyed;
static unsigned long splits_seen;

static bool conflict(const struct request *a, const struct request *b)
{
	return a != b && a->start <= b->last && b->start <= a->last &&
	       (a->writes || b->writes);
}

/*
 * What a range protects: a cell for each piece of the space that no range of
 * the history divides. Accessed without atomics, so two that hold conflicting
 * ranges, or one that does not see what the last holder did, race for it.
 */
static void touch_range(const struct request *request)
{
	int i;

	for (i = 0; i < nr_bounds; i++)
		if (request->start <= bounds[i] && bounds[i] <= request->last)
			explore_touch(&cells[i], sizeof(*cells),
				      request->writes);
}

static void add_bound(u64 bound)
{
	int i;

	for (i = 0; i < nr_bounds; i++)
		if (bounds[i] == bound)
			return;
	bounds[nr_bounds++] = bound;
}

static int task_in(const struct history_step *step)
{
	return task_of[step->by];
}

/* Is @task in the last call that the history has for it? */
static bool is_last(int task)
{
	int i, last = -1;

	for (i = 0; i < nr_calls; i++)
		if (task_in(calls[i].step) == task)
			last = i;
	return last >= 0 && tasks[task].call == &calls[last];
}

static bool is_waiting(int task)
{
	const struct call *call = tasks[task].call;

	return call && (call->step->op == HISTORY_LOCK ||
			call->step->op == HISTORY_TRYLOCK ||
			call->step->op == HISTORY_DEADLINE);
}

static struct request *request_of(const struct call *call)
{
	return &requests[call->step->actor];
}

/* Has the call begun, as far as others can see? */
static bool is_active(int task)
{
	return tasks[task].call &&
	       explore_own_steps(task) > tasks[task].own_steps;
}

static bool others_rest(int me)
{
	int i;

	for (i = 0; i < program.tasks; i++)
		if (i != me && is_active(i) && !explore_asleep(i))
			return false;
	return true;
}

static bool is_alone(int me)
{
	struct in_call *in = &tasks[me];

	return in->rest && explore_steps() - in->steps ==
			   explore_own_steps(me) - in->own_steps;
}

static unsigned long steps_of_others(int me)
{
	return explore_steps() - explore_own_steps(me);
}

/* Who holds for sure what @request conflicts with? */
static struct request *conflicting_holder(const struct request *request)
{
	int i;

	for (i = 0; i < actors; i++) {
		struct request holder = requests[i];

		if (&requests[i] == request)
			continue;
		if (holder.phase != HELD &&
		    (holder.phase != GIVING || is_active(holder.task)))
			continue;
		if (holder.downgrading && is_active(holder.task))
			holder.writes = false;
		if (conflict(&holder, request))
			return &requests[i];
	}
	return NULL;
}

/* Has the bound been passed since the task of @in has arrived? */
static int jump_between(struct explore_epoch arrival,
			const struct explore_clock *first)
{
	struct explore_epoch jumps[8];
	struct explore_clock clocks[8];
	int i, nr = explore_jumps(jumps, clocks);

	for (i = 0; i < nr; i++)
		if (clocks[i].of[arrival.thread] >= arrival.number &&
		    (!first || first->of[jumps[i].thread] >= jumps[i].number))
			return true;
	return false;
}

/*
 * A call that nobody else's step came between, while all others were at rest,
 * must do exactly what the contract says. 1: takes it, 0: does not, -1: either.
 */
static int expected_alone(int me)
{
	const struct request *mine = request_of(tasks[me].call);
	int i, expected = 1;

	if (conflicting_holder(mine))
		return 0;
	for (i = 0; i < nr_tasks; i++) {
		if (i == me || !is_waiting(i) || !is_active(i) ||
		    !conflict(request_of(tasks[i].call), mine))
			continue;
		if (history->tree == STRICT)
			return 0;
		if (jump_between(tasks[i].arrival, &tasks[me].first))
			return 0;
		/* It may have become old during this call. */
		if (jump_between(tasks[i].arrival, NULL))
			expected = -1;
	}
	return expected;
}

static char name_of(int task)
{
	return 'A' + actor_of[task];
}

/* Whoever looks whether a range is locked may see what is so now. */
static void update_lookers(void)
{
	int i, j;

	for (i = 0; i < nr_tasks; i++) {
		struct in_call *in = &tasks[i];
		bool held = false, maybe_held = false;

		if (!in->call || in->call->step->op != HISTORY_IS_LOCKED)
			continue;
		for (j = 0; j < actors; j++) {
			if (requests[j].phase == FREE ||
			    requests[j].start > in->call->step->last ||
			    requests[j].last < in->call->step->start)
				continue;
			maybe_held = true;
			held |= requests[j].phase == HELD;
		}
		in->saw_free |= !held;
		in->saw_held |= maybe_held;
	}
}

/*
 * Whoever waits for a range must have had a rival during the call: one that
 * held what conflicts with it, or wanted it. @mine is taking.
 */
static void update_rivals(void)
{
	int i, j;

	for (i = 0; i < nr_tasks; i++)
		for (j = 0; is_waiting(i) && j < actors; j++)
			tasks[i].rivalled |= requests[j].phase != FREE &&
				conflict(&requests[j],
					 request_of(tasks[i].call));
}

static void set_phase(struct request *request, int phase)
{
	request->phase = phase;
	update_lookers();
	update_rivals();
}

/* Called at the first step of a call that comes after its first step. */
static void note_first(int me)
{
	if (!tasks[me].first_known) {
		tasks[me].first_known = true;
		tasks[me].first = *explore_now(me);
	}
}

/* The task calls schedule(): it waits. */
static void note_sleep(int me)
{
	struct in_call *in = &tasks[me];

	if (in->slept)
		return;
	in->slept = true;
	in->arrival = explore_section(me);
	if (is_alone(me) && expected_alone(me) == 1)
		model_fail("%c waits though it may have the range",
			   name_of(me));
	if (!in->rivalled)
		model_fail("%c waits for nothing", name_of(me));
}

static void taken(int me)
{
	struct in_call *in = &tasks[me];
	struct request *mine = request_of(in->call), *holder;
	struct grant *grant;
	int i;

	holder = conflicting_holder(mine);
	if (holder)
		model_fail("exclusion: %c has a range that %c holds",
			   name_of(me), 'A' + (int)(holder - requests));
	/*
	 * Who has been before us, arrived later, and should not have passed?
	 * One who had to wait comes behind us; others only if we were young.
	 */
	for (i = 0; in->slept && i < nr_grants; i++) {
		struct request other = {
			.start = grants[i].start, .last = grants[i].last,
			.writes = grants[i].writes,
		};

		grant = &grants[i];
		if (grant->first.of[in->arrival.thread] < in->arrival.number ||
		    !in->arrival.number || !conflict(&other, mine))
			continue;
		if (history->tree == STRICT)
			model_fail("order: %c was passed by %c, which came later",
				   name_of(me), 'A' + grant->actor);
		if (grant->slept)
			model_fail("order: %c was passed by %c, which came later and waited",
				   name_of(me), 'A' + grant->actor);
		if (jump_between(in->arrival, &grant->first))
			model_fail("order: %c was passed by %c, which came after the bound",
				   name_of(me), 'A' + grant->actor);
	}
	grant = &grants[nr_grants++];
	grant->actor = in->call->step->actor;
	grant->writes = mine->writes;
	grant->slept = in->slept;
	grant->start = mine->start;
	grant->last = mine->last;
	grant->first = in->first;
	grant->by = me;
	grant->granted = explore_steps();
	set_phase(mine, HELD);
	touch_range(mine);
}

static void begin_call(int me, const struct call *call)
{
	struct in_call *in = &tasks[me];

	memset(in, 0, sizeof(*in));
	if (call->number)
		explore_note("%c: step %d of the history",
			     'A' + call->step->actor,
			     (int)(call->step - history->steps) + 1);
	explore_begin_call(call->number, call->signalled,
			   call->step->op == HISTORY_DEADLINE);
	in->call = call;
	in->steps = explore_steps();
	in->own_steps = explore_own_steps(me);
	in->rest = others_rest(me);
}

static bool end_call(int me)
{
	bool signalled;

	note_first(me);
	signalled = explore_end_call();
	tasks[me].call = NULL;
	return signalled;
}

static void print_step(const struct history_step *step, const char *what)
{
	static const char *const ops[] = {
		[HISTORY_LOCK] = "lock", [HISTORY_TRYLOCK] = "trylock",
		[HISTORY_DEADLINE] = "lock with a deadline",
		[HISTORY_UNLOCK] = "unlock", [HISTORY_DOWNGRADE] = "downgrade",
		[HISTORY_IS_LOCKED] = "is_locked",
		[DIRECTED_MISUSE] = "unlock in the other mode",
	};

	if ((int)step->op == DIRECTED_SPLIT)
		explore_note("split%s", what);
	else if (step->op == HISTORY_UNLOCK || step->op == HISTORY_DOWNGRADE ||
		 (int)step->op == DIRECTED_MISUSE)
		explore_note("%s %c%s", ops[step->op], 'A' + step->actor, what);
	else
		explore_note("%s%s %c [%llu, %llu]%s", ops[step->op],
			     step->op == HISTORY_IS_LOCKED ? "" :
			     step->mode == HISTORY_WRITE ? " write" : " read",
			     'A' + step->actor, step->start, step->last, what);
}

static void lock_as(struct range_lock *lock, bool writes)
{
	if (writes)
		range_write_lock(tree, lock);
	else
		range_read_lock(tree, lock);
}

static void unlock_as(struct range_lock *lock, bool writes)
{
	if (writes)
		range_write_unlock(tree, lock);
	else
		range_read_unlock(tree, lock);
}

/* Lock, until the call returns; whether it has it. */
static bool lock_call(const struct call *call, struct request *request)
{
	bool other = call->step->by != call->step->actor;
	struct range_lock *lock = request->lock;

	if (call->step->op == HISTORY_TRYLOCK)
		return request->writes ? range_write_trylock(tree, lock) :
					 range_read_trylock(tree, lock);
	if (other && call->step->op != HISTORY_DEADLINE) {
		lock_as(lock, request->writes);
		return true;
	}
	if (call->step->op == HISTORY_DEADLINE)
		return !(request->writes ?
			 range_write_lock_interruptible(tree, lock) :
			 range_read_lock_interruptible(tree, lock));
	return !(request->writes ? range_write_lock_killable(tree, lock) :
				   range_read_lock_interruptible(tree, lock));
}

static void play_lock(int me, const struct call *call)
{
	struct request *request = request_of(call);
	bool got, signalled;
	int expected;

	if (!request->initialised || request->start != call->step->start ||
	    request->last != call->step->last) {
		explore_touch(request->lock, sizeof(*request->lock), true);
		range_lock_init(request->lock, call->step->start,
				call->step->last);
		request->initialised = true;
		request->by_the_word = 0;
	}
	request->start = call->step->start;
	request->last = call->step->last;
	request->writes = call->step->mode == HISTORY_WRITE;
	begin_call(me, call);
	set_phase(request, TAKING);
	got = lock_call(call, request);
	note_first(me);
	expected = is_alone(me) ? expected_alone(me) : -1;
	if (expected == 0 && got && !tasks[me].slept)
		model_fail("%c has a range that it had to wait for",
			   name_of(me));
	if (expected == 1 && !got)
		model_fail("%c does not get a range that it may have",
			   name_of(me));
	if (call->step->op == HISTORY_TRYLOCK && !got && !tasks[me].rivalled)
		model_fail("a trylock by %c fails for nothing", name_of(me));
	if (request->by_the_word == steps_of_others(me) + 1 && is_alone(me) &&
	    explore_sections(me))
		model_fail("%c enters a section though the word is all there is",
			   name_of(me));
	request->by_the_word = 0;
	if (got)
		taken(me);
	else
		set_phase(request, FREE);
	signalled = end_call(me);
	if (!got && call->step->op != HISTORY_TRYLOCK && !signalled)
		model_fail("%c gives up without a signal", name_of(me));
	print_step(call->step, got ? ": has it" : ": does not get it");
	if (!got)
		/* Its owner may do with it what he likes. */
		explore_touch(request->lock, sizeof(*request->lock), true);
}

/* Is it? By what all can see now. */
static bool is_split(void)
{
	return (tree->word.counter & SHARDS) == SHARDS;
}

static void play_unlock(int me, const struct call *call)
{
	struct request *request = request_of(call);
	bool in_word;

	/* One that a join has moved into the word of the tree looks elsewhere. */
	in_word = !explore_buffered(me) &&
		  request->lock->state == RANGE_LOCK_OUTSIDE &&
		  (is_split() || !request->lock->shard);
	touch_range(request);
	begin_call(me, call);
	request->task = me;
	set_phase(request, GIVING);
	unlock_as(request->lock, request->writes);
	set_phase(request, FREE);
	if (in_word && is_alone(me) && explore_sections(me))
		model_fail("%c enters a section to give back what is in the word",
			   name_of(me));
	if (is_alone(me) && !explore_sections(me))
		request->by_the_word = steps_of_others(me) + 1;
	end_call(me);
	explore_touch(request->lock, sizeof(*request->lock), true);
	print_step(call->step, ": done");
}

/* An unlock in the other mode: it is reported, and nothing comes of it. */
static void play_misuse(int me, const struct call *call)
{
	struct request *request = request_of(call);

	touch_range(request);
	begin_call(me, call);
	tasks[me].misuses = true;
	unlock_as(request->lock, !request->writes);
	if (!tasks[me].warned)
		model_fail("misuse by %c is not reported", name_of(me));
	end_call(me);
	touch_range(request);
	print_step(call->step, ": reported");
}

static void play_split(int me, const struct call *call)
{
	begin_call(me, call);
	range_lock_split(tree, call->step->start);
	end_call(me);
	print_step(call->step, ": done");
}

void model_warn(const char *format, ...)
{
	struct in_call *in = &tasks[explore_self()];
	char text[256];
	va_list args;

	if (in->call && in->misuses) {
		in->warned = true;
		return;
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	model_fail("%s", text);
}

static void play_call(int me, const struct call *call)
{
	struct request *request = request_of(call);
	struct range_lock probe;
	bool locked;

	switch ((int)call->step->op) {
	case HISTORY_LOCK:
	case HISTORY_TRYLOCK:
	case HISTORY_DEADLINE:
		/* The history has this one fail, but it need not here. */
		if (request->phase == HELD) {
			struct history_step step = { .op = HISTORY_UNLOCK };
			struct call again = { .step = &step };

			step.actor = call->step->actor;
			step.by = call->step->by;
			play_unlock(me, &again);
		}
		play_lock(me, call);
		break;
	case HISTORY_UNLOCK:
		if (request->phase == HELD)
			play_unlock(me, call);
		break;
	case HISTORY_DOWNGRADE:
		if (request->phase != HELD || !request->writes)
			break;
		touch_range(request);
		begin_call(me, call);
		request->task = me;
		request->downgrading = true;
		range_downgrade_write(tree, request->lock);
		request->downgrading = false;
		request->writes = false;
		end_call(me);
		touch_range(request);
		print_step(call->step, ": done");
		break;
	case HISTORY_IS_LOCKED:
		range_lock_init(&probe, call->step->start, call->step->last);
		begin_call(me, call);
		update_lookers();
		locked = range_is_locked(tree, &probe);
		if (locked ? !tasks[me].saw_held : !tasks[me].saw_free)
			model_fail("is_locked says %s, which it was at no moment of the call",
				   locked ? "yes" : "no");
		end_call(me);
		print_step(call->step, locked ? ": yes" : ": no");
		break;
	case DIRECTED_SPLIT:
		play_split(me, call);
		break;
	case DIRECTED_MISUSE:
		if (request->phase == HELD)
			play_misuse(me, call);
		break;
	default:
		break;
	}
}

static void destroy_tree(void)
{
	range_lock_tree_destroy(tree);
	if (!explore_all_freed())
		model_fail("something is not freed when the tree is destroyed");
}

/*
 * The last one destroys the tree and frees its memory. Others may still be in
 * their last unlock, if somebody got the range by it.
 */
static void destroy(int me)
{
	bool passed_on;
	int i;

	if (destroyed)
		return;
	/* What was taken before the tasks began, and is for none to give back. */
	for (i = 0; nr_before && i < actors; i++)
		if (requests[i].phase == HELD)
			return;
	for (i = 0; i < program.tasks; i++) {
		if (i == me)
			continue;
		if (tasks[i].last && !tasks[i].call)
			continue;
		/* In the last call of its task: an unlock that has had effect. */
		if (!tasks[i].call || !is_last(i) ||
		    tasks[i].call->step->op != HISTORY_UNLOCK)
			return;
		passed_on = false;
		if (nr_grants) {
			const struct grant *grant = &grants[nr_grants - 1];
			const struct request *given = request_of(tasks[i].call);
			struct request taken = {
				.start = grant->start, .last = grant->last,
				.writes = grant->writes,
			};

			/* It was granted after that unlock had begun. */
			passed_on = grant->by == me &&
				    conflict(&taken, given) &&
				    grant->granted > tasks[i].steps;
		}
		if (!passed_on)
			return;
	}
	for (i = 0; i < program.tasks; i++)
		if (i != me && !tasks[i].call)
			explore_join(i);
	destroyed = true;
	destroy_tree();
	explore_touch(tree, sizeof(*tree), true);
	explore_note("the tree is freed");
}

/* The task that splits the tree, for the second time so that shards close. */
static void run_splitter(int me)
{
	static const struct history_step step = { .op = HISTORY_AGE };
	static const struct call call = { .step = &step };

	memset(&tasks[me], 0, sizeof(tasks[me]));
	tasks[me].call = &call;
	explore_note("splits the tree");
	range_lock_split(tree, SPLIT_BITS);
	explore_note("splits it again");
	range_lock_split(tree, SPLIT_BITS - 1);
	explore_note("has split it");
	tasks[me].call = NULL;
	tasks[me].last = true;
}

static void run_task(int me)
{
	int i;

	if (me == nr_tasks) {
		run_splitter(me);
		return;
	}

	for (i = 0; i < nr_calls; i++) {
		if (task_in(calls[i].step) != me)
			continue;
		if (calls[i].after >= 0)
			explore_await_mark(&marks[calls[i].after],
					   "(waits for another's call)");
		play_call(me, &calls[i]);
		if (calls[i].awaited)
			explore_set_mark(&marks[i], 1, "(tells another)");
	}
	/* A trylock for which the history has no unlock may have succeeded. */
	for (i = 0; i < actors; i++) {
		struct history_step step = { .op = HISTORY_UNLOCK };
		struct call call = { .step = &step };

		step.actor = i;
		step.by = actor_of[me];
		if (requests[i].phase == HELD && last_of[i] >= 0 &&
		    task_in(calls[last_of[i]].step) == me)
			play_unlock(me, &call);
	}
	tasks[me].last = true;
	destroy(me);
}

/* While nothing runs. */
static void give_back(struct request *request)
{
	unlock_as(request->lock, request->writes);
	request->phase = FREE;
}

/* Split the tree, which works only while somebody is in it. */
static void split_it(void)
{
	const u64 elsewhere = 1ULL << 40;
	struct range_lock *pilot = explore_memory(sizeof(*pilot));

	range_lock_init(pilot, elsewhere, elsewhere);
	if (!range_write_trylock(tree, pilot))
		model_fail("a tree that nobody uses is not free");
	range_lock_split(tree, SPLIT_BITS);
	range_write_unlock(tree, pilot);
	if (!is_split())
		model_fail("the tree was not split");
}

/* What a directed history has before START. Nothing else runs. */
static void play_before(const struct history_step *step)
{
	struct request *request = &requests[step->actor];

	switch ((int)step->op) {
	case HISTORY_LOCK:
		range_lock_init(request->lock, step->start, step->last);
		request->initialised = true;
		request->start = step->start;
		request->last = step->last;
		request->writes = step->mode == HISTORY_WRITE;
		lock_as(request->lock, request->writes);
		request->phase = HELD;
		break;
	case HISTORY_UNLOCK:
		give_back(request);
		break;
	case DIRECTED_SPLIT:
		range_lock_split(tree, step->start);
		if (is_split() != (step->outcome == YES))
			model_fail("the tree was %ssplit",
				   is_split() ? "" : "not ");
		break;
	case DIRECTED_MEETINGS:
		tree->contended = MEETINGS_TO_SPLIT - 1;
		break;
	default:
		model_fail("a step that can't come before START");
	}
}

static void begin(void)
{
	int i;

	tree = explore_memory(sizeof(*tree));
	memset(tree, 0, sizeof(*tree));
	if (history->tree == STRICT)
		range_lock_tree_init_fifo(tree);
	else
		range_lock_tree_init(tree);
	if (split == SPLIT)
		split_it();
	memset(requests, 0, sizeof(requests));
	memset(tasks, 0, sizeof(tasks));
	nr_grants = 0;
	destroyed = false;
	for (i = 0; i < actors; i++) {
		requests[i].lock = explore_memory(sizeof(struct range_lock));
		memset(requests[i].lock, 0xa5, sizeof(struct range_lock));
	}
	cells = explore_memory(nr_bounds * sizeof(*cells));
	marks = explore_memory(nr_calls * sizeof(*marks));
	memset(marks, 0, nr_calls * sizeof(*marks));
	for (i = 0; i < nr_before; i++)
		play_before(before[i]);
}

/*
 * What the lock says of those whom it wakes: an old waiter is granted, and one
 * that was woken in vain once is granted the next time. Else they are made
 * eligible.
 */
static void check_waiter(int waiter)
{
	struct in_call *in = &tasks[waiter];
	unsigned int state = request_of(in->call)->lock->state;

	if (state == RANGE_LOCK_ELIGIBLE && history->tree == STRICT)
		model_fail("%c is old, and woken but not granted",
			   name_of(waiter));
	if (state == RANGE_LOCK_ELIGIBLE && in->in_vain)
		model_fail("%c was woken in vain, and is woken but not granted again",
			   name_of(waiter));
	in->in_vain |= state == RANGE_LOCK_BLOCKED && in->eligible;
	in->eligible |= state == RANGE_LOCK_ELIGIBLE;
}

/* Nobody is in a section. */
static void section_over(void)
{
	int i;

	if (destroyed)
		return;
	/* It has warned of it, which counts even during misuse. */
	if (!range_lock_validate(tree))
		model_fail("an invariant does not hold");
	for (i = 0; i < nr_tasks; i++)
		if (is_waiting(i) && request_of(tasks[i].call)->phase == TAKING)
			check_waiter(i);
	if (is_split()) {
		splits_seen++;
		if (meetings == NO)
			model_fail("the tree was split, and no disjoint requests had met");
	}
}

/* Did @later call when @earlier had arrived? */
static bool came_after(int later, int earlier)
{
	struct explore_epoch arrival = tasks[earlier].arrival;

	return arrival.number &&
	       tasks[later].first.of[arrival.thread] >= arrival.number;
}

/*
 * No task can go on. Each that sleeps must have a reason: a holder, or another
 * that has a reason and did not come later. That there is one is the doing of
 * the history, in which somebody else was to give a range back.
 */
static void at_rest(void)
{
	bool right[HISTORY_ACTORS] = { false }, changed;
	int i, j;

	for (i = 0; i < nr_tasks; i++)
		if (is_waiting(i) && explore_asleep(i) &&
		    conflicting_holder(request_of(tasks[i].call)))
			right[i] = true;
	do {
		changed = false;
		for (i = 0; i < nr_tasks; i++)
			for (j = 0; j < nr_tasks; j++)
				if (is_waiting(i) && is_waiting(j) &&
				    !right[i] && right[j] &&
				    !came_after(j, i) && conflict(request_of(tasks[i].call),
					     request_of(tasks[j].call)))
					changed = right[i] = true;
	} while (changed);
	for (i = 0; i < nr_tasks; i++)
		if (explore_asleep(i) && !right[i])
			model_fail("lost wake-up: %c sleeps for ever",
				   name_of(i));
	for (i = 0; i < program.tasks; i++)
		if (tasks[i].call && !explore_asleep(i))
			model_fail("deadlock: %c does not return from a call that does not sleep",
				   name_of(i));
}

/* Everything has been given back: is the lock free, and does it say so? */
static void finish(void)
{
	struct range_lock probe;
	int i;

	if (destroyed)
		return;
	range_lock_validate(tree);
	for (i = 0; nr_before && i < actors; i++)
		if (requests[i].phase == HELD)
			give_back(&requests[i]);
	for (i = 0; i < actors; i++)
		if (requests[i].phase != FREE)
			return;
	range_lock_init_full(&probe);
	if (range_is_locked(tree, &probe))
		model_fail("something is held at the end");
	if (!range_write_trylock(tree, &probe))
		model_fail("the lock can't be taken at the end");
	range_write_unlock(tree, &probe);
	range_lock_validate(tree);
	destroy_tree();
}

/* Deals out the steps of a history, as far as these actors have to do with it. */
static void set_up(const struct history *which, unsigned int who)
{
	int used[HISTORY_ACTORS] = { 0 };
	unsigned long numbers[HISTORY_ACTORS] = { 0 };
	const struct history_step *step;
	bool started = true;
	int i;

	history = which;
	nr_calls = nr_tasks = nr_bounds = actors = nr_before = 0;
	meetings = RETURNS;
	memset(calls, 0, sizeof(calls));
	memset(&program, 0, sizeof(program));
	for (i = 0; i < HISTORY_ACTORS; i++)
		last_of[i] = task_of[i] = -1;

	for (step = history->steps; step->op != HISTORY_DONE; step++)
		if ((int)step->op == DIRECTED_START)
			started = false;
	for (step = history->steps; step->op != HISTORY_DONE; step++) {
		struct call *call = &calls[nr_calls];

		if (~who & (1U << step->actor | 1U << step->by))
			continue;
		if ((int)step->actor >= actors)
			actors = step->actor + 1;
		switch ((int)step->op) {
		case DIRECTED_START:
			started = true;
			continue;
		case DIRECTED_MEETINGS:
			meetings = step->outcome;
			break;
		case HISTORY_LOCK:
		case HISTORY_TRYLOCK:
		case HISTORY_DEADLINE:
			add_bound(step->start);
			add_bound(step->last);
			break;
		case HISTORY_AGE:
		case HISTORY_STALL:
		case HISTORY_RESUME:
			continue;
		case HISTORY_SIGNAL:
			/* To the last lock of this actor. */
			i = last_of[step->actor];
			if (i < 0 || program.signallers == SIGNALLERS ||
			    calls[i].signalled)
				continue;
			calls[i].signalled = true;
			program.signal_task[program.signallers] =
				task_in(calls[i].step);
			program.signal_call[program.signallers++] =
				calls[i].number;
			continue;
		default:
			break;
		}
		if (!started) {
			before[nr_before++] = step;
			continue;
		}
		if (!used[step->by]) {
			used[step->by] = 1;
			task_of[step->by] = nr_tasks;
			actor_of[nr_tasks++] = step->by;
		}
		call->step = step;
		call->number = ++numbers[step->by];
		call->after = -1;
		if (step->op != HISTORY_IS_LOCKED &&
		    (int)step->op != DIRECTED_SPLIT) {
			i = last_of[step->actor];
			if (i >= 0 && calls[i].step->by != step->by) {
				call->after = i;
				calls[i].awaited = true;
			}
			last_of[step->actor] = nr_calls;
		}
		nr_calls++;
	}
	program.begin = begin;
	program.run = run_task;
	program.at_rest = at_rest;
	program.finish = finish;
	program.section_over = section_over;
	program.step_taken = note_first;
	program.about_to_sleep = note_sleep;
	program.tasks = nr_tasks + (split == SPLITTER);
}

/* What is to be explored. */

#define ALL	((1U << HISTORY_ACTORS) - 1)
/* With -q: executions of each exploration, and how many times as many if directed. */
#define QUICK		4000
#define QUICK_DIRECTED	30

static struct {
	const char *schedule, *who;
	bool buffers, quick, one;
	int preemptions, jumps;
	unsigned long executions;
} options = { .preemptions = -1, .jumps = 1 };

/* For all histories, each of which is a process of its own. */
static struct {
	unsigned long executions, steps;
	unsigned int plays, exhausted;
	unsigned long triples[20 * (HISTORIES + DIRECTED)];
	unsigned int nr_triples;
} *totals;

static const char *actors_of(unsigned int who)
{
	static char names[HISTORY_ACTORS + 1];
	int i, n = 0;

	for (i = 0; i < HISTORY_ACTORS; i++)
		if (who & 1U << i)
			names[n++] = 'A' + i;
	names[n] = 0;
	return names;
}

/* The first failure with the fewest preemptions, if that can be had soon. */
static char *shortest(const struct explore_limits *found)
{
	struct explore_limits limits = *found;
	char *schedule = explore_schedule();

	limits.executions = 100000;
	for (limits.preemptions = 0; limits.preemptions < 4;
	     limits.preemptions++) {
		if (!explore(&program, &limits).failed)
			continue;
		free(schedule);
		return explore_schedule();
	}
	return schedule;
}

static void show_failure(const struct explore_limits *found, unsigned int who)
{
	struct explore_limits limits = *found;
	char *schedule;

	printf("# %s: %s\n", history->name, explore_failure());
	if (options.quick)
		return;
	schedule = shortest(found);
	limits.preemptions = -1;
	limits.executions = 0;
	explore_replay(&program, &limits, schedule, true);
	printf("# %s: %s\n", history->name, explore_failure());
	printf("# again: model -j %d -S %d%s -o %s -s '%s' %s\n", limits.jumps,
	       split, limits.store_buffers ? " -t" : "", actors_of(who), schedule,
	       history->name);
	free(schedule);
}

static bool play(const struct history *which, unsigned int who, bool buffers,
		 int preemptions, unsigned long executions)
{
	struct explore_limits limits = {
		.preemptions = preemptions, .store_buffers = buffers,
		.executions = executions, .jumps = options.jumps,
	};
	struct explore_result result;

	set_up(which, who);
	splits_seen = 0;
	result = explore(&program, &limits);
	totals->executions += result.executions;
	totals->steps += result.steps;
	totals->plays++;
	totals->exhausted += result.exhausted;
	printf("# %s: ", which->name);
	if (who != ALL)
		printf("%s only, ", actors_of(who));
	printf("%d tasks%s, %s, ", nr_tasks,
	       split == SPLIT ? ", shards" :
	       split == SPLITTER ? " and a splitter" : "",
	       buffers ? "TSO" : "SC");
	if (preemptions < 0)
		printf("reduced");
	else
		printf("%d preemptions", preemptions);
	printf(": %lu executions (%lu redundant), %lu steps, longest %d, %s\n",
	       result.executions, result.redundant, result.steps, result.depth,
	       result.failed ? "failed" : result.exhausted ? "exhausted" :
	       "stopped at the limit");
	if (result.failed)
		show_failure(&limits, who);
	if (result.exhausted && meetings == YES && !splits_seen) {
		printf("# %s: nobody has split the tree\n", which->name);
		result.failed = true;
	}
	fflush(stdout);
	if (result.failed)
		exit(1);
	return result.exhausted;
}

/* The place of @bound among those of the history. */
static int rank(u64 bound)
{
	int i, below = 0;

	for (i = 0; i < nr_bounds; i++)
		below += bounds[i] < bound;
	return below;
}

/*
 * Of two histories with the same ranges, but for their size, and the same
 * calls of each task, one is enough. True if this one was not the first.
 */
static bool seen_before(void)
{
	unsigned long hash = history->tree + 1, of_task;
	unsigned int n;
	int i, task;

	for (task = 0; task < nr_tasks; task++) {
		of_task = 1;
		for (i = 0; i < nr_calls; i++) {
			const struct history_step *step = calls[i].step;

			if (task_in(step) != task)
				continue;
			of_task = of_task * 1000003 + step->op;
			of_task = of_task * 1000003 + step->mode;
			of_task = of_task * 1000003 + calls[i].signalled;
			of_task = of_task * 1000003 + rank(step->start);
			of_task = of_task * 1000003 + rank(step->last);
			/* On whose request, if that is not its own. */
			if (step->by != step->actor)
				of_task += 1000003 * task_of[step->actor] + i;
		}
		/* Tasks come in any order. */
		hash += of_task * (of_task | 1);
	}
	for (n = 0; n < totals->nr_triples; n++)
		if (totals->triples[n] == hash)
			return true;
	totals->triples[totals->nr_triples++] = hash;
	return false;
}

static void play_history(const void *arg)
{
	const struct history *which = arg;
	unsigned long limit = options.executions;
	unsigned int who = ALL;
	int a, b, c, i, jumps;
	bool small, is_directed;

	is_directed = which >= directed && which < directed + DIRECTED;
	if (options.quick && is_directed)
		limit *= QUICK_DIRECTED;
	if (options.who) {
		who = 0;
		for (i = 0; options.who[i]; i++)
			who |= 1U << ((options.who[i] - 'A') & 31);
		who &= ALL;
	}
	if (options.schedule) {
		struct explore_limits limits = {
			.preemptions = -1, .jumps = options.jumps,
			.store_buffers = options.buffers,
		};

		set_up(which, who);
		if (explore_replay(&program, &limits, options.schedule,
				   true).failed) {
			printf("# %s: %s\n", which->name, explore_failure());
			exit(1);
		}
		return;
	}
	if (options.one) {
		play(which, who, options.buffers, options.preemptions, limit);
		return;
	}

	/* Few preemptions first, and no time: that finds most of what there is. */
	jumps = options.jumps;
	options.jumps = 0;
	play(which, who, false, 1, limit);
	options.jumps = jumps;
	small = nr_tasks <= 3;
	if (!play(which, who, false, -1, small ? limit : limit / 4) &&
	    play(which, who, false, 1, limit / 4))
		play(which, who, false, 2, limit / 4);
	play(which, who, true, -1, small ? limit / 2 : limit / 4);
	if (is_directed)
		return;
	if (range_lock_split) {
		split = SPLIT;
		play(which, who, false, -1, limit / 2);
		play(which, who, true, -1, limit / 4);
		split = SPLITTER;
		if (nr_tasks < TASKS)
			play(which, who, false, -1, limit / 2);
		split = WHOLE;
	}
	if (small || options.quick)
		return;
	for (a = 0; a < HISTORY_ACTORS; a++)
		for (b = a + 1; b < HISTORY_ACTORS; b++)
			for (c = b + 1; c < HISTORY_ACTORS; c++) {
				who = 1U << a | 1U << b | 1U << c;
				set_up(which, who);
				if (nr_tasks != 3 || seen_before())
					continue;
				play(which, who, false, -1, limit);
				play(which, who, true, -1, limit / 2);
			}
}

static const char usage[] =
	"usage: model [-d | -q | -1] [-t] [-b N] [-e N] [-j N] [-o ACTORS] [-s SCHEDULE] [-S N] [HISTORY...]\n"
	"  -d  deep: about an hour\n"
	"  -q  quick: for locks that are likely to be broken\n"
	"  -1  one exploration: with -t of TSO, with -b N of N preemptions\n"
	"  -e  executions of each exploration at most\n"
	"  -j  how often much time may pass in an execution\n"
	"  -o  these actors of the history only\n"
	"  -s  play this schedule, and list its steps\n"
	"  -S  1: with shards from the start, 2: with a task that splits the tree\n";

static const struct history *history_at(unsigned int i)
{
	return i < HISTORIES ? &histories[i] : &directed[i - HISTORIES];
}

static bool is_wanted(const char *name, char **names)
{
	int i;

	for (i = 0; names[i]; i++)
		if (!strcmp(names[i], name))
			return true;
	return !names[0];
}

int main(int argc, char **argv)
{
	const unsigned int all = HISTORIES + (range_lock_split ? DIRECTED : 0);
	unsigned int i, planned = 0;
	int option;

	options.executions = 100000;
	while ((option = getopt(argc, argv, "1b:de:hj:o:qs:S:t")) != -1) {
		switch (option) {
		case '1':
			options.one = true;
			break;
		case 'b':
			options.preemptions = atoi(optarg);
			break;
		case 'd':
			options.executions = 250000;
			break;
		case 'e':
			options.executions = strtoul(optarg, NULL, 0);
			break;
		case 'j':
			options.jumps = atoi(optarg);
			break;
		case 'o':
			options.who = optarg;
			break;
		case 'q':
			options.quick = true;
			options.executions = QUICK;
			break;
		case 's':
			options.schedule = optarg;
			break;
		case 'S':
			split = atoi(optarg);
			if (split && !range_lock_split) {
				fprintf(stderr, "model: this lock has no range_lock_split()\n");
				return 1;
			}
			break;
		case 't':
			options.buffers = true;
			break;
		default:
			fputs(usage, option == 'h' ? stdout : stderr);
			return option != 'h';
		}
	}
	if (options.jumps < 0 || options.jumps > 4) {
		fprintf(stderr, "model: -j takes 0 to 4\n");
		return 1;
	}
	for (i = 0; i < all; i++)
		planned += is_wanted(history_at(i)->name, argv + optind);
	if (!planned) {
		fprintf(stderr, "model: no history is called '%s'\n",
			argv[optind]);
		return 1;
	}
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (totals == MAP_FAILED) {
		perror("model: mmap");
		return 1;
	}
	ktap_plan(planned);
	for (i = 0; i < all; i++) {
		const char *name = history_at(i)->name;

		if (!is_wanted(name, argv + optind))
			continue;
		ktap_result(ktap_run(name, play_history, history_at(i)),
			    "%s", name);
		if (options.quick && ktap_failed)
			break;
	}
	printf("# %lu executions, %lu steps; %u of %u explorations exhausted\n",
	       totals->executions, totals->steps, totals->exhausted,
	       totals->plays);
	return ktap_exit();
}
