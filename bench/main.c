// SPDX-License-Identifier: LGPL-2.1-or-later
/* The command line of the benchmark. */
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <range_lock.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#define MAX_CASES	4096

#ifdef __clang__
#define COMPILER	__VERSION__ " " BENCH_CFLAGS
#else
#define COMPILER	"gcc " __VERSION__ " " BENCH_CFLAGS
#endif

static const char usage[] =
	"usage: bench [option]...\n"
	"  --out=FILE        results as JSON (default results.json)\n"
	"  --filter=REGEX    only cases whose workload/contender/threads:N matches\n"
	"  --threads=LIST    numbers of threads (default 1,2,4,8)\n"
	"  --set=NAME        of workloads: main (default) or oversubscribed\n"
	"  --rounds=N        how often each case is measured (default 7)\n"
	"  --length=SEC      of one measurement (default 0.2)\n"
	"  --budget=SEC      stop after a round that ends later (default 440)\n"
	"  --cs=N            rounds of an empty loop in each critical section\n"
	"  --list            print the names of the cases\n"
	"  --help            print this\n"
	"  --verify[=SEC]    check that every contender excludes, SEC seconds each\n";

void die(const char *what)
{
	fprintf(stderr, "bench: %s%s%s\n", what, errno ? ": " : "",
		errno ? strerror(errno) : "");
	exit(1);
}

static double number(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || value < 0) {
		fprintf(stderr, "bench: not a number: %s\n%s", text, usage);
		exit(1);
	}
	return value;
}

static void add_line(const char *key, const char *file, const char *prefix)
{
	char line[512], *value;
	FILE *f = fopen(file, "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, prefix, strlen(prefix)))
			continue;
		value = strchr(line, ':');
		if (!value)
			continue;
		line[strcspn(line, "\n")] = '\0';
		shim_context(key, value + 1 + strspn(value + 1, " \t"));
		break;
	}
	if (f)
		fclose(f);
}

static void add_number(const char *key, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.0f", value);
	shim_context(key, text);
}

/* The machine and what the report needs to know, so that it repeats nothing. */
static void add_context(enum set set)
{
	const struct contender *const *c;
	const struct workload *w;
	struct timespec tick;
	struct utsname uts;
	char key[128];

	add_line("cpu_model", "/proc/cpuinfo", "model name");
	if (!uname(&uts))
		shim_context("kernel", uts.release);
	shim_context("compiler", COMPILER);
	/* The coarse clock advances once in a tick of the scheduler. */
	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	add_number("tick_us", tick.tv_nsec / 1e3);
	add_number("bound_us", RANGE_LOCK_BOUND_NS / 1e3);
	for (w = workloads; w->name; w++) {
		if (w->set != set)
			continue;
		snprintf(key, sizeof(key), "workload %s", w->name);
		shim_context(key, w->what);
	}
	for (c = contenders; *c; c++) {
		if ((*c)->variant && set != SET_OVERSUBSCRIBED)
			continue;
		snprintf(key, sizeof(key), "contender %s", (*c)->name);
		shim_context(key, (*c)->what);
		snprintf(key, sizeof(key), "request %s", (*c)->name);
		add_number(key, (*c)->request_size);
		if ((*c)->exclusive) {
			snprintf(key, sizeof(key), "exclusive %s", (*c)->name);
			shim_context(key, "readers exclude each other");
		}
		for (w = workloads; w->name; w++) {
			snprintf(key, sizeof(key), "skip %s %s", w->name,
				 (*c)->name);
			if (w->set == set && case_wanted(w, *c) &&
			    case_skipped(w, *c))
				shim_context(key, case_skipped(w, *c));
		}
	}
}

static size_t add_cases(struct bench_case *cases, const struct workload *w,
			unsigned int threads, const regex_t *filter)
{
	const struct contender *const *c;
	struct bench_case *bc = cases;
	char section[32] = "", name[128];

	if (critical_section)
		snprintf(section, sizeof(section), ":cs=%u", critical_section);
	for (c = contenders; *c; c++) {
		snprintf(bc->name, sizeof(bc->name), "%s%s/%s", w->name,
			 section, (*c)->name);
		snprintf(name, sizeof(name), "%s/threads:%u", bc->name, threads);
		if (!case_wanted(w, *c) || case_skipped(w, *c) || regexec(filter, name, 0, NULL, 0))
			continue;
		bc->workload = w;
		bc->contender = *c;
		bc->threads = threads;
		bc++;
	}
	return bc - cases;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "out", required_argument, NULL, 'o' },
		{ "filter", required_argument, NULL, 'f' },
		{ "threads", required_argument, NULL, 't' },
		{ "set", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "length", required_argument, NULL, 'L' },
		{ "budget", required_argument, NULL, 'b' },
		{ "cs", required_argument, NULL, 'c' },
		{ "list", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ "verify", optional_argument, NULL, 'v' },
		{ .name = NULL }
	};
	struct bench_options options = {
		.out = "results.json", .rounds = 7, .length = 0.2, .budget = 440,
	};
	static struct bench_case cases[MAX_CASES];
	unsigned int threads[32] = { 1, 2, 4, 8 }, nr_threads = 4, t;
	const char *pattern = ".";
	const struct workload *w;
	size_t nr = 0, i;
	enum set set = SET_MAIN;
	bool list = false;
	regex_t filter;
	char *word;
	int opt;

	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (opt) {
		case 'o':
			options.out = optarg;
			break;
		case 'f':
			pattern = optarg;
			break;
		case 't':
			nr_threads = 0;
			for (word = strtok(optarg, ","); word && nr_threads < 32;
			     word = strtok(NULL, ","))
				threads[nr_threads++] = number(word);
			break;
		case 's':
			if (!strcmp(optarg, "oversubscribed")) {
				set = SET_OVERSUBSCRIBED;
			} else if (strcmp(optarg, "main")) {
				fputs(usage, stderr);
				return 1;
			}
			break;
		case 'r':
			options.rounds = number(optarg);
			break;
		case 'L':
			options.length = number(optarg);
			break;
		case 'b':
			options.budget = number(optarg);
			break;
		case 'c':
			critical_section = number(optarg);
			break;
		case 'l':
			list = true;
			break;
		case 'v':
			return verify(optarg ? number(optarg) : 1);
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 1;
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return 1;
	}

	errno = 0;
	if (regcomp(&filter, pattern, REG_EXTENDED | REG_NOSUB))
		die("--filter is not a regular expression");
	for (t = 0; t < nr_threads; t++)
		if (threads[t] < 1 || threads[t] > 1024)
			die("--threads: from 1 to 1024 of them");
	for (w = workloads; w->name; w++) {
		if (w->set != set)
			continue;
		for (t = 0; t < (w->threads ? 1 : nr_threads); t++)
			if (!w->max_threads || threads[t] <= w->max_threads)
				nr += add_cases(cases + nr, w,
						w->threads ? w->threads :
							     threads[t],
						&filter);
	}
	regfree(&filter);

	errno = 0;
	if (!nr)
		die("no case matches");
	if (list) {
		for (i = 0; i < nr; i++)
			printf("%s/threads:%u\n", cases[i].name, cases[i].threads);
		return 0;
	}
	add_context(set);
	fprintf(stderr, "bench: %zu cases\n", nr);
	return shim_run(cases, nr, &options);
}
