/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Doubly linked lists with the kernel's interface: list_head is circular with
 * the head as a member, hlist has a head of one pointer.
 *
 * Whether a list is empty may be asked without the lock that protects it, so
 * the pointer that answers it, the one forward from the head, is stored as
 * one access wherever it may be the one that is stored to.
 */
#ifndef RANGE_LOCK_PLATFORM_LINUX_LIST_H
#define RANGE_LOCK_PLATFORM_LINUX_LIST_H

#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/types.h>

/*
 * What a deleted entry points to, so that walking on from it or deleting it
 * again faults: no address in the first page is ever mapped.
 */
#define LIST_POISON1	((void *)0x100)
#define LIST_POISON2	((void *)0x200)

#define LIST_HEAD_INIT(name)	{ &(name), &(name) }
#define LIST_HEAD(name)		struct list_head name = LIST_HEAD_INIT(name)

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	WRITE_ONCE(list->next, list);
	list->prev = list;
}

static inline bool list_empty(const struct list_head *head)
{
	return READ_ONCE(head->next) == head;
}

/* Makes @prev and @next neighbours, dropping whatever was between them. */
static inline void __list_join(struct list_head *prev, struct list_head *next)
{
	next->prev = prev;
	WRITE_ONCE(prev->next, next);
}

/* Adds @entry at the front. */
static inline void list_add(struct list_head *entry, struct list_head *head)
{
	__list_join(entry, head->next);
	__list_join(head, entry);
}

static inline void list_add_tail(struct list_head *entry,
				 struct list_head *head)
{
	__list_join(head->prev, entry);
	__list_join(entry, head);
}

static inline void list_del(struct list_head *entry)
{
	__list_join(entry->prev, entry->next);
	entry->next = LIST_POISON1;
	entry->prev = LIST_POISON2;
}

static inline void list_del_init(struct list_head *entry)
{
	__list_join(entry->prev, entry->next);
	INIT_LIST_HEAD(entry);
}

/* Moves every entry of @list to the front of @head, in the same order. */
static inline void list_splice_init(struct list_head *list,
				    struct list_head *head)
{
	if (list_empty(list))
		return;
	__list_join(list->prev, head->next);
	__list_join(head, list->next);
	INIT_LIST_HEAD(list);
}

#define list_entry(ptr, type, member)	container_of(ptr, type, member)
#define list_first_entry(head, type, member)				\
	list_entry((head)->next, type, member)
#define list_next_entry(pos, member)					\
	list_entry((pos)->member.next, __typeof__(*(pos)), member)

#define list_for_each_entry(pos, head, member)				\
	for (pos = list_first_entry(head, __typeof__(*pos), member);	\
	     &pos->member != (head);					\
	     pos = list_next_entry(pos, member))

/* As above, where the body may delete @pos; @n is the walk's own. */
#define list_for_each_entry_safe(pos, n, head, member)			\
	for (pos = list_first_entry(head, __typeof__(*pos), member),	\
	     n = list_next_entry(pos, member);				\
	     &pos->member != (head);					\
	     pos = n, n = list_next_entry(n, member))

#define HLIST_HEAD_INIT		{ .first = NULL }
#define HLIST_HEAD(name)	struct hlist_head name = HLIST_HEAD_INIT

static inline void INIT_HLIST_HEAD(struct hlist_head *head)
{
	WRITE_ONCE(head->first, NULL);
}

static inline void INIT_HLIST_NODE(struct hlist_node *node)
{
	node->next = NULL;
	node->pprev = NULL;
}

static inline bool hlist_empty(const struct hlist_head *head)
{
	return !READ_ONCE(head->first);
}

/* True of a node after INIT_HLIST_NODE() and hlist_del_init() only. */
static inline bool hlist_unhashed(const struct hlist_node *node)
{
	return !node->pprev;
}

/* Makes @next, which may be NULL, what *@pprev points to. */
static inline void __hlist_join(struct hlist_node **pprev,
				struct hlist_node *next)
{
	if (next)
		next->pprev = pprev;
	WRITE_ONCE(*pprev, next);
}

static inline void hlist_add_head(struct hlist_node *node,
				  struct hlist_head *head)
{
	__hlist_join(&node->next, head->first);
	__hlist_join(&head->first, node);
}

static inline void hlist_del(struct hlist_node *node)
{
	__hlist_join(node->pprev, node->next);
	node->next = LIST_POISON1;
	node->pprev = LIST_POISON2;
}

static inline void hlist_del_init(struct hlist_node *node)
{
	if (hlist_unhashed(node))
		return;
	__hlist_join(node->pprev, node->next);
	INIT_HLIST_NODE(node);
}

/* Moves the whole of @from to @to, whose former entries are forgotten. */
static inline void hlist_move_list(struct hlist_head *from,
				   struct hlist_head *to)
{
	__hlist_join(&to->first, from->first);
	INIT_HLIST_HEAD(from);
}

#define hlist_entry(ptr, type, member)	container_of(ptr, type, member)

#define hlist_entry_safe(ptr, type, member) ({				\
	__typeof__(ptr) __ptr = (ptr);					\
									\
	__ptr ? hlist_entry(__ptr, type, member) : NULL;		\
})

#define hlist_for_each_entry(pos, head, member)				\
	for (pos = hlist_entry_safe((head)->first, __typeof__(*(pos)),	\
				    member);				\
	     pos;							\
	     pos = hlist_entry_safe((pos)->member.next,			\
				    __typeof__(*(pos)), member))

/* As above, where the body may delete @pos; @n is a struct hlist_node *. */
#define hlist_for_each_entry_safe(pos, n, head, member)			\
	for (pos = hlist_entry_safe((head)->first, __typeof__(*(pos)),	\
				    member);				\
	     pos && ({ n = (pos)->member.next; true; });		\
	     pos = hlist_entry_safe(n, __typeof__(*(pos)), member))

#endif
