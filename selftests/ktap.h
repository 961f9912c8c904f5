/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KTAP, as kselftest reads it: a plan, one line for each test point, and an
 * exit code. For one thread of a program of one source file.
 */
#ifndef RANGE_LOCK_SELFTESTS_KTAP_H
#define RANGE_LOCK_SELFTESTS_KTAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned int ktap_planned, ktap_done, ktap_failed, ktap_skipped;

/* Say how many test points will follow. */
static inline void ktap_plan(unsigned int points)
{
	/* What is printed before a crash is to be seen after it. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	ktap_planned = points;
	printf("KTAP version 1\n1..%u\n", points);
}

/* The result of a test point, and its name. */
__attribute__((format(printf, 2, 3)))
static inline void ktap_result(bool ok, const char *format, ...)
{
	va_list args;

	ktap_failed += !ok;
	printf("%sok %u ", ok ? "" : "not ", ++ktap_done);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

static inline void ktap_skip(const char *name, const char *reason)
{
	ktap_skipped++;
	printf("ok %u %s # SKIP %s\n", ++ktap_done, name, reason);
}

/*
 * Call run(arg) in a process of its own, so that a crash or a hang spoils no
 * other test point. Whether all is well: it returned, or exited with 0.
 */
static inline bool ktap_run(const char *name, void (*run)(const void *arg),
			    const void *arg)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		run(arg);
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		perror("# fork");
		return false;
	}
	if (WIFSIGNALED(status))
		printf("# %s: killed by signal %d (%s)\n", name,
		       WTERMSIG(status), strsignal(WTERMSIG(status)));
	return !status;
}

/* What main() returns: 0 all well, 1 failed or missing, 4 all skipped. */
static inline int ktap_exit(void)
{
	printf("# Totals: pass:%u fail:%u skip:%u\n",
	       ktap_done - ktap_failed - ktap_skipped, ktap_failed,
	       ktap_skipped);
	if (ktap_failed || ktap_done != ktap_planned)
		return 1;
	return ktap_skipped && ktap_skipped == ktap_done ? 4 : 0;
}

#endif
