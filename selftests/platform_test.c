// SPDX-License-Identifier: GPL-2.0
/*
 * Tests the data structures under userspace/platform/: lists, red-black trees
 * plain and augmented, interval trees.
 *
 * Each tree is checked against an array that is kept sorted beside it, which
 * is too simple to be wrong. The seed of the random cases is printed; -s SEED
 * repeats them.
 */
#include <linux/compiler.h>
#include <linux/interval_tree_generic.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/rbtree_augmented.h>
#include <linux/types.h>

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_ITEMS	3000

/* More than any correct tree of MAX_ITEMS nodes, or a check has got lost. */
#define MAX_DEPTH	64

/* The value of a subtree that has two parts, neither of which implies both. */
struct span {
	u64 min, max;
};

struct item {
	u64 start, last;
	u64 weight;
	struct rb_node rb;
	struct span subtree_span;
	u64 subtree_weight;
	u64 subtree_last;
};

static u64 seed;

#define CHECK(condition)						\
	do {								\
		if (!(condition)) {					\
			printf("# line %d: not true: %s\n", __LINE__,	\
			       #condition);				\
			return false;					\
		}							\
	} while (0)

#define CHECK_EQ(actual, expected)					\
	do {								\
		unsigned long long actual_ = (actual);			\
		unsigned long long expected_ = (expected);		\
									\
		if (actual_ != expected_) {				\
			printf("# line %d: %s is %llu, not %s, which is %llu\n", \
			       __LINE__, #actual, actual_, #expected,	\
			       expected_);				\
			return false;					\
		}							\
	} while (0)

/* splitmix64: any seed is a good one. */
static u64 next_random(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static u64 random_below(u64 *state, u64 bound)
{
	return next_random(state) % bound;
}

/* Small numbers, so that starts repeat, or anything with a stress on ends. */
static u64 random_point(u64 *state, u64 domain)
{
	if (domain)
		return random_below(state, domain);

	switch (random_below(state, 8)) {
	case 0:
		return 0;
	case 1:
		return U64_MAX;
	case 2:
		return random_below(state, 4);
	case 3:
		return U64_MAX - random_below(state, 4);
	default:
		return next_random(state);
	}
}

static void random_range(u64 *state, u64 domain, u64 *start, u64 *last)
{
	u64 a = random_point(state, domain);
	u64 b = random_below(state, 3) ? random_point(state, domain) : a;

	*start = min(a, b);
	*last = max(a, b);
}

/* What the cases need of a kind of tree. */
struct tree_kind {
	void (*insert)(struct item *item, struct rb_root_cached *root);
	void (*erase)(struct item *item, struct rb_root_cached *root);
	/* Is the value of this node that of its subtree? */
	bool (*value_is_exact)(const struct item *item);
	bool knows_first;
};

/* A tree and the array that it should agree with. */
struct population {
	const struct tree_kind *kind;
	struct rb_root_cached root;
	struct item *sorted[MAX_ITEMS];
	size_t nr_items;
	struct item items[MAX_ITEMS];
	struct item *spare[MAX_ITEMS];
	size_t nr_spare;
};

static struct population population;

static struct item *to_item(const struct rb_node *rb)
{
	return rb_entry_safe((struct rb_node *)rb, struct item, rb);
}

/* The link where @item belongs, after all of the same start. */
static struct rb_node **find_link(struct item *item, struct rb_root *root,
				  struct rb_node **parent, bool *leftmost,
				  void (*pass)(struct item *above,
					       struct item *item))
{
	struct rb_node **link = &root->rb_node;

	*parent = NULL;
	*leftmost = true;
	while (*link) {
		struct item *above = to_item(*link);

		*parent = *link;
		if (pass)
			pass(above, item);
		if (item->start < above->start) {
			link = &(*link)->rb_left;
		} else {
			link = &(*link)->rb_right;
			*leftmost = false;
		}
	}
	return link;
}

static void plain_insert(struct item *item, struct rb_root_cached *root)
{
	struct rb_node *parent, **link;
	bool leftmost;

	link = find_link(item, &root->rb_root, &parent, &leftmost, NULL);
	rb_link_node(&item->rb, parent, link);
	rb_insert_color(&item->rb, &root->rb_root);
}

static void plain_erase(struct item *item, struct rb_root_cached *root)
{
	rb_erase(&item->rb, &root->rb_root);
}

static const struct tree_kind plain_tree = {
	.insert = plain_insert,
	.erase = plain_erase,
};

static unsigned long nr_span_visits;

static struct span compute_span(const struct item *item)
{
	const struct rb_node *children[] = { item->rb.rb_left,
					     item->rb.rb_right };
	struct span span = { item->weight, item->weight };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(children); i++) {
		if (!children[i])
			continue;
		span.min = min(span.min,
			       to_item(children[i])->subtree_span.min);
		span.max = max(span.max,
			       to_item(children[i])->subtree_span.max);
	}
	return span;
}

static bool update_span(struct item *item, bool exit)
{
	struct span span = compute_span(item);

	if (exit)
		nr_span_visits++;
	if (exit && item->subtree_span.min == span.min &&
	    item->subtree_span.max == span.max)
		return true;
	item->subtree_span = span;
	return false;
}

RB_DECLARE_CALLBACKS(static, span_callbacks, struct item, rb, subtree_span,
		     update_span)

static void pass_span(struct item *above, struct item *item)
{
	above->subtree_span.min = min(above->subtree_span.min, item->weight);
	above->subtree_span.max = max(above->subtree_span.max, item->weight);
}

static void span_insert(struct item *item, struct rb_root_cached *root)
{
	struct rb_node *parent, **link;
	bool leftmost;

	link = find_link(item, &root->rb_root, &parent, &leftmost, pass_span);
	item->subtree_span.min = item->weight;
	item->subtree_span.max = item->weight;
	rb_link_node(&item->rb, parent, link);
	rb_insert_augmented(&item->rb, &root->rb_root, &span_callbacks);
}

static void span_erase(struct item *item, struct rb_root_cached *root)
{
	rb_erase_augmented(&item->rb, &root->rb_root, &span_callbacks);
}

static bool span_is_exact(const struct item *item)
{
	struct span span = compute_span(item);

	CHECK_EQ(item->subtree_span.min, span.min);
	CHECK_EQ(item->subtree_span.max, span.max);
	return true;
}

static const struct tree_kind span_tree = {
	.insert = span_insert,
	.erase = span_erase,
	.value_is_exact = span_is_exact,
};

#define WEIGHT(item)	((item)->weight)

RB_DECLARE_CALLBACKS_MAX(static, weight_callbacks, struct item, rb, u64,
			 subtree_weight, WEIGHT)

static void pass_weight(struct item *above, struct item *item)
{
	above->subtree_weight = max(above->subtree_weight, item->weight);
}

static void weight_insert(struct item *item, struct rb_root_cached *root)
{
	struct rb_node *parent, **link;
	bool leftmost;

	link = find_link(item, &root->rb_root, &parent, &leftmost,
			 pass_weight);
	item->subtree_weight = item->weight;
	rb_link_node(&item->rb, parent, link);
	rb_insert_augmented_cached(&item->rb, root, leftmost,
				   &weight_callbacks);
}

static void weight_erase(struct item *item, struct rb_root_cached *root)
{
	rb_erase_augmented_cached(&item->rb, root, &weight_callbacks);
}

static bool weight_is_exact(const struct item *item)
{
	u64 weight = item->weight;

	if (item->rb.rb_left)
		weight = max(weight, to_item(item->rb.rb_left)->subtree_weight);
	if (item->rb.rb_right)
		weight = max(weight,
			     to_item(item->rb.rb_right)->subtree_weight);
	CHECK_EQ(item->subtree_weight, weight);
	return true;
}

static const struct tree_kind weight_tree = {
	.insert = weight_insert,
	.erase = weight_erase,
	.value_is_exact = weight_is_exact,
	.knows_first = true,
};

#define START(item)	((item)->start)
#define LAST(item)	((item)->last)

INTERVAL_TREE_DEFINE(struct item, rb, u64, subtree_last, START, LAST, static,
		     interval)

static bool subtree_last_is_exact(const struct item *item)
{
	u64 last = item->last;

	if (item->rb.rb_left)
		last = max(last, to_item(item->rb.rb_left)->subtree_last);
	if (item->rb.rb_right)
		last = max(last, to_item(item->rb.rb_right)->subtree_last);
	CHECK_EQ(item->subtree_last, last);
	return true;
}

static const struct tree_kind interval_tree = {
	.insert = interval_insert,
	.erase = interval_remove,
	.value_is_exact = subtree_last_is_exact,
	.knows_first = true,
};

static void population_init(struct population *p, const struct tree_kind *kind)
{
	p->kind = kind;
	p->root = RB_ROOT_CACHED;
	p->nr_items = 0;
	for (p->nr_spare = 0; p->nr_spare < MAX_ITEMS; p->nr_spare++)
		p->spare[p->nr_spare] = &p->items[p->nr_spare];
}

static struct item *population_add(struct population *p, u64 start, u64 last,
				   u64 weight)
{
	struct item *item = p->spare[--p->nr_spare];
	size_t low = 0, high = p->nr_items;

	/* Whatever the tree needs of a node it has to set itself. */
	memset(item, 0xa5, sizeof(*item));
	item->start = start;
	item->last = last;
	item->weight = weight;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (start < p->sorted[middle]->start)
			high = middle;
		else
			low = middle + 1;
	}
	memmove(&p->sorted[low + 1], &p->sorted[low],
		(p->nr_items - low) * sizeof(p->sorted[0]));
	p->sorted[low] = item;
	p->nr_items++;

	p->kind->insert(item, &p->root);
	return item;
}

static void population_remove(struct population *p, size_t index)
{
	struct item *item = p->sorted[index];

	p->kind->erase(item, &p->root);

	p->nr_items--;
	memmove(&p->sorted[index], &p->sorted[index + 1],
		(p->nr_items - index) * sizeof(p->sorted[0]));
	/* A tree that still leads here must not go unnoticed. */
	memset(item, 0x5a, sizeof(*item));
	p->spare[p->nr_spare++] = item;
}

static void population_add_random(struct population *p, u64 *random, u64 domain)
{
	u64 start, last;

	random_range(random, domain, &start, &last);
	population_add(p, start, last, random_below(random, 1000));
}

/*
 * Colours, parents and values of a subtree; its number of nodes and of the
 * black ones on each path through it.
 */
static bool check_subtree(const struct tree_kind *kind,
			  const struct rb_node *rb,
			  const struct rb_node *parent, int depth,
			  size_t *nr_nodes, size_t *nr_black)
{
	size_t nr_black_left, nr_black_right;
	bool is_black;

	if (!rb) {
		*nr_black = 0;
		return true;
	}

	CHECK(depth < MAX_DEPTH);
	CHECK(rb_parent(rb) == parent);
	is_black = rb->__rb_parent_color & 1;
	CHECK(is_black || (parent && (parent->__rb_parent_color & 1)));
	if (!check_subtree(kind, rb->rb_left, rb, depth + 1, nr_nodes,
			   &nr_black_left) ||
	    !check_subtree(kind, rb->rb_right, rb, depth + 1, nr_nodes,
			   &nr_black_right))
		return false;
	CHECK_EQ(nr_black_left, nr_black_right);
	if (kind->value_is_exact && !kind->value_is_exact(to_item(rb)))
		return false;
	++*nr_nodes;
	*nr_black = nr_black_left + is_black;
	return true;
}

static bool check_population(const struct population *p)
{
	const struct rb_root *root = &p->root.rb_root;
	size_t nr_nodes = 0, nr_black, i;
	const struct rb_node *rb;

	if (!check_subtree(p->kind, root->rb_node, NULL, 0, &nr_nodes,
			   &nr_black))
		return false;
	CHECK_EQ(nr_nodes, p->nr_items);
	CHECK_EQ(RB_EMPTY_ROOT(root), !p->nr_items);

	for (rb = rb_first(root), i = 0; rb; rb = rb_next(rb), i++) {
		CHECK(i < p->nr_items);
		CHECK(to_item(rb) == p->sorted[i]);
	}
	CHECK_EQ(i, p->nr_items);
	for (rb = rb_last(root); rb; rb = rb_prev(rb)) {
		CHECK(i > 0);
		CHECK(to_item(rb) == p->sorted[--i]);
	}
	CHECK_EQ(i, 0);

	if (p->kind->knows_first)
		CHECK(rb_first_cached(&p->root) == rb_first(root));
	return true;
}

/* The walk finds exactly what a look at every item finds, in its order. */
static bool check_query(struct population *p, u64 start, u64 last)
{
	struct item *found = interval_iter_first(&p->root, start, last);
	size_t i;

	for (i = 0; i < p->nr_items; i++) {
		struct item *item = p->sorted[i];

		if (item->last < start || last < item->start)
			continue;
		CHECK(found == item);
		found = interval_iter_next(found, start, last);
	}
	CHECK(!found);
	return true;
}

/* Grows and shrinks a tree at random, up to a size. */
static bool check_random(const struct tree_kind *kind, u64 *random,
			 size_t limit, u64 domain, int nr_batches)
{
	struct population *p = &population;
	int batch, i;

	population_init(p, kind);
	for (batch = 0; batch < nr_batches; batch++) {
		size_t nr_steps = 1 + random_below(random, limit);
		/* In sixteenths: batches that grow, shrink and just stir. */
		u64 growth = 2 + random_below(random, 13);

		while (nr_steps--) {
			bool grow = random_below(random, 16) < growth;

			if (grow && p->nr_items < limit)
				population_add_random(p, random, domain);
			else if (!grow && p->nr_items)
				population_remove(p, random_below(random,
							p->nr_items));
		}
		if (!check_population(p)) {
			printf("# at most %zu nodes, batch %d\n", limit, batch);
			return false;
		}
		for (i = 0; kind == &interval_tree && i < 20; i++) {
			u64 start, last;

			random_range(random, domain, &start, &last);
			if (!check_query(p, start, last)) {
				printf("# query [%llu, %llu], %zu nodes, batch %d\n",
				       start, last, p->nr_items, batch);
				return false;
			}
		}
	}
	while (p->nr_items)
		population_remove(p, random_below(random, p->nr_items));
	return check_population(p);
}

static bool check_random_sizes(const struct tree_kind *kind, u64 *random)
{
	static const struct {
		size_t limit;
		u64 domain;	/* 0: all numbers */
		int nr_batches;
	} sizes[] = {
		{ 3, 2, 2000 },
		{ 10, 0, 2000 },
		{ 10, 8, 2000 },
		{ 100, 0, 300 },
		{ 100, 20, 300 },
		{ MAX_ITEMS, 0, 30 },
		{ MAX_ITEMS, 100, 30 },
		{ MAX_ITEMS, 100000, 30 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		if (!check_random(kind, random, sizes[i].limit,
				  sizes[i].domain, sizes[i].nr_batches))
			return false;
	return true;
}

static bool test_integers(u64 *random __maybe_unused)
{
	CHECK_EQ(sizeof(u8), 1);
	CHECK_EQ(sizeof(u16), 2);
	CHECK_EQ(sizeof(u32), 4);
	CHECK_EQ(sizeof(u64), 8);
	CHECK_EQ(sizeof(__u64), 8);
	CHECK_EQ(sizeof(s8), 1);
	CHECK_EQ(sizeof(s16), 2);
	CHECK_EQ(sizeof(s32), 4);
	CHECK_EQ(sizeof(s64), 8);

	CHECK_EQ(U8_MAX, 0xff);
	CHECK_EQ(U16_MAX, 0xffff);
	CHECK_EQ(U32_MAX, 0xffffffff);
	CHECK_EQ(U64_MAX, 0xffffffffffffffff);
	CHECK((u64)(U64_MAX + 1) == 0);
	CHECK_EQ(S8_MAX, 0x7f);
	CHECK_EQ(S16_MAX, 0x7fff);
	CHECK_EQ(S32_MAX, INT_MAX);
	CHECK_EQ(S64_MAX, 0x7fffffffffffffff);
	CHECK(S8_MIN == -128);
	CHECK(S16_MIN == -32768);
	CHECK(S32_MIN == INT_MIN);
	CHECK(S64_MIN == LLONG_MIN);
	CHECK_EQ(UINT_MAX, U32_MAX);
	return true;
}

static bool test_kernel_macros(u64 *random __maybe_unused)
{
	struct item array[3];
	u64 a = 5, b = U64_MAX;
	int i = 0;

	CHECK_EQ(ARRAY_SIZE(array), 3);
	CHECK(container_of(&array[1].rb, struct item, rb) == &array[1]);
	CHECK_EQ(min(a, b), 5);
	CHECK_EQ(max(a, b), U64_MAX);
	CHECK_EQ(max(min(a, b), min(b, b)), U64_MAX);
	CHECK(min(-1, 1) == -1);
	CHECK(max(-1, 1) == 1);
	/* Arguments count once. */
	CHECK(max(++i, -1) == 1);
	CHECK(min(++i, 9) == 2);
	CHECK(likely(5) == 1 && unlikely(5) == 1 && unlikely(0) == 0);
	WRITE_ONCE(a, b);
	CHECK_EQ(READ_ONCE(a), U64_MAX);
	return true;
}

struct entry {
	int value;
	struct list_head list;
	struct hlist_node hash;
};

/*
 * A string of digits says what a list should hold, an empty one that it
 * should be empty.
 */
static bool check_list(struct list_head *head, const char *expected)
{
	struct list_head *link;
	struct entry *entry;

	CHECK_EQ(list_empty(head), !*expected);
	if (*expected)
		CHECK_EQ(list_first_entry(head, struct entry, list)->value,
			 *expected - '0');
	list_for_each_entry(entry, head, list) {
		CHECK(*expected);
		CHECK_EQ(entry->value, *expected++ - '0');
	}
	CHECK(!*expected);
	link = head;
	do {
		CHECK(link->next->prev == link);
		link = link->next;
	} while (link != head);
	return true;
}

#define CHECK_LIST(head, expected)					\
	do {								\
		if (!check_list(head, expected)) {			\
			printf("# line %d: %s should hold \"%s\"\n",	\
			       __LINE__, #head, expected);		\
			return false;					\
		}							\
	} while (0)

static bool test_list(u64 *random __maybe_unused)
{
	struct entry entries[6], *entry, *next;
	LIST_HEAD(list);
	struct list_head other;
	int i;

	for (i = 0; i < 6; i++)
		entries[i].value = i;
	INIT_LIST_HEAD(&other);
	CHECK_LIST(&list, "");
	CHECK_LIST(&other, "");

	list_add(&entries[1].list, &list);
	CHECK_LIST(&list, "1");
	list_add(&entries[0].list, &list);
	CHECK_LIST(&list, "01");
	list_add_tail(&entries[2].list, &list);
	CHECK_LIST(&list, "012");
	list_add_tail(&entries[3].list, &other);
	CHECK_LIST(&other, "3");
	list_add_tail(&entries[4].list, &other);
	CHECK(list_entry(other.prev, struct entry, list) == &entries[4]);

	/* The spliced list comes first. */
	list_splice_init(&list, &other);
	CHECK_LIST(&list, "");
	CHECK_LIST(&other, "01234");
	list_splice_init(&list, &other);
	CHECK_LIST(&other, "01234");
	list_splice_init(&other, &list);
	CHECK_LIST(&list, "01234");
	CHECK_LIST(&other, "");

	list_del(&entries[2].list);
	CHECK_LIST(&list, "0134");
	CHECK(entries[2].list.next != &entries[3].list);
	CHECK(entries[2].list.prev != &entries[1].list);
	list_del_init(&entries[0].list);
	CHECK_LIST(&list, "134");
	CHECK(list_empty(&entries[0].list));
	list_del_init(&entries[0].list);
	CHECK_LIST(&list, "134");

	/* The body may delete, also at both ends. */
	list_for_each_entry_safe(entry, next, &list, list)
		if (entry->value != 3) {
			list_del(&entry->list);
			memset(&entry->list, 0x5a, sizeof(entry->list));
		}
	CHECK_LIST(&list, "3");
	list_for_each_entry_safe(entry, next, &list, list)
		list_del(&entry->list);
	CHECK_LIST(&list, "");
	return true;
}

static bool check_hlist(struct hlist_head *head, const char *expected)
{
	struct hlist_node *const *link = &head->first;
	struct entry *entry;

	CHECK_EQ(hlist_empty(head), !*expected);
	hlist_for_each_entry(entry, head, hash) {
		CHECK(*expected);
		CHECK_EQ(entry->value, *expected++ - '0');
		CHECK(!hlist_unhashed(&entry->hash));
		CHECK(entry->hash.pprev == link);
		link = &entry->hash.next;
	}
	CHECK(!*expected);
	return true;
}

#define CHECK_HLIST(head, expected)					\
	do {								\
		if (!check_hlist(head, expected)) {			\
			printf("# line %d: %s should hold \"%s\"\n",	\
			       __LINE__, #head, expected);		\
			return false;					\
		}							\
	} while (0)

static bool test_hlist(u64 *random __maybe_unused)
{
	struct entry entries[5], *entry;
	struct hlist_node *next;
	HLIST_HEAD(head);
	struct hlist_head other;
	int i;

	INIT_HLIST_HEAD(&other);
	CHECK_HLIST(&head, "");
	CHECK_HLIST(&other, "");
	CHECK(!hlist_entry_safe(head.first, struct entry, hash));
	for (i = 0; i < 5; i++) {
		entries[i].value = i;
		INIT_HLIST_NODE(&entries[i].hash);
		CHECK(hlist_unhashed(&entries[i].hash));
		hlist_add_head(&entries[i].hash, &head);
	}
	CHECK_HLIST(&head, "43210");
	CHECK(hlist_entry(head.first, struct entry, hash) == &entries[4]);

	hlist_del(&entries[2].hash);
	CHECK_HLIST(&head, "4310");
	CHECK(entries[2].hash.next != &entries[1].hash);
	hlist_del_init(&entries[4].hash);
	CHECK_HLIST(&head, "310");
	CHECK(hlist_unhashed(&entries[4].hash));
	hlist_del_init(&entries[4].hash);
	hlist_del_init(&entries[0].hash);
	CHECK_HLIST(&head, "31");

	hlist_move_list(&head, &other);
	CHECK_HLIST(&head, "");
	CHECK_HLIST(&other, "31");
	hlist_add_head(&entries[0].hash, &head);
	hlist_add_head(&entries[4].hash, &other);
	CHECK_HLIST(&head, "0");
	CHECK_HLIST(&other, "431");

	hlist_for_each_entry_safe(entry, next, &other, hash)
		if (entry->value != 3) {
			hlist_del(&entry->hash);
			memset(&entry->hash, 0x5a, sizeof(entry->hash));
		}
	CHECK_HLIST(&other, "3");
	hlist_move_list(&other, &head);
	CHECK_HLIST(&head, "3");
	hlist_move_list(&other, &head);
	CHECK_HLIST(&head, "");
	return true;
}

struct lockless {
	struct list_head list;
	struct hlist_head hlist;
	struct rb_root root;
	struct list_head list_entry;
	struct hlist_node hlist_entry;
	struct rb_node rb;
	int nr_seen;
};

static void lockless_wait(const int *nr_seen, int nr)
{
	while (READ_ONCE(*nr_seen) != nr)
		barrier();
}

static void *lockless_change(void *arg)
{
	struct lockless *shared = arg;
	int nr = 0;

	list_add(&shared->list_entry, &shared->list);
	lockless_wait(&shared->nr_seen, ++nr);
	list_del(&shared->list_entry);
	lockless_wait(&shared->nr_seen, ++nr);

	hlist_add_head(&shared->hlist_entry, &shared->hlist);
	lockless_wait(&shared->nr_seen, ++nr);
	hlist_del(&shared->hlist_entry);
	lockless_wait(&shared->nr_seen, ++nr);

	rb_link_node(&shared->rb, NULL, &shared->root.rb_node);
	rb_insert_color(&shared->rb, &shared->root);
	lockless_wait(&shared->nr_seen, ++nr);
	rb_erase(&shared->rb, &shared->root);
	return NULL;
}

/*
 * Another thread may ask whether a list or tree is empty without a lock. If a
 * load were one that the compiler may move out of the loop, the test would
 * hang; if either side were a plain access, ThreadSanitizer would report it.
 */
static bool test_lockless_empty(u64 *random __maybe_unused)
{
	struct lockless shared = { .nr_seen = 0 };
	pthread_t thread;
	int nr = 0;

	INIT_LIST_HEAD(&shared.list);
	INIT_HLIST_HEAD(&shared.hlist);
	shared.root = RB_ROOT;
	CHECK_EQ(pthread_create(&thread, NULL, lockless_change, &shared), 0);

	while (list_empty(&shared.list))
		;
	WRITE_ONCE(shared.nr_seen, ++nr);
	while (!list_empty(&shared.list))
		;
	WRITE_ONCE(shared.nr_seen, ++nr);

	while (hlist_empty(&shared.hlist))
		;
	WRITE_ONCE(shared.nr_seen, ++nr);
	while (!hlist_empty(&shared.hlist))
		;
	WRITE_ONCE(shared.nr_seen, ++nr);

	while (RB_EMPTY_ROOT(&shared.root))
		;
	WRITE_ONCE(shared.nr_seen, ++nr);
	while (!RB_EMPTY_ROOT(&shared.root))
		;
	CHECK_EQ(pthread_join(thread, NULL), 0);
	return true;
}

static bool test_rb_interface(u64 *random __maybe_unused)
{
	struct rb_root root = RB_ROOT;
	struct rb_root_cached cached = RB_ROOT_CACHED;
	struct item item;

	CHECK_EQ(sizeof(struct rb_node), 3 * sizeof(void *));
	CHECK_EQ(sizeof(struct rb_root), sizeof(void *));
	CHECK_EQ(sizeof(struct rb_root_cached), 2 * sizeof(void *));

	CHECK(RB_EMPTY_ROOT(&root));
	CHECK(RB_EMPTY_ROOT(&cached.rb_root));
	CHECK(!rb_first(&root));
	CHECK(!rb_last(&root));
	CHECK(!rb_first_cached(&cached));
	CHECK(!rb_entry_safe(root.rb_node, struct item, rb));

	memset(&item, 0xa5, sizeof(item));
	RB_CLEAR_NODE(&item.rb);
	CHECK(RB_EMPTY_NODE(&item.rb));
	CHECK(!rb_next(&item.rb));
	CHECK(!rb_prev(&item.rb));

	rb_link_node(&item.rb, NULL, &root.rb_node);
	rb_insert_color(&item.rb, &root);
	CHECK(!RB_EMPTY_NODE(&item.rb));
	CHECK(!RB_EMPTY_ROOT(&root));
	CHECK(!rb_parent(&item.rb));
	CHECK(rb_first(&root) == &item.rb);
	CHECK(rb_last(&root) == &item.rb);
	CHECK(!rb_next(&item.rb));
	CHECK(!rb_prev(&item.rb));
	CHECK(rb_entry(root.rb_node, struct item, rb) == &item);
	CHECK(rb_entry_safe(root.rb_node, struct item, rb) == &item);

	rb_erase(&item.rb, &root);
	CHECK(RB_EMPTY_ROOT(&root));
	return true;
}

/* Steps to the next permutation in lexical order, false after the last. */
static bool next_permutation(int *order, int n)
{
	int i = n - 1, j = n - 1, swap;

	while (i > 0 && order[i - 1] >= order[i])
		i--;
	if (i == 0)
		return false;
	while (order[j] <= order[i - 1])
		j--;
	swap = order[i - 1];
	order[i - 1] = order[j];
	order[j] = swap;
	for (j = n - 1; i < j; i++, j--) {
		swap = order[i];
		order[i] = order[j];
		order[j] = swap;
	}
	return true;
}

/* Every order of insertion and then of erasure, up to five nodes. */
static bool test_rb_all_orders(u64 *random __maybe_unused)
{
	struct population *p = &population;
	int insertion[5], erasure[5];
	struct item *items[5];
	size_t index;
	int n, i;

	for (n = 1; n <= 5; n++) {
		for (i = 0; i < n; i++)
			insertion[i] = i;
		do {
			for (i = 0; i < n; i++)
				erasure[i] = i;
			do {
				population_init(p, &span_tree);
				for (i = 0; i < n; i++) {
					u64 key = insertion[i];

					items[key] = population_add(p, key, key,
								    key);
					if (!check_population(p))
						return false;
				}
				for (i = 0; i < n; i++) {
					index = 0;
					while (p->sorted[index] !=
					       items[erasure[i]])
						index++;
					population_remove(p, index);
					if (!check_population(p))
						return false;
				}
			} while (next_permutation(erasure, n));
		} while (next_permutation(insertion, n));
	}
	return true;
}

static bool test_rb_random(u64 *random)
{
	return check_random_sizes(&plain_tree, random);
}

static bool test_augmented_random(u64 *random)
{
	return check_random_sizes(&span_tree, random);
}

static bool test_augmented_max_cached_random(u64 *random)
{
	return check_random_sizes(&weight_tree, random);
}

/*
 * Where an erased node made no difference to the value of its parent, nothing
 * above is visited. The user's propagation ends early for the sake of speed
 * only, but must find the values right to do so.
 */
static bool test_augmented_stops_early(u64 *random __maybe_unused)
{
	struct population *p = &population;
	u64 key;
	size_t i;

	population_init(p, &span_tree);
	for (key = 0; key < 1000; key++)
		population_add(p, key, key, 7);

	/* A leaf: its parent is visited, and nobody else. */
	for (i = 0; p->sorted[i]->rb.rb_left || p->sorted[i]->rb.rb_right; i++)
		;
	nr_span_visits = 0;
	population_remove(p, i);
	CHECK_EQ(nr_span_visits, 1);

	/*
	 * The root: the node that comes next takes its place and is visited,
	 * and so is the node from below which it came.
	 */
	i = 0;
	while (&p->sorted[i]->rb != p->root.rb_root.rb_node)
		i++;
	CHECK(rb_parent(&p->sorted[i + 1]->rb) != &p->sorted[i]->rb);
	nr_span_visits = 0;
	population_remove(p, i);
	CHECK_EQ(nr_span_visits, 2);
	return check_population(p);
}

/* Ranges at the ends of the space, and such as touch without overlapping. */
static bool test_interval_bounds(u64 *random __maybe_unused)
{
	struct population *p = &population;
	struct item *full, *first, *final, *low, *high, *top, *found;

	population_init(p, &interval_tree);
	CHECK(!interval_iter_first(&p->root, 0, U64_MAX));

	/* Last and start of neighbours differ by one: no overlap. */
	low = population_add(p, 10, 19, 0);
	high = population_add(p, 20, 29, 0);
	CHECK(!interval_iter_first(&p->root, 0, 9));
	CHECK(interval_iter_first(&p->root, 9, 10) == low);
	CHECK(!interval_iter_next(low, 9, 10));
	CHECK(interval_iter_first(&p->root, 19, 19) == low);
	CHECK(!interval_iter_next(low, 19, 19));
	CHECK(interval_iter_first(&p->root, 20, 20) == high);
	CHECK(!interval_iter_next(high, 20, 20));
	CHECK(interval_iter_first(&p->root, 19, 20) == low);
	CHECK(interval_iter_next(low, 19, 20) == high);
	CHECK(!interval_iter_first(&p->root, 30, U64_MAX));

	/* Points at both ends, and a range that ends with the space. */
	first = population_add(p, 0, 0, 0);
	final = population_add(p, U64_MAX, U64_MAX, 0);
	top = population_add(p, U64_MAX - 1, U64_MAX, 0);
	CHECK(interval_iter_first(&p->root, 0, 0) == first);
	CHECK(!interval_iter_next(first, 0, 0));
	CHECK(!interval_iter_first(&p->root, 1, 9));
	CHECK(!interval_iter_first(&p->root, 30, U64_MAX - 2));
	CHECK(interval_iter_first(&p->root, 30, U64_MAX - 1) == top);
	CHECK(!interval_iter_next(top, 30, U64_MAX - 1));
	found = interval_iter_first(&p->root, U64_MAX, U64_MAX);
	CHECK(found == top);
	CHECK(interval_iter_next(found, U64_MAX, U64_MAX) == final);
	CHECK(!interval_iter_next(final, U64_MAX, U64_MAX));

	/* The full range meets and is met by everything. */
	full = population_add(p, 0, U64_MAX, 0);
	CHECK(interval_iter_first(&p->root, 1, 9) == full);
	CHECK(!interval_iter_next(full, 1, 9));
	if (!check_population(p) || !check_query(p, 0, U64_MAX) ||
	    !check_query(p, 0, 0) || !check_query(p, U64_MAX, U64_MAX) ||
	    !check_query(p, 15, 15) || !check_query(p, 1, U64_MAX))
		return false;

	/* The same range as often as one likes. */
	population_add(p, 0, U64_MAX, 0);
	population_add(p, U64_MAX, U64_MAX, 0);
	if (!check_query(p, 5, 5) || !check_query(p, U64_MAX, U64_MAX))
		return false;
	while (p->nr_items) {
		population_remove(p, p->nr_items / 2);
		if (!check_population(p) || !check_query(p, 0, U64_MAX) ||
		    !check_query(p, 19, 20))
			return false;
	}
	return true;
}

static bool test_interval_random(u64 *random)
{
	return check_random_sizes(&interval_tree, random);
}

static const struct {
	const char *name;
	bool (*run)(u64 *random);
} cases[] = {
	{ "integers", test_integers },
	{ "kernel_macros", test_kernel_macros },
	{ "list", test_list },
	{ "hlist", test_hlist },
	{ "lockless_empty", test_lockless_empty },
	{ "rb_interface", test_rb_interface },
	{ "rb_all_orders", test_rb_all_orders },
	{ "rb_random", test_rb_random },
	{ "augmented_random", test_augmented_random },
	{ "augmented_max_cached_random", test_augmented_max_cached_random },
	{ "augmented_stops_early", test_augmented_stops_early },
	{ "interval_bounds", test_interval_bounds },
	{ "interval_random", test_interval_random },
};

static int usage(const char *name)
{
	fprintf(stderr, "usage: %s [-s SEED]\n", name);
	return 1;
}

int main(int argc, char **argv)
{
	struct timespec now;
	bool failed = false;
	char *rest;
	size_t i;
	int option;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = (u64)now.tv_sec * 1000000000 + now.tv_nsec;
	while ((option = getopt(argc, argv, "s:")) != -1) {
		if (option != 's')
			return usage(argv[0]);
		errno = 0;
		seed = strtoull(optarg, &rest, 0);
		if (errno || rest == optarg || *rest)
			return usage(argv[0]);
	}
	if (optind != argc)
		return usage(argv[0]);

	/* A case that hangs or crashes is to be seen as the one after these. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 14\n1..%zu\n# seed %llu\n", ARRAY_SIZE(cases),
	       seed);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		/* Each case draws the same numbers whatever ran before it. */
		u64 random = seed + i;
		bool ok = cases[i].run(&random);

		printf("%sok %zu %s\n", ok ? "" : "not ", i + 1, cases[i].name);
		failed |= !ok;
	}
	return failed;
}
