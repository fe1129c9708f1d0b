/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: PutKeyPolicy. */
#include "base/mem.h"
#include "service/input.h"
#include "service/key_change.h"
#include "service/key_policy.h"
#include "service/keyring.h"
#include "service/operation.h"
#include "service/shapes.h"

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{"PolicyName", &shape_policy_name, false},
	{"Policy", &shape_policy, true},
	{"BypassPolicyLockoutSafetyCheck", &shape_boolean, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId", "PolicyName", "Policy",
				      "BypassPolicyLockoutSafetyCheck", NULL};

static const struct operation_condition conditions[] = {
	{AUTH_KMS_BYPASS_POLICY_LOCKOUT_SAFETY_CHECK, "BypassPolicyLockoutSafetyCheck", "false"},
	{0, NULL, NULL},
};

static struct err apply(struct call_work *work, struct kms_key *key, bool *changed)
{
	*changed = !view_equal_text(input_text(work, "Policy"), key->policy);
	if (!*changed)
		return OK;
	char *policy = NULL;
	TRY(key_policy_new(work, "Policy", &policy));
	mem_free(key->policy);
	key->policy = policy;
	return OK;
}

static struct err execute(struct call_work *work)
{
	TRY(key_policy_check_name(work));
	TRY(key_policy_check(work, "Policy", &keyring_key(work->keys[0])->key));
	return key_change(work, apply);
}

const struct operation op_put_key_policy = {
	.name = "PutKeyPolicy",
	.door = CALL_DOOR_PUBLIC,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED | OPERATION_INVALID_ARN,
	.states = STATES_ALL,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:PutKeyPolicy", .member = "KeyId"}},
	.conditions = conditions,
	.audited = audited,
	.execute = execute,
	.audit = key_change_audit,
};
