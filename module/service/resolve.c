/* SPDX-License-Identifier: Apache-2.0 */
#include "service/resolve.h"

#include "base/mem.h"
#include "base/text.h"
#include "service/aliases.h"
#include "service/core.h"
#include "service/input.h"
#include "service/keyring.h"

/* A printf argument pair for a view, with a bound for what a client sent. */
#define SHOWN_MAX 2048
#define SHOW(view) (int)MIN_OF((view).len, (size_t)SHOWN_MAX), (const char *)(view).ptr

static const struct kms_scope *home(const struct call_work *work)
{
	return &work->home;
}

static struct err refuse_id(struct call_work *work, struct view name)
{
	return work_refuse(work, ERR(E_KMS_NOT_FOUND), "Invalid keyId '%.*s'", SHOW(name));
}

/* Operations that do not declare InvalidArnException answer NotFoundException. */
static struct err refuse_arn(struct call_work *work, struct view what)
{
	bool declared = work->operation->flags & OPERATION_INVALID_ARN;
	return work_refuse(work, declared ? ERR(E_KMS_INVALID_ARN) : ERR(E_KMS_NOT_FOUND),
			   "Invalid arn %.*s", SHOW(what));
}

static struct err refuse_region(struct call_work *work, const struct kms_name *name)
{
	return work_refuse(work, ERR(E_KMS_NOT_FOUND), "Invalid arn %s", name->scope.region);
}

/* A key that only narrows a list has no action of its own. */
static const char *action_of(const struct call_work *work, const struct operation_key *row)
{
	return row->action != NULL ? row->action : work->operation->keys[0].action;
}

/* The wording for a key of an account that shares nothing with the caller. */
static struct err refuse_account(struct call_work *work, const struct operation_key *row,
				 struct view text)
{
	return work_refuse(work, ERR(E_ACCESS_DENIED),
			   "User: %s is not authorized to perform: %s on resource: %.*s because "
			   "the resource does not exist in this Region, no resource-based policies "
			   "allow access, or a resource-based policy explicitly denies access",
			   work->principal.arn, action_of(work, row), SHOW(text));
}

static struct err refuse_alias(struct call_work *work, struct view alias)
{
	char arn[KMS_ALIAS_ARN_TEXT];
	kms_alias_arn_format(home(work), alias, arn);
	return work_refuse(work, ERR(E_KMS_NOT_FOUND), "Alias %s is not found.", arn);
}

NODISCARD struct err resolve_refuse_missing(struct call_work *work, const struct kms_key_id *id)
{
	char arn[KMS_KEY_ARN_TEXT];
	kms_key_arn_format(home(work), id, arn);
	return work_refuse(work, ERR(E_KMS_NOT_FOUND), "Key '%s' does not exist", arn);
}

static struct err check_scope(struct call_work *work, const struct operation_key *row,
			      struct view text, const struct kms_name *name)
{
	if (!text_equal(name->scope.partition, home(work)->partition))
		return refuse_arn(work, text);
	if (!text_equal(name->scope.region, home(work)->region))
		return refuse_region(work, name);
	if (!text_equal(name->scope.account, home(work)->account))
		return refuse_account(work, row, text);
	return OK;
}

static struct err parse_name(struct call_work *work, const struct operation_key *row,
			     struct view text, struct kms_name *name)
{
	struct err e = kms_name_parse(text, home(work), name);
	if (err_is(e, E_FORMAT))
		return refuse_id(work, text);
	if (err_is(e, E_KMS_INVALID_ARN))
		return refuse_arn(work, text);
	TRY(e);
	bool alias = name->kind == KMS_NAME_ALIAS || name->kind == KMS_NAME_ALIAS_ARN;
	if (alias && !(work->operation->flags & OPERATION_ALIASES))
		return refuse_id(work, text);
	return check_scope(work, row, text, name);
}

static struct err acquire(struct call_work *work, const struct kms_key_id *id,
			  struct keyring_entry **out)
{
	return keyring_acquire(work->service->keyring, id, work->may_block, out);
}

/* The hot path of an alias; a key that went, and its aliases with it, is no longer stood for. */
static struct err acquire_aliased(struct call_work *work, struct view alias,
				  struct keyring_entry **out)
{
	struct aliases *aliases = work->service->aliases;
	struct kms_key_id id;
	struct err e = aliases_find(aliases, alias, work->may_block, &id);
	if (!err_failed(e)) {
		e = acquire(work, &id, out);
		if (err_is(e, E_NOT_FOUND))
			aliases_drop(aliases, alias);
	}
	return err_is(e, E_NOT_FOUND) ? refuse_alias(work, alias) : e;
}

static struct err acquire_by_id(struct call_work *work, const struct kms_key_id *id,
				struct keyring_entry **out)
{
	struct err e = acquire(work, id, out);
	return err_is(e, E_NOT_FOUND) ? resolve_refuse_missing(work, id) : e;
}

static struct err resolve_named(struct call_work *work, const struct operation_key *row,
				struct keyring_entry **out)
{
	struct kms_name name;
	TRY(parse_name(work, row, input_text(work, row->member), &name));
	return name.alias.len > 0 ? acquire_aliased(work, name.alias, out)
				  : acquire_by_id(work, &name.id, out);
}

/* Of an operation that changes an alias: the alias as it is stored, and the key it stands for. */
static struct err resolve_stored(struct call_work *work, const struct operation_key *row,
				 struct keyring_entry **out)
{
	REQUIRE(work->may_block, E_WOULD_BLOCK);
	const struct kms_catalog *catalog = &work->service->options.catalog;
	struct view name = input_text(work, row->alias);
	if (work->alias == NULL)
		TRY(MEM_NEW(&work->alias));
	struct err e = catalog->ops->alias_load(catalog->self, home(work), name, work->alias);
	if (err_is(e, E_NOT_FOUND))
		return refuse_alias(work, name);
	TRY(e);
	TRY(kms_alias_check(work->alias));
	return acquire_by_id(work, &work->alias->key_id, out);
}

/* The ciphertext names its key; a name in the request, which must be one, has to agree. */
static struct err resolve_ciphertext(struct call_work *work, const struct operation_key *row,
				     struct keyring_entry **out)
{
	CLEANUP(keyring_release) struct keyring_entry *named = NULL;
	if (row->member != NULL && input_member(work, row->member) != NULL)
		TRY(resolve_named(work, row, &named));
	TRY(kms_ciphertext_parse(buf_view(&work->in.ciphertext), &work->in.sealed));
	if (named != NULL) {
		const struct kms_key_id *id = &keyring_key(named)->key.id;
		REQUIRE(kms_key_id_equal(id, &work->in.sealed.key_id), E_KMS_INCORRECT_KEY);
		*out = TAKE(named);
		return OK;
	}
	struct err e = acquire(work, &work->in.sealed.key_id, out);
	return err_is(e, E_NOT_FOUND) ? ERR(E_KMS_CIPHERTEXT) : e;
}

static bool is_by_ciphertext(const struct call_work *work, size_t which)
{
	return which == 0 && (work->operation->flags & OPERATION_CIPHERTEXT_KEY) &&
	       !work->in.ignore_ciphertext;
}

static struct err resolve(struct call_work *work, size_t which)
{
	const struct operation_key *row = &work->operation->keys[which];
	struct keyring_entry **out = &work->keys[which];
	if (*out != NULL || (row->member == NULL && row->alias == NULL))
		return OK;
	if (row->member == NULL)
		return resolve_stored(work, row, out);
	if (row->optional && input_member(work, row->member) == NULL)
		return OK;
	return is_by_ciphertext(work, which) ? resolve_ciphertext(work, row, out)
					     : resolve_named(work, row, out);
}

NODISCARD struct err resolve_keys(struct call_work *work)
{
	for (size_t i = 0; i < WORK_KEYS_MAX; i++)
		TRY(resolve(work, i));
	return OK;
}
