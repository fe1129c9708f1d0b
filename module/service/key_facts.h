/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tags and alias names of keys in memory, for policies with conditions on them: loaded when one is
 * first asked for, bounded, and dropped when they change. Snapshots are immutable and counted.
 */
#ifndef HOLDFAST_SERVICE_KEY_FACTS_H
#define HOLDFAST_SERVICE_KEY_FACTS_H

#include "auth/context.h"
#include "kms/catalog.h"

struct key_facts;
struct key_facts_entry;

struct key_facts_options {
	struct kms_catalog catalog;
	uint32_t keys_max; /* 0: 2,000 */
};

/* *out owned by the caller, key_facts_free(). */
NODISCARD struct err key_facts_new(const struct key_facts_options *options, struct key_facts **out);
void key_facts_free(struct key_facts **facts);

/*
 * What is known of the key; *out key_facts_release(). E_WOULD_BLOCK when it is not in memory and
 * `may_block` is false; what the store answers. Thread-safe.
 */
NODISCARD struct err key_facts_acquire(struct key_facts *facts, const struct kms_key *key,
				       bool may_block, struct key_facts_entry **out);
void key_facts_release(struct key_facts_entry **entry); /* *entry may be NULL */

/* Valid while the entry is held. Tags: aws:ResourceTag. */
struct auth_pairs key_facts_tags(const struct key_facts_entry *entry);
/* Names with alias/: kms:ResourceAliases. */
const struct view *key_facts_aliases(const struct key_facts_entry *entry, size_t *count);

/* Forgets one key: after a commit, before the reply. What a lookup read before that moment is not
 * kept. */
void key_facts_drop(struct key_facts *facts, const struct kms_key_id *id);

/* Likewise all of them: something may have changed in the store. */
void key_facts_drop_all(struct key_facts *facts);

#endif
