/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admin operation ResetKeyPolicy: gives a key, of whatever account, the default policy again, under
 * which its account decides. The way out for a key that its policy has locked everybody out of.
 */
#include "base/mem.h"
#include "service/key_change.h"
#include "service/key_policy.h"
#include "service/operation.h"
#include "service/shapes.h"

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId", NULL};

/* Of a key that a service made nobody can have changed it. */
static struct err apply(struct call_work *work, struct kms_key *key, UNUSED bool *changed)
{
	if (key->manager == KMS_MANAGER_AWS)
		return work_refuse(work, ERR(E_UNSUPPORTED_OPERATION),
				   "The policy of a key that a service made is the service's own.");
	char *policy = NULL;
	TRY(key_policy_default(&key->scope, &policy));
	mem_free(key->policy);
	key->policy = policy;
	return OK;
}

static struct err execute(struct call_work *work)
{
	return key_change(work, apply);
}

static void encode(struct call_work *work, struct json_out *out)
{
	char arn[KMS_KEY_ARN_TEXT];
	work_key_arn(work, 0, arn);
	json_out_text(out, "KeyId", view_of_text(arn));
	json_out_text(out, "Policy", view_of_text(work->out.made.key.policy));
}

const struct operation admin_reset_key_policy = {
	.name = "ResetKeyPolicy",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED | OPERATION_ALIASES | OPERATION_INVALID_ARN,
	.states = STATES_ALL,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "holdfast:ResetKeyPolicy", .member = "KeyId"}},
	.audited = audited,
	.execute = execute,
	.encode = encode,
	.audit = key_change_audit,
};
