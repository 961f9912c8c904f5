// SPDX-License-Identifier: GPL-2.0
/*
 * The explorer: runs tasks as coroutines of one thread, one step at a time,
 * and all over again for each schedule that matters.
 *
 * A step is one operation that others can see, and all that its task does
 * until the next one. What other tasks do with plain memory in between does
 * not matter unless there is a data race, and that is looked for, see
 * memory below.
 *
 * Two steps depend on each other if they access the same variable, unless
 * both read it. Schedules that differ only in the order of independent steps
 * are one: of those the explorer plays one, by dynamic partial-order reduction
 * with source sets and sleep sets (Abdulla, Aronis, Jonsson, Sagonas: Optimal
 * dynamic partial order reduction, POPL 2014). With a bound on preemptions
 * there is no reduction: then all schedules within the bound are played.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/sched.h>

#include "explore.h"

#define ARENA		(64 * 1024)
#define STACK		(64 * 1024)
/* Steps and choices of an execution: more of them are taken for a livelock. */
#define PATH		3000
/* Plain accesses between two steps: more of them are an endless loop. */
#define PLAIN		100000
#define BUFFERED	32
#define CALLERS		(TASKS + SIGNALLERS)
#define ALL_JUMPS	4

enum kind {
	START, LOAD, STORE, CMPXCHG, XCHG, FENCE, SPIN_LOCK, SPIN_TRYLOCK,
	SPIN_UNLOCK, SET_STATE, SCHEDULE, WAKE, GET_TASK, PUT_TASK, EXIT, CLOCK,
	MARK, AWAIT, SEND, ALLOC,
};

struct op {
	enum kind kind;
	void *address;
	unsigned int size;
	int order;
	unsigned long value, old;
	const struct model_place *place;
};

/* What a step does to a variable, as far as other steps care. */
enum effect { NOTHING, READS, WRITES, ACQUIRES, RELEASES };

struct step {
	uint8_t thread;
	uint16_t number;
	struct explore_clock clock;
};

struct node {
	bool choice;
	uint8_t chosen, alternatives;
	uint16_t preemptions;
	uint32_t enabled, backtrack, sleep;
	struct step step;
};

struct buffered {
	struct op op;
	struct explore_clock clock;
	uint16_t order[CALLERS], fence[CALLERS];
};

struct thread {
	struct op op;
	bool exists, done;
	unsigned long steps;
	struct explore_clock clock;

	/* Of tasks: */
	void *stack, *stack_pointer;
	struct task_struct *task;
	bool timed, expired, relaxed, signals;
	bool to_sleep;		/* has said that it will, and not that it won't */
	unsigned int spinlocks;		/* by what it has done */
	unsigned int taken;		/* as far as it is seen */
	unsigned long plain;
	struct explore_epoch section;
	unsigned int sections;
	struct buffered buffer[BUFFERED];
	unsigned int buffer_first, buffer_count;

	/* Happens-before of the language, which is less than the clock. */
	uint16_t order[CALLERS], seen[CALLERS], fence[CALLERS];
};

static const struct explore_program *program;
static const struct explore_limits *limits;
static struct explore_result result;

static struct node path[PATH];
static int length, replayed;
static uint32_t sleeping;
static struct thread threads[THREADS];
static int self, nr_threads, last_task;
static void *main_stack_pointer;
static bool running, executing, replaying, listing, failing;
static char failure[512];
static unsigned int generation;
static int jumps;
static struct explore_epoch jump_epochs[ALL_JUMPS];
static struct explore_clock jump_clocks[ALL_JUMPS];
static unsigned long total_steps;

static char arena[ARENA] __attribute__((aligned(64)));
static size_t arena_used;
static int not_freed;
static unsigned long *now;

/* Switching stacks. */

void explore_switch(void **from, void *to);
#if defined(__x86_64__)
__asm__(".text\n"
	".globl explore_switch\n"
	"explore_switch:\n"
	"	push %rbp\n	push %rbx\n	push %r12\n"
	"	push %r13\n	push %r14\n	push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n	pop %r14\n	pop %r13\n"
	"	pop %r12\n	pop %rbx\n	pop %rbp\n"
	"	ret\n");
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl explore_switch\n"
	"explore_switch:\n"
	"	stp x29, x30, [sp, #-160]!\n"
	"	stp x19, x20, [sp, #16]\n	stp x21, x22, [sp, #32]\n"
	"	stp x23, x24, [sp, #48]\n	stp x25, x26, [sp, #64]\n"
	"	stp x27, x28, [sp, #80]\n	stp d8, d9, [sp, #96]\n"
	"	stp d10, d11, [sp, #112]\n	stp d12, d13, [sp, #128]\n"
	"	stp d14, d15, [sp, #144]\n"
	"	mov x9, sp\n	str x9, [x0]\n	mov sp, x1\n"
	"	ldp x19, x20, [sp, #16]\n	ldp x21, x22, [sp, #32]\n"
	"	ldp x23, x24, [sp, #48]\n	ldp x25, x26, [sp, #64]\n"
	"	ldp x27, x28, [sp, #80]\n	ldp d8, d9, [sp, #96]\n"
	"	ldp d10, d11, [sp, #112]\n	ldp d12, d13, [sp, #128]\n"
	"	ldp d14, d15, [sp, #144]\n"
	"	ldp x29, x30, [sp], #160\n"
	"	ret\n");
#else
#error "explore_switch() has to be written for this machine"
#endif

/* An execution ends, for whatever reason, from whatever stack. */
static void __attribute__((noreturn)) end_execution(void)
{
	static void *nowhere;

	running = false;
	explore_switch(&nowhere, main_stack_pointer);
	abort();
}

void model_fail(const char *format, ...)
{
	va_list args;

	if (main_stack_pointer && !failing) {
		failing = true;
		va_start(args, format);
		vsnprintf(failure, sizeof(failure), format, args);
		va_end(args);
		failure[strcspn(failure, "\n")] = 0;
		end_execution();
	}
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(1);
}

/* Vector clocks. */

static void join(struct explore_clock *clock, const struct explore_clock *with)
{
	int i;

	for (i = 0; i < THREADS; i++)
		if (clock->of[i] < with->of[i])
			clock->of[i] = with->of[i];
}

static bool is_after(const struct explore_clock *clock, const struct step *step)
{
	return clock->of[step->thread] >= step->number;
}

static void join_order(uint16_t *order, const uint16_t *with)
{
	int i;

	for (i = 0; i < CALLERS; i++)
		if (order[i] < with[i])
			order[i] = with[i];
}

/*
 * Memory. For each byte that the lock can see: who accessed it, at which point
 * of the happens-before order, and what is acquired by a load of it. A plain
 * access races with any other one, by another thread, that is not ordered by
 * happens-before and of which one is a write. As in C11, order comes only of
 * an acquire that reads what was released, so a weak operation is found to be
 * too weak also where this machine would be strong.
 */
struct byte {
	uint8_t writer;
	uint16_t write, reads[CALLERS];
	uint16_t atomic_writes[CALLERS], atomic_reads[CALLERS];
	uint16_t release[CALLERS];
	const void *pc;
};

static struct granule {
	unsigned int generation;
	bool split;
	struct byte byte[8];
} granules[ARENA / 8];

static bool in_arena(const volatile void *address)
{
	return (const volatile char *)address >= arena &&
	       (const volatile char *)address < arena + ARENA;
}

static struct granule *granule_of(const volatile void *address)
{
	struct granule *granule;

	granule = &granules[((const volatile char *)address - arena) / 8];
	if (granule->generation != generation) {
		granule->generation = generation;
		granule->split = false;
		memset(&granule->byte[0], 0, sizeof(granule->byte[0]));
	}
	return granule;
}

static struct byte *split_byte(const volatile void *address)
{
	struct granule *granule = granule_of(address);
	int i;

	if (!granule->split) {
		granule->split = true;
		for (i = 1; i < 8; i++)
			granule->byte[i] = granule->byte[0];
	}
	return &granule->byte[((const volatile char *)address - arena) % 8];
}

/* A name for the place in the source, by the usual tool. */
static void name_pc(const void *pc, char *name, size_t size)
{
	char command[128], line[256];
	size_t used = 0;
	FILE *pipe;

	snprintf(name, size, "%p", pc);
	if (!pc || !replaying)
		return;
	snprintf(command, sizeof(command),
		 "addr2line -s -i -f -e /proc/%d/exe %p 2>/dev/null", getpid(),
		 (const char *)pc - 1);
	pipe = popen(command, "r");
	if (!pipe)
		return;
	while (fgets(line, sizeof(line), pipe) && used + 40 < size) {
		line[strcspn(line, "\n")] = 0;
		used += snprintf(name + used, size - used, "%s%.60s",
				 used ? " " : "", line);
	}
	pclose(pipe);
}

static void __attribute__((noreturn, cold))
report_race(int who, const volatile void *address, bool write, bool atomic,
	    int other, const struct byte *byte, const void *pc)
{
	char here[200], there[200];

	if (!replaying)
		model_fail("data race");
	if (atomic)
		snprintf(here, sizeof(here), "%s:%d %s",
			 ((const struct model_place *)pc)->function,
			 ((const struct model_place *)pc)->line,
			 ((const struct model_place *)pc)->text);
	else
		name_pc(pc, here, sizeof(here));
	name_pc(byte->pc, there, sizeof(there));
	model_fail("data race: %s%s by %c of byte %d at %s, not ordered after an access by %c (last plain write at %s)",
		   atomic ? "atomic " : "", write ? "write" : "read", 'A' + who,
		   (int)((const volatile char *)address - arena), here,
		   'A' + other, there);
}

static inline int unordered(const uint16_t *of, const uint16_t *order)
{
	int i;

	for (i = 0; i < CALLERS; i++)
		if (of[i] > order[i])
			return i;
	return -1;
}

static void access_byte(struct byte *byte, int who, const volatile void *address,
			bool write, bool atomic, const uint16_t *order,
			const void *pc)
{
	int other = -1;

	if (byte->write > order[byte->writer])
		other = byte->writer;
	else if (write)
		other = unordered(byte->reads, order);
	if (other < 0 && !atomic) {
		other = unordered(byte->atomic_writes, order);
		if (other < 0 && write)
			other = unordered(byte->atomic_reads, order);
	}
	if (other >= 0)
		report_race(who, address, write, atomic, other, byte, pc);

	if (atomic) {
		(write ? byte->atomic_writes : byte->atomic_reads)[who] =
			order[who];
	} else if (write) {
		byte->writer = who;
		byte->write = order[who];
		byte->pc = pc;
	} else {
		byte->reads[who] = order[who];
	}
}

static void access_memory(int who, const volatile void *memory, size_t size,
			  bool write, bool atomic, const uint16_t *order,
			  const void *pc)
{
	const volatile char *address = memory;

	while (size) {
		if ((address - arena) % 8 == 0 && size >= 8 &&
		    !granule_of(address)->split) {
			access_byte(&granule_of(address)->byte[0], who, address,
				    write, atomic, order, pc);
			address += 8;
			size -= 8;
		} else {
			access_byte(split_byte(address), who, address, write,
				    atomic, order, pc);
			address++;
			size--;
		}
	}
}

static uint16_t *release_of(const volatile void *address)
{
	struct granule *granule = granule_of(address);

	return granule->byte[granule->split ?
			     ((const volatile char *)address - arena) % 8 : 0]
	       .release;
}

/* The sides of an atomic access: of whom reads, and of whom writes. */
static void order_read(struct thread *thread, const volatile void *address,
		       int order)
{
	const uint16_t *release = release_of(address);

	if (order & MODEL_ACQUIRE)
		join_order(thread->order, release);
	else
		join_order(thread->seen, release);
}

static void order_write(const uint16_t *order_now, const uint16_t *fence,
			const volatile void *address, int order, bool rmw)
{
	uint16_t *release = release_of(address);

	if (!rmw)
		memset(release, 0, sizeof(uint16_t) * CALLERS);
	join_order(release, order & MODEL_RELEASE ? order_now : fence);
}

static void drain_for(const volatile void *address, size_t size);

/* What the compiler puts before plain accesses: gcc -fsanitize=thread. */
static void plain_access(const volatile void *address, size_t size, bool write,
			 const void *pc)
{
	struct thread *thread = &threads[self];

	if (!running)
		return;
	if (++thread->plain > PLAIN)
		model_fail("%c is in an endless loop", 'A' + self);
	if (!in_arena(address)) {
		if ((unsigned long)address < 4096)
			model_fail("access to address %p by %c", address,
				   'A' + self);
		return;
	}
	if (address >= (void *)(arena + arena_used))
		model_fail("%c accesses memory beyond all that there is",
			   'A' + self);
	if (thread->buffer_count)
		drain_for(address, size);
	access_memory(self, address, size, write, false, thread->order, pc);
}

#define PC __builtin_return_address(0)
#define PLAIN_HOOKS(size)						\
void __tsan_read##size(void *address);					\
void __tsan_read##size(void *address)					\
{ plain_access(address, size, false, PC); }				\
void __tsan_write##size(void *address);					\
void __tsan_write##size(void *address)					\
{ plain_access(address, size, true, PC); }				\
void __tsan_unaligned_read##size(void *address);			\
void __tsan_unaligned_read##size(void *address)				\
{ plain_access(address, size, false, PC); }				\
void __tsan_unaligned_write##size(void *address);			\
void __tsan_unaligned_write##size(void *address)			\
{ plain_access(address, size, true, PC); }
PLAIN_HOOKS(1)
PLAIN_HOOKS(2)
PLAIN_HOOKS(4)
PLAIN_HOOKS(8)
PLAIN_HOOKS(16)

void __tsan_read_range(void *address, unsigned long size);
void __tsan_read_range(void *address, unsigned long size)
{
	plain_access(address, size, false, PC);
}

void __tsan_write_range(void *address, unsigned long size);
void __tsan_write_range(void *address, unsigned long size)
{
	plain_access(address, size, true, PC);
}

void __tsan_init(void);
void __tsan_init(void)
{
}

void __tsan_func_entry(void *pc);
void __tsan_func_entry(void *pc)
{
	(void)pc;
}

void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
}

/* Atomic operations of the compiler's, of which broken locks are made. */
static int model_order(int memorder)
{
	static const int orders[] = {
		[__ATOMIC_RELAXED] = MODEL_RELAXED,
		[__ATOMIC_CONSUME] = MODEL_ACQUIRE,
		[__ATOMIC_ACQUIRE] = MODEL_ACQUIRE,
		[__ATOMIC_RELEASE] = MODEL_RELEASE,
		[__ATOMIC_ACQ_REL] = MODEL_ACQ_REL,
		[__ATOMIC_SEQ_CST] = MODEL_FULL,
	};

	return orders[memorder & 7];
}

static const struct model_place builtin = { "", "a builtin atomic", 0 };

#define ATOMIC_HOOKS(bits)						\
uint##bits##_t __tsan_atomic##bits##_load(const volatile void *a, int mo); \
uint##bits##_t __tsan_atomic##bits##_load(const volatile void *a, int mo) \
{ return model_load(a, bits / 8, model_order(mo), &builtin); }		\
void __tsan_atomic##bits##_store(volatile void *a, uint##bits##_t v, int mo); \
void __tsan_atomic##bits##_store(volatile void *a, uint##bits##_t v, int mo) \
{ model_store(a, bits / 8, v, model_order(mo), &builtin); }		\
uint##bits##_t __tsan_atomic##bits##_exchange(volatile void *a,		\
					      uint##bits##_t v, int mo); \
uint##bits##_t __tsan_atomic##bits##_exchange(volatile void *a,		\
					      uint##bits##_t v, int mo)	\
{ return model_xchg(a, bits / 8, v, model_order(mo), &builtin); } \
bool __tsan_atomic##bits##_compare_exchange_strong(volatile void *a,	\
		uint##bits##_t *c, uint##bits##_t v, int mo, int fmo);	\
bool __tsan_atomic##bits##_compare_exchange_strong(volatile void *a,	\
		uint##bits##_t *c, uint##bits##_t v, int mo, int fmo)	\
{									\
	uint##bits##_t old = *c;					\
									\
	(void)fmo;							\
	*c = model_cmpxchg(a, bits / 8, old, v, model_order(mo), &builtin); \
	return *c == old;						\
}
ATOMIC_HOOKS(8)
ATOMIC_HOOKS(16)
ATOMIC_HOOKS(32)
ATOMIC_HOOKS(64)

void *explore_memory(size_t size)
{
	void *memory = arena + arena_used;

	arena_used += (size + 63) & ~63UL;
	if (arena_used > ARENA)
		model_fail("the model has no more memory");
	return memory;
}

void explore_touch(const void *memory, size_t size, bool write)
{
	if (running) {
		if (threads[self].buffer_count)
			drain_for(memory, size);
		access_memory(self, memory, size, write, false,
			      threads[self].order, PC);
	}
}

/* Variables: which steps have accessed them. */
static struct variable {
	unsigned int generation;
	short last_write, last_acquire;		/* in path[], or -1 */
	short reads[THREADS];
} variables[ARENA];

static struct variable *variable_of(const void *address)
{
	struct variable *variable = &variables[(const char *)address - arena];

	if (variable->generation != generation) {
		variable->generation = generation;
		memset(&variable->last_write, 0xff,
		       sizeof(*variable) -
		       offsetof(struct variable, last_write));
	}
	return variable;
}

static unsigned long get_value(const volatile void *address, unsigned int size)
{
	switch (size) {
	case 1:
		return *(const volatile uint8_t *)address;
	case 2:
		return *(const volatile uint16_t *)address;
	case 4:
		return *(const volatile uint32_t *)address;
	default:
		return *(const volatile uint64_t *)address;
	}
}

static void set_value(volatile void *address, unsigned int size,
		      unsigned long value)
{
	switch (size) {
	case 1:
		*(volatile uint8_t *)address = value;
		break;
	case 2:
		*(volatile uint16_t *)address = value;
		break;
	case 4:
		*(volatile uint32_t *)address = value;
		break;
	default:
		*(volatile uint64_t *)address = value;
	}
}

static unsigned long truncated(unsigned long value, unsigned int size)
{
	return size == 8 ? value : value & ((1UL << 8 * size) - 1);
}

/* Which threads can take their step, and what it would be. */

static const struct op *op_of(int thread)
{
	struct thread *task;

	if (thread < FLUSHER(0))
		return &threads[thread].op;
	task = &threads[thread - FLUSHER(0)];
	return &task->buffer[task->buffer_first % BUFFERED].op;
}

static bool is_enabled(int number)
{
	const struct thread *thread = &threads[number];
	const struct op *op = &thread->op;

	if (number >= FLUSHER(0))
		return threads[number - FLUSHER(0)].buffer_count;
	if (!thread->exists || thread->done)
		return false;
	switch (op->kind) {
	case SPIN_LOCK:
		return !thread->buffer_count && !get_value(op->address, 4);
	case SCHEDULE:
		return !thread->buffer_count &&
		       (thread->timed || thread->task->state == TASK_RUNNING);
	case AWAIT:
		return get_value(op->address, 8);
	case SEND:
		/* A call has been begun, or is over. */
		return get_value(op->address, 8) / 2 >= op->value;
	case LOAD:
	case START:
	case CLOCK:
	case MARK:
		return true;
	default:
		return !thread->buffer_count;
	}
}

static enum effect effect_of(int number)
{
	const struct op *op = op_of(number);

	switch (op->kind) {
	case START:
	case FENCE:
		return NOTHING;
	case LOAD:
	case AWAIT:
	case GET_TASK:
	case PUT_TASK:
		return READS;
	case CMPXCHG:
		return get_value(op->address, op->size) == op->old ? WRITES :
								     READS;
	case SPIN_LOCK:
		return ACQUIRES;
	case SPIN_TRYLOCK:
		return get_value(op->address, 4) ? READS : ACQUIRES;
	case SPIN_UNLOCK:
		return RELEASES;
	case SCHEDULE:
		return threads[number].task->state == TASK_RUNNING ? READS :
								     WRITES;
	case WAKE:
		return get_value(op->address, 4) == TASK_RUNNING ? READS :
								   WRITES;
	case SEND:
		return get_value(op->address, 8) == op->value * 2 ? WRITES :
								    READS;
	default:
		return WRITES;
	}
}

static bool depend(int a, int b)
{
	enum effect of_a = effect_of(a), of_b = effect_of(b);

	return of_a != NOTHING && of_b != NOTHING &&
	       op_of(a)->address == op_of(b)->address &&
	       (of_a != READS || of_b != READS);
}

/*
 * The step at path[earlier] and the one that @thread is about to take could
 * have come in the other order. Make sure that it will be tried: by a thread
 * that can begin what came after @earlier without depending on it.
 */
static void reverse(int earlier, int thread, const struct explore_clock *clock)
{
	static short independent[PATH];
	struct node *node = &path[earlier];
	uint32_t begun = 0, initials = 0;
	int i, j, nr = 0;

	for (i = earlier + 1; i < length - 1; i++) {
		const struct step *step = &path[i].step;
		bool initial;

		if (path[i].choice || is_after(&step->clock, &node->step))
			continue;
		if (!(begun & 1U << step->thread)) {
			begun |= 1U << step->thread;
			initial = true;
			for (j = 0; j < nr && initial; j++)
				initial = !is_after(&step->clock,
						    &path[independent[j]].step);
			if (initial)
				initials |= 1U << step->thread;
		}
		independent[nr++] = i;
	}
	if (!(begun & 1U << thread)) {
		for (j = 0; j < nr; j++)
			if (is_after(clock, &path[independent[j]].step))
				break;
		if (j == nr)
			initials |= 1U << thread;
	}
	if (initials & node->backtrack)
		return;
	/* The thread itself, if it can: that makes for short schedules. */
	if (initials & node->enabled & 1U << thread)
		node->backtrack |= 1U << thread;
	else if (initials & node->enabled)
		node->backtrack |= (initials & node->enabled) &
				   -(initials & node->enabled);
	else
		node->backtrack |= node->enabled;
}

static void consider(int earlier, int thread, const struct explore_clock *before,
		     const struct explore_clock *after)
{
	if (earlier < 0 || limits->preemptions >= 0 || length < replayed ||
	    path[earlier].step.thread == thread ||
	    is_after(before, &path[earlier].step))
		return;
	reverse(earlier, thread, after);
}

static void join_step(struct explore_clock *clock, int step)
{
	if (step >= 0)
		join(clock, &path[step].step.clock);
}

/* @number takes its step, which is the last one in path[]. */
static void begin_step(int number)
{
	struct thread *thread = &threads[number];
	struct step *step = &path[length - 1].step;
	enum effect effect = effect_of(number);
	const struct op *op = op_of(number);
	struct explore_clock before, after;
	struct variable *variable;
	bool reversible;
	int i;

	if (number >= FLUSHER(0)) {
		struct thread *task = &threads[number - FLUSHER(0)];

		join(&thread->clock,
		     &task->buffer[task->buffer_first % BUFFERED].clock);
	} else if (number < TASKS && !thread->buffer_count &&
		   op->kind != LOAD) {
		/* A load may pass the stores before it, the others may not. */
		join(&thread->clock, &threads[FLUSHER(number)].clock);
	}
	before = after = thread->clock;
	if (effect != NOTHING) {
		variable = variable_of(op->address);
		/* What let it go can't come after it. */
		reversible = op->kind != AWAIT &&
			     !(op->kind == SCHEDULE && !thread->timed) &&
			     !(op->kind == SEND &&
			       get_value(op->address, 8) == op->value * 2);

		join_step(&after, variable->last_write);
		if (effect != READS)
			for (i = 0; i < nr_threads; i++)
				join_step(&after, variable->reads[i]);
		if (op->kind == SPIN_LOCK)
			consider(variable->last_acquire, number, &before,
				 &after);
		else if (reversible && effect != RELEASES)
			consider(variable->last_write, number, &before, &after);
		if (effect != READS)
			for (i = 0; i < nr_threads; i++)
				consider(variable->reads[i], number, &before,
					 &after);

		if (effect == READS) {
			variable->reads[number] = length - 1;
		} else {
			variable->last_write = length - 1;
			if (effect == ACQUIRES)
				variable->last_acquire = length - 1;
			memset(variable->reads, 0xff, sizeof(variable->reads));
		}
	}
	after.of[number]++;
	thread->clock = after;
	thread->steps++;
	step->thread = number;
	step->number = after.of[number];
	step->clock = after;
	total_steps++;
}

/* The schedule. */

static void list_step(int number);

static int choose(int alternatives)
{
	struct node *node;

	if (length >= PATH)
		model_fail("no progress: %d steps", length);
	node = &path[length++];
	if (length > replayed) {
		memset(node, 0, sizeof(*node));
		node->choice = true;
		node->alternatives = alternatives;
	}
	return node->chosen;
}

static void check_all_done(void)
{
	int i;

	for (i = 0; i < program->tasks; i++)
		if (!threads[i].done)
			break;
	running = false;
	self = 0;
	if (i == program->tasks)
		program->finish();
	else
		program->at_rest();
	end_execution();
}

/* Whose step is next? Its clock and op are ready for it to be taken. */
static int pick(void)
{
	uint32_t enabled = 0, available;
	struct node *node;
	int i, chosen;

	for (i = 0; i < nr_threads; i++)
		if (is_enabled(i))
			enabled |= 1U << i;
	if (!enabled)
		check_all_done();
	if (length >= PATH)
		model_fail("no progress: %d steps", length);

	node = &path[length];
	if (length >= replayed || node->choice) {
		if (length < replayed)
			replayed = length;
		memset(node, 0, offsetof(struct node, step));
		node->enabled = enabled;
		node->sleep = sleeping;
		available = enabled & ~sleeping;
		if (limits->preemptions >= 0) {
			node->preemptions = length ?
				path[length - 1].preemptions : 0;
			/* To go on is free, as is any choice of a next one. */
			if (enabled & 1U << last_task &&
			    node->preemptions >= limits->preemptions)
				available = 1U << last_task;
			node->backtrack = available;
		}
		if (!available) {
			result.redundant++;
			end_execution();
		}
		if (available & 1U << last_task)
			chosen = last_task;
		else
			chosen = __builtin_ctz(available);
		node->chosen = chosen;
		node->backtrack |= 1U << chosen;
	} else {
		chosen = node->chosen;
		if (replaying) {
			if (!(enabled & 1U << chosen))
				model_fail("the schedule can't be played: step %d",
					   length + 1);
			node->enabled = enabled;
		}
		sleeping = node->sleep;
	}
	if (limits->preemptions >= 0) {
		node->preemptions = (length ? path[length - 1].preemptions : 0) +
			(chosen != last_task && enabled & 1U << last_task);
	} else {
		for (i = 0; i < nr_threads; i++)
			if (sleeping & 1U << i && depend(i, chosen))
				sleeping &= ~(1U << i);
		sleeping &= ~(1U << chosen);
	}
	length++;
	begin_step(chosen);
	last_task = chosen;
	if (listing)
		list_step(chosen);
	return chosen;
}

static void do_write(int who, const uint16_t *order, const uint16_t *fence,
		     const struct op *op, unsigned long value, bool rmw)
{
	access_memory(who, op->address, op->size, true, true, order, op->place);
	order_write(order, fence, op->address, op->order, rmw);
	set_value(op->address, op->size, value);
}

/* @task has given back a spinlock, by a step of @number. */
static void section_over(int task, int number)
{
	int i;

	threads[task].section.thread = number;
	threads[task].section.number = threads[number].clock.of[number];
	threads[task].taken--;
	for (i = 0; i < TASKS; i++)
		if (threads[i].taken)
			return;
	running = false;
	program->section_over();
	running = true;
}

/* A step of a thread that is no task. */
static void virtual_step(int number)
{
	struct thread *thread = &threads[number];

	if (number >= FLUSHER(0)) {
		int who = number - FLUSHER(0);
		struct thread *task = &threads[who];
		struct buffered *entry;

		entry = &task->buffer[task->buffer_first++ % BUFFERED];
		task->buffer_count--;
		do_write(who, entry->order, entry->fence, &entry->op,
			 entry->op.value, false);
		if (entry->op.kind == SPIN_UNLOCK)
			section_over(who, number);
	} else if (thread->op.kind == SEND) {
		if (get_value(thread->op.address, 8) == thread->op.value * 2)
			set_value(thread->op.address, 8,
				  thread->op.value * 2 + 1);
		thread->op.kind = WAKE;
		thread->op.address = &threads[program->signal_task
					      [number - TASKS]].task->state;
	} else {
		set_value(thread->op.address, 4, TASK_RUNNING);
		thread->done = true;
	}
}

/* Have others run, until it is this task's turn. */
static void reschedule(void)
{
	int chosen, me = self;

	for (;;) {
		chosen = pick();
		if (chosen == me)
			return;
		if (chosen < TASKS) {
			self = chosen;
			explore_switch(&threads[me].stack_pointer,
				       threads[chosen].stack_pointer);
			/* Whoever has chosen us has set self. */
			return;
		}
		virtual_step(chosen);
	}
}

static struct thread *submit(enum kind kind, const volatile void *address,
			     unsigned int size, int order, unsigned long value,
			     const struct model_place *place)
{
	struct thread *thread = &threads[self];

	if (!in_arena(address) ||
	    (const volatile char *)address >= arena + arena_used)
		model_fail("%s of memory that the model does not know, by %c",
			   place->text, 'A' + self);
	thread->op = (struct op) {
		.kind = kind, .address = (void *)address, .size = size,
		.order = order, .value = value, .place = place,
	};
	return thread;
}

/* The step has been chosen: one more point in the order of this task. */
static struct thread *stepped(void)
{
	struct thread *thread = &threads[self];

	program->step_taken(self);
	thread->order[self]++;
	thread->plain = 0;
	return thread;
}

/* TSO: what this task has stored may be seen by others later, in order. */
static void buffer(struct thread *thread, enum kind kind, void *address,
		   unsigned int size, int order, unsigned long value,
		   const struct model_place *place)
{
	struct buffered *entry;

	if (thread->buffer_count == BUFFERED)
		model_fail("too many stores in a row");
	entry = &thread->buffer[(thread->buffer_first + thread->buffer_count++) %
				BUFFERED];
	entry->op = (struct op) {
		.kind = kind, .address = address, .size = size,
		.order = order, .value = value, .place = place,
	};
	stepped();
	if (listing)
		explore_note("buffered: %s", place->text);
	entry->clock = thread->clock;
	memcpy(entry->order, thread->order, sizeof(entry->order));
	memcpy(entry->fence, thread->fence, sizeof(entry->fence));
	/* What comes now is not released by it. */
	thread->order[self]++;
}

static void drain(void)
{
	static const struct model_place place = { "", "(stores drain)", 0 };

	submit(FENCE, arena, 8, MODEL_RELAXED, 0, &place);
	reschedule();
	stepped();
}

static void drain_for(const volatile void *address, size_t size)
{
	struct thread *thread = &threads[self];
	unsigned int i;

	for (i = 0; i < thread->buffer_count; i++) {
		const struct op *op = &thread->buffer[(thread->buffer_first + i) %
						      BUFFERED].op;

		if ((char *)op->address < (char *)address + size &&
		    (char *)address < (char *)op->address + op->size) {
			drain();
			return;
		}
	}
}

/* Atomics. */

unsigned long model_load(const volatile void *address, unsigned int size,
			 int order, const struct model_place *place)
{
	struct thread *thread;
	unsigned int i;

	if (!running)
		return get_value(address, size);
	submit(LOAD, address, size, order, 0, place);
	reschedule();
	thread = stepped();
	for (i = thread->buffer_count; i--; ) {
		const struct op *op = &thread->buffer[(thread->buffer_first + i) %
						      BUFFERED].op;

		if (op->address == address)
			return op->value;
	}
	access_memory(self, address, size, false, true, thread->order, place);
	order_read(thread, address, order);
	return get_value(address, size);
}

void model_store(volatile void *address, unsigned int size,
		 unsigned long value, int order, const struct model_place *place)
{
	struct thread *thread;

	if (!running) {
		set_value(address, size, value);
		return;
	}
	thread = &threads[self];
	value = truncated(value, size);
	if (limits->store_buffers && order != MODEL_FULL) {
		submit(STORE, address, size, order, value, place);
		buffer(thread, STORE, (void *)address, size, order, value,
		       place);
		return;
	}
	submit(STORE, address, size, order, value, place);
	reschedule();
	stepped();
	do_write(self, thread->order, thread->fence, &thread->op, value, false);
	thread->order[self]++;
}

unsigned long model_cmpxchg(volatile void *address, unsigned int size,
			    unsigned long old, unsigned long value, int order,
			    const struct model_place *place)
{
	struct thread *thread;
	unsigned long found;

	old = truncated(old, size);
	if (!running) {
		found = get_value(address, size);
		if (found == old)
			set_value(address, size, value);
		return found;
	}
	thread = submit(CMPXCHG, address, size, order, value, place);
	thread->op.old = old;
	reschedule();
	stepped();
	found = get_value(address, size);
	access_memory(self, address, size, false, true, thread->order, place);
	if (found == old) {
		order_read(thread, address, order);
		do_write(self, thread->order, thread->fence, &thread->op, value,
			 true);
		thread->order[self]++;
	} else {
		order_read(thread, address, MODEL_RELAXED);
	}
	if (listing)
		explore_note(found == old ? "succeeds" : "fails, finds %#lx",
			     found);
	return found;
}

unsigned long model_xchg(volatile void *address, unsigned int size,
			 unsigned long value, int order,
			 const struct model_place *place)
{
	struct thread *thread = &threads[self];
	unsigned long found;

	if (running) {
		submit(XCHG, address, size, order, value, place);
		reschedule();
		stepped();
		access_memory(self, address, size, false, true, thread->order,
			      place);
		order_read(thread, address, order);
	}
	found = get_value(address, size);
	if (running) {
		do_write(self, thread->order, thread->fence, &thread->op, value,
			 true);
		thread->order[self]++;
	} else {
		set_value(address, size, value);
	}
	return found;
}

void model_fence(int order)
{
	struct thread *thread = &threads[self];

	if (!running)
		return;
	if (order == MODEL_FULL)
		drain();
	if (order & MODEL_ACQUIRE)
		join_order(thread->order, thread->seen);
	if (order & MODEL_RELEASE)
		memcpy(thread->fence, thread->order, sizeof(thread->fence));
	thread->order[self]++;
}

/* Spinlocks: the value is the owner's number, from 1. */

static void spin_locked(unsigned int *state, const struct model_place *place)
{
	struct thread *thread = &threads[self];

	access_memory(self, state, 4, true, true, thread->order, place);
	order_read(thread, state, MODEL_ACQUIRE);
	*state = self + 1;
	thread->spinlocks++;
	thread->taken++;
	thread->sections++;
	thread->relaxed = false;
}

void model_spin_lock(unsigned int *state, const struct model_place *place)
{
	if (!running) {
		if (*state)
			model_fail("%s: taken while nothing runs", place->text);
		*state = ~0U;
		return;
	}
	submit(SPIN_LOCK, state, 4, MODEL_ACQUIRE, 0, place);
	if (*state == (unsigned int)self + 1 && !threads[self].buffer_count)
		model_fail("%c takes a spinlock that it has", 'A' + self);
	reschedule();
	stepped();
	spin_locked(state, place);
}

bool model_spin_trylock(unsigned int *state, const struct model_place *place)
{
	if (!running) {
		if (*state)
			return false;
		*state = ~0U;
		return true;
	}
	submit(SPIN_TRYLOCK, state, 4, MODEL_ACQUIRE, 0, place);
	reschedule();
	stepped();
	if (listing)
		explore_note(*state ? "is taken" : "succeeds");
	if (*state) {
		access_memory(self, state, 4, false, true, threads[self].order,
			      place);
		return false;
	}
	spin_locked(state, place);
	return true;
}

void model_spin_unlock(unsigned int *state, const struct model_place *place)
{
	struct thread *thread = &threads[self];

	if (!running) {
		*state = 0;
		return;
	}
	if (in_arena(state) && *state != (unsigned int)self + 1)
		model_fail("%c gives back a spinlock that it has not",
			   'A' + self);
	thread->spinlocks--;
	if (limits->store_buffers) {
		submit(SPIN_UNLOCK, state, 4, MODEL_RELEASE, 0, place);
		buffer(thread, SPIN_UNLOCK, state, 4, MODEL_RELEASE, 0, place);
		return;
	}
	submit(SPIN_UNLOCK, state, 4, MODEL_RELEASE, 0, place);
	reschedule();
	stepped();
	do_write(self, thread->order, thread->fence, &thread->op, 0, false);
	thread->order[self]++;
	section_over(self, self);
}

/* Tasks. */

#define EXITED	(1U << 31)

struct task_struct *model_current(void)
{
	return threads[self].task;
}

static void check_task(const struct task_struct *task)
{
	if (!in_arena(task))
		model_fail("%c uses a task at %p", 'A' + self, (void *)task);
	if (task->usage == EXITED)
		model_fail("%c uses a task that has exited, without a reference",
			   'A' + self);
}

static struct thread *full_step(enum kind kind, const volatile void *address,
				unsigned int size, unsigned long value,
				const struct model_place *place)
{
	struct thread *thread = submit(kind, address, size, MODEL_FULL, value,
				       place);

	reschedule();
	stepped();
	return thread;
}

void model_set_current_state(unsigned int state, bool fence,
			     const struct model_place *place)
{
	struct thread *thread = &threads[self];

	if (!running)
		return;
	thread->to_sleep = state != TASK_RUNNING;
	if (fence) {
		full_step(SET_STATE, &thread->task->state, 4, state, place);
		order_read(thread, &thread->task->state, MODEL_ACQUIRE);
		thread->task->state = state;
	} else {
		model_store(&thread->task->state, 4, state, MODEL_RELAXED,
			    place);
	}
}

bool model_signal_pending(unsigned int state, const struct model_place *place)
{
	struct thread *thread = &threads[self];

	if (!running || state == TASK_UNINTERRUPTIBLE)
		return false;
	if (thread->expired)
		return true;
	if (!thread->signals)
		return false;
	return model_load(&thread->task->signal, 8, MODEL_RELAXED, place) & 1;
}

void model_schedule(const struct model_place *place)
{
	struct thread *thread = &threads[self];

	if (!running)
		model_fail("a call sleeps though nothing is held");
	if (thread->spinlocks)
		model_fail("%c sleeps in a section", 'A' + self);
	if (thread->buffer_count)
		drain();
	thread->relaxed = false;
	thread->to_sleep = false;
	program->about_to_sleep(self);
	full_step(SCHEDULE, &thread->task->state, 4, 0, place);
	if (thread->task->state != TASK_RUNNING) {
		/* Its deadline has passed. */
		thread->expired = true;
		thread->task->state = TASK_RUNNING;
		if (listing)
			explore_note("the deadline has passed");
	}
	order_read(thread, &thread->task->state, MODEL_ACQUIRE);
}

/*
 * A waiter looks once more before it goes to sleep: when, is up to the schedule.
 * From then on it is asked to give up its CPU, until it sleeps or has entered a
 * section.
 */
bool model_need_resched(void)
{
	return threads[self].relaxed;
}

void model_cpu_relax(void)
{
	threads[self].relaxed = true;
}

void model_get_task(struct task_struct *task, const struct model_place *place)
{
	if (!running)
		return;
	check_task(task);
	full_step(GET_TASK, &task->usage, 4, 0, place);
	check_task(task);
	task->usage++;
}

void model_put_task(struct task_struct *task, const struct model_place *place)
{
	if (!running)
		return;
	full_step(PUT_TASK, &task->usage, 4, 0, place);
	check_task(task);
	if (!(task->usage & ~EXITED))
		model_fail("%c puts a task of which it has no reference",
			   'A' + self);
	task->usage--;
}

void model_wake(struct task_struct *task, const struct model_place *place)
{
	struct thread *thread = &threads[self];

	if (!running)
		return;
	check_task(task);
	full_step(WAKE, &task->state, 4, 0, place);
	check_task(task);
	if (listing)
		explore_note("%s", task->state == TASK_RUNNING ?
			     "it was awake" : "it goes");
	/* The lock of the task's queue is taken in either case. */
	order_write(thread->order, thread->fence, &task->state, MODEL_RELEASE,
		    true);
	thread->order[self]++;
	task->state = TASK_RUNNING;
}

unsigned long long model_clock(const struct model_place *place)
{
	struct thread *thread = &threads[self];

	if (!running)
		return ++*now;
	submit(CLOCK, now, 8, MODEL_RELAXED, 0, place);
	reschedule();
	stepped();
	if (jumps < limits->jumps && choose(2)) {
		jump_epochs[jumps].thread = self;
		jump_epochs[jumps].number = thread->clock.of[self];
		jump_clocks[jumps] = thread->clock;
		jumps++;
		*now += 1UL << 33;
		if (listing)
			explore_note("time has passed");
	}
	return ++*now;
}

/* Each allocation may fail, and ends with the execution. */
void *model_calloc(size_t size, const struct model_place *place)
{
	void *memory;

	if (running) {
		stepped();
		if (choose(2)) {
			if (listing)
				explore_note("%s fails", place->text);
			return NULL;
		}
	}
	/* Its size goes before it, on a cache line of its own. */
	not_freed++;
	memory = explore_memory(size + 64);
	memory = (char *)memory + 64;
	((size_t *)memory)[-1] = size;
	memset(memory, 0, size);
	explore_touch(memory, size, true);
	return memory;
}

/*
 * Whoever frees has to come after all others who used it. Memory is not used
 * again in the same execution, so that whoever still uses it is seen.
 */
void model_free(const void *memory, const struct model_place *place)
{
	(void)place;
	not_freed -= !!memory;
	if (memory && running)
		explore_touch(memory, ((const size_t *)memory)[-1], true);
}

/* For the model. */

bool explore_all_freed(void)
{
	return !not_freed;
}

int explore_self(void)
{
	return self;
}

bool explore_replaying(void)
{
	return replaying;
}

unsigned long explore_steps(void)
{
	return total_steps;
}

unsigned long explore_own_steps(int task)
{
	return threads[task].steps + threads[FLUSHER(task)].steps;
}

struct explore_epoch explore_section(int task)
{
	return threads[task].section;
}

unsigned int explore_sections(int task)
{
	return threads[task].sections;
}

bool explore_buffered(int task)
{
	return threads[task].buffer_count;
}

const struct explore_clock *explore_now(int task)
{
	return &threads[task].clock;
}

bool explore_asleep(int task)
{
	return threads[task].op.kind == SCHEDULE &&
	       threads[task].task->state != TASK_RUNNING;
}

void explore_join(int task)
{
	join_order(threads[self].order, threads[task].order);
}

int explore_jumps(struct explore_epoch epochs[], struct explore_clock clocks[])
{
	memcpy(epochs, jump_epochs, jumps * sizeof(*epochs));
	memcpy(clocks, jump_clocks, jumps * sizeof(*clocks));
	return jumps;
}

void explore_set_mark(unsigned long *mark, unsigned long value,
		      const char *text)
{
	static struct model_place place;
	struct thread *thread = submit(MARK, mark, 8, MODEL_RELEASE, value,
				       &place);

	place.function = "";
	place.text = text;
	reschedule();
	stepped();
	order_write(thread->order, thread->fence, mark, MODEL_RELEASE, false);
	thread->order[self]++;
	*mark = value;
}

void explore_await_mark(unsigned long *mark, const char *text)
{
	static struct model_place place;
	struct thread *thread = submit(AWAIT, mark, 8, MODEL_ACQUIRE, 0,
				       &place);

	place.function = "";
	place.text = text;
	reschedule();
	stepped();
	order_read(thread, mark, MODEL_ACQUIRE);
}

void explore_begin_call(unsigned long call, bool signals, bool deadline)
{
	struct thread *thread = &threads[self];

	thread->timed = deadline;
	thread->expired = false;
	thread->relaxed = false;
	thread->signals = signals;
	thread->section.number = 0;
	thread->sections = 0;
	if (signals)
		explore_set_mark(&thread->task->signal, call * 2, "(begins)");
}

/* Was there a signal, or a deadline that passed? */
bool explore_end_call(void)
{
	struct thread *thread = &threads[self];
	bool signalled = thread->expired;

	if (thread->spinlocks)
		model_fail("%c returns from a section", 'A' + self);
	if (thread->to_sleep)
		model_fail("%c returns in a state to sleep in", 'A' + self);
	thread->timed = false;
	thread->expired = false;
	if (thread->signals) {
		signalled |= thread->task->signal & 1;
		explore_set_mark(&thread->task->signal,
				 (thread->task->signal | 1) + 1, "(is over)");
		thread->signals = false;
	}
	return signalled;
}

/* Running it. */

static void run_task(void)
{
	static const struct model_place place = { "", "exits", 0 };
	int task = self;

	stepped();
	program->run(task);
	full_step(EXIT, &threads[task].task->usage, 4, 0, &place);
	threads[task].task->usage |= EXITED;
	threads[task].done = true;
	reschedule();
	abort();
}

static void begin_execution(void)
{
	static const struct model_place start = { "", "begins", 0 };
	int i;

	generation++;
	arena_used = 64;
	not_freed = 0;
	now = explore_memory(8);
	*now = 1UL << 40;
	length = 0;
	sleeping = 0;
	jumps = 0;
	total_steps = 0;
	last_task = 0;
	failing = false;
	nr_threads = limits->store_buffers ? FLUSHER(program->tasks) :
		     TASKS + program->signallers;
	for (i = 0; i < THREADS; i++) {
		struct thread *thread = &threads[i];
		void *stack = thread->stack;

		memset(thread, 0, offsetof(struct thread, buffer));
		thread->buffer_first = thread->buffer_count = 0;
		memset(thread->order, 0, sizeof(thread->order));
		memset(thread->seen, 0, sizeof(thread->seen));
		memset(thread->fence, 0, sizeof(thread->fence));
		thread->stack = stack;
		if (i < program->tasks) {
			void **top;

			thread->exists = true;
			thread->task = explore_memory(sizeof(*thread->task));
			memset(thread->task, 0, sizeof(*thread->task));
			if (!stack)
				thread->stack = aligned_alloc(64, STACK);
			top = (void **)((char *)thread->stack + STACK);
			memset(top - 32, 0, 32 * sizeof(*top));
#if defined(__x86_64__)
			top -= 2;
			*top = run_task;
			thread->stack_pointer = top - 6;
#else
			top -= 20;
			top[1] = run_task;
			thread->stack_pointer = top;
#endif
			thread->op.kind = START;
			thread->op.address = arena;
			thread->op.place = &start;
			thread->order[i] = 1;
		}
	}
	for (i = 0; i < program->signallers; i++) {
		static const struct model_place send = { "", "signal", 0 };
		struct thread *thread = &threads[TASKS + i];

		thread->exists = true;
		thread->op = (struct op) {
			.kind = SEND, .place = &send, .size = 8,
			.address = &threads[program->signal_task[i]]
				   .task->signal,
			.value = program->signal_call[i],
		};
	}
	program->begin();
}

static void enter_tasks(void)
{
	static void *stack_pointer;
	int chosen;

	running = true;
	for (;;) {
		chosen = pick();
		if (chosen < TASKS)
			break;
		virtual_step(chosen);
	}
	self = chosen;
	explore_switch(&stack_pointer, threads[chosen].stack_pointer);
}

/* On a stack of its own, so that it too can be left from anywhere. */
static void *first_stack;

static void run_execution(void)
{
	void **top;

	begin_execution();
	executing = true;
	if (!first_stack)
		first_stack = aligned_alloc(64, STACK);
	top = (void **)((char *)first_stack + STACK);
	memset(top - 32, 0, 32 * sizeof(*top));
#if defined(__x86_64__)
	top -= 2;
	*top = enter_tasks;
	explore_switch(&main_stack_pointer, top - 6);
#else
	top -= 20;
	top[1] = enter_tasks;
	explore_switch(&main_stack_pointer, top);
#endif
	executing = running = false;
	result.executions++;
	result.steps += total_steps;
	if (length > result.depth)
		result.depth = length;
}

static void crashed(int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	if (!running)
		_exit(128 + number);
	model_fail("%c crashes: %s", 'A' + self, strsignal(number));
}

/* A while has passed. Has there been a step? */
static void look_for_loop(int number)
{
	static unsigned long executions, steps;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	if (executing && executions == result.executions &&
	    steps == total_steps)
		model_fail("%c is in an endless loop", 'A' + self);
	executions = result.executions;
	steps = total_steps;
}

static void catch_crashes(void)
{
	static const int numbers[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL };
	/* Of CPU time, so that a busy machine makes no difference. */
	const struct itimerval often = { { 1, 0 }, { 1, 0 } };
	struct sigaction action = { .sa_handler = crashed };
	static stack_t stack;
	unsigned int i;

	if (stack.ss_sp)
		return;
	stack.ss_size = 256 * 1024;
	stack.ss_sp = malloc(stack.ss_size);
	sigaltstack(&stack, NULL);
	action.sa_flags = SA_ONSTACK | SA_NODEFER;
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
	action.sa_handler = look_for_loop;
	action.sa_flags |= SA_RESTART;
	sigaction(SIGVTALRM, &action, NULL);
	setitimer(ITIMER_VIRTUAL, &often, NULL);
}

/* To the last point where something else is left to be tried. */
static bool backtrack(void)
{
	for (; length; length--) {
		struct node *node = &path[length - 1];
		uint32_t left;

		if (node->choice) {
			if (++node->chosen < node->alternatives)
				break;
			continue;
		}
		if (limits->preemptions >= 0) {
			node->backtrack &= ~(1U << node->chosen);
			left = node->backtrack;
		} else {
			node->sleep |= 1U << node->chosen;
			left = node->backtrack & ~node->sleep;
		}
		if (left) {
			node->chosen = __builtin_ctz(left);
			break;
		}
	}
	replayed = length;
	return length;
}

struct explore_result explore(const struct explore_program *what,
			      const struct explore_limits *within)
{
	program = what;
	limits = within;
	memset(&result, 0, sizeof(result));
	replayed = 0;
	replaying = listing = false;
	catch_crashes();
	do {
		if (limits->executions &&
		    result.executions >= limits->executions)
			return result;
		run_execution();
		if (failing) {
			result.failed = true;
			return result;
		}
	} while (backtrack());
	result.exhausted = true;
	return result;
}

const char *explore_failure(void)
{
	return failure;
}

/*
 * A schedule is a letter for each step, for the thread that takes it, and a
 * sign for each other choice: - if time does not pass, or an allocation
 * succeeds, + if it does, or fails. x*3 is xxx.
 */
static const char letters[] = "ABCDEFWXYZabcdef", choices[] = "-+";

char *explore_schedule(void)
{
	char *schedule = malloc(length * 8 + 1), *at = schedule;
	int i, j;

	for (i = 0; i < length; i = j) {
		char letter = (path[i].choice ? choices : letters)
			      [path[i].chosen];

		for (j = i; j < length; j++)
			if (path[j].choice != path[i].choice ||
			    path[j].chosen != path[i].chosen)
				break;
		*at++ = letter;
		if (j - i > 2)
			at += sprintf(at, "*%d", j - i);
		else if (j - i == 2)
			*at++ = letter;
	}
	*at = 0;
	return schedule;
}

struct explore_result explore_replay(const struct explore_program *what,
				     const struct explore_limits *within,
				     const char *schedule, bool list)
{
	const char *at = schedule;
	int times, n = 0;

	program = what;
	limits = within;
	memset(&result, 0, sizeof(result));
	memset(path, 0, sizeof(path));
	catch_crashes();
	while (*at) {
		const char *letter = strchr(letters, *at);
		const char *sign = strchr(choices, *at);
		int chosen = sign ? sign - choices : letter - letters;

		if (!letter && !sign) {
			snprintf(failure, sizeof(failure),
				 "'%c' is no step of a schedule", *at);
			result.failed = true;
			return result;
		}
		at++;
		times = 1;
		if (*at == '*')
			times = strtol(at + 1, (char **)&at, 10);
		while (times-- > 0 && n < PATH) {
			path[n].choice = sign;
			path[n].alternatives = 2;
			path[n].backtrack = ~0U;
			path[n++].chosen = chosen;
		}
	}
	replayed = n;
	replaying = true;
	listing = list;
	run_execution();
	result.failed = failing;
	replaying = listing = false;
	return result;
}

/* The listing: a column for each task. */

static void print_column(int column, const char *text)
{
	printf("# %*s%s\n", 4 + 24 * column, "", text);
}

static void list_step(int number)
{
	const struct op *op = op_of(number);
	char line[256];
	int column = number;

	if (number >= FLUSHER(0)) {
		column = number - FLUSHER(0);
		snprintf(line, sizeof(line), "(its store is seen: %s)",
			 op->place->text);
	} else if (number >= TASKS) {
		column = program->signal_task[number - TASKS];
		snprintf(line, sizeof(line), op->kind == SEND ?
			 "<- signal" : "<- wake-up by the signal");
	} else if (op->place->line) {
		snprintf(line, sizeof(line), "%s:%d %s", op->place->function,
			 op->place->line, op->place->text);
		if (op->kind == STORE)
			snprintf(line + strlen(line), sizeof(line) -
				 strlen(line), " = %#lx", op->value);
	} else {
		snprintf(line, sizeof(line), "%s", op->place->text);
	}
	printf("# %3d%c", length, letters[number]);
	printf("%*s%s\n", 1 + 24 * column, "", line);
}

void explore_note(const char *format, ...)
{
	char line[256];
	va_list args;

	if (!listing)
		return;
	snprintf(line, sizeof(line), "    ");
	va_start(args, format);
	vsnprintf(line + 4, sizeof(line) - 4, format, args);
	va_end(args);
	print_column(self, line);
}
