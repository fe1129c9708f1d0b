/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map and a list in order of last use, under one lock, as keyring.c has them. `epoch` grows
 * whenever something is forgotten: what was read from the store before that moment is never kept.
 */
#include "service/aliases.h"

#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"

#define LOAD_ATTEMPTS 3

/* The map's key: the account's digits, then the name. */
struct full_name {
	char text[KMS_ACCOUNT_LEN + KMS_ALIAS_MAX + 1];
	size_t len;
};

struct entry {
	struct entry *newer, *older;
	struct kms_key_id key_id;
	struct full_name name;
};

struct aliases {
	struct aliases_options options;
	pthread_mutex_t lock;
	struct map entries;
	struct entry *newest, *oldest;
	uint64_t epoch;
};

/* false: no alias has such a name. */
static bool name_of(const struct aliases_name *alias, struct full_name *out)
{
	struct view account = view_of_text(alias->scope->account);
	if (account.len != KMS_ACCOUNT_LEN || alias->name.len > KMS_ALIAS_MAX)
		return false;
	mem_copy(out->text, sizeof out->text, account.ptr, account.len);
	mem_copy(out->text + account.len, sizeof out->text - account.len, alias->name.ptr,
		 alias->name.len);
	out->len = account.len + alias->name.len;
	return true;
}

static struct view name_view(const struct full_name *name)
{
	return view_of(name->text, name->len);
}

/* Under the lock from here on, unless said otherwise. */

static void unlink_entry(struct aliases *aliases, struct entry *entry)
{
	*(entry->newer != NULL ? &entry->newer->older : &aliases->newest) = entry->older;
	*(entry->older != NULL ? &entry->older->newer : &aliases->oldest) = entry->newer;
	entry->newer = entry->older = NULL;
}

static void link_newest(struct aliases *aliases, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = aliases->newest;
	*(aliases->newest != NULL ? &aliases->newest->newer : &aliases->oldest) = entry;
	aliases->newest = entry;
}

static void forget(struct aliases *aliases, struct entry *entry)
{
	(void)map_remove(&aliases->entries, name_view(&entry->name));
	unlink_entry(aliases, entry);
	mem_free(entry);
}

static bool take(struct aliases *aliases, const struct full_name *name, struct kms_key_id *out)
{
	LOCK_SCOPE(&aliases->lock);
	struct entry *entry = (struct entry *)map_get(&aliases->entries, name_view(name));
	if (entry == NULL)
		return false;
	unlink_entry(aliases, entry);
	link_newest(aliases, entry);
	*out = entry->key_id;
	return true;
}

static uint64_t epoch_of(struct aliases *aliases)
{
	LOCK_SCOPE(&aliases->lock);
	return aliases->epoch;
}

/* Not under the lock. true: kept, or kept by somebody else meanwhile; false: it may be old. Without
 * memory nothing is kept, and that is well. */
static bool keep(struct aliases *aliases, const struct full_name *name,
		 const struct kms_key_id *key_id, uint64_t epoch)
{
	CLEANUP(mem_free_at) struct entry *entry = NULL;
	bool made = !err_failed(MEM_NEW(&entry));
	LOCK_SCOPE(&aliases->lock);
	if (aliases->epoch != epoch)
		return false;
	if (!made || map_get(&aliases->entries, name_view(name)) != NULL)
		return true;
	entry->name = *name;
	entry->key_id = *key_id;
	void *old = NULL;
	if (err_failed(map_put(&aliases->entries, name_view(&entry->name), entry, &old)))
		return true;
	link_newest(aliases, TAKE(entry));
	if (aliases->entries.count > aliases->options.aliases_max)
		forget(aliases, aliases->oldest);
	return true;
}

/* Not under the lock. */
static struct err load(struct aliases *aliases, const struct aliases_name *wanted,
		       struct kms_alias *out)
{
	const struct kms_catalog *catalog = &aliases->options.catalog;
	TRY(catalog->ops->alias_load(catalog->self, wanted->scope, wanted->name, out));
	TRY(kms_alias_check(out));
	ENSURE(text_equal(out->scope.account, wanted->scope->account));
	ENSURE(view_equal(view_of_text(out->name), wanted->name));
	return OK;
}

NODISCARD struct err aliases_find(struct aliases *aliases, const struct aliases_name *alias,
				  bool may_block, struct kms_key_id *out)
{
	struct full_name name;
	REQUIRE(name_of(alias, &name), E_NOT_FOUND);
	if (take(aliases, &name, out))
		return OK;
	REQUIRE(may_block, E_WOULD_BLOCK);
	struct kms_alias loaded;
	for (unsigned attempt = 0; attempt < LOAD_ATTEMPTS; attempt++) {
		uint64_t epoch = epoch_of(aliases);
		TRY(load(aliases, alias, &loaded));
		if (keep(aliases, &name, &loaded.key_id, epoch))
			break;
	}
	*out = loaded.key_id; /* read after the call began, which is new enough for it */
	return OK;
}

void aliases_drop(struct aliases *aliases, const struct aliases_name *alias)
{
	struct full_name name;
	if (!name_of(alias, &name))
		return;
	LOCK_SCOPE(&aliases->lock);
	aliases->epoch++;
	struct entry *entry = (struct entry *)map_get(&aliases->entries, name_view(&name));
	if (entry != NULL)
		forget(aliases, entry);
}

void aliases_drop_all(struct aliases *aliases)
{
	LOCK_SCOPE(&aliases->lock);
	aliases->epoch++;
	while (aliases->oldest != NULL)
		forget(aliases, aliases->oldest);
}

size_t aliases_count(struct aliases *aliases)
{
	LOCK_SCOPE(&aliases->lock);
	return aliases->entries.count;
}

NODISCARD struct err aliases_new(const struct aliases_options *options, struct aliases **out)
{
	CLEANUP(aliases_free) struct aliases *aliases = NULL;
	TRY(MEM_NEW(&aliases));
	aliases->options = *options;
	(void)pthread_mutex_init(&aliases->lock, NULL);
	TRY(map_init(&aliases->entries));
	*out = TAKE(aliases);
	return OK;
}

void aliases_free(struct aliases **aliases)
{
	if (*aliases == NULL)
		return;
	aliases_drop_all(*aliases);
	map_cleanup(&(*aliases)->entries);
	(void)pthread_mutex_destroy(&(*aliases)->lock);
	mem_free(TAKE(*aliases));
}
