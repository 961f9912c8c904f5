// SPDX-License-Identifier: GPL-2.0
/*
 * Page faults on files of a DAX file system against everything that moves
 * their blocks, and the places where a lock over both could deadlock. This file
 * runs the points; the other files that the Makefile lists are the points.
 *
 * Each test point is a process of its own, bounded in time and memory, so that
 * a crash or a hang in one is a result like any other. No point measures time:
 * a point that has not ended HANG_SECONDS after it should have is stuck, or with
 * -e BROKEN_HANG_SECONDS.
 *
 * With -e each point is run once for each path of the kernel whose lock can be
 * taken away (see struct point), and is ok only if corruption was seen. That
 * corrupts the file system, and the kernel may warn about it: make it afresh.
 */
#define _GNU_SOURCE
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <linux/fs.h>

#include "../ktap.h"
#include "dax_test.h"

#define HANG_SECONDS	60
#define BROKEN_HANG_SECONDS	15

/* The kernel's debugging interface; it exists under CONFIG_DEBUG_RANGE_LOCK. */
#define PARAMETERS	"/sys/module/fs_mmap_lock/parameters/"

/*
 * Where the lock is missing on truncate, how long a DAX fault sleeps after it
 * has compared its offset with the file's size: else only a few instructions
 * would be the time for things to go wrong.
 */
#define STRETCH_US	"300"

/* With the old order of steps, how long it sleeps after it has the block. */
#define OLD_FAULT_US	"500"

/* How a point ends, for its parent to see; WRONG is what the oracle says. */
enum result { PASSED, SKIPPED, WRONG, CRASHED };
struct report {
	atomic_int	result;
	atomic_flag	written;
	char		text[400];
};

const char *directory;
char fs_type[32];
unsigned int seconds = 2;
uint64_t seed = 1;
bool write_at_once = true;
atomic_bool stop;

static char fs_device[32];
static char zeroout_path[128], default_zeroout[16];
static unsigned int broken_seconds = 30;
bool broken;
static bool any_fs, unfixed;
static struct report *report;

const struct operation_kind operations[] = {
	[WRITE]		= { "write", 0 },
	[TRUNCATE]	= { "truncate", 0 },
	[PUNCH]		= { "punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE },
	[ZERO]		= { "zero-range", FALLOC_FL_ZERO_RANGE },
	[COLLAPSE]	= { "collapse", FALLOC_FL_COLLAPSE_RANGE },
	[INSERT]	= { "insert", FALLOC_FL_INSERT_RANGE },
	[ALLOCATE]	= { "fallocate", 0 },
};

void failed(const char *format, ...)
{
	va_list args;

	atomic_store(&stop, true);
	if (atomic_flag_test_and_set(&report->written))
		return;
	va_start(args, format);
	vsnprintf(report->text, sizeof(report->text), format, args);
	va_end(args);
	atomic_store(&report->result, WRONG);
}

void skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(report->text, sizeof(report->text), format, args);
	va_end(args);
	atomic_store(&report->result, SKIPPED);
	_exit(0);
}

void note(const char *format, ...)
{
	char line[400];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	printf("# %s\n", line);
}

pthread_t start(void *(*function)(void *), void *argument)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, function, argument);
	if (errno)
		err(2, "pthread_create");
	return thread;
}

bool time_is_up(double until)
{
	return atomic_load(&stop) || now() >= until;
}

double deadline(void)
{
	return now() + (broken ? broken_seconds : seconds);
}

void write_at(int fd, const void *buffer, size_t length, off_t offset)
{
	while (length) {
		ssize_t done = pwrite(fd, buffer, length, offset);

		if (done <= 0)
			err(2, "pwrite");
		buffer = (const char *)buffer + done;
		length -= done;
		offset += done;
	}
}

size_t read_at(int fd, void *buffer, size_t length, off_t offset)
{
	size_t total = 0;

	while (total < length) {
		ssize_t done = pread(fd, (char *)buffer + total,
				     length - total, offset + total);

		if (done < 0)
			err(2, "pread");
		if (!done)
			break;
		total += done;
	}
	return total;
}

void resize(int fd, off_t size)
{
	if (ftruncate(fd, size))
		err(2, "ftruncate");
}

bool has_fallocate(int fd, enum operation operation)
{
	/* The shortest range that no mode refuses, of a file that has it. */
	resize(fd, 4 * PAGE);
	if (!fallocate(fd, operations[operation].mode, PAGE, PAGE))
		return true;
	if (errno != EOPNOTSUPP)
		err(2, "fallocate");
	return false;
}

/*
 * Is the page at @address mapped by a PMD? Only one byte of its 2 MiB is
 * touched, in a mapping that nobody else uses. mincore() then finds all pages
 * present if one entry maps them all; for others it asks the page cache, which
 * DAX files do not have.
 */
bool mapped_huge(char *address)
{
	unsigned char present[HUGE / PAGE];
	unsigned int i;

	if (madvise(address, HUGE, MADV_DONTNEED) || load(address) == BUS ||
	    mincore(address, HUGE, present))
		return false;
	for (i = 0; i < HUGE / PAGE; i++)
		if (!(present[i] & 1))
			return false;
	return true;
}

void skip_huge(void)
{
	skip("a full file of %s is not mapped by PMDs here", fs_type);
}

static __thread sigjmp_buf *volatile on_sigbus;

static void sigbus(int signal)
{
	static const char text[] = "unexpected SIGBUS\n";

	if (on_sigbus)
		siglongjmp(*on_sigbus, signal);
	_exit(write(2, text, sizeof(text) - 1) < 0 ? 3 : 2);
}

static void catch_sigbus(void)
{
	/* No mask to restore, so that sigsetjmp() need not save one. */
	struct sigaction action = {
		.sa_handler = sigbus, .sa_flags = SA_NODEFER,
	};

	sigaction(SIGBUS, &action, NULL);
}

uint64_t load(const void *address)
{
	sigjmp_buf here;
	uint64_t value;

	if (sigsetjmp(here, 0)) {
		on_sigbus = NULL;
		return BUS;
	}
	on_sigbus = &here;
	value = *(const volatile uint64_t *)address;
	on_sigbus = NULL;
	return value;
}

bool store(void *address, uint64_t value)
{
	sigjmp_buf here;

	if (sigsetjmp(here, 0)) {
		on_sigbus = NULL;
		return false;
	}
	on_sigbus = &here;
	*(volatile uint64_t *)address = value;
	on_sigbus = NULL;
	return true;
}

/* No path, but the order of steps that faults had before 4.12. */
#define OLD_FAULTS	"old_faults"

#define NO_DEADLOCK	"a lock that is not taken cannot deadlock"
#define ALONE		"one thread alone needs no lock"
#define ENTRY_LOCK	"faults and write(2) are ordered by the lock of the DAX entry"

static const struct point points[] = {
	{ "coherence.pte", coherence, 0, false, NULL, ALONE },
	{ "coherence.pmd", coherence, 0, true, NULL, ALONE },
	{ "race.write.pte", race, WRITE, false, NULL, ENTRY_LOCK },
	{ "race.write.pmd", race, WRITE, true, NULL, ENTRY_LOCK },
	{ "race.truncate.pte", race, TRUNCATE, false, "fault,truncate", NULL },
	{ "race.truncate.pmd", race, TRUNCATE, true, "fault,truncate", NULL },
	{ "race.punch.pte", race, PUNCH, false, "fault,punch", NULL },
	{ "race.punch.pmd", race, PUNCH, true, "fault,punch", NULL },
	{ "race.zero.pte", race, ZERO, false, "fault,zero", NULL },
	{ "race.zero.pmd", race, ZERO, true, "fault,zero", NULL },
	{ "race.collapse.pte", race, COLLAPSE, false, "fault,collapse", NULL },
	{ "race.collapse.pmd", race, COLLAPSE, true, "fault,collapse", NULL },
	{ "race.insert.pte", race, INSERT, false, "fault,insert", NULL },
	{ "race.insert.pmd", race, INSERT, true, "fault,insert", NULL },
	{ "shift", shift_again, INSERT, false, "split", NULL },
	{ "sync.truncate", sync_race, TRUNCATE, false, "fault,truncate", NULL },
	{ "buffer.write.pte", own_buffer, WRITE, false, NULL, NO_DEADLOCK },
	{ "buffer.write.pmd", own_buffer, WRITE, true, NULL, NO_DEADLOCK },
	{ "buffer.read.pte", own_buffer, PUNCH, false, NULL, NO_DEADLOCK },
	{ "buffer.read.pmd", own_buffer, PUNCH, true, NULL, NO_DEADLOCK },
	{ "buffer.storm.same_range", buffer_storm, SAME_RANGE, false, NULL, NO_DEADLOCK },
	{ "buffer.storm.other_range", buffer_storm, OTHER_RANGE, false, NULL, NO_DEADLOCK },
	{ "buffer.storm.other_file", buffer_storm, OTHER_FILE, false, NULL, NO_DEADLOCK },
	{ "buffer.storm.other_fs", buffer_storm, OTHER_FS, false, NULL, NO_DEADLOCK },
	{ "buffer.ends", buffer_ends, 0, false, NULL, ALONE },
	{ "unfilled.pte", unfilled, 0, false, "fault,write", NULL },
	{ "unfilled.pmd", unfilled, 0, true, "fault,write", NULL },
	{ "cross", cross_copy, 0, false, NULL, NO_DEADLOCK },
	{ "pinned.pte", pinned, WRITE, false, "layouts", NULL },
	{ "pinned.pmd", pinned, WRITE, true, "layouts", NULL },
	{ "pinned.edge.truncate", pinned, TRUNCATE, true, "layouts", NULL },
	{ "pinned.edge.punch", pinned, PUNCH, true, "layouts", NULL },
	{ "pinned.edge.zero", pinned, ZERO, true, "layouts", NULL },
	{ "direct.pte", direct, 0, false, NULL,
	  "what is read into freed blocks is not in the file; see pinned" },
	{ "direct.pmd", direct, 0, true, NULL,
	  "what is read into freed blocks is not in the file; see pinned" },
	{ "freeze", freeze, 0, false, NULL, NO_DEADLOCK },
	{ "enospc", no_space, 0, false, NULL, NO_DEADLOCK },
	{ "torture", torture, 0, false, NULL,
	  "among all that goes on one missing lock is too rarely met; see race" },
	{ "zeroout.write.pte", zeroout, WRITE, false, NULL, ALONE },
	{ "zeroout.write.pmd", zeroout, WRITE, true, NULL, ALONE },
	{ "zeroout.store.pte", zeroout, PUNCH, false, NULL, ALONE },
	{ "zeroout.store.pmd", zeroout, PUNCH, true, NULL, ALONE },
	{ "race2017.write.pte", race2017, WRITE, false, OLD_FAULTS, NULL },
	{ "race2017.write.pmd", race2017, WRITE, true, OLD_FAULTS, NULL },
	{ "race2017.store.pte", race2017, PUNCH, false, OLD_FAULTS, NULL },
	{ "race2017.store.pmd", race2017, PUNCH, true, OLD_FAULTS, NULL },
};

#define POINTS (sizeof(points) / sizeof(*points))

/* True if it was written, or if the kernel does not have @path. */
static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t done;

	if (fd < 0)
		return errno == ENOENT;
	done = write(fd, text, strlen(text));
	close(fd);
	return done == (ssize_t)strlen(text);
}

/* Leaves @text as it is if the kernel does not have @path. */
static void read_text(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "r");

	if (!file)
		return;
	if (!fgets(text, size, file))
		*text = '\0';
	fclose(file);
}

/* Who is stuck, and where: the threads' wait channels. */
static void show_stuck(pid_t child)
{
	char pattern[64], place[64];
	glob_t found;
	size_t i;

	snprintf(pattern, sizeof(pattern), "/proc/%d/task/*/wchan", child);
	if (glob(pattern, 0, NULL, &found))
		return;
	for (i = 0; i < found.gl_pathc; i++) {
		strcpy(place, "?");
		read_text(found.gl_pathv[i], place, sizeof(place));
		note("%s: %s", found.gl_pathv[i], place);
	}
	globfree(&found);
}

/* False if it could not be ended. */
static bool wait_until(pid_t child, double until, int *status)
{
	while (waitpid(child, status, WNOHANG) == 0) {
		if (now() >= until)
			return false;
		usleep(10000);
	}
	return true;
}

/* Run @point in a process of its own; what it has reported is in @report. */
static void run_point(const struct point *point)
{
	unsigned int limit = broken ? BROKEN_HANG_SECONDS + broken_seconds :
				      HANG_SECONDS + seconds;
	bool hangs, stuck;
	int status = 0, top;
	pid_t child;

	/* So that the other points do not find this one, again and again. */
	if (unfixed && !write_text(zeroout_path, point->run == zeroout ?
				   default_zeroout : "0"))
		err(2, "%s", zeroout_path);
	memset(report, 0, sizeof(*report));
	fflush(stdout);
	child = fork();
	if (child < 0)
		err(2, "fork");
	if (!child) {
		atomic_store(&stop, false);
		catch_sigbus();
		point->run(point);
		fflush(stdout);
		_exit(0);
	}
	hangs = !wait_until(child, now() + limit, &status);
	if (hangs) {
		show_stuck(child);
		kill(child, SIGKILL);
	}
	/* Whatever became of it, it must not leave all others behind ice. */
	top = open(directory, O_RDONLY | O_DIRECTORY);
	ioctl(top, FITHAW, 0);
	close(top);
	stuck = hangs && !wait_until(child, now() + 5, &status);
	/*
	 * What was wrong before is worth more. A page table entry that belongs
	 * to another block can make a fault repeat for ever: that is wrong too.
	 */
	if (hangs) {
		failed("hangs");
	} else if (status && report->result != WRONG) {
		failed("ended with status %#x", status);
		atomic_store(&report->result, CRASHED);
	}
	if (stuck) {
		printf("Bail out! %s cannot be killed\n", point->name);
		exit(1);
	}
}

static void check(const struct point *point)
{
	run_point(point);
	if (report->result == SKIPPED) {
		ktap_skip(point->name, report->text);
		return;
	}
	if (report->result != PASSED)
		note("%s: %s", point->name, report->text);
	ktap_result(report->result == PASSED, "%s", point->name);
}

/* Without the lock in each of its paths @point must see corruption. */
static void check_broken(const struct point *point)
{
	char paths[64], name[128], *path, *rest;

	if (!point->paths) {
		snprintf(name, sizeof(name), "broken.%s", point->name);
		ktap_skip(name, point->why_not);
		return;
	}
	strcpy(paths, point->paths);
	for (path = strtok_r(paths, ",", &rest); path;
	     path = strtok_r(NULL, ",", &rest)) {
		bool old = !strcmp(path, OLD_FAULTS);

		snprintf(name, sizeof(name), "broken.%s.%s", point->name, path);
		if (access(PARAMETERS "disable", W_OK)) {
			ktap_skip(name, "the kernel has no " PARAMETERS
				  "disable: CONFIG_DEBUG_RANGE_LOCK");
			continue;
		}
		if (old && access(PARAMETERS OLD_FAULTS, W_OK)) {
			ktap_skip(name, "the kernel has no " PARAMETERS
				  OLD_FAULTS ": CONFIG_DEBUG_DAX_FAULT_RACES");
			continue;
		}
		if (!write_text(PARAMETERS "disable", old ? "fault" : path) ||
		    !write_text(PARAMETERS OLD_FAULTS, old ? "1" : "0") ||
		    !write_text(PARAMETERS "stretch_us", old ? OLD_FAULT_US :
				point->argument == TRUNCATE ||
				point->run == unfilled ||
				point->run == shift_again ? STRETCH_US : "0") ||
		    !write_text(PARAMETERS "restart",
				point->run == shift_again ? "1" : "0"))
			err(2, PARAMETERS);
		run_point(point);
		write_text(PARAMETERS "disable", "");
		write_text(PARAMETERS OLD_FAULTS, "0");
		write_text(PARAMETERS "stretch_us", "0");
		write_text(PARAMETERS "restart", "0");
		if (report->result == SKIPPED) {
			ktap_skip(name, report->text);
			continue;
		}
		note("%s: %s", name, report->result == PASSED ?
		     "nothing wrong was seen" : report->text);
		ktap_result(report->result == WRONG, "%s", name);
	}
}

static unsigned int count_broken(const struct point *point)
{
	const char *path = point->paths;
	unsigned int count = 1;

	while (path && (path = strchr(path, ','))) {
		path++;
		count++;
	}
	return count;
}

static bool chosen(const struct point *point, char **names)
{
	char **name;

	for (name = names; *name; name++)
		if (!strncmp(point->name, *name, strlen(*name)))
			return true;
	return !*names;
}

/* Print the names of all results, for whoever must see that none is missing. */
static void list_points(void)
{
	char paths[64], *path, *rest;
	size_t i;

	for (i = 0; i < POINTS; i++) {
		if (!broken)
			printf("%s\n", points[i].name);
		if (!broken || !points[i].paths)
			continue;
		strcpy(paths, points[i].paths);
		for (path = strtok_r(paths, ",", &rest); path;
		     path = strtok_r(NULL, ",", &rest))
			printf("broken.%s.%s\n", points[i].name, path);
	}
	exit(0);
}

static void usage(void)
{
	errx(2, "usage: dax_test [-e] [-l] [-n] [-u] [-t SECONDS] [-b SECONDS] [-s SEED] [DIRECTORY [POINT]...]\n"
	     "  -e  --expect-broken: each point without the lock of each of its paths\n"
	     "  -l  list the points, or with -e what must be seen to fail\n"
	     "  -n  also where files are not DAX, to try the program itself\n"
	     "  -u  --unfixed: write(2) does not remove the zero pages of blocks that are\n"
	     "      not new, so zeroout fails; hide it from the other points\n"
	     "  -t  how long a point runs; -b with -e, at most\n"
	     "  DIRECTORY, or $DAX_DIR, where files are created\n"
	     "  POINT is a point's name, or how it begins");
}

int main(int argc, char **argv)
{
	unsigned int plan = 0;
	bool list = false;
	int option, fd;
	size_t i;

	if (argc > 1 && !strcmp(argv[1], "--expect-broken"))
		argv[1] = "-e";
	if (argc > 1 && !strcmp(argv[1], "--unfixed"))
		argv[1] = "-u";
	while ((option = getopt(argc, argv, "elnut:b:s:")) != -1) {
		switch (option) {
		case 'e':
			broken = true;
			break;
		case 'l':
			list = true;
			break;
		case 'n':
			any_fs = true;
			break;
		case 'u':
			unfixed = true;
			write_at_once = false;
			break;
		case 't':
			seconds = atoi(optarg);
			break;
		case 'b':
			broken_seconds = atoi(optarg);
			break;
		case 's':
			seed = atoll(optarg);
			break;
		default:
			usage();
		}
	}
	if (list)
		list_points();
	directory = optind < argc ? argv[optind++] : getenv("DAX_DIR");
	if (!directory) {
		ktap_plan(1);
		ktap_skip("dax", "DAX_DIR is not set: a directory of a file system mounted with -o dax");
		return ktap_exit();
	}
	argv += optind;
	for (i = 0; i < POINTS; i++)
		if (chosen(&points[i], argv))
			plan += broken ? count_broken(&points[i]) : 1;
	if (!plan)
		errx(2, "no such test point: %s", *argv);
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (report == MAP_FAILED)
		err(2, "mmap");
	describe_fs(directory, fs_type, fs_device);
	fd = create_file(directory);
	/* The plan first, so that whatever follows is a result. */
	ktap_plan(plan);
	if (!is_dax(fd) && !any_fs) {
		for (i = 0; i < plan; i++)
			ktap_skip("dax", "files in this directory are not DAX");
		return ktap_exit();
	}
	close(fd);
	snprintf(zeroout_path, sizeof(zeroout_path),
		 "/sys/fs/ext4/%s/extent_max_zeroout_kb", fs_device);
	read_text(zeroout_path, default_zeroout, sizeof(default_zeroout));
	note("%s on %s, seed %" PRIu64, fs_type, fs_device, seed);
	for (i = 0; i < POINTS; i++)
		if (chosen(&points[i], argv)) {
			if (broken)
				check_broken(&points[i]);
			else
				check(&points[i]);
		}
	if (unfixed)
		write_text(zeroout_path, default_zeroout);
	return ktap_exit();
}
