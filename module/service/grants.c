/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map of keys and a list in order of last use, under one lock; the grants of one key:
 * grant_index.h.
 *
 * A key is loaded by one thread, while others that ask for it wait. What is committed meanwhile
 * may or may not be in what is read: it is noted, and done again once the key is loaded, which
 * changes nothing when it was in, since ids are never used twice. When something else may have
 * changed, what was read is not kept.
 */
#include "service/grants.h"

#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/grant_index.h"

#define GRANTS_MAX_DEFAULT 500000
#define LOAD_ATTEMPTS 3
#define CHANGES_MAX 1024 /* noted while a key is loaded; more: it is read again */
#define NAMES_MAX 4      /* of a principal: itself, its role, its account in two forms */

/* A grant added or removed while its key is being loaded. */
struct change {
	struct change *next;
	bool added;
	struct kms_grant grant;
};

struct entry {
	uint8_t name[KMS_KEY_ID_NAME]; /* the map's key */
	struct entry *newer, *older;   /* once loaded */
	struct grant_index *index;     /* NULL: no grants */
	bool loading;                  /* one thread does, and will free or finish the entry */
	bool spoiled;                  /* loading: what is read may be old */
	struct change *first, **last;  /* loading */
	size_t change_count;
};

struct grants {
	struct grants_options options;
	pthread_mutex_t lock;
	pthread_cond_t loaded; /* a load has ended, one way or the other */
	struct map entries;
	struct entry *newest, *oldest;
	struct entry *doomed; /* forgotten, by `older`; freed without the lock */
	size_t count;         /* grants in memory */
	size_t weight;        /* against grants_max */
};

static size_t count_of(const struct entry *entry)
{
	return entry->index != NULL ? grant_index_count(entry->index) : 0;
}

static void forget_changes(struct entry *entry)
{
	while (entry->first != NULL) {
		struct change *change = entry->first;
		entry->first = change->next;
		mem_free(change);
	}
	entry->last = &entry->first;
	entry->change_count = 0;
}

static void entry_free(struct entry **entry)
{
	if (*entry == NULL)
		return;
	forget_changes(*entry);
	grant_index_free(&(*entry)->index);
	mem_free(TAKE(*entry));
}

/* --- under the lock --- */

static struct entry *entry_find(struct grants *grants, const struct kms_key_id *id)
{
	uint8_t name[KMS_KEY_ID_NAME];
	kms_key_id_name(id, name);
	return (struct entry *)map_get(&grants->entries, VIEW_ARRAY(name));
}

static void unlink_entry(struct grants *grants, struct entry *entry)
{
	*(entry->newer != NULL ? &entry->newer->older : &grants->newest) = entry->older;
	*(entry->older != NULL ? &entry->older->newer : &grants->oldest) = entry->newer;
	entry->newer = entry->older = NULL;
}

static void link_newest(struct grants *grants, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = grants->newest;
	*(grants->newest != NULL ? &grants->newest->newer : &grants->oldest) = entry;
	grants->newest = entry;
}

/* Of one that is loaded. */
static void forget(struct grants *grants, struct entry *entry)
{
	(void)map_remove(&grants->entries, VIEW_ARRAY(entry->name));
	unlink_entry(grants, entry);
	grants->count -= count_of(entry);
	grants->weight -= 1 + count_of(entry);
	entry->older = grants->doomed;
	grants->doomed = entry;
}

static void keep_within_bounds(struct grants *grants)
{
	while (grants->weight > grants->options.grants_max && grants->oldest != grants->newest)
		forget(grants, grants->oldest);
}

static struct err entry_add(struct entry *entry, const struct kms_grant *grant)
{
	if (entry->index == NULL)
		TRY(grant_index_new(&entry->index));
	return grant_index_add(entry->index, grant);
}

static void entry_remove(struct entry *entry, const struct kms_grant *grant)
{
	if (entry->index == NULL)
		return;
	grant_index_remove(entry->index, view_of_text(grant->id));
	if (grant_index_count(entry->index) == 0)
		grant_index_free(&entry->index);
}

static struct err entry_apply(struct entry *entry, const struct kms_grant *grant, bool added)
{
	if (added)
		return entry_add(entry, grant);
	entry_remove(entry, grant);
	return OK;
}

/* While the key is loaded; without room for it, what is read is not kept. */
static void note_change(struct entry *entry, const struct kms_grant *grant, bool added)
{
	struct change *change = NULL;
	if (entry->change_count >= CHANGES_MAX ||
	    err_failed(mem_alloc_array(1, sizeof *change + grant->context.len, (void **)&change))) {
		entry->spoiled = true;
		return;
	}
	uint8_t *context = (uint8_t *)(change + 1);
	mem_copy(context, grant->context.len, grant->context.ptr, grant->context.len);
	change->added = added;
	change->grant = *grant;
	change->grant.context = view_of(context, grant->context.len);
	*entry->last = change;
	entry->last = &change->next;
	entry->change_count++;
}

/* --- after a change --- */

static void free_doomed(struct grants *grants)
{
	pthread_mutex_lock(&grants->lock);
	struct entry *doomed = TAKE(grants->doomed);
	pthread_mutex_unlock(&grants->lock);
	while (doomed != NULL) {
		struct entry *next = doomed->older;
		entry_free(&doomed);
		doomed = next;
	}
}

static void change_loaded(struct grants *grants, struct entry *entry, const struct kms_grant *grant,
			  bool added)
{
	size_t before = count_of(entry);
	struct err e = entry_apply(entry, grant, added);
	size_t now = count_of(entry);
	grants->count = grants->count - before + now;
	grants->weight = grants->weight - before + now;
	if (err_failed(e))
		forget(grants, entry);
	keep_within_bounds(grants);
}

static void change(struct grants *grants, const struct kms_grant *grant, bool added)
{
	pthread_mutex_lock(&grants->lock);
	struct entry *entry = entry_find(grants, &grant->key_id);
	if (entry != NULL && entry->loading)
		note_change(entry, grant, added);
	else if (entry != NULL)
		change_loaded(grants, entry, grant, added);
	pthread_mutex_unlock(&grants->lock);
	free_doomed(grants);
}

void grants_added(struct grants *grants, const struct kms_grant *grant)
{
	change(grants, grant, true);
}

void grants_removed(struct grants *grants, const struct kms_grant *grant)
{
	change(grants, grant, false);
}

void grants_drop(struct grants *grants, const struct kms_key_id *key_id)
{
	pthread_mutex_lock(&grants->lock);
	struct entry *entry = entry_find(grants, key_id);
	if (entry != NULL && entry->loading)
		entry->spoiled = true;
	else if (entry != NULL)
		forget(grants, entry);
	pthread_mutex_unlock(&grants->lock);
	free_doomed(grants);
}

void grants_drop_all(struct grants *grants)
{
	pthread_mutex_lock(&grants->lock);
	while (grants->oldest != NULL)
		forget(grants, grants->oldest);
	struct entry *entry; /* what is left is being loaded */
	for (size_t at = 0; (entry = (struct entry *)map_next(&grants->entries, &at)) != NULL;)
		entry->spoiled = true;
	pthread_mutex_unlock(&grants->lock);
	free_doomed(grants);
}

/* --- loading --- */

/* The row's key is what the store was asked for, or the row is none of ours. */
static struct err load_one(void *user, const struct kms_grant *grant)
{
	struct entry *entry = (struct entry *)user;
	uint8_t name[KMS_KEY_ID_NAME];
	kms_key_id_name(&grant->key_id, name);
	ENSURE(mem_equal(name, entry->name, KMS_KEY_ID_NAME));
	return entry_add(entry, grant);
}

static struct err read_grants(struct grants *grants, const struct grants_query *query,
			      struct entry *entry)
{
	const struct kms_grants *store = &grants->options.store;
	return store->ops->each(store->self, query->scope, query->key_id, load_one, entry);
}

/* Under the lock: a place in the map, for others to wait at. */
static struct err begin_load(struct grants *grants, const struct kms_key_id *id, struct entry **out)
{
	CLEANUP(entry_free) struct entry *entry = NULL;
	void *old = NULL;
	TRY(MEM_NEW(&entry));
	kms_key_id_name(id, entry->name);
	entry->last = &entry->first;
	entry->loading = true;
	TRY(map_put(&grants->entries, VIEW_ARRAY(entry->name), entry, &old));
	*out = TAKE(entry);
	return OK;
}

/* Under the lock. Entries that are loading are not touched by anybody else but through
 * note_change() and `spoiled`. */
static struct err catch_up(struct entry *entry)
{
	for (struct change *c = entry->first; c != NULL; c = c->next)
		TRY(entry_apply(entry, &c->grant, c->added));
	return OK;
}

/* Under the lock: keeps the entry, or takes it out of the map and leaves it to the caller. */
static struct err end_load(struct grants *grants, struct entry *entry, struct err result)
{
	if (!err_failed(result))
		result = catch_up(entry);
	forget_changes(entry);
	entry->loading = false;
	(void)pthread_cond_broadcast(&grants->loaded);
	if (err_failed(result) || entry->spoiled) {
		(void)map_remove(&grants->entries, VIEW_ARRAY(entry->name));
		return result;
	}
	link_newest(grants, entry);
	grants->count += count_of(entry);
	grants->weight += 1 + count_of(entry);
	keep_within_bounds(grants);
	return OK;
}

/* Under the lock, which it gives up meanwhile. *out is in the map, or, spoiled, the caller's. */
static struct err load(struct grants *grants, const struct grants_query *query, struct entry **out)
{
	struct entry *entry = NULL;
	TRY(begin_load(grants, query->key_id, &entry));
	pthread_mutex_unlock(&grants->lock);
	struct err e = read_grants(grants, query, entry);
	pthread_mutex_lock(&grants->lock);
	e = end_load(grants, entry, e);
	if (err_failed(e))
		entry_free(&entry);
	else
		*out = entry;
	return e;
}

/* --- finding --- */

struct name {
	struct view grantee;
	const char *id;
	bool to_account, to_role;
};

/* What the grantee of a grant may be called, to be this principal. */
static size_t list_names(const struct grants_query *query, char root[AUTH_ARN_MAX + 1],
			 struct name names[NAMES_MAX])
{
	const struct auth_principal *who = query->principal;
	size_t count = 0;
	if (who->type == AUTH_SERVICE)
		names[count++] = (struct name){.grantee = view_of_text(who->arn), .id = ""};
	if (who->type == AUTH_USER || who->type == AUTH_ROLE_SESSION)
		names[count++] = (struct name){.grantee = view_of_text(who->arn), .id = who->id};
	if (who->type == AUTH_ROLE_SESSION)
		names[count++] = (struct name){
			.grantee = view_of_text(who->role_arn), .id = who->id, .to_role = true};
	if (who->type == AUTH_SERVICE || who->type == AUTH_OPERATOR)
		return count;
	if (err_failed(text_format(root, AUTH_ARN_MAX + 1, "arn:%s:iam::%s:root",
				   query->scope->partition, who->account)))
		return count;
	names[count++] = (struct name){.grantee = view_of_text(root), .id = "", .to_account = true};
	names[count++] =
		(struct name){.grantee = view_of_text(who->account), .id = "", .to_account = true};
	return count;
}

static void hand_out(struct grants_found *found, struct grant_node *node, const struct name *name)
{
	struct auth_grant *grant = &found->grants[found->count];
	*grant = grant_node_grant(node);
	grant->to_account = name->to_account;
	grant->to_role = name->to_role;
	found->held[found->count++] = node;
}

static void search(const struct entry *entry, const struct grants_query *query,
		   struct grants_found *found)
{
	char root[AUTH_ARN_MAX + 1];
	struct name names[NAMES_MAX];
	size_t count = entry->index != NULL ? list_names(query, root, names) : 0;
	for (size_t i = 0; i < count && found->count < GRANTS_FOUND_MAX; i++) {
		const struct grant_wanted wanted = {.grantee = names[i].grantee,
						    .grantee_id = view_of_text(names[i].id),
						    .operation = query->operation,
						    .takes_context = query->takes_context,
						    .context = query->context,
						    .child = query->child};
		struct grant_node *node = grant_index_find(entry->index, &wanted);
		if (node != NULL)
			hand_out(found, node, &names[i]);
	}
}

/* Under the lock. true: searched. */
static bool search_memory(struct grants *grants, const struct grants_query *query,
			  struct grants_found *found)
{
	struct entry *entry = entry_find(grants, query->key_id);
	while (entry != NULL && entry->loading && query->may_block) {
		(void)pthread_cond_wait(&grants->loaded, &grants->lock);
		entry = entry_find(grants, query->key_id);
	}
	if (entry == NULL || entry->loading)
		return false;
	unlink_entry(grants, entry);
	link_newest(grants, entry);
	search(entry, query, found);
	return true;
}

/* Under the lock. What is read after the call began is new enough for it, if not for others. */
static struct err find(struct grants *grants, const struct grants_query *query,
		       struct grants_found *found)
{
	for (unsigned attempt = 1;; attempt++) {
		CLEANUP(entry_free) struct entry *spoiled = NULL;
		if (search_memory(grants, query, found))
			return OK;
		REQUIRE(query->may_block, E_WOULD_BLOCK);
		struct entry *entry = NULL;
		TRY(load(grants, query, &entry));
		if (entry->spoiled)
			spoiled = entry;
		if (spoiled != NULL && attempt < LOAD_ATTEMPTS)
			continue;
		search(entry, query, found);
		return OK;
	}
}

NODISCARD struct err grants_find(struct grants *grants, const struct grants_query *query,
				 struct grants_found *found)
{
	found->count = 0;
	ENSURE(query->operation != 0 && (query->context != NULL || !query->takes_context));
	pthread_mutex_lock(&grants->lock);
	struct err e = find(grants, query, found);
	bool litter = grants->doomed != NULL;
	pthread_mutex_unlock(&grants->lock);
	if (litter)
		free_doomed(grants);
	return e;
}

void grants_found_cleanup(struct grants_found *found)
{
	for (size_t i = 0; i < found->count; i++)
		grant_node_release(&found->held[i]);
	found->count = 0;
}

size_t grants_count(struct grants *grants)
{
	LOCK_SCOPE(&grants->lock);
	return grants->count;
}

NODISCARD struct err grants_new(const struct grants_options *options, struct grants **out)
{
	CLEANUP(grants_free) struct grants *grants = NULL;
	TRY(MEM_NEW(&grants));
	grants->options = *options;
	if (grants->options.grants_max == 0)
		grants->options.grants_max = GRANTS_MAX_DEFAULT;
	(void)pthread_mutex_init(&grants->lock, NULL);
	(void)pthread_cond_init(&grants->loaded, NULL);
	TRY(map_init(&grants->entries));
	*out = TAKE(grants);
	return OK;
}

void grants_free(struct grants **grants)
{
	if (*grants == NULL)
		return;
	grants_drop_all(*grants);
	map_cleanup(&(*grants)->entries);
	(void)pthread_cond_destroy(&(*grants)->loaded);
	(void)pthread_mutex_destroy(&(*grants)->lock);
	mem_free(TAKE(*grants));
}
