/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs for files on persistent memory share: which file system
 * this is, files, and mappings that do or do not allow huge entries.
 */
#ifndef RANGE_LOCK_SELFTESTS_DAX_H
#define RANGE_LOCK_SELFTESTS_DAX_H

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>
#include <linux/falloc.h>
#include <linux/stat.h>

/* Newer than some C libraries. */
#ifndef STATX_ATTR_DAX
#define STATX_ATTR_DAX	0x00200000
#endif

#define PAGE		4096UL
#define HUGE		(2UL << 20)

static inline double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec * 1e-9;
}

/* xorshift64: each thread has a state of its own, never 0. */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

/*
 * The type of the file system that @path is on, and the name of its device as
 * in /sys/block. Each of at most 31 characters.
 */
static inline void describe_fs(const char *path, char *type, char *device)
{
	char line[1024], source[128];
	unsigned int major, minor;
	struct stat stat_buf;
	FILE *mounts;

	strcpy(type, "unknown");
	strcpy(device, "unknown");
	mounts = fopen("/proc/self/mountinfo", "r");
	if (!mounts || stat(path, &stat_buf))
		err(2, "%s or /proc/self/mountinfo", path);
	while (fgets(line, sizeof(line), mounts)) {
		char *rest = strstr(line, " - "), *slash;

		if (rest && sscanf(line, "%*u %*u %u:%u", &major, &minor) == 2 &&
		    makedev(major, minor) == stat_buf.st_dev &&
		    sscanf(rest, " - %31s %127s", type, source) == 2) {
			slash = strrchr(source, '/');
			snprintf(device, 32, "%.31s", slash ? slash + 1 : source);
		}
	}
	fclose(mounts);
}

static inline bool is_dax(int fd)
{
	struct statx attributes;

	return !statx(fd, "", AT_EMPTY_PATH, 0, &attributes) &&
	       attributes.stx_attributes & STATX_ATTR_DAX;
}

/* An empty file that is gone when the process is. */
static inline int create_file(const char *directory)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/dax-XXXXXX", directory);
	fd = mkstemp(path);
	if (fd < 0)
		err(2, "%s", path);
	unlink(path);
	return fd;
}

/*
 * Map @length bytes of @fd, with PROT_READ and PROT_WRITE. Huge entries are
 * possible where offset and address agree modulo 2 MiB; if not @huge, they
 * differ by a page.
 */
static inline char *map_file(int fd, size_t length, int flags, bool huge)
{
	uintptr_t space;
	void *map;

	map = mmap(NULL, length + 2 * HUGE, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		err(2, "mmap");
	space = ((uintptr_t)map + HUGE - 1) & -HUGE;
	map = mmap((void *)(space + (huge ? 0 : PAGE)), length,
		   PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
	return map == MAP_FAILED ? NULL : map;
}

#endif
