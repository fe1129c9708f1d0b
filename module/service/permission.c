/* SPDX-License-Identifier: Apache-2.0 */
#include "service/permission.h"

#include "base/text.h"
#include "service/core.h"
#include "service/grant_request.h"
#include "service/grant_token.h"
#include "service/grants.h"
#include "service/input.h"
#include "service/key_facts.h"
#include "service/keyring.h"
#include "service/request_context.h"
#include "service/resolve.h"
#include "service/subjects.h"

/* One action on one resource. */
struct asked {
	const struct operation_key *row;
	size_t which; /* of the call's keys, encryption contexts included */
	const char *action;
	struct view resource;
	const struct kms_key *key;        /* NULL: an alias, or no key at all */
	struct view account;              /* of a resource that is no key; empty: the caller's */
	const struct auth_policy *policy; /* of the key or resource; NULL without */
	const char *policy_name;
	bool for_grants;                 /* a grant may be enough */
	const struct auth_grant *grants; /* not for_grants: these alone */
	size_t grant_count;
};

/* What the subject of a held snapshot is; an operator has no policies, and needs none. */
static struct auth_subject subject(const struct call_work *work)
{
	return work->subject != NULL ? *subject_of(work->subject)
				     : (struct auth_subject){.principal = &work->principal};
}

static struct err deny(struct call_work *work, const char *rule)
{
	work->verdict = (struct auth_verdict){.outcome = AUTH_DENIED};
	(void)!err_failed(text_copy(work->verdict.decided_by, sizeof work->verdict.decided_by,
				    view_of_text(rule)));
	for (size_t i = 0; i < WORK_KEYS_MAX; i++)
		if (work->keys[i] != NULL &&
		    resolve_is_foreign(work, &keyring_key(work->keys[i])->key.scope))
			return resolve_refuse_unseen(work, i); /* as if it were not there */
	return work_refuse(work, ERR(E_ACCESS_DENIED),
			   "User: %s is not authorized to perform: %s because no identity-based "
			   "policy allows the action",
			   work->principal.arn, work->operation->keys[0].action);
}

static struct err acquire_subject(struct call_work *work)
{
	if (work->subject != NULL || work->principal.type == AUTH_OPERATOR)
		return OK;
	struct err e = subjects_acquire(work->service->subjects, &work->principal,
					view_of_text(work->session_policy), work->may_block,
					&work->subject);
	/* The log names the policy; to the caller it is as if nothing allowed anything. */
	if (err_is(e, E_KMS_MALFORMED_POLICY))
		return deny(work, "default-deny: a policy of the caller cannot be understood");
	return e;
}

static uint32_t needs_of(const struct auth_named_policy *named)
{
	return named->policy != NULL ? auth_policy_needs(named->policy) : 0;
}

/* What any policy that has a say wants to know of the key. */
static uint32_t needs(const struct auth_subject *subject, const struct asked *asked)
{
	uint32_t all = needs_of(&subject->boundary) | needs_of(&subject->session);
	for (size_t i = 0; i < subject->policy_count; i++)
		all |= needs_of(&subject->policies[i]);
	return asked->policy != NULL ? all | auth_policy_needs(asked->policy) : all;
}

static struct err acquire_facts(struct call_work *work, const struct auth_subject *subject,
				const struct asked *asked, struct key_facts_entry **out)
{
	if (asked->key == NULL || needs(subject, asked) == 0)
		return OK;
	return key_facts_acquire(work->service->key_facts, asked->key, work->may_block, out);
}

static struct request_context_query query_of(const struct call_work *work,
					     const struct asked *asked,
					     const struct key_facts_entry *facts)
{
	struct request_context_query query = {
		.row = asked->row,
		.key = asked->key,
		.account = asked->account,
		.canonical = buf_view(&work->in.contexts[asked->which]),
	};
	if (work->subject != NULL)
		query.principal_tags = subject_tags(work->subject);
	if (facts == NULL)
		return query;
	query.resource_tags = key_facts_tags(facts);
	query.resource_aliases = key_facts_aliases(facts, &query.resource_alias_count);
	return query;
}

static struct auth_request request_of(const struct call_work *work, const struct asked *asked,
				      const struct auth_subject *subject,
				      const struct auth_context *context)
{
	struct view account = view_of_text(work->home.account);
	if (asked->key != NULL)
		account = view_of_text(asked->key->scope.account);
	else if (asked->account.len > 0)
		account = asked->account;
	return (struct auth_request){
		.subject = subject,
		.action = view_of_text(asked->action),
		.resource = asked->resource,
		.resource_account = account,
		.key_policy = asked->policy,
		.policy_name = asked->policy_name,
		.context = context,
		.grants_known = !asked->for_grants,
		.grants = asked->grants,
		.grant_count = asked->grant_count,
		.grant_operation = asked->row->grant,
		.takes_context = asked->row->context != NULL,
	};
}

static struct err ask_grants(struct call_work *work, const struct asked *asked,
			     const struct auth_request *request, struct auth_verdict *out)
{
	CLEANUP(grants_found_cleanup) struct grants_found found = {.count = 0};
	const struct grants_query query = {
		.scope = &asked->key->scope,
		.key_id = &asked->key->id,
		.principal = &work->principal,
		.operation = asked->row->grant,
		.takes_context = request->takes_context,
		.context = &request->context->families[AUTH_FAMILY_KMS_ENCRYPTION_CONTEXT],
		.child = grant_request_child(work->in.grant),
		.may_block = work->may_block,
	};
	TRY(grants_find(work->service->grants, &query, &found));
	struct auth_request with_grants = *request;
	with_grants.grants_known = true;
	with_grants.grants = found.grants;
	with_grants.grant_count = found.count;
	auth_decide(&with_grants, out);
	return OK;
}

/* The one place where a call meets the evaluator. */
static struct err decide(struct call_work *work, const struct asked *asked,
			 struct auth_verdict *out)
{
	const struct auth_subject who = subject(work);
	CLEANUP(key_facts_release) struct key_facts_entry *facts = NULL;
	CLEANUP(request_context_cleanup) struct request_context context;
	context.owned_count = 0;
	TRY(acquire_facts(work, &who, asked, &facts));
	const struct request_context_query query = query_of(work, asked, facts);
	TRY(request_context_init(&context, work, &query));
	const struct auth_request request = request_of(work, asked, &who, &context.context);
	auth_decide(&request, out);
	if (out->outcome == AUTH_ASK_GRANTS)
		TRY(ask_grants(work, asked, &request, out));
	ENSURE(out->outcome != AUTH_ASK_GRANTS);
	return OK;
}

NODISCARD struct err permission_refuse(struct call_work *work, size_t which)
{
	if (work->verdict.unseen)
		return resolve_refuse_unseen(work, which);
	return work_refuse(work, ERR(E_ACCESS_DENIED), "%s", work->verdict.message);
}

static struct err ask(struct call_work *work, const struct asked *asked)
{
	TRY(decide(work, asked, &work->verdict));
	if (work->verdict.allowed)
		return OK;
	if (asked->key != NULL)
		return permission_refuse(work, asked->which);
	return work_refuse(work, ERR(E_ACCESS_DENIED), "%s", work->verdict.message);
}

/* KMS Developer Guide, "Controlling access to aliases": on the alias, which has no policy, and on
 * each key. */
static struct err check_alias(struct call_work *work, size_t which)
{
	const struct operation_key *row = &work->operation->keys[which];
	char arn[KMS_ALIAS_ARN_TEXT];
	kms_alias_arn_format(&work->home, input_text(work, row->alias), arn);
	return ask(work, &(const struct asked){.row = row,
					       .which = which,
					       .action = row->action,
					       .resource = view_of_text(arn)});
}

/* An action on keys that are not there yet: on every key of the account. */
static struct err check_every_key(struct call_work *work, size_t which)
{
	const struct operation_key *row = &work->operation->keys[which];
	const struct kms_scope *home = &work->home;
	char arn[KMS_KEY_ARN_TEXT];
	TRY(text_format(arn, sizeof arn, "arn:%s:kms:%s:%s:key/*", home->partition, home->region,
			home->account));
	return ask(work, &(const struct asked){.row = row,
					       .which = which,
					       .action = row->action,
					       .resource = view_of_text(arn)});
}

/* "*": the operation is about no key; identity policies decide alone. */
static struct err check_no_key(struct call_work *work, size_t which)
{
	const struct operation_key *row = &work->operation->keys[which];
	return ask(work, &(const struct asked){.row = row,
					       .which = which,
					       .action = row->action,
					       .resource = VIEW_LITERAL("*")});
}

static struct err check_held_key(struct call_work *work, size_t which)
{
	const struct operation_key *row = &work->operation->keys[which];
	const struct keyring_entry *entry = work->keys[which];
	char arn[KMS_KEY_ARN_TEXT];
	work_key_arn(work, which, arn);
	return ask(work, &(const struct asked){.row = row,
					       .which = which,
					       .action = row->action,
					       .resource = view_of_text(arn),
					       .key = &keyring_key(entry)->key,
					       .policy = keyring_policy(entry),
					       .for_grants = row->grant != KMS_GRANT_NONE});
}

NODISCARD struct err permission_check_key(struct call_work *work, size_t which)
{
	const struct operation_key *row = &work->operation->keys[which];
	TRY(acquire_subject(work));
	if (row->action == NULL)
		return OK;
	if (row->given != NULL && json_count(input_member(work, row->given)) == 0)
		return OK;
	if (row->alias != NULL)
		TRY(check_alias(work, which));
	if (work->keys[which] != NULL)
		return check_held_key(work, which);
	return row->given != NULL ? check_every_key(work, which) : check_no_key(work, which);
}

static struct err authorise(struct call_work *work)
{
	if (work->operation->authorise != NULL)
		return work->operation->authorise(work);
	for (size_t i = 0; i < WORK_KEYS_MAX; i++)
		TRY(permission_check_key(work, i));
	return OK;
}

/* Grant tokens and ciphertexts that are none are told to those alone who may: to a stranger they
 * would tell that the key is there. */
NODISCARD struct err permission_check(struct call_work *work)
{
	if (work->operation->flags & OPERATION_FOR_ALL)
		return OK;
	TRY(authorise(work));
	TRY(grant_tokens_check(work));
	return work->in.mismatch;
}

NODISCARD struct err permission_decide(struct call_work *work,
				       const struct permission_question *question,
				       struct auth_verdict *out)
{
	const struct operation_key row = {
		.action = question->action, .member = "KeyId", .grant = question->grant_operation};
	char arn[KMS_KEY_ARN_TEXT];
	TRY(acquire_subject(work));
	work_key_arn(work, 0, arn);
	const struct asked asked = {.row = &row,
				    .action = row.action,
				    .resource = view_of_text(arn),
				    .key = &keyring_key(work->keys[0])->key,
				    .policy = question->policy,
				    .grants = question->grants,
				    .grant_count = question->grant_count};
	return decide(work, &asked, out);
}

NODISCARD struct err permission_foresee(struct call_work *work,
					const struct permission_case *wanted, bool *allowed)
{
	static const struct operation_key row = {.action = "kms:PutKeyPolicy"};
	char arn[KMS_KEY_ARN_TEXT];
	TRY(acquire_subject(work));
	kms_key_arn_format(&wanted->key->scope, &wanted->key->id, arn);
	const struct asked asked = {.row = &row,
				    .action = row.action,
				    .resource = view_of_text(arn),
				    .key = wanted->key,
				    .policy = wanted->policy};
	struct auth_verdict verdict;
	TRY(decide(work, &asked, &verdict));
	*allowed = verdict.allowed;
	return OK;
}

NODISCARD struct err permission_ask(struct call_work *work,
				    const struct permission_resource *resource)
{
	const struct operation_key *row = &work->operation->keys[0];
	TRY(acquire_subject(work));
	return decide(work,
		      &(const struct asked){.row = row,
					    .action = row->action,
					    .resource = resource->arn,
					    .account = resource->account,
					    .policy = resource->policy,
					    .policy_name = resource->policy_name},
		      &work->verdict);
}

/* How each state that is in the way is told. */
static const struct {
	uint16_t code; /* enum err_code */
	const char *text;
} states[KMS_STATE_COUNT] = {
	[KMS_STATE_CREATING] = {E_KMS_INVALID_STATE, "is creating"},
	[KMS_STATE_ENABLED] = {E_KMS_INVALID_STATE, "is enabled"},
	[KMS_STATE_DISABLED] = {E_KMS_DISABLED, "is disabled"},
	[KMS_STATE_PENDING_DELETION] = {E_KMS_INVALID_STATE, "is pending deletion"},
	[KMS_STATE_PENDING_IMPORT] = {E_KMS_INVALID_STATE, "is pending import"},
	[KMS_STATE_UNAVAILABLE] = {E_KMS_INVALID_STATE, "is unavailable"},
};

NODISCARD struct err permission_check_state(struct call_work *work, const struct kms_key *key)
{
	ENSURE(key->state > 0 && key->state < KMS_STATE_COUNT);
	if (work->operation->states & STATE_BIT(key->state))
		return OK;
	char arn[KMS_KEY_ARN_TEXT];
	kms_key_arn_format(&key->scope, &key->id, arn);
	/* CancelKeyDeletion: not Disabled is in its way, but that nothing is there to cancel. */
	if (work->operation->states == STATES_PENDING_DELETION)
		return work_refuse(work, ERR(E_KMS_INVALID_STATE), "%s is not pending deletion.",
				   arn);
	return work_refuse(work, ERR(states[key->state].code), "%s %s.", arn,
			   states[key->state].text);
}

static struct err check_usage(struct call_work *work, const struct kms_key *key)
{
	if (work->operation->usages & key->usage)
		return OK;
	char arn[KMS_KEY_ARN_TEXT];
	kms_key_arn_format(&key->scope, &key->id, arn);
	return work_refuse(work, ERR(E_KMS_KEY_USAGE),
			   "%s key usage is %s which is not valid for %s.", arn,
			   kms_usage_name(key->usage), work->operation->name);
}

/* Every key so far is SYMMETRIC_DEFAULT, which has one algorithm of the same name. */
static struct err check_algorithm(struct call_work *work, const char *member,
				  const struct kms_key *key)
{
	if (member == NULL || input_member(work, member) == NULL)
		return OK;
	struct view algorithm = input_text(work, member);
	if (view_equal_text(algorithm, "SYMMETRIC_DEFAULT"))
		return OK;
	return work_refuse(work, ERR(E_KMS_KEY_USAGE),
			   "Algorithm %.*s is incompatible with key spec %s.", (int)algorithm.len,
			   (const char *)algorithm.ptr, kms_spec_name(key->spec));
}

NODISCARD struct err permission_check_keys(struct call_work *work)
{
	for (size_t i = 0; i < WORK_KEYS_MAX; i++) {
		if (work->keys[i] == NULL)
			continue;
		const struct operation_key *row = &work->operation->keys[i];
		const struct kms_key *key = &keyring_key(work->keys[i])->key;
		if (!row->any_state)
			TRY(permission_check_state(work, key));
		TRY(check_usage(work, key));
		TRY(check_algorithm(work, row->algorithm, key));
	}
	return OK;
}
