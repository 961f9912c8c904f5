// SPDX-License-Identifier: GPL-2.0
/*
 * Writes files until the machine is cut off, and says afterwards whether they
 * hold anything that they must not, or lack anything that they must have.
 *
 *	crash_writer -f DIRECTORY		all free blocks hold something
 *	crash_writer -w RUN DIRECTORY		write; this does not end
 *	crash_writer -c LOG DIRECTORY		check, and remove the files
 *
 * Each file is written in steps, which follow from the run and the number of
 * the file: at its end, into a hole, or into blocks from fallocate(), of all
 * sizes, aligned or not, from memory that is taken away at random. Every 64
 * bytes of it say which run, file and offset they belong to. So do those of all
 * files before, which the device is full of.
 *
 * What is written into LOG, the standard output of -w, is certain: "synced" is
 * a number of steps that fsync(2) has returned after, "removing" that a file
 * may be gone. Everything else may be there or not, as long as it is zeros or
 * the file's.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>

#include "dax.h"

#define MAGIC		0x5af3c0de0b1ab1a5ULL
#define LINE		sizeof(struct line)
#define MAX_LENGTH	(2UL << 20)
#define FILE_SIZE	(6UL << 20)
#define THREADS		3
#define FILES		2		/* of a thread, at a time */

/* The unit that data is made of. */
struct line {
	uint64_t	magic;
	uint64_t	offset;
	uint32_t	run, file;
	uint64_t	rest[5];
};

struct step {
	size_t		offset, length;
};

/* What the steps of a file are like. */
enum kind { APPEND, HOLE, UNWRITTEN, KINDS };

struct plan {
	uint64_t	random;
	enum kind	kind;
	size_t		at;
};

static const char *directory;
static unsigned int current_run;

static void fill(char *buffer, unsigned int run, unsigned int file,
		 size_t offset, size_t length)
{
	struct line *line = (struct line *)buffer;
	size_t i;

	for (i = 0; i < length / LINE; i++, line++) {
		*line = (struct line){
			.magic = MAGIC, .offset = offset + i * LINE,
			.run = run, .file = file,
		};
		memset(line->rest, 0xa5, sizeof(line->rest));
	}
}

static void begin(struct plan *plan, unsigned int run, unsigned int file)
{
	plan->random = (uint64_t)run << 32 | file << 1 | 1;
	for (int i = 0; i < 8; i++)
		next_random(&plan->random);
	plan->kind = plan->random % KINDS;
	plan->at = 0;
}

/* False if there is none left. */
static bool next_step(struct plan *plan, struct step *step)
{
	static const size_t most[] = { PAGE, PAGE, 16 * PAGE, MAX_LENGTH };
	uint64_t random = next_random(&plan->random);
	size_t length = most[random % 4];

	if (random >> 2 & 1)
		length = 1 + (random >> 8) % length;
	step->length = (length + LINE - 1) & -LINE;
	if (plan->kind == APPEND) {
		step->offset = plan->at;
		plan->at += step->length;
		return plan->at <= FILE_SIZE;
	}
	step->offset = (random >> 32) % FILE_SIZE & -(random >> 3 & 1 ? PAGE : LINE);
	if (step->length > FILE_SIZE - step->offset)
		step->length = FILE_SIZE - step->offset;
	return ++plan->at < 60;
}

static void name_file(char *path, size_t size, unsigned int run,
		      unsigned int file)
{
	snprintf(path, size, "%s/run-%u-file-%u", directory, run, file);
}

/* Takes pages away from a buffer. */
struct thief {
	char		*buffer;
	pthread_t	thread;
};

static void *steal(void *argument)
{
	struct thief *thief = argument;
	uint64_t random = (uintptr_t)thief | 1;

	for (;;) {
		madvise(thief->buffer + (next_random(&random) % MAX_LENGTH & -PAGE),
			PAGE, MADV_DONTNEED);
		usleep(random >> 20 & 1023);
	}
	return NULL;
}

/* A buffer whose pages come from a file, and go when the thief comes. */
static char *create_buffer(void)
{
	int fd = memfd_create("buffer", 0);
	char *buffer;

	if (fd < 0 || ftruncate(fd, MAX_LENGTH))
		err(2, "memfd_create");
	buffer = mmap(NULL, MAX_LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (buffer == MAP_FAILED)
		err(2, "mmap");
	return buffer;
}

static void report(const char *format, unsigned int file, unsigned int steps)
{
	char line[80];
	int length = snprintf(line, sizeof(line), format, current_run, file, steps);

	/* In one piece. */
	if (write(1, line, length) != length)
		_exit(2);
}

static void write_file(unsigned int file, char *buffer)
{
	struct plan plan;
	struct step step;
	char path[4096];
	unsigned int steps = 0;
	int fd;

	name_file(path, sizeof(path), current_run, file);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		err(2, "%s", path);
	begin(&plan, current_run, file);
	if (plan.kind != APPEND && ftruncate(fd, FILE_SIZE))
		err(2, "ftruncate");
	if (plan.kind == UNWRITTEN && fallocate(fd, 0, 0, FILE_SIZE) &&
	    errno != ENOSPC && errno != EOPNOTSUPP)
		err(2, "fallocate");
	while (next_step(&plan, &step)) {
		size_t done = 0;

		fill(buffer, current_run, file, step.offset, step.length);
		while (done < step.length) {
			ssize_t now = pwrite(fd, buffer + done,
					     step.length - done,
					     step.offset + done);

			if (now <= 0 && errno == ENOSPC)
				goto out;
			if (now <= 0)
				err(2, "pwrite");
			done += now;
		}
		steps++;
		if (plan.random >> 40 & 1) {
			if (fsync(fd))
				err(2, "fsync");
			report("synced %u %u %u\n", file, steps);
		}
	}
out:
	close(fd);
}

static void *write_files(void *argument)
{
	unsigned int file = (uintptr_t)argument;
	struct thief thief = { .buffer = create_buffer() };
	char path[4096];

	errno = pthread_create(&thief.thread, NULL, steal, &thief);
	if (errno)
		err(2, "pthread_create");
	for (;; file += THREADS) {
		if (file >= FILES * THREADS) {
			report("removing %u %u %u\n", file - FILES * THREADS, 0);
			name_file(path, sizeof(path), current_run,
				  file - FILES * THREADS);
			if (unlink(path))
				err(2, "%s", path);
		}
		write_file(file, thief.buffer);
	}
	return NULL;
}

/* Commits, all the time. */
static void *sync_always(void *argument)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY);

	for (;;) {
		if (syncfs(fd))
			err(2, "syncfs");
		usleep(500);
	}
	return argument;
}

static void write_until_cut(void)
{
	pthread_t thread;
	uintptr_t i;

	for (i = 0; i < THREADS; i++) {
		errno = pthread_create(&thread, NULL, write_files, (void *)i);
		if (errno)
			err(2, "pthread_create");
	}
	sync_always(NULL);
}

/* Until there is no space; the blocks keep what is in them. */
static void fill_device(void)
{
	char *buffer = malloc(1 << 20), path[4096];
	size_t offset = 0;
	ssize_t done;
	int fd;

	snprintf(path, sizeof(path), "%s/filler", directory);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		err(2, "%s", path);
	do {
		fill(buffer, 0, 0, offset, 1 << 20);
		done = pwrite(fd, buffer, 1 << 20, offset);
		offset += 1 << 20;
	} while (done > 0);
	printf("# %zu MB filled\n", offset >> 20);
	if (fsync(fd) || unlink(path))
		err(2, "%s", path);
	close(fd);
}

/* What the log says of a file. */
struct claim {
	unsigned int	steps;
	bool		removed, found;
};

#define MAX_FILES	100000
static struct claim claims[MAX_FILES];
static unsigned int claimed_run;

static void read_log(const char *path)
{
	FILE *log = fopen(path, "r");
	unsigned int run, file, steps;
	char line[256], end;

	if (!log)
		err(2, "%s", path);
	while (fgets(line, sizeof(line), log)) {
		/* The last line may lack its end. */
		if (sscanf(line, "synced %u %u %u%c", &run, &file, &steps, &end) == 4 &&
		    end == '\n' && file < MAX_FILES)
			claims[file].steps = steps;
		else if (sscanf(line, "removing %u %u %u%c", &run, &file, &steps, &end) == 4 &&
			 end == '\n' && file < MAX_FILES)
			claims[file].removed = true;
		else
			continue;
		claimed_run = run;
	}
	fclose(log);
}

static unsigned long failures, zeros, lines;

__attribute__((format(printf, 3, 4)))
static void wrong(unsigned int run, unsigned int file, const char *format, ...)
{
	va_list args;

	if (failures++ > 20)
		return;
	printf("# run %u file %u: ", run, file);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

static bool is_zero(const struct line *line)
{
	static const struct line zero;

	return !memcmp(line, &zero, LINE);
}

static void check_file(unsigned int run, unsigned int file)
{
	struct claim none = { 0 }, *claim = &none;
	char path[4096], *data = NULL;
	struct plan plan;
	struct step step;
	struct line due;
	unsigned int steps;
	size_t size, i;
	ssize_t done;
	int fd;

	if (run == claimed_run && file < MAX_FILES)
		claim = &claims[file];
	claim->found = true;
	name_file(path, sizeof(path), run, file);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		err(2, "%s", path);
	size = lseek(fd, 0, SEEK_END);
	data = calloc(1, size + LINE);
	for (i = 0; i < size; i += done) {
		done = pread(fd, data + i, size - i, i);
		if (done <= 0)
			err(2, "%s", path);
	}
	close(fd);
	for (i = 0; i < size; i += LINE) {
		struct line *line = (struct line *)(data + i);

		lines++;
		fill((char *)&due, run, file, i, LINE);
		if (is_zero(line))
			zeros++;
		else if (memcmp(line, &due, size - i < LINE ? size - i : LINE))
			wrong(run, file, "offset %zu of %zu: %s of run %u file %u offset %" PRIu64,
			      i, size, line->magic == MAGIC ? "data" : "garbage",
			      line->run, line->file, line->offset);
	}
	begin(&plan, run, file);
	for (steps = 0; steps < claim->steps && next_step(&plan, &step); steps++) {
		if (size < step.offset + step.length) {
			wrong(run, file, "size %zu, although step %u of %u was synced",
			      size, steps + 1, claim->steps);
			continue;
		}
		for (i = 0; i < step.length; i += LINE)
			if (is_zero((struct line *)(data + step.offset + i))) {
				wrong(run, file, "offset %zu is lost, step %u of %u was synced",
				      step.offset + i, steps + 1, claim->steps);
				break;
			}
	}
	free(data);
}

static void check_all(const char *log)
{
	unsigned int run, file, files = 0, synced = 0;
	struct dirent *entry;
	DIR *dir;

	read_log(log);
	dir = opendir(directory);
	if (!dir)
		err(2, "%s", directory);
	while ((entry = readdir(dir)))
		if (sscanf(entry->d_name, "run-%u-file-%u", &run, &file) == 2) {
			check_file(run, file);
			files++;
		}
	rewinddir(dir);
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "run-", 4))
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	for (file = 0; file < MAX_FILES; file++) {
		synced += claims[file].steps;
		if (claims[file].steps && !claims[file].removed &&
		    !claims[file].found)
			wrong(claimed_run, file, "is gone, %u steps were synced",
			      claims[file].steps);
	}
	printf("# %u files, %lu KB, %lu of it zeros; %u steps were synced: %lu wrong\n",
	       files, lines * LINE >> 10, zeros * LINE >> 10, synced, failures);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "-f") && argc == 3) {
		directory = argv[2];
		fill_device();
	} else if (!strcmp(what, "-w") && argc == 4) {
		current_run = atoi(argv[2]);
		directory = argv[3];
		write_until_cut();
	} else if (!strcmp(what, "-c") && argc == 4) {
		directory = argv[3];
		check_all(argv[2]);
		return failures ? 1 : 0;
	} else {
		errx(2, "usage: crash_writer {-f | -w RUN | -c LOG} DIRECTORY");
	}
	return 0;
}
