/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: EnableKey. A key that rotates by itself catches up with what it missed. */
#include "kms/rotation.h"
#include "service/core.h"
#include "service/key_change.h"
#include "service/key_switch.h"
#include "service/operation.h"
#include "service/scheduler.h"

static struct err apply(struct call_work *work, struct kms_key *key, bool *changed)
{
	TRY(key_switch(key, KMS_STATE_ENABLED, changed));
	if (*changed)
		kms_rotation_resume(&work->out.made, &work->service->options.rotation,
				    work->time_ms);
	return OK;
}

static struct err execute(struct call_work *work)
{
	TRY(key_change(work, apply));
	scheduler_wake(work->service->scheduler);
	return OK;
}

const struct operation op_enable_key = {
	.name = "EnableKey",
	.door = CALL_DOOR_PUBLIC,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_INVALID_ARN,
	.states = STATES_ENABLED | STATES_DISABLED | STATES_UNAVAILABLE,
	.usages = USAGES_ALL,
	.input = &key_switch_input,
	.keys = {{.action = "kms:EnableKey", .member = "KeyId"}},
	.audited = key_switch_audited,
	.execute = execute,
	.audit = key_change_audit,
};
