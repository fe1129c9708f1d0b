/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suite 3: how many messages a version key may still encrypt. Messages are reserved in the store
 * in blocks before they are used, so that a crash loses messages and never counts too few; what is
 * reserved and unused at the end of the process is lost.
 */
#ifndef HOLDFAST_SERVICE_BUDGET_H
#define HOLDFAST_SERVICE_BUDGET_H

#include "kms/store.h"

struct budget;

struct budget_options {
	struct kms_store store;
	uint64_t messages_max; /* under one version, ever */
	uint64_t block;        /* reserved at a time */
	size_t versions_max;   /* kept in memory; what is forgotten loses its reserved messages */
	/* Called when a reservation reaches low_at messages, and with every later one of that
	 * version: it should be rotated. On the thread of budget_take(), never two at once. May
	 * block. Or NULL. */
	uint64_t low_at;
	void (*low)(void *user, const struct kms_scope *scope, const struct kms_key_id *key_id);
	void *user;
};

NODISCARD struct err budget_new(const struct budget_options *options, struct budget **out);
void budget_free(struct budget **budget);

/*
 * One message under this version. E_WOULD_BLOCK when a block must be reserved and `may_block` is
 * false; E_KMS_EXHAUSTED; what the store answers.
 */
NODISCARD struct err budget_take(struct budget *budget, const struct kms_scope *scope,
				 const struct kms_version *version, bool may_block);

#endif
