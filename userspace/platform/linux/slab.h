/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory that starts on a cache line. It can run out; nobody ever sleeps. */
#ifndef RANGE_LOCK_LINUX_SLAB_H
#define RANGE_LOCK_LINUX_SLAB_H

#include <stdlib.h>
#include <string.h>

#define GFP_NOWAIT	0
#define __GFP_NOWARN	0

static inline void *kcalloc(size_t n, size_t size, int flags)
{
	void *memory = aligned_alloc(64, n * size);

	(void)flags;
	return memory ? memset(memory, 0, n * size) : NULL;
}

static inline void kfree(const void *memory)
{
	free((void *)memory);
}

#endif
