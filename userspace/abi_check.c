// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Compiles only while the public header says the same as the library does.
 *
 * Both headers define structures of the same names, and C can't see two of one
 * name. So the Makefile makes a copy of the public header, in which the
 * definitions of structures, and nothing else, are renamed to public_*. Its
 * prototypes still name the lock's own structures, so that the compiler
 * compares each with the lock's prototype, or with the library's function.
 */
#include "librangelock.c"

#include <linux/build_bug.h>
#include <linux/limits.h>
#include <stddef.h>
#include <stdint.h>

/* What both headers define goes to the public one, from here on. */
enum {
	LOCK_FULL = RANGE_LOCK_FULL,
	LOCK_BOUND_NS = RANGE_LOCK_BOUND_NS,
};

#undef RANGE_LOCK_FULL
#undef RANGE_LOCK_BOUND_NS
#undef DEFINE_RANGE_LOCK_TREE

/* The kernel's 64-bit type is not the C library's, except to the linker. */
static_assert(sizeof(uint64_t) == sizeof(u64) && (uint64_t)-1 > 0);
#define uint64_t u64

#include "public_range_lock.h"

static_assert(RANGE_LOCK_FULL == LOCK_FULL);
static_assert(RANGE_LOCK_BOUND_NS == LOCK_BOUND_NS);

/*
 * What DEFINE_RANGE_LOCK_TREE() fills in: zeros, but for the bound. Hence
 * every member has to lie where it does in the lock, as far as C can ask. That a tree made by the
 * one is also byte by byte what range_lock_tree_init() makes is for a test.
 */
#define SAME_PLACE(public_member, member)				\
	static_assert(offsetof(struct public_range_lock_tree,		\
			       public_member) ==			\
		      offsetof(struct range_lock_tree, member) &&	\
		      sizeof(((struct public_range_lock_tree *)0)	\
			     ->public_member) ==			\
		      sizeof(((struct range_lock_tree *)0)->member))

SAME_PLACE(opaque_pointers[0], word);
SAME_PLACE(opaque_pointers[1], root);
SAME_PLACE(opaque_pointers[2], shards);
SAME_PLACE(opaque_clock, clock);
SAME_PLACE(opaque_lock, lock);
static_assert(sizeof(struct public_range_lock_tree) ==
	      sizeof(struct range_lock_tree));
static_assert(_Alignof(struct public_range_lock_tree) >=
	      _Alignof(struct range_lock_tree));
static_assert(RANGE_LOCK_SPIN_FREE == 0);

/* A request has room for what later versions may need. */
static_assert(sizeof(struct public_range_lock) >= sizeof(struct range_lock));
static_assert(_Alignof(struct public_range_lock) >=
	      _Alignof(struct range_lock));
#ifdef CONFIG_64BIT
static_assert(sizeof(struct public_range_lock) == 128);
#endif
