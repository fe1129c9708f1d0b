/* SPDX-License-Identifier: Apache-2.0 */
#include "service/alias_change.h"

#include "base/ascii.h"
#include "service/aliases.h"
#include "service/core.h"
#include "service/input.h"
#include "service/key_facts.h"
#include "service/keyring.h"
#include "service/permission.h"
#include "service/resolve.h"
#include "service/trail.h"

#define ATTEMPTS 4 /* when others change the same alias meanwhile */
#define HELP "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"

/* The model allows a colon, which AWS then refuses in other words. */
static bool is_alias_name(struct view value)
{
	return ascii_consists_of(value, ASCII_ALPHANUMERIC, VIEW_LITERAL(":/_-"));
}
static const struct schema_pattern name_pattern = {"^[a-zA-Z0-9:/_-]+$", is_alias_name};
const struct schema_shape shape_alias_name = {.type = SCHEMA_STRING,
					      .has_min = true,
					      .min = 1,
					      .has_max = true,
					      .max = KMS_ALIAS_MAX,
					      .pattern = &name_pattern};

NODISCARD struct err alias_change_check_name(struct call_work *work)
{
	struct view name = input_text(work, "AliasName");
	if (!view_starts_with(name, VIEW_LITERAL("alias/")))
		return work_refuse(work, ERR(E_VALIDATION),
				   "Alias must start with the prefix \"alias/\". Please see %s",
				   HELP);
	REQUIRE(!kms_alias_name_is_reserved(name), E_KMS_ALIAS_RESERVED);
	if (view_find(name, ':') < name.len)
		return work_refuse(work, ERR(E_VALIDATION),
				   "%.*s contains invalid characters for an alias", (int)name.len,
				   (const char *)name.ptr);
	if (err_failed(kms_alias_name_check(name))) /* nothing behind the prefix */
		return work_refuse(work, ERR(E_VALIDATION), "%.*s is not a valid alias name",
				   (int)name.len, (const char *)name.ptr);
	return OK;
}

NODISCARD struct err alias_change_check_target(struct call_work *work)
{
	struct kms_name name;
	const struct kms_scope *home = &work->home;
	struct err e = kms_name_parse(input_text(work, "TargetKeyId"), home, &name);
	if (err_failed(e)) /* told when the key is looked up */
		return OK;
	if (name.kind == KMS_NAME_ALIAS || name.kind == KMS_NAME_ALIAS_ARN)
		return work_refuse(work, ERR(E_VALIDATION),
				   "Aliases must refer to keys. Not aliases");
	return OK;
}

NODISCARD struct err alias_change_refuse_full(struct call_work *work)
{
	return work_refuse(work, ERR(E_KMS_LIMIT),
			   "Aliases per key quota for this account in this region is %d, current "
			   "usage is %d.",
			   KMS_ALIASES_MAX, KMS_ALIASES_MAX);
}

/* Policies ask for the aliases of a key: of the one that it left, and of the one that it has. */
static void drop_facts(struct call_work *work)
{
	for (size_t i = 0; i < WORK_KEYS_MAX; i++)
		if (work->keys[i] != NULL)
			key_facts_drop(work->service->key_facts,
				       &keyring_key(work->keys[i])->key.id);
}

static struct err change_once(struct call_work *work, alias_commit_fn *commit)
{
	struct kms_outbox_record outbox;
	TRY(trail_outbox(work, &outbox));
	struct err e = commit(work, &outbox);
	work->committed = !err_failed(e);
	/* Failed or not: a change that answers with an error may be in the store all the same, and
	 * what it took away must not live on in memory. */
	const struct aliases_name alias = {&work->home, input_text(work, "AliasName")};
	aliases_drop(work->service->aliases, &alias);
	drop_facts(work);
	return e;
}

/* The alias may stand for another key now, on which the caller may have no rights. */
static struct err look_again(struct call_work *work)
{
	for (size_t i = 0; i < WORK_KEYS_MAX; i++)
		keyring_release(&work->keys[i]);
	TRY(resolve_keys(work));
	TRY(permission_check(work));
	return permission_check_keys(work);
}

NODISCARD struct err alias_change(struct call_work *work, alias_commit_fn *commit)
{
	struct err e = change_once(work, commit);
	for (unsigned attempt = 1; attempt < ATTEMPTS && err_is(e, E_STORE_CONFLICT); attempt++) {
		TRY(look_again(work));
		e = change_once(work, commit);
	}
	return e;
}
