/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: CreateGrant. */
#include "base/entropy.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/core.h"
#include "service/grant_change.h"
#include "service/grant_principal.h"
#include "service/grant_request.h"
#include "service/grant_shapes.h"
#include "service/keyring.h"
#include "service/resolve.h"
#include "service/shapes.h"

#define LIKENESS_MAX (KMS_GRANT_CONTEXT_MAX + 2048)

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{"GranteePrincipal", &shape_principal_id, false},
	{"RetiringPrincipal", &shape_principal_id, false},
	{"Operations", &shape_grant_operations, true},
	{"Constraints", &shape_grant_constraints, false},
	{"GrantTokens", &shape_grant_tokens, false},
	{"Name", &shape_grant_name, false},
	{"DryRun", &shape_boolean, false},
	{"GranteeServicePrincipal", &shape_service_principal, false},
	{"RetiringServicePrincipal", &shape_service_principal, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId",
				      "GranteePrincipal",
				      "RetiringPrincipal",
				      "Operations",
				      "Constraints",
				      "Name",
				      "DryRun",
				      "GranteeServicePrincipal",
				      "RetiringServicePrincipal",
				      NULL};

static const struct operation_condition conditions[] = {
	{AUTH_KMS_GRANTEE_PRINCIPAL, "GranteePrincipal", NULL},
	{AUTH_KMS_GRANTEE_PRINCIPAL, "GranteeServicePrincipal", NULL},
	{AUTH_KMS_RETIRING_PRINCIPAL, "RetiringPrincipal", NULL},
	{AUTH_KMS_RETIRING_PRINCIPAL, "RetiringServicePrincipal", NULL},
	{AUTH_KMS_GRANT_OPERATIONS, "Operations", NULL},
	{AUTH_KMS_GRANT_CONSTRAINT_TYPE, "Constraints", NULL}, /* the names of its members */
	{0, NULL, NULL},
};

/* --- the grant --- */

static struct err fill_principals(struct call_work *work, struct kms_grant *grant)
{
	struct auth_principal who;
	TRY(grant_principal_find(work, view_of_text(grant->grantee), &who));
	TRY(text_copy(grant->grantee_id, sizeof grant->grantee_id,
		      view_of_text(grant_principal_id(&who))));
	if (grant->retiring[0] == '\0')
		return OK;
	TRY(grant_principal_find(work, view_of_text(grant->retiring), &who));
	return text_copy(grant->retiring_id, sizeof grant->retiring_id,
			 view_of_text(grant_principal_id(&who)));
}

static void write_likeness(const struct kms_grant *grant, struct writer *w)
{
	writer_block16(w, VIEW_LITERAL("holdfast grant likeness")); /* what no table is called */
	writer_block16(w, VIEW_ARRAY(grant->key_id.bytes));
	writer_block16(w, view_of_text(grant->name));
	writer_block16(w, view_of_text(grant->grantee));
	writer_block16(w, view_of_text(grant->grantee_id));
	writer_block16(w, view_of_text(grant->retiring));
	writer_block16(w, view_of_text(grant->retiring_id));
	writer_block16(w, view_of_text(grant->issuer));
	writer_u32(w, grant->operations);
	writer_u8(w, (uint8_t)grant->constraint);
	writer_block16(w, grant->context);
}

/* KMS API: Name. "When this value is absent, all CreateGrant requests result in a new grant". */
static struct err fill_likeness(struct call_work *work, struct kms_grant *grant)
{
	_Static_assert(KMS_GRANT_LIKENESS_LEN == KMS_SEAL_LEN, "a MAC is the digest");
	if (grant->name[0] == '\0')
		return entropy_fill(grant->likeness, sizeof grant->likeness);
	CLEANUP(buf_cleanup) struct buf room;
	buf_init(&room, LIKENESS_MAX);
	struct writer w;
	writer_init_buf(&w, &room);
	write_likeness(grant, &w);
	TRY(writer_end(&w));
	struct kms_sealer sealer = service_sealer_port(&work->service->sealer);
	const struct view message = buf_view(&room);
	uint8_t mac[1][KMS_SEAL_LEN];
	TRY(sealer.seal(sealer.self, &message, 1, mac));
	mem_copy(grant->likeness, sizeof grant->likeness, mac[0], sizeof mac[0]);
	return OK;
}

static struct err fill(struct call_work *work, struct kms_grant *grant)
{
	const struct kms_key *key = &keyring_key(work->keys[0])->key;
	grant->scope = key->scope;
	grant->key_id = key->id;
	grant->created_ms = work->time_ms;
	TRY(text_format(grant->issuer, sizeof grant->issuer, "arn:%s:iam::%s:root",
			work->home.partition, work->home.account));
	TRY(fill_principals(work, grant));
	TRY(fill_likeness(work, grant));
	TRY(kms_grant_id_make(grant->id));
	return kms_grant_check(grant);
}

/* --- the answer --- */

static struct err answer(struct call_work *work, const struct kms_grant *grant)
{
	struct kms_sealer sealer = service_sealer_port(&work->service->sealer);
	struct grant_token token = {.key_id = grant->key_id};
	TRY(text_copy(token.account, sizeof token.account, view_of_text(grant->scope.account)));
	TRY(text_copy(token.grant_id, sizeof token.grant_id, view_of_text(grant->id)));
	TRY(grant_change_answer(work, grant->id));
	return grant_token_make(&sealer, &token, work->out.grant->token);
}

/* "If the grant already exists, the original GrantId is returned without creating a new grant."
 * E_NOT_FOUND. */
static struct err answer_existing(struct call_work *work, const struct kms_grant *wanted)
{
	const struct kms_grants *grants = &work->service->options.grants;
	CLEANUP(kms_grant_cleanup) struct kms_grant found = {0};
	TRY(grants->ops->find(grants->self, &wanted->scope, &wanted->key_id, wanted->likeness,
			      &found));
	REQUIRE(!work->in.dry_run, E_KMS_DRY_RUN);
	return answer(work, &found);
}

static struct err create(struct call_work *work, const struct kms_grant *grant)
{
	TRY(answer(work, grant)); /* before the commit: a grant nobody is told of helps nobody */
	struct err e = grant_change_create(work, grant);
	if (err_is(e, E_EXISTS)) /* somebody was faster */
		return answer_existing(work, grant);
	if (err_is(e, E_KMS_LIMIT))
		return work_refuse(work, e,
				   "Grants per KMS key quota for this account in this region is "
				   "%d, current usage is %d.",
				   KMS_GRANTS_MAX, KMS_GRANTS_MAX);
	return err_is(e, E_NOT_FOUND) ? resolve_refuse_missing(work, &grant->key_id) : e;
}

static struct err execute(struct call_work *work)
{
	struct kms_grant *grant = &work->in.grant->grant;
	TRY(grant_request_check_key(work, &keyring_key(work->keys[0])->key));
	TRY(fill(work, grant));
	struct err e = answer_existing(work, grant);
	return err_is(e, E_NOT_FOUND) ? create(work, grant) : e;
}

static void encode(struct call_work *work, struct json_out *out)
{
	json_out_text(out, "GrantToken", view_of_text(work->out.grant->token));
	json_out_text(out, "GrantId", view_of_text(work->out.grant->id));
}

const struct operation op_create_grant = {
	.name = "CreateGrant",
	.door = CALL_DOOR_PUBLIC,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_INVALID_ARN | OPERATION_CROSS_ACCOUNT,
	.states = STATES_ENABLED | STATES_UNAVAILABLE,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:CreateGrant",
		  .member = "KeyId",
		  .constraints = "Constraints",
		  .grant = KMS_GRANT_CREATE_GRANT}},
	.conditions = conditions,
	.audited = audited,
	.decode = grant_request_decode,
	.execute = execute,
	.encode = encode,
	.audit = grant_change_audit,
};
