// SPDX-License-Identifier: GPL-2.0
/*
 * Copies: what write(2) and read(2) see of mappings and the reverse, and copies
 * that take page faults on the files that they change.
 */
#define _GNU_SOURCE
#include "dax_test.h"

/* A full file in one piece, and mappings that have no PTEs yet: with PMDs? */
static bool fill_huge(int fd, char **maps, char *model, size_t size)
{
	int i;

	resize(fd, 0);
	if (fsync(fd) || (fallocate(fd, 0, 0, size) && errno != EOPNOTSUPP))
		err(2, "fsync or fallocate");
	memset(model, 1, size);
	write_at(fd, model, size, 0);
	for (i = 0; i < 2; i++)
		if (mmap(maps[i], size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
			err(2, "mmap");
	return mapped_huge(maps[0]);
}

/*
 * One thread, all operations in random order, against a copy in memory: what
 * is stored or written is there for loads and read(2), in two mappings.
 */
void coherence(const struct point *point)
{
	const size_t max = point->huge ? 2 * HUGE : 12 * PAGE;
	char *model = calloc(2, max), *buffer = malloc(max), *maps[2];
	int fd = create_file(directory);
	bool missing[6] = { false };
	uint64_t random = seed | 1;
	double until = deadline() + 3 * seconds;
	size_t size = 0, from, to, i;
	unsigned int step, huge = 0;

	for (i = 0; i < 2; i++) {
		maps[i] = map_file(fd, max, MAP_SHARED, point->huge);
		if (!maps[i])
			err(2, "mmap");
	}
	for (i = PUNCH; i <= INSERT; i++)
		missing[i] = !has_fallocate(fd, i);
	resize(fd, 0);
	for (step = 0; step < 1500 && !time_is_up(until); step++) {
		if (point->huge && step % 50 == 0) {
			huge += fill_huge(fd, maps, model, max);
			if (!huge)
				skip_huge();
			size = max;
		}
		unsigned int operation = next_random(&random) % 9;
		size_t start = (random >> 8) % max;
		size_t length = 1 + (random >> 32) % (6 * PAGE);
		char *map = maps[step % 2];

		if (length > max - start)
			length = max - start;
		if (operation < 6 && missing[operation])
			continue;
		switch (operation) {
		case WRITE:
			memset(buffer, 1 + step % 255, length);
			write_at(fd, buffer, length, start);
			memset(model + start, 1 + step % 255, length);
			if (start + length > size)
				size = start + length;
			break;
		case TRUNCATE:
			resize(fd, start);
			if (start < size)
				memset(model + start, 0, size - start);
			size = start;
			break;
		case PUNCH:
		case ZERO:
			if (start + length > size)
				continue;
			if (fallocate(fd, operations[operation].mode, start,
				      length))
				err(2, "%s", operations[operation].name);
			memset(model + start, 0, length);
			break;
		case COLLAPSE:
		case INSERT:
			start &= -PAGE;
			length = (length + PAGE - 1) & -PAGE;
			if (start + length >= size)
				continue;
			if (operation == INSERT && size + length > max)
				continue;
			if (fallocate(fd, operations[operation].mode, start,
				      length))
				err(2, "%s", operations[operation].name);
			if (operation == COLLAPSE) {
				size -= length;
				memmove(model + start, model + start + length,
					size - start);
				memset(model + size, 0, length);
			} else {
				memmove(model + start + length, model + start,
					size - start);
				memset(model + start, 0, length);
				size += length;
			}
			break;
		default:
			/* Stores are more frequent. */
			if (start + length > size)
				continue;
			memset(map + start, 1 + step % 255, length);
			memset(model + start, 1 + step % 255, length);
		}
		/* All of it; of a big file mostly what is near the change. */
		from = 0;
		to = size;
		if (point->huge && step % 16) {
			from = start & -(64 * PAGE);
			if (from > size)
				from = size;
			if (to > from + 128 * PAGE)
				to = from + 128 * PAGE;
		}
		if (lseek(fd, 0, SEEK_END) != (off_t)size)
			failed("step %u: the size is not %zu", step, size);
		else if (read_at(fd, buffer, to - from, from) != to - from ||
			 memcmp(buffer, model + from, to - from))
			failed("step %u: read(2) differs", step);
		for (i = 0; i < 2 && !atomic_load(&stop); i++)
			if (memcmp(maps[i] + from, model + from, to - from))
				failed("step %u: mapping %zu differs", step, i);
	}
	note("%s: %u steps", point->name, step);
	if (point->huge)
		note("%s: of %u full files, %u were mapped by PMDs",
		     point->name, (step + 49) / 50, huge);
}

/*
 * write(2) and read(2) whose buffer is a mapping of the same file: the copy
 * takes page faults on what the system call is about to change. Meanwhile a
 * thread punches, or cuts off and restores, so that there are faults to take.
 */
struct buffer_test {
	int		fd;
	size_t		size;
	bool		can_punch;
};

static void *make_holes(void *argument)
{
	struct buffer_test *test = argument;
	uint64_t random = seed * 3 | 1;

	while (!atomic_load(&stop)) {
		size_t start = next_random(&random) % test->size & -PAGE;

		if (test->can_punch) {
			fallocate(test->fd, operations[PUNCH].mode, start,
				  4 * PAGE);
		} else {
			resize(test->fd, start);
			resize(test->fd, test->size);
		}
	}
	return NULL;
}

/* True unless the copy met the end of the file, which is where holes come from. */
static bool copy(int fd, bool writing, char *buffer, size_t length, off_t offset)
{
	ssize_t done = writing ? pwrite(fd, buffer, length, offset) :
				 pread(fd, buffer, length, offset);

	if (done < 0 && errno != EFAULT)
		failed("%s: %s", writing ? "write(2)" : "read(2)",
		       strerror(errno));
	return done == (ssize_t)length;
}

void own_buffer(const struct point *point)
{
	const bool writing = point->argument == WRITE;
	const size_t area = point->huge ? HUGE : 32 * PAGE;
	struct buffer_test test = { .size = 2 * area };
	char *map, *block = malloc(area);
	uint64_t random = seed | 1;
	unsigned long copies = 0;
	pthread_t thread;
	double until;
	size_t i;
	int step;

	test.fd = create_file(directory);
	test.can_punch = has_fallocate(test.fd, PUNCH);
	map = map_file(test.fd, test.size, MAP_SHARED, point->huge);
	if (!map)
		err(2, "mmap");

	/* Alone: from blocks or a hole; to blocks, to a hole or to itself. */
	for (step = 0; step < 6; step++) {
		bool from_hole = step & 1, to_blocks = step / 2 == 0;
		size_t from = step / 2 == 2 ? area : 0;
		char due = from_hole ? 0 : 'x';

		resize(test.fd, 0);
		resize(test.fd, test.size);
		if (to_blocks) {
			memset(block, 'y', area);
			write_at(test.fd, block, area, area);
		}
		memset(block, 'x', area);
		if (!from_hole)
			write_at(test.fd, block, area, from);
		if (!copy(test.fd, writing, map + (writing ? from : area), area,
			  writing ? area : from))
			failed("step %d: the copy stopped", step);
		for (i = 0; i < area; i++)
			if (map[area + i] != due) {
				failed("step %d: byte %zu is %d, not %d", step,
				       i, map[area + i], due);
				break;
			}
	}
	if (point->huge) {
		resize(test.fd, 0);
		if (test.can_punch && fallocate(test.fd, 0, 0, test.size))
			err(2, "fallocate");
	}
	write_at(test.fd, block, area, 0);
	write_at(test.fd, block, area, area);
	if (point->huge && !mapped_huge(map))
		skip_huge();

	/* In company: the same range and overlapping ones. */
	thread = start(make_holes, &test);
	until = deadline();
	do {
		size_t start = next_random(&random) % area & -PAGE;
		size_t other = random & 1 << 20 ? start :
			       (start + (random >> 24) % (8 * PAGE)) % area;

		copies += copy(test.fd, writing, map + start, 16 * PAGE, other);
		if (random & 1 << 21)
			write_at(test.fd, block, 16 * PAGE, start);
	} while (!time_is_up(until));
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	resize(test.fd, test.size);
	for (i = 0; i < test.size; i++)
		if (map[i] && map[i] != 'x') {
			failed("byte %zu is %d", i, map[i]);
			break;
		}
	note("%s: %lu whole copies beside a thread that makes holes",
	     point->name, copies);
	if (!copies)
		failed("no copy came through");
}

/*
 * Two processes that copy crosswise: each holds what it takes to write one
 * file while it faults in the same range of the other.
 */
void cross_copy(const struct point *point)
{
	const size_t area = 64 * PAGE;
	uint64_t random = seed | 1;
	unsigned long copies = 0;
	int fd[2], me, status;
	bool can_punch;
	char *map, *block = malloc(area);
	double until;
	pid_t child;
	size_t i;

	for (me = 0; me < 2; me++) {
		fd[me] = create_file(directory);
		can_punch = has_fallocate(fd[me], PUNCH);
		memset(block, 'a' + me, area);
		write_at(fd[me], block, area, 0);
	}
	fflush(stdout);
	child = fork();
	if (child < 0)
		err(2, "fork");
	me = !child;
	random += me;
	map = map_file(fd[!me], area, MAP_SHARED, point->huge);
	if (!map)
		err(2, "mmap");
	until = deadline();
	do {
		size_t start = next_random(&random) % area & -PAGE;
		size_t length = 8 * PAGE;

		if (length > area - start)
			length = area - start;
		if (random >> 20 & 1)
			madvise(map, area, MADV_DONTNEED);
		if (random >> 21 & 1 && can_punch)
			fallocate(fd[me], operations[PUNCH].mode, start, length);
		write_at(fd[me], map + start, length, start);
		if (random >> 22 & 1) {
			memset(block, 'a' + me, length);
			write_at(fd[me], block, length, start);
		}
		copies++;
	} while (!time_is_up(until));
	for (i = 0; i < area; i++)
		if (map[i] && map[i] != 'a' && map[i] != 'b') {
			failed("file %d, byte %zu is %d", !me, i, map[i]);
			break;
		}
	if (!child)
		_exit(0);
	if (waitpid(child, &status, 0) != child || status)
		failed("the other process ended with status %#x", status);
	note("%s: %lu copies by one of two processes", point->name, copies);
}
