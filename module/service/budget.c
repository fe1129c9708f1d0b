/* SPDX-License-Identifier: Apache-2.0 */
#include "service/budget.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"

#define RESERVE_ATTEMPTS 8

struct account {
	struct hsm_key_id id; /* the map's key */
	uint64_t left;        /* reserved and not yet used */
	bool exhausted;
};

struct budget {
	struct budget_options options;
	pthread_mutex_t lock;    /* of the accounts; held briefly */
	pthread_mutex_t reserve; /* one reservation at a time; held while the store works */
	struct map accounts;
	atomic_bool telling; /* that a budget is low */
};

NODISCARD struct err budget_new(const struct budget_options *options, struct budget **out)
{
	CLEANUP(budget_free) struct budget *budget = NULL;
	TRY(MEM_NEW(&budget));
	budget->options = *options;
	(void)pthread_mutex_init(&budget->lock, NULL);
	(void)pthread_mutex_init(&budget->reserve, NULL);
	TRY(map_init(&budget->accounts));
	*out = TAKE(budget);
	return OK;
}

static void forget_all(struct budget *budget)
{
	size_t at = 0;
	for (void *account = NULL; (account = map_next(&budget->accounts, &at)) != NULL;)
		mem_free(account);
	map_cleanup(&budget->accounts);
}

void budget_free(struct budget **budget)
{
	if (*budget == NULL)
		return;
	forget_all(*budget);
	(void)pthread_mutex_destroy(&(*budget)->lock);
	(void)pthread_mutex_destroy(&(*budget)->reserve);
	mem_free(TAKE(*budget));
}

/* OK: taken. E_WOULD_BLOCK: nothing is left of what was reserved. */
static struct err take_reserved(struct budget *budget, const struct hsm_key_id *id)
{
	LOCK_SCOPE(&budget->lock);
	struct account *account = map_get(&budget->accounts, VIEW_ARRAY(id->bytes));
	REQUIRE(account != NULL, E_WOULD_BLOCK);
	REQUIRE(!account->exhausted, E_KMS_EXHAUSTED);
	REQUIRE(account->left > 0, E_WOULD_BLOCK);
	account->left--;
	return OK;
}

static struct err account_of(struct budget *budget, const struct hsm_key_id *id,
			     struct account **out)
{
	*out = map_get(&budget->accounts, VIEW_ARRAY(id->bytes));
	if (*out != NULL)
		return OK;
	if (budget->accounts.count >= budget->options.versions_max)
		forget_all(budget);
	CLEANUP(mem_free_at) struct account *account = NULL;
	TRY(MEM_NEW(&account));
	account->id = *id;
	void *old = NULL;
	TRY(map_put(&budget->accounts, VIEW_ARRAY(account->id.bytes), account, &old));
	*out = TAKE(account);
	return OK;
}

static struct err credit(struct budget *budget, const struct hsm_key_id *id, uint64_t more)
{
	LOCK_SCOPE(&budget->lock);
	struct account *account = NULL;
	TRY(account_of(budget, id, &account));
	account->left += more;
	account->exhausted = more == 0;
	return OK;
}

/* The version as the store has it now: other processes reserve, too. */
static struct err load(struct budget *budget, const struct kms_scope *scope,
		       const struct kms_version *wanted, struct kms_version *out)
{
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	const struct kms_store *store = &budget->options.store;
	TRY(store->ops->key_load(store->self, scope, &wanted->key_id, &full));
	const struct kms_version *version = kms_key_full_version(&full, wanted->number);
	REQUIRE(version != NULL, E_KMS_KEY_UNAVAILABLE);
	*out = *version;
	return OK;
}

/* What a reservation has led to. */
struct reservation {
	uint64_t more; /* 0: nothing is left to reserve */
	bool low;      /* low_at is reached */
};

/* E_STORE_CONFLICT: again. */
static struct err reserve_once(struct budget *budget, const struct kms_scope *scope,
			       const struct kms_version *wanted, struct reservation *out)
{
	struct kms_version version;
	TRY(load(budget, scope, wanted, &version));
	uint64_t max = budget->options.messages_max;
	uint64_t open = version.messages_reserved < max ? max - version.messages_reserved : 0;
	out->more = MIN_OF(open, budget->options.block);
	out->low = version.messages_reserved + out->more >= budget->options.low_at;
	if (out->more == 0)
		return OK;
	const struct kms_store *store = &budget->options.store;
	return store->ops->version_reserve(store->self, scope, &version, out->more);
}

static struct err reserve(struct budget *budget, const struct kms_scope *scope,
			  const struct kms_version *version, bool *low)
{
	struct err e = OK;
	for (unsigned attempt = 0; attempt < RESERVE_ATTEMPTS; attempt++) {
		struct reservation made = {0};
		e = reserve_once(budget, scope, version, &made);
		if (err_is(e, E_STORE_CONFLICT))
			continue;
		TRY(e);
		*low = made.low;
		if (made.more == 0)
			log_event(LOG_ERROR, "budget.exhausted",
				  LOG_NUMBER("version", version->number),
				  LOG_ERR(ERR(E_KMS_EXHAUSTED)));
		return credit(budget, &version->token_id, made.more);
	}
	return e;
}

static struct err take_new(struct budget *budget, const struct kms_scope *scope,
			   const struct kms_version *version, bool *low)
{
	LOCK_SCOPE(&budget->reserve);
	struct err e = take_reserved(budget, &version->token_id);
	if (!err_is(e, E_WOULD_BLOCK))
		return e;
	TRY(reserve(budget, scope, version, low));
	return take_reserved(budget, &version->token_id);
}

/* While one thread sees to a version, the others have messages left: of the same version, and of
 * any other that gets low meanwhile, which is told with its next block. */
static void tell_low(struct budget *budget, const struct kms_scope *scope,
		     const struct kms_version *version)
{
	if (budget->options.low == NULL || atomic_exchange(&budget->telling, true))
		return;
	budget->options.low(budget->options.user, scope, &version->key_id);
	atomic_store(&budget->telling, false);
}

NODISCARD struct err budget_take(struct budget *budget, const struct kms_scope *scope,
				 const struct kms_version *version, bool may_block)
{
	bool low = false;
	struct err e = take_reserved(budget, &version->token_id);
	if (!err_is(e, E_WOULD_BLOCK) || !may_block)
		return e;
	e = take_new(budget, scope, version, &low);
	if (low)
		tell_low(budget, scope, version);
	return e;
}
