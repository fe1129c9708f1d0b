/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: GetKeyRotationStatus. Of any key: one that cannot rotate does not. */
#include "kms/rotation.h"
#include "service/core.h"
#include "service/keyring.h"
#include "service/operation.h"
#include "service/shapes.h"

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId", NULL};

static void encode(struct call_work *work, struct json_out *out)
{
	const struct kms_key *key = &keyring_key(work->keys[0])->key;
	struct kms_rotation_status status;
	char id[KMS_KEY_ID_TEXT + 1];
	kms_rotation_status(key, &work->service->options.rotation, &status);
	kms_key_id_format(&key->id, id);
	json_out_text(out, "KeyId", view_of_text(id));
	json_out_bool(out, "KeyRotationEnabled", status.enabled);
	if (status.enabled)
		json_out_time(out, "NextRotationDate", status.next_ms);
	if (status.on_demand_ms != 0)
		json_out_time(out, "OnDemandRotationStartDate", status.on_demand_ms);
	if (status.enabled)
		json_out_integer(out, "RotationPeriodInDays", status.period_days);
}

const struct operation op_get_key_rotation_status = {
	.name = "GetKeyRotationStatus",
	.door = CALL_DOOR_PUBLIC,
	.read_only = true,
	.flags = OPERATION_INVALID_ARN | OPERATION_CROSS_ACCOUNT,
	.states = STATES_ALL,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:GetKeyRotationStatus", .member = "KeyId"}},
	.audited = audited,
	.encode = encode,
};
