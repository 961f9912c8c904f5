/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Red-black trees whose nodes carry a value of their whole subtree.
 *
 * Public are struct rb_augment_callbacks, the functions that take one, and
 * the two templates at the end. The rest serves these and rbtree.c.
 */
#ifndef RANGE_LOCK_PLATFORM_LINUX_RBTREE_AUGMENTED_H
#define RANGE_LOCK_PLATFORM_LINUX_RBTREE_AUGMENTED_H

#include <linux/rbtree.h>

struct rb_augment_callbacks {
	/*
	 * Recomputes the values from @node upwards, up to but not including
	 * @stop or, where that is NULL, to the root. May end early at a node
	 * whose value turns out unchanged.
	 */
	void (*propagate)(struct rb_node *node, struct rb_node *stop);
	/* Gives @to the value of @from. */
	void (*copy)(struct rb_node *from, struct rb_node *to);
	/*
	 * @up has just taken the place of @down and has it as a child, so the
	 * value of @down is now that of @up, and @down needs a fresh one.
	 */
	void (*rotate)(struct rb_node *down, struct rb_node *up);
};

#define RB_RED		0UL
#define RB_BLACK	1UL

static inline unsigned long rb_color(const struct rb_node *node)
{
	return node->__rb_parent_color & RB_BLACK;
}

/* An absent node is black. */
static inline bool rb_is_red(const struct rb_node *node)
{
	return node && rb_color(node) == RB_RED;
}

static inline void rb_set_black(struct rb_node *node)
{
	node->__rb_parent_color |= RB_BLACK;
}

static inline void rb_set_parent(struct rb_node *node, struct rb_node *parent)
{
	node->__rb_parent_color = (unsigned long)parent | rb_color(node);
}

/* Makes the link that pointed to @from, a child of @parent, point to @to. */
static __always_inline void rb_relink(struct rb_node *parent,
				      const struct rb_node *from,
				      struct rb_node *to, struct rb_root *root)
{
	if (!parent)
		WRITE_ONCE(root->rb_node, to);
	else if (parent->rb_left == from)
		parent->rb_left = to;
	else
		parent->rb_right = to;
}

/* @node and its parent are red, everything else is as it should be. */
void rb_insert_fixup(struct rb_node *node, struct rb_root *root,
		     void (*rotate)(struct rb_node *, struct rb_node *));

/*
 * One child of @parent is missing; paths through there have a black node
 * fewer than they should, everything else is as it should be.
 */
void rb_erase_fixup(struct rb_node *parent, struct rb_root *root,
		    void (*rotate)(struct rb_node *, struct rb_node *));

/*
 * Balances the tree after rb_link_node(). Before that call the user has put
 * @node into the value of each node on the way to it, and set its own.
 */
static __always_inline void
rb_insert_augmented(struct rb_node *node, struct rb_root *root,
		    const struct rb_augment_callbacks *augment)
{
	struct rb_node *parent = rb_parent(node);

	if (!parent)
		rb_set_black(node);
	else if (rb_is_red(parent))
		rb_insert_fixup(node, root, augment ? augment->rotate : NULL);
}

/* @newleft: the way to the node turned left at every node. */
static __always_inline void
rb_insert_augmented_cached(struct rb_node *node, struct rb_root_cached *root,
			   bool newleft,
			   const struct rb_augment_callbacks *augment)
{
	if (newleft)
		root->rb_leftmost = node;
	rb_insert_augmented(node, &root->rb_root, augment);
}

/*
 * Takes @node out of the tree and leaves every value exact. Returns the node
 * of which a black child is now missing, or NULL if the colours are right.
 *
 * The place that falls empty is that of a node with at most one child. Such a
 * child is red and without children, since the other side has no black node
 * to match: it moves up and, made black, is what its parent was.
 */
static __always_inline struct rb_node *
rb_unlink(struct rb_node *node, struct rb_root *root,
	  const struct rb_augment_callbacks *augment)
{
	struct rb_node *parent = rb_parent(node);
	struct rb_node *left = node->rb_left;
	struct rb_node *right = node->rb_right;
	struct rb_node *heir, *child, *above;
	unsigned long color;

	if (!left || !right) {
		child = left ? left : right;
		above = parent;
		color = rb_color(node);
		if (child)
			child->__rb_parent_color = node->__rb_parent_color;
		rb_relink(parent, node, child, root);
		if (augment)
			augment->propagate(parent, NULL);
	} else {
		/*
		 * The next node in order, which has no left child, leaves its
		 * own place and takes that of @node, colour included.
		 */
		heir = right;
		while (heir->rb_left)
			heir = heir->rb_left;
		child = heir->rb_right;
		color = rb_color(heir);
		if (heir == right) {
			above = heir;
		} else {
			above = rb_parent(heir);
			above->rb_left = child;
			heir->rb_right = right;
			rb_set_parent(right, heir);
		}
		if (child)
			child->__rb_parent_color = (unsigned long)above | color;
		heir->rb_left = left;
		rb_set_parent(left, heir);
		heir->__rb_parent_color = node->__rb_parent_color;
		rb_relink(parent, node, heir, root);
		if (augment) {
			/*
			 * The value of @node, not the one it had lower down,
			 * is what an unchanged value of @heir is measured by.
			 */
			augment->copy(node, heir);
			augment->propagate(above, heir);
			augment->propagate(heir, NULL);
		}
	}

	return !child && color == RB_BLACK ? above : NULL;
}

/* Takes @node out of its tree; what the node itself says is then undefined. */
static __always_inline void
rb_erase_augmented(struct rb_node *node, struct rb_root *root,
		   const struct rb_augment_callbacks *augment)
{
	struct rb_node *parent = rb_unlink(node, root, augment);

	if (parent)
		rb_erase_fixup(parent, root, augment ? augment->rotate : NULL);
}

static __always_inline void
rb_erase_augmented_cached(struct rb_node *node, struct rb_root_cached *root,
			  const struct rb_augment_callbacks *augment)
{
	/*
	 * The first node has no left child, so all there can be on its right
	 * is one red node.
	 */
	if (root->rb_leftmost == node)
		root->rb_leftmost = node->rb_right ? node->rb_right
						   : rb_parent(node);
	rb_erase_augmented(node, &root->rb_root, augment);
}

/*
 * Defines the callbacks, as a struct rb_augment_callbacks called RBNAME.
 *
 * RBSTATIC:    static, or nothing
 * RBSTRUCT:    type of the structure that the nodes are part of
 * RBFIELD:     its member that is the struct rb_node
 * RBAUGMENTED: its member that is the value of the subtree; it is copied by
 *              assignment and may be a structure
 * RBCOMPUTE:   bool RBCOMPUTE(RBSTRUCT *node, bool exit) sets the value of
 *              @node from the node itself and the values of its children. It
 *              returns true if @exit and the value was that already.
 */
#define RB_DECLARE_CALLBACKS(RBSTATIC, RBNAME, RBSTRUCT, RBFIELD,	\
			     RBAUGMENTED, RBCOMPUTE)			\
static inline void RBNAME##_propagate(struct rb_node *rb,		\
				      struct rb_node *stop)		\
{									\
	for (; rb != stop; rb = rb_parent(rb))				\
		if (RBCOMPUTE(rb_entry(rb, RBSTRUCT, RBFIELD), true))	\
			break;						\
}									\
									\
static inline void RBNAME##_copy(struct rb_node *from,			\
				 struct rb_node *to)			\
{									\
	rb_entry(to, RBSTRUCT, RBFIELD)->RBAUGMENTED =			\
		rb_entry(from, RBSTRUCT, RBFIELD)->RBAUGMENTED;		\
}									\
									\
static void RBNAME##_rotate(struct rb_node *down, struct rb_node *up)	\
{									\
	RBNAME##_copy(down, up);					\
	RBCOMPUTE(rb_entry(down, RBSTRUCT, RBFIELD), false);		\
}									\
									\
RBSTATIC const struct rb_augment_callbacks RBNAME = {			\
	.propagate = RBNAME##_propagate,				\
	.copy = RBNAME##_copy,						\
	.rotate = RBNAME##_rotate,					\
};

/*
 * The same, where the value is the greatest RBCOMPUTE(node) of the subtree.
 *
 * RBTYPE:      type of RBAUGMENTED, an integer type
 * RBCOMPUTE:   what a node by itself counts for
 */
#define RB_DECLARE_CALLBACKS_MAX(RBSTATIC, RBNAME, RBSTRUCT, RBFIELD,	\
				 RBTYPE, RBAUGMENTED, RBCOMPUTE)	\
static inline bool RBNAME##_compute_max(RBSTRUCT *node, bool exit)	\
{									\
	struct rb_node *left = node->RBFIELD.rb_left;			\
	struct rb_node *right = node->RBFIELD.rb_right;			\
	RBTYPE greatest = RBCOMPUTE(node), of_child;			\
									\
	if (left) {							\
		of_child = rb_entry(left, RBSTRUCT, RBFIELD)->RBAUGMENTED; \
		if (of_child > greatest)				\
			greatest = of_child;				\
	}								\
	if (right) {							\
		of_child = rb_entry(right, RBSTRUCT, RBFIELD)->RBAUGMENTED; \
		if (of_child > greatest)				\
			greatest = of_child;				\
	}								\
	if (exit && node->RBAUGMENTED == greatest)			\
		return true;						\
	node->RBAUGMENTED = greatest;					\
	return false;							\
}									\
RB_DECLARE_CALLBACKS(RBSTATIC, RBNAME, RBSTRUCT, RBFIELD, RBAUGMENTED,	\
		     RBNAME##_compute_max)

#endif
