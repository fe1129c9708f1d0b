/* SPDX-License-Identifier: Apache-2.0 */
#include "service/identity_scan.h"

#include "base/mem.h"
#include "base/text.h"
#include "service/core.h"

#define PAGE 100

/* --- the walk --- */

static struct err visit(const struct auth_identity *identity, identity_scan_fn *each, void *user,
			bool *stop)
{
	CLEANUP(auth_details_cleanup) struct auth_details details = {0};
	struct err e = auth_details_parse(view_of_text(identity->document), &details);
	REQUIRE(!err_failed(e) || err_is(e, E_NOMEM), E_BUG);
	TRY(e);
	return each(user, identity, &details, stop);
}

/* *last: the name of the page's last identity; "" when it was the last page, or when `each` has
 * seen enough. */
static struct err visit_page(const struct auth_identities *identities,
			     const struct auth_identity_query *query, identity_scan_fn *each,
			     void *user, char last[AUTH_NAME_MAX + 1])
{
	CLEANUP(auth_identity_page_cleanup) struct auth_identity_page page = {0};
	TRY(identities->list(identities->self, query, &page));
	bool stop = false;
	for (size_t i = 0; i < page.count && !stop; i++)
		TRY(visit(&page.identities[i], each, user, &stop));
	bool more = page.more && page.count > 0 && !stop;
	return text_copy(last, AUTH_NAME_MAX + 1,
			 view_of_text(more ? page.identities[page.count - 1].name : ""));
}

NODISCARD struct err identity_scan(struct service *service, enum auth_identity_kind kind,
				   const char *account, identity_scan_fn *each, void *user)
{
	char after[AUTH_NAME_MAX + 1] = "", last[AUTH_NAME_MAX + 1];
	do {
		const struct auth_identity_query query = {.kind = kind,
							  .account = view_of_text(account),
							  .after = view_of_text(after),
							  .limit = PAGE};
		TRY(visit_page(&service->options.identities, &query, each, user, last));
		TRY(text_copy(after, sizeof after, view_of_text(last)));
	} while (after[0] != '\0');
	return OK;
}

/* --- what is in the way --- */

struct search {
	const char *wanted; /* a group's name, a policy's ARN */
	bool found;
};

static bool is_among(char *const *names, size_t count, const char *wanted)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal(names[i], wanted))
			return true;
	return false;
}

static struct err find_member(void *user, UNUSED const struct auth_identity *identity,
			      const struct auth_details *details, bool *stop)
{
	struct search *search = user;
	search->found = *stop = is_among(details->groups, details->group_count, search->wanted);
	return OK;
}

static struct err find_use(void *user, UNUSED const struct auth_identity *identity,
			   const struct auth_details *details, bool *stop)
{
	struct search *search = user;
	search->found = *stop =
		is_among(details->attached, details->attached_count, search->wanted) ||
		(details->boundary != NULL && text_equal(details->boundary, search->wanted));
	return OK;
}

static struct err refuse(struct call_work *work, const char *text)
{
	return work_refuse(work, ERR(E_IAM_DELETE_CONFLICT), "Cannot delete entity, %s", text);
}

static struct err check_policies(struct call_work *work, const struct identity_told *told)
{
	if (told->details.policy_count > 0)
		return refuse(work, "must delete policies first.");
	if (told->details.attached_count > 0)
		return refuse(work, "must detach all policies first.");
	return OK;
}

static struct err check_keys(struct call_work *work, const struct identity_told *told)
{
	const struct auth_identities *identities = &work->service->options.identities;
	struct auth_access_key keys[AUTH_ACCESS_KEYS_MAX];
	size_t count = 0;
	TRY(identities->access_key_list(identities->self, view_of_text(told->identity.id), keys,
					&count));
	return count > 0 ? refuse(work, "must delete access keys first.") : OK;
}

static struct err check_user(struct call_work *work, const struct identity_told *told)
{
	TRY(check_keys(work, told));
	TRY(check_policies(work, told));
	if (told->details.group_count > 0)
		return refuse(work, "must remove it from its groups first.");
	return OK;
}

static struct err check_group(struct call_work *work, const struct identity_told *told)
{
	struct search search = {.wanted = told->identity.name};
	TRY(check_policies(work, told));
	TRY(identity_scan(work->service, AUTH_KIND_USER, told->identity.account, find_member,
			  &search));
	return search.found ? refuse(work, "must remove users from group first.") : OK;
}

/* IAM API: DeletePolicy - "you must first detach the policy from all users, groups, and roles that
 * it is attached to"; a boundary is a use of it as well. */
static struct err check_policy(struct call_work *work, const struct identity_told *told)
{
	static const enum auth_identity_kind users[] = {AUTH_KIND_USER, AUTH_KIND_GROUP,
							AUTH_KIND_ROLE};
	struct search search = {.wanted = told->identity.arn};
	for (size_t i = 0; i < ARRAY_LEN(users) && !search.found; i++)
		TRY(identity_scan(work->service, users[i], told->identity.account, find_use,
				  &search));
	if (search.found)
		return work_refuse(work, ERR(E_IAM_DELETE_CONFLICT),
				   "Cannot delete a policy attached to entities.");
	return OK;
}

static struct err check_empty(struct call_work *work, const char *account)
{
	static const enum auth_identity_kind kinds[] = {AUTH_KIND_USER, AUTH_KIND_GROUP,
							AUTH_KIND_ROLE, AUTH_KIND_SERVICE,
							AUTH_KIND_POLICY};
	const struct auth_identities *identities = &work->service->options.identities;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		CLEANUP(auth_identity_page_cleanup) struct auth_identity_page page = {0};
		const struct auth_identity_query query = {
			.kind = kinds[i], .account = view_of_text(account), .limit = 1};
		TRY(identities->list(identities->self, &query, &page));
		if (page.count > 0)
			return work_refuse(work, ERR(E_IAM_DELETE_CONFLICT),
					   "Cannot delete entity, must delete the account's %s %s "
					   "first.",
					   auth_kind_name(kinds[i]), page.identities[0].name);
	}
	return OK;
}

static struct err check_no_keys(struct call_work *work, const char *account)
{
	const struct kms_store *store = &work->service->options.store;
	struct kms_scope scope = work->service->options.installation.scope;
	struct kms_key_page page = {0};
	TRY(text_copy(scope.account, sizeof scope.account, view_of_text(account)));
	TRY(store->ops->key_list(store->self, &scope, NULL, 1, &page));
	mem_free(page.ids);
	return page.count > 0 ? refuse(work, "the account has KMS keys.") : OK;
}

static struct err check_account(struct call_work *work, const struct identity_told *told)
{
	const char *account = told->identity.name;
	if (text_equal(account, work->service->options.installation.scope.account))
		return refuse(work, "it is the installation's own account.");
	TRY(check_keys(work, told));
	TRY(check_empty(work, account));
	return check_no_keys(work, account);
}

static struct err (*const checks[AUTH_KIND_COUNT])(struct call_work *work,
						   const struct identity_told *told) = {
	[AUTH_KIND_ACCOUNT] = check_account, [AUTH_KIND_USER] = check_user,
	[AUTH_KIND_GROUP] = check_group,     [AUTH_KIND_ROLE] = check_policies,
	[AUTH_KIND_SERVICE] = check_keys,    [AUTH_KIND_POLICY] = check_policy,
};

NODISCARD struct err identity_scan_conflicts(struct call_work *work,
					     const struct identity_told *told)
{
	ENSURE(told->identity.kind > 0 && told->identity.kind < AUTH_KIND_COUNT);
	return checks[told->identity.kind](work, told);
}
