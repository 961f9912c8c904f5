/* SPDX-License-Identifier: GPL-2.0 */
/* What the benchmarks share: processes that begin and end together. */
#ifndef RANGE_LOCK_SELFTESTS_DAX_BENCH_H
#define RANGE_LOCK_SELFTESTS_DAX_BENCH_H

#include <sched.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "dax.h"

/* In memory that the processes share. */
struct gate {
	atomic_bool	go, stop;
	atomic_int	ready;
};

static inline void *shared_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		err(2, "mmap");
	return memory;
}

/* Where there is one CPU only, nothing is lost. */
static inline void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* A child of fork(), that nobody else would end. */
static inline pid_t fork_worker(void)
{
	pid_t child = fork();

	if (child < 0)
		err(2, "fork");
	if (!child)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return child;
}

static inline void wait_to_go(struct gate *gate)
{
	atomic_fetch_add(&gate->ready, 1);
	while (!atomic_load(&gate->go))
		usleep(100);
}

/* Let all @count go; one may have died by then. */
static inline void let_go(struct gate *gate, int count)
{
	int status;

	while (atomic_load(&gate->ready) < count) {
		if (waitpid(-1, &status, WNOHANG) > 0)
			errx(2, "a process ended with status %#x", status);
		usleep(1000);
	}
	atomic_store(&gate->go, true);
}

static inline void wait_for_all(struct gate *gate, const pid_t *children,
				int count)
{
	int status, i;

	atomic_store(&gate->stop, true);
	for (i = 0; i < count; i++)
		if (waitpid(children[i], &status, 0) < 0 || status)
			errx(2, "a process ended with status %#x", status);
}

#endif
