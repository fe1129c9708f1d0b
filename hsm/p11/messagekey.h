/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message keys: session keys that the token derives from a version key and a random nonce, so that
 * no key comes near the message limit of AES-GCM. They live in a holder session of their own.
 * For sealing, one message key is current per (version key, suite, purpose) and is replaced after
 * so many messages or so long a time. For opening, a bounded cache keeps those under which a tag
 * has verified, the least recently used goes first; garbage never enters it.
 */
#ifndef HOLDFAST_HSM_P11_MESSAGEKEY_H
#define HOLDFAST_HSM_P11_MESSAGEKEY_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "hsm/hsm.h"
#include "hsm/p11/funnel.h"

#define P11_MESSAGE_KEY_MESSAGES (UINT64_C(1) << 28)
#define P11_MESSAGE_KEY_AGE_MS (UINT64_C(24) * 60 * 60 * 1000)
#define P11_MESSAGE_KEY_CACHE 1024

/* What identifies a message key: version key 16 ‖ (purpose << 4 ∣ suite) 1 ‖ nonce 15. */
#define P11_BASE_NAME_LEN (HSM_KEY_ID_LEN + 1)
#define P11_MESSAGE_KEY_NAME_LEN (P11_BASE_NAME_LEN + HSM_NONCE_LEN)

/* From what a message key is derived. */
struct p11_base {
	CK_OBJECT_HANDLE handle; /* of the version key */
	struct hsm_key_id id;
	enum hsm_suite suite; /* SP800_108 or ECB_DATA */
	enum hsm_purpose purpose;
	uint64_t forgotten; /* p11_message_keys_forgotten(), before the version key was looked up */
};

struct p11_message_key {
	uint8_t name[P11_MESSAGE_KEY_NAME_LEN];
	CK_OBJECT_HANDLE handle;
	uint64_t epoch;                /* of the holder session */
	uint64_t forgotten;            /* of its base */
	uint32_t users;                /* under the lock; destroyed when 0 and not cached */
	bool cached;                   /* in the map and in the list */
	bool current;                  /* the one that seals */
	uint64_t messages;             /* sealed so far */
	int64_t retire_at_ms;          /* steady */
	struct p11_message_key *newer; /* more recently used */
	struct p11_message_key *older;
};

struct p11_message_keys {
	pthread_mutex_t lock; /* everything but the holder session */
	struct map by_name;
	struct map current; /* first P11_BASE_NAME_LEN bytes of the name */
	struct p11_message_key *newest;
	struct p11_message_key *oldest;
	size_t count;
	uint64_t epoch;
	_Atomic uint64_t forgotten; /* how often keys of a version key were; grows under the lock */

	pthread_mutex_t holder_lock; /* one call at a time in the holder session */
	CK_SESSION_HANDLE holder;

	struct p11_funnel *funnel;
	const struct clock *clock;
	uint64_t messages_max;
	uint64_t age_max_ms;
	size_t cache_max;
};

/* funnel, clock and the three bounds are set by the caller; 0 means the defaults above. */
NODISCARD struct err p11_message_keys_init(struct p11_message_keys *keys);

/* Forgets everything; the holder session is closed by who opened it. */
void p11_message_keys_cleanup(struct p11_message_keys *keys);

/* A new holder session: all keys of the one before are forgotten, not destroyed. */
void p11_message_keys_set_holder(struct p11_message_keys *keys, CK_SESSION_HANDLE holder);

/*
 * The current key for sealing, with one message booked on it; drawn and derived when there is none
 * or it is used up. *out: until p11_message_keys_release(). Its nonce: p11_message_key_nonce().
 */
NODISCARD struct err p11_message_keys_for_sealing(struct p11_message_keys *keys,
						  const struct p11_base *base,
						  struct p11_message_key **out);

/* The key of this nonce, from the cache or derived; *out: until p11_message_keys_release(). */
NODISCARD struct err p11_message_keys_for_opening(struct p11_message_keys *keys,
						  const struct p11_base *base,
						  const uint8_t nonce[HSM_NONCE_LEN],
						  struct p11_message_key **out);

/* A tag has verified under it: it may be cached. */
void p11_message_keys_keep(struct p11_message_keys *keys, struct p11_message_key *key);

/* The token does not know its handle any more: never hand it out again. */
void p11_message_keys_drop(struct p11_message_keys *keys, struct p11_message_key *key);

/* For CLEANUP as well: *key may be NULL and becomes NULL. */
void p11_message_keys_release(struct p11_message_keys *keys, struct p11_message_key **key);

/*
 * Forgets every message key of a version key, which nobody can look up any more. One that is being
 * derived at this moment serves the message that it is for and does not enter the cache.
 */
void p11_message_keys_forget(struct p11_message_keys *keys, const struct hsm_key_id *id);

uint64_t p11_message_keys_forgotten(struct p11_message_keys *keys);

static inline const uint8_t *p11_message_key_nonce(const struct p11_message_key *key)
{
	return key->name + P11_BASE_NAME_LEN;
}

/* The derivation itself, in any session; for the cache and for the probe. */
NODISCARD struct err p11_message_key_derive(struct p11_funnel *funnel, CK_SESSION_HANDLE session,
					    const struct p11_base *base,
					    const uint8_t nonce[HSM_NONCE_LEN],
					    CK_OBJECT_HANDLE *out);

#endif
