/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RANGE_LOCK_LINUX_HASH_H
#define RANGE_LOCK_LINUX_HASH_H

#include <linux/types.h>

/* The upper bits of a product with the golden ratio, as far as 64 bits go. */
static inline u32 hash_64(u64 value, unsigned int bits)
{
	return value * 0x9e3779b97f4a7c15ULL >> (64 - bits);
}

#endif
