/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interval trees with the kernel's interface: a template for a red-black tree
 * of inclusive intervals in the order of their starts, of which those that
 * overlap a given interval are found in O(log n) each.
 *
 * Nothing is ever computed from a start or a last, so that the whole of
 * ITTYPE is usable, its greatest value included.
 */
#ifndef RANGE_LOCK_PLATFORM_LINUX_INTERVAL_TREE_GENERIC_H
#define RANGE_LOCK_PLATFORM_LINUX_INTERVAL_TREE_GENERIC_H

#include <linux/rbtree_augmented.h>

/*
 * ITSTRUCT:   type of the structure that the nodes are part of
 * ITRB:       its member that is the struct rb_node
 * ITTYPE:     type of the ends of an interval
 * ITSUBTREE:  member of type ITTYPE, the greatest last of the subtree
 * ITSTART(n): the start of a node
 * ITLAST(n):  its last
 * ITSTATIC:   static, or nothing
 * ITPREFIX:   what the names of the functions begin with
 *
 * Defines
 *
 *   void ITPREFIX_insert(ITSTRUCT *node, struct rb_root_cached *root)
 *   void ITPREFIX_remove(ITSTRUCT *node, struct rb_root_cached *root)
 *   ITSTRUCT *ITPREFIX_iter_first(root, ITTYPE start, ITTYPE last)
 *   ITSTRUCT *ITPREFIX_iter_next(node, ITTYPE start, ITTYPE last)
 *
 * The last two walk the nodes that overlap [start, last] in the order of
 * their starts, nodes of the same start in the order of their insertion.
 */
#define INTERVAL_TREE_DEFINE(ITSTRUCT, ITRB, ITTYPE, ITSUBTREE,		\
			     ITSTART, ITLAST, ITSTATIC, ITPREFIX)	\
									\
RB_DECLARE_CALLBACKS_MAX(static, ITPREFIX##_augment, ITSTRUCT, ITRB,	\
			 ITTYPE, ITSUBTREE, ITLAST)			\
									\
ITSTATIC void ITPREFIX##_insert(ITSTRUCT *node,				\
				struct rb_root_cached *root)		\
{									\
	struct rb_node **link = &root->rb_root.rb_node, *rb = NULL;	\
	ITTYPE start = ITSTART(node), last = ITLAST(node);		\
	bool leftmost = true;						\
	ITSTRUCT *parent;						\
									\
	while (*link) {							\
		rb = *link;						\
		parent = rb_entry(rb, ITSTRUCT, ITRB);			\
		if (parent->ITSUBTREE < last)				\
			parent->ITSUBTREE = last;			\
		if (start < ITSTART(parent)) {				\
			link = &rb->rb_left;				\
		} else {						\
			link = &rb->rb_right;				\
			leftmost = false;				\
		}							\
	}								\
	node->ITSUBTREE = last;						\
	rb_link_node(&node->ITRB, rb, link);				\
	rb_insert_augmented_cached(&node->ITRB, root, leftmost,		\
				   &ITPREFIX##_augment);		\
}									\
									\
ITSTATIC void ITPREFIX##_remove(ITSTRUCT *node,				\
				struct rb_root_cached *root)		\
{									\
	rb_erase_augmented_cached(&node->ITRB, root,			\
				  &ITPREFIX##_augment);			\
}									\
									\
/* The subtree of @rb, if it has an interval that reaches @start. */	\
static inline ITSTRUCT *ITPREFIX##_reaching(struct rb_node *rb,		\
					    ITTYPE start)		\
{									\
	ITSTRUCT *node = rb_entry_safe(rb, ITSTRUCT, ITRB);		\
									\
	return node && node->ITSUBTREE >= start ? node : NULL;		\
}									\
									\
/*									\
 * The first overlapping node of a subtree. Whenever some interval on	\
 * the left reaches @start, the search may forget the rest: if that	\
 * interval does not overlap, it starts after @last, and so does	\
 * everything to the right of it.					\
 */									\
static inline ITSTRUCT *						\
ITPREFIX##_search(ITSTRUCT *node, ITTYPE start, ITTYPE last)		\
{									\
	ITSTRUCT *left;							\
									\
	while (node) {							\
		left = ITPREFIX##_reaching(node->ITRB.rb_left, start);	\
		if (left) {						\
			node = left;					\
			continue;					\
		}							\
		if (last < ITSTART(node))				\
			return NULL;					\
		if (ITLAST(node) >= start)				\
			return node;					\
		node = ITPREFIX##_reaching(node->ITRB.rb_right, start);	\
	}								\
	return NULL;							\
}									\
									\
ITSTATIC ITSTRUCT *							\
ITPREFIX##_iter_first(struct rb_root_cached *root, ITTYPE start,	\
		      ITTYPE last)					\
{									\
	ITSTRUCT *first;						\
									\
	/* Often the tree lies on one side, which its ends show. */	\
	if (!root->rb_leftmost)						\
		return NULL;						\
	first = rb_entry(root->rb_leftmost, ITSTRUCT, ITRB);		\
	if (last < ITSTART(first))					\
		return NULL;						\
	return ITPREFIX##_search(					\
		ITPREFIX##_reaching(root->rb_root.rb_node, start),	\
		start, last);						\
}									\
									\
ITSTATIC ITSTRUCT *							\
ITPREFIX##_iter_next(ITSTRUCT *node, ITTYPE start, ITTYPE last)		\
{									\
	struct rb_node *rb = &node->ITRB, *child = rb->rb_right;	\
									\
	for (;;) {							\
		node = ITPREFIX##_reaching(child, start);		\
		if (node)						\
			return ITPREFIX##_search(node, start, last);	\
									\
		/* What comes next is above, where we are on its left. */ \
		do {							\
			child = rb;					\
			rb = rb_parent(rb);				\
			if (!rb)					\
				return NULL;				\
		} while (child == rb->rb_right);			\
									\
		node = rb_entry(rb, ITSTRUCT, ITRB);			\
		if (last < ITSTART(node))				\
			return NULL;					\
		if (ITLAST(node) >= start)				\
			return node;					\
		child = rb->rb_right;					\
	}								\
}

#endif
