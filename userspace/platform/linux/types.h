/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's short integer types and the heads of its list types.
 *
 * The system has a header of the same name, which other system headers
 * include for __u32 and its like: it is included first.
 */
#ifndef RANGE_LOCK_PLATFORM_LINUX_TYPES_H
#define RANGE_LOCK_PLATFORM_LINUX_TYPES_H

#include_next <linux/types.h>

#include <stdbool.h>
#include <stddef.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;

struct list_head {
	struct list_head *next, *prev;
};

struct hlist_head {
	struct hlist_node *first;
};

/* @pprev is the address of the pointer that points to this node. */
struct hlist_node {
	struct hlist_node *next, **pprev;
};

#endif
