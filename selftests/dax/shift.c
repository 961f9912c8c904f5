// SPDX-License-Identifier: GPL-2.0
/*
 * An insert, and meanwhile a store to the page in front of it. To shift what is
 * behind, ext4 may have to begin another transaction, and others get at the
 * extents before it goes on. If the store converts its block, that is merged with
 * those that are to be shifted, as all of them are in a row on disk. The insert
 * must not take that for an extent that begins too early to be shifted.
 */
#define _GNU_SOURCE
#include "dax_test.h"

#define PAGES		64	/* before the insert, and behind it */
#define INSERTED	3
#define SIZE		((2 * PAGES + INSERTED) * PAGE)

struct shift {
	int		fd;
	char		*map;
	uint64_t	round;
	unsigned int	delay;		/* of the store, in microseconds */
};

static void *store_in_front(void *argument)
{
	struct shift *shift = argument;

	usleep(shift->delay);
	if (!store(shift->map + (PAGES - 1) * PAGE, shift->round))
		failed("SIGBUS in front of the insert");
	return NULL;
}

static uint64_t due_in(const struct shift *shift, size_t page)
{
	if (page == PAGES - 1)
		return shift->round;
	if (page < PAGES + INSERTED)
		return 0;
	return shift->round << 16 | (page - INSERTED);
}

static void play(struct shift *shift, uint64_t *buffer)
{
	pthread_t thread;
	size_t page;

	resize(shift->fd, 0);
	if (fallocate(shift->fd, 0, 0, 2 * PAGES * PAGE))
		err(2, "fallocate");
	memset(buffer, 0, SIZE);
	for (page = PAGES; page < 2 * PAGES; page++)
		buffer[page * PAGE / 8] = shift->round << 16 | page;
	write_at(shift->fd, &buffer[PAGES * PAGE / 8], PAGES * PAGE,
		 PAGES * PAGE);
	thread = start(store_in_front, shift);
	if (fallocate(shift->fd, operations[INSERT].mode, PAGES * PAGE,
		      INSERTED * PAGE))
		failed("insert: %s", strerror(errno));
	pthread_join(thread, NULL);
	if (read_at(shift->fd, buffer, SIZE, 0) != SIZE)
		failed("round %" PRIu64 ": the file is too short", shift->round);
	for (page = 0; page < SIZE / PAGE; page++)
		if (buffer[page * PAGE / 8] != due_in(shift, page))
			failed("round %" PRIu64 ", page %zu: %#" PRIx64 ", where %#" PRIx64 " is due",
			       shift->round, page, buffer[page * PAGE / 8],
			       due_in(shift, page));
}

void shift_again(const struct point *point)
{
	struct shift shift = { .fd = create_file(directory) };
	uint64_t random = seed | 1, *buffer = malloc(SIZE);
	double until = deadline();

	if (!has_fallocate(shift.fd, INSERT))
		skip("%s has no insert range", fs_type);
	if (broken && strcmp(fs_type, "ext4"))
		skip("%s shifts all extents under one lock", fs_type);
	shift.map = map_file(shift.fd, SIZE, MAP_SHARED, false);
	if (!shift.map || !buffer)
		err(2, "no memory");
	do {
		shift.round++;
		shift.delay = (next_random(&random) >> 11) % 1000;
		play(&shift, buffer);
	} while (!time_is_up(until));
	note("%s: %" PRIu64 " inserts", point->name, shift.round);
}
