/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs of named tests, each of which is a function and runs in a process of
 * its own. For one source file, which includes the platform's headers first.
 */
#ifndef RANGE_LOCK_SELFTESTS_NAMED_TESTS_H
#define RANGE_LOCK_SELFTESTS_NAMED_TESTS_H

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/compiler.h>

#include "ktap.h"

struct named_test {
	const char *name;
	void (*run)(void);
	const char *skip;	/* why it can't be run, if it can't */
};

#define TEST(function)	{ .name = #function, .run = function }

static const char *test_name;
static int awaiting_line;
static unsigned int hang_seconds;

static void __attribute__((noreturn)) test_failed(int line, const char *what)
{
	printf("# %s, line %d: not true: %s\n", test_name, line, what);
	fflush(stdout);
	_exit(1);
}

#define CHECK(condition)						\
	do {								\
		if (!(condition))					\
			test_failed(__LINE__, #condition);			\
	} while (0)

#define AWAIT(condition)						\
	do {								\
		WRITE_ONCE(awaiting_line, __LINE__);			\
		while (!(condition))					\
			sched_yield();					\
	} while (0)

/* Of another thread, maybe, than the one that hangs. */
static void hangs(int signal)
{
	char text[200];
	int length;

	length = snprintf(text, sizeof(text), "# %s hangs, line %d or elsewhere\n",
			  test_name, READ_ONCE(awaiting_line));
	if (write(STDOUT_FILENO, text, length) != length)
		_exit(3);
	_exit(2);
}

static void run_named_test(const void *arg)
{
	const struct named_test *test = arg;

	test_name = test->name;
	signal(SIGALRM, hangs);
	alarm(hang_seconds);
	test->run();
}

static bool is_chosen(const struct named_test *test, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(*names, test->name))
			return true;
	return false;
}

/* What main() does, for @count @tests; a test hangs after @hang seconds. */
static int run_named_tests(int argc, char **argv, const struct named_test *tests,
			   unsigned int count, unsigned int hang)
{
	unsigned int i, planned = 0;
	int option;

	hang_seconds = hang;
	while ((option = getopt(argc, argv, "t:l")) != -1) {
		if (option == 't' && atoi(optarg) > 0) {
			hang_seconds = atoi(optarg);
		} else if (option == 'l') {
			for (i = 0; i < count; i++)
				puts(tests[i].name);
			return 0;
		} else {
			fprintf(stderr, "usage: %s [-l] [-t HANG_SECONDS] [TEST...]\n",
				argv[0]);
			return 1;
		}
	}
	argv += optind;
	for (i = 0; i < count; i++)
		planned += is_chosen(&tests[i], argv);
	if (!planned) {
		fprintf(stderr, "no such test; -l lists them\n");
		return 1;
	}
	ktap_plan(planned);
	for (i = 0; i < count; i++) {
		if (!is_chosen(&tests[i], argv))
			continue;
		if (tests[i].skip)
			ktap_skip(tests[i].name, tests[i].skip);
		else
			ktap_result(ktap_run(tests[i].name, run_named_test,
					     &tests[i]), "%s", tests[i].name);
	}
	return ktap_exit();
}

#endif
