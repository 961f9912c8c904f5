/* SPDX-License-Identifier: GPL-2.0 */
/* What a test point is, and what dax_test.c has for all of them. */
#ifndef RANGE_LOCK_SELFTESTS_DAX_TEST_H
#define RANGE_LOCK_SELFTESTS_DAX_TEST_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "dax.h"

struct point {
	const char	*name;
	void		(*run)(const struct point *point);
	int		argument;	/* of @run */
	bool		huge;		/* mapped by PMDs */
	/*
	 * Without the lock in one of these paths the point must fail: "fault"
	 * is that of page faults, for read; "truncate", "punch", "zero",
	 * "collapse" and "insert" are those of the operations, for write;
	 * "old_faults" is the order of steps that faults had before 4.12;
	 * "layouts" is no lock, but the wait for pinned pages under it, and
	 * "split" what an insert does after it has restarted its transaction.
	 */
	const char	*paths;
	const char	*why_not;	/* if none can make it fail */
};

extern const char *directory;
extern char fs_type[32];
extern unsigned int seconds;	/* that a point shall take */
extern uint64_t seed;
extern bool write_at_once;	/* see race.c */
extern bool broken;		/* without the lock in some path */

/* Ends all threads of the point. */
extern atomic_bool stop;

/* The first failure counts; what follows from it would only confuse. */
__attribute__((format(printf, 1, 2)))
void failed(const char *format, ...);

/* Ends the point. */
__attribute__((format(printf, 1, 2), noreturn))
void skip(const char *format, ...);

__attribute__((format(printf, 1, 2)))
void note(const char *format, ...);

pthread_t start(void *(*function)(void *), void *argument);
double deadline(void);
bool time_is_up(double until);

/* All of it, as short writes are no failure. */
void write_at(int fd, const void *buffer, size_t length, off_t offset);

/* As much as there is. */
size_t read_at(int fd, void *buffer, size_t length, off_t offset);

void resize(int fd, off_t size);

enum operation { WRITE, TRUNCATE, PUNCH, ZERO, COLLAPSE, INSERT, ALLOCATE };

struct operation_kind {
	const char	*name;
	int		mode;		/* of fallocate(), if it is that */
};

extern const struct operation_kind operations[];

/* False if the file system does not. Leaves @fd with a size of some pages. */
bool has_fallocate(int fd, enum operation operation);

/* Is what @address begins mapped by a PMD? Nobody else may use the mapping. */
bool mapped_huge(char *address);

__attribute__((noreturn))
void skip_huge(void);

/* What load() returns where there is no page; no test stores it. */
#define BUS		UINT64_MAX

/* These two may meet a SIGBUS; store() returns false then. */
uint64_t load(const void *address);
bool store(void *address, uint64_t value);

/* What the buffer of a write(2) is a mapping of: see buffers.c. */
enum buffer_source { SAME_RANGE, OTHER_RANGE, OTHER_FILE, OTHER_FS };

/* The points, in the files that the Makefile lists. */
void race(const struct point *point);
void sync_race(const struct point *point);
void coherence(const struct point *point);
void own_buffer(const struct point *point);
void cross_copy(const struct point *point);
void pinned(const struct point *point);
void direct(const struct point *point);
void freeze(const struct point *point);
void no_space(const struct point *point);
void torture(const struct point *point);
void buffer_storm(const struct point *point);
void buffer_ends(const struct point *point);
void unfilled(const struct point *point);
void zeroout(const struct point *point);
void shift_again(const struct point *point);
void race2017(const struct point *point);

#endif
