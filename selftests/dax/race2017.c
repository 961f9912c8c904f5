// SPDX-License-Identifier: GPL-2.0
/*
 * The races of page faults on DAX files that Linux had before 4.12: a fault for
 * a load finds that a page is a hole, write(2) or a fault for a store gives it a
 * block, and the first fault maps the zero page nevertheless, for ever. A fault
 * of today locks the entry of the page before it looks for the block.
 *
 * One thread loads a page that is a hole while main writes it; then all
 * mappings must show what was written. The kernel can bring back the old order,
 * with CONFIG_DEBUG_DAX_FAULT_RACES: then, with -e, this test must fail.
 */
#define _GNU_SOURCE
#include <sched.h>

#include "dax_test.h"

enum { LOADS, STORES, LATER, MAPS };	/* whose mapping it is */

struct race2017 {
	int		fd;
	bool		huge, by_store, can_punch;
	size_t		unit, units;
	char		*maps[MAPS];
	atomic_ulong	go, begun, done;	/* how many loads */
	uint64_t	seen;
	double		delay;		/* of the load */
};

/* Where in which page is the load number @number? */
static size_t place(const struct race2017 *race, unsigned long number)
{
	size_t offset = number % race->units * race->unit;

	return offset + number * 13 * PAGE % race->unit + 8;
}

static void wait_for(double seconds)
{
	double until = now() + seconds;

	while (now() < until)
		;
}

static void *load_all(void *argument)
{
	struct race2017 *race = argument;
	unsigned long number = 0;

	while (!atomic_load(&stop)) {
		if (atomic_load(&race->go) == number) {
			sched_yield();
			continue;
		}
		atomic_store(&race->begun, ++number);
		wait_for(race->delay);
		race->seen = load(race->maps[LOADS] + place(race, number - 1));
		atomic_store(&race->done, number);
	}
	return NULL;
}

/* All of the file a hole, of which nothing is mapped. */
static void make_hole(struct race2017 *race)
{
	size_t size = race->units * race->unit, map;

	if (race->can_punch) {
		if (fallocate(race->fd, operations[PUNCH].mode, 0, size))
			err(2, "punch");
	} else {
		resize(race->fd, 0);
		resize(race->fd, size);
	}
	/* Where a table of PTEs has been, there is no PMD until it is unmapped. */
	for (map = 0; race->huge && map < MAPS; map++)
		if (mmap(race->maps[map], size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, race->fd, 0) == MAP_FAILED)
			err(2, "mmap");
}

/* Anything else than @due is wrong, now and ever after. */
static void look(const struct race2017 *race, unsigned long number,
		 uint64_t due)
{
	static const char *const names[MAPS] = {
		"that of the load", "that of the store", "a third one"
	};
	size_t offset = place(race, number), map;
	uint64_t is;

	if (read_at(race->fd, &is, sizeof(is), offset) != sizeof(is) ||
	    is != due)
		failed("load %lu: read(2) sees %" PRIu64, number, is);
	for (map = 0; map < MAPS; map++) {
		is = load(race->maps[map] + offset);
		if (is != due)
			failed("load %lu, beside a %s: mapping %zu, %s, shows %" PRIu64 " for ever",
			       number, race->by_store ? "store" : "write(2)",
			       map, names[map], is);
	}
}

/* The argument is WRITE if write(2) is what gives the page a block. */
void race2017(const struct point *point)
{
	struct race2017 race = {
		.fd = create_file(directory), .huge = point->huge,
		.by_store = point->argument != WRITE,
		.unit = point->huge ? HUGE : PAGE, .units = point->huge ? 4 : 32,
	};
	unsigned long number = 0, zeros = 0;
	double begin = now(), until;
	uint64_t random = seed | 1;
	pthread_t thread;
	size_t map;

	race.can_punch = has_fallocate(race.fd, PUNCH);
	resize(race.fd, race.units * race.unit);
	for (map = 0; map < MAPS; map++) {
		race.maps[map] = map_file(race.fd, race.units * race.unit,
					  MAP_SHARED, race.huge);
		if (!race.maps[map])
			err(2, "mmap");
	}
	make_hole(&race);
	if (race.huge && !mapped_huge(race.maps[LATER]))
		skip("a hole of %s is not mapped by PMDs here", fs_type);
	thread = start(load_all, &race);
	until = deadline();
	do {
		size_t offset = place(&race, number);
		uint64_t due = number + 1;
		bool early = next_random(&random) & 1;
		double delay;

		if (number % race.units == 0)
			make_hole(&race);
		/* From no time to that of a fault in which the kernel lingers. */
		delay = 4e-3 / (1 << next_random(&random) % 12);
		delay *= next_random(&random) % 1024 / 1024.0;
		race.delay = early ? delay : 0;
		atomic_store(&race.go, number + 1);
		while (atomic_load(&race.begun) != number + 1)
			sched_yield();
		wait_for(early ? 0 : delay);
		if (race.by_store)
			store(race.maps[STORES] + offset, due);
		else
			write_at(race.fd, &due, sizeof(due), offset);
		while (atomic_load(&race.done) != number + 1)
			sched_yield();
		zeros += !race.seen;
		if (race.seen && race.seen != due)
			failed("load %lu: %" PRIu64, number, race.seen);
		look(&race, number, due);
		number++;
	} while (!time_is_up(until));
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	note("%s: %lu loads in %.1f s, of which %lu came before the data",
	     point->name, number, now() - begin, zeros);
}
