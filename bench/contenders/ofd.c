// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * fcntl's open file description locks on a memfd. Their owner is the open
 * file description, so each thread opens its own when it first locks; the
 * descriptors are closed when the lock is destroyed.
 */
#define _GNU_SOURCE
#include "../bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_THREADS	1024

struct ofd {
	uint64_t id;		/* tells a lock from an earlier one at its address */
	int file;
	unsigned int nr_fds;
	int fds[MAX_THREADS];
};

static uint64_t next_id;
static _Thread_local uint64_t my_id;
static _Thread_local int my_fd;

static void *create(void)
{
	struct ofd *ofd = alloc_aligned(sizeof(*ofd));

	ofd->id = __atomic_add_fetch(&next_id, 1, __ATOMIC_RELAXED);
	ofd->file = memfd_create("bench-ofd", MFD_CLOEXEC);
	if (ofd->file < 0)
		die("memfd_create");
	return ofd;
}

static void destroy(void *handle)
{
	struct ofd *ofd = handle;

	while (ofd->nr_fds)
		close(ofd->fds[--ofd->nr_fds]);
	close(ofd->file);
	free(ofd);
}

static int open_mine(struct ofd *ofd)
{
	unsigned int slot;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", ofd->file);
	my_fd = open(path, O_RDWR | O_CLOEXEC);
	if (my_fd < 0)
		die(path);
	slot = __atomic_fetch_add(&ofd->nr_fds, 1, __ATOMIC_RELAXED);
	if (slot >= MAX_THREADS)
		die("ofd: too many threads");
	ofd->fds[slot] = my_fd;
	my_id = ofd->id;
	return my_fd;
}

/* Offsets are signed in fcntl: a length of 0 reaches to the end of them. */
static void set_lock(struct ofd *ofd, short type, uint64_t start, uint64_t last)
{
	struct flock flock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = start,
		.l_len = last >= INT64_MAX ? 0 : last - start + 1,
	};
	int fd = my_id == ofd->id ? my_fd : open_mine(ofd);

	while (fcntl(fd, F_OFD_SETLKW, &flock))
		if (errno != EINTR)
			die("fcntl(F_OFD_SETLKW)");
}

static void lock(void *ofd, void *request, uint64_t start, uint64_t last,
		 bool write)
{
	(void)request;
	set_lock(ofd, write ? F_WRLCK : F_RDLCK, start, last);
}

static void unlock(void *ofd, void *request, uint64_t start, uint64_t last,
		   bool write)
{
	(void)request;
	(void)write;
	set_lock(ofd, F_UNLCK, start, last);
}

const struct contender contender_ofd = {
	.name = "ofd",
	.what = "fcntl OFD locks, an open file description per thread",
	.max_held = 1000,
	.max_held_why = "the kernel keeps a list: holding n takes time n^2",
	.create = create, .destroy = destroy, .lock = lock, .unlock = unlock,
};
