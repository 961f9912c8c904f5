// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks that are allocated as neighbours of another one. A file system may
 * convert more unwritten blocks than it was asked to: ext4 rather writes zeros
 * to some blocks beside the one that is needed than to split an extent in
 * three. A page whose block is converted that way may have a zero page mapped,
 * and is not unmapped then. That is right as long as the block is full of
 * zeros, and wrong as soon as it is written.
 *
 * One thread; nothing here depends on time.
 */
#define _GNU_SOURCE
#include "dax_test.h"

#define MAPS		2

/* An extent of @pages, of which @first is the one that is needed first. */
static const struct layout {
	unsigned int start, pages, first;
} layouts[] = {
	/* All of them are converted at once. */
	{ 0, 2, 0 }, { 0, 2, 1 }, { 0, 5, 2 }, { 0, 7, 6 }, { 0, 8, 0 },
	{ 3, 8, 0 }, { 509, 8, 0 }, { 510, 4, 1 }, { 1017, 7, 3 },
	/* Those behind it. */
	{ 0, 8, 3 }, { 0, 9, 2 }, { 0, 20, 17 }, { 5, 64, 60 }, { 500, 40, 34 },
	/* Those before it. */
	{ 0, 20, 3 }, { 7, 9, 1 }, { 508, 100, 5 },
	/* None, as far as ext4 goes today. */
	{ 0, 1, 0 }, { 0, 40, 20 }, { 9, 100, 50 },
};

/* Of huge entries; what is needed before @first is the fourth page behind it. */
static const struct layout huge_layouts[] = {
	{ 0, 512, 500 }, { 0, 1024, 1012 }, { 512, 512, 502 },
};

/* What is written to a page, and where; the last goes on in the next page. */
static const struct part {
	unsigned int offset, length;
} parts[] = {
	{ 0, PAGE }, { 1000, 100 }, { PAGE / 2, PAGE },
};

#define LAYOUTS		(sizeof(layouts) / sizeof(*layouts))
#define HUGE_LAYOUTS	(sizeof(huge_layouts) / sizeof(*huge_layouts))
#define PARTS		(sizeof(parts) / sizeof(*parts))

struct stale {
	int		fd;
	bool		huge, can_allocate;
	size_t		size;		/* of the file */
	char		*maps[MAPS];	/* where @huge, the second is not */
	char		*model, *buffer;
	char		text[128];	/* which case it is */
	unsigned int	pages;		/* that showed something else */
};

/* The first one is what is told. */
static void compare(struct stale *stale, size_t start, size_t length)
{
	size_t page, map;

	if (start + length > stale->size)
		length = stale->size - start;
	if (read_at(stale->fd, stale->buffer, length, start) != length ||
	    memcmp(stale->buffer, stale->model + start, length))
		failed("%s: read(2) of [%zu, +%zu] differs", stale->text, start,
		       length);
	for (page = start / PAGE; page * PAGE < start + length; page++)
		for (map = 0; map < MAPS; map++) {
			if (!memcmp(stale->maps[map] + page * PAGE,
				    stale->model + page * PAGE, PAGE))
				continue;
			stale->pages++;
			failed("%s: mapping %zu does not show what is in page %zu",
			       stale->text, map, page);
		}
}

static void touch(struct stale *stale, size_t page, const struct part *part,
		  bool store_it)
{
	size_t start = page * PAGE + part->offset, length = part->length;
	char *map = stale->maps[stale->huge ? 1 : page % MAPS];

	if (start + length > stale->size)
		length = stale->size - start;
	memset(stale->model + start, 1 + page % 255, length);
	if (store_it)
		memset(map + start, 1 + page % 255, length);
	else
		write_at(stale->fd, stale->model + start, length, start);
}

/* A zero page for each page that has no block, in each mapping. */
static void fault_in(struct stale *stale, const struct layout *layout)
{
	size_t page, map;

	for (map = 0; map < MAPS; map++)
		for (page = 0; page < layout->pages; page++)
			if (load(stale->maps[map] +
				 (layout->start + page) * PAGE) == BUS)
				errx(2, "SIGBUS");
}

static void play(struct stale *stale, const struct layout *layout,
		 const struct part *part, bool store_first, bool store_others)
{
	size_t first = layout->start + layout->first, page, i;
	size_t from = layout->start, to = layout->start + layout->pages;

	if (fsync(stale->fd))
		err(2, "fsync");
	stale->size = (layout->start + layout->pages) * PAGE;
	resize(stale->fd, 0);
	if (!stale->can_allocate)
		resize(stale->fd, stale->size);
	else if (fallocate(stale->fd, 0, layout->start * PAGE,
			   layout->pages * PAGE))
		err(2, "fallocate");
	memset(stale->model, 0, stale->size);
	for (i = 0; i < MAPS; i++)
		if (mmap(stale->maps[i], stale->size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, stale->fd, 0) == MAP_FAILED)
			err(2, "mmap");
	/* A huge zero page goes as a whole when the first page is touched. */
	if (stale->huge) {
		if (!mapped_huge(stale->maps[0] + (first * PAGE & -HUGE)))
			skip("a hole of %s is not mapped by PMDs here", fs_type);
		fault_in(stale, layout);
		touch(stale, first + 4, part, store_first);
	}
	fault_in(stale, layout);
	touch(stale, first, part, store_first);
	compare(stale, 0, stale->size);
	if (from + 16 < first)
		from = first - 16;
	if (to > first + 16)
		to = first + 16;
	for (page = from; page < to; page++) {
		if (page == first)
			continue;
		touch(stale, page, part, store_others && page & 1);
		compare(stale, page * PAGE, 2 * PAGE);
	}
	compare(stale, 0, stale->size);
}

/* The argument is WRITE if write(2) is what needs the first block. */
void zeroout(const struct point *point)
{
	const struct layout *layout = point->huge ? huge_layouts : layouts;
	size_t count = point->huge ? HUGE_LAYOUTS : LAYOUTS, i, part, map;
	bool by_store = point->argument != WRITE;
	unsigned int cases = 0, bad = 0, before;
	struct stale stale = {
		.fd = create_file(directory), .huge = point->huge,
		.model = malloc(2 * HUGE), .buffer = malloc(2 * HUGE),
	};

	if (!stale.model || !stale.buffer)
		err(2, "malloc");
	stale.can_allocate = has_fallocate(stale.fd, ALLOCATE);
	for (map = 0; map < MAPS; map++) {
		stale.maps[map] = map_file(stale.fd, 2 * HUGE, MAP_SHARED,
					   point->huge && !map);
		if (!stale.maps[map])
			err(2, "mmap");
	}
	for (i = 0; i < count; i++)
		for (part = 0; part < PARTS; part++) {
			snprintf(stale.text, sizeof(stale.text),
				 "%u pages from %u, %s page %u, %u bytes",
				 layout[i].pages, layout[i].start,
				 by_store ? "store to" : "write(2) to",
				 layout[i].first, parts[part].length);
			before = stale.pages;
			play(&stale, &layout[i], &parts[part], by_store,
			     by_store && part == 1);
			cases++;
			bad += stale.pages != before;
		}
	note("%s: %u of %u cases had stale pages, of %s", point->name, bad,
	     cases, stale.can_allocate ? "unwritten blocks" : "holes");
}
