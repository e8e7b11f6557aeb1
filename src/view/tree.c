/* SPDX-License-Identifier: Apache-2.0 */
#include "view/tree.h"

#include "view/view_internal.h"
#include <errno.h>
#include <string.h>

/* The branches that were taken on the way from the root. */
struct way {
	uint32_t length;
	struct tree_node *nodes[TREE_HEIGHT];
	uint32_t slots[TREE_HEIGHT];
};

struct entry *tree_at(const struct tree *tree, size_t index)
{
	const struct tree_node *node = tree->root;

	if (index >= tree->count)
		return NULL;
	while (node->height > 0) {
		const struct tree_branch *branch = node->branches;

		for (; index >= branch->count; branch++)
			index -= branch->count;
		node = branch->child;
	}
	return node->entries[index];
}

struct entry *tree_seek(const struct tree *tree, const void *key, size_t *ret_index)
{
	return tree_search(tree, key, tree->compare, ret_index);
}

struct entry *tree_find(const struct tree *tree, const void *key)
{
	size_t index;
	struct entry *entry = tree_seek(tree, key, &index);

	return entry != NULL && tree->compare(key, entry) == 0 ? entry : NULL;
}

static uint32_t branch_slot(const struct tree *tree, const struct tree_node *node, const void *key)
{
	return tree_branch_slot(node, key, tree->compare);
}

static uint32_t leaf_slot(const struct tree *tree, const struct tree_node *leaf, const void *key)
{
	return tree_leaf_slot(leaf, key, tree->compare);
}

static void drop(struct view *view, const struct tree *tree, struct tree_node *node)
{
	if (tree->hidden)
		view_release_entry(view, ENTRY_TREE, &node->entry);
	else
		view_drop_entry(view, ENTRY_TREE, &node->entry);
}

/* The node that can be changed: a copy in its place when a snapshot shows it. NULL when memory is short. */
static struct tree_node *own(struct view *view, const struct tree *tree, struct tree_node **place)
{
	struct tree_node *node = *place, *copy;
	uint64_t born;

	if (tree->hidden || !view_is_shown(view, &node->entry))
		return node;
	copy = view_new_entry(view, ENTRY_TREE);
	if (copy == NULL)
		return NULL;
	born = copy->entry.born;
	*copy = *node;
	copy->entry = (struct entry){.born = born};
	*place = copy;
	drop(view, tree, node);
	return copy;
}

static struct tree_node *new_node(struct view *view, uint32_t height)
{
	struct tree_node *node = view_new_entry(view, ENTRY_TREE);

	if (node != NULL)
		node->height = height;
	return node;
}

static uint32_t capacity_of(const struct tree_node *node)
{
	return node->height == 0 ? TREE_LEAF : TREE_BRANCHES;
}

static struct tree_branch branch_to(struct tree_node *child)
{
	struct tree_branch branch = {.child = child};

	if (child->height == 0) {
		branch.first = child->entries[0];
		branch.count = child->count;
		return branch;
	}
	branch.first = child->branches[0].first;
	for (uint32_t i = 0; i < child->count; i++)
		branch.count += child->branches[i].count;
	return branch;
}

/* Moves what of a node is behind `kept` to the front of an empty one. */
static void move_items(struct tree_node *from, uint32_t kept, struct tree_node *to)
{
	to->count = from->count - kept;
	if (from->height == 0)
		memcpy(to->entries, from->entries + kept, to->count * sizeof(*to->entries));
	else
		memcpy(to->branches, from->branches + kept, to->count * sizeof(*to->branches));
	from->count = kept;
}

static void insert_branch(struct tree_node *node, uint32_t slot, struct tree_branch branch)
{
	memmove(node->branches + slot + 1, node->branches + slot,
	        (node->count - slot) * sizeof(*node->branches));
	node->branches[slot] = branch;
	node->count++;
}

static void remove_branch(struct tree_node *node, uint32_t slot)
{
	node->count--;
	memmove(node->branches + slot, node->branches + slot + 1,
	        (node->count - slot) * sizeof(*node->branches));
}

static bool goes_last(const struct tree *tree, const struct tree_node *node, const void *key)
{
	const struct entry *last =
	        node->height == 0 ? node->entries[node->count - 1] : node->branches[node->count - 1].first;

	return tree->compare(key, last) > 0;
}

/*
 * A full child of a node with room becomes two. Where keys come in their order the left one is left nearly
 * full: nothing will come between.
 */
static int split(struct view *view, const struct tree *tree, struct tree_node *node, uint32_t slot,
                 const void *key)
{
	struct tree_node *child = node->branches[slot].child;
	struct tree_node *right = new_node(view, child->height);
	uint32_t kept = goes_last(tree, child, key) ? child->count - child->count / 8 : child->count / 2;

	if (right == NULL)
		return -ENOMEM;
	move_items(child, kept, right);
	node->branches[slot] = branch_to(child);
	insert_branch(node, slot + 1, branch_to(right));
	return 0;
}

/* A root with one branch, to what was the root. */
static int grow(struct view *view, struct tree *tree)
{
	struct tree_node *root = new_node(view, tree->root->height + 1);

	if (root == NULL)
		return -ENOMEM;
	insert_branch(root, 0, branch_to(tree->root));
	tree->root = root;
	return 0;
}

/* Down to the leaf of a key through nodes that can be changed; with `room` for one more in each. */
static struct tree_node *descend(struct view *view, struct tree *tree, const void *key, bool room,
                                 struct way *way)
{
	struct tree_node *node = own(view, tree, &tree->root);

	if (node == NULL || (room && node->count == capacity_of(node) && grow(view, tree) < 0))
		return NULL;
	node = tree->root;
	for (way->length = 0; node->height > 0; way->length++) {
		uint32_t slot = branch_slot(tree, node, key);
		struct tree_node *child = own(view, tree, &node->branches[slot].child);

		if (child == NULL)
			return NULL;
		if (room && child->count == capacity_of(child)) {
			if (split(view, tree, node, slot, key) < 0)
				return NULL;
			slot += tree->compare(key, node->branches[slot + 1].first) >= 0;
		}
		way->nodes[way->length] = node;
		way->slots[way->length] = slot;
		node = node->branches[slot].child;
	}
	return node;
}

/* What the branches of a way say of what is below them. */
static void update(const struct way *way, size_t more)
{
	for (uint32_t i = way->length; i-- > 0;) {
		struct tree_branch *branch = &way->nodes[i]->branches[way->slots[i]];
		const struct tree_node *child = branch->child;

		branch->count += more;
		branch->first = child->height == 0 ? child->entries[0] : child->branches[0].first;
	}
}

int tree_insert(struct view *view, struct tree *tree, const void *key, struct entry *entry)
{
	struct tree_node *leaf;
	struct way way;
	uint32_t slot;

	if (tree->root == NULL)
		tree->root = new_node(view, 0);
	leaf = tree->root == NULL ? NULL : descend(view, tree, key, true, &way);
	if (leaf == NULL)
		return -ENOMEM;
	slot = leaf_slot(tree, leaf, key);
	memmove(leaf->entries + slot + 1, leaf->entries + slot,
	        (leaf->count - slot) * sizeof(*leaf->entries));
	leaf->entries[slot] = entry;
	leaf->count++;
	tree->count++;
	update(&way, 1);
	return 0;
}

int tree_replace(struct view *view, struct tree *tree, const void *key, struct entry *entry)
{
	struct way way;
	struct tree_node *leaf = descend(view, tree, key, false, &way);

	if (leaf == NULL)
		return -ENOMEM;
	leaf->entries[leaf_slot(tree, leaf, key)] = entry;
	update(&way, 0);
	return 0;
}

/* All of a node behind all of its left neighbour, where that leaves room for some more. */
static void merge(struct view *view, const struct tree *tree, struct tree_node *node, uint32_t left)
{
	struct tree_branch *branches = node->branches;
	struct tree_node *right, *target;

	if (left + 1 >= node->count || branches[left].child->count + branches[left + 1].child->count >
	                                       capacity_of(branches[left].child) * 3 / 4)
		return;
	target = own(view, tree, &branches[left].child);
	if (target == NULL)
		return;
	right = branches[left + 1].child;
	if (target->height == 0)
		memcpy(target->entries + target->count, right->entries,
		       right->count * sizeof(*right->entries));
	else
		memcpy(target->branches + target->count, right->branches,
		       right->count * sizeof(*right->branches));
	target->count += right->count;
	branches[left] = branch_to(target);
	remove_branch(node, left + 1);
	drop(view, tree, right);
}

/* One entry fewer below a branch: a child that is empty goes, one with few joins a neighbour. */
static void shrink(struct view *view, const struct tree *tree, struct tree_node *node, uint32_t slot)
{
	struct tree_node *child = node->branches[slot].child;

	if (child->count == 0) {
		remove_branch(node, slot);
		drop(view, tree, child);
		return;
	}
	node->branches[slot] = branch_to(child);
	if (child->count > capacity_of(child) / 4)
		return;
	merge(view, tree, node, slot);
	if (slot > 0)
		merge(view, tree, node, slot - 1);
}

int tree_remove(struct view *view, struct tree *tree, const void *key)
{
	struct way way;
	struct tree_node *leaf = descend(view, tree, key, false, &way), *root;
	uint32_t slot;

	if (leaf == NULL)
		return -ENOMEM;
	slot = leaf_slot(tree, leaf, key);
	leaf->count--;
	memmove(leaf->entries + slot, leaf->entries + slot + 1,
	        (leaf->count - slot) * sizeof(*leaf->entries));
	tree->count--;
	for (uint32_t i = way.length; i-- > 0;)
		shrink(view, tree, way.nodes[i], way.slots[i]);
	while (root = tree->root,
	       root != NULL && (root->count == 0 || (root->height > 0 && root->count == 1))) {
		tree->root = root->count == 0 ? NULL : root->branches[0].child;
		drop(view, tree, root);
	}
	return 0;
}

static void clear(struct view *view, struct tree_node *node)
{
	for (uint32_t i = 0; node->height > 0 && i < node->count; i++)
		clear(view, node->branches[i].child);
	view_release_entry(view, ENTRY_TREE, &node->entry);
}

void tree_clear(struct view *view, struct tree *tree)
{
	if (tree->root != NULL)
		clear(view, tree->root);
	tree->root = NULL;
	tree->count = 0;
}
