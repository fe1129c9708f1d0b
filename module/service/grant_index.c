/* SPDX-License-Identifier: Apache-2.0 */
#include "service/grant_index.h"

#include <stdatomic.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "kms/context.h"
#include "service/grant_name.h"

/* The lists that a node is in. */
enum { IN_CLASS, IN_HOLDER, LISTS };

struct group {
	struct group *next;
	uint32_t operations;
	struct grant_node *first;
};

struct holder {
	uint64_t number; /* stands for the holder in other names */
	size_t classes[AUTH_GRANT_EQUALS + 1];
	struct group *groups;
	size_t name_len;
	uint8_t name[]; /* grantee, NUL, id: the map's key */
};

struct bucket {
	struct class *classes;
	size_t count;
	size_t name_len;
	uint8_t name[]; /* number of the holder, mark, pair: the map's key */
};

struct class
{
	_Atomic uint32_t references; /* the index counts as one, each node as one */
	enum auth_grant_constraint constraint;
	struct auth_pairs pairs; /* borrowed from `name` */
	struct auth_pair *pair_room;
	struct holder *holder;
	struct bucket *bucket; /* of a subset */
	struct class *bucket_next, *bucket_previous;
	struct group *groups;
	size_t name_len;
	uint8_t name[]; /* number of the holder, constraint, canonical context: the map's key */
};

struct grant_node {
	_Atomic uint32_t references; /* the index counts as one */
	uint32_t operations;
	struct class *class;
	struct {
		struct grant_node *next, *previous;
	} links[LISTS];
	char id[KMS_GRANT_ID_LEN + 1]; /* the map's key */
};

struct grant_index {
	struct map holders, classes, buckets, nodes;
	uint64_t holders_made;
	uint64_t examined;
};

/* --- classes and nodes, which those who found them keep alive --- */

static void class_release(struct class *class)
{
	if (atomic_fetch_sub(&class->references, 1) != 1)
		return;
	mem_free(class->pair_room);
	mem_free(class);
}

void grant_node_release(struct grant_node **node)
{
	if (*node == NULL)
		return;
	struct grant_node *mine = TAKE(*node);
	if (atomic_fetch_sub(&mine->references, 1) != 1)
		return;
	if (mine->class != NULL)
		class_release(mine->class);
	mem_free(mine);
}

struct auth_grant grant_node_grant(const struct grant_node *node)
{
	return (struct auth_grant){.id = view_of(node->id, KMS_GRANT_ID_LEN),
				   .operations = node->operations,
				   .constraint = node->class->constraint,
				   .pairs = node->class->pairs};
}

static struct err read_pairs(struct class *class)
{
	struct kms_context_pair pairs[KMS_GRANT_PAIRS_MAX];
	struct view context =
		view_of(class->name + GRANT_NAME_HEAD, class->name_len - GRANT_NAME_HEAD);
	size_t count = 0;
	TRY(kms_context_decode(context, pairs, KMS_GRANT_PAIRS_MAX, &count));
	if (count == 0)
		return OK;
	TRY(MEM_NEW_ARRAY(count, &class->pair_room));
	for (size_t i = 0; i < count; i++)
		class->pair_room[i] = (struct auth_pair){pairs[i].key, pairs[i].value};
	class->pairs = (struct auth_pairs){class->pair_room, count};
	return OK;
}

static struct err class_new(const struct grant_name *name, struct class **out)
{
	struct class *class = NULL;
	TRY(mem_alloc_array(1, sizeof *class + name->len, (void **)&class));
	atomic_init(&class->references, 1);
	class->name_len = name->len;
	mem_copy(class->name, name->len, name->bytes, name->len);
	struct err e = read_pairs(class);
	if (err_failed(e))
		class_release(class);
	else
		*out = class;
	return e;
}

/* --- adding --- */

static struct err holder_at(struct grant_index *index, const struct kms_grant *grant,
			    struct holder **out)
{
	uint8_t room[GRANT_HOLDER_NAME_MAX];
	void *old = NULL;
	struct view name = grant_name_holder(view_of_text(grant->grantee),
					     view_of_text(grant->grantee_id), room);
	*out = (struct holder *)map_get(&index->holders, name);
	if (*out != NULL)
		return OK;
	CLEANUP(mem_free_at) struct holder *holder = NULL;
	TRY(mem_alloc_array(1, sizeof *holder + name.len, (void **)&holder));
	holder->number = ++index->holders_made;
	holder->name_len = name.len;
	mem_copy(holder->name, name.len, name.ptr, name.len);
	TRY(map_put(&index->holders, view_of(holder->name, name.len), holder, &old));
	*out = TAKE(holder);
	return OK;
}

static struct err bucket_at(struct grant_index *index, const struct grant_name *name,
			    struct bucket **out)
{
	void *old = NULL;
	*out = (struct bucket *)map_get(&index->buckets, grant_name_view(name));
	if (*out != NULL)
		return OK;
	CLEANUP(mem_free_at) struct bucket *bucket = NULL;
	TRY(mem_alloc_array(1, sizeof *bucket + name->len, (void **)&bucket));
	bucket->name_len = name->len;
	mem_copy(bucket->name, name->len, name->bytes, name->len);
	TRY(map_put(&index->buckets, view_of(bucket->name, name->len), bucket, &old));
	*out = TAKE(bucket);
	return OK;
}

/* Of the pairs the one that leads to the fewest others. */
static struct err choose_bucket(struct grant_index *index, struct class *class)
{
	UNINITIALISED struct grant_name name;
	size_t best = 0, fewest = SIZE_MAX;
	for (size_t i = 0; i < class->pairs.count && fewest > 0; i++) {
		ENSURE(grant_name_pair(class->holder->number, &class->pairs.pairs[i], &name));
		const struct bucket *bucket =
			(const struct bucket *)map_get(&index->buckets, grant_name_view(&name));
		size_t count = bucket != NULL ? bucket->count : 0;
		if (count >= fewest)
			continue;
		best = i;
		fewest = count;
	}
	ENSURE(grant_name_pair(class->holder->number, &class->pairs.pairs[best], &name));
	return bucket_at(index, &name, &class->bucket);
}

static void link_bucket(struct class *class)
{
	struct bucket *bucket = class->bucket;
	class->bucket_next = bucket->classes;
	if (bucket->classes != NULL)
		bucket->classes->bucket_previous = class;
	bucket->classes = class;
	bucket->count++;
}

/* A subset of nothing holds always. */
static enum auth_grant_constraint constraint_of(const struct kms_grant *grant)
{
	if (grant->constraint == KMS_GRANT_CONTEXT_EQUALS)
		return AUTH_GRANT_EQUALS;
	return grant->context.len > 0 ? AUTH_GRANT_SUBSET : AUTH_GRANT_ANY_CONTEXT;
}

static struct err class_at(struct grant_index *index, struct holder *holder,
			   const struct kms_grant *grant, struct class **out)
{
	UNINITIALISED struct grant_name name;
	void *old = NULL;
	enum auth_grant_constraint constraint = constraint_of(grant);
	ENSURE(grant_name_class(holder->number, constraint, grant->context, &name));
	*out = (struct class *)map_get(&index->classes, grant_name_view(&name));
	if (*out != NULL)
		return OK;
	struct class *class = NULL;
	TRY(class_new(&name, &class));
	class->constraint = constraint;
	class->holder = holder;
	struct err e = constraint == AUTH_GRANT_SUBSET ? choose_bucket(index, class) : OK;
	if (!err_failed(e))
		e = map_put(&index->classes, view_of(class->name, class->name_len), class, &old);
	if (err_failed(e)) {
		class_release(class);
		return e;
	}
	if (class->bucket != NULL)
		link_bucket(class);
	holder->classes[constraint]++;
	*out = class;
	return OK;
}

static struct err group_at(struct group **groups, uint32_t operations, struct group **out)
{
	for (*out = *groups; *out != NULL; *out = (*out)->next)
		if ((*out)->operations == operations)
			return OK;
	struct group *group = NULL;
	TRY(MEM_NEW(&group));
	group->operations = operations;
	group->next = *groups;
	*out = *groups = group;
	return OK;
}

static void link_node(struct group *group, struct grant_node *node, unsigned list)
{
	node->links[list].next = group->first;
	if (group->first != NULL)
		group->first->links[list].previous = node;
	group->first = node;
}

static struct err node_new(const struct kms_grant *grant, struct class *class,
			   struct grant_node **out)
{
	CLEANUP(grant_node_release) struct grant_node *node = NULL;
	TRY(MEM_NEW(&node));
	atomic_init(&node->references, 1);
	node->operations = grant->operations;
	TRY(text_copy(node->id, sizeof node->id, view_of_text(grant->id)));
	node->class = class;
	atomic_fetch_add(&class->references, 1);
	*out = TAKE(node);
	return OK;
}

NODISCARD struct err grant_index_add(struct grant_index *index, const struct kms_grant *grant)
{
	TRY(kms_grant_check(grant));
	if (map_get(&index->nodes, view_of_text(grant->id)) != NULL)
		return OK;
	struct holder *holder = NULL;
	struct class *class = NULL;
	struct group *in_class = NULL, *in_holder = NULL;
	CLEANUP(grant_node_release) struct grant_node *node = NULL;
	void *old = NULL;
	TRY(holder_at(index, grant, &holder));
	TRY(class_at(index, holder, grant, &class));
	TRY(group_at(&class->groups, grant->operations, &in_class));
	TRY(group_at(&holder->groups, grant->operations, &in_holder));
	TRY(node_new(grant, class, &node));
	TRY(map_put(&index->nodes, view_of(node->id, KMS_GRANT_ID_LEN), node, &old));
	link_node(in_class, node, IN_CLASS);
	link_node(in_holder, TAKE(node), IN_HOLDER);
	return OK;
}

/* --- removing --- */

static void unlink_node(struct group **groups, struct grant_node *node, unsigned list)
{
	struct group **at = groups;
	while ((*at)->operations != node->operations)
		at = &(*at)->next;
	struct group *group = *at;
	struct grant_node *next = node->links[list].next, *previous = node->links[list].previous;
	if (next != NULL)
		next->links[list].previous = previous;
	if (previous != NULL)
		previous->links[list].next = next;
	else
		group->first = next;
	if (group->first != NULL)
		return;
	*at = group->next;
	mem_free(group);
}

static void leave_bucket(struct grant_index *index, struct class *class)
{
	struct bucket *bucket = class->bucket;
	if (class->bucket_next != NULL)
		class->bucket_next->bucket_previous = class->bucket_previous;
	if (class->bucket_previous != NULL)
		class->bucket_previous->bucket_next = class->bucket_next;
	else
		bucket->classes = class->bucket_next;
	class->bucket = NULL;
	if (--bucket->count > 0)
		return;
	(void)map_remove(&index->buckets, view_of(bucket->name, bucket->name_len));
	mem_free(bucket);
}

static void forget_class(struct grant_index *index, struct class *class)
{
	struct holder *holder = class->holder;
	holder->classes[class->constraint]--;
	if (class->bucket != NULL)
		leave_bucket(index, class);
	(void)map_remove(&index->classes, view_of(class->name, class->name_len));
	class->holder = NULL;
	class_release(class);
	if (holder->groups != NULL)
		return;
	(void)map_remove(&index->holders, view_of(holder->name, holder->name_len));
	mem_free(holder);
}

void grant_index_remove(struct grant_index *index, struct view id)
{
	struct grant_node *node = (struct grant_node *)map_remove(&index->nodes, id);
	if (node == NULL)
		return;
	struct class *class = node->class;
	unlink_node(&class->groups, node, IN_CLASS);
	unlink_node(&class->holder->groups, node, IN_HOLDER);
	if (class->groups == NULL)
		forget_class(index, class);
	grant_node_release(&node);
}

/* --- finding --- */

struct search {
	struct grant_index *index;
	const struct grant_wanted *wanted;
	const struct holder *holder;
};

static bool fits(struct search *search, const struct grant_node *node)
{
	const struct grant_wanted *wanted = search->wanted;
	const struct auth_grant grant = grant_node_grant(node);
	search->index->examined++;
	return auth_grant_permits(&grant, wanted->operation, wanted->takes_context,
				  wanted->context) &&
	       (wanted->child == NULL || auth_grant_narrows(&grant, wanted->child));
}

/* Within a group, grants differ in their constraint at most, and that is of interest for what takes
 * a context, or for a child. */
static struct grant_node *in_groups(struct search *search, const struct group *groups,
				    unsigned list)
{
	const struct grant_wanted *wanted = search->wanted;
	uint32_t needed = wanted->operation;
	bool all_alike = list == IN_CLASS || wanted->child == NULL;
	if (wanted->child != NULL)
		needed |= wanted->child->operations;
	for (const struct group *group = groups; group != NULL; group = group->next) {
		if ((group->operations & needed) != needed)
			continue;
		struct grant_node *node = group->first;
		while (node != NULL && !fits(search, node))
			node = all_alike ? NULL : node->links[list].next;
		if (node != NULL)
			return node;
	}
	return NULL;
}

static struct grant_node *in_class(struct search *search, const struct grant_name *name)
{
	const struct class *class =
		(const struct class *)map_get(&search->index->classes, grant_name_view(name));
	return class != NULL ? in_groups(search, class->groups, IN_CLASS) : NULL;
}

static struct grant_node *find_unconstrained(struct search *search)
{
	UNINITIALISED struct grant_name name;
	uint64_t holder = search->holder->number;
	if (!grant_name_class(holder, AUTH_GRANT_ANY_CONTEXT, VIEW_NONE, &name))
		return NULL;
	return in_class(search, &name);
}

static struct grant_node *find_equal(struct search *search)
{
	UNINITIALISED struct grant_name name;
	if (!grant_name_context(search->holder->number, search->wanted->context, &name))
		return NULL;
	return in_class(search, &name);
}

static struct grant_node *find_by_pair(struct search *search, const struct auth_pair *pair)
{
	UNINITIALISED struct grant_name name;
	if (!grant_name_pair(search->holder->number, pair, &name))
		return NULL;
	const struct bucket *bucket =
		(const struct bucket *)map_get(&search->index->buckets, grant_name_view(&name));
	const struct class *class = bucket != NULL ? bucket->classes : NULL;
	struct grant_node *node = NULL;
	for (; class != NULL && node == NULL; class = class->bucket_next)
		node = in_groups(search, class->groups, IN_CLASS);
	return node;
}

static struct grant_node *find_subset(struct search *search)
{
	const struct auth_pairs *context = search->wanted->context;
	struct grant_node *node = NULL;
	for (size_t i = 0; i < context->count && node == NULL; i++)
		node = find_by_pair(search, &context->pairs[i]);
	return node;
}

static struct grant_node *find_in_context(struct search *search)
{
	static struct grant_node *(*const finders[])(struct search *) = {
		[AUTH_GRANT_ANY_CONTEXT] = find_unconstrained,
		[AUTH_GRANT_SUBSET] = find_subset,
		[AUTH_GRANT_EQUALS] = find_equal,
	};
	struct grant_node *node = NULL;
	for (size_t i = 0; i < ARRAY_LEN(finders) && node == NULL; i++)
		if (search->holder->classes[i] > 0)
			node = finders[i](search);
	return node;
}

struct grant_node *grant_index_find(struct grant_index *index, const struct grant_wanted *wanted)
{
	uint8_t room[GRANT_HOLDER_NAME_MAX];
	struct view name = grant_name_holder(wanted->grantee, wanted->grantee_id, room);
	struct search search = {.index = index, .wanted = wanted};
	if (name.len == 0)
		return NULL;
	search.holder = (const struct holder *)map_get(&index->holders, name);
	if (search.holder == NULL)
		return NULL;
	struct grant_node *node = wanted->takes_context
					  ? find_in_context(&search)
					  : in_groups(&search, search.holder->groups, IN_HOLDER);
	if (node != NULL)
		atomic_fetch_add(&node->references, 1);
	return node;
}

size_t grant_index_count(const struct grant_index *index)
{
	return index->nodes.count;
}

uint64_t grant_index_examined(const struct grant_index *index)
{
	return index->examined;
}

/* --- the whole --- */

NODISCARD struct err grant_index_new(struct grant_index **out)
{
	CLEANUP(grant_index_free) struct grant_index *index = NULL;
	TRY(MEM_NEW(&index));
	TRY(map_init(&index->holders));
	TRY(map_init(&index->classes));
	TRY(map_init(&index->buckets));
	TRY(map_init(&index->nodes));
	*out = TAKE(index);
	return OK;
}

static void groups_free(struct group *groups)
{
	while (groups != NULL) {
		struct group *next = groups->next;
		mem_free(groups);
		groups = next;
	}
}

static void holders_free(struct map *holders)
{
	struct holder *holder;
	for (size_t at = 0; (holder = (struct holder *)map_next(holders, &at)) != NULL;) {
		groups_free(holder->groups);
		mem_free(holder);
	}
	map_cleanup(holders);
}

static void classes_free(struct map *classes)
{
	struct class *class;
	for (size_t at = 0; (class = (struct class *)map_next(classes, &at)) != NULL;) {
		groups_free(class->groups);
		class->groups = NULL;
		class_release(class);
	}
	map_cleanup(classes);
}

static void buckets_free(struct map *buckets)
{
	struct bucket *bucket;
	for (size_t at = 0; (bucket = (struct bucket *)map_next(buckets, &at)) != NULL;)
		mem_free(bucket);
	map_cleanup(buckets);
}

void grant_index_free(struct grant_index **index)
{
	if (*index == NULL)
		return;
	struct grant_node *node;
	for (size_t at = 0; (node = (struct grant_node *)map_next(&(*index)->nodes, &at)) != NULL;)
		grant_node_release(&node);
	map_cleanup(&(*index)->nodes);
	classes_free(&(*index)->classes);
	buckets_free(&(*index)->buckets);
	holders_free(&(*index)->holders);
	mem_free(TAKE(*index));
}
