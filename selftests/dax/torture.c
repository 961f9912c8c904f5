// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once: processes that share one file, and do to it all that a
 * file can have done to it, each to the parts that it owns.
 *
 *	[ small ]	a page belongs to worker number page % WORKERS, so that
 *			each page has neighbours of others
 *	[ large ]...	2 MiB for each worker
 *	[ tail ]	of worker 0, who also moves the end of the file in it,
 *			and collapses and inserts: what that shifts is its own
 *
 * A stamp says which worker's how manieth change it is of, and of which page.
 * The first word of a sector is what was stored there last, its other words are
 * what was written last. So an owner knows all of its sectors by heart, and
 * looks at them through its mapping and by read(2). So can the others, as what
 * it knows is shared, with a count that is odd while the owner changes things:
 * what they see is right if the count was even and is still the same. Whatever
 * it is, they see stamps of this page or nothing, and no word gets older; only
 * that the kernel may copy and clear byte by byte, so that a word that is being
 * changed may be seen in part.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/prctl.h>

#include "dax_test.h"

#define WORKERS		4
#define SECTOR		512UL
#define WORDS		(SECTOR / 8)
#define TAIL		(HUGE * (1 + WORKERS))	/* its first address */
#define MAX_SIZE	(TAIL + HUGE)
#define SECTORS		(MAX_SIZE / SECTOR)
#define TAIL_ID		UINT32_MAX

#define LOOKS		16	/* how many sectors of many are looked at */
#define LATE_MS		5000

/* The operations, and what else a worker does; from SYNC on it is rare. */
enum { STORE = ALLOCATE + 1, FOREIGN, DROP, SYNC, MAP, RENEW, ALL, KINDS };

static const char *const kinds[] = {
	[STORE] = "store", [FOREIGN] = "look at others", [DROP] = "drop",
	[SYNC] = "fsync", [MAP] = "map", [RENEW] = "renew", [ALL] = "look at all",
};

/* What all processes share. */
struct sector {
	uint64_t	first, rest;
};

struct common {
	atomic_bool	stop;
	atomic_ulong	done[KINDS];
	atomic_ulong	late, torn, huge;
	/* What each worker is about to change, or has changed. */
	atomic_size_t	sector[WORKERS], count[WORKERS];
	atomic_ulong	seq[WORKERS];	/* odd while it does */
	struct sector	model[SECTORS];	/* of the owner of each */
};

struct worker {
	struct common	*common;
	unsigned int	id;
	int		fd;
	int		flags;
	char		*map;
	size_t		size;		/* of the file; worker 0 knows */
	bool		can[KINDS];
	uint64_t	random;
	uint32_t	generation;
	struct sector	*model;		/* that of @common */
	uint32_t	(*seen)[2];	/* of all: the latest generation */
	uint64_t	*buffer;
};

static uint64_t pick(struct worker *worker, uint64_t below)
{
	return (next_random(&worker->random) >> 11) % below;
}

static uint32_t id_of(size_t sector)
{
	return sector * SECTOR >= TAIL ? TAIL_ID : sector * SECTOR / PAGE + 1;
}

static uint64_t stamp(const struct worker *worker, size_t sector)
{
	return (uint64_t)worker->generation << 32 | id_of(sector);
}

static void wrong(const struct worker *worker, const char *how, size_t sector,
		  unsigned int word, uint64_t seen, uint64_t due)
{
	failed("worker %u, sector %zu, word %u, %s: %#" PRIx64 ", where %#" PRIx64 " was due",
	       worker->id, sector, word, how, seen, due);
}

/*
 * Zeros that write(2) has replaced may be seen as long as a fault for a store
 * is under way in the same 2 MiB: see race.c.
 */
static bool is_late(struct worker *worker, const char *address, uint64_t seen,
		    uint64_t due)
{
	unsigned int i;

	for (i = 0; !seen && i < LATE_MS; i++) {
		usleep(1000);
		if (load(address) == due) {
			atomic_fetch_add(&worker->common->late, 1);
			return true;
		}
	}
	return false;
}

static void look_mapped(struct worker *worker, size_t sector)
{
	const char *address = worker->map + sector * SECTOR;
	const struct sector *due = &worker->model[sector];
	unsigned int word = 1 + pick(worker, WORDS - 1);
	uint64_t first = load(address), rest = load(address + word * 8);

	if ((sector * SECTOR & -PAGE) >= worker->size) {
		if (first != BUS)
			wrong(worker, "mapped", sector, 0, first, BUS);
		return;
	}
	if (first != due->first &&
	    (due->first != due->rest ||
	     !is_late(worker, address, first, due->first)))
		wrong(worker, "mapped", sector, 0, first, due->first);
	if (rest != due->rest &&
	    !is_late(worker, address + word * 8, rest, due->rest))
		wrong(worker, "mapped", sector, word, rest, due->rest);
}

static void look_by_read(struct worker *worker, size_t sector, size_t count)
{
	size_t length, i;

	length = read_at(worker->fd, worker->buffer, count * SECTOR,
			 sector * SECTOR);
	if (sector * SECTOR + length < worker->size && length < count * SECTOR)
		failed("worker %u, sector %zu: read(2) gives %zu bytes of %zu",
		       worker->id, sector, length, count * SECTOR);
	for (i = 0; i < length / 8; i++) {
		const struct sector *due = &worker->model[sector + i / WORDS];
		uint64_t value = i % WORDS ? due->rest : due->first;

		if (worker->buffer[i] != value) {
			wrong(worker, "by read(2)", sector + i / WORDS,
			      i % WORDS, worker->buffer[i], value);
			return;
		}
	}
}

/* What was just done to these sectors, and what is beside them. */
static void look(struct worker *worker, size_t sector, size_t count)
{
	size_t some = count < LOOKS ? count : LOOKS, i;

	for (i = 0; i < some; i++)
		look_mapped(worker, sector + pick(worker, count));
	if (sector * SECTOR < worker->size) {
		look_by_read(worker, sector, some);
		look_by_read(worker, sector + count - some, some);
	}
}

static void look_at_all(struct worker *worker)
{
	size_t sector, page;

	for (page = worker->id; page < HUGE / PAGE; page += WORKERS)
		look_by_read(worker, page * PAGE / SECTOR, PAGE / SECTOR);
	look_by_read(worker, HUGE * (1 + worker->id) / SECTOR, HUGE / SECTOR);
	if (!worker->id && worker->size > TAIL)
		look_by_read(worker, TAIL / SECTOR,
			     (worker->size - TAIL) / SECTOR);
	for (sector = HUGE * (1 + worker->id) / SECTOR;
	     sector < HUGE * (2 + worker->id) / SECTOR; sector += 5)
		look_mapped(worker, sector);
}

static unsigned int owner_of(size_t sector)
{
	size_t address = sector * SECTOR;

	if (address >= TAIL)
		return 0;
	return address < HUGE ? address / PAGE % WORKERS : address / HUGE - 1;
}

static unsigned long seq_of(struct worker *worker, size_t sector)
{
	return atomic_load(&worker->common->seq[owner_of(sector)]);
}

static uint64_t due_of(const struct worker *worker, size_t sector,
		       unsigned int word)
{
	const volatile struct sector *due = &worker->model[sector];

	return word ? due->rest : due->first;
}

/* What is due in the page that @value is a stamp of: is it that, or is it old? */
static uint64_t due_at_home(const struct worker *worker, uint64_t value,
			    size_t sector, unsigned int word)
{
	size_t page = (uint32_t)value - 1, sectors = PAGE / SECTOR;

	if (page >= TAIL / PAGE)
		return 0;
	return due_of(worker, page * sectors + sector % sectors, word);
}

/* Each byte is that of the page's stamps, or is not there yet, or no longer. */
static bool is_part_of(uint32_t id, uint64_t value)
{
	unsigned int bit;

	for (bit = 0; bit < 32; bit += 8)
		if ((value >> bit & 0xff) && ((value ^ id) >> bit & 0xff))
			return false;
	return true;
}

/* Word 0 or 1 of any sector; @before is what its count was before the look. */
static void judge(struct worker *worker, bool mapped, size_t sector,
		  unsigned int word, unsigned long before, uint64_t value)
{
	const char *address = worker->map + sector * SECTOR + 8 * word;
	const char *how = mapped ? "mapped by others" : "read by others";
	uint64_t due = due_of(worker, sector, word);
	uint32_t *seen = &worker->seen[sector][word];
	uint32_t generation = value >> 32;
	bool changing = before & 1 || seq_of(worker, sector) != before;

	if (!changing && value != due &&
	    !is_late(worker, address, value, due) &&
	    seq_of(worker, sector) == before)
		wrong(worker, how, sector, word, value, due);
	if (!value)
		return;
	if ((uint32_t)value != id_of(sector)) {
		if (changing && is_part_of(id_of(sector), value)) {
			atomic_fetch_add(&worker->common->torn, 1);
			return;
		}
		failed("worker %u, %s: %#" PRIx64 " in sector %zu, word %u, which can have %#x only; %#" PRIx64 " is due, and in its own page %#" PRIx64,
		       worker->id, how, value, sector, word, id_of(sector), due,
		       due_at_home(worker, value, sector, word));
	} else if (sector * SECTOR < TAIL && (mapped || !changing)) {
		/* Copied in part it may be of two. Clearing begins with the id. */
		if (generation < *seen)
			failed("worker %u sees generation %u in sector %zu, word %u, where %u has been",
			       worker->id, generation, sector, word, *seen);
		*seen = generation;
	}
}

static void look_at_page(struct worker *worker, size_t page)
{
	size_t sector = page * PAGE / SECTOR, length, i;
	unsigned long before;
	unsigned int word;
	uint64_t value;

	for (i = 0; i < PAGE / SECTOR; i++) {
		word = pick(worker, 2);
		before = seq_of(worker, sector);
		value = load(worker->map + (sector + i) * SECTOR + 8 * word);
		if (value != BUS)
			judge(worker, true, sector + i, word, before, value);
		else if (page * PAGE < TAIL)
			failed("worker %u: SIGBUS in page %zu", worker->id, page);
	}
	if (pick(worker, 8))
		return;
	before = seq_of(worker, sector);
	length = read_at(worker->fd, worker->buffer, PAGE, page * PAGE);
	for (i = 0; i < length / SECTOR * 2; i++)
		judge(worker, false, sector + i / 2, i % 2, before,
		      worker->buffer[i / 2 * WORDS + i % 2]);
}

/* Best of all is what somebody changes just now. */
static void look_at_others(struct worker *worker)
{
	unsigned int other = pick(worker, WORKERS), i;
	size_t sector, count, page;

	for (i = 0; i < LOOKS; i++) {
		sector = atomic_load(&worker->common->sector[other]);
		count = atomic_load(&worker->common->count[other]);
		page = (sector + pick(worker, count + 1)) * SECTOR / PAGE;
		if (page >= MAX_SIZE / PAGE || i == 0)
			page = pick(worker, MAX_SIZE / PAGE);
		look_at_page(worker, page);
		/* Or else it would have its page table entry already. */
		if (i % 2)
			madvise(worker->map + page * PAGE, PAGE, MADV_DONTNEED);
	}
}

/* From here on a worker changes what it owns. */

static void announce(struct worker *worker, size_t sector, size_t count)
{
	atomic_store(&worker->common->sector[worker->id], sector);
	atomic_store(&worker->common->count[worker->id], count);
	atomic_fetch_add(&worker->common->seq[worker->id], 1);
}

static void settled(struct worker *worker)
{
	atomic_fetch_add(&worker->common->seq[worker->id], 1);
}

static void set_model(struct worker *worker, size_t sector, size_t count,
		      bool stamped)
{
	size_t i;

	for (i = sector; i < sector + count; i++)
		worker->model[i].first = worker->model[i].rest =
			stamped ? stamp(worker, i) : 0;
}

static void store_some(struct worker *worker, size_t sector, size_t count)
{
	size_t some = count < LOOKS ? count : LOOKS, i, at;

	for (i = 0; i < some; i++) {
		at = sector + pick(worker, count);
		worker->model[at].first = stamp(worker, at);
		if (!store(worker->map + at * SECTOR, worker->model[at].first))
			failed("worker %u: SIGBUS in sector %zu", worker->id, at);
	}
}

static void write_all(struct worker *worker, size_t sector, size_t count)
{
	size_t i;

	set_model(worker, sector, count, true);
	for (i = 0; i < count * WORDS; i++)
		worker->buffer[i] = stamp(worker, sector + i / WORDS);
	write_at(worker->fd, worker->buffer, count * SECTOR, sector * SECTOR);
}

static void allocate(struct worker *worker, enum operation operation,
		     size_t start, size_t length)
{
	if (fallocate(worker->fd, operations[operation].mode, start, length))
		failed("worker %u: %s [%zu, +%zu]: %s", worker->id,
		       operations[operation].name, start, length,
		       strerror(errno));
}

static void map_all(struct worker *worker)
{
	if (mmap(worker->map, MAX_SIZE, PROT_READ | PROT_WRITE,
		 worker->flags | MAP_FIXED, worker->fd, 0) == MAP_FAILED)
		err(2, "mmap");
}

/* Such that the next fault can have a huge entry, if blocks are in a row. */
static void renew(struct worker *worker)
{
	size_t start = HUGE * (1 + worker->id);

	announce(worker, start / SECTOR, HUGE / SECTOR);
	allocate(worker, PUNCH, start, HUGE);
	allocate(worker, ALLOCATE, start, HUGE);
	set_model(worker, start / SECTOR, HUGE / SECTOR, false);
	settled(worker);
	map_all(worker);
	/* That looks at a mapping of which nothing else is mapped yet. */
	if (mapped_huge(worker->map + start))
		atomic_fetch_add(&worker->common->huge, 1);
	look(worker, start / SECTOR, HUGE / SECTOR);
}

static void cut(struct worker *worker, size_t size)
{
	size_t low = size < worker->size ? size : worker->size;

	announce(worker, low / SECTOR, 64);
	resize(worker->fd, size);
	worker->size = size;
	set_model(worker, low / SECTOR, SECTORS - low / SECTOR, false);
	settled(worker);
	look(worker, low / SECTOR, SECTORS - low / SECTOR);
}

/* Shift what is behind @start, which is in the tail. */
static void shift(struct worker *worker, bool insert, size_t start,
		  size_t length)
{
	size_t from = start / SECTOR, count = length / SECTOR;
	struct sector *model = worker->model;

	announce(worker, from, 64);
	allocate(worker, insert ? INSERT : COLLAPSE, start, length);
	if (insert) {
		memmove(model + from + count, model + from,
			(SECTORS - from - count) * sizeof(*model));
		set_model(worker, from, count, false);
		worker->size += length;
	} else {
		memmove(model + from, model + from + count,
			(SECTORS - from - count) * sizeof(*model));
		set_model(worker, SECTORS - count, count, false);
		worker->size -= length;
	}
	settled(worker);
	look(worker, from, SECTORS - from);
}

/* What moves the end of the file. False: it is to be something else. */
static bool move_end(struct worker *worker, unsigned int operation)
{
	size_t pages = (worker->size - TAIL) / PAGE, start, length;

	if (operation == TRUNCATE) {
		cut(worker, TAIL + pick(worker, (MAX_SIZE - TAIL) / SECTOR + 1) *
			    SECTOR);
		return true;
	}
	if (operation != COLLAPSE && operation != INSERT)
		return false;
	if (!worker->can[operation] || pages < 2)
		return false;
	start = TAIL + pick(worker, pages - 1) * PAGE;
	length = (1 + pick(worker, 8)) * PAGE;
	if (operation == COLLAPSE ? start + length >= worker->size :
				    worker->size + length > MAX_SIZE)
		return false;
	shift(worker, operation == INSERT, start, length);
	return true;
}

static void change(struct worker *worker, unsigned int operation, size_t sector,
		   size_t count)
{
	worker->generation++;
	announce(worker, sector, count);
	switch (operation) {
	case STORE:
		store_some(worker, sector, count);
		break;
	case WRITE:
		write_all(worker, sector, count);
		break;
	case PUNCH:
	case ZERO:
		set_model(worker, sector, count, false);
		/* fall through */
	case ALLOCATE:
		allocate(worker, operation, sector * SECTOR, count * SECTOR);
		break;
	case DROP:
		madvise(worker->map + (sector * SECTOR & -PAGE),
			count * SECTOR, MADV_DONTNEED);
		break;
	}
	settled(worker);
	look(worker, sector, count);
}

/* One operation. Returns what it was in the end. */
static unsigned int one(struct worker *worker)
{
	unsigned int operation = pick(worker, SYNC);
	size_t first, count, start, length;

	if (pick(worker, 3) == 0)
		operation = FOREIGN;
	if (pick(worker, 100) == 0)
		operation = SYNC + pick(worker, KINDS - SYNC);
	if (operation == RENEW && !worker->can[PUNCH])
		operation = MAP;
	if (operation == FOREIGN)
		look_at_others(worker);
	else if (operation == SYNC && fsync(worker->fd))
		err(2, "fsync");
	else if (operation == MAP)
		map_all(worker);
	else if (operation == RENEW)
		renew(worker);
	else if (operation == ALL)
		look_at_all(worker);
	if (operation == FOREIGN || operation >= SYNC)
		return operation;

	if (!worker->id && pick(worker, 2)) {
		if (move_end(worker, operation))
			return operation;
		first = TAIL / SECTOR;
		count = (worker->size - TAIL) / SECTOR;
	} else if (pick(worker, 3)) {
		first = (pick(worker, HUGE / PAGE / WORKERS) * WORKERS +
			 worker->id) * PAGE / SECTOR;
		count = PAGE / SECTOR;
	} else {
		first = HUGE * (1 + worker->id) / SECTOR;
		count = HUGE / SECTOR;
	}
	if (!count) {
		cut(worker, MAX_SIZE);
		return TRUNCATE;
	}
	if (operation == TRUNCATE || operation == COLLAPSE ||
	    operation == INSERT || !worker->can[operation])
		operation = pick(worker, 2) ? STORE : WRITE;
	/* Few long ones, else they are all that there is time for. */
	start = pick(worker, count);
	length = 1 + pick(worker, count - start);
	if (length > 64 && pick(worker, 16))
		length = 1 + length % 64;
	change(worker, operation, first + start, length);
	return operation;
}

static void work(struct worker *worker, double until)
{
	struct common *common = worker->common;
	bool huge = worker->id % 2;

	/* Whatever kills the parent. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Half of them have MAP_SYNC, where there is that. */
	worker->flags = worker->id & 2 ? MAP_SHARED_VALIDATE | MAP_SYNC :
					 MAP_SHARED;
	worker->map = map_file(worker->fd, MAX_SIZE, worker->flags, !huge);
	if (!worker->map) {
		worker->flags = MAP_SHARED;
		worker->map = map_file(worker->fd, MAX_SIZE, worker->flags,
				       !huge);
	}
	worker->random = seed * (worker->id + 1) * 0x9e3779b97f4a7c15 | 1;
	worker->model = common->model;
	worker->seen = calloc(SECTORS, sizeof(*worker->seen));
	worker->buffer = malloc(HUGE);
	if (!worker->map || !worker->seen || !worker->buffer)
		err(2, "worker %u", worker->id);
	while (!time_is_up(until) && !atomic_load(&common->stop))
		atomic_fetch_add(&common->done[one(worker)], 1);
	if (!atomic_load(&stop) && !atomic_load(&common->stop))
		look_at_all(worker);
	/* A failure, of which the point knows already, ends all. */
	if (atomic_load(&stop))
		atomic_store(&common->stop, true);
	exit(0);
}

void torture(const struct point *point)
{
	struct worker worker = { .size = MAX_SIZE };
	struct common *common;
	double until = deadline();
	unsigned int i;
	int status;

	common = mmap(NULL, sizeof(*common), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (common == MAP_FAILED)
		err(2, "mmap");
	worker.common = common;
	worker.fd = create_file(directory);
	for (i = 0; i < KINDS; i++)
		worker.can[i] = true;
	for (i = PUNCH; i <= ALLOCATE; i++)
		worker.can[i] = has_fallocate(worker.fd, i);
	resize(worker.fd, 0);
	resize(worker.fd, MAX_SIZE);
	if (worker.can[ALLOCATE] &&
	    fallocate(worker.fd, 0, 0, MAX_SIZE))
		err(2, "fallocate");
	for (i = 0; i < WORKERS; i++) {
		pid_t child = fork();

		if (child < 0)
			err(2, "fork");
		worker.id = i;
		if (!child)
			work(&worker, until);
	}
	for (i = 0; i < WORKERS; i++) {
		if (wait(&status) < 0)
			err(2, "wait");
		/* The others end with this process. */
		if (status)
			errx(2, "a worker ended with status %#x", status);
	}
	for (i = 0; i < KINDS; i++)
		if (common->done[i])
			note("%s: %s: %lu", point->name,
			     i < STORE ? operations[i].name : kinds[i],
			     common->done[i]);
	note("%s: %lu times write(2) was seen only after a fault was through",
	     point->name, common->late);
	note("%s: %lu words were seen while a part of them was changed",
	     point->name, common->torn);
	note("%s: of %lu times 2 MiB allocated at once, %lu were mapped by PMDs",
	     point->name, common->done[RENEW], common->huge);
}
