/* SPDX-License-Identifier: Apache-2.0 */
#include "service/resolve.h"

#include "base/mem.h"
#include "base/text.h"
#include "service/aliases.h"
#include "service/core.h"
#include "service/input.h"
#include "service/keyring.h"
#include "service/managed_key.h"

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

/* AWS's words where the ciphertext alone names the key. */
static const char unseen_by_ciphertext[] =
	"The ciphertext refers to a customer master key that does not exist, does not exist in "
	"this region, or you are not allowed to access.";

NODISCARD struct err resolve_refuse_unseen(struct call_work *work, size_t which)
{
	const struct operation_key *row = &work->operation->keys[which];
	struct view text = row->member != NULL ? input_text(work, row->member) : VIEW_NONE;
	if (text.len == 0)
		return work_refuse(work, ERR(E_ACCESS_DENIED), "%s", unseen_by_ciphertext);
	struct auth_verdict unseen;
	auth_deny_unseen(&work->principal, view_of_text(action_of(work, row)),
			 view_part(text, 0, SHOWN_MAX), &unseen);
	if (work->verdict.decided_by[0] == '\0')
		work->verdict = unseen;
	return work_refuse(work, ERR(E_ACCESS_DENIED), "%s", unseen.message);
}

static struct err refuse_alias(struct call_work *work, const struct kms_scope *scope,
			       struct view alias)
{
	char arn[KMS_ALIAS_ARN_TEXT];
	kms_alias_arn_format(scope, alias, arn);
	return work_refuse(work, ERR(E_KMS_NOT_FOUND), "Alias %s is not found.", arn);
}

static struct err refuse_key(struct call_work *work, const struct kms_scope *scope,
			     const struct kms_key_id *id)
{
	char arn[KMS_KEY_ARN_TEXT];
	kms_key_arn_format(scope, id, arn);
	return work_refuse(work, ERR(E_KMS_NOT_FOUND), "Key '%s' does not exist", arn);
}

NODISCARD struct err resolve_refuse_missing(struct call_work *work, const struct kms_key_id *id)
{
	return refuse_key(work, home(work), id);
}

/* An operator asks for all accounts alike. */
static bool is_operator(const struct call_work *work)
{
	return work->principal.type == AUTH_OPERATOR;
}

bool resolve_is_foreign(const struct call_work *work, const struct kms_scope *scope)
{
	return !is_operator(work) && !text_equal(scope->account, home(work)->account);
}

/* Whatever the key's policy says: no permission makes such an operation reach another account. */
static bool is_out_of_reach(const struct call_work *work, const struct kms_scope *scope)
{
	return resolve_is_foreign(work, scope) &&
	       !(work->operation->flags & OPERATION_CROSS_ACCOUNT);
}

/* What a member of the request names, and where that stands. */
struct named {
	size_t which;
	struct view text;
	struct kms_name name;
};

static struct err check_scope(struct call_work *work, const struct named *named)
{
	const struct kms_scope *scope = &named->name.scope;
	if (!text_equal(scope->partition, home(work)->partition))
		return refuse_arn(work, named->text);
	if (!text_equal(scope->region, home(work)->region))
		return refuse_region(work, &named->name);
	if (is_out_of_reach(work, scope))
		return resolve_refuse_unseen(work, named->which);
	return OK;
}

static struct err parse_name(struct call_work *work, size_t which, struct named *out)
{
	out->which = which;
	out->text = input_text(work, work->operation->keys[which].member);
	struct err e = kms_name_parse(out->text, home(work), &out->name);
	if (err_is(e, E_FORMAT))
		return refuse_id(work, out->text);
	if (err_is(e, E_KMS_INVALID_ARN))
		return refuse_arn(work, out->text);
	TRY(e);
	bool alias = out->name.alias.len > 0;
	if (alias && !(work->operation->flags & OPERATION_ALIASES))
		return refuse_id(work, out->text);
	return check_scope(work, out);
}

/* The key with this id, if it is one of that account; else it is not there. */
static struct err acquire(struct call_work *work, const struct kms_scope *scope,
			  const struct kms_key_id *id, struct keyring_entry **out)
{
	CLEANUP(keyring_release) struct keyring_entry *entry = NULL;
	TRY(keyring_acquire(work->service->keyring, id, work->may_block, &entry));
	REQUIRE(text_equal(keyring_key(entry)->key.scope.account, scope->account), E_NOT_FOUND);
	*out = TAKE(entry);
	return OK;
}

/* An operator's bare id is one of any account. */
static struct err acquire_by_id(struct call_work *work, const struct kms_name *name,
				struct keyring_entry **out)
{
	if (is_operator(work) && name->kind == KMS_NAME_KEY_ID)
		return keyring_acquire(work->service->keyring, &name->id, work->may_block, out);
	return acquire(work, &name->scope, &name->id, out);
}

/* The hot path of an alias; a key that went, and its aliases with it, is no longer stood for. */
static struct err acquire_aliased(struct call_work *work, const struct kms_name *name,
				  struct keyring_entry **out)
{
	struct aliases *aliases = work->service->aliases;
	const struct aliases_name alias = {&name->scope, name->alias};
	struct kms_key_id id;
	struct err e = aliases_find(aliases, &alias, work->may_block, &id);
	if (err_is(e, E_NOT_FOUND) && !resolve_is_foreign(work, &name->scope))
		e = managed_key_make(work, name->alias, &id);
	TRY(e);
	e = acquire(work, &name->scope, &id, out);
	if (err_is(e, E_NOT_FOUND))
		aliases_drop(aliases, &alias);
	return e;
}

static struct err refuse_missing(struct call_work *work, const struct named *named)
{
	if (resolve_is_foreign(work, &named->name.scope))
		return resolve_refuse_unseen(work, named->which);
	if (named->name.alias.len > 0)
		return refuse_alias(work, &named->name.scope, named->name.alias);
	return refuse_key(work, &named->name.scope, &named->name.id);
}

static struct err resolve_named(struct call_work *work, size_t which, struct keyring_entry **out)
{
	struct named named;
	TRY(parse_name(work, which, &named));
	const struct kms_name *name = &named.name;
	struct err e = name->alias.len > 0 ? acquire_aliased(work, name, out)
					   : acquire_by_id(work, name, out);
	return err_is(e, E_NOT_FOUND) ? refuse_missing(work, &named) : e;
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
		return refuse_alias(work, home(work), name);
	TRY(e);
	TRY(kms_alias_check(work->alias));
	e = acquire(work, home(work), &work->alias->key_id, out);
	return err_is(e, E_NOT_FOUND) ? resolve_refuse_missing(work, &work->alias->key_id) : e;
}

/* Ciphertexts name keys of any account. */
static struct err resolve_sealed(struct call_work *work, struct keyring_entry **out)
{
	TRY(kms_ciphertext_parse(buf_view(&work->in.ciphertext), &work->in.sealed));
	const struct kms_key_id *id = &work->in.sealed.key_id;
	struct err e = keyring_acquire(work->service->keyring, id, work->may_block, out);
	return err_is(e, E_NOT_FOUND) ? ERR(E_KMS_CIPHERTEXT) : e;
}

/* What the named key's users may learn: the ciphertext is none, or another key's. */
static struct err compare(struct call_work *work, const struct kms_key *named)
{
	TRY(kms_ciphertext_parse(buf_view(&work->in.ciphertext), &work->in.sealed));
	REQUIRE(kms_key_id_equal(&named->id, &work->in.sealed.key_id), E_KMS_INCORRECT_KEY);
	return OK;
}

/* The ciphertext names its key; a name in the request, which must be one, has to agree. That it
 * does not would tell a stranger that the named key is there: so it waits for permission. */
static struct err resolve_ciphertext(struct call_work *work, size_t which,
				     struct keyring_entry **out)
{
	const char *member = work->operation->keys[which].member;
	CLEANUP(keyring_release) struct keyring_entry *named = NULL;
	if (member == NULL || input_member(work, member) == NULL)
		return resolve_sealed(work, out);
	TRY(resolve_named(work, which, &named));
	work->in.mismatch = compare(work, &keyring_key(named)->key);
	*out = TAKE(named);
	return OK;
}

static bool is_by_ciphertext(const struct call_work *work, size_t which)
{
	return which == 0 && (work->operation->flags & OPERATION_CIPHERTEXT_KEY) &&
	       !work->in.ignore_ciphertext;
}

NODISCARD struct err resolve_key(struct call_work *work, size_t which)
{
	const struct operation_key *row = &work->operation->keys[which];
	struct keyring_entry **out = &work->keys[which];
	if (*out != NULL || (row->member == NULL && row->alias == NULL))
		return OK;
	if (row->member == NULL)
		return resolve_stored(work, row, out);
	if (row->optional && input_member(work, row->member) == NULL)
		return OK;
	return is_by_ciphertext(work, which) ? resolve_ciphertext(work, which, out)
					     : resolve_named(work, which, out);
}

NODISCARD struct err resolve_keys(struct call_work *work)
{
	for (size_t i = 0; i < WORK_KEYS_MAX; i++)
		TRY(resolve_key(work, i));
	return OK;
}
