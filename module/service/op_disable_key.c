/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: DisableKey. */
#include "service/key_change.h"
#include "service/key_switch.h"
#include "service/operation.h"

static struct err apply(struct call_work *work, struct kms_key *key, bool *changed)
{
	(void)work;
	return key_switch(key, KMS_STATE_DISABLED, changed);
}

static struct err execute(struct call_work *work)
{
	return key_change(work, apply);
}

const struct operation op_disable_key = {
	.name = "DisableKey",
	.door = CALL_DOOR_PUBLIC,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED | OPERATION_INVALID_ARN,
	.states = STATES_ENABLED | STATES_DISABLED | STATES_UNAVAILABLE,
	.usages = USAGES_ALL,
	.input = &key_switch_input,
	.keys = {{.action = "kms:DisableKey", .member = "KeyId"}},
	.audited = key_switch_audited,
	.execute = execute,
	.audit = key_change_audit,
};
