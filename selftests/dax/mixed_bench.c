// SPDX-License-Identifier: GPL-2.0
/*
 * What does it cost to keep write(2) and faults for stores apart? Some
 * processes work in one file, each in a part of its own: half of what each does
 * is a write(2) of a page that has its block, half is a fault for a store. None
 * of it has to wait for any other, but for the write(2)s among each other.
 *
 * The kernel says, by fs_mmap_lock.old_faults, writers and whole_file, who
 * keeps them apart. Prints one line for each measurement, of "name=value"; the
 * times are in microseconds.
 */
#define _GNU_SOURCE
#include <math.h>

#include "bench.h"

#define PART		(2UL << 20)
#define MOST		64

/* A histogram of times, with 16 steps to a factor of 2, from 1 ns on. */
#define STEPS		16
#define SLOTS		(40 * STEPS)

enum kind { WRITES, FAULTS, KINDS };

static const char *const names[KINDS] = { "write", "fault" };

struct results {
	unsigned long	times[KINDS][SLOTS];
};

struct shared {
	struct gate	gate;
	struct results	results[MOST];
};

static uint64_t nanoseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

/* Nearly logarithmic: the leading bit, and the four bits behind it. */
static unsigned int slot(uint64_t time)
{
	unsigned int bit;

	if (time < STEPS)
		return time;
	bit = 63 - __builtin_clzll(time);
	if (bit > 38)
		return SLOTS - 1;
	return (bit - 3) * STEPS + (time >> (bit - 4)) % STEPS;
}

/* The least time that belongs to it. */
static double slot_time(unsigned int slot)
{
	unsigned int bit = slot / STEPS + 3;

	return slot < STEPS ? slot : ldexp(STEPS + slot % STEPS, bit - 4);
}

static double percentile(const unsigned long *times, double fraction)
{
	unsigned long all = 0, seen = 0;
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		all += times[i];
	for (i = 0; i < SLOTS; i++) {
		seen += times[i];
		if (seen && seen >= fraction * all)
			return slot_time(i) / 1000;
	}
	return 0;
}

static void work(int fd, int number, struct shared *shared)
{
	char *map = map_file(fd, (number + 1) * PART, MAP_SHARED, false);
	struct results *results = &shared->results[number];
	static char page[PAGE];
	uint64_t random = number + 1, begin;

	if (!map)
		err(2, "mmap");
	map += number * PART;
	run_on(number % 2);
	wait_to_go(&shared->gate);
	while (!atomic_load(&shared->gate.stop)) {
		size_t offset = next_random(&random) % PART & -PAGE;
		enum kind kind = random >> 40 & 1;

		if (kind == FAULTS &&
		    madvise(map + offset, PAGE, MADV_DONTNEED))
			err(2, "madvise");
		begin = nanoseconds();
		if (kind == FAULTS)
			*(volatile char *)(map + offset) = 1;
		else if (pwrite(fd, page, PAGE, number * PART + offset) != PAGE)
			err(2, "pwrite");
		results->times[kind][slot(nanoseconds() - begin)]++;
	}
}

static void measure(const char *directory, const char *label, const char *fs,
		    unsigned int round, int processes, double seconds)
{
	struct shared *shared = shared_memory(sizeof(*shared));
	int fd = create_file(directory), i;
	static char block[PART];
	struct results all = { 0 };
	pid_t children[MOST];
	double begin, took;
	unsigned int kind, j;

	for (i = 0; i < processes; i++)
		if (pwrite(fd, block, PART, i * PART) != PART)
			err(2, "pwrite");
	fflush(stdout);
	for (i = 0; i < processes; i++) {
		children[i] = fork_worker();
		if (!children[i]) {
			work(fd, i, shared);
			_exit(0);
		}
	}
	let_go(&shared->gate, processes);
	begin = now();
	usleep(seconds * 1e6);
	took = now() - begin;
	wait_for_all(&shared->gate, children, processes);
	printf("mixed_bench kernel=%s fs=%s round=%u processes=%d seconds=%.2f",
	       label, fs, round, processes, took);
	for (kind = 0; kind < KINDS; kind++) {
		unsigned long count = 0;

		for (i = 0; i < processes; i++)
			for (j = 0; j < SLOTS; j++) {
				all.times[kind][j] +=
					shared->results[i].times[kind][j];
				count += shared->results[i].times[kind][j];
			}
		printf(" %ss_per_s=%.0f %s_p50=%.1f %s_p99=%.1f %s_p999=%.1f",
		       names[kind], count / took,
		       names[kind], percentile(all.times[kind], 0.5),
		       names[kind], percentile(all.times[kind], 0.99),
		       names[kind], percentile(all.times[kind], 0.999));
	}
	printf("\n");
	close(fd);
	munmap(shared, sizeof(*shared));
}

static void usage(void)
{
	errx(2, "usage: mixed_bench [-k LABEL] [-r ROUND] [-t SECONDS] DIRECTORY [PROCESSES]...\n"
	     "  -k  who keeps write(2) and faults apart, for the output\n"
	     "  -r  the number of this round, for the output\n"
	     "  -t  how long each measurement takes");
}

int main(int argc, char **argv)
{
	const char *label = "unnamed", *directory;
	char fs[32], device[32];
	unsigned int round = 0;
	double seconds = 2;
	int option;

	while ((option = getopt(argc, argv, "k:r:t:")) != -1) {
		switch (option) {
		case 'k':
			label = optarg;
			break;
		case 'r':
			round = atoi(optarg);
			break;
		case 't':
			seconds = atof(optarg);
			break;
		default:
			usage();
		}
	}
	if (argc - optind < 2 || seconds <= 0)
		usage();
	directory = argv[optind++];
	describe_fs(directory, fs, device);
	for (; optind < argc; optind++) {
		int processes = atoi(argv[optind]);

		if (processes < 1 || processes > MOST)
			usage();
		measure(directory, label, fs, round, processes, seconds);
	}
	return 0;
}
