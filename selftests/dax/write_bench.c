// SPDX-License-Identifier: GPL-2.0
/*
 * How fast is write(2), where it has to allocate blocks and where it does not?
 * In each round, and for each size of a write, a file is
 *
 *   append	written from its beginning, so that it grows;
 *   overwrite	written again;
 *   hole	cut off, made as long as it was, and written;
 *   unwritten	the same, with blocks from fallocate().
 *
 * fsync(2) is not in the time, unless -f.
 *
 * If the kernel has fs_mmap_lock.zero_first, each round is run with each of its
 * values, one after the other and in another order each time: 1 is to zero
 * blocks before write(2) fills them. Prints a line of "name=value" for each
 * measurement, and at the end medians, and the medians of the ratios within
 * the rounds.
 */
#define _GNU_SOURCE
#include <errno.h>

#include "dax.h"

#define PARAMETER	"/sys/module/fs_mmap_lock/parameters/zero_first"
#define MAX_ROUNDS	101

enum kind { APPEND, OVERWRITE, HOLE, UNWRITTEN, KINDS };
static const char *const kinds[] = { "append", "overwrite", "hole", "unwritten" };

static const size_t sizes[] = { 4 << 10, 64 << 10, 1 << 20 };
#define SIZES		(sizeof(sizes) / sizeof(*sizes))

/* MB/s of each round. */
static double speed[2][SIZES][KINDS][MAX_ROUNDS];

static const char *kernel = "unnamed";
static size_t total = 32 << 20;
static bool with_fsync;

static double measure(int fd, const char *buffer, size_t size, size_t length)
{
	double begun = now(), taken;
	size_t offset;

	for (offset = 0; offset < length; offset += size)
		if (pwrite(fd, buffer, size, offset) != (ssize_t)size)
			err(2, "pwrite");
	if (with_fsync && fsync(fd))
		err(2, "fsync");
	taken = now() - begun;
	if (fsync(fd))
		err(2, "fsync");
	return length / taken / 1e6;
}

static void run(const char *directory, unsigned int round,
		unsigned int setting, unsigned int size, char *buffer)
{
	/* What takes about as long for each size. */
	size_t length = size ? total : total / 4;
	int fd = create_file(directory), kind;
	double *result;

	for (kind = 0; kind < KINDS; kind++) {
		if (kind >= HOLE &&
		    (ftruncate(fd, 0) || ftruncate(fd, length)))
			err(2, "ftruncate");
		if (kind == UNWRITTEN && fallocate(fd, 0, 0, length) &&
		    errno != EOPNOTSUPP)
			err(2, "fallocate");
		/* And commits what was cut off, so that it can be used again. */
		if (fsync(fd))
			err(2, "fsync");
		result = &speed[setting][size][kind][round];
		*result = measure(fd, buffer, sizes[size], length);
		printf("kernel=%s zero_first=%u round=%u kind=%s size=%zu MB/s=%.1f\n",
		       kernel, setting, round, kinds[kind], sizes[size], *result);
	}
	close(fd);
}

static int compare(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return (difference > 0) - (difference < 0);
}

static double median(const double *values, unsigned int count)
{
	double sorted[MAX_ROUNDS];

	memcpy(sorted, values, count * sizeof(*values));
	qsort(sorted, count, sizeof(*sorted), compare);
	return sorted[count / 2];
}

static void set_parameter(unsigned int value)
{
	int fd = open(PARAMETER, O_WRONLY);

	if (fd < 0 || write(fd, value ? "1" : "0", 1) != 1)
		err(2, PARAMETER);
	close(fd);
}

static void show(unsigned int rounds, unsigned int settings)
{
	double ratio[MAX_ROUNDS];
	unsigned int size, kind, i;

	printf("# medians of %u rounds, MB/s; ratio to that with zero_first\n",
	       rounds);
	for (size = 0; size < SIZES; size++)
		for (kind = 0; kind < KINDS; kind++) {
			double *with = speed[1][size][kind];
			double *without = speed[0][size][kind];

			printf("median kernel=%s kind=%s size=%zu MB/s=%.1f",
			       kernel, kinds[kind], sizes[size],
			       median(without, rounds));
			if (settings > 1) {
				for (i = 0; i < rounds; i++)
					ratio[i] = without[i] / with[i];
				qsort(ratio, rounds, sizeof(*ratio), compare);
				printf(" zero_first=%.1f ratio=%.2f least=%.2f most=%.2f",
				       median(with, rounds),
				       ratio[rounds / 2],
				       ratio[0], ratio[rounds - 1]);
			}
			printf("\n");
		}
}

int main(int argc, char **argv)
{
	unsigned int rounds = 5, settings, i, k, size;
	char *buffer = malloc(sizes[SIZES - 1]);
	char type[32], device[32];
	int option, fd;

	while ((option = getopt(argc, argv, "k:r:m:f")) != -1) {
		switch (option) {
		case 'k':
			kernel = optarg;
			break;
		case 'r':
			rounds = atoi(optarg);
			break;
		case 'm':
			total = (size_t)atoi(optarg) << 20;
			break;
		case 'f':
			with_fsync = true;
			break;
		default:
			optind = argc;
		}
	}
	if (optind != argc - 1 || !rounds || rounds > MAX_ROUNDS || total < 1 << 22)
		errx(2, "usage: write_bench [-k KERNEL] [-r ROUNDS] [-m MB] [-f] DIRECTORY");
	setvbuf(stdout, NULL, _IOLBF, 0);
	describe_fs(argv[optind], type, device);
	settings = access(PARAMETER, W_OK) ? 1 : 2;
	memset(buffer, 'x', sizes[SIZES - 1]);
	printf("# %s on %s, %zu MB%s\n", type, device, total >> 20,
	       with_fsync ? ", with fsync" : "");

	/* Memory that an emulator has not touched yet is slower once. */
	fd = create_file(argv[optind]);
	for (i = 0; pwrite(fd, buffer, 1 << 20, (off_t)i << 20) == 1 << 20; i++)
		;
	close(fd);
	sync();

	for (i = 0; i < rounds; i++)
		for (size = 0; size < SIZES; size++)
			for (k = 0; k < settings; k++) {
				unsigned int setting = settings > 1 ?
						       (i + k) % 2 : 0;

				if (settings > 1)
					set_parameter(setting);
				run(argv[optind], i, setting, size, buffer);
			}
	if (settings > 1)
		set_parameter(0);
	show(rounds, settings);
	return 0;
}
