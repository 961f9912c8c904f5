/* SPDX-License-Identifier: GPL-2.0 */
/* Between the explorer, which runs threads, and the model, which has them. */
#ifndef RANGE_LOCK_MODEL_EXPLORE_H
#define RANGE_LOCK_MODEL_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Threads: the actors' tasks, those that send them signals, and for each task
 * its store buffer.
 */
#define TASKS		6
#define SIGNALLERS	4
#define THREADS		(TASKS + SIGNALLERS + TASKS)
#define FLUSHER(task)	(TASKS + SIGNALLERS + (task))

struct explore_limits {
	int preemptions;		/* at most; -1: any, partial-order reduced */
	unsigned long executions;	/* at most; 0: any */
	bool store_buffers;
	int jumps;			/* of the clock, in one execution */
};

struct explore_result {
	unsigned long executions, steps, redundant, stuck;
	int depth;
	bool exhausted, failed;
};

/* A thread and the number of its latest step; of all that a step comes after. */
struct explore_clock {
	uint16_t of[THREADS];
};

struct explore_epoch {
	int thread;
	uint16_t number;
};

/* What the explorer asks the model for. */
struct explore_program {
	void (*begin)(void);		/* of each execution */
	void (*run)(int task);
	/* No task can go on; are those that sleep right to? */
	void (*at_rest)(void);
	/* All tasks have returned. */
	void (*finish)(void);
	/* A task has given back the last spinlock that it had. */
	void (*section_over)(void);
	/* A task has taken a step; is about to sleep if nobody wakes it. */
	void (*step_taken)(int task);
	void (*about_to_sleep)(int task);
	int tasks;
	int signallers;
	int signal_task[SIGNALLERS];
	unsigned long signal_call[SIGNALLERS];
};

struct explore_result explore(const struct explore_program *program,
			      const struct explore_limits *limits);
/* The schedule of the failure that explore() met, to be freed. */
char *explore_schedule(void);
/* Play it, or any prefix of one, and print each step if @listing. */
struct explore_result explore_replay(const struct explore_program *program,
				     const struct explore_limits *limits,
				     const char *schedule, bool listing);
const char *explore_failure(void);

/* For the model's side of the tasks. */
int explore_self(void);
bool explore_replaying(void);
void explore_note(const char *format, ...)
	__attribute__((format(printf, 1, 2)));
/* Steps of all tasks, and of this one. */
unsigned long explore_steps(void);
unsigned long explore_own_steps(int task);
struct explore_epoch explore_section(int task);
/* How many spinlocks the task has taken since its call began. */
unsigned int explore_sections(int task);
/* Has it stored what others do not see yet? */
bool explore_buffered(int task);
const struct explore_clock *explore_now(int task);
bool explore_asleep(int task);
int explore_jumps(struct explore_epoch jumps[], struct explore_clock clocks[]);

/* Memory that the lock may see; all given back at the end of an execution. */
void *explore_memory(size_t size);
/* What the lock itself has allocated in this execution. */
bool explore_all_freed(void);
/* A plain access by the task itself, without a scheduling point. */
void explore_touch(const void *memory, size_t size, bool write);
/* This task knows by other means that @task is done. */
void explore_join(int task);

/* A mark that other tasks wait for, or a signaller. */
void explore_set_mark(unsigned long *mark, unsigned long value,
		      const char *text);
void explore_await_mark(unsigned long *mark, const char *text);

/* Begin and end of a call that a signal, or a deadline, may end. */
void explore_begin_call(unsigned long call, bool signals, bool deadline);
bool explore_end_call(void);

#endif
