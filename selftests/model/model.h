/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the platform headers of the model ask of it: each call is a scheduling
 * point, after which any other actor may have run.
 */
#ifndef RANGE_LOCK_MODEL_H
#define RANGE_LOCK_MODEL_H

#include <stdbool.h>
#include <stddef.h>

/* What a call says about order: it acquires, it releases, or it is a fence. */
#define MODEL_RELAXED	0
#define MODEL_ACQUIRE	1
#define MODEL_RELEASE	2
#define MODEL_ACQ_REL	3
#define MODEL_FULL	7

/* Where in the source a call is, for the listing of a schedule. */
struct model_place {
	const char *function, *text;
	int line;
};

#define MODEL_PLACE(what) ({						\
	static const struct model_place place_ = {			\
		__func__, what, __LINE__				\
	};								\
	&place_;							\
})

unsigned long model_load(const volatile void *address, unsigned int size,
			 int order, const struct model_place *place);
void model_store(volatile void *address, unsigned int size,
		 unsigned long value, int order,
		 const struct model_place *place);
/* Both return the former value; a cmpxchg that fails orders nothing. */
unsigned long model_cmpxchg(volatile void *address, unsigned int size,
			    unsigned long old, unsigned long value, int order,
			    const struct model_place *place);
unsigned long model_xchg(volatile void *address, unsigned int size,
			 unsigned long value, int order,
			 const struct model_place *place);
void model_fence(int order);

void model_spin_lock(unsigned int *state, const struct model_place *place);
bool model_spin_trylock(unsigned int *state, const struct model_place *place);
void model_spin_unlock(unsigned int *state, const struct model_place *place);

struct task_struct;

struct task_struct *model_current(void);
void model_set_current_state(unsigned int state, bool fence,
			     const struct model_place *place);
bool model_signal_pending(unsigned int state, const struct model_place *place);
void model_schedule(const struct model_place *place);
bool model_need_resched(void);
void model_cpu_relax(void);
void model_get_task(struct task_struct *task, const struct model_place *place);
void model_put_task(struct task_struct *task, const struct model_place *place);
void model_wake(struct task_struct *task, const struct model_place *place);

unsigned long long model_clock(const struct model_place *place);
void *model_calloc(size_t size, const struct model_place *place);
void model_free(const void *memory, const struct model_place *place);

void model_fail(const char *format, ...)
	__attribute__((cold, noreturn, format(printf, 1, 2)));
/* By the lock: model_fail(), unless it is right to warn. */
void model_warn(const char *format, ...)
	__attribute__((cold, format(printf, 1, 2)));

#endif
