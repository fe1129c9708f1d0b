/* SPDX-License-Identifier: Apache-2.0 */
/* A map and a list in order of last use, under one lock, as keyring.c has them. */
#include "service/key_facts.h"

#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"

#define KEYS_DEFAULT 2000
#define LOAD_ATTEMPTS 3

struct key_facts_entry {
	uint8_t name[KMS_KEY_ID_NAME]; /* the map's key */
	struct key_facts *facts;
	uint32_t references; /* under the lock; the map counts as one */
	struct key_facts_entry *newer, *older;

	struct kms_tag_page tags;
	struct kms_alias_page aliases;
	struct auth_pair *pairs; /* into `tags` */
	struct view *names;      /* into `aliases` */
};

struct key_facts {
	struct key_facts_options options;
	pthread_mutex_t lock;
	struct map entries;
	struct key_facts_entry *newest, *oldest;
	uint64_t epoch; /* grows whenever something is forgotten */
};

static void entry_free(struct key_facts_entry **entry)
{
	if (*entry == NULL)
		return;
	mem_free((*entry)->pairs);
	mem_free((*entry)->names);
	mem_free((*entry)->tags.tags);
	mem_free((*entry)->aliases.aliases);
	mem_free(TAKE(*entry));
}

/* Under the lock from here on, unless said otherwise. */

static void unlink_entry(struct key_facts *facts, struct key_facts_entry *entry)
{
	*(entry->newer != NULL ? &entry->newer->older : &facts->newest) = entry->older;
	*(entry->older != NULL ? &entry->older->newer : &facts->oldest) = entry->newer;
	entry->newer = entry->older = NULL;
}

static void link_newest(struct key_facts *facts, struct key_facts_entry *entry)
{
	entry->newer = NULL;
	entry->older = facts->newest;
	*(facts->newest != NULL ? &facts->newest->newer : &facts->oldest) = entry;
	facts->newest = entry;
}

static void forget(struct key_facts *facts, struct key_facts_entry *entry)
{
	(void)map_remove(&facts->entries, VIEW_ARRAY(entry->name));
	unlink_entry(facts, entry);
	if (--entry->references == 0)
		entry_free(&entry);
}

static struct key_facts_entry *find(struct key_facts *facts, const struct kms_key_id *id)
{
	uint8_t name[KMS_KEY_ID_NAME];
	kms_key_id_name(id, name);
	return (struct key_facts_entry *)map_get(&facts->entries, VIEW_ARRAY(name));
}

static struct key_facts_entry *take(struct key_facts *facts, const struct kms_key_id *id)
{
	LOCK_SCOPE(&facts->lock);
	struct key_facts_entry *entry = find(facts, id);
	if (entry == NULL)
		return NULL;
	unlink_entry(facts, entry);
	link_newest(facts, entry);
	entry->references++;
	return entry;
}

static uint64_t epoch_of(struct key_facts *facts)
{
	LOCK_SCOPE(&facts->lock);
	return facts->epoch;
}

/* Not under the lock. */
static struct err load_tags(struct key_facts *facts, const struct kms_key *key,
			    struct key_facts_entry *entry)
{
	const struct kms_catalog *catalog = &facts->options.catalog;
	const struct kms_page_query query = {
		.scope = &key->scope, .key_id = &key->id, .limit = KMS_TAGS_MAX};
	struct kms_tag_page *page = &entry->tags;
	TRY(catalog->ops->tags_list(catalog->self, &query, page));
	ENSURE(!page->more); /* a condition on a tag must not be decided on some of them */
	if (page->count == 0)
		return OK;
	TRY(MEM_NEW_ARRAY(page->count, &entry->pairs));
	for (size_t i = 0; i < page->count; i++)
		entry->pairs[i] = (struct auth_pair){view_of_text(page->tags[i].key),
						     view_of_text(page->tags[i].value)};
	return OK;
}

/* Not under the lock. */
static struct err load_aliases(struct key_facts *facts, const struct kms_key *key,
			       struct key_facts_entry *entry)
{
	const struct kms_catalog *catalog = &facts->options.catalog;
	const struct kms_page_query query = {
		.scope = &key->scope, .key_id = &key->id, .limit = KMS_ALIASES_MAX};
	struct kms_alias_page *page = &entry->aliases;
	TRY(catalog->ops->alias_list(catalog->self, &query, page));
	ENSURE(!page->more);
	if (page->count == 0)
		return OK;
	TRY(MEM_NEW_ARRAY(page->count, &entry->names));
	for (size_t i = 0; i < page->count; i++)
		entry->names[i] = view_of_text(page->aliases[i].name);
	return OK;
}

/* Not under the lock. */
static struct err load(struct key_facts *facts, const struct kms_key *key,
		       struct key_facts_entry **out)
{
	CLEANUP(entry_free) struct key_facts_entry *entry = NULL;
	TRY(MEM_NEW(&entry));
	kms_key_id_name(&key->id, entry->name);
	entry->facts = facts;
	entry->references = 1;
	TRY(load_tags(facts, key, entry));
	TRY(load_aliases(facts, key, entry));
	*out = TAKE(entry);
	return OK;
}

/* Not under the lock. true: kept, or kept by somebody else meanwhile; false: it may be old. */
static bool keep(struct key_facts *facts, struct key_facts_entry *entry, uint64_t epoch)
{
	LOCK_SCOPE(&facts->lock);
	if (facts->epoch != epoch)
		return false;
	void *old = NULL;
	if (map_get(&facts->entries, VIEW_ARRAY(entry->name)) != NULL ||
	    err_failed(map_put(&facts->entries, VIEW_ARRAY(entry->name), entry, &old)))
		return true;
	entry->references++;
	link_newest(facts, entry);
	if (facts->entries.count > facts->options.keys_max)
		forget(facts, facts->oldest);
	return true;
}

NODISCARD struct err key_facts_acquire(struct key_facts *facts, const struct kms_key *key,
				       bool may_block, struct key_facts_entry **out)
{
	*out = take(facts, &key->id);
	if (*out != NULL)
		return OK;
	REQUIRE(may_block, E_WOULD_BLOCK);
	for (unsigned attempt = 0; attempt < LOAD_ATTEMPTS; attempt++) {
		key_facts_release(out);
		uint64_t epoch = epoch_of(facts);
		TRY(load(facts, key, out));
		if (keep(facts, *out, epoch))
			return OK;
	}
	return OK; /* read after the call began, which is new enough for it */
}

void key_facts_release(struct key_facts_entry **entry)
{
	if (*entry == NULL)
		return;
	struct key_facts *facts = (*entry)->facts;
	pthread_mutex_lock(&facts->lock);
	bool last = --(*entry)->references == 0;
	pthread_mutex_unlock(&facts->lock);
	if (last)
		entry_free(entry);
	*entry = NULL;
}

struct auth_pairs key_facts_tags(const struct key_facts_entry *entry)
{
	return (struct auth_pairs){entry->pairs, entry->tags.count};
}

const struct view *key_facts_aliases(const struct key_facts_entry *entry, size_t *count)
{
	*count = entry->aliases.count;
	return entry->names;
}

void key_facts_drop(struct key_facts *facts, const struct kms_key_id *id)
{
	LOCK_SCOPE(&facts->lock);
	facts->epoch++;
	struct key_facts_entry *entry = find(facts, id);
	if (entry != NULL)
		forget(facts, entry);
}

void key_facts_drop_all(struct key_facts *facts)
{
	LOCK_SCOPE(&facts->lock);
	facts->epoch++;
	while (facts->oldest != NULL)
		forget(facts, facts->oldest);
}

NODISCARD struct err key_facts_new(const struct key_facts_options *options, struct key_facts **out)
{
	CLEANUP(key_facts_free) struct key_facts *facts = NULL;
	TRY(MEM_NEW(&facts));
	facts->options = *options;
	if (facts->options.keys_max == 0)
		facts->options.keys_max = KEYS_DEFAULT;
	(void)pthread_mutex_init(&facts->lock, NULL);
	TRY(map_init(&facts->entries));
	*out = TAKE(facts);
	return OK;
}

void key_facts_free(struct key_facts **facts)
{
	if (*facts == NULL)
		return;
	key_facts_drop_all(*facts);
	map_cleanup(&(*facts)->entries);
	(void)pthread_mutex_destroy(&(*facts)->lock);
	mem_free(TAKE(*facts));
}
