/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which key an alias of which account stands for, in memory: bounded, filled on demand and dropped
 * on commit, so that a call that names its key by an alias touches no database either. Names that
 * are no alias are not kept: whoever asks for them reads the store, and fills nothing.
 */
#ifndef HOLDFAST_SERVICE_ALIASES_H
#define HOLDFAST_SERVICE_ALIASES_H

#include "kms/catalog.h"

struct aliases;

struct aliases_options {
	struct kms_catalog catalog;
	uint32_t aliases_max;
};

/* *out owned by the caller, aliases_free(). */
NODISCARD struct err aliases_new(const struct aliases_options *options, struct aliases **out);
void aliases_free(struct aliases **aliases);

/* An alias: its scope, and its name with alias/. Borrowed. */
struct aliases_name {
	const struct kms_scope *scope;
	struct view name;
};

/*
 * The key that the alias stands for. Callers of one service name one partition and Region: the
 * account tells their scopes apart. E_WOULD_BLOCK when it is not in
 * memory and `may_block` is false; E_NOT_FOUND; what the store answers. Thread-safe.
 */
NODISCARD struct err aliases_find(struct aliases *aliases, const struct aliases_name *alias,
				  bool may_block, struct kms_key_id *out);

/* Forgets one alias: after a commit, before the reply. What a lookup read before that moment is
 * not kept. */
void aliases_drop(struct aliases *aliases, const struct aliases_name *alias);

/* Likewise all of them: something may have changed in the store, or a key is gone. */
void aliases_drop_all(struct aliases *aliases);

size_t aliases_count(struct aliases *aliases);

#endif
