// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Red-black trees: walking and balancing.
 *
 * 1) The root is black.
 * 2) A red node has no red child.
 * 3) Every path from a node down to an absent child has the same number of
 *    black nodes.
 *
 * Each step below is written for one side and mirrored by @left, a constant
 * wherever the step is used.
 */
#include <linux/rbtree_augmented.h>

static __always_inline struct rb_node **rb_child(struct rb_node *node,
						 bool left)
{
	return left ? &node->rb_left : &node->rb_right;
}

/* The far end of the subtree of @node on one side. */
static __always_inline struct rb_node *rb_end(struct rb_node *node, bool left)
{
	if (!node)
		return NULL;
	while (*rb_child(node, left))
		node = *rb_child(node, left);
	return node;
}

/* The nearest node in order on one side. */
static __always_inline struct rb_node *rb_neighbour(const struct rb_node *from,
						    bool left)
{
	/* The nodes are const to this function, not to its callers. */
	struct rb_node *node = (struct rb_node *)from;
	struct rb_node *child;

	if (RB_EMPTY_NODE(node))
		return NULL;
	if (*rb_child(node, left))
		return rb_end(*rb_child(node, left), !left);
	do {
		child = node;
		node = rb_parent(child);
	} while (node && *rb_child(node, left) == child);
	return node;
}

struct rb_node *rb_first(const struct rb_root *root)
{
	return rb_end(root->rb_node, true);
}

struct rb_node *rb_last(const struct rb_root *root)
{
	return rb_end(root->rb_node, false);
}

struct rb_node *rb_next(const struct rb_node *node)
{
	return rb_neighbour(node, false);
}

struct rb_node *rb_prev(const struct rb_node *node)
{
	return rb_neighbour(node, true);
}

/*
 * Moves @down one level down, to the side @left; its child from the other
 * side takes its place. With @left:
 *
 *	down            up        upper place
 *	/  \           /  \
 *	a   up   -->  down  c     lower place
 *	   /  \      /  \
 *	   b   c     a   b
 *
 * Colours stay with the places. So where the lower place is red, 3) is kept;
 * where it is black, the paths into a have one black node more than before,
 * and those into c one fewer.
 */
static __always_inline void
rb_rotate(struct rb_node *down, struct rb_root *root, bool left,
	  void (*rotate)(struct rb_node *, struct rb_node *))
{
	struct rb_node *up = *rb_child(down, !left);
	struct rb_node *middle = *rb_child(up, left);
	unsigned long color = rb_color(up);

	rb_relink(rb_parent(down), down, up, root);
	up->__rb_parent_color = down->__rb_parent_color;
	down->__rb_parent_color = (unsigned long)up | color;
	*rb_child(up, left) = down;
	*rb_child(down, !left) = middle;
	if (middle)
		rb_set_parent(middle, down);
	if (rotate)
		rotate(down, up);
}

/*
 * 2) fails between @node and @parent, the @left child of @grandparent, which
 * is black. Returns true when it holds again; else it may now fail between
 * @grandparent and its parent, or 1) may.
 */
static __always_inline bool
rb_insert_step(struct rb_node *node, struct rb_node *parent,
	       struct rb_node *grandparent, struct rb_root *root, bool left,
	       void (*rotate)(struct rb_node *, struct rb_node *))
{
	struct rb_node *uncle = *rb_child(grandparent, !left);

	/* The blackness of the grandparent goes down to both its children. */
	if (rb_is_red(uncle)) {
		rb_set_black(parent);
		rb_set_black(uncle);
		grandparent->__rb_parent_color &= ~RB_BLACK;
		return false;
	}

	/*
	 * The uncle is black: one of the two red nodes goes over to its side.
	 * It has to be the outer one of three in a row.
	 */
	if (node == *rb_child(parent, !left))
		rb_rotate(parent, root, left, rotate);
	rb_rotate(grandparent, root, !left, rotate);
	return true;
}

void rb_insert_fixup(struct rb_node *node, struct rb_root *root,
		     void (*rotate)(struct rb_node *, struct rb_node *))
{
	struct rb_node *parent = rb_parent(node);
	struct rb_node *grandparent;
	bool done;

	do {
		/* A red parent is not the root. */
		grandparent = rb_parent(parent);
		if (parent == grandparent->rb_left)
			done = rb_insert_step(node, parent, grandparent, root,
					      true, rotate);
		else
			done = rb_insert_step(node, parent, grandparent, root,
					      false, rotate);
		if (done)
			return;
		node = grandparent;
		parent = rb_parent(node);
		if (!parent) {
			rb_set_black(node);
			return;
		}
	} while (rb_is_red(parent));
}

/*
 * Paths through the @left child of @parent are one black node short. Returns
 * true when they no longer are; else all those through @parent are now.
 */
static __always_inline bool
rb_erase_step(struct rb_node *parent, struct rb_root *root, bool left,
	      void (*rotate)(struct rb_node *, struct rb_node *))
{
	/* By 3) there is a sibling. */
	struct rb_node *sibling = *rb_child(parent, !left);

	/* Make it a black one: a child of the red one, which has two. */
	if (rb_is_red(sibling)) {
		rb_rotate(parent, root, left, rotate);
		sibling = *rb_child(parent, !left);
	}

	if (!rb_is_red(*rb_child(sibling, !left))) {
		if (!rb_is_red(*rb_child(sibling, left))) {
			/* Make its side one short as well, or none if we can. */
			sibling->__rb_parent_color &= ~RB_BLACK;
			if (!rb_is_red(parent))
				return false;
			rb_set_black(parent);
			return true;
		}
		/* Have the red one of its children on the far side. */
		rb_rotate(sibling, root, !left, rotate);
		sibling = *rb_child(parent, !left);
	}

	/*
	 * The short side gets a black node, which the far one loses: the red
	 * child there makes up for it.
	 */
	rb_set_black(*rb_child(sibling, !left));
	rb_rotate(parent, root, left, rotate);
	/* The sibling was black, and so is the parent in its place. */
	return true;
}

void rb_erase_fixup(struct rb_node *parent, struct rb_root *root,
		    void (*rotate)(struct rb_node *, struct rb_node *))
{
	struct rb_node *node = NULL;
	bool done;

	do {
		/* Where @node is absent, by 3) its sibling is not. */
		if (node == parent->rb_left)
			done = rb_erase_step(parent, root, true, rotate);
		else
			done = rb_erase_step(parent, root, false, rotate);
		if (done)
			return;
		node = parent;
		parent = rb_parent(node);
	} while (parent);
}

void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
	rb_insert_augmented(node, root, NULL);
}

void rb_erase(struct rb_node *node, struct rb_root *root)
{
	rb_erase_augmented(node, root, NULL);
}
