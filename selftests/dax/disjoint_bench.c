// SPDX-License-Identifier: GPL-2.0
/*
 * How much do page faults in one half of a file suffer from work in the other
 * half? Two processes on a CPU each, so that they share nothing but the file:
 *
 * - one faults in the pages of the first half, 4 KiB each, with a store;
 * - the other works in the second half (struct work, below), 64 KiB at a time,
 *   or does nothing.
 *
 * The same with the second process on another file is the ceiling: whatever
 * both share then is not the lock of a file. Every combination is measured once
 * in each round, in another order each time, for comparison within the round.
 *
 * Prints one line for each measurement, of "name=value".
 */
#define _GNU_SOURCE
#include <errno.h>

#include "bench.h"

#define HALF_FILE	(4UL << 20)
#define BLOCK		(64UL << 10)

/* Pages for which the entries are dropped by one system call. */
#define BATCH		256UL

struct counters {
	struct gate	gate;
	atomic_ulong	faults, works;
	atomic_int	error;		/* of the work */
};

static char block[BLOCK];

static int zero(int fd, off_t offset)
{
	return fallocate(fd, FALLOC_FL_ZERO_RANGE, offset, BLOCK);
}

/* At the tail, down and up again. */
static int truncation(int fd, off_t offset)
{
	(void)offset;
	if (ftruncate(fd, 2 * HALF_FILE - BLOCK))
		return -1;
	return ftruncate(fd, 2 * HALF_FILE);
}

static int punch(int fd, off_t offset)
{
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
		      BLOCK))
		return -1;
	return pwrite(fd, block, BLOCK, offset) == BLOCK ? 0 : -1;
}

static int overwrite(int fd, off_t offset)
{
	return pwrite(fd, block, BLOCK, offset) == BLOCK ? 0 : -1;
}

static const struct work {
	const char	*name;
	int		(*do_it)(int fd, off_t offset);
} works[] = {
	{ "none", NULL },
	{ "zero", zero },
	{ "truncate", truncation },
	{ "punch", punch },
	{ "pwrite", overwrite },
};

#define WORKS (sizeof(works) / sizeof(*works))

static void fault_in(int fd, struct counters *counters)
{
	char *map = map_file(fd, HALF_FILE, MAP_SHARED, false);
	unsigned long page = 0, i;

	if (!map)
		err(2, "mmap");
	run_on(0);
	wait_to_go(&counters->gate);
	while (!atomic_load(&counters->gate.stop)) {
		char *batch = map + page * PAGE;

		if (madvise(batch, BATCH * PAGE, MADV_DONTNEED))
			err(2, "madvise");
		for (i = 0; i < BATCH; i++) {
			*(volatile char *)(batch + i * PAGE) = 1;
			atomic_fetch_add(&counters->faults, 1);
		}
		page = (page + BATCH) % (HALF_FILE / PAGE);
	}
}

static void do_work(int fd, const struct work *work, struct counters *counters)
{
	off_t offset = HALF_FILE;

	run_on(1);
	wait_to_go(&counters->gate);
	while (!atomic_load(&counters->gate.stop)) {
		if (work->do_it(fd, offset)) {
			atomic_store(&counters->error, errno);
			return;
		}
		atomic_fetch_add(&counters->works, 1);
		offset += BLOCK;
		if (offset == 2 * HALF_FILE)
			offset = HALF_FILE;
	}
}

static void fill(int fd)
{
	off_t offset;

	if (ftruncate(fd, 0))
		err(2, "ftruncate");
	for (offset = 0; offset < (off_t)(2 * HALF_FILE); offset += BLOCK)
		if (pwrite(fd, block, BLOCK, offset) != BLOCK)
			err(2, "pwrite");
}

static void measure(const char *directory, const char *label, const char *fs,
		    unsigned int round, const struct work *work,
		    bool other_file, double seconds)
{
	struct counters *counters = shared_memory(sizeof(*counters));
	pid_t children[2];
	double begin, took;
	unsigned long faults, done;
	int fds[2], count = work->do_it ? 2 : 1, i;

	for (i = 0; i < 2; i++) {
		fds[i] = i && !other_file ? fds[0] : create_file(directory);
		fill(fds[i]);
	}
	fflush(stdout);
	for (i = 0; i < count; i++) {
		children[i] = fork_worker();
		if (children[i])
			continue;
		if (i)
			do_work(fds[1], work, counters);
		else
			fault_in(fds[0], counters);
		_exit(0);
	}
	let_go(&counters->gate, count);
	begin = now();
	usleep(seconds * 1e6);
	faults = atomic_load(&counters->faults);
	done = atomic_load(&counters->works);
	took = now() - begin;
	wait_for_all(&counters->gate, children, count);
	printf("disjoint_bench kernel=%s fs=%s round=%u work=%s file=%s ", label,
	       fs, round, work->name, other_file ? "other" : "same");
	if (counters->error)
		printf("error=%d\n", counters->error);
	else
		printf("seconds=%.2f faults_per_s=%.0f works_per_s=%.0f\n", took,
		       faults / took, done / took);
	close(fds[0]);
	if (other_file)
		close(fds[1]);
	munmap(counters, sizeof(*counters));
}

static void usage(void)
{
	errx(2, "usage: disjoint_bench [-k LABEL] [-r ROUNDS] [-t SECONDS] [-o|-s] DIRECTORY [WORK]...\n"
	     "  -k  what kernel this is, for the output\n"
	     "  -t  how long each measurement takes\n"
	     "  -o  --other-file: only with the work on another file\n"
	     "  -s  only with the work on the same file\n"
	     "  WORK: none zero truncate punch pwrite (default: all)");
}

int main(int argc, char **argv)
{
	const char *label = "unnamed", *directory;
	unsigned int rounds = 1, round;
	bool same = true, other = true;
	char fs[32], device[32];
	double seconds = 2;
	int option, chosen = 0;
	size_t i, order[2 * WORKS], measurements = 0;

	if (argc > 1 && !strcmp(argv[1], "--other-file"))
		argv[1] = "-o";
	while ((option = getopt(argc, argv, "k:r:t:os")) != -1) {
		switch (option) {
		case 'k':
			label = optarg;
			break;
		case 'r':
			rounds = atoi(optarg);
			break;
		case 't':
			seconds = atof(optarg);
			break;
		case 'o':
			same = false;
			break;
		case 's':
			other = false;
			break;
		default:
			usage();
		}
	}
	if (optind >= argc || !(same || other) || seconds <= 0)
		usage();
	directory = argv[optind++];
	describe_fs(directory, fs, device);
	for (i = 0; i < WORKS; i++) {
		bool wanted = optind == argc;

		for (option = optind; option < argc; option++)
			wanted |= !strcmp(argv[option], works[i].name);
		if (!wanted)
			continue;
		chosen++;
		if (same || !works[i].do_it)
			order[measurements++] = 2 * i;
		if (other && works[i].do_it)
			order[measurements++] = 2 * i + 1;
	}
	if (optind < argc && chosen != argc - optind)
		usage();
	memset(block, 'w', sizeof(block));
	for (round = 0; round < rounds; round++)
		for (i = 0; i < measurements; i++) {
			size_t next = order[(i + round) % measurements];

			measure(directory, label, fs, round, &works[next / 2],
				next % 2, seconds);
		}
	return 0;
}
