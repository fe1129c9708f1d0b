/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys in memory, of every account of the installation: immutable snapshots of a key with its
 * versions and its compiled policy, counted, bounded, filled on demand and replaced on commit, so
 * that the hot path touches no database. A thread asks the store whether anybody committed and then
 * forgets what may be old.
 */
#ifndef HOLDFAST_SERVICE_KEYRING_H
#define HOLDFAST_SERVICE_KEYRING_H

#include "auth/policy.h"
#include "base/clock.h"
#include "kms/store.h"

struct keyring;
struct keyring_entry;

struct keyring_options {
	struct kms_store store;
	struct kms_scope
		scope; /* partition and Region of every key; the account counts for nothing */
	uint32_t keys_max;
	/* Called, on the watching thread, when something may have changed in the store. Or NULL. */
	void (*changed)(void *user);
	void *user;
};

/* Starts the watching thread. *out owned by the caller, keyring_close(). */
NODISCARD struct err keyring_open(const struct keyring_options *options, struct keyring **out);
void keyring_close(struct keyring **keyring);

/*
 * A snapshot of the key with this id, in whatever account: whoever asks looks at its scope. *out
 * keyring_release(). E_WOULD_BLOCK when it is not in memory and `may_block` is false; E_NOT_FOUND;
 * what the store answers.
 */
NODISCARD struct err keyring_acquire(struct keyring *keyring, const struct kms_key_id *id,
				     bool may_block, struct keyring_entry **out);
void keyring_release(struct keyring_entry **entry); /* *entry may be NULL */

/*
 * For who misses something in a snapshot, which another process may have committed a moment ago:
 * the same key as it is by now, in place of *entry. Costs a question to the store, and a load only
 * when something was committed since. Blocks. E_NOT_FOUND: the key is gone; what the store answers;
 * *entry stays then.
 */
NODISCARD struct err keyring_renew(struct keyring *keyring, struct keyring_entry **entry);

/* The key and its versions; valid while the entry is held. */
const struct kms_key_full *keyring_key(const struct keyring_entry *entry);

/* The key's policy. One that cannot be compiled, which the log has told, is one that denies
 * everything to everybody: never NULL. Valid while the entry is held. */
const struct auth_policy *keyring_policy(const struct keyring_entry *entry);

/* The version with this number, or NULL. */
const struct kms_version *keyring_version(const struct keyring_entry *entry, uint32_t number);

/* Forgets one key: after a commit, before the reply. */
void keyring_drop(struct keyring *keyring, const struct kms_key_id *id);

size_t keyring_count(struct keyring *keyring);

/* Of those, keys whose stored policy cannot be compiled. */
size_t keyring_malformed(struct keyring *keyring);

#endif
