/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision: asks every policy once, then looks for a way in. How it is told: verdict.c.
 *
 * IAM User Guide, "Policy evaluation logic"; KMS Developer Guide, "Key policies in AWS KMS": the
 * key policy is the root of trust, and whom it names it lets in by itself. Whatever is not clearly
 * allowed is denied.
 */
#include "auth/authorize_local.h"

static const struct auth_context no_context;

/* In the place of an identity policy. */
static const struct auth_voice root_voice = {.speaks = true, .policy = "root"};

static struct auth_question question_of(const struct auth_request *request,
					const struct auth_context *context)
{
	return (struct auth_question){.principal = request->subject->principal,
				      .action = request->action,
				      .resource = request->resource,
				      .context = context};
}

/* The first denial is the one that is told. */
static void note_deny(struct auth_evaluation *e, const struct auth_answer *answer,
		      const char *policy, enum auth_reason kind)
{
	if (!answer->denied || e->deny.speaks)
		return;
	e->deny = (struct auth_voice){true, policy, answer->deny};
	e->deny_of = kind;
}

static void ask_key_policy(struct auth_evaluation *e, const struct auth_question *question)
{
	struct auth_answer *key = &e->key;
	if (e->request->key_policy == NULL)
		return;
	auth_policy_ask(e->request->key_policy, question, key);
	note_deny(e, key, auth_policy_name(e->request), AUTH_BY_KEY_POLICY);
}

static void ask_identity_policies(struct auth_evaluation *e, const struct auth_question *question)
{
	const struct auth_subject *subject = e->request->subject;
	if (e->is_service)
		return;
	if (e->is_root)
		e->identity = root_voice;
	for (size_t i = 0; i < subject->policy_count; i++) {
		struct auth_answer answer;
		const char *name = subject->policies[i].name;
		auth_policy_ask(subject->policies[i].policy, question, &answer);
		note_deny(e, &answer, name, AUTH_BY_IDENTITY_POLICY);
		if (answer.allowed[AUTH_NAMED_ITSELF] && !e->identity.speaks)
			e->identity =
				(struct auth_voice){true, name, answer.allow[AUTH_NAMED_ITSELF]};
	}
}

/* A boundary or a session policy: whether it leaves the request alone. */
static bool ask_limit(struct auth_evaluation *e, const struct auth_question *question,
		      const struct auth_named_policy *limit, enum auth_reason kind)
{
	struct auth_answer answer;
	if (limit->policy == NULL)
		return true;
	auth_policy_ask(limit->policy, question, &answer);
	note_deny(e, &answer, limit->name, kind);
	return answer.allowed[AUTH_NAMED_ITSELF];
}

static void ask_all(struct auth_evaluation *e)
{
	const struct auth_subject *subject = e->request->subject;
	uint64_t steps_left = AUTH_STEPS_MAX;
	struct auth_context context =
		e->request->context != NULL ? *e->request->context : no_context;
	context.steps_left = &steps_left;
	const struct auth_question question = question_of(e->request, &context);
	ask_key_policy(e, &question);
	ask_identity_policies(e, &question);
	e->boundary_allows = ask_limit(e, &question, &subject->boundary, AUTH_BY_BOUNDARY);
	e->session_allows = ask_limit(e, &question, &subject->session, AUTH_BY_SESSION_POLICY);
	e->too_costly = steps_left == 0;
}

/*
 * IAM User Guide, "Session policies": what a resource-based policy gives to the ARN of a user is
 * the user's before there is a session, and limited by its policy; what it gives to the ARN of a
 * session comes after that.
 */
static bool is_free_of_session(const struct auth_evaluation *e)
{
	return e->session_allows || e->principal->type == AUTH_ROLE_SESSION;
}

/*
 * IAM User Guide, "Cross-account policy evaluation logic": another account needs both sides, and
 * there boundary and session policy are a part of the caller's side. In the own account they
 * limit all but what names the session's own ARN, and the boundary not what names the user's
 * ("Permissions boundaries for IAM entities": resource-based policies).
 */
static enum auth_lack lack_of(const struct auth_evaluation *e, enum auth_naming naming,
			      bool needs_identity)
{
	if (needs_identity && !e->identity.speaks)
		return AUTH_LACKS_IDENTITY;
	if (!needs_identity && naming == AUTH_NAMED_ITSELF)
		return is_free_of_session(e) ? AUTH_LACKS_NOTHING : AUTH_LACKS_SESSION;
	if (!e->boundary_allows)
		return AUTH_LACKS_BOUNDARY;
	return e->session_allows ? AUTH_LACKS_NOTHING : AUTH_LACKS_SESSION;
}

static void try_way(struct auth_evaluation *e, enum auth_naming naming,
		    const struct auth_grant *grant)
{
	bool delegated = naming == AUTH_NAMED_ACCOUNT || naming == AUTH_NAMED_NOT;
	bool needs_identity = delegated || (!e->own_account && !e->is_service);
	enum auth_lack lack = lack_of(e, naming, needs_identity);
	if (lack > e->way.lack)
		e->way = (struct auth_way){lack, naming, grant, needs_identity};
}

static void try_key_policy(struct auth_evaluation *e)
{
	for (int naming = AUTH_NAMED_ITSELF; naming > AUTH_NAMED_NOT; naming--) {
		if (e->key.allowed[naming])
			try_way(e, (enum auth_naming)naming, NULL);
	}
}

static enum auth_naming naming_of(const struct auth_grant *grant)
{
	if (grant->to_account)
		return AUTH_NAMED_ACCOUNT;
	return grant->to_role ? AUTH_NAMED_ROLE : AUTH_NAMED_ITSELF;
}

static void try_grants(struct auth_evaluation *e)
{
	const struct auth_request *request = e->request;
	if (!request->grants_known)
		return;
	const struct auth_pairs *pairs =
		&request->context->families[AUTH_FAMILY_KMS_ENCRYPTION_CONTEXT];
	for (size_t i = 0; i < request->grant_count; i++) {
		const struct auth_grant *grant = &request->grants[i];
		if (auth_grant_permits(grant, request->grant_operation, request->takes_context,
				       pairs))
			try_way(e, naming_of(grant), grant);
	}
}

/* A resource without a policy is open to its own account alone: nothing of it could let another
 * account in. */
static void find_way(struct auth_evaluation *e)
{
	if (e->request->key_policy != NULL) {
		try_key_policy(e);
		try_grants(e);
	} else if (e->own_account) {
		try_way(e, AUTH_NAMED_NOT, NULL);
	}
}

/* Whether a grant, if there were one, would let in somebody who is not in yet. */
static bool is_open_to_grants(const struct auth_evaluation *e)
{
	const struct auth_request *request = e->request;
	if (request->grants_known || request->grant_operation == 0 || request->key_policy == NULL)
		return false;
	if (e->deny.speaks || e->too_costly)
		return false;
	bool needs_identity = !e->own_account && !e->is_service;
	return lack_of(e, AUTH_NAMED_ITSELF, needs_identity) == AUTH_LACKS_NOTHING;
}

static void evaluate(const struct auth_request *request, struct auth_evaluation *e)
{
	const struct auth_principal *principal = request->subject->principal;
	*e = (struct auth_evaluation){
		.request = request,
		.principal = principal,
		.own_account = request->resource_account.len == AUTH_ACCOUNT_LEN &&
			       view_equal_text(request->resource_account, principal->account),
		.is_root = principal->type == AUTH_ROOT,
		.is_service = principal->type == AUTH_SERVICE,
	};
	ask_all(e);
	find_way(e);
}

static void decide(const struct auth_evaluation *e, struct auth_verdict *out)
{
	if (!e->deny.speaks && !e->too_costly && e->way.lack == AUTH_LACKS_NOTHING) {
		out->outcome = AUTH_ALLOWED;
		out->allowed = true;
		auth_verdict_allow(e, out);
		return;
	}
	/* Whoever takes the question for an answer finds a denial, with its words. */
	out->outcome = is_open_to_grants(e) ? AUTH_ASK_GRANTS : AUTH_DENIED;
	auth_verdict_deny(e, out);
}

void auth_decide(const struct auth_request *request, struct auth_verdict *out)
{
	struct auth_evaluation e;
	*out = (struct auth_verdict){.outcome = AUTH_DENIED};
	if (request->subject->principal->type == AUTH_OPERATOR) {
		out->outcome = AUTH_ALLOWED;
		out->allowed = true;
		auth_verdict_allow_operator(out);
		return;
	}
	evaluate(request, &e);
	decide(&e, out);
}
