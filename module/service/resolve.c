/* SPDX-License-Identifier: Apache-2.0 */
#include "service/resolve.h"

#include "base/text.h"
#include "service/core.h"
#include "service/input.h"
#include "service/keyring.h"

/* A printf argument pair for a view, with a bound for what a client sent. */
#define SHOWN_MAX 2048
#define SHOW(view) (int)MIN_OF((view).len, (size_t)SHOWN_MAX), (const char *)(view).ptr

static const struct kms_scope *home(const struct call_work *work)
{
	return &work->service->options.installation.scope;
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

/* The wording for a key of an account that shares nothing with the caller. */
static struct err refuse_account(struct call_work *work, const struct operation_key *row,
				 struct view text)
{
	return work_refuse(work, ERR(E_ACCESS_DENIED),
			   "User: %s is not authorized to perform: %s on resource: %.*s because "
			   "the resource does not exist in this Region, no resource-based policies "
			   "allow access, or a resource-based policy explicitly denies access",
			   work->principal.arn, row->action, SHOW(text));
}

static struct err refuse_alias(struct call_work *work, const struct kms_name *name)
{
	return work_refuse(work, ERR(E_KMS_NOT_FOUND), "Alias arn:%s:kms:%s:%s:%.*s is not found.",
			   name->scope.partition, name->scope.region, name->scope.account,
			   SHOW(name->alias));
}

static struct err refuse_missing(struct call_work *work, const struct kms_key_id *id)
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
	TRY(check_scope(work, row, text, name));
	return alias ? refuse_alias(work, name) : OK;
}

static struct err acquire(struct call_work *work, const struct kms_key_id *id,
			  struct keyring_entry **out)
{
	return keyring_acquire(work->service->keyring, id, work->may_block, out);
}

static struct err resolve_named(struct call_work *work, const struct operation_key *row,
				struct keyring_entry **out)
{
	struct kms_name name;
	TRY(parse_name(work, row, input_text(work, row->member), &name));
	struct err e = acquire(work, &name.id, out);
	return err_is(e, E_NOT_FOUND) ? refuse_missing(work, &name.id) : e;
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

static struct err resolve(struct call_work *work, size_t which)
{
	const struct operation_key *row = &work->operation->keys[which];
	struct keyring_entry **out = &work->keys[which];
	if (row->member == NULL || *out != NULL)
		return OK;
	bool by_ciphertext = which == 0 && (work->operation->flags & OPERATION_CIPHERTEXT_KEY) &&
			     !work->in.ignore_ciphertext;
	return by_ciphertext ? resolve_ciphertext(work, row, out) : resolve_named(work, row, out);
}

NODISCARD struct err resolve_keys(struct call_work *work)
{
	for (size_t i = 0; i < WORK_KEYS_MAX; i++)
		TRY(resolve(work, i));
	return OK;
}
