/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/p11/messagekey.h"

#include "base/entropy.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/writer.h"

/* Of a key whose handle the token disowned: by now it may stand for another object, which must not
 * be destroyed in its place. */
#define EPOCH_NONE UINT64_MAX

NODISCARD struct err p11_message_keys_init(struct p11_message_keys *keys)
{
	(void)pthread_mutex_init(&keys->lock, NULL);
	(void)pthread_mutex_init(&keys->holder_lock, NULL);
	if (keys->messages_max == 0)
		keys->messages_max = P11_MESSAGE_KEY_MESSAGES;
	if (keys->age_max_ms == 0)
		keys->age_max_ms = P11_MESSAGE_KEY_AGE_MS;
	if (keys->cache_max == 0)
		keys->cache_max = P11_MESSAGE_KEY_CACHE;
	REQUIRE(keys->messages_max <= P11_MESSAGE_KEY_MESSAGES, E_SETTINGS);
	TRY(map_init(&keys->by_name));
	return map_init(&keys->current);
}

static struct view name_of(const struct p11_message_key *key)
{
	return VIEW_ARRAY(key->name);
}

static struct view base_of(const struct p11_message_key *key)
{
	return view_of(key->name, P11_BASE_NAME_LEN);
}

/* The list of cached keys, by use. All of these: the lock is held. */
static void list_add(struct p11_message_keys *keys, struct p11_message_key *key)
{
	key->older = keys->newest;
	key->newer = NULL;
	if (keys->newest != NULL)
		keys->newest->newer = key;
	keys->newest = key;
	if (keys->oldest == NULL)
		keys->oldest = key;
}

static void list_remove(struct p11_message_keys *keys, struct p11_message_key *key)
{
	*(key->newer ? &key->newer->older : &keys->newest) = key->older;
	*(key->older ? &key->older->newer : &keys->oldest) = key->newer;
	key->newer = NULL;
	key->older = NULL;
}

static void retire(struct p11_message_keys *keys, struct p11_message_key *key)
{
	if (key->current)
		(void)map_remove(&keys->current, base_of(key));
	key->current = false;
}

static void uncache(struct p11_message_keys *keys, struct p11_message_key *key)
{
	retire(keys, key);
	(void)map_remove(&keys->by_name, name_of(key));
	list_remove(keys, key);
	key->cached = false;
	keys->count--;
}

/* Keys that left the cache and have no user, to be destroyed once the lock is free. */
struct dead {
	struct p11_message_key *first; /* chained by `older` */
};

static void bury(struct dead *dead, struct p11_message_key *key)
{
	if (key->users > 0)
		return; /* the last release does it */
	key->older = dead->first;
	dead->first = key;
}

static void evict_beyond(struct p11_message_keys *keys, struct dead *dead)
{
	while (keys->count > keys->cache_max) {
		struct p11_message_key *key = keys->oldest;
		uncache(keys, key);
		bury(dead, key);
	}
}

/* Without the lock: handles of an earlier holder session are gone with it. */
static void destroy(struct p11_message_keys *keys, struct p11_message_key *key)
{
	LOCK_SCOPE(&keys->holder_lock);
	if (key->epoch == keys->epoch)
		P11_CALL_TIDY(keys->funnel, C_DestroyObject, keys->holder, key->handle);
	mem_free(key);
}

static void destroy_dead(struct p11_message_keys *keys, struct dead *dead)
{
	while (dead->first != NULL) {
		struct p11_message_key *key = dead->first;
		dead->first = key->older;
		destroy(keys, key);
	}
}

static struct err cache(struct p11_message_keys *keys, struct p11_message_key *key)
{
	void *old = NULL;
	TRY(map_put(&keys->by_name, name_of(key), key, &old));
	list_add(keys, key);
	key->cached = true;
	keys->count++;
	return OK;
}

static void name_base(uint8_t name[P11_MESSAGE_KEY_NAME_LEN], const struct p11_base *base,
		      const uint8_t *nonce)
{
	mem_copy(name, P11_MESSAGE_KEY_NAME_LEN, base->id.bytes, HSM_KEY_ID_LEN);
	name[HSM_KEY_ID_LEN] = (uint8_t)((unsigned)base->purpose << 4 | (unsigned)base->suite);
	mem_copy(name + P11_BASE_NAME_LEN, HSM_NONCE_LEN, nonce, HSM_NONCE_LEN);
}

/* A derived key that nobody has seen yet, with one user. */
static struct err derive(struct p11_message_keys *keys, const struct p11_base *base,
			 const uint8_t nonce[HSM_NONCE_LEN], struct p11_message_key **out)
{
	CLEANUP(mem_free_at) struct p11_message_key *key = NULL;
	TRY(MEM_NEW(&key));
	name_base(key->name, base, nonce);
	key->users = 1;
	key->forgotten = base->forgotten;
	LOCK_SCOPE(&keys->holder_lock);
	key->epoch = keys->epoch;
	TRY(p11_message_key_derive(keys->funnel, keys->holder, base, nonce, &key->handle));
	*out = TAKE(key);
	return OK;
}

static void use(struct p11_message_keys *keys, struct p11_message_key *key)
{
	key->users++;
	list_remove(keys, key);
	list_add(keys, key);
}

/* The current key with one more message booked on it, or NULL when there is none or it is used up.
 */
static struct p11_message_key *book_current(struct p11_message_keys *keys, const uint8_t *name)
{
	LOCK_SCOPE(&keys->lock);
	struct p11_message_key *key =
		(struct p11_message_key *)map_get(&keys->current, view_of(name, P11_BASE_NAME_LEN));
	if (key == NULL)
		return NULL;
	if (key->messages >= keys->messages_max ||
	    clock_steady_ms(keys->clock) >= key->retire_at_ms) {
		retire(keys, key);
		return NULL;
	}
	key->messages++;
	use(keys, key);
	return key;
}

/* Makes a fresh key current; another thread's, made meanwhile, steps back and still opens. */
static struct err make_current(struct p11_message_keys *keys, struct p11_message_key *key,
			       struct dead *dead)
{
	LOCK_SCOPE(&keys->lock);
	if (key->epoch != keys->epoch)
		return ERR(E_HSM_AWAY);
	if (key->forgotten != keys->forgotten)
		return OK; /* its base may be gone: for this message alone */
	key->messages = 1;
	key->retire_at_ms = clock_steady_ms(keys->clock) + (int64_t)keys->age_max_ms;
	TRY(cache(keys, key));
	void *old = NULL;
	struct err e = map_put(&keys->current, base_of(key), key, &old);
	if (err_failed(e)) {
		uncache(keys, key);
		return e;
	}
	if (old != NULL)
		((struct p11_message_key *)old)->current = false;
	key->current = true;
	evict_beyond(keys, dead);
	return OK;
}

NODISCARD struct err p11_message_keys_for_sealing(struct p11_message_keys *keys,
						  const struct p11_base *base,
						  struct p11_message_key **out)
{
	uint8_t nonce[HSM_NONCE_LEN] = {0};
	uint8_t name[P11_MESSAGE_KEY_NAME_LEN];
	name_base(name, base, nonce);
	*out = book_current(keys, name);
	if (*out != NULL)
		return OK;
	TRY(entropy_fill(nonce, sizeof(nonce)));
	struct p11_message_key *key = NULL;
	TRY(derive(keys, base, nonce, &key));
	struct dead dead = {NULL};
	struct err e = make_current(keys, key, &dead);
	destroy_dead(keys, &dead);
	if (err_failed(e)) {
		p11_message_keys_release(keys, &key);
		return e;
	}
	*out = key;
	return OK;
}

static struct p11_message_key *find_cached(struct p11_message_keys *keys, const uint8_t *name)
{
	LOCK_SCOPE(&keys->lock);
	struct p11_message_key *key = (struct p11_message_key *)map_get(
		&keys->by_name, view_of(name, P11_MESSAGE_KEY_NAME_LEN));
	if (key != NULL)
		use(keys, key);
	return key;
}

NODISCARD struct err p11_message_keys_for_opening(struct p11_message_keys *keys,
						  const struct p11_base *base,
						  const uint8_t nonce[HSM_NONCE_LEN],
						  struct p11_message_key **out)
{
	uint8_t name[P11_MESSAGE_KEY_NAME_LEN];
	name_base(name, base, nonce);
	*out = find_cached(keys, name);
	return *out != NULL ? OK : derive(keys, base, nonce, out);
}

void p11_message_keys_keep(struct p11_message_keys *keys, struct p11_message_key *key)
{
	struct dead dead = {NULL};
	{
		LOCK_SCOPE(&keys->lock);
		bool known = key->cached || map_get(&keys->by_name, name_of(key)) != NULL;
		if (known || key->epoch != keys->epoch || key->forgotten != keys->forgotten ||
		    err_failed(cache(keys, key)))
			return;
		evict_beyond(keys, &dead);
	}
	destroy_dead(keys, &dead);
}

void p11_message_keys_drop(struct p11_message_keys *keys, struct p11_message_key *key)
{
	LOCK_SCOPE(&keys->lock);
	if (key->cached)
		uncache(keys, key);
	key->epoch = EPOCH_NONE;
}

void p11_message_keys_release(struct p11_message_keys *keys, struct p11_message_key **key)
{
	struct p11_message_key *gone = TAKE(*key);
	if (gone == NULL)
		return;
	bool last = false;
	{
		LOCK_SCOPE(&keys->lock);
		gone->users--;
		last = gone->users == 0 && !gone->cached;
	}
	if (last)
		destroy(keys, gone);
}

static bool is_of(const struct p11_message_key *key, const struct hsm_key_id *id)
{
	return id == NULL || mem_equal(key->name, id->bytes, HSM_KEY_ID_LEN);
}

/* Of one version key, or of all when id is NULL. */
static void uncache_all(struct p11_message_keys *keys, const struct hsm_key_id *id,
			struct dead *dead)
{
	struct p11_message_key *key = keys->newest;
	while (key != NULL) {
		struct p11_message_key *next = key->older;
		if (is_of(key, id)) {
			uncache(keys, key);
			bury(dead, key);
		}
		key = next;
	}
}

void p11_message_keys_forget(struct p11_message_keys *keys, const struct hsm_key_id *id)
{
	struct dead dead = {NULL};
	{
		LOCK_SCOPE(&keys->lock);
		keys->forgotten++;
		uncache_all(keys, id, &dead);
	}
	destroy_dead(keys, &dead);
}

uint64_t p11_message_keys_forgotten(struct p11_message_keys *keys)
{
	return atomic_load(&keys->forgotten);
}

/* The epoch is written under both locks, and so may be read under either. */
static void replace_holder(struct p11_message_keys *keys, CK_SESSION_HANDLE holder)
{
	LOCK_SCOPE(&keys->holder_lock);
	keys->holder = holder;
	keys->epoch++;
}

void p11_message_keys_set_holder(struct p11_message_keys *keys, CK_SESSION_HANDLE holder)
{
	struct dead dead = {NULL};
	{
		LOCK_SCOPE(&keys->lock);
		uncache_all(keys, NULL, &dead);
		replace_holder(keys, holder);
	}
	destroy_dead(keys, &dead);
}

void p11_message_keys_cleanup(struct p11_message_keys *keys)
{
	p11_message_keys_set_holder(keys, CK_INVALID_HANDLE);
	map_cleanup(&keys->by_name);
	map_cleanup(&keys->current);
	(void)pthread_mutex_destroy(&keys->lock);
	(void)pthread_mutex_destroy(&keys->holder_lock);
}
