// SPDX-License-Identifier: GPL-2.0
/* Who has to wait for whom: pinned pages, frozen and full file systems. */
#define _GNU_SOURCE
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <linux/fs.h>
#include <linux/loop.h>

#include "dax_test.h"

/*
 * A page that vmsplice() keeps pinned in a pipe, as direct I/O and RDMA pin
 * theirs: its block must not be freed before the pipe has been emptied.
 *
 * The argument WRITE is for that alone. Any other operation comes first, on
 * another page of the same huge entry, while a mapping by PTEs shows the page.
 * It deletes the entry as a whole, so it has to unmap all of its pages: else
 * this one is mapped without an entry, can be pinned without a fault, and
 * nothing that frees it later finds it busy.
 */
struct pin_test {
	int		fd;
	size_t		offset;
	atomic_bool	emptied;
	atomic_bool	too_early;
};

static void *punch_pinned(void *argument)
{
	struct pin_test *test = argument;

	if (fallocate(test->fd, operations[PUNCH].mode, test->offset, PAGE))
		failed("punch: %s", strerror(errno));
	if (!atomic_load(&test->emptied))
		atomic_store(&test->too_early, true);
	return NULL;
}

/* Remove something else than @offset. */
static void remove_neighbour(const struct pin_test *test,
			     enum operation operation)
{
	if (operation == TRUNCATE)
		resize(test->fd, HUGE - PAGE);
	else if (fallocate(test->fd, operations[operation].mode,
			   (test->offset + HUGE / 2) % HUGE, PAGE))
		err(2, "fallocate");
}

void pinned(const struct point *point)
{
	const enum operation first = point->argument;
	const size_t size = point->huge ? HUGE : 16 * PAGE;
	struct pin_test test = { .fd = create_file(directory) };
	char *map, *small, *block = malloc(size), got[PAGE];
	struct iovec vector = { .iov_len = PAGE };
	pthread_t thread;
	int pipes[2], rounds = 0, i;

	if (!has_fallocate(test.fd, PUNCH) ||
	    (first == ZERO && !has_fallocate(test.fd, ZERO)))
		skip("%s has no punch or zero-range", fs_type);
	if (pipe(pipes))
		err(2, "pipe");
	for (i = 0; i < 8 && !atomic_load(&stop); i++) {
		resize(test.fd, 0);
		map = map_file(test.fd, size, MAP_SHARED, point->huge);
		small = map_file(test.fd, size, MAP_SHARED, false);
		if (!map || !small || fsync(test.fd) || fallocate(test.fd, 0, 0, size))
			err(2, "mmap, fsync or fallocate");
		memset(block, 'a' + i, size);
		write_at(test.fd, block, size, 0);
		/* What was freed may come back in pieces. */
		if (point->huge && !mapped_huge(map))
			continue;
		rounds++;
		test.offset = (i * 37 % (size / PAGE)) * PAGE;
		test.emptied = false;
		vector.iov_base = map + test.offset;
		if (first != WRITE) {
			vector.iov_base = small + test.offset;
			load(vector.iov_base);
			remove_neighbour(&test, first);
		}
		if (vmsplice(pipes[1], &vector, 1, 0) != PAGE)
			err(2, "vmsplice");
		thread = start(punch_pinned, &test);
		/* Time to go wrong; a correct kernel is not hurried by it. */
		usleep(100000);
		atomic_store(&test.emptied, true);
		if (read(pipes[0], got, PAGE) != PAGE)
			err(2, "read from the pipe");
		pthread_join(thread, NULL);
		if (test.too_early)
			failed("the punch did not wait for the pinned page");
		else if (memcmp(got, block, PAGE))
			failed("the pinned page has changed in the pipe");
		else if (load(map + test.offset))
			failed("the page is there after the punch");
		munmap(map, size);
		munmap(small, size);
	}
	if (!rounds)
		skip_huge();
	note("%s: %d pages were pinned", point->name, rounds);
}

/*
 * O_DIRECT read(2) from a block device into a DAX mapping, during punch. The
 * source is a loop device, as its worker completes requests later on.
 */
static const char *open_loop(size_t size, int *fd)
{
	struct loop_info64 info = { .lo_flags = LO_FLAGS_AUTOCLEAR };
	char path[32], *block = malloc(size);
	int control, file, number, loop;

	control = open("/dev/loop-control", O_RDWR);
	if (control < 0)
		return "cannot open /dev/loop-control";
	number = ioctl(control, LOOP_CTL_GET_FREE);
	close(control);
	snprintf(path, sizeof(path), "/dev/loop%d", number);
	loop = open(path, O_RDWR);
	file = memfd_create("source", 0);
	if (number < 0 || loop < 0 || file < 0)
		return "no loop device, or no memfd_create()";
	memset(block, 's', size);
	write_at(file, block, size, 0);
	free(block);
	if (ioctl(loop, LOOP_SET_FD, file) ||
	    ioctl(loop, LOOP_SET_STATUS64, &info))
		return "cannot set up a loop device";
	*fd = open(path, O_RDONLY | O_DIRECT);
	close(loop);
	return *fd < 0 ? "cannot open a loop device with O_DIRECT" : NULL;
}

struct direct_test {
	size_t		size;
	char		*map;
	int		source;
	unsigned long	reads;
};

static void *read_direct(void *argument)
{
	struct direct_test *test = argument;
	const size_t length = test->size;

	while (!atomic_load(&stop)) {
		ssize_t done = pread(test->source, test->map, length, 0);

		/* Pages may go between their fault and their pin: EFAULT. */
		if (done < 0 && errno != EFAULT)
			failed("O_DIRECT read: %s", strerror(errno));
		test->reads += done == (ssize_t)length;
	}
	return NULL;
}

void direct(const struct point *point)
{
	const size_t size = point->huge ? HUGE : 64 * PAGE;
	struct direct_test test = { .size = size };
	char *block = malloc(size);
	uint64_t random = seed | 1;
	unsigned long punches = 0;
	const char *reason;
	pthread_t thread;
	double until;
	size_t i;
	int fd;

	fd = create_file(directory);
	if (!has_fallocate(fd, PUNCH))
		skip("%s has no punch", fs_type);
	reason = open_loop(size, &test.source);
	if (reason)
		skip("%s", reason);
	resize(fd, 0);
	if (fallocate(fd, 0, 0, size))
		err(2, "fallocate");
	test.map = map_file(fd, size, MAP_SHARED, point->huge);
	if (!test.map)
		err(2, "mmap");
	memset(block, 's', size);
	write_at(fd, block, size, 0);
	if (point->huge && !mapped_huge(test.map))
		skip_huge();
	thread = start(read_direct, &test);
	until = deadline();
	do {
		size_t from = next_random(&random) % size & -PAGE;
		size_t length = PAGE << (random >> 32) % 5;

		if (random & 1 << 20) {
			from = 0;
			length = size;
		}
		if (fallocate(fd, operations[PUNCH].mode, from, length))
			failed("punch: %s", strerror(errno));
		punches++;
		for (i = from; i < from + length && i < size; i += PAGE) {
			uint64_t word = load(test.map + i);

			if (word && memcmp(&word, block, 8))
				failed("word at %zu is %#" PRIx64, i, word);
		}
	} while (!time_is_up(until));
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	if (read_at(fd, block, size, 0) != size || memcmp(block, test.map, size))
		failed("the mapping and read(2) differ");
	note("%s: %lu whole reads, %lu punches", point->name, test.reads,
	     punches);
	if (!test.reads)
		failed("no read came through");
}

/*
 * FIFREEZE against faults: nothing may change while the file system is frozen,
 * and everybody goes on afterwards.
 */
struct freezer {
	int		fd;
	char		*map;
	atomic_ulong	done[3];
};

static void *store_always(void *argument)
{
	struct freezer *freezer = argument;
	uint64_t random = seed * 5 | 1;

	while (!atomic_load(&stop)) {
		size_t page = next_random(&random) % 16 * PAGE;

		if (random & 1 << 20)
			madvise(freezer->map + page, PAGE, MADV_DONTNEED);
		store(freezer->map + page, random);
		freezer->done[0]++;
	}
	return NULL;
}

static void *load_always(void *argument)
{
	struct freezer *freezer = argument;
	uint64_t random = seed * 7 | 1;

	while (!atomic_load(&stop)) {
		load(freezer->map + next_random(&random) % 16 * PAGE);
		freezer->done[1]++;
	}
	return NULL;
}

static void *truncate_always(void *argument)
{
	struct freezer *freezer = argument;
	uint64_t random = seed * 11 | 1;

	while (!atomic_load(&stop)) {
		resize(freezer->fd, next_random(&random) % (8 * PAGE));
		resize(freezer->fd, 16 * PAGE);
		freezer->done[2]++;
	}
	return NULL;
}

void freeze(const struct point *point)
{
	struct freezer freezer = { 0 };
	void *(*const threads[3])(void *) = {
		store_always, load_always, truncate_always
	};
	static char first[16 * PAGE], second[16 * PAGE];
	int top = open(directory, O_RDONLY | O_DIRECTORY), fd, i;
	unsigned long rounds = 0;
	pthread_t thread[3];
	double until;

	fd = freezer.fd = create_file(directory);
	resize(fd, 16 * PAGE);
	freezer.map = map_file(fd, 16 * PAGE, MAP_SHARED, false);
	if (!freezer.map)
		err(2, "mmap");
	if (ioctl(top, FIFREEZE, 0))
		skip("FIFREEZE: %s", strerror(errno));
	ioctl(top, FITHAW, 0);
	for (i = 0; i < 3; i++)
		thread[i] = start(threads[i], &freezer);
	until = deadline();
	do {
		unsigned long before[3];
		size_t length;

		if (ioctl(top, FIFREEZE, 0))
			err(2, "FIFREEZE");
		length = read_at(fd, first, sizeof(first), 0);
		usleep(20000);
		if (read_at(fd, second, sizeof(second), 0) != length ||
		    memcmp(first, second, length))
			failed("the file changed while it was frozen");
		for (i = 0; i < 3; i++)
			before[i] = freezer.done[i];
		if (ioctl(top, FITHAW, 0))
			err(2, "FITHAW");
		/* Only the parent knows when this takes too long. */
		for (i = 0; i < 3; i++)
			while (freezer.done[i] <= before[i] + 1 &&
			       !atomic_load(&stop))
				usleep(100);
		rounds++;
	} while (!time_is_up(until));
	atomic_store(&stop, true);
	for (i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	note("%s: frozen %lu times beside %lu stores, %lu loads, %lu truncations",
	     point->name, rounds, freezer.done[0], freezer.done[1],
	     freezer.done[2]);
}

/*
 * No space: faults on holes end in SIGBUS, nothing else changes, and as soon
 * as there is space they succeed.
 */
struct full_fs {
	int	filler;
	off_t	filled;
};

static void *give_back(void *argument)
{
	struct full_fs *full = argument;

	while (!atomic_load(&stop) && full->filled > 0) {
		full->filled -= full->filled < 1 << 20 ? full->filled : 1 << 20;
		resize(full->filler, full->filled);
		usleep(5000);
	}
	return NULL;
}

static void fill_up(struct full_fs *full)
{
	size_t step = 16 << 20;
	char *block = calloc(1, step);
	bool by_write = false;

	while (step >= PAGE) {
		int status = 0;

		if (!by_write && fallocate(full->filler, 0, full->filled, step)) {
			status = errno;
			by_write = status == EOPNOTSUPP;
			if (by_write)
				continue;
		} else if (by_write) {
			ssize_t done = pwrite(full->filler, block, step,
					      full->filled);

			status = done < 0 ? errno : 0;
			if (done > 0 && done < (ssize_t)step)
				full->filled -= step - done;
		}
		if (!status)
			full->filled += step;
		else if (status == ENOSPC)
			step /= 2;
		else
			errx(2, "filling up: %s", strerror(status));
	}
	free(block);
}

void no_space(const struct point *point)
{
	const size_t pages = 1024;
	struct full_fs full = { .filler = create_file(directory) };
	unsigned long signals = 0, page, before;
	char *map, *got = malloc(pages * PAGE);
	struct statvfs space;
	pthread_t thread;
	int fd;

	if (fstatvfs(full.filler, &space) ||
	    space.f_bavail * space.f_frsize > 2ULL << 30)
		skip("more than 2 GiB are free: too much to fill");
	fd = create_file(directory);
	resize(fd, pages * PAGE);
	map = map_file(fd, pages * PAGE, MAP_SHARED, false);
	if (!map)
		err(2, "mmap");
	for (page = 0; page < 16; page++)
		store(map + page * PAGE, page + 1);
	fill_up(&full);

	while (page < pages && store(map + page * PAGE, page + 1))
		page++;
	before = page;
	if (page == pages)
		failed("%zu pages were stored into a full file system", pages);
	/* As much of it as there is; what it writes, everybody must see. */
	memset(got, 0xff, 64 * PAGE);
	if (pwrite(fd, got, 64 * PAGE, (pages - 64) * PAGE) < 0 &&
	    errno != ENOSPC)
		failed("write(2): %s", strerror(errno));
	read_at(fd, got, pages * PAGE, 0);
	if (memcmp(got, map, pages * PAGE))
		failed("the mapping and read(2) differ when there is no space");

	thread = start(give_back, &full);
	while (page < pages && !atomic_load(&stop)) {
		if (store(map + page * PAGE, page + 1))
			page++;
		else
			signals++;
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	read_at(fd, got, pages * PAGE, 0);
	for (page = 0; page < pages; page++)
		if (*(uint64_t *)(got + page * PAGE) != page + 1) {
			failed("page %lu is not in the file", page);
			break;
		}
	note("%s: full after %lu pages, then %lu times SIGBUS until all were stored",
	     point->name, before, signals + 1);
}
