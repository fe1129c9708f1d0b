/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KMS API: RetireGrant. "This operation can be called by the retiring principal for a grant, by the
 * grantee principal if the grant allows the RetireGrant operation, and by the account in which the
 * grant is created", and by those of that account to whom its identity policies give it. A key
 * policy can deny it, and lets nobody in.
 */
#include "auth/policy.h"
#include "base/text.h"
#include "service/core.h"
#include "service/grant_change.h"
#include "service/grant_principal.h"
#include "service/grant_shapes.h"
#include "service/input.h"
#include "service/keyring.h"
#include "service/permission.h"
#include "service/resolve.h"
#include "service/shapes.h"

#define ACTION "kms:RetireGrant"
#define NOBODY                                                                             \
	"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\","                \
	"\"Principal\":{\"Service\":\"nobody.amazonaws.com\"},\"Action\":\"kms:Nothing\"," \
	"\"Resource\":\"*\"}]}"
#define RELATIONS_MAX 2 /* as retiring principal, as grantee */

static const struct schema_member members[] = {
	{"GrantToken", &shape_grant_token, false},
	{"KeyId", &shape_key_id, false},
	{"GrantId", &shape_grant_id, false},
	{"DryRun", &shape_boolean, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId", "GrantId", "DryRun", NULL};

static struct err decode(struct call_work *work)
{
	bool token = input_member(work, "GrantToken") != NULL;
	bool key = input_member(work, "KeyId") != NULL;
	bool id = input_member(work, "GrantId") != NULL;
	if (token ? !key && !id : key && id)
		return OK;
	return work_refuse(work, ERR(E_VALIDATION),
			   "You must specify either GrantToken or both KeyId and GrantId.");
}

/* --- which grant --- */

/* The key of a token is nobody's to know before permission: one that is gone is a token that is no
 * longer good. */
static struct err name_by_token(struct call_work *work)
{
	struct kms_sealer sealer = service_sealer_port(&work->service->sealer);
	struct grant_token token;
	TRY(grant_token_read(&sealer, input_text(work, "GrantToken"), &token));
	struct err e = keyring_acquire(work->service->keyring, &token.key_id, work->may_block,
				       &work->keys[0]);
	REQUIRE(!err_is(e, E_NOT_FOUND), E_KMS_GRANT_TOKEN);
	TRY(e);
	return grant_change_answer(work, token.grant_id);
}

static struct err name(struct call_work *work)
{
	if (input_member(work, "GrantToken") != NULL)
		return work->keys[0] == NULL ? name_by_token(work) : OK;
	struct view id = input_text(work, "GrantId");
	if (!kms_grant_id_is(id))
		return work_refuse(work, ERR(E_KMS_GRANT_ID), "Invalid grant ID %.*s", (int)id.len,
				   (const char *)id.ptr);
	char text[KMS_GRANT_ID_LEN + 1];
	TRY(text_copy(text, sizeof text, id));
	return grant_change_answer(work, text);
}

static struct err load(struct call_work *work, struct kms_grant *out)
{
	return grant_change_load(work, view_of_text(work->out.grant->id), out);
}

/* --- who may --- */

static void add_relation(const struct kms_grant *grant, enum grant_relation relation,
			 struct auth_grant *out, size_t *count)
{
	if (relation == GRANT_TO_NOBODY)
		return;
	out[(*count)++] = (struct auth_grant){.id = view_of_text(grant->id),
					      .operations = KMS_GRANT_RETIRE_GRANT,
					      .to_account = relation == GRANT_TO_ACCOUNT,
					      .to_role = relation == GRANT_TO_ROLE};
}

/* What the grant is to the caller: as if the retiring principal were a grantee, too. */
static size_t list_relations(const struct call_work *work, const struct kms_grant *grant,
			     struct auth_grant out[RELATIONS_MAX])
{
	const struct auth_principal *who = &work->principal;
	size_t count = 0;
	add_relation(grant, grant_relation_of(grant->retiring, grant->retiring_id, who), out,
		     &count);
	if (grant->operations & KMS_GRANT_RETIRE_GRANT)
		add_relation(grant, grant_relation_of(grant->grantee, grant->grantee_id, who), out,
			     &count);
	return count;
}

/* A denial in the key's policy counts, whatever the grant says. */
static struct err ask_key_policy(struct call_work *work, bool *denied)
{
	const struct permission_question question = {.action = ACTION,
						     .policy = keyring_policy(work->keys[0])};
	struct auth_verdict verdict;
	TRY(permission_decide(work, &question, &verdict));
	*denied = verdict.explicit_deny;
	if (*denied)
		work->verdict = verdict;
	return OK;
}

/* As any grant is asked, on a key whose policy lets nobody in. */
static struct err ask_grant(struct call_work *work, const struct kms_grant *grant)
{
	char message[AUTH_POLICY_MESSAGE_MAX];
	CLEANUP(auth_policy_free) struct auth_policy *nobody = NULL;
	TRY(auth_policy_compile(AUTH_POLICY_KEY, VIEW_LITERAL(NOBODY), &nobody, message));
	struct auth_grant relations[RELATIONS_MAX];
	const struct permission_question question = {.action = ACTION,
						     .policy = nobody,
						     .grants = relations,
						     .grant_count =
							     list_relations(work, grant, relations),
						     .grant_operation = KMS_GRANT_RETIRE_GRANT};
	return permission_decide(work, &question, &work->verdict);
}

/* Of the account that the key is in. */
static struct err ask_account(struct call_work *work)
{
	const struct permission_question question = {.action = ACTION};
	return permission_decide(work, &question, &work->verdict);
}

static bool is_foreign(const struct call_work *work)
{
	return resolve_is_foreign(work, &keyring_key(work->keys[0])->key.scope);
}

static struct err decide(struct call_work *work, const struct kms_grant *grant)
{
	bool denied = false;
	TRY(ask_key_policy(work, &denied));
	if (denied)
		return OK;
	TRY(ask_grant(work, grant));
	return work->verdict.allowed || is_foreign(work) ? OK : ask_account(work);
}

/* Of another account's key nothing is told, and a token says that there is a grant, and no more. */
static struct err refuse(struct call_work *work)
{
	if (!is_foreign(work))
		return permission_refuse(work, 0);
	if (input_member(work, "KeyId") != NULL)
		return resolve_refuse_unseen(work, 0);
	return work_refuse(work, ERR(E_ACCESS_DENIED),
			   "User: %s is not authorized to perform: " ACTION
			   " on the key of this grant token",
			   work->principal.arn);
}

static struct err authorise(struct call_work *work)
{
	CLEANUP(kms_grant_cleanup) struct kms_grant grant = {0};
	struct err e = name(work);
	if (!err_failed(e))
		e = load(work, &grant);
	/* Of another account's key, not even that its id is none: that would tell of the key. */
	bool unknown = err_is(e, E_KMS_NOT_FOUND) || err_is(e, E_KMS_GRANT_ID);
	if (unknown && is_foreign(work)) {
		work->verdict.unseen = true;
		return refuse(work);
	}
	TRY(e);
	TRY(decide(work, &grant));
	return work->verdict.allowed ? OK : refuse(work);
}

/* --- doing it --- */

static struct err execute(struct call_work *work)
{
	CLEANUP(kms_grant_cleanup) struct kms_grant grant = {0};
	TRY(load(work, &grant));
	return grant_change_remove(work, &grant);
}

const struct operation op_retire_grant = {
	.name = "RetireGrant",
	.door = CALL_DOOR_PUBLIC,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED | OPERATION_INVALID_ARN |
		 OPERATION_CROSS_ACCOUNT,
	.states = STATES_ALL,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = ACTION, .member = "KeyId", .optional = true}},
	.audited = audited,
	.decode = decode,
	.authorise = authorise,
	.execute = execute,
	.audit = grant_change_audit,
};
