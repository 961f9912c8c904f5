// SPDX-License-Identifier: GPL-2.0
/*
 * What a write(2) that allocates meets on its way: buffers that have to be
 * faulted in from the file that it changes, from others, or not at all, while
 * the process changes its mappings; and page faults on blocks that are part of
 * the file already, and not filled yet.
 */
#define _GNU_SOURCE
#include "dax_test.h"

#define AREA	(64 * PAGE)
#define AT_ONCE	(16 * PAGE)

struct storm {
	enum buffer_source source;
	int		fd, from_fd;	/* to, from */
	off_t		from_offset;
	char		*from, *to;	/* mappings */
	bool		can_punch;
	atomic_ulong	maps, loads;
};

/* Takes the mmap_lock for write all the time. */
static void *map_and_unmap(void *argument)
{
	struct storm *storm = argument;
	uint64_t random = seed * 13 | 1;

	while (!atomic_load(&stop)) {
		char *map = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_SHARED,
				 random & 1 << 20 ? storm->fd : storm->from_fd, 0);

		if (map == MAP_FAILED)
			err(2, "mmap");
		load(map + next_random(&random) % AREA / 8 * 8);
		munmap(map, AREA);
		storm->maps++;
	}
	return NULL;
}

/* Takes the buffer away, and makes holes that write(2) and faults fill. */
static void *take_away(void *argument)
{
	struct storm *storm = argument;
	uint64_t random = seed * 17 | 1;

	while (!atomic_load(&stop)) {
		off_t offset = next_random(&random) % AREA & -PAGE;

		madvise(storm->from + offset, AREA - offset, MADV_DONTNEED);
		if (random & 1 << 20)
			continue;
		if (storm->can_punch)
			fallocate(storm->fd, operations[PUNCH].mode, offset,
				  ((AREA - offset) / 4 + PAGE - 1) & -PAGE);
		else
			madvise(storm->to + offset, AREA - offset,
				MADV_DONTNEED);
	}
	return NULL;
}

static void *load_what_is_written(void *argument)
{
	struct storm *storm = argument;
	uint64_t random = seed * 19 | 1;

	while (!atomic_load(&stop)) {
		char *at = storm->to + next_random(&random) % AREA / 8 * 8;
		uint64_t value = load(at);

		if (value && value != 0x7373737373737373)
			failed("offset %zd is %#" PRIx64, at - storm->to, value);
		if (random & 1 << 20)
			madvise(storm->to, AREA, MADV_DONTNEED);
		storm->loads++;
	}
	return NULL;
}

/* In one process, so that they all share one mmap_lock. */
void buffer_storm(const struct point *point)
{
	static void *(*const threads[])(void *) = {
		map_and_unmap, take_away, load_what_is_written,
	};
	struct storm storm = { .source = point->argument };
	char *block = malloc(AREA), *got = malloc(AREA);
	uint64_t random = seed | 1;
	unsigned long copies = 0;
	pthread_t thread[3];
	double until;
	size_t i;

	memset(block, 's', AREA);
	storm.fd = create_file(directory);
	storm.can_punch = has_fallocate(storm.fd, PUNCH);
	resize(storm.fd, 0);
	resize(storm.fd, 2 * AREA);
	storm.from_fd = storm.fd;
	if (storm.source == OTHER_RANGE) {
		storm.from_offset = AREA;
	} else if (storm.source == OTHER_FILE) {
		storm.from_fd = create_file(directory);
	} else if (storm.source == OTHER_FS) {
		storm.from_fd = memfd_create("buffer", 0);
		if (storm.from_fd < 0)
			err(2, "memfd_create");
	}
	if (storm.from_fd != storm.fd)
		resize(storm.from_fd, AREA);
	write_at(storm.from_fd, block, AREA, storm.from_offset);
	storm.to = map_file(storm.fd, AREA, MAP_SHARED, false);
	storm.from = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_SHARED,
			  storm.from_fd, storm.from_offset);
	if (!storm.to || storm.from == MAP_FAILED)
		err(2, "mmap");

	for (i = 0; i < 3; i++)
		thread[i] = start(threads[i], &storm);
	until = deadline();
	do {
		size_t at = next_random(&random) % (AREA - AT_ONCE) & -PAGE;
		size_t from = storm.source == SAME_RANGE ? at :
			      (random >> 20) % (AREA - AT_ONCE) & -8;

		write_at(storm.fd, storm.from + from, AT_ONCE, at);
		/* The reverse, too; but it must stay the source of 's'. */
		if (random & 1UL << 40 && storm.source != SAME_RANGE &&
		    pread(storm.from_fd, storm.from + from, AT_ONCE,
			  storm.from_offset + from) < 0)
			err(2, "pread");
		if (storm.source == SAME_RANGE && random & 1UL << 41)
			write_at(storm.fd, block, AT_ONCE, at);
		copies++;
	} while (!time_is_up(until));
	atomic_store(&stop, true);
	for (i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);

	/* Alone, from pages that are not there to blocks that are not. */
	if (storm.source != SAME_RANGE) {
		if (storm.can_punch && fallocate(storm.fd, operations[PUNCH].mode,
						 0, AREA))
			err(2, "fallocate");
		madvise(storm.from, AREA, MADV_DONTNEED);
		write_at(storm.fd, storm.from, AREA, 0);
		if (read_at(storm.fd, got, AREA, 0) != AREA ||
		    memcmp(got, block, AREA))
			failed("read(2) differs");
		else if (memcmp(storm.to, block, AREA))
			failed("the mapping differs");
	}
	note("%s: %lu copies beside %lu mappings and %lu loads", point->name,
	     copies, storm.maps, storm.loads);
}

/*
 * A buffer that ends in the middle of what it shall give, at its first page or
 * at a later one: what comes before is written, nothing of the file changes
 * behind it, and the file does not grow further.
 */
void buffer_ends(const struct point *point)
{
	static const size_t offsets[] = { 0, PAGE, 100, 3 * PAGE + 8 };
	const size_t length = 8 * PAGE;
	char *buffer, *got = malloc(4 * length);
	int fd = create_file(directory), kind;
	size_t at, good, i;
	ssize_t done;

	buffer = mmap(NULL, length, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer == MAP_FAILED)
		err(2, "mmap");
	memset(buffer, 'b', length);
	/* A hole, the end of the file, or blocks. */
	for (kind = 0; kind < 3; kind++)
		for (at = 0; at < 4; at++)
			for (good = 0; good < 8; good += 1 + good) {
				off_t offset = offsets[at];
				size_t due = kind == 1 ? (size_t)offset : 2 * length;
				const char old = kind == 2 ? 'o' : 0;

				resize(fd, 0);
				resize(fd, due);
				if (kind == 2) {
					memset(got, 'o', due);
					write_at(fd, got, due, 0);
				}
				if (mprotect(buffer + good * PAGE,
					     length - good * PAGE, PROT_NONE))
					err(2, "mprotect");
				done = pwrite(fd, buffer, length, offset);
				mprotect(buffer, length, PROT_READ | PROT_WRITE);
				/* It may give up a bit before the first byte that is missing. */
				if (done < 0 ? good && errno == EFAULT :
				    done > (ssize_t)(good * PAGE) ||
				    done + PAGE < good * PAGE)
					failed("kind %d offset %zd: %zd of %zu pages",
					       kind, offset, done, good);
				if (done < 0)
					done = 0;
				if (kind == 1 && done)
					due = offset + done;
				if (lseek(fd, 0, SEEK_END) != (off_t)due)
					failed("kind %d offset %zd: the size is %zd",
					       kind, offset, lseek(fd, 0, SEEK_END));
				if (read_at(fd, got, due, 0) != due)
					failed("a short read");
				for (i = 0; i < due; i++) {
					bool new = i >= (size_t)offset &&
						   i < (size_t)offset + done;
					/* What was copied before it failed may be there. */
					bool tried = i >= (size_t)offset &&
						     i < offset + good * PAGE;

					if (got[i] != (new ? 'b' : old) &&
					    !(tried && got[i] == 'b')) {
						failed("kind %d offset %zd, %zu good: byte %zu is %#x",
						       kind, offset, good, i, got[i]);
						break;
					}
				}
			}
	note("%s: done", point->name);
}

/*
 * Blocks that are the file's and hold what another file left there: nobody may
 * see that. Threads load from a hole while write(2) fills it with blocks that
 * have just been freed.
 */
#define OLD	0x4f4c444f4c444f4cULL
#define NEW	0x4e45574e45574e45ULL

struct unfilled {
	int		fd;
	size_t		size;
	bool		huge;
	atomic_size_t	at, length;	/* of the write(2) under way */
	atomic_ulong	zeros, filled;
};

static void *load_early(void *argument)
{
	struct unfilled *test = argument;
	uint64_t random = (uintptr_t)&random | 1;
	char *map = map_file(test->fd, test->size, MAP_SHARED, test->huge);

	if (!map)
		err(2, "mmap");
	while (!atomic_load(&stop)) {
		size_t at = test->at;
		uint64_t value;

		at += next_random(&random) % test->length / 8 * 8;
		if (at >= test->size)
			continue;
		madvise(map + (at & -HUGE), HUGE, MADV_DONTNEED);
		value = load(map + at);
		if (value == OLD)
			failed("offset %zu shows what the block held before", at);
		else if (value == NEW)
			test->filled++;
		else if (!value)
			test->zeros++;
	}
	return NULL;
}

void unfilled(const struct point *point)
{
	struct unfilled test = {
		.huge = point->huge, .size = 2 * HUGE, .length = PAGE,
	};
	uint64_t *old = malloc(test.size), *new = malloc(test.size);
	static const size_t lengths[] = { PAGE, 16 * PAGE, HUGE, 1000 };
	uint64_t random = seed | 1;
	unsigned long rounds = 0;
	pthread_t thread[2];
	double until;
	size_t i;

	if (!strcmp(fs_type, "ext2"))
		skip("ext2 zeroes blocks before they are the file's");
	/* Invalidation under the ILOCK waits for a fault that waits for that. */
	if (broken && !strcmp(fs_type, "xfs"))
		skip("without the lock XFS deadlocks before anything is seen");
	for (i = 0; i < test.size / 8; i++) {
		old[i] = OLD;
		new[i] = NEW;
	}
	test.fd = create_file(directory);
	for (i = 0; i < 2; i++)
		thread[i] = start(load_early, &test);
	until = deadline();
	do {
		int filler = create_file(directory);
		size_t length = lengths[next_random(&random) % 4], at;

		/* As long as it is not committed, nobody gets the blocks. */
		write_at(filler, old, test.size, 0);
		resize(test.fd, 0);
		if (fsync(filler))
			err(2, "fsync");
		resize(filler, 0);
		if (fsync(filler))
			err(2, "fsync");
		close(filler);
		if (random & 1 << 20)
			resize(test.fd, test.size);
		for (at = 0; at < test.size && !atomic_load(&stop); at += length) {
			if (length > test.size - at)
				length = test.size - at;
			test.length = length;
			test.at = at;
			write_at(test.fd, new, length, at);
		}
		rounds++;
	} while (!time_is_up(until));
	atomic_store(&stop, true);
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	note("%s: %lu rounds, %lu loads of zeros, %lu of data", point->name,
	     rounds, test.zeros, test.filled);
}
