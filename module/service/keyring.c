/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map and a list in order of last use, under one lock. `epoch` grows whenever something is
 * forgotten: a snapshot that was read before that moment is never kept.
 */
#include "service/keyring.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/text.h"

#define WATCH_INTERVAL_MS 50
#define LOAD_ATTEMPTS 3

struct keyring_entry {
	uint8_t name[KMS_KEY_ID_NAME]; /* the map's key */
	struct keyring *keyring;
	uint32_t references; /* under the keyring's lock; the map counts as one */
	struct keyring_entry *newer, *older;
	struct kms_key_full full;
	struct auth_policy *policy; /* NULL: it cannot be compiled */
};

struct keyring {
	struct keyring_options options;
	pthread_mutex_t lock;
	struct map entries;
	struct keyring_entry *newest, *oldest;
	uint64_t epoch;
	uint64_t changes;            /* of the store, when the watching thread last asked */
	size_t malformed;            /* entries without a compiled policy */
	struct auth_policy *nothing; /* stands for every policy that cannot be compiled */

	pthread_t watcher;
	pthread_cond_t wake;
	bool stopping;
	bool watching;
};

static void entry_free(struct keyring_entry **entry)
{
	if (*entry == NULL)
		return;
	kms_key_full_cleanup(&(*entry)->full);
	auth_policy_free(&(*entry)->policy);
	mem_free(TAKE(*entry));
}

/* Under the lock from here on, unless said otherwise. */

static void unlink_entry(struct keyring *keyring, struct keyring_entry *entry)
{
	*(entry->newer != NULL ? &entry->newer->older : &keyring->newest) = entry->older;
	*(entry->older != NULL ? &entry->older->newer : &keyring->oldest) = entry->newer;
	entry->newer = entry->older = NULL;
}

static void link_newest(struct keyring *keyring, struct keyring_entry *entry)
{
	entry->newer = NULL;
	entry->older = keyring->newest;
	if (keyring->newest != NULL)
		keyring->newest->newer = entry;
	else
		keyring->oldest = entry;
	keyring->newest = entry;
}

static void forget(struct keyring *keyring, struct keyring_entry *entry)
{
	(void)map_remove(&keyring->entries, VIEW_ARRAY(entry->name));
	metric_set(METRIC_KEYRING_KEYS, 0, 0, keyring->entries.count);
	unlink_entry(keyring, entry);
	keyring->malformed -= entry->policy == NULL;
	if (--entry->references == 0)
		entry_free(&entry);
}

static void forget_all(struct keyring *keyring)
{
	keyring->epoch++;
	while (keyring->oldest != NULL)
		forget(keyring, keyring->oldest);
}

static struct keyring_entry *find(struct keyring *keyring, const struct kms_key_id *id)
{
	uint8_t name[KMS_KEY_ID_NAME];
	kms_key_id_name(id, name);
	return (struct keyring_entry *)map_get(&keyring->entries, VIEW_ARRAY(name));
}

static struct keyring_entry *take(struct keyring *keyring, const struct kms_key_id *id)
{
	LOCK_SCOPE(&keyring->lock);
	struct keyring_entry *entry = find(keyring, id);
	if (entry == NULL)
		return NULL;
	unlink_entry(keyring, entry);
	link_newest(keyring, entry);
	entry->references++;
	return entry;
}

static uint64_t epoch_of(struct keyring *keyring)
{
	LOCK_SCOPE(&keyring->lock);
	return keyring->epoch;
}

/* Not under the lock. A key of another Region or partition is none of this service's. */
static struct err load_full(struct keyring *keyring, const struct kms_key_id *id,
			    struct kms_key_full *out)
{
	const struct kms_store *store = &keyring->options.store;
	const struct kms_scope *home = &keyring->options.scope;
	struct kms_scope scope;
	TRY(store->ops->key_locate(store->self, id, &scope));
	REQUIRE(text_equal(scope.partition, home->partition), E_NOT_FOUND);
	REQUIRE(text_equal(scope.region, home->region), E_NOT_FOUND);
	TRY(store->ops->key_load(store->self, &scope, id, out));
	return kms_key_full_check(out); /* what the service may rely on in every snapshot */
}

/* Not under the lock. P6: what cannot be understood allows nothing. */
static struct err compile(struct keyring_entry *entry)
{
	const struct kms_key *key = &entry->full.key;
	char message[AUTH_POLICY_MESSAGE_MAX], id[KMS_KEY_ID_TEXT + 1];
	struct err e = auth_policy_compile(AUTH_POLICY_KEY, view_of_text(key->policy),
					   &entry->policy, message);
	if (!err_is(e, E_KMS_MALFORMED_POLICY))
		return e;
	kms_key_id_format(&key->id, id);
	log_event(LOG_ERROR, "keyring.policy_malformed", LOG_TEXT("account", key->scope.account),
		  LOG_TEXT("key", id), LOG_TEXT("why", message),
		  LOG_TEXT("meaning", "nobody may use this key"),
		  LOG_TEXT("action", "give it the default policy again: admin operation "
				     "ResetKeyPolicy"));
	return OK;
}

/* Not under the lock. */
static struct err load(struct keyring *keyring, const struct kms_key_id *id,
		       struct keyring_entry **out)
{
	CLEANUP(entry_free) struct keyring_entry *entry = NULL;
	TRY(MEM_NEW(&entry));
	TRY(load_full(keyring, id, &entry->full));
	TRY(compile(entry));
	kms_key_id_name(id, entry->name);
	entry->keyring = keyring;
	entry->references = 1;
	*out = TAKE(entry);
	return OK;
}

/* Not under the lock. true: kept, or kept by somebody else meanwhile; false: it may be old. */
static bool keep(struct keyring *keyring, struct keyring_entry *entry, uint64_t epoch)
{
	LOCK_SCOPE(&keyring->lock);
	if (keyring->epoch != epoch)
		return false;
	if (find(keyring, &entry->full.key.id) != NULL)
		return true;
	void *old = NULL;
	if (err_failed(map_put(&keyring->entries, VIEW_ARRAY(entry->name), entry, &old)))
		return true;
	entry->references++;
	keyring->malformed += entry->policy == NULL;
	link_newest(keyring, entry);
	if (keyring->entries.count > keyring->options.keys_max)
		forget(keyring, keyring->oldest);
	metric_set(METRIC_KEYRING_KEYS, 0, 0, keyring->entries.count);
	return true;
}

NODISCARD struct err keyring_acquire(struct keyring *keyring, const struct kms_key_id *id,
				     bool may_block, struct keyring_entry **out)
{
	*out = take(keyring, id);
	/* A miss that may not block comes again, on a thread where it may. */
	if (*out != NULL || may_block)
		metric_add(METRIC_KEYRING_LOOKUPS,
			   *out != NULL ? METRIC_LOOKUP_HIT : METRIC_LOOKUP_MISS, 0, 1);
	if (*out != NULL)
		return OK;
	REQUIRE(may_block, E_WOULD_BLOCK);
	for (unsigned attempt = 0; attempt < LOAD_ATTEMPTS; attempt++) {
		keyring_release(out);
		uint64_t epoch = epoch_of(keyring);
		TRY(load(keyring, id, out));
		if (keep(keyring, *out, epoch))
			return OK;
	}
	return OK; /* read after the call began, which is new enough for it */
}

void keyring_release(struct keyring_entry **entry)
{
	if (*entry == NULL)
		return;
	struct keyring *keyring = (*entry)->keyring;
	pthread_mutex_lock(&keyring->lock);
	bool last = --(*entry)->references == 0;
	pthread_mutex_unlock(&keyring->lock);
	if (last)
		entry_free(entry);
	*entry = NULL;
}

static uint64_t changes_of(struct keyring *keyring)
{
	LOCK_SCOPE(&keyring->lock);
	return keyring->changes;
}

NODISCARD struct err keyring_renew(struct keyring *keyring, struct keyring_entry **entry)
{
	const struct kms_store *store = &keyring->options.store;
	const struct kms_key_id id = (*entry)->full.key.id;
	struct keyring_entry *renewed = NULL;
	uint64_t now = 0;
	TRY(store->ops->change_count(store->self, &now));
	if (now != changes_of(keyring)) /* the watching thread will see to the rest */
		keyring_drop(keyring, &id);
	TRY(keyring_acquire(keyring, &id, true, &renewed));
	keyring_release(entry);
	*entry = renewed;
	return OK;
}

const struct kms_key_full *keyring_key(const struct keyring_entry *entry)
{
	return &entry->full;
}

const struct auth_policy *keyring_policy(const struct keyring_entry *entry)
{
	return entry->policy != NULL ? entry->policy : entry->keyring->nothing;
}

const struct kms_version *keyring_version(const struct keyring_entry *entry, uint32_t number)
{
	size_t low = 0, high = entry->full.version_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct kms_version *version = &entry->full.versions[middle];
		if (version->number == number)
			return version;
		if (version->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

void keyring_drop(struct keyring *keyring, const struct kms_key_id *id)
{
	LOCK_SCOPE(&keyring->lock);
	keyring->epoch++;
	struct keyring_entry *entry = find(keyring, id);
	if (entry != NULL)
		forget(keyring, entry);
}

size_t keyring_count(struct keyring *keyring)
{
	LOCK_SCOPE(&keyring->lock);
	return keyring->entries.count;
}

size_t keyring_malformed(struct keyring *keyring)
{
	LOCK_SCOPE(&keyring->lock);
	return keyring->malformed;
}

/* --- the watching thread --- */

static bool pause_watching(struct keyring *keyring)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += WATCH_INTERVAL_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	LOCK_SCOPE(&keyring->lock);
	while (!keyring->stopping)
		if (pthread_cond_timedwait(&keyring->wake, &keyring->lock, &until) == ETIMEDOUT)
			break;
	return !keyring->stopping;
}

static void something_changed(struct keyring *keyring, uint64_t changes)
{
	pthread_mutex_lock(&keyring->lock);
	forget_all(keyring);
	keyring->changes = changes;
	pthread_mutex_unlock(&keyring->lock);
	if (keyring->options.changed != NULL)
		keyring->options.changed(keyring->options.user);
}

/* While the store does not say whether it changed, nothing in memory is believed. */
static void *watch(void *arg)
{
	struct keyring *keyring = (struct keyring *)arg;
	const struct kms_store *store = &keyring->options.store;
	bool failing = false;
	while (pause_watching(keyring)) {
		const uint64_t seen = changes_of(keyring);
		uint64_t now = seen;
		struct err e = store->ops->change_count(store->self, &now);
		if (err_failed(e) && !failing)
			log_event(LOG_ERROR, "keyring.store_away", LOG_ERR(e));
		failing = err_failed(e);
		if (failing || now != seen)
			something_changed(keyring, now);
	}
	return NULL;
}

static struct err start_watching(struct keyring *keyring)
{
	pthread_condattr_t attributes;
	if (pthread_condattr_init(&attributes) != 0)
		return ERR(E_NOMEM);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&keyring->wake, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	int failed = pthread_create(&keyring->watcher, NULL, watch, keyring);
	if (failed != 0)
		return ERR_DETAIL(E_SYSTEM, failed);
	keyring->watching = true;
	return OK;
}

/* Denies all, so that neither a grant nor an identity policy can be enough. */
static struct err make_nothing(struct auth_policy **out)
{
	static const char document[] =
		"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":"
		"\"StoredPolicyIsMalformed\",\"Effect\":\"Deny\",\"Principal\":\"*\","
		"\"Action\":\"*\",\"Resource\":\"*\"}]}";
	char message[AUTH_POLICY_MESSAGE_MAX];
	struct err e = auth_policy_compile(AUTH_POLICY_KEY, view_of_text(document), out, message);
	return err_is(e, E_KMS_MALFORMED_POLICY) ? ERR(E_BUG) : e;
}

/* What changed before anything was in memory is no change: without this, all that the first calls
 * bring into memory would be forgotten at the first look. A store that does not say is asked then.
 */
static void ask_first(struct keyring *keyring)
{
	const struct kms_store *store = &keyring->options.store;
	(void)!err_failed(store->ops->change_count(store->self, &keyring->changes));
}

NODISCARD struct err keyring_open(const struct keyring_options *options, struct keyring **out)
{
	CLEANUP(keyring_close) struct keyring *keyring = NULL;
	TRY(MEM_NEW(&keyring));
	keyring->options = *options;
	(void)pthread_mutex_init(&keyring->lock, NULL);
	TRY(map_init(&keyring->entries));
	TRY(make_nothing(&keyring->nothing));
	ask_first(keyring);
	TRY(start_watching(keyring));
	*out = TAKE(keyring);
	return OK;
}

static void stop_watching(struct keyring *keyring)
{
	pthread_mutex_lock(&keyring->lock);
	keyring->stopping = true;
	(void)pthread_cond_signal(&keyring->wake);
	pthread_mutex_unlock(&keyring->lock);
	(void)pthread_join(keyring->watcher, NULL);
	(void)pthread_cond_destroy(&keyring->wake);
}

void keyring_close(struct keyring **keyring)
{
	if (*keyring == NULL)
		return;
	if ((*keyring)->watching)
		stop_watching(*keyring);
	forget_all(*keyring);
	auth_policy_free(&(*keyring)->nothing);
	map_cleanup(&(*keyring)->entries);
	(void)pthread_mutex_destroy(&(*keyring)->lock);
	mem_free(TAKE(*keyring));
}
