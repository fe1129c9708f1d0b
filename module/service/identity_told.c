/* SPDX-License-Identifier: Apache-2.0 */
#include "service/identity_told.h"

#include "base/mem.h"
#include "base/text.h"
#include "service/core.h"
#include "service/identity_scan.h"
#include "service/key_uses.h"

void identity_told_free(struct identity_told **told)
{
	if (*told == NULL)
		return;
	auth_identity_cleanup(&(*told)->identity);
	auth_details_cleanup(&(*told)->details);
	for (size_t i = 0; i < (*told)->member_count; i++)
		mem_free((*told)->members[i]);
	mem_free((*told)->members);
	mem_free(TAKE(*told));
}

static struct err refuse_unknown(struct call_work *work, const struct work_identity *which)
{
	const char *partition = work->service->options.installation.scope.partition;
	char arn[AUTH_ARN_MAX + 1];
	if (which->kind == AUTH_KIND_POLICY) {
		TRY(auth_arn_format(which->kind, partition, which->account, which->name, arn));
		return work_refuse(work, ERR(E_IAM_NO_SUCH_ENTITY), "Policy %s was not found.",
				   arn);
	}
	return work_refuse(work, ERR(E_IAM_NO_SUCH_ENTITY), "The %s with name %s cannot be found.",
			   auth_kind_name(which->kind), which->name);
}

static struct err load(struct call_work *work, const struct work_identity *which,
		       struct auth_identity *out)
{
	const struct auth_identities *identities = &work->service->options.identities;
	struct err e = identities->load(identities->self, which->kind, view_of_text(which->account),
					view_of_text(which->name), out);
	return err_is(e, E_NOT_FOUND) ? refuse_unknown(work, which) : e;
}

NODISCARD struct err identity_told_check(struct call_work *work, const struct work_identity *which)
{
	CLEANUP(auth_identity_cleanup) struct auth_identity identity = {0};
	return load(work, which, &identity);
}

NODISCARD struct err identity_told_load(struct call_work *work)
{
	CLEANUP(identity_told_free) struct identity_told *told = NULL;
	identity_told_free(&work->out.identity);
	TRY(MEM_NEW(&told));
	TRY(load(work, &work->in.identity, &told->identity));
	/* A row that carries its seal was written by us. */
	struct err e = auth_details_parse(view_of_text(told->identity.document), &told->details);
	REQUIRE(!err_failed(e) || err_is(e, E_NOMEM), E_BUG);
	TRY(e);
	work->out.identity = TAKE(told);
	return OK;
}

NODISCARD struct err identity_told_add_keys(struct call_work *work, struct identity_told *told)
{
	const struct auth_identities *identities = &work->service->options.identities;
	struct auth_access_key keys[AUTH_ACCESS_KEYS_MAX];
	size_t count = 0;
	TRY(identities->access_key_list(identities->self, view_of_text(told->identity.id), keys,
					&count));
	ENSURE(count <= AUTH_ACCESS_KEYS_MAX);
	for (size_t i = 0; i < count; i++) {
		struct identity_told_key *out = &told->keys[i];
		*out = (struct identity_told_key){.key = keys[i]};
		struct err e =
			key_uses_find(work->service->key_uses,
				      view_of_text(keys[i].principal.access_key_id), &out->use);
		if (!err_is(e, E_NOT_FOUND))
			TRY(e);
	}
	told->key_count = count;
	return OK;
}

static bool is_member(const struct auth_details *user, const char *group)
{
	for (size_t i = 0; i < user->group_count; i++)
		if (text_equal(user->groups[i], group))
			return true;
	return false;
}

static struct err add_member(void *to, const struct auth_identity *user,
			     const struct auth_details *details, bool *stop)
{
	struct identity_told *told = to;
	if (!is_member(details, told->identity.name))
		return OK;
	told->more_members = *stop = told->member_count == IDENTITY_MEMBERS_MAX;
	if (*stop)
		return OK;
	TRY(text_new(view_of_text(user->name), &told->members[told->member_count]));
	told->member_count++;
	return OK;
}

NODISCARD struct err identity_told_add_members(struct call_work *work, struct identity_told *told)
{
	ENSURE(told->members == NULL);
	TRY(MEM_NEW_ARRAY(IDENTITY_MEMBERS_MAX, &told->members));
	return identity_scan(work->service, AUTH_KIND_USER, told->identity.account, add_member,
			     told);
}
