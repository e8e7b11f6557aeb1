/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tree: an ordered table of which old states stay readable. A B+-tree that knows how many entries are below
 * each branch, so that an entry is found by its key and by its place alike, both in O(log n).
 *
 * A tree is a value: who copies it has a snapshot of it, for what a snapshot shows is never changed. A change
 * copies the nodes from the root to the leaf unless no snapshot shows them. When memory is short a change
 * fails and the tree is what it was. Entries are not owned; keys are parts of them and unique.
 */
#ifndef VIEW_TREE_H
#define VIEW_TREE_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct view;

/* What every part of a view begins with. */
struct entry {
	uint64_t born; /* number of the first snapshot that can show it */
	struct entry *next;
};

/* Less than, equal to or greater than 0: the key sorts before the entry, is its key, sorts behind it. */
typedef int tree_compare(const void *key, const struct entry *entry);

/* Leaves and branches take the same room; a tree of this height has more entries than memory holds. */
enum { TREE_LEAF = 64, TREE_BRANCHES = 21, TREE_HEIGHT = 16 };

struct tree_branch {
	struct tree_node *child;
	const struct entry *first; /* below it */
	size_t count;              /* of entries below it */
};

struct tree_node {
	struct entry entry;
	uint32_t height; /* 0: a leaf */
	uint32_t count;  /* of entries, or of branches */
	union {
		struct entry *entries[TREE_LEAF];
		struct tree_branch branches[TREE_BRANCHES];
	};
};

struct tree {
	struct tree_node *root; /* NULL: empty */
	size_t count;
	tree_compare *compare;
	bool hidden; /* no snapshot shows it: changes copy nothing */
};

/* NULL past the end. */
struct entry *tree_at(const struct tree *tree, size_t index);
/* The first entry that does not sort before the key, and its index; NULL and the count when all do. */
struct entry *tree_seek(const struct tree *tree, const void *key, size_t *ret_index);
/* NULL when absent. */
struct entry *tree_find(const struct tree *tree, const void *key);

/* The key must be absent. -ENOMEM. */
int tree_insert(struct view *view, struct tree *tree, const void *key, struct entry *entry) CHECKED;
/* Puts the entry in the place of the one that has the key, which must be there. -ENOMEM. */
int tree_replace(struct view *view, struct tree *tree, const void *key, struct entry *entry) CHECKED;
/*
 * The key must be there. -ENOMEM; never for a key whose place was just inserted or replaced, nor in a hidden
 * tree.
 */
int tree_remove(struct view *view, struct tree *tree, const void *key);
/* Gives all nodes back; no snapshot may show them. */
void tree_clear(struct view *view, struct tree *tree);

/*
 * tree_seek() with a comparison that the compiler knows: inlined where a search must be fast.
 */
#define TREE_INLINE __attribute__((always_inline)) static inline

/* The last branch whose first entry does not sort behind the key; the first one when all do. */
TREE_INLINE uint32_t tree_branch_slot(const struct tree_node *node, const void *key, tree_compare *compare)
{
	uint32_t low = 0, high = node->count - 1;

	while (low < high) {
		uint32_t middle = (low + high + 1) / 2;

		if (compare(key, node->branches[middle].first) < 0)
			high = middle - 1;
		else
			low = middle;
	}
	return low;
}

/* The first entry that does not sort before the key; the count when all do. */
TREE_INLINE uint32_t tree_leaf_slot(const struct tree_node *leaf, const void *key, tree_compare *compare)
{
	uint32_t low = 0, high = leaf->count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (compare(key, leaf->entries[middle]) > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

TREE_INLINE struct entry *tree_search(const struct tree *tree, const void *key, tree_compare *compare,
                                      size_t *ret_index)
{
	const struct tree_node *node = tree->root;
	const struct entry *behind = NULL; /* all that is below the branch taken */
	size_t index = 0;
	uint32_t slot;

	if (node == NULL) {
		*ret_index = 0;
		return NULL;
	}
	while (node->height > 0) {
		slot = tree_branch_slot(node, key, compare);
		for (uint32_t i = 0; i < slot; i++)
			index += node->branches[i].count;
		if (slot + 1 < node->count)
			behind = node->branches[slot + 1].first;
		node = node->branches[slot].child;
	}
	slot = tree_leaf_slot(node, key, compare);
	*ret_index = index + slot;
	return slot < node->count ? node->entries[slot] : (struct entry *)(uintptr_t)behind;
}

#endif
