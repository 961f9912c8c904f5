// SPDX-License-Identifier: GPL-2.0
/*
 * Faults against one operation.
 *
 * Main changes the file, two threads fault in its pages through mappings of
 * their own, and store and load. The first half of each page consists of the
 * page's stamp: of which page and of which generation it is, or 0. In the
 * second half each thread stores into a word of its own. All operations start
 * and end at halves of pages, so that one stamp always describes a page.
 *
 * The oracle: @seq is even while the file is in state seq / 2, and odd while
 * an operation leads to the next state. A stamp that is loaded meanwhile must
 * be one of the states that it was loaded in, for its page; so must be a
 * SIGBUS, which is the state of a page behind the end of the file. After each
 * operation main compares all pages, through the mappings of both threads
 * and by read(2), with the state, which is exact then. A page table entry
 * that survived, or came back too early, shows blocks that are not the file's
 * any more, and so is found even if it came and went unseen.
 *
 * With -u there is one exception. A fault for a store allocates a block first,
 * and takes zero pages out of page tables later. A write(2) in between finds
 * the block; if it does not look at the entry, too, it has nothing to
 * invalidate, and returns before its data can be seen in mappings with a zero
 * page: they show it as soon as the fault is through. So zeros after write(2)
 * are no failure then unless they are still there when no fault is under way.
 */
#define _GNU_SOURCE
#include <sys/resource.h>

#include "dax_test.h"

#define HALF		(PAGE / 2)
#define STAMP_WORDS	(HALF / 8)
#define FAULTERS	2
#define STATES		4	/* that are kept; a power of 2 */

struct race;

struct faulter {
	struct race	*race;
	pthread_t	thread;
	unsigned int	id;
	char		*map;
	atomic_ulong	rounds;
	unsigned long	meanwhile, late;	/* results */
	atomic_bool	waits;
};

struct race {
	int		fd;
	int		flags;		/* of the faulters' mappings */
	bool		huge;
	bool		can_punch;
	size_t		pages;		/* when full */
	size_t		max_pages;	/* the mappings' size */
	size_t		size;		/* now, in bytes */
	uint64_t	random;
	uint64_t	generation;
	uint64_t	*buffer;	/* for write(2) and read(2) */
	char		*probe;		/* a mapping that only main uses */
	atomic_ulong	seq;
	_Atomic uint64_t *state[STATES];
	_Atomic enum operation led_to[STATES];
	atomic_bool	pause;		/* the faulters shall wait */
	unsigned long	late;
	struct faulter	faulters[FAULTERS];
	enum operation	last;		/* for messages */
	size_t		last_start, last_length;
};

static uint64_t stamp_at(const char *map, size_t page, uint64_t random)
{
	return load(map + page * PAGE + random % STAMP_WORDS * 8);
}

/* Where entries are huge, a few pages of each must do. */
static size_t some_page(const struct race *race, uint64_t random)
{
	size_t page = random % race->max_pages;

	return race->huge ? page & ~(HUGE / PAGE / 16 - 1) : page;
}

static const char *describe(uint64_t stamp, char *text, size_t size)
{
	if (stamp == BUS)
		snprintf(text, size, "SIGBUS");
	else if (!stamp)
		snprintf(text, size, "zeros");
	else
		snprintf(text, size, "page %u of generation %u",
			 (uint32_t)stamp - 1, (uint32_t)(stamp >> 32));
	return text;
}

static void wrong(const struct race *race, const char *where, size_t page,
		  uint64_t seen, uint64_t expected, uint64_t or_expected)
{
	char text[3][64];

	failed("page %zu %s: %s, where %s%s%s was due; %s [%zu, +%zu]", page,
	       where, describe(seen, text[0], 64),
	       describe(expected, text[1], 64),
	       expected == or_expected ? "" : " or ",
	       expected == or_expected ? "" :
	       describe(or_expected, text[2], 64),
	       operations[race->last].name, race->last_start,
	       race->last_length);
}

/* Is it the exception? */
static bool may_be_late(enum operation operation, uint64_t stamp)
{
	return operation == WRITE && !stamp && !write_at_once;
}

/* Judge what @faulter has seen of @page since @seq was @before. */
static void judge(struct faulter *faulter, size_t page, unsigned long before,
		  uint64_t stamp, bool stored, uint64_t mine, uint64_t expected)
{
	struct race *race = faulter->race;
	unsigned long after = atomic_load(&race->seq);
	size_t old = before / 2 % STATES, new = (after + 1) / 2 % STATES;
	uint64_t from, to;
	bool late;

	/* Two operations or more: their states are not worth the trouble. */
	if (after - before > 1)
		return;
	from = race->state[old][page];
	to = race->state[new][page];
	late = may_be_late(race->led_to[old], stamp) ||
	       may_be_late(race->led_to[new], stamp);
	/* Has main come round, and used the same place for another state? */
	if (atomic_load(&race->seq) - before > 2)
		return;
	if (from != to)
		faulter->meanwhile++;
	if (stamp != from && stamp != to && late)
		faulter->late++;
	else if (stamp != from && stamp != to)
		wrong(race, "mapped", page, stamp, from, to);
	else if (before == after && !(before & 1) && stored &&
		 (mine != expected || from == BUS))
		failed("page %zu: stored %" PRIu64 ", loaded %" PRIu64 "; %s",
		       page, expected, mine, operations[race->last].name);
}

static void *fault_in(void *argument)
{
	struct faulter *faulter = argument;
	struct race *race = faulter->race;
	uint64_t random = seed * (faulter->id + 2) * 0x9e3779b97f4a7c15 | 1;
	uint64_t value = 0, mine, stamp;
	unsigned long before;
	size_t page, drop;
	char *own;
	bool stored;

	/* Of this thread only: main is to find a CPU when it wants one. */
	if (setpriority(PRIO_PROCESS, 0, 10))
		err(2, "setpriority");
	while (!atomic_load(&stop)) {
		if (atomic_load(&race->pause)) {
			atomic_store(&faulter->waits, true);
			usleep(50);
			continue;
		}
		atomic_store(&faulter->waits, false);
		next_random(&random);
		page = some_page(race, random >> 16);
		drop = race->huge ? page * PAGE & -HUGE : page * PAGE;
		own = faulter->map + page * PAGE + HALF + 8 * faulter->id;
		if (random & 1)
			madvise(faulter->map + drop, race->huge ? HUGE : PAGE,
				MADV_DONTNEED);
		before = atomic_load(&race->seq);
		stored = !(random & 6) && store(own, ++value);
		mine = stored ? load(own) : 0;
		stamp = stamp_at(faulter->map, page, random >> 40);
		judge(faulter, page, before, stamp, stored, mine, value);
		faulter->rounds++;
	}
	return NULL;
}

/* The stamp of each page after @operation, from that before it. */
static void next_state(struct race *race, enum operation operation,
		       size_t start, size_t length)
{
	unsigned long seq = atomic_load(&race->seq);
	_Atomic uint64_t *from = race->state[seq / 2 % STATES];
	_Atomic uint64_t *to = race->state[(seq / 2 + 1) % STATES];
	size_t shift = length / PAGE, page;

	race->led_to[(seq / 2 + 1) % STATES] = operation;
	if (operation == WRITE)
		race->generation++;
	if (operation == TRUNCATE)
		race->size = start;
	else if (operation == COLLAPSE)
		race->size -= length;
	else if (operation == INSERT)
		race->size += length;
	else if (operation == ALLOCATE)
		race->size = start + length;
	for (page = 0; page < race->max_pages; page++) {
		size_t offset = page * PAGE;
		uint64_t stamp = from[page];

		if (offset >= race->size) {
			to[page] = BUS;
			continue;
		}
		switch (operation) {
		case TRUNCATE:
		case ALLOCATE:
			if (stamp == BUS)
				stamp = 0;
			break;
		case COLLAPSE:
			if (offset >= start)
				stamp = from[page + shift];
			break;
		case INSERT:
			if (offset >= start + length)
				stamp = from[page - shift];
			else if (offset >= start)
				stamp = 0;
			break;
		default:
			if (offset >= start && offset < start + length)
				stamp = operation == WRITE ?
					race->generation << 32 | (page + 1) : 0;
		}
		to[page] = stamp;
	}
}

static void fill_buffer(struct race *race, size_t start, size_t length)
{
	size_t word;

	for (word = 0; word < length / 8; word++) {
		size_t offset = start + word * 8;

		race->buffer[word] = offset % PAGE < HALF ?
			race->generation << 32 | (offset / PAGE + 1) : 0;
	}
}

/* Until @pause is taken back there is no page fault of a faulter. */
static void pause_faulters(struct race *race)
{
	unsigned int i;

	atomic_store(&race->pause, true);
	for (i = 0; i < FAULTERS; i++)
		while (race->faulters[i].thread && !atomic_load(&stop) &&
		       !atomic_load(&race->faulters[i].waits))
			usleep(50);
}

/* And they are at it before the next operation begins. */
static void resume_faulters(struct race *race)
{
	unsigned long rounds[FAULTERS];
	unsigned int i;

	for (i = 0; i < FAULTERS; i++)
		rounds[i] = atomic_load(&race->faulters[i].rounds);
	atomic_store(&race->pause, false);
	for (i = 0; i < FAULTERS; i++)
		while (race->faulters[i].thread && !atomic_load(&stop) &&
		       atomic_load(&race->faulters[i].rounds) < rounds[i] + 3)
			usleep(50);
}

/* One page by read(2), and through the mapping of each faulter. */
static void compare_page(struct race *race, size_t page, uint64_t due)
{
	size_t length, i;
	uint64_t stamp;

	length = read_at(race->fd, race->buffer, PAGE, page * PAGE);
	for (i = 0; i < length / 8 && i < STAMP_WORDS; i++)
		if (race->buffer[i] != due) {
			wrong(race, "by read(2)", page, race->buffer[i], due,
			      due);
			return;
		}
	for (i = 0; i < FAULTERS; i++) {
		const char *map = race->faulters[i].map;

		stamp = stamp_at(map, page, next_random(&race->random));
		if (stamp != due && may_be_late(race->last, stamp)) {
			pause_faulters(race);
			stamp = stamp_at(map, page, race->random);
			resume_faulters(race);
			race->late++;
		}
		if (stamp != due)
			wrong(race, "mapped, later", page, stamp, due, due);
	}
}

/*
 * Is the file, for everybody, in the state that the last operation led to? Of
 * many pages look at some, among them both edges of what was changed.
 */
static void compare(struct race *race)
{
	_Atomic uint64_t *state = race->state[race->seq / 2 % STATES];
	size_t sample = race->max_pages, page, i;
	struct stat attributes;

	if (fstat(race->fd, &attributes))
		err(2, "fstat");
	if ((size_t)attributes.st_size != race->size)
		failed("the size is %zu, not %zu; %s",
		       (size_t)attributes.st_size, race->size,
		       operations[race->last].name);
	if (race->huge)
		sample = 4 + race->max_pages * 16 * PAGE / HUGE;
	for (i = 0; i < sample && !atomic_load(&stop); i++) {
		if (!race->huge)
			page = i;
		else if (i < 2)
			page = race->last_start / PAGE + i;
		else if (i < 4)
			page = (race->last_start + race->last_length) / PAGE +
			       2 - i;
		else
			page = some_page(race, (i - 4) * HUGE / PAGE / 16);
		if (page < race->max_pages)
			compare_page(race, page, state[page]);
	}
}

/* @start is the size where @operation is TRUNCATE. */
static void operate(struct race *race, enum operation operation, size_t start,
		    size_t length)
{
	int status = 0;

	if (atomic_load(&stop))
		return;
	race->last = operation;
	race->last_start = start;
	race->last_length = length;
	next_state(race, operation, start, length);
	if (operation == WRITE)
		fill_buffer(race, start, length);

	atomic_fetch_add(&race->seq, 1);
	if (operation == WRITE)
		write_at(race->fd, race->buffer, length, start);
	else if (operation == TRUNCATE)
		status = ftruncate(race->fd, start);
	else
		status = fallocate(race->fd, operations[operation].mode, start,
				   length);
	/* Where a fault fills the hole that is collapsed, it even fails. */
	if (status)
		failed("%s [%zu, +%zu]: %s", operations[operation].name, start,
		       length, strerror(errno));
	atomic_fetch_add(&race->seq, 1);
	compare(race);
}

/* Where a table of PTEs has been, there is no PMD until it is unmapped. */
static void map_again(struct race *race, char *map, int flags)
{
	if (map && mmap(map, race->max_pages * PAGE, PROT_READ | PROT_WRITE,
			flags | MAP_FIXED, race->fd, 0) == MAP_FAILED)
		err(2, "mmap");
}

/* All of it a hole; and then, but for some of the races of WRITE, full. */
static void fill(struct race *race, enum operation operation)
{
	size_t size = race->pages * PAGE;
	bool hole = operation == WRITE && race->generation % 2;
	unsigned int i;

	if (race->huge && !hole) {
		/*
		 * In one piece, which takes some care: stores into the hole
		 * would allocate pages, blocks can be used again only after
		 * the commit, and XFS aligns only what makes a file longer.
		 */
		pause_faulters(race);
		map_again(race, race->probe, MAP_SHARED);
		for (i = 0; i < FAULTERS; i++)
			map_again(race, race->faulters[i].map, race->flags);
		operate(race, TRUNCATE, 0, 0);
		if (fsync(race->fd))
			err(2, "fsync");
		operate(race, ALLOCATE, 0, size);
	} else if (race->can_punch && operation != TRUNCATE) {
		if (race->size != size)
			operate(race, TRUNCATE, size, 0);
		operate(race, PUNCH, 0, size);
	} else {
		operate(race, TRUNCATE, 0, 0);
		operate(race, TRUNCATE, size, 0);
	}
	if (!hole)
		operate(race, WRITE, 0, size);
	if (atomic_load(&race->pause))
		resume_faulters(race);
}

static void one_round(struct race *race, enum operation operation)
{
	bool alone = operation == TRUNCATE || operation == COLLAPSE ||
		     operation == INSERT;
	unsigned int i, times = alone ? 1 : 4;
	size_t unit = HALF, units, start, length;

	fill(race, operation);
	if (operation == COLLAPSE || operation == INSERT)
		unit = race->huge ? HUGE : PAGE;
	else if (race->huge && race->random & 32)
		unit = HUGE;
	units = race->pages * PAGE / unit;
	for (i = 0; i < times; i++) {
		start = next_random(&race->random) % units;
		length = 1 + (race->random >> 32) % (units - start);
		if (operation == COLLAPSE || operation == INSERT) {
			/* Neither all, nor to the end, is allowed. */
			start = (race->random >> 8) % (units - 1);
			length = 1;
		}
		operate(race, operation, start * unit,
			operation == TRUNCATE ? 0 : length * unit);
	}
	/* What was cut off must not come back. */
	if (operation == TRUNCATE)
		operate(race, TRUNCATE, race->pages * PAGE, 0);
}

static char *map_for(const struct race *race, int flags)
{
	char *map = map_file(race->fd, race->max_pages * PAGE, flags,
			     race->huge);

	if (!map && errno == EOPNOTSUPP)
		skip("%s has no MAP_SYNC", fs_type);
	if (!map)
		err(2, "mmap");
	return map;
}

static void run_race(const struct point *point, int flags)
{
	enum operation operation = point->argument;
	struct race race = {
		.flags = flags, .huge = point->huge, .random = seed | 1,
	};
	unsigned long rounds = 0, full = 0, huge = 0, faults = 0, meanwhile = 0;
	double until;
	unsigned int i;

	race.pages = race.huge ? 2 * HUGE / PAGE : 16;
	race.max_pages = race.pages + (race.huge ? HUGE / PAGE : 1);
	race.fd = create_file(directory);
	race.can_punch = has_fallocate(race.fd, PUNCH);
	if (operations[operation].mode &&
	    !has_fallocate(race.fd, operation))
		skip("%s has no %s", fs_type, operations[operation].name);
	if (race.huge && !has_fallocate(race.fd, ALLOCATE))
		skip("%s has no fallocate, nor huge entries", fs_type);
	resize(race.fd, 0);
	race.buffer = malloc(race.max_pages * PAGE);
	for (i = 0; i < STATES; i++)
		race.state[i] = calloc(race.max_pages, sizeof(uint64_t));
	if (!race.buffer || !race.state[STATES - 1])
		err(2, "malloc");
	for (i = 0; i < race.max_pages; i++)
		race.state[0][i] = BUS;
	race.probe = map_for(&race, MAP_SHARED);
	for (i = 0; i < FAULTERS; i++) {
		race.faulters[i].race = &race;
		race.faulters[i].id = i;
		race.faulters[i].map = map_for(&race, flags);
	}

	fill(&race, PUNCH);
	if (race.huge && !mapped_huge(race.probe))
		skip_huge();
	for (i = 0; i < FAULTERS; i++)
		race.faulters[i].thread = start(fault_in, &race.faulters[i]);
	until = deadline();
	do {
		one_round(&race, operation);
		rounds++;
		if (race.huge && rounds % 4 == 1) {
			fill(&race, PUNCH);
			full++;
			huge += mapped_huge(race.probe);
		}
	} while (!time_is_up(until));
	atomic_store(&stop, true);
	for (i = 0; i < FAULTERS; i++) {
		pthread_join(race.faulters[i].thread, NULL);
		faults += race.faulters[i].rounds;
		race.late += race.faulters[i].late;
		meanwhile += race.faulters[i].meanwhile;
	}
	/* The words of the faulters too, now that they stand still. */
	read_at(race.fd, race.buffer, race.size, 0);
	for (i = 0; i < race.size / PAGE * FAULTERS; i++) {
		size_t page = i / FAULTERS, id = i % FAULTERS;
		uint64_t *own = race.buffer + (page * PAGE + HALF) / 8 + id;
		unsigned int reader;

		for (reader = 0; reader < FAULTERS; reader++)
			if (load(race.faulters[reader].map + page * PAGE +
				 HALF + 8 * id) != *own)
				failed("page %zu: a store is not in the file",
				       page);
	}
	note("%s: %lu rounds, %lu times faulted in, %lu during a change of the page",
	     point->name, rounds, faults, meanwhile);
	if (race.late)
		note("%s: %lu times write(2) was seen only after a fault was through",
		     point->name, race.late);
	if (race.huge)
		note("%s: of %lu full files looked at, %lu were mapped by PMDs",
		     point->name, full, huge);
	if (!faults)
		errx(2, "no page was faulted in");
}

void race(const struct point *point)
{
	run_race(point, MAP_SHARED);
}

/*
 * The fault of a MAP_SYNC mapping commits the journal between its allocation
 * of a block and the page table entry, under the lock.
 */
void sync_race(const struct point *point)
{
	run_race(point, MAP_SHARED_VALIDATE | MAP_SYNC);
}
