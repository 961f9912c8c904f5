/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Red-black trees with the kernel's interface.
 *
 * The user walks down from rb_root.rb_node by a comparison of its own, hangs
 * the node on the empty link it arrives at with rb_link_node(), and calls
 * rb_insert_color() to have the tree balanced.
 *
 * Whether a tree is empty may be asked without the lock that protects it.
 */
#ifndef RANGE_LOCK_PLATFORM_LINUX_RBTREE_H
#define RANGE_LOCK_PLATFORM_LINUX_RBTREE_H

#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/types.h>

/*
 * The names of the kernel's tree are also those of every other copy of it. A
 * program may link one beside this static library, so ours have a prefix of
 * their own.
 */
#define rb_erase		range_lock__rb_erase
#define rb_erase_fixup		range_lock__rb_erase_fixup
#define rb_first		range_lock__rb_first
#define rb_insert_color		range_lock__rb_insert_color
#define rb_insert_fixup		range_lock__rb_insert_fixup
#define rb_last			range_lock__rb_last
#define rb_next			range_lock__rb_next
#define rb_prev			range_lock__rb_prev

/*
 * Nodes are aligned, so the lowest bit of the parent's address is free to
 * hold the colour: 0 is red, 1 is black.
 */
struct rb_node {
	unsigned long __rb_parent_color;
	struct rb_node *rb_right;
	struct rb_node *rb_left;
} __attribute__((__aligned__(sizeof(long))));

struct rb_root {
	struct rb_node *rb_node;
};

/* A tree that knows its first node. */
struct rb_root_cached {
	struct rb_root rb_root;
	struct rb_node *rb_leftmost;
};

#define RB_ROOT			(struct rb_root) { NULL }
#define RB_ROOT_CACHED		(struct rb_root_cached) { { NULL }, NULL }

#define RB_EMPTY_ROOT(root)	(!READ_ONCE((root)->rb_node))

/* A node that is in no tree may be marked as such: it is its own parent. */
#define RB_EMPTY_NODE(node)						\
	((node)->__rb_parent_color == (unsigned long)(node))
#define RB_CLEAR_NODE(node)						\
	((node)->__rb_parent_color = (unsigned long)(node))

#define rb_parent(node)							\
	((struct rb_node *)((node)->__rb_parent_color & ~1UL))

#define rb_entry(ptr, type, member)	container_of(ptr, type, member)

#define rb_entry_safe(ptr, type, member) ({				\
	__typeof__(ptr) __ptr = (ptr);					\
									\
	__ptr ? rb_entry(__ptr, type, member) : NULL;			\
})

#define rb_first_cached(root)	((root)->rb_leftmost)

/* The first and last node of a tree, or NULL. */
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);

/* The node after and before this one, or NULL; of a cleared node, NULL. */
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);

/* Hangs @node, red and without children, on the empty @link of @parent. */
static inline void rb_link_node(struct rb_node *node, struct rb_node *parent,
				struct rb_node **link)
{
	node->__rb_parent_color = (unsigned long)parent;
	node->rb_left = NULL;
	node->rb_right = NULL;
	WRITE_ONCE(*link, node);
}

/* Balances the tree after rb_link_node(). */
void rb_insert_color(struct rb_node *node, struct rb_root *root);

/* Takes @node out of its tree; what the node itself says is then undefined. */
void rb_erase(struct rb_node *node, struct rb_root *root);

#endif
